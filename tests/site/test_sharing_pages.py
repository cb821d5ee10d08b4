"""What an end user sees on the consent pages, and what happens at the provider, here and at the client when they act."""

import re
from datetime import date, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from page_browser import Browser

from bank_api.gateway import access_links, connect, sync_job
from bank_api.gateway.clock import site_now

ITEM, CONSENT, LOG = "Bank API Item", "Bank API Consent", "Bank API Log"
USER = "jane@example.org"
PSU = "123456782"


def page_of(client, language="en", user=USER):
	"""A browser on the page of an end user."""
	browser = Browser(language)
	browser.get(access_links.issue(client, user, "", f"https://{client.site}/bank")["link"])
	assert browser.status == 200
	return browser


def keys(browser):
	return re.findall(r'href="/bank-api/consents/([0-9a-f]{22})"', browser.html)


def host_and_link(browser):
	(link,) = re.findall(r'<a class="button main" href="([^"]+)"', browser.html)
	return link.replace("&amp;", "&")


def actions(world, client):
	world.frappe.db.commit()
	return world.frappe.get_all(
		LOG, {"client": client.name, "action": ("like", "Sharing %")}, ["action", "outcome"], order_by="name"
	)


def hooked(world, **values):
	"""A client that is told of changes, and calls."""
	context = world.client(client_name="Example Shop", **values)
	world.frappe.db.set_value("Bank API Client", context.name, "webhook_url", f"https://{context.site}/hook")
	world.frappe.db.commit()
	return world.sign_in(context)


# --- a provider of items (no consent behind them)


@pytest.fixture
def client(world):
	return hooked(world)


@pytest.fixture
def connected(world, client):
	"""A bank that the end user has connected; the name of its item."""
	from bank_api import bridge

	link = bridge.get_bridge_connect_link(user=USER)
	connect.finish(dict(parse_qsl(urlsplit(world.sandbox.complete_connect(link["link"])).query)))
	item = world.frappe.db.get_value(ITEM, {"client": client.name})
	sync_job.run(item)
	world.frappe.db.commit()
	return item


class TestItems:
	def test_everything_that_is_known_is_shown(self, world, client, connected):
		browser = page_of(client)
		assert keys(browser) == [connected]
		assert "Demo Bank" in browser.text and "Active" in browser.text and "Shared now" in browser.text
		browser.get(f"/bank-api/consents/{connected}")
		assert browser.status == 200
		for words in (
			"Demo Bank",
			"Who may read it Example Shop",
			"What for",
			world.provider,
			"Since",
			"Until",
		):
			assert words in browser.text, words
		accounts = world.frappe.get_all("Bank API Account", {"item": connected}, ["account_name", "iban"])
		assert accounts
		for account in accounts:
			assert account.account_name in browser.text
			assert not account.iban or account.iban not in browser.html
		assert "The bank was connected." in browser.text

	def test_it_is_renewed_at_the_bank_and_the_way_back_leads_here(self, world, client, connected):
		browser = page_of(client, "fr")
		browser.get(f"/bank-api/consents/{connected}/renew")
		browser.submit()
		assert "Continuer auprès de votre banque" in browser.text
		link = host_and_link(browser)
		assert link.startswith(world.sandbox.url) and urlsplit(link).netloc in browser.text
		request = world.frappe.get_last_doc("Bank API Connect Request", {"client": client.name})
		assert (request.kind, request.item) == ("SCA", connected)
		back = world.sandbox.complete_connect(link)
		outcome = connect.finish(dict(parse_qsl(urlsplit(back).query)))
		assert outcome.redirect_url.startswith("https://gateway.example/bank-api/consents?")
		browser.get(outcome.redirect_url)
		assert browser.status == 200 and "La banque l'a confirmé." in browser.text
		assert [line.action for line in actions(world, client)] == ["Sharing Renewal Begun"]

	@pytest.mark.parametrize("done", ["ended", "renewed", "else"])
	def test_an_address_alone_says_nothing_of_what_was_done(self, world, client, connected, done):
		browser = page_of(client)
		for proof in ("", "&proof=", "&proof=" + "A" * 43):
			browser.get(f"/bank-api/consents?done={done}{proof}")
			assert browser.status == 200 and keys(browser) == [connected]
			assert "has ended" not in browser.text and "been renewed" not in browser.text

	def test_it_is_changed_at_the_bank(self, world, client, connected):
		browser = page_of(client)
		browser.get(f"/bank-api/consents/{connected}/change")
		browser.submit()
		assert host_and_link(browser).startswith(world.sandbox.url)
		request = world.frappe.get_last_doc("Bank API Connect Request", {"client": client.name})
		assert (request.kind, request.item) == ("Edit", connected)

	def test_the_visit_outlasts_the_way_to_the_bank(self, world, client, connected):
		browser = page_of(client)
		browser.get(f"/bank-api/consents/{connected}/renew")
		browser.submit()
		row = world.frappe.get_last_doc(access_links.DOCTYPE, {"client": client.name})
		assert row.session_expires_at - site_now() > timedelta(minutes=60)

	def test_it_is_ended_at_the_bank_first_and_then_here(self, world, client, connected):
		browser = page_of(client)
		browser.get(f"/bank-api/consents/{connected}/end")
		assert "End the access to Demo Bank?" in browser.text
		assert world.frappe.db.get_value(ITEM, connected, "status") == "OK"
		browser.submit()
		assert browser.status == 200 and "The access has ended. The bank has been told." in browser.text
		assert "Shared now" not in browser.text and keys(browser) == [connected]
		said = "The access has ended"
		assert said in browser.get(browser.address).get_data(as_text=True)  # loaded once more
		assert said not in page_of(client).get(browser.address).get_data(as_text=True)  # another visit
		world.frappe.db.commit()
		assert world.frappe.db.get_value(ITEM, connected, "status") == "Deleted"
		events = world.events(client)
		assert events.count("consent.revoked") == 1 and events.count("item.deleted") == 1
		assert [(line.action, line.outcome) for line in actions(world, client)] == [
			("Sharing Withdrawn", "Success")
		]
		from bank_api.gateway import purge

		purge.item(connected)
		assert not world.frappe.db.exists("Bank API Account", {"item": connected})
		browser.get(f"/bank-api/consents/{connected}")
		assert "You withdrew the access on this page." in browser.text
		assert "What you can do" not in browser.text
		for name in ("renew", "change", "end"):
			assert browser.get(f"/bank-api/consents/{connected}/{name}").status_code == 404

	def test_a_bank_that_does_not_answer_keeps_its_access(self, world, client, connected):
		browser = page_of(client, "cs")
		browser.get(f"/bank-api/consents/{connected}/end")
		world.sandbox.fail("status", path=".*", times=50, status=503)
		browser.submit()
		assert browser.status == 422
		assert "Banka momentálně neodpovídá. Zkuste to prosím později." in browser.text
		assert 'role="alert"' in browser.html
		world.frappe.db.commit()
		assert world.frappe.db.get_value(ITEM, connected, "status") == "OK"
		assert world.events(client).count("consent.revoked") == 0
		assert [(line.action, line.outcome) for line in actions(world, client)] == [
			("Sharing Withdrawn", "Failed")
		]
		world.sandbox.clear_faults()
		browser.submit()
		assert 'role="status"' in browser.html

	def test_a_button_pressed_twice_ends_it_once(self, world, client, connected):
		browser = page_of(client)
		browser.get(f"/bank-api/consents/{connected}/end")
		page = browser.answer
		browser.submit()
		browser.answer = page
		browser.submit()
		assert browser.status == 200
		assert world.events(client).count("consent.revoked") == 1

	def test_an_authentication_that_has_run_out_is_said_so(self, world, client, connected):
		world.frappe.db.set_value(
			ITEM, connected, "authentication_expires_at", site_now() - timedelta(days=1)
		)
		browser = page_of(client)
		assert "Needs you" in browser.text and "You can renew it." in browser.text

	def test_two_who_end_it_at_once_are_told_of_once(self, world, client, connected, monkeypatch):
		"""The second one is at the provider while the first one finishes."""
		from bank_api.connectors.model import EndedBy
		from bank_api.gateway import access, item_calls

		real = access.withdraw

		def overtaken(item, by):
			monkeypatch.setattr(access, "withdraw", real)
			item_calls.delete(connected, EndedBy.END_USER)
			real(item, by)

		monkeypatch.setattr(access, "withdraw", overtaken)
		item_calls.delete(connected, EndedBy.END_USER)
		events = world.events(client)
		assert (events.count("consent.revoked"), events.count("item.deleted")) == (1, 1)

	def test_a_providers_link_that_is_no_page_goes_nowhere(self, world, client, connected, monkeypatch):
		monkeypatch.setattr(connect, "start", lambda *_, **__: {"link": "javascript:alert(1)"})
		browser = page_of(client)
		browser.get(f"/bank-api/consents/{connected}/renew")
		browser.submit()
		assert browser.status == 422 and "javascript" not in browser.html

	def test_the_page_says_whose_it_is(self, world, client, connected):
		assert f"You are here as {USER}." in page_of(client).text

	def test_somebody_elses_item_is_unknown(self, world, client, connected):
		from bank_api import bridge

		bridge.get_bridge_connect_link(user="other@example.org")
		browser = page_of(client, user="other@example.org")
		unknown = browser.get("/bank-api/consents/" + "0" * 22)
		for path in ("", "/renew", "/change", "/end"):
			found = browser.get(f"/bank-api/consents/{connected}{path}")
			assert (found.status_code, found.get_data()) == (404, unknown.get_data())
		browser.get("/bank-api/consents")
		assert "You share no bank data here" in browser.text and keys(browser) == []

	def test_what_one_visit_may_set_off_is_bounded(self, world, client, connected, monkeypatch):
		monkeypatch.setattr(access_links, "MAX_ACTIONS", 2)
		browser = page_of(client)
		for _ in range(2):
			browser.get(f"/bank-api/consents/{connected}/change")
			browser.submit()
			assert browser.status == 200
		browser.get(f"/bank-api/consents/{connected}/change")
		browser.submit()
		assert browser.status == 404

	def test_the_provider_that_is_not_set_up_leaves_the_page_readable(self, world, client, connected):
		world.frappe.db.set_value("Bank API Provider", world.provider, "api_version", "1999-01-01")
		from bank_api.gateway import providers

		providers._connectors.clear()
		browser = page_of(client)
		browser.get(f"/bank-api/consents/{connected}")
		assert browser.status == 200 and "End the access" in browser.text
		browser.get(f"/bank-api/consents/{connected}/end")
		browser.submit()
		assert browser.status == 422 and "not possible here at the moment" in browser.text

	def test_it_wears_the_clients_looks(self, world, client, connected):
		look = world.frappe.get_doc(
			{
				"doctype": "Bank API Whitelabel",
				"title": f"Look {client.site}",
				"primary_color": "#0b5d1e",
				"texts": [
					{"language": "English", "text_key": "Title", "text": "My <b>open</b> data"},
					{"language": "English", "text_key": "Purpose", "text": "To keep your books"},
					{"language": "English", "text_key": "Support", "text": "Call 123"},
				],
			}
		).insert(ignore_permissions=True)
		world.frappe.db.set_value("Bank API Client", client.name, "whitelabel", look.name)
		browser = page_of(client)
		assert "My open data" in browser.text and "Call 123" in browser.text
		assert "--primary: #0b5d1e" in browser.html
		browser.get(f"/bank-api/consents/{connected}")
		assert "What for To keep your books" in browser.text


# --- a provider of consents


def authorised(world, **arguments):
	from bank_api import migdal

	link = migdal.get_migdal_consent_link(**({"bank": "520004896", "user": USER, "psu_id": PSU} | arguments))
	connect.finish(world.sandbox.approve(link["consent"]))
	world.frappe.db.commit()
	return world.frappe.get_doc(CONSENT, {"provider_consent_id": link["consent"]})


@pytest.fixture
def debtor(consents):
	return hooked(consents)


class TestConsents:
	def test_a_consent_and_its_item_are_one_row(self, consents, debtor):
		row = authorised(consents, loans="1000056782,1000056783")
		sync_job.run(row.item)
		browser = page_of(debtor)
		assert keys(browser) == [row.name]
		assert "Migdal Insurance" in browser.text
		assert "••6782" in browser.text and "1000056782" not in browser.html
		browser.get(f"/bank-api/consents/{row.name}")
		assert "You gave the access." in browser.text and "The bank confirmed the access." in browser.text

	def test_it_is_renewed_with_a_new_consent_and_the_number_is_kept_nowhere(self, consents, debtor):
		row = authorised(consents)
		browser = page_of(debtor)
		browser.get(f"/bank-api/consents/{row.name}/renew")
		browser.submit(person=PSU)
		assert browser.status == 200 and PSU not in browser.html
		link = host_and_link(browser)
		assert urlsplit(link).netloc == "fake.example" and "fake.example" in browser.text
		consents.frappe.db.commit()
		new = consents.frappe.get_last_doc(CONSENT, {"client": debtor.name})
		assert new.name != row.name and new.replaces == row.item
		assert consents.sandbox.consent(new.provider_consent_id)["presence"] == "198.51.100.7"
		outcome = connect.finish(consents.sandbox.approve(new.provider_consent_id))
		browser.get(outcome.redirect_url)
		assert "The bank has confirmed it." in browser.text
		assert "A newer access has taken its place" in browser.get(f"/bank-api/consents/{row.name}").get_data(
			as_text=True
		)
		for table in (
			"tabBank API Log",
			"tabBank API Consent",
			"tabBank API Connect Request",
			"tabError Log",
		):
			assert PSU not in repr(consents.frappe.db.sql(f"select * from `{table}`")), table

	def test_without_a_number_nothing_is_asked_of_the_provider(self, consents, debtor):
		row = authorised(consents)
		consents.sandbox.forget_calls()
		browser = page_of(debtor, "he")
		browser.get(f"/bank-api/consents/{row.name}/renew")
		browser.submit(person="  ")
		assert browser.status == 422 and "נא להזין את המספר שלך." in browser.text
		assert consents.sandbox.calls("create_consent") == []

	def test_a_refusal_leaves_no_number_in_the_form(self, consents, debtor):
		row = authorised(consents)
		consents.sandbox.put("down", ["create_consent"])
		browser = page_of(debtor)
		browser.get(f"/bank-api/consents/{row.name}/renew")
		browser.submit(person=PSU)
		assert browser.status == 422 and PSU not in browser.html
		assert "The bank does not answer at the moment. Please try again later." in browser.text

	def test_fewer_loans_are_shared_by_choice(self, consents, debtor):
		row = authorised(consents, loans="1000056782,1000056783")
		browser = page_of(debtor)
		browser.get(f"/bank-api/consents/{row.name}/change")
		browser.submit(person=PSU, chosen=["1000056783", "9999999999"])
		assert host_and_link(browser)
		assert consents.sandbox.calls("create_consent")[-1]["references"] == ["1000056783"]
		browser.get(f"/bank-api/consents/{row.name}/change")
		browser.submit(person=PSU, chosen=[])
		assert browser.status == 422 and "Choose at least one" in browser.text

	def test_it_is_ended(self, consents, debtor):
		row = authorised(consents)
		browser = page_of(debtor)
		browser.get(f"/bank-api/consents/{row.name}/end")
		browser.submit()
		assert "The access has ended" in browser.text
		assert consents.sandbox.consent(row.provider_consent_id)["status"] == "terminatedByTpp"
		row.reload()
		assert (row.state, row.ended_by, row.end_reason) == ("Ended", "End User", "Revoked")
		events = consents.events(debtor)
		assert events.count("consent.revoked") == 1 and events.count("item.deleted") == 1
		browser.get(f"/bank-api/consents/{row.name}")
		assert "It was withdrawn (by you)" in browser.text

	def test_one_that_is_not_given_yet_is_cancelled(self, consents, debtor):
		from bank_api import migdal

		link = migdal.get_migdal_consent_link(bank="520004896", user=USER, psu_id=PSU)
		browser = page_of(debtor)
		(key,) = keys(browser)
		assert "Not complete yet" in browser.text and "It can be finished until" in browser.text
		browser.get(f"/bank-api/consents/{key}")
		assert "Cancel" in browser.text and "Renew" not in browser.text
		browser.get(f"/bank-api/consents/{key}/end")
		browser.submit()
		assert consents.sandbox.consent(link["consent"])["status"] == "terminatedByTpp"
		assert "Not complete yet" not in browser.text

	def test_one_that_has_run_out_can_be_renewed_and_not_ended(self, consents, debtor):
		from bank_api.gateway import consents as use_cases

		row = authorised(consents)
		yesterday = (date.today() - timedelta(days=1)).isoformat()
		consents.sandbox.change(row.provider_consent_id, status="expired", valid_until=yesterday)
		use_cases.check(row.name)
		browser = page_of(debtor)
		assert "Ended" in browser.text
		browser.get(f"/bank-api/consents/{row.name}")
		assert "Its time was over" in browser.text or "has run out" in browser.text
		assert browser.get(f"/bank-api/consents/{row.name}/end").status_code == 404
		browser.get(f"/bank-api/consents/{row.name}/renew")
		browser.submit(person=PSU)
		assert host_and_link(browser)

	def test_a_suspended_one_says_who_knows_why(self, consents, debtor):
		from bank_api.gateway import consents as use_cases

		row = authorised(consents)
		consents.sandbox.change(row.provider_consent_id, status="suspendedByASPSP")
		use_cases.check(row.name)
		browser = page_of(debtor)
		assert "Paused" in browser.text and "Only the bank can tell you why." in browser.text


# --- a provider of visits

CPF, CNPJ = "11144477735", "11222333000181"


def shared(world, bank="bank-a", groups="account_balances,account_transactions", purpose=None, **values):
	"""A consent that the end user has given in a visit."""
	from bank_api import quanto

	link = quanto.get_quanto_session_link(user=USER, document=CPF, groups=groups, purpose=purpose)
	consent_id = world.sandbox.grant(link["session"], bank, **values)
	connect.finish(world.sandbox.finish(link["session"]))
	world.frappe.db.commit()
	return world.frappe.get_doc(CONSENT, {"provider_consent_id": consent_id})


@pytest.fixture
def citizen(visits):
	visits.frappe.db.set_value("Bank API Provider", visits.provider, "country_code", "BR")
	return hooked(visits)


class TestVisits:
	def test_the_data_is_said_in_groups(self, visits, citizen):
		row = shared(visits)
		sync_job.run(row.item)
		browser = page_of(citizen)
		assert keys(browser) == [row.name]
		assert "Banco Alfa" in browser.text and "account_balances; account_transactions" in browser.text
		browser.get(f"/bank-api/consents/{row.name}")
		assert "What for Accounting" in browser.text and "(Brazil)" in browser.text

	def test_it_is_extended_without_a_way_to_the_bank(self, visits, citizen):
		row = shared(visits)
		browser = page_of(citizen)
		browser.get(f"/bank-api/consents/{row.name}/renew")
		assert "Your CPF number" in browser.text and "you need not go to the bank" in browser.text
		browser.submit(person=CPF)
		assert "The access has been renewed." in browser.text
		assert visits.sandbox.calls("extend_consent") == [{"ip": "198.51.100.7", "agent": "Test"}]
		browser.get(f"/bank-api/consents/{row.name}")
		assert "You extended the access." in browser.text
		for table in (
			"tabBank API Log",
			"tabBank API Consent",
			"tabBank API Connect Request",
			"tabError Log",
		):
			assert CPF not in repr(visits.frappe.db.sql(f"select * from `{table}`")), table

	def test_the_purpose_is_said_word_for_word(self, visits, citizen):
		purpose = "Rates < 5 % & > 2 %, <b>no</b> more"
		row = shared(visits, purpose=purpose)
		assert row.purpose == purpose
		browser = page_of(citizen)
		browser.get(f"/bank-api/consents/{row.name}")
		assert "Rates &lt; 5 % &amp; &gt; 2 %, &lt;b&gt;no&lt;/b&gt; more" in browser.html

	def test_the_history_says_who_gave_it_and_how(self, visits, citizen):
		row, other = shared(visits), shared(visits, "bank-b", approval="Pending")
		browser = page_of(citizen)
		browser.get(f"/bank-api/consents/{row.name}")
		assert browser.text.count("You gave the access.") == 1
		assert browser.text.count("You were given the way to the bank's page.") == 1
		assert "other people" not in browser.text
		from bank_api.gateway import consent_check, consent_rows

		visits.sandbox.change(other.provider_consent_id, approval="Single")
		consent_check.check(consent_rows.get(other.name))
		visits.frappe.db.commit()
		browser.get(f"/bank-api/consents/{other.name}")
		assert "You gave the access; other people still had to approve it at the bank." in browser.text
		assert "Everybody who had to has approved the access." in browser.text

	def test_the_history_says_that_others_refused(self, visits, citizen):
		row = shared(visits, approval="Pending")
		from bank_api.gateway import consent_check, consent_rows

		visits.sandbox.change(row.provider_consent_id, approval="Refused")
		consent_check.check(consent_rows.get(row.name))
		visits.frappe.db.commit()
		browser = page_of(citizen)
		browser.get(f"/bank-api/consents/{row.name}")
		assert "Others who had to approve the access have refused it." in browser.text
		assert "Refused Other people had to approve it at the bank" in browser.text
		assert "Active" not in browser.text and "End the access" in browser.text

	def test_one_that_several_approve_is_renewed_in_a_visit(self, visits, citizen):
		row = shared(visits, approval="Pending")
		browser = page_of(citizen)
		assert "Other people still have to approve it" in browser.text
		browser.get(f"/bank-api/consents/{row.name}")
		assert "Cancel" in browser.text
		visits.sandbox.change(row.provider_consent_id, approval="Single")
		from bank_api.gateway import consent_check, consent_rows

		consent_check.check(consent_rows.get(row.name))
		visits.frappe.db.commit()
		row.reload()
		assert row.approval == "Approved"
		browser.get(f"/bank-api/consents/{row.name}/renew")
		browser.submit(person=CPF, business=CNPJ)
		link = host_and_link(browser)
		assert urlsplit(link).netloc == "fake.example"
		session = visits.sandbox.session(urlsplit(link).path.rpartition("/")[2])
		assert session["permissions"] == row.permissions.split() and session["company"] is True
		assert visits.sandbox.calls("extend_consent") == []

	def test_other_groups_are_chosen_and_take_the_place_of_the_old(self, visits, citizen):
		row = shared(visits)
		browser = page_of(citizen, "pt-BR")
		browser.get(f"/bank-api/consents/{row.name}/change")
		assert browser.html.count(" checked>") == 2
		browser.submit(person=CPF, chosen=["card_bills", "made_up"])
		session_id = urlsplit(host_and_link(browser)).path.rpartition("/")[2]
		session = visits.sandbox.session(session_id)
		assert session["permissions"] == ["CARD_BILLS_READ", "RESOURCES_READ"]
		assert session["language"] == "pt-BR"
		visits.sandbox.grant(session_id)
		outcome = connect.finish(visits.sandbox.finish(session_id))
		browser.get(outcome.redirect_url)
		assert "O banco confirmou." in browser.text
		visits.frappe.db.commit()
		row.reload()
		assert (row.state, row.end_reason) == ("Ended", "Replaced")

	def test_a_number_that_is_none_is_said_in_the_readers_language(self, visits, citizen):
		row = shared(visits)
		browser = page_of(citizen)
		browser.get(f"/bank-api/consents/{row.name}/change")
		browser.submit(person="123", chosen=["card_bills"])
		assert browser.status == 422 and "The CPF has 11 digits" in browser.text
		assert browser.html.count(" checked>") == 1

	def test_it_is_ended_and_the_client_is_told_once(self, visits, citizen):
		row = shared(visits)
		browser = page_of(citizen)
		browser.get(f"/bank-api/consents/{row.name}/end")
		browser.submit()
		assert "The access has ended" in browser.text
		visits.frappe.db.commit()
		row.reload()
		assert (row.state, row.ended_by, row.end_reason) == ("Ended", "End User", "Revoked")
		assert visits.sandbox.consent(row.provider_consent_id)["status"] == "REJECTED"
		events = visits.events(citizen)
		assert events.count("consent.revoked") == 1 and events.count("item.deleted") == 1

	def test_two_banks_of_one_visit_are_two_rows(self, visits, citizen):
		first, second = shared(visits), shared(visits, "bank-b")
		browser = page_of(citizen)
		assert set(keys(browser)) == {first.name, second.name}
		browser.get(f"/bank-api/consents/{first.name}/end")
		browser.submit()
		second.reload()
		assert second.state == "Active" and "Banco Beta" in browser.text
