"""Fixtures over the bench (`-p dev.pytest_plugin`), all made on first use: unit tests start nothing.

| fixture | scope | gives |
|---|---|---|
| `bench` | session | the `dev.bench.Bench`, its servers running |
| `site` | session | the name of a fresh site, frappe connected to it as Administrator |
| `db` | test | `frappe`, rolled back after the test, its request state reset |
| `stack` | session | a `dev.stack.Stack` (web, worker, sandbox) on a site of its own |
| `desk` | session | such a stack of its own, with the desk's bundles built and Chromium installed |
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import pytest

from dev.bench import Bench
from dev.processes import exit_on_signals
from dev.sites import fresh_site
from dev.stack import Stack

LIMITS = {"throttle_user_limit": 100_000, "max_file_size": 64 * 1024 * 1024}
"""Of the framework, on sites of stacks: users an hour (60), and bytes of a request (10 MB; 100,000 payments have more, docs/kb.md)."""


def pytest_configure(config: pytest.Config) -> None:
	"""End what was started when this run is told to end."""
	exit_on_signals()


@pytest.fixture(scope="session")
def bench() -> Bench:
	"""The bench (`$BENCH`, else the embedded one), its servers running."""
	bench = Bench.current()
	bench.ensure_services()
	return bench


@pytest.fixture(scope="session")
def site(bench: Bench) -> Iterator[str]:
	"""A fresh site with the app; frappe is connected to it for the session, in `sites/` as always."""
	slot = bench.slot("test")
	fresh_site(bench, slot.site)
	# A bench's workers serve all its sites: those of a stack would do a test's jobs beside it, and to the bank itself.
	bench.set_site_config(slot.site, bench_id=slot.site)
	import frappe

	before = os.getcwd()
	os.chdir(bench.sites_path)
	frappe.init(slot.site, sites_path=str(bench.sites_path))
	frappe.connect()
	_reset(frappe)
	_site_rows.append(_Rows(frappe))
	yield slot.site
	_site_rows.clear()
	frappe.destroy()
	os.chdir(before)
	slot.release()


@pytest.fixture(scope="module", autouse=True)
def _module_leaves_no_rows() -> Iterator[None]:
	"""What a module's own fixtures commit on the site does not reach the next module; its jobs hold no worker up."""
	yield
	for rows in _site_rows:
		_reconnect(rows.frappe, rows.frappe.local.site)
		rows.frappe.db.rollback()
		rows.restore()
		_purge_jobs(rows.frappe.local.site)


@pytest.fixture
def db(site: str) -> Iterator[Any]:
	"""`frappe`, connected as Administrator.

	What the test does not commit is rolled back; rows of the app that it commits are removed.
	"""
	import frappe

	_reconnect(frappe, site)
	_reset(frappe)
	before = _Rows(frappe)
	yield frappe
	_reconnect(frappe, site)
	frappe.db.rollback()
	_reset(frappe)
	before.restore()


@pytest.fixture(scope="session")
def stack(bench: Bench) -> Iterator[Stack]:
	"""Web server, worker and sandbox as processes on a site of their own. Its scheduler waits for `stack.tick()`."""
	with _stack(bench, "e2e") as stack:
		yield stack


@pytest.fixture(scope="session")
def desk(bench: Bench) -> Iterator[Stack]:
	"""A stack whose desk works in a browser, with nothing on its site but what the browser enters."""
	from dev.desk_assets import NoDesk, ensure_desk

	try:
		ensure_desk(bench)
	except NoDesk as error:
		pytest.skip(str(error))
	with _stack(bench, "desk") as stack:
		yield stack


@contextlib.contextmanager
def _stack(bench: Bench, name: str) -> Iterator[Stack]:
	slot = bench.slot(name)
	site = fresh_site(bench, slot.site, scheduler=True)
	bench.set_site_config(site, **LIMITS)
	with Stack(bench, site).start() as stack:
		yield stack
	slot.release()


def _purge_jobs(site: str) -> None:
	"""No worker serves the site of these tests: what they queue is cleared away."""
	from dev.inside import purge_jobs

	with contextlib.suppress(OSError, ConnectionError):
		purge_jobs(site)


_site_rows: list["_Rows"] = []


class _Rows:
	"""Which rows the app's tables hold, so that those added later can be told apart."""

	MOST = 1000

	def __init__(self, frappe: Any):
		self.frappe = frappe
		frappe.db.rollback()
		kinds = frappe.get_all("DocType", {"module": "Bank API"}, ["name", "issingle"])
		tables = [f"tab{kind.name}" for kind in kinds if not kind.issingle]
		self.names = {table: self._names(table) for table in tables}
		self.singles = [kind.name for kind in kinds if kind.issingle]
		self.values = self._values()

	def restore(self) -> None:
		"""Delete what was added, put single settings back; commits only if there was something to do."""
		database, done = self.frappe.db, False
		for table, kept in self.names.items():
			if len(kept) <= self.MOST and (added := set(self._names(table)) - set(kept)):
				chosen = " WHERE name NOT IN %(kept)s" if kept else ""
				database.sql(f"DELETE FROM `{table}`{chosen}", {"kept": kept})
				for name in added:
					self.frappe.clear_document_cache(table.removeprefix("tab"), name)
				done = True
		if self._values() != self.values:
			database.sql("DELETE FROM `tabSingles` WHERE doctype IN %(singles)s", {"singles": self.singles})
			for row in self.values:
				database.sql("INSERT INTO `tabSingles` (doctype, field, value) VALUES (%s, %s, %s)", row)
			for single in self.singles:
				self.frappe.clear_document_cache(single, single)
			database.value_cache.clear()
			done = True
		if done:
			database.commit()

	def _names(self, table: str) -> list[Any]:
		return [name for (name,) in self.frappe.db.sql(f"SELECT name FROM `{table}` LIMIT {self.MOST + 1}")]

	def _values(self) -> list[tuple[str, str, str]]:
		if not self.singles:
			return []
		query = "SELECT doctype, field, value FROM `tabSingles` WHERE doctype IN %(singles)s ORDER BY doctype, field"
		return list(self.frappe.db.sql(query, {"singles": self.singles}))


def _reconnect(frappe: Any, site: str) -> None:
	"""A test may have closed the connection, or stopped the server."""
	try:
		frappe.db.sql("select 1")
	except Exception:
		frappe.destroy()
		frappe.init(site, sites_path=os.getcwd())
		frappe.connect()


def _reset(frappe: Any) -> None:
	"""The state of a new request, as Administrator."""
	frappe.set_user("Administrator")
	lists = {"currently_saving": []}
	frappe.local.flags = frappe._dict(lists, in_test=True)
	frappe.local.message_log = []
	frappe.local.error_log = []
	frappe.local.form_dict = frappe._dict()
	frappe.local.response = frappe._dict(docs=[])
	for name in ("request", "response_headers", "job", "http_request"):
		if hasattr(frappe.local, name):
			delattr(frappe.local, name)
