"""KB's JSON batch, the body of BATCHDA version 3 (kb_batch.md, 3.1).

The batch's number and name are no part of the body: they travel as headers, so the connector sends them. The names of
an address's members are those of the Czech standard (COBS) that the body follows.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from bank_api.payments import accounts
from bank_api.payments.findings import Finding, finding
from bank_api.payments.formats.base import DEFAULT_TRUST, Reading, Trust, bounded, lost, pages, require
from bank_api.payments.formats.kb_json_read import KbJsonReader
from bank_api.payments.formats.kb_json_words import ADDRESS, CHARGES, LIST, PRIORITIES, SYMBOLS, TITLE
from bank_api.payments.model import Address, Bank, Batch, Envelope, Operation, Party, Payment, Priority

_ONLY = {"operation": Operation.TRANSFER, "own_note": "", "own_variable_symbol": ""}


@dataclass(frozen=True, slots=True)
class KbJson:
	"""The format for one interface.

	Attributes:
		identification: what the member with the ids is called. One published client writes it with a capital letter
			(kb_batch.md, 3.1), so it is a setting; both are read.
		most: payments in a batch.
	"""

	identification: str = "paymentIdentification"
	most: int = 100

	key = "kb_json"
	title = TITLE
	media_type = "application/json"
	suffix = ".json"

	def problems(self, batch: Batch, envelope: Envelope) -> list[Finding]:
		"""See `Format`."""
		found = lost(batch, TITLE, _ONLY)
		if len(batch) > self.most:
			found.append(finding("format_too_many", format=TITLE, most=self.most))
		for index, payment in enumerate(batch.payments):
			found.extend(one.at(index) for one in _payment_problems(payment))
		return found

	def chunks(self, batch: Batch, envelope: Envelope) -> Iterator[bytes]:
		"""See `Format`. Nothing of the envelope is carried."""
		require(self, batch, envelope)
		yield f'{{"{LIST}":['.encode()
		for number, page in enumerate(pages(batch.payments)):
			yield f"{',' if number else ''}{','.join(map(self._payment, page))}".encode()
		yield b"]}"

	def read(self, content: bytes, trust: Trust = DEFAULT_TRUST) -> Reading:
		"""See `Format`."""
		bounded(content, trust)
		return KbJsonReader(self.most, trust).read(content)

	def _payment(self, payment: Payment) -> str:
		priority = "" if payment.priority is Priority.NORMAL else PRIORITIES[payment.priority]
		# The amount is written as it is, so that the JSON number never was a float.
		amount = _object(value=format(payment.amount, "f"), currency=_text(payment.currency))
		ids = _object(
			instructionIdentification=_text(payment.reference),
			endToEndIdentification=_text(payment.end_to_end_id),
		)
		members = {
			self.identification: ids,
			"paymentTypeInformation": _object(instructionPriority=_text(priority)),
			"amount": _object(instructedAmount=amount),
			"requestedExecutionDate": _text(payment.due.isoformat()),
			"chargeBearer": _text(CHARGES[payment.scheme].get(payment.charges, "")),
			"debtor": _party(payment.owner),
			"debtorAccount": _account(payment.account, payment.own_currency or payment.currency),
			"creditorAgent": _bank(payment.partner_bank),
			"creditor": _party(payment.partner),
			"creditorAccount": _account(
				payment.partner_account, payment.partner_currency or payment.currency
			),
			"remittanceInformation": _remittance(payment),
		}
		return _object(**members)


def _object(**members: str) -> str:
	"""A JSON object of members that are JSON; those without a value are left out, and nothing remains of none."""
	inner = ",".join(f'"{name}":{value}' for name, value in members.items() if value)
	return f"{{{inner}}}" if inner else ""


def _text(text: str) -> str:
	return json.dumps(text, ensure_ascii=False) if text else ""


def _account(iban: str, currency: str) -> str:
	return _object(identification=_object(iban=_text(iban)), currency=_text(currency))


def _party(party: Party | None) -> str:
	return _object(name=_text(party.name), postalAddress=_address(party.address)) if party else ""


def _bank(bank: Bank | None) -> str:
	if bank is None:
		return ""
	inner = _object(bic=_text(bank.bic), name=_text(bank.name), postalAddress=_address(bank.address))
	return _object(financialInstitutionIdentification=inner)


def _address(address: Address | None) -> str:
	if address is None:
		return ""
	return _object(**{name: _text(getattr(address, field)) for name, field in ADDRESS.items()})


def _remittance(payment: Payment) -> str:
	texts = [
		f'"{mark}:{getattr(payment, field)}"' for mark, field in SYMBOLS.items() if getattr(payment, field)
	]
	references = f"[{','.join(texts)}]" if texts else ""
	structured = _object(creditorReferenceInformation=_object(reference=references))
	return _object(unstructured=_text(payment.message), structured=structured)


def _payment_problems(payment: Payment) -> Iterator[Finding]:
	if not payment.reference:
		yield finding("needed", "reference", format=TITLE)
	if not accounts.is_iban(payment.partner_account):
		yield finding(
			"not_carried_value", "partner_account", format=TITLE, reason="it only has room for an IBAN."
		)
	parties = {"partner": payment.partner, "owner": payment.owner, "partner_bank": payment.partner_bank}
	for where, party in parties.items():
		if party and party.address and party.address.region:
			yield finding("not_carried", f"{where}.address.region", format=TITLE)
