"""Names in certificates: read from their bytes, written in the ways of several stacks, read back, compared.

A `keyId` holds the issuer's name as text, and each stack writes it its own way (berlin_group_migdal.md, 5.4).
Everything here works on the bytes in the certificate, so that no library's taste or version shows.
"""

import re
from typing import NamedTuple

from bank_api.crypto import der

MAX_TEXT = 4096

# RFC 4514, section 3; the names that every stack writes the same.
_COMMON = {
	"2.5.4.3": "CN",
	"2.5.4.6": "C",
	"2.5.4.7": "L",
	"2.5.4.8": "ST",
	"2.5.4.9": "STREET",
	"2.5.4.10": "O",
	"2.5.4.11": "OU",
	"0.9.2342.19200300.100.1.1": "UID",
	"0.9.2342.19200300.100.1.25": "DC",
}
# What `sun.security.x509.X500Name.toString` names besides.
_JAVA = {
	"1.2.840.113549.1.9.1": "EMAILADDRESS",
	"2.5.4.4": "SURNAME",
	"2.5.4.5": "SERIALNUMBER",
	"2.5.4.12": "T",
	"2.5.4.42": "GIVENNAME",
	"2.5.4.43": "INITIALS",
	"2.5.4.44": "GENERATION",
	"2.5.4.46": "DNQ",
}
# Short names of OpenSSL 3, where they differ from the common ones.
_OPENSSL = {
	"1.2.840.113549.1.9.1": "emailAddress",
	"1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL",
	"1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
	"1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
	"2.5.4.4": "SN",
	"2.5.4.5": "serialNumber",
	"2.5.4.9": "street",
	"2.5.4.12": "title",
	"2.5.4.13": "description",
	"2.5.4.15": "businessCategory",
	"2.5.4.17": "postalCode",
	"2.5.4.42": "GN",
	"2.5.4.43": "initials",
	"2.5.4.44": "generationQualifier",
	"2.5.4.46": "dnQualifier",
	"2.5.4.65": "pseudonym",
	"2.5.4.97": "organizationIdentifier",
}
_ALIASES = {
	"dnqualifier": "2.5.4.46",
	"e": "1.2.840.113549.1.9.1",
	"email": "1.2.840.113549.1.9.1",
	"generation": "2.5.4.44",
	"organisationidentifier": "2.5.4.97",
	"s": "2.5.4.8",
} | {name.lower(): number for table in (_JAVA, _OPENSSL, _COMMON) for number, name in table.items()}

_TYPE = re.compile(
	r"\s*(?:(?:oid\.)?([0-9]{1,20}(?:\.[0-9]{1,40})+)|([a-z][a-z0-9-]*))\s*=\s*", re.IGNORECASE
)
_HEX_VALUE = re.compile(r"#((?:[0-9a-f]{2})+)\s*", re.IGNORECASE)
_HEX_PAIR = re.compile(r"[0-9a-fA-F]{2}")
_SEPARATORS = ",;+"
_SPECIAL = ',+"\\<>;'


class Attribute(NamedTuple):
	"""One attribute of a name: its type and its value's bytes."""

	oid: str
	value: der.Value

	@property
	def text(self) -> str | None:
		"""The value as text, or None if it is none."""
		try:
			return der.text(self.value)
		except der.DerError:
			return None


Name = tuple[tuple[Attribute, ...], ...]
Pairs = tuple[tuple[tuple[str, str], ...], ...]


class NotAName(ValueError):
	"""A text that is no name."""


def from_der(data: bytes) -> Name:
	"""A name from its bytes, in their order (RFC 5280, section 4.1.2.4).

	Raises:
		DerError: it is no name.
	"""
	return tuple(
		tuple(_attribute(pair) for pair in der.values(group.content))
		for group in der.values(der.only(data, der.SEQUENCE).content)
	)


def _attribute(pair: der.Value) -> Attribute:
	parts = der.values(pair.content)
	if len(parts) != 2:
		raise der.DerError("not an attribute")
	return Attribute(der.oid(parts[0]), parts[1])


def first(name: Name, oid: str) -> str:
	"""The first value of a type, or an empty text."""
	return next((a.text or "" for group in name for a in group if a.oid == oid), "")


def rfc4514(name: Name, separator: str = ",") -> str:
	"""As `cryptography` writes it: last attribute first, types without a name dotted, values as text."""
	return _rendered(name, lambda a: f"{_COMMON.get(a.oid, a.oid)}={_escaped_or_hex(a)}", separator)


def rfc2253(name: Name) -> str:
	"""As Java's `X500Principal.getName()`: values of types without a name in hexadecimal."""

	def one(a: Attribute) -> str:
		return f"{_COMMON[a.oid]}={_escaped_or_hex(a)}" if a.oid in _COMMON else f"{a.oid}={_hex(a)}"

	return _rendered(name, one, ",")


def rfc1779(name: Name) -> str:
	"""As Java's `X500Principal.toString()`: `OID.` before dotted types, a blank after commas, quoted values."""
	names = _COMMON | _JAVA
	return _rendered(name, lambda a: f"{names.get(a.oid, 'OID.' + a.oid)}={_quoted(a)}", ", ", " + ")


def openssl(name: Name) -> str:
	"""As `openssl x509 -nameopt RFC2253`."""
	names = _COMMON | _OPENSSL

	def one(a: Attribute) -> str:
		if a.oid not in names or a.text is None:
			return f"{names.get(a.oid, a.oid)}=#{a.value.whole.hex().upper()}"
		return f"{names[a.oid]}={_ascii(_escaped(a.text))}"

	return _rendered(name, one, ",")


def _rendered(name: Name, one, separator: str, plus: str = "+") -> str:
	return separator.join(plus.join(one(attribute) for attribute in group) for group in reversed(name))


def _hex(attribute: Attribute) -> str:
	return "#" + attribute.value.whole.hex()


def _escaped_or_hex(attribute: Attribute) -> str:
	text = attribute.text
	return _hex(attribute) if text is None else _escaped(text)


def _escaped(text: str) -> str:
	"""RFC 4514, section 2.4."""
	escaped = "".join("\\" + c if c in _SPECIAL else c for c in text).replace("\0", "\\00")
	if escaped.endswith(" "):
		escaped = escaped[:-1] + "\\ "
	if text.startswith(("#", " ")) and text != " ":
		escaped = "\\" + escaped
	return escaped


def _ascii(text: str) -> str:
	"""Bytes outside of printable ASCII as `\\XX`."""
	return "".join(chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:02X}" for byte in text.encode())


def _quoted(attribute: Attribute) -> str:
	text = attribute.text
	if text is None:
		return _hex(attribute)
	if not any(c in ',+=\n<>#;\\"' for c in text) and text == text.strip(" ") and "  " not in text:
		return text
	return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def pairs(name: Name) -> Pairs:
	"""A name as (type, value) pairs that can be compared, whatever text it came from."""
	return tuple(tuple(sorted((a.oid, _value_of(a)) for a in group)) for group in name)


def _value_of(attribute: Attribute) -> str:
	text = attribute.text
	return _hex(attribute) if text is None else _collapsed(text)


def _collapsed(text: str) -> str:
	return " ".join(text.split())


def parse(text: str) -> Pairs:
	"""A name from its text, in any of the forms above, in the text's order.

	Raises:
		NotAName: it is none.
	"""
	if len(text) > MAX_TEXT:
		raise NotAName("too long to be a name")
	groups: list[list[tuple[str, str]]] = [[]]
	at = 0
	while True:
		kind = _TYPE.match(text, at)
		if not kind:
			raise NotAName("a type is missing")
		value, at = _read_value(text, kind.end())
		groups[-1].append((_canonical(kind), value))
		if at == len(text):
			return tuple(tuple(sorted(group)) for group in groups)
		if text[at] != "+":
			groups.append([])
		at += 1


def _canonical(kind: re.Match[str]) -> str:
	number, name = kind.groups()
	if number:
		return ".".join(str(int(arc)) for arc in number.split("."))
	return _ALIASES.get(name.lower(), name.lower())


def _read_value(text: str, at: int) -> tuple[str, int]:
	"""A value and where it ends: at a separator or at the end of the text."""
	if number := _HEX_VALUE.match(text, at):
		value, at = _from_hex(number[1]), number.end()
	elif text.startswith('"', at):
		value, at = _unescaped(text, at + 1, '"')
		at += len(text[at + 1 :]) - len(text[at + 1 :].lstrip()) + 1
	else:
		value, at = _unescaped(text, at, _SEPARATORS)
	if at > len(text) or (at < len(text) and text[at] not in _SEPARATORS):
		raise NotAName("a value does not end")
	return value, at


def _from_hex(number: str) -> str:
	whole = bytes.fromhex(number)
	try:
		(value,) = der.values(whole)
		return _collapsed(der.text(value))
	except (der.DerError, ValueError):
		return "#" + number.lower()


def _unescaped(text: str, at: int, ends: str) -> tuple[str, int]:
	"""The value up to one of the ending characters, which may be escaped to belong to it."""
	found = bytearray()
	while at < len(text) and text[at] not in ends:
		if text[at] != "\\":
			found += text[at].encode("utf-8", "replace")
			at += 1
		elif pair := _HEX_PAIR.match(text, at + 1):
			found += bytes.fromhex(pair[0])
			at += 3
		else:
			found += text[at + 1 : at + 2].encode("utf-8", "replace")
			at += 2
	return _collapsed(found.decode("utf-8", "replace")), at


def same(name: Name, text: str) -> bool:
	"""Whether a text means this name, from either end (berlin_group_migdal.md, 5.4)."""
	try:
		claimed = parse(text)
	except NotAName:
		return False
	expected = pairs(name)
	return claimed in (expected, expected[::-1])
