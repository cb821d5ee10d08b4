"""Tokens of a bank. FAPI is hidden from Quanto's customers (section 5.2) and simplified here; see README.md.

A receiver is known by the bearer ``receiver:{organisationId}`` in place of mutual TLS and client_credentials; the code
that the browser brings back becomes a short access token and a refresh token that lasts as long as the consent.
"""

import json
from typing import Any

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.quanto.bank.call import Call
from bank_api.sandbox.quanto.bank.model import AUTHORISED, Consent, Token, Visit
from bank_api.sandbox.quanto.bank.state import BankState
from bank_api.sandbox.quanto.errors import OfbError

RECEIVER = "receiver:"
URN = "urn:ietf:params:oauth:request_uri:"


class OAuth:
	"""Pushed requests, codes and tokens. The caller holds the lock."""

	def __init__(self, state: BankState) -> None:
		self.state = state
		self._by_access: dict[str, Token] | None = None

	# who calls
	def receiver(self, call: Call) -> str:
		"""Return the receiver that calls.

		Raises:
			OfbError: 401, no receiver's bearer was sent.
		"""
		if not call.bearer.startswith(RECEIVER) or len(call.bearer) == len(RECEIVER):
			raise OfbError(401, detail="The token is missing, or not a receiver's.")
		return call.bearer[len(RECEIVER) :]

	def consent(self, call: Call) -> Consent:
		"""Return the consent whose token calls; anything but an authorised one is 401 (section 4.2)."""
		token = self._tokens().get(call.bearer)
		if token is None or token.bank != call.bank.key or token.expires <= self.state.now:
			raise OfbError(401, detail="The token is missing, unknown or expired.")
		found = self.state.consents.get(token.consent)
		if found is None or found.status != AUTHORISED:
			raise OfbError(401, detail="The consent is not authorised.")
		return found

	def organisation(self, call: Call) -> str:
		"""Return whose call it is, for the traffic limits; empty for a call that is refused anyway."""
		if call.bearer.startswith(RECEIVER):
			return call.bearer[len(RECEIVER) :]
		token = self._tokens().get(call.bearer)
		return token.receiver if token else ""

	def _tokens(self) -> dict[str, Token]:
		if self._by_access is None:
			self._by_access = {token.access: token for token in self.state.tokens.values() if token.access}
		return self._by_access

	def forget(self) -> None:
		"""Take note that the store was emptied."""
		self._by_access = None

	def revoke(self, consent: Consent) -> None:
		"""Let a consent's tokens die."""
		for token in list(self.state.tokens.values()):
			if token.consent == consent.id:
				self.state.core.store.drop(token)
				self._tokens().pop(token.access, None)

	# endpoints
	def par(self, request: Request, bank: str) -> Response:
		"""POST /{bank}/par: a visit of the customer is announced."""
		values = request.form
		receiver = request.headers.get("Authorization", "").removeprefix("Bearer ").removeprefix(RECEIVER)
		consent = self.state.consents.get(values.get("scope", "").removeprefix("openid consent:"))
		if consent is None or consent.receiver != receiver or consent.bank != bank:
			return _json({"error": "invalid_scope"}, 400)
		visit = Visit(
			self.state.secret(),
			bank,
			consent.id,
			self.state.now,
			values["redirect_uri"],
			values["state"],
			language=values.get("ui_locales", ""),
		)
		self.state.core.store.put(visit)
		return _json({"request_uri": URN + visit.id, "expires_in": 600}, 201)

	def code_for(self, consent: Consent) -> str:
		"""Make an authorisation code."""
		token = Token(self.state.secret(), consent.bank, consent.id, consent.receiver, self.state.now)
		self.state.core.store.put(token)
		return token.code

	def token(self, request: Request, bank: str) -> Response:
		"""POST /{bank}/token: ``authorization_code`` or ``refresh_token``."""
		receiver = request.headers.get("Authorization", "").removeprefix("Bearer ").removeprefix(RECEIVER)
		grant = request.form.get("grant_type")
		token: Token | None = None
		if grant == "authorization_code":
			token = self.state.tokens.get(request.form.get("code", ""))
			if token is not None and token.used:
				token = None
		elif grant == "refresh_token":
			sent = request.form.get("refresh_token", "")
			token = next((t for t in self.state.tokens.values() if t.refresh and t.refresh == sent), None)
		consent = None if token is None else self.state.consents.get(token.consent)
		if token is None or consent is None or token.receiver != receiver or token.bank != bank:
			return _json({"error": "invalid_grant"}, 400)
		if consent.status != AUTHORISED:
			return _json({"error": "invalid_grant"}, 400)
		return _json(self._issue(token), 200)

	def _issue(self, token: Token) -> dict[str, Any]:
		self._tokens().pop(token.access, None)
		seconds = self.state.switches.access_seconds
		token.used, token.access = True, self.state.secret()
		token.refresh = token.refresh or self.state.secret()
		token.expires = self.state.now + seconds * 1000
		self.state.core.store.put(token)
		self._tokens()[token.access] = token
		return {
			"access_token": token.access,
			"refresh_token": token.refresh,
			"token_type": "Bearer",
			"expires_in": seconds,
			"scope": f"openid consent:{token.consent}",
		}


def _json(value: dict[str, Any], status: int) -> Response:
	return Response(json.dumps(value), status, {"Cache-Control": "no-store"}, content_type="application/json")
