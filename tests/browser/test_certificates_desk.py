"""How an admin gets a certificate, in a real browser: the steps, the request, the upload and what it finds, the switch."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

from authority import Authority

CERTIFICATE = "Bank API Certificate"
TITLE = "Migdal Signing 2026"
HOLDER = {
	"organization": "Example Money Ltd",
	"organization_identifier": "PSDIL-CMA-515000000",
	"country": "IL",
	"common_name": "Example Money",
	"authority_name": "Capital Market Authority",
	"authority_id": "IL-CMA",
}


@pytest.fixture(scope="session")
def authority() -> Authority:
	return Authority()


@pytest.fixture(scope="session")
def used_certificate(world: Any, authority: Authority) -> str:
	"""A certificate in use at a provider, made without the browser."""
	name = world.admin.insert(
		CERTIFICATE, title="Bank Transport 2026", key_type="RSA 2048", dns_names="bank.example.com", **HOLDER
	)["name"]
	csr = world.admin.press(CERTIFICATE, name, "make_request", new_key=0)
	take(world, name, authority.chain(authority.issue(csr, days=20)))
	world.admin.insert(
		"Bank API Provider",
		provider_name="With Certificate",
		connector="bridge",
		client_id="x",
		client_secret="x",
		enabled=0,
		transport_certificate=name,
	)
	return name


def take(world: Any, name: str, data: bytes) -> None:
	import base64

	method = "/api/method/bank_api.bank_api.doctype.bank_api_certificate.bank_api_certificate.upload"
	body = {"certificate": name, "secret": base64.b64encode(data).decode(), "password": ""}
	answer = world.admin.caller.call("POST", method, body)
	assert answer.json()["message"]["accepted"], answer.text


def transport_of_provider(world: Any) -> str:
	filters = {"name": "With Certificate"}
	return world.admin.rows("Bank API Provider", filters, ["transport_certificate"])[0][
		"transport_certificate"
	]


def status(screen: Any) -> str:
	return screen.page.evaluate("() => cur_frm.doc.status")


def next_step(screen: Any) -> str:
	return screen.page.locator(".bank-api-steps .step-title.bold").first.inner_text()


def upload(screen: Any, data: bytes, name: str = "issued.pem", password: str = "") -> Any:
	dialog = screen.dialog()
	dialog.locator("input[type=file]").set_input_files(
		{"name": name, "mimeType": "application/octet-stream", "buffer": data}
	)
	if password:
		dialog.locator("input[type=password]").fill(password)
	dialog.locator(".btn-primary:visible").click()
	return dialog


def test_an_admin_gets_a_certificate_without_reading_the_standard(
	screen: Any, world: Any, authority: Authority
):
	screen.form(CERTIFICATE, "new-bank-api-certificate")
	assert next_step(screen) == "Fill in this form and save it"
	screen.fill("title", TITLE)
	screen.choose("usage", "Signing")
	screen.choose("key_type", "RSA 2048")
	for fieldname, value in HOLDER.items():
		screen.fill(fieldname, value)
	screen.save()

	assert next_step(screen) == "Create the key and the request"
	screen.press("Create Key and Request")
	screen.alert("The request is ready.")
	screen.reload_until("doc.status === 'CSR Ready'")
	assert next_step(screen) == "Send the request to the authority"
	with screen.page.expect_download() as download:
		screen.press("Download Request")
	text = Path(download.value.path()).read_text()
	csr = x509.load_pem_x509_csr(text.encode())
	assert download.value.suggested_filename == f"{TITLE}.csr" and csr.is_signature_valid
	screen.picture("certificate-request")

	screen.press("Upload Certificate")
	dialog = upload(screen, authority.chain(authority.issue(text, start=-400, days=-1)))
	dialog.locator(".bank-api-findings .indicator.red").first.wait_for()
	assert "Ask the authority for a new one" in dialog.inner_text()
	screen.picture("certificate-refused")
	assert status(screen) == "CSR Ready"
	dialog = upload(screen, authority.chain(authority.issue(text)))
	screen.alert("The certificate fits and is stored.")
	screen.reload_until("doc.status === 'Active'")
	assert next_step(screen) == "Choose it at the provider"
	screen.press("Check")
	assert "Everything fits." in screen.dialog().inner_text()


def test_a_pasted_text_that_is_no_certificate_is_refused_in_words(screen: Any, world: Any):
	name = world.admin.insert(
		CERTIFICATE, title="Pasted", key_type="RSA 2048", dns_names="a.example.com", **HOLDER
	)["name"]
	csr = world.admin.press(CERTIFICATE, name, "make_request", new_key=0)
	screen.form(CERTIFICATE, name)
	screen.press("Upload Certificate")
	dialog = screen.dialog()
	dialog.locator(".btn-primary:visible").click()
	dialog.locator(".bank-api-findings", has_text="Choose a file").wait_for()
	dialog.locator("textarea").fill(csr)
	dialog.locator(".btn-primary:visible").click()
	screen.page.locator(".modal.show .msgprint", has_text="signing request").wait_for()
	assert "Traceback" not in screen.page.locator(".modal.show").last.inner_text()
	screen.errors.clear()  # the browser itself reports the refused request


def test_a_file_with_its_key_is_taken_with_its_password(screen: Any, world: Any, authority: Authority):
	from cryptography.hazmat.primitives import hashes
	from cryptography.hazmat.primitives.asymmetric import rsa

	key = rsa.generate_private_key(65537, 2048)
	subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Brought Ready-made")])
	csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
	from cryptography.hazmat.primitives.serialization import Encoding

	leaf = authority.issue(csr.public_bytes(Encoding.PEM).decode())
	name = world.admin.insert(CERTIFICATE, title="Ready-made", usage="Signing", role_ai=0)["name"]
	screen.form(CERTIFICATE, name)
	screen.press("Upload Certificate")
	upload(screen, authority.pkcs12(leaf, key, b"hunter2"), "ready.p12", "hunter2")
	screen.page.locator(".modal.show .bank-api-findings").last.wait_for()  # stored, with remarks
	screen.reload_until("doc.status === 'Active'")
	assert screen.page.evaluate("() => cur_frm.doc.common_name") == "Brought Ready-made"
	assert "hunter2" not in screen.page.content()
	assert not re.search("[^*]", screen.page.evaluate("() => cur_frm.doc.private_key"))


def test_a_successor_is_prepared_switched_to_and_back(
	screen: Any, world: Any, authority: Authority, used_certificate: str
):
	screen.form(CERTIFICATE, used_certificate)
	assert "It ends in" in screen.page.locator(".form-message:visible").first.inner_text()
	assert "With Certificate" in screen.page.locator(".bank-api-steps").inner_text()
	screen.press("Prepare Successor")
	dialog = screen.dialog()
	assert dialog.locator("input:visible").first.input_value() == "Bank Transport 2027"
	dialog.locator(".btn-primary:visible").click()
	screen.page.wait_for_function("() => cur_frm && cur_frm.doc.name === 'Bank Transport 2027'")
	screen.settle()
	screen.press("Create Key and Request")
	screen.reload_until("doc.status === 'CSR Ready'")
	take(
		world,
		"Bank Transport 2027",
		authority.chain(authority.issue(screen.page.evaluate("() => cur_frm.doc.csr"))),
	)
	screen.reload_until("doc.status === 'Prepared'")
	assert next_step(screen) == "Switch to it"
	screen.press("Switch to This Certificate")
	screen.answer_yes()
	screen.alert("Providers switched: 1")
	screen.reload_until("doc.status === 'Active'")
	assert transport_of_provider(world) == "Bank Transport 2027"
	screen.press("Switch Back")
	screen.answer_yes()
	screen.reload_until("doc.status === 'Prepared'")
	assert transport_of_provider(world) == used_certificate


@pytest.mark.parametrize("language", ["en", "he"])
@pytest.mark.parametrize("width", [1280, 390])
def test_list_and_form_in_two_widths_and_directions(
	screen_of: Callable[..., Any], world: Any, used_certificate: str, language: str, width: int
):
	world.admin.update("User", "Administrator", language=language)
	try:
		screen = screen_of(width, 800)
		screen.open("bank-api-certificate")
		screen.page.locator(".list-row-container:visible").first.wait_for()
		screen.page.locator(".list-row-container:visible .indicator-pill.orange").first.wait_for(
			state="attached"
		)
		if (language, width) == ("en", 1280):
			screen.picture("certificates")
		screen.form(CERTIFICATE, used_certificate)
		screen.page.locator(".bank-api-steps:visible").wait_for()
		assert screen.too_wide() == []
		if language == "he":
			assert screen.page.evaluate("() => document.documentElement.dir || document.body.dir") == "rtl"
			assert re.search("[\u0590-\u05ff]", screen.page.locator(".bank-api-steps").inner_text())
		screen.press({"en": "Check", "he": "בדיקה"}[language])
		screen.dialog()
		screen.form("Bank API Provider", "With Certificate")
	finally:
		world.admin.update("User", "Administrator", language="en")
