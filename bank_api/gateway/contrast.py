"""Colours that people can tell apart: relative luminance and contrast ratio as WCAG 2.2 defines them.

Sources: WCAG 2.2, definitions of "relative luminance" and "contrast ratio", success criteria 1.4.3 (text, 4.5:1) and
1.4.11 (parts of controls, 3:1).
"""

import re
from decimal import ROUND_DOWN, Decimal
from functools import lru_cache

TEXT = Decimal("4.5")
COMPONENT = Decimal(3)
LINE = Decimal("1.35")  # what only divides and says nothing

_COLOR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.ASCII)
_STEPS = 20


def color(text: str) -> str | None:
	"""A colour as `#rrggbb`, from `#rgb` or `#rrggbb` in either case; None if it is none."""
	plain = text.strip().lower()
	if not _COLOR.fullmatch(plain):
		return None
	return plain if len(plain) == 7 else "#" + "".join(digit * 2 for digit in plain[1:])


def ratio(first: str, second: str) -> Decimal:
	"""The contrast of two colours (`#rrggbb`), 1 to 21, cut to two places: 4.499 is not 4.5."""
	light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
	exact = (light + Decimal("0.05")) / (dark + Decimal("0.05"))
	return exact.quantize(Decimal("0.01"), ROUND_DOWN)


@lru_cache(maxsize=512)
def soften(front: str, back: str, least: Decimal) -> str:
	"""The palest mix of a colour with the one behind it that still has a contrast.

	Args:
		front: the colour, `#rrggbb`.
		back: what is behind it.
		least: the contrast to keep; if the colour itself does not have it, it is given back as it is.
	"""
	for step in range(_STEPS - 1, 0, -1):
		mixed = _mix(front, back, step)
		if ratio(mixed, back) >= least:
			return mixed
	return front


def _mix(front: str, back: str, step: int) -> str:
	parts = zip(_channels(front), _channels(back), strict=True)
	return "#" + "".join(f"{(f * (_STEPS - step) + b * step) // _STEPS:02x}" for f, b in parts)


def _channels(text: str) -> tuple[int, int, int]:
	return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


@lru_cache(maxsize=1024)
def _luminance(text: str) -> Decimal:
	red, green, blue = (_linear(channel) for channel in _channels(text))
	return Decimal("0.2126") * red + Decimal("0.7152") * green + Decimal("0.0722") * blue


def _linear(channel: int) -> Decimal:
	share = Decimal(channel) / 255
	if share <= Decimal("0.04045"):
		return share / Decimal("12.92")
	return ((share + Decimal("0.055")) / Decimal("1.055")) ** Decimal("2.4")
