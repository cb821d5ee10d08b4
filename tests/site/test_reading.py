"""Reading over real HTTP from a real web server: verbatim, paged, streamed, and never a shorter list than the truth."""

import http.client
import json
import random
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import frappe
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bank_api.gateway import reading, row_stream
from bank_api.gateway.clock import iso, site_now, site_zone
from bank_api.gateway.errors import BadArgument
from dev.processes import Process, web_server
from dev.seeding import Account, Tenant, provider, transaction

BRIDGE = "/api/method/bank_api.bridge."
BY_ACCOUNT = "get_bank_transactions_by_account"
LIST = "get_bank_transactions"
ACCOUNTS = "get_bank_accounts"


@pytest.fixture(scope="module")
def web(bench: Any, site: str) -> Iterator[Process]:
	"""A web server on the test site."""
	process = web_server(bench, site).start()
	yield process
	process.stop()


@pytest.fixture(scope="module")
def tenant(site: str) -> Tenant:
	return Tenant.new()


@pytest.fixture(scope="module")
def other(site: str) -> Tenant:
	return Tenant.new()


class Caller:
	"""A client site on the other end of the wire."""

	def __init__(self, web: Process, tenant: Tenant):
		self.port = web.port  # type: ignore[attr-defined]
		self.headers = {"Authorization": f"token {tenant.key}"}

	def raw(self, path: str, method: str = "GET", body: dict | None = None) -> tuple[int, bytes]:
		connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
		headers = dict(self.headers)
		if body is not None:
			headers["Content-Type"] = "application/json"
		connection.request(method, path, json.dumps(body) if body is not None else None, headers)
		answer = connection.getresponse()
		try:
			return answer.status, answer.read()
		finally:
			connection.close()

	def call(self, method: str, **arguments: Any) -> tuple[int, bytes]:
		given = {name: value for name, value in arguments.items() if value is not None}
		return self.raw(f"{BRIDGE}{method}?{urlencode(given)}")

	def message(self, method: str, **arguments: Any) -> dict:
		status, body = self.call(method, **arguments)
		assert status == 200, body
		return json.loads(body)["message"]

	def pages(self, method: str, **arguments: Any) -> Iterator[dict]:
		"""All pages, following `next_uri` as a Bridge client does."""
		message = self.message(method, **arguments)
		yield message
		while following := message["pagination"]["next_uri"]:
			status, body = self.raw(following)
			assert status == 200, body
			message = json.loads(body)["message"]
			yield message


@pytest.fixture
def anna(web: Process, tenant: Tenant, db: Any) -> Caller:
	return Caller(web, tenant)


def rows_of(message: dict) -> dict[str, dict]:
	"""The resources by stable id, tombstones left out."""
	pairs = zip(message["stable_ids"], message["resources"], strict=True)
	return {name: resource for name, resource in pairs if name}


def payload_part(body: bytes) -> bytes:
	"""The bytes between the brackets of `resources`."""
	match = re.fullmatch(rb'.*?"resources":\[(.*)\],"stable_ids":\[[^]]*\],.*', body, re.DOTALL)
	assert match, body
	return match.group(1)


# --- what an answer is


def test_resources_are_the_stored_text_byte_for_byte(tenant: Tenant, anna: Caller) -> None:
	texts = [
		'{"id": 1, "amount": 0.005, "clean_description": "caf\\u00e9 \\"crème\\" \\\\ / ☕ 𝄞"}',
		'{ "id":36000051006608 ,\n\t"amount" : -12345678901234.56, "nested":{"a":[1,2.50,null]} }',
		'{"id":3,"amount":1e2,"clean_description":"],\\"stable_ids\\":[","x":"a,b"}',
	]
	sent = [transaction(n, payload=text, identifier=str(n + 1)) for n, text in enumerate(texts)]
	account = tenant.account(tenant.item(), sent)
	_, body = anna.call(BY_ACCOUNT, account_id=account.account_id)
	assert body.startswith(b'{"message":{')
	assert b'"resources":[' + ",".join(texts).encode() + b'],"stable_ids":[' in body
	message = json.loads(body)["message"]
	assert message["stable_ids"] == [name for name, _ in account.rows()]
	assert message["pagination"] == {"next_uri": None}


def test_accounts_are_the_stored_text_byte_for_byte(tenant: Tenant, anna: Caller) -> None:
	item = tenant.item("5001")
	first = tenant.account(item, payload='{"id":1, "balance": 10.50,"name":"é"}')
	second = tenant.account(item, payload='{"id":2,"balance":-0.005}', status="Closed")
	_, body = anna.call(ACCOUNTS, item_id="5001")
	assert payload_part(body).decode() == '{"id":1, "balance": 10.50,"name":"é"},{"id":2,"balance":-0.005}'
	message = json.loads(body)["message"]
	assert message["stable_ids"] == [first.name, second.name]
	assert message["statuses"] == ["Open", "Closed"]
	assert message["pagination"] == {"next_uri": None}


def test_post_and_get_answer_the_same(tenant: Tenant, anna: Caller) -> None:
	account = tenant.account(tenant.item(), [transaction(n) for n in range(3)])
	got = anna.call(BY_ACCOUNT, account_id=account.account_id)
	posted = anna.raw(BRIDGE + BY_ACCOUNT, "POST", {"account_id": int(account.account_id)})
	assert got == posted


def test_a_list_without_rows_is_a_list(tenant: Tenant, anna: Caller) -> None:
	account = tenant.account(tenant.item())
	message = anna.message(BY_ACCOUNT, account_id=account.account_id)
	assert message["resources"] == message["stable_ids"] == []
	assert message["cursor"]
	assert message["as_of"]


@pytest.mark.parametrize("count", [1999, 2000, 2001, 4100])
def test_every_row_once_across_the_pages_of_a_stream(tenant: Tenant, anna: Caller, count: int) -> None:
	account = tenant.account(tenant.item(), [transaction(n) for n in range(count)])
	message = anna.message(BY_ACCOUNT, account_id=account.account_id)
	assert message["stable_ids"] == [name for name, _ in account.rows()]
	assert [row["id"] for row in message["resources"]] == [36_000_051_000_000 + n for n in range(count)]


def test_accounts_follow_each_other_in_order(tenant: Tenant, anna: Caller) -> None:
	item = tenant.item("5002")
	accounts = [tenant.account(item, [transaction(n) for n in range(size)]) for size in (3, 0, 2500, 1)]
	expected = [name for account in accounts for name, _ in account.rows()]
	assert anna.message(LIST, item_id="5002")["stable_ids"] == expected
	for limit in (400, 2503, 2504, 9999):
		pages = list(anna.pages(LIST, item_id="5002", limit=limit))
		assert [name for page in pages for name in page["stable_ids"]] == expected
		assert all(len(page["resources"]) <= limit for page in pages)
		assert all(page["resources"] for page in pages)


# --- scope


def test_an_account_is_found_by_present_former_and_stable_id(tenant: Tenant, anna: Caller) -> None:
	account = tenant.account(
		tenant.item(), [transaction(1)], account_id="710001", aliases=json.dumps(["709001", "7090"])
	)
	expected = anna.call(BY_ACCOUNT, account_id="710001")
	assert expected[0] == 200
	for identifier in ("709001", "7090", account.name, " 710001 "):
		assert anna.call(BY_ACCOUNT, account_id=identifier) == expected
	for identifier in ("70900", "709", '"', "%", "", "7" * 300):
		status, _ = anna.call(BY_ACCOUNT, account_id=identifier)
		assert status == (417 if identifier == "" else 404)


def test_user_item_and_client_scopes(site: str, web: Process, db: Any) -> None:
	client = Tenant.new()
	caller = Caller(web, client)
	one, two = client.item("1", "u1"), client.item("2", "u2")
	first = client.account(one, [transaction(1)], "11", user="u1")
	second = client.account(two, [transaction(2)], "21", user="u2")
	name = {account.account_id: account.rows()[0][0] for account in (first, second)}
	assert caller.message(LIST, user="u1")["stable_ids"] == [name["11"]]
	assert caller.message(LIST, item_id="2")["stable_ids"] == [name["21"]]
	assert caller.message(LIST)["stable_ids"] == [name["11"], name["21"]]
	assert caller.message(LIST, item_id="2", user="u2")["stable_ids"] == [name["21"]]
	assert caller.message(BY_ACCOUNT, account_id="11", item_id="1", user="u1")["stable_ids"] == [name["11"]]
	unknown = caller.call(LIST, item_id="3")
	assert unknown[0] == 404
	for arguments in (
		{"item_id": "2", "user": "u1"},
		{"user": "nobody"},
		{"user": "U1"},
		{"item_id": "1", "site": "another.example.com"},
	):
		assert caller.call(LIST, **arguments) == unknown
	assert caller.call(BY_ACCOUNT, account_id="11", item_id="2") == unknown
	assert caller.call(BY_ACCOUNT, account_id="11", user="u2") == unknown
	assert caller.message(LIST, site=client.name)["stable_ids"] == [name["11"], name["21"]]


def test_what_belongs_to_another_client_is_unknown_to_the_byte(
	tenant: Tenant, other: Tenant, web: Process, db: Any
) -> None:
	item = tenant.item("6001", "private")
	account = tenant.account(item, [transaction(1)], "61001", user="private", aliases='["60001"]')
	other.account(other.item("6002", "own"), [transaction(1)], "61002", user="own")
	stranger, owner = Caller(web, other), Caller(web, tenant)
	cursor = owner.message(BY_ACCOUNT, account_id="61001")["cursor"]

	unknown = stranger.call(BY_ACCOUNT, account_id="123456789012")
	assert unknown[0] == 404
	for identifier in ("61001", "60001", account.name, item):
		assert stranger.call(BY_ACCOUNT, account_id=identifier) == unknown
		assert stranger.call(BY_ACCOUNT, account_id=identifier, limit=1, since="2020-01-01") == unknown
	for arguments in ({"item_id": "6001"}, {"user": "private"}, {"item_id": "6001", "user": "private"}):
		assert stranger.call(LIST, **arguments) == unknown
		assert stranger.call(ACCOUNTS, **arguments) == unknown
	assert stranger.call(LIST, item_id="6002", user="private") == unknown
	assert stranger.call(BY_ACCOUNT, account_id="61002", user="private") == unknown
	assert stranger.call(LIST, site=tenant.name) == unknown

	refused = stranger.call(BY_ACCOUNT, account_id="61002", cursor="nonsense")
	assert refused[0] == 417
	assert stranger.call(BY_ACCOUNT, account_id="61002", cursor=cursor) == refused
	assert stranger.call(BY_ACCOUNT, account_id="61001", cursor=cursor) == unknown
	assert len(stranger.message(LIST)["resources"]) == 1


def test_a_deleted_item_is_unknown_with_all_that_it_has(tenant: Tenant, anna: Caller) -> None:
	item = tenant.item("6003", "leaver", status="Deleted")
	account = tenant.account(item, [transaction(1)], user="leaver")
	unknown = anna.call(BY_ACCOUNT, account_id="123456789012")
	assert anna.call(BY_ACCOUNT, account_id=account.account_id) == unknown
	assert anna.call(LIST, item_id="6003") == unknown
	assert anna.call(ACCOUNTS, item_id="6003") == unknown
	message = anna.message(LIST, user="leaver")
	assert message["resources"] == message["feeds"] == []
	assert message["as_of"] is None


def test_guests_and_users_without_a_client_read_nothing(web: Process, tenant: Tenant, db: Any) -> None:
	tenant.account(tenant.item("6004"), [transaction(1)])
	nobody = Caller(web, tenant)
	nobody.headers = {}
	assert nobody.call(LIST)[0] == 403
	nobody.headers = {"Authorization": "token wrong:wrong"}
	assert nobody.call(LIST)[0] == 401


def test_one_number_at_two_providers_needs_the_provider(tenant: Tenant, anna: Caller) -> None:
	second = provider("Seeded Bridge 2")
	item = tenant.item("6100", "two")
	there = tenant.item("6100", "two", provider=second)
	here = tenant.account(item, [transaction(1)], "61100", user="two")
	tenant.account(there, [transaction(2)], "61100", user="two", provider=second)
	assert anna.call(LIST, item_id="6100")[0] == 404
	found = anna.message(LIST, item_id="6100", provider=tenant.provider)["stable_ids"]
	assert found == [here.rows()[0][0]]
	assert anna.call(BY_ACCOUNT, account_id="61100")[0] == 404
	assert anna.message(BY_ACCOUNT, account_id="61100", provider=tenant.provider)["stable_ids"] == found


# --- freshness


def test_what_was_never_read_is_an_error_and_not_an_empty_list(tenant: Tenant, anna: Caller) -> None:
	waiting = tenant.item("6201", "new", status="Waiting", last_success_at=None)
	for arguments in ({"item_id": "6201"}, {"user": "new"}):
		status, body = anna.call(LIST, **arguments)
		assert (status, json.loads(body)["exc_type"]) == (409, "DataNotReady")
		assert anna.call(ACCOUNTS, **arguments)[0] == 409
	account = tenant.account(waiting, user="new")
	frappe.db.set_value("Bank API Account", account.name, "last_synced_at", None)
	frappe.db.commit()
	assert anna.call(BY_ACCOUNT, account_id=account.account_id)[0] == 409
	frappe.db.set_value("Bank API Item", waiting, {"status": "Action Required"})
	frappe.db.commit()
	status, body = anna.call(LIST, item_id="6201")
	assert (status, json.loads(body)["exc_type"]) == (409, "ConsentNeeded")


def test_one_unread_bank_does_not_hide_the_others_but_shows(tenant: Tenant, anna: Caller) -> None:
	tenant.account(tenant.item("6202", "mixed"), [transaction(1)], user="mixed")
	tenant.item("6203", "mixed", status="Action Required", user_action="Authenticate", last_success_at=None)
	message = anna.message(LIST, user="mixed")
	assert len(message["resources"]) == 1
	assert message["as_of"] is None
	assert {feed["item_id"]: (feed["status"], bool(feed["as_of"])) for feed in message["feeds"]} == {
		6202: ("OK", True),
		6203: ("Action Required", False),
	}


def test_the_age_of_old_data_is_told(tenant: Tenant, anna: Caller) -> None:
	old = (site_now() - timedelta(days=9)).replace(microsecond=0)
	item = tenant.item("6204", last_success_at=old)
	account = tenant.account(item, [transaction(1)])
	expected = iso(old.replace(tzinfo=site_zone()))
	assert anna.message(LIST, item_id="6204")["as_of"] == expected
	older = old - timedelta(days=1)
	frappe.db.set_value("Bank API Account", account.name, "last_synced_at", older)
	frappe.db.commit()
	assert anna.message(ACCOUNTS, item_id="6204")["as_of"] == iso(older.replace(tzinfo=site_zone()))


# --- changes


def test_a_cursor_gives_what_changed_after_it_for_good(tenant: Tenant, anna: Caller) -> None:
	item = tenant.item("6301")
	account = tenant.account(item, [transaction(n) for n in range(10)])
	cursor = anna.message(LIST, item_id="6301")["cursor"]
	again = anna.message(LIST, item_id="6301", cursor=cursor)
	assert again["resources"] == []
	assert again["cursor"] == cursor

	account.write([transaction(3, text="changed"), transaction(4, deleted=True), transaction(11)])
	later = tenant.account(item, [transaction(50)])
	message = anna.message(LIST, item_id="6301", cursor=cursor)
	assert [row["clean_description"] for row in message["resources"][:1]] == ["changed"]
	assert [row["is_deleted"] for row in message["resources"]] == [False, True, False, False]
	assert message["stable_ids"][-1] == later.rows()[0][0]
	assert anna.message(LIST, item_id="6301", cursor=message["cursor"])["resources"] == []


def test_changes_between_pages_are_not_missed(tenant: Tenant, anna: Caller) -> None:
	item = tenant.item("6302")
	accounts = [tenant.account(item, [transaction(n) for n in range(20)]) for _ in range(3)]
	chance = random.Random(7)
	held: dict[str, dict] = {}
	for message in anna.pages(LIST, item_id="6302", limit=7):
		held |= rows_of(message)
		account = chance.choice(accounts)
		number = chance.randrange(30)
		account.write(
			[transaction(number, text=f"v{chance.random()}", deleted=chance.random() < 0.3 and number < 20)]
		)
		cursor = message["cursor"]
		if len(held) > 500:
			break
	held |= rows_of(anna.message(LIST, item_id="6302", cursor=cursor))
	assert held == {name: json.loads(text) for account in accounts for name, text in account.rows()}


def test_a_reader_and_a_writer_at_the_same_time(tenant: Tenant, anna: Caller, bench: Any, site: str) -> None:
	item = tenant.item("6303")
	accounts = [tenant.account(item, [transaction(n) for n in range(300)]) for _ in range(2)]
	stop = threading.Event()
	held: dict[str, dict] = {}
	counts = {"polls": 0}
	failures: list[BaseException] = []

	def read() -> None:
		cursor = None
		try:
			while not stop.is_set():
				for message in anna.pages(LIST, item_id="6303", limit=50, cursor=cursor):
					held.update(rows_of(message))
					cursor = message["cursor"]
				counts["polls"] += 1
			held.update(rows_of(anna.message(LIST, item_id="6303", cursor=cursor)))
		except BaseException as error:
			failures.append(error)

	reader = threading.Thread(target=read)
	reader.start()
	chance = random.Random(11)
	try:
		for turn in range(120):
			numbers = chance.sample(range(400), 20)
			chance.choice(accounts).write([transaction(number, text=f"turn {turn}") for number in numbers])
	finally:
		stop.set()
		reader.join()
	assert not failures
	assert counts["polls"] > 0
	assert held == {name: json.loads(text) for account in accounts for name, text in account.rows()}


def test_since_is_the_instant_of_a_change_here(tenant: Tenant, anna: Caller) -> None:
	account = tenant.account(tenant.item("6304"), [transaction(n) for n in range(3)])
	stamps = [int(stamp, 16) for (stamp,) in account.rows("change_stamp")]
	moments = [datetime.fromtimestamp(stamp / 1e6, timezone.utc) for stamp in stamps]

	def count(since: str) -> int:
		return len(anna.message(LIST, item_id="6304", since=since)["resources"])

	exact = moments[1].replace(microsecond=stamps[1] % 1_000_000)
	assert count(exact.isoformat().replace("+00:00", "Z")) == 2
	assert count(exact.astimezone(timezone(timedelta(hours=2))).isoformat()) == 2
	assert count(exact.astimezone(timezone(timedelta(hours=-3))).isoformat(" ")) == 2
	assert count((exact + timedelta(microseconds=1)).isoformat()) == 1
	assert count(site_now().date().isoformat()) == 3
	assert count((site_now().date() + timedelta(days=1)).isoformat()) == 0
	assert count("1970-01-01") == count("0001-01-01") == 3
	assert count("9999-12-31") == 0
	naive_here = exact.astimezone(site_zone()).replace(tzinfo=None)
	assert count(naive_here.isoformat()) == 2


def test_a_cursor_remembers_since(tenant: Tenant, anna: Caller) -> None:
	item = tenant.item("6305")
	tenant.account(item, [transaction(n) for n in range(3)])
	time.sleep(0.01)
	since = iso(datetime.now(timezone.utc) + timedelta(milliseconds=1))
	time.sleep(0.01)
	new = tenant.account(item, [transaction(n) for n in range(4)])
	pages = list(anna.pages(LIST, item_id="6305", since=since, limit=3))
	assert [name for page in pages for name in page["stable_ids"]] == [name for name, _ in new.rows()]
	assert "since" not in (pages[0]["pagination"]["next_uri"] or "")
	# A client that repeats its arguments beside the cursor loses nothing.
	again = anna.message(LIST, item_id="6305", since="2999-01-01", cursor=pages[0]["cursor"])
	assert again["stable_ids"] == pages[1]["stable_ids"]


@pytest.mark.parametrize(
	"arguments",
	[
		{"since": "yesterday"},
		{"since": "2026-13-01"},
		{"since": "2026-02-30"},
		{"since": "20260201"},
		{"since": "2026-02-01T25:00:00Z"},
		{"since": "2026-02-01T10:00:00+99:99"},
		{"limit": "0"},
		{"limit": "-1"},
		{"limit": "many"},
		{"limit": "1.5"},
		{"cursor": "x"},
		{"cursor": "AAAA"},
		{"cursor": "é"},
		{"cursor": "A" * 3000},
	],
)
def test_arguments_that_make_no_sense_are_refused(tenant: Tenant, anna: Caller, arguments: dict) -> None:
	status, body = anna.call(LIST, **arguments)
	answer = json.loads(body)
	assert (status, answer["exc_type"]) == (417, "BadArgument")
	assert "Traceback" not in body.decode()


def test_a_cursor_belongs_to_its_list(tenant: Tenant, anna: Caller) -> None:
	item = tenant.item("6306", "lists")
	account = tenant.account(item, [transaction(1)], user="lists")
	cursors = {
		"account": anna.message(BY_ACCOUNT, account_id=account.account_id)["cursor"],
		"item": anna.message(LIST, item_id="6306")["cursor"],
		"user": anna.message(LIST, user="lists")["cursor"],
	}
	calls = {
		"account": (BY_ACCOUNT, {"account_id": account.name}),
		"item": (LIST, {"item_id": "6306", "user": "lists"}),
		"user": (LIST, {"user": "lists"}),
	}
	for asked, (method, arguments) in calls.items():
		for name, cursor in cursors.items():
			status, _ = anna.call(method, cursor=cursor, **arguments)
			assert status == (200 if name == asked else 417), (asked, name)


@given(
	st.datetimes(datetime(1900, 1, 1), datetime(9998, 1, 1)),
	st.datetimes(datetime(1900, 1, 1), datetime(9998, 1, 1)),
)
def test_stamps_of_instants_keep_their_order(first: datetime, second: datetime) -> None:
	stamps = [reading._stamp(moment.isoformat() + "Z") for moment in sorted((first, second))]
	assert stamps == sorted(stamps)
	assert all(re.fullmatch("[0-9a-f]{13}", stamp) for stamp in stamps)


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_since(text: str) -> None:
	with suppress(BadArgument):
		assert re.fullmatch("[0-9a-f]{13}", reading._stamp(text))


def test_days_begin_at_midnight_of_the_site_on_both_sides_of_a_clock_change(db: Any) -> None:
	db.db.set_single_value("System Settings", "time_zone", "Europe/Paris")
	db.clear_document_cache("System Settings", "System Settings")
	for day, hour in (("2026-03-29", 23), ("2026-03-30", 22), ("2026-10-25", 22), ("2026-10-26", 23)):
		stamp = int(reading._stamp(day), 16)
		assert datetime.fromtimestamp(stamp / 1e6, timezone.utc).hour == hour


# --- former ids


def test_a_former_id_is_reported_as_gone_before_its_row(tenant: Tenant, anna: Caller) -> None:
	account = tenant.account(tenant.item(), [transaction(n) for n in range(3)])
	name = account.rows()[1][0]
	frappe.db.set_value("Bank API Transaction", name, "aliases", json.dumps(["77001", "77002"]))
	frappe.db.commit()
	message = anna.message(BY_ACCOUNT, account_id=account.account_id)
	first, second, third = (row for row, _ in account.rows())
	assert message["stable_ids"] == [first, None, None, second, third]
	gone = message["resources"][1:3]
	assert [row["id"] for row in gone] == [77001, 77002]
	assert all(row["is_deleted"] for row in gone)
	# A client keyed by Bridge's id holds, in the end, exactly the live rows.
	held: dict[int, dict] = {77001: {}, 77002: {}}
	for row in message["resources"]:
		held.pop(row["id"], None) if row["is_deleted"] else held.update({row["id"]: row})
	assert list(held) == [36_000_051_000_000 + n for n in range(3)]
	limited = anna.message(BY_ACCOUNT, account_id=account.account_id, limit=2)
	assert limited["stable_ids"] == [first, None, None, second]


@pytest.mark.parametrize("identity", ["i:77004", "r:" + "0" * 32])
def test_a_former_id_that_the_bank_has_given_away_again_is_not_gone(
	tenant: Tenant, anna: Caller, identity: str
) -> None:
	account = tenant.account(tenant.item(), [transaction(n) for n in range(3)])
	first, second, third = (name for name, _ in account.rows())
	now_its_own = {"provider_transaction_id": "77004", "identity": identity}
	frappe.db.set_value("Bank API Transaction", first, now_its_own)
	frappe.db.set_value("Bank API Transaction", second, "aliases", '["77004", "77005"]')
	frappe.db.commit()
	message = anna.message(BY_ACCOUNT, account_id=account.account_id)
	assert message["stable_ids"] == [first, None, second, third]
	assert message["resources"][1]["id"] == 77005
	frappe.db.set_value("Bank API Transaction", first, "status", "Deleted")
	frappe.db.commit()
	message = anna.message(BY_ACCOUNT, account_id=account.account_id)
	assert message["stable_ids"] == [first, None, None, second, third]


# --- the stream itself


def test_rows_that_share_a_stamp_stay_on_one_page(tenant: Tenant, anna: Caller) -> None:
	account = tenant.account(tenant.item(), [transaction(n) for n in range(6)])
	stamps = [stamp for (stamp,) in account.rows("change_stamp")]
	frappe.db.sql(
		"UPDATE `tabBank API Transaction` SET change_stamp = %s WHERE account = %s AND change_stamp IN %s",
		(stamps[2], account.name, stamps[2:5]),
	)
	frappe.db.commit()
	sizes = [
		len(page["resources"]) for page in anna.pages(BY_ACCOUNT, account_id=account.account_id, limit=2)
	]
	assert sizes == [2, 3, 1]


def test_a_page_that_the_database_has_cut_is_read_row_by_row(
	tenant: Tenant, db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
	account = tenant.account(tenant.item(), [transaction(n) for n in range(50)])
	monkeypatch.setattr(row_stream, "_LONGEST_PAGE", 2000)
	response = reading.transactions(tenant.context, account_id=account.account_id)
	body = b"".join(response.iter_encoded())
	response.close()
	assert payload_part(body).decode() == ",".join(payload for _, payload in account.rows())


@pytest.mark.parametrize("payload", [None, ""])
def test_a_row_without_its_payload_is_a_failure_and_not_a_hole(
	tenant: Tenant, anna: Caller, payload: str | None
) -> None:
	account = tenant.account(tenant.item(), [transaction(n) for n in range(3)])
	frappe.db.set_value("Bank API Transaction", account.rows()[1][0], "payload", payload)
	frappe.db.commit()
	status, body = anna.call(BY_ACCOUNT, account_id=account.account_id)
	assert status == 500
	assert "Traceback" not in body.decode()


def big(tenant: Tenant, rows: int = 12_000, width: int = 2_000) -> Account:
	"""An account whose answer is larger than what the sockets between two processes hold."""
	filler = "x" * width
	return tenant.account(
		tenant.item(),
		[transaction(n, payload=f'{{"id":{n},"is_deleted":false,"x":"{filler}"}}') for n in range(rows)],
	)


class SlowReader:
	"""Asks for a list, reads the beginning of the answer, and stops."""

	def __init__(self, caller: Caller, account: Account, version: str = "1.1"):
		self.socket = socket.socket()
		self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
		self.socket.connect(("127.0.0.1", caller.port))
		self.socket.settimeout(60)
		path = f"{BRIDGE}{BY_ACCOUNT}?account_id={account.account_id}"
		token = caller.headers["Authorization"]
		self.socket.sendall(f"GET {path} HTTP/{version}\r\nHost: x\r\nConnection: close\r\n".encode())
		self.socket.sendall(f"Authorization: {token}\r\n\r\n".encode())
		self.received = self.socket.recv(30_000)
		assert b" 200 " in self.received[:20]

	def rest(self) -> bytes:
		while piece := self.socket.recv(1 << 20):
			self.received += piece
		return self.received


def snapshots() -> list[int]:
	"""The database connections that answers of this site are being read from."""
	frappe.db.commit()
	own = frappe.db.sql("SELECT CONNECTION_ID()")[0][0]
	return [
		row[0]
		for row in frappe.db.sql(
			"SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id != %s", own
		)
	]


def wait_for(condition: Any, seconds: float = 15) -> bool:
	end = time.monotonic() + seconds
	while time.monotonic() < end:
		if condition():
			return True
		time.sleep(0.05)
	return False


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_failure_in_the_middle_breaks_the_answer_off(tenant: Tenant, anna: Caller, version: str) -> None:
	account = big(tenant)
	before = set(snapshots())
	reader = SlowReader(anna, account, version)
	assert wait_for(lambda: set(snapshots()) - before)
	for identifier in set(snapshots()) - before:
		frappe.db.sql(f"KILL {identifier}")
	received = reader.rest()
	assert b"Traceback" not in received
	assert not received.endswith(b"0\r\n\r\n")  # the end of a chunked body never came
	with pytest.raises(ValueError):  # noqa: PT011 - any broken JSON
		json.loads(received.partition(b"\r\n\r\n")[2])
	assert anna.message(BY_ACCOUNT, account_id=account.account_id, limit=1)["resources"]


def test_a_reader_that_goes_away_leaves_no_connection_behind(tenant: Tenant, anna: Caller) -> None:
	account = big(tenant)
	before = set(snapshots())
	readers = [SlowReader(anna, account) for _ in range(3)]
	assert wait_for(lambda: len(set(snapshots()) - before) >= 3)
	for reader in readers:
		reader.socket.close()
	assert wait_for(lambda: not set(snapshots()) - before)


def test_the_web_server_never_holds_a_whole_answer(tenant: Tenant, bench: Any, site: str, db: Any) -> None:
	account = big(tenant, rows=25_000, width=4_000)  # 100 MB
	server = web_server(bench, site, workers=1).start()
	try:
		anna = Caller(server, tenant)
		anna.message(BY_ACCOUNT, account_id=account.account_id, limit=3000)
		before = peak(server.pid)
		status, body = anna.call(BY_ACCOUNT, account_id=account.account_id)
		assert status == 200
		assert len(body) > 100_000_000
		assert (peak(server.pid) - before) / 1024 < 60, "MiB more"
	finally:
		server.stop()


def peak(pid: int) -> int:
	"""The most memory that a server's processes have ever held, in kB."""
	total = 0
	for child in children(pid):
		with open(f"/proc/{child}/status") as status:
			total += int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1))  # type: ignore[union-attr]
	return total


def children(pid: int) -> list[int]:
	with open(f"/proc/{pid}/task/{pid}/children") as file:
		found = [int(child) for child in file.read().split()]
	return [pid, *found]


def test_a_snapshot_sees_one_moment(tenant: Tenant, anna: Caller) -> None:
	account = big(tenant, rows=8000)
	reader = SlowReader(anna, account)
	account.write(
		[transaction(7, payload='{"id":7,"is_deleted":true}', identifier="36000051000007", deleted=True)]
	)
	received = reader.rest()
	assert received.count(b'"is_deleted":false') == 8000
	assert b'"is_deleted":true' not in received


def test_the_example_of_polling_in_the_documentation_works(tenant: Tenant, anna: Caller) -> None:
	import requests

	text = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
	(code,) = [
		block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "def changes" in block
	]
	names: dict[str, Any] = {}
	exec(code, names)
	item = tenant.item("6401")
	account = tenant.account(item, [transaction(n, amount="0.005") for n in range(2300)])
	session = requests.Session()
	session.headers.update(anna.headers)

	def poll(cursor: str | None) -> tuple[list[tuple], str]:
		*rows, (_, cursor) = names["changes"](
			session, f"http://127.0.0.1:{anna.port}", cursor, item_id="6401"
		)
		return rows, cursor

	rows, cursor = poll(None)
	assert [name for name, _ in rows] == [name for name, _ in account.rows()]
	assert str(rows[0][1]["amount"]) == "0.005"
	assert poll(cursor) == ([], cursor)
	account.write([transaction(5, text="new")])
	((_, changed),) = poll(cursor)[0]
	assert changed["clean_description"] == "new"


def test_a_cursor_over_hundreds_of_accounts_goes_by_post(site: str, web: Process, db: Any) -> None:
	client = Tenant.new()
	caller = Caller(web, client)
	item = client.item("1")
	names = [client.account(item, [transaction(n)]).name for n in range(300)]
	expected = [
		name
		for (name,) in frappe.db.sql(
			"SELECT name FROM `tabBank API Transaction` WHERE account IN %s ORDER BY account", (names,)
		)
	]
	seen: list[str] = []
	cursor = None
	for _ in range(4):
		status, body = caller.raw(BRIDGE + LIST, "POST", {"limit": 100, "cursor": cursor, "user": "anna"})
		assert status == 200, body
		message = json.loads(body)["message"]
		seen += message["stable_ids"]
		cursor = message["cursor"]
		if not message["pagination"]["next_uri"]:
			break
	assert seen == expected
	assert len(cursor) > 5000
