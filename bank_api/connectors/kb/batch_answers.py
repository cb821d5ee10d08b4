"""What KB says of a batch, read and checked against what was sent (kb_batch.md, 3.1, 3.2)."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bank_api.connectors import values, verbatim
from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.http import Answer
from bank_api.connectors.kb.names import Names, words
from bank_api.connectors.kb.problems import problem
from bank_api.connectors.payments_model import (
	BatchStanding,
	BatchStatus,
	PaymentProblem,
	PaymentStatus,
	SubmittedBatch,
)

_ID = re.compile(r"[\x21-\x7e]{1,64}\Z")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,35}\Z", re.ASCII)
_DIGEST = re.compile(r"[\x21-\x7e]{1,128}\Z")
_STORED = frozenset({"ACTC", "ACWC"})
_STATUSES = {
	"ACSP": BatchStanding.AUTHORISED,
	"ACSC": BatchStanding.SETTLED,
	"RJCT": BatchStanding.REJECTED,
}
_SIGNED = {
	"OPEN": BatchStanding.WAITING,
	"CLOSE": BatchStanding.AUTHORISED,
	"REJECT": BatchStanding.REJECTED,
}


def submitted(answer: Answer, names: Names, *, exchange_id: str, payments: int) -> SubmittedBatch:
	"""The answer to a batch. Whatever does not fit what was sent proves nothing, and is no answer.

	Args:
		answer: a 2xx answer.
		names: KB's words.
		exchange_id: the identification that was sent.
		payments: how many were sent.

	Raises:
		MalformedResponse: it cannot be read, or contradicts itself or what was sent.
	"""
	text = answer.text()
	body = verbatim.parse_object(text)
	echo = body.get("exchangeIdentification")
	if echo is not None and echo != exchange_id:
		raise MalformedResponse("The answer is about another batch.")
	status = _code(body.get("instructionStatus"))
	rejected = _rejected(body, payments)
	if rejected and _already_received(body, names):
		raise MalformedResponse("The answer says that the bank has payments of the batch already.")
	standing = _standing_when_stored(status, payments, rejected)
	sign = _sign(body)
	if _SIGNED.get(sign[0]) not in (None, standing):
		raise MalformedResponse("The answer's status and signature contradict each other.")
	return SubmittedBatch(
		batch_id=_required(body.get("transactionIdentification"), "id"),
		exchange_id=exchange_id,
		status=status,
		standing=standing,
		payments=payments,
		rejected=rejected,
		digest=_digest(body),
		total_debit=values.exact(body.get("totalDebitAmount")),
		total_credit=values.exact(body.get("totalCreditAmount")),
		mode=_code(body.get("batchProcessingMode")),
		sign_state=sign[0],
		sign_id=sign[1],
		request_id=answer.request_id,
		payload=text,
	)


def of_batch(text: str, names: Names, batch_id: str = "") -> BatchStatus:
	"""A status or a detail.

	Args:
		text: the answer, or one entry of a list.
		names: KB's words.
		batch_id: the batch that was asked for.

	Raises:
		MalformedResponse: it cannot be read, or is about another batch.
	"""
	body = verbatim.parse_object(text)
	identifier = _required(body.get("transactionIdentification"), "id")
	if batch_id and identifier != batch_id:
		raise MalformedResponse("The provider sent another batch.")
	status = _code(body.get("instructionStatus"))
	if not status:
		raise MalformedResponse("The provider's answer lacks the status of the batch.")
	sign_state, sign_id = _sign(body)
	change = _code(body.get(names.field_change))
	rows = body.get(names.field_payments)
	if rows is not None and not isinstance(rows, list):
		raise MalformedResponse("The provider's list of payments is none.")
	return BatchStatus(
		batch_id=identifier,
		exchange_id=_id(body.get("exchangeIdentification")),
		status=status,
		standing=standing_of(status, sign_state, change, names),
		sign_state=sign_state,
		sign_id=sign_id,
		change=change,
		payments=tuple(_payment(index, row, names) for index, row in enumerate(rows or ())),
		payload=text,
		digest=_digest(body),
		mode=_code(body.get("batchProcessingMode")),
		name=values.text(body.get(names.field_name)) or "",
		received_at=values.instant(body.get(names.field_received)),
	)


def found(text: str, names: Names, exchange_id: str) -> tuple[BatchStatus, ...]:
	"""The batches of one identification. An empty list is believed only because each listed one has to be of it.

	Raises:
		MalformedResponse: there is no list, or one that was not filtered.
	"""
	listed = tuple(
		of_batch(entry, names) for _, entry in verbatim.read_list(text, names.field_found).resources
	)
	if any(batch.exchange_id != exchange_id for batch in listed):
		raise MalformedResponse("The provider's list holds other batches: it does not know the parameter.")
	return listed


def standing_of(status: str, sign_state: str, change: str, names: Names) -> BatchStanding:
	"""What status, signature and reason of change mean together; UNKNOWN where they mean nothing known."""
	if status in _STORED:
		return _SIGNED.get(sign_state, BatchStanding.UNKNOWN)
	standing = _STATUSES.get(status, BatchStanding.UNKNOWN)
	if standing is BatchStanding.REJECTED and change.upper() in words(names.codes_cancelled):
		return BatchStanding.CANCELLED
	if standing is BatchStanding.REJECTED and change.upper() in words(names.codes_expired):
		return BatchStanding.EXPIRED
	return standing


def _already_received(body: Mapping[str, Any], names: Names) -> bool:
	"""Whether payments are refused as known ones: it may be our own call that came before, passed on twice on the way."""
	known = words(names.codes_duplicate)
	rows = body.get(names.field_payments)
	listed = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
	found = [row.get(names.field_payment_errors) for row in listed] + [body.get(names.field_payment_errors)]
	codes = [one.code for errors in found for one in _problems(0, errors)]
	return any(code.upper() in known for code in (*codes, _code(body.get(names.field_change))))


def _standing_when_stored(status: str, payments: int, rejected: int) -> BatchStanding:
	"""ACTC is all of it, ACWC a part or a change, RJCT nothing: the counters have to say the same."""
	if status == "ACTC" and rejected == 0:
		return BatchStanding.WAITING
	if status == "ACWC" and rejected < payments:
		return BatchStanding.WAITING
	if status == "RJCT" and rejected == payments:
		return BatchStanding.REJECTED
	raise MalformedResponse("The answer's status and counters contradict each other.")


def _rejected(body: Mapping[str, Any], payments: int) -> int:
	credit, debit = _count(body, "transactionCreditCount"), _count(body, "transactionDebitCount")
	rejected_credit = _count(body, "rejectedTransactionCreditCount")
	rejected_debit = _count(body, "rejectedTransactionDebitCount")
	if credit + debit != payments:
		raise MalformedResponse("The answer counts another number of payments than were sent.")
	if rejected_credit > credit or rejected_debit > debit:
		raise MalformedResponse("The answer rejects more payments than it counts.")
	return rejected_credit + rejected_debit


def _count(body: Mapping[str, Any], name: str) -> int:
	value = body.get(name)
	if value.__class__ is not int or value < 0:
		raise MalformedResponse("The answer lacks its counters.")
	return int(value)


def _payment(index: int, row: Any, names: Names) -> PaymentStatus:
	if not isinstance(row, dict):
		raise MalformedResponse("The provider's list of payments is none.")
	status = _code(row.get(names.field_payment_status))
	ids = _identification(row, names)
	sign_state, _ = _sign(row)
	amount, currency = _amount(row.get("amount"))
	due, settled = row.get("requestedExecutionDate"), row.get(names.field_settled)
	return PaymentStatus(
		index=index,
		reference=values.text(ids.get("instructionIdentification")) or "",
		payment_id=values.text(ids.get("transactionIdentification") or row.get("transactionIdentification"))
		or "",
		status=status,
		# A payment has no signature of its own: stored is waiting, whatever becomes of the batch.
		standing=standing_of(status, sign_state or "OPEN", "", names),
		problems=_problems(index, row.get(names.field_payment_errors)),
		settled_on=values.calendar_date(settled) if settled else None,
		amount=amount,
		currency=currency,
		due=values.calendar_date(due) if due else None,
	)


def _identification(row: Mapping[str, Any], names: Names) -> Mapping[str, Any]:
	for name in (names.field_identification, "paymentIdentification", "PaymentIdentification"):
		if isinstance(row.get(name), dict):
			return row[name]
	return {}


def _problems(index: int, rows: Any) -> tuple[PaymentProblem, ...]:
	found = (problem(row, index) for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
	return tuple(one for one in found if one is not None)


def _amount(value: Any) -> tuple[Decimal | None, str]:
	inner = value.get("instructedAmount") if isinstance(value, dict) else None
	if not isinstance(inner, dict):
		return None, ""
	return values.exact(inner.get("value")), values.text(inner.get("currency")) or ""


def _sign(body: Mapping[str, Any]) -> tuple[str, str]:
	info = body.get("signInfo")
	if not isinstance(info, dict):
		return "", ""
	return _code(info.get("state")), _id(info.get("signId"))


def _required(value: Any, what: str) -> str:
	if not isinstance(value, str) or not _ID.match(value):
		raise MalformedResponse(f"The answer lacks the {what} of the batch.")
	return value


def _id(value: Any) -> str:
	return value if isinstance(value, str) and _ID.match(value) else ""


def _code(value: Any) -> str:
	return value if isinstance(value, str) and _CODE.match(value) else ""


def _digest(body: Mapping[str, Any]) -> str:
	value = body.get("batchDigest")
	return value if isinstance(value, str) and _DIGEST.match(value) else ""
