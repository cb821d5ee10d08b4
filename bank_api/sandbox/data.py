"""Seeded building blocks of every provider's data: IBANs, names, texts. Same seed, same values."""

import random
import string

MERCHANTS = (
	"CARREFOUR MARKET PARIS 11",
	"E.LECLERC BLOIS",
	"MONOPRIX 5612",
	"BOULANGERIE AU BON PAIN",
	"SNCF INTERNET PARIS",
	"TOTALENERGIES ACCESS",
	"AMAZON EU SARL",
	"FNAC DARTY",
	"DECATHLON 0481",
	"IKEA ÎLE-DE-FRANCE",
	"PHARMACIE DE L'ÉGLISE",
	"CAFÉ LES DEUX MAGOTS",
	"LA POSTE 751120",
	"PICARD SURGELÉS",
	"LEROY MERLIN",
	"UBER *TRIP HELP.UBER.COM",
)
COUNTERPARTIES = (
	"SARL DUPONT & FILS",
	"Mme LEFÈVRE Hélène",
	"M. OUÉDRAOGO Issa",
	"SAS BÂTIR ENSEMBLE",
	"EURL L'ÉTOILE D'OR",
	"GARAGE DU PONT-NEUF",
	"Association « Les Amis du Lac »",
	"STÉ GÉNÉRALE DE NÉGOCE",
	"Łukasz Żółć",
	"Müller & Söhne GmbH",
)
CREDITORS = (
	"EDF CLIENTS PARTICULIERS",
	"FREE TELECOM",
	"ORANGE SA",
	"VEOLIA EAU",
	"URSSAF",
	"MGEN",
	"MAIF",
	"DGFIP IMPOT",
)
# Texts that break careless code: right-to-left, quotes, HTML, control-like, emoji, long, spaces, combining marks.
NASTY = (
	"תשלום חשבון חשמל",
	"تحويل بنكي ١٢٣",
	'VIR "ACME" \\ O\'BRIEN; DROP TABLE',
	"<script>alert(1)</script> & Cie",
	"🍕 PIZZA ☕ CAFÉ 👩🏽‍💻",
	"=SUM(A1:A9)",
	"  ESPACES   MULTIPLES  ",
	"E\u0301COLE (accent combinant)",
	"LIGNE\nDEUX\tTAB",
	"%s {0} %(x)s \\u0000",
	"東京電力 振込",
	"REF " + "0123456789" * 18,
)


def generator(*parts: object) -> random.Random:
	"""Return a random generator that depends on the parts only.

	Args:
		parts: Seed and whatever tells the data apart (provider, log-in, account …).

	Returns:
		An independent ``random.Random``.
	"""
	return random.Random("\x1f".join(str(part) for part in parts))


def _mod97(text: str) -> int:
	return int("".join(str(int(character, 36)) for character in text)) % 97


def iban(country: str, bban: str) -> str:
	"""Build an IBAN with its check digits (ISO 13616, mod 97).

	Args:
		country: Two letters.
		bban: The national part.

	Returns:
		The IBAN without spaces.
	"""
	return f"{country}{98 - _mod97(bban + country + '00'):02d}{bban}"


def iban_is_valid(text: str) -> bool:
	"""Tell whether an IBAN's check digits hold (ISO 13616)."""
	return _mod97(text[4:] + text[:4]) == 1


def french_iban(rng: random.Random, bank_code: str) -> str:
	"""Make a French IBAN whose inner RIB key holds too.

	Args:
		rng: Source of the branch and account number.
		bank_code: Five digits.

	Returns:
		27 characters.
	"""
	branch = f"{rng.randrange(100000):05d}"
	account = "".join(rng.choice(string.digits) for _ in range(11))
	key = 97 - (89 * int(bank_code) + 15 * int(branch) + 3 * int(account)) % 97
	return iban("FR", f"{bank_code}{branch}{account}{key:02d}")


def german_iban(rng: random.Random, bank_code: str) -> str:
	"""Make a German IBAN (8-digit bank code, 10-digit account)."""
	return iban("DE", f"{bank_code}{rng.randrange(10**10):010d}")


def spanish_iban(rng: random.Random, bank_code: str) -> str:
	"""Make a Spanish IBAN whose two inner check digits hold."""
	weights = (1, 2, 4, 8, 5, 10, 9, 7, 3, 6)

	def check(digits: str) -> str:
		rest = 11 - sum(int(d) * w for d, w in zip(digits, weights, strict=True)) % 11
		return str({11: 0, 10: 1}.get(rest, rest))

	branch, account = f"{rng.randrange(10**4):04d}", f"{rng.randrange(10**10):010d}"
	return iban("ES", f"{bank_code}{branch}{check('00' + bank_code + branch)}{check(account)}{account}")


def cents(value: int) -> str:
	"""Write an amount in cents as exact text, for example -10 → ``-0.10``."""
	sign = "-" if value < 0 else ""
	return f"{sign}{abs(value) // 100}.{abs(value) % 100:02d}"
