"""Taking webhooks in: who is believed, what is stored, and what a replay changes."""

import hmac
import json
import os
import threading
import time
from datetime import timedelta
from hashlib import sha256

import pytest

from bank_api.gateway import inbox, kept_connection, wake
from bank_api.gateway.clock import site_now, to_utc, utc_now
from bank_api.gateway.ids import row_name

PROVIDER = "Bank API Provider"
EVENT = "Bank API Webhook Event"
SECRET, OLD_SECRET = "current-secret-é", "previous-secret"


@pytest.fixture
def provider(db, monkeypatch):
	"""A Bridge provider with a webhook secret; the code under test commits, so it is removed by hand."""
	monkeypatch.setattr(wake, "wake", lambda job: True)
	monkeypatch.setattr(inbox, "_ROW_SECONDS", 0)
	others = db.get_all(PROVIDER, {"enabled": 1}, pluck="name")
	doc = db.get_doc(
		{
			"doctype": PROVIDER,
			"provider_name": f"Brücke {row_name()}",
			"connector": "bridge",
			"client_id": "x",
		}
	)
	doc.client_secret, doc.webhook_secret = "secret", SECRET
	doc.insert()
	if others:
		db.db.set_value(PROVIDER, {"name": ("in", others)}, "enabled", 0)
	db.db.commit()
	yield doc
	db.db.rollback()
	db.db.delete(EVENT, {"provider": doc.name})
	db.db.delete("Bank API Log", {"reference_name": doc.name})
	db.delete_doc(PROVIDER, doc.name, force=True)
	if others:
		db.db.set_value(PROVIDER, {"name": ("in", others)}, "enabled", 1)
	db.db.commit()


def body_of(kind: str = "item.refreshed", at: float | None = None, **content) -> bytes:
	stamp = int((time.time() if at is None else at) * 1000)
	content = {"item_id": 1, "user_uuid": row_name(), **content}
	return json.dumps({"content": content, "timestamp": stamp, "type": kind}).encode()


def signed(body: bytes, *secrets: str) -> dict[str, str]:
	made = [hmac.new(s.encode(), body, sha256).hexdigest().upper() for s in secrets or (SECRET,)]
	return {"Bridgeapi-Signature": ",".join(f"v1={digest}" for digest in made)}


def receive(provider, body: bytes, headers: dict | None = None):
	return inbox.receive("bridge", provider.name, body, signed(body) if headers is None else headers)


def stored(frappe, provider) -> list:
	frappe.db.rollback()
	return frappe.get_all(EVENT, {"provider": provider.name}, ["*"], order_by="name asc")


def test_a_signed_event_is_stored_and_answered(db, provider):
	body = body_of()
	assert receive(provider, body) == (200, {"ok": True})
	(event,) = stored(db, provider)
	assert (event.status, event.event_type, event.attempts) == ("Received", "item.refreshed", 0)
	assert event.payload == body.decode() and event.digest == sha256(body).hexdigest()
	assert abs(to_utc(event.event_time) - utc_now()) < timedelta(seconds=5)
	assert abs(event.creation - site_now()) < timedelta(seconds=5)


def test_a_replay_is_answered_alike_and_changes_nothing(db, provider):
	body = body_of()
	receive(provider, body)
	(before,) = stored(db, provider)
	db.db.set_value(EVENT, before.name, "status", "Processed")
	db.db.commit()
	assert [receive(provider, body) for _ in range(3)] == [(200, {"ok": True})] * 3
	(after,) = stored(db, provider)
	assert (after.name, after.status, after.creation) == (before.name, "Processed", before.creation)


@pytest.mark.parametrize(
	"headers",
	[
		{},
		{"BridgeApi-Signature": ""},
		{"BridgeApi-Signature": "v1="},
		{"BridgeApi-Signature": "v1=" + "0" * 64},
		{"BridgeApi-Signature": "v0=" + "A" * 64},
		{"BridgeApi-Signature": "v1=" + "é" * 64},
		{"BridgeApi-Signature": ",".join(["v1=" + "0" * 64] * 5000)},
		{"X-Signature": "v1=" + "0" * 64},
	],
	ids=["none", "empty", "no digest", "zeros", "other scheme", "not ascii", "many", "other header"],
)
def test_the_unsigned_are_refused(db, provider, headers):
	assert receive(provider, body_of(), headers) == (401, {"ok": False, "error": "signature"})
	assert stored(db, provider) == []


def test_a_signature_of_another_body_or_secret_is_refused(db, provider):
	body, other = body_of(), body_of()
	assert receive(provider, body, signed(other)).status == 401
	assert receive(provider, body, signed(body, "another secret")).status == 401
	assert receive(provider, body + b" ", signed(body)).status == 401
	assert stored(db, provider) == []


def test_lower_case_spaces_and_a_second_signature_are_fine(db, provider):
	body = body_of()
	digest = hmac.new(SECRET.encode(), body, sha256).hexdigest()
	assert receive(provider, body, {"bridgeapi-signature": f"v1={'0' * 64}, v1={digest}"}).status == 200


def test_rotation_both_secrets_then_only_the_new_one(db, provider):
	doc = db.get_doc(PROVIDER, provider.name)
	doc.webhook_secret = SECRET + "2"
	doc.save()
	db.db.commit()
	for secret in (SECRET, SECRET + "2"):
		body = body_of()
		assert receive(provider, body, signed(body, secret)).status == 200
	db.db.set_value(
		PROVIDER, provider.name, "previous_webhook_secret_until", site_now() - timedelta(seconds=1)
	)
	db.db.commit()
	for secret, status in ((SECRET, 401), (SECRET + "2", 200)):
		body = body_of()
		assert receive(provider, body, signed(body, secret)).status == status


def test_the_end_of_a_rotation_needs_no_save(db, provider):
	"""The process keeps the secrets; the hour at which the old one ends must count all the same."""
	doc = db.get_doc(PROVIDER, provider.name)
	doc.webhook_secret = SECRET + "2"
	doc.save()
	db.db.set_value(
		PROVIDER,
		provider.name,
		"previous_webhook_secret_until",
		site_now() + timedelta(seconds=1.5),
		update_modified=False,
	)
	db.db.commit()
	body = body_of()
	assert receive(provider, body, signed(body, SECRET)).status == 200
	time.sleep(1.6)
	body = body_of()
	assert receive(provider, body, signed(body, SECRET)).status == 401


def test_a_new_secret_counts_at_once_although_the_row_is_kept_for_a_moment(db, provider, monkeypatch):
	monkeypatch.setattr(inbox, "_ROW_SECONDS", 60)
	assert receive(provider, body_of()).status == 200
	doc = db.get_doc(PROVIDER, provider.name)
	doc.webhook_secret = SECRET + "2"
	doc.save()
	db.db.commit()
	for secret in (SECRET + "2", SECRET, SECRET + "2"):
		body = body_of()
		assert receive(provider, body, signed(body, secret)).status == 200


def test_spellings_of_a_name_do_not_fill_the_memory(db, provider, monkeypatch):
	monkeypatch.setattr(inbox, "_ROW_SECONDS", 60)
	monkeypatch.setattr(inbox, "_rows", {})
	for name in (provider.name, provider.name.upper(), provider.name + " ", "unknown"):
		body = body_of()
		inbox.receive("bridge", name, body, signed(body))
	assert len(inbox._rows) == 1


def test_a_connection_that_died_between_two_webhooks_is_renewed(db, provider):
	assert receive(provider, body_of()).status == 200
	(kept,) = db.db.sql("SELECT id FROM information_schema.processlist WHERE id = %s", _thread_id())
	db.db.sql(f"KILL {int(kept[0])}")
	assert receive(provider, body_of()).status == 200
	assert len(stored(db, provider)) == 2


def _thread_id() -> int:
	cursor = kept_connection._kept.connection.cursor()
	cursor.execute("SELECT CONNECTION_ID()")
	return cursor.fetchone()[0]


def test_threads_and_sites_keep_connections_of_their_own(db, provider):
	receive(provider, body_of())
	mine, found = kept_connection._kept.connection, []
	thread = threading.Thread(target=lambda: found.append(hasattr(kept_connection._kept, "connection")))
	thread.start()
	thread.join()
	assert found == [False] and kept_connection._kept.owner == (os.getpid(), db.local.site)
	receive(provider, body_of())
	assert kept_connection._kept.connection is mine


def test_an_unknown_and_a_disabled_provider_answer_as_a_forged_signature(db, provider):
	body = body_of()
	forged = receive(provider, body, {})
	assert inbox.receive("bridge", "no such provider", body, signed(body)) == forged
	assert inbox.receive("other", provider.name, body, signed(body)) == forged
	db.db.set_value(PROVIDER, provider.name, "enabled", 0)
	db.db.commit()
	assert receive(provider, body) == forged
	assert inbox.receive("bridge", None, body, signed(body)) == forged


def test_without_a_name_the_only_provider_is_meant(db, provider):
	body = body_of()
	assert inbox.receive("bridge", None, body, signed(body)).status == 200
	second = db.copy_doc(db.get_doc(PROVIDER, provider.name))
	second.provider_name = second.client_id = row_name()
	second.client_secret = second.webhook_secret = "x"
	second.insert()
	body = body_of()
	assert inbox.receive("bridge", None, body, signed(body)).status == 401
	db.delete_doc(PROVIDER, second.name, force=True)


def test_a_provider_without_a_secret_believes_nobody(db, provider):
	db.db.delete("__Auth", {"doctype": PROVIDER, "name": provider.name, "fieldname": "webhook_secret"})
	db.db.set_value(PROVIDER, provider.name, "webhook_secret", "")
	db.db.commit()
	body = body_of()
	for secret in ("", SECRET):
		assert receive(provider, body, signed(body, secret)).status == 401


@pytest.mark.parametrize(
	"age, status",
	[(0, 200), (71 * 3600, 200), (73 * 3600, 400), (-9 * 60, 200), (-11 * 60, 400), (10 * 365 * 86400, 400)],
)
def test_stale_and_future_events_are_refused(db, provider, age, status):
	assert receive(provider, body_of(at=time.time() - age)).status == status
	assert len(stored(db, provider)) == (status == 200)


def test_the_tolerance_is_the_providers(db, provider):
	db.db.set_value(PROVIDER, provider.name, "webhook_tolerance_hours", 1)
	db.db.commit()
	assert receive(provider, body_of(at=time.time() - 2 * 3600)).status == 400


def test_timestamps_in_seconds_are_understood(db, provider):
	body = json.dumps(
		{"content": {"status": 0}, "timestamp": int(time.time()), "type": "TEST_EVENT"}
	).encode()
	assert receive(provider, body).status == 200
	assert stored(db, provider)[0].event_type == "TEST_EVENT"


@pytest.mark.parametrize(
	"body",
	[
		b"",
		b"{",
		b"null",
		b"[]",
		b'"text"',
		b"{}",
		b"\xff\xfe{\x00}\x00",
		b"\xc3\x28",
		b'{"type":"item.refreshed"}',
		b'{"type":5,"content":{},"timestamp":1}',
		b'{"type":"item.refreshed","content":[],"timestamp":1}',
		b'{"type":"' + b"x" * 500 + b'","content":{},"timestamp":1}',
		b'{"a":' * 5000 + b"1" + b"}" * 5000,
	],
	ids=range(13),
)
def test_signed_garbage_is_refused(db, provider, body):
	assert receive(provider, body).status == 400
	assert stored(db, provider) == []


def test_an_event_without_a_timestamp_is_refused(db, provider):
	body = b'{"type":"item.refreshed","content":{"item_id":1}}'
	assert receive(provider, body).status == 400


def test_a_long_body_is_refused_before_anything_else(db, provider):
	body = body_of(padding="x" * inbox.MAX_BODY)
	assert receive(provider, body).status == 413
	assert stored(db, provider) == []


def test_unknown_types_are_stored_for_the_drain_to_judge(db, provider):
	assert receive(provider, body_of("item.frobnicated")).status == 200
	assert stored(db, provider)[0].status == "Received"


def test_without_redis_the_event_is_stored_and_answered(db, provider, monkeypatch):
	monkeypatch.undo()
	monkeypatch.setitem(db.conf, "redis_queue", "redis://127.0.0.1:9")
	wake.clear(wake.EVENTS)
	began = time.monotonic()
	assert receive(provider, body_of()).status == 200
	assert time.monotonic() - began < 2
	assert len(stored(db, provider)) == 1


def test_refusals_are_logged_without_letting_anybody_fill_the_log(db, provider):
	db.cache().delete_value(f"bank_api:forged:{provider.name}")
	for _ in range(20):
		receive(provider, body_of(), {})
	lines = db.get_all("Bank API Log", {"reference_name": provider.name}, ["*"])
	assert [(line.action, line.outcome) for line in lines] == [("Webhook Refused", "Refused")]
	assert SECRET not in str(lines)
