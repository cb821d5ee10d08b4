"""Reading pain.001 (kb_batch.md, 5.4): counts and sums have to hold, and what is not understood is refused."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from bank_api.payments.bank_codes import BANK_CODES
from bank_api.payments.formats import remittance
from bank_api.payments.formats.base import Faults, Reading, Trust, finish
from bank_api.payments.formats.pain001_words import ADDRESS, NAMESPACE, NOT_PROVIDED, TITLE, VERSIONS
from bank_api.payments.formats.xml_tree import Element, parse
from bank_api.payments.model import Address, Bank, Envelope, Party, Payment, Scheme

_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,5})?")
_COUNT = re.compile(r"[0-9]{1,15}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
	r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
_SCHEMA_PLACE = "http://www.w3.org/2001/XMLSchema-instance schemaLocation"
_ZERO = Decimal("0.00")


class Pain001Reader:
	"""Reads one document.

	Args:
		trust: what may be accepted.
	"""

	def __init__(self, trust: Trust):
		self._trust = trust
		self._faults = Faults()
		self._payments: list[Payment] = []
		self._lines: list[int] = []

	def read(self, content: bytes) -> Reading:
		"""The whole document.

		Raises:
			UnreadableFile: it is not one that can be trusted.
		"""
		spaces = [NAMESPACE + version for version in VERSIONS]
		root = parse(content, self._faults, spaces, {"CdtTrfTxInf": _transaction})
		if root.tag != "Document":
			root.stop("file_format", format=TITLE)
		root.attributes.pop(_SCHEMA_PLACE, None)
		initiation = root.need("CstmrCdtTrfInitn")
		root.done()
		header = initiation.need("GrpHdr")
		counted, summed = header.need("NbOfTxs"), header.take("CtrlSum")
		envelope = _header(header)
		blocks = initiation.take_all("PmtInf")
		if not blocks:
			initiation.stop("file_missing", expected="PmtInf")
		summed_blocks = [self._information(block) for block in blocks]
		initiation.done()
		if summed is None and not all(summed_blocks):
			header.stop("file_missing", expected="CtrlSum")
		_compare(counted, summed, len(self._payments), self._payments)
		self._faults.raise_any()
		return finish(self._payments, envelope, self._lines, self._trust)

	def _information(self, block: Element) -> bool:
		"""One block of payments; whether it has a sum of its own."""
		block.need_leaf("PmtInfId")
		if block.fixed("PmtMtd", "TRF") == "":
			block.stop("file_missing", expected="PmtMtd")
		block.fixed("BtchBookg", "true", "false")
		counted, summed = block.take("NbOfTxs"), block.take("CtrlSum")
		kind = block.take("PmtTpInf")
		sepa = _is_sepa(kind)
		due = _due(block.need("ReqdExctnDt"))
		owner = _party(block.need("Dbtr"))
		account, currency = _account(block.need("DbtrAcct"))
		_own_agent(block.need("DbtrAgt"), account)
		charges = block.fixed("ChrgBr", "SLEV")
		rows = block.take_all("CdtTrfTxInf")
		block.done()
		if not rows:
			block.stop("file_missing", expected="CdtTrfTxInf")
		before = len(self._payments)
		for row in rows:
			fields, has_sepa, has_charges = row.value
			if not (sepa or has_sepa):
				row.fault("file_missing", expected="service level SEPA")
			if not (charges or has_charges):
				row.fault("file_missing", expected="ChrgBr")
			self._payments.append(
				Payment(
					account=account, own_currency=currency, due=due, owner=owner, scheme=Scheme.SEPA, **fields
				)
			)
			self._lines.append(row.line)
		mine = self._payments[before:]
		_compare(counted, summed, len(mine), mine)
		return summed is not None


def _compare(counted: Element | None, summed: Element | None, count: int, payments: list[Payment]) -> None:
	if counted is not None:
		stated = counted.own_text()
		if not _COUNT.fullmatch(stated) or int(stated) != count:
			counted.fault("file_count", stated=stated, found=count)
	if summed is not None:
		stated, found = summed.own_text(), sum((payment.amount for payment in payments), _ZERO)
		if not _NUMBER.fullmatch(stated) or Decimal(stated) != found:
			summed.fault("file_sum", stated=stated, found=found)


def _header(header: Element) -> Envelope:
	reference = header.need_leaf("MsgId")
	when = header.need("CreDtTm")
	party = header.need("InitgPty")
	sender = party.leaf("Nm")
	party.take("Id")  # says who sends the file, not what is paid
	party.done()
	header.done()
	match = _INSTANT.fullmatch(when.own_text())
	try:
		created = datetime.fromisoformat(match[1]) if match else None
	except ValueError:
		created = None
	if created is None:
		when.stop("file_field", expected="date and time")
	return Envelope(reference=reference, sender=sender, created=created)


def _is_sepa(kind: Element | None) -> bool:
	if kind is None:
		return False
	kind.fixed("InstrPrty", "NORM")
	level = kind.take("SvcLvl")
	kind.done()
	if level is None:
		return False
	found = level.fixed("Cd", "SEPA")
	level.done()
	return found == "SEPA"


def _due(element: Element) -> date:
	inner = element.take("Dt")
	version_03 = element.space.endswith(VERSIONS[0])
	if (inner is None) is not version_03:
		element.stop("file_field", expected="date as this version writes it")
	text = (inner or element).own_text()
	if inner is not None:
		element.done()
	try:
		if _DATE.fullmatch(text):
			return date.fromisoformat(text)
	except ValueError:
		pass
	element.stop("file_field", expected="date YYYY-MM-DD")


def _account(element: Element) -> tuple[str, str]:
	number = element.need("Id")
	iban = number.need_leaf("IBAN")
	number.done()
	currency = element.leaf("Ccy")
	element.done()
	return iban, currency


def _own_agent(element: Element, account: str) -> None:
	"""The own bank; the account's number tells it, so another one here is a contradiction."""
	bic = _agent(element)
	known = BANK_CODES.get(account[4:8], "")
	if bic and known and bic != known:
		element.fault("file_differs", found=bic, stated=known)


def _agent(element: Element) -> str:
	"""A bank's BIC without a head office's XXX; empty where it says that none is provided."""
	institution = element.need("FinInstnId")
	element.done()
	bic = institution.leaf("BIC" if element.space.endswith(VERSIONS[0]) else "BICFI")
	other = institution.take("Othr")
	if other is not None:
		other.fixed("Id", NOT_PROVIDED)
		other.done()
	institution.done()
	if not bic and other is None:
		institution.stop("file_missing", expected="BIC")
	return Bank(bic).bic


def _party(element: Element) -> Party:
	name = element.leaf("Nm")
	address = element.take("PstlAdr")
	element.done()
	return Party(name, _address(address) if address else None)


def _address(element: Element) -> Address:
	found = Address(**{name: element.leaf(tag) for tag, name in ADDRESS.items()})
	element.done()
	return found


def _transaction(row: Element) -> tuple[dict[str, Any], bool, bool]:
	"""What is kept of a payment: the model's fields, whether it says SEPA itself, and who bears its charges."""
	ids = row.need("PmtId")
	reference, end_to_end = ids.leaf("InstrId"), ids.need_leaf("EndToEndId")
	ids.done()
	sepa = _is_sepa(row.take("PmtTpInf"))
	amount, currency = _instructed(row.need("Amt"))
	charges = bool(row.fixed("ChrgBr", "SLEV"))
	agent = row.take("CdtrAgt")
	bic = _agent(agent) if agent else ""
	partner = _party(row.need("Cdtr"))
	account, partner_currency = _account(row.need("CdtrAcct"))
	message, symbols = _remittance(row.take("RmtInf"))
	row.done()
	fields = {
		"partner_account": account,
		"amount": amount,
		"currency": currency,
		"partner": partner,
		"partner_bank": Bank(bic),
		"message": message,
		"partner_currency": partner_currency,
		"reference": reference,
		"end_to_end_id": "" if end_to_end == NOT_PROVIDED else end_to_end,
		**symbols,
	}
	return fields, sepa, charges


def _instructed(element: Element) -> tuple[Decimal, str]:
	inner = element.need("InstdAmt")
	element.done()
	currency = inner.attributes.pop("Ccy", "")
	text = inner.own_text()
	if not _NUMBER.fullmatch(text):
		inner.stop("file_field", expected="amount")
	return Decimal(text), currency


def _remittance(element: Element | None) -> tuple[str, dict[str, str]]:
	if element is None:
		return "", {}
	text = element.need_leaf("Ustrd")
	element.done()
	return remittance.read(text)
