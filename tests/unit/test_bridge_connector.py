"""Bridge behind the gateway's protocol: both versions, on the wire (protocols/bridge.md, 1 to 6 and 8)."""

import json
import logging
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st
from responses import matchers

from bank_api.connectors import errors, verbatim
from bank_api.connectors.model import (
	LinkKind,
	LinkRequest,
	ProviderConfig,
	RateLimits,
	Secret,
	Token,
	TransactionPage,
	TransactionStatus,
)
from bank_api.connectors.rate_ledger import MemoryLedger, patience
from bank_api.connectors.registry import CONNECTORS, connector_for

BASE = "https://api.bridgeapi.io"
V2, V3 = "2021-06-01", "2025-01-15"
UUID = "79c37164-6de4-4c1d-9a4b-0b5a24e3a2f1"
TOKEN = Token(Secret("tok-abc"), datetime(2030, 1, 1, tzinfo=timezone.utc), UUID)
DATA = {V2: f"{BASE}/v2", V3: f"{BASE}/v3/aggregation"}
PRIVATE = ("tok-abc", "sec-456", "raw words", "cli-123")
BOTH = pytest.mark.parametrize("version", [V2, V3])


def config(version=V3, **changes) -> ProviderConfig:
	return replace(
		ProviderConfig("Bridge test", "bridge", version, BASE, "cli-123", Secret("sec-456"), page_size=2),
		**changes,
	)


def connector(version=V3, ledger=None, **changes):
	made = connector_for(config(version, **changes), ledger)
	made._client.http.back_off = lambda attempt: 0.0
	return made


@pytest.fixture
def wire():
	with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
		yield mock


def headers(version, bearer=True, language="en"):
	expected = {
		"Client-Id": "cli-123",
		"Client-Secret": "sec-456",
		"Bridge-Version": version,
		"Accept-Language": language,
		"Accept": "application/json",
	}
	if bearer:
		expected["Authorization"] = "Bearer tok-abc"
	return matchers.header_matcher(expected)


def no_bearer(request):
	return "Authorization" not in request.headers, "an application's call carries no user's token"


def sent(**body):
	return matchers.json_params_matcher(body)


def asked(**query):
	return matchers.query_param_matcher(query)


def mistake(code, **more):
	return {"errors": [{"code": code, "message": "raw words", **more}]}


# The registry


def test_the_registry_knows_bridge_and_says_so_of_others():
	assert "bridge" in CONNECTORS
	with pytest.raises(errors.ConfigurationError):
		connector_for(config(connector="nobody"))


@pytest.mark.parametrize("version", ["2019-02-18", "", "v3", "2025"])
def test_an_unknown_version_is_a_matter_of_configuration(version):
	with pytest.raises(errors.ConfigurationError, match="2021-06-01, 2025-01-15"):
		connector(version)


def test_a_leading_v_of_the_version_is_tolerated(wire):
	wire.get(
		f"{BASE}/v3/providers/574", body="{}", content_type="application/json", match=[headers(V3, False)]
	)
	connector("v2025-01-15").bank("574")


@pytest.mark.parametrize("changes", [{"client_id": " "}, {"client_secret": Secret("")}])
def test_without_credentials_there_is_no_connector(changes):
	with pytest.raises(errors.ConfigurationError):
		connector(**changes)


@pytest.mark.parametrize(
	"setting",
	[{"account_types": "some"}, {"max_pages": "many"}, {"user_delete_v2": "put"}, {"throttle_seconds": "x"}],
	ids=repr,
)
def test_settings_that_make_no_sense(setting):
	with pytest.raises(errors.ConfigurationError, match=next(iter(setting))):
		connector(settings=setting)


def test_blanks_around_credentials_are_dropped(wire):
	wire.get(f"{BASE}/v3/providers/1", body="{}", content_type="application/json", match=[headers(V3, False)])
	connector(client_id=" cli-123\n", client_secret=Secret("sec-456 ")).bank("1")


# Users and tokens


@BOTH
@pytest.mark.parametrize("status", [200, 201])
def test_creates_a_user(wire, version, status):
	wire.post(
		f"{DATA[version]}/users",
		json={"uuid": UUID, "external_user_id": "ba-1"},
		status=status,
		match=[headers(version, False), no_bearer, sent(external_user_id="ba-1")],
	)
	assert connector(version).create_user("ba-1") == UUID


@BOTH
def test_a_user_that_exists_is_found_by_its_token(wire, version):
	wire.post(
		f"{DATA[version]}/users",
		json=mistake("users.creation.already_exists_with_external_user_id"),
		status=409,
	)
	wire.post(
		f"{BASE}/v2/authenticate" if version == V2 else f"{DATA[version]}/authorization/token",
		json={"access_token": "t", "expires_at": "2026-11-21T10:00:00.000Z", "user": {"uuid": UUID}},
		match=[sent(external_user_id="ba-1")],
	)
	assert connector(version).create_user("ba-1") == UUID


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 129, "é", "a\n"])
def test_an_external_id_that_bridge_would_refuse_is_not_sent(name):
	for call in (connector().create_user, connector().new_token):
		with pytest.raises(errors.InvalidRequest):
			call(name)


@BOTH
def test_a_token(wire, version):
	wire.post(
		f"{BASE}/v2/authenticate" if version == V2 else f"{DATA[version]}/authorization/token",
		json={
			"access_token": "tok-abc",
			"expires_at": "2026-11-21T10:00:19.945Z",
			"user": {"uuid": UUID, "external_user_id": "ba-1"},
		},
		match=[headers(version, False), no_bearer, sent(external_user_id="ba-1")],
	)
	token = connector(version).new_token("ba-1")
	assert token.value == Secret("tok-abc")
	assert token.expires_at == datetime(2026, 11, 21, 10, 0, 19, 945000, tzinfo=timezone.utc)
	assert token.provider_user_id == UUID
	assert "tok-abc" not in repr(token)


def test_a_token_without_an_end_lives_as_long_as_the_setting_says(wire):
	wire.post(
		f"{DATA[V3]}/authorization/token",
		json={"access_token": "t", "expires_at": None, "user": {"uuid": UUID}},
	)
	token = connector(settings={"token_lifetime": "600"}).new_token("ba-1")
	left = token.expires_at - datetime.now(timezone.utc)
	assert timedelta(seconds=590) < left <= timedelta(seconds=600)


@pytest.mark.parametrize("status", [404, 422])
def test_a_token_for_nobody(wire, status):
	wire.post(f"{DATA[V3]}/authorization/token", json=mistake("user.not_found"), status=status)
	with pytest.raises(errors.NotFound):
		connector().new_token("ba-1")


@pytest.mark.parametrize(
	"body",
	[
		{},
		{"access_token": "", "user": {"uuid": UUID}},
		{"access_token": 5, "user": {"uuid": UUID}},
		{"access_token": "t"},
		{"access_token": "t", "user": {}},
		{"access_token": "t", "user": {"uuid": "a/b"}},
		{"access_token": "t", "user": {"uuid": UUID}, "expires_at": "later"},
		[],
		"t",
	],
	ids=repr,
)
def test_an_answer_that_is_no_token(wire, body):
	wire.post(f"{DATA[V3]}/authorization/token", json=body)
	with pytest.raises(errors.MalformedResponse):
		connector().new_token("ba-1")


def test_deletes_a_user_of_the_second_version(wire):
	wire.delete(f"{DATA[V3]}/users/{UUID}", status=204, match=[headers(V3, False), no_bearer])
	connector().delete_user(UUID)


def test_deletes_a_user_of_the_first_version(wire):
	def six_characters(request):
		return len(json.loads(request.body)["password"]) >= 6, "bridge.md 1.2"

	wire.post(f"{BASE}/v2/users/{UUID}/delete", status=204, match=[headers(V2, False), six_characters])
	connector(V2).delete_user(UUID)


def test_how_the_first_version_deletes_users_is_a_setting(wire):
	wire.delete(f"{BASE}/v2/users/{UUID}", status=204)
	connector(V2, settings={"user_delete_v2": "delete"}).delete_user(UUID)


@BOTH
def test_users_and_items_that_are_gone_count_as_deleted(wire, version):
	method = "POST" if version == V2 else "DELETE"
	wire.add(method, f"{DATA[version]}/users/{UUID}{'/delete' * (version == V2)}", status=404, json={})
	wire.delete(f"{DATA[version]}/items/7", status=404, json={})
	connector(version).delete_user(UUID)
	connector(version).delete_item(TOKEN, "7")


@pytest.mark.parametrize("bad", ["", "a/b", "..", "7?x=1", "7#", "%2e", "a\r\nb", "x" * 129, "é"])
def test_no_id_leaves_its_place_in_the_path(bad):
	made = connector()
	for call in (
		lambda: made.delete_user(bad),
		lambda: made.item(TOKEN, bad),
		lambda: made.delete_item(TOKEN, bad),
		lambda: made.accounts(TOKEN, bad),
		lambda: made.transactions(TOKEN, bad, None, None),
		lambda: made.bank(bad),
		lambda: made.category(bad),
		lambda: connector(V2).transactions(TOKEN, bad, None, None),
		lambda: connector(V2).refresh_item(TOKEN, bad),
	):
		with pytest.raises(errors.InvalidRequest):
			call()


# Links


def request(kind=LinkKind.CONNECT, **changes) -> LinkRequest:
	return replace(LinkRequest(kind, "https://gw.example/return", "ctx-1", language="fr"), **changes)


SESSION = {"id": "s-1", "url": "https://connect.bridgeapi.io/session/s-1"}
COMMON = {"callback_url": "https://gw.example/return", "context": "ctx-1"}


@pytest.mark.parametrize(
	("asked_for", "settings", "body"),
	[
		(
			request(email="marie@example.org"),
			{},
			{"user_email": "marie@example.org", "account_types": "payment", "country_code": "FR"},
		),
		(
			request(bank_id="574", country="de"),
			{"account_types": "all", "capabilities": "aggregation, account_check"},
			{
				"user_email": f"{UUID}@users.invalid",
				"account_types": "all",
				"country_code": "DE",
				"provider_id": 574,
				"capabilities": ["aggregation", "account_check"],
			},
		),
		(
			request(LinkKind.EDIT, item_id="4568477"),
			{"account_types": "all", "placeholder_email_domain": "gw.example"},
			{"user_email": f"{UUID}@gw.example", "account_types": "all", "item_id": 4568477},
		),
		(
			request(LinkKind.SCA, item_id="4568477"),
			{},
			{
				"user_email": f"{UUID}@users.invalid",
				"account_types": "payment",
				"item_id": 4568477,
				"force_reauthentication": True,
			},
		),
	],
	ids=["connect", "connect with a bank", "edit", "SCA"],
)
def test_links_of_the_second_version(wire, asked_for, settings, body):
	wire.post(
		f"{DATA[V3]}/connect-sessions",
		json=SESSION,
		status=201,
		match=[headers(V3, language="fr"), sent(**COMMON, **body)],
	)
	link = connector(settings=settings).link(TOKEN, asked_for)
	assert (link.url, link.session_id) == (SESSION["url"], "s-1")


BACK = {"redirect_url": "https://gw.example/return", "context": "ctx-1"}


def test_connect_link_of_the_first_version(wire):
	wire.post(
		f"{BASE}/v2/connect/items/add",
		json={"redirect_url": SESSION["url"]},
		match=[
			headers(V2, language="fr"),
			sent(**BACK, country="fr", prefill_email="marie@example.org", bank_id=574, capabilities=["ais"]),
		],
	)
	link = connector(V2, settings={"capabilities": "ais"}).link(
		TOKEN, request(email="marie@example.org", bank_id="574")
	)
	assert (link.url, link.session_id) == (SESSION["url"], None)


@pytest.mark.parametrize(
	("kind", "path", "query"),
	[
		(LinkKind.EDIT, "/v2/connect/items/edit", {"item_id": "7"}),
		(LinkKind.SCA, "/v2/connect/items/sync", {"item_id": "7"}),
		(LinkKind.PRO, "/v2/connect/items/pro/confirmation", {}),
	],
)
def test_repair_links_of_the_first_version(wire, kind, path, query):
	wire.get(
		BASE + path,
		json={"redirect_url": SESSION["url"]},
		match=[headers(V2, language="fr"), asked(**BACK, **query)],
	)
	assert connector(V2).link(TOKEN, request(kind, item_id="7")).url == SESSION["url"]


def test_the_second_version_has_no_page_for_business_accounts():
	with pytest.raises(errors.Unsupported, match="removed"):
		connector().link(TOKEN, request(LinkKind.PRO, item_id="7"))


@BOTH
@pytest.mark.parametrize(
	"change",
	[
		{"context": ""},
		{"context": "a_b"},
		{"context": "x" * 101},
		{"kind": LinkKind.EDIT},
		{"kind": LinkKind.SCA},
		{"kind": LinkKind.SCA, "item_id": "7/8"},
		{"kind": LinkKind.SCA, "item_id": ""},
		{"bank_id": "x"},
		{"country": "FRA"},
		{"country": "<>"},
	],
	ids=repr,
)
def test_a_link_that_cannot_be_asked_for(version, change):
	with pytest.raises(errors.InvalidRequest):
		connector(version).link(TOKEN, request(**change))


@pytest.mark.parametrize(
	"url",
	[
		None,
		"",
		5,
		"javascript:alert(1)",
		"http://connect.bridgeapi.io/x",
		"/session",
		"https://",
		"data:text/html,x",
		"http://[::1",
	],
)
def test_a_browser_is_not_sent_just_anywhere(wire, url):
	wire.post(f"{DATA[V3]}/connect-sessions", json={"id": "s", "url": url})
	with pytest.raises(errors.MalformedResponse):
		connector().link(TOKEN, request())


def test_a_callback_that_is_not_allowed_says_what_to_do(wire):
	wire.post(
		f"{DATA[V3]}/connect-sessions",
		json=mistake("connect_session.callback_url_not_whitelisted"),
		status=400,
	)
	with pytest.raises(errors.ConfigurationError, match="dashboard") as caught:
		connector().link(TOKEN, request())
	assert caught.value.provider_code == "connect_session.callback_url_not_whitelisted"


@BOTH
def test_the_fifth_repair_of_a_day_is_throttled_for_longer(wire, version):
	url = f"{DATA[V3]}/connect-sessions" if version == V3 else f"{BASE}/v2/connect/items/sync"
	wire.add("POST" if version == V3 else "GET", url, json=mistake("too_many"), status=429)
	with patience(0), pytest.raises(errors.RateLimited) as caught:
		connector(version, settings={"max_attempts": "1"}).link(TOKEN, request(LinkKind.SCA, item_id="7"))
	assert caught.value.retry_after == 3600


def test_a_connect_session_is_never_asked_for_twice(wire):
	wire.post(f"{DATA[V3]}/connect-sessions", json={}, status=503)
	with pytest.raises(errors.ProviderUnavailable):
		connector().link(TOKEN, request())
	assert len(wire.calls) == 1


@pytest.mark.parametrize(
	("query", "expected"),
	[
		(
			{
				"item_id": "1",
				"user_uuid": UUID,
				"success": "false",
				"step": "sync_pending",
				"context": "c-1",
				"source": "connect",
			},
			("c-1", False, "1", UUID, "sync_pending"),
		),
		({"success": "true", "uuid": UUID}, (None, True, None, UUID, None)),
		({}, (None, False, None, None, None)),
		(
			{"success": "True", "item_id": "1a", "context": "a b", "step": "<b>", "user_uuid": "../x"},
			(None, False, None, None, None),
		),
		({"item_id": "9" * 20}, (None, False, None, None, None)),
		({"context": ["a"], "item_id": 5, "success": True}, (None, False, None, None, None)),
	],
	ids=["all", "uuid", "nothing", "garbage", "too long", "wrong types"],
)
def test_what_the_browser_brought_back(query, expected):
	got = connector().parse_return(query)
	assert (got.context, got.success, got.item_id, got.provider_user_id, got.step) == expected


@given(
	st.dictionaries(
		st.sampled_from(["context", "success", "item_id", "user_uuid", "uuid", "step"]), st.text()
	)
)
def test_no_return_raises(query):
	connector().parse_return(query)


# Items


def item_text(number=7, status=0):
	return f'{{"id": {number}, "status":{status}, "status_code_info":"ok"}}'


@BOTH
def test_items_page_by_page(wire, version):
	path = DATA[version].removeprefix(BASE) + "/items"
	rows = f"[{item_text(1)},{item_text(2)}]"
	first = f'{{"resources":{rows},"pagination":{{"next_uri":"{path}?after=2&limit=2"}}}}'
	last = f'{{"resources":[{item_text(3, 1010)}],"pagination":{{"next_uri":null}}}}'
	wire.get(
		f"{DATA[version]}/items",
		body=first,
		content_type="application/json",
		match=[headers(version), asked(limit=2)],
	)
	wire.get(
		f"{DATA[version]}/items",
		body=last,
		content_type="application/json",
		match=[asked(after="2", limit=2)],
	)
	items = connector(version).items(TOKEN)
	assert [item.provider_item_id for item in items] == ["1", "2", "3"]
	assert items[2].payload == item_text(3, 1010)


@BOTH
def test_one_item_in_its_language(wire, version):
	wire.get(
		f"{DATA[version]}/items/7",
		body=item_text(),
		content_type="application/json",
		match=[headers(version, language="fr")],
	)
	item = connector(version).item(TOKEN, "7", "fr")
	assert (item.provider_item_id, item.payload) == ("7", item_text())


def test_a_language_that_is_none_is_not_sent(wire):
	wire.get(f"{DATA[V3]}/items/7", body=item_text(), content_type="application/json", match=[headers(V3)])
	connector().item(TOKEN, "7", "fr\r\nX: y")


def test_another_item_than_the_one_asked_for_is_refused(wire):
	wire.get(f"{DATA[V3]}/items/7", body=item_text(8), content_type="application/json")
	with pytest.raises(errors.MalformedResponse):
		connector().item(TOKEN, "7")


def test_a_refresh_on_demand_is_the_first_versions(wire):
	wire.post(f"{BASE}/v2/items/7/refresh", status=202, match=[headers(V2)])
	connector(V2).refresh_item(TOKEN, "7")
	with pytest.raises(errors.Unsupported, match="by itself"):
		connector(V3).refresh_item(TOKEN, "7")


@BOTH
def test_deletes_an_item(wire, version):
	wire.delete(f"{DATA[version]}/items/7", status=204, match=[headers(version)])
	connector(version).delete_item(TOKEN, "7")


@BOTH
def test_a_list_that_leads_in_a_circle_is_refused(wire, version):
	path = DATA[version].removeprefix(BASE) + "/items"
	for number in range(3):
		wire.get(
			f"{DATA[version]}/items",
			json={"resources": [], "pagination": {"next_uri": f"{path}?after={number % 2}&limit=2"}},
		)
	with pytest.raises(errors.MalformedResponse, match="circle"):
		connector(version).items(TOKEN)


def test_a_list_without_an_end_is_refused():
	numbers = iter(range(100))

	def more(_request):
		uri = f"/v3/aggregation/items?after={next(numbers)}"
		return 200, {}, json.dumps({"resources": [], "pagination": {"next_uri": uri}})

	with responses.RequestsMock() as mock:
		mock.add_callback("GET", f"{DATA[V3]}/items", more, content_type="application/json")
		with pytest.raises(errors.MalformedResponse):
			connector(settings={"max_pages": "5"}).items(TOKEN)
		assert len(mock.calls) == 5


# Accounts and transactions


@BOTH
def test_accounts_of_an_item(wire, version):
	row = '{"id": 42, "item_id": 7, "balance": 0.10}'
	wire.get(
		f"{DATA[version]}/accounts",
		body=f'{{"resources":[{row}]}}',
		content_type="application/json",
		match=[headers(version), asked(item_id="7", limit="2")],
	)
	accounts = connector(version).accounts(TOKEN, "7")
	assert [(a.provider_account_id, str(a.balance), a.payload) for a in accounts] == [("42", "0.10", row)]


def test_an_account_of_another_item_is_refused(wire):
	wire.get(f"{DATA[V3]}/accounts", json={"resources": [{"id": 42, "item_id": 8}]})
	with pytest.raises(errors.MalformedResponse):
		connector().accounts(TOKEN, "7")


ROW = (
	'{"id": 36000051006608, "account_id": 42, "amount": -0.10, "date": "2026-11-21", "currency_code": "EUR"}'
)
SINCE = "2026-11-20T08:00:00.000Z"


def transactions_url(version):
	return (
		f"{DATA[version]}/transactions"
		if version == V3
		else f"{DATA[version]}/accounts/42/transactions/updated"
	)


@BOTH
def test_changed_transactions_page_by_page(wire, version):
	url = transactions_url(version)
	path = url.removeprefix(BASE)
	own = {"account_id": "42"} if version == V3 else {}
	answer = f'{{"resources":[{ROW}],"pagination":{{"next_uri":"{path}?after=c%2B1&limit=2"}}}}'
	wire.get(
		url,
		body=answer,
		content_type="application/json",
		match=[headers(version), asked(**own, limit="2", since=SINCE)],
	)
	wire.get(
		url,
		json={"resources": [], "pagination": {"next_uri": "null"}},
		match=[asked(**own, limit="2", since=SINCE, after="c+1")],
	)
	made = connector(version)
	page = made.transactions(TOKEN, "42", SINCE, None)
	assert [(row.provider_transaction_id, str(row.amount), row.payload) for row in page.rows] == [
		("36000051006608", "-0.10", ROW)
	]
	assert page.rows[0].status is TransactionStatus.BOOKED
	assert made.transactions(TOKEN, "42", SINCE, page.next_page) == TransactionPage([], None)


@BOTH
def test_a_first_pass_has_no_since(wire, version):
	own = {"account_id": "42"} if version == V3 else {}
	wire.get(transactions_url(version), json={"resources": []}, match=[asked(**own, limit="2")])
	assert connector(version).transactions(TOKEN, "42", None, None) == TransactionPage([], None)


@BOTH
@pytest.mark.parametrize(("rows", "limit"), [(0, "1"), (1, "1"), (500, "500"), (100_000, "500")])
def test_pages_keep_within_bridges_bounds(wire, version, rows, limit):
	own = {"account_id": "42"} if version == V3 else {}
	wire.get(transactions_url(version), json={"resources": []}, match=[asked(**own, limit=limit)])
	connector(version, page_size=rows).transactions(TOKEN, "42", None, None)


@BOTH
def test_a_page_that_is_its_own_next_one_is_refused(wire, version):
	url = transactions_url(version)
	for _ in range(2):
		wire.get(url, json={"resources": [], "pagination": {"next_uri": f"{url.removeprefix(BASE)}?after=1"}})
	made = connector(version)
	page = made.transactions(TOKEN, "42", None, None)
	with pytest.raises(errors.MalformedResponse, match="circle"):
		made.transactions(TOKEN, "42", None, page.next_page)


def test_a_token_never_goes_to_another_host(wire):
	wire.get(
		transactions_url(V3),
		json={
			"resources": [],
			"pagination": {"next_uri": "https://evil.example/v3/aggregation/transactions?after=1"},
		},
	)
	with pytest.raises(errors.MalformedResponse, match="elsewhere"):
		connector().transactions(TOKEN, "42", None, None)
	assert len(wire.calls) == 1


def test_a_stored_page_of_another_account_is_refused():
	with pytest.raises(errors.InvalidRequest):
		connector().transactions(TOKEN, "42", None, "after=1&account_id=43")


def test_a_since_that_is_none_is_refused():
	with pytest.raises(errors.MalformedResponse):
		connector().transactions(TOKEN, "42", "yesterday", None)


@pytest.mark.parametrize(
	("body", "media"),
	[
		("", "application/json"),
		("<html>Maintenance</html>", "text/html"),
		('{"pagination":{"next_uri":null}}', "application/json"),
		('{"resources":null}', "application/json"),
		('{"resources":[{"id":1', "application/json"),
		("[]", "application/json"),
	],
	ids=["nothing", "HTML", "no list", "null", "cut", "bare list"],
)
def test_a_failure_is_never_an_empty_list(wire, body, media):
	wire.get(transactions_url(V3), body=body, content_type=media)
	with pytest.raises(errors.MalformedResponse):
		connector().transactions(TOKEN, "42", None, None)


# Banks and categories


@pytest.mark.parametrize(("version", "path"), [(V2, "/v2/banks/574"), (V3, "/v3/providers/574")])
def test_a_bank_as_received(wire, version, path):
	text = '{ "id": 574, "name": "Demo Bank \\u00e9" }'
	wire.get(
		BASE + path,
		body=text,
		content_type="application/json",
		match=[headers(version, False, "fr"), no_bearer],
	)
	wire.get(BASE + path, body=text, content_type="application/json")
	assert connector(version).bank("574", "fr") == text
	assert connector(version).bank_name("574") == "Demo Bank é"


@pytest.mark.parametrize("body", [{}, {"name": None}, {"name": 5}])
def test_a_bank_without_a_name(wire, body):
	wire.get(f"{BASE}/v3/providers/574", json=body)
	with pytest.raises(errors.MalformedResponse):
		connector().bank_name("574")


@BOTH
def test_a_category_as_received_wrapped_or_not(wire, version):
	text = '{ "id": 83, "name": "Restaurants", "parent_id": 5 }'
	wire.get(
		f"{DATA[version]}/categories/83",
		body=text,
		content_type="application/json",
		match=[headers(version, False, "fr"), no_bearer],
	)
	wire.get(
		f"{DATA[version]}/categories/83", body=f'{{"resources": [{text}]}}', content_type="application/json"
	)
	assert connector(version).category("83", "fr") == text
	assert connector(version).category("83") == text


def test_two_categories_for_one_are_refused(wire):
	wire.get(f"{DATA[V3]}/categories/83", json={"resources": [{"id": 1}, {"id": 83}]})
	with pytest.raises(errors.MalformedResponse):
		connector().category("83")


def test_categories_as_received(wire):
	text = '{ "resources" : [ {"id":1,"name":"A","categories":[]} ], "pagination" : {"next_uri":null} }'
	wire.get(
		f"{DATA[V3]}/categories", body=text, content_type="application/json", match=[headers(V3, False, "fr")]
	)
	assert connector().categories("fr") == text


def test_categories_of_several_pages_are_joined(wire):
	wire.get(
		f"{DATA[V3]}/categories",
		json={
			"resources": [{"id": 1}, {"id": 2}],
			"pagination": {"next_uri": "/v3/aggregation/categories?after=2"},
		},
	)
	wire.get(f"{DATA[V3]}/categories", json={"resources": [{"id": 3}]})
	assert [row["id"] for row in json.loads(connector().categories())["resources"]] == [1, 2, 3]


# Refusals


@BOTH
@pytest.mark.parametrize("shape", ["errors", "flat", "type", "none", "html"])
@pytest.mark.parametrize(
	("status", "kind"),
	[
		(400, errors.InvalidRequest),
		(401, errors.AuthenticationExpired),
		(403, errors.ConfigurationError),
		(404, errors.NotFound),
		(409, errors.AlreadyExists),
		(415, errors.InvalidRequest),
		(422, errors.InvalidRequest),
		(429, errors.RateLimited),
		(500, errors.ProviderUnavailable),
		(503, errors.ProviderUnavailable),
		(504, errors.ProviderTimeout),
	],
)
def test_each_refusal_in_each_shape(version, shape, status, kind, caplog):
	caplog.set_level(logging.DEBUG, logger="bank_api")
	bodies = {
		"errors": json.dumps(mistake("some.code", property="iban raw words?")),
		"flat": json.dumps({"code": "some.code", "message": "raw words", "property": None}),
		"type": json.dumps({"type": "some.code", "message": "raw words", "documentation_url": None}),
		"none": "",
		"html": "<html>raw words</html>",
	}
	media = "text/html" if shape == "html" else "application/json"
	with responses.RequestsMock() as mock:
		mock.get(f"{DATA[version]}/items/7", body=bodies[shape], content_type=media, status=status)
		with pytest.raises(errors.ProviderError) as caught:
			connector(version).item(TOKEN, "7")
	error = caught.value
	assert type(error) is kind
	assert error.status == status
	assert error.request_id
	assert error.provider_code == ("some.code" if shape in ("errors", "flat", "type") else None)
	told = error.message + repr(error) + caplog.text
	assert not [private for private in PRIVATE if private in told]


def test_a_refused_parameter_is_named(wire):
	wire.post(f"{DATA[V3]}/connect-sessions", json=mistake("invalid", property="user_email"), status=400)
	with pytest.raises(errors.InvalidRequest, match="user_email"):
		connector().link(TOKEN, request())


@pytest.mark.parametrize("code", ["invalid_client_credentials", "auth.invalid_client_credentials"])
def test_wrong_credentials_of_the_application_are_not_the_users_fault(wire, code):
	wire.get(f"{DATA[V3]}/items/7", json=mistake(code), status=401)
	wire.get(f"{DATA[V3]}/items/7", json={"code": code, "message": "x"}, status=401)
	for _ in range(2):
		with pytest.raises(errors.ConfigurationError, match="client id or secret"):
			connector().item(TOKEN, "7")


def test_a_401_without_a_users_token_is_a_matter_of_configuration(wire):
	wire.get(f"{BASE}/v3/providers/574", json={}, status=401)
	with pytest.raises(errors.ConfigurationError):
		connector().bank("574")


def test_a_429_that_does_not_say_is_waited_out_for_a_window(wire):
	for _ in range(3):
		wire.get(f"{DATA[V3]}/items/7", json={}, status=429)
	with pytest.raises(errors.RateLimited) as caught:
		connector().item(TOKEN, "7")
	assert caught.value.retry_after == 60


@given(
	st.recursive(
		st.none() | st.integers() | st.text(max_size=9),
		lambda s: (
			st.lists(s, max_size=2)
			| st.dictionaries(st.sampled_from(["errors", "code", "type", "property"]), s)
		),
		max_leaves=6,
	)
)
def test_no_error_body_breaks_the_reader(body):
	with responses.RequestsMock() as mock:
		mock.get(
			f"{DATA[V3]}/items/7", body=verbatim.dumps(body), content_type="application/json", status=400
		)
		with pytest.raises(errors.ProviderError):
			connector().item(TOKEN, "7")


# Rate limits


class Recorder:
	def __init__(self):
		self.taken = []

	def acquire(self, bucket, calls, seconds):
		self.taken.append((bucket, calls, seconds))


LIMITS = RateLimits(app_calls=2000, user_calls=60, token_calls=10)


def test_each_call_is_counted_where_it_belongs(wire):
	ledger = Recorder()
	made = connector(ledger=ledger, limits=LIMITS)
	app, user = ("app:Bridge test", 2000, 301), (f"user:Bridge test:{UUID}", 60, 61)
	wire.post(f"{DATA[V3]}/authorization/token", json={"access_token": "t", "user": {"uuid": UUID}})
	made.new_token("ba-1")
	assert ledger.taken == [("token:Bridge test:ba-1", 10, 61), app]
	ledger.taken.clear()
	wire.get(f"{DATA[V3]}/items/7", body=item_text(), content_type="application/json")
	made.item(TOKEN, "7")
	assert ledger.taken == [user, app]
	ledger.taken.clear()
	wire.get(f"{BASE}/v3/providers/1", json={})
	made.bank("1")
	assert ledger.taken == [app]


def test_what_exceeds_our_own_ledger_is_not_sent(wire):
	wire.get(f"{DATA[V3]}/items/7", body=item_text(), content_type="application/json")
	made = connector(ledger=MemoryLedger(), limits=RateLimits(user_calls=1))
	made.item(TOKEN, "7")
	with patience(0), pytest.raises(errors.RateLimited) as caught:
		made.item(TOKEN, "7")
	assert 59 < caught.value.retry_after <= 61
	assert len(wire.calls) == 1


# Tombstones


def test_a_tombstone_is_the_payload_with_another_id_and_the_flag():
	payload = '{ "id" : 1, "amount" : -0.10, "deleted" : false, "clean_description": "Caf\\u00e9" }'
	assert connector().tombstone(payload, "36000051006608") == (
		'{ "id" : 36000051006608, "amount" : -0.10, "deleted" : true, "clean_description": "Caf\\u00e9" }'
	)


def test_a_tombstone_gets_the_flag_of_its_version_where_it_was_left_out():
	assert connector(V3).tombstone('{"id":1}', "2") == '{"id":2,"deleted":true}'
	assert connector(V2).tombstone('{"id":1}', "2") == '{"id":2,"is_deleted":true}'
	assert connector(V3).tombstone("{}", "abc-1") == '{"id":"abc-1","deleted":true}'
	assert connector(V3).tombstone("{}", "007") == '{"id":"007","deleted":true}'


@given(
	st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=3),
	st.integers(1, 2**62),
	st.text(max_size=20),
)
def test_a_tombstone_keeps_everything_else_to_the_character(amount, number, words):
	payload = verbatim.dumps({"id": 1, "amount": amount, "text": words, "deleted": False, "deep": {"id": 5}})
	stone = connector().tombstone(payload, str(number))
	assert verbatim.parse(stone) == {**verbatim.parse(payload), "id": number, "deleted": True}
	assert f'"amount":{amount},' in stone


# Secrets


def test_nothing_of_a_connector_shows_its_secret():
	made = connector()
	for thing in (made, made.config, made._client, made._client.http, TOKEN, Secret("sec-456")):
		assert "sec-456" not in repr(thing) + str(thing)
		assert "tok-abc" not in repr(thing)


def test_an_errors_traceback_holds_neither_tokens_nor_bank_data(wire):
	wire.get(transactions_url(V3), body='{"resources":[{"amount":"Marie"}', content_type="application/json")
	wire.post(
		f"{DATA[V3]}/authorization/token", body='{"access_token":"tok-new"', content_type="application/json"
	)
	wire.get(f"{DATA[V3]}/items/7", json={}, status=401)
	made = connector()
	for call in (
		lambda: made.transactions(TOKEN, "42", None, None),
		lambda: made.new_token("ba-1"),
		lambda: made.item(TOKEN, "7"),
	):
		with pytest.raises(errors.ProviderError) as caught:
			call()
		report, error = "", caught.value
		while error is not None:
			trace = error.__traceback__
			while trace is not None:
				if trace.tb_frame.f_code.co_filename != __file__:
					report += repr(trace.tb_frame.f_locals)
				trace = trace.tb_next
			error = error.__cause__ or error.__context__
		assert report
		assert not [word for word in (*PRIVATE, "Marie", "tok-new") if word in report]


def test_an_unforeseen_error_of_the_library_is_one_of_ours(wire):
	wire.get(f"{DATA[V3]}/items/7", body=RuntimeError("tok-abc"))
	wire.get(f"{DATA[V3]}/items/7", body=RuntimeError("tok-abc"))
	wire.get(f"{DATA[V3]}/items/7", body=RuntimeError("tok-abc"))
	with pytest.raises(errors.ProviderUnavailable) as caught:
		connector().item(TOKEN, "7")
	assert "tok-abc" not in caught.value.message
