"""The same payments under another key: refused, unless they are meant. At once, later, in another order, under other names."""

import threading
import uuid
from datetime import date, timedelta

import pytest
from payer import BATCH, OWN, bank_day, company, hurry, parts, payment, status, submit

from bank_api import kb
from bank_api.gateway.errors import BadArgument, PaymentsRepeated


@pytest.fixture
def client(batches):
	return company(batches)


def once(key="", **values):
	return submit(key, **({"allow_repeated": None} | values))


def refused(world, first, **values):
	"""Submit again under a new key; nothing must come of it."""
	before = len(world.sandbox.calls("submit"))
	with pytest.raises(PaymentsRepeated) as error:
		once(**values)
	assert error.value.http_status_code == 409
	assert error.value.facts == {"batch": first["batch"], "idempotency_key": first["idempotency_key"]}
	assert first["batch"] in error.value.message and first["idempotency_key"] in error.value.message
	assert len(world.sandbox.calls("submit")) == before


def test_the_same_payments_under_another_key(batches, client):
	first = once()
	refused(batches, first)
	key = uuid.uuid4().hex
	with pytest.raises(PaymentsRepeated):
		once(key)
	meant = once(key, allow_repeated=1)
	assert meant["state"] == "stored" and meant["batch"] != first["batch"]
	assert once(key)["batch"] == meant["batch"], "a key is its batch, whatever was allowed"


ROWS = [payment("1.00", reference="A"), payment("2.00", reference="B")]


@pytest.mark.parametrize(
	"values",
	[
		{"payments": ROWS[::-1]},
		{"payments": [one | {"reference": "N" + one["reference"], "end_to_end_id": "E"} for one in ROWS]},
		{"payments": [one | {"currency": "CZK", "amount": one["amount"][:-1]} for one in ROWS]},
		{"name": "Another name", "processing_mode": "BATCH"},
		{"send_as": "best_domestic", "leave_out": "reference"},
		{"payments": [*ROWS, payment("0")], "accept_partly": 1},
	],
)
def test_another_look_pays_no_second_time(batches, client, values):
	refused(batches, once(payments=ROWS), **({"payments": ROWS} | values))


@pytest.mark.parametrize(
	"values",
	[
		{"payments": [ROWS[0], payment("2.01")]},
		{"payments": [ROWS[0], payment("2.00", variable_symbol="1")]},
		{"payments": [ROWS[0], payment("2.00", message="Other")]},
		{"payments": [ROWS[0], ROWS[1], ROWS[1] | {"reference": "C"}]},
		{"payments": ROWS[:1]},
		{"execution_date": bank_day(9)},
	],
)
def test_other_payments_are_others(batches, client, values):
	once(payments=ROWS)
	assert once(**({"payments": ROWS} | values))["state"] == "stored"


def test_another_client_may_pay_the_same(batches, client):
	once()
	company(batches)
	assert once()["state"] == "stored"


@pytest.mark.parametrize("outcome", ["lost_after", "lost_before", "not_sent"])
def test_what_is_in_doubt_or_waits_counts(batches, client, outcome):
	batches.sandbox.put("list", False)
	batches.sandbox.plan(outcome)
	refused(batches, once())


@pytest.mark.parametrize("end", ["refused", "cancelled", "expired", "decided"])
def test_what_was_never_paid_does_not_count(batches, client, end):
	if end in ("refused", "decided"):
		batches.sandbox.plan("refused" if end == "refused" else "lost_before")
	first = once(payments=[payment(), payment("2.00")])
	if end == "cancelled":
		kb.cancel_payment_batch(batch=first["batch"])
	elif end == "expired":
		batches.sandbox.decide("B000000001", "EXPI", "NONE")
		hurry(batches)
	elif end == "decided":
		from bank_api.gateway import payment_decisions

		batches.frappe.db.sql(f"update `tab{BATCH}` set sent_at = sent_at - interval 11 minute")
		(row,) = parts(batches, first["batch"])
		payment_decisions.decide(row.name, arrived=False, digest=row.digest, total=f"{row.total} CZK")
	assert status(first["batch"])["state"] in ("rejected", "cancelled", "expired")
	assert once(payments=[payment(), payment("2.00")])["state"] == "stored"


@pytest.mark.parametrize(("open_day", "days"), [(False, 90), (True, 5)])
def test_it_ends_some_days_after_the_last_day(batches, client, open_day, days):
	values = {"execution_date": None} if open_day else {}
	first = once(**values)

	def ended(ago):
		day = batches.frappe.utils.getdate() - timedelta(days=ago)
		batches.frappe.db.sql(
			f"update `tab{BATCH}` set last_execution_date = %s where name = %s", (day, first["batch"])
		)
		batches.frappe.db.commit()

	ended(days - 2)
	refused(batches, first, **values)
	ended(days + 2)
	assert once(**values)["state"] == "stored"


def test_a_day_that_was_left_to_us_does_not_tell_two_attempts_apart(batches, client, monkeypatch):
	"""Tried at 20:29 and at 20:31 under another key: the second time the first possible day is tomorrow."""
	from bank_api.gateway import payments

	first = once(execution_date=None)
	monkeypatch.setattr(payments, "first_day", lambda: date.fromisoformat(bank_day(3)))
	refused(batches, first, execution_date=None)


def test_validation_tells_of_the_earlier_batch(batches, client):
	arguments = {"payments": [payment()], "account": OWN, "execution_date": bank_day()}
	assert kb.validate_payment_batch(**arguments)["repeats"] is None
	first = once()
	told = kb.validate_payment_batch(**arguments)
	assert told["valid"] and told["repeats"]["batch"] == first["batch"]


@pytest.mark.parametrize("word", ["maybe", "2", "ja", [1]])
@pytest.mark.parametrize("name", ["allow_repeated", "accept_partly"])
def test_what_is_no_clear_yes_is_none(batches, client, name, word):
	with pytest.raises(BadArgument):
		submit(payments=[payment(), payment("0")], **{name: word})


@pytest.mark.parametrize("word", ["no", "false", "0", "off", 0, False, ""])
def test_a_no_is_a_no(batches, client, word):
	from bank_api.gateway.errors import InvalidPayments

	with pytest.raises(InvalidPayments):
		submit(payments=[payment(), payment("0")], accept_partly=word)
	first = once()
	refused(batches, first, allow_repeated=word)


def test_the_answer_names_batch_and_key(batches, client):
	from bank_api.gateway.api import error_response

	first = once()
	with pytest.raises(PaymentsRepeated) as error:
		once()
	answer = error_response(error.value)
	told = answer.get_json()
	assert (answer.status_code, told["exc_type"]) == (409, "PaymentsRepeated")
	assert (told["batch"], told["idempotency_key"]) == (first["batch"], first["idempotency_key"])


def test_eight_threads_with_eight_keys(batches, client, site):
	import frappe

	batches.sandbox.put("seconds", 0.3)
	answers, user, day = [], frappe.session.user, bank_day()

	def call():
		frappe.init(site, sites_path=".")
		frappe.connect()
		frappe.set_user(user)
		try:
			answers.append(once(execution_date=day))
		except Exception as error:
			answers.append(error)
		finally:
			frappe.destroy()

	threads = [threading.Thread(target=call) for _ in range(8)]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join(120)
	assert len(batches.sandbox.book()) == 1
	assert [type(one).__name__ for one in answers if not isinstance(one, dict)] == ["PaymentsRepeated"] * 7
