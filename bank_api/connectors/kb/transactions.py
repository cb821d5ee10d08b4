"""A page of ADAA's history as the gateway's plain data (kb_batch.md, 4.1)."""

from collections.abc import Callable, Mapping
from datetime import tzinfo
from decimal import Decimal
from typing import Any, NamedTuple

from bank_api.connectors import values, verbatim
from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.model import TransactionData, TransactionStatus

# `PNG`, not PDNG; the others are what a newer version may say instead.
_PENDING = frozenset({"PNG", "PDNG", "PEND"})
_BOOKED = frozenset({"BOOK"})
_SIGNS = {"CREDIT": 1, "DEBIT": -1}
_OUTLINE = frozenset(
	{
		"accountType",
		"amount",
		"bankTransactionCode",
		"bookingDate",
		"cardTransactionDetails",
		"creditDebitIndicator",
		"deleted",
		"entryReference",
		"instructed",
		"lastUpdated",
		"reversalIndicator",
		"status",
		"transactionType",
		"valueDate",
	}
)


class History(NamedTuple):
	"""A page: its rows, its number counted from 0, and whether it is the last one."""

	rows: list[verbatim.Resource]
	number: int
	is_last: bool


def history(text: str, page: int) -> History:
	"""Read a page.

	Args:
		text: the answer.
		page: the number that was asked for.

	Raises:
		MalformedResponse: it lacks its list, or is another page. Such an answer is never an empty list.
	"""
	found = verbatim.read_list(text, "content")
	number, last = found.others.get("pageNumber"), found.others.get("last")
	if number != page or not isinstance(last, bool):
		raise MalformedResponse("The provider sent another page than was asked for.")
	if not last and not found.resources:
		raise MalformedResponse("The provider's list leads in a circle.")
	return History(found.resources, page, last)


def transaction(
	row: Mapping[str, Any], payload: str, zone: tzinfo, account_currency: Callable[[], str]
) -> TransactionData:
	"""One transaction. One without `entryReference` has no id: the gateway makes a fingerprint of it.

	Args:
		row: its object.
		payload: its text as received.
		zone: the bank's clock.
		account_currency: the currency of the account; asked only where an amount was converted.

	Raises:
		MalformedResponse: it lacks its amount, its direction or its day.
	"""
	amount, currency = _amount(row, account_currency)
	booking, value = _day(row.get("bookingDate")), _day(row.get("valueDate"))
	status = _status(row, booking is not None)
	changed = values.instant(row.get("lastUpdated"))
	day = booking or value or (changed.astimezone(zone).date() if changed else None)
	if day is None:
		raise MalformedResponse("The provider sent a transaction without a date.")
	name, words = _counterparty(row), _words(row)
	return TransactionData(
		values.text(row.get("entryReference")),
		amount,
		currency,
		day,
		booking,
		None,
		value,
		_description(name, words),
		words or name,
		None,
		values.text(row.get("transactionType")),
		status,
		None,
		payload,
	)


def _amount(row: Mapping[str, Any], account_currency: Callable[[], str]) -> tuple[Decimal, str]:
	"""The amount in the account's own currency: after a conversion it may stand in either member (4.1)."""
	main, other = _money(row.get("amount")), _money(row.get("instructed"))
	if main is None:
		raise MalformedResponse("The provider sent a transaction without an amount.")
	if other is not None and other[1] != main[1]:
		own = account_currency()
		if own not in (main[1], other[1]):
			raise MalformedResponse("The provider sent a transaction in another currency than its account's.")
		main = main if main[1] == own else other
	sign = _SIGNS.get(str(row.get("creditDebitIndicator") or "").upper())
	if sign is None:
		raise MalformedResponse("The provider sent a transaction without a direction.")
	return sign * abs(main[0]), main[1]


def _money(value: Any) -> tuple[Decimal, str] | None:
	number = values.exact(value.get("value")) if isinstance(value, dict) else None
	currency = values.text(value.get("currency")) if isinstance(value, dict) else None
	return None if number is None or not currency else (number, currency.upper())


def _status(row: Mapping[str, Any], has_booking_day: bool) -> TransactionStatus:
	"""What `status` says; where it says nothing known, a day of booking is what makes it booked."""
	word = str(row.get("status") or "").upper()
	if word in _PENDING:
		return TransactionStatus.PENDING
	return TransactionStatus.BOOKED if word in _BOOKED or has_booking_day else TransactionStatus.PENDING


def _day(value: Any) -> Any:
	return values.calendar_date(value) if value else None


def _counterparty(row: Mapping[str, Any]) -> str:
	party = row.get("counterParty")
	if not isinstance(party, dict):
		return ""
	name = values.text(party.get("name")) or ""
	return name.strip() or values.text(party.get("iban")) or values.text(party.get("accountNo")) or ""


def _words(row: Mapping[str, Any]) -> str:
	references = row.get("references")
	references = references if isinstance(references, dict) else {}
	found = (
		references.get("receiver"),
		references.get("myDescription"),
		row.get("additionalTransactionInformation"),
	)
	return next((text.strip() for value in found if (text := values.text(value)) and text.strip()), "")


def _description(name: str, words: str) -> str:
	if not name or name.casefold() in words.casefold():
		return words or name
	return f"{name}: {words}" if words else name


def tombstone(payload: str, provider_transaction_id: str) -> str:
	"""The resource that says that this id no longer exists; all but the id and the mark stays as received."""
	changes = {"entryReference": verbatim.dumps(provider_transaction_id), "deleted": "true"}
	return verbatim.replace_members(payload, changes)


def outline(payload: str) -> str:
	"""Ids, dates, amounts and codes of a transaction, without names, accounts and words."""
	kept = [
		f"{verbatim.dumps(name)}:{text}"
		for name, text in verbatim.members(payload).items()
		if name in _OUTLINE
	]
	return "{" + ",".join(kept) + "}"
