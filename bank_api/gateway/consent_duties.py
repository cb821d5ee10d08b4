"""What the scheduler does for consents: tokens ahead of their end, and what nobody else looks at."""

from datetime import timedelta

import frappe
from frappe import _

from bank_api.connectors.errors import ProviderError, ProviderUnavailable
from bank_api.gateway import consent_check, consent_rows, consent_succession, consent_tokens, refusals
from bank_api.gateway.clock import site_now
from bank_api.gateway.consent_rows import ACTIVE, DOCTYPE, LIVE
from bank_api.gateway.errors import NotConfigured

ABANDONED_AFTER = timedelta(hours=2)  # a row whose process died before the provider answered
RETRY_AFTER = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=2)  # withdrawing what nobody came back for
MAX_A_TURN = 200


def tick() -> None:
	"""Every minute: renew tokens ahead, take up what was interrupted, and look after what nobody else looks at."""
	consent_tokens.renew_due()
	_withdraw_abandoned()
	_finish_replacing()
	_check_due()


def _withdraw_abandoned() -> None:
	"""Consents whose end user did not come back, or refused: nothing may stay open at the provider."""
	rows = frappe.db.sql(
		"""SELECT consent.name, consent.creation FROM `tabBank API Consent` consent
		LEFT JOIN `tabBank API Connect Request` request ON request.name = consent.request
		WHERE consent.state IN ('Created', 'Waiting', 'Active') AND consent.item IS NULL
			AND (consent.next_check_at IS NULL OR consent.next_check_at <= %(now)s)
			AND request.session_hash IS NULL
			AND (request.status IN ('Failed', 'Expired') OR (consent.state = 'Created' AND consent.creation < %(old)s))
		LIMIT %(limit)s""",
		{
			"old": site_now() - ABANDONED_AFTER,
			"now": site_now(),
			"limit": MAX_A_TURN,
		},
		as_dict=True,
	)
	silent: set[str] = set()
	for found in rows:
		row = consent_rows.get(found.name)
		if not row or row.provider in silent:
			continue
		try:
			if row.provider_consent_id:
				consent_check.connector_of(row.provider).delete_consent(row.provider_consent_id)
		except (ProviderError, NotConfigured) as error:
			frappe.db.rollback()
			if isinstance(error, (ProviderUnavailable, NotConfigured)):
				silent.add(row.provider)
			if found.creation > site_now() - GIVE_UP_AFTER:
				consent_rows.set_values(row.name, next_check_at=site_now() + RETRY_AFTER)
				frappe.db.commit()
				continue
		consent_rows.end(row.name, _("The end user has not given it."))
		frappe.db.commit()


def _finish_replacing() -> None:
	"""Replacements that the provider could not be told of when they happened."""
	names = frappe.db.sql(
		"""SELECT consent.name FROM `tabBank API Consent` consent
		JOIN `tabBank API Item` item ON item.name = consent.replaces AND item.status != 'Deleted'
		WHERE consent.state = 'Active' AND consent.item IS NOT NULL
			AND IFNULL(consent.approval, '') NOT IN ('Pending', 'Refused') LIMIT %s""",
		MAX_A_TURN,
	)
	for (name,) in names:
		consent_succession.retire(name)


def _check_due() -> None:
	"""Once a day, consents that no synchronisation has looked at."""
	names = frappe.get_all(
		DOCTYPE,
		{"state": ("in", LIVE), "item": ("is", "set"), "next_check_at": ("<=", site_now())},
		pluck="name",
		order_by="next_check_at asc",
		limit=MAX_A_TURN,
	)
	silent: set[str] = set()
	for name in names:
		row = consent_rows.get(name)
		if not row or row.provider in silent:
			continue
		try:
			if row.state == ACTIVE and row.last_error and not row.renewal_failed_at:
				consent_rows.set_values(name, last_error=None)  # of the check before this one
			consent_check.check(row)
		except (ProviderError, NotConfigured) as error:
			frappe.db.rollback()
			consent_rows.set_values(
				name, next_check_at=site_now() + RETRY_AFTER, last_error=refusals.explained(error)
			)
			refusals.note(error, provider=row.provider, client=row.client)
			frappe.db.commit()
			if isinstance(error, (ProviderUnavailable, NotConfigured)):
				silent.add(row.provider)
