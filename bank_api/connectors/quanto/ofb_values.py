"""Amounts, days and words of Open Finance Brasil's data, version 2 and version 1 (4.1, A.6)."""

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from bank_api.connectors import values
from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.quanto.parsing import text_of

_FILLER = "NA"
REAIS = "BRL"


def word(row: Any, name: str) -> str:
	"""A text; empty for version 1's filler `NA`, which stands where a mandatory text is not known (4.1)."""
	found = text_of(row, name)
	return "" if found == _FILLER else found


def money(row: dict[str, Any], name: str, currency: str = "") -> tuple[Decimal | None, str]:
	"""An amount, exact, and its currency.

	Version 2 has `{amount, currency}` with the amount as text; version 1 a bare number with the currency beside it, and credit
	contracts a text with `currency` beside it.

	Args:
		row: the object.
		name: the member.
		currency: member with the currency of a bare amount; `<name>Currency` if none is named.

	Raises:
		MalformedResponse: it is no amount.
	"""
	value = row.get(name)
	if isinstance(value, dict):
		return values.exact(value.get("amount")), word(value, "currency").upper()
	return values.exact(value), word(row, currency or f"{name}Currency").upper()


def signed(amount: Decimal | None, direction: str) -> Decimal:
	"""An amount with the sign that `creditDebitType` gives it: a debit is below zero, a purchase by card among them (A.4).

	Raises:
		MalformedResponse: there is no amount, or no direction.
	"""
	if amount is None or direction.upper() not in ("CREDITO", "DEBITO"):
		raise MalformedResponse("The provider sent a transaction without an amount or without its direction.")
	return abs(amount) if direction.upper() == "CREDITO" else -abs(amount)


def day(row: dict[str, Any], name: str) -> date | None:
	"""A calendar date; None for nothing.

	Raises:
		MalformedResponse: it is something else.
	"""
	text = word(row, name)
	return values.calendar_date(text) if text else None


def local_day(row: dict[str, Any], name: str, zone: timezone) -> date | None:
	"""The bank's day of an instant in UTC. Midnight to the millisecond is a day whose time the bank does not know.

	The filters of the lists go by the bank's day, so the end of an evening belongs to it although UTC is a day further.

	Raises:
		MalformedResponse: it is no instant.
	"""
	text = word(row, name)
	if not text:
		return None
	if len(text) <= 10:
		return values.calendar_date(text)
	moment: datetime | None = values.instant(text)
	if moment is None:
		return None
	return moment.date() if moment.time() == moment.time().min else moment.astimezone(zone).date()
