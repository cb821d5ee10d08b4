"""Calls to Quanto: address, API key, interaction ids, refusals. Thread-safe."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from bank_api import __version__
from bank_api.connectors import path_ids, verbatim
from bank_api.connectors.errors import ConfigurationError, InvalidRequest
from bank_api.connectors.http import Answer, Call, Http
from bank_api.connectors.model import ProviderConfig
from bank_api.connectors.quanto.limits import MonthlyReads, Months
from bank_api.connectors.quanto.refusals import About, refusal
from bank_api.connectors.quanto.settings import LARGEST_PAGE, QuantoSettings
from bank_api.connectors.rate_ledger import RateLedger

_LEDGER_MARGIN = 1


class QuantoClient:
	"""Sends calls and turns refusals into errors."""

	def __init__(self, config: ProviderConfig, settings: QuantoSettings, ledger: RateLedger):
		self.config = config
		self.settings = settings
		self.names = settings.names
		self.months = Months(settings.zone)
		self.reads = MonthlyReads(settings, ledger, self.months)
		self._ledger = ledger
		self._http = self._new_http(config.base_url)

	def call(
		self,
		method: str,
		path: str,
		about: About,
		*,
		ids: Mapping[str, str] | None = None,
		query: str = "",
		headers: Mapping[str, str] | None = None,
		body: Mapping[str, Any] | None = None,
	) -> Answer:
		"""One call with the API key; a 2xx answer, or an error.

		Args:
			method: HTTP method.
			path: path with `{name}` placeholders.
			about: what the call is about.
			ids: values of the placeholders.
			query: encoded query string.
			headers: further headers.
			body: JSON object to send.

		Raises:
			ProviderError: the call failed.
		"""
		return self._send(
			self._http,
			method,
			filled(path, ids),
			path,
			about,
			query,
			{**self._key(), **(headers or {})},
			body,
		)

	def object(self, method: str, path: str, about: About, **options: Any) -> tuple[dict[str, Any], str]:
		"""Like `call`, for an answer that is one JSON object: its value and its text as received."""
		text = self.call(method, path, about, **options).text()
		return verbatim.parse_object(text), text

	def form(self, link: str, body: Mapping[str, Any]) -> dict[str, Any]:
		"""Send a form to a one-time link, without the API key, which does not exist yet; the answer's object.

		Raises:
			InvalidRequest: the link is on a host that nobody has named.
			ProviderError: the call failed.
		"""
		parts = self._own_link(link)
		http = self._new_http(f"{parts.scheme}://{parts.netloc}")
		path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
		try:
			answer = self._send(
				http, "POST", path, self.names.path_onboarding, About.ONBOARDING, parts.query, {}, body
			)
		finally:
			http.close()
		return verbatim.parse_object(answer.text())

	@property
	def page_size(self) -> int:
		"""Rows per page; a bank may serve fewer (4.1)."""
		return max(25, min(self.config.page_size, LARGEST_PAGE))

	def _send(
		self,
		http: Http,
		method: str,
		path: str,
		template: str,
		about: About,
		query: str,
		headers: Mapping[str, str],
		body: Mapping[str, Any] | None,
	) -> Answer:
		answer = http.send(
			Call(
				method=method,
				path=path,
				template=template,
				query=query,
				headers=headers,
				body=None if body is None else verbatim.dumps(body),
				# Each attempt of a read has an id of its own, and the interaction id is that id (3.2).
				sign=lambda sent, _: {self.names.header_interaction: sent["X-Request-Id"]},
				# A lost answer may have begun a session or made a key: only reads and deletions, and what is put to its
				# own address, are repeated.
				idempotent=True if method == "PUT" else None,
				before_attempt=self._slots(),
			)
		)
		if 200 <= answer.status < 300:
			return answer
		raise refusal(
			answer,
			about,
			self.names,
			throttled_for=self.settings.throttle_seconds,
			next_month=self.months.until_next(),
		)

	def _key(self) -> dict[str, str]:
		# A key that was pasted with a blank around it is a common cause of 401.
		key = self.config.client_secret.reveal().strip()
		if not key:
			raise ConfigurationError(
				"The provider record lacks the API key: go through the onboarding first."
			)
		return {self.names.auth_header: f"{self.names.auth_prefix} {key}".strip()}

	def _new_http(self, origin: str) -> Http:
		return Http(
			origin,
			label=self.config.name,
			connect_timeout=self.config.connect_timeout,
			read_timeout=self.config.read_timeout,
			call_timeout=self.settings.call_timeout,
			max_response_bytes=self.config.max_response_bytes,
			max_attempts=self.settings.max_attempts,
			ca_bundle=self.settings.ca_bundle,
			user_agent=f"bank_api/{__version__}",
			uuid_ids=True,
		)

	def _own_link(self, link: str) -> Any:
		base = urlsplit(self.config.base_url)
		try:
			parts = urlsplit(link.strip())
			host, usable = (
				(parts.hostname or "").lower(),
				parts.scheme in ("https", base.scheme) and not parts.username,
			)
		except ValueError:
			parts, host, usable = urlsplit(""), "", False
		hosts = {(base.hostname or "").lower(), *self.settings.onboarding_hosts}
		if not usable or not parts.path.strip("/") or host not in hosts:
			raise InvalidRequest(
				"The onboarding link does not lead to Quanto: check it, or add its host to the setting onboarding_hosts."
			)
		return parts

	def _slots(self) -> Callable[[], None]:
		limits, name = self.config.limits, self.config.name

		def take() -> None:
			self._ledger.acquire(f"app:{name}", limits.app_calls, limits.app_seconds + _LEDGER_MARGIN)

		return take


def filled(template: str, ids: Mapping[str, str] | None) -> str:
	"""See `path_ids.filled`; a consent's id is a URN, whose colons stay (3.4)."""
	return path_ids.filled(template, ids, safe=":")
