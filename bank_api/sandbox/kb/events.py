"""Nudges to subscribers: the handshake, at most one event in five minutes, what a failure does (section 4.2)."""

import threading
import uuid
from typing import Any

import requests

from bank_api.sandbox.kb.model import Subscription
from bank_api.sandbox.kb.state import KbState

VERSION = "1.0"
_TICK = 0.2  # real seconds between two looks at the clock
_STOPPING = (401, 403, 404)


class Events:
	"""Keeps subscriptions, and one thread that nudges. Methods but ``watch`` and ``stop`` need the lock."""

	def __init__(self, state: KbState) -> None:
		self.state = state
		self._stopped = threading.Event()

	def handshake(self, url: str, key: str) -> str:
		"""Ask an event API for its version.

		Args:
			url: Its base address.
			key: What it knows the bank by.

		Returns:
			Why it is refused; empty when it is not.
		"""
		headers = {"x-api-key": key, "x-correlation-id": str(uuid.uuid4())}
		try:
			answer = requests.get(
				f"{url}/version",
				headers=headers,
				timeout=self.state.switches.event_timeout,
				allow_redirects=False,
			)
			version = answer.json().get("version") if answer.status_code == 200 else None
		except (requests.RequestException, ValueError, AttributeError) as error:
			return f"{url}/version cannot be read: {type(error).__name__}"
		return "" if version == VERSION else f"{url}/version must answer 200 and version {VERSION}"

	def subscribe(self, app: str, account: str, url: str, key: str) -> Subscription:
		"""Keep a subscription whose handshake went well."""
		return self.state.put(Subscription(self.state.new_id(), app, account, url, key))

	def changed(self, iban: str) -> None:
		"""Take note that an account has new or changed transactions."""
		for subscription in self.state.subscriptions.values():
			if subscription.account == iban and subscription.status != "STOPPED":
				subscription.pending += 1
				self.state.put(subscription)

	@staticmethod
	def shown(subscription: Subscription) -> dict[str, Any]:
		"""Write a subscription."""
		found = {
			"subscriptionId": subscription.id,
			"eventApiUrl": subscription.url,
			"eventApiVersion": VERSION,
			"status": subscription.status,
		}
		return {**found, "statusNarrative": subscription.narrative} if subscription.narrative else found

	# sending
	def watch(self) -> None:
		"""Start the thread."""
		threading.Thread(target=self._loop, daemon=True, name="kb-events").start()

	def stop(self) -> None:
		"""End the thread; an event under way is left to its time-out."""
		self._stopped.set()

	def _loop(self) -> None:
		while not self._stopped.wait(_TICK):
			self.send_due()

	def send_due(self, *, at_once: bool = False) -> int:
		"""Send what is due; takes the lock itself, and leaves it while it waits for an answer.

		Args:
			at_once: Do not wait for the five minutes.

		Returns:
			How many events were sent.
		"""
		with self.state.core.lock:
			due = [found for found in self.state.subscriptions.values() if self._is_due(found, at_once)]
			counts = {found.id: found.pending for found in due}
			for found in due:
				found.pending, found.last = 0, self.state.now
				self.state.put(found)
			timeout = self.state.switches.event_timeout
			self.state.core.store.flush()
		for found in due:
			status = _post(found, counts[found.id], timeout)
			with self.state.core.lock:
				self._settle(found, counts[found.id], status)
				self.state.core.store.flush()
		return len(due)

	def _is_due(self, found: Subscription, at_once: bool) -> bool:
		now, gap = self.state.now, self.state.switches.nudge_seconds * 1000
		if not found.pending or found.status == "STOPPED":
			return False
		if found.status == "SUSPENDED" and now < found.resume:
			return False
		return at_once or not found.last or now - found.last >= gap or now < found.last

	def _settle(self, found: Subscription, count: int, status: int | None) -> None:
		found.sent = [*found.sent, {"at": self.state.now, "count": count, "status": status}][-100:]
		if status == 204:
			found.status, found.narrative = "ACTIVE", ""
		elif status in _STOPPING or found.status == "SUSPENDED":
			found.status, found.narrative = "STOPPED", _narrative(found, status)
		else:
			found.status, found.narrative = "SUSPENDED", _narrative(found, status)
			found.resume = self.state.now + self.state.switches.suspend_seconds * 1000
			found.pending += count
		if found.id in self.state.subscriptions:
			self.state.put(found)


def _narrative(found: Subscription, status: int | None) -> str:
	what = "Connection Timeout" if status is None else f"HTTP {status}"
	return f"{what}: {found.url}/subscriptions/{found.id}/events"


def _post(found: Subscription, count: int, timeout: float) -> int | None:
	headers = {"x-api-key": found.key, "x-correlation-id": str(uuid.uuid4()), "Accept-Language": "CZ"}
	try:
		answer = requests.post(
			f"{found.url}/subscriptions/{found.id}/events",
			json={"eventCount": count},
			headers=headers,
			timeout=timeout,
			allow_redirects=False,
		)
	except requests.RequestException:
		return None
	return answer.status_code
