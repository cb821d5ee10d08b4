"""The reads that a month allows, counted before the provider has to refuse one (4.7).

Counted by the banks: successful reads by calendar month, endpoint, finest object, holder and receiver. A consent stands for
its holder here, since the holder's number is never kept; after a new consent the banks may therefore refuse earlier (423).
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

from bank_api.connectors.errors import OBJECT, RateLimited
from bank_api.connectors.quanto.settings import QuantoSettings
from bank_api.connectors.rate_ledger import RateLedger, patience

USED_UP = "LIMITE_OPERACIONAL_MENSAL"
_MONTH = 31 * 86400


def utc_now() -> datetime:
	"""The present instant."""
	return datetime.now(timezone.utc)


def used_up(wait: float, **facts: object) -> RateLimited:
	"""The refusal of one kind of read of one object until its month is over: nothing else is concerned."""
	return RateLimited(
		"The reads of this that the month allows are used up; the next one is possible in the next month.",
		retry_after=wait,
		scope=OBJECT,
		**facts,  # type: ignore[arg-type]
	)


class Months:
	"""The banks' calendar."""

	def __init__(self, zone: timezone, now: Callable[[], datetime] = utc_now):
		self.zone = zone
		self.now = now

	def local(self) -> datetime:
		"""The present instant on the banks' clock."""
		return self.now().astimezone(self.zone)

	def until_next(self) -> float:
		"""Seconds until the next month begins."""
		local = self.local()
		first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
		following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
		return max(1.0, (following - local).total_seconds())


class MonthlyReads:
	"""Counts reads, and says whether one that is not urgent is due."""

	def __init__(self, settings: QuantoSettings, ledger: RateLedger, months: Months):
		self._limits = settings.limits
		self._ledger = ledger
		self._months = months

	@contextmanager
	def counted(self, limit: str, consent_id: str, resource: str) -> Iterator[None]:
		"""Count one read around the calls that make it; one that fails does not count (4.7: 2xx only).

		Args:
			limit: key of the limit; empty for what is exempt.
			consent_id: whose.
			resource: which object; empty for a list.

		Raises:
			RateLimited: the month is used up, here or by the bank's word; only this read of this object is concerned.
		"""
		reads = self._limits.get(limit, 0)
		if reads <= 0:
			yield
			return
		bucket = self._bucket("month", limit, consent_id, resource)
		self._take(bucket, reads)
		try:
			yield
		except RateLimited as error:
			if error.status == 423:
				self._exhaust(bucket, reads)
			else:
				self._ledger.give_back(bucket)
			raise
		except BaseException:
			self._ledger.give_back(bucket)
			raise

	@contextmanager
	def when_due(self, limit: str, consent_id: str, resource: str) -> Iterator[bool]:
		"""Whether a read that can wait is due: so often that the month lasts, with reads left for what cannot wait.

		A read that fails does not move the date.
		"""
		reads = self._limits.get(limit, 0)
		if reads <= 0:
			yield True
			return
		bucket = self._bucket("pace", limit, consent_id, resource)
		try:
			with patience(0):
				self._ledger.acquire(bucket, 1, _MONTH // max(1, reads - 1))
		except RateLimited:
			yield False
			return
		try:
			yield True
		except BaseException:
			self._ledger.give_back(bucket)
			raise

	def _take(self, bucket: str, reads: int) -> None:
		try:
			with patience(0):
				self._ledger.acquire(bucket, reads, _MONTH)
		except RateLimited:
			raise used_up(self._months.until_next(), provider_code=USED_UP) from None

	def _exhaust(self, bucket: str, reads: int) -> None:
		"""The bank has counted more than we have: remember it, so that nobody asks again this month."""
		try:
			with patience(0):
				for _ in range(reads):
					self._ledger.acquire(bucket, reads, _MONTH)
		except RateLimited:
			return

	def _bucket(self, kind: str, limit: str, consent_id: str, resource: str) -> str:
		# Ids are of any form and length: a digest keeps the bucket's name short.
		whose = hashlib.sha256(f"{consent_id}\x1f{resource}".encode()).hexdigest()[:24]
		month = self._months.local().strftime("%Y-%m") if kind == "month" else "any"
		return f"{kind}:{month}:{limit}:{whose}"
