"""A client site's webhook endpoint: takes signed events, and believes nothing that is not signed."""

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOLERANCE_SECONDS = 300


def verified(secret: str, headers: Any, body: bytes) -> bool:
	"""Whether the event is signed and fresh, by the Standard Webhooks specification 1.0.0, written out by hand.

	The gateway signs with the specification's own library; this is the second opinion.
	"""
	stamp = headers.get("webhook-timestamp", "")
	if not stamp.isdigit() or abs(time.time() - int(stamp)) > TOLERANCE_SECONDS:
		return False
	key = base64.b64decode(secret.removeprefix("whsec_"))
	signed = f"{headers.get('webhook-id')}.{stamp}.".encode() + body
	wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
	given = [part.partition(",")[2] for part in headers.get("webhook-signature", "").split()]
	return any(hmac.compare_digest(wanted, signature) for signature in given)


class Receiver:
	"""A running endpoint; `events` holds what was verified, `refused` counts the rest.

	Attributes:
		url: its address.
		secret: the webhook secret of the client, once known.
	"""

	def __init__(self) -> None:
		self.secret = ""
		self.events: list[dict[str, Any]] = []
		self.refused = 0
		self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
		self.url = f"http://127.0.0.1:{self._server.server_address[1]}/webhooks/bank"
		threading.Thread(target=self._server.serve_forever, daemon=True).start()

	@property
	def origin(self) -> str:
		"""The client site's own address."""
		return self.url.removesuffix("/webhooks/bank")

	def of_type(self, event_type: str, after: int = 0) -> list[dict[str, Any]]:
		"""Verified events of a type, among those that came after the first `after`."""
		return [event for event in self.events[after:] if event["type"] == event_type]

	def stop(self) -> None:
		"""Close the endpoint."""
		self._server.shutdown()
		self._server.server_close()

	def _handler(self) -> type[BaseHTTPRequestHandler]:
		receiver = self

		class Handler(BaseHTTPRequestHandler):
			protocol_version = "HTTP/1.1"

			def do_POST(self) -> None:
				body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
				good = verified(receiver.secret, self.headers, body)
				if good:
					receiver.events.append(json.loads(body) | {"id": self.headers["webhook-id"]})
				else:
					receiver.refused += 1
				self.send_response(204 if good else 401)
				self.send_header("Content-Length", "0")
				self.end_headers()

			def log_message(self, *arguments: Any) -> None:
				"""Quiet."""

		return Handler
