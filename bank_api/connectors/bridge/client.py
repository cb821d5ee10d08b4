"""Calls to Bridge: headers, rate limits, error bodies (bridge.md, 1.1, 8)."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from bank_api import __version__
from bank_api.connectors import verbatim
from bank_api.connectors.bridge import paging
from bank_api.connectors.bridge.settings import BridgeSettings
from bank_api.connectors.bridge.versions import Version
from bank_api.connectors.errors import (
	AuthenticationExpired,
	ConfigurationError,
	InvalidRequest,
	MalformedResponse,
	ProviderError,
)
from bank_api.connectors.http import Answer, Call, Http, error_for
from bank_api.connectors.model import ProviderConfig, Token
from bank_api.connectors.rate_ledger import RateLedger
from bank_api.connectors.verbatim import Resource

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,128}\Z", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{2}(?:-[A-Za-z]{2})?\Z", re.ASCII)
_SEGMENT = re.compile(r"[A-Za-z0-9_-]{1,128}\Z", re.ASCII)

_MAX_PAGE = 500

# The provider counts arrivals, we count departures: a call can overtake another by its travel time.
_LEDGER_MARGIN = 1


class BridgeClient:
	"""Sends calls of one Bridge application and turns refusals into errors. Thread-safe."""

	def __init__(
		self, config: ProviderConfig, version: Version, settings: BridgeSettings, ledger: RateLedger
	):
		self.config = config
		self.version = version
		self.settings = settings
		self.ledger = ledger
		# Stray blanks around pasted keys are a common cause of 401 (bridge.md, 1.1).
		self._client_id = config.client_id.strip()
		if not self._client_id or not config.client_secret.reveal().strip():
			raise ConfigurationError("The provider record lacks its client id or secret.")
		self.http = Http(
			config.base_url,
			label=config.name,
			connect_timeout=config.connect_timeout,
			read_timeout=config.read_timeout,
			call_timeout=settings.call_timeout,
			max_response_bytes=config.max_response_bytes,
			max_attempts=settings.max_attempts,
			ca_bundle=settings.ca_bundle,
			user_agent=f"bank_api/{__version__}",
		)

	def call(
		self,
		method: str,
		template: str,
		*,
		ids: Mapping[str, str] | None = None,
		token: Token | None = None,
		query: str = "",
		body: Mapping[str, Any] | None = None,
		language: str = "en",
		idempotent: bool | None = None,
		token_of: str | None = None,
		throttled_for: float | None = None,
	) -> Answer:
		"""One call; a 2xx answer, or an error.

		Args:
			method: HTTP method.
			template: path with `{name}` placeholders.
			ids: values of the placeholders.
			token: the end user's, for calls on behalf of one.
			query: encoded query string.
			body: JSON object to send.
			language: of names and descriptions in the answer.
			idempotent: see `http.Call`.
			token_of: the end user for whom this call asks a token; counted by a limit of its own.
			throttled_for: seconds to wait after a 429 that does not say.

		Raises:
			ProviderError: the call failed.
		"""
		answer = self.http.send(
			Call(
				method=method,
				path=filled(template, ids),
				template=template,
				query=query,
				headers=self._headers(token, language),
				body=None if body is None else verbatim.dumps(body),
				idempotent=idempotent,
				before_attempt=self._slots(token, token_of),
			)
		)
		if 200 <= answer.status < 300:
			return answer
		raise self._refusal(answer, token, throttled_for)

	def object(self, method: str, template: str, **options: Any) -> tuple[dict[str, Any], str]:
		"""Like `call`, for an answer that is one JSON object: its value and its text as received."""
		answer = self.call(method, template, **options)
		text = answer.text()
		return verbatim.parse_object(text), text

	def page(
		self,
		template: str,
		filters: dict[str, str],
		query: str | None,
		token: Token | None,
		*,
		ids: Mapping[str, str] | None = None,
		language: str = "en",
	) -> tuple[list[Resource], str | None, str]:
		"""One page of a list: its resources, the next page's query if there is one, and the text.

		Args:
			template: path of the list; see `call`.
			filters: the list's filters.
			query: the query that the page before gave, or None for the first page.
			token: see `call`.
			ids: see `call`.
			language: see `call`.

		Raises:
			MalformedResponse: no list, or a next page that is this one.
			InvalidRequest: the query is none of this list.
			ProviderError: the call failed.
		"""
		query = paging.encode(filters) if query is None else paging.check_query(query, filters)
		text = self.call("GET", template, ids=ids, token=token, query=query, language=language).text()
		answer = verbatim.read_list(text)
		following = paging.next_query(
			answer.others.get("pagination"),
			base_url=self.config.base_url,
			prefix=self.version.prefix,
			path=filled(template, ids),
			filters=filters,
		)
		if following == query:
			raise MalformedResponse("The provider's list leads in a circle.")
		return answer.resources, following, text

	def whole_list(
		self, template: str, filters: dict[str, str], token: Token | None, language: str = "en"
	) -> tuple[list[Resource], list[str]]:
		"""All resources of a list, and the texts of its pages.

		Raises:
			MalformedResponse: the pages repeat themselves or do not end.
			ProviderError: a call failed; what the pages before held is not used.
		"""
		filters = {**filters, "limit": str(self.page_size)}
		found, query, text = self.page(template, filters, None, token, language=language)
		texts = [text]
		seen = set()
		while query is not None:
			if query in seen or len(texts) >= self.settings.max_pages:
				raise MalformedResponse("The provider's list leads in a circle.")
			seen.add(query)
			more, query, text = self.page(template, filters, query, token, language=language)
			found += more
			texts.append(text)
		return found, texts

	@property
	def page_size(self) -> int:
		"""Rows per page, within Bridge's bounds (bridge.md, 5.1)."""
		return max(1, min(self.config.page_size, _MAX_PAGE))

	def _headers(self, token: Token | None, language: str) -> dict[str, str]:
		headers = {
			"Client-Id": self._client_id,
			"Client-Secret": self.config.client_secret.reveal().strip(),
			"Bridge-Version": self.version.header,
			"Accept-Language": language if _LANGUAGE.match(language) else "en",
		}
		if token is not None:
			headers["Authorization"] = f"Bearer {token.value.reveal()}"
		return headers

	def _slots(self, token: Token | None, token_of: str | None) -> Callable[[], None]:
		limits, name, acquire = self.config.limits, self.config.name, self.ledger.acquire

		def take() -> None:
			# The narrow limit first: a call that it refuses does not use up a slot of the wide one.
			if token_of is not None:
				acquire(f"token:{name}:{token_of}", limits.token_calls, limits.token_seconds + _LEDGER_MARGIN)
			if token is not None:
				user = token.provider_user_id
				acquire(f"user:{name}:{user}", limits.user_calls, limits.user_seconds + _LEDGER_MARGIN)
			acquire(f"app:{name}", limits.app_calls, limits.app_seconds + _LEDGER_MARGIN)

		return take

	def _refusal(self, answer: Answer, token: Token | None, throttled_for: float | None) -> ProviderError:
		code, parameter = error_code(answer)
		facts: dict[str, Any] = {
			"status": answer.status,
			"provider_code": code,
			"request_id": answer.request_id,
		}
		if code and code.endswith("callback_url_not_whitelisted"):
			return ConfigurationError(
				"Bridge does not allow links back to this gateway: add its domain to the allowed domains "
				"in Bridge's dashboard, under Connect.",
				**facts,
			)
		if code and "client_credentials" in code:
			return ConfigurationError(
				"Bridge refuses the client id or secret of the provider record.", **facts
			)
		if answer.status == 401 and token is not None:
			return AuthenticationExpired(
				"Bridge no longer accepts the access token of this end user.", **facts
			)
		if answer.status == 403:
			return ConfigurationError(
				"Bridge does not allow this call to the application: the product may not be activated, "
				"or this server's address is not on its allow-list.",
				**facts,
			)
		if answer.status in (400, 422) and parameter:
			return InvalidRequest(f"Bridge refuses the value of {parameter}.", **facts)
		wait = self.settings.throttle_seconds if throttled_for is None else throttled_for
		return error_for(answer, code=code, throttled_for=wait)


def filled(template: str, ids: Mapping[str, str] | None) -> str:
	"""A path template with its placeholders filled with ids.

	Raises:
		InvalidRequest: one of them is no id.
	"""
	return template.format_map({name: segment(value) for name, value in (ids or {}).items()})


def segment(value: str) -> str:
	"""An id as a path segment; whatever could leave its segment is refused.

	Raises:
		InvalidRequest: it is no id.
	"""
	if not isinstance(value, str) or not _SEGMENT.match(value):
		raise InvalidRequest("This is not an id of Bridge's.")
	return quote(value, safe="")


def error_code(answer: Answer) -> tuple[str | None, str | None]:
	"""The machine-readable code of an error body and the parameter it complains about, where it names them.

	Both shapes are read for both versions: flat, and a list named `errors` (bridge.md, 8.2). Words are not
	taken
	over: they are the provider's, and may repeat what was sent.
	"""
	try:
		body = verbatim.parse(answer.text())
	except MalformedResponse:
		return None, None
	errors = body.get("errors") if isinstance(body, dict) else None
	if isinstance(errors, list) and errors:
		body = errors[0]
	if not isinstance(body, dict):
		return None, None
	return _word(body.get("code")) or _word(body.get("type")), _word(body.get("property"))


def _word(value: Any) -> str | None:
	return value if isinstance(value, str) and _CODE.match(value) else None
