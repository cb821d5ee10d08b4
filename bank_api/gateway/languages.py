"""The languages of the pages that end users see."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_timedelta
from frappe import _

from bank_api.gateway.errors import BadArgument

NAMES = {"en": "English", "fr": "Français", "cs": "Čeština", "pt-BR": "Português (Brasil)", "he": "עברית"}
RIGHT_TO_LEFT = ("he",)
_CODES = {"en": "en", "fr": "fr", "cs": "cs", "pt": "pt-BR", "he": "he", "iw": "he"}
_MAX_HEADER = 200


def known(code: str | None) -> str:
	"""A language that we speak, from any code of it such as `pt_PT` or `he-IL`; empty if we do not."""
	return _CODES.get((code or "").strip().replace("_", "-").split("-")[0].lower(), "")


def asked(code: str | None) -> str:
	"""As `known`, of an argument.

	Raises:
		BadArgument: a language that we do not speak.
	"""
	found = known(code)
	if (code or "").strip() and not found:
		raise BadArgument(_("The argument {0} must be one of: {1}.").format("language", ", ".join(NAMES)))
	return found


def of_page(preferred: str, accepted: str | None) -> str:
	"""The language of a page: the one asked for, else the first of the browser's that we speak, else English.

	Args:
		preferred: code of a language, or an empty text.
		accepted: the browser's `Accept-Language` header, most wanted first as browsers send it.
	"""
	wanted = [part.split(";")[0] for part in (accepted or "")[:_MAX_HEADER].split(",")]
	for code in (preferred, *wanted):
		if found := known(code):
			return found
	return "en"


def direction(language: str) -> str:
	"""`ltr` or `rtl`."""
	return "rtl" if language in RIGHT_TO_LEFT else "ltr"


def day(value: date | datetime, language: str) -> str:
	"""A day in words, such as `21 November 2026`."""
	return format_date(value, "long", locale=locale(language))


def moment(value: datetime, language: str) -> str:
	"""A day and a time, such as `21 November 2026, 10:05`; the page says in which zone."""
	return f"{day(value, language)}, {clock(value)}"


def clock(value: datetime) -> str:
	"""A time of the day, such as `10:05`."""
	return value.strftime("%H:%M")


def offset(zone: ZoneInfo) -> str:
	"""How far a time zone is from UTC now, such as `UTC+05:30`."""
	text = datetime.now(zone).strftime("%z")
	return f"UTC{text[:3]}:{text[3:5]}"


def distance(value: timedelta, language: str) -> str:
	"""How far off something is, in words with the right plural, such as `in 5 days` or `za 5 dní`."""
	return format_timedelta(value, add_direction=True, locale=locale(language))


def locale(language: str) -> str:
	"""The language as Babel calls it."""
	return "en_GB" if language == "en" else language.replace("-", "_")
