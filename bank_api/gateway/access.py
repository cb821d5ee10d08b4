"""Calling a provider with the right token: the end user's, the consent's, or our own key for a consent, as the connector says."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import frappe

from bank_api.connectors.errors import ConsentRequired, NotFound, ProviderError
from bank_api.connectors.model import (
	EndedBy,
	EndReason,
	ItemData,
	ItemStatus,
	Presence,
	Secret,
	Token,
	TokenHolder,
)
from bank_api.gateway import consent_check, consent_rows, consent_tokens, providers, tokens
from bank_api.gateway.clock import site_now, utc_now
from bank_api.gateway.consent_tokens import STALE
from bank_api.gateway.errors import UnknownObject

Result = TypeVar("Result")

KEY_LASTS = timedelta(days=3650)
"""Our own key has no end that we know of."""


@dataclass(frozen=True, slots=True)
class ItemKey:
	"""What has to be known of an item to find its token.

	Attributes:
		provider: name of the Bank API Provider.
		end_user: name of the Bank API End User.
		item_id: the provider's id of the item.
	"""

	provider: str
	end_user: str
	item_id: str


def key_of(row: object) -> ItemKey:
	"""The key of an item from any row with `provider`, `end_user` and `item_id`."""
	return ItemKey(row.provider, row.end_user, row.item_id)  # type: ignore[attr-defined]


def holder(provider: str) -> TokenHolder:
	"""Whose a provider's tokens are."""
	return providers.connector(provider).token_holder


def by_consent(provider: str) -> bool:
	"""Whether what is behind a provider's items are consents."""
	return holder(provider) is not TokenHolder.END_USER


def by_visit(provider: str) -> bool:
	"""Whether end users give consents in visits, which are then read with our own key."""
	return holder(provider) is TokenHolder.APPLICATION


def token(item: ItemKey, stale: Token | None = None, presence: Presence | None = None) -> Token:
	"""A token that is valid for a while; see `tokens.access_token` and `consent_tokens.access_token`.

	Args:
		item: whose token.
		stale: one that the provider has just refused.
		presence: the end user's browser, if the call is the end user's own.

	Raises:
		ConsentRequired: the consent gives no access.
	"""
	whose = holder(item.provider)
	if whose is TokenHolder.CONSENT:
		return consent_tokens.access_token(_consent(item).name, stale=stale, presence=presence)
	if whose is TokenHolder.APPLICATION:
		return _by_key(_consent(item), presence)
	return tokens.access_token(item.end_user, stale=stale)


def _by_key(row: frappe._dict, presence: Presence | None) -> Token:
	"""What names a consent to a provider that knows us by our own key."""
	if row.state != consent_rows.ACTIVE:
		raise ConsentRequired("The consent gives no access: the end user has to give one.")
	return Token(Secret(""), utc_now() + KEY_LASTS, "", consent_id=row.provider_consent_id, presence=presence)


def with_token(item: ItemKey, call: Callable[[Token], Result], presence: Presence | None = None) -> Result:
	"""Call with the item's token; if the provider refuses it, once more with a fresh one.

	Args:
		item: whose token.
		call: gets the token; may be called twice.
		presence: the end user's browser, if this very call is the end user's own.

	Raises:
		ProviderError: what the call raises.
	"""
	whose = holder(item.provider)
	if whose is TokenHolder.CONSENT:
		return consent_tokens.with_token(_consent(item).name, call, presence)
	if whose is TokenHolder.APPLICATION:
		return call(_by_key(_consent(item), presence))
	return tokens.with_token(item.end_user, call)


def read_item(item: ItemKey) -> ItemData:
	"""An item as the provider describes it now; a consent behind it is brought up to date. The caller commits.

	Raises:
		NotFound: the provider does not know it any more.
	"""
	if not by_consent(item.provider):
		connector = providers.connector(item.provider)
		return tokens.with_token(item.end_user, lambda token: connector.item(token, item.item_id))
	return consent_check.read_item(_consent(item))


def worth_reading(item: ItemKey, state: ItemData) -> bool:
	"""Whether accounts can be read of an item in this state: without a valid consent every call would be refused."""
	whose = holder(item.provider)
	if whose is TokenHolder.CONSENT:
		return state.status is ItemStatus.OK
	if whose is TokenHolder.APPLICATION:  # what waits for others to approve may be readable in part
		return state.status in (ItemStatus.OK, ItemStatus.WAITING)
	return state.status not in (ItemStatus.WAITING, ItemStatus.UNSUPPORTED)


def note_read(item: ItemKey) -> None:
	"""Data was read under the consent behind an item, if there is one; the caller commits."""
	frappe.db.sql(
		"UPDATE `tabBank API Consent` SET last_access_at = %s WHERE provider = %s AND provider_consent_id = %s",
		(site_now(), item.provider, item.item_id),
	)


def doubt(item: ItemKey, error: ProviderError) -> None:
	"""A call was refused for lack of a consent or a token: find out what that means. Commits.

	Args:
		item: the item that was called for.
		error: the refusal.
	"""
	whose = holder(item.provider)
	if not isinstance(error, (*STALE, ConsentRequired)) or whose is TokenHolder.END_USER:
		return
	row = consent_rows.of_item(item.provider, item.item_id)
	if not row or row.state != consent_rows.ACTIVE:
		return
	if isinstance(error, STALE) and whose is TokenHolder.CONSENT:
		consent_tokens.lost(row.name)
		return
	try:
		consent_check.check(row)
	except ProviderError:
		consent_rows.set_values(row.name, next_check_at=site_now())
		frappe.db.commit()


def withdraw(item: ItemKey, by: EndedBy = EndedBy.CLIENT) -> None:
	"""Take back the access to an item at the provider; one that is gone counts as done.

	Args:
		item: what.
		by: whose wish it is.

	Raises:
		ProviderError: the provider could not.
	"""
	if by_consent(item.provider):
		consent_check.withdraw(_consent(item), by, EndReason.REVOKED)
		return
	connector = providers.connector(item.provider)
	try:
		tokens.with_token(item.end_user, lambda token: connector.delete_item(token, item.item_id))
	except NotFound:
		pass  # gone at the provider already, or its user is


def _consent(item: ItemKey) -> frappe._dict:
	row = consent_rows.of_item(item.provider, item.item_id)
	if row is None:
		raise UnknownObject()
	return row
