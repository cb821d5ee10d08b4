"""Which items are due: every one gets its turn, the longest unread first, a failing one no sooner than it may."""

from datetime import timedelta

import frappe
from frappe import _
from frappe.utils import get_datetime, now_datetime

from bank_api.gateway import freshness, sync
from bank_api.gateway.clock import site_now
from bank_api.gateway.locks import is_free

DUE_AT_ONCE = 2000


def tick() -> None:
	"""Queue every item that is due, and take up again what a killed worker left; runs every two minutes."""
	_stay_awake()
	_recover_killed()
	for item in _due():
		sync.request(item, "due", whole=False)
		frappe.db.commit()
	freshness.mark_feeds()
	frappe.db.commit()


def _stay_awake() -> None:
	"""Keep the site's scheduler going when nobody logs in to the desk.

	Frappe takes a site without a log-in for some days for dormant and runs its scheduler once a day; calls with an
	API key do not count. For a gateway that would mean data a day old.
	"""
	latest = frappe.db.get_value("Activity Log", {}, "modified", order_by="modified desc")
	if latest and get_datetime(latest) > now_datetime() - timedelta(days=1):
		return
	log = frappe.new_doc("Activity Log")
	log.update(
		{"subject": _("Bank API keeps the scheduler awake"), "user": "Administrator", "status": "Success"}
	)
	log.insert(ignore_permissions=True)
	frappe.db.commit()


def _due() -> list[str]:
	rows = frappe.db.sql(
		"""SELECT item.name FROM `tabBank API Item` item
		JOIN `tabBank API Provider` provider ON provider.name = item.provider AND provider.enabled = 1
		JOIN `tabBank API Client` client ON client.name = item.client AND client.enabled = 1
		WHERE item.status != 'Deleted' AND (item.next_try_at IS NULL OR item.next_try_at <= %(now)s)
			AND (item.queued_until IS NULL OR item.queued_until < %(now)s)
		ORDER BY item.last_try_at LIMIT %(limit)s""",
		{"now": site_now(), "limit": DUE_AT_ONCE},
	)
	return [row[0] for row in rows]


def _recover_killed() -> None:
	"""A sync that says it is running while nobody holds its lock was killed: it is due at once."""
	for item in frappe.get_all("Bank API Item", {"sync_status": "Running"}, pluck="name"):
		if is_free(item):
			frappe.db.set_value(
				"Bank API Item",
				item,
				{"sync_status": "Idle", "queued_until": None, "next_try_at": site_now()},
				update_modified=False,
			)
	frappe.db.commit()
