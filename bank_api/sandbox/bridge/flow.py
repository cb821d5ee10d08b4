"""The state machine of a connect session (bridge.md 9.1 point 3); pages.py draws it."""

from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from bank_api.sandbox.bridge.banks import BANKS, listed
from bank_api.sandbox.bridge.generator import Spec
from bank_api.sandbox.bridge.lifecycle import WITH_DATA, Lifecycle, status_of
from bank_api.sandbox.bridge.model import Item, Session
from bank_api.sandbox.bridge.state import BridgeState

# The docs name no step for the account picker; whoever quits there is reported at sync_in_progress.
PICKER = "account_selection"
APP_STEP = "sync_in_progress"


class Flow:
	"""Moves sessions on. The caller holds the lock."""

	def __init__(self, state: BridgeState, lifecycle: Lifecycle) -> None:
		self.state, self.lifecycle = state, lifecycle

	def submit(self, session: Session, form: MultiDict[str, str]) -> str | None:
		"""Take a form.

		Args:
			session: An open session.
			form: What the visitor sent.

		Returns:
			The final address, when the session ended and the client gave one.
		"""
		action, step = form.get("action", ""), session.step
		session.error = None
		ended: tuple[bool, str | None] | None = None
		if action == "quit":
			ended = (False, self._reported(session))
		elif step in ("highlighted_banks", "list_banks", "sub_banks_list"):
			self._choose_bank(session, form)
		elif step in ("bank_creds_form", "edit_bank_creds_form"):
			if form.get("login", ""):
				self._credentials(session, form.get("login", ""), form.get("password", ""))
		elif step == "otp_form":
			if form.get("otp", ""):
				self._otp(session)
		elif step == PICKER:
			self._accounts(session, form)
		elif step == APP_STEP and not session.waiting:
			item = self._item(session)
			if item is not None:
				self._attempt(session, item, self.lifecycle.next_scenario(item, interactive=True))
		elif step == "sync_pending":
			ended = (False, "sync_pending") if action == "leave" else None
		elif step == "sync_success":
			ended = self._after_success(session)
		elif step == "sync_error" and action == "retry":
			session.step = "edit_bank_creds_form"
		elif step == "sync_error":
			ended = (False, "sync_error")
		elif step == "pro_validation_form":
			self._pro(session)
			ended = (True, None)
		elif step == "manage":
			ended = self._manage(session, form)
		location = None if ended is None else self._finish(session, *ended)
		self.state.store.put(session)
		return location

	def proceed(self, session: Session) -> None:
		"""Look whether what a session waits for has happened."""
		item = self.state.items.get(session.item_id or 0)
		if (
			session.step == APP_STEP
			and session.waiting
			and self.state.now >= session.wait_until
			and item is not None
		):
			waited, session.waiting = session.waiting, None
			if waited == "approve":
				self._authenticated(session, item)
			else:
				self.lifecycle.fail(item, 1010, "otp_required", "connect")
				session.step, session.error = "sync_error", "timeout"
			self.state.store.put(session)
		elif session.step == "sync_pending" and item is not None and item.status in WITH_DATA:
			session.step = "sync_success"
			self.state.store.put(session)

	def offered(self, session: Session) -> tuple[list[Spec], set[int]]:
		"""Return the accounts to choose from, and those chosen so far."""
		item = self._item(session)
		if item is None:
			return [], set()
		offered = self.state.specs_of(item.provider_id, item.login, session.account_types)
		known = {account.spec: account for account in self.state.accounts_of(item.id)}
		chosen = {spec for spec, account in known.items() if account.data_access == "enabled"}
		if not known:
			chosen = {spec.index for spec in offered}
			if session.max_selectable_accounts:
				chosen = set(sorted(chosen)[: session.max_selectable_accounts])
		return offered, chosen

	def _item(self, session: Session) -> Item | None:
		item = self.state.items.get(session.item_id or 0)
		if item is None and session.item_id is not None:
			session.step = "sync_error"  # deleted meanwhile
		return item

	def _reported(self, session: Session) -> str:
		if session.step == PICKER:
			return APP_STEP
		if session.step == "manage":
			return "highlighted_banks"
		if session.step == "list_banks" and session.version != "2021-06-01":
			return "highlighted_banks"  # list_banks exists in v2 only (bridge.md 2.4)
		return session.step

	def _choose_bank(self, session: Session, form: MultiDict[str, str]) -> None:
		if form.get("action", "") == "all":
			session.step = "list_banks"
		elif form.get("action", "") == "back":
			session.step, session.group = "list_banks", None
		elif form.get("group", ""):
			session.group = form.get("group", "")
			if any(bank.group == session.group for bank in listed()):
				session.step = "sub_banks_list"
		elif form.get("provider_id", "").isdigit() and int(form.get("provider_id", "")) in BANKS:
			session.provider_id = int(form.get("provider_id", ""))
			session.step = "bank_creds_form"

	def _credentials(self, session: Session, login: str, password: str) -> None:
		session.login = login
		item = self.state.items.get(session.item_id or 0)
		if item is None:
			provider = session.provider_id or 0
			item = self.lifecycle.create_item(
				session.user, provider, login, session.account_types, session.version, password
			)
			session.item_id, session.own_item = item.id, True
		else:
			self.lifecycle.edit_credentials(item, login, password)
		self._attempt(session, item, self.lifecycle.next_scenario(item, interactive=True))

	def _attempt(self, session: Session, item: Item, scenario: str) -> None:
		session.scenario, session.attempts, session.error = scenario, 0, None
		outcome = status_of(scenario)
		if scenario in ("otp", "otp_fail"):
			session.step = "otp_form"
		elif scenario in ("app2app", "app2app_expiry"):
			switches = self.state.switches
			session.step = APP_STEP
			session.waiting = "approve" if scenario == "app2app" else "expire"
			wait = switches.app2app_ms if scenario == "app2app" else switches.app2app_expiry_ms
			session.wait_until = self.state.now + wait
		elif outcome is not None and outcome[0] not in WITH_DATA:
			self.lifecycle.fail(item, outcome[0], outcome[1], "connect")
			if outcome[0] == 402:  # retry is possible (bridge.md 9)
				session.step, session.error = "edit_bank_creds_form", "refused"
				if session.own_item:
					session.step = "bank_creds_form"
			else:
				session.step = "sync_error"
		else:
			self._authenticated(session, item)

	def _otp(self, session: Session) -> None:
		item = self._item(session)
		if item is None:
			return
		session.attempts += 1
		if session.scenario != "otp_fail":
			self._authenticated(session, item)
		elif session.attempts >= self.state.switches.otp_attempts:
			self.lifecycle.fail(item, 1010, "otp_required", "connect")
			session.step, session.error = "sync_error", "otp_wrong"
		else:
			session.error = "otp_wrong"

	def _authenticated(self, session: Session, item: Item) -> None:
		if self.state.switches.account_selection and session.allow_account_selection:
			session.step = PICKER
		else:
			_, chosen = self.offered(session)
			self._complete(session, item, sorted(chosen) if session.max_selectable_accounts else None)

	def _accounts(self, session: Session, form: MultiDict[str, str]) -> None:
		offered, _ = self.offered(session)
		item = self._item(session)
		wanted = {int(value) for value in form.getlist("accounts") if value.isdigit()}
		chosen = sorted(spec.index for spec in offered if spec.index in wanted)
		if item is None:
			return
		if not chosen:
			session.error = "accounts_none"
		elif session.max_selectable_accounts and len(chosen) > session.max_selectable_accounts:
			session.error = "accounts_most"
		else:
			self._complete(session, item, chosen)

	def _complete(self, session: Session, item: Item, chosen: list[int] | None) -> None:
		item.account_types = session.account_types
		final = status_of(session.scenario or "") or (0, "ok")
		self.lifecycle.complete(item, chosen, "connect", final=final)
		session.step = "sync_success" if item.status in WITH_DATA else "sync_pending"

	def _pro(self, session: Session) -> None:
		for item in self.state.items_of(session.user):
			if item.status == 1100:
				self.lifecycle.set_status(item, 0, "ok")

	def _manage(self, session: Session, form: MultiDict[str, str]) -> tuple[bool, str | None] | None:
		if form.get("action", "") == "done":
			return True, None
		if form.get("action", "") == "add":
			session.step, session.item_id, session.provider_id = "highlighted_banks", None, None
			session.own_item, session.login = False, None
			return None
		item = self.state.items.get(int(form.get("repair", "0") or 0))
		if item is not None and item.user == session.user:
			session.item_id, session.provider_id = item.id, item.provider_id
			session.step = "edit_bank_creds_form" if item.status in (402, 430) else APP_STEP
		return None

	def _after_success(self, session: Session) -> tuple[bool, str | None] | None:
		if session.flow == "manage":  # several banks in a row (bridge.md 2.3)
			session.step = "manage"
			return None
		return True, None

	def _finish(self, session: Session, success: bool, step: str | None) -> str | None:
		"""End a session; its link is used up.

		Returns:
			The address with the parameters of section 2.4, or None when the client gave none.
		"""
		session.finished = True
		item = self.state.items.get(session.item_id or 0)
		target = session.callback_url
		if not target and session.version == "2021-06-01":
			target = self.state.switches.default_callback_url or None
		if not target:
			return None
		values: dict[str, str] = {}
		if item is not None:
			values["item_id"] = str(item.id)
		values["user_uuid"] = session.user
		values["success"] = "true" if success else "false"
		if not success and step:
			values["step"] = step
		managing = (
			session.flow in ("edit", "sync", "pro", "iban", "manage") and session.version == "2021-06-01"
		)
		values["source"] = "manage" if managing else "connect"
		if session.context is not None:
			values["context"] = session.context
		return _append(target, values)


def _append(url: str, values: dict[str, str]) -> str:
	base, mark, fragment = url.partition("#")
	glue = "&" if "?" in base else "?"
	return f"{base}{glue}{urlencode(values)}{mark}{fragment}"
