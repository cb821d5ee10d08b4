"""Deleting what is no longer held: in bounded batches, by primary key, each in its own transaction."""

from typing import Any

import frappe

from bank_api.gateway.clock import site_now
from bank_api.gateway.locks import exclusive

BATCH = 2000
LOCK_WAIT_SECONDS = 30
GRACE_DAYS = (
	30  # after a deletion on the provider's side, during which a reconnection finds its history again
)

ITEM = "Bank API Item"
ACCOUNT = "Bank API Account"
RESOURCE = "Bank API Resource"
TRANSACTION = "Bank API Transaction"


def rows(doctype: str, filters: dict[str, Any]) -> int:
	"""Delete all rows that match.

	Args:
		doctype: whose rows; it has no children and no files.
		filters: which ones, by an index.

	Returns:
		how many were deleted. Every batch is committed.
	"""
	count = 0
	while names := frappe.get_all(doctype, filters, pluck="name", limit=BATCH, order_by=None):
		frappe.db.delete(doctype, {"name": ("in", names)})
		frappe.db.commit()
		count += len(names)
	return count


def with_secrets(doctype: str, filters: dict[str, Any]) -> int:
	"""Delete rows with the secrets that belong to them; otherwise as `rows`."""
	for name in frappe.get_all(doctype, filters, pluck="name", order_by=None):
		frappe.db.delete("__Auth", {"doctype": doctype, "name": name})
	return rows(doctype, filters)


def item_data(items: list[str]) -> dict[str, int] | None:
	"""Delete the accounts, transactions and other resources of items that are marked as deleted.

	Accounts that have moved on to a newer connection of the same end user are not theirs any more, and stay.

	Args:
		items: names of Bank API Items.

	Returns:
		how many rows of each DocType were deleted, or None if a sync of one of them does not end.
	"""
	counts = {TRANSACTION: 0, ACCOUNT: 0, RESOURCE: 0}
	for item in items:
		with exclusive(item, LOCK_WAIT_SECONDS) as held:
			if not held:
				return None
			frappe.db.commit()  # see what the sync before has committed
			for account in frappe.get_all(ACCOUNT, {"item": item}, pluck="name"):
				counts[TRANSACTION] += rows(TRANSACTION, {"account": account})
			counts[ACCOUNT] += with_secrets(ACCOUNT, {"item": item})
			counts[RESOURCE] += rows(RESOURCE, {"item": item})
	return counts


def item(name: str) -> None:
	"""Delete the data of one item that its client has deleted (job)."""
	if frappe.db.get_value(ITEM, name, "status") != "Deleted":
		return
	if item_data([name]) is None:
		return  # the daily run comes back
	frappe.db.set_value(ITEM, name, {"payload": None, "purge_after": None}, update_modified=False)
	frappe.db.commit()


def due() -> None:
	"""Delete the data of all items whose time has come (scheduler); a lost job is made up for here."""
	for name in frappe.get_all(ITEM, {"status": "Deleted", "purge_after": ("<=", site_now())}, pluck="name"):
		item(name)
