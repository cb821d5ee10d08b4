"""How Quanto speaks to the banks, and what it learns there: consents and resources are read, events come from that.

Open Finance pushes nothing for data sharing (section 6.1): a change is known once it has been read.
"""

import json
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from bank_api.sandbox.quanto.bank.call import INTERACTION, JSON
from bank_api.sandbox.quanto.bank.directory import Bank
from bank_api.sandbox.quanto.bank.oauth import RECEIVER
from bank_api.sandbox.quanto.bank.provider import base_of
from bank_api.sandbox.quanto.bank.state import BankState
from bank_api.sandbox.quanto.errors import OfbError
from bank_api.sandbox.quanto.hooks import COMPLETED, COMPLETED_SEVERAL, REVOKED, Events
from bank_api.sandbox.quanto.model import Session, Sharing, Tenant
from bank_api.sandbox.server import CutConnection

# Why a consent ended, in the words of event (c); what the seed does not name keeps OFB's code (section 2.3).
REASONS = {"CUSTOMER_MANUALLY_REVOKED": "END_USER", "CONSENT_MAX_DATE_REACHED": "EXPIRED"}
_REFRESH_EARLY_MS = 30_000
Values = dict[str, Any]


class Aggregator:
	"""The receiver's side of Open Finance. The caller holds the lock.

	Args:
		state: The records.
		events: Makes events.
		answer: The banks' listener, called as WSGI in the same process.
		addresses: The banks' listener, and Quanto's own.
	"""

	def __init__(
		self,
		state: BankState,
		events: Events,
		answer: Callable[[Request], Response],
		addresses: Callable[[], tuple[str, str]],
	) -> None:
		self.state, self.events = state, events
		self._answer, self._addresses = answer, addresses
		self.sharings = state.core.store.table(Sharing)
		self.tenants = state.core.store.table(Tenant)

	# calls to a bank
	def ask(
		self,
		method: str,
		path: str,
		bearer: str,
		*,
		query: str = "",
		body: Any = None,
		form: dict[str, str] | None = None,
		headers: dict[str, str] | None = None,
		quiet: bool = False,
	) -> Response:
		"""Call a bank.

		Args:
			method: HTTP method.
			path: Below the banks' address.
			bearer: The token.
			query: As it is.
			body: Sent as JSON.
			form: Sent as a form.
			headers: Further ones.
			quiet: Whether the call log leaves it out: polls would flood it.

		Returns:
			The answer, read to its end.

		Raises:
			OfbError: 504, the bank broke the connection.
		"""
		sent = {"Authorization": f"Bearer {bearer}", "Accept": JSON, INTERACTION: str(uuid.uuid4())}
		builder = EnvironBuilder(
			path=path,
			base_url=self._addresses()[0] or "http://banks.invalid",
			query_string=query,
			method=method,
			headers=sent | (headers or {}),
			data=json.dumps(body).encode() if body is not None else form,
			content_type=JSON if body is not None else None,
		)
		environ = builder.get_environ() | {"sandbox.inside": True, "sandbox.quiet": quiet}
		environ["REMOTE_ADDR"] = "127.0.0.1"
		try:
			found = self._answer(Request(environ))
			found.direct_passthrough = False
			found.get_data()  # to its end: a connection that is cut inside the body shows here
		except CutConnection as error:
			raise OfbError(504, detail="The institution did not answer.") from error
		return found

	def receiver(self, sharing: Sharing) -> str:
		"""Return the bearer that the banks know a sharing's institution by."""
		return self._receiver(sharing.tenant)

	def _receiver(self, tenant: str) -> str:
		return RECEIVER + str(self.tenants[tenant].credentials["organizationId"])

	def consents_path(self, sharing: Sharing, tail: str = "") -> str:
		"""Return the address of a consent at its bank."""
		return f"/{sharing.bank}{base_of('consents')}/consents/{sharing.id}{tail}"

	@staticmethod
	def checked(answer: Response, *statuses: int) -> Values:
		"""Return an answer's JSON, or pass its refusal on.

		Raises:
			OfbError: As the bank said; 500 for what is no JSON.
		"""
		try:
			found = json.loads(answer.get_data())
		except ValueError as error:
			raise OfbError(500, detail="The institution's answer is not readable.") from error
		if answer.status_code in statuses and isinstance(found, dict):
			return found
		first = (found.get("errors") or [{}])[0] if isinstance(found, dict) else {}
		retry = answer.headers.get("Retry-After")
		headers = {"Retry-After": retry} if retry else {}
		raise OfbError(
			answer.status_code if answer.status_code >= 400 else 500,
			str(first.get("code", "")),
			str(first.get("detail", "")),
			str(first.get("title", "")),
			headers,
		)

	# a consent's beginning
	def begin(self, session: Session, bank: Bank, permissions: list[str], replaces: str) -> str:
		"""Ask a bank for a consent; return the address that the end user has to visit.

		Raises:
			OfbError: The bank refuses.
		"""
		self.state.customer(session.cnpj or session.cpf)
		data: Values = {
			"loggedUser": {"document": {"identification": session.cpf, "rel": "CPF"}},
			"permissions": permissions,
		}
		if session.cnpj:
			data["businessEntity"] = {"document": {"identification": session.cnpj, "rel": "CNPJ"}}
		if session.expiration:
			data["expirationDateTime"] = session.expiration
		bearer = self._receiver(session.tenant)
		path = f"/{bank.key}{base_of('consents')}/consents"
		made = self.checked(self.ask("POST", path, bearer, body={"data": data}), 201)
		sharing = Sharing(
			id=made["data"]["consentId"],
			tenant=session.tenant,
			session=session.id,
			bank=bank.key,
			cpf=session.cpf,
			cnpj=session.cnpj,
			purpose=session.purpose,
			created=self.state.now,
			redirect_state=self.state.secret(),
			replaces=replaces,
		)
		self.state.core.store.put(sharing)
		session.consents.append(sharing.id)
		return self._announce(sharing, bearer, session.language)

	def _announce(self, sharing: Sharing, bearer: str, language: str) -> str:
		banks, own = self._addresses()
		form = {
			"scope": f"openid consent:{sharing.id}",
			"redirect_uri": f"{own}/callback",
			"state": sharing.redirect_state,
			"ui_locales": language,
		}
		answer = self.ask("POST", f"/{sharing.bank}/par", bearer, form=form)
		query = {
			"client_id": bearer.removeprefix(RECEIVER),
			"request_uri": self.checked(answer, 201)["request_uri"],
		}
		return f"{banks}/{sharing.bank}/authorize?{urlencode(query)}"

	def by_state(self, state: str) -> Sharing | None:
		"""Return the sharing whose visit to a bank comes back."""
		return next((s for s in self.sharings.values() if state and s.redirect_state == state), None)

	def exchange(self, sharing: Sharing, code: str) -> bool:
		"""Turn the code of the redirect into tokens; tell whether that went well."""
		form = {"grant_type": "authorization_code", "code": code}
		path = f"/{sharing.bank}/token"
		try:
			answer = self.ask("POST", path, self._receiver(sharing.tenant), form=form)
			self._keep(sharing, self.checked(answer, 200))
		except OfbError:
			return False
		return True

	def _keep(self, sharing: Sharing, tokens: Values) -> None:
		sharing.access, sharing.refresh = tokens["access_token"], tokens["refresh_token"]
		sharing.access_expires = self.state.now + int(tokens["expires_in"]) * 1000
		self.state.core.store.put(sharing)

	def access(self, sharing: Sharing) -> str:
		"""Return an access token that is still good; an empty text when the bank gives none."""
		if sharing.access and sharing.access_expires - _REFRESH_EARLY_MS > self.state.now:
			return sharing.access
		if not sharing.refresh:
			return ""
		form = {"grant_type": "refresh_token", "refresh_token": sharing.refresh}
		path = f"/{sharing.bank}/token"
		answer = self.ask("POST", path, self._receiver(sharing.tenant), form=form, quiet=True)
		if answer.status_code == 200:
			self._keep(sharing, json.loads(answer.get_data()))
			return sharing.access
		return ""

	# a consent's life
	def read(self, sharing: Sharing, *, quiet: bool = False) -> Values:
		"""Read a consent at its bank, and act on what is new.

		Returns:
			The bank's body.

		Raises:
			OfbError: The bank refuses, or cannot be reached.
		"""
		bearer = self._receiver(sharing.tenant)
		body = self.checked(self.ask("GET", self.consents_path(sharing), bearer, quiet=quiet), 200)
		self._observe(sharing, body["data"])
		return body

	def _observe(self, sharing: Sharing, data: Values) -> None:
		if data["status"] == "AUTHORISED" and not sharing.announced:
			sharing.authorised = True
			self.state.core.store.put(sharing)
			self._settle(sharing)
		elif data["status"] == "REJECTED" and not sharing.ended:
			sharing.ended = True
			self.state.core.store.put(sharing)
			if sharing.authorised:
				code = data.get("rejection", {}).get("reason", {}).get("code", "")
				self.events.emit(REVOKED, sharing, reason=REASONS.get(code, code))

	def _settle(self, sharing: Sharing) -> None:
		"""Tell of a new sharing once no resource waits for an approver any more (derived invariant 3)."""
		states = self._resource_states(sharing)
		if states is None:
			return
		if "PENDING_AUTHORISATION" in states:
			sharing.several = True
			self.state.core.store.put(sharing)
			return
		if sharing.several and "AVAILABLE" not in states:
			return  # the approvers refused: nothing is shared, and the seed has no event for that
		sharing.announced = COMPLETED_SEVERAL if sharing.several else COMPLETED
		self.state.core.store.put(sharing)
		self.events.emit(sharing.announced, sharing)
		self._replace(sharing)

	def _resource_states(self, sharing: Sharing) -> set[str] | None:
		token = self.access(sharing)
		if not token:
			return None
		path = f"/{sharing.bank}{base_of('resources')}/resources"
		states: set[str] = set()
		for page in range(1, 100):
			query = f"page={page}&page-size=1000"
			answer = self.ask("GET", path, token, query=query, quiet=True)
			if answer.status_code != 200:
				return None  # 202: the list is being built
			body = json.loads(answer.get_data())
			states |= {row["status"] for row in body["data"]}
			if "next" not in body["links"]:
				break
		return states

	def _replace(self, sharing: Sharing) -> None:
		"""End the sharing that an altered one takes the place of."""
		old = self.sharings.get(sharing.replaces)
		if old is not None and not old.ended:
			self.revoke(old)

	def revoke(self, sharing: Sharing) -> None:
		"""End a sharing at its bank: the user revoked it at the receiver.

		Raises:
			OfbError: The bank refuses; it is over already, for instance.
		"""
		answer = self.ask("DELETE", self.consents_path(sharing), self._receiver(sharing.tenant))
		if answer.status_code != 204:
			self.checked(answer)
		self.read(sharing, quiet=True)

	def poll(self) -> None:
		"""Read every sharing that lives."""
		for sharing in list(self.sharings.values()):
			if sharing.ended or sharing.tenant not in self.tenants:
				continue
			try:
				self.read(sharing, quiet=True)
			except OfbError:
				continue  # the next turn tries again
