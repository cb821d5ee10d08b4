"""Random payments that are valid, for the properties of the formats."""

import random
import string
from dataclasses import replace
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


def addresses(*, street: int = 0, country: str = ""):
	return st.builds(
		Address,
		street=texts(SWIFT, 70, street),
		building=texts(SWIFT, 16),
		postcode=texts(SWIFT, 16),
		town=texts(SWIFT, 35, 1),
		region=texts(SWIFT, 35),
		country=st.just(country) if country else st.sampled_from(["CZ", "DE", "US", "SK"]),
	)


def batches(payments, most: int = 8):
	return st.lists(payments, min_size=1, max_size=most).map(lambda found: Batch(tuple(found)))


# Runs with the same own account and day, as real batches have them.
def alike(payments, *fields: str):
	def like_first(found):
		first = found[0]
		same = {name: getattr(first, name) for name in fields}
		return Batch(tuple(replace(one, **same) for one in found))

	def to_others(batch):
		return all(one.account != one.partner_account for one in batch.payments)

	return st.lists(payments, min_size=1, max_size=8).map(like_first).filter(to_others)


BICS = st.sampled_from(["DEUTDEFF", "COBADEFF123", "GIBACZPXXXX", "CHASUS33", "KOMBCZPP"])


def for_json(batch: Batch) -> Batch:
	"""The same as JSON needs it: a reference for every payment, no regions, no collections."""
	return Batch(
		tuple(
			replace(
				one,
				reference=f"P-{number}",
				operation=Operation.TRANSFER,
				partner=_without_region(one.partner),
				owner=_without_region(one.owner),
				partner_bank=_without_region(one.partner_bank),
			)
			for number, one in enumerate(batch.payments)
		)
	)


def _without_region(party):
	if party is None or party.address is None:
		return party
	return replace(party, address=replace(party.address, region=""))


DOMESTIC_PARTY = st.none() | st.builds(Party, texts(CZECH, 30))

# With what BEST carries beyond ABO: names, notes, other currencies within the bank, express.
WIDE_DOMESTIC = st.builds(
	Payment,
	account=OWN,
	partner_account=OWN,
	amount=AMOUNTS,
	due=DAYS,
	currency=st.sampled_from(["CZK", "EUR", "USD"]),
	operation=st.sampled_from(Operation),
	priority=st.sampled_from([Priority.NORMAL, Priority.EXPRESS]),
	partner=DOMESTIC_PARTY,
	variable_symbol=symbols(10),
	constant_symbol=symbols(4),
	specific_symbol=symbols(10),
	message=texts(CZECH + "|", 140),
	own_note=texts(CZECH, 30),
	own_variable_symbol=symbols(10),
	own_currency=st.sampled_from(["", "CZK", "EUR"]),
).filter(lambda payment: payment.account != payment.partner_account)

SEPA = st.builds(
	Payment,
	account=OWN,
	partner_account=ibans(SEPA_COUNTRIES),
	amount=AMOUNTS,
	due=DAYS,
	currency=st.just("EUR"),
	scheme=st.just(Scheme.SEPA),
	partner=st.builds(Party, texts(SWIFT, 70, 1), st.none() | addresses()),
	partner_bank=st.none() | st.builds(Bank, BICS),
	owner=st.builds(Party, texts(SWIFT, 70, 1), st.none() | addresses()),
	variable_symbol=symbols(10),
	constant_symbol=symbols(4),
	specific_symbol=symbols(10),
	message=texts(SWIFT, 98).filter(lambda text: not text.startswith("/")),
	own_currency=st.sampled_from(["", "CZK", "EUR"]),
	partner_currency=st.sampled_from(["", "CZK"]),
	reference=references(),
	end_to_end_id=references(),
).filter(lambda payment: payment.account != payment.partner_account)


FOREIGN = st.builds(
	Payment,
	account=OWN,
	partner_account=st.one_of(
		ibans({"TR", "SA", "GB", "AE"}), st.from_regex(r"[0-9][0-9A-Z]{3,30}", fullmatch=True)
	),
	amount=AMOUNTS,
	due=DAYS,
	currency=st.sampled_from(["USD", "CZK", "GBP", "TRY"]),
	scheme=st.just(Scheme.FOREIGN),
	priority=st.sampled_from([Priority.NORMAL, Priority.EXPRESS]),
	charges=st.sampled_from(Charges),
	partner=st.builds(Party, texts(SWIFT, 70, 1), addresses(street=1)),
	partner_bank=st.one_of(
		st.builds(Bank, st.sampled_from(["CHASUS33", "ISBKTRIS", "BARCGB22XXX"])),
		st.builds(Bank, st.just(""), texts(SWIFT, 70, 1), addresses(country="US")),
	),
	owner=st.none() | st.builds(Party, texts(SWIFT, 70, 1), st.none() | addresses()),
	variable_symbol=symbols(10),
	message=texts(SWIFT, 98).filter(lambda text: not text.startswith("/")),
	own_currency=st.sampled_from(["", "CZK"]),
)
ANY = st.one_of(DOMESTIC, WIDE_DOMESTIC, SEPA, FOREIGN)


OWN_SAMPLE = "CZ0401000000191000000005"
DOMESTIC_SAMPLE = Batch(
	(
		Payment(
			account=OWN_SAMPLE,
			partner_account="CZ9501000000001234567899",
			amount=Decimal("1234.56"),
			due=date(2026, 9, 9),
			variable_symbol="20260042",
			constant_symbol="308",
			specific_symbol="77",
			message="Faktura 2026/0042",
		),
		Payment(
			account=OWN_SAMPLE,
			partner_account="CZ6508000000192000145399",
			amount=Decimal("500.00"),
			due=date(2026, 9, 9),
		),
	)
)
SEPA_SAMPLE = Batch(
	tuple(
		Payment(
			account=OWN_SAMPLE,
			partner_account=account,
			amount=amount,
			due=date(2026, 9, 9),
			currency="EUR",
			scheme=Scheme.SEPA,
			owner=Party("Firma s.r.o."),
			partner=Party(name),
			partner_bank=Bank(bic),
			message="Invoice 42",
			variable_symbol=symbol,
			end_to_end_id=f"E-{name[:3]}",
		)
		for account, amount, name, bic, symbol in (
			("DE89370400440532013000", Decimal("1234.56"), "Muster GmbH", "COBADEFF", ""),
			("SK3112000000198742637541", Decimal("0.07"), "Dodavatel a.s.", "", "4711"),
		)
	)
)
