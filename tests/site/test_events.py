"""Acting on stored events: what is true is asked of the provider, whatever the event says and whenever."""

import json
import time
from datetime import timedelta

import pytest

from bank_api.connectors.bridge import webhooks as bridge_webhooks
from bank_api.connectors.errors import (
	AuthenticationExpired,
	NotFound,
	ProviderUnavailable,
	RateLimited,
)
from bank_api.connectors.model import ItemData, ItemStatus, Secret, Token, TokenHolder, UserAction
from bank_api.gateway import events, providers, sync, wake
from bank_api.gateway.clock import site_now, utc_now
from bank_api.gateway.errors import UnknownObject
from bank_api.gateway.ids import row_name

EVENT, ITEM, USER = "Bank API Webhook Event", "Bank API Item", "Bank API End User"


class Bridge:
	"""A provider whose items and users the test sets; it reads webhooks as the real connector does."""

	token_holder = TokenHolder.END_USER

	def __init__(self):
		self.items: dict[str, ItemData | Exception] = {}
		self.user_gone = False
		self.calls: list[str] = []

	parse_webhook = staticmethod(bridge_webhooks.parse)

	def new_token(self, external_user_id: str) -> Token:
		self.calls.append("token")
		if self.user_gone:
			raise NotFound("no such user")
		return Token(Secret("token"), utc_now() + timedelta(hours=2), "")

	def item(self, token: Token, item_id: str, language: str = "en") -> ItemData:
		self.calls.append(f"item {item_id}")
		found = self.items.get(item_id, NotFound("no such item"))
		if isinstance(found, Exception):
			raise found
		return found

	def bank_name(self, bank_id: str) -> str:
		return "Demo Bank"

	def bank(self, bank_id: str, language: str = "en") -> str:
		return '{"id":1,"name":"Demo Bank"}'


def state(item_id: str, status: ItemStatus = ItemStatus.OK, code: int = 0) -> ItemData:
	action = UserAction.NONE if status is ItemStatus.OK else UserAction.EDIT_CREDENTIALS
	return ItemData(
		item_id, None, status, code, None, None, action, utc_now(), None, json.dumps({"id": item_id})
	)


class World:
	"""A provider, a client, an end user and an item; and events about them."""

	def __init__(self, frappe, bridge: Bridge):
		self.frappe, self.bridge = frappe, bridge
		self.user_uuid, self.item_id = row_name(), row_name()
		self.provider = self._insert(
			"Bank API Provider",
			provider_name=f"p-{row_name()}",
			connector="bridge",
			client_id="x",
			client_secret="x",
			webhook_secret="x",
		)
		site = f"events-{row_name()}"
		self.client = self._insert(
			"Bank API Client",
			site=site,
			client_name=site,
			webhook_url="https://site.example/hook",
			webhook_secret="whsec_" + "c2VjcmV0" * 6,
		)
		self.end_user = self._insert(
			USER,
			client=self.client,
			provider=self.provider,
			user="anna",
			external_user_id=row_name(),
			provider_user_id=self.user_uuid,
		)
		self.item = self._insert(
			ITEM,
			client=self.client,
			provider=self.provider,
			end_user=self.end_user,
			item_id=self.item_id,
			status="OK",
		)
		bridge.items[self.item_id] = state(self.item_id)
		frappe.db.commit()

	def _insert(self, doctype: str, **values) -> str:
		return self.frappe.get_doc({"doctype": doctype, **values}).insert(ignore_permissions=True).name

	def event(self, kind: str, **content) -> str:
		name = row_name()
		content = {"item_id": self.item_id, "user_uuid": self.user_uuid, **content}
		content = {key: value for key, value in content.items() if value is not None}
		payload = json.dumps({"content": content, "timestamp": time.time_ns() // 1_000_000, "type": kind})
		now = site_now()
		self.frappe.db.sql(
			"""INSERT INTO `tabBank API Webhook Event` (name, creation, modified, owner, modified_by,
				provider, event_type, digest, status, attempts, payload)
			VALUES (%s, %s, %s, 'Guest', 'Guest', %s, %s, %s, 'Received', 0, %s)""",
			(name, now, now, self.provider, kind, name, payload),
		)
		self.frappe.db.commit()
		return name

	def row(self, name: str):
		self.frappe.db.commit()
		return self.frappe.db.get_value(EVENT, name, "*", as_dict=True)

	def status_of_item(self) -> str:
		self.frappe.db.commit()
		return self.frappe.db.get_value(ITEM, self.item, "status")

	def told(self) -> list[str]:
		self.frappe.db.commit()
		return self.frappe.get_all(
			"Bank API Webhook Delivery", {"client": self.client}, pluck="event_type", order_by="sequence asc"
		)

	def clear(self) -> None:
		db = self.frappe.db
		db.rollback()
		for doctype in (EVENT, ITEM, USER):
			db.delete(doctype, {"provider": self.provider})
		db.delete("Bank API Webhook Delivery", {"client": self.client})
		self.frappe.delete_doc("Bank API Client", self.client, force=True)
		self.frappe.delete_doc("Bank API Provider", self.provider, force=True)
		db.commit()


@pytest.fixture
def world(db, monkeypatch):
	bridge = Bridge()
	monkeypatch.setattr(providers, "connector", lambda name: bridge)
	monkeypatch.setattr(wake, "wake", lambda job: True)
	monkeypatch.setattr(db, "enqueue", lambda *args, **kwargs: None)
	made = World(db, bridge)
	made.requested = []
	monkeypatch.setattr(sync, "request", lambda item, reason: made.requested.append((item, reason)))
	yield made
	made.clear()


def test_a_refreshed_item_is_read_again_and_synced(db, world):
	world.bridge.items[world.item_id] = state(world.item_id, ItemStatus.ACTION_REQUIRED, 402)
	name = world.event("item.refreshed", status_code=0)
	assert events.drain() == 1
	done = world.row(name)
	assert (done.status, done.item, done.client, done.attempts) == ("Processed", world.item, world.client, 1)
	assert world.status_of_item() == "Action Required", "the provider is believed, not the event"
	assert world.requested == [(world.item, "webhook")]
	assert world.told() == ["item.updated"]


def test_account_events_ask_for_a_sync_without_a_call(db, world):
	for kind in ("item.account.created", "item.account.updated", "item.account.deleted"):
		world.event(kind, account_id=5, balance=1)
	events.drain()
	assert world.requested == [(world.item, "webhook")] * 3
	assert world.bridge.calls == []


def test_a_swarm_about_one_item_is_one_read(db, world):
	for _ in range(20):
		world.event("item.refreshed")
	assert events.drain() == 20
	assert world.bridge.calls.count(f"item {world.item_id}") == 1


def test_a_deleted_item_is_gone_if_the_provider_says_so_too(db, world):
	del world.bridge.items[world.item_id]
	name = world.event("item.deleted")
	events.drain()
	assert world.row(name).status == "Processed"
	assert world.status_of_item() == "Deleted"
	assert world.told() == ["item.deleted"]


def test_a_deletion_that_the_provider_does_not_confirm_deletes_nothing(db, world):
	world.event("item.deleted")
	events.drain()
	assert world.status_of_item() == "OK"


def test_events_about_a_deleted_item_are_ignored_in_any_order(db, world):
	del world.bridge.items[world.item_id]
	world.event("item.deleted")
	late = [world.event("item.refreshed"), world.event("item.account.updated", account_id=1)]
	events.drain()
	assert [world.row(name).status for name in late] == ["Ignored"] * 2
	assert world.row(late[0]).last_error


def test_a_deleted_user_takes_its_items_along(db, world):
	world.bridge.user_gone = True
	name = world.event("user.deleted", item_id=None)
	events.drain()
	assert world.row(name).status == "Processed"
	assert world.status_of_item() == "Deleted"
	assert not db.db.get_value(USER, world.end_user, "provider_user_id")
	again = world.event("user.deleted", item_id=None)
	events.drain()
	assert world.row(again).status == "Ignored"


def test_a_user_whom_the_provider_still_knows_stays(db, world):
	name = world.event("user.deleted", item_id=None)
	events.drain()
	assert world.row(name).status == "Ignored"
	assert world.status_of_item() == "OK"


def test_a_new_item_of_a_known_user_is_read_and_announced(db, world):
	new = row_name()
	world.bridge.items[new] = state(new)
	name = world.event("item.created", item_id=new)
	events.drain()
	item = db.db.get_value(ITEM, {"provider": world.provider, "item_id": new}, ["name", "client", "end_user"])
	assert item[1:] == (world.client, world.end_user)
	assert world.row(name).item == item[0]
	assert "item.created" in world.told()


def test_any_event_about_an_unknown_item_finds_it(db, world):
	"""`item.created` may be lost, or come last."""
	new = row_name()
	world.bridge.items[new] = state(new)
	world.event("item.account.updated", item_id=new, account_id=3)
	world.event("item.created", item_id=new)
	events.drain()
	assert db.db.count(ITEM, {"provider": world.provider, "item_id": new}) == 1
	assert world.told().count("item.created") == 1


@pytest.mark.parametrize(
	"content", [{"user_uuid": "stranger"}, {"user_uuid": None}], ids=["stranger", "nobody"]
)
def test_items_of_strangers_are_ignored(db, world, content):
	name = world.event("item.created", item_id="unheard-of", **content)
	events.drain()
	assert world.row(name).status == "Ignored"
	assert world.bridge.calls == []


def test_an_event_cannot_move_an_item_to_another_user(db, world):
	"""The event names another user than the item's own: nothing but the ids is read, and the owner stays."""
	other = world._insert(
		USER,
		client=world.client,
		provider=world.provider,
		user="bert",
		external_user_id=row_name(),
		provider_user_id="bert-uuid",
	)
	world.event("item.refreshed", user_uuid="bert-uuid")
	events.drain()
	assert db.db.get_value(ITEM, world.item, "end_user") == world.end_user != other


def test_another_providers_item_with_the_same_id_is_another_item(db, world):
	name = world.event("item.refreshed")
	db.db.set_value(ITEM, world.item, "provider", "another")
	db.db.commit()
	world.bridge.items.clear()
	events.drain()
	assert world.row(name).status == "Ignored"
	db.db.set_value(ITEM, world.item, "provider", world.provider)


@pytest.mark.parametrize("kind", ["item.frobnicated", "payment.transaction.updated", "TEST_EVENT"])
def test_types_of_no_concern(db, world, kind):
	name = world.event(kind)
	events.drain()
	assert world.row(name).status == ("Processed" if kind == "TEST_EVENT" else "Ignored")
	assert world.requested == [] and world.bridge.calls == []


# --- failing


def test_a_failure_is_tried_again_later_and_then_given_up(db, world):
	world.bridge.items[world.item_id] = ProviderUnavailable("it is down")
	name = world.event("item.refreshed")
	for attempt, minutes in enumerate(events.RETRY_MINUTES, 1):
		before = site_now()
		assert events.drain() == 1
		found = world.row(name)
		assert (found.status, found.attempts, found.last_error) == ("Received", attempt, "it is down")
		assert timedelta(0) <= found.next_try_at - before - timedelta(minutes=minutes) < timedelta(seconds=30)
		assert events.drain() == 0, "not before its time"
		db.db.set_value(EVENT, name, "next_try_at", site_now() - timedelta(seconds=1))
		db.db.commit()
	events.drain()
	assert world.row(name).status == "Failed"
	world.bridge.items[world.item_id] = state(world.item_id)
	events.replay(name)
	db.db.commit()
	events.drain()
	assert world.row(name).status == "Processed"


def test_a_provider_that_is_down_is_asked_once_a_drain(db, world):
	world.bridge.items[world.item_id] = ProviderUnavailable("it is down")
	names = [world.event("item.refreshed") for _ in range(10)]
	events.drain()
	assert world.bridge.calls.count(f"item {world.item_id}") == 1
	assert [world.row(name).attempts for name in names] == [1] + [0] * 9


def test_a_rate_limit_is_waited_for_and_is_no_failure(db, world):
	world.bridge.items[world.item_id] = RateLimited("slowly", retry_after=77)
	name = world.event("item.refreshed")
	before = site_now()
	events.drain()
	found = world.row(name)
	assert (found.status, found.attempts) == ("Received", 0)
	assert timedelta(seconds=76) < found.next_try_at - before < timedelta(seconds=90)


def test_a_refused_token_is_renewed_once(db, world):
	answers = [AuthenticationExpired("old"), state(world.item_id)]
	original = world.bridge.item

	def item(token, item_id, language="en"):
		world.bridge.items[item_id] = answers.pop(0)
		return original(token, item_id)

	world.bridge.item = item
	name = world.event("item.refreshed")
	events.drain()
	assert world.row(name).status == "Processed"


def test_a_defect_concerns_one_event(db, world, monkeypatch):
	real = sync.request
	monkeypatch.setattr(
		sync, "request", lambda item, reason: 1 / 0 if not world.requested else real(item, reason)
	)
	broken, fine = world.event("item.account.updated", account_id=1), world.event("TEST_EVENT")
	events.drain()
	assert world.row(broken).status == "Received" and "ZeroDivisionError" in world.row(broken).last_error
	assert world.row(fine).status == "Processed"


def test_replay_of_nothing(db, world):
	with pytest.raises(UnknownObject):
		events.replay("nothing")


def test_the_minute_tick_finds_what_redis_lost(db, world):
	name = world.event("TEST_EVENT")
	events.tick()
	assert world.row(name).status == "Processed"


def test_one_drain_at_a_time(db, world, monkeypatch):
	monkeypatch.setattr(events, "LOCK_WAIT_SECONDS", 0)
	from bank_api.gateway.locks import lock_name

	world.event("TEST_EVENT")
	other = db.db.get_connection()
	try:
		other.cursor().execute("SELECT GET_LOCK(%s, 0)", (lock_name(events.LOCK),))
		assert events.drain() == 0
	finally:
		other.close()
