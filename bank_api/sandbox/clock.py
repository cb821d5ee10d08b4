"""The sandbox's clock: real time plus an offset that tests control, or frozen."""

import threading
import time
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def iso_ms(ms: int) -> str:
	"""Write an instant the way Bridge does.

	Args:
		ms: Milliseconds since the Unix epoch.

	Returns:
		ISO 8601 in UTC with milliseconds and a ``Z`` (bridge.md 1.4).
	"""
	moment = EPOCH + timedelta(milliseconds=ms)
	return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def parse_instant(text: str) -> int:
	"""Read a date or an ISO date-time.

	Args:
		text: ``2026-01-31`` or ``2026-01-31T10:00:00.000Z`` (any offset; none means UTC).

	Returns:
		Milliseconds since the Unix epoch.

	Raises:
		ValueError: The text is neither.
	"""
	cleaned = text.strip().replace("Z", "+00:00").replace("z", "+00:00")
	if len(cleaned) > 10 and cleaned[-6:-5] == " ":
		cleaned = cleaned[:-6] + "+" + cleaned[-5:]  # a "+" that was not percent-encoded in the query
	cleaned = _pad_fraction(cleaned)
	moment = datetime.fromisoformat(cleaned)
	if moment.tzinfo is None:
		moment = moment.replace(tzinfo=timezone.utc)
	return int((moment - EPOCH) / timedelta(milliseconds=1))


def _pad_fraction(text: str) -> str:
	"""Python 3.10 reads fractions of three or six digits only; cut or pad to six."""
	head, dot, tail = text.partition(".")
	if not dot:
		return text
	digits = "".join(character for character in tail[: _fraction_length(tail)])
	return f"{head}.{digits[:6]:0<6}{tail[len(digits) :]}"


def _fraction_length(tail: str) -> int:
	for index, character in enumerate(tail):
		if not character.isdigit():
			return index
	return len(tail)


class Clock:
	"""Sandbox time in milliseconds; never runs backwards unless it is set on purpose."""

	def __init__(self, start_ms: int | None = None) -> None:
		self._lock = threading.Lock()
		self._offset = 0 if start_ms is None else start_ms - self._real()
		self._frozen: int | None = None

	@staticmethod
	def _real() -> int:
		return time.time_ns() // 1_000_000

	def now(self) -> int:
		"""Return the sandbox's instant in milliseconds since the epoch."""
		with self._lock:
			return self._now()

	def _now(self) -> int:
		return self._real() + self._offset if self._frozen is None else self._frozen

	def advance(self, seconds: float) -> int:
		"""Move forward (or back, for skew tests) by seconds; return the new instant."""
		with self._lock:
			self._shift(int(seconds * 1000))
			return self._now()

	def _shift(self, ms: int) -> None:
		if self._frozen is None:
			self._offset += ms
		else:
			self._frozen += ms

	def set(self, ms: int) -> None:
		"""Set the instant."""
		with self._lock:
			self._shift(ms - self._now())

	def freeze(self, frozen: bool) -> None:
		"""Stop the clock, or let it run on from where it stands."""
		with self._lock:
			now = self._now()
			self._frozen = now if frozen else None
			if not frozen:
				self._offset = now - self._real()

	def export(self) -> dict[str, int | None]:
		"""Return what a restart needs."""
		with self._lock:
			return {"offset": self._offset, "frozen": self._frozen}

	def restore(self, saved: dict[str, int | None]) -> None:
		"""Take over what ``export`` gave."""
		with self._lock:
			self._offset = saved["offset"] or 0
			self._frozen = saved["frozen"]
