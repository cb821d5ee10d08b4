"""Links to the consent pages: what opens, what does not, and that what does not tells nothing of why."""

import hashlib
import re
import string
import uuid
from datetime import timedelta

import pytest
from page_browser import Browser

from bank_api.gateway import access_links
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import BadArgument, NotAllowed, UnknownObject

DOCTYPE = access_links.DOCTYPE
COOKIE = "__Host-bank_api_consents"


@pytest.fixture
def place(world):
	"""Two clients with an end user of the same name each, without a call to any provider."""
	found = []
	for _ in range(2):
		client = world.client(client_name="Example Shop")
		end_user(world, client, "anna@example.org")
		found.append(client)
	return world, *found


def end_user(world, client, user):
	name = uuid.uuid4().hex
	values = {"client": client.name, "provider": world.provider, "user": user, "external_user_id": name}
	doc = world.frappe.get_doc({"doctype": "Bank API End User"} | values).insert(ignore_permissions=True)
	world.frappe.db.commit()
	return doc.name


def issue(client, user="anna@example.org", language="", redirect_url=""):
	return access_links.issue(client, user, language, redirect_url)["link"]


def row_of(link):
	import frappe

	identifier = token_of(link).split(".")[0]
	name = frappe.db.get_value(DOCTYPE, {"link_hash": hashlib.sha256(identifier.encode()).hexdigest()})
	return frappe.get_doc(DOCTYPE, name)


def token_of(link):
	return link.partition("?link=")[2]


def opened(link, browser=None):
	browser = browser or Browser()
	browser.get(link)
	return browser


# --- what opens


def test_a_link_opens_the_page_and_leaves_no_key_in_the_address(place):
	_world, client, _other = place
	browser = Browser()
	answer = browser.get(issue(client), follow=False)
	assert answer.status_code == 303
	assert answer.headers["Location"] == "/bank-api/consents"
	cookie = answer.headers["Set-Cookie"]
	assert cookie.startswith(COOKIE + "=")
	assert [mark for mark in ("HttpOnly", "SameSite=Lax", "Secure", "Path=/") if mark not in cookie] == []
	assert "Domain" not in cookie
	browser.get("/bank-api/consents")
	assert browser.status == 200
	assert "Your shared bank data" in browser.text and "Example Shop" in browser.text


def test_nothing_of_a_link_or_a_visit_can_be_made_from_the_database(place):
	world, client, _other = place
	link = issue(client)
	browser = opened(link)
	row = world.frappe.db.get_value(DOCTYPE, row_of(link).name, "*", as_dict=True)
	identifier, mark = token_of(link).split(".")
	for secret in (identifier, mark, browser.cookies[COOKIE]):
		assert secret not in repr(row)
	logs = world.frappe.get_all("Bank API Log", {"reference_name": row.name}, ["*"])
	assert {line.action for line in logs} == {"Consents Link Issued", "Consents Page Opened"}
	for secret in (identifier, mark, browser.cookies[COOKIE], "anna@example.org"):
		assert secret not in repr(logs)


def test_a_link_stays_open_to_the_browser_that_opened_it(place):
	_world, client, _other = place
	link = issue(client)
	browser = opened(link)
	cookie = browser.cookies[COOKIE]
	assert opened(link, browser).status == 200
	assert browser.cookies[COOKIE] == cookie
	assert opened(link).status == 404


def test_a_look_ahead_opens_nothing(place):
	_world, client, _other = place
	link = issue(client)
	assert opened(link, Browser(**{"Sec-Purpose": "prefetch;prerender"})).status == 503
	early = Browser()
	early._request(link, "HEAD", None, False)
	assert early.status == 503 and not early.cookies
	assert opened(link).status == 200


def test_the_page_speaks_the_links_language(place):
	_world, client, _other = place
	for language, words in (
		("he", "נתוני הבנק"),
		("cs", "sdílená"),
		("pt-BR", "compartilhados"),
		("fr", "partagées"),
	):
		browser = opened(issue(client, language=language))
		assert f'lang="{language}"' in browser.html and words in browser.text
	assert 'dir="rtl"' in opened(issue(client, language="he")).html
	assert 'lang="cs"' in opened(issue(client), Browser("xx,cs;q=0.8,en;q=0.5")).html


# --- what does not


def altered(link):
	"""A link changed in one place, each kind of place once, and spellings that decode to the same bytes."""
	base, token = link.split("?link=")
	identifier, mark = token.split(".")
	alphabet = string.ascii_letters + string.digits + "-_"
	last = alphabet[(alphabet.index(mark[-1]) + 1) % 64]
	changed = [
		("B" if identifier[0] == "A" else "A") + identifier[1:] + "." + mark,
		identifier + "." + ("B" if mark[0] == "A" else "A") + mark[1:],
		identifier + "." + mark[:-1] + last,
		identifier + "." + mark + "=",
		identifier + "." + mark[:-1],
		identifier,
		mark,
		"",
		"." * 66,
		token + "x",
		token.replace(".", ""),
		token.swapcase(),
		"x" * 5000,
		"\u0130" * 66,
		"%00" * 20,
		"' OR 1=1 -- ",
	]
	return [f"{base}?link={one}" for one in changed]


def refusals(place):
	"""A link for every reason to refuse one, by the reason's name."""
	world, client, other = place
	frappe = world.frappe
	found = {f"altered {place}": link for place, link in enumerate(altered(issue(client)))}
	found["expired"] = issue(client)
	frappe.db.set_value(
		DOCTYPE, row_of(found["expired"]).name, "expires_at", site_now() - timedelta(seconds=1)
	)
	found["revoked"] = issue(client, "anna@example.org")
	row = row_of(found["revoked"])
	frappe.db.set_value(DOCTYPE, row.name, "revoked_at", site_now())
	found["replayed"] = issue(client)
	opened(found["replayed"])
	found["replayed after revocation"] = issue(client)
	opened(found["replayed after revocation"])
	frappe.db.set_value(DOCTYPE, row_of(found["replayed after revocation"]).name, "revoked_at", site_now())
	for column, value in (
		("client", other.name),
		("user", "somebody else"),
		("language", "he"),
		("redirect_url", "https://evil.example"),
		("expires_at", site_now() + timedelta(days=1)),
	):
		found[f"another {column}"] = issue(client)
		frappe.db.set_value(DOCTYPE, row_of(found[f"another {column}"]).name, column, value)
	ghost = world.client()
	end_user(world, ghost, "ghost")
	found["erased user"] = issue(ghost, "ghost")
	frappe.db.set_value("Bank API End User", {"client": ghost.name}, "erased", 1)
	gone = world.client()
	end_user(world, gone, "anna@example.org")
	found["disabled client"] = issue(gone)
	frappe.db.set_value("Bank API Client", gone.name, "enabled", 0)
	found["never issued"] = issue(client)
	frappe.db.delete(DOCTYPE, {"name": row_of(found["never issued"]).name})
	frappe.db.commit()
	return found


def seen(answer):
	return answer.status_code, answer.get_data(), sorted(answer.headers.items())


def test_every_refusal_is_the_same_answer(place):
	answers = {reason: seen(Browser().get(link, follow=False)) for reason, link in refusals(place).items()}
	first = answers["altered 0"]
	assert first[0] == 404 and "Set-Cookie" not in dict(first[2])
	assert {reason for reason, answer in answers.items() if answer != first} == set()


def test_no_cookie_an_old_one_and_an_unknown_page_are_the_same_answer_too(place):
	world, client, _other = place
	without = Browser().get("/bank-api/consents")
	browsers = {}
	for reason, change in (
		("ended", {"session_expires_at": site_now() - timedelta(seconds=1)}),
		("revoked", {"revoked_at": site_now()}),
	):
		link = issue(client)
		browsers[reason] = opened(link)
		world.frappe.db.set_value(DOCTYPE, row_of(link).name, change)
	stranger = browsers["stranger"] = Browser()
	stranger.cookies[COOKIE] = "A" * 43
	garbage = browsers["garbage"] = Browser()
	garbage.cookies[COOKIE] = "' OR 1=1"
	for reason, browser in browsers.items():
		assert seen(browser.get("/bank-api/consents")) == seen(without), reason
	inside = opened(issue(client))
	for path in ("/bank-api/consents/" + "0" * 22, "/bank-api/consents/x/y/z", "/bank-api/consents/end/end"):
		assert seen(inside.get(path)) == seen(without), path
	refused = Browser().get("/bank-api/consents/open?link=x")
	assert seen(refused) == seen(without)


def test_every_refusal_makes_the_same_look_ups(place, monkeypatch):
	"""What an answer costs is what is asked of the database: the same statements, whatever the reason."""
	world, _client, _other = place
	links = refusals(place)
	asked, reason = {}, ""
	real = type(world.frappe.local.db).sql

	def counting(self, query, *args, **kwargs):
		asked.setdefault(reason, []).append(re.sub(r"\s+", " ", str(query))[:60])
		return real(self, query, *args, **kwargs)

	monkeypatch.setattr(type(world.frappe.local.db), "sql", counting)
	for reason in links:
		Browser().get(links[reason], follow=False)
	first = asked["altered 0"]
	assert len(first) > 3
	assert {reason for reason, statements in asked.items() if statements != first} == set()


def test_a_refused_link_leaves_a_line_that_names_nobody(place):
	world, client, _other = place
	Browser().get(issue(client) + "x")
	line = world.frappe.get_last_doc("Bank API Log", {"action": "Consents Link Refused"})
	assert (line.outcome, line.client, line.reference_name, line.ip) == (
		"Refused",
		None,
		None,
		"198.51.100.7",
	)


def test_two_browsers_that_open_a_link_at_once(place, monkeypatch):
	"""The second one has read the row before the first has opened it."""
	_world, client, _other = place
	link = issue(client)
	slow = row_of(link)
	first = opened(link)
	assert first.status == 200
	stale = access_links._row("name", slow.name)
	stale.opened_at = None
	monkeypatch.setattr(access_links, "_row", lambda *_: stale)
	assert access_links.open_link(token_of(link), "") is None
	monkeypatch.undo()
	assert first.get("/bank-api/consents").status_code == 200


# --- ended from outside


def test_revoking_ends_links_and_open_pages_of_this_end_user_only(place):
	world, client, other = place
	unopened, page = issue(client), opened(issue(client))
	end_user(world, client, "berta")
	others = opened(issue(client, "berta")), opened(issue(other))
	assert access_links.revoke(client, "anna@example.org") == 2
	assert access_links.revoke(client, "anna@example.org") == 0
	assert page.get("/bank-api/consents").status_code == 404
	assert opened(unopened).status == 404
	assert [browser.get("/bank-api/consents").status_code for browser in others] == [200, 200]


def test_a_name_is_compared_by_the_letter(place):
	_world, client, _other = place
	page = opened(issue(client))
	assert access_links.revoke(client, "ANNA@example.org") == 0
	assert page.get("/bank-api/consents").status_code == 200
	with pytest.raises(UnknownObject):
		issue(client, "ANNA@example.org")


def test_erasing_an_end_user_ends_the_page_and_forgets_the_links(place):
	from bank_api.gateway import end_users

	world, client, _other = place
	page = opened(issue(client))
	name = world.frappe.db.get_value("Bank API End User", {"client": client.name})
	end_users.erase(name)
	assert page.get("/bank-api/consents").status_code == 404
	end_users.erase_rows(name)
	assert not world.frappe.db.exists(DOCTYPE, {"client": client.name})


def test_closing_the_page_ends_the_visit(place):
	_world, client, _other = place
	browser = opened(issue(client, redirect_url=f"https://{client.site}/account"))
	cookies = dict(browser.cookies)
	browser.submit()
	assert "The page is closed" in browser.text
	assert f'href="https://{client.site}/account"' in browser.html
	assert browser.cookies == {}
	browser.cookies = cookies
	assert browser.get("/bank-api/consents").status_code == 404


# --- forms


def test_a_form_of_another_visit_page_or_site_is_refused(place):
	_world, client, _other = place
	browser, stranger = opened(issue(client)), opened(issue(client))
	path = "/bank-api/consents/close"
	(own,) = re.findall(r'name="token" value="([^"]+)"', browser.html)
	(foreign,) = re.findall(r'name="token" value="([^"]+)"', stranger.html)
	for token in ("", foreign, own[:-1], own + "x", "A" * 43):
		assert browser.post(path, [("token", token)]).status_code == 404
	assert browser.post(path + "/end", [("token", own)]).status_code == 404
	for origin in ("cross-site", "same-site", "none"):
		assert browser.post(path, [("token", own)], **{"Sec-Fetch-Site": origin}).status_code == 404
	assert browser.get("/bank-api/consents").status_code == 200
	assert browser.post(path, [("token", own)], **{"Sec-Fetch-Site": "same-origin"}).status_code == 200


# --- headers


def test_nothing_on_a_page_runs_or_is_loaded(place):
	_world, client, _other = place
	for browser in (opened(issue(client)), opened(issue(client) + "x")):
		headers = browser.answer.headers
		policy = headers["Content-Security-Policy"]
		assert policy.startswith("default-src 'none'; style-src 'sha256-")
		assert "unsafe" not in policy and "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
		assert headers["Referrer-Policy"] == "no-referrer"
		assert headers["Cache-Control"] == "no-store"
		assert headers["X-Frame-Options"] == "DENY"
		assert not re.search(
			r"<script|<link rel=\"stylesheet|\son[a-z]+=|javascript:|@import|url\(", browser.html
		)
		assert len(browser.html) < 60_000


def test_without_https_the_cookie_has_its_plain_name(place):
	world, client, _other = place
	world.frappe.db.set_single_value("Bank API Settings", "public_url", "http://127.0.0.1:8000")
	try:
		answer = Browser().get(issue(client), follow=False)
	finally:
		world.frappe.db.set_single_value("Bank API Settings", "public_url", "https://gateway.example")
		world.frappe.db.commit()
	assert answer.headers["Set-Cookie"].startswith("bank_api_consents=")
	assert "Secure" not in answer.headers["Set-Cookie"]


# --- the API


@pytest.fixture
def api(place):
	from bank_api import consents

	world, client, _other = place
	world.sign_in(client)
	return world, client, consents


def test_a_client_gets_a_link_for_its_own_end_user(api):
	_world, client, consents = api
	answer = consents.get_consents_link(user="anna@example.org", language="he-IL", redirect_url="/account")
	assert set(answer) == {"link", "expires_at"} and answer["expires_at"].endswith("Z")
	assert re.fullmatch(
		r"https://gateway\.example/bank-api/consents/open\?link=[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
		answer["link"],
	)
	row = row_of(answer["link"])
	assert (row.language, row.redirect_url) == ("he", f"https://{client.site}/account")
	assert timedelta(minutes=14) < row.expires_at - site_now() <= timedelta(minutes=15)
	assert consents.revoke_consents_links(user="anna@example.org") == {"revoked": 1}


@pytest.mark.parametrize(
	("arguments", "error"),
	[
		({"user": "nobody"}, UnknownObject),
		({"user": "anna@example.org", "site": "elsewhere.example"}, UnknownObject),
		({"user": "anna@example.org", "language": "tlh"}, BadArgument),
		({"user": "anna@example.org", "redirect_url": "https://evil.example/"}, NotAllowed),
		({"user": "anna@example.org", "redirect_url": "javascript:alert(1)"}, BadArgument),
		({"user": "anna@example.org", "base_url": "https://evil.example"}, NotAllowed),
	],
)
def test_what_a_link_is_not_given_for(api, arguments, error):
	_world, _client, consents = api
	with pytest.raises(error):
		consents.get_consents_link(**arguments)


def test_the_number_of_waiting_links_is_bounded(api):
	_world, _client, consents = api
	for _ in range(access_links.MAX_LIVE_LINKS):
		consents.get_consents_link(user="anna@example.org")
	with pytest.raises(BadArgument):
		consents.get_consents_link(user="anna@example.org")
	consents.revoke_consents_links(user="anna@example.org")
	assert consents.get_consents_link(user="anna@example.org")["link"]
