"""Reads of data with a consent's token: lists, details, balances, pages of transactions (4)."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from bank_api.connectors import verbatim
from bank_api.connectors.berlin_group import mapping, paging, parsing, transactions
from bank_api.connectors.berlin_group.client import BerlinClient, filled
from bank_api.connectors.berlin_group.resources import KINDS, Kind
from bank_api.connectors.errors import (
	ConsentRequired,
	InvalidRequest,
	MalformedResponse,
	NotFound,
	Unsupported,
)
from bank_api.connectors.model import AccountData, Token, TransactionPage
from bank_api.connectors.verbatim import Resource

# The refusals that say: this part of it is not granted or not offered. The rest of the account is read all the same.
_NOT_FOR_US = (ConsentRequired, NotFound, Unsupported, InvalidRequest)
_DEAD_TOKEN = frozenset({"TOKEN_UNKNOWN", "TOKEN_INVALID", "CONSENT_EXPIRED"})
_REMEMBERED = 10_000
_RESOURCE_MARKS = ("resourceId", "cashAccountType", "balances", "currency")


class Reader:
	"""Reads what a consent reaches. Thread-safe."""

	def __init__(self, client: BerlinClient):
		self._client = client
		self._settings = client.settings
		self._lock = threading.Lock()
		self._kinds: OrderedDict[tuple[str, str], str] = OrderedDict()
		self._only_booked: set[str] = set()

	def accounts(self, token: Token) -> list[AccountData]:
		"""All loans, accounts and cards that the source's settings name and the consent reaches."""
		found: dict[str, AccountData] = {}
		for key in self._settings.resources:
			for row, payload in self._list(token, KINDS[key]):
				row, payload = self._whole(token, KINDS[key], row, payload)
				one = mapping.account(row, payload, key, token.consent_id, self._today())
				if one.provider_account_id in found:
					raise MalformedResponse("The provider gave the same id to two accounts.")
				found[one.provider_account_id] = one
				self._remember(token, one.provider_account_id, key)
		return list(found.values())

	def transactions(
		self, token: Token, account: str, since: str | None, page: str | None
	) -> TransactionPage:
		"""A page of one account's transactions; see `Connector.transactions`."""
		kind = KINDS[self._kind(token, account)]
		path = f"{self._settings.path_of(kind.key)}/{{account}}/transactions"
		if page is None:
			self._client.quota.take(token, f"{kind.key}/transactions", account)
		if self._booking_status(kind) == "booked":
			return self._page(token, kind, path, account, since, page)
		try:
			return self._page(token, kind, path, account, since, page)
		except Unsupported as error:
			# Only booked rows have to be offered (4.4).
			if page is not None or (error.provider_code or "").upper() != "PARAMETER_NOT_SUPPORTED":
				raise
			self._only_booked.add(kind.key)
			return self._page(token, kind, path, account, since, page)

	def _page(
		self, token: Token, kind: Kind, path: str, account: str, since: str | None, page: str | None
	) -> TransactionPage:
		ids = {"account": account}
		filters = self._filters(kind, since)
		query = paging.encode(filters) if page is None else paging.check_query(page, filters)
		text = self._client.call("GET", path, ids=ids, query=query, token=token).text()
		report = transactions.report(text, kind.transactions)
		following = paging.next_query(
			report.links, base_url=self._client.config.base_url, path=filled(path, ids), filters=filters
		)
		if following is not None and following == query:
			raise MalformedResponse("The provider's list leads in a circle.")
		rows = transactions.transactions(report, self._settings.id_fields, "", self._today())
		return TransactionPage(rows, following)

	def _filters(self, kind: Kind, since: str | None) -> dict[str, str]:
		found = {
			"dateFrom": self._first_day(since).isoformat(),
			"bookingStatus": self._booking_status(kind),
		}
		if self._settings.items_per_page:
			found["itemsPerPage"] = str(self._settings.items_per_page)
		return found

	def _first_day(self, since: str | None) -> date:
		earliest = self._today() - timedelta(days=self._settings.history_days)
		return earliest if since is None else max(parsing.calendar_date(since), earliest)

	def _booking_status(self, kind: Kind) -> str:
		return "booked" if kind.key in self._only_booked else self._settings.booking_status

	def _list(self, token: Token, kind: Kind) -> list[Resource]:
		"""All resources of a kind, over all pages."""
		self._client.quota.take(token, kind.key, "")
		path = self._settings.path_of(kind.key)
		filters = {"withBalance": "true"} if kind.with_balance else {}
		found: list[Resource] = []
		query: str | None = paging.encode(filters)
		seen: set[str] = set()
		while query is not None:
			if query in seen or len(seen) >= self._settings.max_pages:
				raise MalformedResponse("The provider's list leads in a circle.")
			seen.add(query)
			text = self._client.call("GET", path, query=query, token=token).text()
			found += parsing.listed(text, kind.plural)
			query = paging.next_query(
				_links(text), base_url=self._client.config.base_url, path=path, filters=filters
			)
		return found

	def _whole(self, token: Token, kind: Kind, row: dict[str, Any], payload: str) -> Resource:
		"""A listed resource with what only its own pages tell: details, then balances, each in the provider's text."""
		account = mapping.resource_id(row)
		if kind.key in self._settings.detail_resources:
			detail = self._optional(lambda: self._detail(token, kind, account))
			if detail is not None:
				row, payload = _joined(payload, detail)
		if not row.get("balances"):
			text = self._optional(lambda: self._balances(token, kind, account))
			if text is not None:
				payload = verbatim.replace_members(payload, {"balances": text})
				row = verbatim.parse_object(payload)
		return row, payload

	def _detail(self, token: Token, kind: Kind, account: str) -> str:
		self._client.quota.take(token, f"{kind.key}/details", account)
		path = f"{self._settings.path_of(kind.key)}/{{account}}"
		text = self._client.call("GET", path, ids={"account": account}, token=token).text()
		row, payload = parsing.single(text, kind.singular, _RESOURCE_MARKS)
		if row.get("resourceId") not in (None, account):
			raise MalformedResponse("The provider sent another account.")
		return payload

	def _balances(self, token: Token, kind: Kind, account: str) -> str:
		self._client.quota.take(token, f"{kind.key}/balances", account)
		path = f"{self._settings.path_of(kind.key)}/{{account}}/balances"
		text = self._client.call("GET", path, ids={"account": account}, token=token).text()
		members = verbatim.members(text)
		for name in kind.singular:
			if "balances" not in members and members.get(name, "").startswith("{"):
				members = verbatim.members(members[name])
		if "balances" not in members:
			raise MalformedResponse("The provider's answer lacks its balances.")
		return members["balances"]

	def _optional(self, read: Callable[[], str]) -> str | None:
		"""What a read gives, or None where the consent or the source leaves it out; other failures are failures."""
		try:
			return read()
		except _NOT_FOR_US as error:
			if (error.provider_code or "").upper() in _DEAD_TOKEN:
				raise
			return None

	def _kind(self, token: Token, account: str) -> str:
		"""Which kind an account is: known from its list, asked for again where that was another process."""
		if len(self._settings.resources) == 1:
			return self._settings.resources[0]
		with self._lock:
			known = self._kinds.get((token.consent_id, account))
		if known is not None:
			return known
		for key in self._settings.resources:
			if any(mapping.resource_id(row) == account for row, _ in self._list(token, KINDS[key])):
				self._remember(token, account, key)
				return key
		raise NotFound("The provider does not list this account.")

	def _remember(self, token: Token, account: str, key: str) -> None:
		with self._lock:
			self._kinds[token.consent_id, account] = key
			while len(self._kinds) > _REMEMBERED:
				self._kinds.popitem(last=False)

	def _today(self) -> date:
		return self._client.calendar.local().date()


def _joined(listed: str, detail: str) -> Resource:
	"""The detail's text, with the members that only the list has."""
	own = verbatim.members(detail)
	missing = {name: text for name, text in verbatim.members(listed).items() if name not in own}
	payload = verbatim.replace_members(detail, missing) if missing else detail
	return verbatim.parse_object(payload), payload


def _links(text: str) -> Any:
	if not text.lstrip().startswith("{"):
		return None
	links = verbatim.members(text).get("_links")
	return verbatim.parse(links) if links else None
