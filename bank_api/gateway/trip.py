"""An end user's trip to a provider: the row that it leaves here, bound to an unguessable value of which only the
hash is stored.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import frappe
from frappe import _

from bank_api.connectors.errors import ProviderError
from bank_api.connectors.model import LinkKind
from bank_api.gateway import audit
from bank_api.gateway.clients import ClientContext
from bank_api.gateway.clock import iso, site_now, to_utc
from bank_api.gateway.errors import NotConfigured, from_provider
from bank_api.gateway.outcome import DOCTYPE, FAILED, PENDING

RETURN_PATH = "/bank-api/return"
VALID_FOR = timedelta(minutes=60)  # how long the end user may take
MAX_ADOPTED_URL = 140  # what the client's field holds


@dataclass(frozen=True, slots=True)
class Addresses:
	"""Where the end user and the webhooks go; checked, see `clients`."""

	redirect_url: str = ""
	webhook_url: str = ""
	base_url: str = ""


@dataclass(frozen=True, slots=True)
class Trip:
	"""A trip that begins.

	Attributes:
		request: name of the Bank API Connect Request.
		context: the unguessable value; it is nowhere stored.
		return_url: the gateway's own address to which the provider sends the end user back.
	"""

	request: str
	context: str
	return_url: str


def begin(
	client: ClientContext,
	provider: str,
	end_user: str,
	kind: LinkKind,
	addresses: Addresses,
	*,
	item: str | None = None,
	bank: str | None = None,
	consent: str | None = None,
) -> Trip:
	"""Note that an end user is going to be sent to a provider. The caller commits before the provider is asked.

	Args:
		client: who asks.
		provider: name of the Bank API Provider.
		end_user: name of the Bank API End User.
		kind: what for.
		addresses: where to afterwards.
		item: name of the Bank API Item to repair; bound to the request here, whatever the browser says later.
		bank: the bank's id or name, for the record.
		consent: name of the Bank API Consent that the end user is to give.

	Raises:
		NotConfigured: the gateway has no public address.
	"""
	return_url = public_url() + RETURN_PATH
	context = secrets.token_hex(24)
	request = frappe.get_doc(
		{
			"doctype": DOCTYPE,
			"client": client.name,
			"provider": provider,
			"end_user": end_user,
			"kind": kind.value,
			"item": item,
			"consent": consent,
			"bank": (bank or "")[:140] or None,
			"status": PENDING,
			"redirect_url": addresses.redirect_url,
			"webhook_url": addresses.webhook_url if addresses.webhook_url != client.webhook_url else None,
			"base_url": addresses.base_url,
			"state_hash": state_hash(context),
			"expires_at": site_now() + VALID_FOR,
		}
	).insert(ignore_permissions=True)
	_adopt_webhook_url(client, addresses.webhook_url)
	return Trip(request.name, context, return_url)


def issued(
	client: ClientContext, trip: Trip, kind: LinkKind, link: str, *, keep: bool = True
) -> dict[str, Any]:
	"""Answer with the provider's link, and keep it unless `keep` says that it opens the end user's own page.

	The transaction is committed.

	Returns:
		`link`, `redirect_url`, `request` and `expires_at`.
	"""
	# Whoever reads the row must not be able to come back in the end user's place.
	if keep and trip.context not in link:
		frappe.db.set_value(DOCTYPE, trip.request, "link", link)
	audit.record(
		"Link Issued", client=client.name, doctype=DOCTYPE, name=trip.request, details={"kind": kind.value}
	)
	frappe.db.commit()
	expires_at = frappe.db.get_value(DOCTYPE, trip.request, "expires_at")
	return {
		"link": link,
		"redirect_url": link,
		"request": trip.request,
		"expires_at": iso(to_utc(expires_at)),
	}


def refused(trip: Trip, error: ProviderError) -> None:
	"""The provider gives no link: say so on the request. Rolls back what was under way, and commits."""
	frappe.db.rollback()
	frappe.db.set_value(DOCTYPE, trip.request, {"status": FAILED, "message": from_provider(error).message})
	frappe.db.commit()


def public_url() -> str:
	"""The gateway's own address, without a trailing slash; never guessed from a request.

	Raises:
		NotConfigured: it is not set.
	"""
	url = frappe.db.get_single_value("Bank API Settings", "public_url")
	if not url:
		raise NotConfigured(
			_("The gateway's public URL is not set. Ask its operator to enter it in Bank API Settings.")
		)
	return url.rstrip("/")


def state_hash(context: str) -> str:
	"""What is stored of a request's unguessable value."""
	return hashlib.sha256(context.encode()).hexdigest()


def _adopt_webhook_url(client: ClientContext, url: str) -> None:
	"""A client without a webhook address gets the first one it names; it is within its own origins."""
	if url and not client.webhook_url and len(url) <= MAX_ADOPTED_URL:
		frappe.db.set_value("Bank API Client", client.name, "webhook_url", url, update_modified=False)
		frappe.clear_document_cache("Bank API Client", client.name)
		audit.record("Webhook URL Adopted", client=client.name, doctype="Bank API Client", name=client.name)
