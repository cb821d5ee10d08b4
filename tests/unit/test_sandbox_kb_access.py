"""KB's registration and CAAS (protocol 2)."""

import base64
import json
import os
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID
from kb_harness import CALLBACK, KbClient
from kb_spec import REGISTRATION, check_answer

from bank_api.sandbox.kb.client import Credentials
from bank_api.sandbox.kb.data import CLERK, COMPANY_ID, MAIN, NO_CHANNEL
from bank_api.sandbox.page import SandboxError

SOFTWARE = {
	"softwareName": "Nejlepší produkt",
	"softwareNameEn": "Best product",
	"softwareId": "f64bf2e447e545228c78e07b081a82ee",
	"softwareVersion": "1.0",
	"redirectUris": [CALLBACK],
	"registrationBackUri": "https://erp.test/back",
	"grantTypes": ["authorization_code", "refresh_token"],
	"contacts": ["email: example@goodsoft.com"],
}
YEAR = 365 * 86400


def query(location: str) -> dict[str, str]:
	return dict(parse_qsl(urlsplit(location).query))


def claims(token: str) -> dict[str, Any]:
	part = token.split(".")[1]
	return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.fixture
def certificate(kb) -> Credentials:
	return kb.kb.credentials()


class Statements:
	"""Asks for software statements."""

	def __init__(self, kb, folder) -> None:
		self.info, self.folder = kb.kb.info(), folder
		(folder / "ca.pem").write_text(self.info["ca"])

	def post(self, credentials=None, body: Any = SOFTWARE, version: int = 3, **headers: str | None):
		files = None
		if credentials is not None:
			files = (self.folder / "c.pem", self.folder / "k.pem")
			files[0].write_text(credentials.chain)
			files[1].write_text(credentials.key)
			files = tuple(map(str, files))
		usual = {"apiKey": self.info["api_keys"]["registration"], "x-correlation-id": str(uuid.uuid4())}
		sent = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
		return requests.post(
			f"{self.info['url']}/v{version}/software-statements",
			data=body if isinstance(body, bytes) else json.dumps(body).encode(),
			headers={n: v for n, v in {**sent, "Content-Type": "application/json"}.items() if v is not None},
			cert=files,
			verify=str(self.folder / "ca.pem"),
			timeout=30,
		)


@pytest.fixture
def statements(kb, tmp_path) -> Statements:
	return Statements(kb, tmp_path)


class TestSoftwareStatement:
	def test_it_is_signed_and_holds_a_year(self, kb, statements, certificate):
		answer = statements.post(certificate)
		assert (answer.status_code, answer.headers["Content-Type"]) == (201, "text/plain; charset=utf-8")
		check_answer(REGISTRATION, "/v3", answer)
		key = serialization.load_pem_public_key(kb.kb.info()["public_key"].encode())
		import jwt  # another library than the one that signed

		read = jwt.decode(answer.text, key, ["RS256"], options={"verify_exp": False, "verify_iat": False})
		assert read["exp"] - read["iat"] == YEAR
		assert read["vendorRegistrationNumber"] == COMPANY_ID
		assert read["redirectUris"] == [CALLBACK]

	def test_no_certificate(self, statements):
		assert statements.post().status_code == 403

	@pytest.mark.parametrize("spoilt", [{"other": True}, {"expired": True}])
	def test_a_certificate_that_is_not_accepted(self, kb, statements, spoilt):
		answer = statements.post(kb.kb.credentials(**spoilt))
		assert answer.status_code == 403
		assert answer.json()["errors"][0]["description"] == "Invalid certificate or token"

	def test_a_self_signed_one(self, kb, statements):
		key = ec.generate_private_key(ec.SECP256R1())
		name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "self")])
		now = datetime(2026, 1, 1, tzinfo=timezone.utc)
		builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
		made = builder.serial_number(7).not_valid_before(now).not_valid_after(now + timedelta(days=900))
		text = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
		pem = key.private_bytes(
			serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
		).decode()
		kb.kb.admit(text)
		assert statements.post(Credentials(text, pem)).status_code == 403

	def test_a_revoked_one(self, kb, statements, certificate):
		kb.kb.revoke_certificate(certificate.serial)
		assert statements.post(certificate).status_code == 403

	def test_one_that_the_clock_has_outlived(self, kb, statements, certificate):
		kb.advance(366 * 86400)
		assert statements.post(certificate).status_code == 403

	@pytest.mark.parametrize(
		("change", "place"),
		[
			({"softwareName": "abcd"}, "softwareName"),
			({"softwareId": "x" * 65}, "softwareId"),
			({"redirectUris": []}, "redirectUris"),
			({"redirectUris": ["not a uri"]}, "redirectUris"),
			({"registrationBackUri": None}, "registrationBackUri"),
			({"contacts": ["phone: 1"]}, "contacts"),
			({"contacts": None}, "contacts"),
			({"grantTypes": ["implicit"]}, "grantTypes"),
			({"tokenEndpointAuthMethod": "none"}, "tokenEndpointAuthMethod"),
		],
	)
	def test_values(self, statements, certificate, change, place):
		answer = statements.post(certificate, {**SOFTWARE, **change})
		assert (answer.status_code, answer.json()["errors"][0]["scope"]) == (422, place)
		check_answer(REGISTRATION, "/v3", answer)

	def test_the_first_version_knows_one_grant_and_needs_no_contact(self, statements, certificate):
		body = {**SOFTWARE, "grantTypes": ["authorization_code"], "contacts": None}
		assert statements.post(certificate, body, version=1).status_code == 201
		assert statements.post(certificate, SOFTWARE, version=1).status_code == 422

	def test_headers(self, statements, certificate):
		assert statements.post(certificate, x_correlation_id=None).status_code == 400
		braced = statements.post(certificate, x_correlation_id=f"{{{uuid.uuid4()}}}")
		assert braced.status_code == 400
		check_answer(REGISTRATION, "/v3", braced)
		fault = statements.post(certificate, apiKey=f"Bearer {statements.info['api_keys']['registration']}")
		root = ElementTree.fromstring(fault.content)
		assert (fault.status_code, root.tag) == (401, "{http://wso2.org/apimanager}fault")
		assert root.findtext("{http://wso2.org/apimanager}code") == "900901"

	def test_not_json(self, statements, certificate):
		assert statements.post(certificate, b"{").status_code == 400


class TestApplication:
	def request(self, key: bytes, statement: str, **changes: Any) -> str:
		body = {
			"clientName": "Příklad ERP",
			"clientNameEn": "Example ERP",
			"applicationType": "web",
			"redirectUris": [CALLBACK],
			"scope": ["adaa", "bpisp"],
			"softwareStatement": statement,
			"encryptionAlg": "AES-256",
			"encryptionKey": base64.b64encode(key).decode(),
			**changes,
		}
		return base64.b64encode(json.dumps(body).encode()).decode()

	def test_the_answer_is_for_the_key_that_was_sent(self, kb, statements, certificate):
		key = os.urandom(32)
		link = kb.kb.register_url(self.request(key, statements.post(certificate).text), "st")
		location = kb.kb.walk(link)
		assert location.startswith("https://erp.test/back?")
		back = query(location)
		assert back["state"] == "st"
		assert "=" not in back["salt"] + back["encryptedData"]
		nonce, sealed = (base64.urlsafe_b64decode(back[n] + "==") for n in ("salt", "encryptedData"))
		assert len(nonce) == 12
		read = json.loads(AESGCM(key).decrypt(nonce, sealed, None))
		assert read["redirect_uris"] == [CALLBACK]
		assert read["client_id"].startswith("ExampleERP-")
		assert len(read["client_secret"]) == 22
		link = kb.kb.authorize_url(read["client_id"], CALLBACK, "bpisp", "s")
		assert query(kb.kb.walk(link))["client_id"] == read["client_id"]

	def test_refused(self, kb, statements, certificate):
		link = kb.kb.register_url(self.request(os.urandom(32), statements.post(certificate).text), "st")
		assert query(kb.kb.walk(link, refuse_at="register")) == {"error": "access_denied", "state": "st"}

	@pytest.mark.parametrize(
		"change",
		[
			{"encryptionKey": base64.b64encode(b"short").decode()},
			{"redirectUris": ["https://elsewhere.test/"]},
			{"softwareStatement": "a.b.c"},
			{"scope": ["all"]},
			{"applicationType": "native"},
		],
	)
	def test_what_cannot_be_accepted(self, kb, statements, certificate, change):
		link = kb.kb.register_url(self.request(os.urandom(32), statements.post(certificate).text, **change))
		with pytest.raises(SandboxError, match="notice_bad_request"):
			kb.kb.walk(link)

	def test_a_statement_lasts_a_year(self, kb, statements, certificate):
		request = self.request(os.urandom(32), statements.post(certificate).text)
		kb.advance(YEAR)
		with pytest.raises(SandboxError, match="notice_bad_request"):
			kb.kb.walk(kb.kb.register_url(request))


class TestConsent:
	def test_the_human_chooses_the_accounts(self, kb, kb_client):
		link = kb.kb.authorize_url(kb_client.app["client_id"], CALLBACK, "adaa bpisp", "x y")
		location = kb.kb.walk(link, accounts=[MAIN])
		assert query(location)["state"] == "x y"
		assert query(location)["iss"] == "https://caas.kb.cz/openam/oauth2"
		assert kb.kb.consents()[-1]["accounts"] == [MAIN]

	def test_a_clerk_sees_one_account(self, kb, kb_client):
		link = kb.kb.authorize_url(kb_client.app["client_id"], CALLBACK, "bpisp")
		kb.kb.walk(link, CLERK)
		assert kb.kb.consents()[-1]["accounts"] == [MAIN]

	def test_refused(self, kb, kb_client):
		link = kb.kb.authorize_url(kb_client.app["client_id"], CALLBACK, "bpisp", "s")
		assert query(kb.kb.walk(link, refuse_at="code")) == {"error": "access_denied", "state": "s"}

	@pytest.mark.parametrize(
		"changes", [{"redirect_uri": CALLBACK + "/"}, {"scope": "aisp"}, {"client_id": "x"}]
	)
	def test_what_was_not_registered(self, kb, kb_client, changes):
		values = {
			"client_id": kb_client.app["client_id"],
			"redirect_uri": CALLBACK,
			"scope": "bpisp",
			**changes,
		}
		with pytest.raises(SandboxError, match="notice_bad_client"):
			kb.kb.walk(kb.kb.authorize_url(**values))

	def test_three_wrong_codes_end_it(self, kb, kb_client):
		link = kb.kb.authorize_url(kb_client.app["client_id"], CALLBACK, "bpisp", "s")
		assert query(kb.kb.walk(link, code="000000"))["error"] == "access_denied"


class TestTokens:
	def test_lifetimes_as_documented(self, kb, kb_client):
		answer = kb_client.exchange(kb.kb.consent(kb_client.app["client_id"])["location"])
		body = answer.json()
		assert (body["token_type"], body["expires_in"]) == ("Bearer", 180)
		assert claims(body["access_token"])["cts"] == "OAUTH2_STATELESS_GRANT"
		assert kb_client.get("/adaa/v2/accounts").ok
		kb.advance(180)
		assert kb_client.get("/adaa/v2/accounts").status_code == 401
		refreshed = kb_client.refresh().json()
		assert "refresh_token" not in refreshed
		assert kb_client.get("/adaa/v2/accounts").ok

	def test_a_code_lives_two_minutes(self, kb, kb_client):
		location = kb.kb.consent(kb_client.app["client_id"])["location"]
		kb.advance(120)
		answer = kb_client.exchange(location)
		assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")

	def test_a_code_serves_once_and_its_tokens_die_with_the_second_try(self, kb_client):
		assert kb_client.exchange(kb_client.back).json()["error"] == "invalid_grant"
		assert kb_client.get("/adaa/v2/accounts").status_code == 401
		assert kb_client.refresh().json()["error"] == "invalid_grant"

	def test_the_refresh_token_ends_after_twelve_months(self, kb, kb_client):
		kb.clock(set="2027-09-08T06:59:00Z")
		kb.call("DELETE", "/limits")
		assert kb_client.refresh().ok
		kb.clock(set="2027-09-08T07:01:00Z")
		assert kb_client.refresh().json()["error"] == "invalid_grant"

	def test_the_redirect_uri_is_needed_on_refresh(self, kb_client):
		assert kb_client.refresh(redirect_uri=None).json()["error"] == "invalid_request"
		assert kb_client.exchange("x?code=1", redirect_uri=None).json()["error"] == "invalid_grant"

	def test_rotation_is_a_switch(self, kb, kb_client):
		kb.kb.switches(refresh_rotation=True)
		old, fresh = kb_client.refresh_token, kb_client.refresh().json()["refresh_token"]
		assert fresh != old
		assert kb_client.refresh().json()["error"] == "invalid_grant"

	def test_a_wrong_secret(self, kb_client):
		answer = kb_client.refresh(client_secret="x")
		assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

	def test_too_many_requests(self, kb, kb_client):
		kb.kb.switches(token_limit=3)
		statuses = [kb_client.refresh().status_code for _ in range(4)]
		assert statuses[-1] == 429
		last = kb_client.refresh()
		assert 0 < int(last.headers["Retry-After"]) <= 180
		kb.advance(181)
		assert kb_client.refresh().ok

	def test_revocation(self, kb_client):
		assert kb_client.form("/oauth2/v3/revoke", token=kb_client.refresh_token).status_code == 200
		assert kb_client.refresh().json()["error"] == "invalid_grant"
		assert kb_client.get("/adaa/v2/accounts").status_code == 401

	def test_keys_differ_by_api(self, kb_client):
		key = kb_client.info["api_keys"]["oauth2"]
		assert kb_client.get("/adaa/v2/accounts", kb_client.headers(apiKey=key)).status_code == 401

	def test_a_scope_that_was_not_given(self, kb):
		client = KbClient(kb, "bpisp")
		answer = client.get("/adaa/v2/accounts")
		assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "FORBIDDEN")

	def test_the_service_is_authorised_anew_every_year(self, kb, kb_client):
		kb.kb.put_user(service_until=0)
		path = "/directapi/batchda/v3/batchPayments/x"
		assert kb_client.get(path).json()["errors"][0]["code"] == "AG01"
		kb.kb.channel().renew()
		assert kb_client.get(path).json()["errors"][0]["code"] == "TRANSACTION_MISSING"

	def test_without_internet_banking_nobody_authorises(self, kb):
		with pytest.raises(SandboxError, match="login"):
			kb.kb.channel(NO_CHANNEL)
