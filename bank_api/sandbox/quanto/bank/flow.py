"""What a customer does at the bank: log in, choose, approve or refuse; and what a further approver does (section 3.7)."""

from collections.abc import Mapping
from urllib.parse import urlencode

from bank_api.sandbox.quanto.bank.consents import USER, Consents
from bank_api.sandbox.quanto.bank.model import AUTHORISED, AVAILABLE, AWAITING, Consent, Product, Visit
from bank_api.sandbox.quanto.bank.oauth import URN, OAuth
from bank_api.sandbox.quanto.bank.state import BankState

LINK_MINUTES = 10


class LinkError(Exception):
	"""An address that leads nowhere.

	Args:
		name: Which notice to show.
		status: HTTP status.
	"""

	def __init__(self, name: str, status: int = 404) -> None:
		super().__init__(name)
		self.name, self.status = name, status


class Flow:
	"""The steps of a visit. The caller holds the lock."""

	def __init__(self, state: BankState, oauth: OAuth, consents: Consents) -> None:
		self.state, self.oauth, self.consents = state, oauth, consents

	# entry
	def open(self, bank: str, request_uri: str, cookie: str) -> Visit:
		"""Begin a visit from an announced request; it serves one browser."""
		visit = self.state.visits.get(request_uri.removeprefix(URN))
		if visit is None or visit.bank != bank:
			raise LinkError("unknown")
		if visit.cookie and visit.cookie != cookie:
			raise LinkError("browser", 409)
		if not visit.cookie and self.state.now > visit.created + LINK_MINUTES * 60_000:
			raise LinkError("unknown", 410)
		visit.cookie = visit.cookie or self.state.secret()
		self.state.core.store.put(visit)
		return visit

	def approver(self, bank: str, consent_id: str) -> Visit:
		"""Begin the visit of a further approver."""
		consent = self.state.consents.get(consent_id)
		if consent is None or consent.bank != bank:
			raise LinkError("unknown")
		visit = Visit(self.state.secret(), bank, consent.id, self.state.now, cookie=self.state.secret())
		self.state.core.store.put(visit)
		return visit

	def find(self, bank: str, visit_id: str, cookie: str) -> Visit:
		"""Return a visit that this browser began."""
		visit = self.state.visits.get(visit_id)
		if visit is None or visit.bank != bank or not visit.cookie:
			raise LinkError("unknown")
		if visit.cookie != cookie:
			raise LinkError("browser", 409)
		return visit

	# steps
	def submit(self, visit: Visit, values: Mapping[str, str], resources: list[str]) -> None:
		"""Take a form."""
		if visit.location:
			return
		visit.error = ""
		consent = self.consents.catch_up(self.state.consents[visit.consent])
		action = values.get("action", "")
		if visit.redirect_uri and consent.status != AWAITING:
			self._deny(visit)
		elif action == "refuse" and visit.redirect_uri:
			self.consents.reject(consent, USER, "CUSTOMER_MANUALLY_REJECTED")
			self._deny(visit)
		elif visit.step == "login":
			self._login(visit, consent, values.get("cpf", ""))
		elif visit.step == "choose" and action == "approve":
			self._approve(visit, consent, resources)
		elif visit.step == "approvals" and action in ("agree", "disagree"):
			for product in self.pending(consent, visit.cpf):
				self.consents.decide(consent, visit.cpf, product.id, action == "agree")
			visit.step = "done"
		self.state.core.store.put(visit)

	def _login(self, visit: Visit, consent: Consent, text: str) -> None:
		cpf = "".join(character for character in text if character.isdigit())
		known = self.state.customers[f"{consent.bank}/{consent.document}"].users
		if visit.redirect_uri:
			if f"{consent.bank}/{cpf}" not in self.state.customers and cpf not in known:
				visit.error = "unknown_cpf"
			elif cpf != consent.cpf or cpf not in known:
				# the consent names another person: access_denied, and it goes on waiting (section 5.2)
				self._deny(visit)
			else:
				visit.cpf, visit.step = cpf, "choose"
		elif self.pending(consent, cpf):
			visit.cpf, visit.step = cpf, "approvals"
		else:
			visit.error = "not_approver"

	def offered(self, consent: Consent) -> list[Product]:
		"""Return what may be chosen for a consent."""
		return [product for product in self.state.products_of(consent) if product.state == AVAILABLE]

	def _approve(self, visit: Visit, consent: Consent, resources: list[str]) -> None:
		offered = [product.id for product in self.offered(consent)]
		chosen = [resource for resource in offered if resource in resources]
		if offered and not chosen:
			visit.error = "none_chosen"
			return
		self.consents.authorise(consent, visit.cpf, chosen)
		code = self.oauth.code_for(consent)
		visit.location = f"{visit.redirect_uri}?{urlencode({'code': code, 'state': visit.state})}"

	def _deny(self, visit: Visit) -> None:
		values = {"error": "access_denied", "state": visit.state}
		visit.location = f"{visit.redirect_uri}?{urlencode(values)}"

	# further approvers
	def pending(self, consent: Consent, cpf: str) -> list[Product]:
		"""Return what waits for a person's approval."""
		if consent.status != AUTHORISED:
			return []
		return [
			self.state.products[key]
			for key, state in consent.resources.items()
			if state == "pending"
			and cpf in self.state.products[key].approvers
			and cpf not in consent.approvals[key]
		]
