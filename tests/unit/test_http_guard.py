"""No way into our own network: addresses in any notation, names that change, redirects, real sockets."""

import ipaddress
import socket
import ssl
import threading
import time

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import ScriptedServer, answer, drip, raw, reset, silence

from bank_api.connectors import http_guard
from bank_api.connectors.http_guard import (
	DeliveryError,
	ForbiddenDestination,
	GuardedClient,
	check_url,
	is_public,
)

FORBIDDEN = [
	"0.0.0.0",
	"0.1.2.3",
	"10.0.0.1",
	"10.255.255.255",
	"100.64.0.1",
	"100.100.100.200",
	"127.0.0.1",
	"127.255.255.254",
	"168.63.129.16",
	"169.254.169.254",
	"169.254.170.2",
	"172.16.0.1",
	"172.31.255.255",
	"192.0.0.192",
	"192.0.2.1",
	"192.168.0.1",
	"198.18.0.1",
	"198.51.100.1",
	"203.0.113.1",
	"224.0.0.1",
	"239.255.255.250",
	"240.0.0.1",
	"255.255.255.255",
	"::",
	"::1",
	"::7f00:1",
	"::127.0.0.1",
	"::ffff:127.0.0.1",
	"::ffff:7f00:1",
	"::ffff:169.254.169.254",
	"::ffff:10.0.0.1",
	"64:ff9b::7f00:1",
	"64:ff9b::a9fe:a9fe",
	"64:ff9b:1::a00:1",
	"2002:7f00:1::",
	"2002:a9fe:a9fe::",
	"2002:c0a8:1::",
	"2001:0:4136:e378:8000:63bf:80ff:fffe",
	"fc00::1",
	"fd00:ec2::254",
	"fd12:3456::1",
	"fe80::1",
	"fe80::1%eth0",
	"fec0::1",
	"ff02::1",
	"2001:db8::1",
	"100::1",
	"2001:10::1",
	"3fff::1",
	"5f00::1",
]
PUBLIC = [
	"1.1.1.1",
	"8.8.8.8",
	"93.184.216.34",
	"172.32.0.1",
	"100.128.0.1",
	"2606:4700:4700::1111",
	"2a00:1450:4007:80f::200e",
]

ODD_LOCALS = [
	"http://127.0.0.1/",
	"http://127.1/",
	"http://127.0.1/",
	"http://2130706433/",
	"http://0x7f000001/",
	"http://0x7f.0.0.1/",
	"http://0177.0.0.1/",
	"http://017700000001/",
	"http://0/",
	"http://0.0.0.0/",
	"http://localhost/",
	"http://LOCALHOST/",
	"http://localhost./",
	"http://foo.localhost/",
	"http://127.0.0.1./",
	"http://[::1]/",
	"http://[::]/",
	"http://[::ffff:127.0.0.1]/",
	"http://[::ffff:7f00:1]/",
	"http://[0:0:0:0:0:0:0:1]/",
	"http://[fe80::1%25lo]/",
	"http://169.254.169.254/latest/meta-data/",
	"http://[fd00:ec2::254]/",
	"http://metadata.google.internal/",
	"http://10.0.0.1/",
	"http://0xa9fea9fe/",
	"http://2852039166/",
	"http://192.168.1.1:8080/",
	"http://printer.local/",
	"http://168.63.129.16/",
]

NOT_URLS = [
	"",
	"site.example/hook",
	"//site.example/hook",
	"ftp://site.example/",
	"file:///etc/passwd",
	"gopher://site.example/",
	"http+unix://%2Fvar%2Frun/x",
	"javascript:alert(1)",
	"https://",
	"https:///hook",
	"https://:443/hook",
	"https://site.example:0/",
	"https://site.example:99999/",
	"https://site.example:port/",
	"https://user@site.example/",
	"https://user:secret@site.example/",
	"https://site.example\\@127.0.0.1/",
	"https://site.example/ho ok",
	"https://site.example/\r\nX-Evil: 1",
	"https://site.example/\x00",
	"https://[::1",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_special_addresses_are_not_public(address):
	assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_ordinary_addresses_are_public(address):
	assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_ipv6_coat_changes_nothing(address):
	number = int(address)
	for coat in ("::ffff:0:0", "64:ff9b::", "::"):
		dressed = ipaddress.IPv6Address(int(ipaddress.IPv6Address(coat)) + number)
		assert is_public(dressed) == is_public(address)
	assert is_public(ipaddress.IPv6Address((0x2002 << 112) | (number << 80))) == is_public(address)


@given(st.ip_addresses(v=4))
def test_what_is_private_by_the_registry_is_not_public(address):
	if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
		assert not is_public(address)


@pytest.mark.parametrize("url", ODD_LOCALS)
def test_private_literals_in_any_notation_are_refused_by_their_looks(url):
	with pytest.raises(ForbiddenDestination):
		check_url(url, allow_http=True)


@pytest.mark.parametrize("url", ODD_LOCALS)
def test_and_again_when_they_are_connected_to(url, monkeypatch):
	"""The look at the URL is a courtesy: without it, nothing is connected to either."""
	monkeypatch.setattr(http_guard, "_check_host_literal", lambda host: None)
	monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was attempted"))
	with GuardedClient(allow_http=True) as client, pytest.raises((ForbiddenDestination, DeliveryError)):
		client.post(url, b"", {}, connect_timeout=0.5)


@pytest.mark.parametrize("url", NOT_URLS, ids=range(len(NOT_URLS)))
def test_what_is_no_plain_web_address_is_refused(url):
	for allow_private in (False, True):
		with pytest.raises(ForbiddenDestination) as caught:
			check_url(url, allow_http=True, allow_private=allow_private)
	assert "secret" not in str(caught.value)


@given(st.text())
def test_no_text_makes_the_check_fail_otherwise(text):
	for url in (text, "https://" + text):
		try:
			check_url(url)
		except ForbiddenDestination:
			pass


def test_https_only_unless_allowed():
	check_url("https://site.example/hook?a=b")
	check_url("https://site.example:8443")
	check_url("http://site.example/", allow_http=True)
	with pytest.raises(ForbiddenDestination):
		check_url("http://site.example/")


# --- names


def resolver(monkeypatch, *answers):
	"""A name server that gives these addresses, one list a time; the last one stays."""
	queue = list(answers)
	asked = []

	def resolve(host, port):
		asked.append(host)
		addresses = queue.pop(0) if len(queue) > 1 else queue[0]
		return [
			(
				socket.AF_INET6 if ":" in a else socket.AF_INET,
				socket.SOCK_STREAM,
				6,
				"",
				(a, port, 0, 0) if ":" in a else (a, port),
			)
			for a in addresses
		]

	monkeypatch.setattr(http_guard, "_resolve", resolve)
	return asked


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "10.1.2.3"])
def test_a_name_that_leads_inside_is_refused_before_a_byte_or_a_connection(monkeypatch, address):
	with ScriptedServer(answer()) as server:
		resolver(monkeypatch, [address])
		with GuardedClient(allow_http=True) as client, pytest.raises(ForbiddenDestination):
			client.post(f"http://rebind.example:{server.url.rsplit(':', 1)[1]}/", b"{}", {})
		time.sleep(0.05)
		assert server.connections == 0


def test_one_private_address_among_public_ones_is_enough(monkeypatch):
	resolver(monkeypatch, ["93.184.216.34", "127.0.0.1"])
	monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was attempted"))
	with GuardedClient(allow_http=True) as client, pytest.raises(ForbiddenDestination):
		client.post("http://mixed.example/", b"{}", {})


def test_dns_rebinding_between_two_posts_is_noticed(monkeypatch):
	"""The first answer is public (here: allowed for the test's sake), the second one is not."""
	allowed = {"127.0.0.2"}
	real = http_guard.is_public
	monkeypatch.setattr(http_guard, "is_public", lambda a: str(a) in allowed or real(a))
	with ScriptedServer(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")) as server:
		port = server.url.rsplit(":", 1)[1]
		listener = socket.create_server(("127.0.0.2", 0))
		threading.Thread(target=_answer_once, args=(listener,), daemon=True).start()
		asked = resolver(monkeypatch, ["127.0.0.2"], ["127.0.0.1"])
		with GuardedClient(allow_http=True) as client:
			assert client.post(f"http://rebind.example:{listener.getsockname()[1]}/", b"{}", {}).status == 200
			with pytest.raises(ForbiddenDestination):
				client.post(f"http://rebind.example:{port}/", b"{}", {})
		assert asked == ["rebind.example"] * 2
		assert server.connections == 0
		listener.close()


def _answer_once(listener):
	connection, _ = listener.accept()
	with connection:
		connection.recv(65536)
		connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def test_the_peer_is_checked_and_not_only_the_name_server(monkeypatch):
	"""A resolver that says one thing while the socket ends elsewhere (NAT, a transparent proxy)."""
	real = http_guard.is_public
	seen = []

	def says_public_first(address):
		seen.append(str(address))
		return True if len(seen) == 1 else real(address)

	monkeypatch.setattr(http_guard, "is_public", says_public_first)
	with ScriptedServer(answer()) as server:
		resolver(monkeypatch, ["127.0.0.1"])
		with GuardedClient(allow_http=True) as client, pytest.raises(ForbiddenDestination):
			client.post(f"http://site.example:{server.url.rsplit(':', 1)[1]}/", b"{}", {})
		time.sleep(0.05)
		assert server.requests == [], "not a byte is sent"


def test_an_unknown_name_is_said_to_be_one():
	with GuardedClient(allow_http=True) as client, pytest.raises(DeliveryError, match="cannot be resolved"):
		client.post("http://no-such-host.invalid/", b"", {})


def test_proxies_of_the_environment_are_not_used(monkeypatch):
	with ScriptedServer(answer()) as proxy, ScriptedServer(answer()) as server:
		for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
			monkeypatch.setenv(name, proxy.url)
		with local() as client:
			client.post(server.url, b"", {})
		assert (proxy.connections, server.connections) == (0, 1)


# --- answers, with private addresses allowed


def local(**kwargs) -> GuardedClient:
	return GuardedClient(allow_private=True, allow_http=True, **kwargs)


def test_a_post_arrives_as_given():
	with ScriptedServer(answer(b"thanks", 202, Retry_After="7")) as server, local() as client:
		got = client.post(
			f"{server.url}/a/b?c=d%20e", b"\x00body", {"X-One": "1", "Content-Type": "text/plain"}
		)
	(request,) = server.requests
	assert (request.method, request.target, request.body) == ("POST", "/a/b?c=d%20e", b"\x00body")
	assert request.headers["x-one"] == "1" and request.headers["content-type"] == "text/plain"
	assert (got.status, got.excerpt, got.retry_after) == (202, "thanks", "7")


def test_the_connection_is_kept():
	with ScriptedServer(answer()) as server, local() as client:
		for _ in range(5):
			client.post(server.url, b"", {})
	assert (len(server.requests), server.connections) == (5, 1)


def test_cookies_of_an_endpoint_are_forgotten():
	with ScriptedServer(answer(Set_Cookie="session=1; Path=/")) as server, local() as client:
		client.post(server.url, b"", {})
		client.post(server.url, b"", {})
	assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status):
	with (
		ScriptedServer(answer()) as inside,
		ScriptedServer(answer(status=status, Location=inside.url)) as server,
	):
		with local() as client:
			assert client.post(server.url, b"", {}).status == status
	assert inside.connections == 0


def test_a_long_answer_is_cut_and_the_connection_given_up():
	with ScriptedServer(answer(b"y" * 10_000_000), answer(b"ok")) as server, local() as client:
		assert client.post(server.url, b"", {}).excerpt == "y" * 1024
		assert client.post(server.url, b"", {}).excerpt == "ok"
	assert server.connections == 2


def test_a_zip_bomb_is_not_unpacked():
	import gzip

	bomb = gzip.compress(b"0" * 50_000_000)
	with ScriptedServer(answer(bomb, Content_Encoding="gzip")) as server, local() as client:
		began = time.monotonic()
		assert len(client.post(server.url, b"", {}).excerpt) <= 1024
		assert time.monotonic() - began < 1


def test_an_endless_chunked_answer_ends_for_us():
	chunk = b"400\r\n" + b"z" * 1024 + b"\r\n"
	endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 3
	with ScriptedServer(raw(endless)) as server, local() as client:
		assert client.post(server.url, b"", {}).excerpt == "z" * 1024


@pytest.mark.parametrize(
	"step",
	[
		raw(b""),
		raw(b"SSH-2.0-OpenSSH\r\n"),
		raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"),
		raw(b"HTTP/1.1 99999999 OK\r\n\r\n"),
		raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n"),
		raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"),
		reset,
	],
	ids=["nothing", "ssh", "bad chunk", "status", "many headers", "long header", "reset"],
)
def test_broken_answers_are_delivery_errors(step):
	with ScriptedServer(step) as server, local() as client, pytest.raises(DeliveryError) as caught:
		client.post(server.url, b"{}", {}, read_timeout=2)
	assert "127.0.0.1" not in caught.value.message and "object at" not in caught.value.message


def test_the_status_counts_even_if_the_body_is_cut_short():
	"""The endpoint has said that it has the event; sending it again would only repeat it."""
	with ScriptedServer(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")) as server:
		with local() as client:
			assert client.post(server.url, b"{}", {}).status == 200


def test_refused_and_silent_endpoints():
	with local() as client:
		with pytest.raises(DeliveryError, match="cannot connect"):
			client.post("http://127.0.0.1:9/", b"", {})
		with ScriptedServer(silence(5)) as server:
			began = time.monotonic()
			with pytest.raises(DeliveryError) as caught:
				client.post(server.url, b"", {}, read_timeout=0.3)
			assert caught.value.timed_out and time.monotonic() - began < 2


def test_nothing_is_sent_twice_by_itself():
	with ScriptedServer(reset, answer()) as server, local() as client:
		with pytest.raises(DeliveryError):
			client.post(server.url, b"", {})
		assert len(server.requests) == 1


def test_abort_ends_a_dripping_answer():
	with ScriptedServer(drip(b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200, 0.05)) as server, local() as client:
		timer = threading.Timer(0.5, client.abort)
		timer.start()
		began = time.monotonic()
		with pytest.raises(DeliveryError) as caught:
			client.post(server.url, b"", {}, read_timeout=5)
		assert caught.value.timed_out and time.monotonic() - began < 2


def test_abort_ends_a_tls_handshake_that_never_comes(tmp_path):
	listener = socket.create_server(("127.0.0.1", 0))
	with GuardedClient(allow_private=True) as client:
		threading.Timer(0.4, client.abort).start()
		began = time.monotonic()
		with pytest.raises(DeliveryError):
			client.post(
				f"https://127.0.0.1:{listener.getsockname()[1]}/", b"", {}, connect_timeout=5, read_timeout=5
			)
		assert time.monotonic() - began < 2
	listener.close()


# --- TLS


class TlsServer(ScriptedServer):
	def __init__(self, *steps, identity: str = "localhost"):
		super().__init__(*steps)
		self.ca = trustme.CA()
		self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
		self.ca.issue_cert(identity).configure_cert(self.context)
		self.url = self.url.replace("http://127.0.0.1", "https://localhost")

	def wrap(self, connection):
		return self.context.wrap_socket(connection, server_side=True)

	def ca_file(self, folder) -> str:
		path = folder / "ca.pem"
		self.ca.cert_pem.write_to_path(path)
		return str(path)


def test_tls_with_a_trusted_certificate(tmp_path):
	with TlsServer(answer(b"ok")) as server:
		with GuardedClient(allow_private=True, ca_file=server.ca_file(tmp_path)) as client:
			assert client.post(server.url, b"", {}).excerpt == "ok"
			assert client.post(server.url, b"", {}).excerpt == "ok"
		assert server.connections == 1


def test_tls_with_an_unknown_authority_is_refused():
	with TlsServer(answer()) as server, GuardedClient(allow_private=True) as client:
		with pytest.raises(DeliveryError, match="TLS"):
			client.post(server.url, b"", {})
		assert server.requests == []


def test_tls_for_another_name_is_refused(tmp_path):
	with TlsServer(answer(), identity="other.example") as server:
		with GuardedClient(allow_private=True, ca_file=server.ca_file(tmp_path)) as client:
			with pytest.raises(DeliveryError, match="TLS"):
				client.post(server.url, b"", {})
		assert server.requests == []
