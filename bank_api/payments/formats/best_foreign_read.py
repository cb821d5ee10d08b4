"""Reading BEST's foreign payments record by record (kb_batch.md, 5.3)."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from bank_api.payments import texts
from bank_api.payments.accounts import iban_of_plain
from bank_api.payments.formats import best_foreign_words as at
from bank_api.payments.formats import remittance
from bank_api.payments.formats.best_record import Field, Record
from bank_api.payments.model import Address, Bank, Charges, Party, Payment, Scheme

_CHARGES = {word: charges for charges, word in at.CHARGES.items()}
_PRIORITIES = {word: priority for priority, word in at.PRIORITIES.items()}


class ForeignReader:
	"""Takes the records 02 and 03 in their order.

	Args:
		bank_code: where the own accounts have to be.
		created: the day that the file names.

	Attributes:
		payments: as they were read.
		lines: of their first records.
		total: of all amounts.
	"""

	def __init__(self, bank_code: str, created: date):
		self._bank = bank_code
		self._created = created
		self._numbers: set[str] = set()
		# The number that a record 03 may have now; None behind a record that could not be read.
		self._last: str | None = ""
		self.payments: list[Payment] = []
		self.lines: list[int] = []
		self.total = Decimal("0.00")

	def take(self, record: Record) -> None:
		"""One record."""
		kind = record.one_of("record type", Field(0, 2), "02", "03")
		if kind == "02":
			self._payment(record)
		else:
			self._addresses(record)

	def _payment(self, record: Record) -> None:
		number = self._last = record.raw(at.NUMBER)
		if number in self._numbers:
			record.fault("file_repeated", "number", at.NUMBER)
		elif not (number.isascii() and number.isalnum()):
			record.fault("file_field", "number", at.NUMBER, expected="number of five letters or digits")
		self._numbers.add(number)
		day = record.day("created", at.CREATED)
		if day != self._created:
			record.fault("file_differs", "created", at.CREATED, found=day, stated=self._created)
		record.filler(*at.FILLERS)
		record.one_of("FOREX deal", at.FOREX, "N")
		record.one_of("cheque", at.CHEQUE, "N")
		record.one_of("mark before the account", at.SLASH, "/")
		sepa = record.one_of("SEPA mark", at.SEPA, "N", "Y") == "Y"
		charges = self._charges(record, sepa)
		priority = _PRIORITIES[record.one_of("priority", at.PRIORITY, *_PRIORITIES)]
		account = self._account(record)
		amount = record.amount("amount", at.AMOUNT)
		self.total += amount
		due = record.day("due", at.DUE)
		message, found = remittance.read(record.text(at.REMITTANCE))
		symbols: dict[str, Any] = {**found}
		partner_account = record.text(at.ACCOUNT)
		own_currency = record.raw(at.OWN_CURRENCY)
		if record.broken:
			self._last = None
			return
		bank = _four_lines(record, at.PARTNER_BANK, "partner_bank")
		self.payments.append(
			Payment(
				account=account,
				partner_account=partner_account,
				amount=amount,
				due=due,
				currency=record.raw(at.CURRENCY),
				scheme=Scheme.SEPA if sepa else Scheme.FOREIGN,
				priority=priority,
				charges=charges,
				partner=_four_lines(record, at.PARTNER, "partner"),
				partner_bank=Bank(record.text(at.BIC), bank.name, bank.address),
				owner=_four_lines(record, at.OWNER, "owner"),
				message=message,
				own_currency=own_currency,
				**symbols,
			)
		)
		self.lines.append(record.line)

	def _charges(self, record: Record, sepa: bool) -> Charges:
		if sepa:
			record.one_of("charges", at.CHARGE, at.SEPA_CHARGES)
			return Charges.SHARED
		return _CHARGES[record.one_of("charges", at.CHARGE, *_CHARGES)]

	def _account(self, record: Record) -> str:
		bank = record.digits("own bank", at.OWN_BANK)
		if bank != self._bank:
			record.fault("account_other_bank", "account", at.OWN_BANK, bank=self._bank)
		number = record.digits("account", at.OWN_ACCOUNT)
		account = iban_of_plain(number, bank)
		if not account:
			record.fault("account_invalid", "account", at.OWN_ACCOUNT)
		# Charges from another account than the payment's are not in the model, so they are not read either.
		if record.text(at.CHARGES_ACCOUNT).strip("0"):
			if record.raw(at.CHARGES_ACCOUNT) != number:
				record.fault(
					"file_unsupported",
					"charges account",
					at.CHARGES_ACCOUNT,
					what="another account for charges",
				)
			elif record.raw(at.CHARGES_CURRENCY) != record.raw(at.OWN_CURRENCY):
				record.fault(
					"file_differs",
					"charges currency",
					at.CHARGES_CURRENCY,
					found=record.raw(at.CHARGES_CURRENCY),
					stated=record.raw(at.OWN_CURRENCY),
				)
		return account

	def _addresses(self, record: Record) -> None:
		"""A record 03 says it better than the lines of its 02, which have to fit it."""
		record.filler(*at.ADDRESS_FILLERS)
		if self._last is None:
			return
		if record.raw(at.NUMBER) != self._last:
			record.fault("file_differs", "number", at.NUMBER, found=record.raw(at.NUMBER), stated=self._last)
			return
		self._last = ""
		partner, bank = (_party(record, start) for start in at.ADDRESS_STARTS)
		payment = self.payments[-1]
		before = payment.partner.name if payment.partner else ""
		if before != partner.name[: texts.LINE].rstrip(" "):
			record.fault("file_differs", "partner.name", Field(13, 140), found=partner.name, stated=before)
		self.payments[-1] = replace(
			payment,
			partner=partner,
			partner_bank=Bank(
				payment.partner_bank.bic if payment.partner_bank else "", bank.name, bank.address
			),
		)


def _party(record: Record, start: int) -> Party:
	found: dict[str, str] = {}
	for name, length in at.ADDRESS_LENGTHS:
		found[name] = record.text(Field(start, length))
		start += length
	name = found.pop("name")
	return Party(name, Address(**found) if any(found.values()) else None)


def _four_lines(record: Record, field: Field, where: str) -> Party:
	"""Name, street, "town, postal code", country."""
	whole = record.raw(field)
	name, street, town, country = (
		whole[start : start + texts.LINE].strip(" ") for start in range(0, 140, texts.LINE)
	)
	if not (street or town or country):
		return Party(name)
	if len(country) > 2:
		record.fault(
			"file_field",
			f"{where}.address.country",
			field,
			expected="country of two letters in the fourth line",
		)
	place, _, postcode = town.partition(", ")
	return Party(name, Address(street=street, town=place, postcode=postcode, country=country))
