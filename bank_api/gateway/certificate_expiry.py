"""Certificates end: managers are told 60, 30, 7 and 1 days ahead, and at the end, once each.

The record remembers the last notice. A successor that is ready is named, so that the notice says what is left to do.
"""

from datetime import datetime, timedelta

import frappe
from frappe import _

from bank_api.gateway import managers
from bank_api.gateway.certificates import ACTIVE, DOCTYPE, EXPIRED, PREPARED
from bank_api.gateway.clock import site_now
from bank_api.gateway.expiry import ENDED, NONE, stage_of

NOTICE_DAYS = (1, 7, 30, 60)


def notify_due() -> int:
	"""Daily job: send the notices that are due, and mark what has ended.

	A record's mark and its notification are one transaction: a kill sends both again or neither.

	Returns:
		for how many certificates a notice was sent.
	"""
	now, sent = site_now(), 0
	for row in _candidates(now):
		stage = _claim(row, now)
		if stage != NONE:
			managers.tell(_subject(row, stage), _text(row, stage), DOCTYPE, row.name)
			sent += 1
		frappe.db.commit()
	return sent


def _candidates(now: datetime) -> list[frappe._dict]:
	return frappe.db.sql(
		f"""SELECT cert.name, cert.valid_to, IFNULL(cert.expiry_notice, 0) AS expiry_notice,
			(SELECT next.name FROM `tab{DOCTYPE}` next WHERE next.successor_of = cert.name
			AND next.status = %s ORDER BY next.creation DESC LIMIT 1) AS successor
		FROM `tab{DOCTYPE}` cert
		WHERE cert.status IN (%s, %s) AND cert.valid_to <= %s ORDER BY cert.valid_to, cert.name""",
		(PREPARED, ACTIVE, PREPARED, now + timedelta(days=max(NOTICE_DAYS))),
		as_dict=True,
	)


def _claim(row: frappe._dict, now: datetime) -> int:
	"""Mark a notice as sent, unless it has been; returns its stage, or `NONE`."""
	stage = stage_of(row.valid_to, now, NOTICE_DAYS)
	if stage == row.expiry_notice:
		return NONE
	# Another process may be at it, or somebody may have switched since the record was read.
	frappe.db.sql(
		f"""UPDATE `tab{DOCTYPE}` SET expiry_notice = %s
		WHERE name = %s AND valid_to = %s AND status IN (%s, %s) AND IFNULL(expiry_notice, 0) = %s""",
		(stage, row.name, row.valid_to, ACTIVE, PREPARED, row.expiry_notice),
	)
	if not frappe.db._cursor.rowcount:
		return NONE
	if stage == ENDED:
		frappe.db.sql(
			f"UPDATE `tab{DOCTYPE}` SET status = %s, modified = %s WHERE name = %s",
			(EXPIRED, site_now(), row.name),
		)
		frappe.clear_document_cache(DOCTYPE, row.name)
	return stage


def _subject(row: frappe._dict, stage: int) -> str:
	if stage == ENDED:
		return _("The certificate {0} has ended").format(row.name)
	return _("The certificate {0} ends within {1} days").format(row.name, stage)


def _text(row: frappe._dict, stage: int) -> str:
	if row.successor:
		return _("Its successor {0} is prepared: open it and switch to it.").format(row.successor)
	if stage == ENDED:
		return _("Providers refuse it. Prepare a successor and ask the authority for a new certificate now.")
	return _("Prepare a successor in time: the authority may take weeks to issue a new certificate.")
