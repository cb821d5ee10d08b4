"""Reading KB's JSON (kb_batch.md, 3.1): what is not known is refused, since leaving it out would change a payment."""

import json
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from bank_api.payments.formats.base import Faults, Reading, Trust, finish
from bank_api.payments.formats.kb_json_words import (
	ADDRESS,
	CHARGES,
	IDENTIFICATIONS,
	LIST,
	PRIORITIES,
	SYMBOLS,
	TITLE,
)
from bank_api.payments.iban_structures import SEPA_COUNTRIES
from bank_api.payments.model import Address, Bank, Charges, Envelope, Party, Payment, Priority, Scheme

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_START = re.compile(r'\s*\{\s*"[A-Za-z]+"\s*:\s*\[')
_GAP = re.compile(r"[\s,]*")
_REFERENCE = re.compile(r"(VS|KS|SS):([0-9]{1,10})")
_PRIORITIES = {word: priority for priority, word in PRIORITIES.items()}
_CHARGES = {word: (scheme, charges) for scheme, words in CHARGES.items() for charges, word in words.items()}


class _Refused(Exception):
	"""A value that cannot be: its path and the finding's code and values."""

	def __init__(self, code: str, path: str, **values: Any):
		super().__init__(code)
		self.code = code
		self.path = path
		self.values = values


class KbJsonReader:
	"""Reads one body.

	Args:
		most: payments in a batch.
		trust: what may be accepted.
	"""

	def __init__(self, most: int, trust: Trust):
		self._most = most
		self._trust = trust
		self._faults = Faults()
		self._decoder = json.JSONDecoder(
			object_pairs_hook=_without_repetition,
			parse_float=Decimal,
			parse_int=Decimal,
			parse_constant=_no_constant,
		)

	def read(self, content: bytes) -> Reading:
		"""The whole body.

		Raises:
			UnreadableFile: it is not one that can be trusted.
		"""
		text = self._text(content)
		rows = self._rows(text)
		places = _places(text, self._decoder, len(rows))
		payments: list[Payment] = []
		for number, row in enumerate(rows):
			line, position = places[number]
			try:
				payments.append(_payment(row, f"{LIST}[{number}]"))
			except _Refused as refused:
				self._faults.add(refused.code, refused.path, line, position, **refused.values)
		self._faults.raise_any()
		return finish(payments, Envelope(), [line for line, _ in places], self._trust)

	def _text(self, content: bytes) -> str:
		try:
			return content.decode("utf-8")
		except UnicodeDecodeError as error:
			before = content[: error.start].decode("utf-8").split("\n")
			self._faults.stop(
				"file_encoding", line=len(before), position=len(before[-1]) + 1, encoding="UTF-8"
			)

	def _rows(self, text: str) -> list[Any]:
		try:
			document = self._decoder.decode(text)
		except json.JSONDecodeError as error:
			self._faults.stop("file_json", "", error.lineno, error.colno, reason=error.msg)
		except _Refused as refused:
			self._faults.stop(refused.code, refused.path, **refused.values)
		except RecursionError:
			self._faults.stop("file_json", reason="it is nested too deeply")
		rows = document.get(LIST) if isinstance(document, dict) else None
		if not isinstance(rows, list) or len(document) != 1:
			self._faults.stop("file_format", LIST, 1, 1, format=TITLE)
		if not rows:
			self._faults.stop("file_missing", LIST, 1, 1, expected="first payment")
		if len(rows) > self._most:
			self._faults.stop("format_too_many", LIST, 1, 1, format=TITLE, most=self._most)
		return rows


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
	found = dict(pairs)
	if len(found) != len(pairs):
		names = [name for name, _ in pairs]
		raise _Refused("file_repeated", next(name for name in names if names.count(name) > 1))
	return found


def _no_constant(name: str) -> Any:
	raise _Refused("file_json", "", reason=f"{name} is no number")


def _places(text: str, decoder: json.JSONDecoder, count: int) -> list[tuple[int, int]]:
	"""Line and position of each payment. The text is known to be well-formed."""
	start = _START.match(text)
	at = start.end() if start else 0
	places: list[tuple[int, int]] = []
	line, line_start, seen = 1, 0, 0
	for _ in range(count if start else 0):
		at = _GAP.match(text, at).end()  # type: ignore[union-attr]
		if breaks := text.count("\n", seen, at):
			line, line_start = line + breaks, text.rindex("\n", seen, at) + 1
		seen = at
		places.append((line, at - line_start + 1))
		_, at = decoder.raw_decode(text, at)
	return places or [(1, 1)] * count


class _Members:
	"""An object's members, each taken once; what is left over is not understood."""

	def __init__(self, value: Any, path: str):
		if not isinstance(value, dict):
			raise _Refused("file_field", path, expected="object")
		self.path = path
		self._left = dict(value)

	def take(self, name: str, *, needed: bool = False) -> Any:
		"""A member's value; None if there is none, which null is not."""
		if name not in self._left:
			if needed:
				raise _Refused("file_missing", f"{self.path}.{name}", expected=name)
			return None
		value = self._left.pop(name)
		if value is None:
			raise _Refused("file_field", f"{self.path}.{name}", expected="value")
		return value

	def text(self, name: str, *, needed: bool = False) -> str:
		"""A member that is a text; empty if there is none."""
		value = self.take(name, needed=needed)
		if value is None:
			return ""
		if not isinstance(value, str) or not value:
			raise _Refused("file_field", f"{self.path}.{name}", expected="text that is not empty")
		return value

	def inner(self, name: str, read: "Callable[[_Members], Any]", *, needed: bool = False) -> Any:
		"""What a reader makes of a member that is an object; None if there is none."""
		value = self.take(name, needed=needed)
		if value is None:
			return None
		members = _Members(value, f"{self.path}.{name}")
		result = read(members)
		members.done()
		return result

	def done(self) -> None:
		"""Refuse what was not taken."""
		for name in self._left:
			raise _Refused("file_unsupported", f"{self.path}.{name}", what=f"the member {name!r}")


def _payment(row: Any, path: str) -> Payment:
	members = _Members(row, path)
	name = next(
		(one for one in IDENTIFICATIONS[1:] if isinstance(row, dict) and one in row), IDENTIFICATIONS[0]
	)
	reference, end_to_end = members.inner(name, _ids, needed=True)
	priority = members.inner("paymentTypeInformation", _priority) or Priority.NORMAL
	amount, currency = members.inner(
		"amount", lambda one: one.inner("instructedAmount", _amount, needed=True), needed=True
	)
	due = _day(members.text("requestedExecutionDate", needed=True), f"{path}.requestedExecutionDate")
	code = members.text("chargeBearer")
	owner = members.inner("debtor", _party)
	account, own_currency = members.inner("debtorAccount", _account, needed=True)
	bank = members.inner("creditorAgent", lambda one: one.inner("financialInstitutionIdentification", _bank))
	partner = members.inner("creditor", _party)
	partner_account, partner_currency = members.inner("creditorAccount", _account, needed=True)
	message, symbols = members.inner("remittanceInformation", _remittance) or ("", {})
	members.done()
	scheme, charges = _scheme(code, account, partner_account, currency, f"{path}.chargeBearer")
	return Payment(
		account=account,
		partner_account=partner_account,
		amount=amount,
		due=due,
		currency=currency,
		scheme=scheme,
		priority=priority,
		charges=charges,
		partner=partner,
		partner_bank=bank,
		owner=owner,
		message=message,
		own_currency=own_currency,
		partner_currency=partner_currency,
		reference=reference,
		end_to_end_id=end_to_end,
		**symbols,
	)


def _ids(members: _Members) -> tuple[str, str]:
	return members.text("instructionIdentification", needed=True), members.text("endToEndIdentification")


def _priority(members: _Members) -> Priority | None:
	word = members.text("instructionPriority")
	if word and word not in _PRIORITIES:
		raise _Refused(
			"file_field", f"{members.path}.instructionPriority", expected="priority: NORM, HIGH or INST"
		)
	return _PRIORITIES.get(word)


def _amount(members: _Members) -> tuple[Decimal, str]:
	value = members.take("value", needed=True)
	if not isinstance(value, Decimal) or abs(value.adjusted()) > 20:
		raise _Refused("file_field", f"{members.path}.value", expected="number")
	return value, members.text("currency", needed=True)


def _day(text: str, path: str) -> date:
	match = _DATE.fullmatch(text)
	try:
		if match:
			return date(int(match[1]), int(match[2]), int(match[3]))
	except ValueError:
		pass
	raise _Refused("file_field", path, expected="date YYYY-MM-DD")


def _account(members: _Members) -> tuple[str, str]:
	iban = members.inner("identification", lambda one: one.text("iban", needed=True), needed=True)
	return iban, members.text("currency")


def _party(members: _Members) -> Party:
	return Party(members.text("name"), members.inner("postalAddress", _address))


def _bank(members: _Members) -> Bank:
	return Bank(members.text("bic"), members.text("name"), members.inner("postalAddress", _address))


def _address(members: _Members) -> Address:
	return Address(**{field: members.text(name) for name, field in ADDRESS.items()})


def _remittance(members: _Members) -> tuple[str, dict[str, str]]:
	message = members.text("unstructured")
	references = members.inner(
		"structured", lambda one: one.inner("creditorReferenceInformation", lambda two: two.take("reference"))
	)
	symbols: dict[str, str] = {}
	path = f"{members.path}.structured.creditorReferenceInformation.reference"
	if references is None:
		return message, symbols
	if not isinstance(references, list):
		raise _Refused("file_field", path, expected="list")
	for text in references:
		match = _REFERENCE.fullmatch(text) if isinstance(text, str) else None
		if not match:
			raise _Refused("file_field", path, expected="symbol such as VS:123")
		if SYMBOLS[match[1]] in symbols:
			raise _Refused("file_repeated", path)
		symbols[SYMBOLS[match[1]]] = match[2]
	return message, symbols


def _scheme(code: str, account: str, partner: str, currency: str, path: str) -> tuple[Scheme, Charges]:
	"""What kind of payment it is: the charge bearer tells, and without one the accounts and the currency do."""
	if code:
		if code not in _CHARGES:
			raise _Refused("file_field", path, expected="charge bearer: SLEV, SHAR, DEBT or CRED")
		return _CHARGES[code]
	if partner[:2] == "CZ" and (currency == "CZK" or partner[4:8] == account[4:8]):
		return Scheme.DOMESTIC, Charges.SHARED
	if currency == "EUR" and partner[:2] in SEPA_COUNTRIES:
		return Scheme.SEPA, Charges.SHARED
	raise _Refused("file_missing", path, expected="charge bearer of a payment abroad")
