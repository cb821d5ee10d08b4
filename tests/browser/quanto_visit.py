"""A client site that shares data through Quanto, and an end user's browser on the pages of a session."""

import re
from typing import Any

from desk_screen import SECONDS, Screen
from end_user_pages import consents_link

from bank_api.sandbox.quanto.client import PERSON
from dev.seed import Setup
from dev.story.receiver import Receiver
from dev.web import ClientSite

BANKS = ("ipe", "araucaria")
SCRIPTS = {"he": re.compile("[\u0590-\u05ff]"), "cs": re.compile("[ěščřžýůď]"), "fr": re.compile("[éèêà]")}


class Customer:
	"""A client site that may use one Quanto provider, whose set-up is done."""

	def __init__(self, world: Any):
		self.receiver = Receiver()
		# On a quick machine these visits are more than a bank takes of one institution in a minute; the limit is tested elsewhere.
		world.control.quanto.switches(tpm=0)
		setup = Setup(world.url, world.stack.sandbox_url)
		provider = setup.quanto("Quanto in a Browser", country_code="BR")["name"]
		keys = setup.client("loja.example.com", self.receiver.origin, self.receiver.url, provider)
		self.receiver.secret = keys["webhook_secret"]
		pair = (keys["api_key"], keys["api_secret"])
		self.api = ClientSite(world.url, *pair, module="quanto")
		self.pages = ClientSite(world.url, *pair, module="consents")

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

	def shared(self, user: str, language: str) -> str:
		"""The link to the page on which an end user sees what is shared."""
		return consents_link(self.pages, self.receiver.origin, user, language)

	def told(self, kind: str, consent: str) -> list[dict[str, Any]]:
		"""The events of a type that the client has got about a consent."""
		return [event for event in self.receiver.of_type(kind) if event["data"].get("item_id") == consent]


class Visit:
	"""An end user's browser on the pages of a session."""

	def __init__(self, page: Any, world: Any, language: str):
		self.page = page
		self.screen = Screen(page, world.url)
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
		self.confirm()

	def confirm(self) -> None:
		"""From the first page of a session to the choice of a bank."""
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
