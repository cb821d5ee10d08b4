"""Items: connections of end users to banks, as the provider describes them and as clients may see them."""

from datetime import datetime, timedelta
from typing import Any

import frappe

from bank_api.connectors.errors import ProviderError
from bank_api.connectors.model import ItemData, ItemStatus
from bank_api.gateway import audit, consent_rows, outcome, providers, purge, relay, sync, wake
from bank_api.gateway.clients import ClientContext
from bank_api.gateway.clock import iso, site_now, to_site, to_utc
from bank_api.gateway.errors import UnknownObject
from bank_api.gateway.notices import first_notice
from bank_api.gateway.plain import shown

DOCTYPE = "Bank API Item"
MAX_ID = 256

_COLUMNS = [
	"name",
	"item_id",
	"client",
	"provider",
	"end_user",
	"bank_id",
	"bank_name",
	"status",
	"user_action",
]


def provider_id(text: str) -> int | str:
	"""A provider's identifier as its JSON has it: a number where it is one."""
	return int(text) if text.isascii() and text.isdecimal() and str(int(text)) == text else text


# --- looking up


def find(
	client: ClientContext, item_id: str | int, user: str | None = None, provider: str | None = None
) -> frappe._dict:
	"""An item of a client by the provider's id.

	Args:
		client: who calls.
		item_id: the provider's id of the item.
		user: the client's name of the end user, if the call names one.
		provider: name of a Bank API Provider, if the call names one; without it the id must be unambiguous.

	Raises:
		UnknownObject: no such item for this client (and user, and provider), or a deleted one.
	"""
	text = str(item_id).strip()
	if not text or len(text) > MAX_ID:
		raise UnknownObject()
	filters: dict[str, Any] = {"client": client.name, "item_id": text, "status": ("!=", "Deleted")}
	if provider:
		filters["provider"] = provider
	rows = frappe.get_all(DOCTYPE, filters=filters, fields=_COLUMNS, limit=2)
	if len(rows) != 1 or rows[0].item_id != text:
		raise UnknownObject()
	if user and frappe.db.get_value("Bank API End User", rows[0].end_user, "user") != user.strip():
		raise UnknownObject()
	return rows[0]


def details(
	client: ClientContext, item_id: str | int, user: str | None = None, provider: str | None = None
) -> str:
	"""The provider's resource of an item as last received, JSON text untouched; otherwise as `find`."""
	payload = frappe.db.get_value(DOCTYPE, find(client, item_id, user, provider).name, "payload")
	if not payload:
		raise UnknownObject()
	return payload


# --- writing


def upsert(
	provider: str,
	end_user: str,
	state: ItemData,
	*,
	request: str | None = None,
	guess_request: bool = True,
	closes_request: bool = True,
	bank_name: str = "",
) -> str:
	"""Write an item as the provider describes it now; a new one is announced to its client and synced.

	Args:
		provider: name of the Bank API Provider.
		end_user: name of the Bank API End User with whose own token the item was read.
		state: the item.
		request: name of the Bank API Connect Request that led to it, if that is known for sure.
		guess_request: otherwise close the end user's newest open request with a new item.
		closes_request: whether the request is at its aim with this item; a visit may lead to several.
		bank_name: the bank's name, where it is known already.

	Returns:
		name of the Bank API Item. The caller commits; what was written before is committed if the item is new.

	Raises:
		UnknownObject: the item belongs to another end user.
	"""
	known = _by_provider_id(provider, state.provider_item_id)
	if known is None:
		bank = shown(bank_name) or _bank_name(provider, state.bank_id)
		_wait_for_turn(end_user)
		known = _by_provider_id(provider, state.provider_item_id)
		if known is None:
			if request is None and guess_request:
				request = outcome.open_request(end_user)
			return _insert(provider, end_user, state, bank, request, closes_request)
	if known.end_user != end_user:
		frappe.logger("bank_api").error("An item was presented for another end user than its own")
		raise UnknownObject()
	apply_state(known.name, state)
	return known.name


def _by_provider_id(provider: str, item_id: str) -> frappe._dict | None:
	filters = {"provider": provider, "item_id": item_id}
	return frappe.db.get_value(DOCTYPE, filters, ["name", "end_user"], as_dict=True)


def _wait_for_turn(end_user: str) -> None:
	"""One new item of an end user at a time: the browser's return and the webhook arrive together.

	The lock is the first thing of a new transaction, so that what the other has committed is seen. Two inserts of
	the same key would end in a deadlock instead of an answer.
	"""
	frappe.db.commit()
	frappe.db.get_value("Bank API End User", end_user, "name", for_update=True)


def _insert(
	provider: str,
	end_user: str,
	state: ItemData,
	bank_name: str | None,
	request: str | None,
	closes_request: bool,
) -> str:
	client, erased = frappe.db.get_value("Bank API End User", end_user, ["client", "erased"]) or (None, 1)
	if erased:
		raise UnknownObject()
	values = _values(state)
	doc = frappe.get_doc(
		{
			"doctype": DOCTYPE,
			"item_id": state.provider_item_id,
			"client": client,
			"provider": provider,
			"end_user": end_user,
			"bank_name": bank_name,
			"connected_at": site_now(),
			"feed": "Never",
			"sync_status": "Idle",
			"first_notice": first_notice(values["authentication_expires_at"], site_now()),
			**values,
		}
	).insert(ignore_permissions=True)
	_announce(doc.name, request, closes_request)
	return doc.name


def _announce(item: str, request: str | None, closes_request: bool) -> None:
	"""Tell the client of a new item, and close the request that led to it."""
	row = frappe.db.get_value(DOCTYPE, item, ["client", "end_user"], as_dict=True)
	if request:
		outcome.adopt_webhook_url(request, item)
	relay.emit(row.client, "item.created", event_data(item), item=item)
	if request and closes_request:
		outcome.complete(request, item)
	audit.record("Item Created", client=row.client, doctype=DOCTYPE, name=item)
	sync.request(item, "created")


def apply_state(item: str, state: ItemData) -> bool:
	"""Bring a stored item up to date; a change that a client can see is announced to it.

	Args:
		item: name of the Bank API Item.
		state: the item as the provider describes it now.

	Returns:
		whether the item's status, its meaning or its consent changed. The caller commits.
	"""
	if state.status is ItemStatus.DELETED:
		mark_deleted(item)
		return True
	values = _values(state)
	row = frappe.db.get_value(
		DOCTYPE, item, ["client", "status", "bank_name", *values], as_dict=True, for_update=True
	)
	if not row or row.status == ItemStatus.DELETED.value:
		return False
	changed = {field for field, value in values.items() if _differs(row.get(field), value)}
	if not changed:
		return False
	ends = values["authentication_expires_at"]
	if "authentication_expires_at" in changed and (ends is None or ends > site_now()):
		# A new consent is warned of anew.
		values |= {"expiry_notice": 0, "first_notice": first_notice(ends, site_now())}
	frappe.db.set_value(DOCTYPE, item, values)
	visible = changed & {
		"status",
		"status_code",
		"status_code_info",
		"user_action",
		"authentication_expires_at",
	}
	if visible - {"status_code_info", "user_action"} and state.status in (ItemStatus.OK, ItemStatus.WAITING):
		outcome.complete_repairs(item)
	if visible:
		relay.emit(row.client, "item.updated", event_data(item), item=item)
	return bool(visible)


def _values(state: ItemData) -> dict[str, Any]:
	return {
		"bank_id": state.bank_id,
		"status": state.status.value,
		"status_code": state.status_code,
		"status_code_info": shown(state.status_code_info),
		"status_description": shown(state.status_description),
		"user_action": state.user_action.value,
		"last_refresh": _site_time(state.last_refresh),
		"authentication_expires_at": _site_time(state.authentication_expires_at),
		"payload": state.payload,
	}


def _site_time(instant: datetime | None) -> datetime | None:
	return to_site(instant) if instant else None


def _differs(stored: Any, value: Any) -> bool:
	return (stored if stored not in ("", None) else None) != (value if value not in ("", None) else None)


def _bank_name(provider: str, bank_id: str | None) -> str | None:
	"""A bank's name for people; an item is worth keeping without it."""
	if not bank_id:
		return None
	try:
		return shown(providers.connector(provider).bank_name(bank_id))
	except ProviderError:
		return None


def event_data(item: str) -> dict[str, Any]:
	"""What a client is told of an item in a webhook: ids and status, no bank data."""
	row = frappe.db.get_value(
		DOCTYPE, item, ["item_id", "end_user", "provider", "status", "user_action"], as_dict=True
	)
	return {
		"item_id": provider_id(row.item_id),
		"user": frappe.db.get_value("Bank API End User", row.end_user, "user"),
		"provider": row.provider,
		"status": row.status,
		"user_action": row.user_action,
	}


def mark_deleted(item: str, at_once: bool = False) -> None:
	"""Note that an item is gone at the provider; its client is told once. The caller commits.

	Args:
		item: name of the Bank API Item.
		at_once: delete its accounts and transactions now (the client asked for it), not after a month during
			which a reconnection would find them again.
	"""
	fields = ["client", "status", "provider", "item_id"]
	row = frappe.db.get_value(DOCTYPE, item, fields, as_dict=True, for_update=True)
	if not row:
		return
	if row.status == ItemStatus.DELETED.value:
		if at_once:  # the provider's own message was faster
			_purge_now(item)
		return
	consent_rows.end_of_item(row.provider, row.item_id)
	frappe.db.set_value(
		DOCTYPE,
		item,
		{
			"status": ItemStatus.DELETED.value,
			"user_action": "None",
			"feed": "Stopped",
			"next_try_at": None,
			"queued_until": None,
			"purge_after": site_now() + timedelta(days=purge.GRACE_DAYS),
		},
	)
	outcome.fail_open(item)
	relay.emit(row.client, "item.deleted", event_data(item), item=item)
	audit.record("Item Deleted", client=row.client, doctype=DOCTYPE, name=item)
	if at_once:
		_purge_now(item)


def _purge_now(item: str) -> None:
	frappe.db.set_value(DOCTYPE, item, "purge_after", site_now())
	wake.job_after_commit("bank_api.gateway.purge.item", queue="long", timeout=3600, name=item)


def iso_or_none(site_time: datetime | None) -> str | None:
	"""A Datetime field as RFC 3339 text in UTC."""
	return iso(to_utc(site_time)) if site_time else None


def webhook_url(item: str) -> str:
	"""The address that the events of an item go to, if it has one of its own."""
	return frappe.db.get_value(DOCTYPE, item, "webhook_url") or ""
