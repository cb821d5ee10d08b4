"""Reading accounts and transactions from the local copy: the provider's own resources, byte for byte.

Answers have the provider's list shape (`resources`, `pagination`) with our additions beside it: `stable_ids`,
`cursor`, and `as_of` and `feeds`, which say how fresh the data is. Old data is served and says its age; data
that never was read is an error; a failure is never an empty list (DESIGN.md, What callers rely on).
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import urlencode

import frappe
from frappe import _
from frappe.utils.password import get_encryption_key
from werkzeug.wrappers import Response

from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.verbatim import read_list
from bank_api.gateway import feeds, providers
from bank_api.gateway.clients import ClientContext
from bank_api.gateway.clock import site_zone
from bank_api.gateway.cursor import (
	FIRST_STAMP,
	LAST_STAMP,
	STAMP_DIGITS,
	Cursor,
	InvalidCursor,
	account_key,
	decode,
	encode,
	stamp_after,
)
from bank_api.gateway.errors import BadArgument, NotOffered, UnknownObject
from bank_api.gateway.row_stream import RowStream, Snapshot, Source

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT = re.compile(
	r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,6})\d*)?\s?(Z|[+-]\d\d:?\d\d|\s\d\d:\d\d)?",
	re.IGNORECASE,
)
# What a page's address repeats of the call; `since` and the position are inside the cursor.
_REPEATED = ("account_id", "item_id", "user", "site", "provider", "lang", "limit")


class AccountText(NamedTuple):
	"""An account as last received.

	Attributes:
		stable_id: our id of it.
		status: `Open`, `Not Shared` or `Closed`.
		payload: the provider's resource, JSON text untouched.
		head: the beginning of an answer, which says how fresh it is.
	"""

	stable_id: str
	status: str
	payload: str
	head: bytes


def transactions(
	client: ClientContext,
	*,
	account_id: str | int | None = None,
	item_id: str | int | None = None,
	user: str | None = None,
	provider: str | None = None,
	since: str | None = None,
	limit: str | int | None = None,
	cursor: str | None = None,
	connector: str | None = None,
) -> Response:
	"""Transactions of an account, an item, an end user or a whole client: all of them, or the changes.

	Rows come account by account, in each by the time of their last change here, deleted ones included. A row
	that the provider has given a new id is preceded by a resource that marks each former id as deleted.

	Args:
		client: who asks.
		account_id: the provider's id of an account, a former one, or our stable id.
		item_id: the provider's id of an item.
		user: an end user of the client.
		provider: name of a Bank API Provider, to tell equal ids of two providers apart.
		since: only rows changed here at or after this day (in the site's time zone) or instant.
		limit: rows per page; None for all in one answer.
		cursor: continue after the answer that gave it; `since` is inside it and ignored beside it.
		connector: only data of providers with this connector: each API module answers resources of one form.

	Returns:
		A streamed answer: `message` with `as_of`, `feeds`, `resources`, `stable_ids`, `pagination`, `cursor`.

	Raises:
		UnknownObject: the client has no such account, item or end user.
		BadArgument: `since`, `limit` or `cursor` make no sense.
		ConsentNeeded, DataNotReady: nothing of it has been read from the provider yet.
	"""
	scope = _scope(client.name, account_id, item_id, user, provider, connector)
	rows = _limit(limit)
	key = get_encryption_key().encode()
	start = (
		_cursor(cursor, scope.label, key) if cursor else Cursor(floor=_stamp(since) if since else FIRST_STAMP)
	)
	scope.require_data()
	snapshot = Snapshot()
	try:
		stream = RowStream(snapshot, _sources(scope, start), rows)
		body = stream.body(_head(scope), _Tail(scope, start, key, _page_address()))
		# The first page is read before the answer begins, so that what fails here is an ordinary error.
		first = next(body)
	except BaseException:
		snapshot.close()
		raise
	response = Response(_closing(chain((first,), body), body), mimetype="application/json")
	response.call_on_close(snapshot.close)
	return response


def accounts(
	client: ClientContext,
	item_id: str | int | None = None,
	user: str | None = None,
	since: str | None = None,
	provider: str | None = None,
	connector: str | None = None,
	kinds: tuple[str, ...] = (),
	where: Callable[[str], bool] | None = None,
) -> Response:
	"""Accounts, cards and loans of an item, an end user or a whole client; otherwise as `transactions`.

	Accounts that are no longer shared, or that the bank has closed, stay listed: their transactions do too.
	`kinds` are the account types to list; all if empty. `where` says of a resource's text whether it is listed.

	Returns:
		An answer `{"message": {"as_of", "feeds", "resources", "stable_ids", "statuses", "pagination"}}`.
	"""
	scope = _scope(client.name, None, item_id, user, provider, connector)
	floor = _stamp(since) if since else FIRST_STAMP
	scope.require_data()
	names = [account.name for account in scope.accounts]
	rows = (
		frappe.db.sql(
			"""SELECT name, status, payload FROM `tabBank API Account`
			WHERE name IN %(names)s AND COALESCE(change_stamp, '') >= %(floor)s
				AND (%(all)s OR account_type IN %(kinds)s) ORDER BY name""",
			{"names": names, "floor": floor if since else "", "all": not kinds, "kinds": kinds or ("",)},
		)
		if names
		else ()
	)
	rows = [row for row in rows if where is None or where(row[2] or "{}")]
	described = {
		"stable_ids": [row[0] for row in rows],
		"statuses": [row[1] for row in rows],
		"pagination": {"next_uri": None},
	}
	resources = ",".join(row[2] for row in rows).encode()
	body = _head(scope) + b'"resources":[' + resources + b"]," + _inner(described) + b"}}"
	return Response(body, mimetype="application/json")


def account(
	client: ClientContext,
	account_id: str | int,
	item_id: str | int | None = None,
	user: str | None = None,
	provider: str | None = None,
	kinds: tuple[str, ...] = (),
) -> AccountText:
	"""One account, card or loan; arguments and errors as `accounts`."""
	scope = _scope(client.name, account_id, item_id, user, provider)
	(found,) = scope.accounts
	columns = ["account_type", "status", "payload"]
	kind, status, payload = frappe.db.get_value("Bank API Account", found.name, columns)
	if kinds and kind not in kinds:
		raise UnknownObject()
	return AccountText(found.name, status, payload or "{}", _head(scope))


def balances(
	client: ClientContext,
	account_id: str | int,
	item_id: str | int | None = None,
	user: str | None = None,
	provider: str | None = None,
	kinds: tuple[str, ...] = (),
) -> Response:
	"""The balances in an account's resource, each as received; arguments and errors as `account`.

	Raises:
		NotOffered: the provider has not told any.
	"""
	found = account(client, account_id, item_id, user, provider, kinds)
	try:
		listed = read_list(found.payload, "balances").resources
	except MalformedResponse:
		raise NotOffered(_("The provider has told no balances of this account.")) from None
	resources = ",".join(text for _value, text in listed).encode()
	described = _inner({"stable_id": found.stable_id, "status": found.status})
	body = found.head + b'"resources":[' + resources + b"]," + described + b"}}"
	return Response(body, mimetype="application/json")


class _Tail:
	"""What an answer says once its rows are out: where the next page is, and where to continue later."""

	def __init__(self, scope: feeds.Scope, start: Cursor, key: bytes, page_address: str):
		self._scope = scope
		self._start = start
		self._key = key
		self._page_address = page_address

	def __call__(self, stream: RowStream) -> bytes:
		positions = dict(self._known_positions())
		positions.update((account_key(name), stamp) for name, stamp in stream.positions.items())
		text = encode(Cursor(self._start.floor, positions), self._scope.label, self._key)
		next_uri = None if stream.complete else self._page_address + urlencode({"cursor": text})
		return _inner({"pagination": {"next_uri": next_uri}, "cursor": text})

	def _known_positions(self) -> Iterator[tuple[bytes, str]]:
		"""Positions of the cursor before, without those of accounts that are gone."""
		for account in self._scope.accounts:
			stamp = self._start.position(account.name)
			if stamp is not None:
				yield account_key(account.name), stamp


def _scope(
	client: str,
	account_id: str | int | None,
	item_id: str | int | None,
	user: str | None,
	provider: str | None,
	connector: str | None = None,
) -> feeds.Scope:
	if account_id not in (None, ""):
		item = str(item_id) if item_id not in (None, "") else None
		return feeds.of_account(client, str(account_id), item, user, provider)
	if item_id not in (None, ""):
		return feeds.of_item(client, str(item_id), user, provider)
	return feeds.of_user(client, user, provider, connector)


def _sources(scope: feeds.Scope, start: Cursor) -> list[Source]:
	sources = []
	tombstones = {
		name: providers.connector(name).tombstone for name in {account.provider for account in scope.accounts}
	}
	for account in scope.accounts:
		position = start.position(account.name)
		first = start.floor if position is None else stamp_after(position)
		sources.append(Source(account.name, first, tombstones[account.provider]))
	return sources


def _closing(chunks: Iterator[bytes], body: Iterator[bytes]) -> Iterator[bytes]:
	"""The chunks; when the reader goes away, `body` is closed with its temporary file."""
	try:
		yield from chunks
	finally:
		body.close()


def _head(scope: feeds.Scope) -> bytes:
	described = {"as_of": feeds.utc_text(scope.as_of), "feeds": [feed.describe() for feed in scope.feeds]}
	return b'{"message":{' + _inner(described) + b","


def _inner(values: dict[str, Any]) -> bytes:
	"""The members of a JSON object, without its braces."""
	return json.dumps(values, ensure_ascii=False, separators=(",", ":"))[1:-1].encode()


def _limit(limit: str | int | None) -> int | None:
	if limit in (None, ""):
		return None
	try:
		rows = int(limit)
	except (TypeError, ValueError):
		rows = 0
	if rows < 1:
		raise BadArgument(_("limit must be a whole number, 1 or more; leave it out for all rows."))
	return rows


def _cursor(text: str, scope: str, key: bytes) -> Cursor:
	try:
		return decode(text, scope, key)
	except InvalidCursor:
		raise BadArgument(
			_(
				"This cursor does not belong to this list. "
				"Use the cursor of an answer to the same call, or leave it out."
			)
		) from None


def _page_address() -> str:
	"""The address of this call, up to the value of the cursor."""
	request = getattr(frappe.local, "request", None)
	path = request.path if request else ""
	arguments = {name: frappe.form_dict[name] for name in _REPEATED if frappe.form_dict.get(name)}
	return f"{path}?{urlencode(arguments)}" + ("&" if arguments else "")


def _stamp(since: str) -> str:
	"""The first change stamp of a day or an instant.

	Raises:
		BadArgument: it is neither.
	"""
	try:
		instant = _instant(since.strip())
		micros = (instant - _EPOCH) // _MICROSECOND
	except (ValueError, OverflowError):
		raise BadArgument(_("since must be a day (yyyy-mm-dd) or an ISO 8601 instant.")) from None
	return min(f"{max(micros, 0):0{STAMP_DIGITS}x}", LAST_STAMP, key=lambda stamp: int(stamp, 16))


def _instant(text: str) -> datetime:
	if _DAY.fullmatch(text):
		day = date.fromisoformat(text)
		return datetime(day.year, day.month, day.day, tzinfo=site_zone())
	match = _INSTANT.fullmatch(text)
	if not match:
		raise ValueError
	day, clock, fraction, offset = match.groups()
	moment = datetime.fromisoformat(f"{day}T{clock}").replace(
		microsecond=int((fraction or "0").ljust(6, "0"))
	)
	if not offset:
		return moment.replace(tzinfo=site_zone())
	if offset.upper() == "Z":
		return moment.replace(tzinfo=timezone.utc)
	# In a query string, a plus sign that was not escaped arrives as a blank.
	signed = offset if offset[0] in "+-" else "+" + offset.strip()
	return moment.replace(tzinfo=datetime.strptime(signed, "%z").tzinfo)
