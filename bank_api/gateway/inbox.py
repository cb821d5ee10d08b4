"""Taking in a provider's webhook: verify the raw bytes, store them once, answer. Nothing is acted upon here.

A replay is recognised by the event's id, where the provider gives one (protocols/quanto_ofb.md 2.3), and by the digest of
its body: both are unique in the database. Bridge signs no timestamp and sends no event id (protocols/bridge.md 7.3); an old
body is refused by the instant it carries.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import frappe
from redis.exceptions import RedisError

from bank_api.connectors.base import Connector
from bank_api.connectors.errors import MalformedResponse, ProviderError
from bank_api.connectors.model import InboundEvent, Secret
from bank_api.gateway import audit, kept_connection, providers, wake
from bank_api.gateway.clock import site_zone, utc_now
from bank_api.gateway.errors import GatewayError
from bank_api.gateway.ids import row_name

MAX_BODY = 64 * 1024
CLOCK_SKEW = timedelta(minutes=10)
DEFAULT_TOLERANCE_HOURS = 72

_ROW_SECONDS = (
	1.0  # so long a provider's row is believed unread; a signature that does not fit is judged anew
)
_KEPT_SECONDS = 60
_REFUSAL_LOGGED_SECONDS = 60


class Received(NamedTuple):
	"""HTTP status and JSON body of the answer: values, a text that is JSON already, or nothing."""

	status: int
	answer: dict[str, Any] | str | None


STORED = Received(200, {"ok": True})
FORGED = Received(401, {"ok": False, "error": "signature"})
MALFORMED = Received(400, {"ok": False, "error": "malformed"})
STALE = Received(400, {"ok": False, "error": "timestamp"})
TOO_LONG = Received(413, {"ok": False, "error": "too long"})


@dataclass(frozen=True, slots=True)
class _Reception:
	"""What is needed to judge a provider's webhooks, kept by the process for a minute."""

	state: str
	loaded_at: float
	connector: Connector
	secrets: list[Secret]
	zone: ZoneInfo


_receptions: dict[tuple[str, str], _Reception] = {}

# Name, modified, hours of tolerance and end of the secret's rotation of a provider, and when they were read.
_Row = tuple[str, datetime, int, datetime | None]
_rows: dict[tuple[str, str, str], tuple[float, _Row]] = {}


def receive(connector_key: str, provider: str | None, body: bytes, headers: Mapping[str, str]) -> Received:
	"""Verify and store a webhook; what is stored is committed.

	Args:
		connector_key: connector whose endpoint was called.
		provider: name of the Bank API Provider from the query; None if the query names none.
		body: the raw body.
		headers: the request's headers.

	Returns:
		the answer. An unknown provider is answered as a forged signature.
	"""
	if len(body) > MAX_BODY:
		return TOO_LONG
	row = _recent_row(connector_key, provider)
	reception = _signed_for(row, body, headers)
	if reception is None:
		row = _provider_row(connector_key, provider)
		reception = _signed_for(row, body, headers)
	if row is None or reception is None:
		note_refusal(row[0] if row else None)
		return FORGED
	try:
		text = body.decode("utf-8")
		event = reception.connector.parse_webhook(body)
	except (MalformedResponse, UnicodeDecodeError):
		return MALFORMED
	if not _timely(event, timedelta(hours=row[2] or DEFAULT_TOLERANCE_HOURS)):
		return STALE
	# Durable before the answer: the provider forgets the event once it has a 200; and before the wake, since
	# the drain has to see it.
	insert(
		provider=row[0],
		event=event,
		text=text,
		zone=reception.zone,
		digest=sha256(body).hexdigest(),
		event_id=event.event_id[:256] or None,
	)
	wake.wake(wake.EVENTS)
	return STORED


def _signed_for(row: _Row | None, body: bytes, headers: Mapping[str, str]) -> _Reception | None:
	"""How to judge the provider's webhooks, if one of its secrets signed these bytes."""
	reception = _reception(row) if row else None
	if reception is None or not reception.connector.verify_webhook(body, headers, reception.secrets):
		return None
	return reception


def _recent_row(connector_key: str, provider: str | None) -> _Row | None:
	"""The provider that is meant, as it was a moment ago: most of the reading is saved."""
	key = (frappe.local.site, connector_key, provider or "")
	read_at, row = _rows.get(key, (0.0, None))
	if row is not None and time.monotonic() - read_at < _ROW_SECONDS:
		return row
	row = _provider_row(connector_key, provider)
	_rows.pop(key, None)
	if row is not None and provider in (None, row[0]):  # in its one spelling, or guests could fill the memory
		_rows[key] = (time.monotonic(), row)
	return row


def _provider_row(connector_key: str, provider: str | None) -> _Row | None:
	"""The enabled provider that is meant: name, modified, hours of tolerance, end of the rotation."""
	query = """SELECT name, modified, webhook_tolerance_hours, previous_webhook_secret_until
		FROM `tabBank API Provider` WHERE connector = %s AND enabled = 1"""
	if provider:
		rows = frappe.db.sql(query + " AND name = %s", (connector_key, provider))
	else:
		rows = frappe.db.sql(query + " LIMIT 2", (connector_key,))
	return rows[0] if len(rows) == 1 else None


def _reception(row: _Row) -> _Reception | None:
	"""Connector and secrets of a provider; decrypting them each time would cost more than the rest."""
	name, modified, _tolerance, previous_until = row
	key = (frappe.local.site, name)
	# The state of the record, and whether the secret before the rotation still counts.
	state = f"{modified}{_still(previous_until)}"
	known = _receptions.get(key)
	if known and known.state == state and time.monotonic() - known.loaded_at < _KEPT_SECONDS:
		return known
	try:
		secrets = providers.webhook_secrets(name)
		if not secrets:
			return None
		fresh = _Reception(state, time.monotonic(), providers.connector(name), secrets, site_zone())
	except (ProviderError, GatewayError) as error:
		frappe.logger("bank_api").error(f"Webhooks of a provider cannot be judged: {type(error).__name__}")
		return None
	_receptions[key] = fresh
	return fresh


def _still(until: datetime | None) -> bool:
	return bool(until) and until > utc_now().astimezone(site_zone()).replace(tzinfo=None)


def _timely(event: InboundEvent, tolerance: timedelta) -> bool:
	"""Whether the body's own instant is neither too old nor in the future; a body without one is refused."""
	if event.occurred_at is None:
		return False
	age = utc_now() - event.occurred_at
	return -CLOCK_SKEW <= age <= tolerance


def insert(
	*,
	provider: str,
	event: InboundEvent,
	text: str,
	zone: ZoneInfo,
	digest: str,
	event_id: str | None,
	client: str | None = None,
	item: str | None = None,
	account: str | None = None,
) -> None:
	"""Store an event; IGNORE, because one with the same digest or id that is stored already stays as it is.

	Args:
		provider: name of the Bank API Provider.
		event: as the connector has read it.
		text: the body.
		zone: the site's time zone.
		digest: the same for what counts as the same event.
		event_id: the provider's id of it, if it has one.
		client, item, account: whose it is, where the address that was called says so.
	"""
	now = utc_now().astimezone(zone).replace(tzinfo=None)
	kept_connection.execute(
		"""INSERT IGNORE INTO `tabBank API Webhook Event` (name, creation, modified, owner, modified_by,
			provider, event_type, event_id, is_test, digest, event_time, status, attempts, payload, client, item,
			account)
		VALUES (%s, %s, %s, 'Guest', 'Guest', %s, %s, %s, %s, %s, %s, 'Received', 0, %s, %s, %s, %s)""",
		(
			row_name(),
			now,
			now,
			provider,
			event.event_type[:140],
			event_id,
			int(event.is_test),
			digest,
			event.occurred_at.astimezone(zone).replace(tzinfo=None) if event.occurred_at else None,
			text,
			client,
			item,
			account,
		),
	)


def note_refusal(provider: str | None) -> None:
	"""Log that something unsigned came in, once a minute at most: nobody may fill our tables from outside."""
	cache = frappe.cache()
	try:
		first = cache.set(
			cache.make_key(f"bank_api:forged:{provider}"), 1, nx=True, ex=_REFUSAL_LOGGED_SECONDS
		)
	except RedisError:
		return
	if first:
		audit.record(
			"Webhook Refused",
			outcome=audit.REFUSED,
			doctype="Bank API Provider" if provider else None,
			name=provider,
			details={"provider": provider, "reason": "signature"},
		)
		frappe.db.commit()
