"""Names of certificates as text, against `cryptography`, OpenSSL, and themselves read back."""

import shutil
import subprocess

import pytest
from certificate_factory import NOW, builder, ec_key, pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bank_api.crypto import der, distinguished_name
from bank_api.crypto.distinguished_name import (
	NotAName,
	from_der,
	openssl,
	pairs,
	parse,
	rfc1779,
	rfc2253,
	rfc4514,
	same,
)

RENDERERS = (rfc4514, rfc2253, rfc1779, openssl)
TYPES = [
	"2.5.4.3",
	"2.5.4.7",
	"2.5.4.10",
	"2.5.4.11",
	"2.5.4.5",
	"2.5.4.97",
	"2.5.4.4",
	"2.5.4.42",
	"2.5.4.12",
	"1.3.6.1.4.1.99999.1",
	"2.999.4",
]

values = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20).filter(
	lambda text: "\0" not in text
)
attributes = st.builds(lambda oid, value: (oid, value), st.sampled_from(TYPES), values)
names = st.lists(
	st.lists(attributes, min_size=1, max_size=2, unique_by=lambda a: a[0]), min_size=1, max_size=5
)


def native(groups):
	made = [
		x509.RelativeDistinguishedName(x509.NameAttribute(x509.ObjectIdentifier(o), v) for o, v in group)
		for group in groups
	]
	return x509.Name(made)


def read(groups):
	return from_der(native(groups).public_bytes())


@given(names)
@example([[("2.5.4.3", "#a")], [("2.5.4.10", " b ")], [("2.5.4.11", '"c", d+e;<f>\\')]])
@example([[("2.5.4.3", '"')], [("2.5.4.10", "\\")], [("2.5.4.97", "a=b")]])
def test_what_is_written_is_read_back(groups):
	name = read(groups)
	for write in RENDERERS:
		assert parse(write(name)) == pairs(name)[::-1], write
		assert same(name, write(name)), write
	reversed_text = rfc4514(read(groups[::-1]))
	assert same(name, reversed_text)


@given(names, names)
def test_another_name_is_not_the_same(one, other):
	first, second = read(one), read(other)
	assume(pairs(first) not in (pairs(second), pairs(second)[::-1]))
	assert not any(same(first, write(second)) for write in RENDERERS)


def plain(groups):
	"""What `cryptography` escapes in a way of its own: blanks at both ends of the same blank."""
	return all(value.strip() for group in groups for _, value in group)


@given(names.filter(plain))
def test_rfc_4514_is_what_cryptography_writes(groups):
	groups = [group[:1] for group in groups]  # the order inside of a group is not defined
	assert rfc4514(read(groups)) == native(groups).rfc4514_string()


ascii_values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=12)
# OpenSSL has no room for 2.999 in its own table, and the serial number's type holds ASCII only.
openssl_types = st.sampled_from([oid for oid in TYPES if oid not in ("2.999.4", "2.5.4.5")])
openssl_names = st.lists(st.tuples(openssl_types, ascii_values | values), min_size=1, max_size=4)


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")
@settings(max_examples=25)
@given(openssl_names)
@example(
	[
		("2.5.4.97", "NTRIL-1"),
		("2.5.4.10", 'A, "B" + <C>; #\\'),
		("2.5.4.3", "#x"),
		("1.3.6.1.4.1.99999.1", "y"),
		("2.5.4.5", "7"),
	]
)
@example([("2.5.4.3", "רשות שוק ההון"), ("2.5.4.10", " é "), ("2.5.4.11", "tab\tx")])
def test_openssl_writes_the_same(groups):
	subject = native([[pair] for pair in groups])
	key = ec_key()
	made = builder(subject, subject, key.public_key(), since=NOW, until=NOW.replace(year=2030)).sign(
		key, hashes.SHA256()
	)
	command = ["openssl", "x509", "-noout", "-issuer", "-nameopt", "RFC2253"]
	told = subprocess.run(
		command, input=pem(made), capture_output=True, check=True, timeout=60
	).stdout.decode()
	text = told.removeprefix("issuer=").removesuffix("\n")
	assert openssl(from_der(subject.public_bytes())) == text


@pytest.mark.parametrize(
	("text", "expected"),
	[
		("CN=a", ((("2.5.4.3", "a"),),)),
		(" cn = a b , o=c ", ((("2.5.4.3", "a b"),), (("2.5.4.10", "c"),))),
		("CN=a+O=b", ((("2.5.4.10", "b"), ("2.5.4.3", "a")),)),
		("OID.2.5.4.97=x;organizationIdentifier=y", ((("2.5.4.97", "x"),), (("2.5.4.97", "y"),))),
		("2.5.4.97=#0c0178", ((("2.5.4.97", "x"),),)),
		("2.5.4.97=#0C0178 ", ((("2.5.4.97", "x"),),)),
		("CN=#0401ff", ((("2.5.4.3", "#0401ff"),),)),
		('O="a, \\"b\\"" , CN=c', ((("2.5.4.10", 'a, "b"'),), (("2.5.4.3", "c"),))),
		("O=\\D7\\A9\\, x", ((("2.5.4.10", "ש, x"),),)),
		("S=x,E=y", ((("2.5.4.8", "x"),), (("1.2.840.113549.1.9.1", "y"),))),
		("CN=", ((("2.5.4.3", ""),),)),
	],
)
def test_forms_that_are_read(text, expected):
	assert parse(text) == expected


@pytest.mark.parametrize(
	"text", ["", ",", "CN", "=a", "CN=a,", "CN=a,,O=b", 'CN="a', 'CN="a"b', "CN=#0c", "CN=a" * 2000]
)
def test_what_is_no_name(text):
	if text == "CN=#0c":
		assert parse(text) == ((("2.5.4.3", "#0c"),),)
		return
	with pytest.raises(NotAName):
		parse(text)


@given(st.text(alphabet='CN=2.5,+;#"\\ aF\t\0é', max_size=60) | st.text(max_size=60))
@example('CN="' + "\\" * 4000)
@example("CN=" + "\\," * 2000)
def test_no_text_breaks_the_parser(text):
	try:
		parse(text)
	except NotAName:
		pass


@given(st.binary(max_size=80))
def test_no_bytes_break_the_reader(data):
	for read_one in (from_der, der.values):
		try:
			read_one(data)
		except der.DerError:
			pass


def test_string_types_do_not_matter_to_a_comparison():
	def one(tag, encoding):
		value = der.encode(tag, "Abc".encode(encoding))
		pair = der.encode(der.SEQUENCE, der.encode_oid("2.5.4.10"), value)
		return from_der(der.encode(der.SEQUENCE, der.encode(der.SET, pair)))

	forms = [one(0x0C, "utf-8"), one(0x13, "ascii"), one(0x1E, "utf-16-be"), one(0x1C, "utf-32-be")]
	assert len({pairs(form) for form in forms}) == 1
	assert len({rfc2253(form) for form in forms}) == 1
	assert all(same(form, "O=Abc") for form in forms)


def test_the_tables_do_not_contradict_each_other():
	tables = (distinguished_name._COMMON, distinguished_name._JAVA, distinguished_name._OPENSSL)
	for table in tables:
		for number, name in table.items():
			assert distinguished_name._ALIASES[name.lower()] == number or name == "SN", name
