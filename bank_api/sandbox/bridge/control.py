"""Bridge's part of the control API (README.md lists every call)."""

import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime, timezone
from typing import Any

from bank_api.sandbox.bridge import ledger, views
from bank_api.sandbox.bridge.banks import BANKS, DEMO_BANK
from bank_api.sandbox.bridge.generator import specs
from bank_api.sandbox.bridge.lifecycle import INTERACTIVE, WITH_DATA, Lifecycle, scenarios, status_of
from bank_api.sandbox.bridge.model import Account, App, Item, Transaction, User
from bank_api.sandbox.bridge.state import BridgeState
from bank_api.sandbox.clock import parse_instant
from bank_api.sandbox.http import ControlError, ControlRoute

_FIELDS = {"description": "description", "clean_description": "clean"}
_AMOUNTS = ("amount", "opening", "balance_override")
_ROW_FIELDS = (
	"id",
	"amount",
	"currency",
	"date",
	"booking_date",
	"transaction_date",
	"value_date",
	"description",
	"clean",
	"category_id",
	"operation_type",
	"deleted",
	"future",
	"extra",
)
_ACCOUNT_FIELDS = (
	"name",
	"type",
	"iban",
	"currency",
	"opening",
	"pro",
	"data_access",
	"last_refresh_status",
	"paused",
	"balance_override",
	"loan",
	"savings",
	"extra",
)


class BridgeControl:
	"""Handlers take the request's JSON (query parameters for GET) and path arguments; they hold the lock."""

	def __init__(self, state: BridgeState, lifecycle: Lifecycle) -> None:
		self.state, self.lifecycle, self.events = state, lifecycle, lifecycle.events

	# finding
	def _user(self, values: dict[str, Any], create: bool = False) -> User:
		if values.get("user_uuid"):
			user = self.state.users.get(values["user_uuid"])
			if user is None:
				raise ControlError(404, "unknown user_uuid")
			return user
		external = values.get("external_user_id") or values.get("user")
		app = values.get("client_id") or next(iter(self.state.apps))
		user = self.state.find_user(app, external_user_id=external) if external else None
		if user is None and external in self.state.users:
			user = self.state.users[external]
		if user is None and create:
			user = self.state.add_user(app, external)
		if user is None:
			raise ControlError(404, "unknown user; give user_uuid or external_user_id")
		return user

	def _item(self, item_id: int) -> Item:
		item = self.state.items.get(item_id)
		if item is None:
			raise ControlError(404, "unknown item")
		return item

	def _account(self, account_id: int) -> Account:
		account = self.state.accounts.get(account_id)
		if account is None:
			raise ControlError(404, "unknown account")
		return account

	def _row(self, key: int) -> Transaction:
		row = self.state.transactions.get(key)
		if row is None:
			row = next((row for row in self.state.transactions.values() if row.id == key), None)
		if row is None:
			raise ControlError(404, "unknown transaction")
		return row

	def _items(self, values: dict[str, Any]) -> list[Item]:
		if values.get("item_id"):
			return [self._item(int(values["item_id"]))]
		if any(values.get(name) for name in ("user_uuid", "external_user_id", "user")):
			return self.state.items_of(self._user(values).uuid)
		return list(self.state.items.values())

	# showing
	def _show_item(self, item: Item) -> dict[str, Any]:
		user = self.state.users.get(item.user)
		return {
			"item_id": item.id,
			"user_uuid": item.user,
			"external_user_id": user.external_user_id if user else None,
			"provider_id": item.provider_id,
			"login": item.login,
			"status": item.status,
			"status_code_info": item.status_code_info,
			"authentication_expires_at": views.instant(item.authentication_expires),
			"account_types": item.account_types,
			"accounts": [self._show_account(account) for account in self.state.accounts_of(item.id)],
		}

	def _show_account(self, account: Account) -> dict[str, Any]:
		return {
			"account_id": account.id,
			"index": account.spec,
			"name": account.name,
			"type": account.type,
			"iban": account.iban,
			"data_access": account.data_access,
			"transactions": len(self.state.rows_of(account.id)),
		}

	# apps and users
	def add_app(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Register another application (its own users and items)."""
		app = App(values["client_id"], values["client_secret"], values.get("environment", "sandbox"))
		self.state.store.put(app)
		return asdict(app)

	def add_user(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Create a user."""
		return asdict(self._user(values, create=True))

	def list_users(self, values: dict[str, Any]) -> dict[str, Any]:
		"""List users."""
		return {"users": [asdict(user) for user in self.state.users.values()]}

	def delete_user(self, values: dict[str, Any], user: str) -> dict[str, Any]:
		"""Delete a user at Bridge's side (GDPR clean-up): ``user.deleted`` follows."""
		found = self._user({"user": user})
		self.state.delete_user(found)
		if values.get("emit", True):
			self.events.user_deleted(found.uuid)
		return {"deleted": found.uuid}

	def expire_tokens(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Expire (or with ``revoke`` drop) the tokens of a user, or of everybody."""
		named = any(values.get(name) for name in ("user_uuid", "external_user_id", "user"))
		user = self._user(values).uuid if named else None
		if values.get("revoke"):
			return {"tokens": self.state.revoke_tokens(user)}
		count = 0
		for token in self.state.tokens.values():
			if user in (None, token.user) and (not values.get("token") or values["token"] == token.text):
				token.expires = self.state.now - 1
				self.state.store.put(token)
				count += 1
		return {"tokens": count}

	# items
	def add_item(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Connect a bank without the pages; ``count`` makes several users with one item each."""
		count = int(values.get("count", 1))
		if count > 1:
			base = values.get("external_user_id") or values.get("user") or f"user-{uuid.uuid4().hex[:8]}"
			made = [
				self._add_item(values | {"external_user_id": f"{base}-{number}"}) for number in range(count)
			]
			return {"items": made}
		return self._add_item(values)

	def _add_item(self, values: dict[str, Any]) -> dict[str, Any]:
		provider = int(values.get("provider_id") or values.get("bank_id") or DEMO_BANK)
		if provider not in BANKS:
			raise ControlError(400, "unknown provider_id")
		user = self._user(values, create=True)
		login = str(values.get("login", "success"))
		version = (
			"2021-06-01" if str(values.get("version", "3")) in ("2", "v2", "2021-06-01") else "2025-01-15"
		)
		types = values.get("account_types", "all")
		item = self.lifecycle.create_item(user.uuid, provider, login, types, version)
		self._play(item, self.lifecycle.next_scenario(item, interactive=True), values)
		return self._show_item(item)

	def _play(self, item: Item, scenario: str, values: dict[str, Any]) -> None:
		outcome = status_of(scenario)
		if outcome is not None and outcome[0] not in WITH_DATA:
			self.lifecycle.fail(item, outcome[0], outcome[1], "connect")
			return
		chosen = values.get("accounts")
		transactions = values.get("transactions")
		final = outcome or (0, "ok")
		self.lifecycle.complete(item, chosen, "connect", transactions, final)

	def list_items(self, values: dict[str, Any]) -> dict[str, Any]:
		"""List items with their accounts."""
		return {"items": [self._show_item(item) for item in self._items(values)]}

	def get_item(self, values: dict[str, Any], item_id: int) -> dict[str, Any]:
		"""Show one item."""
		return self._show_item(self._item(item_id))

	def delete_item(self, values: dict[str, Any], item_id: int) -> dict[str, Any]:
		"""Delete an item at Bridge's side; ``item.deleted`` follows unless ``emit`` is false."""
		item = self._item(item_id)
		self.state.delete_item(item)
		if values.get("emit", True):
			self.events.item_deleted(item.id, item.user)
		return {"deleted": item.id}

	def set_status(self, values: dict[str, Any], item_id: int) -> dict[str, Any]:
		"""Force an item's status."""
		item = self._item(item_id)
		item.description = values.get("description")
		self.lifecycle.set_status(item, int(values["status"]), values.get("info"), values.get("emit", True))
		return self._show_item(item)

	def set_login(self, values: dict[str, Any], item_id: int) -> dict[str, Any]:
		"""Choose the scenarios of the syncs to come."""
		item = self._item(item_id)
		item.queue = scenarios(DEMO_BANK, str(values["login"]))
		self.state.save_item(item)
		return {"item_id": item.id, "queue": item.queue}

	def expire_item(self, values: dict[str, Any], item_id: int) -> dict[str, Any]:
		"""End the bank's authentication: now (status 1010), or at ``at`` / ``in_seconds`` without touching the status."""
		item = self._item(item_id)
		if "at" in values or "in_seconds" in values:
			seconds = float(values.get("in_seconds", 0)) * 1000
			item.authentication_expires = (
				parse_instant(values["at"]) if "at" in values else self.state.now + int(seconds)
			)
			self.state.save_item(item)
		else:
			item.authentication_expires = self.state.now
			self.lifecycle.fail(item, 1010, "otp_required", "scheduler") if values.get(
				"emit", True
			) else self.lifecycle.set_status(item, 1010, "otp_required", emit=False)
		return self._show_item(item)

	def reconnect(self, values: dict[str, Any], item_id: int) -> dict[str, Any]:
		"""Authenticate again with new ids; see Lifecycle.reconnect for the options."""
		item = self._item(item_id)
		options = {key: value for key, value in values.items() if key != "close"}
		close = values.get("close")
		close = [close] if isinstance(close, int) else close
		mapping = self.lifecycle.reconnect(item, close=close, **options)
		return mapping | {"item": self._show_item(item)}

	def tick(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Run the scheduler's refresh of all items, a user's or one; ``advance`` moves the clock first (seconds)."""
		if values.get("advance"):
			self.state.core.clock.advance(float(values["advance"]))
		counts: dict[str, Any] = {
			name: int(values[name]) for name in ("new", "updated", "deleted") if name in values
		}
		return {"items": [self.lifecycle.tick_item(item, **counts) for item in self._items(values)]}

	# accounts
	def edit_account(self, values: dict[str, Any], account_id: int) -> dict[str, Any]:
		"""Change an account's fields; ``extra`` lays raw fields over the resource."""
		account = self._account(account_id)
		values = dict(values)
		emit = values.pop("emit", True)
		_assign(account, values, _ACCOUNT_FIELDS, {})
		self._after_account(account, emit)
		return self._show_account(account)

	def _after_account(self, account: Account, emit: bool, **counts: int) -> None:
		if emit:
			self.lifecycle.changed(account, self.state.items[account.item_id], **counts)
		else:
			account.updated = self.state.stamp()
			self.state.save_account(account)

	def add_account(self, values: dict[str, Any], item_id: int) -> dict[str, Any]:
		"""Open another account on an item."""
		item = self._item(item_id)
		index = 100 + len(self.state.accounts_of(item_id))
		rng_login = f"{item.login}:{index}"
		spec = specs(self.state.core.options.seed, BANKS[item.provider_id], rng_login, _today(self.state))[0]
		account = self.state.add_account(item, spec)
		account.spec = index
		account.name = values.get("name", f"Compte {index}")
		values = dict(values)
		emit = values.pop("emit", True)
		_assign(account, values, _ACCOUNT_FIELDS, {})
		self.state.save_account(account)
		if emit:
			self.events.account_created(account, item)
		return self._show_account(account)

	def delete_account(self, values: dict[str, Any], account_id: int) -> dict[str, Any]:
		"""The bank closes an account: it vanishes, ``item.account.deleted`` follows."""
		account = self._account(account_id)
		item = self.state.items[account.item_id]
		if values.get("keep"):
			account.closed = True
			self.state.save_account(account)
		else:
			self.state.delete_account(account)
		if values.get("emit", True):
			self.events.account_deleted(account_id, item)
		return {"deleted": account_id}

	# transactions
	def list_rows(self, values: dict[str, Any], account_id: int) -> dict[str, Any]:
		"""List an account's transactions, deleted ones too."""
		rows = self.state.rows_of(self._account(account_id).id).values()
		return {"transactions": [ledger.canonical(row) for row in rows]}

	def add_rows(self, values: dict[str, Any], account_id: int) -> dict[str, Any]:
		"""Add one transaction, a list of them, or ``count`` identical twins."""
		account = self._account(account_id)
		values = dict(values)
		emit, count = values.pop("emit", True), int(values.pop("count", 1))
		wanted = values.pop("transactions", None) or [values] * count
		try:
			rows = [self.lifecycle.add_row(account, **_instant(entry)) for entry in wanted]
		except (ValueError, TypeError) as error:
			raise ControlError(400, str(error)) from error
		self._after_account(account, emit, **({"new": len(rows)} if emit else {}))
		return {"transactions": [ledger.canonical(row) for row in rows]}

	def edit_row(self, values: dict[str, Any], key: int) -> dict[str, Any]:
		"""Change a transaction; ``updated_at`` may be given, or kept with ``touch: false``."""
		row = self._row(key)
		values = _instant(values)
		emit, touch, updated = (
			values.pop("emit", True),
			values.pop("touch", True),
			values.pop("updated", None),
		)
		if "currency_code" in values:
			values["currency"] = values.pop("currency_code")
		_assign(row, values, _ROW_FIELDS, _FIELDS)
		return self._after_row(row, emit, touch, updated, "updated")

	def _after_row(
		self, row: Transaction, emit: bool, touch: bool, updated: int | None, count: str
	) -> dict[str, Any]:
		if touch and updated is None:
			self.lifecycle.touch(row)
		else:
			row.updated = row.updated if updated is None else updated
			self.state.save_row(row)
		self._after_account(self._account(row.account_id), emit, **({count: 1} if emit else {}))
		return ledger.canonical(row)

	def delete_row(self, values: dict[str, Any], key: int) -> dict[str, Any]:
		"""Mark a transaction deleted; ``purge`` makes it vanish without a trace."""
		row = self._row(key)
		if values.get("purge"):
			self.state.remove_row(row)
			return {"purged": key}
		row.deleted = True
		return self._after_row(row, values.get("emit", True), True, None, "deleted")

	def book_row(self, values: dict[str, Any], key: int) -> dict[str, Any]:
		"""Book a future line: ``date``, ``new_id``, and any changed field."""
		row = self._row(key)
		changes = dict(values)
		emit, day, new_id = (
			changes.pop("emit", True),
			changes.pop("date", None),
			bool(changes.pop("new_id", False)),
		)
		changes = {_FIELDS.get(name, name): value for name, value in changes.items()}
		booked = self.lifecycle.book(row, day, new_id, **changes)
		counts = {"new": 1, "deleted": 1} if new_id else {"updated": 1}
		self._after_account(self._account(row.account_id), emit, **(counts if emit else {}))
		return ledger.canonical(booked)

	def recreate_row(self, values: dict[str, Any], key: int) -> dict[str, Any]:
		"""Delete a transaction and bring it back under a new id."""
		row = self.lifecycle.recreate(self._row(key))
		emit = values.get("emit", True)
		self._after_account(self._account(row.account_id), emit, **({"new": 1, "deleted": 1} if emit else {}))
		return ledger.canonical(row)

	# truth
	def ledger(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Show the expected ledger of accounts in scope; ``rows`` lists the live transactions."""
		rows = str(values.get("rows", "")).lower() in ("1", "true", "yes")
		if values.get("account_id"):
			accounts = [self._account(int(values["account_id"]))]
		else:
			accounts = [
				account for item in self._items(values) for account in self.state.accounts_of(item.id)
			]
		if str(values.get("shared", "1")).lower() in ("1", "true", "yes"):
			accounts = self.state.shared(accounts)
		shown = [ledger.of_account(self.state, account, rows) for account in accounts]
		return {"accounts": shown, "live": sum(entry["live"] for entry in shown)}

	def dump(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Show users, items, sessions and counts."""
		return {
			"apps": [app.client_id for app in self.state.apps.values()],
			"users": [asdict(user) for user in self.state.users.values()],
			"items": [self._show_item(item) for item in self.state.items.values()],
			"sessions": [asdict(session) for session in self.state.sessions.values()],
			"counts": {name: len(table) for name, table in self.state.store.tables.items()},
			"scenarios": {"interactive": list(INTERACTIVE)},
		}

	def routes(self) -> list[ControlRoute]:
		"""Return the calls."""
		pairs: list[tuple[str, str, Callable[..., dict[str, Any]]]] = [
			("POST", "/apps", self.add_app),
			("GET", "/users", self.list_users),
			("POST", "/users", self.add_user),
			("DELETE", "/users/<user>", self.delete_user),
			("POST", "/tokens/expire", self.expire_tokens),
			("GET", "/items", self.list_items),
			("POST", "/items", self.add_item),
			("GET", "/items/<int:item_id>", self.get_item),
			("DELETE", "/items/<int:item_id>", self.delete_item),
			("POST", "/items/<int:item_id>/status", self.set_status),
			("POST", "/items/<int:item_id>/login", self.set_login),
			("POST", "/items/<int:item_id>/expire", self.expire_item),
			("POST", "/items/<int:item_id>/reconnect", self.reconnect),
			("POST", "/items/<int:item_id>/accounts", self.add_account),
			("POST", "/tick", self.tick),
			("PATCH", "/accounts/<int:account_id>", self.edit_account),
			("DELETE", "/accounts/<int:account_id>", self.delete_account),
			("GET", "/accounts/<int:account_id>/transactions", self.list_rows),
			("POST", "/accounts/<int:account_id>/transactions", self.add_rows),
			("PATCH", "/transactions/<int:key>", self.edit_row),
			("DELETE", "/transactions/<int:key>", self.delete_row),
			("POST", "/transactions/<int:key>/book", self.book_row),
			("POST", "/transactions/<int:key>/recreate", self.recreate_row),
			("GET", "/ledger", self.ledger),
			("GET", "/state", self.dump),
		]
		return [ControlRoute(method, path, handler) for method, path, handler in pairs]


def _assign(record: Any, values: dict[str, Any], allowed: tuple[str, ...], aliases: dict[str, str]) -> None:
	for name, value in values.items():
		target = aliases.get(name, name)
		if target not in allowed:
			raise ControlError(400, f"unknown field {name}")
		setattr(record, target, str(value) if target in _AMOUNTS and value is not None else value)


def _instant(values: dict[str, Any]) -> dict[str, Any]:
	values = dict(values)
	if "updated_at" in values:
		values["updated"] = parse_instant(values.pop("updated_at"))
	return values


def _today(state: BridgeState) -> date:
	return datetime.fromtimestamp(state.now / 1000, timezone.utc).date()
