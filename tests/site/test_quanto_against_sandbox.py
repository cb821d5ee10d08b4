"""The whole way with Quanto's sandbox over HTTP: session and bank pages, webhooks, data, approvals, ends, limits."""

import json
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest

from bank_api.gateway.errors import DataNotReady

CONSENT = "Bank API Consent"
EVENT = "Bank API Webhook Event"
ITEM = "Bank API Item"
CPF, CNPJ = "11144477735", "11222333000181"
SECRET = "sandbox-webhook-secret-0123456789"


class Letterbox:
	"""Takes webhooks as a web server would, and hands them to the gateway when a test says so."""

	def __init__(self):
		self.received = []
		box = self

		class Handler(BaseHTTPRequestHandler):
			def do_POST(self):
				body = self.rfile.read(int(self.headers["Content-Length"]))
				box.received.append((dict(self.headers), body))
				self.send_response(200)
				self.end_headers()

			def log_message(self, *_arguments):
				pass

		self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
		threading.Thread(target=self.server.serve_forever, daemon=True).start()

	def wait_for(self, count, event=None):
		end = time.monotonic() + 20
		while len(self.of(event)) < count:
			assert time.monotonic() < end, [json.loads(body)["event"] for _, body in self.received]
			time.sleep(0.05)

	def of(self, event):
		return [one for one in self.received if event in (None, json.loads(one[1])["event"])]

	def deliver(self, provider):
		"""Hand over everything that has come, in its order; the statuses of the answers."""
		from bank_api.gateway import events, inbox

		statuses = [
			inbox.receive("quanto", provider, body, headers).status for headers, body in self.received
		]
		events.drain()
		return statuses


@pytest.fixture
def letterbox():
	box = Letterbox()
	yield box
	box.server.shutdown()
	box.server.server_close()


@pytest.fixture
def control(sandbox):
	"""The sandbox's control of Quanto, calm before and after."""
	sandbox.quanto.reset_usage()
	yield sandbox.quanto
	sandbox.quanto.reset_usage()
	sandbox.quanto.pause_webhooks(False)


@pytest.fixture
def quanto(world, control, letterbox, monkeypatch):
	"""A provider record as the guided set-up leaves it."""
	from bank_api.gateway import setup

	organization, software = str(uuid.uuid4()), str(uuid.uuid4())
	ready = control.set_up("https://gateway.example/bank-api/return", organization, software)
	hook = {
		"url": letterbox.url,
		"events": ["sharing.completed", "sharing.completed.multiple_approval", "sharing.revoked"],
		"secret": SECRET,
		"active": True,
	}
	answer = ready.call("POST", "/v1/webhooks", json=hook)
	assert answer.status_code in (200, 201), answer.text
	monkeypatch.setattr(setup, "require_ready", lambda provider: None)
	name = f"Quanto {world.provider[-8:]}"
	world.frappe.get_doc(
		{
			"doctype": "Bank API Provider",
			"provider_name": name,
			"connector": "quanto",
			"environment": "Sandbox",
			"api_base_url": control.url,
			"client_secret": ready.api_key,
			"webhook_secret": SECRET,
			"default_purpose": "Contabilidade",
		}
	).insert()
	world.frappe.db.commit()
	return name


@pytest.fixture
def client(world):
	# Frameworks spell the language in more than one way.
	spelt = [name for name in ("pt-BR", "pt_BR", "pt") if world.frappe.db.exists("Language", name)]
	context = world.client(language=spelt[0])
	hook = f"https://{context.site}/hook"
	world.frappe.db.set_value("Bank API Client", context.name, "webhook_url", hook)
	world.frappe.db.commit()
	return world.sign_in(context)


def ask(quanto, **arguments):
	from bank_api import quanto as api

	return api.get_quanto_session_link(**({"user": "jane", "document": CPF, "provider": quanto} | arguments))


def come_back(location):
	from bank_api.gateway import connect

	return connect.finish(dict(parse_qsl(urlsplit(location).query)))


def consents_of(world, link):
	world.frappe.db.commit()
	names = world.frappe.get_all(CONSENT, {"request": link["request"]}, pluck="name", order_by="name")
	return [world.frappe.get_doc(CONSENT, name) for name in names]


def shared(world, control, quanto, *banks, **arguments):
	"""The consents of a visit that was walked through page by page."""
	link = ask(quanto, **arguments)
	assert come_back(control.complete_session(link["link"], banks or ("ipe",))).status == "completed"
	return consents_of(world, link)


def synced(world, consent):
	from bank_api.gateway import sync_job

	sync_job.run(consent.item)
	world.frappe.db.commit()
	return world.frappe.get_doc(ITEM, consent.item)


def call(method, **arguments):
	from bank_api import quanto as api

	answer = getattr(api, method)(**arguments)
	return json.loads(answer.get_data())["message"] if hasattr(answer, "get_data") else answer


def count(world, client, *events):
	told = world.events(client)
	return [told.count(event) for event in events]


def check(world, consent):
	from bank_api.gateway import consent_check, consent_rows

	world.frappe.db.commit()
	consent_check.check(consent_rows.get(consent.name))
	world.frappe.db.commit()
	consent.reload()
	return consent


def test_two_banks_in_one_visit_to_the_last_transaction(world, control, quanto, client):
	link = ask(quanto)
	banks = [bank["key"] for bank in control.info()["banks"]]
	assert come_back(control.complete_session(link["link"], banks)).status == "completed"
	first, second = consents_of(world, link)
	assert first.bank_id != second.bank_id and first.bank_name != second.bank_name
	for consent in (first, second):
		assert (consent.state, consent.provider_status, consent.approval) == (
			"Active",
			"AUTHORISED",
			"Single",
		)
		item = synced(world, consent)
		assert (item.status, item.sync_status, item.last_error) == ("OK", "Idle", None)
		accounts = call("get_bank_accounts", item_id=item.item_id)
		assert accounts["resources"]
	assert call("get_bank_transactions", user="jane", provider=quanto)["resources"]
	assert count(world, client, "consent.granted", "item.created", "connect.completed") == [2, 2, 1]
	visit = call("get_quanto_session", request=link["request"])
	assert (visit["status"], len(visit["consents"])) == ("Completed", 2)


def test_every_body(world, control, quanto, client):
	"""What is read on demand comes as Open Finance Brasil defines it; its form is validated by the connector's tests."""
	(consent,) = shared(world, control, quanto)
	item_id = synced(world, consent).item_id
	for method in (
		"get_resources",
		"get_personal_identification",
		"get_personal_qualification",
		"get_personal_financial_relations",
		"get_quanto_consent_extensions",
	):
		body = call(method, item_id=item_id)["body"]
		assert {"data", "links", "meta"} <= set(body), method
	listed = call("get_bank_accounts", item_id=item_id)["resources"]
	account = next(one["accountId"] for one in listed if "accountId" in one)
	assert call("get_account_balances", account_id=account)["body"]["data"]["availableAmount"]
	assert "data" in call("get_account_overdraft_limits", account_id=account)["body"]
	(card, *_) = call("get_credit_cards", item_id=item_id)["resources"]
	card_id = card["creditCardAccountId"]
	assert call("get_credit_card_limits", account_id=card_id)["body"]["data"]
	bills = call("get_credit_card_bills", account_id=card_id, from_date="2020-01-01", to_date="2030-01-01")
	(bill, *_) = bills["body"]["data"]
	assert (
		"data"
		in call("get_credit_card_bill_transactions", account_id=card_id, bill_id=bill["billId"])["body"]
	)
	assert call("get_credit_card_transactions", account_id=card_id)["resources"]
	contracts = 0
	for method in ("get_loans", "get_financings", "get_invoice_financings", "get_overdrafts"):
		for contract in call(method, item_id=item_id)["resources"]:
			contracts += 1
			for detail in (
				"get_contract",
				"get_contract_warranties",
				"get_contract_instalments",
				"get_contract_payments",
			):
				assert "data" in call(detail, account_id=contract["contractId"])["body"], (method, detail)
	assert contracts


def test_a_company_waits_for_its_second_approver(world, control, quanto, client, letterbox):
	(consent,) = shared(world, control, quanto, business_document=CNPJ)
	assert (consent.state, consent.approval) == ("Active", "Pending")
	assert count(world, client, "consent.waiting", "consent.granted") == [1, 0]
	assert synced(world, consent).status == "Waiting"
	before = call("get_bank_accounts", item_id=consent.provider_consent_id)["resources"]
	control.approve_second(consent.provider_consent_id)
	control.poll()
	letterbox.wait_for(1, "sharing.completed.multiple_approval")
	assert set(letterbox.deliver(quanto)) == {200}
	consent.reload()
	assert (consent.state, consent.approval) == ("Active", "Approved")
	assert count(world, client, "consent.waiting", "consent.granted") == [1, 1]
	assert synced(world, consent).status == "OK"
	after = call("get_bank_accounts", item_id=consent.provider_consent_id)["resources"]
	assert 0 < len(before) < len(after)  # what one person alone may share was there at once
	assert call("get_business_identification", item_id=consent.provider_consent_id)["body"]["data"]
	letterbox.deliver(quanto)
	assert count(world, client, "consent.waiting", "consent.granted") == [1, 1]


def shared_account_of_two(world, control, quanto):
	"""A company's consent for nothing but the account that needs two people."""
	accounts = control.products(CNPJ, kind="ACCOUNT")
	(both,) = [one for one in accounts if one["approvers"]]
	link = ask(quanto, business_document=CNPJ)
	come_back(control.complete_session(link["link"], ("ipe",), resources=[both["id"]]))
	(consent,) = consents_of(world, link)
	return consent


def test_the_second_approver_refuses(world, control, quanto, client):
	consent = shared_account_of_two(world, control, quanto)
	assert consent.approval == "Pending"
	with pytest.raises(DataNotReady):
		synced(world, consent)
		call("get_bank_accounts", item_id=consent.provider_consent_id)
	control.decide(consent.provider_consent_id, agree=False)
	check(world, consent)
	assert (consent.state, consent.approval) == ("Active", "Refused")
	assert count(world, client, "consent.waiting", "consent.granted", "consent.refused") == [1, 0, 1]


def test_webhooks_alone_are_enough(world, control, quanto, client, letterbox):
	"""Nobody comes back; the event is sent three times, and in any order."""
	control.webhook_settings(copies=3, shuffle=True)
	try:
		link = ask(quanto)
		control.share(link["session"])
		control.finish(link["session"])
		control.poll()
		letterbox.wait_for(3, "sharing.completed")
	finally:
		control.webhook_settings(copies=1, shuffle=False)
	assert set(letterbox.deliver(quanto)) == {200}
	assert world.frappe.db.count(EVENT, {"provider": quanto}) == 1
	(consent,) = consents_of(world, link)
	assert consent.state == "Active" and consent.item
	assert count(world, client, "consent.granted", "item.created", "connect.completed") == [1, 1, 1]
	control.revoke(consent.provider_consent_id)
	control.poll()
	letterbox.wait_for(1, "sharing.revoked")
	letterbox.deliver(quanto)
	consent.reload()
	assert (consent.state, consent.ended_by, consent.end_reason) == ("Ended", "End User", "Revoked")
	assert count(world, client, "consent.granted", "consent.revoked", "item.deleted") == [1, 1, 1]


def test_forged_and_stale_webhooks(world, control, quanto, client, letterbox):
	content = {"sessionId": str(uuid.uuid4()), "consentId": "urn:nobody:1"}
	control.send_event("sharing.completed", content, signature="0" * 64)
	control.send_event("sharing.completed", content, shift=-4000)
	letterbox.wait_for(2)
	assert letterbox.deliver(quanto) == [401, 401]
	assert not world.frappe.db.count(EVENT, {"provider": quanto})
	letterbox.received.clear()
	control.send_event("sharing.completed", content)
	letterbox.wait_for(1)
	assert letterbox.deliver(quanto) == [200]
	(status,) = world.frappe.get_all(EVENT, {"provider": quanto}, pluck="status")
	assert status == "Ignored"


@pytest.mark.parametrize(
	"ending, why, item_status, event",
	[
		("revoke", "Revoked", "Deleted", "consent.revoked"),
		("expire", "Expired", "Action Required", "consent.expired"),
	],
)
def test_ends_at_the_bank(world, control, quanto, client, ending, why, item_status, event):
	(consent,) = shared(world, control, quanto)
	getattr(control, ending)(consent.provider_consent_id)
	assert synced(world, consent).status == item_status
	consent.reload()
	assert (consent.state, consent.end_reason) == ("Ended", why)
	assert count(world, client, event) == [1]


def test_withdrawn_by_the_client(world, control, quanto, client, letterbox):
	(consent,) = shared(world, control, quanto)
	call("delete_quanto_consent", consent=consent.provider_consent_id)
	assert control.consent(consent.provider_consent_id)["status"] == "REJECTED"
	control.poll()
	letterbox.deliver(quanto)
	assert count(world, client, "consent.revoked", "item.deleted") == [0, 1]


def test_extended(world, control, quanto, client):
	ends = datetime.now(timezone.utc) + timedelta(days=30)
	(consent,) = shared(world, control, quanto, expires_at=ends.isoformat())
	later = (ends + timedelta(days=60)).replace(microsecond=0)
	answer = call(
		"extend_quanto_consent",
		consent=consent.provider_consent_id,
		document=CPF,
		expires_at=later.isoformat(),
		psu_ip_address="203.0.113.7",
		psu_user_agent="Mozilla/5.0",
	)
	assert answer["expires_at"] == later.strftime("%Y-%m-%dT%H:%M:%S.000Z")
	extensions = call("get_quanto_consent_extensions", consent=consent.provider_consent_id)
	assert len(extensions["body"]["data"]) == 1


def test_a_new_visit_takes_the_place_of_the_old_one(world, control, quanto, client):
	(old,) = shared(world, control, quanto)
	synced(world, old)
	stable = {row["stable_ids"][0] for row in [call("get_bank_accounts", item_id=old.provider_consent_id)]}
	(new,) = shared(world, control, quanto, item_id=old.provider_consent_id)
	old.reload()
	assert (old.state, old.end_reason) == ("Ended", "Replaced")
	assert control.consent(old.provider_consent_id)["status"] == "REJECTED"
	synced(world, new)
	assert stable <= set(call("get_bank_accounts", item_id=new.provider_consent_id)["stable_ids"])
	assert count(world, client, "consent.revoked", "consent.granted") == [0, 2]


def test_refused_at_the_bank(world, control, quanto, client):
	link = ask(quanto)
	location = control.complete_session(link["link"], ("ipe",), refuse_at="bank_choose")
	outcome = come_back(location) if location else None
	assert outcome is None or outcome.status == "failed"
	assert not world.frappe.get_all(ITEM, {"client": client.name})


def test_a_month_that_is_used_up_serves_the_copy(world, control, quanto, client):
	(consent,) = shared(world, control, quanto)
	item_id = synced(world, consent).item_id
	account = next(
		one["accountId"]
		for one in call("get_bank_accounts", item_id=item_id)["resources"]
		if "accountId" in one
	)
	first = call("get_account_overdraft_limits", account_id=account)
	assert first["stale"] is False
	control.fail(423, "LIMITE_OPERACIONAL_MENSAL", path="/overdraft-limits", times=1)
	again = call("get_account_overdraft_limits", account_id=account, max_age=0)
	assert again["stale"] is True and again["body"] == first["body"] and again["retry_after"] > 0


def test_the_connection_test_of_the_desk(world, quanto):
	from bank_api.gateway import providers

	assert providers.test_connection(quanto)["message"]
