"""The list of what a consent reaches, and how each thing stands (4.2). It is exempt from the monthly limits."""

import time
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from bank_api.connectors.errors import MalformedResponse, ProviderUnavailable
from bank_api.connectors.http import Answer
from bank_api.connectors.model import Approval
from bank_api.connectors.quanto import ofb_paths, paging
from bank_api.connectors.quanto.client import QuantoClient, filled
from bank_api.connectors.quanto.parsing import text_of
from bank_api.connectors.quanto.refusals import About
from bank_api.connectors.rate_ledger import max_wait
from bank_api.connectors.verbatim import Resource

ACCEPTED = 202


class State(Enum):
	"""`status` of a resource; a word that nobody knows is taken for a passing hindrance."""

	AVAILABLE = "AVAILABLE"
	UNAVAILABLE = "UNAVAILABLE"
	BLOCKED = "TEMPORARILY_UNAVAILABLE"
	PENDING = "PENDING_AUTHORISATION"


class ResourceState(NamedTuple):
	"""One resource. In version 1 the id is there only when it is available."""

	resource_id: str
	kind: str
	state: State


def listed(
	client: QuantoClient, consent_id: str, sleep: Callable[[float], None] = time.sleep
) -> list[ResourceState]:
	"""All resources of a consent, every page of them.

	Raises:
		ProviderUnavailable: the bank is still putting the list together (202).
		ProviderError: the list cannot be read.
	"""
	path = ofb_paths.template(client.names, ofb_paths.ENDPOINTS[ofb_paths.RESOURCES])
	ids = {"consent": consent_id}
	query: str | None = paging.encode({"page-size": str(client.page_size)})
	seen: set[str] = set()
	rows: list[Resource] = []
	while query is not None:
		if query in seen or len(seen) >= client.settings.max_pages:
			raise MalformedResponse("The provider's list leads in a circle.")
		seen.add(query)
		answer = _settled(client, path, ids, query, sleep)
		found, query = paging.page(client, answer.text(), filled(path, ids))
		rows += found
	return [_one(row) for row, _ in rows]


def approval(client: QuantoClient, consent_id: str) -> Approval:
	"""Whether other people still have to approve (3.7): any resource that is pending says so, none that is left refuses.

	What was pending once and is available now cannot be told from what never was: that is SINGLE.
	"""
	states = {resource.state for resource in listed(client, consent_id)}
	if State.PENDING in states:
		return Approval.PENDING
	return Approval.REFUSED if states == {State.UNAVAILABLE} else Approval.SINGLE


def _settled(
	client: QuantoClient, path: str, ids: dict[str, str], query: str, sleep: Callable[[float], None]
) -> Answer:
	"""A page of the list; a 202 is asked again a few times, within what a call may wait."""
	left = max_wait()
	for _ in range(client.settings.resource_polls + 1):
		answer = client.call("GET", path, About.DATA, ids=ids, query=query)
		if answer.status != ACCEPTED:
			return answer
		wait = client.settings.resource_wait
		if wait > left:
			break
		sleep(wait)
		left -= wait
	raise ProviderUnavailable(
		"The bank is still putting the list of what is shared together; try again in a minute.",
		status=ACCEPTED,
		request_id=answer.request_id,
	)


def _one(row: dict[str, object]) -> ResourceState:
	kind = text_of(row, "type").upper()
	if not kind:
		raise MalformedResponse("The provider sent a resource without its type.")
	return ResourceState(text_of(row, "resourceId"), kind, _state(text_of(row, "status").upper()))


def _state(word: str) -> State:
	try:
		return State(word)
	except ValueError:
		return State.BLOCKED
