"""Bridge: from a client's key pair to a new transaction by signed webhook, and to deletion."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from bank_api.sandbox.client import SandboxControl
from dev.errors import DevError
from dev.seed import WEBHOOK_SECRET, Setup
from dev.story.receiver import Receiver
from dev.story.telling import Telling, wait_for
from dev.web import Caller, ClientSite

VERSIONS = ("2025-01-15", "2021-06-01")
USER = "marie"
DEMO_BANK = "574"


def play(telling: Telling, gateway: str, sandbox: str, api_version: str) -> None:
	"""One chapter with one version of Bridge's API.

	Raises:
		DevError: something did not come out as it should.
	"""
	telling.chapter(f"Bridge, API version {api_version}")
	control = SandboxControl(sandbox)
	receiver = Receiver()
	try:
		client, setup = _set_up(telling, gateway, sandbox, api_version, receiver, control)
		item_id = _connect(telling, gateway, client, receiver, control, setup)
		cursor, account_id = _read(telling, client, receiver, control, item_id)
		_news(telling, client, receiver, control, item_id, cursor, account_id)
		_refresh_and_delete(telling, client, receiver, item_id)
	finally:
		receiver.stop()
	if receiver.refused:
		raise DevError(f"{receiver.refused} webhooks were not signed as they should be")


def _set_up(
	telling: Telling, gateway: str, sandbox: str, version: str, receiver: Receiver, control: SandboxControl
) -> tuple[ClientSite, Setup]:
	setup = Setup(gateway, sandbox)
	with telling.step("the admin sets up the provider") as step:
		provider = setup.provider(f"Bridge {version}", version)
		for webhook in control.webhooks():
			control.delete_webhook(webhook["id"])
		control.add_webhook(provider["webhook_address"], secret=WEBHOOK_SECRET, version=version)
		step.say(f"{provider['name']}, webhooks to {provider['webhook_address']}")
	with telling.step("the admin creates a client and its key pair") as step:
		keys = setup.client(f"shop-{version}.example.com", receiver.origin, receiver.url, provider["name"])
		receiver.secret = keys["webhook_secret"]
		step.say(f"key {keys['api_key']}, secrets shown once")
	return ClientSite(gateway, keys["api_key"], keys["api_secret"]), setup


def _connect(
	telling: Telling,
	gateway: str,
	client: ClientSite,
	receiver: Receiver,
	control: SandboxControl,
	setup: Setup,
) -> int:
	with telling.step("the client asks for a link") as step:
		link = client.call(
			"get_bridge_connect_link",
			base_url=receiver.origin,
			redirect_url=receiver.origin + "/bank/done",
			user=USER,
			webhook_url=receiver.url,
			bank=DEMO_BANK,
		)
		step.say(link["link"], f"request {link['request']}")
	with telling.step("the end user logs in at the bank and chooses accounts") as step:
		back = control.complete_connect(link["link"], login="success")
		step.say(f"sent back to {urlsplit(back).path}")
	with telling.step("the browser returns through the gateway to the client") as step:
		parts = urlsplit(back)
		page = Caller(gateway).call("GET", f"{parts.path}?{parts.query}")
		if page.status != 200 or receiver.origin not in page.text:
			raise DevError(f"the return page answered {page.status} and does not lead back to the client")
		step.say(f"{len(page.text.encode()) / 1000:.1f} kB page, onward to the client")
	with telling.step("a signed webhook tells the client") as step:
		event = wait_for("connect.completed", lambda: receiver.of_type("connect.completed"))[0]
		step.say(f"{event['type']} {event['id']}", f"data {event['data']}")
	with telling.step("the client asks which item it became") as step:
		item = client.call("get_bridge_item_id", request=link["request"])
		if item["status"] != "Completed" or not item["item_id"]:
			raise DevError(f"the request is {item}")
		step.say(f"item {item['item_id']} at {item['bank']}")
	return item["item_id"]


def _read(
	telling: Telling, client: ClientSite, receiver: Receiver, control: SandboxControl, item_id: int
) -> tuple[str, int]:
	with telling.step("the gateway syncs, and tells the client") as step:
		event = wait_for("transactions.updated", lambda: receiver.of_type("transactions.updated"), 60)[0]
		step.say(f"{len(event['data']['accounts'])} accounts have news")
	with telling.step("the client reads the accounts") as step:
		accounts = client.call("get_bank_accounts", item_id=item_id, user=USER)["resources"]
		lines = [
			f"{a['id']}  {a['type']:10} {a['balance']:>12} {a['currency_code']}  {a['name']}"
			for a in accounts
		]
		step.say(f"{len(accounts)} accounts", *lines)
	with telling.step("the client reads the transactions") as step:
		answer = _decimal(client, "get_bank_transactions", user=USER, item_id=item_id)
		rows = answer["resources"]
		_compare(rows, control.ledger(rows=True, item_id=item_id))
		total = sum((row["amount"] for row in rows), Decimal(0))
		step.say(f"{len(rows)} transactions, sum {total}, equal to the bank's own ledger to the cent")
	return answer["cursor"], accounts[0]["id"]


def _news(
	telling: Telling,
	client: ClientSite,
	receiver: Receiver,
	control: SandboxControl,
	item_id: int,
	cursor: str,
	account_id: int,
) -> None:
	seen = len(receiver.events)
	with telling.step("a new transaction appears at the bank") as step:
		row = control.add_transaction(account_id, amount="-42.195", description="Marathon de Paris")
		step.say(f"id {row['id']}, amount {row['amount']}")
	with telling.step("it reaches the client through a signed webhook") as step:
		event = wait_for("transactions.updated", lambda: receiver.of_type("transactions.updated", seen))[0]
		step.say(f"{event['type']} {event['id']}, sequence {event['data']['sequence']}")
	with telling.step("the client pulls what changed since its cursor") as step:
		news = _decimal(client, "get_bank_transactions", user=USER, item_id=item_id, cursor=cursor)[
			"resources"
		]
		if [found["amount"] for found in news if found["id"] == row["id"]] != [Decimal("-42.195")]:
			raise DevError(f"the new transaction is not among {len(news)} changes")
		step.say(f"{len(news)} change, amount {news[0]['amount']}")


def _refresh_and_delete(telling: Telling, client: ClientSite, receiver: Receiver, item_id: int) -> None:
	with telling.step("the client asks for a refresh") as step:
		answer = client.call("post_item_refresh", item_id=item_id, user=USER)
		step.say(f"{answer['status']}, bank refresh {answer['bank_refresh']}")
	with telling.step("the client deletes the item") as step:
		client.call("delete_bridge_item_id", item_id=item_id, user=USER)
		gone = client.answer("get_bridge_item_details", item_id=item_id)
		if gone.status != 404:
			raise DevError(f"the deleted item still answers {gone.status}")
		wait_for("item.deleted", lambda: receiver.of_type("item.deleted"))
		step.say("gone at the bank and here; the client was told")


def _decimal(client: ClientSite, method: str, **arguments: Any) -> dict[str, Any]:
	import json

	answer = client.answer(method, **arguments)
	if answer.status != 200:
		raise DevError(f"{method} answered {answer.status}: {answer.text[:300]}")
	return json.loads(answer.text, parse_float=Decimal, parse_int=_number)["message"]


def _number(text: str) -> int | Decimal:
	return int(text)


def _compare(rows: list[dict[str, Any]], ledger: dict[str, Any]) -> None:
	"""The bank's own book and what the client has must be one."""
	deleted = ("is_deleted", "deleted")
	ours = {
		(row["account_id"], row["id"]): Decimal(row["amount"])
		for row in rows
		if not any(row.get(k) for k in deleted)
	}
	theirs = {
		(account["account_id"], row["id"]): Decimal(row["amount"])
		for account in ledger["accounts"]
		for row in account["transactions"]
	}
	if ours != theirs:
		raise DevError(f"the client has {len(ours)} transactions, the bank {len(theirs)}")
