"""A payment read back from the line that `digest.canonical` makes of it.

Whoever keeps payments keeps these lines: the digest of a batch is the digest of its lines, so what is read back can be
proved to be what was approved, before a bank gets to see it.
"""

import json
from collections.abc import Iterable
from dataclasses import fields
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from bank_api.payments.digest import canonical, verify
from bank_api.payments.findings import UnreadableFile, finding
from bank_api.payments.model import Address, Bank, Batch, Party, Payment

_ADDRESS = frozenset(one.name for one in fields(Address))
_PARTIES = {"partner": Party, "owner": Party, "partner_bank": Bank}


def payment(line: str | bytes) -> Payment:
	"""One payment.

	Args:
		line: from `digest.canonical`, with or without its line end.

	Raises:
		UnreadableFile: it is no such line, or says something that would be lost.
	"""
	try:
		values = json.loads(line)
		found = Payment(**{name: _value(name, value) for name, value in values.items()})
	except (ValueError, TypeError, KeyError, AttributeError, InvalidOperation):
		raise _damaged() from None
	text = line.decode() if isinstance(line, bytes) else line
	if canonical(found).decode().rstrip("\n") != text.rstrip("\n"):
		raise _damaged()
	return found


def batch(lines: Iterable[str | bytes], expected: str) -> Batch:
	"""The batch that was approved, from its payments' lines in their order.

	Args:
		lines: one for each payment.
		expected: the digest of what was approved.

	Raises:
		UnreadableFile: it is another batch, or none.
	"""
	found = Batch(tuple(payment(line) for line in lines))
	verify(found, expected)
	return found


def _value(name: str, value: Any) -> Any:
	if name == "amount":
		return Decimal(value)
	if name == "due":
		return date.fromisoformat(value)
	if name in _PARTIES:
		return _PARTIES[name](**{inner: _inner(inner, one) for inner, one in value.items()})
	return _text(value)


def _inner(name: str, value: Any) -> Any:
	if name != "address":
		return _text(value)
	if not set(value) <= _ADDRESS:
		raise ValueError
	return Address(**{inner: _text(one) for inner, one in value.items()})


def _text(value: Any) -> str:
	if not isinstance(value, str):
		raise TypeError
	return value


def _damaged() -> UnreadableFile:
	return UnreadableFile([finding("file_digest")])
