"""pain.001: SEPA credit transfers in EUR, as KB takes them (kb_batch.md, 5.4).

Written as text, since every text of a sound SEPA payment is in SWIFT's set, which holds none of the characters that XML
would have to escape.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, groupby
from operator import attrgetter
from typing import NamedTuple

from bank_api.payments import soundness, texts
from bank_api.payments.bank_codes import BANK_CODES
from bank_api.payments.bank_days import local
from bank_api.payments.findings import Finding, InvalidBatch, finding
from bank_api.payments.formats import remittance
from bank_api.payments.formats.base import DEFAULT_TRUST, Reading, Trust, bounded, counted, lost, pages
from bank_api.payments.formats.pain001_read import Pain001Reader
from bank_api.payments.formats.pain001_words import ADDRESS, NAMESPACE, NOT_PROVIDED, TITLE, VERSIONS
from bank_api.payments.model import (
	Address,
	Batch,
	Charges,
	Envelope,
	Operation,
	Party,
	Payment,
	Priority,
	Scheme,
)

_ONLY = {
	"scheme": Scheme.SEPA,
	"currency": "EUR",
	"operation": Operation.TRANSFER,
	"priority": Priority.NORMAL,
	"charges": Charges.SHARED,
	"own_note": "",
	"own_variable_symbol": "",
}
_LONGEST = 35
_information = attrgetter("account", "own_currency", "due", "owner")


class _Block(NamedTuple):
	"""Payments that follow each other and share what a block of the file says: its first one, their number and sum."""

	first: Payment
	size: int
	total: Decimal


@dataclass(frozen=True, slots=True)
class Pain001:
	"""The format in one version.

	Attributes:
		version: `03`, which KB takes, or `09` for banks that want it.
		batch_booking: whether the bank is to book one sum for each block; None leaves it to the bank.
	"""

	version: str = "03"
	batch_booking: bool | None = None

	media_type = "application/xml"
	suffix = ".xml"
	title = TITLE

	def __post_init__(self) -> None:
		if self.version not in VERSIONS:
			raise ValueError("pain.001.001 is written in the versions 03 and 09")

	@property
	def key(self) -> str:
		"""See `Format`."""
		return f"pain001_{self.version}"

	def problems(self, batch: Batch, envelope: Envelope) -> list[Finding]:
		"""See `Format`."""
		found = lost(batch, TITLE, _ONLY)
		for index, payment in enumerate(batch.payments):
			found.extend(one.at(index) for one in _payment_problems(payment))
		return found + list(_envelope_problems(envelope))

	def chunks(self, batch: Batch, envelope: Envelope) -> Iterator[bytes]:
		"""See `Format`. The envelope's reference, sender and created are carried; the reference is needed."""
		soundness.require(batch)
		if problems := self.problems(batch, envelope):
			raise InvalidBatch(problems)
		blocks = list(_blocks(batch))
		yield self._head(batch, blocks, envelope).encode()
		payments = iter(batch.payments)
		for number, block in enumerate(blocks, 1):
			yield self._information(block, envelope.reference, number).encode()
			for page in pages(payments, block.size):
				yield "".join(map(self._transaction, page)).encode()
			yield b"</PmtInf>"
		yield b"</CstmrCdtTrfInitn></Document>"

	def read(self, content: bytes, trust: Trust = DEFAULT_TRUST) -> Reading:
		"""See `Format`. Both versions are read."""
		bounded(content, trust)
		return Pain001Reader(trust).read(content)

	def _head(self, batch: Batch, blocks: list[_Block], envelope: Envelope) -> str:
		created = local(envelope.created)
		total = sum((block.total for block in blocks), Decimal("0.00"))
		name = f"<Nm>{envelope.sender}</Nm>" if envelope.sender else ""
		return (
			f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}{self.version}"><CstmrCdtTrfInitn>'
			f"<GrpHdr><MsgId>{envelope.reference}</MsgId><CreDtTm>{created:%Y-%m-%dT%H:%M:%S}</CreDtTm>"
			f"<NbOfTxs>{len(batch)}</NbOfTxs><CtrlSum>{total}</CtrlSum><InitgPty>{name}</InitgPty></GrpHdr>"
		)

	def _information(self, block: _Block, reference: str, number: int) -> str:
		first = block.first
		ending = f"-{number}"
		booking = (
			"" if self.batch_booking is None else f"<BtchBookg>{str(self.batch_booking).lower()}</BtchBookg>"
		)
		day = first.due.isoformat()
		due = day if self.version == "03" else f"<Dt>{day}</Dt>"
		currency = f"<Ccy>{first.own_currency}</Ccy>" if first.own_currency else ""
		bic = BANK_CODES.get(first.account[4:8], "")
		agent = self._bic(bic) if bic else f"<Othr><Id>{NOT_PROVIDED}</Id></Othr>"
		return (
			f"<PmtInf><PmtInfId>{reference[: _LONGEST - len(ending)]}{ending}</PmtInfId><PmtMtd>TRF</PmtMtd>{booking}"
			f"<NbOfTxs>{block.size}</NbOfTxs><CtrlSum>{block.total}</CtrlSum>"
			f"<PmtTpInf><SvcLvl><Cd>SEPA</Cd></SvcLvl></PmtTpInf><ReqdExctnDt>{due}</ReqdExctnDt>"
			f"<Dbtr>{_party(first.owner)}</Dbtr><DbtrAcct><Id><IBAN>{first.account}</IBAN></Id>{currency}</DbtrAcct>"
			f"<DbtrAgt><FinInstnId>{agent}</FinInstnId></DbtrAgt><ChrgBr>SLEV</ChrgBr>"
		)

	def _transaction(self, payment: Payment) -> str:
		reference = f"<InstrId>{payment.reference}</InstrId>" if payment.reference else ""
		bank = payment.partner_bank
		agent = f"<CdtrAgt><FinInstnId>{self._bic(bank.bic)}</FinInstnId></CdtrAgt>" if bank else ""
		currency = f"<Ccy>{payment.partner_currency}</Ccy>" if payment.partner_currency else ""
		text = remittance.written(payment)
		message = f"<RmtInf><Ustrd>{text}</Ustrd></RmtInf>" if text else ""
		return (
			f"<CdtTrfTxInf><PmtId>{reference}<EndToEndId>{payment.end_to_end_id or NOT_PROVIDED}</EndToEndId></PmtId>"
			f'<Amt><InstdAmt Ccy="EUR">{payment.amount}</InstdAmt></Amt>{agent}<Cdtr>{_party(payment.partner)}</Cdtr>'
			f"<CdtrAcct><Id><IBAN>{payment.partner_account}</IBAN></Id>{currency}</CdtrAcct>{message}</CdtTrfTxInf>"
		)

	def _bic(self, bic: str) -> str:
		return f"<BIC>{bic}</BIC>" if self.version == "03" else f"<BICFI>{bic}</BICFI>"


def _blocks(batch: Batch) -> Iterator[_Block]:
	for _, run in groupby(batch.payments, _information):
		yield _block(run)


def _block(run: Iterator[Payment]) -> _Block:
	first = next(run)
	return _Block(first, *counted(chain([first], run)))


def _party(party: Party | None) -> str:
	if party is None:
		return ""
	return f"<Nm>{party.name}</Nm>{_address(party.address)}" if party.address else f"<Nm>{party.name}</Nm>"


def _address(address: Address) -> str:
	inner = "".join(
		f"<{tag}>{text}</{tag}>" for tag, name in ADDRESS.items() if (text := getattr(address, name))
	)
	return f"<PstlAdr>{inner}</PstlAdr>"


def _payment_problems(payment: Payment) -> Iterator[Finding]:
	if not (payment.owner and payment.owner.name):
		yield finding("needed", "owner.name", format=TITLE)
	if payment.end_to_end_id == NOT_PROVIDED:
		yield finding(
			"not_carried_value", "end_to_end_id", format=TITLE, reason="this word means that there is none."
		)
	bank = payment.partner_bank
	if bank and not bank.bic:
		yield finding("needed", "partner_bank.bic", format=TITLE)
	if bank and (bank.name or bank.address):
		yield finding("not_carried", "partner_bank.name", format=TITLE)
	yield from remittance.problems(payment)


def _envelope_problems(envelope: Envelope) -> Iterator[Finding]:
	if not envelope.reference:
		yield finding("needed", "envelope.reference", format=TITLE)
	if found := texts.check(envelope.reference, "envelope.reference", _LONGEST, swift=True):
		yield found
	elif envelope.reference.startswith("/") or envelope.reference.endswith("/") or "//" in envelope.reference:
		yield finding("reference_slash", "envelope.reference")
	if found := texts.check(envelope.sender, "envelope.sender", soundness.NAME_LENGTH, swift=True):
		yield found
