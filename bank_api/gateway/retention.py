"""What is kept for how long: the daily clean-up of records that have done their work, and of the bank's texts."""

from datetime import timedelta
from typing import Any

import frappe
from frappe.model.base_document import get_controller
from frappe.utils import cint

from bank_api.gateway import providers, purge
from bank_api.gateway.clock import site_now, utc_now
from bank_api.gateway.ids import first_name

PAYLOADS_PER_BATCH = 1000
CONSENTS_A_NIGHT = 5000
LOGS = {
	"Bank API Webhook Event": "event_retention_days",
	"Bank API Webhook Delivery": "delivery_retention_days",
	"Bank API Log": "log_retention_days",
	"Bank API Access Link": "log_retention_days",
}


def clean_up() -> None:
	"""Daily: delete what the settings no longer keep. 0 days keep a kind of record for ever."""
	for doctype, fieldname in LOGS.items():
		days = cint(frappe.db.get_single_value("Bank API Settings", fieldname))
		if days > 0:
			get_controller(doctype).clear_old_logs(days)
	_drop_consents()
	for provider in frappe.get_all("Bank API Provider", {"payload_retention_days": (">", 0)}, pluck="name"):
		drop_payloads(provider)
		drop_resources(provider)


def drop_resources(provider: str) -> int:
	"""Delete the copies of resources that were fetched longer ago than payloads are kept; they are fetched anew on demand.

	Args:
		provider: name of the Bank API Provider.

	Returns:
		Number of copies deleted. Every batch is committed.
	"""
	days = cint(frappe.db.get_value("Bank API Provider", provider, "payload_retention_days"))
	before = site_now() - timedelta(days=days)
	return purge.rows("Bank API Resource", {"provider": provider, "fetched_at": ("<", before)})


def _drop_consents() -> None:
	"""Consents that have ended are proof of what was allowed for as long as the log is kept, if their item is gone."""
	days = cint(frappe.db.get_single_value("Bank API Settings", "log_retention_days"))
	if days <= 0:
		return
	names = frappe.db.sql(
		"""SELECT consent.name FROM `tabBank API Consent` consent
		LEFT JOIN `tabBank API Item` item ON item.name = consent.item AND item.status != 'Deleted'
		WHERE consent.state = 'Ended' AND consent.ended_at < %s AND item.name IS NULL LIMIT %s""",
		(site_now() - timedelta(days=days), CONSENTS_A_NIGHT),
	)
	if names:
		purge.with_secrets("Bank API Consent", {"name": ("in", [name for (name,) in names])})


def delete_older_than(doctype: str, days: int, filters: dict[str, Any]) -> int:
	"""Delete the rows that were made more than so many days ago, in small batches, each committed.

	Args:
		doctype: one of ours, whose names grow with time, so that the oldest rows are a range of the primary key.
		days: age in days.
		filters: further conditions.

	Returns:
		Number of rows deleted.
	"""
	return purge.rows(doctype, {**filters, "name": ("<", _stamp(days))})


def drop_payloads(provider: str) -> int:
	"""Reduce what is kept of old transactions as the provider sent them to its outline; the rows stay.

	A row's age counts from its last change, so what a sync has touched since gets its turn again later. The stamp
	reached is noted on the provider: a night's work is what has come of age since the night before.

	Args:
		provider: name of the Bank API Provider.

	Returns:
		Number of transactions reduced. Every batch is committed.
	"""
	days, begin = frappe.db.get_value(
		"Bank API Provider", provider, ["payload_retention_days", "payloads_dropped_to"]
	)
	end = _stamp(days)
	count = 0
	for account in frappe.get_all("Bank API Account", {"provider": provider}, pluck="name"):
		count += _drop_of_account(provider, account, begin or "", end)
	frappe.db.set_value("Bank API Provider", provider, "payloads_dropped_to", end, update_modified=False)
	frappe.db.commit()
	return count


def _drop_of_account(provider: str, account: str, begin: str, end: str) -> int:
	connector = providers.connector(provider)
	after, count = (begin, ""), 0
	while rows := _of_age(account, after, end):
		for name, stamp, payload in rows:
			after = (stamp, name)
			outline = connector.outline(payload) if payload else payload
			if outline != payload:
				# Only if nothing has changed the row meanwhile: it would have a newer stamp.
				frappe.db.sql(
					"update `tabBank API Transaction` set payload = %s where name = %s and change_stamp = %s",
					(outline, name, stamp),
				)
				count += 1
		frappe.db.commit()
	return count


def _of_age(account: str, after: tuple[str, str], end: str) -> list[tuple[str, str, str]]:
	return frappe.db.sql(
		"""select name, change_stamp, payload from `tabBank API Transaction`
		where account = %(account)s and change_stamp >= %(stamp)s and change_stamp < %(end)s
			and (change_stamp > %(stamp)s or name > %(name)s)
		order by change_stamp, name limit %(limit)s""",
		{"account": account, "stamp": after[0], "name": after[1], "end": end, "limit": PAYLOADS_PER_BATCH},
	)


def _stamp(days: int) -> str:
	"""Names and change stamps begin with the microsecond: the text below which everything is older."""
	return first_name(utc_now() - timedelta(days=cint(days)))
