"""Remote sites that may call: who is calling, with which keys, and which addresses are theirs."""

import hashlib
import ipaddress
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import SplitResult, urljoin, urlsplit

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils.password import get_decrypted_password, remove_encrypted_password, set_encrypted_password

from bank_api.crypto.standard_webhooks import new_secret
from bank_api.gateway import audit
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import BadArgument, NotAllowed, UnknownObject

DOCTYPE = "Bank API Client"
ROLE = "Bank API Client"
USER_DOMAIN = "bank-api.invalid"  # RFC 2606: no mail can ever be sent there
MAX_URL = 2000
ROTATION_HOURS = 24  # how long the webhook secret before the last rotation still signs

_DEFAULT_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"^(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*$")


@dataclass(frozen=True, slots=True)
class ClientContext:
	"""The remote site on whose behalf a request runs.

	Attributes:
		name: name of the Bank API Client.
		site: its key, the `site` of the API.
		user: the Frappe user whose API key it uses.
		base_url: its own address.
		webhook_url: where it wants to be told of changes.
		allowed_providers: names of the providers it may use, in its order; empty for all.
		allowed_origins: further origins besides the one of `base_url`.
		language: language of its end users.
	"""

	name: str
	site: str
	user: str
	base_url: str
	webhook_url: str
	allowed_providers: tuple[str, ...] = ()
	allowed_origins: tuple[str, ...] = ()
	language: str = ""


_FIELDS = "c.name, c.site, c.user, c.base_url, c.webhook_url, c.allowed_origins, c.language"


def current_client() -> ClientContext:
	"""The client whose key signs this request.

	Raises:
		NotAllowed: the caller is no enabled Bank API Client; Administrator and desk users are none either.
	"""
	user = frappe.session.user
	rows = _rows("c.user = %s and c.enabled = 1", user) if user and user != "Guest" else []
	if not rows:
		raise NotAllowed(_("Only a client site with its own API key may call this method."))
	return _context(rows)


def context_of(client: str) -> ClientContext:
	"""The context of a client by its name, for background work.

	Raises:
		UnknownObject: there is no such client.
	"""
	rows = _rows("c.name = %s", client)
	if not rows:
		raise UnknownObject()
	return _context(rows)


def _rows(condition: str, value: str) -> list[tuple]:
	return frappe.db.sql(
		f"""select {_FIELDS}, p.provider
		from `tabBank API Client` c
		left join `tabBank API Client Provider` p on p.parent = c.name and p.parenttype = 'Bank API Client'
		where {condition} order by c.name, p.idx""",
		(value,),
	)


def _context(rows: list[tuple]) -> ClientContext:
	name, site, user, base_url, webhook_url, origins, language, _provider = rows[0]
	return ClientContext(
		name=name,
		site=site,
		user=user or "",
		base_url=base_url or "",
		webhook_url=webhook_url or "",
		allowed_providers=tuple(row[-1] for row in rows if row[0] == name and row[-1]),
		allowed_origins=tuple((origins or "").split()),
		language=language or "",
	)


def check_site(client: ClientContext, site: str | None) -> None:
	"""`site` is the older name for the caller: it must be the caller's own, or is answered as unknown.

	Raises:
		UnknownObject: another site's key, or nobody's.
	"""
	if site and site.strip().casefold() != client.site.casefold():
		raise UnknownObject()


# --- keys


def issue_keys(client: str) -> dict[str, str]:
	"""Give a client a new API key pair and a new webhook secret; the pair before stops working at once.

	The secrets are in the answer and nowhere else in clear. The webhook secret before keeps signing for a
	day.

	Args:
		client: name of the Bank API Client.

	Returns:
		`api_key`, `api_secret` and `webhook_secret`, to be shown once.
	"""
	doc = frappe.get_doc(DOCTYPE, client)
	user = _user_of(doc)
	api_key, api_secret = frappe.generate_hash(length=15), secrets.token_hex(16)
	user.api_key = api_key
	user.api_secret = api_secret
	user.enabled = 1
	user.save(ignore_permissions=True)

	webhook_secret = new_secret().reveal()
	_rotate_webhook_secret(client, webhook_secret)
	# Not doc.save(): it would write back every field as it was read, the running event number among them.
	frappe.db.set_value(DOCTYPE, client, "user", user.name)
	frappe.clear_document_cache(DOCTYPE, client)
	audit.record("Keys Issued", client=client, doctype=DOCTYPE, name=client)
	return {"api_key": api_key, "api_secret": api_secret, "webhook_secret": webhook_secret}


def _rotate_webhook_secret(client: str, secret: str) -> None:
	"""Put a new webhook secret in place; the one before keeps signing beside it for a day."""
	previous = get_decrypted_password(DOCTYPE, client, "webhook_secret", raise_exception=False)
	if previous:
		_set_secret(client, "previous_webhook_secret", previous)
		until = site_now() + timedelta(hours=ROTATION_HOURS)
		frappe.db.set_value(DOCTYPE, client, "previous_webhook_secret_until", until)
	_set_secret(client, "webhook_secret", secret)


def _set_secret(client: str, fieldname: str, secret: str) -> None:
	"""Store a secret encrypted; without stars in the column, a later save of the form would drop it."""
	set_encrypted_password(DOCTYPE, client, secret, fieldname)
	frappe.db.set_value(DOCTYPE, client, fieldname, "*" * len(secret))


def revoke_keys(client: str) -> None:
	"""Take a client's API key away: its next call is refused. Its data and its webhooks stay."""
	user = frappe.db.get_value(DOCTYPE, client, "user")
	if user:
		doc = frappe.get_doc("User", user)
		doc.api_key = doc.api_secret = None
		doc.save(ignore_permissions=True)
		remove_encrypted_password("User", user, "api_secret")
	audit.record("Keys Revoked", client=client, doctype=DOCTYPE, name=client)


def _user_of(client: Document) -> Document:
	"""The client's Frappe user, made if missing: no desk, no password, one role."""
	if client.user and frappe.db.exists("User", client.user):
		return frappe.get_doc("User", client.user)
	user = frappe.get_doc(
		{
			"doctype": "User",
			"email": _user_address(client.site),
			"first_name": (client.client_name or client.site)[:100],
			"user_type": "Website User",
			"enabled": 1,
			"send_welcome_email": 0,
			"roles": [{"role": ROLE}],
		}
	)
	user.flags.no_welcome_mail = True
	user.insert(ignore_permissions=True)
	return user


def _user_address(site: str) -> str:
	"""A mail-shaped user name for a site that no other site can get."""
	local = re.sub(r"[^a-z0-9.-]+", "-", site.lower()).strip(".-")
	local = re.sub(r"\.{2,}", ".", local)[:40].strip(".-")
	address = f"{local or 'client'}@{USER_DOMAIN}"
	if local == site and not frappe.db.exists("User", address):
		return address
	digest = hashlib.sha256(site.encode()).hexdigest()[:8]
	return f"{local or 'client'}-{digest}@{USER_DOMAIN}"


# --- addresses


def http_allowed() -> bool:
	"""Whether plain http addresses are accepted (tests and demonstrations only)."""
	return bool(frappe.conf.get("bank_api_allow_http"))


def check_base_url(client: ClientContext, url: str | None) -> str:
	"""The client's own address for this call: the given one if it is the client's, else the registered one.

	Raises:
		BadArgument: not a web address.
		NotAllowed: not an address of this client.
	"""
	return _own_address(client, url, "base_url") if url else client.base_url


def check_redirect_url(client: ClientContext, url: str | None, base_url: str | None = None) -> str:
	"""Where the end user's browser goes after the bank's page.

	Args:
		client: who calls.
		url: an address of the client, absolute or relative to `base_url`; None for `base_url` itself.
		base_url: the address that `check_base_url` gave.

	Returns:
		The absolute address, or an empty text if the client has none at all.

	Raises:
		BadArgument: not a web address.
		NotAllowed: an address of somebody else; the gateway never redirects there.
	"""
	base = base_url or client.base_url
	if not url:
		return base
	url = url.strip()
	_refuse_tricks(url, "redirect_url")
	if base and not _has_scheme(url):
		url = urljoin(base, url)
	return _own_address(client, url, "redirect_url")


def _has_scheme(url: str) -> bool:
	try:
		return bool(urlsplit(url).scheme)
	except ValueError as error:
		raise _not_an_address("redirect_url") from error


def check_webhook_url(client: ClientContext, url: str | None) -> str:
	"""Where the client is told of changes: the given address if it is the client's, else the registered one.

	Raises:
		BadArgument: not a web address.
		NotAllowed: an address of somebody else.
	"""
	return _own_address(client, url, "webhook_url") if url else client.webhook_url


def _own_address(client: ClientContext, url: str, argument: str) -> str:
	url = url.strip()
	asked = origin_of(url, argument)
	for known in (client.base_url, *client.allowed_origins):
		if known and _same_origin(asked, known):
			return url
	raise NotAllowed(
		_(
			"The address given as {0} is not one of this client's. "
			"Ask the operator of the gateway to add its origin to the client's allowed origins."
		).format(argument)
	)


def _same_origin(asked: tuple[str, str, int], registered: str) -> bool:
	try:
		return origin_of(registered, "base_url") == asked
	except BadArgument:
		return False


def origin_of(url: str, argument: str) -> tuple[str, str, int]:
	"""Scheme, host and port of an absolute web address.

	Args:
		url: the address.
		argument: its name, for the error's sentence.

	Raises:
		BadArgument: not an absolute https address, or one that browsers and this code could read differently.
	"""
	_refuse_tricks(url, argument)
	try:
		parts = urlsplit(url)
		port = parts.port
	except ValueError as error:
		raise _not_an_address(argument) from error
	if parts.scheme != "https" and not (parts.scheme == "http" and http_allowed()):
		raise BadArgument(_("The address given as {0} must begin with https://.").format(argument))
	host = (parts.hostname or "").lower()
	if "@" in parts.netloc or not _plausible_host(host) or port == 0 or _odd_authority(parts, url):
		raise _not_an_address(argument)
	return parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme]


def _refuse_tricks(url: str, argument: str) -> None:
	"""Refuse what browsers repair silently: backslashes, control characters, blanks; and fragments."""
	odd = any(char in "\\#<>\"'`" or char.isspace() or not 32 < ord(char) < 127 for char in url)
	if odd or len(url) > MAX_URL:
		raise _not_an_address(argument)


def _odd_authority(parts: SplitResult, url: str) -> bool:
	"""Whether the text is not plainly `scheme://authority` followed by a path, a query or nothing."""
	prefix = f"{parts.scheme}://{parts.netloc}"
	rest = url[len(prefix) :]
	return (
		url[: len(prefix)].lower() != prefix.lower()
		or bool(rest and rest[0] not in "/?")
		or parts.netloc.endswith(":")
	)


def _plausible_host(host: str) -> bool:
	if ":" in host:  # urlsplit has taken the brackets of an IPv6 address off
		try:
			ipaddress.IPv6Address(host)
		except ValueError:
			return False
		return True
	return len(host) <= 253 and bool(_HOST.match(host))


def _not_an_address(argument: str) -> BadArgument:
	return BadArgument(
		_("The argument {0} is not a plain web address (no user name, fragment, blank or backslash).").format(
			argument
		)
	)
