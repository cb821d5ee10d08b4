"""Batches and payments in the database: written in bulk, read back and proved, listed in pieces.

What is approved is the line that `payments.digest.canonical` makes of a payment; the other columns only show it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import frappe

from bank_api.gateway.clock import site_now
from bank_api.gateway.ids import row_names
from bank_api.gateway.payment_states import DOCTYPE, PAYMENT, REJECTED, VALIDATED
from bank_api.gateway.plain import inert, shown
from bank_api.payments import stored
from bank_api.payments.digest import canonical
from bank_api.payments.model import Batch, Payment

ROWS_A_STATEMENT = 1000
_LARGEST_SORTABLE = Decimal("999999999999.99")
_COLUMNS = (
	"name",
	"creation",
	"modified",
	"owner",
	"modified_by",
	"batch",
	"part",
	"number",
	"place",
	"client",
	"provider",
	"status",
	"amount",
	"amount_value",
	"currency",
	"due",
	"partner_account",
	"partner_shown",
	"partner_name",
	"variable_symbol",
	"constant_symbol",
	"specific_symbol",
	"message",
	"reference",
	"end_to_end_id",
	"payload",
)


@dataclass(frozen=True, slots=True)
class Owner:
	"""Whose payments they are.

	Attributes:
		batch: name of the Bank API Payment Batch that its client knows.
		client: name of the Bank API Client.
		provider: name of the Bank API Provider.
	"""

	batch: str
	client: str
	provider: str


def insert(owner: Owner, part: str | None, numbers: Sequence[int], batch: Batch) -> None:
	"""Write the payments of one part; the caller commits.

	Args:
		owner: whose they are.
		part: name of the Bank API Payment Batch that is sent with them; None if they are refused here.
		numbers: where each one stands in the whole batch, counted from 1.
		batch: the payments of the part, in the order in which they are sent.
	"""
	fields = ", ".join(f"`{name}`" for name in _COLUMNS)
	marks = f"({', '.join(['%s'] * len(_COLUMNS))})"
	now, user = site_now(), frappe.session.user
	names = row_names(len(batch))
	for first in range(0, len(batch), ROWS_A_STATEMENT):
		values: list[Any] = []
		payments = batch.payments[first : first + ROWS_A_STATEMENT]
		for place, payment in enumerate(payments, first):
			values += (names[place], now, now, user, user, owner.batch, part, numbers[place], place)
			values += (owner.client, owner.provider, VALIDATED if part else REJECTED, *_shown(payment))
		frappe.db.sql(
			f"INSERT INTO `tab{PAYMENT}` ({fields}) VALUES {', '.join([marks] * len(payments))}", values
		)


def _shown(payment: Payment) -> tuple[Any, ...]:
	# What is refused is kept as well, and may be of any length: each text is cut to its column.
	return (
		exact(payment.amount)[:40],
		sortable(payment.amount),
		_cut(payment.currency, 10),
		payment.due,
		_cut(payment.partner_account, 60),
		_cut(masked(payment.partner_account), 60),
		_cut(inert(payment.partner.name if payment.partner else ""), 140),
		_cut(payment.variable_symbol, 20),
		_cut(payment.constant_symbol, 20),
		_cut(payment.specific_symbol, 20),
		_cut(inert(payment.message), 1000),
		_cut(payment.reference, 40),
		_cut(payment.end_to_end_id, 40),
		canonical(payment).decode().rstrip("\n"),
	)


def _cut(text: str | None, longest: int) -> str | None:
	return (shown(text) or "")[:longest] or None


def exact(amount: Decimal) -> str:
	"""An amount as text, without exponent and without loss."""
	return format(amount, "f")


def sortable(amount: Decimal) -> Decimal:
	"""An amount as the column holds it that lists are sorted by: at most twelve digits before the point."""
	return max(min(amount, _LARGEST_SORTABLE), -_LARGEST_SORTABLE)


def masked(account: str) -> str:
	"""An account's number as lists show it: its beginning and its last four characters."""
	return f"{account[:4]}…{account[-4:]}" if len(account) > 10 else f"…{account[-4:]}"


# --- reading back


def read(part: str, digest: str) -> Batch:
	"""The payments of one part as they were approved.

	Args:
		part: name of the Bank API Payment Batch that is sent with them.
		digest: of what was approved.

	Raises:
		UnreadableFile: what is stored is not what was approved. Nothing of it may be sent.
	"""
	return stored.batch((line for _, line in _lines("part", part, "place")), digest)


def spool_whole(batch: str, digest: str, leave_out: Sequence[str] = ()) -> stored.Spooled:
	"""The payments of a client's batch in their order, in a file that needs no database any more; otherwise as `read`.

	Args:
		batch: name of the Bank API Payment Batch.
		digest: of what was approved.
		leave_out: fields that may be lost.
	"""
	return stored.spooled((line for _, line in _lines("batch", batch, "number")), digest, leave_out)


def _lines(column: str, name: str, order: str) -> Iterator[tuple[int, str]]:
	"""Every payment's place and line, in pieces, so that no answer of the database holds them all."""
	after = -1
	while rows := frappe.db.sql(
		f"""SELECT `{order}`, payload FROM `tab{PAYMENT}`
		WHERE `{column}` = %s AND `{order}` > %s AND part IS NOT NULL
		ORDER BY `{order}` LIMIT %s""",
		(name, after, ROWS_A_STATEMENT),
	):
		yield from rows
		after = rows[-1][0]


def places(part: str) -> list[frappe._dict]:
	"""Name, place, reference, status and amount of each payment of a part, in their order."""
	return frappe.db.sql(
		f"""SELECT name, place, number, reference, status, amount, currency FROM `tab{PAYMENT}`
		WHERE part = %s ORDER BY place""",
		part,
		as_dict=True,
	)


def note(rows: Sequence[tuple[str, dict[str, Any]]]) -> None:
	"""Write what the bank says of single payments; the caller holds their batch, and commits.

	Args:
		rows: names of Bank API Payments, each with its columns.
	"""
	for name, values in rows:
		frappe.db.set_value(PAYMENT, name, values)


def parts_of(batch: str, order: str = "part_number asc") -> list[str]:
	"""What is sent of a batch: its parts, by default in the order of their numbers, or the batch itself."""
	names = frappe.get_all(DOCTYPE, {"parent_batch": batch}, pluck="name", order_by=order)
	return names or [batch]


def errors_of(batch: str, limit: int) -> list[frappe._dict]:
	"""The payments of a client's batch that were refused, with the reasons, at most so many."""
	return frappe.db.sql(
		f"""SELECT number, error_code, error_field, error FROM `tab{PAYMENT}`
		WHERE batch = %s AND status = 'Rejected' ORDER BY number LIMIT %s""",
		(batch, limit),
		as_dict=True,
	)
