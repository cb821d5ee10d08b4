"""Reading a consent again at its provider, and what follows: no token is needed for it.

One reader of a consent at a time, from the question to the writing of the answer: an older answer never overwrites a newer
one, whoever asked first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import frappe

from bank_api.connectors import consent_item
from bank_api.connectors.base import ConsentConnector
from bank_api.connectors.errors import (
	MalformedResponse,
	NotFound,
	ProviderError,
	ProviderTimeout,
	ProviderUnavailable,
	RefreshRefused,
	Unsupported,
)
from bank_api.connectors.model import (
	ConsentData,
	ConsentStanding,
	EndedBy,
	EndReason,
	ItemData,
	ItemStatus,
	Presence,
	Secret,
	Token,
	TokenHolder,
	UserAction,
)
from bank_api.gateway import consent_grant, consent_rows, items, providers
from bank_api.gateway.clock import site_now, utc_now
from bank_api.gateway.durable import durably
from bank_api.gateway.locks import exclusive

WAIT_SECONDS = 30
"""How long a reader waits for the one before: longer than a provider usually takes to answer."""
# The provider may have done it, and the answer was lost: the note of whose wish it was stays for a while.
_LOST = (ProviderUnavailable, MalformedResponse)


@dataclass(frozen=True, slots=True)
class Reading:
	"""A consent as the provider has it now, as such and as the item that it is."""

	data: ConsentData
	state: ItemData


def connector_of(provider: str) -> ConsentConnector:
	"""The connector of a provider that works with consents."""
	found: Any = providers.connector(provider)
	return found


@contextmanager
def alone(consent: str) -> Iterator[None]:
	"""Be the only reader of a consent while the block runs. Commits, so that what others have written is seen.

	Raises:
		ProviderTimeout: another reader gets no answer.
	"""
	frappe.db.commit()
	with exclusive(f"consent:{consent}", WAIT_SECONDS) as held:
		if not held:
			raise ProviderTimeout("Somebody else is reading the consent and gets no answer.")
		frappe.db.commit()
		yield


def read(row: frappe._dict, presence: Presence | None = None) -> Reading:
	"""Ask the provider for a consent.

	Args:
		row: the consent.
		presence: the end user's browser, if the end user is there.

	Raises:
		NotFound: the provider does not know it any more.
	"""
	connector = connector_of(row.provider)
	data = connector.consent(row.provider_consent_id, presence)
	if connector.token_holder is TokenHolder.APPLICATION:
		return Reading(data, consent_item.state_of(data))
	nothing = Token(
		Secret(""),
		utc_now(),
		"",
		row.provider_consent_id,
		presence,
		row.company or "",
		row.frequency_per_day or 0,
	)
	return Reading(data, connector.item(nothing, row.provider_consent_id))


def apply(row: frappe._dict, reading: Reading) -> ItemData:
	"""Write what was read; the caller commits.

	Args:
		row: the consent.
		reading: of it.

	Returns:
		the item's state for `items.apply_state`: a consent that is valid there and without tokens here is no use.
	"""
	if row.item:  # the order of locks
		frappe.db.get_value(consent_rows.ITEM, row.item, "name", for_update=True)
	current = consent_rows.get(row.name, lock=True)
	if current is None or current.state == consent_rows.ENDED:
		return reading.state
	consent_rows.note_terms(current, reading.data)
	if reading.data.standing is ConsentStanding.ENDED:
		_end(current, reading)
		return reading.state
	_forget_cut_off_withdrawal(current)
	consent_rows.note_standing(current, reading.data)
	if reading.data.standing is ConsentStanding.VALID and row.item and of_a_visit(row):
		consent_grant.note_valid(current, reading.data, row.item)
	state = consent_rows.get(row.name)
	if reading.state.status is ItemStatus.OK and state and state.state == consent_rows.NEEDS:
		return replace(reading.state, status=ItemStatus.ACTION_REQUIRED, user_action=UserAction.AUTHENTICATE)
	return reading.state


def of_a_visit(row: frappe._dict) -> bool:
	"""Whether a consent was given in a visit, and is read with our own key."""
	return connector_of(row.provider).token_holder is TokenHolder.APPLICATION


def _forget_cut_off_withdrawal(row: frappe._dict) -> None:
	"""Somebody began to withdraw it and was killed before the provider did: it stands."""
	if row.withdrawing_since and row.withdrawing_since < site_now() - consent_rows.WITHDRAWN_WITHIN:
		consent_rows.set_values(row.name, withdrawing_since=None, ended_by="", end_reason="")


def _end(row: frappe._dict, reading: Reading) -> None:
	was_live, data = row.state in consent_rows.LIVE, reading.data
	revoked = reading.state.status is ItemStatus.DELETED
	why = data.end_reason
	if why is EndReason.UNKNOWN and was_live:
		why = EndReason.REVOKED if revoked else EndReason.EXPIRED
	if not consent_rows.end(row.name, by=data.ended_by, why=why):
		return
	if row.withdrawing_since:
		if row.item:  # its client has asked for it, or its end user here: nothing of it is kept
			items.mark_deleted(row.item, at_once=True)
	elif was_live:
		refused = row.announced == consent_grant.TOLD_WAITING and why not in (
			EndReason.REVOKED,
			EndReason.EXPIRED,
		)
		consent_rows.tell_end(row, revoked=revoked, refused=refused)


def check(row: frappe._dict, presence: Presence | None = None) -> None:
	"""Read a consent and bring it and its item up to date; one that is given in a visit becomes an item. Commits.

	Args:
		row: the consent.
		presence: the end user's browser, if the end user is there.

	Raises:
		ProviderError: the provider cannot say; nothing is changed then.
	"""
	with alone(row.name):
		current = consent_rows.get(row.name)
		if current is None or current.state == consent_rows.ENDED:
			return
		try:
			reading = read(current, presence)
		except NotFound:
			gone(current)
			return
		frappe.db.commit()
		durably(lambda: _write(current, reading))
	_finish_replacing(row.name)


def _write(row: frappe._dict, reading: Reading) -> None:
	given = reading.data.standing is ConsentStanding.VALID and not row.item and of_a_visit(row)
	if given:
		row = frappe._dict(row, item=_new_item(row, reading))
	state = apply(row, reading)
	# The lock reads what is committed now: another process may have withdrawn it here while it was given there.
	if given and consent_rows.get(row.name, lock=True).state == consent_rows.ENDED:
		items.mark_deleted(row.item, at_once=True)
	elif row.item:
		items.apply_state(row.item, state)
	frappe.db.commit()


def _new_item(row: frappe._dict, reading: Reading) -> str:
	"""The item that a consent becomes; in the transaction that makes the consent active."""
	return items.upsert(
		row.provider,
		row.end_user,
		reading.state,
		request=row.request,
		guess_request=False,
		closes_request=False,
		bank_name=reading.data.bank_name,
	)


def _finish_replacing(consent: str) -> None:
	from bank_api.gateway import consent_succession

	if frappe.db.get_value(consent_rows.DOCTYPE, consent, "replaces"):
		consent_succession.retire(consent)


def read_item(row: frappe._dict) -> ItemData:
	"""Read a consent with an item and bring it up to date; the state for its item. The caller commits.

	Raises:
		NotFound: the provider does not know it any more.
		ProviderError: the provider cannot say; nothing is changed then.
	"""
	with alone(row.name):
		try:
			reading = read(row)
		except NotFound:
			gone(row)
			raise
		frappe.db.commit()
		return apply(row, reading)


def gone(row: frappe._dict) -> None:
	"""The provider does not know a consent any more: it is revoked. Commits."""
	frappe.db.commit()
	if row.item:
		frappe.db.get_value(consent_rows.ITEM, row.item, "name", for_update=True)
	current = consent_rows.get(row.name, lock=True)
	if current and consent_rows.end(row.name, why=EndReason.REVOKED):
		if current.state in consent_rows.LIVE and not current.withdrawing_since:
			consent_rows.tell_end(row, revoked=True)
	if row.item:
		items.mark_deleted(row.item, at_once=bool(current and current.withdrawing_since))
	frappe.db.commit()


def withdraw(row: frappe._dict, by: EndedBy, why: EndReason) -> None:
	"""Withdraw a consent at the provider; one that is unknown there counts as done. Commits; the caller ends it here.

	Whose wish it is is noted first: if this process dies, or the provider's message is faster, whoever reads the end
	knows it.

	Args:
		row: the consent.
		by: whose wish it is.
		why: for what reason.

	Raises:
		ProviderError: the provider could not; the consent stands as before.
	"""
	frappe.db.commit()
	if not consent_rows.begin_withdrawal(row.name, by, why):
		frappe.db.commit()
		return
	frappe.db.commit()  # durable before the provider is asked
	if row.item:
		_end_nudges(row.item)
	try:
		connector = connector_of(row.provider)
		_end_tokens(connector, row)
		connector.delete_consent(row.provider_consent_id)
	except NotFound:
		pass
	except ProviderError as error:
		frappe.db.rollback()
		if not isinstance(error, _LOST):
			consent_rows.stop_withdrawal(row.name)
		frappe.db.commit()
		raise


def _end_nudges(item: str) -> None:
	from bank_api.gateway import nudges

	nudges.end(item)


def _end_tokens(connector: ConsentConnector, row: frappe._dict) -> None:
	"""Where a consent is no more than its tokens, end those, if the provider has a call for it.

	Raises:
		ProviderError: the provider could not.
	"""
	refresh = consent_rows.secret(row.name, "refresh_token")
	if not refresh or not hasattr(connector, "revoke"):
		return
	try:
		connector.revoke(refresh)
	except (Unsupported, RefreshRefused):
		return  # there is no such call, or nothing left to end
