"""The reads a day that a consent allows without its end user, counted before the provider has to refuse one (7.4).

Counted by the source for each endpoint, each account and each calendar day; pages of one list, and a list asked with
another booking status, count once. A read while the end user is there is free.
"""

import hashlib
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from bank_api.connectors.berlin_group.settings import BerlinSettings
from bank_api.connectors.errors import ConfigurationError, RateLimited
from bank_api.connectors.model import Token
from bank_api.connectors.rate_ledger import RateLedger, patience

_DAY_SECONDS = 2 * 86400


def utc_now() -> datetime:
	"""The present instant."""
	return datetime.now(timezone.utc)


class Calendar:
	"""The provider's days."""

	def __init__(self, zone: str, now: Callable[[], datetime] = utc_now):
		self._zone = _zone(zone)
		self.now = now

	def local(self) -> datetime:
		"""The present instant on the provider's clock."""
		return self.now().astimezone(self._zone)

	def until_tomorrow(self) -> float:
		"""Seconds until the provider's next day begins."""
		local = self.local()
		midnight = datetime.combine(local.date() + timedelta(days=1), time(), self._zone)
		return max(1.0, (midnight.astimezone(timezone.utc) - local.astimezone(timezone.utc)).total_seconds())

	def end_of(self, day: date) -> datetime:
		"""The last second of one of the provider's days, in UTC."""
		return datetime.combine(day, time(23, 59, 59), self._zone).astimezone(timezone.utc)


class Quota:
	"""Takes a read of the day."""

	def __init__(self, settings: BerlinSettings, ledger: RateLedger, calendar: Calendar):
		self._default = settings.frequency_per_day
		self._ledger = ledger
		self._calendar = calendar

	def take(self, token: Token, endpoint: str, resource: str) -> None:
		"""Count an unattended read.

		Args:
			token: of the consent; with the end user's presence, nothing is counted.
			endpoint: which kind of read.
			resource: which account; empty for a list.

		Raises:
			RateLimited: the day is used up; `retry_after` ends with it.
		"""
		reads = token.frequency_per_day or self._default
		if token.presence is not None or reads <= 0:
			return
		# Ids are of any form and length: a digest keeps the bucket's name short.
		whose = hashlib.sha256(f"{token.consent_id}\x1f{resource}".encode()).hexdigest()[:24]
		bucket = f"day:{self._calendar.local().date().isoformat()}:{endpoint}:{whose}"
		try:
			with patience(0):
				self._ledger.acquire(bucket, reads, _DAY_SECONDS)
		except RateLimited:
			raise RateLimited(
				"The reads that the consent allows for today are used up; the next one is possible tomorrow, "
				"or while the end user is there.",
				retry_after=self._calendar.until_tomorrow(),
				provider_code="ACCESS_EXCEEDED",
			) from None


def _zone(name: str) -> tzinfo:
	if name.upper() == "UTC":
		return timezone.utc
	try:
		return ZoneInfo(name)
	except (OSError, ValueError, KeyError):  # a name that is not found is a KeyError
		raise ConfigurationError(
			"The provider's setting time_zone is no time zone that this server knows."
		) from None
