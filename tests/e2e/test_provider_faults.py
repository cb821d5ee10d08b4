"""Whatever the provider answers, stored rows stay, the item says in words what failed, and the next run completes."""

import pytest
from bridge_bank import BridgeBank
from conformance import Connection, equal
from faults import FAULTS, READ_TIMEOUT, SECRETS
from installation import VERSIONS, Installation
from jobs import Jobs

CALLS = {
	"item": r"/items/\d+(\?|$)",
	"accounts": r"/accounts(\?|$)",
	"transactions": r"/transactions(\?|$|/updated)",
	"token": r"/(authorization/token|authenticate)",
}
FEW = ("500", "429", "truncated JSON", "HTML with 200", "empty 200", "empty object")


@pytest.fixture(scope="module", params=VERSIONS)
def bank(request: pytest.FixtureRequest, _installation: Installation) -> BridgeBank:
	return BridgeBank(_installation, request.param, webhooks=False, read_timeout=READ_TIMEOUT)


@pytest.fixture(scope="module")
def connection(bank: BridgeBank, jobs: Jobs) -> Connection:
	connection = bank.quiet_connection(transactions=60, accounts=[0])
	assert jobs.run(connection.item)[0] == 0
	return connection


@pytest.fixture(autouse=True)
def _well(installation: Installation) -> None:
	"""The bank is well before and after each test."""


@pytest.mark.parametrize("call", CALLS)
def test_a_failing_call_is_told_and_made_good(
	bank: BridgeBank, connection: Connection, jobs: Jobs, call: str
) -> None:
	before, item = equal(bank, connection), bank.row_of(connection)
	success = item["last_success_at"]
	bank.add(bank.accounts(connection)[0], amount="-3.33", description=f"AFTER {call}", emit=False)
	many = call == "transactions"
	for number, name in enumerate(FAULTS if many else FEW, 1):
		if call == "token":
			bank.control.expire_tokens(revoke=True)
		bank.control.fail(path=CALLS[call], times=-1, **FAULTS[name])
		assert jobs.run(connection.item)[0] == 0
		hits = [fault["hits"] for fault in bank.control.faults()]
		bank.recover()
		item = bank.row_of(connection)
		assert hits[0] >= 1, f"{name}: the fault was not met"
		assert (item["sync_status"], item["failures"]) == ("Failed", number), name
		assert item["next_try_at"] > item["last_try_at"], name
		assert (item["held_until"] is not None) == (name == "429"), name
		assert item["last_success_at"] == success, name
		assert len(item["last_error"]) > 20 and not any(s in item["last_error"] for s in SECRETS), name
		assert item["status"] == "OK", name
		copy = bank.copy(connection)
		assert copy.live == before.live and copy.deleted == before.deleted, name
		bank.wait_no_longer(connection)
	assert jobs.run(connection.item)[0] == 0
	item = bank.row_of(connection)
	assert (item["sync_status"], item["failures"], item["last_error"]) == ("Idle", 0, None)
	assert equal(bank, connection).of(f"AFTER {call}")


def test_an_empty_list_is_not_believed_to_close_all_accounts(
	bank: BridgeBank, connection: Connection, jobs: Jobs
) -> None:
	"""A list that is whole and empty is an answer; its rows stay all the same, and come back with the next one."""
	before = equal(bank, connection)
	body = '{"resources":[],"pagination":{"next_uri":null}}'
	bank.control.fail("body", path=CALLS["accounts"], times=-1, body=body)
	assert jobs.run(connection.item)[0] == 0
	assert bank.copy(connection).live == before.live
	bank.recover()
	assert jobs.run(connection.item)[0] == 0
	assert set(bank.account_ids(connection).values()) == {"Open"}
	assert equal(bank, connection).live == before.live
