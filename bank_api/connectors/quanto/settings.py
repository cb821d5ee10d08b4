"""What Quanto's and Open Finance Brasil's documents leave open, or change now and then: a name and a default each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta, timezone

from bank_api.connectors.errors import ConfigurationError
from bank_api.connectors.quanto.names import Names, read_names

LIMIT_PREFIX = "limit."
CURRENT_DAYS = 7
"""Days that the list of current transactions reaches back, today included (4.4, `fromBookingDateMaxLimited`)."""
LARGEST_PAGE = 1000

# Successful reads a month, endpoint and object (4.7, the table of 2025). Keys are those of `ofb_paths`.
MONTHLY_LIMITS: dict[str, int] = {
	"customers": 8,
	"accounts/list": 8,
	"accounts/detail": 8,
	"accounts/transactions": 8,
	"accounts/transactions-current": 240,
	"accounts/balances": 420,
	"accounts/overdraft-limits": 420,
	"accounts/reserved-balances": 420,
	"cards/list": 8,
	"cards/detail": 120,
	"cards/bills": 30,
	"cards/bill-transactions": 30,
	"cards/limits": 240,
	"cards/transactions": 8,
	"cards/transactions-current": 240,
	"loans/list": 30,
	"loans/detail": 30,
	"loans/warranties": 8,
	"loans/instalments": 30,
	"loans/payments": 120,
	**{
		f"{api}/{endpoint}": reads
		for api in ("financings", "invoice-financings", "overdrafts")
		for endpoint, reads in (
			("list", 30),
			("detail", 8),
			("warranties", 8),
			("instalments", 30),
			("payments", 30),
		)
	},
}

_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)\Z", re.ASCII)
_HOSTS = re.compile(r"[A-Za-z0-9.-]{1,253}(?:,[A-Za-z0-9.-]{1,253})*\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class QuantoSettings:
	"""Settings of one Quanto provider, read from `ProviderConfig.settings` by attribute name.

	Attributes:
		names: see `names.Names`.
		limits: reads a month by endpoint; a line `limit.accounts/balances = 420` changes one, 0 switches it off.
		zone: the banks' clock, as an offset such as `-03:00`: Brazil has had no summer time since 2019.
		history_days: how far back the first read of transactions goes.
		future_days: how far ahead scheduled transactions are asked for (4.4).
		current_lists: whether banks have the lists of current transactions, which version 1 has not (4.4, 4.5).
		resource_polls: how often a list of resources that the bank is still putting together (202) is asked for again.
		resource_wait: seconds between two of these.
		webhook_tolerance: seconds that a webhook's signature may be old, or early.
		max_pages: a list with more pages is taken for a loop.
		throttle_seconds: wait after a 429 or 529 that does not say.
		call_timeout: seconds for a whole call with its retries.
		max_attempts: how often a read is sent at most.
		onboarding_hosts: further hosts on which the onboarding form may be.
		ca_bundle: PEM text of further certificate authorities.
		environment: `Sandbox` allows end-user pages without TLS.
	"""

	names: Names = field(default_factory=Names)
	limits: Mapping[str, int] = field(default_factory=lambda: dict(MONTHLY_LIMITS))
	zone: timezone = timezone(timedelta(hours=-3))
	history_days: int = 365
	future_days: int = 365
	current_lists: bool = True
	resource_polls: int = 3
	resource_wait: int = 1
	webhook_tolerance: int = 300
	max_pages: int = 1000
	throttle_seconds: int = 60
	call_timeout: int = 90
	max_attempts: int = 3
	onboarding_hosts: frozenset[str] = frozenset()
	ca_bundle: str = ""
	environment: str = "Production"


def read_settings(values: Mapping[str, str]) -> QuantoSettings:
	"""A provider's settings; empty values mean the default, names of other connectors are ignored.

	Raises:
		ConfigurationError: a value that is not allowed; the message names the setting.
	"""
	read = _Reader(values)
	default = QuantoSettings()
	return QuantoSettings(
		names=read_names(values),
		limits=read.limits(),
		zone=read.zone("time_zone", default.zone),
		history_days=read.number("history_days", default.history_days, least=1, most=366),
		future_days=read.number("future_days", default.future_days, most=366),
		current_lists=read.flag("current_lists", default.current_lists),
		resource_polls=read.number("resource_polls", default.resource_polls, most=20),
		resource_wait=read.number("resource_wait", default.resource_wait, most=30),
		webhook_tolerance=read.number("webhook_tolerance", default.webhook_tolerance, least=1),
		max_pages=read.number("max_pages", default.max_pages, least=1),
		throttle_seconds=read.number("throttle_seconds", default.throttle_seconds),
		call_timeout=read.number("call_timeout", default.call_timeout, least=1),
		max_attempts=read.number("max_attempts", default.max_attempts, least=1),
		onboarding_hosts=read.hosts("onboarding_hosts"),
		ca_bundle=values.get("ca_bundle") or default.ca_bundle,
		environment=read.text("environment", default.environment),
	)


class _Reader:
	"""Reads one setting at a time; a bad one is named."""

	def __init__(self, values: Mapping[str, str]):
		self._values = values

	def text(self, name: str, default: str) -> str:
		return (self._values.get(name) or "").strip() or default

	def number(self, name: str, default: int, least: int = 0, most: int = 999_999_999) -> int:
		text = self.text(name, str(default))
		if not (text.isascii() and text.isdigit() and len(text) < 10) or not least <= int(text) <= most:
			raise self._bad(name, f"must be a whole number of at least {least}")
		return int(text)

	def flag(self, name: str, default: bool) -> bool:
		value = self.text(name, "yes" if default else "no").lower()
		if value not in ("1", "yes", "true", "0", "no", "false"):
			raise self._bad(name, "must be yes or no")
		return value in ("1", "yes", "true")

	def zone(self, name: str, default: timezone) -> timezone:
		text = self.text(name, "")
		if not text:
			return default
		match = _OFFSET.match(text)
		if not match or int(match[2]) > 14 or int(match[3]) > 59:
			raise self._bad(name, "must be an offset such as -03:00")
		offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
		return timezone(-offset if match[1] == "-" else offset)

	def hosts(self, name: str) -> frozenset[str]:
		text = self.text(name, "").replace(" ", "").lower()
		if text and not _HOSTS.match(text):
			raise self._bad(name, "must be a comma-separated list of host names")
		return frozenset(text.split(",")) - {""}

	def limits(self) -> dict[str, int]:
		found = dict(MONTHLY_LIMITS)
		for setting in self._values:
			if not setting.startswith(LIMIT_PREFIX):
				continue
			key = setting.removeprefix(LIMIT_PREFIX)
			if key not in found:
				raise self._bad(setting, "is not one of the reads that are counted")
			found[key] = self.number(setting, found[key])
		return found

	def _bad(self, name: str, why: str) -> ConfigurationError:
		return ConfigurationError(f"The provider's setting {name} {why}.")
