"""Calls to one Berlin Group source: addresses, headers, signatures, refusals. Thread-safe."""

import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from bank_api import __version__
from bank_api.connectors import path_ids, verbatim
from bank_api.connectors.berlin_group import headers as headers_of
from bank_api.connectors.berlin_group.credentials import Credentials
from bank_api.connectors.berlin_group.quota import Calendar, Quota
from bank_api.connectors.berlin_group.refusals import refusal, token_refusal
from bank_api.connectors.berlin_group.settings import BerlinSettings
from bank_api.connectors.errors import ConfigurationError, ProviderError
from bank_api.connectors.http import Answer, Call, Http
from bank_api.connectors.model import ProviderConfig, Token
from bank_api.connectors.rate_ledger import RateLedger

_LEDGER_MARGIN = 1


class BerlinClient:
	"""Sends calls and turns refusals into errors."""

	def __init__(self, config: ProviderConfig, settings: BerlinSettings, ledger: RateLedger):
		self.config = config
		self.settings = settings
		self.credentials = Credentials(config, settings)
		self.calendar = Calendar(settings.time_zone)
		self.quota = Quota(settings, ledger, self.calendar)
		self._ledger = ledger
		self._lock = threading.Lock()
		self._by_origin: dict[str, Http] = {}

	def call(
		self,
		method: str,
		path: str,
		*,
		ids: Mapping[str, str] | None = None,
		query: str = "",
		headers: Mapping[str, str] | None = None,
		body: Mapping[str, Any] | None = None,
		token: Token | None = None,
	) -> Answer:
		"""One call of the API; a 2xx answer, or an error.

		Args:
			method: HTTP method.
			path: path with `{name}` placeholders.
			ids: values of the placeholders.
			query: encoded query string.
			headers: further headers.
			body: JSON object to send; its text is made once, hashed and sent.
			token: of the consent, for reads of data.

		Raises:
			ProviderError: the call failed.
		"""
		own = headers_of.of_read(self.settings, token) if token else {}
		answer = self.http(self.config.base_url).send(
			Call(
				method=method,
				path=filled(path, ids),
				template=path,
				query=query,
				headers={**own, **(headers or {})},
				body=None if body is None else verbatim.dumps(body),
				sign=self.credentials.signer(self._signed_names(body is not None)),
				# A lost answer may have made a consent: only reads and deletions are repeated.
				idempotent=None,
				before_attempt=self._slots(),
			)
		)
		if 200 <= answer.status < 300:
			return answer
		raise refusal(
			answer,
			with_token=token is not None,
			throttled_for=self.settings.throttle_seconds,
			next_day=self.calendar.until_tomorrow,
		)

	def object(self, method: str, path: str, **options: Any) -> tuple[dict[str, Any], str, Answer]:
		"""Like `call`, for an answer that is one JSON object: its value, its text as received, and the answer."""
		answer = self.call(method, path, **options)
		text = answer.text()
		return verbatim.parse_object(text), text, answer

	def metadata(self, url: str) -> dict[str, Any]:
		"""The authorisation server's metadata (RFC 8414), from an address that `trusted` has let through."""
		origin, path, query = _split(url)
		answer = self.http(origin).send(
			Call("GET", path, "authorisation server metadata", query=query, before_attempt=self._slots())
		)
		if not 200 <= answer.status < 300:
			raise self._token_refusal(answer, False)
		return verbatim.parse_object(answer.text())

	def token_call(self, url: str, form: Mapping[str, str], *, renewing: bool) -> dict[str, Any]:
		"""One call of the token endpoint: a form, over mutual TLS, sent once (3.3).

		Raises:
			RefreshRefused: see `token_refusal`.
			ProviderError: the call failed.
		"""
		origin, path, query = _split(url)
		sign = self.credentials.signer(self._signed_names(True)) if self.settings.sign_token_calls else None
		answer = self.http(origin).send(
			Call(
				"POST",
				path,
				"token endpoint",
				query=query,
				body=urlencode(form),
				content_type="application/x-www-form-urlencoded",
				sign=sign,
				idempotent=False,
				before_attempt=self._slots(),
			)
		)
		if not 200 <= answer.status < 300:
			raise self._token_refusal(answer, renewing)
		return verbatim.parse_object(answer.text())

	def trusted(self, url: str, what: str) -> str:
		"""An address of the authorisation server to which our certificate or a token may go.

		Raises:
			ConfigurationError: it is on a host that nobody has named.
		"""
		base = urlsplit(self.config.base_url)
		try:
			parts = urlsplit(url)
			host = (parts.hostname or "").lower()
		except ValueError:
			parts, host = urlsplit(""), ""
		if not host or parts.scheme not in ("https", base.scheme):
			raise ConfigurationError(f"The provider's {what} has no address that can be used.")
		if host not in self._trusted_hosts():
			raise ConfigurationError(
				f"The provider's {what} is on another host ({host}): if it belongs to the provider, add it to the "
				"setting trusted_hosts."
			)
		return url

	def http(self, origin: str) -> Http:
		"""The connections to one scheme, host and port."""
		with self._lock:
			known = self._by_origin.get(origin)
			if known is None:
				known = self._by_origin[origin] = self._new_http(origin)
			return known

	def _new_http(self, origin: str) -> Http:
		settings = self.settings
		return Http(
			origin,
			label=self.config.name,
			connect_timeout=self.config.connect_timeout,
			read_timeout=self.config.read_timeout,
			call_timeout=settings.call_timeout,
			max_response_bytes=self.config.max_response_bytes,
			max_attempts=settings.max_attempts,
			ca_bundle=settings.ca_bundle,
			user_agent=f"bank_api/{__version__}",
			client_tls=None if settings.certificates == "none" else self.credentials.tls,
			uuid_ids=True,
		)

	def _trusted_hosts(self) -> set[str]:
		settings = self.settings
		urls = (self.config.base_url, settings.authorize_url, settings.token_url, settings.metadata_url)
		hosts = {(urlsplit(url).hostname or "").lower() for url in urls if url}
		return (hosts | settings.trusted_hosts) - {""}

	def _signed_names(self, with_body: bool) -> tuple[str, ...]:
		return (
			self.settings.signed_headers
			if with_body
			else (self.settings.signed_headers_reads or self.settings.signed_headers)
		)

	def _slots(self) -> Callable[[], None]:
		limits, name = self.config.limits, self.config.name

		def take() -> None:
			self._ledger.acquire(f"app:{name}", limits.app_calls, limits.app_seconds + _LEDGER_MARGIN)

		return take

	def _token_refusal(self, answer: Answer, renewing: bool) -> ProviderError:
		return token_refusal(answer, renewing=renewing, throttled_for=self.settings.throttle_seconds)


def filled(template: str, ids: Mapping[str, str] | None) -> str:
	"""See `path_ids.filled`."""
	return path_ids.filled(template, ids)


def _split(url: str) -> tuple[str, str, str]:
	parts = urlsplit(url)
	return (
		f"{parts.scheme}://{parts.netloc}",
		quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._"),
		parts.query,
	)
