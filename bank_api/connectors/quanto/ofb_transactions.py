"""Transactions of accounts and cards, and payments of contracts, as the gateway's plain data (A.2, A.4, A.5; A.6)."""

from datetime import date, timezone
from typing import Any

from bank_api.connectors import verbatim
from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.model import TransactionData, TransactionStatus
from bank_api.connectors.quanto.ofb_values import REAIS, day, local_day, money, signed, word
from bank_api.connectors.verbatim import Resource

_BOOKED = "TRANSACAO_EFETIVADA"
_ID_FIELDS = ("transactionId", "paymentId")
# Ids, dates, amounts and kinds; not the bank's words, nor who the other party is.
_OUTLINE = frozenset(
	{
		"amount",
		"billId",
		"billPostDate",
		"brazilianAmount",
		"chargeIdentificator",
		"chargeNumber",
		"completedAuthorisedPaymentType",
		"creditDebitType",
		"currency",
		"deleted",
		"feeType",
		"instalmentId",
		"isOverParcelPayment",
		"otherCreditsType",
		"paidAmount",
		"paidDate",
		"payeeMCC",
		"paymentId",
		"paymentType",
		"transactionAmount",
		"transactionCurrency",
		"transactionDate",
		"transactionDateTime",
		"transactionId",
		"transactionType",
		"type",
	}
)


def of_account(rows: list[Resource], zone: timezone) -> list[TransactionData]:
	"""An account's transactions. Scheduled and unfinished ones are pending: they may change, or vanish (4.4).

	Raises:
		MalformedResponse: a row lacks its amount, direction or date; none of them may be used.
	"""
	return [_account_row(row, payload, zone) for row, payload in rows]


def of_card(rows: list[Resource], zone: timezone) -> list[TransactionData]:
	"""A card's transactions, which are listed once they are reconciled (4.5); purchases abroad by what they cost in reais.

	Raises:
		MalformedResponse: a row lacks its amount, direction or date; none of them may be used.
	"""
	return [_card_row(row, payload, zone) for row, payload in rows]


def of_contract(payments: str, since: date) -> list[TransactionData]:
	"""The payments made on a contract from a day on; what is paid comes in, and one that is taken back goes out.

	Args:
		payments: the `data` of the contract's payments.
		since: the first day.

	Raises:
		MalformedResponse: a row lacks its amount or date; none of them may be used.
	"""
	releases = verbatim.members(payments).get("releases", "[]")
	rows = [] if releases == "null" else verbatim.elements(releases)
	found = [_release(row, payload) for row, payload in rows]
	return [row for row in found if row.date >= since]


def tombstone(payload: str, provider_transaction_id: str) -> str:
	"""The resource that says that this id no longer exists; all but the id and the mark stays as received."""
	own = verbatim.members(payload)
	name = next((name for name in _ID_FIELDS if name in own), _ID_FIELDS[0])
	return verbatim.replace_members(
		payload, {name: verbatim.dumps(provider_transaction_id), "deleted": "true"}
	)


def outline(payload: str) -> str:
	"""Ids, dates, amounts and kinds of a transaction, without the words of the bank and its customers."""
	kept = [
		f"{verbatim.dumps(name)}:{text}"
		for name, text in verbatim.members(payload).items()
		if name in _OUTLINE
	]
	return "{" + ",".join(kept) + "}"


def _account_row(row: dict[str, Any], payload: str, zone: timezone) -> TransactionData:
	# Version 2 has an object named transactionAmount, version 1 a number named amount (A.6).
	name = "transactionAmount" if "transactionAmount" in row else "amount"
	amount, currency = money(row, name, "transactionCurrency")
	made = _made(row, zone)
	booked = word(row, "completedAuthorisedPaymentType") == _BOOKED
	return TransactionData(
		_identifier(row, "transactionId"),
		signed(amount, word(row, "creditDebitType")),
		currency or REAIS,
		made,
		made if booked else None,
		made,
		None,
		word(row, "transactionName"),
		word(row, "transactionName"),
		None,
		word(row, "type") or None,
		TransactionStatus.BOOKED if booked else TransactionStatus.PENDING,
		None,
		payload,
	)


def _card_row(row: dict[str, Any], payload: str, zone: timezone) -> TransactionData:
	amount, currency = money(row, "brazilianAmount")
	made = _made(row, zone)
	return TransactionData(
		_identifier(row, "transactionId"),
		signed(amount, word(row, "creditDebitType")),
		currency or REAIS,
		made,
		day(row, "billPostDate") or made,
		made,
		None,
		word(row, "transactionName"),
		word(row, "transactionName"),
		None,
		word(row, "transactionType") or None,
		TransactionStatus.BOOKED,
		None,
		payload,
	)


def _release(row: dict[str, Any], payload: str) -> TransactionData:
	amount, currency = money(row, "paidAmount", "currency")
	paid = day(row, "paidDate")
	if amount is None or paid is None:
		raise MalformedResponse("The provider sent a payment without an amount or a date.")
	return TransactionData(
		_identifier(row, "paymentId"),
		amount,
		currency or REAIS,
		paid,
		paid,
		paid,
		None,
		word(row, "instalmentId"),
		word(row, "instalmentId"),
		None,
		None,
		TransactionStatus.BOOKED,
		None,
		payload,
	)


def _made(row: dict[str, Any], zone: timezone) -> date:
	found = local_day(row, "transactionDateTime", zone) or local_day(row, "transactionDate", zone)
	if found is None:
		raise MalformedResponse("The provider sent a transaction without a date.")
	return found


def _identifier(row: dict[str, Any], name: str) -> str | None:
	"""The id, if it is one: until 2023-11-13 banks sent `0000000000` for none (4.4)."""
	found = word(row, name)
	return found if found.strip("0") else None
