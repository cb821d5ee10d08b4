"""Bridge's pages, and their traps (bridge.md, 5.2).

`next_uri` is root-relative and repeats the version prefix; whether it repeats the filters is not documented;
a list ends with an absent, null, empty or literally "null" one. It comes from the provider and is sent back
together with the end user's token, so nothing of it counts but its query, and only if it names the same list
on the same host.
"""

import re
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from bank_api.connectors.errors import InvalidRequest, MalformedResponse

_QUERY = re.compile(r"[A-Za-z0-9\-._~!$'()*+,;:@/?%&=\[\]|]{1,4000}\Z", re.ASCII)

# A page of another account's or item's rows must never be taken for this one's.
_BINDING = frozenset({"account_id", "item_id"})


def next_query(
	pagination: Any, *, base_url: str, prefix: str, path: str, filters: dict[str, str]
) -> str | None:
	"""The query of the next page, or None at the end of the list.

	Args:
		pagination: the envelope's `pagination` member.
		base_url: scheme and host of the provider.
		prefix: version prefix of the API's paths, such as `/v3`.
		path: path of this list, with the prefix.
		filters: the filters of this list; those that `next_uri` leaves out are added.

	Raises:
		MalformedResponse: `next_uri` leads anywhere but to the next page of this list.
	"""
	uri = pagination.get("next_uri") if isinstance(pagination, dict) else None
	if uri is None or uri == "" or uri == "null":
		return None
	if not isinstance(uri, str):
		raise _astray()
	try:
		parts = urlsplit(uri)
		origin = urlsplit(base_url)
	except ValueError:
		raise _astray() from None
	if (parts.scheme or parts.netloc) and (
		(parts.scheme.lower(), parts.netloc.lower()) != (origin.scheme.lower(), origin.netloc.lower())
	):
		raise _astray()
	if _without(prefix, parts.path) != _without(prefix, path):
		raise _astray()
	return _completed(parts.query, filters)


def check_query(query: str, filters: dict[str, str]) -> str:
	"""A next page's query that was kept meanwhile, checked once more.

	Raises:
		InvalidRequest: it is no query of this list; an account may have got another id since.
	"""
	try:
		return _completed(query, filters)
	except MalformedResponse:
		raise InvalidRequest("The page asked for is none of this list.") from None


def encode(filters: dict[str, str]) -> str:
	"""Filters as a query string."""
	return urlencode(filters, quote_via=quote, safe=":")


def _completed(query: str, filters: dict[str, str]) -> str:
	if not _QUERY.match(query):
		raise _astray()
	pairs = parse_qsl(query, keep_blank_values=True)
	if any(name in _BINDING and value != filters.get(name) for name, value in pairs):
		raise _astray()
	present = {name for name, _ in pairs}
	missing = {name: value for name, value in filters.items() if name not in present}
	return f"{query}&{encode(missing)}" if missing else query


def _without(prefix: str, path: str) -> str:
	"""A path without its version prefix, which some answers leave out or double."""
	for _ in range(2):
		if path.startswith(f"{prefix}/"):
			path = path[len(prefix) :]
	return path


def _astray() -> MalformedResponse:
	return MalformedResponse("The provider's link to the next page leads elsewhere.")
