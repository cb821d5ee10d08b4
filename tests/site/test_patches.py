"""What an update does to a site that was installed earlier."""

from importlib import import_module
from pathlib import Path

import pytest

import bank_api
from bank_api.patches import drop_unique_account

OLD, OTHER = "provider, provider_account_id", "provider, client"
ACCOUNT = "Bank API Account"


def index_of(db) -> list[str]:
	rows = db.db.sql(f"SHOW INDEX FROM `tab{ACCOUNT}` WHERE Key_name = 'unique_account'", as_dict=True)
	return [row.Column_name for row in rows]


@pytest.fixture
def with_index(db):
	"""Adds an index of the old name; it does not outlive the test."""

	def add(columns: str) -> None:
		db.db.sql_ddl(f"ALTER TABLE `tab{ACCOUNT}` ADD UNIQUE INDEX unique_account ({columns})")

	yield add
	db.db.rollback()
	if index_of(db):
		db.db.sql_ddl(f"ALTER TABLE `tab{ACCOUNT}` DROP INDEX unique_account")


def account(db, end_user: str):
	owner = {"doctype": ACCOUNT, "provider_account_id": "a shared loan", "end_user": end_user}
	doc = db.get_doc(owner | {"provider": "P", "client": "C", "item": "I", "currency": "ILS"})
	doc.flags.ignore_links = True
	return doc


def test_every_patch_can_be_run():
	lines = (Path(bank_api.__file__).parent / "patches.txt").read_text().splitlines()
	modules = [line for line in lines if line.strip() and not line.startswith(("[", "#"))]
	assert "bank_api.patches.drop_unique_account" in modules
	assert all(callable(import_module(module).execute) for module in modules)


def test_the_old_key_of_accounts_is_dropped(db, with_index):
	with_index(OLD)
	account(db, "one").insert()
	with pytest.raises(db.UniqueValidationError):
		account(db, "two").insert()
	db.db.rollback()
	drop_unique_account.execute()
	assert index_of(db) == []
	account(db, "one").insert()
	account(db, "two").insert()
	with pytest.raises(db.UniqueValidationError):  # the new key holds
		account(db, "two").insert()


def test_it_may_be_run_again_and_leaves_other_indexes_alone(db, with_index):
	drop_unique_account.execute()
	drop_unique_account.execute()
	with_index(OTHER)
	drop_unique_account.execute()
	assert index_of(db) == ["provider", "client"]
