"""The little of ASN.1 DER that names and ETSI statements need, written and read with bounds.

X.690, sections 8.1 (tag, length, value), 8.19 (object identifiers) and 10.1 (shortest lengths).
"""

from typing import NamedTuple

INTEGER = 0x02
OBJECT_IDENTIFIER = 0x06
UTF8_STRING = 0x0C
SEQUENCE = 0x30
SET = 0x31

_ENCODINGS = {
	UTF8_STRING: "utf-8",
	0x12: "utf-8",  # NumericString; more than ASCII is not allowed in it, but is met
	0x13: "utf-8",  # PrintableString, likewise
	0x14: "latin-1",  # TeletexString, as everybody reads it
	0x16: "utf-8",  # IA5String, likewise
	0x1A: "utf-8",  # VisibleString, likewise
	0x1C: "utf-32-be",  # UniversalString
	0x1E: "utf-16-be",  # BMPString
}


class DerError(ValueError):
	"""Bytes that are not DER, or not of the expected shape."""


class Value(NamedTuple):
	"""One element: its tag, its content, and the bytes of the whole."""

	tag: int
	content: bytes
	whole: bytes


def encode(tag: int, *parts: bytes) -> bytes:
	"""An element of these parts."""
	content = b"".join(parts)
	size = len(content)
	if size < 0x80:
		return bytes([tag, size]) + content
	length = size.to_bytes((size.bit_length() + 7) // 8, "big")
	return bytes([tag, 0x80 | len(length)]) + length + content


def encode_oid(dotted: str) -> bytes:
	"""An object identifier, given as `0.4.0.19495.2`."""
	first, second, *rest = (int(arc) for arc in dotted.split("."))
	return encode(OBJECT_IDENTIFIER, *(_base128(arc) for arc in (first * 40 + second, *rest)))


def encode_text(text: str) -> bytes:
	"""A UTF8String."""
	return encode(UTF8_STRING, text.encode())


def _base128(arc: int) -> bytes:
	groups = [arc & 0x7F]
	while arc := arc >> 7:
		groups.append(0x80 | arc & 0x7F)
	return bytes(reversed(groups))


def values(data: bytes) -> list[Value]:
	"""The elements that these bytes are made of, none left over.

	Raises:
		DerError: they are not whole elements.
	"""
	found = []
	at = 0
	while at < len(data):
		value = _value_at(data, at)
		found.append(value)
		at += len(value.whole)
	return found


def only(data: bytes, tag: int) -> Value:
	"""The one element that these bytes are, of this tag.

	Raises:
		DerError: they are something else.
	"""
	value = _value_at(data, 0)
	if value.tag != tag or len(value.whole) != len(data):
		raise DerError("another element was expected")
	return value


def _value_at(data: bytes, at: int) -> Value:
	if len(data) < at + 2:
		raise DerError("cut off")
	tag, length, start = data[at], data[at + 1], at + 2
	if tag & 0x1F == 0x1F:
		raise DerError("a tag of several bytes")
	if length & 0x80:
		size = length & 0x7F
		if not 1 <= size <= 4 or len(data) < start + size:
			raise DerError("a length that cannot be")
		length = int.from_bytes(data[start : start + size], "big")
		start += size
	if len(data) < start + length:
		raise DerError("cut off")
	return Value(tag, data[start : start + length], data[at : start + length])


def oid(value: Value) -> str:
	"""The dotted form of an object identifier.

	Raises:
		DerError: it is none.
	"""
	content = value.content
	if value.tag != OBJECT_IDENTIFIER or not content or content[-1] & 0x80 or len(content) > 64:
		raise DerError("not an object identifier")
	arcs, arc = [], 0
	for byte in content:
		arc = arc << 7 | byte & 0x7F
		if not byte & 0x80:
			arcs.append(arc)
			arc = 0
	first = min(arcs[0] // 40, 2)
	return ".".join(str(number) for number in (first, arcs[0] - 40 * first, *arcs[1:]))


def text(value: Value) -> str:
	"""The text of any of the string types.

	Raises:
		DerError: it is no text.
	"""
	encoding = _ENCODINGS.get(value.tag)
	if encoding is None:
		raise DerError("not a text")
	try:
		return value.content.decode(encoding)
	except UnicodeDecodeError:
		raise DerError("not a text of its kind") from None
