"""Whose turn it is: due items, killed workers, stale feeds, and wishes that are not lost."""

from datetime import timedelta

import pytest

from bank_api.gateway import freshness, schedule, sync, sync_job, wake
from bank_api.gateway.clock import site_now
from bank_api.gateway.ids import row_name
from bank_api.gateway.locks import exclusive, lock_name


class Queue:
	"""Items of one provider and client, and the jobs that are queued for them."""

	def __init__(self, frappe, monkeypatch):
		self.frappe = frappe
		self.jobs: list[str] = []
		self.provider, self.client = row_name(), row_name()
		frappe.db.sql(
			"INSERT INTO `tabBank API Provider` (name, enabled, stale_after_hours) VALUES (%s, 1, 48)",
			self.provider,
		)
		frappe.db.sql(
			"INSERT INTO `tabBank API Client` (name, site, enabled) VALUES (%s, %s, 1)", (self.client,) * 2
		)
		monkeypatch.setattr(wake, "job_after_commit", lambda method, item, **options: self.jobs.append(item))
		monkeypatch.setattr(frappe.db, "commit", lambda: None)

	def item(self, **values) -> str:
		name = row_name()
		values = {"status": "OK", "creation": site_now(), **values}
		columns = ", ".join(values)
		self.frappe.db.sql(
			f"INSERT INTO `tabBank API Item` (name, item_id, provider, client, {columns}) "
			f"VALUES (%s, %s, %s, %s{', %s' * len(values)})",
			(name, name, self.provider, self.client, *values.values()),
		)
		return name

	def value(self, item: str, field: str):
		return self.frappe.db.get_value("Bank API Item", item, field)


@pytest.fixture
def queue(db, monkeypatch):
	return Queue(db, monkeypatch)


def test_due_items_are_queued_the_longest_unread_first(queue):
	now = site_now()
	later = queue.item(next_try_at=now + timedelta(hours=1))
	fresh = queue.item(next_try_at=now - timedelta(minutes=1), last_try_at=now - timedelta(hours=1))
	old = queue.item(next_try_at=now - timedelta(minutes=1), last_try_at=now - timedelta(days=1))
	new = queue.item()
	gone = queue.item(status="Deleted")
	schedule.tick()
	assert queue.jobs == [new, old, fresh]
	assert not {later, gone} & set(queue.jobs)


def test_a_disabled_client_or_provider_is_left_alone(queue):
	queue.item()
	queue.frappe.db.set_value("Bank API Client", queue.client, "enabled", 0)
	schedule.tick()
	assert queue.jobs == []


def test_asking_twice_queues_once_and_a_lost_job_is_queued_again(queue):
	item = queue.item(next_try_at=site_now() + timedelta(hours=6))
	sync.request(item, "webhook")
	sync.request(item, "webhook")
	assert queue.jobs == [item]
	queue.frappe.db.set_value("Bank API Item", item, "queued_until", site_now() - timedelta(seconds=1))
	schedule.tick()
	assert queue.jobs == [item, item]


def test_news_announced_until_the_last_round_are_due_again(queue, monkeypatch):
	item = queue.item()
	rounds = []

	def announce_more(self):
		rounds.append(self.row.name)
		sync.request(item, "webhook")
		later = site_now() + timedelta(hours=6)
		queue.frappe.db.set_value("Bank API Item", item, {"next_try_at": later, "queued_until": None})

	monkeypatch.setattr(sync_job.ItemSync, "run", announce_more)
	sync_job.run(item)
	assert rounds == [item] * sync_job.ROUNDS
	queue.jobs.clear()
	schedule.tick()
	assert queue.jobs == [item]


def test_the_time_a_provider_asked_for_is_waited(queue, monkeypatch):
	until = site_now() + timedelta(minutes=10)
	item = queue.item(held_until=until, next_try_at=until)
	for reason in ("webhook", "desk", "refresh"):
		sync.request(item, reason)
	schedule.tick()
	assert queue.jobs == []
	assert queue.value(item, "next_try_at") == until
	monkeypatch.setattr(sync_job.ItemSync, "run", lambda self: pytest.fail("the provider was called"))
	sync_job.run(item)
	past = site_now() - timedelta(seconds=1)
	queue.frappe.db.set_value("Bank API Item", item, {"held_until": past, "next_try_at": past})
	schedule.tick()
	assert queue.jobs == [item]


def test_a_deleted_item_is_not_queued(queue):
	sync.request(queue.item(status="Deleted"), "webhook")
	assert queue.jobs == []


def test_what_a_killed_worker_left_is_taken_up_again(queue):
	item = queue.item(sync_status="Running", next_try_at=site_now() + timedelta(hours=6))
	schedule.tick()
	assert queue.jobs == [item]


def test_a_running_sync_is_not_disturbed(queue):
	item = queue.item(sync_status="Running", next_try_at=site_now() + timedelta(hours=6))
	other = queue.frappe.db.get_connection()
	try:
		cursor = other.cursor()
		cursor.execute("SELECT GET_LOCK(%s, 0)", (lock_name(item),))
		schedule.tick()
		assert queue.jobs == []
		with exclusive(item) as held:
			assert not held
	finally:
		other.close()
	with exclusive(item, wait_seconds=5) as held:
		assert held


def test_feeds_are_judged_by_their_last_data(queue):
	now = site_now()
	cases = {
		queue.item(last_success_at=now, last_try_at=now): "Fresh",
		queue.item(last_success_at=now - timedelta(days=3), last_try_at=now): "Stale",
		queue.item(last_try_at=now): "Never",
		queue.item(creation=now - timedelta(days=3), last_try_at=now): "Stale",
		queue.item(status="Deleted", last_success_at=now): "Stopped",
	}
	freshness.mark_feeds()
	assert {item: queue.value(item, "feed") for item in cases} == cases


def test_a_gateway_that_nobody_logs_in_to_does_not_fall_asleep(queue):
	from frappe.utils.scheduler import is_dormant

	queue.frappe.db.delete("Activity Log")
	assert is_dormant()
	schedule.tick()
	schedule.tick()
	assert not is_dormant()
	assert queue.frappe.db.count("Activity Log") == 1
