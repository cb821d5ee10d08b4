"""The banks' pages: log-in, choice and approval, and the page of a further approver (sections 3.7 and 3.9)."""

from html import escape

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.quanto import html
from bank_api.sandbox.quanto.bank.directory import BANKS
from bank_api.sandbox.quanto.bank.flow import Flow, LinkError
from bank_api.sandbox.quanto.bank.model import ACCOUNT, CARD, Consent, Product, Visit
from bank_api.sandbox.quanto.bank.texts import TEXTS
from bank_api.sandbox.quanto.stamps import moment

COOKIE = "ofb_visit"


class Pages:
	"""Shows where a visit stands, and takes the answers. The caller holds the lock."""

	def __init__(self, flow: Flow) -> None:
		self.flow, self.state = flow, flow.state

	# entry
	def authorize(self, request: Request, bank: str) -> Response:
		"""GET /{bank}/authorize: from Quanto, with the announced request."""
		try:
			visit = self.flow.open(bank, request.args.get("request_uri", ""), request.cookies.get(COOKIE, ""))
		except LinkError as error:
			return self._notice(request, bank, error)
		return self._enter(visit)

	def approvals(self, request: Request, bank: str, consent_id: str) -> Response:
		"""GET /{bank}/approvals/{consentId}: a further approver comes from the bank's own message."""
		try:
			visit = self.flow.approver(bank, consent_id)
		except LinkError as error:
			return self._notice(request, bank, error)
		return self._enter(visit)

	@staticmethod
	def _enter(visit: Visit) -> Response:
		answer = html.see_other(f"/{visit.bank}/visit/{visit.id}")
		answer.set_cookie(COOKIE, visit.cookie, path=f"/{visit.bank}/", httponly=True, samesite="Lax")
		return answer

	def visit(self, request: Request, bank: str, visit_id: str) -> Response:
		"""GET or POST /{bank}/visit/{id}."""
		try:
			visit = self.flow.find(bank, visit_id, request.cookies.get(COOKIE, ""))
		except LinkError as error:
			return self._notice(request, bank, error)
		if request.method == "POST":
			self.flow.submit(visit, request.form, request.form.getlist("resources"))
			if visit.location:
				return html.leave(visit.location)
			return html.see_other(request.full_path.rstrip("?"))
		if visit.location:
			return html.leave(visit.location)
		return self._page(request, visit)

	# pages
	def _page(self, request: Request, visit: Visit) -> Response:
		language = html.language_of(request, visit.language)
		words = TEXTS[language]
		consent = self.state.consents[visit.consent]
		make = {"login": self._login, "choose": self._choose, "approvals": self._approvals}
		inner = make[visit.step](visit, consent, words) if visit.step in make else self._done(words)
		return self._document(visit.bank, language, visit.step, inner)

	def _document(self, bank: str, language: str, step: str, inner: str, status: int = 200) -> Response:
		words, found = TEXTS[language], BANKS.get(bank)
		name, color = (found.name, found.color) if found else ("Open Finance", "#333333")
		return html.document(
			language=language,
			brand=name,
			title=words[f"{step}_title"],
			step=f"bank_{step}",
			inner=inner,
			style=html.style_of({"primary": color, "on_primary": "#ffffff"}, ""),
			footer=words["sandbox"],
			skip=words["skip"],
			status=status,
		)

	def _login(self, visit: Visit, consent: Consent, words: dict[str, str]) -> str:
		error = words.get(visit.error, "")
		attributes = 'inputmode="numeric" autocomplete="username" maxlength="14" required dir="ltr"'
		entry = html.field("cpf", words["cpf"], "", attributes, error)
		refuse = (("refuse", words["refuse"]),) if visit.redirect_uri else ()
		main = html.form(entry, ("login", words["continue"]), quiet=refuse)
		return f"<p>{escape(words['login_text'])}</p>{html.error_box(error)}{main}"

	def _choose(self, visit: Visit, consent: Consent, words: dict[str, str]) -> str:
		error = words.get(visit.error, "")
		rows = "".join(self._product(p, visit, words) for p in self.flow.offered(consent))
		listed = (
			f'<fieldset><legend>{escape(words["products"])}</legend><div class="rows">{rows}</div></fieldset>'
		)
		until = words["no_end"]
		if consent.expires:
			until = words["until"].format(until=f"{moment(consent.expires):%Y-%m-%d}")
		inner = f"{listed if rows else ''}<p>{escape(until)}</p>"
		main = html.form(inner, ("approve", words["approve"]), quiet=(("refuse", words["refuse"]),))
		return f"<p>{escape(words['choose_text'])}</p>{html.error_box(error)}{main}"

	def _product(self, product: Product, visit: Visit, words: dict[str, str]) -> str:
		waits = f" · {escape(words['several'])}" if set(product.approvers) - {visit.cpf} else ""
		return (
			f'<label><input type="checkbox" name="resources" value="{escape(product.id)}" checked>'
			f"<span><b>{escape(words[product.type])}</b><small><bdi>{escape(label_of(product))}</bdi>{waits}</small></span></label>"
		)

	def _approvals(self, visit: Visit, consent: Consent, words: dict[str, str]) -> str:
		rows = "".join(
			f"<div><b>{escape(words[p.type])}</b><small><bdi>{escape(label_of(p))}</bdi></small></div>"
			for p in self.flow.pending(consent, visit.cpf)
		)
		buttons = (("agree", words["agree"]), ("disagree", words["disagree"]))
		main = html.form("", buttons[0], quiet=(buttons[1],))
		return f'<p>{escape(words["approvals_text"])}</p><div class="rows">{rows}</div>{main}'

	@staticmethod
	def _done(words: dict[str, str]) -> str:
		return f'<p class="good" role="status">{escape(words["done_text"])}</p>'

	def _notice(self, request: Request, bank: str, error: LinkError) -> Response:
		language = html.language_of(request)
		inner = html.error_box(TEXTS[language][f"notice_{error.name}"])
		return self._document(bank, language, "notice", inner, error.status)


def label_of(product: Product) -> str:
	"""Return what a customer knows a product by."""
	if product.type == ACCOUNT:
		listed = product.listed
		branch = f"{listed['branchCode']} / " if "branchCode" in listed else ""
		return f"{branch}{listed['number']}-{listed['checkDigit']}"
	if product.type == CARD:
		number = product.detail["paymentMethod"][0]["identificationNumber"]
		return f"{product.listed['name']} •••• {number}"
	return str(product.detail["contractNumber"])
