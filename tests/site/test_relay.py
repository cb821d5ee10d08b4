"""The relay with a real database and real sockets: storing, sending, retrying, giving up, replaying."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from scripted_server import ScriptedServer, answer, drip, reset, silence
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from bank_api.crypto.standard_webhooks import new_secret
from bank_api.gateway import delivery, delivery_lane, delivery_outcome, relay, wake
from bank_api.gateway.clock import iso, site_now, to_site, utc_now
from bank_api.gateway.errors import BadArgument, UnknownObject
from bank_api.gateway.ids import row_name

DELIVERY = "Bank API Webhook Delivery"
CLIENT = "Bank API Client"
OK = answer(b'{"ok":true}')


class Clients:
	"""Client sites made for one test."""

	def __init__(self, frappe):
		self.frappe = frappe
		self.names: list[str] = []
		self.secrets: dict[str, str] = {}

	def add(self, url: str | None, **values) -> str:
		site = f"relay-{row_name()}"
		secret = new_secret().reveal()
		doc = self.frappe.get_doc(
			{"doctype": CLIENT, "site": site, "client_name": site, "enabled": 1, "webhook_url": url, **values}
		)
		doc.webhook_secret = secret
		doc.insert()
		self.frappe.db.commit()
		self.names.append(doc.name)
		self.secrets[doc.name] = secret
		return doc.name

	def clear(self) -> None:
		self.frappe.db.rollback()
		for name in self.names:
			self.frappe.db.delete(DELIVERY, {"client": name})
			self.frappe.db.delete("Bank API Item", {"client": name})
			self.frappe.delete_doc(CLIENT, name, force=True)
		self.frappe.db.commit()


@pytest.fixture
def clients(db, monkeypatch):
	monkeypatch.setitem(db.conf, "bank_api_allow_http", 1)
	monkeypatch.setitem(db.conf, "bank_api_allow_private_webhooks", 1)
	monkeypatch.setattr(delivery, "LINGER_SECONDS", 0)
	monkeypatch.setattr(wake, "wake", lambda job: False)  # no worker of a stack may take the work away
	made = Clients(db)
	yield made
	made.clear()


@pytest.fixture
def receiver():
	with ScriptedServer(OK) as server:
		yield server


def emit(frappe, client: str, count: int = 1, **kwargs) -> list[str]:
	names = [
		relay.emit(client, "transactions.updated", {"item_id": 7, "n": n}, **kwargs) for n in range(count)
	]
	frappe.db.commit()
	return names


def row(frappe, name: str):
	frappe.db.commit()
	return frappe.db.get_value(DELIVERY, name, "*", as_dict=True)


def rows(frappe, client: str) -> list:
	frappe.db.commit()
	return frappe.get_all(DELIVERY, {"client": client}, ["*"], order_by="sequence asc")


def make_due(frappe, *names: str) -> None:
	"""Let the time until the next attempt pass."""
	past = site_now() - timedelta(seconds=1)
	frappe.db.sql(f"UPDATE `tab{DELIVERY}` SET next_attempt_at = %s WHERE name IN %s", (past, names))
	frappe.db.sql(f"UPDATE `tab{CLIENT}` SET webhook_hold_until = NULL")
	frappe.db.commit()


def ids(server: ScriptedServer) -> list[str]:
	return [request.headers["webhook-id"] for request in server.requests]


# --- storing


def test_an_event_is_stored_with_ids_a_sequence_and_no_bank_data(db, clients):
	client = clients.add("https://site.example/hook")
	first, second = emit(db, client, 2)
	stored = row(db, second)
	body = json.loads(stored.payload)
	assert (stored.status, stored.attempts, stored.event_type) == ("Pending", 0, "transactions.updated")
	assert stored.event_id == f"msg_{second}" and "." not in stored.event_id
	assert list(body) == ["type", "timestamp", "data"]
	assert body["data"] == {"item_id": 7, "n": 1, "sequence": 2}
	assert body["timestamp"].endswith("Z")
	assert row(db, first).sequence == 1


def test_sequences_are_the_clients_own(db, clients):
	one, other = clients.add("https://one.example/hook"), clients.add("https://other.example/hook")
	emit(db, one, 3)
	assert row(db, emit(db, other)[0]).sequence == 1


@pytest.mark.parametrize(
	"values", [{"enabled": 0}, {"webhook_disabled": 1}], ids=["disabled", "webhooks disabled"]
)
def test_who_is_disabled_gets_no_row(db, clients, values):
	client = clients.add("https://site.example/hook", **values)
	assert emit(db, client) == [""]
	assert rows(db, client) == []


def test_without_an_address_there_is_no_row(db, clients):
	assert emit(db, clients.add(None)) == [""]


def test_a_rollback_takes_the_event_and_its_number_back(db, clients):
	client = clients.add("https://site.example/hook")
	relay.emit(client, "item.created", {})
	db.db.rollback()
	assert rows(db, client) == []
	assert row(db, emit(db, client)[0]).sequence == 1


def test_saving_the_clients_form_does_not_turn_the_numbers_back(db, clients):
	client = clients.add("https://site.example/hook")
	form = db.get_doc(CLIENT, client)
	emit(db, client, 3)
	form.client_name = "Renamed"
	form.save()
	db.db.commit()
	assert row(db, emit(db, client)[0]).sequence == 4


# --- sending


def test_a_delivery_verifies_with_the_reference_library(db, clients, receiver):
	client = clients.add(f"{receiver.url}/hook?tenant=1")
	(name,) = emit(db, client)
	assert delivery.drain() == 1
	(request,) = receiver.requests
	assert Webhook(clients.secrets[client]).verify(request.body, request.headers)["data"]["n"] == 0
	assert request.target == "/hook?tenant=1"
	assert request.headers["content-type"] == "application/json"
	assert request.headers["user-agent"].startswith("bank_api/")
	assert request.headers["webhook-id"] == f"msg_{name}"
	sent = row(db, name)
	assert (sent.status, sent.attempts, sent.response_status) == ("Delivered", 1, 200)
	assert sent.response_excerpt == '{"ok":true}' and sent.last_error is None and sent.next_attempt_at is None


def test_texts_of_every_script_arrive_as_signed(db, clients, receiver):
	client = clients.add(receiver.url)
	relay.emit(client, "item.created", {"user": 'Zoë 日本 🏦 " \\ \u2028'})
	db.db.commit()
	delivery.drain()
	(request,) = receiver.requests
	assert (
		Webhook(clients.secrets[client])
		.verify(request.body, request.headers)["data"]["user"]
		.startswith("Zoë")
	)


def test_during_rotation_both_secrets_sign(db, clients, receiver):
	client = clients.add(receiver.url)
	old = clients.secrets[client]
	doc = db.get_doc(CLIENT, client)
	new = new_secret().reveal()
	doc.previous_webhook_secret, doc.webhook_secret = old, new
	doc.previous_webhook_secret_until = site_now() + timedelta(hours=1)
	doc.save()
	emit(db, client)
	delivery.drain()
	request = receiver.requests[0]
	assert len(request.headers["webhook-signature"].split(" ")) == 2
	for secret in (old, new):
		Webhook(secret).verify(request.body, request.headers)
	db.db.set_value(CLIENT, client, "previous_webhook_secret_until", site_now() - timedelta(seconds=1))
	emit(db, client)
	delivery.drain()
	request = receiver.requests[1]
	Webhook(new).verify(request.body, request.headers)
	with pytest.raises(WebhookVerificationError):
		Webhook(old).verify(request.body, request.headers)


def test_events_arrive_in_order_over_one_connection(db, clients, receiver):
	client = clients.add(receiver.url)
	emit(db, client, 120)
	assert delivery.drain() == 120
	assert [json.loads(r.body)["data"]["sequence"] for r in receiver.requests] == list(range(1, 121))
	assert receiver.connections == 1


def test_an_item_with_its_own_address_is_told_there(db, clients, receiver):
	client = clients.add("http://127.0.0.1:9/never")
	item = db.get_doc(
		{"doctype": "Bank API Item", "item_id": row_name(), "client": client, "webhook_url": receiver.url}
	)
	item.flags.ignore_links = item.flags.ignore_mandatory = True
	item.insert()
	(name,) = emit(db, client, item=item.name)
	delivery.drain()
	assert ids(receiver) == [f"msg_{name}"]


def test_a_changed_address_counts_for_what_waits(db, clients, receiver):
	client = clients.add("http://127.0.0.1:9/old")
	(name,) = emit(db, client)
	delivery.drain()
	doc = db.get_doc(CLIENT, client)
	doc.webhook_url = receiver.url
	doc.save()
	make_due(db, name)
	delivery.drain()
	assert row(db, name).status == "Delivered"


def test_without_a_secret_nothing_is_sent_and_the_row_says_why(db, clients, receiver):
	client = clients.add(receiver.url)
	db.db.delete("__Auth", {"doctype": CLIENT, "name": client})
	(name,) = emit(db, client)
	delivery.drain()
	assert receiver.requests == []
	assert "no webhook secret" in row(db, name).last_error


# --- failing


def test_a_failed_delivery_is_repeated_with_the_same_id_and_a_new_timestamp(db, clients):
	with ScriptedServer(answer(b"no", 500), OK) as server:
		client = clients.add(server.url)
		(name,) = emit(db, client)
		delivery.drain()
		failed = row(db, name)
		assert (failed.status, failed.attempts, failed.response_status) == ("Pending", 1, 500)
		assert failed.last_error == "HTTP status 500" and failed.response_excerpt == "no"
		time.sleep(1.1)
		make_due(db, name)
		delivery.drain()
	assert ids(server) == [f"msg_{name}"] * 2
	stamps = [int(request.headers["webhook-timestamp"]) for request in server.requests]
	assert stamps[0] < stamps[1]
	done = row(db, name)
	assert (done.status, done.attempts, done.last_error) == ("Delivered", 2, None)
	assert db.db.get_value(CLIENT, client, "webhook_failing_since") is None


def test_the_retry_of_five_seconds_happens_in_the_same_drain(db, clients, monkeypatch):
	monkeypatch.setattr(delivery, "LINGER_SECONDS", 7)
	with ScriptedServer(answer(status=500), OK) as server:
		(name,) = emit(db, clients.add(server.url))
		began = time.monotonic()
		assert delivery.drain() == 2
		assert 3.9 < time.monotonic() - began < 9
	assert row(db, name).status == "Delivered"


@pytest.mark.parametrize("attempts", range(10))
def test_the_schedule_is_the_norms_sample_with_jitter_then_dead_letter(db, clients, attempts):
	with ScriptedServer(answer(status=500)) as server:
		client = clients.add(server.url)
		(name,) = emit(db, client)
		db.db.set_value(DELIVERY, name, "attempts", attempts)
		db.db.commit()
		before = site_now()
		delivery.drain()
		after = site_now()
	found = row(db, name)
	assert found.attempts == attempts + 1
	if attempts == 9:
		assert (found.status, found.next_attempt_at) == ("Dead Letter", None)
		return
	seconds = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)[attempts]
	assert found.status == "Pending"
	assert timedelta(seconds=0.8 * seconds) <= found.next_attempt_at - before
	assert found.next_attempt_at - after <= timedelta(seconds=1.2 * seconds)


def test_the_schedule_lasts_three_days_at_least():
	assert sum(delivery_outcome.RETRY_SECONDS) * (1 - delivery_outcome.JITTER) > 2.5 * 86400
	assert sum(delivery_outcome.RETRY_SECONDS) == 75 * 3600 + 35 * 60 + 5


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retry_after_pauses_the_endpoint(db, clients, status):
	with ScriptedServer(answer(status=status, Retry_After="1234"), OK) as server:
		client = clients.add(server.url)
		first, second = emit(db, client, 2)
		before = site_now()
		delivery.drain()
		assert len(server.requests) == 1, "the second event is not tried while the endpoint asks for a pause"
		assert row(db, first).next_attempt_at - before >= timedelta(seconds=1234)
		assert row(db, second).attempts == 0
		hold = db.db.get_value(CLIENT, client, "webhook_hold_until")
		assert timedelta(seconds=1230) < hold - before < timedelta(seconds=1300)
		emit(db, client)
		delivery.drain()
		assert len(server.requests) == 1


def test_retry_after_as_a_date_and_absurd_values():
	def seconds(text: str, status: int = 503) -> float:
		return delivery_outcome._retry_after(delivery_lane.Answer(status, "", text))

	assert 3500 < seconds(format_datetime(utc_now() + timedelta(hours=1), usegmt=True)) <= 3600
	assert seconds(format_datetime(utc_now() - timedelta(hours=1), usegmt=True)) == 0
	assert seconds("99999999999999999999") == 86400
	for nonsense in ("", "soon", "-5", "1.5", "\u0661", "Thu, 99 Foo 2026 00:00:00"):
		assert seconds(nonsense) == 0
	assert seconds("60", status=500) == 0


def test_gone_disables_the_endpoint_keeps_dead_letters_and_tells_the_managers(db, clients, manager):
	with ScriptedServer(answer(status=410)) as server:
		client = clients.add(server.url)
		names = emit(db, client, 3)
		delivery.drain()
		assert len(server.requests) == 1
	assert [r.status for r in rows(db, client)] == ["Dead Letter"] * 3
	disabled, reason = db.db.get_value(CLIENT, client, ["webhook_disabled", "webhook_disabled_reason"])
	assert disabled and "410" in reason
	assert manager.told_about(client)
	assert emit(db, client) == [""]
	assert db.get_all("Bank API Log", {"client": client, "action": "Webhooks Disabled"})
	with ScriptedServer(OK) as back:
		doc = db.get_doc(CLIENT, client)
		doc.webhook_url, doc.webhook_disabled = back.url, 0
		doc.save()
		assert relay.replay_dead_letters(client) == 3
		db.db.commit()
		delivery.drain()
		assert ids(back) == [f"msg_{name}" for name in names]


def test_five_days_of_failures_disable_the_endpoint(db, clients, manager):
	client = clients.add("http://127.0.0.1:9/closed")
	(name,) = emit(db, client)
	db.db.set_value(CLIENT, client, "webhook_failing_since", site_now() - timedelta(days=4, hours=23))
	db.db.commit()
	delivery.drain()
	assert not db.db.get_value(CLIENT, client, "webhook_disabled")
	db.db.set_value(CLIENT, client, "webhook_failing_since", site_now() - timedelta(days=5, seconds=1))
	make_due(db, name)
	delivery.drain()
	assert db.db.get_value(CLIENT, client, "webhook_disabled")
	assert row(db, name).status == "Dead Letter"
	assert manager.told_about(client)


def test_a_success_ends_the_days_of_failure(db, clients, receiver):
	client = clients.add(receiver.url)
	db.db.set_value(CLIENT, client, "webhook_failing_since", site_now() - timedelta(days=4))
	emit(db, client)
	delivery.drain()
	assert db.db.get_value(CLIENT, client, ["webhook_failing_since", "webhook_hold_until"]) == (None, None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(db, clients, receiver, status):
	with ScriptedServer(answer(status=status, Location=receiver.url)) as server:
		(name,) = emit(db, clients.add(server.url))
		delivery.drain()
	assert receiver.requests == []
	assert row(db, name).last_error == f"HTTP status {status}"


def test_one_event_that_the_endpoint_cannot_digest_does_not_stop_the_others(db, clients):
	with ScriptedServer(answer(status=500), OK) as server:
		client = clients.add(server.url)
		emit(db, client, 5)
		delivery.drain()
	assert [r.status for r in rows(db, client)] == ["Pending"] + ["Delivered"] * 4


def test_three_failures_in_a_row_are_the_endpoints_fault(db, clients):
	with ScriptedServer(answer(status=500)) as server:
		client = clients.add(server.url)
		emit(db, client, 10)
		delivery.drain()
		assert len(server.requests) == 3
	assert db.db.get_value(CLIENT, client, "webhook_hold_until") > site_now()


def test_a_dead_endpoint_costs_one_attempt_and_delays_nobody(db, clients, receiver, monkeypatch):
	monkeypatch.setattr(delivery_lane, "READ_TIMEOUT", 2.0)
	monkeypatch.setattr(delivery, "LINGER_SECONDS", 7)
	with ScriptedServer(silence(30)) as dead, ScriptedServer(reset) as resetting:
		dead_client = clients.add(dead.url)
		refusing_client = clients.add("http://127.0.0.1:9/")
		resetting_client = clients.add(resetting.url)
		fine = clients.add(receiver.url)
		for client in (dead_client, refusing_client, resetting_client):
			emit(db, client, 20)
		emit(db, fine, 200)
		began = site_now()
		delivery.drain()
		assert len(dead.requests) == 1
	delivered = rows(db, fine)
	assert {r.status for r in delivered} == {"Delivered"}
	assert max(r.last_attempt_at for r in delivered) - began < timedelta(seconds=2)
	tried = [r for r in rows(db, dead_client) if r.attempts]
	assert [r.last_error for r in tried] == ["no answer in time"]
	assert "cannot connect" in rows(db, refusing_client)[0].last_error
	assert "connection broke" in rows(db, resetting_client)[0].last_error


def test_an_answer_that_drips_is_cut_off_as_a_whole(db, clients, monkeypatch):
	monkeypatch.setattr(delivery, "ATTEMPT_SECONDS", 1.5)
	with ScriptedServer(drip(b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 100, 0.3)) as server:
		(name,) = emit(db, clients.add(server.url))
		began = time.monotonic()
		delivery.drain()
		assert time.monotonic() - began < 6
	assert row(db, name).last_error == "no whole answer in time"


def test_of_a_long_answer_only_an_excerpt_is_read(db, clients):
	with ScriptedServer(answer(b"x" * 5_000_000)) as server:
		(name,) = emit(db, clients.add(server.url))
		delivery.drain()
	found = row(db, name)
	assert found.status == "Delivered" and len(found.response_excerpt) == 1024


@pytest.mark.parametrize("garbage", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 banana\r\n\r\n", b"\x00" * 2000])
def test_garbage_for_an_answer_is_a_failure(db, clients, garbage):
	def step(connection):
		connection.sendall(garbage)
		return False

	with ScriptedServer(step) as server:
		(name,) = emit(db, clients.add(server.url))
		delivery.drain()
	assert row(db, name).status == "Pending" and row(db, name).last_error


def test_private_addresses_get_nothing_unless_the_site_allows_them(db, clients, receiver, monkeypatch):
	monkeypatch.setitem(db.conf, "bank_api_allow_private_webhooks", 0)
	(name,) = emit(db, clients.add(receiver.url))
	delivery.drain()
	assert receiver.connections == 0
	assert "private network" in row(db, name).last_error


def test_plain_http_is_refused_unless_the_site_allows_it(db, clients, receiver, monkeypatch):
	client = clients.add(receiver.url)
	monkeypatch.setitem(db.conf, "bank_api_allow_http", 0)
	(name,) = emit(db, client)
	delivery.drain()
	assert receiver.connections == 0
	assert "https" in row(db, name).last_error


def test_what_a_disabled_client_still_had_waiting_is_cancelled(db, clients, receiver):
	client = clients.add(receiver.url)
	(name,) = emit(db, client)
	db.db.set_value(CLIENT, client, "enabled", 0)
	db.db.commit()
	assert delivery.anything_due()
	delivery.drain()
	assert row(db, name).status == "Cancelled"
	assert receiver.requests == []


# --- one at a time, and killed


def test_one_drain_at_a_time(db, clients, receiver, monkeypatch):
	monkeypatch.setattr(delivery, "LOCK_WAIT_SECONDS", 0)
	from bank_api.gateway.locks import lock_name

	emit(db, clients.add(receiver.url))
	other = db.db.get_connection()
	try:
		cursor = other.cursor()
		cursor.execute("SELECT GET_LOCK(%s, 0)", (lock_name(delivery.LOCK),))
		assert delivery.drain() == 0
		assert receiver.requests == []
	finally:
		other.close()  # as a killed worker's connection would be
	time.sleep(0.2)
	assert delivery.drain() == 1


DRAIN = """
import frappe, os, sys
frappe.init(sys.argv[1], sites_path=os.getcwd()); frappe.connect(); frappe.set_user("Administrator")
frappe.conf.bank_api_allow_http = frappe.conf.bank_api_allow_private_webhooks = 1
from bank_api.gateway import delivery
print("ready", flush=True)
delivery.drain()
"""


def test_a_drain_killed_again_and_again_loses_nothing_and_repeats_little(db, site, clients):
	"""SIGKILL at points spread over the run; every event arrives, repeated ones with their own id."""

	def slowly(connection):
		time.sleep(0.004)
		return OK(connection)

	with ScriptedServer(slowly) as server, ScriptedServer(slowly) as second:
		names = emit(db, clients.add(server.url), 300) + emit(db, clients.add(second.url), 300)
		kills = 0
		environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
		for pause in (0.05, 0.3, 0.15, 0.45, 0.6, 0.25):
			with subprocess.Popen(
				[sys.executable, "-c", DRAIN, site],
				stdout=subprocess.PIPE,
				env=environment,
				cwd=Path.cwd(),
			) as process:
				assert process.stdout.readline() == b"ready\n"
				time.sleep(pause)
				process.send_signal(signal.SIGKILL)
				kills += 1
		time.sleep(0.2)
		make_due(db, *names)  # a send cut off at the receiver may have been noted as failed
		delivery.drain()
		got = ids(server) + ids(second)
	assert {f"msg_{name}" for name in names} == set(got), "none lost, none invented"
	repeats = len(got) - len(set(got))
	bound = kills * 2 * (delivery.FLUSH_ROWS + int(delivery.FLUSH_SECONDS / 0.004))
	assert repeats <= bound, f"{repeats} repeated"
	assert db.db.count(DELIVERY, {"name": ("in", names), "status": "Delivered"}) == len(names)


# --- by hand


def test_replay_sends_again_with_the_same_id_and_starts_the_schedule_anew(db, clients, receiver):
	client = clients.add(receiver.url)
	(name,) = emit(db, client)
	db.db.set_value(DELIVERY, name, {"status": "Dead Letter", "attempts": 10, "next_attempt_at": None})
	db.db.set_value(CLIENT, client, "webhook_hold_until", site_now() + timedelta(hours=1))
	relay.replay(name)
	db.db.commit()
	delivery.drain()
	assert ids(receiver) == [f"msg_{name}"]
	assert (row(db, name).status, row(db, name).attempts) == ("Delivered", 1)
	relay.replay(name)  # a delivered one, too: the client may have lost it
	db.db.commit()
	delivery.drain()
	assert ids(receiver) == [f"msg_{name}"] * 2


def test_replaying_dead_letters_leaves_other_clients_and_states_alone(db, clients, receiver):
	client, other = clients.add(receiver.url), clients.add(receiver.url)
	mine, theirs = emit(db, client, 2), emit(db, other)
	db.db.sql(f"UPDATE `tab{DELIVERY}` SET status = 'Dead Letter' WHERE name IN %s", ([mine[0], *theirs],))
	assert relay.replay_dead_letters(client) == 1
	db.db.commit()
	assert row(db, theirs[0]).status == "Dead Letter"


def test_replay_of_nothing_and_for_nobody(db, clients):
	with pytest.raises(UnknownObject):
		relay.replay("nothing")
	client = clients.add("https://site.example/hook")
	(name,) = emit(db, client)
	db.db.set_value(CLIENT, client, "enabled", 0)
	with pytest.raises(BadArgument):
		relay.replay(name)
	with pytest.raises(BadArgument):
		relay.ping(client)


def test_ping_sends_a_test_event(db, clients, receiver):
	name = relay.ping(clients.add(receiver.url))
	db.db.commit()
	delivery.drain()
	assert json.loads(receiver.requests[0].body)["type"] == "endpoint.test"
	assert row(db, name).status == "Delivered"


def test_the_form_that_enables_an_endpoint_again_gives_it_a_clean_slate(db, clients):
	client = clients.add("https://site.example/hook")
	long_ago = site_now() - timedelta(days=6)
	db.db.set_value(
		CLIENT,
		client,
		{"webhook_disabled": 1, "webhook_disabled_reason": "x", "webhook_failing_since": long_ago},
	)
	doc = db.get_doc(CLIENT, client)
	doc.webhook_disabled = 0
	doc.save()
	values = db.db.get_value(CLIENT, client, ["webhook_failing_since", "webhook_disabled_reason"])
	assert values == (None, None)


# --- Redis


def test_without_redis_events_are_stored_and_the_minute_tick_sends_them(db, clients, receiver, monkeypatch):
	monkeypatch.undo()
	monkeypatch.setitem(db.conf, "bank_api_allow_http", 1)
	monkeypatch.setitem(db.conf, "bank_api_allow_private_webhooks", 1)
	monkeypatch.setitem(db.conf, "redis_queue", "redis://127.0.0.1:9")
	wake.clear(wake.DELIVERIES)
	began = time.monotonic()
	(name,) = emit(db, clients.add(receiver.url))
	assert time.monotonic() - began < 2
	assert row(db, name).status == "Pending"
	relay.tick()
	assert row(db, name).status == "Delivered"


def test_many_reasons_are_one_job(db, monkeypatch):
	queued = []
	monkeypatch.setattr(db, "enqueue", lambda job, **kwargs: queued.append(job))
	wake.clear(wake.DELIVERIES)
	assert [wake.wake(wake.DELIVERIES) for _ in range(20)] == [True] + [False] * 19
	assert queued == [wake.DELIVERIES]
	wake.clear(wake.DELIVERIES)
	assert wake.wake(wake.DELIVERIES)
	wake.clear(wake.DELIVERIES)


class Manager:
	def __init__(self, frappe, user: str):
		self.frappe = frappe
		self.user = user

	def told_about(self, client: str) -> bool:
		self.frappe.db.commit()
		return bool(self.frappe.get_all("Notification Log", {"for_user": self.user, "document_name": client}))


@pytest.fixture
def manager(db):
	"""A user with the role that is told."""
	email = "webhook-tests@example.com"
	if not db.db.exists("User", email):  # making one takes Frappe seconds, so it stays
		values = {"doctype": "User", "email": email, "first_name": "Manager", "send_welcome_email": 0}
		user = db.get_doc({**values, "roles": [{"role": "Bank API Manager"}]})
		user.flags.no_welcome_mail = True
		user.insert()
	db.db.set_single_value("Bank API Settings", "manager_notifications", 1)
	db.db.commit()
	yield Manager(db, email)
	db.db.delete("Notification Log", {"for_user": email})
	db.db.commit()


def test_timestamps_of_bodies_are_utc():
	assert iso(utc_now()).endswith("Z") and to_site(utc_now()).tzinfo is None
