"""What the scheduler does for visits: those whose browser and webhook have not come, and consents that wait for people."""

from datetime import datetime, timedelta

import frappe

from bank_api.connectors.errors import ProviderError, ProviderUnavailable, RateLimited
from bank_api.gateway import consent_check, consent_rows, refusals, session_return
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import GatewayError, NotConfigured

MAX_A_TURN = 200
RETRY_AFTER = timedelta(minutes=5)
LONGEST_RETRY = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(hours=24)  # a visit of which nothing can be learnt so long after its end
NEVER_BEGUN_AFTER = timedelta(hours=1)  # one whose process died before the provider answered

# After one of these, the others at the same provider would fail the same way.
_SILENT = (ProviderUnavailable, NotConfigured)


def tick() -> None:
	"""Every minute: read the visits and the consents that are due, the longest unread first.

	A provider that does not answer is asked once a turn, so that it does not hold up the others.
	"""
	silent: set[str] = set()
	_visits(silent)
	_consents(silent)


def _visits(silent: set[str]) -> None:
	now = site_now()
	rows = frappe.db.sql(
		"""SELECT name, provider, client FROM `tabBank API Connect Request`
		WHERE status IN ('Pending', 'Returned') AND session_hash IS NOT NULL
			AND (next_check_at IS NULL OR next_check_at <= %(now)s)
		ORDER BY next_check_at LIMIT %(limit)s""",
		{"now": now, "limit": MAX_A_TURN},
		as_dict=True,
	)
	for row in rows:
		if row.provider in silent:
			continue
		try:
			session_return.settle(row.name)
		except (ProviderError, GatewayError) as error:
			wait = _failed(row, error, silent)
			frappe.db.set_value(session_return.DOCTYPE, row.name, "next_check_at", now + wait)
			frappe.db.commit()
		_give_up_if_over(row.name, now)


def _give_up_if_over(request: str, now: datetime) -> None:
	expires_at, status = frappe.db.get_value(
		session_return.DOCTYPE, request, ["expires_at", "session_status"]
	)
	patience = NEVER_BEGUN_AFTER if status == session_return.REQUESTED else GIVE_UP_AFTER
	if expires_at and now > expires_at + patience:
		session_return.give_up(request)


def _consents(silent: set[str]) -> None:
	"""Consents without an item: their end user is at the bank, or a worker was killed before it made one."""
	now = site_now()
	names = frappe.db.sql(
		"""SELECT consent.name FROM `tabBank API Consent` consent
		JOIN `tabBank API Connect Request` request ON request.name = consent.request
			AND request.session_hash IS NOT NULL
		WHERE consent.state IN ('Waiting', 'Active') AND consent.item IS NULL
			AND (consent.next_check_at IS NULL OR consent.next_check_at <= %(now)s)
		ORDER BY consent.next_check_at LIMIT %(limit)s""",
		{"now": now, "limit": MAX_A_TURN},
	)
	for (name,) in names:
		row = consent_rows.get(name)
		if row is None or row.provider in silent:
			continue
		try:
			consent_check.check(row)
		except (ProviderError, GatewayError) as error:
			wait = _failed(row, error, silent)
			consent_rows.set_values(name, next_check_at=now + wait, last_error=refusals.explained(error))
			frappe.db.commit()


def _failed(row: frappe._dict, error: ProviderError | GatewayError, silent: set[str]) -> timedelta:
	"""Note a failure; how long to leave this one alone."""
	frappe.db.rollback()
	refusals.note(error, provider=row.provider, client=row.client)
	frappe.logger("bank_api").warning("Consents of %s are read later: %s", row.provider, error)
	if isinstance(error, _SILENT):
		silent.add(row.provider)
	if isinstance(error, RateLimited):
		return min(max(timedelta(seconds=error.retry_after), RETRY_AFTER), LONGEST_RETRY)
	return RETRY_AFTER
