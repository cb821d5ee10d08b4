"""A consent at KB is what its tokens can do: KB tells nothing of it, so all that is known of it is its end (2.5)."""

from bank_api.connectors.errors import NotFound
from bank_api.connectors.kb import oauth
from bank_api.connectors.kb.client import KbClient
from bank_api.connectors.model import (
	ConsentData,
	ConsentStanding,
	ConsentStatus,
	EndReason,
	ItemData,
	ItemStatus,
	UserAction,
)

BANK = "KB"
BANK_NAME = "Komerční banka"
_VALID, _EXPIRED = "VALID", "EXPIRED"


def read(client: KbClient, consent_id: str) -> ConsentData:
	"""A consent: valid until its end, for CAAS is the one to say if it ended before, when a token is renewed."""
	ends = oauth.end_of(client, consent_id)
	over = ends is not None and client.now() >= ends
	return ConsentData(
		consent_id=consent_id,
		status=_EXPIRED if over else _VALID,
		standing=ConsentStanding.ENDED if over else ConsentStanding.VALID,
		valid_until=ends.astimezone(client.zone).date() if ends else None,
		frequency_per_day=None,
		references=(),
		payload="{}",
		recurring=True,
		expires_at=ends,
		bank_id=BANK,
		bank_name=BANK_NAME,
		end_reason=EndReason.EXPIRED if over else EndReason.UNKNOWN,
	)


def status(client: KbClient, consent_id: str) -> ConsentStatus:
	"""Only its status."""
	found = read(client, consent_id)
	return ConsentStatus(found.status, found.standing)


def item(client: KbClient, consent_id: str) -> ItemData:
	"""A consent as the connection that it is."""
	found = read(client, consent_id)
	over = found.standing is ConsentStanding.ENDED
	return ItemData(
		provider_item_id=consent_id,
		bank_id=BANK,
		status=ItemStatus.ACTION_REQUIRED if over else ItemStatus.OK,
		status_code=0,
		status_code_info=found.status,
		status_description=None,
		user_action=UserAction.AUTHENTICATE if over else UserAction.NONE,
		last_refresh=None,
		authentication_expires_at=found.expires_at,
		payload=found.payload,
	)


def bank_name(bank_id: str) -> str:
	"""The one bank's name."""
	if bank_id != BANK:
		raise NotFound("The provider has no bank of this code.")
	return BANK_NAME
