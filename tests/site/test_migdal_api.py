"""The public API for Migdal: arguments, shapes, and what belongs to whom, called as a client calls it."""

import json
from datetime import date

import pytest

CONSENT = "Bank API Consent"
ITEM = "Bank API Item"


@pytest.fixture
def client(consents):
	return consents.sign_in(consents.client())


@pytest.fixture
def link(consents, client):
	return call("get_migdal_consent_link", bank="520004896", user="jane", psu_id=999888777)


@pytest.fixture
def connected(consents, client, link):
	"""The provider's id of a consent whose loans are here."""
	from bank_api.gateway import connect, sync_job

	consents.sandbox.put(
		"transactions",
		[{"id": f"t{n}", "date": date.today().isoformat(), "amount": f"-{n}.50"} for n in range(3)],
	)
	assert connect.finish(consents.sandbox.approve(link["consent"])).status == "completed"
	sync_job.run(consents.frappe.db.get_value(ITEM, {"item_id": link["consent"]}))
	return link["consent"]


def call(method, **arguments):
	from bank_api import migdal

	return getattr(migdal, method)(**arguments)


def message(response):
	return json.loads(response.get_data())["message"]


def loan_of(connected):
	return message(call("get_loans", item_id=connected))["resources"][0]["resourceId"]


def test_a_link(consents, client, link):
	assert set(link) == {"link", "redirect_url", "request", "consent", "expires_at"}
	assert call("get_migdal_item_id", request=link["request"])["status"] == "Pending"


def test_the_manner_of_bridge(consents):
	"""A client that knows one module knows the other."""
	from inspect import signature

	from bank_api import bridge, migdal

	for name in (
		"get_bank_accounts",
		"get_bank_transactions",
		"get_bank_transactions_by_account",
		"post_item_refresh",
	):
		assert (
			signature(getattr(bridge, name)).parameters.keys()
			== signature(getattr(migdal, name)).parameters.keys()
		)
	known = set(signature(bridge.get_bridge_connect_link).parameters)
	assert known <= set(signature(migdal.get_migdal_consent_link).parameters)


def test_how_a_consent_stands(consents, client, connected):
	answers = [
		call("get_migdal_consent_status", **{name: value})
		for name, value in (("consent", connected), ("item_id", connected))
	]
	assert answers[0] == answers[1]
	token_expires_at = answers[0].pop("token_expires_at")
	request = answers[0].pop("request")
	assert token_expires_at.endswith("Z") and len(request) == 32
	assert answers[0] == {
		"consent": connected,
		"item_id": connected,
		"state": "Active",
		"status": "valid",
		"kind": "Bank Offered",
		"company": "520004896",
		"references": ["1000056782"],
		"recurring": True,
		"frequency_per_day": 4,
		"valid_until": consents.sandbox.consent(connected)["valid_until"],
		"advice": None,
	}
	assert call("get_migdal_consent_status", request=request)["consent"] == connected


def test_the_consents_resource(consents, client, connected):
	assert message(call("get_migdal_consent_details", consent=connected))["consentStatus"] == "valid"


def test_status_asks_the_provider(consents, client, connected):
	consents.sandbox.change(connected, status="suspendedByASPSP")
	assert call("get_migdal_consent_status", consent=connected)["state"] == "Suspended"


def test_a_renewal_gives_no_token_away(consents, client, connected):
	before = consents.sandbox.consent(connected)
	answer = call("post_token_renewal", consent=connected)
	after = consents.sandbox.consent(connected)
	assert before["access"] != after["access"]
	text = json.dumps(answer)
	assert not [name for name in ("access", "refresh") if after[name] in text]


def test_loans(consents, client, connected):
	loans = message(call("get_loans", item_id=connected))
	assert [loan["other"]["identification"] for loan in loans["resources"]] == ["1000056782"]
	assert message(call("get_bank_accounts", item_id=connected))["resources"] == loans["resources"]
	assert message(call("get_card_accounts", item_id=connected))["resources"] == []
	assert message(call("get_loans", user="jane"))["resources"] == loans["resources"]
	assert message(call("get_loans"))["resources"] == loans["resources"]
	loan = loans["resources"][0]
	for identifier in (loan["resourceId"], loans["stable_ids"][0]):
		assert message(call("get_single_loan", account_id=identifier)) == loan


def test_balances_byte_for_byte(consents, client, connected):
	response = call("get_loan_balances", account_id=loan_of(connected))
	assert b'"amount":"-41250.730"' in response.get_data()
	assert message(response)["resources"][0]["balanceType"] == "closingBooked"
	assert message(response)["status"] == "Open" and message(response)["as_of"]


def test_transactions(consents, client, connected):
	loan = loan_of(connected)
	for method, arguments in (
		("get_loan_transactions", {"account_id": loan}),
		("get_bank_transactions_by_account", {"account_id": loan}),
		("get_bank_transactions", {"item_id": connected}),
		("get_bank_transactions", {}),
	):
		found = message(call(method, **arguments))
		assert {row["id"] for row in found["resources"]} == {"t0", "t1", "t2"}, method
		again = message(call(method, **arguments, cursor=found["cursor"]))
		assert again["resources"] == []


def test_a_refresh_is_a_sync(consents, client, connected):
	answer = call("post_item_refresh", item_id=connected)
	assert (answer["status"], answer["bank_refresh"]) == ("syncing", "not_offered")


def test_withdrawing(consents, client, connected):
	from bank_api.gateway.errors import UnknownObject

	assert call("delete_migdal_consent", item_id=connected)["status"] == "Deleted"
	for method in ("get_loans", "post_item_refresh", "get_migdal_consent_details"):
		with pytest.raises(UnknownObject):
			call(method, item_id=connected)


def test_each_module_answers_resources_of_its_own_kind(consents, client, connected):
	from bank_api import bridge

	assert message(bridge.get_bank_accounts())["resources"] == []
	assert message(bridge.get_bank_transactions())["resources"] == []


def test_no_identifier_at_all(consents, client):
	from bank_api.gateway.errors import BadArgument

	for method in (
		"get_migdal_consent_status",
		"get_migdal_consent_details",
		"get_consent_authorisations",
		"post_token_renewal",
	):
		with pytest.raises(BadArgument):
			call(method)


def test_identifiers_that_contradict_each_other(consents, client, connected):
	from bank_api.gateway.errors import UnknownObject

	other = call("get_migdal_consent_link", bank="512237744", user="joe")
	with pytest.raises(UnknownObject):
		call("get_migdal_consent_status", consent=connected, request=other["request"])
	with pytest.raises(UnknownObject):
		call("get_migdal_consent_status", consent=connected, user="joe")


def test_another_clients_consent_is_unknown(consents, client, connected):
	from bank_api.gateway.errors import UnknownObject

	request = consents.frappe.db.get_value(CONSENT, {"provider_consent_id": connected}, "request")
	loan = loan_of(connected)
	consents.sign_in(consents.client())
	named = (
		[("get_migdal_consent_status", {name: connected}) for name in ("consent", "item_id")]
		+ [("get_migdal_consent_status", {"request": request}), ("get_migdal_item_id", {"request": request})]
		+ [
			("get_migdal_consent_details", {"consent": connected}),
			("get_consent_authorisations", {"consent": connected}),
		]
		+ [("post_token_renewal", {"consent": connected}), ("delete_migdal_consent", {"consent": connected})]
		+ [
			("post_consent_authorisation", {"consent": connected}),
			("post_item_refresh", {"item_id": connected}),
		]
		+ [("get_migdal_consent_link", {"item_id": connected, "bank": "520004896"})]
		+ [(name, {"item_id": connected}) for name in ("get_loans", "get_bank_accounts", "get_card_accounts")]
		+ [
			(name, {"account_id": loan})
			for name in ("get_single_loan", "get_loan_balances", "get_loan_transactions")
		]
		+ [
			("get_bank_transactions_by_account", {"account_id": loan}),
			("get_bank_transactions", {"item_id": connected}),
		]
	)
	for method, arguments in named:
		with pytest.raises(UnknownObject):
			call(method, **arguments)
	assert consents.sandbox.consent(connected)["status"] == "valid"


def test_the_identity_number_in_an_address_is_refused(consents, client):
	from werkzeug.test import EnvironBuilder
	from werkzeug.wrappers import Request

	consents.frappe.local.request = Request(EnvironBuilder(query_string="psu_id=999888777").get_environ())
	answer = call("get_migdal_consent_link", bank="520004896", psu_id="999888777")
	assert answer.status_code == 417
	assert b"999888777" not in answer.get_data()
	assert not consents.sandbox.calls("create_consent")
