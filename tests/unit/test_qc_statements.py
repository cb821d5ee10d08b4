"""ETSI statements: written and read, against bytes made by other code."""

import pytest
from certificate_factory import oid, seq, statements, utf
from hypothesis import given
from hypothesis import strategies as st

from bank_api.crypto import der
from bank_api.crypto.qc_statements import ROLES, QcStatements, build, read

made = st.builds(
	QcStatements,
	qc_type=st.sampled_from([None, "web", "seal"]),
	roles=st.lists(st.sampled_from(list(ROLES)), min_size=1, unique=True).map(tuple),
	authority_name=st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=256),
	authority_id=st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=256),
	qualified=st.booleans(),
	on_device=st.booleans(),
)


@given(made)
def test_what_is_written_is_read_back(statement):
	assert read(build(statement)) == statement


@pytest.mark.parametrize("kind", ["seal", "web"])
@pytest.mark.parametrize("roles", [["PSP_AI"], ["PSP_PI", "PSP_AI"], list(ROLES)])
def test_the_same_bytes_as_other_code(kind, roles):
	ours = QcStatements(
		kind, tuple(roles), "רשות שוק ההון", "IL-CMA", qualified=True, on_device=kind == "seal"
	)
	theirs = statements(kind, roles, "רשות שוק ההון", "IL-CMA")
	assert build(ours) == theirs
	assert read(theirs) == ours


def psd2(*roles):
	listed = (seq(oid(number), utf(name)) for number, name in roles)
	return seq(oid("0.4.0.19495.2"), seq(seq(*listed), utf("CMA"), utf("IL-CMA")))


def test_a_single_statement_without_the_sequence_around_it():
	assert read(psd2(("0.4.0.19495.1.3", "PSP_AI"))).roles == ("PSP_AI",)


def test_the_number_of_a_role_counts_and_unknown_ones_do_not():
	found = read(seq(psd2(("0.4.0.19495.1.2", "PSP_AI"), ("0.4.0.19495.1.9", "PSP_XX"))))
	assert (found.roles, found.authority_id) == (("PSP_PI",), "IL-CMA")


def test_other_statements_are_passed_over():
	other = seq(oid("1.3.6.1.5.5.7.11.2"), seq(oid("0.4.0.194121.1.2")))
	limit = seq(oid("0.4.0.1862.1.2"), seq(utf("EUR"), b"\x02\x01\x01"))
	assert read(seq(other, limit, psd2(("0.4.0.19495.1.3", "PSP_AI")))).roles == ("PSP_AI",)
	assert read(seq(other)) == QcStatements()
	assert read(seq()) == QcStatements()


def test_without_roles_there_is_no_psd2_statement():
	assert oid("0.4.0.19495.2") not in build(QcStatements(qc_type="web"))


@pytest.mark.parametrize(
	"wrong",
	[
		{"roles": ("PSP_XX",), "authority_name": "a", "authority_id": "b"},
		{"roles": ("PSP_AI",), "authority_id": "b"},
		{"roles": ("PSP_AI",), "authority_name": "a" * 257, "authority_id": "b"},
	],
)
def test_what_cannot_be_stated(wrong):
	with pytest.raises(ValueError):
		build(QcStatements(**wrong))


@given(st.binary(max_size=120), made, st.integers(0, 400), st.integers(1, 255))
def test_no_bytes_break_the_reader(noise, statement, at, flip):
	data = bytearray(build(statement))
	data[at % len(data)] ^= flip
	for attempt in (noise, bytes(data), seq(noise), bytes(data[:at])):
		try:
			read(attempt)
		except der.DerError:
			pass


@given(st.lists(st.integers(0, 2**70), max_size=6), st.integers(0, 2), st.integers(0, 39))
def test_object_identifiers(rest, first, second):
	dotted = ".".join(str(arc) for arc in (first, second, *rest))
	data = der.encode_oid(dotted)
	if len(data) <= 66:
		assert der.oid(der.only(data, der.OBJECT_IDENTIFIER)) == dotted
		assert data == oid(dotted)


@given(st.binary(max_size=70000), st.sampled_from([4, 12, 48]))
def test_elements(content, tag):
	value = der.only(der.encode(tag, content), tag)
	assert (value.tag, value.content) == (tag, content)
