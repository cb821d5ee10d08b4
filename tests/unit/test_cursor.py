"""Cursors: what goes in comes out, and nothing else is accepted."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bank_api.gateway.cursor import Cursor, InvalidCursor, account_key, decode, encode

KEY = b"a site's secret"
stamps = st.integers(0, 16**13 - 1).map(lambda value: f"{value:013x}")
names = st.text(alphabet="0123456789abcdef", min_size=22, max_size=22)
cursors = st.builds(
	Cursor,
	floor=stamps,
	positions=st.dictionaries(names.map(account_key), stamps, max_size=30),
)
scopes = st.text(max_size=60)


@given(cursors, scopes)
def test_a_cursor_comes_back_as_it_went(cursor: Cursor, scope: str) -> None:
	assert decode(encode(cursor, scope, KEY), scope, KEY) == cursor


@given(cursors, st.data())
def test_every_other_text_is_refused(cursor: Cursor, data: st.DataObject) -> None:
	text = encode(cursor, "scope", KEY)
	at = data.draw(st.integers(0, len(text) - 1))
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ \n"
	letter = data.draw(st.sampled_from(letters).filter(lambda char: char != text[at]))
	changed = data.draw(
		st.sampled_from(
			[
				text[:at] + letter + text[at + 1 :],
				text[:at] + letter + text[at:],
				text[:at],
				text + letter,
				text + "=",
			]
		)
	)
	with pytest.raises(InvalidCursor):
		decode(changed, "scope", KEY)


@given(cursors, scopes, scopes)
def test_a_cursor_of_another_scope_or_site_is_refused(cursor: Cursor, scope: str, other: str) -> None:
	text = encode(cursor, scope, KEY)
	if other != scope:
		with pytest.raises(InvalidCursor):
			decode(text, other, KEY)
	with pytest.raises(InvalidCursor):
		decode(text, scope, b"another site's secret")


@given(st.one_of(st.text(), st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_garbage_is_refused(text: str) -> None:
	with pytest.raises(InvalidCursor):
		decode(text, "scope", KEY)


def test_a_sealed_text_of_another_version_or_length_is_refused() -> None:
	from bank_api.gateway import cursor as module

	for content in (b"\x02" + bytes(7), b"\x01" + bytes(8), b"\x01" + bytes(6), b""):
		sealed = content + module._seal(content, "scope", KEY)
		with pytest.raises(InvalidCursor):
			decode(base64.urlsafe_b64encode(sealed).rstrip(b"=").decode(), "scope", KEY)


def test_two_hundred_accounts_fit_into_the_address_of_a_request() -> None:
	positions = {account_key(f"{number:022x}"): f"{number:013x}" for number in range(200)}
	assert len(encode(Cursor(positions=positions), "scope", KEY)) < 3600


def test_the_size_is_bounded() -> None:
	with pytest.raises(InvalidCursor):
		decode("A" * 100_000, "scope", KEY)


def test_a_position_is_found_by_the_name_of_its_account() -> None:
	cursor = Cursor(positions={account_key("a"): "0" * 13})
	assert cursor.position("a") == "0" * 13
	assert cursor.position("b") is None


def test_a_stamp_that_is_none_is_a_bug_of_ours() -> None:
	with pytest.raises(ValueError):
		encode(Cursor(floor="soon"), "scope", KEY)
