"""Asking for a sync of an item; `sync_job` does it."""

from datetime import timedelta

import frappe

from bank_api.gateway import wake
from bank_api.gateway.clock import site_now

QUEUED_MINUTES = 15
"""After this long a queued sync counts as lost (Redis restarted, say) and is queued again."""


def request(item: str, reason: str, *, whole: bool = True) -> None:
	"""Ask for a sync of an item soon; asking again while one waits in the queue costs nothing.

	The wish is a row in the database before it is a job in Redis, so that it outlives both. Where the provider
	has asked to be left alone until a time, it waits for that time.

	Args:
		item: name of the Bank API Item.
		reason: why, in a word, for the log.
		whole: read every account, even one that was read a moment ago at a bank that tells when there is something new
			(`sync_job`); otherwise those that are due, or that the bank has told of.
	"""
	now = site_now()
	frappe.db.sql(
		"""UPDATE `tabBank API Item` SET sync_requested_at = %(now)s, read_all_at = IF(%(whole)s, %(now)s, read_all_at),
			next_try_at = GREATEST(%(now)s, IFNULL(held_until, %(now)s))
		WHERE name = %(item)s""",
		{"now": now, "whole": int(whole), "item": item},
	)
	frappe.db.sql(
		"""UPDATE `tabBank API Item` SET queued_until = %s,
			sync_status = IF(sync_status = 'Running', sync_status, 'Queued')
		WHERE name = %s AND status != 'Deleted' AND (queued_until IS NULL OR queued_until < %s)
			AND (held_until IS NULL OR held_until <= %s)""",
		(now + timedelta(minutes=QUEUED_MINUTES), item, now, now),
	)
	if frappe.db._cursor.rowcount > 0:
		frappe.logger("bank_api").info("sync of %s queued: %s", item, reason)
		wake.job_after_commit("bank_api.gateway.sync_job.run", queue="long", timeout=3600, item=item)
