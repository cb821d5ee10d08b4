"""The scheduler's turn for payments: a batch that it cannot deal with keeps no other one from its turn."""

import payer
import pytest
from payer import BATCH, company, hurry, status, submit

from bank_api.gateway import payment_sending, payment_status


@pytest.fixture
def client(batches):
	return company(batches)


def two(batches, monkeypatch):
	"""Two batches that wait for their turn, the first one due first."""
	with monkeypatch.context() as patch:
		patch.setattr(payment_sending, "send", lambda part: None)
		return [submit()["batch"], submit(payments=[payer.payment("2.00")])["batch"]]


def refuse(monkeypatch, module, name, first):
	"""Let a function fail as a defect would, for one batch only."""
	real = getattr(module, name)

	def fails(batch):
		if batch == first:
			raise TypeError("a defect")
		return real(batch)

	monkeypatch.setattr(module, name, fails)


def test_a_defect_with_one_batch_leaves_the_others_their_turn(batches, client, monkeypatch):
	first, second = two(batches, monkeypatch)
	refuse(monkeypatch, payment_sending, "send", first)
	hurry(batches)
	assert (status(first)["state"], status(second)["state"]) == ("validated", "stored")
	put_off = batches.frappe.db.get_value(BATCH, first, "next_try_at")
	assert put_off > site_time()
	assert batches.frappe.get_all("Error Log", {"method": ("like", f"%{first}")}, limit=1)


def test_a_defect_with_one_look_up_leaves_the_others_theirs(batches, client, monkeypatch):
	first, second = submit()["batch"], submit(payments=[payer.payment("2.00")])["batch"]
	refuse(monkeypatch, payment_status, "check", first)
	hurry(batches)
	checked = [batches.frappe.db.get_value(BATCH, one, "checked_at") for one in (first, second)]
	assert checked[0] is None and checked[1] is not None
	assert batches.frappe.db.get_value(BATCH, first, "next_check_at") > site_time()


def site_time():
	from bank_api.gateway.clock import site_now

	return site_now()
