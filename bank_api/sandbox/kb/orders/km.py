"""KM, the bank's name for ABO (section 5.1): header, accounting files, groups, items; windows-1250."""

import re
from dataclasses import dataclass, field
from datetime import date

from bank_api.sandbox.data import iban
from bank_api.sandbox.kb.numbers import KB
from bank_api.sandbox.kb.orders.order import Order, Reading, Unreadable
from bank_api.sandbox.kb.switches import KbSwitches
from bank_api.sandbox.kb.wire import Problem

_ACCOUNT = r"(?:\d{1,6}-)?\d{2,10}|\d{16}"
_HEADER = re.compile(r"UHL1(\d{6})(.{20})(.{10})(\d{3})(\d{3})(?:.{12})? *")
_FILE = re.compile(r"1 (1501|1502) (\d{3})(\d{3}) (\d{4}) *")
_GROUP = re.compile(rf"2 (?:({_ACCOUNT}) )?(\d{{1,14}}) (\d{{6}}) *")
_REST = r"(\d{1,14}) (\d{1,10}) (\d{8,10})(?: (\d{0,10})(?: AV:(.{0,143}?))?)? *"
_COLLECTIVE = re.compile(rf"({_ACCOUNT}) {_REST}")
_SINGLE = re.compile(rf"({_ACCOUNT}) ({_ACCOUNT}) {_REST}")
_NAMES = {"own": "payer's account", "partner": "payee's account", "day": "due date"}


@dataclass
class _Reader:
	lines: list[str]
	longest: int
	orders: list[Order] = field(default_factory=list)
	numbers: list[str] = field(default_factory=list)
	at: int = 0

	def wrong(self, text: str, code: str = "FF01") -> Unreadable:
		return Unreadable(Problem(code, f"line {self.at}", text))

	def next(self) -> str:
		if self.at >= len(self.lines):
			raise self.wrong("The file ends too early")
		self.at += 1
		return self.lines[self.at - 1]

	def read(self) -> Reading:
		header = _HEADER.fullmatch(self.next())
		if header is None:
			raise self.wrong("UHL1 with 46 or 58 characters is expected")
		self._date(header[1])
		while self.at < len(self.lines) and self.lines[self.at].strip():
			self._file(int(header[4]), int(header[5]))
		if not self.orders or any(line.strip(" \x1a") for line in self.lines[self.at :]):
			raise self.wrong("An accounting file is expected")
		return Reading(self.orders, tuple(self.numbers))

	def _date(self, text: str) -> str:
		try:
			return str(date(2000 + int(text[4:]), int(text[2:4]), int(text[:2])))
		except ValueError as error:
			raise self.wrong(f"{text} is no date DDMMYY", "DT01") from error

	def _file(self, first: int, last: int) -> None:
		found = _FILE.fullmatch(self.next())
		if found is None:
			raise self.wrong("The header of an accounting file is expected")
		if not first <= int(found[2]) <= last:
			raise self.wrong("The number of the accounting file is outside the interval of UHL1")
		if found[4] != KB:
			raise self.wrong(f"The bank must be {KB}", "RC10")
		if found[2] in self.numbers:
			raise self.wrong("The number of the accounting file is used twice", "AM05")
		self.numbers.append(found[2])
		while not re.fullmatch(r"5 ?\+ *", line := self.next()):
			self._group(line, found[1] == "1502")

	def _group(self, line: str, collection: bool) -> None:
		found = _GROUP.fullmatch(line)
		if found is None:
			raise self.wrong("The header of a group is expected")
		payer = found[1] if found[1] and found[1].strip("0-") else ""
		day, total = self._date(found[3]), 0
		while not re.fullmatch(r"3 ?\+ *", line := self.next()):
			order = self._item(line, payer, day, collection)
			total += order.amount
			if len(self.orders) >= self.longest:
				raise self.wrong(f"At most {self.longest} items", "TOO_MANY_PMTS")
			self.orders.append(order)
		if total != int(found[2]):
			raise self.wrong(f"The group's sum is {found[2]}, its items give {total}", "AM10")

	def _item(self, line: str, payer: str, day: str, collection: bool) -> Order:
		found = (_COLLECTIVE if payer else _SINGLE).fullmatch(line)
		if found is None:
			raise self.wrong("An item is expected")
		own, partner, amount, variable, constant, specific, message = (
			(payer, *found.groups()) if payer else found.groups()
		)
		lines = (message or "").split("|")
		if len(lines) > 4 or any(len(part) > 35 for part in lines):
			raise self.wrong("AV has at most four parts of 35 characters")
		return Order(
			place=f"line {self.at}",
			amount=int(amount),
			currency="CZK",
			day=day,
			own=_iban(own, KB),
			partner=_iban(partner, constant[-8:-4]),
			collection=collection,
			variable=variable.lstrip("0"),
			constant=constant[-4:].lstrip("0"),
			specific=(specific or "").lstrip("0"),
			message="\n".join(lines).rstrip("\n"),
			fields=_NAMES,
		)


def _iban(text: str, bank: str) -> str:
	"""Make the IBAN of an account as it was written; whether the account can exist is checked later."""
	prefix, _, base = text.rpartition("-")
	if len(base) == 16:
		prefix, base = base[:6], base[6:]
	return iban("CZ", bank + prefix.rjust(6, "0") + base.rjust(10, "0"))


def read(data: bytes, switches: KbSwitches) -> Reading:
	"""Read a KM file.

	Args:
		data: The file.
		switches: Limits.

	Returns:
		The payments, and the numbers of the accounting files.

	Raises:
		Unreadable: The first thing that is wrong, with its line.
	"""
	try:
		text = data.decode("windows-1250")
	except UnicodeDecodeError as error:
		raise Unreadable(Problem("RR10", "", "The file is not windows-1250")) from error
	return _Reader(re.split(r"\r\n|\n|\r", text), switches.max_file_payments).read()
