"""The control API that every provider shares: clock, faults, latency, calls, switches, webhooks (README.md)."""

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from bank_api.sandbox.clock import iso_ms, parse_instant
from bank_api.sandbox.faults import Fault
from bank_api.sandbox.http import ControlError, ControlRoute
from bank_api.sandbox.state import Core
from bank_api.sandbox.webhooks import DAY_MS, Delivery, Target, WebhookSender

_FAULT_FIELDS = {f.name for f in fields(Fault)} - {"id", "hits"}


class CoreControl:
	"""Handlers take the request's JSON (query parameters for GET); they hold the lock unless the route says no."""

	def __init__(
		self,
		core: Core,
		sender: WebhookSender,
		switches: Callable[[], Any],
		reset: Callable[[bool], None],
		test_event: Callable[[Target], int],
		raw_event: Callable[[str, dict[str, Any], int | None], list[int]],
	) -> None:
		self.core, self.sender, self.switches = core, sender, switches
		self._reset, self._test_event, self._raw_event = reset, test_event, raw_event

	def info(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Describe the running sandbox."""
		return {
			"sandbox": "bank_api",
			"seed": self.core.options.seed,
			"transactions": self.core.options.transactions,
			"now": iso_ms(self.core.clock.now()),
			"client_id": self.core.options.client_id,
			"durable": self.core.store.durable,
			"counts": {name: len(table) for name, table in self.core.store.tables.items()},
		}

	def reset(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Forget users, items, faults, calls, limits; ``switches`` false keeps the switches, webhooks always stay."""
		self.core.faults.clear()
		self.core.calls.reset()
		self.core.limiter.reset()
		self.core.latency_ms = self.core.options.latency_ms
		self.sender.forget()
		self._reset(values.get("switches", True))
		if values.get("clock", True):
			self.core.clock.restore({"offset": 0, "frozen": None})
			self.core.remember("clock", self.core.clock.export())
		return {"reset": True}

	def get_switches(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Show the switches."""
		return asdict(self.switches())

	def set_switches(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Change switches."""
		try:
			self.switches().update(values)
		except ValueError as error:
			raise ControlError(400, str(error)) from error
		self.core.remember("switches", asdict(self.switches()))
		return asdict(self.switches())

	def clock(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Show or move the clock."""
		if "set" in values:
			self.core.clock.set(parse_instant(values["set"]))
		if "advance" in values:
			self.core.clock.advance(float(values["advance"]))
		if "freeze" in values:
			self.core.clock.freeze(bool(values["freeze"]))
		if values:
			self.core.remember("clock", self.core.clock.export())
			self.sender.wake()
		return {"now": iso_ms(self.core.clock.now())}

	def list_faults(self, values: dict[str, Any]) -> dict[str, Any]:
		"""List the active faults."""
		return {"faults": self.core.faults.active()}

	def add_fault(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Make the next matching calls fail."""
		unknown = set(values) - _FAULT_FIELDS
		if unknown:
			raise ControlError(400, f"unknown fault fields: {', '.join(sorted(unknown))}")
		try:
			return asdict(self.core.faults.add(Fault(**values)))
		except (ValueError, TypeError) as error:
			raise ControlError(400, str(error)) from error

	def clear_faults(self, values: dict[str, Any], fault_id: int | None = None) -> dict[str, Any]:
		"""Remove one fault, or all."""
		self.core.faults.clear(fault_id)
		return {"faults": self.core.faults.active()}

	def latency(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Delay every answer."""
		self.core.latency_ms = int(values.get("ms", 0))
		return {"ms": self.core.latency_ms}

	def calls(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Show the call log and its counters."""
		found = self.core.calls.read(
			values.get("path"), int(values.get("since", 0)), int(values.get("limit", 1000))
		)
		return {
			"calls": found,
			"counters": dict(self.core.calls.counters),
			"statuses": dict(self.core.calls.statuses),
		}

	def reset_calls(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Forget the calls."""
		self.core.calls.reset()
		return {"calls": []}

	def reset_limits(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Forget what counts against the rate limits."""
		self.core.limiter.reset()
		return {"limits": "reset"}

	# webhooks
	def _target(self, target_id: int) -> Target:
		target = self.sender.targets().get(target_id)
		if target is None:
			raise ControlError(404, "unknown webhook")
		return target

	def list_targets(self, values: dict[str, Any]) -> dict[str, Any]:
		"""List the webhooks."""
		return {"webhooks": [asdict(target) for target in self.sender.targets().values()]}

	def add_target(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Add a webhook."""
		if len(self.sender.targets()) >= 10:
			raise ControlError(400, "at most 10 webhooks")
		number = self.core.number("target", 1)
		known = {name: values[name] for name in ("events", "version", "app", "paused") if name in values}
		secret = values.get("secret", self.core.options.webhook_secret)
		return asdict(self.sender.add_target(Target(number, values["url"], secret, **known)))

	def edit_target(self, values: dict[str, Any], target_id: int) -> dict[str, Any]:
		"""Change a webhook (url, events, version, paused, enabled)."""
		target = self._target(target_id)
		for name, value in values.items():
			if name not in ("url", "events", "version", "paused", "enabled", "secret", "app"):
				raise ControlError(400, f"unknown field {name}")
			setattr(target, name, value)
		self.core.store.put(target)
		self.sender.wake()
		return asdict(target)

	def delete_target(self, values: dict[str, Any], target_id: int) -> dict[str, Any]:
		"""Remove a webhook."""
		self.core.store.drop(self._target(target_id))
		return {"deleted": target_id}

	def rotate(self, values: dict[str, Any], target_id: int) -> dict[str, Any]:
		"""Change a webhook's secret; the old one signs too for 24 h (``keep_seconds``), never more than two."""
		target = self._target(target_id)
		target.previous_secret = target.secret
		keep = float(values.get("keep_seconds", DAY_MS / 1000))
		target.previous_until = self.core.clock.now() + int(keep * 1000)
		target.secret = values["secret"]
		self.core.store.put(target)
		return asdict(target)

	def settings(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Change how webhooks are delivered."""
		names = ("retry_schedule", "timeout", "copies", "shuffle", "reverse")
		for name, value in values.items():
			if name not in names:
				raise ControlError(400, f"unknown setting {name}")
			setattr(self.sender, name, value)
		return {name: getattr(self.sender, name) for name in names}

	def deliveries(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Show deliveries."""
		since, kind, status = int(values.get("since", 0)), values.get("type"), values.get("status")
		found = [
			asdict(delivery)
			for delivery in self.sender.deliveries().values()
			if delivery.id > since and kind in (None, delivery.type) and status in (None, delivery.status)
		]
		return {"deliveries": found[-int(values.get("limit", 1000)) :], "pending": self.sender.pending()}

	def clear_deliveries(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Forget every delivery."""
		self.sender.forget()
		return {"deliveries": []}

	def resend(self, values: dict[str, Any], delivery_id: int) -> dict[str, Any]:
		"""Send a delivery again, byte for byte: a replay."""
		found = self.sender.deliveries().get(delivery_id)
		if found is None:
			raise ControlError(404, "unknown delivery")
		again = self.sender.enqueue(
			self._target(found.target), found.type, found.body, signature=found.signature
		)
		return asdict(again)

	def test_event(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Send TEST_EVENT to one webhook, or to all."""
		wanted = (
			[self._target(int(values["webhook"]))]
			if "webhook" in values
			else list(self.sender.targets().values())
		)
		return {"deliveries": [self._test_event(target) for target in wanted]}

	def send(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Send any event: ``type`` and ``content``, or a raw ``body``; ``signature`` forges it."""
		timestamp = values.get("timestamp")
		if "at" in values:
			timestamp = parse_instant(values["at"])
		if "body" in values:
			targets = list(self.sender.targets().values())
			made = [
				self.sender.enqueue(target, values.get("type", "raw"), values["body"]).id
				for target in targets
			]
		else:
			made = self._raw_event(values["type"], values.get("content", {}), timestamp)
		for number in made:
			delivery = self.sender.deliveries()[number]
			delivery.signature = self._forge(values.get("signature"), delivery)
			delivery.source_ip = values.get("source_ip")
			delivery.due += int(float(values.get("delay", 0)) * 1000)
		return {"deliveries": made}

	def _forge(self, wanted: str | None, delivery: Delivery) -> str | None:
		body = delivery.body.encode()
		good = self.sender.sign(self._target(delivery.target).secrets(self.core.clock.now()), body)
		if wanted in (None, "valid"):
			return None
		if wanted == "missing":
			return ""
		if wanted == "wrong_secret":
			return self.sender.sign(["not the secret"], body)
		if wanted == "wrong_body":
			return self.sender.sign(self._target(delivery.target).secrets(self.core.clock.now()), body + b" ")
		if wanted == "lower":
			return good.lower()
		if wanted == "v0":
			return good.replace("v1=", "v0=")
		if wanted == "spaced":
			return f"v1={'0' * 64}, {good}"
		return wanted

	def drain(self, values: dict[str, Any]) -> dict[str, Any]:
		"""Wait until no delivery is due (retries that lie ahead do not count)."""
		return self.sender.drained(float(values.get("timeout", 10)))

	def routes(self) -> list[ControlRoute]:
		"""Return the calls."""
		pairs: list[tuple[str, str, Callable[..., dict[str, Any]]]] = [
			("GET", "/", self.info),
			("POST", "/reset", self.reset),
			("GET", "/switches", self.get_switches),
			("PATCH", "/switches", self.set_switches),
			("GET", "/clock", self.clock),
			("POST", "/clock", self.clock),
			("GET", "/faults", self.list_faults),
			("POST", "/faults", self.add_fault),
			("DELETE", "/faults", self.clear_faults),
			("DELETE", "/faults/<int:fault_id>", self.clear_faults),
			("POST", "/latency", self.latency),
			("GET", "/calls", self.calls),
			("DELETE", "/calls", self.reset_calls),
			("DELETE", "/limits", self.reset_limits),
			("GET", "/webhooks", self.list_targets),
			("POST", "/webhooks", self.add_target),
			("PATCH", "/webhooks/<int:target_id>", self.edit_target),
			("DELETE", "/webhooks/<int:target_id>", self.delete_target),
			("POST", "/webhooks/<int:target_id>/rotate", self.rotate),
			("POST", "/webhooks/settings", self.settings),
			("GET", "/webhooks/deliveries", self.deliveries),
			("DELETE", "/webhooks/deliveries", self.clear_deliveries),
			("POST", "/webhooks/deliveries/<int:delivery_id>/resend", self.resend),
			("POST", "/webhooks/test", self.test_event),
			("POST", "/webhooks/send", self.send),
		]
		routes = [ControlRoute(method, path, handler) for method, path, handler in pairs]
		return [*routes, ControlRoute("POST", "/webhooks/drain", self.drain, locked=False)]
