"""Who sees which rows in desk, `/api/resource` and reports: managers all, a client its own, others none.

The public API does not rest on this: every use case scopes its own queries (DESIGN.md, Rules, Tenancy). These
hooks close the framework's generic doors by the same rule. `hooks.py` names one query condition for each
DocType and `has_permission` for all of them.

Not every door asks: `frappe.client.get_count`, for one, counts rows by any filter for whoever is logged in, which is
an oracle on other clients' data. So the key of a client site opens nothing but this app's own API.
"""

from collections.abc import Callable

import frappe
from frappe import _
from werkzeug.exceptions import Forbidden

from bank_api.gateway.api import error_response
from bank_api.gateway.errors import NotAllowed

CLIENT_ROLE = "Bank API Client"
CLIENT_PATHS = tuple(
	prefix + method
	for prefix in ("/api/method/", "/api/v1/method/", "/api/v2/method/")
	for method in ("bank_api.", "frappe.auth.get_logged_user", "frappe.ping", "ping")
)
MANAGER_ROLES = frozenset({"System Manager", "Bank API Manager"})

# DocTypes with the owning client's name in this column; those of no client (None) are for managers only.
CLIENT_COLUMN: dict[str, str | None] = {
	"Bank API Settings": None,
	"Bank API Provider": None,
	"Bank API Certificate": None,
	"Bank API Client": "name",
	"Bank API End User": "client",
	"Bank API Connect Request": "client",
	"Bank API Consent": "client",
	"Bank API Resource": "client",
	"Bank API Item": "client",
	"Bank API Account": "client",
	"Bank API Transaction": "client",
	"Bank API Payment Batch": "client",
	"Bank API Payment": "client",
	"Bank API Webhook Event": "client",
	"Bank API Webhook Delivery": "client",
	"Bank API Whitelabel": None,
	"Bank API Access Link": "client",
	"Bank API Log": "client",
}

NOTHING = "1=0"


def is_manager(user: str) -> bool:
	"""Whether a user runs the gateway and therefore sees the rows of every client."""
	return user == "Administrator" or not MANAGER_ROLES.isdisjoint(frappe.get_roles(user))


def client_of(user: str) -> str | None:
	"""Name of the enabled Bank API Client that calls as this user, if there is one."""
	if not user or user in ("Guest", "Administrator"):
		return None
	return frappe.db.get_value("Bank API Client", {"user": user, "enabled": 1}, "name")


def confine_clients() -> None:
	"""Hook `auth_hooks`: refuse a client's key everywhere but at this app's API.

	The answer is ours and always the same: the framework's own holds a random id, a page or a traceback.

	Raises:
		werkzeug.exceptions.Forbidden: the request is for something else.
	"""
	user = frappe.session.user
	if not user or user in ("Guest", "Administrator"):
		return
	# `cmd` names another method than the path does, and the framework follows it.
	if frappe.request.path.startswith(CLIENT_PATHS) and not frappe.form_dict.get("cmd"):
		return
	if CLIENT_ROLE in frappe.get_roles(user):
		refusal = NotAllowed(_("The key of a client site opens the methods of Bank API only."))
		raise Forbidden(response=error_response(refusal))


def has_permission(
	doc: object, ptype: str | None = None, user: str | None = None, debug: bool = False
) -> bool:
	"""Hook `has_permission`: whether a user may touch this row at all; roles decide what it may do.

	Returns:
		A real boolean: version 16 of the framework takes None for a refusal, older ones for consent.
	"""
	user = user or frappe.session.user
	if is_manager(user):
		return True
	column = CLIENT_COLUMN.get(doc.doctype)
	client = client_of(user) if column else None
	return bool(client) and doc.get(column) == client


def _query_conditions(doctype: str) -> Callable[..., str]:
	def query_conditions(user: str | None = None, doctype: str = doctype) -> str:
		"""Hook `permission_query_conditions`: SQL for what the user may see; empty for all."""
		user = user or frappe.session.user
		if is_manager(user):
			return ""
		column = CLIENT_COLUMN.get(doctype)
		client = client_of(user) if column else None
		if not client:
			return NOTHING
		return f"`tab{doctype}`.`{column}` = {frappe.db.escape(client)}"

	return query_conditions


# The framework calls a dotted path, and older ones do not say for which DocType: one name for each.
query_conditions_settings = _query_conditions("Bank API Settings")
query_conditions_provider = _query_conditions("Bank API Provider")
query_conditions_certificate = _query_conditions("Bank API Certificate")
query_conditions_client = _query_conditions("Bank API Client")
query_conditions_end_user = _query_conditions("Bank API End User")
query_conditions_connect_request = _query_conditions("Bank API Connect Request")
query_conditions_consent = _query_conditions("Bank API Consent")
query_conditions_resource = _query_conditions("Bank API Resource")
query_conditions_item = _query_conditions("Bank API Item")
query_conditions_account = _query_conditions("Bank API Account")
query_conditions_transaction = _query_conditions("Bank API Transaction")
query_conditions_payment_batch = _query_conditions("Bank API Payment Batch")
query_conditions_payment = _query_conditions("Bank API Payment")
query_conditions_webhook_event = _query_conditions("Bank API Webhook Event")
query_conditions_webhook_delivery = _query_conditions("Bank API Webhook Delivery")
query_conditions_whitelabel = _query_conditions("Bank API Whitelabel")
query_conditions_access_link = _query_conditions("Bank API Access Link")
query_conditions_log = _query_conditions("Bank API Log")
