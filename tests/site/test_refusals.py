"""A provider that refuses our set-up: managers read which certificate, role or signature it was; clients do not."""

import json

import pytest
from test_migdal_against_sandbox import ask, authorised, certificate, client, control, migdal, synced

from bank_api.connectors import errors as provider_errors
from bank_api.gateway.errors import NotConfigured, from_provider

__all__ = ["client", "control", "migdal"]  # fixtures
INTERNALS = ("ertificate", "ignature", "role", "key", "CERT", "SIGN", "ROLE")
REFUSALS = {
	"CERTIFICATE_EXPIRED": "has expired",
	"CERTIFICATE_REVOKED": "revoked or blocked",
	"CERTIFICATE_MISSING": "misses our certificate",
	"CERTIFICATE_INVALID": "must name the same firm",
	"ROLE_INVALID": "lacks the role",
	"SIGNATURE_MISSING": "misses our signature",
	"SIGNATURE_INVALID": "finds our signature wrong",
}


def lines(frappe, provider=None, client=None):
	frappe.db.rollback()  # what has failed is rolled back; the lines stay
	filters = {"action": "Set-up Refused"}
	filters |= {"reference_name": provider} if provider else {"client": client}
	rows = frappe.get_all("Bank API Log", filters, ["outcome", "details"], order_by="name asc")
	return [(row.outcome, json.loads(row.details)) for row in rows]


@pytest.mark.parametrize("code", REFUSALS)
def test_the_test_button_says_which_it_was(world, control, migdal, code):
	control.fail(code, status=401, path="/api/consent/")
	doc = world.frappe.get_doc("Bank API Provider", migdal)
	with pytest.raises(NotConfigured, match=REFUSALS[code]) as refused:
		doc.test_connection()
	assert code in str(refused.value)
	((outcome, details),) = lines(world.frappe, migdal)
	assert outcome == "Failed" and details["provider_code"] == code and REFUSALS[code] in details["reason"]
	assert details["provider_request"]
	assert doc.test_connection()["message"]


def test_a_handshake_that_is_refused_is_told_apart(world, control, migdal):
	name = certificate(world.frappe, control, "Transport")
	serial = world.frappe.db.get_value("Bank API Certificate", name, "serial")
	doc = world.frappe.get_doc("Bank API Provider", migdal)
	doc.transport_certificate = name
	doc.save()
	world.frappe.db.commit()
	control.revoke(serial)
	with pytest.raises(NotConfigured, match="revoked or blocked"):
		doc.test_connection()


def test_a_setting_that_makes_no_sense_is_named(world, control, migdal):
	doc = world.frappe.get_doc("Bank API Provider", migdal)
	doc.further_settings = "max_pages = many"
	doc.save()
	with pytest.raises(NotConfigured, match="max_pages"):
		doc.test_connection()


@pytest.mark.parametrize("code", ["CERTIFICATE_BLOCKED", "ROLE_INVALID", "SIGNATURE_INVALID"])
def test_the_item_says_it_and_the_client_does_not_learn_it(world, control, migdal, client, code):
	from bank_api import migdal as api
	from bank_api.gateway import items, sync_job

	consent = authorised(world, control, migdal)
	assert synced(world, consent).last_error is None
	control.fail(code, status=401, path="/api/", times=5)
	item = synced(world, consent)
	assert code in item.last_error and "\n" not in item.last_error
	assert lines(world.frappe, migdal)[0][1]["provider_code"] == code
	told = json.dumps(items.event_data(item.name), default=str)
	assert code not in told and item.last_error not in told
	control.fail(code, status=401, path="/api/", times=1)
	with pytest.raises(NotConfigured) as refused:
		api.get_migdal_consent_status(consent=consent.provider_consent_id)
	assert not any(word in str(refused.value) for word in INTERNALS)
	assert sync_job.BACKOFF_MINUTES  # it is tried again


def test_a_link_that_is_refused_tells_the_caller_nothing_and_the_log_all(world, control, migdal, client):
	from bank_api.gateway import connect

	control.fail("ROLE_INVALID", status=401, path="/api/consent/")
	with pytest.raises(NotConfigured) as refused:
		ask(migdal)
	assert not any(word in str(refused.value) for word in INTERNALS)
	rows = lines(world.frappe, client=client.name)
	assert [details["provider_code"] for _, details in rows] == ["ROLE_INVALID"]
	assert rows[0][1]["method"] == "get_migdal_consent_link"
	request = world.frappe.get_last_doc("Bank API Connect Request", {"client": client.name})
	assert not any(word in (request.message or "") for word in INTERNALS)
	consent = world.frappe.get_last_doc("Bank API Consent", {"client": client.name})
	assert consent.state == "Ended" and "ROLE_INVALID" in consent.last_error
	assert connect.status(client, request.name)["status"] == "Failed"


def test_an_ended_certificate_stops_its_own_provider_only(world, control, migdal, client):
	from bank_api.gateway import consent_duties, consent_rows

	consent = authorised(world, control, migdal)
	name = world.frappe.db.get_value("Bank API Provider", migdal, "transport_certificate")
	world.frappe.db.set_value("Bank API Certificate", name, "status", "Expired")
	consent_rows.set_values(
		consent.name, renew_after="2020-01-01 00:00:00", next_check_at="2020-01-01 00:00:00"
	)
	world.frappe.db.commit()
	consent_duties.tick()
	consent.reload()
	assert "certificate" in consent.last_error and consent.renewing_since is None
	assert consent.state == "Active", "nobody was asked, so nothing is lost"
	item = synced(world, consent)
	assert item.sync_status == "Failed" and "certificate" in item.last_error


def test_what_a_client_gets_for_any_refusal_of_the_set_up_is_one_sentence(db):
	said = {
		from_provider(provider_errors.ConfigurationError("secret reason", provider_code=code)).message
		for code in (*REFUSALS, None, "X")
	}
	assert len(said) == 1 and "secret reason" not in said.pop()
