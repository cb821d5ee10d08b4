"""Lists: pagination with its traps (bridge.md 5.2), and the transaction queries."""

import base64
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeVar
from urllib.parse import urlencode

from bank_api.sandbox.bridge.errors import BridgeError
from bank_api.sandbox.bridge.model import Transaction
from bank_api.sandbox.bridge.state import BridgeState
from bank_api.sandbox.bridge.switches import Switches
from bank_api.sandbox.clock import iso_ms

T = TypeVar("T")
_BEYOND_ASCII = re.compile("[^\x00-\x7f]")


def encode_cursor(key: Any, filters: dict[str, str], empty: bool = False) -> str:
	"""Write an opaque cursor: the last row's sort key and the list's filters."""
	text = json.dumps({"k": key, "f": filters, **({"e": 1} if empty else {})}, separators=(",", ":"))
	return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(text: str) -> dict[str, Any]:
	"""Read a cursor; raises BridgeError 400 for anything that is none."""
	try:
		value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
		if not isinstance(value, dict) or "k" not in value or not isinstance(value.get("f"), dict):
			raise ValueError("not a cursor")
		return value
	except ValueError as error:
		raise BridgeError(400, "invalid_parameter", "The cursor is not valid.", "after") from error


def escape(text: str) -> str:
	"""Escape everything beyond ASCII in JSON text."""
	return _BEYOND_ASCII.sub(lambda match: json.dumps(match[0])[1:-1], text)


class Page:
	"""One request's place in a list: limit, cursor and filters."""

	def __init__(
		self, path: str, query: dict[str, str], filters: tuple[str, ...], switches: Switches, base: str
	) -> None:
		self.path, self.switches, self.base = path, switches, base
		self.limit_text = query.get("limit")
		self.limit = self._limit(self.limit_text)
		self.cursor = decode_cursor(query["after"]) if query.get("after") else None
		self.filters = {name: query[name] for name in filters if query.get(name)}
		if (
			self.cursor is not None
		):  # whether next_uri repeats the filters is unknown, so the cursor knows them too
			self.filters = self.cursor["f"] | self.filters

	def _limit(self, text: str | None) -> int:
		if text is None or text == "":
			return self.switches.default_limit
		try:
			limit = int(text)
		except ValueError as error:
			raise BridgeError(400, "invalid_parameter", "limit must be a number.", "limit") from error
		if not 1 <= limit <= 500 and self.switches.limit_check:
			raise BridgeError(400, "invalid_parameter", "limit must be between 1 and 500.", "limit")
		return max(1, min(500, limit))

	def cut(self, rows: Sequence[T], keys: Sequence[Any]) -> tuple[Sequence[T], str | None]:
		"""Take this page out of a sorted list.

		Args:
			rows: The whole list.
			keys: Its sort keys, ascending, none twice.

		Returns:
			The page's rows, and the next_uri or None at the end.
		"""
		after = None if self.cursor is None else _key(self.cursor["k"])
		try:
			start = 0 if after is None else bisect_right(keys, after)
		except TypeError as error:  # a cursor of another list
			raise BridgeError(400, "invalid_parameter", "The cursor is not valid.", "after") from error
		quirk = self.switches.page_quirk
		if quirk == "empty" and self.cursor is not None and not self.cursor.get("e"):
			return [], self._next(after, empty=True)
		if quirk == "overlap" and start:
			end = start + self.limit
			start -= 1
		else:
			end = start + (max(1, self.limit // 2) if quirk == "short" else self.limit)
		taken = rows[start:end]
		return taken, self._next(keys[end - 1]) if end < len(rows) else None

	def _next(self, key: Any, empty: bool = False) -> str:
		query = {"after": encode_cursor(key, self.filters, empty)}
		if self.limit_text:
			query["limit"] = str(self.limit)
		if self.switches.next_uri_repeats_filters:
			query |= self.filters
		uri = f"{self.path}?{urlencode(query)}"
		return self.base + uri if self.switches.next_uri == "absolute" else uri

	def envelope(self, texts: Sequence[str], next_uri: str | None, version: int, now: int) -> bytes:
		"""Write the list's answer from its rows' JSON texts."""
		if next_uri is not None:
			pagination = f'{{"next_uri":{json.dumps(next_uri)}}}'
		else:
			ends = {"null": '{"next_uri":null}', "string": '{"next_uri":"null"}', "empty": '{"next_uri":""}'}
			pagination = ends.get(self.switches.end_of_list, "{}")
		generated = f',"generated_at":"{iso_ms(now)}"' if version == 2 and self.switches.generated_at else ""
		text = f'{{"resources":[{",".join(texts)}],"pagination":{pagination}{generated}}}'
		return (escape(text) if self.switches.ascii_json else text).encode()


def _key(value: Any) -> Any:
	return tuple(value) if isinstance(value, list) else value


_ORDERS: dict[str, Callable[[Transaction], Any]] = {
	"id": attrgetter("key"),
	"updated_at": attrgetter("updated", "key"),
	"date_desc": lambda row: (-int(row.date.replace("-", "")), -row.key),
}


class TransactionQueries:
	"""Answers filters over transactions without walking what did not change."""

	def __init__(self, state: BridgeState) -> None:
		self.state = state
		self._by_update: dict[int, tuple[int, list[Transaction], list[int]]] = {}
		self._results: dict[Any, tuple[list[Transaction], list[Any]]] = {}

	def forget(self) -> None:
		"""Drop every cached list."""
		self._by_update.clear()
		self._results.clear()

	def select(
		self,
		account_ids: Sequence[int],
		since: int | None = None,
		until: int | None = None,
		min_date: str | None = None,
		max_date: str | None = None,
		deleted: bool = True,
	) -> tuple[list[Transaction], list[Any]]:
		"""Return matching rows in list order with their sort keys.

		Args:
			account_ids: In scope.
			since: Lower bound of ``updated_at``; strict or not is a switch.
			until: Upper bound of ``updated_at``; strict or not with the lower one.
			min_date: Lower bound of ``date``, inclusive.
			max_date: Upper bound of ``date``, inclusive.
			deleted: Whether deleted rows are shown.

		Returns:
			Rows and keys.
		"""
		order = self.state.switches.transactions_order
		generations = tuple(self.state.generation.get(number, 0) for number in account_ids)
		strict = self.state.switches.since_strict
		asked = (tuple(account_ids), generations, since, until, min_date, max_date, deleted, order, strict)
		found = self._results.get(asked)
		if found is not None:
			return found
		rows = [row for number in account_ids for row in self._changed(number, since, until, strict)]
		if min_date or max_date or not deleted:
			low, high = min_date or "", max_date or "9999-99-99"
			rows = [row for row in rows if low <= (row.date or "") <= high and (deleted or not row.deleted)]
		key = _ORDERS[order]
		rows.sort(key=key)
		result = (rows, list(map(key, rows)))
		while len(self._results) >= 64:
			self._results.pop(next(iter(self._results)))
		self._results[asked] = result
		return result

	def _changed(
		self, account_id: int, since: int | None, until: int | None, strict: bool
	) -> list[Transaction]:
		generation = self.state.generation.get(account_id, 0)
		cached = self._by_update.get(account_id)
		if cached is None or cached[0] != generation:
			rows = sorted(self.state.rows_of(account_id).values(), key=attrgetter("updated"))
			cached = (generation, rows, [row.updated for row in rows])
			self._by_update[account_id] = cached
		_, rows, stamps = cached
		start = 0
		if since is not None:
			start = bisect_right(stamps, since if strict else since - 1)
		end = len(rows) if until is None else bisect_right(stamps, until - 1 if strict else until)
		return rows[start:end]
