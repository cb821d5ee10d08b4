"""The consents API of a bank, version 3 (section 3), and the life of a consent (section 3.7)."""

import re
from typing import Any

from bank_api.sandbox.quanto import permissions
from bank_api.sandbox.quanto.bank.call import Call, Reply
from bank_api.sandbox.quanto.bank.model import AUTHORISED, AWAITING, REJECTED, Consent
from bank_api.sandbox.quanto.bank.oauth import OAuth
from bank_api.sandbox.quanto.bank.paging import Paging
from bank_api.sandbox.quanto.bank.state import BankState
from bank_api.sandbox.quanto.errors import OfbError
from bank_api.sandbox.quanto.stamps import DAY, MINUTE, moment, months_after, read_stamp, stamp

VERSION = "3.3.1"
USER, ASPSP, TPP = "USER", "ASPSP", "TPP"
_CPF, _CNPJ = re.compile(r"\d{11}"), re.compile(r"[0-9A-Z]{12}\d{2}")
_KNOWN = {"loggedUser", "businessEntity", "permissions", "expirationDateTime", "isLinked"}


def document_of(data: dict[str, Any], name: str) -> str:
	"""Read ``loggedUser`` or ``businessEntity``.

	Returns:
		The number; empty when a business entity is not named.

	Raises:
		OfbError: 400, the object is not as it has to be.
	"""
	if name == "businessEntity" and name not in data:
		return ""
	pattern, rel = (_CPF, "CPF") if name == "loggedUser" else (_CNPJ, "CNPJ")
	holder = data.get(name)
	document = holder.get("document") if isinstance(holder, dict) else None
	number = document.get("identification") if isinstance(document, dict) else None
	if (
		not isinstance(document, dict)
		or not isinstance(number, str)
		or not pattern.fullmatch(number)
		or document.get("rel") != rel
	):
		raise OfbError(400, detail=f"{name}.document needs identification and rel {rel}.")
	return number


class Consents:
	"""Creates, reads, ends and extends consents. The caller holds the lock."""

	def __init__(self, state: BankState, oauth: OAuth, paging: Paging) -> None:
		self.state, self.oauth, self.paging = state, oauth, paging

	# calls
	def create(self, call: Call) -> Reply:
		"""POST /consents."""
		receiver = self.oauth.receiver(call)
		data = call.json()
		if set(data) - _KNOWN:
			raise OfbError(400, detail=f"Unknown fields: {', '.join(sorted(set(data) - _KNOWN))}.")
		cpf, cnpj = document_of(data, "loggedUser"), document_of(data, "businessEntity")
		asked = data.get("permissions")
		if not isinstance(asked, list) or not all(isinstance(name, str) for name in asked):
			raise OfbError(400, detail="permissions must be a list of texts.")
		permissions.check(asked, bool(cnpj))
		granted = permissions.granted(asked, call.bank.unsold)
		now = self.state.now
		consent = Consent(
			id=f"urn:{call.bank.namespace}:{self.state.new_id()}",
			bank=call.bank.key,
			receiver=receiver,
			cpf=cpf,
			cnpj=cnpj,
			permissions=granted,
			created=now,
			changed=now,
			expires=self._end(data, 0),
		)
		self.state.core.store.put(consent)
		return Reply(201, self._body(call, consent))

	def read(self, call: Call, consent_id: str) -> Reply:
		"""GET /consents/{consentId}."""
		return Reply(200, self._body(call, self._own(call, consent_id), read=True))

	def delete(self, call: Call, consent_id: str) -> Reply:
		"""DELETE /consents/{consentId}: the user revoked at the receiver."""
		consent = self._own(call, consent_id)
		if consent.status == REJECTED:
			raise OfbError(422, "CONSENTIMENTO_EM_STATUS_REJEITADO", "The consent is rejected already.")
		code = "CUSTOMER_MANUALLY_REVOKED" if consent.status == AUTHORISED else "CUSTOMER_MANUALLY_REJECTED"
		self.reject(consent, USER, code)
		return Reply(204)

	def extend(self, call: Call, consent_id: str) -> Reply:
		"""POST /consents/{consentId}/extends (section 3.8)."""
		consent = self.catch_up(self.oauth.consent(call))
		if consent.id != consent_id:
			raise OfbError(403, detail="The token belongs to another consent.")
		for name in ("x-fapi-customer-ip-address", "x-customer-user-agent"):
			if not call.request.headers.get(name, "").strip():
				raise OfbError(400, detail=f"{name} is missing.")
		data = call.json()
		cpf, cnpj = document_of(data, "loggedUser"), document_of(data, "businessEntity")
		if cnpj != consent.cnpj or (not cnpj and cpf != consent.cpf):
			raise OfbError(403, detail="Only the person or company that gave the consent may extend it.")
		if consent.cnpj and cpf not in self.state.customers[f"{consent.bank}/{consent.cnpj}"].users:
			raise OfbError(403, detail="This person may not act for the company.")
		if consent.status != AUTHORISED:
			raise OfbError(422, "ESTADO_CONSENTIMENTO_INVALIDO", "The consent is not authorised.")
		if consent.approvals:
			raise OfbError(422, "DEPENDE_MULTIPLA_ALCADA", "The consent depends on several approvers.")
		end = self._end(data, consent.expires)
		agent = call.request.headers["x-customer-user-agent"].strip()[:255]
		row: dict[str, Any] = {
			"loggedUser": {"document": {"identification": cpf, "rel": "CPF"}},
			"requestDateTime": self.state.stamp,
			"xFapiCustomerIpAddress": call.request.headers["x-fapi-customer-ip-address"].strip()[:100],
			"xCustomerUserAgent": agent,
		}
		if end:
			row["expirationDateTime"] = stamp(end)
		if consent.expires:
			row["previousExpirationDateTime"] = stamp(consent.expires)
		consent.extensions.insert(0, row)
		consent.expires = end
		self.state.core.store.put(consent)
		return Reply(201, self._body(call, consent))

	def extensions(self, call: Call, consent_id: str) -> Reply:
		"""GET /consents/{consentId}/extensions, newest first."""
		consent = self._own(call, consent_id)
		return Reply(200, self.paging.pages(call, consent.extensions, self.paging.window(call, least=25)))

	# what they share
	def _own(self, call: Call, consent_id: str) -> Consent:
		receiver = self.oauth.receiver(call)
		consent = self.state.consents.get(consent_id)
		if consent is None or consent.bank != call.bank.key:
			raise OfbError(404, detail="This consent does not exist.")
		if consent.receiver != receiver:
			raise OfbError(403, detail="The consent was asked for by another receiver.")
		return self.catch_up(consent)

	def _end(self, data: dict[str, Any], current: int) -> int:
		"""Read when a consent shall end; 0 for no end (section 3.8)."""
		if "expirationDateTime" not in data:
			if self.state.switches.indefinite:
				return 0
			raise OfbError(400, detail="expirationDateTime is missing.")
		end = read_stamp(data["expirationDateTime"])
		if end is None:
			raise OfbError(400, detail="expirationDateTime must be like 2021-05-21T08:30:00Z.")
		latest = months_after(self.state.today, self.state.switches.max_months)
		if not max(self.state.now, current) < end or moment(end).date() > latest:
			raise OfbError(
				422,
				"DATA_EXPIRACAO_INVALIDA",
				f"The end must lie after now and after the present one, at most {self.state.switches.max_months} months ahead.",
			)
		return end

	def _body(self, call: Call, consent: Consent, *, read: bool = False) -> dict[str, Any]:
		return {
			"data": self.view(consent, read=read),
			"links": {"self": self.paging.consent_url(consent)},
			"meta": {"requestDateTime": self.state.stamp},
		}

	def view(self, consent: Consent, *, read: bool = False) -> dict[str, Any]:
		"""Write a consent (section 3.4)."""
		found: dict[str, Any] = {
			"consentId": consent.id,
			"creationDateTime": stamp(consent.created),
			"status": consent.status,
			"statusUpdateDateTime": stamp(consent.changed),
			"permissions": consent.permissions,
		}
		if consent.expires:
			found["expirationDateTime"] = stamp(consent.expires)
		if read and consent.rejection:
			found["rejection"] = consent.rejection
		return found

	# life (section 3.7)
	def catch_up(self, consent: Consent) -> Consent:
		"""Apply what the clock has done to a consent."""
		now, switches = self.state.now, self.state.switches
		deadline = consent.created + switches.waiting_minutes * MINUTE
		if consent.status == AWAITING and now >= deadline:
			self.reject(consent, ASPSP, "CONSENT_EXPIRED", at=deadline)
		elif consent.status == AUTHORISED and consent.expires and now >= consent.expires:
			self.reject(consent, ASPSP, "CONSENT_MAX_DATE_REACHED", at=consent.expires)
		elif consent.status == AUTHORISED and consent.approve_by and now >= consent.approve_by:
			self._approvers_late(consent)
		return consent

	def _approvers_late(self, consent: Consent) -> None:
		late = [resource for resource, state in consent.resources.items() if state == "pending"]
		at, consent.approve_by = consent.approve_by, 0
		if late and self.state.switches.approval_end == "rejected":
			note = "O prazo para a aprovação de todos os aprovadores passou."
			self.reject(consent, ASPSP, "CONSENT_EXPIRED", note, at=at)
		else:
			consent.resources |= dict.fromkeys(late, "refused")
		self.state.core.store.put(consent)

	def reject(self, consent: Consent, by: str, code: str, note: str = "", at: int | None = None) -> None:
		"""End a consent; its tokens die with it."""
		consent.status, consent.changed = REJECTED, self.state.now if at is None else at
		reason = {"code": code, **({"additionalInformation": note[:140]} if note else {})}
		consent.rejection = {"rejectedBy": by, "reason": reason}
		self.state.core.store.put(consent)
		self.oauth.revoke(consent)

	def authorise(self, consent: Consent, cpf: str, chosen: list[str]) -> None:
		"""The customer has confirmed: resources that need further approvers stay pending (section 3.7)."""
		now, products = self.state.now, {p.id: p for p in self.state.products_of(consent)}
		for resource in chosen:
			needed = products[resource].approvers
			if set(needed) - {cpf}:
				consent.approvals[resource] = [cpf] if cpf in needed else []
				consent.resources[resource] = "pending"
			else:
				consent.resources[resource] = ""
		consent.status, consent.changed = AUTHORISED, now
		consent.ready_at = now + self.state.switches.resources_delay_ms
		if consent.approvals:
			consent.approve_by = now + self.state.switches.approval_days * DAY
		self.state.core.store.put(consent)

	def decide(self, consent: Consent, cpf: str, resource: str, agree: bool) -> None:
		"""A further approver agrees to a resource, or refuses it."""
		if consent.resources.get(resource) != "pending":
			return
		agreed = consent.approvals[resource]
		if not agree:
			consent.resources[resource] = "refused"
		elif cpf not in agreed:
			agreed.append(cpf)
			if set(self.state.products[resource].approvers) <= set(agreed):
				consent.resources[resource] = ""
		self.state.core.store.put(consent)
