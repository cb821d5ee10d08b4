"""How batches stand at the bank: asked, never guessed. What the bank does not say changes nothing."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import frappe
from frappe import _

from bank_api.connectors.errors import ConsentRequired, NotFound, ProviderError, Unsupported
from bank_api.connectors.payments_model import BatchStanding, BatchStatus, PaymentStatus
from bank_api.gateway import access, payment_rows, payment_sending, payment_states, refusals
from bank_api.gateway.clock import site_now
from bank_api.gateway.durable import durably, reached
from bank_api.gateway.errors import ProviderFailed, UnknownObject
from bank_api.gateway.locks import exclusive
from bank_api.gateway.payment_errors import of_problem, summary
from bank_api.gateway.payment_sending import connector_of, problem_columns, reading_key
from bank_api.gateway.payment_states import (
	AT_BANK,
	AUTHORISED,
	CANCELLED,
	EXPIRED,
	PARTLY,
	REJECTED,
	SENDING,
	SETTLED,
	STORED,
	UNKNOWN,
)
from bank_api.gateway.plain import shown

WAIT_SECONDS = 20
ASK_SECONDS = 20
"""Somebody waits for the answer, in a process that others wait for too."""
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=2)
GIVE_UP_AFTER = timedelta(days=400)
"""A consent lasts 12 months, and a payment may be a year ahead: behind that nobody answers any more."""
DOUBT_DECISION_FOR = timedelta(days=7)
"""How long the bank is asked about what a human said it does not have."""

_STATES = {
	BatchStanding.AUTHORISED: AUTHORISED,
	BatchStanding.SETTLED: SETTLED,
	BatchStanding.REJECTED: REJECTED,
	BatchStanding.CANCELLED: CANCELLED,
	BatchStanding.EXPIRED: EXPIRED,
}
_OF_PAYMENT = {**_STATES, BatchStanding.WAITING: STORED}


class _Doubtful(Exception):
	"""What the bank has does not fit what was sent; the sentence is for people."""


def check_whole(batch: str) -> None:
	"""Ask how what was sent of a batch stands; after `ASK_SECONDS` no further part is asked about. Commits.

	Those come first that were asked about longest ago; the scheduler goes on with the others.

	Raises:
		ProviderError: the bank cannot say; what it said before stays.
	"""
	if payment_states.get(batch) is None:
		raise UnknownObject()
	ends = time.monotonic() + ASK_SECONDS
	for part in payment_rows.parts_of(batch, order="checked_at asc, part_number asc"):
		check(part)
		if time.monotonic() > ends:
			return


def check(part: str) -> str:
	"""Ask how a batch stands, and write what the bank says. Commits.

	Args:
		part: name of the Bank API Payment Batch that was sent.

	Returns:
		What is wrong with what the bank has, in words; empty if nothing is.

	Raises:
		ProviderError: the bank cannot say; nothing is changed then.
	"""
	frappe.db.commit()
	with exclusive(f"check:{part}", WAIT_SECONDS) as held:
		if not held:
			raise ProviderFailed(_("Somebody else is asking the bank and gets no answer."))
		frappe.db.commit()
		row = payment_states.get(part)
		if row is None or not _worth_asking(row):
			return ""
		try:
			found = _ask(row)
		except ProviderError as error:
			_note_silence(row, error)
			raise
		except _Doubtful as doubt:
			_note_doubt(row, str(doubt))
			return str(doubt)
		if found is None:
			_note_absence(row)
		else:
			durably(lambda: _apply(row.name, found))
		reached("checked")
		return ""


def _worth_asking(row: frappe._dict) -> bool:
	return row.state in (*AT_BANK, UNKNOWN) or (row.state == REJECTED and bool(row.decided_at))


def _ask(row: frappe._dict) -> BatchStatus | None:
	"""What the bank has of a batch; None if its list does not know it.

	Raises:
		Unsupported: the bank has no list: a human has to look.
		_Doubtful: what it has is not what was sent.
	"""
	connector, key = connector_of(row.provider), reading_key(row)
	batch_id = row.provider_batch_id
	if not batch_id:
		listed = access.with_token(key, lambda token: connector.find_batch(token, row.exchange_id))
		if not listed:
			return None
		if len(listed) > 1:
			raise _Doubtful(
				_(
					"The bank holds this batch {0} times. Refuse all but one in the bank's channel, and tell the bank."
				).format(len(listed))
			)
		batch_id = listed[0].batch_id
	try:
		status = access.with_token(key, lambda token: connector.batch_status(token, batch_id))
	except NotFound:
		# To its caller this batch exists: "there is no such object" would be read as "it never arrived".
		raise _Doubtful(_("The bank does not know a batch of this number under this consent.")) from None
	if status.exchange_id and status.exchange_id != row.exchange_id:
		raise _Doubtful(_("The bank's batch of this number has another identification than ours."))
	if row.state == UNKNOWN or _state(row, status) not in (row.state, None):
		status = _with_detail(row, status, batch_id)
	if row.state == UNKNOWN:
		_require_ours(row, status)
	return status


def _with_detail(row: frappe._dict, status: BatchStatus, batch_id: str) -> BatchStatus:
	"""All that the bank tells of each payment, if it does; how the batch stands is told by either."""
	connector = connector_of(row.provider)
	try:
		detail = access.with_token(reading_key(row), lambda token: connector.batch_detail(token, batch_id))
	except (NotFound, Unsupported):
		return status
	return detail


def _require_ours(row: frappe._dict, status: BatchStatus) -> None:
	"""What was found under our identification has to be what we have sent, as far as the bank tells of it.

	Raises:
		_Doubtful: it is not.
	"""
	if not status.payments:
		return
	places = payment_rows.places(row.name)
	if len(status.payments) != len(places) or _matched(places, status.payments) is None:
		raise _Doubtful(_("The bank's batch of this identification holds other payments than ours."))


# --- writing what was found


def _apply(part: str, found: BatchStatus) -> None:
	row = payment_states.get(part, lock=True)
	if row is None or not _worth_asking(row):
		return
	places = payment_rows.places(part)
	pairs = _matched(places, found.payments)
	columns = _columns(row, found, pairs)
	state = _state(row, found)
	if state is None or state == row.state:
		payment_states.set_values(part, **columns, next_check_at=_next_check(row))
	elif payment_states.may(row, state):
		payment_states.move(part, state, **columns, next_check_at=_next_check(row))
	else:
		frappe.logger("bank_api").warning(f"Payment batch {part}: {row.state} does not lead to {state}")
		payment_states.set_values(part, next_check_at=_next_check(row), checked_at=site_now())
	_write_payments(part, pairs)


def _state(row: frappe._dict, found: BatchStatus) -> str | None:
	"""The state that the bank's word leads to; None if it says nothing that we know."""
	if found.standing is BatchStanding.WAITING:
		rejected = any(one.standing is BatchStanding.REJECTED for one in found.payments)
		return PARTLY if rejected or (row.rejected_count and row.state == PARTLY) else STORED
	return _STATES.get(found.standing)


def _columns(
	row: frappe._dict, found: BatchStatus, pairs: Sequence[tuple[frappe._dict, PaymentStatus]] | None
) -> dict[str, Any]:
	values: dict[str, Any] = {
		"provider_batch_id": found.batch_id,
		"provider_status": found.status,
		"sign_state": found.sign_state,
		"checked_at": site_now(),
		"absences": 0,
		"last_error": _warning(row, found, pairs),
	}
	if found.digest:
		values["provider_digest"] = shown(found.digest)
	if found.mode:
		values["provider_mode"] = found.mode
	if pairs:
		refused = [one for _place, one in pairs if one.standing is BatchStanding.REJECTED]
		values["rejected_count"] = len(refused)
		sentences = [of_problem(problem) for one in refused for problem in one.problems]
		if sentences:
			values["error_summary"] = summary(sentences)
	return values


def _warning(
	row: frappe._dict, found: BatchStatus, pairs: Sequence[tuple[frappe._dict, PaymentStatus]] | None
) -> str | None:
	"""What a human has to look at: payments that are not what was sent."""
	if found.payments and pairs is None:
		return _(
			"The bank lists other payments than were sent. Compare the batch in the bank's channel before anybody authorises it."
		)
	kept = row.last_error if row.state in AT_BANK and row.last_error else None
	return kept if not pairs else None


def _matched(
	places: Sequence[frappe._dict], listed: Sequence[PaymentStatus]
) -> list[tuple[frappe._dict, PaymentStatus]] | None:
	"""Our payments beside the bank's: by reference, or by place where the bank has none.

	Returns:
		None if they do not fit: then nothing of the bank's list may be believed.
	"""
	if len(listed) != len(places):
		return None
	by_reference = {place.reference: place for place in places if place.reference}
	pairs = []
	for one in listed:
		place = by_reference.get(one.reference) if one.reference and by_reference else places[one.index]
		if place is None or not _same(place, one):
			return None
		pairs.append((place, one))
	return pairs if len({place.name for place, _one in pairs}) == len(places) else None


def _same(place: frappe._dict, one: PaymentStatus) -> bool:
	if one.amount is not None and one.amount != Decimal(place.amount):
		return False
	return not one.currency or one.currency == place.currency


def _write_payments(part: str, pairs: Sequence[tuple[frappe._dict, PaymentStatus]] | None) -> None:
	"""What differs from how the batch stands."""
	if not pairs:
		return
	standing = {place.name: place.status for place in payment_rows.places(part)}
	changed: list[tuple[str, dict[str, Any]]] = []
	for place, one in pairs:
		values: dict[str, Any] = {}
		status = _OF_PAYMENT.get(one.standing)
		if status and status != standing[place.name]:
			values["status"] = status
		if one.problems:
			values |= problem_columns(one.problems[0])
		if one.payment_id:
			values["provider_payment_id"] = shown(one.payment_id)
		if one.settled_on:
			values["settled_on"] = one.settled_on
		if values:
			changed.append((place.name, values))
	payment_rows.note(changed)


# --- when the bank does not say


def _note_silence(row: frappe._dict, error: ProviderError) -> None:
	frappe.db.rollback()
	values: dict[str, Any] = {"next_check_at": _next_check(row), "checked_at": site_now()}
	if row.state == UNKNOWN or isinstance(error, ConsentRequired):
		values["last_error"] = shown(refusals.explained(error))
	payment_states.set_values(row.name, **values)
	refusals.note(error, provider=row.provider, client=row.client)
	frappe.db.commit()


def _note_doubt(row: frappe._dict, sentence: str) -> None:
	frappe.db.rollback()
	payment_states.set_values(
		row.name, last_error=sentence, next_check_at=_next_check(row), checked_at=site_now()
	)
	frappe.db.commit()


def _note_absence(row: frappe._dict) -> None:
	"""The bank's list does not know it. That proves nothing by itself: it may be on its way there. A human decides."""
	absences = (row.absences or 0) + 1
	payment_states.set_values(
		row.name,
		absences=absences,
		checked_at=site_now(),
		next_check_at=_next_check(row),
		last_error=_("The bank's list of batches does not have it (looked up {0} times).").format(absences),
	)
	frappe.db.commit()


def _next_check(row: frappe._dict) -> datetime | None:
	"""The longer nothing happens, the less often the bank is asked."""
	now = site_now()
	if row.state == REJECTED and row.decided_at and now - row.decided_at > DOUBT_DECISION_FOR:
		return None
	since = row.stored_at or row.sent_at or row.creation
	if now - since > GIVE_UP_AFTER:
		return None
	return now + min(max((now - since) / 20, SHORTEST), LONGEST)


# --- by itself


def waiting_for_sender() -> list[str]:
	"""What says that it is being sent; a whole only says so because of its parts."""
	rows = frappe.db.sql(
		f"SELECT name FROM `tab{payment_states.DOCTYPE}` WHERE state = %s AND COALESCE(part_count, 0) = 0 LIMIT 1000",
		SENDING,
	)
	return [name for (name,) in rows]


def recover_dead_senders() -> None:
	"""Whatever says that it is being sent while nobody sends it is in doubt."""
	for name in waiting_for_sender():
		payment_sending.recover(name)
