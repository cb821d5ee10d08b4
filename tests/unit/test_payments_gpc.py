"""GPC statements: both forms of account numbers, sums, and what a damaged file comes to."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from payment_batches import OWN, own_accounts

from bank_api.payments.findings import UnreadableFile
from bank_api.payments.statements import account_form, gpc
from bank_api.payments.statements.model import Kind

OWN_IBAN = "CZ0401000000191000000005"
PARTNER = "CZ6508000000192000145399"


def head(
	account: str, *, old: int, new: int, debit: int, credit: int, iban: str = "CZ040100", number: int = 7
) -> str:
	sign = "-" if new < 0 else "+"
	line = (
		f"074{account}{'SYNTHETIC SRO':20}080926{abs(old):014d}{'-' if old < 0 else '+'}{abs(new):014d}{sign}"
		f"{abs(debit):014d}{'-' if debit < 0 else '0'}{abs(credit):014d}{'-' if credit < 0 else '0'}"
		f"{number:03d}090926{iban:8}PB"
	)
	return f"{line:128}"


def item(
	account: str,
	partner: str,
	cents: int,
	kind: int,
	*,
	bank: str = "0800",
	vs: int = 20260042,
	ks: str = "0308",
	ss: int = 77,
) -> str:
	line = (
		f"075{account}{partner}0908001000042{cents:012d}{kind}{vs:010d}00{bank}{ks}{ss:010d}000000{'DODAVATEL':20}0"
		f"1101090926"
	)
	return f"{line:128}"


def message(first: str, second: str, tag: str = "078") -> str:
	return f"{f'{tag}{first:35}{second:35}':128}"


def file(*lines: str) -> bytes:
	return "".join(f"{line}\r\n" for line in lines).encode("cp1250")


def example(form=lambda number: number) -> bytes:
	own, partner = form(OWN_IBAN[8:]), form(PARTNER[8:])
	return file(
		head(own, old=1000_00, new=1100_50, debit=49_50, credit=150_00),
		item(own, partner, 50_00, 1),
		message("Žlutý kůň", "druhý řádek"),
		message("třetí", "", "079"),
		item(own, partner, 150_00, 2, vs=0, ks="0000", ss=0),
		item(own, "0" * 16, 50, 4, bank="0000"),
	)


def test_the_internal_form_of_the_protocol_file():
	assert account_form.internal("0000191000000005") == "5000100000000019"
	assert account_form.plain("5000100000000019") == "0000191000000005"


@given(st.text("0123456789", min_size=16, max_size=16))
def test_the_internal_form_is_a_permutation(number):
	assert (
		account_form.plain(account_form.internal(number))
		== number
		== account_form.internal(account_form.plain(number))
	)


@pytest.mark.parametrize("form", [str, account_form.internal], ids=["plain", "internal"])
def test_a_statement(form):
	[statement] = gpc.read(example(form))
	assert (statement.account, statement.name, statement.number) == (OWN_IBAN, "SYNTHETIC SRO", "007")
	assert (statement.opened, statement.posted) == (date(2026, 9, 8), date(2026, 9, 9))
	assert (statement.old_balance, statement.new_balance) == (Decimal("1000.00"), Decimal("1100.50"))
	assert (statement.debit, statement.credit) == (Decimal("49.50"), Decimal("150.00"))
	first, second, third = statement.entries
	assert (first.kind, first.change) == (Kind.DEBIT, Decimal("-50.00"))
	assert (first.partner_account, first.message) == (PARTNER, "Žlutý kůň druhý řádek třetí")
	assert (first.variable_symbol, first.constant_symbol, first.specific_symbol) == ("20260042", "308", "77")
	assert (first.file_number, first.payment_number, first.data_kind) == ("001", "000042", "1101")
	assert first.posted == first.valued == date(2026, 9, 9)
	assert (second.change, second.variable_symbol, second.constant_symbol) == (Decimal("150.00"), "", "")
	assert (third.kind, third.change, third.partner_account) == (Kind.DEBIT_REVERSAL, Decimal("0.50"), None)
	assert statement.old_balance + sum(one.change for one in statement.entries) == statement.new_balance


@given(OWN, st.lists(own_accounts("0300"), min_size=1, max_size=5), st.booleans(), st.booleans())
def test_no_account_is_ever_another_one(own, partners, is_internal, says_iban):
	form = account_form.internal if is_internal else str
	rows = [item(form(own[8:]), form(one[8:]), 100, 1, bank="0300") for one in partners]
	total = 100 * len(rows)
	start = own[:8] if says_iban else ""
	content = file(head(form(own[8:]), old=0, new=-total, debit=total, credit=0, iban=start), *rows)
	try:
		[statement] = gpc.read(content)
	except UnreadableFile as error:
		# Both readings may be valid numbers, and without its IBAN nothing tells which is meant.
		assert not says_iban and {one.code for one in error.findings} == {"account_invalid"}
		return
	assert statement.account == own
	for entry, partner in zip(statement.entries, partners, strict=True):
		assert entry.partner_account in (partner, None)


def test_several_statements_in_a_file():
	two = example() + example(account_form.internal)
	assert len(gpc.read(example() * 3)) == 3
	assert [one.account for one in gpc.read(two)] == [OWN_IBAN, OWN_IBAN]


def test_overdrafts_and_reversed_turnovers():
	own = OWN_IBAN[8:]
	[statement] = gpc.read(
		file(head(own, old=-100, new=-50, debit=-50, credit=0), item(own, "0" * 16, 50, 4, bank="0000"))
	)
	assert (statement.old_balance, statement.new_balance, statement.debit) == (
		Decimal("-1.00"),
		Decimal("-0.50"),
		Decimal("-0.50"),
	)


@pytest.mark.parametrize(
	("old", "new", "code", "line", "position"),
	[
		(b"00000000110050", b"00000000110051", "file_sum", 1, 61),
		(b"00000000004950", b"00000000004951", "file_sum", 1, 76),
		(b"0000000050001", b"0000000050011", "file_sum", 1, 76),
		(b"0000000050001", b"0000000050003", "file_field", 2, 61),
		(b"0740000191000000005", b"0740000191000000006", "account_invalid", 1, 4),
		(b"090926CZ", b"310226CZ", "file_field", 1, 109),
		(b"075", b"076", "file_record", 2, 1),
		(b"\x8e", b"\x81", "file_encoding", 3, 4),
		(b"080926", b"080x26", "file_field", 1, 40),
		(b"074", b"075", "file_missing", 1, 1),
	],
)
def test_faults_say_where_they_are(old, new, code, line, position):
	changed = example().replace(old, new, 1)
	assert changed != example()
	with pytest.raises(UnreadableFile) as error:
		gpc.read(changed)
	assert (code, line, position) in [(one.code, one.line, one.position) for one in error.value.findings]


def test_every_bit_flipped_changes_no_amount_and_no_account():
	content = example()
	[whole] = gpc.read(content)
	for place in range(len(content)):
		for bit in range(8):
			changed = bytearray(content)
			changed[place] ^= 1 << bit
			try:
				[statement] = gpc.read(bytes(changed))
			except UnreadableFile:
				continue
			assert statement.account == whole.account
			assert [one.change for one in statement.entries] == [one.change for one in whole.entries]
			for one, other in zip(statement.entries, whole.entries, strict=True):
				# The partner's bank has no checksum; a number that fails its own is no account.
				assert (
					one.partner_account is None
					or one.partner_account[8:] == (other.partner_account or "")[8:]
				)


@given(st.binary(max_size=300))
def test_rubbish_is_refused(content):
	with pytest.raises(UnreadableFile):
		gpc.read(content)
