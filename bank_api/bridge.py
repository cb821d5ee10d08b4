"""The public API for Bridge: `/api/method/bank_api.bridge.<function>`.

Called with `Authorization: token <key>:<secret>`.

Every method answers GET and POST. Arguments that a client of either generation may send, everywhere they make
sense: `site` (older name of the caller; must be its own), `user` (the client's name of its end user),
`item_id`, and `provider` (name of a Bank API Provider; needed only if a client uses several).

Errors have an HTTP status, a stable `exc_type` and one sentence (`bank_api.gateway.errors`). An identifier of
another client is answered exactly as one that does not exist. Methods that change something commit
themselves, because Frappe rolls a GET back.
"""

import frappe
from werkzeug.wrappers import Response

from bank_api.connectors.model import LinkKind
from bank_api.gateway import arguments, connect, end_users, item_calls, items, providers, reading, reference
from bank_api.gateway.api import endpoint, verbatim

CONNECTOR = "bridge"
METHODS = ["GET", "POST"]


@frappe.whitelist(methods=METHODS)
@endpoint
def get_bridge_connect_link(
	base_url: str | None = None,
	bank: str | int | None = None,
	redirect_url: str | None = None,
	item_id: str | int | None = None,
	site: str | None = None,
	user: str | int | None = None,
	webhook_url: str | None = None,
	provider: str | None = None,
) -> dict:
	"""A link to the page on which the end user connects a bank.

	Args:
		base_url: address of the calling site; one of the client's registered origins.
		bank: Bridge's id of a bank to preselect it; a name is only recorded.
		redirect_url: where the browser goes afterwards, absolute or relative to `base_url`; within the
			client's origins. It gets `request`, `status`, `success` and `item_id` in its query, as hints.
		item_id: a connection that exists already: the end user is sent to manage that one instead.
		site: see above.
		user: the client's name of its end user, up to 140 characters; the client itself if missing.
		webhook_url: where events of this connection are announced; within the client's origins.
		provider: see above.

	Returns:
		`link` (also as `redirect_url`, which is what Bridge 2021-06-01 calls it), `request` for
		`get_bridge_item_id`, and `expires_at`.
	"""
	kind = LinkKind.EDIT if item_id not in (None, "") else LinkKind.CONNECT
	return _link(kind, base_url, bank, redirect_url, item_id, site, user, webhook_url, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_bridge_edit_link(
	base_url: str | None = None,
	bank: str | int | None = None,
	redirect_url: str | None = None,
	item_id: str | int | None = None,
	site: str | None = None,
	user: str | int | None = None,
	webhook_url: str | None = None,
	provider: str | None = None,
) -> dict:
	"""A link to the page on which the end user enters new credentials for a connection, or shares other
	accounts.

	Arguments and answer as `get_bridge_connect_link`; `item_id` is required.
	"""
	arguments.require("item_id", item_id)
	return _link(LinkKind.EDIT, base_url, bank, redirect_url, item_id, site, user, webhook_url, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_sca_authentication_link(
	base_url: str | None = None,
	bank: str | int | None = None,
	redirect_url: str | None = None,
	item_id: str | int | None = None,
	site: str | None = None,
	user: str | int | None = None,
	webhook_url: str | None = None,
	provider: str | None = None,
) -> dict:
	"""A link to the page on which the end user renews the strong customer authentication of a connection.

	Arguments and answer as `get_bridge_connect_link`; `item_id` is required.
	"""
	arguments.require("item_id", item_id)
	return _link(LinkKind.SCA, base_url, bank, redirect_url, item_id, site, user, webhook_url, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_pro_confirmation_link(
	base_url: str | None = None,
	bank: str | int | None = None,
	redirect_url: str | None = None,
	item_id: str | int | None = None,
	site: str | None = None,
	webhook_url: str | None = None,
	user: str | int | None = None,
	provider: str | None = None,
) -> dict:
	"""A link to the page on which the end user confirms business accounts (Bridge 2021-06-01 only).

	Bridge has removed the step: with version 2025-01-15 the answer is the error `NotOffered` (410).
	Arguments and answer as `get_bridge_connect_link`.
	"""
	return _link(LinkKind.PRO, base_url, bank, redirect_url, item_id, site, user, webhook_url, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_bridge_item_id(
	request: str, site: str | None = None, user: str | int | None = None, provider: str | None = None
) -> dict:
	"""What became of a link: the item's id and the bank's name, once there is one.

	Args:
		request: the `request` that a link method gave.

	Returns:
		`request`, `status` (`Pending`, `Completed`, `Failed`, `Expired`), `item_id`, `bank`, `bank_id`,
		`message`.
	"""
	client = arguments.caller(site)
	if provider:
		providers.resolve(client, CONNECTOR, provider)
	return connect.status(client, request, user=arguments.text(user), provider=provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_bridge_item_details(
	item_id: str | int, user: str | int | None = None, site: str | None = None, provider: str | None = None
) -> Response:
	"""Bridge's resource of an item, field for field as last received."""
	return verbatim(items.details(arguments.caller(site), item_id, arguments.text(user), provider))


@frappe.whitelist(methods=[*METHODS, "DELETE"])
@endpoint
def delete_bridge_item_id(
	item_id: str | int, user: str | int | None = None, site: str | None = None, provider: str | None = None
) -> dict:
	"""Withdraw the access to a bank, at Bridge and here; accounts and transactions are deleted.

	Returns:
		`item_id` and `status` (`Deleted`). From then on the item is unknown.
	"""
	item = items.find(arguments.caller(site), item_id, arguments.text(user), provider)
	return item_calls.delete(item.name)


@frappe.whitelist(methods=METHODS)
@endpoint
def post_item_refresh(
	item_id: str | int, user: str | int | None = None, site: str | None = None, provider: str | None = None
) -> dict:
	"""Ask for fresh data of an item.

	Bridge 2021-06-01 is asked to fetch from the bank. Version 2025-01-15 has no such call: it refreshes once
	or twice a day by itself, and when the end user passes an authentication link. What Bridge has by now is
	fetched either way.

	Returns:
		`item_id`, `status` (`refreshing` if the bank is asked, else `syncing`), `bank_refresh` (`requested`
		or `not_offered`), `user_action` and `last_refresh`.
	"""
	item = items.find(arguments.caller(site), item_id, arguments.text(user), provider)
	return item_calls.refresh(item.name)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_bank_accounts(
	item_id: str | int | None = None,
	user: str | int | None = None,
	since: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""Bridge's account resources of an item, field for field as received.

	Args:
		item_id: the item; all items of the end user if missing.
		user: the end user; all of the client's if both are missing.
		since: only accounts changed at or after this day or instant.

	Returns:
		`resources`, `stable_ids` (ids that outlive a reconnection, in the same order), `statuses` and
		`pagination`.
	"""
	client = arguments.caller(site)
	return reading.accounts(
		client,
		item_id=item_id,
		user=arguments.text(user),
		since=since,
		provider=provider,
		connector=CONNECTOR,
	)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_single_bank(
	bank_id: str | int, lang: str | None = None, site: str | None = None, provider: str | None = None
) -> Response:
	"""Bridge's resource of a bank, field for field as received.

	Args:
		bank_id: Bridge's id of the bank.
		lang: language of texts, `en` or `fr`.
	"""
	client = arguments.caller(site)
	name = providers.resolve(client, CONNECTOR, provider)
	return verbatim(reference.bank(name, bank_id, lang or client.language or None))


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
	"""Bridge's transaction resources of one account; further arguments and answer as `get_bank_transactions`.

	Args:
		account_id: Bridge's id of the account, a former one, or a stable id.
	"""
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
	"""Bridge's transaction resources, field for field as received, deleted ones included and marked by
	Bridge's flag.

	Args:
		since: only rows changed at or after this day (`yyyy-mm-dd`) or instant.
		lang: accepted for older clients; resources name categories by id, see `get_category`.
		user: the end user; all of the client's if missing.
		item_id: one item only.
		limit: rows per page; all rows in one streamed answer if missing.
		cursor: `cursor` of an earlier answer: what has changed after it.

	Returns:
		`resources`, `stable_ids` (in the same order), `pagination` with `next_uri`, and `cursor`.
	"""
	return reading.transactions(
		arguments.caller(site),
		item_id=item_id,
		user=arguments.text(user),
		since=since,
		limit=limit,
		cursor=cursor,
		provider=provider,
		connector=CONNECTOR,
	)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_category(
	lang: str | None = None,
	category_id: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""Bridge's resource of a category, or the list of all categories without `category_id`.

	Args:
		lang: language of the names, `en` or `fr`.
		category_id: Bridge's id of the category.
	"""
	client = arguments.caller(site)
	name = providers.resolve(client, CONNECTOR, provider)
	return verbatim(reference.category(name, category_id, lang or client.language or None))


def _link(
	kind: LinkKind,
	base_url: str | None,
	bank: str | int | None,
	redirect_url: str | None,
	item_id: str | int | None,
	site: str | None,
	user: str | int | None,
	webhook_url: str | None,
	provider: str | None,
) -> dict:
	"""What the four link methods share: whose, where to, and for which item."""
	client = arguments.caller(site)
	addresses = arguments.addresses(client, base_url, redirect_url, webhook_url)
	if item_id not in (None, ""):
		item = items.find(client, item_id, arguments.text(user), provider)
		return connect.start(
			client, item.provider, item.end_user, kind, addresses, item=item.name, bank=arguments.text(bank)
		)
	name = providers.resolve(client, CONNECTOR, provider)
	end_user = end_users.ensure(client.name, name, end_users.user_key(client, arguments.text(user)))
	return connect.start(client, name, end_user, kind, addresses, bank=arguments.text(bank))
