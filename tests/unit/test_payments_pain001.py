"""pain.001 against the ISO schema and against sepaxml, and what makes XML dangerous."""

import io
import re
from dataclasses import replace
from datetime import datetime
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from payment_batches import SEPA, SEPA_SAMPLE, alike, batches
from sepaxml import SepaTransfer

from bank_api.payments.findings import InvalidBatch, UnreadableFile
from bank_api.payments.formats import Pain001, Trust, write
from bank_api.payments.model import Address, Bank, Batch, Envelope, Party

ENVELOPE = Envelope(reference="MSG-1", sender="Firma s.r.o.", created=datetime(2026, 9, 8, 10, 30))
VERSIONS = ("03", "09")
SCHEMAS = {
	version: etree.XMLSchema(etree.parse(str(files("sepaxml") / "schemas" / f"pain.001.001.{version}.xsd")))
	for version in VERSIONS
}


def codes(error) -> list[str]:
	return [one.code for one in error.value.findings]


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=60)
@given(
	batch=batches(SEPA) | alike(SEPA, "account", "due", "own_currency", "owner"),
	booking=st.sampled_from([None, True, False]),
)
def test_the_iso_schema_holds(version, batch, booking):
	format = Pain001(version, booking)
	if format.problems(batch, ENVELOPE):
		return
	SCHEMAS[version].assertValid(etree.fromstring(write(format, batch, ENVELOPE)))


def sepaxml_says(batch: Batch, version: str, message_id: str) -> bytes:
	"""The same payments by sepaxml; its random ids and its clock are replaced, nothing else."""
	first = batch.payments[0]
	config = {
		"name": first.owner.name,
		"IBAN": first.account,
		"BIC": "KOMBCZPP",
		"batch": True,
		"currency": "EUR",
	}
	if first.owner.address:
		config["address"] = address_of(first.owner.address)
	theirs = SepaTransfer(config, schema=f"pain.001.001.{version}", clean=False)
	for payment in batch.payments:
		row = {
			"name": payment.partner.name,
			"IBAN": payment.partner_account,
			"amount": int(payment.amount.scaleb(2)),
			"execution_date": payment.due,
			"description": payment.message,
			"endtoend_id": payment.end_to_end_id or "NOTPROVIDED",
		}
		if payment.partner_bank:
			row["BIC"] = payment.partner_bank.bic
		if payment.partner.address:
			row["address"] = address_of(payment.partner.address)
		theirs.add_payment(row)
	text = theirs.export(validate=False).decode()
	text = re.sub(r"<MsgId>[^<]*", f"<MsgId>{message_id}", text)
	text = re.sub(r"<CreDtTm>[^<]*", "<CreDtTm>2026-09-08T10:30:00", text)
	numbers = iter(range(1, 100))
	text = re.sub(r"<PmtInfId>[^<]*", lambda _: f"<PmtInfId>{message_id}-{next(numbers)}", text)
	# sepaxml declares the schema instance's namespace on its root and never uses it.
	return text.replace(' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"', "").encode()


def address_of(address: Address) -> dict[str, str]:
	names = {
		"street_name": address.street,
		"building_number": address.building,
		"postcode": address.postcode,
		"town": address.town,
		"country_subdivision": address.region,
		"country": address.country,
	}
	return {name: text for name, text in names.items() if text}


def canonical(content: bytes) -> bytes:
	out = io.BytesIO()
	etree.ElementTree(etree.fromstring(content)).write_c14n(out)
	return out.getvalue()


def as_sepaxml_can(batch: Batch) -> Batch:
	"""What sepaxml can say too: one payer, texts without symbols, days in one block each, no own ids or currencies."""
	first = batch.payments[0]
	changed = [
		replace(
			one,
			account=first.account,
			owner=first.owner,
			message=one.message or "x",
			variable_symbol="",
			constant_symbol="",
			specific_symbol="",
			own_currency="",
			partner_currency="",
			reference="",
		)
		for one in batch.payments
	]
	order = list(dict.fromkeys(one.due for one in changed))
	return Batch(tuple(sorted(changed, key=lambda one: order.index(one.due))))


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=60)
@given(batch=batches(SEPA) | alike(SEPA, "due"))
def test_equal_to_sepaxml_where_both_can(version, batch):
	same = as_sepaxml_can(batch)
	format = Pain001(version, batch_booking=True)
	envelope = replace(ENVELOPE, sender=same.payments[0].owner.name)
	if format.problems(same, envelope) or any(one.account == one.partner_account for one in same.payments):
		return
	assert canonical(write(format, same, envelope)) == canonical(sepaxml_says(same, version, "MSG-1"))


def test_sepaxmls_file_is_read():
	batch = as_sepaxml_can(SEPA_SAMPLE)
	for version in VERSIONS:
		assert Pain001().read(sepaxml_says(batch, version, "MSG-1")).batch == batch


GOOD = write(Pain001(), SEPA_SAMPLE, ENVELOPE)


def test_symbols_travel_in_the_text_as_is_the_habit():
	assert b"<Ustrd>/VS/4711 Invoice 42</Ustrd>" in GOOD
	spaced = GOOD.replace(b"/VS/4711 Invoice", b"/VS/4711 /KS/308 Invoice")
	payment = Pain001().read(spaced).batch.payments[1]
	assert (payment.variable_symbol, payment.constant_symbol, payment.message) == (
		"4711",
		"308",
		"Invoice 42",
	)


@pytest.mark.parametrize(
	("prolog", "code"),
	[
		(b'<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "file_doctype"),
		(b'<!DOCTYPE Document SYSTEM "http://127.0.0.1:9/x.dtd">', "file_doctype"),
		(b'<!DOCTYPE a [<!ENTITY a "aa"><!ENTITY b "&a;&a;&a;&a;">]>', "file_doctype"),
		(b"<?php echo 1 ?>", "file_unsupported"),
	],
)
def test_no_entities_nothing_fetched(prolog, code):
	with pytest.raises(UnreadableFile) as error:
		Pain001().read(GOOD.replace(b"?>\n", b"?>\n" + prolog, 1))
	assert codes(error) == [code]


def test_an_entity_that_nobody_declared():
	with pytest.raises(UnreadableFile) as error:
		Pain001().read(GOOD.replace(b"Muster", b"&x;"))
	assert codes(error) == ["file_xml"]


def test_depth_and_size_are_bounded():
	space = b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.03">'
	with pytest.raises(UnreadableFile) as error:
		Pain001().read(space + b"<a>" * 100_000)
	assert codes(error) == ["file_unsupported"]
	with pytest.raises(UnreadableFile) as error:
		Pain001().read(GOOD, Trust(most_bytes=len(GOOD) - 1))
	assert codes(error) == ["file_too_large"]


@pytest.mark.parametrize(
	("old", "new", "code", "field"),
	[
		(b"<CtrlSum>1234.63", b"<CtrlSum>1234.64", "file_sum", "CtrlSum"),
		(b"<NbOfTxs>2", b"<NbOfTxs>3", "file_count", "NbOfTxs"),
		(b"1234.56</InstdAmt>", b"1234.57</InstdAmt>", "file_sum", "CtrlSum"),
		(b"1234.56</InstdAmt>", b"1234.5x</InstdAmt>", "file_field", "InstdAmt"),
		(b'Ccy="EUR"', b'Ccy="USD"', "currency_not_eur", "currency"),
		(b'Ccy="EUR"', b"", "currency_unknown", "currency"),
		(b"DE8937", b"DE8938", "account_invalid", "partner_account"),
		(b"TRF", b"CHK", "file_unsupported", "PmtMtd"),
		(b"SEPA", b"URGP", "file_unsupported", "Cd"),
		(b"SLEV", b"DEBT", "file_unsupported", "ChrgBr"),
		(b"<Nm>Muster GmbH</Nm>", b"<Nm>A</Nm><Nm>B</Nm>", "file_repeated", "Nm"),
		(b"<Nm>Muster GmbH</Nm>", b"", "name_missing", "partner.name"),
		(b"<Nm>Muster GmbH</Nm>", b"<Nm>A</Nm><CtryOfRes>DE</CtryOfRes>", "file_unsupported", "CtryOfRes"),
		(b"<Cdtr><Nm>Muster GmbH</Nm>", b"<Cdtr>Muster", "file_unsupported", "Cdtr"),
		(b"<RmtInf>", b"<Purp><Cd>SALA</Cd></Purp><RmtInf>", "file_unsupported", "Purp"),
		(b"2026-09-09", b"2026-02-30", "file_field", "ReqdExctnDt"),
		(b"pain.001.001.03", b"pain.001.001.09", "file_unsupported", "BIC"),
		(b"pain.001.001.03", b"pain.001.001.04", "file_format", "Document"),
		(b"KOMBCZPP", b"GIBACZPX", "file_differs", "DbtrAgt"),
		(b'encoding="UTF-8"', b'encoding="UTF-16"', None, ""),
		(b'encoding="UTF-8"', b'encoding="windows-1250"', "file_encoding", ""),
	],
)
def test_what_is_wrong_is_refused_with_its_place(old, new, code, field):
	changed = GOOD.replace(old, new, 1)
	assert changed != GOOD
	with pytest.raises(UnreadableFile) as error:
		Pain001().read(changed)
	if code:
		assert (code, field) in [(one.code, one.field) for one in error.value.findings]
	assert all(one.line for one in error.value.findings)


@pytest.mark.parametrize(
	("change", "code", "field"),
	[
		({"owner": None}, "needed", "owner.name"),
		({"message": "/VS/1 x"}, "text_symbols", "message"),
		({"message": "x" * 140, "variable_symbol": "1"}, "text_too_long", "message"),
		({"end_to_end_id": "NOTPROVIDED"}, "not_carried_value", "end_to_end_id"),
		(
			{"partner_bank": Bank(name="Banka", address=Address(town="Praha", country="CZ"))},
			"needed",
			"partner_bank.bic",
		),
		({"message": "Žluťoučký"}, "text_character", "message"),
		({"partner": Party("A & B")}, "text_character", "partner.name"),
		({"partner": Party("A", Address(street="X"))}, "address_incomplete", "partner.address"),
		({"reference": "/a"}, "reference_slash", "reference"),
		({"end_to_end_id": "a//b"}, "reference_slash", "end_to_end_id"),
	],
)
def test_what_cannot_be_said_is_refused_before_writing(change, code, field):
	batch = Batch((SEPA_SAMPLE.payments[0], replace(SEPA_SAMPLE.payments[1], **change)))
	with pytest.raises(InvalidBatch) as error:
		write(Pain001(), batch, ENVELOPE)
	assert (code, field, 1) in [(one.code, one.field, one.payment) for one in error.value.findings]


def test_a_file_needs_a_number():
	with pytest.raises(InvalidBatch) as error:
		write(Pain001(), SEPA_SAMPLE)
	assert codes(error) == ["needed"]


def test_there_are_two_versions():
	with pytest.raises(ValueError):
		Pain001("08")
