"""What every provider has to pass, whatever its protocol: one suite; `Bank` is what a provider's module fills in.

The client site sees the gateway's HTTP API only; the bank's own ledger says what is true.
"""

import uuid
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any, ClassVar, TypeVar

import pytest
from installation import Installation, Site, exact_json, wait_until

THROTTLE_SECONDS = 600
SLACK_SECONDS = 90
AMOUNTS = ("0.005", "-0.005", "-1.015", "0.10", "-0.00", "12345678901234.56", "-99999999999999", "1.0E2", "7")
"""Amounts that a float, a rounding or a re-writing would spoil; JSON numbers may have an exponent."""


@dataclass(frozen=True)
class Row:
	"""A transaction as the bank's ledger and the client's copy can both be read; `amount` is its text."""

	account_id: str
	id: str
	date: str
	amount: str
	text: str
	pending: bool


@dataclass(frozen=True)
class Copy:
	"""What a client has after applying an answer in its order: rows by stable id."""

	live: dict[str, Row]
	deleted: dict[str, Row]
	resources: int
	cursor: str

	def rows(self) -> Counter[Row]:
		"""The live rows, whatever their ids here."""
		return Counter(self.live.values())

	def of(self, text: str) -> list[str]:
		"""The stable ids of live rows with this text."""
		return [stable for stable, row in self.live.items() if row.text == text]


@dataclass(frozen=True)
class Connection:
	"""An end user's connection: the provider's id, the row in the gateway, and the end user's name."""

	item_id: str
	item: str
	user: str


class Bank(ABC):
	"""A provider's side: how its API is called at the gateway, and how its simulated bank is driven.

	Attributes:
		installation: the installation under test.
		provider: name of the Bank API Provider.
		site: a client site that uses it.
		repairs_in_place: an end user who authenticates again keeps the connection. Where permissions are consents
			(Berlin Group) the repair is a new consent, hence a new item; the provider's own module tests that one.
		renames_accounts: ids of accounts may change under a living connection. Where they belong to a consent, they
			can change only with a new one, which is the case of connecting anew.
		lists_deleted_rows: the feed names rows that are no more. Where it does not, only a pending row can be missed,
			from the next list of the same days; a booked one stays, since nothing ever says that it is gone.
		tells_revocation: the bank tells an access that was withdrawn from one that has run out. Where a token that is no
			longer renewed is all that is seen (KB), the end user is asked for either way.
		days_of_a_reused_id: days of two rows under one id. A feed that is read by days sees the second one only
			within its overlap.
		longest_hold: seconds that a 429 without `Retry-After` may hold a connection. Where it means that the day's reads
			are used up (Berlin Group), until the next day.
		amounts: texts of amounts that the protocol allows, those that a float, a rounding or a re-writing would spoil.
	"""

	installation: Installation
	provider: str
	site: Site
	repairs_in_place: ClassVar[bool] = True
	renames_accounts: ClassVar[bool] = True
	lists_deleted_rows: ClassVar[bool] = True
	tells_revocation: ClassVar[bool] = True
	days_of_a_reused_id: ClassVar[tuple[str, str]] = ("2026-01-10", "2026-03-11")
	longest_hold: ClassVar[int] = 3600
	amounts: ClassVar[tuple[str, ...]] = AMOUNTS

	# the gateway's API for this provider

	@abstractmethod
	def link(self, user: str) -> dict[str, Any]:
		"""A link for the end user to connect a bank: `link` and `request`."""

	@abstractmethod
	def repair_link(self, connection: Connection) -> dict[str, Any]:
		"""A link for the end user to authenticate again."""

	@abstractmethod
	def outcome(self, request: str) -> dict[str, Any]:
		"""What became of a link: `status` and `item_id`."""

	@abstractmethod
	def read(self, connection: Connection, cursor: str | None = None) -> str:
		"""The transactions of a connection as the gateway answers them, raw."""

	@abstractmethod
	def row(self, resource: dict[str, Any]) -> tuple[Row, bool]:
		"""A resource of the answer, and whether it is marked as deleted."""

	@abstractmethod
	def account_ids(self, connection: Connection) -> dict[str, str]:
		"""Stable ids of the accounts in the answer of the accounts call, each with its status."""

	@abstractmethod
	def status_of(self, connection: Connection) -> int:
		"""HTTP status of the call that asks for the connection's details."""

	# the bank

	@abstractmethod
	def authenticate(self, link: str) -> str:
		"""Walk the end user's pages; where the browser is sent."""

	@abstractmethod
	def ledger(self, connection: Connection) -> Counter[Row]:
		"""The truth."""

	@abstractmethod
	def accounts(self, connection: Connection) -> list[int]:
		"""The bank's numbers of the shared accounts, as rows carry them."""

	def account_id(self, account: int) -> str:
		"""The id under which an account is read."""
		return str(account)

	@abstractmethod
	def add(self, account: int, **values: Any) -> int:
		"""A new transaction; its key at the bank. Values: id, amount, date, description, future."""

	@abstractmethod
	def edit(self, key: int, **values: Any) -> None:
		"""Change one."""

	@abstractmethod
	def book(self, key: int, day: str, description: str) -> None:
		"""A pending one is deleted and booked under a new id."""

	@abstractmethod
	def delete(self, key: int) -> None:
		"""Mark one deleted."""

	@abstractmethod
	def reconnect(self, connection: Connection, with_iban: bool, close: list[int]) -> dict[int, int | None]:
		"""New ids for accounts and transactions; old account ids with their new ones."""

	@abstractmethod
	def expire_consent(self, connection: Connection) -> None:
		"""The consent ends."""

	@abstractmethod
	def revoke(self, connection: Connection) -> None:
		"""The end user withdraws the access at the bank."""

	@abstractmethod
	def throttle(self, retry_after: str | None) -> None:
		"""Transactions calls are refused for too many calls, until `recover`."""

	@abstractmethod
	def break_account(self, account: int) -> None:
		"""One account's transactions call fails, until `recover`."""

	@abstractmethod
	def recover(self) -> None:
		"""End all faults."""

	@abstractmethod
	def knows_item(self, connection: Connection) -> bool:
		"""Whether the provider still has the connection."""

	# what follows from these

	def connect(self, user: str | None = None) -> Connection:
		"""An end user connects a bank; everything that follows is done."""
		user = user or f"user-{uuid.uuid4().hex[:8]}"
		link = self.link(user)
		page = self.installation.browse(self.authenticate(link["link"]))
		assert page.status == 200
		outcome = self.outcome(link["request"])
		assert outcome["status"] == "Completed", outcome
		self.installation.settle(self.provider)
		item_id = str(outcome["item_id"])
		return Connection(item_id, self.installation.item(self.provider, item_id)["name"], user)

	def copy(self, connection: Connection, cursor: str | None = None) -> Copy:
		"""The client reads, and applies what it gets in its order."""
		answer = exact_json(self.read(connection, cursor))["message"]
		live: dict[str, Row] = {}
		deleted: dict[str, Row] = {}
		assert len(answer["resources"]) == len(answer["stable_ids"])
		for stable, resource in zip(answer["stable_ids"], answer["resources"], strict=True):
			row, gone = self.row(resource)
			if stable is None:  # a former id of a row has come to its end
				assert gone
				continue
			live.pop(stable, None)
			deleted.pop(stable, None)
			(deleted if gone else live)[stable] = row
		return Copy(live, deleted, len(answer["resources"]), answer["cursor"])

	def row_of(self, connection: Connection) -> dict[str, Any]:
		"""The connection's item as its form shows it."""
		return self.installation.item(self.provider, connection.item_id)

	def sync(self, connection: Connection, fails: bool = False) -> dict[str, Any]:
		"""Sync now and wait for the end; the item afterwards."""
		self.installation.sync_now(connection.item)
		self.installation.settle(self.provider)
		item = self.row_of(connection)
		assert (item["sync_status"] == "Failed") == fails, item["last_error"]
		assert bool(item["last_error"]) == bool(item["failures"]) == fails
		return item

	def wait_no_longer(self, connection: Connection) -> None:
		"""As if the time that the provider has asked for were over."""
		self.installation.sql(
			"UPDATE `tabBank API Item` SET held_until = NULL WHERE name = %s", (connection.item,)
		)


@dataclass(frozen=True)
class Moment:
	"""What the client had and what the bank's ledger said at one time; both are equal, row by row."""

	copy: Copy
	news: Copy

	def one(self, text: str) -> str:
		"""The stable id of the only live row with this text."""
		(stable,) = self.copy.of(text)
		return stable


TODAY = date.today()
BLANKS: tuple[str | None, ...] = ("", None, "  ")


class History:
	"""A connection whose account goes through all that banks do with rows and ids: one sync after each chapter.

	Attributes:
		first: after the first sync.
		added: rows of every kind were added.
		changed: they were booked, deleted, given ids, and ids were used again.
		quiet: nothing has happened since.
	"""

	def __init__(self, bank: Bank):
		self.bank = bank
		self.connection = bank.connect()
		self.first = self._now()
		self._add()
		self.added = self._synced(self.first)
		self._change()
		self.changed = self._synced(self.added)
		self.quiet = self._synced(self.changed)

	def _add(self) -> None:
		account = self.bank.accounts(self.connection)[0]
		for place, amount in enumerate(self.bank.amounts):
			self._row(account, amount, f"AMOUNT {place}")
		for _ in range(2):
			self._row(account, "-2.50", "TWIN")
			self._row(account, "-2.50", "TWIN WITHOUT ID", id="")
		self.late = [self._row(account, "-5.25", f"LATE {blank!r}", id=blank) for blank in BLANKS]
		self.pending = self._row(account, "-31.17", "CB HOTEL PARIS", future=True, date=TODAY.isoformat())
		pending = not self.bank.lists_deleted_rows  # the only kind whose absence says something
		self.doomed = self._row(account, "-8.80", "TO BE DELETED", future=pending)
		day = self.bank.days_of_a_reused_id[0]
		self.reused = self._row(account, "-61.00", "THE FIRST OF ITS ID", date=day)

	def _change(self) -> None:
		first, second = self.bank.accounts(self.connection)[:2]
		for key in self.late:
			self.bank.edit(key, id=key, emit=False)
		day = (TODAY + timedelta(days=4)).isoformat()
		self.bank.book(self.pending, day, "HOTEL DE PARIS 75001 CARTE 4512")
		self.bank.delete(self.doomed)
		day = self.bank.days_of_a_reused_id[1]
		self._row(first, "-7.15", "ANOTHER ONE", id=self.reused, date=day)
		self._row(second, "-7.16", "IN ANOTHER ACCOUNT", id=self.reused)

	def _row(self, account: int, amount: str, text: str, **values: Any) -> int:
		return self.bank.add(account, amount=amount, description=text, emit=False, **values)

	def _synced(self, before: Moment) -> Moment:
		self.bank.sync(self.connection)
		return self._now(before.copy.cursor)

	def _now(self, cursor: str | None = None) -> Moment:
		return Moment(equal(self.bank, self.connection), self.bank.copy(self.connection, cursor))


def equal(bank: Bank, connection: Connection) -> Copy:
	"""The client's copy, which is the bank's ledger: every row, every amount to its text."""
	copy = bank.copy(connection)
	assert copy.rows() == bank.ledger(connection)
	return copy


Case = TypeVar("Case", bound=Callable[..., None])


def needs(trait: str) -> Callable[[Case], Case]:
	"""A case that makes sense only for banks with this attribute of `Bank`, whose docstring says why."""
	assert isinstance(getattr(Bank, trait), bool)

	def mark(case: Case) -> Case:
		case.trait = trait  # type: ignore[attr-defined]
		return case

	return mark


class ProviderConformance:
	"""The suite. A provider's module derives from it and gives a class-scoped fixture `bank`.

	Attributes:
		bank_type: what `bank` gives.
	"""

	bank_type: ClassVar[type[Bank]]

	def __init_subclass__(cls) -> None:
		for name in cls.left_out():
			setattr(cls, name, None)

	@classmethod
	def left_out(cls) -> dict[str, str]:
		"""The cases that the bank's protocol has no place for, each with the attribute of `Bank` that says so."""
		cases = {name: getattr(case, "trait", None) for name, case in vars(ProviderConformance).items()}
		return {name: trait for name, trait in cases.items() if trait and not getattr(cls.bank_type, trait)}

	@pytest.fixture(autouse=True)
	def _well(self, installation: Installation) -> None:
		"""The bank is well before and after each test."""

	@pytest.fixture
	def connection(self, bank: Bank) -> Connection:
		"""A fresh connection of a fresh end user, synced once."""
		return bank.connect()

	@pytest.fixture(scope="class")
	def history(self, bank: Bank) -> History:
		"""Everything that banks do with rows and ids, seen by one client."""
		return History(bank)

	# --- link, return, sync

	def test_a_first_sync_gives_the_banks_ledger(self, bank: Bank, history: History) -> None:
		copy, connection = history.first.copy, history.connection
		assert len({row.account_id for row in copy.live.values()}) == len(bank.accounts(connection)) >= 3
		item = bank.row_of(connection)
		assert (item["sync_status"], item["feed"]) == ("Idle", "Fresh")
		events = bank.site.receiver.events
		told = [event["type"] for event in events if event["data"].get("user") == connection.user]
		for event in ("item.created", "connect.completed", "transactions.updated"):
			assert event in told

	def test_a_sync_without_news_changes_nothing(self, history: History) -> None:
		assert history.quiet.news.resources == 0
		assert history.quiet.copy.live == history.changed.copy.live

	def test_every_amount_arrives_as_the_text_the_bank_sent(self, bank: Bank, history: History) -> None:
		moment = history.added
		for place, amount in enumerate(bank.amounts):
			assert moment.copy.live[moment.one(f"AMOUNT {place}")].amount == amount

	# --- what banks do with rows and ids

	def test_a_pending_one_booked_under_a_new_id_day_and_text_is_one_row(self, history: History) -> None:
		stable = history.added.one("CB HOTEL PARIS")
		assert history.added.copy.live[stable].pending
		assert history.changed.one("HOTEL DE PARIS 75001 CARTE 4512") == stable
		assert not history.changed.copy.live[stable].pending
		assert stable not in history.changed.copy.deleted

	def test_a_deleted_one_is_marked_and_told(self, history: History) -> None:
		stable = history.added.one("TO BE DELETED")
		assert stable in history.changed.copy.deleted
		assert list(history.changed.news.deleted) == [stable]

	def test_real_twins_stay_two(self, history: History) -> None:
		for moment in (history.added, history.changed, history.quiet):
			assert len(moment.copy.of("TWIN")) == len(moment.copy.of("TWIN WITHOUT ID")) == 2

	def test_an_id_that_comes_late_finds_its_row(self, history: History) -> None:
		for blank in BLANKS:
			assert history.added.one(f"LATE {blank!r}") == history.changed.one(f"LATE {blank!r}")

	def test_a_reused_id_loses_no_row(self, history: History) -> None:
		stable = history.added.one("THE FIRST OF ITS ID")
		for moment in (history.changed, history.quiet):
			rows = {moment.one(text) for text in ("THE FIRST OF ITS ID", "ANOTHER ONE", "IN ANOTHER ACCOUNT")}
			assert stable in rows and len(rows) == 3

	# --- reconnections

	@needs("renames_accounts")
	def test_reconnections_with_new_ids_and_a_closed_account_add_no_row(
		self, bank: Bank, connection: Connection
	) -> None:
		for with_iban in (True, False):
			before, accounts = bank.copy(connection), bank.account_ids(connection)
			closed = bank.accounts(connection)[2]
			mapping = bank.reconnect(connection, with_iban, [closed])
			assert mapping[closed] is None and all(old != new for old, new in mapping.items())
			bank.sync(connection)
			after, accounts_after = bank.copy(connection), bank.account_ids(connection)
			assert set(accounts_after) == set(accounts)
			changed = {stable for stable, status in accounts.items() if status != accounts_after[stable]}
			assert [accounts_after[stable] for stable in changed] == ["Closed"]
			assert set(after.live) == set(before.live)
			shared = {str(account) for account in bank.accounts(connection)}
			still_open = Counter(row for row in after.live.values() if row.account_id in shared)
			assert still_open == bank.ledger(connection)
			history = {stable: row for stable, row in before.live.items() if row.account_id == str(closed)}
			assert history and history == {stable: after.live[stable] for stable in history}

	# --- consent

	@needs("repairs_in_place")
	def test_an_ended_consent_asks_for_the_end_user_who_repairs_the_same_item(
		self, bank: Bank, connection: Connection
	) -> None:
		before = equal(bank, connection)
		bank.expire_consent(connection)
		bank.installation.settle(bank.provider)
		item = bank.row_of(connection)
		assert (item["status"], item["user_action"]) == ("Action Required", "Authenticate")
		told = [event["data"] for event in bank.site.receiver.of_type("item.updated")]
		assert {"user": connection.user, "status": "Action Required"}.items() <= told[-1].items()

		link = bank.repair_link(connection)  # not followed yet: nothing changes
		assert bank.outcome(link["request"])["status"] == "Pending"
		assert bank.copy(connection).live == before.live  # old data is served, and says its age

		assert bank.installation.browse(bank.authenticate(link["link"])).status == 200
		assert bank.outcome(link["request"])["status"] == "Completed"
		bank.add(bank.accounts(connection)[0], amount="-1.23", description="AFTER THE REPAIR")
		bank.installation.settle(bank.provider)
		item = bank.row_of(connection)
		assert (item["name"], item["status"], item["user_action"]) == (connection.item, "OK", "None")
		after = equal(bank, connection)
		assert set(before.live) <= set(after.live) and after.of("AFTER THE REPAIR")
		assert len(after.live) == len(before.live) + 1

	def test_connecting_anew_instead_of_repairing_keeps_accounts_and_rows(
		self, bank: Bank, connection: Connection
	) -> None:
		before, accounts = equal(bank, connection), bank.account_ids(connection)
		bank.expire_consent(connection)
		bank.installation.settle(bank.provider)
		again = bank.connect(connection.user)
		assert again.item_id != connection.item_id
		assert set(bank.account_ids(again)) == set(accounts)
		assert set(equal(bank, again).live) == set(before.live)
		bank.sync(connection)  # the older connection leaves the accounts alone
		assert set(bank.account_ids(again)) == set(accounts)
		assert equal(bank, again).live == bank.copy(again).live

	@needs("tells_revocation")
	def test_an_access_revoked_at_the_bank_ends_the_item(self, bank: Bank, connection: Connection) -> None:
		bank.revoke(connection)
		bank.installation.sync_now(connection.item)

		def told() -> bool:
			deleted = bank.site.receiver.of_type("item.deleted")
			return any(event["data"]["user"] == connection.user for event in deleted)

		wait_until("item.deleted", told)
		assert bank.status_of(connection) == 404
		assert bank.row_of(connection)["status"] == "Deleted"

	def test_erasing_an_end_user_leaves_nothing(self, bank: Bank, connection: Connection) -> None:
		end_user = bank.row_of(connection)["end_user"]
		assert bank.knows_item(connection)
		bank.installation.setup.admin.press("Bank API End User", end_user, "erase")
		for doctype in ("Transaction", "Account", "Connect Request", "Item"):
			query = f"SELECT COUNT(*) AS rows_left FROM `tabBank API {doctype}` WHERE end_user = %s"
			wait_until(
				f"the end of {doctype} rows",
				lambda query=query: bank.installation.sql(query, end_user)[0]["rows_left"] == 0,
			)
		assert not bank.knows_item(connection)
		assert bank.status_of(connection) == 404

	# --- failures

	def test_throttling_is_waited_for_and_no_success(self, bank: Bank, history: History) -> None:
		connection = history.connection
		before, success = equal(bank, connection), bank.row_of(connection)["last_success_at"]
		bank.add(bank.accounts(connection)[0], amount="-4.44", description="BEHIND THE LIMIT", emit=False)
		moment = datetime.now(timezone.utc) + timedelta(seconds=THROTTLE_SECONDS)
		for retry_after in (str(THROTTLE_SECONDS), moment.strftime("%a, %d %b %Y %H:%M:%S GMT"), None):
			bank.throttle(retry_after)
			item = bank.sync(connection, fails=True)
			assert item["last_success_at"] == success
			wait = (_time(item["next_try_at"]) - _time(item["last_try_at"])).total_seconds()
			if retry_after:
				assert THROTTLE_SECONDS - SLACK_SECONDS <= wait <= THROTTLE_SECONDS + SLACK_SECONDS
			else:
				assert 1 <= wait <= bank.longest_hold
			assert bank.copy(connection).live == before.live
			bank.recover()
			bank.installation.sync_now(connection.item)
			bank.installation.settle(bank.provider)
			assert bank.row_of(connection)["last_try_at"] == item["last_try_at"], "asked before the time"
			bank.wait_no_longer(connection)
		bank.sync(connection)
		assert equal(bank, connection).of("BEHIND THE LIMIT")

	def test_one_broken_account_stops_no_other_and_heals_by_itself(
		self, bank: Bank, history: History
	) -> None:
		connection = history.connection
		accounts = bank.accounts(connection)
		bank.break_account(accounts[0])
		for account in accounts[:3]:
			bank.add(account, amount="-9.09", description=f"NEWS OF {account}", emit=False)
		bank.sync(connection, fails=True)
		copy = bank.copy(connection)
		assert [bool(copy.of(f"NEWS OF {account}")) for account in accounts[:3]] == [False, True, True]
		broken = [row for row in bank.installation.accounts(connection.item) if row["sync_error"]]
		assert [row["provider_account_id"] for row in broken] == [bank.account_id(accounts[0])]
		bank.recover()
		bank.sync(connection)
		assert not any(row["sync_error"] for row in bank.installation.accounts(connection.item))
		equal(bank, connection)


def _time(text: str) -> datetime:
	return datetime.fromisoformat(text)
