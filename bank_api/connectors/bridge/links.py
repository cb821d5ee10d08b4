"""The pages that an end user visits, and what comes back from them (bridge.md, 2)."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from bank_api.connectors.bridge.client import BridgeClient
from bank_api.connectors.errors import InvalidRequest, MalformedResponse, Unsupported
from bank_api.connectors.model import Link, LinkKind, LinkRequest, LinkReturn, Token

_CONTEXT = re.compile(r"[A-Za-z0-9-]{1,100}\Z", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}\Z", re.ASCII)
_UUID = re.compile(r"[A-Za-z0-9-]{1,64}\Z", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,19}\Z", re.ASCII)
_COUNTRY = re.compile(r"[A-Za-z]{2}\Z", re.ASCII)

_REPAIR_PATHS = {LinkKind.EDIT: "/v2/connect/items/edit", LinkKind.SCA: "/v2/connect/items/sync"}


def create(client: BridgeClient, token: Token, request: LinkRequest) -> Link:
	"""Ask for a page; see `Connector.link`."""
	if not _CONTEXT.match(request.context):
		raise InvalidRequest("The context of a link is 1 to 100 letters, digits or hyphens.")
	if request.kind in _REPAIR_PATHS and request.item_id is None:
		raise InvalidRequest("This kind of link needs an item.")
	if client.version.has_connect_sessions:
		return _session(client, token, request)
	return _page_of_2021(client, token, request)


def _session(client: BridgeClient, token: Token, request: LinkRequest) -> Link:
	"""Version 2025-01-15: one call for all kinds."""
	if request.kind is LinkKind.PRO:
		raise Unsupported(
			"This version of Bridge has no page to confirm business accounts: Bridge has removed the step. "
			"If an item needs its user, ask for an authentication link."
		)
	settings = client.settings
	body: dict[str, Any] = {
		"user_email": request.email or f"{token.provider_user_id}@{settings.placeholder_email_domain}",
		"callback_url": request.return_url,
		"context": request.context,
		# Also on repairs: without it, an item with all accounts falls back to payment accounts.
		"account_types": settings.account_types,
	}
	if request.item_id is not None:
		body["item_id"] = number(request.item_id)
		if request.kind is LinkKind.SCA:
			body["force_reauthentication"] = True
	else:
		body["country_code"] = _country(client, request).upper()
		if settings.capabilities:
			body["capabilities"] = _capabilities(client)
		if request.bank_id is not None:
			body["provider_id"] = number(request.bank_id)
	answer, _ = client.object(
		"POST",
		f"{client.version.data}/connect-sessions",
		token=token,
		body=body,
		language=request.language,
		throttled_for=settings.connect_limit_seconds if request.item_id is not None else None,
	)
	session = answer.get("id")
	return Link(_url(client, answer.get("url")), session if isinstance(session, str) else None)


def _page_of_2021(client: BridgeClient, token: Token, request: LinkRequest) -> Link:
	"""Version 2021-06-01: one call a kind."""
	way_back = {"redirect_url": request.return_url, "context": request.context}
	if request.kind is LinkKind.CONNECT:
		body: dict[str, Any] = {**way_back, "country": _country(client, request).lower()}
		if request.email:
			body["prefill_email"] = request.email
		if request.bank_id is not None:
			body["bank_id"] = number(request.bank_id)
		if client.settings.capabilities:
			body["capabilities"] = _capabilities(client)
		answer, _ = client.object(
			"POST", "/v2/connect/items/add", token=token, body=body, language=request.language
		)
	else:
		path = _REPAIR_PATHS.get(request.kind, "/v2/connect/items/pro/confirmation")
		query = dict(way_back)
		if request.kind is not LinkKind.PRO:
			query["item_id"] = str(number(request.item_id))
		answer, _ = client.object(
			"GET",
			path,
			token=token,
			query=urlencode(query),
			language=request.language,
			throttled_for=client.settings.connect_limit_seconds,
		)
	return Link(_url(client, answer.get("redirect_url")))


def read_return(query: Mapping[str, str]) -> LinkReturn:
	"""Read what the browser brought back; see `Connector.parse_return`.

	The redirect is unsigned: all of it is a hint, and what has not the right form is dropped.
	"""
	return LinkReturn(
		context=_matching(_CONTEXT, query.get("context")),
		success=query.get("success") == "true",
		item_id=_matching(_DIGITS, query.get("item_id")),
		# One page of the documentation calls it `uuid` (bridge.md, 2.4).
		provider_user_id=_matching(_UUID, query.get("user_uuid") or query.get("uuid")),
		step=_matching(_WORD, query.get("step")),
	)


def number(value: str | None) -> int:
	"""An id that Bridge takes as a JSON number.

	Raises:
		InvalidRequest: it is none.
	"""
	if not isinstance(value, str) or not _DIGITS.match(value):
		raise InvalidRequest("This is not an id of Bridge's.")
	return int(value)


def _matching(form: re.Pattern[str], value: object) -> str | None:
	return value if isinstance(value, str) and form.match(value) else None


def _country(client: BridgeClient, request: LinkRequest) -> str:
	country = request.country or client.settings.country_code
	if not _COUNTRY.match(country):
		raise InvalidRequest("A country is named by two letters.")
	return country


def _capabilities(client: BridgeClient) -> list[str]:
	return [word.strip() for word in client.settings.capabilities.split(",") if word.strip()]


def _url(client: BridgeClient, value: object) -> str:
	"""The page's address, if a browser may be sent there: https, or what the API itself uses (the
	sandbox)."""
	if isinstance(value, str):
		try:
			parts = urlsplit(value)
		except ValueError:
			parts = urlsplit("")
		if parts.netloc and parts.scheme in ("https", urlsplit(client.config.base_url).scheme):
			return value
	raise MalformedResponse("The provider's answer lacks the address of its page.")
