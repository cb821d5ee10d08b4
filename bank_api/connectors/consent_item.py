"""What a consent that is read with our own key means for its item: one rule, so that the two never contradict."""

from bank_api.connectors.model import (
	Approval,
	ConsentData,
	ConsentStanding,
	EndReason,
	ItemData,
	ItemStatus,
	UserAction,
)

_BY_STANDING = {
	ConsentStanding.WAITING: (ItemStatus.WAITING, UserAction.WAIT),
	ConsentStanding.VALID: (ItemStatus.OK, UserAction.NONE),
	ConsentStanding.SUSPENDED: (ItemStatus.PROVIDER_PROBLEM, UserAction.NONE),
	ConsentStanding.ENDED: (ItemStatus.DELETED, UserAction.NONE),
}
_ASK_AGAIN = (ItemStatus.ACTION_REQUIRED, UserAction.AUTHENTICATE)


def state_of(data: ConsentData) -> ItemData:
	"""The item that a consent is.

	Args:
		data: the consent as the provider has it now.

	Returns:
		its item. One that has run out keeps its data for the consent that follows; one that was taken back does not.
	"""
	status, action = _status(data)
	return ItemData(
		provider_item_id=data.consent_id,
		bank_id=data.bank_id or None,
		status=status,
		status_code=0,
		status_code_info=data.status,
		status_description=None,
		user_action=action,
		last_refresh=None,
		authentication_expires_at=data.expires_at,
		payload=data.payload,
	)


def _status(data: ConsentData) -> tuple[ItemStatus, UserAction]:
	if data.standing is ConsentStanding.ENDED and data.end_reason is EndReason.EXPIRED:
		return _ASK_AGAIN
	if data.standing is ConsentStanding.VALID:
		if data.approval is Approval.REFUSED:
			return _ASK_AGAIN
		if data.approval is Approval.PENDING:
			return ItemStatus.WAITING, UserAction.WAIT
	return _BY_STANDING[data.standing]
