"""What keeps calls within a provider's published limits, before the provider has to refuse one."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from bank_api.connectors.errors import RateLimited

DEFAULT_PATIENCE = 2.0

_patience: ContextVar[float] = ContextVar("bank_api_patience", default=DEFAULT_PATIENCE)


def max_wait() -> float:
	"""How many seconds one call may sleep now, for a free slot or before a retry."""
	return _patience.get()


@contextmanager
def patience(seconds: float) -> Iterator[None]:
	"""Let the calls in this block wait longer (a background job) or not at all (a person is waiting).

	Args:
		seconds: the longest single sleep.
	"""
	mark = _patience.set(seconds)
	try:
		yield
	finally:
		_patience.reset(mark)


class RateLedger(Protocol):
	"""Counts calls in sliding windows. Buckets are named by the connector."""

	def acquire(self, bucket: str, calls: int, seconds: int) -> None:
		"""Take one slot, waiting at most `max_wait()` seconds for it.

		Args:
			bucket: whose window.
			calls: slots of the window; 0 means no limit.
			seconds: length of the window.

		Raises:
			RateLimited: no slot becomes free in time; `retry_after` says when one will.
		"""

	def give_back(self, bucket: str) -> None:
		"""Undo the last `acquire` of a bucket: the call turned out to be one that the provider does not count."""


def refused(wait: float) -> RateLimited:
	"""The error of a ledger that has no slot for the next `wait` seconds."""
	return RateLimited(
		"The provider's rate limit is used up; the next call is possible later.", retry_after=wait
	)


def acquire_patiently(take: Callable[[], float], sleep: Callable[[float], None] = time.sleep) -> None:
	"""Call `take` until it gives 0, sleeping as long as it says, within `max_wait()` seconds altogether.

	Args:
		take: takes a slot and gives 0, or gives the seconds until one may be free.
		sleep: what to wait with.

	Raises:
		RateLimited: a slot does not become free in time.
	"""
	left = max_wait()
	while wait := take():
		if wait > left:
			raise refused(wait)
		sleep(wait)
		left -= wait


class MemoryLedger:
	"""A ledger of one process, exact, for the sandbox, tests and a plain Python prompt. Thread-safe."""

	_SWEEP_AT = 10_000

	def __init__(
		self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
	):
		self._clock = clock
		self._sleep = sleep
		self._lock = threading.Lock()
		self._calls: dict[str, deque[float]] = {}
		self._windows: dict[str, int] = {}

	def acquire(self, bucket: str, calls: int, seconds: int) -> None:
		"""See `RateLedger.acquire`."""
		if calls > 0:
			acquire_patiently(lambda: self._take(bucket, calls, seconds), self._sleep)

	def give_back(self, bucket: str) -> None:
		"""See `RateLedger.give_back`."""
		with self._lock:
			if times := self._calls.get(bucket):
				times.pop()

	def _take(self, bucket: str, calls: int, seconds: int) -> float:
		with self._lock:
			now = self._clock()
			if len(self._calls) > self._SWEEP_AT:
				self._sweep(now)
			times = self._calls.setdefault(bucket, deque())
			self._windows[bucket] = seconds
			while len(times) > calls:
				times.popleft()
			if len(times) == calls:
				wait = times[0] + seconds - now
				if wait > 0:
					return wait
				times.popleft()
			times.append(now)
			return 0.0

	def _sweep(self, now: float) -> None:
		"""Forget the buckets whose last call is out of its window."""
		for bucket in [
			b for b, times in self._calls.items() if not times or times[-1] + self._windows[b] < now
		]:
			del self._calls[bucket], self._windows[bucket]
