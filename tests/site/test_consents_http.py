"""The consent pages over HTTP: two clients, the framework's own doors, and the time that a refusal takes."""

import itertools
import statistics

import pytest

from dev.web import Caller

PAGE = "/bank-api/consents"
ROUNDS = 120
VOLATILE = {"date", "server", "set-cookie", "x-frappe-request-id", "connection", "keep-alive"}


def call(client, method, **arguments):
	return client.api.caller.call("POST", f"/api/method/bank_api.consents.{method}", arguments)


def link_of(client, **arguments):
	answer = call(client, "get_consents_link", user=client.user, **arguments)
	assert answer.status == 200, answer.text
	return answer.json()["message"]["link"]


def path_of(link):
	return link[link.index(PAGE) :]


def seen(answer):
	headers = {name.lower(): value for name, value in answer.headers.items() if name.lower() not in VOLATILE}
	return answer.status, answer.text, headers


def opened(stack, link):
	browser = Caller(stack.url)
	answer = browser.call("GET", path_of(link))
	assert answer.status == 200 and "<h1>" in answer.text
	return browser


@pytest.mark.parametrize("method", ["get_consents_link", "revoke_consents_links"])
@pytest.mark.parametrize("argument", ["user", "site"])
def test_what_is_another_clients_is_unknown(stack, two_clients, method, argument):
	ours, theirs = two_clients
	own = {"user": ours.user}
	foreign = call(ours, method, **own | {argument: getattr(theirs, argument)})
	unknown = call(ours, method, **own | {argument: "nobody.example"})
	assert seen(foreign) == seen(unknown)
	assert getattr(theirs, argument) not in foreign.text


def test_a_guest_gets_no_link(stack, two_clients):
	answer = Caller(stack.url).call("POST", "/api/method/bank_api.consents.get_consents_link", {"user": "x"})
	assert answer.status == 403


def test_each_sees_its_own(stack, two_clients):
	ours, theirs = two_clients
	pages = [opened(stack, link_of(client)).call("GET", PAGE).text for client in two_clients]
	assert "Demo Bank" in pages[0] and "Demo Bank" in pages[1]
	assert theirs.site not in pages[0] and ours.site not in pages[1]


def test_a_row_of_another_client_is_an_unknown_page(stack, two_clients):
	from dev.web import Admin

	ours, theirs = two_clients
	(row,) = Admin(stack.url).rows("Bank API Item", {"client": theirs.site}, ["name"])
	browser = opened(stack, link_of(ours))
	for path in ("", "/renew", "/change", "/end"):
		answers = [browser.call("GET", f"{PAGE}/{name}{path}") for name in (row["name"], "0" * 22)]
		assert seen(answers[0]) == seen(answers[1])
		assert answers[0].status == 404


def test_a_cookie_opens_nothing_but_the_page(stack, two_clients):
	browser = opened(stack, link_of(two_clients[0]))
	for path in (
		"/api/resource/Bank%20API%20Item",
		"/api/method/bank_api.bridge.get_bank_accounts",
		"/app",
	):
		answer = browser.call("GET", path)
		assert answer.status in (301, 302, 303, 307, 401, 403) or "login" in answer.text.lower()
		assert "Demo Bank" not in answer.text


def test_an_operator_who_is_logged_in_may_use_the_page_too(stack, two_clients):
	"""The framework wants a token of its own with every form of somebody who is logged in."""
	import re
	import urllib.parse
	import urllib.request

	from dev.web import Admin

	browser = Admin(stack.url).caller
	browser.call("GET", "/app")  # gives the session its token
	assert browser.call("GET", path_of(link_of(two_clients[0]))).status == 200
	html = browser.call("GET", PAGE).text
	fields = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]+)">', html))
	request = urllib.request.Request(f"{stack.url}{PAGE}/close", urllib.parse.urlencode(fields).encode())
	with browser._opener.open(request) as answer:
		assert answer.status == 200


def test_a_refusal_takes_as_long_whatever_its_reason(stack, two_clients):
	"""Links of four kinds in turns: how often one kind is the quicker of two is as good as a coin's."""
	from dev.web import Admin

	client = two_clients[0]
	used = link_of(client)
	opened(stack, used)
	revoked = link_of(client)
	call(client, "revoke_consents_links", user=client.user)
	good = link_of(client)
	base, token = path_of(good).split("?link=")
	kinds = {
		"garbage": f"{base}?link=x",
		"never issued": f"{base}?link={'A' * 22}.{'A' * 43}",
		"altered": f"{base}?link={token[:-2]}{'AB' if token[-2:] != 'AB' else 'BA'}",
		"used": path_of(used),
		"revoked": path_of(revoked),
	}
	caller = Caller(stack.url)
	answers = {name: seen(caller.call("GET", path)) for name, path in kinds.items()}
	assert len({repr(answer) for answer in answers.values()}) == 1
	assert answers["garbage"][0] == 404
	times = {name: [] for name in kinds}
	for turn in range(ROUNDS):
		order = list(kinds.items())
		for name, path in order[turn % len(order) :] + order[: turn % len(order)]:
			times[name].append(caller.call("GET", path).seconds)
	for first, second in itertools.combinations(kinds, 2):
		quicker = sum(a < b for a in times[first] for b in times[second]) / ROUNDS**2
		assert 0.33 < quicker < 0.67, (first, second, quicker)
	medians = [statistics.median(found) for found in times.values()]
	assert max(medians) / min(medians) < 1.3
	assert Admin(stack.url).rows("Bank API Log", {"action": "Consents Link Refused"}, ["name"])
