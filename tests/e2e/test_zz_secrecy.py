"""After the whole suite: no private key, token, API key or number of a person stands in clear in what the installation has
written or answers.

The name puts it last. Run by itself it makes certificates, consents of both kinds and errors of its own first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conformance import Connection
from faults import FAULTS
from installation import Installation
from migdal_bank import MigdalBank
from quanto_bank import QuantoBank, cpf
from secrecy import DOCTYPE, asks, found, statuses, traces

from dev.web import Answer, Caller

PROBE = "a word that must be found"
# A number of a person has as many digits. What is shorter stands in any text by itself, and finding it says nothing.
SHORTEST = 11


@dataclass
class Search:
	"""What must be found nowhere, and where to look."""

	installation: Installation
	bank: MigdalBank
	connection: Connection
	quanto: QuantoBank
	shared: Connection
	certificates: list[str]
	secrets: list[bytes]

	def found(self, text: bytes) -> list[bytes]:
		return found(self.secrets, text)


def _secrets() -> tuple[list[str], list[bytes]]:
	"""The certificates of the site, and the traces of all their keys and of all tokens."""
	import frappe

	from bank_api.gateway import certificates, consent_rows

	names = frappe.get_all(DOCTYPE, {"key_fingerprint": ("is", "set")}, pluck="name")
	secrets = [b"PRIVATE KEY"]
	for name in names:
		secrets += traces(certificates._key(name).reveal())
	for consent in frappe.get_all("Bank API Consent", {"state": "Active"}, pluck="name"):
		for field in ("access_token", "refresh_token"):
			secrets.append(consent_rows.secret(consent, field).reveal().encode())
	for provider in frappe.get_all("Bank API Provider", {"connector": "quanto"}, pluck="name"):
		doc = frappe.get_doc("Bank API Provider", provider)
		for field in ("client_secret", "webhook_secret", "onboarding_link"):
			secrets.append((doc.get_password(field, raise_exception=False) or "").encode())
	return names, sorted(set(filter(None, secrets)))


@pytest.fixture(scope="module")
def search(_installation: Installation) -> Iterator[Search]:
	bank = MigdalBank(_installation)
	connection = bank.connect()
	for path in ("/loans", "/oauth/token"):
		for name in ("500", "garbage", "HTML with 200"):
			bank.control.expire_tokens(connection.item_id)
			_installation.control.fail(path=path, **FAULTS[name])
			bank.site.api.answer("post_token_renewal", item_id=connection.item_id)
			bank.site.api.answer("post_item_refresh", item_id=connection.item_id)
	bank.recover()
	quanto = QuantoBank(_installation)
	shared = quanto.connect()
	_provoke(quanto, shared)
	_installation.settle(bank.provider)
	_installation.settle(quanto.provider)
	names, secrets = _installation.inside(_secrets)
	assert len(names) >= 4 and len(secrets) > 50
	secrets += [number.encode() for number in quanto.people.values()]
	yield Search(_installation, bank, connection, quanto, shared, names, secrets)


def _provoke(quanto: QuantoBank, shared: Connection) -> None:
	"""Errors with numbers of persons and with the API key at hand: each has its log line, its answer, its row."""
	person, api = quanto.people[shared.user], quanto.site.api
	presence = {"psu_ip_address": "203.0.113.9", "psu_user_agent": "Mozilla/5.0"}
	for name in ("500", "garbage", "HTML with 200"):
		quanto.installation.control.fail(path="/v1/", times=1, **FAULTS[name])
		api.answer("get_quanto_session_link", document=person, user=shared.user)
		quanto.installation.control.fail(path="/v1/", times=1, **FAULTS[name])
		api.answer("extend_quanto_consent", consent=shared.item_id, document=person, **presence)
	quanto.recover()
	assert (
		api.answer("extend_quanto_consent", consent=shared.item_id, document=cpf(1), **presence).status >= 400
	)
	assert api.answer("get_quanto_session_link", document=person[:-1], user=shared.user).status >= 400
	quanto.control.fail(401, code="API_KEY_INVALID", path="/v1/", times=2)
	api.answer("get_quanto_consent", consent=shared.item_id)
	quanto.recover()
	quanto.link("only asked")


def test_the_search_finds_what_is_there(search: Search) -> None:
	"""And nothing else: a secret that an earlier test made up may not be an everyday word."""
	assert [secret for secret in search.secrets if len(secret) < SHORTEST] == []
	for secret in search.secrets:
		assert search.found(b"before " + secret + b" after")


def test_nothing_in_the_database_dump(search: Search, tmp_path: Path) -> None:
	stack = search.installation.stack

	def database() -> str:
		import frappe

		frappe.log_error(PROBE)
		return frappe.conf.db_name

	target = tmp_path / "dump.sql"
	stack.bench.database.dump(search.installation.inside(database), target, tmp_path / "dump.log")
	text = target.read_bytes()
	for expected in (search.connection.item_id, *search.certificates, PROBE, "BEGIN CERTIFICATE"):
		assert expected.encode() in text
	assert search.found(text) == []


def test_nothing_in_a_log(search: Search) -> None:
	stack = search.installation.stack
	folders = (stack.folder / "logs", stack.bench.logs, stack.bench.sites_path / stack.site / "logs")
	files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
	assert {"web.log", "worker1.log"} <= {path.name for path in files}
	for path in files:
		assert search.found(path.read_bytes()) == [], path


def test_nothing_in_files_of_the_site(search: Search) -> None:
	"""Files that people have attached, and backups of the database: those lie in the site's folder."""
	stack = search.installation.stack
	folder = stack.bench.sites_path / stack.site
	stack.bench.frappe("backup", site=stack.site)
	backups = list((folder / "private" / "backups").glob("*.gz"))
	assert backups
	import gzip

	for path in backups:
		assert search.found(gzip.decompress(path.read_bytes())) == [], path
	for path in folder.rglob("*"):
		if path.is_file() and path not in backups:
			assert search.found(path.read_bytes()) == [], path


def _pages(search: Search) -> list[Answer]:
	"""Pages of errors, and answers that are errors."""
	installation, caller = search.installation, Caller(search.installation.stack.url)
	admin, api = installation.setup.admin.caller, search.bank.site.api
	method = "/api/method/frappe.client.get_password"
	return [
		caller.call("GET", "/bank-api/return?state=unknown&code=unknown"),
		caller.call("GET", "/bank-api/nowhere"),
		caller.call("GET", f"/app/{DOCTYPE}"),
		admin.call("GET", f"/api/resource/{DOCTYPE}/nobody"),
		admin.call(
			"POST", method, {"doctype": DOCTYPE, "name": search.certificates[0], "fieldname": "private_key"}
		),
		admin.call(
			"POST", "/api/method/run_doc_method", {"dt": DOCTYPE, "dn": search.certificates[0], "method": "x"}
		),
		api.answer("get_loans", item_id="unknown"),
		api.answer("get_migdal_consent_link", bank="unknown"),
		api.answer("get_migdal_consent_status"),
	]


def test_nothing_in_an_error_page(search: Search) -> None:
	pages = _pages(search)
	assert len([page for page in pages if page.status >= 400]) >= 6
	for page in pages:
		assert search.found(page.text.encode()) == [] and search.found(str(page.headers).encode()) == []


def test_nothing_in_an_answer_for_the_administrator(search: Search) -> None:
	admin = search.installation.setup.admin.caller
	for name in search.certificates[:4]:
		for verb, path, body in asks(name):
			answer = admin.call(verb, path, body)
			expected = statuses(search.installation.stack.bench, path)
			assert answer.status in expected, (verb, path, answer.text[:300])
			assert search.found(answer.text.encode()) == [], (verb, path)


def test_nothing_in_an_answer_for_the_client(search: Search) -> None:
	for method in ("get_loans", "get_bank_transactions", "get_migdal_consent_details", "post_token_renewal"):
		answer = search.bank.site.api.answer(method, item_id=search.connection.item_id)
		assert answer.status == 200
		assert search.found(answer.text.encode()) == [], method
	for method in ("get_quanto_consent", "get_quanto_consent_details", "get_bank_accounts", "get_resources"):
		answer = search.quanto.site.api.answer(method, item_id=search.shared.item_id)
		assert answer.status == 200, answer.text[:300]
		assert search.found(answer.text.encode()) == [], method


def test_a_persons_number_is_asked_for_by_post_only(search: Search) -> None:
	"""An address is written into logs and histories: a number in it is refused before anything is done with it."""
	person = search.quanto.people[search.shared.user]
	caller = search.quanto.site.api.caller
	for method in ("get_quanto_session_link", "extend_quanto_consent"):
		path = f"/api/method/bank_api.quanto.{method}"
		answer = caller.call("GET", path, query={"document": cpf(2), "user": search.shared.user})
		assert answer.status >= 400 and person not in answer.text
