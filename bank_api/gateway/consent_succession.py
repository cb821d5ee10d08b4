"""One consent in the place of another: the accounts move on, and nothing of the old one stays open."""

import frappe
from frappe import _

from bank_api.connectors.errors import ProviderError
from bank_api.gateway import consent_check, consent_rows, items
from bank_api.gateway.consent_rows import DOCTYPE, ENDED, LIVE
from bank_api.gateway.errors import NotConfigured


def retire(consent: str) -> None:
	"""End what a new consent replaces: the one it was asked for, and those that the provider has ended for it.

	A source ends an older recurring consent of the same end user itself when the new one is authorised
	(protocols/berlin_group_migdal.md 2.6); the accounts move on to the new item by their numbers.
	"""
	row = consent_rows.get(consent)
	if row is None or row.state not in LIVE:
		return
	others = frappe.get_all(
		DOCTYPE,
		{
			"provider": row.provider,
			"end_user": row.end_user,
			"company": row.company,
			"state": ("in", [*LIVE, ENDED]),
			"item": ("is", "set"),
			"name": ("<", row.name),
		},
		pluck="name",
	)
	for name in others:
		other = consent_rows.get(name)
		if other and _is_over(row, other):
			consent_rows.end(name, _("A newer consent has taken its place."))
			items.mark_deleted(other.item)
			frappe.db.commit()


def _covers(row: frappe._dict, other: frappe._dict) -> bool:
	return set(consent_rows.references(other)) <= set(consent_rows.references(row))


def _is_over(row: frappe._dict, other: frappe._dict) -> bool:
	"""Whether an older consent is at its end; the one that was to be replaced is ended at the provider."""
	if frappe.db.get_value("Bank API Item", other.item, "status") in (None, "Deleted"):
		return False
	try:
		if other.item == row.replaces:
			if other.state != ENDED:
				consent_check.connector_of(row.provider).delete_consent(other.provider_consent_id)
			return True
		if other.state != ENDED:
			consent_check.check(other)
		# What it gave access to and the new one does not, the end user has to be asked for again.
		return frappe.db.get_value(DOCTYPE, other.name, "state") == ENDED and _covers(row, other)
	except (ProviderError, NotConfigured) as error:
		frappe.logger("bank_api").warning("Consent %s is retired later: %s", other.name, error)
		return False
