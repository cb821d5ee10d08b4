"""Czech account numbers, IBANs, symbols and bank codes (section 5.0), with code of the sandbox's own."""

import re
from dataclasses import dataclass

from bank_api.sandbox.data import iban, iban_is_valid

KB = "0100"
# Name and BIC by bank code; those without a BIC take no foreign payments.
BANKS: dict[str, tuple[str, str]] = {
	"0100": ("Komerční banka, a.s.", "KOMBCZPPXXX"),
	"0300": ("Československá obchodní banka, a. s.", "CEKOCZPPXXX"),
	"0600": ("MONETA Money Bank, a.s.", "AGBACZPPXXX"),
	"0710": ("Česká národní banka", "CNBACZPPXXX"),
	"0800": ("Česká spořitelna, a.s.", "GIBACZPXXXX"),
	"2010": ("Fio banka, a.s.", "FIOBCZPPXXX"),
	"2250": ("Banka CREDITAS a.s.", "CTASCZ22XXX"),
	"2600": ("Citibank Europe plc", "CITICZPXXXX"),
	"2700": ("UniCredit Bank Czech Republic and Slovakia, a.s.", "BACXCZPPXXX"),
	"3030": ("Air Bank a.s.", "AIRACZPPXXX"),
	"5500": ("Raiffeisenbank a.s.", "RZBCCZPPXXX"),
	"5800": ("J&T BANKA, a.s.", "JTBPCZPPXXX"),
	"6000": ("PPF banka a.s.", "PMBPCZPPXXX"),
	"6210": ("mBank S.A.", "BREXCZPPXXX"),
	"6363": ("Partners Banka, a.s.", ""),
}
_OTHERS = """2060 2070 2100 2200 2220 2260 3060 3500 4300 6200 6300 6700 6800 7910 7950 7960 7970 7990 8030 8040
8060 8090 8150 8190 8198 8220 8250 8255 8265 8500 8610 8660"""
CODES = frozenset(BANKS) | frozenset(_OTHERS.split())
_WEIGHTS = (1, 2, 4, 8, 5, 10, 9, 7, 3, 6)  # from the right
_PERMUTATION = (16, 14, 15, 12, 7, 8, 9, 10, 11, 13, 1, 2, 3, 4, 5, 6)
_LENGTHS = {
	"CZ": 24,
	"SK": 24,
	"DE": 22,
	"AT": 20,
	"FR": 27,
	"PL": 28,
	"IT": 27,
	"ES": 24,
	"NL": 18,
	"HU": 28,
}
SEPA = frozenset(
	[
		"AD",
		"AT",
		"BE",
		"BG",
		"CH",
		"CY",
		"CZ",
		"DE",
		"DK",
		"EE",
		"ES",
		"FI",
		"FR",
		"GB",
		"GI",
		"GR",
		"HR",
		"HU",
		"IE",
		"IS",
		"IT",
		"LI",
		"LT",
		"LU",
		"LV",
		"MC",
		"MT",
		"NL",
		"NO",
		"PL",
		"PT",
		"RO",
		"SE",
		"SI",
		"SK",
		"SM",
		"VA",
	]
)


@dataclass(frozen=True)
class Number:
	"""A Czech account: prefix (6 digits), base (10 digits), bank (4)."""

	prefix: str
	base: str
	bank: str

	@property
	def iban(self) -> str:
		"""The IBAN."""
		return iban("CZ", self.bank + self.prefix + self.base)

	@property
	def plain(self) -> str:
		"""The sixteen digits without the bank."""
		return self.prefix + self.base

	def __str__(self) -> str:
		prefix = self.prefix.lstrip("0")
		base = self.base.lstrip("0").rjust(2, "0")
		return f"{prefix}-{base}/{self.bank}" if prefix else f"{base}/{self.bank}"


def mod11(digits: str) -> bool:
	"""Tell whether a prefix or a base fulfils the check of section 5.0."""
	return sum(int(d) * w for d, w in zip(reversed(digits), _WEIGHTS, strict=False)) % 11 == 0


def number_of(text: str) -> Number | None:
	"""Read a Czech IBAN.

	Args:
		text: The IBAN, without spaces.

	Returns:
		The account, or None when it is no Czech IBAN, or a check fails.
	"""
	if not re.fullmatch(r"CZ\d{22}", text) or not iban_is_valid(text):
		return None
	found = Number(text[8:14], text[14:], text[4:8])
	return found if sound(found.prefix, found.base) else None


def sound(prefix: str, base: str) -> bool:
	"""Tell whether prefix and base are an account number: both checks, and two digits of the base beyond zero."""
	return mod11(prefix) and mod11(base) and sum(d != "0" for d in base) > 1


def iban_sound(text: str) -> bool:
	"""Tell whether a text is an IBAN of any country; of a Czech one, the account number has to hold too."""
	if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", text) or not iban_is_valid(text):
		return False
	if len(text) != _LENGTHS.get(text[:2], len(text)):
		return False
	return text[:2] != "CZ" or number_of(text) is not None


def from_local(text: str, bank: str) -> Number | None:
	"""Read an account as files write it: ``prefix-base``, ``base``, or sixteen digits (section 5.1).

	Args:
		text: The account.
		bank: Its bank's code.

	Returns:
		The account, or None when it is none.
	"""
	found = re.fullmatch(r"(?:(\d{1,6})-)?(\d{2,10})|(\d{6})(\d{10})", text)
	if found is None:
		return None
	prefix = (found[1] or found[3] or "").rjust(6, "0")
	base = (found[2] or found[4]).rjust(10, "0")
	return Number(prefix, base, bank) if sound(prefix, base) else None


def make(random_digits: str, bank: str, prefix: str = "000000") -> Number:
	"""Make a sound account from nine digits: the tenth makes the check hold."""
	for last in range(10):
		base = f"{random_digits}{last}"
		if sound(prefix, base):
			return Number(prefix, base, bank)
	return make(f"{(int(random_digits) + 1) % 10**9:09d}", bank, prefix)  # no digit makes ten


def internal(plain: str) -> str:
	"""Write sixteen digits in the internal order of statements (section 5.2)."""
	return "".join(plain[place - 1] for place in _PERMUTATION)


def bank_of(text: str) -> tuple[str, str, str]:
	"""Return code, name and BIC of the bank that keeps a Czech account; blanks for another."""
	found = number_of(text)
	if found is None:
		return "", "", ""
	name, bic = BANKS.get(found.bank, ("", ""))
	return found.bank, name, bic
