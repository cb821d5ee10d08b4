"""The consent page: its first answer against the framework's `ping`, both through the same gunicorn, in turns.

An end user with ten banks opens the page: the plain address with the cookie of the visit, over a kept-alive connection.
"""

import http.client
import re
import statistics
import time
from typing import Any
from urllib.parse import urlsplit

from benchmarks.common import connected

BANKS = 10
REPETITIONS = 400
PING = "/api/method/ping"
PAGE = "/bank-api/consents"
BAR_BYTES = 60_000


def run(stack: Any) -> dict[str, float]:
	"""Measure on a running stack.

	Returns:
		`consent_page_vs_ping`, the milliseconds of both, and the page's weight in bytes.
	"""
	with connected(stack) as frappe:
		link = _link(frappe, stack.url)
	connection = http.client.HTTPConnection(urlsplit(stack.url).netloc, timeout=60)
	cookie = _opened(connection, link)
	html = _get(connection, PAGE, cookie)
	if html.count(b'<li class="card">') != BANKS or len(html) > BAR_BYTES:
		raise AssertionError(f"another page than the one meant, or too heavy: {len(html)} bytes")
	for _ in range(50):
		_get(connection, PAGE, cookie)
		_get(connection, PING, "")
	# In turns: what else the machine does meets both.
	pairs = [(_seconds(connection, PAGE, cookie), _seconds(connection, PING, "")) for _ in range(REPETITIONS)]
	page, ping = (statistics.median(pair[place] for pair in pairs) for place in (0, 1))
	connection.close()
	return {
		"consent_page_vs_ping": round(page / ping, 3),
		"consent_page_ms": round(page * 1000, 2),
		"ping_ms": round(ping * 1000, 2),
		"consent_page_bytes": len(html),
	}


def _link(frappe: Any, url: str) -> str:
	from bank_api.gateway import access_links
	from dev.seeding import Tenant, provider

	frappe.db.set_single_value("Bank API Settings", "public_url", url)
	tenant = Tenant.new(provider("Benchmark Pages"))
	for number in range(BANKS):
		tenant.item(bank_name=f"Bank {number}")
	frappe.db.commit()
	return access_links.issue(tenant.context, "anna", "pt-BR", "")["link"]


def _opened(connection: http.client.HTTPConnection, link: str) -> str:
	parts = urlsplit(link)
	connection.request("GET", f"{parts.path}?{parts.query}")
	answer = connection.getresponse()
	answer.read()
	cookies = " ".join(value for name, value in answer.getheaders() if name.lower() == "set-cookie")
	match = re.search(r"(bank_api_consents=[^;]+)", cookies)
	if answer.status != 303 or not match:
		raise AssertionError(f"the link does not open: {answer.status}")
	return match[1]


def _get(connection: http.client.HTTPConnection, path: str, cookie: str) -> bytes:
	connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
	answer = connection.getresponse()
	body = answer.read()
	if answer.status != 200:
		raise AssertionError(f"{path}: {answer.status} {body[:300]!r}")
	return body


def _seconds(connection: http.client.HTTPConnection, path: str, cookie: str) -> float:
	began = time.perf_counter()
	_get(connection, path, cookie)
	return time.perf_counter() - began
