"""Payments that were kept, and payments as callers list them: what is read is what was meant, or it is refused."""

import json
from decimal import Decimal

import payment_batches as random_batches
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bank_api.payments import listed, stored
from bank_api.payments.digest import canonical, digest
from bank_api.payments.findings import InvalidBatch, UnreadableFile
from bank_api.payments.model import Batch

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
