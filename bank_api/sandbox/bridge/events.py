"""Webhook events of both versions, and their signature (bridge.md 7)."""

import hashlib
import hmac
import json
from typing import Any

from bank_api.sandbox.bridge.model import Account, Item
from bank_api.sandbox.bridge.state import BridgeState
from bank_api.sandbox.bridge.views import Number, dumps, info_of, instant, without_nulls
from bank_api.sandbox.webhooks import Target, WebhookSender

HEADER = "BridgeApi-Signature"
SOURCE_IPS = ("63.32.31.5", "52.215.247.62", "34.249.92.209")
V3_ONLY = ("item.deleted", "user.deleted")
TEST_CONTENT = {"item_id": 1234567890, "status": 0, "user_uuid": "c2a26c9e-dc23-4f67-b887-bbae0f26c415"}


def sign(secrets: list[str], body: bytes) -> str:
	"""Sign a body the way Bridge does (bridge.md 7.3).

	Args:
		secrets: One, or two while the secret rotates; UTF-8 text is the HMAC key.
		body: The exact bytes that are sent.

	Returns:
		``v1=<upper-case hex>[,v1=<upper-case hex>]``.
	"""
	return ",".join(
		f"v1={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().upper()}" for secret in secrets
	)


class Events:
	"""Builds events in each target's version and queues them."""

	def __init__(self, state: BridgeState, sender: WebhookSender) -> None:
		self.state, self.sender = state, sender

	def item_created(self, item: Item) -> None:
		"""Credentials were submitted; there is no data yet."""
		self._emit("item.created", item.user, {"item_id": item.id, "user_uuid": item.user})

	def item_refreshed(self, item: Item, full: bool, trigger: str) -> None:
		"""A refresh ended, well or not."""
		for version, number in (("2021-06-01", 2), ("2025-01-15", 3)):
			content: dict[str, Any] = {
				"item_id": item.id,
				"user_uuid": item.user,
				"status_code": item.status,
				"status_code_info": info_of(item, number, self.state.switches),
				"full_refresh": full,
				"account_types": item.account_types,
				"refresh_trigger": trigger,
			}
			if number == 3:
				content["authentication_expires_at"] = instant(item.authentication_expires)
				content = without_nulls(content)
			self._emit("item.refreshed", item.user, content, version)

	def item_deleted(self, item_id: int, user_uuid: str) -> None:
		"""An item is gone (v3 only)."""
		self._emit("item.deleted", user_uuid, {"item_id": item_id, "user_uuid": user_uuid})

	def account_created(self, account: Account, item: Item) -> None:
		"""An account appeared."""
		self._emit("item.account.created", item.user, self._account(account, item))

	def account_updated(
		self, account: Account, item: Item, new: int = 0, updated: int = 0, deleted: int = 0
	) -> None:
		"""An account's transactions, balance or sharing changed."""
		content = self._account(account, item) | {
			"nb_new_transactions": new,
			"nb_updated_transactions": updated,
			"nb_deleted_transactions": deleted,
		}
		self._emit("item.account.updated", item.user, content, "2021-06-01")
		self._emit(
			"item.account.updated", item.user, content | {"data_access": account.data_access}, "2025-01-15"
		)

	def account_deleted(self, account_id: int, item: Item) -> None:
		"""The bank stopped updating an account (content is a guess, bridge.md 7.2)."""
		content = {"account_id": account_id, "item_id": item.id, "user_uuid": item.user}
		self._emit("item.account.deleted", item.user, content)

	def user_deleted(self, user_uuid: str) -> None:
		"""A user is gone (v3 only)."""
		self._emit("user.deleted", user_uuid, {"user_uuid": user_uuid})

	def test_event(self, target: Target) -> int:
		"""Queue the dashboard's test: ``status``, upper-case type, timestamp in seconds (bridge.md 7.1)."""
		body = {"content": TEST_CONTENT, "timestamp": self.state.now // 1000, "type": "TEST_EVENT"}
		return self.sender.enqueue(target, "TEST_EVENT", json.dumps(body, separators=(",", ":"))).id

	def raw(self, event_type: str, content: dict[str, Any], timestamp: int | None = None) -> list[int]:
		"""Queue any event, of any type, for every target that wants it."""
		return self._queue(event_type, content, None, None, timestamp)

	def _account(self, account: Account, item: Item) -> dict[str, Any]:
		balance = account.balance_override or self.state.balances(account)[0]
		return {
			"account_id": account.id,
			"item_id": item.id,
			"user_uuid": item.user,
			"balance": Number(balance),
		}

	def _emit(
		self, event_type: str, user_uuid: str, content: dict[str, Any], version: str | None = None
	) -> None:
		user = self.state.users.get(user_uuid)
		self._queue(event_type, content, version, user.app if user else None, None)

	def _queue(
		self,
		event_type: str,
		content: dict[str, Any],
		version: str | None,
		app: str | None,
		timestamp: int | None,
	) -> list[int]:
		when = self.state.now if timestamp is None else timestamp
		body = dumps({"content": content, "timestamp": when, "type": event_type})
		return [
			self.sender.enqueue(target, event_type, body).id
			for target in self.sender.targets().values()
			if target.enabled
			and version in (None, target.version)
			and (app is None or not target.app or target.app == app)
			and (target.events is None or event_type in target.events)
			and not (event_type in V3_ONLY and target.version == "2021-06-01")
		]
