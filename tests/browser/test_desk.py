"""What an admin does in the desk, in a real browser: set up, watch, repair, replay. A script error fails the test."""

from collections.abc import Callable
from typing import Any

import pytest

from dev.story.telling import wait_for

DELIVERY = "Bank API Webhook Delivery"
ITEM = "Bank API Item"
EVIL = "<img src=x onerror=window.hacked=1>"


def test_the_provider_form_tests_the_connection(screen: Any, provider: str):
	screen.form("Bank API Provider", provider)
	screen.press("Test Connection")
	screen.alert("The provider accepts the credentials.")
	screen.picture("provider")
	screen.tab("Webhooks")
	assert "bank_api.webhooks.bridge?provider=Bridge%20Sandbox" in screen.shown("webhook_address")


def test_refused_credentials_are_said_in_words(screen: Any, world: Any, provider: str):
	world.control.fail("status", path="/v3/aggregation.*|/v2.*|/v3.*", times=20, status=401)
	try:
		screen.form("Bank API Provider", provider)
		screen.press("Test Connection")
		text = screen.dialog().inner_text()
	finally:
		world.control.clear_faults()
	assert "Traceback" not in text
	assert "Not Possible" in text
	screen.errors.clear()  # the browser itself reports the refused request


def test_the_webhook_secret_is_changed_in_a_dialog(screen: Any, world: Any, provider: str):
	screen.form("Bank API Provider", provider)
	screen.press("Change Webhook Secret")
	screen.dialog().locator("input[type=password]").fill("another_secret_of_the_sandbox")
	screen.answer_yes()
	screen.alert("The new webhook secret is in place.")
	screen.reload_until("doc.previous_webhook_secret_until !== null")
	target = world.control.webhooks()[0]
	world.control.rotate_webhook(target["id"], "another_secret_of_the_sandbox")


def test_a_wrong_address_is_refused_in_words(screen: Any, provider: str):
	screen.form("Bank API Provider", provider)
	screen.fill("api_base_url", "https://api.example.com/v2")
	screen.page.locator(".page-head:visible .primary-action:visible").click()
	assert "without a path" in screen.dialog().inner_text()
	screen.errors.clear()


def test_secrets_are_shown_once(screen: Any, world: Any, client: str):
	screen.form("Bank API Client", client)
	page = screen.page.content()
	assert world.keys["api_secret"] not in page
	assert world.keys["webhook_secret"] not in page
	assert world.client.call("get_category", id=1)
	screen.picture("client")


def test_a_test_webhook_reaches_the_client(screen: Any, world: Any, client: str):
	screen.form("Bank API Client", client)
	screen.press("Send Test Webhook")
	wait_for("the test webhook", lambda: world.receiver.of_type("endpoint.test"), 60)
	screen.page.wait_for_function("type => cur_frm && cur_frm.doctype === type", arg=DELIVERY)
	screen.reload_until("doc.status === 'Delivered'")
	assert world.receiver.refused == 0


def test_a_connected_bank_is_in_the_list(screen: Any, item: str):
	"""Once, in a row of its own: end users of other files' clients connect the same bank."""
	screen.open("bank-api-item")
	box = screen.page.locator(f".list-row-checkbox[data-name='{item}']")
	row = screen.page.locator(".list-row-container:visible", has_text="Demo Bank").filter(has=box)
	row.first.wait_for()
	assert row.count() == 1
	assert "OK" in row.first.inner_text()
	screen.picture("items")


def test_sync_now_shows_how_it_goes(screen: Any, world: Any, item: str):
	wait_for("the end of the first sync", lambda: world.row(ITEM, item)["sync_status"] == "Idle", 60)
	before = world.row(ITEM, item)["last_try_at"]
	screen.form(ITEM, item)
	screen.press("Sync Now")
	screen.alert("The synchronisation is queued.")
	world.stack.tick()  # what was asked for while a sync was ending is due at the scheduler's next turn
	# Not the last success: that is the age of the data, which a bank without news does not change.
	wait_for("a newer try", lambda: world.row(ITEM, item)["last_try_at"] > before, 90)
	screen.reload_until("doc.sync_status === 'Idle'")
	assert screen.page.locator(".page-head:visible .indicator-pill:visible").first.inner_text() == "OK"
	screen.picture("item")


def test_a_running_sync_is_polled(screen: Any, world: Any, item: str):
	world.control.latency(1500)
	try:
		screen.form(ITEM, item)
		screen.press("Sync Now")
		screen.page.locator(".bank-api-progress").first.wait_for()
	finally:
		world.control.latency(0)
	screen.page.locator(".bank-api-progress").first.wait_for(state="detached", timeout=60_000)
	wait_for("the end of the sync", lambda: world.row(ITEM, item)["sync_status"] == "Idle", 60)


def test_a_failing_provider_is_seen_on_the_item(screen: Any, world: Any, item: str):
	world.control.fail("status", path=".*", times=100, status=500)
	try:
		screen.form(ITEM, item)
		screen.press("Sync Now")
		screen.reload_until("doc.sync_status === 'Failed'", 120)
	finally:
		world.control.clear_faults()
	assert screen.shown("last_error")
	assert "Traceback" not in screen.shown("last_error")
	screen.picture("item-failed")
	screen.press("Sync Now")
	screen.reload_until("doc.sync_status === 'Idle' && doc.failures === 0", 120)


def test_an_item_that_needs_its_end_user_gets_a_link(screen: Any, world: Any, item: str):
	item_id = int(world.row(ITEM, item)["item_id"])
	world.control.set_status(item_id, 1010)
	screen.form(ITEM, item)
	screen.press("Sync Now")
	screen.reload_until("doc.status === 'Action Required'", 90)
	assert "The end user has to act" in screen.page.locator(".form-message:visible").first.inner_text()
	screen.picture("item-action")
	screen.press("Open End User's Link")
	dialog = screen.dialog()
	link = dialog.locator("[data-fieldname='link'] .control-value").inner_text().strip()
	assert link.startswith(world.stack.sandbox_url)
	with screen.page.expect_popup() as popup:
		dialog.locator(".btn-primary:visible").click()
	assert popup.value.url.startswith(world.stack.sandbox_url)
	popup.value.close()
	request = world.admin.rows(
		"Bank API Connect Request", {"item": item, "status": "Pending"}, ["name", "kind"]
	)[0]
	assert request["kind"] != "Connect"
	screen.form("Bank API Connect Request", request["name"])
	assert screen.page.locator(".page-head:visible .custom-actions button", has_text="Open Link").count()


def test_the_workspace_opens_on_what_needs_a_human(screen: Any, world: Any, item: str):
	"""The item of the test before still waits for its end user; other files' items may too."""
	waiting = [row["name"] for row in world.admin.rows(ITEM, {"status": "Action Required"}, ["name"])]
	assert item in waiting
	screen.open("bank-api")
	cards = screen.page.locator(".number-widget-box:visible")
	screen.page.wait_for_function("() => document.querySelectorAll('.number-widget-box .number').length >= 4")
	titles = [title.lower() for title in cards.locator(".widget-title").all_inner_texts()]
	assert titles == [
		"items to reconnect",
		"stale feeds",
		"consents about to expire",
		"dead letters",
		"certificates about to expire",
		"batches to authorise",
		"batches in doubt",
	]
	assert cards.nth(0).locator(".number").inner_text().strip() == str(len(waiting))
	screen.page.locator(".dashboard-widget-box:visible svg.frappe-chart").nth(1).wait_for()
	bars = screen.page.locator(".dashboard-widget-box:visible").first.locator(
		"svg.frappe-chart rect.bar, svg.frappe-chart .bar"
	)
	assert bars.count() > 0
	screen.page.mouse.move(0, 0)
	screen.picture("workspace")
	cards.nth(0).locator(".number").click()
	screen.page.locator(".list-row-container:visible").first.wait_for()
	filters = screen.page.evaluate("() => cur_list.filter_area.get().map((filter) => filter.slice(1, 4))")
	assert ["status", "=", "Action Required"] in filters


def test_a_repaired_item_is_green_again(screen: Any, world: Any, item: str):
	item_id = int(world.row(ITEM, item)["item_id"])
	world.control.set_status(item_id, 0)
	screen.form(ITEM, item)
	screen.press("Sync Now")
	screen.reload_until("doc.status === 'OK'", 90)


def test_a_delivery_is_replayed_with_the_same_id(screen: Any, world: Any, client: str, item: str):
	filters = {"client": client, "event_type": "item.created", "status": "Delivered"}
	delivery = world.admin.rows(DELIVERY, filters, ["name", "event_id"])[0]
	seen = len([event for event in world.receiver.events if event["id"] == delivery["event_id"]])
	screen.form(DELIVERY, delivery["name"])
	screen.picture("delivery")
	screen.press("Replay")
	screen.alert("The webhook is sent again.")
	wait_for(
		"the repetition",
		lambda: len([event for event in world.receiver.events if event["id"] == delivery["event_id"]]) > seen,
		60,
	)
	screen.reload_until("doc.status === 'Delivered'")


def test_selected_deliveries_are_replayed_from_the_list(screen: Any, world: Any, client: str, item: str):
	seen = len(world.receiver.events)
	screen.open("bank-api-webhook-delivery")
	for delivery in world.admin.rows(DELIVERY, {"client": client}, ["name"])[:2]:
		screen.page.locator(f".list-row-checkbox:visible[data-name='{delivery['name']}']").check()
	screen.page.locator(".page-head:visible .actions-btn-group button:visible").click()
	screen.page.locator(".actions-btn-group .dropdown-item:visible", has_text="Replay").click()
	screen.alert("2 webhooks are sent again.")
	wait_for("both", lambda: len(world.receiver.events) >= seen + 2, 60)


def test_a_received_event_is_replayed(screen: Any, world: Any, item: str):
	world.control.test_event()
	wait_for("an event", lambda: world.admin.rows("Bank API Webhook Event", {}, ["name"]), 30)
	event = world.admin.rows("Bank API Webhook Event", {}, ["name"])[0]["name"]
	screen.form("Bank API Webhook Event", event)
	screen.press("Replay")
	screen.alert("The event is processed again.")


def test_texts_of_a_bank_run_no_script(screen: Any, world: Any, item: str):
	item_id = int(world.row(ITEM, item)["item_id"])
	account = world.control.item(item_id)["accounts"][0]
	world.control.add_transaction(account["account_id"], amount="-1.00", description=EVIL)
	screen.form(ITEM, item)
	screen.press("Sync Now")
	found = wait_for(
		"the transaction",
		lambda: world.admin.rows("Bank API Transaction", {"description": ("like", "%onerror%")}, ["name"]),
		60,
	)
	screen.open("bank-api-transaction")
	screen.page.locator(".list-row-container:visible").first.wait_for()
	screen.picture("transactions")
	screen.form("Bank API Transaction", found[0]["name"])
	screen.page.wait_for_timeout(1000)
	assert screen.page.evaluate("() => window.hacked") is None


@pytest.mark.parametrize("language", ["en", "he"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_opens_without_a_script_error(
	screen_of: Callable[..., Any], world: Any, item: str, language: str, width: int
):
	world.admin.update("User", "Administrator", language=language)
	try:
		screen = screen_of(width, 800)
		screen.open("bank-api")
		if language == "he":
			assert screen.page.evaluate("() => document.documentElement.dir || document.body.dir") == "rtl"
			screen.page.locator(".number-widget-box:visible", has_text="חיבורים שיש לחדש").wait_for()
		screen.page.locator(".number-widget-box:visible .number").nth(3).wait_for()
		screen.picture(f"workspace-{language}-{width}")
		for doctype in (
			ITEM,
			"Bank API Account",
			"Bank API Transaction",
			DELIVERY,
			"Bank API Log",
			"Bank API End User",
		):
			screen.open(doctype.lower().replace(" ", "-"))
			screen.page.locator(".list-row-container:visible, .no-result:visible").first.wait_for()
			name = world.admin.rows(doctype, {}, ["name"])[0]["name"]
			screen.form(doctype, name)
			assert screen.too_wide() == [], doctype
		screen.form("Bank API Settings", "Bank API Settings")
		screen.form("Bank API Provider", "Bridge Sandbox")
		screen.form("Bank API Client", "shop.example.com")
	finally:
		world.admin.update("User", "Administrator", language="en")


def test_revoke_deletes_the_item_at_the_bank(screen: Any, world: Any, item: str):
	item_id = int(world.row(ITEM, item)["item_id"])
	screen.form(ITEM, item)
	screen.press("Revoke")
	screen.answer_yes()
	screen.reload_until("doc.status === 'Deleted'")
	assert item_id not in {row["item_id"] for row in world.control.items()}
	wait_for("item.deleted", lambda: world.receiver.of_type("item.deleted"), 60)


def test_erase_leaves_nothing_of_the_end_user(screen: Any, world: Any, item: str):
	end_user = world.row(ITEM, item)["end_user"]
	screen.form("Bank API End User", end_user)
	screen.press("Erase")
	screen.answer_yes()
	screen.alert("The end user's data is erased.")
	wait_for(
		"the erasure",
		lambda: (
			not world.admin.rows("Bank API Transaction", {"end_user": end_user}, ["name"])
			and not world.admin.rows("Bank API Account", {"end_user": end_user}, ["name"])
		),
		60,
	)


def test_revoked_keys_are_refused(screen: Any, world: Any, client: str):
	screen.form("Bank API Client", client)
	screen.press("Revoke Keys")
	screen.answer_yes()
	screen.alert("The keys are revoked.")
	assert world.client.answer("get_category", id=1).status in (401, 403)
