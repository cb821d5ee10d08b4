"""ABO: the protocol file's example, the round trip, and what a damaged file comes to."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from payment_batches import DOMESTIC, alike, batches

from bank_api.payments.digest import digest
from bank_api.payments.findings import InvalidBatch, UnreadableFile
from bank_api.payments.formats import Abo, Trust, write
from bank_api.payments.model import Batch, Envelope, Operation, Party, Payment, Priority, Scheme

COLLECTIONS = Trust(collections=True)
# kb_batch.md, appendix
EXAMPLE = (
	b"UHL1080926SYNTHETIC SRO       1000000005001999000000000000\r\n"
	b"1 1501 001000 0100\r\n"
	b"2 000019-1000000005 00000000173456 090926\r\n"
	b"000000-1234567899 000000123456 20260042 01000308 0000000077 AV:Faktura 2026/0042\r\n"
	b"000019-2000145399 000000050000 0 08000000 0000000000 AV:Zaloha|druha cast\r\n"
	b"3 +\r\n"
	b"5 +\r\n"
)
OWN = "CZ0401000000191000000005"
FIRST = Payment(
	account=OWN,
	partner_account="CZ9501000000001234567899",
	amount=Decimal("1234.56"),
	due=date(2026, 9, 9),
	variable_symbol="20260042",
	constant_symbol="0308",
	specific_symbol="77",
	message="Faktura 2026/0042",
)
SECOND = Payment(
	account=OWN,
	partner_account="CZ6508000000192000145399",
	amount=Decimal("500.00"),
	due=date(2026, 9, 9),
	message="Zaloha druha cast",
)
ENVELOPE = Envelope(sender="SYNTHETIC SRO", sender_number="1000000005", created=datetime(2026, 9, 8))


def codes(error) -> set[str]:
	return {one.code for one in error.value.findings}


def test_the_protocol_files_example_reads_as_described():
	assert len(EXAMPLE) == 290
	reading = Abo().read(EXAMPLE)
	assert reading.batch == Batch((FIRST, SECOND))
	assert reading.envelope == ENVELOPE


def test_the_protocol_files_example_is_what_is_written():
	second = replace(SECOND, message="Zaloha")
	ours = write(Abo(), Batch((FIRST, second)), ENVELOPE)
	assert ours == EXAMPLE.replace(b"AV:Zaloha|druha cast", b"AV:Zaloha")


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_all_line_ends_are_read(end):
	assert Abo().read(EXAMPLE.replace(b"\r\n", end)).batch == Batch((FIRST, SECOND))


@given(batches(DOMESTIC) | alike(DOMESTIC, "account", "due", "operation"))
def test_round_trip(batch):
	content = write(Abo(), batch, ENVELOPE)
	reading = Abo().read(content, replace(COLLECTIONS, digest=digest(batch)))
	assert reading.batch == batch
	assert reading.envelope == ENVELOPE


def same_money(one: Batch, other: Batch) -> bool:
	"""The same amounts between the same accounts; the partner's bank apart, which ABO has no checksum for."""
	if len(one) != len(other):
		return False
	return all(
		(a.amount, a.account, a.partner_account[8:], a.operation)
		== (b.amount, b.account, b.partner_account[8:], b.operation)
		for a, b in zip(one.payments, other.payments, strict=True)
	)


def damaged(content: bytes, place: int, byte: int) -> bytes:
	return content[:place] + bytes([byte]) + content[place + 1 :]


def test_every_byte_flipped_in_every_way_is_found_or_harmless():
	approved = Trust(digest=digest(Batch((FIRST, SECOND))))
	found = harmless = other_bank = guarded = 0
	for place in range(len(EXAMPLE)):
		for byte in range(256):
			if byte == EXAMPLE[place]:
				continue
			changed = damaged(EXAMPLE, place, byte)
			try:
				batch = Abo().read(changed).batch
			except UnreadableFile:
				found += 1
				continue
			assert same_money(batch, Batch((FIRST, SECOND))), changed
			harmless += 1
			other_bank += [p.partner_account for p in batch.payments] != [
				FIRST.partner_account,
				SECOND.partner_account,
			]
			try:
				assert Abo().read(changed, approved).batch == Batch((FIRST, SECOND))
			except UnreadableFile:
				guarded += 1
	assert found and other_bank and guarded > other_bank
	# What has no checksum in ABO is a small part of what can be flipped.
	assert other_bank < 40


@given(alike(DOMESTIC, "account", "due", "operation"), st.data())
def test_a_flipped_byte_is_found_or_harmless(batch, data):
	content = write(Abo(), batch, ENVELOPE)
	place = data.draw(st.integers(0, len(content) - 1))
	byte = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(b"0123456789 -")))
	try:
		reading = Abo().read(damaged(content, place, byte), COLLECTIONS)
	except UnreadableFile:
		return
	for one, other in zip(reading.batch.payments, batch.payments, strict=True):
		assert (one.amount, one.account, one.partner_account[8:]) == (
			other.amount,
			other.account,
			other.partner_account[8:],
		)


@given(batches(DOMESTIC), st.data())
def test_with_the_approved_digest_no_flipped_byte_changes_anything(batch, data):
	content = write(Abo(), batch, ENVELOPE)
	place = data.draw(st.integers(0, len(content) - 1))
	byte = data.draw(st.integers(0, 255))
	try:
		reading = Abo().read(damaged(content, place, byte), replace(COLLECTIONS, digest=digest(batch)))
	except UnreadableFile:
		return
	assert reading.batch == batch


@pytest.mark.parametrize(
	("old", "new", "code", "line", "position"),
	[
		(b"UHL1", b"UHL2", "file_format", 1, 1),
		(b"080926", b"320926", "file_field", 1, 5),
		(b"1 1501", b"1 1503", "file_field", 2, 3),
		(b" 001000 ", b" 01000 ", "file_field", 2, 8),
		(b"005001999", b"005002999", "file_differs", 2, 8),
		(b"1000 0100", b"1000 0300", "account_other_bank", 2, 15),
		(b"00173456", b"00173457", "file_sum", 3, 21),
		(b"19-1000000005 0", b"19-1000000006 0", "account_invalid", 3, 3),
		(b" 090926\r", b" 310926\r", "file_field", 3, 36),
		(b"1234567899", b"1234567898", "account_invalid", 4, 1),
		(b"000000123456", b"00000012345x", "file_field", 4, 19),
		(b"000000123456", b"000000000000", "file_field", 4, 19),
		(b" 20260042 ", b" 20260042a ", "file_field", 4, 32),
		(b" 01000308 ", b" 1000308 ", "file_field", 4, 41),
		(b" 01000308 ", b" 01010308 ", "account_bank_unknown", 4, 41),
		(b" 01000308 ", b" 0301000308 ", "file_unsupported", 4, 41),
		(b"0000000077", b"00000000770", "file_field", 4, 50),
		(b"AV:Faktura", b"AV:" + b"x" * 36, "file_field", 4, 64),
		(b"Faktura", b"Fakt\x07ra", "text_character", 4, 64),
		(b"Faktura", b"Fakt\x81ra", "file_encoding", 4, 68),
		(b"3 +\r\n", b"", "file_record", 6, 1),
		(b"5 +\r\n", b"", "file_missing", 6, None),
		(b"1 1501 001000 0100\r\n", b"", "file_record", 2, 1),
	],
)
def test_faults_say_where_they_are(old, new, code, line, position):
	with pytest.raises(UnreadableFile) as error:
		Abo().read(EXAMPLE.replace(old, new, 1))
	told = [(one.code, one.line, one.position) for one in error.value.findings]
	assert (code, line, position) in told, told
	assert all(one.message for one in error.value.findings)


def test_several_faults_are_told_at_once():
	broken = EXAMPLE.replace(b"1234567899", b"1234567898").replace(b"2000145399", b"2000145390")
	with pytest.raises(UnreadableFile) as error:
		Abo().read(broken)
	assert [(one.code, one.line) for one in error.value.findings] == [
		("account_invalid", 4),
		("account_invalid", 5),
	]


def test_collections_are_only_read_when_asked_for():
	content = EXAMPLE.replace(b"1 1501", b"1 1502")
	with pytest.raises(UnreadableFile) as error:
		Abo().read(content)
	assert codes(error) == {"collection_not_allowed"}
	assert {p.operation for p in Abo().read(content, COLLECTIONS).batch.payments} == {Operation.COLLECTION}


def test_single_orders_name_the_account_that_pays_first():
	lines = EXAMPLE.split(b"\r\n")
	lines[2] = b"2 00000000173456 090926"
	lines[3] = b"19-1000000005 " + lines[3]
	lines[4] = b"0000191000000005 " + lines[4]
	single = b"\r\n".join(lines)
	assert Abo().read(single).batch == Batch((FIRST, SECOND))
	with_zeros = single.replace(b"2 0000", b"2 0000000000000000 0000", 1)
	assert Abo().read(with_zeros).batch == Batch((FIRST, SECOND))
	# As ČSOB describes it: the first account is charged, the second one is credited.
	lines[1], lines[3], lines[4] = (
		b"1 1502 001000 0100",
		b"1234567899 19-1000000005 123456 0 01000000",
		b"3 +",
	)
	lines[2], lines[5:] = b"2 123456 090926", [b"5 +", b""]
	[payment] = Abo().read(b"\r\n".join(lines), COLLECTIONS).batch.payments
	assert (payment.account, payment.partner_account) == (OWN, "CZ9501000000001234567899")
	assert payment.operation is Operation.COLLECTION


@pytest.mark.parametrize(
	"change",
	[
		{"partner": Party("DODAVATEL")},
		{"own_note": "nájem"},
		{"reference": "P-1"},
		{"end_to_end_id": "E-1"},
		{"priority": Priority.EXPRESS},
		{"own_currency": "EUR"},
		{"own_variable_symbol": "1"},
	],
)
def test_what_abo_has_no_place_for_is_refused_before_writing(change):
	batch = Batch((FIRST, replace(SECOND, **change)))
	with pytest.raises(InvalidBatch) as error:
		write(Abo(), batch)
	assert [(one.code, one.payment, one.field) for one in error.value.findings] == [
		("not_carried", 1, *change)
	]
	if set(change) <= {"partner", "own_note", "reference", "end_to_end_id", "own_variable_symbol"}:
		assert Abo().read(write(Abo(), batch.without(*change))).batch == Batch((FIRST, SECOND))
	else:
		with pytest.raises(ValueError):
			batch.without(*change)


def test_sepa_is_no_business_of_abo():
	payment = replace(
		FIRST,
		scheme=Scheme.SEPA,
		currency="EUR",
		partner=Party("X"),
		partner_account="DE89370400440532013000",
	)
	with pytest.raises(InvalidBatch) as error:
		write(Abo(), Batch((payment,)))
	assert {(one.code, one.field) for one in error.value.findings} == {
		("not_carried", "scheme"),
		("not_carried", "currency"),
		("not_carried", "partner"),
	}


def test_a_broken_payment_is_never_written():
	for change in ({"amount": Decimal("1.001")}, {"account": OWN[:-1] + "6"}, {"message": "a\r\n3 +"}):
		with pytest.raises(InvalidBatch):
			write(Abo(), Batch((replace(FIRST, **change),)))
	with pytest.raises(InvalidBatch):
		write(Abo(), Batch((replace(FIRST, message="a|b"),)))
	with pytest.raises(InvalidBatch):
		write(Abo("0300"), Batch((FIRST,)))


def test_many_payments_are_several_accounting_files():
	batch = Batch((FIRST,) * 7)
	format = Abo(first_file=5, file_items=3)
	content = write(format, batch, ENVELOPE)
	assert [line for line in content.split(b"\r\n") if line.startswith(b"1 ")] == [
		b"1 1501 005000 0100",
		b"1 1501 006000 0100",
		b"1 1501 007000 0100",
	]
	assert format.read(content).batch == batch
	with pytest.raises(InvalidBatch):
		write(Abo(first_file=998, file_items=3), batch)


def test_a_group_sum_that_does_not_fit_is_refused():
	batch = Batch((replace(FIRST, amount=Decimal("999999999999.99")), FIRST))
	with pytest.raises(InvalidBatch) as error:
		write(Abo(), batch)
	assert codes(error) == {"format_amount"}


@given(st.binary(max_size=300))
def test_rubbish_is_refused(content):
	with pytest.raises(UnreadableFile):
		Abo().read(content)


def test_a_large_file_is_not_read():
	with pytest.raises(UnreadableFile) as error:
		Abo().read(EXAMPLE, Trust(most_bytes=100))
	assert codes(error) == {"file_too_large"}
