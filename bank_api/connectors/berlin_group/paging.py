"""Links from page to page, and their traps (4.4).

`next` is relative or absolute, carries all or some of the filters, and may show the path that the source has behind
its own front door. It comes from outside and is followed with the end user's token, so nothing of it counts but its
query, and only if it names the same list on the same host.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from bank_api.connectors.errors import InvalidRequest, MalformedResponse

_QUERY = re.compile(r"[A-Za-z0-9\-._~!$'()*+,;:@/?%&=\[\]|]{1,4000}\Z", re.ASCII)


def next_query(links: Any, *, base_url: str, path: str, filters: Mapping[str, str]) -> str | None:
	"""The query of the next page, or None at the end of the list.

	Args:
		links: a `_links` member.
		base_url: scheme and host of the provider.
		path: path of this list.
		filters: the filters of the first page; those that the link leaves out are added.

	Raises:
		MalformedResponse: the link leads anywhere but to the next page of this list.
	"""
	link = links.get("next") if isinstance(links, dict) else None
	href = link.get("href") if isinstance(link, dict) else link
	if href is None or href == "":
		return None
	if not isinstance(href, str):
		raise _astray()
	try:
		parts, origin = urlsplit(href), urlsplit(base_url)
		elsewhere = bool(parts.netloc or parts.scheme) and _origin(parts) != _origin(origin)
	except ValueError:
		raise _astray() from None
	if elsewhere or not _same_list(parts.path, path):
		raise _astray()
	return completed(parts.query, filters)


def check_query(query: str, filters: Mapping[str, str]) -> str:
	"""A next page's query that was kept meanwhile, checked once more.

	Raises:
		InvalidRequest: it is no query of a list.
	"""
	try:
		return completed(query, filters)
	except MalformedResponse:
		raise InvalidRequest("The page asked for is none of this list.") from None


def encode(filters: Mapping[str, str]) -> str:
	"""Filters as a query string."""
	return urlencode(filters, quote_via=quote, safe=":")


def completed(query: str, filters: Mapping[str, str]) -> str:
	"""A query with the filters that it leaves out.

	Raises:
		MalformedResponse: it has a form that is never sent.
	"""
	if not _QUERY.match(query):
		raise _astray()
	present = {name for name, _ in parse_qsl(query, keep_blank_values=True)}
	missing = {name: value for name, value in filters.items() if name not in present}
	return f"{query}&{encode(missing)}" if missing else query


def _origin(parts: Any) -> tuple[str, str, int | None]:
	port = parts.port or {"https": 443, "http": 80}.get(parts.scheme.lower())
	return parts.scheme.lower(), (parts.hostname or "").lower(), port


def _same_list(shown: str, path: str) -> bool:
	"""Whether a link's path is that of this list: the last three segments (`loans/<id>/transactions`) say so.

	An empty path is a link relative to the list itself; what stands before differs where a front door rewrites it.
	"""
	if shown == "":
		return True
	wanted = path.rsplit("/", 3)[1:]
	given = shown.rstrip("/").rsplit("/", 3)[-3:]
	if ".." in shown.split("/"):
		return False
	if "/" not in shown.rstrip("/"):
		return given == wanted[-1:]
	return given == wanted


def _astray() -> MalformedResponse:
	return MalformedResponse("The provider's link to the next page leads elsewhere.")
