"""Taking in a bank's nudges: who is it, has it come before, store it, answer. Nothing is acted upon here.

Each account has an address and a key of its own, so that what comes concerns one account of one client and nothing else. An
address, a key or a subscription that is not known gets one and the same refusal.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import frappe

from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.model import Nudge
from bank_api.gateway import inbox, kept_connection, nudges, wake
from bank_api.gateway.clock import site_zone
from bank_api.gateway.ids import row_name
from bank_api.gateway.inbox import FORGED, MALFORMED, TOO_LONG, Received

_PLACE = re.compile(r"/([0-9a-f]{22})(/.{1,200})", re.ASCII)
TAKEN = Received(204, None)


def receive(connector_key: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Received:
	"""Answer a bank that calls at one of the addresses that `nudges.address` makes; what is stored is committed.

	Args:
		connector_key: connector whose endpoint was called.
		method: of the call.
		path: what stands behind the endpoint's name in the address.
		headers: of the call.
		body: the raw body.
	"""
	if len(body) > inbox.MAX_BODY:
		return TOO_LONG
	match = _PLACE.fullmatch(path)
	account = _account(connector_key, match[1]) if match else None
	connector = nudges.connector_of(account.provider) if account else None
	if not match or account is None or connector is None:
		inbox.note_refusal(None)
		return FORGED
	if method == "GET":
		text = connector.handshake(match[2])
		return Received(200, text) if text is not None else FORGED
	key = nudges.key_of(account.name)
	if not key or not connector.verify_webhook(body, headers, [key]):
		inbox.note_refusal(account.provider)
		return FORGED
	try:
		nudge, text = connector.nudge(match[2], headers, body), body.decode("utf-8")
	except (MalformedResponse, UnicodeDecodeError):
		return MALFORMED
	if nudge is None or nudge.subscription_id != (account.subscription_id or nudge.subscription_id):
		return FORGED
	if not account.subscription_id:
		_adopt(account.name, nudge.subscription_id)
	_store(account, nudge, text)
	wake.wake(wake.EVENTS)
	return TAKEN


def _account(connector_key: str, name: str) -> Any:
	rows = frappe.db.sql(
		"""SELECT account.name, account.client, account.item, account.provider, account.subscription_id
		FROM `tabBank API Account` account
		JOIN `tabBank API Item` item ON item.name = account.item AND item.status != 'Deleted'
		JOIN `tabBank API Provider` provider ON provider.name = account.provider
			AND provider.enabled = 1 AND provider.connector = %s
		WHERE account.name = %s""",
		(connector_key, name),
		as_dict=True,
	)
	return rows[0] if rows else None


def _adopt(account: str, subscription_id: str) -> None:
	"""The bank's own id of a subscription whose making was not answered, or not yet."""
	kept_connection.execute(
		"UPDATE `tabBank API Account` SET subscription_id = %s WHERE name = %s AND IFNULL(subscription_id, '') = ''",
		(subscription_id, account),
	)


def _store(account: Any, nudge: Nudge, text: str) -> None:
	"""Insert the event; IGNORE, because one that the bank repeats under the same id is stored already."""
	# Bodies are all alike: what tells two nudges apart is the id of the call.
	event_id = f"{account.name}:{nudge.event.event_id or row_name()}"
	inbox.insert(
		provider=account.provider,
		event=nudge.event,
		text=text,
		zone=site_zone(),
		digest=sha256(event_id.encode()).hexdigest(),
		event_id=event_id,
		client=account.client,
		item=account.item,
		account=account.name,
	)
