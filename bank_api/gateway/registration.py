"""A browser brings the bank's answer to a registration: sealed client id and secret (kb_batch.md, 2.4, step 3 to 5).

Whoever comes with a state that nobody waits for learns nothing and changes nothing. So does an answer that was sealed with
another key, or was changed on the way: the link stays good. The right one serves once.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

import frappe
from frappe import _
from frappe.model.document import Document

from bank_api.connectors.base import RegistrationConnector
from bank_api.connectors.errors import MalformedResponse, ProviderError
from bank_api.connectors.model import Secret
from bank_api.connectors.onboarding import ClientCredentials
from bank_api.gateway import audit, managers, providers, trip
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import GatewayError
from bank_api.gateway.setup_model import PROVIDER, keep
from bank_api.gateway.setup_portal import PROOF
from bank_api.gateway.setup_registration import forgotten

REGISTERED, REFUSED, BROKEN, LATE, UNKNOWN = "registered", "refused", "broken", "expired", "unknown"
_STATE = re.compile(r"[A-Za-z0-9_-]{20,200}\Z")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}\Z")
_LONGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Finished:
	"""What came of it.

	Attributes:
		status: `registered`, `refused` at the bank, `broken`, `expired` or `unknown`.
		provider: whose registration it was; empty if nobody waits for this one.
	"""

	status: str
	provider: str = ""


def finish(query: Mapping[str, str]) -> Finished:
	"""Take the answer. What it changes is committed, and nothing else.

	Args:
		query: of the address to which the bank sent the browser.
	"""
	state = query.get("state") or ""
	doc = _waiting(state) if _STATE.match(state) else None
	if doc is None:
		frappe.db.rollback()
		return Finished(UNKNOWN)
	status, reason = _take(doc, query)
	if status != REGISTERED:
		frappe.db.rollback()
		audit.record(
			"Application Registered",
			outcome=audit.REFUSED,
			doctype=PROVIDER,
			name=doc.name,
			details={"provider": doc.name, "status": status, "reason": reason},
		)
	frappe.db.commit()
	return Finished(status, doc.name)


def _waiting(state: str) -> Document | None:
	"""The provider that waits for this state, locked: of two browsers with one answer, the second finds nothing."""
	wanted = trip.state_hash(state)
	name = frappe.db.get_value(PROVIDER, {"registration_state": wanted})
	if not name:
		return None
	frappe.db.rollback()  # what is read from here on is younger than the lock
	doc = frappe.get_doc(PROVIDER, name, for_update=True)
	return doc if hmac.compare_digest(doc.registration_state or "", wanted) else None


def _take(doc: Document, query: Mapping[str, str]) -> tuple[str, str]:
	"""How it ends, and why."""
	until = frappe.utils.get_datetime(doc.registration_expires_at)
	if until is None or until <= site_now():
		return LATE, ""
	if error := query.get("error"):
		return REFUSED, error if _CODE.match(error) else ""
	try:
		found = _opened(doc, query)
	except (ProviderError, GatewayError) as error:
		return BROKEN, error.message
	_store(doc, found)
	return REGISTERED, ""


def _opened(doc: Document, query: Mapping[str, str]) -> ClientCredentials:
	"""What is sealed in the answer.

	Raises:
		ProviderError: it is not the answer to this registration.
		GatewayError: the provider's record cannot be used.
	"""
	salt, data = query.get("salt") or "", query.get("encryptedData") or ""
	if not salt or not data or len(salt) + len(data) > _LONGEST:
		raise MalformedResponse("The answer has not what an answer has.")
	key = Secret(doc.get_password("registration_key", raise_exception=False) or "")
	connector: RegistrationConnector = providers.connector(doc.name)  # type: ignore[assignment]
	found = connector.read_registration(salt, data, key)
	if found.state and not hmac.compare_digest(trip.state_hash(found.state), doc.registration_state):
		raise MalformedResponse("The state within the seal is another one.")
	return found


def _store(doc: Document, found: ClientCredentials) -> None:
	"""Credentials in, key and state out, in one transaction."""
	doc.update(
		{
			"client_id": found.client_id,
			"client_secret": found.client_secret.reveal(),
			"registered_at": site_now(),
			"registered_scopes": " ".join(found.scopes)[:140],
			"registered_addresses": "\n".join(found.redirect_uris)[:5000],
			**forgotten(),
		}
	)
	keep(doc, {PROOF: ""})
	doc.save(ignore_permissions=True)  # whoever comes from the bank is nobody here; the seal is the proof
	audit.record("Application Registered", doctype=PROVIDER, name=doc.name, details={"provider": doc.name})
	subject = _("The application is registered at {0}").format(doc.name)
	managers.tell(subject, _("The set-up goes on: open it and test the access."), PROVIDER, doc.name)
