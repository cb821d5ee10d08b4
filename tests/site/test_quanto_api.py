"""The public API for Quanto: arguments, shapes, copies of what is read on demand, and what belongs to whom."""

import json
from datetime import timedelta
from inspect import signature

import pytest

CONSENT = "Bank API Consent"
ITEM = "Bank API Item"
RESOURCE = "Bank API Resource"
CPF = "11144477735"


@pytest.fixture
def client(visits):
	return visits.sign_in(visits.client())


@pytest.fixture
def link(visits, client):
	return call("get_quanto_session_link", user="jane", document=CPF)


@pytest.fixture
def connected(visits, client, link):
	"""The id of a consent whose account is here."""
	from bank_api.gateway import connect, sync_job

	consent_id = visits.sandbox.grant(link["session"])
	assert connect.finish(visits.sandbox.finish(link["session"])).status == "completed"
	sync_job.run(visits.frappe.db.get_value(ITEM, {"item_id": consent_id}))
	return consent_id


def call(method, **arguments):
	from bank_api import quanto

	return getattr(quanto, method)(**arguments)


def message(response):
	return json.loads(response.get_data())["message"]


def account_of(connected):
	found = message(call("get_bank_accounts", item_id=connected))
	return found["resources"][0]["accountId"], found["stable_ids"][0]


def card(visits, connected):
	"""Let the account be a card; its id."""
	return change_kind(visits, connected, "card", {})


def change_kind(visits, connected, kind, payload):
	account_id, stable_id = account_of(connected)
	visits.frappe.db.set_value(
		"Bank API Account",
		stable_id,
		{"account_type": kind, "payload": json.dumps({"id": account_id} | payload)},
	)
	visits.frappe.db.commit()
	return account_id


def asked(visits):
	return [one["path"] for one in visits.sandbox.calls("body")]


def test_the_manner_of_bridge(visits):
	"""A client that knows one module knows the other."""
	from bank_api import bridge, quanto

	for name in (
		"get_bank_accounts",
		"get_bank_transactions",
		"get_bank_transactions_by_account",
		"post_item_refresh",
	):
		assert (
			signature(getattr(bridge, name)).parameters.keys()
			== signature(getattr(quanto, name)).parameters.keys()
		)
	known = set(signature(bridge.get_bridge_connect_link).parameters)
	assert known <= set(signature(quanto.get_quanto_session_link).parameters)


def test_a_visit(visits, client, link, connected):
	for arguments in ({"request": link["request"]}, {"session": link["session"]}, {**link}):
		named = {name: value for name, value in arguments.items() if name in ("request", "session")}
		answer = call("get_quanto_session", **named)
		assert (answer["request"], answer["status"]) == (link["request"], "Completed")
		assert [one["consent"] for one in answer["consents"]] == [connected]


def test_asking_reads_an_open_visit(visits, client, link):
	assert call("get_quanto_session", request=link["request"])["status"] == "Pending"
	consent_id = visits.sandbox.grant(link["session"], "bank-b")
	answer = call("get_quanto_session", session=link["session"])
	assert (answer["status"], answer["session_status"]) == ("Pending", "IN_PROGRESS")
	(consent,) = answer["consents"]
	assert (consent["consent"], consent["state"], consent["bank"]) == (consent_id, "Active", "Banco Beta")


def test_a_visit_that_contradicts_itself(visits, client, link):
	from bank_api.gateway.errors import BadArgument, UnknownObject

	other = call("get_quanto_session_link", user="joe", document=CPF)
	for arguments in (
		{"request": link["request"], "session": other["session"]},
		{"request": link["request"], "user": "joe"},
		{"request": link["request"], "provider": "Quanto of Nobody"},
		{"session": "0" * 32},
		{"request": "0" * 32},
	):
		with pytest.raises(UnknownObject):
			call("get_quanto_session", **arguments)
	with pytest.raises(BadArgument):
		call("get_quanto_session")


def test_how_a_consent_stands(visits, client, link, connected):
	answers = [call("get_quanto_consent", **{name: connected}) for name in ("consent", "item_id")]
	for name in ("last_access_at", "granted_at", "expires_at"):
		assert all(answer.pop(name) for answer in answers)
	assert answers[0] == answers[1]
	assert answers[0].pop("permissions")[-1:] != []
	assert answers[0] == {
		"consent": connected,
		"request": link["request"],
		"item_id": connected,
		"user": "jane",
		"provider": visits.provider,
		"state": "Active",
		"status": "AUTHORISED",
		"bank": "Banco Alfa",
		"bank_id": "bank-a",
		"purpose": "Accounting",
		"approval": "Single",
		"ended_at": None,
		"ended_by": None,
		"end_reason": None,
	}
	assert message(call("get_quanto_consent_details", consent=connected))["data"]["consentId"] == connected


def test_the_provider_is_asked_how_it_stands(visits, client, connected):
	visits.sandbox.reject(connected)
	answer = call("get_quanto_consent", consent=connected)
	assert (answer["state"], answer["ended_by"], answer["end_reason"]) == ("Ended", "End User", "Revoked")


def test_the_list_of_consents(visits, client, connected):
	from bank_api.gateway.errors import BadArgument, UnknownObject

	call("delete_quanto_consent", consent=connected)
	fresh = call("get_quanto_session_link", user="jane", document=CPF)
	second = visits.sandbox.grant(fresh["session"])
	call("get_quanto_session", request=fresh["request"])

	def listed(**arguments):
		return [one["consent"] for one in call("get_quanto_consents", **arguments)["consents"]]

	assert listed() == listed(user="jane") == listed(provider=visits.provider) == [second, connected]
	assert listed(state="Active") == [second] and listed(state="Ended") == [connected]
	for arguments in ({"user": "joe"}, {"provider": "Nobody"}):
		with pytest.raises(UnknownObject):
			listed(**arguments)
	with pytest.raises(BadArgument):
		listed(state="on")


def test_groups(visits, client):
	groups = call("get_permission_groups")["groups"]
	assert {"key", "category", "label", "permissions"} == set(groups[0])
	assert "account_balances" in [group["key"] for group in groups]


def test_accounts_and_transactions(visits, client, connected):
	account_id, stable_id = account_of(connected)
	for identifier in (account_id, stable_id):
		assert message(call("get_single_account", account_id=identifier))["accountId"] == account_id
		assert message(call("get_bank_transactions_by_account", account_id=identifier))["resources"]
	assert message(call("get_bank_transactions", user="jane"))["resources"]
	assert message(call("get_credit_cards", item_id=connected))["resources"] == []


@pytest.mark.parametrize(
	"method, kind, api",
	[
		("get_loans", "EMPRESTIMOS", "loans"),
		("get_financings", "FINANCIAMENTOS_RURAIS", "financings"),
		("get_invoice_financings", "DIREITOS_CREDITORIOS_DESCONTADOS", "invoice-financings"),
		("get_overdrafts", "ADIANTAMENTO_A_DEPOSITANTES", "unarranged-accounts-overdraft"),
	],
)
def test_contracts_by_their_api(visits, client, connected, method, kind, api):
	contract = change_kind(visits, connected, "loan", {"productType": kind})
	for name in ("get_loans", "get_financings", "get_invoice_financings", "get_overdrafts"):
		assert len(message(call(name, item_id=connected))["resources"]) == (name == method)
	call("get_contract", account_id=contract)
	call("get_contract_warranties", account_id=contract, page=2, page_size=50)
	call("get_contract_instalments", account_id=contract)
	call("get_contract_payments", account_id=contract)
	one = f"{api}/contracts/{contract}"
	assert asked(visits) == [one, f"{one}/warranties", f"{one}/scheduled-instalments", f"{one}/payments"]
	assert visits.sandbox.calls("body")[1]["query"] == {"page": "2", "page-size": "50"}


def test_a_card(visits, client, connected):
	card_id = card(visits, connected)
	call("get_credit_card_limits", account_id=card_id)
	call("get_credit_card_bills", account_id=card_id, from_date="2026-01-01", to_date="2026-06-30")
	call("get_credit_card_bill_transactions", account_id=card_id, bill_id="bill-1")
	one = f"credit-cards-accounts/accounts/{card_id}"
	assert asked(visits) == [f"{one}/limits", f"{one}/bills", f"{one}/bills/bill-1/transactions"]
	assert visits.sandbox.calls("body")[1]["query"] == {
		"fromDueDate": "2026-01-01",
		"toDueDate": "2026-06-30",
	}
	assert message(call("get_credit_card_transactions", account_id=card_id))["resources"]
	assert len(message(call("get_credit_cards"))["resources"]) == 1


@pytest.mark.parametrize("who", ["personal", "business"])
def test_registration_data(visits, client, connected, who):
	for method, path in (
		(f"get_{who}_identification", "identifications"),
		(f"get_{who}_qualification", "qualifications"),
		(f"get_{who}_financial_relations", "financial-relations"),
	):
		call(method, item_id=connected)
		assert asked(visits)[-1] == f"customers/{who}/{path}"


def test_resources_and_extensions_are_read_anew(visits, client, connected):
	for method, path in (("get_resources", "resources"), ("get_quanto_consent_extensions", "extensions")):
		numbers = [message(call(method, consent=connected))["body"]["number"] for _ in range(2)]
		assert numbers[1] == numbers[0] + 1 and asked(visits)[-1] == path
	kept = message(call("get_resources", item_id=connected, max_age=60))["body"]["number"]
	assert kept == message(call("get_resources", item_id=connected, max_age=60))["body"]["number"]


def test_who_extended_a_consent_is_handed_on_and_kept_nowhere(db, visits, client, connected):
	call("get_quanto_consent_extensions", consent=connected)
	assert asked(visits)[-1] == "extensions"
	assert not db.db.exists("Bank API Resource", {"path": ("like", "extensions%")})


@pytest.mark.parametrize(
	"method, arguments",
	[
		("get_credit_card_bills", {"from_date": "yesterday"}),
		("get_credit_card_bill_transactions", {"bill_id": "../../consents"}),
		("get_credit_card_limits", {"max_age": "-1"}),
		("get_credit_card_limits", {"max_age": "soon"}),
	],
)
def test_bad_arguments_ask_nobody(visits, client, connected, method, arguments):
	from bank_api.gateway.errors import BadArgument

	with pytest.raises(BadArgument):
		call(method, account_id=card(visits, connected), **arguments)
	assert not asked(visits)


def test_each_kind_has_its_own_methods(visits, client, connected):
	from bank_api.gateway.errors import UnknownObject

	account_id, _ = account_of(connected)
	for method in ("get_credit_card_limits", "get_contract", "get_credit_card_transactions"):
		with pytest.raises(UnknownObject):
			call(method, account_id=account_id)
	card(visits, connected)
	with pytest.raises(UnknownObject):
		call("get_account_balances", account_id=account_id)


class TestCopies:
	"""What is read on demand, kept."""

	def balances(self, connected, **arguments):
		return message(call("get_account_balances", account_id=account_of(connected)[0], **arguments))

	def age(self, visits, hours):
		from bank_api.gateway.clock import site_now

		visits.frappe.db.sql(
			"update `tabBank API Resource` set fetched_at = %s", (site_now() - timedelta(hours=hours),)
		)
		visits.frappe.db.commit()

	def test_as_received_and_kept(self, visits, client, connected):
		response = call("get_account_balances", account_id=account_of(connected)[0])
		assert b'"body":{"data":{"amount":"10.50"},"number":1}}' in response.get_data()
		first = message(response)
		assert (first["complete"], first["stale"]) == (True, False) and first["as_of"].endswith("Z")
		assert self.balances(connected) == first
		(row,) = visits.frappe.get_all(
			RESOURCE, {"client": client.name}, ["path", "item", "provider", "status"]
		)
		assert row.path == f"accounts/accounts/{account_of(connected)[0]}/balances"
		assert (row.provider, row.status) == (visits.provider, "Complete")

	def test_a_day_old_is_too_old_unless_the_caller_says_otherwise(self, visits, client, connected):
		self.balances(connected)
		self.age(visits, 60)
		assert self.balances(connected, max_age=400_000)["body"]["number"] == 1
		assert self.balances(connected)["body"]["number"] == 2
		assert self.balances(connected, max_age=0)["body"]["number"] == 3
		assert visits.frappe.db.count(RESOURCE, {"client": client.name}) == 1

	def test_a_copy_serves_while_the_month_is_used_up(self, visits, client, connected):
		first = self.balances(connected)
		self.age(visits, 60)
		path = f"accounts/accounts/{account_of(connected)[0]}/balances"
		visits.sandbox.put("used_up", [path])
		again = self.balances(connected)
		assert (again["stale"], again["retry_after"], again["body"]) == (True, 86_400, first["body"])
		assert again["as_of"] < first["as_of"]

	def test_without_a_copy_the_limit_is_said(self, visits, client, connected):
		from bank_api.gateway.errors import Throttled

		path = f"accounts/accounts/{account_of(connected)[0]}/balances"
		visits.sandbox.put("used_up", [path])
		with pytest.raises(Throttled) as refused:
			self.balances(connected)
		assert refused.value.retry_after == 86_400

	def test_a_copy_serves_while_the_provider_is_down(self, visits, client, connected):
		first = self.balances(connected)
		visits.sandbox.put("down", ["body"])
		assert self.balances(connected, max_age=0) == first | {"stale": True}

	def test_what_is_being_prepared_is_asked_for_again(self, visits, client, connected):
		visits.sandbox.put("incomplete", 1)
		assert self.balances(connected)["complete"] is False
		visits.sandbox.put("incomplete", 0)
		assert self.balances(connected)["complete"] is True

	def test_other_parameters_are_another_copy(self, visits, client, connected):
		card_id = card(visits, connected)
		numbers = [
			message(call("get_credit_card_bills", account_id=card_id, page=page))["body"]["number"]
			for page in (1, 2, 1)
		]
		assert numbers[0] == numbers[2] != numbers[1]

	def test_a_consent_that_has_ended_gives_nothing_new(self, visits, client, connected):
		from bank_api.gateway.errors import ConsentNeeded, UnknownObject

		account_id, _ = account_of(connected)
		visits.sandbox.reject(connected, by="Bank", why="Expired")
		with pytest.raises(ConsentNeeded):
			call("get_account_balances", account_id=account_id)
		assert visits.frappe.db.get_value(CONSENT, {"provider_consent_id": connected}, "state") == "Ended"
		call("delete_quanto_consent", consent=connected)
		with pytest.raises(UnknownObject):
			call("get_account_balances", account_id=account_id)

	def test_copies_go_with_the_item(self, visits, client, connected):
		from bank_api.gateway import purge

		self.balances(connected)
		item = visits.frappe.db.get_value(ITEM, {"item_id": connected})
		call("delete_quanto_consent", consent=connected)
		purge.item(item)
		assert not visits.frappe.get_all(RESOURCE, {"item": item})

	def test_copies_go_with_old_payloads(self, visits, client, connected):
		from bank_api.gateway import retention

		self.balances(connected)
		visits.frappe.db.set_value("Bank API Provider", visits.provider, "payload_retention_days", 30)
		assert retention.drop_resources(visits.provider) == 0
		self.age(visits, 31 * 24)
		assert retention.drop_resources(visits.provider) == 1

	def test_nothing_is_kept_of_an_item_that_is_deleted_meanwhile(self, visits, client, connected):
		from bank_api.gateway import bodies, items, session_data

		found = session_data.item_of(client, "quanto", connected, None)
		items.mark_deleted(found.name, at_once=True)
		visits.frappe.db.commit()
		from bank_api.connectors.model import Body

		bodies._keep(found, "resources", Body("{}"))
		assert not visits.frappe.get_all(RESOURCE, {"item": found.name})

	def test_an_older_answer_does_not_replace_a_newer_one(self, visits, client, connected):
		from bank_api.connectors.model import Body
		from bank_api.gateway import bodies, session_data

		self.balances(connected)
		self.age(visits, -1)
		found = session_data.item_of(client, "quanto", connected, None)
		(row,) = visits.frappe.get_all(RESOURCE, {"client": client.name}, ["name", "path", "payload"])
		bodies._keep(found, row.path, Body('{"older":true}'))
		assert visits.frappe.db.get_value(RESOURCE, row.name, "payload") == row.payload


def test_each_module_answers_resources_of_its_own_kind(visits, client, connected):
	from bank_api import bridge, migdal
	from bank_api.gateway.errors import UnknownObject

	assert message(bridge.get_bank_accounts())["resources"] == []
	assert message(migdal.get_bank_transactions())["resources"] == []
	visits.frappe.db.set_value("Bank API Provider", visits.provider, "connector", "bridge")
	account_id = visits.frappe.db.get_value(
		"Bank API Account", {"client": client.name}, "provider_account_id"
	)
	try:
		for method, arguments in (
			("get_quanto_consent", {"consent": connected}),
			("get_resources", {"item_id": connected}),
			("get_account_balances", {"account_id": account_id}),
		):
			with pytest.raises(UnknownObject):
				call(method, **arguments)
		assert call("get_quanto_consents")["consents"] == []
	finally:
		visits.frappe.db.rollback()


def test_another_clients_is_unknown(visits, client, link, connected):
	"""Over HTTP and byte for byte: test_tenancy. Here, that nothing is asked and nothing changed."""
	from bank_api.gateway.errors import UnknownObject

	account_id, stable_id = account_of(connected)
	visits.sign_in(visits.client())
	visits.sandbox.forget_calls()
	named = [
		("get_quanto_session", {"request": link["request"]}),
		("get_quanto_session", {"session": link["session"]}),
		("get_quanto_consents", {"user": "jane"}),
		("get_quanto_session_link", {"item_id": connected, "document": CPF}),
		("post_item_refresh", {"item_id": connected}),
		("get_single_account", {"account_id": stable_id}),
		("get_bank_accounts", {"item_id": connected}),
		("get_bank_transactions_by_account", {"account_id": account_id}),
		("get_bank_transactions", {"item_id": connected}),
		("get_account_balances", {"account_id": account_id}),
		("get_account_overdraft_limits", {"account_id": stable_id}),
	]
	for name in ("consent", "item_id"):
		named += [
			(method, {name: connected})
			for method in (
				"get_quanto_consent",
				"get_quanto_consent_details",
				"get_quanto_consent_extensions",
				"delete_quanto_consent",
				"get_resources",
				"get_personal_identification",
				"get_business_financial_relations",
			)
		]
		browser = {"psu_ip_address": "203.0.113.7", "psu_user_agent": "Firefox"}
		named.append(("extend_quanto_consent", {name: connected, "document": CPF} | browser))
	for method, arguments in named:
		with pytest.raises(UnknownObject):
			call(method, **arguments)
	assert visits.sandbox.consent(connected)["status"] == "AUTHORISED"
	for name in ("session", "consent", "body", "extend_consent", "delete_consent", "start_session"):
		assert not visits.sandbox.calls(name)
