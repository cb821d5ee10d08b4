"""Marks between the steps of work that must not be half-done: what is before a mark is committed, what is behind it is not begun.

A mark does nothing. A test puts a function of its own in the place of `mark`, and lets the process die there.
"""

from collections.abc import Callable


def _nothing(step: str) -> None:
	"""A mark outside of tests."""


mark: Callable[[str], None] = _nothing


def reached(step: str) -> None:
	"""The step of this name is done and durable, or the next one is about to begin."""
	mark(step)
