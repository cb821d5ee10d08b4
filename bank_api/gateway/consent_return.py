"""The end user is back from authorising a consent: its status is read, the code is swapped, an item made of it."""

import frappe
from frappe import _

from bank_api.connectors.errors import ConsentRequired, InvalidRequest, NotFound
from bank_api.connectors.model import ConsentStanding, Presence, Secret, TokenPair
from bank_api.gateway import (
	audit,
	consent_check,
	consent_rows,
	consent_succession,
	consent_tokens,
	consents,
	items,
	outcome,
	refusals,
	sync,
	trip,
)
from bank_api.gateway.clock import site_now
from bank_api.gateway.consent_rows import CREATED, DOCTYPE, ENDED, LIVE, WAITING
from bank_api.gateway.durable import durably
from bank_api.gateway.locks import exclusive

MAX_CODE = 4096
SETTLE_WAIT_SECONDS = 40


def keep_code(request: str, code: Secret) -> None:
	"""Keep the code that the end user's browser has brought, until it is swapped; the caller commits."""
	row = _of_request(request)
	if row and row.state in (CREATED, WAITING) and row.request == request and len(code.reveal()) <= MAX_CODE:
		consent_rows.keep_secret(row.name, "authorisation_code", code)


def _of_request(request: str) -> frappe._dict | None:
	name = frappe.db.get_value(outcome.DOCTYPE, request, "consent")
	return consent_rows.get(name) if name else None


def settle(request: frappe._dict, presence: Presence | None = None) -> None:
	"""Find out at the provider what an end user has authorised, and swap the code. May be repeated.

	Args:
		request: row of the Bank API Connect Request.
		presence: the end user's browser, if it is this very one that has come back.

	Raises:
		ProviderError: the provider cannot say; the request stays open.
	"""
	frappe.db.commit()
	# A code must never be presented twice, and the browser and the scheduler may meet here.
	with exclusive(f"settle:{request.consent}", SETTLE_WAIT_SECONDS) as held:
		frappe.db.commit()
		row = consent_rows.get(request.consent)
		if not held:
			return
		if row is None or row.state == ENDED or not row.provider_consent_id:
			_fail(request, _("The consent was not given."))
		elif row.state in LIVE or _authorise(request, row, presence):
			_complete(request, row.name, presence)


def _authorise(request: frappe._dict, row: frappe._dict, presence: Presence | None) -> bool:
	"""Swap the code of a consent that the provider says is valid; whether there are tokens now."""
	connector = consent_check.connector_of(row.provider)
	try:
		status = connector.consent_status(row.provider_consent_id, presence)
	except NotFound:
		_not_given(request, row, None)
		return False
	consent_rows.set_values(row.name, provider_status=status.status[:140])
	frappe.db.commit()
	if status.standing is ConsentStanding.ENDED:
		_not_given(request, row, status.status)
		return False
	code = consent_rows.secret(row.name, "authorisation_code")
	mine = row.request == request.name
	if status.standing is ConsentStanding.VALID and code and mine:
		return _swap(request, row, code)
	if request.returned_at and mine and not (code and status.standing is ConsentStanding.WAITING):
		# Declined, or the code was lost on the way: without one there will never be a token.
		if status.standing is ConsentStanding.WAITING:
			consents.note_authorisations(row)
		_fail(request, _("The end user has not finished the steps on the provider's page."))
	elif request.returned_at:
		consents.note_authorisations(row)  # others still have to sign
	return False


def _swap(request: frappe._dict, row: frappe._dict, code: Secret) -> bool:
	verifier = consent_rows.secret(row.name, "code_verifier")
	return_url = trip.public_url() + trip.RETURN_PATH
	try:
		pair = consent_check.connector_of(row.provider).exchange(
			row.provider_consent_id, code, return_url, verifier, metadata_url=row.metadata_url or ""
		)
	except (ConsentRequired, InvalidRequest) as error:
		frappe.db.rollback()
		consent_rows.forget_secrets(row.name)
		consent_rows.set_values(row.name, last_error=refusals.explained(error))
		_fail(request, _("The provider does not accept the code. Ask for a new link."))
		return False
	durably(lambda: _keep(row, pair))
	return True


def _keep(row: frappe._dict, pair: TokenPair) -> None:
	consent_tokens.keep(row, pair)
	consent_rows.forget_secrets(row.name, ["authorisation_code", "code_verifier"])
	consent_rows.set_values(row.name, authorised_at=site_now(), renewing_since=None)
	audit.record("Consent Authorised", client=row.client, doctype=DOCTYPE, name=row.name)


def _not_given(request: frappe._dict, row: frappe._dict, status: str | None) -> None:
	if status:
		consent_rows.set_values(row.name, provider_status=status[:140])
	consent_rows.end(row.name, _("The consent was not given."))
	_fail(request, _("The consent was not given."))


def _fail(request: frappe._dict, message: str) -> None:
	outcome.fail(request.name, message)
	frappe.db.commit()


def _complete(request: frappe._dict, consent: str, presence: Presence | None) -> None:
	"""Read what was granted, and make the item of it. May be repeated."""
	row = consent_rows.get(consent)
	reading = consent_check.read(row, presence)
	frappe.db.commit()
	durably(lambda: _write(request, row, reading))
	consent_succession.retire(consent)


def _write(request: frappe._dict, row: frappe._dict, reading: consent_check.Reading) -> None:
	state = consent_check.apply(row, reading)
	frappe.db.commit()
	if reading.data.standing is ConsentStanding.ENDED:
		_fail(request, _("The consent was withdrawn."))
		return
	item = items.upsert(row.provider, row.end_user, state, request=request.name, guess_request=False)
	if row.item != item:
		consent_rows.set_values(row.name, item=item)
	for name in frappe.get_all(
		outcome.DOCTYPE, {"consent": row.name, "status": ("in", outcome.OPEN)}, pluck="name"
	):
		outcome.complete(name, item)
	sync.request(item, "connect")
	frappe.db.commit()
