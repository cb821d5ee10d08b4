"""Consents: asked for, read, withdrawn, and their signers (2)."""

import contextlib
import re
from typing import Any

from bank_api.connectors.berlin_group import headers as headers_of
from bank_api.connectors.berlin_group import links, parsing
from bank_api.connectors.berlin_group.client import BerlinClient
from bank_api.connectors.berlin_group.headers import header_id
from bank_api.connectors.berlin_group.links import Trip
from bank_api.connectors.errors import (
	ConsentRequired,
	InvalidRequest,
	MalformedResponse,
	NotFound,
	ProviderError,
)
from bank_api.connectors.model import (
	Authorisation,
	ConsentData,
	ConsentRequest,
	ConsentStanding,
	ConsentStatus,
	CreatedConsent,
	ItemData,
	ItemStatus,
	Presence,
	Secret,
	UserAction,
)

_STANDINGS = {
	"received": ConsentStanding.WAITING,
	"partiallyauthorised": ConsentStanding.WAITING,
	"valid": ConsentStanding.VALID,
	"rejected": ConsentStanding.ENDED,
	"revokedbypsu": ConsentStanding.ENDED,
	"expired": ConsentStanding.ENDED,
	"terminatedbytpp": ConsentStanding.ENDED,
	"suspendedbyaspsp": ConsentStanding.SUSPENDED,
}
_FINAL_SCA = frozenset({"finalised", "failed", "exempted"})
_GONE = frozenset(
	{"CONSENT_UNKNOWN", "RESOURCE_UNKNOWN", "RESOURCE_EXPIRED", "CONSENT_EXPIRED", "CONSENT_INVALID"}
)
_GRANTS = ("accounts", "balances", "transactions", "loans", "cardAccounts")
_MAX_SIGNERS = 20
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Za-z0-9]{1,30}\Z", re.ASCII)
_REFERENCE = re.compile(r"[^\x00-\x1f\x7f]{1,35}\Z")
_TYPE = re.compile(r"[A-Za-z]{4}\Z", re.ASCII)


def standing_of(status: str) -> ConsentStanding:
	"""What a status means; one that nobody knows is not usable, and may be reversible (2.6)."""
	return _STANDINGS.get(status.lower(), ConsentStanding.SUSPENDED)


def create(client: BerlinClient, request: ConsentRequest) -> CreatedConsent:
	"""See `ConsentConnector.create_consent`."""
	check_request(request)
	answer, text, whole = client.object(
		"POST",
		client.settings.consent_path,
		headers=_creation_headers(client, request),
		body=body_of(client, request),
	)
	consent_id = header_id(parsing.required_text(answer.get("consentId"), "consent's id"))
	approach = whole.headers.get("ASPSP-SCA-Approach", "").strip()
	trip = Trip(consent_id, request.state, request.redirect_url, request.code_challenge)
	page = links.page(client, answer.get("_links"), approach, trip)
	return CreatedConsent(
		consent_id=consent_id,
		status=parsing.required_text(answer.get("consentStatus"), "consent's status"),
		link=page.url,
		sca_approach=approach,
		request_id=whole.request_id,
		payload=text,
		metadata_url=page.metadata_url,
		message=parsing.text(answer.get("psuMessage")) or "",
	)


def check_request(request: ConsentRequest) -> None:
	"""Refuse what the source would refuse, or misread (2.3).

	Raises:
		InvalidRequest: with what is wrong.
	"""
	links.check_trip(Trip("-", request.state, request.redirect_url, request.code_challenge))
	if request.frequency_per_day < 1:
		raise InvalidRequest("The frequency of a consent is at least 1 a day.")
	if not request.recurring and request.frequency_per_day > 1:
		raise InvalidRequest("A consent for one time has the frequency 1.")
	if not all(_REFERENCE.match(reference) for reference in request.references):
		raise InvalidRequest("The number of an account or loan has 1 to 35 characters.")
	if len(set(request.references)) != len(request.references):
		raise InvalidRequest("A number of an account or loan is named twice.")
	if request.references and request.account_types:
		raise InvalidRequest("A consent names accounts or restricts their kinds, not both.")
	if not all(_TYPE.match(kind) for kind in request.account_types):
		raise InvalidRequest("A kind of account is a code of four letters, such as LOAN.")


def body_of(client: BerlinClient, request: ConsentRequest) -> dict[str, Any]:
	"""The body of a new consent: empty lists for "the end user chooses", references for a detailed one (2.3)."""
	references = [
		_reference(reference, client.settings.reference_account_type) for reference in request.references
	]
	access: dict[str, Any] = dict.fromkeys(("accounts", "balances", "transactions"), references)
	if request.account_types:
		access["restrictedTo"] = list(request.account_types)
	return {
		"access": access,
		"recurringIndicator": request.recurring,
		"validUntil": request.valid_until.isoformat(),
		"frequencyPerDay": request.frequency_per_day,
		"combinedServiceIndicator": False,
	}


def read(client: BerlinClient, consent_id: str, presence: Presence | None) -> ConsentData:
	"""See `ConsentConnector.consent`."""
	answer, text, _ = _get(client, "", consent_id, presence)
	status = parsing.required_text(answer.get("consentStatus"), "consent's status")
	until = answer.get("validUntil")
	frequency = answer.get("frequencyPerDay")
	recurring = answer.get("recurringIndicator")
	return ConsentData(
		consent_id=consent_id,
		status=status,
		standing=standing_of(status),
		valid_until=parsing.calendar_date(until) if until else None,
		frequency_per_day=parsing.count(frequency),
		references=_granted(answer.get("access")),
		payload=text,
		recurring=recurring if isinstance(recurring, bool) else None,
	)


def status(client: BerlinClient, consent_id: str, presence: Presence | None) -> ConsentStatus:
	"""See `ConsentConnector.consent_status`."""
	answer, _, _ = _get(client, "/status", consent_id, presence)
	value = parsing.required_text(answer.get("consentStatus"), "consent's status")
	return ConsentStatus(value, standing_of(value))


def delete(client: BerlinClient, consent_id: str) -> None:
	"""See `ConsentConnector.delete_consent`; how a source refuses to end what has ended differs (7.3)."""
	with contextlib.suppress(NotFound):
		try:
			client.call("DELETE", f"{client.settings.consent_path}/{{consent}}", ids={"consent": consent_id})
		except (ConsentRequired, InvalidRequest) as error:
			if error.status != 409 and (error.provider_code or "").upper() not in _GONE:
				raise


def authorisations(client: BerlinClient, consent_id: str) -> list[Authorisation]:
	"""See `ConsentConnector.authorisations`."""
	path = f"{client.settings.consent_path}/{{consent}}/authorisations"
	answer, _, _ = client.object("GET", path, ids={"consent": consent_id})
	listed = answer.get("authorisationIds")
	if not isinstance(listed, list):
		raise MalformedResponse("The provider's answer lacks the list of authorisations.")
	found = []
	for value in listed[:_MAX_SIGNERS]:
		identifier = parsing.required_text(value, "authorisation's id")
		one, _, _ = client.object(
			"GET", f"{path}/{{authorisation}}", ids={"consent": consent_id, "authorisation": identifier}
		)
		found.append(_authorisation(identifier, one, ""))
	return found


def start_authorisation(
	client: BerlinClient, trip: Trip, *, company: str, psu_id: Secret, presence: Presence | None
) -> Authorisation:
	"""See `ConsentConnector.start_authorisation`; the body stays empty, the end user identifies at the source."""
	links.check_trip(trip)
	answer, _, whole = client.object(
		"POST",
		f"{client.settings.consent_path}/{{consent}}/authorisations",
		ids={"consent": trip.consent_id},
		headers={
			**headers_of.of_psu(psu_id),
			**headers_of.of_company(client.settings, company),
			**headers_of.of_presence(presence),
			**_redirect_headers(client, trip.state, trip.redirect_url),
		},
		body={},
	)
	approach = whole.headers.get("ASPSP-SCA-Approach", "").strip()
	page = links.page(client, answer.get("_links"), approach, trip)
	identifier = parsing.required_text(answer.get("authorisationId"), "authorisation's id")
	return _authorisation(identifier, answer, page.url)


def item(consent: ConsentData, company: str, authentication_ends: Any) -> ItemData:
	"""A consent as the connection that it is: what its end user has to do now."""
	status, action = _item_standing(consent)
	return ItemData(
		provider_item_id=consent.consent_id,
		bank_id=company or None,
		status=status,
		status_code=0,
		status_code_info=consent.status,
		status_description=None,
		user_action=action,
		last_refresh=None,
		authentication_expires_at=authentication_ends,
		payload=consent.payload,
	)


def _item_standing(consent: ConsentData) -> tuple[ItemStatus, UserAction]:
	if consent.standing is ConsentStanding.VALID:
		return ItemStatus.OK, UserAction.NONE
	if consent.standing is ConsentStanding.WAITING:
		return ItemStatus.WAITING, UserAction.AUTHENTICATE
	if consent.standing is ConsentStanding.SUSPENDED:
		return ItemStatus.PROVIDER_PROBLEM, UserAction.WAIT
	if consent.status.lower() == "expired":
		return ItemStatus.ACTION_REQUIRED, UserAction.AUTHENTICATE
	return ItemStatus.DELETED, UserAction.NONE


def _get(client: BerlinClient, tail: str, consent_id: str, presence: Presence | None) -> Any:
	try:
		return client.object(
			"GET",
			f"{client.settings.consent_path}/{{consent}}{tail}",
			ids={"consent": consent_id},
			headers=headers_of.of_presence(presence),
		)
	except ProviderError as error:
		# Sources tell an unknown consent apart by status only: 400, 403 and 404 all occur (7.3).
		if (error.provider_code or "").upper() in ("CONSENT_UNKNOWN", "RESOURCE_UNKNOWN"):
			raise NotFound(
				"The provider does not know this consent.",
				status=error.status,
				provider_code=error.provider_code,
				request_id=error.request_id,
			) from None
		raise


def _creation_headers(client: BerlinClient, request: ConsentRequest) -> dict[str, str]:
	found = {
		**headers_of.of_psu(request.psu_id),
		**headers_of.of_company(client.settings, request.company),
		**headers_of.of_presence(request.presence),
		**_redirect_headers(client, request.state, request.redirect_url),
	}
	# The one call where an address is demanded; ours stands in while the end user's is not known (2.2).
	found.setdefault("PSU-IP-Address", headers_of.own_address(client.settings, client.config.base_url))
	if request.notification_url:
		found["TPP-Notification-URI"] = request.notification_url
	return found


def _redirect_headers(client: BerlinClient, state: str, redirect_url: str) -> dict[str, str]:
	return {
		"TPP-Redirect-Preferred": "true" if client.settings.redirect_preferred else "false",
		"TPP-Redirect-URI": links.redirect_uri(client, state, redirect_url),
	}


def _reference(text: str, account_type: str) -> dict[str, Any]:
	"""An IBAN by its own name, any other number as `other` (2.3)."""
	found: dict[str, Any] = (
		{"iban": text} if _IBAN.match(text) and _is_iban(text) else {"other": {"identification": text}}
	)
	return {**found, "cashAccountType": account_type} if account_type else found


def _is_iban(text: str) -> bool:
	"""The check digits of ISO 13616: a loan's number may look like an IBAN."""
	turned = (text[4:] + text[:4]).upper()
	return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


def _granted(access: Any) -> tuple[str, ...]:
	"""The numbers that a consent reaches, each once, in order (2.5)."""
	lists = [access.get(name) for name in _GRANTS] if isinstance(access, dict) else []
	rows = [row for rows in lists if isinstance(rows, list) for row in rows if isinstance(row, dict)]
	numbers = [parsing.reference(row) for row in rows]
	return tuple(dict.fromkeys(number for number in numbers if number))


def _authorisation(identifier: str, answer: dict[str, Any], link: str) -> Authorisation:
	value = parsing.required_text(answer.get("scaStatus"), "authorisation's status")
	return Authorisation(identifier, value, value.lower() in _FINAL_SCA, link)
