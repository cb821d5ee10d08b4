"""A database connection that a thread of the web server keeps between requests, for single statements.

Frappe connects anew for each request, which costs more than storing a webhook does. Here each statement is
its own transaction: it is durable when it returns, and nothing is left open that a later request could see.
"""

import os
import threading
from typing import Any

import frappe

_kept = threading.local()


def execute(query: str, values: tuple) -> None:
	"""Run one statement and commit it, over a fresh connection if the kept one has died meanwhile.

	Args:
		query: a statement that may run twice: after a broken connection nobody knows whether it did.
		values: its values.
	"""
	owner = (os.getpid(), frappe.local.site)
	if getattr(_kept, "owner", None) == owner:
		try:
			_run(_kept.connection, query, values)
			return
		except Exception as error:  # the driver's own classes differ between frameworks
			frappe.logger("bank_api").info(f"The kept connection is renewed: {type(error).__name__}")
	_renew(owner)
	_run(_kept.connection, query, values)


def _run(connection: Any, query: str, values: tuple) -> None:
	cursor = connection.cursor()
	try:
		cursor.execute(query, values)
	finally:
		cursor.close()


def _renew(owner: tuple[int, str]) -> None:
	previous = getattr(_kept, "connection", None)
	inherited = previous is not None and _kept.owner[0] != owner[0]
	_kept.owner = None
	if previous is not None and not inherited:  # a parent's connection is the parent's to close
		try:
			previous.close()
		except Exception as error:  # closing what is broken may fail, and does not matter
			frappe.logger("bank_api").debug(f"A dead connection would not close: {type(error).__name__}")
	_kept.connection = frappe.db.get_connection()
	_kept.connection.autocommit(True)
	_kept.owner = owner
