"""Credit cards with limits, bills and transactions (appendix A.4)."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from bank_api.sandbox.quanto.bank.directory import Bank
from bank_api.sandbox.quanto.bank.model import Product


def make(
	seed: int, bank: Bank, document: str, today: date, transactions: int
) -> Iterator[tuple[Product, list[dict[str, Any]]]]:
	"""Make a customer's cards at a bank."""
	yield from ()
