"""Bridge's webhooks: what is signed, and what each event means (bridge.md, 7)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bank_api.connectors import verbatim
from bank_api.connectors.bridge.mapping import identifier, instant
from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.model import InboundEvent, Secret
from bank_api.crypto import hmac_signature

SIGNATURE_HEADER = "BridgeApi-Signature"

_TYPE = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z", re.ASCII)


class Meaning(NamedTuple):
	"""What an event asks of the gateway."""

	needs_sync: bool = False
	item_deleted: bool = False
	user_deleted: bool = False
	is_test: bool = False


NOTHING = Meaning()
SYNC = Meaning(needs_sync=True)

MEANINGS: dict[str, Meaning] = {
	# Sent when the end user submits credentials, before there is any data: `item.refreshed` follows.
	"item.created": NOTHING,
	"item.refreshed": SYNC,
	"item.deleted": Meaning(item_deleted=True),
	"item.account.created": SYNC,
	"item.account.updated": SYNC,
	"item.account.deleted": SYNC,
	"user.deleted": Meaning(user_deleted=True),
	"TEST_EVENT": Meaning(is_test=True),
	# Names of the 2019 version.
	"ITEM_CREATED": NOTHING,
	"ITEM_REFRESHED": SYNC,
	"ITEM_DELETED": Meaning(item_deleted=True),
	"ACCOUNT_CREATED": SYNC,
	"ACCOUNT_UPDATED": SYNC,
	"ACCOUNT_DELETED": SYNC,
}

# Bridge's payment products share the dashboard's webhooks; account information has no use for them.
_IRRELEVANT = ("payment.", "transfer.", "transfer_", "transfer-", "TRANSFER_", "PAYMENT_")


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[Secret]) -> bool:
	"""Whether one of the secrets signed exactly these bytes.

	Args:
		body: the raw body.
		headers: the request's headers, in any letter case.
		secrets: the secrets that are valid now.
	"""
	wanted = SIGNATURE_HEADER.lower()
	header = next((value for name, value in headers.items() if name.lower() == wanted), None)
	return hmac_signature.verify(body, header, [secret.reveal() for secret in secrets])


def parse(body: bytes) -> InboundEvent:
	"""Read a webhook's body: `{"content": {…}, "timestamp": epoch in s or ms, "type": "…"}`.

	Raises:
		MalformedResponse: it is not one of Bridge's.
	"""
	envelope = verbatim.parse_object(verbatim.decode(body))
	event_type = envelope.get("type")
	if not isinstance(event_type, str) or not _TYPE.match(event_type):
		raise MalformedResponse("The webhook has no type.")
	occurred_at = instant(envelope.get("timestamp"))
	meaning = MEANINGS.get(event_type)
	if meaning is None:
		return InboundEvent(event_type, occurred_at, known=event_type.startswith(_IRRELEVANT))
	if meaning.is_test:
		# It names an item that does not exist.
		return InboundEvent(event_type, occurred_at, is_test=True)
	content = envelope.get("content")
	if not isinstance(content, dict):
		raise MalformedResponse("The webhook has no content.")
	return InboundEvent(
		event_type,
		occurred_at,
		provider_item_id=_id(content, "item_id"),
		provider_account_id=_id(content, "account_id"),
		provider_user_id=_id(content, "user_uuid"),
		needs_sync=meaning.needs_sync,
		item_deleted=meaning.item_deleted,
		user_deleted=meaning.user_deleted,
	)


def _id(content: dict[str, Any], name: str) -> str | None:
	value = content.get(name)
	return None if value is None else identifier(value)
