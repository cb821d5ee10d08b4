"""Files of lines in windows-1250, and fields that are cut out of them."""

import re
from datetime import date

from bank_api.payments.formats.base import Faults

ENCODING = "windows-1250"
_END = re.compile("\r\n|\n|\r")
_DIGITS = re.compile("[0-9]+")


def decode(content: bytes, faults: Faults) -> list[str]:
	"""The lines of a file; empty ones at its end are dropped. CRLF, LF and CR end a line (kb_batch.md, 5.1).

	Raises:
		UnreadableFile: a byte is no character.
	"""
	try:
		text = content.decode("cp1250")
	except UnicodeDecodeError as error:
		before = _END.split(content[: error.start].decode("cp1250"))
		faults.stop("file_encoding", line=len(before), position=len(before[-1]) + 1, encoding=ENCODING)
	found = _END.split(text)
	while found and not found[-1].strip(" "):
		found.pop()
	return found


def encode(text: str) -> bytes:
	"""Text as windows-1250; the short way for texts without accents, which is ten times faster."""
	return text.encode("ascii") if text.isascii() else text.encode("cp1250")


def is_digits(text: str) -> bool:
	"""Whether a text is ASCII digits, at least one."""
	return bool(_DIGITS.fullmatch(text))


def day(text: str, order: str) -> date | None:
	"""A date of the years 2000 to 2099, or with four digits for its year; None if it is none.

	Args:
		text: digits.
		order: `DMY` for DDMMYY, `YMD` for YYMMDD or YYYYMMDD.
	"""
	if len(text) not in (6, 8) or not is_digits(text):
		return None
	if len(text) == 8:
		year, month, of_month = text[:4], text[4:6], text[6:]
	elif order == "DMY":
		of_month, month, year = text[:2], text[2:4], f"20{text[4:]}"
	else:
		year, month, of_month = f"20{text[:2]}", text[2:4], text[4:]
	try:
		return date(int(year), int(month), int(of_month))
	except ValueError:
		return None
