"""Waking the background drains: one queued job for any number of reasons to run it.

A stock worker forks for every job, which caps at about eight a second (DESIGN.md, Decided). So a flag in
Redis says that a drain is queued already; the drain takes the flag down before it looks for work. What is
to be done lives in the database alone: if Redis is down, or loses the job, the minute tick finds it.
"""

import frappe
from redis import Redis
from redis.exceptions import AuthenticationError, RedisError, ResponseError

EVENTS = "bank_api.gateway.events.drain"
DELIVERIES = "bank_api.gateway.relay.drain"

_FLAG_SECONDS = 60
_JOB_TIMEOUT = 600
_PATIENCE = 0.5  # seconds for a queue that does not answer; Frappe itself would try for four

_FAILURES: tuple[type[Exception], ...] = (RedisError, OSError) + (
	(frappe.QueueOverloaded,) if hasattr(frappe, "QueueOverloaded") else ()
)


def wake(job: str) -> bool:
	"""Queue a drain unless one is queued; never raises because of Redis.

	Call it after the commit, or the drain may look before there is something to see.

	Args:
		job: `EVENTS` or `DELIVERIES`.

	Returns:
		whether a job was queued by this call.
	"""
	cache = frappe.cache()
	try:
		if not cache.set(cache.make_key(_flag(job)), 1, nx=True, ex=_FLAG_SECONDS):
			return False
		if not _queue_answers():
			clear(job)
			return False
		frappe.enqueue(job, queue="short", timeout=_JOB_TIMEOUT)
		return True
	except _FAILURES as error:
		frappe.logger("bank_api").warning(f"{job} waits for the minute tick: {type(error).__name__}")
		clear(job)
		return False


def after_commit(job: str) -> None:
	"""Wake a drain when the current transaction is committed, and not at all if it is rolled back."""
	frappe.db.after_commit.add(lambda: wake(job))


def job_after_commit(method: str, *, queue: str, timeout: int, **arguments: str) -> None:
	"""Queue a job when the current transaction is committed; never raises because of Redis.

	What the job is to do must be in the database, where the scheduler finds it if the job is lost.

	Args:
		method: dotted path of a function.
		queue: `short`, `default` or `long`.
		timeout: seconds the job may take.
		arguments: what it is called with; names only, since they lie in Redis.
	"""
	frappe.db.after_commit.add(lambda: _queue(method, queue, timeout, arguments))


def _queue(method: str, queue: str, timeout: int, arguments: dict[str, str]) -> None:
	try:
		if _queue_answers():
			frappe.enqueue(method, queue=queue, timeout=timeout, **arguments)
			return
	except _FAILURES as error:
		frappe.logger("bank_api").warning(f"{method} waits for the scheduler: {type(error).__name__}")


def clear(job: str) -> None:
	"""Take the flag down: work that comes from now on needs a new job."""
	frappe.cache().delete_value(_flag(job))


def _flag(job: str) -> str:
	return f"bank_api:queued:{job}"


def _queue_answers() -> bool:
	with Redis.from_url(
		frappe.conf.redis_queue, socket_connect_timeout=_PATIENCE, socket_timeout=_PATIENCE
	) as queue:
		try:
			return bool(queue.ping())
		except (AuthenticationError, ResponseError):
			return True  # it answers; the framework holds the password
