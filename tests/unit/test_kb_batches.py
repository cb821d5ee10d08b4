"""Batches of payments at KB: three outcomes and no other, and nothing is ever sent twice (kb_batch.md, 3)."""

import json
import re
import socket
import threading
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kb_connector_harness import (
	BATCHES,
	EXCHANGE,
	FAULT,
	GUID,
	TOKEN,
	accepted,
	body,
	kb,
	problem,
	refused,
	send,
)
from scripted_server import ScriptedServer, answer, drip, raw, reset, silence

from bank_api.connectors import errors
from bank_api.connectors.http import Answer
from bank_api.connectors.kb.batches import instruction_name
from bank_api.connectors.kb.faults import reason_of
from bank_api.connectors.kb.problems import SENTENCES, split_place
from bank_api.connectors.model import RateLimits
from bank_api.connectors.payments_model import BatchStanding, PaymentProblem
from bank_api.connectors.rate_ledger import MemoryLedger, patience

SECOND = answer(accepted())
LENGTH = len(accepted())


def outcome(*steps, expected=errors.OutcomeUnknown, **changes):
	"""Send a batch; a second call would be answered well, and there must be none."""
	with ScriptedServer(*steps, SECOND) as server:
		with pytest.raises(expected) as caught:
			send(kb(server.url, max_attempts="3"), **changes)
	assert len(server.requests) == 1, "sent twice"
	assert type(caught.value) is expected
	return caught.value


# What goes out


def test_a_batch_goes_out_as_the_protocol_file_says():
	with ScriptedServer(answer(accepted())) as server:
		send(kb(server.url))
	(sent,) = server.requests
	assert (sent.method, sent.target, sent.body) == ("POST", BATCHES, body())
	assert sent.headers["authorization"] == "Bearer access-token-1"
	assert re.match(GUID, sent.headers["x-correlation-id"])
	assert sent.headers["x-exchange-identification"] == EXCHANGE
	assert sent.headers["x-batch-processing-mode"] == "ONLINE"
	assert sent.headers["x-instruction-name"] == "SYN DAVKA"
	assert sent.headers["content-type"] == "application/json"
	assert sent.headers["apikey"] == sent.headers["x-api-key"] == "key-of-batchda"


def test_without_a_key_none_is_sent():
	with ScriptedServer(answer(accepted())) as server:
		one = kb(server.url)
		one.config.secrets.clear()
		send(one)
	assert not {"apikey", "x-api-key"} & set(server.requests[0].headers)


@pytest.mark.parametrize(
	("media", "file_format", "path"),
	[
		("text/plain; charset=windows-1250", "", f"{BATCHES}/km"),
		("text/plain; charset=windows-1250", "best", f"{BATCHES}/best"),
		("application/xml", "", f"{BATCHES}/sepaxml"),
	],
)
def test_a_file_goes_out_byte_for_byte(media, file_format, path):
	content = "Příliš žluťoučký kůň\r\n".encode("windows-1250")
	with ScriptedServer(answer(accepted(7))) as server:
		got = send(kb(server.url), content, media, payments=7, file_format=file_format)
	(sent,) = server.requests
	assert (sent.target, sent.body, sent.headers["content-type"]) == (path, content, media)
	assert got.payments == 7


def test_names_and_addresses_are_settings():
	names = {
		"name.path_batches": "/other/batches",
		"name.header_exchange": "x-other",
		"name.word_key_prefix": "Bearer",
		"batch_url": "/elsewhere/v4",
	}
	with ScriptedServer(answer(accepted())) as server:
		send(kb(server.url, **names))
	(sent,) = server.requests
	assert sent.target == "/elsewhere/v4/other/batches"
	assert sent.headers["x-other"] == EXCHANGE
	assert sent.headers["apikey"] == "Bearer key-of-batchda"


@pytest.mark.parametrize(
	("changes", "words"),
	[
		({"exchange_id": ""}, "1 to 14"),
		({"exchange_id": "X" * 15}, "1 to 14"),
		({"exchange_id": "A B"}, "1 to 14"),
		({"exchange_id": "A\r\nX: y"}, "1 to 14"),
		({"mode": "LATER"}, "ONLINE"),
		({"content": b""}, "empty"),
		({"content": b"{"}, "not the JSON"),
		({"content": body(0)}, "split"),
		({"content": body(101)}, "split"),
		({"media": "text/csv"}, "content type"),
		({"content": b"UHL1", "media": "text/plain"}, "how many payments"),
		({"file_format": "csv"}, "format"),
	],
)
def test_what_cannot_be_sent_is_not_sent(changes, words):
	with ScriptedServer(SECOND) as server:
		with pytest.raises(errors.InvalidRequest, match=words):
			send(kb(server.url), **changes)
	assert server.requests == []


@pytest.mark.parametrize(
	("name", "form", "header"),
	[
		("Dávka č. 5 – mzdy", "ascii", "Davka c. 5 mzdy"),
		("x" * 40, "ascii", "x" * 35),
		("a\r\nEvil: 1", "ascii", "a Evil: 1"),
		("日本", "ascii", ""),
		("Dávka", "utf-8", "Dávka".encode().decode("latin-1")),
	],
)
def test_a_name_fits_its_header(name, form, header):
	assert instruction_name(name, form) == header


@given(st.text(max_size=80))
def test_no_name_breaks_a_header(name):
	for form in ("ascii", "utf-8"):
		shown = (
			instruction_name(name.encode("utf-8", "ignore").decode(), form).encode("latin-1").decode("utf-8")
		)
		assert len(shown) <= 35 and shown == shown.strip() and shown.isprintable()


# Stored, for certain


def test_a_stored_batch():
	with ScriptedServer(answer(accepted())) as server:
		got = send(kb(server.url))
	assert (got.batch_id, got.exchange_id, got.status) == ("000012GYPU", EXCHANGE, "ACTC")
	assert got.standing is BatchStanding.WAITING
	assert (got.payments, got.rejected, got.digest) == (2, 0, "A" * 40)
	assert got.total_debit == Decimal("1234.56") and str(got.total_debit) == "1234.56"
	assert (got.sign_state, got.sign_id, got.mode) == ("OPEN", "SIGN-1", "ONLINE")
	assert json.loads(got.payload)["batchDigest"] == "A" * 40


@pytest.mark.parametrize(
	("changes", "standing", "rejected"),
	[
		({"instructionStatus": "ACWC"}, BatchStanding.WAITING, 0),
		({"instructionStatus": "ACWC", "rejectedTransactionDebitCount": 1}, BatchStanding.WAITING, 1),
		({"batchProcessingMode": "CONTINUOUS"}, BatchStanding.WAITING, 0),
		({"exchangeIdentification": None}, BatchStanding.WAITING, 0),
		({"transactionDebitCount": 1, "transactionCreditCount": 1}, BatchStanding.WAITING, 0),
		(
			{
				"instructionStatus": "RJCT",
				"rejectedTransactionDebitCount": 2,
				"signInfo": {"state": "NONE", "signId": ""},
			},
			BatchStanding.REJECTED,
			2,
		),
	],
)
def test_answers_that_fit_what_was_sent(changes, standing, rejected):
	with ScriptedServer(answer(accepted(**changes))) as server:
		got = send(kb(server.url))
	assert (got.standing, got.rejected) == (standing, rejected)


@pytest.mark.parametrize(
	"changes",
	[
		{"exchangeIdentification": "ANOTHER"},
		{"exchangeIdentification": 7},
		{"transactionDebitCount": 3},
		{"transactionDebitCount": 1},
		{"transactionDebitCount": None},
		{"transactionDebitCount": "2"},
		{"transactionDebitCount": 2.0},
		{"transactionDebitCount": True, "transactionCreditCount": True},
		{"transactionCreditCount": -1, "transactionDebitCount": 3},
		{"rejectedTransactionDebitCount": 1},
		{"rejectedTransactionDebitCount": 3},
		{"rejectedTransactionCreditCount": None},
		{"instructionStatus": "ACWC", "rejectedTransactionDebitCount": 2},
		{"instructionStatus": "RJCT"},
		{"instructionStatus": "RJCT", "rejectedTransactionDebitCount": 1},
		{"instructionStatus": "ACSC"},
		{"instructionStatus": "ACSP"},
		{"instructionStatus": "XXXX"},
		{"instructionStatus": None},
		{"transactionIdentification": None},
		{"transactionIdentification": ""},
		{"instructionStatus": "RJCT", "rejectedTransactionDebitCount": 2, "signInfo": {"state": "OPEN"}},
		{"signInfo": {"state": "CLOSE", "signId": "S"}},
		{"signInfo": {"state": "REJECT", "signId": "S"}},
		{"totalDebitAmount": "much"},
	],
)
def test_an_answer_that_contradicts_is_no_answer(changes):
	error = outcome(answer(accepted(**changes)))
	assert "not certain" in error.message and error.status == 200


# Not certain: every kind of fault, byte by byte


HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {LENGTH}\r\n\r\n".encode()


@pytest.mark.parametrize(
	"step",
	[
		pytest.param(reset, id="torn down without an answer"),
		pytest.param(raw(b""), id="closed without an answer"),
		pytest.param(raw(b"HTTP/1.1 20"), id="cut in the status line"),
		pytest.param(raw(HEAD[:40]), id="cut in the headers"),
		pytest.param(raw(HEAD), id="cut before the body"),
		pytest.param(raw(HEAD + accepted().encode()[:-1]), id="cut one byte before the end"),
		pytest.param(raw(b"\x00\xff garbage\r\n\r\n"), id="no HTTP"),
		pytest.param(silence(3), id="no answer in time"),
		pytest.param(drip(HEAD + accepted().encode(), 0.05), id="an answer that drips"),
		pytest.param(answer("", 200), id="200 with nothing"),
		pytest.param(answer("", 204), id="204"),
		pytest.param(answer("{}", 200), id="200 with an empty object"),
		pytest.param(answer("[]", 200), id="200 with a list"),
		pytest.param(answer("<html>ok</html>", 200, "text/html"), id="200 with a page"),
		pytest.param(answer(accepted()[:-1], 200), id="200 with half an object"),
		pytest.param(answer(accepted().encode("utf-16"), 200), id="200 in another encoding"),
		pytest.param(answer(b"x" * 99, 200, Content_Encoding="gzip"), id="200 that is no gzip"),
		pytest.param(answer(accepted(), 301, Location="https://elsewhere.test/"), id="301"),
		pytest.param(answer(accepted(), 307, Location="/directapi/batchda/v3/batchPayments"), id="307"),
		pytest.param(answer(refused(problem("FF01")), 500), id="500 with a readable body"),
		pytest.param(answer("", 502), id="502"),
		pytest.param(answer("", 503, Retry_After="0"), id="503 that asks to come again"),
		pytest.param(
			answer(FAULT.format(code="101504", message="Send timeout", description=""), 504, "text/xml"),
			id="504 of the gateway",
		),
		pytest.param(answer(refused(problem("NARR")), 408), id="408"),
		pytest.param(answer(refused(problem("NARR")), 409), id="409"),
		pytest.param(answer(refused(problem("NARR")), 425), id="425"),
		pytest.param(answer("", 400), id="400 with nothing"),
		pytest.param(answer("{}", 400), id="400 with an empty object"),
		pytest.param(answer('{"errors":[]}', 400), id="400 with no error"),
		pytest.param(answer('{"errors":["no"]}', 400), id="400 with words for errors"),
		pytest.param(answer(refused(problem("FF01"))[:-1], 400), id="400 with half a body"),
		pytest.param(answer("<html>Bad Request</html>", 400, "text/html"), id="400 with a page"),
		pytest.param(answer("<html>blocked</html>", 403, "text/html"), id="403 with a page"),
		pytest.param(answer("", 429), id="429 with nothing"),
		pytest.param(answer(b"", 100), id="only a 100"),
	],
)
def test_everything_else_is_unknown(step):
	error = outcome(step)
	assert not error.nothing_sent
	assert "Look it up" in error.message


@pytest.mark.parametrize("cut", range(0, LENGTH, 37))
def test_an_answer_cut_anywhere_is_unknown(cut):
	outcome(raw(HEAD + accepted().encode()[:cut]))


@pytest.mark.parametrize("place", ["x-exchange-identification", "", "UHL1"])
def test_already_received_may_be_our_own(place):
	error = outcome(answer(refused(problem("AM05", place)), 400))
	assert error.provider_code == "AM05"


def test_a_body_that_breaks_off_on_its_way_out_is_unknown():
	"""The bank closes while it is still being sent to: what arrived, nobody knows."""
	listener = socket.create_server(("127.0.0.1", 0))

	def serve():
		connection, _ = listener.accept()
		connection.recv(1024)
		reset(connection)
		connection.close()

	thread = threading.Thread(target=serve, daemon=True)
	thread.start()
	content = b"x" * 8_000_000
	with pytest.raises(errors.OutcomeUnknown):
		send(
			kb(f"http://127.0.0.1:{listener.getsockname()[1]}"),
			content,
			"text/plain; charset=windows-1250",
			payments=1,
		)
	thread.join(5)
	listener.close()


# Not sent, for certain


def test_nobody_listens():
	free = socket.create_server(("127.0.0.1", 0))
	port = free.getsockname()[1]
	free.close()
	with pytest.raises(errors.NotSent) as caught:
		send(kb(f"http://127.0.0.1:{port}"))
	assert caught.value.nothing_sent


def test_a_name_that_nobody_has():
	with pytest.raises(errors.NotSent):
		send(kb("http://nobody.invalid"))


def test_no_tls_is_agreed():
	with ScriptedServer(answer(accepted())) as server:
		with pytest.raises(errors.NotSent):
			send(kb(server.url.replace("http://", "https://")))


def test_our_own_limit_stops_it_before():
	ledger = MemoryLedger()
	with ScriptedServer(SECOND) as server, patience(0):
		one = kb(server.url, ledger=ledger, limits=RateLimits(app_calls=1))
		ledger.acquire("app:KB Test", 1, 300)
		with pytest.raises(errors.RateLimited):
			send(one)
	assert server.requests == []


def test_each_batch_has_a_connection_of_its_own():
	with ScriptedServer(answer(accepted())) as server:
		one = kb(server.url)
		for _ in range(3):
			send(one)
	assert server.connections == 3
	assert {sent.headers["connection"] for sent in server.requests} == {"close"}


# Refused, for certain


def test_a_refusal_names_payments_and_fields():
	places = (
		problem("AC03", "batchPaymentDataCollectionRequest[1].creditorAccount.identification.iban"),
		problem("DT01", "batchPaymentDataCollectionRequest[0].requestedExecutionDate"),
	)
	error = outcome(answer(refused(*places), 400), expected=errors.BatchRefused)
	assert error.problems == (
		PaymentProblem("AC03", SENTENCES["AC03"], 1, "creditorAccount.identification.iban"),
		PaymentProblem("DT01", SENTENCES["DT01"], 0, "requestedExecutionDate"),
	)
	assert error.message.startswith("Payment 2, creditorAccount.identification.iban: The other account")
	assert error.provider_code == "AC03" and not error.nothing_sent
	assert "words of the bank" not in error.message


def test_the_czech_standards_form_is_read_too():
	entry = {
		"error": "AM12",
		"scope": "batchPaymentDataCollectionRequest.0.amount",
		"parameters": {"VALUE": "0"},
	}
	error = outcome(answer(refused(entry), 422), expected=errors.BatchRefused)
	assert error.problems == (PaymentProblem("AM12", SENTENCES["AM12"], 0, "amount"),)


@pytest.mark.parametrize(
	("status", "text", "media", "expected"),
	[
		(400, refused({"message": "Required header"}), "application/json", errors.BatchRefused),
		(401, refused(problem("UNAUTHORISED")), "application/json", errors.TokenRefused),
		(
			401,
			FAULT.format(code="900902", message="Missing", description="token"),
			"text/xml",
			errors.TokenRefused,
		),
		(
			401,
			FAULT.format(code="900901", message="Invalid", description="the correct key: apiKey"),
			"text/xml",
			errors.ConfigurationError,
		),
		(403, refused(problem("AG01")), "application/json", errors.ConsentRequired),
		(403, refused(problem("FORBIDDEN")), "application/json", errors.ConsentRequired),
		(
			403,
			FAULT.format(code="900908", message="Resource forbidden", description=""),
			"application/xml",
			errors.ConfigurationError,
		),
		(
			404,
			FAULT.format(code="900906", message="No matching resource", description=""),
			"application/xml",
			errors.ConfigurationError,
		),
		(415, refused(problem("UNSUPPORTED_MEDIA_TYPE")), "application/json", errors.Unsupported),
		(
			429,
			FAULT.format(code="900803", message="x", description=""),
			"application/xml",
			errors.RateLimited,
		),
		(429, '{"fault":{"code":900803,"message":"x"}}', "application/json", errors.RateLimited),
	],
)
def test_refusals_that_are_certain(status, text, media, expected):
	outcome(answer(text, status, media), expected=expected)


def test_the_right_to_send_batches_ends_with_a_sentence_that_says_where_to_renew_it():
	error = outcome(answer(refused(problem("AG01")), 403), expected=errors.ConsentRequired)
	assert "MojeBanka" in error.message and "12 months" in error.message


@pytest.mark.parametrize("places", [["[0]"], ["[0]", "[1]"]])
def test_a_payment_that_was_already_received_may_be_our_own(places):
	"""Our call came twice, the bank compares payments: what it refuses now, it may have stored before."""
	rows = [problem("AM05", f"batchPaymentDataCollectionRequest{place}") for place in places]
	error = outcome(answer(refused(*rows), 400))
	assert error.provider_code == "AM05"


@pytest.mark.parametrize(
	"more",
	[
		{"statusChangeInfo": "AM05"},
		{"payments": [{"errors": [{"code": "AM05"}]}]},
		{"errors": [{"error": "am05"}]},
	],
)
def test_a_stored_refusal_of_what_was_already_received_may_be_our_own(more):
	values = {"instructionStatus": "RJCT", "rejectedTransactionDebitCount": 2, "signInfo": {"state": "NONE"}}
	assert outcome(answer(accepted(**(values | more))))
	other = json.loads(json.dumps(more).replace("AM05", "AC03").replace("am05", "ac03"))
	with ScriptedServer(answer(accepted(**(values | other)))) as server:
		assert send(kb(server.url)).standing is BatchStanding.REJECTED


@pytest.mark.parametrize(
	"text",
	[
		'<!DOCTYPE f [<!ENTITY a "aaaa">]>' + FAULT.format(code="900901", message="&a;", description=""),
		'<!DOCTYPE f SYSTEM "http://127.0.0.1:1/x">'
		+ FAULT.format(code="900901", message="", description=""),
		FAULT.format(code="900901", message="", description="").replace("wso2", "other"),
		FAULT.format(code="900901", message="", description="")[:-3],
		FAULT.format(code="", message="", description=""),
		FAULT.format(code="900901", message="x" * 70_000, description=""),
		"<a>" * 200,
	],
)
def test_xml_that_is_no_plain_fault_proves_nothing(text):
	outcome(answer(text, 401, "application/xml"))


@pytest.mark.parametrize(
	("place", "index", "field"),
	[
		(
			"batchPaymentDataCollectionRequest[12].amount.instructedAmount.value",
			12,
			"amount.instructedAmount.value",
		),
		("payments[0]", 0, ""),
		("x-exchange-identification", None, "x-exchange-identification"),
		("$.batchPaymentDataCollectionRequest[3].debtor", 3, "debtor"),
		("CZ6508000000192000145399!", None, ""),
		("", None, ""),
	],
)
def test_where_an_error_points_to(place, index, field):
	assert split_place(place) == (index, field)


@given(st.binary(max_size=300), st.integers(400, 499))
def test_no_body_makes_a_refusal_of_what_is_not_readable(garbage, status):
	reason = reason_of(Answer(status, {"Content-Type": "application/json"}, garbage, "id"))
	assert not reason.readable or garbage.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"<")


# Look-ups and cancellations


def state(**changes):
	found = {
		"transactionIdentification": "000012GYPU",
		"exchangeIdentification": EXCHANGE,
		"instructionStatus": "ACTC",
		"signInfo": {"state": "OPEN", "signId": "SIGN-1"},
		**changes,
	}
	return json.dumps({name: value for name, value in found.items() if value is not None})


@pytest.mark.parametrize(
	("changes", "standing"),
	[
		({}, BatchStanding.WAITING),
		({"instructionStatus": "ACWC"}, BatchStanding.WAITING),
		({"signInfo": {"state": "CLOSE"}}, BatchStanding.AUTHORISED),
		({"signInfo": {"state": "REJECT"}}, BatchStanding.REJECTED),
		({"signInfo": {"state": "NONE"}}, BatchStanding.UNKNOWN),
		({"signInfo": None}, BatchStanding.UNKNOWN),
		({"instructionStatus": "ACSP", "signInfo": {"state": "CLOSE"}}, BatchStanding.AUTHORISED),
		({"instructionStatus": "ACSC", "signInfo": {"state": "CLOSE"}}, BatchStanding.SETTLED),
		({"instructionStatus": "RJCT", "statusChangeInfo": "CUST"}, BatchStanding.REJECTED),
		({"instructionStatus": "RJCT", "statusChangeInfo": "DS02"}, BatchStanding.CANCELLED),
		({"instructionStatus": "RJCT", "statusChangeInfo": "EXPI"}, BatchStanding.EXPIRED),
		({"instructionStatus": "PDNG"}, BatchStanding.UNKNOWN),
	],
)
def test_how_a_batch_stands(changes, standing):
	with ScriptedServer(answer(state(**changes))) as server:
		got = kb(server.url).batch_status(TOKEN, "000012GYPU")
	assert got.standing is standing
	assert server.requests[0].target == f"{BATCHES}/000012GYPU/status"


def test_a_detail_tells_each_payment():
	payments = [
		{
			"paymentIdentification": {
				"instructionIdentification": "SYN-1",
				"transactionIdentification": "T-1",
			},
			"instructionStatus": "ACSC",
			"amount": {"instructedAmount": {"value": 1234.56, "currency": "CZK"}},
			"requestedExecutionDate": "2026-09-09",
			"settlementDate": "2026-09-10",
		},
		{
			"PaymentIdentification": {"instructionIdentification": "SYN-2"},
			"instructionStatus": "RJCT",
			"errors": [problem("AC03", "creditorAccount.identification.iban")],
		},
	]
	more = {"payments": payments, "batchDigest": "D", "receivedDateTime": "2026-09-08T07:00:00.000Z"}
	with ScriptedServer(answer(state(instructionStatus="ACWC", **more))) as server:
		got = kb(server.url).batch_detail(TOKEN, "000012GYPU")
	first, second = got.payments
	assert (first.reference, first.payment_id, first.standing) == ("SYN-1", "T-1", BatchStanding.SETTLED)
	assert str(first.amount) == "1234.56" and first.currency == "CZK"
	assert (str(first.due), str(first.settled_on)) == ("2026-09-09", "2026-09-10")
	assert (second.reference, second.standing) == ("SYN-2", BatchStanding.REJECTED)
	assert second.problems[0].sentence.startswith("Payment 2, creditorAccount.identification.iban: ")
	assert got.digest == "D" and got.received_at.isoformat() == "2026-09-08T07:00:00+00:00"
	assert server.requests[0].target == f"{BATCHES}/000012GYPU"


@pytest.mark.parametrize(
	("step", "expected"),
	[
		(answer(state(transactionIdentification="OTHER")), errors.MalformedResponse),
		(answer(state(instructionStatus=None)), errors.MalformedResponse),
		(answer(state(payments={})), errors.MalformedResponse),
		(answer(refused(problem("TRANSACTION_MISSING")), 404), errors.NotFound),
		(answer("", 503, Retry_After="0"), errors.ProviderUnavailable),
		(answer("", 401), errors.TokenRefused),
	],
)
def test_a_look_up_that_fails_says_nothing_of_the_batch(step, expected):
	with ScriptedServer(step, answer(state())) as server:
		with pytest.raises(expected):
			kb(server.url, max_attempts="3").batch_status(TOKEN, "000012GYPU")
	assert len(server.requests) == 1


def test_a_batch_is_found_by_our_own_id_only_where_a_name_is_set():
	with ScriptedServer(answer(json.dumps({"batchPayments": [json.loads(state())]}))) as server:
		with pytest.raises(errors.Unsupported, match="own channel"):
			kb(server.url).find_batch(TOKEN, EXCHANGE)
		assert server.requests == []
		(got,) = kb(server.url, **{"name.path_find": "/batchPayments"}).find_batch(TOKEN, EXCHANGE)
	assert got.batch_id == "000012GYPU"
	assert server.requests[0].target == f"{BATCHES}?exchangeIdentification={EXCHANGE}"


def test_none_is_believed_only_of_a_list_that_is_empty():
	find = {"name.path_find": "/batchPayments"}
	other = json.dumps({"batchPayments": [json.loads(state(exchangeIdentification="ANOTHER"))]})
	with ScriptedServer(
		answer('{"batchPayments":[]}'), answer(other), answer("{}"), answer("{}", 404)
	) as server:
		one = kb(server.url, **find)
		assert one.find_batch(TOKEN, EXCHANGE) == ()
		for expected in (errors.MalformedResponse, errors.MalformedResponse, errors.NotFound):
			with pytest.raises(expected):
				one.find_batch(TOKEN, EXCHANGE)


@pytest.mark.parametrize(
	("step", "expected"),
	[
		(answer("", 204), None),
		(answer("{}", 200), None),
		(answer(refused(problem("UNPROCESSABLE_ENTITY")), 422), errors.BatchRefused),
		(answer(refused(problem("TRANSACTION_MISSING")), 404), errors.NotFound),
		(answer("", 202), errors.OutcomeUnknown),
		(answer("", 404), errors.OutcomeUnknown),
		(answer("", 503, Retry_After="0"), errors.OutcomeUnknown),
		(reset, errors.OutcomeUnknown),
		(silence(3), errors.OutcomeUnknown),
	],
)
def test_a_cancellation_is_sent_once(step, expected):
	with ScriptedServer(step, answer("", 204)) as server:
		one = kb(server.url, max_attempts="3", **{"name.query_cancel": "allInstructions=true"})
		if expected is None:
			one.cancel_batch(TOKEN, "000012GYPU")
		else:
			with pytest.raises(expected):
				one.cancel_batch(TOKEN, "000012GYPU")
	(sent,) = server.requests
	assert (sent.method, sent.target) == ("DELETE", f"{BATCHES}/000012GYPU?allInstructions=true")


def test_no_id_leads_out_of_its_place():
	with ScriptedServer(answer(state())) as server:
		with pytest.raises(errors.InvalidRequest):
			kb(server.url).batch_status(TOKEN, "..")
		with pytest.raises(errors.MalformedResponse):
			kb(server.url).batch_status(TOKEN, "a/b?c")
	assert server.requests[0].target == f"{BATCHES}/a%2Fb%3Fc/status"


def test_nothing_secret_is_shown(caplog):
	caplog.set_level("DEBUG")
	with ScriptedServer(answer("", 500)) as server:
		with pytest.raises(errors.OutcomeUnknown) as caught:
			send(kb(server.url))
	frames, trace = "", caught.value.__traceback__
	while trace:
		frames += repr(trace.tb_frame.f_locals) if "connectors" in trace.tb_frame.f_code.co_filename else ""
		trace = trace.tb_next
	for secret in ("access-token-1", "client-secret-1", "key-of-batchda"):
		assert secret not in frames + caplog.text + str(caught.value)
