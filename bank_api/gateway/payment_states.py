"""How a batch of payments stands: one table of the steps that there are, and the one place that takes them.

A step is taken under the row's lock; the row, its payments, the line in the log and the event for the client stand or fall
together. Locks are taken in one order everywhere: whole, part, client. The caller commits.

A batch that is too large for one message to the bank is sent in parts. The whole is never sent itself: how it stands
follows from its parts, and it is the whole of which the client is told.
"""

from collections.abc import Collection
from typing import Any

import frappe

from bank_api.gateway import audit, items, relay
from bank_api.gateway.clock import site_now
from bank_api.gateway.plain import shown

DOCTYPE = "Bank API Payment Batch"
PAYMENT = "Bank API Payment"

DRAFT, VALIDATED, SENDING, STORED = "Draft", "Validated", "Sending", "Stored"
PARTLY, AUTHORISED, SETTLED = "Partly Accepted", "Authorised", "Settled"
REJECTED, CANCELLED, EXPIRED, UNKNOWN = "Rejected", "Cancelled", "Expired", "Unknown"
STATES = (
	DRAFT,
	VALIDATED,
	SENDING,
	STORED,
	PARTLY,
	AUTHORISED,
	SETTLED,
	REJECTED,
	CANCELLED,
	EXPIRED,
	UNKNOWN,
)
ENDED = (SETTLED, REJECTED, CANCELLED, EXPIRED)
AT_BANK = (STORED, PARTLY, AUTHORISED)
_OVER = frozenset({SETTLED, REJECTED, CANCELLED, EXPIRED})
_KNOWN_AT_BANK = frozenset({STORED, PARTLY, AUTHORISED}) | _OVER

STEPS: dict[str, frozenset[str]] = {
	DRAFT: frozenset({VALIDATED}),
	# Back from Sending only where it is certain that the bank has nothing of it.
	VALIDATED: frozenset({SENDING, REJECTED, CANCELLED}),
	SENDING: frozenset({VALIDATED, STORED, PARTLY, REJECTED, UNKNOWN}),
	# Nothing leads from Unknown back to Validated: what may have been sent is never sent again.
	UNKNOWN: _KNOWN_AT_BANK,
	STORED: frozenset({PARTLY, AUTHORISED}) | _OVER,
	PARTLY: frozenset({AUTHORISED}) | _OVER,
	# What is authorised for a later day can still be taken back in the bank's own channel.
	AUTHORISED: frozenset({SETTLED, REJECTED, CANCELLED}),
	SETTLED: frozenset(),
	REJECTED: frozenset(),
	CANCELLED: frozenset(),
	EXPIRED: frozenset(),
}
"""From each state, where a batch can go."""

CORRECTIONS = frozenset({STORED, PARTLY, AUTHORISED, SETTLED})
"""What the bank may prove of a batch of which a human said that it never arrived."""

_WHOLE: dict[str, frozenset[str]] = {
	DRAFT: frozenset({VALIDATED, SENDING}),
	# Parts are sent one after the other, and each may become unknown and known again.
	VALIDATED: frozenset(STATES) - {DRAFT, VALIDATED},
	SENDING: frozenset(STATES) - {DRAFT, SENDING},
	UNKNOWN: frozenset(STATES) - {DRAFT, UNKNOWN},
	STORED: frozenset({SENDING, UNKNOWN}) | _KNOWN_AT_BANK - {STORED},
	PARTLY: frozenset({SENDING, UNKNOWN}) | _KNOWN_AT_BANK - {PARTLY},
	AUTHORISED: frozenset({SENDING, UNKNOWN, STORED, PARTLY}) | _OVER,
}

COLUMNS = [
	"name",
	"client",
	"provider",
	"end_user",
	"item",
	"batch_name",
	"state",
	"total",
	"currency",
	"payment_count",
	"rejected_count",
	"refused_count",
	"execution_date",
	"last_execution_date",
	"account",
	"authorise_at",
	"sign_state",
	"provider_digest",
	"digest",
	"last_error",
	"error_summary",
	"send_as",
	"processing_mode",
	"provider_mode",
	"exchange_id",
	"provider_batch_id",
	"provider_status",
	"payload_sha256",
	"file_day",
	"file_first",
	"file_count",
	"parent_batch",
	"part_number",
	"part_count",
	"validated_at",
	"sent_at",
	"stored_at",
	"authorised_at",
	"settled_at",
	"ended_at",
	"decided_at",
	"next_try_at",
	"tries",
	"next_check_at",
	"checked_at",
	"absences",
	"idempotency_key",
	"request_hash",
	"creation",
	"modified",
]

_SELECT = f"SELECT {', '.join(f'`{column}`' for column in COLUMNS)} FROM `tab{DOCTYPE}` WHERE name = %s"
_TIMES = {
	VALIDATED: "validated_at",
	SENDING: "sent_at",
	STORED: "stored_at",
	PARTLY: "stored_at",
	AUTHORISED: "authorised_at",
	SETTLED: "settled_at",
}
# How a payment stands while its batch does; those that the bank has refused keep their own.
_OF_PAYMENTS = {PARTLY: STORED}
_KEPT = (REJECTED,)


class IllegalStep(Exception):
	"""A step that the table does not have: a defect, or a race that somebody else has won."""


def get(name: str, lock: bool = False) -> frappe._dict | None:
	"""A batch's row.

	Args:
		name: name of the Bank API Payment Batch.
		lock: hold the row, and before it the whole that it is a part of, until the transaction ends.
	"""
	# Plain SQL: the framework parses every column's name anew each time, which costs more than the database does.
	if lock:
		rows = frappe.db.sql(f"SELECT parent_batch FROM `tab{DOCTYPE}` WHERE name = %s", name)
		if rows and rows[0][0]:
			frappe.db.sql(f"SELECT name FROM `tab{DOCTYPE}` WHERE name = %s FOR UPDATE", rows[0][0])
	found = frappe.db.sql(_SELECT + (" FOR UPDATE" if lock else ""), name, as_dict=True)
	return found[0] if found else None


def set_values(name: str, **values: Any) -> None:
	"""Write columns of a batch that say nothing of how it stands."""
	if "state" in values:
		raise IllegalStep("the state changes by move() alone")
	frappe.db.set_value(DOCTYPE, name, values)


def move(name: str, state: str, *, spare: Collection[str] = (), **values: Any) -> frappe._dict:
	"""Take one step, with everything that belongs to it.

	Args:
		name: name of the Bank API Payment Batch; never a whole that has parts.
		state: where to.
		spare: further statuses of payments that stay as they are.
		values: further columns.

	Returns:
		The row as it is then.

	Raises:
		IllegalStep: the table has no such step.
	"""
	row = get(name, lock=True)
	if row is None or row.part_count:
		raise IllegalStep("there is no such batch to move")
	if not _allowed(row, state):
		raise IllegalStep(f"{row.state} does not lead to {state}")
	_write(row, state, values)
	_follow(row, state, (*_KEPT, *spare))
	after = get(name)
	assert after is not None
	_note(after, row.state)
	if after.parent_batch:
		_refresh_whole(after.parent_batch)
	else:
		_tell(after)
	return after


def may(row: frappe._dict, state: str) -> bool:
	"""Whether the table has this step."""
	return _allowed(row, state)


def _allowed(row: frappe._dict, state: str) -> bool:
	if state in STEPS[row.state]:
		return True
	return row.state == REJECTED and bool(row.decided_at) and state in CORRECTIONS


def _write(row: frappe._dict, state: str, values: dict[str, Any]) -> None:
	now = site_now()
	written: dict[str, Any] = {"state": state, **values}
	stamp = _TIMES.get(state)
	if stamp and not (row.get(stamp) and stamp != "sent_at"):
		written.setdefault(stamp, now)
	if state in ENDED:
		written |= {"ended_at": now, "next_check_at": None}
	elif row.ended_at:
		written["ended_at"] = None
	if state != VALIDATED:
		written["next_try_at"] = None
	frappe.db.set_value(DOCTYPE, row.name, written)


def _follow(row: frappe._dict, state: str, kept: Collection[str]) -> None:
	"""The payments of a batch stand as it does, but for those that stand otherwise by themselves."""
	if row.state == REJECTED:  # a human was wrong: those payments were not refused by the bank
		kept = [status for status in kept if status != REJECTED]
	frappe.db.sql(
		f"UPDATE `tab{PAYMENT}` SET status = %s, modified = %s WHERE part = %s"
		+ (" AND status NOT IN %s" if kept else ""),
		(_OF_PAYMENTS.get(state, state), site_now(), row.name, *([tuple(kept)] if kept else [])),
	)


def _refresh_whole(name: str) -> None:
	"""Bring a whole up to date with its parts; a step is logged and told as any other. Its lock is held.

	No part takes a step without that lock, so what is read of them here is how they stand.
	"""
	whole = get(name, lock=True)
	assert whole is not None
	parts = frappe.db.sql(
		f"""SELECT state, rejected_count, payment_count FROM `tab{DOCTYPE}` WHERE parent_batch = %s
		LOCK IN SHARE MODE""",
		name,
		as_dict=True,
	)
	state = state_of_parts([part.state for part in parts])
	rejected = sum(part.payment_count if part.state == REJECTED else part.rejected_count for part in parts)
	if rejected != whole.rejected_count:
		set_values(name, rejected_count=rejected)
	if state == whole.state:
		return
	if state not in _WHOLE.get(whole.state, frozenset()) and not (
		whole.state in ENDED and any(part.state not in ENDED for part in parts)
	):
		frappe.logger("bank_api").error(f"Payment batch {name}: {whole.state} does not lead to {state}")
	_write(whole, state, {})
	after = get(name)
	assert after is not None
	_note(after, whole.state)
	_tell(after)


def state_of_parts(states: Collection[str]) -> str:
	"""How a whole stands, by how its parts do: what worries most comes first."""
	found = set(states)
	if UNKNOWN in found:
		return UNKNOWN
	if found & {SENDING, VALIDATED, DRAFT}:
		return found.pop() if len(found) == 1 else SENDING
	waiting = found & {STORED, PARTLY}
	if waiting:
		return STORED if found <= {STORED, AUTHORISED, SETTLED} else PARTLY
	if AUTHORISED in found:
		return AUTHORISED
	if SETTLED in found:
		return SETTLED
	return found.pop() if len(found) == 1 else REJECTED


# --- what others learn of it


def slug(state: str) -> str:
	"""A state's name in events and answers: `partly_accepted`."""
	return state.lower().replace(" ", "_")


def event_data(row: frappe._dict) -> dict[str, Any]:
	"""What a client is told of a batch in a webhook: ids, state, counts; no names, no accounts."""
	known = items.event_data(row.item) if row.item and frappe.db.exists(items.DOCTYPE, row.item) else {}
	return {
		"batch": row.name,
		"idempotency_key": row.idempotency_key,
		"state": slug(row.state),
		"payments": row.payment_count,
		"rejected": row.rejected_count or 0,
		"provider": row.provider,
		**{name: known[name] for name in ("item_id", "user") if name in known},
	}


def _tell(row: frappe._dict) -> None:
	if row.state != DRAFT:
		relay.emit(row.client, f"payment_batch.{slug(row.state)}", event_data(row), item=row.item)


def _note(row: frappe._dict, before: str) -> None:
	audit.record(
		f"Payment Batch {row.state}",
		client=row.client,
		doctype=DOCTYPE,
		name=row.name,
		details={
			"status": before,
			"count": row.payment_count,
			"total": row.total,
			"currency": row.currency,
			"digest": row.digest,
			"exchange": row.exchange_id,
			"provider_batch": shown(row.provider_batch_id or "") or None,
			"reason": row.last_error if row.state in (UNKNOWN, REJECTED, VALIDATED) else None,
		},
	)
