"""The words of the pages that end users see.

The app's own translations, read once a process: the framework's way costs a page some milliseconds for thousands of
sentences that it does not say. What an operator wants to say differently is a whitelabel's text.
"""

import csv
from functools import lru_cache
from pathlib import Path

import frappe

_FOLDER = Path(__file__).parent.parent / "translations"


@lru_cache(maxsize=8)
def catalogue(language: str) -> dict[str, str]:
	"""All sentences of the app in a language; empty for English."""
	path = _FOLDER / f"{language}.csv"
	if language == "en" or not path.exists():
		return {}
	with path.open(newline="", encoding="utf-8") as file:
		return {row[0]: row[1] for row in csv.reader(file) if len(row) > 1 and row[1]}


def say(sentence: str, language: str) -> str:
	"""A sentence in a language; import it as `_`, so that the tests find the sentence."""
	return catalogue(language).get(sentence, sentence)


class speaking:
	"""While the block runs, what the gateway says of its errors is in this language."""

	def __init__(self, language: str):
		self._language = language
		self._before = None

	def __enter__(self) -> None:
		self._before, frappe.local.lang = getattr(frappe.local, "lang", None), self._language

	def __exit__(self, *_: object) -> None:
		frappe.local.lang = self._before
