"""Taking batches: whole or not at all, one key one batch, in every format; and reading them back, by their own client alone."""

import base64
import json
import uuid
from datetime import date, timedelta
from decimal import Decimal

import payer
import pytest
from payer import BATCH, OWN, PARTNER, PAYMENT, bank_day, company, hurry, parts, payment, status, submit

from bank_api import kb
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import (
	BadArgument,
	ConsentNeeded,
	InvalidPayments,
	KeyInUse,
	NotOffered,
	UnknownObject,
)


@pytest.fixture
def client(batches):
	return company(batches)


def errors_of(call):
	with pytest.raises(InvalidPayments) as refused:
		call()
	return [(one["index"], one["field"], one["code"]) for one in refused.value.errors]


# --- one key, one batch


def test_a_key_gives_its_first_batch(batches, client):
	key, day = uuid.uuid4().hex, bank_day()
	first = submit(key, execution_date=day)
	again = submit(key, execution_date=day)
	assert again == first | {"repeated": True}
	assert len(batches.sandbox.calls("submit")) == 1


@pytest.mark.parametrize(
	"change",
	[
		{"payments": [{"partner_account": PARTNER, "amount": "1234.57"}]},
		{"name": "Other"},
		{"execution_date": "2099-01-05"},
		{"processing_mode": "BATCH"},
		{"accept_partly": 1},
	],
)
def test_another_body_under_a_key_is_refused(batches, client, change):
	key, day = uuid.uuid4().hex, bank_day()
	submit(key, **({"execution_date": day}))
	with pytest.raises(KeyInUse):
		submit(key, **({"execution_date": day} | change))
	assert len(batches.sandbox.calls("submit")) == 1


def test_a_key_that_differs_in_its_letters_alone_is_refused(batches, client):
	submit("KEY-" + client.site)
	with pytest.raises(KeyInUse):
		submit("key-" + client.site)


@pytest.mark.parametrize("key", ["", " ", "with blank", "é", "x" * 141])
def test_a_key_has_a_form(batches, client, key):
	with pytest.raises(BadArgument):
		kb.submit_payment_batch(idempotency_key=key, payments=[payment()], account=OWN)


def test_the_same_key_of_another_client_is_another_batch(batches, client):
	key = uuid.uuid4().hex
	first = submit(key)
	company(batches)
	assert submit(key)["batch"] != first["batch"]


def test_a_batch_that_is_refused_leaves_its_key_free(batches, client):
	key = uuid.uuid4().hex
	assert errors_of(lambda: submit(key, payments=[payment("0")]))
	assert submit(key)["state"] == "stored"


# --- what is checked


@pytest.mark.parametrize(
	"row, expected",
	[
		({"amount": "0"}, (0, "amount", "amount_not_positive")),
		({"amount": "1.234"}, (0, "amount", "amount_places")),
		({"amount": "1e3"}, (0, "amount", "value_invalid")),
		({"amount": ""}, (0, "amount", "value_missing")),
		({"amount": True}, (0, "amount", "value_invalid")),
		({"partner_account": "1234567898/0100"}, (0, "partner_account", "account_invalid")),
		({"partner_account": ""}, (0, "partner_account", "value_missing")),
		({"variable_symbol": "12345678901"}, (0, "variable_symbol", "symbol_invalid")),
		({"due": "2020-01-06"}, (0, "due", "date_past")),
		({"due": "tomorrow"}, (0, "due", "value_invalid")),
		({"surprise": 1}, (0, "surprise", "value_unknown")),
		({"scheme": "magic"}, (0, "scheme", "value_invalid")),
		({"operation": "collection"}, (0, "operation", "collection_not_allowed")),
		({"account": "27-0000000002/0100"}, None),
	],
)
def test_every_error_names_payment_and_field(batches, client, row, expected):
	found = errors_of(lambda: submit(payments=[payment() | row]))
	assert expected is None or expected in found
	assert batches.frappe.db.count(BATCH, {"client": client.name}) == 0
	assert batches.sandbox.calls("submit") == []


def test_all_errors_at_once_and_nothing_is_kept(batches, client):
	rows = [payment(), payment("0"), payment(), payment(partner_account="1/0100")]
	assert {index for index, _field, _code in errors_of(lambda: submit(payments=rows))} == {1, 3}
	assert batches.frappe.db.count(PAYMENT, {"client": client.name}) == 0


def test_the_good_part_if_the_caller_asks_for_it(batches, client):
	rows = [payment("1.00"), payment("0"), payment("3.00")]
	found = submit(payments=rows, accept_partly=1)
	assert (found["state"], found["payments"], found["refused"], found["total"]) == ("stored", 3, 1, "4.00")
	(sent,) = batches.sandbox.book()
	assert [one["amount"] for one in sent["payments"]] == ["1.00", "3.00"]
	listed = kb.get_payments(batch=found["batch"])["payments"]
	assert [(one["index"], one["status"]) for one in listed] == [
		(0, "stored"),
		(1, "rejected"),
		(2, "stored"),
	]
	assert found["errors"][0]["code"] == "amount_not_positive"
	hurry(batches)
	assert [one["status"] for one in kb.get_payments(batch=found["batch"])["payments"]] == [
		"stored",
		"rejected",
		"stored",
	]


def test_an_account_that_the_consent_does_not_reach(batches, client):
	other = "CZ2101000000000270000002"
	found = errors_of(lambda: submit(account=other))
	assert found and found[0][1] == "account"


def test_several_currencies_are_several_batches(batches, client):
	found = errors_of(lambda: submit(payments=[payment(), payment(currency="EUR")]))
	assert (None, "currency", "batch_several_currencies") in found


def test_a_float_is_no_amount(batches, client):
	with pytest.raises(BadArgument):
		submit(payments=[payment(amount=1234.56)])


def test_a_decimal_and_a_whole_number_are(batches, client):
	found = submit(payments=[payment(amount=Decimal("1.10")), payment(amount=7)])
	assert found["total"] == "8.10"


def test_a_text_of_payments_is_read_without_floats(batches, client):
	row = '{"partner_account": "1234567899/0100", "amount": 9007199254740.93, "due": "DAY"}'
	assert submit(payments=f"[{row.replace('DAY', bank_day())}]")["total"] == "9007199254740.93"


def test_without_a_consent_there_is_nothing_to_send_under(batches):
	batches.sign_in(batches.client())
	with pytest.raises(ConsentNeeded):
		submit()


def test_the_operator_sets_limits(batches, client):
	batches.frappe.db.set_value(
		"Bank API Provider",
		batches.provider,
		"further_settings",
		"payments.cut_offs = no\npayments.largest.CZK = 100",
	)
	assert errors_of(submit) == [(0, "amount", "amount_too_large")]


def test_validation_keeps_and_sends_nothing(batches, client):
	arguments = {"payments": [payment(), payment("0")], "account": OWN, "execution_date": bank_day()}
	found = kb.validate_payment_batch(**arguments)
	assert found["valid"] is False and found["errors"][0]["index"] == 1
	found = kb.validate_payment_batch(**(arguments | {"payments": [payment()]}))
	assert found["valid"] and found["total"] == "1234.56" and len(found["digest"]) == 64
	assert batches.frappe.db.count(BATCH, {"client": client.name}) == 0


# --- files


def as_file(name, key=""):
	from bank_api.payments import formats
	from bank_api.payments.model import Batch, Envelope, Party, Payment

	values = {"account": OWN, "partner_account": PARTNER, "amount": Decimal("12.34")}
	values["due"] = date.fromisoformat(bank_day())
	if name.startswith("pain") or name == "best_foreign":
		values |= {
			"scheme": "sepa",
			"currency": "EUR",
			"partner_account": "DE89370400440532013000",
			"partner": Party("Supplier"),
			"owner": Party("Firma"),
		}
	if name == "kb_json":
		values["reference"] = "R1"
	return formats.write(formats.FORMATS[name], Batch((Payment(**values),)), Envelope("REF1", "N", "FIRMA"))


@pytest.mark.parametrize("name", ["kb_json", "abo", "best_domestic"])
def test_a_file_is_a_batch(batches, client, name):
	content = base64.b64encode(as_file(name)).decode()
	found = submit(payments=None, file=content, account=None, execution_date=None)
	assert (found["state"], found["total"]) == ("stored", "12.34")


def test_a_text_file(batches, client):
	content = as_file("abo").decode("cp1250")
	found = submit(payments=None, file=content, file_encoding="windows-1250")
	assert found["total"] == "12.34"


def test_a_damaged_file_is_refused_with_its_place(batches, client):
	content = base64.b64encode(as_file("abo").replace(b"1234 ", b"1235 ", 1)).decode()
	with pytest.raises(InvalidPayments) as refused:
		submit(payments=None, file=content)
	assert refused.value.errors[0]["line"]


@pytest.mark.parametrize("send_as, word", [("abo", "UHL1"), ("best_domestic", "HI"), ("kb_json", "{")])
def test_it_is_sent_in_the_format_that_the_caller_chooses(batches, client, send_as, word):
	found = submit(send_as=send_as)
	assert found["state"] == "stored"
	(sent,) = batches.sandbox.book()
	assert sent["body"].startswith(word)


def test_numbers_of_files_serve_once_a_day(batches, client):
	first, second = submit(send_as="abo"), submit(send_as="abo", payments=[payment("2.00")])
	numbers = [parts(batches, one["batch"])[0].file_first for one in (first, second)]
	assert numbers == [1, 2]
	assert ["1 1501 001" in one["body"] or "1 1501 002" in one["body"] for one in batches.sandbox.book()] == [
		True,
		True,
	]


def test_what_a_format_cannot_carry_is_refused_before(batches, client):
	rows = [payment(partner_name="Supplier")]
	assert errors_of(lambda: submit(payments=rows, send_as="abo")) == [(0, "partner", "not_carried")]
	assert submit(payments=rows, send_as="abo", leave_out="partner")["state"] == "stored"


def test_an_amount_is_never_left_out(batches, client):
	with pytest.raises(BadArgument):
		submit(leave_out="amount")


@pytest.mark.parametrize("name", ["kb_json", "abo", "best_domestic"])
def test_a_download_says_what_was_approved(batches, client, name):
	from bank_api.payments import formats
	from bank_api.payments.digest import digest

	found = submit(payments=[payment("0.07"), payment("2.00")])
	left_out = None if name == "kb_json" else "reference"
	answer = kb.download_payment_batch(batch=found["batch"], format=name, leave_out=left_out)
	batch = formats.FORMATS[name].read(b"".join(answer.response)).batch
	assert [payment.amount for payment in batch.payments] == [Decimal("0.07"), Decimal("2.00")]
	assert digest(batch) == answer.headers["X-Payments-Digest"]
	assert (digest(batch) == found["digest"]) is (name == "kb_json")


def test_a_download_of_what_was_changed_is_refused(batches, client):
	found = submit()
	batches.frappe.db.sql(
		f"update `tab{PAYMENT}` set payload = replace(payload, '1234.56', '1234.57') where batch = %s",
		found["batch"],
	)
	with pytest.raises(InvalidPayments):
		kb.download_payment_batch(batch=found["batch"])


# --- reading


def test_lists_have_pages(batches, client):
	made = [submit()["batch"] for _ in range(5)]
	seen, cursor = [], None
	while True:
		page = kb.get_payment_batches(limit=2, cursor=cursor)
		seen += [one["batch"] for one in page["batches"]]
		cursor = page["cursor"]
		if not cursor:
			break
	assert seen == made[::-1]
	assert kb.get_payment_batches(state="unknown")["batches"] == []
	assert len(kb.get_payment_batches(state="stored", since=page["as_of"])["batches"]) == 5


def test_payments_have_pages(batches, client):
	found = submit(payments=[payment(f"{n}.00") for n in range(1, 8)])
	first = kb.get_payments(batch=found["batch"], limit=5)
	second = kb.get_payments(batch=found["batch"], limit=5, cursor=first["cursor"])
	amounts = [one["amount"] for one in first["payments"] + second["payments"]]
	assert amounts == [f"{n}.00" for n in range(1, 8)]
	assert second["cursor"] is None
	assert kb.get_payments(batch=found["batch"], status="rejected")["payments"] == []
	both = kb.get_payment_batch(batch=found["batch"], limit=2)
	assert len(both["rows"]) == 2 and both["state"] == "stored"


@pytest.mark.parametrize("cursor", ["x", "YjpaWg", "cDph", "!"])
def test_a_cursor_of_another_call_is_refused(batches, client, cursor):
	with pytest.raises(BadArgument):
		kb.get_payment_batches(cursor=cursor)


CALLS = [
	("get_payment_batch_status", {}),
	("get_payment_batch_status", {"refresh": 1}),
	("get_payment_batch", {}),
	("get_payments", {}),
	("download_payment_batch", {"format": "kb_json"}),
	("cancel_payment_batch", {}),
]


@pytest.mark.parametrize("method, more", CALLS)
def test_what_belongs_to_another_client_does_not_exist(batches, client, method, more):
	found = submit()
	(row,) = parts(batches, found["batch"])
	company(batches)
	told = set()
	for arguments in (
		{"batch": found["batch"]},
		{"idempotency_key": row.idempotency_key},
		{"batch": "0" * 22},
		{"idempotency_key": "nobody"},
	):
		with pytest.raises(UnknownObject) as refused:
			getattr(kb, method)(**arguments, **more)
		told.add(str(refused.value))
	assert len(told) == 1
	assert kb.get_payment_batches()["batches"] == []


@pytest.mark.parametrize("method, more", CALLS)
def test_a_part_is_nobodys_but_ours(batches, client, method, more):
	batches.sandbox.put("most", 1)
	found = submit(payments=[payment(), payment("2.00")])
	part = parts(batches, found["batch"])[0]
	with pytest.raises(UnknownObject):
		getattr(kb, method)(batch=part.name, **more)


# --- cancelling


def test_what_waits_to_be_sent_is_cancelled_here(batches, client):
	batches.sandbox.plan("not_sent")
	found = submit()
	assert kb.cancel_payment_batch(batch=found["batch"])["state"] == "cancelled"
	hurry(batches)
	assert batches.sandbox.book() == []


def test_what_waits_at_the_bank_is_cancelled_there(batches, client):
	found = submit()
	assert kb.cancel_payment_batch(batch=found["batch"])["state"] == "cancelled"
	assert len(batches.sandbox.calls("cancel_batch")) == 1


def test_a_cancellation_whose_answer_is_lost_is_looked_up(batches, client):
	batches.sandbox.put("cancelling", "lost_after")
	assert kb.cancel_payment_batch(batch=submit()["batch"])["state"] == "cancelled"


def test_a_cancellation_that_was_lost_changes_nothing(batches, client):
	from bank_api.connectors.errors import OutcomeUnknown

	batches.sandbox.put("cancelling", "lost_before")
	found = submit()
	with pytest.raises((OutcomeUnknown, Exception)):
		kb.cancel_payment_batch(batch=found["batch"])
	assert status(found["batch"])["state"] == "stored"


def test_a_bank_without_cancellation_says_where_to_refuse(batches, client):
	batches.sandbox.put("cancelling", "unsupported")
	with pytest.raises(NotOffered):
		kb.cancel_payment_batch(batch=submit()["batch"])


def test_what_is_authorised_is_not_cancelled(batches, client):
	found = submit()
	batches.sandbox.decide("B000000001", "ACSP")
	with pytest.raises(BadArgument):
		kb.cancel_payment_batch(batch=found["batch"])
	assert status(found["batch"])["state"] == "authorised"


# --- how it stands


@pytest.mark.parametrize(
	"word, sign, state",
	[
		("ACSP", "CLOSE", "authorised"),
		("ACSC", "CLOSE", "settled"),
		("RJCT", "REJECT", "rejected"),
		("CANC", "NONE", "cancelled"),
		("EXPI", "NONE", "expired"),
		("WXYZ", "OPEN", "stored"),
	],
)
def test_the_banks_word_is_followed(batches, client, word, sign, state):
	found = submit()
	batches.sandbox.decide("B000000001", word, sign)
	hurry(batches)
	assert status(found["batch"])["state"] == state
	expected = "payment_batch." + state
	events = [event for event in batches.events(client) if event.startswith("payment_batch.")]
	assert events == list(
		dict.fromkeys(["payment_batch.validated", "payment_batch.sending", "payment_batch.stored", expected])
	)
	assert {one["status"] for one in kb.get_payments(batch=found["batch"])["payments"]} == {state}


def test_a_batch_does_not_go_back(batches, client):
	found = submit()
	batches.sandbox.decide("B000000001", "ACSP")
	hurry(batches)
	batches.sandbox.decide("B000000001", "ACTC", "OPEN")
	hurry(batches)
	assert status(found["batch"])["state"] == "authorised"


def test_payments_that_fail_at_the_settlement(batches, client):
	found = submit(payments=[payment("1.00"), payment("2.00")])
	(sent,) = batches.sandbox.book()
	rows = [sent["payments"][0], sent["payments"][1] | {"bad": True}]
	batches.sandbox.decide("B000000001", "ACSC", payments=rows)
	hurry(batches)
	found = status(found["batch"])
	assert (found["state"], found["rejected"]) == ("settled", 1)
	assert [one["index"] for one in found["errors"]] == [1]


def test_a_settled_batch_is_asked_about_no_more(batches, client):
	found = submit()
	batches.sandbox.decide("B000000001", "ACSC")
	hurry(batches)
	batches.sandbox.forget_calls()
	hurry(batches)
	assert batches.sandbox.calls("batch_status") == []
	assert status(found["batch"])["settled_at"]


def test_other_payments_at_the_bank_are_told_before_anybody_authorises(batches, client):
	found = submit()
	(sent,) = batches.sandbox.book()
	batches.sandbox.decide(
		"B000000001", "ACTC", "OPEN", payments=[sent["payments"][0] | {"amount": "9234.56"}]
	)
	hurry(batches)
	assert "other payments" in status(found["batch"])["message"]


def test_a_renewed_consent_goes_on_asking(batches, client):
	"""Twelve months are over, the user consents again: the batch of the old consent is still looked after."""
	frappe = batches.frappe
	found = submit()
	old = frappe.get_doc("Bank API Item", parts(batches, found["batch"])[0].item)
	consent = frappe.get_doc("Bank API Consent", {"item": old.name})
	frappe.db.set_value("Bank API Item", old.name, "status", "Deleted")
	batches.sandbox.decide("B000000001", "ACSC")
	frappe.db.set_value("Bank API Consent", consent.name, "state", "Ended")
	hurry(batches)
	assert status(found["batch"])["state"] == "stored" and status(found["batch"])["message"]
	values = {"client": client.name, "provider": batches.provider, "end_user": old.end_user}
	new = frappe.get_doc(
		{"doctype": "Bank API Item", **values, "item_id": "kb-new-" + client.site, "status": "OK"}
	).insert(ignore_permissions=True)
	frappe.db.set_value(
		"Bank API Consent",
		consent.name,
		{"state": "Active", "item": new.name, "provider_consent_id": new.item_id},
	)
	hurry(batches)
	assert status(found["batch"])["state"] == "settled"


# --- decided by people


def unknown(world, **values):
	world.sandbox.put("list", False)
	world.sandbox.plan("lost_after")
	found = submit(**values)
	world.frappe.db.sql(
		f"update `tab{BATCH}` set sent_at = sent_at - interval 11 minute where name = %s", found["batch"]
	)
	world.frappe.db.commit()
	world.frappe.set_user("Administrator")
	return world.frappe.get_doc(BATCH, found["batch"])


def decide(doc, arrived, **change):
	doc.decide(
		**(
			{
				"arrived": arrived,
				"digest": doc.digest,
				"total": f"{doc.total} {doc.currency}",
				"provider_batch_id": "B000000001" if arrived else None,
			}
			| change
		)
	)
	doc.reload()


def test_somebody_has_seen_it_at_the_bank(batches, client):
	doc = unknown(batches)
	decide(doc, 1)
	assert (doc.state, doc.provider_batch_id, doc.decided_by) == ("Stored", "B000000001", "Administrator")
	batches.sandbox.decide("B000000001", "ACSC")
	hurry(batches)
	doc.reload()
	assert doc.state == "Settled"


def test_somebody_has_made_sure_that_it_is_not_there(batches, client):
	doc = unknown(batches)
	decide(doc, 0)
	assert doc.state == "Rejected"
	assert batches.frappe.db.exists(
		"Bank API Log", {"reference_name": doc.name, "action": "Payment Batch Decided"}
	)
	hurry(batches)
	assert len(batches.sandbox.calls("submit")) == 1


@pytest.mark.parametrize(
	"change",
	[
		{"digest": "0" * 64},
		{"total": "1.00 CZK"},
		{"provider_batch_id": ""},
		{"provider_batch_id": "B999999999"},
	],
)
def test_a_decision_names_digest_amount_and_number(batches, client, change):
	doc = unknown(batches)
	with pytest.raises(batches.frappe.ValidationError):
		decide(doc, 1, **change)
	doc.reload()
	assert doc.state == "Unknown"


def test_nobody_decides_while_it_may_be_on_its_way(batches, client):
	doc = unknown(batches)
	batches.frappe.db.sql(f"update `tab{BATCH}` set sent_at = %s where name = %s", (site_now(), doc.name))
	with pytest.raises(batches.frappe.ValidationError):
		decide(doc, 0)


def test_the_banks_word_comes_before_a_humans(batches, client):
	doc = unknown(batches)
	batches.sandbox.put("list", True)
	decide(doc, 0)
	assert doc.state == "Stored"


def test_what_the_bank_holds_twice_never_arrived_for_nobody(batches, client):
	doc = unknown(batches)
	batches.sandbox.put("list", True)
	(first,) = batches.sandbox.book()
	batches.sandbox.store(doc.exchange_id, first["body"].encode(), 1, 0)
	with pytest.raises(batches.frappe.ValidationError):
		decide(doc, 0)
	doc.reload()
	assert doc.state == "Unknown"


def test_only_what_is_unknown_is_decided_about(batches, client):
	found = submit()
	batches.frappe.set_user("Administrator")
	doc = batches.frappe.get_doc(BATCH, found["batch"])
	with pytest.raises(batches.frappe.ValidationError):
		decide(doc, 0)


def test_buttons_are_for_managers(batches, client):
	found = submit()
	doc = batches.frappe.get_doc(BATCH, found["batch"])
	for press in (doc.check_now, doc.cancel_batch, lambda: decide(doc, 0), doc.overview_lines):
		with pytest.raises(batches.frappe.PermissionError):
			press()


def test_the_form_tells_what_has_happened(batches, client):
	found = submit()
	batches.frappe.set_user("Administrator")
	told = batches.frappe.get_doc(BATCH, found["batch"]).overview_lines()
	assert (told["counts"], told["parts"], told["errors"]) == ({"Stored": 1}, [], [])
	assert [line["action"] for line in told["timeline"]] == [
		"Payment Batch Validated",
		"Payment Batch Sending",
		"Payment Batch Stored",
	]


# --- what is told


def test_events_hold_no_bank_data(batches, client):
	submit(payments=[payment(message="Salary of Jane", partner_name="Jane")])
	(payload, *_rest) = batches.frappe.get_all(
		"Bank API Webhook Delivery",
		{"client": client.name, "event_type": "payment_batch.stored"},
		pluck="payload",
	)
	data = json.loads(payload)["data"]
	assert set(data) == {
		"batch",
		"idempotency_key",
		"state",
		"payments",
		"rejected",
		"provider",
		"item_id",
		"user",
		"sequence",
	}
	assert OWN not in payload and PARTNER not in payload and "Jane" not in payload


def test_a_state_changes_in_one_place_only():
	import re
	from pathlib import Path

	import bank_api.gateway

	folder = Path(bank_api.gateway.__file__).parent
	writers = [
		path.name
		for path in folder.glob("*.py")
		if re.search(r"UPDATE `tab(\{DOCTYPE\}|Bank API Payment Batch)` SET state", path.read_text())
	]
	assert writers == []


def test_days_are_the_banks(batches, client):
	weekend = date.today()
	while weekend.weekday() != 5:
		weekend += timedelta(days=1)
	found = errors_of(lambda: submit(execution_date=weekend.isoformat()))
	assert found[0][2] in ("date_closed", "date_past")
	assert payer.today() <= date.today() + timedelta(days=1)


# --- over HTTP, and afterwards


def over_http(frappe, monkeypatch, body):
	"""What `payments` is read as from a request with this body; the framework has its floats already."""
	from werkzeug.test import EnvironBuilder
	from werkzeug.wrappers import Request

	from bank_api.gateway import payment_arguments

	builder = EnvironBuilder(method="POST", data=body, content_type="application/json")
	monkeypatch.setattr(frappe.local, "request", Request(builder.get_environ()), raising=False)
	return payment_arguments.listed(json.loads(body).get("payments"))


def test_a_json_number_never_was_a_float(batches, monkeypatch):
	body = '{"payments": [{"amount": 1234567890123.10}, {"amount": 0.1}, {"amount": 1e2}]}'
	rows = over_http(batches.frappe, monkeypatch, body)
	assert [one["amount"] for one in rows] == [Decimal("1234567890123.10"), Decimal("0.1"), Decimal("1E+2")]
	assert str(rows[0]["amount"]) == "1234567890123.10"


@pytest.mark.parametrize(
	"body",
	[
		'{"payments": [{"amount": 1.00, "amount": 9.00}]}',
		'{"payments": [{"amount": 1.00}], "payments": [{"amount": 9.00}]}',
		'{"payments": [{"amount": NaN}]}',
		'{"payments": {"amount": 1}}',
	],
)
def test_a_body_that_could_be_read_in_two_ways_is_refused(batches, monkeypatch, body):
	with pytest.raises(BadArgument):
		over_http(batches.frappe, monkeypatch, body)


def test_an_erased_end_user_leaves_nothing_but_the_key(batches, client):
	from bank_api.gateway import end_users

	key, day = uuid.uuid4().hex, bank_day()
	sent = submit(key, execution_date=day)
	batches.sandbox.plan("not_sent")
	waiting = submit()
	user = batches.frappe.db.get_value(BATCH, sent["batch"], "end_user")
	batches.frappe.db.set_value("Bank API End User", user, {"erased": 1, "provider_user_id": None})
	batches.frappe.db.commit()
	end_users.erase_rows(user)
	assert batches.frappe.db.count(PAYMENT, {"client": client.name}) == 0
	(row,) = parts(batches, sent["batch"])
	assert (row.account, row.batch_name, row.idempotency_key) == (None, None, key)
	assert parts(batches, waiting["batch"])[0].state == "Cancelled"
	hurry(batches)
	again = submit(key, execution_date=day)
	assert again["repeated"] and again["batch"] == sent["batch"]
	assert len(batches.sandbox.book()) == 1
