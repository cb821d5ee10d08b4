"""The life of a batch: stored, waiting for a human, authorised or refused, settled day by day (sections 3.1, 3.2)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from bank_api.sandbox.kb import days
from bank_api.sandbox.kb.checks import Checked
from bank_api.sandbox.kb.door import Caller
from bank_api.sandbox.kb.model import (
	ACSC,
	ACSP,
	ACTC,
	ACWC,
	BOOKED,
	CLOSE,
	NONE,
	OPEN,
	PENDING,
	REJECT,
	RJCT,
	Account,
	Batch,
	Entry,
	Payment,
	User,
)
from bank_api.sandbox.kb.numbers import bank_of, number_of
from bank_api.sandbox.kb.orders import Order
from bank_api.sandbox.kb.state import KbState
from bank_api.sandbox.kb.wire import money

ONLINE, CONTINUOUS, BATCH = "ONLINE", "CONTINUOUS", "BATCH"
MODES = (ONLINE, CONTINUOUS, BATCH)
# When a day's payments are made, and until when one waits for funds (section 3.2: practice of the channels, a guess).
_BEGIN = {ONLINE: 0, CONTINUOUS: 8, BATCH: 18}
_LAST = {ONLINE: 0, CONTINUOUS: 18, BATCH: 18}
_FIRST_ID = int("12GYPU", 36)  # real ones were seen of this size
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
REFUSED, CANCELLED, EXPIRED, LATE = "CUST", "DS02", "EXPI", "TM01"
_KEPT = (
	"instruction_id",
	"end_to_end",
	"name",
	"bic",
	"variable",
	"constant",
	"specific",
	"message",
	"priority",
	"charges",
)


@dataclass(frozen=True)
class Sending:
	"""The header data of a batch."""

	exchange: str
	mode: str
	name: str
	format: str
	body: bytes


@dataclass
class _Run:
	"""What can be spent while payments are settled."""

	available: dict[str, int] = field(default_factory=dict)


class Batches:
	"""The bank's book of batches. The caller holds the lock.

	Args:
		state: The records.
		changed: Is told which account has new or changed transactions.
	"""

	def __init__(self, state: KbState, changed: Callable[[str], None]) -> None:
		self.state, self._changed = state, changed
		self._due = 0  # nothing happens before this instant, as far as known

	# storing
	def store(self, caller: Caller, sending: Sending, checked: list[Checked]) -> Batch:
		"""Store a batch (F3, F4), and remember what its sender is told."""
		number = self.state.core.number("kb_batch", _FIRST_ID)
		good = [entry for entry in checked if not entry.problems]
		moved = any(entry.moved for entry in good)
		status = RJCT if not good else ACWC if moved or len(good) < len(checked) else ACTC
		batch = Batch(
			id=_base36(number).rjust(10, "0"),
			app=caller.app.client_id,
			user=caller.user.id,
			exchange=sending.exchange,
			name=sending.name,
			mode=ONLINE if self.state.switches.mode_ignored else sending.mode,
			format=sending.format,
			received=self.state.now,
			digest=self.digest(sending),
			count=len(checked),
			currency=_one({entry.order.currency for entry in good}),
			status=status,
			sign_state=OPEN if good else NONE,
			sign_id=f"SIGN-{number}",
			change=LATE if moved else "",
			expires=self.state.now + self.state.switches.unsigned_days * 86_400_000,
		)
		batch.answer = self._answer(batch, checked)
		payments = [_payment(batch, place, entry) for place, entry in enumerate(checked)]
		self.state.put_batch(batch, payments)
		self._due = 0
		return batch

	def _answer(self, batch: Batch, checked: list[Checked]) -> dict[str, Any]:
		counted = (
			checked if self.state.switches.totals_over == "all" else [e for e in checked if not e.problems]
		)

		def count(collection: bool, rejected: bool) -> int:
			return sum(
				e.order.collection == collection and (not rejected or bool(e.problems)) for e in checked
			)

		def total(collection: bool) -> int:
			return sum(e.order.amount for e in counted if e.order.collection == collection)

		return {
			"transactionIdentification": batch.id,
			"batchDigest": batch.digest,
			"transactionCreditCount": count(True, False),
			"rejectedTransactionCreditCount": count(True, True),
			"transactionDebitCount": count(False, False),
			"rejectedTransactionDebitCount": count(False, True),
			"totalCreditAmount": total(True),
			"totalDebitAmount": total(False),
			"batchProcessingMode": batch.mode,
			"signInfo": {"state": batch.sign_state, "signId": batch.sign_id},
			"instructionStatus": batch.status,
			"exchangeIdentification": batch.exchange,
		}

	@staticmethod
	def digest(sending: Sending) -> str:
		"""Return what a human compares before authorising: SHA-1 over the bytes received (size as seen, rest a guess)."""
		return hashlib.sha1(sending.body).hexdigest().upper()

	def answer(self, batch: Batch) -> dict[str, Any]:
		"""Return what the sender was told, as it goes on the wire."""
		totals = ("totalCreditAmount", "totalDebitAmount")
		return {name: money(value) if name in totals else value for name, value in batch.answer.items()}

	def find(self, caller: Caller, batch_id: str) -> Batch | None:
		"""Return a batch of the caller's application and user."""
		batch = self.state.batches.get(batch_id)
		if batch is None or (batch.app, batch.user) != (caller.app.client_id, caller.user.id):
			return None
		return batch

	def sent_before(self, caller: Caller, exchange: str) -> list[Batch]:
		"""Return the client's batches under an exchange identification."""
		client = caller.app.client_id
		return [b for b in self.state.batches.values() if b.app == client and b.exchange == exchange]

	# deciding
	def may_sign(self, batch: Batch, user: User) -> bool:
		"""Tell whether a person of the bank's channel may decide on a batch: each account must be one of theirs."""
		allowed = set(user.accounts)
		return (
			user.channel
			and not user.blocked
			and all(
				payment.own in allowed for payment in self.state.payments_of(batch) if payment.status != RJCT
			)
		)

	def authorise(self, batch: Batch, user: User) -> None:
		"""A human has authorised the batch (F6); what is due is paid at once."""
		self._decide(batch, user.id, ACSP, CLOSE, "")
		for payment in self._waiting(batch):
			payment.status = ACSP
			self.state.put(payment)
			self._hold(payment)
		self.settle(batch)

	def refuse(self, batch: Batch, user: User) -> None:
		"""A human has refused it."""
		self._reject(batch, user.id, REJECT, REFUSED, "The client refused the batch")

	def cancel(self, batch: Batch) -> None:
		"""The application has cancelled it while it waited."""
		self._reject(batch, "", NONE, CANCELLED, "The batch was cancelled by its sender")

	def expire(self, batch: Batch) -> None:
		"""Nobody has authorised it in time."""
		self._reject(batch, "", NONE, EXPIRED, "Nobody authorised the batch in time")

	def _decide(self, batch: Batch, by: str, status: str, sign_state: str, change: str) -> None:
		batch.status, batch.sign_state, batch.change = status, sign_state, change
		batch.decided, batch.decided_by = self.state.now, by
		self.state.put(batch)
		self._due = 0

	def _reject(self, batch: Batch, by: str, sign_state: str, change: str, text: str) -> None:
		waiting = self._waiting(batch)
		self._decide(batch, by, RJCT, sign_state, change)
		for payment in waiting:
			self._turn_down(payment, change, text)

	def _waiting(self, batch: Batch) -> list[Payment]:
		return [payment for payment in self.state.payments_of(batch) if payment.status in (ACTC, ACWC)]

	def _turn_down(self, payment: Payment, code: str, text: str) -> None:
		payment.status = RJCT
		payment.errors = [*payment.errors, {"code": code, "field": "", "message": text, "value": ""}]
		self.state.put(payment)

	# settling
	def catch_up(self) -> None:
		"""Do what the clock has made due: batches that expire, payments whose day has come."""
		if self.state.now < self._due:
			return
		following = [self.state.now + 86_400_000]
		for batch in list(self.state.batches.values()):
			if batch.sign_state == OPEN:
				if batch.expires <= self.state.now:
					self.expire(batch)
				else:
					following.append(batch.expires)
			elif batch.status == ACSP:
				following.append(self.settle(batch))
		self._due = min(following)

	def settle(self, batch: Batch, *, force: bool = False) -> int:
		"""Make the payments of an authorised batch that are due.

		Args:
			batch: The batch.
			force: Make all of them, whatever their day.

		Returns:
			When to look again.
		"""
		run, following = _Run(), [self.state.now + 86_400_000]
		accounts: set[str] = set()
		for payment in self.state.payments_of(batch):
			if payment.status != ACSP:
				continue
			begin, last = self._times(batch, payment)
			if self.state.now < begin and not force:
				following.append(begin)
				continue
			accounts.add(payment.own)
			if not self._pay(run, payment) and (self.state.now >= last or force):
				self._drop_hold(payment)
				self._turn_down(payment, "AM04", "The balance does not suffice")
		if accounts and all(p.status in (ACSC, RJCT) for p in self.state.payments_of(batch)):
			paid = any(p.status == ACSC for p in self.state.payments_of(batch))
			batch.status = ACSC if paid else RJCT
			self.state.put(batch)
		for iban in accounts:
			self._changed(iban)
		return min(max(when, self.state.now + 60_000) for when in following)

	def _times(self, batch: Batch, payment: Payment) -> tuple[int, int]:
		"""Return when a payment is tried first and last."""
		day = days.bank_day(date.fromisoformat(payment.day))
		begin, last = days.at(day, _BEGIN[batch.mode]), days.at(day, _LAST[batch.mode])
		return begin, max(last, begin)

	def _pay(self, run: _Run, payment: Payment) -> bool:
		account = self.state.accounts[payment.own]
		if account.iban not in run.available:
			run.available[account.iban] = self.state.balance(account)
		amount = self._in_account_currency(payment, account)
		if account.status != "active" or (not payment.collection and run.available[account.iban] < amount):
			return False
		signed = amount if payment.collection else -amount
		run.available[account.iban] += signed
		payment.status, payment.settled = ACSC, str(self.state.today)
		self.state.put(payment)
		entry = self._hold(payment)
		entry.status, entry.day, entry.updated = BOOKED, payment.settled, self.state.now
		entry.data = {**entry.data, "entryReference": f"KB-{self.state.core.number('kb_reference', 1):010d}"}
		self.state.put(entry)
		self._credit(payment)
		return True

	def _hold(self, payment: Payment) -> Entry:
		"""Return the payment's line in the account's history; it is pending from the authorisation on."""
		entry = self.state.entry_of(payment)
		if entry is not None:
			return entry
		account = self.state.accounts[payment.own]
		amount = self._in_account_currency(payment, account)
		signed = amount if payment.collection else -amount
		members = _members(payment, payment.partner, account.currency, amount)
		day = str(self.state.today)
		return self.state.add_entry(payment.own, PENDING, day, signed, members, payment=payment.key)

	def _drop_hold(self, payment: Payment) -> None:
		entry = self._hold(payment)
		self.state.drop_entry(entry)

	def _credit(self, payment: Payment) -> None:
		"""Book the other side where it is an account of the same client."""
		other = self.state.accounts.get(payment.partner)
		if other is None or payment.collection or other.currency != payment.currency:
			return
		members = _members(payment, payment.own, other.currency, payment.amount)
		members["entryReference"] = f"KB-{self.state.core.number('kb_reference', 1):010d}"
		self.state.add_entry(other.iban, BOOKED, str(self.state.today), payment.amount, members)
		self._changed(other.iban)

	@staticmethod
	def _in_account_currency(payment: Payment, account: Account) -> int:
		"""Convert with one made-up rate: everything is 25 to the crown."""
		if payment.currency == account.currency:
			return payment.amount
		if account.currency == "CZK":
			return payment.amount * 25
		return -(-payment.amount // 25) if payment.currency == "CZK" else payment.amount


def _one(values: set[str]) -> str:
	return next(iter(values)) if len(values) == 1 else ""


def _payment(batch: Batch, place: int, checked: Checked) -> Payment:
	order = checked.order
	status = RJCT if checked.problems else ACWC if checked.moved else ACTC
	return Payment(
		key=f"{batch.id}:{place}",
		batch=batch.id,
		index=place,
		status=status,
		day=order.day,
		amount=order.amount,
		currency=order.currency,
		own=order.own,
		partner=order.partner,
		collection=order.collection,
		details=_details(order),
		errors=[problem.export() for problem in checked.problems],
	)


def _details(order: Order) -> dict[str, Any]:
	return {name: value for name in _KEPT if (value := getattr(order, name))}


def _members(payment: Payment, partner: str, currency: str, amount: int) -> dict[str, Any]:
	"""Return what a payment's line shows of it."""
	details, number = payment.details, number_of(partner)
	code, name, bic = bank_of(partner)
	party = {
		"iban": partner,
		"name": details.get("name", ""),
		"accountNo": str(number).rpartition("/")[0] if number else "",
		"bankBic": bic or details.get("bic", ""),
		"bankCode": code,
		"bankName": name,
	}
	references = {
		"accountServicer": f"SIM{payment.batch}{payment.index:05d}",
		"endToEndIdentification": details.get("end_to_end", ""),
		"variable": details.get("variable", ""),
		"constant": details.get("constant", ""),
		"specific": details.get("specific", ""),
		"receiver": details.get("message", ""),
	}
	members: dict[str, Any] = {
		"transactionType": "DOMESTIC" if code else "SEPA" if payment.currency == "EUR" else "FOREIGN",
		"counterParty": {name: value for name, value in party.items() if value},
		"references": {name: value for name, value in references.items() if value},
	}
	if payment.currency != currency:
		members["converted"] = {"value": payment.amount, "currency": payment.currency, "swapped": False}
	return members


def _base36(number: int) -> str:
	text = ""
	while number:
		number, rest = divmod(number, 36)
		text = _DIGITS[rest] + text
	return text
