"""Quanto's webhooks: what is signed, and what each event means (seed 3.3; 2.3).

An event is a nudge: it says which session and consent to read again, never how they stand.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence

from bank_api.connectors import values, verbatim
from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.model import InboundEvent, Secret
from bank_api.connectors.quanto.names import Names
from bank_api.connectors.quanto.parsing import text_of
from bank_api.connectors.quanto.settings import QuantoSettings
from bank_api.crypto import hmac_signature

_TYPE = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z", re.ASCII)
_ID = re.compile(r"[\x21-\x7e]{1,256}\Z")
_SECONDS = re.compile(r"[0-9]{1,11}\Z", re.ASCII)


def verify(
	settings: QuantoSettings,
	body: bytes,
	headers: Mapping[str, str],
	secrets: Sequence[Secret],
	now: Callable[[], float] = time.time,
) -> bool:
	"""Whether one of the secrets signed exactly these bytes, and lately.

	The signature is the hexadecimal HMAC-SHA256 of `{timestamp}.{body}`, and covers its own instant, so that neither can be
	replayed later; two, with a comma between, may come while a secret is changed.

	Args:
		settings: the names of the headers, and how late a webhook may be.
		body: the raw body.
		headers: the request's headers, in any letter case.
		secrets: the secrets that are valid now.
		now: the clock, in seconds.
	"""
	found = {name.lower(): value for name, value in headers.items()}
	moment = found.get(settings.names.header_timestamp.lower(), "").strip()
	given = found.get(settings.names.header_signature.lower(), "")
	if not _SECONDS.match(moment) or abs(now() - int(moment)) > settings.webhook_tolerance:
		return False
	header = ",".join(f"v1={part.strip()}" for part in given.split(","))
	return hmac_signature.verify(
		f"{moment}.".encode() + body, header, [secret.reveal() for secret in secrets]
	)


def parse(names: Names, body: bytes) -> InboundEvent:
	"""Read a webhook's body: `{eventId, event, occurredAt, sessionId, consentId, institution, reason?}`.

	Raises:
		MalformedResponse: it is none of Quanto's.
	"""
	event = verbatim.parse_object(verbatim.decode(body))
	kind = event.get(names.field_event)
	if not isinstance(kind, str) or not _TYPE.match(kind):
		raise MalformedResponse("The webhook has no type.")
	occurred_at = values.instant(event.get(names.field_occurred_at))
	event_id = _id(text_of(event, names.field_event_id))
	if kind == names.event_ping:
		return InboundEvent(kind, occurred_at, is_test=True, event_id=event_id)
	consent, session = (
		_id(text_of(event, names.field_event_consent)),
		_id(text_of(event, names.field_event_session)),
	)
	known = kind in sharing_events(names)
	if known and not consent and not session:
		raise MalformedResponse("The webhook names neither a consent nor a session.")
	return InboundEvent(
		kind,
		occurred_at,
		provider_item_id=consent or None,
		needs_sync=known,
		known=known,
		event_id=event_id,
		session_id=session,
	)


def sharing_events(names: Names) -> tuple[str, ...]:
	"""The three events of the seed (3.3a to c)."""
	return names.event_sharing, names.event_sharing_multiple, names.event_revoked


def _id(value: str) -> str:
	if value and not _ID.match(value):
		raise MalformedResponse("The webhook names something that is no id.")
	return value
