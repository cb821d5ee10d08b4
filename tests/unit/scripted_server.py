"""A server on a real socket that answers each request with the next step of a script, faults included."""

import socket
import threading
import time
from collections.abc import Callable
from typing import NamedTuple


class Request(NamedTuple):
	method: str
	target: str
	headers: dict[str, str]
	body: bytes


Step = Callable[[socket.socket], bool]
"""Writes an answer, or misbehaves; True if the connection may serve another request."""


class ScriptedServer:
	"""Answers with the steps in order; the last one is repeated."""

	def __init__(self, *steps: Step):
		self.steps = list(steps)
		self.requests: list[Request] = []
		self.connections = 0
		self.current = threading.local()
		self._lock = threading.Lock()
		self._stop = threading.Event()
		self._listener = socket.create_server(("127.0.0.1", 0))
		self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
		self._thread = threading.Thread(target=self._accept, daemon=True)

	def __enter__(self) -> "ScriptedServer":
		self._thread.start()
		return self

	def __exit__(self, *_: object) -> None:
		self._stop.set()
		self._listener.shutdown(socket.SHUT_RDWR)
		self._listener.close()

	def wrap(self, connection: socket.socket) -> socket.socket:
		return connection

	def _accept(self) -> None:
		while not self._stop.is_set():
			try:
				connection, _ = self._listener.accept()
			except OSError:
				return
			self.connections += 1
			threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

	def _serve(self, raw: socket.socket) -> None:
		try:
			with self.wrap(raw) as connection:
				connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
				while request := _read_request(connection):
					with self._lock:
						self.requests.append(request)
						step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
					self.current.request = request
					if not step(connection):
						return
		except OSError:
			pass


def _read_request(connection: socket.socket) -> Request | None:
	data = b""
	while b"\r\n\r\n" not in data:
		more = connection.recv(65536)
		if not more:
			return None
		data += more
	head, _, body = data.partition(b"\r\n\r\n")
	first, *lines = head.decode("latin-1").split("\r\n")
	headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
	while len(body) < int(headers.get("content-length", 0)):
		body += connection.recv(65536)
	method, target, _ = first.split(" ")
	return Request(method, target, headers, body)


def answer(
	body: bytes | str = b"{}", status: int = 200, media: str | None = "application/json", **headers: str
) -> Step:
	"""A proper answer; a header's underscores stand for hyphens."""
	data = body.encode() if isinstance(body, str) else body
	lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}"]
	if media:
		lines.append(f"Content-Type: {media}")
	lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]

	def step(connection: socket.socket) -> bool:
		connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
		return True

	return step


def raw(data: bytes) -> Step:
	"""Exactly these bytes, then the connection is closed."""

	def step(connection: socket.socket) -> bool:
		connection.sendall(data)
		return False

	return step


def silence(seconds: float = 10.0) -> Step:
	"""No answer at all."""

	def step(connection: socket.socket) -> bool:
		time.sleep(seconds)
		return False

	return step


def drip(data: bytes, pause: float) -> Step:
	"""One byte after the other, slower than any sane server, faster than a read time-out."""

	def step(connection: socket.socket) -> bool:
		for byte in data:
			connection.sendall(bytes([byte]))
			time.sleep(pause)
		return False

	return step


def reset(connection: socket.socket) -> bool:
	"""The connection is torn down without an answer."""
	connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
	return False
