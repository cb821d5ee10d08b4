"""What belongs to another client answers exactly as what does not exist: over HTTP, for every method and identifier."""

import json
from inspect import signature
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
		return caller.call("GET", f"{path}?{urlencode(arguments)}")
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
