"""The part of Quanto's control API that changes what the banks' customers have (README.md)."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from bank_api.sandbox.clock import EPOCH, parse_instant
from bank_api.sandbox.data import generator
from bank_api.sandbox.http import ControlError, ControlRoute
from bank_api.sandbox.quanto.bank import accounts
from bank_api.sandbox.quanto.bank.model import CARD, RESOURCE_STATES, Entry, Product, Usage
from bank_api.sandbox.quanto.bank.provider import Banks
from bank_api.sandbox.quanto.stamps import exact_stamp, moment, read_day

Values = dict[str, Any]


class DataControl:
	"""Handlers take the request's JSON (query parameters for GET); they hold the lock."""

	def __init__(self, banks: Banks) -> None:
		self.banks, self.state, self.core = banks, banks.state, banks.core

	def put_customer(self, values: Values, document: str) -> Values:
		"""Make a customer's data at both banks (``approvers`` of the main account)."""
		self.state.customer(document, values.get("approvers"))
		return self.show_customer({}, document)

	def show_customer(self, values: Values, document: str) -> Values:
		"""Show a customer's products at both banks."""
		found = [product for product in self.state.products.values() if product.document == document]
		if not found:
			raise ControlError(404, "unknown customer")
		return {"products": [self._product(product) for product in found]}

	def _product(self, product: Product) -> Values:
		rows = self.state.entries_of(product.id).values()
		found = {**asdict(product), "transactions": len(rows)}
		if product.type == "ACCOUNT":
			found["balance"] = self.banks.data.balance_of(product)["availableAmount"]["amount"]
		return found

	def _find_product(self, product_id: str) -> Product:
		found = self.state.products.get(product_id)
		if found is None:
			raise ControlError(404, "unknown product")
		return found

	def edit_product(self, values: Values, product_id: str) -> Values:
		"""Change one: ``state``, ``approvers``, ``opening``, ``listed``, ``detail``, ``parts`` (laid over)."""
		product = self._find_product(product_id)
		if values.get("state", RESOURCE_STATES[0]) not in RESOURCE_STATES:
			raise ControlError(400, f"state must be one of {', '.join(RESOURCE_STATES)}")
		for name, value in values.items():
			if name in ("state", "approvers", "opening"):
				setattr(product, name, value)
			elif name in ("listed", "detail", "parts"):
				getattr(product, name).update(value)
			else:
				raise ControlError(400, f"unknown field {name}")
		self.core.store.put(product)
		return self._product(product)

	def list_entries(self, values: Values, product_id: str) -> Values:
		"""List an account's or card's transactions."""
		self._find_product(product_id)
		rows = self.state.entries_of(product_id).values()
		return {"transactions": [asdict(entry) for entry in rows]}

	def add_entries(self, values: Values, product_id: str) -> Values:
		"""Add one: ``amount`` (signed), ``text``, ``status``, ``at``, ``id``, ``type``, ``extra``; or ``transactions``."""
		product = self._find_product(product_id)
		rows = values.get("transactions", [values])
		made = [self.state.add_entry(product_id, self._entry(product, row)) for row in rows]
		return {"transactions": [asdict(entry) for entry in made]}

	def _entry(self, product: Product, values: Values) -> Values:
		amount = Decimal(str(values.get("amount", "-10.00")))
		rng = generator(self.core.options.seed, product.id, self.core.number("ofb_added", 1))
		text = f"{abs(amount):f}"
		whole, _, cents = text.partition(".")
		at = moment(self.state.now)
		if "at" in values:
			day = read_day(values["at"])
			at = EPOCH + timedelta(milliseconds=parse_instant(values["at"])) if day is None else _noon(day)
		data: Values = {
			"transactionId": values.get("id", accounts.identifier(rng)),
			"creditDebitType": "DEBITO" if amount < 0 else "CREDITO",
			"transactionName": values.get("text", "TRANSAÇÃO DE TESTE"),
			"transactionDateTime": exact_stamp(at),
		}
		money = {"amount": f"{whole}.{cents:0<2}", "currency": "BRL"}
		if product.type == CARD:
			data |= {
				"identificationNumber": product.detail["paymentMethod"][0]["identificationNumber"],
				"transactionType": values.get("type", "PAGAMENTO"),
				"paymentType": "A_VISTA",
				"amount": money,
				"brazilianAmount": money,
				"billPostDate": f"{at:%Y-%m-%d}",
				"payeeMCC": 5411,
			}
		else:
			data |= {
				"completedAuthorisedPaymentType": values.get("status", accounts.BOOKED),
				"type": values.get("type", "PIX"),
				"transactionAmount": money,
			}
		data |= values.get("extra", {})
		return {name: value for name, value in data.items() if value is not None}

	def _find_entry(self, key: int) -> Entry:
		found = self.core.store.table(Entry).get(key)
		if found is None:
			raise ControlError(404, "unknown transaction")
		return found

	def edit_entry(self, values: Values, key: int) -> Values:
		"""Lay fields over a transaction as it goes on the wire; null removes one."""
		entry = self._find_entry(key)
		entry.data = {name: value for name, value in (entry.data | values).items() if value is not None}
		self.core.store.put(entry)
		return asdict(entry)

	def drop_entry(self, values: Values, key: int) -> Values:
		"""Remove a transaction."""
		self.state.drop_entry(self._find_entry(key))
		return {"deleted": key}

	# limits
	def usage(self, values: Values) -> Values:
		"""Show how often what was read this month."""
		return {"usage": {usage.key: usage.count for usage in self.state.usage.values()}}

	def reset_usage(self, values: Values) -> Values:
		"""Forget it."""
		for usage in list(self.core.store.table(Usage).values()):
			self.core.store.drop(usage)
		return {"usage": "reset"}

	def use_up(self, values: Values) -> Values:
		"""Use a month's reads up: ``document``, ``endpoint`` (``accounts/balances``), ``item`` (an id)."""
		consent = self.state.consents.get(values["consent"])
		if consent is None:
			raise ControlError(404, "unknown consent")
		usage = self.banks.limits.usage(consent, values["endpoint"], values.get("item", ""))
		usage.count = 1_000_000
		self.core.store.put(usage)
		return {"used": usage.key}

	def routes(self) -> list[ControlRoute]:
		"""Return the calls."""
		pairs: list[tuple[str, str, Callable[..., Values]]] = [
			("GET", "/customers/<document>", self.show_customer),
			("POST", "/customers/<document>", self.put_customer),
			("PATCH", "/products/<product_id>", self.edit_product),
			("GET", "/products/<product_id>/transactions", self.list_entries),
			("POST", "/products/<product_id>/transactions", self.add_entries),
			("PATCH", "/transactions/<int:key>", self.edit_entry),
			("DELETE", "/transactions/<int:key>", self.drop_entry),
			("GET", "/usage", self.usage),
			("DELETE", "/usage", self.reset_usage),
			("POST", "/usage", self.use_up),
		]
		return [ControlRoute(method, f"/quanto{path}", handler) for method, path, handler in pairs]


def _noon(day: date) -> datetime:
	return datetime(day.year, day.month, day.day, 12, tzinfo=timezone.utc)
