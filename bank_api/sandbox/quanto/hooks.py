"""Webhooks to Quanto's customers (requirement 3.3): filtered, signed with the time, sent at least once."""

import hashlib
import hmac
import json
import time
import uuid
from typing import Any

from bank_api.sandbox.quanto.bank.directory import BANKS, institution
from bank_api.sandbox.quanto.bank.state import BankState
from bank_api.sandbox.quanto.model import Hook, HookDelivery, Sharing
from bank_api.sandbox.quanto.stamps import stamp
from bank_api.sandbox.webhooks import Delivery, Target, WebhookSender

COMPLETED, COMPLETED_SEVERAL = "sharing.completed", "sharing.completed.multiple_approval"
REVOKED, PING = "sharing.revoked", "ping"
EVENTS = (COMPLETED, COMPLETED_SEVERAL, REVOKED)
SIGNATURE, TIMESTAMP = "X-Quanto-Signature", "X-Quanto-Timestamp"
# Five retries, exponential (section 2.3; the delays themselves are a setting).
RETRIES: list[float] = [1, 5, 25, 125, 625]


def sign(secret: str, timestamp: str, body: bytes) -> str:
	"""Return the hex HMAC-SHA256 of ``{timestamp}.{body}``."""
	return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class QuantoSender(WebhookSender):
	"""The sender with Quanto's headers."""

	target_kind, delivery_kind = Hook, HookDelivery
	agent = "Quanto-Sandbox/1.0"

	def __init__(self, state: BankState) -> None:
		core = state.core
		super().__init__(core.clock, core.store, core.lock, lambda secrets, body: "", SIGNATURE, ())
		self.state = state
		self.retry_schedule = list(RETRIES)
		self.delay = 0.0  # seconds before the first try

	def headers(self, target: Target, delivery: Delivery) -> dict[str, str]:
		"""Sign at sending time; the timestamp is the receiver's kind of time, the real one, unless a switch says no."""
		shift = delivery.timestamp_shift if isinstance(delivery, HookDelivery) else 0.0
		real = self.state.switches.webhook_clock == "real"
		seconds = time.time() if real else self.clock.now() / 1000
		timestamp = str(int(seconds + shift))
		forged = delivery.signature
		signature = sign(target.secret, timestamp, delivery.body.encode()) if forged is None else forged
		return {TIMESTAMP: timestamp, **({SIGNATURE: signature} if signature else {})}

	def accepted(self, status: int | None) -> bool:
		"""Take any 2xx for a receipt."""
		return status is not None and 200 <= status < 300


class Events:
	"""Makes events of what happened to a sharing. The caller holds the lock."""

	def __init__(self, state: BankState, sender: QuantoSender) -> None:
		self.state, self.sender = state, sender

	def emit(self, event: str, sharing: Sharing, **further: str) -> list[int]:
		"""Send an event to every webhook of its institution that wants it; return the deliveries."""
		content: dict[str, Any] = {
			"sessionId": sharing.session,
			"consentId": sharing.id,
			"institution": institution(BANKS[sharing.bank]),
			**further,
		}
		return self.raw(event, content, sharing.tenant)

	def raw(self, event: str, content: dict[str, Any], tenant: str | None = None) -> list[int]:
		"""Send any event to the webhooks of an institution, or of all."""
		hooks = [hook for hook in self.hooks(tenant) if event in (hook.events or EVENTS)]
		body = {
			"eventId": str(uuid.uuid4()),
			"event": event,
			"occurredAt": stamp(self.state.now),
			**content,
		}
		return [self._enqueue(hook, event, body) for hook in hooks]

	def ping(self, hook: Hook) -> int:
		"""Send the test event to one webhook, whatever it is set up for."""
		body = {"eventId": str(uuid.uuid4()), "event": PING, "occurredAt": stamp(self.state.now)}
		return self._enqueue(hook, PING, body)

	def hooks(self, tenant: str | None) -> list[Hook]:
		"""Return the active webhooks of an institution, or of all."""
		found = self.state.core.store.table(Hook).values()
		return [hook for hook in found if hook.enabled and tenant in (None, hook.tenant)]

	def _enqueue(self, hook: Hook, event: str, body: dict[str, Any]) -> int:
		text = json.dumps(body, ensure_ascii=False)
		return self.sender.enqueue(hook, event, text, delay_ms=int(self.sender.delay * 1000)).id
