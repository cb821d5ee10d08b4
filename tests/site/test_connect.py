"""The trip of an end user to the bank and back: links, returns of every kind, and who tells the client."""

import threading
from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

BOTH = pytest.mark.parametrize("world", ["2025-01-15", "2021-06-01"], indirect=True)
REQUEST = "Bank API Connect Request"
ITEM = "Bank API Item"
HOOK = "https://{0}/hook"


@pytest.fixture
def client(world):
	"""A client that wants webhooks."""
	context = world.client()
	world.frappe.db.set_value("Bank API Client", context.name, "webhook_url", HOOK.format(context.site))
	world.frappe.db.commit()
	return world.sign_in(context)


@pytest.fixture
def link(world, client):
	"""A first link for the end user `jane@example.org`."""
	return ask(redirect_url=f"https://{client.site}/bank?tab=1")


def ask(method="get_bridge_connect_link", **arguments):
	from bank_api import bridge

	return getattr(bridge, method)(**({"user": "jane@example.org"} | arguments))


def query_of(location):
	return dict(parse_qsl(urlsplit(location).query))


def come_back(location, **changes):
	from bank_api.gateway import connect

	return connect.finish(query_of(location) | changes)


def status_of(link):
	from bank_api import bridge

	return bridge.get_bridge_item_id(request=link["request"])


def drop_events(world):
	world.frappe.db.sql("delete from `tabBank API Webhook Delivery`")
	world.frappe.db.commit()


class TestThere:
	@BOTH
	def test_a_link_leads_to_the_providers_page(self, world, client, link):
		assert link["link"].startswith(world.sandbox.url)
		assert link["redirect_url"] == link["link"]
		assert link["expires_at"].endswith("Z")
		assert status_of(link) == {
			"request": link["request"],
			"status": "Pending",
			"item_id": None,
			"bank": None,
			"bank_id": None,
			"message": None,
		}

	def test_the_state_is_nowhere_in_the_database(self, world, link):
		location = world.sandbox.complete_connect(link["link"])
		state = query_of(location)["context"]
		row = world.frappe.get_doc(REQUEST, link["request"]).as_dict()
		row.pop("link")
		assert len(state) == 48
		assert state not in repr(row)

	def test_the_way_back_is_the_gateways_own_address(self, world, link):
		location = world.sandbox.complete_connect(link["link"])
		assert location.startswith("https://gateway.example/bank-api/return?")

	def test_without_a_public_url_there_is_no_link(self, world, client):
		from bank_api.gateway.errors import NotConfigured

		world.frappe.db.set_single_value("Bank API Settings", "public_url", "")
		world.frappe.db.commit()
		with pytest.raises(NotConfigured):
			ask()

	def test_a_provider_that_fails_leaves_a_failed_request_and_an_honest_error(self, world, client):
		from bank_api.gateway.errors import ProviderFailed

		world.sandbox.fail("status", path=".*connect-sessions.*", times=10, status=500)
		with pytest.raises(ProviderFailed):
			ask()
		rows = world.frappe.get_all(REQUEST, {"client": client.name}, ["status", "message", "link"])
		assert [(row.status, row.link) for row in rows] == [("Failed", None)]
		assert rows[0].message

	def test_an_end_user_whom_the_provider_lost_is_made_anew(self, world, client, link):
		world.sandbox.delete_user(world.external_id(client, "jane@example.org"))
		world.frappe.db.sql("update `tabBank API End User` set token_expires_at = null")
		world.frappe.db.commit()
		assert ask()["link"].startswith(world.sandbox.url)

	def test_the_bank_is_preselected_by_its_id(self, world, client):
		link = ask(bank=574)
		assert world.sandbox.browser(link["link"]).steps == ["bank_creds_form"]

	def test_foreign_addresses_are_refused_before_anything_is_made(self, world, client):
		from bank_api.gateway.errors import NotAllowed

		for argument in ("redirect_url", "webhook_url", "base_url"):
			with pytest.raises(NotAllowed):
				ask(user="nobody", **{argument: "https://evil.example/"})
		assert not world.external_id(client, "nobody")
		assert not world.frappe.get_all(REQUEST, {"client": client.name})

	def test_a_webhook_address_is_adopted_by_a_client_without_one(self, world):
		context = world.sign_in(world.client())
		ask(webhook_url=f"https://{context.site}/hook")
		assert world.frappe.db.get_value("Bank API Client", context.name, "webhook_url") == (
			f"https://{context.site}/hook"
		)

	def test_a_webhook_address_of_the_call_is_the_items(self, world, client):
		link = ask(webhook_url=f"https://{client.site}/for-this-item")
		come_back(world.sandbox.complete_connect(link["link"]))
		rows = world.frappe.get_all(
			"Bank API Webhook Delivery", {"client": client.name}, ["event_type", "url"]
		)
		assert {row.url for row in rows} == {f"https://{client.site}/for-this-item"}
		assert {"item.created", "connect.completed"} <= {row.event_type for row in rows}
		assert world.frappe.db.get_value("Bank API Client", client.name, "webhook_url") == (
			HOOK.format(client.site)
		)


class TestBack:
	@BOTH
	def test_completed(self, world, client, link):
		location = world.sandbox.complete_connect(link["link"])
		outcome = come_back(location)
		assert outcome.status == "completed"
		answer = status_of(link)
		assert answer["status"] == "Completed"
		assert answer["item_id"] == int(query_of(location)["item_id"])
		assert answer["bank_id"] == 574
		assert "Demo" in answer["bank"]
		assert world.events(client)[:2] == ["item.created", "connect.completed"]
		target = urlsplit(outcome.redirect_url)
		assert (target.netloc, target.path) == (client.site, "/bank")
		assert parse_qs(target.query) == {
			"tab": ["1"],
			"request": [link["request"]],
			"status": ["completed"],
			"success": ["true"],
			"item_id": [str(answer["item_id"])],
		}

	def test_the_item_is_due_for_its_first_sync(self, world, client, link):
		come_back(world.sandbox.complete_connect(link["link"]))
		item = world.frappe.get_last_doc(ITEM, {"client": client.name})
		assert item.queued_until and item.sync_requested_at
		assert item.end_user and item.provider == world.provider

	def test_twice(self, world, client, link):
		location = world.sandbox.complete_connect(link["link"])
		first = come_back(location)
		events = world.events(client)
		assert come_back(location) == first
		assert world.events(client) == events

	@BOTH
	def test_the_user_gave_up(self, world, client, link):
		outcome = come_back(world.sandbox.complete_connect(link["link"], quit_at="bank_creds_form"))
		assert outcome.status == "failed"
		result = query_of(outcome.redirect_url)
		assert (result["status"], result["success"]) == ("failed", "false")
		assert "item_id" not in result
		assert status_of(link)["status"] == "Failed"
		assert world.events(client) == ["connect.failed"]

	def test_a_failed_request_stays_failed_whatever_a_browser_says_later(self, world, client, link):
		location = world.sandbox.complete_connect(link["link"], quit_at="bank_creds_form")
		come_back(location)
		assert come_back(location, success="true").status == "failed"

	@pytest.mark.parametrize(
		"query",
		[
			{},
			{"context": ""},
			{"context": "0" * 48},
			{"context": "' or 1=1 --"},
			{"context": "x" * 100_000},
			{"success": "true", "item_id": "1"},
			{str(n): "x" for n in range(500)},
		],
	)
	def test_garbage(self, world, client, link, query):
		from bank_api.gateway import connect

		assert connect.finish(query) == connect.Outcome("unknown")
		assert status_of(link)["status"] == "Pending"

	def test_the_request_id_is_no_state(self, world, client, link):
		from bank_api.gateway import connect

		assert connect.finish({"context": link["request"]}).status == "unknown"

	def test_another_clients_item_is_never_bound(self, world, client, link):
		other = world.sign_in(world.client())
		theirs = ask(user="joe")
		their_location = world.sandbox.complete_connect(theirs["link"])
		world.sign_in(client)
		own_location = world.sandbox.complete_connect(link["link"], quit_at="bank_creds_form")
		outcome = come_back(own_location, success="true", item_id=query_of(their_location)["item_id"])
		assert outcome.status == "failed"
		assert status_of(link)["item_id"] is None
		assert not world.frappe.get_all(ITEM, {"client": ("in", [client.name, other.name])})

	def test_another_clients_state_completes_nothing_of_ours(self, world, client, link):
		"""Jane's browser arrives with Joe's state and her own item: neither gets the other's."""
		world.sign_in(world.client())
		theirs = ask(user="joe")
		their_state = query_of(world.sandbox.complete_connect(theirs["link"], quit_at="bank_creds_form"))[
			"context"
		]
		own_location = world.sandbox.complete_connect(link["link"])
		assert come_back(own_location, context=their_state).status == "failed"
		assert status_of(theirs)["item_id"] is None
		world.sign_in(client)
		assert status_of(link)["status"] == "Pending"
		assert come_back(own_location).status == "completed"

	def test_too_late(self, world, client, link):
		location = world.sandbox.complete_connect(link["link"])
		world.frappe.db.set_value(REQUEST, link["request"], "expires_at", "2020-01-01 00:00:00")
		world.frappe.db.commit()
		assert status_of(link)["status"] == "Expired"
		outcome = come_back(location)
		assert outcome.status == "expired"
		assert query_of(outcome.redirect_url)["success"] == "false"
		assert world.events(client) == ["connect.failed"]

	def test_success_without_an_item_is_looked_up(self, world, client, link):
		location = world.sandbox.complete_connect(link["link"])
		query = query_of(location)
		item_id = query.pop("item_id")
		from bank_api.gateway import connect

		assert connect.finish(query).status == "completed"
		assert status_of(link)["item_id"] == int(item_id)

	def test_the_providers_word_counts_not_the_browsers(self, world, client, link):
		"""The page says failure although the item is there and works: it was read, so it is connected."""
		location = world.sandbox.complete_connect(link["link"])
		assert come_back(location, success="false", step="sync_pending").status == "completed"

	def test_an_item_that_does_not_work_is_told_of_all_the_same(self, world, client, link):
		location = world.sandbox.complete_connect(link["link"], login="402", quit_at="sync_error")
		outcome = come_back(location)
		assert outcome.status == "failed"
		answer = status_of(link)
		if "item_id" in query_of(location):
			assert answer["item_id"] == int(query_of(location)["item_id"])
			assert answer["status"] == "Failed"

	def test_provider_down_on_return_then_up_again(self, world, client, link):
		from bank_api.gateway import connect

		location = world.sandbox.complete_connect(link["link"])
		world.sandbox.fail("status", path=".*/items/.*", times=100, status=503)
		outcome = come_back(location)
		assert outcome.status == "pending"
		result = query_of(outcome.redirect_url)
		assert result["status"] == "pending" and "success" not in result
		assert status_of(link)["status"] == "Pending"
		world.sandbox.clear_faults()
		connect.tick()
		assert status_of(link)["status"] == "Completed"
		assert "connect.completed" in world.events(client)

	def test_a_silent_provider_is_asked_once_a_turn(self, world, client):
		from bank_api.gateway import connect

		links = [ask(user=f"user {n}") for n in range(3)]
		world.frappe.db.sql(f"update `tab{REQUEST}` set status = 'Failed' where client != %s", client.name)
		for link in links:
			location = world.sandbox.complete_connect(link["link"])
			world.sandbox.fail("status", path=".*/items/.*", times=100, status=503)
			come_back(location)
			world.sandbox.clear_faults()
		world.sandbox.fail("status", path=".*/items/.*", times=100, status=503)
		world.sandbox.reset_calls()
		connect.tick()
		assert len({call["path"] for call in world.sandbox.calls(".*/items/.*")}) == 1
		world.sandbox.clear_faults()
		connect.tick()
		assert {status_of(link)["status"] for link in links} == {"Completed"}

	def test_provider_down_when_the_time_is_up(self, world, client, link):
		"""Nobody came back, and the provider cannot say whether a bank was connected: ask again before giving up."""
		from bank_api.gateway import connect
		from bank_api.gateway.clock import site_now

		location = world.sandbox.complete_connect(link["link"])
		late = site_now() - timedelta(minutes=5)
		world.frappe.db.set_value(REQUEST, link["request"], "expires_at", late)
		world.frappe.db.commit()
		world.sandbox.fail("status", path=".*/items.*", times=100, status=503)
		connect.tick()
		assert world.events(client) == []
		world.sandbox.clear_faults()
		connect.tick()
		assert status_of(link)["item_id"] == int(query_of(location)["item_id"])

	def test_the_link_is_forgotten_when_it_has_served(self, world, client, link):
		assert world.frappe.db.get_value(REQUEST, link["request"], "link") == link["link"]
		come_back(world.sandbox.complete_connect(link["link"]))
		assert not world.frappe.db.get_value(REQUEST, link["request"], "link")

	def test_provider_down_for_a_day(self, world, client, link):
		from bank_api.gateway import connect

		location = world.sandbox.complete_connect(link["link"])
		world.sandbox.fail("status", path=".*", times=1000, status=503)
		come_back(location)
		world.frappe.db.set_value(REQUEST, link["request"], "returned_at", "2020-01-01 00:00:00")
		world.frappe.db.commit()
		connect.tick()
		assert status_of(link)["status"] == "Failed"

	def test_never(self, world, client, link):
		from bank_api.gateway import connect

		connect.tick()
		assert status_of(link)["status"] == "Pending"
		world.frappe.db.set_value(REQUEST, link["request"], "expires_at", "2020-01-01 00:00:00")
		world.frappe.db.commit()
		connect.tick()
		assert status_of(link)["status"] == "Expired"
		assert world.events(client) == ["connect.failed"]

	def test_never_but_the_bank_was_connected(self, world, client, link):
		from bank_api.gateway import connect

		location = world.sandbox.complete_connect(link["link"])
		world.frappe.db.set_value(REQUEST, link["request"], "expires_at", "2020-01-01 00:00:00")
		world.frappe.db.commit()
		connect.tick()
		assert status_of(link)["item_id"] == int(query_of(location)["item_id"])

	def test_the_language_is_the_clients(self, world, client, link):
		world.frappe.db.set_value("Bank API Client", client.name, "language", "fr")
		world.frappe.db.commit()
		assert come_back(world.sandbox.complete_connect(link["link"])).language == "fr"

	def test_a_client_without_any_address_gets_a_page_without_a_way_on(self, world):
		world.sign_in(world.client(base_url=None))
		link = ask()
		assert come_back(world.sandbox.complete_connect(link["link"])).redirect_url == ""


class TestWebhookAndBrowser:
	def upsert(self, world, client, location):
		"""What the webhook does that comes in for an unknown item."""
		from bank_api.gateway import items, providers, tokens

		connector = providers.connector(world.provider)
		name = world.frappe.db.get_value(
			"Bank API End User", {"client": client.name, "user": "jane@example.org"}
		)
		item_id = query_of(location)["item_id"]
		state = tokens.with_token(name, lambda token: connector.item(token, item_id))
		item = items.upsert(world.provider, name, state)
		world.frappe.db.commit()
		return item

	def test_the_webhook_comes_first(self, world, client, link):
		location = world.sandbox.complete_connect(link["link"])
		self.upsert(world, client, location)
		assert status_of(link)["status"] == "Completed"
		assert come_back(location).status == "completed"
		assert world.events(client) == ["item.created", "connect.completed"]

	def test_the_browser_comes_first(self, world, client, link):
		location = world.sandbox.complete_connect(link["link"])
		come_back(location)
		self.upsert(world, client, location)
		assert world.events(client) == ["item.created", "connect.completed"]
		assert world.frappe.db.count(ITEM, {"client": client.name}) == 1

	def test_both_at_once(self, world, client, link):
		"""The webhook's worker and the browser's request meet, twenty times over."""
		location = world.sandbox.complete_connect(link["link"])
		site, path, errors = world.frappe.local.site, world.frappe.local.sites_path, []
		start = threading.Barrier(4)

		def in_a_thread(work):
			import frappe

			try:
				frappe.init(site, sites_path=path)
				frappe.connect()
				frappe.conf["bank_api_allow_http"] = 1
				start.wait()
				work()
			except Exception as error:  # carried to the main thread
				errors.append(error)
			finally:
				frappe.destroy()

		works = [lambda: come_back(location)] * 2 + [lambda: self.upsert(world, client, location)] * 2
		threads = [threading.Thread(target=in_a_thread, args=(work,)) for work in works]
		for thread in threads:
			thread.start()
		for thread in threads:
			thread.join()
		world.frappe.db.commit()
		assert not errors
		assert world.frappe.db.count(ITEM, {"client": client.name}) == 1
		assert sorted(world.events(client)) == ["connect.completed", "item.created"]

	def test_two_tabs_and_a_wrong_guess(self, world, client, link):
		"""The webhook's item is taken for the newer request; each browser then puts its own right."""
		second = ask()
		first_location = world.sandbox.complete_connect(link["link"])
		second_location = world.sandbox.complete_connect(second["link"])
		self.upsert(world, client, first_location)
		assert status_of(second)["item_id"] == int(query_of(first_location)["item_id"])
		come_back(first_location)
		come_back(second_location)
		assert status_of(link)["item_id"] == int(query_of(first_location)["item_id"])
		assert status_of(second)["item_id"] == int(query_of(second_location)["item_id"])


class TestRepairs:
	@pytest.fixture
	def item_id(self, world, client, link):
		location = world.sandbox.complete_connect(link["link"])
		come_back(location)
		drop_events(world)
		return int(query_of(location)["item_id"])

	@BOTH
	@pytest.mark.parametrize("method", ["get_bridge_edit_link", "get_sca_authentication_link"])
	def test_an_item_is_repaired(self, world, client, item_id, method):
		world.sandbox.set_status(item_id, 1010, "otp_required")
		again = ask(method, item_id=item_id)
		outcome = come_back(world.sandbox.complete_connect(again["link"]))
		assert outcome.status == "completed"
		assert status_of(again)["item_id"] == item_id
		assert world.frappe.db.count(ITEM, {"client": client.name}) == 1

	def test_the_item_is_bound_here_whatever_the_browser_says(self, world, client, item_id):
		other = ask()
		other_id = query_of(world.sandbox.complete_connect(other["link"]))["item_id"]
		again = ask("get_bridge_edit_link", item_id=item_id)
		location = world.sandbox.complete_connect(again["link"])
		come_back(location, item_id=other_id)
		assert status_of(again)["item_id"] == item_id

	def test_connect_with_a_known_item_manages_it(self, world, client, item_id):
		again = ask(item_id=item_id)
		assert world.frappe.db.get_value(REQUEST, again["request"], "kind") == "Edit"

	def test_the_desk_offers_the_kind_of_link_that_is_needed(self, world, client, item_id):
		from bank_api.gateway import connect

		name = world.frappe.db.get_value(ITEM, {"item_id": str(item_id)})
		for action, kind in (("Authenticate", "SCA"), ("Edit Credentials", "Edit"), ("Visit Bank", "Edit")):
			world.frappe.db.set_value(ITEM, name, "user_action", action)
			assert world.frappe.db.get_value(REQUEST, connect.repair(name)["request"], "kind") == kind

	def test_a_repair_that_a_sync_notices_first(self, world, client, item_id):
		from bank_api.gateway import items, providers, tokens

		name, end_user = world.frappe.db.get_value(ITEM, {"item_id": str(item_id)}, ["name", "end_user"])
		connector = providers.connector(world.provider)

		def read_again():
			state = tokens.with_token(end_user, lambda token: connector.item(token, str(item_id)))
			items.apply_state(name, state)
			world.frappe.db.commit()

		world.sandbox.set_status(item_id, 1010, "otp_required")
		read_again()
		again = ask("get_sca_authentication_link", item_id=item_id)
		world.sandbox.complete_connect(again["link"])
		read_again()
		assert status_of(again)["status"] == "Completed"

	@pytest.mark.parametrize("world", ["2021-06-01"], indirect=True)
	def test_pro_confirmation_in_2021(self, world, client, item_id):
		assert ask("get_pro_confirmation_link", item_id=item_id)["link"].startswith(world.sandbox.url)

	def test_pro_confirmation_is_gone_in_2025(self, world, client, item_id):
		from bank_api.gateway.errors import NotOffered

		with pytest.raises(NotOffered):
			ask("get_pro_confirmation_link", item_id=item_id)

	@pytest.mark.parametrize("method", ["get_bridge_edit_link", "get_sca_authentication_link"])
	def test_an_item_is_required(self, world, client, method):
		from bank_api.gateway.errors import BadArgument

		with pytest.raises(BadArgument):
			ask(method)

	def test_an_item_that_is_gone_meanwhile(self, world, client, item_id):
		again = ask("get_bridge_edit_link", item_id=item_id)
		location = world.sandbox.complete_connect(again["link"])
		world.sandbox.delete_item(item_id)
		query = query_of(location)
		query.pop("item_id", None)
		from bank_api.gateway import connect

		assert connect.finish(query).status == "failed"

	def test_a_deleted_item_ends_its_open_repairs(self, world, client, item_id):
		from bank_api import bridge

		again = ask("get_bridge_edit_link", item_id=item_id)
		bridge.delete_bridge_item_id(item_id=item_id)
		assert status_of(again)["status"] == "Failed"

	def test_another_end_users_item_is_unknown(self, world, client, item_id):
		from bank_api.gateway.errors import UnknownObject

		with pytest.raises(UnknownObject):
			ask("get_bridge_edit_link", item_id=item_id, user="joe")

	def test_four_management_sessions_a_day(self, world, client, item_id):
		from bank_api.gateway.errors import Throttled

		with pytest.raises(Throttled) as caught:
			for _ in range(6):
				ask("get_bridge_edit_link", item_id=item_id)
		assert caught.value.retry_after > 0


class TestWithoutRedis:
	@pytest.fixture
	def no_queue(self, world):
		"""The job queue's Redis does not answer."""
		from bank_api.gateway import wake

		before = world.frappe.conf.redis_queue
		world.frappe.conf.redis_queue = "redis://127.0.0.1:1"
		yield wake
		world.frappe.conf.redis_queue = before

	def test_a_return_is_completed_all_the_same(self, world, client, link, no_queue):
		assert come_back(world.sandbox.complete_connect(link["link"])).status == "completed"
		assert status_of(link)["status"] == "Completed"

	def test_a_deletion_is_complete_at_once_and_purged_by_the_scheduler(self, world, client, link, no_queue):
		from bank_api import bridge
		from bank_api.gateway import purge

		location = world.sandbox.complete_connect(link["link"])
		come_back(location)
		item = world.frappe.db.get_value(ITEM, {"client": client.name})
		bridge.delete_bridge_item_id(item_id=query_of(location)["item_id"])
		assert world.frappe.db.get_value(ITEM, item, "purge_after")
		purge.due()
		assert not world.frappe.db.get_value(ITEM, item, "purge_after")
