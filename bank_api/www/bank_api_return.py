"""The page on which an end user arrives from the bank: says how it went, and goes on to the client site.

No desk, no script, no data but a status. What happens behind it is `gateway.connect.finish`.
"""

import base64
import hashlib
from pathlib import Path

import frappe
from frappe import _

from bank_api.gateway import connect
from bank_api.gateway.api import log_defect, own_presence, roll_back

no_cache = 1
sitemap = 0

LANGUAGES = {"en": "en", "fr": "fr", "cs": "cs", "pt": "pt-BR", "he": "he", "iw": "he"}
RIGHT_TO_LEFT = ("he",)
SECONDS = {"completed": 2, "pending": 4}
DEFAULT_SECONDS = 6

_STYLE = (Path(__file__).parent.parent / "templates" / "bank_api_return.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def get_context(context: frappe._dict) -> None:
	"""Fill the page; `connect.finish` has committed what the visit changed."""
	outcome = _finish()
	language = page_language(outcome.language, frappe.get_request_header("Accept-Language"))
	# Not by frappe.local.lang: frameworks that have no Language row of this name would fail later on.
	title, text = _words(outcome.status, language)
	fill(context, title, text, outcome.status, language)
	context.redirect_url = outcome.redirect_url
	context.link = outcome.redirect_url
	context.go_on = _("Continue", language)
	context.seconds = SECONDS.get(outcome.status, DEFAULT_SECONDS)
	if outcome.status == "unknown":
		context.http_status_code = 404


def fill(context: frappe._dict, title: str, text: str, status: str, language: str) -> None:
	"""What every page has on which somebody arrives from a provider; no way on, unless one is added.

	Args:
		context: of the page.
		title: headline.
		text: what to do.
		status: which sign is shown.
		language: of the page.
	"""
	context.update(
		{
			"title": title,
			"text": text,
			"status": status,
			"language": language,
			"direction": "rtl" if language in RIGHT_TO_LEFT else "ltr",
			"redirect_url": "",
			"link": "",
			"style": _STYLE,
			"style_hash": _STYLE_HASH,
		}
	)


def _finish() -> connect.Outcome:
	try:
		return connect.finish(frappe.request.args, own_presence())
	except Exception:
		# The end user can do nothing about it, and the scheduler settles what is left open.
		roll_back()
		log_defect("bank_api_return")
		return connect.Outcome("pending")


def page_language(preferred: str, accepted: str | None) -> str:
	"""The language of the page: the client's if it has set one, else the first of the browser's that we
	speak.

	Args:
		preferred: language code of the client, or an empty text.
		accepted: the browser's `Accept-Language` header, most wanted first as browsers send it.
	"""
	wanted = [preferred] if preferred else []
	wanted += [part.split(";")[0] for part in (accepted or "")[:200].split(",")]
	for code in wanted:
		known = LANGUAGES.get(code.strip().replace("_", "-").split("-")[0].lower())
		if known:
			return known
	return "en"


def _words(status: str, language: str) -> tuple[str, str]:
	"""Headline and explanation of an outcome."""
	if status == "completed":
		return _("Your bank is connected", language), _(
			"You are being taken back to your application.", language
		)
	if status == "failed":
		return (
			_("Your bank is not connected", language),
			_(
				"The steps on the bank's page were not finished. You can start again from your application.",
				language,
			),
		)
	if status == "pending":
		return (
			_("We are still checking", language),
			_("Your bank has not confirmed the connection yet. You need not wait for it here.", language),
		)
	if status == "expired":
		return (
			_("This link has expired", language),
			_("Too much time has passed since you left. Please start again from your application.", language),
		)
	return (
		_("This link is not valid", language),
		_(
			"It may have been used already or copied incompletely. Please start again from your application.",
			language,
		),
	)
