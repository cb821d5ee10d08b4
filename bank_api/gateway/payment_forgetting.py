"""What becomes of payments when their end user is erased: nothing of theirs stays, and no key ever serves twice.

The batch itself is kept, without names and accounts: its caller's key must go on meaning this batch, or a repeated call would
pay again.
"""

import frappe
from frappe import _

from bank_api.gateway import payment_states, purge
from bank_api.gateway.payment_states import CANCELLED, DOCTYPE, PAYMENT, VALIDATED


def stop(end_user: str) -> None:
	"""Cancel what is not sent yet; the caller commits.

	Args:
		end_user: name of the Bank API End User.
	"""
	rows = frappe.db.sql(
		f"SELECT name FROM `tab{DOCTYPE}` WHERE end_user = %s AND state = %s AND COALESCE(part_count, 0) = 0",
		(end_user, VALIDATED),
	)
	for (name,) in rows:
		row = payment_states.get(name, lock=True)
		if row is not None and row.state == VALIDATED:
			payment_states.move(name, CANCELLED, last_error=_("The end user was erased."))


def forget(end_user: str) -> int:
	"""Delete the payments of an end user, and what names people and accounts in its batches. Commits in batches.

	Returns:
		How many payments were deleted.
	"""
	stop(end_user)
	frappe.db.commit()
	count = 0
	for name in frappe.get_all(DOCTYPE, {"end_user": end_user}, pluck="name", order_by=None):
		count += purge.rows(PAYMENT, {"batch": name})
		payment_states.set_values(
			name,
			batch_name=None,
			account=None,
			error_summary=None,
			next_check_at=None,
			end_user=None,
			item=None,
		)
		frappe.db.commit()
	return count
