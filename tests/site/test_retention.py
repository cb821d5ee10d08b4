"""The bank's texts go by age; ids, dates and exact amounts stay, and so does the row."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from bank_api.gateway import retention
from bank_api.gateway.clock import utc_now
from bank_api.gateway.ids import first_name
from dev import seeding

DAYS = 30


@pytest.fixture
def account(db):
	tenant = seeding.Tenant.new(seeding.provider())
	rows = [seeding.transaction(number, amount="-0.10") for number in range(3)]
	account = tenant.account(tenant.item(), rows)
	db.db.set_value(
		"Bank API Provider", tenant.provider, {"payload_retention_days": DAYS, "payloads_dropped_to": None}
	)
	return account


def age(db, account: seeding.Account, days: int) -> None:
	"""Make an account's rows as old as that."""
	stamp = first_name(utc_now() - timedelta(days=days))[:13]
	db.db.sql(
		"UPDATE `tabBank API Transaction` SET change_stamp = %s WHERE account = %s", (stamp, account.name)
	)
	db.db.commit()


def payloads(account: seeding.Account) -> list[str]:
	return [payload for (payload,) in account.rows("payload")]


def test_young_texts_stay(db, account):
	before = payloads(account)
	retention.clean_up()
	assert payloads(account) == before


def test_old_texts_go_and_the_rest_stays_to_the_digit(db, account):
	age(db, account, DAYS + 1)
	retention.clean_up()
	for payload in payloads(account):
		assert "Monoprix" not in payload and '"amount":-0.10' in payload.replace(" ", "")
		kept = json.loads(payload, parse_float=Decimal)
		assert {"id", "account_id", "date", "amount", "currency_code", "is_deleted", "updated_at"} <= set(
			kept
		)
	again = payloads(account)
	retention.clean_up()
	assert payloads(account) == again


def test_nothing_is_dropped_without_a_number_of_days(db, account):
	db.db.set_value("Bank API Provider", account.feed.provider, "payload_retention_days", 0)
	age(db, account, 400)
	before = payloads(account)
	retention.clean_up()
	assert payloads(account) == before
