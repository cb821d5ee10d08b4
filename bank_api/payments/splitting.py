"""Cutting a batch into parts that a bank takes, which know their parent."""

from collections.abc import Iterator
from dataclasses import dataclass

from bank_api.payments.digest import digest
from bank_api.payments.model import Batch

KB_JSON_PAYMENTS = 100
"""KB takes so many payments in a JSON batch (kb_batch.md, 3.1)."""


@dataclass(frozen=True, slots=True)
class Part:
	"""One part of a batch.

	Attributes:
		parent: the digest of the whole batch.
		number: counted from 1.
		of: how many parts there are.
		indexes: where its payments stand in the whole batch, counted from 0.
		batch: its payments.
	"""

	parent: str
	number: int
	of: int
	indexes: tuple[int, ...]
	batch: Batch


def split(batch: Batch, most: int = KB_JSON_PAYMENTS, *, one_account: bool = True) -> list[Part]:
	"""The parts of a batch: every payment is in exactly one, and within a part they keep their order.

	Args:
		most: payments in a part.
		one_account: no part pays from several accounts, as the Czech standard wants it (kb_batch.md, 3.1).

	Raises:
		ValueError: `most` is less than 1.
	"""
	if most < 1:
		raise ValueError("a part needs room for a payment")
	cuts = list(_cuts(batch, most, one_account))
	parent = digest(batch)
	return [
		Part(parent, number, len(cuts), cut, Batch(tuple(batch.payments[index] for index in cut)))
		for number, cut in enumerate(cuts, 1)
	]


def _cuts(batch: Batch, most: int, one_account: bool) -> Iterator[tuple[int, ...]]:
	groups: dict[str, list[int]] = {}
	for index, payment in enumerate(batch.payments):
		groups.setdefault(payment.account if one_account else "", []).append(index)
	for group in groups.values():
		for start in range(0, len(group), most):
			yield tuple(group[start : start + most])
