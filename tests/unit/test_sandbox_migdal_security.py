"""Migdal's door: certificates, Digest, Signature, roles, dates (issue 3 section 4, protocol 5.5)."""

import base64
import dataclasses
import ssl
import uuid
from datetime import datetime, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from migdal_tpp import COMPANY, CONSENTS, CUSTOMER, Client, key_id_of, session_for

from bank_api.sandbox.client import SandboxError
from bank_api.sandbox.migdal import der, key_id
from bank_api.sandbox.migdal.authority import qc_statements
from bank_api.sandbox.migdal.client import Credentials
from bank_api.sandbox.migdal.verifier import parse_signature, read_statements

EMPTY = "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
BRACES = "SHA-256=RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o="


def code_of(answer: requests.Response) -> tuple[int, str]:
	if answer.ok:
		return answer.status_code, ""
	return answer.status_code, answer.json()["tppMessages"][0]["code"]


def with_signing(client: Client, signing: Credentials, folder: Path) -> Client:
	return Client(client.control, dataclasses.replace(client.tpp, signing=signing), folder)


def with_transport(client: Client, transport: Credentials, folder: Path) -> Client:
	return Client(client.control, dataclasses.replace(client.tpp, transport=transport), folder)


class TestTls:
	def test_a_client_without_a_certificate_is_dropped_in_the_handshake(self, client, migdal_tpp, tmp_path):
		session = session_for(None, migdal_tpp.ca, tmp_path)
		with pytest.raises(requests.exceptions.ConnectionError):
			session.get(f"{client.url}/.well-known/oauth-authorization-server", timeout=10)

	def test_or_is_told_so_by_switch(self, migdal, client, migdal_tpp, tmp_path):
		migdal.migdal.switches(client_certificate="optional")
		session = session_for(None, migdal_tpp.ca, tmp_path)
		answer = session.post(f"{client.url}/oauth/token", data={"grant_type": "x"}, timeout=10)
		assert code_of(answer) == (401, "CERTIFICATE_MISSING")

	def test_a_certificate_that_nobody_issued_is_dropped(self, client, migdal_tpp, tmp_path):
		import trustme

		leaf = trustme.CA().issue_cert("tpp.sim.example")
		own = Credentials(leaf.cert_chain_pems[0].bytes().decode(), leaf.private_key_pem.bytes().decode())
		session = session_for(own, migdal_tpp.ca, tmp_path)
		with pytest.raises(requests.exceptions.ConnectionError):
			session.get(f"{client.url}/.well-known/oauth-authorization-server", timeout=10)

	def test_the_server_is_verified_by_the_root_only(self, client, migdal_tpp, tmp_path):
		session = requests.Session()
		with pytest.raises(requests.exceptions.SSLError):
			session.get(client.url, timeout=10)
		assert client.create().status_code == 201

	def test_old_tls_is_refused(self, client, migdal_tpp):
		context = ssl.create_default_context(cadata=migdal_tpp.ca)
		context.minimum_version = ssl.TLSVersion.TLSv1
		context.maximum_version = ssl.TLSVersion.TLSv1_1
		import socket

		host, port = client.url.removeprefix("https://").split(":")
		with pytest.raises((ssl.SSLError, OSError)), socket.create_connection((host, int(port)), 10) as plain:
			context.wrap_socket(plain, server_hostname=host)


class TestCertificates:
	@pytest.mark.parametrize(
		("options", "code"),
		[
			({"expired": True}, "CERTIFICATE_EXPIRED"),
			({"not_before": "2099-01-01", "not_after": "2099-02-01"}, "CERTIFICATE_EXPIRED"),
			({"other": True}, "CERTIFICATE_INVALID"),
			({"by": "Signing"}, "CERTIFICATE_INVALID"),
			({"roles": ["PSP_PI"]}, "ROLE_INVALID"),
			({"roles": []}, "ROLE_INVALID"),
		],
	)
	def test_a_bad_transport_certificate(self, client, tmp_path, options, code):
		transport = client.control.migdal.credentials("Transport", **options)
		assert code_of(with_transport(client, transport, tmp_path).create()) == (401, code)

	@pytest.mark.parametrize(
		("options", "code"),
		[
			({"expired": True}, "CERTIFICATE_EXPIRED"),
			({"other": True}, "CERTIFICATE_INVALID"),
			({"by": "Transport"}, "CERTIFICATE_INVALID"),
			({"roles": ["PSP_PI"]}, "ROLE_INVALID"),
			({"client_id": "PSDIL-CMA-999999999"}, "CERTIFICATE_INVALID"),
		],
	)
	def test_a_bad_signing_certificate(self, client, tmp_path, options, code):
		signing = client.control.migdal.credentials("Signing", **options)
		assert code_of(with_signing(client, signing, tmp_path).create()) == (401, code)

	def test_the_two_must_not_be_swapped(self, client, tmp_path):
		assert code_of(with_signing(client, client.tpp.transport, tmp_path).create()) == (
			401,
			"CERTIFICATE_INVALID",
		)
		assert code_of(with_transport(client, client.tpp.signing, tmp_path).create()) == (
			401,
			"CERTIFICATE_INVALID",
		)

	@pytest.mark.parametrize("which", ["transport", "signing"])
	@pytest.mark.parametrize(
		("status", "code"), [("revoked", "CERTIFICATE_REVOKED"), ("blocked", "CERTIFICATE_BLOCKED")]
	)
	def test_a_certificate_that_its_authority_takes_back(self, migdal, client, which, status, code):
		serial = getattr(client.tpp, which).serial
		migdal.migdal.revoke(serial, status)
		try:
			assert code_of(client.create()) == (401, code)
		finally:
			migdal.migdal.revoke(serial, "good")
		assert client.create().status_code == 201

	def test_a_certificate_runs_out_on_the_sandboxs_clock(self, migdal, client):
		migdal.advance(366 * 86400)
		assert code_of(client.create()) == (401, "CERTIFICATE_EXPIRED")

	def test_roles_need_not_be_there_by_switch(self, migdal, client, tmp_path):
		migdal.migdal.switches(role_check=False)
		signing = migdal.migdal.credentials("Signing", roles=[])
		assert with_signing(client, signing, tmp_path).create().status_code == 201

	def test_an_issued_certificate_holds_what_the_request_said(self, migdal, migdal_tpp):
		leaf = x509.load_pem_x509_certificate(migdal_tpp.signing.chain.encode())
		assert "PSDIL-CMA-516000001" in leaf.subject.rfc4514_string()
		assert leaf.serial_number.bit_length() == 159
		usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
		assert usage.digital_signature and usage.content_commitment
		assert migdal_tpp.signing.chain.count("BEGIN CERTIFICATE") == 2

	def test_a_request_without_its_own_signature_or_identifier_is_not_served(self, migdal):
		with pytest.raises(SandboxError, match="PEM certificate request"):
			migdal.migdal.issue("nonsense", "Signing")
		with pytest.raises(SandboxError, match="usage must be"):
			migdal.migdal.issue("nonsense", "Other")


class TestSignature:
	def test_a_signed_request_passes_and_its_string_is_in_the_log(self, migdal, client):
		answer = client.create()
		assert answer.status_code == 201
		assert answer.headers["X-Request-ID"] == answer.request.headers["X-Request-ID"]
		log = migdal.migdal.requests(CONSENTS)[-1]
		assert log["signing_string"].splitlines()[2:4] == [
			f"psu-id: {CUSTOMER}",
			f"psu-corporate-id: {COMPANY}",
		]

	@pytest.mark.parametrize("name", ["X-Request-ID", "PSU-ID", "PSU-Corporate-ID", "TPP-Redirect-URI"])
	def test_a_signed_header_that_was_changed(self, client, name):
		other = {
			"X-Request-ID": str(uuid.uuid4()),
			"PSU-ID": "999888001",
			"PSU-Corporate-ID": "512237744",
			"TPP-Redirect-URI": "https://evil.example/cb",
		}[name]
		assert code_of(client.create(spoil={name: other})) == (401, "SIGNATURE_INVALID")

	@pytest.mark.parametrize("name", ["PSU-ID", "PSU-Corporate-ID", "TPP-Redirect-URI"])
	def test_a_signed_header_that_was_dropped(self, client, name):
		assert code_of(client.create(spoil={name: None})) == (401, "SIGNATURE_INVALID")

	@pytest.mark.parametrize(
		"missing", ["digest", "x-request-id", "psu-id", "psu-corporate-id", "tpp-redirect-uri"]
	)
	def test_a_header_that_must_be_signed(self, client, missing):
		names = ["digest", "x-request-id", "psu-id", "psu-corporate-id", "tpp-redirect-uri"]
		names.remove(missing)
		assert code_of(client.create(names=names)) == (401, "SIGNATURE_INVALID")

	def test_every_byte_of_the_body_counts(self, client):
		good = client.create()
		body = good.request.body
		for at in range(0, len(body), 25):
			changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
			headers = {n: good.request.headers[n] for n in ("PSU-ID", "PSU-Corporate-ID", "TPP-Redirect-URI")}
			answer = client.call("POST", CONSENTS, body, headers, sent=changed)
			assert code_of(answer) == (401, "SIGNATURE_INVALID"), at

	@pytest.mark.parametrize(
		("header", "value", "code"),
		[
			("Digest", None, "SIGNATURE_INVALID"),
			("Digest", EMPTY, "SIGNATURE_INVALID"),
			("Digest", "MD5=1B2M2Y8AsgTpgAmY7PhCfg==", "SIGNATURE_INVALID"),
			("Signature", None, "SIGNATURE_MISSING"),
			("Signature", 'keyId="a"', "SIGNATURE_INVALID"),
			("TPP-Signature-Certificate", None, "CERTIFICATE_MISSING"),
			("TPP-Signature-Certificate", "!!", "CERTIFICATE_INVALID"),
			("TPP-Signature-Certificate", base64.b64encode(b"no").decode(), "CERTIFICATE_INVALID"),
		],
	)
	def test_what_is_missing_or_broken(self, client, header, value, code):
		assert code_of(client.create(spoil={header: value})) == (401, code)

	def test_an_empty_body_has_the_digest_of_nothing(self, client):
		consent = client.create().json()["consentId"]
		path = f"{CONSENTS}/{consent}/status"
		assert client.call("GET", path).status_code == 200
		assert code_of(client.call("GET", path, headers={"Digest": BRACES})) == (401, "SIGNATURE_INVALID")

	def test_another_key_than_the_certificates(self, client, migdal_tpp, tmp_path):
		forged = dataclasses.replace(migdal_tpp.signing, key=migdal_tpp.transport.key)
		assert code_of(with_signing(client, forged, tmp_path).create()) == (401, "SIGNATURE_INVALID")

	@pytest.mark.parametrize(
		"algorithm", ["rsa-sha256", "RSA-SHA256", "SHA256withRSA", "rsa-sha512", "SHA512withRSA"]
	)
	def test_algorithms(self, client, algorithm):
		assert client.create(algorithm=algorithm).status_code == 201

	def test_an_algorithm_that_is_not_accepted(self, migdal, client):
		assert code_of(client.create(algorithm="hmac-sha256")) == (401, "SIGNATURE_INVALID")
		assert code_of(client.create(algorithm="ecdsa-sha256")) == (401, "SIGNATURE_INVALID")
		migdal.migdal.switches(signature_algorithms=["rsa-sha512"])
		assert code_of(client.create(algorithm="rsa-sha256")) == (401, "SIGNATURE_INVALID")

	def test_more_headers_may_be_signed_unless_strict(self, migdal, client):
		names = ["digest", "x-request-id", "psu-id", "psu-corporate-id", "tpp-redirect-uri", "psu-ip-address"]
		assert client.create(names=names).status_code == 201
		migdal.migdal.switches(signature_mode="strict")
		assert client.create().status_code == 201
		assert code_of(client.create(names=names)) == (401, "SIGNATURE_INVALID")

	def test_more_headers_must_be_signed_by_switch(self, migdal, client):
		migdal.migdal.switches(also_signed=["psu-ip-address"])
		assert code_of(client.create()) == (401, "SIGNATURE_INVALID")

	@pytest.mark.parametrize("text", [None, "no-uuid", "99391c7ead8849eca2ad99ddcb1f7721"])
	def test_the_request_id_is_a_uuid(self, client, text):
		assert code_of(client.create(spoil={"X-Request-ID": text})) == (400, "FORMAT_ERROR")

	def test_a_request_id_serves_once_by_switch(self, migdal, client):
		migdal.migdal.switches(request_id_once=True)
		headers = {"X-Request-ID": str(uuid.uuid4())}
		assert client.create(headers=headers).status_code == 201
		assert code_of(client.create(headers=headers)) == (400, "FORMAT_ERROR")

	def test_a_date_must_be_near(self, client):
		near = format_datetime(datetime.now(timezone.utc), usegmt=True)
		assert client.create(headers={"Date": near}).status_code == 201
		for text in ("Thu, 05 Jan 2012 21:31:40 GMT", "yesterday"):
			assert code_of(client.create(headers={"Date": text})) == (400, "TIMESTAMP_INVALID")

	def test_only_json_is_offered(self, client):
		assert code_of(client.create(headers={"Accept": "application/xml"})) == (
			406,
			"REQUESTED_FORMATS_INVALID",
		)
		assert client.create(spoil={"Content-Type": "text/plain"}).status_code == 415

	def test_problems_are_the_other_form_of_an_error(self, migdal, client):
		migdal.migdal.switches(error_form="problem")
		answer = client.create(spoil={"Signature": None})
		assert answer.headers["Content-Type"] == "application/problem+json"
		assert answer.json()["code"] == "SIGNATURE_MISSING"

	def test_an_address_that_does_not_exist(self, client):
		assert code_of(client.call("GET", "/v1/nothing")) == (404, "RESOURCE_UNKNOWN")
		assert code_of(client.call("PUT", CONSENTS)) == (405, "SERVICE_INVALID")


# The certificate of protocol section 5.6 and its renderings of section 5.4.
VECTOR = (Path(__file__).parent / "migdal_vector.pem").read_bytes()
SERIAL = "394E517E00D3645F04A08F1609C13FC2F1240001"
RENDERINGS = [
	f"SN={SERIAL},CA=CN=Sim-OpenBankingIL%20Seal%20CA,OU=SIM-OBCA,2.5.4.97=NTRIL-00000000,O=Sim%20Government,C=IL",
	f"SN={SERIAL},CA=CN=Sim-OpenBankingIL Seal CA,OU=SIM-OBCA,2.5.4.97=NTRIL-00000000,O=Sim Government,C=IL",
	f"SN%3D{SERIAL}%2CCA%3DCN%3DSim-OpenBankingIL%20Seal%20CA%2C%20OU%3DSIM-OBCA%2C%202.5.4.97%3DNTRIL-00000000%2C%20O%3DSim%20Government%2C%20C%3DIL",
	f"SN={SERIAL.lower()},CA=CN=Sim-OpenBankingIL%20Seal%20CA,OU=SIM-OBCA,2.5.4.97=#0c0e4e5452494c2d3030303030303030,O=Sim%20Government,C=IL",
	f"SN={SERIAL.lower()},CA=CN=Sim-OpenBankingIL Seal CA, OU=SIM-OBCA, OID.2.5.4.97=NTRIL-00000000, O=Sim Government, C=IL",
	f"SN={SERIAL},CA=CN=Sim-OpenBankingIL Seal CA,OU=SIM-OBCA,organizationIdentifier=NTRIL-00000000,O=Sim Government,C=IL",
]
STYLES = ["percent_spaces", "raw", "percent_all", "rfc2253", "rfc1779", "openssl"]


class TestKeyId:
	@pytest.fixture(scope="class")
	def vector(self) -> Any:
		return x509.load_pem_x509_certificate(VECTOR)

	@pytest.mark.parametrize("text", RENDERINGS)
	def test_every_rendering_fits(self, vector, text):
		assert key_id.fits(text, vector)

	@pytest.mark.parametrize(("style", "text"), list(zip(STYLES, RENDERINGS, strict=True)))
	def test_each_style_is_rendered_exactly(self, vector, style, text):
		assert key_id.exact(vector, style) == text

	def test_the_other_direction_and_small_serials_fit(self, vector):
		text = f"SN=0{SERIAL.lower()},CA=C=IL,O=Sim Government,2.5.4.97=NTRIL-00000000,OU=SIM-OBCA,CN=Sim-OpenBankingIL Seal CA"
		assert key_id.fits(text, vector)

	@pytest.mark.parametrize(
		"text",
		[
			"",
			"SN=1",
			RENDERINGS[0].replace("394E", "394F"),
			RENDERINGS[0].replace("Seal", "Web"),
			RENDERINGS[0].replace(",C=IL", ""),
			RENDERINGS[0].replace("OU=SIM-OBCA,", ""),
			RENDERINGS[0] + ",C=IL",
			"SN=zz,CA=CN=x",
		],
	)
	def test_another_certificate_does_not_fit(self, vector, text):
		assert not key_id.fits(text, vector)

	def test_strict_takes_one_rendering(self, migdal, client):
		migdal.migdal.switches(signature_mode="strict")
		assert client.create().status_code == 201
		raw = key_id_of(client.certificate).replace("%20", " ")
		assert client.create(key_id=raw).status_code == 401
		migdal.migdal.switches(signature_mode="lenient")
		assert client.create(key_id=raw).status_code == 201


class TestReading:
	def test_a_signature_header_is_read_tolerantly(self):
		text = 'keyId="SN=9FA1,CA=CN=D-TRUST, O=x", algorithm="rsa-sha256", headers="digest date", signature=ab+/=='
		assert parse_signature(text) == {
			"keyId": "SN=9FA1,CA=CN=D-TRUST, O=x",
			"algorithm": "rsa-sha256",
			"headers": "digest date",
			"signature": "ab+/==",
		}

	def test_statements_with_and_without_the_outer_sequence(self):
		proper = qc_statements("Signing", ["PSP_AI", "PSP_PI"], "רשות", "IL-CMA")
		assert read_statements(proper) == (("PSP_AI", "PSP_PI"), "0.4.0.1862.1.6.2")
		inner = der.items(der.items(proper)[0][1])
		alone = (
			bytes([0x30, 0x81, len(inner[2][1])])
			if len(inner[2][1]) > 127
			else bytes([0x30, len(inner[2][1])])
		)
		assert read_statements(alone + inner[2][1])[0] == ("PSP_AI", "PSP_PI")

	def test_the_vectors_statements(self):
		certificate = x509.load_pem_x509_certificate(VECTOR)
		for extension in certificate.extensions:
			if extension.oid.dotted_string == "1.3.6.1.5.5.7.1.3":
				assert read_statements(extension.value.value) == (("PSP_AI",), "0.4.0.1862.1.6.2")

	@pytest.mark.parametrize("data", [b"\x30", b"\x30\x05\x01", b"\x30\x82\xff\xff"])
	def test_broken_der_is_an_error(self, data):
		with pytest.raises(der.DerError):
			der.items(data)
