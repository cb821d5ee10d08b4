"""How fresh an item's data is: judged by the last data against what was due, never by the last call that worked."""

from datetime import timedelta

import frappe

from bank_api.gateway.clock import site_now

DEFAULT_STALE_HOURS = 48


def mark_feeds(item: str | None = None) -> None:
	"""Write Fresh, Stale, Never or Stopped into `feed`; the caller commits.

	An account that may not be read for a while does not fail its item, but it makes it stale when its time has come.

	Args:
		item: name of the one item to judge; all items if None.
	"""
	for provider in frappe.get_all("Bank API Provider", fields=["name", "stale_after_hours"]):
		limit = site_now() - timedelta(hours=provider.stale_after_hours or DEFAULT_STALE_HOURS)
		frappe.db.sql(
			"""UPDATE `tabBank API Item` SET feed = CASE
				WHEN status = 'Deleted' THEN 'Stopped'
				WHEN last_success_at IS NULL THEN IF(creation < %(limit)s, 'Stale', 'Never')
				WHEN last_success_at < %(limit)s THEN 'Stale'
				WHEN EXISTS (
					SELECT 1 FROM `tabBank API Account` account WHERE account.item = `tabBank API Item`.name
						AND account.status = 'Open' AND account.held_until > %(now)s
						AND IFNULL(account.last_synced_at, account.creation) < %(limit)s
				) THEN 'Stale'
				ELSE 'Fresh' END
			WHERE provider = %(provider)s AND (%(item)s IS NULL OR name = %(item)s)""",
			{"limit": limit, "now": site_now(), "provider": provider.name, "item": item},
		)
