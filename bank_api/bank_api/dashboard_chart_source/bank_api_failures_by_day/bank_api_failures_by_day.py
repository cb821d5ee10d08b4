from datetime import date

import frappe
from frappe import _

from bank_api.bank_api.activity import last_days, name_bounds
from bank_api.bank_api.rules import require_manager


@frappe.whitelist()
def get() -> dict:
	"""What failed on each of the last 30 days: actions of the gateway, webhooks in and webhooks out."""
	require_manager()
	days = last_days()
	kinds = (
		(_("Actions"), "Bank API Log", "outcome = 'Failed'"),
		(_("Webhooks In"), "Bank API Webhook Event", "status = 'Failed'"),
		(_("Webhooks Out"), "Bank API Webhook Delivery", "status = 'Dead Letter'"),
	)
	return {
		"labels": [frappe.utils.format_date(day) for day in days],
		"datasets": [
			{"name": label, "values": [_failed_on(day, doctype, condition) for day in days]}
			for label, doctype, condition in kinds
		],
	}


def _failed_on(day: date, doctype: str, condition: str) -> int:
	low, high = name_bounds(day)
	return frappe.db.sql(
		f"select count(*) from `tab{doctype}` where name >= %s and name < %s and {condition}", (low, high)
	)[0][0]
