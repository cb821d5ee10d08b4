"""ABO, which KB calls KM: Czech domestic orders in CZK (kb_batch.md, 5.1).

A file is `UHL1`, then accounting files, each of one kind of order, then in them groups with one own account and one
day, then the items. What the fields mean for collections is said by ČSOB's description of the format.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby, islice
from operator import attrgetter
from typing import NamedTuple

from bank_api.payments import soundness, texts
from bank_api.payments.bank_days import local
from bank_api.payments.findings import Finding, InvalidBatch, finding
from bank_api.payments.formats.abo_read import AboReader
from bank_api.payments.formats.base import DEFAULT_TRUST, Reading, Trust, bounded, counted, lost, pages
from bank_api.payments.formats.lines import encode, is_digits
from bank_api.payments.model import Batch, Envelope, Operation, Payment, Priority, Scheme

TITLE = "ABO (KM)"
LARGEST_SUM = Decimal("999999999999.99")
"""Fourteen digits of hundredths."""
LAST_FILE = 999
_KINDS = {Operation.TRANSFER: "1501", Operation.COLLECTION: "1502"}
_ONLY = {
	"scheme": Scheme.DOMESTIC,
	"priority": Priority.NORMAL,
	"currency": "CZK",
	"own_currency": "",
	"partner_currency": "",
	"partner": None,
	"partner_bank": None,
	"owner": None,
	"own_note": "",
	"own_variable_symbol": "",
	"reference": "",
	"end_to_end_id": "",
}
_operation = attrgetter("operation")
_account_and_day = attrgetter("account", "due")
_message = attrgetter("message")


class _Group(NamedTuple):
	"""Payments of one own account and one day that follow each other."""

	account: str
	due: date
	size: int
	total: Decimal


class _File(NamedTuple):
	"""Groups of one kind of order that follow each other."""

	operation: Operation
	groups: list[_Group]


@dataclass(frozen=True, slots=True)
class Abo:
	"""The format for one bank.

	Attributes:
		bank_code: where the own accounts are; a file of another bank is refused.
		first_file: number of the first accounting file. KB takes each number only once a day.
		file_items: payments in an accounting file; 99,999 are the most, KB recommends 90,000.
	"""

	bank_code: str = "0100"
	first_file: int = 1
	file_items: int = 90_000

	key = "abo"
	title = TITLE
	media_type = "text/plain; charset=windows-1250"
	suffix = ".kpc"

	def problems(self, batch: Batch, envelope: Envelope) -> list[Finding]:
		"""See `Format`."""
		return self._problems(batch, envelope, self._files(batch))

	def chunks(self, batch: Batch, envelope: Envelope) -> Iterator[bytes]:
		"""See `Format`. The envelope's sender, sender_number and created are carried."""
		soundness.require(batch)
		files = self._files(batch)
		if problems := self._problems(batch, envelope, files):
			raise InvalidBatch(problems)
		yield encode(self._header(envelope))
		payments = iter(batch.payments)
		for number, (operation, groups) in enumerate(files, self.first_file):
			yield encode(f"1 {_KINDS[operation]} {number:03d}000 {self.bank_code}\r\n")
			for group in groups:
				yield encode(_group_head(group))
				yield from _items(payments, group.size)
				yield b"3 +\r\n"
			yield b"5 +\r\n"

	def read(self, content: bytes, trust: Trust = DEFAULT_TRUST) -> Reading:
		"""See `Format`."""
		bounded(content, trust)
		return AboReader(self.bank_code, trust).read(content)

	def _problems(self, batch: Batch, envelope: Envelope, files: list[_File]) -> list[Finding]:
		payments = batch.payments
		groups = [group for _, members in files for group in members]
		found = lost(batch, TITLE, _ONLY)
		if any(group.account[4:8] != self.bank_code for group in groups):
			found += [
				finding("account_other_bank", "account", payment=index, bank=self.bank_code)
				for index, payment in enumerate(payments)
				if payment.account[4:8] != self.bank_code
			]
		if "message" in batch.filled() and any(
			"|" in "".join(map(_message, page)) for page in pages(payments)
		):
			found += [
				finding("text_character", "message", payment=index, character="|")
				for index, payment in enumerate(payments)
				if "|" in payment.message
			]
		if any(group.total > LARGEST_SUM for group in groups):
			found.append(finding("format_amount", "amount", format=TITLE, most=LARGEST_SUM))
		if not 1 <= self.first_file <= self.first_file + len(files) - 1 <= LAST_FILE:
			found.append(finding("format_too_many", format=TITLE, most=LAST_FILE * self.file_items))
		return found + list(_envelope_problems(envelope))

	def _files(self, batch: Batch) -> list[_File]:
		"""Runs of payments that belong together. They are not sorted, so that the file keeps their order."""
		found = []
		for operation, run in _runs(batch):
			while groups := _groups(islice(run, self.file_items)):
				found.append(_File(operation, groups))
		return found

	def _header(self, envelope: Envelope) -> str:
		created = local(envelope.created)
		number = envelope.sender_number.rjust(10, "0")
		return f"UHL1{created:%d%m%y}{envelope.sender:20}{number}001{LAST_FILE}{'0' * 12}\r\n"


def _runs(batch: Batch) -> Iterable[tuple[Operation, Iterator[Payment]]]:
	if "operation" not in batch.filled():
		return [(Operation.TRANSFER, iter(batch.payments))]
	return groupby(batch.payments, _operation)


def _groups(payments: Iterable[Payment]) -> list[_Group]:
	return [
		_Group(account, due, *counted(run)) for (account, due), run in groupby(payments, _account_and_day)
	]


def _envelope_problems(envelope: Envelope) -> Iterator[Finding]:
	if found := texts.check(envelope.sender, "envelope.sender", 20, swift=False):
		yield found
	if envelope.sender_number and not (
		is_digits(envelope.sender_number) and len(envelope.sender_number) <= 10
	):
		yield finding("symbol_invalid", "envelope.sender_number", most=10)


def _group_head(group: _Group) -> str:
	account = f"{group.account[8:14]}-{group.account[14:]}"
	return f"2 {account} {str(group.total).replace('.', '').zfill(14)} {group.due:%d%m%y}\r\n"


def _items(payments: Iterator[Payment], count: int) -> Iterator[bytes]:
	# No call of ours for the usual payment: writing a file is to take no longer than a few times the writing of its
	# bytes. Sound amounts have two places, so dropping the point gives hundredths.
	for page in pages(payments, count):
		items: list[str] = []
		add = items.append
		for payment in page:
			account, message = payment.partner_account, payment.message
			constant, specific = payment.constant_symbol, payment.specific_symbol
			add(
				f"{account[8:14]}-{account[14:]} {str(payment.amount).replace('.', '').rjust(12, '0')} "
				f"{payment.variable_symbol or '0'} {account[4:8]}{constant.rjust(4, '0') if constant else '0000'} "
				f"{specific.rjust(10, '0') if specific else '0000000000'}"
				f"{f' AV:{message}' if 0 < len(message) <= texts.LINE else _end(message)}\r\n"
			)
		yield encode("".join(items))


def _end(message: str) -> str:
	return f" AV:{'|'.join(texts.lines(message))}" if message else ""
