"""Plain data of payment batches at a provider: what was sent, and how it stands there.

Statuses are the provider's words; `standing` says what they mean. A standing is read from an answer, never guessed: what
nobody knows is `UNKNOWN`, and nothing may be concluded from it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum


class BatchStanding(str, Enum):
	"""What the provider's status of a batch, or of one payment in it, means."""

	WAITING = "Waiting"
	"""Stored; nothing happens before a human authorises it in the bank's own channel."""
	AUTHORISED = "Authorised"
	SETTLED = "Settled"
	REJECTED = "Rejected"
	CANCELLED = "Cancelled"
	EXPIRED = "Expired"
	UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class PaymentProblem:
	"""One thing that the bank says against a payment, or against the whole batch.

	Attributes:
		code: the bank's own code; empty if it sent none.
		message: what is wrong and what to do (English; the gateway translates).
		index: which payment of the batch, counted from 0; None for the whole batch, or if the bank does not say.
		field: the field's place within the payment or the request, never its value; empty if unknown.
	"""

	code: str
	message: str
	index: int | None = None
	field: str = ""

	@property
	def sentence(self) -> str:
		"""The message with the payment, counted from 1, and the field that it is about."""
		place = "" if self.index is None else f"Payment {self.index + 1}"
		named = ", ".join(part for part in (place, self.field) if part)
		return f"{named}: {self.message}" if named else self.message


@dataclass(frozen=True, slots=True)
class PaymentStatus:
	"""How one payment stands at the bank.

	Attributes:
		index: its place in the bank's list, counted from 0.
		reference: the sender's own id of it.
		payment_id: the bank's id of it.
		status: as sent.
		standing: what that means.
		problems: why it was not accepted.
		settled_on: the day on which it was settled, if told.
		amount: if told.
		currency: of the amount.
		due: the day on which it is to be done, if told: the bank may have moved it.
	"""

	index: int
	reference: str
	payment_id: str
	status: str
	standing: BatchStanding
	problems: tuple[PaymentProblem, ...] = ()
	settled_on: date | None = None
	amount: Decimal | None = None
	currency: str = ""
	due: date | None = None


@dataclass(frozen=True, slots=True)
class SubmittedBatch:
	"""What the bank says of a batch that it has just been sent, checked against what was sent.

	Attributes:
		batch_id: the bank's id.
		exchange_id: the sender's.
		status: as sent.
		standing: WAITING, or REJECTED if the bank has stored nothing of it.
		payments: how many were sent.
		rejected: how many of them the bank did not take: `batch_detail` says which, and why.
		digest: what the bank shows to whoever authorises it, for comparison; empty if it told none.
		total_debit: sum that leaves the accounts, as the bank counts it.
		total_credit: sum of collections.
		mode: how it is processed; it may differ from the mode that was asked for.
		sign_state: as sent.
		sign_id: the bank's id of the authorisation that is waited for.
		request_id: our id of the call.
		payload: the answer as received.
	"""

	batch_id: str
	exchange_id: str
	status: str
	standing: BatchStanding
	payments: int
	rejected: int
	digest: str
	total_debit: Decimal | None
	total_credit: Decimal | None
	mode: str
	sign_state: str
	sign_id: str
	request_id: str
	payload: str


@dataclass(frozen=True, slots=True)
class BatchStatus:
	"""How a batch stands at the bank now.

	Attributes:
		batch_id: the bank's id.
		exchange_id: the sender's, if told.
		status: as sent.
		standing: what it means.
		sign_state: as sent.
		sign_id: the bank's id of the authorisation.
		change: why the bank changed something, in its own code.
		payments: as far as it lists them.
		payload: the answer as received.
		digest: if told.
		mode: if told.
		name: if told.
		received_at: when the bank got it (UTC), if told.
	"""

	batch_id: str
	exchange_id: str
	status: str
	standing: BatchStanding
	sign_state: str
	sign_id: str
	change: str
	payments: tuple[PaymentStatus, ...]
	payload: str
	digest: str = ""
	mode: str = ""
	name: str = ""
	received_at: datetime | None = None
