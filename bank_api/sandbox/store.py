"""Records in memory, and beside them a SQLite file when the state has to survive a kill.

A record is written when the request that changed it ends, in one SQLite transaction, before the answer leaves:
what a client was told is still true after SIGKILL.
"""

import json
import sqlite3
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar


class Record(Protocol):
	"""A dataclass of JSON values with a kind and a primary key."""

	__dataclass_fields__: ClassVar[dict[str, Any]]

	kind: ClassVar[str]

	def pk(self) -> Any:
		"""Return the primary key within the kind."""
		...


# An upsert keeps the row's place, so that a restart sees the records in the order they were made.
_UPSERT = "INSERT INTO records VALUES (?, ?, ?) ON CONFLICT (kind, pk) DO UPDATE SET body = excluded.body"

R = TypeVar("R", bound=Record)


class Store:
	"""All records by kind and key; remembers what changed until ``flush``."""

	def __init__(self, data_dir: str | None, kinds: list[type[Record]]) -> None:
		self._kinds = {kind.kind: kind for kind in kinds}
		self._names = {
			kind.kind: [f.name for f in fields(kind) if not f.metadata.get("transient")] for kind in kinds
		}
		self.tables: dict[str, dict[Any, Any]] = {name: {} for name in self._kinds}
		self._dirty: dict[tuple[str, Any], Any] = {}
		self._database = self._open(data_dir) if data_dir else None

	@staticmethod
	def _open(data_dir: str) -> sqlite3.Connection:
		Path(data_dir).mkdir(parents=True, exist_ok=True)
		database = sqlite3.connect(Path(data_dir) / "sandbox.sqlite", check_same_thread=False)
		database.execute("PRAGMA journal_mode=WAL")
		database.execute(
			"PRAGMA synchronous=NORMAL"
		)  # safe against SIGKILL; only a power cut may lose the tail
		database.execute(
			"CREATE TABLE IF NOT EXISTS records (kind TEXT, pk TEXT, body TEXT, PRIMARY KEY (kind, pk))"
		)
		return database

	@property
	def durable(self) -> bool:
		"""Whether a file stands behind the memory."""
		return self._database is not None

	def load(self) -> int:
		"""Read every record back from the file; return how many there were."""
		if self._database is None:
			return 0
		count = 0
		for kind, body in self._database.execute("SELECT kind, body FROM records ORDER BY rowid"):
			if kind in self._kinds:
				record = self._kinds[kind](**json.loads(body))
				self.tables[kind][record.pk()] = record
				count += 1
		return count

	def table(self, kind: type[R]) -> dict[Any, R]:
		"""Return the records of one kind by key."""
		return self.tables[kind.kind]

	def put(self, record: Any) -> None:
		"""Add a record, or note that it changed."""
		key = record.pk()
		self.tables[record.kind][key] = record
		if self._database is not None:
			self._dirty[record.kind, key] = record

	def drop(self, record: Any) -> None:
		"""Remove a record."""
		key = record.pk()
		self.tables[record.kind].pop(key, None)
		if self._database is not None:
			self._dirty[record.kind, key] = None

	def clear(self, keep: tuple[type[Record], ...] = ()) -> None:
		"""Remove every record but those of the kinds to keep."""
		kept = {kind.kind for kind in keep}
		for name, table in self.tables.items():
			if name in kept:
				continue
			for key in table:
				self._dirty[name, key] = None
			table.clear()

	def flush(self) -> None:
		"""Write what changed; a no-op without a data directory."""
		if self._database is None:
			self._dirty.clear()
			return
		if not self._dirty:
			return
		gone = [(kind, str(key)) for (kind, key), record in self._dirty.items() if record is None]
		kept = [
			(kind, str(key), self._encode(kind, record))
			for (kind, key), record in self._dirty.items()
			if record is not None
		]
		with self._database:
			self._database.executemany("DELETE FROM records WHERE kind = ? AND pk = ?", gone)
			self._database.executemany(_UPSERT, kept)
		self._dirty.clear()

	def _encode(self, kind: str, record: Any) -> str:
		names = self._names[kind]
		return json.dumps(dict(zip(names, attrgetter(*names)(record), strict=True)), ensure_ascii=False)

	def close(self) -> None:
		"""Write what is left and close the file."""
		self.flush()
		if self._database is not None:
			self._database.close()
