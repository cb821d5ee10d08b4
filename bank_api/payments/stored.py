"""A payment read back from the line that `digest.canonical` makes of it.

Whoever keeps payments keeps these lines: the digest of a batch is the digest of its lines, so what is read back can be
proved to be what was approved, before a bank gets to see it.
"""

import errno
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import date
from decimal import Decimal, InvalidOperation
from hmac import compare_digest
from itertools import islice
from typing import Any, NamedTuple, overload

from bank_api.payments import soundness
from bank_api.payments.digest import begun, canonical, verify
from bank_api.payments.findings import UnreadableFile, finding
from bank_api.payments.model import Address, Bank, Batch, KeptPayments, Party, Payment

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
		found = _payment(json.loads(line))
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


PAGE = 1000


class Spooled(NamedTuple):
	"""A batch that was proved and is kept in a file.

	Attributes:
		batch: its payments; what asks for them all, gets them page by page.
		digest: of them, which is another than the approved one if fields were left out.
	"""

	batch: Batch
	digest: str


def spooled(lines: Iterable[str | bytes], expected: str, leave_out: Sequence[str] = ()) -> Spooled:
	"""As `batch`, for one that may be too large to be held in memory: it lies in a file without a name.

	Args:
		lines: one for each payment.
		expected: the digest of what was approved.
		leave_out: fields that may be lost, of `OMISSIBLE`.

	Raises:
		UnreadableFile: it is another batch, or none.
	"""
	shelf, stream = Shelf(), iter(lines)
	approved, left = begun(), begun()
	sound, filled = True, frozenset[str]()
	while page := [line.encode() if isinstance(line, str) else line for line in islice(stream, PAGE)]:
		content = [line.rstrip(b"\n") + b"\n" for line in page]
		part = Batch(tuple(map(payment, page)))  # each line is all that its payment says
		approved.update(b"".join(content))
		if leave_out:
			part = part.without(*leave_out)
			content = list(map(canonical, part.payments))
		left.update(b"".join(content))
		shelf.add(content)
		sound = sound and not soundness.findings(part, 1)
		filled |= part.filled()
	if not compare_digest(approved.hexdigest(), expected):
		shelf.close()
		raise UnreadableFile([finding("file_digest")])
	found = Batch(shelf)
	if sound and len(shelf):
		found.mark_sound(filled)
	return Spooled(found, left.hexdigest())


class Shelf(KeptPayments):
	"""Payments in a file without a name, which is gone with this object or its process. Memory holds one page of them."""

	def __init__(self) -> None:
		self._file = tempfile.TemporaryFile(buffering=0)
		self._pages: list[tuple[int, int]] = []
		self._end = 0
		self._count = 0

	def add(self, lines: Sequence[bytes]) -> None:
		"""Put a page behind the others; all but the last one are full."""
		content = b"[" + b",".join(lines) + b"]"
		rest = memoryview(content)
		while rest:
			taken = self._file.write(rest)  # without a buffer, a disk that fills up takes a part
			if not taken:
				raise OSError(errno.ENOSPC, "the payments do not fit on the disk")
			rest = rest[taken:]
		self._pages.append((self._end, len(content)))
		self._end += len(content)
		self._count += len(lines)

	def close(self) -> None:
		"""Give the file back; the payments are gone."""
		self._file.close()

	def __del__(self) -> None:
		self._file.close()

	def __len__(self) -> int:
		return self._count

	def __iter__(self) -> Iterator[Payment]:
		for number in range(len(self._pages)):
			yield from self._page(number)

	@overload
	def __getitem__(self, index: int) -> Payment: ...
	@overload
	def __getitem__(self, index: slice) -> tuple[Payment, ...]: ...
	def __getitem__(self, index: int | slice) -> Payment | tuple[Payment, ...]:
		if isinstance(index, slice):
			return tuple(self[place] for place in range(*index.indices(self._count)))
		place = range(self._count)[index]
		return self._page(place // PAGE)[place % PAGE]

	def _page(self, number: int) -> list[Payment]:
		start, length = self._pages[number]
		# By place: two readers of the same payments do not get into each other's way.
		return [_payment(values) for values in json.loads(os.pread(self._file.fileno(), length, start))]


def _payment(values: dict[str, Any]) -> Payment:
	return Payment(**{name: _value(name, value) for name, value in values.items()})


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
