"""Berlin Group JSON, read with the tolerance that real sources need (4.7), and no more.

What is tolerated: an envelope that is missing, doubled or named otherwise, a list nested one level too deep, words
that begin with a capital letter, an empty text where an amount should be, `schema` for `scheme`.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from bank_api.connectors import values, verbatim
from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.verbatim import Resource

text = values.text
instant = values.instant
calendar_date = values.calendar_date


def required_text(value: Any, what: str) -> str:
	"""A text that an answer is useless without.

	Raises:
		MalformedResponse: it is missing, or no text.
	"""
	if isinstance(value, str) and value.strip():
		return values.clean(value.strip())
	if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
		return str(value)
	raise MalformedResponse(f"The provider's answer lacks the {what}.")


def count(value: Any) -> int | None:
	"""A whole number of at least 0, also as text; None if it is neither."""
	if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
		return int(value)
	return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def optional_date(value: Any) -> date | None:
	"""A date; None for nothing.

	Raises:
		MalformedResponse: it is something else.
	"""
	return calendar_date(value) if value else None


def amount(value: Any) -> tuple[Decimal | None, str]:
	"""An `{amount, currency}` object: the amount exactly as written with its sign, None if it is missing or empty.

	Raises:
		MalformedResponse: it is no amount.
	"""
	if value is None:
		return None, ""
	if not isinstance(value, dict):
		raise MalformedResponse("The provider sent an amount that is none.")
	number = value.get("amount")
	if isinstance(number, str):
		number = number.strip().removeprefix("+") or None
	return values.exact(number), (text(value.get("currency")) or "").upper()


def word(value: Any) -> str:
	"""A code word as the standard spells it, whatever its first letter; empty if it is none."""
	return value[:1].lower() + value[1:] if isinstance(value, str) else ""


def own_number(row: dict[str, Any]) -> str | None:
	"""The number besides an IBAN by which an account or loan is known for good: the loan's own, else the account's
	(4.6)."""
	other = row.get("other")
	number = text(other.get("identification")) if isinstance(other, dict) else None
	for name in ("bban", "maskedPan", "msisdn"):
		number = number or text(row.get(name))
	return number


def reference(row: dict[str, Any]) -> str | None:
	"""What an account or loan is called in a consent: its own number, else its IBAN."""
	return own_number(row) or text(row.get("iban"))


def listed(answer: str, names: Sequence[str]) -> list[Resource]:
	"""The resources of a list answer.

	Args:
		answer: the answer's text.
		names: what the list may be called, the standard's name first.

	Raises:
		MalformedResponse: there is no list. An answer without its list is a failure, never an empty list.
	"""
	inner = answer.lstrip()
	for _ in range(3):
		if inner.startswith("["):
			return rows(inner)
		members = verbatim.members(inner)
		found = next((members[name] for name in names if name in members), None)
		if found is None:
			break
		inner = found
	raise MalformedResponse("The provider's answer lacks its list.")


def rows(array: str) -> list[Resource]:
	"""The objects of a list, also of one that is nested a level too deep.

	Raises:
		MalformedResponse: it holds something else.
	"""
	start = array.lstrip()
	if start.startswith("[") and start[1:].lstrip().startswith("["):
		inner = start[1:].lstrip()
		value = verbatim.parse(array)
		if len(value) != 1:
			raise MalformedResponse("The provider's list is nested in a way that is not known.")
		end = inner.rstrip().removesuffix("]").rstrip()
		return verbatim.elements(end)
	return verbatim.elements(array)


def single(answer: str, names: Sequence[str], marks: Sequence[str]) -> Resource:
	"""The one resource of a detail answer, in its envelope, without it, or in a list of one.

	Args:
		answer: the answer's text.
		names: what the envelope may be called, in singular and plural.
		marks: members that tell the resource itself.

	Raises:
		MalformedResponse: it is not there.
	"""
	inner = answer
	for _ in range(3):
		if inner.lstrip().startswith("["):
			found = rows(inner)
			if len(found) != 1:
				break
			return found[0]
		members = verbatim.members(inner)
		name = next((name for name in names if members.get(name, "")[:1] in ("{", "[")), None)
		if name is not None:
			inner = members[name]
			continue
		if any(mark in members for mark in marks):
			return verbatim.parse_object(inner), inner
		break
	raise MalformedResponse("The provider's answer lacks what was asked for.")


def instant_day(value: Any) -> date | None:
	"""The day that a date or an instant names, as written; None for nothing."""
	return calendar_date(value) if isinstance(value, str) and value else None
