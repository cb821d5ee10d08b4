"""The page of the guided set-up, and the words for what an admin does there."""

import re
from typing import Any

from dev.story.telling import wait_for


class Setup:
	"""The page of the set-up, and the words for what an admin does there."""

	def __init__(self, screen: Any, provider: str):
		self.screen = screen
		self.page = screen.page
		self.provider = provider

	def open(self) -> "Setup":
		self.page.goto(f"{self.screen.url}/app/bank-api-setup/{self.provider.replace(' ', '%20')}")
		self.page.locator(".bank-api-setup .step").first.wait_for()
		self.screen.settle()
		return self

	def step(self, key: str) -> Any:
		return self.page.locator(f".bank-api-setup .step[data-step='{key}']")

	def state(self, key: str) -> str:
		return re.search(r"is-(\w+)", self.step(key).get_attribute("class"))[1]

	def states(self) -> dict[str, str]:
		keys = self.page.locator(".bank-api-setup .step").evaluate_all(
			"all => all.map((e) => e.dataset.step)"
		)
		return {key: self.state(key) for key in keys}

	def unfold(self, key: str) -> Any:
		step = self.step(key)
		if step.locator(".step-head").get_attribute("aria-expanded") != "true":
			step.locator(".step-head").click()
		return step

	def fill(self, key: str, **values: str) -> None:
		self.fill_in(self.unfold(key), **values)

	def fill_in(self, place: Any, **values: str) -> None:
		for name, value in values.items():
			control = place.locator(f".frappe-control[data-fieldname='{name}']")
			if control.locator("select").count():
				control.locator("select").select_option(value)
			else:
				control.locator("input:visible, textarea:visible").first.fill(value)

	def press(self, key: str, label: str) -> None:
		self.unfold(key).locator(".step-buttons button", has_text=label).click()

	def becomes(self, key: str, state: str, timeout: float = 30) -> None:
		wait_for(f"{key} is {state}", lambda: self.state(key) == state, timeout)
		self.screen.settle()

	def yes(self) -> None:
		self.screen.dialog().locator(".btn-primary:visible").click()

	def refused(self, sentence: str) -> None:
		"""What was pressed is refused in words; the answer's status is no error of the page."""
		dialog = self.page.locator(".modal.show", has_text=sentence).last
		dialog.wait_for()
		self.page.wait_for_timeout(500)
		self.page.keyboard.press("Escape")
		dialog.wait_for(state="hidden")
		self.screen.errors[:] = [
			e for e in self.screen.errors if "417" not in e and "503" not in e and "Object" not in e
		]

	def opened(self) -> list[str]:
		return self.page.locator(".bank-api-setup .step-head[aria-expanded='true']").evaluate_all(
			"all => all.map((e) => e.parentElement.dataset.step)"
		)
