"""One payment as it was read, whatever the format."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bank_api.sandbox.kb.wire import Problem

_SYMBOLS = re.compile(r"/(VS|SS|KS)/(\d{1,10})(?=/|\s|$)")


class Unreadable(Exception):
	"""A request or file that cannot be read as a whole.

	Args:
		problems: What is wrong where.
	"""

	def __init__(self, *problems: Problem) -> None:
		super().__init__(problems[0].message)
		self.problems = problems


@dataclass(frozen=True)
class Order:
	"""A payment to check and to store."""

	place: str  # where it stood: a JSON path, or a line
	amount: int
	currency: str
	day: str
	own: str
	partner: str
	own_currency: str = ""
	partner_currency: str = ""
	collection: bool = False
	instruction_id: str = ""
	end_to_end: str = ""
	name: str = ""
	town: str = ""
	country: str = ""
	bic: str = ""
	variable: str = ""
	constant: str = ""
	specific: str = ""
	message: str = ""
	priority: str = "NORM"
	charges: str = ""
	fields: Mapping[str, str] = field(default_factory=dict)  # our names → those of the format

	def problem(self, code: str, name: str, message: str, value: Any = "") -> Problem:
		"""Report something about one of its fields."""
		where = self.fields.get(name, name)
		return Problem(code, f"{self.place}{'.' if where else ''}{where}", message, str(value))


@dataclass(frozen=True)
class Reading:
	"""What a request or file holds."""

	orders: list[Order]
	numbers: tuple[str, ...] = ()  # numbers of accounting files, which serve once a day


def symbols_in(text: str) -> dict[str, Any]:
	"""Find ``/VS/…/SS/…/KS/…`` in a remittance text (sections 3.1, 5.4)."""
	names = {"VS": "variable", "SS": "specific", "KS": "constant"}
	return {names[found[1]]: found[2] for found in _SYMBOLS.finditer(text)}
