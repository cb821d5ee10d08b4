"""Types that the app and the providers share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class ControlError(Exception):
	"""A control call that cannot be done.

	Args:
		status: HTTP status.
		message: What is wrong.
	"""

	def __init__(self, status: int, message: str) -> None:
		super().__init__(message)
		self.status = status


@dataclass(frozen=True)
class ControlRoute:
	"""One call of the control API; the handler takes its JSON (or query) and the path's arguments."""

	method: str
	path: str
	handler: Callable[..., dict[str, Any]]
	locked: bool = True
