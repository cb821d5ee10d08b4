"""KB's nudges that an account has new transactions (kb_batch.md, 4.2; adaa-event-api).

KB asks `GET {url}/version` first, then posts to `{url}/subscriptions/{id}/events`, with the key that we gave it.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bank_api.connectors import verbatim
from bank_api.connectors.errors import InvalidRequest, MalformedResponse, NotFound
from bank_api.connectors.kb.client import ADAA, KbClient
from bank_api.connectors.kb.names import Names
from bank_api.connectors.kb.refusals import About
from bank_api.connectors.model import InboundEvent, Nudge, Secret, Token
from bank_api.connectors.onboarding import EventSubscription

VERSION = "1.0"
"""What our side of the event API has to answer to `/version`: `{"version": "1.0"}`."""
EVENT = "transactions"
_PATH = "/accounts/{account}/transactions/event-subscriptions"
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_SUBSCRIBER = re.compile(
	r"/subscriptions/([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})/events/?\Z"
)


def verify(names: Names, headers: Mapping[str, str], secrets: Sequence[Secret]) -> bool:
	"""Whether one of the secrets came along. It signs nothing, so the body proves nothing; it is only a nudge."""
	found = {name.lower(): value for name, value in headers.items()}
	given = found.get(names.header_event_key.lower(), "").strip().encode()
	# Each one is compared, and in constant time, so that the time tells nothing.
	results = [hmac.compare_digest(given, secret.reveal().encode()) for secret in secrets if secret]
	return bool(given) and any(results)


def parse(names: Names, body: bytes) -> InboundEvent:
	"""A nudge: `{"eventCount": n}`, and nothing of what has happened.

	Raises:
		MalformedResponse: it is none of KB's.
	"""
	event = verbatim.parse_object(verbatim.decode(body))
	count = event.get(names.field_event_count)
	if count is not None and (count.__class__ is not int or count < 0):
		raise MalformedResponse("The webhook has no count of events.")
	return InboundEvent(EVENT, None, needs_sync=count != 0)


def handshake(path: str) -> str | None:
	"""The answer to `/version`; None for another path."""
	return verbatim.dumps({"version": VERSION}) if path.rstrip("/") == "/version" else None


def nudge(names: Names, path: str, headers: Mapping[str, str], body: bytes) -> Nudge | None:
	"""A call to `/subscriptions/{id}/events`; None for another path."""
	match = _SUBSCRIBER.fullmatch(path)
	if match is None:
		return None
	found = {name.lower(): value for name, value in headers.items()}
	call = found.get(names.header_correlation.lower(), "").strip().strip("{}").lower()
	return Nudge(
		match[1].lower(), replace(parse(names, body), event_id=call if _GUID.fullmatch(call) else "")
	)


def subscribe(client: KbClient, token: Token, account_id: str, url: str, key: Secret) -> EventSubscription:
	"""Ask for nudges about an account. KB asks `url` for its version before it answers."""
	if not url.startswith("https://") and not client.settings.in_sandbox:
		raise InvalidRequest("The address for events must begin with https://.")
	if not key:
		raise InvalidRequest("Events need a key by which KB is known.")
	answer = client.call(
		"POST",
		client.settings.adaa_url,
		_PATH,
		About.ACCOUNT,
		api=ADAA,
		ids={"account": account_id},
		body=verbatim.dumps({"eventApiUrl": url, "eventApiKey": key.reveal()}),
		token=token,
	)
	return _subscription(answer.text())


def subscription(
	client: KbClient, token: Token, account_id: str, subscription_id: str
) -> EventSubscription | None:
	"""A subscription as KB has it; None if it does not know it."""
	try:
		answer = client.call(
			"GET", *_one(client), api=ADAA, ids=_ids(account_id, subscription_id), token=token
		)
	except NotFound as error:
		if error.status == 404:
			return None
		raise
	return _subscription(answer.text())


def unsubscribe(client: KbClient, token: Token, account_id: str, subscription_id: str) -> None:
	"""Let KB send no more; an unknown subscription counts as ended."""
	try:
		client.call("DELETE", *_one(client), api=ADAA, ids=_ids(account_id, subscription_id), token=token)
	except NotFound as error:
		if error.status != 404:
			raise


def _one(client: KbClient) -> tuple[str, str, About]:
	return client.settings.adaa_url, f"{_PATH}/{{subscription}}", About.ACCOUNT


def _ids(account_id: str, subscription_id: str) -> dict[str, str]:
	return {"account": account_id, "subscription": subscription_id}


def _subscription(text: str) -> EventSubscription:
	body = verbatim.parse_object(text)
	wanted = {name: _text(body.get(name)) for name in ("subscriptionId", "eventApiUrl", "status")}
	if not all(wanted.values()):
		raise MalformedResponse("The provider's answer is no subscription.")
	return EventSubscription(
		subscription_id=wanted["subscriptionId"].strip("{}").lower(),
		url=wanted["eventApiUrl"],
		status=wanted["status"],
		active=wanted["status"].upper() == "ACTIVE",
		over=wanted["status"].upper() == "STOPPED",
	)


def _text(value: Any) -> str:
	return value if isinstance(value, str) else ""
