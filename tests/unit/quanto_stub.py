"""Quanto on a real socket, answering by method and path, for tests of the connector alone."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from scripted_server import Request, ScriptedServer, answer

from bank_api.connectors.model import (
	Identity,
	Presence,
	ProviderConfig,
	Secret,
	SessionRequest,
	Token,
)
from bank_api.connectors.quanto.permissions import GROUPS
from bank_api.connectors.rate_ledger import MemoryLedger
from bank_api.connectors.registry import connector_for

CPF, CNPJ = "11144477735", "11222333000181"
CONSENT = "urn:banco:C1DD33123"
KEY = "quanto-key-1"
PRESENCE = Presence("192.0.2.10", user_agent="Firefox/1")
NOW = datetime(2026, 11, 21, 15, 0, tzinfo=timezone.utc)
ALL_PERMISSIONS = tuple(
	dict.fromkeys(one for group in GROUPS for one in group.permissions if "BUSINESS" not in one)
)

Reply = Callable[[Request], tuple[int, Any]]


class Quanto(ScriptedServer):
	"""Answers from `routes`, whose keys are `METHOD /path`; what has no route is a 404 in Open Finance's shape."""

	def __init__(self) -> None:
		super().__init__(self._serve_one)
		self.routes: dict[str, list[Any]] = {}
		self.headers: dict[str, str] = {}

	def on(self, route: str, *replies: Any) -> None:
		"""Answer a route with these in order, the last one again and again: a body, `(status, body)` or a function."""
		self.routes[route] = list(replies)

	def calls(self, route: str) -> list[Request]:
		"""What was asked of a route."""
		return [request for request in self.requests if _route(request) == route]

	def _serve_one(self, connection: Any) -> bool:
		request = self.current.request
		replies = self.routes.get(_route(request))
		if replies is None:
			return answer(json.dumps(refused("NAO_ENCONTRADO")), 404)(connection)
		reply = replies.pop(0) if len(replies) > 1 else replies[0]
		if callable(reply):
			reply = reply(request)
		status, body = reply if isinstance(reply, tuple) else (200, reply)
		text = body if isinstance(body, str) else "" if body is None else json.dumps(body, ensure_ascii=False)
		extra = {"Retry_After": self.headers["Retry-After"]} if "Retry-After" in self.headers else {}
		return answer(text, status, **extra)(connection)

	def connector(self, *, ledger: Any = None, key: str = KEY, now: datetime = NOW, **settings: str) -> Any:
		"""Our connector, set up for this address, at a fixed instant."""
		speaks = connector_for(
			ProviderConfig(
				name="Quanto Test",
				connector="quanto",
				api_version="1",
				base_url=self.url,
				client_id="",
				client_secret=Secret(key),
				connect_timeout=2.0,
				read_timeout=2.0,
				settings={"environment": "Sandbox", "resource_wait": "0", **settings},
			),
			ledger or MemoryLedger(),
		)
		speaks._client._http.back_off = lambda attempt: 0.01
		speaks._client.months.now = lambda: now
		return speaks


def _route(request: Request) -> str:
	return f"{request.method} {unquote(urlsplit(request.target).path)}"


def query_of(request: Request) -> dict[str, str]:
	"""A request's parameters."""
	return dict(parse_qsl(urlsplit(request.target).query))


def refused(code: str, **more: str) -> dict[str, Any]:
	"""An error body (4.1)."""
	row = {"code": code, "title": "Título", "detail": "Detalhe 11144477735", **more}
	return {"errors": [row], "meta": {"requestDateTime": "2026-11-21T15:00:00Z"}}


def listed(rows: list[Any], *, following: str = "") -> dict[str, Any]:
	"""A list in Open Finance's envelope."""
	links = {"self": "https://x.example/y", **({"next": following} if following else {})}
	meta = {"totalRecords": len(rows), "totalPages": 1, "requestDateTime": "2026-11-21T15:00:00Z"}
	return {"data": rows, "links": links, "meta": meta}


def single(data: Mapping[str, Any]) -> dict[str, Any]:
	"""One object in Open Finance's envelope."""
	meta = {"totalRecords": 1, "totalPages": 1, "requestDateTime": "2026-11-21T15:00:00Z"}
	return {"data": dict(data), "links": {"self": "https://x.example/y"}, "meta": meta}


def consent(status: str = "AUTHORISED", **changes: Any) -> dict[str, Any]:
	"""A consent as Quanto answers it."""
	data = {
		"consentId": CONSENT,
		"creationDateTime": "2026-11-01T10:00:00Z",
		"status": status,
		"statusUpdateDateTime": "2026-11-01T10:05:00Z",
		"permissions": list(ALL_PERMISSIONS),
		"expirationDateTime": "2027-11-01T10:00:00Z",
	} | changes
	return {
		"data": data,
		"links": {"self": "https://x.example/y"},
		"meta": {"requestDateTime": "2026-11-21T15:00:00Z"},
		"sessionId": "5b1b9d3e-0f1c-4a35-93a8-56a2b9a5b1aa",
		"institution": {"organisationId": "org", "authorisationServerId": "as-1", "name": "Banco Um"},
	}


def resource(name: str, kind: str = "ACCOUNT", status: str = "AVAILABLE") -> dict[str, str]:
	"""A resource of a consent."""
	return {"resourceId": name, "type": kind, "status": status}


def token(**changes: Any) -> Token:
	"""A token of the consent."""
	return replace(
		Token(Secret(""), datetime(2100, 1, 1, tzinfo=timezone.utc), "", consent_id=CONSENT), **changes
	)


def session_request(**changes: Any) -> SessionRequest:
	"""A session for a person's balances."""
	return replace(
		SessionRequest(
			identity=Identity(Secret(CPF)),
			permissions=group("account_balances"),
			purpose="Conciliação bancária",
			expires_at=datetime(2027, 6, 1, 12, 30, 15, 999, tzinfo=timezone.utc),
			external_id="unguessable",
			redirect_url="https://gateway.example/bank-api/return",
		),
		**changes,
	)


def group(key: str) -> tuple[str, ...]:
	"""The permissions of a group."""
	return next(one.permissions for one in GROUPS if one.key == key)
