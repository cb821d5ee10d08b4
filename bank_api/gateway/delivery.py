"""Sending stored events to the clients' endpoints: endpoints side by side, each one's events in their order.

One drain runs at a time; it holds a database lock that ends with its process. The main thread owns the
database; threads do nothing but HTTP, one client each over one kept-alive connection. Results are written
in small batches, so that a kill repeats at most one of them, with the same `webhook-id`s.
"""

import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import frappe

from bank_api.connectors.http_guard import GuardedClient
from bank_api.gateway import delivery_due, delivery_outcome, wake
from bank_api.gateway.delivery_lane import Lane, Outcome
from bank_api.gateway.locks import exclusive

LOCK = "deliveries"
LOCK_WAIT_SECONDS = 3

THREADS = 8
SUSPECTS = 4  # threads that endpoints known to be failing may hold at most
MAX_CONNECTIONS = 64
FLUSH_ROWS = 25
FLUSH_SECONDS = 0.5
DRAIN_SECONDS = 120
LINGER_SECONDS = 7  # so long a drain waits, in all, for retries about to come due
_LINGER_STEP = 0.25
ATTEMPT_SECONDS = 15.0

# for the whole of an attempt, however slowly the answer drips


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
	return bool(delivery_due.cancellable(limit=1) or delivery_due.due_clients())


class _Drain:
	"""One run over all clients with something due."""

	def __init__(self) -> None:
		self.results: queue.SimpleQueue = queue.SimpleQueue()
		self.stop = threading.Event()
		self.lanes: dict[str, Lane] = {}
		self.https: dict[str, GuardedClient] = {}
		self.served: dict[str, float] = {}
		self.unwritten: list[tuple[Lane, Outcome]] = []
		self.written_at = time.monotonic()
		self.ends_at = time.monotonic() + DRAIN_SECONDS
		self.patience = LINGER_SECONDS
		self.slow: set[str] = set()  # clients whose endpoint has cost this drain a time-out already
		self.attempted = 0

	def run(self) -> int:
		"""Until nothing is due, or the time is up; what is left then goes to a new job."""
		pool = ThreadPoolExecutor(THREADS, thread_name_prefix="webhook")
		try:
			delivery_due.cancel_unwanted()
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
		clients = [row for row in delivery_due.due_clients() if row.client not in self.slow]
		for row in sorted(clients, key=self._turn):
			suspects = sum(lane.failing_since is not None for lane in self.lanes.values())
			if len(self.lanes) >= THREADS:
				break
			if row.client in self.lanes or (row.failing_since and suspects >= SUSPECTS):
				continue
			if messages := delivery_due.due_messages(row.client):
				secrets = delivery_due.secrets_of(row)
				lane = Lane(
					row.client, row.url or "", row.failing_since, secrets, messages, self._http(row.client)
				)
				self.lanes[row.client] = lane
				pool.submit(lane.work, self.results, self.stop)
				started = True
		return started

	def _turn(self, row: frappe._dict) -> tuple[bool, float]:
		"""Working endpoints before failing ones, then who has waited longest."""
		return bool(row.failing_since), self.served.get(row.client, 0.0)

	def _http(self, client: str) -> GuardedClient:
		http = self.https.get(client)
		if http is None or http.aborted:
			self._make_room()
			http = self.https[client] = GuardedClient(
				allow_private=bool(frappe.conf.get("bank_api_allow_private_webhooks")),
				allow_http=bool(frappe.conf.get("bank_api_allow_http")),
				ca_file=frappe.conf.get("bank_api_webhook_ca_file"),
			)
		return http

	def _make_room(self) -> None:
		"""Close the connections of the client served longest ago, if there are many."""
		idle = sorted(
			(name for name in self.https if name not in self.lanes),
			key=lambda name: self.served.get(name, 0.0),
		)
		for name in idle[: max(0, len(self.https) - MAX_CONNECTIONS + 1)]:
			self.https.pop(name).close()

	def _linger(self) -> bool:
		"""Wait a moment if a retry is due in a few seconds, as the first one after a failure is."""
		if self.patience <= 0 or time.monotonic() + self.patience >= self.ends_at:
			return False
		if not delivery_due.due_within(self.patience, leaving_out=self.slow):
			return False
		time.sleep(_LINGER_STEP)
		self.patience -= _LINGER_STEP
		return True

	def _collect(self) -> None:
		"""Take in what the threads report for a moment; write it when there is enough of it."""
		try:
			report = self.results.get(timeout=FLUSH_SECONDS / 2) if self.lanes else None
			while report is not None:
				if isinstance(report, Lane):
					if self.lanes.get(report.client) is report:
						self._end(report)
					return
				if self.lanes.get(report[0].client) is report[0]:
					self.unwritten.append(report)
				if len(self.unwritten) >= FLUSH_ROWS:
					self._write()
				report = self.results.get_nowait()
		except queue.Empty:
			pass  # that was all for now
		self._watch()
		if time.monotonic() - self.written_at >= FLUSH_SECONDS:
			self._write()

	def _end(self, lane: Lane) -> None:
		self._write()
		del self.lanes[lane.client]
		self.served[lane.client] = time.monotonic()

	def _watch(self) -> None:
		"""End attempts that take too long as a whole; a read time-out starts anew with every byte."""
		for lane in list(self.lanes.values()):
			current = lane.current
			if current is None or time.monotonic() - current[0] < ATTEMPT_SECONDS:
				continue
			lane.http.abort()
			if time.monotonic() - current[0] > 2 * ATTEMPT_SECONDS:
				# Not even closing the socket helped: the thread waits for a name server. It is left behind.
				lane.down.add(current[1].url)
				self.unwritten.append((lane, Outcome(current[1], error="no answer in time", timed_out=True)))
				self._end(lane)

	def _write(self) -> None:
		"""Write the outcomes at hand in one transaction."""
		self.written_at = time.monotonic()
		if not self.unwritten:
			return
		outcomes, self.unwritten = self.unwritten, []
		self.attempted += len(outcomes)
		try:
			self._write_once(outcomes)
		except (frappe.QueryDeadlockError, frappe.QueryTimeoutError):
			frappe.db.rollback()  # a sync that emits may hold the client; what was sent must not be forgotten
			self._write_once(outcomes)

	def _write_once(self, outcomes: list[tuple[Lane, Outcome]]) -> None:
		delivery_outcome.write_delivered([outcome for _lane, outcome in outcomes if outcome.delivered])
		for lane, outcome in outcomes:
			if not outcome.delivered:
				delivery_outcome.write_failure(lane, outcome)
				if outcome.timed_out:
					self.slow.add(lane.client)
			elif lane.failing_since and outcome.message.url == lane.url:
				delivery_outcome.write_recovery(lane)
		frappe.db.commit()
