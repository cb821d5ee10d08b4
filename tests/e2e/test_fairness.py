"""500 items due at once: each gets its turn before any gets a second one, and a failing one delays none."""

import re
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from bridge_bank import BridgeBank
from installation import Installation, wait_until

from dev import processes

ITEMS = 500
PATIENCE = 540
READ_TIMEOUT = 1
ATTEMPTS = 3
SLACK = 8


@pytest.fixture
def bank(installation: Installation) -> BridgeBank:
	return BridgeBank(installation, "2025-01-15", webhooks=False, read_timeout=READ_TIMEOUT)


def warm_worker(bank: BridgeBank, number: int) -> processes.Process:
	"""A worker whose forks need no time to load the app."""
	stack = bank.installation.stack
	worker = processes.worker(
		stack.bench, stack.site, number=number, log=stack.folder / "logs" / f"warm{number}.log"
	)
	worker.argv = [str(stack.bench.python), str(Path(__file__).with_name("warm_worker.py"))]
	return worker.start()


def test_500_items_due_at_once_each_get_their_turn(bank: BridgeBank) -> None:
	installation, stack = bank.installation, bank.installation.stack
	made = installation.quiet_items(bank.provider, bank.site, ITEMS, transactions=2, accounts=[0])
	failing = made[ITEMS // 3]
	path = rf"/items/{failing['item_id']}(\?|$)"
	bank.control.fail("slow", path=path, times=-1, seconds=READ_TIMEOUT + 0.5)
	bank.control.reset_calls()
	stack["worker"].stop()
	workers = [warm_worker(bank, number) for number in (1, 2)]
	try:
		began = time.monotonic()
		installation.tick()
		queued = time.monotonic() - began
		waiting = """SELECT COUNT(*) AS found FROM `tabBank API Item`
			WHERE provider = %s AND (last_try_at IS NULL OR sync_status IN ('Queued', 'Running'))"""
		left = partial(installation.sql, waiting, bank.provider)
		wait_until("every item's turn", lambda: not left()[0]["found"], PATIENCE, step=1)
		took = time.monotonic() - began
	finally:
		for worker in workers:
			worker.stop()
		stack["worker"].start()

	turns: dict[str, int] = {}
	for call in bank.control.calls(path=r"/aggregation/items/\d+$", limit=100_000):
		item = re.findall(r"\d+$", call["path"])[0]
		turns[item] = turns.get(item, 0) + 1
	assert len(turns) == ITEMS
	assert turns.pop(str(failing["item_id"])) <= ATTEMPTS
	assert set(turns.values()) == {1}

	rows = {
		row["item_id"]: row
		for row in installation.sql(
			"""SELECT item_id, sync_status, failures, last_error, last_try_at, next_try_at, last_success_at,
			TIMESTAMPDIFF(SECOND, last_try_at, modified) AS seconds FROM `tabBank API Item` WHERE provider = %s""",
			bank.provider,
		)
	}
	failed = rows.pop(str(failing["item_id"]))
	assert failed["failures"] == 1 and failed["last_error"] and failed["next_try_at"] > failed["last_try_at"]
	assert {row["sync_status"] for row in rows.values()} == {"Idle"}
	assert all(row["last_success_at"] and row["failures"] == 0 for row in rows.values())

	# While the failing one waited for the provider, the others went on: nobody's next start is late.
	starts = sorted(row["last_try_at"] for row in rows.values())
	gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(starts)]
	print(
		f"{ITEMS} items: queued in {queued:.1f} s, done in {took:.1f} s ({took / ITEMS * 1000:.0f} ms each), "
		f"longest gap between two starts {max(gaps):.2f} s"
	)
	assert max(gaps) < ATTEMPTS * (READ_TIMEOUT + 0.5) + SLACK

	bank.control.reset_calls()
	installation.tick()
	assert not bank.control.calls(path="aggregation/items"), "nothing is due a second time"
