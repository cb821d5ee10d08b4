"""How many days ahead people are told that a consent ends."""

from datetime import datetime, timedelta

NOTICE_DAYS = (1, 7, 30)
FIRST_OF_A_YEAR = 60
"""Days of one more notice, where people have to act once a year: they may need a while to find out how."""
A_YEAR = timedelta(days=300)
"""What lasts longer than this when it is given or renewed counts as given for a year."""


def first_notice(ends: datetime | None, now: datetime) -> int:
	"""How many days ahead the first notice of a consent is sent that was given, or renewed, just now.

	Args:
		ends: its end, site time; None if it has none.
		now: the present, site time.
	"""
	return FIRST_OF_A_YEAR if ends and ends - now > A_YEAR else max(NOTICE_DAYS)


def days_of(first: int | None) -> tuple[int, ...]:
	"""Days ahead of all notices of a consent, ascending, by the day of its first one; the usual ones if that is not known."""
	return (*NOTICE_DAYS, FIRST_OF_A_YEAR) if first == FIRST_OF_A_YEAR else NOTICE_DAYS
