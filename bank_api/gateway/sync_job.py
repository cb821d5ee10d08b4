"""The job that keeps one item in step: the item, its accounts, and each account's changed transactions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeGuard

import frappe
from frappe import _
from frappe.utils import cint

from bank_api.connectors.base import Connector
from bank_api.connectors.errors import (
	OBJECT,
	ConfigurationError,
	NotFound,
	ProviderError,
	RateLimited,
)
from bank_api.connectors.model import ItemData, ItemStatus, Token
from bank_api.connectors.rate_ledger import patience
from bank_api.gateway import access, freshness, items, providers, refusals, relay
from bank_api.gateway.account_pass import AccountPass
from bank_api.gateway.accounts import OPEN, Owner, store_accounts
from bank_api.gateway.clock import site_now, to_site
from bank_api.gateway.errors import NotConfigured
from bank_api.gateway.locks import exclusive

ITEM = "Bank API Item"
ACCOUNT = "Bank API Account"
ROUNDS = 3
"""How often a job starts again because new data was announced while it ran."""
WAITING_MINUTES = 2
BACKOFF_MINUTES = (5, 15, 60, 180, 360)
PATIENCE_SECONDS = 65
"""How long a background call may wait for a free slot in the provider's rate limit."""
_LOCK_WAIT_SECONDS = 5
_HOPELESS = (RateLimited, ConfigurationError, *access.STALE)
"""After one of these the other accounts of the item would fail the same way, unless only one object is limited."""


def run(item: str) -> None:
	"""Sync an item now, unless another worker is at it; that one then makes another round.

	Args:
		item: name of the Bank API Item.
	"""
	frappe.db.set_value(ITEM, item, "queued_until", None, update_modified=False)
	frappe.db.commit()
	with exclusive(item, _LOCK_WAIT_SECONDS) as held, patience(PATIENCE_SECONDS):
		if not held:
			return
		for _round in range(ROUNDS):
			row, started = _item_row(item), site_now()
			if row is None or row.status == ItemStatus.DELETED.value:
				return
			if row.held_until and row.held_until > started:
				return  # asked for while a round was refused; due when the provider takes calls again
			ItemSync(row).run()
			requested = frappe.db.get_value(ITEM, item, "sync_requested_at")
			if not requested or requested < started:
				return
		# Still more was announced meanwhile: the next tick goes on, so that the other items get their turn first.
		frappe.db.set_value(ITEM, item, "next_try_at", site_now(), update_modified=False)
		frappe.db.commit()


def _item_row(item: str) -> Any:
	fields = [
		"name",
		"item_id",
		"client",
		"provider",
		"end_user",
		"bank_id",
		"status",
		"failures",
		"held_until",
		"read_all_at",
	]
	return frappe.db.get_value(ITEM, item, fields, as_dict=True)


@dataclass
class ItemSync:
	"""One round over one item; `run` it once."""

	row: Any
	errors: list[ProviderError] = field(default_factory=list)
	rows_read: int = 0

	def __post_init__(self) -> None:
		self.key = access.key_of(self.row)

	def run(self) -> None:
		"""Read everything that changed; leave the item saying how it went, whatever happens."""
		self._note(sync_status="Running", last_try_at=site_now())
		frappe.db.commit()
		state = None
		try:
			state = self._read()
		except ProviderError as error:
			frappe.db.rollback()
			self.errors.append(error)
		except NotConfigured as error:  # no secret or certificate to call with; the sentence says which
			frappe.db.rollback()
			self._finish(None, error.message)
			frappe.db.commit()
			return
		except Exception:
			frappe.db.rollback()
			self._finish(None, _("The gateway itself failed. The Error Log says why."))
			frappe.db.commit()
			raise
		for error in self.errors:
			access.doubt(self.key, error)
			refusals.note(error, provider=self.row.provider, client=self.row.client)
		self._finish(state, refusals.explained(self.errors[0]) if self.errors else None)
		frappe.db.commit()

	def _read(self) -> ItemData | None:
		connector: Connector = providers.connector(self.row.provider)
		try:
			state = access.read_item(self.key)
		except NotFound:
			items.mark_deleted(self.row.name)
			return None
		items.apply_state(self.row.name, state)
		frappe.db.commit()
		if access.worth_reading(self.key, state):
			self._read_accounts(connector, state)
		return state

	def _read_accounts(self, connector: Connector, state: ItemData) -> None:
		accounts = self._open_accounts(connector, state)
		for place, (account, name) in enumerate(accounts.items(), 1):
			if self._is_rested(connector, account) or self._is_held(account):
				continue
			if not self._read_account(connector, account, f"{place}/{len(accounts)} {name}"):
				return

	def _open_accounts(self, connector: Connector, state: ItemData) -> dict[str, str]:
		"""The accounts whose transactions can be read, by row name, as the provider lists them now.

		Where only the list may not be asked for any more, those known from before: their feeds have limits of their own.
		"""
		try:
			known = self._known_accounts()
			listed = self._call(lambda token: connector.accounts(token, self.row.item_id, known))
		except RateLimited as error:
			if not _of_one_object(error):
				raise
			frappe.db.rollback()
			self.errors.append(error)
			still_open = {"item": self.row.name, "status": OPEN}
			rows = frappe.get_all(ACCOUNT, still_open, ["name", "account_name"], order_by="name")
			return {row.name: row.account_name or "" for row in rows}
		owner = Owner(self.row.name, self.row.end_user, self.row.client, self.row.provider, state.bank_id)
		stored = store_accounts(owner, listed)
		if stored.changed:
			relay.emit(
				self.row.client, "accounts.updated", items.event_data(self.row.name), item=self.row.name
			)
		frappe.db.commit()
		access.note_read(self.key)
		frappe.db.commit()
		return {name: data.name for name, data in stored.open_accounts.items()}

	def _known_accounts(self) -> frozenset[str]:
		"""The provider's ids of the accounts that are described here, so that it need not be asked for that again."""
		rows = frappe.db.sql(
			f"SELECT provider_account_id FROM `tab{ACCOUNT}` WHERE item = %s AND IFNULL(payload, '') != ''",
			self.row.name,
		)
		return frozenset(row[0] for row in rows)

	def _is_rested(self, connector: Connector, account: str) -> bool:
		"""Whether a bank that tells when there is something new was asked so lately that it would only refuse."""
		if not getattr(connector, "nudges", False):
			return False
		read_at, nudged_at = frappe.db.get_value(ACCOUNT, account, ["last_read_at", "nudged_at"])
		if not read_at or read_at <= site_now() - connector.shortest_interval:
			return False
		return all(wish is None or wish < read_at for wish in (nudged_at, self.row.read_all_at))

	def _is_held(self, account: str) -> bool:
		"""Whether the provider wants no call about this account now; what it said before is still an error then."""
		held = frappe.db.get_value(ACCOUNT, account, "held_until")
		left = (held - site_now()).total_seconds() if held else 0
		if left <= 0:
			return False
		self.errors.append(
			RateLimited(
				_("The limit of calls about one account is used up; the other accounts are read as usual."),
				retry_after=left,
				scope=OBJECT,
			)
		)
		return True

	def _read_account(self, connector: Connector, account: str, label: str) -> bool:
		"""Read one account; its failure is kept with it. Returns whether the next one is worth a try."""

		def progress(rows: int) -> None:
			self.rows_read += rows
			self._note(sync_progress=f"{label}: {self.rows_read}")

		try:
			AccountPass(account, connector, progress).run()
		except ProviderError as error:
			frappe.db.rollback()
			self.errors.append(error)
			wait = timedelta(seconds=error.retry_after) if _of_one_object(error) else None
			values = {
				"sync_error": refusals.explained(error),
				"held_until": site_now() + wait if wait else None,
			}
			frappe.db.set_value(ACCOUNT, account, values, update_modified=False)
			frappe.db.commit()
			return bool(wait) or not isinstance(error, _HOPELESS)
		return True

	def _call(self, call: Callable[[Token], Any]) -> Any:
		return access.with_token(self.key, call)

	def _note(self, **values: Any) -> None:
		frappe.db.set_value(ITEM, self.row.name, values, update_modified=False)

	def _finish(self, state: ItemData | None, failure: str | None) -> None:
		"""Write how the round went and when the next one is due; tell the client what changed."""
		if frappe.db.get_value(ITEM, self.row.name, "status") == ItemStatus.DELETED.value:
			self._note(sync_status="Idle", sync_progress=None, next_try_at=None)
			return
		self._tell_client()
		now = site_now()
		well = not failure or (bool(self.errors) and all(map(_of_one_object, self.errors)))
		failures = self.row.failures + 1 if failure else 0
		held = self._held()
		self._note(
			sync_status="Failed" if failure else "Idle",
			sync_progress=None,
			last_error=failure,
			failures=failures,
			held_until=now + held if held else None,
			next_try_at=now + (held or self._wait(state, 0 if well else failures)),
		)
		if state and state.status is ItemStatus.OK and well:
			self._note(last_success_at=min(now, to_site(state.last_refresh)) if state.last_refresh else now)
		freshness.mark_feeds(self.row.name)

	def _held(self) -> timedelta | None:
		"""How long the provider, or the ledger of its limits, wants no call for this item."""
		limits = [
			error.retry_after
			for error in self.errors
			if isinstance(error, RateLimited) and not _of_one_object(error)
		]
		return timedelta(seconds=max(limits)) if limits else None

	def _wait(self, state: ItemData | None, failures: int) -> timedelta:
		if failures:
			return timedelta(minutes=BACKOFF_MINUTES[min(failures, len(BACKOFF_MINUTES)) - 1])
		minutes = frappe.get_cached_value("Bank API Provider", self.row.provider, "sync_interval_minutes")
		interval = max(
			timedelta(minutes=cint(minutes)), providers.connector(self.row.provider).shortest_interval
		)
		if state and state.status is ItemStatus.WAITING:
			return min(self._patience(), interval)
		return interval

	def _patience(self) -> timedelta:
		"""How long to leave alone what waits for the bank or for people: the longer they take, the longer."""
		shortest = timedelta(minutes=WAITING_MINUTES)
		since = frappe.db.get_value(ITEM, self.row.name, "connected_at")
		return max((site_now() - since) / 20, shortest) if since else shortest

	def _tell_client(self) -> None:
		"""One event for all rows of the item that changed since the client was last told, kills included."""
		accounts = frappe.db.sql(
			"""SELECT name, provider_account_id, last_transaction_stamp FROM `tabBank API Account`
			WHERE item = %s AND IFNULL(last_transaction_stamp, '') > IFNULL(notified_stamp, '')""",
			self.row.name,
			as_dict=True,
		)
		if not accounts:
			return
		for account in accounts:
			frappe.db.set_value(
				ACCOUNT, account.name, "notified_stamp", account.last_transaction_stamp, update_modified=False
			)
		told = [
			{"account_id": items.provider_id(account.provider_account_id), "stable_id": account.name}
			for account in accounts
		]
		data = items.event_data(self.row.name) | {"accounts": told}
		relay.emit(self.row.client, "transactions.updated", data, item=self.row.name)


def _of_one_object(error: ProviderError | None) -> TypeGuard[RateLimited]:
	"""Whether a limit of one account, or of one list, is all that is wrong."""
	return isinstance(error, RateLimited) and error.scope == OBJECT
