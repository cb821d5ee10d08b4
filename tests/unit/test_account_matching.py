"""Accounts keep their row when the end user reconnects."""

from decimal import Decimal

from bank_api.connectors.model import AccountData
from bank_api.gateway.account_matching import StoredAccount, match_accounts


def incoming(identifier: str, **facts: str) -> AccountData:
	values = {"name": "Compte courant", "account_type": "checking", "currency": "EUR"} | facts
	return AccountData(
		provider_account_id=identifier, provider_item_id="1", balance=Decimal(0), payload="{}", **values
	)


def stored(name: str, identifier: str, **facts) -> StoredAccount:
	values = {
		"aliases": (),
		"iban": "",
		"reference": "",
		"account_type": "checking",
		"currency": "EUR",
		"account_name": "Compte courant",
		"same_bank": True,
		"elsewhere": False,
	} | facts
	return StoredAccount(name=name, provider_account_id=identifier, **values)


def test_same_id_is_the_same_account():
	assert match_accounts([incoming("1")], [stored("a", "1", account_name="Old name")]).rows == {"1": "a"}


def test_new_ids_with_iban_and_one_closed_account():
	matches = match_accounts(
		[incoming("11", iban="FR76 1"), incoming("12", iban="FR762")],
		[stored("a", "1", iban="FR761"), stored("b", "2", iban="FR762"), stored("c", "3", iban="FR763")],
	)
	assert matches.rows == {"11": "a", "12": "b"}


def test_iban_in_another_currency_is_another_account():
	matches = match_accounts([incoming("11", iban="FR761", currency="USD")], [stored("a", "1", iban="FR761")])
	assert matches.rows == {}


def test_without_iban_the_name_decides_where_it_is_unique():
	matches = match_accounts(
		[incoming("11", name="Livret A"), incoming("12", name="LDD")],
		[stored("a", "1", account_name="LDD"), stored("b", "2", account_name="livret  a")],
	)
	assert matches.rows == {"11": "b", "12": "a"}


def test_currency_alone_never_pairs():
	matches = match_accounts(
		[incoming("11", name="A 1"), incoming("12", name="B 2")],
		[stored("a", "1", account_name="C 3"), stored("b", "2", account_name="D 4")],
	)
	assert matches.rows == {}


def test_elimination_needs_others_found_and_one_left_on_each_side():
	matches = match_accounts(
		[incoming("11", iban="FR761"), incoming("12", name="My card", account_type="card")],
		[stored("a", "1", iban="FR761"), stored("b", "2", account_name="Carte", account_type="card")],
	)
	assert matches.rows == {"11": "a", "12": "b"}


def test_numbers_in_names_that_differ_forbid_elimination():
	matches = match_accounts(
		[incoming("11", iban="FR761"), incoming("12", name="Card 1234", account_type="card")],
		[stored("a", "1", iban="FR761"), stored("b", "2", account_name="Card 9999", account_type="card")],
	)
	assert matches.rows == {"11": "a"}


def test_an_unknown_id_beside_known_ones_is_a_new_account():
	matches = match_accounts(
		[incoming("1", iban="FR761"), incoming("12", name="Livret A", account_type="savings")],
		[stored("a", "1", iban="FR761"), stored("b", "2", account_name="Livret A", account_type="savings")],
	)
	assert matches.rows == {"1": "a"}


def test_an_account_that_a_newer_connection_took_over_is_left_to_it():
	matches = match_accounts(
		[incoming("1", iban="FR761")], [stored("a", "11", aliases=("1",), iban="FR761", elsewhere=True)]
	)
	assert matches.rows == {} and matches.taken_over == {"1"}


def test_a_second_login_at_the_same_bank_does_not_take_accounts_by_name():
	matches = match_accounts(
		[incoming("11", name="Livret A")], [stored("a", "1", account_name="Livret A", elsewhere=True)]
	)
	assert matches.rows == {}
