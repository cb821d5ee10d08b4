"""Transactions of accounts, loans and cards as the gateway's plain data (4.4, 4.5, 4.7)."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from bank_api.connectors import verbatim
from bank_api.connectors.berlin_group import parsing
from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.model import TransactionData, TransactionStatus
from bank_api.connectors.verbatim import Resource

_TEXTS = (
	"remittanceInformationUnstructured",
	"remittanceInformationUnstructuredArray",
	"remittanceInformationStructured",
	"remittanceInformationStructuredArray",
	"transactionDetails",
	"additionalInformation",
)
_OUTLINE = frozenset(
	{
		"balanceAfterTransaction",
		"bankTransactionCode",
		"batchIndicator",
		"bookingDate",
		"cardTransactionId",
		"deleted",
		"entryReference",
		"grandTotalAmount",
		"invoiced",
		"merchantCategoryCode",
		"originalAmount",
		"proprietaryBankTransactionCode",
		"transactionAmount",
		"transactionDate",
		"transactionId",
		"valueDate",
	}
)


class Report(NamedTuple):
	"""A page of a list: its rows with how they stand, and where the next page is said to be."""

	pending: list[Resource]
	booked: list[Resource]
	links: Any


def report(answer: str, names: Sequence[str]) -> Report:
	"""The lists of a transaction answer; `information` (standing orders) holds no transactions.

	Raises:
		MalformedResponse: it holds neither booked nor pending rows. Such an answer is never an empty list.
	"""
	outer = verbatim.members(answer)
	inner_text = next((outer[name] for name in names if name in outer), None)
	members = outer if inner_text is None else _unwrapped(inner_text)
	lists = {name.lower(): text for name, text in members.items()}
	if "booked" not in lists and "pending" not in lists:
		raise MalformedResponse("The provider's answer lacks its list of transactions.")
	links = members.get("_links") or outer.get("_links")
	return Report(
		_rows(lists.get("pending")), _rows(lists.get("booked")), verbatim.parse(links) if links else None
	)


def _unwrapped(text: str) -> dict[str, str]:
	"""The members of the report, also if it stands in a list of one."""
	if text.lstrip().startswith("["):
		found = parsing.rows(text)
		if len(found) != 1:
			raise MalformedResponse(
				"The provider's list of transactions is nested in a way that is not known."
			)
		return verbatim.members(found[0][1])
	return verbatim.members(text)


def _rows(text: str | None) -> list[Resource]:
	return [] if text is None or text == "null" else parsing.rows(text)


def transactions(page: Report, id_fields: Sequence[str], currency: str, today: date) -> list[TransactionData]:
	"""The rows of a page, pending ones first; one that is booked already no longer counts as pending.

	Args:
		page: the page.
		id_fields: which fields name a transaction for good.
		currency: the account's, for amounts that name none.
		today: the provider's day, for pending rows without any date.

	Raises:
		MalformedResponse: a row lacks its amount or date; none of them may be used.
	"""
	booked = [_transaction(row, text, id_fields, currency, None) for row, text in page.booked]
	known = {row.provider_transaction_id for row in booked if row.provider_transaction_id}
	pending = [_transaction(row, text, id_fields, currency, today) for row, text in page.pending]
	return [row for row in pending if row.provider_transaction_id not in known] + booked


def _transaction(
	row: dict[str, Any], payload: str, id_fields: Sequence[str], currency: str, pending_day: date | None
) -> TransactionData:
	number, unit = _amount(row)
	booking = parsing.optional_date(row.get("bookingDate"))
	value = parsing.optional_date(row.get("valueDate"))
	made = parsing.optional_date(row.get("transactionDate")) or parsing.optional_date(
		row.get("acceptorTransactionDateTime")
	)
	day = booking or made or value or _day_of_balance(row) or pending_day
	if day is None:
		raise MalformedResponse("The provider sent a transaction without a date.")
	original = _original(row)
	counterparty = _counterparty(row, number)
	return TransactionData(
		_identifier(row, id_fields),
		number,
		unit or currency,
		day,
		booking,
		made,
		value,
		_description(counterparty, original),
		original or counterparty,
		None,
		_operation(row),
		TransactionStatus.BOOKED if pending_day is None else TransactionStatus.PENDING,
		None,
		payload,
	)


def _amount(row: dict[str, Any]) -> tuple[Decimal, str]:
	"""The amount with its sign as sent. One sent as empty text is nothing: some sources list such rows (4.7)."""
	given = row.get("transactionAmount", row.get("amount"))
	number, unit = parsing.amount(given)
	if number is None:
		if not isinstance(given, dict) or given.get("amount") != "":
			raise MalformedResponse("The provider sent a transaction without an amount.")
		number = Decimal(0)
	return number, unit


def _identifier(row: dict[str, Any], id_fields: Sequence[str]) -> str | None:
	for name in id_fields:
		value = row.get(name)
		if isinstance(value, int) and not isinstance(value, bool):
			return str(value)
		if isinstance(value, str) and value.strip():
			return parsing.text(value.strip())
	return None


def _day_of_balance(row: dict[str, Any]) -> date | None:
	after = row.get("balanceAfterTransaction")
	return parsing.optional_date(after.get("referenceDate")) if isinstance(after, dict) else None


def _original(row: dict[str, Any]) -> str:
	"""The bank's own words, the first kind of them that is there."""
	for name in _TEXTS:
		if words := _words(row.get(name)):
			return words
	return ""


def _words(value: Any) -> str:
	if isinstance(value, list):
		return " ".join(filter(None, map(_words, value)))
	if isinstance(value, dict):
		return " ".join(filter(None, (_words(value.get("referenceType")), _words(value.get("reference")))))
	return (parsing.text(value) or "").strip()


def _counterparty(row: dict[str, Any], amount: Decimal) -> str:
	names = ("creditorName", "debtorName") if amount < 0 else ("debtorName", "creditorName")
	for name in (*names, "cardAcceptorName", "ultimateCreditor", "ultimateDebtor"):
		if value := _words(row.get(name)):
			return value
	return ""


def _description(counterparty: str, original: str) -> str:
	if not counterparty or counterparty.casefold() in original.casefold():
		return original or counterparty
	return f"{counterparty}: {original}" if original else counterparty


def _operation(row: dict[str, Any]) -> str | None:
	"""The kind of transaction: `DOMN-FMLY-SUBF`, also if it comes in three parts, else the bank's own code."""
	code = row.get("bankTransactionCode")
	if isinstance(code, dict):
		parts = [parsing.text(code.get(name)) for name in ("domain", "family", "subFamily")]
		code = "-".join(part for part in parts if part)
	return (
		parsing.text(code)
		or parsing.text(row.get("proprietaryBankTransactionCode"))
		or parsing.text(row.get("purposeCode"))
	)


def tombstone(payload: str, provider_transaction_id: str, id_fields: Sequence[str]) -> str:
	"""The resource that says that this id no longer exists; all but the id and the mark stays as received."""
	members = verbatim.members(payload)
	name = next((name for name in id_fields if name in members), id_fields[0])
	return verbatim.replace_members(
		payload, {name: verbatim.dumps(provider_transaction_id), "deleted": "true"}
	)


def outline(payload: str) -> str:
	"""Ids, dates, amounts and codes of a transaction, without the words of the bank and its customers."""
	kept = [
		f"{verbatim.dumps(name)}:{text}"
		for name, text in verbatim.members(payload).items()
		if name in _OUTLINE
	]
	return "{" + ",".join(kept) + "}"
