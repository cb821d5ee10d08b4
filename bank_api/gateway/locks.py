"""One worker at a time: a lock that the database holds for a connection, and drops when the process dies."""

from collections.abc import Iterator
from contextlib import contextmanager

import frappe

_LONGEST_NAME = 64


@contextmanager
def exclusive(name: str, wait_seconds: int = 0) -> Iterator[bool]:
	"""Hold a lock of the whole site while the block runs.

	Args:
		name: what is locked, such as an item's name; at most 40 characters.
		wait_seconds: how long to wait for another holder.

	Yields:
		whether the lock is held. A worker that is killed loses it at once, so nothing waits for a time-out.
	"""
	lock = lock_name(name)
	held = frappe.db.sql("SELECT GET_LOCK(%s, %s)", (lock, wait_seconds))[0][0] == 1
	try:
		yield held
	finally:
		if held:
			frappe.db.sql("SELECT RELEASE_LOCK(%s)", lock)


def is_free(name: str) -> bool:
	"""Whether nobody holds the lock."""
	return frappe.db.sql("SELECT IS_FREE_LOCK(%s)", lock_name(name))[0][0] == 1


def lock_name(name: str) -> str:
	"""The server-wide name of a lock; MariaDB allows 64 characters and knows no databases here."""
	return f"{frappe.conf.db_name}:{name}"[-_LONGEST_NAME:]
