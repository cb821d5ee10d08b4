"""BEST (section 5.3): fixed width, windows-1250; domestic records and foreign or SEPA ones.

The bank announced it for the API and no longer mentions it; it is off unless the switch ``file_formats`` names it.
"""

import re
from datetime import date

from bank_api.sandbox.data import iban
from bank_api.sandbox.kb.orders.order import Order, Reading, Unreadable, symbols_in
from bank_api.sandbox.kb.switches import KbSwitches
from bank_api.sandbox.kb.wire import Problem

_LENGTHS = {"01": 351, "02": 882, "03": 882}


def _wrong(line: int, text: str, code: str = "FF01") -> Unreadable:
	return Unreadable(Problem(code, f"line {line}", text))


def _digits(row: str, begin: int, length: int, line: int) -> str:
	found = row[begin : begin + length].replace(" ", "0")
	if not found.isdecimal():
		raise _wrong(line, f"Digits are expected at position {begin + 1}")
	return found


def _day(text: str, line: int) -> str:
	try:
		return str(date(int(text[:4]), int(text[4:6]), int(text[6:8])))
	except ValueError as error:
		raise _wrong(line, f"{text} is no date YYYYMMDD", "DT01") from error


def _text(row: str, begin: int, length: int) -> str:
	return row[begin : begin + length].strip()


def _message(row: str, begin: int) -> str:
	return "\n".join(row[begin + 35 * part : begin + 35 * (part + 1)].rstrip() for part in range(4)).strip(
		"\n"
	)


def read(data: bytes, switches: KbSwitches) -> Reading:
	"""Read a BEST file.

	Args:
		data: The file.
		switches: Limits.

	Returns:
		The payments.

	Raises:
		Unreadable: The first thing that is wrong, with its line.
	"""
	try:
		rows = re.split(r"\r\n|\n", data.decode("windows-1250"))
	except UnicodeDecodeError as error:
		raise Unreadable(Problem("RR10", "", "The file is not windows-1250")) from error
	rows = rows[:-1] if rows[-1] in ("", "\x1a") else rows
	if len(rows) < 3 or not rows[0].startswith("HI") or not rows[-1].startswith("TI"):
		raise _wrong(1, "HI, at least one payment and TI are expected")
	orders: list[Order] = []
	for line, row in enumerate(rows[1:-1], start=2):
		if len(row) != _LENGTHS.get(row[:2]):
			raise _wrong(line, "A record of 351 (01) or 882 (02, 03) characters is expected")
		if row[:2] != "03":
			orders.append(_domestic(row, line) if row[:2] == "01" else _foreign(row, line))
	_trailer(rows, orders)
	if len(orders) > switches.max_file_payments:
		raise _wrong(len(rows), f"At most {switches.max_file_payments} payments", "TOO_MANY_PMTS")
	return Reading(orders)


def _trailer(rows: list[str], orders: list[Order]) -> None:
	count, total = _digits(rows[-1], 17, 6, len(rows)), _digits(rows[-1], 23, 18, len(rows))
	if int(count) != len(rows) - 2 or int(total) != sum(order.amount for order in orders):
		raise _wrong(len(rows), "Count or sum of the trailer is wrong", "AM10")


def _domestic(row: str, line: int) -> Order:
	bank = _digits(row, 272, 4, line)
	return Order(
		place=f"line {line}",
		amount=int(_digits(row, 26, 15, line)),
		currency=_text(row, 42, 3) or "CZK" if row[45] == "P" else _text(row, 23, 3) or "CZK",
		day=_day(row[15:23], line),
		own=iban("CZ", "0100" + _digits(row, 203, 16, line)),
		own_currency=_text(row, 23, 3),
		partner=iban("CZ", bank + _digits(row, 276, 16, line)),
		collection=row[41] == "1",
		name=_text(row, 312, 30),
		variable=_digits(row, 292, 10, line).lstrip("0"),
		constant=_digits(row, 46, 10, line)[-4:].lstrip("0"),
		specific=_digits(row, 302, 10, line).lstrip("0"),
		message=_message(row, 56),
		priority="HIGH" if row[342] == "E" else "NORM",
	)


def _foreign(row: str, line: int) -> Order:
	message = _message(row, 423)
	payee = [row[598 + 35 * part : 633 + 35 * part].strip() for part in range(4)]
	return Order(
		place=f"line {line}",
		amount=int(_digits(row, 32, 15, line)),
		currency=_text(row, 29, 3),
		day=_day(row[21:29], line),
		own=iban("CZ", "0100" + _digits(row, 124, 16, line)),
		own_currency=_text(row, 140, 3),
		partner=_text(row, 564, 34),
		name=payee[0],
		town=payee[2],
		country=payee[3][:2],
		bic=_text(row, 248, 35),
		message=message,
		charges={"SHA": "SHAR", "OUR": "DEBT", "BEN": "CRED", "SLV": "SLEV"}.get(row[47:50], row[47:50]),
		**symbols_in(message),
	)
