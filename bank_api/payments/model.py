"""A batch of payments: what the bank is asked to do, whatever the format.

Two batches are equal if the bank would do the same for both. What only labels the file (its number, the sender's
name, the day it was made) is in `Envelope`, for not every format has a place for it.
"""

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

_HUNDREDTH = Decimal("0.01")


class Operation(str, Enum):
	"""Which way the money goes."""

	TRANSFER = "transfer"
	"""From the own account to the partner's."""
	COLLECTION = "collection"
	"""From the partner's account to the own one; the partner has to have agreed to it at their bank."""


class Scheme(str, Enum):
	"""By which rules the money goes."""

	DOMESTIC = "domestic"
	SEPA = "sepa"
	FOREIGN = "foreign"


class Priority(str, Enum):
	"""How fast."""

	NORMAL = "normal"
	EXPRESS = "express"
	INSTANT = "instant"


class Charges(str, Enum):
	"""Who pays for a foreign payment; the others are always shared."""

	SHARED = "shared"
	OWN = "own"
	PARTNER = "partner"


@dataclass(frozen=True, slots=True)
class Address:
	"""A postal address.

	Attributes:
		street: its name; the number too, if `building` is empty.
		building: the number of the house.
		country: two capital letters.
	"""

	street: str = ""
	building: str = ""
	postcode: str = ""
	town: str = ""
	region: str = ""
	country: str = ""


@dataclass(frozen=True, slots=True)
class Party:
	"""Somebody who pays or is paid."""

	name: str = ""
	address: Address | None = None


@dataclass(frozen=True, slots=True)
class Bank:
	"""A bank abroad.

	Attributes:
		bic: without the `XXX` of a head office, which means the same.
		name: if there is no BIC.
		address: if there is no BIC.
	"""

	bic: str = ""
	name: str = ""
	address: Address | None = None

	def __post_init__(self) -> None:
		if len(self.bic) == 11 and self.bic.endswith("XXX"):
			object.__setattr__(self, "bic", self.bic[:8])


@dataclass(frozen=True, slots=True)
class Payment:
	"""One payment.

	Symbols are numbers: their leading zeros are dropped, and none is the empty text. An amount has two decimal places.

	Attributes:
		account: the own account, an IBAN without spaces.
		partner_account: the other one, an IBAN; for `Scheme.FOREIGN` any number.
		amount: more than nothing; `operation` tells the direction.
		due: the day on which it is to be done.
		partner: who the other one is; None if that is not told.
		partner_bank: their bank, for payments abroad.
		owner: who the own account belongs to; None leaves it to the bank.
		message: for the partner, at most 140 characters.
		own_note: for the own statement only.
		own_variable_symbol: for the own statement only.
		own_currency: of the own account, empty if it is the payment's.
		partner_currency: of the partner's account, empty if it is the payment's.
		reference: the sender's name for this payment.
		end_to_end_id: an id that reaches the partner.
	"""

	account: str
	partner_account: str
	amount: Decimal
	due: date
	currency: str = "CZK"
	operation: Operation = Operation.TRANSFER
	scheme: Scheme = Scheme.DOMESTIC
	priority: Priority = Priority.NORMAL
	charges: Charges = Charges.SHARED
	partner: Party | None = None
	partner_bank: Bank | None = None
	owner: Party | None = None
	variable_symbol: str = ""
	constant_symbol: str = ""
	specific_symbol: str = ""
	message: str = ""
	own_note: str = ""
	own_variable_symbol: str = ""
	own_currency: str = ""
	partner_currency: str = ""
	reference: str = ""
	end_to_end_id: str = ""

	def __post_init__(self) -> None:
		if self.amount.__class__ is not Decimal:
			raise TypeError("an amount is a Decimal")
		if self.due.__class__ is not date:
			raise TypeError("a due date is a date")
		change = object.__setattr__
		for name, kind in _KINDS:
			if (value := getattr(self, name)).__class__ is not kind:
				change(self, name, kind(value))
		if (amount := two_places(self.amount)) is not self.amount:
			change(self, "amount", amount)
		if self.own_currency == self.currency:
			change(self, "own_currency", "")
		if self.partner_currency == self.currency:
			change(self, "partner_currency", "")
		for name in ("variable_symbol", "constant_symbol", "specific_symbol", "own_variable_symbol"):
			symbol = getattr(self, name)
			if symbol[:1] == "0" and symbol.isascii() and symbol.isdigit():
				change(self, name, symbol.lstrip("0"))
		for name in ("partner", "owner"):
			if getattr(self, name) == _NOBODY:
				change(self, name, None)
		if self.partner_bank == _NO_BANK:
			change(self, "partner_bank", None)


_DEFAULTS = {one.name: one.default for one in fields(Payment) if one.default is not MISSING}
_KINDS = (("operation", Operation), ("scheme", Scheme), ("priority", Priority), ("charges", Charges))
_NOBODY = Party()
_NO_BANK = Bank()


def two_places(amount: Decimal) -> Decimal:
	"""The same amount with two decimal places; as it is if that would change it."""
	if amount.as_tuple().exponent == -2 or not amount.is_finite() or amount.adjusted() > 20:
		return amount
	rounded = amount.quantize(_HUNDREDTH)
	return rounded if rounded == amount else amount


class KeptPayments(Sequence[Payment]):
	"""Payments that are kept elsewhere and made anew whenever somebody looks at them; they never change."""


@dataclass(frozen=True, slots=True)
class Batch:
	"""Payments that are handed over together, in this order; a tuple, unless they are kept elsewhere."""

	payments: Sequence[Payment]
	_known: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
	"""What has been found out: payments never change, so neither does this."""

	def __post_init__(self) -> None:
		if self.payments.__class__ is not tuple and not isinstance(self.payments, KeptPayments):
			object.__setattr__(self, "payments", tuple(self.payments))

	def __len__(self) -> int:
		return len(self.payments)

	@property
	def sound(self) -> bool:
		"""Whether `soundness` has looked at every payment and found nothing."""
		return "sound" in self._known

	def mark_sound(self, filled: frozenset[str] | None = None) -> None:
		"""Remember that nothing speaks against any payment; only who has asked `soundness` of each of them says so.

		Args:
			filled: what `filled` would find, if it is known.
		"""
		self._known["sound"] = True
		if filled is not None:
			self._known["filled"] = filled
		self.filled()

	def filled(self) -> frozenset[str]:
		"""The fields that hold something else than their default in at least one payment."""
		if "filled" not in self._known:
			names = set(_DEFAULTS)
			found: set[str] = set()
			for payment in self.payments:
				more = {name for name in names if getattr(payment, name) != _DEFAULTS[name]}
				names -= more
				found |= more
			self._known["filled"] = frozenset(found)
		return self._known["filled"]

	def totals(self) -> dict[str, Decimal]:
		"""The sum of the amounts of each currency."""
		sums: dict[str, Decimal] = {}
		for payment in self.payments:
			sums[payment.currency] = sums.get(payment.currency, Decimal("0.00")) + payment.amount
		return sums

	def without(self, *names: str) -> "Batch":
		"""A batch that leaves some fields out, because a format cannot carry them and whoever sends it agrees.

		Args:
			names: of `OMISSIBLE`.

		Raises:
			ValueError: a field without which the payment would be another.
		"""
		if unknown := set(names) - OMISSIBLE:
			raise ValueError(f"cannot be left out: {', '.join(sorted(unknown))}")
		empty: dict[str, Any] = {
			name: None if name in ("partner", "partner_bank", "owner") else "" for name in names
		}
		return Batch(tuple(replace(payment, **empty) for payment in self.payments))


OMISSIBLE = frozenset(
	(
		"partner",
		"partner_bank",
		"owner",
		"own_note",
		"own_variable_symbol",
		"reference",
		"end_to_end_id",
	)
)
"""What may be left out of a file without another payment coming of it."""


@dataclass(frozen=True, slots=True)
class Envelope:
	"""What labels a file. A format uses what it has a place for, and says so.

	Attributes:
		reference: the sender's number of the file.
		name: what people call it.
		sender: who sends it.
		sender_number: the sender's number at the bank.
		created: when it was made, on the bank's clock unless it has a zone; None for now.
	"""

	reference: str = ""
	name: str = ""
	sender: str = ""
	sender_number: str = ""
	created: datetime | None = None
