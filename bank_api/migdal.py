"""The public API for Migdal and other Berlin Group sources: `/api/method/bank_api.migdal.<function>`.

Called with `Authorization: token <key>:<secret>`. The manner is the one of `bank_api.bridge`: GET and POST, `site` (older
name of the caller), `user` (the client's name of its end user), `item_id`, `provider` (name of a Bank API Provider, needed
only if a client uses several). A consent is one item: its `item_id` is the provider's id of the consent.

A consent may be named by `consent` (the provider's id), by the `request` that a link method gave, or by `item_id`. An
identifier of another client is answered exactly as one that does not exist. Methods that change something commit
themselves, because Frappe rolls a GET back.
"""

import frappe
from werkzeug.wrappers import Response

from bank_api.connectors.model import Presence, Secret
from bank_api.gateway import (
	arguments,
	connect,
	consent_data,
	consents,
	end_users,
	item_calls,
	items,
	providers,
	reading,
)
from bank_api.gateway.api import endpoint, verbatim

CONNECTOR = "berlin_group"
METHODS = ["GET", "POST"]
LOAN, CARD = ("loan",), ("card",)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_migdal_consent_link(
	base_url: str | None = None,
	bank: str | int | None = None,
	redirect_url: str | None = None,
	loans: list | str | None = None,
	valid_until: str | None = None,
	frequency: str | int | None = None,
	recurring: bool | str | int | None = None,
	psu_id: str | int | None = None,
	psu_ip_address: str | None = None,
	psu_user_agent: str | None = None,
	item_id: str | int | None = None,
	site: str | None = None,
	user: str | int | None = None,
	webhook_url: str | None = None,
	provider: str | None = None,
) -> dict:
	"""Make a consent, and give the page on which the end user authorises it, once and within an hour.

	Args:
		base_url: address of the calling site; one of the client's registered origins.
		bank: code or name of the company (`520004896` or `512237744` at Migdal).
		redirect_url: where the browser goes afterwards, absolute or relative to `base_url`; within the client's origins.
		loans: numbers of the loans that the end user shares (DA), a list or with commas; without it the end user
			chooses at Migdal (BO).
		valid_until: last day of the permission (`yyyy-mm-dd`); the end user may shorten it.
		frequency: reads a day without the end user.
		recurring: whether data is read more than once; yes if missing.
		psu_id: the end user's identity or passport number; sent on, never stored. By POST only.
		psu_ip_address: address of the end user's browser, only if the end user is there now.
		psu_user_agent: what that browser calls itself.
		item_id: a connection that exists: the new consent takes its place, on its terms where none are given.
		site, user, webhook_url, provider: as in `bank_api.bridge.get_bridge_connect_link`.

	Returns:
		`link` (also as `redirect_url`), `request`, `consent` and `expires_at`.
	"""
	arguments.refuse_in_address("psu_id")
	client = arguments.caller(site)
	addresses = arguments.addresses(client, base_url, redirect_url, webhook_url)
	asked = consent_data.Asked(
		company=arguments.text(bank),
		references=arguments.references(loans) if loans else None,
		valid_until=valid_until,
		frequency=frequency,
		recurring=recurring,
	)
	secret, presence = Secret(arguments.text(psu_id) or ""), _presence(psu_ip_address, psu_user_agent)
	if item_id not in (None, ""):
		item = items.find(client, item_id, arguments.text(user), provider)
		name, end_user, replaces = item.provider, item.end_user, item.name
		before = consent_data.find(client, None, None, item_id, arguments.text(user), provider, CONNECTOR)
		terms = consent_data.terms(name, asked, before)
	else:
		name, replaces = providers.resolve(client, CONNECTOR, provider), None
		terms = consent_data.terms(name, asked)
		end_user = end_users.ensure(client.name, name, end_users.user_key(client, arguments.text(user)))
	return consents.start(
		client, name, end_user, terms, addresses, psu_id=secret, presence=presence, replaces=replaces
	)


@frappe.whitelist(methods=METHODS)
@endpoint
def post_consent_authorisation(
	consent: str | None = None,
	request: str | None = None,
	base_url: str | None = None,
	redirect_url: str | None = None,
	psu_id: str | int | None = None,
	psu_ip_address: str | None = None,
	psu_user_agent: str | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""The page for a further signer of a consent that needs several.

	Args:
		consent, request: which consent.
		base_url, redirect_url, psu_id, psu_ip_address, psu_user_agent: as `get_migdal_consent_link`, of this signer.

	Returns:
		as `get_migdal_consent_link`.
	"""
	arguments.refuse_in_address("psu_id")
	client = arguments.caller(site)
	row = consent_data.find(client, consent, request, None, arguments.text(user), provider, CONNECTOR)
	addresses = arguments.addresses(client, base_url, redirect_url, None)
	secret = Secret(arguments.text(psu_id) or "")
	return consents.sign(
		client, row, addresses, psu_id=secret, presence=_presence(psu_ip_address, psu_user_agent)
	)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_migdal_item_id(
	request: str, site: str | None = None, user: str | int | None = None, provider: str | None = None
) -> dict:
	"""What became of a link: the item's id and the company's name, once there is one.

	Returns:
		`request`, `status` (`Pending`, `Completed`, `Failed`, `Expired`), `item_id`, `bank`, `bank_id`, `message`.
	"""
	client = arguments.caller(site)
	if provider:
		providers.resolve(client, CONNECTOR, provider)
	return connect.status(client, request, user=arguments.text(user), provider=provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_migdal_consent_status(
	consent: str | None = None,
	request: str | None = None,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""How a consent stands; the provider is asked (GetConsentStatus).

	Returns:
		`state` (ours), `status` (the provider's word), `consent`, `request`, `item_id`, `kind`, `company`, `references`,
		`recurring`, `frequency_per_day`, `valid_until` and `token_expires_at`.
	"""
	client = arguments.caller(site)
	row = consent_data.find(client, consent, request, item_id, arguments.text(user), provider, CONNECTOR)
	return consents.status(row)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_migdal_consent_details(
	consent: str | None = None,
	request: str | None = None,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The provider's resource of a consent, field for field as last received."""
	client = arguments.caller(site)
	row = consent_data.find(client, consent, request, item_id, arguments.text(user), provider, CONNECTOR)
	return verbatim(consent_data.payload(row))


@frappe.whitelist(methods=METHODS)
@endpoint
def get_consent_authorisations(
	consent: str | None = None,
	request: str | None = None,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""How far each signer of a consent is; the provider is asked.

	Returns:
		`consent` and `authorisations`: `authorisation_id`, `status` (the provider's word) and `final` of each.
	"""
	client = arguments.caller(site)
	row = consent_data.find(client, consent, request, item_id, arguments.text(user), provider, CONNECTOR)
	return {"consent": row.provider_consent_id, "authorisations": consents.note_authorisations(row)}


@frappe.whitelist(methods=[*METHODS, "DELETE"])
@endpoint
def delete_migdal_consent(
	consent: str | None = None,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""Withdraw a consent, at the provider and here; accounts and transactions are deleted.

	Returns:
		`consent`, `item_id` and `status` (`Deleted`). From then on the item is unknown.
	"""
	client = arguments.caller(site)
	row = consent_data.find(client, consent, None, item_id, arguments.text(user), provider, CONNECTOR)
	return consents.delete(row.name)


@frappe.whitelist(methods=METHODS)
@endpoint
def post_token_renewal(
	consent: str | None = None,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""Renew the access to a consent now. The gateway does so by itself; the tokens never leave it.

	Returns:
		as `get_migdal_consent_status`.
	"""
	client = arguments.caller(site)
	row = consent_data.find(client, consent, None, item_id, arguments.text(user), provider, CONNECTOR)
	return consents.renew(row.name)


@frappe.whitelist(methods=METHODS)
@endpoint
def post_item_refresh(
	item_id: str | int, user: str | int | None = None, site: str | None = None, provider: str | None = None
) -> dict:
	"""Bring the copy here up to date with what the provider has, as far as its limits of reads a day allow.

	Returns:
		as `bank_api.bridge.post_item_refresh`.
	"""
	item = items.find(arguments.caller(site), item_id, arguments.text(user), provider)
	return item_calls.refresh(item.name)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_loans(
	item_id: str | int | None = None,
	user: str | int | None = None,
	since: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The provider's loan resources, field for field as received; arguments and answer as `get_bank_accounts`."""
	return _accounts(LOAN, item_id, user, since, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_single_loan(
	account_id: str | int,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The provider's resource of a loan, field for field as last received.

	Args:
		account_id: the provider's id of the loan (`resourceId`), a former one, or a stable id.
	"""
	client = arguments.caller(site)
	found = reading.account(client, account_id, item_id, arguments.text(user), provider, kinds=LOAN)
	return verbatim(found.payload)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_loan_balances(
	account_id: str | int,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The provider's balances of a loan, field for field as last received.

	Returns:
		`as_of`, `feeds`, `resources` (the balances), `stable_id` and `status` of the loan.
	"""
	client = arguments.caller(site)
	return reading.balances(client, account_id, item_id, arguments.text(user), provider, kinds=LOAN)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_loan_transactions(
	account_id: str | int,
	user: str | int | None = None,
	since: str | None = None,
	limit: str | int | None = None,
	cursor: str | None = None,
	site: str | None = None,
	item_id: str | int | None = None,
	provider: str | None = None,
) -> Response:
	"""The provider's transaction resources of one loan; as `get_bank_transactions_by_account`."""
	return _transactions(account_id, item_id, user, since, limit, cursor, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_bank_accounts(
	item_id: str | int | None = None,
	user: str | int | None = None,
	since: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The provider's resources of accounts, cards and loans, field for field as received.

	Arguments and answer as `bank_api.bridge.get_bank_accounts`.
	"""
	return _accounts((), item_id, user, since, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_card_accounts(
	item_id: str | int | None = None,
	user: str | int | None = None,
	since: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The provider's resources of card accounts; arguments and answer as `get_bank_accounts`."""
	return _accounts(CARD, item_id, user, since, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_bank_transactions_by_account(
	account_id: str | int,
	user: str | int | None = None,
	since: str | None = None,
	limit: str | int | None = None,
	cursor: str | None = None,
	site: str | None = None,
	item_id: str | int | None = None,
	provider: str | None = None,
) -> Response:
	"""The provider's transaction resources of one account, card or loan; as `get_bank_transactions`.

	Args:
		account_id: the provider's id of the account, a former one, or a stable id.
	"""
	return _transactions(account_id, item_id, user, since, limit, cursor, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_bank_transactions(
	since: str | None = None,
	lang: str | None = None,
	user: str | int | None = None,
	item_id: str | int | None = None,
	limit: str | int | None = None,
	cursor: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The provider's transaction resources, field for field as received, those that are gone included and marked.

	Arguments and answer as `bank_api.bridge.get_bank_transactions`.
	"""
	return _transactions(None, item_id, user, since, limit, cursor, site, provider)


def _accounts(
	kinds: tuple[str, ...],
	item_id: str | int | None,
	user: str | int | None,
	since: str | None,
	site: str | None,
	provider: str | None,
) -> Response:
	return reading.accounts(
		arguments.caller(site),
		item_id=item_id,
		user=arguments.text(user),
		since=since,
		provider=provider,
		connector=CONNECTOR,
		kinds=kinds,
	)


def _transactions(
	account_id: str | int | None,
	item_id: str | int | None,
	user: str | int | None,
	since: str | None,
	limit: str | int | None,
	cursor: str | None,
	site: str | None,
	provider: str | None,
) -> Response:
	return reading.transactions(
		arguments.caller(site),
		account_id=account_id,
		item_id=item_id,
		user=arguments.text(user),
		since=since,
		limit=limit,
		cursor=cursor,
		provider=provider,
		connector=CONNECTOR,
	)


def _presence(address: str | None, user_agent: str | None) -> Presence | None:
	"""The end user's browser as the caller describes it; nothing is made up."""
	plain = arguments.ip_address(address)
	return Presence(ip=plain, user_agent=(user_agent or "")[:500]) if plain else None
