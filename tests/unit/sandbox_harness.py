"""A sandbox, its control and a plain HTTP client for the tests in this folder."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from bank_api.sandbox.app import Sandbox
from bank_api.sandbox.client import SandboxControl
from bank_api.sandbox.server import Server, serve_in_thread
from bank_api.sandbox.state import Options

V2, V3 = "2021-06-01", "2025-01-15"


def mark_time(control: SandboxControl) -> str:
	"""The sandbox's time; what is done next is later, though its clock counts milliseconds and `since` is strict."""
	now = control.now()
	time.sleep(0.005)
	return now


class Bridge:
	"""Calls the sandbox the way the docs describe, with nothing of our own client in between."""

	def __init__(self, url: str, version: int = 3) -> None:
		self.url, self.version = url, version
		self.root = "/v2" if version == 2 else "/v3/aggregation"
		self.session = requests.Session()
		self.headers = {
			"Client-Id": "sandbox_id_demo",
			"Client-Secret": "sandbox_secret_demo",
			"Bridge-Version": V2 if version == 2 else V3,
		}

	def call(self, method: str, path: str, **options: Any) -> requests.Response:
		"""Call a path below the version's root, or an absolute one."""
		headers = {
			name: value
			for name, value in (self.headers | options.pop("headers", {})).items()
			if value is not None
		}
		full = path if path.startswith("/v") else self.root + path
		full = full.removeprefix(self.root) if path.startswith("http") else self.url + full
		return self.session.request(method, full, headers=headers, timeout=30, **options)

	def get(self, path: str, **options: Any) -> requests.Response:
		"""GET."""
		return self.call("GET", path, **options)

	def log_in(self, user: str) -> "Bridge":
		"""Get a token for an external id and use it from now on."""
		path = "/authenticate" if self.version == 2 else "/authorization/token"
		answer = self.call("POST", path, json={"external_user_id": user}, headers={"Authorization": None})
		assert answer.status_code == 200, answer.text
		self.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
		return self

	def all(self, path: str) -> list[dict[str, Any]]:
		"""Follow next_uri to the end."""
		rows: list[dict[str, Any]] = []
		while path:
			page = self.get(path).json()
			rows += page["resources"]
			path = page["pagination"].get("next_uri") or ""
			path = "" if path == "null" else path
		return rows


@contextmanager
def running(**options: Any) -> Iterator[SandboxControl]:
	"""Run a sandbox in this process, on a free port."""
	sandbox = Sandbox(Options(**{"transactions": 60, "switches": {"rate_limits": False}} | options))
	server = Server("127.0.0.1", 0, sandbox)
	sandbox.url = sandbox.url or server.url
	serve_in_thread(server)
	try:
		yield SandboxControl(server.url)
	finally:
		server.shutdown()
		server.server_close()
		sandbox.close()


@contextmanager
def serving(**options: Any) -> Iterator[SandboxControl]:
	"""Run a sandbox in this process with all its listeners."""
	sandbox = Sandbox(Options(**options))
	servers = [Server("127.0.0.1", 0, sandbox), *sandbox.listen("127.0.0.1")]
	sandbox.url = servers[0].url
	for server in servers:
		serve_in_thread(server)
	try:
		yield SandboxControl(servers[0].url)
	finally:
		for server in servers:
			server.shutdown()
			server.server_close()
		sandbox.close()


running_migdal = serving


@dataclass
class Receiver:
	"""A webhook endpoint that keeps what it got."""

	url: str
	bodies: list[bytes] = field(default_factory=list)
	headers: list[dict[str, str]] = field(default_factory=list)
	statuses: list[int] = field(default_factory=list)
	delay: float = 0.0


@contextmanager
def receiving() -> Iterator[Receiver]:
	"""Run a webhook endpoint; it answers ``statuses`` first, then 200."""

	class Handler(BaseHTTPRequestHandler):
		def do_POST(self) -> None:
			body = self.rfile.read(int(self.headers["Content-Length"]))
			stop.wait(receiver.delay)
			receiver.bodies.append(body)
			receiver.headers.append(dict(self.headers.items()))
			self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
			self.send_header("Content-Length", "0")
			self.end_headers()

		def log_message(self, format: str, *args: Any) -> None:
			pass

	stop = threading.Event()
	server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
	receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hook")
	threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
	try:
		yield receiver
	finally:
		stop.set()
		server.shutdown()
		server.server_close()
