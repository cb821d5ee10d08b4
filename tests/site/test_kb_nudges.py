"""KB's nudges over HTTP: asked for after a consent, taken in by the web server, acted upon for one account, ended with the consent."""

import time
import uuid
from datetime import timedelta

import pytest
import requests
from test_kb_on_site import account, bank, client, control, day, web

from bank_api import kb
from bank_api.gateway import events, nudges, sync, sync_job
from bank_api.gateway.clock import site_now

__all__ = ["account", "bank", "client", "control", "day", "web"]  # fixtures
ACCOUNT, EVENT, ITEM = "Bank API Account", "Bank API Webhook Event", "Bank API Item"
SUBSCRIPTIONS = "/adaa/v2/accounts/.+/event-subscriptions"


@pytest.fixture
def gateway(bank, client, web):
	"""The gateway under an address at which the bank reaches it; its item has been read."""
	url = f"http://127.0.0.1:{web.port}"
	bank.frappe.db.set_single_value("Bank API Settings", "public_url", url)
	bank.frappe.db.commit()
	return url


@pytest.fixture
def subscribed(bank, gateway):
	nudges.tick()
	bank.frappe.db.commit()
	found = {row.iban: row for row in rows(bank)}
	assert all(row.subscription_id for row in found.values()), found
	return found


def rows(bank):
	bank.frappe.db.commit()
	return bank.frappe.get_all(ACCOUNT, {"provider": bank.provider}, ["*"], order_by="name asc")


def at_bank(bank, control):
	"""Subscriptions of this provider's application."""
	app = bank.frappe.db.get_value("Bank API Provider", bank.provider, "client_id")
	return {one["account"]: one for one in control.subscriptions() if one["app"] == app}


def stored(bank):
	bank.frappe.db.commit()
	return bank.frappe.get_all(EVENT, {"provider": bank.provider}, ["*"], order_by="name asc")


def told(bank, control, iban):
	"""The bank tells of an account, and has an answer; by itself, or pressed to."""
	end = time.monotonic() + 60
	control.nudge(iban)
	while time.monotonic() < end:
		one = at_bank(bank, control)[iban]
		if not one["pending"] and one["sent"] and one["sent"][-1]["status"] is not None:
			return
		time.sleep(0.1)
	raise AssertionError(f"the bank has told nothing: {one}")


def read(bank, control):
	"""Let the worker take its turn; the accounts whose history the bank was asked for."""
	before = len(control.requests("/transactions"))
	bank.frappe.db.commit()
	(item,) = bank.frappe.get_all(
		ITEM, {"provider": bank.provider, "status": ("!=", "Deleted")}, pluck="name"
	)
	sync_job.run(item)
	bank.frappe.db.commit()
	asked = control.requests("/transactions")[before:]
	return [call["path"].split("/accounts/")[1].split("/")[0] for call in asked if call["method"] == "GET"]


def post(gateway, row, *, key=None, call=None, subscription=None, name=None, body='{"eventCount":1}'):
	path = f"/subscriptions/{subscription or row.subscription_id}/events"
	headers = {"Content-Type": "application/json", "x-correlation-id": call or str(uuid.uuid4())}
	key = nudges.key_of(row.name).reveal() if key is None else key
	if key:
		headers["x-api-key"] = key
	return requests.post(
		f"{gateway}/api/method/bank_api.webhooks.kb/{name or row.name}{path}",
		data=body,
		headers=headers,
		timeout=60,
	)


# --- subscriptions


def test_the_bank_is_asked_to_tell_of_each_account_of_a_new_consent(bank, control, gateway, subscribed):
	held = at_bank(bank, control)
	assert set(held) == set(subscribed) and len(held) >= 3
	keys = {one["key"] for one in held.values()}
	assert len(keys) == len(held) and all(len(key) >= 32 for key in keys)
	for iban, row in subscribed.items():
		assert held[iban]["url"] == f"{gateway}/api/method/bank_api.webhooks.kb/{row.name}"
		assert (held[iban]["id"], held[iban]["status"]) == (row.subscription_id, "ACTIVE")
		assert row.subscription_status == "ACTIVE" and row.subscription_try_at > site_now() + timedelta(
			hours=23
		)
		assert held[iban]["key"] not in str(row)
	before = len(control.requests("/event-subscriptions"))
	nudges.tick()
	assert len(control.requests("/event-subscriptions")) == before


def test_what_the_bank_has_stopped_or_forgotten_is_asked_for_anew(
	bank, sandbox, control, gateway, subscribed
):
	stopped, other = list(subscribed.values())[:2]
	bank.frappe.set_user("Administrator")
	key = nudges.key_of(stopped.name).reveal()
	bank.frappe.db.set_value("Bank API Provider", bank.provider, "enabled", 0)
	bank.frappe.db.commit()
	control.add_transaction(stopped.iban, "1.00")
	told(bank, control, stopped.iban)  # the gateway does not know it now, and the bank stops at a refusal
	assert at_bank(bank, control)[stopped.iban]["status"] == "STOPPED"
	bank.frappe.db.set_value("Bank API Provider", bank.provider, "enabled", 1)
	past = site_now() - timedelta(seconds=1)
	for row in (stopped, other):
		bank.frappe.db.set_value(ACCOUNT, row.name, "subscription_try_at", past)
	bank.frappe.db.commit()
	nudges.tick()
	again = {row.name: row for row in rows(bank)}
	assert again[stopped.name].subscription_id != stopped.subscription_id
	assert again[other.name].subscription_id == other.subscription_id
	assert at_bank(bank, control)[stopped.iban]["status"] == "ACTIVE"
	assert nudges.key_of(stopped.name).reveal() == key


def test_a_bank_that_cannot_reach_us_is_asked_again_later_and_later(bank, control, gateway):
	wrong = "http://127.0.0.1:9"
	bank.frappe.db.set_single_value("Bank API Settings", "public_url", wrong)
	nudges.tick()
	for row in rows(bank):
		assert not row.subscription_id and "eventApiUrl" in row.subscription_error
		assert timedelta(minutes=4) < row.subscription_try_at - site_now() <= timedelta(minutes=5)
	before = len(control.requests("/event-subscriptions"))
	nudges.tick()
	assert len(control.requests("/event-subscriptions")) == before
	bank.frappe.db.set_value(ACCOUNT, {"provider": bank.provider}, "subscription_try_at", site_now())
	bank.frappe.db.commit()
	nudges.tick()
	assert all(row.subscription_try_at - site_now() > timedelta(minutes=14) for row in rows(bank))
	assert read(bank, control) is not None  # a synchronisation does not care
	bank.frappe.db.set_single_value("Bank API Settings", "public_url", gateway)
	bank.frappe.db.set_value(ACCOUNT, {"provider": bank.provider}, "subscription_try_at", site_now())
	bank.frappe.db.commit()
	nudges.tick()
	assert all(row.subscription_id and not row.subscription_error for row in rows(bank))


def test_an_answer_that_is_lost_is_made_up_for_by_the_first_nudge(bank, sandbox, control, gateway):
	sandbox.fail("cut", path=SUBSCRIPTIONS, method="POST", times=-1, execute=True)
	nudges.tick()
	sandbox.clear_faults()
	lost = rows(bank)
	assert not any(row.subscription_id for row in lost) and all(row.subscription_error for row in lost)
	held = at_bank(bank, control)
	assert len(held) == len(lost)
	control.add_transaction(lost[0].iban, "2.00")
	told(bank, control, lost[0].iban)
	found = {row.name: row for row in rows(bank)}[lost[0].name]
	assert found.subscription_id == held[lost[0].iban]["id"]
	bank.frappe.db.set_value(ACCOUNT, found.name, "subscription_try_at", site_now())
	bank.frappe.db.commit()
	before = len(at_bank(bank, control))
	nudges.keep(found.name, nudges.connector_of(bank.provider))
	assert len(at_bank(bank, control)) == before
	assert {row.name: row for row in rows(bank)}[lost[0].name].subscription_status == "ACTIVE"


def test_nobody_is_asked_where_nudges_are_not_wanted(bank, control, gateway):
	bank.frappe.set_user("Administrator")
	doc = bank.frappe.get_doc("Bank API Provider", bank.provider)
	doc.further_settings += "\nnudges = no"
	doc.save()
	bank.frappe.db.commit()
	before = len(control.requests("/event-subscriptions"))
	nudges.tick()
	assert len(control.requests("/event-subscriptions")) == before


# --- nudges


def test_a_nudge_lets_one_account_be_read_before_its_time_and_no_other(
	bank, control, gateway, subscribed, client
):
	rested = read(bank, control)
	assert rested == []  # an hour has not passed, and nobody has told of anything
	row = list(subscribed.values())[1]
	control.add_transaction(row.iban, "123.45", extra={"additionalTransactionInformation": "NEWS"})
	told(bank, control, row.iban)
	event = stored(bank)[0]
	assert (event.status, event.account, event.item, event.client) == (
		"Received",
		row.name,
		row.item,
		client.name,
	)
	assert at_bank(bank, control)[row.iban]["status"] == "ACTIVE"  # 204
	events.drain()
	assert stored(bank)[0].status == "Processed"
	asked = read(bank, control)
	assert set(asked) == {row.provider_account_id} or len(set(asked)) == 1
	listed = kb.get_bank_transactions_by_account(account_id=row.name)
	assert "NEWS" in listed.get_data(as_text=True)
	assert read(bank, control) == []


def test_what_was_refused_for_want_of_news_is_read_after_a_nudge(bank, control, gateway, subscribed):
	sync.request(rows(bank)[0].item, "refresh")
	assert len(read(bank, control)) == len(
		subscribed
	)  # somebody wants it all: the bank is asked, and refuses
	held = rows(bank)
	assert all(row.held_until and row.held_until - site_now() > timedelta(minutes=50) for row in held)
	item = bank.frappe.get_doc(ITEM, held[0].item)
	assert not item.held_until and item.next_try_at - site_now() > timedelta(minutes=50)
	assert item.last_success_at
	control.add_transaction(held[0].iban, "9.99")
	told(bank, control, held[0].iban)
	events.drain()
	assert len(read(bank, control)) == 1
	after = {row.name: row for row in rows(bank)}
	assert not after[held[0].name].held_until and not after[held[0].name].sync_error
	assert after[held[1].name].held_until


def test_an_hour_later_every_account_is_read_again(bank, control, gateway, subscribed):
	assert read(bank, control) == []
	begun = site_now() - timedelta(minutes=62)
	bank.frappe.db.set_value(ACCOUNT, {"provider": bank.provider}, "last_read_at", begun)
	control.forget_downloads()
	assert len(read(bank, control)) == len(subscribed)


def test_a_call_that_the_bank_repeats_is_stored_once(bank, gateway, subscribed):
	row = next(iter(subscribed.values()))
	call = str(uuid.uuid4())
	assert [post(gateway, row, call=call).status_code for _ in range(3)] == [204] * 3
	assert len(stored(bank)) == 1
	assert post(gateway, row).status_code == 204
	assert len(stored(bank)) == 2
	events.drain()
	assert {event.status for event in stored(bank)} == {"Processed"}
	queued = bank.frappe.db.get_value(ITEM, row.item, "queued_until")
	assert queued  # one job for both


def test_no_events_ask_for_nothing(bank, gateway, subscribed):
	row = next(iter(subscribed.values()))
	bank.frappe.db.set_value(ITEM, row.item, {"queued_until": None, "sync_requested_at": None})
	assert post(gateway, row, body='{"eventCount":0}').status_code == 204
	events.drain()
	bank.frappe.db.commit()
	assert not bank.frappe.db.get_value(ITEM, row.item, "sync_requested_at")


def test_whatever_is_not_known_gets_the_same_refusal(bank, control, gateway, subscribed):
	row, other = list(subscribed.values())[:2]
	good = nudges.key_of(row.name).reveal()
	refused = [
		post(gateway, row, key="wrong"),
		post(gateway, row, key=""),
		post(gateway, row, key=good[:-1]),
		post(gateway, row, key=nudges.key_of(other.name).reveal()),
		post(gateway, row, name=other.name),
		post(gateway, row, name="0" * 22),
		post(gateway, row, name="x"),
		post(gateway, row, subscription=str(uuid.uuid4())),
		post(gateway, row, subscription=other.subscription_id),
		post(gateway, row, subscription="1"),
		requests.get(f"{gateway}/api/method/bank_api.webhooks.kb/{'0' * 22}/version", timeout=60),
		requests.get(f"{gateway}/api/method/bank_api.webhooks.kb/{row.name}/accounts", timeout=60),
		requests.get(f"{gateway}/api/method/bank_api.webhooks.kb", timeout=60),
	]
	assert {(answer.status_code, answer.content) for answer in refused} == {(401, refused[0].content)}
	assert stored(bank) == []
	assert post(gateway, row, body='{"eventCount":-1}').status_code == 400
	assert post(gateway, row, body='{"eventCount":"x"}').status_code == 400
	assert post(gateway, row, body='{"a":"' + "x" * 70_000 + '"}').status_code == 413
	assert stored(bank) == []
	assert post(gateway, row).status_code == 204


def test_the_handshake(gateway, subscribed):
	row = next(iter(subscribed.values()))
	answer = requests.get(f"{gateway}/api/method/bank_api.webhooks.kb/{row.name}/version", timeout=60)
	assert (answer.status_code, answer.json()) == (200, {"version": "1.0"})
	assert answer.headers["Content-Type"] == "application/json"


# --- the end


def test_subscriptions_end_with_the_consent(bank, control, gateway, subscribed):
	row = next(iter(subscribed.values()))
	key = nudges.key_of(row.name).reveal()
	kb.delete_kb_consent(consent=bank.frappe.db.get_value(ITEM, row.item, "item_id"))
	assert at_bank(bank, control) == {}
	assert post(gateway, row, key=key).status_code == 401
	assert not nudges.key_of(row.name)


def test_a_bank_that_does_not_answer_holds_nobody_up_and_stops_by_itself(bank, control, gateway, subscribed):
	row = next(iter(subscribed.values()))
	control.fail(500, path=SUBSCRIPTIONS, method="DELETE", times=-1)
	kb.delete_kb_consent(consent=bank.frappe.db.get_value(ITEM, row.item, "item_id"))
	assert set(at_bank(bank, control)) == set(subscribed)
	bank.frappe.db.commit()
	assert bank.frappe.db.get_value(ITEM, row.item, "status") == "Deleted"
	control.add_transaction(row.iban, "3.00")
	told(bank, control, row.iban)
	assert at_bank(bank, control)[row.iban]["status"] == "STOPPED"
	assert stored(bank) == []


def test_nothing_of_a_key_stays_with_an_account_that_is_deleted(bank, gateway, subscribed):
	from bank_api.gateway import items, purge

	row = next(iter(subscribed.values()))
	items.mark_deleted(row.item)
	bank.frappe.db.commit()
	purge.item(row.item)
	names = [one.name for one in subscribed.values()]
	left = bank.frappe.db.sql("SELECT name FROM `__Auth` WHERE doctype = %s AND name IN %s", (ACCOUNT, names))
	assert not left and rows(bank) == []


def test_an_account_that_is_closed_is_told_of_no_more(bank, control, gateway, subscribed):
	row = next(iter(subscribed.values()))
	bank.frappe.db.set_value(ACCOUNT, row.name, "status", "Closed")
	bank.frappe.db.commit()
	nudges.tick()
	assert row.iban not in at_bank(bank, control) and len(at_bank(bank, control)) == len(subscribed) - 1


def test_a_consent_in_the_place_of_another_takes_the_subscriptions_over(bank, control, gateway, subscribed):
	from urllib.parse import parse_qsl, urlsplit

	from bank_api.gateway import connect

	old = next(iter(subscribed.values())).item
	item_id = bank.frappe.db.get_value(ITEM, old, "item_id")
	bank.frappe.db.set_single_value("Bank API Settings", "public_url", "https://gateway.example")
	bank.frappe.db.commit()
	link = kb.get_kb_consent_link(user="boss", item_id=item_id)
	connect.finish(dict(parse_qsl(urlsplit(control.walk(link["link"])).query)), None)
	bank.frappe.db.set_single_value("Bank API Settings", "public_url", gateway)
	bank.frappe.db.commit()
	assert at_bank(bank, control) == {}
	control.forget_downloads()
	read(bank, control)
	nudges.tick()
	after = rows(bank)
	assert {row.item for row in after} == {row.subscription_item for row in after} != {old}
	assert set(at_bank(bank, control)) == set(subscribed) and all(row.subscription_id for row in after)
