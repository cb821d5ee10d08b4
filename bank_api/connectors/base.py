"""What a provider's connector offers to the gateway."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bank_api.connectors.model import (
	AccountData,
	InboundEvent,
	ItemData,
	Link,
	LinkRequest,
	LinkReturn,
	ProviderConfig,
	Secret,
	Token,
	TransactionPage,
)


class Connector(Protocol):
	"""Account information from one provider. Every call may raise a `ProviderError`."""

	config: ProviderConfig

	def create_user(self, external_user_id: str) -> str:
		"""Create the end user at the provider, or find the one that exists; return the provider's id."""

	def delete_user(self, provider_user_id: str) -> None:
		"""Delete the end user and everything the provider holds of it; unknown users count as deleted."""

	def new_token(self, external_user_id: str) -> Token:
		"""Ask for a fresh access token of an end user."""

	def link(self, token: Token, request: LinkRequest) -> Link:
		"""Ask for the page that the end user has to visit; `Unsupported` if the version has none."""

	def parse_return(self, query: Mapping[str, str]) -> LinkReturn:
		"""Read what the browser brought back; never raises on garbage."""

	def items(self, token: Token) -> list[ItemData]:
		"""All items of the end user."""

	def item(self, token: Token, provider_item_id: str, language: str = "en") -> ItemData:
		"""One item, re-read from the provider."""

	def refresh_item(self, token: Token, provider_item_id: str) -> None:
		"""Ask the provider to fetch fresh data from the bank; `Unsupported` if the version cannot."""

	def delete_item(self, token: Token, provider_item_id: str) -> None:
		"""Withdraw the access to one bank; an unknown item counts as deleted."""

	def accounts(self, token: Token, provider_item_id: str) -> list[AccountData]:
		"""All accounts of an item."""

	def transactions(
		self, token: Token, provider_account_id: str, since: str | None, page: str | None
	) -> TransactionPage:
		"""A page of one account's transactions changed since an instant, deleted ones included.

		Args:
			token: the end user's token.
			provider_account_id: the provider's id of the account.
			since: only rows whose `updated_at` is at or after this text instant; None for all.
			page: `next_page` of the page before, or None for the first.
		"""

	def bank(self, bank_id: str, language: str = "en") -> str:
		"""A bank's resource as JSON text, as received."""

	def bank_name(self, bank_id: str) -> str:
		"""A bank's name."""

	def category(self, category_id: str, language: str = "en") -> str:
		"""A category's resource as JSON text, as received."""

	def categories(self, language: str = "en") -> str:
		"""The answer with all categories as JSON text, as received."""

	def verify_webhook(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[Secret]) -> bool:
		"""Whether one of the secrets signed exactly these bytes."""

	def parse_webhook(self, body: bytes) -> InboundEvent:
		"""Read a webhook's body; `MalformedResponse` if it is not one of this provider's."""

	def tombstone(self, payload: str, provider_transaction_id: str) -> str:
		"""The provider's JSON text that tells a reader that this transaction id no longer exists."""

	def outline(self, payload: str) -> str:
		"""A transaction's JSON text reduced to ids, dates, amounts and flags, for when its payload is no longer kept."""
