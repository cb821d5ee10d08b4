"""What a client may ask for about its visits and the consents that they gave: found for it alone, described, taken back."""

from typing import Any, NamedTuple

import frappe
from frappe import _

from bank_api.gateway import (
	consent_check,
	consent_data,
	consent_rows,
	end_users,
	feeds,
	items,
	outcome,
	providers,
	reading,
	session_return,
	sessions,
)
from bank_api.gateway.clients import ClientContext
from bank_api.gateway.consent_rows import (
	ACTIVE,
	CREATED,
	DOCTYPE,
	ENDED,
	NEEDS,
	SUSPENDED,
	WAITING,
)
from bank_api.gateway.errors import BadArgument, UnknownObject

MAX_LISTED = 500
STATES = (CREATED, WAITING, ACTIVE, SUSPENDED, NEEDS, ENDED)
_ITEM_COLUMNS = ["name", "item_id", "client", "provider", "end_user"]


class Held(NamedTuple):
	"""An account, card or contract that a client reads more of.

	Attributes:
		item: row of the Bank API Item that delivers it now.
		account_id: the provider's present id of it.
		payload: its resource as last received.
	"""

	item: frappe._dict
	account_id: str
	payload: str


# --- found


def find_request(
	client: ClientContext,
	request: str | None,
	session: str | None,
	user: str | None,
	provider: str | None,
) -> str:
	"""The request of a visit of this client, by our id or the provider's; both have to fit if both are named.

	Raises:
		BadArgument: neither is named.
		UnknownObject: there is none for this client.
	"""
	found = []
	if request:
		found.append(_by_request(client, request.strip()))
	if session:
		row = sessions.by_session(session.strip())
		found.append(row.name if row and row.client == client.name else None)
	if not found:
		raise BadArgument(_("The argument {0} is missing.").format("request"))
	if None in found or len(set(found)) != 1:
		raise UnknownObject()
	row = frappe.db.get_value(outcome.DOCTYPE, found[0], ["provider", "end_user"], as_dict=True)
	if provider and row.provider != provider:
		raise UnknownObject()
	if user and frappe.db.get_value("Bank API End User", row.end_user, "user") != user:
		raise UnknownObject()
	return found[0]


def _by_request(client: ClientContext, request: str) -> str | None:
	name = frappe.db.get_value(
		outcome.DOCTYPE, {"name": request, "client": client.name, "session_hash": ("is", "set")}, "name"
	)
	return name if name == request else None


def find(
	client: ClientContext,
	connector: str,
	consent: str | None,
	item_id: str | int | None,
	user: str | None = None,
	provider: str | None = None,
) -> frappe._dict:
	"""A consent of a client at a provider with this connector; otherwise as `consent_data.find`."""
	return consent_data.find(client, consent, None, item_id, user, provider, connector)


def item_of(
	client: ClientContext,
	connector: str,
	item_id: str | int | None,
	consent: str | None,
	user: str | None = None,
	provider: str | None = None,
) -> frappe._dict:
	"""The item of a consent, for reads under it.

	Raises:
		BadArgument: neither the item nor the consent is named.
		UnknownObject: there is none for this client, or the consent has given none yet.
	"""
	row = find(client, connector, consent, item_id, user, provider)
	found = frappe.db.get_value(
		items.DOCTYPE,
		{"name": row.item or "", "status": ("!=", "Deleted")},
		_ITEM_COLUMNS,
		as_dict=True,
	)
	if not found:
		raise UnknownObject()
	return found


def account_of(
	client: ClientContext,
	connector: str,
	account_id: str | int,
	item_id: str | int | None = None,
	user: str | None = None,
	provider: str | None = None,
	kinds: tuple[str, ...] = (),
) -> Held:
	"""An account of a client, with the item through which more of it can be read.

	Raises:
		UnknownObject: the client has no such account of one of these kinds.
	"""
	text = reading.account(client, account_id, item_id, user, provider, kinds=kinds)
	row = frappe.db.get_value(
		"Bank API Account", text.stable_id, ["item", "provider", "provider_account_id"], as_dict=True
	)
	if row.provider not in feeds.providers_of(connector):
		raise UnknownObject()
	return Held(
		frappe.db.get_value(items.DOCTYPE, row.item, _ITEM_COLUMNS, as_dict=True),
		row.provider_account_id,
		text.payload,
	)


# --- described


def visit(request: str, refresh: bool = True) -> dict[str, Any]:
	"""How a visit stands, with its consents; the provider is asked while it is open. Commits.

	Args:
		request: name of the Bank API Connect Request.
		refresh: whether to ask the provider.

	Raises:
		ProviderError: the provider cannot say.
	"""
	if refresh:
		session_return.settle(request)
	row = frappe.db.get_value(
		outcome.DOCTYPE,
		request,
		["name", "status", "session_status", "message", "expires_at", "purpose"],
		as_dict=True,
	)
	is_open = row.status in outcome.OPEN
	return {
		"request": row.name,
		"status": outcome.PENDING if is_open else row.status,
		"session_status": row.session_status,
		"purpose": row.purpose,
		"message": row.message,
		"expires_at": items.iso_or_none(row.expires_at),
		"consents": [describe(found) for found in _rows({"request": request})],
	}


def consents(
	client: ClientContext, connector: str, user: str | None, state: str | None, provider: str | None
) -> list[dict[str, Any]]:
	"""All consents of a client (of one end user), newest first, those that have ended included; from the copy here.

	Args:
		client: who asks.
		connector: of the API module that is called.
		user: the client's name of one end user.
		state: only those in this state.
		provider: name of a Bank API Provider.

	Raises:
		UnknownObject: the client has no such end user or provider.
	"""
	filters: dict[str, Any] = {"client": client.name, "provider": ("in", feeds.providers_of(connector))}
	if provider:
		filters["provider"] = providers.resolve(client, connector, provider)
	if user:
		names = end_users.find(client.name, user, provider)
		if not names:
			raise UnknownObject()
		filters["end_user"] = ("in", names)
	if state:
		if state not in STATES:
			raise BadArgument(_("The argument {0} must be one of: {1}.").format("state", ", ".join(STATES)))
		filters["state"] = state
	return [describe(row) for row in _rows(filters)]


def _rows(filters: dict[str, Any]) -> list[frappe._dict]:
	return frappe.get_all(
		DOCTYPE,
		filters=filters,
		fields=consent_rows.COLUMNS,
		order_by="name desc",
		limit=MAX_LISTED,
	)


def describe(row: frappe._dict) -> dict[str, Any]:
	"""How a consent stands, for its client: no number and no name of a person."""
	item_id = frappe.db.get_value(items.DOCTYPE, row.item, "item_id") if row.item else None
	return {
		"consent": row.provider_consent_id,
		"request": row.request,
		"item_id": items.provider_id(item_id) if item_id else None,
		"user": frappe.db.get_value("Bank API End User", row.end_user, "user"),
		"provider": row.provider,
		"state": row.state,
		"status": row.provider_status,
		"bank": row.bank_name,
		"bank_id": row.bank_id,
		"purpose": row.purpose,
		"permissions": list(consent_rows.permissions(row)),
		"approval": row.approval,
		"granted_at": items.iso_or_none(row.granted_at),
		"expires_at": items.iso_or_none(row.expires_at),
		"last_access_at": items.iso_or_none(row.last_access_at),
		"ended_at": items.iso_or_none(row.ended_at),
		"ended_by": (row.ended_by or None) if row.state == ENDED else None,
		"end_reason": (row.end_reason or None) if row.state == ENDED else None,
	}


def status(row: frappe._dict) -> dict[str, Any]:
	"""How a consent stands now; the provider is asked. Commits.

	Raises:
		ProviderError: the provider cannot say.
	"""
	if row.state != ENDED:
		consent_check.check(row)
	return describe(consent_rows.get(row.name) or row)


def payload(row: frappe._dict) -> str:
	"""The provider's resource of a consent as last received, JSON text."""
	return frappe.db.get_value(DOCTYPE, row.name, "payload") or "null"


def groups(provider: str) -> list[dict[str, Any]]:
	"""The groups of permissions of a provider, with their names in the caller's language."""
	return [
		{
			"key": group.key,
			"category": _(group.category),
			"label": _(group.label),
			"permissions": list(group.permissions),
		}
		for group in sessions.groups_of(provider)
	]
