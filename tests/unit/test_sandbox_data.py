"""The generator: valid, seeded, exact in number, and nasty on purpose."""

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from bank_api.sandbox.bridge.banks import BANKS
from bank_api.sandbox.bridge.generator import Draft, History, Spec, specs
from bank_api.sandbox.data import generator, german_iban, iban, iban_is_valid, spanish_iban

NOW = 1_795_000_000_000  # 2026-11-18
DEMO = BANKS[574]


def accounts(seed: int = 1, login: str = "", bank: int = 574) -> list[Spec]:
	return specs(seed, BANKS[bank], login, date(2026, 11, 18))


def history(total: int, seed: int = 1, chosen: list[int] | None = None) -> dict[int, list[Draft]]:
	every = accounts(seed)
	wanted = [spec for spec in every if chosen is None or spec.index in chosen]
	return History(seed, DEMO, "", NOW, 730).of(wanted, total)


def test_demo_bank_has_the_documented_accounts() -> None:
	kinds = Counter(spec.type for spec in accounts())
	assert kinds == {
		"checking": 4,
		"card": 2,
		"savings": 1,
		"brokerage": 2,
		"life_insurance": 1,
		"loan": 2,
	}


@pytest.mark.parametrize("bank", sorted(BANKS))
def test_every_iban_is_valid(bank: int) -> None:
	numbers = [spec.iban for spec in accounts(bank=bank) if spec.iban]
	assert len(set(numbers)) == 4
	assert all(iban_is_valid(number) for number in numbers)


def test_ibans_match_published_examples() -> None:
	# the registry's own samples (SWIFT IBAN registry)
	assert iban("FR", "20041010050500013M02606") == "FR1420041010050500013M02606"
	assert iban("DE", "370400440532013000") == "DE89370400440532013000"
	assert iban("ES", "21000418450200051332") == "ES9121000418450200051332"
	assert not iban_is_valid("FR1520041010050500013M02606")


def test_foreign_ibans_have_their_length() -> None:
	rng = generator("x")
	assert len(german_iban(rng, "20050550")) == 22
	assert len(spanish_iban(rng, "0182")) == 24


@pytest.mark.parametrize("total", [0, 1, 2, 7, 40, 300, 5000])
def test_the_total_is_exact(total: int) -> None:
	assert sum(len(rows) for rows in history(total).values()) == total


@pytest.mark.parametrize("chosen", [[4], [0], [4, 0], [2, 5, 6], [10]])
@pytest.mark.parametrize("total", [1, 5, 37, 400])
def test_the_total_is_exact_for_any_choice_of_accounts(chosen: list[int], total: int) -> None:
	assert sum(len(rows) for rows in history(total, chosen=chosen).values()) == total


def test_same_seed_same_data() -> None:
	assert history(500) == history(500)
	assert history(500) != history(500, seed=2)
	assert accounts() == accounts()
	assert accounts() != accounts(login="other")


def test_deferred_cards_are_settled_in_pairs() -> None:
	rows = history(3000)
	for card, checking in ((4, 0), (5, 2)):
		there = [row for row in rows[card] if row.operation_type == "deferred_debit_card"]
		here = [row for row in rows[checking] if row.operation_type == "deferred_debit_card"]
		assert len(there) > 10
		assert {(row.date, row.amount) for row in here} == {
			(row.date, str(-Decimal(row.amount))) for row in there
		}
		for row in there:
			spent = sum(
				Decimal(purchase.amount)
				for purchase in rows[card]
				if purchase.operation_type == "card" and purchase.date[:7] == row.date[:7]
			)
			assert Decimal(row.amount) == -spent


def test_the_awkward_rows_are_there() -> None:
	rows = history(300)[0]
	amounts = [row.amount for row in rows]
	assert {"0.005", "-1.005", "-0.10", "0.00", "123456789012.34", "-123456789012.34"} <= set(amounts)
	twins = Counter((row.date, row.amount, row.description) for row in rows)
	assert sorted(twins.values())[-2:] == [2, 3]
	texts = "".join(row.description for row in rows)
	assert all(
		mark in texts
		for mark in ("תשלום", "تحويل", '"', "'", "\\", "<script>", "👩🏽‍💻", "\n", "\t", "东"[:0])
	)
	assert sum(row.future for row in rows) == 2


def test_dates_and_update_times_are_spread() -> None:
	rows = [row for part in history(5000).values() for row in part]
	assert len({row.date for row in rows}) > 600
	assert len({row.updated // 86_400_000 for row in rows}) > 600
	assert max(row.updated for row in rows) < NOW
	for row in rows:
		assert row.date in (row.booking_date, row.transaction_date, row.value_date)
