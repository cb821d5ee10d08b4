"""What site tests share: the simulated provider as a process, and a small world of providers and clients."""

import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

PUBLIC_URL = "https://gateway.example"


@pytest.fixture(scope="session")
def sandbox_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
	"""Address of the simulated provider: the one that `$SANDBOX_URL` names, else a process of our own."""
	if url := os.environ.get("SANDBOX_URL"):
		yield url
		return
	from dev import processes

	folder: Path = tmp_path_factory.mktemp("sandbox")
	process = processes.sandbox(request.getfixturevalue("bench"), folder, arguments=["--transactions", "40"])
	process.start()
	yield f"http://127.0.0.1:{process.port}"
	process.stop()


@pytest.fixture
def sandbox(sandbox_url: str) -> Iterator[Any]:
	"""The control client of the simulated provider; faults and used-up limits do not outlive a test."""
	from bank_api.sandbox.client import SandboxControl

	control = SandboxControl(sandbox_url)
	_calm(control)
	yield control
	_calm(control)


def _calm(control: Any) -> None:
	control.clear_faults()
	control.latency(0)
	control.reset_limits()


@dataclass
class World:
	"""One provider and what tests make around it. Its rows have names of their own and are left behind."""

	frappe: Any
	sandbox: Any
	provider: str
	queued: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
	"""Jobs that would have gone to a worker, where a fixture keeps them."""

	def client(self, **values: Any) -> Any:
		"""A new client site; returns its `ClientContext`."""
		from bank_api.gateway import clients

		self.frappe.set_user("Administrator")
		site = f"{uuid.uuid4().hex[:12]}.example"
		doc = {"doctype": "Bank API Client", "site": site, "client_name": site, "base_url": f"https://{site}"}
		self.frappe.get_doc(doc | values).insert()
		self.frappe.db.commit()
		return clients.context_of(site)

	def sign_in(self, client: Any) -> Any:
		"""Let this process call as a client; returns its context."""
		from bank_api.gateway import clients

		user = f"{client.site}@bank-api.invalid"
		if not self.frappe.db.exists("User", user):
			self._make_user(client, user)
		self.frappe.set_user(user)
		return clients.current_client()

	def _make_user(self, client: Any, user: str) -> None:
		"""As `clients.issue_keys` does, in milliseconds: inserting a User empties the site's caches."""
		self.frappe.db.sql(
			"""insert into `tabUser` (name, email, first_name, enabled, user_type)
			values (%s, %s, %s, 1, 'Website User')""",
			(user, user, client.site),
		)
		self.frappe.db.sql(
			"""insert into `tabHas Role` (name, parent, parenttype, parentfield, role)
			values (%s, %s, 'User', 'roles', 'Bank API Client')""",
			(uuid.uuid4().hex[:10], user),
		)
		self.frappe.db.set_value("Bank API Client", client.name, "user", user)
		self.frappe.db.commit()

	def external_id(self, client: Any, user: str) -> str:
		"""The sandbox's name of an end user."""
		filters = {"client": client.name, "provider": self.provider, "user": user}
		return self.frappe.db.get_value("Bank API End User", filters, "external_user_id")

	def events(self, client: Any) -> list[str]:
		"""The types of all events for a client, in order."""
		return self.frappe.get_all(
			"Bank API Webhook Delivery", {"client": client.name}, pluck="event_type", order_by="sequence asc"
		)


@pytest.fixture
def make_world() -> type[World]:
	"""For a provider that a test makes itself."""
	return World


@pytest.fixture(params=["2025-01-15"])
def world(db: Any, sandbox: Any, request: pytest.FixtureRequest) -> World:
	"""A provider of its own that speaks to the sandbox; parametrise indirectly for another API version."""
	name = f"Bridge {uuid.uuid4().hex[:8]}"
	db.conf["bank_api_allow_http"] = 1
	db.get_doc(
		{
			"doctype": "Bank API Provider",
			"provider_name": name,
			"connector": "bridge",
			"api_version": request.param,
			"api_base_url": sandbox.url,
			"client_id": "sandbox_id_demo",
			"client_secret": "sandbox_secret_demo",
			"webhook_secret": "sandbox_webhook_secret",
			"account_types": "all",
			"app_calls_per_5_minutes": 0,
			"user_calls_per_minute": 0,
			"token_calls_per_minute": 0,
		}
	).insert()
	# The other tests' providers stay as they are, but a client that lists none must find this one.
	db.db.sql("update `tabBank API Provider` set enabled = 0 where name != %s", name)
	db.db.set_single_value("Bank API Settings", "public_url", PUBLIC_URL)
	db.db.commit()
	return World(db, sandbox, name)


@dataclass
class Connected:
	"""A client site as the world sees it, with one end user, one item and its data.

	Attributes:
		site: its key.
		api: calls as this client.
		user: its end user.
		request: the connect request that led to the item.
		item_id, account_id, stable_id, cursor: identifiers of its data.
		provider: name of the provider that only this client may use.
	"""

	site: str
	api: Any
	user: str
	provider: str
	request: str = ""
	item_id: int = 0
	account_id: int = 0
	stable_id: str = ""
	cursor: str = ""


@pytest.fixture(scope="session")
def two_clients(stack: Any) -> tuple[Connected, Connected]:
	"""Two client sites of the running stack, each with a provider, an end user and a synced bank of its own."""
	from dev.seed import Setup

	setup = Setup(stack.url, stack.sandbox_url)
	return _connected(stack, setup, "a"), _connected(stack, setup, "b")


def _connected(stack: Any, setup: Any, letter: str) -> Connected:
	from bank_api.sandbox.client import SandboxControl
	from dev.web import Caller, ClientSite

	provider = setup.provider(f"Bridge of {letter} {uuid.uuid4().hex[:6]}", "2025-01-15")["name"]
	site = f"{letter}-{uuid.uuid4().hex[:6]}.example"
	keys = setup.client(site, f"https://{site}", None, provider)
	api = ClientSite(stack.url, keys["api_key"], keys["api_secret"])
	found = Connected(site, api, f"jane@{site}", provider)
	link = api.call("get_bridge_connect_link", user=found.user)
	found.request = link["request"]
	back = urlsplit(SandboxControl(stack.sandbox_url).complete_connect(link["link"]))
	assert Caller(stack.url).call("GET", f"{back.path}?{back.query}").status == 200
	found.item_id = api.call("get_bridge_item_id", request=found.request)["item_id"]
	accounts = _when_synced(api, found.item_id)
	found.account_id, found.stable_id = accounts["resources"][0]["id"], accounts["stable_ids"][0]
	found.cursor = api.call("get_bank_transactions", item_id=found.item_id)["cursor"]
	return found


def _when_synced(api: Any, item_id: int) -> dict[str, Any]:
	end = time.monotonic() + 90
	while (answer := api.answer("get_bank_accounts", item_id=item_id)).status == 409:
		assert time.monotonic() < end, answer.text
		time.sleep(0.3)
	assert answer.status == 200, answer.text
	return answer.json()["message"]


@pytest.fixture
def consents(db: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
	"""A provider of consents of its own (`fake_consents`); `sandbox` of this world is its `FakeBank`."""
	import fake_consents

	from bank_api.connectors import registry
	from bank_api.gateway import providers

	path = str(tmp_path / "bank.sqlite")
	monkeypatch.setenv(fake_consents.ENVIRONMENT, path)
	monkeypatch.setitem(registry.CONNECTORS, "berlin_group", fake_consents.FakeConnector)
	providers._connectors.clear()
	name = f"Migdal {uuid.uuid4().hex[:8]}"
	db.get_doc(
		{
			"doctype": "Bank API Provider",
			"provider_name": name,
			"connector": "berlin_group",
			"api_base_url": "https://fake.example",
		}
	).insert()
	db.db.sql("update `tabBank API Provider` set enabled = 0 where name != %s", name)
	db.db.set_single_value("Bank API Settings", "public_url", PUBLIC_URL)
	db.db.commit()
	yield World(db, fake_consents.FakeBank(path), name)
	providers._connectors.clear()


@pytest.fixture
def visits(db: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
	"""A provider of visits of its own (`fake_visits`), set up; `sandbox` of this world is its `FakeQuanto`."""
	import fake_visits

	from bank_api.connectors import registry
	from bank_api.gateway import providers, setup

	path = str(tmp_path / "quanto.sqlite")
	monkeypatch.setenv(fake_visits.ENVIRONMENT, path)
	monkeypatch.setitem(registry.CONNECTORS, "quanto", fake_visits.FakeConnector)
	monkeypatch.setattr(setup, "require_ready", lambda provider: None)
	providers._connectors.clear()
	name = f"Quanto {uuid.uuid4().hex[:8]}"
	db.get_doc(
		{
			"doctype": "Bank API Provider",
			"provider_name": name,
			"connector": "quanto",
			"api_base_url": "https://fake.example",
			"client_secret": "key",
			"webhook_secret": "secret",
			"default_purpose": "Accounting",
		}
	).insert()
	db.db.sql("update `tabBank API Provider` set enabled = 0 where name != %s", name)
	db.db.set_single_value("Bank API Settings", "public_url", PUBLIC_URL)
	db.db.commit()
	yield World(db, fake_visits.FakeQuanto(path), name)
	providers._connectors.clear()


@pytest.fixture
def batches(db: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
	"""A provider of its own that takes payments (`fake_payments`); `sandbox` of this world is its `FakePaymentBank`."""
	import fake_payments

	from bank_api.connectors import registry
	from bank_api.gateway import providers, wake

	path = str(tmp_path / "payments.sqlite")
	monkeypatch.setenv(fake_payments.ENVIRONMENT, path)
	monkeypatch.setitem(registry.CONNECTORS, "kb", fake_payments.FakePaymentConnector)
	providers._connectors.clear()
	name = f"KB {uuid.uuid4().hex[:8]}"
	db.get_doc(
		{
			"doctype": "Bank API Provider",
			"provider_name": name,
			"connector": "kb",
			"api_base_url": "https://fake.example",
			"authorise_at": "MojeBanka",
			"client_id": "Gateway-1234",
			"client_secret": "secret",
			"api_key_oauth2": "key",
			"further_settings": "payments.cut_offs = no",
		}
	).insert()
	db.db.sql("update `tabBank API Provider` set enabled = 0 where name != %s", name)
	db.db.set_single_value("Bank API Settings", "public_url", PUBLIC_URL)
	db.db.commit()
	world = World(db, fake_payments.FakePaymentBank(path), name)
	monkeypatch.setattr(
		wake, "job_after_commit", lambda method, **options: world.queued.append((method, options))
	)
	yield world
	providers._connectors.clear()
