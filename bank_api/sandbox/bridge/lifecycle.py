"""What happens to items: scenarios, synchronisation, scheduler ticks, reconnects."""

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from bank_api.sandbox import data
from bank_api.sandbox.bridge.banks import BANKS, OLD_SIMULATOR
from bank_api.sandbox.bridge.events import Events
from bank_api.sandbox.bridge.generator import History, Spec
from bank_api.sandbox.bridge.model import DEFAULT_INFO, STATUS_NAMES, Account, Item, Stock, Transaction
from bank_api.sandbox.bridge.state import BridgeState
from bank_api.sandbox.bridge.views import transaction2, transaction3

DAY_MS = 86_400_000
WITH_DATA = (0, 1009, 1100)
INTERACTIVE = ("otp", "otp_fail", "app2app", "app2app_expiry")
_STATUS = re.compile(r"^(-?\d+)(?:_(.+))?$")
_SIMULATOR = {"demo402": "402", "demo429": "429", "demoOTP": "otp"}


def scenarios(provider_id: int, login: str, password: str = "") -> list[str]:
	"""Read a scenario log-in (bridge.md 9).

	Args:
		provider_id: The bank; the old Simulator takes its scenario from the password.
		login: ``success``, ``otp``, ``402``, ``1005_CLOSED_ACCOUNT``, ``success.1010``, anything.
		password: Only the old Simulator looks at it.

	Returns:
		One scenario per successive sync, at least one.
	"""
	if provider_id == OLD_SIMULATOR:
		return [_SIMULATOR.get(password, "success")]
	parts = login.strip().split(".")
	known = [
		part for part in parts if part in INTERACTIVE or part == "success" or status_of(part) is not None
	]
	return parts if len(known) == len(parts) else ["success"]


def status_of(scenario: str) -> tuple[int, str | None] | None:
	"""Read ``<status>`` or ``<status>_<STATUS_CODE_INFO>``; None for anything else."""
	found = _STATUS.match(scenario)
	if not found or int(found[1]) not in STATUS_NAMES:
		return None
	status = int(found[1])
	return status, (found[2] or DEFAULT_INFO.get(status) or STATUS_NAMES[status]).lower()


class Lifecycle:
	"""Changes items and tells the world. The caller holds the lock."""

	def __init__(self, state: BridgeState, events: Events) -> None:
		self.state, self.events = state, events

	# connecting
	def create_item(
		self,
		user_uuid: str,
		provider_id: int,
		login: str,
		account_types: str,
		version: str,
		password: str = "",
	) -> Item:
		"""Make an item out of submitted credentials: status -2, ``item.created``."""
		item = self.state.add_item(
			user=user_uuid,
			provider_id=provider_id,
			login=login,
			status=-2,
			status_code_info=STATUS_NAMES[-2],
			account_types=account_types,
			created=self.state.now,
			version=version,
			queue=scenarios(provider_id, login, password),
		)
		self.events.item_created(item)
		return item

	def edit_credentials(self, item: Item, login: str, password: str = "") -> None:
		"""Take new credentials for an item: status -3."""
		item.login, item.queue = login, scenarios(item.provider_id, login, password)
		self._set(item, -3, STATUS_NAMES[-3])

	def next_scenario(self, item: Item, interactive: bool) -> str:
		"""Take the scenario of the next sync; when none is left the user succeeds and the scheduler sees no change."""
		if item.queue:
			scenario = item.queue.pop(0)
			self.state.save_item(item)
			return scenario
		return "success" if interactive or item.status in (0, -2, -3) else "unchanged"

	def fail(self, item: Item, status: int, info: str | None, trigger: str, full: bool = False) -> None:
		"""End a sync without data."""
		item.last_try = self.state.now
		self._set(item, status, info)
		self.events.item_refreshed(item, full, trigger)

	def _set(self, item: Item, status: int, info: str | None) -> None:
		item.status, item.status_code_info = status, info
		self.state.save_item(item)

	def set_status(self, item: Item, status: int, info: str | None, emit: bool = True) -> None:
		"""Force a status (control API)."""
		known = DEFAULT_INFO.get(status) or STATUS_NAMES.get(status, str(status))
		self._set(item, status, info if info is not None else known)
		if emit:
			self.events.item_refreshed(item, False, "scheduler")

	def complete(
		self,
		item: Item,
		chosen: list[int] | None,
		trigger: str = "connect",
		transactions: int | None = None,
		final: tuple[int, str | None] = (0, "ok"),
	) -> None:
		"""Authentication succeeded: fetch the shared accounts and their history.

		Args:
			item: The item.
			chosen: Positions of the shared accounts in the bank's list; None shares all.
			trigger: ``connect``, ``scheduler`` or ``api``.
			transactions: How many in all; None takes the command line's number.
			final: The status afterwards (1009 and 1100 come with data).
		"""
		delay = self.state.switches.sync_delay_ms
		if delay:
			values = {
				"chosen": chosen,
				"trigger": trigger,
				"transactions": transactions,
				"final": list(final),
			}
			self.later(delay, "complete", {"item": item.id, **values})
			return
		self._complete(item, chosen, trigger, transactions, final)

	def _complete(
		self,
		item: Item,
		chosen: list[int] | None,
		trigger: str,
		transactions: int | None,
		final: tuple[int, str | None],
	) -> None:
		now = self.state.now
		offered = self.state.specs_of(item.provider_id, item.login, item.account_types)
		shared = [spec for spec in offered if chosen is None or spec.index in chosen]
		known = {account.spec: account for account in self.state.accounts_of(item.id)}
		created = self._open(item, [spec for spec in shared if spec.index not in known], transactions)
		self._share(item, known, {spec.index for spec in shared}, limited={spec.index for spec in offered})
		item.last_try = item.last_success = now
		item.authentication_expires = now + self.state.switches.consent_days * DAY_MS
		self._set(item, *final)
		for account in created:
			self.events.account_created(account, item)
		self.events.item_refreshed(item, bool(created), trigger)

	def _open(self, item: Item, new: list[Spec], transactions: int | None) -> list[Account]:
		if item.transactions is None:
			item.transactions = self.state.core.options.transactions if transactions is None else transactions
		total = item.transactions
		options = self.state.core.options
		login = self.state.data_login(item.provider_id, item.login)
		history = History(
			options.seed, BANKS[item.provider_id], login, self.state.now, self.state.switches.history_days
		).of(new, total)
		created = [self.state.add_account(item, spec) for spec in new]
		write = transaction2 if item.version == "2021-06-01" else transaction3
		for account in created:
			for row in self.state.add_drafts(account, history[account.spec]):
				write(row)  # its JSON text is made now, so that pages are only joined
			if account.type in ("brokerage", "life_insurance"):
				self._add_stocks(account)
		return created

	def _add_stocks(self, account: Account) -> None:
		rng = data.generator(self.state.core.options.seed, account.provider_id, account.spec, "stocks")
		day = datetime.fromtimestamp(self.state.now / 1000, timezone.utc).date().isoformat()
		for label, isin, ticker in (
			("AIR LIQUIDE", "FR0000120073", "AI"),
			("AMUNDI MSCI WORLD", "LU1681043599", "CW8"),
			("OAT 0.75% 2028", "FR0013286192", "OAT28"),
		):
			quantity, price = rng.randrange(1, 200), rng.randrange(1000, 60000)
			self.state.store.put(
				Stock(
					id=self.state.core.number("stock", 1_000_000),
					account_id=account.id,
					label=label,
					isin=isin,
					ticker=ticker,
					marketplace="XPAR",
					quantity=str(quantity),
					current_price=data.cents(price),
					average_purchase_price=data.cents(price * 9 // 10),
					total_value=data.cents(price * quantity),
					value_date=day,
					currency="EUR",
					created=self.state.now,
					updated=self.state.now,
				)
			)

	def _share(self, item: Item, known: dict[int, Account], shared: set[int], limited: set[int]) -> None:
		"""Each pass through Connect lets the user change what is shared (bridge.md 2.2)."""
		for spec, account in known.items():
			access = "enabled" if spec in shared else "disabled"
			if spec not in limited or account.data_access == access or account.closed:
				continue
			account.data_access = access
			account.updated = self.state.stamp()
			self.state.save_account(account)
			self.events.account_updated(account, item)

	# later
	def later(self, delay_ms: int, what: str, values: dict[str, Any]) -> None:
		"""Do something when sandbox time has passed."""
		due = self.state.core.recall("due", [])
		due.append([self.state.now + delay_ms, what, values])
		self.state.core.remember("due", sorted(due, key=lambda entry: entry[0]))

	def run_due(self) -> None:
		"""Do what is due."""
		due = self.state.core.recall("due", [])
		if not due or due[0][0] > self.state.now:
			return
		ready = [entry for entry in due if entry[0] <= self.state.now]
		self.state.core.remember("due", [entry for entry in due if entry[0] > self.state.now])
		for _, what, values in ready:
			item = self.state.items.get(values["item"])
			if item is None:
				continue
			if what == "complete":
				final = (values["final"][0], values["final"][1])
				self._complete(item, values["chosen"], values["trigger"], values["transactions"], final)
			else:
				self._finish_refresh(item)

	# refreshing
	def refresh(self, item: Item) -> None:
		"""A client asked for a refresh (v2)."""
		item.refresh_started = self.state.now
		duration = self.state.switches.refresh_duration_ms
		item.refresh_ends = self.state.now + duration
		item.refresh_result = None
		self.state.save_item(item)
		if duration:
			self.later(duration, "refresh", {"item": item.id})
		else:
			self._finish_refresh(item)

	def _finish_refresh(self, item: Item) -> None:
		self.tick_item(item, trigger="api")
		item.refresh_result = {0: "finished", 1010: "info_required", 402: "invalid_creds"}.get(
			item.status, "finished_error"
		)
		self.state.save_item(item)

	def tick_item(
		self, item: Item, new: int = 2, updated: int = 1, deleted: int = 1, trigger: str = "scheduler"
	) -> dict[str, Any]:
		"""One automatic refresh of an item (bridge.md 9.1 point 4).

		Args:
			item: The item.
			new: New transactions on each of the first two checking accounts.
			updated: How many get another category.
			deleted: How many are deleted and come back under a new id; one in two future lines is booked too.
			trigger: Of the event.

		Returns:
			Item id, status and counts.
		"""
		counts = {"new": 0, "updated": 0, "deleted": 0}
		scenario = self.next_scenario(item, interactive=False)
		expires = item.authentication_expires
		if expires is not None and self.state.now >= expires:
			scenario = "otp"
		outcome = status_of(scenario)
		if scenario == "unchanged":
			outcome = (item.status, item.status_code_info)
		elif scenario in INTERACTIVE:
			outcome = (1010, "otp_required")
		if outcome is not None and outcome[0] != 0:
			self.fail(item, outcome[0], outcome[1], trigger)
			return {"item_id": item.id, "status": item.status, **counts}
		item.ticks += 1
		if item.last_success is None:  # the connect never came through; this is the first data
			self.complete(item, None, trigger)
			return {"item_id": item.id, "status": item.status, **counts}
		if new or updated or deleted:
			checking = [
				a
				for a in self.state.shared(self.state.accounts_of(item.id))
				if a.type == "checking" and not a.closed
			]
			for account in checking[:2]:
				for name, count in self._churn(account, item, new, updated, deleted).items():
					counts[name] += count
		item.last_try = item.last_success = self.state.now
		self._set(item, 0, "ok")
		self.events.item_refreshed(item, False, trigger)
		return {"item_id": item.id, "status": item.status, **counts}

	def _churn(self, account: Account, item: Item, new: int, updated: int, deleted: int) -> dict[str, int]:
		rng = data.generator(self.state.core.options.seed, item.login, account.spec, item.ticks)
		live = [row for row in self.state.rows_of(account.id).values() if not row.deleted]
		recent = live[-50:]
		booked = next((row for row in live if row.future), None) if item.ticks % 2 else None
		if booked is not None:
			self.book(booked)
		changed = rng.sample(recent, min(updated, len(recent)))
		for row in changed:
			row.category_id = 273 if row.category_id != 273 else 186
			self.touch(row)
		movable = [row for row in recent if row not in changed and not row.future]
		for row in rng.sample(movable, min(deleted, len(movable))):
			self.recreate(row)
		for number in range(new):
			amount = data.cents(-rng.randrange(100, 9000))
			self.add_row(account, amount=amount, description=f"CB ACHAT DU JOUR {item.ticks}-{number + 1}")
		gone = min(deleted, len(movable))
		counts = {"new": new + gone, "updated": len(changed) + (booked is not None), "deleted": gone}
		self.changed(account, item, **counts)
		return counts

	def changed(self, account: Account, item: Item, new: int = 0, updated: int = 0, deleted: int = 0) -> None:
		"""Stamp an account and emit ``item.account.updated``."""
		account.updated = self.state.stamp()
		self.state.save_account(account)
		self.events.account_updated(account, item, new, updated, deleted)

	# transactions
	def add_row(self, account: Account, **values: Any) -> Transaction:
		"""Add a transaction dated today, or as the values say."""
		today = datetime.fromtimestamp(self.state.now / 1000, timezone.utc).date().isoformat()
		day = values.pop("date", None) or today
		key = self.state.new_keys(1).start
		description = values.pop("description", "CB ACHAT")
		row = Transaction(
			key=key,
			id=values.pop("id", key),
			account_id=account.id,
			amount=str(values.pop("amount", "-10.00")),
			currency=values.pop("currency_code", account.currency),
			date=day,
			booking_date=values.pop("booking_date", day),
			transaction_date=values.pop("transaction_date", None),
			value_date=values.pop("value_date", None),
			description=description,
			clean=values.pop("clean_description", description.title()),
			category_id=values.pop("category_id", 1),
			operation_type=values.pop("operation_type", "card"),
			updated=values.pop("updated", None) or self.state.stamp(),
			deleted=values.pop("deleted", False),
			future=values.pop("future", False),
			extra=values.pop("extra", None),
		)
		if values:
			raise ValueError(f"unknown transaction fields: {', '.join(values)}")
		self.state.save_row(row)
		return row

	def touch(self, row: Transaction) -> None:
		"""Note that a transaction changed, and when."""
		row.updated = self.state.stamp()
		self.state.save_row(row)

	def book(
		self, row: Transaction, day: str | None = None, new_id: bool = False, **changes: Any
	) -> Transaction:
		"""A future line becomes a normal one with a new date (bridge.md 5.4).

		Args:
			row: The line.
			day: Its new date; a day later than before when missing.
			new_id: True deletes it and creates another row, as some banks do.
			**changes: Further fields (amount, description, …).

		Returns:
			The booked row.
		"""
		day = day or (datetime.fromisoformat(row.date) + timedelta(days=1)).date().isoformat()
		if new_id:
			row.deleted = True
			self.touch(row)
			key = self.state.new_keys(1).start
			row = replace(row, key=key, id=key, deleted=False, text2=None, text3=None)
		row.future = False
		row.date = row.booking_date = day
		for name, value in changes.items():
			setattr(row, name, value)
		self.touch(row)
		return row

	def recreate(self, row: Transaction) -> Transaction:
		"""Delete a transaction and bring it back under a new id."""
		row.deleted = True
		self.touch(row)
		key = self.state.new_keys(1).start
		twin = replace(row, key=key, id=key, deleted=False, text2=None, text3=None)
		self.touch(twin)
		return twin

	# reconnecting
	def reconnect(
		self,
		item: Item,
		new_account_ids: bool = True,
		new_transaction_ids: bool = True,
		with_iban: bool = True,
		close: list[int] | None = None,
		keep_updated_at: bool = False,
		emit: bool = True,
	) -> dict[str, Any]:
		"""The user authenticates again and the bank gives everything new ids.

		Args:
			item: The item; it keeps its id.
			new_account_ids: False keeps the accounts' ids.
			new_transaction_ids: False keeps the transactions' ids.
			with_iban: False: the new accounts come without IBAN.
			close: Ids of accounts that do not come back.
			keep_updated_at: True leaves the rows' ``updated_at`` alone.
			emit: False stays silent.

		Returns:
			``{"accounts": {old id: new id or null}}``.
		"""
		mapping: dict[int, int | None] = {}
		for account in self.state.accounts_of(item.id):
			if account.id in (close or []):
				mapping[account.id] = None
				self.state.delete_account(account)
				if emit:
					self.events.account_deleted(account.id, item)
				continue
			mapping[account.id] = self._renew(
				account, item, new_account_ids, new_transaction_ids, with_iban, keep_updated_at, emit
			)
		item.last_try = item.last_success = self.state.now
		item.authentication_expires = self.state.now + self.state.switches.consent_days * DAY_MS
		self._set(item, 0, "ok")
		if emit:
			self.events.item_refreshed(item, True, "connect")
		return {"accounts": {str(old): new for old, new in mapping.items()}}

	def _renew(
		self,
		account: Account,
		item: Item,
		new_id: bool,
		new_rows: bool,
		with_iban: bool,
		keep: bool,
		emit: bool,
	) -> int:
		rows = list(self.state.rows_of(account.id).values())
		fresh = account
		if new_id:
			self.state.delete_account(account)
			number = self.state.core.number("account", 10_000_000 + 12 * self.state.core.id_base())
			fresh = replace(account, id=number)
		if not with_iban:
			fresh.iban = None
		fresh.updated = self.state.stamp()
		self.state.save_account(fresh)
		for row in rows:
			self._renew_row(row, fresh.id, new_rows, keep)
		if emit and new_id:
			self.events.account_created(fresh, item)
		elif emit:
			self.events.account_updated(fresh, item, new=len(rows))
		return fresh.id

	def _renew_row(self, row: Transaction, account_id: int, new_rows: bool, keep: bool) -> None:
		moved = row.account_id != account_id
		if new_rows and row.deleted and moved:
			return  # a new account has no memory of lines deleted before
		if new_rows:
			if not moved:
				row.deleted = True
				self.touch(row)
			key = self.state.new_keys(1).start
			row = replace(row, key=key, id=key, account_id=account_id, deleted=False, text2=None, text3=None)
		row.account_id = account_id
		if keep or not (moved or new_rows):
			self.state.save_row(row)
		else:
			self.touch(row)
