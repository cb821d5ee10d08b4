"""Pages and their links (section 4.1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from bank_api.sandbox.quanto.bank.call import Call
from bank_api.sandbox.quanto.bank.model import Consent
from bank_api.sandbox.quanto.bank.state import BankState
from bank_api.sandbox.quanto.errors import OfbError
from bank_api.sandbox.quanto.stamps import HOUR

MAX_PAGE = 2_147_483_647


@dataclass(frozen=True)
class Window:
	"""Which page was asked for. ``continued``: a page of a listing that was counted already."""

	page: int
	size: int
	continued: bool


def _number(call: Call, name: str, default: int, least: int, most: int) -> int:
	text = call.request.args.get(name)
	if text is None:
		return default
	if not text.isdigit() or not least <= int(text):
		raise OfbError(400, detail=f"{name} must be a number from {least} to {most}.")
	if int(text) > most:
		raise OfbError(422, detail=f"{name} must be at most {most}.")
	return int(text)


class Paging:
	"""Cuts lists into pages.

	Args:
		state: The banks.
		base: The listener's address.
	"""

	def __init__(self, state: BankState, base: Callable[[], str]) -> None:
		self.state, self._base = state, base

	def window(self, call: Call, *, least: int = 1) -> Window:
		"""Read which page is asked for.

		Raises:
			OfbError: 400 for no number, 422 for a page of more than 1000 rows.
		"""
		page = _number(call, "page", 1, 1, MAX_PAGE)
		size = _number(call, "page-size", 25, least, 1000)
		return Window(page, min(size, self.state.switches.page_cap), self._continues(call))

	def _continues(self, call: Call) -> bool:
		issued, _, check = call.request.args.get("pagination-key", "").partition(".")
		if not issued.isdigit() or check != self.state.seal(f"{issued} {call.request.path}"):
			return False
		return 0 <= self.state.now - int(issued) <= HOUR

	def url(self, call: Call, **changed: object) -> str:
		"""Return the address of this call with other values in its query."""
		query = {**call.request.args.to_dict(), **{name: str(value) for name, value in changed.items()}}
		text = f"{self._base()}{call.request.path}"
		return f"{text}?{urlencode(query)}" if query else text

	def pages(
		self, call: Call, rows: Sequence[Any], window: Window, *, cursor: bool = False
	) -> dict[str, Any]:
		"""Return the body of a list.

		Args:
			call: The request.
			rows: All rows.
			window: Which page.
			cursor: The manner of transactions: no ``last``, and no totals.

		Returns:
			``data``, ``links`` and ``meta``.
		"""
		total = max(1, -(-len(rows) // window.size))
		begin = (window.page - 1) * window.size
		links = {"self": self.url(call)}
		issued = str(self.state.now)
		key = f"{issued}.{self.state.seal(f'{issued} {call.request.path}')}"

		def link(page: int) -> str:
			return self.url(call, **{"page": page, "page-size": window.size, "pagination-key": key})

		if window.page > 1:
			links |= {"first": link(1), "prev": link(min(window.page - 1, total))}
		if window.page < total:
			links["next"] = link(window.page + 1)
			if not cursor:
				links["last"] = link(total)
		meta: dict[str, Any] = {"requestDateTime": self.state.stamp}
		if not cursor:
			meta = {"totalRecords": len(rows), "totalPages": total, **meta}
		return {"data": list(rows[begin : begin + window.size]), "links": links, "meta": meta}

	def one(self, call: Call, data: Any, *, totals: bool = True) -> dict[str, Any]:
		"""Return the body of a single object."""
		meta: dict[str, Any] = {"totalRecords": 1, "totalPages": 1} if totals else {}
		meta["requestDateTime"] = self.state.stamp
		return {"data": data, "links": {"self": self.url(call)}, "meta": meta}

	def consent_url(self, consent: Consent) -> str:
		"""Return a consent's own address."""
		return f"{self._base()}/{consent.bank}/open-banking/consents/v3/consents/{consent.id}"
