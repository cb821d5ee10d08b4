"""Finding a client's consents, and the terms of a new one."""

from dataclasses import dataclass

import frappe
from frappe.utils import cint

from bank_api.gateway import arguments, consent_rows, consents, feeds, items
from bank_api.gateway.clients import ClientContext
from bank_api.gateway.errors import UnknownObject

DEFAULT_DAYS = 180
DEFAULT_FREQUENCY = 4
MAX_ID = 256


@dataclass(frozen=True, slots=True)
class Asked:
	"""What a call says of the terms; None where it says nothing."""

	company: str | None
	references: tuple[str, ...] | None
	valid_until: str | None
	frequency: str | int | None
	recurring: bool | str | int | None


def find(
	client: ClientContext,
	consent: str | None,
	request: str | None,
	item_id: str | int | None,
	user: str | None = None,
	provider: str | None = None,
	connector: str | None = None,
) -> frappe._dict:
	"""A consent of a client, by whichever identifier a call names; all that are named have to fit.

	Args:
		client: who asks.
		consent: the provider's id of the consent.
		request: of the link that led to it.
		item_id: the provider's id of its item.
		user: the client's name of the end user.
		provider: name of the Bank API Provider.
		connector: only consents at providers with this connector: each API module is for its own.

	Raises:
		BadArgument: none is named.
		UnknownObject: no such consent for this client (and user, and provider).
	"""
	found = []
	if item_id not in (None, ""):
		found.append(of_item(items.find(client, item_id, user, provider)))
	if consent:
		found.append(_by_id(client, consent.strip(), provider))
	if request:
		found.append(_by_request(client, request.strip()))
	if not found:
		arguments.require("consent", None)
	row = found[0]
	if any(other.name != row.name for other in found) or (provider and row.provider != provider):
		raise UnknownObject()
	if connector and row.provider not in feeds.providers_of(connector):
		raise UnknownObject()
	if user and frappe.db.get_value("Bank API End User", row.end_user, "user") != user:
		raise UnknownObject()
	return row


def of_item(item: frappe._dict) -> frappe._dict:
	"""The consent behind an item.

	Raises:
		UnknownObject: there is none; it is an item of another kind of provider.
	"""
	row = consent_rows.of_item(item.provider, item.item_id)
	if row is None:
		raise UnknownObject()
	return row


def _by_id(client: ClientContext, consent: str, provider: str | None) -> frappe._dict:
	if not consent or len(consent) > MAX_ID:
		raise UnknownObject()
	filters = {"client": client.name, "provider_consent_id": consent}
	if provider:
		filters["provider"] = provider
	rows = frappe.get_all(consent_rows.DOCTYPE, filters=filters, fields=consent_rows.COLUMNS, limit=2)
	if len(rows) != 1 or rows[0].provider_consent_id != consent:
		raise UnknownObject()
	return rows[0]


def _by_request(client: ClientContext, request: str) -> frappe._dict:
	row = frappe.db.get_value(
		consent_rows.REQUEST, {"name": request, "client": client.name}, ["name", "consent"], as_dict=True
	)
	found = consent_rows.get(row.consent) if row and row.name == request and row.consent else None
	if not found or not found.provider_consent_id:
		raise UnknownObject()
	return found


def payload(row: frappe._dict) -> str:
	"""The provider's resource of a consent as last received.

	Raises:
		UnknownObject: nothing was ever received.
	"""
	text = frappe.db.get_value(consent_rows.DOCTYPE, row.name, "payload")
	if not text:
		raise UnknownObject()
	return text


def terms(provider: str, asked: Asked, before: frappe._dict | None = None) -> consents.Terms:
	"""The terms of a new consent.

	Args:
		provider: name of the Bank API Provider.
		asked: what the call says.
		before: the consent that the new one takes the place of, whose terms hold where the call says nothing.

	Raises:
		BadArgument: a value that cannot be meant.
	"""
	days, frequency = frappe.db.get_value(
		"Bank API Provider", provider, ["consent_days", "frequency_per_day"]
	) or (0, 0)
	old = consents.renewed_terms(before) if before else None
	recurring = (
		arguments.flag("recurring", asked.recurring)
		if asked.recurring not in (None, "")
		else (not old or old.recurring)
	)
	default = old.frequency_per_day if old else cint(frequency) or DEFAULT_FREQUENCY
	references = asked.references if asked.references is not None else (old.references if old else ())
	return consents.Terms(
		company=consents.company_code(provider, asked.company or (old.company if old else None)),
		references=references,
		valid_until=(
			old.valid_until
			if old and not asked.valid_until
			else arguments.last_day(asked.valid_until, cint(days) or DEFAULT_DAYS)
		),
		frequency_per_day=arguments.per_day(asked.frequency, default) if recurring else 1,
		recurring=recurring,
	)
