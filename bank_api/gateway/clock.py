"""One clock. Providers speak UTC; the database holds the site's naive time. The two meet only here."""

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from frappe.utils import get_datetime, get_system_timezone

UTC = timezone.utc


def utc_now() -> datetime:
	"""The present instant, aware, in UTC."""
	return datetime.now(UTC)


def site_zone() -> ZoneInfo:
	"""The site's time zone, as set in System Settings."""
	return ZoneInfo(get_system_timezone())


def to_site(instant: datetime) -> datetime:
	"""An aware instant as the naive site time that Datetime fields hold."""
	return instant.astimezone(site_zone()).replace(tzinfo=None)


def to_utc(site_time: datetime | str) -> datetime:
	"""A Datetime field's naive site time as an aware instant in UTC.

	In the hour that a clock change repeats, the first of the two instants is meant.
	"""
	naive = get_datetime(site_time)
	return naive.replace(tzinfo=site_zone(), fold=0).astimezone(UTC)


def site_now() -> datetime:
	"""The present instant as naive site time."""
	return to_site(utc_now())


def iso(instant: datetime) -> str:
	"""An instant as RFC 3339 text with milliseconds, such as `2026-11-21T08:00:00.000Z`."""
	return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
