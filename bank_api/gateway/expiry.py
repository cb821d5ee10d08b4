"""Consents end: clients and managers are told 30, 7 and 1 days ahead, and at the end; of one for a year 60 days ahead too.

Each notice is sent once for each consent: the item remembers the last one. A renewed consent starts anew.
"""

from datetime import datetime, timedelta
from typing import Any

import frappe
from frappe import _

from bank_api.connectors.model import ItemStatus, UserAction
from bank_api.gateway import consent_rows, items, managers, relay
from bank_api.gateway.clock import iso, site_now, to_utc
from bank_api.gateway.notices import FIRST_OF_A_YEAR, NOTICE_DAYS, days_of

ITEM = "Bank API Item"
NONE, ENDED = 0, -1  # values of Bank API Item's `expiry_notice` besides the days

_BATCH = 100
_SHOWN = 20


def notify_due() -> int:
	"""Daily job: send the notices that are due.

	An item's notice, the event to its client and the managers' notification are one transaction: a kill
	sends all of them again or none.

	Returns:
		how many items a notice was sent for.
	"""
	now = site_now()
	noticed, after = 0, ""
	while rows := _candidates(now, after):
		after = rows[-1].name
		told = [(row, stage) for row in rows if (stage := _notice(row, now)) != NONE]
		_tell_managers(told)
		noticed += len(told)
		frappe.db.commit()
	return noticed


def stage_of(expires_at: datetime, now: datetime, notice_days: tuple[int, ...] = NOTICE_DAYS) -> int:
	"""Which notice is due: so many days ahead, `ENDED`, or `NONE`.

	Args:
		expires_at: end of the consent or certificate, site time.
		now: the present, site time.
		notice_days: how many days ahead notices are sent, ascending.
	"""
	if expires_at <= now:
		return ENDED
	return next((days for days in notice_days if expires_at - now <= timedelta(days=days)), NONE)


def _candidates(now: datetime, after: str) -> list[frappe._dict]:
	return frappe.db.sql(
		"""SELECT name, client, status, bank_name, authentication_expires_at, IFNULL(expiry_notice, 0) AS
			expiry_notice, first_notice
		FROM `tabBank API Item`
		WHERE status != 'Deleted' AND authentication_expires_at <= %s AND name > %s ORDER BY name LIMIT %s""",
		(now + timedelta(days=FIRST_OF_A_YEAR), after, _BATCH),
		as_dict=True,
	)


def _notice(row: frappe._dict, now: datetime) -> int:
	"""Tell an item's client, unless it knows; returns the stage told, or `NONE`."""
	stage = stage_of(row.authentication_expires_at, now, days_of(row.first_notice))
	if stage in (NONE, row.expiry_notice):
		return NONE
	frappe.db.sql(
		"UPDATE `tabBank API Item` SET expiry_notice = %s WHERE name = %s AND authentication_expires_at = %s",
		(stage, row.name, row.authentication_expires_at),
	)
	if not frappe.db._cursor.rowcount:
		return NONE  # renewed since it was read
	if stage == ENDED:
		_flag(row)
	event = "consent.expired" if stage == ENDED else "consent.expiring"
	relay.emit(row.client, event, _event(row, stage), item=row.name)
	return stage


def _flag(row: frappe._dict) -> None:
	"""Say on the item that the end user has to act, without waiting for the provider to say so."""
	frappe.db.sql(
		"""UPDATE `tabBank API Item` SET status = %s, user_action = %s, modified = %s
		WHERE name = %s AND status IN (%s, %s)""",
		(
			ItemStatus.ACTION_REQUIRED.value,
			UserAction.AUTHENTICATE.value,
			site_now(),
			row.name,
			ItemStatus.OK.value,
			ItemStatus.WAITING.value,
		),
	)


def _event(row: frappe._dict, stage: int) -> dict[str, Any]:
	return {
		**items.event_data(row.name),
		"days": max(stage, 0),
		"expires_at": iso(to_utc(row.authentication_expires_at)),
		"repair_method": consent_rows.repair_method(_consent(row.name)),
	}


def _consent(item: str) -> frappe._dict | None:
	return consent_rows.of_item(*frappe.db.get_value(ITEM, item, ["provider", "item_id"]))


def _tell_managers(told: list[tuple[frappe._dict, int]]) -> None:
	"""One notification for all items of a batch."""
	if not told:
		return
	ended = sum(stage == ENDED for row, stage in told)
	subject = _("Bank consents: {0} about to end, {1} ended").format(len(told) - ended, ended)
	lines = [_line(row, stage) for row, stage in told[:_SHOWN]]
	if len(told) > _SHOWN:
		lines.append(_("and {0} more").format(len(told) - _SHOWN))
	managers.tell(subject, "\n".join(lines), ITEM, told[0][0].name)


def _line(row: frappe._dict, stage: int) -> str:
	bank = row.bank_name or row.name
	if stage == ENDED:
		return _("{0} ({1}): the consent has ended; the end user has to authenticate again.").format(
			bank, row.client
		)
	return _("{0} ({1}): the consent ends within {2} days.").format(bank, row.client, stage)
