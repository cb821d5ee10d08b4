"""Checks that several DocTypes share: who may press a button, and which addresses may be entered."""

from urllib.parse import SplitResult, urlsplit

import frappe
from frappe import _

MANAGER_ROLES = ("Bank API Manager", "System Manager")
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


def require_manager() -> None:
	"""Refuse everybody but a Bank API Manager or System Manager (`frappe.PermissionError`)."""
	frappe.only_for(list(MANAGER_ROLES))


def has_app_permission() -> bool:
	"""Whether the app's tile is shown to the current user."""
	return not set(MANAGER_ROLES).isdisjoint(frappe.get_roles())


def http_allowed() -> bool:
	"""Whether the site's config accepts addresses without TLS, as tests and the demo do."""
	return bool(frappe.conf.get("bank_api_allow_http"))


def check_url(value: str, label: str, *, loopback_http: bool = False) -> SplitResult:
	"""Split an address after checking that it is one that may be stored.

	Args:
		value: the address as entered.
		label: translated label of the field, for the message.
		loopback_http: accept `http` on this machine and on developers' sites.

	Returns:
		The parts of the address.

	Raises:
		frappe.ValidationError: not an https address, or one with a user, a password or a fragment.
	"""
	parts = _split(value, label)
	if parts.scheme == "http" and not (http_allowed() or (loopback_http and _is_local(parts))):
		frappe.throw(_("{0}: only https addresses are accepted.").format(label))
	if parts.username is not None or parts.password is not None or parts.fragment:
		frappe.throw(_("{0}: an address must hold neither a user name, nor a password, nor a fragment.").format(label))
	return parts


def check_origin(value: str, label: str, *, loopback_http: bool = False) -> str:
	"""Check an address that must be scheme, host and port only; return it without a trailing slash."""
	parts = check_url(value, label, loopback_http=loopback_http)
	if parts.path not in ("", "/") or parts.query:
		frappe.throw(_("{0}: enter scheme and host only, without a path.").format(label))
	return f"{parts.scheme}://{parts.netloc.lower()}"


def _split(value: str, label: str) -> SplitResult:
	try:
		parts = urlsplit(value.strip())
		usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
	except ValueError:
		usable = False
	if not usable or any(character.isspace() for character in value.strip()):
		frappe.throw(_("{0}: this is not a valid address.").format(label))
	return parts


def _is_local(parts: SplitResult) -> bool:
	return parts.hostname in LOOPBACK_HOSTS or bool(frappe.conf.get("developer_mode"))
