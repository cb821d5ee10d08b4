"""How a customer's pages look and what they say: colours that can be read, texts that are nothing but text."""

import unicodedata
from html.parser import HTMLParser
from typing import Any

import frappe
from frappe import _

from bank_api.connectors.onboarding import Theme
from bank_api.gateway import contrast, logo
from bank_api.gateway.errors import BadArgument
from bank_api.gateway.plain import shown

DOCTYPE = "Bank API Whitelabel"
TEXT = "Bank API Whitelabel Text"

LANGUAGES = {
	"English": "en",
	"French": "fr",
	"Czech": "cs",
	"Portuguese (Brazil)": "pt-BR",
	"Hebrew": "he",
}
LONGEST = {"Title": 80, "Introduction": 600, "Purpose": 300, "Support": 300}
PURPOSE = "Purpose"

DEFAULT_COLORS = {
	"primary": "#174ea6",
	"on_primary": "#ffffff",
	"background": "#ffffff",
	"text": "#1f272e",
}
# Only what every system has: a font from elsewhere would tell a third party who reads the page.
FONTS = {
	"System": ("system-ui", 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif'),
	"Sans Serif": ("Arial", 'Arial, "Helvetica Neue", Helvetica, "Liberation Sans", sans-serif'),
	"Humanist": ("Verdana", 'Verdana, "DejaVu Sans", Tahoma, sans-serif'),
	"Serif": ("Georgia", 'Georgia, "Times New Roman", "Liberation Serif", serif'),
}
DEFAULT_FONT = "System"

_UNSEEN = {"script", "style", "template", "noscript", "iframe", "object", "title"}


# --- themes


def theme_of(client: str, language: str) -> Theme:
	"""How the pages of a client's end users look.

	Args:
		client: name of the Bank API Client.
		language: of the texts, such as `pt-BR`.
	"""
	name = frappe.db.get_value("Bank API Client", client, "whitelabel")
	return theme(name, language) if name else default_theme()


def default_theme() -> Theme:
	"""How pages look that nobody has customised."""
	return Theme(colors=dict(DEFAULT_COLORS), font=FONTS[DEFAULT_FONT][0])


def theme(name: str, language: str) -> Theme:
	"""A whitelabel as a theme, with its texts in a language; those that it lacks there are in English.

	Args:
		name: name of the Bank API Whitelabel.
		language: of the texts, such as `pt-BR`.
	"""
	fields = ["logo", "font", *(f"{role}_color" for role in DEFAULT_COLORS)]
	row = frappe.db.get_value(DOCTYPE, name, fields, as_dict=True)
	if not row:
		return default_theme()
	rows = frappe.db.sql(
		f"SELECT language, text_key, text FROM `tab{TEXT}` WHERE parent = %s AND parenttype = %s",
		(name, DOCTYPE),
	)
	return _theme(row, texts_in(language, rows))


def theme_of_values(values: dict[str, Any], language: str) -> Theme:
	"""As `theme`, of a form that is not saved (the preview)."""
	texts = values.get("texts") if isinstance(values.get("texts"), list) else []
	rows = [
		(row.get("language"), row.get("text_key"), plain(row.get("text"), row.get("text_key")))
		for row in texts
		if isinstance(row, dict) and row.get("text_key") in LONGEST
	]
	colors = {
		f"{role}_color": contrast.color(str(values.get(f"{role}_color") or "")) for role in DEFAULT_COLORS
	}
	picture = str(values.get("logo") or "")
	row = frappe._dict(colors, font=values.get("font"), logo=picture if logo.is_clean(picture) else "")
	return _theme(row, texts_in(language, rows))


def _theme(row: frappe._dict, texts: dict[str, str]) -> Theme:
	colors = {role: row.get(f"{role}_color") or color for role, color in DEFAULT_COLORS.items()}
	return Theme(
		logo=row.logo or "",
		colors=colors,
		font=FONTS.get(row.font or "", FONTS[DEFAULT_FONT])[0],
		texts={key.lower(): text for key, text in texts.items() if key != PURPOSE},
		purpose=texts.get(PURPOSE, ""),
	)


def texts_in(language: str, rows: Any) -> dict[str, str]:
	"""The texts of a language by key; what is missing there is taken from English."""
	wanted = ("en", language.replace("_", "-"))
	found: dict[str, str] = {}
	for code in dict.fromkeys(wanted):
		found |= {key: text for name, key, text in rows if LANGUAGES.get(name) == code and text}
	return found


def stack_of(font: str) -> str:
	"""The CSS fonts that stand in for a theme's font where a system lacks it."""
	for family, stack in FONTS.values():
		if family == font:
			return stack
	return FONTS[DEFAULT_FONT][1]


# --- what may be entered


def problems(colors: dict[str, str]) -> list[str]:
	"""Pairs of colours that people with weak sight could not tell apart, in words.

	Args:
		colors: colours as `#rrggbb` by role.
	"""
	pairs = (
		("text", "background", contrast.TEXT),
		("on_primary", "primary", contrast.TEXT),
		("primary", "background", contrast.COMPONENT),
	)
	found = []
	for front, back, least in pairs:
		reached = contrast.ratio(colors[front], colors[back])
		if reached < least:
			found.append(
				_("{0} on {1} has a contrast of {2}:1; {3}:1 is the least.").format(
					_role(front), _role(back), reached, least
				)
			)
	return found


def _role(role: str) -> str:
	return {
		"primary": _("Button Colour"),
		"on_primary": _("Text on Buttons"),
		"background": _("Background Colour"),
		"text": _("Text Colour"),
	}[role]


def colors_of(values: Any) -> dict[str, str]:
	"""The colours of a form, tidied; empty ones are the default's.

	Raises:
		BadArgument: one of them is no colour.
	"""
	found = {}
	for role, default in DEFAULT_COLORS.items():
		entered = (values.get(f"{role}_color") or "").strip()
		known = contrast.color(entered) if entered else default
		if known is None:
			raise BadArgument(_("{0}: enter a colour such as #174ea6.").format(_role(role)))
		found[role] = known
	return found


def plain(text: Any, key: Any) -> str:
	"""A text without tags, programs and characters that nobody sees (some turn the direction of what follows them,
	so that a text reads as another one); cut to its length."""
	reader = _Text()
	reader.feed(str(text or "")[:20_000])
	reader.close()
	kept = "".join(reader.parts)
	kept = "".join(_visible(character) for character in kept)
	return (shown(" ".join(kept.split())) or "")[: LONGEST.get(key, 80)]


def _visible(character: str) -> str:
	if character.isprintable():
		return character
	return "" if unicodedata.category(character) == "Cf" else " "


class _Text(HTMLParser):
	"""Collects what a browser would show."""

	def __init__(self) -> None:
		super().__init__(convert_charrefs=True)
		self.parts: list[str] = []
		self._hidden = ""

	def handle_starttag(self, tag: str, attrs: Any) -> None:
		if tag in _UNSEEN and not self._hidden:
			self._hidden = tag
		self.parts.append(" ")

	def handle_endtag(self, tag: str) -> None:
		if tag == self._hidden:
			self._hidden = ""
		self.parts.append(" ")

	def handle_data(self, data: str) -> None:
		if not self._hidden:
			self.parts.append(data)
