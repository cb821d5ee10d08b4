"""What a process remembers for a while, bounded, for several threads."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

_Value = TypeVar("_Value")
_REMEMBERED = 10_000


class Memory(Generic[_Value]):
	"""Values by key, the oldest forgotten first.

	Args:
		seconds: how long a value counts; None for as long as there is room.
		room: how many there are at most.
		clock: seconds that only go forward.
	"""

	def __init__(
		self, seconds: float | None, room: int = _REMEMBERED, clock: Callable[[], float] = time.monotonic
	):
		self._seconds = seconds
		self._room = room
		self._clock = clock
		self._lock = threading.Lock()
		self._kept: OrderedDict[tuple[str, str], tuple[float, _Value]] = OrderedDict()

	def get(self, key: tuple[str, str]) -> _Value | None:
		"""What is remembered under a key, if it still counts."""
		with self._lock:
			found = self._kept.get(key)
			if found is None:
				return None
			if self._seconds is not None and self._clock() - found[0] > self._seconds:
				del self._kept[key]
				return None
			return found[1]

	def put(self, key: tuple[str, str], value: _Value) -> None:
		"""Remember a value."""
		with self._lock:
			self._kept[key] = (self._clock(), value)
			self._kept.move_to_end(key)
			while len(self._kept) > self._room:
				self._kept.popitem(last=False)
