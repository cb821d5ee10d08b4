"""The guided set-up in a real browser, as an admin who does it for the first time goes through it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from setup_page import Setup

PROVIDER = "Quanto Sandbox"
ORGANIZATION = "74e929d9-33b6-4d85-8ba7-c146c867a817"
SOFTWARE = "10120340-3318-4baf-99e2-0b56729c4ab2"
COMPANY = "11.222.333/0001-81"
PROFILES = {"signing": "BRSEAL", "transport": "BRCAC"}


@pytest.fixture(scope="session")
def quanto(world: Any) -> str:
	"""A Quanto provider of which nothing is known but its address."""
	world.admin.insert(
		"Bank API Provider",
		provider_name=PROVIDER,
		connector="quanto",
		api_base_url=world.stack.quanto_url,
		country_code="BR",
	)
	world.admin.insert("Bank API Whitelabel", title="Example Money", primary_color="#0b5d5e")
	return PROVIDER


@pytest.fixture
def setup(screen: Any, quanto: str) -> Setup:
	return Setup(screen, quanto).open()


def test_the_first_look_says_what_comes_next(setup: Setup):
	states = setup.states()
	assert states["address"] == "done" and states["organization"] == states["contacts"] == "next"
	assert {states[key] for key in states if key not in ("address", "organization", "contacts")} == {
		"blocked"
	}
	assert setup.opened() == ["organization"]
	assert "First: Register the organization" in setup.step("software").inner_text()
	setup.screen.picture("setup")
	setup.press("organization", "Save")  # nothing is filled in
	setup.screen.dialog()
	setup.page.keyboard.press("Escape")
	setup.page.wait_for_timeout(500)
	assert setup.state("organization") == "next"


def test_the_directory_is_told_of_slips(setup: Setup):
	setup.fill(
		"organization",
		organization_id="1234",
		institution_name="Crédito Exemplo S.A.",
		institution_number=COMPANY,
	)
	setup.press("organization", "Save")
	setup.refused("not an ID of the Directory")
	setup.fill("organization", organization_id=ORGANIZATION, institution_number="11.222.333/0001-82")
	setup.press("organization", "Save")
	setup.refused("CNPJ")
	setup.fill("organization", institution_number=COMPANY)
	setup.press("organization", "Save")
	setup.becomes("organization", "done")
	assert setup.opened() == ["software"]
	shown = setup.step("software").inner_text()
	assert f"{setup.screen.url}/bank-api/return" in shown
	setup.fill("software", software_statement_id=SOFTWARE, directory_client_id="Cki1EbvjwyhPB12NGLlz2")
	setup.press("software", "Save")
	setup.becomes("software", "done")


def test_certificates_are_requested_and_the_wrong_level_is_refused(setup: Setup, world: Any):
	setup.fill("signing", responsible="Ana Souza")
	setup.press("signing", "Create Key and Request")
	setup.becomes("signing", "waiting")
	setup.fill("transport", dns_names="bank.example.com", locality="Campinas", state="São Paulo")
	setup.press("transport", "Create Key and Request")
	setup.becomes("transport", "waiting")
	chains = {key: issue(setup, world, key) for key in PROFILES}
	paste(setup, "signing", chains["transport"])
	setup.refused("another key")
	setup.screen.picture("setup-certificate")
	for key, chain in chains.items():
		paste(setup, key, chain)
		setup.becomes(key, "done")
	names = {
		usage: world.admin.rows("Bank API Provider", {"name": PROVIDER}, [field])[0][field]
		for usage, field in (("signing", "signing_certificate"), ("transport", "transport_certificate"))
	}
	setup.fill("levels", organization_level=names["transport"], software_level=names["signing"])
	setup.press("levels", "They are registered")
	setup.refused("belongs to the software statement")
	setup.fill("levels", organization_level=names["signing"], software_level=names["transport"])
	setup.press("levels", "They are registered")
	setup.becomes("levels", "done")


def issue(setup: Setup, world: Any, key: str) -> str:
	"""The authority's answer to the request that the page lets one download."""
	step = setup.unfold(key)
	with setup.page.expect_download() as download:
		step.get_by_role("button", name=re.compile("Download")).click()
	request = download.value.path().read_text()
	issued = world.control.quanto.issue(request, PROFILES[key])
	return issued["chain"] if isinstance(issued["chain"], str) else "".join(issued["chain"])


def paste(setup: Setup, key: str, chain: str) -> None:
	setup.fill(key, text=chain)
	setup.press(key, "Upload Certificate")


def test_contacts_onboarding_and_the_key_that_never_comes_back(setup: Setup, world: Any):
	setup.fill(
		"contacts", kind="Technical", contact_name="Ana Souza", email="ana@example.com", phone="+55 11 4000"
	)
	setup.step("contacts").get_by_role("button", name="Add Row").click()
	second = setup.step("contacts").locator(".step-row").nth(1)
	setup.fill_in(second, kind="Security", contact_name="Rui Lima", email="rui@example.com")
	setup.screen.picture("setup-contacts")
	setup.press("contacts", "Save")
	setup.becomes("contacts", "done")
	link = world.control.quanto.onboarding_link()
	setup.fill("api_key", onboarding_link=link)
	setup.press("api_key", "Fill In the Onboarding Form")
	setup.becomes("api_key", "done")
	setup.press("api_key", "Test the Key")
	setup.screen.alert("Done")
	assert "qt_" not in setup.page.content() and link not in setup.page.content()
	said = setup.unfold("contacts").inner_text()
	assert "Ana Souza, ana@example.com" in said and "Rui Lima, rui@example.com" in said


def test_the_provider_takes_everything_and_a_test_event_arrives(setup: Setup, world: Any):
	setup.press("upload", "Hand Over")
	setup.yes()
	setup.becomes("upload", "done")
	setup.press("ids", "Tell the Provider")
	setup.becomes("ids", "done")
	assert "End users can share their data." in setup.page.locator(".bank-api-setup").inner_text()
	look = setup.unfold("whitelabel").locator(".frappe-control[data-fieldname='whitelabel'] input")
	look.fill("Example Money")
	setup.page.locator(".awesomplete li:visible", has_text="Example Money").first.click()
	setup.press("whitelabel", "Send to the Provider")
	setup.becomes("whitelabel", "done")
	setup.screen.picture("setup-webhook")
	setup.press("webhook", "Set Up the Webhook")
	setup.becomes("webhook", "done")
	setup.press("webhook_test", "Ask for a Test Event")
	setup.becomes("webhook_test", "done", 60)  # the page looks by itself
	assert set(setup.states().values()) == {"done"}
	assert "Everything is in place" in setup.page.locator(".bank-api-setup").inner_text()
	setup.screen.picture("setup-done")
	setup.screen.form("Bank API Provider", PROVIDER)
	setup.screen.press("Set-up")
	setup.page.locator(".bank-api-setup .step").first.wait_for()
	setup.screen.open("bank-api")
	setup.page.locator(".links-widget-box a", has_text="Set-up, Step by Step").first.click()
	setup.page.locator(".bank-api-setup .step").first.wait_for()


def test_a_keyboard_is_enough(setup: Setup):
	"""Every step opens, and what it offers is reached, without a mouse."""
	head = setup.step("organization").locator(".step-head")
	head.focus()
	setup.page.keyboard.press("Enter")
	assert setup.opened() == ["organization"]
	setup.page.keyboard.press("Tab")
	reached = set()
	for _ in range(8):
		reached.add(setup.page.evaluate("() => document.activeElement.innerText.trim()"))
		setup.page.keyboard.press("Tab")
	assert "Change" in reached
	setup.step("organization").locator(".step-head").focus()
	setup.page.keyboard.press("Space")
	assert setup.opened() == []


@pytest.mark.parametrize("language", ["en", "he"])
@pytest.mark.parametrize("width", [1280, 390])
def test_two_widths_and_directions(
	screen_of: Callable[..., Any], world: Any, quanto: str, language: str, width: int
):
	world.admin.update("User", "Administrator", language=language)
	try:
		setup = Setup(screen_of(width, 900), quanto).open()
		for key in setup.states():
			setup.unfold(key)
		setup.screen.settle()
		assert setup.screen.too_wide() == []
		if language == "he":
			assert setup.page.evaluate("() => document.documentElement.dir || document.body.dir") == "rtl"
			texts = setup.page.locator(".bank-api-setup .step-title").all_inner_texts()
			assert all(re.search("[\u0590-\u05ff]", text) for text in texts)
		setup.page.evaluate("() => window.scrollTo(0, 0)")
		setup.screen.picture(f"setup-{language}-{width}")
	finally:
		world.admin.update("User", "Administrator", language="en")


def test_a_new_provider_leads_to_its_set_up(screen: Any, world: Any):
	screen.form("Bank API Provider", "new-bank-api-provider")
	screen.fill("provider_name", "Quanto New")
	screen.choose("connector", "quanto")
	screen.fill("api_base_url", world.stack.quanto_url)
	screen.save()
	said = screen.page.locator(".form-message:visible").first.inner_text()
	assert "The set-up goes on with: Register the organization" in said
	screen.press("Set-up")
	screen.page.locator(".bank-api-setup .step").first.wait_for()
	screen.page.goto(f"{screen.url}/app/bank-api-setup")
	row = screen.page.locator(".bank-api-setup .step", has_text="Quanto New")
	row.locator("button").click()
	screen.page.locator(".bank-api-setup .step[data-step='organization']").wait_for()
