"""Account numbers as KB's statements hold them: plain, or in the bank's internal order (kb_batch.md, 5.2).

The internal order of the digits 1 to 16 is 16 14 15 12 7 8 9 10 11 13 1 2 3 4 5 6. Either form may pass the checksums
of the other by chance, about once in a hundred numbers, so the file as a whole decides, and what it does not decide
stays open: a wrong account is worse than none.
"""

from collections.abc import Iterable

from bank_api.payments.accounts import iban_of_plain

_ORDER = (16, 14, 15, 12, 7, 8, 9, 10, 11, 13, 1, 2, 3, 4, 5, 6)
NONE = "0" * 16


def internal(plain: str) -> str:
	"""The internal form of sixteen digits."""
	return "".join(plain[place - 1] for place in _ORDER)


def plain(stored: str) -> str:
	"""The sixteen digits of an internal form."""
	found = [""] * 16
	for digit, place in zip(stored, _ORDER, strict=True):
		found[place - 1] = digit
	return "".join(found)


def readings(stored: str, bank: str) -> tuple[str, str]:
	"""The IBANs that sixteen digits may mean, read plainly and as internal form; empty where it is none."""
	return iban_of_plain(stored, bank), iban_of_plain(plain(stored), bank)


def evidence(numbers: Iterable[tuple[str, str]]) -> set[bool]:
	"""What numbers that only one form fits say: True for the internal form, False for the plain one.

	Args:
		numbers: sixteen digits and bank code of each account.
	"""
	both = (readings(stored, bank) for stored, bank in numbers)
	return {bool(other) for one, other in both if bool(one) != bool(other)}


def resolve(stored: str, bank: str, is_internal: bool | None) -> str | None:
	"""The IBAN of sixteen digits; None if they are none, or if that cannot be told.

	Args:
		is_internal: what the file says of its numbers, None if it does not.
	"""
	one, other = readings(stored, bank)
	if one == other or not (one and other):
		return one or other or None
	if is_internal is None:
		return None
	return other if is_internal else one
