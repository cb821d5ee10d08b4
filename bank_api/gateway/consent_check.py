"""Reading a consent again at its provider, and what follows: no token is needed for it."""

from dataclasses import dataclass, replace
from typing import Any

import frappe

from bank_api.connectors.base import ConsentConnector
from bank_api.connectors.errors import NotFound
from bank_api.connectors.model import (
	ConsentData,
	ConsentStanding,
	ItemData,
	ItemStatus,
	Presence,
	Secret,
	Token,
	UserAction,
)
from bank_api.gateway import consent_rows, items, providers
from bank_api.gateway.clock import utc_now


@dataclass(frozen=True, slots=True)
class Reading:
	"""A consent as the provider has it now, as such and as the item that it is."""

	data: ConsentData
	state: ItemData


def connector_of(provider: str) -> ConsentConnector:
	"""The connector of a provider that works with consents."""
	found: Any = providers.connector(provider)
	return found


def read(row: frappe._dict, presence: Presence | None = None) -> Reading:
	"""Ask the provider for a consent.

	Args:
		row: the consent.
		presence: the end user's browser, if the end user is there.

	Raises:
		NotFound: the provider does not know it any more.
	"""
	connector = connector_of(row.provider)
	data = connector.consent(row.provider_consent_id, presence)
	nothing = Token(
		Secret(""),
		utc_now(),
		"",
		row.provider_consent_id,
		presence,
		row.company or "",
		row.frequency_per_day or 0,
	)
	return Reading(data, connector.item(nothing, row.provider_consent_id))


def apply(row: frappe._dict, reading: Reading) -> ItemData:
	"""Write what was read; the caller commits.

	Args:
		row: the consent.
		reading: of it.

	Returns:
		the item's state for `items.apply_state`: a consent that is valid there and without tokens here is no use.
	"""
	if row.item:  # the order of locks
		frappe.db.get_value(consent_rows.ITEM, row.item, "name", for_update=True)
	current = consent_rows.get(row.name, lock=True)
	if current is None or current.state == consent_rows.ENDED:
		return reading.state
	consent_rows.note_terms(current, reading.data)
	if reading.data.standing is ConsentStanding.ENDED:
		_end(current, reading)
		return reading.state
	consent_rows.note_standing(current, reading.data)
	state = consent_rows.get(row.name)
	if reading.state.status is ItemStatus.OK and state and state.state == consent_rows.NEEDS:
		return replace(reading.state, status=ItemStatus.ACTION_REQUIRED, user_action=UserAction.AUTHENTICATE)
	return reading.state


def _end(row: frappe._dict, reading: Reading) -> None:
	was_live = row.state in consent_rows.LIVE
	if consent_rows.end(row.name) and was_live:
		consent_rows.tell_end(row, revoked=reading.state.status is ItemStatus.DELETED)


def check(row: frappe._dict, presence: Presence | None = None) -> None:
	"""Read a consent and bring it and its item up to date. Commits.

	Args:
		row: the consent.
		presence: the end user's browser, if the end user is there.

	Raises:
		ProviderError: the provider cannot say; nothing is changed then.
	"""
	try:
		reading = read(row, presence)
	except NotFound:
		gone(row)
		return
	frappe.db.commit()
	state = apply(row, reading)
	if row.item:
		items.apply_state(row.item, state)
	frappe.db.commit()


def gone(row: frappe._dict) -> None:
	"""The provider does not know a consent any more: it is revoked. Commits."""
	frappe.db.commit()
	if row.item:
		frappe.db.get_value(consent_rows.ITEM, row.item, "name", for_update=True)
	if consent_rows.end(row.name) and row.state in consent_rows.LIVE:
		consent_rows.tell_end(row, revoked=True)
	if row.item:
		items.mark_deleted(row.item)
	frappe.db.commit()
