"""Monthly limits (4.7): what counts, what does not, what is due, and when a month ends."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bank_api.connectors import errors
from bank_api.connectors.quanto.limits import MonthlyReads, Months
from bank_api.connectors.quanto.ofb_paths import ENDPOINTS
from bank_api.connectors.quanto.settings import MONTHLY_LIMITS, QuantoSettings, read_settings
from bank_api.connectors.rate_ledger import MemoryLedger

BRASILIA = timezone(timedelta(hours=-3))


class Clock:
	def __init__(self, *instant: int):
		self.now = datetime(*instant, tzinfo=timezone.utc)
		self.ledger = MemoryLedger(clock=lambda: self.now.timestamp(), sleep=self.never)

	@staticmethod
	def never(seconds):
		raise AssertionError("nobody waits for a month")

	def reads(self, **limits: int) -> MonthlyReads:
		settings = QuantoSettings(limits={name.replace("__", "/"): value for name, value in limits.items()})
		return MonthlyReads(settings, self.ledger, Months(BRASILIA, lambda: self.now))


def take(reads, limit="x", consent="c", resource="r"):
	with reads.counted(limit, consent, resource):
		pass


@pytest.mark.parametrize(
	("now", "seconds"),
	[
		((2026, 12, 31, 23, 0), 4 * 3600),
		((2027, 1, 1, 2, 59, 59), 1),
		((2027, 1, 1, 3, 0), 31 * 86400),
		((2028, 2, 1, 3, 0), 29 * 86400),
	],
)
def test_the_month_is_the_banks(now, seconds):
	assert Months(BRASILIA, lambda: datetime(*now, tzinfo=timezone.utc)).until_next() == seconds


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_a_month_ends_within_31_days(moment):
	months = Months(BRASILIA, lambda: moment.replace(tzinfo=timezone.utc))
	wait = months.until_next()
	after = (months.now() + timedelta(seconds=wait)).astimezone(BRASILIA)
	assert 1 <= wait <= 31 * 86400 and after.month != months.local().month


def test_each_object_and_consent_has_its_own():
	reads = Clock(2026, 11, 21).reads(x=2, y=1)
	for place in ({}, {"resource": "s"}, {"consent": "d"}):
		take(reads, **place)
		take(reads, **place)
		with pytest.raises(errors.RateLimited):
			take(reads, **place)
	take(reads, "y")


def test_a_new_month_begins_anew():
	clock = Clock(2026, 11, 30, 12)
	reads = clock.reads(x=1)
	take(reads)
	with pytest.raises(errors.RateLimited):
		take(reads)
	clock.now += timedelta(days=1)
	take(reads)


def test_what_fails_is_given_back():
	reads = Clock(2026, 11, 21).reads(x=1)
	for failure in (
		errors.NotFound("x"),
		KeyboardInterrupt(),
		errors.RateLimited("x", retry_after=1, status=429),
	):
		with pytest.raises(type(failure)), reads.counted("x", "c", "r"):
			raise failure
	take(reads)


def test_the_banks_word_fills_the_month():
	reads = Clock(2026, 11, 21).reads(x=420)
	with pytest.raises(errors.RateLimited), reads.counted("x", "c", "r"):
		raise errors.RateLimited("x", retry_after=1, status=423)
	with pytest.raises(errors.RateLimited) as caught:
		take(reads)
	assert caught.value.status is None and caught.value.scope == errors.OBJECT


@pytest.mark.parametrize("limit", ["", "unknown", "off"])
def test_what_is_exempt(limit):
	reads = Clock(2026, 11, 21).reads(off=0)
	for _ in range(1000):
		take(reads, limit)
	with reads.when_due(limit, "c", "r") as due:
		assert due


def test_what_is_due_leaves_reads_for_what_is_new():
	clock = Clock(2026, 11, 1, 12)
	reads = clock.reads(x=8)
	done = 0
	for _ in range(30 * 24):
		with reads.when_due("x", "c", "r") as due:
			done += due
		clock.now += timedelta(hours=1)
	assert 6 <= done <= 7


def test_what_failed_is_due_again():
	reads = Clock(2026, 11, 1).reads(x=8)
	with pytest.raises(errors.NotFound), reads.when_due("x", "c", "r") as due:
		assert due
		raise errors.NotFound("x")
	with reads.when_due("x", "c", "r") as due:
		assert due
	with reads.when_due("x", "c", "r") as due:
		assert not due


def test_every_counted_path_has_a_limit_and_every_limit_a_path():
	assert {one.limit for one in ENDPOINTS.values()} - {""} == set(MONTHLY_LIMITS)
	assert {one.path for one in ENDPOINTS.values() if not one.limit} == {"resources", "extensions"}


def test_a_setting_changes_one():
	found = read_settings({"limit.accounts/balances": "500", "limit.customers": "0"}).limits
	assert (found["accounts/balances"], found["customers"], found["cards/list"]) == (500, 0, 8)
	for bad in ({"limit.accounts/balance": "1"}, {"limit.customers": "many"}, {"limit.customers": "-1"}):
		with pytest.raises(errors.ConfigurationError, match=r"limit\."):
			read_settings(bad)
