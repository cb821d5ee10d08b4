"""The pages on which an application is registered and a consent is given."""

from collections.abc import Callable
from html import escape

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.kb import visits
from bank_api.sandbox.kb.data import COMPANY
from bank_api.sandbox.kb.html import document, field, form, language_of, shown
from bank_api.sandbox.kb.model import Account, Trip
from bank_api.sandbox.kb.texts import TEXTS
from bank_api.sandbox.kb.visits import AUTHORIZE, ENDED, REGISTER, Notice, Visits

COOKIE = "kb_visit"
REGISTER_PATH, AUTHORIZE_PATH = "/client-registration-ui/v2/saml/register", "/autfe/ssologin"


class Pages:
	"""Shows where a visit stands, and takes the answers. The caller holds the lock."""

	def __init__(self, steps: Visits) -> None:
		self.visits, self.state = steps, steps.state

	def routes(self) -> list[tuple[str, str, Callable[..., Response]]]:
		"""Return method, path and function."""
		return [
			("GET", REGISTER_PATH, lambda request: self._open(request, REGISTER)),
			("GET", AUTHORIZE_PATH, lambda request: self._open(request, AUTHORIZE)),
			("GET", "/visit/<trip_id>", self.visit),
			("POST", "/visit/<trip_id>", self.visit),
			("GET", "/visit/<trip_id>/return", self.leave),
		]

	def _open(self, request: Request, purpose: str) -> Response:
		begin = self.visits.register if purpose == REGISTER else self.visits.authorize
		try:
			trip = begin(request.args)
		except Notice as notice:
			return self.notice(request, notice, purpose)
		answer = Response("", 303, {"Location": f"/visit/{trip.id}", "Cache-Control": "no-store"})
		answer.set_cookie(COOKIE, trip.cookie, httponly=True, samesite="Lax")
		return answer

	def _find(self, request: Request, trip_id: str) -> Trip:
		return self.visits.find(trip_id, request.cookies.get(COOKIE, ""), REGISTER, AUTHORIZE)

	def visit(self, request: Request, trip_id: str) -> Response:
		"""GET or POST /visit/{trip}."""
		try:
			trip = self._find(request, trip_id)
		except Notice as notice:
			return self.notice(request, notice, AUTHORIZE)
		if request.method == "POST":
			self.visits.submit(trip, request.form, request.form.getlist("accounts"))
			return Response("", 303, {"Location": f"/visit/{trip.id}", "Cache-Control": "no-store"})
		return self._page(request, trip)

	def leave(self, request: Request, trip_id: str) -> Response:
		"""GET /visit/{trip}/return: back to the application."""
		try:
			trip = self._find(request, trip_id)
		except Notice as notice:
			return self.notice(request, notice, AUTHORIZE)
		if trip.step not in ENDED:
			return Response("", 303, {"Location": f"/visit/{trip.id}"})
		headers = {"Location": trip.location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
		return Response("", 302, headers)

	def notice(self, request: Request, notice: Notice, purpose: str) -> Response:
		"""Say why a visit cannot go on."""
		language = language_of(request)
		words = TEXTS[language]
		text = f'<p class="error" role="alert">{words["notice_" + notice.name]}</p>'
		name = f"notice_{notice.name}"
		code = self.state.switches.code
		return document(
			language, words[f"{purpose}_area"], words["notice_title"], name, text, code=code, status=400
		)

	def _page(self, request: Request, trip: Trip) -> Response:
		language = language_of(request)
		values = {
			"app": escape(self.visits.app_name(trip)),
			"vendor": escape(str(trip.request.get("vendor", ""))),
			"company": escape(COMPANY),
			"code": escape(self.state.switches.code),
			"until": "",
		}
		words = {
			name: text.format(**values) if not name.startswith(("batch", "services", "home")) else text
			for name, text in TEXTS[language].items()
		}
		inner, title = self._inner(trip, words)
		refresh = f"6;url=/visit/{trip.id}/return" if trip.step in ENDED else ""
		step = trip.purpose if trip.step == visits.DECIDE else trip.step
		area = words[f"{trip.purpose}_area"]
		code = self.state.switches.code
		return document(language, area, title, step, inner, code=code, refresh=refresh)

	def _inner(self, trip: Trip, words: dict[str, str]) -> tuple[str, str]:
		if trip.step in (visits.LOGIN, visits.CODE):
			return log_in(trip, words, words["refuse"]), words[f"{trip.step}_title"]
		if trip.step in ENDED:
			text = f'<p role="status">{words[f"{trip.step}_text"]}</p>'
			back = f'<p><a class="button" href="/visit/{trip.id}/return">{words["back"]}</a></p>'
			return text + back, words[f"{trip.step}_title"]
		if trip.purpose == REGISTER:
			inner = f"<p>{words['register_text']}</p><p>{words['register_scopes']}</p>"
			inner += _scopes(list(trip.request["scope"]), words)
		else:
			inner = f"<p>{words['authorize_text']}</p>{_scopes(list(trip.request['scopes']), words)}"
			inner += self._accounts(trip, words)
		return form(inner, words["approve"], "approve", words["refuse"]), words[f"{trip.purpose}_title"]

	def _accounts(self, trip: Trip, words: dict[str, str]) -> str:
		wrong = f'<p class="error" role="alert">{words[trip.error]}</p>' if trip.error else ""
		rows = "".join(
			f'<label><input type="checkbox" name="accounts" value="{account.iban}">{account_text(account)}'
			f'<small class="number">{shown(self.state.balance(account), account.currency, words)}</small></label>'
			for account in self.state.accounts_of(self.state.users[trip.user])
		)
		return (
			f'{wrong}<fieldset><legend>{words["accounts"]}</legend><div class="rows">{rows}</div></fieldset>'
		)


def account_text(account: Account) -> str:
	"""Show an account."""
	return (
		f"<span><b>{escape(account.name)}</b><small>{account.iban}, {escape(account.product)}</small></span>"
	)


def _scopes(scopes: list[str], words: dict[str, str]) -> str:
	rows = "".join(f"<li>{words['scope_' + scope]}</li>" for scope in scopes)
	return f'<ul class="rows">{rows}</ul>'


def log_in(trip: Trip, words: dict[str, str], quiet: str = "") -> str:
	"""Make the form of the two log-in steps."""
	error = words[trip.error] if trip.error else ""
	if trip.step == visits.LOGIN:
		attributes = 'inputmode="numeric" autocomplete="username" maxlength="20"'
		inner = field("user", words["user"], error, attributes=attributes)
		return f"<p>{words['login_text']}</p>{form(inner, words['continue'], 'continue', quiet)}"
	attributes = 'inputmode="numeric" autocomplete="one-time-code" maxlength="8"'
	inner = field("code", words["code_label"], error, words["code_hint"], attributes)
	return f"<p>{words['code_text']}</p>{form(inner, words['continue'], 'continue', quiet)}"
