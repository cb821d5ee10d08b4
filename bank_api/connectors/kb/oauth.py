"""CAAS: the page where a user consents, codes, tokens, renewals (kb_batch.md, 2.5). Nothing here is sent twice.

KB gives a consent no id, so ours is made here. It carries the instant at which the user was sent to CAAS, because the
consent's end is counted in months from then, and KB does not repeat it.
"""

import calendar
import re
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote, urlencode

from bank_api.connectors import values, verbatim
from bank_api.connectors.errors import (
	ConfigurationError,
	ConsentRequired,
	InvalidRequest,
	MalformedResponse,
	ProviderError,
	RefreshRefused,
	Unsupported,
)
from bank_api.connectors.http import Answer, Call
from bank_api.connectors.kb.client import OAUTH, KbClient, split
from bank_api.connectors.kb.refusals import About, refusal
from bank_api.connectors.model import ConsentRequest, CreatedConsent, LinkReturn, Secret, TokenPair

WAITING = "WAITING"
_CONTEXT = re.compile(r"[A-Za-z0-9_.~-]{1,200}\Z", re.ASCII)
_ERROR = re.compile(r"[a-z_]{1,64}\Z", re.ASCII)
_CODE = re.compile(r"[\x21-\x7e]{1,4096}\Z")
_CONSENT = re.compile(r"kb-(\d{8}T\d{6}Z)-[0-9a-f-]{36}\Z", re.ASCII)
_STAMP = "%Y%m%dT%H%M%SZ"
_LONGEST_LIFE = 400 * 86400
_LEDGER_MARGIN = 1
# RFC 6749, 5.2: these speak of us, not of the user's consent.
_OURS = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"})


def create_consent(client: KbClient, request: ConsentRequest) -> CreatedConsent:
	"""See `ConsentConnector.create_consent`. KB is not called: the user's browser is."""
	if not _CONTEXT.match(request.state) or not request.redirect_url:
		raise InvalidRequest("A consent needs a state and a redirect address.")
	stamp = client.now().astimezone(timezone.utc).strftime(_STAMP)
	return CreatedConsent(
		consent_id=f"kb-{stamp}-{uuid.uuid4()}",
		status=WAITING,
		link=page(client, request.state, request.redirect_url, request.code_challenge),
		sca_approach="REDIRECT",
		request_id="",
		payload="{}",
		# A renewal has to repeat the address that the consent was given with, whatever ours is by then.
		metadata_url=request.redirect_url,
	)


def page(client: KbClient, state: str, redirect_url: str, code_challenge: str) -> str:
	"""CAAS's page for one trip of a user.

	Raises:
		ConfigurationError: the record lacks the client id, or its page has no TLS.
	"""
	settings = client.settings
	if not settings.authorize_url.startswith("https://") and not settings.in_sandbox:
		raise ConfigurationError("The provider's setting authorize_url must begin with https://.")
	parameters = {
		"response_type": "code",
		"client_id": _client_id(client),
		"redirect_uri": redirect_url,
		"scope": settings.scope,
		"state": state,
	}
	if settings.pkce:
		parameters |= {"code_challenge": code_challenge, "code_challenge_method": "S256"}
	return f"{settings.authorize_url}?{urlencode(parameters, quote_via=quote, safe='')}"


def read_return(query: Mapping[str, str]) -> LinkReturn:
	"""See `Connector.parse_return`."""
	code, error, state = query.get("code"), query.get("error"), query.get("state")
	refused = isinstance(error, str) and bool(error)
	usable = isinstance(code, str) and _CODE.match(code) is not None and not refused
	return LinkReturn(
		context=state if isinstance(state, str) and _CONTEXT.match(state) else None,
		success=usable,
		code=Secret(str(code)) if usable else None,
		error=(str(error) if _ERROR.match(str(error)) else "invalid_error") if refused else None,
	)


def exchange(
	client: KbClient, consent_id: str, code: Secret, redirect_url: str, verifier: Secret
) -> TokenPair:
	"""See `ConsentConnector.exchange`."""
	form = {"grant_type": "authorization_code", "code": code.reveal(), "redirect_uri": redirect_url}
	if client.settings.pkce:
		form["code_verifier"] = verifier.reveal()
	return _ask(client, consent_id, form, renewing=False)


def renew(client: KbClient, consent_id: str, refresh: Secret, redirect_url: str) -> TokenPair:
	"""See `ConsentConnector.renew`. KB normally gives no new refresh token: the old one stays."""
	if not refresh:
		raise InvalidRequest("There is no refresh token to renew with.")
	address = redirect_url or client.settings.redirect_uri
	if not address:
		raise ConfigurationError(
			"KB wants the redirect address with each renewal: enter the registered one as the setting redirect_uri."
		)
	form = {"grant_type": "refresh_token", "refresh_token": refresh.reveal(), "redirect_uri": address}
	return _ask(client, consent_id, form, renewing=True)


def revoke(client: KbClient, refresh: Secret) -> None:
	"""End a consent at CAAS (RFC 7009), where a path for it is set.

	Raises:
		Unsupported: there is none.
		ProviderError: it could not be ended.
	"""
	if not client.names.path_revoke:
		raise Unsupported("KB offers no call to end a consent: its user ends it in the bank's own channel.")
	origin, _ = split(client.settings.token_url)
	answer = _send(client, origin, client.names.path_revoke, {"token": refresh.reveal()})
	if not 200 <= answer.status < 300:
		raise _refusal(client, answer, renewing=True)


def check(client: KbClient) -> None:
	"""Prove key, client id and secret: CAAS refuses a refresh token that never was only after it knows who asks.

	Raises:
		ProviderError: it is us that CAAS refuses.
	"""
	form = {
		"grant_type": "refresh_token",
		"refresh_token": str(uuid.uuid4()),
		"redirect_uri": client.settings.redirect_uri or "https://localhost/",
	}
	try:
		_ask(client, "", form, renewing=True)
	except (ConsentRequired, InvalidRequest):
		return


def end_of(client: KbClient, consent_id: str) -> datetime | None:
	"""When a consent ends (2.5: 12 months), counted from when its user was sent to CAAS; None for an id of another form."""
	match = _CONSENT.match(consent_id)
	if match is None:
		return None
	begun = datetime.strptime(match[1], _STAMP).replace(tzinfo=timezone.utc)
	return add_months(begun, client.settings.refresh_months)


def add_months(moment: datetime, months: int) -> datetime:
	"""The same day some months later, or the last one of a shorter month."""
	count = moment.year * 12 + moment.month - 1 + months
	year, month = divmod(count, 12)
	return moment.replace(
		year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1])
	)


def _ask(client: KbClient, consent_id: str, form: Mapping[str, str], *, renewing: bool) -> TokenPair:
	# The life is counted from before the call: the answer may have travelled for long.
	asked = client.now()
	origin, path = split(client.settings.token_url)
	answer = _send(client, origin, path, form)
	if not 200 <= answer.status < 300:
		raise _refusal(client, answer, renewing=renewing)
	return _pair(client, verbatim.parse_object(answer.text()), asked, end_of(client, consent_id))


def _send(client: KbClient, origin: str, path: str, form: Mapping[str, str]) -> Answer:
	limits = client.config.limits
	# Tokens are to be used until they end; too many requests for new ones are refused with 429 (2.5).
	bucket = f"token:{client.config.name}"
	client.ledger.acquire(bucket, limits.token_calls, limits.token_seconds + _LEDGER_MARGIN)
	client.slots()
	body = urlencode(
		{
			**form,
			"client_id": _client_id(client),
			"client_secret": client.config.client_secret.reveal(),
		}
	)
	http = client.new_http(origin)
	try:
		return http.send(
			Call(
				"POST",
				path,
				path,
				headers=client.headers(OAUTH, None),
				body=body,
				content_type="application/x-www-form-urlencoded",
				sign=client.correlated,
				idempotent=False,
			)
		)
	finally:
		http.close()


def _client_id(client: KbClient) -> str:
	if not client.config.client_id:
		raise ConfigurationError(
			"The provider record lacks the client id: register the application at KB first."
		)
	return client.config.client_id


def _refusal(client: KbClient, answer: Answer, *, renewing: bool) -> ProviderError:
	"""What CAAS refuses; its error body is not documented, RFC 6749, 5.2 is taken for it."""
	error = _word(answer)
	facts: dict[str, Any] = {
		"status": answer.status,
		"provider_code": error or None,
		"request_id": answer.request_id,
	}
	if 400 <= answer.status < 500 and answer.status != 429:
		if error == "invalid_grant" and renewing:
			return RefreshRefused("The consent has ended: the user has to give it again at KB.", **facts)
		if error == "invalid_grant":
			return ConsentRequired(
				"KB does not accept the code, which is good for two minutes: the user has to come again.",
				**facts,
			)
		if error in _OURS:
			return ConfigurationError(
				"KB does not accept the application: check client id and secret, or register it again.",
				**facts,
			)
		if error:
			return InvalidRequest("KB does not accept the request for a token.", **facts)
	throttled_for = client.settings.throttle_seconds
	return refusal(answer, About.TOKEN, client.names, throttled_for=throttled_for)


def _word(answer: Answer) -> str:
	try:
		body = verbatim.parse(answer.text())
	except MalformedResponse:
		return ""
	error = body.get("error") if isinstance(body, dict) else None
	return error if isinstance(error, str) and _ERROR.match(error) else ""


def _pair(client: KbClient, body: Mapping[str, Any], asked: datetime, ends: datetime | None) -> TokenPair:
	access = _token(body.get("access_token"))
	if access is None:
		raise MalformedResponse("The provider's answer lacks the access token.")
	kind = body.get("token_type")
	if isinstance(kind, str) and kind and kind.lower() != "bearer":
		raise MalformedResponse("The provider gave a token of a kind that is not known.")
	return TokenPair(
		access=access,
		refresh=_token(body.get("refresh_token")),
		expires_at=asked + timedelta(seconds=_life(body.get("expires_in"), client.settings.token_lifetime)),
		refresh_expires_at=ends,
		scope=values.text(body.get("scope")) or "",
	)


def _life(value: Any, usual: int) -> int:
	if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
		value = int(value)
	return min(value, _LONGEST_LIFE) if value.__class__ is int and value > 0 else usual


def _token(value: Any) -> Secret | None:
	if value is None or value == "":
		return None
	if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
		raise MalformedResponse("The provider gave a token that cannot be sent.")
	return Secret(value)
