"""Calling a provider with the right token: the end user's, or the consent's, as the connector says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import frappe

from bank_api.connectors.errors import ConsentRequired, NotFound, ProviderError
from bank_api.connectors.model import ItemData, ItemStatus, Presence, Token, TokenHolder
from bank_api.gateway import consent_check, consent_rows, consent_tokens, providers, tokens
from bank_api.gateway.clock import site_now
from bank_api.gateway.consent_tokens import STALE
from bank_api.gateway.errors import UnknownObject

Result = TypeVar("Result")


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


def by_consent(provider: str) -> bool:
	"""Whether a provider's tokens belong to consents."""
	return providers.connector(provider).token_holder is TokenHolder.CONSENT


def token(item: ItemKey, stale: Token | None = None) -> Token:
	"""A token that is valid for a while; see `tokens.access_token` and `consent_tokens.access_token`."""
	if by_consent(item.provider):
		return consent_tokens.access_token(_consent(item).name, stale=stale)
	return tokens.access_token(item.end_user, stale=stale)


def with_token(item: ItemKey, call: Callable[[Token], Result], presence: Presence | None = None) -> Result:
	"""Call with the item's token; if the provider refuses it, once more with a fresh one.

	Args:
		item: whose token.
		call: gets the token; may be called twice.
		presence: the end user's browser, if this very call is the end user's own.

	Raises:
		ProviderError: what the call raises.
	"""
	if by_consent(item.provider):
		return consent_tokens.with_token(_consent(item).name, call, presence)
	return tokens.with_token(item.end_user, call)


def read_item(item: ItemKey) -> ItemData:
	"""An item as the provider describes it now; a consent behind it is brought up to date. The caller commits.

	Raises:
		NotFound: the provider does not know it any more.
	"""
	if not by_consent(item.provider):
		connector = providers.connector(item.provider)
		return tokens.with_token(item.end_user, lambda token: connector.item(token, item.item_id))
	row = _consent(item)
	try:
		reading = consent_check.read(row)
	except NotFound:
		consent_check.gone(row)
		raise
	return consent_check.apply(row, reading)


def worth_reading(item: ItemKey, state: ItemData) -> bool:
	"""Whether accounts can be read of an item in this state: without a valid consent every call would be refused."""
	if by_consent(item.provider):
		return state.status is ItemStatus.OK
	return state.status not in (ItemStatus.WAITING, ItemStatus.UNSUPPORTED)


def doubt(item: ItemKey, error: ProviderError) -> None:
	"""A call was refused for lack of a consent or a token: find out what that means. Commits.

	Args:
		item: the item that was called for.
		error: the refusal.
	"""
	if not isinstance(error, (*STALE, ConsentRequired)) or not by_consent(item.provider):
		return
	row = consent_rows.of_item(item.provider, item.item_id)
	if not row or row.state != consent_rows.ACTIVE:
		return
	if isinstance(error, STALE):
		consent_tokens.lost(row.name)
		return
	try:
		consent_check.check(row)
	except ProviderError:
		consent_rows.set_values(row.name, next_check_at=site_now())
		frappe.db.commit()


def withdraw(item: ItemKey) -> None:
	"""Take back the access to an item at the provider; one that is gone counts as done.

	Raises:
		ProviderError: the provider could not.
	"""
	connector = providers.connector(item.provider)
	try:
		if by_consent(item.provider):
			consent_check.connector_of(item.provider).delete_consent(item.item_id)
		else:
			tokens.with_token(item.end_user, lambda token: connector.delete_item(token, item.item_id))
	except NotFound:
		pass  # gone at the provider already, or its user is


def _consent(item: ItemKey) -> frappe._dict:
	row = consent_rows.of_item(item.provider, item.item_id)
	if row is None:
		raise UnknownObject()
	return row
