"""The canonical truth that a client's copy is compared with."""

import hashlib
from decimal import Decimal
from typing import Any

from bank_api.sandbox.bridge.model import Account, Transaction
from bank_api.sandbox.bridge.state import BridgeState
from bank_api.sandbox.clock import iso_ms


def canonical(row: Transaction) -> dict[str, Any]:
	"""Describe a transaction without regard to a version's field names.

	Args:
		row: The transaction.

	Returns:
		Its fields; ``id`` as clients see it, ``amount`` as the exact text on the wire.
	"""
	return {
		"key": row.key,
		"id": row.id,
		"account_id": row.account_id,
		"date": row.date,
		"booking_date": row.booking_date,
		"transaction_date": row.transaction_date,
		"value_date": row.value_date,
		"amount": row.amount,
		"currency_code": row.currency,
		"description": row.description,
		"clean_description": row.clean,
		"category_id": row.category_id,
		"operation_type": row.operation_type,
		"future": row.future,
		"deleted": row.deleted,
		"updated_at": iso_ms(row.updated),
	}


def digest(rows: list[Transaction]) -> str:
	"""Hash what identifies live rows apart from ids: date, exact amount, text, future; in sorted order."""
	lines = sorted(f"{row.date}|{row.amount}|{row.description}|{int(row.future)}" for row in rows)
	return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def of_account(state: BridgeState, account: Account, rows: bool) -> dict[str, Any]:
	"""Return an account's expected ledger.

	Args:
		state: The records.
		account: The account.
		rows: Whether to list the live transactions too.

	Returns:
		Counts, exact sums as text, digest, and the live rows if asked.
	"""
	every = list(state.rows_of(account.id).values())
	live = sorted((row for row in every if not row.deleted), key=lambda row: (row.date or "", row.key))
	balance, instant = state.balances(account)
	shown: dict[str, Any] = {
		"account_id": account.id,
		"item_id": account.item_id,
		"name": account.name,
		"type": account.type,
		"iban": account.iban,
		"data_access": account.data_access,
		"balance": account.balance_override or balance,
		"instant_balance": instant,
		"live": len(live),
		"deleted": len(every) - len(live),
		"future": sum(row.future for row in live),
		"sum": format(sum((Decimal(row.amount) for row in live), Decimal(0)), "f"),
		"last_updated_at": iso_ms(max(row.updated for row in every)) if every else None,
		"digest": digest(live),
	}
	if rows:
		shown["transactions"] = [canonical(row) for row in live]
	return shown
