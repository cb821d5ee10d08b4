"""BEST, domestic payments: records of 351 characters (kb_batch.md, 5.3)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from bank_api.payments import soundness
from bank_api.payments.accounts import iban_of_plain
from bank_api.payments.bank_days import local
from bank_api.payments.findings import Finding, InvalidBatch, finding
from bank_api.payments.formats import best_record as best
from bank_api.payments.formats.base import (
	DEFAULT_TRUST,
	Faults,
	Reading,
	Trust,
	bounded,
	counted,
	finish,
	lost,
	pages,
)
from bank_api.payments.formats.best_record import Field, Record
from bank_api.payments.formats.lines import encode
from bank_api.payments.model import Batch, Envelope, Operation, Party, Payment, Priority, Scheme
from bank_api.payments.texts import not_windows_1250

TITLE = "BEST domestic"
LAYOUT = best.Layout(TITLE, 351)
NAME_LENGTH = 30
_ONLY = {
	"scheme": Scheme.DOMESTIC,
	"partner_bank": None,
	"owner": None,
	"reference": "",
	"end_to_end_id": "",
}
_PRIORITIES = {Priority.NORMAL: "S", Priority.EXPRESS: "E"}
_OPERATIONS = {Operation.TRANSFER: "0", Operation.COLLECTION: "1"}

_NUMBER = Field(2, 5)
_CREATED, _DUE = Field(7, 8), Field(15, 8)
_OWN_CURRENCY, _AMOUNT, _OPERATION = Field(23, 3), Field(26, 15), Field(41, 1)
_PARTNER_CURRENCY, _CONVERSION = Field(42, 3), Field(45, 1)
_CONSTANT, _MESSAGE = Field(46, 10), Field(56, 140)
_OWN_BANK, _OWN_ACCOUNT = Field(199, 4), Field(203, 16)
_OWN_VARIABLE, _OWN_SPECIFIC, _OWN_NOTE = Field(219, 10), Field(229, 10), Field(239, 30)
_BANK, _ACCOUNT = Field(272, 4), Field(276, 16)
_VARIABLE, _SPECIFIC, _NAME = Field(292, 10), Field(302, 10), Field(312, 30)
_PRIORITY, _FOREX = Field(342, 1), Field(343, 1)
_FILLERS = (Field(196, 3), Field(269, 3), Field(344, 7))
_POSITIONS = {
	"account": 204,
	"partner_account": 277,
	"amount": 27,
	"currency": 24,
	"own_currency": 24,
	"partner_currency": 43,
	"message": 57,
	"own_note": 240,
	"partner.name": 313,
	"constant_symbol": 47,
	"variable_symbol": 293,
	"specific_symbol": 303,
	"operation": 42,
	"priority": 343,
}


@dataclass(frozen=True, slots=True)
class BestDomestic:
	"""The format for one bank.

	Attributes:
		bank_code: where the own accounts are.
		first_number: of the first payment. KB wants a client's numbers to be unique on a day, over all files.
	"""

	bank_code: str = "0100"
	first_number: int = 1

	key = "best_domestic"
	title = TITLE
	media_type = "text/plain; charset=windows-1250"
	suffix = ".ikm"
	length = LAYOUT.length

	def problems(self, batch: Batch, envelope: Envelope) -> list[Finding]:
		"""See `Format`."""
		found = lost(batch, TITLE, _ONLY)
		for index, payment in enumerate(batch.payments):
			found.extend(one.at(index) for one in self._payment_problems(payment))
		found.extend(best.sum_problems(TITLE, counted(batch.payments)[1], len(batch)))
		return found + list(best.envelope_problems(envelope))

	def chunks(self, batch: Batch, envelope: Envelope) -> Iterator[bytes]:
		"""See `Format`. The envelope's reference, name and created are carried."""
		soundness.require(batch)
		if problems := self.problems(batch, envelope):
			raise InvalidBatch(problems)
		created = local(envelope.created)
		yield encode(best.header(LAYOUT, envelope, created))
		number, total = self.first_number, Decimal("0.00")
		for page in pages(batch.payments):
			yield encode(
				"".join([_record(place, payment, created) for place, payment in enumerate(page, number)])
			)
			number += len(page)
			total = sum((payment.amount for payment in page), total)
		yield encode(best.trailer(LAYOUT, created, len(batch), total))

	def read(self, content: bytes, trust: Trust = DEFAULT_TRUST) -> Reading:
		"""See `Format`."""
		bounded(content, trust)
		faults = Faults()
		records = best.records(content, LAYOUT, faults)
		envelope, created = best.read_header(records[0], LAYOUT.length)
		numbers: set[str] = set()
		payments, total = [], Decimal("0.00")
		for record in records[1:-1]:
			amount = record.amount("amount", _AMOUNT)
			total += amount
			if (payment := self._payment(record, amount, created, numbers)) is not None:
				payments.append(payment)
		best.read_trailer(records[-1], LAYOUT.length, created, len(records) - 2, total)
		faults.raise_any()
		return finish(payments, envelope, [record.line for record in records[1:-1]], trust, _POSITIONS)

	def _payment_problems(self, payment: Payment) -> Iterator[Finding]:
		if payment.account[4:8] != self.bank_code:
			yield finding("account_other_bank", "account", bank=self.bank_code)
		if payment.priority not in _PRIORITIES:
			yield finding("not_carried", "priority", format=TITLE)
		if payment.partner and payment.partner.address:
			yield finding("not_carried", "partner.address", format=TITLE)
		if payment.partner and len(payment.partner.name) > NAME_LENGTH:
			length = len(payment.partner.name)
			yield finding("text_too_long", "partner.name", length=length, most=NAME_LENGTH)
		if _conversion(payment) is None:
			yield finding(
				"not_carried_value",
				"own_currency",
				format=TITLE,
				reason="where the accounts' currencies differ, the amount is in that of the partner's account.",
			)

	def _payment(self, record: Record, amount: Decimal, created: date, numbers: set[str]) -> Payment | None:
		record.one_of("record type", Field(0, 2), "01")
		number = record.raw(_NUMBER)
		if number in numbers or not (number.isascii() and number.isalnum()):
			record.fault(
				"file_repeated" if number in numbers else "file_field", "number", _NUMBER, expected="number"
			)
		numbers.add(number)
		day = record.day("created", _CREATED)
		if day != created:
			record.fault("file_differs", "created", _CREATED, found=day, stated=created)
		record.filler(*_FILLERS, _OWN_SPECIFIC)
		record.one_of("FOREX deal", _FOREX, "N")
		own_currency, partner_currency = record.raw(_OWN_CURRENCY), record.raw(_PARTNER_CURRENCY)
		converted = record.one_of("conversion", _CONVERSION, " ", "P") == "P"
		if not converted and own_currency != partner_currency:
			record.fault(
				"file_differs",
				"partner_currency",
				_PARTNER_CURRENCY,
				found=partner_currency,
				stated=own_currency,
			)
		priority = record.one_of("priority", _PRIORITY, "S", "E")
		operation = record.one_of("operation", _OPERATION, "0", "1")
		account = self._account(record)
		bank = record.digits("bank", _BANK)
		partner = iban_of_plain(record.digits("partner_account", _ACCOUNT), bank)
		if not partner:
			record.fault("account_invalid", "partner_account", _ACCOUNT)
		constant = record.number("constant_symbol", _CONSTANT)
		if len(constant) > 4:
			record.fault("symbol_invalid", "constant_symbol", _CONSTANT, most=4)
		for name, field in (("message", _MESSAGE), ("own_note", _OWN_NOTE), ("partner.name", _NAME)):
			if wrong := not_windows_1250(record.raw(field)):
				record.fault("text_character", name, field, character=f"U+{ord(wrong):04X}")
		due = record.day("due", _DUE)
		symbols: dict[str, Any] = {
			"variable_symbol": record.number("variable_symbol", _VARIABLE),
			"specific_symbol": record.number("specific_symbol", _SPECIFIC),
			"own_variable_symbol": record.number("own_variable_symbol", _OWN_VARIABLE),
		}
		if record.broken:
			return None
		return Payment(
			account=account,
			partner_account=partner,
			amount=amount,
			due=due,
			currency=partner_currency,
			own_currency=own_currency,
			partner_currency=partner_currency,
			operation=next(one for one, mark in _OPERATIONS.items() if mark == operation),
			priority=next(one for one, mark in _PRIORITIES.items() if mark == priority),
			partner=Party(record.text(_NAME)),
			constant_symbol=constant,
			message=record.text(_MESSAGE),
			own_note=record.text(_OWN_NOTE),
			**symbols,
		)

	def _account(self, record: Record) -> str:
		bank = record.digits("own bank", _OWN_BANK)
		if bank != self.bank_code:
			record.fault("account_other_bank", "account", _OWN_BANK, bank=self.bank_code)
		account = iban_of_plain(record.digits("account", _OWN_ACCOUNT), bank)
		if not account:
			record.fault("account_invalid", "account", _OWN_ACCOUNT)
		return account


def _conversion(payment: Payment) -> str | None:
	"""The mark of what the amount is in; None for what BEST cannot say."""
	own = payment.own_currency or payment.currency
	partner = payment.partner_currency or payment.currency
	if own == partner:
		return " " if own == payment.currency else None
	return "P" if partner == payment.currency else None


def _record(number: int, payment: Payment, created: datetime) -> str:
	own, other = payment.account, payment.partner_account
	own_currency = payment.own_currency or payment.currency
	partner_currency = payment.partner_currency or payment.currency
	name = payment.partner.name if payment.partner else ""
	return (
		f"01{best.number(number)}{created:%Y%m%d}{payment.due:%Y%m%d}{own_currency}{best.hundredths(payment.amount, 15)}"
		f"{_OPERATIONS[payment.operation]}{partner_currency}{_conversion(payment)}"
		f"{payment.constant_symbol.rjust(10, '0')}{payment.message:140}{'':3}{own[4:8]}{own[8:]}"
		f"{payment.own_variable_symbol.rjust(10, '0')}{'0' * 10}{payment.own_note:30}{'':3}{other[4:8]}{other[8:]}"
		f"{payment.variable_symbol.rjust(10, '0')}{payment.specific_symbol.rjust(10, '0')}{name:30}"
		f"{_PRIORITIES[payment.priority]}N{'':7}\r\n"
	)
