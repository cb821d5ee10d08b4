"""Webhooks in: accept rate and p99 of `bank_api.webhooks.bridge` against a guest no-op POST, side by side.

Both get JSON bodies of 2 kB over kept-alive connections from the same load generator, through the same web
server, in turns within one run. Every webhook is a different one, signed, and must be in the database
afterwards. The accept rate is closed-loop (each connection sends when it has its answer); the p99 is
open-loop at half of the webhooks' accept rate for both, counted from the moment a request was due, so that a
stall shows. Workers are stopped meanwhile: what they make of the events is another measurement.
"""

import hmac
import itertools
import json
import secrets
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlsplit

CONNECTIONS = 8
SECONDS = 6.0
REPETITIONS = 3
SLICES = 7  # of the p99 measurement, in turns and short, so that what disturbs the machine disturbs both
SLICE_SECONDS = 4.0
BODY_BYTES = 2048


class Load:
	"""Requests from several connections at once, and how long each took."""

	def __init__(self, url: str, requests: Iterator[bytes]):
		parts = urlsplit(url)
		self.address = (parts.hostname, parts.port)
		self.requests = requests
		self.lock = threading.Lock()
		self.latencies: list[float] = []
		self.failures: list[Exception] = []

	def run(self, seconds: float, rate: float | None = None) -> "Load":
		"""Send for some seconds: as fast as answers come, or at a rate (per second) of its own."""
		due = (n / rate for n in itertools.count()) if rate else itertools.repeat(0.0)
		began = time.perf_counter()
		threads = [
			threading.Thread(target=self._connection, args=(due, began, seconds, rate))
			for _ in range(CONNECTIONS)
		]
		for thread in threads:
			thread.start()
		for thread in threads:
			thread.join()
		self.seconds = time.perf_counter() - began
		if self.failures:
			raise self.failures[0]
		return self

	@property
	def rate(self) -> float:
		"""Answers a second."""
		return len(self.latencies) / self.seconds

	@property
	def p99(self) -> float:
		"""Milliseconds."""
		return statistics.quantiles(self.latencies, n=100)[98] * 1000

	def _connection(self, due: Iterator[float], began: float, seconds: float, rate: float | None) -> None:
		try:
			connection = None
			while True:
				with self.lock:
					at, request = next(due), next(self.requests)
				now = time.perf_counter() - began
				if max(at, now) >= seconds:
					return
				if rate and at > now:
					time.sleep(at - now)
				start = began + at if rate else time.perf_counter()
				connection = self._exchange(connection, request)
				self.latencies.append(time.perf_counter() - start)
		except Exception as error:
			self.failures.append(error)

	def _exchange(self, connection: socket.socket | None, request: bytes) -> socket.socket | None:
		"""One request and its answer; returns the connection if the server keeps it."""
		if connection is None:
			connection = socket.create_connection(self.address, timeout=30)
			connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		connection.sendall(request)
		data = b""
		while b"\r\n\r\n" not in data:
			data += _more(connection)
		head, _, body = data.partition(b"\r\n\r\n")
		if b" 200 " not in head.split(b"\r\n", 1)[0]:
			raise AssertionError(head.decode("latin-1"))
		fields = {
			k.lower(): v.strip() for k, _, v in (line.partition(b":") for line in head.split(b"\r\n")[1:])
		}
		while len(body) < int(fields[b"content-length"]):
			body += _more(connection)
		if fields.get(b"connection", b"").lower() == b"close":
			connection.close()
			return None
		return connection


def _more(connection: socket.socket) -> bytes:
	data = connection.recv(65536)
	if not data:
		raise ConnectionError("the server closed the connection in the middle of an answer")
	return data


def _post(path: str, body: bytes, host: str, *headers: str) -> bytes:
	lines = [
		f"POST {path} HTTP/1.1",
		f"Host: {host}",
		"Content-Type: application/json",
		f"Content-Length: {len(body)}",
	]
	return "\r\n".join([*lines, *headers]).encode() + b"\r\n\r\n" + body


def _event(number: int) -> bytes:
	content = {"item_id": number, "user_uuid": secrets.token_hex(16), "status_code": 0, "padding": ""}
	envelope = {"content": content, "timestamp": time.time_ns() // 1_000_000, "type": "item.refreshed"}
	content["padding"] = "x" * (BODY_BYTES - len(json.dumps(envelope)))
	return json.dumps(envelope).encode()


def webhooks(provider: str, secret: str, host: str) -> Iterator[bytes]:
	"""Signed webhooks, no two alike."""
	path = f"/api/method/bank_api.webhooks.bridge?provider={quote(provider)}"
	for number in itertools.count(1):
		body = _event(number)
		signature = hmac.new(secret.encode(), body, sha256).hexdigest().upper()
		yield _post(path, body, host, f"BridgeApi-Signature: v1={signature}")


def no_ops(host: str) -> Iterator[bytes]:
	"""Guest posts that do nothing, of the same size."""
	for number in itertools.count(1):
		yield _post("/api/method/ping", _event(number), host)


def run(stack: Any) -> dict[str, float]:
	"""Measure on a running stack.

	Args:
		stack: a `dev.stack.Stack` with a web server; its workers are stopped meanwhile.

	Returns:
		`webhook_in_vs_noop`, `webhook_in_p99_vs_noop`, and the numbers behind them: rates per second, p99 in
		milliseconds; medians.
	"""
	import frappe

	frappe.init(stack.site, sites_path=str(stack.bench.sites_path))
	frappe.connect()
	frappe.set_user("Administrator")
	workers = [name for name in stack.processes if name.startswith("worker")]
	for name in workers:
		stack[name].stop()
	try:
		with _Provider(frappe) as provider:
			return _measure(stack.url, provider)
	finally:
		for name in workers:
			stack.restart(name)
		frappe.destroy()


class _Provider:
	"""A provider that only receives; its events are removed afterwards."""

	def __init__(self, frappe: Any):
		self.frappe = frappe
		self.name = f"bench {secrets.token_hex(4)}"
		self.secret = secrets.token_urlsafe(32)

	def __enter__(self) -> "_Provider":
		doc = {
			"doctype": "Bank API Provider",
			"provider_name": self.name,
			"connector": "bridge",
			"client_id": "bench",
		}
		provider = self.frappe.get_doc(doc)
		provider.client_secret, provider.webhook_secret = "bench", self.secret
		provider.insert()
		self.frappe.db.commit()
		return self

	def count(self) -> int:
		"""How many of its events are stored."""
		self.frappe.db.commit()
		return self.frappe.db.count("Bank API Webhook Event", {"provider": self.name})

	def __exit__(self, *_: object) -> None:
		self.frappe.db.sql("DELETE FROM `tabBank API Webhook Event` WHERE provider = %s", self.name)
		self.frappe.db.commit()
		self.frappe.delete_doc("Bank API Provider", self.name, force=True)
		self.frappe.db.commit()


def _measure(url: str, provider: _Provider) -> dict[str, float]:
	host = urlsplit(url).netloc
	kinds: dict[str, Callable[[], Iterator[bytes]]] = {
		"webhook": lambda: webhooks(provider.name, provider.secret, host),
		"noop": lambda: no_ops(host),
	}
	for make in kinds.values():
		Load(url, make()).run(2.0)  # imports and connections are nobody's merit
	stored, accepted = provider.count(), 0
	rates: dict[str, list[float]] = {kind: [] for kind in kinds}
	p99s: dict[str, list[float]] = {kind: [] for kind in kinds}
	for _ in range(REPETITIONS):
		for kind, make in kinds.items():
			load = Load(url, make()).run(SECONDS)
			rates[kind].append(load.rate)
			accepted += len(load.latencies) if kind == "webhook" else 0
	half = statistics.median(rates["webhook"]) / 2
	for _ in range(SLICES):
		for kind, make in kinds.items():
			load = Load(url, make()).run(SLICE_SECONDS, rate=half)
			p99s[kind].append(load.p99)
			accepted += len(load.latencies) if kind == "webhook" else 0
	if provider.count() - stored != accepted:
		raise AssertionError(f"{accepted} were accepted, {provider.count() - stored} are stored")
	rate = {kind: statistics.median(values) for kind, values in rates.items()}
	p99 = {kind: statistics.median(values) for kind, values in p99s.items()}
	return {
		"webhook_in_vs_noop": round(rate["webhook"] / rate["noop"], 3),
		"webhook_in_p99_vs_noop": round(p99["webhook"] / p99["noop"], 3),
		"webhook_in_per_second": round(rate["webhook"], 1),
		"noop_per_second": round(rate["noop"], 1),
		"webhook_in_p99_ms": round(p99["webhook"], 1),
		"noop_p99_ms": round(p99["noop"], 1),
	}
