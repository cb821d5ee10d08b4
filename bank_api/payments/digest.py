"""A batch's digest: two batches have the same one only if the bank would do the same for both.

It does not depend on the format, so a file that is read back can be compared with what was approved. No format guards
all of its content with a checksum of its own (docs/payments.md); this does.
"""

import hashlib
import hmac
import json
from collections.abc import Container
from dataclasses import fields
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

from bank_api.payments.findings import UnreadableFile, finding
from bank_api.payments.model import Address, Bank, Batch, Party, Payment

_PURPOSE = b"bank_api payment batch 1\n"
_CONTENT = b"bank_api payment content 1\n"
_LABELS = ("reference", "end_to_end_id")
"""What names a payment and changes nothing about the money: an attempt under a new key often has new ones."""


def digest(batch: Batch) -> str:
	"""64 hexadecimal digits, SHA-256 over every field of every payment in their order.

	Fields at their default are not part of it, so a field that the model may get later changes no digest.
	"""
	hasher = begun()
	for payment in batch.payments:
		hasher.update(canonical(payment))
	return hasher.hexdigest()


def content_digest(batch: Batch, open_days: Container[int] = ()) -> str:
	"""64 hexadecimal digits that are the same for batches that pay the same, whatever their order and their labels.

	Args:
		batch: the payments.
		open_days: indexes of payments whose day is left out, because nobody has asked for that very one.
	"""
	lines = []
	for index, payment in enumerate(batch.payments):
		values = _fields(payment)
		for name in _LABELS:
			values.pop(name, None)
		if index in open_days:
			del values["due"]
		lines.append(json.dumps(values, sort_keys=True, separators=(",", ":")).encode() + b"\n")
	return hashlib.sha256(_CONTENT + b"".join(sorted(lines))).hexdigest()


def begun() -> Any:
	"""A hash that gives the digest of a batch, once the line of each payment was added to it (`canonical`)."""
	return hashlib.sha256(_PURPOSE)


def canonical(payment: Payment) -> bytes:
	"""One payment as bytes: a line of JSON, so that no two payments share it."""
	return json.dumps(_fields(payment), sort_keys=True, separators=(",", ":")).encode() + b"\n"


def verify(batch: Batch, expected: str) -> None:
	"""Compare with the digest of what was approved.

	Raises:
		UnreadableFile: it is another batch.
	"""
	if not hmac.compare_digest(digest(batch), expected):
		raise UnreadableFile([finding("file_digest")])


def _fields(value: Payment | Party | Address | Bank) -> dict[str, Any]:
	# By `is` and `==` per field instead of `asdict`, which copies everything deeply: a batch may hold 100,000 payments.
	return {
		name: _plain(found)
		for name, default in _DEFAULTS[value.__class__]
		if (found := getattr(value, name)) is not default and found != default
	}


def _plain(value: Any) -> Any:
	if isinstance(value, Enum):
		return value.value
	if isinstance(value, str):
		return value
	if isinstance(value, Decimal):
		return format(value, "f")
	if isinstance(value, date):
		return value.isoformat()
	return _fields(value)


_REQUIRED = object()
_DEFAULTS = {
	kind: tuple((one.name, _REQUIRED if one.name in _ALWAYS else one.default) for one in fields(kind))
	for kind, _ALWAYS in (
		(Payment, ("account", "partner_account", "amount", "due", "currency", "operation", "scheme")),
		(Party, ("name",)),
		(Address, ("country",)),
		(Bank, ("bic",)),
	)
}
