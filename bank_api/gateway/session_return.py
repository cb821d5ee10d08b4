"""What a visit has led to: read at the provider, whoever said that there is something to read. May be repeated."""

from datetime import timedelta
from typing import Any

import frappe
from frappe import _

from bank_api.connectors.errors import MalformedResponse, NotFound, ProviderError
from bank_api.connectors.model import ConsentData, ConsentStanding, SessionData, SessionStanding
from bank_api.gateway import consent_check, consent_grant, consent_rows, outcome, sessions, trip
from bank_api.gateway.clock import site_now, to_site
from bank_api.gateway.consent_rows import ENDED, LIVE, WAITING
from bank_api.gateway.errors import GatewayError
from bank_api.gateway.locks import exclusive
from bank_api.gateway.outcome import DOCTYPE, EXPIRED, FAILED, OPEN
from bank_api.gateway.plain import shown
from bank_api.gateway.sessions import REQUESTED as REQUESTED

SETTLE_WAIT_SECONDS = 20
MAX_CONSENTS = 50  # of one visit that are looked at
CHECK_EVERY = (timedelta(minutes=2), timedelta(minutes=30))
_COLUMNS = [
	"name",
	"status",
	"client",
	"provider",
	"end_user",
	"item",
	"replaces",
	"purpose",
	"state_hash",
	"session_hash",
	"expires_at",
	"creation",
]


def settle(request: str) -> None:
	"""Read a visit, take in its consents, and close it once it is over. Commits.

	Args:
		request: name of the Bank API Connect Request.

	Raises:
		ProviderError: the provider cannot say; what it could say is written.
	"""
	frappe.db.commit()
	# The browser, a webhook and the scheduler may meet here; one of them asks.
	with exclusive(f"visit:{request}", SETTLE_WAIT_SECONDS) as held:
		frappe.db.commit()
		row = frappe.db.get_value(DOCTYPE, request, _COLUMNS, as_dict=True)
		if not held or not row or row.status in (FAILED, EXPIRED):
			return
		session_id = sessions.session_id(request)
		if not session_id:
			return
		try:
			visit = sessions.connector_of(row.provider).session(session_id.reveal())
		except NotFound:
			_close(row, _("The provider does not know the visit any more."))
			return
		_check_same(row, visit)
		failures = _take_in(row, visit)
		_note(row, visit)
		if failures:
			raise failures[0]
		if visit.standing is not SessionStanding.OPEN:
			_close(row, _("The end user has shared nothing."), late=visit.standing is SessionStanding.OVER)


def _check_same(row: frappe._dict, visit: SessionData) -> None:
	"""A visit that was begun with another value than ours is somebody else's."""
	if visit.external_id and trip.state_hash(visit.external_id) != row.state_hash:
		raise MalformedResponse("The provider answers with another visit than the one that was asked for.")


# --- consents


def _take_in(row: frappe._dict, visit: SessionData) -> list[ProviderError | GatewayError]:
	"""Each consent of the visit; one that fails does not hold up the others.

	Returns:
		what failed.
	"""
	failures: list[ProviderError | GatewayError] = []
	for data in visit.consents[:MAX_CONSENTS]:
		try:
			_take_in_one(row, data)
		except (ProviderError, GatewayError) as error:
			frappe.db.rollback()
			failures.append(error)
	return failures


def take_in(request: str, consent_id: str) -> None:
	"""One consent that is said to come from a visit, even from one that is closed already. Commits.

	Args:
		request: name of the Bank API Connect Request of the visit.
		consent_id: the provider's id; what the provider does not say to be of this very visit is left alone.

	Raises:
		ProviderError: the provider cannot say.
	"""
	row = frappe.db.get_value(DOCTYPE, request, _COLUMNS, as_dict=True)
	if not row or consent_rows.of_item(row.provider, consent_id):
		return
	try:
		data = sessions.connector_of(row.provider).consent(consent_id)
	except NotFound:
		return
	if data.consent_id == consent_id and trip.state_hash(data.session_id) == row.session_hash:
		_take_in_one(row, data)


def withdraw_open(end_user: str) -> None:
	"""Withdraw what an end user is giving at this moment in visits that are open (erasure).

	Raises:
		ProviderError: the provider could not.
	"""
	filters = {"end_user": end_user, "session_hash": ("is", "set"), "status": ("in", OPEN)}
	for row in frappe.get_all(DOCTYPE, filters, ["name", "provider"]):
		session_id = sessions.session_id(row.name)
		if not session_id:
			continue
		connector = sessions.connector_of(row.provider)
		try:
			visit = connector.session(session_id.reveal())
		except NotFound:
			continue
		for data in visit.consents:
			if data.standing is not ConsentStanding.ENDED:
				connector.delete_consent(data.consent_id)


def _take_in_one(request: frappe._dict, data: ConsentData) -> None:
	name = _row_of(request, data)
	row = consent_rows.get(name) if name else None
	if row is None or row.state == ENDED:
		return
	if data.standing is ConsentStanding.WAITING and row.state == WAITING:
		return
	if data.standing is ConsentStanding.VALID and row.announced == consent_grant.TOLD_GRANTED and row.item:
		return
	consent_check.check(row)


def _row_of(request: frappe._dict, data: ConsentData) -> str | None:
	"""The row of a consent, made if it is new; None if it cannot be this end user's. Commits.

	One new consent of an end user at a time, as with items: the lock is the first thing of a transaction, so that what
	another has committed is seen.
	"""
	frappe.db.commit()
	erased = frappe.db.get_value("Bank API End User", request.end_user, "erased", for_update=True)
	key = {"provider": request.provider, "provider_consent_id": data.consent_id}
	known = frappe.db.get_value(
		consent_rows.DOCTYPE, key, ["name", "end_user", "provider_consent_id"], as_dict=True
	)
	if known is None and erased == 0:
		name = _insert(request, data)
		frappe.db.commit()
		return name
	frappe.db.commit()
	if known is None or known.end_user != request.end_user or known.provider_consent_id != data.consent_id:
		frappe.logger("bank_api").error("A consent was presented for another end user than its own")
		return None
	return known.name


def _insert(request: frappe._dict, data: ConsentData) -> str:
	doc = frappe.get_doc(
		{
			"doctype": consent_rows.DOCTYPE,
			"state": WAITING,
			"client": request.client,
			"provider": request.provider,
			"end_user": request.end_user,
			"request": request.name,
			"replaces": _replaced(request, data),
			"provider_consent_id": data.consent_id,
			"provider_status": shown(data.status)[:140],
			"recurring": 1,
			"permissions": shown("\n".join(data.permissions)) or None,
			"bank_id": shown(data.bank_id)[:140] or None,
			"bank_name": shown(data.bank_name)[:140] or None,
			"expires_at": to_site(data.expires_at) if data.expires_at else None,
			"approval": "Single",
			"next_check_at": site_now() + consent_rows.WAITING_EVERY,
			"payload": data.payload,
		}
	)
	name = doc.insert(ignore_permissions=True).name
	# Word for word as the end user was told it: saving a form rewrites what looks like HTML (`a < b & c > d`).
	consent_rows.set_values(name, purpose=request.purpose)
	return name


def _replaced(request: frappe._dict, data: ConsentData) -> str | None:
	"""The item whose place the consent takes: the one that was named, if it is the same bank's."""
	if not request.replaces:
		return None
	bank = frappe.db.get_value(consent_rows.ITEM, request.replaces, "bank_id")
	return request.replaces if bank == data.bank_id else None


# --- the request


def _note(row: frappe._dict, visit: SessionData) -> None:
	"""How the visit stands, and when it is looked at again. Commits."""
	values: dict[str, Any] = {
		"session_status": shown(visit.status)[:140],
		"next_check_at": site_now() + _wait(row),
	}
	if visit.expires_at is not None:
		values["expires_at"] = to_site(visit.expires_at)
	frappe.db.set_value(DOCTYPE, row.name, values)
	frappe.db.commit()


def _wait(row: frappe._dict) -> timedelta:
	shortest, longest = CHECK_EVERY
	return min(max((site_now() - row.creation) / 5, shortest), longest)


def _close(row: frappe._dict, message: str, late: bool = False) -> None:
	"""The visit is over: what it has given is its outcome, however it ended. Commits."""
	frappe.db.commit()
	given = given_items(row.name)
	if given:
		frappe.db.get_value(consent_rows.ITEM, given[0], "name", for_update=True)  # the order of locks
		outcome.complete(row.name, given[0], items=given)
	else:
		outcome.fail(row.name, message, status=EXPIRED if late else FAILED)
	frappe.db.set_value(DOCTYPE, row.name, "next_check_at", None)
	frappe.db.delete("__Auth", {"doctype": DOCTYPE, "name": row.name, "fieldname": "session_id"})
	frappe.db.commit()


def given_items(request: str) -> list[str]:
	"""Items of the consents that a visit has given and that still stand, oldest first."""
	return frappe.get_all(
		consent_rows.DOCTYPE,
		{"request": request, "item": ("is", "set"), "state": ("in", LIVE)},
		pluck="item",
		order_by="name asc",
	)


def give_up(request: str) -> None:
	"""The provider has not said for long what became of a visit. Commits."""
	row = frappe.db.get_value(DOCTYPE, request, _COLUMNS, as_dict=True)
	if row and row.status in OPEN:
		_close(row, _("The end user did not come back in time."), late=True)
