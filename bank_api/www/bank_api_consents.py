"""`/bank-api/consents`: the page on which an end user sees, renews, changes and ends what is shared.

The framework's own way to a page looks for redirects, routes and templates of its website, which costs more than all of
this; so the addresses below are answered before it begins (hook `before_request`). A page needs no script, and none would
run on it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import frappe
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from bank_api.connectors.errors import ProviderError
from bank_api.connectors.model import Secret
from bank_api.gateway import (
	access_links,
	consent_pages,
	languages,
	page_frame,
	sharing,
	sharing_actions,
	sharing_data,
	sharing_history,
	ways,
	whitelabel,
)
from bank_api.gateway.access_links import PATH
from bank_api.gateway.api import log_defect, own_presence, roll_back
from bank_api.gateway.consent_pages import Reader
from bank_api.gateway.errors import GatewayError
from bank_api.gateway.page_words import say as _
from bank_api.gateway.sharing import Sharing

COOKIE = "bank_api_consents"
SECURE_COOKIE = "__Host-" + COOKIE  # no other host of the domain can set it (RFC 6265bis, 4.1.3.2)
MAX_FIELD = 64
MAX_CHOSEN = 200
NOT_OPEN = 404
ENDED, FORGOTTEN, RENEWED = "ended", "forgotten", "renewed"


def before_request() -> None:
	"""Hook: answer the page's addresses.

	Raises:
		HTTPException: with the answer; the framework passes it on as it is.
	"""
	request = getattr(frappe.local, "request", None)
	if request is None or not request.path.startswith(PATH):
		return
	page = ConsentsPage(request.path)
	if page.can_render():
		raise HTTPException(response=page.render())


class ConsentsPage:
	"""Answers one of the page's addresses."""

	def __init__(self, path: str):
		self.path = "/" + path.strip("/ ")

	def can_render(self) -> bool:
		"""Whether an address is one of the page's."""
		return self.path == PATH or self.path.startswith(PATH + "/")

	def render(self) -> Response:
		"""The answer to the request; whatever goes wrong, it says nothing of why."""
		try:
			return _answer(self.path)
		except Exception:
			roll_back()
			log_defect("bank_api_consents")
			return _sent(consent_pages.closed(_browsers_language()), 500)


def _answer(path: str) -> Response:
	request = frappe.request
	if path == access_links.OPEN_PATH:
		return _open(request.args.get(access_links.PARAMETER, "")[: MAX_FIELD * 2])
	visit = access_links.visit_of(request.cookies.get(_cookie_name(), ""))
	if visit is None:
		return _not_open()
	reader = _reader(visit)
	parts = path.removeprefix(PATH).strip("/").split("/")
	if request.method not in ("GET", "HEAD", "POST"):
		return _not_open()
	if request.method == "POST":
		return _sent_form(reader, path, parts)
	return _shown(reader, parts)


# --- in and out


def _open(token: str) -> Response:
	"""From the link to the plain address: no key stays in the browser's history."""
	if frappe.request.method != "GET" or "prefetch" in frappe.get_request_header("Sec-Purpose", ""):
		return Response("", status=503, headers=page_frame.HEADERS)  # nobody is there yet
	cookie = access_links.open_link(token, frappe.request.cookies.get(_cookie_name(), ""))
	if cookie is None:
		return _not_open()
	response = _moved(PATH)
	_keep(response, cookie)
	return response


def _keep(response: Response, cookie: Secret) -> None:
	"""Give the browser the cookie until it is closed; how long the visit lasts is for the gateway to know."""
	response.set_cookie(
		_cookie_name(),
		cookie.reveal(),
		path="/",
		httponly=True,
		samesite="Lax",
		secure=access_links.is_secure(),
	)


def _cookie_name() -> str:
	return SECURE_COOKIE if access_links.is_secure() else COOKIE


def _close(reader: Reader) -> Response:
	access_links.leave(reader.visit)
	response = _sent(consent_pages.farewell(reader))
	response.delete_cookie(
		_cookie_name(), path="/", httponly=True, samesite="Lax", secure=access_links.is_secure()
	)
	return response


def _not_open() -> Response:
	return _sent(consent_pages.closed(_browsers_language()), NOT_OPEN)


def _reader(visit: access_links.Visit) -> Reader:
	language = languages.of_page(visit.language, frappe.get_request_header("Accept-Language"))
	((name, look),) = frappe.db.sql(
		"SELECT client_name, whitelabel FROM `tabBank API Client` WHERE name = %s", (visit.client.name,)
	)
	theme = whitelabel.theme(look, language) if look else whitelabel.default_theme()
	spoken = replace(visit, client=replace(visit.client, language=language))
	return Reader(spoken, language, theme, name or visit.client.site)


def _browsers_language() -> str:
	return languages.of_page("", frappe.get_request_header("Accept-Language"))


# --- pages


def _shown(reader: Reader, parts: list[str]) -> Response:
	if parts == [""]:
		return _overview(reader)
	row = sharing.find(reader.visit, parts[0])
	if row is None or len(parts) > 2:
		return _not_open()
	if len(parts) == 1:
		return _details(reader, row)
	page = _PAGES.get(parts[1])
	return (page(reader, row) if page else None) or _not_open()


def _overview(reader: Reader) -> Response:
	known: dict[str, ways.Way | None] = {}

	def data(row: Sharing) -> list[str]:
		if row.permissions and row.provider not in known:
			known[row.provider] = _way(row)
		return sharing_data.in_words(row, known.get(row.provider), reader.language)

	return _sent(consent_pages.overview(reader, sharing.overview(reader.visit), data, _message(reader)))


def _details(reader: Reader, row: Sharing) -> Response:
	way, language = _way(row), reader.language
	return _sent(
		consent_pages.sharing(
			reader,
			sharing.with_accounts(row),
			sharing_data.in_words(row, way, language),
			sharing_history.history(row, language),
			consent_pages.actions_of(row, way, language),
		)
	)


def _form(reader: Reader, row: Sharing, name: str) -> Response | None:
	asked = _asked(row, name)
	return _sent(consent_pages.form(reader, row, name, asked)) if asked else None


def _end(reader: Reader, row: Sharing) -> Response | None:
	return _sent(consent_pages.withdrawal(reader, row)) if row.is_open else None


_PAGES: Mapping[str, Callable[[Reader, Sharing], Response | None]] = {
	"renew": lambda reader, row: _form(reader, row, "renew"),
	"change": lambda reader, row: _form(reader, row, "change"),
	"end": _end,
}


def _way(row: Sharing) -> ways.Way | None:
	"""What may be done about a sharing; None if its provider is not set up (any more)."""
	try:
		return ways.of(row)
	except (GatewayError, ProviderError):
		return None


def _asked(row: Sharing, name: str) -> ways.Form | None:
	way = _way(row)
	if way is None:
		return None
	return way.renewal(row) if name == "renew" else way.alteration(row)


def _message(reader: Reader) -> str:
	"""What has just happened, if the address says so and it is true."""
	done, given = (frappe.request.args.get(name, "")[:MAX_FIELD] for name in ("done", "proof"))
	if done and access_links.has_done(reader.visit, done, given):
		return {
			ENDED: _("The access has ended. The bank has been told.", reader.language),
			FORGOTTEN: _("The access has ended here. The bank cannot be told from here.", reader.language),
			RENEWED: _("The access has been renewed.", reader.language),
		}.get(done, "")
	request = frappe.request.args.get("request", "")[:MAX_FIELD]
	status = sharing.outcome_of(reader.visit, request) if request else ""
	return {
		"Completed": _("The bank has confirmed it.", reader.language),
		"Failed": _("The steps at the bank were not finished. Nothing was changed.", reader.language),
		"Expired": _("The steps at the bank were not finished. Nothing was changed.", reader.language),
		"Pending": _("The bank has not confirmed it yet. This can take a few minutes.", reader.language),
		"Returned": _("The bank has not confirmed it yet. This can take a few minutes.", reader.language),
	}.get(status, "")


# --- forms


def _sent_form(reader: Reader, path: str, parts: list[str]) -> Response:
	visit, request = reader.visit, frappe.request
	given = request.form.get("token", "")[:MAX_FIELD]
	elsewhere = frappe.get_request_header("Sec-Fetch-Site", "same-origin") != "same-origin"
	if elsewhere or not access_links.is_own_form(visit, path, given):
		return _not_open()
	if parts == ["close"]:
		return _close(reader)
	row = sharing.find(visit, parts[0])
	act = _ACTS.get(parts[1]) if row and len(parts) == 2 else None
	if row is None or act is None or not access_links.count_action(visit):
		return _not_open()
	return act(reader, row) or _not_open()


def _end_it(reader: Reader, row: Sharing) -> Response | None:
	if not row.is_open:
		return _moved(PATH)  # the button was pressed twice
	told = ways.tells_end(row)
	try:
		sharing_actions.withdraw(reader.visit, row, reader.language)
	except sharing_actions.Impossible as error:
		return _sent(consent_pages.withdrawal(reader, row, str(error)), 422)
	return _done(reader, ENDED if told else FORGOTTEN)


def _done(reader: Reader, what: str) -> Response:
	return _moved(f"{PATH}?done={what}&proof={access_links.proof(reader.visit, what)}")


def _go(reader: Reader, row: Sharing, name: str) -> Response | None:
	asked = _asked(row, name)
	if asked is None:
		return None
	entered = _entered()
	problem = _missing(asked, entered, reader.language)
	if not problem:
		try:
			link = sharing_actions.go(reader.visit, row, name, entered, own_presence(), reader.language)
		except sharing_actions.Impossible as error:
			problem = str(error)
		else:
			return _away(reader, row, link) if link else _done(reader, RENEWED)
	return _sent(consent_pages.form(reader, row, name, asked, problem, entered.chosen), 422)


def _away(reader: Reader, row: Sharing, link: str) -> Response:
	ends_at = access_links.stay_open(reader.visit)
	there = replace(reader, visit=replace(reader.visit, ends_at=ends_at))
	return _sent(consent_pages.away(there, row, link))


def _entered() -> ways.Entered:
	form = frappe.request.form
	return ways.Entered(
		person=Secret(form.get("person", "").strip()[:MAX_FIELD]),
		business=Secret(form.get("business", "").strip()[:MAX_FIELD]),
		chosen=tuple(form.getlist("chosen")[:MAX_CHOSEN]),
	)


def _missing(asked: ways.Form, entered: ways.Entered, language: str) -> str:
	if asked.person and not entered.person:
		return _("Enter your number.", language)
	if asked.choices and not {choice.key for choice in asked.choices} & set(entered.chosen):
		return _("Choose at least one kind of data.", language)
	return ""


_ACTS: Mapping[str, Callable[[Reader, Sharing], Response | None]] = {
	"renew": lambda reader, row: _go(reader, row, "renew"),
	"change": lambda reader, row: _go(reader, row, "change"),
	"end": _end_it,
}


# --- answers


def _sent(page: page_frame.Page, status: int = 200) -> Response:
	headers = page_frame.HEADERS | {
		"Content-Security-Policy": page.policy,
		"Content-Language": page.language,
	}
	return Response(page.html, status=status, headers=headers, content_type="text/html; charset=utf-8")


def _moved(path: str) -> Response:
	"""To another address of the page: a reload sends nothing twice."""
	return Response("", status=303, headers=page_frame.HEADERS | {"Location": path})
