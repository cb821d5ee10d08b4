"""Reference data that changes seldom: banks and categories, as received, kept in Redis.

The provider is asked once a day for each resource and language. While it cannot answer, the last answer
serves for a week; without one, the caller gets the provider's error.
"""

import re
import time
from collections.abc import Callable

import frappe

from bank_api.connectors.base import Connector
from bank_api.connectors.errors import NotFound, ProviderError
from bank_api.gateway import providers
from bank_api.gateway.errors import UnknownObject

FRESH_SECONDS = 24 * 3600
KEPT_SECONDS = 7 * 24 * 3600
UNKNOWN_SECONDS = 300
PAUSE_SECONDS = 60
"""After a failure, how long the last answer is given without asking the provider again."""

LANGUAGES = ("en", "fr")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")


def language_of(lang: str | None) -> str:
	"""The language that the provider is asked for: English unless a variant of French is wanted.

	Source: protocols/bridge.md 1.1, `Accept-Language: fr|en`.
	"""
	language = (lang or "").strip().lower()[:2]
	return language if language in LANGUAGES else LANGUAGES[0]


def bank(provider: str, bank_id: str | int, lang: str | None = None) -> str:
	"""A bank's resource as JSON text, as received.

	Args:
		provider: name of the Bank API Provider.
		bank_id: the provider's id of the bank.
		lang: language of names.

	Raises:
		UnknownObject: the provider knows no such bank.
		ProviderError: the provider cannot answer, and there is no copy of an earlier answer.
	"""
	identifier = _identifier(bank_id)
	return _cached(
		provider, "bank", identifier, lang, lambda source, language: source.bank(identifier, language)
	)


def category(provider: str, category_id: str | int | None = None, lang: str | None = None) -> str:
	"""A category's resource, or the answer with all of them if `category_id` is None; otherwise as `bank`."""
	if category_id in (None, ""):
		return _cached(provider, "categories", "", lang, lambda source, language: source.categories(language))
	identifier = _identifier(category_id)
	return _cached(
		provider, "category", identifier, lang, lambda source, language: source.category(identifier, language)
	)


def forget(provider: str) -> None:
	"""Drop what is kept of a provider, because its version or its application may have changed."""
	frappe.cache().delete_keys(_prefix(provider))


def _prefix(provider: str) -> str:
	return f"bank_api:reference:{provider}:"


def _identifier(value: str | int) -> str:
	text = str(value).strip()
	if not _IDENTIFIER.fullmatch(text):
		raise UnknownObject
	return text


def _cached(
	provider: str, kind: str, identifier: str, lang: str | None, fetch: Callable[[Connector, str], str]
) -> str:
	language = language_of(lang)
	key = f"{_prefix(provider)}{kind}:{language}:{identifier}"
	cache = frappe.cache()
	kept = cache.get_value(key, expires=True)
	if kept and time.time() < kept[0]:
		return _known(kept[1])
	try:
		text = fetch(providers.connector(provider), language)
	except NotFound:
		cache.set_value(key, (time.time() + UNKNOWN_SECONDS, None), expires_in_sec=UNKNOWN_SECONDS)
		raise UnknownObject from None
	except ProviderError:
		if not kept or kept[1] is None:
			raise
		return _paused(key, kept)
	cache.set_value(key, (time.time() + FRESH_SECONDS, text), expires_in_sec=KEPT_SECONDS)
	return text


def _known(text: str | None) -> str:
	if text is None:
		raise UnknownObject
	return text


def _paused(key: str, kept: tuple[float, str]) -> str:
	"""Serve the copy, and ask nobody for a minute; how long it is kept in all stays as it was."""
	cache = frappe.cache()
	name = cache.make_key(key)
	left = cache.ttl(name)
	if left > 0:
		cache.set_value(key, (time.time() + PAUSE_SECONDS, kept[1]), expires_in_sec=left)
	return kept[1]
