"""Lists in pages: `links.next` is followed as given, since it may carry a `pagination-key` (4.1), and its traps.

The link comes from outside and is followed with our key, so it has to lead to the same list on the same host.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from bank_api.connectors import verbatim
from bank_api.connectors.errors import InvalidRequest, MalformedResponse
from bank_api.connectors.quanto.client import QuantoClient, filled
from bank_api.connectors.quanto.refusals import About
from bank_api.connectors.verbatim import Resource

_QUERY = re.compile(r"[A-Za-z0-9\-._~!$'()*+,;:@/?%&=\[\]|]{1,4000}\Z", re.ASCII)


def encode(filters: Mapping[str, str]) -> str:
	"""Filters as a query string."""
	return urlencode(filters, quote_via=quote, safe=":")


def whole_list(
	client: QuantoClient,
	path: str,
	about: About,
	ids: Mapping[str, str] | None = None,
	filters: Mapping[str, str] | None = None,
) -> list[Resource]:
	"""All rows of a list, over all pages.

	Raises:
		MalformedResponse: the pages repeat themselves or do not end, or a link leads elsewhere.
		ProviderError: a call failed; what the pages before held is not used.
	"""
	found: list[Resource] = []
	query: str | None = encode({**(filters or {}), "page-size": str(client.page_size)})
	seen: set[str] = set()
	while query is not None:
		if query in seen or len(seen) >= client.settings.max_pages:
			raise MalformedResponse("The provider's list leads in a circle.")
		seen.add(query)
		text = client.call("GET", path, about, ids=ids, query=query).text()
		rows, query = page(client, text, filled(path, ids))
		found += rows
	return found


def page(client: QuantoClient, text: str, path: str) -> tuple[list[Resource], str | None]:
	"""The rows of one page, and the query of the next one.

	Args:
		client: whose address counts.
		text: the answer.
		path: of the list, with its ids.

	Raises:
		MalformedResponse: there is no list, or the link leads elsewhere.
	"""
	answer = verbatim.read_list(text, "data")
	return answer.resources, next_query(answer.others.get("links"), client.config.base_url, path)


def next_query(links: Any, base_url: str, path: str) -> str | None:
	"""The query of the next page, or None at the end of the list.

	Raises:
		MalformedResponse: the link leads anywhere but to a page of this list.
	"""
	link = links.get("next") if isinstance(links, dict) else None
	if link is None or link == "":
		return None
	try:
		parts, origin = urlsplit(link), urlsplit(base_url)
		elsewhere = _origin(parts) != _origin(origin)
	except (ValueError, TypeError, AttributeError):
		raise _astray() from None
	if (
		elsewhere
		or unquote(parts.path).rstrip("/") != unquote(path).rstrip("/")
		or not _QUERY.match(parts.query)
	):
		raise _astray()
	return parts.query


def check_query(query: str) -> str:
	"""A next page's query that was kept meanwhile, checked once more.

	Raises:
		InvalidRequest: it is no query of a list.
	"""
	if not _QUERY.match(query):
		raise InvalidRequest("The page asked for is none of this list.")
	return query


def _origin(parts: Any) -> tuple[str, str, int | None]:
	port = parts.port or {"https": 443, "http": 80}.get(parts.scheme.lower())
	return parts.scheme.lower(), (parts.hostname or "").lower(), port


def _astray() -> MalformedResponse:
	return MalformedResponse("The provider's link to the next page leads elsewhere.")
