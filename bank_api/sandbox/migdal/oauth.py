"""OAuth 2.0 with certificate-bound, rotating tokens (section 3)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.migdal.call import Call
from bank_api.sandbox.migdal.errors import OAuthError, Xs2aError
from bank_api.sandbox.migdal.model import Code, Consent, Token
from bank_api.sandbox.migdal.state import MigdalState
from bank_api.sandbox.migdal.verifier import Leaf

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def challenge_of(verifier: str) -> str:
	"""Return the S256 challenge of a PKCE verifier (RFC 7636 4.2)."""
	return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class OAuth:
	"""The token endpoint, the server's metadata, and the check of an access token. The caller holds the lock."""

	def __init__(self, state: MigdalState, api_url: Callable[[], str], pages_url: Callable[[], str]) -> None:
		self.state, self.api_url, self.pages_url = state, api_url, pages_url

	def metadata(self, request: Request) -> Response:
		"""GET /.well-known/oauth-authorization-server (RFC 8414)."""
		body = {
			"issuer": self.api_url(),
			"authorization_endpoint": f"{self.pages_url()}/oauth/authorize",
			"token_endpoint": f"{self.api_url()}/oauth/token",
			"response_types_supported": ["code"],
			"grant_types_supported": ["authorization_code", "refresh_token"],
			"code_challenge_methods_supported": ["S256"],
			"token_endpoint_auth_methods_supported": ["tls_client_auth"],
			"tls_client_certificate_bound_access_tokens": True,
			"scopes_supported": [f"{self.state.switches.scope_prefix}<consentId>"],
		}
		return Response(json.dumps(body), content_type="application/json")

	def token(self, request: Request, leaf: Leaf) -> Response:
		"""POST /oauth/token: mutual TLS only, no signature (section 3.3)."""
		try:
			body = self._token(_form(request), leaf)
		except OAuthError as error:
			content = {"error": error.error, "error_description": error.description}
			return Response(json.dumps(content), error.status, NO_STORE, content_type="application/json")
		return Response(json.dumps(body), 200, NO_STORE, content_type="application/json")

	def _token(self, form: Mapping[str, str], leaf: Leaf) -> dict[str, Any]:
		grant = form.get("grant_type")
		if not grant:
			raise OAuthError("invalid_request", "grant_type is missing")
		if not form.get("client_id"):
			raise OAuthError("invalid_request", "client_id is missing")
		if form["client_id"] != leaf.organization_identifier:
			raise OAuthError("invalid_client", "client_id is not that of the certificate", 401)
		if grant == "authorization_code":
			return self._exchange(form, leaf)
		if grant == "refresh_token":
			return self._refresh(form, leaf)
		raise OAuthError("unsupported_grant_type", "only authorization_code and refresh_token")

	def _exchange(self, form: Mapping[str, str], leaf: Leaf) -> dict[str, Any]:
		for name in ("code", "redirect_uri"):
			if not form.get(name):
				raise OAuthError("invalid_request", f"{name} is missing")
		code = self.state.codes.get(form["code"])
		consent = self.state.consents.get(code.consent) if code else None
		if code is None or consent is None or consent.client_id != leaf.organization_identifier:
			raise OAuthError("invalid_grant", "unknown code")
		if code.used:
			self._revoke(lambda token: token.code == code.value)  # RFC 6749 4.1.2
			raise OAuthError("invalid_grant", "the code was used already")
		if code.expires <= self.state.now:
			raise OAuthError("invalid_grant", "the code has expired")
		if form["redirect_uri"] != code.redirect_uri:
			raise OAuthError("invalid_grant", "redirect_uri is not that of the authorisation")
		self._pkce(code, form.get("code_verifier", ""))
		self._usable(consent)
		code.used = True
		self.state.core.store.put(code)
		return self._issue(consent, leaf, code.value)

	@staticmethod
	def _pkce(code: Code, verifier: str) -> None:
		if not code.challenge:
			return
		if not 43 <= len(verifier) <= 128 or not hmac.compare_digest(challenge_of(verifier), code.challenge):
			raise OAuthError("invalid_grant", "code_verifier does not fit")

	def _usable(self, consent: Consent) -> None:
		if self.state.catch_up(consent).status != "valid":
			raise OAuthError("invalid_grant", f"the consent is {consent.status}")

	def _refresh(self, form: Mapping[str, str], leaf: Leaf) -> dict[str, Any]:
		refresh = form.get("refresh_token")
		if not refresh:
			raise OAuthError("invalid_request", "refresh_token is missing")
		found = next((token for token in self.state.tokens.values() if token.refresh == refresh), None)
		if found is None or found.client_id != leaf.organization_identifier:
			raise OAuthError("invalid_grant", "unknown refresh token")
		if self.state.switches.certificate_bound and found.thumbprint != leaf.thumbprint:
			raise OAuthError("invalid_grant", "the token is bound to another certificate")
		if found.state == "rotated" and self.state.switches.refresh_reuse_revokes:
			self._revoke(lambda token: token.code == found.code)
		if found.state != "active":
			raise OAuthError("invalid_grant", f"the refresh token is {found.state}")
		if found.refresh_expires and found.refresh_expires <= self.state.now:
			raise OAuthError("invalid_grant", "the refresh token has expired")
		consent = self.state.consents[found.consent]
		self._usable(consent)
		found.state = "rotated"
		self.state.core.store.put(found)
		return self._issue(consent, leaf, found.code)

	def _issue(self, consent: Consent, leaf: Leaf, code: str) -> dict[str, Any]:
		switches, now = self.state.switches, self.state.now
		token = Token(
			access=self.state.secret(),
			refresh=self.state.secret(),
			code=code,
			consent=consent.id,
			client_id=leaf.organization_identifier,
			thumbprint=leaf.thumbprint,
			expires=now + switches.access_seconds * 1000,
			refresh_expires=now + switches.refresh_seconds * 1000 if switches.refresh_seconds else 0,
		)
		self.state.core.store.put(token)
		body: dict[str, Any] = {
			"access_token": token.access,
			"token_type": "Bearer",
			"expires_in": switches.access_seconds,
			"refresh_token": token.refresh,
			"scope": f"{switches.scope_prefix}{consent.id}",
			"consented_on": now // 1000,
			"metadata": "sandbox",  # some sources send more members (section 3.3)
		}
		if switches.refresh_seconds:
			body["refresh_token_expires_in"] = switches.refresh_seconds
		return body

	def _revoke(self, which: Callable[[Token], bool]) -> None:
		for token in self.state.tokens.values():
			if which(token):
				token.state = "revoked"
				self.state.core.store.put(token)

	def check(self, call: Call, consent: Consent) -> None:
		"""Check the access token of a data call (section 3.6).

		Args:
			call: The call.
			consent: The consent it names.

		Raises:
			Xs2aError: The token is missing, unknown, dead, or belongs to another consent, client or certificate.
		"""
		scheme, _, value = call.headers.get("Authorization", "").partition(" ")
		token = self.state.tokens.get(value.strip()) if scheme.lower() == "bearer" else None
		if token is None:
			raise Xs2aError(401, "TOKEN_UNKNOWN", "The access token is missing or unknown.", "Authorization")
		bound = not self.state.switches.certificate_bound or token.thumbprint == call.leaf.thumbprint
		same = token.consent == consent.id and token.client_id == call.leaf.organization_identifier
		if not same or not bound or token.state == "revoked":
			raise Xs2aError(
				401, "TOKEN_INVALID", "The access token is not for this consent or client.", "Authorization"
			)
		dead = token.state == "rotated" and self.state.switches.old_access_dies
		if dead or token.expires <= self.state.now:
			raise Xs2aError(401, "TOKEN_EXPIRED", "The access token has expired.", "Authorization")


def _form(request: Request) -> dict[str, str]:
	"""Read the form; a parameter sent twice is refused (RFC 6749 3.2)."""
	if request.mimetype != "application/x-www-form-urlencoded":
		raise OAuthError("invalid_request", "the body must be a form")
	pairs = parse_qsl(request.get_data().decode("utf-8", "replace"), keep_blank_values=True)
	if len({name for name, _ in pairs}) != len(pairs):
		raise OAuthError("invalid_request", "a parameter was sent twice")
	return dict(pairs)
