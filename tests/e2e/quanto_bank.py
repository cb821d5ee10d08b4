"""Quanto for the conformance suite: its part of the gateway's API, and the Open Finance banks behind it."""

import itertools
import uuid
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from conformance import TODAY, Bank, Connection, Row
from installation import Installation, exact_json, wait_until

BANK, OTHER_BANK = "ipe", "araucaria"
BOOKED, FUTURE = "TRANSACAO_EFETIVADA", "LANCAMENTO_FUTURO"
TRANSACTIONS_CALL = r"/v1/consents/.+/transactions"
OVER = "REJECTED"
MARK = "partieNumber"
"""Field of a transaction that carries the mark of its account: a row of these lists does not name the account."""


def cpf(number: int) -> str:
	"""A natural person's number with its check digits."""
	digits = f"{number % 10**9:09d}"
	for _ in range(2):
		total = sum(int(digit) * (len(digits) + 1 - place) for place, digit in enumerate(digits))
		digits += str(total * 10 % 11 % 10)
	return digits


class QuantoBank(Bank):
	"""Accounts and a card behind consents of sessions; each end user is a person of its own, a customer of both banks.

	Args:
		installation: the installation under test.
		values: more fields for the Bank API Provider.
	"""

	repairs_in_place: ClassVar[bool] = False
	renames_accounts: ClassVar[bool] = False
	lists_deleted_rows: ClassVar[bool] = False
	days_of_a_reused_id: ClassVar[tuple[str, str]] = (
		(TODAY - timedelta(days=3)).isoformat(),
		(TODAY - timedelta(days=1)).isoformat(),
	)
	longest_hold: ClassVar[int] = 3600
	amounts: ClassVar[tuple[str, ...]] = (
		"0.005",
		"-0.005",
		"-1.015",
		"0.10",
		"0.00",
		"12345678901234.56",
		"-99999999999999.0001",
		"7.00",
	)
	"""Amounts have two to four decimals and no sign, which `creditDebitType` says (quanto_ofb.md 4.1, A.2)."""

	def __init__(self, installation: Installation, **values: Any):
		self.installation = installation
		self.control = installation.control.quanto
		self.provider = installation.quanto(**values)
		self.site = installation.client(self.provider, module="quanto")
		self.people: dict[str, str] = {}
		self.products: dict[str, list[str]] = {}
		self.links: dict[str, str] = {}
		self._ids = itertools.count(uuid.uuid4().int % 10**8)

	# --- the gateway's API

	def link(self, user: str, **terms: Any) -> dict[str, Any]:
		origin = self.site.receiver.origin
		link = self.site.api.call(
			"get_quanto_session_link",
			base_url=origin,
			redirect_url=origin + "/done",
			document=self.person(user),
			user=user,
			**terms,
		)
		self.links[link["link"]] = user
		return link

	def repair_link(self, connection: Connection) -> dict[str, Any]:
		return self.link(connection.user, item_id=connection.item_id)

	def outcome(self, request: str) -> dict[str, Any]:
		visit = self.site.api.call("get_quanto_session", request=request)
		items = [consent["item_id"] for consent in visit["consents"] if consent["item_id"]]
		return visit | {"item_id": items[0] if items else None}

	def read(self, connection: Connection, cursor: str | None = None) -> str:
		answer = self.site.api.answer(
			"get_bank_transactions", user=connection.user, item_id=connection.item_id, cursor=cursor
		)
		assert answer.status == 200, answer.text[:600]
		return answer.text

	def row(self, resource: dict[str, Any]) -> tuple[Row, bool]:
		money = resource.get("transactionAmount") or resource["brazilianAmount"]
		row = Row(
			resource[MARK],
			str(resource.get("transactionId") or "").strip(),
			resource["transactionDateTime"][:10],
			("-" if resource["creditDebitType"] == "DEBITO" else "") + money["amount"],
			resource["transactionName"],
			resource.get("completedAuthorisedPaymentType", BOOKED) != BOOKED,
		)
		return row, bool(resource.get("deleted"))

	def account_ids(self, connection: Connection) -> dict[str, str]:
		answer = self.site.api.call("get_bank_accounts", item_id=connection.item_id, user=connection.user)
		return dict(zip(answer["stable_ids"], answer["statuses"], strict=True))

	def status_of(self, connection: Connection) -> int:
		return self.site.api.answer("get_resources", item_id=connection.item_id).status

	# --- the bank

	def person(self, user: str) -> str:
		"""The person that an end user is, made when first asked for, with two accounts and a card at the bank."""
		if user not in self.people:
			person = self.people[user] = cpf(next(self._ids))
			made = [row for row in self.control.customer(person) if row["bank"] == BANK]
			accounts = [row["id"] for row in made if row["type"] == "ACCOUNT"]
			cards = [row["id"] for row in made if row["type"] == "CREDIT_CARD_ACCOUNT"]
			self.products[user] = [*accounts[:2], *cards[:1]]
			for product in self.products[user]:
				for entry in self.control.transactions(product):
					self.control.edit_transaction(entry["key"], **{MARK: product})
		return self.people[user]

	def authenticate(self, link: str) -> str:
		user = self.links[link]
		return self.control.complete_session(
			link, (BANK,), cpf=self.people[user], resources=self.products[user]
		)

	def ledger(self, connection: Connection) -> Counter[Row]:
		return Counter(
			self.row(entry["data"])[0]
			for product in self.accounts(connection)
			for entry in self.control.transactions(product)
		)

	def accounts(self, connection: Connection) -> list[str]:
		return self.products[connection.user]

	def add(self, account: str, **values: Any) -> int:
		identifier = values.get("id", next(self._ids))
		entry = self.control.add_transaction(
			account,
			amount=values["amount"],
			text=values["description"],
			at=values.get("date", TODAY.isoformat()),
			status=FUTURE if values.get("future") else BOOKED,
			id=None if identifier is None else str(identifier),
			extra={MARK: account},
		)
		return entry["key"]

	def edit(self, key: int, **values: Any) -> None:
		self.control.edit_transaction(key, transactionId=str(values["id"]))

	def book(self, key: int, day: str, description: str) -> None:
		(entry, product) = self._entry(key)
		self.control.delete_transaction(key)
		row, _gone = self.row(entry)
		self.add(product, amount=row.amount, description=description, date=day)

	def delete(self, key: int) -> None:
		self.control.delete_transaction(key)

	def _entry(self, key: int) -> tuple[dict[str, Any], str]:
		"""A transaction as sent, and its account."""
		for products in self.products.values():
			for product in products:
				for entry in self.control.transactions(product):
					if entry["key"] == key:
						return entry["data"], product
		raise AssertionError(f"there is no transaction {key}")

	def reconnect(self, connection: Connection, with_iban: bool, close: list[int]) -> dict[int, int | None]:
		raise NotImplementedError("see `Bank.renames_accounts`")

	def expire_consent(self, connection: Connection) -> None:
		"""Its time is over; Quanto learns it from the bank, and tells."""
		self.control.expire(connection.item_id)
		self.told()

	def revoke(self, connection: Connection) -> None:
		self.control.revoke(connection.item_id)

	def throttle(self, retry_after: str | None) -> None:
		self.control.fail(429, path=TRANSACTIONS_CALL, times=-1, retry_after=retry_after)

	def break_account(self, account: str) -> None:
		self.control.fail(500, path=f"/v1/consents/.+/accounts/{account}/transactions", times=-1)

	def recover(self) -> None:
		self.installation.control.clear_faults()

	def knows_item(self, connection: Connection) -> bool:
		return self.control.consent(connection.item_id)["status"] != OVER

	# --- what only sessions have

	def told(self) -> None:
		"""Let Quanto read the banks, and wait until all that it has to tell is delivered."""
		self.control.poll()
		wait_until("Quanto's webhooks", lambda: not self.control.deliveries(status="pending"))

	def consent(self, connection: Connection) -> dict[str, Any]:
		"""The row of the consent behind a connection, as its form shows it."""
		filters = {"provider": self.provider, "provider_consent_id": connection.item_id}
		return self.installation.setup.admin.rows("Bank API Consent", filters, ["*"])[0]

	def events(self, user: str) -> list[str]:
		"""Types of all events that the client got about an end user, in order."""
		return [event["type"] for event in self.site.receiver.events if event["data"].get("user") == user]

	def bodies(self, connection: Connection) -> list[dict[str, Any]]:
		"""The resources that the client gets, whatever they mean."""
		return exact_json(self.read(connection))["message"]["resources"]


def signed_amount(resource: dict[str, Any]) -> Decimal:
	"""A transaction's amount with its sign, exact."""
	money = resource.get("transactionAmount") or resource["brazilianAmount"]
	return Decimal(money["amount"]) * (-1 if resource["creditDebitType"] == "DEBITO" else 1)
