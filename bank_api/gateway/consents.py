"""Consents: asked for, authorised by the end user, swapped for tokens, checked, withdrawn.

The order of the steps is the one of protocols/berlin_group_migdal.md 10.1: the consent is made, the end user visits its
one-time page and comes back with a code, the consent's status is read, and only of a valid one is the code swapped. What
the end user has really granted is read afterwards: a shorter time perhaps, or fewer loans.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import frappe
from frappe import _

from bank_api.connectors.errors import (
	NotFound,
	ProviderError,
	Unsupported,
)
from bank_api.connectors.model import (
	Authorisation,
	ConsentRequest,
	EndedBy,
	EndReason,
	LinkKind,
	Presence,
	Secret,
)
from bank_api.gateway import (
	consent_check,
	consent_rows,
	consent_tokens,
	item_calls,
	items,
	outcome,
	refusals,
	setup,
	trip,
)
from bank_api.gateway.clients import ClientContext
from bank_api.gateway.clock import iso, site_now, to_utc
from bank_api.gateway.consent_rows import (
	BANK_OFFERED,
	CREATED,
	DETAILED,
	DOCTYPE,
	ENDED,
	LIVE,
	NEEDS,
	WAITING,
)
from bank_api.gateway.errors import BadArgument, NotOffered, UnknownObject


@dataclass(frozen=True, slots=True)
class Terms:
	"""What an end user is asked for; checked, see `terms`.

	Attributes:
		company: code of the company that holds the data.
		references: numbers of loans or accounts; empty if the end user chooses at the provider.
		valid_until: last day.
		frequency_per_day: reads a day without the end user.
		recurring: whether data is read more than once.
	"""

	company: str
	references: tuple[str, ...]
	valid_until: date
	frequency_per_day: int
	recurring: bool


def company_code(provider: str, company: str | None) -> str:
	"""The code of a company by its code or name; the only one if the provider has only one.

	Raises:
		BadArgument: there is no such company, or several and none is named.
	"""
	known = consent_check.connector_of(provider).companies()
	text = (company or "").strip()
	if not text and len(known) <= 1:
		return next(iter(known), "")
	for code, name in known.items():
		if text and text.casefold() in (code.casefold(), name.casefold()):
			return code
	raise BadArgument(_("The argument {0} must be one of: {1}.").format("bank", ", ".join(known)))


def start(
	client: ClientContext,
	provider: str,
	end_user: str,
	terms: Terms,
	addresses: trip.Addresses,
	*,
	psu_id: Secret,
	presence: Presence | None = None,
	replaces: str | None = None,
) -> dict[str, Any]:
	"""Make a consent at the provider, and give the page on which the end user authorises it.

	Args:
		client: who asks.
		provider: name of the Bank API Provider.
		end_user: name of the Bank API End User.
		terms: what for.
		addresses: where to afterwards.
		psu_id: what the provider knows the end user by; sent there, and kept nowhere.
		presence: the end user's browser, if the caller says that it is there.
		replaces: name of the Bank API Item that the new consent takes the place of.

	Returns:
		`link`, `redirect_url`, `request`, `consent` and `expires_at`. The transaction is committed.

	Raises:
		NotConfigured: the gateway has no public address, or the provider's set-up is not that far.
		ProviderError: the provider makes no consent.
	"""
	setup.require_ready(provider)
	consent = _insert(client, provider, end_user, terms, replaces)
	begun = trip.begin(
		client, provider, end_user, LinkKind.CONNECT, addresses, bank=terms.company, consent=consent
	)
	verifier = _new_verifier(consent, begun.request)
	frappe.db.commit()  # durable before the provider is asked
	try:
		link = _create(consent, terms, begun, verifier, psu_id, presence)
	except ProviderError as error:
		trip.refused(begun, error)
		if not frappe.db.get_value(DOCTYPE, consent, "provider_consent_id"):
			consent_rows.end(consent, refusals.explained(error))
			frappe.db.commit()
		raise
	return _answer(client, begun, consent, link)


def _insert(client: ClientContext, provider: str, end_user: str, terms: Terms, replaces: str | None) -> str:
	doc = frappe.get_doc(
		{
			"doctype": DOCTYPE,
			"state": CREATED,
			"client": client.name,
			"provider": provider,
			"end_user": end_user,
			"replaces": replaces,
			"kind": DETAILED if terms.references else BANK_OFFERED,
			"company": terms.company,
			"account_references": "\n".join(terms.references),
			"recurring": int(terms.recurring),
			"frequency_per_day": terms.frequency_per_day,
			"requested_valid_until": terms.valid_until,
		}
	)
	return doc.insert(ignore_permissions=True).name


def _new_verifier(consent: str, request: str) -> Secret:
	"""The value that proves, when the code is swapped, that this gateway began the trip (PKCE, RFC 7636, 4.1)."""
	verifier = Secret(secrets.token_urlsafe(48))
	consent_rows.keep_secret(consent, "code_verifier", verifier)
	consent_rows.forget_secrets(consent, ["authorisation_code"])
	consent_rows.set_values(consent, request=request)
	return verifier


def challenge(verifier: Secret) -> str:
	"""What the provider gets to see of a verifier beforehand (RFC 7636, 4.2, S256)."""
	digest = hashlib.sha256(verifier.reveal().encode()).digest()
	return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _create(
	consent: str,
	terms: Terms,
	begun: trip.Trip,
	verifier: Secret,
	psu_id: Secret,
	presence: Presence | None,
) -> str:
	"""Make the consent and keep its id; its page."""
	provider = frappe.db.get_value(DOCTYPE, consent, "provider")
	connector = consent_check.connector_of(provider)
	request = ConsentRequest(
		company=terms.company,
		psu_id=psu_id,
		references=terms.references,
		valid_until=terms.valid_until,
		frequency_per_day=terms.frequency_per_day,
		recurring=terms.recurring,
		state=begun.context,
		redirect_url=begun.return_url,
		code_challenge=challenge(verifier),
		presence=presence,
	)
	created = connector.create_consent(request)
	consent_rows.set_values(
		consent,
		provider_consent_id=created.consent_id,
		provider_status=created.status[:140],
		state=WAITING,
		payload=created.payload,
		metadata_url=created.metadata_url,
	)
	frappe.db.commit()  # it exists there: never forget it
	if created.link:
		return created.link
	return _page_of(
		connector.start_authorisation(
			created.consent_id,
			company=terms.company,
			psu_id=psu_id,
			state=begun.context,
			redirect_url=begun.return_url,
			code_challenge=request.code_challenge,
			presence=presence,
		)
	)


def _page_of(authorisation: Authorisation) -> str:
	if not authorisation.link:
		raise Unsupported("The provider gives no page on which the end user could authorise the consent.")
	return authorisation.link


def _answer(client: ClientContext, begun: trip.Trip, consent: str, link: str) -> dict[str, Any]:
	answer = trip.issued(client, begun, LinkKind.CONNECT, link)
	return answer | {"consent": frappe.db.get_value(DOCTYPE, consent, "provider_consent_id")}


def sign(
	client: ClientContext,
	row: frappe._dict,
	addresses: trip.Addresses,
	*,
	psu_id: Secret,
	presence: Presence | None = None,
) -> dict[str, Any]:
	"""The page on which another signer authorises a consent that waits for several.

	Args:
		client: who asks.
		row: the consent.
		addresses: where to afterwards.
		psu_id: what the provider knows this signer by; sent there, and kept nowhere.
		presence: this signer's browser, if the caller says that it is there.

	Returns:
		as `start`.

	Raises:
		BadArgument: the consent waits for nobody.
		ProviderError: the provider begins no authorisation.
	"""
	if row.state != WAITING:
		raise BadArgument(_("This consent does not wait for a signature."))
	begun = trip.begin(
		client, row.provider, row.end_user, LinkKind.CONNECT, addresses, bank=row.company, consent=row.name
	)
	verifier = _new_verifier(row.name, begun.request)
	frappe.db.commit()
	try:
		authorisation = consent_check.connector_of(row.provider).start_authorisation(
			row.provider_consent_id,
			company=row.company or "",
			psu_id=psu_id,
			state=begun.context,
			redirect_url=begun.return_url,
			code_challenge=challenge(verifier),
			presence=presence,
		)
		link = _page_of(authorisation)
	except ProviderError as error:
		trip.refused(begun, error)
		raise
	return _answer(client, begun, row.name, link)


def repair(client: ClientContext, item: str, addresses: trip.Addresses, psu_id: Secret) -> dict[str, Any]:
	"""A page for a new consent on the terms of the present one (the desk's button); otherwise as `start`."""
	found = frappe.db.get_value("Bank API Item", item, ["provider", "end_user", "item_id"], as_dict=True)
	row = consent_rows.of_item(found.provider, found.item_id) if found else None
	if row is None:
		raise UnknownObject()
	return start(
		client,
		row.provider,
		row.end_user,
		renewed_terms(row),
		addresses,
		psu_id=psu_id,
		replaces=item,
	)


def renewed_terms(row: frappe._dict) -> Terms:
	"""The terms of a consent once more, from today on and for as long as it was asked for."""
	begun = to_utc(frappe.db.get_value(DOCTYPE, row.name, "creation")).date()
	length = (row.requested_valid_until - begun) if row.requested_valid_until else timedelta(days=0)
	days = max(length.days, 1)
	return Terms(
		company=row.company or "",
		references=consent_rows.references(row) if row.kind == DETAILED else (),
		valid_until=site_now().date() + timedelta(days=days),
		frequency_per_day=row.frequency_per_day or 1,
		recurring=bool(row.recurring),
	)


# --- asked by the client, and by the desk


def describe(row: frappe._dict) -> dict[str, Any]:
	"""How a consent stands, for its client: no secret, no name of a person."""
	item_id = frappe.db.get_value("Bank API Item", row.item, "item_id") if row.item else None
	day = consent_rows.last_day(row)
	return {
		"consent": row.provider_consent_id,
		"request": row.request,
		"item_id": items.provider_id(item_id) if item_id else None,
		"state": row.state,
		"status": row.provider_status,
		"kind": row.kind,
		"company": row.company,
		"references": list(consent_rows.references(row)),
		"recurring": bool(row.recurring),
		"frequency_per_day": row.frequency_per_day,
		"valid_until": day.isoformat() if day else None,
		"token_expires_at": iso(to_utc(row.token_expires_at)) if row.token_expires_at else None,
		"advice": consent_rows.advice(row.provider) if row.state in (NEEDS, ENDED) else None,
	}


def status(row: frappe._dict) -> dict[str, Any]:
	"""Ask the provider how a consent stands (GetConsentStatus), bring ours up to date, and describe it. Commits.

	Raises:
		ProviderError: the provider cannot say.
	"""
	if row.state in LIVE or (row.state == WAITING and consent_check.of_a_visit(row)):
		consent_check.check(row)
	elif row.state == WAITING:
		try:
			found = consent_check.connector_of(row.provider).consent_status(row.provider_consent_id)
			consent_rows.set_values(row.name, provider_status=found.status[:140])
		except NotFound:
			consent_rows.end(row.name, _("The provider does not know the consent any more."))
		frappe.db.commit()
	return describe(consent_rows.get(row.name) or row)


def note_authorisations(row: frappe._dict) -> list[dict[str, Any]]:
	"""How far each signer is, also kept on the row for the desk; empty if the provider does not say. Commits."""
	try:
		listed = consent_check.connector_of(row.provider).authorisations(row.provider_consent_id)
	except (Unsupported, NotFound):
		listed = []
	described = [
		{"authorisation_id": one.authorisation_id, "status": one.status, "final": one.final} for one in listed
	]
	consent_rows.set_values(row.name, authorisations=frappe.as_json(described) if described else None)
	frappe.db.commit()
	return described


def check(name: str) -> None:
	"""Read a consent again at the provider (the desk's button). Commits."""
	row = _known(name)
	status(row)


def renew(name: str) -> dict[str, Any]:
	"""Ask for a new pair of tokens now. Commits.

	Returns:
		as `describe`; the tokens themselves are never given out.

	Raises:
		ProviderError: the provider gives none.
	"""
	row = _known(name)
	if consent_check.of_a_visit(row):
		raise NotOffered(_("This consent has no token: it is read with the gateway's own key."))
	consent_tokens.access_token(row.name, force=True)
	return describe(_known(name))


def delete(name: str, by: EndedBy = EndedBy.CLIENT) -> dict[str, Any]:
	"""Withdraw a consent at the provider, then delete the data held here.

	Args:
		name: name of the Bank API Consent.
		by: whose wish it is; of an end user's, the client is told with `consent.revoked`.

	Returns:
		`consent`, `item_id` and `status`. The transaction is committed.

	Raises:
		ProviderError: the provider could not delete it; nothing is changed then.
	"""
	row = _known(name)
	if row.item:
		answer = item_calls.delete(row.item, by)
		return {"consent": row.provider_consent_id, **answer}
	if row.provider_consent_id:
		consent_check.withdraw(row, by, EndReason.REVOKED)
	consent_rows.end(row.name, _("It has been withdrawn here."), by=by, why=EndReason.REVOKED)
	late = frappe.db.get_value(DOCTYPE, row.name, "item")
	if late:  # it was given while it was withdrawn
		items.mark_deleted(late, at_once=True)
	for request in _open_requests(row.name):
		outcome.fail(request, _("The consent was withdrawn."))
	frappe.db.commit()
	return {"consent": row.provider_consent_id, "item_id": None, "status": "Deleted"}


def _known(name: str) -> frappe._dict:
	row = consent_rows.get(name)
	if row is None:
		raise UnknownObject()
	return row


def _open_requests(consent: str) -> list[str]:
	return frappe.get_all(outcome.DOCTYPE, {"consent": consent, "status": ("in", outcome.OPEN)}, pluck="name")


# --- forgetting


def withdraw_all(end_user: str) -> None:
	"""Withdraw every consent of an end user at the provider (erasure). Commits.

	Raises:
		ProviderError: the provider could not delete one.
	"""
	names = frappe.get_all(
		DOCTYPE,
		{"end_user": end_user, "state": ("!=", ENDED), "provider_consent_id": ("is", "set")},
		pluck="name",
	)
	for name in names:
		row = consent_rows.get(name)
		if row:
			consent_check.withdraw(row, EndedBy.CLIENT, EndReason.REVOKED)
