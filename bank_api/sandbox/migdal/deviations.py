"""Known slips of real sources, on demand, for tolerant parsers (section 4.7)."""

from collections.abc import Callable, Sequence
from typing import Any

from bank_api.sandbox.migdal.views import NAMES

Body = dict[str, Any]


def _bare(body: Body, kind: str) -> Any:
	"""A detail answer without its envelope."""
	one = NAMES[kind][1]
	return body[one] if set(body) == {one} else body


def _plural(body: Body, kind: str) -> Any:
	"""A plural member where the singular is specified."""
	_, one, many = NAMES[kind]
	return {many: body[one]} if set(body) == {one} else body


def _nested(body: Body, kind: str) -> Any:
	"""A list one level too deep."""
	many = NAMES[kind][2]
	return {many: [body[many]]} if set(body) == {many} else body


def _walk(value: Any, change: Callable[[str, Any], Any], name: str = "") -> Any:
	if isinstance(value, dict):
		return {key: _walk(found, change, key) for key, found in value.items()}
	if isinstance(value, list):
		return [_walk(found, change, name) for found in value]
	return change(name, value)


def _upper(body: Body, kind: str) -> Any:
	"""Enumerations with an upper-case first letter."""
	names = ("balanceType", "status")
	return _walk(body, lambda name, value: value[:1].upper() + value[1:] if name in names else value)


def _empty(body: Body, kind: str) -> Any:
	"""An empty text as the amount of every balance."""
	if "balances" not in body:
		return body
	return body | {"balances": _walk(body["balances"], lambda name, v: "" if name == "amount" else v)}


DEVIATIONS: dict[str, Callable[[Body, str], Any]] = {
	"bare_detail": _bare,
	"plural_key": _plural,
	"nested_list": _nested,
	"upper_enum": _upper,
	"empty_amount": _empty,
}


def deviate(body: Body, kind: str, names: Sequence[str]) -> Any:
	"""Apply slips to an answer.

	Args:
		body: The right answer.
		kind: Of which type of account.
		names: Which slips.

	Returns:
		The answer with them.
	"""
	changed: Any = body
	for name in names:
		if isinstance(changed, dict):
			changed = DEVIATIONS[name](changed, kind)
	return changed
