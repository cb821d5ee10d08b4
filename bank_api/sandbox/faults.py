"""Faults on demand: the next calls that match fail in a chosen way."""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any

from werkzeug.wrappers import Response

from bank_api.sandbox.server import CutConnection

KINDS = (
	"status",
	"slow",
	"cut",
	"reset",
	"refuse",
	"truncated",
	"garbage",
	"html",
	"empty",
	"no_content",
	"body",
)
HTML = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_numbers = count(1)


@dataclass
class Fault:
	"""One rule; see README.md, Faults."""

	kind: str
	path: str = ".*"
	method: str | None = None
	times: int = 1
	skip: int = 0
	status: int = 500
	retry_after: str | None = None
	seconds: float = 0.0
	after_bytes: int | None = None
	body: str | None = None
	content_type: str = "application/json"
	execute: bool = False
	user: str | None = None
	account_id: int | None = None
	id: int = field(default_factory=lambda: next(_numbers))
	hits: int = 0

	def __post_init__(self) -> None:
		if self.kind not in KINDS:
			raise ValueError(f"kind must be one of {', '.join(KINDS)}")
		re.compile(self.path)

	@property
	def needs_answer(self) -> bool:
		"""Whether the real answer has to be computed (and its effects happen) first."""
		return self.execute or self.kind in ("cut", "truncated", "slow")


class Faults:
	"""The active rules."""

	def __init__(self) -> None:
		self._lock = threading.Lock()
		self._rules: list[Fault] = []

	def add(self, rule: Fault) -> Fault:
		"""Activate a rule."""
		with self._lock:
			self._rules.append(rule)
		return rule

	def clear(self, fault_id: int | None = None) -> None:
		"""Remove one rule, or all."""
		with self._lock:
			self._rules = [rule for rule in self._rules if fault_id is not None and rule.id != fault_id]

	def active(self) -> list[dict[str, Any]]:
		"""Return the active rules."""
		with self._lock:
			return [asdict(rule) for rule in self._rules]

	def match(self, method: str, path: str, query: str) -> Fault | None:
		"""Take the first rule that applies to a call, and count it down.

		Args:
			method: HTTP method.
			path: Path without query.
			query: Query string; a rule's ``path`` is searched in ``path?query``.

		Returns:
			The rule, or None. ``times`` below zero never runs out.
		"""
		with self._lock:
			for rule in self._rules:
				if rule.method and rule.method.upper() != method:
					continue
				if not re.search(rule.path, f"{path}?{query}" if query else path):
					continue
				if rule.skip > 0:
					rule.skip -= 1
					continue
				rule.hits += 1
				if rule.times > 0:
					rule.times -= 1
					if not rule.times:
						self._rules.remove(rule)
				return rule
		return None


def apply(rule: Fault, answer: Response | None, error_body: Any) -> Response:
	"""Turn an answer into the fault.

	Args:
		rule: The rule that matched.
		answer: The real answer, when the rule needs it.
		error_body: Function of a status that gives the provider's own error body as text.

	Returns:
		The answer to send; may raise CutConnection while it is sent.

	Raises:
		CutConnection: The connection is dropped before any answer.
	"""
	if rule.seconds:
		time.sleep(rule.seconds)
	if rule.kind == "slow" and answer is not None:
		return answer
	if rule.kind in ("reset", "refuse"):
		raise CutConnection(reset=rule.kind == "reset")
	if rule.kind in ("cut", "truncated") and answer is not None:
		return _cut(rule, answer)
	return _replaced(rule, error_body)


def _cut(rule: Fault, answer: Response) -> Response:
	body = answer.get_data()
	keep = len(body) // 2 if rule.after_bytes is None else min(rule.after_bytes, len(body))
	if rule.kind == "truncated":  # a complete HTTP answer whose JSON stops half-way
		return Response(body[:keep], status=answer.status_code, content_type=answer.content_type)

	def stream() -> Iterator[bytes]:
		yield body[:keep]
		raise CutConnection()

	cut = Response(
		stream(), status=answer.status_code, content_type=answer.content_type, direct_passthrough=True
	)
	cut.headers["Content-Length"] = str(len(body))
	return cut


def _replaced(rule: Fault, error_body: Any) -> Response:
	headers = {"Retry-After": str(rule.retry_after)} if rule.retry_after is not None else {}
	if rule.kind == "status":
		body = error_body(rule.status) if rule.body is None else rule.body
		return Response(body, rule.status, headers, content_type=rule.content_type)
	if rule.kind == "html":
		status = rule.status if rule.status != 500 else 502
		return Response(rule.body or HTML, status, headers, content_type="text/html; charset=utf-8")
	if rule.kind == "empty":
		return Response(b"", 200, headers, content_type=rule.content_type)
	if rule.kind == "no_content":
		return Response(b"", 204, headers)
	if rule.kind == "garbage":
		return Response(b"\x00\xff\xfe{not json]\x80" * 8, 200, headers, content_type=rule.content_type)
	return Response(
		rule.body or "", rule.status if rule.status != 500 else 200, headers, content_type=rule.content_type
	)
