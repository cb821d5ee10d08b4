"""What a client may ask for about one of its items at the provider: withdraw it, refresh it."""

from typing import Any

import frappe

from bank_api.connectors.errors import Unsupported
from bank_api.connectors.model import EndedBy, ItemStatus
from bank_api.gateway import access, items, providers, relay, sync
from bank_api.gateway.errors import UnknownObject

COLUMNS = ["item_id", "client", "provider", "end_user", "user_action"]


def delete(item: str, by: EndedBy = EndedBy.CLIENT) -> dict[str, Any]:
	"""Withdraw the access to a bank at the provider, then delete the data held here.

	Args:
		item: name of the Bank API Item.
		by: whose wish it is; of an end user's, the client is told with `consent.revoked`.

	Returns:
		`item_id` and `status`. The transaction is committed: the provider's side cannot be rolled back.

	Raises:
		ProviderError: the provider could not delete it; nothing is changed then.
	"""
	row = frappe.db.get_value(items.DOCTYPE, item, COLUMNS, as_dict=True)
	if not row:
		raise UnknownObject()
	access.withdraw(access.key_of(row), by)
	frappe.db.commit()  # from here on, read what is committed now
	if by is EndedBy.END_USER and not access.by_consent(row.provider):  # of a consent, its own end tells
		_tell_revoked(item, row.client)
	items.mark_deleted(item, at_once=True)
	frappe.db.commit()
	return {"item_id": items.provider_id(row.item_id), "status": ItemStatus.DELETED.value}


def _tell_revoked(item: str, client: str) -> None:
	"""Tell the client that the end user has ended it, unless somebody else was faster: the row's lock makes one of two."""
	status = frappe.db.get_value(items.DOCTYPE, item, "status", for_update=True)
	if status != ItemStatus.DELETED.value:
		relay.emit(client, "consent.revoked", items.event_data(item), item=item)


def refresh(item: str) -> dict[str, Any]:
	"""Ask the provider for fresh data from the bank, and sync.

	Where the version of the provider's API has no such call (protocols/bridge.md 0: v3 refreshes by itself,
	or when the end user passes a link), the gateway's copy is brought up to date with what the provider has.

	Args:
		item: name of the Bank API Item.

	Returns:
		`item_id`, `status` (`refreshing` if the bank is asked, else `syncing`), `bank_refresh` (`requested`
		or `not_offered`), `user_action` and `last_refresh` (the bank's last refresh that is known).
		Committed.

	Raises:
		ProviderError: the provider refuses, `ConsentRequired` if the end user has to act first.
	"""
	row = frappe.db.get_value(items.DOCTYPE, item, [*COLUMNS, "last_refresh"], as_dict=True)
	connector = providers.connector(row.provider)
	offered = True
	try:
		access.with_token(access.key_of(row), lambda token: connector.refresh_item(token, row.item_id))
	except Unsupported:
		offered = False
	sync.request(item, "refresh")
	frappe.db.commit()
	return {
		"item_id": items.provider_id(row.item_id),
		"status": "refreshing" if offered else "syncing",
		"bank_refresh": "requested" if offered else "not_offered",
		"user_action": row.user_action,
		"last_refresh": items.iso_or_none(row.last_refresh),
	}
