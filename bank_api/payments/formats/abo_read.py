"""Reading ABO (kb_batch.md, 5.1): every rule that the bank checks, and what the bank leaves unchecked too."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from bank_api.payments import texts
from bank_api.payments.accounts import iban_of_plain
from bank_api.payments.formats import lines
from bank_api.payments.formats.base import Faults, Reading, Trust, finish
from bank_api.payments.model import Envelope, Operation, Payment

_KINDS = {"1501": Operation.TRANSFER, "1502": Operation.COLLECTION}
_HEADER_LENGTHS = (46, 52, 58)
_MOST_ITEMS = 99_999
_CENTS = -2
# 0 to 2 are replaced by the bank's own priority, which is 5 (kb_batch.md, 5.1).
_USUAL_PRIORITIES = frozenset("0125")


class _Field(NamedTuple):
	"""A field of a line and where it begins, counted from 1."""

	text: str
	position: int


class AboReader:
	"""Reads one file.

	Args:
		bank_code: where the own accounts have to be.
		trust: what may be accepted.
	"""

	def __init__(self, bank_code: str, trust: Trust):
		self._bank = bank_code
		self._trust = trust
		self._faults = Faults()
		self._lines: list[str] = []
		self._at = 0
		self._payments: list[Payment] = []
		self._where: list[int] = []
		self._numbers: set[str] = set()
		self._interval = ("000", "999")
		self._operation = Operation.TRANSFER

	def read(self, content: bytes) -> Reading:
		"""The whole file.

		Raises:
			UnreadableFile: it is not one that can be trusted.
		"""
		self._lines = lines.decode(content, self._faults)
		envelope = self._header()
		self._accounting_file()
		while self._at < len(self._lines):
			self._accounting_file()
		self._faults.raise_any()
		return finish(self._payments, envelope, self._where, self._trust)

	def _next(self, expected: str) -> str:
		if self._at >= len(self._lines):
			self._faults.stop("file_missing", line=len(self._lines), expected=expected)
		self._at += 1
		return self._lines[self._at - 1]

	def _fault(self, code: str, field: str, position: int | None, **values: Any) -> None:
		self._faults.add(code, field, self._at, position, **values)

	def _header(self) -> Envelope:
		line = self._next("UHL1 record").rstrip(" ")
		if not line.startswith("UHL1"):
			self._faults.stop("file_format", "UHL1", 1, 1, format="ABO (KM)")
		# Zeros of the security parts end the line, so no trailing space is part of it.
		if len(line) not in _HEADER_LENGTHS:
			self._faults.stop("file_length", "UHL1", 1, len(line), length=len(line), expected="46, 52 or 58")
		created = lines.day(line[4:10], "DMY")
		if created is None:
			self._fault("file_field", "created", 5, expected="date DDMMYY")
		number, self._interval = line[30:40], (line[40:43], line[43:46])
		if number.strip(" ") and not lines.is_digits(number.strip(" ")):
			self._fault("file_field", "sender_number", 31, expected="number of ten digits")
		if not (lines.is_digits(line[40:46]) and self._interval[0] <= self._interval[1]):
			self._fault("file_field", "file interval", 41, expected="interval of file numbers")
		midnight = datetime(created.year, created.month, created.day) if created else None
		return Envelope(
			sender=line[10:30].strip(" "), sender_number=number.strip(" ").lstrip("0"), created=midnight
		)

	def _accounting_file(self) -> None:
		fields = self._split(self._next("accounting file"), 4)
		if fields[0].text != "1" or len(fields) != 4:
			self._faults.stop("file_record", "record", self._at, 1, expected="accounting file (1 …)")
		kind, number, bank = fields[1:]
		if kind.text not in _KINDS:
			self._fault("file_field", "kind", kind.position, expected="kind of order, 1501 or 1502")
		self._operation = _KINDS.get(kind.text, Operation.TRANSFER)
		if len(number.text) != 6 or not lines.is_digits(number.text):
			self._fault("file_field", "file number", number.position, expected="file number of six digits")
		elif not self._interval[0] <= number.text[:3] <= self._interval[1]:
			self._fault(
				"file_differs",
				"file number",
				number.position,
				found=number.text[:3],
				stated=f"{self._interval[0]} to {self._interval[1]}",
			)
		elif number.text[:3] in self._numbers:
			self._fault("file_repeated", "file number", number.position)
		self._numbers.add(number.text[:3])
		if bank.text != self._bank:
			self._fault("account_other_bank", "bank", bank.position, bank=self._bank)
		before = len(self._payments)
		self._group()
		while not self._ends("5", "end of the accounting file"):
			self._group()
		if len(self._payments) - before > _MOST_ITEMS:
			self._fault("format_too_many", "item", None, format="ABO (KM)", most=_MOST_ITEMS)

	def _ends(self, mark: str, expected: str) -> bool:
		"""Whether the next line ends a part; it is taken if so."""
		if self._at >= len(self._lines):
			self._faults.stop("file_missing", line=len(self._lines), expected=expected)
		if self._lines[self._at].rstrip(" ") not in (f"{mark} +", f"{mark}+"):
			return False
		self._at += 1
		return True

	def _group(self) -> None:
		fields = self._split(self._next("group of orders"), 4)
		if fields[0].text != "2" or len(fields) not in (3, 4):
			self._faults.stop("file_record", "record", self._at, 1, expected="group of orders (2 …)")
		own = self._own_account(fields[1]) if len(fields) == 4 else None
		stated, due = fields[-2:]
		line = self._at
		total = self._amount(stated, "group sum")
		day = lines.day(due.text, "DMY")
		if day is None:
			self._fault("file_field", "due", due.position, expected="date DDMMYY")
		before = len(self._payments)
		whole = True
		while not self._ends("3", "end of the group"):
			whole &= self._item(own, day)
		if len(self._payments) == before and whole:
			self._faults.add("file_missing", "item", line, None, expected="group's first order")
		found = sum((payment.amount for payment in self._payments[before:]), Decimal("0.00"))
		# A sum over items of which one could not be read says nothing.
		if whole and total is not None and found != total:
			self._faults.add("file_sum", "group sum", line, stated.position, stated=total, found=found)

	def _own_account(self, field: _Field) -> str | None:
		"""The group's own account; None where zeros say that every order names its own."""
		if field.text.strip("0") in ("", "-"):
			return None
		return self._account(field, self._bank, "account")

	def _item(self, own: str | None, due: date | None) -> bool:
		line = self._next("order")
		text, mark, message = line.partition(" AV:")
		count = 5 if own is not None else 6
		fields = self._split(text, count + 1)
		if len(fields) == count and fields[-1].text == "":  # an empty specific symbol
			fields.pop()
		if len(fields) not in (count - 1, count):
			self._fault(
				"file_record",
				"record",
				1,
				expected=f"order of {count - 1} or {count} fields, or the end of the group (3 +)",
			)
			return False
		first = None if own is not None else fields.pop(0)
		account, amount, variable, constant = fields[:4]
		bank, symbol = self._constant(constant)
		partner = self._account(account, bank, "partner_account")
		if first is not None:
			own, partner = self._single(first, account, bank)
		hundredths = self._amount(amount, "amount")
		symbols = (
			self._symbol(variable, "variable_symbol"),
			self._symbol(fields[4], "specific_symbol") if len(fields) > 4 else "",
		)
		said = self._message(message, len(text) + len(mark) + 1)
		if None in (own, partner, hundredths, due, bank, said, *symbols):
			return False
		self._payments.append(
			Payment(
				account=own or "",
				partner_account=partner or "",
				amount=hundredths or Decimal(0),
				due=due or date.min,
				operation=self._operation,
				variable_symbol=symbols[0] or "",
				constant_symbol=symbol,
				specific_symbol=symbols[1] or "",
				message=said or "",
			)
		)
		self._where.append(self._at)
		return True

	def _single(self, debit: _Field, credit: _Field, bank: str | None) -> tuple[str | None, str | None]:
		"""Own and partner's account of a single order, which names the account that pays first."""
		if self._operation is Operation.TRANSFER:
			return self._account(debit, self._bank, "account"), self._account(credit, bank, "partner_account")
		return self._account(credit, self._bank, "account"), self._account(debit, bank, "partner_account")

	def _account(self, field: _Field, bank: str | None, name: str) -> str | None:
		if bank is None:
			return None
		iban = iban_of_plain(field.text, bank)
		if not iban:
			self._fault("account_invalid", name, field.position)
			return None
		return iban

	def _amount(self, field: _Field, name: str) -> Decimal | None:
		if not (lines.is_digits(field.text) and len(field.text) <= 14 and field.text.strip("0")):
			self._fault("file_field", name, field.position, expected="amount of at most 14 digits, not zero")
			return None
		return Decimal(field.text).scaleb(_CENTS)

	def _symbol(self, field: _Field, name: str) -> str | None:
		if not (lines.is_digits(field.text) and len(field.text) <= 10):
			self._fault("file_field", name, field.position, expected="symbol of at most ten digits")
			return None
		return field.text

	def _constant(self, field: _Field) -> tuple[str | None, str]:
		"""Bank code and constant symbol; the second of ten digits is the priority within the bank's run."""
		if not (lines.is_digits(field.text) and 8 <= len(field.text) <= 10):
			self._fault(
				"file_field",
				"constant_symbol",
				field.position,
				expected="bank code with constant symbol, 8 to 10 digits",
			)
			return None, ""
		whole = field.text.rjust(10, "0")
		bank, symbol = whole[2:6], whole[6:]
		if whole[0] != "0" or whole[1] not in _USUAL_PRIORITIES:
			self._fault(
				"file_unsupported",
				"constant_symbol",
				field.position,
				what=f"a processing priority ({whole[:2]})",
			)
		if bank not in self._trust.bank_codes:
			self._fault("account_bank_unknown", "partner_account", field.position, bank=bank)
			return None, ""
		return bank, symbol

	def _message(self, text: str, position: int) -> str | None:
		parts = text.split("|") if text else []
		if (
			len(parts) > 4
			or any(len(part.rstrip(" ")) > texts.LINE for part in parts[-1:])
			or any(len(part) > texts.LINE for part in parts[:-1])
		):
			self._fault(
				"file_field", "message", position, expected="message of at most 4 lines of 35 characters"
			)
			return None
		message = texts.joined([part[: texts.LINE] for part in parts])
		if fault := texts.check(message, "message", texts.LINE * 4, swift=False):
			self._fault(fault.code, "message", position, **fault.values)
			return None
		return message

	def _split(self, line: str, most: int) -> list[_Field]:
		"""The fields of a line, at most so many and one more; spaces at its end count for nothing."""
		found, position = [], 1
		for text in line.rstrip(" ").split(" ", most):
			found.append(_Field(text, position))
			position += len(text) + 1
		return found
