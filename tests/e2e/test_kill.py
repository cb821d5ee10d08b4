"""A sync that is killed at any point leaves nothing behind that the next one does not make good."""

import os
import random
import time
from collections import Counter

import pytest
from bridge_bank import BridgeBank
from conformance import Connection, equal
from installation import Installation, wait_until
from jobs import KILLED, Jobs

KILLS = 20
ITEMS = 5
WORKER_KILLS = 3
SLOW_MS = 100
"""Delays each page, so that no sync is over before its worker is killed."""
TRANSACTIONS = 700
PAGE = 20


@pytest.fixture(scope="module")
def bank(_installation: Installation) -> BridgeBank:
	# Without the bank's webhooks nobody else starts a sync; small pages make many commits.
	return BridgeBank(_installation, "2025-01-15", webhooks=False, page_size=PAGE)


@pytest.fixture(autouse=True)
def _well(installation: Installation) -> None:
	"""The bank is well before and after each test."""


def content(
	bank: BridgeBank, connection: Connection
) -> tuple[Counter[tuple[str, str, str, bool]], list[int]]:
	"""What a connection's rows say apart from ids, and how many each account has."""
	rows = equal(bank, connection).live.values()
	said = Counter((row.date, row.amount, row.text, row.pending) for row in rows)
	return said, sorted(Counter(row.account_id for row in rows).values())


def assert_client_is_told(bank: BridgeBank, connection: Connection) -> None:
	"""A delivered event names every account that has rows, and nothing is left to be told."""
	stable = {
		row["name"] for row in bank.installation.accounts(connection.item) if row["last_transaction_stamp"]
	}

	def told() -> bool:
		events = [
			event["data"]
			for event in bank.site.receiver.of_type("transactions.updated")
			if event["data"]["user"] == connection.user
		]
		return stable <= {account["stable_id"] for data in events for account in data["accounts"]}

	wait_until("the news for the client", told)
	rows = bank.installation.accounts(connection.item)
	assert all(row["notified_stamp"] == row["last_transaction_stamp"] for row in rows)


def test_twenty_kills_at_random_points_change_nothing_in_the_end(bank: BridgeBank, jobs: Jobs) -> None:
	seed = int(os.environ.get("KILL_SEED") or random.randrange(1_000_000))
	dice = random.Random(seed)
	undisturbed = bank.quiet_connection(transactions=TRANSACTIONS)
	status, whole = jobs.run(undisturbed.item)
	assert status == 0
	connections = [bank.quiet_connection(transactions=TRANSACTIONS) for _ in range(ITEMS)]
	killed = []
	rounds = KILLS // ITEMS
	for number in range(KILLS):
		# Each round of an item goes on where the last one was killed: together they stay within one sync.
		delay = dice.uniform(0, whole * 0.9 / rounds)
		status, _seconds = jobs.run(connections[number % ITEMS].item, kill_after=delay)
		assert status in (0, KILLED)
		killed.append(status == KILLED)
	print(f"KILL_SEED={seed}: {sum(killed)} of {KILLS} killed; an undisturbed sync takes {whole:.2f} s")
	assert sum(killed) >= KILLS * 2 // 3
	wanted = content(bank, undisturbed)
	assert sum(wanted[1]) == TRANSACTIONS
	for connection in connections:
		assert jobs.run(connection.item)[0] == 0
		assert content(bank, connection) == wanted
	bank.installation.tick()  # a kill between the commit of the news and the waking of its sender
	for connection in connections:
		assert_client_is_told(bank, connection)


@pytest.mark.parametrize("point", ["before_finish", "before_wake"])
def test_a_kill_between_the_rows_and_the_news_loses_no_news(bank: BridgeBank, jobs: Jobs, point: str) -> None:
	connection = bank.quiet_connection(transactions=60)
	bank.installation.idle()  # a drain that is still at work would send this news too
	assert jobs.run(connection.item, point)[0] == KILLED
	seen = bank.site.receiver.of_type("transactions.updated")
	assert not any(event["data"]["user"] == connection.user for event in seen)
	bank.installation.tick()
	assert_client_is_told(bank, connection)
	assert bank.row_of(connection)["failures"] == 0
	equal(bank, connection)


def test_a_killed_worker_is_made_good_by_the_next_one(bank: BridgeBank) -> None:
	dice, stack = random.Random(7), bank.installation.stack
	connection = bank.quiet_connection(transactions=TRANSACTIONS)
	bank.control.latency(SLOW_MS)
	try:
		for number in range(WORKER_KILLS):
			bank.installation.tick() if number else bank.installation.sync_now(connection.item)
			wait_until("the sync", lambda: bank.row_of(connection)["sync_status"] == "Running")
			time.sleep(dice.uniform(0, 0.4))
			stack.kill("worker")
			stack.restart("worker")
		bank.installation.tick()
	finally:
		stack["worker"].start()
	bank.control.latency(0)
	bank.installation.settle(bank.provider)
	item = bank.row_of(connection)
	assert (item["sync_status"], item["failures"]) == ("Idle", 0)
	assert len(equal(bank, connection).live) == TRANSACTIONS
	assert_client_is_told(bank, connection)
