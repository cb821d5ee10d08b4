"""The bank's channel: a human sees a batch with its digest, and authorises or refuses it (section 1, F6)."""

from collections.abc import Callable, Iterable
from html import escape

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.kb import days, visits
from bank_api.sandbox.kb.batches import Batches
from bank_api.sandbox.kb.data import COMPANY
from bank_api.sandbox.kb.html import document, field, form, language_of, shown
from bank_api.sandbox.kb.model import OPEN, RJCT, Batch, Payment, Trip, User
from bank_api.sandbox.kb.numbers import number_of
from bank_api.sandbox.kb.pages import COOKIE, Pages, account_text, log_in
from bank_api.sandbox.kb.texts import TEXTS
from bank_api.sandbox.kb.visits import CHANNEL, Notice, Visits

PATH = "/mojebanka"
_PAGE = 100  # payments on a page
_COLUMNS = ("partner", "amount", "day", "symbols", "text", "status")


class Channel:
	"""The pages of the internet bank. The caller holds the lock."""

	def __init__(self, steps: Visits, pages: Pages, batches: Batches) -> None:
		self.visits, self.pages, self.batches, self.state = steps, pages, batches, steps.state

	def routes(self) -> list[tuple[str, str, Callable[..., Response]]]:
		"""Return method, path and function."""
		operations = (("home", ""), ("services", "/services"), ("batch", "/batches/<batch_id>"))
		found: list[tuple[str, str, Callable[..., Response]]] = [("GET", PATH, self.open)]
		for name, path in operations:
			call = self._within(getattr(self, name))
			found += [(method, f"{PATH}/<trip_id>{path}", call) for method in ("GET", "POST")]
		return found

	def open(self, request: Request) -> Response:
		"""GET /mojebanka."""
		trip = self.visits.channel()
		answer = self._go(trip)
		answer.set_cookie(COOKIE, trip.cookie, httponly=True, samesite="Lax")
		return answer

	@staticmethod
	def _go(trip: Trip, path: str = "") -> Response:
		return Response("", 303, {"Location": f"{PATH}/{trip.id}{path}", "Cache-Control": "no-store"})

	def _within(self, page: Callable[..., Response]) -> Callable[..., Response]:
		def endpoint(request: Request, trip_id: str, **arguments: str) -> Response:
			try:
				trip = self.visits.find(trip_id, request.cookies.get(COOKIE, ""), CHANNEL)
			except Notice as notice:
				return self.pages.notice(request, notice, CHANNEL)
			if trip.step == visits.HOME:
				return page(request, trip, self.state.users[trip.user], **arguments)
			if request.method == "POST":
				self.visits.submit(trip, request.form, ())
				return self._go(trip)
			return self._log_in(request, trip)

		return endpoint

	def _log_in(self, request: Request, trip: Trip) -> Response:
		language = language_of(request)
		words = {**TEXTS[language]}
		words["code_hint"] = words["code_hint"].format(code=escape(self.state.switches.code))
		if trip.step == visits.FAILED:
			return self._document(request, words["failed_title"], trip.step, f"<p>{words['failed_text']}</p>")
		return self._document(request, words[f"{trip.step}_title"], trip.step, log_in(trip, words))

	def _document(
		self, request: Request, title: str, step: str, inner: str, trip: Trip | None = None
	) -> Response:
		language = language_of(request)
		words = TEXTS[language]
		nav = ""
		if trip is not None:
			nav = (
				f'<nav><a href="{PATH}/{trip.id}">{words["home_title"]}</a>'
				f'<a href="{PATH}/{trip.id}/services">{words["services_title"]}</a></nav>'
			)
		code = self.state.switches.code
		return document(language, words["channel_area"], title, step, inner, code=code, nav=nav)

	# overview
	def home(self, request: Request, trip: Trip, user: User) -> Response:
		"""GET /mojebanka/{visit}."""
		words = TEXTS[language_of(request)]
		mine = [b for b in reversed(self.state.batches.values()) if self._sees(b, user)]
		waiting = [batch for batch in mine if batch.sign_state == OPEN]
		settled = [batch for batch in mine if batch.sign_state != OPEN]
		inner = f"<p>{words['home_text'].format(user=escape(user.name), company=escape(COMPANY))}</p>"
		inner += self._listed(trip, waiting, words) or f"<p>{words['home_none']}</p>"
		if settled:
			inner += f"<h2>{words['home_history']}</h2>{self._listed(trip, settled[:50], words)}"
		rows = "".join(
			f'<li>{account_text(a)}<small class="number">'
			f"{shown(self.state.balance(a, pending=True), a.currency, words)}</small></li>"
			for a in self.state.accounts_of(user)
		)
		inner += f'<h2>{words["accounts_title"]}</h2><ul class="rows">{rows}</ul>'
		return self._document(request, words["home_title"], "home", inner, trip)

	def _sees(self, batch: Batch, user: User) -> bool:
		return batch.user == user.id or self.batches.may_sign(batch, user)

	def _listed(self, trip: Trip, batches: Iterable[Batch], words: dict[str, str]) -> str:
		rows = "".join(
			f'<li><span><b><a href="{PATH}/{trip.id}/batches/{batch.id}">{escape(batch.name or batch.id)}</a></b>'
			f"<small>{batch.id}, {escape(batch.exchange)}: {batch.count}, {_sums(batch, words)}, "
			f"{words['status_' + batch.status]}</small></span></li>"
			for batch in batches
		)
		return f'<ul class="rows">{rows}</ul>' if rows else ""

	# one batch
	def batch(self, request: Request, trip: Trip, user: User, batch_id: str) -> Response:
		"""GET or POST /mojebanka/{visit}/batches/{batch}."""
		batch = self.state.batches.get(batch_id)
		if batch is None or not self._sees(batch, user):
			return self.pages.notice(request, Notice("unknown"), CHANNEL)
		if request.method == "POST":
			self._decide(request, trip, user, batch)
			return self._go(trip, f"/batches/{batch.id}")
		words = TEXTS[language_of(request)]
		title = words["batch_title"].format(name=escape(batch.name or batch.id))
		inner = self._facts(batch, words) + self._decision(trip, batch, user, words)
		payments = self.state.payments_of(batch)
		begin = max(0, request.args.get("from", 0, int))
		inner += f"<h2>{words['batch_list']}</h2>{_table(payments[begin : begin + _PAGE], words)}"
		if begin + _PAGE < len(payments):
			inner += f'<p><a href="?from={begin + _PAGE}">{words["batch_more"]}</a></p>'
		inner += f'<p><a href="{PATH}/{trip.id}">{words["to_home"]}</a></p>'
		return self._document(request, title, "batch", inner, trip)

	def _decide(self, request: Request, trip: Trip, user: User, batch: Batch) -> None:
		trip.error = ""
		if batch.sign_state == OPEN and self.batches.may_sign(batch, user):
			if request.form.get("action") == "refuse":
				self.batches.refuse(batch, user)
			elif request.form.get("code", "").strip() == self.state.switches.code:
				self.batches.authorise(batch, user)
			else:
				trip.error = "code_wrong"
		self.state.put(trip)

	def _facts(self, batch: Batch, words: dict[str, str]) -> str:
		told = batch.answer
		rejected = told["rejectedTransactionDebitCount"] + told["rejectedTransactionCreditCount"]
		app = self.state.apps.get(batch.app)
		facts = [
			("number", batch.id),
			("exchange", batch.exchange),
			("app", app.name if app else batch.app),
			("received", _moment(batch.received)),
			("payments", str(batch.count - rejected)),
			("rejected", str(rejected)),
			("total", _sums(batch, words)),
			("collected", _sums(batch, words, "Credit") if told["totalCreditAmount"] else ""),
			("mode", batch.mode),
			("waits_until", _moment(batch.expires) if batch.sign_state == OPEN else ""),
			("decided", f"{_moment(batch.decided)} {self._name(batch)}" if batch.decided else ""),
		]
		rows = "".join(
			f"<dt>{words['batch_' + n]}</dt><dd>{escape(value)}</dd>" for n, value in facts if value
		)
		digest = f'<dt>{words["batch_digest"]}</dt><dd class="digest" id="digest">{batch.digest}</dd>'
		return f'<dl>{rows}{digest}</dl><p class="hint">{words["batch_digest_hint"]}</p>'

	def _name(self, batch: Batch) -> str:
		user = self.state.users.get(batch.decided_by)
		return user.name if user else ""

	def _decision(self, trip: Trip, batch: Batch, user: User, words: dict[str, str]) -> str:
		if batch.sign_state != OPEN:
			kind, name = ("error", "batch_turned_down") if batch.status == RJCT else ("good", "batch_signed")
			return f'<p class="{kind}" role="status">{words[name]}</p>'
		if not self.batches.may_sign(batch, user):
			return f'<p class="error" role="status">{words["batch_not_yours"]}</p>'
		hint = words["code_hint"].format(code=escape(self.state.switches.code))
		error = words[trip.error] if trip.error else ""
		attributes = 'inputmode="numeric" autocomplete="one-time-code" maxlength="8"'
		inner = field("code", words["code_label"], error, f"{words['code_text']} {hint}", attributes)
		return form(inner, words["batch_sign"], "sign", words["batch_refuse"])

	# API services
	def services(self, request: Request, trip: Trip, user: User) -> Response:
		"""GET or POST /mojebanka/{visit}/services: the yearly authorisation, and what applications may do."""
		if request.method == "POST":
			self._serve(user, request.form.get("action", ""))
			return self._go(trip, "/services")
		words = TEXTS[language_of(request)]
		valid = user.service_until > self.state.now
		text = words["services_text" if valid else "services_lapsed"].format(
			until=_moment(user.service_until)
		)
		inner = f'<p role="status">{text}</p>{form("", words["services_renew"], "renew")}'
		for grant in self.state.grants_of(user):
			app = self.state.apps.get(grant.app)
			if grant.state != "active" or app is None or grant.refresh_expires <= self.state.now:
				continue
			name = escape(app.name)
			shown = words["services_grant"].format(
				app=name, scopes=" ".join(grant.scopes), until=_moment(grant.refresh_expires)
			)
			inner += (
				f'<form method="post"><p>{shown}</p><button class="quiet" name="action" value="{grant.id}">'
				f"{words['services_revoke'].format(app=name)}</button></form>"
			)
		return self._document(request, words["services_title"], "services", inner, trip)

	def _serve(self, user: User, action: str) -> None:
		if action == "renew":
			user.service_until = self.state.service_end()
			self.state.put(user)
			return
		grant = self.state.grants.get(action)
		if grant is not None and grant.user == user.id:
			self.visits.caas.end(grant)


def _moment(ms: int) -> str:
	moment = days.local(ms)
	return f"{moment.day}. {moment.month}. {moment.year} {moment:%H:%M}"


def _sums(batch: Batch, words: dict[str, str], side: str = "Debit") -> str:
	return shown(batch.answer[f"total{side}Amount"], batch.currency, words)


def _table(payments: Iterable[Payment], words: dict[str, str]) -> str:
	head = "".join(f"<th>{words['col_' + name]}</th>" for name in _COLUMNS)
	rows = "".join(_row(payment, words) for payment in payments)
	return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(payment: Payment, words: dict[str, str]) -> str:
	details, number = payment.details, number_of(payment.partner)
	marks = (("VS", "variable"), ("KS", "constant"), ("SS", "specific"))
	symbols = " ".join(f"{mark} {details[name]}" for mark, name in marks if name in details)
	state = words[f"status_{payment.status}"]
	if payment.errors:
		state += ": " + "; ".join(f"{error['code']} {error['message']}" for error in payment.errors)
	cells = [
		f"<td>{escape(str(number or payment.partner))}<br><small>{escape(details.get('name', ''))}</small></td>",
		f'<td class="number">{"+" if payment.collection else ""}{shown(payment.amount, escape(payment.currency), words)}</td>',
		f'<td class="day">{escape(payment.day)}</td><td>{escape(symbols)}</td>',
		f"<td>{escape(details.get('message', ''))}</td><td>{escape(state)}</td>",
	]
	return f"<tr>{''.join(cells)}</tr>"
