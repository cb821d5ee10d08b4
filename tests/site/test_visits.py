"""Visits and the consents they give: there and back, several banks, approvals, ends, replacement, extension, races and kills."""

import json
import secrets
import threading
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlsplit

import pytest

CONSENT = "Bank API Consent"
ITEM = "Bank API Item"
REQUEST = "Bank API Connect Request"
ACCOUNT = "Bank API Account"
CPF, CNPJ = "11144477735", "11222333000181"


@pytest.fixture
def client(visits):
	context = visits.client()
	hook = f"https://{context.site}/hook"
	visits.frappe.db.set_value("Bank API Client", context.name, "webhook_url", hook)
	visits.frappe.db.commit()
	return visits.sign_in(context)


def ask(**arguments):
	from bank_api import quanto

	return quanto.get_quanto_session_link(**({"user": "jane", "document": CPF} | arguments))


def come_back(query):
	from bank_api.gateway import connect

	return connect.finish(query)


def row_of(world, consent_id):
	world.frappe.db.commit()
	return world.frappe.get_doc(CONSENT, {"provider_consent_id": consent_id})


def item_of(world, consent_id):
	return world.frappe.get_doc(ITEM, row_of(world, consent_id).item)


def request_of(world, link):
	world.frappe.db.commit()
	return world.frappe.get_doc(REQUEST, link["request"])


def check(world, consent_id):
	from bank_api.gateway import consent_check, consent_rows

	world.frappe.db.commit()
	consent_check.check(consent_rows.of_item(world.provider, consent_id))
	world.frappe.db.commit()


def settle(link):
	from bank_api.gateway import session_return

	session_return.settle(link["request"])


def later(world, doctype, name):
	world.frappe.db.set_value(
		doctype, name, "next_check_at", datetime.now() - timedelta(days=2), update_modified=False
	)
	world.frappe.db.commit()


def tick():
	from bank_api.gateway import connect, consent_duties, session_duties

	connect.tick()
	consent_duties.tick()
	session_duties.tick()


def shared(world, **values):
	"""A consent of a finished visit; its id."""
	link = ask()
	consent_id = world.sandbox.grant(link["session"], **values)
	come_back(world.sandbox.finish(link["session"]))
	return consent_id


def data_of(world, client, event):
	rows = world.frappe.get_all(
		"Bank API Webhook Delivery",
		{"client": client.name, "event_type": event},
		pluck="payload",
		order_by="sequence asc",
	)
	return [json.loads(row)["data"] for row in rows]


def count(world, client, *events):
	told = world.events(client)
	return [told.count(event) for event in events]


class TestThere:
	def test_a_link(self, visits, client):
		link = ask(purpose="Loan offer", expires_at="2027-01-31", bank="bank-a", lang="he")
		assert set(link) == {"link", "redirect_url", "request", "session", "expires_at"}
		known = visits.sandbox.session(link["session"])
		assert known["redirect_url"] == "https://gateway.example/bank-api/return"
		assert (known["purpose"], known["language"]) == ("Loan offer", "he")
		assert known["expires_at"].startswith("2027-01-31") or known["expires_at"].startswith("2027-02-01")
		row = request_of(visits, link)
		assert (row.status, row.session_status, row.bank) == ("Pending", "CREATED", "bank-a")

	def test_what_is_asked_for_by_default(self, visits, client):
		ask()
		ask(business_document=CNPJ)
		person, company = (set(call["permissions"]) for call in visits.sandbox.calls("start_session"))
		assert person ^ company == {
			"CUSTOMERS_PERSONAL_READ",
			"CUSTOMERS_MORE_READ",
			"CUSTOMERS_BUSINESS_READ",
			"CUSTOMERS_BUSINESS_MORE_READ",
		}
		assert {"ACCOUNT_BALANCES_READ", "CARD_BILLS_READ", "CREDIT_OPERATIONS_READ"} <= person & company

	def test_the_default_end_is_the_records(self, visits, client):
		ends = visits.sandbox.session(ask()["session"])["expires_at"]
		left = datetime.fromisoformat(ends) - datetime.now(timezone.utc)
		assert timedelta(days=364) < left < timedelta(days=366)
		visits.frappe.db.set_value("Bank API Provider", visits.provider, "consent_months", 0)
		assert visits.sandbox.session(ask()["session"])["expires_at"] is None

	@pytest.mark.parametrize(
		"arguments",
		[
			{"document": None},
			{"document": "123"},
			{"groups": "nothing_of_this_name"},
			{"permissions": "<script>"},
			{"permissions": [{"a": 1}]},
			{"expires_at": "2020-01-01"},
			{"expires_at": "tomorrow"},
			{"purpose": "x" * 501},
		],
	)
	def test_bad_arguments_give_no_link(self, visits, client, arguments):
		from bank_api.gateway.errors import BadArgument

		with pytest.raises(BadArgument):
			ask(**arguments)

	def test_numbers_and_the_visit_are_nowhere_in_clear(self, visits, client):
		link = ask(business_document=CNPJ)
		visits.sandbox.grant(link["session"])
		come_back({"sessionId": link["session"]})
		tick()
		hidden = [CPF, CNPJ, link["session"], visits.sandbox.session(link["session"])["external_id"]]
		hidden.append(link["link"])
		tables = [
			name
			for (name,) in visits.frappe.db.sql("show tables")
			if name.startswith(("tabBank API", "__Auth", "tabError"))
		]
		assert len(tables) > 10
		for table in tables:
			text = repr(visits.frappe.db.sql(f"select * from `{table}`"))
			assert not [secret for secret in hidden if secret in text], table

	@pytest.mark.parametrize("name", ["document", "business_document"])
	def test_a_number_in_an_address_is_refused(self, visits, client, name):
		from werkzeug.test import EnvironBuilder
		from werkzeug.wrappers import Request

		visits.frappe.local.request = Request(EnvironBuilder(query_string=f"{name}={CPF}").get_environ())
		try:
			answer = ask(**{name: CPF})
		finally:
			visits.frappe.local.request = None
		assert answer.status_code == 417
		assert CPF.encode() not in answer.get_data()
		assert not visits.sandbox.calls("start_session")

	def test_not_before_the_set_up_is_complete(self, visits, client, monkeypatch):
		from bank_api.gateway import setup
		from bank_api.gateway.errors import NotConfigured

		def refuse(provider):
			raise NotConfigured("Upload the certificate first.")

		monkeypatch.setattr(setup, "require_ready", refuse)
		with pytest.raises(NotConfigured, match="certificate"):
			ask()
		assert not visits.sandbox.calls("start_session")
		assert not visits.frappe.get_all(REQUEST, {"client": client.name})

	def test_a_lost_answer_leaves_a_failed_request(self, visits, client):
		from bank_api.gateway.errors import ProviderTimedOut

		visits.sandbox.put("lose_answers", 1)
		with pytest.raises(ProviderTimedOut):
			ask()
		(name,) = visits.frappe.get_all(REQUEST, {"client": client.name}, pluck="name")
		assert visits.frappe.db.get_value(REQUEST, name, "status") == "Failed"


class TestBack:
	def test_one_bank(self, visits, client):
		link = ask()
		consent_id = visits.sandbox.grant(link["session"])
		outcome = come_back(visits.sandbox.finish(link["session"]))
		assert outcome.status == "completed"
		query = dict(parse_qsl(urlsplit(outcome.redirect_url).query))
		assert (query["request"], query["item_id"]) == (link["request"], consent_id)
		row = row_of(visits, consent_id)
		assert (row.state, row.approval, row.announced) == ("Active", "Single", "Granted")
		assert (row.bank_id, row.bank_name, row.purpose) == ("bank-a", "Banco Alfa", "Accounting")
		assert row.expires_at and row.granted_at and "ACCOUNT_BALANCES_READ" in row.permissions.split("\n")
		item = item_of(visits, consent_id)
		assert (item.status, item.bank_name, item.item_id) == ("OK", "Banco Alfa", consent_id)
		assert item.authentication_expires_at == row.expires_at
		assert visits.events(client) == ["item.created", "consent.granted", "connect.completed"]
		(granted,) = data_of(visits, client, "consent.granted")
		assert granted["consent"] == granted["item_id"] == consent_id
		assert (granted["request"], granted["bank"]) == (link["request"], "Banco Alfa")
		assert "multiple_approval" not in granted

	def test_several_banks_in_one_visit(self, visits, client):
		link = ask()
		first = visits.sandbox.grant(link["session"], "bank-a")
		second = visits.sandbox.grant(link["session"], "bank-b")
		refused = visits.sandbox.share(link["session"], "bank-b")
		visits.sandbox.reject(refused, why="Refused")
		assert come_back(visits.sandbox.finish(link["session"])).status == "completed"
		(completed,) = data_of(visits, client, "connect.completed")
		assert completed["item_ids"] == [first, second] and completed["item_id"] == first
		assert count(visits, client, "consent.granted", "item.created", "connect.completed") == [2, 2, 1]
		row = row_of(visits, refused)
		assert (row.state, row.end_reason, row.ended_by, row.item) == ("Ended", "Refused", "End User", None)

	def test_data_comes_with_a_sync(self, visits, client):
		from bank_api import quanto
		from bank_api.gateway import sync_job

		consent_id = shared(visits)
		sync_job.run(row_of(visits, consent_id).item)
		found = json.loads(quanto.get_bank_accounts(user="jane").get_data())["message"]
		assert len(found["resources"]) == 1
		rows = json.loads(quanto.get_bank_transactions(item_id=consent_id).get_data())["message"]["resources"]
		assert [row["amount"] for row in rows] == ["1.25"]
		assert row_of(visits, consent_id).last_access_at

	def test_nothing_shared(self, visits, client):
		link = ask()
		assert come_back(visits.sandbox.finish(link["session"])).status == "failed"
		assert visits.events(client) == ["connect.failed"]

	def test_a_visit_that_goes_on(self, visits, client):
		link = ask()
		first = visits.sandbox.grant(link["session"])
		assert come_back({"sessionId": link["session"]}).status == "pending"
		assert row_of(visits, first).state == "Active"
		assert count(visits, client, "consent.granted", "connect.completed") == [1, 0]
		second = visits.sandbox.grant(link["session"], "bank-b")
		assert come_back(visits.sandbox.finish(link["session"])).status == "completed"
		assert row_of(visits, second).state == "Active"
		assert count(visits, client, "consent.granted", "connect.completed") == [2, 1]
		come_back({"sessionId": link["session"]})
		assert count(visits, client, "consent.granted", "connect.completed") == [2, 1]

	@pytest.mark.parametrize("status", ["ABANDONED", "EXPIRED"])
	def test_closed_half_way(self, visits, client, status):
		link = ask()
		consent_id = visits.sandbox.grant(link["session"])
		visits.sandbox.share(link["session"], "bank-b")
		visits.sandbox.change_session(link["session"], status=status)
		settle(link)
		assert request_of(visits, link).status == "Completed"
		assert row_of(visits, consent_id).state == "Active"
		other = ask(user="joe")
		visits.sandbox.change_session(other["session"], status=status)
		settle(other)
		assert request_of(visits, other).status == "Expired"

	def test_a_late_authorisation_after_the_visit_is_closed(self, visits, client):
		link = ask()
		consent_id = visits.sandbox.share(link["session"])
		assert come_back(visits.sandbox.finish(link["session"])).status == "failed"
		visits.sandbox.change(consent_id, status="AUTHORISED")
		later(visits, CONSENT, row_of(visits, consent_id).name)
		tick()
		assert item_of(visits, consent_id).status == "OK"
		assert count(visits, client, "consent.granted", "item.created") == [1, 1]

	def test_the_visit_id_is_forgotten_when_it_is_over(self, visits, client):
		from bank_api.gateway import sessions

		link = ask()
		assert sessions.session_id(link["request"]).reveal() == link["session"]
		come_back(visits.sandbox.finish(link["session"]))
		assert not sessions.session_id(link["request"])

	@pytest.mark.parametrize("query", [{}, {"sessionId": ""}, {"sessionId": "0" * 32}, {"x": "' or 1=1 --"}])
	def test_garbage(self, visits, client, query):
		from bank_api.gateway import connect

		link = ask()
		assert come_back(query) == connect.Outcome("unknown")
		assert request_of(visits, link).status == "Pending"
		assert not visits.sandbox.calls("session")

	def test_another_visit_under_our_id_is_refused(self, visits, client):
		from bank_api.connectors.errors import MalformedResponse

		link = ask()
		visits.sandbox.grant(link["session"])
		visits.sandbox.change_session(link["session"], external_id="somebody else's")
		with pytest.raises(MalformedResponse):
			settle(link)
		assert not visits.frappe.get_all(CONSENT, {"client": client.name})

	def test_a_provider_that_is_down(self, visits, client):
		link = ask()
		visits.sandbox.grant(link["session"])
		visits.sandbox.finish(link["session"])
		visits.sandbox.put("down", ["session"])
		assert come_back({"sessionId": link["session"]}).status == "pending"
		visits.sandbox.put("down", [])
		later(visits, REQUEST, link["request"])
		tick()
		assert request_of(visits, link).status == "Completed"

	def test_one_bank_that_fails_does_not_hold_up_the_other(self, visits, client):
		link = ask()
		bad = visits.sandbox.grant(link["session"], approval="Pending")
		good = visits.sandbox.grant(link["session"], "bank-b")
		original = visits.sandbox.consent(bad)
		visits.sandbox.put(f"consent:{bad}", original | {"approval": "Single", "bank": "bank-a"})
		from bank_api.connectors.errors import ProviderUnavailable
		from bank_api.gateway import consent_check

		real = consent_check.read

		def failing(row, presence=None):
			if row.provider_consent_id == bad:
				raise ProviderUnavailable("This bank is down.")
			return real(row, presence)

		consent_check.read = failing
		try:
			assert come_back(visits.sandbox.finish(link["session"])).status == "pending"
		finally:
			consent_check.read = real
		assert row_of(visits, good).state == "Active" and row_of(visits, bad).state == "Waiting"
		later(visits, REQUEST, link["request"])
		tick()
		assert row_of(visits, bad).state == "Active"
		assert request_of(visits, link).status == "Completed"
		assert count(visits, client, "consent.granted", "connect.completed") == [2, 1]


class TestNobodyComesBack:
	def test_the_scheduler_finds_out(self, visits, client):
		link = ask()
		consent_id = visits.sandbox.grant(link["session"])
		visits.sandbox.finish(link["session"])
		tick()
		assert request_of(visits, link).status == "Pending"  # not due yet
		later(visits, REQUEST, link["request"])
		tick()
		assert request_of(visits, link).status == "Completed"
		assert item_of(visits, consent_id).status == "OK"

	def test_polls_grow_rarer(self, visits, client):
		link = ask()
		later(visits, REQUEST, link["request"])
		tick()
		first = request_of(visits, link).next_check_at
		visits.frappe.db.set_value(
			REQUEST, link["request"], "creation", datetime.now() - timedelta(hours=1), update_modified=False
		)
		later(visits, REQUEST, link["request"])
		tick()
		assert request_of(visits, link).next_check_at - first > timedelta(minutes=5)

	def test_a_visit_that_never_ends_is_given_up(self, visits, client):
		link = ask()
		visits.sandbox.put("session_life", -30 * 3600)
		consent_id = visits.sandbox.grant(link["session"])
		later(visits, REQUEST, link["request"])
		tick()
		assert request_of(visits, link).status == "Completed"
		assert item_of(visits, consent_id).status == "OK"
		empty = ask(user="joe")
		later(visits, REQUEST, empty["request"])
		tick()
		assert request_of(visits, empty).status == "Expired"

	def test_a_process_that_died_before_the_answer(self, visits, client, monkeypatch):
		from bank_api.gateway import sessions

		def killed(request, visit):
			visits.frappe.db.rollback()
			raise KeyboardInterrupt

		monkeypatch.setattr(sessions, "_keep", killed)
		with pytest.raises(KeyboardInterrupt):
			ask()
		(name,) = visits.frappe.get_all(REQUEST, {"client": client.name, "status": "Pending"}, pluck="name")
		visits.frappe.db.set_value(REQUEST, name, "expires_at", datetime.now() - timedelta(hours=30))
		later(visits, REQUEST, name)
		tick()
		assert visits.frappe.db.get_value(REQUEST, name, "status") == "Expired"
		assert not visits.sandbox.calls("session")

	def test_a_visit_unknown_to_the_provider(self, visits, client):
		link = ask()
		visits.sandbox.put(f"session:{link['session']}", None)
		settle(link)
		assert request_of(visits, link).status == "Failed"


class TestApproval:
	def test_granted_when_the_last_one_approves(self, visits, client):
		from bank_api.gateway import sync_job

		consent_id = shared(visits, approval="Pending")
		row = row_of(visits, consent_id)
		assert (row.state, row.approval) == ("Active", "Pending")
		item = item_of(visits, consent_id)
		assert (item.status, item.user_action) == ("Waiting", "Wait")
		assert count(visits, client, "consent.waiting", "consent.granted", "connect.completed") == [1, 0, 1]
		visits.sandbox.change(consent_id, approval="Single")
		later(visits, CONSENT, row.name)
		tick()
		assert row_of(visits, consent_id).approval == "Approved"
		assert item_of(visits, consent_id).status == "OK"
		assert count(visits, client, "consent.waiting", "consent.granted") == [1, 1]
		(granted,) = data_of(visits, client, "consent.granted")
		assert granted["multiple_approval"] is True
		sync_job.run(item.name)
		assert visits.frappe.db.count(ACCOUNT, {"item": item.name}) == 1
		for _ in range(3):
			check(visits, consent_id)
		assert count(visits, client, "consent.waiting", "consent.granted") == [1, 1]

	def test_refused(self, visits, client):
		consent_id = shared(visits, approval="Pending")
		visits.sandbox.change(consent_id, approval="Refused")
		check(visits, consent_id)
		check(visits, consent_id)
		assert row_of(visits, consent_id).approval == "Refused"
		item = item_of(visits, consent_id)
		assert (item.status, item.user_action) == ("Action Required", "Authenticate")
		assert count(visits, client, "consent.waiting", "consent.granted", "consent.refused") == [1, 0, 1]

	def test_refused_by_the_end_of_the_consent(self, visits, client):
		consent_id = shared(visits, approval="Pending")
		visits.sandbox.reject(consent_id, by="Bank", why="Technical")
		check(visits, consent_id)
		assert (row_of(visits, consent_id).state, item_of(visits, consent_id).status) == ("Ended", "Deleted")
		assert count(visits, client, "consent.refused", "consent.revoked", "item.deleted") == [1, 0, 1]

	def test_a_sync_finds_the_approval_too(self, visits, client):
		from bank_api.gateway import sync_job

		consent_id = shared(visits, approval="Pending")
		sync_job.run(row_of(visits, consent_id).item)
		assert not visits.frappe.db.get_value(ITEM, {"item_id": consent_id}, "last_success_at")
		visits.sandbox.change(consent_id, approval="Single")
		sync_job.run(row_of(visits, consent_id).item)
		assert row_of(visits, consent_id).approval == "Approved"
		assert count(visits, client, "consent.granted") == [1]

	def test_pending_once_more_is_no_news(self, visits, client):
		consent_id = shared(visits)
		for approval, stands in (("Pending", "Pending"), ("Single", "Approved"), ("Refused", "Approved")):
			visits.sandbox.change(consent_id, approval=approval)
			check(visits, consent_id)
			assert row_of(visits, consent_id).approval == stands
		assert count(visits, client, "consent.waiting", "consent.granted", "consent.refused") == [0, 1, 0]

	def test_people_take_days_and_are_asked_after_less_often(self, visits, client):
		consent_id = shared(visits, approval="Pending")
		row = row_of(visits, consent_id)
		soon = row.next_check_at
		visits.frappe.db.set_value(
			CONSENT, row.name, "authorised_at", row.authorised_at - timedelta(days=2), update_modified=False
		)
		check(visits, consent_id)
		assert row_of(visits, consent_id).next_check_at - soon > timedelta(hours=1)


class TestEnds:
	@pytest.mark.parametrize(
		"by, why, item_status, event",
		[
			("End User", "Revoked", "Deleted", "consent.revoked"),
			("Bank", "Security", "Deleted", "consent.revoked"),
			("Bank", "Expired", "Action Required", "consent.expired"),
		],
	)
	def test_at_the_bank(self, visits, client, by, why, item_status, event):
		consent_id = shared(visits)
		visits.sandbox.reject(consent_id, by=by, why=why)
		check(visits, consent_id)
		check(visits, consent_id)
		row = row_of(visits, consent_id)
		assert (row.state, row.ended_by, row.end_reason) == ("Ended", by, why)
		assert row.ended_at and item_of(visits, consent_id).status == item_status
		assert count(visits, client, event) == [1]
		assert count(visits, client, "consent.revoked", "consent.expired") in ([1, 0], [0, 1])

	def test_the_repair_method_is_of_this_api(self, visits, client):
		from bank_api import quanto

		consent_id = shared(visits)
		visits.sandbox.reject(consent_id, by="Bank", why="Expired")
		check(visits, consent_id)
		(expired,) = data_of(visits, client, "consent.expired")
		assert expired["repair_method"] == "bank_api.quanto.get_quanto_session_link"
		assert callable(getattr(quanto, expired["repair_method"].rpartition(".")[2]))

	def test_the_daily_notice_and_the_bank_say_it_once(self, visits, client):
		from bank_api.gateway import expiry

		consent_id = shared(visits)
		item = item_of(visits, consent_id)
		visits.frappe.db.set_value(
			ITEM, item.name, "authentication_expires_at", datetime.now() - timedelta(hours=30)
		)
		visits.frappe.db.commit()
		expiry.notify_due()
		visits.sandbox.change(
			consent_id, expires_at=(datetime.now(timezone.utc) - timedelta(hours=1)).isoformat()
		)
		visits.sandbox.reject(consent_id, by="Bank", why="Expired")
		check(visits, consent_id)
		expiry.notify_due()
		assert count(visits, client, "consent.expired") == [1]

	def test_a_status_that_nobody_knows(self, visits, client):
		consent_id = shared(visits)
		visits.sandbox.change(consent_id, status="ON_ICE")
		check(visits, consent_id)
		assert row_of(visits, consent_id).state == "Suspended"
		visits.sandbox.change(consent_id, status="AUTHORISED")
		check(visits, consent_id)
		assert row_of(visits, consent_id).state == "Active"
		assert count(visits, client, "consent.suspended", "consent.resumed", "consent.granted") == [1, 1, 1]

	def test_unknown_to_the_provider(self, visits, client):
		consent_id = shared(visits)
		row = row_of(visits, consent_id)
		visits.sandbox.put(f"consent:{consent_id}", None)
		check(visits, consent_id)
		assert row_of(visits, consent_id).state == "Ended"
		assert visits.frappe.db.get_value(ITEM, row.item, "status") == "Deleted"
		assert count(visits, client, "consent.revoked", "item.deleted") == [1, 1]

	def test_its_end_is_looked_at_at_once(self, visits, client):
		ends = datetime.now(timezone.utc) + timedelta(hours=2)
		consent_id = shared(visits, expires_at=ends.isoformat())
		row = row_of(visits, consent_id)
		assert timedelta(0) < row.next_check_at - row.expires_at <= timedelta(minutes=2)


class TestWithdrawing:
	def delete(self, consent_id):
		from bank_api import quanto

		return quanto.delete_quanto_consent(consent=consent_id)

	def test_by_the_client(self, visits, client):
		from bank_api import quanto
		from bank_api.gateway.errors import UnknownObject

		consent_id = shared(visits)
		assert self.delete(consent_id) == {"consent": consent_id, "item_id": consent_id, "status": "Deleted"}
		row = row_of(visits, consent_id)
		assert (row.state, row.ended_by, row.end_reason) == ("Ended", "Client", "Revoked")
		assert visits.sandbox.consent(consent_id)["status"] == "REJECTED"
		assert count(visits, client, "consent.revoked", "item.deleted") == [0, 1]
		with pytest.raises(UnknownObject):
			quanto.get_bank_accounts(item_id=consent_id)

	def test_the_providers_own_message_changes_nothing(self, visits, client):
		consent_id = shared(visits)
		self.delete(consent_id)
		with pytest.raises(Exception, match="no such"):
			visits.sandbox.consent("nothing")
		check(visits, consent_id)
		assert count(visits, client, "consent.revoked", "item.deleted") == [0, 1]

	def test_the_providers_message_is_faster(self, visits, client):
		"""A webhook is acted upon between the provider's yes and our commit."""
		from bank_api.gateway import access, item_calls

		consent_id = shared(visits)
		item = row_of(visits, consent_id).item
		real = item_calls.access.withdraw

		def slow(key, by):
			real(key, by)
			check(visits, consent_id)

		item_calls.access.withdraw = slow
		try:
			self.delete(consent_id)
		finally:
			access.withdraw = real
		row = visits.frappe.get_doc(ITEM, item)
		assert row.status == "Deleted" and row.purge_after <= datetime.now() + timedelta(days=1)
		assert (row_of(visits, consent_id).ended_by, count(visits, client, "consent.revoked")) == (
			"Client",
			[0],
		)
		assert count(visits, client, "item.deleted") == [1]

	def test_killed_after_the_providers_yes(self, visits, client, monkeypatch):
		from bank_api.gateway import items

		consent_id = shared(visits)
		with monkeypatch.context() as patch:
			patch.setattr(items, "mark_deleted", lambda *_args, **_more: 1 / 0)
			with pytest.raises(ZeroDivisionError):
				self.delete(consent_id)
		visits.frappe.db.rollback()
		assert row_of(visits, consent_id).state == "Active"
		check(visits, consent_id)
		row = row_of(visits, consent_id)
		assert (row.state, row.ended_by) == ("Ended", "Client")
		assert count(visits, client, "consent.revoked", "item.deleted") == [0, 1]

	def test_killed_before_the_provider_was_asked(self, visits, client):
		from bank_api.connectors.model import EndedBy, EndReason
		from bank_api.gateway import consent_rows

		consent_id = shared(visits)
		row = row_of(visits, consent_id)
		consent_rows.begin_withdrawal(row.name, EndedBy.CLIENT, EndReason.REVOKED)
		old = datetime.now() - timedelta(hours=30)
		visits.frappe.db.set_value(CONSENT, row.name, "withdrawing_since", old)
		check(visits, consent_id)
		row = row_of(visits, consent_id)
		assert (row.state, row.withdrawing_since, row.ended_by) == ("Active", None, "")
		visits.sandbox.reject(consent_id)
		check(visits, consent_id)
		assert count(visits, client, "consent.revoked") == [1]

	def test_a_lost_answer(self, visits, client):
		from bank_api.gateway.errors import ProviderTimedOut

		consent_id = shared(visits)
		visits.sandbox.put("lose_deletions", 1)
		with pytest.raises(ProviderTimedOut):
			self.delete(consent_id)
		check(visits, consent_id)
		row = row_of(visits, consent_id)
		assert (row.state, row.ended_by) == ("Ended", "Client")
		assert count(visits, client, "consent.revoked", "item.deleted") == [0, 1]

	def test_a_provider_that_cannot(self, visits, client):
		from bank_api.gateway.errors import ProviderFailed

		consent_id = shared(visits)
		visits.sandbox.put("down", ["delete_consent"])
		with pytest.raises(ProviderFailed):
			self.delete(consent_id)
		assert row_of(visits, consent_id).state == "Active"

	def test_by_the_end_user_on_our_page(self, visits, client):
		from bank_api.connectors.model import EndedBy
		from bank_api.gateway import item_calls

		consent_id = shared(visits)
		item_calls.delete(row_of(visits, consent_id).item, EndedBy.END_USER)
		check(visits, consent_id)
		row = row_of(visits, consent_id)
		assert (row.state, row.ended_by, row.end_reason) == ("Ended", "End User", "Revoked")
		assert count(visits, client, "consent.revoked", "item.deleted") == [1, 1]

	def test_one_that_nobody_has_given_yet(self, visits, client):
		link = ask()
		consent_id = visits.sandbox.share(link["session"])
		settle(link)
		assert self.delete(consent_id)["item_id"] is None
		assert row_of(visits, consent_id).state == "Ended"
		assert visits.sandbox.consent(consent_id)["status"] == "REJECTED"
		settle(link)
		assert row_of(visits, consent_id).state == "Ended"

	def test_erasure_takes_back_what_is_under_way_too(self, visits, client):
		from bank_api.gateway import end_users

		consent_id = shared(visits)
		open_visit = ask()
		waiting = visits.sandbox.share(open_visit["session"], "bank-b")
		row = row_of(visits, consent_id)
		end_users.erase(row.end_user)
		end_users.erase_rows(row.end_user)
		assert [visits.sandbox.consent(one)["status"] for one in (consent_id, waiting)] == ["REJECTED"] * 2
		for doctype in (CONSENT, REQUEST, ITEM, "Bank API Resource"):
			assert not visits.frappe.get_all(doctype, {"client": client.name}), doctype
		assert not visits.frappe.db.sql(
			"select 1 from __Auth where doctype = %s and name = %s", (REQUEST, open_visit["request"])
		)


class TestReplacing:
	def test_another_visit_at_the_same_bank(self, visits, client):
		from bank_api.gateway import sync_job

		old = shared(visits, accounts=["0001-1"])
		sync_job.run(row_of(visits, old).item)
		stable = visits.frappe.db.get_value(ACCOUNT, {"item": row_of(visits, old).item}, "name")
		link = ask(item_id=old, user=None, groups="account_balances")
		assert visits.sandbox.calls("start_session")[-1]["bank"] == "bank-a"
		new = visits.sandbox.grant(link["session"], accounts=["0001-1"])
		assert come_back(visits.sandbox.finish(link["session"])).status == "completed"
		row = row_of(visits, old)
		assert (row.state, row.end_reason, row.ended_by) == ("Ended", "Replaced", "End User")
		assert visits.sandbox.consent(old)["status"] == "REJECTED"
		assert item_of(visits, old).status == "Deleted"
		sync_job.run(row_of(visits, new).item)
		assert visits.frappe.db.get_value(ACCOUNT, stable, "item") == row_of(visits, new).item
		assert count(visits, client, "consent.revoked", "item.deleted", "consent.granted") == [0, 1, 2]

	def test_the_terms_of_the_old_one_hold(self, visits, client):
		old = shared(visits)
		ask(item_id=old, user=None)
		first, second = visits.sandbox.calls("start_session")
		assert first["permissions"] == second["permissions"]

	def test_at_another_bank_nothing_is_replaced(self, visits, client):
		old = shared(visits)
		link = ask(item_id=old, user=None)
		visits.sandbox.grant(link["session"], "bank-b")
		come_back(visits.sandbox.finish(link["session"]))
		assert row_of(visits, old).state == "Active"

	def test_one_that_waits_for_approval_replaces_nothing_yet(self, visits, client):
		old = shared(visits)
		link = ask(item_id=old, user=None)
		new = visits.sandbox.grant(link["session"], approval="Pending")
		come_back(visits.sandbox.finish(link["session"]))
		tick()
		assert row_of(visits, old).state == "Active"
		visits.sandbox.change(new, approval="Single")
		check(visits, new)
		assert row_of(visits, old).state == "Ended"

	def test_a_provider_that_is_down_meanwhile(self, visits, client):
		old = shared(visits)
		link = ask(item_id=old, user=None)
		visits.sandbox.grant(link["session"])
		visits.sandbox.put("down", ["delete_consent"])
		assert come_back(visits.sandbox.finish(link["session"])).status == "completed"
		assert row_of(visits, old).state == "Active"
		visits.sandbox.put("down", [])
		tick()
		assert (row_of(visits, old).state, row_of(visits, old).end_reason) == ("Ended", "Replaced")

	def test_an_expired_one_is_over_when_a_new_one_covers_it(self, visits, client):
		old = shared(visits)
		visits.sandbox.reject(old, by="Bank", why="Expired")
		check(visits, old)
		assert item_of(visits, old).status == "Action Required"
		other_bank = shared(visits, bank="bank-b")
		assert (
			item_of(visits, old).status == "Action Required" and row_of(visits, other_bank).state == "Active"
		)
		link = ask(item_id=old, user=None)
		visits.sandbox.grant(link["session"])
		come_back(visits.sandbox.finish(link["session"]))
		assert item_of(visits, old).status == "Deleted"

	def test_the_desks_button(self, visits, client):
		from bank_api.connectors.model import Secret
		from bank_api.gateway import connect

		consent_id = shared(visits)
		link = connect.repair(row_of(visits, consent_id).item, Secret(f"{CPF} {CNPJ}"))
		assert visits.sandbox.session(link["session"])["company"]
		assert request_of(visits, link).replaces == row_of(visits, consent_id).item


class TestExtending:
	def extend(self, consent_id, **arguments):
		from bank_api import quanto

		browser = {"psu_ip_address": "203.0.113.7", "psu_user_agent": "Firefox"}
		return quanto.extend_quanto_consent(consent=consent_id, **({"document": CPF} | browser | arguments))

	def test_it_lasts_longer(self, visits, client):
		consent_id = shared(visits)
		before = item_of(visits, consent_id).authentication_expires_at
		answer = self.extend(consent_id, expires_at="2027-12-31T10:00:00Z")
		assert answer["expires_at"] == "2027-12-31T10:00:00.000Z"
		assert visits.sandbox.calls("extend_consent") == [{"ip": "203.0.113.7", "agent": "Firefox"}]
		assert item_of(visits, consent_id).authentication_expires_at > before
		assert count(visits, client, "item.updated", "consent.granted") == [1, 1]

	def test_a_deadlock_costs_nothing(self, visits, client, monkeypatch):
		"""The provider has extended it already: nobody may be told otherwise."""
		from bank_api.gateway import relay

		consent_id, emit, deadlocks = shared(visits), relay.emit, []

		def contended(*arguments, **options):
			if not deadlocks:
				deadlocks.append(1)
				raise visits.frappe.QueryDeadlockError
			return emit(*arguments, **options)

		monkeypatch.setattr(relay, "emit", contended)
		answer = self.extend(consent_id, expires_at="2027-12-31T10:00:00Z")
		assert deadlocks and answer["expires_at"] == "2027-12-31T10:00:00.000Z"
		assert len(visits.sandbox.calls("extend_consent")) == 1
		assert count(visits, client, "item.updated") == [1]
		assert (
			len(visits.frappe.get_all("Bank API Log", {"action": "Consent Extended", "client": client.name}))
			== 1
		)

	def test_for_good(self, visits, client):
		consent_id = shared(visits)
		visits.frappe.db.set_value("Bank API Provider", visits.provider, "consent_months", 0)
		assert self.extend(consent_id)["expires_at"] is None
		row = row_of(visits, consent_id)
		assert (row.expires_at, row.valid_until) == (None, None)
		assert item_of(visits, consent_id).authentication_expires_at is None

	def test_only_while_the_end_user_is_there(self, visits, client):
		from bank_api.gateway.errors import BadArgument

		consent_id = shared(visits)
		for missing in ("document", "psu_ip_address", "psu_user_agent"):
			with pytest.raises(BadArgument):
				self.extend(consent_id, **{missing: None})
		assert not visits.sandbox.calls("extend_consent")

	@pytest.mark.parametrize("approval", ["Pending", "Refused"])
	def test_not_what_others_decide(self, visits, client, approval):
		from bank_api.gateway.errors import BadArgument

		consent_id = shared(visits, approval=approval)
		with pytest.raises(BadArgument, match="several people"):
			self.extend(consent_id)

	def test_what_has_ended_meanwhile(self, visits, client):
		from bank_api.gateway.errors import ConsentNeeded

		consent_id = shared(visits)
		visits.sandbox.reject(consent_id)
		with pytest.raises(ConsentNeeded):
			self.extend(consent_id)
		assert row_of(visits, consent_id).state == "Ended"
		assert count(visits, client, "consent.revoked") == [1]


class TestWebhooks:
	"""What the provider says is where to look, in whatever order and however often it says it."""

	EVENT = "Bank API Webhook Event"

	def send(self, world, kind, *, event_id=None, **content):
		from bank_api.gateway import inbox

		body = {"event": kind, "eventId": event_id or secrets.token_hex(8), **content}
		body["occurredAt"] = datetime.now(timezone.utc).isoformat()
		raw = json.dumps(body).encode()
		return inbox.receive("quanto", world.provider, raw, {"X-Fake-Signature": "good"}).status

	def drain(self, world):
		from bank_api.gateway import events

		events.drain()
		world.frappe.db.commit()
		return world.frappe.get_all(self.EVENT, {"provider": world.provider}, ["*"], order_by="name asc")

	def test_an_event_comes_once_by_its_id(self, visits, client):
		link = ask()
		for session in (link["session"], link["session"], "another"):
			assert self.send(visits, "sharing.completed", event_id="e-1", sessionId=session) == 200
		(row,) = self.drain(visits)
		assert (row.event_id, row.status, row.is_test) == ("e-1", "Processed", 0)
		assert self.send(visits, "sharing.completed", event_id="e-2", sessionId=link["session"]) == 200
		assert len(self.drain(visits)) == 2

	def test_not_signed(self, visits, client):
		from bank_api.gateway import inbox

		body = json.dumps({"event": "sharing.completed", "eventId": "x"}).encode()
		assert inbox.receive("quanto", visits.provider, body, {}).status == 401
		assert not self.drain(visits)

	def test_a_ping_is_marked_as_a_test(self, visits, client):
		self.send(visits, "ping")
		(row,) = self.drain(visits)
		assert (row.is_test, row.status) == (1, "Processed")

	def test_faster_than_the_browser(self, visits, client):
		link = ask()
		consent_id = visits.sandbox.grant(link["session"])
		self.send(visits, "sharing.completed", sessionId=link["session"], consentId=consent_id)
		(row,) = self.drain(visits)
		assert (row.status, row.client) == ("Processed", client.name)
		assert row.item == row_of(visits, consent_id).item
		assert request_of(visits, link).status == "Pending"
		come_back(visits.sandbox.finish(link["session"]))
		assert visits.events(client) == ["item.created", "consent.granted", "connect.completed"]

	def test_the_last_comes_first(self, visits, client):
		link = ask()
		consent_id = visits.sandbox.grant(link["session"], approval="Pending")
		settle(link)
		visits.sandbox.change(consent_id, approval="Single")
		visits.sandbox.reject(consent_id)
		for kind in ("sharing.revoked", "sharing.completed.multiple_approval", "sharing.completed"):
			self.send(visits, kind, sessionId=link["session"], consentId=consent_id)
		self.drain(visits)
		assert row_of(visits, consent_id).state == "Ended"
		assert count(visits, client, "consent.waiting", "consent.granted", "consent.revoked") == [1, 0, 1]

	def test_a_consent_that_its_visit_does_not_list_yet(self, visits, client):
		link = ask()
		consent_id = visits.sandbox.grant(link["session"])
		visits.sandbox.change_session(link["session"], consents=[])
		self.send(visits, "sharing.completed", sessionId=link["session"], consentId=consent_id)
		self.drain(visits)
		assert row_of(visits, consent_id).state == "Active"
		come_back(visits.sandbox.finish(link["session"]))
		late = visits.sandbox.grant(link["session"], "bank-b")
		self.send(visits, "sharing.completed", sessionId=link["session"], consentId=late)
		self.drain(visits)
		assert item_of(visits, late).status == "OK"
		assert count(visits, client, "consent.granted", "connect.completed") == [2, 1]

	def test_a_consent_of_another_visit_is_not_taken_in(self, visits, client):
		ours, theirs = ask(), ask(user="joe")
		consent_id = visits.sandbox.grant(theirs["session"])
		self.send(visits, "sharing.completed", sessionId=ours["session"], consentId=consent_id)
		(row,) = self.drain(visits)
		assert row.status == "Processed"
		assert not visits.frappe.get_all(CONSENT, {"provider_consent_id": consent_id})

	@pytest.mark.parametrize("content", [{"sessionId": "x" * 32}, {"consentId": "urn:x:1"}])
	def test_of_nobody(self, visits, client, content):
		self.send(visits, "sharing.completed", **content)
		(row,) = self.drain(visits)
		assert row.status == "Ignored" and not visits.sandbox.calls("session")

	def test_of_another_providers_visit(self, visits, client):
		from bank_api.gateway import sessions

		link = ask()
		assert sessions.by_session(link["session"], "Quanto of Nobody") is None
		assert sessions.by_session(link["session"], visits.provider).name == link["request"]

	def test_while_the_provider_is_down(self, visits, client):
		link = ask()
		consent_id = visits.sandbox.grant(link["session"])
		visits.sandbox.put("down", ["session"])
		self.send(visits, "sharing.completed", sessionId=link["session"], consentId=consent_id)
		(row,) = self.drain(visits)
		assert row.status == "Received" and row.next_try_at
		visits.sandbox.put("down", [])
		visits.frappe.db.set_value(self.EVENT, row.name, "next_try_at", None)
		visits.frappe.db.commit()
		self.drain(visits)
		assert row_of(visits, consent_id).state == "Active"


def in_threads(world, calls):
	"""Run calls at once, each with a connection of its own; what they raised."""
	import frappe

	site, errors, start = frappe.local.site, [], threading.Barrier(len(calls))

	def run(call):
		frappe.init(site)
		frappe.connect()
		frappe.set_user("Administrator")
		try:
			start.wait()
			call()
			frappe.db.commit()
		except Exception as error:
			errors.append(error)
		finally:
			frappe.destroy()

	world.frappe.db.commit()
	threads = [threading.Thread(target=run, args=(call,)) for call in calls]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join(60)
	world.frappe.db.commit()
	return errors


class TestRaces:
	def test_browser_webhook_and_scheduler_at_once(self, visits, client):
		from bank_api.gateway import connect, session_return

		link = ask()
		first = visits.sandbox.grant(link["session"], "bank-a")
		second = visits.sandbox.grant(link["session"], "bank-b", approval="Pending")
		query = visits.sandbox.finish(link["session"])
		calls = [lambda: connect.finish(query)] * 2 + [lambda: session_return.settle(link["request"])] * 2
		calls += [lambda: session_return.take_in(link["request"], first)] * 2
		calls += [lambda: session_return.take_in(link["request"], second)] * 2
		assert in_threads(visits, calls) == []
		assert request_of(visits, link).status == "Completed"
		assert count(visits, client, "item.created", "consent.granted", "consent.waiting") == [2, 1, 1]
		assert count(visits, client, "connect.completed") == [1]
		assert visits.frappe.db.count(CONSENT, {"client": client.name}) == 2

	def test_many_readers_of_one_approval(self, visits, client):
		from bank_api.gateway import consent_check, consent_rows, sync_job

		consent_id = shared(visits, approval="Pending")
		visits.sandbox.change(consent_id, approval="Single")
		visits.sandbox.put("consent_seconds", 0.05)
		item = row_of(visits, consent_id).item
		calls = [lambda: consent_check.check(consent_rows.of_item(visits.provider, consent_id))] * 4
		calls += [lambda: sync_job.run(item)] * 2
		assert in_threads(visits, calls) == []
		assert count(visits, client, "consent.waiting", "consent.granted") == [1, 1]

	def test_an_older_answer_never_overwrites_a_newer_one(self, visits, client):
		"""A slow reader that asked before the extension must not bring the old end back."""
		from bank_api import quanto
		from bank_api.gateway import consent_check, consent_rows

		consent_id = shared(visits)
		visits.sandbox.put("consent_seconds", 0.5)

		def extend():
			import frappe

			frappe.set_user(f"{client.site}@bank-api.invalid")
			quanto.extend_quanto_consent(
				consent=consent_id,
				document=CPF,
				expires_at="2027-12-31T10:00:00Z",
				psu_ip_address="203.0.113.7",
				psu_user_agent="Firefox",
			)

		calls = [lambda: consent_check.check(consent_rows.of_item(visits.provider, consent_id))] * 2
		assert in_threads(visits, [*calls, extend]) == []
		assert row_of(visits, consent_id).expires_at.year == 2027
		assert row_of(visits, consent_id).expires_at.month in (12, 1)

	def test_a_deletion_meets_the_grant(self, visits, client):
		from bank_api.gateway import consents, session_return

		for _ in range(3):
			link = ask()
			consent_id = visits.sandbox.share(link["session"])
			settle(link)
			visits.sandbox.change(consent_id, status="AUTHORISED")
			name = row_of(visits, consent_id).name
			errors = in_threads(
				visits,
				[lambda r=link["request"]: session_return.settle(r), lambda n=name: consents.delete(n)],
			)
			assert errors == []
			check(visits, consent_id)
			row = row_of(visits, consent_id)
			assert (row.state, visits.sandbox.consent(consent_id)["status"]) == ("Ended", "REJECTED")
			if row.item:
				assert visits.frappe.db.get_value(ITEM, row.item, "status") == "Deleted"
		told = count(visits, client, "item.created", "item.deleted")
		assert told[0] == told[1]

	def test_killed_between_any_two_writes(self, visits, client, monkeypatch):
		"""Whatever was not committed is done again, and nothing twice."""
		from bank_api.gateway import consent_grant, consent_rows, outcome, relay

		link = ask()
		consent_id = visits.sandbox.grant(link["session"])
		visits.sandbox.finish(link["session"])
		for module, name in (
			(consent_rows, "note_terms"),
			(consent_grant, "note_valid"),
			(relay, "emit"),
			(outcome, "complete"),
		):
			with monkeypatch.context() as patch:
				patch.setattr(module, name, lambda *_args, **_more: 1 / 0)
				with pytest.raises(ZeroDivisionError):
					settle(link)
			visits.frappe.db.rollback()
		settle(link)
		assert visits.events(client) == ["item.created", "consent.granted", "connect.completed"]
		assert row_of(visits, consent_id).state == "Active"
