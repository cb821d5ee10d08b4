"""What a thread of a drain does with one client's batch: HTTP, and neither database nor framework state."""

import queue
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime

from bank_api import __version__
from bank_api.connectors.http_guard import Answer, DeliveryError, ForbiddenDestination, GuardedClient
from bank_api.connectors.model import Secret
from bank_api.crypto import standard_webhooks
from bank_api.gateway.clock import utc_now

CONNECT_TIMEOUT = 3.0
READ_TIMEOUT = 10.0
ERRORS_IN_A_ROW = 3  # after so many, single events are no longer the likely cause

SLOW_DOWN = frozenset({429, 502, 503, 504})
GONE = 410


@dataclass(frozen=True, slots=True)
class Message:
	"""One delivery to be attempted."""

	name: str
	event_id: str
	attempts: int
	body: bytes
	url: str


@dataclass(frozen=True, slots=True)
class Outcome:
	"""How an attempt ended: with an answer, or with an error in words."""

	message: Message
	answer: Answer | None = None
	error: str | None = None
	timed_out: bool = False

	@property
	def delivered(self) -> bool:
		return self.answer is not None and 200 <= self.answer.status < 300

	@property
	def endpoint_down(self) -> bool:
		"""Whether the endpoint as a whole, rather than this one event, is the trouble."""
		return self.answer is None or self.answer.status in SLOW_DOWN or self.gone

	@property
	def gone(self) -> bool:
		"""Whether the endpoint asks never to be called again (Standard Webhooks: 410)."""
		return self.answer is not None and self.answer.status == GONE

	@property
	def words(self) -> str | None:
		"""What a person reads about a failure; None for a success."""
		if self.delivered:
			return None
		return self.error or f"HTTP status {self.answer.status}"


@dataclass
class Lane:
	"""One client's batch in a thread's hands.

	Attributes:
		client: name of the Bank API Client.
		url: the client's own endpoint; items may have others.
		failing_since: since when the endpoint has done nothing but fail, site time; None if it works.
		secrets: what to sign with, the current secret first.
		messages: what to attempt, in order.
		http: the client's connection.
		current: when the attempt under way began (monotonic seconds), and which it is.
		down: addresses found to be down in this batch.
	"""

	client: str
	url: str
	failing_since: datetime | None
	secrets: list[Secret]
	messages: list[Message]
	http: GuardedClient
	current: tuple[float, Message] | None = None
	errors_in_a_row: int = 0
	down: set[str] = field(default_factory=set)

	def work(self, results: "queue.SimpleQueue[Lane | tuple[Lane, Outcome]]", stop: threading.Event) -> None:
		"""Thread: attempt the messages in order; leave an endpoint alone once it is found to be down."""
		try:
			for message in self.messages:
				if stop.is_set():
					return
				if message.url in self.down:
					continue
				outcome = self._attempt(message)
				self._judge(outcome)
				results.put((self, outcome))
		finally:
			results.put(self)

	def _attempt(self, message: Message) -> Outcome:
		self.current = (time.monotonic(), message)
		try:
			answer = self.http.post(
				message.url,
				message.body,
				_headers(self.secrets, message),
				connect_timeout=CONNECT_TIMEOUT,
				read_timeout=READ_TIMEOUT,
			)
			return Outcome(message, answer=answer)
		except DeliveryError as error:
			return Outcome(message, error=error.message, timed_out=error.timed_out)
		except (ForbiddenDestination, ValueError) as error:
			return Outcome(message, error=str(error))
		except Exception as error:  # a thread must report, or its batch would be tried again at once
			return Outcome(message, error=f"The gateway failed: {type(error).__name__}")
		finally:
			self.current = None

	def _judge(self, outcome: Outcome) -> None:
		self.errors_in_a_row = 0 if outcome.delivered else self.errors_in_a_row + 1
		if outcome.endpoint_down or self.errors_in_a_row >= ERRORS_IN_A_ROW:
			self.down.add(outcome.message.url)


def _headers(secrets: list[Secret], message: Message) -> dict[str, str]:
	if not secrets:
		raise ValueError("The client has no webhook secret; create its key pair.")
	return {
		"Content-Type": "application/json",
		"User-Agent": f"bank_api/{__version__}",
		**standard_webhooks.headers(secrets, message.event_id, utc_now(), message.body),
	}
