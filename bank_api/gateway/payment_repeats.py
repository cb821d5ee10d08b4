"""The same payments under another key: refused, unless their caller says that they are meant.

A key guards against a call that is repeated. It does not guard against a caller that has lost its key, or makes a new one for
each attempt. So what a batch pays is remembered by a digest that no label, no order and no key changes.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta

import frappe

from bank_api.gateway.errors import PaymentsRepeated
from bank_api.gateway.payment_states import CANCELLED, DOCTYPE, EXPIRED, REJECTED
from bank_api.payments.bank_days import Moment
from bank_api.payments.digest import content_digest
from bank_api.payments.model import Batch

WITHIN = timedelta(days=90)
"""So long after its last day a batch still speaks against the same payments."""
WITHIN_OPEN = timedelta(days=5)
"""The same where the caller left the day to us: an attempt of tomorrow would get another day, and a standing order of each
week is none."""
_NOT_PAID = (REJECTED, CANCELLED, EXPIRED)


@dataclass(frozen=True, slots=True)
class Content:
	"""What a batch pays.

	Attributes:
		client: name of the Bank API Client.
		digest: from `digest.content_digest`.
		open: whether some day of it was left to us.
	"""

	client: str
	digest: str
	open: bool = False

	@property
	def lock(self) -> str:
		"""The lock under which such payments are taken: of two calls at once, the second finds the first one's batch."""
		return f"payonce:{hashlib.sha256(f'{self.client} {self.digest}'.encode()).hexdigest()[:24]}"


def content(client: str, batch: Batch, open_days: frozenset[int]) -> Content:
	"""What a batch pays.

	Args:
		client: name of the Bank API Client.
		batch: the payments that are taken.
		open_days: indexes of those whose day the caller left to us.
	"""
	return Content(client, content_digest(batch, open_days), bool(open_days))


def earlier(found: Content, today: date) -> frappe._dict | None:
	"""The first batch that pays the same, and was not refused, cancelled or forgotten at the bank."""
	rows = frappe.db.sql(
		f"""SELECT name, idempotency_key, state FROM `tab{DOCTYPE}`
		WHERE client = %s AND content_digest = %s AND state NOT IN %s AND last_execution_date >= %s
		ORDER BY name LIMIT 1""",
		(found.client, found.digest, _NOT_PAID, today - (WITHIN_OPEN if found.open else WITHIN)),
		as_dict=True,
	)
	return rows[0] if rows else None


def require_new(found: Content, moment: Moment) -> None:
	"""Refuse what is paid already, or may be. The caller holds `found.lock`, and has begun a transaction under it.

	Raises:
		PaymentsRepeated: with the earlier batch and its key.
	"""
	if row := earlier(found, moment.today):
		raise PaymentsRepeated(row.name, row.idempotency_key)
