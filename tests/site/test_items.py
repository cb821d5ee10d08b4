"""Items: what clients see of them, how they change, and how they and their end users end."""

import json
from datetime import timedelta

import pytest

BOTH = pytest.mark.parametrize("world", ["2025-01-15", "2021-06-01"], indirect=True)
ITEM = "Bank API Item"
ACCOUNT = "Bank API Account"
TRANSACTION = "Bank API Transaction"


@pytest.fixture
def client(world):
	context = world.client()
	world.frappe.db.set_value("Bank API Client", context.name, "webhook_url", f"https://{context.site}/hook")
	world.frappe.db.commit()
	return world.sign_in(context)


@pytest.fixture
def end_user(world, client):
	from bank_api.gateway import end_users

	return end_users.ensure(client.name, world.provider, "jane")


@pytest.fixture
def item(world, client, end_user):
	"""A connected and synced item; its row name."""
	return connect(world, client, end_user)


def connect(world, client, end_user, user="jane", **options):
	made = world.sandbox.add_item(
		world.external_id(client, user), transactions=30, accounts=[0, 1], **options
	)
	name = upsert(world, end_user, made["item_id"])
	sync(world, name)
	return name


def read(world, end_user, item_id):
	from bank_api.gateway import providers, tokens

	connector = providers.connector(world.provider)
	return tokens.with_token(end_user, lambda token: connector.item(token, str(item_id)))


def upsert(world, end_user, item_id):
	from bank_api.gateway import items

	name = items.upsert(world.provider, end_user, read(world, end_user, item_id))
	world.frappe.db.commit()
	return name


def sync(world, name):
	from bank_api.gateway import sync_job

	sync_job.run(name)


def number_of(world, name):
	return int(world.frappe.db.get_value(ITEM, name, "item_id"))


def rows_of(world, name):
	accounts = world.frappe.get_all(ACCOUNT, {"item": name}, pluck="name")
	transactions = world.frappe.db.count(TRANSACTION, {"account": ("in", accounts or [""])})
	return len(accounts), transactions


class TestSeen:
	@BOTH
	def test_the_resource_is_the_providers_to_the_character(self, world, client, item):
		from bank_api import bridge

		answer = bridge.get_bridge_item_details(item_id=number_of(world, item))
		payload = world.frappe.db.get_value(ITEM, item, "payload")
		assert answer.get_data(as_text=True) == '{"message":' + payload + "}"
		resource = json.loads(payload)
		assert resource["id"] == number_of(world, item)
		assert ("bank_id" in resource) == (
			world.frappe.db.get_value("Bank API Provider", world.provider, "api_version") == "2021-06-01"
		)

	@pytest.mark.parametrize("spelling", ["{0}", " {0} "])
	def test_ids_are_numbers_or_texts(self, world, client, item, spelling):
		from bank_api.gateway import items

		assert items.find(client, spelling.format(number_of(world, item))).name == item
		assert items.find(client, number_of(world, item), user="jane").name == item

	@pytest.mark.parametrize("item_id", ["", "0", "x", "1" * 200, -1, "1 or 1=1", "%", "\u0661"])
	def test_anything_else_is_unknown(self, world, client, item, item_id):
		from bank_api.gateway import items
		from bank_api.gateway.errors import UnknownObject

		with pytest.raises(UnknownObject):
			items.find(client, item_id)

	def test_scope(self, world, client, item):
		from bank_api.gateway import items
		from bank_api.gateway.errors import UnknownObject

		number = number_of(world, item)
		for wrong in (
			{"client": world.client()},
			{"user": "joe"},
			{"user": "JANE"},
			{"provider": "nope"},
		):
			with pytest.raises(UnknownObject):
				items.find(**({"client": client, "item_id": number} | wrong))


class TestChanges:
	def test_a_new_item_is_announced_once(self, world, client, end_user, item):
		upsert(world, end_user, number_of(world, item))
		assert world.events(client).count("item.created") == 1

	def test_nothing_changed_says_nothing(self, world, client, end_user, item):
		from bank_api.gateway import items

		before = world.events(client)
		state = read(world, end_user, number_of(world, item))
		assert items.apply_state(item, state) is False
		assert world.events(client) == before

	@BOTH
	@pytest.mark.parametrize(
		"code, status, action",
		[
			(402, "Action Required", "Edit Credentials"),
			(429, "Action Required", "Visit Bank"),
			(1010, "Action Required", "Authenticate"),
			(1003, "Provider Problem", "None"),
			(1005, "Unsupported", "Delete"),
			(-2, "Waiting", "Wait"),
			(0, "OK", "None"),
		],
	)
	def test_status_codes_and_what_the_end_user_must_do(
		self, world, client, end_user, item, code, status, action
	):
		from bank_api.gateway import items

		world.sandbox.set_status(number_of(world, item), code)
		changed = items.apply_state(item, read(world, end_user, number_of(world, item)))
		row = world.frappe.db.get_value(ITEM, item, ["status", "user_action", "status_code"], as_dict=True)
		assert (row.status, row.status_code) == (status, code)
		assert row.user_action in (action, "Wait")
		assert changed is (code != 0)
		assert ("item.updated" in world.events(client)) is changed

	def test_a_new_consent_is_warned_of_anew(self, world, client, end_user, item):
		from bank_api.gateway import items

		world.frappe.db.set_value(ITEM, item, {"expiry_notice": 7, "authentication_expires_at": "2020-01-01"})
		items.apply_state(item, read(world, end_user, number_of(world, item)))
		assert world.frappe.db.get_value(ITEM, item, "expiry_notice") == 0

	def test_an_item_of_somebody_else_is_not_taken(self, world, client, end_user, item):
		from bank_api.gateway import end_users, items
		from bank_api.gateway.errors import UnknownObject

		joe = end_users.ensure(client.name, world.provider, "joe")
		with pytest.raises(UnknownObject):
			items.upsert(world.provider, joe, read(world, end_user, number_of(world, item)))

	def test_a_bank_without_a_name_is_no_reason_to_lose_the_item(self, world, client, end_user):
		made = world.sandbox.add_item(world.external_id(client, "jane"))
		state = read(world, end_user, made["item_id"])
		from bank_api.gateway import items

		world.sandbox.fail("status", path=".*/providers/.*", times=50, status=500)
		name = items.upsert(world.provider, end_user, state)
		assert world.frappe.db.get_value(ITEM, name, ["bank_name", "bank_id"]) == (None, "574")


class TestRefresh:
	@pytest.mark.parametrize("world", ["2021-06-01"], indirect=True)
	def test_2021_asks_the_bank(self, world, client, item):
		from bank_api import bridge

		world.sandbox.reset_calls()
		answer = bridge.post_item_refresh(item_id=number_of(world, item))
		assert (answer["status"], answer["bank_refresh"]) == ("refreshing", "requested")
		assert world.sandbox.calls(".*/refresh")
		assert world.frappe.db.get_value(ITEM, item, "queued_until")

	def test_2025_syncs_and_says_so(self, world, client, item):
		from bank_api import bridge

		world.sandbox.reset_calls()
		answer = bridge.post_item_refresh(item_id=number_of(world, item))
		assert (answer["status"], answer["bank_refresh"]) == ("syncing", "not_offered")
		assert answer["item_id"] == number_of(world, item)
		assert not world.sandbox.calls(".*/refresh")
		assert world.frappe.db.get_value(ITEM, item, "queued_until")


class TestEnd:
	@BOTH
	def test_a_client_deletes_an_item(self, world, client, item):
		from bank_api import bridge
		from bank_api.gateway import purge
		from bank_api.gateway.errors import UnknownObject

		number = number_of(world, item)
		assert min(rows_of(world, item)) > 0
		assert bridge.delete_bridge_item_id(item_id=number) == {"item_id": number, "status": "Deleted"}
		assert all(row["item_id"] != number for row in world.sandbox.items(world.external_id(client, "jane")))
		assert "item.deleted" in world.events(client)
		for method in (
			bridge.get_bridge_item_details,
			bridge.delete_bridge_item_id,
			bridge.post_item_refresh,
		):
			with pytest.raises(UnknownObject):
				method(item_id=number)
		purge.item(item)
		assert rows_of(world, item) == (0, 0)
		assert not world.frappe.db.get_value(ITEM, item, "payload")

	def test_an_item_that_is_gone_at_the_provider_already(self, world, client, item):
		from bank_api import bridge

		number = number_of(world, item)
		world.sandbox.delete_item(number)
		assert bridge.delete_bridge_item_id(item_id=number)["status"] == "Deleted"

	def test_a_provider_that_fails_deletes_nothing_here(self, world, client, item):
		from bank_api import bridge
		from bank_api.gateway.errors import ProviderFailed

		world.sandbox.fail("status", path=".*/items/.*", times=50, status=500)
		with pytest.raises(ProviderFailed):
			bridge.delete_bridge_item_id(item_id=number_of(world, item))
		assert world.frappe.db.get_value(ITEM, item, "status") == "OK"
		assert "item.deleted" not in world.events(client)

	def test_what_the_provider_deletes_stays_readable_for_a_reconnection(self, world, client, item):
		from bank_api.gateway import items, purge

		rows = rows_of(world, item)
		items.mark_deleted(item)
		items.mark_deleted(item)
		world.frappe.db.commit()
		assert world.events(client).count("item.deleted") == 1
		purge.due()
		assert rows_of(world, item) == rows
		world.frappe.db.set_value(ITEM, item, "purge_after", "2020-01-01 00:00:00")
		purge.due()
		assert rows_of(world, item) == (0, 0)

	def test_accounts_that_moved_on_are_not_purged(self, world, client, end_user, item):
		from bank_api.gateway import items, purge

		other = upsert(world, end_user, world.sandbox.add_item(world.external_id(client, "jane"))["item_id"])
		rows = rows_of(world, item)
		world.frappe.db.sql(f"update `tab{ACCOUNT}` set item = %s where item = %s", (other, item))
		items.mark_deleted(item, at_once=True)
		world.frappe.db.commit()
		purge.item(item)
		assert rows_of(world, other) == rows and min(rows) > 0

	def test_a_living_item_is_never_purged(self, world, client, item):
		from bank_api.gateway import purge

		rows = rows_of(world, item)
		purge.item(item)
		assert rows_of(world, item) == rows

	def test_a_purge_waits_for_a_sync_to_end(self, world, client, item, monkeypatch):
		from bank_api.gateway import items, purge
		from bank_api.gateway.locks import lock_name

		items.mark_deleted(item, at_once=True)
		world.frappe.db.commit()
		monkeypatch.setattr(purge, "LOCK_WAIT_SECONDS", 0)
		other = world.frappe.db.get_connection()
		try:
			other.cursor().execute("select get_lock(%s, 0)", (lock_name(item),))
			rows = rows_of(world, item)
			purge.item(item)
			assert rows_of(world, item) == rows
		finally:
			other.close()
		purge.item(item)
		assert rows_of(world, item) == (0, 0)

	def test_a_deleted_item_is_never_brought_back_by_a_late_answer(self, world, client, end_user, item):
		from bank_api.gateway import items

		state = read(world, end_user, number_of(world, item))
		items.mark_deleted(item)
		assert items.apply_state(item, state) is False
		assert world.frappe.db.get_value(ITEM, item, "status") == "Deleted"


class TestErasure:
	@BOTH
	def test_an_end_user_is_erased(self, world, client, end_user, item):
		from bank_api import bridge
		from bank_api.gateway import end_users
		from bank_api.gateway.errors import UnknownObject

		link = bridge.get_bridge_connect_link(user="jane")
		external = world.external_id(client, "jane")
		row = world.frappe.db.get_value("Bank API End User", end_user, "provider_user_id")
		number = number_of(world, item)
		end_users.erase(end_user)
		assert row not in repr(world.sandbox.state()["users"])
		end_users.erase_rows(end_user)
		for doctype in (ITEM, ACCOUNT, TRANSACTION, "Bank API Connect Request"):
			assert not world.frappe.db.count(doctype, {"end_user": end_user})
		assert not world.frappe.db.exists("Bank API End User", end_user)
		assert not world.frappe.db.sql("select 1 from `__Auth` where name = %s", end_user)
		with pytest.raises(UnknownObject):
			bridge.get_bridge_item_details(item_id=number)
		with pytest.raises(UnknownObject):
			bridge.get_bridge_item_id(request=link["request"])
		proof = world.frappe.get_last_doc(
			"Bank API Log", {"action": "End User Erased", "client": client.name}
		)
		assert "jane" not in proof.details and external not in proof.details
		assert json.loads(proof.details)["rows"] > 0

	def test_the_same_name_can_come_back_as_somebody_new(self, world, client, end_user, item):
		from bank_api.gateway import end_users

		end_users.erase(end_user)
		end_users.erase_rows(end_user)
		again = end_users.ensure(client.name, world.provider, "jane")
		assert again != end_user

	def test_while_the_erasure_runs_the_user_is_unknown(self, world, client, end_user, item):
		from bank_api.gateway import end_users, tokens
		from bank_api.gateway.errors import UnknownObject

		end_users.erase(end_user)
		for call in (
			lambda: tokens.access_token(end_user),
			lambda: end_users.ensure(client.name, world.provider, "jane"),
		):
			with pytest.raises(UnknownObject):
				call()

	def test_no_new_item_comes_in_while_the_erasure_runs(self, world, client, end_user, item):
		from bank_api.gateway import end_users, items
		from bank_api.gateway.errors import UnknownObject

		made = world.sandbox.add_item(world.external_id(client, "jane"))
		state = read(world, end_user, made["item_id"])
		end_users.erase(end_user)
		with pytest.raises(UnknownObject):
			items.upsert(world.provider, end_user, state)

	def test_a_provider_that_fails_erases_nothing(self, world, client, end_user, item):
		from bank_api.connectors.errors import ProviderError
		from bank_api.gateway import end_users

		rows = rows_of(world, item)
		world.sandbox.fail("status", path=".*/users/.*", times=50, status=500)
		with pytest.raises(ProviderError):
			end_users.erase(end_user)
		world.frappe.db.rollback()
		assert rows_of(world, item) == rows
		assert not world.frappe.db.get_value("Bank API End User", end_user, "erased")

	def test_a_lost_job_is_made_up_for(self, world, client, end_user, item):
		from bank_api.gateway import end_users

		end_users.erase(end_user)
		end_users.erase_pending()
		assert not world.frappe.db.exists("Bank API End User", end_user)

	def test_other_end_users_keep_everything(self, world, client, end_user, item):
		from bank_api.gateway import end_users

		joe = end_users.ensure(client.name, world.provider, "joe")
		theirs = connect(world, client, joe, user="joe")
		rows = rows_of(world, theirs)
		end_users.erase(end_user)
		end_users.erase_rows(end_user)
		assert rows_of(world, theirs) == rows and min(rows) > 0

	def test_deleting_counts_in_batches(self, world, client, end_user, item, monkeypatch):
		from bank_api.gateway import items, purge

		monkeypatch.setattr(purge, "BATCH", 7)
		items.mark_deleted(item, at_once=True)
		world.frappe.db.commit()
		purge.item(item)
		assert rows_of(world, item) == (0, 0)


def test_grace_is_a_month(world, client, item):
	from bank_api.gateway import items
	from bank_api.gateway.clock import site_now

	items.mark_deleted(item)
	due = world.frappe.db.get_value(ITEM, item, "purge_after")
	assert abs(due - site_now() - timedelta(days=30)) < timedelta(minutes=1)
