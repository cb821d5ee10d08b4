"""Names of rows: in time order, so that a table of millions grows at its end, and unguessable in part."""

import secrets
import time
from datetime import datetime

_SUFFIX_BITS = 36


def row_names(count: int) -> list[str]:
	"""Names for `count` new rows, ascending, 22 lower-case hexadecimal characters each.

	13 characters are the microsecond, 9 are random, so that two workers never meet.
	"""
	first = time.time_ns() // 1000
	return [f"{first + i:013x}{secrets.randbits(_SUFFIX_BITS):09x}" for i in range(count)]


def row_name() -> str:
	"""A name for one new row; see `row_names`."""
	return row_names(1)[0]


def first_name(instant: datetime) -> str:
	"""Rows made before an aware instant have names below this text, later ones have names above it."""
	return f"{round(instant.timestamp() * 1_000_000):013x}"
