"""Visits (a provider calls them sessions): one trip of an end user in which data of several banks may be shared.

The visit is asked for, the end user goes there and chooses banks; each bank gives a consent of its own, and each consent is
one item. What the visit has led to is read at the provider (`session_return`), whoever says that there is something to read:
the browser, a webhook or the scheduler. The numbers of persons and companies are sent on, and kept nowhere.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import frappe
from frappe import _
from frappe.utils import add_months, cint
from frappe.utils.password import get_decrypted_password, set_encrypted_password

from bank_api.connectors.base import SessionConnector
from bank_api.connectors.errors import ProviderError
from bank_api.connectors.model import (
	Identity,
	LinkKind,
	PermissionGroup,
	Secret,
	SessionData,
	SessionRequest,
)
from bank_api.gateway import consent_rows, languages, providers, setup, trip
from bank_api.gateway.clients import ClientContext
from bank_api.gateway.clock import site_now, to_site, utc_now
from bank_api.gateway.errors import BadArgument, UnknownObject
from bank_api.gateway.plain import shown

DOCTYPE = "Bank API Connect Request"
REQUESTED = "requested"
"""Stands for the provider's word until there is one."""
FIRST_CHECK = timedelta(minutes=2)
MAX_PURPOSE = 500
CLOCK_MARGIN = timedelta(hours=1)
"""A provider's clock may be behind ours: a date at the very limit would be beyond it."""


@dataclass(frozen=True, slots=True)
class Terms:
	"""What an end user is asked for; checked, see `terms`.

	Attributes:
		permissions: what may be read, in the provider's words.
		purpose: what for, in words for the end user.
		expires_at: until when (UTC); None for no end.
		bank: the provider's id of a bank to preselect.
		language: of the pages.
	"""

	permissions: tuple[str, ...]
	purpose: str
	expires_at: datetime | None
	bank: str = ""
	language: str = "pt-BR"


def connector_of(provider: str) -> SessionConnector:
	"""The connector of a provider that works with visits."""
	found: Any = providers.connector(provider)
	return found


# --- there


def start(
	client: ClientContext,
	provider: str,
	end_user: str,
	terms: Terms,
	addresses: trip.Addresses,
	*,
	identity: Identity,
	replaces: str | None = None,
) -> dict[str, Any]:
	"""Begin a visit at the provider, and give the page on which the end user shares data.

	Args:
		client: who asks.
		provider: name of the Bank API Provider.
		end_user: name of the Bank API End User.
		terms: what for.
		addresses: where to afterwards.
		identity: the person, and the company whose data it is; sent on, and kept nowhere.
		replaces: name of the Bank API Item that a consent of the same bank takes the place of.

	Returns:
		`link`, `redirect_url`, `request`, `session` and `expires_at`. The transaction is committed.

	Raises:
		NotConfigured: a step of the provider's set-up is open, or the gateway has no public address.
		ProviderError: the provider begins no visit.
	"""
	setup.require_ready(provider)
	begun = trip.begin(client, provider, end_user, LinkKind.CONNECT, addresses, bank=terms.bank)
	frappe.db.set_value(
		DOCTYPE,
		begun.request,
		{
			"session_hash": trip.state_hash(
				begun.context
			),  # until there is a visit: it marks the request as one
			"session_status": REQUESTED,
			"permissions": "\n".join(terms.permissions),
			"purpose": terms.purpose,
			"replaces": replaces,
			"next_check_at": site_now() + FIRST_CHECK,
		},
	)
	frappe.db.commit()  # durable before the provider is asked
	request = SessionRequest(
		identity=identity,
		permissions=terms.permissions,
		purpose=terms.purpose,
		expires_at=terms.expires_at,
		external_id=begun.context,
		redirect_url=begun.return_url,
		language=terms.language,
		bank_id=terms.bank,
	)
	try:
		visit = connector_of(provider).start_session(request)
	except ProviderError as error:
		trip.refused(begun, error)
		raise
	_keep(begun.request, visit)
	answer = trip.issued(client, begun, LinkKind.CONNECT, visit.link, keep=False)
	return answer | {"session": visit.session_id}


def _keep(request: str, visit: SessionData) -> None:
	"""Remember the visit: its id encrypted, since it opens the end user's page; its hash for the look-up. Commits."""
	set_encrypted_password(DOCTYPE, request, visit.session_id, "session_id")
	values: dict[str, Any] = {
		"session_hash": trip.state_hash(visit.session_id),
		"session_status": shown(visit.status)[:140],
	}
	if visit.expires_at is not None:
		values["expires_at"] = to_site(visit.expires_at)
	frappe.db.set_value(DOCTYPE, request, values)
	frappe.db.commit()


def session_id(request: str) -> Secret:
	"""The provider's id of a visit; empty if there is none any more, or if it cannot be decrypted (a restored site)."""
	try:
		return Secret(get_decrypted_password(DOCTYPE, request, "session_id", raise_exception=False) or "")
	except frappe.ValidationError:
		frappe.clear_messages()
		return Secret("")


def by_session(session: str, provider: str | None = None) -> frappe._dict | None:
	"""The request behind a visit, by the provider's id of the visit: one look-up by hash."""
	if not session:
		return None
	row = frappe.db.get_value(
		DOCTYPE,
		{"session_hash": trip.state_hash(session)},
		["name", "provider", "client", "status"],
		as_dict=True,
	)
	return row if row and provider in (None, row.provider) else None


def repair(client: ClientContext, item: str, addresses: trip.Addresses, identity: Secret) -> dict[str, Any]:
	"""A page for a new consent on the terms of the present one (the desk's button); otherwise as `start`.

	Args:
		client: whose item it is.
		item: name of the Bank API Item.
		addresses: where to afterwards.
		identity: the person's number, and after a blank the company's if it is a company's consent.
	"""
	found = frappe.db.get_value("Bank API Item", item, ["provider", "item_id"], as_dict=True)
	row = consent_rows.of_item(found.provider, found.item_id) if found else None
	if row is None:
		raise UnknownObject()
	person, _blank, business = identity.reveal().strip().partition(" ")
	return start(
		client,
		row.provider,
		row.end_user,
		terms(row.provider, before=row, language=client.language),
		addresses,
		identity=Identity(Secret(person), Secret(business.strip()) if business.strip() else None),
		replaces=item,
	)


# --- terms


def terms(
	provider: str,
	*,
	permissions: tuple[str, ...] = (),
	groups: tuple[str, ...] = (),
	purpose: str | None = None,
	expires_at: datetime | None = None,
	bank: str | None = None,
	language: str | None = None,
	before: frappe._dict | None = None,
) -> Terms:
	"""The terms of a visit.

	Args:
		provider: name of the Bank API Provider.
		permissions: what may be read, in the provider's words.
		groups: keys of groups of permissions, as `get_permission_groups` lists them; both together are added up.
		purpose: what for; the provider's record has a default.
		expires_at: until when (UTC); None for as long as the provider's record says.
		bank: the provider's id of a bank to preselect.
		language: of the pages, in any code of it; one that we do not speak is Portuguese.
		before: the consent that is to be replaced, whose terms hold where nothing is said.

	Raises:
		BadArgument: there is no such group, or no purpose, or an end that lies in the past.
	"""
	record = frappe.db.get_value(
		"Bank API Provider", provider, ["default_purpose", "consent_months"], as_dict=True
	)
	asked = tuple(dict.fromkeys((*permissions, *_of_groups(provider, groups))))
	if not asked and before:
		asked = consent_rows.permissions(before)
	if not asked:
		raise BadArgument(_("Say what is to be shared: groups (see get_permission_groups) or permissions."))
	if expires_at is not None and expires_at <= utc_now():
		raise BadArgument(_("expires_at must lie in the future."))
	return Terms(
		permissions=asked,
		purpose=_purpose(purpose, before, record),
		expires_at=expires_at or _default_end(cint(record.consent_months)),
		bank=(bank or (before.bank_id if before else "") or "")[:140],
		language=languages.known(language) or "pt-BR",
	)


def _of_groups(provider: str, keys: tuple[str, ...]) -> list[str]:
	if not keys:
		return []
	known = {group.key: group for group in groups_of(provider)}
	if unknown := [key for key in keys if key not in known]:
		raise BadArgument(
			_("There is no group of permissions of the name {0}. The groups are: {1}.").format(
				unknown[0][:80], ", ".join(known)
			)
		)
	return [permission for key in keys for permission in known[key].permissions]


def groups_of(provider: str) -> tuple[PermissionGroup, ...]:
	"""All groups of permissions of a provider, in the order in which people are shown them."""
	return tuple(connector_of(provider).permission_groups())


def _purpose(purpose: str | None, before: frappe._dict | None, record: frappe._dict) -> str:
	text = (purpose or "").strip() or (before.purpose if before else "") or record.default_purpose or ""
	if not text:
		raise BadArgument(_("The argument {0} is missing.").format("purpose"))
	if len(text) > MAX_PURPOSE:
		raise BadArgument(_("The argument {0} is too long.").format("purpose"))
	return text


def default_end(provider: str) -> datetime | None:
	"""Until when a consent is asked for where nobody says; None for no end."""
	return _default_end(cint(frappe.db.get_value("Bank API Provider", provider, "consent_months")))


def _default_end(months: int) -> datetime | None:
	"""So many months from now on; None (no end) for 0."""
	if months <= 0:
		return None
	return (add_months(utc_now(), months) - CLOCK_MARGIN).replace(microsecond=0)
