"""What a reviewer tried against payments, and what came of it: each of these has once gone wrong, or must not."""

import os
import time
import uuid
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from payer import BATCH, OWN, PAYMENT, bank_day, company, hurry, parts, payment, status, submit

from bank_api import kb
from bank_api.gateway import payment_arguments, payment_decisions, payment_journal, payment_sending
from bank_api.gateway.errors import BadArgument, InvalidPayments, OutcomeUncertain


@pytest.fixture
def client(batches):
	return company(batches)


# --- a database that was set back


def back_to_validated(world, batch):
	"""As after restoring a backup that was made before the batch was sent."""
	world.frappe.db.sql(
		f"""update `tab{BATCH}` set state = 'Validated', tries = 0, sent_at = null, stored_at = null,
		provider_batch_id = null, payload_sha256 = null, next_try_at = now() where name = %s""",
		batch,
	)
	world.frappe.db.commit()


@pytest.mark.parametrize("outcome", ["stored", "lost_after"])
def test_a_restored_backup_sends_nothing_twice(batches, client, outcome):
	batches.sandbox.put("list", False)
	batches.sandbox.plan(outcome)
	found = submit()
	back_to_validated(batches, found["batch"])
	for _ in range(3):
		hurry(batches)
	assert len(batches.sandbox.book()) == 1
	after = status(found["batch"])
	assert after["state"] == "unknown"
	assert outcome == "lost_after" or "backup" in after["message"] or after["message"]


def test_a_restored_backup_is_settled_by_the_banks_word(batches, client):
	found = submit()
	back_to_validated(batches, found["batch"])
	hurry(batches)
	hurry(batches)
	assert status(found["batch"])["state"] == "stored" and len(batches.sandbox.book()) == 1


def test_what_certainly_did_not_arrive_leaves_no_trace(batches, client):
	batches.sandbox.plan("not_sent", "limited", "token")
	found = submit()
	for _ in range(3):
		hurry(batches)
	assert status(found["batch"])["state"] == "stored" and len(batches.sandbox.book()) == 1


def test_without_a_trace_nothing_is_sent(batches, client, monkeypatch):
	def full(exchange_id):
		raise OSError(28, "No space left on device")

	monkeypatch.setattr(payment_journal, "begin", full)
	found = submit()
	assert found["state"] == "validated" and batches.sandbox.calls("submit") == []
	monkeypatch.undo()
	monkeypatch.setattr("bank_api.connectors.registry.CONNECTORS", _connectors())
	hurry(batches)
	assert status(found["batch"])["state"] == "stored"


def _connectors():
	from fake_payments import FakePaymentConnector

	from bank_api.connectors import registry

	return registry.CONNECTORS | {"kb": FakePaymentConnector}


@pytest.mark.parametrize("count", [1, 150])
def test_a_key_that_the_database_has_lost_makes_no_second_batch(batches, client, count):
	"""As after restoring a backup that was made before the batch was handed over; its caller repeats the call."""
	asked = {"payments": [payment() for _ in range(count)]}
	found = submit("wages", **asked)
	if count > 1:
		payment_sending.send_all(found["batch"])
	sent = len(batches.sandbox.book())
	assert sent == (1 if count == 1 else 2)
	for doctype, column in ((PAYMENT, "batch"), (BATCH, "name"), (BATCH, "parent_batch")):
		batches.frappe.db.sql(f"delete from `tab{doctype}` where {column} = %s", found["batch"])
	batches.frappe.db.commit()
	with pytest.raises(OutcomeUncertain):
		submit("wages", **asked)
	assert len(batches.sandbox.book()) == sent
	assert submit("another", **asked)["batch"] != found["batch"]


def test_a_key_under_which_nothing_was_sent_is_free(batches, client):
	with pytest.raises(InvalidPayments):
		submit("again", payments=[payment(amount="-1")])
	assert submit("again")["state"] == "stored"


def test_old_traces_are_taken_away(batches, client):
	submit()
	folder = Path(batches.frappe.get_site_path(*payment_journal.FOLDER))
	ages = {"O": payment_journal.KEPT_SECONDS, "key-O": payment_journal.KEY_KEPT_SECONDS, "N": 0, "key-N": 0}
	ages["key-M"] = payment_journal.KEPT_SECONDS
	paths = {}
	for name, age in ages.items():
		paths[name] = folder / (name + uuid.uuid4().hex[:13])
		paths[name].touch()
		if age:
			past = time.time() - age - 60
			os.utime(paths[name], (past, past))
	payment_journal.clean_up()
	assert {name for name, path in paths.items() if path.exists()} == {"N", "key-N", "key-M"}


# --- numbers and texts


@pytest.mark.parametrize("number", ["1E-400000000", "1E+400000000", "0E-400000000", "1." + "0" * 100])
def test_a_number_that_fills_the_memory_is_refused_at_once(batches, number):
	with pytest.raises(BadArgument):
		payment_arguments.listed(f'[{{"amount": {number}, "variable_symbol": {number}}}]')


def test_a_list_that_is_nested_too_deeply_is_no_defect_of_ours(batches):
	with pytest.raises(BadArgument):
		payment_arguments.listed("[" * 600 + "]" * 600)


ODD = [
	{"amount": "-999999999999999.99"},
	{"variable_symbol": "1" * 300},
	{"constant_symbol": "1" * 300, "specific_symbol": "2" * 300},
	{"reference": "R" * 300, "end_to_end_id": "E" * 300},
	{"partner_account": "1" * 300},
	{"partner_name": "N" * 3000, "message": "M" * 100_000},
	{"message": "\ud800", "partner_name": "\udfff"},
]


@pytest.mark.parametrize("values", ODD)
def test_what_is_refused_is_kept_however_odd(batches, client, values):
	found = submit(payments=[payment("1.00"), payment() | values], accept_partly=1, name="\ud800")
	assert (found["state"], found["refused"], found["total"]) == ("stored", 1, "1.00")
	assert len(kb.get_payments(batch=found["batch"])["payments"]) == 2


def test_an_exported_list_holds_no_formulas(batches, client):
	rows = [payment(message='=HYPERLINK("http://x","y")', partner_name="@SUM(A1)")]
	found = submit(payments=rows, name="=1+1")
	(row,) = batches.frappe.get_all(
		PAYMENT, {"batch": found["batch"]}, ["message", "partner_name", "payload"]
	)
	assert (row.message[:2], row.partner_name[:2]) == ("'=", "'@")
	assert '"=HYPERLINK' in row.payload, "what is paid is not touched"
	assert found["name"] == "1+1"


# --- a state that is said without being known


def test_a_batch_that_the_bank_does_not_know_is_not_told_as_unknown_to_us(batches, client):
	"""404 would be read as: it never arrived."""
	found = submit()
	batches.sandbox.put("batch:B000000001", None)
	after = status(found["batch"], refresh=1)
	assert after["state"] == "stored" and "does not know" in after["message"]
	with pytest.raises(BadArgument):
		kb.cancel_payment_batch(batch=found["batch"])


def test_what_is_authorised_can_be_taken_back_at_the_bank(batches, client):
	found = submit()
	for word in ("ACSP", "CANC"):
		batches.sandbox.decide("B000000001", word, "NONE")
		hurry(batches)
	assert status(found["batch"])["state"] == "cancelled"


def test_a_token_that_has_just_ended_cancels_all_the_same(batches, client, monkeypatch):
	from fake_payments import FakePaymentConnector

	from bank_api.connectors.errors import TokenRefused

	found, cancel, stale = submit(), FakePaymentConnector.cancel_batch, []

	def first_refused(self, token, batch_id):
		if not stale:
			stale.append(token)
			raise TokenRefused("KB does not accept the access token.")
		return cancel(self, token, batch_id)

	monkeypatch.setattr(FakePaymentConnector, "cancel_batch", first_refused)
	assert kb.cancel_payment_batch(batch=found["batch"])["state"] == "cancelled"


def test_a_client_from_whom_the_provider_was_taken_sends_nothing(batches, client):
	batches.sandbox.plan("not_sent")
	found = submit()
	frappe = batches.frappe
	other = frappe.get_doc(
		{
			"doctype": "Bank API Provider",
			"provider_name": f"Other {uuid.uuid4().hex[:8]}",
			"connector": "kb",
			"api_base_url": "https://other.example",
			"enabled": 0,
		}
	).insert(ignore_permissions=True)
	doc = frappe.get_doc("Bank API Client", client.name)
	doc.append("allowed_providers", {"provider": other.name})
	doc.save(ignore_permissions=True)
	frappe.db.commit()
	hurry(batches)
	assert len(batches.sandbox.calls("submit")) == 1 and batches.sandbox.book() == []
	(row,) = parts(batches, found["batch"])
	assert row.state == "Validated" and "disabled" in row.last_error


# --- people


def unknown(world, **values):
	world.sandbox.put("list", False)
	world.sandbox.plan("lost_after")
	found = submit(**values)
	world.frappe.db.sql(
		f"update `tab{BATCH}` set sent_at = sent_at - interval 3 hour where name = %s", found["batch"]
	)
	world.frappe.db.commit()
	return parts(world, found["batch"])[0]


def decide(row, number):
	payment_decisions.decide(
		row.name, arrived=True, digest=row.digest, total=f"{row.total} CZK", provider_batch_id=number
	)


@pytest.mark.parametrize("number", ["two words", "<b>1</b> ", "1\n2", "é"])
def test_a_number_of_the_bank_has_a_form(batches, client, number):
	row = unknown(batches)
	with pytest.raises(BadArgument):
		decide(row, number)
	assert parts(batches, row.name)[0].state == "Unknown"


def test_a_number_of_another_batch_settles_nothing(batches, client, monkeypatch):
	"""The bank cannot be asked, and somebody reads the wrong line."""
	from fake_payments import FakePaymentConnector

	from bank_api.connectors.errors import ProviderUnavailable

	submit()
	row = unknown(batches)

	def silent(self, token, batch_id):
		raise ProviderUnavailable("no answer")

	monkeypatch.setattr(FakePaymentConnector, "batch_status", silent)
	with pytest.raises(BadArgument):
		decide(row, "B000000001")
	decide(row, "B000000002")
	assert parts(batches, row.name)[0].state == "Stored"


def test_a_human_who_was_wrong_is_corrected_by_the_bank(batches, client):
	"""Nobody has to press a button for it: the payments may be submitted anew already."""
	row = unknown(batches)
	payment_decisions.decide(row.name, arrived=False, digest=row.digest, total=f"{row.total} CZK")
	assert parts(batches, row.name)[0].state == "Rejected"
	batches.sandbox.put("list", True)
	hurry(batches)
	assert parts(batches, row.name)[0].state == "Stored"
	assert "payment_batch.stored" in batches.events(client)


def test_an_erased_users_batch_can_still_be_decided_about(batches, client):
	row = unknown(batches)
	batches.frappe.db.sql(f"update `tab{BATCH}` set item = null, end_user = null where name = %s", row.name)
	batches.frappe.db.commit()
	decide(row, "B000000001")
	assert parts(batches, row.name)[0].state == "Stored"


@pytest.mark.parametrize(
	("sent", "now", "waits"),
	[
		("2026-03-29 01:59:30", "2026-03-29T01:00:30+00:00", True),  # the clock leaps from 02:00 to 03:00
		("2026-03-29 01:59:30", "2026-03-29T01:10:30+00:00", False),
		("2026-10-25 02:30:00", "2026-10-25T01:31:00+00:00", True),  # 02:00 to 03:00 happens twice
		("2026-10-25 02:30:00", "2026-10-25T01:41:00+00:00", False),
	],
)
def test_ten_minutes_are_ten_minutes_when_the_clocks_change(batches, monkeypatch, sent, now, waits):
	monkeypatch.setattr(payment_decisions, "site_zone", lambda: ZoneInfo("Europe/Prague"))
	left = payment_decisions._instant(datetime.fromisoformat(sent)) + payment_decisions.NOT_BEFORE
	assert (left > datetime.fromisoformat(now)) is waits


def test_nobody_deletes_or_renames_what_was_paid(batches, client):
	frappe = batches.frappe
	key, day = uuid.uuid4().hex, bank_day()
	found = submit(key, execution_date=day)
	user = frappe.session.user
	frappe.set_user("Administrator")
	names = {
		BATCH: found["batch"],
		PAYMENT: frappe.get_all(PAYMENT, {"batch": found["batch"]}, pluck="name")[0],
	}
	for doctype, name in names.items():
		for act in (
			lambda doctype=doctype, name=name: frappe.delete_doc(doctype, name, force=True),
			lambda doctype=doctype, name=name: frappe.rename_doc(doctype, name, "other", force=True),
		):
			with pytest.raises((frappe.PermissionError, frappe.ValidationError)):
				act()
			frappe.db.rollback()
			assert frappe.db.exists(doctype, name)
	frappe.set_user(user)
	assert submit(key, execution_date=day)["repeated"]


def test_a_mode_that_is_none_is_told_by_the_validation_too(batches, client):
	with pytest.raises(BadArgument):
		kb.validate_payment_batch(payments=[payment()], account=OWN, processing_mode="SOMETIMES")


def test_a_batch_that_fails_half_way_leaves_nothing_behind(batches, client, monkeypatch):
	"""Called from Python, where nobody rolls back: the parts that are written already must not be sent."""
	from bank_api.gateway import payments

	batches.sandbox.put("most", 1)
	calls, carried = [], payments._require_carried

	def failing(*args):
		calls.append(args)
		if len(calls) == 2:
			raise RuntimeError("a defect")
		return carried(*args)

	monkeypatch.setattr(payments, "_require_carried", failing)
	with pytest.raises(RuntimeError):
		submit(payments=[payment("1.00"), payment("2.00")])
	batches.frappe.db.commit()
	assert batches.frappe.db.count(BATCH, {"client": client.name}) == 0
	assert batches.sandbox.book() == []
