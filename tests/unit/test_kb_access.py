"""Access to KB: CAAS, software statements, registration, settings and names (kb_batch.md, 2)."""

import base64
import json
import re
import ssl
from dataclasses import replace
from datetime import datetime, timezone
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from kb_connector_harness import (
	CALLBACK,
	CONSENT,
	FAULT,
	GUID,
	KEYS,
	TOKEN,
	at,
	kb,
	problem,
	refused,
	request,
)
from kb_connector_spec import REGISTRATION, check_request, check_response, needed
from scripted_server import ScriptedServer, answer, raw, reset

from bank_api.connectors import errors
from bank_api.connectors.kb import connector, oauth, setup
from bank_api.connectors.model import (
	ConsentStanding,
	EndReason,
	ItemStatus,
	KeyPair,
	ProviderConfig,
	RateLimits,
	Secret,
)
from bank_api.connectors.onboarding import Application, Software
from bank_api.connectors.rate_ledger import MemoryLedger, patience
from bank_api.connectors.registry import connector_for

NOW = datetime(2026, 9, 8, 7, tzinfo=timezone.utc)
END = datetime(2027, 9, 8, 7, tzinfo=timezone.utc)
PAIR = json.dumps({"access_token": "A1", "token_type": "Bearer", "expires_in": 179, "refresh_token": "R1"})
RENEWED = json.dumps({"access_token": "A2", "token_type": "Bearer", "expires_in": 180, "scope": "adaa"})
TOKEN_PATH = "/oauth2/v3/access_token"
SOFTWARE = Software(
	name="Nejlepší produkt",
	software_id="f64bf2e447e545228c78e07b081a82ee",
	version="1.0",
	redirect_uris=(CALLBACK,),
	back_uri="https://gateway.test/back",
	contacts=("ops@gateway.test",),
)


def form_of(sent):
	return dict(parse_qsl(sent.body.decode(), strict_parsing=True))


# Consents and tokens


def test_a_consent_is_a_page_of_caas():
	one = at(kb("http://127.0.0.1:1", authorize_url="https://login.test/autfe/ssologin"), NOW)
	made = one.create_consent(request())
	page = urlsplit(made.link)
	assert (page.netloc, page.path) == ("login.test", "/autfe/ssologin")
	assert parse_qs(page.query, strict_parsing=True) == {
		"response_type": ["code"],
		"client_id": ["ExampleClient-9420"],
		"redirect_uri": [CALLBACK],
		"scope": ["adaa bpisp"],
		"state": ["state-1"],
	}
	assert "scope=adaa%20bpisp" in page.query
	assert re.match(r"kb-20260908T070000Z-" + GUID, made.consent_id)
	assert made.metadata_url == CALLBACK and made.consent_id != one.create_consent(request()).consent_id


def test_pkce_is_a_setting():
	link = kb("http://127.0.0.1:1", pkce="yes").create_consent(request()).link
	query = parse_qs(urlsplit(link).query)
	assert query["code_challenge"] == ["challenge-1"] and query["code_challenge_method"] == ["S256"]


def test_a_page_without_tls_is_for_the_sandbox_only():
	with pytest.raises(errors.ConfigurationError, match="https"):
		kb("http://127.0.0.1:1", environment="Production").create_consent(request())


def test_another_trip_for_the_same_consent():
	one = kb("http://127.0.0.1:1")
	begun = one.start_authorisation(
		CONSENT, company="", psu_id=Secret(""), state="s2", redirect_url=CALLBACK, code_challenge="c"
	)
	assert "state=s2" in begun.link and one.authorisations(CONSENT) == []


def test_a_code_is_swapped_once():
	with ScriptedServer(answer(PAIR), answer(PAIR)) as server:
		one = at(kb(server.url), NOW)
		pair = one.exchange(CONSENT, Secret("code-1"), CALLBACK, Secret("verifier"))
	(sent,) = server.requests
	assert (sent.method, sent.target) == ("POST", TOKEN_PATH)
	assert form_of(sent) == {
		"grant_type": "authorization_code",
		"code": "code-1",
		"redirect_uri": CALLBACK,
		"client_id": "ExampleClient-9420",
		"client_secret": "client-secret-1",
	}
	assert sent.headers["apikey"] == "key-of-oauth2" and "x-api-key" not in sent.headers
	assert re.match(GUID, sent.headers["x-correlation-id"]) and "authorization" not in sent.headers
	assert (pair.access.reveal(), pair.refresh.reveal()) == ("A1", "R1")
	assert (pair.expires_at - NOW).total_seconds() == 179
	assert pair.refresh_expires_at == END


def test_a_renewal_repeats_the_redirect_address_and_keeps_the_refresh_token():
	with ScriptedServer(answer(RENEWED)) as server:
		pair = at(kb(server.url), NOW).renew(CONSENT, Secret("R1"), metadata_url=CALLBACK)
	assert form_of(server.requests[0]) == {
		"grant_type": "refresh_token",
		"refresh_token": "R1",
		"redirect_uri": CALLBACK,
		"client_id": "ExampleClient-9420",
		"client_secret": "client-secret-1",
	}
	assert pair.refresh is None and pair.access.reveal() == "A2"
	assert pair.refresh_expires_at == END, "a renewal every three minutes does not move the end"


def test_a_rotated_refresh_token_is_taken():
	with ScriptedServer(answer(PAIR)) as server:
		assert kb(server.url).renew(CONSENT, Secret("R0"), metadata_url=CALLBACK).refresh == Secret("R1")


def test_the_redirect_address_may_be_a_setting():
	with ScriptedServer(answer(RENEWED)) as server:
		kb(server.url, redirect_uri="https://old.test/back").renew(CONSENT, Secret("R1"))
		with pytest.raises(errors.ConfigurationError, match="redirect_uri"):
			kb(server.url).renew(CONSENT, Secret("R1"))
		with pytest.raises(errors.InvalidRequest):
			kb(server.url).renew(CONSENT, Secret(""), metadata_url=CALLBACK)
	(sent,) = server.requests
	assert form_of(sent)["redirect_uri"] == "https://old.test/back"


def oauth_error(word, status=400):
	return answer(json.dumps({"error": word, "error_description": "words of the bank"}), status)


@pytest.mark.parametrize(
	("step", "renewing", "exchanging"),
	[
		(oauth_error("invalid_grant"), errors.RefreshRefused, errors.ConsentRequired),
		(oauth_error("invalid_grant", 401), errors.RefreshRefused, errors.ConsentRequired),
		(oauth_error("invalid_client", 401), errors.ConfigurationError, errors.ConfigurationError),
		(oauth_error("unauthorized_client"), errors.ConfigurationError, errors.ConfigurationError),
		(oauth_error("invalid_request"), errors.InvalidRequest, errors.InvalidRequest),
		(
			answer(FAULT.format(code="900901", message="", description=""), 401, "application/xml"),
			errors.ConfigurationError,
			errors.ConfigurationError,
		),
		(answer("", 429, Retry_After="30"), errors.RateLimited, errors.RateLimited),
		(oauth_error("invalid_grant", 500), errors.ProviderUnavailable, errors.ProviderUnavailable),
		(answer("", 503, Retry_After="0"), errors.ProviderUnavailable, errors.ProviderUnavailable),
		(reset, errors.ProviderUnavailable, errors.ProviderUnavailable),
		(answer("<html>", 200, "text/html"), errors.MalformedResponse, errors.MalformedResponse),
		(answer('{"token_type":"Bearer"}'), errors.MalformedResponse, errors.MalformedResponse),
		(
			answer('{"access_token":"a b","token_type":"Bearer"}'),
			errors.MalformedResponse,
			errors.MalformedResponse,
		),
		(
			answer('{"access_token":"a","token_type":"mac"}'),
			errors.MalformedResponse,
			errors.MalformedResponse,
		),
	],
)
def test_what_caas_refuses(step, renewing, exchanging):
	for expected, call in (
		(renewing, lambda one: one.renew(CONSENT, Secret("R1"), metadata_url=CALLBACK)),
		(exchanging, lambda one: one.exchange(CONSENT, Secret("c"), CALLBACK, Secret(""))),
	):
		with ScriptedServer(step, answer(PAIR)) as server:
			with pytest.raises(errors.ProviderError) as caught:
				call(kb(server.url, max_attempts="3"))
		assert type(caught.value) is expected and len(server.requests) == 1
		assert "words of the bank" not in caught.value.message


def test_a_429_without_a_word_waits_as_set():
	with ScriptedServer(answer("", 429)) as server:
		with pytest.raises(errors.RateLimited) as caught:
			kb(server.url, throttle_seconds="77").renew(CONSENT, Secret("R1"), metadata_url=CALLBACK)
	assert caught.value.retry_after == 77


def test_token_requests_are_counted():
	with ScriptedServer(answer(RENEWED)) as server, patience(0):
		one = kb(server.url, ledger=MemoryLedger(), limits=RateLimits(token_calls=1))
		one.renew(CONSENT, Secret("R1"), metadata_url=CALLBACK)
		with pytest.raises(errors.RateLimited):
			one.renew(CONSENT, Secret("R1"), metadata_url=CALLBACK)
	assert len(server.requests) == 1


def test_a_consent_ends_after_twelve_months():
	one = kb("http://127.0.0.1:1")
	live = at(one, NOW).consent(CONSENT)
	assert (live.standing, live.expires_at, str(live.valid_until)) == (
		ConsentStanding.VALID,
		END,
		"2027-09-08",
	)
	assert at(one, NOW).items(TOKEN)[0].status is ItemStatus.OK
	over = at(one, END).consent(CONSENT)
	assert (over.standing, over.end_reason) == (ConsentStanding.ENDED, EndReason.EXPIRED)
	assert one.item(TOKEN, CONSENT).status is ItemStatus.ACTION_REQUIRED
	assert one.consent_status("an id of another time").standing is ConsentStanding.VALID


@pytest.mark.parametrize(
	("begun", "months", "ends"),
	[
		((2028, 2, 29), 12, (2029, 2, 28)),
		((2026, 12, 31), 2, (2027, 2, 28)),
		((2026, 1, 31), 12, (2027, 1, 31)),
	],
)
def test_months_are_the_calendars(begun, months, ends):
	assert oauth.add_months(datetime(*begun, tzinfo=timezone.utc), months) == datetime(
		*ends, tzinfo=timezone.utc
	)


@pytest.mark.parametrize(
	("query", "context", "code", "error"),
	[
		({"code": "c.1", "iss": "https://caas.kb.cz", "client_id": "x", "state": "s1"}, "s1", "c.1", None),
		({"error": "access_denied", "state": "s1"}, "s1", None, "access_denied"),
		({"error": "<script>", "state": "s1"}, "s1", None, "invalid_error"),
		({"code": "c", "error": "access_denied"}, None, None, "access_denied"),
		({"code": "a b", "state": "s/1"}, None, None, None),
		({}, None, None, None),
	],
)
def test_what_the_browser_brings_back(query, context, code, error):
	got = kb("http://127.0.0.1:1").parse_return(query)
	assert (got.context, got.error, got.success) == (context, error, code is not None)
	assert (got.code.reveal() if got.code else None) == code


def test_a_consent_is_revoked_where_a_path_is_set():
	with ScriptedServer(answer("", 200)) as server:
		with pytest.raises(errors.Unsupported):
			kb(server.url).revoke(Secret("R1"))
		kb(server.url, **{"name.path_revoke": "/oauth2/v3/revoke"}).revoke(Secret("R1"))
	(sent,) = server.requests
	assert sent.target == "/oauth2/v3/revoke" and form_of(sent)["token"] == "R1"


def test_the_check_proves_who_we_are():
	with ScriptedServer(oauth_error("invalid_grant"), oauth_error("invalid_client", 401)) as server:
		kb(server.url).check()
		with pytest.raises(errors.ConfigurationError):
			kb(server.url).check()


# Registration


# KB's own example (wiki of adaa-client, "Application registration").
VECTOR_KEY = Secret("Ri1KYU5kUmdVa1hwMnM1djh5L0I/RShIK0tiUGVTaFY=")
VECTOR_SALT = "xrvaINMLqotAbWRK"
VECTOR_DATA = (
	"RtGNAS-zQOxSB8W0HfqJjCoyt9KgImW_l-HjVC40hOOl-RNfRF3hzDIT1kvFVF8i_KX9XmqAftb6lyq-jLCEc_MSgqt3q1ixv3Ez4SbS3G5e3qGz"
	"LwxIMi2sCt00aDNwK2ipsJ4aw8s7ePPnl4oY-y1st9rwCWR0rrgEZwS9jmS4uJWGPn9K3jbKRnMslznDbtFLNJctMVXBTP-cv47JelxLCBOQSlK2"
	"9rMuEFrhHR_VQrPq6gtZaBVSXZSYT0XOklp7nu9mVhrMCRtBCC5oiu5MPE5JYx4ANo3hUY7_NyQl2bpn9GfRXrdvqRGE-gy2upj-cDkm0t_tV8xm"
	"Yge9DBQTH3B_4BGl2qTk_o-m7pEmKkS8XSdQhGcuFlykqrkE8SzB5I8esfzWOM0pwxbz0H_VaylKYHY="
)


def seal(plain, key):
	nonce = b"\x01" * 12
	sealed = AESGCM(base64.b64decode(key.reveal())).encrypt(nonce, json.dumps(plain).encode(), None)
	return tuple(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (nonce, sealed))


def test_kbs_published_example_opens():
	plain = setup.open_sealed(
		base64.b64decode(VECTOR_KEY.reveal()), setup._base64url(VECTOR_SALT), setup._base64url(VECTOR_DATA)
	)
	assert json.loads(plain) == {
		"client_id": "Mekkezbozi-6533",
		"client_secret": "OkhnY9uoKowMGH9jUrcqIw",
		"api_key": "NOT_PROVIDED",
		"application_type": "web",
		"redirect_uris": ["http://127.0.0.1"],
		"client_name": "Měkké zboží",
		"client_name#en-US": "Soft ware",
		"logo_uri": "http://www.sotf-ware.cz/logo.png",
		"contact": "test@test.org",
	}
	got = kb("http://127.0.0.1:1").read_registration(VECTOR_SALT, VECTOR_DATA, VECTOR_KEY)
	assert (got.client_id, got.name, got.redirect_uris) == (
		"Mekkezbozi-6533",
		"Měkké zboží",
		("http://127.0.0.1",),
	)


@pytest.mark.parametrize("as_text", [False, True])
def test_a_registration_is_read(as_text):
	uris = ["https://client.example.org/a", "https://client.example.org/b"]
	key = setup.new_key()
	salt, data = seal(
		{
			"client_name": "ExampleClient",
			"redirect_uris": ", ".join(uris) if as_text else uris,
			"scopes": ["adaa", "bpisp"],
			"client_id": "ExampleClient-9420",
			"client_secret": "bUfDQ1fMmfaSlZBZXlxBOQ",
			"client_id_issued_at": 1649407196,
			"state": "client123",
		},
		key,
	)
	got = kb("http://127.0.0.1:1").read_registration(salt, data, key)
	assert (got.client_id, got.client_secret.reveal()) == ("ExampleClient-9420", "bUfDQ1fMmfaSlZBZXlxBOQ")
	assert (got.redirect_uris, got.scopes, got.state) == (tuple(uris), ("adaa", "bpisp"), "client123")
	assert got.issued_at == datetime(2022, 4, 8, 8, 39, 56, tzinfo=timezone.utc)
	assert "bUfDQ1" not in repr(got)
	with pytest.raises(errors.InvalidRequest, match="begin it again"):
		kb("http://127.0.0.1:1").read_registration(salt, data, setup.new_key())


def test_any_changed_byte_is_found():
	key = setup.new_key()
	salt, data = seal({"client_id": "a", "client_secret": "b"}, key)
	raw_bytes = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
	for place in range(len(raw_bytes)):
		changed = bytearray(raw_bytes)
		changed[place] ^= 1
		with pytest.raises(errors.InvalidRequest):
			setup.read_registration(salt, base64.urlsafe_b64encode(bytes(changed)).decode(), key)
	with pytest.raises(errors.MalformedResponse):
		setup.read_registration(*seal({"client_id": "a"}, key), key)


@given(st.text(max_size=60), st.text(max_size=200))
def test_no_garbage_is_a_registration(salt, data):
	with pytest.raises(errors.InvalidRequest):
		setup.read_registration(salt, data, VECTOR_KEY)


def test_keys_are_whole_and_new():
	keys = {setup.new_key().reveal() for _ in range(20)}
	assert len(keys) == 20 and all(len(base64.b64decode(key)) == 32 for key in keys)
	fixed = kb("http://127.0.0.1:1", registration_key=VECTOR_KEY.reveal())
	assert fixed.new_registration_key() == VECTOR_KEY
	assert kb("http://127.0.0.1:1").new_registration_key() != VECTOR_KEY


def test_the_registrations_page():
	key = setup.new_key()
	one = kb(
		"http://127.0.0.1:1", registration_page="https://page.test/client-registration-ui/v2/saml/register"
	)
	application = Application("Nejlepší produkt", (CALLBACK,), ("adaa", "bpisp"), "a.b.c", "Best product")
	link = one.registration_url(application, key, "state-1")
	assert isinstance(link, Secret) and "page.test" not in repr(link)
	query = parse_qs(urlsplit(link.reveal()).query, strict_parsing=True)
	assert query["state"] == ["state-1"]
	assert json.loads(base64.b64decode(query["registrationRequest"][0], validate=True)) == {
		"clientName": "Nejlepší produkt",
		"clientNameEn": "Best product",
		"applicationType": "web",
		"redirectUris": [CALLBACK],
		"scope": ["adaa", "bpisp"],
		"softwareStatement": "a.b.c",
		"encryptionAlg": "AES-256",
		"encryptionKey": key.reveal(),
	}
	for changes in ({"scopes": ("aisp",)}, {"scopes": ()}, {"redirect_uris": ()}):
		wrong = Application(
			**{
				**{"name": "x", "redirect_uris": (CALLBACK,), "scopes": ("adaa",), "statement": "s"},
				**changes,
			}
		)
		with pytest.raises(errors.InvalidRequest):
			one.registration_url(wrong, key, "state-1")
	with pytest.raises(errors.InvalidRequest):
		one.registration_url(application, Secret("c2hvcnQ="), "state-1")


def jws(**claims):
	parts = ({"alg": "RS256", "typ": "JWT"}, {"iss": "Komerční Banka a.s.", "exp": 1_800_000_000, **claims})
	encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
	return ".".join((*encoded, "c2lnbmF0dXJl"))


@pytest.mark.parametrize("status", [200, 201])
def test_a_software_statement_is_read(status):
	text = jws(vendorName="Firma s.r.o.", vendorRegistrationNumber="12345678")
	with ScriptedServer(answer(text, status, "text/plain; charset=utf-8")) as server:
		got = kb(server.url).software_statement(SOFTWARE)
	assert got.text == text and got.expires_at == datetime.fromtimestamp(1_800_000_000, timezone.utc)
	assert (got.vendor, got.vendor_number) == ("Firma s.r.o.", "12345678")
	(sent,) = server.requests
	assert (sent.method, sent.target) == ("POST", "/client-registration/v3/software-statements")
	assert sent.headers["apikey"] == "key-of-registration"
	assert json.loads(sent.body) == {
		"softwareName": "Nejlepší produkt",
		"softwareNameEn": "Nejlepší produkt",
		"softwareId": "f64bf2e447e545228c78e07b081a82ee",
		"softwareVersion": "1.0",
		"redirectUris": [CALLBACK],
		"registrationBackUri": "https://gateway.test/back",
		"tokenEndpointAuthMethod": "client_secret_post",
		"grantTypes": ["authorization_code", "refresh_token"],
		"responseTypes": ["code"],
		"contacts": ["email: ops@gateway.test"],
	}


def test_the_request_for_a_statement_is_that_of_the_published_file():
	needed(REGISTRATION)
	full = replace(
		SOFTWARE, uri="https://a.test/", logo_uri="https://a.test/l.png", tos_uri="https://a.test/t"
	)
	with ScriptedServer(answer(jws(), 201, "text/plain; charset=utf-8")) as server:
		kb(server.url).software_statement(full)
	(sent,) = server.requests
	# The file is version 1, whose grant types lack `refresh_token`: versions 2 and 3 send both (2.3).
	body = json.loads(sent.body)
	body["grantTypes"].remove("refresh_token")
	sent = sent._replace(body=json.dumps(body).encode())
	check_request(sent, REGISTRATION)
	check_response(sent, jws(), 201, "text/plain; charset=utf-8", REGISTRATION)


@pytest.mark.parametrize(
	("step", "expected", "words"),
	[
		(
			answer(
				json.dumps({"errors": [{"errorCode": "X", "scope": "softwareName", "description": "d"}]}), 422
			),
			errors.InvalidRequest,
			"softwareName",
		),
		(answer("", 400), errors.InvalidRequest, "refuses"),
		(answer(refused(problem("FORBIDDEN")), 403), errors.ConfigurationError, "PostSignum"),
		(answer("", 401), errors.ConfigurationError, "key of this API"),
		(answer("", 404), errors.ConfigurationError, "address"),
		(answer("not a statement", 201, "text/plain"), errors.MalformedResponse, "statement"),
		(answer("a.b", 201, "text/plain"), errors.MalformedResponse, "statement"),
		(answer("", 204), errors.ProviderUnavailable, "fails"),
		(raw(b""), errors.ProviderUnavailable, "connection"),
	],
)
def test_a_statement_that_is_refused(step, expected, words):
	with ScriptedServer(step, answer(jws(), 201, "text/plain")) as server:
		with pytest.raises(expected, match=words):
			kb(server.url, max_attempts="3").software_statement(SOFTWARE)
	assert len(server.requests) == 1


@pytest.mark.parametrize(
	"changes",
	[
		{"name": "four"},
		{"name": "x" * 51},
		{"name_en": "four"},
		{"software_id": ""},
		{"software_id": "x" * 65},
		{"version": ""},
		{"contacts": ()},
		{"contacts": ("a@b", "c@d", "e@f")},
		{"contacts": ("no address",)},
		{"contacts": (f"{'x' * 40}@example.org",)},
		{"redirect_uris": ()},
		{"redirect_uris": ("gateway.test/back",)},
		{"back_uri": ""},
		{"logo_uri": "logo.png"},
	],
)
def test_what_kb_would_refuse_is_not_sent(changes):
	with pytest.raises(errors.InvalidRequest):
		setup.statement_request(replace(SOFTWARE, **changes))


class TlsServer(ScriptedServer):
	"""Demands a client certificate of an authority."""

	def __init__(self, authority, *steps):
		super().__init__(*steps)
		self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		authority.issue_cert("127.0.0.1").configure_cert(self.context)
		authority.configure_trust(self.context)
		self.context.verify_mode = ssl.CERT_REQUIRED
		self.url = self.url.replace("http://", "https://")
		self.peers = []

	def wrap(self, connection):
		wrapped = self.context.wrap_socket(connection, server_side=True)
		self.peers.append(wrapped.getpeercert(True))
		return wrapped


def test_the_statement_shows_the_commercial_certificate():
	authority = trustme.CA()
	issued = authority.issue_cert("client.example.org")
	chain = "".join(blob.bytes().decode() for blob in issued.cert_chain_pems)
	pair = KeyPair(chain, Secret(issued.private_key_pem.bytes().decode()))
	ca = authority.cert_pem.bytes().decode()
	with TlsServer(authority, answer(jws(), 201, "text/plain")) as server:
		config = ProviderConfig(
			"KB",
			"kb",
			"v3",
			server.url,
			"",
			Secret(""),
			settings={"ca_bundle": ca},
			transport=pair,
			secrets=KEYS,
		)
		connector(config, MemoryLedger()).software_statement(SOFTWARE)
		leaf = x509.load_pem_x509_certificate(chain.encode())
		assert x509.load_der_x509_certificate(server.peers[0]) == leaf
		without = ProviderConfig(
			"KB", "kb", "v3", server.url, "", Secret(""), settings={"ca_bundle": ca}, secrets=KEYS
		)
		with pytest.raises(errors.ConfigurationError, match="commercial certificate"):
			connector(without, MemoryLedger()).software_statement(SOFTWARE)


# Settings and names


def settings_of(base_url, **settings):
	config = ProviderConfig("KB", "kb", "v3", base_url, "c", Secret("s"), settings=settings)
	return connector_for(config)._settings


def test_kbs_own_hosts_are_the_defaults_at_kb():
	found = settings_of("https://api-gateway.kb.cz")
	assert found.batch_url == "https://api.kb.cz/directapi/batchda/v3"
	assert found.authorize_url == "https://login.kb.cz/autfe/ssologin"
	assert found.token_url == "https://api-gateway.kb.cz/oauth2/v3/access_token"
	assert found.adaa_url == "https://api-gateway.kb.cz/adaa/v2"
	assert found.registration_url == "https://client-registration.api-gateway.kb.cz/v3"
	assert found.registration_page == "https://api-gateway.kb.cz/client-registration-ui/v2/saml/register"


def test_kbs_sandbox():
	assert settings_of("https://api-gateway.kb.cz", environment="Sandbox") == settings_of(
		"https://api-gateway.kb.cz/sandbox", environment="Sandbox"
	)
	found = settings_of("https://api-gateway.kb.cz/sandbox", environment="Sandbox")
	assert found.token_url == "https://api-gateway.kb.cz/sandbox/oauth2/v3/access_token"
	assert found.adaa_url == "https://api-gateway.kb.cz/sandbox/adaa/v2"
	assert found.authorize_url == "https://api-gateway.kb.cz/sandbox/oauth2-authorization-ui/v3/"
	assert found.registration_url == "https://api-gateway.kb.cz/sandbox/client-registration/v3"
	assert "https://api.kb.cz" not in found.batch_url


@pytest.mark.parametrize(
	"base", ["http://127.0.0.1:1", "https://kb.cz.evil.test", "https://evilkb.cz", "https://[::1"]
)
def test_no_simulator_reaches_the_bank_by_a_default(base):
	try:
		found = settings_of(base)
	except errors.ConfigurationError:
		return
	assert found.batch_url.startswith(base) and "login.kb.cz" not in found.authorize_url


@pytest.mark.parametrize(
	("settings", "words"),
	[
		({"batch_url": "ftp://x"}, "batch_url"),
		({"batch_url": "https://user:x@host/"}, "batch_url"),
		({"token_url": "https://host/a?b"}, "token_url"),
		({"scope": "aisp"}, "scope"),
		({"adaa_version": "v3"}, "adaa_version"),
		({"name_form": "utf-16"}, "name_form"),
		({"refresh_months": "0"}, "refresh_months"),
		({"most_payments": "-1"}, "most_payments"),
		({"pkce": "perhaps"}, "pkce"),
		({"time_zone": "Europe/Nowhere"}, "time_zone"),
		({"name.path_batches": "no path"}, "path_batches"),
		({"name.path_status": "/status"}, "batch"),
		({"name.path_batches": ""}, "path_batches"),
		({"name.header_mode": "a: b"}, "header_mode"),
		({"name.unknown": "x"}, "unknown"),
	],
)
def test_a_setting_that_cannot_be_meant_is_named(settings, words):
	with pytest.raises(errors.ConfigurationError, match=words):
		settings_of("https://api-gateway.kb.cz", **settings)


def test_secrets_stay_hidden():
	one = kb("http://127.0.0.1:1")
	assert not {"client-secret-1", "key-of-adaa"} & set(re.findall(r"[\w-]+", repr(one.config)))
