"""The audit log: who did what to whose data, when, with what outcome. It holds identifiers, never secrets.

A line about something that happened is written in the same transaction: it stands or falls with it. A line
about something refused or failed must outlive the rollback that follows, so it waits for the end of the
transaction, whichever way that goes.
"""

import json
import re
from typing import Any

import frappe

from bank_api.gateway.clock import site_now
from bank_api.gateway.ids import row_name

DOCTYPE = "Bank API Log"
SUCCESS, REFUSED, FAILED = "Success", "Refused", "Failed"

ALLOWED_DETAILS = frozenset(
	{
		"account",
		"account_id",
		"action",
		"api_version",
		"bank",
		"bank_id",
		"count",
		"currency",
		"days",
		"delivery",
		"digest",
		"end_user",
		"end_user_sha256",
		"error",
		"event",
		"event_type",
		"exchange",
		"items",
		"item",
		"item_id",
		"kind",
		"limit",
		"method",
		"provider",
		"provider_batch",
		"provider_code",
		"provider_request",
		"reason",
		"request",
		"retry_after",
		"rows",
		"sequence",
		"since",
		"site",
		"status",
		"status_code",
		"total",
		"user",
	}
)
_LONGEST = 140
_SECRET_LIKE = re.compile(r"whsec_|whsk_|\bbearer\s|\btoken\s+\S+:\S+|-----BEGIN|://[^/\s]*@", re.IGNORECASE)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def record(
	action: str,
	*,
	client: str | None = None,
	outcome: str = SUCCESS,
	doctype: str | None = None,
	name: str | None = None,
	details: dict[str, Any] | None = None,
) -> None:
	"""Add a line to the audit log.

	Args:
		action: what was done or tried, in a few words.
		client: the Bank API Client concerned.
		outcome: `Success`, `Refused` or `Failed`.
		doctype: what it was done to.
		name: which one.
		details: further identifiers; only `ALLOWED_DETAILS` with plain values are kept.
	"""
	line = _line(action, client, outcome, doctype, name, details)
	if outcome == SUCCESS:
		_insert(line)
		return
	_waiting().append(line)
	frappe.db.before_commit.add(_insert_waiting)
	frappe.db.after_rollback.add(_insert_waiting_for_good)


def kept_details(details: dict[str, Any] | None) -> dict[str, Any]:
	"""What of the details may be stored: known keys, plain short values, nothing that looks like a secret."""
	kept = {}
	for key, value in (details or {}).items():
		if key in ALLOWED_DETAILS and (value is None or isinstance(value, int)):
			kept[key] = value
		elif key in ALLOWED_DETAILS and isinstance(value, str):
			kept[key] = "***" if _SECRET_LIKE.search(value) else value[:_LONGEST]
		elif key in ALLOWED_DETAILS and _are_counts(value):
			kept[key] = value
	return kept


def _are_counts(value: Any) -> bool:
	"""Whether this is numbers by DocType, as an erasure reports them."""
	return isinstance(value, dict) and all(
		isinstance(name, str) and isinstance(count, int) for name, count in value.items()
	)


def request_id() -> str:
	"""The id of the request under way: the caller's own if it sent a sound one, else a new one."""
	known = getattr(frappe.local, "bank_api_request_id", None)
	if known is None:
		request = getattr(frappe.local, "request", None)
		offered = request.headers.get("X-Request-Id", "") if request else ""
		known = offered if _REQUEST_ID.fullmatch(offered) else row_name()
		frappe.local.bank_api_request_id = known
	return known


def _line(
	action: str, client: str | None, outcome: str, doctype: str | None, name: str | None, details: dict | None
) -> tuple:
	now = site_now()
	user = getattr(frappe.session, "user", None) or "Guest"
	return (
		row_name(),
		now,
		now,
		user,
		user,
		action[:_LONGEST],
		client,
		user,
		outcome,
		doctype,
		name,
		getattr(frappe.local, "request_ip", None),
		request_id(),
		json.dumps(kept_details(details), ensure_ascii=False, sort_keys=True),
	)


def _insert(line: tuple) -> None:
	frappe.db.sql(
		"""INSERT INTO `tabBank API Log` (name, creation, modified, owner, modified_by, action, client,
			user, outcome, reference_doctype, reference_name, ip, request_id, details)
		VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
		line,
	)


def _waiting() -> list[tuple]:
	"""Lines that wait for the end of the transaction."""
	if not hasattr(frappe.local, "bank_api_waiting_lines"):
		frappe.local.bank_api_waiting_lines = []
	return frappe.local.bank_api_waiting_lines


def _insert_waiting() -> None:
	lines = _waiting()
	while lines:
		_insert(lines.pop(0))


def _insert_waiting_for_good() -> None:
	"""After a rollback the new transaction holds these lines alone: committing commits nothing else."""
	if _waiting():
		_insert_waiting()
		frappe.db.commit()
