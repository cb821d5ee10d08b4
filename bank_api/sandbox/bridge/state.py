"""Bridge's records with their indexes, and the small facts derived from them."""

import secrets
import uuid
from collections.abc import Iterable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from bank_api.sandbox.bridge.banks import BANKS, DEMO_BANK
from bank_api.sandbox.bridge.generator import PAYMENT_TYPES, Draft, Spec, specs
from bank_api.sandbox.bridge.model import Account, App, Item, Session, Stock, Token, Transaction, User
from bank_api.sandbox.bridge.switches import Switches
from bank_api.sandbox.state import Core

TRANSACTION_BASE = 36_000_000_000_000  # 14 digits, as in the docs' samples (bridge.md 5.3)


class BridgeState:
	"""Everything Bridge stores. The caller holds ``core.lock``."""

	def __init__(self, core: Core) -> None:
		self.core = core
		self.store = core.store
		self.switches = Switches()
		self.switches.update(core.recall("switches", {}) | core.options.switches)
		self.items_by_user: dict[str, dict[int, Item]] = {}
		self.accounts_by_item: dict[int, dict[int, Account]] = {}
		self.rows_by_account: dict[int, dict[int, Transaction]] = {}
		self.generation: dict[int, int] = {}
		self._sums: dict[int, tuple[int, Decimal, Decimal]] = {}
		self._stamp = 0
		self._index()
		if not self.apps:
			self.store.put(App(core.options.client_id, core.options.client_secret))

	def _index(self) -> None:
		for item in self.items.values():
			self.items_by_user.setdefault(item.user, {})[item.id] = item
		for account in self.accounts.values():
			self.accounts_by_item.setdefault(account.item_id, {})[account.id] = account
		for row in self.transactions.values():
			self.rows_by_account.setdefault(row.account_id, {})[row.key] = row

	# tables
	@property
	def apps(self) -> dict[str, App]:
		"""Applications by client id."""
		return self.store.table(App)

	@property
	def users(self) -> dict[str, User]:
		"""Users by uuid."""
		return self.store.table(User)

	@property
	def tokens(self) -> dict[str, Token]:
		"""Tokens by text."""
		return self.store.table(Token)

	@property
	def sessions(self) -> dict[str, Session]:
		"""Connect sessions by uuid."""
		return self.store.table(Session)

	@property
	def items(self) -> dict[int, Item]:
		"""Items by id."""
		return self.store.table(Item)

	@property
	def accounts(self) -> dict[int, Account]:
		"""Accounts by id."""
		return self.store.table(Account)

	@property
	def transactions(self) -> dict[int, Transaction]:
		"""Transactions by key."""
		return self.store.table(Transaction)

	@property
	def stocks(self) -> dict[int, Stock]:
		"""Securities lines by id."""
		return self.store.table(Stock)

	@property
	def now(self) -> int:
		"""The sandbox's instant, epoch milliseconds."""
		return self.core.clock.now()

	def stamp(self) -> int:
		"""Return an ``updated_at`` that is later than every one given before, and never after now's millisecond + 1."""
		self._stamp = max(self.now, self._stamp + 1)
		return self._stamp

	# users and tokens
	def add_user(
		self, app: str, external_user_id: str | None, email: str | None = None, password: str | None = None
	) -> User:
		"""Create a user."""
		user = User(str(uuid.uuid4()), app, external_user_id, email, password, self.now)
		self.store.put(user)
		return user

	def find_user(self, app: str | None, **wanted: str) -> User | None:
		"""Return the first user whose fields have these values; ``app`` None looks in all."""
		for user in self.users.values():
			if (app is None or user.app == app) and all(
				getattr(user, name) == v for name, v in wanted.items()
			):
				return user
		return None

	def add_token(self, user: User) -> Token:
		"""Issue a token: 40 hex characters, a hyphen, a UUID (bridge.md 1.4)."""
		expires = self.now + self.switches.token_minutes * 60_000
		token = Token(f"{secrets.token_hex(20)}-{uuid.uuid4()}", user.uuid, expires)
		self.store.put(token)
		return token

	def revoke_tokens(self, user_uuid: str | None) -> int:
		"""Drop a user's tokens, or all; return how many."""
		gone = [token for token in self.tokens.values() if user_uuid in (None, token.user)]
		for token in gone:
			self.store.drop(token)
		return len(gone)

	def delete_user(self, user: User) -> None:
		"""Remove a user with everything below."""
		for item in list(self.items_of(user.uuid)):
			self.delete_item(item)
		self.revoke_tokens(user.uuid)
		for session in [session for session in self.sessions.values() if session.user == user.uuid]:
			self.store.drop(session)
		self.store.drop(user)

	# items and accounts
	def items_of(self, user_uuid: str) -> list[Item]:
		"""Return a user's items, oldest first."""
		return list(self.items_by_user.get(user_uuid, {}).values())

	def accounts_of(self, item_id: int) -> list[Account]:
		"""Return an item's accounts in the bank's order."""
		return list(self.accounts_by_item.get(item_id, {}).values())

	def accounts_of_user(self, user_uuid: str) -> list[Account]:
		"""Return every account of a user."""
		return [account for item in self.items_of(user_uuid) for account in self.accounts_of(item.id)]

	def shared(self, accounts: Iterable[Account]) -> list[Account]:
		"""Return the accounts whose data the user still shares."""
		return [account for account in accounts if account.data_access == "enabled"]

	def rows_of(self, account_id: int) -> dict[int, Transaction]:
		"""Return an account's transactions by key."""
		return self.rows_by_account.setdefault(account_id, {})

	def add_item(self, **values: Any) -> Item:
		"""Create an item."""
		number = self.core.number("item", 10_000_000 + self.core.id_base())
		item = Item(id=number, **values)
		self.save_item(item)
		self.items_by_user.setdefault(item.user, {})[item.id] = item
		return item

	def save_item(self, item: Item) -> None:
		"""Note that an item changed."""
		self.store.put(item)

	def delete_item(self, item: Item) -> None:
		"""Remove an item with its accounts and transactions (bridge.md 3.1)."""
		for account in self.accounts_of(item.id):
			self.delete_account(account)
		self.items_by_user.get(item.user, {}).pop(item.id, None)
		self.accounts_by_item.pop(item.id, None)
		self.store.drop(item)

	def add_account(self, item: Item, spec: Spec, account_id: int | None = None) -> Account:
		"""Open an account of an item."""
		number = account_id or self.core.number("account", 10_000_000 + 12 * self.core.id_base())
		account = Account(
			id=number,
			item_id=item.id,
			provider_id=item.provider_id,
			spec=spec.index,
			name=spec.name,
			type=spec.type,
			iban=spec.iban,
			currency="EUR",
			opening=spec.opening,
			pro=spec.pro,
			linked=spec.linked,
			loan=spec.loan,
			savings=spec.savings,
			updated=self.now,
			balance_override=spec.loan["remaining_capital"] if spec.loan else None,
		)
		self.save_account(account)
		return account

	def save_account(self, account: Account) -> None:
		"""Note that an account changed."""
		self.store.put(account)
		self.accounts_by_item.setdefault(account.item_id, {})[account.id] = account

	def delete_account(self, account: Account) -> None:
		"""Remove an account with its transactions and securities."""
		for row in list(self.rows_of(account.id).values()):
			self.store.drop(row)
		for stock in [stock for stock in self.stocks.values() if stock.account_id == account.id]:
			self.store.drop(stock)
		self.rows_by_account.pop(account.id, None)
		self.accounts_by_item.get(account.item_id, {}).pop(account.id, None)
		self.generation[account.id] = self.generation.get(account.id, 0) + 1
		self.store.drop(account)

	# transactions
	def new_keys(self, count: int) -> range:
		"""Return numbers for new transactions."""
		return self.core.numbers("transaction", TRANSACTION_BASE + self.core.id_base() * 5_000, count)

	def save_row(self, row: Transaction) -> None:
		"""Add a transaction, or note that it changed (its cached text is dropped)."""
		row.text2 = row.text3 = None
		self.store.put(row)
		self.rows_of(row.account_id)[row.key] = row
		self.generation[row.account_id] = self.generation.get(row.account_id, 0) + 1

	def add_drafts(self, account: Account, drafts: list[Draft]) -> list[Transaction]:
		"""Store generated transactions.

		Args:
			account: Their account.
			drafts: What the bank knows.

		Returns:
			The stored rows, in order.
		"""
		rows: list[Transaction] = []
		known, put, number, currency = self.rows_of(account.id), self.store.put, account.id, account.currency
		for key, draft in zip(self.new_keys(len(drafts)), drafts, strict=True):
			row = Transaction(
				key,
				key,
				number,
				draft.amount,
				currency,
				draft.date,
				draft.booking_date,
				draft.transaction_date,
				draft.value_date,
				draft.description,
				draft.clean,
				draft.category_id,
				draft.operation_type,
				draft.updated,
				False,
				draft.future,
			)
			put(row)
			known[key] = row
			rows.append(row)
		self.generation[number] = self.generation.get(number, 0) + 1
		return rows

	def remove_row(self, row: Transaction) -> None:
		"""Make a transaction vanish without a trace (a deleted one keeps its row, marked)."""
		self.rows_of(row.account_id).pop(row.key, None)
		self.generation[row.account_id] = self.generation.get(row.account_id, 0) + 1
		self.store.drop(row)

	def sums(self, account_id: int) -> tuple[Decimal, Decimal]:
		"""Return the exact sum of an account's live booked lines, and of its live future lines."""
		generation = self.generation.get(account_id, 0)
		cached = self._sums.get(account_id)
		if cached is not None and cached[0] == generation:
			return cached[1], cached[2]
		booked = future = Decimal(0)
		for row in self.rows_of(account_id).values():
			if row.deleted:
				continue
			if row.future:
				future += Decimal(row.amount)
			else:
				booked += Decimal(row.amount)
		self._sums[account_id] = (generation, booked, future)
		return booked, future

	def balances(self, account: Account) -> tuple[str, str]:
		"""Return the booked balance and the one with future lines, as exact text."""
		booked, future = self.sums(account.id)
		opening = Decimal(account.opening)
		return format(opening + booked, "f"), format(opening + booked + future, "f")

	# the bank's side
	def specs_of(self, provider_id: int, login: str, account_types: str) -> list[Spec]:
		"""Return the accounts that a log-in can share.

		Args:
			provider_id: The bank.
			login: The log-in; Demo Bank gives everyone the same data (bridge.md 9), a switch changes that.
			account_types: ``payment`` (checking and card only) or ``all``.

		Returns:
			The bank's accounts.
		"""
		today = datetime.fromtimestamp(self.now / 1000, timezone.utc).date()
		found = specs(self.core.options.seed, BANKS[provider_id], self.data_login(provider_id, login), today)
		return found if account_types == "all" else [spec for spec in found if spec.type in PAYMENT_TYPES]

	def data_login(self, provider_id: int, login: str) -> str:
		"""Return what tells the data of two log-ins apart."""
		return "" if provider_id == DEMO_BANK and self.switches.login_data == "demo" else login
