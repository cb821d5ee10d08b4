"""The pages on which end users see, renew, change and end what they share; see docs/consent-pages.md.

Words and looks only: what is true is in `sharing`, what may be done in `ways`, who is there in `access_links`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from babel import Locale

from bank_api.connectors.model import EndReason
from bank_api.connectors.onboarding import Theme
from bank_api.gateway import access_links, languages, page_frame, ways, whitelabel
from bank_api.gateway.access_links import Visit
from bank_api.gateway.clock import iso, site_now, site_zone, to_utc
from bank_api.gateway.page_frame import Page, isolated
from bank_api.gateway.page_words import say as _
from bank_api.gateway.sharing import Note, Sharing, State, masked
from bank_api.gateway.sharing_history import Line

PATH = access_links.PATH
SOON = timedelta(days=45)


@dataclass(frozen=True, slots=True)
class Reader:
	"""Who reads a page.

	Attributes:
		visit: the end user's.
		language: of the page.
		theme: how it looks.
		client_name: what the client site calls itself.
	"""

	visit: Visit
	language: str
	theme: Theme
	client_name: str


@dataclass(frozen=True, slots=True)
class Action:
	"""Something that an end user may do on a page of its own; `name` is the last part of its address."""

	name: str
	label: str
	help: str
	style: str = ""


def overview(reader: Reader, rows: Sequence[Sharing], data: Any, message: str = "") -> Page:
	"""Everything that is shared, and was.

	Args:
		reader: who reads it.
		rows: what is shared.
		data: gives the data of a sharing in words.
		message: what has just happened.
	"""
	language = reader.language
	headings = {
		State.ACTIVE: _("Shared now", language),
		State.WAITING: _("Not complete yet", language),
		State.ENDED: _("Ended", language),
	}
	sections = [
		(state.value, heading, [_card(row, reader, data(row)) for row in rows if row.state is state])
		for state, heading in headings.items()
	]
	return _page("overview", reader, message=message, sections=sections, any_rows=bool(rows))


def sharing(
	reader: Reader,
	row: Sharing,
	data: Sequence[str],
	lines: Sequence[Line],
	actions: Sequence[Action],
) -> Page:
	"""One bank: what is shared, since and until when, what may be done, what has happened."""
	card = _card(row, reader, data) | {
		"details": _details(row, reader),
		"data": data,
		"accounts": _accounts(row, reader),
	}
	history = [
		((iso(to_utc(line.at)), languages.moment(line.at, reader.language)), line.text) for line in lines
	]
	return _page("sharing", reader, row=card, history=history, actions=actions)


def form(
	reader: Reader,
	row: Sharing,
	name: str,
	asked: ways.Form,
	problem: str = "",
	chosen: Sequence[str] | None = None,
) -> Page:
	"""The page on which an end user renews or changes a sharing.

	Args:
		reader: who reads it.
		row: the sharing.
		name: `renew` or `change`.
		asked: what has to be entered.
		problem: why it did not work, if it was tried.
		chosen: what was ticked then; numbers are never filled in again.
	"""
	language = reader.language
	heading = (
		_("Renew the access to {0}", language) if name == "renew" else _("Change the access to {0}", language)
	)
	return _page(
		"form",
		reader,
		heading=heading.format(isolated(row.bank, language)),
		key=row.key,
		action=f"{PATH}/{row.key}/{name}",
		problem=problem,
		texts=_explained(name, asked, reader),
		groups=_choices(asked, language, chosen),
		fields=_fields(asked, row, language),
		kind="main",
		submit=_("Go on", language) if asked.away else _("Renew", language),
	)


def withdrawal(reader: Reader, row: Sharing, problem: str = "") -> Page:
	"""The page that asks once more before an access is ended."""
	language = reader.language
	heading = (
		_("Cancel the access to {0}?", language)
		if row.state is State.WAITING
		else _("End the access to {0}?", language)
	)
	name = isolated(reader.client_name, language)
	first = (
		_("{0} will not be able to read data of this bank any more, and the bank is told.", language)
		if ways.tells_end(row)
		else _(
			"{0} will not be able to read data of this bank any more. This bank cannot be told from here: to end the consent there as "
			"well, use the bank's own channel.",
			language,
		)
	)
	texts = [
		first.format(name),
		_(
			"What was read and is kept here is deleted. The history stays, so that you can look it up.",
			language,
		),
		_("To share again, you start anew from {0}.", language).format(name),
	]
	return _page(
		"form",
		reader,
		heading=heading.format(isolated(row.bank, language)),
		key=row.key,
		action=f"{PATH}/{row.key}/end",
		problem=problem,
		texts=texts,
		groups=[],
		fields=[],
		kind="danger",
		submit=_("End the access", language)
		if row.state is State.ACTIVE
		else _("Cancel the access", language),
	)


def away(reader: Reader, row: Sharing, link: str) -> Page:
	"""The page from which an end user goes on to the bank."""
	return _page("away", reader, key=row.key, link=link, host=urlsplit(link).netloc)


def closed(language: str) -> Page:
	"""What everybody sees who is not let in, whatever the reason."""
	return page_frame.render(
		"closed",
		whitelabel.default_theme(),
		language,
		heading=_("This page is not open", language),
		text=_(
			"A link opens this page once and for a short time. Please open it again from your application.",
			language,
		),
		redirect_url="",
	)


def farewell(reader: Reader) -> Page:
	"""The end user has closed the page."""
	return page_frame.render(
		"closed",
		reader.theme,
		reader.language,
		client_name=reader.client_name,
		heading=_("The page is closed", reader.language),
		text=_("To see your shared bank data again, open the page from your application.", reader.language),
		redirect_url=reader.visit.redirect_url,
	)


def actions_of(row: Sharing, way: ways.Way | None, language: str) -> list[Action]:
	"""What may be done about a sharing."""
	found = []
	if way and way.renewal(row):
		found.append(
			Action("renew", _("Renew", language), _("The access stays and lasts longer.", language), "main")
		)
	if way and way.alteration(row):
		found.append(Action("change", _("Change", language), _("You choose again what is shared.", language)))
	if row.state is State.WAITING:
		found.append(Action("end", _("Cancel", language), _("Nothing is shared.", language), "danger"))
	elif row.state is State.ACTIVE:
		found.append(
			Action("end", _("End the access", language), _("Nothing is read any more.", language), "danger")
		)
	return found


def sample(theme: Theme, language: str) -> str:
	"""The overview with made-up rows, as the whitelabel's form shows it."""
	now = site_now()
	visit = Visit("", None, "", (), language, "", now + access_links.OPEN_FOR, None)  # type: ignore[arg-type]
	reader = Reader(visit, language, theme, _("Your Company", language))
	row = Sharing(
		"sample", "", "", "", "", "Example Bank", "", State.ACTIVE, since=now, until=now + timedelta(days=180)
	)
	rows = [row, replace(row, bank="Sample Savings", state=State.WAITING, note=Note.WAITING_FOR_OTHERS)]
	words = [_("Accounts, balances and transactions", language)]
	return overview(reader, rows, lambda _row: words).html


# --- rows in words


def _card(row: Sharing, reader: Reader, data: Sequence[str]) -> dict[str, Any]:
	language = reader.language
	standing, badge = _standing(row, language)
	summary = [(_("Data", language), "; ".join(data))] if data else []
	summary.append(_end_of(row, language))
	if row.state is State.ACTIVE:
		summary.append((_("Last read", language), _at(row.last_access, language)))
	return {
		"key": row.key,
		"bank": row.bank,
		"standing": standing,
		"badge": badge,
		"note": _note(row, language),
		"summary": summary,
	}


def _standing(row: Sharing, language: str) -> tuple[str, str]:
	if row.state is State.WAITING:
		return _("Waiting", language), ""
	if row.state is State.ENDED:
		return _("Ended", language), ""
	if row.note in (Note.NEEDS_YOU, Note.EXPIRED):
		return _("Needs you", language), "attention"
	if row.note is Note.REFUSED_BY_OTHERS:
		return _("Refused", language), "attention"
	if row.note is Note.PAUSED:
		return _("Paused", language), "attention"
	return _("Active", language), "active"


def _note(row: Sharing, language: str) -> str:
	if row.note is Note.WAITING_FOR_YOU and row.waiting_until:
		return _("You have not finished at the bank yet. It can be finished until {0}.", language).format(
			languages.moment(row.waiting_until, language)
		)
	return {
		Note.NONE: "",
		Note.NEEDS_YOU: _(
			"Nothing can be read at the moment: the bank wants you to confirm again.", language
		),
		Note.EXPIRED: _(
			"Nothing is read any more: your confirmation has run out. You can renew it.", language
		),
		Note.PAUSED: _("The bank has paused the access. Only the bank can tell you why.", language),
		Note.FAULT: _("The bank does not answer at the moment. You need not do anything.", language),
		Note.WAITING_FOR_YOU: _("You have not finished at the bank yet.", language),
		Note.WAITING_FOR_OTHERS: _(
			"Other people still have to approve it at the bank. Nothing is read before.", language
		),
		Note.REFUSED_BY_OTHERS: _(
			"Other people had to approve it at the bank, and have refused. Nothing is read.", language
		),
	}[row.note]


def _end_of(row: Sharing, language: str) -> tuple[str, str]:
	if row.state is State.ENDED:
		return _("Ended on", language), _day(row.ended_at, language)
	if row.until is None:
		text = _("No end date", language) if row.endless else _("Not known", language)
	else:
		text = _day(row.until, language)
		left = row.until - site_now()
		if timedelta(0) < left < SOON:
			text = f"{text} ({languages.distance(left, language)})"
	return _("Until", language), text


def _details(row: Sharing, reader: Reader) -> list[tuple[str, str]]:
	language = reader.language
	place = Locale.parse(languages.locale(language)).territories.get(row.country.upper(), "")
	purpose = row.purpose or reader.theme.purpose
	found = [
		(_("Who may read it", language), reader.client_name),
		(
			_("What for", language),
			purpose
			or _("To use your bank data in {0}", language).format(isolated(reader.client_name, language)),
		),
		(_("Through", language), f"{row.provider} ({place})" if place else row.provider),
		(_("Since", language), _day(row.since, language)),
		_end_of(row, language),
		(_("Last read", language), _at(row.last_access, language)),
	]
	if row.state is State.ENDED:
		found.append((_("How it ended", language), _how_it_ended(row, language, reader.client_name)))
	return found


def _how_it_ended(row: Sharing, language: str, client_name: str) -> str:
	reasons = {
		EndReason.NOT_GIVEN_IN_TIME.value: _("It was not confirmed in time", language),
		EndReason.REFUSED.value: _("It was refused", language),
		EndReason.REVOKED.value: _("It was withdrawn", language),
		EndReason.EXPIRED.value: _("Its time was over", language),
		EndReason.REPLACED.value: _("A newer access has taken its place", language),
		EndReason.TECHNICAL.value: _("For a technical reason", language),
		EndReason.SECURITY.value: _("For a security reason", language),
	}
	people = {
		"End User": _("by you", language),
		"Bank": _("by the bank", language),
		"Client": client_name,
	}
	reason = reasons.get(row.end_reason, _("Not known", language))
	who = people.get(row.ended_by, "")
	return f"{reason} ({who})" if who else reason


def _accounts(row: Sharing, reader: Reader) -> list[tuple[str, str]]:
	kinds = {
		"card": _("Card", reader.language),
		"loan": _("Loan", reader.language),
	}
	return [
		(
			account.name or kinds.get(account.kind, _("Account", reader.language)),
			masked(account.number),
		)
		for account in row.accounts
	]


def _day(value: datetime | None, language: str) -> str:
	return languages.day(value, language) if value else _("Not known", language)


def _at(value: datetime | None, language: str) -> str:
	return languages.moment(value, language) if value else _("Not yet", language)


# --- forms


def _explained(name: str, asked: ways.Form, reader: Reader) -> list[str]:
	language = reader.language
	if name == "renew" and not asked.away:
		return [_("The access lasts longer from now on; you need not go to the bank.", language)]
	if name == "renew":
		return [_("You confirm at the bank that the access goes on.", language)]
	if asked.choices:
		return [_("Choose what may be read. Then you confirm it at the bank.", language)]
	return [_("You choose at the bank what may be read.", language)]


def _choices(
	asked: ways.Form, language: str, chosen: Sequence[str] | None
) -> list[tuple[str, list[ways.Choice]]]:
	found: dict[str, list[ways.Choice]] = {}
	for choice in asked.choices:
		legend = _(choice.group, language) if choice.group else _("May be read", language)
		ticked = choice.chosen if chosen is None else choice.key in chosen
		found.setdefault(legend, []).append(replace(choice, label=_(choice.label, language), chosen=ticked))
	return list(found.items())


def _fields(asked: ways.Form, row: Sharing, language: str) -> list[tuple[str, str, str, bool]]:
	person, business = _numbers(row.country, language)
	hint = _("It is sent to the bank to recognise you, and not kept here.", language)
	found = []
	if asked.person:
		found.append(("person", person, hint, True))
	if asked.business:
		optional = _("Only if the data is a company's. It is sent to the bank, and not kept here.", language)
		found.append(("business", business, optional, False))
	return found


def _numbers(country: str, language: str) -> tuple[str, str]:
	"""What people and companies are numbered by in a country."""
	known = {
		"BR": (_("Your CPF number", language), _("CNPJ number of the company", language)),
		"IL": (_("Your identity or passport number", language), _("Number of the company", language)),
	}
	return known.get(
		country.upper(), (_("Your identity number", language), _("Number of the company", language))
	)


# --- the frame


def _page(template: str, reader: Reader, **values: Any) -> Page:
	visit = reader.visit
	return page_frame.render(
		template,
		reader.theme,
		reader.language,
		lambda action: access_links.form_fields(visit, action) if visit.cookie else {},
		client_name=reader.client_name,
		# Whoever was sent here by somebody else's link shall see that it is somebody else's page.
		who=visit.user if visit.client and visit.user != visit.client.name else "",
		path=PATH,
		redirect_url=visit.redirect_url,
		ends_at=languages.clock(visit.ends_at),
		zone=languages.offset(site_zone()),
		**values,
	)
