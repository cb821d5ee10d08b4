"""The bank's time: Prague, and the days on which Czech banks work."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bank_api.sandbox.clock import EPOCH

PRAGUE = ZoneInfo("Europe/Prague")
# Public holidays of act 245/2000; Good Friday and Easter Monday move.
_FIXED = frozenset(
	{(1, 1), (5, 1), (5, 8), (7, 5), (7, 6), (9, 28), (10, 28), (11, 17), (12, 24), (12, 25), (12, 26)}
)


def local(ms: int) -> datetime:
	"""Return an instant as the bank's clock shows it."""
	return (EPOCH + timedelta(milliseconds=ms)).astimezone(PRAGUE)


def at(day: date, hour: int, minute: int = 0) -> int:
	"""Return a moment of the bank's day in milliseconds."""
	moment = datetime.combine(day, time(hour, minute), PRAGUE)
	return int((moment - EPOCH) / timedelta(milliseconds=1))


def easter(year: int) -> date:
	"""Return Easter Sunday (Gauss's rule as completed by Meeus, Gregorian)."""
	century, rest = divmod(year, 100)
	golden = year % 19
	skipped = (century + 8) // 25
	epact = (19 * golden + century - century // 4 - (century - skipped + 1) // 3 + 15) % 30
	weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
	late = (golden + 11 * epact + 22 * weekday) // 451
	month, day = divmod(epact + weekday - 7 * late + 114, 31)
	return date(year, month, day + 1)


def is_bank_day(day: date) -> bool:
	"""Tell whether Czech banks settle on a day."""
	if day.weekday() > 4 or (day.month, day.day) in _FIXED:
		return False
	sunday = easter(day.year)
	return day not in (sunday - timedelta(days=2), sunday + timedelta(days=1))


def bank_day(day: date) -> date:
	"""Return the day itself, or the next on which banks settle."""
	while not is_bank_day(day):
		day += timedelta(days=1)
	return day


def next_bank_day(day: date) -> date:
	"""Return the bank day after a day."""
	return bank_day(day + timedelta(days=1))


def add_months(ms: int, months: int) -> int:
	"""Return the same moment some months later; the last day of a shorter month, if need be."""
	moment = EPOCH + timedelta(milliseconds=ms)
	index = moment.year * 12 + moment.month - 1 + months
	year, month = divmod(index, 12)
	for day in range(moment.day, moment.day - 4, -1):
		try:
			later = moment.replace(year=year, month=month + 1, day=day)
		except ValueError:
			continue
		return int((later - EPOCH) / timedelta(milliseconds=1))
	raise ValueError("no such month")
