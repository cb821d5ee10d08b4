"""The traps of Bridge's pages (protocols/bridge.md, 5.2)."""

from urllib.parse import parse_qs, quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bank_api.connectors.bridge import paging
from bank_api.connectors.errors import InvalidRequest, MalformedResponse

BASE = "https://api.bridgeapi.io"
PATH = "/v3/aggregation/transactions"
FILTERS = {"account_id": "42", "limit": "500", "since": "2026-11-21T08:00:00.000Z"}


def following(uri, pagination=None, filters=FILTERS):
	pagination = {"next_uri": uri} if pagination is None else pagination
	return paging.next_query(pagination, base_url=BASE, prefix="/v3", path=PATH, filters=filters)


@pytest.mark.parametrize(
	"pagination", [None, {}, [], {"next_uri": None}, {"next_uri": ""}, {"next_uri": "null"}, "", 0], ids=repr
)
def test_the_end_of_a_list(pagination):
	assert paging.next_query(pagination, base_url=BASE, prefix="/v3", path=PATH, filters=FILTERS) is None


@pytest.mark.parametrize(
	"uri",
	[
		f"{PATH}?after=abc",
		f"/v3{PATH}?after=abc",
		"/aggregation/transactions?after=abc",
		f"{BASE}{PATH}?after=abc",
		f"HTTPS://API.bridgeapi.io{PATH}?after=abc",
		f"//api.bridgeapi.io{PATH}?after=abc".replace("//", "https://"),
		f"{PATH}?after=abc#top",
	],
)
def test_the_same_list_is_followed_however_its_address_is_written(uri):
	assert parse_qs(following(uri)) == {"after": ["abc"], **{k: [v] for k, v in FILTERS.items()}}


def test_filters_are_added_only_if_they_are_missing():
	assert following(f"{PATH}?account_id=42&after=abc&limit=100&since=2025") == (
		"account_id=42&after=abc&limit=100&since=2025"
	)
	assert following(f"{PATH}?after=abc&limit=500", filters={"limit": "500", "account_id": "42"}) == (
		"after=abc&limit=500&account_id=42"
	)


@pytest.mark.parametrize(
	"cursor", ["a+b/c==", "%2B%2F%3D", "eyJhIjoxfQ%3D%3D", "123456789", "a:b|c", "%C3%A9"]
)
def test_a_cursor_goes_back_character_for_character(cursor):
	assert following(f"{PATH}?after={cursor}").startswith(f"after={cursor}&")


@pytest.mark.parametrize(
	"uri",
	[
		f"https://evil.example{PATH}?after=a",
		f"http://api.bridgeapi.io{PATH}?after=a",
		f"https://api.bridgeapi.io:8443{PATH}?after=a",
		f"https://api.bridgeapi.io@evil.example{PATH}?after=a",
		f"https://api.bridgeapi.io.evil.example{PATH}?after=a",
		f"//evil.example{PATH}?after=a",
		f"\\\\evil.example{PATH}?after=a",
		f"///evil.example{PATH}?after=a",
		"/v3/aggregation/users?after=a",
		"/v3/aggregation/accounts/7/transactions?after=a",
		"/v3/aggregation/transactions/../users?after=a",
		"/v3/aggregation/transactions/?after=a",
		"/v3/v3/v3/aggregation/transactions?after=a",
		"/v2/aggregation/transactions?after=a",
		"transactions?after=a",
		"?after=a",
		f"{PATH}",
		f"{PATH}?",
		f"{PATH}?account_id=43&after=a",
		f"{PATH}?account_id=42&account_id=43&after=a",
		f"{PATH}?account_id=43&after=a&account_id=42",
		f"{PATH}?item_id=1&after=a",
		f"{PATH}?after=a b",
		f"{PATH}?after=a\r\nHost: evil",
		f"{PATH}?after=é",
		f"{PATH}?after={'a' * 5000}",
		"javascript:alert(1)",
		"http://[::1",
		5,
		True,
		["/"],
		{"uri": PATH},
	],
	ids=repr,
)
def test_what_leads_elsewhere_is_refused(uri):
	with pytest.raises(MalformedResponse):
		following(uri)


@given(st.text(max_size=60))
def test_no_address_leads_anywhere_but_to_the_list(uri):
	try:
		query = following(uri)
	except MalformedResponse:
		return
	assert query is None or parse_qs(query)["account_id"] == ["42"]


@given(st.text(min_size=1, max_size=40))
def test_any_cursor_survives(cursor):
	try:
		encoded = quote(cursor, safe="")
	except UnicodeEncodeError:
		return
	query = following(f"{PATH}?after={encoded}")
	assert parse_qs(query)["after"] == [cursor]
	assert paging.check_query(query, FILTERS) == query


def test_a_stored_page_is_checked_once_more():
	with pytest.raises(InvalidRequest):
		paging.check_query("after=a&account_id=43", FILTERS)
	with pytest.raises(InvalidRequest):
		paging.check_query("after=a\nb", FILTERS)


def test_encoding_keeps_colons_of_instants():
	assert paging.encode(FILTERS) == "account_id=42&limit=500&since=2026-11-21T08:00:00.000Z"
	assert parse_qs(paging.encode({"a": "b&c=d é+"})) == parse_qs(urlencode({"a": "b&c=d é+"}))
