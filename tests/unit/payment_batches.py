"""Random payments that are valid, for the properties of the formats."""

import random
import string
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from bank_api.payments.accounts import _WEIGHTS, czech_iban
from bank_api.payments.bank_codes import BANK_CODES
from bank_api.payments.iban_structures import SEPA_COUNTRIES, STRUCTURES
from bank_api.payments.model import (
	Address,
	Bank,
	Batch,
	Charges,
	Operation,
	Party,
	Payment,
	Priority,
	Scheme,
)

TODAY = date(2026, 9, 8)
SWIFT = string.ascii_letters + string.digits + "/-?:().,'+ "
CZECH = string.printable[:95].replace("|", "") + "áčďéěíňóřšťúůýžÁČĎÉĚÍŇÓŘŠŤÚŮÝŽ€§„“–äöüßłŁ"


def checked(digits: str) -> str:
	"""Digits of which the last ones are changed so that the checksum holds; empty if that cannot be."""
	for last in range(100):
		changed = digits[:-2] + f"{last:02d}"
		padded = changed.rjust(10, "0")
		if sum(w * int(d) for w, d in zip(_WEIGHTS, padded, strict=True)) % 11 == 0 and int(changed):
			return changed
	raise AssertionError(digits)


def own_accounts(bank: str = "0100"):
	"""IBANs of Czech accounts."""
	prefixes = st.one_of(st.just("000000"), st.integers(0, 999999).map(lambda n: checked(f"{n:06d}")))
	bases = st.integers(10, 9999999999).map(lambda n: checked(f"{n:010d}"))
	return st.builds(lambda prefix, base: czech_iban(prefix, base, bank), prefixes, bases)


OWN = own_accounts()
CZECH_ACCOUNTS = st.sampled_from(sorted(BANK_CODES)).flatmap(own_accounts)


def iban_of(country: str, seed: int) -> str:
	"""An IBAN of a country, its checksum computed here."""
	if country == "CZ":
		rng = random.Random(seed)
		return czech_iban("000000", checked(f"{rng.randrange(10, 10**10):010d}"), "0800")
	rng, bban, count = random.Random(seed), "", ""
	kinds = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits + string.ascii_uppercase}
	for letter in STRUCTURES[country]:
		if letter.isdigit():
			count += letter
		else:
			bban += "".join(rng.choice(kinds[letter]) for _ in range(int(count)))
			count = ""
	number = int("".join(str(int(one, 36)) for one in f"{bban}{country}00"))
	return f"{country}{98 - number % 97:02d}{bban}"


def ibans(countries):
	return st.builds(iban_of, st.sampled_from(sorted(countries)), st.integers(0, 10**9))


def texts(alphabet: str, most: int, least: int = 0):
	return (
		st.text(alphabet, min_size=least, max_size=most)
		.map(lambda text: text.strip(" "))
		.filter(lambda text: len(text) >= least)
	)


def safe_lines(text: str) -> bool:
	"""No line of 35 begins with `-` or `:`, and no symbols are feigned."""
	return all(text[n] not in "-:" for n in range(0, len(text), 35)) and not text.startswith("/")


def symbols(most: int):
	return st.one_of(st.just(""), st.integers(1, 10**most - 1).map(str))


def references():
	return texts(SWIFT.replace("/", ""), 35).filter(lambda text: text[:1] not in ("-", ":"))


AMOUNTS = st.integers(1, 10**11).map(lambda cents: Decimal(cents).scaleb(-2))
DAYS = st.integers(0, 364).map(lambda days: TODAY + timedelta(days))

DOMESTIC = st.builds(
	Payment,
	account=OWN,
	partner_account=CZECH_ACCOUNTS,
	amount=AMOUNTS,
	due=DAYS,
	operation=st.sampled_from(Operation),
	variable_symbol=symbols(10),
	constant_symbol=symbols(4),
	specific_symbol=symbols(10),
	message=texts(CZECH, 140),
).filter(lambda payment: payment.account != payment.partner_account)


def addresses(alphabet: str = SWIFT, most: int = 70):
	return st.builds(
		Address,
		street=texts(alphabet, most),
		building=texts(alphabet, 16),
		postcode=texts(alphabet, 16),
		town=texts(alphabet, 35, 1),
		region=texts(alphabet, 35),
		country=st.sampled_from(["CZ", "DE", "US", "SK"]),
	)


def batches(payments, most: int = 8):
	return st.lists(payments, min_size=1, max_size=most).map(lambda found: Batch(tuple(found)))


# Runs with the same own account and day, as real batches have them.
def alike(payments, *fields: str):
	def like_first(found):
		from dataclasses import replace

		first = found[0]
		same = {name: getattr(first, name) for name in fields}
		return Batch(tuple(replace(one, **same) for one in found))

	return st.lists(payments, min_size=1, max_size=8).map(like_first)


SEPA = st.builds(
	Payment,
	account=OWN,
	partner_account=ibans(SEPA_COUNTRIES),
	amount=AMOUNTS,
	due=DAYS,
	currency=st.just("EUR"),
	scheme=st.just(Scheme.SEPA),
	partner=st.builds(Party, texts(SWIFT, 70, 1), st.none() | addresses()),
	partner_bank=st.none() | st.builds(Bank, st.sampled_from(["DEUTDEFF", "COBADEFF123", "GIBACZPXXXX"])),
	owner=st.none() | st.builds(Party, texts(SWIFT, 70, 1), st.none() | addresses()),
	variable_symbol=symbols(10),
	constant_symbol=symbols(4),
	specific_symbol=symbols(10),
	message=texts(SWIFT, 100),
	own_currency=st.sampled_from(["", "CZK", "EUR"]),
	reference=references(),
	end_to_end_id=references(),
).filter(lambda payment: payment.account != payment.partner_account)

__all__ = ["Charges", "Priority"]
