"""The count of calls against a provider's rate limits, shared by all processes of a site through Redis."""

import logging

import frappe
import redis

from bank_api.connectors.rate_ledger import MemoryLedger, acquire_patiently

logger = logging.getLogger("bank_api.ledger")

# The last calls of a bucket, newest first, in microseconds of Redis' own clock. A slot is free when the call
# that lies a whole limit back has left the window; one round trip, and constant time since that call is the
# last one kept. Answers 0, or the microseconds until a slot is free.
_TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local calls = tonumber(ARGV[1])
local window = ARGV[2] * 1000000
local first = redis.call('LINDEX', KEYS[1], calls - 1)
if first then
	local wait = first + window - now
	if wait > 0 then
		return string.format('%.0f', wait)
	end
end
redis.call('LPUSH', KEYS[1], string.format('%.0f', now))
redis.call('LTRIM', KEYS[1], 0, calls - 1)
redis.call('EXPIRE', KEYS[1], ARGV[2] + 1)
return 0
"""
_GIVE_BACK = "return redis.call('LPOP', KEYS[1])"


class RedisLedger:
	"""A `RateLedger` for the whole site. Without Redis, each process counts for itself meanwhile.

	Make it where a site is initialised; then any thread may use it, since it keeps what it needs of the site.

	Args:
		provider: name of the Bank API Provider, so that two providers never share a window.
	"""

	def __init__(self, provider: str):
		cache = frappe.cache()
		self._prefix = cache.make_key(f"bank_api:ledger:{provider}:")
		self._script = cache.register_script(_TAKE)
		self._give_back = cache.register_script(_GIVE_BACK)
		self._fallback = MemoryLedger()

	def acquire(self, bucket: str, calls: int, seconds: int) -> None:
		"""See `RateLedger.acquire`."""
		if calls <= 0:
			return
		try:
			acquire_patiently(lambda: self._take(bucket, calls, seconds))
		except redis.RedisError:
			logger.warning("Redis does not answer: this process counts its calls alone meanwhile")
			self._fallback.acquire(bucket, calls, seconds)

	def give_back(self, bucket: str) -> None:
		"""See `RateLedger.give_back`."""
		try:
			self._give_back(keys=[self._prefix + bucket.encode()], args=[])
		except redis.RedisError:
			logger.warning("Redis does not answer: a call that does not count stays counted")
			self._fallback.give_back(bucket)

	def _take(self, bucket: str, calls: int, seconds: int) -> float:
		return int(self._script(keys=[self._prefix + bucket.encode()], args=[calls, seconds])) / 1_000_000
