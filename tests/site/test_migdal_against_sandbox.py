"""The whole way with Migdal's sandbox over mutual TLS: certificates from its authority, consent, pages, tokens, loans."""

import base64
import json
from datetime import date, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

CONSENT = "Bank API Consent"
ITEM = "Bank API Item"
LOAN = "1000056782"
PSU = "999888777"


@pytest.fixture
def control(sandbox):
	before = dict(sandbox.migdal.switches().get("switches") or sandbox.migdal.switches())
	yield sandbox.migdal
	sandbox.migdal.switches(**before)
	sandbox.migdal.reset_usage()


@pytest.fixture
def migdal(world, control):
	"""A provider record that an operator could have filled in, with certificates issued on its requests."""
	name = f"Migdal {world.provider[-8:]}"
	doc = world.frappe.get_doc(
		{
			"doctype": "Bank API Provider",
			"provider_name": name,
			"connector": "berlin_group",
			"api_base_url": control.url,
			"ca_bundle": control.ca,
			"authorize_url": f"{control.pages_url}/oauth/authorize",
			"frequency_per_day": 50,
			"transport_certificate": certificate(world.frappe, control, "Transport"),
			"signing_certificate": certificate(world.frappe, control, "Signing"),
		}
	)
	doc.insert()
	world.frappe.db.commit()
	return name


def certificate(frappe, control, usage):
	"""Made, requested, issued and uploaded as in the desk; its name."""
	from bank_api.connectors.model import Secret
	from bank_api.gateway import certificates

	doc = frappe.new_doc("Bank API Certificate")
	doc.update(
		{
			"title": f"{usage} {frappe.generate_hash(length=8)}",
			"usage": usage,
			"environment": "Sandbox",
			"key_type": "RSA 2048",
			"organization": "Sim TPP Ltd",
			"organization_identifier": "PSDIL-CMA-516000001",
			"country": "IL",
			"common_name": "tpp.sim.example" if usage == "Transport" else "Sim TPP Ltd Seal",
			"dns_names": "tpp.sim.example" if usage == "Transport" else None,
			"authority_name": "Sim Capital Market Authority",
			"authority_id": "IL-CMA",
		}
	)
	doc.insert()
	issued = control.issue(certificates.make_request(doc.name), usage)
	certificates.upload(doc.name, Secret(base64.b64encode(issued["chain"].encode()).decode()))
	frappe.db.commit()
	return doc.name


@pytest.fixture
def client(world):
	context = world.client()
	hook = f"https://{context.site}/hook"
	world.frappe.db.set_value("Bank API Client", context.name, "webhook_url", hook)
	world.frappe.db.commit()
	return world.sign_in(context)


def ask(migdal, **arguments):
	from bank_api import migdal as api

	terms = {"bank": "520004896", "user": "jane", "psu_id": PSU, "provider": migdal, "frequency": 50}
	return api.get_migdal_consent_link(**(terms | arguments))


def come_back(location):
	from bank_api.gateway import connect

	return connect.finish(dict(parse_qsl(urlsplit(location).query)))


def authorised(world, control, migdal, **arguments):
	link = ask(migdal, **arguments)
	assert come_back(control.complete_consent(link["link"])).status == "completed"
	world.frappe.db.commit()
	return world.frappe.get_doc(CONSENT, {"provider_consent_id": link["consent"]})


def synced(world, consent):
	from bank_api.gateway import sync_job

	sync_job.run(consent.item)
	world.frappe.db.commit()
	return world.frappe.get_doc(ITEM, consent.item)


def message(response):
	return json.loads(response.get_data())["message"]


@pytest.mark.parametrize("shape", [1, 2, 3, 4])
def test_bank_offered_to_the_last_transaction(world, control, migdal, client, shape):
	from bank_api import migdal as api

	control.switches(link_shape=shape)
	consent = authorised(world, control, migdal)
	assert (consent.state, consent.provider_status, consent.kind) == ("Active", "valid", "Bank Offered")
	assert LOAN in consent.account_references.split("\n")
	item = synced(world, consent)
	assert (item.status, item.sync_status, item.last_error) == ("OK", "Idle", None)
	loans = message(api.get_loans(item_id=item.item_id))
	numbers = [loan["other"]["identification"] for loan in loans["resources"]]
	assert LOAN in numbers
	loan = loans["resources"][numbers.index(LOAN)]["resourceId"]
	assert message(api.get_single_loan(account_id=loan))["resourceId"] == loan
	assert message(api.get_loan_balances(account_id=loan))["resources"]
	rows = message(api.get_loan_transactions(account_id=loan))["resources"]
	assert rows
	again = synced(world, consent)
	assert again.sync_status == "Idle"
	assert message(api.get_loan_transactions(account_id=loan))["resources"] == rows


def test_detailed_shortened_and_withdrawn(world, control, migdal, client):
	from bank_api import migdal as api

	link = ask(migdal, loans=[LOAN], valid_until=(date.today() + timedelta(days=60)).isoformat())
	day = (date.today() + timedelta(days=20)).isoformat()
	assert come_back(control.complete_consent(link["link"], valid_until=day)).status == "completed"
	status = api.get_migdal_consent_status(consent=link["consent"])
	assert (status["kind"], status["references"], status["valid_until"]) == ("Detailed", [LOAN], day)
	assert "consentStatus" in message(api.get_migdal_consent_details(consent=link["consent"]))
	assert api.delete_migdal_consent(consent=link["consent"])["status"] == "Deleted"
	assert control.consent(link["consent"])["status"] == "terminatedByTpp"


def test_refused_by_the_end_user(world, control, migdal, client):
	link = ask(migdal)
	assert come_back(control.complete_consent(link["link"], refuse_at="choose")).status == "failed"


def test_renewals_turn_both_tokens_over(world, control, migdal, client):
	from bank_api.gateway import consent_rows, consent_tokens

	consent = authorised(world, control, migdal)
	seen = set()
	for _ in range(3):
		consent_tokens.access_token(consent.name, force=True)
		seen.add(consent_rows.secret(consent.name, "refresh_token").reveal())
	assert len(seen) == 3
	assert synced(world, consent).status == "OK"
	assert world.frappe.db.get_value(CONSENT, consent.name, "token_thumbprint")


def test_an_old_refresh_token_leads_to_the_end_user(world, control, migdal, client):
	"""As after a kill between the answer and the commit: what is stored here is dead there."""
	from bank_api.connectors.errors import RefreshRefused
	from bank_api.gateway import consent_rows, consent_tokens

	consent = authorised(world, control, migdal)
	old = consent_rows.secret(consent.name, "refresh_token")
	consent_tokens.access_token(consent.name, force=True)
	consent_rows.keep_secret(consent.name, "refresh_token", old)
	world.frappe.db.commit()
	with pytest.raises(RefreshRefused):
		consent_tokens.access_token(consent.name, force=True)
	assert world.frappe.db.get_value(CONSENT, consent.name, "state") == "Needs Authorisation"
	assert world.events(client)[-1] == "consent.reauthorisation_needed"
	fresh = authorised(world, control, migdal, item_id=consent.provider_consent_id)
	assert fresh.state == "Active" and synced(world, fresh).status == "OK"


def test_tokens_that_ran_out_are_renewed_on_the_way(world, control, migdal, client):
	consent = authorised(world, control, migdal)
	control.expire_tokens(consent.provider_consent_id)
	item = synced(world, consent)
	assert (item.status, item.last_error) == ("OK", None)


@pytest.mark.parametrize(
	"status, state, item_status",
	[
		("suspendedByASPSP", "Suspended", "Provider Problem"),
		("revokedByPsu", "Ended", "Deleted"),
		("expired", "Ended", "Action Required"),
	],
)
def test_what_the_source_decides(world, control, migdal, client, status, state, item_status):
	consent = authorised(world, control, migdal)
	control.set_status(consent.provider_consent_id, status)
	assert synced(world, consent).status == item_status
	assert world.frappe.db.get_value(CONSENT, consent.name, "state") == state


def test_the_connection_test_of_the_desk(world, migdal):
	from bank_api.gateway import providers

	assert providers.test_connection(migdal)["message"]
