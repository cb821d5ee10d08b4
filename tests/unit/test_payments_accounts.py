"""Czech account numbers and IBANs, compared with two other libraries."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from payment_batches import CZECH_ACCOUNTS, checked, iban_of, ibans
from schwifty import IBAN
from schwifty.exceptions import SchwiftyException
from stdnum import iban as stdnum_iban
from stdnum.cz import bankaccount

from bank_api.payments import accounts
from bank_api.payments.bank_codes import BANK_CODES
from bank_api.payments.iban_structures import STRUCTURES

# kb_batch.md, 5.0
VECTORS = {
	"19-1000000005/0100": "CZ0401000000191000000005",
	"90093-669910217/0100": "CZ5901000900930669910217",
	"1234567899/0100": "CZ9501000000001234567899",
	"19-2000145399/0800": "CZ6508000000192000145399",
	"19-19/0300": "CZ0603000000190000000019",
}
BROKEN = ("19012333/3000", "35-4394430237/0100", "115-9471180207/0100")


@pytest.mark.parametrize("number", VECTORS)
def test_the_protocol_files_numbers(number):
	assert accounts.canonical(number) == VECTORS[number]
	assert accounts.plain(VECTORS[number]) == number
	assert accounts.is_czech_iban(VECTORS[number]) and accounts.is_iban(VECTORS[number])


@pytest.mark.parametrize("number", BROKEN)
def test_broken_checksums(number):
	assert accounts.czech_parts(number) is None
	assert accounts.canonical(number) == number


def schwifty_says(iban: str) -> bool:
	try:
		IBAN(iban, validate_bban=True)
	except SchwiftyException:
		return False
	return True


def test_a_hundred_thousand_random_numbers_agree_with_stdnum_and_schwifty():
	rng = random.Random(20260908)
	codes = sorted(STDNUM_BANKS)
	valid = 0
	for _ in range(100_000):
		base, prefix = f"{rng.randrange(10**10):010d}", f"{rng.randrange(10**6):06d}"
		if rng.random() < 0.7:  # most random numbers fail both checksums, which would be a poor test
			base = checked(base)
		if rng.random() < 0.7:
			prefix = checked(prefix) if rng.random() < 0.7 else "000000"
		bank = rng.choice(codes)
		text = f"{prefix}-{base}/{bank}"
		parts = accounts.czech_parts(text)
		iban = accounts.czech_iban(prefix, base, bank)
		assert parts is None or parts == (prefix, base, bank)
		ours = parts is not None
		assert ours == accounts.is_czech_iban(iban) == accounts.is_iban(iban)
		# Zero as the whole number is refused here alone; it passes a checksum that only looks at sums.
		if base != "0" * 10:
			assert ours == bankaccount.is_valid(text) == schwifty_says(iban), text
		assert stdnum_iban.calc_check_digits(iban) == iban[2:4]
		valid += ours
	assert valid > 30_000


def test_generated_ibans_are_schwiftys():
	rng = random.Random(7)
	for _ in range(1000):
		base, prefix, bank = (
			checked(f"{rng.randrange(10, 10**10):010d}"),
			"000019",
			rng.choice(sorted(BANK_CODES)),
		)
		assert str(IBAN.generate("CZ", bank, base, prefix)) == accounts.czech_iban(prefix, base, bank)


STDNUM_BANKS = {code for code in BANK_CODES if bankaccount._info(code)}


def test_banks_are_those_of_stdnum_and_schwifty():
	from schwifty import registry

	theirs = {bank.bank_code: bank.bic for bank in registry.get_banks_by_country("CZ")}
	# Their list moves on with their releases; ours has a date.
	assert len(theirs.keys() ^ BANK_CODES.keys()) <= 8
	assert all(theirs[code] == bic for code, bic in BANK_CODES.items() if theirs.get(code))
	assert len(STDNUM_BANKS) >= 40
	for code in STDNUM_BANKS:
		assert bankaccount._info(code).get("bic", "")[:8] in ("", BANK_CODES[code])


@given(CZECH_ACCOUNTS)
def test_every_spelling_is_one_account(iban):
	assert accounts.is_iban(iban) and accounts.known_bank(iban)
	number = accounts.plain(iban)
	assert accounts.canonical(number) == iban == accounts.canonical(f" {number} ")
	spaced = " ".join(iban[at : at + 4] for at in range(0, 24, 4))
	assert accounts.canonical(spaced.lower()) == iban
	for spelling in (number.split("/")[0], iban[8:], f"{iban[8:14]}-{iban[14:]}"):
		assert accounts.iban_of_plain(spelling, iban[4:8]) == iban


@given(CZECH_ACCOUNTS, st.integers(2, 23), st.sampled_from("0123456789"))
def test_one_changed_digit_is_never_another_account(iban, place, digit):
	changed = iban[:place] + digit + iban[place + 1 :]
	assert changed == iban or not accounts.is_iban(changed)


@given(CZECH_ACCOUNTS, st.integers(0, 15), st.sampled_from("0123456789"))
def test_one_changed_digit_of_a_plain_number_is_never_another_account(iban, place, digit):
	number = iban[8:]
	changed = number[:place] + digit + number[place + 1 :]
	assert changed == number or not accounts.iban_of_plain(changed, iban[4:8])


@pytest.mark.parametrize("country", sorted(STRUCTURES))
def test_ibans_of_every_country(country):
	from schwifty import registry

	spec = registry.get_iban_spec(country)
	for seed in range(20):
		iban = iban_of(country, seed)
		assert accounts.is_iban(iban)
		if (
			country != "BR"
		):  # letters in its bank code since 2026, which older releases of the library do not know
			assert spec.regex.fullmatch(iban[4:]), iban
		assert stdnum_iban.calc_check_digits(iban) == iban[2:4]
		if country != "CZ":
			assert accounts.is_foreign_number(iban)
		wrong = f"{iban[:2]}{(int(iban[2:4]) + 1) % 100:02d}{iban[4:]}"
		assert not accounts.is_iban(wrong) and not accounts.is_foreign_number(wrong)


@given(ibans(STRUCTURES), st.data())
def test_one_changed_character_of_its_kind_is_found(iban, data):
	place = data.draw(st.integers(0, len(iban) - 1))
	kind = "0123456789" if iban[place].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	changed = iban[:place] + data.draw(st.sampled_from(kind)) + iban[place + 1 :]
	assert changed == iban or not accounts.is_iban(changed) or place < 2


@pytest.mark.parametrize(
	"text",
	[
		"",
		"/",
		"-/0100",
		"1/0100",
		"0/0100",
		"0000000000/0100",
		"1-2-3/0100",
		"1234567-19/0300",
		"12345678901/0100",
	],
)
def test_what_is_no_number(text):
	assert accounts.czech_parts(text) is None


@pytest.mark.parametrize(
	"text", ["DE89370400440532013001", "de89370400440532013000", "De89370400440532013000"]
)
def test_what_looks_like_an_iban_is_one_or_nothing(text):
	assert not accounts.is_foreign_number(text)
	assert accounts.is_foreign_number("DE89370400440532013000") and accounts.is_foreign_number("12345678")


def test_unicode_digits_are_no_digits():
	assert accounts.czech_parts("19-100000000٥/0100") is None
	assert not accounts.is_iban("CZ040100000019100000000٥")
	assert not accounts.iban_of_plain("19-100000000٥", "0100")
