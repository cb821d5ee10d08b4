"""Short-lived links by which an end user comes to the page of everything shared, and the visits that they open.

A link is an unguessable id with a seal over that id and everything it is bound to: client, end user, language, where to
go on to, and its end. Of the id only the hash is stored, and the key of the seal is derived from the site's: whoever
reads the table cannot make a link, and whoever writes to it cannot turn one person's link into another's.

A link opens one browser. What is refused is refused in one way: the same look-ups are made, the same line is
written, and the same answer is given, whatever the reason.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import frappe
from frappe import _
from frappe.utils.password import get_encryption_key

from bank_api.crypto import seal
from bank_api.crypto.secret import Secret
from bank_api.gateway import audit, clients, end_users, trip
from bank_api.gateway.clients import ClientContext
from bank_api.gateway.clock import iso, site_now, to_utc
from bank_api.gateway.errors import BadArgument, UnknownObject

DOCTYPE = "Bank API Access Link"
PATH = "/bank-api/consents"
OPEN_PATH = PATH + "/open"
PARAMETER = "link"

VALID_FOR = timedelta(minutes=15)  # from being issued to being opened
OPEN_FOR = timedelta(minutes=30)  # how long a visit lasts
AWAY_FOR = trip.VALID_FOR + timedelta(minutes=10)  # how long it lasts for an end user who is sent to a bank
MAX_ACTIONS = 40  # what one visit may set off at providers
MAX_LIVE_LINKS = 20  # of one end user, issued and not opened yet

_TOKEN = re.compile(r"([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})", re.ASCII)
_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_NOBODY = "0" * 22
_COLUMNS = [
	"name",
	"client",
	"user",
	"language",
	"redirect_url",
	"expires_at",
	"opened_at",
	"revoked_at",
	"session_hash",
	"session_expires_at",
	"actions",
]


@dataclass(frozen=True, slots=True)
class Visit:
	"""An end user's browser on the page.

	Attributes:
		link: name of the Bank API Access Link.
		client: the client site that has sent the end user.
		user: the client's name of the end user.
		end_users: names of the end user's Bank API End User rows, one a provider.
		language: that the link asks for; empty for the browser's own.
		redirect_url: where to go on to; empty for nowhere.
		ends_at: when the visit ends, site time.
		cookie: what the browser proves it with.
	"""

	link: str
	client: ClientContext
	user: str
	end_users: tuple[str, ...]
	language: str
	redirect_url: str
	ends_at: datetime
	cookie: Secret


# --- asked for by the client


def issue(client: ClientContext, user: str, language: str, redirect_url: str) -> dict[str, Any]:
	"""Make a link for an end user.

	Args:
		client: who asks.
		user: its name of the end user.
		language: of the page; empty for the browser's own.
		redirect_url: where the end user goes on to; checked, see `clients.check_redirect_url`.

	Returns:
		`link` and `expires_at`. The transaction is committed.

	Raises:
		UnknownObject: the client has no such end user.
		BadArgument: too many links of this end user wait to be opened.
		NotConfigured: the gateway has no public address.
	"""
	if not end_users.find(client.name, user):
		raise UnknownObject()
	public_url = trip.public_url()
	now = site_now()
	waiting = {
		"client": client.name,
		"user": user,
		"opened_at": ("is", "not set"),
		"revoked_at": ("is", "not set"),
	}
	if frappe.db.count(DOCTYPE, waiting | {"expires_at": (">", now)}) >= MAX_LIVE_LINKS:
		raise BadArgument(_("Too many links for this end user have not been opened yet. Revoke them first."))
	identifier = secrets.token_urlsafe(16)
	doc = frappe.get_doc(
		{
			"doctype": DOCTYPE,
			"client": client.name,
			"user": user,
			"language": language,
			"redirect_url": redirect_url,
			"expires_at": (now + VALID_FOR).replace(microsecond=0),
			"link_hash": _hash(identifier),
		}
	).insert(ignore_permissions=True)
	audit.record("Consents Link Issued", client=client.name, doctype=DOCTYPE, name=doc.name)
	frappe.db.commit()
	token = f"{identifier}.{_seal(identifier, doc)}"
	return {
		"link": f"{public_url}{OPEN_PATH}?{PARAMETER}={token}",
		"expires_at": iso(to_utc(doc.expires_at)),
	}


def revoke(client: ClientContext, user: str) -> int:
	"""End every link and every open visit of an end user.

	Returns:
		how many there were. The transaction is committed.
	"""
	now = site_now()
	frappe.db.sql(
		f"""UPDATE `tab{DOCTYPE}` SET revoked_at = %(now)s, modified = %(now)s
		WHERE client = %(client)s AND user = %(user)s AND BINARY user = %(user)s AND revoked_at IS NULL
			AND (expires_at > %(now)s OR session_expires_at > %(now)s)""",
		{"now": now, "client": client.name, "user": user},
	)
	count = int(frappe.db._cursor.rowcount)
	audit.record("Consents Links Revoked", client=client.name, details={"count": count})
	frappe.db.commit()
	return count


def forget(client: str, user: str) -> None:
	"""Delete every link of an end user who is erased; the caller commits."""
	rows = frappe.get_all(DOCTYPE, {"client": client, "user": user}, ["name", "user"])
	if names := [row.name for row in rows if row.user == user]:
		frappe.db.delete(DOCTYPE, {"name": ("in", names)})


# --- used by the end user's browser


def open_link(token: str, cookie: str) -> Secret | None:
	"""Let a browser in.

	Args:
		token: from the link.
		cookie: what the browser has already, if anything: a link that it has opened itself stays open to it.

	Returns:
		the cookie of the visit, or None: there is nothing to say about why. The transaction is committed.
	"""
	match = _TOKEN.fullmatch(token)
	identifier, given = (match[1], match[2]) if match else (_NOBODY, _NOBODY)
	row = _row("link_hash", _hash(identifier))
	now = site_now()
	# No short cut: what is refused costs the same whatever it lacks.
	known = row or frappe._dict(client="-", user="-", language="", redirect_url="", expires_at=now)
	sealed = seal.fits(_key("link"), given, identifier, *_bound(known))
	living = bool(_people(known.client, known.user))
	in_time = bool(row) and known.expires_at > now and not row.revoked_at
	returning = bool(row) and bool(row.opened_at) and _is_same_browser(row, cookie, now)
	fresh = bool(row) and not row.opened_at
	if not (sealed & living & in_time & (fresh | returning)):
		return _refuse()
	return Secret(cookie) if returning else _begin(row, now)


def _refuse() -> None:
	frappe.db.rollback()
	audit.record("Consents Link Refused", outcome=audit.REFUSED)
	frappe.db.commit()


def _is_same_browser(row: frappe._dict, cookie: str, now: datetime) -> bool:
	mine = _COOKIE.fullmatch(cookie) is not None and _hash(cookie) == row.session_hash
	return mine and bool(row.session_expires_at) and row.session_expires_at > now


def _begin(row: frappe._dict, now: datetime) -> Secret | None:
	cookie = secrets.token_urlsafe(32)
	frappe.db.sql(
		f"""UPDATE `tab{DOCTYPE}` SET opened_at = %(now)s, session_hash = %(hash)s, session_expires_at = %(end)s,
			modified = %(now)s
		WHERE name = %(name)s AND opened_at IS NULL AND revoked_at IS NULL""",
		{"now": now, "hash": _hash(cookie), "end": now + OPEN_FOR, "name": row.name},
	)
	if not frappe.db._cursor.rowcount:
		return _refuse()  # another browser was faster
	audit.record("Consents Page Opened", client=row.client, doctype=DOCTYPE, name=row.name)
	frappe.db.commit()
	return Secret(cookie)


def visit_of(cookie: str) -> Visit | None:
	"""The visit that a browser's cookie proves, if it is still open."""
	plain = cookie if _COOKIE.fullmatch(cookie) else _NOBODY
	row = _row("session_hash", _hash(plain))
	if not row or row.revoked_at or not row.session_expires_at or row.session_expires_at <= site_now():
		return None
	people = _people(row.client, row.user)
	if not people:
		return None
	return Visit(
		link=row.name,
		client=clients.context_of(row.client),
		user=row.user,
		end_users=people,
		language=row.language or "",
		redirect_url=row.redirect_url or "",
		ends_at=row.session_expires_at,
		cookie=Secret(plain),
	)


def form_fields(visit: Visit, path: str) -> dict[str, str]:
	"""What a form on the page carries unseen: only that page, in that visit, could have made it.

	Whoever is logged in to this site besides needs the framework's own token too, or it refuses the form.
	"""
	fields = {"token": seal.seal(_key("form"), visit.cookie.reveal(), path)}
	session = frappe.session
	if session.user != "Guest" and session.get("data") and session.data.get("csrf_token"):
		fields["csrf_token"] = session.data.csrf_token
	return fields


def is_own_form(visit: Visit, path: str, given: str) -> bool:
	"""Whether a form was sent from the page of this very visit."""
	return seal.fits(_key("form"), given, visit.cookie.reveal(), path)


def proof(visit: Visit, done: str) -> str:
	"""What shows the page, when it is loaded again, that this very visit has done something."""
	return seal.seal(_key("done"), visit.cookie.reveal(), done)


def has_done(visit: Visit, done: str, given: str) -> bool:
	"""Whether this very visit has done it; anybody can write an address that says so."""
	return seal.fits(_key("done"), given, visit.cookie.reveal(), done)


def count_action(visit: Visit) -> bool:
	"""Note that a visit sets something off; whether it still may. The transaction is committed."""
	frappe.db.sql(
		f"UPDATE `tab{DOCTYPE}` SET actions = actions + 1 WHERE name = %s AND actions < %s",
		(visit.link, MAX_ACTIONS),
	)
	may = bool(frappe.db._cursor.rowcount)
	frappe.db.commit()
	return may


def stay_open(visit: Visit) -> datetime:
	"""Keep a visit open while its end user is away at a bank; its new end. The transaction is committed."""
	ends_at = max(visit.ends_at, site_now() + AWAY_FOR)
	frappe.db.set_value(DOCTYPE, visit.link, "session_expires_at", ends_at)
	frappe.db.commit()
	return ends_at


def leave(visit: Visit) -> None:
	"""The end user closes the page. The transaction is committed."""
	frappe.db.set_value(DOCTYPE, visit.link, "session_expires_at", site_now())
	audit.record("Consents Page Closed", client=visit.client.name, doctype=DOCTYPE, name=visit.link)
	frappe.db.commit()


def is_secure() -> bool:
	"""Whether the gateway's own address is https; a request that comes through a proxy does not know."""
	rows = frappe.db.sql(
		"SELECT value FROM `tabSingles` WHERE doctype = 'Bank API Settings' AND field = 'public_url'"
	)
	return not rows or not (rows[0][0] or "").startswith("http:")


# --- inside


def _row(key: str, value: str) -> frappe._dict | None:
	# Plain SQL: the framework's ways to a row cost as much as the rest of a page.
	rows = frappe.db.sql(
		f"SELECT {', '.join(_COLUMNS)} FROM `tab{DOCTYPE}` WHERE {key} = %s", (value,), as_dict=True
	)
	return rows[0] if rows else None


def _people(client: str, user: str) -> tuple[str, ...]:
	"""Names of the end users behind a link; none if the client is disabled, or knows them no longer."""
	rows = frappe.db.sql(
		"""SELECT person.name, person.user FROM `tabBank API Client` client
		JOIN `tabBank API End User` person ON person.client = client.name AND person.erased = 0
		WHERE client.name = %s AND client.enabled = 1 AND person.user = %s ORDER BY person.name""",
		(client, user),
	)
	return tuple(name for name, known_as in rows if known_as == user)


def _bound(row: Any) -> tuple[str, ...]:
	"""What a link stands for, as its seal is put on it."""
	ends_at = row.expires_at.replace(microsecond=0).isoformat()
	return (row.client or "", row.user or "", row.language or "", row.redirect_url or "", ends_at)


def _seal(identifier: str, row: Any) -> str:
	return seal.seal(_key("link"), identifier, *_bound(row))


def _key(purpose: str) -> Secret:
	return seal.derive(Secret(get_encryption_key()), f"consents {purpose}")


def _hash(text: str) -> str:
	return hashlib.sha256(text.encode()).hexdigest()
