"""A small threaded HTTP/1.1 server for one WSGI app: keep-alive, TLS, and faults on the wire.

Werkzeug's own server closes the connection after each answer and gunicorn hides the socket; a simulator has to
keep connections (that is what a client's pool is tested against) and to cut them in the middle of a body.
"""

import io
import socket
import socketserver
import ssl
import struct
import sys
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote_to_bytes

MAX_BODY = 32 * 1024 * 1024
PEER_CERTIFICATE = "sandbox.peer_certificate"  # in the environ: DER of the client's certificate, or None


class CutConnection(Exception):
	"""Raised by a body iterator: stop here and drop the connection.

	Args:
		reset: True sends a TCP reset, False closes the socket in the ordinary way.
	"""

	def __init__(self, reset: bool = False) -> None:
		super().__init__("connection cut on purpose")
		self.reset = reset


class Handler(BaseHTTPRequestHandler):
	"""One connection; answers request after request until the peer leaves."""

	protocol_version = "HTTP/1.1"
	timeout = 120
	disable_nagle_algorithm = True
	server: "Server"

	def version_string(self) -> str:
		"""What the app calls itself."""
		return getattr(self.server.app, "server_name", "sandbox")

	def log_message(self, format: str, *args: Any) -> None:
		"""The call log of the app replaces the access log."""

	def setup(self) -> None:
		"""Wrap the socket in TLS in the connection's own thread, so that a slow handshake holds nobody."""
		if self.server.tls is not None:
			self.request.settimeout(self.timeout)
			self.request = self.server.tls.wrap_socket(self.request, server_side=True)
		super().setup()

	def handle_one_request(self) -> None:
		"""Read one request, run the app, write its answer."""
		try:
			self.raw_requestline = self.rfile.readline(65537)
			if not self.raw_requestline:
				self.close_connection = True
				return
			if len(self.raw_requestline) > 65536:
				self.requestline = self.request_version = self.command = ""
				self.send_error(414)
				return
			if not self.parse_request():
				return
			self._run()
		except ValueError:
			self.send_error(400)  # a length that is no number
			self.close_connection = True
		except CutConnection as cut:
			self._drop(cut.reset)
		except (TimeoutError, ConnectionError, ssl.SSLError):
			self.close_connection = True

	def _drop(self, reset: bool) -> None:
		self.close_connection = True
		if reset:
			self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		try:
			self.wfile.flush()
			self.connection.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
		except OSError:
			pass  # the peer was quicker
		self.connection.close()

	def _body(self) -> bytes:
		if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
			return self._chunked()
		length = int(self.headers.get("Content-Length") or 0)
		if length > MAX_BODY:
			self.close_connection = True
			return b""
		return self.rfile.read(length) if length else b""

	def _chunked(self) -> bytes:
		parts: list[bytes] = []
		while True:
			size = int(self.rfile.readline(1024).split(b";")[0].strip() or b"0", 16)
			if not size:
				while self.rfile.readline(65536) not in (b"\r\n", b"\n", b""):
					pass
				return b"".join(parts)
			parts.append(self.rfile.read(size))
			self.rfile.readline(16)

	def _environ(self, body: bytes) -> dict[str, Any]:
		path, _, query = self.path.partition("?")
		environ: dict[str, Any] = {
			"REQUEST_METHOD": self.command,
			"SCRIPT_NAME": "",
			"PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
			"QUERY_STRING": query,
			"SERVER_NAME": self.server.server_address[0],
			"SERVER_PORT": str(self.server.server_address[1]),
			"SERVER_PROTOCOL": self.request_version,
			"REMOTE_ADDR": self.client_address[0],
			"REMOTE_PORT": self.client_address[1],
			"CONTENT_LENGTH": str(len(body)),
			"wsgi.version": (1, 0),
			"wsgi.url_scheme": "http" if self.server.tls is None else "https",
			"wsgi.input": io.BytesIO(body),
			"wsgi.errors": sys.stderr,
			"wsgi.multithread": True,
			"wsgi.multiprocess": False,
			"wsgi.run_once": False,
		}
		if isinstance(self.connection, ssl.SSLSocket):
			environ[PEER_CERTIFICATE] = self.connection.getpeercert(binary_form=True)
		if self.headers.get("Content-Type"):
			environ["CONTENT_TYPE"] = self.headers["Content-Type"]
		for name, value in self.headers.items():
			key = "HTTP_" + name.upper().replace("-", "_")
			if key not in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
				environ[key] = f"{environ[key]},{value}" if key in environ else value
		return environ

	def _run(self) -> None:
		answer: dict[str, Any] = {}

		def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
			answer["status"], answer["headers"] = status, headers

		chunks: Iterable[bytes] = self.server.app(self._environ(self._body()), start_response)
		try:
			self._write(answer["status"], answer["headers"], chunks)
		finally:
			close = getattr(chunks, "close", None)
			if close is not None:
				close()

	def _take_head(self) -> bytes:
		"""Return the buffered status line and headers; ``end_headers`` would send them at once."""
		buffer: list[bytes] = self.__dict__["_headers_buffer"]
		head = b"".join([*buffer, b"\r\n"])
		buffer.clear()
		return head

	def _write(self, status: str, headers: list[tuple[str, str]], chunks: Iterable[bytes]) -> None:
		code, _, reason = status.partition(" ")
		self.send_response(int(code), reason)
		names = {name.lower() for name, _ in headers}
		bodyless = self.command == "HEAD" or code in ("204", "304") or code.startswith("1")
		chunked = "content-length" not in names and not bodyless
		for name, value in headers:
			self.send_header(name, value)
			if name.lower() == "connection" and value.lower() == "close":
				self.close_connection = True
		if chunked:
			self.send_header("Transfer-Encoding", "chunked")
		# The head leaves together with the first piece of the body: one packet less for each answer.
		head = self._take_head()
		for chunk in chunks:
			if bodyless or not chunk:
				continue
			piece = b"%x\r\n%s\r\n" % (len(chunk), chunk) if chunked else chunk
			self.wfile.write(head + piece if head else piece)
			head = b""
		self.wfile.write(head + b"0\r\n\r\n" if chunked else head)


class Server(socketserver.ThreadingTCPServer):
	"""Listens at once; ``serve_forever`` in the caller's thread, one daemon thread a connection."""

	allow_reuse_address = True
	daemon_threads = True
	block_on_close = False
	request_queue_size = 256

	def __init__(self, host: str, port: int, app: Any, tls: ssl.SSLContext | None = None) -> None:
		self.app = app
		self.tls = tls
		self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
		super().__init__((host, port), Handler)

	@property
	def url(self) -> str:
		"""The address that was bound, with the real port."""
		name, port = str(self.server_address[0]), self.server_address[1]
		host = f"[{name}]" if ":" in name else name
		return f"{'http' if self.tls is None else 'https'}://{host}:{port}"

	def handle_error(self, request: Any, client_address: Any) -> None:
		"""A peer that leaves is no error; anything else is shown."""
		if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, ssl.SSLError)):
			super().handle_error(request, client_address)


def serve_in_thread(server: Server) -> threading.Thread:
	"""Run a server in the background (tests use it).

	Args:
		server: A bound server.

	Returns:
		The running thread; stop it with ``server.shutdown()``.
	"""
	thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
	thread.start()
	return thread
