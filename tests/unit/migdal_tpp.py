"""A client of Migdal's interface for tests: signs with lines of its own, in nothing the connector's or the verifier's code."""

import base64
import hashlib
import ssl
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from requests.adapters import HTTPAdapter

from bank_api.sandbox.client import SandboxControl
from bank_api.sandbox.migdal.client import Credentials, Tpp

CONSENTS, LOANS = "/api/consent/v1.6/consents", "/api/loan/v1.4/loans"
COMPANY, CUSTOMER, LOAN = "520004896", "999888777", "1000056782"
CALLBACK = "https://tpp.sim.example/cb?x=1"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
MINIMUM = ("digest", "x-request-id", "psu-id", "psu-corporate-id", "tpp-redirect-uri")


def body_of(numbers: list[str] | None = None, **changes: Any) -> dict[str, Any]:
	"""A consent request: BO without numbers, DA with them."""
	references = [{"other": {"identification": number}} for number in numbers or []]
	found = {
		"access": dict.fromkeys(("accounts", "balances", "transactions"), references),
		"recurringIndicator": True,
		"validUntil": "2099-12-31",
		"frequencyPerDay": 4,
		"combinedServiceIndicator": False,
	} | changes
	return {name: value for name, value in found.items() if value is not None}


def key_id_of(certificate: x509.Certificate) -> str:
	names = certificate.issuer.rfc4514_string({x509.ObjectIdentifier("2.5.4.97"): "2.5.4.97"})
	return f"SN={certificate.serial_number:X},CA={names}".replace(" ", "%20")


class _Adapter(HTTPAdapter):
	def __init__(self, context: ssl.SSLContext) -> None:
		self.context = context
		super().__init__()

	def init_poolmanager(self, *args: Any, **values: Any) -> None:
		super().init_poolmanager(*args, **values, ssl_context=self.context)


def session_for(transport: Credentials | None, ca: str, folder: Path) -> requests.Session:
	"""Open a session with a client certificate, trusting only the sandbox's root."""
	context = ssl.create_default_context(cadata=ca)
	if transport is not None:
		path = folder / f"{uuid.uuid4()}.pem"
		path.write_text(transport.chain + transport.key)
		context.load_cert_chain(path)
		path.unlink()
	session = requests.Session()
	session.trust_env = False
	session.mount("https://", _Adapter(context))
	return session


class Client:
	"""Signs and sends; ``spoil`` changes the finished request, as a tamperer would."""

	def __init__(self, control: SandboxControl, tpp: Tpp, folder: Path) -> None:
		self.control, self.tpp = control, tpp
		self.url = control.migdal.url
		self.session = session_for(tpp.transport, tpp.ca, folder)
		self.key: Any = serialization.load_pem_private_key(tpp.signing.key.encode(), None)
		self.certificate = x509.load_pem_x509_certificate(tpp.signing.chain.encode())
		self.token = ""

	def headers(self, body: bytes, extra: dict[str, str], **options: Any) -> dict[str, str]:
		"""Make the headers of a signed request."""
		digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
		found = {
			"X-Request-ID": str(uuid.uuid4()),
			"Accept": "application/json",
			"Digest": f"SHA-256={digest}",
			"TPP-Signature-Certificate": base64.b64encode(
				self.certificate.public_bytes(serialization.Encoding.DER)
			).decode(),
			**extra,
		}
		if body:
			found["Content-Type"] = "application/json"
		lower = {name.lower(): value for name, value in found.items()}
		names = options.get("names") or [name for name in MINIMUM if name in lower]
		text = "\n".join(f"{name}: {lower[name]}" for name in names)
		algorithm = options.get("algorithm", "rsa-sha256")
		digest_of = (
			hashes.SHA512() if algorithm.lower().startswith(("rsa-sha512", "sha512")) else hashes.SHA256()
		)
		signature = base64.b64encode(self.key.sign(text.encode(), padding.PKCS1v15(), digest_of)).decode()
		key_id = options.get("key_id") or key_id_of(self.certificate)
		found["Signature"] = (
			f'keyId="{key_id}",algorithm="{algorithm}",headers="{" ".join(names)}",signature="{signature}"'
		)
		return found

	def call(
		self,
		method: str,
		path: str,
		body: bytes = b"",
		headers: dict[str, str | None] | None = None,
		spoil: dict[str, str | None] | None = None,
		sent: bytes | None = None,
		**options: Any,
	) -> requests.Response:
		"""Send a signed request; ``headers`` are signed over, ``spoil`` changes them afterwards."""
		wanted = {name: value for name, value in (headers or {}).items() if value is not None}
		final: dict[str, Any] = self.headers(body, wanted, **options) | (spoil or {})
		url = path if path.startswith("https://") else self.url + path
		final = {name: value for name, value in final.items() if value is not None}
		return self.session.request(
			method,
			url,
			data=(body if sent is None else sent) or None,
			headers=final,
			timeout=30,
			allow_redirects=False,
		)

	def create(
		self, numbers: list[str] | None = None, psu: str | None = CUSTOMER, **options: Any
	) -> requests.Response:
		"""POST consents."""
		import json

		values = options.pop("body", None)
		body = json.dumps(body_of(numbers) if values is None else values).encode()
		headers = {
			"PSU-ID": psu,
			"PSU-Corporate-ID": COMPANY,
			"PSU-IP-Address": "192.0.2.10",
			"TPP-Redirect-URI": CALLBACK,
		} | options.pop("headers", {})
		return self.call("POST", CONSENTS, body, headers, **options)

	def link(self, consent_id: str, state: str = "st-1", **changes: str | None) -> str:
		"""Build the one-time link (shape 4)."""
		values = {
			"response_type": "code",
			"client_id": self.tpp.client_id,
			"scope": f"AIS:{consent_id}",
			"redirect_uri": CALLBACK,
			"state": state,
			"code_challenge": CHALLENGE,
			"code_challenge_method": "S256",
		} | changes
		kept = {name: value for name, value in values.items() if value is not None}
		return f"{self.control.migdal.pages_url}/oauth/authorize?{urlencode(kept, quote_via=quote)}"

	def token_call(self, **form: str | None) -> requests.Response:
		"""POST /oauth/token."""
		values = {"client_id": self.tpp.client_id, **form}
		kept = {name: value for name, value in values.items() if value is not None}
		return self.session.post(f"{self.url}/oauth/token", data=kept, timeout=30)

	def exchange(self, location: str, **changes: str | None) -> requests.Response:
		"""Swap the code of a return address."""
		code = dict(parse_qsl(urlsplit(location).query))["code"]
		form = {"code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER} | changes
		return self.token_call(grant_type="authorization_code", **form)

	def connect(self, numbers: list[str] | None = None, psu: str = CUSTOMER, **walk: Any) -> str:
		"""Do it all; return the consent id, and keep the token."""
		created = self.create(numbers, psu, **{k: walk.pop(k) for k in ("body", "headers") if k in walk})
		assert created.status_code == 201, created.text
		consent_id: str = created.json()["consentId"]
		location = self.control.migdal.complete_consent(self.link(consent_id), psu, **walk)
		pair = self.exchange(location)
		assert pair.status_code == 200, pair.text
		self.token = pair.json()["access_token"]
		return consent_id

	def get(self, path: str, consent_id: str, **headers: str | None) -> requests.Response:
		"""A data call."""
		found = {"Consent-ID": consent_id, "Authorization": f"Bearer {self.token}"}
		extra = {name.replace("_", "-"): value for name, value in headers.items()}
		return self.call("GET", path, headers=found | extra)
