"""A customer's logo: decoded, made small, and written anew as PNG, so that nothing of the uploaded file stays in it."""

import base64
import binascii
import io
import re

from frappe import _
from PIL import Image

from bank_api.gateway.errors import BadArgument

MAX_UPLOAD = 4 * 1024 * 1024
MAX_PIXELS = 24_000_000
MAX_DATA = 12_000  # characters of the `data:` address
BOX = (320, 96)  # twice the size at which it is shown
FORMATS = ("PNG", "JPEG", "WEBP")
PREFIX = "data:image/png;base64,"

_DATA = re.compile(r"data:[a-z0-9.+/-]{3,40};base64,([A-Za-z0-9+/=\s]+)", re.ASCII)
_COLORS = (256, 64, 16)
# What a whole file ends with. Libraries of the framework let Pillow fill up truncated files for the whole process.
_ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}
_SHRINKS = 6


def encode(upload: bytes) -> str:
	"""An uploaded picture as the `data:` address of a small PNG.

	Raises:
		BadArgument: no PNG, JPEG or WebP, damaged, or too large.
	"""
	if len(upload) > MAX_UPLOAD:
		raise BadArgument(_("The logo is larger than {0} MB.").format(MAX_UPLOAD // 1024 // 1024))
	return _small(_opened(upload))


def from_data(address: str) -> str:
	"""As `encode`, of a `data:` address as browsers make them."""
	match = _DATA.fullmatch(address.strip()) if len(address) < 2 * MAX_UPLOAD else None
	try:
		upload = base64.b64decode(match[1], validate=False) if match else b""
	except (binascii.Error, ValueError):
		upload = b""
	if not upload:
		raise _no_picture()
	return encode(upload)


def is_clean(address: str) -> bool:
	"""Whether an address has the form that `encode` gives."""
	return (
		address.startswith(PREFIX)
		and len(address) <= MAX_DATA
		and re.fullmatch(r"[A-Za-z0-9+/]+=*", address.removeprefix(PREFIX), re.ASCII) is not None
	)


def _no_picture() -> BadArgument:
	return BadArgument(
		_("The logo must be a PNG, JPEG or WebP picture. SVG is not taken: such a file can hold a program.")
	)


def _opened(upload: bytes) -> Image.Image:
	"""The picture's pixels; its size is looked at before they are unpacked."""
	try:
		picture = Image.open(io.BytesIO(upload), formats=FORMATS)
		if picture.width * picture.height > MAX_PIXELS:
			raise BadArgument(_("The logo has too many pixels."))
		if not _is_whole(upload, picture.format or ""):
			raise _no_picture()
		picture.load()
		return picture.convert("RGBA")
	except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
		raise _no_picture() from None


def _is_whole(upload: bytes, form: str) -> bool:
	"""Whether a file goes to its end: WebP says its length, the others have an end mark."""
	if form in _ENDS:
		return _ENDS[form] in upload
	return int.from_bytes(upload[4:8], "little") + 8 <= len(upload)


def _small(picture: Image.Image) -> str:
	"""The picture within the box, with fewer colours and then smaller until it is light enough."""
	box = BOX
	for _shrink in range(_SHRINKS):
		smaller = picture.copy()
		smaller.thumbnail(box, Image.Resampling.LANCZOS)
		for colors in (None, *_COLORS):
			address = _png(smaller if colors is None else smaller.quantize(colors))
			if len(address) <= MAX_DATA:
				return address
		box = (box[0] * 2 // 3, box[1] * 2 // 3)
	raise BadArgument(_("The logo cannot be made small enough. Use a simpler picture."))


def _png(picture: Image.Image) -> str:
	buffer = io.BytesIO()
	picture.save(buffer, "PNG", optimize=True)
	return PREFIX + base64.b64encode(buffer.getvalue()).decode()
