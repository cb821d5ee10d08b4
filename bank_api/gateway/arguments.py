"""What the methods of the public API have in common: who calls, and arguments in the forms that clients send."""

import ipaddress
import json
import re
from datetime import date, datetime, time, timedelta

import frappe
from frappe import _
from frappe.utils import cint

from bank_api.connectors import values
from bank_api.connectors.errors import MalformedResponse
from bank_api.gateway import clients
from bank_api.gateway.clients import ClientContext
from bank_api.gateway.clock import site_now, to_utc
from bank_api.gateway.errors import BadArgument
from bank_api.gateway.trip import Addresses

MAX_LIST = 100
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9_]{1,80}", re.ASCII)
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./_-]{0,34}", re.ASCII)


def caller(site: str | None) -> ClientContext:
	"""Who calls; `site`, if given, has to be its own."""
	client = clients.current_client()
	clients.check_site(client, site)
	return client


def text(value: str | int | None) -> str | None:
	"""A name or an id as text; None if there is none."""
	plain = str(value).strip() if value is not None else ""
	return plain or None


def require(name: str, value: str | int | None) -> None:
	"""Refuse a call that lacks an argument.

	Raises:
		BadArgument: it is missing.
	"""
	if value in (None, ""):
		raise BadArgument(_("The argument {0} is missing.").format(name))


def addresses(
	client: ClientContext, base_url: str | None, redirect_url: str | None, webhook_url: str | None
) -> Addresses:
	"""Where the end user and the webhooks go: addresses of this client and of nobody else."""
	base = clients.check_base_url(client, base_url)
	return Addresses(
		redirect_url=clients.check_redirect_url(client, redirect_url, base),
		webhook_url=clients.check_webhook_url(client, webhook_url),
		base_url=base,
	)


def references(value: list | str | None) -> tuple[str, ...]:
	"""Numbers of loans or accounts: a list, a JSON list, or a text with commas.

	Raises:
		BadArgument: one of them cannot be a number of an account, or there are too many.
	"""
	if isinstance(value, str):
		value = _listed(value.strip())
	found = [str(one).strip() for one in value or [] if not isinstance(one, (dict, list))]
	if len(found) != len(value or []) or len(found) > MAX_LIST:
		raise BadArgument(_("loans must be a list of loan numbers, {0} at most.").format(MAX_LIST))
	if not all(_REFERENCE.fullmatch(one) for one in found):
		raise BadArgument(_("loans must be a list of loan numbers, {0} at most.").format(MAX_LIST))
	return tuple(dict.fromkeys(found))


def _listed(plain: str) -> list:
	if not plain.startswith("["):
		return [part for part in plain.split(",") if part.strip()]
	try:
		parsed = json.loads(plain)
	except ValueError:
		parsed = None
	return parsed if isinstance(parsed, list) else [{}]


def last_day(value: str | None, default_days: int) -> date:
	"""The last day of a permission.

	Args:
		value: the day as text, if the call names one.
		default_days: how many days from today on, if not.

	Raises:
		BadArgument: no day, or one that is over.
	"""
	today = site_now().date()
	if not value:
		return today + timedelta(days=default_days)
	try:
		if not _DAY.fullmatch(value.strip()):
			raise ValueError
		day = date.fromisoformat(value.strip())
	except ValueError:
		raise BadArgument(_("valid_until must be a day (yyyy-mm-dd).")) from None
	if day < today:
		raise BadArgument(_("valid_until must not lie in the past."))
	return day


def instant(name: str, value: str | None) -> datetime | None:
	"""An instant (UTC): ISO 8601, or a day, whose last second is meant; None if there is none.

	Raises:
		BadArgument: it is neither.
	"""
	plain = (value or "").strip()
	if not plain:
		return None
	try:
		if _DAY.fullmatch(plain):
			return to_utc(datetime.combine(date.fromisoformat(plain), time(23, 59, 59)))
		return values.instant(plain)
	except (ValueError, OverflowError, MalformedResponse):
		raise BadArgument(_("{0} must be a day (yyyy-mm-dd) or an ISO 8601 instant.").format(name)) from None


def day(name: str, value: str | None) -> str | None:
	"""A day as text; None if there is none.

	Raises:
		BadArgument: it is no day.
	"""
	plain = (value or "").strip()
	if not plain:
		return None
	try:
		if _DAY.fullmatch(plain):
			return date.fromisoformat(plain).isoformat()
	except ValueError:
		pass
	raise BadArgument(_("{0} must be a day (yyyy-mm-dd).").format(name))


def key(name: str, value: str | int) -> str:
	"""A provider's id that becomes part of an address.

	Raises:
		BadArgument: it is none.
	"""
	plain = str(value).strip()
	if not _KEY.fullmatch(plain):
		raise BadArgument(_("The argument {0} is not an id of the provider's.").format(name))
	return plain


def flag(name: str, value: bool | str | int | None) -> bool:
	"""A yes or no, in the forms that clients send; no if there is none.

	Raises:
		BadArgument: it is neither. What nobody has said clearly is never taken for a yes.
	"""
	plain = str(value).strip().lower() if value is not None else ""
	if plain in ("1", "true", "yes", "on"):
		return True
	if plain in ("", "0", "false", "no", "off"):
		return False
	raise BadArgument(_("The argument {0} must be one of: {1}.").format(name, "1, 0, true, false"))


def words(name: str, value: list | str | None) -> tuple[str, ...]:
	"""A list of keys: a list, a JSON list, or a text with commas.

	Raises:
		BadArgument: one of them is none, or there are too many.
	"""
	if isinstance(value, str):
		value = _listed(value.strip())
	found = [one.strip() if isinstance(one, str) else None for one in value or []]
	if len(found) > MAX_LIST or not all(one and _WORD.fullmatch(one) for one in found):
		raise BadArgument(_("{0} must be a list of names.").format(name))
	return tuple(dict.fromkeys(one for one in found if one))


def per_day(value: str | int | None, default: int) -> int:
	"""How often a day data may be read.

	Raises:
		BadArgument: no whole number from 1 on.
	"""
	if value in (None, ""):
		return default
	number = cint(value)
	if str(value).strip() != str(number) or not 1 <= number <= 1000:
		raise BadArgument(_("frequency must be a whole number, 1 or more."))
	return number


def ip_address(value: str | None) -> str:
	"""An IP address as text; empty if there is none.

	Raises:
		BadArgument: it is no address.
	"""
	if not (value or "").strip():
		return ""
	try:
		return str(ipaddress.ip_address(value.strip()))
	except ValueError:
		raise BadArgument(_("psu_ip_address must be the IP address of the end user's browser.")) from None


def refuse_in_address(*names: str) -> None:
	"""Refuse values in the address of a request that servers on the way must not write into their logs.

	Raises:
		BadArgument: one of these arguments is in the query.
	"""
	request = getattr(frappe.local, "request", None)
	for name in names:
		if request is not None and name in request.args:
			raise BadArgument(
				_("Send the argument {0} in the body of a POST: addresses are written into logs.").format(
					name
				)
			)
