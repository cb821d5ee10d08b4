"""Migdal's records, found the ways the interface asks for them."""

import secrets
import uuid
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from bank_api.sandbox.clock import EPOCH
from bank_api.sandbox.data import generator
from bank_api.sandbox.migdal import data
from bank_api.sandbox.migdal.model import (
	FINAL,
	OPEN,
	Account,
	Authorisation,
	Code,
	Consent,
	Entry,
	Psu,
	Token,
	Trip,
	Usage,
)
from bank_api.sandbox.migdal.switches import MigdalSwitches
from bank_api.sandbox.state import Core


class MigdalState:
	"""The store seen as Migdal. The caller holds the lock."""

	def __init__(self, core: Core) -> None:
		self.core = core
		self.switches = MigdalSwitches()
		self.switches.update(core.options.migdal_switches)
		if core.restored:
			self.switches.update(core.recall("migdal_switches", {}))
		self.psus = core.store.table(Psu)
		self.accounts = core.store.table(Account)
		self.entries = core.store.table(Entry)
		self.consents = core.store.table(Consent)
		self.authorisations = core.store.table(Authorisation)
		self.trips = core.store.table(Trip)
		self.codes = core.store.table(Code)
		self.tokens = core.store.table(Token)
		self.usage = core.store.table(Usage)
		self._by_account: dict[str, dict[int, Entry]] | None = None

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
		"""The sandbox's day, UTC."""
		return self.moment.date()

	# making
	def seed(self) -> None:
		"""Make the customers of a fresh sandbox, once."""
		if self.core.recall("migdal_seeded"):
			return
		seed = self.core.options.seed
		for plan in data.plans(seed, self.today):
			self.core.store.put(plan.psu)
			for account, count in plan.accounts:
				self.add_account(account, count)
		self.core.remember("migdal_seeded", True)

	def add_account(self, account: Account, count: int) -> None:
		"""Keep an account and make its entries."""
		self.core.store.put(account)
		for status, day, values in data.entries(self.core.options.seed, account, count, self.today):
			self.add_entry(account.number, status, day, values)

	def add_entry(self, number: str, status: str, day: str, values: dict[str, Any]) -> Entry:
		"""Keep an entry of an account."""
		entry = Entry(self.core.number("migdal_entry", 1), number, status, day, values)
		self.core.store.put(entry)
		if self._by_account is not None:
			self._by_account.setdefault(number, {})[entry.key] = entry
		return entry

	def drop_entry(self, entry: Entry) -> None:
		"""Remove an entry."""
		self.core.store.drop(entry)
		self.entries_of(entry.account).pop(entry.key, None)

	def entries_of(self, number: str) -> dict[int, Entry]:
		"""Return an account's entries by their number."""
		if self._by_account is None:
			self._by_account = {}
			for entry in self.entries.values():
				self._by_account.setdefault(entry.account, {})[entry.key] = entry
		return self._by_account.setdefault(number, {})

	def new_id(self) -> str:
		"""Return a UUID: a random one, or the next of a fixed series when ``--id-base`` asks for equal data."""
		base = self.core.options.id_base
		if base is None:
			return str(uuid.uuid4())
		number = self.core.number("migdal_id", 1)
		return str(uuid.UUID(int=generator(self.core.options.seed, base, number).getrandbits(128), version=4))

	@staticmethod
	def secret() -> str:
		"""Return an unguessable text."""
		return secrets.token_urlsafe(32)

	def forget(self, switches: bool) -> None:
		"""Take note that the store was emptied."""
		self._by_account = None
		self.core.remember("migdal_seeded", False)
		if switches:
			self.switches = MigdalSwitches()
			self.switches.update(self.core.options.migdal_switches)
			self.core.remember("migdal_switches", asdict(self.switches))

	# finding
	def accounts_of(self, consent: Consent) -> list[Account]:
		"""Return what the customer of a consent has at its company, as far as the consent's restriction goes."""
		kinds = {"LOAN": "loan", "CACC": "account", "CARD": "card"}
		wanted = {kinds.get(code, code) for code in consent.restricted_to}
		return [
			account
			for account in self.accounts.values()
			if account.psu == consent.psu
			and account.company == consent.company
			and (not wanted or account.type in wanted)
		]

	def resource_id(self, consent: Consent, account: Account) -> str:
		"""Return the id that a path carries for an account: its own for life, or one per consent (a switch)."""
		salt = consent.id if self.switches.resource_ids == "consent" else ""
		rng = generator(self.core.options.seed, "migdal resource", salt, account.number)
		return str(uuid.UUID(int=rng.getrandbits(128), version=4))

	def authorisations_of(self, consent: Consent) -> list[Authorisation]:
		"""Return a consent's authorisations, oldest first."""
		return [found for found in self.authorisations.values() if found.consent == consent.id]

	def tokens_of(self, consent: Consent) -> Iterable[Token]:
		"""Return a consent's tokens."""
		return [token for token in self.tokens.values() if token.consent == consent.id]

	# life of a consent
	def set_status(self, consent: Consent, status: str) -> None:
		"""Move a consent; its day of last action moves along, and open authorisations end with it."""
		if consent.status == status:
			return
		consent.status = status
		consent.last_action = str(self.today)
		self.core.store.put(consent)
		if status in FINAL:
			for authorisation in self.authorisations_of(consent):
				if authorisation.status not in ("finalised", "failed", "exempted"):
					self.set_sca(authorisation, "failed")

	def set_sca(self, authorisation: Authorisation, status: str) -> None:
		"""Move an authorisation."""
		authorisation.status = status
		self.core.store.put(authorisation)

	def catch_up(self, consent: Consent) -> Consent:
		"""Apply what the clock has done to a consent: past its validity, or never authorised in time."""
		now_valid = consent.status in ("valid", "suspendedByASPSP")
		if now_valid and (str(self.today) > consent.valid_until or self._one_off_over(consent)):
			self.set_status(consent, "expired")
		elif consent.status in OPEN and self.now >= consent.created + self.switches.link_minutes * 60_000:
			self.set_status(consent, "rejected")
		return consent

	def _one_off_over(self, consent: Consent) -> bool:
		return bool(consent.one_off_day) and str(self.today) > consent.one_off_day
