"""A private key is found in clear nowhere: not in the database, not in any answer, not in a log, not in an error.

Keys are made, uploaded, replaced and deleted through the desk's own HTTP doors, as Administrator, who may read
everything else; then everything that these doors and the servers have written is searched.
"""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from authority import Authority
from cryptography.hazmat.primitives import serialization
from secrecy import DOCTYPE, asks, found, statuses, traces
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from bank_api.crypto import bundle
from bank_api.gateway import certificate_profiles, certificates
from bank_api.gateway.ids import row_name
from dev.processes import Process, web_server
from dev.web import Admin, Answer

PASSWORD = "a password of a file that nobody guesses"
UPLOAD = "/api/method/bank_api.bank_api.doctype.bank_api_certificate.bank_api_certificate.upload"
HOLDER = {
	"organization": "Example Money Ltd",
	"organization_identifier": "PSDIL-CMA-515000000",
	"country": "IL",
	"common_name": "Example Money",
	"authority_name": "Capital Market Authority",
	"authority_id": "IL-CMA",
	"key_type": "RSA 2048",
	"usage": "Signing",
}


class Office:
	"""An admin at work over HTTP, and what must never be seen again."""

	def __init__(self, frappe: Any, admin: Admin):
		self.frappe, self.admin, self.authority = frappe, admin, Authority()
		self.secrets: list[bytes] = [PASSWORD.encode()]
		self.names: list[str] = []

	def record(self) -> str:
		name = self.admin.insert(DOCTYPE, title=f"Secret {row_name()}", **HOLDER)["name"]
		self.names.append(name)
		return name

	def remember(self, name: str) -> str:
		self.frappe.db.rollback()
		text = certificates._key(name).reveal()
		self.secrets += traces(text)
		return text

	def made_here(self) -> str:
		name = self.record()
		csr = self.admin.press(DOCTYPE, name, "make_request", new_key=0)
		self.remember(name)
		assert self.upload(name, self.authority.chain(self.authority.issue(csr))).json()["message"][
			"accepted"
		]
		return name

	def brought(self) -> str:
		"""A ready-made file: refused without its password, then taken."""
		source = self.record()
		csr = self.admin.press(DOCTYPE, source, "make_request", new_key=0)
		key = serialization.load_pem_private_key(self.remember(source).encode(), None)
		data = self.authority.pkcs12(self.authority.issue(csr), key, PASSWORD.encode())
		self.secrets.append(base64.b64encode(data)[:80])
		name = self.record()
		assert self.upload(name, data).status == 417
		assert self.upload(name, data, "wrong").status == 417
		assert self.upload(name, data, PASSWORD).json()["message"]["accepted"]
		plain = key.private_bytes(
			serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
		)
		self.secrets.append(base64.b64encode(plain)[800:880])
		self.upload(name, plain)
		return name

	def upload(self, name: str, data: bytes, password: str = "") -> Answer:
		body = {"certificate": name, "secret": base64.b64encode(data).decode(), "password": password}
		return self.admin.caller.call("POST", UPLOAD, body)

	def found(self, text: bytes) -> list[bytes]:
		return found(self.secrets, text)


@pytest.fixture(scope="module")
def web(bench: Any, site: str) -> Iterator[Process]:
	process = web_server(bench, site).start()
	yield process
	process.stop()


@pytest.fixture(scope="module")
def office(web: Process, site: str) -> Iterator[Office]:
	import frappe

	frappe.set_user("Administrator")
	at_work = Office(frappe, Admin(f"http://127.0.0.1:{web.port}"))  # type: ignore[attr-defined]
	at_work.made_here()
	at_work.brought()
	admin, name = at_work.admin, at_work.names[0]
	successor = admin.press(DOCTYPE, name, "prepare_successor", title=f"Next {row_name()}")
	csr = admin.press(DOCTYPE, successor, "make_request", new_key=0)
	at_work.remember(successor)
	at_work.upload(successor, at_work.authority.chain(at_work.authority.issue(csr)))
	admin.press(DOCTYPE, successor, "switch")
	admin.press(DOCTYPE, successor, "switch_back")
	gone = at_work.made_here()
	assert admin.caller.call("DELETE", f"/api/resource/{DOCTYPE}/{gone}").status == 202
	at_work.names.remove(gone)
	yield at_work
	frappe.db.rollback()


def test_the_search_finds_a_key_that_is_there(office: Office):
	text = certificates._key(office.names[0]).reveal()
	assert len(office.found(text.encode())) > 8
	assert office.found(str(office.secrets[0]).encode()) != []


def test_no_key_in_the_database_dump(office: Office, bench: Any, site: str, tmp_path: Path):
	import frappe

	frappe.db.rollback()
	target = tmp_path / "dump.sql"
	bench.mariadb.client().dump(frappe.conf.db_name, target, tmp_path / "dump.log")
	text = target.read_bytes()
	for expected in (
		office.names[0].encode(),
		b"PSDIL-CMA-515000000",
		b"tabVersion",
		b"tabDeleted Document",
		b"Certificate Switched Back",
	):
		assert expected in text
	assert office.found(text) == []


def test_no_key_in_any_answer(office: Office, bench: Any):
	for name in (office.names[0], office.names[2]):
		for verb, path, body in asks(name):
			answer = office.admin.caller.call(verb, path, body)
			assert answer.status in statuses(bench, path), (verb, path, answer.text[:300])
			assert office.found(answer.text.encode()) == [], (verb, path)
			assert (
				answer.status != 200
				or name in answer.text
				or "private_key" in answer.text
				or '"message":[]' in answer.text
				or "get_docinfo" in path
			), path


def test_not_even_who_may_read_all_passwords_gets_it(office: Office):
	for name in office.names:
		for fieldname in ("private_key", "password"):
			body = {"doctype": DOCTYPE, "name": name, "fieldname": fieldname}
			answer = office.admin.caller.call("POST", "/api/method/frappe.client.get_password", body)
			assert answer.status == 403
			assert office.found(answer.text.encode()) == []


def test_a_key_typed_into_the_form_is_neither_kept_nor_shown(office: Office):
	key = certificates._key(office.names[0]).reveal()
	for verb, path, body in (
		(
			"POST",
			f"/api/resource/{quote(DOCTYPE)}",
			{"title": f"T {row_name()}", **HOLDER, "private_key": key},
		),
		("PUT", f"/api/resource/{quote(DOCTYPE)}/{quote(office.names[0])}", {"private_key": key}),
		("PUT", f"/api/resource/{quote(DOCTYPE)}/{quote(office.names[0])}", {"roots": key}),
	):
		answer = office.admin.caller.call(verb, path, body)
		assert answer.status == 417, answer.text
		assert (
			office.found(answer.text.encode()) == [b"PRIVATE KEY..."]
			or office.found(answer.text.encode()) == []
		)


def test_a_file_with_a_key_cannot_be_attached(office: Office, db: Any, site: str):
	key = certificates._key(office.names[0]).reveal()
	body = {
		"file_name": "key.pem",
		"content": key,
		"is_private": 1,
		"attached_to_doctype": DOCTYPE,
		"attached_to_name": office.names[0],
	}
	answer = office.admin.caller.call("POST", "/api/resource/File", body)
	assert answer.status == 417 and office.found(answer.text.encode()) == []
	for folder in ("private", "public"):
		for path in (Path(db.get_site_path()) / folder / "files").rglob("*"):
			assert not path.is_file() or office.found(path.read_bytes()) == [], path


def test_no_key_in_a_log_file(office: Office, bench: Any, site: str, web: Process):
	office.admin.caller.call(
		"POST",
		"/api/method/frappe.client.get_password",
		{"doctype": DOCTYPE, "name": "nobody", "fieldname": "x"},
	)
	files = [
		path
		for folder in (bench.logs, bench.sites_path / site / "logs")
		for path in folder.rglob("*")
		if path.is_file()
	]
	assert files
	for path in files:
		assert office.found(path.read_bytes()) == [], path


# --- errors that nobody has foreseen


def broken(*_args: Any, **_kwargs: Any) -> Any:
	raise RuntimeError("unforeseen")


def reported(frappe: Any, act: Any) -> bytes:
	"""What the framework's own report, with the variables of all frames, says of a failure."""
	before = set(frappe.get_all("Error Log", pluck="name", limit_page_length=0))
	try:
		act()
	except Exception:
		frappe.log_error("provoked")
	rows = frappe.get_all("Error Log", fields=["name", "method", "error"], limit_page_length=0)
	return "\n".join(f"{row.method}\n{row.error}" for row in rows if row.name not in before).encode()


@pytest.mark.parametrize(
	("where", "name"),
	[
		(certificates, "_findings"),
		(certificates, "_store_chain"),
		(certificates, "_encrypted"),
		(certificates, "read_bundle"),
		(certificates, "set_encrypted_password"),
		(bundle, "_ordered"),
		(bundle, "read_der"),
		(certificates.audit, "record"),
	],
)
@pytest.mark.parametrize("form", ["pkcs12", "pem"])
def test_no_key_in_an_error_log(
	office: Office, db: Any, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, form: str
):
	from frappe.handler import execute_cmd

	source, empty = office.record(), office.record()
	csr = office.admin.press(DOCTYPE, source, "make_request", new_key=0)
	key = serialization.load_pem_private_key(office.remember(source).encode(), None)
	leaf = office.authority.issue(csr)
	if form == "pkcs12":
		data = office.authority.pkcs12(leaf, key, PASSWORD.encode())
	else:
		data = office.authority.chain(leaf) + key.private_bytes(
			serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
		)
	content = base64.b64encode(data).decode()
	secrets = [*office.secrets, content[:60].encode(), content[-80:].encode(), str(data[-60:])[2:30].encode()]
	db.db.rollback()
	monkeypatch.setattr(where, name, broken)
	# As a request does it, so that the frames of the framework itself are in the report.
	db.local.request = Request(EnvironBuilder(method="POST", path=UPLOAD).get_environ())
	db.local.form_dict = db._dict(certificate=empty, secret=content, password=PASSWORD)
	try:
		report = reported(db, lambda: execute_cmd(UPLOAD.rpartition("/")[2]))
	finally:
		del db.local.request
	assert "secret" not in db.local.form_dict and "password" not in db.local.form_dict
	assert b"RuntimeError" in report or b"unforeseen" in report
	assert [secret[:12] for secret in secrets if secret in report] == []


@pytest.mark.parametrize(
	("module", "name"),
	[
		(certificate_profiles, "build_etsi_csr"),
		(certificates, "set_encrypted_password"),
		(certificates, "write"),
	],
)
def test_no_key_in_an_error_log_of_a_request(
	office: Office, db: Any, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
):
	made: list[Any] = []
	real = certificates.PrivateKey.generate

	def generate(*args: Any) -> Any:
		made.append(real(*args))
		return made[-1]

	empty = office.record()
	db.db.rollback()
	monkeypatch.setattr(certificates.PrivateKey, "generate", generate)
	monkeypatch.setattr(module, name, broken)
	report = reported(db, lambda: db.get_doc(DOCTYPE, empty).make_request())
	assert b"RuntimeError" in report
	assert [secret[:12] for secret in traces(made[0].pem()) if secret in report] == []
