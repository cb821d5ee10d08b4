"""Sessions: one visit of an end user, in which data of several banks may be shared (seed 3.1; 2.3)."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from bank_api.connectors import values, verbatim
from bank_api.connectors.errors import InvalidRequest, MalformedResponse
from bank_api.connectors.model import ConsentData, SessionData, SessionRequest, SessionStanding
from bank_api.connectors.quanto import consents, documents, permissions
from bank_api.connectors.quanto.client import QuantoClient
from bank_api.connectors.quanto.names import Names
from bank_api.connectors.quanto.parsing import instant_text, needed, text_of, without
from bank_api.connectors.quanto.refusals import About
from bank_api.connectors.verbatim import Resource

_MOST_CONSENTS = 200
_LONGEST_PURPOSE = 500


def start(client: QuantoClient, request: SessionRequest) -> SessionData:
	"""See `SessionConnector.start_session`."""
	body, text = client.object(
		"POST", client.names.path_sessions, About.SESSION, body=body_of(client, request)
	)
	found = _session(client, body, text)
	if not found.link:
		raise MalformedResponse("The provider's answer lacks the address of its page.")
	return found


def read(client: QuantoClient, session_id: str) -> SessionData:
	"""See `SessionConnector.session`: each consent with how far its approval is."""
	body, text = client.object("GET", client.names.path_session, About.SESSION, ids={"session": session_id})
	found = _session(client, body, text)
	if found.session_id != session_id:
		raise MalformedResponse("The provider sent another session.")
	return found


def body_of(client: QuantoClient, request: SessionRequest) -> dict[str, Any]:
	"""The body of a new session; what Open Finance Brasil would refuse for sure is refused here (3.3, 3.6).

	Raises:
		InvalidRequest: with what is wrong.
	"""
	names = client.names
	people = documents.of_identity(request.identity)
	asked = permissions.whole_groups(request.permissions, company="businessEntity" in people)
	if not request.external_id or not request.redirect_url:
		raise InvalidRequest(
			"A session needs a value by which it is found again, and an address to come back to."
		)
	body: dict[str, Any] = {names.field_logged_user: people["loggedUser"]}
	if "businessEntity" in people:
		body[names.field_business_entity] = people["businessEntity"]
	body[names.field_permissions] = list(asked)
	if request.expires_at is not None:
		if request.expires_at <= client.months.now():
			raise InvalidRequest(
				"The end of the sharing lies in the past.", provider_code="DATA_EXPIRACAO_INVALIDA"
			)
		body[names.field_expiration] = instant_text(request.expires_at)
	if len(request.purpose) > _LONGEST_PURPOSE:
		raise InvalidRequest("The purpose is too long: say it in fewer words.")
	optional = {
		names.field_purpose: request.purpose.strip(),
		names.field_language: request.language,
		names.field_preselected_bank: request.bank_id,
	}
	body |= {name: value for name, value in optional.items() if value}
	return body | {
		names.field_external_id: request.external_id,
		names.field_redirect_uri: request.redirect_url,
	}


def standing_of(names: Names, status: str) -> SessionStanding:
	"""What a session's status means; one that nobody knows is open, since nothing of it may be given up."""
	word = status.upper()
	if word == names.word_session_finished.upper():
		return SessionStanding.FINISHED
	if word in (names.word_session_abandoned.upper(), names.word_session_expired.upper()):
		return SessionStanding.OVER
	return SessionStanding.OPEN


def _session(client: QuantoClient, body: dict[str, Any], text: str) -> SessionData:
	names = client.names
	inner = verbatim.members(text)
	if names.field_session_id not in body and isinstance(body.get("data"), dict):
		body, inner = body["data"], verbatim.members(inner["data"])
	status = needed(body, names.field_session_status, "session's status")
	listed = inner.get(names.field_session_consents, "[]")
	rows = [] if listed == "null" else verbatim.elements(listed)
	if len(rows) > _MOST_CONSENTS:
		raise MalformedResponse("The provider's session holds more consents than it can.")
	session_id = needed(body, names.field_session_id, "session's id")
	return SessionData(
		session_id=session_id,
		status=status,
		standing=standing_of(names, status),
		link=_page(client, text_of(body, names.field_session_url)),
		expires_at=values.instant(body.get(names.field_session_expires_at)),
		external_id=text_of(body, names.field_external_id),
		consents=tuple(_consent(client, row, session_id) for row in rows),
		# Whoever has the link is let into the session, and a person's number is nothing to keep.
		payload=without(text, names.field_logged_user, names.field_business_entity, names.field_session_url),
	)


def _consent(client: QuantoClient, entry: Resource, session_id: str) -> ConsentData:
	"""A consent of a session: in full as it stands there, else read by its id; with how far its approval is."""
	row, payload = entry
	data = row["data"] if isinstance(row.get("data"), dict) else row
	consent_id = needed(data, "consentId", "consent's id")
	if "permissions" in data and "status" in data:
		found = consents.with_approval(
			client, consents.of_row(client.names, row, payload, client.months.zone)
		)
	else:
		found = consents.read(client, consent_id)
	return found if found.session_id else replace(found, session_id=session_id)


def _page(client: QuantoClient, address: str) -> str:
	"""An address to which a browser may be sent: https; in a sandbox also a plain one; empty if the answer names none.

	Raises:
		MalformedResponse: it is no such address.
	"""
	if not address:
		return ""
	try:
		parts = urlsplit(address)
		usable = bool(parts.hostname) and not parts.username
	except ValueError:
		parts, usable = urlsplit(""), False
	schemes = ("https", "http") if client.settings.environment.lower() == "sandbox" else ("https",)
	if usable and parts.scheme in schemes and address.isprintable() and " " not in address:
		return address
	raise MalformedResponse("The provider's answer lacks a usable address of its page.")
