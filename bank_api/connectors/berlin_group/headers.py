"""Headers of a call: the end user's browser, the company, the consent (2.2, 4.1)."""

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from bank_api.connectors.berlin_group.settings import COMPANY_HEADERS, BerlinSettings
from bank_api.connectors.errors import InvalidRequest
from bank_api.connectors.model import Presence, Secret, Token

_UNSENDABLE = re.compile(r"[^\x20-\x7e]")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_GEO = re.compile(r"GEO:-?[0-9]{1,2}\.[0-9]{6};-?[0-9]{1,3}\.[0-9]{6}\Z")
_PORT = re.compile(r"[0-9]{1,5}\Z", re.ASCII)
_PSU_ID = re.compile(r"[\x21-\x7e]{1,50}\Z")
_LONGEST = 512


def of_presence(presence: Presence | None) -> dict[str, str]:
	"""What tells the provider that the end user is there; nothing of it without an address of theirs.

	A made-up address would dodge the limit of unattended reads (7.4), so a wrong one is refused.

	Raises:
		InvalidRequest: the address is none.
	"""
	if presence is None:
		return {}
	found = {"PSU-IP-Address": _address(presence.ip)}
	if _PORT.match(presence.port):
		found["PSU-IP-Port"] = presence.port
	for name, value in (
		("PSU-User-Agent", presence.user_agent),
		("PSU-Accept", presence.accept),
		("PSU-Accept-Language", presence.accept_language),
	):
		if clean := _UNSENDABLE.sub("", value).strip()[:_LONGEST]:
			found[name] = clean
	if _GEO.match(presence.geo):
		found["PSU-Geo-Location"] = presence.geo
	if _UUID.match(presence.device_id):
		found["PSU-Device-ID"] = presence.device_id
	return found


def of_read(settings: BerlinSettings, token: Token) -> dict[str, str]:
	"""What goes with a read of data: the token, its consent, and the end user if it is there."""
	found = {
		"Consent-ID": header_id(token.consent_id),
		"Authorization": f"Bearer {token.value.reveal()}",
		**of_presence(token.presence),
	}
	if settings.company_on_reads and token.company:
		found |= of_company(settings, token.company)
	return found


def of_company(settings: BerlinSettings, code: str) -> dict[str, str]:
	"""The company's code where the source looks for it (0, trap 1).

	Raises:
		InvalidRequest: the source is several companies, and this is none of them.
	"""
	names = COMPANY_HEADERS[settings.company_header]
	if not names or (not code and not settings.companies):
		return {}
	if settings.companies and code not in settings.companies:
		raise InvalidRequest(
			f"The company must be named by its code, one of: {', '.join(sorted(settings.companies))}."
		)
	return dict.fromkeys(names, code)


def of_psu(psu_id: Secret) -> dict[str, str]:
	"""The end user's identity number, if one is given.

	Raises:
		InvalidRequest: it has a form that no header takes. The number itself is not repeated.
	"""
	value = psu_id.reveal().strip()
	if not value:
		return {}
	if not _PSU_ID.match(value):
		raise InvalidRequest("The identity number of the end user must be 1 to 50 letters and digits.")
	return {"PSU-ID": value}


def own_address(settings: BerlinSettings, base_url: str) -> str:
	"""Our own address, for where one is demanded and the end user's is not known (2.2)."""
	if settings.own_address:
		return _address(settings.own_address)
	host = urlsplit(base_url).hostname or ""
	try:
		family, kind, protocol, _, address = socket.getaddrinfo(host, 443, 0, socket.SOCK_DGRAM)[0]
		with socket.socket(family, kind, protocol) as probe:
			probe.connect(address)  # chooses a route; nothing is sent
			return str(probe.getsockname()[0]).partition("%")[0]
	except OSError:
		return "127.0.0.1"


def header_id(value: str) -> str:
	"""A provider's id as a header takes it.

	Raises:
		InvalidRequest: it is none.
	"""
	if not value or len(value) > _LONGEST or _UNSENDABLE.search(value) or value != value.strip():
		raise InvalidRequest("This is not a consent's id.")
	return value


def _address(text: str) -> str:
	try:
		return str(ipaddress.ip_address(text.strip()))
	except ValueError:
		raise InvalidRequest("The end user's address must be an IP address.") from None
