"""Migdal for the conformance suite: its part of the gateway's API, and the sandbox behind it."""

import itertools
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any, ClassVar

from conformance import AMOUNTS, TODAY, Bank, Connection, Row
from installation import Installation, exact_json

COMPANY = "520004896"
FREQUENCY = 100
LOANS = 3
ROWS = 12
TRANSACTIONS_CALL = r"/loans/[^/]+/transactions"
OVER = ("expired", "revokedByPsu", "terminatedByTpp", "rejected")


class MigdalBank(Bank):
	"""Loans behind consents; each end user is a customer of its own with three loans.

	Rows carry the number of their loan as `mandateId`, since a resource of a Berlin Group list does not name its
	account, and the suite wants to know that none ends up in another one.

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
	longest_hold: ClassVar[int] = 86_400
	amounts: ClassVar[tuple[str, ...]] = tuple(amount for amount in AMOUNTS if "E" not in amount)
	"""Amounts are strings of digits (protocols/berlin_group_migdal.md 4.5): an exponent is none."""

	def __init__(self, installation: Installation, **values: Any):
		self.installation = installation
		self.control = installation.control.migdal
		self.provider = installation.migdal(frequency_per_day=FREQUENCY, **values)
		self.site = installation.client(self.provider, module="migdal")
		self.customers: dict[str, str] = {}
		self.keys: dict[int, int] = {}
		self._ids = itertools.count(uuid.uuid4().int % 10**8 * 1000)

	# --- the gateway's API

	def link(self, user: str, **terms: Any) -> dict[str, Any]:
		origin = self.site.receiver.origin
		link = self.site.api.call(
			"get_migdal_consent_link",
			base_url=origin,
			redirect_url=origin + "/done",
			bank=COMPANY,
			frequency=FREQUENCY,
			psu_id=self.customer(user),
			user=user,
			**terms,
		)
		self.customers[link["link"]] = self.customer(user)
		return link

	def repair_link(self, connection: Connection) -> dict[str, Any]:
		return self.link(connection.user, item_id=connection.item_id)

	def outcome(self, request: str) -> dict[str, Any]:
		return self.site.api.call("get_migdal_item_id", request=request)

	def read(self, connection: Connection, cursor: str | None = None) -> str:
		answer = self.site.api.answer(
			"get_bank_transactions", user=connection.user, item_id=connection.item_id, cursor=cursor
		)
		assert answer.status == 200, answer.text[:600]
		return answer.text

	def row(self, resource: dict[str, Any]) -> tuple[Row, bool]:
		row = Row(
			resource["mandateId"],
			str(resource.get("transactionId") or "").strip(),
			resource.get("bookingDate") or resource["valueDate"],
			resource["transactionAmount"]["amount"],
			resource["remittanceInformationUnstructured"],
			"bookingDate" not in resource,
		)
		return row, bool(resource.get("deleted"))

	def account_ids(self, connection: Connection) -> dict[str, str]:
		answer = self.site.api.call("get_bank_accounts", item_id=connection.item_id, user=connection.user)
		return dict(zip(answer["stable_ids"], answer["statuses"], strict=True))

	def status_of(self, connection: Connection) -> int:
		return self.site.api.answer("get_migdal_consent_status", item_id=connection.item_id).status

	# --- the bank

	def customer(self, user: str) -> str:
		"""The customer that an end user is, made with its loans when first asked for."""
		if user not in self.customers:
			psu = self.customers[user] = str(next(self._ids))
			self.control.put_psu(psu, name=user)
			for _ in range(LOANS):
				number = next(self._ids)
				self.control.add_account(psu, number=str(number), company=COMPANY, transactions=0)
				for place in range(ROWS):
					day = (TODAY - timedelta(days=20 * place + 2)).isoformat()
					self.add(
						number, amount=f"-{place}.{number % 100:02d}", description=f"P {place}", date=day
					)
		return self.customers[user]

	def authenticate(self, link: str) -> str:
		return self.control.complete_consent(link, self.customers[link])

	def _numbers(self, connection: Connection) -> list[str]:
		return self.control.consent(connection.item_id)["granted"]["accounts"]

	def ledger(self, connection: Connection) -> Counter[Row]:
		numbers = self._numbers(connection)
		return Counter(
			self.row(entry["data"])[0] for number in numbers for entry in self.control.transactions(number)
		)

	def accounts(self, connection: Connection) -> list[int]:
		return [int(number) for number in self._numbers(connection)]

	def account_id(self, account: int) -> str:
		query = "SELECT provider_account_id FROM `tabBank API Account` WHERE reference = %s"
		(row,) = self.installation.sql(query, str(account))
		return row["provider_account_id"]

	def add(self, account: int, **values: Any) -> int:
		number = next(self._ids)
		entry = self.control.add_transaction(
			str(account),
			amount=values["amount"],
			text=values["description"],
			date=values.get("date", TODAY.isoformat()),
			status="pending" if values.get("future") else "booked",
			extra={
				"transactionId": _identifier(values.get("id", number)),
				"entryReference": None,
				"mandateId": str(account),
			},
		)
		self.keys[number] = entry["key"]
		return number

	def edit(self, key: int, **values: Any) -> None:
		extra = {"transactionId": _identifier(values["id"])}
		self.control.edit_transaction(self.keys[key], extra=extra)

	def book(self, key: int, day: str, description: str) -> None:
		self.control.book_transaction(self.keys[key], new_id=True, date=day, text=description)

	def delete(self, key: int) -> None:
		self.control.delete_transaction(self.keys[key])

	def reconnect(self, connection: Connection, with_iban: bool, close: list[int]) -> dict[int, int | None]:
		raise NotImplementedError("see `Bank.renames_accounts`")

	def expire_consent(self, connection: Connection) -> None:
		"""It ends; Migdal tells nobody, so the next synchronisation is what finds out."""
		self.control.set_status(connection.item_id, "expired")
		self.installation.sync_now(connection.item)

	def revoke(self, connection: Connection) -> None:
		self.control.set_status(connection.item_id, "revokedByPsu")

	def throttle(self, retry_after: str | None) -> None:
		control = self.installation.control
		control.fail("status", TRANSACTIONS_CALL, times=-1, status=429, retry_after=retry_after)

	def break_account(self, account: int) -> None:
		path = f"/loans/{self.account_id(account)}/transactions"
		self.installation.control.fail("status", path, times=-1, status=500)

	def recover(self) -> None:
		self.installation.control.clear_faults()

	def knows_item(self, connection: Connection) -> bool:
		return self.control.consent(connection.item_id)["status"] not in OVER

	# --- what only consents have

	def consent(self, connection: Connection) -> dict[str, Any]:
		"""The row of the consent behind a connection, as its form shows it."""
		filters = {"provider": self.provider, "provider_consent_id": connection.item_id}
		return self.installation.setup.admin.rows("Bank API Consent", filters, ["*"])[0]

	def bodies(self, connection: Connection) -> list[dict[str, Any]]:
		"""The resources that the client gets, whatever they mean."""
		return exact_json(self.read(connection))["message"]["resources"]


def _identifier(value: Any) -> str | None:
	return None if value is None else str(value)
