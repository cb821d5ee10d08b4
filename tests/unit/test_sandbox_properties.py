"""Parsers and formats of the sandbox hold for anything, not only for the examples."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bank_api.sandbox.bridge.banks import BANKS
from bank_api.sandbox.bridge.errors import BridgeError
from bank_api.sandbox.bridge.events import sign
from bank_api.sandbox.bridge.lifecycle import scenarios, status_of
from bank_api.sandbox.bridge.listing import decode_cursor, encode_cursor, escape
from bank_api.sandbox.bridge.model import Transaction
from bank_api.sandbox.bridge.views import Number, dumps, transaction2, transaction3
from bank_api.sandbox.clock import iso_ms, parse_instant
from bank_api.sandbox.data import cents, french_iban, generator, iban_is_valid, spanish_iban
from bank_api.sandbox.limits import Limiter

texts = st.text(st.characters(exclude_categories=("Cs",)))
trees = st.recursive(
	st.none() | st.booleans() | st.integers() | texts,
	lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
	max_leaves=10,
)


@given(st.integers(0, 4_102_444_800_000))
def test_instants_survive(ms: int) -> None:
	assert parse_instant(iso_ms(ms)) == ms
	assert parse_instant(iso_ms(ms).replace("Z", "+00:00")) == ms


def test_every_length_of_fraction_is_read() -> None:
	whole = parse_instant("2026-01-02T03:04:05Z")
	for digits in range(1, 10):
		assert parse_instant(f"2026-01-02T03:04:05.{'1' * digits}Z") == whole + int(
			"111"[: min(3, digits)].ljust(3, "0")
		)


@given(trees)
def test_json_says_the_same_as_the_library(value: object) -> None:
	assert json.loads(dumps(value)) == value
	assert json.loads(dumps(value, ascii_only=True)) == value
	assert json.loads(escape(dumps(value))) == value
	assert escape(dumps(value)).isascii()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3))
def test_numbers_keep_their_text(value: Decimal) -> None:
	text = format(value, "f")
	assert dumps({"a": Number(text)}) == f'{{"a":{text}}}'


@given(st.integers() | st.lists(st.integers(), min_size=2, max_size=2), st.dictionaries(texts, texts))
def test_cursors_survive(key: object, filters: dict[str, str]) -> None:
	assert decode_cursor(encode_cursor(key, filters)) == {"k": key, "f": filters}


@given(texts)
def test_no_text_breaks_the_cursor(text: str) -> None:
	try:
		assert set(decode_cursor(text)) >= {"k", "f"}
	except BridgeError as error:
		assert error.status == 400


@given(texts, texts, st.none() | st.dates().map(str), st.booleans())
def test_a_row_is_the_same_in_both_versions(text: str, clean: str, day: str | None, flag: bool) -> None:
	row = Transaction(
		1,
		1,
		2,
		"-0.10",
		"EUR",
		"2026-01-01",
		day,
		None,
		"2026-01-01",
		text,
		clean,
		3,
		"card",
		0,
		flag,
		not flag,
	)
	old, new = json.loads(transaction2(row)), json.loads(transaction3(row))
	assert old["bank_description"] == new["provider_description"] == text
	assert old["clean_description"] == new["clean_description"] == clean
	assert old["booking_date"] == new.get("booking_date") == day
	assert (old["is_deleted"], old["is_future"]) == (new["deleted"], new["future"]) == (flag, not flag)


@given(st.integers(), st.sampled_from(sorted(BANKS)))
def test_ibans_are_valid(seed: int, bank: int) -> None:
	assert iban_is_valid(french_iban(generator(seed), f"{bank:05d}"))
	assert iban_is_valid(spanish_iban(generator(seed), "0182"))


@given(st.integers(-(10**16), 10**16))
def test_cents_are_exact(value: int) -> None:
	assert Decimal(cents(value)) * 100 == value


@given(texts)
def test_any_log_in_is_a_scenario(login: str) -> None:
	assert len(scenarios(574, login)) >= 1
	status_of(login)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=200), st.integers(1, 5), st.integers(1, 300))
def test_a_limiter_never_lets_more_through(times: list[int], limit: int, window: int) -> None:
	limiter = Limiter()
	passed = [now for now in sorted(times) if not limiter.take("x", "y", limit, window, now)]
	for start in passed:
		assert sum(start <= now < start + window for now in passed) <= limit


@pytest.mark.parametrize(
	("key", "body", "expected"),
	[  # RFC 4231, test cases 2 and 1
		(
			"Jefe",
			b"what do ya want for nothing?",
			"5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843",
		),
		("\x0b" * 20, b"Hi There", "B0344C61D8DB38535CA8AFCEAF0BF12B881DC200C9833DA726E9376C2E32CFF7"),
	],
)
def test_signatures_match_published_vectors(key: str, body: bytes, expected: str) -> None:
	assert sign([key], body) == f"v1={expected}"
