"""Bridge for the conformance suite: its part of the gateway's API, and the sandbox behind it."""

from collections import Counter
from typing import Any

from conformance import Bank, Connection, Row
from installation import Installation

DEMO_BANK = "574"
TRANSACTIONS_CALL = r"/transactions"


class BridgeBank(Bank):
	"""One version of Bridge's API.

	Args:
		installation: the installation under test.
		version: of Bridge's API.
		values: more fields for the Bank API Provider.
	"""

	def __init__(self, installation: Installation, version: str, **values: Any):
		self.installation = installation
		self.control = installation.control
		self.version = version
		self.provider = installation.provider(version, **values)
		self.site = installation.client(self.provider)

	def quiet_connection(self, **options: Any) -> Connection:
		"""A connection that was never synced, and that nobody has queued."""
		(made,) = self.installation.quiet_items(self.provider, self.site, **options)
		return Connection(str(made["item_id"]), made["item"], made["user"])

	# --- the gateway's API

	def _link(self, method: str, user: str, **values: Any) -> dict[str, Any]:
		origin = self.site.receiver.origin
		return self.site.api.call(method, base_url=origin, redirect_url=origin + "/done", user=user, **values)

	def link(self, user: str) -> dict[str, Any]:
		return self._link("get_bridge_connect_link", user, bank=DEMO_BANK)

	def repair_link(self, connection: Connection) -> dict[str, Any]:
		return self._link("get_sca_authentication_link", connection.user, item_id=connection.item_id)

	def outcome(self, request: str) -> dict[str, Any]:
		return self.site.api.call("get_bridge_item_id", request=request)

	def read(self, connection: Connection, cursor: str | None = None) -> str:
		answer = self.site.api.answer(
			"get_bank_transactions", user=connection.user, item_id=connection.item_id, cursor=cursor
		)
		assert answer.status == 200, answer.text[:600]
		return answer.text

	def row(self, resource: dict[str, Any]) -> tuple[Row, bool]:
		old = self.version == "2021-06-01"
		row = Row(
			resource["account_id"],
			str(resource.get("id") or "").strip(),
			resource["date"],
			resource["amount"],
			resource.get("bank_description" if old else "provider_description"),
			resource["is_future" if old else "future"],
		)
		return row, resource["is_deleted" if old else "deleted"]

	def account_ids(self, connection: Connection) -> dict[str, str]:
		answer = self.site.api.call("get_bank_accounts", item_id=connection.item_id, user=connection.user)
		return dict(zip(answer["stable_ids"], answer["statuses"], strict=True))

	def status_of(self, connection: Connection) -> int:
		return self.site.api.answer("get_bridge_item_details", item_id=connection.item_id).status

	# --- the bank

	def authenticate(self, link: str) -> str:
		back = self.control.complete_connect(link, login="success")
		assert back
		return back

	def ledger(self, connection: Connection) -> Counter[Row]:
		accounts = self.control.ledger(rows=True, item_id=connection.item_id)["accounts"]
		return Counter(
			Row(
				str(account["account_id"]),
				str(row["id"] or "").strip(),
				row["date"],
				row["amount"],
				row["description"],
				row["future"],
			)
			for account in accounts
			for row in account["transactions"]
		)

	def accounts(self, connection: Connection) -> list[int]:
		return [
			account["account_id"]
			for account in self.control.item(int(connection.item_id))["accounts"]
			if account["data_access"] == "enabled"
		]

	def add(self, account: int, **values: Any) -> int:
		return self.control.add_transaction(account, **values)["key"]

	def edit(self, key: int, **values: Any) -> None:
		self.control.edit_transaction(key, **values)

	def book(self, key: int, day: str, description: str) -> None:
		self.control.book_transaction(key, new_id=True, date=day, description=description, emit=False)

	def delete(self, key: int) -> None:
		self.control.delete_transaction(key, emit=False)

	def reconnect(self, connection: Connection, with_iban: bool, close: list[int]) -> dict[int, int | None]:
		mapping = self.control.reconnect(
			int(connection.item_id), with_iban=with_iban, close=close, emit=False
		)["accounts"]
		return {int(old): new for old, new in mapping.items()}

	def expire_consent(self, connection: Connection) -> None:
		self.control.expire_item(int(connection.item_id))

	def revoke(self, connection: Connection) -> None:
		self.control.delete_item(int(connection.item_id), emit=False)

	def throttle(self, retry_after: str | None) -> None:
		self.control.fail("status", TRANSACTIONS_CALL, times=-1, status=429, retry_after=retry_after)

	def break_account(self, account: int) -> None:
		path = rf"accounts/{account}/transactions|transactions.*account_id={account}\b"
		self.control.fail("status", path, times=-1, status=500)

	def recover(self) -> None:
		self.control.clear_faults()

	def knows_item(self, connection: Connection) -> bool:
		return any(item["item_id"] == int(connection.item_id) for item in self.control.items())
