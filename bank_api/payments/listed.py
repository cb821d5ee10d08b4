"""Payments as a caller lists them: plain names and values, each one checked, nothing left out in silence.

An amount is a text or a JSON number that was never a float. What is not known is refused, with the payment and the field.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

from bank_api.payments import accounts
from bank_api.payments.findings import MOST_FINDINGS, Finding, InvalidBatch, finding
from bank_api.payments.model import (
	Address,
	Bank,
	Batch,
	Charges,
	Operation,
	Party,
	Payment,
	Priority,
	Scheme,
)

_AMOUNT = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,4})?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TEXTS = (
	"variable_symbol",
	"constant_symbol",
	"specific_symbol",
	"own_variable_symbol",
	"message",
	"own_note",
	"own_currency",
	"partner_currency",
	"reference",
	"end_to_end_id",
)
_SYMBOLS = ("variable_symbol", "constant_symbol", "specific_symbol", "own_variable_symbol")
_WORDS: dict[str, type[Enum]] = {
	"operation": Operation,
	"scheme": Scheme,
	"priority": Priority,
	"charges": Charges,
}
_PARTY = ("name", "address")
_BANK = ("bic", "name", "address")
_ADDRESS = ("street", "building", "postcode", "town", "region", "country")
FIELDS = (
	"account",
	"partner_account",
	"amount",
	"currency",
	"due",
	*_WORDS,
	*_TEXTS,
	"partner",
	"partner_name",
	"partner_bank",
	"owner",
)
"""What a listed payment may hold."""


@dataclass(frozen=True, slots=True)
class Defaults:
	"""What holds for every payment that does not say otherwise.

	Attributes:
		account: the own account; empty if each payment names it.
		due: the day; None if each payment names it.
		currency: three letters.
		reference: beginning of the references that are made up, with the payment's number behind it; empty for none.
	"""

	account: str = ""
	due: date | None = None
	currency: str = "CZK"
	reference: str = ""


class _Wrong(Exception):
	"""A value that cannot be meant, and what was expected."""

	def __init__(self, code: str, field: str, **values: Any):
		super().__init__(field)
		self.field = field
		self.code = code
		self.values = values


def batch(rows: Sequence[Any], defaults: Defaults) -> Batch:
	"""The batch of a list of payments.

	Raises:
		InvalidBatch: something cannot be understood; every fault, with its payment and field.
	"""
	found: list[Finding] = []
	payments: list[Payment] = []
	for index, row in enumerate(rows):
		try:
			payments.append(_payment(row, defaults, index))
		except _Wrong as wrong:
			found.append(finding(wrong.code, wrong.field, payment=index, **wrong.values))
			if len(found) >= MOST_FINDINGS:
				break
	if not rows:
		found.append(finding("batch_empty"))
	if found:
		raise InvalidBatch(found)
	return Batch(tuple(payments))


def _payment(row: Any, defaults: Defaults, index: int) -> Payment:
	if not isinstance(row, Mapping):
		raise _Wrong("value_invalid", "", expected="object")
	for name in row:
		if name not in FIELDS:
			raise _Wrong("value_unknown", str(name)[:60])
	values: dict[str, Any] = {name: _text(row, name) for name in _TEXTS if _given(row, name)}
	for name, kind in _WORDS.items():
		if _given(row, name):
			values[name] = _word(row, name, kind)
	if not values.get("reference") and defaults.reference:
		values["reference"] = f"{defaults.reference}-{index + 1:05d}"
	return Payment(
		account=_account(row, "account", defaults.account),
		partner_account=_account(row, "partner_account", ""),
		amount=_amount(row),
		due=_day(row, defaults.due),
		currency=_text(row, "currency").upper() if _given(row, "currency") else defaults.currency,
		partner=_partner(row),
		partner_bank=_bank(row),
		owner=_party(row, "owner"),
		**values,
	)


def _given(row: Mapping[str, Any], name: str) -> bool:
	return row.get(name) not in (None, "")


def _text(row: Mapping[str, Any], name: str, path: str = "") -> str:
	value = row.get(name)
	if value is None:
		return ""
	whole = isinstance(value, int) or (
		isinstance(value, Decimal) and bool(_plain(value)) and value == value.to_integral_value()
	)
	if name in _SYMBOLS and whole and not isinstance(value, bool):
		return format(Decimal(value), "f").partition(".")[0]
	if not isinstance(value, str):
		raise _Wrong("value_invalid", path + name, expected="text")
	return value


def _word(row: Mapping[str, Any], name: str, kind: type[Enum]) -> Enum:
	try:
		return kind(_text(row, name).lower())
	except ValueError:
		raise _Wrong("value_invalid", name, expected=", ".join(one.value for one in kind)) from None


def _account(row: Mapping[str, Any], name: str, default: str) -> str:
	text = _text(row, name) or default
	if not text.strip():
		raise _Wrong("value_missing", name)
	return accounts.canonical(text)


def _amount(row: Mapping[str, Any]) -> Decimal:
	value = row.get("amount")
	if value in (None, ""):
		raise _Wrong("value_missing", "amount")
	# A float may have lost its last digit before anyone could see it.
	if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
		raise _Wrong("value_invalid", "amount", expected="1234.56")
	text = value.strip() if isinstance(value, str) else _plain(Decimal(value))
	if not _AMOUNT.fullmatch(text):
		raise _Wrong("value_invalid", "amount", expected="1234.56")
	return Decimal(text)


def _plain(value: Decimal) -> str:
	try:
		return format(value, "f") if value.is_finite() and abs(value.adjusted()) < 20 else ""
	except InvalidOperation:
		return ""


def _day(row: Mapping[str, Any], default: date | None) -> date:
	if not _given(row, "due"):
		if default is None:
			raise _Wrong("value_missing", "due")
		return default
	text = _text(row, "due").strip()
	try:
		if _DAY.fullmatch(text):
			return date.fromisoformat(text)
	except ValueError:
		pass
	raise _Wrong("value_invalid", "due", expected="yyyy-mm-dd")


def _partner(row: Mapping[str, Any]) -> Party | None:
	if not _given(row, "partner_name"):
		return _party(row, "partner")
	if _given(row, "partner"):
		raise _Wrong("value_unknown", "partner_name")
	return Party(_text(row, "partner_name"))


def _object(row: Mapping[str, Any], name: str, members: Sequence[str], path: str = "") -> Mapping[str, Any]:
	value = row[name]
	if not isinstance(value, Mapping):
		raise _Wrong("value_invalid", path + name, expected="object")
	for inner in value:
		if inner not in members:
			raise _Wrong("value_unknown", f"{path}{name}.{str(inner)[:60]}")
	return value


def _party(row: Mapping[str, Any], name: str) -> Party | None:
	if not _given(row, name):
		return None
	inner = _object(row, name, _PARTY)
	return Party(_text(inner, "name", f"{name}."), _address(inner, name))


def _bank(row: Mapping[str, Any]) -> Bank | None:
	if not _given(row, "partner_bank"):
		return None
	inner = _object(row, "partner_bank", _BANK)
	return Bank(
		_text(inner, "bic", "partner_bank.").upper(),
		_text(inner, "name", "partner_bank."),
		_address(inner, "partner_bank"),
	)


def _address(row: Mapping[str, Any], path: str) -> Address | None:
	if not _given(row, "address"):
		return None
	inner = _object(row, "address", _ADDRESS, f"{path}.")
	return Address(**{name: _text(inner, name, f"{path}.address.") for name in _ADDRESS if name in inner})
