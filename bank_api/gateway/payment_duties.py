"""What the scheduler does for payments: senders that died, what waits to be sent, and how it stands at the bank."""

import time
from datetime import timedelta

import frappe

from bank_api.connectors.errors import ProviderError, ProviderUnavailable, RateLimited, Unsupported
from bank_api.gateway import payment_sending, payment_states, payment_status
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import GatewayError, NotConfigured
from bank_api.gateway.payment_states import DOCTYPE

MAX_A_TURN = 200
SECONDS_A_TURN = 45
AFTER_A_DEFECT = timedelta(minutes=15)
"""When a batch comes again that a turn could not deal with: what is due first would otherwise be the same one for ever."""


def tick() -> None:
	"""Every minute."""
	payment_status.recover_dead_senders()
	end = time.monotonic() + SECONDS_A_TURN
	_send_due(end)
	_check_due(end)


def _send_due(end: float) -> None:
	"""Send what was put off, or what its caller's process did not come to; nothing behind a part that is in doubt."""
	rows = frappe.db.sql(
		f"""SELECT batch.name FROM `tab{DOCTYPE}` batch
		WHERE batch.state = 'Validated' AND batch.next_try_at <= %s
			AND NOT EXISTS (SELECT 1 FROM `tab{DOCTYPE}` sibling
				WHERE sibling.parent_batch = batch.parent_batch AND sibling.state IN ('Unknown', 'Sending'))
		ORDER BY batch.next_try_at, batch.name LIMIT %s""",
		(site_now(), MAX_A_TURN),
	)
	for (name,) in rows:
		if time.monotonic() > end:
			return
		try:
			payment_sending.send(name)
		except Exception:
			_go_on(name, "next_try_at")


def _check_due(end: float) -> None:
	"""Ask how batches stand, those of one consent behind each other: a token lasts for minutes only."""
	rows = frappe.db.sql(
		f"""SELECT name, provider FROM `tab{DOCTYPE}`
		WHERE state IN ('Stored', 'Partly Accepted', 'Authorised', 'Unknown', 'Rejected') AND next_check_at <= %s
		ORDER BY next_check_at LIMIT %s""",
		(site_now(), MAX_A_TURN),
		as_dict=True,
	)
	silent: set[str] = set()
	for row in sorted(rows, key=lambda one: one.provider):
		if row.provider in silent:
			continue
		if time.monotonic() > end:
			return
		try:
			payment_status.check(row.name)
		except (ProviderError, GatewayError) as error:
			frappe.db.rollback()
			if isinstance(error, (ProviderUnavailable, RateLimited, NotConfigured)):
				silent.add(row.provider)
			elif not isinstance(error, Unsupported):
				frappe.logger("bank_api").warning("Payment batch %s cannot be looked up: %s", row.name, error)
		except Exception:
			_go_on(row.name, "next_check_at")


def _go_on(name: str, column: str) -> None:
	"""A defect with one batch is told, and keeps no other one from its turn."""
	frappe.db.rollback()
	frappe.log_error(title=f"Bank API: payment batch {name}", message=frappe.get_traceback())
	row = payment_states.get(name, lock=True)
	if row is not None and row.get(
		column
	):  # what is unknown since then has no next attempt, and must not seem to have one
		payment_states.set_values(name, **{column: site_now() + AFTER_A_DEFECT})
	frappe.db.commit()
