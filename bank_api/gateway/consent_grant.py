"""What becomes of a consent that an end user has given in a visit, and that others may have to approve.

Its client is told from the step that the row takes here, under the row's lock, never from a provider's message: so each
event goes out once, whatever is repeated or comes in another order. The steps only lead forward (`_RANK`).
"""

import frappe

from bank_api.connectors.model import Approval, ConsentData
from bank_api.gateway import audit, consent_rows, sync
from bank_api.gateway.clock import site_now
from bank_api.gateway.consent_rows import ACTIVE, CREATED, DOCTYPE, WAITING

TOLD_WAITING, TOLD_REFUSED, TOLD_GRANTED = "Waiting", "Refused", "Granted"
_RANK = {"": 0, TOLD_WAITING: 1, TOLD_REFUSED: 2, TOLD_GRANTED: 3}
_TOLD = {
	Approval.PENDING: (TOLD_WAITING, "consent.waiting", "Consent Waits for Approval"),
	Approval.REFUSED: (TOLD_REFUSED, "consent.refused", "Consent Approval Refused"),
	Approval.SINGLE: (TOLD_GRANTED, "consent.granted", "Consent Granted"),
	Approval.APPROVED: (TOLD_GRANTED, "consent.granted", "Consent Approved"),
}


def note_valid(row: frappe._dict, data: ConsentData, item: str) -> None:
	"""Write that a consent is valid, and how far its approval is; tell the client if that is news.

	The caller holds the item's lock and the consent's, and commits.

	Args:
		row: the consent as it is now.
		data: as the provider has it.
		item: name of the Bank API Item that it is.
	"""
	first = row.state in (CREATED, WAITING)
	approval = _approval(row, data, first)
	values = {"item": item, "approval": approval.value}
	if first:
		values |= {"state": ACTIVE, "authorised_at": site_now(), "last_error": None}
	told, event, action = _TOLD[approval]
	news = _RANK[told] > _RANK[row.announced or ""]
	if news:
		values["announced"] = told
	consent_rows.set_values(row.name, **values)
	if not news:
		return
	several = {"multiple_approval": True} if approval is Approval.APPROVED else {}
	consent_rows.tell(
		frappe._dict(row, item=item),
		event,
		request=row.request,
		bank=row.bank_name or data.bank_name,
		**several,
	)
	audit.record(
		action, client=row.client, doctype=DOCTYPE, name=row.name, details={"bank_id": data.bank_id or None}
	)
	if told == TOLD_GRANTED:
		sync.request(item, "granted")


def _approval(row: frappe._dict, data: ConsentData, first: bool) -> Approval:
	"""How far the approval is. The provider only knows what is pending now; that it was, the row knows."""
	before = Approval.SINGLE if first else Approval(row.approval or Approval.SINGLE.value)
	if data.approval is Approval.PENDING:
		return Approval.PENDING
	if data.approval is Approval.REFUSED:
		# Accounts that are closed later on are no refusal of what was granted.
		return Approval.REFUSED if first or before in (Approval.PENDING, Approval.REFUSED) else before
	if data.approval is Approval.APPROVED or before is not Approval.SINGLE:
		return Approval.APPROVED
	return Approval.SINGLE
