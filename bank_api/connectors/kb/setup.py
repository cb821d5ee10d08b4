"""Setting our application up at KB: software statement, registration, credentials (kb_batch.md, 2.3, 2.4)."""

import base64
import binascii
import re
import secrets
from typing import Any
from urllib.parse import quote, urlsplit

from bank_api.connectors import values, verbatim
from bank_api.connectors.errors import ConfigurationError, InvalidRequest, MalformedResponse
from bank_api.connectors.http import Call
from bank_api.connectors.kb.client import REGISTRATION, KbClient, split
from bank_api.connectors.kb.refusals import About, refusal
from bank_api.connectors.kb.settings import SCOPES
from bank_api.connectors.model import Secret
from bank_api.connectors.onboarding import Application, ClientCredentials, Software, SoftwareStatement
from bank_api.crypto.errors import CryptoError
from bank_api.crypto.sealed import KEY_BYTES, open_sealed

_PATH = "/software-statements"
_JWS = re.compile(rb"\s*\"?([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)\"?\s*\Z")
_STATE = re.compile(r"[A-Za-z0-9_.~-]{1,200}\Z", re.ASCII)
_MAIL = re.compile(r"[^\s@:,]{1,64}@[^\s@:,]{1,255}\Z")
_LARGEST_ANSWER = 64 * 1024
_LONGEST_CONTACT = 50


def software_statement(client: KbClient, software: Software) -> SoftwareStatement:
	"""Ask for a statement, over mutual TLS with the commercial certificate.

	Raises:
		InvalidRequest: KB does not take a value; the sentence names the fields.
		ConfigurationError: the certificate is missing, or KB does not accept it.
	"""
	body = verbatim.dumps(statement_request(software))
	origin, base = split(client.settings.registration_url)
	with_certificate = client.config.transport is not None or not client.settings.in_sandbox
	http = client.new_http(origin, with_certificate=with_certificate)
	try:
		answer = http.send(
			Call(
				"POST",
				base + _PATH,
				base + _PATH,
				headers={**client.headers(REGISTRATION, None), "Accept": "text/plain, application/json"},
				body=body,
				sign=client.correlated,
				idempotent=False,
				before_attempt=client.slots,
			)
		)
	finally:
		http.close()
	# 201 is documented, 200 was seen (2.3).
	if answer.status not in (200, 201):
		throttled_for = client.settings.throttle_seconds
		raise refusal(answer, About.SETUP, client.names, throttled_for=throttled_for)
	return read_statement(answer.body)


def statement_request(software: Software) -> dict[str, Any]:
	"""The body of the request.

	Raises:
		InvalidRequest: a value that KB would refuse.
	"""
	name_en = software.name_en or software.name
	if not all(5 <= len(name) <= 50 for name in (software.name, name_en)):
		raise InvalidRequest("The name of the software has 5 to 50 characters.")
	if not 1 <= len(software.software_id) <= 64 or not 1 <= len(software.version) <= 30:
		raise InvalidRequest("The software's id has 1 to 64 characters, its version 1 to 30.")
	contacts = [f"email: {address}" for address in software.contacts]
	if not 1 <= len(contacts) <= 2 or not all(_MAIL.match(address) for address in software.contacts):
		raise InvalidRequest("KB wants one or two e-mail addresses as contacts.")
	if any(len(contact) > _LONGEST_CONTACT for contact in contacts):
		raise InvalidRequest("An e-mail address is too long for KB, which takes 43 characters.")
	uris = (*software.redirect_uris, software.back_uri)
	others = (software.uri, software.logo_uri, software.tos_uri, software.policy_uri)
	if not software.redirect_uris or not all(_is_uri(uri) for uri in (*uris, *filter(None, others))):
		raise InvalidRequest(
			"The addresses of the software must be complete, and one to come back to is needed."
		)
	optional = zip(("softwareUri", "logoUri", "tosUri", "policyUri"), others, strict=True)
	return {
		"softwareName": software.name,
		"softwareNameEn": name_en,
		"softwareId": software.software_id,
		"softwareVersion": software.version,
		"redirectUris": list(software.redirect_uris),
		"registrationBackUri": software.back_uri,
		"tokenEndpointAuthMethod": "client_secret_post",
		"grantTypes": ["authorization_code", "refresh_token"],
		"responseTypes": ["code"],
		"contacts": contacts,
		**{name: uri for name, uri in optional if uri},
	}


def read_statement(body: bytes) -> SoftwareStatement:
	"""A statement with what it says of itself. Its signature is KB's business: nobody has published the key.

	Raises:
		MalformedResponse: it is none.
	"""
	match = _JWS.match(body) if len(body) <= _LARGEST_ANSWER else None
	if match is None:
		raise MalformedResponse("The provider's answer is no software statement.")
	text = match[1].decode("ascii")
	header, claims = (
		verbatim.parse_object(verbatim.decode(_base64url(part))) for part in text.split(".")[:2]
	)
	if not isinstance(header.get("alg"), str) or header["alg"].lower() == "none":
		raise MalformedResponse("The provider's answer is no software statement.")
	return SoftwareStatement(
		text=text,
		expires_at=values.instant(claims.get("exp")),
		vendor=values.text(claims.get("vendorName")) or "",
		vendor_number=values.text(claims.get("vendorRegistrationNumber")) or "",
	)


def new_key() -> Secret:
	"""A key for one registration: 32 random bytes in base64. 32 hexadecimal digits would be half a key (2.4)."""
	return Secret(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())


def registration_url(client: KbClient, application: Application, key: Secret, state: str) -> Secret:
	"""Where the client registers the application, in a browser. The address carries the key: it is never kept.

	Raises:
		InvalidRequest: a value that KB would refuse.
		ConfigurationError: the page has no TLS.
	"""
	page = client.settings.registration_page
	if not page.startswith("https://") and not client.settings.in_sandbox:
		raise ConfigurationError("The provider's setting registration_page must begin with https://.")
	if not application.scopes or not set(application.scopes) <= set(SCOPES):
		raise InvalidRequest("KB knows no such scope.")
	if not application.redirect_uris or not all(_is_uri(uri) for uri in application.redirect_uris):
		raise InvalidRequest("An application needs an address to come back to.")
	if not _STATE.match(state) or len(_key_bytes(key)) != KEY_BYTES:
		raise InvalidRequest("A registration needs a state, and a key of 32 bytes.")
	request = verbatim.dumps(
		{
			"clientName": application.name,
			"clientNameEn": application.name_en or application.name,
			"applicationType": "web",
			"redirectUris": list(application.redirect_uris),
			"scope": list(application.scopes),
			"softwareStatement": application.statement,
			"encryptionAlg": "AES-256",
			"encryptionKey": key.reveal(),
		}
	)
	encoded = quote(base64.b64encode(request.encode()).decode(), safe="")
	return Secret(f"{page}?registrationRequest={encoded}&state={quote(state, safe='')}")


def read_registration(salt: str, encrypted_data: str, key: Secret) -> ClientCredentials:
	"""What the client's browser brought back from a registration.

	Args:
		salt: the query's value, the nonce in base64url.
		encrypted_data: the query's value, ciphertext and tag in base64url.
		key: the one that the registration was begun with.

	Raises:
		InvalidRequest: it was sealed with another key, or was changed on the way.
		MalformedResponse: it lacks the credentials.
	"""
	try:
		plain = open_sealed(_key_bytes(key), _base64url(salt), _base64url(encrypted_data))
	except (CryptoError, MalformedResponse):
		raise InvalidRequest(
			"KB's answer does not belong to this registration, or was changed: begin it again."
		) from None
	body = verbatim.parse_object(verbatim.decode(plain))
	client_id, secret = values.text(body.get("client_id")), values.text(body.get("client_secret"))
	if not client_id or not secret:
		raise MalformedResponse("The registration lacks the client's id or secret.")
	return ClientCredentials(
		client_id=client_id,
		client_secret=Secret(secret),
		name=values.text(body.get("client_name")) or "",
		redirect_uris=_list(body.get("redirect_uris")),
		scopes=_list(body.get("scopes")) or _list(body.get("scope")),
		issued_at=values.instant(body.get("client_id_issued_at")),
		state=values.text(body.get("state")) or "",
	)


def _list(value: Any) -> tuple[str, ...]:
	"""A list, also one that is written as a text (2.4, step 5)."""
	if isinstance(value, str):
		value = value.replace(",", " ").split()
	return tuple(text for one in value if (text := values.text(one))) if isinstance(value, list) else ()


def _base64url(text: str | bytes) -> bytes:
	"""Bytes of base64url, with or without padding."""
	raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
	raw = raw.rstrip(b"=")
	try:
		if not re.fullmatch(rb"[A-Za-z0-9_-]+", raw):
			raise ValueError
		return base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
	except (ValueError, binascii.Error):
		raise MalformedResponse("The provider sent something that is not base64url.") from None


def _key_bytes(key: Secret) -> bytes:
	try:
		return base64.b64decode(key.reveal(), validate=True)
	except (ValueError, binascii.Error):
		return b""


def _is_uri(value: str) -> bool:
	try:
		parts = urlsplit(value)
		return parts.scheme in ("https", "http") and bool(parts.hostname) and value.isprintable()
	except ValueError:
		return False
