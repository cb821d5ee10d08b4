"""Software statements over mutual TLS, and the encrypted answer of an application's registration (sections 2.3, 2.4)."""

import base64
import json
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from werkzeug.wrappers import Request, Response

from bank_api.sandbox.data import generator
from bank_api.sandbox.kb.authority import KbAuthority, vendor
from bank_api.sandbox.kb.door import CORRELATION, correlation_ok, need_api_key
from bank_api.sandbox.kb.jose import b64url
from bank_api.sandbox.kb.model import SCOPES, App
from bank_api.sandbox.kb.state import KbState
from bank_api.sandbox.kb.wire import JSON, dumps
from bank_api.sandbox.server import PEER_CERTIFICATE

ISSUER = "Komerční Banka a.s."
_DAY = 86_400
_URIS = ("softwareUri", "registrationBackUri", "logoUri", "tosUri", "policyUri")
# name: shortest, longest, required (section 2.3)
_TEXTS = {
	"softwareName": (5, 50, True),
	"softwareNameEn": (5, 50, False),
	"softwareId": (1, 64, True),
	"softwareVersion": (1, 30, True),
}
_GRANTS = {1: {"authorization_code"}, 2: {"authorization_code", "refresh_token"}}
Finding = tuple[str, str, str]


class Refusal(Exception):
	"""A request for a statement that is refused.

	Args:
		status: HTTP status.
		findings: Code, place, description of each.
	"""

	def __init__(self, status: int, *findings: Finding) -> None:
		super().__init__(findings[0][2])
		self.status, self.findings = status, findings

	def answer(self) -> Response:
		"""Return the answer in the shape of client-registration-api-v1."""
		errors = [
			{"errorCode": code, "scope": scope, "description": text} for code, scope, text in self.findings
		]
		return Response(dumps({"errors": errors}), self.status, content_type=JSON)


class Registration:
	"""The registration of software and of applications. The caller holds the lock."""

	def __init__(self, state: KbState, authority: Callable[[], KbAuthority]) -> None:
		self.state, self.authority = state, authority

	# software statements
	def statement(self, request: Request, version: int) -> Response:
		"""POST /v{1,2,3}/software-statements."""
		try:
			need_api_key(self.state, request, "registration")
			certificate = self._certificate(request)
			body = self._body(request)
			findings = list(_findings(body, version))
			if findings:
				raise Refusal(422, *findings)
		except Refusal as refusal:
			return refusal.answer()
		text = self._sign(certificate, body)
		return Response(text, self.state.switches.statement_status, content_type="text/plain; charset=utf-8")

	def _certificate(self, request: Request) -> x509.Certificate:
		der = request.environ.get(PEER_CERTIFICATE)
		found = x509.load_der_x509_certificate(der) if der else None
		revoked = self.state.core.recall("kb_revoked", [])
		if (
			found is None
			or not self.authority().accepts(found, self.state.moment)
			or f"{found.serial_number:X}" in revoked
		):
			raise Refusal(403, ("FORBIDDEN", "certificate", "Invalid certificate or token"))
		return found

	@staticmethod
	def _body(request: Request) -> dict[str, Any]:
		if not correlation_ok(request, braces=False):
			text = f"Required request header '{CORRELATION}' is missing, or is no GUID (8-4-4-4-12)"
			raise Refusal(400, ("INVALID_HEADER_VALUE", CORRELATION, text))
		try:
			body = json.loads(request.get_data())
		except ValueError as error:
			raise Refusal(400, ("FF01", "", "The body is not JSON")) from error
		if not isinstance(body, dict):
			raise Refusal(400, ("FF01", "", "The body must be an object"))
		return body

	def _sign(self, certificate: x509.Certificate, body: dict[str, Any]) -> str:
		name, number = vendor(certificate)
		now = self.state.now // 1000
		claims = {
			"iss": ISSUER,
			"iat": now,
			"exp": now + self.state.switches.statement_days * _DAY,
			"vendorName": name,
			"vendorRegistrationNumber": number,
			**body,
		}
		return self.state.key.sign(claims)

	# applications
	def read(self, encoded: str) -> dict[str, Any] | None:
		"""Read and check a registration request.

		Args:
			encoded: The query's value: base64 of JSON.

		Returns:
			The request, with ``back`` and ``vendor`` from its statement; None when it cannot be accepted.
		"""
		try:
			body = json.loads(base64.b64decode(encoded.replace(" ", "+"), validate=True))
			key = base64.b64decode(body["encryptionKey"], validate=True)
			statement = body.get("softwareStatement") or ""
		except (ValueError, KeyError, TypeError):
			return None
		fixed = self.state.switches.fixed_encryption_key
		claims = self.state.key.read(statement) if statement else None
		if claims is None and (statement or not self.state.switches.statement_optional):
			return None
		if claims is not None and claims["exp"] <= self.state.now // 1000:
			return None
		sound = (
			body.get("applicationType") == "web"
			and body.get("encryptionAlg") == "AES-256"
			and len(key) == 32
			and fixed in ("", body["encryptionKey"])
			and isinstance(body.get("clientName"), str)
			and _texts(body.get("redirectUris"))
			and _texts(body.get("scope"))
			and set(body["scope"]) <= set(SCOPES)
		)
		if not sound or (claims and not set(body["redirectUris"]) <= set(claims["redirectUris"])):
			return None
		back = claims["registrationBackUri"] if claims else body["redirectUris"][0]
		return {**body, "back": back, "vendor": claims["vendorName"] if claims else body["clientName"]}

	def register(self, wanted: Mapping[str, Any]) -> tuple[App, dict[str, str]]:
		"""Register an application.

		Args:
			wanted: From ``read``.

		Returns:
			The application, and what the browser carries back: ``salt`` and ``encryptedData``.
		"""
		plain = re.sub(r"[^A-Za-z0-9]", "", wanted.get("clientNameEn") or wanted["clientName"]) or "Client"
		number = self.state.core.number("kb_app", 1)
		digits = generator(self.state.core.options.seed, "kb app", plain, number).randrange(1000, 10000)
		client_id = f"{plain}-{digits}"
		if client_id in self.state.apps:
			client_id = f"{plain}{number}-{digits}"
		app = App(
			client_id=client_id,
			secret=self.state.secret(16),
			name=wanted["clientName"],
			redirect_uris=list(wanted["redirectUris"]),
			scopes=list(wanted["scope"]),
			vendor=wanted.get("vendor", ""),
			created=self.state.now,
		)
		self.state.put(app)
		key, nonce = base64.b64decode(wanted["encryptionKey"]), secrets.token_bytes(12)
		text = json.dumps(self._registered(app, wanted), ensure_ascii=False)
		sealed = AESGCM(key).encrypt(nonce, text.encode(), None)
		return app, {"salt": b64url(nonce), "encryptedData": b64url(sealed)}

	def _registered(self, app: App, wanted: Mapping[str, Any]) -> dict[str, Any]:
		"""The plaintext of the answer (section 2.4, step 5)."""
		as_text = self.state.switches.redirect_uris_form == "text"
		return {
			"application_type": "web",
			"redirect_uris": ",".join(app.redirect_uris) if as_text else app.redirect_uris,
			"client_name": app.name,
			"client_name#en-US": wanted.get("clientNameEn") or app.name,
			"logo_uri": "",
			"contact": "",
			"contacts": [],
			"scopes": app.scopes,
			"scope": " ".join(app.scopes),
			"response_types": ["code"],
			"response_type": "code",
			"grant_types": ["refresh_token", "authorization_code"],
			"subject_type": "public",
			"token_endpoint_auth_method": "client_secret_post",
			"require_auth_time": False,
			"bin": "",
			"client_id": app.client_id,
			"client_secret": app.secret,
			"api_key": "NOT_PROVIDED",
			"registration_client_uri": f"https://caas.kb.cz/openam/oauth2/register?client_id={app.client_id}",
			"client_id_issued_at": app.created // 1000,
		}


def _texts(value: Any) -> bool:
	return isinstance(value, list) and bool(value) and all(isinstance(entry, str) for entry in value)


def _uri(value: Any) -> bool:
	return isinstance(value, str) and bool(urlsplit(value).scheme and urlsplit(value).netloc)


def _findings(body: Mapping[str, Any], version: int) -> list[Finding]:
	found: list[Finding] = []
	for name, (shortest, longest, required) in _TEXTS.items():
		value = body.get(name)
		if value is None and not required:
			continue
		if not isinstance(value, str) or not shortest <= len(value) <= longest:
			found.append(("INVALID_VALUE", name, f"{name} must have {shortest} to {longest} characters"))
	found += [
		("INVALID_VALUE", name, f"{name} must be a URI")
		for name in _URIS
		if (name in body or name == "registrationBackUri") and not _uri(body.get(name))
	]
	uris = body.get("redirectUris")
	if not _texts(uris) or not all(map(_uri, uris or ())):
		found.append(("INVALID_VALUE", "redirectUris", "redirectUris must be a list of URIs"))
	return found + _enumerations(body, version) + _contacts(body.get("contacts"), version)


def _enumerations(body: Mapping[str, Any], version: int) -> list[Finding]:
	found: list[Finding] = []
	if body.get("tokenEndpointAuthMethod", "client_secret_post") != "client_secret_post":
		found.append(("INVALID_VALUE", "tokenEndpointAuthMethod", "only client_secret_post"))
	if not set(_listed(body.get("grantTypes"))) <= _GRANTS[min(version, 2)]:
		found.append(("INVALID_VALUE", "grantTypes", "unknown grant type"))
	if not set(_listed(body.get("responseTypes"))) <= {"code"}:
		found.append(("INVALID_VALUE", "responseTypes", "only code"))
	return found


def _listed(value: Any) -> list[str]:
	"""A list of texts; anything else becomes a value that no enumeration has."""
	if value is None:
		return []
	return value if _texts(value) else [""]


def _contacts(value: Any, version: int) -> list[Finding]:
	if value is None and version == 1:
		return []
	if not _texts(value) or any(len(contact) > 50 for contact in value):
		return [("INVALID_VALUE", "contacts", "contacts must be a list of texts of at most 50 characters")]
	mail = r"email: [^@\s]+@[^@\s]+"
	if version > 1 and (len(value) > 2 or not all(re.fullmatch(mail, contact) for contact in value)):
		return [("INVALID_VALUE", "contacts", "contacts must be one or two of the form 'email: x@y'")]
	return []
