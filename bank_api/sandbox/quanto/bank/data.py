"""The data APIs of a bank: resources, customers, accounts, cards and credit operations (sections 4.2 to 4.6)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from bank_api.sandbox.quanto.bank.call import Call, Reply
from bank_api.sandbox.quanto.bank.consents import Consents
from bank_api.sandbox.quanto.bank.limits import Limits
from bank_api.sandbox.quanto.bank.model import (
	ACCOUNT,
	AVAILABLE,
	CARD,
	PENDING,
	UNAVAILABLE,
	Consent,
	Product,
)
from bank_api.sandbox.quanto.bank.oauth import OAuth
from bank_api.sandbox.quanto.bank.paging import Paging
from bank_api.sandbox.quanto.bank.state import BankState
from bank_api.sandbox.quanto.errors import OfbError
from bank_api.sandbox.quanto.stamps import months_after, read_day, stamp

CURRENT_DAYS = 6  # transactions-current reaches from D-6 to D (section 4.4)
Serve = Callable[["Read"], dict[str, Any]]


@dataclass(frozen=True)
class Read:
	"""A read that its consent allows."""

	call: Call
	consent: Consent
	product: Product | None = None
	arguments: tuple[str, ...] = ()

	@property
	def item(self) -> Product:
		"""The account, card or contract that the path names."""
		if self.product is None:
			raise ValueError("this address names no product")
		return self.product


class Data:
	"""Answers reads with a consent's token. The caller holds the lock."""

	def __init__(
		self, state: BankState, oauth: OAuth, consents: Consents, limits: Limits, paging: Paging
	) -> None:
		self.state, self.oauth, self.consents = state, oauth, consents
		self.limits, self.paging = limits, paging

	# what all reads share
	def consent(self, call: Call) -> Consent:
		"""Return the consent of a call, or refuse with 401 (section 4.2)."""
		found = self.oauth.consent(call)
		self.consents.catch_up(found)
		return self.oauth.consent(call)

	def reading(self, endpoint: str, permission: str, serve: Serve) -> Callable[..., Reply]:
		"""Make a counted read of a list or of a customer.

		Args:
			endpoint: For the monthly limit.
			permission: What the consent must have.
			serve: Makes the body.

		Returns:
			The operation.
		"""

		def operation(call: Call) -> Reply:
			consent = self._allowed(call, permission)
			return self._counted(endpoint, "", Read(call, consent), serve)

		return operation

	def detail(self, endpoint: str, permission: str, kind: str, serve: Serve) -> Callable[..., Reply]:
		"""Make a counted read of one account, card or contract; see ``reading``."""

		def operation(call: Call, resource_id: str, **further: str) -> Reply:
			consent = self._allowed(call, permission)
			product = self.product(consent, kind, resource_id)
			item = " ".join((resource_id, *further.values()))
			return self._counted(endpoint, item, Read(call, consent, product, tuple(further.values())), serve)

		return operation

	def _allowed(self, call: Call, permission: str) -> Consent:
		consent = self.consent(call)
		if permission not in consent.permissions:
			raise OfbError(403, detail=f"The consent lacks {permission}.")
		return consent

	def _counted(self, endpoint: str, item: str, read: Read, serve: Serve) -> Reply:
		window = self.paging.window(read.call)
		usage = self.limits.usage(read.consent, endpoint, item)
		if not window.continued:
			self.limits.check(usage, endpoint)
		body = serve(read)
		if not window.continued:
			self.limits.count(usage)
		return Reply(200, body)

	# resources (section 4.2)
	def state_of(self, consent: Consent, product: Product) -> str:
		"""Return how a resource stands in a consent."""
		granted = consent.resources[product.id]
		if granted == "refused":
			return UNAVAILABLE
		if product.state != AVAILABLE:
			return product.state
		return PENDING if granted == "pending" else AVAILABLE

	def granted(self, consent: Consent, kind: str = "") -> list[Product]:
		"""Return the products of a consent."""
		found = [self.state.products[key] for key in consent.resources if key in self.state.products]
		return [product for product in found if kind in ("", product.type)]

	def listed(self, consent: Consent, kind: str) -> list[Product]:
		"""Return the products that a list shows: the available ones."""
		return [p for p in self.granted(consent, kind) if self.state_of(consent, p) == AVAILABLE]

	def product(self, consent: Consent, kind: str, resource_id: str) -> Product:
		"""Return a product that may be read, or refuse the way the matrix of section 4.2 has it."""
		product = self.state.products.get(resource_id)
		if product is None or product.type != kind or resource_id not in consent.resources:
			raise OfbError(403, "RESOURCE_FORBIDDEN", "The consent has no such resource.")
		state = self.state_of(consent, product)
		if state != AVAILABLE:
			raise OfbError(403, f"STATUS_RESOURCE_{state}", f"The resource is {state}.")
		return product

	def resources(self, call: Call) -> Reply:
		"""GET /resources; 202 while the list is being built. Not counted (section 4.7)."""
		consent = self._allowed(call, "RESOURCES_READ")
		if self.state.now < consent.ready_at:
			return Reply(202)
		rows = [
			{"resourceId": product.id, "type": product.type, "status": self.state_of(consent, product)}
			for product in self.granted(consent)
		]
		return Reply(200, self.paging.pages(call, rows, self.paging.window(call)))

	# customers (section 4.3)
	def customer(self, name: str) -> Serve:
		"""Serve one body of the registration data."""

		def serve(read: Read) -> dict[str, Any]:
			key = f"{read.consent.bank}/{read.consent.document}"
			data = self.state.customers[key].bodies[name]
			if isinstance(data, list):
				return self.paging.pages(read.call, data, self.paging.window(read.call))
			return self.paging.one(read.call, data)

		return serve

	# lists, details and parts
	def rows(self, kind: str) -> Serve:
		"""Serve the list of one kind."""

		def serve(read: Read) -> dict[str, Any]:
			rows = [product.listed for product in self.listed(read.consent, kind)]
			wanted = read.call.request.args.get("accountType")
			if wanted:
				rows = [row for row in rows if row["type"] == wanted]
			return self.paging.pages(read.call, rows, self.paging.window(read.call))

		return serve

	def one(self, read: Read) -> dict[str, Any]:
		"""Serve one account, card or contract."""
		return self.paging.one(read.call, read.item.detail, totals=read.item.type in (ACCOUNT, CARD))

	def part(self, name: str, *, paged: bool = False) -> Serve:
		"""Serve a part of a product as it is kept."""

		def serve(read: Read) -> dict[str, Any]:
			data = read.item.parts[name]
			if paged:
				return self.paging.pages(read.call, data, self.paging.window(read.call))
			return self.paging.one(read.call, data, totals=read.item.type in (ACCOUNT, CARD))

		return serve

	# accounts (section 4.4)
	def balances(self, read: Read) -> dict[str, Any]:
		"""Serve an account's balances: what its booked transactions add up to."""
		return self.paging.one(read.call, self.balance_of(read.item))

	def balance_of(self, product: Product) -> dict[str, Any]:
		"""Return an account's balances; they count what is booked."""
		total = Decimal(product.opening)
		for entry in self.state.entries_of(product.id).values():
			if entry.data.get("completedAuthorisedPaymentType") == "TRANSACAO_EFETIVADA":
				amount = Decimal(entry.data["transactionAmount"]["amount"])
				total += amount if entry.data["creditDebitType"] == "CREDITO" else -amount
		held = {name: product.parts.get(name, "0.00") for name in ("blocked", "invested")}
		return {
			"availableAmount": _money(f"{total:.2f}"),
			"blockedAmount": _money(held["blocked"]),
			"automaticallyInvestedAmount": _money(held["invested"]),
			"updateDateTime": stamp(self.state.now),
		}

	def transactions(self, *, current: bool = False) -> Serve:
		"""Serve an account's or card's transactions, newest first."""

		def serve(read: Read) -> dict[str, Any]:
			card = read.item.type == CARD
			begin, end = self._span(read.call, "TransactionDate" if card else "BookingDate", current, card)
			entries = self.state.entries_of(read.item.id).values()
			found = [entry.data for entry in entries if begin <= _day(entry.data) <= end]
			found = [data for data in found if _matches(data, read.call)]
			found.sort(
				key=lambda data: (data["transactionDateTime"], data.get("transactionId", "")), reverse=True
			)
			return self.paging.pages(read.call, found, self.paging.window(read.call), cursor=True)

		return serve

	def _span(self, call: Call, name: str, current: bool, both: bool) -> tuple[date, date]:
		"""Read from which day to which; today where none is sent."""
		sent = {side: call.request.args.get(f"{side}{name}") for side in ("from", "to")}
		if both and (sent["from"] is None) != (sent["to"] is None):
			raise OfbError(400, detail=f"from{name} and to{name} belong together.")
		days = {}
		for side, text in sent.items():
			day = self.state.today if text is None else read_day(text)
			if day is None:
				raise OfbError(400, detail=f"{side}{name} must be a day like 2021-05-21.")
			days[side] = day
		earliest = self.state.today - timedelta(days=CURRENT_DAYS)
		if not current:
			earliest = months_after(self.state.today, -12)
		latest = months_after(self.state.today, 12)
		if days["from"] > days["to"] or days["from"] < earliest or days["to"] > latest:
			raise OfbError(422, detail=f"The days must lie between {earliest} and {latest}, in order.")
		return days["from"], days["to"]

	# cards (section 4.5)
	def bills(self, read: Read) -> dict[str, Any]:
		"""Serve a card's closed bills."""
		rows = read.item.parts["bills"]
		sent = [read.call.request.args.get(name) for name in ("fromDueDate", "toDueDate")]
		begin, end = (None if text is None else read_day(text) for text in sent)
		if any(text is not None and day is None for text, day in zip(sent, (begin, end), strict=True)):
			raise OfbError(400, detail="fromDueDate and toDueDate must be days like 2021-05-21.")
		rows = [
			row
			for row in rows
			if (begin is None or row["dueDate"] >= str(begin)) and (end is None or row["dueDate"] <= str(end))
		]
		return self.paging.pages(read.call, rows, self.paging.window(read.call))

	def bill_transactions(self, read: Read) -> dict[str, Any]:
		"""Serve what a bill charges."""
		(bill,) = read.arguments
		if bill not in {row["billId"] for row in read.item.parts["bills"]}:
			raise OfbError(403, "RESOURCE_FORBIDDEN", "The card has no such bill.")
		found = [e.data for e in self.state.entries_of(read.item.id).values() if e.data.get("billId") == bill]
		found = [data for data in found if _matches(data, read.call)]
		found.sort(key=lambda data: (data["transactionDateTime"], data["transactionId"]), reverse=True)
		return self.paging.pages(read.call, found, self.paging.window(read.call))


def _money(amount: str) -> dict[str, str]:
	return {"amount": amount, "currency": "BRL"}


def _day(data: dict[str, Any]) -> date:
	return date.fromisoformat(data["transactionDateTime"][:10])


_FILTERS: Sequence[tuple[str, str]] = (
	("creditDebitIndicator", "creditDebitType"),
	("transactionType", "transactionType"),
	("payeeMCC", "payeeMCC"),
)


def _matches(data: dict[str, Any], call: Call) -> bool:
	args = call.request.args
	return all(name not in args or str(data.get(field, "")) == args[name] for name, field in _FILTERS)
