"""What belongs to another client answers exactly as what does not exist: over HTTP, for every method and identifier."""

import json
from inspect import signature
from pathlib import Path
from urllib.parse import urlencode

import pytest

from dev.web import Caller

# Headers that differ between any two answers.
VOLATILE = {"date", "server", "set-cookie", "x-frappe-request-id", "connection"}

UNKNOWN = {
	"item_id": 9_876_543_210,
	"account_id": 9_876_543_210,
	"stable_id": "0123456789abcdef012345",
	"request": "0123456789abcdef0123456789abcdef",
	"user": "nobody@nowhere.example",
	"site": "nowhere.example",
	"provider": "Bridge of Nobody",
	"cursor": "AAYAAAAAAAAAAAAA",
}

# What each method takes to work at all, by the caller's own identifiers.
METHODS = {
	"get_bridge_connect_link": ("user",),
	"get_bridge_edit_link": ("item_id", "user"),
	"get_sca_authentication_link": ("item_id", "user"),
	"get_pro_confirmation_link": ("item_id", "user"),
	"get_bridge_item_id": ("request",),
	"get_bridge_item_details": ("item_id",),
	"delete_bridge_item_id": ("item_id", "user"),
	"post_item_refresh": ("item_id", "user"),
	"get_bank_accounts": ("item_id", "user"),
	"get_single_bank": ("bank_id",),
	"get_bank_transactions_by_account": ("account_id", "user"),
	"get_bank_transactions": ("item_id", "user"),
	"get_category": ("category_id",),
}
IDENTIFIERS = ("item_id", "account_id", "request", "user", "site", "provider", "cursor")


def parameters(method):
	from bank_api import bridge

	return set(signature(getattr(bridge, method)).parameters)


def cases():
	for method in METHODS:
		for identifier in IDENTIFIERS:
			if identifier not in parameters(method):
				continue
			if identifier == "user" and method == "get_bridge_connect_link":
				continue  # any name is the client's own to give: see the test of its own below
			yield method, identifier


def own_arguments(client, method):
	known = {"bank_id": 574, "category_id": 83} | {name: getattr(client, name, None) for name in UNKNOWN}
	return {name: known[name] for name in METHODS[method]}


def call(stack, client, method, arguments, verb="POST"):
	caller = Caller(stack.url, client.api.caller.headers)
	path = f"/api/method/bank_api.bridge.{method}"
	if verb == "GET":
		return caller.call("GET", path, query=arguments)
	return caller.call("POST", path, arguments)


def seen(answer):
	"""All of an answer that a caller could tell apart."""
	headers = {name.lower(): value for name, value in answer.headers.items() if name.lower() not in VOLATILE}
	return answer.status, answer.text, headers


def test_every_method_is_covered():
	from bank_api import bridge

	public = {name for name, value in vars(bridge).items() if name.startswith(("get_", "post_", "delete_"))}
	assert public == set(METHODS)


@pytest.mark.parametrize("verb", ["POST", "GET"])
@pytest.mark.parametrize("method, identifier", cases())
def test_foreign_is_unknown(stack, two_clients, method, identifier, verb):
	ours, theirs = two_clients
	own = own_arguments(ours, method)
	foreign = call(stack, ours, method, own | {identifier: getattr(theirs, identifier)}, verb)
	unknown = call(stack, ours, method, own | {identifier: UNKNOWN[identifier]}, verb)
	assert seen(foreign) == seen(unknown)
	assert foreign.status in (404, 417)
	assert str(getattr(theirs, identifier)) not in foreign.text
	assert json.loads(foreign.text)["exc_type"] in ("UnknownObject", "BadArgument")


@pytest.mark.parametrize("method", [name for name, needed in METHODS.items() if "account_id" in needed])
def test_a_foreign_stable_id_is_unknown(stack, two_clients, method):
	ours, theirs = two_clients
	answers = [
		call(stack, ours, method, {"account_id": account})
		for account in (theirs.stable_id, UNKNOWN["stable_id"])
	]
	assert seen(answers[0]) == seen(answers[1])
	assert answers[0].status == 404


def test_all_identifiers_of_another_client_at_once(stack, two_clients):
	ours, theirs = two_clients
	for method in METHODS:
		arguments = {name: getattr(theirs, name) for name in IDENTIFIERS if name in parameters(method)}
		unknown = {name: UNKNOWN[name] for name in arguments}
		assert seen(call(stack, ours, method, arguments)) == seen(call(stack, ours, method, unknown))


def test_the_same_name_of_an_end_user_is_somebody_else(stack, two_clients):
	"""A client may give any name to its end users; another client's user of that name is not touched."""
	ours, theirs = two_clients
	link = ours.api.call("get_bridge_connect_link", user=theirs.user)
	assert theirs.api.answer("get_bridge_item_id", request=link["request"]).status == 404
	answer = ours.api.answer("get_bank_accounts", user=theirs.user)
	assert answer.json()["message"]["resources"] == []


def test_without_identifiers_a_client_sees_its_own_and_nothing_else(stack, two_clients):
	for ours, theirs in (two_clients, two_clients[::-1]):
		for method in ("get_bank_accounts", "get_bank_transactions"):
			text = ours.api.answer(method).text
			assert str(ours.account_id) in text
			assert str(theirs.account_id) not in text and theirs.stable_id not in text


def test_afterwards_nothing_of_the_other_client_has_changed(stack, two_clients):
	for client in two_clients:
		assert client.api.call("get_bridge_item_details", item_id=client.item_id)["id"] == client.item_id
		assert client.api.call("get_bridge_item_id", request=client.request)["status"] == "Completed"


NAMED_DOORS = (
	"/api/resource/{doctype}/{name}",
	"/api/method/frappe.client.get?doctype={doctype}&name={name}",
	"/api/method/frappe.client.get_value?doctype={doctype}&fieldname=name&filters={name}",
	"/api/method/frappe.client.get_list?doctype={doctype}&filters=[[%22name%22,%22=%22,%22{name}%22]]",
	"/api/method/frappe.client.get_count?doctype={doctype}&filters=[[%22name%22,%22=%22,%22{name}%22]]",
	"/api/method/frappe.client.validate_link?doctype={doctype}&docname={name}",
	"/api/method/frappe.desk.form.load.getdoc?doctype={doctype}&name={name}",
	"/api/method/frappe.desk.reportview.get?doctype={doctype}&fields=[%22name%22]&filters=[[%22name%22,%22=%22,%22{name}%22]]",
	"/api/method/frappe.desk.reportview.get_count?doctype={doctype}&filters=[[%22name%22,%22=%22,%22{name}%22]]",
	"/api/method/frappe.desk.search.search_link?doctype={doctype}&txt={name}",
	"/api/method/frappe.utils.print_format.download_pdf?doctype={doctype}&name={name}",
	"/api/method/run_doc_method?dt={doctype}&dn={name}&method=as_dict",
	"/?cmd=frappe.client.get&doctype={doctype}&name={name}",
)
DOCTYPES = ("Bank API Client", "Bank API Provider")


@pytest.mark.parametrize("doctype", DOCTYPES)
@pytest.mark.parametrize("door", NAMED_DOORS)
def test_the_frameworks_own_doors(stack, two_clients, door, doctype):
	"""The names of these two are guessable; those of all other rows are random (see test_permissions)."""
	ours, theirs = two_clients
	foreign, unknown = {
		"Bank API Client": (theirs.site, UNKNOWN["site"]),
		"Bank API Provider": (theirs.provider, UNKNOWN["provider"]),
	}[doctype]
	caller = Caller(stack.url, ours.api.caller.headers)
	for verb in ("GET", "POST"):
		answers = [
			caller.call(
				verb,
				door.format(doctype=doctype, name=name).replace(" ", "%20"),
				{} if verb == "POST" else None,
			)
			for name in (foreign, unknown)
		]
		assert seen(answers[0]) == seen(answers[1])
		assert answers[0].status >= 400
		assert theirs.provider not in answers[0].text


def test_our_own_path_with_another_method_inside(stack, two_clients):
	"""Older frameworks follow `cmd` rather than the path."""
	ours, theirs = two_clients
	caller = Caller(stack.url, ours.api.caller.headers)
	path = "/api/method/bank_api.bridge.get_category?cmd=frappe.client.get&doctype=Bank%20API%20Client&name="
	answers = [caller.call("GET", path + site) for site in (theirs.site, UNKNOWN["site"])]
	assert seen(answers[0]) == seen(answers[1])
	assert answers[0].status == 403


@pytest.mark.parametrize(
	"path", ["/app/bank-api-client/{0}", "/app", "/desk", "/printview?doctype=Bank%20API%20Client&name={0}"]
)
def test_the_desk_is_closed(stack, two_clients, path):
	ours, theirs = two_clients
	caller = Caller(stack.url, ours.api.caller.headers)
	answers = [caller.call("GET", path.format(site)) for site in (theirs.site, UNKNOWN["site"])]
	assert [answer.status for answer in answers] == [403, 403]
	assert answers[0].text == answers[1].text


# --- bank_api.migdal: the same, with a consent of each client written straight into the database

MIGDAL_METHODS = {
	"get_migdal_consent_link": ("item_id",),
	"post_consent_authorisation": ("consent",),
	"get_migdal_item_id": ("request",),
	"get_migdal_consent_status": ("consent",),
	"get_migdal_consent_details": ("consent",),
	"get_consent_authorisations": ("consent",),
	"delete_migdal_consent": ("consent",),
	"post_token_renewal": ("consent",),
	"post_item_refresh": ("item_id",),
	"get_loans": ("item_id",),
	"get_single_loan": ("account_id",),
	"get_loan_balances": ("account_id",),
	"get_loan_transactions": ("account_id",),
	"get_bank_accounts": ("item_id",),
	"get_card_accounts": ("item_id",),
	"get_bank_transactions_by_account": ("account_id",),
	"get_bank_transactions": ("item_id",),
}
MIGDAL_UNKNOWN = {
	"consent": "00000000-0000-4000-8000-000000000000",
	"item_id": "00000000-0000-4000-8000-000000000000",
	"account_id": "no-such-loan",
	"stable_id": UNKNOWN["stable_id"],
	"request": UNKNOWN["request"],
	"user": UNKNOWN["user"],
	"site": UNKNOWN["site"],
	"provider": "Migdal of Nobody",
	"cursor": UNKNOWN["cursor"],
}
MIGDAL_SEED = Path(__file__).with_name("seed_consents.py")


@pytest.fixture(scope="module")
def two_consents(stack, two_clients, tmp_path_factory):
	"""For each of the two clients: the identifiers of a consent with a synced loan, a provider of its own."""
	sites = [client.site for client in two_clients]
	log = tmp_path_factory.mktemp("seed") / "seeded.json"
	stack.bench.run(str(MIGDAL_SEED), stack.site, str(log), *sites)
	return json.loads(log.read_text())


def migdal_cases():
	from bank_api import migdal

	for method in MIGDAL_METHODS:
		taken = set(signature(getattr(migdal, method)).parameters)
		for identifier in (
			"consent",
			"item_id",
			"account_id",
			"request",
			"user",
			"site",
			"provider",
			"cursor",
		):
			if identifier in taken and not (identifier == "user" and method == "get_migdal_consent_link"):
				yield method, identifier


def call_migdal(stack, client, method, arguments, verb="POST"):
	caller = Caller(stack.url, client.api.caller.headers)
	path = f"/api/method/bank_api.migdal.{method}"
	if verb == "GET":
		return caller.call("GET", path, query=arguments)
	return caller.call("POST", path, arguments)


def test_every_method_of_migdal_is_covered():
	from bank_api import migdal

	public = {name for name, value in vars(migdal).items() if name.startswith(("get_", "post_", "delete_"))}
	assert public == set(MIGDAL_METHODS)


@pytest.mark.parametrize("verb", ["POST", "GET"])
@pytest.mark.parametrize("method, identifier", migdal_cases())
def test_a_foreign_consent_is_unknown(stack, two_clients, two_consents, method, identifier, verb):
	ours, theirs = two_consents
	own = {name: ours[name] for name in MIGDAL_METHODS[method]}
	answers = [
		call_migdal(stack, two_clients[0], method, own | {identifier: values[identifier]}, verb)
		for values in (theirs, MIGDAL_UNKNOWN)
	]
	assert seen(answers[0]) == seen(answers[1])
	assert answers[0].status in (404, 417)
	assert json.loads(answers[0].text)["exc_type"] in ("UnknownObject", "BadArgument")
	assert str(theirs[identifier]) not in answers[0].text


@pytest.mark.parametrize(
	"method", [name for name, needed in MIGDAL_METHODS.items() if "account_id" in needed]
)
def test_a_foreign_loans_stable_id_is_unknown(stack, two_clients, two_consents, method):
	answers = [
		call_migdal(stack, two_clients[0], method, {"account_id": values["stable_id"]})
		for values in (two_consents[1], MIGDAL_UNKNOWN)
	]
	assert seen(answers[0]) == seen(answers[1])
	assert answers[0].status == 404


def test_a_consents_owner_reads_it(stack, two_clients, two_consents):
	"""The comparison above would hold if nobody could read anything."""
	for client, own in zip(two_clients, two_consents, strict=True):
		details = call_migdal(stack, client, "get_migdal_consent_details", {"consent": own["consent"]})
		assert json.loads(details.text)["message"]["consentId"] == own["consent"]
		loan = call_migdal(stack, client, "get_single_loan", {"account_id": own["account_id"]})
		assert json.loads(loan.text)["message"]["resourceId"] == own["account_id"]


@pytest.mark.parametrize("door", NAMED_DOORS)
def test_the_frameworks_own_doors_to_a_consent(stack, two_clients, two_consents, door):
	caller = Caller(stack.url, two_clients[0].api.caller.headers)
	for verb in ("GET", "POST"):
		answers = [
			caller.call(
				verb,
				door.format(doctype="Bank%20API%20Consent", name=name),
				{} if verb == "POST" else None,
			)
			for name in (two_consents[1]["row"], UNKNOWN["stable_id"])
		]
		assert seen(answers[0]) == seen(answers[1])
		assert answers[0].status >= 400


def test_afterwards_both_consents_stand(stack, two_clients, two_consents):
	for client, own in zip(two_clients, two_consents, strict=True):
		answer = call_migdal(stack, client, "get_migdal_item_id", {"request": own["request"]})
		assert json.loads(answer.text)["message"]["status"] == "Completed"


# --- bank_api.quanto: the same, with a visit of each client written straight into the database

QUANTO_METHODS = {
	"get_quanto_session_link": ("item_id",),
	"get_quanto_session": ("request",),
	"get_quanto_consents": (),
	"get_quanto_consent": ("consent",),
	"get_quanto_consent_details": ("consent",),
	"extend_quanto_consent": ("consent",),
	"get_quanto_consent_extensions": ("consent",),
	"delete_quanto_consent": ("consent",),
	"get_permission_groups": (),
	"post_item_refresh": ("item_id",),
	"get_bank_accounts": ("item_id",),
	"get_credit_cards": ("item_id",),
	"get_loans": ("item_id",),
	"get_financings": ("item_id",),
	"get_invoice_financings": ("item_id",),
	"get_overdrafts": ("item_id",),
	"get_single_account": ("account_id",),
	"get_bank_transactions_by_account": ("account_id",),
	"get_credit_card_transactions": ("account_id",),
	"get_bank_transactions": ("item_id",),
	"get_account_balances": ("account_id",),
	"get_account_overdraft_limits": ("account_id",),
	"get_credit_card_limits": ("account_id",),
	"get_credit_card_bills": ("account_id",),
	"get_credit_card_bill_transactions": ("account_id",),
	"get_contract": ("account_id",),
	"get_contract_warranties": ("account_id",),
	"get_contract_instalments": ("account_id",),
	"get_contract_payments": ("account_id",),
	"get_personal_identification": ("item_id",),
	"get_personal_qualification": ("item_id",),
	"get_personal_financial_relations": ("item_id",),
	"get_business_identification": ("item_id",),
	"get_business_qualification": ("item_id",),
	"get_business_financial_relations": ("item_id",),
	"get_resources": ("item_id",),
}
QUANTO_UNKNOWN = {
	"consent": "urn:bank:0123456789ab",
	"item_id": "urn:bank:0123456789ab",
	"account_id": "no-such-account",
	"stable_id": UNKNOWN["stable_id"],
	"request": UNKNOWN["request"],
	"session": "00000000-0000-4000-8000-000000000000",
	"user": UNKNOWN["user"],
	"site": UNKNOWN["site"],
	"provider": "Quanto of Nobody",
	"cursor": UNKNOWN["cursor"],
}
QUANTO_FIXED = {
	"document": "11144477735",
	"purpose": "Accounting",
	"psu_ip_address": "203.0.113.7",
	"psu_user_agent": "Firefox",
	"bill_id": "bill-1",
}
QUANTO_SEED = Path(__file__).with_name("seed_visits.py")


@pytest.fixture(scope="module")
def two_visits(stack, two_clients, tmp_path_factory):
	"""For each of the two clients: the identifiers of a visit with a consent and an account, a provider of its own."""
	sites = [client.site for client in two_clients]
	log = tmp_path_factory.mktemp("seed") / "seeded.json"
	stack.bench.run(str(QUANTO_SEED), stack.site, str(log), *sites)
	return json.loads(log.read_text())


def quanto_parameters(method):
	from bank_api import quanto

	return set(signature(getattr(quanto, method)).parameters)


def quanto_cases():
	for method in QUANTO_METHODS:
		for identifier in QUANTO_UNKNOWN:
			if identifier in quanto_parameters(method) and not (
				identifier == "user" and method == "get_quanto_session_link"
			):
				yield method, identifier


def call_quanto(stack, client, method, arguments, verb="POST"):
	caller = Caller(stack.url, client.api.caller.headers)
	fixed = {name: value for name, value in QUANTO_FIXED.items() if name in quanto_parameters(method)}
	path = f"/api/method/bank_api.quanto.{method}"
	if verb == "GET":
		fixed.pop("document", None)
		return caller.call("GET", path, query=fixed | arguments)
	return caller.call("POST", path, fixed | arguments)


def test_every_method_of_quanto_is_covered():
	from bank_api import quanto

	public = {
		name
		for name, value in vars(quanto).items()
		if name.startswith(("get_", "post_", "delete_", "extend_"))
	}
	assert public == set(QUANTO_METHODS)


@pytest.mark.parametrize("verb", ["POST", "GET"])
@pytest.mark.parametrize("method, identifier", quanto_cases())
def test_a_foreign_visit_is_unknown(stack, two_clients, two_visits, method, identifier, verb):
	ours, theirs = two_visits
	own = {name: ours[name] for name in QUANTO_METHODS[method]}
	answers = [
		call_quanto(stack, two_clients[0], method, own | {identifier: values[identifier]}, verb)
		for values in (theirs, QUANTO_UNKNOWN)
	]
	assert seen(answers[0]) == seen(answers[1])
	assert answers[0].status in (404, 417)
	assert json.loads(answers[0].text)["exc_type"] in ("UnknownObject", "BadArgument")
	assert str(theirs[identifier]) not in answers[0].text and theirs["mark"] not in answers[0].text


@pytest.mark.parametrize(
	"method", [name for name, needed in QUANTO_METHODS.items() if "account_id" in needed]
)
def test_a_foreign_accounts_stable_id_is_unknown(stack, two_clients, two_visits, method):
	answers = [
		call_quanto(stack, two_clients[0], method, {"account_id": values["stable_id"]})
		for values in (two_visits[1], QUANTO_UNKNOWN)
	]
	assert seen(answers[0]) == seen(answers[1])
	assert answers[0].status == 404


@pytest.mark.parametrize("module", ["bridge", "migdal"])
def test_a_consent_of_a_visit_is_unknown_to_the_other_modules(stack, two_clients, two_visits, module):
	methods = {
		"bridge": {"get_bank_accounts": {}, "get_bank_transactions": {}},
		"migdal": {
			"get_migdal_consent_status": {"consent": two_visits[0]["consent"]},
			"post_token_renewal": {"consent": two_visits[0]["consent"]},
			"delete_migdal_consent": {"item_id": two_visits[0]["item_id"]},
		},
	}
	caller = Caller(stack.url, two_clients[0].api.caller.headers)
	for method, arguments in methods[module].items():
		answer = caller.call("POST", f"/api/method/bank_api.{module}.{method}", arguments)
		assert two_visits[0]["mark"] not in answer.text
		assert answer.status == (404 if arguments else 200)


def test_a_visits_owner_reads_it(stack, two_clients, two_visits):
	"""The comparison above would hold if nobody could read anything."""
	for client, own in zip(two_clients, two_visits, strict=True):
		visit = call_quanto(stack, client, "get_quanto_session", {"session": own["session"]})
		assert json.loads(visit.text)["message"]["consents"][0]["consent"] == own["consent"]
		details = call_quanto(stack, client, "get_quanto_consent_details", {"consent": own["consent"]})
		assert json.loads(details.text)["message"]["data"]["consentId"] == own["consent"]
		balances = call_quanto(stack, client, "get_account_balances", {"account_id": own["account_id"]})
		assert json.loads(balances.text)["message"]["body"]["data"]["holder"] == own["mark"]
		for verb in ("POST", "GET"):
			listed = call_quanto(stack, client, "get_quanto_consents", {"provider": own["provider"]}, verb)
			assert listed.status == 200, (verb, listed.text)
			found = json.loads(listed.text)["message"]["consents"]
			assert [one["consent"] for one in found] == [own["consent"]]


@pytest.mark.parametrize("door", NAMED_DOORS)
def test_the_frameworks_own_doors_to_a_copy(stack, two_clients, two_visits, door):
	caller = Caller(stack.url, two_clients[0].api.caller.headers)
	for verb in ("GET", "POST"):
		answers = [
			caller.call(
				verb,
				door.format(doctype="Bank%20API%20Resource", name=name),
				{} if verb == "POST" else None,
			)
			for name in (two_visits[1]["resource"], UNKNOWN["stable_id"])
		]
		assert seen(answers[0]) == seen(answers[1])
		assert answers[0].status >= 400


def test_a_foreign_visits_return_says_nothing_of_its_client(stack, two_clients, two_visits):
	"""The way back is the end user's, without a key: what it shows is bound to the visit's own id."""
	caller = Caller(stack.url)
	unknown = caller.call("GET", f"/bank-api/return?sessionId={QUANTO_UNKNOWN['session']}")
	assert unknown.status == 404
	for name in ("request", "consent", "item_id", "mark"):
		answer = caller.call("GET", f"/bank-api/return?{urlencode({'sessionId': two_visits[1][name]})}")
		assert answer.status == 404 and two_visits[1]["site"] not in answer.text
