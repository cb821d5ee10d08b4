"""Account numbers: Czech ones with their checksums, and IBANs (kb_batch.md, 5.0).

Everywhere in this package a Czech account is its IBAN. `0100` + `000019` + `1000000005` behind `CZ04` is
19-1000000005/0100.
"""

import re
from collections.abc import Container
from functools import lru_cache

from bank_api.payments.bank_codes import CODES
from bank_api.payments.iban_structures import STRUCTURES

IBAN_LENGTH = 24
_WEIGHTS = (6, 3, 7, 9, 10, 5, 8, 4, 2, 1)
_CZECH = re.compile(r"(?:([0-9]{1,6})-)?([0-9]{2,10})/([0-9]{4})")
_PLAIN = re.compile(r"(?:([0-9]{1,6})-)?([0-9]{2,10})")
_CZ_IBAN = re.compile(r"CZ[0-9]{22}")
_IBAN_LIKE = re.compile(r"[A-Z]{2}[0-9]{2}")
_BIC = re.compile(r"[A-Z]{6}[A-Z2-9][A-NP-Z0-9](?:[A-Z0-9]{3})?")
_FOREIGN = re.compile(r"[A-Za-z0-9/\-?:().,'+]{1,34}")
_VALUES = {ord(letter): str(value) for value, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 10)}


def mod_11(digits: str) -> bool:
	"""Whether the checksum of a prefix or base number of at most ten digits holds."""
	padded = digits.rjust(10, "0")
	return not sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, padded, strict=True)) % 11


def czech_parts(number: str) -> tuple[str, str, str] | None:
	"""Prefix, base and bank code, padded, of a number such as `19-1000000005/0100`; None if it is not valid.

	Whether there is such a bank is not asked.
	"""
	match = _CZECH.fullmatch(number)
	if not match:
		return None
	prefix, base, bank = (match[1] or "").zfill(6), match[2].zfill(10), match[3]
	return (prefix, base, bank) if _holds(prefix, base) else None


def _holds(prefix: str, base: str) -> bool:
	return mod_11(base) and mod_11(prefix) and base != "0000000000"


def czech_iban(prefix: str, base: str, bank: str) -> str:
	"""The IBAN of a Czech account, its parts padded."""
	bban = f"{bank}{prefix}{base}"
	return f"CZ{98 - int(bban + '123500') % 97:02d}{bban}"


@lru_cache(maxsize=4096)
def iban_of_plain(number: str, bank: str) -> str:
	"""The IBAN of a number as files write it: `19-1000000005`, `0000191000000005`, at a bank; empty if it is not valid.

	Args:
		number: at most one dash, at most 6 digits before and 2 to 10 behind it; or 16 digits without a dash.
		bank: four digits.
	"""
	if len(number) == 16 and number.isascii() and number.isdigit():
		prefix, base = number[:6], number[6:]
	else:
		match = _PLAIN.fullmatch(number)
		if not match:
			return ""
		prefix, base = (match[1] or "").zfill(6), match[2].zfill(10)
	return czech_iban(prefix, base, bank) if _holds(prefix, base) else ""


def plain(iban: str) -> str:
	"""A Czech IBAN as people write the account: `19-1000000005/0100`."""
	prefix, base = iban[8:14].lstrip("0"), iban[14:].lstrip("0").rjust(2, "0")
	return f"{prefix}-{base}/{iban[4:8]}" if prefix else f"{base}/{iban[4:8]}"


def canonical(text: str) -> str:
	"""An account number as people write it, in the one form that payments use: IBAN, or the number without spaces.

	A number that is not valid comes back without its spaces; `validation` says what is wrong with it.
	"""
	number = "".join(text.split())
	if parts := czech_parts(number):
		return czech_iban(*parts)
	return number.upper() if is_iban(number.upper()) else number


@lru_cache(maxsize=4096)
def is_czech_iban(text: str) -> bool:
	"""Whether this is the IBAN of a Czech account whose three checksums hold."""
	return bool(
		_CZ_IBAN.fullmatch(text)
		and czech_iban(text[8:14], text[14:], text[4:8]) == text
		and _holds(text[8:14], text[14:])
	)


@lru_cache(maxsize=4096)
def is_iban(text: str) -> bool:
	"""Whether this is an IBAN without spaces: its country's structure, its checksum, and Czech ones their own two."""
	pattern = _patterns().get(text[:2])
	if pattern is None or not pattern.fullmatch(text):
		return False
	if text[:2] == "CZ":
		return is_czech_iban(text)
	# 00, 01 and 99 would pass the division, but are never given out (ISO 13616).
	check = int(text[2:4])
	return 2 <= check <= 98 and int((text[4:] + text[:4]).translate(_VALUES)) % 97 == 1


@lru_cache(maxsize=1)
def _patterns() -> dict[str, re.Pattern[str]]:
	sets = {"n": "[0-9]", "a": "[A-Z]", "c": "[A-Z0-9]"}
	return {
		country: re.compile(
			country
			+ "[0-9]{2}"
			+ "".join(f"{sets[kind]}{{{count}}}" for count, kind in re.findall(r"(\d+)([nac])", structure))
		)
		for country, structure in STRUCTURES.items()
	}


def is_foreign_number(text: str) -> bool:
	"""Whether this can be an account number abroad: an IBAN, or a number that does not look like one."""
	# In small letters too: nobody's IBAN may pass unchecked because of how it was typed.
	if _IBAN_LIKE.match(text.upper()) and text[:2].upper() in STRUCTURES:
		return is_iban(text)
	return bool(_FOREIGN.fullmatch(text)) and text[0] not in "-:"


def is_bic(text: str) -> bool:
	"""Whether this is a BIC of 8 or 11 characters."""
	return bool(_BIC.fullmatch(text))


def known_bank(iban: str, codes: Container[str] = CODES) -> bool:
	"""Whether the bank of a Czech IBAN is in the list."""
	return iban[4:8] in codes
