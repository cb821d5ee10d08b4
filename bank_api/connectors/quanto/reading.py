"""Reads of a consent's data: bodies as received, and transactions, sparing with the monthly reads (4)."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

from bank_api.connectors import values, verbatim
from bank_api.connectors.errors import OBJECT, InvalidRequest, MalformedResponse, NotFound, RateLimited
from bank_api.connectors.model import Body, Token, TransactionPage
from bank_api.connectors.quanto import ofb_paths, ofb_resources, ofb_transactions, paging
from bank_api.connectors.quanto.client import filled
from bank_api.connectors.quanto.ofb_accounts import KINDS, Kind
from bank_api.connectors.quanto.ofb_paths import Endpoint
from bank_api.connectors.quanto.ofb_resources import ACCEPTED
from bank_api.connectors.quanto.refusals import About
from bank_api.connectors.quanto.scope import Scope
from bank_api.connectors.quanto.settings import CURRENT_DAYS, LARGEST_PAGE

_HISTORY, _CURRENT = "history", "current"
_PAGE = re.compile(r"(history|current);(\d{4}-\d\d-\d\d);(.+)\Z", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,10}\Z", re.ASCII)


class Place(NamedTuple):
	"""Where a list of transactions is read; kept by the gateway as text between two pages.

	Attributes:
		feed: the list of twelve months, or the current one.
		first: its first day.
		query: of the page.
	"""

	feed: str
	first: date
	query: str

	@property
	def tail(self) -> str:
		"""End of the list's path."""
		return "transactions" if self.feed == _HISTORY else "transactions-current"

	@property
	def is_new_read(self) -> bool:
		"""Whether the bank counts it: pages that a pagination-key asks for belong to the read that gave it (4.1)."""
		return "pagination-key=" not in self.query

	def text(self) -> str:
		"""For the gateway to keep."""
		return f"{self.feed};{self.first.isoformat()};{self.query}"

	@classmethod
	def of_text(cls, text: str) -> "Place":
		"""A place that was kept.

		Raises:
			InvalidRequest: it is none.
		"""
		match = _PAGE.match(text)
		if not match:
			raise InvalidRequest("The page asked for is none of this list.")
		return cls(match[1], values.calendar_date(match[2]), paging.check_query(match[3]))


class Reader:
	"""Reads bodies and transactions. Thread-safe."""

	def __init__(self, scope: Scope):
		self._scope = scope
		self._client = scope.client
		self._settings = scope.client.settings
		self._reads = scope.client.reads

	def body(self, token: Token, path: str, query: Mapping[str, str]) -> Body:
		"""See `SessionConnector.body`."""
		place = ofb_paths.find(path)
		filters = _filters(place.endpoint, query)
		limit = "" if "pagination-key" in query else place.endpoint.limit
		with self._reads.counted(limit, token.consent_id, place.object):
			answer = self._client.call(
				"GET",
				ofb_paths.template(self._client.names, place.endpoint),
				About.DATA,
				ids={"consent": token.consent_id, **place.ids},
				query=filters,
			)
			text = answer.text()
			verbatim.parse_object(text)
		return Body(text, complete=answer.status != ACCEPTED)

	def transactions(
		self, token: Token, account: str, since: str | None, page: str | None
	) -> TransactionPage:
		"""See `Connector.transactions`."""
		kind = KINDS[self._kind(token, account)]
		if kind.is_contract:
			return self._releases(token, kind, account, since)
		if not self._scope.may(token, f"{kind.permission}_TRANSACTIONS_READ"):
			return TransactionPage([], None)  # the end user has not shared them
		if page is not None:
			return self._page(token, kind, account, Place.of_text(page), since)
		history, current = self._history(kind, since), self._current(kind, since)
		if since is not None and self._settings.current_lists:
			if current.first <= history.first:
				return self._page(token, kind, account, current, since)
			return self._older(token, kind, account, since, history, current)
		with self._reads.when_due(f"{kind.limit}/transactions", token.consent_id, account):
			return self._page(token, kind, account, history, since)

	def _older(
		self, token: Token, kind: Kind, account: str, since: str, history: Place, current: Place
	) -> TransactionPage:
		"""A list that begins before the current one. A month allows eight of them, so it is read now and then; in between
		the current one serves, and the page says where that one begins."""
		with self._reads.when_due(f"{kind.limit}/transactions", token.consent_id, account) as due:
			if due:
				try:
					return self._page(token, kind, account, history, since)
				except RateLimited as error:
					if error.scope != OBJECT:
						raise
		return self._page(token, kind, account, current, since)

	def _page(
		self, token: Token, kind: Kind, account: str, place: Place, since: str | None
	) -> TransactionPage:
		path = ofb_paths.template(self._client.names, ofb_paths.ENDPOINTS[kind.path(place.tail)])
		ids = {"consent": token.consent_id, kind.placeholder: account}
		limit = f"{kind.limit}/{place.tail}" if place.is_new_read else ""
		with self._reads.counted(limit, token.consent_id, account):
			text = self._client.call("GET", path, About.DATA, ids=ids, query=place.query).text()
			rows, following = paging.page(self._client, text, filled(path, ids))
			if following == place.query:
				raise MalformedResponse("The provider's list leads in a circle.")
		read = ofb_transactions.of_account if kind.is_account else ofb_transactions.of_card
		return TransactionPage(
			read(rows, self._settings.zone),
			None if following is None else place._replace(query=following).text(),
			place.first if place.first > self._first_day(since) else None,
		)

	def _releases(self, token: Token, kind: Kind, contract: str, since: str | None) -> TransactionPage:
		"""The payments made on a contract. They come about once a month, and are read as often as the month allows."""
		if not self._scope.may(token, kind.standing[2]):
			return TransactionPage([], None)
		text = self._scope.payments(token, kind, contract, always=since is None)
		if text is None:
			return TransactionPage([], None)
		first = date.min if since is None else values.calendar_date(since[:10])
		return TransactionPage(ofb_transactions.of_contract(text, first), None)

	def _history(self, kind: Kind, since: str | None) -> Place:
		return self._place(_HISTORY, kind, self._first_day(since))

	def _current(self, kind: Kind, since: str | None) -> Place:
		earliest = self._today() - timedelta(days=CURRENT_DAYS - 1)
		return self._place(_CURRENT, kind, max(earliest, self._first_day(since)))

	def _place(self, feed: str, kind: Kind, first: date) -> Place:
		"""The first page of a list: accounts also list what is scheduled, cards only what is reconciled (4.4, 4.5)."""
		if kind.is_account:
			last, names = (
				self._today() + timedelta(days=self._settings.future_days),
				("fromBookingDate", "toBookingDate"),
			)
		else:
			last, names = self._today(), ("fromTransactionDate", "toTransactionDate")
		filters = {
			names[0]: first.isoformat(),
			names[1]: last.isoformat(),
			"page-size": str(self._client.page_size),
		}
		return Place(feed, first, paging.encode(filters))

	def _first_day(self, since: str | None) -> date:
		today = self._today()
		earliest = today - timedelta(days=self._settings.history_days)
		return earliest if since is None else min(max(values.calendar_date(since[:10]), earliest), today)

	def _today(self) -> date:
		return self._client.months.local().date()

	def _kind(self, token: Token, account: str) -> str:
		"""Which kind an account is: known from its list, else from the list of resources, which costs nothing."""
		known = self._scope.kinds.get((token.consent_id, account))
		if known is not None:
			return known
		for one in ofb_resources.listed(self._client, token.consent_id):
			if one.resource_id == account and one.kind in KINDS:
				self._scope.kinds.put((token.consent_id, account), one.kind)
				return one.kind
		raise NotFound("The bank knows no such account under this consent.")


def _filters(endpoint: Endpoint, query: Mapping[str, str]) -> str:
	"""A query of the caller's, if the endpoint takes it.

	Raises:
		InvalidRequest: it does not.
	"""
	unknown = sorted(set(query) - endpoint.parameters)
	if unknown:
		raise InvalidRequest("This data takes no such parameter.")
	for name in ("page", "page-size"):
		value = str(query.get(name, "1"))
		if not _NUMBER.match(value) or int(value) < 1 or (name == "page-size" and int(value) > LARGEST_PAGE):
			raise InvalidRequest("Pages are numbered from 1, and hold at most 1000 rows.")
	return paging.encode({name: str(value) for name, value in query.items()})
