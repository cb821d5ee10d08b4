"""Handing batches to the bank: every outcome, every place where a process may die, and everybody at once. Never twice."""

import threading
import uuid

import payer
import pytest
from payer import BATCH, PAYMENT, company, hurry, parts, payment, status, submit

from bank_api.gateway import durable


@pytest.fixture
def client(batches):
	return company(batches)


def book(world):
	"""How often each of our identifications has arrived at the bank."""
	counts: dict[str, int] = {}
	for one in world.sandbox.book():
		counts[one["exchange"]] = counts.get(one["exchange"], 0) + 1
	return counts


def arrived_once(world, batch):
	return [book(world).get(part.exchange_id, 0) for part in parts(world, batch)]


# --- every outcome


def test_what_the_bank_has_stored_waits_for_its_human(batches, client):
	found = submit(name="Wages")
	assert found["state"] == "stored" and not found["repeated"]
	assert found["total"] == "1234.56" and found["currency"] == "CZK"
	assert found["authorise_at"] == "MojeBanka"
	part = found["parts"][0]
	assert part["provider_digest"] == "AB" * 20 and part["provider_batch_id"] == "B000000001"
	assert arrived_once(batches, found["batch"]) == [1]
	(only,) = batches.frappe.get_all(PAYMENT, {"batch": found["batch"]}, ["status", "amount", "number"])
	assert (only.status, only.amount, only.number) == ("Stored", "1234.56", 1)


def test_what_was_sent_is_what_was_approved(batches, client):
	found = submit(payments=[payment("0.01"), payment("99999.99", message="Zaloha")])
	(sent,) = batches.sandbox.book()
	assert [one["amount"] for one in sent["payments"]] == ["0.01", "99999.99"]
	(row,) = parts(batches, found["batch"])
	assert row.payload_sha256 == __import__("hashlib").sha256(sent["body"].encode()).hexdigest()


@pytest.mark.parametrize("outcome", ["lost_before", "strange", "defect_before", "lost_after", "defect_after"])
def test_what_nobody_knows_is_unknown_and_never_sent_again(batches, client, outcome):
	batches.sandbox.put("list", False)
	batches.sandbox.plan(outcome)
	key = uuid.uuid4().hex
	if "defect" in outcome:
		with pytest.raises(RuntimeError):
			submit(key)
	else:
		assert submit(key)["state"] == "unknown"
	for _ in range(3):
		hurry(batches)
		assert submit(key)["state"] == "unknown"
	assert len(batches.sandbox.calls("submit")) == 1


@pytest.mark.parametrize("outcome", ["lost_after", "defect_after"])
def test_a_look_up_finds_what_has_arrived(batches, client, outcome):
	batches.sandbox.plan(outcome)
	key = uuid.uuid4().hex
	try:
		submit(key)
	except RuntimeError:
		pass
	hurry(batches)
	found = submit(key)
	assert found["state"] == "stored" and found["repeated"]
	assert found["parts"][0]["provider_batch_id"] == "B000000001"
	assert arrived_once(batches, found["batch"]) == [1]


def test_a_list_without_it_proves_nothing(batches, client):
	batches.sandbox.plan("lost_before")
	found = submit()
	for _ in range(4):
		hurry(batches)
	(row,) = parts(batches, found["batch"])
	assert row.state == "Unknown" and row.absences == 4
	assert len(batches.sandbox.calls("submit")) == 1


def test_a_batch_that_the_bank_has_twice_is_for_people(batches, client):
	batches.sandbox.plan("lost_after")
	found = submit()
	(row,) = parts(batches, found["batch"])
	(first,) = batches.sandbox.book()
	batches.sandbox.store(row.exchange_id, first["body"].encode(), 1, 0)
	hurry(batches)
	(row,) = parts(batches, found["batch"])
	assert row.state == "Unknown" and "2 times" in row.last_error


def test_other_payments_under_our_identification_are_not_ours(batches, client):
	batches.sandbox.plan("lost_after")
	found = submit()
	batches.sandbox.decide("B000000001", "ACTC", "OPEN", payments=[{"amount": "1.00", "currency": "CZK"}])
	hurry(batches)
	(row,) = parts(batches, found["batch"])
	assert row.state == "Unknown" and "other payments" in row.last_error


@pytest.mark.parametrize("outcome", ["not_sent", "limited", "key"])
def test_what_was_certainly_not_sent_is_sent_later(batches, client, outcome):
	batches.sandbox.plan(outcome)
	found = submit()
	assert found["state"] == "validated" and found["message"]
	assert found["parts"][0]["next_try_at"]
	hurry(batches)
	assert status(found["batch"])["state"] == "stored"
	assert arrived_once(batches, found["batch"]) == [1]


def test_a_refused_token_is_renewed_and_the_batch_sent(batches, client):
	batches.sandbox.plan("token")
	found = submit()
	assert found["state"] == "stored"
	tokens = [call["token"] for call in batches.sandbox.calls("submit")]
	assert len(tokens) == 2 and tokens[0] != tokens[1]
	assert arrived_once(batches, found["batch"]) == [1]


def test_two_refused_tokens_are_a_refusal(batches, client):
	batches.sandbox.plan("token", "token")
	assert submit()["state"] == "rejected"
	hurry(batches)
	assert len(batches.sandbox.calls("submit")) == 2


def test_a_refusal_names_payment_and_field(batches, client):
	batches.sandbox.plan("refused")
	found = submit(payments=[payment(), payment("2.00")])
	assert found["state"] == "rejected"
	named = [one for one in found["errors"] if one["message"]]
	assert named == [
		{
			"index": 1,
			"code": "AC03",
			"field": "creditorAccount",
			"message": "The payee's account is closed. Ask for another one.",
		}
	]
	hurry(batches)
	assert len(batches.sandbox.calls("submit")) == 1


def test_a_part_of_the_payments(batches, client):
	batches.sandbox.plan("partly")
	found = submit(payments=[payment(), payment("2.00")])
	assert (found["state"], found["rejected"]) == ("partly_accepted", 1)
	hurry(batches)
	found = status(found["batch"])
	assert [(one["index"], one["code"]) for one in found["errors"]] == [(0, "AC03")]
	assert found["state"] == "partly_accepted"


def test_nothing_of_it_was_taken(batches, client):
	batches.sandbox.plan("all_rejected")
	assert submit()["state"] == "rejected"


def test_another_sum_at_the_bank_is_told(batches, client):
	batches.sandbox.plan("other_sum")
	found = submit()
	assert found["state"] == "stored" and "1235.56" in found["message"]


def test_a_consent_that_is_no_use_refuses_the_batch(batches, client):
	batches.sandbox.plan("consent")
	assert submit()["state"] == "rejected"


# --- the guard


def test_what_was_changed_in_the_database_is_not_sent(batches, client):
	batches.sandbox.plan("not_sent")
	found = submit()
	for column, value in (("payload", '"amount":"9234.56"'),):
		batches.frappe.db.sql(
			f"update `tab{PAYMENT}` set {column} = replace({column}, %s, %s) where batch = %s",
			('"amount":"1234.56"', value, found["batch"]),
		)
	hurry(batches)
	assert status(found["batch"])["state"] == "rejected"
	assert batches.sandbox.book() == []


def test_a_payment_that_is_missing_in_the_database_stops_the_batch(batches, client):
	batches.sandbox.plan("not_sent")
	found = submit(payments=[payment(), payment("2.00")])
	batches.frappe.db.sql(f"delete from `tab{PAYMENT}` where batch = %s and number = 2", found["batch"])
	hurry(batches)
	assert status(found["batch"])["state"] == "rejected" and batches.sandbox.book() == []


def test_what_waited_too_long_is_not_sent(batches, client):
	batches.sandbox.plan("not_sent")
	found = submit()
	batches.frappe.db.sql(
		f"update `tab{BATCH}` set validated_at = validated_at - interval 25 hour where name = %s",
		found["batch"],
	)
	hurry(batches)
	assert status(found["batch"])["state"] == "rejected" and batches.sandbox.book() == []


def test_a_disabled_client_sends_nothing(batches, client):
	batches.sandbox.plan("not_sent")
	found = submit()
	batches.frappe.db.set_value("Bank API Client", client.name, "enabled", 0)
	hurry(batches)
	assert len(batches.sandbox.calls("submit")) == 1
	batches.frappe.db.set_value("Bank API Client", client.name, "enabled", 1)
	hurry(batches)
	assert status(found["batch"])["state"] == "stored"


# --- processes that die


class Killed(BaseException):
	"""Stands for a process that is no more: whatever is not committed is gone, and no line behind it runs."""


STEPS = ["kept", "claiming", "claimed", "answered", "recording", "recorded"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("listed", [True, False])
def test_a_process_that_dies_at_any_step(batches, client, monkeypatch, step, listed):
	batches.sandbox.put("list", listed)
	key = uuid.uuid4().hex
	armed = {"step": step}

	def mark(reached):
		if reached == armed["step"]:
			armed["step"] = ""
			monkeypatch.setattr("bank_api.gateway.payment_sending._record", lambda *_: None)
			raise Killed

	original = __import__("bank_api.gateway.payment_sending", fromlist=["_record"])._record
	monkeypatch.setattr(durable, "mark", mark)
	with pytest.raises(Killed):
		submit(key)
	batches.frappe.db.rollback()
	monkeypatch.setattr("bank_api.gateway.payment_sending._record", original)
	for _ in range(3):
		hurry(batches)
	found = submit(key)
	assert len(batches.sandbox.book()) <= 1 and len(batches.sandbox.calls("submit")) <= 1
	if step in ("kept", "claiming", "recorded"):
		assert found["state"] == "stored" and arrived_once(batches, found["batch"]) == [1]
	elif step == "claimed" or not listed:
		assert found["state"] == "unknown"
	else:
		assert found["state"] == "stored" and arrived_once(batches, found["batch"]) == [1]


def test_before_anything_is_kept_nothing_has_happened(batches, client, monkeypatch):
	key = uuid.uuid4().hex

	def mark(reached):
		if reached == "taken":
			raise Killed

	monkeypatch.setattr(durable, "mark", mark)
	with pytest.raises(Killed):
		submit(key)
	batches.frappe.db.rollback()
	assert not batches.frappe.db.exists(BATCH, {"idempotency_key": key})
	monkeypatch.setattr(durable, "mark", lambda step: None)
	assert submit(key)["state"] == "stored"


def test_a_worker_that_is_stopped_in_the_call(batches, client):
	batches.sandbox.plan("stopped")
	batches.sandbox.put("list", False)
	key = uuid.uuid4().hex
	with pytest.raises(SystemExit):
		submit(key)
	assert submit(key)["state"] == "unknown"
	assert len(batches.sandbox.calls("submit")) == 1


def test_an_outcome_of_an_older_attempt_says_nothing_of_a_newer_one(batches, client):
	"""A sender whose database was away comes back while another one is at work: it must not open the batch again."""
	from bank_api.connectors.errors import NotSent
	from bank_api.gateway import payment_sending, payment_states

	batches.sandbox.plan("not_sent")
	found = submit()
	old = payment_states.get(found["batch"])
	payment_states.move(found["batch"], "Sending", tries=old.tries + 1)
	batches.frappe.db.commit()
	durable.durably(lambda: payment_sending._write(old, NotSent("late"), True))
	assert payment_states.get(found["batch"]).state == "Sending"


def test_a_sender_that_outlives_its_lock_still_tells_what_it_knows(batches, client, monkeypatch):
	"""The database was restarted during the call: the scheduler says Unknown, then the answer comes."""
	from bank_api.gateway import payment_sending, payment_states

	taken = {}

	def mark(reached):
		if reached == "answered":
			(name,) = batches.frappe.get_all(BATCH, {"state": "Sending", "client": client.name}, pluck="name")
			row = payment_states.get(name)
			durable.durably(
				lambda: payment_sending._write(row, payment_sending._in_doubt(InterruptedError()), True)
			)
			taken["state"] = payment_states.get(name).state

	monkeypatch.setattr(durable, "mark", mark)
	assert submit()["state"] == "stored"
	assert taken["state"] == "Unknown"


def test_a_database_that_fails_before_the_call(batches, client, monkeypatch):
	"""Whatever happens to the claim, the bank is not called, and the batch is not lost."""
	armed = [True]

	def mark(reached):
		if reached == "claiming" and armed:
			armed.clear()
			raise batches.frappe.QueryDeadlockError("deadlock")

	monkeypatch.setattr(durable, "mark", mark)
	found = submit()
	assert found["state"] == "validated" and batches.sandbox.book() == []
	hurry(batches)
	assert status(found["batch"])["state"] == "stored"
	assert arrived_once(batches, found["batch"]) == [1]


def test_a_database_that_fails_behind_the_call(batches, client, monkeypatch):
	"""The outcome is written again until it is durable."""
	from bank_api.gateway import payment_states

	failures, move = [1, 2], payment_states.move

	def failing(name, state, **values):
		if state == "Stored" and failures:
			failures.pop()
			raise batches.frappe.QueryDeadlockError("deadlock")
		return move(name, state, **values)

	monkeypatch.setattr(payment_states, "move", failing)
	assert submit()["state"] == "stored" and failures == []
	assert len(batches.sandbox.calls("submit")) == 1


# --- everybody at once


def test_eight_threads_with_one_key(batches, client, site):
	import frappe

	batches.sandbox.put("seconds", 0.3)
	key, answers, user = uuid.uuid4().hex, [], frappe.session.user
	day = payer.bank_day()

	def call():
		frappe.init(site, sites_path=".")
		frappe.connect()
		frappe.set_user(user)
		try:
			answers.append(submit(key, execution_date=day))
		except Exception as error:
			answers.append(error)
		finally:
			frappe.destroy()

	threads = [threading.Thread(target=call) for _ in range(8)]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join(120)
	assert len(batches.sandbox.calls("submit")) == 1 and len(batches.sandbox.book()) == 1
	told = [answer for answer in answers if isinstance(answer, dict)]
	assert len(told) == 8, answers
	assert len({answer["batch"] for answer in told}) == 1
	assert sum(not answer["repeated"] for answer in told) == 1
	assert {answer["state"] for answer in told} <= {"validated", "sending", "stored"}


def test_everybody_who_may_send_sends_at_once(batches, client, site):
	import frappe

	batches.sandbox.plan("not_sent")
	found = submit()
	batches.sandbox.put("seconds", 0.3)

	def call():
		from bank_api.gateway import payment_sending

		frappe.init(site, sites_path=".")
		frappe.connect()
		try:
			payment_sending.send(found["batch"])
		finally:
			frappe.destroy()

	threads = [threading.Thread(target=call) for _ in range(6)]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join(60)
	assert arrived_once(batches, found["batch"]) == [1]


# --- parts


@pytest.fixture
def small(batches):
	batches.sandbox.put("most", 2)
	return batches


def send_parts(world, batch):
	from bank_api.gateway import payment_sending

	payment_sending.send_all(batch)
	world.frappe.db.commit()


def test_a_large_batch_goes_in_parts(small, client):
	found = submit(payments=[payment(f"{n}.00") for n in range(1, 6)])
	((method, options),) = small.queued
	assert (method, options["batch"]) == ("bank_api.gateway.payment_sending.send_all", found["batch"])
	send_parts(small, found["batch"])
	found = status(found["batch"])
	assert found["state"] == "stored" and len(found["parts"]) == 3
	assert arrived_once(small, found["batch"]) == [1, 1, 1]
	sent = [one["amount"] for batch in small.sandbox.book() for one in batch["payments"]]
	assert sent == ["1.00", "2.00", "3.00", "4.00", "5.00"]
	assert found["total"] == "15.00"


def test_a_look_at_many_parts_takes_turns(small, client, monkeypatch):
	"""Whoever asks waits for seconds, however many parts there are."""
	from bank_api.gateway import payment_status

	found = submit(payments=[payment(f"{n}.00") for n in range(1, 6)])
	send_parts(small, found["batch"])
	monkeypatch.setattr(payment_status, "ASK_SECONDS", -1)
	before = len(small.sandbox.calls("batch_status"))
	for _ in range(4):
		status(found["batch"], refresh=1)
	asked = small.sandbox.calls("batch_status")[before:]
	assert len(asked) == 4 and len(set(asked)) == 3 and asked[3] == asked[0]


def test_nothing_follows_a_part_that_is_in_doubt(small, client):
	small.sandbox.put("list", False)
	small.sandbox.plan("stored", "lost_after")
	found = submit(payments=[payment(f"{n}.00") for n in range(1, 8)])
	for _ in range(3):
		send_parts(small, found["batch"])
		hurry(small)
	assert [part.state for part in parts(small, found["batch"])] == [
		"Stored",
		"Unknown",
		"Validated",
		"Validated",
	]
	assert status(found["batch"])["state"] == "unknown"
	small.sandbox.put("list", True)
	hurry(small)  # finds the lost one
	hurry(small)  # sends the rest
	assert status(found["batch"])["state"] == "stored"
	assert arrived_once(small, found["batch"]) == [1, 1, 1, 1]


def test_the_whole_is_told_of_and_the_log_knows_the_parts(small, client):
	found = submit(payments=[payment(f"{n}.00") for n in range(1, 4)])
	send_parts(small, found["batch"])
	events = [event for event in small.events(client) if event.startswith("payment_batch.")]
	assert events == ["payment_batch.validated", "payment_batch.sending", "payment_batch.stored"]
	small.frappe.set_user("Administrator")
	lines = small.frappe.get_all(
		"Bank API Log",
		{"reference_name": ("in", [p.name for p in parts(small, found["batch"])])},
		pluck="action",
	)
	assert sorted(lines) == sorted(
		["Payment Batch Validated", "Payment Batch Sending", "Payment Batch Stored"] * 2
	)
