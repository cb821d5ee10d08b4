"""HTML of KB's pages: forms without script, usable by keyboard, Czech and English."""

from html import escape

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.kb.texts import TEXTS

_STYLE = """
*{box-sizing:border-box}
body{margin:0;background:#f2f2f0;color:#1d1d1b;font:17px/1.55 "Segoe UI",Roboto,Arial,sans-serif}
.skip{position:absolute;left:-999rem;background:#fff;color:#111;padding:.5rem 1rem}
.skip:focus{left:.5rem;top:.5rem;z-index:1}
header{background:#1d1d1b;color:#fff;border-bottom:4px solid #d1001f}
header div,footer,.wide{max-width:60rem;margin:auto;padding:.9rem 1.5rem}
header div{display:flex;gap:.75rem;align-items:baseline;flex-wrap:wrap}
header strong{font-size:1.2rem}
header a{color:#fff;margin-left:.75rem}
header nav{margin-left:auto}
main{max-width:60rem;margin:1.5rem auto 2rem;background:#fff;border:1px solid #d4d4d0;border-radius:12px;padding:1.5rem 2rem}
h1{font-size:1.5rem;line-height:1.3;margin:0 0 .5rem}
h2{font-size:1.15rem;margin:1.75rem 0 .4rem}
p{margin:.3rem 0 1rem}
label,legend{font-weight:600}
fieldset{border:0;margin:0 0 1rem;padding:0;min-width:0}
legend{padding:0;margin-bottom:.4rem}
input[type=text]{display:block;width:100%;max-width:20rem;margin:.35rem 0 1rem;padding:.65rem .8rem;font:inherit;
border:1px solid #6d6d68;border-radius:8px}
.rows{display:grid;gap:.6rem;margin:0 0 1rem;padding:0;list-style:none}
.rows>*{display:flex;gap:.7rem;align-items:flex-start;border:1px solid #d4d4d0;border-radius:10px;padding:.7rem .9rem;
font-weight:400;min-width:0}
.rows span{min-width:0;overflow-wrap:anywhere}
.rows b,.rows small{display:block}
.rows input{width:1.15rem;height:1.15rem;margin:.3rem 0 0;flex:none}
small,.hint{color:#55554f;font-size:.88rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.25rem;margin:0 0 1rem}
dt{color:#55554f}dd{margin:0;overflow-wrap:anywhere}
.digest{font-family:Consolas,monospace;font-size:.95rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.45rem .6rem;border-bottom:1px solid #d4d4d0;vertical-align:top}
.number,.day{white-space:nowrap}.number{text-align:right}
.rows .number{margin-left:auto}
.actions{display:flex;gap:.75rem;flex-wrap:wrap;margin-top:1.25rem}
button,.button{font:inherit;font-weight:600;padding:.7rem 1.4rem;border-radius:9px;border:1px solid #1d1d1b;
background:#1d1d1b;color:#fff;cursor:pointer;text-decoration:none;display:inline-block}
button.quiet{background:#fff;color:#1d1d1b}
:focus-visible{outline:3px solid #d1001f;outline-offset:2px}
.error{background:#fdecea;border:1px solid #b3261e;border-radius:10px;padding:.7rem .9rem}
.good{background:#e8f4ec;border:1px solid #2f7d4f;border-radius:10px;padding:.7rem .9rem}
footer{color:#55554f;font-size:.85rem}
@media (max-width:36rem){main{margin:0;border:0;border-radius:0;padding:1rem}dl{grid-template-columns:1fr}
.actions>*,.actions button{width:100%}}
"""
LANGUAGES = tuple(TEXTS)


def language_of(request: Request) -> str:
	"""Return the language of a page: asked for in the address, kept in the cookie, or the browser's; else Czech."""
	for wanted in (request.args.get("lang"), request.cookies.get("kb_lang")):
		if wanted in LANGUAGES:
			return wanted
	return request.accept_languages.best_match(LANGUAGES) or "cs"


def shown(hundredths: int, currency: str, words: dict[str, str]) -> str:
	"""Write an amount as people of the language do."""
	whole, rest = divmod(abs(hundredths), 100)
	sign = "-" if hundredths < 0 else ""
	return (
		f"{sign}{whole:,}".replace(",", words["thousands"])
		+ f"{words['decimal']}{rest:02d}\u00a0{currency}".rstrip()
	)


def document(
	language: str,
	area: str,
	title: str,
	step: str,
	inner: str,
	*,
	code: str = "",
	status: int = 200,
	refresh: str = "",
	nav: str = "",
) -> Response:
	"""Make a page.

	Args:
		language: ``cs`` or ``en``.
		area: Which part of the bank.
		title: Its heading, HTML.
		step: For programs that walk the pages.
		inner: What stands below the heading, HTML.
		code: The code to confirm with, shown in the footer.
		status: HTTP status.
		refresh: Content of a refresh, if the page moves on.
		nav: Further links in the header, HTML.
	"""
	words = TEXTS[language]
	meta = f'<meta http-equiv="refresh" content="{escape(refresh)}">' if refresh else ""
	text = (
		f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8"><title>{title} – {words["brand"]}</title>'
		f'<meta name="viewport" content="width=device-width, initial-scale=1">{meta}<style>{_STYLE}</style></head>'
		f'<body data-step="{escape(step)}"><a class="skip" href="#content">{words["skip"]}</a>'
		f"<header><div><strong>{words['brand']}</strong><span>{area}</span>{nav}</div></header>"
		f'<main id="content"><h1>{title}</h1>{inner}</main>'
		f"<footer>{words['sandbox'].format(code=escape(code))}</footer></body></html>"
	)
	headers = {
		"Cache-Control": "no-store",
		"Referrer-Policy": "no-referrer",
		"X-Content-Type-Options": "nosniff",
		"X-Frame-Options": "DENY",
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
	}
	answer = Response(text, status, headers, content_type="text/html; charset=utf-8")
	answer.set_cookie("kb_lang", language, httponly=True, samesite="Lax")
	return answer


def field(name: str, label: str, error: str = "", hint: str = "", attributes: str = "") -> str:
	"""Make a text field with its label, and what was wrong with the last entry."""
	wrong = f'<p class="error" id="{name}-error" role="alert">{error}</p>' if error else ""
	told = f'<p class="hint" id="{name}-hint">{hint}</p>' if hint else ""
	described = " ".join(f"{name}-{part}" for part, shown in (("error", error), ("hint", hint)) if shown)
	by = f' aria-describedby="{described}"' if described else ""
	return f'{wrong}<label for="{name}">{label}</label><input type="text" id="{name}" name="{name}" required {attributes}{by}>{told}'


def form(inner: str, button: str, action: str, quiet: str = "", quiet_action: str = "refuse") -> str:
	"""Make a form; the second button belongs to a form of its own, so that no empty field stands in its way."""
	second = other = ""
	if quiet:
		other = '<form method="post" id="other"></form>'
		second = f'<button form="other" class="quiet" name="action" value="{quiet_action}">{quiet}</button>'
	return (
		f'<form method="post" id="main">{inner}</form>{other}<div class="actions">'
		f'<button form="main" name="action" value="{action}">{button}</button>{second}</div>'
	)
