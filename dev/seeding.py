"""Clients with banks, accounts and transactions made up on the spot, for tests and benchmarks of reading.

Rows go through `gateway.store`, as a sync writes them; everything is committed, because readers use a connection
of their own. Needs a connected frappe.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import frappe

from bank_api.connectors.model import TransactionData, TransactionStatus
from bank_api.gateway import clients
from bank_api.gateway.clock import site_now
from bank_api.gateway.store import Feed, apply_page

PAGE = 500
FIRST_DAY = date(2024, 1, 1)


def transaction(
	number: int,
	*,
	account_id: str = "88",
	amount: str | None = None,
	text: str | None = None,
	deleted: bool = False,
	payload: str | None = None,
	identifier: str | None = None,
) -> TransactionData:
	"""A transaction as Bridge 2021-06-01 sends it, with the text of its resource."""
	amount = amount or f"-{number % 500}.{number % 100:02d}"
	text = text or f"Carte Monoprix Paris é {number}"
	identifier = identifier or str(36_000_051_000_000 + number)
	day = FIRST_DAY + timedelta(days=number % 700)
	flag = "true" if deleted else "false"
	payload = payload or (
		f'{{"id":{identifier},"clean_description":"{text}","bank_description":"PAIEMENT CB {text} CARTE 1234",'
		f'"amount":{amount},"date":"{day}","booking_date":"{day}","transaction_date":"{day}","value_date":null,'
		f'"updated_at":"2026-01-01T00:00:00.000Z","currency_code":"EUR","is_deleted":{flag},"category_id":273,'
		f'"account_id":{account_id},"is_future":false,"show_client_side":true}}'
	)
	status = TransactionStatus.DELETED if deleted else TransactionStatus.BOOKED
	original = f"PAIEMENT CB {text} CARTE 1234"
	moment = "2026-01-01T00:00:00.000Z"
	return TransactionData(
		identifier,
		Decimal(amount),
		"EUR",
		day,
		day,
		day,
		None,
		text,
		original,
		"273",
		None,
		status,
		moment,
		payload,
	)


def provider(name: str = "Seeded Bridge", **values: Any) -> str:
	"""A provider that is never called, unless `values` say where it listens."""
	if frappe.db.exists("Bank API Provider", name):
		return name
	doc = frappe.new_doc("Bank API Provider")
	doc.update(
		{
			"provider_name": name,
			"connector": "bridge",
			"environment": "Sandbox",
			"enabled": 1,
			"api_version": "2021-06-01",
			"api_base_url": "https://bridge.invalid",
			"client_id": "id",
			"client_secret": "secret",
		}
		| values
	)
	doc.insert(ignore_permissions=True)
	frappe.db.commit()
	return doc.name


@dataclass
class Account:
	"""A seeded account and what its feed has written."""

	name: str
	account_id: str
	feed: Feed

	def write(self, rows: Iterable[TransactionData]) -> None:
		"""Write rows as a sync does: by pages, each committed."""
		page: list[TransactionData] = []
		for row in rows:
			page.append(row)
			if len(page) == PAGE:
				self._page(page)
				page = []
		if page:
			self._page(page)

	def _page(self, page: list[TransactionData]) -> None:
		apply_page(self.feed, page)
		frappe.db.set_value(
			"Bank API Account",
			self.name,
			{"last_transaction_stamp": f"{self.feed.last_stamp:013x}", "last_synced_at": site_now()},
		)
		frappe.db.commit()
		self.feed.first_pass = False

	def rows(self, *columns: str) -> list[tuple]:
		"""The stored rows, oldest change first."""
		frappe.db.commit()
		return frappe.db.sql(
			f"SELECT {', '.join(columns or ('name', 'payload'))} FROM `tabBank API Transaction`"
			" WHERE account = %s ORDER BY change_stamp",
			self.name,
		)


@dataclass
class Tenant:
	"""A client with an API key.

	Attributes:
		name: of the Bank API Client.
		key: `api_key:api_secret`.
		provider: its provider.
		users: its end users by their own name.
	"""

	provider: str
	name: str = ""
	key: str = ""
	users: dict[str, str] = field(default_factory=dict)

	@classmethod
	def new(cls, provider_name: str | None = None) -> "Tenant":
		"""Make a client and its keys."""
		tenant = cls(provider_name or provider())
		doc = frappe.new_doc("Bank API Client")
		site = f"site-{secrets.token_hex(4)}.example.com"
		doc.update({"site": site, "client_name": site, "enabled": 1, "base_url": f"https://{site}"})
		doc.append("allowed_providers", {"provider": tenant.provider})
		doc.insert(ignore_permissions=True)
		keys = clients.issue_keys(doc.name)
		frappe.db.commit()
		tenant.name, tenant.key = doc.name, f"{keys['api_key']}:{keys['api_secret']}"
		return tenant

	@property
	def context(self) -> clients.ClientContext:
		"""What the API sees of it."""
		return clients.context_of(self.name)

	def user(self, name: str = "anna") -> str:
		"""Row name of an end user, made if missing."""
		if name not in self.users:
			values = {"client": self.name, "provider": self.provider, "user": name}
			values |= {"external_user_id": secrets.token_hex(8), "provider_user_id": secrets.token_hex(8)}
			self.users[name] = _insert("Bank API End User", values)
		return self.users[name]

	def item(self, item_id: str | None = None, user: str = "anna", **values: Any) -> str:
		"""Row name of a new connection; by default one whose data is fresh."""
		return _insert(
			"Bank API Item",
			{
				"client": self.name,
				"provider": self.provider,
				"end_user": self.user(user),
				"item_id": item_id or str(secrets.randbelow(10**9)),
				"bank_id": "574",
				"bank_name": "Demo Bank",
				"status": "OK",
				"user_action": "None",
				"last_success_at": site_now(),
				"payload": "{}",
			}
			| values,
		)

	def account(
		self,
		item: str,
		rows: Sequence[TransactionData] = (),
		account_id: str | None = None,
		synced_at: datetime | None = None,
		user: str = "anna",
		**values: Any,
	) -> Account:
		"""A new account with its transactions; by default one that has been read to its end."""
		account_id = account_id or str(secrets.randbelow(10**9))
		name = _insert(
			"Bank API Account",
			{
				"client": self.name,
				"provider": self.provider,
				"end_user": self.user(user),
				"item": item,
				"provider_account_id": account_id,
				"account_name": "Compte courant",
				"account_type": "checking",
				"status": "Open",
				"currency": "EUR",
				"balance": "10.50",
				"last_synced_at": synced_at or site_now(),
				"change_stamp": "0" * 13,
				"payload": f'{{"id": {account_id}, "balance": 10.50}}',
			}
			| values,
		)
		feed = Feed(name, item, self.user(user), self.name, self.provider, 0, 0, first_pass=True)
		account = Account(name, account_id, feed)
		account.write(rows)
		return account


def _insert(doctype: str, values: dict[str, Any]) -> str:
	doc = frappe.new_doc(doctype)
	doc.update(values)
	doc.insert(ignore_permissions=True)
	frappe.db.commit()
	return doc.name
