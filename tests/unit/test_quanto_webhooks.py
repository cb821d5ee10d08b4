"""Quanto's webhooks: what is believed, and what an event asks to read again (2.3)."""

import hashlib
import hmac
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quanto_stub import Quanto

from bank_api.connectors import errors
from bank_api.connectors.model import Secret
from bank_api.connectors.quanto.names import Names
from bank_api.connectors.quanto.settings import QuantoSettings, read_settings
from bank_api.connectors.quanto.webhooks import parse, verify

EVENT = {
	"eventId": "7a1c4bb5-3b7d-4f0f-9d7a-2f4b1a3c5d6e",
	"event": "sharing.completed",
	"occurredAt": "2026-11-21T12:00:00Z",
	"sessionId": "5b1b9d3e-0f1c-4a35-93a8-56a2b9a5b1aa",
	"consentId": "urn:banco:C1DD33123",
	"institution": {"name": "Banco Um"},
}
SECRET = "whsec-1"
NOW = 1_800_000_000


def signature(body, moment=NOW, secret=SECRET):
	return hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


def believed(body=b"{}", moment=NOW, given=None, secrets=(SECRET,), now=NOW, settings=None, names=None):
	headers = {
		"X-Quanto-Timestamp": str(moment),
		"X-Quanto-Signature": signature(body) if given is None else given,
	}
	return verify(
		settings or QuantoSettings(),
		body,
		{(names or {}).get(name, name): value for name, value in headers.items()},
		[Secret(one) for one in secrets],
		lambda: now,
	)


def test_a_good_one():
	assert believed()
	assert believed(given=signature(b"{}").upper())
	assert believed(given=f"{'0' * 64}, {signature(b'{}')}")
	assert believed(secrets=("new", SECRET))
	assert believed(
		names={"X-Quanto-Timestamp": "x-quanto-timestamp", "X-Quanto-Signature": "X-QUANTO-SIGNATURE"}
	)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_only_these_bytes(body, other):
	assert believed(other, given=signature(body)) == (body == other)


@pytest.mark.parametrize("late", [-301, 301, 10**6])
def test_stale_ones(late):
	assert not believed(now=NOW + late)
	assert believed(now=NOW + late, settings=read_settings({"webhook_tolerance": str(10**6)}))


@pytest.mark.parametrize("late", [-300, 0, 300])
def test_timely_ones(late):
	assert believed(now=NOW + late)


@pytest.mark.parametrize(
	"changes",
	[
		{"moment": NOW + 1},
		{"moment": ""},
		{"moment": "soon"},
		{"moment": "-1"},
		{"moment": "9" * 400},
		{"moment": "١٨"},
		{"given": ""},
		{"given": "v1=" + "0" * 64},
		{"given": "zz"},
		{"secrets": ()},
		{"secrets": ("",)},
		{"secrets": ("other",)},
		{"names": {"X-Quanto-Signature": "X-Other"}},
	],
)
def test_bad_ones(changes):
	assert not believed(**changes)


def test_an_empty_secret_signs_nothing():
	assert not believed(given=signature(b"{}", secret=""), secrets=("",))


def test_the_connector_speaks_the_same():
	body = json.dumps(EVENT).encode()
	moment = int(time.time())
	with Quanto() as quanto:
		speaks = quanto.connector(**{"name.header_signature": "X-Sig"})
		headers = {"X-Quanto-Timestamp": str(moment), "X-Sig": signature(body, moment)}
		assert speaks.verify_webhook(body, headers, [Secret(SECRET)])
		assert speaks.parse_webhook(body).event_id == EVENT["eventId"]


@pytest.mark.parametrize(
	"kind", ["sharing.completed", "sharing.completed.multiple_approval", "sharing.revoked"]
)
def test_events_are_nudges(kind):
	found = parse(Names(), json.dumps(EVENT | {"event": kind, "reason": "END_USER"}).encode())
	assert (found.event_type, found.event_id) == (kind, EVENT["eventId"])
	assert (found.provider_item_id, found.session_id) == (EVENT["consentId"], EVENT["sessionId"])
	assert found.occurred_at.isoformat() == "2026-11-21T12:00:00+00:00"
	assert (
		found.needs_sync and found.known and not (found.item_deleted or found.is_test or found.user_deleted)
	)


def test_a_ping_and_what_nobody_knows():
	ping = parse(Names(), b'{"event":"ping","eventId":"1","occurredAt":"2026-11-21T12:00:00Z"}')
	assert ping.is_test and ping.known and not ping.needs_sync
	strange = parse(Names(), b'{"event":"sharing.paused","eventId":"1"}')
	assert not strange.known and not strange.needs_sync


@pytest.mark.parametrize(
	"body",
	[
		b"",
		b"[]",
		b"{}",
		b"\xff",
		b'{"event":7}',
		b'{"event":"a b"}',
		b'{"event":"sharing.completed","eventId":"1"}',
		b'{"event":"sharing.completed","consentId":"a b"}',
		b'{"event":"ping","occurredAt":"yesterday"}',
	],
)
def test_bodies_that_are_none(body):
	with pytest.raises(errors.MalformedResponse):
		parse(Names(), body)


def test_other_names():
	names = read_settings({"name.event_revoked": "CONSENT_REVOKED", "name.field_event": "type"}).names
	found = parse(names, b'{"type":"CONSENT_REVOKED","consentId":"c"}')
	assert found.needs_sync and found.provider_item_id == "c"
