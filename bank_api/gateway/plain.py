"""Text of others on its way to the desk.

Older frameworks put the texts of a row into their lists and forms as HTML, because a document's `save` has cleaned
them. Rows that are written in bulk never pass there. So no angle bracket of a bank, a browser or a client's
endpoint is stored in a column that the desk shows; the payload beside it keeps the text as received.
"""

_HARMLESS = str.maketrans({"<": "‹", ">": "›"})


FORMULA = "=+-@\t\r\n "
"""Beginnings of texts that spreadsheets take for formulas."""


def shown(text: str | None) -> str | None:
	"""The text with angle brackets that look like it and mean nothing to a browser; None stays None.

	Halves of characters, which JSON can spell and no database takes, become question marks.
	"""
	if not text:
		return text
	plain = text.translate(_HARMLESS)
	return plain if plain.isascii() else plain.encode("utf-8", "replace").decode()


def inert(text: str | None) -> str | None:
	"""The text as `shown`, and as no spreadsheet takes it for a formula when somebody exports a list."""
	found = shown(text)
	return f"'{found}" if found and found[0] in FORMULA else found
