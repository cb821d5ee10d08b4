"""Character sets, lengths and lines of the texts in payments."""

import re
import unicodedata
from collections.abc import Iterator

from bank_api.payments.findings import Finding, finding

LINE = 35
"""Messages and addresses are carried in lines of so many characters."""

# SWIFT's set, as KB names it for XML and BEST foreign payments (kb_batch.md, 5.3 and 5.4).
_NOT_SWIFT = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
_LETTERS = str.maketrans(
	{"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ø": "o", "Ø": "O", "ß": "ss", "æ": "ae", "Æ": "AE"}
)


def not_swift(text: str) -> str:
	"""The first character that SWIFT's set lacks; empty if there is none."""
	match = _NOT_SWIFT.search(text)
	return match.group() if match else ""


def not_windows_1250(text: str) -> str:
	"""The first character that windows-1250 lacks or that cannot be printed; empty if there is none."""
	if text.isascii() and text.isprintable():
		return ""
	for character in text:
		# A no-break space and a soft hyphen are no printable characters to Python, and none that a bank wants.
		if not character.isprintable():
			return character
		try:
			character.encode("cp1250")
		except UnicodeEncodeError:
			return character
	return ""


def fold(text: str) -> str:
	"""A text in SWIFT's set: letters without their marks, a dot for what has no likeness.

	Nothing calls this unasked: whoever hands over a batch decides whether a name may be changed.
	"""
	plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
	plain = "".join(one for one in plain if not unicodedata.combining(one))
	return _NOT_SWIFT.sub(".", plain)


def lines(text: str) -> Iterator[str]:
	"""A text cut into lines of 35 characters."""
	return (text[start : start + LINE] for start in range(0, len(text), LINE))


def joined(parts: list[str]) -> str:
	"""Lines as one text: a full one runs on into the next, behind a shorter one a space is meant."""
	text, full = "", True
	for part in parts:
		text += part if full else f" {part}"
		full = len(part) == LINE
		text = text if full else text.rstrip(" ")
	return text.strip(" ")


def line_start(text: str, field: str) -> Finding | None:
	"""What speaks against a text that is sent in lines of 35: none may begin with `-` or `:` (kb_batch.md, 5.3)."""
	for number, line in enumerate(lines(text)):
		if line[0] in "-:":
			return finding("text_line_start", field, place=number * LINE + 1)
	return None


def check(text: str, field: str, most: int, *, swift: bool) -> Finding | None:
	"""What speaks against a text.

	Args:
		text: may be empty.
		field: where it stands.
		most: how many characters fit.
		swift: whether it has to be in SWIFT's set, else in windows-1250.
	"""
	if not text:
		return None
	if len(text) > most:
		return finding("text_too_long", field, length=len(text), most=most)
	if text[0] == " " or text[-1] == " ":
		return finding("text_spaces", field)
	if wrong := not_swift(text) if swift else not_windows_1250(text):
		return finding("text_character", field, character=_shown(wrong))
	return None


def _shown(character: str) -> str:
	return character if character.isprintable() else f"U+{ord(character):04X}"
