"""An installation under test, seen from outside: its admin, its client sites, the bank behind it, and its clockwork."""

import contextvars
import itertools
import json
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from bank_api.sandbox.client import SandboxControl
from dev.seed import WEBHOOK_SECRET, Setup
from dev.stack import Stack
from dev.story.receiver import Receiver
from dev.web import Answer, Caller, ClientSite

VERSIONS = ("2021-06-01", "2025-01-15")
PATIENCE = 60.0
NO_LIMITS = {"user_calls_per_minute": 0, "token_calls_per_minute": 0, "app_calls_per_5_minutes": 0}
"""A test makes in seconds the calls of a day, and does not wait for the provider's minutes to pass."""
STEP = 0.1
_numbers = itertools.count(1)

Result = TypeVar("Result")


class Number(str):
	"""A JSON number as it was written."""


def exact_json(text: str) -> Any:
	"""JSON whose numbers are their own text."""
	return json.loads(text, parse_float=Number, parse_int=Number)


@dataclass
class Site:
	"""A client site with its webhook endpoint."""

	name: str
	api: ClientSite
	receiver: Receiver


@dataclass
class Installation:
	"""Web server, worker and sandbox around one site."""

	stack: Stack
	control: SandboxControl = field(init=False)
	setup: Setup = field(init=False)
	receivers: list[Receiver] = field(default_factory=list)

	def __post_init__(self) -> None:
		self.control = SandboxControl(self.stack.sandbox_url)
		self.setup = Setup(self.stack.url, self.stack.sandbox_url)

	# --- what an admin sets up

	def provider(self, version: str, webhooks: bool = True, **values: Any) -> str:
		"""A Bridge provider with an application of its own at the sandbox; its webhooks come to the gateway."""
		name = f"Bridge {version} {next(_numbers)}-{uuid.uuid4().hex[:6]}"
		app = {"client_id": f"id-{uuid.uuid4().hex}", "client_secret": f"secret-{uuid.uuid4().hex}"}
		self.control.add_app(**app)
		doc = self.setup.provider(name, version, **(app | NO_LIMITS | values))
		if webhooks:
			self.control.add_webhook(
				doc["webhook_address"], secret=WEBHOOK_SECRET, version=version, app=app["client_id"]
			)
		return doc["name"]

	def migdal(self, **values: Any) -> str:
		"""A Migdal provider with certificates of its own."""
		name = f"Migdal {next(_numbers)}-{uuid.uuid4().hex[:6]}"
		return self.setup.migdal(name, **values)["name"]

	def quanto(self, **values: Any) -> str:
		"""A Quanto provider whose set-up is done, with an institution of its own at the sandbox."""
		name = f"Quanto {next(_numbers)}-{uuid.uuid4().hex[:6]}"
		return self.setup.quanto(name, **values)["name"]

	def kb(self, settings: dict[str, str] | None = None, **values: Any) -> str:
		"""A KB provider with an application of its own at the sandbox.

		Args:
			settings: further settings of the connector, by name.
			values: more fields for the Bank API Provider.
		"""
		info = self.control.kb.info()
		app = self.control.kb.add_app(f"{self.stack.url}/bank-api/return")
		lines = {
			"authorize_url": f"{info['pages_url']}/autfe/ssologin",
			"name.path_revoke": "/oauth2/v3/revoke",
			**(settings or {}),
		}
		defaults = {
			"connector": "kb",
			"environment": "Sandbox",
			"api_base_url": info["api_url"],
			"client_id": app["client_id"],
			"client_secret": app["secret"],
			"authorise_at": "MojeBanka",
			"further_settings": "\n".join(f"{name} = {value}" for name, value in lines.items()),
			**{f"api_key_{api}": key for api, key in info["api_keys"].items()},
			**NO_LIMITS,
		}
		name = f"KB {next(_numbers)}-{uuid.uuid4().hex[:6]}"
		return self.setup.admin.insert("Bank API Provider", provider_name=name, **(defaults | values))["name"]

	def app_of(self, provider: str) -> str:
		"""The application at the sandbox that a provider uses."""
		return self.setup.admin.rows("Bank API Provider", {"name": provider}, ["client_id"])[0]["client_id"]

	def client(self, *providers: str, module: str = "bridge") -> Site:
		"""A client site that may use these providers, with keys and a webhook endpoint that checks signatures.

		Args:
			providers: names of them.
			module: the public API that it calls.
		"""
		receiver = Receiver()
		self.receivers.append(receiver)
		site = f"{uuid.uuid4().hex[:10]}.example.com"
		keys = self.setup.client(site, receiver.origin, receiver.url, *providers)
		receiver.secret = keys["webhook_secret"]
		api = ClientSite(self.stack.url, keys["api_key"], keys["api_secret"], module=module)
		return Site(site, api, receiver)

	def item(self, provider: str, item_id: Any) -> dict[str, Any]:
		"""An item's row, as its form shows it."""
		filters = {"provider": provider, "item_id": str(item_id)}
		return self.setup.admin.rows("Bank API Item", filters, ["*"])[0]

	def accounts(self, item: str) -> list[dict[str, Any]]:
		"""The account rows of an item."""
		return self.setup.admin.rows("Bank API Account", {"item": item}, ["*"])

	def sync_now(self, item: str) -> None:
		"""Press the button on the item's form."""
		self.setup.admin.press("Bank API Item", item, "sync_now")

	# --- the end user's browser

	def browse(self, address: str) -> Answer:
		"""Load a page of the gateway."""
		parts = urlsplit(address)
		return Caller(f"{parts.scheme}://{parts.netloc}").call("GET", f"{parts.path}?{parts.query}")

	# --- items without the end user's pages

	def quiet_items(self, provider: str, site: Site, count: int = 1, **options: Any) -> list[dict[str, Any]]:
		"""Connected items, each of an end user of its own, that nobody has synced or queued yet.

		Args:
			provider: name of the Bank API Provider.
			site: the client site whose they are.
			count: how many.
			options: of the sandbox, such as `transactions` and `accounts`.

		Returns:
			for each: `item` and `end_user` (row names), `user`, and the sandbox's description of it.
		"""
		base = f"user-{uuid.uuid4().hex[:8]}"
		answer = self.control.add_item(base, count=count, client_id=self.app_of(provider), **options)
		made = answer.get("items", [answer])

		def work() -> list[dict[str, Any]]:
			import frappe

			from bank_api.gateway.clock import site_now
			from bank_api.gateway.ids import row_names

			names = list(row_names(2 * count))
			for shown in made:
				shown |= {"item": names.pop(), "end_user": names.pop(), "user": shown["external_user_id"]}
				own = {"client": site.name, "provider": provider, "now": site_now(), **shown}
				own.pop("accounts")
				frappe.db.sql(
					"""INSERT INTO `tabBank API End User` (name, creation, modified, client, provider, user,
						external_user_id, provider_user_id) VALUES (%(end_user)s, %(now)s, %(now)s, %(client)s,
						%(provider)s, %(user)s, %(external_user_id)s, %(user_uuid)s)""",
					own,
				)
				frappe.db.sql(
					"""INSERT INTO `tabBank API Item` (name, creation, modified, item_id, client, provider,
						end_user, status, sync_status, feed, next_try_at) VALUES (%(item)s, %(now)s, %(now)s,
						%(item_id)s, %(client)s, %(provider)s, %(end_user)s, 'Waiting', 'Idle', 'Never', %(now)s)""",
					own,
				)
			return made

		return self.inside(work)

	# --- the clockwork

	def inside(self, work: Callable[[], Result]) -> Result:
		"""Run a function in the site, as a job would: a context and a connection of its own, committed."""
		return contextvars.Context().run(self._inside, work)

	def _inside(self, work: Callable[[], Result]) -> Result:
		import frappe

		before = os.getcwd()
		os.chdir(self.stack.bench.sites_path)
		frappe.init(self.stack.site, sites_path=str(self.stack.bench.sites_path))
		try:
			frappe.connect()
			frappe.set_user("Administrator")
			result = work()
			frappe.db.commit()
			return result
		finally:
			frappe.destroy()
			os.chdir(before)

	def sql(self, query: str, values: Any = None) -> list[dict[str, Any]]:
		"""A query in the site's database."""

		def work() -> list[dict[str, Any]]:
			import frappe

			return frappe.db.sql(query, values or (), as_dict=True)

		return self.inside(work)

	def tick(self) -> None:
		"""One turn of the app's scheduled functions, whatever the minute is."""

		def work() -> None:
			from bank_api.gateway import (
				connect,
				consent_duties,
				events,
				nudges,
				relay,
				schedule,
				session_duties,
			)

			modules = (schedule, connect, consent_duties, session_duties, nudges, events, relay)
			for function in [module.tick for module in modules]:
				function()

		self.inside(work)

	def make_due(self, provider: str) -> None:
		"""Let the time pass until every item of a provider is due."""
		self.sql(
			"UPDATE `tabBank API Item` SET next_try_at = '2020-01-01', held_until = NULL WHERE provider = %s AND status != 'Deleted'",
			provider,
		)

	def settle(self, provider: str, seconds: float = PATIENCE, all_sent: bool = True) -> None:
		"""Wait until all events of the bank are sent and acted on, all syncs done, and all clients told."""
		assert not all_sent or self.control.drain_webhooks(seconds), self.control.deliveries(status="pending")

		def work() -> str:
			import frappe

			end = time.monotonic() + seconds
			while busy := _busy(frappe, provider):
				if time.monotonic() > end:
					return busy
				time.sleep(STEP)
				frappe.db.rollback()
			return ""

		busy = self.inside(work)
		assert not busy, f"after {seconds:.0f} s: {busy}\n{self.logs()}"

	def idle(self) -> None:
		"""Wait until the workers have nothing to do, for this or any other provider."""

		def work() -> int:
			from frappe.utils.background_jobs import get_queue

			queues = [get_queue(name) for name in ("short", "default", "long")]
			return sum(queue.count + queue.started_job_registry.count for queue in queues)

		# A job whose worker was killed counts as running until its heartbeat is a minute and a half old.
		wait_until("idle workers", lambda: not self.inside(work), 3 * PATIENCE)

	def logs(self) -> str:
		"""What may explain a failure."""
		errors = self.sql("SELECT method, error FROM `tabError Log` ORDER BY creation DESC LIMIT 3")
		shown = "\n".join(f"{row['method']}\n{row['error']}" for row in errors)
		return f"--- error logs\n{shown}\n--- worker\n{self.stack.log('worker')[-3000:]}"

	def close(self) -> None:
		"""Close the webhook endpoints."""
		for receiver in self.receivers:
			receiver.stop()


_BUSY = (
	(
		"events to be acted on",
		"""SELECT COUNT(*) FROM `tabBank API Webhook Event` WHERE provider = %(provider)s
			AND status = 'Received' AND next_try_at IS NULL""",
	),
	(
		"items to be synced",
		"""SELECT COUNT(*) FROM `tabBank API Item` WHERE provider = %(provider)s AND status != 'Deleted'
			AND (sync_status IN ('Queued', 'Running') OR IFNULL(sync_requested_at, '2000-01-01') >
				IFNULL(last_try_at, '1999-01-01') AND IFNULL(held_until, '2000-01-01') < %(now)s)""",
	),
	(
		"clients to be told",
		"""SELECT COUNT(*) FROM `tabBank API Webhook Delivery` delivery
		JOIN `tabBank API Item` item ON item.name = delivery.item AND item.provider = %(provider)s
		WHERE delivery.status = 'Pending' AND delivery.attempts = 0""",
	),
)


def _busy(frappe: Any, provider: str) -> str:
	from bank_api.gateway.clock import site_now

	for what, query in _BUSY:
		if count := frappe.db.sql(query, {"provider": provider, "now": site_now()})[0][0]:
			return f"{count} {what}"
	return ""


def wait_until(what: str, look: Callable[[], Any], seconds: float = PATIENCE, step: float = STEP) -> Any:
	"""Look until there is something to see, and answer it."""
	end = time.monotonic() + seconds
	while time.monotonic() < end:
		if found := look():
			return found
		time.sleep(step)
	raise AssertionError(f"{what} did not come within {seconds:.0f} seconds")
