"""Small readings of JSON that several modules share."""

from datetime import datetime
from typing import Any

from bank_api.connectors import values, verbatim
from bank_api.connectors.errors import MalformedResponse


def text_of(row: Any, name: str) -> str:
	"""A member that is a text, without the blanks around it; empty if it is none."""
	value = row.get(name) if isinstance(row, dict) else None
	return values.clean(value.strip()) if isinstance(value, str) else ""


def needed(row: dict[str, Any], name: str, what: str) -> str:
	"""A text that an answer is useless without.

	Raises:
		MalformedResponse: it is missing, or no text.
	"""
	if found := text_of(row, name):
		return found
	raise MalformedResponse(f"The provider's answer lacks the {what}.")


def texts_of(row: dict[str, Any], name: str) -> tuple[str, ...]:
	"""A member that is a list of texts; what is none is left out."""
	listed = row.get(name)
	return (
		tuple(values.clean(one) for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()
	)


def instant_text(moment: datetime) -> str:
	"""An instant as Open Finance Brasil writes it: UTC, whole seconds, 20 characters (3.3)."""
	return values.instant(moment.isoformat()).strftime("%Y-%m-%dT%H:%M:%SZ")  # type: ignore[union-attr]


def without(text: str, *members: str) -> str:
	"""A JSON object's text without members that must not be kept; all else stays character for character.

	Args:
		text: a JSON object as received.
		members: their names; also within `data`.
	"""
	outer = verbatim.members(text)
	if outer.get("data", "").startswith("{"):
		outer["data"] = _dropped(outer["data"], members)
	if not set(members) & set(outer) and outer.get("data") == verbatim.members(text).get("data"):
		return text
	return _joined({name: value for name, value in outer.items() if name not in members})


def _dropped(text: str, members: tuple[str, ...]) -> str:
	inner = verbatim.members(text)
	if not set(members) & set(inner):
		return text
	return _joined({name: value for name, value in inner.items() if name not in members})


def _joined(members: dict[str, str]) -> str:
	return "{" + ",".join(f"{verbatim.dumps(name)}:{value}" for name, value in members.items()) + "}"
