"""Letting a consent last longer without a new one, while its end user is there (protocols/quanto_ofb.md 3.8)."""

from datetime import datetime

import frappe
from frappe import _

from bank_api.connectors import consent_item
from bank_api.connectors.errors import ConsentRequired, NotFound, ProviderError
from bank_api.connectors.model import Approval, ConsentData, ConsentStanding, Identity, Presence
from bank_api.gateway import access, audit, consent_check, consent_rows, items, sessions
from bank_api.gateway.consent_rows import ACTIVE, DOCTYPE
from bank_api.gateway.durable import durably
from bank_api.gateway.errors import BadArgument

_OTHERS_DECIDE = (Approval.PENDING.value, Approval.APPROVED.value, Approval.REFUSED.value)


def may_be_extended(row: frappe._dict) -> bool:
	"""Whether a consent can be extended: it stands, and it does not depend on the approval of several people."""
	return (
		row.state == ACTIVE
		and bool(row.item)
		and not row.withdrawing_since
		and row.approval not in _OTHERS_DECIDE
		and access.by_visit(row.provider)
	)


def extend(
	row: frappe._dict, identity: Identity, expires_at: datetime | None, presence: Presence
) -> frappe._dict:
	"""Ask the provider to let a consent last longer, and bring it and its item up to date. Commits.

	The client is told with `item.updated`. An answer that is lost is found by the next look at the consent.

	Args:
		row: the consent.
		identity: the person, and the company if it is a company's consent; sent on, and kept nowhere.
		expires_at: its new end (UTC); None for no end.
		presence: the end user's browser.

	Returns:
		the consent's row as it is now.

	Raises:
		BadArgument: a consent in this state cannot be extended.
		ProviderError: the provider does not extend it.
	"""
	if row.approval in _OTHERS_DECIDE:
		raise BadArgument(
			_("A consent that several people have to approve cannot be extended. Ask for a new one.")
		)
	if not may_be_extended(row):
		raise BadArgument(_("Only a consent that is active can be extended. Ask for a new one."))
	connector = sessions.connector_of(row.provider)
	try:
		with consent_check.alone(row.name):
			data = connector.extend_consent(row.provider_consent_id, identity, expires_at, presence)
			frappe.db.commit()
			durably(lambda: _write(row, data))
	except (ConsentRequired, NotFound) as error:
		frappe.db.rollback()
		_look_again(row, error)
		raise
	return consent_rows.get(row.name) or row


def _write(row: frappe._dict, data: ConsentData) -> None:
	state = consent_check.apply(row, consent_check.Reading(data, consent_item.state_of(data)))
	items.apply_state(row.item, state)
	if data.standing is ConsentStanding.VALID:
		audit.record("Consent Extended", client=row.client, doctype=DOCTYPE, name=row.name)


def _look_again(row: frappe._dict, error: ProviderError) -> None:
	"""The provider says that it is no longer what it was: find out what it is."""
	try:
		consent_check.check(row)
	except ProviderError:
		frappe.db.rollback()
		frappe.logger("bank_api").warning("Consent %s is read later: %s", row.name, error)
