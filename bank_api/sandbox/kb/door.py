"""What stands before KB's APIs: the portal's key, the correlation id, the bearer token (sections 2.2, 2.5)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from werkzeug.wrappers import Request

from bank_api.sandbox.kb.model import App, Grant, User
from bank_api.sandbox.kb.state import KbState
from bank_api.sandbox.kb.wire import GatewayFault, KbError, Problem

CORRELATION = "x-correlation-id"
_GUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


@dataclass(frozen=True)
class Caller:
	"""Who calls a data API."""

	app: App
	user: User
	grant: Grant


def correlation_ok(request: Request, *, braces: bool = True) -> bool:
	"""Tell whether the correlation id is a GUID; ADAA lets one pair of braces pass (section 2.2)."""
	pattern = rf"\{{?{_GUID}\}}?" if braces else _GUID
	return bool(re.fullmatch(pattern, request.headers.get(CORRELATION, "")))


def need_correlation(request: Request) -> None:
	"""Check the correlation id.

	Raises:
		KbError: 400; it is missing, or of another shape.
	"""
	value = request.headers.get(CORRELATION)
	if value is None:
		text = f"Missing request header '{CORRELATION}' for method parameter of type String"
		raise KbError(400, Problem("", CORRELATION, text))
	if not correlation_ok(request):
		raise KbError(
			400,
			Problem("INVALID_HEADER_VALUE", CORRELATION, f"Invalid value of header '{CORRELATION}'", value),
		)


def need_api_key(state: KbState, request: Request, api: str, headers: tuple[str, ...] = ("apiKey",)) -> None:
	"""Check the portal's key; each API has its own, and "Bearer" does not stand before it (section 2.2).

	Raises:
		GatewayFault: 401.
	"""
	if not state.switches.api_keys:
		return
	sent = [request.headers[name] for name in headers if name in request.headers]
	if not sent:
		raise GatewayFault(401, description="Make sure your API invocation call has a header: 'apiKey'")
	if state.api_keys[api] not in sent:
		raise GatewayFault(
			401, "900901", "Invalid Credentials", "Make sure you have provided the correct key of this API"
		)


def caller(state: KbState, headers: Mapping[str, str], scope: str) -> Caller:
	"""Find out whose data a call may touch.

	Args:
		state: The records.
		headers: Of the request.
		scope: What the token must carry.

	Returns:
		Application, user and grant.

	Raises:
		GatewayFault: 401; no token, an unknown or an expired one.
		KbError: 403; another scope, or a user who may not.
	"""
	scheme, _, value = headers.get("Authorization", "").partition(" ")
	token = state.tokens.get(value.strip()) if scheme.lower() == "bearer" else None
	if token is None:
		raise GatewayFault(401, "900902", "Missing Credentials", "The access token is missing or unknown")
	grant = state.grants[token.grant]
	app, user = state.apps.get(grant.app), state.users.get(grant.user)
	if token.expires <= state.now or grant.state != "active" or app is None or not app.active:
		raise GatewayFault(
			401, "900901", "Invalid Credentials", "The access token has expired or was revoked"
		)
	if scope not in grant.scopes:
		raise KbError(403, Problem("FORBIDDEN", "Authorization", f"The token lacks the scope {scope}"))
	if user is None or user.blocked:
		raise KbError(403, Problem("AG01", "Authorization", "The user may not use this service"))
	return Caller(app, user, grant)
