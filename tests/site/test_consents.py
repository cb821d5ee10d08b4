"""Consents: the end user's trip and back, what was really granted, suspension, revocation, expiry, replacement."""

from datetime import date, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

CONSENT = "Bank API Consent"
ITEM = "Bank API Item"
REQUEST = "Bank API Connect Request"
ACCOUNT = "Bank API Account"
TRANSACTION = "Bank API Transaction"
PSU = "999888777"


@pytest.fixture
def client(consents):
	context = consents.client()
	hook = f"https://{context.site}/hook"
	consents.frappe.db.set_value("Bank API Client", context.name, "webhook_url", hook)
	consents.frappe.db.commit()
	return consents.sign_in(context)


def ask(**arguments):
	from bank_api import migdal

	return migdal.get_migdal_consent_link(
		**({"bank": "520004896", "user": "jane", "psu_id": PSU} | arguments)
	)


def come_back(query, presence=None):
	from bank_api.gateway import connect

	return connect.finish(query, presence)


def authorised(world, **arguments):
	link = ask(**arguments)
	assert come_back(world.sandbox.approve(link["consent"])).status == "completed"
	return row_of(world, link["consent"])


def row_of(world, consent_id):
	world.frappe.db.commit()
	return world.frappe.get_doc(CONSENT, {"provider_consent_id": consent_id})


def reload(world, doc):
	world.frappe.db.commit()
	return world.frappe.get_doc(doc.doctype, doc.name)


def item_of(world, consent):
	return world.frappe.get_doc(ITEM, reload(world, consent).item)


def synced(item):
	from bank_api.gateway import sync_job

	sync_job.run(item)


def check(consent):
	from bank_api.gateway import consents

	consents.check(consent.name)


def tick():
	from bank_api.gateway import connect, consent_duties

	connect.tick()
	consent_duties.tick()


def state_of(link):
	return dict(parse_qsl(urlsplit(link["link"]).query))["state"]


class TestThere:
	def test_bank_offered(self, consents, client):
		link = ask()
		assert link["link"] == link["redirect_url"]
		row = row_of(consents, link["consent"])
		assert (row.kind, row.state, row.provider_status) == ("Bank Offered", "Waiting", "received")
		assert row.requested_valid_until == date.today() + timedelta(days=180)
		assert (
			consents.sandbox.consent(link["consent"])["redirect_url"]
			== "https://gateway.example/bank-api/return"
		)
		assert consents.sandbox.calls("create_consent") == [{"references": [], "psu": True}]

	def test_detailed(self, consents, client):
		link = ask(
			bank="Migdal Makefet", loans="1000056782, 1000056783", valid_until="2027-01-31", frequency=2
		)
		row = row_of(consents, link["consent"])
		assert (row.kind, row.company) == ("Detailed", "512237744")
		assert row.account_references == "1000056782\n1000056783"
		assert (str(row.requested_valid_until), row.frequency_per_day) == ("2027-01-31", 2)

	def test_the_identity_number_is_kept_nowhere(self, consents, client):
		from bank_api.gateway import consent_duties

		authorised(consents, psu_id="123456782")
		consent_duties.tick()
		tables = [
			name
			for (name,) in consents.frappe.db.sql("show tables")
			if name.startswith(("tabBank API", "__Auth", "tabError"))
		]
		assert len(tables) > 10
		for table in tables:
			assert "123456782" not in repr(consents.frappe.db.sql(f"select * from `{table}`")), table

	def test_the_state_and_the_verifier_are_nowhere_in_clear(self, consents, client):
		link = ask()
		state = state_of(link)
		for table in ("tabBank API Connect Request", "tabBank API Consent", "__Auth"):
			assert state not in repr(consents.frappe.db.sql(f"select * from `{table}`")), table

	@pytest.mark.parametrize(
		"arguments",
		[
			{"bank": "123"},
			{"bank": None},
			{"loans": "<script>"},
			{"loans": '["a", {"b": 1}]'},
			{"loans": ",".join(str(n) for n in range(101))},
			{"valid_until": "2020-01-01"},
			{"valid_until": "tomorrow"},
			{"frequency": 0},
			{"frequency": "often"},
			{"psu_ip_address": "nowhere"},
		],
	)
	def test_bad_arguments_make_nothing(self, consents, client, arguments):
		from bank_api.gateway.errors import BadArgument

		with pytest.raises(BadArgument):
			ask(**arguments)
		assert not consents.sandbox.calls("create_consent")
		assert not consents.frappe.get_all(CONSENT, {"client": client.name})

	def test_a_provider_that_fails_leaves_an_ended_row_and_an_honest_error(self, consents, client):
		from bank_api.gateway.errors import ProviderFailed

		consents.sandbox.put("down", ["create_consent"])
		with pytest.raises(ProviderFailed):
			ask()
		consents.frappe.db.commit()
		(row,) = consents.frappe.get_all(CONSENT, {"client": client.name}, ["state", "last_error", "request"])
		assert (row.state, bool(row.last_error)) == ("Ended", True)
		assert consents.frappe.db.get_value(REQUEST, row.request, "status") == "Failed"

	def test_the_browsers_address_is_passed_on_and_not_made_up(self, consents, client):
		first, second = ask(psu_ip_address="203.0.113.7", psu_user_agent="Firefox"), ask(user="joe")
		assert consents.sandbox.consent(first["consent"])["presence"] == "203.0.113.7"
		assert consents.sandbox.consent(second["consent"])["presence"] == ""


class TestBack:
	def test_completed(self, consents, client):
		link = ask(redirect_url=f"https://{client.site}/bank")
		outcome = come_back(consents.sandbox.approve(link["consent"], loans=["1000056782"], days=30))
		assert outcome.status == "completed"
		assert f"item_id={link['consent']}" in outcome.redirect_url
		row = row_of(consents, link["consent"])
		assert (row.state, row.provider_status) == ("Active", "valid")
		assert row.valid_until == date.today() + timedelta(days=30)  # the end user has shortened it
		assert row.account_references == "1000056782"
		assert row.authorised_at and row.token_expires_at and row.renew_after < row.token_expires_at
		item = item_of(consents, row)
		assert (item.item_id, item.bank_id, item.status) == (link["consent"], "520004896", "OK")
		assert item.bank_name == "Migdal Insurance"
		assert item.authentication_expires_at.date() >= row.valid_until
		assert consents.events(client)[:2] == ["item.created", "connect.completed"]

	def test_the_end_users_browser_is_told_of_where_it_came_from(self, consents, client):
		from bank_api.connectors.model import Presence

		link = ask()
		come_back(consents.sandbox.approve(link["consent"]), Presence("203.0.113.9"))
		assert set(consents.sandbox.calls("consent_status")) == {"203.0.113.9"}
		assert consents.sandbox.calls("consent") == ["203.0.113.9"]

	def test_fewer_loans_than_asked_for(self, consents, client):
		link = ask(loans=["1", "2", "3"])
		come_back(consents.sandbox.approve(link["consent"], loans=["2"]))
		assert row_of(consents, link["consent"]).account_references == "2"

	def test_the_return_serves_once(self, consents, client):
		link = ask()
		query = consents.sandbox.approve(link["consent"])
		first = come_back(query)
		assert come_back(query) == first
		assert come_back(query | {"code": "another"}) == first
		assert len(consents.sandbox.calls("exchange")) == 1

	def test_a_refusal_is_final_whatever_comes_later(self, consents, client):
		link = ask()
		assert come_back({"state": state_of(link), "error": "access_denied"}).status == "failed"
		assert come_back(consents.sandbox.approve(link["consent"])).status == "failed"
		assert not consents.sandbox.calls("exchange")
		consents.frappe.db.commit()
		assert consents.frappe.db.get_value(REQUEST, link["request"], "step") == "access_denied"
		assert consents.events(client) == ["connect.failed"]

	def test_another_trips_code_is_refused(self, consents, client):
		"""PKCE: a code that was issued for somebody else's trip is worth nothing on this one."""
		mine, theirs = ask(), ask(user="mallory")
		stolen = consents.sandbox.approve(theirs["consent"])["code"]
		own = consents.sandbox.approve(mine["consent"])
		consents.sandbox.change(mine["consent"], code=stolen)
		consents.sandbox.change(
			mine["consent"], challenge=consents.sandbox.consent(theirs["consent"])["challenge"]
		)
		assert come_back({"state": own["state"], "code": stolen}).status == "failed"
		assert row_of(consents, mine["consent"]).state != "Active"

	def test_an_unknown_state(self, consents, client):
		link = ask()
		query = consents.sandbox.approve(link["consent"]) | {"state": "0" * 48}
		assert come_back(query).status == "unknown"
		assert not consents.sandbox.calls("exchange")

	def test_a_late_return(self, consents, client):
		link = ask()
		consents.frappe.db.set_value(REQUEST, link["request"], "expires_at", "2020-01-01 00:00:00")
		assert come_back(consents.sandbox.approve(link["consent"])).status == "expired"
		assert not consents.sandbox.calls("exchange")
		tick()
		assert consents.sandbox.consent(link["consent"])["status"] == "terminatedByTpp"
		assert row_of(consents, link["consent"]).state == "Ended"

	def test_a_code_is_swapped_only_of_a_valid_consent(self, consents, client):
		link = ask()
		query = consents.sandbox.approve(link["consent"])
		consents.sandbox.change(
			link["consent"], status="somethingNew"
		)  # a status nobody has heard of: not usable
		assert come_back(query).status == "failed"
		assert not consents.sandbox.calls("exchange")

	def test_rejected_at_the_provider(self, consents, client):
		link = ask()
		query = consents.sandbox.approve(link["consent"])
		consents.sandbox.change(link["consent"], status="rejected")
		assert come_back(query).status == "failed"
		row = row_of(consents, link["consent"])
		assert (row.state, row.provider_status) == ("Ended", "rejected")

	def test_the_provider_is_down_when_the_browser_is_back(self, consents, client):
		link = ask()
		consents.sandbox.put("down", ["consent_status"])
		assert come_back(consents.sandbox.approve(link["consent"])).status == "pending"
		consents.sandbox.put("down", [])
		tick()
		assert row_of(consents, link["consent"]).state == "Active"
		assert consents.frappe.db.get_value(REQUEST, link["request"], "status") == "Completed"

	def test_stopped_between_the_tokens_and_the_item(self, consents, client):
		link = ask()
		consents.sandbox.put("down", ["consent"])
		assert come_back(consents.sandbox.approve(link["consent"])).status == "pending"
		assert row_of(consents, link["consent"]).state == "Active"
		consents.sandbox.put("down", [])
		tick()
		assert item_of(consents, row_of(consents, link["consent"])).status == "OK"
		assert len(consents.sandbox.calls("exchange")) == 1

	def test_nobody_comes_back(self, consents, client):
		link = ask()
		consents.sandbox.approve(link["consent"])
		consents.frappe.db.set_value(REQUEST, link["request"], "expires_at", "2020-01-01 00:00:00")
		consents.frappe.db.commit()
		tick()
		tick()
		assert consents.frappe.db.get_value(REQUEST, link["request"], "status") == "Expired"
		assert consents.sandbox.consent(link["consent"])["status"] == "terminatedByTpp"
		assert row_of(consents, link["consent"]).state == "Ended"
		assert consents.events(client) == ["connect.failed"]


class TestSeveralSigners:
	def test_the_second_signature_completes_it(self, consents, client):
		from bank_api import migdal

		consents.sandbox.put("several_signers", True)
		first = ask()
		assert first["link"]
		query = {"state": state_of(first), "code": "half"}
		consents.sandbox.change(first["consent"], status="partiallyAuthorised", code="half")
		assert come_back(query).status == "pending"
		second = migdal.post_consent_authorisation(consent=first["consent"], psu_id="111")
		listed = migdal.get_consent_authorisations(consent=first["consent"])
		assert [one["status"] for one in listed["authorisations"]] == ["received", "received"]
		assert "received" in row_of(consents, first["consent"]).authorisations
		assert come_back(consents.sandbox.approve(second["consent"])).status == "completed"
		consents.frappe.db.commit()
		states = {
			consents.frappe.db.get_value(REQUEST, link["request"], "status") for link in (first, second)
		}
		assert states == {"Completed"}
		assert len(consents.sandbox.calls("exchange")) == 1

	def test_a_consent_that_waits_for_nobody(self, consents, client):
		from bank_api import migdal
		from bank_api.gateway.errors import BadArgument

		row = authorised(consents)
		with pytest.raises(BadArgument):
			migdal.post_consent_authorisation(consent=row.provider_consent_id)


class TestLife:
	def test_suspended_and_back(self, consents, client):
		row = authorised(consents)
		consents.sandbox.change(row.provider_consent_id, status="suspendedByASPSP")
		check(row)
		assert (reload(consents, row).state, item_of(consents, row).status) == (
			"Suspended",
			"Provider Problem",
		)
		check(row)
		consents.sandbox.change(row.provider_consent_id, status="valid")
		check(row)
		assert (reload(consents, row).state, item_of(consents, row).status) == ("Active", "OK")
		told = [event for event in consents.events(client) if event.startswith("consent.")]
		assert told == ["consent.suspended", "consent.resumed"]

	def test_an_unknown_status_is_not_usable(self, consents, client):
		from bank_api.connectors.errors import ConsentRequired
		from bank_api.gateway import consent_tokens

		row = authorised(consents)
		consents.sandbox.change(row.provider_consent_id, status="replaced")
		check(row)
		with pytest.raises(ConsentRequired):
			consent_tokens.access_token(row.name)

	@pytest.mark.parametrize("status", ["revokedByPsu", "terminatedByTpp", "rejected"])
	def test_revoked_by_the_end_user(self, consents, client, status):
		row = authorised(consents)
		consents.sandbox.change(row.provider_consent_id, status=status)
		synced(row.item)
		assert (reload(consents, row).state, item_of(consents, row).status) == ("Ended", "Deleted")
		assert consents.events(client)[-2:] == ["consent.revoked", "item.deleted"]
		assert not consents.frappe.db.sql("select 1 from `__Auth` where name = %s", row.name)

	def test_gone_at_the_provider(self, consents, client):
		row = authorised(consents)
		consents.sandbox.put(f"consent:{row.provider_consent_id}", None)
		synced(row.item)
		assert (reload(consents, row).state, item_of(consents, row).status) == ("Ended", "Deleted")

	def test_expired(self, consents, client):
		row = authorised(consents)
		consents.sandbox.change(row.provider_consent_id, status="expired")
		check(row)
		item = item_of(consents, row)
		assert reload(consents, row).state == "Ended"
		assert (item.status, item.user_action) == ("Action Required", "Authenticate")
		check(row)
		assert consents.events(client).count("consent.expired") == 1

	def test_expired_is_told_once_whoever_finds_out(self, consents, client):
		from bank_api.gateway import expiry

		row = authorised(consents)
		consents.sandbox.change(row.provider_consent_id, status="expired", valid_until="2020-01-01")
		check(row)
		expiry.notify_due()
		assert consents.events(client).count("consent.expired") == 1

	def test_warned_ahead_with_the_right_method(self, consents, client):
		import json

		from bank_api.gateway import expiry

		row = authorised(consents)
		consents.sandbox.change(
			row.provider_consent_id, valid_until=(date.today() + timedelta(days=5)).isoformat()
		)
		check(row)
		expiry.notify_due()
		payload = consents.frappe.db.get_value(
			"Bank API Webhook Delivery", {"client": client.name, "event_type": "consent.expiring"}, "payload"
		)
		assert json.loads(payload)["data"]["repair_method"] == "bank_api.migdal.get_migdal_consent_link"

	def test_the_daily_look(self, consents, client):
		from bank_api.gateway import consent_duties

		row = authorised(consents)
		consents.sandbox.change(row.provider_consent_id, status="revokedByPsu")
		consent_duties.tick()
		assert reload(consents, row).state == "Active"  # not due
		consents.frappe.db.set_value(CONSENT, row.name, "next_check_at", "2020-01-01 00:00:00")
		consents.frappe.db.commit()
		consent_duties.tick()
		assert reload(consents, row).state == "Ended"

	def test_a_provider_that_is_down_costs_the_tick_one_call(self, consents, client):
		from bank_api.gateway import consent_duties

		rows = [authorised(consents, user=name) for name in ("a", "b", "c")]
		for row in rows:
			consents.frappe.db.set_value(CONSENT, row.name, "next_check_at", "2020-01-01 00:00:00")
		consents.frappe.db.commit()
		consents.sandbox.put("down", ["consent"])
		consents.sandbox.forget_calls()
		consent_duties.tick()
		assert len(consents.sandbox.calls("consent")) == 1

	def test_the_client_withdraws_it(self, consents, client):
		from bank_api import migdal

		row = authorised(consents)
		answer = migdal.delete_migdal_consent(consent=row.provider_consent_id)
		assert answer == {
			"consent": row.provider_consent_id,
			"item_id": row.provider_consent_id,
			"status": "Deleted",
		}
		assert consents.sandbox.consent(row.provider_consent_id)["status"] == "terminatedByTpp"
		assert reload(consents, row).state == "Ended"

	def test_the_client_withdraws_one_that_needs_authorisation(self, consents, client):
		"""Without any token: a consent must be revocable when its tokens are lost."""
		from bank_api import migdal
		from bank_api.gateway import consent_tokens

		row = authorised(consents)
		consent_tokens.lost(row.name)
		migdal.delete_migdal_consent(item_id=row.provider_consent_id)
		assert consents.sandbox.consent(row.provider_consent_id)["status"] == "terminatedByTpp"

	def test_the_client_withdraws_one_that_waits(self, consents, client):
		from bank_api import migdal

		link = ask()
		migdal.delete_migdal_consent(consent=link["consent"])
		assert row_of(consents, link["consent"]).state == "Ended"
		assert migdal.get_migdal_item_id(request=link["request"])["status"] == "Failed"
		assert come_back(consents.sandbox.approve(link["consent"])).status == "failed"

	def test_erasing_the_end_user(self, consents, client):
		from bank_api.gateway import end_users

		row, waiting = authorised(consents), ask()
		end_users.erase(row.end_user)
		end_users.erase_rows(row.end_user)
		for consent_id in (row.provider_consent_id, waiting["consent"]):
			assert consents.sandbox.consent(consent_id)["status"] == "terminatedByTpp"
		assert not consents.frappe.get_all(CONSENT, {"client": client.name})
		assert not consents.frappe.db.sql(
			"select 1 from `__Auth` where doctype = %s and name = %s", (CONSENT, row.name)
		)
		assert not consents.frappe.get_all(ITEM, {"client": client.name})

	def test_old_ended_consents_are_dropped_and_others_kept(self, consents, client):
		from bank_api.gateway import retention

		kept = authorised(consents)
		over = ask(user="joe")
		from bank_api import migdal

		migdal.delete_migdal_consent(consent=over["consent"])
		gone = row_of(consents, over["consent"])
		consents.frappe.db.set_value(CONSENT, gone.name, "ended_at", "2001-01-01 00:00:00")
		consents.frappe.db.set_single_value("Bank API Settings", "log_retention_days", 30)
		consents.frappe.db.commit()
		retention._drop_consents()
		assert consents.frappe.get_all(CONSENT, {"client": client.name}, pluck="name") == [kept.name]


class TestReplacing:
	def test_a_new_consent_takes_the_place_of_the_old_one(self, consents, client):
		old = authorised(consents, loans=["1000056782"])
		synced(old.item)
		account = consents.frappe.get_all(ACCOUNT, {"item": old.item}, ["name", "provider_account_id"])[0]
		new = authorised(consents, item_id=old.provider_consent_id)
		assert (new.kind, new.account_references, new.company) == ("Detailed", "1000056782", "520004896")
		assert consents.sandbox.consent(old.provider_consent_id)["status"] == "terminatedByTpp"
		assert reload(consents, old).state == "Ended"
		assert item_of(consents, old).status == "Deleted"
		synced(new.item)
		moved = consents.frappe.get_doc(ACCOUNT, account.name)
		assert moved.item == new.item and moved.provider_account_id != account.provider_account_id
		assert consents.frappe.db.count(ACCOUNT, {"client": client.name}) == 1

	def test_one_that_the_provider_ended_for_the_new_one(self, consents, client):
		old = authorised(consents)
		link = ask()
		query = consents.sandbox.approve(link["consent"])
		consents.sandbox.change(old.provider_consent_id, status="expired")
		assert come_back(query).status == "completed"
		assert (reload(consents, old).state, item_of(consents, old).status) == ("Ended", "Deleted")

	def test_what_the_new_one_does_not_reach_stays_and_says_so(self, consents, client):
		old = authorised(consents, loans=["1"])
		link = ask(loans=["2"])
		query = consents.sandbox.approve(link["consent"])
		consents.sandbox.change(old.provider_consent_id, status="expired")
		assert come_back(query).status == "completed"
		assert (reload(consents, old).state, item_of(consents, old).status) == ("Ended", "Action Required")

	def test_another_companys_or_end_users_consent_is_left_alone(self, consents, client):
		others = [authorised(consents, bank="512237744"), authorised(consents, user="joe")]
		authorised(consents)
		assert [reload(consents, row).state for row in others] == ["Active", "Active"]

	def test_a_provider_that_could_not_be_told_is_told_later(self, consents, client):
		old = authorised(consents)
		link = ask(item_id=old.provider_consent_id)
		query = consents.sandbox.approve(link["consent"])
		consents.sandbox.put("down", ["delete_consent"])
		assert come_back(query).status == "completed"
		assert reload(consents, old).state == "Active"
		consents.sandbox.put("down", [])
		tick()
		assert reload(consents, old).state == "Ended"

	def test_the_desks_button(self, consents, client):
		from bank_api.gateway import connect

		old = authorised(consents, valid_until=(date.today() + timedelta(days=20)).isoformat(), frequency=3)
		consents.frappe.set_user("Administrator")
		link = connect.repair(old.item)
		row = row_of(consents, link["consent"])
		assert (row.replaces, row.frequency_per_day) == (old.item, 3)
		assert abs((row.requested_valid_until - date.today()).days - 20) <= 1


class TestReading:
	def rows(self, world, client):
		return dict(
			world.frappe.get_all(
				TRANSACTION, {"client": client.name}, ["provider_transaction_id", "status"], as_list=True
			)
		)

	def test_loans_and_their_transactions(self, consents, client):
		row = authorised(consents)
		consents.sandbox.put(
			"transactions", [{"id": "t1", "date": date.today().isoformat(), "amount": "-12.340"}]
		)
		synced(row.item)
		item = item_of(consents, row)
		assert (item.sync_status, item.feed, item.last_error) == ("Idle", "Fresh", None)
		(account,) = consents.frappe.get_all(
			ACCOUNT, {"item": row.item}, ["reference", "balance", "account_type"]
		)
		assert (account.reference, account.balance, account.account_type) == (
			"1000056782",
			"-41250.730",
			"loan",
		)
		assert self.rows(consents, client) == {"t1": "Booked"}

	def test_the_next_pass_reads_some_days_again(self, consents, client):
		row = authorised(consents)
		synced(row.item)
		synced(row.item)
		sinces = [call["since"] for call in consents.sandbox.calls("transactions")]
		assert (
			sinces == [None, (date.today() - timedelta(days=10)).isoformat()]
			or sinces[1] <= date.today().isoformat()
		)
		assert len(sinces[1]) == 10

	def test_a_pending_row_that_is_no_longer_listed_is_withdrawn(self, consents, client):
		row = authorised(consents)
		today = date.today().isoformat()
		pending = {"id": "p1", "date": today, "amount": "-1.00", "pending": True}
		other = {"id": "p2", "date": today, "amount": "-2.00", "pending": True}
		booked = {"id": "b1", "date": today, "amount": "-3.00"}
		consents.sandbox.put("transactions", [pending, other, booked])
		synced(row.item)
		synced(row.item)
		assert self.rows(consents, client) == {"p1": "Pending", "p2": "Pending", "b1": "Booked"}
		consents.sandbox.put("transactions", [other])
		synced(row.item)
		# Only pending rows can vanish: what was booked stays booked.
		assert self.rows(consents, client) == {"p1": "Deleted", "p2": "Pending", "b1": "Booked"}

	def test_an_old_pending_row_is_looked_at_until_it_is_settled(self, consents, client):
		row = authorised(consents)
		day = (date.today() - timedelta(days=40)).isoformat()
		consents.sandbox.put("transactions", [{"id": "p1", "date": day, "amount": "-1.00", "pending": True}])
		synced(row.item)
		synced(row.item)
		assert consents.sandbox.calls("transactions")[-1]["since"] == day
		consents.sandbox.put("transactions", [])
		synced(row.item)
		assert self.rows(consents, client) == {"p1": "Deleted"}

	def test_a_list_that_begins_later_than_asked_says_nothing_about_the_days_before(self, consents, client):
		row = authorised(consents)
		old, new = ((date.today() - timedelta(days=days)).isoformat() for days in (8, 1))
		waiting = {"id": "p1", "date": old, "amount": "-1.00", "pending": True}
		fresh = {"id": "p2", "date": new, "amount": "-2.00", "pending": True}
		consents.sandbox.put("transactions", [waiting, fresh])
		synced(row.item)
		synced(row.item)
		since = consents.sandbox.calls("transactions")[-1]["since"]
		consents.sandbox.put("listed_from", (date.today() - timedelta(days=6)).isoformat())
		# What was booked has the amount of the old pending row, which the list cannot name.
		consents.sandbox.put("transactions", [waiting, {"id": "b1", "date": new, "amount": "-1.00"}])
		synced(row.item)
		assert self.rows(consents, client) == {"p1": "Pending", "p2": "Deleted", "b1": "Booked"}
		synced(row.item)
		assert consents.sandbox.calls("transactions")[-1]["since"] == since, (
			"the days before are still to be read"
		)
		consents.sandbox.put("listed_from", "")
		consents.sandbox.put("transactions", [{"id": "b1", "date": new, "amount": "-1.00"}])
		synced(row.item)
		assert self.rows(consents, client) == {"p1": "Deleted", "p2": "Deleted", "b1": "Booked"}

	def test_a_source_is_told_what_is_known(self, consents, client):
		row = authorised(consents)
		synced(row.item)
		synced(row.item)
		first, second = consents.sandbox.calls("known")
		assert first == [] and len(second) == len(
			consents.frappe.get_all("Bank API Account", {"item": row.item})
		)

	def test_the_same_payload_is_no_change(self, consents, client):
		row = authorised(consents)
		consents.sandbox.put(
			"transactions", [{"date": date.today().isoformat(), "amount": "-5.00", "text": "Fee"}] * 2
		)
		synced(row.item)
		before = consents.frappe.get_all(TRANSACTION, {"client": client.name}, ["name", "change_stamp"])
		assert len(before) == 2  # twins without ids stay two
		synced(row.item)
		assert (
			consents.frappe.get_all(TRANSACTION, {"client": client.name}, ["name", "change_stamp"]) == before
		)

	def test_a_token_replaced_in_the_middle_of_a_sync(self, consents, client, monkeypatch):
		from fake_consents import FakeConnector

		from bank_api.gateway import consent_tokens

		row = authorised(consents)
		plain = FakeConnector.accounts

		def accounts(self, token, consent_id, known=()):
			found = plain(self, token, consent_id)
			consent_tokens.access_token(row.name, force=True)  # the scheduler renews ahead, just now
			return found

		monkeypatch.setattr(FakeConnector, "accounts", accounts)
		synced(row.item)
		item = item_of(consents, row)
		assert (item.status, item.sync_status) == ("OK", "Idle")

	def test_lost_tokens_are_no_failing_sync_for_ever(self, consents, client):
		from bank_api.gateway import consent_tokens

		row = authorised(consents)
		consent_tokens.lost(row.name)
		consents.sandbox.forget_calls()
		synced(row.item)
		item = item_of(consents, row)
		assert (item.status, item.user_action) == ("Action Required", "Authenticate")
		assert not consents.sandbox.calls("accounts")

	def test_a_consent_that_ends_in_the_middle_of_a_sync(self, consents, client, monkeypatch):
		from fake_consents import FakeConnector

		row = authorised(consents)
		plain = FakeConnector.accounts

		def accounts(self, token, consent_id, known=()):
			self.bank.change(consent_id, status="revokedByPsu")
			return plain(self, token, consent_id)

		monkeypatch.setattr(FakeConnector, "accounts", accounts)
		synced(row.item)
		assert (reload(consents, row).state, item_of(consents, row).status) == ("Ended", "Deleted")


@pytest.mark.parametrize(
	("word", "meant"), [("no", False), ("off", False), (0, False), ("yes", True), (1, True)]
)
def test_a_no_to_a_recurring_consent_is_a_no(consents, word, meant):
	from bank_api.gateway import consent_data

	asked = consent_data.Asked("Migdal Makefet", None, None, None, word)
	assert consent_data.terms(consents.provider, asked).recurring is meant
