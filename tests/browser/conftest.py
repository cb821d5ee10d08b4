"""A browser on the desk of a running stack: what an admin sees, with every script error a failure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from desk_screen import SECONDS, Screen
from end_user_pages import NARROW, axe_program, be_the_end_user
from quanto_visit import Customer, Visit

from bank_api.sandbox.client import SandboxControl
from dev.seed import CLIENT_ID, CLIENT_SECRET, WEBHOOK_SECRET
from dev.story.receiver import Receiver
from dev.story.telling import wait_for
from dev.web import Admin, ClientSite

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = "/usr/bin/chromium"
SITE = "shop.example.com"
PROVIDER = "Bridge Sandbox"
VERSION = "2025-01-15"
DEMO_BANK = "574"
USER = "marie"


@dataclass
class World:
	"""A gateway with one provider, one client site and its webhook endpoint."""

	stack: Any
	control: SandboxControl
	receiver: Receiver
	admin: Admin
	keys: dict[str, str] = field(default_factory=dict)
	item: str = ""

	@property
	def url(self) -> str:
		return self.stack.url

	@property
	def client(self) -> ClientSite:
		"""The client site, calling with the keys that the desk has shown."""
		return ClientSite(self.url, self.keys["api_key"], self.keys["api_secret"])

	def row(self, doctype: str, name: str) -> dict[str, Any]:
		return self.admin.rows(doctype, {"name": name}, ["*"])[0]


@pytest.fixture(scope="session")
def world(desk: Any) -> Iterator[World]:
	receiver = Receiver()
	admin = Admin(desk.url)
	admin.update("Bank API Settings", "Bank API Settings", public_url=desk.url)
	yield World(desk, SandboxControl(desk.sandbox_url), receiver, admin)
	receiver.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
	with playwright.sync_playwright() as api:
		browser = api.chromium.launch(
			executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
		)
		yield browser
		browser.close()


@pytest.fixture(scope="session")
def axe(world: World) -> str:
	return axe_program(world.stack.bench.path)


@pytest.fixture
def pages(chromium: Any) -> Iterator[Callable[..., Any]]:
	"""Opens pages in browsers of their own; nothing may be loaded but the page itself, and nothing may be refused."""
	contexts, faults = [], []

	def new(width: int = NARROW, script: bool = False, **options: Any) -> Any:
		context = chromium.new_context(
			viewport={"width": width, "height": 800}, java_script_enabled=script, **options
		)
		contexts.append(context)
		page = context.new_page()
		page.set_default_timeout(20 * SECONDS)
		page.on(
			"console",
			lambda message: faults.append(message.text) if "Content Security" in message.text else None,
		)
		page.on("pageerror", lambda error: faults.append(str(error)))
		return page

	yield new
	for context in contexts:
		context.close()
	assert faults == []


@pytest.fixture(scope="session")
def customer(world: World) -> Iterator[Customer]:
	customer = Customer(world)
	yield customer
	customer.receiver.stop()


@pytest.fixture
def visit(chromium: Any, world: World) -> Iterator[Any]:
	opened: list[Visit] = []

	def new(language: str, width: int = 900) -> Visit:
		context = chromium.new_context(
			viewport={"width": width, "height": 900}, locale=language, java_script_enabled=width > 400
		)
		opened.append(Visit(context.new_page(), world, language))
		return opened[-1]

	yield new
	for one in opened:
		one.page.context.close()


@pytest.fixture(scope="session")
def admin_state(world: World, chromium: Any) -> Any:
	"""Cookies of an admin who has logged in through the log-in page."""
	context = chromium.new_context()
	screen = Screen(context.new_page(), world.url)
	screen.log_in()
	state = context.storage_state()
	context.close()
	assert screen.errors == []
	return state


@pytest.fixture
def screen_of(world: World, chromium: Any, admin_state: Any) -> Iterator[Callable[..., Screen]]:
	"""Opens screens as the admin; when the test is over, none of them may have met an error."""
	opened: list[Screen] = []

	def new(width: int = 1280, height: int = 900) -> Screen:
		context = chromium.new_context(viewport={"width": width, "height": height}, storage_state=admin_state)
		opened.append(Screen(context.new_page(), world.url))
		return opened[-1]

	yield new
	errors = [error for screen in opened for error in screen.errors]
	for screen in opened:
		screen.page.context.close()
	assert errors == []


@pytest.fixture
def screen(screen_of: Callable[..., Screen]) -> Screen:
	return screen_of()


@pytest.fixture(scope="session")
def provider(world: World, chromium: Any, admin_state: Any) -> str:
	"""The provider, entered into its form as an admin does."""
	context = chromium.new_context(viewport={"width": 1280, "height": 900}, storage_state=admin_state)
	screen = Screen(context.new_page(), world.url)
	screen.form("Bank API Provider", "new-bank-api-provider")
	screen.fill("provider_name", PROVIDER)
	screen.choose("environment", "Sandbox")
	screen.choose("api_version", VERSION)
	screen.fill("api_base_url", world.stack.sandbox_url)
	screen.fill("client_id", CLIENT_ID)
	screen.fill("client_secret", CLIENT_SECRET)
	screen.tab("Webhooks")
	screen.fill("webhook_secret", WEBHOOK_SECRET)
	screen.save()
	address = screen.page.evaluate("() => cur_frm.doc.webhook_address")
	context.close()
	assert screen.errors == []
	for webhook in world.control.webhooks():
		world.control.delete_webhook(webhook["id"])
	world.control.add_webhook(address, secret=WEBHOOK_SECRET, version=VERSION)
	return PROVIDER


@pytest.fixture(scope="session")
def client(world: World, provider: str, chromium: Any, admin_state: Any) -> str:
	"""The client site, entered into its form; its keys are read from the dialog that shows them once."""
	context = chromium.new_context(viewport={"width": 1280, "height": 900}, storage_state=admin_state)
	screen = Screen(context.new_page(), world.url)
	screen.form("Bank API Client", "new-bank-api-client")
	screen.fill("site", SITE)
	screen.fill("client_name", "Example Shop")
	screen.fill("base_url", world.receiver.origin)
	screen.tab("Webhook")
	screen.fill("webhook_url", world.receiver.url)
	screen.save()
	screen.press("Create Key Pair")
	dialog = screen.dialog()
	for name in ("api_key", "api_secret", "webhook_secret"):
		world.keys[name] = dialog.locator(f"[data-fieldname='{name}'] .control-value").inner_text().strip()
	command = dialog.locator(".bank-api-curl").inner_text()
	assert world.keys["api_key"] + ":" + world.keys["api_secret"] in command
	assert f"{world.url}/api/method/bank_api.bridge.get_bridge_connect_link" in command
	screen.picture("keys")
	dialog.locator(".btn-primary:visible").click()
	context.close()
	assert screen.errors == []
	world.receiver.secret = world.keys["webhook_secret"]
	return SITE


@pytest.fixture(scope="session")
def item(world: World, client: str, chromium: Any) -> str:
	"""A bank that an end user has connected, in a browser, through the bank's own pages."""
	link = world.client.call(
		"get_bridge_connect_link",
		base_url=world.receiver.origin,
		redirect_url=f"{world.receiver.origin}/bank/done",
		user=USER,
		bank=DEMO_BANK,
	)
	context = chromium.new_context()
	page = context.new_page()
	page.goto(link["link"])
	be_the_end_user(page, urlsplit(world.stack.sandbox_url).netloc)
	page.wait_for_url(f"{world.receiver.origin}/**", timeout=30 * SECONDS, wait_until="commit")
	context.close()
	wait_for(
		"the item", lambda: world.client.call("get_bridge_item_id", request=link["request"])["item_id"], 60
	)
	world.item = world.admin.rows("Bank API Item", {"client": client}, ["name"])[0]["name"]
	wait_for("its first sync", lambda: world.row("Bank API Item", world.item).get("last_success_at"), 60)
	return world.item
