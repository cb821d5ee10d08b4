"""The digest guards every field; the parts of a split batch are the batch."""

from dataclasses import fields, replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from payment_batches import ANY, DOMESTIC_SAMPLE, SEPA_SAMPLE, batches

from bank_api.payments.digest import canonical, content_digest, digest, verify
from bank_api.payments.findings import UnreadableFile
from bank_api.payments.model import Address, Bank, Batch, Charges, Operation, Party, Payment, Priority, Scheme
from bank_api.payments.splitting import split

DOMESTIC = DOMESTIC_SAMPLE.payments[0]
OTHER = {
	"account": "CZ5901000900930669910217",
	"partner_account": "CZ6508000000192000145399",
	"amount": Decimal("1234.57"),
	"due": date(2026, 9, 10),
	"currency": "EUR",
	"operation": Operation.COLLECTION,
	"scheme": Scheme.SEPA,
	"priority": Priority.EXPRESS,
	"charges": Charges.OWN,
	"partner": Party("A", Address(town="B")),
	"partner_bank": Bank("KOMBCZPP"),
	"owner": Party("A"),
}


@pytest.mark.parametrize("name", [one.name for one in fields(Payment)])
def test_what_is_paid_is_told_by_all_fields_but_labels(name):
	changed = replace(DOMESTIC, **{name: OTHER.get(name, "9")})
	same = content_digest(Batch((changed,))) == content_digest(Batch((DOMESTIC,)))
	assert same is (name in ("reference", "end_to_end_id"))


def test_order_does_not_change_what_is_paid_but_a_twin_does():
	other = replace(DOMESTIC, amount=Decimal("7.00"))
	assert content_digest(Batch((DOMESTIC, other))) == content_digest(Batch((other, DOMESTIC)))
	assert content_digest(Batch((DOMESTIC, DOMESTIC))) != content_digest(Batch((DOMESTIC,)))


def test_a_day_that_nobody_asked_for_is_not_compared():
	later = replace(DOMESTIC, due=DOMESTIC.due + timedelta(days=1))
	assert content_digest(Batch((DOMESTIC,)), {0}) == content_digest(Batch((later,)), {0})
	assert content_digest(Batch((DOMESTIC,)), {0}) != content_digest(Batch((DOMESTIC,)))


@pytest.mark.parametrize("name", [one.name for one in fields(Payment)])
def test_every_field_changes_the_digest(name):
	changed = replace(DOMESTIC, **{name: OTHER.get(name, "9")})
	assert changed != DOMESTIC
	assert digest(Batch((changed,))) != digest(Batch((DOMESTIC,)))


def test_the_digest_is_for_good():
	"""Stored digests have to hold for as long as batches are kept: this is a promise, not a snapshot."""
	assert canonical(DOMESTIC) == (
		b'{"account":"CZ0401000000191000000005","amount":"1234.56","constant_symbol":"308","currency":"CZK",'
		b'"due":"2026-09-09","message":"Faktura 2026/0042","operation":"transfer",'
		b'"partner_account":"CZ9501000000001234567899","scheme":"domestic","specific_symbol":"77",'
		b'"variable_symbol":"20260042"}\n'
	)
	assert digest(DOMESTIC_SAMPLE) == DIGESTS[0] and digest(SEPA_SAMPLE) == DIGESTS[1]


DIGESTS = (
	"09703ded7015baba7eb75ef47adf7aa15c88057c927c1f3534036380e6720a80",
	"5b91c210691da3c86b3ed884dd4fc69f5dac7b4e56e7fced253b9ddfe5b39524",
)


@given(batches(ANY), batches(ANY))
def test_only_equal_batches_share_a_digest(one, other):
	assert (digest(one) == digest(other)) == (one == other)


@given(batches(ANY), st.randoms())
def test_the_order_counts(batch, random):
	shuffled = list(batch.payments)
	random.shuffle(shuffled)
	other = Batch(tuple(shuffled))
	assert (digest(batch) == digest(other)) == (batch == other)


def test_verify():
	verify(DOMESTIC_SAMPLE, digest(DOMESTIC_SAMPLE))
	with pytest.raises(UnreadableFile):
		verify(SEPA_SAMPLE, digest(DOMESTIC_SAMPLE))


@given(batches(ANY, 12), st.integers(1, 5), st.booleans())
def test_parts_are_the_batch(batch, most, one_account):
	parts = split(batch, most, one_account=one_account)
	assert sorted(index for part in parts for index in part.indexes) == list(range(len(batch)))
	for number, part in enumerate(parts, 1):
		assert (part.parent, part.number, part.of) == (digest(batch), number, len(parts))
		assert 1 <= len(part.batch) <= most
		assert part.batch.payments == tuple(batch.payments[index] for index in part.indexes)
		assert list(part.indexes) == sorted(part.indexes)
		if one_account:
			assert len({one.account for one in part.batch.payments}) == 1
	accounts = {one.account for one in batch.payments} if one_account else {""}
	assert len(parts) <= len(accounts) + len(batch) // most


def test_a_hundred_at_a_time():
	many = Batch(tuple(replace(DOMESTIC, due=DOMESTIC.due + timedelta(n % 7)) for n in range(250)))
	assert [len(part.batch) for part in split(many)] == [100, 100, 50]
	with pytest.raises(ValueError):
		split(many, 0)
