"""What is kept for how long: the daily clean-up of records that have done their work."""

from datetime import datetime, timedelta
from typing import Any

import frappe
from frappe.model.base_document import get_controller

from bank_api.gateway import purge
from bank_api.gateway.clock import utc_now
from bank_api.gateway.ids import first_name

LOGS = {
	"Bank API Webhook Event": "event_retention_days",
	"Bank API Webhook Delivery": "delivery_retention_days",
	"Bank API Log": "log_retention_days",
}


def clean_up() -> None:
	"""Daily: delete what the settings no longer keep. 0 days keep a kind of record for ever."""
	for doctype, fieldname in LOGS.items():
		days = frappe.utils.cint(frappe.db.get_single_value("Bank API Settings", fieldname))
		if days > 0:
			get_controller(doctype).clear_old_logs(days)


def delete_older_than(doctype: str, days: int, filters: dict[str, Any]) -> int:
	"""Delete the rows that were made more than so many days ago, in small batches, each committed.

	Args:
		doctype: one of ours, whose names grow with time, so that the oldest rows are a range of the primary key.
		days: age in days.
		filters: further conditions.

	Returns:
		Number of rows deleted.
	"""
	return purge.rows(doctype, {**filters, "name": ("<", _oldest_name(days))})


def _oldest_name(days: int) -> str:
	limit: datetime = utc_now() - timedelta(days=frappe.utils.cint(days))
	return first_name(limit)
