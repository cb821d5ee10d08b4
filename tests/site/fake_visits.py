"""A provider of visits (sessions) that keeps its state in a file, so that threads and processes see the same one.

It is read with one key, knows sessions, consents with their resources, and a body by path.
"""

import contextlib
import json
import os
import secrets
import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from fake_consents import FakeBank as Shelf

from bank_api.connectors.errors import (
	OBJECT,
	ConsentRequired,
	InvalidRequest,
	NotFound,
	ProviderTimeout,
	ProviderUnavailable,
	RateLimited,
	Unsupported,
)
from bank_api.connectors.model import (
	AccountData,
	Approval,
	Body,
	ConsentData,
	ConsentStanding,
	ConsentStatus,
	EndedBy,
	EndReason,
	InboundEvent,
	LinkReturn,
	PermissionGroup,
	SessionData,
	SessionStanding,
	TokenHolder,
	TransactionData,
	TransactionPage,
	TransactionStatus,
)

ENVIRONMENT = "FAKE_VISITS"
GROUPS = (
	PermissionGroup(
		"personal_identification",
		"Registration Data",
		"Person",
		("CUSTOMERS_PERSONAL_READ", "RESOURCES_READ"),
	),
	PermissionGroup(
		"personal_additional", "Registration Data", "More", ("CUSTOMERS_MORE_READ", "RESOURCES_READ")
	),
	PermissionGroup(
		"business_identification",
		"Registration Data",
		"Company",
		("CUSTOMERS_BUSINESS_READ", "RESOURCES_READ"),
	),
	PermissionGroup(
		"business_additional", "Registration Data", "More", ("CUSTOMERS_BUSINESS_MORE_READ", "RESOURCES_READ")
	),
	*(
		PermissionGroup(key, "Accounts", key, (f"{key.upper()}_READ", "RESOURCES_READ"))
		for key in (
			"account_balances",
			"account_limits",
			"account_transactions",
			"card_limits",
			"card_transactions",
			"card_bills",
			"credit_operations",
		)
	),
)
BANKS = {"bank-a": "Banco Alfa", "bank-b": "Banco Beta"}
STANDING = {
	"AWAITING_AUTHORISATION": ConsentStanding.WAITING,
	"AUTHORISED": ConsentStanding.VALID,
	"REJECTED": ConsentStanding.ENDED,
}
SESSIONS = {
	"FINISHED": SessionStanding.FINISHED,
	"ABANDONED": SessionStanding.OVER,
	"EXPIRED": SessionStanding.OVER,
}


class FakeQuanto(Shelf):
	"""The provider's side."""

	def session(self, session_id: str) -> dict[str, Any]:
		found = self.get(f"session:{session_id}")
		if found is None:
			raise NotFound("There is no such session.")
		return found

	def change_session(self, session_id: str, **values: Any) -> None:
		self.put(f"session:{session_id}", self.session(session_id) | values)

	def share(self, session_id: str, bank: str = "bank-a", **values: Any) -> str:
		"""The end user chooses a bank; the consent waits there. Its id."""
		session = self.session(session_id)
		consent_id = f"urn:{bank}:{secrets.token_hex(8)}"
		self.put(
			f"consent:{consent_id}",
			{
				"status": "AWAITING_AUTHORISATION",
				"session": session_id,
				"bank": bank,
				"permissions": session["permissions"],
				"expires_at": session["expires_at"],
				"approval": "Single",
				"accounts": [f"{bank}-0001-{secrets.token_hex(2)}"],
			}
			| values,
		)
		self.change_session(session_id, status="IN_PROGRESS", consents=[*session["consents"], consent_id])
		return consent_id

	def grant(self, session_id: str, bank: str = "bank-a", **values: Any) -> str:
		"""The end user chooses a bank and agrees there; the consent's id."""
		consent_id = self.share(session_id, bank, **values)
		self.change(consent_id, status="AUTHORISED")
		return consent_id

	def reject(self, consent_id: str, by: str = "End User", why: str = "Revoked") -> None:
		self.change(consent_id, status="REJECTED", by=by, why=why)

	def finish(self, session_id: str) -> dict[str, str]:
		"""The end user is done; what the browser brings back."""
		self.change_session(session_id, status="FINISHED")
		return {"sessionId": session_id}


class FakeConnector:
	"""Our side of it, as a `SessionConnector`."""

	token_holder = TokenHolder.APPLICATION
	reads_by_date = True
	shortest_interval = timedelta(0)

	def __init__(self, config: Any, ledger: Any):
		self.config = config
		self.bank = FakeQuanto(os.environ[ENVIRONMENT])

	def permission_groups(self) -> tuple[PermissionGroup, ...]:
		return GROUPS

	def create_user(self, external_user_id: str) -> str:
		return external_user_id

	def bank_name(self, bank_id: str) -> str:
		raise NotFound("Names come with consents.")

	def refresh_item(self, token: Any, consent_id: str) -> None:
		raise Unsupported("There is no such call.")

	def parse_return(self, query: Any) -> LinkReturn:
		return LinkReturn(context=query.get("sessionId"), success=True)

	# visits

	def start_session(self, request: Any) -> SessionData:
		self.bank.called("start_session", {"permissions": list(request.permissions), "bank": request.bank_id})
		if len(request.identity.person.reveal()) != 11:
			raise InvalidRequest(
				"The CPF has 11 digits, and the last two must fit the others: check for a slip."
			)
		session_id = secrets.token_hex(16)
		self.bank.put(
			f"session:{session_id}",
			{
				"status": "CREATED",
				"external_id": request.external_id,
				"redirect_url": request.redirect_url,
				"permissions": list(request.permissions),
				"expires_at": request.expires_at.isoformat() if request.expires_at else None,
				"purpose": request.purpose,
				"language": request.language,
				"company": request.identity.business is not None,
				"consents": [],
			},
		)
		if self.bank.get("lose_answers"):
			raise ProviderTimeout("The answer is lost.")
		return self._session(session_id)

	def session(self, session_id: str) -> SessionData:
		self.bank.called("session", session_id)
		return self._session(session_id)

	def _session(self, session_id: str) -> SessionData:
		found = self.bank.session(session_id)
		time.sleep(self.bank.get("session_seconds", 0))
		return SessionData(
			session_id,
			found["status"],
			SESSIONS.get(found["status"], SessionStanding.OPEN),
			f"https://fake.example/session/{session_id}?secret={secrets.token_hex(8)}",
			datetime.now(timezone.utc) + timedelta(seconds=self.bank.get("session_life", 3600)),
			found["external_id"],
			tuple(self._data(one) for one in found["consents"]),
			json.dumps({"sessionId": session_id, "status": found["status"]}),
		)

	def _data(self, consent_id: str) -> ConsentData:
		found = self.bank.consent(consent_id)
		ends = datetime.fromisoformat(found["expires_at"]) if found["expires_at"] else None
		standing = STANDING.get(found["status"], ConsentStanding.SUSPENDED)
		return ConsentData(
			consent_id,
			found["status"],
			standing,
			ends.date() if ends else None,
			None,
			(),
			json.dumps({"data": {"consentId": consent_id, "status": found["status"]}}),
			recurring=True,
			expires_at=ends,
			granted_at=datetime.now(timezone.utc) if standing is ConsentStanding.VALID else None,
			permissions=tuple(found["permissions"]),
			session_id=found["session"],
			bank_id=found["bank"],
			bank_name=BANKS[found["bank"]],
			ended_by=EndedBy(found.get("by", "")),
			end_reason=EndReason(found.get("why", "")),
			approval=Approval(found["approval"]),
		)

	# consents

	def consent(self, consent_id: str, presence: Any = None) -> ConsentData:
		self.bank.called("consent", consent_id)
		found = self._data(consent_id)
		time.sleep(self.bank.get("consent_seconds", 0))
		return found

	def consent_status(self, consent_id: str, presence: Any = None) -> ConsentStatus:
		found = self._data(consent_id)
		return ConsentStatus(found.status, found.standing)

	def delete_consent(self, consent_id: str) -> None:
		self.bank.called("delete_consent", consent_id)
		with contextlib.suppress(NotFound):
			if self.bank.consent(consent_id)["status"] != "REJECTED":
				self.bank.reject(consent_id, "Client")
		if self.bank.get("lose_deletions"):
			raise ProviderTimeout("The answer is lost.")

	def extend_consent(self, consent_id: str, identity: Any, expires_at: Any, presence: Any) -> ConsentData:
		self.bank.called("extend_consent", {"ip": presence.ip, "agent": presence.user_agent})
		if self.bank.consent(consent_id)["status"] != "AUTHORISED":
			raise ConsentRequired("The consent has ended.")
		self.bank.change(consent_id, expires_at=expires_at.isoformat() if expires_at else None)
		return self._data(consent_id)

	# data

	def _granted(self, token: Any) -> dict[str, Any]:
		found = self.bank.consent(token.consent_id)
		if found["status"] != "AUTHORISED":
			raise ConsentRequired("The consent is not valid.")
		return found

	def accounts(self, token: Any, consent_id: str, known: Any = ()) -> list[AccountData]:
		self.bank.called("accounts", consent_id)
		found = self._granted(token)
		if found["approval"] in ("Pending", "Refused"):
			return []
		return [
			AccountData(
				f"{name}-{consent_id[-6:]}",
				consent_id,
				name,
				"checking",
				"BRL",
				Decimal("10.50"),
				json.dumps({"accountId": f"{name}-{consent_id[-6:]}"}),
				reference=name,
			)
			for name in found["accounts"]
		]

	def transactions(self, token: Any, account_id: str, since: Any, page: Any) -> TransactionPage:
		self.bank.called("transactions", account_id)
		self._granted(token)
		day = datetime.now(timezone.utc).date()
		row = TransactionData(
			f"t-{account_id[:10]}",
			Decimal("-1.25"),
			"BRL",
			day,
			day,
			day,
			None,
			"Pix",
			"Pix",
			None,
			None,
			TransactionStatus.BOOKED,
			None,
			json.dumps({"transactionId": f"t-{account_id[:10]}", "amount": "1.25"}),
		)
		return TransactionPage([row], None)

	def body(self, token: Any, path: str, query: Any = None) -> Body:
		self.bank.called("body", {"path": path, "query": dict(query or {})})
		self._granted(token)
		if path in self.bank.get("used_up", []):
			raise RateLimited("Used up.", retry_after=86_400, scope=OBJECT)
		number = self.bank.get("bodies", 0) + 1
		self.bank.put("bodies", number)
		return Body(
			f'{{"data":{{"amount":"10.50"}},"number":{number}}}', complete=not self.bank.get("incomplete")
		)

	def tombstone(self, payload: str, provider_transaction_id: str) -> str:
		return json.dumps(json.loads(payload) | {"deleted": True})

	def outline(self, payload: str) -> str:
		return payload

	# webhooks

	def verify_webhook(self, body: bytes, headers: Any, secret_keys: Any) -> bool:
		return headers.get("X-Fake-Signature") == "good"

	def parse_webhook(self, body: bytes) -> InboundEvent:
		event = json.loads(body)
		if "down" in event:
			raise ProviderUnavailable("down")
		return InboundEvent(
			event["event"],
			datetime.fromisoformat(event["occurredAt"]),
			provider_item_id=event.get("consentId"),
			needs_sync=event["event"] != "ping",
			is_test=event["event"] == "ping",
			event_id=event.get("eventId", ""),
			session_id=event.get("sessionId", ""),
		)


def install() -> None:
	"""Put the fake in the place of the real connector, in this process."""
	from bank_api.connectors.registry import CONNECTORS
	from bank_api.gateway import providers

	CONNECTORS["quanto"] = FakeConnector
	providers._connectors.clear()
