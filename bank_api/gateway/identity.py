"""Which row a transaction is: one transaction is one row, whatever the bank does with its ids.

Pure functions over plain data; `store` feeds them from the database. The rules, in the order tried:

1. the provider's id names the row, unless the id is plainly reused for something else;
2. a transaction without an id is its content (day, amount, currency, text) and its ordinal among equals of one
   pass over the feed, so that two real twins stay two;
3. an id that arrives late finds the row that was stored without one, by content;
4. after a reconnection every id may be new: rows of the former connection are found by content;
5. a pending row that the bank deletes and books anew under another id and day is the same row. Where the bank does not
   say that it deletes, its absence from a whole list does; over several pages that is known with the last one only.

Changing what `identity_key` answers for a given transaction is a migration.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from difflib import SequenceMatcher
from enum import Enum
from typing import NamedTuple

from bank_api.connectors.model import TransactionData, TransactionStatus

REPLACEMENT_DAYS = 7
"""How far the day of a booked transaction may lie from that of the pending one it replaces."""

_PLAIN_ID = re.compile(r"[0-9a-z._:-]{1,70}")
_SPACES = re.compile(r"\s+")


class StoredTransaction(NamedTuple):
	"""What has to be known of a stored row to recognise it."""

	name: str
	identity: str
	provider_transaction_id: str | None
	generation: int
	status: str
	date: date
	amount: str
	currency: str
	original_description: str
	content_hash: str
	aliases: str | None
	was_pending: bool


class Match(NamedTuple):
	"""An incoming transaction, the key it is stored under, and the row it is, if one exists.

	`undecided`: it may stand for a pending row, which only the rest of the list can tell.
	"""

	data: TransactionData
	identity: str
	row: StoredTransaction | None
	undecided: bool = False


class Listing(Enum):
	"""What a page says about the pending rows that it does not name."""

	CHANGES = "nothing: it lists what has changed"
	PART = "nothing yet: it is one page of a whole list by days"
	WHOLE = "they are withdrawn: it is, or ends, a whole list by days"


def normal_text(text: str) -> str:
	"""A description as it is compared: case and white space do not count."""
	return _SPACES.sub(" ", text).strip().casefold()


def fingerprint(day: date, amount: Decimal, currency: str, text: str) -> str:
	"""The content of a transaction as 32 hexadecimal characters: day, exact amount, currency, text."""
	amount = amount.normalize() if amount else Decimal(0)
	content = "\x1f".join((day.isoformat(), format(amount, "f"), currency, normal_text(text)))
	return hashlib.sha256(content.encode()).hexdigest()[:32]


def content_of(data: TransactionData) -> str:
	"""The fingerprint of an incoming transaction."""
	return fingerprint(data.date, data.amount, data.currency, data.original_description)


def content_of_row(row: StoredTransaction) -> str:
	"""The fingerprint of a stored transaction."""
	return fingerprint(row.date, Decimal(row.amount), row.currency, row.original_description)


def clean_id(provider_transaction_id: str | None) -> str | None:
	"""A provider's id, or None where the provider sent nothing but blanks."""
	return (provider_transaction_id or "").strip() or None


def identity_key(data: TransactionData, ordinal: int = 0, reused: bool = False) -> str:
	"""The key, unique within its account, under which a transaction is stored.

	Args:
		data: the transaction.
		ordinal: for one without an id, how many equal ones came before it in this pass.
		reused: whether its id already belongs to another transaction of the account.

	Returns:
		`i:<id>`, `f:<fingerprint>:<ordinal>` or `r:<hash of id and fingerprint>`; at most 72 characters.
	"""
	identifier = clean_id(data.provider_transaction_id)
	if identifier is None:
		return f"f:{content_of(data)}:{ordinal}"
	if reused:
		return "r:" + hashlib.sha256(f"{identifier}\x1f{content_of(data)}".encode()).hexdigest()[:32]
	if not _PLAIN_ID.fullmatch(identifier):
		# The database's collation knows neither case nor accents; a provider's ids may.
		return "i:#" + hashlib.sha256(identifier.encode()).hexdigest()
	return "i:" + identifier


def is_reuse(row: StoredTransaction, data: TransactionData) -> bool:
	"""Whether a known id now stands for another transaction: day, amount and text all differ, none of it pending."""
	if row.was_pending or data.status is not TransactionStatus.BOOKED or row.status != "Booked":
		return False
	return (
		Decimal(row.amount) != data.amount
		and row.date != data.date
		and normal_text(row.original_description) != normal_text(data.original_description)
	)


class Ordinals:
	"""Counts equal transactions without ids over one pass of a feed."""

	def __init__(self) -> None:
		self._seen: Counter[str] = Counter()

	def __bool__(self) -> bool:
		return bool(self._seen)

	def next(self, data: TransactionData) -> int:
		"""How many transactions with this content came before in this pass."""
		content = content_of(data)
		self._seen[content] += 1
		return self._seen[content] - 1


def keyed(rows: Iterable[TransactionData], ordinals: Ordinals) -> list[tuple[str, TransactionData]]:
	"""Give each transaction of a page its key; of a row sent twice, the last one counts.

	Two rows of one page that share an id but differ in day, amount or text are two transactions.
	"""
	page: dict[str, TransactionData] = {}
	for data in rows:
		if clean_id(data.provider_transaction_id) is None:
			page[identity_key(data, ordinals.next(data))] = data
			continue
		key = identity_key(data)
		if key in page and _is_other_transaction(page[key], data):
			key = identity_key(data, reused=True)
		page[key] = data
	return list(page.items())


def _is_other_transaction(first: TransactionData, second: TransactionData) -> bool:
	if TransactionStatus.DELETED in (first.status, second.status):
		return False
	return content_of(first) != content_of(second)


def resolve(
	page: Sequence[tuple[str, TransactionData]],
	known: dict[str, StoredTransaction],
	candidates: Sequence[StoredTransaction],
	generation: int,
	listing: Listing = Listing.CHANGES,
) -> list[Match]:
	"""Decide which row each transaction of a page is.

	Args:
		page: keys and transactions, from `keyed`.
		known: stored rows by identity, for the keys of the page and their `reused` forms.
		candidates: stored rows that may turn up under another key: those without an id, those of a former
			connection, and pending ones, deleted by the bank or not.
		generation: number of the account's present connection.
		listing: what the absence of a row means. For a list by days, `candidates` must hold no pending row that an
			earlier page has named.

	Returns:
		one match per transaction, in the order of the page.
	"""
	matches = [_by_key(key, data, known) for key, data in page]
	_match_plain_id(matches, known)
	gone = {
		match.row.name for match in matches if match.row and match.data.status is TransactionStatus.DELETED
	}
	taken = {match.row.name for match in matches if match.row}
	free = {row.name: row for row in candidates if row.name not in taken}
	free_or_gone = {row.name: row for row in candidates if row.name not in taken or row.name in gone}
	_match_content(matches, free, generation)
	_match_day_and_amount(matches, free, generation)
	pending = {row.name: row for row in free.values() if row.status == TransactionStatus.PENDING.value}
	if listing is Listing.PART:
		_leave_undecided(matches, pending.values())
	elif listing is Listing.WHOLE:
		gone |= pending.keys()
	replaced = _match_pending(matches, free_or_gone, free, gone, generation)
	return [match for match in matches if not _is_replaced(match, replaced)]


def _by_key(key: str, data: TransactionData, known: dict[str, StoredTransaction]) -> Match:
	if not key.startswith("i:"):
		return Match(data, key, known.get(key))
	row = known.get(key)
	if row is None:
		return Match(data, key, None)
	reused = identity_key(data, reused=True)
	if reused in known:
		return Match(data, reused, known[reused])
	if is_reuse(row, data):
		return Match(data, reused, None)
	return Match(data, key, row)


def _match_plain_id(matches: list[Match], known: dict[str, StoredTransaction]) -> None:
	"""Of two transactions that share an id in one page, the one not stored under its content is the id's own row."""
	taken = {match.row.name for match in matches if match.row}
	for place, match in _unmatched(matches):
		if match.identity.startswith("r:"):
			plain = identity_key(match.data)
			row = known.get(plain)
			if row and row.name not in taken and not is_reuse(row, match.data):
				matches[place] = Match(match.data, plain, row)
				taken.add(row.name)


def _match_content(matches: list[Match], free: dict[str, StoredTransaction], generation: int) -> None:
	"""Rules 3 and 4: the same day, amount and text, stored without an id or by a former connection."""
	groups: dict[str, list[StoredTransaction]] = defaultdict(list)
	for row in free.values():
		if row.generation < generation or row.provider_transaction_id is None:
			groups[content_of_row(row)].append(row)
	if not groups:
		return
	for place, match in _unmatched(matches):
		if clean_id(match.data.provider_transaction_id) and (rows := groups.get(content_of(match.data))):
			_take(matches, place, rows.pop(0), free)


def _match_day_and_amount(matches: list[Match], free: dict[str, StoredTransaction], generation: int) -> None:
	"""Rule 4, second try: a reconnection may bring other texts; the most alike one of the day wins."""
	groups: dict[tuple[date, Decimal, str], list[StoredTransaction]] = defaultdict(list)
	for row in free.values():
		if row.generation < generation and row.status != TransactionStatus.DELETED.value:
			groups[row.date, Decimal(row.amount), row.currency].append(row)
	if not groups:
		return
	for place, match in _unmatched(matches):
		data = match.data
		if rows := groups.get((data.date, data.amount, data.currency)):
			row = max(rows, key=lambda row: _likeness(row, data))
			rows.remove(row)
			_take(matches, place, row, free)


def _match_pending(
	matches: list[Match],
	candidates: dict[str, StoredTransaction],
	free: dict[str, StoredTransaction],
	gone: set[str],
	generation: int,
) -> set[str]:
	"""Rule 5: a new transaction takes the row of the pending one that the bank has withdrawn for it.

	A pending row that the bank still lists is never taken. Returns the names of the rows whose withdrawal,
	in this same page, is thereby answered.
	"""
	groups: dict[tuple[Decimal, str], list[StoredTransaction]] = defaultdict(list)
	for row in candidates.values():
		withdrawn = row.name in gone or (row.name in free and row.status == TransactionStatus.DELETED.value)
		lost = row.generation < generation and row.name in free
		if row.was_pending and (withdrawn or lost):
			groups[Decimal(row.amount), row.currency].append(row)
	replaced: set[str] = set()
	if not groups:
		return replaced
	for place, match in _unmatched(matches):
		data = match.data
		rows = [row for row in groups.get((data.amount, data.currency), ()) if _is_near(row, data)]
		if not rows:
			continue
		row = max(rows, key=lambda row: (_likeness(row, data), -abs((row.date - data.date).days)))
		groups[data.amount, data.currency].remove(row)
		_take(matches, place, row, free)
		replaced.add(row.name)
	return replaced


def _leave_undecided(matches: list[Match], pending: Iterable[StoredTransaction]) -> None:
	"""Mark what may stand for a pending row that no page has named so far."""
	groups: dict[tuple[Decimal, str], list[StoredTransaction]] = defaultdict(list)
	for row in pending:
		groups[Decimal(row.amount), row.currency].append(row)
	for place, match in _unmatched(matches):
		data = match.data
		if any(_is_near(row, data) for row in groups.get((data.amount, data.currency), ())):
			matches[place] = match._replace(undecided=True)


def _is_near(row: StoredTransaction, data: TransactionData) -> bool:
	return abs((row.date - data.date).days) <= REPLACEMENT_DAYS


def _unmatched(matches: list[Match]) -> list[tuple[int, Match]]:
	return [
		(place, match)
		for place, match in enumerate(matches)
		if match.row is None and not match.undecided and match.data.status is not TransactionStatus.DELETED
	]


def _take(
	matches: list[Match], place: int, row: StoredTransaction, free: dict[str, StoredTransaction]
) -> None:
	matches[place] = matches[place]._replace(row=row)
	free.pop(row.name, None)


def _is_replaced(match: Match, replaced: set[str]) -> bool:
	return (
		match.row is not None
		and match.row.name in replaced
		and match.data.status is TransactionStatus.DELETED
	)


def _likeness(row: StoredTransaction, data: TransactionData) -> float:
	return SequenceMatcher(
		None, normal_text(row.original_description), normal_text(data.original_description)
	).ratio()
