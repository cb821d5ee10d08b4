"""Batches in the forms in which callers send them. An amount in JSON is never a float, not for a moment."""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import frappe
from frappe import _

from bank_api.gateway import arguments, payment_files
from bank_api.gateway.errors import BadArgument
from bank_api.gateway.payments import Asked, check_key, own_account

LONGEST = 64 * 1024 * 1024
"""Characters of a list of payments, or of a file; the site's own limit of a request is usually lower."""
_LONGEST_TEXT = 140
_LONGEST_NUMBER = 40


def asked(
	*,
	idempotency_key: str | None,
	payments: Any,
	file: str | None,
	file_encoding: str | None,
	file_format: str | None,
	name: str | None,
	account: str | None,
	execution_date: str | None,
	payer_name: str | None,
	send_as: str | None,
	processing_mode: str | None,
	leave_out: list | str | None,
	accept_partly: bool | str | int | None,
	allow_repeated: bool | str | int | None = None,
) -> Asked:
	"""What a call hands over; arguments as `bank_api.kb.submit_payment_batch`.

	Raises:
		BadArgument: an argument is missing, or cannot be meant.
	"""
	rows = listed(payments)
	content = _content(file, file_encoding)
	if (rows is None) == (not content):
		raise BadArgument(_("Give either payments, a list, or file, the text of a file."))
	day = arguments.day("execution_date", execution_date)
	return Asked(
		key=check_key(idempotency_key),
		payments=rows,
		content=content,
		file_format=payment_files.key(file_format) if file_format else "",
		name=_text("name", name),
		account=own_account(_text("account", account)),
		due=date.fromisoformat(day) if day else None,
		owner=_text("payer_name", payer_name),
		send_as=payment_files.key(send_as),
		mode=_text("processing_mode", processing_mode).upper(),
		leave_out=payment_files.omitted(arguments.words("leave_out", leave_out)),
		accept_partly=arguments.flag("accept_partly", accept_partly),
		allow_repeated=arguments.flag("allow_repeated", allow_repeated),
	)


def listed(value: Any) -> Sequence[Any] | None:
	"""A list of payments, its numbers exact; None if there is none.

	The framework has read the body of a request with floats in it. So the body is read again.

	Raises:
		BadArgument: it is no list.
	"""
	if value in (None, "") or value == []:
		return None
	request = getattr(frappe.local, "request", None)
	if request is not None and not isinstance(value, str):
		value = _body(request).get("payments")
	if isinstance(value, str):
		value = _parsed(value)
	try:
		readable = isinstance(value, list) and not _holds_float(value)
	except RecursionError:  # nested deeper than any payment
		readable = False
	if not readable:
		raise BadArgument(_("The payments cannot be read. Send them as a JSON list."))
	return value or None


def _body(request: Any) -> dict[str, Any]:
	found = _parsed(request.get_data(as_text=True))
	return found if isinstance(found, dict) else {}


def _parsed(text: str) -> Any:
	try:
		return json.loads(text, parse_float=_exact, parse_constant=_no_constant, object_pairs_hook=_once)
	except (ValueError, RecursionError, ArithmeticError):
		raise BadArgument(_("The payments cannot be read. Send them as a JSON list.")) from None


def _exact(text: str) -> Decimal:
	"""A number with a point or an exponent. Nobody pays 1E-400000000, and written out it would fill the memory."""
	found = Decimal(text)
	if len(text) > _LONGEST_NUMBER or abs(found.adjusted()) > _LONGEST_NUMBER:
		raise ValueError(text[:_LONGEST_NUMBER])
	return found


def _no_constant(name: str) -> Any:
	raise ValueError(name)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
	"""A member that is there twice could be read as either."""
	found = dict(pairs)
	if len(found) != len(pairs):
		raise ValueError("repeated")
	return found


def _holds_float(value: Any) -> bool:
	if isinstance(value, dict):
		return any(_holds_float(one) for one in value.values())
	if isinstance(value, list):
		return any(_holds_float(one) for one in value)
	return isinstance(value, float)


def _content(file: str | None, encoding: str | None) -> bytes:
	"""The bytes of a file: base64 unless the call says that it is text."""
	if not file:
		return b""
	form = (encoding or "base64").strip().lower()
	if form == "base64":
		try:
			return base64.b64decode("".join(file.split()), validate=True)
		except (binascii.Error, ValueError):
			raise BadArgument(
				_("file must be base64, or text with file_encoding utf-8 or windows-1250.")
			) from None
	if form not in ("utf-8", "windows-1250"):
		raise BadArgument(
			_("The argument {0} must be one of: {1}.").format("file_encoding", "base64, utf-8, windows-1250")
		)
	try:
		return file.encode(form)
	except UnicodeEncodeError:
		raise BadArgument(_("file holds characters that {0} does not have.").format(form)) from None


def _text(name: str, value: str | None) -> str:
	plain = (value or "").strip()
	if len(plain) > _LONGEST_TEXT:
		raise BadArgument(_("The argument {0} is too long.").format(name))
	return plain
