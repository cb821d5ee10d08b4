"""The banks' records, found the ways the APIs ask for them."""

import hashlib
import hmac
import secrets
import uuid
from datetime import date
from typing import Any

from bank_api.sandbox.data import generator
from bank_api.sandbox.quanto.bank import seed
from bank_api.sandbox.quanto.bank.directory import BANKS
from bank_api.sandbox.quanto.bank.model import (
	CREDITS,
	Consent,
	Customer,
	Entry,
	Product,
	Token,
	Usage,
	Visit,
)
from bank_api.sandbox.quanto.stamps import moment, stamp
from bank_api.sandbox.quanto.switches import QuantoSwitches
from bank_api.sandbox.state import Core

# Which permission opens a kind of product (sections 4.4 to 4.6).
OPENED_BY = {
	"ACCOUNT": "ACCOUNTS_READ",
	"CREDIT_CARD_ACCOUNT": "CREDIT_CARDS_ACCOUNTS_READ",
	**{kind: f"{api.replace('-', '_').upper()}_READ" for api, kind in CREDITS.items()},
}


class BankState:
	"""The store seen as the banks. The caller holds the lock."""

	def __init__(self, core: Core, switches: "SwitchBox") -> None:
		self.core, self._switches = core, switches
		self.customers = core.store.table(Customer)
		self.products = core.store.table(Product)
		self.consents = core.store.table(Consent)
		self.visits = core.store.table(Visit)
		self.tokens = core.store.table(Token)
		self.usage = core.store.table(Usage)
		self._entries: dict[str, dict[int, Entry]] | None = None

	@property
	def switches(self) -> QuantoSwitches:
		"""The switches as they are now."""
		return self._switches.now

	# time
	@property
	def now(self) -> int:
		"""The sandbox's instant in milliseconds."""
		return self.core.clock.now()

	@property
	def today(self) -> date:
		"""The sandbox's day, UTC."""
		return moment(self.now).date()

	@property
	def stamp(self) -> str:
		"""The sandbox's instant as it goes on the wire."""
		return stamp(self.now)

	# making
	def seed(self) -> None:
		"""Make the person and the company of a fresh sandbox, once."""
		if self.core.recall("quanto_seeded"):
			return
		self.core.remember("quanto_seeded", True)
		for document, approvers in ((seed.PERSON, []), (seed.COMPANY, [seed.PERSON, seed.APPROVER])):
			self.customer(document, approvers)

	def customer(self, document: str, approvers: list[str] | None = None) -> None:
		"""Make a customer's data at both banks, unless it is there."""
		for bank in BANKS.values():
			if f"{bank.key}/{document}" in self.customers:
				continue
			plan = seed.plan(
				self.core.options.seed, bank, document, self.today, self.core.options.transactions
			)
			self.core.store.put(plan.customer)
			for product, rows in plan.products:
				if approvers and product.type == "ACCOUNT" and product.parts.get("main"):
					product.approvers = list(approvers)
				self.core.store.put(product)
				for data in rows:
					self.add_entry(product.id, data)

	def add_entry(self, product: str, data: dict[str, Any]) -> Entry:
		"""Keep a transaction of an account or card."""
		entry = Entry(self.core.number("ofb_entry", 1), product, data)
		self.core.store.put(entry)
		if self._entries is not None:
			self._entries.setdefault(product, {})[entry.key] = entry
		return entry

	def drop_entry(self, entry: Entry) -> None:
		"""Remove a transaction."""
		self.core.store.drop(entry)
		self.entries_of(entry.product).pop(entry.key, None)

	def entries_of(self, product: str) -> dict[int, Entry]:
		"""Return the transactions of an account or card by their number."""
		if self._entries is None:
			self._entries = {}
			for entry in self.core.store.table(Entry).values():
				self._entries.setdefault(entry.product, {})[entry.key] = entry
		return self._entries.setdefault(product, {})

	def new_id(self) -> str:
		"""Return a UUID: a random one, or the next of a fixed series when ``--id-base`` asks for equal data."""
		base = self.core.options.id_base
		if base is None:
			return str(uuid.uuid4())
		number = self.core.number("quanto_id", 1)
		rng = generator(self.core.options.seed, "quanto", base, number)
		return str(uuid.UUID(int=rng.getrandbits(128), version=4))

	@staticmethod
	def secret() -> str:
		"""Return an unguessable text."""
		return secrets.token_urlsafe(32)

	def seal(self, text: str) -> str:
		"""Return a check value that only this sandbox can make."""
		key = self.core.recall("quanto_seal")
		if key is None:
			key = secrets.token_hex(16)
			self.core.remember("quanto_seal", key)
		return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]

	def forget(self) -> None:
		"""Take note that the store was emptied."""
		self._entries = None
		self.core.remember("quanto_seeded", False)

	# finding
	def products_of(self, consent: Consent) -> list[Product]:
		"""Return what the customer of a consent has at its bank, as far as its permissions go."""
		return [
			product
			for product in self.products.values()
			if product.bank == consent.bank
			and product.document == consent.document
			and OPENED_BY[product.type] in consent.permissions
		]


class SwitchBox:
	"""Where the switches are: a reset puts fresh ones in."""

	def __init__(self) -> None:
		self.now = QuantoSwitches()
