"""Migdal's pages: Hebrew, right to left, each step and its mistakes, for people without a mouse too."""

import re
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest
from migdal_tpp import CALLBACK, COMPANY, CUSTOMER, LOAN, Client

from bank_api.sandbox.migdal.client import MigdalBrowser
from bank_api.sandbox.migdal.texts import TEXTS


class Outline(HTMLParser):
	"""What a page offers: fields with and without a label, and its attributes."""

	def __init__(self, text: str) -> None:
		super().__init__()
		self.labels: set[str] = set()
		self.fields: list[dict[str, str | None]] = []
		self.root: dict[str, str | None] = {}
		self.depth = 0
		self.tags: list[str] = []
		self.feed(text)

	def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
		found = dict(attrs)
		self.tags.append(tag)
		if tag == "html":
			self.root = found
		elif tag == "label":
			self.depth += 1
			self.labels.add(found.get("for") or "")
		elif tag == "input":
			self.fields.append(found | {"wrapped": "yes" if self.depth else None})

	def handle_endtag(self, tag: str) -> None:
		self.depth -= tag == "label"


@pytest.fixture
def open_at(migdal, client):
	"""Open the pages of a new consent, as far as a step."""

	def go(step: str = "login", numbers: list[str] | None = None, psu: str = CUSTOMER) -> MigdalBrowser:
		browser = migdal.migdal.browser(client.link(client.create(numbers, psu).json()["consentId"]))
		if step != "login":
			browser.post(("psu_id", psu))
		if step in ("choose", "confirm"):
			browser.post(("otp", "123456"))
		assert browser.page.step == step
		return browser

	return go


@pytest.mark.parametrize(
	("step", "numbers"), [("login", None), ("otp", None), ("choose", None), ("confirm", [LOAN])]
)
def test_every_page_is_hebrew_right_to_left_and_labelled(open_at, step, numbers):
	text = open_at(step, numbers).page.text
	page = Outline(text)
	assert (page.root["lang"], page.root["dir"]) == ("he", "rtl")
	assert "script" not in page.tags and page.tags.count("h1") == 1 and page.tags.count("main") == 1
	assert 'name="viewport"' in text and 'aria-current="step"' in text and 'class="skip"' in text
	for field in page.fields:
		assert field["wrapped"] or field["id"] in page.labels, field
	assert not re.search(r"tabindex=.[1-9]", text)
	assert re.search("[א-ת]", TEXTS[f"{step}_title"]) and TEXTS[f"{step}_title"] in text


def test_the_page_says_who_asks_and_for_what(open_at):
	text = open_at("choose").page.text
	assert "Sim TPP Ltd" in text and LOAN in text and "1000056790" in text and "2000011223" not in text
	assert TEXTS["right_transactions"] in text


def test_mistakes_are_said_and_can_be_mended(open_at):
	browser = open_at()
	for psu, message in (("111", "login_unknown"), ("999888002", "login_other"), ("", "login_unknown")):
		page = browser.post(("psu_id", psu))
		assert page.step == "login" and TEXTS[message] in page.text and 'role="alert"' in page.text
	browser.post(("psu_id", CUSTOMER))
	assert TEXTS["otp_wrong"] in browser.post(("otp", "000000")).text
	browser.post(("otp", "123456"))
	until = str(date.today() + timedelta(days=5))
	assert TEXTS["none_chosen"] in browser.post(("valid_until", until)).text
	for bad in ("", "2000-01-01", "2999-01-01", "soon"):
		page = browser.post(("loans", LOAN), ("valid_until", bad))
		assert page.step == "choose" and 'id="error"' in page.text
	assert browser.post(("loans", LOAN), ("valid_until", until)).step == "approved"
	assert browser.leave().startswith(f"{CALLBACK}&code=")


def test_the_third_wrong_code_ends_it(open_at):
	browser = open_at("otp")
	for _ in range(3):
		page = browser.post(("otp", "999999"))
	assert page.step == "failed"
	assert "error=access_denied" in browser.leave()


def test_only_what_is_offered_can_be_chosen(migdal, open_at, client):
	browser = open_at("choose")
	browser.post(("loans", "1000060001"), ("loans", LOAN), ("valid_until", str(date.today())))
	(consent,) = migdal.migdal.consents()
	assert consent["granted"]["accounts"] == [LOAN]
	assert consent["company"] == COMPANY


@pytest.mark.parametrize("step", ["login", "otp", "choose"])
def test_refusing_needs_no_field(open_at, step):
	browser = open_at(step)
	assert browser.post(("action", "refuse")).step == "refused"
	assert "error=access_denied" in browser.leave()


def test_the_end_leads_back_by_itself(open_at):
	page = open_at("confirm", [LOAN]).post(("valid_until", str(date.today())))
	assert 'http-equiv="refresh"' in page.text and "/return" in page.text


def test_a_name_from_a_certificate_is_text(migdal, tmp_path):
	tpp = migdal.migdal.tpp("PSDIL-CMA-555000111", name="<b>Evil</b> & Co")
	client = Client(migdal, tpp, tmp_path)
	browser = migdal.migdal.browser(client.link(client.create().json()["consentId"]))
	assert "&lt;b&gt;Evil&lt;/b&gt; &amp; Co" in browser.page.text and "<b>Evil" not in browser.page.text
	assert "{" not in re.sub(r"<style>.*</style>", "", browser.page.text, flags=re.S)
