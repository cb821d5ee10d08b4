"""Sending stored events to the clients' endpoints: endpoints side by side, each one's events in their order.

One drain runs at a time; it holds a database lock that ends with its process. The main thread owns the database;
threads do nothing but HTTP, one endpoint each over one kept-alive connection. Results are written in small
batches, so that a kill repeats at most one of them, with the same `webhook-id`s.

Standard Webhooks 1.0.0: success is 2xx only, 410 ends the endpoint, `Retry-After` is honoured, the sample retry
schedule is used as it stands.
"""

import queue
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import frappe
from frappe import _
from frappe.utils.password import get_decrypted_password

from bank_api import __version__
from bank_api.connectors.http_guard import Answer, DeliveryError, ForbiddenDestination, GuardedClient
from bank_api.connectors.model import Secret
from bank_api.crypto import standard_webhooks
from bank_api.gateway import audit, managers, wake
from bank_api.gateway.clock import site_now, utc_now
from bank_api.gateway.locks import exclusive

CLIENT = "Bank API Client"
LOCK = "deliveries"

THREADS = 8
SUSPECTS = 4  # threads that endpoints known to be failing may hold at most
BATCH = 50  # deliveries a thread takes along
FLUSH_ROWS = 25
FLUSH_SECONDS = 0.5
DRAIN_SECONDS = 120
LINGER_SECONDS = 7  # a retry due within this time is waited for, rather than left to the minute tick
LOCK_WAIT_SECONDS = 3

CONNECT_TIMEOUT = 3.0
READ_TIMEOUT = 10.0
ATTEMPT_SECONDS = 15.0  # for the whole of an attempt, however slowly the answer drips

RETRY_SECONDS = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
MAX_ATTEMPTS = len(RETRY_SECONDS) + 1
JITTER = 0.2
MAX_RETRY_AFTER = 86400
HOLD_SECONDS = (5, 300)
DISABLE_AFTER = timedelta(days=5)
ERRORS_IN_A_ROW = 3

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

	@property
	def delivered(self) -> bool:
		return self.answer is not None and 200 <= self.answer.status < 300

	@property
	def endpoint_down(self) -> bool:
		"""Whether the endpoint as a whole, rather than this one event, is the trouble."""
		return self.answer is None or self.answer.status in SLOW_DOWN

	@property
	def words(self) -> str | None:
		if self.delivered:
			return None
		return self.error or f"HTTP status {self.answer.status}"


@dataclass
class _Lane:
	"""One client's batch in a thread's hands."""

	client: str
	url: str
	suspect: bool
	failing_since: datetime | None
	secrets: list[Secret]
	messages: list[Message]
	http: GuardedClient
	current: tuple[float, Message] | None = None
	errors_in_a_row: int = 0
	down: set[str] = field(default_factory=set)

	def work(
		self, results: "queue.SimpleQueue[_Lane | tuple[_Lane, Outcome]]", stop: threading.Event
	) -> None:
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
		except (DeliveryError, ForbiddenDestination, ValueError) as error:
			return Outcome(message, error=str(error))
		except Exception as error:  # a thread must report, or its batch would be tried again at once
			return Outcome(message, error=f"The gateway failed: {type(error).__name__}")
		finally:
			self.current = None

	def _judge(self, outcome: Outcome) -> None:
		self.errors_in_a_row = 0 if outcome.delivered else self.errors_in_a_row + 1
		if outcome.endpoint_down or self.errors_in_a_row >= ERRORS_IN_A_ROW or _gone(outcome):
			self.down.add(outcome.message.url)


def _gone(outcome: Outcome) -> bool:
	return outcome.answer is not None and outcome.answer.status == GONE


def _headers(secrets: list[Secret], message: Message) -> dict[str, str]:
	if not secrets:
		raise ValueError("The client has no webhook secret; create its key pair.")
	return {
		"Content-Type": "application/json",
		"User-Agent": f"bank_api/{__version__}",
		**standard_webhooks.headers(secrets, message.event_id, utc_now(), message.body),
	}


def drain() -> int:
	"""Send everything that is due, unless another worker is at it.

	Returns:
		how many deliveries were attempted.
	"""
	wake.clear(wake.DELIVERIES)
	with exclusive(LOCK, LOCK_WAIT_SECONDS) as held:
		return _Drain().run() if held else 0


def anything_due() -> bool:
	"""Whether a drain would find work."""
	return bool(_cancellable(limit=1) or _due_clients())


class _Drain:
	"""One run over all clients with something due."""

	def __init__(self) -> None:
		self.results: queue.SimpleQueue = queue.SimpleQueue()
		self.stop = threading.Event()
		self.lanes: dict[str, _Lane] = {}
		self.https: dict[str, GuardedClient] = {}
		self.served: dict[str, float] = {}
		self.unwritten: list[tuple[_Lane, Outcome]] = []
		self.written_at = time.monotonic()
		self.ends_at = time.monotonic() + DRAIN_SECONDS
		self.attempted = 0

	def run(self) -> int:
		"""Until nothing is due, or the time is up; what is left then goes to a new job."""
		pool = ThreadPoolExecutor(THREADS, thread_name_prefix="webhook")
		try:
			_cancel_unwanted()
			while self._start_lanes(pool) or self.lanes or self._linger():
				self._collect()
			if time.monotonic() >= self.ends_at:
				frappe.db.commit()
				wake.wake(wake.DELIVERIES)
		finally:
			self.stop.set()
			for lane in self.lanes.values():
				lane.http.abort()
			pool.shutdown(wait=False, cancel_futures=True)
			for http in self.https.values():
				http.close()
		return self.attempted

	def _start_lanes(self, pool: ThreadPoolExecutor) -> bool:
		"""Give free threads to clients with something due, the least recently served first."""
		if time.monotonic() >= self.ends_at or len(self.lanes) >= THREADS:
			return False
		started = False
		suspects = sum(lane.suspect for lane in self.lanes.values())
		for row in sorted(
			_due_clients(), key=lambda row: (bool(row.failing_since), self.served.get(row.client, 0.0))
		):
			if len(self.lanes) >= THREADS:
				break
			if row.client in self.lanes or (row.failing_since and suspects >= SUSPECTS):
				continue
			messages = _due_messages(row.client)
			if not messages:
				continue
			suspects += bool(row.failing_since)
			lane = _Lane(
				client=row.client,
				url=row.url or "",
				suspect=bool(row.failing_since),
				failing_since=row.failing_since,
				secrets=_secrets(row),
				messages=messages,
				http=self._http(row.client),
			)
			self.lanes[row.client] = lane
			pool.submit(lane.work, self.results, self.stop)
			started = True
		return started

	def _http(self, client: str) -> GuardedClient:
		http = self.https.get(client)
		if http is None or http.aborted:
			http = self.https[client] = GuardedClient(
				allow_private=bool(frappe.conf.get("bank_api_allow_private_webhooks")),
				allow_http=bool(frappe.conf.get("bank_api_allow_http")),
				ca_file=frappe.conf.get("bank_api_webhook_ca_file"),
			)
		return http

	def _linger(self) -> bool:
		"""Wait a moment if a retry is due in a few seconds; the first one comes five seconds after a failure."""
		if time.monotonic() + LINGER_SECONDS >= self.ends_at or not _due_within(LINGER_SECONDS):
			return False
		time.sleep(0.25)
		return True

	def _collect(self) -> None:
		"""Take in what the threads report for a moment; write it when there is enough, or when a lane ends."""
		try:
			report = self.results.get(timeout=FLUSH_SECONDS / 2) if self.lanes else None
			while report is not None:
				if isinstance(report, _Lane):
					if self.lanes.get(report.client) is report:
						self._end(report)
					return
				if self.lanes.get(report[0].client) is report[0]:
					self.unwritten.append(report)
				if len(self.unwritten) >= FLUSH_ROWS:
					self._write()
				report = self.results.get_nowait()
		except queue.Empty:
			self._watch()
		if time.monotonic() - self.written_at >= FLUSH_SECONDS:
			self._write()

	def _end(self, lane: _Lane) -> None:
		self._write()
		del self.lanes[lane.client]
		self.served[lane.client] = time.monotonic()

	def _watch(self) -> None:
		"""End attempts that take too long as a whole: a read time-out starts anew with every byte that drips in."""
		for lane in list(self.lanes.values()):
			current = lane.current
			if current is None or time.monotonic() - current[0] < ATTEMPT_SECONDS:
				continue
			lane.http.abort()
			if time.monotonic() - current[0] > 2 * ATTEMPT_SECONDS:
				# Not even closing the socket helped: the thread waits for a name server. It is left behind.
				lane.down.add(current[1].url)
				self.unwritten.append((lane, Outcome(current[1], error="no answer in time")))
				self._end(lane)

	def _write(self) -> None:
		"""Write the outcomes at hand in one transaction."""
		self.written_at = time.monotonic()
		if not self.unwritten:
			return
		outcomes, self.unwritten = self.unwritten, []
		self.attempted += len(outcomes)
		_write_delivered([outcome for _lane, outcome in outcomes if outcome.delivered])
		for lane, outcome in outcomes:
			if not outcome.delivered:
				_write_failure(lane, outcome)
			elif lane.failing_since and outcome.message.url == lane.url:
				_recovered(lane)
		frappe.db.commit()


# --- what is due


def _due_clients() -> list:
	"""Clients with something due, unless their endpoint is disabled or given a pause."""
	frappe.db.commit()  # a new snapshot: what other transactions have stored since counts too
	return frappe.db.sql(
		"""SELECT client.name AS client, client.webhook_url AS url, client.webhook_failing_since AS failing_since,
			client.previous_webhook_secret_until AS previous_until
		FROM `tabBank API Client` client
		WHERE client.enabled = 1 AND client.webhook_disabled = 0
			AND (client.webhook_hold_until IS NULL OR client.webhook_hold_until <= %(now)s)
			AND EXISTS (SELECT 1 FROM `tabBank API Webhook Delivery` delivery WHERE delivery.client = client.name
				AND delivery.status = 'Pending' AND delivery.next_attempt_at <= %(now)s)""",
		{"now": site_now()},
		as_dict=True,
	)


def _due_within(seconds: int) -> bool:
	now = site_now()
	return bool(
		frappe.db.sql(
			"""SELECT 1 FROM `tabBank API Webhook Delivery` delivery
			JOIN `tabBank API Client` client ON client.name = delivery.client
			WHERE delivery.status = 'Pending' AND delivery.next_attempt_at <= %(then)s
				AND client.enabled = 1 AND client.webhook_disabled = 0
				AND (client.webhook_hold_until IS NULL OR client.webhook_hold_until <= %(then)s) LIMIT 1""",
			{"then": now + timedelta(seconds=seconds)},
		)
	)


def _due_messages(client: str) -> list[Message]:
	"""The next due deliveries of a client in their order, each with the address that counts today."""
	rows = frappe.db.sql(
		"""SELECT delivery.name, delivery.event_id, delivery.attempts, delivery.payload,
			COALESCE(NULLIF(item.webhook_url, ''), client.webhook_url)
		FROM `tabBank API Webhook Delivery` delivery
		JOIN `tabBank API Client` client ON client.name = delivery.client
		LEFT JOIN `tabBank API Item` item ON item.name = delivery.item
		WHERE delivery.client = %s AND delivery.status = 'Pending' AND delivery.next_attempt_at <= %s
		ORDER BY delivery.sequence LIMIT %s""",
		(client, site_now(), BATCH),
	)
	return [
		Message(name, event_id, attempts, payload.encode(), url)
		for name, event_id, attempts, payload, url in rows
	]


def _secrets(row: frappe._dict) -> list[Secret]:
	"""The client's secret and, during rotation, the one before: receivers accept a message if either fits."""
	fields = ["webhook_secret"]
	if row.previous_until and row.previous_until > site_now():
		fields.append("previous_webhook_secret")
	texts = [get_decrypted_password(CLIENT, row.client, name, raise_exception=False) for name in fields]
	return [Secret(text) for text in texts if text]


def _cancellable(limit: int) -> list[str]:
	rows = frappe.db.sql(
		"""SELECT delivery.name FROM `tabBank API Webhook Delivery` delivery
		LEFT JOIN `tabBank API Client` client ON client.name = delivery.client
		LEFT JOIN `tabBank API Item` item ON item.name = delivery.item
		WHERE delivery.status = 'Pending' AND (client.name IS NULL OR client.enabled = 0
			OR COALESCE(NULLIF(item.webhook_url, ''), NULLIF(client.webhook_url, '')) IS NULL) LIMIT %s""",
		limit,
	)
	return [row[0] for row in rows]


def _cancel_unwanted() -> None:
	"""Deliveries of clients that are disabled, or want no webhooks any more, are not kept waiting."""
	while names := _cancellable(limit=1000):
		frappe.db.sql(
			"""UPDATE `tabBank API Webhook Delivery` SET status = 'Cancelled', modified = %s, last_error = %s
			WHERE name IN %s AND status = 'Pending'""",
			(site_now(), _("The client is disabled or has no webhook address."), names),
		)
		frappe.db.commit()


# --- what came of it


def _write_delivered(outcomes: list[Outcome]) -> None:
	"""Endpoints mostly answer alike, so one statement serves a whole batch."""
	alike: dict[tuple[int, str, str], list[str]] = {}
	for outcome in outcomes:
		key = (outcome.answer.status, outcome.answer.excerpt, outcome.message.url)
		alike.setdefault(key, []).append(outcome.message.name)
	now = site_now()
	for (status, excerpt, url), names in alike.items():
		frappe.db.sql(
			"""UPDATE `tabBank API Webhook Delivery` SET status = 'Delivered', attempts = attempts + 1,
				last_attempt_at = %(now)s, modified = %(now)s, response_status = %(status)s,
				response_excerpt = %(excerpt)s, last_error = NULL, next_attempt_at = NULL, url = %(url)s
			WHERE name IN %(names)s""",
			{"now": now, "status": status, "excerpt": excerpt, "url": url, "names": names},
		)


def _write_failure(lane: _Lane, outcome: Outcome) -> None:
	"""Put a failed delivery where it belongs: back in line, or among the dead letters."""
	message, answer = outcome.message, outcome.answer
	own_endpoint = message.url == lane.url
	retry_after = _retry_after(answer) if answer else 0
	attempts = message.attempts + 1
	dead = attempts >= MAX_ATTEMPTS or _gone(outcome)
	now = site_now()
	frappe.db.sql(
		"""UPDATE `tabBank API Webhook Delivery` SET status = %(status)s, attempts = %(attempts)s,
			last_attempt_at = %(now)s, modified = %(now)s, next_attempt_at = %(next)s, last_error = %(error)s,
			response_status = %(response_status)s, response_excerpt = %(excerpt)s, url = %(url)s WHERE name = %(name)s""",
		{
			"name": message.name,
			"status": "Dead Letter" if dead else "Pending",
			"attempts": attempts,
			"now": now,
			"next": None if dead else now + timedelta(seconds=max(retry_after, _wait(attempts))),
			"error": outcome.words,
			"response_status": answer.status if answer else 0,
			"excerpt": answer.excerpt if answer else None,
			"url": message.url,
		},
	)
	if own_endpoint and _gone(outcome):
		_disable(lane, _("The endpoint answered 410 Gone."))
	elif own_endpoint:
		_failing(lane, hold=message.url in lane.down, retry_after=retry_after)


def _wait(attempts: int) -> float:
	"""Seconds from the failed attempt of this number to the next one, with jitter."""
	return RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1] * random.uniform(1 - JITTER, 1 + JITTER)


def _retry_after(answer: Answer) -> float:
	"""Seconds asked for by `Retry-After` (RFC 9110, 10.2.3: seconds or a date); 0 if absent or not to be honoured."""
	if answer.status not in SLOW_DOWN or not answer.retry_after:
		return 0
	text = answer.retry_after.strip()
	if text.isascii() and text.isdigit():
		return min(int(text[:9]), MAX_RETRY_AFTER)
	try:
		until = parsedate_to_datetime(text)
		return max(0.0, min((until - utc_now()).total_seconds(), MAX_RETRY_AFTER))
	except (TypeError, ValueError):
		return 0


def _failing(lane: _Lane, hold: bool, retry_after: float) -> None:
	"""Remember since when the endpoint fails; give it a pause, or give it up after five days."""
	now = site_now()
	lane.failing_since = lane.failing_since or now
	failing_for = now - lane.failing_since
	if failing_for > DISABLE_AFTER:
		_disable(lane, _("The endpoint has failed for five days."))
		return
	shortest, longest = HOLD_SECONDS
	pause = max(retry_after, min(longest, max(shortest, failing_for.total_seconds() / 4)))
	frappe.db.sql(
		"""UPDATE `tabBank API Client` SET webhook_failing_since = IFNULL(webhook_failing_since, %(now)s),
			webhook_hold_until = IF(%(hold)s, %(until)s, webhook_hold_until) WHERE name = %(client)s""",
		{"now": now, "hold": hold, "until": now + timedelta(seconds=pause), "client": lane.client},
	)


def _recovered(lane: _Lane) -> None:
	lane.failing_since = None
	frappe.db.sql(
		"""UPDATE `tabBank API Client` SET webhook_failing_since = NULL, webhook_hold_until = NULL WHERE name = %s""",
		lane.client,
	)


def _disable(lane: _Lane, reason: str) -> None:
	"""Stop sending to an endpoint, keep what waits as dead letters for a later replay, and tell the managers."""
	now = site_now()
	frappe.db.sql(
		"""UPDATE `tabBank API Client` SET webhook_disabled = 1, webhook_disabled_reason = %(reason)s,
			webhook_hold_until = NULL, modified = %(now)s WHERE name = %(client)s AND webhook_disabled = 0""",
		{"reason": reason, "now": now, "client": lane.client},
	)
	if not frappe.db._cursor.rowcount:
		return
	frappe.db.sql(
		"""UPDATE `tabBank API Webhook Delivery` SET status = 'Dead Letter', next_attempt_at = NULL,
			last_error = IFNULL(last_error, %(reason)s), modified = %(now)s
		WHERE client = %(client)s AND status = 'Pending'""",
		{"reason": reason, "now": now, "client": lane.client},
	)
	audit.record(
		"Webhooks Disabled", client=lane.client, doctype=CLIENT, name=lane.client, details={"reason": reason}
	)
	managers.tell(
		_("Webhooks to {0} are disabled").format(lane.client),
		_("{0} Correct the address, enable the webhooks of the client, and replay its dead letters.").format(
			reason
		),
		CLIENT,
		lane.client,
	)
