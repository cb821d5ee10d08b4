"""HTTP to addresses that others chose (a client's `webhook_url`), without a way into our own network.

The check is made on the address the socket really connects to, before a byte is sent: a name that
resolves differently the second time (DNS rebinding), a decimal or octal IP, an IPv6 address with an IPv4
one inside, a redirect: all end at the same gate. Proxies and `.netrc` of the environment are not used.

Source of the rules: Standard Webhooks 1.0.0, "Server side request forgery"; RFC 6890 (special addresses).
"""

import ipaddress
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as Urllib3Timeout

EXCERPT_BYTES = 1024

# Public by the registries, yet answered by the host of the virtual machine (Azure's WireServer).
_CLOUD_HOST_ADDRESSES = frozenset({ipaddress.ip_address("168.63.129.16")})
_NAT64_NETWORKS = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
_IPV4_COMPATIBLE = ipaddress.ip_network("::/96")
# Special-purpose registries of IANA (RFC 6890 and later), where Python's versions disagree with each other.
_SPECIAL_NETWORKS = tuple(
	ipaddress.ip_network(text)
	for text in ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "2001::/23", "3fff::/20", "5f00::/16")
)

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class ForbiddenDestination(Exception):
	"""The address is one that the gateway must not be sent to by somebody else."""


class DeliveryError(Exception):
	"""No whole answer came back.

	Args:
		message: what happened, in words, without the request's content.
		timed_out: nothing came in time (as opposed to refused, reset, or unreadable).
	"""

	def __init__(self, message: str, *, timed_out: bool = False):
		super().__init__(message)
		self.message = message
		self.timed_out = timed_out


@dataclass(frozen=True, slots=True)
class Answer:
	"""What an endpoint answered; `excerpt` holds at most the first 1,024 bytes as text."""

	status: int
	excerpt: str
	retry_after: str | None = None


def _embedded_ipv4(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
	"""The IPv4 address that an IPv6 one stands for, if it is one of the transition forms."""
	if address.ipv4_mapped:
		return address.ipv4_mapped
	if address.sixtofour:
		return address.sixtofour
	if address.teredo:
		return address.teredo[1]
	if any(address in network for network in _NAT64_NETWORKS) or address in _IPV4_COMPATIBLE:
		return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
	return None


def is_public(address: str | IPAddress) -> bool:
	"""Whether an IP address belongs to the open internet.

	Private, loopback, link-local (cloud metadata among them), carrier-grade NAT, multicast, reserved,
	unspecified and documentation addresses do not, nor do IPv6 forms that carry such an IPv4 address.
	"""
	ip = ipaddress.ip_address(address.split("%", 1)[0]) if isinstance(address, str) else address
	if isinstance(ip, ipaddress.IPv6Address):
		embedded = _embedded_ipv4(ip)
		if embedded is not None:
			return is_public(embedded)
		if ip.is_site_local:
			return False
	if ip in _CLOUD_HOST_ADDRESSES or any(ip in network for network in _SPECIAL_NETWORKS):
		return False
	return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def check_url(url: str, *, allow_http: bool = False, allow_private: bool = False) -> None:
	"""Refuse what can be refused by looking at the URL alone; the connection is checked again later.

	Args:
		url: absolute URL.
		allow_http: also accept `http://`.
		allow_private: also accept addresses of private networks.

	Raises:
		ForbiddenDestination: with the reason in words; the URL itself is not repeated.
	"""
	try:
		parts = urlsplit(url)
		port = parts.port
	except ValueError:
		raise ForbiddenDestination("The address is not a valid URL.") from None
	if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
		raise ForbiddenDestination("The address must begin with https://.")
	if any(c.isspace() or not c.isprintable() for c in url) or "\\" in url:
		raise ForbiddenDestination("The address is not a valid URL.")
	if parts.username is not None or parts.password is not None:
		raise ForbiddenDestination("The address must not contain a user name or a password.")
	if not parts.hostname or port == 0:
		raise ForbiddenDestination("The address is not a valid URL.")
	if not allow_private:
		_check_host_literal(parts.hostname)


def _check_host_literal(host: str) -> None:
	"""Refuse names of the machine itself and IP literals, in any notation, of private networks."""
	name = host.rstrip(".").lower()
	if name == "localhost" or name.endswith((".localhost", ".local", ".internal")):
		raise ForbiddenDestination("The address belongs to a private network.")
	try:
		ip: IPAddress | None = ipaddress.ip_address(host.split("%", 1)[0])
	except ValueError:
		try:  # inet_aton reads what browsers and resolvers read: 2130706433, 0x7f.1, 0177.0.0.1
			ip = ipaddress.IPv4Address(socket.inet_aton(name))
		except OSError:
			ip = None
	if ip is not None and not is_public(ip):
		raise ForbiddenDestination("The address belongs to a private network.")


def _resolve(host: str, port: int) -> list[tuple]:
	"""Socket addresses of a host; a seam for tests that play a hostile name server."""
	return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)


def _guarded_connect(
	host: str, port: int, timeout: float, options: list, allow_private: bool
) -> socket.socket:
	"""Connect to a host and make sure that the peer is one we may speak to.

	One forbidden address in the resolver's answer refuses the name as a whole: a name that mixes public
	and private addresses is either misconfigured or an attempt.
	"""
	found = _resolve(host, port)
	if not allow_private and any(not is_public(entry[4][0]) for entry in found):
		raise ForbiddenDestination("The address leads into a private network.")
	deadline = time.monotonic() + timeout
	last_error: OSError = OSError("the name has no address")
	for family, kind, protocol, _name, address in found:
		sock = socket.socket(family, kind, protocol)
		try:
			for option in options:
				sock.setsockopt(*option)
			sock.settimeout(max(0.05, deadline - time.monotonic()))
			sock.connect(address)
			if not allow_private and not is_public(sock.getpeername()[0]):
				raise ForbiddenDestination("The address leads into a private network.")
			return sock
		except OSError as error:
			sock.close()
			last_error = error
		except ForbiddenDestination:
			sock.close()
			raise
	raise last_error


class _GuardedMixin:
	"""Replaces the one place where urllib3 opens a socket; the attributes are urllib3's."""

	host: str
	port: Any
	timeout: Any
	socket_options: Any

	def __init__(self, *args: object, guard: "GuardedClient", **kwargs: object):
		super().__init__(*args, **kwargs)
		self._guard = guard

	def _new_conn(self) -> socket.socket:
		host: str = getattr(self, "_dns_host", None) or self.host
		try:
			sock = _guarded_connect(
				host, self.port, self.timeout, self.socket_options or [], self._guard.allow_private
			)
		except socket.gaierror:
			raise DeliveryError("cannot connect: the name cannot be resolved") from None
		except TimeoutError:
			raise DeliveryError("cannot connect in time", timed_out=True) from None
		except OSError as error:
			raise DeliveryError(f"cannot connect: {error.strerror or type(error).__name__}") from None
		self._guard.watch(sock)
		return sock


class _GuardedHTTPConnection(_GuardedMixin, HTTPConnection):
	pass


class _GuardedHTTPSConnection(_GuardedMixin, HTTPSConnection):
	pass


class _GuardedHTTPPool(HTTPConnectionPool):
	ConnectionCls = _GuardedHTTPConnection


class _GuardedHTTPSPool(HTTPSConnectionPool):
	ConnectionCls = _GuardedHTTPSConnection


class GuardedClient:
	"""A keep-alive HTTP client for one endpoint, used by one thread; `abort` may come from another.

	Args:
		allow_private: speak to private networks too (tests, demo, a client in the same rack).
		allow_http: speak unencrypted too.
		ca_file: PEM file of trusted authorities instead of the public ones.
	"""

	def __init__(self, *, allow_private: bool = False, allow_http: bool = False, ca_file: str | None = None):
		self.allow_private = allow_private
		self.allow_http = allow_http
		self._ca_file = ca_file or certifi.where()
		self._pools: dict[tuple[str, str, int | None], HTTPConnectionPool] = {}
		self._lock = threading.Lock()
		self._watched: socket.socket | None = None
		self.aborted = False

	def post(
		self,
		url: str,
		body: bytes,
		headers: Mapping[str, str],
		*,
		connect_timeout: float = 3.0,
		read_timeout: float = 10.0,
	) -> Answer:
		"""Send one POST; redirects are not followed and nothing is sent twice.

		Args:
			url: absolute URL.
			body: exact bytes to send.
			headers: all headers but Host and Content-Length.
			connect_timeout: seconds for the TCP connection.
			read_timeout: seconds between two packets of the answer; for a limit of the whole, see `abort`.

		Raises:
			ForbiddenDestination: the URL or the address behind it is not allowed; nothing was sent.
			DeliveryError: no whole answer.
		"""
		check_url(url, allow_http=self.allow_http, allow_private=self.allow_private)
		parts = urlsplit(url)
		target = parts.path or "/"
		if parts.query:
			target = f"{target}?{parts.query}"
		pool = self._pool(parts.scheme, parts.hostname or "", parts.port)
		try:
			response = pool.urlopen(
				"POST",
				target,
				body=body,
				headers=dict(headers),
				redirect=False,
				retries=False,
				preload_content=False,
				timeout=urllib3.Timeout(connect=connect_timeout, read=read_timeout),
			)
			return self._bounded(response)
		except Urllib3Timeout:
			raise DeliveryError("no answer in time", timed_out=True) from None
		except (HTTPError, OSError, ValueError) as error:
			if self.aborted:
				raise DeliveryError("no whole answer in time", timed_out=True) from None
			raise DeliveryError(_in_words(error)) from None

	def _bounded(self, response: Any) -> Answer:
		"""Read the excerpt; a longer answer costs the connection, not our memory or time."""
		excerpt = response.read(EXCERPT_BYTES + 1, decode_content=False)
		if len(excerpt) > EXCERPT_BYTES:
			response.close()
		else:
			response.release_conn()
		return Answer(
			response.status,
			excerpt[:EXCERPT_BYTES].decode("utf-8", "replace").replace("\x00", ""),
			response.headers.get("Retry-After"),
		)

	def _pool(self, scheme: str, host: str, port: int | None) -> HTTPConnectionPool:
		key = (scheme, host, port)
		pool = self._pools.get(key)
		if pool is None:
			if scheme == "https":
				pool = _GuardedHTTPSPool(
					host, port, maxsize=1, cert_reqs="CERT_REQUIRED", ca_certs=self._ca_file, guard=self
				)
			else:
				pool = _GuardedHTTPPool(host, port, maxsize=1, guard=self)
			self._pools[key] = pool
		return pool

	def watch(self, sock: socket.socket) -> None:
		"""Remember a connection (for us only), so that `abort` can end it even while TLS owns the socket."""
		with self._lock:
			previous, self._watched = self._watched, sock.dup()
		if previous is not None:
			previous.close()

	def abort(self) -> None:
		"""End the call under way, from another thread: the answer took too long as a whole."""
		with self._lock:
			self.aborted = True
			if self._watched is not None:
				try:
					self._watched.shutdown(socket.SHUT_RDWR)
				except OSError:
					return  # the peer was faster

	def close(self) -> None:
		"""Give all sockets back."""
		for pool in self._pools.values():
			pool.close()
		self._pools.clear()
		with self._lock:
			if self._watched is not None:
				self._watched.close()
				self._watched = None

	def __enter__(self) -> "GuardedClient":
		return self

	def __exit__(self, *_: object) -> None:
		self.close()


def _in_words(error: Exception) -> str:
	"""A short reason; the library's own texts name objects and addresses of our machine."""
	if isinstance(error, urllib3.exceptions.SSLError):
		return "the TLS certificate or handshake was refused"
	if isinstance(error, urllib3.exceptions.ProtocolError):
		return "the connection broke before the answer was complete"
	return f"the answer cannot be read ({type(error).__name__})"
