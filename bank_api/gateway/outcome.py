"""How a trip of an end user to a provider ends: once, whoever finds out first, the browser or the webhook.

Locks are taken in one order everywhere: item, then request, then (by `relay.emit`) client.
"""

from collections.abc import Sequence
from typing import Any

import frappe
from frappe import _

from bank_api.connectors.model import LinkKind
from bank_api.gateway import audit, relay
from bank_api.gateway.clock import site_now

DOCTYPE = "Bank API Connect Request"
ITEM = "Bank API Item"
PENDING, RETURNED, COMPLETED, FAILED, EXPIRED = "Pending", "Returned", "Completed", "Failed", "Expired"
OPEN = (PENDING, RETURNED)


def open_request(end_user: str) -> str | None:
	"""The request that a new item of this end user most probably comes from: the newest connect one still
	open.

	If the guess is wrong, the return of that request's own browser puts it right (`connect.finish`).
	"""
	names = frappe.get_all(
		DOCTYPE,
		filters={
			"end_user": end_user,
			"kind": LinkKind.CONNECT.value,
			"status": ("in", OPEN),
			"item": ("is", "not set"),
		},
		pluck="name",
		order_by="creation desc",
		limit=1,
	)
	return names[0] if names else None


def adopt_webhook_url(request: str, item: str) -> None:
	"""Events of an item go to the address that its link call named, if it named one."""
	url = frappe.db.get_value(DOCTYPE, request, "webhook_url", for_update=True)
	if url:
		frappe.db.set_value(ITEM, item, "webhook_url", url, update_modified=False)


def complete(request: str, item: str, items: Sequence[str] = ()) -> bool:
	"""Note that a request led to an item, and tell the client.

	Args:
		request: name of the Bank API Connect Request.
		item: name of the Bank API Item.
		items: all items that it led to, where a visit may lead to several.

	Returns:
		whether this changed anything. The caller commits.
	"""
	row = _locked(request)
	if not row or (row.status == COMPLETED and row.item == item) or row.status not in (*OPEN, COMPLETED):
		return False
	_end(request, COMPLETED, item=item, message=None)
	adopt_webhook_url(request, item)
	data = _data(request, COMPLETED, item)
	if items:
		data["item_ids"] = [_data(request, COMPLETED, one)["item_id"] for one in items]
	relay.emit(row.client, "connect.completed", data, item=item)
	audit.record(
		"Connect Completed", client=row.client, doctype=DOCTYPE, name=request, details={"kind": row.kind}
	)
	return True


def fail(request: str, message: str, item: str | None = None, status: str = FAILED) -> bool:
	"""Note that a request led to nothing, and tell the client.

	Args:
		request: name of the Bank API Connect Request.
		message: why, in words for the client's people.
		item: name of the Bank API Item concerned, if there is one all the same.
		status: `Failed` or `Expired`.

	Returns:
		whether this changed anything. The caller commits.
	"""
	row = _locked(request)
	if not row or row.status not in OPEN:
		return False
	item = item or row.item
	_end(request, status, item=item, message=message)
	relay.emit(row.client, "connect.failed", _data(request, status, item), item=item)
	audit.record(
		"Connect Failed",
		client=row.client,
		doctype=DOCTYPE,
		name=request,
		details={"kind": row.kind, "status": status},
	)
	return True


def complete_repairs(item: str) -> None:
	"""An item works again: requests to repair it have reached their aim, even if no browser came back."""
	filters = {"item": item, "kind": ("!=", LinkKind.CONNECT.value), "status": ("in", OPEN)}
	for request in frappe.get_all(DOCTYPE, filters=filters, pluck="name"):
		complete(request, item)


def fail_open(item: str) -> None:
	"""An item is gone: requests about it can lead nowhere."""
	for request in frappe.get_all(DOCTYPE, filters={"item": item, "status": ("in", OPEN)}, pluck="name"):
		fail(request, _("The connection to the bank has been deleted."), item)


def _locked(request: str) -> frappe._dict | None:
	fields = ["status", "item", "client", "kind"]
	return frappe.db.get_value(DOCTYPE, request, fields, as_dict=True, for_update=True)


def _end(request: str, status: str, item: str | None, message: str | None) -> None:
	frappe.db.set_value(
		DOCTYPE,
		request,
		# The link has served; it opens a page of the provider for whoever holds it.
		{"status": status, "item": item, "message": message, "completed_at": site_now(), "link": None},
	)


def _data(request: str, status: str, item: str | None) -> dict[str, Any]:
	from bank_api.gateway import items

	data: dict[str, Any] = {"request": request, "status": status}
	if item:
		known = items.event_data(item)
		data |= {"item_id": known["item_id"], "user": known["user"], "provider": known["provider"]}
	return data
