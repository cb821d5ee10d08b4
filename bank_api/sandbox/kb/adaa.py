"""ADAA: accounts, balances, history, statements, subscriptions (section 4.1); v2, and v1 by a switch."""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.clock import iso_ms, parse_instant
from bank_api.sandbox.kb import days
from bank_api.sandbox.kb.caas import throttled
from bank_api.sandbox.kb.door import Caller, caller, need_api_key, need_correlation
from bank_api.sandbox.kb.events import Events
from bank_api.sandbox.kb.model import BOOKED, Account, Entry
from bank_api.sandbox.kb.pdf import statement_pdf
from bank_api.sandbox.kb.state import KbState
from bank_api.sandbox.kb.wire import GatewayFault, KbError, Problem, answer, money

MINUTES = {"Basic": 61, "Plus": 61, "Pro": 10}  # between two downloads of unchanged data, by plan (section 1)
_SIZES = {1: 20, 2: 100}


def account_id(account: Account) -> str:
	"""Return the id of an account: unpadded base64 of IBAN and currency, as in the bank's sandbox (section 4.1)."""
	return base64.b64encode(f"{account.iban}:{account.currency}".encode()).decode().rstrip("=")


@dataclass(frozen=True)
class _Window:
	"""What part of a history is asked for."""

	begin: int
	end: int
	page: int
	size: int
	key: str


class Adaa:
	"""The endpoints. The caller holds the lock."""

	def __init__(self, state: KbState, events: Events) -> None:
		self.state, self.events = state, events

	def routes(self) -> list[tuple[str, str, Callable[..., Response]]]:
		"""Return method, path and function."""
		found: list[tuple[str, str, Callable[..., Response]]] = []
		for version in (1, 2):
			base = f"/adaa/v{version}"
			one = f"{base}/accounts/<account_id>"
			operations: list[tuple[str, str, Callable[..., Response]]] = [
				("GET", f"{base}/accounts", self._accounts),
				("POST", f"{base}/accounts/account-ids", self._account_ids),
				("GET", f"{one}/balances", self._balances),
				("GET", f"{one}/transactions", self._transactions),
				("POST", f"{one}/transactions/event-subscriptions", self._subscribe),
				("GET", f"{one}/transactions/event-subscriptions/<subscription_id>", self._subscription),
				("DELETE", f"{one}/transactions/event-subscriptions/<subscription_id>", self._unsubscribe),
				("GET", f"{one}/statements", self._statements),
				("GET", f"{one}/statements/<int:statement_id>", self._statement),
			]
			found += [(method, path, self._endpoint(version, call)) for method, path, call in operations]
			found.append(("GET", f"{base}/is-alive", self._alive))
		return found

	def _endpoint(self, version: int, operation: Callable[..., Response]) -> Callable[..., Response]:
		def endpoint(request: Request, **arguments: Any) -> Response:
			if version == 1 and not self.state.switches.adaa_v1:
				raise GatewayFault(404)
			need_api_key(self.state, request, "adaa")
			who = caller(self.state, request.headers, "adaa")
			need_correlation(request)
			if "account_id" in arguments:
				# the published file knows 403 for data, and 404 for subscriptions
				missing = 404 if "/event-subscriptions" in request.path else 403
				arguments["account"] = self._account(who, arguments.pop("account_id"), missing)
			return operation(request, who, version, **arguments)

		return endpoint

	def _account(self, who: Caller, text: str, missing: int) -> Account:
		try:
			iban, _, currency = base64.b64decode(text + "=" * (-len(text) % 4)).decode().partition(":")
		except (ValueError, binascii.Error):
			iban = currency = ""
		account = self.state.accounts.get(iban)
		if account is None or iban not in who.grant.accounts or account.currency != currency:
			raise KbError(
				missing, Problem("FORBIDDEN", "accountId", "The client has no access to this account", text)
			)
		if account.status == "blocked":
			raise KbError(missing, Problem("FORBIDDEN", "accountId", "The account is in the blacklist", text))
		return account

	def _alive(self, request: Request) -> Response:
		return answer({"name": "ADAA", "version": "1.0"})

	# accounts and balances
	def _accounts(self, request: Request, who: Caller, version: int) -> Response:
		allowed = set(who.grant.accounts)
		found = [a for a in self.state.accounts_of(who.user) if a.iban in allowed and a.status == "active"]
		if not found:
			raise KbError(403, Problem("FORBIDDEN", "", "The client has no access to any account"))
		return answer([self._listed(account, version) for account in found])

	@staticmethod
	def _listed(account: Account, version: int) -> dict[str, Any]:
		found = {"accountId": account_id(account), "iban": account.iban, "currency": account.currency}
		if version == 1:
			return found
		return {**found, "nameI18N": account.name, "productI18N": account.product}

	def _account_ids(self, request: Request, who: Caller, version: int) -> Response:
		"""POST /accounts/account-ids, switched off in 2024: v1 only."""
		if version > 1:
			raise GatewayFault(404)
		body = request.get_json(silent=True)
		account = self.state.accounts.get(body.get("iban", "")) if isinstance(body, dict) else None
		if (
			account is None
			or account.iban not in who.grant.accounts
			or account.currency != body.get("currency")
		):
			raise KbError(422, Problem("FIELD_INVALID", "iban", "The account is unknown"))
		return answer({"accountId": account_id(account)})

	def _balances(self, request: Request, who: Caller, version: int, account: Account) -> Response:
		today = str(self.state.today)
		booked = self.state.balance(account)
		moved = sum(
			e.amount for e in self.state.entries_of(account.iban) if e.status == BOOKED and e.day >= today
		)
		opening = days.at(self.state.today, 0)
		return answer(
			[
				_balance("PREVIOUSLY_CLOSED_BOOK", booked - moved, account, opening),
				_balance(
					"CLOSING_AVAILABLE", self.state.balance(account, pending=True), account, self.state.now
				),
			]
		)

	# history
	def _transactions(self, request: Request, who: Caller, version: int, account: Account) -> Response:
		if self.state.switches.plan == "Basic":
			raise KbError(403, Problem("FORBIDDEN", "", "API Business Basic does not include the history"))
		window = self._window(request, version)
		self._limit(who, account, window)
		lines = [e for e in self.state.entries_of(account.iban) if window.begin <= _when(e) <= window.end]
		lines.sort(key=lambda entry: (entry.day, entry.key))
		begin = window.page * window.size
		shown = lines[begin : begin + window.size]
		total = -(-len(lines) // window.size)
		return answer(
			{
				"content": [transaction(entry, account, version) for entry in shown],
				"totalPages": total,
				"pageNumber": window.page,
				"pageSize": window.size,
				"numberOfElements": len(shown),
				"first": window.page == 0,
				"last": window.page >= total - 1,
				"empty": not shown,
			}
		)

	def _window(self, request: Request, version: int) -> _Window:
		page = self._whole(request, "page", None, 0, 10**6)
		size = self._whole(request, "size", 10, 1, _SIZES[version])
		names = ("fromDate", "toDate") if version == 1 else ("fromDateTime", "toDateTime")
		now = self.state.now
		oldest = now - self.state.switches.history_days * 86_400_000
		texts = [request.args.get(name) for name in names]
		read = _day_limits if version == 1 else _instant
		begin = read(names[0], texts[0], False) if texts[0] else oldest
		end = read(names[1], texts[1], True) if texts[1] else now
		if begin < oldest - 86_400_000:
			raise _bad(names[0], "Only transactions of the last two years are returned", texts[0])
		if version == 2 and end > now:
			if self.state.switches.future_to == "refuse":
				raise _bad(names[1], "The value must not lie in the future", texts[1])
			end = now
		if begin > end:
			raise _bad(names[0], f"Must not be greater than {names[1]}", texts[0])
		end = max(end, now) if not texts[1] else end
		return _Window(begin, end, page, size, f"{days.local(begin).date()}…{days.local(end).date()}")

	@staticmethod
	def _whole(request: Request, name: str, usual: int | None, least: int, most: int) -> int:
		text = request.args.get(name)
		if text is None:
			if usual is None:
				raise _bad(name, f"Required parameter '{name}' is not present")
			return usual
		if not re.fullmatch(r"\d{1,9}", text) or not least <= int(text) <= most:
			raise _bad(name, f"From {least} to {most}", text)
		return int(text)

	def _limit(self, who: Caller, account: Account, window: _Window) -> None:
		"""Unchanged data may be downloaded once in 61 minutes; the pages of one download belong together."""
		switches = self.state.switches
		if not switches.history_limit:
			return
		known: dict[str, Any] = self.state.core.recall("kb_downloads", {})
		key = f"{who.app.client_id} {account.iban}"
		if switches.history_scope == "window":
			key += f" {window.key}"
		latest = max((entry.updated for entry in self.state.entries_of(account.iban)), default=0)
		count = len(self.state.entries_of(account.iban))
		last = known.get(key)
		wait = MINUTES[switches.plan] * 60_000
		if last is not None and self.state.now - last["at"] < wait and last["state"] == [latest, count]:
			again = window.page in last["pages"] or (window.key, window.size) != tuple(last["window"])
			if again:
				raise self._too_soon(last["at"] + wait - self.state.now)
			made = {**last, "pages": [*last["pages"], window.page]}
		else:
			made = {
				"at": self.state.now,
				"state": [latest, count],
				"pages": [window.page],
				"window": [window.key, window.size],
			}
		self.state.core.remember("kb_downloads", {**known, key: made})

	def forget_downloads(self) -> None:
		"""Forget what counts against the 61 minutes."""
		self.state.core.remember("kb_downloads", {})

	def _too_soon(self, wait_ms: int) -> KbError:
		minutes = MINUTES[self.state.switches.plan]
		text = f"Unchanged data download limit reached. Limit: 1 download per {minutes} minutes"
		return KbError(429, Problem("", "", text), headers=throttled(self.state, wait_ms).headers)

	# subscriptions
	def _subscribe(self, request: Request, who: Caller, version: int, account: Account) -> Response:
		body = request.get_json(silent=True)
		if not isinstance(body, dict):
			raise KbError(422, Problem("FF01", "", "The body must be an object"))
		for name in ("eventApiUrl", "eventApiKey"):
			if not isinstance(body.get(name), str) or not body[name]:
				raise KbError(422, Problem("FIELD_MISSING", name, "The field is mandatory"))
		url = body["eventApiUrl"].rstrip("/")
		refused = self.events.handshake(url, body["eventApiKey"])
		if refused:
			raise KbError(422, Problem("EVENT_API", "eventApiUrl", refused, url))
		found = self.events.subscribe(who.app.client_id, account.iban, url, body["eventApiKey"])
		return answer(self.events.shown(found), 201, {"Location": f"{request.path}/{found.id}"})

	def _subscription(
		self, request: Request, who: Caller, version: int, account: Account, subscription_id: str
	) -> Response:
		return answer(self.events.shown(self._find(who, account, subscription_id)))

	def _unsubscribe(
		self, request: Request, who: Caller, version: int, account: Account, subscription_id: str
	) -> Response:
		self.state.core.store.drop(self._find(who, account, subscription_id))
		return answer(None, 204)

	def _find(self, who: Caller, account: Account, subscription_id: str) -> Any:
		found = self.state.subscriptions.get(subscription_id.strip("{}"))
		if found is None or (found.app, found.account) != (who.app.client_id, account.iban):
			raise KbError(
				404, Problem("ID_NOT_FOUND", "subscriptionId", "Unknown subscription", subscription_id)
			)
		return found

	# statements: one a month
	def _statements(self, request: Request, who: Caller, version: int, account: Account) -> Response:
		text = request.args.get("dateFrom")
		if not text:
			raise _bad("dateFrom", "Required parameter 'dateFrom' is not present")
		begin = days.local(_instant("dateFrom", text, False)).date()
		return answer([s for s in self._months() if s["issued"] >= str(begin)])

	def _months(self) -> list[dict[str, Any]]:
		first = self.state.today.replace(day=1)
		found: list[dict[str, Any]] = []
		for _ in range(12):
			number = first.year * 100 + first.month
			found.append(
				{
					"issued": str(first),
					"sequenceNumber": (first.month - 2) % 12 + 1,
					"pagesCount": 1,
					"statementId": number,
					"archive": len(found) > 5,
				}
			)
			first = (first - timedelta(days=1)).replace(day=1)
		return found[::-1]

	def _statement(
		self, request: Request, who: Caller, version: int, account: Account, statement_id: int
	) -> Response:
		found = next((s for s in self._months() if s["statementId"] == statement_id), None)
		if found is None:
			raise _bad("statementId", "Unknown statement", str(statement_id))
		last = date.fromisoformat(found["issued"]) - timedelta(days=1)
		lines = [
			e
			for e in self.state.entries_of(account.iban)
			if e.status == BOOKED and e.day[:7] == str(last)[:7]
		]
		text = statement_pdf(account, str(last)[:7], lines)
		return Response(text, 200, content_type="application/pdf")


def _when(entry: Entry) -> int:
	"""When a line counts as made: noon of its day, or its change of that very day."""
	noon = days.at(date.fromisoformat(entry.day), 12)
	same_day = str(days.local(entry.updated).date()) == entry.day
	return entry.updated if same_day else noon


def _bad(name: str, text: str, value: str | None = None) -> KbError:
	return KbError(400, Problem("INVALID_PARAMETER_VALUE", name, text, value or ""))


def _instant(name: str, text: str, last: bool) -> int:
	if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", text):
		raise _bad(name, "A UTC instant such as 2026-01-30T15:42:30.000Z is expected", text)
	try:
		return parse_instant(text)
	except ValueError as error:
		raise _bad(name, "This is no instant", text) from error


def _day_limits(name: str, text: str, last: bool) -> int:
	try:
		day = date.fromisoformat(text)
	except ValueError as error:
		raise _bad(name, "A date YYYY-MM-DD is expected", text) from error
	return days.at(day + timedelta(days=1), 0) - 1 if last else days.at(day, 0)


def _balance(kind: str, amount: int, account: Account, when: int) -> dict[str, Any]:
	return {
		"type": kind,
		"creditDebitIndicator": "DEBIT" if amount < 0 else "CREDIT",
		"amount": {"value": money(abs(amount)), "currency": account.currency},
		"validAt": iso_ms(when),
	}


def transaction(entry: Entry, account: Account, version: int = 2) -> dict[str, Any]:
	"""Write a line of the history (section 4.1)."""
	members = dict(entry.data)
	converted = members.pop("converted", None)
	amount = {"value": money(abs(entry.amount)), "currency": account.currency}
	found: dict[str, Any] = {
		"lastUpdated": iso_ms(entry.updated),
		"accountType": "KB",
		"iban": account.iban,
		"creditDebitIndicator": "DEBIT" if entry.amount < 0 else "CREDIT",
		"transactionType": "OTHER",
		"amount": amount,
		"valueDate": entry.day,
		"reversalIndicator": False,
		"status": entry.status,
	}
	if entry.status == BOOKED:
		found["bookingDate"] = entry.day
	if converted:
		other = {"value": money(converted["value"]), "currency": converted["currency"]}
		# with a conversion, either of the two may be in the account's currency (section 4.1)
		found["amount"], found["instructed"] = (other, amount) if converted["swapped"] else (amount, other)
	found |= members
	if version == 2 and found.get("references"):
		found["references"] = {**found["references"], "myDescription": ""}
	return {name: value for name, value in found.items() if value is not None}
