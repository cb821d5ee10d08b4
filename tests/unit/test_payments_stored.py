"""Payments that were kept, and payments as callers list them: what is read is what was meant, or it is refused."""

import json
import tracemalloc
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from unittest.mock import patch

import payment_batches as random_batches
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bank_api.payments import formats, listed, stored
from bank_api.payments.digest import begun, canonical, digest
from bank_api.payments.findings import InvalidBatch, UnreadableFile
from bank_api.payments.model import Batch, Envelope, Operation, Party, Payment, Scheme

PAYMENTS = st.one_of(random_batches.DOMESTIC, random_batches.SEPA, random_batches.FOREIGN)


@given(PAYMENTS)
def test_a_payment_comes_back_equal(payment):
	assert stored.payment(canonical(payment)) == payment


@settings(max_examples=30, deadline=None)
@given(st.lists(PAYMENTS, min_size=1, max_size=5))
def test_a_batch_comes_back_with_its_digest(payments):
	batch = Batch(tuple(payments))
	lines = [canonical(payment) for payment in payments]
	assert stored.batch(lines, digest(batch)) == batch
	with pytest.raises(UnreadableFile):
		stored.batch(lines, "0" * 64)


@settings(max_examples=150, deadline=None)
@given(random_batches.DOMESTIC, st.data())
def test_any_changed_byte_is_found(payment, data):
	line = bytearray(canonical(payment))
	at = data.draw(st.integers(0, len(line) - 1))
	line[at] = data.draw(st.integers(0, 255).filter(lambda value: value != line[at]))
	with pytest.raises(UnreadableFile):
		stored.batch([bytes(line)], digest(Batch((payment,))))


@pytest.mark.parametrize(
	"change",
	[
		{"amount": 1.5},
		{"amount": "1.500"},
		{"surprise": "x"},
		{"due": "2026-13-01"},
		{"partner": {"name": "x", "surprise": "y"}},
		{"partner": {"address": {"surprise": "y"}}},
		{"message": 1},
		{"operation": "gift"},
	],
)
def test_what_would_be_lost_is_refused(change):
	line = json.loads(canonical(_one()))
	with pytest.raises(UnreadableFile):
		stored.payment(json.dumps(line | change, sort_keys=True, separators=(",", ":")))


def _one():
	return listed.batch([ROW], listed.Defaults(account=OWN)).payments[0]


OWN, PARTNER = "CZ0401000000191000000005", "CZ9501000000001234567899"
ROW = {"partner_account": "1234567899/0100", "amount": "12.34", "due": "2026-09-09"}


def test_plain_values_make_a_payment():
	(payment,) = listed.batch(
		[ROW | {"variable_symbol": 42, "partner_name": "A", "currency": "czk", "priority": "EXPRESS"}],
		listed.Defaults(account=OWN, reference="R"),
	).payments
	assert (payment.account, payment.partner_account, payment.amount) == (OWN, PARTNER, Decimal("12.34"))
	assert (payment.variable_symbol, payment.partner.name, payment.reference) == ("42", "A", "R-00001")


@pytest.mark.parametrize("amount", [12.34, True, "12,34", "1e2", "NaN", "", None, " ", "1.23456", "+1", {}])
def test_an_amount_is_exact_or_refused(amount):
	with pytest.raises(InvalidBatch) as refused:
		listed.batch([ROW | {"amount": amount}], listed.Defaults(account=OWN))
	assert refused.value.findings[0].field == "amount"


@settings(max_examples=200, deadline=None)
@given(
	st.recursive(
		st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
		lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(listed.FIELDS), inner),
		max_leaves=20,
	)
)
def test_anything_is_a_batch_or_refused(row):
	try:
		batch = listed.batch([row], listed.Defaults(account=OWN))
	except InvalidBatch as error:
		assert error.findings and str(error)
	else:
		assert isinstance(batch.payments[0].amount, Decimal)


def test_every_fault_is_told_with_its_payment():
	rows = [ROW, ROW | {"due": "soon"}, 7, ROW | {"partner": {"surprise": 1}}]
	with pytest.raises(InvalidBatch) as refused:
		listed.batch(rows, listed.Defaults(account=OWN))
	assert [(one.payment, one.field) for one in refused.value.findings] == [
		(1, "due"),
		(2, ""),
		(3, "partner.surprise"),
	]


# --- kept in a file


@settings(max_examples=30, deadline=None)
@given(st.lists(PAYMENTS, min_size=1, max_size=7), st.integers(1, 4))
def test_a_spooled_batch_is_the_batch(payments, page):
	batch = Batch(tuple(payments))
	with patch.object(stored, "PAGE", page):
		kept = stored.spooled(map(canonical, payments), digest(batch))
		assert kept.digest == digest(batch) == digest(kept.batch)
		found = kept.batch.payments
		assert (len(found), tuple(found), found[:]) == (len(payments), batch.payments, batch.payments)
		assert [found[place] for place in range(-len(payments), len(payments))] == payments * 2
		assert kept.batch.filled() == batch.filled()
		with pytest.raises(IndexError):
			found[len(payments)]
		with pytest.raises(UnreadableFile):
			stored.spooled(map(canonical, payments), "0" * 64)


@settings(max_examples=30, deadline=None)
@given(st.lists(PAYMENTS, min_size=1, max_size=5))
def test_what_may_be_left_out_of_a_spooled_batch(payments):
	batch = Batch(tuple(payments))
	names = ("reference", "partner")
	kept = stored.spooled(map(canonical, payments), digest(batch), names)
	assert tuple(kept.batch.payments) == batch.without(*names).payments
	assert kept.digest == digest(batch.without(*names))


def many(key: str, count: int) -> list[Payment]:
	"""Payments in groups that end elsewhere than pages do."""
	domestic = Payment(OWN, PARTNER, Decimal("1.00"), date(2026, 9, 9))
	sepa = replace(
		domestic,
		partner_account="DE89370400440532013000",
		currency="EUR",
		scheme=Scheme.SEPA,
		partner=Party("Somebody"),
		owner=Party("Sender"),
	)
	plain = domestic if key in ("abo", "best_domestic") else sepa
	collections = key in ("abo", "best_domestic")
	return [
		replace(
			plain,
			amount=Decimal(number).scaleb(-2),
			due=date(2026, 9, 9 + number // 700 % 3),
			message=f"Invoice {number}",
			operation=Operation.COLLECTION if collections and 1200 < number < 1900 else Operation.TRANSFER,
			reference=f"R{number}" if key not in ("abo", "best_domestic", "best_foreign") else "",
		)
		for number in range(1, count + 1)
	]


@pytest.mark.parametrize("key", formats.FORMATS)
def test_a_file_of_a_spooled_batch_is_the_same_file(key):
	payments = many(key, 2500)
	batch = Batch(tuple(payments))
	envelope = Envelope(reference="REF1", created=datetime(2026, 9, 1, 12))
	form = replace(formats.FORMATS[key], most=10**6) if key == "kb_json" else formats.FORMATS[key]
	kept = stored.spooled(map(canonical, payments), digest(batch)).batch
	file = b"".join(form.chunks(kept, envelope))
	assert file == formats.write(form, batch, envelope)
	assert form.read(file, formats.Trust(digest=digest(batch), collections=True)).batch == batch


def test_what_a_format_cannot_carry_is_refused_of_a_spooled_batch_too():
	payments = [*many("abo", 1500), replace(many("abo", 1)[0], reference="R", message="a|b")]
	kept = stored.spooled(map(canonical, payments), digest(Batch(tuple(payments)))).batch
	with pytest.raises(InvalidBatch) as refused:
		next(formats.Abo().chunks(kept, Envelope()))
	assert {(one.payment, one.code) for one in refused.value.findings} == {
		(1500, "not_carried"),
		(1500, "text_character"),
	}


def test_memory_holds_a_page_of_a_spooled_batch():
	count, hasher = 20_000, begun()

	def lines():
		payment = _one()
		for number in range(1, count + 1):
			yield canonical(replace(payment, variable_symbol=str(number), message=f"Mzda {number}"))

	for line in lines():
		hasher.update(line)
	tracemalloc.start()
	try:
		kept = stored.spooled(lines(), hasher.hexdigest()).batch
		size = sum(map(len, formats.Abo().chunks(kept, Envelope())))
		peak = tracemalloc.get_traced_memory()[1]
	finally:
		tracemalloc.stop()
	assert size > count * 60 and peak < 4 * 1024 * 1024, (size, peak)


def test_a_disk_that_takes_a_part_is_noticed():
	class Full:
		def write(self, content):
			return len(content) - 1

		def close(self):
			pass

	shelf = stored.Shelf()
	shelf._file.close()
	shelf._file = Full()
	with pytest.raises(OSError):
		shelf.add([b"{}"])
