"""Sessions and consents of Quanto's API (section 2.3), and the relay of the banks' data."""

import re
from collections.abc import Callable
from typing import Any

from bank_api.sandbox.quanto import permissions
from bank_api.sandbox.quanto.aggregator import Aggregator, Values
from bank_api.sandbox.quanto.api import Answer, Ask
from bank_api.sandbox.quanto.bank.consents import document_of
from bank_api.sandbox.quanto.bank.directory import BANKS, BY_SERVER, institution
from bank_api.sandbox.quanto.bank.provider import VERSIONS, base_of
from bank_api.sandbox.quanto.bank.state import BankState
from bank_api.sandbox.quanto.documents import is_cnpj, is_cpf
from bank_api.sandbox.quanto.errors import OfbError
from bank_api.sandbox.quanto.model import CREATED, EXPIRED, IN_PROGRESS, Session, Sharing
from bank_api.sandbox.quanto.setup import Setup
from bank_api.sandbox.quanto.stamps import MINUTE, moment, months_after, read_stamp, stamp

_LANGUAGE = re.compile(r"[A-Za-z]{2}([-_][A-Za-z]{2})?")


class Sessions:
	"""Starts and shows sessions. The caller holds the lock."""

	def __init__(
		self, state: BankState, setup: Setup, aggregator: Aggregator, address: Callable[[], str]
	) -> None:
		self.state, self.setup, self.aggregator, self._address = state, setup, aggregator, address
		self.sessions = state.core.store.table(Session)

	def start(self, ask: Ask) -> Answer:
		"""POST /v1/sessions."""
		missing = self.setup.missing(ask.tenant)
		if missing:
			raise OfbError(409, "SETUP_INCOMPLETE", f"Missing: {', '.join(missing)}.")
		values = ask.json()
		cpf, cnpj = document_of(values, "loggedUser"), document_of(values, "businessEntity")
		if not is_cpf(cpf) or (cnpj and not is_cnpj(cnpj)):
			raise OfbError(422, "DOCUMENTO_INVALIDO", "A check digit of the CPF or CNPJ is wrong.")
		now = self.state.now
		session = Session(
			id=self.state.new_id(),
			ticket=self.state.secret(),
			tenant=ask.tenant.id,
			cpf=cpf,
			cnpj=cnpj,
			purpose=_text(values, "purpose", 500),
			permissions=_permissions(values, bool(cnpj)),
			expiration=self._expiration(values),
			external_id=_text(values, "externalId", 255),
			redirect_uri=_redirect_uri(values, ask.tenant.credentials["redirectUris"]),
			language=_text(values, "language", 5, _LANGUAGE),
			bank=_bank(values),
			created=now,
			expires=now + self.state.switches.session_minutes * MINUTE,
		)
		self.state.core.store.put(session)
		return Answer(201, self._head(session))

	def _expiration(self, values: Values) -> str:
		text = values.get("expirationDateTime")
		if text is None:
			return ""
		end = read_stamp(text)
		if end is None:
			raise OfbError(400, detail="expirationDateTime must be like 2021-05-21T08:30:00Z.")
		months = self.state.switches.max_months
		if end <= self.state.now or moment(end).date() > months_after(self.state.today, months):
			raise OfbError(
				422, "DATA_EXPIRACAO_INVALIDA", f"The end must lie ahead, at most {months} months from now."
			)
		return str(text)

	def _head(self, session: Session) -> Values:
		found: Values = {
			"sessionId": session.id,
			"url": f"{self._address()}/s/{session.ticket}",
			"status": session.status,
			"expiresAt": stamp(session.expires),
			"redirectUri": session.redirect_uri,
		}
		if session.external_id:
			found["externalId"] = session.external_id
		return found

	def catch_up(self, session: Session) -> Session:
		"""Apply what the clock has done to a session."""
		if session.status in (CREATED, IN_PROGRESS) and self.state.now >= session.expires:
			session.status = EXPIRED
			self.state.core.store.put(session)
		return session

	def read(self, ask: Ask, session_id: str) -> Answer:
		"""GET /v1/sessions/{sessionId}."""
		session = self.sessions.get(session_id)
		if session is None or session.tenant != ask.tenant.id:
			raise OfbError(404, detail="This session does not exist.")
		self.catch_up(session)
		sharings = [self.aggregator.sharings[key] for key in session.consents]
		rows = [flat(sharing, self.aggregator.read(sharing)) for sharing in sharings]
		return Answer(200, {**self._head(session), "purpose": session.purpose, "consents": rows})


class Consents:
	"""Shows, ends and extends consents, and relays data. The caller holds the lock."""

	def __init__(
		self, state: BankState, aggregator: Aggregator, addresses: Callable[[], tuple[str, str]]
	) -> None:
		self.state, self.aggregator, self._addresses = state, aggregator, addresses

	def _own(self, ask: Ask, consent_id: str) -> Sharing:
		found = self.aggregator.sharings.get(consent_id)
		if found is None or found.tenant != ask.tenant.id:
			raise OfbError(404, detail="This consent does not exist.")
		return found

	def _moved(self, text: str, sharing: Sharing) -> str:
		"""Point a body's links to Quanto."""
		banks, own = self._addresses()
		return text.replace(
			f"{banks}{self.aggregator.consents_path(sharing)}", f"{own}/v1/consents/{sharing.id}"
		)

	def index(self, ask: Ask) -> Answer:
		"""GET /v1/consents, newest first."""
		page, size = (_number(ask, name, default) for name, default in (("page", 1), ("page-size", 25)))
		found = [s for s in self.aggregator.sharings.values() if s.tenant == ask.tenant.id][::-1]
		pages = max(1, -(-len(found) // size))
		begin = (page - 1) * size
		rows = [flat(s, self.aggregator.read(s)) for s in found[begin : begin + size]]
		base = f"{self._addresses()[1]}/v1/consents"

		def link(number: int) -> str:
			return f"{base}?page={number}&page-size={size}"

		links = {"self": link(page)}
		if page > 1:
			links |= {"first": link(1), "prev": link(min(page - 1, pages))}
		if page < pages:
			links |= {"next": link(page + 1), "last": link(pages)}
		meta = {"totalRecords": len(found), "totalPages": pages, "requestDateTime": self.state.stamp}
		return Answer(200, {"data": rows, "links": links, "meta": meta})

	def read(self, ask: Ask, consent_id: str) -> Answer:
		"""GET /v1/consents/{consentId}: the bank's body with what Quanto knows beside it."""
		sharing = self._own(ask, consent_id)
		return Answer(200, self._beside(sharing, self.aggregator.read(sharing)))

	def _beside(self, sharing: Sharing, body: Values) -> Values:
		body["links"]["self"] = self._moved(body["links"]["self"], sharing)
		return {**body, **about(sharing)}

	def delete(self, ask: Ask, consent_id: str) -> Answer:
		"""DELETE /v1/consents/{consentId}."""
		self.aggregator.revoke(self._own(ask, consent_id))
		return Answer(204)

	def extend(self, ask: Ask, consent_id: str) -> Answer:
		"""POST /v1/consents/{consentId}/extends (section 3.8)."""
		sharing = self._own(ask, consent_id)
		answer = self.aggregator.ask(
			"POST",
			self.aggregator.consents_path(sharing, "/extends"),
			self.aggregator.access(sharing),
			body=ask.json(),
			headers=_presence(ask),
		)
		return Answer(201, self._beside(sharing, self.aggregator.checked(answer, 201)))

	def extensions(self, ask: Ask, consent_id: str) -> Answer:
		"""GET /v1/consents/{consentId}/extensions."""
		sharing = self._own(ask, consent_id)
		bearer = self.aggregator.receiver(sharing)
		path = self.aggregator.consents_path(sharing, "/extensions")
		answer = self.aggregator.ask("GET", path, bearer, query=ask.request.query_string.decode("latin-1"))
		if answer.status_code != 200:
			self.aggregator.checked(answer)
		return Answer(200, text=self._moved(answer.get_data(as_text=True), sharing))

	def data(self, ask: Ask, consent_id: str, path: str) -> Answer:
		"""GET /v1/consents/{consentId}/{api}/{rest}: the bank's body as it is, but for its links."""
		sharing = self._own(ask, consent_id)
		api, tail = place_of(path)
		there = f"/{sharing.bank}{base_of(api)}/{tail}"
		answer = self.aggregator.ask(
			"GET",
			there,
			self.aggregator.access(sharing),
			query=ask.request.query_string.decode("latin-1"),
			headers=_presence(ask),
		)
		status, headers = answer.status_code, {"x-v": answer.headers.get("x-v", "")}
		if status >= 400:
			self.aggregator.checked(answer)
		banks, own = self._addresses()
		text = answer.get_data(as_text=True).replace(banks + there, f"{own}/v1/consents/{sharing.id}/{path}")
		return Answer(status, text=text or None, headers=headers)


def _presence(ask: Ask) -> dict[str, str]:
	"""Return the headers that tell a bank of the end user's browser (section 3.2)."""
	names = ("x-fapi-customer-ip-address", "x-customer-user-agent", "x-fapi-auth-date")
	return {name: ask.request.headers[name] for name in names if name in ask.request.headers}


def place_of(path: str) -> tuple[str, str]:
	"""Find the API and the path in it that a relayed address means.

	Args:
		path: ``accounts/accounts/{id}/balances``; the API's name may stand for its first collection of the same name:
			``resources``, ``accounts``, ``accounts/{id}/balances``.

	Returns:
		API and path.

	Raises:
		OfbError: 404, there is no such API.
	"""
	api, _, tail = path.strip("/").partition("/")
	if api not in VERSIONS or api == "consents":
		raise OfbError(404, detail="This address does not exist.")
	if api in ("accounts", "resources") and tail.partition("/")[0] != api:
		tail = f"{api}/{tail}".rstrip("/")
	return api, tail


def about(sharing: Sharing) -> Values:
	"""Return what Quanto knows of a consent besides the bank's body."""
	found: Values = {"sessionId": sharing.session, "institution": institution(BANKS[sharing.bank])}
	if sharing.purpose:
		found["purpose"] = sharing.purpose
	return found


def flat(sharing: Sharing, body: Values) -> Values:
	"""Return a consent as a row of a list."""
	return {**body["data"], **about(sharing)}


def _number(ask: Ask, name: str, default: int) -> int:
	text = ask.request.args.get(name, str(default))
	if not text.isdigit() or int(text) < 1:
		raise OfbError(400, detail=f"{name} must be a number from 1.")
	if name == "page-size" and int(text) > 1000:
		raise OfbError(422, detail="page-size must be at most 1000.")
	return int(text)


def _text(values: Values, name: str, most: int, pattern: re.Pattern[str] | None = None) -> str:
	text = values.get(name, "")
	if not isinstance(text, str) or len(text) > most or (text and pattern and not pattern.fullmatch(text)):
		detail = f"{name} must be a text of at most {most} characters."
		raise OfbError(422, "CAMPO_INVALIDO", detail, field=name)
	return text


def _permissions(values: Values, business: bool) -> list[str]:
	asked: Any = values.get("permissions", [])
	if not isinstance(asked, list) or not all(isinstance(name, str) for name in asked):
		raise OfbError(400, detail="permissions must be a list of texts.")
	if asked:
		permissions.check(asked, business)
	return asked


def _redirect_uri(values: Values, known: list[str]) -> str:
	wanted = values.get("redirectUri", known[0])
	if wanted not in known:
		raise OfbError(422, "REDIRECT_URI_INVALIDA", "redirectUri is none of the software statement's.")
	return str(wanted)


def _bank(values: Values) -> str:
	server = values.get("authorisationServerId", "")
	if server and server not in BY_SERVER:
		raise OfbError(422, "INSTITUICAO_INVALIDA", "authorisationServerId is unknown.")
	return BY_SERVER[server].key if server else ""
