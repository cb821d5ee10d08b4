"""HTML of all pages here: forms without script, any of five languages, the theme of whoever shows the page."""

import re
from html import escape

from werkzeug.wrappers import Request, Response

LANGUAGES = ("pt-BR", "en", "fr", "cs", "he")
COLORS = {"primary": "#0b5d5e", "on_primary": "#ffffff", "background": "#f3f6f6", "text": "#16302f"}
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_FONT = re.compile(r"[A-Za-z0-9 ,'\"-]{1,200}")

_STYLE = """
*{box-sizing:border-box}
body{margin:0;background:var(--background);color:var(--text);font:17px/1.55 var(--font)}
.skip{position:absolute;inset-inline-start:-999rem;background:#fff;color:#111;padding:.5rem 1rem}
.skip:focus{inset-inline-start:.5rem;top:.5rem;z-index:1}
header{background:var(--primary);color:var(--on_primary)}
header div{max-width:44rem;margin:auto;padding:.9rem 1.5rem;display:flex;gap:.75rem;align-items:center;flex-wrap:wrap}
header strong{font-size:1.2rem}
header img{max-height:2.5rem;max-width:10rem}
main{max-width:44rem;margin:1.5rem auto 2rem;background:#fff;color:#1b2a2a;border:1px solid #cfd8d8;border-radius:14px;
padding:1.5rem 2rem}
h1{font-size:1.5rem;line-height:1.3;margin:0 0 .5rem}
h2{font-size:1.1rem;margin:1.5rem 0 .4rem}
p{margin:.3rem 0 1rem}
label,legend{font-weight:600}
fieldset{border:0;margin:0 0 1rem;padding:0;min-width:0}
legend{padding:0;margin-bottom:.4rem}
input[type=text],input[type=email],input[type=tel],select{display:block;width:100%;max-width:22rem;margin:.3rem 0 1rem;
padding:.65rem .8rem;font:inherit;color:inherit;background:#fff;border:1px solid #6a7c7c;border-radius:9px}
.rows{display:grid;gap:.6rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,18rem),1fr));margin:0 0 1rem;
padding:0;list-style:none}
.rows>*{display:flex;gap:.7rem;align-items:flex-start;border:1px solid #cfd8d8;border-radius:10px;padding:.7rem .9rem;
font-weight:400;min-width:0}
.rows>div{flex-direction:column;gap:.2rem}
.rows span{min-width:0;overflow-wrap:anywhere}
.rows b,.rows small{display:block}
small,.hint{color:#4a5c5c;font-size:.88rem}
.rows input{width:1.15rem;height:1.15rem;margin:.3rem 0 0;flex:none}
.actions{display:flex;gap:.75rem;flex-wrap:wrap;margin-top:1.25rem}
button,.button{font:inherit;font-weight:600;padding:.7rem 1.4rem;border-radius:10px;border:1px solid #1b2a2a;
background:#1b2a2a;color:#fff;cursor:pointer;text-decoration:none;display:inline-block;text-align:center}
.themed button,.themed .button{background:var(--primary);color:var(--on_primary);border-color:var(--primary)}
button.quiet{background:#fff;color:#1b2a2a;border-color:#6a7c7c}
.themed button.quiet{background:#fff;color:#1b2a2a;border-color:#6a7c7c}
:focus-visible{outline:3px solid #b35c00;outline-offset:2px}
.error{background:#fdecea;border:1px solid #b3261e;border-radius:10px;padding:.7rem .9rem}
.good{background:#e8f4ec;border:1px solid #2f7d4f;border-radius:10px;padding:.7rem .9rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1rem;margin:0 0 1rem}
dt{color:#4a5c5c}dd{margin:0;overflow-wrap:anywhere}
footer{max-width:44rem;margin:0 auto 2rem;padding:0 1.5rem;font-size:.85rem}
@media (max-width:36rem){main{margin:0;border:0;border-radius:0;padding:1rem}.actions>*,.actions button{width:100%}
dl{grid-template-columns:1fr}header div,footer{padding-inline:1rem}}
"""


def language_of(request: Request, wanted: str = "") -> str:
	"""Return the language of a page.

	Args:
		request: The query's ``lang`` comes first, ``Accept-Language`` last.
		wanted: What whoever sent the end user asked for.

	Returns:
		One of ``LANGUAGES``.
	"""
	for text in (request.args.get("lang", ""), wanted):
		if text and (found := _known(text)):
			return found
	for text, _quality in request.accept_languages:
		if found := _known(str(text)):
			return found
	return LANGUAGES[0]


def _known(text: str) -> str:
	short = text.replace("_", "-").split("-")[0].lower()
	return next((language for language in LANGUAGES if language.split("-")[0].lower() == short), "")


def style_of(colors: dict[str, str], font: str) -> str:
	"""Return the style sheet with a theme in it; a colour or font that is none is left out."""
	merged = COLORS | {name: value for name, value in colors.items() if name in COLORS}
	merged = {name: value if _COLOR.fullmatch(value) else COLORS[name] for name, value in merged.items()}
	face = font if font and _FONT.fullmatch(font) else "system-ui,'Segoe UI',Arial,sans-serif"
	variables = "".join(f"--{name}:{value};" for name, value in merged.items())
	return f":root{{{variables}--font:{face}}}{_STYLE}"


def field(name: str, label: str, value: str = "", attributes: str = "", error: str = "") -> str:
	"""Return a text field with its label."""
	described = ' aria-describedby="error" aria-invalid="true"' if error else ""
	return (
		f'<label for="{name}">{escape(label)}</label>'
		f'<input type="text" id="{name}" name="{name}" value="{escape(value)}" {attributes}{described}>'
	)


def form(inner: str, *buttons: tuple[str, str], quiet: tuple[tuple[str, str], ...] = ()) -> str:
	"""Return a form; ``quiet`` buttons submit nothing but themselves, in a form of their own."""
	loud = "".join(_button("main", value, label) for value, label in buttons)
	soft = "".join(_button("other", value, label, "quiet") for value, label in quiet)
	return (
		f'<form method="post" id="main">{inner}</form><form method="post" id="other"></form>'
		f'<div class="actions">{loud}{soft}</div>'
	)


def _button(owner: str, value: str, label: str, style: str = "") -> str:
	mark = f' class="{style}"' if style else ""
	return f'<button form="{owner}" name="action" value="{escape(value)}"{mark}>{escape(label)}</button>'


def error_box(text: str) -> str:
	"""Return what went wrong, or nothing."""
	return f'<p class="error" id="error" role="alert">{escape(text)}</p>' if text else ""


def document(
	*,
	language: str,
	brand: str,
	title: str,
	step: str,
	inner: str,
	style: str,
	footer: str = "",
	logo: str = "",
	skip: str = "",
	status: int = 200,
) -> Response:
	"""Write a page.

	Args:
		language: One of ``LANGUAGES``.
		brand: Who shows it.
		title: Its heading.
		step: What tests know it by.
		inner: HTML below the heading.
		style: From ``style_of``.
		footer: Plain text.
		logo: A ``data:`` address.
		skip: Text of the link to the content.
		status: HTTP status.

	Returns:
		The answer.
	"""
	direction = "rtl" if language == "he" else "ltr"
	image = f'<img src="{escape(logo)}" alt="">' if logo.startswith("data:image/") else ""
	text = (
		f'<!DOCTYPE html><html lang="{language}" dir="{direction}"><head><meta charset="utf-8">'
		f"<title>{escape(title)} – {escape(brand)}</title>"
		'<meta name="viewport" content="width=device-width, initial-scale=1">'
		f"<style>{style}</style></head>"
		f'<body class="themed" data-step="{escape(step)}"><a class="skip" href="#content">{escape(skip)}</a>'
		f"<header><div>{image}<strong>{escape(brand)}</strong></div></header>"
		f'<main id="content"><h1>{escape(title)}</h1>{inner}</main><footer>{escape(footer)}</footer></body></html>'
	)
	# form-action is left open: browsers apply it to the redirects after a form too, and those lead to other hosts
	policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
	headers = {
		"Cache-Control": "no-store",
		"Referrer-Policy": "no-referrer",
		"X-Content-Type-Options": "nosniff",
		"X-Frame-Options": "DENY",
		"Content-Security-Policy": policy,
		"Content-Language": language,
	}
	return Response(text, status, headers, content_type="text/html; charset=utf-8")


def see_other(location: str) -> Response:
	"""Send the browser to a page of ours."""
	return Response("", 303, {"Location": location, "Cache-Control": "no-store"})


def leave(location: str) -> Response:
	"""Send the browser away: the documented redirect."""
	headers = {"Location": location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
	return Response("", 302, headers)
