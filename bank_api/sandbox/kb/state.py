"""KB's records, found the ways its parts ask for them. The caller holds the lock."""

import secrets
import uuid
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from bank_api.sandbox.clock import EPOCH
from bank_api.sandbox.data import generator
from bank_api.sandbox.kb import data, days
from bank_api.sandbox.kb.jose import Key
from bank_api.sandbox.kb.model import (
	BOOKED,
	PENDING,
	Account,
	App,
	Batch,
	Entry,
	Extract,
	Grant,
	Payment,
	Subscription,
	Token,
	Trip,
	User,
)
from bank_api.sandbox.kb.switches import KbSwitches
from bank_api.sandbox.state import Core


class KbState:
	"""The store seen as KB."""

	def __init__(self, core: Core) -> None:
		self.core = core
		self.switches = KbSwitches()
		self.switches.update(core.options.kb_switches)
		if core.restored:
			self.switches.update(core.recall("kb_switches", {}))
		self.users = core.store.table(User)
		self.accounts = core.store.table(Account)
		self.entries = core.store.table(Entry)
		self.apps = core.store.table(App)
		self.trips = core.store.table(Trip)
		self.grants = core.store.table(Grant)
		self.tokens = core.store.table(Token)
		self.batches = core.store.table(Batch)
		self.payments = core.store.table(Payment)
		self.subscriptions = core.store.table(Subscription)
		self.extracts = core.store.table(Extract)
		self.api_keys = data.api_keys(core.options.seed)
		self._key: Key | None = None
		self._by_account: dict[str, list[Entry]] | None = None
		self._by_payment: dict[str, Entry] = {}
		self._by_batch: dict[str, list[Payment]] | None = None

	# time
	@property
	def now(self) -> int:
		"""The sandbox's instant in milliseconds."""
		return self.core.clock.now()

	@property
	def moment(self) -> datetime:
		"""The sandbox's instant."""
		return EPOCH + timedelta(milliseconds=self.now)

	@property
	def today(self) -> date:
		"""The bank's day, in Prague."""
		return days.local(self.now).date()

	# making
	@property
	def key(self) -> Key:
		"""The bank's signing key; made at the first use, and kept with the state."""
		if self._key is None:
			self._key = Key(self.core.recall("kb_key"))
			self.core.remember("kb_key", self._key.pem)
		return self._key

	def seed(self) -> None:
		"""Make the company of a fresh sandbox, once."""
		if self.core.recall("kb_seeded"):
			return
		self.core.remember("kb_seeded", True)
		count = min(120, self.core.options.transactions)
		for account in data.accounts():
			self.put(account)
			if account.status != "closed":
				made = data.entries(self.core.options.seed, account, count, self.today)
				for status, day, amount, members in made:
					when = min(_midday(day), self.now)
					self.add_entry(account.iban, status, day, amount, members, updated=when)
		for user in data.users():
			if user.channel:
				user.service_until = self.service_end()
			self.put(user)

	def add_entry(
		self,
		iban: str,
		status: str,
		day: str,
		amount: int,
		members: dict[str, Any],
		*,
		payment: str = "",
		updated: int | None = None,
	) -> Entry:
		"""Keep a transaction of an account."""
		number = self.core.number("kb_entry", 1)
		when = self.now if updated is None else updated
		entry = Entry(number, iban, status, day, amount, when, members, payment)
		self.put(entry)
		self._file(entry)
		return entry

	def _file(self, entry: Entry) -> None:
		if self._by_account is None:
			return  # the first one who asks reads them all
		self._by_account.setdefault(entry.account, []).append(entry)
		if entry.payment:
			self._by_payment[entry.payment] = entry

	def put(self, record: Any) -> Any:
		"""Keep a record, or note that it changed."""
		self.core.store.put(record)
		return record

	def drop_entry(self, entry: Entry) -> None:
		"""Remove a transaction."""
		self.core.store.drop(entry)
		self.entries_of(entry.account).remove(entry)
		self._by_payment.pop(entry.payment, None)

	def put_batch(self, batch: Batch, payments: list[Payment]) -> None:
		"""Keep a new batch with its payments."""
		self.put(batch)
		for payment in payments:
			self.put(payment)
		if self._by_batch is not None:
			self._by_batch[batch.id] = payments

	def service_end(self) -> int:
		"""Return until when the service holds that is authorised now (section 1, P2)."""
		return days.add_months(self.now, self.switches.service_months)

	def new_id(self) -> str:
		"""Return a UUID: a random one, or the next of a fixed series when ``--id-base`` asks for equal data."""
		base = self.core.options.id_base
		if base is None:
			return str(uuid.uuid4())
		number = self.core.number("kb_id", 1)
		rng = generator(self.core.options.seed, "kb", base, number)
		return str(uuid.UUID(int=rng.getrandbits(128), version=4))

	@staticmethod
	def secret(size: int = 32) -> str:
		"""Return an unguessable text."""
		return secrets.token_urlsafe(size)

	def forget(self, switches: bool) -> None:
		"""Take note that the store was emptied."""
		self._by_account = self._by_batch = None
		self._by_payment.clear()
		self.core.remember("kb_seeded", False)
		if switches:
			self.switches = KbSwitches()
			self.switches.update(self.core.options.kb_switches)
			self.core.remember("kb_switches", asdict(self.switches))

	# finding
	def entries_of(self, iban: str) -> list[Entry]:
		"""Return an account's transactions as they were made."""
		if self._by_account is None:
			self._by_account = {}
			for entry in self.entries.values():
				self._file(entry)
		return self._by_account.setdefault(iban, [])

	def entry_of(self, payment: Payment) -> Entry | None:
		"""Return a payment's line in the history of its account."""
		self.entries_of(payment.own)
		return self._by_payment.get(payment.key)

	def payments_of(self, batch: Batch) -> list[Payment]:
		"""Return a batch's payments in their order."""
		if self._by_batch is None:
			self._by_batch = {}
			for payment in self.payments.values():
				self._by_batch.setdefault(payment.batch, []).append(payment)
		return self._by_batch.setdefault(batch.id, [])

	def balance(self, account: Account, *, pending: bool = False) -> int:
		"""Return what is booked, or, with ``pending``, what can be disposed of."""
		statuses = (BOOKED, PENDING) if pending else (BOOKED,)
		made = (entry.amount for entry in self.entries_of(account.iban) if entry.status in statuses)
		return account.opening + sum(made)

	def accounts_of(self, user: User) -> list[Account]:
		"""Return what a user may act on, closed accounts left out."""
		found = (self.accounts[iban] for iban in user.accounts if iban in self.accounts)
		return [account for account in found if account.status != "closed"]

	def grants_of(self, user: User) -> Iterable[Grant]:
		"""Return what a user has granted and an application has taken up, newest first."""
		found = [grant for grant in self.grants.values() if grant.user == user.id and grant.refresh]
		return reversed(found)


def _midday(day: str) -> int:
	return days.at(date.fromisoformat(day), 12)
