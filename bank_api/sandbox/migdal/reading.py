"""The data calls: consent, token, rights and frequency, then loans, accounts, card accounts (section 4)."""

import base64
import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

from bank_api.sandbox.migdal import access
from bank_api.sandbox.migdal.call import Call, Reply
from bank_api.sandbox.migdal.deviations import deviate
from bank_api.sandbox.migdal.errors import Xs2aError, format_error
from bank_api.sandbox.migdal.model import CARD, Account, Consent, Entry, Usage
from bank_api.sandbox.migdal.state import MigdalState
from bank_api.sandbox.migdal.views import NAMES, Views

BOOKING_STATUSES = ("booked", "pending", "both", "information", "all")
_SHOWN = {
	"booked": ("booked",),
	"pending": ("pending",),
	"both": ("booked", "pending"),
	"information": ("information",),
	"all": ("booked", "pending", "information"),
}
Visit = tuple[Consent, bool]


class Reading:
	"""The data operations. The caller holds the lock and has verified the request."""

	def __init__(
		self,
		state: MigdalState,
		views: Views,
		find: Callable[[Call, str], Consent],
		check_token: Callable[[Call, Consent], None],
	) -> None:
		self.state, self.views, self._find, self._check_token = state, views, find, check_token

	def _enter(self, call: Call) -> Visit:
		"""Check consent and token; return the consent and whether the end user is present."""
		present = access.ip_address(call.headers, required=False)
		consent = self._find(call, access.header(call.headers, "Consent-ID"))
		if consent.status == "expired":
			raise Xs2aError(401, "CONSENT_EXPIRED", "This consent has expired.")
		if consent.status != "valid":
			raise Xs2aError(401, "CONSENT_INVALID", f"This consent is {consent.status}.")
		self._check_token(call, consent)
		return consent, present

	def _account(self, consent: Consent, kind: str, resource_id: str, right: str) -> Account:
		for account in self.state.accounts.values():
			if account.type == kind and self.state.resource_id(consent, account) == resource_id:
				if account.number not in consent.granted.get(right, []):
					raise Xs2aError(401, "CONSENT_INVALID", "The consent does not cover this.")
				return account
		raise Xs2aError(404, "RESOURCE_UNKNOWN", "This resource does not exist.")

	def _count(self, visit: Visit, endpoint: str, resource: str) -> None:
		"""Count a read without the end user against the consent's frequency (section 7.4)."""
		consent, present = visit
		if present and consent.recurring:
			return
		key = f"{consent.id} {self.state.today} {endpoint} {resource}"
		usage = self.state.usage.get(key) or Usage(key)
		if usage.count >= consent.frequency:
			midnight = datetime.combine(self.state.today + timedelta(days=1), time(), timezone.utc)
			wait = max(1, int((midnight - self.state.moment).total_seconds()))
			raise Xs2aError(
				429,
				"ACCESS_EXCEEDED",
				"The consent allows no more reads of this today.",
				headers={"Retry-After": str(wait)},
			)
		usage.count += 1
		self.state.core.store.put(usage)
		if not consent.recurring and not consent.one_off_day:
			consent.one_off_day = str(self.state.today)
			self.state.core.store.put(consent)

	def _granted(self, consent: Consent, kind: str) -> list[Account]:
		numbers = consent.granted.get("accounts", [])
		found = [self.state.accounts[number] for number in numbers if number in self.state.accounts]
		return [account for account in found if account.type == kind]

	def _answer(self, body: dict[str, Any], kind: str) -> Reply:
		return Reply(200, deviate(body, kind, self.state.switches.deviations))

	def _with_balance(self, call: Call, consent: Consent, account: Account) -> bool:
		wanted = call.query.get("withBalance", "").lower()
		if wanted not in ("", "true", "false"):
			raise format_error("withBalance must be true or false.", "withBalance")
		shown = wanted == "true" or (
			account.type == "loan" and not wanted and self.state.switches.list_balances
		)
		return shown and account.number in consent.granted.get("balances", [])

	# calls
	def accounts(self, call: Call, kind: str) -> Reply:
		"""GET loans, accounts or card-accounts."""
		visit = self._enter(call)
		consent = visit[0]
		self._count(visit, kind, "list")
		found = [
			self.views.account(consent, account, call.base, self._with_balance(call, consent, account))
			for account in self._granted(consent, kind)
		]
		return self._answer({NAMES[kind][2]: found}, kind)

	def account(self, call: Call, kind: str, resource_id: str) -> Reply:
		"""GET one of them."""
		visit = self._enter(call)
		account = self._account(visit[0], kind, resource_id, "accounts")
		balances = self._with_balance(call, visit[0], account)
		self._count(visit, f"{kind}/details", resource_id)
		body = self.views.account(visit[0], account, call.base, balances)
		return self._answer({NAMES[kind][1]: body}, kind)

	def balances(self, call: Call, kind: str, resource_id: str) -> Reply:
		"""GET …/balances."""
		visit = self._enter(call)
		account = self._account(visit[0], kind, resource_id, "balances")
		self._count(visit, f"{kind}/balances", resource_id)
		body = {NAMES[kind][1]: self.views.short(account), "balances": self.views.balances(account)}
		return self._answer(body, kind)

	def transactions(self, call: Call, kind: str, resource_id: str) -> Reply:
		"""GET …/transactions, a page at a time."""
		visit = self._enter(call)
		account = self._account(visit[0], kind, resource_id, "transactions")
		query = Query(call, kind, resource_id, self.state)
		if query.page == 0:
			self._count(visit, f"{kind}/transactions", resource_id)
		body = {
			NAMES[kind][1]: self.views.short(account),
			"cardTransactions" if kind == CARD else "transactions": self._report(
				call, account, query, resource_id
			),
		}
		if account.number in visit[0].granted.get("balances", []) and not query.page:
			body["balances"] = self.views.balances(account)
		return self._answer(body, kind)

	def _report(self, call: Call, account: Account, query: "Query", resource_id: str) -> dict[str, Any]:
		own = f"{call.base}/{resource_id}"
		rows = [e for e in self.state.entries_of(account.number).values() if query.wants(e)]
		rows.sort(key=lambda entry: (entry.date, entry.key), reverse=True)
		by_status = {
			status: [self._entry(entry, own) for entry in rows if entry.status == status]
			for status in _SHOWN[query.status]
		}
		size, first = query.size, query.page * query.size
		booked = by_status.get("booked", [])
		links: dict[str, Any] = {"account": {"href": self.views.link(own)}}
		if first + size < len(booked):
			links["next"] = {"href": self.views.link(f"{own}/transactions?{query.at(query.page + 1)}")}
		if query.page:
			links["first"] = {"href": self.views.link(f"{own}/transactions?{query.at(0)}")}
		if "booked" in by_status:
			by_status["booked"] = booked[first : first + size]
		if query.page:  # what is not booked came with the first page
			by_status = {name: found if name == "booked" else [] for name, found in by_status.items()}
		return {**by_status, "_links": links}

	def _entry(self, entry: Entry, own: str) -> dict[str, Any]:
		number = entry.data.get("transactionId")
		if not number or "/v1/accounts/" not in own:
			return entry.data
		href = self.views.link(f"{own}/transactions/{number}")
		return entry.data | {"_links": {"transactionDetails": {"href": href}}}

	def transaction(self, call: Call, kind: str, resource_id: str, transaction_id: str) -> Reply:
		"""GET accounts/{id}/transactions/{id}."""
		visit = self._enter(call)
		account = self._account(visit[0], kind, resource_id, "transactions")
		for entry in self.state.entries_of(account.number).values():
			if entry.data.get("transactionId") == transaction_id:
				self._count(visit, f"{kind}/transaction", f"{resource_id}/{transaction_id}")
				return Reply(200, {self.state.switches.transaction_details_key: entry.data})
		raise Xs2aError(404, "RESOURCE_UNKNOWN", "This transaction does not exist.")


class Query:
	"""The checked query of a transaction list (section 4.4)."""

	def __init__(self, call: Call, kind: str, resource_id: str, state: MigdalState) -> None:
		self._values = dict(call.query.items())
		self._resource = resource_id
		for name in ("entryReferenceFrom", "deltaList"):
			if name in self._values:
				raise Xs2aError(400, "PARAMETER_NOT_SUPPORTED", f"{name} is not supported.", name)
		self.status = self._values.get("bookingStatus", "")
		if self.status not in BOOKING_STATUSES:
			raise format_error("bookingStatus is missing or unknown.", "bookingStatus")
		if self.status not in state.switches.booking_statuses or (
			kind == CARD and self.status in ("information", "all")
		):
			raise Xs2aError(
				400, "PARAMETER_NOT_SUPPORTED", "This bookingStatus is not supported.", "bookingStatus"
			)
		begin, end = self._date("dateFrom"), self._date("dateTo")
		if begin is None and self.status != "information":
			raise format_error("dateFrom is missing.", "dateFrom")
		if begin and end and begin > end:
			raise Xs2aError(400, "PERIOD_INVALID", "dateFrom lies after dateTo.", "dateFrom")
		oldest = state.switches.history_days
		if begin and oldest and begin < state.today - timedelta(days=oldest):
			raise Xs2aError(400, "PERIOD_INVALID", "dateFrom lies too far back.", "dateFrom")
		self.begin, self.end = begin, end
		self.size = self._number("itemsPerPage", state.switches.page_size)
		self.page = self._page()

	def _date(self, name: str) -> date | None:
		text = self._values.get(name)
		if text is None:
			return None
		try:
			if len(text) != 10:
				raise ValueError
			return date.fromisoformat(text)
		except ValueError as error:
			raise format_error(f"{name} must be a date.", name) from error

	def _number(self, name: str, default: int) -> int:
		text = self._values.get(name, "")
		if text and (not text.isdigit() or not int(text)):
			raise format_error(f"{name} must be a whole number.", name)
		return min(int(text), 1000) if text else default

	def _page(self) -> int:
		text = self._values.get("page")
		if text is None:
			return 0
		try:
			resource, page = json.loads(base64.urlsafe_b64decode(text.encode()))
		except ValueError as error:
			raise format_error("This page does not exist.", "page") from error
		if resource != self._resource or not isinstance(page, int) or page < 0:
			raise format_error("This page does not exist.", "page")
		return page

	def at(self, page: int) -> str:
		"""Write the query of another page; its number is opaque, so that only our links can skip the count."""
		token = base64.urlsafe_b64encode(json.dumps([self._resource, page]).encode()).decode()
		kept = {name: value for name, value in self._values.items() if name != "page"}
		return urlencode(kept | {"page": token} if page else kept)

	def wants(self, entry: Entry) -> bool:
		"""Tell whether an entry is asked for: dates bound what is booked only."""
		if entry.status not in _SHOWN[self.status]:
			return False
		if entry.status != "booked":
			return True
		return (self.begin is None or entry.date >= str(self.begin)) and (
			self.end is None or entry.date <= str(self.end)
		)
