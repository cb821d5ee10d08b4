"""JSON read exactly: amounts as `Decimal`, and each resource beside its own text as the provider sent it.

A client written for the provider gets the provider's resources field for field, so the text of each one is
kept. The standard library's C scanner reports where a value ends; that gives value and text in a single
parse.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from json import JSONDecoder
from json.encoder import encode_basestring_ascii
from typing import Any, NamedTuple, NoReturn

from bank_api.connectors.errors import MalformedResponse

_WHITESPACE = re.compile(r"[ \t\n\r]*")
_MAX_NUMBER_LENGTH = 64
# `format(Decimal("1E999999999"), "f")` would be a gigabyte of zeros: an exponent has to stay within reason.
_MAX_EXPONENT = 64

Resource = tuple[dict[str, Any], str]


class ListAnswer(NamedTuple):
	"""A list envelope: its resources, each as (value, text as received), and its other members."""

	resources: list[Resource]
	others: dict[str, Any]


def _exact_number(text: str) -> Decimal:
	if len(text) > _MAX_NUMBER_LENGTH:
		raise ValueError("number too long")
	value = Decimal(text)
	if "e" in text or "E" in text:
		exponent = value.as_tuple().exponent
		if not isinstance(exponent, int) or abs(exponent) > _MAX_EXPONENT:
			raise ValueError("exponent out of range")
	return value


def _refuse_constant(text: str) -> NoReturn:
	raise ValueError("not a JSON number")


_DECODER = JSONDecoder(parse_float=_exact_number, parse_constant=_refuse_constant)
_scan: Callable[[str, int], tuple[Any, int]] = _DECODER.scan_once  # type: ignore[attr-defined]


def decode(body: bytes) -> str:
	"""The text of a JSON body: strict UTF-8, a byte order mark is dropped.

	Raises:
		MalformedResponse: the bytes are not UTF-8.
	"""
	try:
		return body.decode("utf-8-sig")
	except UnicodeDecodeError:
		raise MalformedResponse("The provider's answer is not UTF-8 text.") from None


def parse(text: str) -> Any:
	"""A JSON text as Python values: numbers with a fraction or an exponent as `Decimal`, others as `int`.

	Raises:
		MalformedResponse: not one JSON value (RFC 8259), a number out of all reason, or too deep a nesting.
	"""
	try:
		value, end = _scan(text, _skip(text, 0))
	except (ValueError, ArithmeticError, StopIteration, RecursionError):
		raise _malformed() from None
	if _skip(text, end) != len(text):
		raise _malformed()
	return value


def parse_object(text: str) -> dict[str, Any]:
	"""Like `parse`, for a text that has to be a JSON object."""
	value = parse(text)
	if not isinstance(value, dict):
		raise MalformedResponse("The provider's answer is not a JSON object.")
	return value


def read_list(text: str, member: str = "resources") -> ListAnswer:
	"""Read a list envelope such as `{"resources": [{…}, …], "pagination": {…}}`.

	Args:
		text: the answer.
		member: name of the member that holds the list.

	Raises:
		MalformedResponse: as for `parse`; or the list is missing, or holds something that is no object. An
			answer without its list is a failure, never an empty list.
	"""
	resources: list[Resource] | None = None
	others: dict[str, Any] = {}
	try:
		position = _open(text, "{")
		closed = text[position] == "}"
		while not closed:
			name, position = _name(text, position)
			if name == member:
				resources, position = _elements(text, position)
			else:
				others[name], position = _scan(text, position)
			position, closed = _next(text, position, "}")
		if _skip(text, position + 1) != len(text):
			raise ValueError
	except (ValueError, ArithmeticError, StopIteration, RecursionError, IndexError):
		raise _malformed() from None
	if resources is None:
		raise MalformedResponse("The provider's answer lacks its list.")
	return ListAnswer(resources, others)


def replace_members(text: str, changes: Mapping[str, str]) -> str:
	"""A JSON object's text with some members' values replaced or added; all else stays character for
	character.

	Args:
		text: a JSON object.
		changes: JSON text of the new value by member name.

	Raises:
		MalformedResponse: the text is not a JSON object.
	"""
	pieces: list[str] = []
	missing = dict(changes)
	copied = 0
	empty = True
	try:
		position = _open(text, "{")
		closed = text[position] == "}"
		while not closed:
			empty = False
			name, position = _name(text, position)
			_, end = _scan(text, position)
			if name in changes:
				pieces += (text[copied:position], changes[name])
				copied = end
				missing.pop(name, None)
			position, closed = _next(text, end, "}")
		if _skip(text, position + 1) != len(text):
			raise ValueError
	except (ValueError, ArithmeticError, StopIteration, RecursionError, IndexError):
		raise _malformed() from None
	pieces.append(text[copied:position])
	for name, value in missing.items():
		pieces.append(f"{'' if empty else ','}{encode_basestring_ascii(name)}:{value}")
		empty = False
	pieces.append(text[position:])
	return "".join(pieces)


def members(text: str) -> dict[str, str]:
	"""The members of a JSON object, each as the text that was received.

	Raises:
		MalformedResponse: the text is not a JSON object.
	"""
	found: dict[str, str] = {}
	try:
		position = _open(text, "{")
		closed = text[position] == "}"
		while not closed:
			name, position = _name(text, position)
			_, end = _scan(text, position)
			found[name] = text[position:end]
			position, closed = _next(text, end, "}")
		if _skip(text, position + 1) != len(text):
			raise ValueError
	except (ValueError, ArithmeticError, StopIteration, RecursionError, IndexError):
		raise _malformed() from None
	return found


def elements(text: str) -> list[Resource]:
	"""The objects of a JSON array, each as (value, text as received).

	Raises:
		MalformedResponse: the text is not an array of objects.
	"""
	try:
		found, end = _elements(text, _skip(text, 0))
		if _skip(text, end) != len(text):
			raise ValueError
	except (ValueError, ArithmeticError, StopIteration, RecursionError, IndexError):
		raise _malformed() from None
	return found


def dumps(value: Any) -> str:
	"""Python values as compact JSON text; a `Decimal` becomes a JSON number with exactly its digits.

	Raises:
		TypeError: a value JSON cannot hold; a float among them, since none may come near an amount.
		ValueError: a `Decimal` that is not finite.
	"""
	if value is None:
		return "null"
	if value is True:
		return "true"
	if value is False:
		return "false"
	if isinstance(value, str):
		return encode_basestring_ascii(value)
	if isinstance(value, int):
		return int.__repr__(value)
	if isinstance(value, Decimal):
		if not value.is_finite():
			raise ValueError("JSON has no such number")
		return str(value)
	if isinstance(value, Mapping):
		return "{" + ",".join(f"{encode_basestring_ascii(k)}:{dumps(v)}" for k, v in value.items()) + "}"
	if isinstance(value, list | tuple):
		return "[" + ",".join(map(dumps, value)) + "]"
	raise TypeError(f"{type(value).__name__} is not JSON")


def _skip(text: str, position: int) -> int:
	"""The position of the first character that is no whitespace."""
	match = _WHITESPACE.match(text, position)
	return match.end() if match else position


def _open(text: str, bracket: str) -> int:
	position = _skip(text, 0)
	if text[position] != bracket:
		raise ValueError
	return _skip(text, position + 1)


def _name(text: str, position: int) -> tuple[str, int]:
	"""A member's name, and the position of its value."""
	name, position = _scan(text, position)
	if not isinstance(name, str):
		raise ValueError
	position = _skip(text, position)
	if text[position] != ":":
		raise ValueError
	return name, _skip(text, position + 1)


def _next(text: str, position: int, bracket: str) -> tuple[int, bool]:
	"""Step over a comma to the next element, or find the closing bracket and stay on it."""
	position = _skip(text, position)
	if text[position] == bracket:
		return position, True
	if text[position] != ",":
		raise ValueError
	return _skip(text, position + 1), False


def _elements(text: str, position: int) -> tuple[list[Resource], int]:
	"""The objects of the array at a position, and the position after it."""
	if text[position] != "[":
		raise ValueError
	position = _skip(text, position + 1)
	if text[position] == "]":
		return [], position + 1
	found: list[Resource] = []
	append, scan = found.append, _scan
	while True:
		value, end = scan(text, position)
		if value.__class__ is not dict:
			raise ValueError
		append((value, text[position:end]))
		# The common case, a comma or bracket right behind the value, without a regular expression.
		character = text[end]
		if character != "," and character != "]":
			end = _skip(text, end)
			character = text[end]
		if character == "]":
			return found, end + 1
		if character != ",":
			raise ValueError
		position = end + 1
		if text[position] != "{":
			position = _skip(text, position)


def _malformed() -> MalformedResponse:
	return MalformedResponse("The provider's answer is not the JSON it should be.")
