"""A process that is killed while it submits (SIGKILL, at every step): the bank has the batch at most once, and we never lie."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import payer
import pytest

HERE = Path(__file__).parent
NOTHING_SENT = ("taken", "kept", "claiming")
IN_DOUBT = ("claimed",)
SENT = ("answered", "recording", "recorded")


@pytest.fixture
def client(batches):
	return payer.company(batches)


def killed(site, user, key, step, day):
	environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])])}
	found = subprocess.run(
		[sys.executable, str(HERE / "payer_process.py"), site, user, key, step, day],
		env=environment,
		capture_output=True,
		text=True,
		timeout=120,
	)
	return found.returncode, found.stderr


@pytest.mark.parametrize("listed", [True, False], ids=["list", "no-list"])
@pytest.mark.parametrize("step", [*NOTHING_SENT, *IN_DOUBT, *SENT])
def test_killed(batches, client, site, step, listed):
	batches.sandbox.put("list", listed)
	key, day = uuid.uuid4().hex, payer.bank_day()
	code, errors = killed(site, batches.frappe.session.user, key, step, day)
	assert code == -9, errors
	for _ in range(2):
		payer.hurry(batches)
	found = payer.submit(key, execution_date=day)  # the caller, who got no answer, repeats itself
	assert len(batches.sandbox.book()) <= 1 and len(batches.sandbox.calls("submit")) <= 1
	if step in NOTHING_SENT or step == "recorded" or (step in SENT and listed):
		assert found["state"] == "stored" and len(batches.sandbox.book()) == 1
	else:
		assert found["state"] == "unknown"
	assert found["repeated"] is (step != "taken")


def test_a_sender_that_lives_is_left_alone(batches, client, site):
	"""The scheduler comes by while another process waits for the bank."""
	batches.sandbox.put("seconds", 3)
	key, day = uuid.uuid4().hex, payer.bank_day()
	environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])])}
	user = batches.frappe.session.user
	arguments = [sys.executable, str(HERE / "payer_process.py"), site, user, key, "never", day]
	with subprocess.Popen(arguments, env=environment) as sender:
		while not batches.sandbox.calls("submit"):
			assert sender.poll() is None
		payer.hurry(batches)
		row = batches.frappe.db.get_value(payer.BATCH, {"idempotency_key": key}, "state")
		assert row == "Sending"
		assert sender.wait(60) == 0
	assert payer.submit(key, execution_date=day)["state"] == "stored"
	assert len(batches.sandbox.book()) == 1
