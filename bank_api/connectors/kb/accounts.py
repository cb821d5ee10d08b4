"""ADAA: accounts, balances, history (kb_batch.md, 4.1)."""

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode

from bank_api.connectors import values, verbatim
from bank_api.connectors.errors import (
	OBJECT,
	InvalidRequest,
	MalformedResponse,
	NotFound,
	RateLimited,
	Unsupported,
)
from bank_api.connectors.kb import transactions
from bank_api.connectors.kb.client import ADAA, KbClient
from bank_api.connectors.kb.refusals import About
from bank_api.connectors.model import AccountData, Token, TransactionPage
from bank_api.connectors.rate_ledger import patience

# What the account can dispose of, and what it stood at (4.1); `CLOSING_BOOKED` is unused today.
_INSTANT = ("CLOSING_AVAILABLE",)
_BOOKED = ("CLOSING_BOOKED", "PREVIOUSLY_CLOSED_BOOK")
_SIGNS = {"CREDIT": 1, "DEBIT": -1}
# A refusal of one account's balances; a token that is refused is another matter.
_LEFT_OUT = (NotFound, Unsupported, InvalidRequest)
# An id of KB's may have 400 characters, ours have 140.
_LONGEST_ID = 140
_PAGE = re.compile(r"(\d{1,6});([0-9TZ:.-]{10,24});([0-9TZ:.-]{0,24})\Z", re.ASCII)
_REMEMBERED = 10_000


class Known(NamedTuple):
	"""What is remembered of an account."""

	account_id: str
	currency: str


class Reader:
	"""Reads what a consent reaches. Thread-safe."""

	def __init__(self, client: KbClient):
		self._client = client
		self._settings = client.settings
		self._lock = threading.Lock()
		self._known: OrderedDict[tuple[str, str], Known] = OrderedDict()

	def accounts(self, token: Token) -> list[AccountData]:
		"""The accounts that the user has chosen, with their balances."""
		found = [self._account(token, row, payload) for row, payload in self._list(token)]
		if len({one.provider_account_id for one in found}) != len(found):
			raise MalformedResponse("The provider gave the same id to two accounts.")
		return found

	def transactions(
		self, token: Token, account: str, since: str | None, page: str | None
	) -> TransactionPage:
		"""A page of one account's history; see `Connector.transactions`."""
		number, begin, end = self._window(since) if page is None else _place(page)
		if page is None:
			self._take_read(token, account)
		query = {"page": str(number), "size": str(self._page_size), **self._limits(begin, end)}
		answer = self._get(
			token, "/accounts/{account}/transactions", self._account_id(token, account), urlencode(query)
		)
		found = transactions.history(answer, number)
		if number + 1 >= self._settings.max_pages and not found.is_last:
			raise MalformedResponse("The provider's list leads in a circle.")
		rows = [
			transactions.transaction(
				row, payload, self._client.zone, lambda: self._remembered(token, account).currency
			)
			for row, payload in found.rows
		]
		return TransactionPage(rows, None if found.is_last else f"{number + 1};{begin};{end}")

	def account_id(self, token: Token, account: str) -> str:
		"""KB's own id of an account."""
		return self._account_id(token, account)

	@property
	def _page_size(self) -> int:
		return max(1, min(self._client.config.page_size, self._settings.largest_page))

	def _list(self, token: Token) -> list[verbatim.Resource]:
		call = self._client.call(
			"GET", self._settings.adaa_url, "/accounts", About.ACCOUNTS, api=ADAA, token=token
		)
		found = verbatim.elements(call.text())
		for row, _ in found:
			self._remember(token, row)
		return found

	def _account(self, token: Token, row: dict[str, Any], payload: str) -> AccountData:
		known = self._remember(token, row)
		listed: list[dict[str, Any]] = []
		text = self._balances(token, known.account_id) if self._settings.balances else None
		if text is not None:
			listed = [balance for balance, _ in verbatim.elements(text)]
			payload = verbatim.replace_members(payload, {"balances": text})
		booked, instant = _best(listed, _BOOKED, known.currency), _best(listed, _INSTANT, known.currency)
		iban = values.text(row.get("iban"))
		return AccountData(
			provider_account_id=own_id(row),
			provider_item_id=token.consent_id,
			name=_name(row) or iban or "",
			account_type="checking",
			currency=known.currency,
			balance=instant if instant is not None else booked,
			payload=payload,
			iban=iban,
			reference=None,
			accounting_balance=booked,
			instant_balance=instant,
			is_pro=True,  # accounts of companies and entrepreneurs only (1)
			updated_at=max(
				(moment for one in listed if (moment := values.instant(one.get("validAt")))), default=None
			),
		)

	def _balances(self, token: Token, account_id: str) -> str | None:
		try:
			return self._get(token, "/accounts/{account}/balances", account_id)
		except _LEFT_OUT:
			return None

	def _get(self, token: Token, path: str, account_id: str, query: str = "") -> str:
		throttled_for = 60 * self._settings.history_minutes if query else 0
		try:
			answer = self._client.call(
				"GET",
				self._settings.adaa_url,
				path,
				About.ACCOUNT,
				api=ADAA,
				ids={"account": account_id},
				query=query,
				token=token,
				throttled_for=throttled_for,
			)
		except RateLimited as error:
			if error.status == 429 and query:
				raise _too_soon(error.retry_after, error) from None
			raise
		return answer.text()

	def _window(self, since: str | None) -> tuple[int, str, str]:
		"""The first page, the first instant and the last one; reads count by the bank's day."""
		now = self._client.now()
		today = now.astimezone(self._client.zone).date()
		earliest = today - timedelta(days=self._settings.history_days)
		first = earliest if since is None else max(values.calendar_date(since), earliest)
		first = min(first, today)
		if self._settings.adaa_version == "v1":
			return 0, first.isoformat(), today.isoformat() if self._settings.send_end else ""
		begin = datetime.combine(first, time(), self._client.zone).astimezone(timezone.utc)
		return 0, _instant(begin), _instant(now) if self._settings.send_end else ""

	def _limits(self, begin: str, end: str) -> dict[str, str]:
		suffix = "Date" if self._settings.adaa_version == "v1" else "DateTime"
		found = {f"from{suffix}": begin}
		return {**found, f"to{suffix}": end} if end else found

	def _take_read(self, token: Token, account: str) -> None:
		"""Count a read of the history, where the settings want it counted before KB is asked (4.1)."""
		reads, minutes = self._settings.history_reads, self._settings.history_minutes
		if reads < 1:
			return
		whose = hashlib.sha256(f"{token.consent_id}\x1f{account}".encode()).hexdigest()[:24]
		try:
			with patience(0):
				self._client.ledger.acquire(f"history:{whose}", reads, minutes * 60)
		except RateLimited as error:
			raise _too_soon(error.retry_after, error) from None

	def _account_id(self, token: Token, account: str) -> str:
		with self._lock:
			known = self._known.get((token.consent_id, account))
		if known is not None:
			return known.account_id
		# Our own short form names the account, and has to be looked up.
		return self._remembered(token, account).account_id if account.startswith("iban:") else account

	def _remembered(self, token: Token, account: str) -> Known:
		"""What is known of an account; asked for again where it was another process that listed it."""
		key = (token.consent_id, account)
		with self._lock:
			known = self._known.get(key)
		if known is None:
			self._list(token)
			with self._lock:
				known = self._known.get(key)
		if known is None:
			raise NotFound("The consent does not reach this account.")
		return known

	def _remember(self, token: Token, row: Mapping[str, Any]) -> Known:
		account_id, currency = values.text(row.get("accountId")), values.text(row.get("currency"))
		if not account_id or not currency:
			raise MalformedResponse("The provider sent an account without its id or currency.")
		known = Known(account_id, currency.upper())
		with self._lock:
			self._known[token.consent_id, own_id(row)] = known
			while len(self._known) > _REMEMBERED:
				self._known.popitem(last=False)
		return known


def own_id(row: Mapping[str, Any]) -> str:
	"""What the gateway calls an account: KB's id, or its IBAN and currency where that is too long to be kept."""
	account_id = str(row.get("accountId") or "")
	return account_id if len(account_id) <= _LONGEST_ID else f"iban:{row.get('iban')}:{row.get('currency')}"


def _place(page: str) -> tuple[int, str, str]:
	match = _PAGE.match(page)
	if match is None:
		raise InvalidRequest("The page asked for is none of this list.")
	return int(match[1]), match[2], match[3]


def _instant(moment: datetime) -> str:
	"""UTC with milliseconds and `Z` (4.1)."""
	return moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _best(listed: list[dict[str, Any]], kinds: tuple[str, ...], currency: str) -> Decimal | None:
	for kind in kinds:
		for row in listed:
			if row.get("type") != kind:
				continue
			number = _balance(row, currency)
			if number is not None:
				return number
	return None


def _balance(row: Mapping[str, Any], currency: str) -> Decimal | None:
	amount = row.get("amount")
	number = values.exact(amount.get("value")) if isinstance(amount, dict) else None
	sign = _SIGNS.get(str(row.get("creditDebitIndicator") or "").upper())
	if number is None or sign is None:
		raise MalformedResponse("The provider sent a balance that is none.")
	unit = values.text(amount.get("currency")) if isinstance(amount, dict) else None
	return sign * abs(number) if unit in (None, currency) else None


def _name(row: Mapping[str, Any]) -> str:
	"""What version 2 calls the account: a text, or one in several languages."""
	for member in ("nameI18N", "productI18N"):
		value = row.get(member)
		if isinstance(value, dict):
			value = value.get("cs") or value.get("en") or next(iter(value.values()), None)
		if text := values.text(value):
			return text
	return ""


def _too_soon(wait: float, error: RateLimited) -> RateLimited:
	return RateLimited(
		"KB lets unchanged transactions of an account be read once in a while only; it tells by itself when there are "
		"new ones.",
		retry_after=wait,
		scope=OBJECT,
		status=error.status,
		provider_code=error.provider_code,
		request_id=error.request_id,
	)
