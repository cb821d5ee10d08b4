"""BEST, foreign and SEPA payments: records of 882 characters, 02 for a payment, 03 behind it for addresses
(kb_batch.md, 5.3)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bank_api.payments import soundness, texts
from bank_api.payments.bank_days import local
from bank_api.payments.findings import Finding, InvalidBatch, finding
from bank_api.payments.formats import best_record as best
from bank_api.payments.formats import remittance
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
from bank_api.payments.formats.best_foreign_read import ForeignReader
from bank_api.payments.formats.best_foreign_words import (
	BETWEEN,
	CHARGES,
	LAYOUT,
	POSITIONS,
	PRIORITIES,
	TITLE,
)
from bank_api.payments.formats.lines import encode
from bank_api.payments.model import Address, Batch, Envelope, Operation, Party, Payment, Scheme

_ONLY = {
	"operation": Operation.TRANSFER,
	"own_note": "",
	"own_variable_symbol": "",
	"partner_currency": "",
	"reference": "",
	"end_to_end_id": "",
}


@dataclass(frozen=True, slots=True)
class BestForeign:
	"""The format for one bank.

	Attributes:
		bank_code: where the own accounts are.
		first_number: of the first payment. KB wants a client's numbers to be unique on a day, over all files.
	"""

	bank_code: str = "0100"
	first_number: int = 1

	key = "best_foreign"
	title = TITLE
	media_type = "text/plain; charset=windows-1250"
	suffix = ".ikm"

	def problems(self, batch: Batch, envelope: Envelope) -> list[Finding]:
		"""See `Format`."""
		found = lost(batch, TITLE, _ONLY)
		for index, payment in enumerate(batch.payments):
			found.extend(one.at(index) for one in self._payment_problems(payment))
		records = len(batch) + sum(map(_needs_addresses, batch.payments))
		found.extend(best.sum_problems(TITLE, counted(batch.payments)[1], records))
		return found + list(best.envelope_problems(envelope))

	def chunks(self, batch: Batch, envelope: Envelope) -> Iterator[bytes]:
		"""See `Format`. The envelope's reference, name and created are carried."""
		soundness.require(batch)
		if problems := self.problems(batch, envelope):
			raise InvalidBatch(problems)
		created = local(envelope.created)
		yield encode(best.header(LAYOUT, envelope, created))
		number, count, total = self.first_number, 0, Decimal("0.00")
		for page in pages(batch.payments):
			records = [
				record
				for place, payment in enumerate(page, number)
				for record in _records(place, payment, created)
			]
			number, count = number + len(page), count + len(records)
			total = sum((payment.amount for payment in page), total)
			yield encode("".join(records))
		yield encode(best.trailer(LAYOUT, created, count, total))

	def read(self, content: bytes, trust: Trust = DEFAULT_TRUST) -> Reading:
		"""See `Format`."""
		bounded(content, trust)
		faults = Faults()
		records = best.records(content, LAYOUT, faults)
		envelope, created = best.read_header(records[0], LAYOUT.length)
		reader = ForeignReader(self.bank_code, created)
		for record in records[1:-1]:
			reader.take(record)
		best.read_trailer(records[-1], LAYOUT.length, created, len(records) - 2, reader.total)
		faults.raise_any()
		return finish(reader.payments, envelope, reader.lines, trust, POSITIONS)

	def _payment_problems(self, payment: Payment) -> Iterator[Finding]:
		if payment.scheme is Scheme.DOMESTIC:
			yield finding("not_carried", "scheme", format=TITLE)
			return
		if payment.account[4:8] != self.bank_code:
			yield finding("account_other_bank", "account", bank=self.bank_code)
		yield from remittance.problems(payment, BETWEEN)
		if found := texts.line_start(remittance.written(payment, BETWEEN), "message"):
			yield found
		yield from _owner_problems(payment.owner)
		yield from _starts(payment)


def _owner_problems(owner: Party | None) -> Iterator[Finding]:
	"""The payer has four lines of 35 and no record of its own."""
	if owner is None:
		return
	address = owner.address or Address()
	parts = {
		"owner.name": owner.name,
		"owner.address.street": address.street,
		"owner.address.town": _town(address),
	}
	for name, text in parts.items():
		if len(text) > texts.LINE:
			yield finding("text_too_long", name, length=len(text), most=texts.LINE)
	for name in ("building", "region"):
		if getattr(address, name):
			yield finding("not_carried", f"owner.address.{name}", format=TITLE)
	if ", " in address.town or ", " in address.postcode:
		reason = "a comma divides the town from its postal code."
		yield finding("not_carried_value", "owner.address.town", format=TITLE, reason=reason)
	if address.town.endswith(","):
		yield finding("not_carried_value", "owner.address.town", format=TITLE, reason="it ends with a comma.")


def _starts(payment: Payment) -> Iterator[Finding]:
	"""No field and no line may begin with `-` or `:`."""
	bank = payment.partner_bank
	for where, party in (
		("owner", payment.owner),
		("partner", payment.partner),
		("partner_bank", Party(bank.name, bank.address) if bank else None),
	):
		if party is None:
			continue
		if found := texts.line_start(party.name, f"{where}.name"):
			yield found
		for name in ("street", "building", "postcode", "town", "region") if party.address else ():
			if found := texts.line_start(getattr(party.address, name), f"{where}.address.{name}"):
				yield found


def _town(address: Address) -> str:
	return f"{address.town}, {address.postcode}" if address.postcode else address.town


def _four_lines(party: Party | None) -> str:
	"""Name, street, "town, postal code" and country in lines of 35, cut where they do not fit."""
	if party is None:
		return " " * 140
	address = party.address or Address()
	street = f"{address.street} {address.building}".strip()
	return "".join(
		f"{line[: texts.LINE]:35}" for line in (party.name, street, _town(address), address.country)
	)


def _records(number: int, payment: Payment, created: datetime) -> list[str]:
	own, bank = payment.account, payment.partner_bank
	own_currency = payment.own_currency or payment.currency
	sepa = payment.scheme is Scheme.SEPA
	bank_party = Party(bank.name, bank.address) if bank else None
	first = (
		f"02{'':6}{best.number(number)}{created:%Y%m%d}{payment.due:%Y%m%d}{payment.currency}"
		f"{best.hundredths(payment.amount, 15)}{'SLV' if sepa else CHARGES[payment.charges]}{own[8:]}{own_currency}"
		f"{PRIORITIES[payment.priority]}{'0' * 10}{'':20}N{'':19}{own[4:8]}{own[8:]}{own_currency}{'':105}"
		f"{bank.bic if bank else '':35}{_four_lines(payment.owner)}{remittance.written(payment, BETWEEN):140}/"
		f"{payment.partner_account:34}{_four_lines(payment.partner)}{_four_lines(bank_party)}N{'Y' if sepa else 'N'}"
	)
	found = [f"{first:{LAYOUT.length}}\r\n"]
	if _needs_addresses(payment):
		found.append(_addresses(number, payment.partner or Party(), bank_party or Party()))
	return found


def _needs_addresses(payment: Payment) -> bool:
	partner, bank = payment.partner, payment.partner_bank
	if bank and (bank.name or bank.address):
		return True
	return bool(partner and (partner.address or len(partner.name) > texts.LINE))


def _addresses(number: int, partner: Party, bank: Party) -> str:
	one, two = partner.address or Address(), bank.address or Address()
	text = (
		f"03{'':6}{best.number(number)}{partner.name:140}{one.street:70}{one.building:16}{one.postcode:16}{one.town:35}"
		f"{one.region:35}{one.country:2}{bank.name:140}{two.street:70}{two.building:16}{two.postcode:16}{two.town:35}"
		f"{two.region:35}{two.country:2}"
	)
	return f"{text:{LAYOUT.length}}\r\n"
