"""Consents in the database: how one stands, what that means for its item, and what the client is told.

No HTTP. The caller commits. Locks are taken in the order item, consent, client.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

import frappe
from frappe import _
from frappe.utils.password import get_decrypted_password, set_encrypted_password

from bank_api.connectors.errors import ProviderError
from bank_api.connectors.model import (
	Approval,
	ConsentData,
	ConsentStanding,
	EndedBy,
	EndReason,
	ItemStatus,
	Secret,
	TokenHolder,
	UserAction,
)
from bank_api.gateway import audit, providers, relay
from bank_api.gateway.clock import site_now, to_site
from bank_api.gateway.errors import NotConfigured
from bank_api.gateway.plain import shown

DOCTYPE = "Bank API Consent"
ITEM = "Bank API Item"
REQUEST = "Bank API Connect Request"

CREATED, WAITING, ACTIVE, SUSPENDED = "Created", "Waiting", "Active", "Suspended"
NEEDS, ENDED = "Needs Authorisation", "Ended"
LIVE = (ACTIVE, SUSPENDED, NEEDS)  # authorised once, and not over
BANK_OFFERED, DETAILED = "Bank Offered", "Detailed"

CHECK_EVERY = timedelta(hours=24)
WAITING_EVERY = timedelta(
	minutes=5
)  # a consent that its end user is about to give, or that others have to approve
SHORT_LIFE = timedelta(minutes=15)
"""A token that lives shorter is renewed when it is needed, never ahead."""
WITHDRAWN_WITHIN = timedelta(minutes=10)  # a withdrawal that began longer ago was cut off
SECRETS = ("access_token", "refresh_token", "code_verifier", "authorisation_code")
TOLD = -1  # the item's `expiry_notice` once the client knows of the end
REPAIR_METHODS = {
	"bridge": "bank_api.bridge.get_sca_authentication_link",
	"berlin_group": "bank_api.migdal.get_migdal_consent_link",
	"quanto": "bank_api.quanto.get_quanto_session_link",
	"kb": "bank_api.kb.get_kb_consent_link",
}
"""By connector: the API modules are one for each."""

COLUMNS = [
	"name",
	"client",
	"provider",
	"end_user",
	"item",
	"replaces",
	"request",
	"provider_consent_id",
	"metadata_url",
	"kind",
	"company",
	"account_references",
	"recurring",
	"frequency_per_day",
	"requested_valid_until",
	"valid_until",
	"expires_at",
	"permissions",
	"purpose",
	"bank_id",
	"bank_name",
	"approval",
	"announced",
	"withdrawing_since",
	"ended_by",
	"end_reason",
	"creation",
	"authorised_at",
	"granted_at",
	"last_access_at",
	"ended_at",
	"provider_status",
	"state",
	"token_issued_at",
	"token_expires_at",
	"renew_after",
	"renewing_since",
	"renewal_failed_at",
	"next_check_at",
]


def get(name: str, lock: bool = False) -> frappe._dict | None:
	"""A consent's row.

	Args:
		name: name of the Bank API Consent.
		lock: hold the row until the transaction ends.
	"""
	return frappe.db.get_value(DOCTYPE, name, COLUMNS, as_dict=True, for_update=lock)


def of_item(provider: str, item_id: str) -> frappe._dict | None:
	"""The consent behind an item: one consent is one item, under the same id of the provider."""
	key = {"provider": provider, "provider_consent_id": item_id}
	return frappe.db.get_value(DOCTYPE, key, COLUMNS, as_dict=True)


def set_values(name: str, **values: Any) -> None:
	"""Write columns of a consent; none of them is a secret."""
	frappe.db.set_value(DOCTYPE, name, values)


# --- secrets: encrypted in the framework's own table, never in a column


def keep_secret(name: str, fieldname: str, secret: Secret) -> None:
	"""Store a secret of a consent, encrypted."""
	set_encrypted_password(DOCTYPE, name, secret.reveal(), fieldname)


def secret(name: str, fieldname: str) -> Secret:
	"""A secret of a consent; empty if there is none, or if it was encrypted with another key (a restored site)."""
	try:
		return Secret(get_decrypted_password(DOCTYPE, name, fieldname, raise_exception=False) or "")
	except frappe.ValidationError:
		frappe.clear_messages()
		return Secret("")


def forget_secrets(name: str, fieldnames: Iterable[str] = SECRETS) -> None:
	"""Delete secrets of a consent that are used up or worth nothing any more."""
	frappe.db.delete(
		"__Auth", {"doctype": DOCTYPE, "name": name, "fieldname": ("in", list(fieldnames)), "encrypted": 1}
	)


# --- what it allows


def references(row: frappe._dict) -> tuple[str, ...]:
	"""The numbers of loans and accounts that a consent is about."""
	return tuple((row.account_references or "").split("\n")) if row.account_references else ()


def permissions(row: frappe._dict) -> tuple[str, ...]:
	"""What may be read under a consent, in the provider's words; empty where it names none."""
	return tuple((row.permissions or "").split("\n")) if row.permissions else ()


def note_terms(row: frappe._dict, data: ConsentData) -> None:
	"""Keep what the end user has really granted: a shorter time perhaps, or fewer loans."""
	values: dict[str, Any] = {
		"provider_status": shown(data.status)[:140],
		"payload": data.payload,
		"next_check_at": _check_again(row, data),
		"expires_at": to_site(data.expires_at) if data.expires_at else None,
	}
	day = data.valid_until or (values["expires_at"].date() if values["expires_at"] else None)
	if day is not None or row.expires_at:  # what had an end may have lost it
		values["valid_until"] = day
	if data.frequency_per_day is not None:
		values["frequency_per_day"] = data.frequency_per_day
	if data.recurring is not None:
		values["recurring"] = int(data.recurring)
	if data.granted_at is not None:
		values["granted_at"] = to_site(data.granted_at)
	if data.permissions:
		values["permissions"] = shown("\n".join(data.permissions))
	if data.bank_id:
		values |= {"bank_id": shown(data.bank_id)[:140], "bank_name": shown(data.bank_name)[:140]}
	if data.standing is ConsentStanding.VALID:
		values["account_references"] = shown("\n".join(data.references))
	set_values(row.name, **values)


def _check_again(row: frappe._dict, data: ConsentData) -> datetime:
	"""When to look at a consent again if nothing makes us look before."""
	if data.standing is ConsentStanding.WAITING or data.approval is Approval.PENDING:
		return site_now() + waiting_time(row.authorised_at or row.creation)
	if data.expires_at is not None:
		return min(site_now() + CHECK_EVERY, max(to_site(data.expires_at), site_now()) + timedelta(minutes=1))
	return next_check(data.valid_until or last_day(row))


def waiting_time(since: datetime) -> timedelta:
	"""How long to leave alone what waits for people: the longer they take, the longer."""
	return min(max((site_now() - since) / 20, WAITING_EVERY), CHECK_EVERY / 4)


# --- how it stands


def note_standing(row: frappe._dict, data: ConsentData) -> None:
	"""A consent that is suspended, or no longer; its end is written by `end`."""
	if data.standing is ConsentStanding.SUSPENDED and row.state in (ACTIVE, NEEDS):
		set_values(row.name, state=SUSPENDED)
		tell(row, "consent.suspended", provider_status=data.status)
		audit.record("Consent Suspended", client=row.client, doctype=DOCTYPE, name=row.name)
	elif data.standing is ConsentStanding.VALID and row.state == SUSPENDED:
		set_values(row.name, state=ACTIVE if _opens(row) else NEEDS)
		tell(row, "consent.resumed", provider_status=data.status)
		audit.record("Consent Resumed", client=row.client, doctype=DOCTYPE, name=row.name)


def _opens(row: frappe._dict) -> bool:
	"""Whether a valid consent gives access: some need a token that only the end user can bring back."""
	if providers.connector(row.provider).token_holder is TokenHolder.APPLICATION:
		return True
	return bool(secret(row.name, "refresh_token"))


def needs_authorisation(row: frappe._dict, reason: str) -> None:
	"""The tokens are lost: say so on the consent and its item, and tell the client that the end user has to come.

	Args:
		row: the consent.
		reason: why, in words for people.
	"""
	_flag_item(row.item)
	current = get(row.name, lock=True)
	if not current or current.state in (NEEDS, ENDED):
		return
	forget_secrets(row.name)
	set_values(
		row.name,
		state=NEEDS,
		last_error=reason,
		renewing_since=None,
		renew_after=None,
		token_expires_at=None,
	)
	tell(current, "consent.reauthorisation_needed", repair_method=repair_method(row))
	audit.record("Consent Needs Authorisation", client=row.client, doctype=DOCTYPE, name=row.name)


def end(
	name: str,
	reason: str | None = None,
	*,
	by: EndedBy = EndedBy.UNKNOWN,
	why: EndReason = EndReason.UNKNOWN,
) -> bool:
	"""A consent is over: nothing of its secrets stays. Its client is told by what ends with it.

	Args:
		name: name of the Bank API Consent.
		reason: why, in words for people.
		by: who ended it, as far as is known; somebody here who is withdrawing it comes first.
		why: for what reason, likewise.

	Returns:
		whether this changed anything.
	"""
	row = get(name, lock=True)
	if not row or row.state == ENDED:
		return False
	forget_secrets(name)
	set_values(
		name,
		state=ENDED,
		ended_at=site_now(),
		ended_by=row.ended_by or by.value,
		end_reason=row.end_reason or why.value,
		next_check_at=None,
		last_error=reason,
		renewing_since=None,
		renew_after=None,
		token_expires_at=None,
		refresh_expires_at=None,
	)
	audit.record(
		"Consent Ended",
		client=row.client,
		doctype=DOCTYPE,
		name=name,
		details={"status": row.provider_status, "reason": row.end_reason or why.value},
	)
	if row.item and row.withdrawing_since and row.ended_by == EndedBy.END_USER.value:
		if row.end_reason == EndReason.REVOKED.value:
			tell(row, "consent.revoked")
	return True


def end_of_item(provider: str, item_id: str) -> None:
	"""An item is deleted: the consent behind it, if there is one, is over."""
	row = of_item(provider, item_id)
	if row:
		end(row.name)


def begin_withdrawal(name: str, by: EndedBy, why: EndReason) -> bool:
	"""Note that a consent is going to be withdrawn at the provider, so that whoever reads its end first knows whose wish it was.

	The caller commits before the provider is asked.

	Returns:
		whether there is anything to withdraw.
	"""
	row = get(name, lock=True)
	if not row or row.state == ENDED:
		return False
	if not row.withdrawing_since:
		set_values(name, withdrawing_since=site_now(), ended_by=by.value, end_reason=why.value)
	return True


def stop_withdrawal(name: str) -> None:
	"""The provider has not withdrawn it: it stands as before."""
	row = get(name, lock=True)
	if row and row.state != ENDED:
		set_values(name, withdrawing_since=None, ended_by="", end_reason="")


def tell_end(row: frappe._dict, revoked: bool, refused: bool = False) -> None:
	"""Tell the client that a consent was revoked, refused by others, or has expired.

	Called before its item is brought up to date.
	"""
	if refused:
		tell(row, "consent.refused")
		return
	if revoked:
		tell(row, "consent.revoked")
		return
	if not row.item:
		return
	_flag_item(row.item)
	if frappe.db.get_value(ITEM, row.item, "expiry_notice") == TOLD:
		return  # the daily notices were faster
	frappe.db.set_value(ITEM, row.item, "expiry_notice", TOLD, update_modified=False)
	tell(row, "consent.expired", days=0, expires_at=None, repair_method=repair_method(row))


def repair_method(row: frappe._dict | None) -> str:
	"""The method of the public API that gives the link for a new consent.

	Args:
		row: the consent behind an item; None if there is none.
	"""
	connector = frappe.db.get_value(providers.DOCTYPE, row.provider, "connector") if row else "bridge"
	return REPAIR_METHODS[connector]


def advice(provider: str) -> str:
	"""What a human has to do where the access to a provider of consents is lost, and where, in words for the caller.

	Args:
		provider: name of the Bank API Provider.
	"""
	link = _("Ask for a new link with {0} and send the end user there.").format(
		repair_method(frappe._dict(provider=provider))
	)
	try:
		more = getattr(providers.connector(provider), "advice", "")
	except (
		ProviderError,
		NotConfigured,
	):  # what is not set up any more keeps nobody from reading what was read
		more = ""
	return f"{link} {_(more)}" if more else link


def tell(row: frappe._dict, event: str, **data: Any) -> None:
	"""Tell the client what has become of a consent; of one without an item it does not know yet. The caller holds the row."""
	from bank_api.gateway import items

	if row.item:
		told = {**items.event_data(row.item), "consent": row.provider_consent_id}
		relay.emit(row.client, event, told | data, item=row.item)


def _flag_item(item: str | None) -> None:
	"""The end user has to act, whatever the provider says of the consent."""
	if not item:
		return
	status = frappe.db.get_value(ITEM, item, "status", for_update=True)
	if status and status != ItemStatus.DELETED.value:
		frappe.db.set_value(
			ITEM,
			item,
			{"status": ItemStatus.ACTION_REQUIRED.value, "user_action": UserAction.AUTHENTICATE.value},
		)


# --- when its token is renewed


def renewal_time(issued: datetime, expires: datetime) -> datetime | None:
	"""From when a token is renewed ahead: a tenth of its life before its end, or ten minutes if that is more; but
	never before half of its life.

	Returns:
		None for a token of minutes: a bank that gives such ones wants them to be asked for when they are needed, and
		counts the requests (protocols/kb_batch.md 2.5). Whoever needs one gets one; nothing is lost if nobody does.
	"""
	life = expires - issued
	if life < SHORT_LIFE:
		return None
	return expires - min(max(life / 10, timedelta(minutes=10)), life / 2)


def next_check(day: date | None) -> datetime:
	"""When the scheduler looks at a consent again that nobody else has looked at: within a day, and when it ends."""
	soon = site_now() + CHECK_EVERY
	if day is None or day < site_now().date():
		return soon
	return min(soon, datetime.combine(day, time.max) + timedelta(minutes=5))


def last_day(row: frappe._dict) -> date | None:
	"""The last day of a consent as far as it is known."""
	return row.valid_until or row.requested_valid_until
