"""Whatever Migdal answers, and whenever a worker dies: rows stay, the item says what failed, no consent dies in silence."""

import time

import pytest
from conformance import Connection, equal
from faults import FAULTS, READ_TIMEOUT, SECRETS
from installation import Installation, wait_until
from jobs import Jobs
from migdal_bank import MigdalBank

TOKEN_CALL = r"/oauth/token"
CALLS = {
	"consent": r"/consents/[^/]+$",
	"loans": r"/loans(\?|$)",
	"transactions": r"/loans/[^/]+/transactions",
}
FEW = ("500", "429", "cut mid-body", "truncated JSON", "HTML with 200", "empty object")
REFUSED = ("500", "429", "reset", "garbage", "HTML error page", "HTML with 200", "empty 200", "empty object")
"""The token call was not carried out: the old refresh token is as good as before."""
SWALLOWED = ("cut mid-body", "truncated JSON", "slow")
"""It was carried out, and the new pair got lost on the way: the old refresh token is dead."""
HOLD_SECONDS = 4


@pytest.fixture(scope="module")
def bank(_installation: Installation) -> MigdalBank:
	return MigdalBank(_installation, read_timeout=READ_TIMEOUT)


@pytest.fixture(scope="module")
def patient_bank(_installation: Installation) -> MigdalBank:
	"""It waits for an answer as long as a test needs to kill the one that waits."""
	return MigdalBank(_installation, read_timeout=HOLD_SECONDS * 3)


@pytest.fixture
def connection(bank: MigdalBank, installation: Installation) -> Connection:
	connection = bank.connect()
	installation.idle()
	return connection


@pytest.fixture(autouse=True)
def _well(installation: Installation) -> None:
	"""The bank is well before and after each test."""


def assert_told(bank: MigdalBank, connection: Connection) -> None:
	"""The consent can be given again, and everybody knows: its row, its item, its client."""
	assert bank.consent(connection)["state"] == "Needs Authorisation"
	item = bank.row_of(connection)
	assert (item["status"], item["user_action"]) == ("Action Required", "Authenticate")

	def told() -> bool:
		events = bank.site.receiver.of_type("consent.reauthorisation_needed")
		return any(event["data"]["user"] == connection.user for event in events)

	wait_until("consent.reauthorisation_needed", told)


def assert_repaired(bank: MigdalBank, connection: Connection) -> None:
	"""The end user gives another one, and no row is lost or doubled."""
	before = bank.copy(connection)
	link = bank.repair_link(connection)
	assert bank.installation.browse(bank.authenticate(link["link"])).status == 200
	item_id = bank.outcome(link["request"])["item_id"]
	bank.installation.settle(bank.provider)
	again = Connection(item_id, bank.installation.item(bank.provider, item_id)["name"], connection.user)
	assert set(equal(bank, again).live) == set(before.live)


@pytest.mark.parametrize("call", CALLS)
def test_a_failing_call_is_told_and_made_good(
	bank: MigdalBank, connection: Connection, jobs: Jobs, call: str
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
		assert (item["held_until"] is not None) == (name == "429"), name
		assert item["last_success_at"] == success, name
		assert len(item["last_error"]) > 20 and not any(s in item["last_error"] for s in SECRETS), name
		assert (item["status"], bank.consent(connection)["state"]) == ("OK", "Active"), name
		assert bank.copy(connection).live == before.live, name
		bank.wait_no_longer(connection)
	assert jobs.run(connection.item)[0] == 0
	item = bank.row_of(connection)
	assert (item["sync_status"], item["failures"], item["last_error"]) == ("Idle", 0, None)
	assert equal(bank, connection).of(f"AFTER {call}")


def test_a_renewal_that_was_not_carried_out_is_made_good(
	bank: MigdalBank, connection: Connection, jobs: Jobs
) -> None:
	for name in REFUSED:
		bank.control.expire_tokens(connection.item_id)
		bank.installation.control.fail(path=TOKEN_CALL, times=-1, **FAULTS[name])
		assert jobs.run(connection.item)[0] == 0
		assert [fault["hits"] >= 1 for fault in bank.installation.control.faults()] == [True], name
		bank.recover()
		assert bank.row_of(connection)["sync_status"] == "Failed", name
		assert bank.consent(connection)["state"] == "Active", name
		bank.wait_no_longer(connection)
		assert jobs.run(connection.item)[0] == 0
		item = bank.row_of(connection)
		assert (item["sync_status"], item["status"], item["last_error"]) == ("Idle", "OK", None), name
	equal(bank, connection)


@pytest.mark.parametrize("name", SWALLOWED)
def test_a_renewal_whose_answer_was_lost_asks_for_the_end_user(
	bank: MigdalBank, connection: Connection, jobs: Jobs, name: str
) -> None:
	bank.control.expire_tokens(connection.item_id)
	bank.installation.control.fail(path=TOKEN_CALL, **FAULTS[name])
	assert jobs.run(connection.item)[0] == 0
	bank.recover()
	assert jobs.run(connection.item)[0] == 0
	assert_told(bank, connection)
	assert_repaired(bank, connection)


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_worker_killed_during_a_renewal(
	patient_bank: MigdalBank, installation: Installation, carried_out: bool
) -> None:
	"""With the provider's answer on its way: the pair is lost. Before the provider has acted: nothing is."""
	bank, stack = patient_bank, installation.stack
	connection = bank.connect()
	before = equal(bank, connection)
	bank.control.expire_tokens(connection.item_id)
	kind = "slow" if carried_out else "refuse"
	installation.control.fail(kind, path=TOKEN_CALL, times=-1, seconds=HOLD_SECONDS)
	installation.sync_now(connection.item)

	def asked() -> bool:
		return any(fault["hits"] for fault in installation.control.faults())

	try:
		wait_until("the renewal", asked, step=0.02)
		time.sleep(0.5)
		assert bank.consent(connection)["renewing_since"]
		stack.kill("worker")
		assert bank.consent(connection)["renewing_since"], "the mark outlives the process"
	finally:
		bank.recover()
		stack.restart("worker")
	installation.tick()
	wait_until("the end of the renewal", lambda: not bank.consent(connection)["renewing_since"])
	if carried_out:
		assert_told(bank, connection)
		assert bank.copy(connection).live == before.live
		assert_repaired(bank, connection)
	else:
		assert bank.consent(connection)["state"] == "Active"
		installation.settle(bank.provider)
		bank.sync(connection)
		assert equal(bank, connection).live == before.live
