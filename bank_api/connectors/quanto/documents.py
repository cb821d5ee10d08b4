"""CPF and CNPJ: the check digits of a person's and a company's number, so that a slip is found before anything is asked.

Both use weights modulo 11 (Receita Federal). From consents 3.3 on a CNPJ may hold letters (3.3, `^[0-9A-Z]{12}[0-9]{2}$`):
each character then counts by its ASCII code less 48, so that digits count as ever.
"""

import re
from typing import Any

from bank_api.connectors.errors import InvalidRequest
from bank_api.connectors.model import Identity, Secret

_CPF = re.compile(r"[0-9]{11}\Z", re.ASCII)
_CNPJ = re.compile(r"[0-9A-Z]{12}[0-9]{2}\Z", re.ASCII)
_MARKS = re.compile(r"[.\-/\s]")


def cpf(number: Secret) -> str:
	"""A person's number as 11 digits; points and hyphens are dropped.

	Raises:
		InvalidRequest: it is none. The number itself is not repeated.
	"""
	text = _MARKS.sub("", number.reveal())
	if not _CPF.match(text) or len(set(text)) == 1 or not _fits(text, range(10, 1, -1), range(11, 1, -1)):
		raise InvalidRequest("The CPF has 11 digits, and the last two must fit the others: check for a slip.")
	return text


def cnpj(number: Secret) -> str:
	"""A company's number as 14 characters; points, hyphens and the slash are dropped.

	Raises:
		InvalidRequest: it is none. The number itself is not repeated.
	"""
	text = _MARKS.sub("", number.reveal()).upper()
	first = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
	if not _CNPJ.match(text) or len(set(text)) == 1 or not _fits(text, first, (6, *first)):
		raise InvalidRequest(
			"The CNPJ has 14 characters, and the last two must fit the others: check for a slip."
		)
	return text


def of_identity(identity: Identity) -> dict[str, Any]:
	"""The members `loggedUser` and `businessEntity` of a consent (3.3), by these names.

	Raises:
		InvalidRequest: a number is none.
	"""
	found: dict[str, Any] = {
		"loggedUser": {"document": {"identification": cpf(identity.person), "rel": "CPF"}}
	}
	if identity.business is not None and identity.business:
		found["businessEntity"] = {"document": {"identification": cnpj(identity.business), "rel": "CNPJ"}}
	return found


def _fits(text: str, *weights: Any) -> bool:
	"""Whether the last two digits are those that the others lead to."""
	return all(
		_digit(text[: len(text) - 2 + place], factors) == int(text[len(text) - 2 + place])
		for place, factors in enumerate(weights)
	)


def _digit(text: str, weights: Any) -> int:
	rest = sum((ord(character) - 48) * weight for character, weight in zip(text, weights, strict=True)) % 11
	return 0 if rest < 2 else 11 - rest
