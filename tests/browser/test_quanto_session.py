"""A whole session in Chromium, in all five languages: Quanto's pages, two banks, and back through the gateway to the client."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from desk_screen import SECONDS, Screen

from bank_api.sandbox.quanto.client import COMPANY, PERSON
from dev.seed import Setup
from dev.story.receiver import Receiver
from dev.story.telling import wait_for
from dev.web import ClientSite

LANGUAGES = ("pt-BR", "en", "fr", "cs", "he")
BANKS = ("ipe", "araucaria")
SCRIPTS = {"he": re.compile("[\u0590-\u05ff]"), "cs": re.compile("[ěščřžýůď]"), "fr": re.compile("[éèêà]")}
STEPS = ("panel", "confirm", "choose", "bank_login", "bank_choose", "result")


class Customer:
	"""A client site that may use one Quanto provider, whose set-up is done."""

	def __init__(self, world: Any):
		self.receiver = Receiver()
		setup = Setup(world.url, world.stack.sandbox_url)
		provider = setup.quanto("Quanto in a Browser")["name"]
		keys = setup.client("loja.example.com", self.receiver.origin, self.receiver.url, provider)
		self.receiver.secret = keys["webhook_secret"]
		self.api = ClientSite(world.url, keys["api_key"], keys["api_secret"], module="quanto")

	def link(self, user: str, language: str, **terms: Any) -> dict[str, Any]:
		origin = self.receiver.origin
		return self.api.call(
			"get_quanto_session_link",
			base_url=origin,
			redirect_url=f"{origin}/bank/done",
			document=PERSON,
			user=user,
			lang=language,
			**terms,
		)


@pytest.fixture(scope="module")
def customer(world: Any) -> Iterator[Customer]:
	customer = Customer(world)
	yield customer
	customer.receiver.stop()


class Visit:
	"""An end user's browser on the pages of a session."""

	def __init__(self, chromium: Any, world: Any, language: str, width: int):
		viewport = {"width": width, "height": 900}
		self.context = chromium.new_context(
			viewport=viewport, locale=language, java_script_enabled=width > 400
		)
		self.page = self.context.new_page()
		self.screen = Screen(self.page, world.url)
		self.language = language
		self.steps: list[str] = []

	def look(self, picture: str = "") -> str:
		"""The step at hand; its page is in the language, in its direction, and fits the screen."""
		page = self.page
		page.wait_for_load_state()
		step = page.locator("body").get_attribute("data-step")
		root = page.locator("html")
		assert root.get_attribute("lang") == self.language, step
		assert root.get_attribute("dir") == ("rtl" if self.language == "he" else "ltr"), step
		if script := SCRIPTS.get(self.language):
			assert script.search(page.locator("main, body").first.inner_text()), step
		size = page.locator("body").bounding_box()
		assert size["width"] <= page.viewport_size["width"] + 1, step
		if picture:
			self.screen.picture(f"quanto-session-{picture}")
		self.steps.append(step)
		return step

	def press(self, action: str) -> None:
		self.page.locator(f"button[name='action'][value='{action}']").click()

	def share(self, bank: str, resources: int | None = None) -> None:
		"""From the choice of a bank to the result."""
		assert self.look(f"choose-{self.language}" if bank == BANKS[0] else "") == "choose"
		self.page.check(f"input[name='bank'][value='{bank}']")
		self.press("continue")
		assert self.look() == "bank_login"
		self.page.fill("input[name='cpf']", PERSON)
		self.press("login")
		assert self.look("bank" if self.language == "pt-BR" else "") == "bank_choose"
		boxes = self.page.locator("input[type='checkbox']")
		for place in range(resources or 0, boxes.count() if resources else 0):
			boxes.nth(place).uncheck()
		self.press("approve")
		assert self.look() == "result"

	def begin(self, link: str) -> None:
		self.page.goto(link)
		assert self.look() == "panel"
		self.press("share")
		assert self.look("confirm" if self.language == "pt-BR" else "") == "confirm"
		text = self.page.locator("body").inner_text()
		assert PERSON not in text.replace(".", "").replace("-", "")  # the own number is shown masked
		self.press("confirm")

	def leave(self, origin: str) -> str:
		"""Finish; the address at the client to which the gateway has led."""
		with self.page.expect_navigation(url=f"{origin}/**", timeout=30 * SECONDS, wait_until="commit"):
			self.press("finish")
		return self.page.url


@pytest.fixture
def visit(chromium: Any, world: Any) -> Iterator[Any]:
	opened: list[Visit] = []

	def new(language: str, width: int = 900) -> Visit:
		opened.append(Visit(chromium, world, language, width))
		return opened[-1]

	yield new
	for one in opened:
		one.context.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_shares_at_two_banks(customer: Customer, visit: Any, language: str):
	user = f"reader of {language}"
	link = customer.link(user, language, purpose="Conciliação <b>bancária</b> & mais")
	browser = visit(language)
	browser.begin(link["link"])
	browser.share(BANKS[0])
	browser.press("another")
	browser.share(BANKS[1], resources=1)
	address = browser.leave(customer.receiver.origin)
	assert urlsplit(address).path == "/bank/done"
	assert PERSON not in address and "sessionId" not in address
	assert set(STEPS) <= set(browser.steps)
	told = customer.api.call("get_quanto_session", request=link["request"])
	assert told["status"] == "Completed" and len(told["consents"]) == 2
	assert {consent["state"] for consent in told["consents"]} == {"Active"}

	def granted() -> bool:
		events = customer.receiver.of_type("consent.granted")
		return len([event for event in events if event["data"]["user"] == user]) == 2

	wait_for("both events", granted, 60)


@pytest.mark.parametrize("language", ("pt-BR", "he"))
def test_on_a_narrow_screen_without_scripts(customer: Customer, visit: Any, language: str):
	link = customer.link(f"narrow {language}", language)
	browser = visit(language, 360)
	browser.begin(link["link"])
	browser.share(BANKS[0])
	browser.press("finish")
	browser.page.wait_for_url(re.compile("/bank-api/return|/bank/done"), wait_until="commit")
	told = customer.api.call("get_quanto_session", request=link["request"])
	assert told["status"] == "Completed" and len(told["consents"]) == 1


def test_who_leaves_has_shared_nothing(customer: Customer, visit: Any):
	link = customer.link("somebody in doubt", "en")
	browser = visit("en")
	browser.page.goto(link["link"])
	assert browser.look() == "panel"
	with browser.page.expect_navigation(url=re.compile("/bank"), wait_until="commit"):
		browser.press("leave")
	told = customer.api.call("get_quanto_session", request=link["request"])
	assert told["status"] in ("Failed", "Expired") and told["consents"] == []
	browser.page.goto(link["link"])  # the link has served
	assert browser.page.locator("body").get_attribute("data-step") == "notice"


def test_a_company_waits_for_its_second_signer(customer: Customer, visit: Any, world: Any, chromium: Any):
	link = customer.link("a firm", "pt-BR", business_document=COMPANY)
	browser = visit("pt-BR")
	browser.begin(link["link"])
	browser.share(BANKS[0])
	browser.leave(customer.receiver.origin)
	(consent,) = customer.api.call("get_quanto_session", request=link["request"])["consents"]
	assert (consent["state"], consent["approval"]) == ("Active", "Pending")
	signer = visit("pt-BR")
	signer.page.goto(world.control.quanto.approvals_link(consent["consent"]))
	signer.page.fill("input[name='cpf']", "52998224725")
	signer.press("login")
	signer.screen.picture("quanto-session-second-signer")
	signer.press("agree")

	def approved() -> list[Any]:
		events = customer.receiver.of_type("consent.granted")
		return [event for event in events if event["data"]["item_id"] == consent["consent"]]

	(event,) = wait_for("the approval", approved, 60)
	assert event["data"]["multiple_approval"] is True
