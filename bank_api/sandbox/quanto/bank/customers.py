"""Registration data of persons and companies (appendix A.3)."""

from datetime import date

from bank_api.sandbox.data import generator
from bank_api.sandbox.quanto.bank.directory import Bank
from bank_api.sandbox.quanto.bank.model import Customer
from bank_api.sandbox.quanto.bank.texts_data import COMPANIES, FIRST, LAST


def make(seed: int, bank: Bank, document: str, users: list[str], today: date) -> Customer:
	"""Make a customer of a bank."""
	rng = generator(seed, "ofb customer", document)
	name = (
		f"{rng.choice(COMPANIES)} Ltda" if len(document) == 14 else f"{rng.choice(FIRST)} {rng.choice(LAST)}"
	)
	return Customer(bank.key, document, name, users)
