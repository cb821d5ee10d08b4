"""One pass over one account's feed of changed transactions, or the rest of one that was cut off.

Every page is committed together with the address of the next one. The next pass asks for what changed since,
with an overlap as long as the provider may still be writing what it has dated already (protocols/bridge.md 5.4).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import frappe
from frappe.utils import cint

from bank_api.connectors.base import Connector
from bank_api.connectors.errors import InvalidRequest, MalformedResponse, NotFound
from bank_api.connectors.model import Token, TransactionPage
from bank_api.gateway import access
from bank_api.gateway.clock import UTC, iso, site_now, to_site, utc_now
from bank_api.gateway.identity import Listing
from bank_api.gateway.store import (
	Counts,
	Feed,
	apply_page,
	oldest_pending,
	settle_undecided,
	withdraw_lost_pending,
	withdraw_unlisted_pending,
)

MAX_PAGES = 20_000
_DOCTYPE = "Bank API Account"
_TOKEN_MARGIN = timedelta(minutes=2)
_RESUME_WITHIN = timedelta(hours=1)
"""How soon a pass that was cut off goes on where it stopped, although its pending rows may be booked meanwhile."""
_COLUMNS = [
	"provider_account_id",
	"item",
	"end_user",
	"client",
	"provider",
	"generation",
	"sync_since",
	"sync_page",
	"sync_high",
	"sync_started",
	"last_transaction_stamp",
	"last_synced_at",
]


@dataclass
class AccountPass:
	"""A pass; `run` it once.

	Attributes:
		account: name of the Bank API Account.
		connector: speaks to its provider.
		progress: is told, before each commit, how many rows the page had.
	"""

	account: str
	connector: Connector
	progress: Callable[[int], None]

	def __post_init__(self) -> None:
		self.row = frappe.db.get_value(_DOCTYPE, self.account, _COLUMNS, as_dict=True)
		item_id = frappe.db.get_value("Bank API Item", self.row.item, "item_id")
		self.key = access.ItemKey(self.row.provider, self.row.end_user, item_id)
		self.page: str | None = self.row.sync_page
		# What became of a stored pending row is told by a whole list only, so such a pass keeps no place to go on from.
		self.needs_all = self.connector.reads_by_date and oldest_pending(self.account) is not None
		if self.page and self.needs_all and utc_now() - _instant(self.row.sync_started) > _RESUME_WITHIN:
			self.page = None
		self.whole = self.page is None  # whether this pass has seen every row of its list
		self.pages = 0
		self.since: str | None = self.row.sync_since
		self.high: str | None = self.row.sync_high
		self.started: datetime = _instant(self.row.sync_started) if self.page else utc_now()
		self.feed = Feed(
			account=self.account,
			item=self.row.item,
			end_user=self.row.end_user,
			client=self.row.client,
			provider=self.row.provider,
			generation=self.row.generation,
			last_stamp=int(self.row.last_transaction_stamp or "0", 16),
			first_pass=not self.row.last_synced_at and not self.row.generation,
		)

	def run(self) -> Counts:
		"""Fetch and store page by page; the next page is fetched while this one is stored.

		Returns:
			what became of the rows.

		Raises:
			ProviderError: the provider failed; every page before is stored, and the next pass goes on from there.
		"""
		counts = Counts()
		self.token: Token = access.token(self.key)
		with ThreadPoolExecutor(max_workers=1) as fetcher:
			page = self._first_page()
			seen: set[str] = set()
			while len(seen) < MAX_PAGES:
				following = None
				if page.next_page in seen:
					break
				if page.next_page:
					seen.add(page.next_page)
					following = fetcher.submit(copy_context().run, self._fetch, page.next_page)
				counts.add(self._store(page))
				if following is None:
					return counts
				page = self._with_fresh_token(following.result, page.next_page)
		# The kept address leads into the same circle: the next pass has to begin anew.
		frappe.db.set_value(_DOCTYPE, self.account, "sync_page", None, update_modified=False)
		frappe.db.commit()
		raise MalformedResponse("The provider's list of transactions goes round in circles or does not end.")

	def _first_page(self) -> TransactionPage:
		"""The page where the last pass was cut off, if the provider still knows it, else the first one."""
		try:
			return self._with_fresh_token(lambda: self._fetch(self.page), self.page)
		except (InvalidRequest, NotFound):
			if self.page is None:
				raise
			self.page, self.started, self.whole = None, utc_now(), True
			return self._with_fresh_token(lambda: self._fetch(None), None)

	def _fetch(self, page: str | None) -> TransactionPage:
		return self.connector.transactions(self.token, self.row.provider_account_id, self.since, page)

	def _with_fresh_token(self, fetch: Callable[[], TransactionPage], page: str | None) -> TransactionPage:
		if self.token.expires_at - utc_now() < _TOKEN_MARGIN:
			self.token = access.token(self.key)
		try:
			return fetch()
		except access.STALE:
			self.token = access.token(self.key, stale=self.token)
			return self._fetch(page)

	def _store(self, page: TransactionPage) -> Counts:
		"""Write a page and the address of the next one in one commit."""
		self.pages += 1
		self.feed.listed_from = page.listed_from
		counts = apply_page(self.feed, page.rows, self._listing(page))
		newest = max((row.updated_at for row in page.rows if row.updated_at), default=None)
		self.high = max(filter(None, (self.high, newest)), default=None)
		values: dict[str, Any] = {"sync_high": self.high}
		if page.next_page is None:
			counts.add(self._withdraw_lost())
			values |= self._done()
		elif not (self.feed.ordinals or self.needs_all):
			# A pass with rows without ids counts equals from its start, so after a kill it starts again.
			values |= {"sync_page": page.next_page, "sync_started": iso(self.started)}
		if counts.changed:
			values["last_transaction_stamp"] = f"{self.feed.last_stamp:013x}"
		frappe.db.set_value(_DOCTYPE, self.account, values, update_modified=False)
		self.progress(len(page.rows))
		frappe.db.commit()  # the page and its cursor stand or fall together
		return counts

	def _listing(self, page: TransactionPage) -> Listing:
		"""What this page does not name is gone only if it belongs to a list by days that is read from its start."""
		if not (self.connector.reads_by_date and self.whole):
			return Listing.CHANGES
		return Listing.WHOLE if self.pages == 1 and page.next_page is None else Listing.PART

	def _withdraw_lost(self) -> Counts:
		"""Pending rows are gone that only a former connection knew, or that a list by days names no longer."""
		counts = settle_undecided(self.feed)
		if self.since is None and self.feed.generation and not self.feed.listed_from:
			counts.add(withdraw_lost_pending(self.feed, self.connector.tombstone))
		if self.connector.reads_by_date and self.whole:
			listed_from = self.feed.listed_from
			first = listed_from.isoformat() if listed_from else self.since
			counts.add(withdraw_unlisted_pending(self.feed, first, self.connector.tombstone))
		return counts

	def _done(self) -> dict[str, Any]:
		return {
			"sync_page": None,
			"sync_started": None,
			"sync_error": None,
			"held_until": None,
			"last_synced_at": site_now(),
			"last_read_at": to_site(self.started),
			"sync_since": self._next_since(),
		}

	def _next_since(self) -> str | None:
		if self.feed.listed_from:
			return self.since  # the days before are still to be read
		if self.connector.reads_by_date:
			days = cint(frappe.get_cached_value("Bank API Provider", self.row.provider, "sync_overlap_days"))
			return next_day(self.started, timedelta(days=days), oldest_pending(self.account))
		minutes = cint(
			frappe.get_cached_value("Bank API Provider", self.row.provider, "sync_overlap_minutes")
		)
		return next_since(self.high, self.started, timedelta(minutes=minutes))


def next_since(high: str | None, started: datetime, overlap: timedelta) -> str | None:
	"""From when the next pass has to read.

	A provider may show a row later than it dates it. So a pass is read again from a little before its newest row,
	until a pass has begun well after that row: then nothing older can appear, and only newer rows are asked for.

	Args:
		high: the newest `updated_at` ever seen, as text; None if no row carried one.
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


def next_day(started: datetime, overlap: timedelta, pending: date | None) -> str:
	"""From which day the next pass has to read a feed that tells no instants of change.

	A bank may book a row some days late under its earlier day, and a pending row is looked at until it is settled.

	Args:
		started: when the pass began.
		overlap: how late a row may show.
		pending: day of the oldest pending row, if there is one.

	Returns:
		the day as text.
	"""
	day = (started - overlap).date()
	return min(day, pending or day).isoformat()


def _instant(text: str) -> datetime:
	return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
