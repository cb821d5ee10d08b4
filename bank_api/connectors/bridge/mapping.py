"""Bridge's JSON as the gateway's plain data. Field names of both versions, nulls present (v2) or left out
(v3).

Source: bridge.md, 3.2 (items), 4 (accounts), 5.3 (transactions).
"""

import re
from datetime import date
from decimal import Decimal
from typing import Any

from bank_api.connectors.bridge.status import standing
from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.model import (
	AccountData,
	ItemData,
	LoanDetails,
	TransactionData,
	TransactionStatus,
)
from bank_api.connectors.values import (
	LARGEST_AMOUNT,
	calendar_date,
	clean,
	exact,
	instant,
	sortable_instant,
	text,
)
from bank_api.connectors.verbatim import Resource

# `2026-11-21T08:00:00.000Z`: Bridge's own form and the one that sorts in time order.
_SORTABLE = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}Z\Z", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z", re.ASCII)

_SMALLEST_AMOUNT = -LARGEST_AMOUNT

_BOOKED, _PENDING, _DELETED = (
	TransactionStatus.BOOKED,
	TransactionStatus.PENDING,
	TransactionStatus.DELETED,
)
_NOTHING = Decimal(0)


def transactions(resources: list[Resource], account_id: str) -> list[TransactionData]:
	"""Bridge's transactions as the gateway's.

	A deleted row that Bridge has emptied of its amount or date carries 0 and the day of its deletion, so look
	at `status` first.

	Args:
		resources: rows as (value, text as received).
		account_id: the account that was asked for.

	Raises:
		MalformedResponse: a row lacks its amount or date, or is one of another account; none of them may be
			used.
	"""
	try:
		return [_transaction(row, payload, account_id) for row, payload in resources]
	except TypeError:
		raise MalformedResponse("The provider sent a transaction with a value of the wrong type.") from None


def _transaction(row: dict[str, Any], payload: str, account_id: str) -> TransactionData:
	get = row.get
	owner = get("account_id")
	if owner is not None and str(owner) != account_id:
		raise MalformedResponse("The provider sent a transaction of another account.")
	updated_at = get("updated_at")
	if updated_at is not None and not (updated_at.__class__ is str and _SORTABLE.match(updated_at)):
		updated_at = sortable_instant(updated_at)
	amount = get("amount")
	booking, made, value = get("booking_date"), get("transaction_date"), get("value_date")
	day = get("date") or booking or made or value
	if get("deleted") is True or get("is_deleted") is True:
		status = _DELETED
		amount = _NOTHING if amount is None else amount
		day = day or updated_at
	elif get("future") is True or get("is_future") is True:
		status = _PENDING
	else:
		status = _BOOKED
	if amount.__class__ is not Decimal or not _SMALLEST_AMOUNT < amount < LARGEST_AMOUNT:
		amount = exact(amount)
		if amount is None:
			raise MalformedResponse("The provider sent a transaction without an amount.")
	if not day:
		raise MalformedResponse("The provider sent a transaction without a date.")
	number = get("id")
	category = get("category_id")
	original = get("provider_description") or get("bank_description") or ""
	description = get("clean_description") or original
	currency = get("currency_code") or ""
	if "\\u" in payload:
		original, description = clean(original), clean(description)
		currency = clean(currency)
	elif original.__class__ is not str or description.__class__ is not str or currency.__class__ is not str:
		raise TypeError
	return TransactionData(
		None if number is None or (number.__class__ is str and not number.strip()) else identifier(number),
		amount,
		currency,
		calendar_date(day),
		calendar_date(booking) if booking else None,
		calendar_date(made) if made else None,
		calendar_date(value) if value else None,
		description,
		original,
		str(category) if category.__class__ is int else text(category),
		text(get("operation_type")),
		status,
		updated_at,
		payload,
	)


def account(row: dict[str, Any], payload: str) -> AccountData:
	"""One of Bridge's accounts as the gateway's.

	Raises:
		MalformedResponse: it lacks its id or its item's id, or an amount is none.
	"""
	access = row.get("data_access")
	loan = row.get("loan_details")
	return AccountData(
		provider_account_id=identifier(row.get("id")),
		provider_item_id=identifier(row.get("item_id")),
		name=text(row.get("name")) or "",
		account_type=text(row.get("type")) or "unknown",
		currency=text(row.get("currency_code")) or "",
		balance=exact(row.get("balance")),
		payload=payload,
		iban=text(row.get("iban")),
		accounting_balance=exact(row.get("accounting_balance")),
		instant_balance=exact(row.get("instant_balance")),
		is_pro=row.get("pro") is True or row.get("is_pro") is True,
		shared=(access is None or access == "enabled") and row.get("is_paused") is not True,
		updated_at=instant(row.get("updated_at")),
		loan=_loan(loan) if isinstance(loan, dict) else None,
	)


def _loan(details: dict[str, Any]) -> LoanDetails:
	def day(name: str) -> date | None:
		value = details.get(name)
		return calendar_date(value) if value else None

	return LoanDetails(
		loan_type=text(details.get("type")),
		borrowed_capital=exact(details.get("borrowed_capital")),
		repaid_capital=exact(details.get("repaid_capital")),
		remaining_capital=exact(details.get("remaining_capital")),
		interest_rate=exact(details.get("interest_rate")),
		opening_date=day("opening_date"),
		maturity_date=day("maturity_date"),
		next_payment_date=day("next_payment_date"),
		next_payment_amount=exact(details.get("next_payment_amount")),
	)


def item(row: dict[str, Any], payload: str, has_pro_confirmation: bool) -> ItemData:
	"""One of Bridge's items as the gateway's.

	Args:
		row: the item.
		payload: its text as received.
		has_pro_confirmation: see `status.standing`.

	Raises:
		MalformedResponse: it lacks its id or status.
	"""
	code = row.get("status")
	if code.__class__ is not int:
		raise MalformedResponse("The provider sent an item without a status.")
	bank = row.get("provider_id", row.get("bank_id"))
	stand = standing(code, has_pro_confirmation)
	return ItemData(
		provider_item_id=identifier(row.get("id")),
		bank_id=None if bank is None else identifier(bank),
		status=stand.status,
		status_code=code,
		status_code_info=text(row.get("status_code_info")),
		status_description=text(row.get("status_code_description")),
		user_action=stand.user_action,
		last_refresh=instant(row.get("last_successful_refresh")),
		authentication_expires_at=instant(row.get("authentication_expires_at")),
		payload=payload,
	)


def identifier(value: Any) -> str:
	"""A provider's id, a number or a word, as text.

	Raises:
		MalformedResponse: it is neither.
	"""
	if value.__class__ is int and -(2**63) <= value < 2**63:
		return str(value)
	if value.__class__ is str and _ID.match(value):
		return str(value)
	raise MalformedResponse("The provider sent an id that is none.")
