"""Bridge's JSON as the gateway's plain data. Field names of both versions, nulls present (v2) or left out
(v3).

Source: bridge.md, 3.2 (items), 4 (accounts), 5.3 (transactions).
"""

import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from functools import lru_cache
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
from bank_api.connectors.verbatim import Resource

_DATE = re.compile(r"\d{4}-\d\d-\d\d(?!\d)", re.ASCII)
_INSTANT = re.compile(
	r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?([Zz]|[+-]\d\d:?\d\d)?\Z", re.ASCII
)
# `2026-11-21T08:00:00.000Z`: Bridge's own form and the one that sorts in time order.
_SORTABLE = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}Z\Z", re.ASCII)
_PLAIN_NUMBER = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?\Z", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z", re.ASCII)

_LARGEST_AMOUNT = Decimal(10) ** 30
_SMALLEST_AMOUNT = -_LARGEST_AMOUNT
# An epoch in seconds reaches this in the year 5138, one in milliseconds passed it in 1973.
_MILLISECONDS_FROM = 100_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

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
	if amount.__class__ is not Decimal or not _SMALLEST_AMOUNT < amount < _LARGEST_AMOUNT:
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


@lru_cache(maxsize=4096)
def calendar_date(value: str) -> date:
	"""The calendar date that a text begins with; a time behind it is the bank's and is never converted.

	Raises:
		MalformedResponse: it is no date.
	"""
	if isinstance(value, str) and _DATE.match(value):
		try:
			return date(int(value[:4]), int(value[5:7]), int(value[8:10]))
		except ValueError:
			pass
	raise MalformedResponse("The provider sent a date that is none.")


def instant(value: Any) -> datetime | None:
	"""An instant in UTC, from ISO 8601 text (UTC if it names no offset) or an epoch in seconds or
	milliseconds.

	Raises:
		MalformedResponse: it is neither; null and empty text are None.
	"""
	if value is None or value == "":
		return None
	try:
		if isinstance(value, str):
			return _instant_of_text(value)
		if isinstance(value, Decimal) or value.__class__ is int:
			number = Decimal(value)
			seconds = number / (1000 if abs(number) >= _MILLISECONDS_FROM else 1)
			return _EPOCH + timedelta(microseconds=int(seconds * 1_000_000))
	except (ValueError, OverflowError, InvalidOperation):
		pass
	raise MalformedResponse("The provider sent an instant that is none.")


def _instant_of_text(value: str) -> datetime:
	match = _INSTANT.match(value)
	if not match:
		raise ValueError
	day, clock, fraction, zone = match.groups()
	local = datetime.fromisoformat(f"{day}T{clock}")
	local += timedelta(microseconds=int((fraction or "0").ljust(6, "0")[:6]))
	if zone in (None, "Z", "z"):
		return local.replace(tzinfo=timezone.utc)
	hours, minutes = int(zone[1:3]), int(zone[-2:])
	offset = timedelta(hours=hours, minutes=minutes)
	return (local - (offset if zone[0] == "+" else -offset)).replace(tzinfo=timezone.utc)


def sortable_instant(value: Any) -> str | None:
	"""An instant as text that sorts in time order, `YYYY-MM-DDTHH:MM:SS.mmmZ`, rounded down.

	Raises:
		MalformedResponse: see `instant`.
	"""
	moment = instant(value)
	if moment is None:
		return None
	return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def exact(value: Any) -> Decimal | None:
	"""An amount, exactly as written; null is None.

	Raises:
		MalformedResponse: it is no number, or one out of all reason.
	"""
	if value is None:
		return None
	if (isinstance(value, str) and _PLAIN_NUMBER.match(value)) or (
		isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**30
	):
		value = Decimal(value)
	if not isinstance(value, Decimal) or not _SMALLEST_AMOUNT < value < _LARGEST_AMOUNT:
		raise MalformedResponse("The provider sent an amount that is none.")
	return value


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


def text(value: Any) -> str | None:
	"""A text without the half characters that no database takes; null, empty and non-text are None."""
	return clean(value) if isinstance(value, str) and value else None


def clean(value: str) -> str:
	r"""A text whose lone surrogates (`\ud800` escapes without their other half) are replaced by U+FFFD."""
	if value.__class__ is not str:
		raise TypeError("not a text")
	return value if value.isascii() else _SURROGATE.sub("\ufffd", value)
