"""Quanto's pages for the end user, in the customer's theme and words; and the onboarding form."""

from html import escape
from typing import Any

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.quanto import flow, html
from bank_api.sandbox.quanto.aggregator import Values
from bank_api.sandbox.quanto.bank.directory import BANKS
from bank_api.sandbox.quanto.documents import masked
from bank_api.sandbox.quanto.errors import OfbError
from bank_api.sandbox.quanto.flow import Flow
from bank_api.sandbox.quanto.model import OVER, Session, Sharing, Tenant
from bank_api.sandbox.quanto.permissions import whole
from bank_api.sandbox.quanto.setup import CONTACTS, Setup
from bank_api.sandbox.quanto.texts import TEXTS

COOKIE = "quanto_session"
# The page of each step, and the customer's product whose theme it wears (requirement 2.4).
_PRODUCTS = {flow.PANEL: "consent-management", flow.REVOKE: "consent-management"}


class Pages:
	"""Shows where a session stands, and takes the answers. The caller holds the lock."""

	def __init__(self, steps: Flow) -> None:
		self.flow, self.state = steps, steps.state

	# entry
	def open(self, request: Request, ticket: str) -> Response:
		"""GET /s/{ticket}: the session's link."""
		session = self.flow.open(ticket)
		if session is None:
			return self._notice(request, "gone", 410)
		answer = html.see_other(f"/session/{session.id}")
		answer.set_cookie(
			COOKIE, session.cookie, path=f"/session/{session.id}", httponly=True, samesite="Lax"
		)
		return answer

	def visit(self, request: Request, session_id: str) -> Response:
		"""GET or POST /session/{sessionId}."""
		session = self.flow.find(session_id, request.cookies.get(COOKIE, ""))
		if session is None:
			return self._notice(request, "unknown", 404)
		if session.status in OVER:
			return html.leave(self.flow.way_back(session))
		if request.method == "POST":
			location = self.flow.submit(session, request.form, request.form.getlist("groups"))
			if location:
				return html.leave(location)
			return html.see_other(request.full_path.rstrip("?"))
		return self._page(request, session)

	def callback(self, request: Request) -> Response:
		"""GET /callback: from a bank."""
		session = self.flow.come_back(request.args.get("state", ""), request.args.get("code", ""))
		if session is None:
			return self._notice(request, "unknown", 404)
		return html.see_other(f"/session/{session.id}")

	# pages
	def _page(self, request: Request, session: Session) -> Response:
		language = html.language_of(request, session.language)
		tenant = self.flow.aggregator.tenants[session.tenant]
		theme = tenant.whitelabel.get(_PRODUCTS.get(session.step, "tsp"), {})
		words = TEXTS[language] | {
			key: text for key, text in theme.get("texts", {}).items() if key in TEXTS[language] and text
		}
		make = {
			flow.PANEL: self._panel,
			flow.CONFIRM: self._confirm,
			flow.CHOOSE: self._choose,
			flow.REVOKE: self._revoke,
		}.get(session.step, self._result)
		words = {name: text.replace("{client}", tenant.name) for name, text in words.items()}
		inner = self._said(session, words) + make(session, tenant, words)
		return _document(language, words, tenant.name, session.step, inner, theme)

	@staticmethod
	def _said(session: Session, words: dict[str, str]) -> str:
		text = words.get(f"say_{session.notice}", "")
		if not text:
			return ""
		if session.notice in ("shared", "waiting", "revoked"):
			return f'<p class="good" role="status">{escape(text)}</p>'
		return html.error_box(text)

	def _panel(self, session: Session, tenant: Tenant, words: dict[str, str]) -> str:
		rows = "".join(self._sharing(sharing, data, words) for sharing, data in self.flow.shared(session))
		empty = f"<p>{escape(words['panel_empty'])}</p>"
		listed = f'<form method="post" class="rows">{rows}</form>' if rows else empty
		quiet = (("leave", words["leave"]),)
		return f"<p>{escape(words['panel_text'])}</p>{listed}" + html.form(
			"", ("share", words["share"]), quiet=quiet
		)

	def _sharing(self, sharing: Sharing, data: Values, words: dict[str, str]) -> str:
		bank = escape(BANKS[sharing.bank].name)
		pending = data["status"] == "AUTHORISED" and sharing.several and not sharing.announced
		status = words["status_" + ("PENDING" if pending else data["status"])]
		until = data.get("expirationDateTime", "")[:10] or words["no_end"]
		groups = ", ".join(words[f"group_{group.key}"] for group in whole(data["permissions"]))
		buttons = ""
		if data["status"] != "REJECTED":
			mark = escape(sharing.id)
			buttons = "".join(
				f'<button class="quiet" name="action" value="{verb}:{mark}">{escape(words[verb])}'
				f'<span class="hint"> · {bank}</span></button>'
				for verb in ("change", "revoke")
			)
		return (
			f"<div><b>{bank}</b><small>{escape(status)} · {escape(words['until'])}: <bdi>{escape(until)}</bdi></small>"
			f"<small>{escape(groups)}</small>{buttons}</div>"
		)

	def _confirm(self, session: Session, tenant: Tenant, words: dict[str, str]) -> str:
		rows = [(words["cpf"], masked(session.cpf))]
		if session.cnpj:
			rows.append((words["cnpj"], masked(session.cnpj)))
		purpose = session.purpose or tenant.whitelabel.get("tsp", {}).get("purpose") or words["no_purpose"]
		rows.append((words["purpose"], purpose))
		rows.append((words["until"], session.expiration[:10] or words["no_end"]))
		listed = "".join(
			f"<dt>{escape(name)}</dt><dd><bdi>{escape(value)}</bdi></dd>" for name, value in rows
		)
		buttons = html.form("", ("confirm", words["confirm"]), quiet=(("back", words["back"]),))
		return f"<p>{escape(words['confirm_text'])}</p><dl>{listed}</dl>{buttons}"

	def _choose(self, session: Session, tenant: Tenant, words: dict[str, str]) -> str:
		fixed = session.draft.get("bank", "")
		banks = [bank for bank in BANKS.values() if fixed in ("", bank.key)]
		first = fixed or session.bank
		rows = "".join(
			f'<label><input type="radio" name="bank" value="{bank.key}"{" checked" if bank.key == first else ""}>'
			f"<span><b>{escape(bank.name)}</b></span></label>"
			for bank in banks
		)
		groups = "".join(
			f'<label><input type="checkbox" name="groups" value="{group.key}" checked>'
			f"<span><b>{escape(words[f'group_{group.key}'])}</b></span></label>"
			for group in self.flow.groups(session)
		)
		inner = (
			f'<fieldset><legend>{escape(words["banks"])}</legend><div class="rows">{rows}</div></fieldset>'
			f'<fieldset><legend>{escape(words["groups"])}</legend><div class="rows">{groups}</div></fieldset>'
		)
		buttons = html.form(inner, ("continue", words["to_bank"]), quiet=(("back", words["back"]),))
		return f"<p>{escape(words['choose_text'])}</p>{buttons}"

	def _revoke(self, session: Session, tenant: Tenant, words: dict[str, str]) -> str:
		sharing = self.flow.aggregator.sharings[session.draft["consent"]]
		text = words["revoke_text"].replace("{bank}", BANKS[sharing.bank].name)
		buttons = html.form("", ("revoke", words["revoke_yes"]), quiet=(("back", words["back"]),))
		return f"<p>{escape(text)}</p>{buttons}"

	@staticmethod
	def _result(session: Session, tenant: Tenant, words: dict[str, str]) -> str:
		buttons = html.form("", ("finish", words["finish"]), quiet=(("another", words["another"]),))
		return f"<p>{escape(words['result_text'])}</p>{buttons}"

	def _notice(self, request: Request, name: str, status: int) -> Response:
		language = html.language_of(request)
		words = TEXTS[language]
		inner = html.error_box(words[f"notice_{name}"])
		return _document(language, words, "Quanto", "notice", inner, {}, status)


class OnboardingPages:
	"""The form behind the one-time link (requirement 2.1). The caller holds the lock."""

	def __init__(self, setup: Setup) -> None:
		self.setup = setup

	def handle(self, request: Request, token: str) -> Response:
		"""GET, or POST of the form; JSON goes to the API."""
		if request.method == "POST" and request.mimetype == "application/json":
			return self.setup.onboard(request, token)
		language = html.language_of(request)
		words = TEXTS[language]
		try:
			invitation = self.setup.invitation(token)
		except OfbError as error:
			inner = html.error_box(words["notice_onboarding"])
			return _document(language, words, "Quanto", "notice", inner, {}, error.status)
		wrong = ""
		if request.method == "POST":
			try:
				_key_id, key = self.setup.admit(invitation, _submitted(request))
			except OfbError as error:
				wrong = error.detail
			else:
				inner = f'<p>{escape(words["key_text"])}</p><p class="good"><code id="api-key">{escape(key)}</code></p>'
				return _document(language, words, "Quanto", "key", inner, {})
		inner = html.error_box(wrong) + self._form(words, request.form)
		return _document(language, words, "Quanto", "onboarding", inner, {}, 422 if wrong else 200)

	@staticmethod
	def _form(words: dict[str, str], values: Any) -> str:
		names = ("name", "cnpj", "contact_name", "contact_email", "contact_phone")
		fields = "".join(html.field(name, words[f"field_{name}"], values.get(name, "")) for name in names)
		options = "".join(f"<option>{kind}</option>" for kind in CONTACTS)
		select = f'<label for="type">{escape(words["field_type"])}</label><select id="type" name="type">{options}</select>'
		text = f"<p>{escape(words['onboarding_text'])}</p>"
		return text + html.form(fields + select, ("onboard", words["send"]))


def _submitted(request: Request) -> dict[str, Any]:
	values = request.form
	contact = {"type": values.get("type"), "name": values.get("contact_name", "")}
	contact |= {"email": values.get("contact_email", ""), "phone": values.get("contact_phone", "")}
	institution = {"name": values.get("name", ""), "cnpj": values.get("cnpj", "")}
	return {"institution": institution, "contacts": [contact]}


def _document(
	language: str,
	words: dict[str, str],
	brand: str,
	step: str,
	inner: str,
	theme: dict[str, Any],
	status: int = 200,
) -> Response:
	return html.document(
		language=language,
		brand=brand,
		title=words[f"{step}_title"],
		step=step,
		inner=inner,
		style=html.style_of(theme.get("colors", {}), theme.get("fonts", {}).get("family", "")),
		footer=words["footer"],
		logo=theme.get("logoUrl", ""),
		skip=words["skip"],
		status=status,
	)
