"""Whatever Quanto answers, and whenever a process dies: no sharing is lost, none is told twice, and rows stay."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest
from conformance import Connection, equal
from faults import FAULTS, READ_TIMEOUT, SECRETS
from installation import Installation, wait_until
from jobs import KILLED, Jobs
from quanto_bank import BANK, OTHER_BANK, QuantoBank

CALLS = {
	"consent": r"/v1/consents/[^/]+$",
	"resources": r"/v1/consents/.+/resources",
	"transactions": r"/v1/consents/.+/transactions",
}
FEW = ("500", "429", "cut mid-body", "truncated JSON", "HTML with 200", "empty object")
POINTS = ("before_finish", "before_wake")
ONCE = ("consent.granted", "item.created", "connect.completed")


@pytest.fixture(scope="module")
def bank(_installation: Installation) -> QuantoBank:
	return QuantoBank(_installation, read_timeout=READ_TIMEOUT)


@pytest.fixture
def connection(bank: QuantoBank, installation: Installation) -> Connection:
	connection = bank.connect()
	installation.idle()
	return connection


@pytest.fixture(autouse=True)
def _well(installation: Installation) -> Iterator[None]:
	"""The bank is well before and after each test, and Quanto reads the banks by itself."""
	yield
	installation.control.quanto.pause_webhooks(False)


def assert_told_once(bank: QuantoBank, user: str, banks: int = 1) -> None:
	def told() -> bool:
		counts = Counter(bank.events(user))
		return (
			counts["consent.granted"] == counts["item.created"] == banks and counts["connect.completed"] == 1
		)

	wait_until("what the client has to be told", told)
	bank.installation.settle(bank.provider)
	counts = Counter(bank.events(user))
	assert (counts["consent.granted"], counts["item.created"], counts["connect.completed"]) == (
		banks,
		banks,
		1,
	)


@pytest.mark.parametrize("call", CALLS)
def test_a_failing_call_is_told_and_made_good(
	bank: QuantoBank, connection: Connection, jobs: Jobs, call: str
) -> None:
	before, success = equal(bank, connection), bank.row_of(connection)["last_success_at"]
	bank.add(bank.accounts(connection)[0], amount="-3.33", description=f"AFTER {call}")
	for number, name in enumerate(FAULTS if call == "transactions" else FEW, 1):
		bank.installation.control.fail(path=CALLS[call], times=-1, **FAULTS[name])
		assert jobs.run(connection.item)[0] == 0
		hits = [fault["hits"] for fault in bank.installation.control.faults()]
		bank.recover()
		item = bank.row_of(connection)
		assert hits[0] >= 1, f"{name}: the fault was not met"
		assert (item["sync_status"], item["failures"]) == ("Failed", number), name
		assert item["next_try_at"] > item["last_try_at"], name
		assert item["last_success_at"] == success, name
		assert len(item["last_error"]) > 20 and not any(s in item["last_error"] for s in SECRETS), name
		assert (item["status"], bank.consent(connection)["state"]) == ("OK", "Active"), name
		assert bank.copy(connection).live == before.live, name
		bank.wait_no_longer(connection)
	assert jobs.run(connection.item)[0] == 0
	item = bank.row_of(connection)
	assert (item["sync_status"], item["failures"], item["last_error"]) == ("Idle", 0, None)
	assert equal(bank, connection).of(f"AFTER {call}")


@pytest.mark.parametrize("point", POINTS)
def test_a_sync_that_is_killed_is_taken_up(
	bank: QuantoBank, connection: Connection, jobs: Jobs, point: str
) -> None:
	bank.add(bank.accounts(connection)[0], amount="-4.44", description=f"KILLED {point}")
	assert jobs.run(connection.item, point)[0] == KILLED
	assert jobs.run(connection.item)[0] == 0
	assert len(equal(bank, connection).of(f"KILLED {point}")) == 1


def test_a_worker_that_dies_under_webhooks_loses_no_sharing(
	bank: QuantoBank, installation: Installation
) -> None:
	"""The browser never comes back; the webhooks do all, and the worker is killed while it acts on them."""
	user, stack = "under a kill", installation.stack
	link = bank.link(user)
	installation.control.latency(150)
	bank.control.complete_session(link["link"], (BANK, OTHER_BANK), cpf=bank.people[user], resources=None)
	time.sleep(0.6)
	stack.kill("worker")
	installation.control.latency(0)
	stack.restart("worker")
	for _ in range(2):
		installation.sql(
			"UPDATE `tabBank API Connect Request` SET next_check_at = NULL WHERE name = %s", link["request"]
		)
		installation.tick()
	assert_told_once(bank, user, banks=2)
	assert bank.outcome(link["request"])["status"] == "Completed"


def test_webhooks_in_many_copies_and_any_order_tell_once(
	bank: QuantoBank, installation: Installation
) -> None:
	users = [f"swarm {number}" for number in range(4)]
	bank.control.webhook_settings(copies=4, shuffle=True, reverse=True)
	for user in users:
		link = bank.link(user)
		address = bank.control.complete_session(link["link"], (BANK,), cpf=bank.people[user])
		assert installation.browse(address).status == 200
		assert installation.browse(address).status == 200
	bank.told()
	for user in users:
		assert_told_once(bank, user)
	for delivery in bank.control.deliveries(status="delivered")[-8:]:
		bank.control.resend(delivery["id"])
	bank.told()
	for user in users:
		assert_told_once(bank, user)


@pytest.mark.parametrize("forgery", ["missing", "wrong_secret", "stale"])
def test_a_forged_webhook_changes_nothing(
	bank: QuantoBank, connection: Connection, installation: Installation, forgery: str
) -> None:
	before = installation.sql("SELECT COUNT(*) AS n FROM `tabBank API Webhook Event`")[0]["n"]
	content = {"consentId": connection.item_id, "sessionId": "", "institution": {}}
	options = {"shift": -3600} if forgery == "stale" else {"signature": forgery}
	sent = bank.control.send_event("sharing.revoked", content, **options)

	def tried() -> bool:
		rows = [row for row in bank.control.deliveries() if row["id"] in sent]
		return bool(rows) and all(row["attempts"] for row in rows)

	wait_until("the forgery", tried)
	rows = [row for row in bank.control.deliveries() if row["id"] in sent]
	assert {attempt["status"] for row in rows for attempt in row["attempts"]} == {401}
	assert installation.sql("SELECT COUNT(*) AS n FROM `tabBank API Webhook Event`")[0]["n"] == before
	assert bank.consent(connection)["state"] == "Active"


def test_a_month_that_is_used_up_stops_one_account_only(
	bank: QuantoBank, connection: Connection, installation: Installation
) -> None:
	"""423: the others go on, the item is not held, and the next sync does not ask for it again."""
	first, second, _card = bank.accounts(connection)
	bank.control.switches(monthly_limits=True)
	bank.control.use_up(connection.item_id, "accounts/transactions-current", first)
	bank.control.use_up(connection.item_id, "accounts/transactions", first)
	try:
		for account in (first, second):
			bank.add(account, amount="-7.77", description=f"IN A FULL MONTH {account}")
		item = bank.sync(connection, fails=True)
		assert item["held_until"] is None
		copy = bank.copy(connection)
		assert not copy.of(f"IN A FULL MONTH {first}") and copy.of(f"IN A FULL MONTH {second}")
		held = [row for row in installation.accounts(connection.item) if row["held_until"]]
		assert [row["provider_account_id"] for row in held] == [first]
	finally:
		bank.control.reset_usage()
		bank.control.switches(monthly_limits=False)
