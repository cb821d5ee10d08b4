"""A Berlin Group source that plays a script over real TLS, demands a client certificate, and checks what it gets."""

import base64
import hashlib
import json
import re
import ssl
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier
from scripted_server import Request, ScriptedServer, Step

from bank_api.connectors.model import (
	ConsentRequest,
	KeyPair,
	Presence,
	ProviderConfig,
	RateLimits,
	Secret,
	Token,
)
from bank_api.connectors.rate_ledger import MemoryLedger
from bank_api.connectors.registry import connector_for

ORGANIZATION = "PSDIL-CMA-516000001"
COMPANY = "520004896"
STATE = "0123456789abcdef0123456789abcdef"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
RETURN_URL = "https://gateway.example/bank-api/return"
PRESENCE = Presence("192.0.2.10", "4711", "Firefox/1", "text/html", "he-IL,he")
CONSENTS = "/api/consent/v1.6/consents"
LOANS = "/api/loan/v1.4/loans"


@dataclass(frozen=True)
class Certificates:
	"""Test certificates, made once a process."""

	authority: trustme.CA
	stranger: trustme.CA
	transport: KeyPair
	seal: KeyPair
	seal_certificate: x509.Certificate

	@property
	def ca_bundle(self) -> str:
		return self.authority.cert_pem.bytes().decode()


@lru_cache(maxsize=1)
def certificates() -> Certificates:
	authority, stranger = trustme.CA(), trustme.CA()
	chain, pem = _seal()
	return Certificates(authority, stranger, client_pair(authority), KeyPair(_pem(chain), Secret(pem)), chain)


def client_pair(authority: trustme.CA) -> KeyPair:
	"""A transport certificate of an authority."""
	issued = authority.issue_cert("tpp.example")
	chain = "".join(blob.bytes().decode() for blob in issued.cert_chain_pems)
	return KeyPair(chain, Secret(issued.private_key_pem.bytes().decode()))


def _seal() -> tuple[x509.Certificate, str]:
	key = rsa.generate_private_key(65537, 2048)
	now = datetime.now(timezone.utc)
	issuer = x509.Name(
		[
			x509.NameAttribute(NameOID.COUNTRY_NAME, "IL"),
			x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Sim Government"),
			x509.NameAttribute(NameOID.COMMON_NAME, "Sim Seal CA"),
		]
	)
	subject = x509.Name(
		[
			x509.NameAttribute(NameOID.COUNTRY_NAME, "IL"),
			x509.NameAttribute(ObjectIdentifier("2.5.4.97"), ORGANIZATION),
			x509.NameAttribute(NameOID.COMMON_NAME, "Sim TPP Seal"),
		]
	)
	certificate = (
		x509.CertificateBuilder()
		.subject_name(subject)
		.issuer_name(issuer)
		.public_key(key.public_key())
		.serial_number(0x394E517E00D3645F04A08F1609C13FC2F1240001)
		.not_valid_before(now - timedelta(days=1))
		.not_valid_after(now + timedelta(days=90))
		.sign(key, hashes.SHA256())
	)
	pem = key.private_bytes(
		serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
	)
	return certificate, pem.decode()


def _pem(certificate: x509.Certificate) -> str:
	return certificate.public_bytes(serialization.Encoding.PEM).decode()


class Bank(ScriptedServer):
	"""The source: TLS with a certificate for 127.0.0.1, and the demand for one of ours."""

	def __init__(self, *steps: Step, demands: bool = True):
		super().__init__(*steps)
		made = certificates()
		self.url = self.url.replace("http://", "https://")
		self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		made.authority.issue_cert("127.0.0.1").configure_cert(self.context)
		if demands:
			made.authority.configure_trust(self.context)
			self.context.verify_mode = ssl.CERT_REQUIRED

	def wrap(self, connection: Any) -> Any:
		return self.context.wrap_socket(connection, server_side=True)

	def connector(self, *, ledger: Any = None, config: dict[str, Any] | None = None, **settings: str) -> Any:
		"""Our connector, set up for this source."""
		made = certificates()
		base = ProviderConfig(
			name="Migdal Test",
			connector="berlin_group",
			api_version="1.3",
			base_url=self.url,
			client_id="",
			client_secret=Secret(""),
			connect_timeout=2.0,
			read_timeout=2.0,
			limits=RateLimits(),
			settings={"ca_bundle": made.ca_bundle, "detail_resources": "none", **settings},
			transport=made.transport,
			signing=made.seal,
		)
		speaks = connector_for(replace(base, **(config or {})), ledger or MemoryLedger())
		speaks._client.http(self.url).back_off = lambda attempt: 0.01
		return speaks


def token(**changes: Any) -> Token:
	"""A token of consent `c-1`."""
	base = Token(
		Secret("access-1"),
		datetime.now(timezone.utc) + timedelta(hours=1),
		"",
		consent_id="c-1",
		company=COMPANY,
		frequency_per_day=100,
	)
	return replace(base, **changes)


def consent_request(**changes: Any) -> ConsentRequest:
	"""A bank-offered consent."""
	base = ConsentRequest(
		company=COMPANY,
		psu_id=Secret("999888777"),
		references=(),
		valid_until=date(2027, 12, 31),
		frequency_per_day=4,
		recurring=True,
		state=STATE,
		redirect_url=RETURN_URL,
		code_challenge=CHALLENGE,
		presence=PRESENCE,
	)
	return replace(base, **changes)


def created(links: dict[str, Any] | None = None, **changes: Any) -> str:
	"""A create answer."""
	self_link = {"self": {"href": f"{CONSENTS}/c-1"}}
	wrapped = {name: {"href": value} for name, value in (links or {}).items()}
	return json.dumps(
		{"consentStatus": "received", "consentId": "c-1", "_links": self_link | wrapped} | changes
	)


def loan(**changes: Any) -> dict[str, Any]:
	"""The protocol file's sample loan (4.6)."""
	return {
		"resourceId": "7f0c0d3e-5f4e-4c07-9f3e-0a1b2c3d4e5f",
		"other": {"identification": "1000056782", "schemeNameProprietary": "loanNumber"},
		"currency": "ILS",
		"ownerName": "ישראל ישראלי",
		"product": "הלוואה מפוליסה",
		"cashAccountType": "LOAN",
		"status": "enabled",
		"usage": "PRIV",
		"interest": [
			{"type": "INDE", "rate": [{"percentage": "3.25"}], "fromDateTime": "2023-02-01T00:00:00Z"}
		],
		"relatedDates": {"contractStartDate": "2023-02-01", "contractEndDate": "2030-02-01"},
		"balances": [
			{
				"balanceType": "closingBooked",
				"balanceAmount": {"currency": "ILS", "amount": "-41250.73"},
				"referenceDate": "2025-01-01",
			}
		],
	} | changes


def check_signature(request: Request, expected: str) -> None:
	"""Verify a request as section 5 says, with nothing of our own signing code.

	Args:
		request: as received.
		expected: the list of headers that must be signed, in order.
	"""
	headers = request.headers
	assert headers["digest"] == "SHA-256=" + base64.b64encode(hashlib.sha256(request.body).digest()).decode()
	elements = dict(re.findall(r'(\w+)="([^"]*)"', headers["signature"]))
	assert elements["headers"] == expected
	assert elements["algorithm"] == "rsa-sha256"
	assert elements["keyId"] == (
		"SN=394E517E00D3645F04A08F1609C13FC2F1240001,CA=CN=Sim%20Seal%20CA,O=Sim%20Government,C=IL"
	)
	signed = "\n".join(f"{name}: {headers[name]}" for name in expected.split(" "))
	sent = x509.load_der_x509_certificate(base64.b64decode(headers["tpp-signature-certificate"]))
	assert sent == certificates().seal_certificate
	public: Any = sent.public_key()
	public.verify(
		base64.b64decode(elements["signature"]), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
	)
