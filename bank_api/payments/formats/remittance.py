"""Czech payment symbols within the text for the payee, for formats that have no fields for them.

`/VS/20260042/SS/77/KS/308 Faktura` is the habit in XML (kb_batch.md, 5.4), `/VS/20260042 /SS/77 /KS/308 Faktura` in
BEST (5.3); both are read.
"""

import re
from collections.abc import Iterator

from bank_api.payments.findings import Finding, finding
from bank_api.payments.model import Payment

LENGTH = 140
_SYMBOLS = {"VS": "variable_symbol", "SS": "specific_symbol", "KS": "constant_symbol"}
_ONE = re.compile(r" ?/(VS|SS|KS)/([0-9]{1,10})(?=[ /]|$)")
_LIKE_ONE = re.compile(r"/(VS|SS|KS)/")


def written(payment: Payment, between: str = "") -> str:
	"""Symbols and message as one text.

	Args:
		between: what stands between two symbols.
	"""
	if not (payment.variable_symbol or payment.specific_symbol or payment.constant_symbol):
		return payment.message
	symbols = between.join(
		f"/{mark}/{symbol}" for mark, name in _SYMBOLS.items() if (symbol := getattr(payment, name))
	)
	return f"{symbols} {payment.message}" if payment.message else symbols


def read(text: str) -> tuple[str, dict[str, str]]:
	"""The message and the symbols, by the model's names, in a text."""
	symbols: dict[str, str] = {}
	at = 0
	while match := _ONE.match(text, at):
		name = _SYMBOLS[match[1]]
		if name in symbols or (at == 0 and text[0] == " "):
			break
		symbols[name] = match[2]
		at = match.end()
	return text[at:].removeprefix(" ") if at else text, symbols


def problems(payment: Payment, between: str = "") -> Iterator[Finding]:
	"""What speaks against the symbols and the message as one text."""
	if _LIKE_ONE.match(payment.message):
		yield finding("text_symbols", "message")
	length = len(written(payment, between))
	if length > LENGTH:
		yield finding("text_too_long", "message", length=length, most=LENGTH)
