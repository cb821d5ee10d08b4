"""The choke point of all calls to providers, against real sockets that misbehave."""

import contextlib
import gzip
import logging
import os
import ssl
import threading
import time
import zlib
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import ScriptedServer, answer, drip, raw, reset, silence

from bank_api.connectors import errors, tls_alert
from bank_api.connectors.http import Answer, Call, Http, error_for
from bank_api.connectors.rate_ledger import patience

GET = Call("GET", "/v3/things/1", "/v3/things/{thing}")
POST = Call("POST", "/v3/things", "/v3/things", body='{"a":1}')


def http_to(server, **options) -> Http:
	options = {"connect_timeout": 1.0, "read_timeout": 0.4, "call_timeout": 5.0, **options}
	http = Http(server.url, **options)
	http.back_off = lambda attempt: 0.01 * attempt
	return http


# What goes out


def test_sends_what_was_asked_with_an_id_of_the_call():
	with ScriptedServer(answer('{"ok":true}')) as server:
		call = Call(
			"POST", "/v3/a%20b", "/v3/{x}", query="q=%2B&since=1:2", headers={"Client-Id": "c"}, body="{}"
		)
		got = http_to(server, user_agent="bank_api/1").send(call)
	sent = server.requests[0]
	assert (sent.method, sent.target, sent.body) == ("POST", "/v3/a%20b?q=%2B&since=1:2", b"{}")
	assert sent.headers["client-id"] == "c"
	assert sent.headers["content-type"] == "application/json"
	assert sent.headers["user-agent"] == "bank_api/1"
	assert sent.headers["x-request-id"] == got.request_id
	assert got.text() == '{"ok":true}'


def test_keeps_its_connection():
	with ScriptedServer(answer()) as server:
		http = http_to(server)
		for _ in range(5):
			http.send(GET)
	assert server.connections == 1


def test_keeps_no_cookies():
	with ScriptedServer(answer(Set_Cookie="session=1; Path=/"), answer()) as server:
		http = http_to(server)
		http.send(GET)
		http.send(GET)
	assert "cookie" not in server.requests[1].headers


def test_ignores_proxies_and_credentials_of_the_environment(monkeypatch, tmp_path):
	netrc = tmp_path / "netrc"
	netrc.write_text("machine 127.0.0.1 login someone password secret\n")
	monkeypatch.setenv("NETRC", str(netrc))
	for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
		monkeypatch.setenv(name, "http://127.0.0.1:1")
	with ScriptedServer(answer()) as server:
		assert http_to(server).send(GET).status == 200
	assert "authorization" not in server.requests[0].headers


def test_parallel_calls_do_not_mix_up_their_answers():
	def echo(connection):
		return answer(f'{{"target":"{server.current.request.target}"}}')(connection)

	with ScriptedServer(echo) as server:
		http = http_to(server)
		wrong, right = [], []

		def work(number):
			for place in range(10):
				got = http.send(Call("GET", f"/{number}/{place}", "/{n}/{place}"))
				(right if got.text() == f'{{"target":"/{number}/{place}"}}' else wrong).append(got)

		threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
		for thread in threads:
			thread.start()
		for thread in threads:
			thread.join()
	assert (len(right), len(wrong)) == (60, 0)
	assert server.connections <= 6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_opens_a_connection_of_its_own():
	with ScriptedServer(answer()) as server:
		http = http_to(server)
		http.send(GET)
		pid = os.fork()
		if pid == 0:
			try:
				http.send(GET)
			finally:
				os._exit(0)
		os.waitpid(pid, 0)
		http.send(GET)
		assert server.connections == 2


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://host", "http://", "http://[::1", "http://a b/"])
def test_an_unusable_address_is_a_matter_of_configuration(url):
	with pytest.raises((errors.ConfigurationError, errors.ProviderUnavailable)):
		Http(url, max_attempts=1).send(GET)


def test_a_header_that_would_split_the_request_is_refused():
	with ScriptedServer(answer()) as server:
		call = Call("GET", "/", "/", headers={"Client-Id": "a\r\nX-Evil: 1"})
		with pytest.raises(errors.ConfigurationError) as caught:
			http_to(server).send(call)
	assert "Evil" not in str(caught.value)
	assert server.requests == []


@pytest.mark.parametrize("name", ["connect_timeout", "read_timeout", "call_timeout"])
def test_there_is_no_call_without_an_end(name):
	with pytest.raises(errors.ConfigurationError):
		Http("http://127.0.0.1", **{name: 0})


# Time


def test_a_silent_server_is_a_time_out():
	with ScriptedServer(silence()) as server, pytest.raises(errors.ProviderTimeout):
		http_to(server, max_attempts=1).send(GET)


@pytest.mark.parametrize(
	"data",
	[
		b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
		b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b" " * 900,
		b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 200,
		b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 900,
	],
	ids=["headers", "body", "chunks", "until the end"],
)
def test_a_dripping_server_is_cut_off_when_the_calls_time_is_up(data):
	with ScriptedServer(drip(data, 0.05)) as server:
		started = time.monotonic()
		with pytest.raises(errors.ProviderTimeout):
			http_to(server, call_timeout=0.7).send(GET)
		assert time.monotonic() - started < 1.2


def test_a_connection_that_nearly_timed_out_serves_the_next_call():
	slow = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0.01)

	def step(connection):
		slow(connection)
		return True

	with ScriptedServer(step, answer()) as server:
		http = http_to(server, call_timeout=0.9)
		assert http.send(GET).status == 200
		assert http.send(GET).status == 200
	assert server.connections == 1


def test_retries_end_with_the_calls_time():
	with ScriptedServer(answer(status=503)) as server:
		http = http_to(server, call_timeout=0.5, max_attempts=100)
		http.back_off = lambda attempt: 0.2
		assert http.send(GET).status == 503
		assert 2 <= len(server.requests) <= 3


def test_nobody_listening_is_unavailable():
	with ScriptedServer(answer()) as server:
		url = server.url
	http = Http(url, max_attempts=2)
	http.back_off = lambda attempt: 0.0
	with pytest.raises(errors.ProviderUnavailable):
		http.send(GET)


# Repeating


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_harmless_calls_are_repeated_after(status):
	with ScriptedServer(answer(status=status), answer('{"ok":1}')) as server:
		assert http_to(server).send(GET).text() == '{"ok":1}'
	assert len(server.requests) == 2
	assert len({request.headers["x-request-id"] for request in server.requests}) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 415, 422, 501])
def test_nothing_is_repeated_after(status):
	with ScriptedServer(answer(status=status), answer()) as server:
		assert http_to(server).send(GET).status == status
	assert len(server.requests) == 1


@pytest.mark.parametrize(
	"fault",
	[
		reset,
		raw(b""),
		raw(b"garbage\r\n\r\n"),
		raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
		raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"),
		raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{"),
		silence(),
	],
	ids=["reset", "closed", "garbage", "cut body", "cut chunk", "bad chunk", "silence"],
)
def test_broken_then_well(fault):
	with ScriptedServer(fault, answer('{"ok":1}')) as server:
		assert http_to(server).send(GET).text() == '{"ok":1}'
	with ScriptedServer(fault) as server, pytest.raises(errors.ProviderUnavailable):
		http_to(server, max_attempts=2).send(GET)
	assert len(server.requests) == 2


@pytest.mark.parametrize("fault", [reset, raw(b""), answer(status=503), answer(status=429), silence()])
def test_a_post_is_never_repeated_unless_it_does_no_harm(fault):
	with ScriptedServer(fault, answer()) as server:
		with contextlib.suppress(errors.ProviderUnavailable):
			assert http_to(server).send(POST).status >= 400
		assert len(server.requests) == 1
	with ScriptedServer(fault, answer()) as server:
		harmless = Call("POST", "/token", "/token", body="{}", idempotent=True)
		assert http_to(server).send(harmless).status == 200
		assert len(server.requests) == 2


def test_gives_up_after_the_last_attempt():
	with ScriptedServer(answer(status=503)) as server:
		assert http_to(server, max_attempts=3).send(GET).status == 503
	assert len(server.requests) == 3


def test_back_off_doubles_is_capped_and_half_random():
	http = Http("http://127.0.0.1")
	for attempt, whole in ((1, 0.5), (2, 1.0), (3, 2.0), (20, 8.0)):
		waits = [http.back_off(attempt) for _ in range(200)]
		assert whole / 2 <= min(waits) < max(waits) <= whole
		assert max(waits) - min(waits) > whole / 8


def test_retry_after_is_honoured():
	waits = []
	with ScriptedServer(answer(status=429, Retry_After="1"), answer()) as server:
		http = http_to(server)
		http._sleep = waits.append
		assert http.send(GET).status == 200
	assert waits == [1]


def test_a_retry_after_beyond_our_patience_is_the_callers_business():
	with ScriptedServer(answer(status=429, Retry_After="30"), answer()) as server:
		got = http_to(server).send(GET)
	assert got.status == 429
	assert error_for(got).retry_after == 30
	assert len(server.requests) == 1


def test_a_patient_caller_waits_longer():
	waits = []
	with ScriptedServer(answer(status=429, Retry_After="30"), answer()) as server:
		http = http_to(server, call_timeout=60.0)
		http._sleep = waits.append
		with patience(45):
			assert http.send(GET).status == 200
	assert waits == [30]


@pytest.mark.parametrize(
	("text", "seconds"),
	[
		("0", 0),
		("120", 120),
		(" 7 ", 7),
		("999999999999", 86400),
		("-5", None),
		("1.5", None),
		("soon", None),
		("", None),
		("\u0661", None),
	],
)
def test_retry_after_in_seconds(text, seconds):
	assert Answer(429, {"Retry-After": text}, b"", "r").retry_after() == seconds


def test_retry_after_as_a_date():
	later = datetime.now(timezone.utc) + timedelta(seconds=90)
	assert (
		85 < Answer(429, {"Retry-After": format_datetime(later, usegmt=True)}, b"", "r").retry_after() <= 90
	)
	assert Answer(429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b"", "r").retry_after() == 0
	assert Answer(429, {"Retry-After": "Wed, 21 Oct 9999 07:28:00 GMT"}, b"", "r").retry_after() == 86400


@given(st.text(max_size=40))
def test_no_retry_after_raises(text):
	wait = Answer(429, {"Retry-After": text}, b"", "r").retry_after()
	assert wait is None or 0 <= wait <= 86400


def test_each_attempt_takes_its_slot_of_the_rate_limit():
	taken = []
	with ScriptedServer(answer(status=503), answer()) as server:
		http_to(server).send(Call("GET", "/", "/", before_attempt=lambda: taken.append(1)))
	assert len(taken) == 2


# What comes back


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status):
	with ScriptedServer(answer(status=status, Location="/elsewhere"), answer()) as server:
		got = http_to(server).send(GET)
	assert got.status == status
	assert len(server.requests) == 1
	assert isinstance(error_for(got), errors.ConfigurationError | errors.ProviderUnavailable)


@pytest.mark.parametrize(
	"step",
	[
		answer(b" " * 2001),
		raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n" + b" " * 4000),
		raw(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 4000),
		raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfa0\r\n" + b" " * 4000 + b"\r\n0\r\n\r\n"),
		answer(gzip.compress(b" " * 10_000_000), Content_Encoding="gzip"),
	],
	ids=["declared", "absurd length", "undeclared", "chunked", "gzip bomb"],
)
def test_an_answer_that_is_too_large_is_refused(step):
	with (
		ScriptedServer(step) as server,
		pytest.raises((errors.MalformedResponse, errors.ProviderUnavailable)),
	):
		http_to(server, max_response_bytes=2000, max_attempts=1).send(GET)


def test_a_declared_size_is_refused_before_it_is_read():
	with ScriptedServer(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n")) as server:
		with pytest.raises(errors.MalformedResponse):
			http_to(server).send(GET)
	assert len(server.requests) == 1


def test_a_compressed_answer_is_read():
	text = '{"a":"' + "x" * 100_000 + '"}'
	with ScriptedServer(answer(gzip.compress(text.encode()), Content_Encoding="gzip")) as server:
		assert http_to(server).send(GET).text() == text


def test_a_compressed_answer_that_is_broken_is_malformed():
	with ScriptedServer(answer(b"\x1f\x8bnonsense", Content_Encoding="gzip")) as server:
		with pytest.raises(errors.MalformedResponse):
			http_to(server).send(GET)
	with ScriptedServer(answer(zlib.compress(b"{}")[:-3], Content_Encoding="gzip")) as server:
		with pytest.raises(errors.MalformedResponse):
			http_to(server).send(GET)


@pytest.mark.parametrize(
	"step",
	[
		raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
		answer(b""),
		answer(b"<html>Bad day</html>", media="text/html"),
		answer(b"<html>Bad day</html>", media=None),
		answer(b"{}", media="text/plain"),
		answer(b"\xff\xfe{}", media="application/json"),
	],
	ids=["204", "empty", "HTML", "HTML without a claim", "claims to be text", "no UTF-8"],
)
def test_where_data_is_due_anything_else_is_malformed(step):
	with ScriptedServer(step) as server:
		got = http_to(server).send(GET)
	with pytest.raises(errors.MalformedResponse):
		got.text()


@pytest.mark.parametrize(
	"media",
	[
		"application/json",
		"application/json; charset=utf-8",
		"Application/JSON",
		"application/problem+json",
		None,
	],
)
def test_json_in_its_forms_is_taken(media):
	with ScriptedServer(answer(b' {"a":1}', media=media)) as server:
		assert http_to(server).send(GET).text() == ' {"a":1}'


@pytest.mark.parametrize(
	("status", "kind"),
	[
		(301, errors.ConfigurationError),
		(302, errors.ProviderUnavailable),
		(400, errors.InvalidRequest),
		(401, errors.ConfigurationError),
		(403, errors.ConfigurationError),
		(404, errors.NotFound),
		(408, errors.ProviderTimeout),
		(409, errors.AlreadyExists),
		(410, errors.NotFound),
		(415, errors.InvalidRequest),
		(418, errors.InvalidRequest),
		(422, errors.InvalidRequest),
		(429, errors.RateLimited),
		(500, errors.ProviderUnavailable),
		(503, errors.ProviderUnavailable),
		(504, errors.ProviderTimeout),
		(599, errors.ProviderUnavailable),
		(199, errors.ProviderUnavailable),
		(999, errors.ProviderUnavailable),
	],
)
def test_each_status_has_its_error(status, kind):
	error = error_for(Answer(status, {}, b"raw text", "id-1"), code="some.code")
	assert type(error) is kind
	assert (error.status, error.provider_code, error.request_id) == (status, "some.code", "id-1")
	assert "raw text" not in error.message


# TLS


class TLSServer(ScriptedServer):
	def __init__(self, context, *steps):
		super().__init__(*steps)
		self.context = context
		self.url = self.url.replace("http://127.0.0.1", "https://localhost")

	def wrap(self, connection):
		return self.context.wrap_socket(connection, server_side=True)


@pytest.fixture(scope="module")
def authority():
	return trustme.CA()


@pytest.fixture
def context(authority):
	context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	authority.issue_cert("localhost").configure_cert(context)
	return context


def test_a_private_authority_is_trusted_if_the_record_says_so(authority, context):
	pem = authority.cert_pem.bytes().decode()
	with TLSServer(context, answer('{"a":1}')) as server:
		assert http_to(server, ca_bundle=pem).send(GET).text() == '{"a":1}'


def test_an_unknown_authority_is_not_trusted(context):
	with TLSServer(context, answer()) as server, pytest.raises(errors.ProviderUnavailable, match="TLS"):
		http_to(server, max_attempts=1).send(GET)
	assert server.requests == []


def test_another_hosts_certificate_is_not_trusted(authority):
	context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	authority.issue_cert("other.example").configure_cert(context)
	pem = authority.cert_pem.bytes().decode()
	with TLSServer(context, answer()) as server, pytest.raises(errors.ProviderUnavailable, match="TLS"):
		http_to(server, max_attempts=1, ca_bundle=pem).send(GET)


def test_a_dripping_server_behind_tls_is_cut_off(authority, context):
	data = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b" " * 900
	with TLSServer(context, drip(data, 0.05)) as server:
		started = time.monotonic()
		with pytest.raises(errors.ProviderTimeout):
			http_to(server, call_timeout=0.7, ca_bundle=authority.cert_pem.bytes().decode()).send(GET)
		assert time.monotonic() - started < 1.5


def test_a_bundle_that_is_no_pem_is_a_matter_of_configuration():
	with pytest.raises(errors.ConfigurationError):
		Http("https://localhost", ca_bundle="nonsense").send(GET)


# What is told


def test_the_log_names_the_call_and_no_secret(caplog):
	caplog.set_level(logging.DEBUG, logger="bank_api")
	call = Call(
		"GET",
		"/v3/items/4711",
		"/v3/items/{item}",
		query="iban=FR76300",
		headers={"Authorization": "Bearer tok-123", "Client-Secret": "sec-456"},
	)
	with ScriptedServer(answer(status=503), answer('{"owner":"Marie"}')) as server:
		got = http_to(server, label="Bridge live").send(call)
	lines = [record.getMessage() for record in caplog.records if record.name == "bank_api.connectors"]
	assert len(lines) == 2
	assert all(
		f"request {got.request_id}" in line and "Bridge live GET /v3/items/{item}" in line for line in lines
	)
	assert "503" in lines[0]
	assert "attempt 2" in lines[1]
	for private in ("4711", "FR76300", "tok-123", "sec-456", "Marie"):
		assert private not in "".join(lines)


def test_errors_carry_no_cause_that_holds_the_request():
	with ScriptedServer(reset) as server, pytest.raises(errors.ProviderUnavailable) as caught:
		http_to(server, max_attempts=1).send(Call("GET", "/", "/", headers={"Client-Secret": "sec-456"}))
	assert caught.value.__cause__ is None
	assert caught.value.__suppress_context__
	assert caught.value.request_id


def test_waiting_for_a_slot_does_not_use_up_the_calls_time():
	with ScriptedServer(answer()) as server:
		call = Call("GET", "/", "/", before_attempt=lambda: time.sleep(0.6))
		assert http_to(server, call_timeout=0.5).send(call).status == 200


def test_what_is_private_stays_out_of_reprs():
	call = Call("GET", "/", "/", query="iban=1", headers={"Client-Secret": "sec-456"}, body="Marie")
	shown = repr(call) + repr(Answer(200, {"Set-Cookie": "sec-456"}, b"Marie iban=1", "r-1"))
	assert "r-1" in shown
	assert not [word for word in ("sec-456", "Marie", "iban=1") if word in shown]


# What PSD2 providers need


def test_a_call_is_signed_over_what_goes_out_anew_for_each_attempt():
	seen = []

	def sign(headers, body):
		seen.append((headers["X-Request-Id"], body))
		return {"Signature": f"over {headers['X-Request-Id']}"}

	with ScriptedServer(answer("", 503), answer()) as server:
		http_to(server, uuid_ids=True).send(Call("GET", "/", "/", sign=sign))
		http_to(server, uuid_ids=True).send(
			Call("POST", "/", "/", body="a=ä", content_type="text/x", sign=sign)
		)
	assert [request.headers["signature"] for request in server.requests] == [f"over {i}" for i, _ in seen]
	assert [request.headers["x-request-id"] for request in server.requests] == [i for i, _ in seen]
	assert seen[0][0] != seen[1][0]
	assert (seen[0][1], seen[2][1]) == (b"", "a=ä".encode())
	assert server.requests[2].body == "a=ä".encode()
	assert server.requests[2].headers["content-type"] == "text/x"


def test_a_repeated_change_keeps_its_id():
	with ScriptedServer(answer("", 503), answer()) as server:
		http_to(server, uuid_ids=True).send(Call("DELETE", "/", "/"))
	assert len({request.headers["x-request-id"] for request in server.requests}) == 1


def test_a_hook_that_cannot_sign_says_why():
	def sign(headers, body):
		raise errors.ConfigurationError("no key")

	with ScriptedServer(answer()) as server, pytest.raises(errors.ConfigurationError, match="no key"):
		http_to(server).send(Call("GET", "/", "/", sign=sign))
	assert server.requests == []


@pytest.mark.parametrize(
	("alert", "code"),
	[
		("TLSV13_ALERT_CERTIFICATE_REQUIRED", "TLS_CERTIFICATE_REQUIRED"),
		("SSLV3_ALERT_CERTIFICATE_EXPIRED", "TLS_CERTIFICATE_EXPIRED"),
		("SSLV3_ALERT_CERTIFICATE_REVOKED", "TLS_CERTIFICATE_REVOKED"),
		("TLSV1_ALERT_UNKNOWN_CA", "TLS_CERTIFICATE_UNKNOWN_CA"),
		("SSLV3_ALERT_BAD_CERTIFICATE", "TLS_CERTIFICATE_REFUSED"),
		("SSLV3_ALERT_HANDSHAKE_FAILURE", "TLS_CERTIFICATE_REFUSED"),
		("CERTIFICATE_VERIFY_FAILED", None),
		("TLSV1_ALERT_INTERNAL_ERROR", None),
	],
)
def test_an_alert_says_what_is_wrong_with_our_certificate(alert, code):
	inner = ssl.SSLError(1, "text")
	inner.reason = alert
	try:
		try:
			raise inner
		except ssl.SSLError:
			raise OSError("wrapped")
	except OSError as error:
		got = tls_alert.refusal(error)
	assert (got.code if got else None) == code


def test_an_error_that_refers_to_itself_ends():
	error = OSError("loop")
	error.__context__ = ValueError(error)
	assert tls_alert.reason(error) == ""


def test_a_demand_for_a_certificate_that_is_not_met_is_told(authority, context):
	context.verify_mode = ssl.CERT_REQUIRED
	authority.configure_trust(context)
	with TLSServer(context, answer()) as server:

		def without_one():
			ours = ssl.create_default_context()
			authority.configure_trust(ours)
			return ours

		with pytest.raises(errors.ProviderError) as caught:
			http_to(server, client_tls=without_one, max_attempts=1).send(GET)
	if isinstance(caught.value, errors.ConfigurationError):
		assert caught.value.provider_code == "TLS_CERTIFICATE_REQUIRED"
	else:
		# The alert may be lost when the server closes first.
		assert isinstance(caught.value, errors.ProviderUnavailable)
	assert server.requests == []


def by_address(server) -> None:
	server.url = server.url.replace("localhost", "127.0.0.1")


@pytest.mark.parametrize("own_context", [False, True])
@pytest.mark.parametrize(
	("name", "trusted"), [("127.0.0.1", True), ("localhost", False), ("127.0.0.2", False)]
)
def test_a_server_known_by_its_address_is_checked_by_its_address(authority, name, trusted, own_context):
	def trusting():
		ours = ssl.create_default_context()
		authority.configure_trust(ours)
		return ours

	context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	authority.issue_cert(name).configure_cert(context)
	options = {"client_tls": trusting} if own_context else {"ca_bundle": authority.cert_pem.bytes().decode()}
	with TLSServer(context, answer()) as server:
		by_address(server)
		if trusted:
			assert http_to(server, **options).send(GET).status == 200
		else:
			with pytest.raises(errors.ProviderUnavailable):
				http_to(server, max_attempts=1, **options).send(GET)
	assert len(server.requests) == (1 if trusted else 0)
