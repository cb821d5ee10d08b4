"""The end user's pages: Hebrew, right to left, plain forms without script, usable by keyboard."""

from collections.abc import Callable
from html import escape

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.migdal import flow
from bank_api.sandbox.migdal.flow import ENDED, Denied, Flow, LinkError
from bank_api.sandbox.migdal.model import COMPANIES, Account, Consent, Trip
from bank_api.sandbox.migdal.texts import STYLE, TEXTS

COOKIE = "migdal_visit"


class Pages:
	"""Shows where a trip stands, and takes the answers. The caller holds the lock."""

	def __init__(self, steps: Flow) -> None:
		self.flow, self.state, self.views = steps, steps.state, steps.views

	# entry
	def authorize(self, request: Request) -> Response:
		"""GET /oauth/authorize."""
		return self._open(lambda cookie: self.flow.authorize(request.args, cookie), request)

	def start(self, request: Request, ticket: str) -> Response:
		"""GET /oauth/start/{ticket}."""
		return self._open(lambda cookie: self.flow.start(ticket, request.args, cookie), request)

	def _open(self, begin: Callable[[str], Trip], request: Request) -> Response:
		try:
			trip = begin(request.cookies.get(COOKIE, ""))
		except LinkError as error:
			return self._notice(error)
		except Denied as denied:
			return Response("", 302, {"Location": denied.location, "Cache-Control": "no-store"})
		answer = Response("", 303, {"Location": f"/consent/{trip.id}", "Cache-Control": "no-store"})
		answer.set_cookie(COOKIE, trip.cookie, httponly=True, samesite="Lax")
		return answer

	def visit(self, request: Request, trip_id: str) -> Response:
		"""GET or POST /consent/{trip}."""
		try:
			trip = self.flow.find(trip_id, request.cookies.get(COOKIE, ""))
		except LinkError as error:
			return self._notice(error)
		if request.method == "POST":
			self.flow.submit(trip, request.form, request.form.getlist("loans"))
			return Response("", 303, {"Location": f"/consent/{trip.id}", "Cache-Control": "no-store"})
		return self._page(trip)

	def leave(self, request: Request, trip_id: str) -> Response:
		"""GET /consent/{trip}/return: back to the client."""
		try:
			trip = self.flow.find(trip_id, request.cookies.get(COOKIE, ""))
		except LinkError as error:
			return self._notice(error)
		if trip.step not in ENDED:
			return Response("", 303, {"Location": f"/consent/{trip.id}"})
		headers = {"Location": trip.location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
		return Response("", 302, headers)

	# pages
	def _page(self, trip: Trip) -> Response:
		consent = self.flow.consent(trip)
		words = self._words(consent, trip)
		inner = {
			flow.LOGIN: self._login,
			flow.OTP: self._otp,
			flow.CHOOSE: self._accounts,
			flow.CONFIRM: self._accounts,
		}.get(trip.step, self._end)(trip, consent, words)
		refresh = f"6;url=/consent/{trip.id}/return" if trip.step in ENDED else ""
		name = trip.step
		steps = _steps("choose" if consent.bank_offered else "confirm", name)
		return _document(words[f"{name}_title"], name, steps, inner, refresh=refresh)

	def _words(self, consent: Consent, trip: Trip) -> dict[str, str]:
		values = {
			"client": f"<bdi>{escape(consent.client_name or consent.client_id)}</bdi>",
			"company": f"<bdi>{escape(COMPANIES[consent.company])}</bdi>",
			"otp": f"<bdi>{escape(self.state.switches.otp)}</bdi>",
			"latest": f"<bdi>{_day(self.flow.latest(trip))}</bdi>",
			"until": f"<bdi>{_day(consent.valid_until)}</bdi>",
			"times": str(consent.frequency),
			"rights": ", ".join(TEXTS[f"right_{right}"] for right in consent.asked),
		}
		return {name: text.format_map(values) for name, text in TEXTS.items()}

	@staticmethod
	def _error(trip: Trip, words: dict[str, str]) -> str:
		return f'<p class="error" id="error" role="alert">{words[trip.error]}</p>' if trip.error else ""

	def _login(self, trip: Trip, consent: Consent, words: dict[str, str]) -> str:
		field = _field(
			trip, "psu_id", words["psu_id"], 'inputmode="numeric" autocomplete="username" maxlength="20"'
		)
		return f"<p>{words['login_text']}</p>{self._error(trip, words)}{_form(field, words)}"

	def _otp(self, trip: Trip, consent: Consent, words: dict[str, str]) -> str:
		field = _field(
			trip, "otp", words["otp_label"], 'inputmode="numeric" autocomplete="one-time-code" maxlength="8"'
		)
		hint = f'<p class="hint">{words["otp_hint"]}</p>'
		return f"<p>{words['otp_text']}</p>{self._error(trip, words)}{_form(field + hint, words)}"

	def _accounts(self, trip: Trip, consent: Consent, words: dict[str, str]) -> str:
		choosing = trip.step == flow.CHOOSE
		rows = "".join(self._account(account, choosing, words) for account in self.flow.offered(trip))
		if choosing:
			described = ' aria-describedby="error"' if trip.error == "none_chosen" else ""
			listed = f'<fieldset{described}><legend>{words["legend"]}</legend><div class="loans">{rows}</div></fieldset>'
		else:
			listed = f'<ul class="loans">{rows}</ul>'
		often = words["often"] if consent.recurring else words["once"]
		inner = f"{listed}<p>{words['rights']} {often}</p>{self._validity(trip, consent, words)}"
		text = words["choose_text" if choosing else "confirm_text"]
		return f"<p>{text}</p>{self._error(trip, words)}{_form(inner, words, 'approve')}"

	def _account(self, account: Account, choosing: bool, words: dict[str, str]) -> str:
		amount = f"{self.views.booked_sum(account):,.2f}"
		title = account.details.get("product") or account.details.get("name") or ""
		text = (
			f"<span><b>{escape(title)}</b><small><bdi>{escape(account.number)}</bdi></small>"
			f'<small>{words["balance"]}: <bdi dir="ltr">{amount} {escape(account.currency)}</bdi></small></span>'
		)
		if not choosing:
			return f"<li>{text}</li>"
		return f'<label><input type="checkbox" name="loans" value="{escape(account.number)}">{text}</label>'

	def _validity(self, trip: Trip, consent: Consent, words: dict[str, str]) -> str:
		if consent.granted:
			return f"<p>{words['valid_fixed']}</p>"
		latest = self.flow.latest(trip)
		described = "valid_hint error" if trip.error == "bad_date" else "valid_hint"
		return (
			f'<label for="valid_until">{words["valid_until"]}</label>'
			f'<input type="date" id="valid_until" name="valid_until" required min="{self.state.today}" max="{latest}" '
			f'value="{latest}" aria-describedby="{described}"><p class="hint" id="valid_hint">{words["valid_hint"]}</p>'
		)

	def _end(self, trip: Trip, consent: Consent, words: dict[str, str]) -> str:
		text = words[f"{trip.step}_text"]
		return (
			f'{self._error(trip, words)}<p role="status">{text}</p>'
			f'<p><a class="button" href="/consent/{trip.id}/return">{words["back"]}</a></p>'
		)

	def _notice(self, error: LinkError) -> Response:
		inner = f'<p class="error" role="alert">{TEXTS["notice_" + error.name]}</p>'
		return _document(TEXTS["notice_title"], f"notice_{error.name}", "", inner, error.status)


def _day(text: str) -> str:
	return ".".join(reversed(text.split("-")))


def _field(trip: Trip, name: str, label: str, attributes: str) -> str:
	described = ' aria-describedby="error" aria-invalid="true"' if trip.error else ""
	return (
		f'<label for="{name}">{label}</label><input type="text" class="number" id="{name}" name="{name}" required '
		f"autofocus {attributes}{described}>"
	)


def _form(inner: str, words: dict[str, str], label: str = "continue") -> str:
	# the refusal is a form of its own: a field left empty must not stand in its way
	return (
		f'<form method="post" id="main">{inner}</form><form method="post" id="refusal"></form>'
		f'<div class="actions"><button form="main" name="action" value="{label}">{words[label]}</button>'
		f'<button form="refusal" class="quiet" name="action" value="refuse">{words["refuse"]}</button></div>'
	)


def _steps(third: str, current: str) -> str:
	names = ["login", "otp", third, "end"]
	place = "end" if current in ENDED else third if current in (flow.CHOOSE, flow.CONFIRM) else current
	rows = "".join(_step(name, name == place) for name in names)
	return f'<nav aria-label="{TEXTS["steps"]}"><ol class="steps">{rows}</ol></nav>'


def _step(name: str, current: bool) -> str:
	mark = ' aria-current="step"' if current else ""
	return f"<li{mark}>{TEXTS['step_' + name]}</li>"


def _document(
	title: str, step: str, steps: str, inner: str, status: int = 200, refresh: str = ""
) -> Response:
	meta = f'<meta http-equiv="refresh" content="{escape(refresh)}">' if refresh else ""
	text = (
		'<!DOCTYPE html><html lang="he" dir="rtl"><head><meta charset="utf-8">'
		f"<title>{title} – {TEXTS['brand']}</title>"
		f'<meta name="viewport" content="width=device-width, initial-scale=1">{meta}<style>{STYLE}</style></head>'
		f'<body data-step="{escape(step)}"><a class="skip" href="#content">{TEXTS["skip"]}</a>'
		f"<header><div><strong>{TEXTS['brand']}</strong><span>{TEXTS['portal']}</span></div></header>{steps}"
		f'<main id="content"><h1>{title}</h1>{inner}</main><footer>{TEXTS["sandbox"]}</footer></body></html>'
	)
	headers = {
		"Cache-Control": "no-store",
		"Referrer-Policy": "no-referrer",
		"X-Content-Type-Options": "nosniff",
		"X-Frame-Options": "DENY",
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
	}
	return Response(text, status, headers, content_type="text/html; charset=utf-8")
