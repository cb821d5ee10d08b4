"""The consent pages in a browser: every action in all five languages, without JavaScript, on a narrow screen, by keyboard, and
as axe-core sees them.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from end_user_pages import (
	HOME,
	LANGUAGES,
	NARROW,
	WIDE,
	be_the_end_user,
	card,
	consents_link,
	picture,
	press,
	too_wide,
	violations,
)

from dev.seed import Setup
from dev.story.receiver import Receiver
from dev.story.telling import wait_for
from dev.web import ClientSite

# What the documentation shows.
PICTURES = {NARROW: ("overview", "end"), WIDE: ("consent", "consent-change")}
COMPANY, LOAN, PSU = "520004896", "1000056782", "999888777"
LENDER = "מגדל"

WORDS = {
	"en": {
		"title": "Your shared bank data",
		"away": "Continue at your bank",
		"confirmed": "The bank has confirmed it.",
		"ended": "The access has ended. The bank has been told.",
		"closed": "The page is closed",
		"number": "Enter your number.",
	},
	"fr": {
		"title": "Vos données bancaires partagées",
		"away": "Continuer auprès de votre banque",
		"confirmed": "La banque l'a confirmé.",
		"ended": "L'accès a pris fin. La banque en a été informée.",
		"closed": "La page est fermée",
		"number": "Entrez votre numéro.",
	},
	"cs": {
		"title": "Vaše sdílená bankovní data",
		"away": "Pokračujte u své banky",
		"confirmed": "Banka to potvrdila.",
		"ended": "Přístup skončil. Banka o tom ví.",
		"closed": "Stránka je zavřena",
		"number": "Zadejte své číslo.",
	},
	"pt-BR": {
		"title": "Seus dados bancários compartilhados",
		"away": "Continue no seu banco",
		"confirmed": "O banco confirmou.",
		"ended": "O acesso terminou. O banco foi avisado.",
		"closed": "A página está fechada",
		"number": "Informe seu número.",
	},
	"he": {
		"title": "נתוני הבנק המשותפים שלך",
		"away": "המשך אצל הבנק שלך",
		"confirmed": "הבנק אישר זאת.",
		"ended": "הגישה הסתיימה. הבנק קיבל על כך הודעה.",
		"closed": "הדף סגור",
		"number": "נא להזין את המספר שלך.",
	},
}


@dataclass
class Place:
	"""A client site whose end users share data through two kinds of providers."""

	world: Any
	bridge: str
	migdal: str
	api: ClientSite
	site: str
	receiver: Receiver

	def link(self, user: str, language: str = "") -> str:
		return consents_link(self.api, self.receiver.origin, user, language)

	def connect(self, user: str) -> None:
		"""A bank and a loan of an end user, both synced."""
		self.api.module = "bridge"
		link = self.api.call("get_bridge_connect_link", user=user, provider=self.bridge)
		self._visit(self.world.control.complete_connect(link["link"]))
		self.give(user)
		filters = {"client": self.site, "status": "OK", "last_success_at": ("is", "set")}
		end_users = [
			row["name"]
			for row in self.world.admin.rows(
				"Bank API End User", {"client": self.site, "user": user}, ["name"]
			)
		]
		filters["end_user"] = ("in", end_users)
		wait_for(
			"both syncs", lambda: len(self.world.admin.rows("Bank API Item", filters, ["name"])) == 2, 90
		)

	def give(self, user: str) -> None:
		self.api.module = "migdal"
		link = self.api.call(
			"get_migdal_consent_link",
			bank=COMPANY,
			user=user,
			psu_id=PSU,
			provider=self.migdal,
			frequency=50,
			loans=LOAN,
		)
		self._visit(self.world.control.migdal.complete_consent(link["link"]))

	def _visit(self, location: str) -> None:
		from dev.web import Caller

		parts = urlsplit(location)
		assert Caller(self.world.url).call("GET", f"{parts.path}?{parts.query}").status == 200


@pytest.fixture(scope="session")
def place(world: Any) -> Iterator[Place]:
	setup = Setup(world.url, world.stack.sandbox_url)
	mark = uuid.uuid4().hex[:6]
	bridge = setup.provider(f"Bridge for pages {mark}", "2025-01-15", country_code="FR")["name"]
	migdal = setup.migdal(f"Migdal for pages {mark}", country_code="IL")["name"]
	site = f"pages-{mark}.example.com"
	# An endpoint knows one client's secret: at the desk's endpoint this client's events would be refused.
	receiver = Receiver()
	keys = setup.client(site, receiver.origin, receiver.url, bridge, migdal)
	receiver.secret = keys["webhook_secret"]
	world.admin.update("Bank API Client", site, client_name="Example Shop")
	api = ClientSite(world.url, keys["api_key"], keys["api_secret"])
	yield Place(world, bridge, migdal, api, site, receiver)
	receiver.stop()


@pytest.fixture(scope="session")
def user(place: Place) -> str:
	"""An end user whose data nobody ends: for looking at."""
	place.connect("marie")
	return "marie"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_action(place: Place, pages: Any, language: str):
	"""One end user, from the link to the closed page: renew, change and end a bank; renew, change and end a consent."""
	words, person = WORDS[language], f"{language}-{uuid.uuid4().hex[:6]}"
	place.connect(person)
	page = pages()
	page.goto(place.link(person, language))
	assert urlsplit(page.url).path == HOME and not urlsplit(page.url).query
	assert page.locator("html").get_attribute("lang") == language
	assert page.locator("html").get_attribute("dir") == ("rtl" if language == "he" else "ltr")
	assert page.locator("h1").inner_text() == words["title"]
	sandbox = urlsplit(place.world.stack.sandbox_url).netloc

	for action in ("renew", "change"):
		card(page, "Demo Bank").locator("a").click()
		press(page, action)
		page.locator("main form button").click()
		assert page.locator("h1").inner_text() == words["away"]
		assert page.locator(".host").inner_text() == sandbox
		page.locator("a.main").click()
		be_the_end_user(page, sandbox)
		page.wait_for_url(f"**{HOME}?**")
		assert page.locator("[role=status]").inner_text() == words["confirmed"]

	for action in ("renew", "change"):
		card(page, LENDER).locator(".badge.active").first.wait_for()
		page.locator("li.card", has=page.locator(".badge.active"), has_text=LENDER).locator("a").click()
		press(page, action)
		# The browser itself asks for the number; who sends the form without it is told so.
		page.locator("#person").evaluate("box => box.removeAttribute('required')")
		page.locator("main form button").click()
		assert page.locator("[role=alert]").inner_text() == words["number"]
		page.fill("#person", PSU)
		page.locator("main form button").click()
		assert page.locator("h1").inner_text() == words["away"] and PSU not in page.content()
		link = page.locator("a.main").get_attribute("href")
		page.goto(place.world.control.migdal.complete_consent(link))
		page.wait_for_url(f"**{HOME}?**")
		assert page.locator("[role=status]").inner_text() == words["confirmed"]

	for bank in ("Demo Bank", LENDER):
		page.goto(place.world.url + HOME)
		page.locator("li.card", has=page.locator(".badge.active"), has_text=bank).locator("a").click()
		press(page, "end")
		assert too_wide(page) <= 0
		page.locator("main form button.danger").click()
		assert page.locator("[role=status]").inner_text() == words["ended"]
	assert page.locator(".badge.active").count() == 0

	page.locator("footer button").click()
	assert page.locator("h1").inner_text() == words["closed"]
	assert page.locator("main a.button").get_attribute("href") == f"{place.receiver.origin}/bank"
	page.goto(place.world.url + HOME)
	assert page.locator("li.card").count() == 0


def paths(page: Any, base: str) -> dict[str, str]:
	"""Every page that an end user with two sharings can see, by name."""
	bank = card(page, "Demo Bank").locator("a").get_attribute("href")
	loan = card(page, LENDER).first.locator("a").get_attribute("href")
	return {
		"overview": HOME,
		"bank": bank,
		"renew": f"{bank}/renew",
		"end": f"{bank}/end",
		"consent": loan,
		"consent-change": f"{loan}/change",
		"consent-renew": f"{loan}/renew",
	}


@pytest.mark.parametrize("width", PICTURES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_nothing_and_nothing_is_too_wide(
	place: Place, user: str, pages: Any, axe: str, language: str, width: int
):
	page = pages(width, script=True)
	page.goto(place.link(user, language))
	for name, path in paths(page, place.world.url).items():
		page.goto(place.world.url + path)
		assert violations(page, axe) == [], name
		assert too_wide(page) <= 0, name
		if name in PICTURES[width] and (width == NARROW or language in ("en", "he")):
			picture(page, f"consents-page-{name}-{language}-{width}")
	page.goto(place.world.url + paths_renew(page, place))
	page.locator("main form button").click()
	assert violations(page, axe) == []
	if (language, width) == ("en", NARROW):
		picture(page, "consents-page-away")


def paths_renew(page: Any, place: Place) -> str:
	page.goto(place.world.url + HOME)
	return paths(page, place.world.url)["renew"]


def test_axe_finds_nothing_on_a_dark_screen_nor_on_the_closed_page(
	place: Place, user: str, pages: Any, axe: str
):
	page = pages(script=True, color_scheme="dark")
	page.goto(place.link(user, "en"))
	assert violations(page, axe) == []
	background = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
	assert background == "rgb(20, 24, 28)"
	picture(page, "consents-page-dark")
	stranger = pages(script=True)
	assert stranger.goto(place.link(user) + "x").status == 404
	assert violations(stranger, axe) == []
	picture(stranger, "consents-page-closed")


def test_a_problem_is_announced(place: Place, user: str, pages: Any, axe: str):
	page = pages(script=True)
	page.goto(place.link(user, "en"))
	page.goto(place.world.url + paths(page, place.world.url)["consent-renew"])
	page.fill("#person", " ")
	page.locator("main form button").click()
	assert page.locator("[role=alert]").inner_text() == WORDS["en"]["number"]
	assert "problem" in page.locator("#person").get_attribute("aria-describedby")
	assert violations(page, axe) == []


@pytest.mark.parametrize("language", ["en", "he"])
def test_a_keyboard_is_enough(place: Place, pages: Any, language: str):
	person = f"keys-{uuid.uuid4().hex[:6]}"
	place.connect(person)
	page = pages()
	page.goto(place.link(person, language))

	def go_to(selector: str) -> None:
		for _ in range(30):
			page.keyboard.press("Tab")
			if page.locator(f"{selector}:focus").count():
				focused = page.locator(":focus").first
				assert focused.evaluate("box => getComputedStyle(box).outlineStyle") == "solid"
				page.keyboard.press("Enter")
				page.wait_for_load_state()
				return
		raise AssertionError(f"{selector} cannot be reached by Tab")

	bank = card(page, "Demo Bank").locator("a").get_attribute("href")
	go_to(f"a[href='{bank}']")
	go_to(f"a[href='{bank}/end']")
	go_to("main form button")
	assert page.locator("[role=status]").inner_text() == WORDS[language]["ended"]


def test_a_customers_looks(place: Place, user: str, pages: Any, axe: str):
	look = place.world.admin.insert(
		"Bank API Whitelabel",
		title=f"Looks {uuid.uuid4().hex[:6]}",
		primary_color="#7a1f3d",
		background_color="#fff8f0",
		text_color="#2b1a12",
		font="Serif",
		texts=[
			{"language": "English", "text_key": "Title", "text": "Your data, your choice"},
			{"language": "English", "text_key": "Support", "text": "Questions? Call 0800 123 456."},
		],
	)["name"]
	place.world.admin.press("Bank API Whitelabel", look, "set_logo", picture=logo())
	place.world.admin.update("Bank API Client", place.site, whitelabel=look)
	try:
		page = pages(script=True)
		page.goto(place.link(user, "en"))
		assert page.locator("h1").inner_text() == "Your data, your choice"
		assert page.evaluate("() => document.querySelector('header img').naturalWidth") > 0
		assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 248, 240)"
		assert violations(page, axe) == []
		picture(page, "consents-page-whitelabel")
	finally:
		place.world.admin.update("Bank API Client", place.site, whitelabel=None)


def logo() -> str:
	import base64
	import io

	from PIL import Image, ImageDraw

	image = Image.new("RGBA", (300, 90), (255, 255, 255, 0))
	draw = ImageDraw.Draw(image)
	draw.rounded_rectangle((4, 4, 84, 84), 20, fill="#7a1f3d")
	draw.ellipse((110, 20, 160, 70), fill="#c26a3a")
	draw.rectangle((180, 20, 290, 70), fill="#2b1a12")
	buffer = io.BytesIO()
	image.save(buffer, "PNG")
	return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def test_a_page_is_light_and_loads_nothing(place: Place, user: str, pages: Any):
	page = pages()
	asked = []
	page.on("request", lambda request: asked.append(request.url))
	page.goto(place.link(user, "en"))
	assert [urlsplit(url).path for url in asked] == [f"{HOME}/open", HOME]
	assert len(page.content().encode()) < 60_000


def test_the_form_of_a_whitelabel_shows_the_page(screen: Any, place: Place):
	"""The desk's part: colours that cannot be read are said at once, and the preview is a page without any right."""
	look = place.world.admin.insert("Bank API Whitelabel", title=f"Form {uuid.uuid4().hex[:6]}")["name"]
	screen.form("Bank API Whitelabel", look)
	frame = screen.page.frame_locator("[data-fieldname='preview'] iframe")
	frame.locator("h1", has_text="Your shared bank data").wait_for()
	assert screen.page.locator("[data-fieldname='preview'] iframe").get_attribute("sandbox") == ""
	screen.page.locator("[data-fieldname='preview'] select").select_option("Hebrew")
	frame.locator("html[dir=rtl] h1").wait_for()
	screen.page.evaluate("() => cur_frm.set_value('text_color', '#999999')")
	screen.page.locator(".bank-api-problems", has_text="4.5:1").wait_for()
	screen.picture("whitelabel")
	screen.page.evaluate("() => cur_frm.set_value('text_color', '#222222')")
	screen.page.locator(".bank-api-problems").wait_for(state="hidden")
	screen.save()
