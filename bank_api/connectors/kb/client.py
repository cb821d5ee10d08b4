"""Calls to KB: addresses, keys, correlation ids, refusals. Thread-safe."""

import ssl
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timezone, tzinfo
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from bank_api import __version__
from bank_api.connectors import path_ids
from bank_api.connectors.errors import ConfigurationError
from bank_api.connectors.http import Answer, Call, Http
from bank_api.connectors.kb.refusals import About, refusal
from bank_api.connectors.kb.settings import KbSettings
from bank_api.connectors.model import ProviderConfig, Token
from bank_api.connectors.rate_ledger import RateLedger
from bank_api.crypto import keys
from bank_api.crypto.client_tls import client_context
from bank_api.crypto.errors import CryptoError

LONGEST_ID = 400
_LEDGER_MARGIN = 1
REGISTRATION, OAUTH, ADAA, BATCHDA = "registration", "oauth2", "adaa", "batchda"
"""KB's APIs, each with a key of its own (2.2): the secrets `api_key_registration` and so on."""


class KbClient:
	"""Sends calls and turns refusals into errors."""

	def __init__(self, config: ProviderConfig, settings: KbSettings, ledger: RateLedger):
		self.config = config
		self.settings = settings
		self.names = settings.names
		self.ledger = ledger
		self.zone = _zone(settings.time_zone)
		self.now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
		self._lock = threading.Lock()
		self._by_origin: dict[str, Http] = {}

	def call(
		self,
		method: str,
		url: str,
		path: str,
		about: About,
		*,
		api: str,
		ids: Mapping[str, str] | None = None,
		query: str = "",
		headers: Mapping[str, str] | None = None,
		body: str | None = None,
		content_type: str = "application/json",
		token: Token | None = None,
		throttled_for: float = 0,
	) -> Answer:
		"""One call; a 2xx answer, or an error. Only reads and deletions are repeated.

		Args:
			method: HTTP method.
			url: address of the API, from the settings.
			path: the rest of it, with `{name}` placeholders.
			about: what the call is about.
			api: whose key is sent.
			ids: values of the placeholders.
			query: encoded query string.
			headers: further headers.
			body: text to send.
			content_type: what it is.
			token: of the consent.
			throttled_for: seconds to wait after a 429 that does not say; 0 for the setting's.

		Raises:
			ProviderError: the call failed.
		"""
		origin, base = split(url)
		answer = self._http(origin).send(
			Call(
				method=method,
				path=base + filled(path, ids),
				template=base + path,
				query=query,
				headers={**self.headers(api, token), **(headers or {})},
				body=body,
				content_type=content_type,
				sign=self.correlated,
				before_attempt=self.slots,
			)
		)
		if 200 <= answer.status < 300:
			return answer
		raise refusal(
			answer, about, self.names, throttled_for=throttled_for or self.settings.throttle_seconds
		)

	def headers(self, api: str, token: Token | None) -> dict[str, str]:
		"""The portal's key of an API, and the token."""
		names = self.names.header_batch_key if api == BATCHDA else self.names.header_api_key
		secret = self.config.secrets.get(f"api_key_{api}")
		# A key that was pasted with a blank around it is a common cause of 401.
		key = secret.reveal().strip() if secret else ""
		prefix = f"{self.names.word_key_prefix} " if self.names.word_key_prefix else ""
		found = dict.fromkeys(names.split(","), prefix + key) if key else {}
		if token is not None:
			found["Authorization"] = f"Bearer {token.value.reveal()}"
		return found

	def correlated(self, sent: Mapping[str, str], _: bytes) -> Mapping[str, str]:
		"""The correlation id: a UUID, the one of our log (2.2). Each attempt of a read has its own."""
		return {self.names.header_correlation: sent["X-Request-Id"]}

	def slots(self) -> None:
		"""Take a call of the application's limit.

		Raises:
			RateLimited: it is used up.
		"""
		limits = self.config.limits
		self.ledger.acquire(f"app:{self.config.name}", limits.app_calls, limits.app_seconds + _LEDGER_MARGIN)

	def new_http(self, origin: str, *, timeout: float = 0, with_certificate: bool = False) -> Http:
		"""Connections to one scheme, host and port.

		Args:
			origin: these three.
			timeout: seconds of silence, and for a whole call; 0 for the settings'.
			with_certificate: whether our commercial certificate is shown.
		"""
		return Http(
			origin,
			label=self.config.name,
			connect_timeout=self.config.connect_timeout,
			read_timeout=timeout or self.config.read_timeout,
			call_timeout=timeout or self.settings.call_timeout,
			max_response_bytes=self.config.max_response_bytes,
			max_attempts=self.settings.max_attempts,
			ca_bundle=self.settings.ca_bundle,
			user_agent=f"bank_api/{__version__}",
			client_tls=self._tls if with_certificate else None,
			uuid_ids=True,
		)

	def _http(self, origin: str) -> Http:
		with self._lock:
			known = self._by_origin.get(origin)
			if known is None:
				known = self._by_origin[origin] = self.new_http(origin)
			return known

	def _tls(self) -> ssl.SSLContext:
		pair = self.config.transport
		if pair is None:
			raise ConfigurationError("The provider record lacks its commercial certificate.")
		try:
			return client_context(pair.chain, keys.parsed(pair.key.reveal()), self.settings.ca_bundle or None)
		except CryptoError as error:
			raise ConfigurationError(
				f"The commercial certificate of the provider record cannot be used: {error.message}"
			) from None


def split(url: str) -> tuple[str, str]:
	"""An address of the settings as its origin and its path."""
	parts = urlsplit(url)
	return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")


def filled(template: str, ids: Mapping[str, str] | None) -> str:
	"""See `path_ids.filled`."""
	return path_ids.filled(template, ids, longest=LONGEST_ID)


def _zone(name: str) -> tzinfo:
	try:
		return timezone.utc if name.upper() == "UTC" else ZoneInfo(name)
	except (OSError, ValueError, KeyError):  # a name that is not found is a KeyError
		raise ConfigurationError(
			"The provider's setting time_zone is no time zone that this server knows."
		) from None
