"""Types that the app and the providers share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class ExactNumber(float):
	"""A JSON number that remembers its text: a test's amount reaches the wire as it was written."""

	text: str

	def __new__(cls, text: str) -> "ExactNumber":
		"""Read the text."""
		number = super().__new__(cls, text)
		number.text = text
		return number

	def __str__(self) -> str:
		return self.text


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


@dataclass(frozen=True)
class Listener:
	"""A port of a provider's own: its name in the ``ready`` line, its option on the command line, what is behind it."""

	name: str
	option: str
	about: str
