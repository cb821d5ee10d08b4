"""The public API for the consent pages: `/api/method/bank_api.consents.<function>`.

Called with `Authorization: token <key>:<secret>`. The page shows an end user everything that is shared through any
provider, and lets the end user renew, change and withdraw it (docs/consent-pages.md).
"""

import frappe

from bank_api.gateway import access_links, arguments, clients, end_users, languages
from bank_api.gateway.api import endpoint

METHODS = ["GET", "POST"]


@frappe.whitelist(methods=METHODS)
@endpoint
def get_consents_link(
	user: str | int | None = None,
	redirect_url: str | None = None,
	language: str | None = None,
	base_url: str | None = None,
	site: str | None = None,
) -> dict:
	"""A link to the page on which an end user sees and changes what is shared.

	Send the end user's browser there at once: the link opens one browser, within 15 minutes.

	Args:
		user: the client's name of its end user; the client itself if missing.
		redirect_url: where the end user goes on to from the page, absolute or relative to `base_url`; within the
			client's origins.
		language: `en`, `fr`, `cs`, `pt-BR` or `he`; the client's own, or the browser's, if missing.
		base_url: address of the calling site; one of the client's registered origins.
		site: older name of the caller; must be its own.

	Returns:
		`link` and `expires_at`.
	"""
	client = arguments.caller(site)
	base = clients.check_base_url(client, base_url)
	return access_links.issue(
		client,
		end_users.user_key(client, arguments.text(user)),
		languages.asked(language) or languages.known(client.language),
		clients.check_redirect_url(client, redirect_url, base),
	)


@frappe.whitelist(methods=METHODS)
@endpoint
def revoke_consents_links(user: str | int | None = None, site: str | None = None) -> dict:
	"""End every link and every open page of an end user at once, such as when they log out.

	Args:
		user: the client's name of its end user; the client itself if missing.
		site: older name of the caller; must be its own.

	Returns:
		`revoked`: how many there were.
	"""
	client = arguments.caller(site)
	return {"revoked": access_links.revoke(client, end_users.user_key(client, arguments.text(user)))}
