"""Counting by day without an index on dates: the names of our rows grow with time (`gateway/ids.py`)."""

from datetime import date, datetime, time, timedelta

from bank_api.gateway.clock import site_now, to_utc
from bank_api.gateway.ids import first_name

DAYS = 30


def last_days(count: int = DAYS) -> list[date]:
	"""The last days of the site's calendar, oldest first, today included."""
	today = site_now().date()
	return [today - timedelta(days=back) for back in range(count - 1, -1, -1)]


def name_bounds(day: date) -> tuple[str, str]:
	"""Names of rows made on a day of the site's time: at or above the first, below the second."""
	return _first_name(day), _first_name(day + timedelta(days=1))


def _first_name(day: date) -> str:
	return first_name(to_utc(datetime.combine(day, time.min)))
