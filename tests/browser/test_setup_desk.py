"""The guided set-up in a real browser, as an admin who does it for the first time goes through it."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))


PROVIDER = "Quanto Sandbox"
ORGANIZATION = "74e929d9-33b6-4d85-8ba7-c146c867a817"
SOFTWARE = "10120340-3318-4baf-99e2-0b56729c4ab2"


@pytest.fixture(scope="session")
def quanto(world: Any) -> str:
	world.admin.insert(
		"Bank API Provider",
		provider_name=PROVIDER,
		connector="quanto",
		api_base_url=world.stack.sandbox_url,
		country_code="BR",
	)
	return PROVIDER


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

	def unfold(self, key: str) -> Any:
		step = self.step(key)
		if step.locator(".step-head").get_attribute("aria-expanded") != "true":
			step.locator(".step-head").click()
		return step

	def fill(self, key: str, **values: str) -> None:
		step = self.unfold(key)
		for name, value in values.items():
			control = step.locator(f".frappe-control[data-fieldname='{name}']")
			if control.locator("select").count():
				control.locator("select").select_option(value)
			else:
				control.locator("input:visible, textarea:visible").first.fill(value)

	def press(self, key: str, label: str) -> None:
		self.unfold(key).locator(".step-buttons button", has_text=label).click()

	def done(self, key: str) -> None:
		self.step(key).and_(self.page.locator(".is-done")).wait_for()
		self.screen.settle()

	def message(self) -> str:
		dialog = self.page.locator(".msgprint-dialog.show .msgprint, .modal.show .msgprint").last
		dialog.wait_for()
		text = dialog.inner_text()
		self.screen.errors[:] = [
			one for one in self.screen.errors if "417" not in one and "Object" not in one
		]
		self.page.wait_for_timeout(400)
		self.page.keyboard.press("Escape")
		self.page.wait_for_timeout(500)
		return text


@pytest.fixture
def setup(screen: Any, quanto: str) -> Setup:
	return Setup(screen, quanto).open()


def test_look(setup: Setup, world: Any):
	setup.page.screenshot(path="/tmp/hsetup/1.png", full_page=True)
	setup.fill(
		"organization",
		organization_id=ORGANIZATION,
		institution_name="Crédito Exemplo S.A.",
		institution_number="11.222.333/0001-82",
	)
	setup.press("organization", "Save")
	assert "CNPJ" in setup.message()
	setup.page.screenshot(path="/tmp/hsetup/2.png", full_page=True)
	setup.fill("organization", institution_number="11.222.333/0001-81")
	setup.press("organization", "Save")
	setup.done("organization")
	setup.page.screenshot(path="/tmp/hsetup/3.png", full_page=True)
	setup.fill("software", software_statement_id=SOFTWARE, directory_client_id="client-1")
	setup.press("software", "Save")
	setup.done("software")
	setup.page.screenshot(path="/tmp/hsetup/4.png", full_page=True)
	setup.press("signing", "Create Key and Request")
	setup.step("signing").and_(setup.page.locator(".is-waiting")).wait_for()
	setup.screen.settle()
	setup.page.screenshot(path="/tmp/hsetup/5.png", full_page=True)
	setup.unfold("contacts")
	setup.page.wait_for_timeout(500)
	setup.page.screenshot(path="/tmp/hsetup/6.png", full_page=True)


def test_narrow(screen_of: Any, quanto: str):
	setup = Setup(screen_of(390, 800), quanto).open()
	setup.unfold("contacts")
	setup.page.wait_for_timeout(500)
	setup.page.screenshot(path="/tmp/hsetup/7.png", full_page=True)
	assert setup.screen.too_wide() == []
