"""Keeping one item in step: the item, its accounts, and each account's changed transactions.

A pass over an account's feed is resumable: every page is committed together with the address of the next one.
Passes are incremental: the next one asks for what changed since the last, with an overlap as long as the
provider may still be writing what it has dated already (protocols/bridge.md 5.4).
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import frappe
from frappe.utils import cint

from bank_api.connectors.base import Connector
from bank_api.connectors.errors import (
	AuthenticationExpired,
	ConfigurationError,
	InvalidRequest,
	NotFound,
	ProviderError,
	RateLimited,
)
from bank_api.connectors.model import AccountData, ItemData, ItemStatus, Token, TransactionPage
from bank_api.gateway import freshness, items, providers, relay, tokens
from bank_api.gateway.accounts import Owner, store_accounts
from bank_api.gateway.clock import UTC, iso, site_now, to_site, utc_now
from bank_api.gateway.locks import exclusive
from bank_api.gateway.store import Counts, Feed, apply_page, withdraw_lost_pending

ITEM = "Bank API Item"
ACCOUNT = "Bank API Account"
MAX_PAGES = 20_000
ROUNDS = 3
QUEUED_MINUTES = 15
WAITING_MINUTES = 2
BACKOFF_MINUTES = (5, 15, 60, 180, 360)
_LOCK_WAIT_SECONDS = 5
_TOKEN_MARGIN = timedelta(minutes=2)


def request(item: str, reason: str) -> None:
	"""Ask for a sync of an item soon; asking again while one waits in the queue costs nothing.

	Args:
		item: name of the Bank API Item.
		reason: why, in a word, for the log.
	"""
	now = site_now()
	frappe.db.sql(
		"UPDATE `tabBank API Item` SET sync_requested_at = %s, next_try_at = %s WHERE name = %s", (now, now, item)
	)
	frappe.db.sql(
		"""UPDATE `tabBank API Item` SET queued_until = %s,
			sync_status = IF(sync_status = 'Running', sync_status, 'Queued')
		WHERE name = %s AND status != 'Deleted' AND (queued_until IS NULL OR queued_until < %s)""",
		(now + timedelta(minutes=QUEUED_MINUTES), item, now),
	)
	if frappe.db._cursor.rowcount > 0:
		frappe.logger("bank_api").info("sync of %s queued: %s", item, reason)
		frappe.enqueue(
			"bank_api.gateway.sync.run", queue="long", timeout=3600, enqueue_after_commit=True, item=item
		)


def run(item: str) -> None:
	"""Sync an item now, unless another worker is at it; that one then makes another round.

	Args:
		item: name of the Bank API Item.
	"""
	frappe.db.set_value(ITEM, item, "queued_until", None, update_modified=False)
	frappe.db.commit()
	with exclusive(item, _LOCK_WAIT_SECONDS) as held:
		if not held:
			return
		for _ in range(ROUNDS):
			row = _item_row(item)
			if row is None or row.status == ItemStatus.DELETED.value:
				return
			started = site_now()
			_Run(row).work()
			requested = frappe.db.get_value(ITEM, item, "sync_requested_at")
			if not requested or requested < started:
				return


def _item_row(item: str) -> Any:
	fields = ["name", "item_id", "client", "provider", "end_user", "bank_id", "status", "failures"]
	return frappe.db.get_value(ITEM, item, fields, as_dict=True)


@dataclass
class _Run:
	"""One round over one item."""

	row: Any
	errors: list[ProviderError] = field(default_factory=list)
	counts: Counts = field(default_factory=Counts)
	rows_read: int = 0

	def work(self) -> None:
		"""Read everything that changed; leave the item saying how it went, whatever happens."""
		item = self.row.name
		frappe.db.set_value(
			ITEM, item, {"sync_status": "Running", "last_try_at": site_now()}, update_modified=False
		)
		frappe.db.commit()
		try:
			state = self._read()
		except ProviderError as error:
			frappe.db.rollback()
			self.errors.append(error)
			state = None
		except Exception:
			frappe.db.rollback()
			self._finish(None, frappe._("The gateway itself failed; see the Error Log"))
			frappe.db.commit()
			raise
		self._finish(state, None)
		frappe.db.commit()

	def _read(self) -> ItemData | None:
		self.connector: Connector = providers.connector(self.row.provider)
		try:
			state = self._call(lambda token: self.connector.item(token, self.row.item_id))
		except NotFound:
			items.mark_deleted(self.row.name)
			return None
		items.apply_state(self.row.name, state)
		frappe.db.commit()
		if state.status in (ItemStatus.WAITING, ItemStatus.UNSUPPORTED):
			return state
		listed = self._call(lambda token: self.connector.accounts(token, self.row.item_id))
		owner = Owner(self.row.name, self.row.end_user, self.row.client, self.row.provider, state.bank_id)
		stored = store_accounts(owner, listed)
		if stored.changed:
			relay.emit(self.row.client, "accounts.updated", self._event_ids(), item=self.row.name)
		frappe.db.commit()
		for place, (account, data) in enumerate(stored.open_accounts.items(), 1):
			if not self._read_account(account, data, f"{place}/{len(stored.open_accounts)}"):
				break
		return state

	def _read_account(self, account: str, data: AccountData, place: str) -> bool:
		"""Read one account; its failure is kept with it. Returns whether the next one is worth a try."""
		try:
			self.counts.add(_Pass(self, account, data, place).work())
		except ProviderError as error:
			frappe.db.rollback()
			self.errors.append(error)
			frappe.db.set_value(ACCOUNT, account, "sync_error", error.message, update_modified=False)
			frappe.db.commit()
			return not isinstance(error, RateLimited | ConfigurationError | AuthenticationExpired)
		return True

	def _call(self, call: Any) -> Any:
		return tokens.with_token(self.row.end_user, call)

	def _event_ids(self) -> dict[str, Any]:
		user = frappe.db.get_value("Bank API End User", self.row.end_user, "user")
		return {"item_id": cint(self.row.item_id) or self.row.item_id, "user": user}

	def _finish(self, state: ItemData | None, failure: str | None) -> None:
		"""Write how the round went, and when the next one is due; tell the client what changed."""
		if frappe.db.get_value(ITEM, self.row.name, "status") == ItemStatus.DELETED.value:
			frappe.db.set_value(ITEM, self.row.name, {"sync_status": "Idle", "next_try_at": None})
			return
		self._tell_client()
		failure = failure or (self.errors[0].message if self.errors else None)
		now = site_now()
		failures = self.row.failures + 1 if failure else 0
		values: dict[str, Any] = {
			"sync_status": "Failed" if failure else "Idle",
			"sync_progress": None,
			"last_error": failure,
			"failures": failures,
			"next_try_at": now + self._wait(state, failures),
		}
		if not failure and state and state.status is ItemStatus.OK:
			values["last_success_at"] = min(now, to_site(state.last_refresh)) if state.last_refresh else now
		frappe.db.set_value(ITEM, self.row.name, values, update_modified=False)
		freshness.mark_feeds(self.row.name)

	def _wait(self, state: ItemData | None, failures: int) -> timedelta:
		limits = [error.retry_after for error in self.errors if isinstance(error, RateLimited)]
		if limits:
			return timedelta(seconds=max(limits))
		if failures:
			return timedelta(minutes=BACKOFF_MINUTES[min(failures, len(BACKOFF_MINUTES)) - 1])
		if state and state.status is ItemStatus.WAITING:
			return timedelta(minutes=WAITING_MINUTES)
		return timedelta(minutes=_setting(self.row.provider, "sync_interval_minutes"))

	def _tell_client(self) -> None:
		"""One event for all rows of the item that changed since the client was last told, kills included."""
		accounts = frappe.db.sql(
			"""SELECT name, provider_account_id, last_transaction_stamp, notified_stamp FROM `tabBank API Account`
			WHERE item = %s AND IFNULL(last_transaction_stamp, '') > IFNULL(notified_stamp, '')""",
			self.row.name,
			as_dict=True,
		)
		if not accounts:
			return
		told = []
		for account in accounts:
			told.append({"account_id": account.provider_account_id, "stable_id": account.name})
			frappe.db.set_value(
				ACCOUNT, account.name, "notified_stamp", account.last_transaction_stamp, update_modified=False
			)
		relay.emit(
			self.row.client,
			"transactions.updated",
			self._event_ids() | {"accounts": told},
			item=self.row.name,
		)


class _Pass:
	"""One pass over one account's feed, or the rest of one that was cut off."""

	def __init__(self, run: _Run, account: str, data: AccountData, place: str):
		self.run = run
		self.account = account
		self.data = data
		self.place = place
		fields = [
			"generation",
			"sync_since",
			"sync_page",
			"sync_high",
			"sync_started",
			"last_transaction_stamp",
			"last_synced_at",
		]
		self.row = frappe.db.get_value(ACCOUNT, account, fields, as_dict=True)
		self.page: str | None = self.row.sync_page
		self.since: str | None = self.row.sync_since
		self.high: str | None = self.row.sync_high
		self.started: datetime = _instant(self.row.sync_started) if self.page else utc_now()
		self.token: Token = tokens.access_token(run.row.end_user)
		self.feed = Feed(
			account=account,
			item=run.row.name,
			end_user=run.row.end_user,
			client=run.row.client,
			provider=run.row.provider,
			generation=self.row.generation,
			last_stamp=int(self.row.last_transaction_stamp or "0", 16),
			first_pass=not self.row.last_synced_at and not self.row.generation,
		)

	def work(self) -> Counts:
		"""Fetch and store page by page; the next page is fetched while this one is stored."""
		counts = Counts()
		with ThreadPoolExecutor(max_workers=1) as fetcher:
			page = self._first_page()
			for _ in range(MAX_PAGES):
				following = fetcher.submit(self._fetch, page.next_page) if page.next_page else None
				counts.add(self._store(page))
				if following is None:
					return counts
				page = self._retried(following.result, page.next_page)
		raise InvalidRequest(f"The provider's list of transactions did not end after {MAX_PAGES} pages")

	def _first_page(self) -> TransactionPage:
		try:
			return self._retried(lambda: self._fetch(self.page), self.page)
		except (InvalidRequest, NotFound):
			if self.page is None:
				raise
			self.page, self.started = None, utc_now()
			return self._retried(lambda: self._fetch(None), None)

	def _fetch(self, page: str | None) -> TransactionPage:
		return self.run.connector.transactions(self.token, self.data.provider_account_id, self.since, page)

	def _retried(self, fetch: Any, page: str | None) -> TransactionPage:
		"""Fetch a page; a token that has ended is renewed once."""
		if self.token.expires_at - utc_now() < _TOKEN_MARGIN:
			self.token = tokens.access_token(self.run.row.end_user)
		try:
			return fetch()
		except AuthenticationExpired:
			self.token = tokens.access_token(self.run.row.end_user, force=True)
			return self._fetch(page)

	def _store(self, page: TransactionPage) -> Counts:
		"""Write a page and the address of the next one in one commit."""
		counts = apply_page(self.feed, page.rows)
		newest = max((row.updated_at for row in page.rows if row.updated_at), default=None)
		self.high = max(filter(None, (self.high, newest)), default=None)
		values: dict[str, Any] = {"sync_high": self.high}
		if page.next_page is None:
			counts.add(self._withdraw_lost())
			values |= self._pass_done()
		elif not self.feed.ordinals:
			# A pass with rows without ids counts equals from its start, so after a kill it starts again.
			values |= {"sync_page": page.next_page, "sync_started": iso(self.started)}
		if counts.changed:
			values["last_transaction_stamp"] = f"{self.feed.last_stamp:013x}"
		frappe.db.set_value(ACCOUNT, self.account, values, update_modified=False)
		frappe.db.set_value(
			ITEM, self.run.row.name, "sync_progress", self._progress(page), update_modified=False
		)
		frappe.db.commit()
		return counts

	def _withdraw_lost(self) -> Counts:
		"""After a reconnection's first full pass, pending rows that only the former connection knew are gone."""
		if self.since is None and self.feed.generation:
			return withdraw_lost_pending(self.feed, self.run.connector.tombstone)
		return Counts()

	def _pass_done(self) -> dict[str, Any]:
		return {
			"sync_page": None,
			"sync_started": None,
			"sync_error": None,
			"last_synced_at": site_now(),
			"sync_since": next_since(
				self.high, self.started, timedelta(minutes=_setting(self.feed.provider, "sync_overlap_minutes"))
			)
			or self.since,
		}

	def _progress(self, page: TransactionPage) -> str:
		self.run.rows_read += len(page.rows)
		return f"{self.place} {self.data.name}: {self.run.rows_read}"


def next_since(high: str | None, started: datetime, overlap: timedelta) -> str | None:
	"""From when the next pass has to read.

	A provider may show a row later than it dates it. So a pass is read again from a little before its newest row,
	until a pass has begun well after that row: then nothing older can appear, and only newer rows are asked for.

	Args:
		high: the newest `updated_at` seen, as text; None if no row carried one.
		started: when the pass began.
		overlap: how late a row may show.

	Returns:
		the text instant for `since`, or None to read everything again.
	"""
	if high is None:
		return None
	newest = _instant(high)
	if started > newest + overlap:
		return iso(newest + timedelta(milliseconds=1))
	return iso(min(newest, started) - overlap)


def _instant(text: str) -> datetime:
	return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def _setting(provider: str, fieldname: str) -> int:
	return cint(frappe.get_cached_value("Bank API Provider", provider, fieldname))
