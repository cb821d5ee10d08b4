"""Redis or MariaDB goes down in the middle of the work: when it is back, everything ends complete, and once."""

import time
from collections.abc import Callable

import pytest
from bridge_bank import BridgeBank
from conformance import Connection, equal
from installation import Installation, wait_until
from test_kill import assert_client_is_told

TRANSACTIONS = 3000
PAGE = 20
MIDDLE = 200


@pytest.fixture(scope="module")
def bank(_installation: Installation) -> BridgeBank:
	if not _installation.stack.bench.embedded_bench:
		pytest.skip("restarts the servers of the bench, which an existing bench needs for itself")
	return BridgeBank(_installation, "2025-01-15", page_size=PAGE)


@pytest.fixture(autouse=True)
def _well(installation: Installation) -> None:
	"""The bank is well before and after each test."""


def restart(bank: BridgeBank, service: str) -> None:
	"""Stop a server at once and start it again; a supervisor starts workers that have died of it."""
	stack = bank.installation.stack
	server = getattr(stack.bench, service)
	server.kill()
	time.sleep(0.5)
	server.start()
	wait_until("the services", lambda: not _raises(stack.bench.ensure_services))
	time.sleep(1)
	if not stack["worker"].alive or service != "mariadb":
		stack.restart("worker")


def _raises(function: Callable[[], None]) -> bool:
	try:
		function()
	except Exception:
		return True
	return False


def rows(bank: BridgeBank, connection: Connection) -> int:
	"""How many rows are stored of a connection."""
	query = "SELECT COUNT(*) AS found FROM `tabBank API Transaction` WHERE item = %s"
	return bank.installation.sql(query, connection.item)[0]["found"]


def assert_complete(bank: BridgeBank, connection: Connection) -> None:
	"""After turns of the scheduler, the client has the bank's ledger, and knows it."""
	bank.installation.tick()
	bank.installation.settle(bank.provider)
	item = bank.row_of(connection)
	if item["failures"]:  # a failure was told in words; its back-off passes
		assert item["last_error"]
		bank.installation.make_due(bank.provider)
		bank.installation.tick()
		bank.installation.settle(bank.provider)
		item = bank.row_of(connection)
	assert (item["sync_status"], item["failures"], item["last_error"]) == ("Idle", 0, None)
	equal(bank, connection)
	assert_client_is_told(bank, connection)


@pytest.mark.parametrize("service", ["redis_queue", "redis_cache", "mariadb"])
def test_a_service_that_restarts_in_the_middle_of_a_big_sync(bank: BridgeBank, service: str) -> None:
	connection = bank.quiet_connection(transactions=TRANSACTIONS, accounts=[0])
	bank.installation.sync_now(connection.item)
	wait_until("the middle of the sync", lambda: rows(bank, connection) >= MIDDLE)
	assert rows(bank, connection) < TRANSACTIONS
	restart(bank, service)
	assert_complete(bank, connection)
	assert rows(bank, connection) == TRANSACTIONS


@pytest.mark.parametrize("service", ["redis_queue", "mariadb"])
def test_a_service_that_restarts_between_a_webhook_and_its_processing(bank: BridgeBank, service: str) -> None:
	connection = bank.quiet_connection(transactions=30, accounts=[0])
	bank.installation.tick()
	bank.installation.settle(bank.provider)
	stack = bank.installation.stack
	stack["worker"].stop()
	bank.add(bank.accounts(connection)[0], amount="-6.66", description=f"BEFORE {service} WENT")
	assert bank.control.drain_webhooks(30)
	restart(bank, service)
	stack["worker"].start()
	assert_complete(bank, connection)
	assert bank.copy(connection).of(f"BEFORE {service} WENT")


@pytest.mark.parametrize("service", ["redis_queue", "mariadb"])
def test_a_webhook_that_comes_while_a_service_is_down_is_not_lost(bank: BridgeBank, service: str) -> None:
	connection = bank.quiet_connection(transactions=30, accounts=[0])
	bank.installation.tick()
	bank.installation.settle(bank.provider)
	server = getattr(bank.installation.stack.bench, service)
	server.kill()
	try:
		bank.add(bank.accounts(connection)[0], amount="-6.67", description=f"WHILE {service} WAS DOWN")
		time.sleep(2)
	finally:
		server.start()
		restart(bank, service)
	wait_until("the bank's last attempt", lambda: not bank.control.deliveries(status="pending"))
	assert_complete(bank, connection)
	assert bank.copy(connection).of(f"WHILE {service} WAS DOWN")
