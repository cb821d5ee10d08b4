"""What a client is told of its batches and payments: everything of its own, and nothing of the gateway's."""

import base64
import binascii
import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import frappe
from frappe import _

from bank_api.gateway import arguments, payment_rows, payment_states
from bank_api.gateway.clients import ClientContext
from bank_api.gateway.clock import iso, site_now, to_site, to_utc
from bank_api.gateway.errors import BadArgument
from bank_api.gateway.payment_states import DOCTYPE, PAYMENT, STATES, slug

MOST_ERRORS = 100
DEFAULT_ROWS, MOST_ROWS = 100, 1000
OVERLAP = timedelta(minutes=1)
"""How long a change may have been on its way when a list was made: `as_of` is so much older, so that nothing is missed."""
_STATUSES = (
	"validated",
	"sending",
	"stored",
	"authorised",
	"settled",
	"rejected",
	"cancelled",
	"expired",
	"unknown",
)
_NUMBER = re.compile(r"[0-9]{1,6}", re.ASCII)
_TIMES = ("validated_at", "sent_at", "stored_at", "authorised_at", "settled_at", "ended_at", "checked_at")


def outline(row: frappe._dict) -> dict[str, Any]:
	"""A batch as lists show it."""
	return {
		"batch": row.name,
		"idempotency_key": row.idempotency_key,
		"name": row.batch_name,
		"state": slug(row.state),
		"payments": row.payment_count,
		"refused": row.refused_count or 0,
		"rejected": row.rejected_count or 0,
		"total": row.total,
		"currency": row.currency,
		"account": row.account,
		"execution_date": row.execution_date.isoformat() if row.execution_date else None,
		"last_execution_date": row.last_execution_date.isoformat() if row.last_execution_date else None,
		"digest": row.digest,
		"provider": row.provider,
		"changed_at": _instant(row.modified),
	}


def status(row: frappe._dict) -> dict[str, Any]:
	"""How a batch stands, with everything that its client may have to know or do.

	`parts` are the messages that the bank got of it; each one has to be authorised there.
	"""
	names = payment_rows.parts_of(row.name)
	parts = [part for part in map(payment_states.get, names) if part is not None]
	return outline(row) | {
		"send_as": row.send_as,
		"processing_mode": row.processing_mode,
		"authorise_at": row.authorise_at,
		"message": _message(row, parts),
		**{name: _instant(row.get(name)) for name in _TIMES},
		"parts": [_part(part) for part in parts],
		"errors": [
			{
				"index": found.number - 1,
				"code": found.error_code,
				"field": found.error_field,
				"message": found.error,
			}
			for found in payment_rows.errors_of(row.name, MOST_ERRORS)
		],
	}


def _part(row: frappe._dict) -> dict[str, Any]:
	return {
		"part": row.part_number or 1,
		"state": slug(row.state),
		"payments": row.payment_count - (row.refused_count or 0),
		"rejected": row.rejected_count or 0,
		"total": row.total,
		"exchange_id": row.exchange_id,
		"provider_batch_id": row.provider_batch_id,
		"provider_status": row.provider_status,
		"provider_digest": row.provider_digest,
		"provider_mode": row.provider_mode,
		"sign_state": row.sign_state,
		"digest": row.digest,
		"next_try_at": _instant(row.next_try_at),
		"message": row.last_error,
	}


def _message(row: frappe._dict, parts: Sequence[frappe._dict]) -> str | None:
	"""What is worth telling first: of the batch, else of the first part that has something to say."""
	return row.last_error or next((part.last_error for part in parts if part.last_error), None)


def _instant(site_time: datetime | None) -> str | None:
	return iso(to_utc(site_time)) if site_time else None


# --- lists


def batches(
	client: ClientContext,
	connector: str,
	*,
	state: str | None,
	since: str | None,
	limit: str | int | None,
	cursor: str | None,
	provider: str | None,
) -> dict[str, Any]:
	"""A client's batches, the newest first.

	Args:
		client: who asks.
		connector: of the API module that is called.
		state: only those that stand so.
		since: only those that have changed at or after this instant; `as_of` of the answer before.
		limit: rows of a page.
		cursor: `cursor` of the page before.
		provider: name of a Bank API Provider.

	Returns:
		`batches`, `cursor` (None behind the last page) and `as_of`.
	"""
	conditions = [
		"batch.client = %(client)s",
		"batch.parent_batch IS NULL",
		"provider.connector = %(connector)s",
	]
	values: dict[str, Any] = {"client": client.name, "connector": connector}
	if state:
		conditions.append("batch.state = %(state)s")
		values["state"] = _word("state", state, {slug(one): one for one in STATES})
	if provider:
		conditions.append("batch.provider = %(provider)s")
		values["provider"] = provider
	as_of = site_now() - OVERLAP
	if instant := arguments.instant("since", since):
		conditions.append("batch.modified >= %(since)s")
		values["since"] = to_site(instant)
	if cursor:
		conditions.append("batch.name < %(before)s")
		values["before"] = _position("b", cursor)
	values["limit"] = rows_a_page(limit)
	columns = ", ".join(f"batch.`{name}`" for name in payment_states.COLUMNS)
	rows = frappe.db.sql(
		f"""SELECT {columns} FROM `tab{DOCTYPE}` batch JOIN `tabBank API Provider` provider
			ON provider.name = batch.provider
		WHERE {" AND ".join(conditions)} ORDER BY batch.name DESC LIMIT %(limit)s""",
		values,
		as_dict=True,
	)
	more = len(rows) == values["limit"]
	return {
		"batches": [outline(row) for row in rows],
		"cursor": _cursor("b", rows[-1].name) if more else None,
		"as_of": _instant(as_of),
	}


def payments(
	row: frappe._dict, *, status: str | None, limit: str | int | None, cursor: str | None
) -> dict[str, Any]:
	"""The payments of a batch in their order.

	Args:
		row: the batch.
		status: only those that stand so.
		limit: rows of a page.
		cursor: `cursor` of the page before.

	Returns:
		`batch`, `payments` and `cursor` (None behind the last page).
	"""
	condition, values = "", {"batch": row.name, "after": 0, "limit": rows_a_page(limit)}
	if status:
		condition = "AND status = %(status)s"
		values["status"] = _word("status", status, {one: one.title() for one in _STATUSES})
	if cursor:
		values["after"] = int(_position("p", cursor))
	rows = frappe.db.sql(
		f"""SELECT number, status, payload, settled_on, provider_payment_id, error_code, error_field, error
		FROM `tab{PAYMENT}` WHERE batch = %(batch)s AND number > %(after)s {condition}
		ORDER BY number LIMIT %(limit)s""",
		values,
		as_dict=True,
	)
	more = len(rows) == values["limit"]
	return {
		"batch": row.name,
		"state": slug(row.state),
		"payments": [_payment(one) for one in rows],
		"cursor": _cursor("p", str(rows[-1].number)) if more else None,
	}


def _payment(row: frappe._dict) -> dict[str, Any]:
	error = {"code": row.error_code, "field": row.error_field, "message": row.error} if row.error else None
	return {
		"index": row.number - 1,
		"status": slug(row.status),
		**json.loads(row.payload),
		"settled_on": row.settled_on.isoformat() if row.settled_on else None,
		"provider_payment_id": row.provider_payment_id,
		"error": error,
	}


def rows_a_page(limit: str | int | None) -> int:
	"""How many rows a page has.

	Raises:
		BadArgument: no number, or too large a one.
	"""
	if limit in (None, ""):
		return DEFAULT_ROWS
	plain = str(limit).strip()
	if not _NUMBER.fullmatch(plain) or not 1 <= int(plain) <= MOST_ROWS:
		raise BadArgument(_("limit must be a whole number from 1 to {0}.").format(MOST_ROWS))
	return int(plain)


def _word(name: str, value: str, known: dict[str, str]) -> str:
	plain = slug(value.strip())
	if plain not in known:
		raise BadArgument(_("The argument {0} must be one of: {1}.").format(name, ", ".join(known)))
	return known[plain]


def _cursor(kind: str, position: str) -> str:
	return base64.urlsafe_b64encode(f"{kind}:{position}".encode()).decode().rstrip("=")


def _position(kind: str, cursor: str) -> str:
	"""Where the page before ended. It only orders the caller's own rows, so it needs no seal."""
	try:
		text = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode("ascii")
	except (ValueError, binascii.Error):
		text = ""
	found, _sign, position = text.partition(":")
	if (
		found != kind
		or not re.fullmatch(r"[0-9a-f]{1,40}", position)
		or (kind == "p" and not _NUMBER.fullmatch(position))
	):
		raise BadArgument(_("The cursor is not one of this call. Begin again without it."))
	return position
