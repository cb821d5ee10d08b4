"""Webhooks: signature, contents of both versions, retries, rotation, mischief."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sandbox_harness import V2, Receiver, receiving, running

from bank_api.sandbox.client import SandboxControl

SECRET = "sandbox_webhook_secret"


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxControl]:
	with running(transactions=24) as control:
		yield control


@pytest.fixture
def hook() -> Iterator[Receiver]:
	with receiving() as receiver:
		yield receiver


@pytest.fixture
def bank(shared: SandboxControl, hook: Receiver) -> Iterator[SandboxControl]:
	shared.reset()
	for webhook in shared.webhooks():
		shared.delete_webhook(webhook["id"])
	shared.add_webhook(hook.url, secret=SECRET)
	shared.webhook_settings(retry_schedule=[60, 120], copies=1, shuffle=False, reverse=False, timeout=5)
	yield shared
	for webhook in shared.webhooks():
		shared.delete_webhook(webhook["id"])


def wait(condition: Callable[[], bool]) -> None:
	end = time.monotonic() + 10
	while not condition():
		assert time.monotonic() < end, "nothing came"
		time.sleep(0.01)


def events(hook: Receiver) -> list[dict[str, Any]]:
	return [json.loads(body) for body in hook.bodies]


def signature(body: bytes, secret: str = SECRET) -> str:
	return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().upper()


def test_a_connect_tells_its_story(bank: SandboxControl, hook: Receiver) -> None:
	item = bank.add_item("u", account_types="payment")
	assert bank.drain_webhooks()
	told = events(hook)
	assert [event["type"] for event in told] == ["item.created"] + ["item.account.created"] * 6 + [
		"item.refreshed"
	]
	for event, body, headers in zip(told, hook.bodies, hook.headers, strict=True):
		assert headers["BridgeApi-Signature"] == signature(body)
		assert headers["X-Forwarded-For"] in ("63.32.31.5", "52.215.247.62", "34.249.92.209")
		assert headers["Content-Type"] == "application/json"
		assert set(event) == {"content", "timestamp", "type"}
		assert len(str(event["timestamp"])) == 13
		assert event["content"]["item_id"] == item["item_id"]
		assert event["content"]["user_uuid"] == item["user_uuid"]
	assert set(told[1]["content"]) == {"account_id", "item_id", "user_uuid", "balance"}
	last = told[-1]["content"]
	assert (last["status_code"], last["full_refresh"], last["refresh_trigger"]) == (0, True, "connect")
	assert (last["status_code_info"], last["account_types"]) == ("ok", "payment")
	assert last["authentication_expires_at"].endswith("Z")


def test_a_tick_counts_what_changed(bank: SandboxControl, hook: Receiver) -> None:
	item = bank.add_item("u")["item_id"]
	bank.drain_webhooks()
	hook.bodies.clear()
	before = bank.ledger(item_id=item)
	bank.tick(item)
	bank.drain_webhooks()
	*accounts, refreshed = events(hook)
	assert {event["type"] for event in accounts} == {"item.account.updated"}
	assert refreshed["content"]["refresh_trigger"] == "scheduler"
	assert refreshed["content"]["full_refresh"] is False
	assert all(event["content"]["data_access"] == "enabled" for event in accounts)
	new = sum(event["content"]["nb_new_transactions"] for event in accounts)
	gone = sum(event["content"]["nb_deleted_transactions"] for event in accounts)
	after = bank.ledger(item_id=item)
	assert after["live"] == before["live"] + new - gone
	assert new == 6
	assert gone == 2


def test_the_2021_version_knows_less(bank: SandboxControl, hook: Receiver) -> None:
	with receiving() as old:
		bank.add_webhook(old.url, version=V2)
		item = bank.add_item("u")
		bank.tick(item["item_id"])
		bank.delete_item(item["item_id"])
		bank.delete_user("u")
		bank.drain_webhooks()
		types = [event["type"] for event in events(old)]
		assert "item.deleted" not in types
		assert "user.deleted" not in types
		assert [event["type"] for event in events(hook)][-2:] == ["item.deleted", "user.deleted"]
		refreshed = next(event for event in events(old) if event["type"] == "item.refreshed")["content"]
		assert refreshed["status_code_info"] == "OK"
		assert "authentication_expires_at" not in refreshed
		updated = next(event for event in events(old) if event["type"] == "item.account.updated")["content"]
		assert "data_access" not in updated


def test_a_failed_sync_is_told(bank: SandboxControl, hook: Receiver) -> None:
	bank.add_item("u", login="402")
	bank.drain_webhooks()
	assert [event["type"] for event in events(hook)] == ["item.created", "item.refreshed"]
	content = events(hook)[-1]["content"]
	assert (content["status_code"], content["status_code_info"]) == (402, "invalid_creds")


def test_the_dashboards_test_is_odd(bank: SandboxControl, hook: Receiver) -> None:
	bank.test_event()
	bank.drain_webhooks()
	event = events(hook)[0]
	assert event["type"] == "TEST_EVENT"
	assert set(event["content"]) == {"item_id", "status", "user_uuid"}
	assert len(str(event["timestamp"])) == 10


def test_rotation_signs_twice(bank: SandboxControl, hook: Receiver) -> None:
	webhook = bank.webhooks()[0]["id"]
	bank.rotate_webhook(webhook, "second")
	bank.test_event()
	bank.drain_webhooks()
	both = f"{signature(hook.bodies[0], 'second')},{signature(hook.bodies[0])}"
	assert hook.headers[0]["BridgeApi-Signature"] == both
	bank.rotate_webhook(webhook, "third")
	bank.test_event()
	bank.drain_webhooks()
	both = f"{signature(hook.bodies[1], 'third')},{signature(hook.bodies[1], 'second')}"
	assert hook.headers[1]["BridgeApi-Signature"] == both
	bank.advance(24 * 3600 + 1)
	bank.test_event()
	bank.drain_webhooks()
	assert hook.headers[2]["BridgeApi-Signature"] == signature(hook.bodies[2], "third")


def test_failures_are_retried_on_the_clock(bank: SandboxControl, hook: Receiver) -> None:
	hook.statuses = [500, 401]
	bank.test_event()
	wait(lambda: len(hook.bodies) == 1)
	bank.drain_webhooks()
	assert bank.deliveries()[0]["status"] == "pending"
	bank.advance(61)
	wait(lambda: len(hook.bodies) == 2)
	bank.drain_webhooks()
	bank.advance(121)
	wait(lambda: len(hook.bodies) == 3)
	bank.drain_webhooks()
	delivery = bank.deliveries()[0]
	assert delivery["status"] == "delivered"
	assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 401, 200]
	assert len(set(hook.bodies)) == 1


def test_retries_end(bank: SandboxControl, hook: Receiver) -> None:
	bank.webhook_settings(retry_schedule=[])
	hook.statuses = [500]
	bank.test_event()
	wait(lambda: bank.deliveries()[0]["status"] == "failed")
	bank.resend(bank.deliveries()[0]["id"])
	wait(lambda: len(hook.bodies) == 2)
	assert hook.bodies[0] == hook.bodies[1]


def test_a_slow_receiver_counts_as_failed(bank: SandboxControl, hook: Receiver) -> None:
	bank.webhook_settings(timeout=0.2)
	hook.delay = 1.0
	bank.test_event()
	wait(lambda: bool(bank.deliveries()[0]["attempts"]))
	assert "Timeout" in bank.deliveries()[0]["attempts"][0]["error"]


def test_one_dead_target_does_not_hold_the_other(bank: SandboxControl, hook: Receiver) -> None:
	with receiving() as slow:
		slow.delay = 3.0
		bank.add_webhook(slow.url)
		for _ in range(5):
			bank.test_event()
		wait(lambda: len(hook.bodies) == 5)
		assert len(slow.bodies) < 5


def test_pause_order_and_copies(bank: SandboxControl, hook: Receiver) -> None:
	webhook = bank.webhooks()[0]["id"]
	bank.edit_webhook(webhook, paused=True)
	for number in range(4):
		bank.send_event("item.refreshed", content={"n": number})
	time.sleep(0.3)
	assert hook.bodies == []
	bank.webhook_settings(reverse=True, copies=2)
	bank.edit_webhook(webhook, paused=False)
	assert bank.drain_webhooks()
	assert [event["content"]["n"] for event in events(hook)] == [3, 3, 2, 2, 1, 1, 0, 0]


def test_events_can_be_chosen(bank: SandboxControl, hook: Receiver) -> None:
	bank.edit_webhook(bank.webhooks()[0]["id"], events=["item.refreshed"])
	bank.add_item("u")
	bank.drain_webhooks()
	assert [event["type"] for event in events(hook)] == ["item.refreshed"]


@pytest.mark.parametrize("forgery", ["missing", "wrong_secret", "wrong_body", "v0", "v1=ABC"])
def test_forged(bank: SandboxControl, hook: Receiver, forgery: str) -> None:
	bank.send_event("item.refreshed", content={"item_id": 1}, signature=forgery)
	bank.drain_webhooks()
	assert hook.headers[0].get("BridgeApi-Signature") != signature(hook.bodies[0])


@pytest.mark.parametrize("variant", ["lower", "spaced"])
def test_unusual_but_valid(bank: SandboxControl, hook: Receiver, variant: str) -> None:
	bank.send_event(
		"payment.transaction.updated", content={}, signature=variant, at="2020-01-01T00:00:00.000Z"
	)
	bank.drain_webhooks()
	assert signature(hook.bodies[0]).lower() in hook.headers[0]["BridgeApi-Signature"].lower()
	assert events(hook)[0]["timestamp"] == 1577836800000


def test_raw_bytes_are_signed_as_they_are(bank: SandboxControl, hook: Receiver) -> None:
	bank.send_event(body='{ "type":"X" ,\n"content":{"é":1}}')
	bank.drain_webhooks()
	assert hook.bodies[0] == '{ "type":"X" ,\n"content":{"é":1}}'.encode()
	assert hook.headers[0]["BridgeApi-Signature"] == signature(hook.bodies[0])
