"""What the end user does at Quanto: panel, own data, choice, the banks, finish (requirements 3.1b to 3.2)."""

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from bank_api.sandbox.quanto import permissions
from bank_api.sandbox.quanto.aggregator import Aggregator, Values
from bank_api.sandbox.quanto.bank.directory import BANKS
from bank_api.sandbox.quanto.bank.state import BankState
from bank_api.sandbox.quanto.errors import OfbError
from bank_api.sandbox.quanto.model import ABANDONED, CREATED, FINISHED, IN_PROGRESS, OVER, Session, Sharing
from bank_api.sandbox.quanto.permissions import Group
from bank_api.sandbox.quanto.sessions import Sessions

PANEL, CONFIRM, CHOOSE, REVOKE, RESULT, OVER_STEP = "panel", "confirm", "choose", "revoke", "result", "over"


class Flow:
	"""The steps of a session. The caller holds the lock."""

	def __init__(self, state: BankState, sessions: Sessions, aggregator: Aggregator) -> None:
		self.state, self.sessions, self.aggregator = state, sessions, aggregator
		self._steps: dict[str, Callable[[Session, str, Mapping[str, str], list[str]], str]] = {
			PANEL: self._panel,
			CONFIRM: self._confirm,
			CHOOSE: self._choose,
			REVOKE: self._revoke,
			RESULT: self._result,
		}

	# entry
	def open(self, ticket: str) -> Session | None:
		"""Let a browser in by the link; a later one takes the session over."""
		found = next((s for s in self.sessions.sessions.values() if s.ticket == ticket), None)
		if found is None or self.sessions.catch_up(found).status in OVER:
			return None
		if found.status == CREATED:
			found.status = IN_PROGRESS
		found.cookie = self.state.secret()
		self.state.core.store.put(found)
		return found

	def find(self, session_id: str, cookie: str) -> Session | None:
		"""Return the session of a browser."""
		found = self.sessions.sessions.get(session_id)
		if found is None or not found.cookie or found.cookie != cookie:
			return None
		return self.sessions.catch_up(found)

	# what the pages show
	def shared(self, session: Session) -> list[tuple[Sharing, Values]]:
		"""Return what this end user shares with this institution, newest first."""
		# The real Quanto shows what it keeps: a panel uses up none of the traffic that a bank grants the institution, and
		# stands while a bank does not answer.
		return [
			(sharing, self.aggregator.read(sharing, quiet=True)["data"])
			for sharing in reversed(self._own(session))
		]

	def _own(self, session: Session) -> list[Sharing]:
		return [
			sharing
			for sharing in self.aggregator.sharings.values()
			if (sharing.tenant, sharing.cpf, sharing.cnpj) == (session.tenant, session.cpf, session.cnpj)
		]

	def groups(self, session: Session) -> list[Group]:
		"""Return the groups that may be chosen: those that the institution asks for, or all that fit."""
		if session.permissions:
			return permissions.whole(session.permissions)
		return permissions.offered(bool(session.cnpj))

	# steps
	def submit(self, session: Session, values: Mapping[str, str], groups: list[str]) -> str:
		"""Take a form; return the address to go to, empty for the next page here."""
		session.notice = ""
		action = values.get("action", "")
		step = self._steps.get(session.step)
		location = step(session, action, values, groups) if step else ""
		self.state.core.store.put(session)
		return location

	def _panel(self, session: Session, action: str, values: Mapping[str, str], groups: list[str]) -> str:
		verb, _, consent = action.partition(":")
		mine = {sharing.id: sharing for sharing in self._own(session)}
		if verb == "share":
			session.step, session.draft = CONFIRM, {}
		elif verb == "revoke" and consent in mine:
			session.step, session.draft = REVOKE, {"consent": consent}
		elif verb == "change" and consent in mine:
			session.step = CONFIRM
			session.draft = {"bank": mine[consent].bank, "replaces": consent}
		elif verb == "leave":
			return self.finish(session)
		return ""

	def _confirm(self, session: Session, action: str, values: Mapping[str, str], groups: list[str]) -> str:
		session.step = CHOOSE if action == "confirm" else PANEL
		return ""

	def _choose(self, session: Session, action: str, values: Mapping[str, str], groups: list[str]) -> str:
		if action != "continue":
			session.step = PANEL
			return ""
		bank = BANKS.get(session.draft.get("bank") or values.get("bank", ""))
		wanted = [group.key for group in self.groups(session) if group.key in groups]
		if bank is None or not wanted:
			session.notice = "choose_bank" if bank is None else "choose_groups"
			return ""
		try:
			replaces = session.draft.get("replaces", "")
			session.step = RESULT
			return self.aggregator.begin(session, bank, permissions.of_groups(wanted), replaces)
		except OfbError:
			session.step, session.notice = CHOOSE, "bank_failed"
			return ""

	def _revoke(self, session: Session, action: str, values: Mapping[str, str], groups: list[str]) -> str:
		if action == "revoke":
			sharing = self.aggregator.sharings[session.draft["consent"]]
			try:
				self.aggregator.revoke(sharing)
				session.notice = "revoked"
			except OfbError:
				session.notice = "bank_failed"
		session.step = PANEL
		return ""

	def _result(self, session: Session, action: str, values: Mapping[str, str], groups: list[str]) -> str:
		if action == "another":
			session.step, session.draft = CHOOSE, {}
			return ""
		return self.finish(session) if action == "finish" else ""

	def finish(self, session: Session) -> str:
		"""End a session; return the way back with its identifier (requirement 3.2)."""
		if session.status == IN_PROGRESS:
			session.status = FINISHED if session.consents else ABANDONED
			session.step = OVER_STEP
			self.state.core.store.put(session)
		return self.way_back(session)

	@staticmethod
	def way_back(session: Session) -> str:
		"""Return the redirect URI with the session's identifier."""
		parts = urlsplit(session.redirect_uri)
		pairs = [*parse_qsl(parts.query, keep_blank_values=True), ("sessionId", session.id)]
		return urlunsplit(parts._replace(query=urlencode(pairs)))

	# back from a bank
	def come_back(self, state: str, code: str) -> Session | None:
		"""Take the redirect of a bank; return the session to go on with."""
		sharing = self.aggregator.by_state(state)
		if sharing is None:
			return None
		sharing.redirect_state = ""  # it serves once
		self.state.core.store.put(sharing)
		session = self.sessions.sessions[sharing.session]
		session.notice = "refused"
		if code:
			session.notice = "shared" if self.aggregator.exchange(sharing, code) else "bank_failed"
		try:
			self.aggregator.read(sharing)
		except OfbError:
			pass  # the poll will see it
		if sharing.several and not sharing.announced:
			session.notice = "waiting"
		session.draft = {"consent": sharing.id}
		self.state.core.store.put(session)
		return session
