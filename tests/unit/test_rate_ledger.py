"""Keeping within a provider's rate limits."""

import contextlib
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bank_api.connectors.errors import RateLimited
from bank_api.connectors.rate_ledger import (
	DEFAULT_PATIENCE,
	MemoryLedger,
	acquire_patiently,
	max_wait,
	patience,
)


class Clock:
	def __init__(self):
		self.now = 1000.0
		self.slept = []

	def __call__(self):
		return self.now

	def sleep(self, seconds):
		self.slept.append(seconds)
		self.now += seconds


@pytest.fixture
def clock():
	return Clock()


@pytest.fixture
def ledger(clock):
	return MemoryLedger(clock, clock.sleep)


def test_refuses_what_exceeds_the_window_and_says_when_a_slot_is_free(clock, ledger):
	for _ in range(3):
		ledger.acquire("user", 3, 60)
		clock.now += 10
	with patience(0), pytest.raises(RateLimited) as caught:
		ledger.acquire("user", 3, 60)
	assert caught.value.retry_after == 30
	clock.now += 30
	ledger.acquire("user", 3, 60)
	with patience(0), pytest.raises(RateLimited) as caught:
		ledger.acquire("user", 3, 60)
	assert caught.value.retry_after == 10


def test_a_slot_that_is_given_back_is_free(ledger):
	ledger.acquire("month", 1, 60)
	with patience(0), pytest.raises(RateLimited):
		ledger.acquire("month", 1, 60)
	ledger.give_back("month")
	ledger.give_back("never used")
	with patience(0):
		ledger.acquire("month", 1, 60)


def test_waits_as_long_as_the_caller_is_patient(clock, ledger):
	ledger.acquire("a", 1, 20)
	with patience(19), pytest.raises(RateLimited):
		ledger.acquire("a", 1, 20)
	with patience(20):
		ledger.acquire("a", 1, 20)
	assert clock.slept == [20]


def test_patience_is_for_all_waits_of_one_call_together():
	waits = iter([3.0, 3.0, 0.0])
	slept = []
	with patience(5), pytest.raises(RateLimited):
		acquire_patiently(lambda: next(waits), slept.append)
	assert slept == [3.0]


def test_patience_ends_with_its_block_and_is_each_threads_own():
	seen = []
	with patience(30):
		assert max_wait() == 30
		with patience(1):
			assert max_wait() == 1
		thread = threading.Thread(target=lambda: seen.append(max_wait()))
		thread.start()
		thread.join()
	assert (max_wait(), seen) == (DEFAULT_PATIENCE, [DEFAULT_PATIENCE])


def test_buckets_do_not_share_a_window(ledger):
	with patience(0):
		ledger.acquire("a", 1, 60)
		ledger.acquire("b", 1, 60)
		with pytest.raises(RateLimited):
			ledger.acquire("a", 1, 60)


def test_zero_is_no_limit(clock, ledger):
	for _ in range(10_000):
		ledger.acquire("a", 0, 60)
	assert clock.slept == []


def test_a_lowered_limit_holds_at_once(ledger):
	with patience(0):
		for _ in range(10):
			ledger.acquire("a", 10, 60)
		with pytest.raises(RateLimited):
			ledger.acquire("a", 5, 60)


def test_forgets_buckets_that_nobody_uses(clock, ledger):
	for number in range(MemoryLedger._SWEEP_AT + 1):
		ledger.acquire(f"user:{number}", 1, 60)
	clock.now += 61
	ledger.acquire("user:0", 1, 60)
	assert len(ledger._calls) == 1


def test_threads_together_do_not_exceed_the_limit():
	ledger = MemoryLedger()
	granted = []

	def work():
		for _ in range(50):
			with contextlib.suppress(RateLimited):
				ledger.acquire("a", 60, 60)
				granted.append(1)

	threads = [threading.Thread(target=work) for _ in range(4)]
	with patience(0):
		for thread in threads:
			thread.start()
		for thread in threads:
			thread.join()
	assert len(granted) == 60


@given(st.lists(st.integers(0, 30), max_size=80), st.integers(1, 8), st.integers(1, 60))
def test_no_window_ever_holds_more_than_the_limit(pauses, calls, seconds):
	clock = Clock()
	ledger = MemoryLedger(clock, clock.sleep)
	granted = []
	with patience(0):
		for pause in pauses:
			clock.now += pause
			with contextlib.suppress(RateLimited):
				ledger.acquire("a", calls, seconds)
				granted.append(clock.now)
	for start in granted:
		assert sum(start <= moment < start + seconds for moment in granted) <= calls
