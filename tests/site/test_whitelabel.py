"""A customer's looks: what may be entered, what is made of it, and that nothing in it runs."""

import base64
import io
import uuid

import pytest
from PIL import Image

from bank_api.gateway import logo, whitelabel
from bank_api.gateway.errors import BadArgument

DOCTYPE = "Bank API Whitelabel"


def picture(kind="PNG", size=(640, 200), color=(20, 90, 160, 255), noise=False):
	"""A picture as somebody uploads it."""
	image = Image.effect_noise(size, 90).convert("RGBA") if noise else Image.new("RGBA", size, color)
	buffer = io.BytesIO()
	(image.convert("RGB") if kind == "JPEG" else image).save(buffer, kind)
	return buffer.getvalue()


def address(upload, mime="image/png"):
	return f"data:{mime};base64,{base64.b64encode(upload).decode()}"


def decoded(found):
	return Image.open(io.BytesIO(base64.b64decode(found.removeprefix(logo.PREFIX))))


def new(db, texts=(), **values):
	doc = db.get_doc({"doctype": DOCTYPE, "title": f"Look {uuid.uuid4().hex[:8]}"} | values)
	for language, key, text in texts:
		doc.append("texts", {"language": language, "text_key": key, "text": text})
	return doc.insert()


# --- logo


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_logo_is_written_anew_as_a_small_png(db, kind):
	found = logo.encode(picture(kind))
	image = decoded(found)
	assert image.format == "PNG"
	assert image.width <= logo.BOX[0] and image.height <= logo.BOX[1]
	assert len(found) <= logo.MAX_DATA
	assert logo.is_clean(found)


def test_a_busy_picture_is_made_light_enough(db):
	found = logo.encode(picture(size=(900, 800), noise=True))
	assert len(found) <= logo.MAX_DATA
	assert decoded(found).width >= 16


def test_nothing_of_the_file_stays_in_the_logo(db):
	image = Image.new("RGB", (40, 40), "red")
	buffer = io.BytesIO()
	image.save(buffer, "JPEG", exif=b"Exif\x00\x00<script>alert(1)</script>", comment=b"a secret")
	found = base64.b64decode(logo.encode(buffer.getvalue() + b"<script>").removeprefix(logo.PREFIX))
	assert b"script" not in found and b"secret" not in found


@pytest.mark.parametrize(
	"upload",
	[
		b"",
		b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
		b"GIF89a" + b"\0" * 40,
		b"%PDF-1.7",
		picture()[:60],
		b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
	],
)
def test_what_is_no_picture_is_refused(db, upload):
	with pytest.raises(BadArgument, match="SVG is not taken"):
		logo.from_data(address(upload, "image/svg+xml"))
	if upload:
		with pytest.raises(BadArgument):
			logo.encode(upload)


def test_a_picture_that_unpacks_to_too_much_is_refused_unread(db):
	with pytest.raises(BadArgument, match="pixels"):
		logo.encode(picture(size=(6000, 5000)))
	with pytest.raises(BadArgument, match="MB"):
		logo.encode(b"\0" * (logo.MAX_UPLOAD + 1))


@pytest.mark.parametrize(
	"text",
	[
		"https://elsewhere.example/logo.png",
		"javascript:alert(1)",
		"data:text/html;base64,PHNjcmlwdD4=",
		'data:image/png;base64,AAAA" onerror="x',
		"/private/files/secret.png",
	],
)
def test_a_logo_is_never_an_address(db, text):
	with pytest.raises(BadArgument):
		logo.from_data(text)
	assert not logo.is_clean(text)
	with pytest.raises(db.ValidationError):
		new(db, logo=text)


def test_a_logo_from_the_api_is_written_anew_too(db):
	doc = new(db, logo=address(picture("JPEG"), "image/jpeg"))
	assert logo.is_clean(doc.logo)
	before = doc.logo
	doc.font = "Serif"
	doc.save()
	assert doc.logo == before


def test_the_button_takes_a_logo_and_drops_it(db):
	doc = new(db)
	doc.set_logo(address(picture()))
	doc.reload()
	assert logo.is_clean(doc.logo)
	doc.remove_logo()
	doc.reload()
	assert not doc.logo


# --- colours


@pytest.mark.parametrize(
	("values", "words"),
	[
		({"text_color": "#777777"}, ("Text Colour on Background Colour", "4.47:1", "4.5:1")),
		({"primary_color": "#ffcc00"}, ("Text on Buttons on Button Colour", "Button Colour on Background")),
		(
			{"primary_color": "#888888", "on_primary_color": "#000000", "background_color": "#666666"},
			("3:1",),
		),
	],
)
def test_colours_that_cannot_be_told_apart_are_refused_with_the_pair_and_the_ratio(db, values, words):
	with pytest.raises(db.ValidationError) as refusal:
		new(db, **values)
	assert [word for word in words if word not in str(refusal.value)] == []


def test_a_colour_is_a_colour(db):
	with pytest.raises(db.ValidationError, match="Button Colour"):
		new(db, primary_color="red;}</style><script>")
	assert new(db, primary_color="#123").primary_color == "#112233"


def test_the_defaults_can_be_read(db):
	assert whitelabel.problems(whitelabel.DEFAULT_COLORS) == []


# --- texts


@pytest.mark.parametrize(
	("entered", "kept"),
	[
		("Your <b>data</b>", "Your data"),
		("<script>alert(1)</script>Hello", "Hello"),
		("<scr<script>ipt>alert(1)</script>", None),
		("a < b & c > d", "a ‹ b & c › d"),
		("&lt;img src=x onerror=alert(1)&gt;", "‹img src=x onerror=alert(1)›"),
		("one\n\ntwo\tthree\x00", "one two three"),
		("\u202egnp.exe\u2066", "gnp.exe"),
		("x" * 500, "x" * 80),
		("<!-- hidden -->seen", "seen"),
		("{{ frappe.conf }}", "{{ frappe.conf }}"),
	],
)
def test_texts_are_nothing_but_text(db, entered, kept):
	found = whitelabel.plain(entered, "Title")
	assert "<" not in found and ">" not in found
	if kept is not None:
		assert found == kept


def test_a_text_is_there_once_and_not_empty(db):
	with pytest.raises(db.ValidationError, match="twice"):
		new(db, [("English", "Title", "One"), ("English", "Title", "Two")])
	with pytest.raises(db.ValidationError, match="empty"):
		new(db, [("English", "Title", "<style>a</style>")])


# --- the theme


def test_a_theme_has_the_texts_of_its_language_and_english_for_the_rest(db):
	doc = new(
		db,
		[
			("English", "Title", "Your data"),
			("English", "Purpose", "To keep your books"),
			("Portuguese (Brazil)", "Title", "Seus dados"),
		],
		font="Serif",
		primary_color="#0b5d1e",
	)
	english, brazilian = whitelabel.theme(doc.name, "en"), whitelabel.theme(doc.name, "pt-BR")
	assert english.texts == {"title": "Your data"} and english.purpose == "To keep your books"
	assert brazilian.texts == {"title": "Seus dados"} and brazilian.purpose == "To keep your books"
	assert english.colors["primary"] == "#0b5d1e" and english.colors["background"] == "#ffffff"
	assert english.font == "Georgia" and whitelabel.stack_of(english.font).startswith("Georgia")


def test_a_client_without_a_whitelabel_has_the_default_theme(db):
	site = f"{uuid.uuid4().hex[:8]}.example"
	client = db.get_doc({"doctype": "Bank API Client", "site": site, "client_name": site}).insert()
	assert whitelabel.theme_of(client.name, "he") == whitelabel.default_theme()
	look = new(db, [("Hebrew", "Title", "הנתונים שלך")])
	client.whitelabel = look.name
	client.save()
	assert whitelabel.theme_of(client.name, "he").texts == {"title": "הנתונים שלך"}


def test_a_preview_of_unsaved_values_trusts_none_of_them(db):
	theme = whitelabel.theme_of_values(
		{
			"primary_color": "url(javascript:alert(1))",
			"logo": "javascript:alert(1)",
			"font": "</style>",
			"texts": [
				{"language": "English", "text_key": "Title", "text": "<script>x</script>Hi"},
				{"language": "English", "text_key": "Nothing", "text": "x"},
				"garbage",
			],
		},
		"en",
	)
	assert theme.colors == whitelabel.DEFAULT_COLORS
	assert theme.logo == "" and theme.texts == {"title": "Hi"} and theme.font == "system-ui"
