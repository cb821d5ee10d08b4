"""What the desk shows of a batch at a glance, in one answer whose size does not grow with the batch."""

import json
from typing import Any

import frappe
from frappe import _

from bank_api.gateway import audit, payment_rows, payment_states
from bank_api.gateway.errors import UnknownObject
from bank_api.gateway.payment_states import CANCELLED, DOCTYPE, PAYMENT, REJECTED, STATES, UNKNOWN

MOST_PARTS = 100
MOST_ERRORS = 20
MOST_LINES = 200
_STEP = "Payment Batch "
_TOLD_OF_PARTS = tuple(_STEP + word for word in (UNKNOWN, REJECTED, CANCELLED, "Decided"))
"""Of a batch with many parts: the steps of a part that are worth a line; the whole has its own."""
_FEW_PARTS = 10


def overview(name: str) -> dict[str, Any]:
	"""How the payments of a batch stand, its parts, what speaks against payments, and what has happened.

	Args:
		name: name of a Bank API Payment Batch, whole or part.

	Returns:
		`counts` of payments by status, `parts`, `errors` and `timeline`.
	"""
	row = payment_states.get(name)
	if row is None:
		raise UnknownObject()
	return {
		"counts": _counts(row),
		"parts": _parts(row.name),
		"errors": _errors(row),
		"timeline": timeline(row.name),
	}


def _column(row: frappe._dict) -> str:
	"""By which column its payments are found."""
	return "part" if row.parent_batch else "batch"


def _counts(row: frappe._dict) -> dict[str, int]:
	found = frappe.db.sql(
		f"SELECT status, COUNT(*) FROM `tab{PAYMENT}` WHERE `{_column(row)}` = %s GROUP BY status", row.name
	)
	counts = dict(found)
	return {state: int(counts[state]) for state in STATES if counts.get(state)}


def _parts(name: str) -> list[frappe._dict]:
	return frappe.db.sql(
		f"""SELECT name, part_number, state, payment_count, total, currency, exchange_id, provider_batch_id,
			provider_digest FROM `tab{DOCTYPE}` WHERE parent_batch = %s ORDER BY part_number LIMIT %s""",
		(name, MOST_PARTS),
		as_dict=True,
	)


def _errors(row: frappe._dict) -> list[frappe._dict]:
	return frappe.db.sql(
		f"""SELECT name, number, amount, currency, error_field, error_code, error FROM `tab{PAYMENT}`
		WHERE `{_column(row)}` = %s AND status = 'Rejected' ORDER BY number LIMIT %s""",
		(row.name, MOST_ERRORS),
		as_dict=True,
	)


def timeline(name: str) -> list[dict[str, Any]]:
	"""The log of a batch, oldest first; of a longer one the last 200 lines.

	Of its parts, every step if they are few; else those that somebody has to know of.
	"""
	filters: list[list[Any]] = [["reference_doctype", "=", DOCTYPE]]
	parts = [part for part in payment_rows.parts_of(name) if part != name]
	rows = _lines([*filters, ["reference_name", "=", name]])
	if parts:
		filters.append(["reference_name", "in", parts])
		if len(parts) > _FEW_PARTS:
			filters.append(["action", "in", _TOLD_OF_PARTS])
		rows += _lines(filters)
	numbers = {part: number for number, part in enumerate(parts, 1)}
	return [
		{
			"at": row.creation,
			"action": _(row.action),
			"state": state if (state := row.action.removeprefix(_STEP)) in STATES else None,
			"user": row.user,
			"reason": json.loads(row.details or "{}").get("reason"),
			"part": numbers.get(row.reference_name),
		}
		for row in sorted(rows, key=lambda row: row.name)[-MOST_LINES:]
	]


def _lines(filters: list[list[Any]]) -> list[frappe._dict]:
	return frappe.get_all(
		audit.DOCTYPE,
		filters,
		["name", "creation", "action", "user", "details", "reference_name"],
		order_by="name desc",
		limit=MOST_LINES,
	)
