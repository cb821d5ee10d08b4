"""The end user's pages under /session/{uuid}: plain HTML forms, no script (bridge.md 2.4, 9.1)."""

from html import escape

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.bridge.api import language_of
from bank_api.sandbox.bridge.banks import BANKS, Bank, listed
from bank_api.sandbox.bridge.flow import PICKER, Flow
from bank_api.sandbox.bridge.model import Item, Session
from bank_api.sandbox.bridge.texts import STYLE, TEXTS
from bank_api.sandbox.bridge.views import description_of

SCENARIOS = "success · otp · otp_fail · app2app · app2app_expiry · 402 · 429 · 1003 · 1005_CLOSED_ACCOUNT · success.1010"


class Pages:
	"""Shows where a session's visitor stands, and takes their answers. The caller holds the lock."""

	def __init__(self, flow: Flow) -> None:
		self.flow, self.state = flow, flow.state

	def handle(self, request: Request, session_uuid: str) -> Response:
		"""Serve one page or take one form.

		Args:
			request: GET or POST.
			session_uuid: From the link.

		Returns:
			A page, a redirect to the next page, or the final redirect to the client.
		"""
		words = TEXTS[language_of(request)]
		language = language_of(request)
		session = self.state.sessions.get(session_uuid)
		if session is None:
			return self._notice(words, language, "unknown", 404)
		if session.finished or session.expires <= self.state.now:
			return self._notice(words, language, "gone", 410)
		if request.method == "POST":
			location = self.flow.submit(session, request.form)
			if session.finished and location is None:
				return self._notice(words, language, "ended", 200)
			# 303: the browser comes back with GET; the final one is the documented 302
			status = 302 if session.finished else 303
			return Response(
				"", status, {"Location": location or f"/session/{session.uuid}", "Cache-Control": "no-store"}
			)
		self.flow.proceed(session)
		return self._page(session, words, language, request)

	def _notice(self, words: dict[str, str], language: str, name: str, status: int) -> Response:
		inner = f"<h1>{escape(words[name + '_title'])}</h1><p>{escape(words[name + '_text'])}</p>"
		return _document(words[f"{name}_title"], language, name, inner, status=status)

	def _page(self, session: Session, words: dict[str, str], language: str, request: Request) -> Response:
		step = session.step
		bank = BANKS.get(session.provider_id) if session.provider_id else None
		refresh = 0
		if step in ("highlighted_banks", "list_banks"):
			title, inner = words["choose_bank"], self._banks(session, words, request)
		elif step == "sub_banks_list":
			title, inner = words["choose_branch"], self._branches(session, words)
		elif step in ("bank_creds_form", "edit_bank_creds_form"):
			title = words["sign_in"].format(bank=bank.name if bank else "")
			inner = self._credentials(session, words)
		elif step == "otp_form":
			title, inner = words["otp_title"], self._otp(session, words)
		elif step == PICKER:
			title, inner = words["accounts_title"], self._accounts(session, words)
		elif step == "sync_in_progress" and session.waiting:
			title, inner, refresh = words["app_title"], f"<p>{escape(words['app_text'])}</p>", 1
			inner += _button("wait", words["continue"])
		elif step == "sync_in_progress":
			title = words["again_title"]
			inner = f"<p>{escape(words['again_text'].format(bank=bank.name if bank else ''))}</p>"
			inner += _button("continue", words["continue"])
		elif step == "sync_pending":
			title, inner, refresh = words["pending_title"], f"<p>{escape(words['pending_text'])}</p>", 2
			inner += _button("leave", words["leave"])
		elif step == "sync_success":
			title = words["success_title"]
			inner = f"<p>{escape(words['success_text'])}</p>" + _button("finish", words["finish"])
		elif step == "pro_validation_form":
			title, inner = words["pro_title"], self._pro(words)
		elif step == "manage":
			title, inner = words["manage_title"], self._manage(session, words, language)
		else:
			title, inner = words["error_title"], self._error(session, words, language)
		quit_form = f'<form method="post"><button class="quiet" name="action" value="quit">{escape(words["quit"])}</button></form>'
		brand = escape(bank.name if bank else "Bridge Sandbox")
		body = f"<header><strong>{brand}</strong>{quit_form}</header><h1>{escape(title)}</h1>{inner}"
		body += f'<p class="hint">{escape(words["sandbox"])}</p>'
		return _document(title, language, step, body, refresh=refresh)

	def _banks(self, session: Session, words: dict[str, str], request: Request) -> str:
		asked = request.args.get("q", "").strip().lower()
		country = request.args.get("country", session.country).upper()
		everything = session.step == "list_banks" or bool(asked)
		rows = [bank for bank in listed() if bank.country == country and (everything or bank.highlighted)]
		rows = [bank for bank in rows if asked in bank.name.lower() or asked in (bank.group or "").lower()]
		entries, groups = [], set()
		for bank in rows:
			if bank.group is None:
				entries.append(self._bank_button("provider_id", str(bank.id), bank.name, bank))
			elif bank.group not in groups:
				groups.add(bank.group)
				entries.append(self._bank_button("group", bank.group, bank.group, bank))
		options = "".join(
			f"<option{' selected' if code == country else ''}>{code}</option>"
			for code in sorted({bank.country for bank in listed()})
		)
		search = (
			f'<form method="get"><label for="q">{escape(words["search"])}</label>'
			f'<input type="search" id="q" name="q" value="{escape(asked)}">'
			f'<label for="country">{escape(words["country"])}</label><select id="country" name="country">{options}</select>'
			f'<button class="quiet">{escape(words["search"])}</button></form>'
		)
		more = "" if everything else _button("all", words["all_banks"], "quiet")
		return f'{search}<form method="post"><ul class="banks">{"".join(entries)}</ul></form>{more}'

	@staticmethod
	def _bank_button(name: str, value: str, label: str, bank: Bank) -> str:
		image = f'<img src="/_static/banks/{bank.id}.svg" alt="" width="32" height="32">'
		return f'<li><button name="{name}" value="{escape(value)}">{image}{escape(label)}</button></li>'

	def _branches(self, session: Session, words: dict[str, str]) -> str:
		rows = [bank for bank in listed() if bank.group == session.group]
		entries = "".join(self._bank_button("provider_id", str(bank.id), bank.name, bank) for bank in rows)
		back = _button("back", words["back"], "quiet")
		return f'<form method="post"><ul class="banks">{entries}</ul></form>{back}'

	def _credentials(self, session: Session, words: dict[str, str]) -> str:
		error = f'<p class="notice" role="alert">{escape(words[session.error])}</p>' if session.error else ""
		return (
			f'{error}<form method="post"><label for="login">{escape(words["login"])}</label>'
			f'<input type="text" id="login" name="login" required autocomplete="off" value="{escape(session.login or "")}">'
			f'<label for="password">{escape(words["password"])}</label>'
			'<input type="password" id="password" name="password" required autocomplete="off">'
			f'<button class="full" name="action" value="credentials">{escape(words["continue"])}</button></form>'
			f'<p class="hint">{escape(words["scenarios"])}: <code>{escape(SCENARIOS)}</code></p>'
		)

	def _otp(self, session: Session, words: dict[str, str]) -> str:
		error = f'<p class="notice" role="alert">{escape(words[session.error])}</p>' if session.error else ""
		return (
			f'<p>{escape(words["otp_text"])}</p>{error}<form method="post">'
			f'<label for="otp">{escape(words["otp_label"])}</label>'
			'<input type="text" id="otp" name="otp" required inputmode="numeric" autocomplete="one-time-code">'
			f'<button class="full" name="action" value="otp">{escape(words["continue"])}</button></form>'
		)

	def _accounts(self, session: Session, words: dict[str, str]) -> str:
		error = ""
		if session.error:
			message = words[session.error].format(most=session.max_selectable_accounts)
			error = f'<p class="notice" role="alert">{escape(message)}</p>'
		offered, chosen = self.flow.offered(session)
		rows = "".join(
			f'<label><input type="checkbox" name="accounts" value="{spec.index}"{" checked" if spec.index in chosen else ""}>'
			f"<span>{escape(spec.name)}<small>{escape(spec.iban or spec.type)}</small></span></label>"
			for spec in offered
		)
		return (
			f'<p>{escape(words["accounts_text"])}</p>{error}<form method="post"><fieldset class="accounts">{rows}</fieldset>'
			f'<button class="full" name="action" value="accounts">{escape(words["continue"])}</button></form>'
		)

	@staticmethod
	def _pro(words: dict[str, str]) -> str:
		return (
			f'<p>{escape(words["pro_text"])}</p><form method="post"><div class="accounts"><label>'
			f'<input type="checkbox" name="confirmed" value="1" required><span>{escape(words["pro_label"])}</span></label></div>'
			f'<button class="full" name="action" value="pro">{escape(words["continue"])}</button></form>'
		)

	def _manage(self, session: Session, words: dict[str, str], language: str) -> str:
		rows = "".join(self._managed(item, words, language) for item in self.state.items_of(session.user))
		return (
			(rows or f"<p>{escape(words['manage_empty'])}</p>")
			+ _button("add", words["manage_add"])
			+ _button("done", words["done"])
		)

	@staticmethod
	def _managed(item: Item, words: dict[str, str], language: str) -> str:
		return (
			f'<form method="post" class="row"><span><strong>{escape(BANKS[item.provider_id].name)}</strong><br>'
			f"<small>{escape(description_of(item, language))}</small></span>"
			f'<button name="repair" value="{item.id}">{escape(words["manage_repair"])}</button></form>'
		)

	def _error(self, session: Session, words: dict[str, str], language: str) -> str:
		item = self.state.items.get(session.item_id or 0)
		message = words[session.error] if session.error else description_of(item, language) if item else ""
		retry = _button("retry", words["retry"]) if item is not None else ""
		return f'<p class="notice" role="alert">{escape(message)}</p>{retry}' + _button(
			"finish", words["finish"], "quiet"
		)


def _button(action: str, label: str, style: str = "full") -> str:
	return f'<form method="post"><button class="{style}" name="action" value="{action}">{escape(label)}</button></form>'


def _document(
	title: str, language: str, step: str, inner: str, status: int = 200, refresh: int = 0
) -> Response:
	meta = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
	text = (
		f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
		f'<meta name="viewport" content="width=device-width, initial-scale=1">{meta}<style>{STYLE}</style></head>'
		f'<body data-step="{step}"><main>{inner}</main></body></html>'
	)
	headers = {
		"Cache-Control": "no-store",
		"Referrer-Policy": "no-referrer",
		"X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'",
		"Vary": "Accept-Language",
	}
	return Response(text, status, headers, content_type="text/html; charset=utf-8")
