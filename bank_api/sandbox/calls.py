"""The log of calls that clients made, and counters to assert on."""

import re
import threading
from collections import Counter, deque
from typing import Any

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NUMBER = re.compile(r"(?<=/)\d+(?=/|$)")


def normalise(path: str) -> str:
	"""Replace ids in a path.

	Args:
		path: ``/v2/items/123/refresh``.

	Returns:
		``/v2/items/{id}/refresh``; UUIDs become ``{uuid}``.
	"""
	return _NUMBER.sub("{id}", _UUID.sub("{uuid}", path))


class CallLog:
	"""The last calls, newest last, and counters that never roll over."""

	def __init__(self, size: int = 20000) -> None:
		self._lock = threading.Lock()
		self._calls: deque[dict[str, Any]] = deque(maxlen=size)
		self.counters: Counter[str] = Counter()
		self.statuses: Counter[str] = Counter()
		self._number = 0

	def add(self, call: dict[str, Any]) -> None:
		"""Append one call (method, path, query, status, milliseconds, …)."""
		with self._lock:
			self._number += 1
			call["n"] = self._number
			self._calls.append(call)
			route = f"{call['method']} {normalise(call['path'])}"
			self.counters[route] += 1
			self.statuses[f"{route} {call['status']}"] += 1

	def read(self, path: str | None = None, since: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
		"""Return logged calls.

		Args:
			path: Regular expression that the path must match somewhere.
			since: Only calls with a greater number.
			limit: At most so many, the newest.

		Returns:
			Calls, oldest first.
		"""
		pattern = re.compile(path) if path else None
		with self._lock:
			calls = [
				call
				for call in self._calls
				if call["n"] > since and (not pattern or pattern.search(call["path"]))
			]
		return calls[-limit:]

	def reset(self) -> None:
		"""Forget calls and counters; numbers go on."""
		with self._lock:
			self._calls.clear()
			self.counters.clear()
			self.statuses.clear()
