"""KB's accounts, balances, history and nudges (kb_batch.md, 4)."""

import json
from datetime import datetime, timezone
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kb_connector_harness import CONSENT, FAULT, TOKEN, at, kb, problem, refused
from kb_connector_spec import check_request, check_response, needed
from scripted_server import ScriptedServer, answer, raw

from bank_api.connectors import errors, registry
from bank_api.connectors.berlin_group.connector import BerlinGroupConnector
from bank_api.connectors.bridge.connector import BridgeConnector
from bank_api.connectors.kb.connector import KbConnector
from bank_api.connectors.model import Secret, TransactionStatus
from bank_api.connectors.quanto.connector import QuantoConnector
from bank_api.connectors.rate_ledger import patience

NOW = datetime(2026, 9, 8, 7, tzinfo=timezone.utc)
IBAN = "CZ9501000000001234567899"
ACCOUNT = "Q1oxMzAxMDAwOTAxMTQ3NzcxODAwMjI3OkNaSw"
ROW = {"accountId": ACCOUNT, "iban": IBAN, "currency": "CZK", "nameI18N": "Hlavní účet"}
BALANCES = json.dumps(
	[
		{
			"type": "PREVIOUSLY_CLOSED_BOOK",
			"creditDebitIndicator": "DEBIT",
			"amount": {"value": 10.50, "currency": "CZK"},
			"validAt": "2026-09-07T22:00:00.000Z",
		},
		{
			"type": "CLOSING_AVAILABLE",
			"creditDebitIndicator": "CREDIT",
			"amount": {"value": 1234567890123.45, "currency": "CZK"},
			"validAt": "2026-09-08T06:59:00.000Z",
		},
	]
)
ENTRY = {
	"lastUpdated": "2026-09-08T06:00:00.000Z",
	"accountType": "KB",
	"iban": IBAN,
	"creditDebitIndicator": "DEBIT",
	"transactionType": "DOMESTIC",
	"amount": {"value": 1234.56, "currency": "CZK"},
	"bookingDate": "2026-09-07",
	"valueDate": "2026-09-06",
	"status": "BOOK",
	"entryReference": "KB-1234567890",
	"counterParty": {"name": "Tesco Stores ČR a.s.", "iban": "CZ6508000000192000145399"},
	"references": {"receiver": "Faktura 2026/0042", "variable": "20260042"},
}
OUR_URL = "https://gateway.test/events"


def page(*rows, number=0, last=True, **changes):
	found = {
		"content": list(rows),
		"totalPages": 1,
		"pageNumber": number,
		"pageSize": 100,
		"numberOfElements": len(rows),
		"first": number == 0,
		"last": last,
		"empty": not rows,
		**changes,
	}
	return json.dumps({name: value for name, value in found.items() if value is not None})


def entry(**changes):
	return {name: value for name, value in {**ENTRY, **changes}.items() if value is not None}


def read(text, *more, **settings):
	with ScriptedServer(answer(text), *more) as server:
		got = at(kb(server.url, **settings), NOW).transactions(TOKEN, ACCOUNT, None, None)
	return got


def one_row(**changes):
	return read(page(entry(**changes)), answer(json.dumps([ROW]))).rows[0]


# Accounts


def test_accounts_with_their_balances():
	with ScriptedServer(answer(json.dumps([ROW], ensure_ascii=False)), answer(BALANCES)) as server:
		(got,) = kb(server.url).accounts(TOKEN, CONSENT)
	assert [sent.target for sent in server.requests] == [
		"/adaa/v2/accounts",
		f"/adaa/v2/accounts/{ACCOUNT}/balances",
	]
	assert {sent.headers["apikey"] for sent in server.requests} == {"key-of-adaa"}
	assert (got.provider_account_id, got.iban, got.currency, got.name) == (
		ACCOUNT,
		IBAN,
		"CZK",
		"Hlavní účet",
	)
	assert str(got.balance) == str(got.instant_balance) == "1234567890123.45"
	assert got.accounting_balance == Decimal("-10.5") and got.provider_item_id == CONSENT
	assert got.updated_at.isoformat() == "2026-09-08T06:59:00+00:00"
	assert json.loads(got.payload)["balances"][1]["amount"]["value"] == 1234567890123.45
	assert "1234567890123.45" in got.payload


def test_requests_and_answers_are_those_of_the_published_file():
	needed()
	plain = {name: ROW[name] for name in ("accountId", "iban", "currency")}
	with ScriptedServer(answer(json.dumps([plain])), answer(BALANCES), answer(page(entry()))) as server:
		one = at(kb(server.url, adaa_version="v1"), NOW)
		one.accounts(TOKEN, CONSENT)
		one.transactions(TOKEN, ACCOUNT, "2026-09-01", None)
	for sent, text in zip(server.requests, (json.dumps([plain]), BALANCES, page(entry())), strict=True):
		check_request(sent)
		check_response(sent, text)
	assert server.requests[2].target.endswith("?page=0&size=20&fromDate=2026-09-01")


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_blocked_account_does_not_stop_the_others(status):
	other = {**ROW, "accountId": "other"}
	with ScriptedServer(
		answer(json.dumps([ROW, other])), answer(refused(problem("FORBIDDEN")), status), answer(BALANCES)
	) as server:
		first, second = kb(server.url).accounts(TOKEN, CONSENT)
	assert first.balance is None and second.balance is not None


@pytest.mark.parametrize(
	("steps", "expected"),
	[
		([answer(refused(problem("FORBIDDEN")), 403)], errors.ConsentRequired),
		([answer("", 401)], errors.TokenRefused),
		([answer(json.dumps([ROW])), answer("", 401)], errors.TokenRefused),
		([answer(json.dumps([ROW])), answer("", 500)], errors.ProviderUnavailable),
		([answer("{}")], errors.MalformedResponse),
		([answer(json.dumps([ROW, ROW])), answer("[]")], errors.MalformedResponse),
		([answer('[{"iban":"x"}]')], errors.MalformedResponse),
		(
			[answer(FAULT.format(code="900908", message="", description=""), 403, "text/xml")],
			errors.ConfigurationError,
		),
		([raw(b"")], errors.ProviderUnavailable),
	],
)
def test_a_failure_is_never_an_empty_list(steps, expected):
	with ScriptedServer(*steps) as server:
		with pytest.raises(errors.ProviderError) as caught:
			kb(server.url).accounts(TOKEN, CONSENT)
	assert type(caught.value) is expected


def test_an_id_too_long_to_be_kept_is_looked_up():
	long = {**ROW, "accountId": "x" * 400}
	with ScriptedServer(answer(json.dumps([long])), answer(page())) as server:
		kb(server.url).transactions(TOKEN, f"iban:{IBAN}:CZK", None, None)
	assert server.requests[1].target.startswith(f"/adaa/v2/accounts/{'x' * 400}/transactions?")


def test_an_id_is_one_segment():
	with ScriptedServer(answer(page())) as server:
		kb(server.url).transactions(TOKEN, "a/b+c=", None, None)
	assert server.requests[0].target.startswith("/adaa/v2/accounts/a%2Fb%2Bc%3D/transactions?")


# History


def test_a_window_of_days_page_by_page():
	first, second = page(entry(), last=False), page(entry(), number=1)
	with ScriptedServer(answer(first), answer(second)) as server:
		one = at(kb(server.url), NOW)
		got = one.transactions(TOKEN, ACCOUNT, "2026-09-01T12:00:00.000Z", None)
		end = one.transactions(TOKEN, ACCOUNT, None, got.next_page)
	queries = [parse_qs(urlsplit(sent.target).query) for sent in server.requests]
	assert queries[0] == {"page": ["0"], "size": ["100"], "fromDateTime": ["2026-08-31T22:00:00.000Z"]}
	assert queries[1] == {**queries[0], "page": ["1"]}
	assert end.next_page is None and len(end.rows) == 1


def test_the_end_of_a_window_is_now_and_stays():
	with ScriptedServer(answer(page(entry(), last=False)), answer(page(number=1))) as server:
		one = at(kb(server.url, send_end="yes", history_days="2"), NOW)
		following = one.transactions(TOKEN, ACCOUNT, None, None).next_page
		at(one, NOW.replace(hour=9)).transactions(TOKEN, ACCOUNT, None, following)
	queries = [parse_qs(urlsplit(sent.target).query) for sent in server.requests]
	assert [query["toDateTime"] for query in queries] == [["2026-09-08T07:00:00.000Z"]] * 2
	assert queries[0]["fromDateTime"] == ["2026-09-05T22:00:00.000Z"]


@pytest.mark.parametrize(
	("since", "begin"),
	[
		("2026-03-29", "2026-03-28T23:00:00.000Z"),
		("2026-03-30", "2026-03-29T22:00:00.000Z"),
		("2030-01-01", "2026-09-07T22:00:00.000Z"),
		("2001-01-01", "2025-09-07T22:00:00.000Z"),
	],
)
def test_days_are_the_banks(since, begin):
	with ScriptedServer(answer(page())) as server:
		at(kb(server.url), NOW).transactions(TOKEN, ACCOUNT, since, None)
	assert parse_qs(urlsplit(server.requests[0].target).query)["fromDateTime"] == [begin]


def test_a_row():
	row = one_row()
	assert (row.provider_transaction_id, row.amount, row.currency) == (
		"KB-1234567890",
		Decimal("-1234.56"),
		"CZK",
	)
	assert (str(row.date), str(row.booking_date), str(row.value_date)) == (
		"2026-09-07",
		"2026-09-07",
		"2026-09-06",
	)
	assert row.description == "Tesco Stores ČR a.s.: Faktura 2026/0042"
	assert (row.original_description, row.operation_type) == ("Faktura 2026/0042", "DOMESTIC")
	assert row.status is TransactionStatus.BOOKED and row.updated_at is None


@pytest.mark.parametrize(
	("changes", "status"),
	[
		({"status": "PNG", "bookingDate": None}, TransactionStatus.PENDING),
		({"status": "PNG"}, TransactionStatus.PENDING),
		({"status": "PDNG"}, TransactionStatus.PENDING),
		({"status": "BOOK", "bookingDate": None}, TransactionStatus.BOOKED),
		({"status": None}, TransactionStatus.BOOKED),
		({"status": None, "bookingDate": None}, TransactionStatus.PENDING),
		({"status": "NEW", "bookingDate": None}, TransactionStatus.PENDING),
	],
)
def test_what_is_booked(changes, status):
	assert one_row(**changes).status is status


@pytest.mark.parametrize(
	("amount", "instructed", "expected"),
	[
		({"value": 100, "currency": "CZK"}, {"value": 4, "currency": "EUR"}, "-100 CZK"),
		({"value": 4, "currency": "EUR"}, {"value": 100.10, "currency": "CZK"}, "-100.1 CZK"),
		({"value": -7.00, "currency": "CZK"}, None, "-7.0 CZK"),
		({"value": 7, "currency": "EUR"}, None, "-7 EUR"),
	],
)
def test_the_amount_is_the_one_in_the_accounts_currency(amount, instructed, expected):
	row = one_row(amount=amount, instructed=instructed)
	assert f"{row.amount} {row.currency}" == expected


def test_neither_amount_in_the_accounts_currency_is_refused():
	with pytest.raises(errors.MalformedResponse, match="currency"):
		one_row(amount={"value": 1, "currency": "USD"}, instructed={"value": 1, "currency": "EUR"})


def test_the_currency_is_asked_for_only_after_a_conversion():
	with ScriptedServer(answer(page(entry(), entry()))) as server:
		kb(server.url).transactions(TOKEN, ACCOUNT, None, None)
	assert len(server.requests) == 1


def test_a_row_without_an_id_gets_none_made_up():
	assert one_row(entryReference=None).provider_transaction_id is None


def test_the_day_of_a_hold_is_the_banks():
	row = one_row(status="PNG", bookingDate=None, valueDate=None, lastUpdated="2026-09-07T22:30:00.000Z")
	assert str(row.date) == "2026-09-08"


@pytest.mark.parametrize(
	"changes",
	[
		{"amount": None},
		{"amount": {"value": "x", "currency": "CZK"}},
		{"amount": {"value": 1}},
		{"creditDebitIndicator": None},
		{"creditDebitIndicator": "BOTH"},
		{"bookingDate": "yesterday"},
		{"bookingDate": None, "valueDate": None, "lastUpdated": None},
	],
)
def test_a_row_that_lacks_what_counts_spoils_its_page(changes):
	with pytest.raises(errors.MalformedResponse):
		one_row(**changes)


@pytest.mark.parametrize(
	"text",
	[
		page(entry(), number=1),
		page(last=False),
		page(entry(), last=None),
		page(entry(), content=None),
		page(entry(), pageNumber=None),
		"[]",
		"{}",
	],
)
def test_a_page_that_is_another_one_is_refused(text):
	with pytest.raises(errors.MalformedResponse):
		read(text)


def test_a_list_without_end_ends():
	with pytest.raises(errors.MalformedResponse, match="circle"):
		read(page(entry(), last=False), max_pages="1")


@pytest.mark.parametrize("kept", ["", "x", "1;2", "-1;2026-09-01;", "1;2026-09-01&page=0;"])
def test_a_page_that_was_never_given_is_refused(kept):
	with pytest.raises(errors.InvalidRequest):
		kb("http://127.0.0.1:1").transactions(TOKEN, ACCOUNT, None, kept)


@pytest.mark.parametrize(
	("headers", "minutes", "wait"),
	[({}, "61", 61 * 60), ({}, "10", 600), ({"Retry_After": "120"}, "61", 120)],
)
def test_unchanged_data_waits_sixty_one_minutes(headers, minutes, wait):
	limit = refused({"message": "Unchanged data download limit reached."})
	with ScriptedServer(answer(limit, 429, **headers)) as server, patience(0):
		with pytest.raises(errors.RateLimited) as caught:
			kb(server.url, history_minutes=minutes, max_attempts="3").transactions(TOKEN, ACCOUNT, None, None)
	assert (caught.value.retry_after, caught.value.scope) == (wait, errors.OBJECT)
	assert len(server.requests) == 1


def test_reads_may_be_counted_before_the_bank_has_to():
	with (
		ScriptedServer(answer(page(entry(), last=False)), answer(page(number=1)), answer(page())) as server,
		patience(0),
	):
		one = at(kb(server.url, history_reads="1"), NOW)
		following = one.transactions(TOKEN, ACCOUNT, None, None).next_page
		one.transactions(TOKEN, ACCOUNT, None, following)
		with pytest.raises(errors.RateLimited) as caught:
			one.transactions(TOKEN, ACCOUNT, None, None)
		one.transactions(TOKEN, "another", None, None)
	assert caught.value.scope == errors.OBJECT and 3600 < caught.value.retry_after <= 3660
	assert len(server.requests) == 3


def test_tombstone_and_outline():
	one = kb("http://127.0.0.1:1")
	payload = json.dumps(ENTRY)
	gone = json.loads(one.tombstone(payload, "KB-1"))
	assert gone["deleted"] is True and gone["entryReference"] == "KB-1" and gone["iban"] == IBAN
	kept = json.loads(one.outline(payload))
	assert kept["amount"] == ENTRY["amount"] and not {"counterParty", "references", "iban"} & set(kept)


# Nudges


def test_a_nudge_is_known_by_its_key():
	one, secrets = kb("http://127.0.0.1:1"), [Secret("new"), Secret("old")]
	for given_key in ("new", "old"):
		assert one.verify_webhook(b"{}", {"X-Api-Key": given_key}, secrets)
	for headers in ({}, {"x-api-key": ""}, {"x-api-key": "ne"}, {"x-api-key": "novější"}, {"apiKey": "new"}):
		assert not one.verify_webhook(b"{}", headers, secrets)
	assert not one.verify_webhook(b"{}", {"x-api-key": ""}, [Secret("")])
	assert not one.verify_webhook(b"{}", {"x-api-key": "new"}, [])


@pytest.mark.parametrize(
	("body", "sync"), [(b'{"eventCount":3}', True), (b"{}", True), (b'{"eventCount":0}', False)]
)
def test_a_nudge_says_only_that_there_is_something(body, sync):
	event = kb("http://127.0.0.1:1").parse_webhook(body)
	assert (event.event_type, event.needs_sync, event.known) == ("transactions", sync, True)


@given(st.binary(max_size=60))
def test_garbage_is_no_nudge(body):
	try:
		kb("http://127.0.0.1:1").parse_webhook(body)
	except errors.MalformedResponse:
		return
	assert isinstance(json.loads(body.decode("utf-8-sig")), dict)


@pytest.mark.parametrize(
	"body", [b'{"eventCount":-1}', b'{"eventCount":"3"}', b'{"eventCount":true}', b"[]", b""]
)
def test_no_count_is_no_nudge(body):
	with pytest.raises(errors.MalformedResponse):
		kb("http://127.0.0.1:1").parse_webhook(body)


def test_the_path_names_the_subscription_and_a_header_the_call():
	guid, call = "71f415f4-412d-4c55-af05-15d1e0389f8f", "0f1e2d3c-0000-4c55-af05-15d1e0389f8f"
	one, body = kb("http://127.0.0.1:1"), b'{"eventCount":2}'
	for header, told in ((call, call), (f"{{{call.upper()}}}", call), ("x" * 36, ""), ("", "")):
		nudge = one.nudge(f"/subscriptions/{guid.upper()}/events", {"X-Correlation-ID": header}, body)
		assert (nudge.subscription_id, nudge.event.event_id) == (guid, told)
		assert nudge.event.needs_sync
	for path in (
		"/version",
		f"/subscriptions/{guid}",
		"/subscriptions/1/events",
		f"/subscriptions/{guid}/events/x",
		f"/x/subscriptions/{guid}/events",
	):
		assert one.nudge(path, {}, body) is None


def test_the_registry_knows_who_nudges():
	classes = {
		"bridge": BridgeConnector,
		"berlin_group": BerlinGroupConnector,
		"quanto": QuantoConnector,
		"kb": KbConnector,
	}
	assert set(classes) == set(registry.CONNECTORS)
	assert {key for key, found in classes.items() if hasattr(found, "nudge")} == registry.NUDGES


def test_the_handshake_is_answered_to_its_path_only():
	one = kb("http://127.0.0.1:1")
	assert one.handshake("/version") == one.handshake("/version/") == '{"version":"1.0"}'
	assert one.handshake("/subscriptions") is one.handshake("/") is one.handshake("/x/version") is None


def test_subscriptions():
	needed()
	guid = "71f415f4-412d-4c55-af05-15d1e0389f8f"
	text = json.dumps(
		{"subscriptionId": guid, "eventApiUrl": OUR_URL, "eventApiVersion": "1.0", "status": "ACTIVE"}
	)
	steps = (answer(text, 201), answer(text), answer("", 404), answer("", 204), answer("", 404))
	with ScriptedServer(*steps) as server:
		one = kb(server.url)
		made = one.subscribe(TOKEN, ACCOUNT, OUR_URL, Secret("event-key"))
		assert (made.subscription_id, made.url, made.status) == (guid, OUR_URL, "ACTIVE")
		assert one.subscription(TOKEN, ACCOUNT, guid) == made
		assert one.subscription(TOKEN, ACCOUNT, guid) is None
		one.unsubscribe(TOKEN, ACCOUNT, guid)
		one.unsubscribe(TOKEN, ACCOUNT, guid)
	assert json.loads(server.requests[0].body) == {"eventApiUrl": OUR_URL, "eventApiKey": "event-key"}
	for sent in server.requests:
		check_request(sent)


def test_a_subscription_is_never_asked_for_twice():
	with ScriptedServer(answer("", 503, Retry_After="0"), answer("{}", 201)) as server:
		with pytest.raises(errors.ProviderUnavailable):
			kb(server.url, max_attempts="3").subscribe(TOKEN, ACCOUNT, OUR_URL, Secret("k"))
		with pytest.raises(errors.InvalidRequest):
			kb(server.url).subscribe(TOKEN, ACCOUNT, OUR_URL, Secret(""))
	assert len(server.requests) == 1
