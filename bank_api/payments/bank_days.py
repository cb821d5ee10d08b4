"""On which days Czech banks work, and until when they take a payment for the same day.

Banks rest on Saturdays, Sundays and public holidays (Act 245/2000 Coll.): the days of the year below, Good Friday and
Easter Monday. All days on which TARGET is closed are among them.
"""

from collections.abc import Set
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from bank_api.payments.model import Operation, Payment, Priority, Scheme

ZONE = "Europe/Prague"
_DAY = timedelta(days=1)
_HOLIDAYS = (
	(1, 1),
	(5, 1),
	(5, 8),
	(7, 5),
	(7, 6),
	(9, 28),
	(10, 28),
	(11, 17),
	(12, 24),
	(12, 25),
	(12, 26),
)
_GOOD_FRIDAY_FROM = 2016


@lru_cache(maxsize=64)
def holidays(year: int) -> frozenset[date]:
	"""The public holidays of a year."""
	easter = _easter(year)
	found = {date(year, month, day) for month, day in _HOLIDAYS}
	found.add(easter + _DAY)
	if year >= _GOOD_FRIDAY_FROM:
		found.add(easter - 2 * _DAY)
	return frozenset(found)


def _easter(year: int) -> date:
	"""Easter Sunday, by the Gregorian computus of Meeus, Jones and Butcher."""
	golden = year % 19
	century, of_century = divmod(year, 100)
	leap_centuries, left = divmod(century, 4)
	moon = (19 * golden + century - leap_centuries - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
	weekday = (32 + 2 * left + 2 * (of_century // 4) - moon - of_century % 4) % 7
	correction = (golden + 11 * moon + 22 * weekday) // 451
	month, day = divmod(moon + weekday - 7 * correction + 114, 31)
	return date(year, month, day + 1)


@dataclass(frozen=True, slots=True)
class BankDays:
	"""The bank's calendar.

	Attributes:
		closed: more days on which it does not work.
		open: days on which it works after all.
	"""

	closed: Set[date] = frozenset()
	open: Set[date] = frozenset()

	def works(self, day: date) -> bool:
		"""Whether the bank works on a day."""
		if day in self.open:
			return True
		return day.weekday() < 5 and day not in self.closed and day not in holidays(day.year)

	def next(self, day: date) -> date:
		"""This day or the first one behind it on which the bank works."""
		for _ in range(60):
			if self.works(day):
				return day
			day += _DAY
		raise ValueError("the calendar has no day on which the bank works")


@dataclass(frozen=True, slots=True)
class CutOffs:
	"""Until when the bank takes a payment for the same day, on its own clock; None for no such time.

	The defaults are what KB announced for its online channels (press release, December 2017, kb.cz); banks change
	them, and shorten them at the end of the year, so they are settings.
	"""

	standard: time | None = time(20, 30)
	express: time | None = time(14, 0)
	abroad: time | None = time(20, 30)
	conversion: time | None = time(17, 0)

	def of(self, payment: Payment) -> time | None:
		"""The time that holds for a payment."""
		if payment.priority is Priority.INSTANT:
			return None
		times = [self.standard if payment.scheme is Scheme.DOMESTIC else self.abroad]
		if payment.priority is Priority.EXPRESS and payment.operation is Operation.TRANSFER:
			times.append(self.express)
		if payment.own_currency or payment.partner_currency:
			times.append(self.conversion)
		return min((one for one in times if one is not None), default=None)


def local(instant: datetime | None) -> datetime:
	"""An instant on the bank's clock, without its zone: now for None; one without a zone is on that clock already."""
	if instant is not None and instant.tzinfo is None:
		return instant
	there = datetime.now(ZoneInfo(ZONE)) if instant is None else instant.astimezone(ZoneInfo(ZONE))
	return there.replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Moment:
	"""A day at the bank, and the time on its clock; None where the time is not to be judged."""

	today: date
	clock: time | None = None

	@classmethod
	def of(cls, instant: datetime) -> "Moment":
		"""The bank's day and time at an instant that knows its zone.

		Raises:
			ValueError: it does not.
		"""
		if instant.tzinfo is None:
			raise ValueError("the instant has no time zone")
		there = local(instant)
		return cls(there.date(), there.time())
