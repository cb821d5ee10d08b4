"""Consents about to end: client and managers are told 30, 7 and 1 days ahead (60 too of a year) and at the end, once each."""

import json
from datetime import datetime, timedelta

import pytest

from bank_api.connectors.model import ItemData, ItemStatus, UserAction
from bank_api.gateway import expiry, items, notices, sync, wake
from bank_api.gateway.clock import UTC, iso, site_now, to_utc
from bank_api.gateway.ids import row_name

ITEM, DELIVERY = "Bank API Item", "Bank API Webhook Delivery"


class World:
	def __init__(self, frappe, manager: str):
		self.frappe, self.manager = frappe, manager
		site = f"expiry-{row_name()}"
		self.client = self._insert(
			"Bank API Client",
			site=site,
			client_name=site,
			webhook_url="https://site.example/hook",
			webhook_secret="whsec_" + "c2VjcmV0" * 6,
		)
		self.provider = self._insert(
			"Bank API Provider",
			provider_name=f"p-{row_name()}",
			connector="bridge",
			client_id="x",
			client_secret="x",
		)
		self.end_user = self._insert(
			"Bank API End User",
			client=self.client,
			provider=self.provider,
			user="anna",
			external_user_id=row_name(),
		)
		frappe.db.commit()

	def _insert(self, doctype: str, **values) -> str:
		return self.frappe.get_doc({"doctype": doctype, **values}).insert(ignore_permissions=True).name

	def item(self, left: timedelta, **values) -> str:
		values = {"status": "OK", "bank_name": "Crédit <b>Test</b>", "item_id": row_name(), **values}
		name = self._insert(
			ITEM,
			client=self.client,
			provider=self.provider,
			end_user=self.end_user,
			authentication_expires_at=site_now() + left,
			**values,
		)
		self.frappe.db.commit()
		return name

	def moves_to(self, item: str, left: timedelta) -> None:
		self.frappe.db.set_value(ITEM, item, "authentication_expires_at", site_now() + left)
		self.frappe.db.commit()

	def told(self, item: str) -> list[tuple[str, int]]:
		self.frappe.db.commit()
		rows = self.frappe.get_all(
			DELIVERY, {"item": item}, ["event_type", "payload"], order_by="sequence asc"
		)
		return [(row.event_type, json.loads(row.payload)["data"].get("days")) for row in rows]

	def notices(self) -> list:
		self.frappe.db.commit()
		return self.frappe.get_all(
			"Notification Log", {"for_user": self.manager}, ["*"], order_by="creation asc"
		)

	def clear(self) -> None:
		db = self.frappe.db
		db.rollback()
		for doctype in (DELIVERY, ITEM, "Bank API End User"):
			db.delete(doctype, {"client": self.client})
		self.frappe.delete_doc("Bank API Client", self.client, force=True)
		self.frappe.delete_doc("Bank API Provider", self.provider, force=True)
		db.delete("Notification Log", {"for_user": self.manager})
		db.commit()


def a_manager(frappe) -> str:
	"""A user with the role that is told; making one takes Frappe seconds, so it stays."""
	email = "webhook-tests@example.com"
	if not frappe.db.exists("User", email):
		values = {"doctype": "User", "email": email, "first_name": "Manager", "send_welcome_email": 0}
		user = frappe.get_doc({**values, "roles": [{"role": "Bank API Manager"}]})
		user.flags.no_welcome_mail = True
		user.insert()
	frappe.db.delete("Notification Log", {"for_user": email})
	frappe.db.commit()
	return email


@pytest.fixture
def world(db, monkeypatch):
	monkeypatch.setattr(wake, "wake", lambda job: True)
	monkeypatch.setattr(sync, "request", lambda item, reason: None)
	db.db.set_single_value("Bank API Settings", "manager_notifications", 1)
	made = World(db, a_manager(db))
	yield made
	made.clear()


@pytest.mark.parametrize(
	"left, stage",
	[
		(timedelta(days=30, seconds=1), expiry.NONE),
		(timedelta(days=30), 30),
		(timedelta(days=7, seconds=1), 30),
		(timedelta(days=7), 7),
		(timedelta(days=1, seconds=1), 7),
		(timedelta(days=1), 1),
		(timedelta(seconds=1), 1),
		(timedelta(0), expiry.ENDED),
		(timedelta(days=-400), expiry.ENDED),
	],
)
def test_stages(left, stage):
	now = datetime(2026, 3, 29, 2, 30)
	assert expiry.stage_of(now + left, now) == stage


def test_each_notice_is_sent_once(db, world):
	item = world.item(timedelta(days=40))
	expected: list[tuple[str, int]] = []
	for left, days in ((31, None), (29.5, 30), (20, None), (6.5, 7), (3, None), (0.9, 1), (0.2, None)):
		world.moves_to(item, timedelta(days=left))
		for _ in range(2):
			expiry.notify_due()
		expected += [("consent.expiring", days)] if days else []
		assert world.told(item) == expected
	world.moves_to(item, timedelta(seconds=-1))
	expiry.notify_due()
	expiry.notify_due()
	assert world.told(item) == [*expected, ("consent.expired", 0)]
	assert len(world.notices()) == 4


@pytest.mark.parametrize(
	"lasts, first", [(366, 60), (365, 60), (301, 60), (299, 30), (180, 30), (90, 30), (20, 30), (None, 30)]
)
def test_what_is_given_for_a_year_is_warned_of_earlier(lasts, first):
	now = datetime(2026, 3, 29, 2, 30)
	assert notices.first_notice(now + timedelta(days=lasts) if lasts else None, now) == first


def test_a_consent_of_a_year_has_four_notices_each_sent_once(db, world):
	"""Its end is read from the provider once; a reading without news changes nothing about the notices."""
	item = world.item(timedelta(days=1))
	row = db.get_doc(ITEM, item)
	for length in (365, 364):  # given, then renewed
		ends = to_utc(site_now() + timedelta(days=length))
		state = ItemData(row.item_id, None, ItemStatus.OK, 0, None, None, UserAction.NONE, None, ends, "{}")
		items.apply_state(item, state)
		db.db.commit()
		before, expected = len(world.notices()), []
		db.db.delete(DELIVERY, {"item": item})
		steps = ((61, None), (59, 60), (31, None), (29, 30), (6, 7), (0.5, 1))
		for left, days in steps:
			world.moves_to(item, timedelta(days=left))
			for _ in range(2):
				expiry.notify_due()
			expected += [("consent.expiring", days)] if days else []
			assert world.told(item) == expected
		assert len(world.notices()) == before + 4


def test_the_event_says_when_and_what_to_do(db, world):
	item = world.item(timedelta(days=5))
	expiry.notify_due()
	(row,) = db.get_all(DELIVERY, {"item": item}, ["payload"])
	data = json.loads(row.payload)["data"]
	ends = db.db.get_value(ITEM, item, "authentication_expires_at")
	assert data["expires_at"] == iso(to_utc(ends))
	assert datetime.fromisoformat(data["expires_at"].replace("Z", "+00:00")).tzinfo == UTC
	assert data["repair_method"] == "bank_api.bridge.get_sca_authentication_link"
	assert data["user"] == "anna" and data["sequence"] == 1


def test_an_ended_consent_is_flagged(db, world):
	item = world.item(timedelta(days=-2))
	expiry.notify_due()
	status, action = db.db.get_value(ITEM, item, ["status", "user_action"])
	assert (status, action) == ("Action Required", "Authenticate")


def test_what_the_provider_says_is_wrong_stays_as_it_is(db, world):
	item = world.item(timedelta(days=-2), status="Provider Problem", user_action="Wait")
	expiry.notify_due()
	assert db.db.get_value(ITEM, item, ["status", "user_action"]) == ("Provider Problem", "Wait")


def test_after_days_of_standstill_only_the_latest_notice_is_sent(db, world):
	item = world.item(timedelta(hours=10))
	expiry.notify_due()
	assert world.told(item) == [("consent.expiring", 1)]


def test_a_renewed_consent_starts_anew(db, world):
	item = world.item(timedelta(days=-1))
	expiry.notify_due()
	row = db.get_doc(ITEM, item)
	renewed = to_utc(site_now() + timedelta(days=20))
	state = ItemData(
		row.item_id, None, ItemStatus.OK, 0, None, None, UserAction.NONE, None, renewed, row.payload or "{}"
	)
	items.apply_state(item, state)
	db.db.commit()
	expiry.notify_due()
	expiry.notify_due()
	kinds = [told for told in world.told(item) if told[0].startswith("consent.")]
	assert kinds == [("consent.expired", 0), ("consent.expiring", 30)]
	assert db.db.get_value(ITEM, item, "status") == "OK"


def test_deleted_items_and_those_without_a_date_are_nobodys_business(db, world):
	deleted = world.item(timedelta(days=3), status="Deleted")
	undated = world.item(timedelta(days=3))
	db.db.set_value(ITEM, undated, "authentication_expires_at", None)
	expiry.notify_due()
	assert world.told(deleted) == world.told(undated) == []


def test_managers_get_one_notification_for_a_batch_with_nothing_unescaped(db, world):
	for _ in range(25):
		world.item(timedelta(days=6))
	world.item(timedelta(days=-1))
	expiry.notify_due()
	(notice,) = world.notices()
	assert "25" in notice.subject and "1" in notice.subject
	assert "&lt;b&gt;" in notice.email_content and "<b>" not in notice.email_content
	assert notice.document_type == ITEM


def test_managers_can_have_it_quiet(db, world):
	db.db.set_single_value("Bank API Settings", "manager_notifications", 0)
	item = world.item(timedelta(days=6))
	expiry.notify_due()
	assert world.notices() == [] and world.told(item) == [("consent.expiring", 7)]
	db.db.set_single_value("Bank API Settings", "manager_notifications", 1)


def test_more_items_than_one_batch(db, world, monkeypatch):
	monkeypatch.setattr(expiry, "_BATCH", 3)
	made = [world.item(timedelta(days=6)) for _ in range(10)]
	assert expiry.notify_due() >= 10
	assert all(world.told(item) == [("consent.expiring", 7)] for item in made)


def test_a_failure_in_the_middle_repeats_the_batch_and_nothing_else(db, world, monkeypatch):
	made = [world.item(timedelta(days=6)) for _ in range(3)]
	real, calls = expiry.managers.tell, []

	def fails_once(*args):
		calls.append(args)
		if len(calls) == 1:
			raise RuntimeError("killed")
		return real(*args)

	monkeypatch.setattr(expiry.managers, "tell", fails_once)
	with pytest.raises(RuntimeError):
		expiry.notify_due()
	db.db.rollback()
	assert all(world.told(item) == [] for item in made)
	expiry.notify_due()
	assert all(world.told(item) == [("consent.expiring", 7)] for item in made)


def test_a_client_without_webhooks_does_not_stop_the_managers(db, world):
	db.db.set_value("Bank API Client", world.client, "webhook_url", "")
	item = world.item(timedelta(days=6))
	expiry.notify_due()
	assert world.told(item) == [] and len(world.notices()) == 1
