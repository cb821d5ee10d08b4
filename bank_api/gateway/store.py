"""Transactions into the database: a page at a time, in bulk, each row under its identity.

Writes go by SQL, since a document per row costs forty times as much; nothing here touches a Password field.
A page is one database transaction together with the cursor that follows it, so a kill loses or doubles nothing.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import frappe
from frappe.utils import now

from bank_api.connectors.model import TransactionData, TransactionStatus
from bank_api.gateway.identity import (
	REPLACEMENT_DAYS,
	Listing,
	Match,
	Ordinals,
	StoredTransaction,
	clean_id,
	identity_key,
	keyed,
	resolve,
)
from bank_api.gateway.ids import row_names
from bank_api.gateway.plain import shown

DOCTYPE = "Bank API Transaction"
_TABLE = f"`tab{DOCTYPE}`"
_ALIASES_KEPT = 20
_AMOUNT_CEILING = Decimal(999_999_999_999)
_CONTENT_COLUMNS = (
	"identity",
	"provider_transaction_id",
	"aliases",
	"generation",
	"status",
	"was_pending",
	"date",
	"booking_date",
	"transaction_date",
	"value_date",
	"amount",
	"amount_value",
	"currency",
	"description",
	"original_description",
	"category_id",
	"operation_type",
	"provider_updated_at",
	"change_stamp",
	"content_hash",
	"payload",
)
_DELETION_COLUMNS = ("status", "generation", "provider_updated_at", "change_stamp", "content_hash", "payload")
_OWNING_COLUMNS = ("account", "item", "end_user", "client", "provider")
_FRAME_COLUMNS = ("owner", "modified_by", "creation", "modified", "docstatus", "idx")
_STORED_COLUMNS = ", ".join(f"`{column}`" for column in StoredTransaction._fields)


@dataclass(slots=True)
class Feed:
	"""One account as its sync sees it.

	Attributes:
		account: name of the Bank API Account; `item`, `end_user`, `client` and `provider` are its owners.
		generation: number of its present connection.
		last_stamp: change stamp of its newest row, in microseconds; 0 if it has none.
		first_pass: nothing but the pass under way has ever written rows of this account.
		ordinals: counts transactions without ids over the pass under way.
		pending: names of the pending rows that the pass under way has met.
		undecided: transactions, by the keys they would be stored under, that may stand for a pending row; see
			`settle_undecided`.
		listed_from: first day of the list by days, where it begins later than it was asked for.
	"""

	account: str
	item: str
	end_user: str
	client: str
	provider: str
	generation: int
	last_stamp: int
	first_pass: bool
	ordinals: Ordinals = field(default_factory=Ordinals)
	pending: set[str] = field(default_factory=set)
	undecided: dict[str, TransactionData] = field(default_factory=dict)
	listed_from: date | None = None


@dataclass(slots=True)
class Counts:
	"""What became of the rows of a page or a pass."""

	created: int = 0
	updated: int = 0
	deleted: int = 0
	unchanged: int = 0
	ignored: int = 0

	def add(self, other: "Counts") -> None:
		"""Add another page's counts to these."""
		self.created += other.created
		self.updated += other.updated
		self.deleted += other.deleted
		self.unchanged += other.unchanged
		self.ignored += other.ignored

	@property
	def changed(self) -> int:
		"""Rows written."""
		return self.created + self.updated + self.deleted


def apply_page(feed: Feed, rows: list[TransactionData], listing: Listing = Listing.CHANGES) -> Counts:
	"""Write one page of an account's changed transactions; the caller commits.

	Args:
		feed: the account; its `last_stamp` moves on.
		rows: the page, in the provider's order.
		listing: what the absence of a pending row means; see `identity.Listing`. After the last `PART` of a list comes
			`settle_undecided`.

	Returns:
		what became of the rows.
	"""
	page = keyed(rows, feed.ordinals)
	if feed.first_pass and not any(data.status is TransactionStatus.DELETED for _, data in page):
		if counts := _insert_unseen(feed, page):
			return counts
	return _apply(feed, page, listing, len(rows))


def settle_undecided(feed: Feed) -> Counts:
	"""Store what had to wait for the end of a list by days, now that all pages are known; the caller commits.

	A booked transaction takes the row of the pending one that no page has named; otherwise it is a new row.

	Args:
		feed: the account, after the last page.

	Returns:
		what became of the rows.
	"""
	page, feed.undecided = list(feed.undecided.items()), {}
	return _apply(feed, page, Listing.WHOLE, len(page)) if page else Counts()


def _apply(feed: Feed, page: list[tuple[str, TransactionData]], listing: Listing, received: int) -> Counts:
	known = _known(feed.account, page)
	candidates = _candidates(feed, page, known)
	if listing is not Listing.CHANGES:
		candidates = [
			row for row in candidates if row.name not in feed.pending and not _is_before_list(feed, row)
		]
	return _write(feed, resolve(page, known, candidates, feed.generation, listing), received)


def _is_before_list(feed: Feed, row: StoredTransaction) -> bool:
	"""Whether a pending row lies before the list, which therefore cannot name it."""
	return (
		feed.listed_from is not None
		and row.date < feed.listed_from
		and row.status == TransactionStatus.PENDING.value
	)


def withdraw_lost_pending(feed: Feed, tombstone: Callable[[str, str], str]) -> Counts:
	"""Mark the pending rows deleted that only a former connection of the account has delivered; the caller commits.

	Args:
		feed: the account, after a full pass over its present connection.
		tombstone: makes of a row's payload and id the provider's text for a deleted one.

	Returns:
		how many rows were marked.
	"""
	rows = frappe.db.sql(
		f"""SELECT name, payload, provider_transaction_id FROM {_TABLE}
		WHERE account = %s AND generation < %s AND status = 'Pending'""",
		(feed.account, feed.generation),
	)
	return _withdraw(feed, rows, tombstone)


def withdraw_unlisted_pending(feed: Feed, since: str | None, tombstone: Callable[[str, str], str]) -> Counts:
	"""Mark the pending rows deleted that a full pass over a list by days has not met; the caller commits.

	Args:
		feed: the account, after the pass.
		since: the first day of the list; None for all days.
		tombstone: see `withdraw_lost_pending`.

	Returns:
		how many rows were marked.
	"""
	rows = frappe.db.sql(
		f"""SELECT name, payload, provider_transaction_id FROM {_TABLE}
		WHERE account = %(account)s AND status = 'Pending' AND (%(since)s IS NULL OR date >= %(since)s)""",
		{"account": feed.account, "since": since[:10] if since else None},
	)
	return _withdraw(feed, [row for row in rows if row[0] not in feed.pending], tombstone)


def oldest_pending(account: str) -> date | None:
	"""Day of the oldest pending transaction of an account, if it has one."""
	rows = frappe.db.sql(
		f"SELECT MIN(date) FROM {_TABLE} WHERE account = %s AND status = 'Pending'", (account,)
	)
	return rows[0][0]


def _withdraw(feed: Feed, rows: Sequence[tuple], tombstone: Callable[[str, str], str]) -> Counts:
	stamp = _next_stamp(feed, len(rows)) if rows else 0
	for place, (name, payload, identifier) in enumerate(rows):
		frappe.db.sql(
			f"UPDATE {_TABLE} SET status = 'Deleted', payload = %s, change_stamp = %s, modified = %s WHERE name = %s",
			(tombstone(payload, identifier or ""), f"{stamp + place:013x}", now(), name),
		)
	return Counts(deleted=len(rows))


def _insert_unseen(feed: Feed, page: list[tuple[str, TransactionData]]) -> Counts | None:
	"""Insert a page without looking first; None if some row turns out to be stored already."""
	creates = [Match(data, key, None) for key, data in page]
	frappe.db.savepoint("page")
	try:
		_insert(feed, creates)
	except Exception as error:
		if not frappe.db.is_unique_key_violation(error):
			raise
		frappe.db.rollback(save_point="page")
		return None
	return Counts(created=len(creates))


def _known(account: str, page: list[tuple[str, TransactionData]]) -> dict[str, StoredTransaction]:
	keys = {key for key, _ in page}
	keys.update(identity_key(data) for key, data in page if key.startswith("r:"))
	if _has_reused_ids(account):
		keys.update(
			identity_key(data, reused=True) for _, data in page if clean_id(data.provider_transaction_id)
		)
	if not keys:
		return {}
	rows = frappe.db.sql(
		f"SELECT {_STORED_COLUMNS} FROM {_TABLE} WHERE account = %s AND identity IN %s",
		(account, tuple(keys)),
	)
	return {row[1]: StoredTransaction(*row) for row in rows}


def _has_reused_ids(account: str) -> bool:
	# A range 'r:' to 'r;' would be empty: the collation sorts the semicolon before the colon.
	return bool(
		frappe.db.sql(
			f"SELECT 1 FROM {_TABLE} WHERE account = %s AND identity LIKE 'r:%%' LIMIT 1", (account,)
		)
	)


def _candidates(
	feed: Feed, page: list[tuple[str, TransactionData]], known: dict[str, StoredTransaction]
) -> list[StoredTransaction]:
	"""Stored rows which a transaction with an unknown key may turn out to be."""
	days = [
		data.date for key, data in page if key not in known and data.status is not TransactionStatus.DELETED
	]
	if not days:
		return []
	margin = timedelta(days=REPLACEMENT_DAYS)
	rows = frappe.db.sql(
		f"""SELECT {_STORED_COLUMNS} FROM {_TABLE}
		WHERE account = %s AND date BETWEEN %s AND %s
			AND (was_pending = 1 OR provider_transaction_id IS NULL OR generation < %s)
		ORDER BY date, name""",
		(feed.account, min(days) - margin, max(days) + margin, feed.generation),
	)
	return [StoredTransaction(*row) for row in rows]


def _write(feed: Feed, matches: list[Match], received: int) -> Counts:
	counts, undecided = Counts(), 0
	feed.pending.update(
		match.row.name for match in matches if match.row and match.data.status is TransactionStatus.PENDING
	)
	creates: list[Match] = []
	changes: list[Match] = []
	for match in matches:
		if match.undecided:
			feed.undecided[match.identity] = match.data
			undecided += 1
		elif match.row is None:
			if match.data.status is not TransactionStatus.DELETED:
				creates.append(match)
		elif _differs(feed, match):
			changes.append(match)
		else:
			counts.unchanged += 1
	_update(feed, changes)
	_insert(feed, creates)
	counts.created = len(creates)
	counts.deleted = sum(match.data.status is TransactionStatus.DELETED for match in changes)
	counts.updated = len(changes) - counts.deleted
	counts.ignored = received - counts.changed - counts.unchanged - undecided
	return counts


def _differs(feed: Feed, match: Match) -> bool:
	row = match.row
	return row is not None and (
		row.content_hash != _content_hash(match.data)
		or row.identity != match.identity
		or row.generation != feed.generation
	)


def _insert(feed: Feed, matches: list[Match]) -> None:
	if not matches:
		return
	stamp = _next_stamp(feed, len(matches))
	moment = now()
	constants: tuple[Any, ...] = (
		feed.account,
		feed.item,
		feed.end_user,
		feed.client,
		feed.provider,
		frappe.session.user,
		frappe.session.user,
		moment,
		moment,
		0,
		0,
	)
	columns = ("name", *_CONTENT_COLUMNS, *_OWNING_COLUMNS, *_FRAME_COLUMNS)
	constant_text = ", ".join(frappe.db.escape(str(value), percent=False) for value in constants)
	row_text = (
		"(" + ", ".join(["%s"] * (1 + len(_CONTENT_COLUMNS))) + ", " + constant_text.replace("%", "%%") + ")"
	)
	values: list[Any] = []
	for place, (name, match) in enumerate(zip(row_names(len(matches)), matches, strict=True)):
		if match.data.status is TransactionStatus.PENDING:
			feed.pending.add(name)
		values.append(name)
		values.extend(_content(feed, match, stamp + place))
	column_text = ", ".join(f"`{column}`" for column in columns)
	frappe.db.sql(
		f"INSERT INTO {_TABLE} ({column_text}) VALUES " + ", ".join([row_text] * len(matches)), values
	)


def _update(feed: Feed, matches: list[Match]) -> None:
	if not matches:
		return
	stamp = _next_stamp(feed, len(matches))
	for place, match in enumerate(matches):
		if match.row:
			values = dict(zip(_CONTENT_COLUMNS, _content(feed, match, stamp + place), strict=True))
			if match.data.status is TransactionStatus.DELETED:
				# What a provider sends of a deleted row may lack everything but its id: what is known of it stays.
				values = {column: values[column] for column in _DELETION_COLUMNS}
			assignments = ", ".join(f"`{column}` = %s" for column in (*values, "modified", "modified_by"))
			frappe.db.sql(
				f"UPDATE {_TABLE} SET {assignments} WHERE name = %s",
				(*values.values(), now(), frappe.session.user, match.row.name),
			)


def _content(feed: Feed, match: Match, stamp: int) -> tuple[Any, ...]:
	"""The values of `_CONTENT_COLUMNS` for one row."""
	data = match.data
	amount = data.amount
	return (
		match.identity,
		clean_id(data.provider_transaction_id),
		_aliases(match),
		feed.generation,
		data.status.value,
		int(data.status is TransactionStatus.PENDING),
		data.date,
		data.booking_date,
		data.transaction_date,
		data.value_date,
		format(amount, "f"),
		max(-_AMOUNT_CEILING, min(_AMOUNT_CEILING, amount)),
		data.currency,
		shown(data.description),
		shown(data.original_description),
		data.category_id,
		data.operation_type,
		data.updated_at,
		f"{stamp:013x}",
		_content_hash(data),
		data.payload,
	)


def _aliases(match: Match) -> str | None:
	"""Former provider ids of a row, newest last; a client that knows the row by one of them must learn its end."""
	row = match.row
	if row is None:
		return None
	former = row.provider_transaction_id
	aliases = json.loads(row.aliases) if row.aliases else []
	current = clean_id(match.data.provider_transaction_id)
	if former and former != current:
		aliases = [alias for alias in aliases if alias not in (former, current)] + [former]
	return json.dumps(aliases[-_ALIASES_KEPT:]) if aliases else None


def _content_hash(data: TransactionData) -> str:
	return hashlib.blake2b(data.payload.encode(), digest_size=16).hexdigest()


def _next_stamp(feed: Feed, count: int) -> int:
	"""The first of `count` ascending stamps, above every stamp of the account even if the clock went back."""
	stamp = max(time.time_ns() // 1000, feed.last_stamp + 1)
	feed.last_stamp = stamp + count - 1
	return stamp
