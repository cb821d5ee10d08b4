"""Webhooks out: the relay's drain against a bare `requests.Session` loop, on the same machine in the same
run.

Ten healthy endpoints on their own ports answer at once; an eleventh accepts and never answers. Both sides
send the same number of bodies of the same size to the same ten ports; only the relay signs, reads rows and
writes what came of each. Its time ends when the last healthy delivery is written, not when the dead
endpoint's time-out is over.

Run inside a site: `run(frappe)` with a connected frappe.
"""

import asyncio
import json
import multiprocessing
import secrets
import socket
import statistics
import time
from datetime import datetime
from typing import Any

ENDPOINTS = 10
DELIVERIES = 2000
REPETITIONS = 3


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
	"""The smallest honest HTTP endpoint: read one request, answer 200, keep the connection."""
	try:
		while True:
			head = await reader.readuntil(b"\r\n\r\n")
			length = next(
				int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
			)
			await reader.readexactly(length)
			writer.write(
				b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'
			)
	except (asyncio.IncompleteReadError, ConnectionError):
		writer.close()


def _serve(sockets: list[socket.socket]) -> None:
	async def main() -> None:
		servers = [await asyncio.start_server(_answer, sock=sock) for sock in sockets]
		await asyncio.gather(*(server.serve_forever() for server in servers))

	asyncio.run(main())


class Endpoints:
	"""Ten healthy endpoints in a process of their own, and a dead one that accepts and never answers."""

	def __enter__(self) -> "Endpoints":
		sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(ENDPOINTS)]
		self.urls = [f"http://127.0.0.1:{s.getsockname()[1]}/hook" for s in sockets]
		self._process = multiprocessing.get_context("fork").Process(
			target=_serve, args=(sockets,), daemon=True
		)
		self._process.start()
		for sock in sockets:
			sock.close()
		self._dead = socket.create_server(("127.0.0.1", 0), backlog=128)
		self.dead_url = f"http://127.0.0.1:{self._dead.getsockname()[1]}/hook"
		return self

	def __exit__(self, *_: object) -> None:
		self._process.terminate()
		self._process.join()
		self._dead.close()


def session_rate(urls: list[str], body: bytes) -> float:
	"""Posts a second of a bare `requests.Session`, one after the other."""
	import requests

	with requests.Session() as session:
		for url in urls:
			session.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=(3, 10))
		began = time.perf_counter()
		for number in range(DELIVERIES):
			url = urls[number % len(urls)]
			session.post(
				url, data=body, headers={"Content-Type": "application/json"}, timeout=(3, 10)
			).raise_for_status()
		return DELIVERIES / (time.perf_counter() - began)


class Relay:
	"""Clients with the given addresses, and what the drain makes of their deliveries."""

	def __init__(self, frappe: Any, urls: list[str], dead_url: str):
		self.frappe = frappe
		mark = secrets.token_hex(4)
		self.healthy = [self._client(f"bench-{mark}-{number}", url) for number, url in enumerate(urls)]
		self.dead = self._client(f"bench-{mark}-dead", dead_url)
		frappe.db.commit()

	def _client(self, site: str, url: str) -> str:
		doc = self.frappe.get_doc(
			{
				"doctype": "Bank API Client",
				"site": site,
				"client_name": site,
				"enabled": 1,
				"webhook_url": url,
			}
		)
		doc.webhook_secret = "whsec_" + "c2VjcmV0" * 6
		return doc.insert(ignore_permissions=True).name

	def rate(self, with_dead: bool) -> float:
		"""Healthy deliveries a second of one drain."""
		from bank_api.gateway import delivery, relay

		data = {
			"item_id": 1234567,
			"user": "someone",
			"accounts": [{"account_id": 7654321, "stable_id": "0" * 22}],
		}
		for number in range(DELIVERIES):
			relay.emit(self.healthy[number % ENDPOINTS], "transactions.updated", data)
			if with_dead and number % ENDPOINTS == 0:
				relay.emit(self.dead, "transactions.updated", data)
		self.frappe.db.after_commit.reset()  # no worker may take a share of the work
		self.frappe.db.commit()
		began = datetime.now()
		began_wall = time.time()
		delivery.drain()
		self.frappe.db.commit()
		count, last = self.frappe.db.sql(
			"""SELECT COUNT(*), MAX(modified) FROM `tabBank API Webhook Delivery`
			WHERE client IN %s AND status = 'Delivered'""",
			(self.healthy,),
		)[0]
		if count != DELIVERIES:
			raise AssertionError(f"{count} of {DELIVERIES} were delivered")
		zone_shift = round((self._site_now() - datetime.now()).total_seconds() / 900) * 900
		seconds = (last - began).total_seconds() - zone_shift
		if not 0 < seconds <= time.time() - began_wall + 1:
			raise AssertionError("the clocks disagree")
		self._clear()
		return DELIVERIES / seconds

	def _site_now(self) -> datetime:
		from bank_api.gateway.clock import site_now

		return site_now()

	def _clear(self) -> None:
		clients = [*self.healthy, self.dead]
		self.frappe.db.sql("DELETE FROM `tabBank API Webhook Delivery` WHERE client IN %s", (clients,))
		self.frappe.db.sql(
			"""UPDATE `tabBank API Client` SET webhook_failing_since = NULL, webhook_hold_until = NULL
			WHERE name IN %s""",
			(clients,),
		)
		self.frappe.db.commit()

	def remove(self) -> None:
		"""Leave the site as it was."""
		self._clear()
		for name in (*self.healthy, self.dead):
			self.frappe.delete_doc("Bank API Client", name, force=True, ignore_permissions=True)
		self.frappe.db.commit()


def run(frappe: Any) -> dict[str, float]:
	"""Measure on a connected site whose config allows http and private webhook addresses.

	Returns:
		`webhook_out_vs_session` and the numbers behind it; rates are per second, medians of three.
	"""
	body = json.dumps(
		{"type": "transactions.updated", "timestamp": "2026-11-21T08:00:00.000Z", "data": {"n": "x" * 200}}
	)
	frappe.conf.bank_api_allow_http = frappe.conf.bank_api_allow_private_webhooks = 1
	frappe.set_user("Administrator")
	with Endpoints() as endpoints:
		relay = Relay(frappe, endpoints.urls, endpoints.dead_url)
		try:
			sessions, alone, beside = [], [], []
			for _ in range(REPETITIONS):
				sessions.append(session_rate(endpoints.urls, body.encode()))
				alone.append(relay.rate(with_dead=False))
				beside.append(relay.rate(with_dead=True))
		finally:
			relay.remove()
	session, healthy, with_dead = (statistics.median(rates) for rates in (sessions, alone, beside))
	return {
		"webhook_out_vs_session": round(with_dead / session, 3),
		"webhook_out_dead_endpoint_cost": round(1 - with_dead / healthy, 3),
		"webhook_out_per_second": round(with_dead, 1),
		"webhook_out_without_dead_per_second": round(healthy, 1),
		"session_per_second": round(session, 1),
	}
