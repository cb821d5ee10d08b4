"""What an end user does about a sharing on the page, and what it is called in words when it cannot be done."""

from collections.abc import Callable
from urllib.parse import urlsplit

import frappe

from bank_api.connectors.errors import InvalidRequest, ProviderError
from bank_api.connectors.model import EndedBy, Presence
from bank_api.gateway import audit, clients, consents, item_calls, refusals, ways
from bank_api.gateway.access_links import Visit
from bank_api.gateway.errors import (
	BadArgument,
	ConsentNeeded,
	GatewayError,
	NotConfigured,
	NotOffered,
	UnknownObject,
	from_provider,
)
from bank_api.gateway.page_words import say as _
from bank_api.gateway.page_words import speaking
from bank_api.gateway.sharing import CONSENT, ITEM, Sharing

DONE = ""  # what was to be done is done, and its own line is written
BEGUN = {"renew": "Sharing Renewal Begun", "change": "Sharing Change Begun"}


class Impossible(Exception):
	"""It cannot be done; the message is a sentence for the end user."""


def withdraw(visit: Visit, found: Sharing, language: str) -> None:
	"""End an access: the provider is told first, then the client; the history stays.

	Raises:
		Impossible: the provider could not; nothing is changed then.
	"""
	_carry_out(visit, found, "Sharing Withdrawn", language, lambda: _withdraw(found))


def _withdraw(found: Sharing) -> None:
	if found.item and not found.deleted:
		item_calls.delete(found.item, EndedBy.END_USER)
	else:
		consents.delete(found.consent, EndedBy.END_USER)


def go(
	visit: Visit, found: Sharing, name: str, entered: ways.Entered, presence: Presence | None, language: str
) -> str:
	"""Renew or change a sharing.

	Args:
		visit: the end user's.
		found: the sharing.
		name: `renew` or `change`.
		entered: what the end user has entered.
		presence: the end user's browser.
		language: of the page.

	Returns:
		the page that the end user has to visit; empty if it is done.

	Raises:
		Impossible: it cannot be done.
	"""

	def call() -> str:
		way = ways.of(found)
		act = way.renew if name == "renew" else way.change
		return _checked(act(visit, found, entered, presence))

	return _carry_out(visit, found, BEGUN[name], language, call)


def _checked(link: str) -> str:
	"""A page that a browser may be sent to; a provider's answer is not trusted to be one."""
	if (
		link
		and urlsplit(link).scheme != "https"
		and not (link.startswith("http:") and clients.http_allowed())
	):
		raise NotConfigured()
	return link


def _carry_out(
	visit: Visit, found: Sharing, action: str, language: str, call: Callable[[], str | None]
) -> str:
	doctype, name = (CONSENT, found.consent) if found.consent else (ITEM, found.item)
	try:
		with speaking(language):
			answer = call()
	except (ProviderError, GatewayError) as error:
		audit.record(
			action,
			client=visit.client.name,
			outcome=audit.FAILED,
			doctype=doctype,
			name=name,
			details={"error": type(error).__name__},
		)
		frappe.db.rollback()
		refusals.note(error, provider=found.provider, client=visit.client.name)
		frappe.db.commit()
		with speaking(language):
			raise Impossible(_sentence(error, language)) from None
	if answer != DONE:
		audit.record(action, client=visit.client.name, doctype=doctype, name=name)
	frappe.db.commit()
	return answer or ""


def _sentence(error: ProviderError | GatewayError, language: str) -> str:
	"""What somebody who shares data is told; the callers of the API are told more (`errors.py`)."""
	if isinstance(error, InvalidRequest):
		return _(error.message, language)
	known = from_provider(error) if isinstance(error, ProviderError) else error
	if isinstance(known, BadArgument):
		return known.message
	if isinstance(known, (NotConfigured, NotOffered)):
		return _("This is not possible here at the moment. Please ask those who have sent you.", language)
	if isinstance(known, (UnknownObject, ConsentNeeded)):
		return _(
			"The bank does not know this access any more. Please start anew from your application.", language
		)
	# An answer may be lost after the bank has acted, so nothing is said of what has changed.
	return _("The bank does not answer at the moment. Please try again later.", language)
