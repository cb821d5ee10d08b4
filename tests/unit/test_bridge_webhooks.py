"""Bridge's webhooks: every event type of both versions (protocols/bridge.md, 7)."""

import contextlib
import json
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bank_api.connectors.bridge import webhooks
from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.model import Secret
from bank_api.crypto.hmac_signature import sign

UUID = "79c37164-6de4-4c1d-9a4b-0b5a24e3a2f1"
CONTENT = {"account_id": 12341, "item_id": 4568477, "user_uuid": UUID, "balance": -0.1, "status_code": 0}


IDS = {"provider_item_id", "provider_account_id", "provider_user_id"}


def asks_for(got):
	"""What of an event would make the gateway do anything."""
	return {name for name in ("needs_sync", "item_deleted", "user_deleted", *IDS) if getattr(got, name)}


def event(name, content=CONTENT, timestamp=1611681789123):
	body = {"content": content, "timestamp": timestamp, "type": name}
	return webhooks.parse(json.dumps(body).encode())


@pytest.mark.parametrize(
	("name", "flags"),
	[
		("item.created", set()),
		("item.refreshed", {"needs_sync"}),
		("item.deleted", {"item_deleted"}),
		("item.account.created", {"needs_sync"}),
		("item.account.updated", {"needs_sync"}),
		("item.account.deleted", {"needs_sync"}),
		("user.deleted", {"user_deleted"}),
		("ITEM_CREATED", set()),
		("ITEM_REFRESHED", {"needs_sync"}),
		("ITEM_DELETED", {"item_deleted"}),
		("ACCOUNT_CREATED", {"needs_sync"}),
		("ACCOUNT_UPDATED", {"needs_sync"}),
		("ACCOUNT_DELETED", {"needs_sync"}),
	],
)
def test_events_of_account_information(name, flags):
	got = event(name)
	assert got.event_type == name
	assert (got.provider_item_id, got.provider_account_id, got.provider_user_id) == ("4568477", "12341", UUID)
	assert got.occurred_at == datetime(2021, 1, 26, 17, 23, 9, 123000, tzinfo=timezone.utc)
	assert got.known
	assert not got.is_test
	assert asks_for(got) - IDS == flags


@pytest.mark.parametrize(
	"name",
	[
		"payment.transaction.created",
		"payment.transaction.updated",
		"payment.link.updated",
		"transfer.created",
		"transfer_account.updated",
	],
)
def test_payment_events_are_known_and_mean_nothing_here(name):
	got = event(name, {"payment_request_id": "x/y", "item_id": {}})
	assert got.known
	assert asks_for(got) == set()


@pytest.mark.parametrize(
	"name", ["item.error", "account.connected", "transaction.created", "item", "x", "test_event"]
)
def test_unknown_events_are_told_apart_and_mean_nothing(name):
	got = event(name)
	assert not got.known
	assert asks_for(got) == set()


def test_the_dashboards_test_event():
	content = b'{"item_id":1234567890,"status":0,"user_uuid":"x"}'
	body = b'{"content":' + content + b',"timestamp":1611681789,"type":"TEST_EVENT"}'
	got = webhooks.parse(body)
	assert got.is_test
	assert got.known
	assert got.occurred_at == datetime(2021, 1, 26, 17, 23, 9, tzinfo=timezone.utc)
	assert asks_for(got) == set()


def test_what_an_event_may_lack():
	got = event("item.account.deleted", {"account_id": 5}, timestamp=None)
	assert (got.provider_account_id, got.provider_item_id, got.occurred_at) == ("5", None, None)


@pytest.mark.parametrize(
	"body",
	[
		b"",
		b"{}",
		b"[]",
		b"null",
		b"\xff",
		b'{"type":5,"content":{}}',
		b'{"type":"","content":{}}',
		b'{"type":"a b","content":{}}',
		b'{"type":"<script>","content":{}}',
		b'{"type":"' + b"x" * 65 + b'","content":{}}',
		b'{"type":"item.refreshed"}',
		b'{"type":"item.refreshed","content":[]}',
		b'{"type":"item.refreshed","content":{"item_id":{}}}',
		b'{"type":"item.refreshed","content":{"item_id":"../1"}}',
		b'{"type":"item.refreshed","content":{"item_id":1.5}}',
		b'{"type":"item.refreshed","content":{},"timestamp":"soon"}',
		b'{"type":"item.refreshed","content":{},"timestamp":NaN}',
		b'{"type":"item.refreshed","content":{},"timestamp":1E60}',
		b'{"type":"item.refreshed","content":' + b"[" * 100_000,
	],
	ids=lambda body: repr(body[:50]),
)
def test_what_is_no_event_is_refused(body):
	with pytest.raises(MalformedResponse):
		webhooks.parse(body)


@given(
	st.binary(max_size=80)
	| st.text(max_size=40).map(lambda t: json.dumps({"type": t, "content": {}}).encode())
)
def test_no_body_breaks_the_reader(body):
	with contextlib.suppress(MalformedResponse):
		webhooks.parse(body)


@given(
	st.recursive(
		st.none() | st.booleans() | st.integers() | st.text(max_size=5),
		lambda s: st.lists(s) | st.dictionaries(st.text(max_size=5), s),
		max_leaves=5,
	)
)
def test_no_content_breaks_the_reader(content):
	for name in ("item.refreshed", "user.deleted", "TEST_EVENT", "payment.x", "else"):
		with contextlib.suppress(MalformedResponse):
			event(
				name, content if not isinstance(content, dict) else {"item_id": content, "user_uuid": content}
			)


@pytest.mark.parametrize(
	"name", ["BridgeApi-Signature", "bridgeapi-signature", "BRIDGEAPI-SIGNATURE", "Bridgeapi-Signature"]
)
def test_the_signature_counts_whatever_the_case_of_its_header(name):
	body = b'{"type":"item.refreshed","content":{}}'
	headers = {"Host": "x", name: f"v1={sign(body, 'new')}"}
	assert webhooks.verify(body, headers, [Secret("new"), Secret("old")])
	assert webhooks.verify(body, headers, [Secret("old"), Secret("new")])
	assert not webhooks.verify(body, headers, [Secret("old")])
	assert not webhooks.verify(body, headers, [])
	assert not webhooks.verify(body + b" ", headers, [Secret("new")])
	assert not webhooks.verify(body, {"X-Signature": headers[name]}, [Secret("new")])
