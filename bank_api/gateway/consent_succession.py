"""One consent in the place of another: the accounts move on, and nothing of the old one stays open."""

import frappe
from frappe import _

from bank_api.connectors.errors import ProviderError
from bank_api.connectors.model import Approval, EndedBy, EndReason
from bank_api.gateway import consent_check, consent_rows, items
from bank_api.gateway.consent_rows import DOCTYPE, ENDED, LIVE
from bank_api.gateway.errors import NotConfigured

MAX_OTHERS = 100
_NOT_YET = (Approval.PENDING.value, Approval.REFUSED.value)


def retire(consent: str) -> None:
	"""End what a new consent replaces: the one it was asked for, and those that the provider has ended for it.

	A source ends an older recurring consent of the same end user itself when the new one is authorised
	(protocols/berlin_group_migdal.md 2.6); the accounts move on to the new item by their numbers. One that others have
	still to approve replaces nothing yet.
	"""
	row = consent_rows.get(consent)
	if row is None or row.state not in LIVE or row.approval in _NOT_YET:
		return
	for name in _others(row):
		other = consent_rows.get(name)
		if other and _is_over(row, other):
			consent_rows.end(
				name, _("A newer consent has taken its place."), by=EndedBy.END_USER, why=EndReason.REPLACED
			)
			items.mark_deleted(other.item)
			frappe.db.commit()


def _others(row: frappe._dict) -> list[str]:
	"""Older consents of the same end user with the same company or bank."""
	return [
		name
		for (name,) in frappe.db.sql(
			"""SELECT name FROM `tabBank API Consent`
			WHERE provider = %(provider)s AND end_user = %(end_user)s AND item IS NOT NULL AND name < %(name)s
				AND IFNULL(company, '') = %(company)s AND IFNULL(bank_id, '') = %(bank)s
				AND state IN ('Active', 'Suspended', 'Needs Authorisation', 'Ended')
			ORDER BY name LIMIT %(limit)s""",
			{
				"provider": row.provider,
				"end_user": row.end_user,
				"name": row.name,
				"company": row.company or "",
				"bank": row.bank_id or "",
				"limit": MAX_OTHERS,
			},
		)
	]


def _covers(row: frappe._dict, other: frappe._dict) -> bool:
	"""Whether a consent gives all that another one gave."""
	wider = set(consent_rows.permissions(other)) <= set(consent_rows.permissions(row))
	return wider and set(consent_rows.references(other)) <= set(consent_rows.references(row))


def _is_over(row: frappe._dict, other: frappe._dict) -> bool:
	"""Whether an older consent is at its end; the one that was to be replaced is ended at the provider."""
	if frappe.db.get_value("Bank API Item", other.item, "status") in (None, "Deleted"):
		return False
	try:
		if other.item == row.replaces:
			consent_check.withdraw(other, EndedBy.END_USER, EndReason.REPLACED)
			return True
		if other.state != ENDED and not row.announced:
			consent_check.check(other)  # it may have been ended for this one
		# What it gave access to and the new one does not, the end user has to be asked for again.
		return frappe.db.get_value(DOCTYPE, other.name, "state") == ENDED and _covers(row, other)
	except (ProviderError, NotConfigured) as error:
		frappe.logger("bank_api").warning("Consent %s is retired later: %s", other.name, error)
		return False
