"""A Berlin Group source in the desk: certificates chosen at the provider, consents as they come, change and end."""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from desk_screen import Screen

from dev.story.telling import wait_for
from dev.web import Caller

CERTIFICATE, CONSENT, ITEM = "Bank API Certificate", "Bank API Consent", "Bank API Item"
PROVIDER = "Migdal Sandbox"
COMPANY, LOAN, PSU = "520004896", "1000056782", "999888777"
HEBREW = re.compile("[\u0590-\u05ff]")
UPLOAD = "/api/method/bank_api.bank_api.doctype.bank_api_certificate.bank_api_certificate.upload"


@pytest.fixture(scope="session")
def bank(world: Any) -> Any:
	"""The simulated Migdal."""
	return world.control.migdal


def certificate(world: Any, bank: Any, usage: str) -> str:
	"""A certificate that the test authority issued on our request; its own form has tests of its own."""
	name = world.admin.insert(
		CERTIFICATE,
		title=f"Migdal Sandbox {usage}",
		usage=usage,
		environment="Sandbox",
		key_type="RSA 2048",
		organization="Sim TPP Ltd",
		organization_identifier="PSDIL-CMA-516000001",
		country="IL",
		common_name="tpp.sim.example",
		dns_names="tpp.sim.example" if usage == "Transport" else None,
		authority_name="Sim Capital Market Authority",
		authority_id="IL-CMA",
	)["name"]
	csr = world.admin.press(CERTIFICATE, name, "make_request", new_key=0)
	chain = bank.issue(csr, usage)["chain"]
	body = {"certificate": name, "secret": base64.b64encode(chain.encode()).decode(), "password": ""}
	answer = world.admin.caller.call("POST", UPLOAD, body)
	assert answer.json()["message"]["accepted"], answer.text
	return name


def unfold(screen: Any, fieldname: str) -> None:
	"""Open the section that a field is in."""
	screen.page.evaluate("name => cur_frm.fields_dict[name].section.collapse(false)", fieldname)


def fill_number(screen: Any, fieldname: str, value: str) -> None:
	"""As a person does: the framework selects a number's text a moment after it is entered, wherever the focus is then."""
	box = screen.page.locator(f".frappe-control[data-fieldname='{fieldname}']:visible input").first
	box.click()
	screen.page.wait_for_timeout(300)
	box.fill(value)
	box.blur()


@pytest.fixture(scope="session")
def migdal(world: Any, bank: Any, chromium: Any, admin_state: Any) -> str:
	"""The provider, entered into its form as an admin does who follows docs/migdal.md."""
	names = {usage: certificate(world, bank, usage) for usage in ("Transport", "Signing")}
	context = chromium.new_context(viewport={"width": 1280, "height": 900}, storage_state=admin_state)
	screen = Screen(context.new_page(), world.url)
	screen.form("Bank API Provider", "new-bank-api-provider")
	screen.fill("provider_name", PROVIDER)
	screen.choose("connector", "berlin_group")
	screen.page.wait_for_function("() => cur_frm.doc.api_base_url.includes('migdal')")
	assert not screen.page.locator("[data-fieldname='client_secret']:visible").count(), (
		"no secret is asked for"
	)
	screen.choose("environment", "Sandbox")
	screen.fill("api_base_url", world.stack.migdal_url)
	screen.fill("transport_certificate", names["Transport"])
	screen.fill("signing_certificate", names["Signing"])
	unfold(screen, "further_settings")
	screen.fill("further_settings", "# nothing but a remark\ntoken_lifetime = 600")
	screen.tab("Berlin Group")
	screen.fill("authorize_url", f"{world.stack.migdal_pages_url}/oauth/authorize")
	fill_number(screen, "frequency_per_day", "50")
	screen.tab("Limits")
	unfold(screen, "ca_bundle")
	screen.fill("ca_bundle", world.stack.migdal_ca)
	screen.save()
	saved = screen.page.evaluate("() => [cur_frm.doc.transport_certificate, cur_frm.doc.signing_certificate]")
	context.close()
	assert screen.errors == []
	assert saved == [names["Transport"], names["Signing"]]
	return PROVIDER


@pytest.fixture
def calm(bank: Any) -> Iterator[None]:
	yield
	bank.reset_usage()


def call(world: Any, method: str, **arguments: Any) -> Any:
	answer = world.client.caller.call("POST", f"/api/method/bank_api.migdal.{method}", arguments)
	assert answer.status == 200, answer.text
	return answer.json()["message"]


@pytest.fixture(scope="session")
def consents(
	world: Any, bank: Any, client: str, migdal: str, chromium: Any
) -> Callable[..., tuple[str, str]]:
	"""Makes consents that end users have given, through Migdal's pages and back; name of consent and item."""

	def give(user: str, **arguments: Any) -> tuple[str, str]:
		terms = {"base_url": world.receiver.origin, "redirect_url": f"{world.receiver.origin}/done"}
		link = call(
			world,
			"get_migdal_consent_link",
			**terms,
			bank=COMPANY,
			user=user,
			psu_id=PSU,
			frequency=50,
			**arguments,
		)
		context = chromium.new_context()
		page = context.new_page()
		page.goto(bank.complete_consent(link["link"], loans=[LOAN]))
		page.wait_for_url(f"{world.receiver.origin}/**", wait_until="commit")
		context.close()
		name = row(world, CONSENT, provider_consent_id=link["consent"])["name"]
		wait_for("its item", lambda: row(world, CONSENT, name=name)["item"], 60)
		item = row(world, CONSENT, name=name)["item"]
		wait_for("its first sync", lambda: row(world, ITEM, name=item).get("last_success_at"), 40)
		return name, item

	return give


@pytest.fixture(scope="session")
def given(consents: Callable[..., tuple[str, str]]) -> tuple[str, str]:
	return consents("anna")


def row(world: Any, doctype: str, **filters: Any) -> dict[str, Any]:
	return world.admin.rows(doctype, filters, ["*"])[0]


def intro(screen: Any) -> str:
	return screen.page.locator(".form-message:visible").first.inner_text()


def test_the_provider_form_leads_to_a_source_that_answers(screen: Any, migdal: str):
	screen.form("Bank API Provider", migdal)
	screen.page.locator("[data-fieldname='transport_certificate']:visible").first.wait_for()
	screen.press("Test Connection")
	screen.alert("The provider accepts the credentials.")
	screen.tab("Berlin Group")
	screen.page.locator("[data-fieldname='key_id_style']:visible").first.wait_for()
	screen.picture("berlin-group-settings")


def test_the_tab_is_there_for_its_connector_only(screen: Any, provider: str):
	screen.form("Bank API Provider", provider)
	assert screen.page.locator(".form-tabs:visible .nav-link:visible", has_text="Webhooks").count()
	assert not screen.page.locator(".form-tabs:visible .nav-link:visible", has_text="Berlin Group").count()


def test_only_certificates_that_fit_are_offered(screen: Any, migdal: str):
	screen.form("Bank API Provider", migdal)
	box = screen.page.locator("[data-fieldname='signing_certificate']:visible input:visible").first
	box.fill("")
	box.press("ArrowDown")
	offered = screen.page.locator("[data-fieldname='signing_certificate'] .awesomplete ul:visible")
	offered.locator("li", has_text="Migdal Sandbox Signing").first.wait_for()
	assert "Migdal Sandbox Transport" not in offered.inner_text()


@pytest.mark.parametrize(
	("code", "words"),
	[
		("SIGNATURE_INVALID", "our signature wrong"),
		("CERTIFICATE_EXPIRED", "our certificate has expired"),
		("ROLE_INVALID", "lacks the role"),
	],
)
def test_a_refused_set_up_is_said_in_words(
	screen: Any, world: Any, bank: Any, migdal: str, code: str, words: str
):
	bank.fail(code, status=401, path="/api/consent/")
	screen.form("Bank API Provider", migdal)
	screen.press("Test Connection")
	text = screen.dialog().inner_text()
	assert words in text and code in text and "Traceback" not in text
	line = world.admin.rows("Bank API Log", {"action": "Set-up Refused"}, ["reference_name", "details"])[0]
	assert line["reference_name"] == migdal and code in line["details"]
	screen.errors.clear()  # the browser itself reports the refused request


def test_a_consent_shows_what_was_granted(screen: Any, world: Any, given: tuple[str, str], calm: None):
	screen.form(CONSENT, given[0])
	assert screen.shown("state") == "Active" and screen.shown("provider_status") == "valid"
	assert screen.shown("account_references") == LOAN
	before = row(world, CONSENT, name=given[0])["token_issued_at"]
	screen.press("Renew Token")
	wait_for("new tokens", lambda: row(world, CONSENT, name=given[0])["token_issued_at"] != before, 30)
	screen.reload_until("doc.state === 'Active' && !doc.last_error")
	page = screen.page.content()
	assert "code_verifier" not in screen.page.locator(".form-layout:visible").first.inner_text()
	assert PSU not in page, "the identity number is kept nowhere"
	screen.picture("consent")


@pytest.mark.parametrize("language", ["en", "he"])
@pytest.mark.parametrize("width", [1280, 390])
def test_consents_and_provider_in_two_widths_and_directions(
	screen_of: Callable[..., Any], world: Any, given: tuple[str, str], migdal: str, language: str, width: int
):
	world.admin.update("User", "Administrator", language=language)
	try:
		screen = screen_of(width, 800)
		screen.open("bank-api-consent")
		screen.page.locator(".list-row-container:visible .indicator-pill.green").first.wait_for(
			state="attached"
		)
		if (language, width) == ("en", 1280):
			screen.picture("consents")
		screen.form(CONSENT, given[0])
		assert screen.too_wide() == []
		if language == "he":
			assert screen.page.evaluate("() => document.documentElement.dir || document.body.dir") == "rtl"
			assert HEBREW.search(screen.page.locator(".form-layout:visible").first.inner_text())
			if width == 1280:
				screen.picture("consent-he")
		screen.form("Bank API Provider", migdal)
		screen.page.evaluate("() => cur_frm.fields_dict.consent_path.tab.set_active()")
		screen.page.locator("[data-fieldname='consent_path']:visible").first.wait_for()
		assert screen.too_wide() == []
		if language == "he":
			assert HEBREW.search(
				screen.page.locator("[data-fieldname='consent_path']:visible").first.inner_text()
			)
	finally:
		world.admin.update("User", "Administrator", language="en")


def test_a_blocked_consent_says_so_and_comes_back(screen: Any, world: Any, bank: Any, given: tuple[str, str]):
	identifier = row(world, CONSENT, name=given[0])["provider_consent_id"]
	bank.set_status(identifier, "suspendedByASPSP")
	screen.form(CONSENT, given[0])
	screen.press("Check at the Provider")
	screen.reload_until("doc.state === 'Suspended'")
	assert "blocked this consent" in intro(screen)
	bank.set_status(identifier, "valid")
	screen.press("Check at the Provider")
	screen.reload_until("doc.state === 'Active'")


def test_an_ended_consent_says_what_to_do(
	screen: Any, world: Any, bank: Any, consents: Callable[..., tuple[str, str]]
):
	name, item = consents("benny")
	bank.set_status(row(world, CONSENT, name=name)["provider_consent_id"], "expired")
	screen.form(CONSENT, name)
	screen.press("Check at the Provider")
	screen.reload_until("doc.state === 'Ended'")
	assert "a new one is needed" in intro(screen)
	screen.picture("consent-ended")
	screen.form(ITEM, item)
	screen.reload_until("doc.status === 'Action Required'")
	assert "The end user has to act: Authenticate" in intro(screen)
	screen.picture("consent-item-action")

	screen.press("Open End User's Link")
	screen.dialog().locator("[data-fieldname='secret'] input").fill(PSU)
	screen.answer_yes()
	shown = screen.page.locator(".modal.show [data-fieldname='link'] .control-value")
	shown.wait_for()
	back = urlsplit(bank.complete_consent(shown.inner_text().strip(), loans=[LOAN]))
	assert Caller(world.url).call("GET", f"{back.path}?{back.query}").status == 200
	wait_for("the new consent", lambda: row(world, ITEM, name=item)["status"] == "Deleted", 60)
	renewed = row(world, CONSENT, replaces=item)
	assert (renewed["state"], renewed["account_references"]) == ("Active", LOAN)


def test_a_revoked_consent_ends_at_the_source(
	screen: Any, world: Any, bank: Any, consents: Callable[..., tuple[str, str]]
):
	name, item = consents("chana")
	identifier = row(world, CONSENT, name=name)["provider_consent_id"]
	screen.form(CONSENT, name)
	screen.press("Revoke")
	screen.answer_yes()
	screen.reload_until("doc.state === 'Ended'")
	assert bank.consent(identifier)["status"] == "terminatedByTpp"
	assert row(world, ITEM, name=item)["status"] == "Deleted"
