"""What an end user shares, across all providers: one row is one bank's permission.

Composed from consents, and from items that no consent stands behind. Reading only; no HTTP.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from enum import Enum
from typing import Any

import frappe
from frappe.utils import get_datetime

from bank_api.connectors.model import Approval, EndReason, ItemStatus
from bank_api.gateway import consent_rows, outcome
from bank_api.gateway.access_links import Visit
from bank_api.gateway.clock import site_now

ITEM, CONSENT, ACCOUNT, PROVIDER = (
	"Bank API Item",
	"Bank API Consent",
	"Bank API Account",
	"Bank API Provider",
)
MAX_ROWS = 200  # of each kind; nobody has more banks
MAX_ACCOUNTS = 100
NUMBER_SHOWN = 4  # last characters of an account's number
SEPARATORS = " .-/"

_CONSENT_COLUMNS = [
	"name",
	"provider",
	"end_user",
	"item",
	"request",
	"provider_consent_id",
	"state",
	"approval",
	"company",
	"bank_name",
	"account_references",
	"permissions",
	"purpose",
	"creation",
	"granted_at",
	"authorised_at",
	"expires_at",
	"valid_until",
	"requested_valid_until",
	"last_access_at",
	"ended_at",
	"ended_by",
	"end_reason",
]
_ITEM_COLUMNS = [
	"name",
	"provider",
	"end_user",
	"item_id",
	"bank_name",
	"status",
	"user_action",
	"connected_at",
	"creation",
	"modified",
	"authentication_expires_at",
	"last_success_at",
]


class State(str, Enum):
	"""How a sharing stands."""

	ACTIVE = "active"
	WAITING = "waiting"
	ENDED = "ended"


class Note(str, Enum):
	"""What there is to say besides."""

	NONE = ""
	NEEDS_YOU = "needs_you"
	EXPIRED = "expired"
	PAUSED = "paused"
	FAULT = "fault"
	WAITING_FOR_YOU = "waiting_for_you"
	WAITING_FOR_OTHERS = "waiting_for_others"
	REFUSED_BY_OTHERS = "refused_by_others"


@dataclass(frozen=True, slots=True)
class Account:
	"""An account that is shared: its name, what kind it is, and the end of its number."""

	name: str
	kind: str
	number: str


@dataclass(frozen=True, slots=True)
class Sharing:
	"""One bank's permission.

	Attributes:
		key: what it is called in the page's addresses.
		consent: name of the Bank API Consent; empty if there is none behind it.
		request: name of the Bank API Connect Request in which the consent was given; empty if there is none.
		item: name of the Bank API Item; empty if there is none.
		provider: name of the Bank API Provider.
		end_user: name of the Bank API End User.
		bank: name of the bank for people.
		country: two letters; empty if not known.
		state: how it stands.
		note: what there is to say besides.
		permissions: what may be read, in the provider's words; empty where it names none.
		references: numbers that the permission is restricted to.
		purpose: what the data is for, if the end user was told so at the time.
		since, until, last_access, ended_at: site time; None if not known.
		endless: it is known to have no end.
		waiting_until: by when it has to be given.
		ended_by, end_reason: as the consent has them.
		user_action: what the end user has to do, as the item has it.
		deleted: the item is gone, and its data with it.
		accounts: that are shared now (`with_accounts`).
	"""

	key: str
	consent: str
	item: str
	provider: str
	end_user: str
	bank: str
	country: str
	state: State
	note: Note = Note.NONE
	permissions: tuple[str, ...] = ()
	references: tuple[str, ...] = ()
	purpose: str = ""
	since: datetime | None = None
	until: datetime | None = None
	endless: bool = False
	last_access: datetime | None = None
	waiting_until: datetime | None = None
	ended_at: datetime | None = None
	ended_by: str = ""
	end_reason: str = ""
	user_action: str = ""
	deleted: bool = False
	accounts: tuple[Account, ...] = ()
	request: str = ""

	@property
	def is_open(self) -> bool:
		"""Whether there is anything that could be withdrawn."""
		return self.state is not State.ENDED


def overview(visit: Visit) -> list[Sharing]:
	"""Everything that an end user shares or has shared, the newest first."""
	# Where there is too much, the oldest that are over fall away.
	consents = _rows(CONSENT, _CONSENT_COLUMNS, "state = 'Ended'", visit.end_users)
	items = _rows(ITEM, _ITEM_COLUMNS, "status = 'Deleted'", visit.end_users)
	facts = _Facts(consents, items)
	found = [_of_consent(row, facts) for row in consents if row.provider_consent_id]
	found += [_of_item(row, facts) for row in items if row.name not in facts.behind_consents]
	return sorted(found, key=lambda one: (one.since or datetime.min, one.key), reverse=True)


def _rows(doctype: str, columns: Sequence[str], over: str, end_users: Sequence[str]) -> list[frappe._dict]:
	return frappe.db.sql(
		f"""SELECT {", ".join(columns)} FROM `tab{doctype}` WHERE end_user IN %(end_users)s
		ORDER BY ({over}), name DESC LIMIT %(limit)s""",
		{"end_users": tuple(end_users) or ("",), "limit": MAX_ROWS},
		as_dict=True,
	)


def find(visit: Visit, key: str) -> Sharing | None:
	"""One sharing of an end user; None if it is unknown, or somebody else's."""
	return next((found for found in overview(visit) if found.key == key), None)


def with_accounts(found: Sharing) -> Sharing:
	"""A sharing with its accounts, if any are shared now."""
	if not found.item or found.state is not State.ACTIVE:
		return found
	rows = frappe.get_all(
		ACCOUNT,
		{"item": found.item, "status": "Open"},
		["account_name", "account_type", "iban", "reference"],
		order_by="account_name asc, name asc",
		limit=MAX_ACCOUNTS,
	)
	accounts = tuple(
		Account(row.account_name or "", row.account_type or "", ending(row.iban or row.reference or ""))
		for row in rows
	)
	return replace(found, accounts=accounts)


def ending(number: str) -> str:
	"""The last characters of an account's number, as people recognise it."""
	plain = "".join(character for character in number if character not in SEPARATORS)
	return plain[-NUMBER_SHOWN:] if len(plain) > NUMBER_SHOWN else plain


def masked(number: str) -> str:
	"""The end of an account's number as it is shown, from left to right in every text."""
	return f"\u2066••{ending(number)}\u2069" if number else ""


class _Facts:
	"""What the rows of consents and items need to know of others."""

	def __init__(self, consents: Sequence[frappe._dict], items: Sequence[frappe._dict]):
		by_name = {row.name: row for row in items}
		by_id = {(row.provider, row.item_id): row for row in items}
		self.items = {
			row.name: by_name.get(row.item) or by_id.get((row.provider, row.provider_consent_id))
			for row in consents
		}
		self.behind_consents = {item.name for item in self.items.values() if item}
		self.countries = _column(PROVIDER, "country_code", {row.provider for row in (*consents, *items)})
		waiting = {row.request for row in consents if row.state == consent_rows.WAITING and row.request}
		self.deadlines = _column(outcome.DOCTYPE, "expires_at", waiting)


def _column(doctype: str, column: str, names: set[str]) -> dict[str, Any]:
	"""One column of some rows, by their names."""
	if not names:
		return {}
	return dict(frappe.db.sql(f"SELECT name, {column} FROM `tab{doctype}` WHERE name IN %s", [tuple(names)]))


def _of_consent(row: frappe._dict, facts: _Facts) -> Sharing:
	item = facts.items.get(row.name) or frappe._dict()
	state, note = _standing(row, item)
	until = _until(row)
	return Sharing(
		key=row.name,
		consent=row.name,
		item=item.name or "",
		provider=row.provider,
		end_user=row.end_user,
		bank=row.bank_name or item.bank_name or row.company or row.provider,
		country=facts.countries.get(row.provider) or "",
		state=state,
		note=note,
		permissions=tuple((row.permissions or "").split()),
		references=tuple((row.account_references or "").split("\n")) if row.account_references else (),
		purpose=row.purpose or "",
		since=row.granted_at or row.authorised_at or row.creation,
		until=until,
		endless=until is None and bool(row.permissions),
		last_access=_latest(row.last_access_at, item.last_success_at),
		waiting_until=facts.deadlines.get(row.request) if note is Note.WAITING_FOR_YOU else None,
		ended_at=row.ended_at,
		ended_by=row.ended_by or "",
		end_reason=row.end_reason or "",
		user_action=item.user_action or "",
		deleted=item.status in (None, ItemStatus.DELETED.value),
		request=row.request or "",
	)


def _standing(row: frappe._dict, item: frappe._dict) -> tuple[State, Note]:
	"""How a consent stands for the one who has given it."""
	if row.state == consent_rows.ENDED:
		expired = row.end_reason in ("", None, EndReason.EXPIRED.value) and item.status not in (
			None,
			ItemStatus.DELETED.value,
		)
		return State.ENDED, Note.EXPIRED if expired else Note.NONE
	if row.state in (consent_rows.CREATED, consent_rows.WAITING):
		return State.WAITING, Note.WAITING_FOR_YOU
	if row.approval == Approval.PENDING.value:
		return State.WAITING, Note.WAITING_FOR_OTHERS
	if row.approval == Approval.REFUSED.value:
		return State.ACTIVE, Note.REFUSED_BY_OTHERS  # it stands at the bank until somebody ends it
	if row.state == consent_rows.NEEDS:
		return State.ACTIVE, Note.NEEDS_YOU
	if row.state == consent_rows.SUSPENDED:
		return State.ACTIVE, Note.PAUSED
	return State.ACTIVE, Note.FAULT if item.status == ItemStatus.PROVIDER_PROBLEM.value else Note.NONE


def _until(row: frappe._dict) -> datetime | None:
	if row.expires_at:
		return get_datetime(row.expires_at)
	day = row.valid_until or row.requested_valid_until
	return datetime.combine(day, time(23, 59, 59)) if day else None


def _of_item(row: frappe._dict, facts: _Facts) -> Sharing:
	state, note = State.ACTIVE, Note.NONE
	if row.status == ItemStatus.DELETED.value:
		state = State.ENDED
	elif row.authentication_expires_at and row.authentication_expires_at <= site_now():
		note = Note.EXPIRED
	elif row.status == ItemStatus.ACTION_REQUIRED.value:
		note = Note.NEEDS_YOU
	elif row.status == ItemStatus.WAITING.value:
		state, note = State.WAITING, Note.NONE
	elif row.status == ItemStatus.PROVIDER_PROBLEM.value:
		note = Note.FAULT
	return Sharing(
		key=row.name,
		consent="",
		item=row.name,
		provider=row.provider,
		end_user=row.end_user,
		bank=row.bank_name or row.provider,
		country=facts.countries.get(row.provider) or "",
		state=state,
		note=note,
		since=row.connected_at or row.creation,
		until=row.authentication_expires_at,
		last_access=row.last_success_at,
		# Nothing changes a deleted item any more but its purge, which leaves this column alone.
		ended_at=row.modified if state is State.ENDED else None,
		user_action=row.user_action or "",
		deleted=state is State.ENDED,
	)


def _latest(*instants: datetime | None) -> datetime | None:
	return max((instant for instant in instants if instant), default=None)


def outcome_of(visit: Visit, request: str) -> str:
	"""The status of an end user's own Bank API Connect Request; empty if it is unknown, or somebody else's."""
	row = frappe.db.get_value(outcome.DOCTYPE, request, ["name", "status", "end_user"], as_dict=True)
	mine = row and row.name == request and row.end_user in visit.end_users
	return row.status if mine else ""
