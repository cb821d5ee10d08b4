"""CAAS: codes, access and refresh tokens (section 2.5)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.kb import days
from bank_api.sandbox.kb.door import need_api_key, need_correlation
from bank_api.sandbox.kb.model import App, Grant, Token
from bank_api.sandbox.kb.state import KbState
from bank_api.sandbox.kb.wire import GatewayFault, answer

ISSUER = "https://caas.kb.cz/openam/oauth2"
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuthError(Exception):
	"""A refusal of the token endpoint.

	Args:
		error: RFC 6749 5.2 code.
		description: For the developer.
		status: HTTP status; 0 takes the switch's.
	"""

	def __init__(self, error: str, description: str, status: int = 0) -> None:
		super().__init__(description)
		self.error, self.status = error, status


class Caas:
	"""The token endpoint. The caller holds the lock."""

	def __init__(self, state: KbState) -> None:
		self.state = state

	def code(self, app: App, user: str, scopes: list[str], accounts: list[str], redirect_uri: str) -> Grant:
		"""Make a grant that a code of two minutes stands for."""
		grant = Grant(
			id=self.state.new_id(),
			app=app.client_id,
			user=user,
			scopes=scopes,
			accounts=accounts,
			redirect_uri=redirect_uri,
			code=self.state.secret(),
			code_expires=self.state.now + self.state.switches.code_seconds * 1000,
		)
		if "bpisp" in scopes:
			person = self.state.users[user]
			person.service_until = self.state.service_end()
			self.state.put(person)
		return self.state.put(grant)

	def token(self, request: Request) -> Response:
		"""POST /oauth2/v3/access_token."""
		need_api_key(self.state, request, "oauth2")
		need_correlation(request)
		try:
			form = _form(request)
			app = self._client(form)
			self._throttle(app)
			if form.get("grant_type") == "authorization_code":
				body = self._exchange(app, form)
			elif form.get("grant_type") == "refresh_token":
				body = self._refresh(app, form)
			else:
				raise OAuthError("unsupported_grant_type", "only authorization_code and refresh_token")
		except OAuthError as error:
			content = {"error": error.error, "error_description": str(error)}
			return answer(content, error.status or self.state.switches.oauth_error_status, NO_STORE)
		return answer(body, 200, NO_STORE)

	def revoke(self, request: Request) -> Response:
		"""POST /oauth2/v3/revoke (RFC 7009; not published by KB, a switch)."""
		need_api_key(self.state, request, "oauth2")
		need_correlation(request)
		if not self.state.switches.revocation:
			raise GatewayFault(404)
		try:
			form = _form(request)
			app = self._client(form)
		except OAuthError as error:
			content = {"error": error.error, "error_description": str(error)}
			return answer(content, error.status or 400, NO_STORE)
		value = form.get("token", "")
		token = self.state.tokens.get(value)
		for grant in self.state.grants.values():
			known = value and (grant.refresh == value or (token is not None and token.grant == grant.id))
			if known and grant.app == app.client_id:
				self.end(grant)
		return Response(b"", 200, NO_STORE)

	def end(self, grant: Grant) -> None:
		"""Revoke a grant with all its tokens."""
		grant.state = "revoked"
		self.state.put(grant)

	def _client(self, form: Mapping[str, str]) -> App:
		app = self.state.apps.get(form.get("client_id", ""))
		if app is None or not app.active or app.secret != form.get("client_secret"):
			raise OAuthError("invalid_client", "unknown client_id, or wrong client_secret", 401)
		return app

	def _throttle(self, app: App) -> None:
		switches = self.state.switches
		wait = self.state.core.limiter.take(
			"kb_token",
			app.client_id,
			switches.token_limit,
			switches.token_limit_seconds * 1000,
			self.state.now,
		)
		if wait:
			raise throttled(self.state, wait)

	def _exchange(self, app: App, form: Mapping[str, str]) -> dict[str, Any]:
		code = form.get("code")
		if not code:
			raise OAuthError("invalid_request", "code is missing", 400)
		grant = next((found for found in self.state.grants.values() if found.code == code), None)
		if grant is None or grant.app != app.client_id:
			raise OAuthError("invalid_grant", "unknown code")
		if grant.code_used:
			self.end(grant)  # RFC 6749 4.1.2
			raise OAuthError("invalid_grant", "the code was used already")
		if grant.code_expires <= self.state.now:
			raise OAuthError("invalid_grant", "the code has expired")
		if form.get("redirect_uri") != grant.redirect_uri:
			raise OAuthError("invalid_grant", "redirect_uri is not that of the authorisation")
		grant.code_used = True
		grant.refresh = self.state.secret(48)
		grant.refresh_expires = days.add_months(self.state.now, self.state.switches.refresh_months)
		self.state.put(grant)
		return self._issue(grant, with_refresh=True)

	def _refresh(self, app: App, form: Mapping[str, str]) -> dict[str, Any]:
		refresh = form.get("refresh_token")
		if not refresh:
			raise OAuthError("invalid_request", "refresh_token is missing", 400)
		grant = next((found for found in self.state.grants.values() if found.refresh == refresh), None)
		if grant is None or grant.app != app.client_id:
			raise OAuthError("invalid_grant", "unknown refresh token")
		if self.state.switches.refresh_redirect_uri and form.get("redirect_uri") != grant.redirect_uri:
			raise OAuthError(
				"invalid_request", "redirect_uri is missing, or not that of the authorisation", 400
			)
		if grant.state != "active":
			raise OAuthError("invalid_grant", "the refresh token was revoked")
		if grant.refresh_expires <= self.state.now:
			raise OAuthError("invalid_grant", "the refresh token has expired")
		if self.state.switches.refresh_rotation:
			grant.refresh = self.state.secret(48)
			self.state.put(grant)
		return self._issue(grant, with_refresh=self.state.switches.refresh_rotation)

	def _issue(self, grant: Grant, *, with_refresh: bool) -> dict[str, Any]:
		seconds = self.state.switches.access_seconds
		now = self.state.now // 1000
		# The claims that real tokens were seen with; clients treat the token as opaque.
		claims = {
			"sub": f"APIID={grant.id.replace('-', '')}",
			"cts": "OAUTH2_STATELESS_GRANT",
			"auth_level": 6,
			"iss": ISSUER,
			"tokenName": "access_token",
			"token_type": "Bearer",
			"authGrantId": grant.id,
			"aud": grant.app,
			"nbf": now,
			"grant_type": "authorization_code",
			"scope": grant.scopes,
			"auth_time": now,
			"realm": "/",
			"exp": now + seconds,
			"iat": now,
			"expires_in": seconds,
			"jti": self.state.secret(16),
		}
		value = self.state.key.sign(claims, kid="sandbox")
		self.state.put(Token(value, grant.id, self.state.now + seconds * 1000))
		body = {
			"access_token": value,
			"token_type": "Bearer",
			"expires_in": seconds,
			"scope": " ".join(grant.scopes),
		}
		return {**body, "refresh_token": grant.refresh} if with_refresh else body


def throttled(state: KbState, wait_ms: int) -> GatewayFault:
	"""Make the 429 of the gateway."""
	headers = {"Retry-After": str(-(-wait_ms // 1000))} if state.switches.retry_after == "seconds" else {}
	return GatewayFault(429, description="You have exceeded your quota", headers=headers)


def _form(request: Request) -> dict[str, str]:
	"""Read the form; a parameter sent twice is refused (RFC 6749 3.2)."""
	if request.mimetype != "application/x-www-form-urlencoded":
		raise OAuthError("invalid_request", "the body must be a form", 400)
	pairs = parse_qsl(request.get_data().decode("utf-8", "replace"), keep_blank_values=True)
	if len({name for name, _ in pairs}) != len(pairs):
		raise OAuthError("invalid_request", "a parameter was sent twice", 400)
	return dict(pairs)
