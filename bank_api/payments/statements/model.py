"""A statement as plain data."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum


class Kind(str, Enum):
	"""What an entry does to the balance."""

	DEBIT = "debit"
	CREDIT = "credit"
	DEBIT_REVERSAL = "debit reversal"
	CREDIT_REVERSAL = "credit reversal"


@dataclass(frozen=True, slots=True)
class Entry:
	"""One movement.

	Attributes:
		kind: see `Kind`.
		amount: not signed; `change` is.
		partner_account: an IBAN; None if there is none, or none that can be told for sure.
		partner_number: the sixteen digits as the file has them.
		file_number: of the ABO file that the payment came in, `000` if it came otherwise.
		payment_number: its place in that file, or the bank's number.
		entered: month and day of entry, as the file has them.
		valued: the value date.
		posted: the day of posting.
		text: the partner's name or the bank's words.
		message: the lines for the payee.
		data_kind: the bank's kind of operation.
	"""

	kind: Kind
	amount: Decimal
	partner_account: str | None
	partner_number: str
	variable_symbol: str
	constant_symbol: str
	specific_symbol: str
	posted: date
	valued: date
	text: str
	message: str = ""
	file_number: str = "000"
	payment_number: str = ""
	entered: str = ""
	data_kind: str = ""
	line: int = 0

	@property
	def change(self) -> Decimal:
		"""What it does to the balance, signed."""
		return self.amount if self.kind in (Kind.CREDIT, Kind.DEBIT_REVERSAL) else -self.amount


@dataclass(frozen=True, slots=True)
class Statement:
	"""One account's movements up to a day. The sums have been checked.

	Attributes:
		account: an IBAN.
		name: of the account.
		number: of the statement, counted in its year.
		opened: the day of the old balance.
		posted: the day of the statement.
		debit: the sum of the debits less their reversals.
		credit: the sum of the credits less their reversals.
	"""

	account: str
	name: str
	number: str
	opened: date
	posted: date
	old_balance: Decimal
	new_balance: Decimal
	debit: Decimal
	credit: Decimal
	entries: tuple[Entry, ...]
