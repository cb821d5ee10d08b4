"""The frame of the pages that end users see: looks, words and headers. Nothing on them runs, and nothing is loaded."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bank_api.connectors.onboarding import Theme
from bank_api.gateway import contrast, languages, whitelabel
from bank_api.gateway.page_words import say

_FOLDER = Path(__file__).parent.parent / "templates" / "consents"
_CSS = (_FOLDER / "consents.css").read_text(encoding="utf-8")
_DARK = {"primary": "#8ab4f8", "on_primary": "#10151a", "background": "#14181c", "text": "#f4f5f6"}

HEADERS = {
	"Cache-Control": "no-store",
	"Cross-Origin-Opener-Policy": "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy": "no-referrer",
	"X-Content-Type-Options": "nosniff",
	"X-Frame-Options": "DENY",
	"X-Robots-Tag": "noindex",
}
POLICY = (
	"default-src 'none'; style-src 'sha256-{0}'; img-src data:; form-action 'self'; base-uri 'none'; "
	"frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Page:
	"""A page ready to be sent.

	Attributes:
		html: its text.
		policy: of its content; only the style that is in it applies.
		language: its language.
	"""

	html: str
	policy: str
	language: str


@lru_cache(maxsize=1)
def _templates() -> Environment:
	return Environment(
		loader=FileSystemLoader(_FOLDER),
		autoescape=True,
		undefined=StrictUndefined,
		auto_reload=False,
		trim_blocks=True,
		lstrip_blocks=True,
	)


def render(
	template: str,
	theme: Theme,
	language: str,
	carried: Callable[[str], Mapping[str, str]] | None = None,
	**values: Any,
) -> Page:
	"""Fill in a page.

	Args:
		template: its file name without the ending.
		theme: how it looks.
		language: of its words.
		carried: gives what a form of an address has to carry; None on pages without forms.
		values: what it says.
	"""
	style, policy = _style(theme_key(theme))
	html = (
		_templates()
		.get_template(f"{template}.html")
		.render(
			{"visit": carried is not None, "client_name": "", "who": ""} | values,
			_=partial(say, language=language),
			theme=theme,
			language=language,
			direction=languages.direction(language),
			style=style,
			isolated=partial(isolated, language=language),
			hidden=lambda action: _hidden(carried(action) if carried else {}),
		)
	)
	return Page(html, policy, language)


def isolated(text: str, language: str) -> str:
	"""A name within a sentence that runs from right to left, so that neither turns the other around."""
	return f"\u2068{text}\u2069" if languages.direction(language) == "rtl" else text


def _hidden(fields: Mapping[str, str]) -> Markup:
	one = Markup('<input type="hidden" name="{0}" value="{1}">')
	return Markup("").join(one.format(name, value) for name, value in fields.items())


def theme_key(theme: Theme) -> tuple[str, ...]:
	"""What of a theme its style depends on."""
	colors = whitelabel.DEFAULT_COLORS | theme.colors
	return (*(colors[role] for role in whitelabel.DEFAULT_COLORS), theme.font)


@lru_cache(maxsize=256)
def _style(key: tuple[str, ...]) -> tuple[str, str]:
	"""The style of a theme, and the policy that lets it apply."""
	colors = dict(zip(whitelabel.DEFAULT_COLORS, key, strict=False))
	stack = whitelabel.stack_of(key[-1])
	text = f":root {{ color-scheme: light; --font: {stack}; {_variables(colors)} }}\n"
	if colors == whitelabel.DEFAULT_COLORS:
		text += (
			"@media (prefers-color-scheme: dark) { :root { color-scheme: dark; "
			+ _variables(_DARK)
			+ " } }\n"
		)
	text += _CSS
	digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
	return text, POLICY.format(digest)


def _variables(colors: dict[str, str]) -> str:
	text, background = colors["text"], colors["background"]
	shades = {
		"primary": colors["primary"],
		"on-primary": colors["on_primary"],
		"background": background,
		"text": text,
		"soft": contrast.soften(text, background, contrast.TEXT),
		"edge": contrast.soften(text, background, contrast.COMPONENT),
		"line": contrast.soften(text, background, contrast.LINE),
	}
	return " ".join(f"--{name}: {color};" for name, color in shades.items())
