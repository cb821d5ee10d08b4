"""BEST: the protocol file's example, places of fields, numbers, and faults with their places."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pytest
from payment_batches import DOMESTIC_SAMPLE, OWN_SAMPLE, SEPA_SAMPLE

from bank_api.payments.findings import InvalidBatch, UnreadableFile
from bank_api.payments.formats import BestDomestic, BestForeign, Trust, write
from bank_api.payments.formats.best_record import number
from bank_api.payments.model import (
	Address,
	Bank,
	Batch,
	Charges,
	Envelope,
	Operation,
	Party,
	Payment,
	Priority,
	Scheme,
)

ENVELOPE = Envelope(reference="DAVKA1", created=datetime(2026, 9, 8))
FIRST = replace(DOMESTIC_SAMPLE.payments[0], partner=Party("DODAVATEL SRO"))
# kb_batch.md, appendix; trailing blanks are cut for print there
EXAMPLE = (
	"\r\n".join(
		line.ljust(351)
		for line in (
			"HI         260908DAVKA1",
			"01000012026090820260909CZK0000000001234560CZK 0000000308"
			+ "Faktura 2026/0042".ljust(143)
			+ "0100000019100000000500000000000000000000"
			+ " " * 33
			+ "0100000000123456789900202600420000000077"
			+ "DODAVATEL SRO".ljust(30)
			+ "SN",
			"TI         260908000001000000000000123456",
			"",
		)
	)
	.rstrip(" ")
	.encode()
)
FOREIGN = Payment(
	account=OWN_SAMPLE,
	partner_account="12345678",
	amount=Decimal("10.00"),
	due=date(2026, 9, 9),
	currency="USD",
	scheme=Scheme.FOREIGN,
	charges=Charges.OWN,
	priority=Priority.EXPRESS,
	partner=Party(
		"ACME INC", Address(street="MAIN ST", building="1", town="NEW YORK", postcode="10001", country="US")
	),
	partner_bank=Bank("CHASUS33"),
	owner=Party("Firma s.r.o.", Address(street="Dlouha 1", town="Praha", postcode="110 00", country="CZ")),
	own_currency="CZK",
	variable_symbol="42",
	message="Invoice 7",
)


def test_the_protocol_files_example():
	assert write(BestDomestic(), Batch((FIRST,)), ENVELOPE) == EXAMPLE
	reading = BestDomestic().read(EXAMPLE)
	assert (reading.batch, reading.envelope) == (Batch((FIRST,)), ENVELOPE)


def test_records_have_their_length():
	assert {len(line) for line in write(BestDomestic(), DOMESTIC_SAMPLE).split(b"\r\n")} == {351, 0}
	content = write(BestForeign(), Batch((FOREIGN,)), ENVELOPE)
	assert {len(line) for line in content.split(b"\r\n")} == {882, 0}


def test_blanks_that_were_cut_off_are_no_matter():
	cut = b"\r\n".join(line.rstrip() for line in EXAMPLE.split(b"\r\n"))
	assert BestDomestic().read(cut).batch == Batch((FIRST,))


def test_the_places_of_a_foreign_payment():
	_, payment, addresses, trailer, _ = (
		write(BestForeign(), Batch((FOREIGN,)), ENVELOPE).decode().split("\r\n")
	)
	places = {
		0: "02",
		8: "000012026090820260909USD000000000001000OUR",
		50: "0000191000000005CZKU",
		100: "N",
		120: "01000000191000000005CZK",
		248: "CHASUS33 ",
		283: "Firma s.r.o.",
		318: "Dlouha 1",
		353: "Praha, 110 00",
		388: "CZ",
		423: "/VS/42 Invoice 7",
		563: "/12345678 ",
		598: "ACME INC",
		633: "MAIN ST 1",
		668: "NEW YORK, 10001",
		703: "US",
		878: "NN",
	}
	for place, text in places.items():
		assert payment[place:].startswith(text), place
	places = {
		0: "03",
		8: "00001ACME INC",
		153: "MAIN ST",
		223: "1 ",
		239: "10001",
		255: "NEW YORK",
		325: "US",
	}
	for place, text in places.items():
		assert addresses[place:].startswith(text), place
	assert trailer.startswith("TI         260908000002000000000000001000")


def test_a_sepa_payment_says_so():
	payment = SEPA_SAMPLE.without("owner", "end_to_end_id").payments[0]
	line = write(BestForeign(), Batch((payment,))).decode().split("\r\n")[1]
	assert (line[47:50], line[879]) == ("SLV", "Y")


def test_numbers_go_on_with_letters():
	assert [number(n) for n in (1, 99_999, 100_000, 100_035, 100_036)] == [
		"00001",
		"99999",
		"A0000",
		"A000Z",
		"A0010",
	]
	format = BestDomestic(first_number=99_999)
	content = write(format, DOMESTIC_SAMPLE)
	assert [line[2:7] for line in content.split(b"\r\n")[1:3]] == [b"99999", b"A0000"]
	assert format.read(content).batch == DOMESTIC_SAMPLE


@pytest.mark.parametrize(
	("old", "new", "code", "line", "position"),
	[
		(b"HI ", b"HX ", "file_format", 1, 1),
		(b"   \r\n01", b"\r\n01", None, None, None),
		(b"TI ", b"TX ", "file_missing", 3, 1),
		(b"0100001", b"0200001", "file_unsupported", 2, 1),
		(b"20260909", b"20260931", "file_field", 2, 16),
		(b"20260908", b"20260907", "file_differs", 2, 8),
		(b"CZK0000", b"EUR0000", "file_differs", 2, 43),
		(b"000000000123456", b"000000000123457", "file_sum", 3, 24),
		(b"0000000308", b"0000010308", "symbol_invalid", 2, 47),
		(b"Faktura", b"Fakt\x07ra", "text_character", 2, 57),
		(b"01000000191", b"03000000191", "account_other_bank", 2, 200),
		(b"0000191000000005", b"0000191000000006", "account_invalid", 2, 204),
		(b"0000001234567899", b"0000001234567890", "account_invalid", 2, 277),
		(b"01000000001234", b"01010000001234", "account_bank_unknown", 2, 277),
		(b"SN ", b"AN ", "file_unsupported", 2, 343),
		(b"SN ", b"SY ", "file_unsupported", 2, 344),
		(b"SN ", b"SNx", "file_unsupported", 2, 345),
		(b"000001000000000000123456", b"000002000000000000123456", "file_count", 3, 18),
		(b"TI         260908", b"TI         260909", "file_differs", 3, 12),
		(b"CZK 0000", b"CZKU0000", "file_unsupported", 2, 46),
	],
)
def test_faults_say_where_they_are(old, new, code, line, position):
	changed = EXAMPLE.replace(old, new, 1)
	assert changed != EXAMPLE
	if code is None:
		assert BestDomestic().read(changed).batch == Batch((FIRST,))
		return
	with pytest.raises(UnreadableFile) as error:
		BestDomestic().read(changed)
	assert (code, line, position) in [(one.code, one.line, one.position) for one in error.value.findings]


def test_a_batch_that_cancels_another_is_not_read():
	changed = bytearray(EXAMPLE)
	changed[66:69] = b"CAN"
	with pytest.raises(UnreadableFile) as error:
		BestDomestic().read(bytes(changed))
	assert [(one.code, one.position) for one in error.value.findings] == [("file_unsupported", 67)]


def test_collections_are_only_read_when_asked_for():
	batch = Batch((replace(FIRST, operation=Operation.COLLECTION),))
	content = write(BestDomestic(), batch)
	with pytest.raises(UnreadableFile):
		BestDomestic().read(content)
	assert BestDomestic().read(content, Trust(collections=True)).batch == batch


@pytest.mark.parametrize(
	("change", "code", "field"),
	[
		({"partner": Party("x" * 31)}, "text_too_long", "partner.name"),
		({"reference": "A"}, "not_carried", "reference"),
		({"priority": Priority.INSTANT}, "not_carried", "priority"),
		({"partner": Party("A", Address(town="B", country="CZ"))}, "not_carried", "partner.address"),
		({"own_currency": "EUR", "partner_currency": "USD"}, "not_carried_value", "own_currency"),
		({"partner_currency": "EUR"}, "not_carried_value", "own_currency"),
	],
)
def test_what_best_has_no_place_for(change, code, field):
	with pytest.raises(InvalidBatch) as error:
		write(BestDomestic(), Batch((replace(FIRST, **change),)))
	assert (code, field) in [(one.code, one.field) for one in error.value.findings]


@pytest.mark.parametrize(
	("change", "code", "field"),
	[
		({"message": "-x", "variable_symbol": ""}, "text_line_start", "message"),
		({"message": "x" * 35 + ":", "variable_symbol": ""}, "text_line_start", "message"),
		({"message": "/KS/1"}, "text_symbols", "message"),
		({"partner": Party(":A", FOREIGN.partner.address)}, "text_line_start", "partner.name"),
		({"owner": Party("x" * 36)}, "text_too_long", "owner.name"),
		(
			{"owner": Party("A", Address(building="1", town="B", country="CZ"))},
			"not_carried",
			"owner.address.building",
		),
		(
			{"owner": Party("A", Address(town="B, C", country="CZ"))},
			"not_carried_value",
			"owner.address.town",
		),
		({"partner_currency": "EUR"}, "not_carried", "partner_currency"),
	],
)
def test_what_best_cannot_say_abroad(change, code, field):
	with pytest.raises(InvalidBatch) as error:
		write(BestForeign(), Batch((replace(FOREIGN, **change),)))
	assert (code, field) in [(one.code, one.field) for one in error.value.findings]


@pytest.mark.parametrize(
	("place", "text", "code", "position"),
	[
		((1, 47), "XXX", "file_unsupported", 48),
		((1, 50), "0000002000145399", "file_unsupported", 51),
		((1, 563), " ", "file_unsupported", 564),
		((1, 120), "0300", "account_other_bank", 121),
		((2, 8), "00002", "file_differs", 9),
		((2, 13), "EVIL", "file_differs", 14),
		((2, 641), "LEI", "file_unsupported", 642),
		((1, 878), "Y", "file_unsupported", 879),
	],
)
def test_faults_abroad_say_where_they_are(place, text, code, position):
	lines = write(BestForeign(), Batch((FOREIGN,)), ENVELOPE).decode().split("\r\n")
	line, at = place
	lines[line] = lines[line][:at] + text + lines[line][at + len(text) :]
	with pytest.raises(UnreadableFile) as error:
		BestForeign().read("\r\n".join(lines).encode())
	assert (code, line + 1, position) in [(one.code, one.line, one.position) for one in error.value.findings]


def test_a_record_of_addresses_needs_its_payment():
	lines = write(BestForeign(), Batch((FOREIGN,)), ENVELOPE).split(b"\r\n")
	del lines[1]
	with pytest.raises(UnreadableFile):
		BestForeign().read(b"\r\n".join(lines))
