"""The public API over HTTP: names, both verbs, both generations of clients, and the shape of every failure."""

import json
import uuid
from inspect import signature

import pytest

from dev.web import Caller

# Parameters as the seed documents them; none may ever be renamed or lost.
SEED = {
	"get_bridge_connect_link": ["base_url", "bank", "redirect_url", "item_id", "site", "user", "webhook_url"],
	"get_bridge_edit_link": ["base_url", "bank", "redirect_url", "item_id", "site", "user", "webhook_url"],
	"get_sca_authentication_link": [
		"base_url",
		"bank",
		"redirect_url",
		"item_id",
		"site",
		"user",
		"webhook_url",
	],
	"get_pro_confirmation_link": ["base_url", "bank", "redirect_url", "item_id", "site", "webhook_url"],
	"get_bridge_item_id": ["request"],
	"get_bridge_item_details": ["item_id"],
	"delete_bridge_item_id": ["item_id", "user"],
	"post_item_refresh": ["item_id", "user"],
	"get_bank_accounts": ["item_id", "user"],
	"get_single_bank": ["bank_id"],
	"get_bank_transactions_by_account": ["account_id", "user"],
	"get_bank_transactions": ["since", "lang", "user"],
	"get_category": ["lang", "category_id"],
}
ADDED = {"item_id", "user", "site", "provider", "lang", "since", "limit", "cursor"}


@pytest.fixture(scope="module")
def client(two_clients):
	return two_clients[0]


def call(stack, client, method, query="", body=None, verb="POST", headers=None):
	caller = Caller(stack.url, client.api.caller.headers if headers is None else headers)
	return caller.call(verb, f"/api/method/bank_api.bridge.{method}{query}", body)


def error_of(answer):
	"""The error in an answer, after checking its shape: Frappe's own, one sentence, nothing internal."""
	body = json.loads(answer.text)
	assert set(body) - {"retry_after"} == {"exc_type", "exception", "exc", "_server_messages"}
	message = json.loads(json.loads(body["_server_messages"])[0])["message"]
	assert body["exception"] == f"{body['exc_type']}: {message}"
	assert json.loads(body["exc"]) == [body["exception"]]
	for internal in ("Traceback", "File ", ".py", "frappe.", "pymysql", "tab", "SELECT", "/work"):
		assert internal not in answer.text.replace("table", "")
	return answer.status, body["exc_type"], message


class TestContract:
	@pytest.mark.parametrize("method", SEED)
	def test_names_and_parameters_of_the_seed(self, method):
		from bank_api import bridge

		names = list(signature(getattr(bridge, method)).parameters)
		assert [name for name in names if name in SEED[method]] == SEED[method]
		assert set(names) - set(SEED[method]) <= ADDED

	@pytest.mark.parametrize("method", SEED)
	def test_every_parameter_has_a_real_type(self, method):
		from bank_api import bridge

		function = getattr(bridge, method)
		for parameter in signature(function).parameters.values():
			assert parameter.annotation is not parameter.empty
			assert not isinstance(parameter.annotation, str)
		assert set(function.__annotations__) == set(signature(function).parameters)

	@pytest.mark.parametrize("method", SEED)
	def test_every_method_says_what_it_does(self, method):
		from bank_api import bridge

		assert len(getattr(bridge, method).__doc__) > 40

	@pytest.mark.parametrize("method", SEED)
	@pytest.mark.parametrize("verb", ["PUT", "PATCH"])
	def test_other_verbs_are_refused(self, stack, client, method, verb):
		answer = call(stack, client, method, verb=verb, body={})
		assert answer.status == 403
		assert "Traceback" not in answer.text


class TestBothGenerations:
	@pytest.mark.parametrize("verb", ["GET", "POST"])
	def test_the_older_one_names_itself_by_site(self, stack, client, verb):
		arguments = {"site": client.site, "item_id": client.item_id}
		for method in ("get_bank_accounts", "get_bank_transactions", "get_bridge_item_details"):
			if verb == "GET":
				query = f"?site={client.site}&item_id={client.item_id}"
				answer = call(stack, client, method, query, verb="GET")
			else:
				answer = call(stack, client, method, body=arguments)
			assert answer.status == 200, answer.text

	def test_the_newer_one_names_its_user(self, stack, client):
		body = {"user": client.user, "item_id": str(client.item_id)}
		assert call(stack, client, "get_bank_accounts", body=body).status == 200

	def test_a_link_by_get_is_kept(self, stack, client):
		"""Frappe rolls a GET back; the request has to survive it."""
		answer = call(stack, client, "get_bridge_connect_link", f"?user={client.user}", verb="GET")
		request = json.loads(answer.text)["message"]["request"]
		status = call(stack, client, "get_bridge_item_id", f"?request={request}", verb="GET")
		assert json.loads(status.text)["message"]["status"] == "Pending"

	def test_a_refresh_by_get_is_kept(self, stack, client):
		answer = call(stack, client, "post_item_refresh", f"?item_id={client.item_id}", verb="GET")
		assert json.loads(answer.text)["message"]["status"] == "syncing"

	def test_form_encoded_arguments(self, stack, client):
		import requests

		answer = requests.post(
			f"{stack.url}/api/method/bank_api.bridge.get_bridge_item_details",
			data={"item_id": client.item_id},
			headers=client.api.caller.headers,
			timeout=30,
		)
		assert answer.json()["message"]["id"] == client.item_id

	def test_unknown_arguments_are_ignored(self, stack, client):
		body = {"item_id": client.item_id, "whatever": [1, {"x": None}]}
		assert call(stack, client, "get_bridge_item_details", body=body).status == 200


class TestVerbatim:
	def test_the_item_a_client_gets_is_the_one_bridge_gives(self, stack, client):
		message = client.api.call("get_bridge_item_details", item_id=client.item_id)
		assert message["provider_id"] == 574 and message["status"] == 0

	def test_a_bank(self, stack, client):
		assert "Demo" in client.api.call("get_single_bank", bank_id=574)["name"]

	def test_categories(self, stack, client):
		every = client.api.call("get_category")
		assert every["resources"]
		one = client.api.call("get_category", category_id=every["resources"][0]["categories"][0]["id"])
		assert one["name"] and one["parent_id"]

	def test_the_language_of_a_category(self, stack, client):
		english, french = (client.api.answer("get_category", lang=lang).text for lang in ("en", "fr"))
		assert english != french


class TestFailures:
	def test_missing_arguments(self, stack, client):
		for method, name in (
			("get_bridge_item_id", "request"),
			("get_bridge_item_details", "item_id"),
			("delete_bridge_item_id", "item_id"),
			("post_item_refresh", "item_id"),
			("get_single_bank", "bank_id"),
			("get_bank_transactions_by_account", "account_id"),
			("get_bridge_edit_link", "item_id"),
			("get_sca_authentication_link", "item_id"),
		):
			status, kind, message = error_of(call(stack, client, method, body={}))
			assert (status, kind) == (417, "BadArgument")
			assert name in message

	@pytest.mark.parametrize("value", [{"a": 1}, [1], {}, [], 1.5])
	def test_wrong_types(self, stack, client, value):
		for method in ("get_bridge_item_details", "get_bank_accounts", "get_bank_transactions"):
			status, kind, message = error_of(call(stack, client, method, body={"item_id": value}))
			assert (status, kind) == (417, "BadArgument"), message
			assert "item_id" in message

	@pytest.mark.parametrize("name", ["lang", "since", "cursor", "provider", "site"])
	def test_wrong_types_of_texts(self, stack, client, name):
		status, kind, message = error_of(call(stack, client, "get_bank_transactions", body={name: {"x": 1}}))
		assert (status, kind) == (417, "BadArgument")
		assert name in message

	@pytest.mark.parametrize("value", ["x" * 5000, "x" * 141])
	def test_too_long(self, stack, client, value):
		status, kind, _message = error_of(
			call(stack, client, "get_bridge_connect_link", body={"user": value})
		)
		assert (status, kind) == (417, "BadArgument")

	@pytest.mark.parametrize("value", ["' or ''='", "%", "\x00", "\ud83d\ude00", "../..", "1;drop table"])
	def test_odd_identifiers_are_unknown(self, stack, client, value):
		for method, name in (
			("get_bridge_item_details", "item_id"),
			("get_bridge_item_id", "request"),
			("get_bank_transactions_by_account", "account_id"),
			("get_single_bank", "bank_id"),
			("get_bank_accounts", "user"),
		):
			status, kind, _message = error_of(call(stack, client, method, body={name: value}))
			assert (status, kind) == (404, "UnknownObject"), (method, value)

	def test_a_foreign_redirect(self, stack, client):
		body = {"redirect_url": "https://evil.example/"}
		status, kind, message = error_of(call(stack, client, "get_bridge_connect_link", body=body))
		assert (status, kind) == (403, "NotAllowed")
		assert "redirect_url" in message

	def test_a_refusal_is_in_the_audit_log(self, stack, client):
		from dev.web import Admin

		call(stack, client, "get_bridge_connect_link", body={"webhook_url": "https://evil.example/"})
		filters = {"action": "Call Refused", "client": client.site}
		line = Admin(stack.url).rows("Bank API Log", filters, ["outcome", "details", "user"])[0]
		assert line["outcome"] == "Refused"
		assert json.loads(line["details"])["method"] == "get_bridge_connect_link"
		assert "evil" not in line["details"]

	def test_a_call_that_the_version_no_longer_has(self, stack, client):
		status, kind, message = error_of(call(stack, client, "get_pro_confirmation_link", body={}))
		assert (status, kind) == (410, "NotOffered")
		assert "business accounts" in message

	def test_the_provider_fails(self, stack, client):
		from bank_api.sandbox.client import SandboxControl

		control = SandboxControl(stack.sandbox_url)
		control.fail("status", path=".*connect-sessions.*", times=20, status=500)
		status, kind, _message = error_of(call(stack, client, "get_bridge_connect_link", body={}))
		control.clear_faults()
		assert (status, kind) == (502, "ProviderFailed")

	def test_throttled(self, stack, client):
		body = {"item_id": client.item_id}
		for _ in range(6):
			answer = call(stack, client, "get_bridge_edit_link", body=body)
			if answer.status != 200:
				break
		assert error_of(answer)[:2] == (429, "Throttled")
		wait = int(answer.headers["Retry-After"])
		assert wait > 0 and json.loads(answer.text)["retry_after"] == wait

	@pytest.mark.parametrize("headers", [{}, {"Authorization": "token a:b"}, {"Authorization": "Basic !!"}])
	def test_without_a_key(self, stack, client, headers):
		for method in SEED:
			answer = call(stack, client, method, body={}, headers=headers)
			assert answer.status in (401, 403, 417), answer.text
			assert "Traceback" not in answer.text and "File " not in answer.text

	def test_a_user_who_is_no_client(self, stack, client):
		from dev.web import Admin

		admin = Admin(stack.url)
		for method in SEED:
			name = SEED[method][0]
			arguments = {"request": "x", "item_id": 1, "bank_id": 1, "account_id": 1}
			answer = admin.caller.call(
				"GET",
				f"/api/method/bank_api.bridge.{method}?{name}=1&"
				+ "&".join(f"{key}={value}" for key, value in arguments.items()),
			)
			assert error_of(answer)[:2] == (403, "NotAllowed"), method

	def test_a_disabled_client(self, stack, client, two_clients):
		from dev.web import Admin

		admin = Admin(stack.url)
		other = two_clients[1]
		admin.update("Bank API Client", other.site, enabled=0)
		answer = other.api.answer("get_category")
		admin.update("Bank API Client", other.site, enabled=1)
		assert error_of(answer)[:2] == (403, "NotAllowed")
		assert other.api.answer("get_category").status == 200

	def test_the_provider_cannot_be_reached(self, stack, client):
		from dev.web import Admin

		admin = Admin(stack.url)
		admin.update("Bank API Provider", client.provider, api_base_url="http://127.0.0.1:9")
		answer = call(stack, client, "get_bridge_connect_link", body={})
		admin.update("Bank API Provider", client.provider, api_base_url=stack.sandbox_url)
		assert error_of(answer)[0] in (502, 504)


class TestDefects:
	@pytest.fixture
	def request_under_way(self, db):
		from werkzeug.test import EnvironBuilder
		from werkzeug.wrappers import Request

		db.local.request = Request(
			EnvironBuilder(path="/api/method/bank_api.bridge.x", method="POST").get_environ()
		)
		yield db
		db.local.request = None

	def test_a_defect_shows_nothing_and_is_logged_without_local_variables(self, request_under_way):
		from bank_api.gateway.api import endpoint

		db = request_under_way

		@endpoint
		def broken(name: str) -> None:
			precious = "-".join(["local", "variable", name])
			db.db.set_single_value("Bank API Settings", "event_retention_days", 7)
			raise RuntimeError("internal words" + precious[:0])

		answer = broken(name="n")
		assert answer.status_code == 500
		assert json.loads(answer.get_data())["exc_type"] == "InternalError"
		assert b"internal words" not in answer.get_data()
		logged = db.get_last_doc("Error Log", {"method": ("like", "%broken%")})
		assert "internal words" in logged.error
		assert "local-variable-n" not in logged.error
		assert db.db.get_single_value("Bank API Settings", "event_retention_days", cache=False) != 7

	def test_without_a_request_errors_are_raised(self, db):
		from bank_api.gateway.api import endpoint
		from bank_api.gateway.errors import BadArgument

		@endpoint
		def strict(number: int) -> int:
			return number

		assert strict(number="5") == 5
		for wrong in ({"number": "x"}, {}, {"number": None}):
			with pytest.raises(BadArgument):
				strict(**wrong)

	def test_every_provider_error_has_an_answer(self, db):
		from bank_api.connectors import errors as provider_errors
		from bank_api.gateway.errors import from_provider

		expected = {
			"RateLimited": 429,
			"ProviderTimeout": 504,
			"ProviderUnavailable": 502,
			"MalformedResponse": 502,
			"AuthenticationExpired": 502,
			"ConfigurationError": 503,
			"ConsentRequired": 409,
			"RefreshRefused": 409,
			"TokenRefused": 409,
			"NotFound": 404,
			"AlreadyExists": 502,
			"InvalidRequest": 417,
			"BatchRefused": 417,
			"NotSent": 502,
			"OutcomeUnknown": 409,
			"Unsupported": 410,
			"ProviderError": 502,
		}
		known = {
			name: kind
			for name, kind in vars(provider_errors).items()
			if isinstance(kind, type) and issubclass(kind, provider_errors.ProviderError)
		}
		assert set(known) == set(expected)
		for name, kind in known.items():
			extra = {"retry_after": 0.2} if name == "RateLimited" else {}
			error = from_provider(kind("words", **extra))
			assert error.http_status_code == expected[name]
			assert error.message
		assert from_provider(provider_errors.RateLimited("w", retry_after=0.2)).retry_after == 1


class TestKeys:
	def test_a_revoked_key_is_refused_at_once(self, stack):
		from dev.seed import Setup
		from dev.web import ClientSite

		setup = Setup(stack.url, stack.sandbox_url)
		site = f"revoked-{uuid.uuid4().hex[:8]}.example"
		keys = setup.client(site, f"https://{site}", None)
		api = ClientSite(stack.url, keys["api_key"], keys["api_secret"])
		first = api.answer("get_bridge_item_id", request="x")
		setup.admin.press("Bank API Client", site, "revoke_keys")
		second = api.answer("get_bridge_item_id", request="x")
		fresh = setup.admin.press("Bank API Client", site, "create_key_pair")
		third = ClientSite(stack.url, fresh["api_key"], fresh["api_secret"]).answer(
			"get_bridge_item_id", request="x"
		)
		assert (first.status, third.status) == (404, 404)
		assert second.status in (401, 403)

	def test_the_keys_work_as_basic_authentication_too(self, stack, client):
		import base64

		pair = base64.b64encode(f"{client.api.api_key}:{client.api.api_secret}".encode()).decode()
		answer = call(stack, client, "get_category", verb="GET", headers={"Authorization": f"Basic {pair}"})
		assert answer.status == 200


class TestReturnPage:
	LANGUAGES = {
		"fr": "fr",
		"cs-CZ": "cs",
		"pt-BR": "pt-BR",
		"pt": "pt-BR",
		"he": "he",
		"de,en;q=0.5": "en",
		"": "en",
	}

	def page(self, stack, query="context=none", language="en"):
		caller = Caller(stack.url, {"Accept-Language": language})
		return caller.call("GET", f"/bank-api/return?{query}")

	@pytest.mark.parametrize("accepted, shown", LANGUAGES.items())
	def test_it_speaks_the_browsers_language(self, stack, accepted, shown):
		answer = self.page(stack, language=accepted)
		assert answer.status == 404
		assert f'<html lang="{shown}" dir="{"rtl" if shown == "he" else "ltr"}">' in answer.text

	def test_it_is_translated(self, stack):
		texts = {self.page(stack, language=language).text for language in ("en", "fr", "cs", "pt-BR", "he")}
		assert len({text.split("<h1>")[1] for text in texts}) == 5

	def test_it_is_small_and_needs_nothing_from_elsewhere(self, stack):
		text = self.page(stack).text
		assert len(text.encode()) < 20_000
		assert (
			"<script" not in text
			and "/assets/" not in text
			and "http://" not in text
			and "https://" not in text
		)

	def test_its_style_is_the_one_its_policy_allows(self, stack):
		import base64
		import hashlib
		import re

		text = self.page(stack).text
		style = re.search("<style>(.*?)</style>", text, re.S).group(1)
		allowed = re.search("style-src 'sha256-([^']+)'", text).group(1)
		assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() == allowed
		assert "default-src 'none'" in text

	def test_garbage_in_the_query_is_not_shown(self, stack):
		answer = self.page(
			stack, "context=%3Cscript%3Ealert(1)%3C/script%3E&redirect_url=https://evil.example&x=%00"
		)
		assert "alert" not in answer.text and "evil" not in answer.text

	def test_the_way_on(self, stack, client):
		from urllib.parse import urlsplit

		from bank_api.sandbox.client import SandboxControl

		redirect = f"https://{client.site}/a?b=1&c=%22%3E"
		link = client.api.call("get_bridge_connect_link", user="page@example.org", redirect_url=redirect)
		location = SandboxControl(stack.sandbox_url).complete_connect(link["link"])
		query = urlsplit(location).query
		for _ in range(2):
			answer = self.page(stack, query)
			assert answer.status == 200
			target = f"https://{client.site}/a?b=1&amp;c=%22%3E&amp;request={link['request']}&amp;status=completed&amp;success=true"
			assert f'<meta http-equiv="refresh" content="2; url={target}' in answer.text
			assert f'<a href="{target}' in answer.text
			assert '<meta name="referrer" content="no-referrer">' in answer.text
		state = dict(part.split("=") for part in query.split("&"))["context"]
		assert state not in answer.text
