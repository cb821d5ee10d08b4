"""Sliding-window limiters on the sandbox's clock (bridge.md 8.3)."""

from collections import deque


class Limiter:
	"""Counts calls by key within a window; the clock is the caller's."""

	def __init__(self) -> None:
		self._calls: dict[tuple[str, str], deque[int]] = {}

	def take(self, name: str, key: str, limit: int, window_ms: int, now: int) -> int:
		"""Count one call, if there is room.

		Args:
			name: Which limit.
			key: Whose calls.
			limit: Calls allowed in the window; 0 means no limit.
			window_ms: Length of the window in milliseconds.
			now: Sandbox instant in milliseconds.

		Returns:
			0 when the call is allowed, otherwise the milliseconds until a slot frees.
		"""
		if not limit:
			return 0
		calls = self._calls.setdefault((name, key), deque())
		while calls and calls[0] <= now - window_ms:
			calls.popleft()
		if len(calls) >= limit:
			return max(1, calls[0] + window_ms - now)
		calls.append(now)
		return 0

	def reset(self) -> None:
		"""Forget every call."""
		self._calls.clear()
