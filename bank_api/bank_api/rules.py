"""Checks that several DocTypes share: who may press a button, and which addresses may be entered."""

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

import frappe
from frappe import _
from frappe.model.document import Document

from bank_api.connectors.errors import ProviderError
from bank_api.gateway.errors import GatewayError
from bank_api.gateway.permissions import is_manager
from bank_api.gateway.refusals import for_manager, note

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


def require_manager() -> None:
	"""Refuse everybody but a Bank API Manager or System Manager (`frappe.PermissionError`)."""
	if not is_manager(frappe.session.user):
		frappe.throw(_("Only a Bank API Manager may do this."), frappe.PermissionError)


def button(fn: Callable[..., Any]) -> Callable[..., Any]:
	"""Make a method the answer to a form's button: managers only, and what the gateway refuses is said in words.

	The desk shows a message of `frappe.throw`; of a bare exception older frameworks show nothing at all.
	"""

	@functools.wraps(fn)
	def pressed(*args: Any, **kwargs: Any) -> Any:
		require_manager()
		try:
			return fn(*args, **kwargs)
		except ProviderError as error:
			note(error)
			problem = for_manager(error)
		except GatewayError as error:
			problem = error
		frappe.throw(problem.message, type(problem), title=_("Not Possible"))

	return pressed


def refuse_attached_keys(file: Document, method: str | None = None) -> None:
	"""Hook `doc_events`: nothing is attached to a certificate; the framework takes the written file away again."""
	if file.attached_to_doctype == "Bank API Certificate":
		frappe.throw(_("Files are not attached to a certificate. Use Upload Certificate: it keeps no file."))


def refuse_deletion(doc: Document, *args: Any, **kwargs: Any) -> None:
	"""Hook `doc_events`: payments and their batches are neither deleted nor renamed, by an administrator neither."""
	frappe.throw(
		_("{0}: what was paid, and under which key, is never deleted.").format(_(doc.doctype)),
		frappe.PermissionError,
	)


def refuse_by_hand(doc: Document) -> None:
	"""Refuse to save a record that only the gateway writes, whoever tries: an import, a script, an administrator."""
	frappe.throw(
		_("{0}: nobody makes or changes this by hand. Clients do it by the API.").format(_(doc.doctype)),
		frappe.PermissionError,
	)


def has_app_permission() -> bool:
	"""Whether the app's tile is shown to the current user."""
	return is_manager(frappe.session.user)


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
		frappe.throw(
			_("{0}: an address must hold neither a user name, nor a password, nor a fragment.").format(label)
		)
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
		usable = (
			parts.scheme in ("http", "https")
			and bool(parts.hostname)
			and (parts.port is None or parts.port > 0)
		)
	except ValueError:
		usable = False
	if not usable or any(character.isspace() for character in value.strip()):
		frappe.throw(_("{0}: this is not a valid address.").format(label))
	return parts


def _is_local(parts: SplitResult) -> bool:
	return parts.hostname in LOOPBACK_HOSTS or bool(frappe.conf.get("developer_mode"))
