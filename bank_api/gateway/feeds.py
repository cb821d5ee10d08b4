"""Which accounts a reader asks for, and how fresh each bank's data is.

Every query here starts from the caller's client. What belongs to another client, what never existed and what
was deleted are told apart by nobody: all three are `UnknownObject`.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import frappe
from frappe import _

from bank_api.gateway import consent_rows, end_users
from bank_api.gateway.clock import iso, to_utc
from bank_api.gateway.errors import ConsentNeeded, DataNotReady, UnknownObject

_LONGEST_ID = 256
_HUMAN_NEEDED = "Action Required"


@dataclass(frozen=True, slots=True)
class Account:
	"""An account that is read from.

	Attributes:
		name: row name, the account's stable id.
		provider: name of the Bank API Provider.
		last_synced_at: when its list of transactions was last read to its end (naive site time), if ever.
		is_open: it is shared and alive; what is not does not grow old.
	"""

	name: str
	provider: str
	last_synced_at: datetime | None
	is_open: bool


@dataclass(frozen=True, slots=True)
class Feed:
	"""One connection to a bank as far as a reader has to know it."""

	item: str
	provider: str
	provider_item_id: str
	status: str
	user_action: str
	status_description: str | None
	last_success_at: datetime | None
	accounts: tuple[Account, ...]

	@property
	def as_of(self) -> datetime | None:
		"""How old the oldest part of this feed is (naive site time); None: some of it was never read.

		The bank's side counts as well as ours: an item in trouble has old data however often we read it.
		"""
		return _oldest([self.last_success_at, *(row.last_synced_at for row in self.accounts if row.is_open)])

	@property
	def has_data(self) -> bool:
		"""Whether any of it has been read; one broken account does not hide the others."""
		if not self.accounts:
			return self.last_success_at is not None
		return any(account.last_synced_at for account in self.accounts)

	def describe(self) -> dict[str, Any]:
		"""What an answer says about this feed."""
		described: dict[str, Any] = {
			"item_id": number_or_text(self.provider_item_id),
			"status": self.status,
			"user_action": self.user_action,
			"as_of": utc_text(self.as_of),
		}
		return described | ({"advice": self.advice} if self.advice else {})

	@property
	def advice(self) -> str:
		"""What a human has to do, and where; empty if nothing, or if it depends on the item's status (`user_action`)."""
		if self.status != _HUMAN_NEEDED or not consent_rows.of_item(self.provider, self.provider_item_id):
			return ""
		return consent_rows.advice(self.provider)


@dataclass(frozen=True, slots=True)
class Scope:
	"""What a caller asked for, found and allowed.

	Attributes:
		label: names the client and the list; a cursor belongs to it.
		feeds: the connections concerned, with their accounts.
	"""

	label: str
	feeds: tuple[Feed, ...]

	@property
	def accounts(self) -> list[Account]:
		"""All accounts, by name, which is the order of their creation."""
		return sorted((account for feed in self.feeds for account in feed.accounts), key=lambda row: row.name)

	@property
	def as_of(self) -> datetime | None:
		"""How old the oldest part of all this is; None: some of it was never read, or there is nothing."""
		return _oldest([feed.as_of for feed in self.feeds])

	def require_data(self) -> None:
		"""Refuse to show an empty list where nothing has been read yet.

		Raises:
			ConsentNeeded: the end user has to act before there is any data.
			DataNotReady: the first synchronisation has not ended yet.
		"""
		if not self.feeds or any(feed.has_data for feed in self.feeds):
			return
		if all(feed.status == _HUMAN_NEEDED for feed in self.feeds):
			raise ConsentNeeded(
				_(
					"No data of this bank has been read yet: the end user has to act first. "
					"Ask for the link that the item's status calls for."
				),
				advice=self.feeds[0].advice,
			)
		raise DataNotReady(
			_(
				"The first synchronisation of this bank has not ended yet. "
				"Call again after its webhook, or in a minute."
			)
		)


def of_account(
	client: str,
	account_id: str,
	item_id: str | None = None,
	user: str | None = None,
	provider: str | None = None,
) -> Scope:
	"""The scope of one account.

	Args:
		client: name of the Bank API Client that asks.
		account_id: the provider's id of the account, a former one, or our stable id.
		item_id: the item that it has to belong to, where the caller names one.
		user: the end user, where the caller names one.
		provider: name of the Bank API Provider, where the caller names one.

	Raises:
		UnknownObject: the client has no such account.
	"""
	filters = _filters(client, user, provider)
	name = _account_name(client, _identifier(account_id), filters)
	feeds = _feeds(filters, item_id=_identifier(item_id) if item_id else None, account=name)
	if not feeds:
		raise UnknownObject
	return Scope(f"{client}\0account\0{name}", feeds)


def of_item(client: str, item_id: str, user: str | None = None, provider: str | None = None) -> Scope:
	"""The scope of one connection to a bank; arguments and errors as `of_account`."""
	feeds = _feeds(_filters(client, user, provider), item_id=_identifier(item_id))
	if len(feeds) != 1:
		raise UnknownObject  # one number may be two items of two providers: then `provider` must say which
	return Scope(f"{client}\0item\0{feeds[0].item}", feeds)


def of_user(
	client: str, user: str | None, provider: str | None = None, connector: str | None = None
) -> Scope:
	"""The scope of everything of one end user, or of all end users of a client if `user` is None.

	Args:
		client: name of the Bank API Client that asks.
		user: the end user, if one is asked for.
		provider: name of the Bank API Provider, where the caller names one.
		connector: otherwise, only of providers with this connector.

	Raises:
		UnknownObject: the client has no such end user.
	"""
	filters = _filters(client, user, provider)
	if connector and not provider:
		filters["provider"] = ("in", providers_of(connector))
	of = provider or (f"*{connector}" if connector else "")
	return Scope(f"{client}\0user\0{user or ''}\0{of}", _feeds(filters))


def providers_of(connector: str) -> list[str]:
	"""Names of all providers with a connector; never empty, for use in a filter."""
	rows = frappe.db.sql("SELECT name FROM `tabBank API Provider` WHERE connector = %s", (connector,))
	return [row[0] for row in rows] or [""]


def utc_text(moment: datetime | None) -> str | None:
	"""A Datetime field as text in UTC."""
	return iso(to_utc(moment)) if moment else None


def number_or_text(identifier: str) -> int | str:
	"""A provider's id as its clients know it: a number where it is one."""
	return int(identifier) if identifier.isdecimal() and str(int(identifier)) == identifier else identifier


def _oldest(moments: Iterable[datetime | None]) -> datetime | None:
	known = list(moments)
	return None if not known or None in known else min(known)


def _identifier(value: str) -> str:
	text = str(value).strip()
	if not text or len(text) > _LONGEST_ID:
		raise UnknownObject
	return text


def _filters(client: str, user: str | None, provider: str | None) -> dict[str, Any]:
	filters: dict[str, Any] = {"client": client}
	if provider:
		filters["provider"] = provider
	if user:
		names = end_users.find(client, user, provider)
		if not names:
			raise UnknownObject
		filters["end_user"] = ("in", names)
	return filters


def _account_name(client: str, identifier: str, filters: dict[str, Any]) -> str:
	"""The row of an account by the provider's present id, our stable id, or a former id of the provider."""
	# The unique index begins with the provider.
	providers = frappe.get_all("Bank API Provider", pluck="name")
	present = {"provider": ("in", providers), **filters, "provider_account_id": identifier}
	for wanted in (present, {**filters, "name": identifier}):
		names = frappe.get_all("Bank API Account", filters=wanted, pluck="name", limit=2)
		if len(names) == 1:
			return names[0]
	former = [
		name
		for name, aliases in frappe.get_all(
			"Bank API Account",
			filters={**filters, "aliases": ("is", "set")},
			fields=["name", "aliases"],
			as_list=True,
		)
		if identifier in json.loads(aliases)
	]
	if len(former) != 1:
		raise UnknownObject
	return former[0]


def _feeds(
	filters: dict[str, Any], *, item_id: str | None = None, account: str | None = None
) -> tuple[Feed, ...]:
	account_filters: dict[str, Any] = dict(filters)
	item_filters: dict[str, Any] = {**filters, "status": ("!=", "Deleted")}
	if item_id is not None:
		item_filters["item_id"] = item_id
	if account is not None:
		account_filters["name"] = account
		item_filters["name"] = frappe.db.get_value("Bank API Account", account, "item")
	items = frappe.get_all(
		"Bank API Item",
		filters=item_filters,
		fields=[
			"name",
			"provider",
			"item_id",
			"status",
			"user_action",
			"status_description",
			"last_success_at",
		],
		order_by="name",
	)
	if not items:
		return ()
	account_filters["item"] = ("in", [item.name for item in items])
	accounts: dict[str, list[Account]] = {item.name: [] for item in items}
	for row in frappe.get_all(
		"Bank API Account",
		filters=account_filters,
		fields=["name", "item", "provider", "last_synced_at", "status"],
		order_by="name",
	):
		accounts[row.item].append(Account(row.name, row.provider, row.last_synced_at, row.status == "Open"))
	return tuple(
		Feed(
			item=item.name,
			provider=item.provider,
			provider_item_id=item.item_id,
			status=item.status,
			user_action=item.user_action,
			status_description=item.status_description,
			last_success_at=item.last_success_at,
			accounts=tuple(accounts[item.name]),
		)
		for item in items
	)
