"""Accounts of an item into the database: found again after a reconnection, marked when they are no longer there."""

import json
import time
from collections import defaultdict
from decimal import Decimal
from typing import Any, NamedTuple

import frappe

from bank_api.connectors import verbatim
from bank_api.connectors.model import AccountData, ItemStatus, LoanDetails
from bank_api.gateway.account_matching import AccountMatches, StoredAccount, match_accounts
from bank_api.gateway.plain import shown

DOCTYPE = "Bank API Account"
OPEN, NOT_SHARED, CLOSED = "Open", "Not Shared", "Closed"
_LOAN_FIELDS = tuple(LoanDetails.__dataclass_fields__)
_AMOUNT_CEILING = Decimal(999_999_999_999)


class Owner(NamedTuple):
	"""The item whose accounts are stored, and whose it is."""

	item: str
	end_user: str
	client: str
	provider: str
	bank_id: str | None


class StoreResult(NamedTuple):
	"""Accounts of the item that can be read now, by row name, and whether any row changed."""

	open_accounts: dict[str, AccountData]
	changed: bool


def store_accounts(owner: Owner, incoming: list[AccountData]) -> StoreResult:
	"""Write all accounts of an item as the provider lists them now; the caller commits.

	Args:
		owner: the item.
		incoming: every account of the item; one that is missing here is marked closed.

	Returns:
		the accounts whose transactions can be read, and whether anything changed.
	"""
	matches = match_accounts(incoming, _stored(owner, incoming))
	open_accounts: dict[str, AccountData] = {}
	changed = False
	for data in incoming:
		if data.provider_account_id in matches.taken_over:
			continue
		if data.partial and data.provider_account_id not in matches.rows:
			continue  # its description comes with one of the next readings
		name, wrote = _store(owner, data, matches)
		changed = changed or wrote
		if data.shared:
			open_accounts[name] = data
	return StoreResult(open_accounts, _close_missing(owner, incoming) or changed)


def _stored(owner: Owner, incoming: list[AccountData]) -> list[StoredAccount]:
	rows = frappe.db.sql(
		"""SELECT account.name, account.provider_account_id, account.aliases, account.iban, account.reference,
			account.account_type, account.currency, account.account_name, item.bank_id, account.item,
			item.status, account.status
		FROM `tabBank API Account` account JOIN `tabBank API Item` item ON item.name = account.item
		WHERE account.end_user = %s AND account.provider = %s""",
		(owner.end_user, owner.provider),
	)
	ended = {row[9] for row in rows if row[10] == ItemStatus.DELETED.value} | _replaced(rows, incoming)
	return [
		StoredAccount(
			name=row[0],
			provider_account_id=row[1],
			aliases=tuple(json.loads(row[2])) if row[2] else (),
			iban=row[3] or "",
			reference=row[4] or "",
			account_type=row[5] or "",
			currency=row[6] or "",
			account_name=row[7] or "",
			same_bank=row[8] == owner.bank_id,
			elsewhere=row[9] != owner.item and row[9] not in ended and row[11] == OPEN,
		)
		for row in rows
	]


def _replaced(rows: list[tuple], incoming: list[AccountData]) -> set[str]:
	"""Connections that wait for their end user, who has come back with this one instead.

	Only the very same IBANs say so. One shared IBAN does not: it may be a joint account, seen through the log-in of
	somebody else, whose card of the same name is another card.
	"""
	brought = {_plain_iban(data.iban) for data in incoming if data.iban}
	waiting: dict[str, set[str]] = defaultdict(set)
	for row in rows:
		if row[10] == ItemStatus.ACTION_REQUIRED.value and row[11] != CLOSED and row[3]:
			waiting[row[9]].add(_plain_iban(row[3]))
	return {item for item, ibans in waiting.items() if ibans == brought}


def _plain_iban(iban: str | None) -> str:
	return (iban or "").replace(" ", "").upper()


def _store(owner: Owner, data: AccountData, matches: AccountMatches) -> tuple[str, bool]:
	values = _values(owner, data)
	name = matches.rows.get(data.provider_account_id)
	if name is None:
		doc = frappe.new_doc(DOCTYPE)
		doc.update(values | {"change_stamp": _stamp()})
		return doc.insert(ignore_permissions=True).name, True
	columns = [*values, "aliases", "generation"]
	stored = frappe.db.get_value(DOCTYPE, name, columns, as_dict=True, for_update=True)
	if data.partial:
		values = _told(values, data, stored.payload)
	reconnected = stored.provider_account_id != data.provider_account_id
	if stored.item != owner.item:
		frappe.db.sql("UPDATE `tabBank API Transaction` SET item = %s WHERE account = %s", (owner.item, name))
	changed = {column: value for column, value in values.items() if not _same(stored.get(column), value)}
	if reconnected:
		changed |= _reconnected(stored)
	if changed:
		frappe.db.set_value(DOCTYPE, name, changed | {"change_stamp": _stamp()})
	return name, bool(changed)


def _reconnected(stored: Any) -> dict[str, Any]:
	"""The provider gave the account a new id: keep the old one as an alias and read the whole feed again."""
	aliases = json.loads(stored.aliases) if stored.aliases else []
	return {
		"aliases": json.dumps([*aliases, stored.provider_account_id]),
		"generation": stored.generation + 1,
		"sync_since": None,
		"sync_page": None,
		"sync_high": None,
		"sync_started": None,
		"last_read_at": None,
	}


def _values(owner: Owner, data: AccountData) -> dict[str, Any]:
	loan = data.loan or LoanDetails()
	balance = data.balance or Decimal(0)
	return {
		"provider_account_id": data.provider_account_id,
		"item": owner.item,
		"end_user": owner.end_user,
		"client": owner.client,
		"provider": owner.provider,
		"account_name": shown(data.name),
		"iban": data.iban,
		"reference": shown(data.reference),
		"account_type": data.account_type,
		"currency": data.currency,
		"balance": _exact(data.balance),
		"balance_value": max(-_AMOUNT_CEILING, min(_AMOUNT_CEILING, balance)),
		"accounting_balance": _exact(data.accounting_balance),
		"instant_balance": _exact(data.instant_balance),
		"is_pro": int(data.is_pro),
		"status": OPEN if data.shared else NOT_SHARED,
		"payload": data.payload,
	} | {name: _exact(getattr(loan, name)) for name in _LOAN_FIELDS}


def _told(values: dict[str, Any], data: AccountData, stored: str | None) -> dict[str, Any]:
	"""What a partial reading tells; the rest stays as it is stored."""
	told = {column: value for column, value in values.items() if value not in (None, "")}
	if data.balance is None:
		del told["balance_value"]
	told["payload"] = verbatim.replace_members(stored, verbatim.members(data.payload)) if stored else stored
	return told


def _exact(value: Any) -> Any:
	return format(value, "f") if isinstance(value, Decimal) else value


def _same(stored: Any, value: Any) -> bool:
	if isinstance(value, Decimal):
		return Decimal(str(stored)) == value
	return (stored or None) == (value or None)


def _close_missing(owner: Owner, incoming: list[AccountData]) -> bool:
	"""Mark the accounts that this connection no longer lists; their history stays."""
	listed = {data.provider_account_id for data in incoming}
	rows = frappe.get_all(
		DOCTYPE,
		{"item": owner.item, "status": ["!=", CLOSED]},
		["name", "provider_account_id"],
		order_by=None,
	)
	missing = [row.name for row in rows if row.provider_account_id not in listed]
	for name in missing:
		frappe.db.set_value(DOCTYPE, name, {"status": CLOSED, "change_stamp": _stamp()})
	return bool(missing)


def _stamp() -> str:
	return f"{time.time_ns() // 1000:013x}"
