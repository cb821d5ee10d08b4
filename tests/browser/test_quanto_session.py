"""A whole session in Chromium, in all five languages: Quanto's pages, two banks, and back through the gateway to the client."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from quanto_visit import BANKS, Customer

from bank_api.sandbox.quanto.client import COMPANY, PERSON
from dev.story.telling import wait_for

LANGUAGES = ("pt-BR", "en", "fr", "cs", "he")
STEPS = ("panel", "confirm", "choose", "bank_login", "bank_choose", "result")


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
