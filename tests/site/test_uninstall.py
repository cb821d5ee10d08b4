"""Installing and uninstalling on a site of its own: nothing of ours stays, nothing of others is touched."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.sites import drop_site, fresh_site, pristine_dump

USE = """
import sys
import frappe

frappe.init(site=sys.argv[1])
frappe.connect()
frappe.set_user("Administrator")
client = frappe.get_doc({"doctype": "Bank API Client", "site": "x.example.com", "base_url": "https://x.example.com"})
client.insert()
client.create_key_pair()
provider = frappe.get_doc(
	{"doctype": "Bank API Provider", "provider_name": "P", "client_id": "a", "client_secret": "b", "webhook_secret": "c"}
)
provider.insert()
provider.client_id = "z"
provider.save()
settings = frappe.get_doc("Bank API Settings")
settings.public_url = "https://gateway.example.com"
settings.save()
todo = {"description": "x", "reference_type": "Bank API Client", "reference_name": client.name}
frappe.get_doc({"doctype": "ToDo", "allocated_to": "Administrator"} | todo).insert()
client.add_comment("Comment", "a remark")
frappe.get_doc({"doctype": "Bank API Log", "action": "Test"}).insert()
frappe.db.commit()
"""
# The framework keeps its own books of every installation in these.
BOOKS = {
	"tabActivity Log",
	"tabDefaultValue",
	"tabDeleted Document",
	"tabError Log",
	"tabInstalled Application",
	"tabPermission Log",  # Frappe 16: who changed which permission, when
	"tabScheduled Job Log",
	"tabVersion",
	"tabPatch Log",
}


class Database:
	"""A database of the bench, read as its administrator."""

	def __init__(self, bench: Any, name: str):
		self.query = bench.database.query
		self.name = name

	def columns(self) -> dict[str, list[str]]:
		found: dict[str, list[str]] = {}
		lines = self.query(
			f"select table_name, column_name from information_schema.columns where table_schema = '{self.name}'"
		)
		for line in lines.splitlines():
			table, column = line.split("\t")
			found.setdefault(table, []).append(column)
		return found

	def names(self, table: str) -> set[str]:
		return set(self.query(f"select name from `{self.name}`.`{table}`").splitlines())

	def mentions(self, table: str, columns: list[str]) -> bool:
		condition = " or ".join(
			f"cast(`{column}` as char) like '%Bank API%' or cast(`{column}` as char) like '%bank\\_api%'"
			for column in columns
		)
		return bool(self.query(f"select 1 from `{self.name}`.`{table}` where {condition} limit 1").strip())


@pytest.fixture(scope="module")
def before_and_after(bench: Any, tmp_path_factory: Any) -> Iterator[tuple[Database, Database]]:
	"""A site that never had the app, and one that had it, used it, tried a dry run, and removed it."""
	folder: Path = tmp_path_factory.mktemp("uninstall")
	log, script = folder / "log", folder / "use.py"
	script.write_text(USE)
	slot = bench.slot("uninstall")
	site = fresh_site(bench, slot.site)
	bench.run(script, site, log=log)
	bench.frappe("uninstall-app", "bank_api", "--yes", "--no-backup", "--dry-run", site=site, log=log)
	used = Database(bench, bench_database(bench, site))
	assert used.names("tabBank API Client") == {"x.example.com"}, "a dry run must not change anything"
	assert "Bank API Client" in used.names("tabRole")
	bench.frappe("uninstall-app", "bank_api", "--yes", "--no-backup", site=site, log=log)

	plain = f"plain_{secrets.token_hex(4)}"
	bench.database.query(f"create database `{plain}` character set utf8mb4 collate utf8mb4_unicode_ci")
	bench.database.load(plain, pristine_dump(bench), log)
	yield Database(bench, plain), used
	bench.database.query(f"drop database `{plain}`")
	drop_site(bench, site)
	slot.release()


def bench_database(bench: Any, site: str) -> str:
	from dev.files import read_json

	return read_json(bench.site_config_path(site))["db_name"]


def test_no_table_or_column_stays(before_and_after: tuple[Database, Database]):
	plain, used = before_and_after
	assert used.columns() == plain.columns()


def test_nothing_mentions_the_app(before_and_after: tuple[Database, Database]):
	_plain, used = before_and_after
	mentioned = {table for table, columns in used.columns().items() if used.mentions(table, columns)}
	assert mentioned - {"tabVersion", "tabPermission Log"} == set()


def test_nothing_of_others_is_touched(before_and_after: tuple[Database, Database]):
	plain, used = before_and_after
	changed = {}
	for table, columns in plain.columns().items():
		if "name" in columns and table not in BOOKS:
			before, after = plain.names(table), used.names(table)
			if before != after:
				changed[table] = (before - after, after - before)
	assert changed == {}
