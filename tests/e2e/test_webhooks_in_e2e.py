"""Webhooks of the bank, in any order, number and state of truth: the outcome is the same, and only the bank's count."""

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
import uuid
from typing import Any

import pytest
from bridge_bank import BridgeBank
from conformance import Connection, equal
from installation import VERSIONS, Installation, wait_until

from dev.seed import WEBHOOK_SECRET

HOUR = 3600
EVENTS = {
	"2021-06-01": ("item.refreshed", "item.account.updated", "item.account.created", "item.account.deleted"),
	"2025-01-15": (
		"item.created",
		"item.refreshed",
		"item.account.updated",
		"item.account.created",
		"item.account.deleted",
		"item.deleted",
		"user.deleted",
	),
}


@pytest.fixture(scope="module", params=VERSIONS)
def bank(request: pytest.FixtureRequest, _installation: Installation) -> BridgeBank:
	return BridgeBank(_installation, request.param)


@pytest.fixture(scope="module")
def connection(bank: BridgeBank) -> Connection:
	return bank.connect()


@pytest.fixture(autouse=True)
def _well(installation: Installation) -> None:
	"""The bank is well before and after each test."""


def hook_of(bank: BridgeBank) -> dict[str, Any]:
	"""The webhook that is set up at the bank."""
	app = bank.installation.app_of(bank.provider)
	return next(hook for hook in bank.control.webhooks() if hook["app"] == app)


def post(
	bank: BridgeBank, event: dict[str, Any], secret: str = WEBHOOK_SECRET, header: str | None = None
) -> int:
	"""Send an event to the gateway as the bank would, or as somebody else; the answer's status."""
	body = json.dumps(event).encode()
	signature = "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().upper()
	headers = {"Content-Type": "application/json"}
	if header != "":
		headers["BridgeApi-Signature"] = header or signature
	request = urllib.request.Request(hook_of(bank)["url"], body, headers, method="POST")
	opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
	try:
		with opener.open(request, timeout=30) as answer:
			return answer.status
	except urllib.error.HTTPError as error:
		with error:
			return error.code


def event(
	connection: Connection, kind: str = "item.refreshed", age: float = 0, **content: Any
) -> dict[str, Any]:
	"""An event of the bank, about an item unless the content says otherwise."""
	content = {"item_id": int(connection.item_id), "status_code": 0, "status_code_info": "ok"} | content
	return {"content": content, "timestamp": round((time.time() - age) * 1000), "type": kind}


def stored(bank: BridgeBank) -> list[dict[str, Any]]:
	"""The events that the gateway has taken in."""
	return bank.installation.sql(
		"SELECT event_type, status, last_error FROM `tabBank API Webhook Event` WHERE provider = %s",
		bank.provider,
	)


def start(bank: BridgeBank) -> tuple[str, dict[str, Any]]:
	"""A fresh end user with a link."""
	user = f"user-{uuid.uuid4().hex[:8]}"
	return user, bank.link(user)


def finished(bank: BridgeBank, user: str, request: str, all_sent: bool = True) -> Connection:
	"""The only item that a request led to, synced; its client was told once of each thing."""
	outcome = bank.outcome(request)
	assert outcome["status"] == "Completed", outcome
	bank.installation.settle(bank.provider, all_sent=all_sent)
	item = bank.installation.item(bank.provider, outcome["item_id"])
	count = "SELECT COUNT(*) AS found FROM `tabBank API Item` WHERE end_user = %s"
	assert bank.installation.sql(count, item["end_user"])[0]["found"] == 1
	for kind in ("item.created", "connect.completed"):
		told = [e for e in bank.site.receiver.of_type(kind) if e["data"].get("user") == user]
		assert len(told) == 1, kind
	connection = Connection(str(outcome["item_id"]), item["name"], user)
	equal(bank, connection)
	return connection


# --- who is first


def test_the_webhook_may_come_before_the_redirect(bank: BridgeBank) -> None:
	user, link = start(bank)
	address = bank.authenticate(link["link"])
	bank.installation.settle(bank.provider)
	connection = finished(bank, user, link["request"])
	assert bank.installation.browse(address).status == 200
	assert finished(bank, user, link["request"]) == connection


def test_the_redirect_may_come_before_the_webhook(bank: BridgeBank) -> None:
	hook = hook_of(bank)["id"]
	bank.control.edit_webhook(hook, paused=True)
	try:
		user, link = start(bank)
		address = bank.authenticate(link["link"])
		for _ in range(2):  # browsers load pages twice
			assert bank.installation.browse(address).status == 200
		connection = finished(bank, user, link["request"], all_sent=False)
	finally:
		bank.control.edit_webhook(hook, paused=False)
	assert finished(bank, user, link["request"]) == connection


def test_duplicated_and_reordered_webhooks_change_nothing(bank: BridgeBank) -> None:
	bank.control.webhook_settings(copies=3, shuffle=True, reverse=True)
	user, link = start(bank)
	assert bank.installation.browse(bank.authenticate(link["link"])).status == 200
	connection = finished(bank, user, link["request"])
	bank.add(bank.accounts(connection)[0], amount="-7.77", description="IN THREE COPIES")
	bank.installation.settle(bank.provider)
	assert len(equal(bank, connection).of("IN THREE COPIES")) == 1


# --- every event


def test_every_event_is_taken_in_and_acted_on_by_reading_again(
	bank: BridgeBank, connection: Connection
) -> None:
	"""An event that lies (the item is neither deleted nor broken) changes nothing: what it names is read again."""
	before, item = equal(bank, connection), bank.row_of(connection)
	account = bank.accounts(connection)[0]
	user = bank.control.item(int(connection.item_id))["user_uuid"]
	for kind in EVENTS[bank.version]:
		about = {"user.deleted": {"item_id": None}}.get(kind, {})
		accounts = {"account_id": account} if ".account." in kind else {}
		body = event(connection, kind, user_uuid=user, **(accounts | about))
		body["content"] = {name: value for name, value in body["content"].items() if value is not None}
		assert post(bank, body) == 200, kind
	bank.installation.settle(bank.provider)
	assert {"Processed", "Ignored"} >= {row["status"] for row in stored(bank)}
	assert {row["event_type"] for row in stored(bank)} >= set(EVENTS[bank.version])
	after = bank.row_of(connection)
	assert (after["name"], after["status"], after["failures"]) == (item["name"], "OK", 0)
	assert equal(bank, connection).live == before.live


def test_an_event_of_a_type_nobody_knows_yet_is_kept_and_ignored(
	bank: BridgeBank, connection: Connection
) -> None:
	assert post(bank, event(connection, "item.enchanted")) == 200
	bank.installation.settle(bank.provider)
	assert [row["status"] for row in stored(bank) if row["event_type"] == "item.enchanted"] == ["Ignored"]


# --- who is not the bank


def test_forged_stale_and_broken_events_are_refused_and_not_stored(
	bank: BridgeBank, connection: Connection
) -> None:
	known = len(stored(bank))
	good = event(connection)
	assert post(bank, good, secret="guess") == 401
	assert post(bank, good, header="") == 401
	assert post(bank, good, header="v1=" + "0" * 64) == 401
	assert post(bank, event(connection, age=73 * HOUR)) == 400
	assert post(bank, event(connection, age=-HOUR)) == 400
	assert len(stored(bank)) == known


def test_a_replay_is_answered_well_and_stored_once(bank: BridgeBank, connection: Connection) -> None:
	known, again = len(stored(bank)), event(connection)
	assert [post(bank, again) for _ in range(3)] == [200, 200, 200]
	assert len(stored(bank)) == known + 1
	bank.installation.settle(bank.provider)


def test_two_secrets_count_while_they_rotate(bank: BridgeBank, connection: Connection) -> None:
	rotate = "rotate_webhook_secret"
	bank.installation.setup.admin.press("Bank API Provider", bank.provider, rotate, secret="the next secret")
	try:
		# Events are in flight under both: neither is lost, a third secret is none.
		assert post(bank, event(connection, status_code_info="new"), secret="the next secret") == 200
		assert post(bank, event(connection, status_code_info="old"), secret=WEBHOOK_SECRET) == 200
		both = [hmac.new(s.encode(), b"x", hashlib.sha256).hexdigest().upper() for s in ("a", "b")]
		assert post(bank, event(connection), header=",".join(f"v1={each}" for each in both)) == 401
	finally:
		bank.installation.setup.admin.press("Bank API Provider", bank.provider, rotate, secret=WEBHOOK_SECRET)
	bank.installation.settle(bank.provider)


# --- about what is gone


def test_an_event_about_a_deleted_item_brings_nothing_back(bank: BridgeBank) -> None:
	connection = bank.connect()
	bank.site.api.call("delete_bridge_item_id", item_id=connection.item_id, user=connection.user)
	assert post(bank, event(connection, user_uuid="gone")) == 200
	bank.installation.settle(bank.provider)
	assert bank.row_of(connection)["status"] == "Deleted"
	assert bank.status_of(connection) == 404
	query = "SELECT COUNT(*) AS found FROM `tabBank API Transaction` WHERE item = %s"
	wait_until(
		"the deletion of its rows", lambda: not bank.installation.sql(query, connection.item)[0]["found"]
	)


def test_an_event_about_an_unknown_item_makes_none(bank: BridgeBank, connection: Connection) -> None:
	unknown = Connection("987654321", "", "")
	assert post(bank, event(unknown, user_uuid=str(uuid.uuid4()))) == 200
	bank.installation.settle(bank.provider)
	query = "SELECT COUNT(*) AS found FROM `tabBank API Item` WHERE item_id = '987654321'"
	assert not bank.installation.sql(query)[0]["found"]
