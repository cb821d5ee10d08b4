"""KB for the conformance suite: its part of the gateway's API, and the simulated bank behind it."""

import itertools
import re
import uuid
from base64 import b64encode
from collections import Counter
from datetime import timedelta
from typing import Any, ClassVar

from conformance import TODAY, Bank, Connection, Row
from installation import Installation, exact_json

ACCOUNTS = 3
ROWS = 8
BOOKED, PENDING = "BOOK", "PNG"
LIST_CALL = r"/adaa/v2/accounts$"


class KbBank(Bank):
	"""Accounts behind consents; each end user is a person of its own with three accounts.

	Args:
		installation: the installation under test.
		values: more fields for the Bank API Provider.
	"""

	repairs_in_place: ClassVar[bool] = False
	renames_accounts: ClassVar[bool] = False
	lists_deleted_rows: ClassVar[bool] = False
	tells_revocation: ClassVar[bool] = False
	days_of_a_reused_id: ClassVar[tuple[str, str]] = (
		(TODAY - timedelta(days=3)).isoformat(),
		(TODAY - timedelta(days=1)).isoformat(),
	)
	amounts: ClassVar[tuple[str, ...]] = (
		"0.01",
		"-0.01",
		"-1.05",
		"0.10",
		"0.00",
		"123456789012.34",
		"-7.00",
	)
	"""Numbers with two decimals and no sign, which `creditDebitIndicator` says (protocols/kb_batch.md 4.1)."""

	def __init__(self, installation: Installation, **values: Any):
		self.installation = installation
		self.control = installation.control.kb
		self.provider = installation.kb(**values)
		self.site = installation.client(self.provider, module="kb")
		self.people: dict[str, str] = {}
		self.shared: dict[str, list[str]] = {}
		self.links: dict[str, str] = {}
		self.keys: dict[int, int] = {}
		self._ids = itertools.count(uuid.uuid4().int % 10**7 * 1000)

	# --- the gateway's API

	def link(self, user: str, **terms: Any) -> dict[str, Any]:
		origin = self.site.receiver.origin
		link = self.site.api.call(
			"get_kb_consent_link", base_url=origin, redirect_url=origin + "/done", user=user, **terms
		)
		self.links[link["link"]] = user
		return link

	def repair_link(self, connection: Connection) -> dict[str, Any]:
		return self.link(connection.user, item_id=connection.item_id)

	def outcome(self, request: str) -> dict[str, Any]:
		return self.site.api.call("get_kb_item_id", request=request)

	def read(self, connection: Connection, cursor: str | None = None) -> str:
		answer = self.site.api.answer(
			"get_bank_transactions", user=connection.user, item_id=connection.item_id, cursor=cursor
		)
		assert answer.status == 200, answer.text[:600]
		return answer.text

	def row(self, resource: dict[str, Any]) -> tuple[Row, bool]:
		row = Row(
			resource["iban"],
			str(resource.get("entryReference") or "").strip(),
			resource.get("bookingDate") or resource["valueDate"],
			("-" if resource["creditDebitIndicator"] == "DEBIT" else "") + str(resource["amount"]["value"]),
			resource["additionalTransactionInformation"],
			resource["status"] == PENDING,
		)
		return row, bool(resource.get("deleted"))

	def account_ids(self, connection: Connection) -> dict[str, str]:
		answer = self.site.api.call("get_bank_accounts", item_id=connection.item_id, user=connection.user)
		return dict(zip(answer["stable_ids"], answer["statuses"], strict=True))

	def status_of(self, connection: Connection) -> int:
		return self.site.api.answer("get_kb_consent_status", item_id=connection.item_id).status

	# --- the bank

	def person(self, user: str) -> str:
		"""The number that an end user logs in with, made with its accounts when first asked for."""
		if user not in self.people:
			self.people[user] = str(10**8 + next(self._ids))
			made = [self.control.add_account(name=f"Account {place}") for place in range(ACCOUNTS)]
			self.shared[user] = [account["iban"] for account in made]
			self.control.put_user(self.people[user], name=user, accounts=self.shared[user])
			for iban in self.shared[user]:
				for place in range(ROWS):
					day = (TODAY - timedelta(days=20 * place + 2)).isoformat()
					self.add(iban, amount=f"-{place}.{place:02d}", description=f"P {place}", date=day)
		return self.people[user]

	def authenticate(self, link: str) -> str:
		return self.control.walk(link, self.person(self.links[link]))

	def ledger(self, connection: Connection) -> Counter[Row]:
		return Counter(_row_of(entry) for iban in self.accounts(connection) for entry in self._entries(iban))

	def _entries(self, iban: str) -> list[dict[str, Any]]:
		return self.control.account(iban)["transactions"]

	def accounts(self, connection: Connection) -> list[str]:
		return self.shared[connection.user]

	def account_id(self, account: str) -> str:
		"""Unpadded base64 of IBAN and currency, as in KB's own sandbox (4.1)."""
		return b64encode(f"{account}:CZK".encode()).decode().rstrip("=")

	def add(self, account: str, **values: Any) -> int:
		number = next(self._ids)
		identifier = values.get("id", number)
		entry = self.control.add_transaction(
			account,
			values["amount"],
			date=values.get("date", TODAY.isoformat()),
			status=PENDING if values.get("future") else BOOKED,
			extra={
				"entryReference": None if identifier is None else str(identifier),
				"additionalTransactionInformation": values["description"],
			},
		)
		self.keys[number] = entry["key"]
		return number

	def edit(self, key: int, **values: Any) -> None:
		self.control.edit_transaction(self.keys[key], extra={"entryReference": str(values["id"])})

	def book(self, key: int, day: str, description: str) -> None:
		"""The hold goes, and a row with another id comes; never on a day to come, since a history ends now (4.1)."""
		(found,) = [
			entry
			for ibans in self.shared.values()
			for iban in ibans
			for entry in self._entries(iban)
			if entry["key"] == self.keys[key]
		]
		self.control.delete_transaction(found["key"])
		day = min(day, TODAY.isoformat())
		self.add(found["account"], amount=found["amount"], description=description, date=day)

	def delete(self, key: int) -> None:
		self.control.delete_transaction(self.keys[key])

	def reconnect(self, connection: Connection, with_iban: bool, close: list[int]) -> dict[int, int | None]:
		raise NotImplementedError("see `Bank.renames_accounts`")

	def grant(self, connection: Connection) -> dict[str, Any]:
		"""The consent as the bank has it: the newest of its person."""
		person = self.people[connection.user]
		return [one for one in self.control.consents() if one["user"] == person][-1]

	def expire_consent(self, connection: Connection) -> None:
		"""Its year is over; nobody tells, and CAAS says so when a token is renewed."""
		self.control.expire_tokens(self.grant(connection)["id"], refresh=True)
		self.installation.sync_now(connection.item)

	def revoke(self, connection: Connection) -> None:
		self.control.revoke_consent(self.grant(connection)["id"])
		self.control.expire_tokens(self.grant(connection)["id"])

	def throttle(self, retry_after: str | None) -> None:
		"""Calls of any kind; a history that is read too often holds one account only, which is another case."""
		self.control.fail(429, path=LIST_CALL, times=-1, retry_after=retry_after)

	def break_account(self, account: str) -> None:
		path = f"/adaa/v2/accounts/{re.escape(self.account_id(account))}/transactions\\?"
		self.control.fail(500, path=path, times=-1)

	def recover(self) -> None:
		self.installation.control.clear_faults()

	def knows_item(self, connection: Connection) -> bool:
		return self.grant(connection)["state"] == "active"

	# --- what only consents have

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


def _row_of(entry: dict[str, Any]) -> Row:
	return Row(
		entry["account"],
		str(entry["data"].get("entryReference") or "").strip(),
		entry["day"],
		entry["amount"],
		entry["data"]["additionalTransactionInformation"],
		entry["status"] == PENDING,
	)
