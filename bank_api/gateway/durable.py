"""Work that must not be half-done: what a provider has said or done is written whatever the database is doing at the moment.

A mark stands between two steps: what is before it is committed, what is behind it is not begun. It does nothing; a test puts a
function of its own in the place of `mark`, and lets the process die there.
"""

import time
from collections.abc import Callable

import frappe

WRITE_ATTEMPTS = 5


def _nothing(step: str) -> None:
	"""A mark outside of tests."""


mark: Callable[[str], None] = _nothing


def reached(step: str) -> None:
	"""The step of this name is done and durable, or the next one is about to begin."""
	mark(step)


def durably(write: Callable[[], None]) -> None:
	"""Commit what a function writes, whatever the database is doing at the moment.

	Args:
		write: may be called several times, each time in a transaction of its own.

	Raises:
		Exception: what the last of `WRITE_ATTEMPTS` raised, some two seconds after the first; nothing is written then.
	"""
	for attempt in range(1, WRITE_ATTEMPTS + 1):
		try:
			frappe.db.rollback()
			write()
			frappe.db.commit()
			return
		except Exception:
			if attempt == WRITE_ATTEMPTS:
				raise
			frappe.logger("bank_api").warning("An outcome could not be written; trying again", exc_info=True)
			time.sleep(attempt / 5)
			reconnect()


def reconnect() -> None:
	"""A new connection if the old one is dead; what was in its transaction is gone either way."""
	try:
		frappe.db.rollback()
		frappe.db.sql("SELECT 1")
	except Exception:
		try:
			frappe.db.close()
			frappe.db.connect()
		except Exception:
			frappe.logger("bank_api").warning("The database cannot be reached")
