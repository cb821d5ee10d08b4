"""Reads and checks the body of POST consents (section 2.3)."""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from bank_api.sandbox.migdal.errors import Xs2aError, format_error
from bank_api.sandbox.migdal.model import COMPANIES
from bank_api.sandbox.migdal.switches import MigdalSwitches

RIGHTS = ("accounts", "balances", "transactions")
_LIMITS = {"PSU-ID": 50, "PSU-Corporate-ID": 50, "TPP-Redirect-URI": 2000, "TPP-Nok-Redirect-URI": 2000}
_IDENTIFIERS = ("iban", "bban", "pan", "maskedPan", "msisdn")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[a-zA-Z0-9]{1,30}")
_TYPE_CODES = ("LOAN", "CACC", "CARD", "SVGS")


@dataclass(frozen=True)
class Wish:
	"""What a client asks for."""

	bank_offered: bool
	asked: dict[str, list[str]]
	restricted_to: list[str]
	recurring: bool
	valid_until: date
	frequency: int


def read_wish(body: bytes, today: date, switches: MigdalSwitches) -> Wish:
	"""Read the body of POST consents.

	Args:
		body: As received.
		today: The sandbox's day.
		switches: For the limits that lower a wish silently.

	Returns:
		What is asked for.

	Raises:
		Xs2aError: It is malformed, inconsistent, or asks for a model that is not offered.
	"""
	try:
		values = json.loads(body)
	except ValueError as error:
		raise format_error("The body is not JSON.") from error
	if not isinstance(values, dict):
		raise format_error("The body must be an object.")
	recurring, frequency = _frequency(values, switches)
	bank_offered, asked, restricted = _access(values.get("access"))
	return Wish(bank_offered, asked, restricted, recurring, _valid_until(values, today), frequency)


def _frequency(values: Mapping[str, Any], switches: MigdalSwitches) -> tuple[bool, int]:
	recurring, frequency = values.get("recurringIndicator"), values.get("frequencyPerDay")
	if not isinstance(recurring, bool):
		raise format_error("recurringIndicator must be true or false.", "recurringIndicator")
	if not isinstance(frequency, int) or isinstance(frequency, bool) or frequency < 1:
		raise format_error("frequencyPerDay must be a whole number from 1.", "frequencyPerDay")
	if not recurring and frequency > 1:
		raise format_error("A one-off consent has the frequency 1.", "frequencyPerDay")
	combined = values.get("combinedServiceIndicator", False)
	if not isinstance(combined, bool):
		raise format_error("combinedServiceIndicator must be true or false.", "combinedServiceIndicator")
	if combined:
		raise Xs2aError(400, "SESSIONS_NOT_SUPPORTED", "Combined services are not supported.")
	return recurring, min(frequency, switches.frequency_cap)


def _valid_until(values: Mapping[str, Any], today: date) -> date:
	text = values.get("validUntil")
	try:
		if not isinstance(text, str) or len(text) != 10:
			raise ValueError
		found = date.fromisoformat(text)
	except ValueError as error:
		raise format_error("validUntil must be a date.", "validUntil") from error
	if found < today:
		raise Xs2aError(400, "PERIOD_INVALID", "validUntil lies in the past.", "validUntil")
	return found


def _access(access: Any) -> tuple[bool, dict[str, list[str]], list[str]]:
	if not isinstance(access, dict):
		raise format_error("access must be an object.", "access")
	for model in ("availableAccounts", "availableAccountsWithBalance", "allPsd2"):
		if model in access:
			raise Xs2aError(400, "SERVICE_INVALID", f"{model} is not offered here.", f"access.{model}")
	asked = {right: _numbers(access[right], right) for right in RIGHTS if right in access}
	if not asked:
		raise format_error("access names no account and no right.", "access")
	filled = {bool(numbers) for numbers in asked.values()}
	if len(filled) > 1:
		raise format_error("Empty and filled arrays must not be mixed.", "access")
	restricted = access.get("restrictedTo", [])
	if not isinstance(restricted, list) or not all(code in _TYPE_CODES for code in restricted):
		raise format_error("restrictedTo must be a list of account types.", "access.restrictedTo")
	bank_offered = not filled.pop()
	if restricted and not bank_offered:
		raise format_error("restrictedTo goes with empty arrays only.", "access.restrictedTo")
	if not bank_offered:  # a further right implies that on the account itself
		every = [number for numbers in asked.values() for number in numbers]
		asked["accounts"] = list(dict.fromkeys(every))
	asked.setdefault("accounts", [])
	return bank_offered, asked, restricted


def _numbers(references: Any, right: str) -> list[str]:
	if not isinstance(references, list):
		raise format_error("An access right must be a list.", f"access.{right}")
	return [_number(found, f"access.{right}[{index}]") for index, found in enumerate(references)]


def _number(reference: Any, path: str) -> str:
	if not isinstance(reference, dict):
		raise format_error("An account reference must be an object.", path)
	kind = reference.get("cashAccountType")
	if kind is not None and kind not in _TYPE_CODES:
		raise format_error("Unknown cashAccountType.", f"{path}.cashAccountType")
	if "other" in reference:
		other = reference["other"]
		number = other.get("identification") if isinstance(other, dict) else None
		return _text(number, 35, f"{path}.other.identification")
	for name in _IDENTIFIERS:
		if name in reference:
			number = _text(reference[name], 35, f"{path}.{name}")
			if name == "iban" and not _IBAN.fullmatch(number):
				raise format_error("This is no IBAN.", f"{path}.iban")
			return number
	raise format_error("An account reference needs an identifier.", path)


def _text(value: Any, limit: int, path: str) -> str:
	if not isinstance(value, str) or not value.strip() or len(value) > limit:
		raise format_error(f"A text of 1 to {limit} characters is needed.", path)
	return value


def header(headers: Mapping[str, str], name: str, required: bool = True) -> str:
	"""Read a header.

	Args:
		headers: The request's.
		name: Which.
		required: Whether it may be missing.

	Returns:
		Its value, empty when it is missing and may be.

	Raises:
		Xs2aError: It is missing, blank or too long.
	"""
	value = headers.get(name)
	if value is None and not required:
		return ""
	if value is None or not value.strip() or len(value) > _LIMITS.get(name, 500):
		raise format_error(f"The header {name} is missing, blank or too long.", name)
	return value.strip()


def company_of(headers: Mapping[str, str]) -> str:
	"""Find the company's code: in ``PSU-Corporate-ID`` or, as the other page says, in ``PSU-ID-Type`` (section 0.1).

	Args:
		headers: The request's.

	Returns:
		The code.

	Raises:
		Xs2aError: Neither names a company, or they name different ones.
	"""
	sent = [headers.get(name, "").strip() for name in ("PSU-Corporate-ID", "PSU-ID-Type")]
	known = {code for code in sent if code in COMPANIES}
	if len(known) != 1 or (sent[0] and sent[0] not in COMPANIES):
		raise Xs2aError(
			401, "CORPORATE_ID_INVALID", "No company of the group has this code.", "PSU-Corporate-ID"
		)
	return known.pop()


def ip_address(headers: Mapping[str, str], required: bool) -> bool:
	"""Check ``PSU-IP-Address``.

	Args:
		headers: The request's.
		required: Whether it may be missing.

	Returns:
		Whether it was sent: the end user is present.

	Raises:
		Xs2aError: It is missing, or no address.
	"""
	value = header(headers, "PSU-IP-Address", required)
	if value:
		try:
			ipaddress.ip_address(value)
		except ValueError as error:
			raise format_error("This is no IP address.", "PSU-IP-Address") from error
	return bool(value)


def redirect_uri(headers: Mapping[str, str], name: str, required: bool) -> str:
	"""Check a redirect address.

	Args:
		headers: The request's.
		name: Which header.
		required: Whether it may be missing.

	Returns:
		The address.

	Raises:
		Xs2aError: It is missing, or no absolute http(s) address.
	"""
	value = header(headers, name, required)
	parts = urlsplit(value)
	if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment):
		raise format_error("This is no absolute address.", name)
	return value
