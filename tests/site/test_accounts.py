"""Accounts of an item in a real database, through reconnections."""

import json
from decimal import Decimal

import pytest

from bank_api.connectors.model import AccountData, LoanDetails
from bank_api.gateway.accounts import Owner, StoreResult, store_accounts
from bank_api.gateway.ids import row_name


def listed(identifier: str, **facts) -> AccountData:
	values = {
		"name": "Compte courant",
		"account_type": "checking",
		"currency": "EUR",
		"balance": Decimal("1.10"),
	}
	return AccountData(provider_account_id=identifier, provider_item_id="1", payload="{}", **(values | facts))


class Bank:
	"""An end user's connections to one bank."""

	def __init__(self, frappe):
		self.frappe = frappe
		self.end_user = row_name()
		self.provider = row_name()
		self.bank_id = "574"

	def item(self, bank_id: str | None = None, status: str = "OK") -> Owner:
		name = row_name()
		self.frappe.db.sql(
			"INSERT INTO `tabBank API Item` (name, item_id, provider, end_user, client, bank_id, status) "
			"VALUES (%s, %s, %s, %s, 'client', %s, %s)",
			(name, name, self.provider, self.end_user, bank_id or self.bank_id, status),
		)
		return Owner(name, self.end_user, "client", self.provider, bank_id or self.bank_id)

	def rows(self) -> dict:
		rows = self.frappe.get_all("Bank API Account", {"end_user": self.end_user}, ["*"], order_by="name")
		return {row.provider_account_id: row for row in rows}


@pytest.fixture
def bank(db, monkeypatch):
	monkeypatch.setattr("frappe.model.document.Document._validate_links", lambda self: None)
	# A document's insert must not end the test's transaction; links point at rows this test does not need.
	return Bank(db)


def names(result: StoreResult) -> set[str]:
	return set(result.open_accounts)


def test_the_same_list_twice_writes_nothing(bank):
	item = bank.item()
	assert store_accounts(item, [listed("1"), listed("2", name="Livret A")]).changed
	before = bank.rows()
	assert not store_accounts(item, [listed("1"), listed("2", name="Livret A")]).changed
	assert bank.rows() == before


def test_a_reconnection_with_new_ids_and_a_closed_account(bank):
	item = bank.item()
	store_accounts(item, [listed("1", iban="FR761"), listed("2", name="Livret A"), listed("3", iban="FR763")])
	before = bank.rows()
	# What a pass has left behind must not limit the reading of the new connection's feed.
	bank.frappe.db.sql(
		"UPDATE `tabBank API Account` SET sync_since = '2026-01-01', sync_page = '/p', sync_high = 'x'"
	)
	store_accounts(item, [listed("11", iban="FR761"), listed("12", name="Livret A")])
	after = bank.rows()
	assert (after["12"].sync_since, after["12"].sync_page, after["12"].sync_high) == (None, None, None)
	assert len(after) == 3
	assert (after["11"].name, after["12"].name) == (before["1"].name, before["2"].name)
	assert (after["11"].generation, json.loads(after["11"].aliases), after["11"].sync_since) == (
		1,
		["1"],
		None,
	)
	assert after["3"].status == "Closed"


def test_an_account_that_comes_back_is_open_again(bank):
	item = bank.item()
	store_accounts(item, [listed("1", iban="FR761"), listed("2", name="Livret A")])
	store_accounts(item, [listed("2", name="Livret A")])
	store_accounts(item, [listed("1", iban="FR761"), listed("2", name="Livret A")])
	assert {row.status for row in bank.rows().values()} == {"Open"}


def test_a_new_connection_takes_the_account_over_and_the_old_one_lets_go(bank):
	old, new = bank.item(), bank.item()
	(kept,) = names(store_accounts(old, [listed("1", iban="FR761")]))
	assert names(store_accounts(new, [listed("11", iban="FR761")])) == {kept}
	assert store_accounts(old, [listed("1", iban="FR761")]) == StoreResult({}, False)
	(row,) = bank.rows().values()
	assert (row.item, row.provider_account_id, row.status) == (new.item, "11", "Open")


def test_connecting_anew_after_the_consent_has_ended_takes_over_all_accounts(bank):
	old, new = bank.item(status="Action Required"), bank.item()
	both = names(store_accounts(old, [listed("1", iban="FR761"), listed("2", name="Carte Visa")]))
	assert names(store_accounts(new, [listed("11", iban="FR761"), listed("12", name="Carte Visa")])) == both
	assert (
		store_accounts(old, [listed("1", iban="FR761"), listed("2", name="Carte Visa")]).open_accounts == {}
	)


def test_another_login_does_not_take_cards_by_name_from_one_that_waits_for_its_user(bank):
	old, new = bank.item(status="Action Required"), bank.item()
	store_accounts(old, [listed("1", iban="FR761"), listed("2", name="Carte Visa")])
	store_accounts(new, [listed("11", iban="FR769"), listed("12", name="Carte Visa")])
	assert len(bank.rows()) == 4


def test_a_joint_account_seen_through_another_login_does_not_bring_its_cards_along(bank):
	old, new = bank.item(status="Action Required"), bank.item()
	store_accounts(
		old, [listed("1", iban="FR761"), listed("2", iban="FR762"), listed("3", name="Carte Visa")]
	)
	card = bank.rows()["3"].name
	joint = [listed("11", iban="FR761"), listed("12", iban="FR769"), listed("13", name="Carte Visa")]
	assert card not in names(store_accounts(new, joint))
	assert (bank.rows()["3"].name, len(bank.rows())) == (card, 5)


def test_an_account_name_with_angle_brackets_is_recognised(bank):
	item = bank.item()
	store_accounts(item, [listed("1", name="Livret <A>"), listed("2", name="Livret <B>")])
	before = bank.rows()
	store_accounts(item, [listed("12", name="Livret <B>"), listed("11", name="Livret <A>")])
	after = bank.rows()
	assert (after["11"].name, after["12"].name) == (before["1"].name, before["2"].name)


def test_another_bank_or_another_user_shares_nothing_but_an_iban_does(bank, db):
	(first,) = names(store_accounts(bank.item(), [listed("1", name="Livret A")]))
	(second,) = names(store_accounts(bank.item("600"), [listed("2", name="Livret A")]))
	assert first != second
	other = Bank(db)
	other.provider = bank.provider
	(third,) = names(store_accounts(other.item(), [listed("3", name="Livret A")]))
	assert third not in (first, second)


def test_unshared_accounts_are_kept_but_not_read(bank):
	item = bank.item()
	store_accounts(item, [listed("1")])
	assert names(store_accounts(item, [listed("1", shared=False)])) == set()
	assert bank.rows()["1"].status == "Not Shared"


def test_balances_and_loans_are_exact(bank):
	loan = LoanDetails(
		borrowed_capital=Decimal("140200.005"), interest_rate=Decimal("1.35"), loan_type="home"
	)
	store_accounts(bank.item(), [listed("1", balance=Decimal("-12345678901234.10"), loan=loan)])
	row = bank.rows()["1"]
	assert (row.balance, row.borrowed_capital, row.interest_rate) == (
		"-12345678901234.10",
		"140200.005",
		"1.35",
	)


def test_a_partial_reading_keeps_what_it_does_not_tell(bank):
	item = bank.item()
	loan = LoanDetails(borrowed_capital=Decimal("50000.00"), remaining_capital=Decimal("41.00"))
	full = listed("1", name="Conta", reference="001-1", loan=loan, currency="BRL")
	payload = '{"accountId":"1","x":1.50 ,"balances":{"amount":"1.10"}}'
	store_accounts(
		item, [full.__class__(**{n: getattr(full, n) for n in full.__slots__} | {"payload": payload})]
	)
	before = bank.rows()["1"]
	told = AccountData(
		"1", item.item, "", "", "", Decimal("9.99"), '{"balances":{"amount":"9.99"}}', partial=True
	)
	result = store_accounts(item, [told, AccountData("2", item.item, "", "", "", None, "{}", partial=True)])
	after = bank.rows()
	assert set(after) == {"1"} and result.changed and names(result) == {before.name}
	row = after["1"]
	assert (row.balance, row.payload) == ("9.99", '{"accountId":"1","x":1.50 ,"balances":{"amount":"9.99"}}')
	kept = ("account_name", "account_type", "currency", "reference", "borrowed_capital", "remaining_capital")
	assert [row[name] for name in kept] == [before[name] for name in kept]


def test_a_partial_reading_without_a_balance_changes_nothing(bank):
	item = bank.item()
	store_accounts(item, [listed("1")])
	before = bank.rows()
	nothing = AccountData("1", item.item, "", "", "", None, "{}", partial=True)
	assert not store_accounts(item, [nothing]).changed
	assert bank.rows() == before
