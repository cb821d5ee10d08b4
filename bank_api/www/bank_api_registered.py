"""The page on which a browser arrives from a bank where the application was registered: says how it went.

No desk, no script. What happens behind it is `gateway.registration.finish`.
"""

from urllib.parse import quote

import frappe
from frappe import _

from bank_api.gateway import registration
from bank_api.gateway.api import log_defect, roll_back
from bank_api.gateway.permissions import is_manager
from bank_api.www import bank_api_return

no_cache = 1
sitemap = 0

SIGNS = {"registered": "completed", "refused": "failed", "broken": "failed"}


def get_context(context: frappe._dict) -> None:
	"""Fill the page; `registration.finish` has committed what the visit changed."""
	found = _finish()
	language = bank_api_return.page_language("", frappe.get_request_header("Accept-Language"))
	title, text = _words(found.status, language)
	bank_api_return.fill(context, title, text, SIGNS.get(found.status, found.status), language)
	# Whoever set it up goes on; anybody else is not told which provider it was.
	if found.provider and is_manager(frappe.session.user):
		context.link = f"/app/bank-api-setup/{quote(found.provider)}"
		context.go_on = _("Go on with the set-up", language)
	if found.status == registration.UNKNOWN:
		context.http_status_code = 404


def _finish() -> registration.Finished:
	try:
		return registration.finish(frappe.request.args)
	except Exception:
		# Nothing is stored then, and the address can be opened again.
		roll_back()
		log_defect("bank_api_registered")
		return registration.Finished("pending")


def _words(status: str, language: str) -> tuple[str, str]:
	"""Headline and what to do."""
	if status == registration.REGISTERED:
		return _("The application is registered", language), _(
			"The gateway has what the bank gave it. You can close this page.", language
		)
	if status == registration.REFUSED:
		return _("The application is not registered", language), _(
			"It was not agreed to at the bank. Nothing has been changed: open the same link once more to try again.",
			language,
		)
	if status == registration.BROKEN:
		return _("The bank's answer does not fit", language), _(
			"It is incomplete, or sealed with another key. Nothing has been changed: open the same link once more, or have a new "
			"one made in the set-up.",
			language,
		)
	if status == registration.LATE:
		return _("This link has expired", language), _(
			"The bank's answer came too late. Nothing has been changed: have a new link made in the set-up.",
			language,
		)
	if status == registration.UNKNOWN:
		return _("Nobody waits for this answer", language), _(
			"It has been taken already, or a newer link took the place of this one. Nothing has been changed: look at the set-up.",
			language,
		)
	return _("Something went wrong here", language), _(
		"The bank's answer could not be stored. Reload this page in a minute; if that does not help, tell the operator.",
		language,
	)
