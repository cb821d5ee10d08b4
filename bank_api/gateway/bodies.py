"""Resources of a consent that are read on demand, and answered as received.

A provider may allow few reads a month, so each answer is kept (Bank API Resource) and serves again while it is fresh enough
for the caller, and for as long as the provider takes no call or gives no answer; the answer says how old it is. What belongs
to whom is decided by the item, which the caller has found for its own client.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import frappe
from frappe import _
from werkzeug.wrappers import Response

from bank_api.connectors.errors import ProviderError, ProviderUnavailable, RateLimited
from bank_api.connectors.model import Body, Presence
from bank_api.gateway import access, refusals, sessions
from bank_api.gateway.clock import iso, site_now, to_utc
from bank_api.gateway.errors import BadArgument
from bank_api.gateway.ids import row_name

DOCTYPE = "Bank API Resource"
COMPLETE, BEING_PREPARED = "Complete", "Being Prepared"
FRESH_FOR = timedelta(hours=24)
LONGEST_AGE = timedelta(days=366)
MAX_PATH = 500
# Where the provider has told how long, a copy serves; where it fails, too, and says its age.
_SERVED_FROM_COPY = (RateLimited, ProviderUnavailable)
_SECONDS = re.compile(r"[0-9]{1,9}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Copy:
	"""An answer of the provider.

	Attributes:
		payload: the JSON text as received.
		fetched_at: when (site time).
		complete: the provider has put all of it together.
		refused: why there is no newer one, where a newer one was wanted.
	"""

	payload: str
	fetched_at: datetime
	complete: bool
	refused: ProviderError | None = None

	def head(self) -> dict[str, Any]:
		"""What is said of it besides itself."""
		said: dict[str, Any] = {
			"as_of": iso(to_utc(self.fetched_at)),
			"complete": self.complete,
			"stale": self.refused is not None,
		}
		if isinstance(self.refused, RateLimited):
			said["retry_after"] = max(1, int(self.refused.retry_after))
		return said


def answer(
	item: frappe._dict,
	path: str,
	query: Mapping[str, str] | None = None,
	*,
	max_age: str | int | None = None,
	presence: Presence | None = None,
	keep: bool = True,
) -> Response:
	"""A resource of an item as its client gets it: `as_of`, `complete`, `stale`, and the provider's body untouched.

	Args:
		item: row of the Bank API Item, found for the caller.
		path: relative to the consent.
		query: parameters of the provider's.
		max_age: seconds that a copy may be old; a day if missing, 0 to ask the provider.
		presence: the end user's browser, if the call is the end user's own.
		keep: False for what names persons by their numbers: it is handed on, and kept nowhere.

	Raises:
		BadArgument: `max_age` is no number of seconds.
		ProviderError: the provider gives none, and there is no copy.
	"""
	found = fetch(item, path, query, fresh_for=_age(max_age), presence=presence, keep=keep)
	head = json.dumps(found.head(), separators=(",", ":"))[:-1]
	return Response('{"message":' + head + ',"body":' + found.payload + "}}", mimetype="application/json")


def _age(max_age: str | int | None) -> timedelta:
	if max_age in (None, ""):
		return FRESH_FOR
	if not _SECONDS.match(str(max_age).strip()):
		raise BadArgument(_("max_age must be a number of seconds, 0 or more."))
	return min(timedelta(seconds=int(max_age)), LONGEST_AGE)


def fetch(
	item: frappe._dict,
	path: str,
	query: Mapping[str, str] | None = None,
	*,
	fresh_for: timedelta = FRESH_FOR,
	presence: Presence | None = None,
	keep: bool = True,
) -> Copy:
	"""A resource of an item: the copy if it is fresh enough, else the provider's answer, kept where it may be. Commits.

	Raises:
		ProviderError: the provider gives none, and there is no copy.
	"""
	place = _place(path, query)
	kept = _kept(item.name, place) if keep else None
	if kept and kept.complete and kept.fetched_at > site_now() - fresh_for:
		return kept
	key = access.key_of(item)
	connector = sessions.connector_of(item.provider)
	frappe.db.commit()  # nothing is held open while the provider is asked
	try:
		body = access.with_token(key, lambda token: connector.body(token, path, query or {}), presence)
	except _SERVED_FROM_COPY as error:
		frappe.db.rollback()
		if kept is None:
			raise
		return Copy(kept.payload, kept.fetched_at, kept.complete, refused=error)
	except ProviderError as error:
		frappe.db.rollback()
		refusals.note(error, provider=item.provider, client=item.client)
		access.doubt(key, error)
		raise
	return _keep(item, place, body) if keep else Copy(body.payload or "null", site_now(), body.complete)


def _place(path: str, query: Mapping[str, str] | None) -> str:
	"""What a copy is kept under: the path with its parameters in one order."""
	text = path + (f"?{urlencode(sorted(query.items()))}" if query else "")
	if len(text) > MAX_PATH:
		raise BadArgument(_("The request cannot be carried out as it stands."))
	return text


def _kept(item: str, place: str) -> Copy | None:
	rows = frappe.db.sql(
		"SELECT payload, fetched_at, status, path FROM `tabBank API Resource` WHERE item = %s AND path = %s",
		(item, place),
	)
	if not rows or not rows[0][0] or rows[0][3] != place:  # the database compares without regard to case
		return None
	return Copy(rows[0][0], rows[0][1], rows[0][2] == COMPLETE)


def _keep(item: frappe._dict, place: str, body: Body) -> Copy:
	"""Store an answer, unless a newer one is there; of an item that is deleted meanwhile nothing is kept."""
	now = site_now()
	copy = Copy(body.payload or "null", now, body.complete)
	# The item's lock first: a purge that begins now finds the row.
	owner = frappe.db.get_value(
		"Bank API Item", item.name, ["status", "client", "end_user"], as_dict=True, for_update=True
	)
	if not owner or owner.status == "Deleted":
		frappe.db.commit()
		return copy
	frappe.db.sql(
		"""INSERT INTO `tabBank API Resource` (name, creation, modified, owner, modified_by, client, end_user,
			provider, item, path, status, fetched_at, payload)
		VALUES (%(name)s, %(now)s, %(now)s, %(user)s, %(user)s, %(client)s, %(end_user)s, %(provider)s, %(item)s,
			%(path)s, %(status)s, %(now)s, %(payload)s)
		ON DUPLICATE KEY UPDATE
			payload = IF(fetched_at <= VALUES(fetched_at), VALUES(payload), payload),
			status = IF(fetched_at <= VALUES(fetched_at), VALUES(status), status),
			path = IF(fetched_at <= VALUES(fetched_at), VALUES(path), path),
			modified = VALUES(modified),
			fetched_at = GREATEST(fetched_at, VALUES(fetched_at))""",
		{
			"name": row_name(),
			"now": now,
			"user": frappe.session.user,
			"client": owner.client,
			"end_user": owner.end_user,
			"provider": item.provider,
			"item": item.name,
			"path": place,
			"status": COMPLETE if body.complete else BEING_PREPARED,
			"payload": copy.payload,
		},
	)
	access.note_read(access.key_of(item))
	frappe.db.commit()
	return copy
