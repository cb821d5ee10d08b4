"""Text of others on its way to the desk.

Older frameworks put the texts of a row into their lists and forms as HTML, because a document's `save` has cleaned
them. Rows that are written in bulk never pass there. So no angle bracket of a bank, a browser or a client's
endpoint is stored in a column that the desk shows; the payload beside it keeps the text as received.
"""

_HARMLESS = str.maketrans({"<": "‹", ">": "›"})


def shown(text: str | None) -> str | None:
	"""The text with angle brackets that look like it and mean nothing to a browser; None stays None."""
	return text.translate(_HARMLESS) if text else text
