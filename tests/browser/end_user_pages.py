"""The consent pages as an end user meets them: how they are opened, looked at and pressed."""

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from desk_screen import IMAGES, wanted_pictures

from dev.files import digest
from dev.packages import need_program
from dev.shell import run
from dev.web import ClientSite

AXE = Path(__file__).parent / "axe"
LANGUAGES = ("en", "fr", "cs", "pt-BR", "he")
NARROW, WIDE = 360, 1280
HOME = "/bank-api/consents"


def consents_link(api: ClientSite, origin: str, user: str, language: str = "") -> str:
	"""The link that a client site asks for when its user wants to see what is shared."""
	api.module = "consents"
	answer = api.call("get_consents_link", user=user, language=language, redirect_url=f"{origin}/bank")
	return answer["link"]


def axe_program(bench: Path) -> str:
	"""The program of axe-core, installed once in a bench."""
	work = bench / "axe"
	stamp = digest(AXE / "package-lock.json")
	program = work / "node_modules" / "axe-core" / "axe.min.js"
	if not program.exists() or (work / "installed").read_text() != stamp:
		work.mkdir(exist_ok=True)
		for name in ("package.json", "package-lock.json", ".npmrc"):
			shutil.copyfile(AXE / name, work / name)
		run([need_program("npm", "npm"), "ci", "--ignore-scripts"], cwd=work, log=work / "install.log")
		(work / "installed").write_text(stamp)
	return program.read_text()


def too_wide(page: Any) -> int:
	"""By how many pixels the page can be scrolled sideways, once it is there as a whole."""
	page.wait_for_load_state()
	page.locator("main").first.wait_for()
	return page.evaluate("() => document.scrollingElement.scrollWidth - document.documentElement.clientWidth")


def violations(page: Any, axe: str) -> list[str]:
	page.evaluate(axe)
	found = page.evaluate("() => axe.run(document, { resultTypes: ['violations', 'incomplete'] })")
	told = [
		f"{one['id']}: {one['help']}: {[node['html'][:120] for node in one['nodes']]}"
		for one in found["violations"]
	]
	assert len(found["passes"]) > 10
	return told


def picture(page: Any, name: str) -> None:
	if wanted_pictures():
		IMAGES.mkdir(parents=True, exist_ok=True)
		page.screenshot(path=IMAGES / f"{name}.png", full_page=True)


def card(page: Any, name: str) -> Any:
	return page.locator("li.card", has_text=name)


def press(page: Any, place: str) -> None:
	"""Follow a link to a page of the sharing by the last part of its address."""
	page.locator(f"main a[href$='/{place}']").click()
	page.wait_for_url(f"**/{place}")


def be_the_end_user(page: Any, bank: str, login: str = "success") -> None:
	"""Go through the bank's pages until they lead back."""
	for _ in range(60):
		if urlsplit(page.url).netloc != bank:
			return
		if page.locator("#login").count():
			page.fill("#login", login)
			page.fill("#password", "demo")
		elif page.locator("#otp").count():
			page.fill("#otp", "123456")
		elif page.locator("input[name=confirmed]").count():
			page.check("input[name=confirmed]")
		onward = page.locator("button.full, ul.banks button")
		if onward.count():
			onward.first.click()
		else:
			page.wait_for_timeout(500)  # the page reloads itself while the bank is at work
		page.wait_for_load_state()
