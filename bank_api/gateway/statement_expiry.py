"""Software statements end: managers are told 60, 30, 7 and 1 days ahead, and at the end, once each.

The provider's record remembers the last notice; a renewed statement starts anew (`setup_statement`).
"""

from datetime import datetime, timedelta

import frappe
from frappe import _

from bank_api.gateway import managers
from bank_api.gateway.certificate_expiry import NOTICE_DAYS
from bank_api.gateway.clock import site_now
from bank_api.gateway.expiry import ENDED, NONE, stage_of
from bank_api.gateway.setup_model import PROVIDER


def notify_due() -> int:
	"""Daily job: send the notices that are due.

	A record's mark and its notification are one transaction: a kill sends both again or neither.

	Returns:
		for how many statements a notice was sent.
	"""
	now, sent = site_now(), 0
	for row in _candidates(now):
		stage = _claim(row, now)
		if stage != NONE:
			managers.tell(_subject(row, stage), _text(stage), PROVIDER, row.name)
			sent += 1
		frappe.db.commit()
	return sent


def _candidates(now: datetime) -> list[frappe._dict]:
	return frappe.db.sql(
		f"""SELECT name, statement_expires_at, IFNULL(statement_notice, 0) AS notice FROM `tab{PROVIDER}`
		WHERE enabled = 1 AND statement_expires_at <= %s ORDER BY statement_expires_at, name""",
		(now + timedelta(days=max(NOTICE_DAYS)),),
		as_dict=True,
	)


def _claim(row: frappe._dict, now: datetime) -> int:
	"""Mark a notice as sent, unless it has been, or the statement has been renewed; its stage, or `NONE`."""
	stage = stage_of(row.statement_expires_at, now, NOTICE_DAYS)
	if stage == row.notice:
		return NONE
	frappe.db.sql(
		f"""UPDATE `tab{PROVIDER}` SET statement_notice = %s
		WHERE name = %s AND statement_expires_at = %s AND IFNULL(statement_notice, 0) = %s""",
		(stage, row.name, row.statement_expires_at, row.notice),
	)
	if not frappe.db._cursor.rowcount:
		return NONE
	frappe.clear_document_cache(PROVIDER, row.name)
	return stage


def _subject(row: frappe._dict, stage: int) -> str:
	if stage == ENDED:
		return _("The software statement for {0} has ended").format(row.name)
	return _("The software statement for {0} ends within {1} days").format(row.name, stage)


def _text(stage: int) -> str:
	if stage == ENDED:
		return _(
			"The bank registers no application with it. Open the set-up of the provider and press Renew."
		)
	return _("Open the set-up of the provider and press Renew: the consents that there are stay as they are.")
