"""Transactions out of the database as the bytes of a JSON answer, without ever holding them all.

The framework closes its database connection before the web server asks for the first byte of a body, so a
stream reads on a connection of its own, inside one consistent snapshot, by pages of the index (account,
change_stamp). Stored payloads are joined as bytes; none is parsed. Whatever fails after the first byte breaks
the body off, so that a reader meets invalid JSON (and a broken chunked encoding), never a shorter list.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import frappe

PAGE_ROWS = 2000
_IDS_IN_MEMORY = 1024 * 1024
_PIECE_BYTES = 256 * 1024
_STATEMENT_SECONDS = 60

_TABLE = "`tabBank API Transaction`"
_HEADS = f"SELECT account, MAX(change_stamp) FROM {_TABLE} WHERE account IN %s GROUP BY account"
# CAST: the driver then neither decodes what the answer would encode again, nor looks at it at all.
_PAGE = f"""SELECT name, change_stamp, aliases, CAST(payload AS BINARY) FROM {_TABLE}
	WHERE account = %s AND change_stamp >= %s AND (change_stamp > %s OR name > %s)
	ORDER BY change_stamp, name LIMIT %s"""
_TIES = f"""SELECT name, change_stamp, aliases, CAST(payload AS BINARY) FROM {_TABLE}
	WHERE account = %s AND change_stamp = %s AND name > %s ORDER BY name"""


class Row(NamedTuple):
	"""A stored transaction as it is served."""

	name: str
	stamp: str
	aliases: str | None
	payload: bytes


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


class Snapshot:
	"""A read-only database connection of its own that sees the database as it was when it was opened."""

	def __init__(self) -> None:
		self._connection = frappe.db.get_connection()
		self._open = True
		try:
			self._cursor = self._connection.cursor()
			self._cursor.execute(f"SET SESSION max_statement_time = {_STATEMENT_SECONDS}")
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
		limit: rows after which to stop; None for all. Tombstones do not count, and rows that share a change stamp
			are not torn apart, since a cursor could not tell them apart.

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
		self._waiting = [source for source in sources if heads.get(source.account, "") >= source.start]
		self._heads = heads

	def body(self, head: bytes, tail: Callable[["RowStream"], bytes]) -> Iterator[bytes]:
		"""The whole answer: `head`, the resources, their stable ids, and what `tail` says when all rows are out.

		`resources` and `stable_ids` are parallel lists; a stable id of null marks a tombstone.
		"""
		with tempfile.SpooledTemporaryFile(max_size=_IDS_IN_MEMORY) as ids:
			lead = head + b'"resources":['
			separator = b""
			for page, source in self._pages():
				resources, names = _rendered(page, source)
				yield lead + resources
				ids.write(separator + names)
				lead = separator = b","
			yield (b"" if separator else lead) + b'],"stable_ids":['
			ids.seek(0)
			while piece := ids.read(_PIECE_BYTES):
				yield piece
			yield b"]," + tail(self) + b"}}"

	def _pages(self) -> Iterator[tuple[list[Row], Source]]:
		for place, source in enumerate(self._waiting):
			for page in self._account(source):
				self.positions[source.account] = page[-1].stamp
				yield page, source
			if self._left == 0:
				left_behind = self.positions[source.account] < self._heads[source.account]
				self.complete = not left_behind and place == len(self._waiting) - 1
				return
		self.complete = True

	def _account(self, source: Source) -> Iterator[list[Row]]:
		stamp, name = source.start, ""
		while self._left != 0:
			wanted = PAGE_ROWS if self._left is None else min(PAGE_ROWS, self._left)
			page = self._rows(_PAGE, (source.account, stamp, stamp, name, wanted))
			if not page:
				return
			stamp, name = page[-1].stamp, page[-1].name
			if self._left is not None:
				self._left -= len(page)
				if self._left == 0:
					page += self._rows(_TIES, (source.account, stamp, name))
			yield page
			if len(page) < wanted:
				return

	def _rows(self, query: str, values: Sequence[Any]) -> list[Row]:
		return [Row._make(row) for row in self._snapshot.rows(query, values)]


def _rendered(page: list[Row], source: Source) -> tuple[bytes, bytes]:
	"""A page as JSON list content: the resources, and their stable ids."""
	if not any(row.aliases for row in page):
		names = '","'.join([row.name for row in page])
		return b",".join([row.payload for row in page]), f'"{names}"'.encode()
	resources: list[bytes] = []
	ids: list[bytes] = []
	for row in page:
		for former in json.loads(row.aliases) if row.aliases else ():
			resources.append(source.tombstone(row.payload.decode(), former).encode())
			ids.append(b"null")
		resources.append(row.payload)
		ids.append(f'"{row.name}"'.encode())
	return b",".join(resources), b",".join(ids)
