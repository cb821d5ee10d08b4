"""Bridge behind the gateway's `Connector` protocol."""

import contextlib
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from bank_api.connectors import verbatim
from bank_api.connectors.bridge import links, mapping, webhooks
from bank_api.connectors.bridge.client import BridgeClient, segment
from bank_api.connectors.bridge.settings import read_settings
from bank_api.connectors.bridge.versions import version_named
from bank_api.connectors.errors import (
	AlreadyExists,
	InvalidRequest,
	MalformedResponse,
	NotFound,
	Unsupported,
	sealed,
)
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
	TokenHolder,
	TransactionPage,
)
from bank_api.connectors.rate_ledger import RateLedger

_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_-]{1,128}\Z", re.ASCII)
# What stays of a transaction's resource when its payload is dropped: numbers, dates and flags, no words of the bank.
_OUTLINE = frozenset(
	{
		"id",
		"account_id",
		"amount",
		"booking_date",
		"category_id",
		"currency_code",
		"date",
		"deleted",
		"future",
		"is_deleted",
		"is_future",
		"operation_type",
		"show_client_side",
		"transaction_date",
		"updated_at",
		"value_date",
	}
)


class BridgeConnector:
	"""Both versions of Bridge; the provider record chooses one. Thread-safe."""

	token_holder = TokenHolder.END_USER
	# The feed is asked by the instant of a row's last change, and tells of deleted rows itself.
	reads_by_date = False
	shortest_interval = timedelta(0)

	def __init__(self, config: ProviderConfig, ledger: RateLedger):
		self.config = config
		self._version = version_named(config.api_version)
		self._settings = read_settings(config.settings)
		self._client = BridgeClient(config, self._version, self._settings, ledger)
		self._data = self._version.data

	# Users and tokens (bridge.md, 1)

	@sealed
	def create_user(self, external_user_id: str) -> str:
		"""See `Connector.create_user`. Repeating does no harm: the second call finds the first one's user."""
		body = {"external_user_id": _external_id(external_user_id)}
		try:
			user, _ = self._client.object("POST", f"{self._data}/users", body=body, idempotent=True)
		except AlreadyExists:
			# The token call tells the id without a walk through the list of all users (bridge.md, 1.3).
			return self.new_token(external_user_id).provider_user_id
		return mapping.identifier(user.get("uuid"))

	@sealed
	def delete_user(self, provider_user_id: str) -> None:
		"""See `Connector.delete_user`."""
		ids = {"user": provider_user_id}
		by_post = not self._version.has_connect_sessions and self._settings.user_delete_v2 == "post"
		with contextlib.suppress(NotFound):
			if by_post:
				# The API ignores the password but wants six characters (bridge.md, 1.2).
				path, body = f"{self._data}/users/{{user}}/delete", {"password": secrets.token_hex(16)}
				self._client.call("POST", path, ids=ids, body=body, idempotent=True)
			else:
				self._client.call("DELETE", f"{self._data}/users/{{user}}", ids=ids)

	@sealed
	def new_token(self, external_user_id: str) -> Token:
		"""See `Connector.new_token`.

		Raises:
			NotFound: Bridge has no such user.
		"""
		try:
			answer, _ = self._client.object(
				"POST",
				self._version.token,
				body={"external_user_id": _external_id(external_user_id)},
				idempotent=True,
				token_of=external_user_id,
			)
		except InvalidRequest as error:
			# Whether an unknown user is a 404 or a 422 is not documented (bridge.md, 1.4).
			if error.status != 422:
				raise
			raise NotFound(
				"The provider does not know this user.",
				status=error.status,
				provider_code=error.provider_code,
				request_id=error.request_id,
			) from None
		value, user = answer.get("access_token"), answer.get("user")
		if not isinstance(value, str) or not value or not isinstance(user, dict):
			raise MalformedResponse("The provider's answer lacks the token or its user.")
		ends = mapping.instant(answer.get("expires_at"))
		if ends is None:
			ends = datetime.now(timezone.utc) + timedelta(seconds=self._settings.token_lifetime)
		return Token(Secret(value), ends, mapping.identifier(user.get("uuid")))

	# The end user's steps (bridge.md, 2)

	@sealed
	def link(self, token: Token, request: LinkRequest) -> Link:
		"""See `Connector.link`."""
		return links.create(self._client, token, request)

	@sealed
	def parse_return(self, query: Mapping[str, str]) -> LinkReturn:
		"""See `Connector.parse_return`."""
		return links.read_return(query)

	# Items (bridge.md, 3)

	@sealed
	def items(self, token: Token) -> list[ItemData]:
		"""See `Connector.items`."""
		rows, _ = self._client.whole_list(f"{self._data}/items", {}, token)
		return [self._item(row, payload) for row, payload in rows]

	@sealed
	def item(self, token: Token, provider_item_id: str, language: str = "en") -> ItemData:
		"""See `Connector.item`."""
		row, payload = self._client.object(
			"GET",
			f"{self._data}/items/{{item}}",
			ids={"item": provider_item_id},
			token=token,
			language=language,
		)
		found = self._item(row, payload)
		if found.provider_item_id != provider_item_id:
			raise MalformedResponse("The provider sent another item.")
		return found

	def _item(self, row: dict[str, Any], payload: str) -> ItemData:
		return mapping.item(row, payload, self._version.has_pro_confirmation)

	@sealed
	def refresh_item(self, token: Token, provider_item_id: str) -> None:
		"""See `Connector.refresh_item`."""
		if not self._version.has_refresh:
			raise Unsupported(
				"This version of Bridge refreshes items by itself, one to two times a day, and offers no "
				"refresh on demand. Data that Bridge already has is fetched all the same."
			)
		self._client.call(
			"POST",
			f"{self._data}/items/{{item}}/refresh",
			ids={"item": provider_item_id},
			token=token,
			body={},
		)

	@sealed
	def delete_item(self, token: Token, provider_item_id: str) -> None:
		"""See `Connector.delete_item`."""
		with contextlib.suppress(NotFound):
			self._client.call(
				"DELETE", f"{self._data}/items/{{item}}", ids={"item": provider_item_id}, token=token
			)

	# Accounts and transactions (bridge.md, 4 and 5)

	@sealed
	def accounts(self, token: Token, provider_item_id: str, known: Collection[str] = ()) -> list[AccountData]:
		"""See `Connector.accounts`."""
		filters = {"item_id": segment(provider_item_id)}
		rows, _ = self._client.whole_list(f"{self._data}/accounts", filters, token)
		accounts = [mapping.account(row, payload) for row, payload in rows]
		if any(account.provider_item_id != provider_item_id for account in accounts):
			raise MalformedResponse("The provider sent an account of another item.")
		return accounts

	@sealed
	def transactions(
		self, token: Token, provider_account_id: str, since: str | None, page: str | None
	) -> TransactionPage:
		"""See `Connector.transactions`. A row is returned again if it changed at exactly `since`."""
		account = segment(provider_account_id)
		filters: dict[str, str] = {}
		if self._version.has_connect_sessions:
			template = f"{self._data}/transactions"
			filters["account_id"] = account
		else:
			# Only the list of updated ones tells of deleted ones, and filters by the time of update.
			template = f"{self._data}/accounts/{{account}}/transactions/updated"
		filters["limit"] = str(self._client.page_size)
		if since is not None:
			filters["since"] = mapping.sortable_instant(since) or ""
		rows, following, _ = self._client.page(template, filters, page, token, ids={"account": account})
		return TransactionPage(mapping.transactions(rows, provider_account_id), following)

	# Banks and categories (bridge.md, 6): public data, no end user's token

	@sealed
	def bank(self, bank_id: str, language: str = "en") -> str:
		"""See `Connector.bank`."""
		_, text = self._client.object(
			"GET", f"{self._version.banks}/{{bank}}", ids={"bank": bank_id}, language=language
		)
		return text

	@sealed
	def bank_name(self, bank_id: str) -> str:
		"""See `Connector.bank_name`."""
		name = mapping.text(verbatim.parse_object(self.bank(bank_id)).get("name"))
		if name is None:
			raise MalformedResponse("The provider's answer lacks the name of the bank.")
		return name

	@sealed
	def category(self, category_id: str, language: str = "en") -> str:
		"""See `Connector.category`."""
		value, text = self._client.object(
			"GET",
			f"{self._data}/categories/{{category}}",
			ids={"category": category_id},
			language=language,
		)
		if "resources" in value and "id" not in value:
			# One description of the API wraps the single category into a list (bridge.md, 6.4).
			wrapped = verbatim.read_list(text).resources
			if len(wrapped) != 1:
				raise MalformedResponse("The provider sent another number of categories than one.")
			return wrapped[0][1]
		return text

	@sealed
	def categories(self, language: str = "en") -> str:
		"""See `Connector.categories`. If there are several pages, their resources are joined into one
		answer."""
		rows, texts = self._client.whole_list(f"{self._data}/categories", {}, None, language)
		if len(texts) == 1:
			return texts[0]
		return f'{{"resources":[{",".join(text for _, text in rows)}],"pagination":{{"next_uri":null}}}}'

	@sealed
	def check(self) -> None:
		"""See `Connector.check`."""
		self.categories()

	# Webhooks (bridge.md, 7)

	@sealed
	def verify_webhook(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[Secret]) -> bool:
		"""See `Connector.verify_webhook`."""
		return webhooks.verify(body, headers, secrets)

	@sealed
	def parse_webhook(self, body: bytes) -> InboundEvent:
		"""See `Connector.parse_webhook`."""
		return webhooks.parse(body)

	@sealed
	def tombstone(self, payload: str, provider_transaction_id: str) -> str:
		"""See `Connector.tombstone`. All but the id and the flag stays as received, amounts to the
		character."""
		identity = provider_transaction_id
		as_number = identity.isascii() and identity.isdigit() and (identity == "0" or identity[0] != "0")
		return verbatim.replace_members(
			payload,
			{
				"id": identity if as_number else verbatim.dumps(identity),
				self._version.deleted_flag: "true",
			},
		)

	def outline(self, payload: str) -> str:
		"""See `Connector.outline`. Numbers keep their digits; texts of the bank are what goes."""
		kept = {name: value for name, value in verbatim.parse_object(payload).items() if name in _OUTLINE}
		return verbatim.dumps(kept)


def _external_id(value: str) -> str:
	if not _EXTERNAL_ID.match(value):
		raise InvalidRequest("An external user id is 1 to 128 letters, digits, hyphens or underscores.")
	return value
