"""Credit operations: four APIs with one layout (appendix A.5)."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from bank_api.sandbox.quanto.bank.directory import Bank
from bank_api.sandbox.quanto.bank.model import Product


def make(seed: int, bank: Bank, document: str, today: date) -> Iterator[tuple[Product, list[dict[str, Any]]]]:
	"""Make a customer's contracts at a bank."""
	yield from ()
