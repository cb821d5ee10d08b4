"""What a customer has at a bank, generated: same seed, bank and number, same data."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from bank_api.sandbox.quanto.bank import accounts, cards, credits, customers
from bank_api.sandbox.quanto.bank.directory import Bank
from bank_api.sandbox.quanto.bank.model import Customer, Product

PERSON, APPROVER = "11144477735", "52998224725"  # the company's second approver
COMPANY = "11222333000181"


@dataclass(frozen=True)
class Plan:
	"""A customer with products and their transactions."""

	customer: Customer
	products: Sequence[tuple[Product, Iterable[dict[str, Any]]]]


def plan(seed: int, bank: Bank, document: str, today: date, transactions: int) -> Plan:
	"""Make a customer of a bank.

	Args:
		seed: The sandbox's.
		bank: Where.
		document: CPF or CNPJ.
		today: The sandbox's day; transactions reach back a year from it.
		transactions: About how many the main account has.

	Returns:
		The plan.
	"""
	users = [PERSON, APPROVER] if len(document) == 14 else [document]
	customer = customers.make(seed, bank, document, users, today)
	products = [
		*accounts.make(seed, bank, document, today, transactions),
		*cards.make(seed, bank, document, today, transactions),
		*credits.make(seed, bank, document, today),
	]
	return Plan(customer, products)
