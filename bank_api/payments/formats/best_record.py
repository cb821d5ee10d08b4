"""The records of BEST: fields at fixed places (kb_batch.md, 5.3)."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from bank_api.payments.findings import Finding, finding
from bank_api.payments.formats import lines
from bank_api.payments.formats.base import Faults
from bank_api.payments.model import Envelope
from bank_api.payments.texts import check

MOST_RECORDS = 999_999
"""As many as the trailer can count."""
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FIRST_WITH_LETTER = 100_000
LARGEST = Decimal("9999999999999.99")
LARGEST_SUM = Decimal("9999999999999999.99")
_CENTS = -2


class Field(NamedTuple):
	"""A field: its first place, counted from 0, and its length."""

	start: int
	length: int


class Record:
	"""A record of a file, and what is wrong with it.

	Args:
		text: without its line end.
		line: its number, counted from 1.
		faults: where faults go.
	"""

	def __init__(self, text: str, line: int, faults: Faults):
		self.text_ = text
		self.line = line
		self.broken = False
		self._faults = faults

	def fault(self, code: str, name: str, field: Field, **values: Any) -> None:
		"""Note a fault of a field."""
		self.broken = True
		self._faults.add(code, name, self.line, field.start + 1, **values)

	def raw(self, field: Field) -> str:
		"""The field's characters."""
		return self.text_[field.start : field.start + field.length]

	def text(self, field: Field) -> str:
		"""A text without the spaces that fill it."""
		return self.raw(field).strip(" ")

	def digits(self, name: str, field: Field) -> str:
		"""A field of digits."""
		found = self.raw(field)
		if not lines.is_digits(found):
			self.fault("file_field", name, field, expected=f"number of {field.length} digits")
			return "0" * field.length
		return found

	def number(self, name: str, field: Field) -> str:
		"""Digits without their leading zeros; none if the field is blank."""
		return self.digits(name, field).lstrip("0") if self.text(field) else ""

	def amount(self, name: str, field: Field) -> Decimal:
		"""An amount in hundredths."""
		return Decimal(self.digits(name, field)).scaleb(_CENTS)

	def day(self, name: str, field: Field) -> date:
		"""A date, its year first."""
		found = lines.day(self.raw(field), "YMD")
		if found is None:
			self.fault(
				"file_field", name, field, expected=f"date {'YYYYMMDD' if field.length == 8 else 'YYMMDD'}"
			)
			return date.min
		return found

	def one_of(self, name: str, field: Field, *values: str) -> str:
		"""A field that can only be one of these."""
		found = self.raw(field)
		if found not in values:
			self.fault("file_unsupported", name, field, what=f"{name} {found.strip()!r}")
			return values[0]
		return found

	def filler(self, *fields: Field) -> None:
		"""Fields that mean nothing: spaces or zeros."""
		for field in fields:
			if self.raw(field).strip(" 0"):
				self.fault("file_unsupported", "filler", field, what="something in a field without meaning")


class Layout(NamedTuple):
	"""What tells a file of domestic payments from one of foreign ones."""

	title: str
	length: int


class Header(NamedTuple):
	"""What the first record says."""

	envelope: Envelope
	created: date


_TYPE, _FILL, _CREATED = Field(0, 2), Field(2, 9), Field(11, 6)
_FILE_ID, _NAME, _CANCEL = Field(17, 14), Field(31, 35), Field(66, 3)
_COUNT, _SUM = Field(17, 6), Field(23, 18)


def header(layout: Layout, envelope: Envelope, created: datetime) -> str:
	"""The record HI."""
	text = f"HI{'':9}{created:%y%m%d}{envelope.reference:14}{envelope.name:35}{'':3}"
	return f"{text:{layout.length}}\r\n"


def trailer(layout: Layout, created: datetime, count: int, total: Decimal) -> str:
	"""The record TI."""
	text = f"TI{'':9}{created:%y%m%d}{count:06d}{hundredths(total, 18)}"
	return f"{text:{layout.length}}\r\n"


def number(of: int) -> str:
	"""A record's number: five digits, and with a letter first once those are used up (kb_batch.md, 5.3: alphanumeric)."""
	if of < _FIRST_WITH_LETTER:
		return f"{of:05d}"
	left, text = of - _FIRST_WITH_LETTER + 10 * 36**4, ""
	for _ in range(5):
		left, digit = divmod(left, 36)
		text = _LETTERS[digit] + text
	return text


def hundredths(amount: Decimal, length: int) -> str:
	"""An amount with two places as digits."""
	return str(amount).replace(".", "").rjust(length, "0")


def envelope_problems(envelope: Envelope) -> Iterator[Finding]:
	"""What the header cannot carry."""
	for name, most in (("reference", 14), ("name", 35)):
		if found := check(getattr(envelope, name), f"envelope.{name}", most, swift=False):
			yield found


def sum_problems(title: str, total: Decimal, records: int) -> Iterator[Finding]:
	"""What the trailer cannot carry."""
	if records > MOST_RECORDS:
		yield finding("format_too_many", format=title, most=MOST_RECORDS)
	if total > LARGEST_SUM:
		yield finding("format_amount", "amount", format=title, most=LARGEST_SUM)


def records(content: bytes, layout: Layout, faults: Faults) -> list[Record]:
	"""The records of a file, all of the layout's length; spaces that somebody cut off their ends are put back.

	Raises:
		UnreadableFile: a line is too long, or the file does not begin and end as it should.
	"""
	found = []
	for number, text in enumerate(lines.decode(content, faults), 1):
		if len(text) > layout.length:
			faults.stop(
				"file_length", "record", number, layout.length + 1, length=len(text), expected=layout.length
			)
		found.append(Record(text.ljust(layout.length), number, faults))
	if found[0].raw(_TYPE) != "HI":
		faults.stop("file_format", "HI", 1, 1, format=layout.title)
	if found[-1].raw(_TYPE) != "TI" or len(found) < 2:
		faults.stop("file_missing", "TI", found[-1].line, 1, expected="trailer record TI")
	if len(found) == 2:
		faults.stop("file_missing", "record", 2, 1, expected="first payment")
	return found


def read_header(record: Record, length: int) -> Header:
	"""The record HI."""
	record.filler(_FILL)
	record.one_of("cancelling batch", _CANCEL, "   ")
	record.filler(Field(69, length - 69))
	created = record.day("created", _CREATED)
	envelope = Envelope(
		reference=record.text(_FILE_ID),
		name=record.text(_NAME),
		created=datetime(created.year, created.month, created.day),
	)
	return Header(envelope, created)


def read_trailer(record: Record, length: int, created: date, count: int, total: Decimal) -> None:
	"""The record TI has to fit what the file holds."""
	record.filler(_FILL, Field(41, length - 41))
	day = record.day("created", _CREATED)
	if day != created:
		record.fault("file_differs", "created", _CREATED, found=day, stated=created)
	stated = int(record.digits("record count", _COUNT))
	if stated != count:
		record.fault("file_count", "record count", _COUNT, stated=stated, found=count)
	sum_ = record.amount("sum", _SUM)
	if sum_ != total:
		record.fault("file_sum", "sum", _SUM, stated=sum_, found=total)
