"""A small read, cached: `get_category` against `frappe.auth.get_logged_user` with the same token.

Single requests over a kept-alive connection, in turns.
"""

from typing import Any
from urllib.parse import quote

from benchmarks.common import Caller, alternate, connected

REPETITIONS = 600
WHOAMI = "/api/method/frappe.auth.get_logged_user"


def run(stack: Any) -> dict[str, float]:
	"""Measure on a running stack with a sandbox.

	Returns:
		`small_read_vs_whoami`, and the milliseconds of both.
	"""
	with connected(stack):
		from dev.seeding import Tenant, provider

		name = provider(
			"Benchmark Reference",
			api_version="2025-01-15",
			api_base_url=stack.sandbox_url,
			client_id="sandbox_id_demo",
			client_secret="sandbox_secret_demo",
		)
		tenant = Tenant.new(name)
	caller = Caller(stack.url, tenant.key)
	path = "/api/method/bank_api.bridge.get_category?lang=en"
	category = caller.message(path)["resources"][0]["categories"][0]
	path += f"&category_id={quote(str(category['id']))}"
	if caller.message(path)["name"] != category["name"]:
		raise AssertionError("another category")
	for _ in range(50):
		caller.get(path)
		caller.get(WHOAMI)
	small, whoami = alternate(lambda: caller.seconds(path), lambda: caller.seconds(WHOAMI), REPETITIONS)
	caller.close()
	return {
		"small_read_vs_whoami": round(small / whoami, 3),
		"small_read_ms": round(small * 1000, 2),
		"whoami_ms": round(whoami * 1000, 2),
	}
