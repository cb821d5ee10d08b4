"""Consents as Quanto lists them: Open Finance Brasil's body with the session and the bank beside it (2.3, 3)."""

import contextlib
from dataclasses import replace
from datetime import datetime
from typing import Any

from bank_api.connectors import values
from bank_api.connectors.errors import ConsentRequired, InvalidRequest, MalformedResponse, NotFound
from bank_api.connectors.model import (
	ConsentData,
	ConsentStanding,
	EndedBy,
	EndReason,
	Identity,
	Presence,
)
from bank_api.connectors.quanto import documents, ofb_resources, paging
from bank_api.connectors.quanto.client import QuantoClient
from bank_api.connectors.quanto.names import Names
from bank_api.connectors.quanto.parsing import instant_text, needed, text_of, texts_of, without
from bank_api.connectors.quanto.refusals import About

_STANDINGS = {
	"AWAITING_AUTHORISATION": ConsentStanding.WAITING,
	"AUTHORISED": ConsentStanding.VALID,
	"REJECTED": ConsentStanding.ENDED,
}
# `rejection.rejectedBy` and `rejection.reason.code` (3.4, 3.7).
_ENDED_BY = {"USER": EndedBy.END_USER, "ASPSP": EndedBy.BANK, "TPP": EndedBy.CLIENT}
_REASONS = {
	"CONSENT_EXPIRED": EndReason.NOT_GIVEN_IN_TIME,
	"CUSTOMER_MANUALLY_REJECTED": EndReason.REFUSED,
	"CUSTOMER_MANUALLY_REVOKED": EndReason.REVOKED,
	"CONSENT_MAX_DATE_REACHED": EndReason.EXPIRED,
	"CONSENT_TECHNICAL_ISSUE": EndReason.TECHNICAL,
	"INTERNAL_SECURITY_REASON": EndReason.SECURITY,
}
# After these the end user has not withdrawn anything: sharing again brings the same data back.
_NO_END_FROM_YEAR = 2300
"""Consents 2.2.0 wrote an indefinite end as 2300-01-01T00:00:00Z (3.3)."""
_ENDED_ALREADY = frozenset({"CONSENTIMENTO_EM_STATUS_REJEITADO", "CONSENTIMENTO_JA_REJEITADO"})
_LONGEST_AGENT = 255


def read(client: QuantoClient, consent_id: str) -> ConsentData:
	"""See `ConsentSource.consent`: with how far its approval is, which only its resources tell (3.7)."""
	return with_approval(client, read_plain(client, consent_id))


def read_plain(client: QuantoClient, consent_id: str) -> ConsentData:
	"""The consent alone, whose `approval` says nothing."""
	body, text = client.object("GET", client.names.path_consent, About.CONSENT, ids={"consent": consent_id})
	return _own(of_row(client.names, body, text, client.months.zone), consent_id)


def with_approval(client: QuantoClient, found: ConsentData) -> ConsentData:
	"""A consent with how far its approval is: asked for while it is valid.

	Raises:
		ProviderUnavailable: the bank is still putting its list of resources together.
	"""
	if found.standing is not ConsentStanding.VALID:
		return found
	try:
		return replace(found, approval=ofb_resources.approval(client, found.consent_id))
	except ConsentRequired:
		# It may have ended between the two reads.
		again = read_plain(client, found.consent_id)
		if again.standing is not ConsentStanding.ENDED:
			raise
		return again


def everything(client: QuantoClient) -> list[ConsentData]:
	"""See `SessionConnector.consents`; `approval` is not read here, and stays SINGLE."""
	rows = paging.whole_list(client, client.names.path_consents, About.CONSENT)
	return [of_row(client.names, row, payload, client.months.zone) for row, payload in rows]


def delete(client: QuantoClient, consent_id: str) -> None:
	"""See `ConsentSource.delete_consent`: an end that has been reached is refused with 422 (3.6)."""
	with contextlib.suppress(NotFound):
		try:
			client.call("DELETE", client.names.path_consent, About.CONSENT, ids={"consent": consent_id})
		except InvalidRequest as error:
			if (error.provider_code or "").upper() not in _ENDED_ALREADY:
				raise


def extend(
	client: QuantoClient, consent_id: str, identity: Identity, expires_at: datetime | None, presence: Presence
) -> ConsentData:
	"""See `SessionConnector.extend_consent` (3.8). The address and the browser of the person are demanded (3.2).

	Raises:
		InvalidRequest: among others, it is not the person or company that gave it.
		ConsentRequired: it is over.
	"""
	agent = "".join(c for c in presence.user_agent if c.isascii() and c.isprintable()).strip()[
		:_LONGEST_AGENT
	]
	if not agent or not presence.ip.strip():
		raise InvalidRequest(
			"A consent is extended while its end user is there: the browser's address and name are needed."
		)
	data: dict[str, Any] = documents.of_identity(identity)
	if expires_at is not None:
		if expires_at <= client.months.now():
			raise InvalidRequest(
				"The new end of the consent lies in the past.", provider_code="DATA_EXPIRACAO_INVALIDA"
			)
		data["expirationDateTime"] = instant_text(expires_at)
	body, text = client.object(
		"POST",
		client.names.path_extends,
		About.EXTENSION,
		ids={"consent": consent_id},
		headers={"x-fapi-customer-ip-address": presence.ip.strip()[:100], "x-customer-user-agent": agent},
		body={"data": data},
	)
	return _own(of_row(client.names, body, text, client.months.zone), consent_id)


def of_row(names: Names, row: dict[str, Any], text: str, zone: Any) -> ConsentData:
	"""A consent out of its own answer, a list, or a session: with its `data` around it or without.

	Raises:
		MalformedResponse: it lacks its id or status, or an instant is none.
	"""
	inner = row.get("data")
	data = inner if isinstance(inner, dict) else row
	status = needed(data, "status", "consent's status")
	standing = _STANDINGS.get(status.upper(), ConsentStanding.SUSPENDED)
	ends = values.instant(data.get("expirationDateTime"))
	ends = None if ends is not None and ends.year >= _NO_END_FROM_YEAR else ends
	bank = _beside(row, data, names.field_institution)
	bank = bank if isinstance(bank, dict) else {}
	changed = values.instant(data.get("statusUpdateDateTime"))
	ended_by, reason = (
		_ending(data, ends, changed)
		if standing is ConsentStanding.ENDED
		else (EndedBy.UNKNOWN, EndReason.UNKNOWN)
	)
	return ConsentData(
		consent_id=needed(data, "consentId", "consent's id"),
		status=status,
		standing=standing,
		valid_until=ends.astimezone(zone).date() if ends else None,
		frequency_per_day=None,
		references=(),
		payload=without(text, names.field_logged_user, names.field_business_entity),
		recurring=True,
		expires_at=ends,
		granted_at=changed if standing is ConsentStanding.VALID else None,
		permissions=texts_of(data, "permissions"),
		session_id=_word(_beside(row, data, names.field_consent_session)),
		bank_id=text_of(bank, names.field_bank_id) or text_of(bank, names.field_bank_organisation),
		bank_name=text_of(bank, names.field_bank_name),
		ended_by=ended_by,
		end_reason=reason,
	)


def _own(found: ConsentData, consent_id: str) -> ConsentData:
	if found.consent_id != consent_id:
		raise MalformedResponse("The provider sent another consent.")
	return found


def _ending(
	data: dict[str, Any], ends: datetime | None, changed: datetime | None
) -> tuple[EndedBy, EndReason]:
	"""Who ended it and why. Version 1 does not say (3.4): then its date does, if it was reached."""
	rejection = data.get("rejection")
	if not isinstance(rejection, dict):
		reached = ends is not None and changed is not None and changed >= ends
		return (EndedBy.BANK, EndReason.EXPIRED) if reached else (EndedBy.UNKNOWN, EndReason.UNKNOWN)
	return (
		_ENDED_BY.get(text_of(rejection, "rejectedBy").upper(), EndedBy.UNKNOWN),
		_REASONS.get(text_of(rejection.get("reason"), "code").upper(), EndReason.UNKNOWN),
	)


def _beside(row: dict[str, Any], data: dict[str, Any], name: str) -> Any:
	"""What Quanto adds stands beside `data` or in it: which one is not published (2.3)."""
	return row[name] if name in row else data.get(name)


def _word(value: Any) -> str:
	return values.clean(value) if isinstance(value, str) else ""
