"""A page of the desk, and the words for what an admin does there."""

import os
import re
from pathlib import Path
from typing import Any

from dev.sites import ADMIN_PASSWORD
from dev.story.telling import wait_for

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
# Realtime events need a server of their own, which the embedded bench does not run.
HARMLESS = re.compile(r"socket\.io|favicon")
SECONDS = 1000


def wanted_pictures() -> bool:
	"""Whether screenshots for the documentation are asked for."""
	return bool(os.environ.get("BANK_API_SCREENSHOTS"))


class Screen:
	"""A page of the desk, and the words for what an admin does there."""

	def __init__(self, page: Any, url: str):
		self.page = page
		self.url = url
		self.errors: list[str] = []
		page.set_default_timeout(30 * SECONDS)
		page.on("pageerror", lambda error: self._note(f"script error: {error}"))
		page.on("console", self._console)

	def _console(self, message: Any) -> None:
		if message.type == "error":
			self._note(f"{message.text} {message.location.get('url', '')}")

	def _note(self, text: str) -> None:
		if not HARMLESS.search(text):
			self.errors.append(text)

	def log_in(self, user: str = "Administrator", password: str = ADMIN_PASSWORD) -> None:
		self.page.goto(f"{self.url}/login")
		self.page.fill("#login_email", user)
		self.page.fill("#login_password", password)
		self.page.click(".btn-login:visible")
		self.page.wait_for_selector(".navbar .dropdown-navbar-user, .body-sidebar", state="attached")

	def open(self, path: str) -> None:
		self.page.goto(f"{self.url}/app/{path}")
		self.page.wait_for_selector(
			".page-container:visible .layout-main, .page-container:visible .codex-editor"
		)
		self.settle()

	def form(self, doctype: str, name: str) -> None:
		self.open(f"{doctype.lower().replace(' ', '-')}/{name.replace(' ', '%20')}")
		self.page.wait_for_function(
			"name => window.cur_frm && cur_frm.doc && (cur_frm.doc.name === name || cur_frm.is_new())",
			arg=name,
		)
		self.settle()

	def settle(self) -> None:
		"""Wait until nothing is loading."""
		self.page.wait_for_function(
			"() => window.frappe && frappe.request && frappe.request.ajax_count === 0"
		)
		self.page.wait_for_timeout(300)

	def tab(self, label: str) -> None:
		self.page.locator(".form-tabs:visible .nav-link", has_text=label).first.click()

	def fill(self, fieldname: str, value: str) -> None:
		control = self.page.locator(f".frappe-control[data-fieldname='{fieldname}']:visible").first
		control.locator("input:visible, textarea:visible, select:visible").first.fill(value)
		control.locator("input:visible, textarea:visible, select:visible").first.blur()

	def choose(self, fieldname: str, value: str) -> None:
		self.page.locator(
			f".frappe-control[data-fieldname='{fieldname}']:visible select"
		).first.select_option(value)

	def shown(self, fieldname: str) -> str:
		"""The text of a read-only field."""
		return self.page.locator(
			f".frappe-control[data-fieldname='{fieldname}'] .control-value"
		).first.inner_text()

	def save(self) -> None:
		self.page.locator(".page-head:visible .primary-action:visible").click()
		self.page.wait_for_function("() => !cur_frm.is_new() && !cur_frm.is_dirty()")
		self.settle()

	def press(self, label: str) -> None:
		"""Press a button of the form; narrow screens keep the buttons in a menu."""
		wide = self.page.locator(".page-head:visible .custom-actions button:visible", has_text=label)
		narrow = self.page.locator(".page-head:visible .menu-btn-group .dropdown-item", has_text=label)
		wait_for(label, lambda: wide.count() or narrow.count())
		if wide.count():
			wide.first.click()
		else:
			self.page.locator(".page-head:visible .menu-btn-group button:visible").first.click()
			narrow.first.click()

	def dialog(self) -> Any:
		dialog = self.page.locator(".modal.show .modal-content").last
		dialog.wait_for()
		self.page.wait_for_timeout(400)
		return dialog

	def answer_yes(self) -> None:
		self.dialog().locator(".btn-primary:visible").click()

	def alert(self, text: str) -> None:
		self.page.locator("#alert-container, .alert-container", has_text=text).first.wait_for()

	def reload_until(self, expression: str, timeout: float = 60) -> None:
		"""Reload the form until an expression over `doc` holds; the work is done by other processes."""

		def holds() -> bool:
			self.page.evaluate("() => cur_frm.reload_doc()")
			self.settle()
			return bool(self.page.evaluate(f"() => {{ const doc = cur_frm.doc; return {expression}; }}"))

		wait_for(expression, holds, timeout)

	def too_wide(self) -> list[str]:
		"""What of our own form reaches beyond the screen, if the page can be scrolled sideways."""
		return self.page.evaluate(
			"""() => {
				const width = document.documentElement.clientWidth;
				if (document.scrollingElement.scrollWidth <= width + 2) return [];
				return [...document.querySelectorAll(".layout-main-section *")]
					.filter((e) => e.offsetWidth && e.getBoundingClientRect().right > width + 2)
					.map((e) => `${e.tagName}.${e.className}`)
					.slice(0, 8);
			}"""
		)

	def picture(self, name: str) -> None:
		"""Keep a screenshot for the documentation when asked to."""
		if wanted_pictures():
			IMAGES.mkdir(parents=True, exist_ok=True)
			self.page.wait_for_timeout(1500)
			self.page.screenshot(path=IMAGES / f"{name}.png")
