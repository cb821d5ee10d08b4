from datetime import date

import frappe
from frappe import _

from bank_api.bank_api.activity import last_days, name_bounds
from bank_api.bank_api.rules import require_manager

DOCTYPE = "Bank API Transaction"
CACHE_SECONDS = 3600


@frappe.whitelist()
def get() -> dict:
	"""Transactions that the gateway took in on each of the last 30 days, for the workspace's chart."""
	require_manager()
	days = last_days()
	return {
		"labels": [frappe.utils.format_date(day) for day in days],
		"datasets": [{"name": _("Transactions"), "values": [_count(day, today=days[-1]) for day in days]}],
	}


def _count(day: date, today: date) -> int:
	"""A past day hardly changes: counting millions of rows anew for every visitor would be a waste."""
	if day == today:
		return _received_on(day)
	key = f"bank_api:received:{day.isoformat()}"
	count = frappe.cache().get_value(key)
	if count is None:
		count = _received_on(day)
		frappe.cache().set_value(key, count, expires_in_sec=CACHE_SECONDS)
	return count


def _received_on(day: date) -> int:
	"""Names begin with the microsecond of the row's making: a day is a range of the primary key."""
	low, high = name_bounds(day)
	return frappe.db.sql(f"select count(*) from `tab{DOCTYPE}` where name >= %s and name < %s", (low, high))[
		0
	][0]
