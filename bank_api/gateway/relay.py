"""Telling clients that something changed: events are stored with the change itself and sent in the
background.

A webhook is a nudge, never the carrier of truth: the body holds identifiers and a sequence number per client;
the client pulls (DESIGN.md, What callers rely on). Delivery is at least once; `webhook-id` is the same for
every attempt. `gateway/delivery.py` sends.
"""

import json
from typing import Any

import frappe
from frappe import _

from bank_api.gateway import audit, delivery, wake
from bank_api.gateway.clock import iso, site_now, utc_now
from bank_api.gateway.errors import BadArgument, UnknownObject
from bank_api.gateway.ids import row_name

DOCTYPE = "Bank API Webhook Delivery"
CLIENT = "Bank API Client"
TEST_EVENT = "endpoint.test"


def emit(client: str, event_type: str, data: dict[str, Any], item: str | None = None) -> str:
	"""Store an event for a client in the caller's transaction; it is sent after the commit.

	The number of the event is taken under a lock on the client that lasts until the transaction ends, so that
	numbers appear in order. Call it late in a transaction.

	Args:
		client: name of the Bank API Client.
		event_type: such as `transactions.updated`.
		data: identifiers of what changed, ready for JSON.
		item: name of the Bank API Item it is about; its own webhook address is used if it has one.

	Returns:
		name of the Bank API Webhook Delivery, or an empty text if the client wants no webhooks.
	"""
	url = _address(client, item)
	if not url:
		return ""
	frappe.db.sql(
		"""UPDATE `tabBank API Client` SET event_sequence = LAST_INSERT_ID(IFNULL(event_sequence, 0) + 1)
		WHERE name = %s""",
		client,
	)
	sequence = int(frappe.db.sql("SELECT LAST_INSERT_ID()")[0][0])
	name = row_name()
	now = site_now()
	body = {"type": event_type, "timestamp": iso(utc_now()), "data": {**data, "sequence": sequence}}
	frappe.db.sql(
		"""INSERT INTO `tabBank API Webhook Delivery` (name, creation, modified, owner, modified_by, client,
			event_id, event_type, item, sequence, url, status, attempts, next_attempt_at, payload)
		VALUES (%(name)s, %(now)s, %(now)s, %(user)s, %(user)s, %(client)s,
			%(event_id)s, %(event_type)s, %(item)s, %(sequence)s, %(url)s, 'Pending', 0, %(now)s,
			%(payload)s)""",
		{
			"name": name,
			"now": now,
			"user": frappe.session.user,
			"client": client,
			"event_id": f"msg_{name}",
			"event_type": event_type,
			"item": item,
			"sequence": sequence,
			"url": url,
			"payload": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
		},
	)
	wake.after_commit(wake.DELIVERIES)
	return name


def _address(client: str, item: str | None) -> str:
	"""Where events of a client and item go; empty if the client is disabled or wants none."""
	rows = frappe.db.sql(
		"""SELECT COALESCE(NULLIF((SELECT webhook_url FROM `tabBank API Item` WHERE name = %s), ''),
			webhook_url)
		FROM `tabBank API Client` WHERE name = %s AND enabled = 1 AND webhook_disabled = 0""",
		(item, client),
	)
	return (rows[0][0] or "") if rows else ""


def drain() -> int:
	"""Job: send everything that is due; returns how many deliveries were attempted."""
	return delivery.drain()


def replay(name: str) -> None:
	"""Send a delivery again, from its first attempt on, with the same `webhook-id`.

	Args:
		name: name of the Bank API Webhook Delivery.

	Raises:
		UnknownObject: there is no such delivery.
		BadArgument: its client is disabled or has no webhook address.
	"""
	row = frappe.db.get_value(DOCTYPE, name, ["client", "item"], as_dict=True)
	if not row:
		raise UnknownObject()
	_require_address(row.client, row.item)
	_make_due("name = %s", name)
	_release(row.client)
	audit.record("Delivery Replayed", client=row.client, doctype=DOCTYPE, name=name)


def replay_dead_letters(client: str) -> int:
	"""Send all dead letters of a client again, in their order; returns how many there are."""
	_require_address(client, None)
	count = _make_due("client = %s AND status = 'Dead Letter'", client)
	_release(client)
	audit.record(
		"Dead Letters Replayed", client=client, doctype=CLIENT, name=client, details={"count": count}
	)
	return count


def ping(client: str) -> str:
	"""Send a test event to a client.

	Returns:
		name of the Bank API Webhook Delivery, in which the outcome will show.

	Raises:
		BadArgument: the client is disabled or has no webhook address.
	"""
	_require_address(client, None)
	_release(client)
	return emit(client, TEST_EVENT, {"client": client})


def _require_address(client: str, item: str | None) -> None:
	if not _address(client, item):
		raise BadArgument(
			_("The client or its webhooks are disabled, or it has no webhook address. Correct it first.")
		)


def _make_due(condition: str, value: str) -> int:
	frappe.db.sql(
		f"""UPDATE `tabBank API Webhook Delivery` SET status = 'Pending', attempts = 0, next_attempt_at = %s,
			modified = %s WHERE {condition}""",
		(site_now(), site_now(), value),
	)
	wake.after_commit(wake.DELIVERIES)
	return frappe.db._cursor.rowcount


def _release(client: str) -> None:
	"""End the pause that an unreachable endpoint is given: a person wants to know now."""
	frappe.db.sql("UPDATE `tabBank API Client` SET webhook_hold_until = NULL WHERE name = %s", client)


def tick() -> None:
	"""Every minute: send what is due again, and what was stored while Redis was down."""
	if delivery.anything_due():
		delivery.drain()
