"""What the formats share: their shape, what they cannot carry, and how a file's faults are told."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from operator import attrgetter
from typing import Any, NoReturn, Protocol

from bank_api.payments import soundness
from bank_api.payments.bank_codes import CODES
from bank_api.payments.digest import verify
from bank_api.payments.findings import MOST_FINDINGS, Finding, InvalidBatch, UnreadableFile, finding
from bank_api.payments.model import Batch, Envelope, Operation, Payment

MOST_BYTES = 128 * 1024 * 1024
"""Larger files are not read; 100,000 payments are 8 MB of ABO, 30 to 90 MB of pain.001."""


@dataclass(frozen=True, slots=True)
class Trust:
	"""What a reader may accept.

	Attributes:
		digest: of the batch that was approved: any other one is refused. This is the guard for what a format has no
			checksum for (docs/payments.md).
		collections: whether a file may take money from others' accounts. A single changed digit turns payments into
			collections, so this is asked for, never taken from the file.
		bank_codes: the Czech banks there are.
		most_bytes: the largest file that is read.
	"""

	digest: str | None = None
	collections: bool = False
	bank_codes: Container[str] = CODES
	most_bytes: int = MOST_BYTES


DEFAULT_TRUST = Trust()


@dataclass(frozen=True, slots=True)
class Reading:
	"""What a file says.

	Attributes:
		batch: sound, but not validated: that needs a day and a customer.
		envelope: what the format has a place for.
	"""

	batch: Batch
	envelope: Envelope


class Format(Protocol):
	"""A file format: written whole, read whole, or refused with the reasons."""

	@property
	def key(self) -> str:
		"""Its name in code."""

	@property
	def title(self) -> str:
		"""Its name in sentences."""

	@property
	def media_type(self) -> str:
		"""For HTTP."""

	@property
	def suffix(self) -> str:
		"""For file names, with its dot."""

	def problems(self, batch: Batch, envelope: Envelope) -> list[Finding]:
		"""What the format cannot carry of a sound batch; empty if it can carry all of it."""

	def chunks(self, batch: Batch, envelope: Envelope) -> Iterator[bytes]:
		"""The file in pieces; nothing is yielded unless all of it can be carried.

		Raises:
			InvalidBatch: the batch is not sound, or the format cannot carry it.
		"""

	def read(self, content: bytes, trust: Trust = DEFAULT_TRUST) -> Reading:
		"""The batch in a file.

		Raises:
			UnreadableFile: with line, position and field of every fault that was found.
		"""


def write(format: Format, batch: Batch, envelope: Envelope = Envelope()) -> bytes:  # noqa: B008 - frozen
	"""The whole file.

	Raises:
		InvalidBatch: the batch is not sound, or the format cannot carry it.
	"""
	return b"".join(format.chunks(batch, envelope))


def require(format: Format, batch: Batch, envelope: Envelope) -> None:
	"""Refuse what a file could not say.

	Raises:
		InvalidBatch: with every reason.
	"""
	soundness.require(batch)
	if problems := format.problems(batch, envelope):
		raise InvalidBatch(problems)


PAGE = 1000
"""So many payments are looked at together: more would take memory, fewer would take time."""
_amount = attrgetter("amount")


def pages(payments: Iterable[Payment], most: int | None = None) -> Iterator[list[Payment]]:
	"""Payments in pages, so that those that are kept elsewhere never are in memory all at once.

	Args:
		payments: an iterator goes on where it was left.
		most: how many payments to take; None for all.
	"""
	stream, left = iter(payments), most
	while page := list(islice(stream, PAGE if left is None else min(PAGE, left))):
		yield page
		if left is not None:
			left -= len(page)


def counted(payments: Iterable[Payment]) -> tuple[int, Decimal]:
	"""How many payments there are, and the sum of their amounts."""
	count, total = 0, Decimal("0.00")
	for page in pages(payments):
		count += len(page)
		total = sum(map(_amount, page), total)
	return count, total


def lost(batch: Batch, title: str, carried: Mapping[str, Any]) -> list[Finding]:
	"""Fields that a format has no place for and that are filled all the same.

	Args:
		title: of the format.
		carried: the only value that each of these fields may have.
	"""
	payments, names, allowed = batch.payments, tuple(carried), tuple(carried.values())
	if batch.filled().isdisjoint(names) and payments and attrgetter(*names)(payments[0]) == allowed:
		return []
	# One C call a payment; only payments that differ are looked at field by field.
	differing = [index for index, got in enumerate(map(attrgetter(*names), payments)) if got != allowed]
	found: list[Finding] = []
	for index in differing:
		for name, only in carried.items():
			if getattr(payments[index], name) != only:
				found.append(finding("not_carried", name, payment=index, format=title))
		if len(found) >= MOST_FINDINGS:
			break
	return found


class Faults:
	"""The faults found in a file; reading goes on behind one as long as that makes sense."""

	def __init__(self, most: int = 100) -> None:
		self._found: list[Finding] = []
		self._most = most

	def add(
		self,
		code: str,
		field: str = "",
		line: int | None = None,
		position: int | None = None,
		**values: Any,
	) -> None:
		"""Note a fault.

		Raises:
			UnreadableFile: there are too many to go on.
		"""
		self._found.append(finding(code, field, line=line, position=position, **values))
		if len(self._found) >= self._most:
			self.raise_any()

	def stop(
		self,
		code: str,
		field: str = "",
		line: int | None = None,
		position: int | None = None,
		**values: Any,
	) -> NoReturn:
		"""Note a fault behind which nothing can be read.

		Raises:
			UnreadableFile: always.
		"""
		self._found.append(finding(code, field, line=line, position=position, **values))
		raise UnreadableFile(self._found)

	def raise_any(self) -> None:
		"""Refuse the file if there was a fault.

		Raises:
			UnreadableFile: there was one.
		"""
		if self._found:
			raise UnreadableFile(self._found)


def bounded(content: bytes, trust: Trust) -> None:
	"""Refuse what is empty or too large.

	Raises:
		UnreadableFile: it is.
	"""
	if len(content) > trust.most_bytes:
		raise UnreadableFile([finding("file_too_large", most=trust.most_bytes)])
	if not content.strip():
		raise UnreadableFile([finding("file_empty")])


def finish(
	payments: Sequence[Payment],
	envelope: Envelope,
	lines: Sequence[int],
	trust: Trust,
	positions: Mapping[str, int] | None = None,
) -> Reading:
	"""The last checks of every reader: sound payments, no unasked collections, known banks, the approved digest.

	Args:
		payments: as they were read.
		envelope: as it was read.
		lines: on which line each payment begins.
		trust: what may be accepted.
		positions: where a field of the model stands in its line, for formats with fixed places.

	Raises:
		UnreadableFile: one of them fails.
	"""
	places = positions or {}
	batch = Batch(tuple(payments))
	found = soundness.findings(batch, most=100)
	if not trust.collections:
		found += [
			finding("collection_not_allowed", "operation", payment=index)
			for index, payment in enumerate(batch.payments)
			if payment.operation is Operation.COLLECTION
		][:100]
	found += _unknown_banks(batch, trust)
	if found:
		raise UnreadableFile(
			replace(
				one,
				line=None if one.payment is None else lines[one.payment],
				position=places.get(one.field),
			)
			for one in found
		)
	if trust.digest is not None:
		verify(batch, trust.digest)
	return Reading(batch, envelope)


def _unknown_banks(batch: Batch, trust: Trust) -> list[Finding]:
	return [
		finding("account_bank_unknown", name, payment=index, bank=number[4:8])
		for index, payment in enumerate(batch.payments)
		for name, number in (("account", payment.account), ("partner_account", payment.partner_account))
		if number[:2] == "CZ" and number[4:8] not in trust.bank_codes
	][:100]
