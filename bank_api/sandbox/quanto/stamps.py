"""Instants the way Open Finance Brasil writes and reads them (section 4.1)."""

import re
from datetime import date, datetime, timedelta

from bank_api.sandbox.clock import EPOCH, parse_instant

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def moment(ms: int) -> datetime:
	"""Return an instant as a date-time in UTC."""
	return EPOCH + timedelta(milliseconds=ms)


def stamp(ms: int) -> str:
	"""Write an instant: ``2021-05-21T08:30:00Z``."""
	return f"{moment(ms):%Y-%m-%dT%H:%M:%SZ}"


def exact_stamp(when: datetime) -> str:
	"""Write the instant of a transaction: 24 characters, with milliseconds."""
	return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z"


def read_stamp(text: object) -> int | None:
	"""Read ``2021-05-21T08:30:00Z``; None for anything else."""
	if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text):
		return None
	try:
		return parse_instant(text)
	except ValueError:
		return None


def read_day(text: str) -> date | None:
	"""Read ``2021-05-21``; None for anything else."""
	if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
		return None
	try:
		return date.fromisoformat(text)
	except ValueError:
		return None


def months_after(day: date, months: int) -> date:
	"""Return the same day so many months later, or the last one of a shorter month."""
	year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
	for last in range(day.day, 27, -1):
		try:
			return date(year, month + 1, last)
		except ValueError:
			continue
	return date(year, month + 1, day.day)
