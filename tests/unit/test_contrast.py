"""Contrast as WCAG 2.2 defines it, against published values and an implementation in floating point."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bank_api.gateway import contrast

COLORS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def reference(first: str, second: str) -> float:
	"""The formula of WCAG 2.2, written down once more and independently."""

	def luminance(color: str) -> float:
		channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
		linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
		return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

	light, dark = sorted((luminance(first), luminance(second)), reverse=True)
	return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
	("first", "second", "ratio"),
	[
		("#000000", "#ffffff", "21.00"),
		("#ffffff", "#ffffff", "1.00"),
		# Well known edges: #767676 is the palest grey that passes on white, #777777 fails.
		("#767676", "#ffffff", "4.54"),
		("#777777", "#ffffff", "4.47"),
		("#949494", "#ffffff", "3.03"),
		("#ff0000", "#ffffff", "3.99"),
	],
)
def test_known_ratios(first, second, ratio):
	assert contrast.ratio(first, second) == Decimal(ratio)


@given(COLORS, COLORS)
def test_a_ratio_is_the_formulas_and_has_no_direction(first, second):
	found = contrast.ratio(first, second)
	assert found == contrast.ratio(second, first)
	assert 0 <= reference(first, second) - float(found) < 0.0101
	assert 1 <= found <= 21


@given(COLORS, COLORS)
def test_what_is_softened_keeps_its_contrast_or_stays(front, back):
	for least in (contrast.TEXT, contrast.COMPONENT):
		soft = contrast.soften(front, back, least)
		assert contrast.ratio(soft, back) >= least or soft == front
		assert contrast.color(soft) == soft


@pytest.mark.parametrize(
	("text", "color"),
	[
		("#ABC", "#aabbcc"),
		(" #174EA6 ", "#174ea6"),
		("174ea6", None),
		("#12345", None),
		("red", None),
		("#12345g", None),
		("#fff;background:url(//x)", None),
		("", None),
		("#٣٣٣", None),
	],
)
def test_a_colour_is_hexadecimal(text, color):
	assert contrast.color(text) == color
