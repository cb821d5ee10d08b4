"""What has happened to one sharing, as the one who shares is told it: from its rows, and from the audit log."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import frappe

from bank_api.gateway import audit, outcome
from bank_api.gateway.clock import site_now
from bank_api.gateway.page_words import say as _
from bank_api.gateway.sharing import Sharing

KEPT_FOR = timedelta(days=730)
MAX_LINES = 60
MAX_REQUESTS = 200


@dataclass(frozen=True, slots=True)
class Line:
	"""Something that happened; `at` is site time."""

	at: datetime
	text: str


def history(found: Sharing, language: str) -> list[Line]:
	"""What has happened to a sharing in the last two years, the latest first."""
	# A visit's request has given several consents, and is named in each of them only.
	names = [name for name in (found.consent, found.item, found.request) if name]
	names += frappe.get_all(
		outcome.DOCTYPE,
		{"consent": found.consent} if found.consent else {"item": found.item},
		pluck="name",
		order_by="name desc",
		limit=MAX_REQUESTS,
	)
	rows = frappe.db.sql(
		f"""SELECT creation, action, outcome FROM `tab{audit.DOCTYPE}`
		WHERE reference_name IN %(names)s AND creation > %(begin)s AND action IN %(told)s
		ORDER BY name DESC LIMIT %(limit)s""",
		{
			"names": tuple(names),
			"begin": site_now() - KEPT_FOR,
			"told": tuple(_sentences("en")),
			"limit": MAX_LINES,
		},
		as_dict=True,
	)
	sentences = _sentences(language)
	lines = [Line(row.creation, sentences[row.action]) for row in rows if row.outcome == audit.SUCCESS]
	lines += [
		Line(row.creation, _("This did not work: {0}", language).format(sentences[row.action]))
		for row in rows
		if row.outcome != audit.SUCCESS
	]
	return sorted(lines, key=lambda line: line.at, reverse=True)


def _sentences(language: str) -> dict[str, str]:
	"""The actions of the audit log that concern the one who shares, in words for them."""
	return {
		"Link Issued": _("You were given the way to the bank's page.", language),
		"Connect Completed": _("The bank confirmed the access.", language),
		"Connect Failed": _("The steps at the bank were not finished.", language),
		"Consent Authorised": _("You gave the access.", language),
		"Consent Granted": _("You gave the access.", language),
		"Consent Waits for Approval": _(
			"You gave the access; other people still had to approve it at the bank.", language
		),
		"Consent Approved": _("Everybody who had to has approved the access.", language),
		"Consent Approval Refused": _("Others who had to approve the access have refused it.", language),
		"Consent Suspended": _("The bank paused the access.", language),
		"Consent Resumed": _("The bank resumed the access.", language),
		"Consent Needs Authorisation": _("Your confirmation became necessary again.", language),
		"Consent Extended": _("You extended the access.", language),
		"Consent Ended": _("The access ended.", language),
		"Item Created": _("The bank was connected.", language),
		"Item Deleted": _("The connection and its data were deleted here.", language),
		"Sharing Withdrawn": _("You withdrew the access on this page.", language),
		"Sharing Renewal Begun": _("You began to renew the access on this page.", language),
		"Sharing Change Begun": _("You began to change the access on this page.", language),
	}
