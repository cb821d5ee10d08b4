"""What all simulated providers share: options, clock, store, lock, call log, faults, limiter, webhooks' plumbing."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any, ClassVar

from bank_api.sandbox.calls import CallLog
from bank_api.sandbox.clock import Clock
from bank_api.sandbox.faults import Faults
from bank_api.sandbox.limits import Limiter
from bank_api.sandbox.store import Record, Store


@dataclass
class Options:
	"""The command line, as values."""

	host: str = "127.0.0.1"
	port: int = 0
	public_url: str = ""
	data_dir: str | None = None
	seed: int = 1
	transactions: int = 300
	latency_ms: int = 0
	client_id: str = "sandbox_id_demo"
	client_secret: str = "sandbox_secret_demo"
	webhook_url: str | None = None
	webhook_secret: str = "sandbox_webhook_secret"
	webhook_version: str = "2025-01-15"
	id_base: int | None = None
	now: str | None = None
	switches: dict[str, Any] = field(default_factory=dict)
	migdal_switches: dict[str, Any] = field(default_factory=dict)
	quanto_switches: dict[str, Any] = field(default_factory=dict)
	kb_switches: dict[str, Any] = field(default_factory=dict)


@dataclass
class Meta:
	"""A named value that survives a restart."""

	kind: ClassVar[str] = "meta"
	name: str
	value: Any

	def pk(self) -> str:
		"""Return the name."""
		return self.name


class Core:
	"""One sandbox process. ``lock`` guards every record; ``store.flush`` runs before it is released."""

	def __init__(self, options: Options, kinds: list[type[Record]], start_ms: int | None = None) -> None:
		self.options = options
		self.lock = threading.RLock()
		self.clock = Clock(start_ms)
		self.store = Store(options.data_dir, [Meta, *kinds])
		self.calls = CallLog()
		self.faults = Faults()
		self.limiter = Limiter()
		self.latency_ms = options.latency_ms
		self.restored = self.store.load() > 0
		saved = self.store.table(Meta).get("clock")
		if saved is not None:
			self.clock.restore(saved.value)

	def number(self, name: str, first: int) -> int:
		"""Return the next number of a series; series never repeat, not after a reset or restart either.

		Args:
			name: The series.
			first: Its first number.

		Returns:
			The number.
		"""
		return self.numbers(name, first, 1).start

	def numbers(self, name: str, first: int, count: int) -> range:
		"""Return the next ``count`` numbers of a series."""
		record = self.store.table(Meta).get(f"number:{name}") or Meta(f"number:{name}", first)
		start = record.value
		record.value = start + count
		self.store.put(record)
		return range(start, start + count)

	def remember(self, name: str, value: Any) -> None:
		"""Keep a named value."""
		self.store.put(Meta(name, value))

	def recall(self, name: str, default: Any = None) -> Any:
		"""Return a kept value."""
		record = self.store.table(Meta).get(name)
		return default if record is None else record.value

	def id_base(self) -> int:
		"""Return where ids start: given, kept from the last run, or taken from the wall clock.

		A wall-clock base (20 items a second) keeps a fresh sandbox from reusing ids that a client still holds from an
		earlier one.
		"""
		base = self.recall("id_base")
		if base is None:
			base = self.options.id_base
			if base is None:
				base = (int(time.time()) - 1_767_225_600) * 20 % 80_000_000
			self.remember("id_base", base)
		return base
