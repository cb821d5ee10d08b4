"""The one choke point of all calls to providers.

A call has time-outs and an end, follows no redirect, reads no more than it may, is repeated only if repeating
does no harm, carries a request id, and leaves one log line without secrets. Every failure is a
`ProviderError`.
"""

import ipaddress
import logging
import os
import random
import secrets
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from bank_api.connectors import deadline, tls_alert, verbatim
from bank_api.connectors.errors import (
	AlreadyExists,
	ConfigurationError,
	InvalidRequest,
	MalformedResponse,
	NotFound,
	ProviderError,
	ProviderTimeout,
	ProviderUnavailable,
	RateLimited,
)
from bank_api.connectors.rate_ledger import max_wait

logger = logging.getLogger("bank_api.connectors")

RETRYABLE_STATUSES = frozenset({429, 500, 502, 503, 504})
IDEMPOTENT_METHODS = frozenset({"GET", "DELETE"})

_CHUNK = 64 * 1024
_BACK_OFF_BASE = 0.5
_BACK_OFF_CAP = 8.0
_RETRY_AFTER_CAP = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Call:
	"""One call to a provider. Its repr may end up in an error report, so what is private stays out of it.

	Attributes:
		method: HTTP method.
		path: path on the provider's host, already quoted.
		template: the path with placeholders instead of ids, for log lines.
		query: query string, already encoded, without the question mark.
		headers: headers of this call; they may hold secrets.
		body: text, or the very bytes, to send, or None.
		content_type: what the body is.
		sign: gets the headers and the exact bytes of the body as they go out, and gives further headers; asked
			anew before each attempt, since the request id may have changed.
		idempotent: whether repeating does no harm; None to go by the method.
		before_attempt: called before each attempt, to take a slot of the rate limits.
	"""

	method: str
	path: str
	template: str
	query: str = field(default="", repr=False)
	headers: Mapping[str, str] | None = field(default=None, repr=False)
	body: str | bytes | None = field(default=None, repr=False)
	content_type: str = "application/json"
	sign: Callable[[Mapping[str, str], bytes], Mapping[str, str]] | None = field(default=None, repr=False)
	idempotent: bool | None = None
	before_attempt: Callable[[], None] | None = None

	@property
	def may_repeat(self) -> bool:
		"""Whether the call may be sent again after a failure."""
		return self.method in IDEMPOTENT_METHODS if self.idempotent is None else self.idempotent


@dataclass(frozen=True, slots=True)
class Answer:
	"""What a provider answered, whatever the status."""

	status: int
	headers: Mapping[str, str] = field(repr=False)
	body: bytes = field(repr=False)
	request_id: str

	def text(self) -> str:
		"""The body as JSON text.

		Raises:
			MalformedResponse: there is none, or it is something else, such as a proxy's HTML page.
		"""
		if not self.body:
			raise MalformedResponse(
				"The provider answered nothing where data was due.",
				status=self.status,
				request_id=self.request_id,
			)
		if not self.is_json():
			raise MalformedResponse(
				"The provider's answer is not JSON.", status=self.status, request_id=self.request_id
			)
		return verbatim.decode(self.body)

	def is_json(self) -> bool:
		"""Whether the body claims to be JSON; without any claim, whether it begins like JSON."""
		media = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
		if media:
			return media == "application/json" or media.endswith("+json")
		return self.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")

	def retry_after(self) -> float | None:
		"""Seconds that the provider asks us to wait, from either form of `Retry-After` (RFC 9110, 10.2.3)."""
		text = self.headers.get("Retry-After", "").strip()
		if text.isascii() and text.isdigit():
			return min(int(text[:9]), _RETRY_AFTER_CAP)
		try:
			instant = parsedate_to_datetime(text)
		except (TypeError, ValueError, IndexError, OverflowError):
			return None
		if instant.tzinfo is None:
			instant = instant.replace(tzinfo=timezone.utc)
		wait = (instant - datetime.now(timezone.utc)).total_seconds()
		return min(max(wait, 0.0), _RETRY_AFTER_CAP)


class Http:
	"""HTTP to one provider: a session of kept connections, safe for several threads and across a fork."""

	def __init__(
		self,
		base_url: str,
		*,
		label: str = "",
		connect_timeout: float = 5.0,
		read_timeout: float = 30.0,
		call_timeout: float = 90.0,
		max_response_bytes: int = 16 * 1024 * 1024,
		max_attempts: int = 3,
		ca_bundle: str | None = None,
		user_agent: str = "bank_api",
		client_tls: Callable[[], ssl.SSLContext] | None = None,
		uuid_ids: bool = False,
	):
		"""
		Args:
			base_url: scheme and host, without a trailing slash.
			label: names the provider in log lines.
			connect_timeout: seconds to establish a connection.
			read_timeout: seconds of silence while waiting for the next bytes.
			call_timeout: seconds that a whole call may take, with its body, retries and the waits before
				them.
			max_response_bytes: larger answers are refused.
			max_attempts: how often a harmless call is sent at most.
			ca_bundle: PEM text of certificate authorities to trust besides the public ones.
			user_agent: names this program to the provider.
			client_tls: makes the TLS context of a provider that demands our certificate; it verifies the
				provider as well, and `ca_bundle` is its maker's business then.
			uuid_ids: request ids are UUIDs, and each attempt of a read has its own, as PSD2 providers demand
				(Berlin Group, `X-Request-ID`).
		"""
		if min(connect_timeout, read_timeout, call_timeout) <= 0:
			raise ConfigurationError("The time-outs of a provider must be above zero.")
		self._base_url = base_url.strip().rstrip("/")
		self._label = label
		self._timeouts = (connect_timeout, read_timeout)
		self._call_timeout = call_timeout
		self._max_bytes = max_response_bytes
		self._max_attempts = max(1, max_attempts)
		self._ca_bundle = ca_bundle
		self._user_agent = user_agent
		self._client_tls = client_tls
		self._uuid_ids = uuid_ids
		self._lock = threading.Lock()
		self._session: requests.Session | None = None
		self._session_pid = 0
		self._sleep: Callable[[float], None] = time.sleep

	def send(self, call: Call) -> Answer:
		"""Send a call and give the answer with its status, after retries where they do no harm.

		Raises:
			ProviderTimeout: no answer in time.
			ProviderUnavailable: no connection, or one that broke.
			MalformedResponse: an answer larger than allowed, or that cannot be decompressed.
			ConfigurationError: the address or a header of the provider record is unusable.
			RateLimited: from `before_attempt`.
		"""
		request_id = self._new_id()
		end = time.monotonic() + self._call_timeout
		attempt = 0
		while True:
			attempt += 1
			if call.before_attempt:
				# Waiting for a slot is our own doing and not part of the provider's time.
				asked = time.monotonic()
				call.before_attempt()
				end += time.monotonic() - asked
			answer: Answer | None = None
			failure: ProviderError | None = None
			try:
				answer = self._attempt(call, request_id, attempt, end)
				if answer.status not in RETRYABLE_STATUSES:
					return answer
			except ProviderUnavailable as error:
				failure = error
			wait = self._wait(attempt, answer)
			if (
				not call.may_repeat
				or attempt >= self._max_attempts
				or wait > max_wait()
				or time.monotonic() + wait >= end
			):
				if answer is None:
					raise failure or ProviderUnavailable(
						"The provider did not answer.", request_id=request_id
					)
				return answer
			self._sleep(wait)
			if self._uuid_ids and call.method == "GET":
				request_id = self._new_id()

	def _new_id(self) -> str:
		return str(uuid.uuid4()) if self._uuid_ids else secrets.token_hex(8)

	def close(self) -> None:
		"""Close the kept connections."""
		with self._lock:
			if self._session is not None and self._session_pid == os.getpid():
				self._session.close()
			self._session = None

	def back_off(self, attempt: int) -> float:
		"""Seconds before the attempt after this one: doubling, capped, half of it random. Tests pin this
		method.

		Args:
			attempt: 1 for the first.
		"""
		whole = min(_BACK_OFF_CAP, _BACK_OFF_BASE * 2.0 ** (attempt - 1))
		return whole * (0.5 + random.random() / 2)

	def _wait(self, attempt: int, answer: Answer | None) -> float:
		asked = answer.retry_after() if answer else None
		return self.back_off(attempt) if asked is None else asked

	def _attempt(self, call: Call, request_id: str, attempt: int, end: float) -> Answer:
		started = time.monotonic()
		outcome = "failed"
		level = logging.WARNING
		try:
			answer = self._exchange(call, request_id, end)
			outcome = f"{answer.status}, {len(answer.body)} bytes"
			level = logging.WARNING if answer.status >= 400 else logging.DEBUG
			return answer
		except ProviderError as error:
			outcome = error.code
			raise
		finally:
			milliseconds = round((time.monotonic() - started) * 1000)
			logger.log(
				level,
				"%s %s %s: %s in %d ms, attempt %d, request %s",
				*(self._label, call.method, call.template, outcome, milliseconds, attempt, request_id),
			)

	def _exchange(self, call: Call, request_id: str, end: float) -> Answer:
		"""One request and its whole answer, as an `Answer` or a `ProviderError` that knows whether anything was sent."""
		block = deadline.Deadline(end)
		try:
			return self._exchanged(call, request_id, block)
		except ProviderError as error:
			error.nothing_sent = not block.sent
			raise

	def _exchanged(self, call: Call, request_id: str, block: deadline.Deadline) -> Answer:
		# Nothing else may leave, and `from None` throughout: the frames and causes of the libraries' errors
		# hold the request with its headers, and an error report shows local variables.
		try:
			with block:
				response = self._connected().send(
					self._prepared(call, request_id),
					stream=True,
					timeout=self._timeouts,
					allow_redirects=False,
				)
				try:
					body = self._read(response, request_id)
				finally:
					response.close()
		except ProviderError:
			raise
		except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
			raise ProviderTimeout("The provider did not answer in time.", request_id=request_id) from None
		except (requests.exceptions.SSLError, urllib3.exceptions.SSLError, ssl.SSLError) as error:
			raise self._tls_failure(error, request_id) from None
		except (
			requests.exceptions.InvalidURL,
			requests.exceptions.MissingSchema,
			requests.exceptions.InvalidSchema,
			requests.exceptions.InvalidHeader,
			urllib3.exceptions.LocationParseError,
			UnicodeError,
		):
			raise ConfigurationError(
				"The provider's address or credentials have a form that cannot be sent.",
				request_id=request_id,
			) from None
		except (requests.exceptions.ContentDecodingError, urllib3.exceptions.DecodeError):
			raise MalformedResponse(
				"The provider's answer cannot be decompressed.", request_id=request_id
			) from None
		except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
			if tls_alert.reason(error):
				raise self._tls_failure(error, request_id) from None
			raise ProviderUnavailable(
				"The connection to the provider failed or broke.", request_id=request_id
			) from None
		except Exception as error:
			logger.error("%s in the HTTP library, request %s", type(error).__name__, request_id)
			raise ProviderUnavailable(
				"The call to the provider failed in an unforeseen way.", request_id=request_id
			) from None
		return Answer(response.status_code, response.headers, body, request_id)

	def _tls_failure(self, error: Exception, request_id: str) -> ProviderError:
		"""Which side refused the other's certificate: it tells the operator where to look."""
		refused = tls_alert.refusal(error) if self._client_tls else None
		if refused is None:
			return ProviderUnavailable(
				"No trusted TLS connection to the provider is possible.", request_id=request_id
			)
		return ConfigurationError(refused.message, provider_code=refused.code, request_id=request_id)

	def _read(self, response: requests.Response, request_id: str) -> bytes:
		"""The whole body, decompressed, within the bounds of size and time."""
		too_large = MalformedResponse(
			"The provider's answer is larger than allowed.",
			status=response.status_code,
			request_id=request_id,
		)
		declared = response.headers.get("Content-Length", "")
		length = int(declared) if declared.isascii() and declared.isdigit() and len(declared) < 19 else None
		if length is not None and length > self._max_bytes:
			raise too_large
		chunks = []
		size = 0
		for chunk in response.raw.stream(_CHUNK, decode_content=True):
			size += len(chunk)
			if size > self._max_bytes:
				raise too_large
			chunks.append(chunk)
		if length is not None and response.raw.tell() < length and response.request.method != "HEAD":
			# urllib3 1 does not notice a body that was cut short.
			raise ProviderUnavailable(
				"The provider's answer was cut short.", status=response.status_code, request_id=request_id
			)
		return b"".join(chunks)

	def _prepared(self, call: Call, request_id: str) -> requests.PreparedRequest:
		headers = {
			"Accept": "application/json",
			"Accept-Encoding": "gzip",
			"User-Agent": self._user_agent,
			**(call.headers or {}),
			"X-Request-Id": request_id,
		}
		body = None
		if call.body is not None:
			headers["Content-Type"] = call.content_type
			body = call.body.encode() if isinstance(call.body, str) else call.body
		if call.sign is not None:
			headers.update(call.sign(headers, body or b""))
		url = f"{self._base_url}{call.path}"
		if call.query:
			url = f"{url}?{call.query}"
		return requests.Request(call.method, url, headers=headers, data=body).prepare()

	def _connected(self) -> requests.Session:
		"""The session of this process: a forked child must not speak on its parent's connections."""
		if self._session is None or self._session_pid != os.getpid():
			with self._lock:
				if self._session is None or self._session_pid != os.getpid():
					context = self._client_tls() if self._client_tls else _context(self._ca_bundle)
					if context is not None and _is_ip_address(self._base_url):
						# urllib3 1 names no address to the TLS library, which then refuses to connect. Without
						# this flag urllib3, 1 and 2, compares the certificate with the address itself.
						context.check_hostname = False
					self._session = _new_session(context)
					self._session_pid = os.getpid()
		return self._session


class _Adapter(HTTPAdapter):
	"""Kept connections whose reads end with the call, trusting a private authority if one is given."""

	def __init__(self, context: ssl.SSLContext | None):
		self._context = context
		super().__init__(pool_connections=4, pool_maxsize=16, max_retries=0)

	def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
		if self._context is not None:
			kwargs["ssl_context"] = self._context
		super().init_poolmanager(*args, **kwargs)
		self.poolmanager.pool_classes_by_scheme = deadline.POOLS


def _new_session(context: ssl.SSLContext | None) -> requests.Session:
	session = requests.Session()
	# No proxy, netrc or certificate bundle from the environment, and no cookies: the record alone decides.
	session.trust_env = False
	session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
	adapter = _Adapter(context)
	session.mount("https://", adapter)
	session.mount("http://", adapter)
	return session


def _is_ip_address(url: str) -> bool:
	try:
		ipaddress.ip_address(urlsplit(url).hostname or "")
	except ValueError:
		return False
	return True


def _context(ca_bundle: str | None) -> ssl.SSLContext | None:
	if not ca_bundle or not ca_bundle.strip():
		return None
	context = ssl.create_default_context()
	try:
		context.load_verify_locations(cadata=ca_bundle)
	except (ssl.SSLError, ValueError):
		raise ConfigurationError("The provider's certificate authorities are not valid PEM text.") from None
	return context


def error_for(answer: Answer, *, code: str | None = None, throttled_for: float = 60.0) -> ProviderError:
	"""The error that an answer's status stands for, where a provider has no finer rule.

	Args:
		answer: an answer whose status is not 2xx.
		code: the provider's machine-readable code, if it sent one.
		throttled_for: seconds to wait after a 429 that does not say.
	"""
	status = answer.status
	if status == 429:
		wait = answer.retry_after()
		return RateLimited(
			"The provider's rate limit is reached; try again later.",
			retry_after=throttled_for if wait is None else wait,
			status=status,
			provider_code=code,
			request_id=answer.request_id,
		)
	kind, message = _BY_STATUS.get(status) or _by_class(status)
	return kind(message, status=status, provider_code=code, request_id=answer.request_id)


_BY_STATUS: dict[int, tuple[type[ProviderError], str]] = {
	301: (ConfigurationError, "The provider has moved: its address in the provider record needs a change."),
	308: (ConfigurationError, "The provider has moved: its address in the provider record needs a change."),
	401: (ConfigurationError, "The provider refuses the credentials of the provider record."),
	403: (ConfigurationError, "The provider does not allow this call to the application."),
	404: (NotFound, "The provider does not know this resource."),
	408: (ProviderTimeout, "The provider did not answer in time."),
	409: (AlreadyExists, "The provider already has such a resource."),
	410: (NotFound, "The provider no longer has this resource."),
	504: (ProviderTimeout, "The provider did not answer in time."),
}


def _by_class(status: int) -> tuple[type[ProviderError], str]:
	if 400 <= status < 500:
		return InvalidRequest, "The provider refuses the request."
	if 300 <= status < 400:
		return ProviderUnavailable, "The provider redirects instead of answering."
	return ProviderUnavailable, "The provider fails on its side."
