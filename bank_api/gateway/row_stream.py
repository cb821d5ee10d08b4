"""Transactions out of the database as the bytes of a JSON answer, without ever holding them all.

The framework closes its database connection before the web server asks for the first byte of a body, so a
stream reads on a connection of its own, inside one consistent snapshot, by ranges of the index (account,
change_stamp). The database joins the stored payloads of a range itself; nothing parses one on the way, and
nothing looks at it row by row unless a row has former ids. Whatever fails after the first byte breaks the
body off, so that a reader meets invalid JSON (and a broken chunked encoding), never a shorter list.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import frappe

from bank_api.gateway.cursor import stamp_after

PAGE_ROWS = 2000
_LONGEST_PAGE = 64 * 1024 * 1024
_IDS_IN_MEMORY = 1024 * 1024
_PIECE_BYTES = 256 * 1024
_STATEMENT_SECONDS = 60

_TABLE = "`tabBank API Transaction`"
_INDEXED = f"{_TABLE} FORCE INDEX (account_change_stamp)"
# One step to the end of the index for each account; GROUP BY would walk through all of its entries.
_HEADS = f"""SELECT head.name, (SELECT change_stamp FROM {_INDEXED} WHERE account = head.name
	ORDER BY change_stamp DESC LIMIT 1) FROM `tabBank API Account` head WHERE head.name IN %s"""
_BOUND = f"""SELECT change_stamp FROM {_INDEXED} WHERE account = %s AND change_stamp >= %s
	ORDER BY change_stamp LIMIT 1 OFFSET %s"""
_RANGE = "WHERE account = %s AND change_stamp BETWEEN %s AND %s"
# As binary, so that neither the database nor the driver decodes what the answer would encode again.
_PAGE = f"""SELECT COUNT(*), SUM(aliases > '' OR COALESCE(payload, '') = ''), SUM(LENGTH(payload)),
	GROUP_CONCAT(CAST(payload AS BINARY) SEPARATOR ','), GROUP_CONCAT(name SEPARATOR '","')
	FROM {_INDEXED} {_RANGE}"""
_ROWS = (
	f"""SELECT name, aliases, CAST(payload AS BINARY) FROM {_INDEXED} {_RANGE} ORDER BY change_stamp, name"""
)

# By the keys that `identity.identity_key` gives to a present id, and to one that was given out twice.
_IN_USE = f"""SELECT provider_transaction_id FROM {_TABLE}
	WHERE account = %s AND identity IN %s AND status != 'Deleted'
	UNION SELECT provider_transaction_id FROM {_TABLE}
	WHERE account = %s AND identity LIKE 'r:%%' AND status != 'Deleted'"""


class Page(NamedTuple):
	"""A range of rows as JSON list content.

	Attributes:
		rows: how many transactions.
		resources: their payloads, and tombstones before them.
		stable_ids: one for each resource.
	"""

	rows: int
	resources: bytes
	stable_ids: bytes


class Source(NamedTuple):
	"""One account to read.

	Attributes:
		account: its row name.
		start: only rows with this change stamp or a later one.
		tombstone: from a payload and a former provider id, the resource that says that this id is gone.
	"""

	account: str
	start: str
	tombstone: Callable[[str, str], str]


def _one_ahead(pages: Iterator[Page]) -> Iterator[Page]:
	"""The same pages, each one read while the one before is on its way to the reader."""
	page = next(pages, None)
	if page is None:
		return
	with ThreadPoolExecutor(max_workers=1) as reader:
		while page is not None:
			following = reader.submit(next, pages, None)
			yield page
			page = following.result()


class Snapshot:
	"""A read-only database connection of its own that sees the database as it was when it was opened."""

	def __init__(self) -> None:
		self._connection = frappe.db.get_connection()
		self._open = True
		try:
			self._cursor = self._connection.cursor()
			self._cursor.execute(
				f"SET SESSION max_statement_time = {_STATEMENT_SECONDS}, group_concat_max_len = {_LONGEST_PAGE}"
			)
			self._cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
			self._cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
		except BaseException:
			self.close()
			raise

	def rows(self, query: str, values: Sequence[Any]) -> Sequence[tuple]:
		"""All rows of a query."""
		self._cursor.execute(query, values)
		return self._cursor.fetchall()

	def close(self) -> None:
		"""Give the connection back; the second time nothing happens."""
		if self._open:
			self._open = False
			self._connection.close()


class RowStream:
	"""The rows of several accounts, one account after the other, as the body of an answer.

	Args:
		snapshot: where to read; whoever opened it closes it.
		sources: the accounts, in order.
		limit: rows after which to stop; None for all. Tombstones do not count, and rows that share a change
			stamp stay together, since a cursor could not tell them apart.

	Attributes:
		positions: for each account of which rows went out, the change stamp of the last one.
		complete: whether no row was left behind; known once all rows are out.
	"""

	def __init__(self, snapshot: Snapshot, sources: Sequence[Source], limit: int | None):
		self._snapshot = snapshot
		self._left = limit
		self.positions: dict[str, str] = {}
		self.complete = False
		accounts = [source.account for source in sources]
		heads = dict(snapshot.rows(_HEADS, (accounts,))) if accounts else {}
		self._waiting = [source for source in sources if (heads.get(source.account) or "") >= source.start]
		self._heads = heads

	def body(self, head: bytes, tail: Callable[["RowStream"], bytes]) -> Iterator[bytes]:
		"""The whole answer: `head`, the resources, their stable ids, and what `tail` says at the end.

		`resources` and `stable_ids` are parallel lists; a stable id of null marks a tombstone.
		"""
		with tempfile.SpooledTemporaryFile(max_size=_IDS_IN_MEMORY) as ids:
			lead = head + b'"resources":['
			separator = b""
			for page in _one_ahead(self._pages()):
				yield lead + page.resources
				ids.write(separator + page.stable_ids)
				lead = separator = b","
			yield (b"" if separator else lead) + b'],"stable_ids":['
			ids.seek(0)
			while piece := ids.read(_PIECE_BYTES):
				yield piece
			yield b"]," + tail(self) + b"}}"

	def _pages(self) -> Iterator[Page]:
		for place, source in enumerate(self._waiting):
			yield from self._account(source)
			if self._left == 0:
				left_behind = self.positions[source.account] < self._heads[source.account]
				self.complete = not left_behind and place == len(self._waiting) - 1
				return
		self.complete = True

	def _account(self, source: Source) -> Iterator[Page]:
		start, head = source.start, self._heads[source.account]
		while start <= head and self._left != 0:
			wanted = PAGE_ROWS if self._left is None else min(PAGE_ROWS, self._left)
			bounds = self._snapshot.rows(_BOUND, (source.account, start, wanted - 1))
			bound = bounds[0][0] if bounds else head
			page = self._page(source, start, bound)
			if self._left is not None:
				self._left = max(0, self._left - page.rows)
			self.positions[source.account] = bound
			yield page
			start = stamp_after(bound)

	def _page(self, source: Source, first: str, last: str) -> Page:
		rows, special, length, resources, names = self._snapshot.rows(_PAGE, (source.account, first, last))[0]
		# A result that the database has cut (it only warns) is shorter than its parts.
		if special or length is None or len(resources or b"") != int(length) + rows - 1:
			return self._row_by_row(source, first, last)
		return Page(rows, resources, f'"{names}"'.encode())

	def _row_by_row(self, source: Source, first: str, last: str) -> Page:
		rows = self._snapshot.rows(_ROWS, (source.account, first, last))
		former_ids = {name: json.loads(aliases) for name, aliases, _ in rows if aliases}
		in_use = self._in_use(source.account, {former for ids in former_ids.values() for former in ids})
		resources: list[bytes] = []
		stable_ids: list[str] = []
		for name, _, payload in rows:
			if not payload:
				raise LookupError(f"Bank API Transaction {name} has no payload to serve")
			for former in former_ids.get(name, ()):
				if former not in in_use:
					resources.append(source.tombstone(payload.decode(), former).encode())
					stable_ids.append("null")
			resources.append(payload)
			stable_ids.append(f'"{name}"')
		return Page(len(rows), b",".join(resources), ",".join(stable_ids).encode())

	def _in_use(self, account: str, former_ids: set[str]) -> set[str]:
		"""Those former ids that the bank has given to another transaction since: they are not gone."""
		if not former_ids:
			return set()
		keys = [f"i:{former}" for former in former_ids]
		return {identifier for (identifier,) in self._snapshot.rows(_IN_USE, (account, keys, account))}
