"""KB's batches: received, authorised by a human, settled; and never twice (protocol 3)."""

import hashlib
import json
import threading

import pytest
import requests
from kb_harness import BATCHES, NOW, PARTNER, TODAY, TOMORROW, KbClient, codes, payment, running_kb
from sandbox_harness import Options, Sandbox

from bank_api.sandbox.kb.data import CLERK, CLOSED, EURO, MAIN, SAVINGS, WAGES


def iban(text):
	return {"identification": {"iban": text}}


def stored(answer):
	assert answer.status_code == 200, answer.text
	return answer.json()


class TestAnswer:
	def test_all_accepted(self, kb_client):
		answer = kb_client.send("E1", payment(1), payment(2, 0.01), x_batch_processing_mode="BATCH")
		body = stored(answer)
		sent = answer.request.body
		assert body | {"signInfo": None, "transactionIdentification": None} == {
			"transactionIdentification": None,
			"batchDigest": hashlib.sha1(sent).hexdigest().upper(),
			"transactionCreditCount": 0,
			"rejectedTransactionCreditCount": 0,
			"transactionDebitCount": 2,
			"rejectedTransactionDebitCount": 0,
			"totalCreditAmount": 0,
			"totalDebitAmount": 1234.57,
			"batchProcessingMode": "BATCH",
			"signInfo": None,
			"instructionStatus": "ACTC",
			"exchangeIdentification": "E1",
		}
		assert body["signInfo"]["state"] == "OPEN"
		assert len(body["transactionIdentification"]) == 10
		assert '"totalDebitAmount":1234.57' in answer.text

	def test_a_bad_payment_is_counted_and_explained(self, kb_client):
		bad = payment(2, creditorAccount=iban("CZ6508000000192000145390"))
		body = stored(kb_client.send("E2", payment(1), bad))
		assert body["instructionStatus"] == "ACWC"
		assert (body["transactionDebitCount"], body["rejectedTransactionDebitCount"]) == (2, 1)
		assert body["totalDebitAmount"] == 1234.56
		detail = kb_client.get(f"{BATCHES}/{body['transactionIdentification']}").json()
		assert [found["instructionStatus"] for found in detail["payments"]] == ["ACTC", "RJCT"]
		error = detail["payments"][1]["errors"][0]
		assert error["code"] == "AC03"
		assert error["additionalInfo"]["parameterName"].endswith("[1].creditorAccount.identification.iban")

	def test_nothing_accepted(self, kb, kb_client):
		bad = payment(1, requestedExecutionDate="2026-09-01")
		body = stored(kb_client.send("E3", bad))
		assert (body["instructionStatus"], body["signInfo"]["state"]) == ("RJCT", "NONE")
		kb.kb.switches(fully_rejected="error", invalid_status=422)
		answer = kb_client.send("E4", bad)
		assert (answer.status_code, codes(answer)) == (422, ["DT01"])

	def test_whole_or_nothing_is_a_switch(self, kb, kb_client):
		kb.kb.switches(partial=False, error_form="cobs")
		answer = kb_client.send("E5", payment(1), payment(2, requestedExecutionDate="2026-09-01"))
		assert answer.status_code == 400
		assert answer.json()["errors"][0]["error"] == "DT01"
		assert answer.json()["errors"][0]["scope"].endswith("[1].requestedExecutionDate")
		assert kb.kb.book()["count"] == 0

	def test_the_mode_may_be_ignored(self, kb, kb_client):
		kb.kb.switches(mode_ignored=True)
		body = stored(kb_client.send("E6", payment(), x_batch_processing_mode="CONTINUOUS"))
		assert body["batchProcessingMode"] == "ONLINE"

	def test_both_spellings_of_the_identification(self, kb, kb_client):
		capital = payment()
		capital["PaymentIdentification"] = capital.pop("paymentIdentification")
		stored(kb_client.send("E7", capital))
		kb.kb.switches(identification_case="lower")
		assert codes(kb_client.send("E8", capital))[0] == "FIELD_INVALID"

	def test_a_hundred_at_most(self, kb_client):
		many = [payment(number) for number in range(101)]
		assert codes(kb_client.send("E9", *many)) == ["TOO_MANY_PMTS"]
		assert stored(kb_client.send("E9", *many[:100]))["transactionDebitCount"] == 100


class TestWholeRequest:
	@pytest.mark.parametrize(
		("headers", "status", "code"),
		[
			({"x_exchange_identification": None}, 400, "FIELD_MISSING"),
			({"x_exchange_identification": "x" * 15}, 400, "INVALID_HEADER_VALUE"),
			({"x_batch_processing_mode": None}, 400, "FIELD_MISSING"),
			({"x_batch_processing_mode": "online"}, 400, "INVALID_HEADER_VALUE"),
			({"x_instruction_name": "x" * 36}, 400, "INVALID_HEADER_VALUE"),
			({"x_correlation_id": "4b3ab1b4"}, 400, "INVALID_HEADER_VALUE"),
			({"Content_Type": "text/csv"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
		],
	)
	def test_headers(self, kb_client, headers, status, code):
		answer = kb_client.send("E1", payment(), **headers)
		assert (answer.status_code, codes(answer)) == (status, [code])

	def test_a_missing_correlation_id_is_named(self, kb_client):
		answer = kb_client.send("E1", payment(), x_correlation_id=None)
		assert answer.status_code == 400
		assert "x-correlation-id" in answer.json()["errors"][0]["message"]

	def test_a_name_in_utf8(self, kb, kb_client):
		name = "Výplaty říjen".encode().decode("latin-1")
		stored(kb_client.send("E1", payment(), x_instruction_name=name))
		assert kb.kb.batches()[0]["name"] == "Výplaty říjen"

	@pytest.mark.parametrize(
		("body", "code"),
		[
			(b"{", "FF01"),
			(b'{"batchPaymentDataCollectionRequest":[]}', "FIELD_MISSING"),
			(b'{"payments":[]}', "FIELD_MISSING"),
			(b'{"batchPaymentDataCollectionRequest":[1]}', "FIELD_INVALID"),
			(b'{"batchPaymentDataCollectionRequest":[{"a":NaN}]}', "FF01"),
		],
	)
	def test_bodies(self, kb_client, body, code):
		answer = kb_client.send_raw("E1", body)
		assert (answer.status_code, codes(answer)[0]) == (400, code)

	@pytest.mark.parametrize(
		("changes", "code"),
		[
			({"unknown": 1}, "FIELD_INVALID"),
			({"paymentIdentification": {}}, "FIELD_MISSING"),
			({"amount": {"instructedAmount": {"value": "1.00", "currency": "CZK"}}}, "FIELD_INVALID"),
			({"amount": {"instructedAmount": {"value": 1.001, "currency": "CZK"}}}, "AM12"),
			({"amount": {"instructedAmount": {"value": 0, "currency": "CZK"}}}, "AM12"),
			({"amount": {"instructedAmount": {"value": True, "currency": "CZK"}}}, "FIELD_INVALID"),
			({"amount": {"instructedAmount": {"value": 10**15 + 1, "currency": "CZK"}}}, "AM12"),
			({"requestedExecutionDate": "9.9.2026"}, "FIELD_INVALID"),
			({"creditorAccount": None}, "FIELD_MISSING"),
			({"remittanceInformation": {"unstructured": "x" * 141}}, "FIELD_INVALID"),
		],
	)
	def test_fields(self, kb, kb_client, changes, code):
		answer = kb_client.send("E1", payment(**changes))
		assert (answer.status_code, codes(answer)[0]) == (400, code)
		assert kb.kb.book()["count"] == 0

	def test_symbols_at_most_once(self, kb_client):
		reference = {"structured": {"creditorReferenceInformation": {"reference": ["VS:1", "VS:2"]}}}
		assert codes(kb_client.send("E1", payment(remittanceInformation=reference))) == ["FIELD_INVALID"]

	def test_without_token_and_without_scope(self, kb, kb_client):
		assert kb_client.send("E1", payment(), Authorization=None).status_code == 401
		assert kb_client.send("E1", payment(), Authorization="Bearer x").status_code == 401
		assert KbClient(kb, "adaa").send("E1", payment()).status_code == 403

	def test_the_smallest_plan_has_no_batches(self, kb, kb_client):
		kb.kb.switches(plan="Basic")
		assert kb_client.send("E1", payment()).status_code == 403


class TestPayments:
	@pytest.mark.parametrize(
		("changes", "code"),
		[
			({"debtorAccount": iban(SAVINGS)}, "AC12"),
			({"debtorAccount": iban(CLOSED)}, "AG01"),
			({"debtorAccount": iban(PARTNER)}, "AC02"),
			({"debtorAccount": {**iban(MAIN), "currency": "EUR"}}, "AC09"),
			({"creditorAccount": iban(MAIN)}, "AC03"),
			({"creditorAccount": iban(CLOSED)}, "AC03"),
			({"creditorAccount": iban("DE89370400440532013000")}, "RR03"),
			({"amount": {"instructedAmount": {"value": 1, "currency": "XAU"}}}, "AM11"),
			({"requestedExecutionDate": "2026-09-12"}, "DT01"),
			({"requestedExecutionDate": "2026-09-28"}, "DT01"),
			({"requestedExecutionDate": "2027-10-01"}, "DT01"),
			({"requestedExecutionDate": "2026-02-30"}, "DT01"),
			({"chargeBearer": "WHO"}, "BE19"),
			({"remittanceInformation": {"unstructured": "שלום"}}, "RR10"),
		],
	)
	def test_rejections(self, kb, kb_client, changes, code):
		body = stored(kb_client.send("E1", payment(1), payment(2, **changes)))
		assert body["rejectedTransactionDebitCount"] == 1, kb.kb.batch(body["transactionIdentification"])
		found = kb.kb.batch(body["transactionIdentification"])["payments"][1]["errors"]
		assert code in [error["code"] for error in found]

	def test_a_bank_that_does_not_exist(self, kb, kb_client):
		from bank_api.sandbox.data import iban as make

		unknown = make("CZ", "9999" + "000019" + "2000145399")
		body = stored(kb_client.send("E1", payment(1, creditorAccount=iban(unknown))))
		assert kb.kb.batch(body["transactionIdentification"])["payments"][0]["errors"][0]["code"] == "RC10"

	@pytest.mark.parametrize("symbol", ["3555", "51", "6", "0007"])
	def test_forbidden_constant_symbols(self, kb, kb_client, symbol):
		reference = {"structured": {"creditorReferenceInformation": {"reference": [f"KS:{symbol}"]}}}
		body = stored(kb_client.send("E1", payment(1, remittanceInformation=reference)))
		assert body["instructionStatus"] == "RJCT"

	def test_an_identification_twice_in_a_batch(self, kb, kb_client):
		body = stored(kb_client.send("E1", payment(1), payment(1)))
		assert body["rejectedTransactionDebitCount"] == 1

	def test_an_account_outside_the_consent(self, kb):
		client = KbClient(kb, accounts=[WAGES])
		assert stored(client.send("E1", payment()))["instructionStatus"] == "RJCT"
		clerk = KbClient(kb, user=CLERK, accounts=[MAIN, EURO])
		assert stored(clerk.send("E2", payment(1)))["instructionStatus"] == "ACTC"
		assert stored(clerk.send("E3", payment(1, debtorAccount=iban(EURO))))["instructionStatus"] == "RJCT"

	def test_a_day_may_be_moved(self, kb, kb_client):
		kb.kb.switches(holiday_dates="move", cut_off="09:00")
		body = stored(kb_client.send("E1", payment(1, requestedExecutionDate="2026-09-12"), payment(2)))
		assert body["instructionStatus"] == "ACWC"
		late = stored(kb_client.send("E2", payment(1, requestedExecutionDate=TODAY)))
		status = kb_client.get(f"{BATCHES}/{late['transactionIdentification']}/status").json()
		assert status["statusChangeInfo"] == "TM01"
		days = [p["day"] for b in kb.kb.batches() for p in kb.kb.batch(b["id"])["payments"]]
		assert days == ["2026-09-14", TOMORROW, TOMORROW]

	def test_one_account_a_batch_is_a_switch(self, kb, kb_client):
		kb.kb.switches(one_account=True)
		answer = kb_client.send("E1", payment(1), payment(2, debtorAccount=iban(WAGES)))
		assert codes(answer) == ["ACC_DIFFERENT"]


class TestRepeated:
	def test_refused(self, kb, kb_client):
		stored(kb_client.send("SAME", payment()))
		answer = kb_client.send("SAME", payment())
		assert (answer.status_code, codes(answer)) == (400, ["AM05"])
		assert kb.kb.book()["count"] == 1

	def test_the_first_outcome(self, kb, kb_client):
		kb.kb.switches(repeated_exchange="same_outcome")
		first = stored(kb_client.send("SAME", payment()))
		assert stored(kb_client.send("SAME", payment())) == first
		assert codes(kb_client.send("SAME", payment(2))) == ["AM05"]
		assert kb.kb.book()["count"] == 1

	def test_accepted_blindly_it_shows_in_the_book(self, kb, kb_client):
		kb.kb.switches(repeated_exchange="accept")
		for _ in range(2):
			stored(kb_client.send("SAME", payment()))
		assert len(kb.kb.book()["repeated"]) == 1

	def test_another_client_may_use_the_same(self, kb, kb_client):
		stored(kb_client.send("SAME", payment()))
		stored(KbClient(kb).send("SAME", payment()))

	def test_eight_at_once(self, kb, kb_client):
		statuses: list[int] = []

		def send():
			statuses.append(kb_client.send("SAME", payment()).status_code)

		threads = [threading.Thread(target=send) for _ in range(8)]
		for thread in threads:
			thread.start()
		for thread in threads:
			thread.join()
		assert sorted(statuses) == [200] + [400] * 7
		assert kb.kb.book()["count"] == 1

	def test_it_can_be_found_again(self, kb_client):
		body = stored(kb_client.send("FIND", payment()))
		found = kb_client.get(BATCHES, exchangeIdentification="FIND").json()["batchPayments"]
		assert [batch["transactionIdentification"] for batch in found] == [body["transactionIdentification"]]
		assert kb_client.get(BATCHES, exchangeIdentification="NONE").json()["batchPayments"] == []


class TestHuman:
	def batch(self, client: KbClient, *payments, **headers) -> str:
		return stored(client.send("H1", *(payments or (payment(),)), **headers))["transactionIdentification"]

	def status(self, client: KbClient, batch: str):
		body = client.get(f"{BATCHES}/{batch}/status", client.headers()).json()
		return body["instructionStatus"], body["signInfo"]["state"]

	def test_nothing_moves_before_he_authorises(self, kb, kb_client):
		before = kb.kb.account(MAIN)["balance"]
		batch = self.batch(kb_client, payment(1, requestedExecutionDate=TODAY))
		kb.kb.settle(days=2)
		kb_client.refresh()
		assert self.status(kb_client, batch) == ("ACTC", "OPEN")
		assert kb.kb.account(MAIN)["balance"] == before

	def test_authorised_and_settled_on_its_day(self, kb, kb_client):
		before = float(kb.kb.account(MAIN)["balance"])
		batch = self.batch(kb_client)
		kb.kb.channel().authorise(batch)
		assert self.status(kb_client, batch) == ("ACSP", "CLOSE")
		pending = [e for e in kb.kb.account(MAIN)["transactions"] if e["payment"]]
		assert [(e["status"], e["amount"]) for e in pending] == [("PNG", "-1234.56")]
		assert kb.kb.settle(days=2)["today"] == TOMORROW
		kb_client.refresh()
		assert self.status(kb_client, batch) == ("ACSC", "CLOSE")
		account = kb.kb.account(MAIN)
		assert float(account["balance"]) == pytest.approx(before - 1234.56)
		booked = [e for e in account["transactions"] if e["payment"]]
		assert [(e["status"], e["day"]) for e in booked] == [("BOOK", TOMORROW)]
		book = kb.kb.book()
		assert [row["bookings"] for row in book["payments"]] == [1]
		assert not book["booked_twice"] + book["repeated"]

	def test_online_pays_at_once_what_is_due(self, kb, kb_client):
		batch = self.batch(kb_client, payment(1, requestedExecutionDate=TODAY))
		kb.kb.decide(batch)
		assert self.status(kb_client, batch) == ("ACSC", "CLOSE")

	@pytest.mark.parametrize(("mode", "hour"), [("CONTINUOUS", 8), ("BATCH", 18)])
	def test_the_other_modes_have_their_hours(self, kb, kb_client, mode, hour):
		batch = self.batch(kb_client, x_batch_processing_mode=mode)
		kb.kb.decide(batch)
		kb.clock(
			set=f"{TOMORROW}T{hour - 3:02d}:59:00Z"
		)  # one hour behind Prague's summer time, and a minute
		kb_client.refresh()
		assert self.status(kb_client, batch)[0] == "ACSP"
		kb.clock(set=f"{TOMORROW}T{hour - 2:02d}:01:00Z")
		assert self.status(kb_client, batch)[0] == "ACSC"

	def test_no_funds(self, kb, kb_client):
		kb.kb.edit_account(WAGES, opening="-1000000000.00")
		poor = payment(1, debtorAccount=iban(WAGES), requestedExecutionDate=TODAY)
		batch = self.batch(kb_client, poor, payment(2, requestedExecutionDate=TODAY))
		kb.kb.decide(batch)
		found = kb.kb.batch(batch)
		assert [p["status"] for p in found["payments"]] == ["RJCT", "ACSC"]
		assert found["payments"][0]["errors"][0]["code"] == "AM04"
		assert found["status"] == "ACSC"

	def test_refused(self, kb, kb_client):
		batch = self.batch(kb_client)
		kb.kb.channel().refuse(batch)
		assert self.status(kb_client, batch) == ("RJCT", "REJECT")
		kb.kb.settle(days=3)
		assert kb.kb.book()["totals"] == {"RJCT": "1234.56"}

	def test_forgotten(self, kb, kb_client):
		batch = self.batch(kb_client)
		kb.advance(30 * 86400)
		kb_client.refresh()
		assert self.status(kb_client, batch) == ("RJCT", "NONE")

	def test_cancelled_while_it_waits(self, kb, kb_client):
		batch = self.batch(kb_client)
		url = f"{kb_client.info['api_url']}{BATCHES}/{batch}"
		assert requests.delete(url, headers=kb_client.headers(), timeout=30).status_code == 204
		assert self.status(kb_client, batch) == ("RJCT", "NONE")
		again = requests.delete(url, headers=kb_client.headers(), timeout=30)
		assert (again.status_code, codes(again)) == (422, ["UNPROCESSABLE_ENTITY"])

	def test_a_clerk_cannot_sign_for_an_account_that_is_not_his(self, kb, kb_client):
		batch = self.batch(kb_client, payment(1, debtorAccount=iban(WAGES)))
		with pytest.raises(Exception, match="may not decide"):
			kb.kb.decide(batch, user=CLERK)

	def test_another_clients_batch_is_an_unknown_one(self, kb, kb_client):
		batch = self.batch(kb_client)
		answer = KbClient(kb).get(f"{BATCHES}/{batch}/status")
		assert (answer.status_code, codes(answer)) == (404, ["TRANSACTION_MISSING"])

	def test_a_payment_to_an_own_account_arrives(self, kb, kb_client):
		before = float(kb.kb.account(WAGES)["balance"])
		own = payment(1, creditorAccount=iban(WAGES), requestedExecutionDate=TODAY)
		kb.kb.decide(self.batch(kb_client, own))
		assert float(kb.kb.account(WAGES)["balance"]) == pytest.approx(before + 1234.56)


class TestFaults:
	@pytest.mark.parametrize(
		("fault", "kept"),
		[
			({"kind": "reset"}, 0),
			({"kind": "refuse"}, 0),
			({"kind": "cut", "after_bytes": 20}, 1),
			({"kind": "reset", "execute": True}, 1),
			({"kind": "garbage", "execute": True}, 1),
			({"kind": "truncated"}, 1),
			({"kind": "status", "status": 504, "execute": True}, 1),
			({"kind": "status", "status": 503}, 0),
		],
	)
	def test_the_book_says_what_happened(self, kb, kb_client, fault, kept):
		kb.fail(path=BATCHES, **fault)
		try:
			answer = kb_client.send("F1", payment())
			assert answer.status_code != 200 or not self.readable(answer)
		except requests.RequestException:
			pass
		assert kb.kb.book()["count"] == kept
		assert len(kb_client.get(BATCHES, exchangeIdentification="F1").json()["batchPayments"]) == kept

	@staticmethod
	def readable(answer) -> bool:
		try:
			return "instructionStatus" in answer.json()
		except ValueError:
			return False

	def test_a_failure_of_the_gateway_is_xml(self, kb, kb_client):
		kb.kb.fail(504, path=BATCHES)
		answer = kb_client.send("F1", payment())
		assert (answer.status_code, answer.headers["Content-Type"]) == (504, "application/xml")
		assert "101504" in answer.text

	def test_a_failure_of_the_api_is_json(self, kb, kb_client):
		kb.kb.fail(400, path=BATCHES, code="AM05")
		assert codes(kb_client.send("F1", payment())) == ["AM05"]

	def test_a_killed_process_knows_what_it_answered(self, tmp_path):
		with running_kb(data_dir=str(tmp_path)) as control:
			client = KbClient(control)
			stored(client.send("K1", payment()))
		sandbox = Sandbox(Options(data_dir=str(tmp_path), now=NOW))
		batches = list(sandbox.kb.state.batches.values())
		assert [(b.exchange, b.status) for b in batches] == [("K1", "ACTC")]
		assert len(sandbox.kb.state.payments_of(batches[0])) == 1
		sandbox.close()


def test_a_million_crowns_stay_exact(kb, kb_client):
	body = json.dumps({"batchPaymentDataCollectionRequest": [payment(1, 0)]})
	exact = "999999999999999.99"
	raw = body.replace('"value": 0', f'"value": {exact}').encode()
	answer = kb_client.send_raw("BIG", raw)
	assert f'"totalDebitAmount":{exact}' in answer.text
	assert kb.kb.book()["payments"][0]["amount"] == exact
