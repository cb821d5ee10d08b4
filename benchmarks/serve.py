"""Serving 20,000 transactions: `get_bank_transactions` against `frappe.get_all`, both through the same gunicorn.

Both answer the same rows as JSON to the same caller, in turns, from the request to the last byte. The rival
gives every column of the DocType but the payload, since that holds the same once more.
"""

import json
from typing import Any
from urllib.parse import quote

from benchmarks.common import RIVALS, Caller, alternate, connected, server_with_rivals

ROWS = 20_000
REPETITIONS = 7


def run(stack: Any) -> dict[str, float]:
	"""Measure on a running stack.

	Returns:
		`serve_vs_get_all`, and rows per second of both.
	"""
	with connected(stack) as frappe:
		from dev.seeding import Tenant, provider, transaction

		tenant = Tenant.new(provider("Benchmark Reading"))
		account = tenant.account(tenant.item(), [transaction(number) for number in range(ROWS)])
		user = frappe.db.get_value("Bank API Client", tenant.name, "user")
		# The rival runs as another user: the key of a client opens this app only.
		rival_key = _keys_of_administrator(frappe)
		assert user
	with server_with_rivals(stack) as url:
		ours, rival = Caller(url, tenant.key), Caller(url, rival_key)
		path = "/api/method/bank_api.bridge.get_bank_transactions"
		usual = f"/api/method/{RIVALS}.get_all_transactions?account={quote(account.name)}"
		for caller, warm in ((ours, path), (rival, usual)) * 2:
			_check(json.loads(caller.get(warm))["message"])
		seconds, usual_seconds = alternate(
			lambda: ours.seconds(path), lambda: rival.seconds(usual), REPETITIONS
		)
		ours.close()
		rival.close()
	return {
		"serve_vs_get_all": round(usual_seconds / seconds, 2),
		"serve_rows_per_second": round(ROWS / seconds),
		"get_all_rows_per_second": round(ROWS / usual_seconds),
	}


def _check(message: Any) -> None:
	rows = message["resources"] if isinstance(message, dict) else message
	if len(rows) != ROWS:
		raise AssertionError(f"{len(rows)} rows instead of {ROWS}")


def _keys_of_administrator(frappe: Any) -> str:
	user = frappe.get_doc("User", "Administrator")
	secret = frappe.generate_hash(length=15)
	user.api_key, user.api_secret = frappe.generate_hash(length=15), secret
	user.save()
	frappe.db.commit()
	return f"{user.api_key}:{secret}"
