"""What is kept for how long: the daily clean-up of records that have done their work."""

from datetime import timedelta

import frappe
from frappe.model.base_document import get_controller

from bank_api.gateway.clock import site_now

ROWS_PER_BATCH = 5000
LOGS = {
	"Bank API Webhook Event": "event_retention_days",
	"Bank API Webhook Delivery": "delivery_retention_days",
	"Bank API Log": "log_retention_days",
}


def clean_up() -> None:
	"""Daily: delete what the Bank API Settings no longer keep. 0 days keep a kind of record for ever."""
	for doctype, fieldname in LOGS.items():
		days = frappe.utils.cint(frappe.db.get_single_value("Bank API Settings", fieldname))
		if days > 0:
			get_controller(doctype).clear_old_logs(days)


def delete_older_than(doctype: str, days: int, filters: dict) -> int:
	"""Delete rows in small batches, each committed, so that no lock is held for long.

	Args:
		doctype: one of ours; its names grow with time, so that the oldest come first.
		days: age from which rows go, counted from their last change.
		filters: further conditions.

	Returns:
		Number of rows deleted.
	"""
	limit = site_now() - timedelta(days=frappe.utils.cint(days))
	deleted = 0
	while True:
		names = frappe.get_all(
			doctype,
			filters={**filters, "modified": ("<", limit)},
			order_by="name asc",
			limit_page_length=ROWS_PER_BATCH,
			pluck="name",
		)
		if not names:
			return deleted
		frappe.db.delete(doctype, {"name": ("in", names)})
		frappe.db.commit()  # nosemgrep: a batch is complete in itself
		deleted += len(names)
