"""Values out of a provider's JSON: amounts, dates, instants and texts, exact or refused."""

import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from bank_api.connectors.errors import MalformedResponse

_DATE = re.compile(r"\d{4}-\d\d-\d\d(?!\d)", re.ASCII)
_INSTANT = re.compile(
	r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?([Zz]|[+-]\d\d:?\d\d)?\Z", re.ASCII
)
_PLAIN_NUMBER = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?\Z", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")

LARGEST_AMOUNT = Decimal(10) ** 30
# An epoch in seconds reaches this in the year 5138, one in milliseconds passed it in 1973.
_MILLISECONDS_FROM = 100_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


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
	if not isinstance(value, Decimal) or not -LARGEST_AMOUNT < value < LARGEST_AMOUNT:
		raise MalformedResponse("The provider sent an amount that is none.")
	return value


def text(value: Any) -> str | None:
	"""A text without the half characters that no database takes; null, empty and non-text are None."""
	return clean(value) if isinstance(value, str) and value else None


def clean(value: str) -> str:
	r"""A text whose lone surrogates (`\ud800` escapes without their other half) are replaced by U+FFFD."""
	if value.__class__ is not str:
		raise TypeError("not a text")
	return value if value.isascii() else _SURROGATE.sub("\ufffd", value)
