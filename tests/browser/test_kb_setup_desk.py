"""The guided set-up of KB in a real browser: the desk on one side, the bank's own page on the other."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from end_user_pages import picture, too_wide, violations
from setup_page import Setup

PROVIDER = "KB Sandbox"
PASSWORD = "hunter2"
BOSS, CODE = "10000001", "123456"


@pytest.fixture(scope="session")
def bank(world: Any) -> str:
	"""A provider of which nothing is known but its addresses."""
	stack = world.stack
	lines = {
		"registration_url": f"{stack.kb_url}/v3",
		"registration_page": f"{stack.kb_pages_url}/client-registration-ui/v2/saml/register",
		"authorize_url": f"{stack.kb_pages_url}/autfe/ssologin",
	}
	world.admin.insert(
		"Bank API Provider",
		provider_name=PROVIDER,
		connector="kb",
		api_base_url=stack.kb_api_url,
		ca_bundle=stack.kb_ca,
		country_code="CZ",
		further_settings="\n".join(f"{key} = {value}" for key, value in lines.items()),
	)
	return PROVIDER


@pytest.fixture
def setup(screen: Any, bank: str) -> Setup:
	return Setup(screen, bank).open()


def bundle(world: Any) -> dict[str, Any]:
	"""The file that an authority hands out, as a browser's file chooser gives it."""
	made = world.control.kb.credentials()
	key = serialization.load_pem_private_key(made.key.encode(), None)
	leaf, *rest = x509.load_pem_x509_certificates(made.chain.encode())
	lock = BestAvailableEncryption(PASSWORD.encode())
	data = pkcs12.serialize_key_and_certificates(b"vendor", key, leaf, rest, lock)
	return {"name": "vendor.p12", "mimeType": "application/x-pkcs12", "buffer": data}


def link(setup: Setup) -> Any:
	"""The dialog that shows the link this once."""
	dialog = setup.screen.dialog()
	dialog.locator(".bank-api-once").wait_for()
	return dialog


def at_the_bank(page: Any, decision: str) -> None:
	"""Log in on the bank's page, agree or not, and go back."""
	page.fill("#user", BOSS)
	page.get_by_role("button", name="Continue").click()
	page.fill("#code", CODE)
	page.get_by_role("button", name="Continue").click()
	page.locator(f"button[value='{decision}']").click()
	page.locator("a.button").click()
	page.wait_for_url("**/bank-api/registered?**")


def test_the_first_look_says_what_to_bring(setup: Setup):
	states = setup.states()
	assert states["address"] == "done"
	assert {key for key in states if states[key] == "next"} == {"contacts", "keys", "certificate", "channel"}
	assert {states[key] for key in ("statement", "registration", "proof")} == {"blocked"}
	setup.screen.picture("kb-setup")


def test_the_form_has_no_address_for_webhooks_that_never_come(screen: Any, bank: str):
	screen.form("Bank API Provider", bank)
	tabs = screen.page.locator(".form-tabs:visible .nav-link:visible")
	assert tabs.filter(has_text="Limits").count() == 1
	assert not tabs.filter(has_text="Webhooks").count()
	assert not screen.page.get_by_text("Copy Webhook Address").count()


def test_contacts_keys_and_the_certificate(setup: Setup, world: Any):
	setup.fill("contacts", kind="Technical", contact_name="Jana Nováková", email="jana@example.cz")
	setup.press("contacts", "Save")
	setup.becomes("contacts", "done")
	keys = world.control.kb.info()["api_keys"]
	setup.fill("keys", **{f"api_key_{api}": keys[api] for api in ("registration", "oauth2")})
	setup.fill("keys", api_key_adaa=f"Bearer {keys['adaa']}")
	setup.press("keys", "Save")
	setup.refused("paste the key alone")
	setup.fill("keys", api_key_adaa=keys["adaa"])
	setup.press("keys", "Save")
	setup.becomes("keys", "done")
	assert not any(key in setup.page.content() for key in keys.values())
	file = setup.unfold("certificate").locator("input[type=file]")
	file.set_input_files(bundle(world))
	setup.fill("certificate", password="wrong")
	setup.screen.picture("kb-setup-certificate")
	setup.press("certificate", "Upload a File with Its Key")
	setup.refused("protected by a password")
	setup.fill("certificate", password=PASSWORD)
	setup.press("certificate", "Upload a File with Its Key")
	setup.becomes("certificate", "done")
	setup.fill("statement", software_name="Účetnictví ABC", software_name_en="ABC Accounting")
	setup.press("statement", "Ask for the Statement")
	setup.becomes("statement", "done")
	assert "Ukázková firma s.r.o. 12345679" in setup.unfold("statement").inner_text()


def test_the_bank_s_page_and_back(setup: Setup, world: Any, pages: Callable[..., Any], axe: str):
	setup.press("registration", "Make the Link")
	dialog = link(setup)
	setup.screen.picture("kb-setup-link")
	address = dialog.locator("a.btn").get_attribute("href")
	assert address.startswith(world.stack.kb_pages_url) and "registrationRequest=" in address
	with setup.page.context.expect_page() as opened:
		dialog.locator("a.btn").click()
	at_the_bank(opened.value, "refuse")
	said = opened.value.locator("main").inner_text()
	assert "The application is not registered" in said and "Nothing has been changed" in said
	assert setup.state("registration") == "waiting"
	opened.value.goto(address)  # the same link still serves
	at_the_bank(opened.value, "approve")
	assert "The application is registered" in opened.value.locator("main").inner_text()
	setup.page.keyboard.press("Escape")
	setup.becomes("registration", "done", 60)  # the page looks by itself
	assert address.split("registrationRequest=")[1][:60] not in setup.page.content()
	assert "ABCAccounting-" in setup.unfold("registration").inner_text()
	here = opened.value
	again = here.url
	here.get_by_role("link", name="Go on with the set-up").click()
	here.locator(".bank-api-setup .step").first.wait_for()
	strangers = pages(360, locale="he-IL")
	for url, status, sentence in ((again, 404, "איש אינו ממתין"), (again + "x", 404, "איש אינו ממתין")):
		assert strangers.goto(url).status == status
		assert sentence in strangers.locator("main").inner_text()
		assert PROVIDER not in strangers.content() and too_wide(strangers) <= 0
	assert violations(pages_with_script(pages, again), axe) == []
	picture(strangers, "kb-setup-registered-he-360")


def pages_with_script(pages: Callable[..., Any], url: str) -> Any:
	page = pages(1280, script=True, bypass_csp=True)
	page.goto(url)
	return page


def test_the_proof_and_where_to_authorise(setup: Setup):
	setup.press("proof", "Test Now")
	setup.becomes("proof", "done")
	setup.unfold("channel")
	setup.press("channel", "Save")
	setup.becomes("channel", "done")
	assert set(setup.states().values()) == {"done"}
	assert "Everything is in place" in setup.page.locator(".bank-api-setup").inner_text()
	setup.unfold("statement")
	setup.unfold("registration")
	setup.screen.picture("kb-setup-done")
	setup.screen.form("Bank API Provider", PROVIDER)
	setup.screen.tab("KB")
	assert "Ukázková firma" in setup.screen.shown("statement_vendor")
	assert setup.screen.shown("registered_scopes") == "adaa bpisp"
	setup.screen.picture("kb-setup-provider")


def test_a_second_registration_is_asked_about(setup: Setup):
	setup.press("registration", "Register Again")
	assert "every user has to give a new one" in setup.screen.dialog().inner_text()
	setup.page.keyboard.press("Escape")
	assert setup.state("registration") == "done"


@pytest.mark.parametrize(("language", "width"), [("en", 360), ("he", 1280), ("he", 360)])
def test_narrow_and_from_right_to_left(
	screen_of: Callable[..., Any], world: Any, bank: str, language: str, width: int
):
	world.admin.update("User", "Administrator", language=language)
	try:
		setup = Setup(screen_of(width, 900), bank).open()
		for key in setup.states():
			setup.unfold(key)
		setup.screen.settle()
		assert setup.screen.too_wide() == []
		if language == "he":
			assert setup.page.evaluate("() => document.documentElement.dir || document.body.dir") == "rtl"
			texts = setup.page.locator(".bank-api-setup .step-title").all_inner_texts()
			assert all(re.search("[\u0590-\u05ff]", text) for text in texts)
		setup.page.evaluate("() => window.scrollTo(0, 0)")
		setup.screen.picture(f"kb-setup-{language}-{width}")
	finally:
		world.admin.update("User", "Administrator", language="en")


def test_a_new_provider_has_what_kb_needs(screen: Any):
	screen.form("Bank API Provider", "new-bank-api-provider")
	screen.fill("provider_name", "KB New")
	screen.choose("connector", "kb")
	assert screen.page.evaluate("() => cur_frm.doc.api_base_url") == "https://api-gateway.kb.cz"
	assert screen.page.evaluate("() => cur_frm.doc.country_code") == "CZ"
	tabs = screen.page.locator(".form-tabs:visible .nav-link:visible").all_inner_texts()
	assert {"KB", "Payments", "Contacts"} <= {tab.strip() for tab in tabs}
	assert not {"Quanto", "Berlin Group"} & {tab.strip() for tab in tabs}
	screen.save()
	said = screen.page.locator(".form-message:visible").first.inner_text()
	assert "The set-up goes on with:" in said
	screen.press("Set-up")
	screen.page.locator(".bank-api-setup .step[data-step='keys']").wait_for()
