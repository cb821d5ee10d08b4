"""What a human says of a batch of which nobody knows whether the bank has it.

The human names what is decided: the batch's digest and its amount, as they were shown in the question. Whatever the bank can
still say comes first, and nothing that is decided here ever sends anything.
"""

import hmac
import re
from datetime import datetime, timedelta

import frappe
from frappe import _

from bank_api.connectors.errors import NotFound, ProviderError
from bank_api.gateway import access, audit, payment_sending, payment_states, payment_status
from bank_api.gateway.clock import UTC, site_now, site_zone, utc_now
from bank_api.gateway.errors import BadArgument, UnknownObject
from bank_api.gateway.payment_states import DOCTYPE, REJECTED, STORED, UNKNOWN

NOT_BEFORE = timedelta(minutes=10)
"""So long after it was sent, nothing of it is on its way any more."""
_NUMBER = re.compile(r"[\x21-\x7e]{1,64}")


def decide(name: str, *, arrived: bool, digest: str, total: str, provider_batch_id: str = "") -> None:
	"""Settle a batch that is unknown. Commits.

	Args:
		name: name of the Bank API Payment Batch.
		arrived: whether somebody has seen it at the bank, or has made sure that it is not there.
		digest: of the batch that is decided about.
		total: its amount and currency, such as `1234.56 CZK`.
		provider_batch_id: the bank's number of it, if it is there.

	Raises:
		BadArgument: it is another batch, or not unknown, or too early, or the bank says otherwise.
	"""
	row = payment_states.get(name)
	if row is None:
		raise UnknownObject()
	if not hmac.compare_digest(digest.encode(), (row.digest or "").encode()) or total != _amount(row):
		raise BadArgument(_("The digest or the amount is not the one of this batch. Open it again."))
	_require_unknown(row)
	if row.sent_at and _instant(row.sent_at) > utc_now() - NOT_BEFORE:
		raise BadArgument(_("The batch may still be on its way. Decide ten minutes after it was sent."))
	if arrived and not _NUMBER.fullmatch(provider_batch_id):
		raise BadArgument(_("Enter the number that the bank shows for the batch."))
	if _bank_knows(row, arrived):
		return
	if arrived:
		_require_ours(row, provider_batch_id)
	_settle(row, arrived, provider_batch_id)


def _amount(row: frappe._dict) -> str:
	return f"{row.total} {row.currency}"


def _require_unknown(row: frappe._dict) -> None:
	if row.state != UNKNOWN or row.part_count:
		raise BadArgument(_("Only a batch that is unknown is decided about."))


def _bank_knows(row: frappe._dict, arrived: bool) -> bool:
	"""Whether the bank itself has settled it, now that it was asked once more.

	Raises:
		BadArgument: the bank has something under our identification: nobody may say that it never arrived.
	"""
	doubt = ""
	try:
		doubt = payment_status.check(row.name)
	except ProviderError:
		pass  # it cannot say: so a human does
	if doubt and not arrived:
		raise BadArgument(doubt)
	after = payment_states.get(row.name)
	return after is None or after.state != UNKNOWN


def _require_ours(row: frappe._dict, provider_batch_id: str) -> None:
	"""Refuse a number that the bank knows as another batch, or does not know."""
	filters = {"provider": row.provider, "provider_batch_id": provider_batch_id, "name": ("!=", row.name)}
	if frappe.db.exists(DOCTYPE, filters):
		raise BadArgument(
			_("This is the bank's number of another batch. Look at the identification as well.")
		)
	connector = payment_sending.connector_of(row.provider)
	try:
		key = payment_sending.reading_key(row)
		found = access.with_token(key, lambda token: connector.batch_status(token, provider_batch_id))
	except NotFound:
		raise BadArgument(_("The bank does not know a batch of this number under this consent.")) from None
	except ProviderError:
		return  # it cannot say: so the human's word counts
	if found.exchange_id and found.exchange_id != row.exchange_id:
		raise BadArgument(_("The bank's batch of this number has another identification than ours."))


def _instant(site_time: datetime) -> datetime:
	"""When a batch was sent. Of an hour that a clock change repeats the later one is meant: then waiting is long enough."""
	return site_time.replace(tzinfo=site_zone(), fold=1).astimezone(UTC)


def _settle(row: frappe._dict, arrived: bool, provider_batch_id: str) -> None:
	frappe.db.commit()
	current = payment_states.get(row.name, lock=True)
	if current is None:
		raise UnknownObject()
	_require_unknown(current)
	values = {"decided_at": site_now(), "decided_by": frappe.session.user}
	if arrived:
		payment_states.move(
			row.name, STORED, provider_batch_id=provider_batch_id, next_check_at=site_now(), **values
		)
	else:
		said = _("Somebody has made sure that the bank does not have it.")
		payment_states.move(row.name, REJECTED, last_error=said, **values)
		# Where the bank can be asked it is asked for some more days: the human may be wrong, and the payments paid anew.
		payment_states.set_values(row.name, next_check_at=site_now() + payment_sending.FIRST_CHECK)
	audit.record(
		"Payment Batch Decided",
		client=row.client,
		doctype=DOCTYPE,
		name=row.name,
		details={
			"action": "arrived" if arrived else "never arrived",
			"digest": row.digest,
			"total": row.total,
			"currency": row.currency,
			"user": frappe.session.user,
		},
	)
	frappe.db.commit()
