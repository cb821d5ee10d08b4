"""Exact reading of JSON: values and their own text, amounts to the digit."""

import json
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bank_api.connectors import verbatim
from bank_api.connectors.errors import MalformedResponse

scalars = (
	st.none()
	| st.booleans()
	| st.integers(-(2**70), 2**70)
	| st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=4)
	| st.text(max_size=20)
	| st.sampled_from(['"', "]", "[", "}{", "\\", '\\"', ",", "\ud83d", "\U0001f600", "\u2028", "é"])
)
values = st.recursive(
	scalars,
	lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
	max_leaves=12,
)
objects = st.dictionaries(st.text(max_size=8), values, max_size=6)
BLANKS = ("", "", " ", "\t", "\r\n", "  \n")


def spaced(value, draw_blank) -> str:
	"""A value as JSON text with blanks wherever JSON allows them."""
	b = draw_blank
	if isinstance(value, dict):
		members = (f"{b()}{verbatim.dumps(k)}{b()}:{b()}{spaced(v, b)}{b()}" for k, v in value.items())
		return "{" + (",".join(members) if value else b()) + "}"
	if isinstance(value, list):
		return "[" + (",".join(f"{b()}{spaced(v, b)}{b()}" for v in value) if value else b()) + "]"
	return verbatim.dumps(value)


@given(values, st.randoms())
def test_parse_reads_what_dumps_wrote(value, random):
	text = spaced(value, lambda: random.choice(BLANKS))
	assert verbatim.parse(f" {text}\n") == value
	assert verbatim.parse(text) == json.loads(text, parse_float=Decimal)


@given(st.lists(objects, max_size=5), objects, st.randoms())
def test_slices_reparse_to_their_values(rows, others, random):
	def blank():
		return random.choice(BLANKS)

	others.pop("resources", None)
	first, second = dict(list(others.items())[:1]), dict(list(others.items())[1:])
	text = blank() + spaced({**first, "resources": rows, **second}, blank) + blank()
	answer = verbatim.read_list(text)
	assert [value for value, _ in answer.resources] == rows
	assert [verbatim.parse(part) for _, part in answer.resources] == rows
	assert answer.others == others
	place = 0
	for _, part in answer.resources:
		place = text.index(part, place) + len(part)
		assert part[0] == "{"
		assert part[-1] == "}"


@given(st.lists(objects, max_size=5))
def test_slices_of_a_compact_answer_put_together_are_the_answer(rows):
	text = '{"resources":' + verbatim.dumps(rows) + ',"pagination":{"next_uri":null}}'
	parts = [part for _, part in verbatim.read_list(text).resources]
	assert '{"resources":[' + ",".join(parts) + '],"pagination":{"next_uri":null}}' == text


@settings(max_examples=500)
@given(st.text(max_size=60) | st.text(alphabet='{}[]:,"\\ntrufalse0123.eE-+ rsouc', max_size=40))
def test_garbage_is_refused_just_as_the_standard_library_does(text):
	try:
		expected = json.loads(
			text, parse_float=verbatim._exact_number, parse_constant=verbatim._refuse_constant
		)
	except (ValueError, RecursionError):
		with pytest.raises(MalformedResponse):
			verbatim.parse(text)
	else:
		assert verbatim.parse(text) == expected


@given(st.lists(objects, min_size=1, max_size=3), st.data())
def test_a_list_cut_anywhere_is_refused(rows, data):
	text = '{"resources":' + verbatim.dumps(rows) + "}"
	cut = data.draw(st.integers(0, len(text) - 1))
	with pytest.raises(MalformedResponse):
		verbatim.read_list(text[:cut])


@pytest.mark.parametrize(
	("written", "exact"),
	[
		("0.005", "0.005"),
		("-0.10", "-0.10"),
		("12345678901234.56", "12345678901234.56"),
		("99999999999999", "99999999999999"),
		("-0.0", "-0.0"),
		("0.1", "0.1"),
		("1.10", "1.10"),
		("2.675", "2.675"),
		("1E2", "1E+2"),
		("1.5e-3", "0.0015"),
		("100000000000000.01", "100000000000000.01"),
	],
)
def test_amounts_keep_every_digit(written, exact):
	row = verbatim.read_list(f'{{"resources":[{{"amount":{written}}}]}}').resources[0]
	assert str(row[0]["amount"]) == exact
	assert row[1] == f'{{"amount":{written}}}'


@pytest.mark.parametrize(
	"text",
	[
		"",
		" ",
		"NaN",
		"[Infinity]",
		'{"a":-Infinity}',
		"1E999999999",
		"1e-999999999",
		"1e99999999999999999999999",
		"0." + "1" * 100,
		"9" * 5000,
		"[" * 100_000,
		'{"a":' * 100_000,
		"{}{}",
		"{} x",
		"\ufeff{}",
		'{"a":1,}',
		"[1,]",
		"{'a':1}",
		'{"a":"\t"}',
		"01",
		"tru",
		'{"a" 1}',
		"<html><body>502</body></html>",
	],
	ids=lambda text: repr(text[:20]),
)
def test_what_is_no_json_is_refused(text):
	with pytest.raises(MalformedResponse):
		verbatim.parse(text)


@pytest.mark.parametrize(
	"text",
	[
		"{}",
		"[]",
		"null",
		'"resources"',
		'{"pagination":{}}',
		'{"resources":null}',
		'{"resources":{}}',
		'{"resources":[1]}',
		'{"resources":[{},null]}',
		'{"resources":[[]]}',
		'{"resources":[{}]',
		'{"resources":[{} {}]}',
		'{"resources":[{},]}',
		'{"resources":[,{}]}',
		'{"resources":[{}]}}',
		'{"resources":[{"a":NaN}]}',
		'{"resources":[{"a":1E400}]}',
		"{resources:[]}",
		"{1:[]}",
		'{"resources":[]',
		'{"resources":',
		'{"resources"',
		"{",
		'{"resources":[],}',
		'{"resources":[{"a":' + "[" * 100_000,
	],
	ids=lambda text: repr(text[:30]),
)
def test_an_answer_without_its_list_is_a_failure_never_an_empty_list(text):
	with pytest.raises(MalformedResponse):
		verbatim.read_list(text)


def test_an_empty_list_is_an_empty_list():
	assert verbatim.read_list(' { "resources" : [ ] , "pagination" : null } ').resources == []


def test_brackets_within_strings_do_not_end_a_row():
	rows = '[{"a":"]}"},{"a":"\\"]"},{"a":"\\\\"}]'
	parts = [part for _, part in verbatim.read_list(f'{{"resources":{rows}}}').resources]
	assert parts == ['{"a":"]}"}', '{"a":"\\"]"}', '{"a":"\\\\"}']


def test_of_a_name_given_twice_the_last_counts_as_everywhere_in_python():
	assert verbatim.parse('{"a":1,"a":2}') == {"a": 2}
	answer = verbatim.read_list('{"resources":[{"a":1}],"resources":[{"a":2}]}')
	assert answer.resources == [({"a": 2}, '{"a":2}')]


@pytest.mark.parametrize(
	"body", [b"\xff{}", b'{"a":"\xe9"}', b'{"a":"\xed\xa0\x80"}', '{"a":1}'.encode("utf-16")]
)
def test_what_is_not_utf8_is_refused(body):
	with pytest.raises(MalformedResponse):
		verbatim.parse(verbatim.decode(body))


def test_a_byte_order_mark_is_tolerated():
	assert verbatim.parse(verbatim.decode(b'\xef\xbb\xbf{"a":1}')) == {"a": 1}


def test_a_lone_surrogate_stays_what_was_sent():
	row = verbatim.read_list('{"resources":[{"a":"\\ud83d"}]}').resources[0]
	assert row == ({"a": "\ud83d"}, '{"a":"\\ud83d"}')


@given(objects, objects, st.randoms())
def test_replaced_members_have_their_new_values_and_all_else_stays(value, changes, random):
	text = spaced(value, lambda: random.choice(BLANKS))
	changed = verbatim.replace_members(text, {name: verbatim.dumps(v) for name, v in changes.items()})
	assert verbatim.parse(changed) == {**value, **changes}
	if not changes:
		assert changed == text


def test_replacing_touches_only_the_outer_object_and_keeps_the_digits():
	text = '{ "id": 1, "amount": -0.10, "deep": {"id": 2}, "deleted": false }'
	assert (
		verbatim.replace_members(text, {"id": "36000051006608", "deleted": "true"})
		== '{ "id": 36000051006608, "amount": -0.10, "deep": {"id": 2}, "deleted": true }'
	)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a"}', '{"a":1} x', "null", '{"a":1,}'])
def test_replacing_in_what_is_no_object_is_refused(text):
	with pytest.raises(MalformedResponse):
		verbatim.replace_members(text, {"id": "1"})


@pytest.mark.parametrize(
	"value", [1.5, Decimal("NaN"), Decimal("Infinity"), {1, 2}, b"x", object()], ids=repr
)
def test_dumps_refuses_floats_and_what_json_cannot_hold(value):
	with pytest.raises((TypeError, ValueError)):
		verbatim.dumps([value])


def test_reading_is_fast_enough_for_millions_of_rows():
	row = {
		"id": 36000051006608,
		"text": "x" * 500,
		"amount": "AMOUNT",
		"date": "2026-11-21",
		"deleted": False,
	}
	text = json.dumps({"resources": [row] * 500}).replace('"AMOUNT"', "-12.35")
	started = time.process_time()
	for _ in range(20):
		verbatim.read_list(text)
	# Measured: about 300,000 a second. The bar leaves room for a busy machine.
	assert 10_000 / (time.process_time() - started) > 30_000


def test_members_and_elements_are_the_text_as_received():
	text = ' { "a" : [ {"x": 1.10} , {"y":2}] , "b":{ } } '
	assert verbatim.members(text) == {"a": '[ {"x": 1.10} , {"y":2}]', "b": "{ }"}
	assert verbatim.members("{}") == {}
	assert [raw for _, raw in verbatim.elements(verbatim.members(text)["a"])] == ['{"x": 1.10}', '{"y":2}']


@pytest.mark.parametrize("text", ["", "[]", "7", "{", '{"a"}', '{"a":1}x', '{"a":1,}'])
def test_what_is_no_object_has_no_members(text):
	with pytest.raises(MalformedResponse):
		verbatim.members(text)


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[{}", "[{}]x", "[[]]"])
def test_what_is_no_list_of_objects_has_no_elements(text):
	with pytest.raises(MalformedResponse):
		verbatim.elements(text)
