"""Delivery of webhooks in the background: time-outs, retries, a log, and mischief on demand."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import requests

from bank_api.sandbox.clock import Clock
from bank_api.sandbox.store import Store

DAY_MS = 86_400_000
# Exponential back-off over about two days (bridge.md 7.4; the exact delays are unknown, so they are a setting).
RETRY_SCHEDULE = [5, 30, 120, 600, 1800, 7200, 21600, 43200, 86400]


@dataclass
class Target:
	"""One webhook as set up in the provider's dashboard."""

	kind: ClassVar[str] = "target"
	id: int
	url: str
	secret: str
	events: list[str] | None = None
	version: str = "2025-01-15"
	app: str = ""
	previous_secret: str | None = None
	previous_until: int = 0
	paused: bool = False
	enabled: bool = True

	def pk(self) -> int:
		"""Return the id."""
		return self.id

	def secrets(self, now: int) -> list[str]:
		"""Return the secrets that sign at an instant, newest first (two while rotating, bridge.md 7.3)."""
		if self.previous_secret and now < self.previous_until:
			return [self.secret, self.previous_secret]
		return [self.secret]


@dataclass
class Delivery:
	"""One event on its way to one target."""

	kind: ClassVar[str] = "delivery"
	id: int
	target: int
	type: str
	body: str
	created: int
	due: int
	status: str = "pending"  # pending, delivered, failed
	attempts: list[dict[str, Any]] = field(default_factory=list)
	signature: str | None = None  # a forged one; None signs at sending time
	source_ip: str | None = None

	def pk(self) -> int:
		"""Return the id."""
		return self.id


class WebhookSender:
	"""Keeps deliveries, and one thread a target to send them in order; as it stands, the way Bridge sends."""

	target_kind: type[Target] = Target
	delivery_kind: type[Delivery] = Delivery
	agent = "Bridge-Sandbox/1.0"

	def __init__(
		self,
		clock: Clock,
		store: Store,
		lock: Any,
		sign: Callable[[list[str], bytes], str],
		header: str,
		source_ips: tuple[str, ...],
	) -> None:
		self.clock, self.store, self.lock = clock, store, lock
		self.sign, self.header, self.source_ips = sign, header, source_ips
		self.retry_schedule: list[float] = list(RETRY_SCHEDULE)
		self.timeout = 10.0
		self.copies = 1
		self.shuffle = False
		self.reverse = False
		self._wake = threading.Condition(lock)
		self._threads: dict[int, threading.Thread] = {}
		self._pending: dict[int, dict[int, Delivery]] = {}
		self._last = 0
		self._stopped = False

	def targets(self) -> dict[int, Target]:
		"""Return the targets by id."""
		return self.store.table(self.target_kind)

	def deliveries(self) -> dict[int, Delivery]:
		"""Return every delivery by id, oldest first."""
		return self.store.table(self.delivery_kind)

	def add_target(self, target: Target) -> Target:
		"""Register a target (the dashboard allows ten, bridge.md 7.1)."""
		self.store.put(target)
		self.start(target.id)
		return target

	def start(self, target_id: int) -> None:
		"""Start the sender of a target, unless it runs."""
		if target_id in self._threads:
			return
		thread = threading.Thread(
			target=self._loop, args=(target_id,), daemon=True, name=f"webhook-{target_id}"
		)
		self._threads[target_id] = thread
		thread.start()

	def enqueue(
		self, target: Target, event_type: str, body: str, *, signature: str | None = None, delay_ms: int = 0
	) -> Delivery:
		"""Queue one event for one target; the caller holds the lock."""
		now = self.clock.now()
		self._last += 1
		delivery = self.delivery_kind(
			id=self._last,
			target=target.id,
			type=event_type,
			body=body,
			created=now,
			due=now + delay_ms,
			signature=signature,
		)
		self.store.put(delivery)
		self._pending.setdefault(target.id, {})[delivery.id] = delivery
		self._wake.notify_all()
		return delivery

	def retry(self, delivery: Delivery) -> None:
		"""Send a delivery (again) at once; the caller holds the lock."""
		delivery.status, delivery.due = "pending", self.clock.now()
		self._pending.setdefault(delivery.target, {})[delivery.id] = delivery
		self.store.put(delivery)
		self._wake.notify_all()

	def resume(self) -> None:
		"""Take over what an earlier process left (after a restart), and start the senders."""
		for delivery in self.deliveries().values():
			self._last = max(self._last, delivery.id)
			if delivery.status == "pending":
				self._pending.setdefault(delivery.target, {})[delivery.id] = delivery
		for target_id in self.targets():
			self.start(target_id)

	def forget(self) -> None:
		"""Drop every delivery; the caller holds the lock."""
		for delivery in list(self.deliveries().values()):
			self.store.drop(delivery)
		self._pending.clear()

	def pending(self) -> int:
		"""Return how many deliveries wait; the caller holds the lock."""
		return sum(len(waiting) for waiting in self._pending.values())

	def wake(self) -> None:
		"""Look again at what is due (the clock moved, a pause ended)."""
		with self.lock:
			self._wake.notify_all()

	def drained(self, timeout: float) -> dict[str, Any]:
		"""Wait until no delivery is due (retries that lie ahead do not count); the caller holds no lock."""
		end = time.monotonic() + timeout
		while True:
			with self.lock:
				now = self.clock.now()
				waiting = sum(
					delivery.status == "pending"
					and (delivery.due <= now or not delivery.attempts)
					and delivery.target in self.targets()
					for delivery in self.deliveries().values()
				)
			if not waiting or time.monotonic() > end:
				return {"drained": not waiting, "waiting": waiting}
			time.sleep(0.02)

	def stop(self) -> None:
		"""End the senders; a delivery under way is left to its time-out."""
		with self.lock:
			self._stopped = True
			self._wake.notify_all()

	def _next(self, target_id: int) -> Delivery | None:
		now = self.clock.now()
		waiting = self._pending.get(target_id, {}).values()
		if not self.shuffle and not self.reverse:
			return next((delivery for delivery in waiting if delivery.due <= now), None)
		due = [delivery for delivery in waiting if delivery.due <= now]
		if not due:
			return None
		if self.shuffle:
			return random.choice(due)
		return due[-1]

	def _take(self, target_id: int) -> tuple[Target, Delivery] | None:
		"""Wait for the next delivery that is due; None ends the sender."""
		while not self._stopped:
			target = self.targets().get(target_id)
			delivery = None if target is None or target.paused else self._next(target_id)
			if target is not None and delivery is not None:
				return target, delivery
			self._wake.wait(0.25)
		return None

	def _loop(self, target_id: int) -> None:
		session = requests.Session()
		session.trust_env = False
		while True:
			with self.lock:
				taken = self._take(target_id)
				if taken is None:
					return
				target, delivery = taken
				body, headers = delivery.body.encode(), self.headers(target, delivery)
				url, copies = target.url, self.copies
			for _ in range(max(1, copies)):
				attempt = self._post(session, url, body, headers)
			with self.lock:
				self._settle(delivery, attempt)

	def headers(self, target: Target, delivery: Delivery) -> dict[str, str]:
		"""Return what a delivery carries besides its body; the caller holds the lock."""
		signature = delivery.signature
		if signature is None:
			signature = self.sign(target.secrets(self.clock.now()), delivery.body.encode())
		address = delivery.source_ip or random.choice(self.source_ips)
		return {"X-Forwarded-For": address, **({self.header: signature} if signature else {})}

	def accepted(self, status: int | None) -> bool:
		"""Tell whether an answer ends a delivery: HTTP 200 is the expected one (bridge.md 7.4)."""
		return status == 200

	def _post(
		self, session: requests.Session, url: str, body: bytes, headers: dict[str, str]
	) -> dict[str, Any]:
		attempt: dict[str, Any] = {
			"at": self.clock.now(),
			"signature": headers.get(self.header, ""),
			"source_ip": headers.get("X-Forwarded-For", ""),
		}
		sent = {"Content-Type": "application/json", "User-Agent": self.agent, **headers}
		try:
			answer = session.post(url, data=body, headers=sent, timeout=self.timeout, allow_redirects=False)
			attempt.update(status=answer.status_code, excerpt=answer.text[:200])
		except requests.RequestException as error:
			attempt.update(status=None, error=f"{type(error).__name__}: {error}"[:200])
		return attempt

	def _settle(self, delivery: Delivery, attempt: dict[str, Any]) -> None:
		delivery.attempts.append(attempt)
		tries = len(delivery.attempts)
		self._pending.get(delivery.target, {}).pop(delivery.id, None)
		if self.accepted(attempt["status"]):
			delivery.status = "delivered"
		elif tries > len(self.retry_schedule):
			delivery.status = "failed"
		else:
			delivery.due = self.clock.now() + int(self.retry_schedule[tries - 1] * 1000)
			if delivery.id in self.deliveries():
				self._pending.setdefault(delivery.target, {})[delivery.id] = delivery
		if delivery.id in self.deliveries():  # a reset may have forgotten it meanwhile
			self.store.put(delivery)
			self.store.flush()
