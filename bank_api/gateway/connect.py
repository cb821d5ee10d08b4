"""Sending an end user to the provider's page, and what becomes of it.

What the browser brings back is a hint (protocols/bridge.md 2.4): it is bound to its request by an
unguessable, expiring value of which only the hash is stored, and the item is read again with the end user's
own token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import frappe
from frappe import _

from bank_api.connectors.errors import (
	ConfigurationError,
	NotFound,
	ProviderError,
	ProviderUnavailable,
	RateLimited,
)
from bank_api.connectors.model import (
	ItemData,
	ItemStatus,
	LinkKind,
	LinkRequest,
	Presence,
	Secret,
	UserAction,
)
from bank_api.connectors.rate_ledger import patience
from bank_api.gateway import (
	access,
	clients,
	consent_return,
	consents,
	end_users,
	items,
	outcome,
	providers,
	refusals,
	session_return,
	sessions,
	sync,
	tokens,
)
from bank_api.gateway.clients import ClientContext
from bank_api.gateway.clock import site_now
from bank_api.gateway.durable import durably
from bank_api.gateway.errors import GatewayError, UnknownObject
from bank_api.gateway.outcome import COMPLETED, DOCTYPE, EXPIRED, FAILED, OPEN, PENDING, RETURNED
from bank_api.gateway.plain import shown
from bank_api.gateway.trip import Addresses, begin, issued, refused, state_hash

CHECK_FOR = timedelta(hours=24)  # how long a return is re-read while the provider does not answer
MAX_VALUES = 16  # of a return's query that are looked at
MAX_VALUE = 256
MAX_A_TURN = 500  # requests that one turn of the scheduler looks at

# After one of these, the other requests at the same provider would fail the same way.
_SILENT = (ProviderUnavailable, RateLimited, ConfigurationError)

_REPAIRS = {
	UserAction.AUTHENTICATE.value: LinkKind.SCA,
	UserAction.CONFIRM_PRO.value: LinkKind.PRO,
}


@dataclass(frozen=True, slots=True)
class Outcome:
	"""What the return page shows.

	Attributes:
		status: `completed`, `failed`, `pending` (still checking), `expired` or `unknown`.
		redirect_url: where the browser goes on to; empty if nowhere.
		language: language that the client asks for; empty for the browser's own.
	"""

	status: str
	redirect_url: str = ""
	language: str = ""


# --- there


def start(
	client: ClientContext,
	provider: str,
	end_user: str,
	kind: LinkKind,
	addresses: Addresses,
	*,
	item: str | None = None,
	bank: str | None = None,
) -> dict[str, Any]:
	"""Ask the provider for the page that an end user has to visit.

	Args:
		client: who asks.
		provider: name of the Bank API Provider.
		end_user: name of the Bank API End User.
		kind: what for.
		addresses: where to afterwards.
		item: name of the Bank API Item to repair; bound to the request here, whatever the browser says later.
		bank: the bank's id at the provider to preselect it, or its name for the record.

	Returns:
		`link`, `request` and `expires_at`. The transaction is committed.

	Raises:
		NotConfigured: the gateway has no public address.
		ProviderError: the provider gives no link.
	"""
	trip = begin(client, provider, end_user, kind, addresses, item=item, bank=bank)
	frappe.db.commit()  # durable before the provider knows the state
	link_request = LinkRequest(
		kind=kind,
		return_url=trip.return_url,
		context=trip.context,
		item_id=frappe.db.get_value("Bank API Item", item, "item_id") if item else None,
		bank_id=bank if bank and bank.isascii() and bank.isdecimal() else None,
		email=frappe.db.get_value("Bank API End User", end_user, "email") or None,
		language=(client.language or "en")[:2],
	)
	try:
		link = _link(client, provider, end_user, link_request)
	except ProviderError as error:
		refused(trip, error)
		raise
	return issued(client, trip, kind, link)


def _link(client: ClientContext, provider: str, end_user: str, request: LinkRequest) -> str:
	"""The provider's page; an end user whom the provider has lost meanwhile is made anew, once."""
	connector = providers.connector(provider)
	try:
		return tokens.with_token(end_user, lambda token: connector.link(token, request)).url
	except NotFound:
		if request.item_id or frappe.db.get_value("Bank API End User", end_user, "provider_user_id"):
			raise
		user = frappe.db.get_value("Bank API End User", end_user, "user")
		end_users.ensure(client.name, provider, user)
		return tokens.with_token(end_user, lambda token: connector.link(token, request)).url


def repair(item: str, psu_id: Secret | None = None) -> dict[str, Any]:
	"""A link for the end user to repair a connection, of the kind that its status calls for (the desk's
	button).

	Args:
		item: name of the Bank API Item.
		psu_id: the end user's identity number, where the provider asks for it; sent on, never stored.

	Returns:
		as `start`.
	"""
	row = frappe.db.get_value(
		"Bank API Item", item, ["client", "provider", "end_user", "user_action", "webhook_url"], as_dict=True
	)
	if not row:
		raise UnknownObject()
	client = clients.context_of(row.client)
	addresses = Addresses(
		redirect_url=client.base_url, webhook_url=row.webhook_url or "", base_url=client.base_url
	)
	if access.by_visit(row.provider):
		return sessions.repair(client, item, addresses, psu_id or Secret(""))
	if access.by_consent(row.provider):
		return consents.repair(client, item, addresses, psu_id or Secret(""))
	kind = _REPAIRS.get(row.user_action, LinkKind.EDIT)
	try:
		return start(client, row.provider, row.end_user, kind, addresses, item=item)
	except ProviderError as error:
		refusals.note(error, provider=row.provider, client=row.client)
		raise refusals.for_manager(error) from error


# --- and back


def finish(query: Mapping[str, str], presence: Presence | None = None) -> Outcome:
	"""The end user's browser is back: find the request, check at the provider, tell the client.

	Commits on purpose: a GET would roll back, and the provider's redirect is one.

	Args:
		query: the query of the return address, whatever it holds.
		presence: the end user's browser.
	"""
	request = _by_state(query)
	if request is None:
		return Outcome("unknown")
	if _note_return(request, query):
		try:
			with patience(1):
				settle(request, presence)
		except (ProviderError, GatewayError) as error:
			frappe.db.rollback()
			frappe.logger("bank_api").warning("The return of request %s is checked later: %s", request, error)
	return _outcome(request)


def _by_state(query: Mapping[str, str]) -> str | None:
	"""The request whose unguessable value is in the query: one look-up by hash, whatever the query is."""
	values = [value for value in list(query.values())[:MAX_VALUES] if isinstance(value, str)]
	hashes = [state_hash(value) for value in values if 0 < len(value) <= MAX_VALUE]
	if not hashes:
		return None
	# Plain SQL: the framework's filters take an empty column for an empty text.
	found = frappe.db.sql(
		f"SELECT name FROM `tab{DOCTYPE}` WHERE state_hash IN %(hashes)s OR session_hash IN %(hashes)s LIMIT 1",
		{"hashes": hashes},
	)
	return found[0][0] if found else None


def _note_return(request: str, query: Mapping[str, str]) -> bool:
	"""Keep what the browser brought, the first time; whether there is something to settle. Commits."""
	frappe.db.commit()
	row = frappe.db.get_value(
		DOCTYPE,
		request,
		["status", "provider", "item", "returned_at", "expires_at", "session_hash"],
		as_dict=True,
		for_update=True,
	)
	if row.session_hash:
		return _note_return_of_visit(request, row)
	late = row.expires_at and row.expires_at < site_now()
	if row.returned_at or row.status in (FAILED, EXPIRED) or (late and row.status in OPEN):
		if late and row.status in OPEN and not row.returned_at:
			outcome.fail(
				request, _("The link was no longer valid when the end user came back."), status=EXPIRED
			)
		frappe.db.commit()
		return False
	hint = providers.connector(row.provider).parse_return(query)
	frappe.db.set_value(
		DOCTYPE,
		request,
		{
			"status": COMPLETED if row.status == COMPLETED else RETURNED,
			"returned_at": site_now(),
			"returned_item_id": hint.item_id,
			"returned_success": int(hint.success),
			"step": shown(hint.step or hint.error),
		},
	)
	if hint.code:
		consent_return.keep_code(request, hint.code)
	frappe.db.commit()  # the hint is safe: what follows can be repeated by the scheduler
	return True


def _note_return_of_visit(request: str, row: frappe._dict) -> bool:
	"""As `_note_return`: a visit may be left and taken up again, and the provider knows best whether it is over. Commits."""
	is_open = row.status in OPEN
	if is_open:
		values = {"status": RETURNED, "returned_at": row.returned_at or site_now(), "returned_success": 1}
		frappe.db.set_value(DOCTYPE, request, values)
	frappe.db.commit()
	return is_open


def settle(request: str, presence: Presence | None = None) -> None:
	"""Read at the provider what a returned request led to, and close it. May be repeated.

	Args:
		request: name of the Bank API Connect Request.
		presence: the end user's browser, if it is this very one that has come back.

	Raises:
		ProviderError: the provider cannot say; the request stays open.
	"""
	row = _request_row(request)
	if not row or (row.status not in OPEN and row.status != COMPLETED):
		return
	if row.session_hash:
		session_return.settle(row.name)
		return
	if row.consent:
		consent_return.settle(row, presence)
		return
	known_item = row.item if row.kind != LinkKind.CONNECT.value else None
	item_id = (
		frappe.db.get_value("Bank API Item", known_item, "item_id") if known_item else None
	) or row.returned_item_id
	if item_id:
		_settle_with(row, _read_item(row, item_id))
	elif row.status == COMPLETED:
		return  # a webhook was faster, and the browser knows nothing more precise
	elif row.returned_success or row.status == PENDING:
		_settle_with(row, _find_new_item(row))
	else:
		_fail(row, None)


def _request_row(request: str) -> frappe._dict | None:
	fields = [
		"name",
		"status",
		"kind",
		"item",
		"provider",
		"end_user",
		"returned_at",
		"returned_item_id",
		"returned_success",
		"step",
		"consent",
		"session_hash",
	]
	return frappe.db.get_value(DOCTYPE, request, fields, as_dict=True)


def _read_item(row: frappe._dict, item_id: str) -> ItemData | None:
	"""The item, read with the end user's own token: somebody else's is not found."""
	connector = providers.connector(row.provider)
	try:
		return tokens.with_token(row.end_user, lambda token: connector.item(token, item_id))
	except NotFound:
		return None


def _find_new_item(row: frappe._dict) -> ItemData | None:
	"""The newest item of the end user that is not known here yet (a closed tab brings no id back)."""
	connector = providers.connector(row.provider)
	try:
		listed = tokens.with_token(row.end_user, connector.items)
	except NotFound:
		return None
	known = set(
		frappe.get_all(
			"Bank API Item",
			filters={
				"provider": row.provider,
				"item_id": ("in", [state.provider_item_id for state in listed] or [""]),
			},
			pluck="item_id",
		)
	)
	fresh = [state for state in listed if state.provider_item_id not in known]
	return max(fresh, key=lambda state: (len(state.provider_item_id), state.provider_item_id), default=None)


def _settle_with(row: frappe._dict, state: ItemData | None) -> None:
	"""Write what was found, in a transaction of its own; a webhook about the same item may cross it."""
	frappe.db.commit()
	durably(lambda: _write(row, state))


def _write(row: frappe._dict, state: ItemData | None) -> None:
	if state is None:
		# An item that was named and is not there settles it; one that was only looked for may still appear.
		if (row.returned_item_id or row.item) and row.status != COMPLETED:
			_fail(row, None)
		return
	was_known = frappe.db.exists(
		"Bank API Item", {"provider": row.provider, "item_id": state.provider_item_id}
	)
	alive = state.status in (ItemStatus.OK, ItemStatus.WAITING)
	reached = row.returned_success or (alive and row.kind == LinkKind.CONNECT.value and not was_known)
	item = items.upsert(
		row.provider, row.end_user, state, request=row.name if reached else None, guess_request=False
	)
	if reached:
		outcome.complete(row.name, item)
		if was_known:
			sync.request(item, "connect")
		frappe.db.commit()
	else:
		_fail(row, item)


def _fail(row: frappe._dict, item: str | None) -> None:
	outcome.fail(row.name, _("The end user has not finished the steps on the bank's page."), item)
	frappe.db.commit()


def settle_later(request: str) -> ProviderError | GatewayError | None:
	"""Settle a request that could not be settled when the browser was back.

	Returns:
		why it still cannot be settled, if so.
	"""
	try:
		settle(request)
	except (ProviderError, GatewayError) as error:
		frappe.db.rollback()
		frappe.logger("bank_api").warning("The return of request %s is checked later: %s", request, error)
		return error
	return None


def tick() -> None:
	"""Every two minutes: settle returns that are open, and close requests that nobody came back from.

	A provider that does not answer is asked once a turn, so that it does not hold up the others.
	"""
	now, silent = site_now(), set()
	for row in _open_requests({"status": RETURNED}):
		if row.returned_at and row.returned_at < now - CHECK_FOR:
			outcome.fail(row.name, _("The provider could not say what became of the link."))
			frappe.db.commit()
		elif row.provider not in silent and isinstance(settle_later(row.name), _SILENT):
			silent.add(row.provider)
	for row in _open_requests({"status": PENDING, "expires_at": ("<", now)}):
		if row.provider not in silent and isinstance(_expire(row, now), _SILENT):
			silent.add(row.provider)


def _open_requests(filters: dict[str, Any]) -> list[frappe._dict]:
	fields = ["name", "provider", "kind", "returned_at", "expires_at"]
	filters = {**filters, "session_hash": ("is", "not set")}  # visits have a scheduler of their own
	return frappe.get_all(DOCTYPE, filters=filters, fields=fields, order_by="creation asc", limit=MAX_A_TURN)


def _expire(row: frappe._dict, now: datetime) -> ProviderError | GatewayError | None:
	"""Nobody came back in time; the end user may have connected and closed the tab: look once."""
	error = settle_later(row.name) if row.kind == LinkKind.CONNECT.value else None
	if error is None or row.expires_at < now - CHECK_FOR:
		outcome.fail(row.name, _("The end user did not come back in time."), status=EXPIRED)
		frappe.db.commit()
	return error


def _outcome(request: str) -> Outcome:
	fields = ["status", "client", "item", "redirect_url", "step"]
	row = frappe.db.get_value(DOCTYPE, request, fields, as_dict=True)
	status = "pending" if row.status in OPEN else row.status.lower()
	return Outcome(
		status=status,
		redirect_url=_with_result(row.redirect_url, _result(request, row, status))
		if row.redirect_url
		else "",
		language=frappe.db.get_value("Bank API Client", row.client, "language") or "",
	)


def _result(request: str, row: frappe._dict, status: str) -> dict[str, str]:
	"""What is appended to the client's own address: hints, as a provider's; the client asks for the truth."""
	result = {"request": request, "status": status}
	if status != "pending":
		result["success"] = "true" if status == "completed" else "false"
	if row.item:
		result["item_id"] = frappe.db.get_value("Bank API Item", row.item, "item_id")
	if row.step and status != "completed":
		result["step"] = row.step
	return result


def _with_result(url: str, result: dict[str, str]) -> str:
	"""An address with the result in its query; parameters of the same names are replaced, others stay."""
	parts = urlsplit(url)
	kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in result]
	return urlunsplit(parts._replace(query=urlencode([*kept, *result.items()])))


# --- asked by the client


def status(
	client: ClientContext, request: str, user: str | None = None, provider: str | None = None
) -> dict[str, Any]:
	"""What became of a request.

	Args:
		client: who asks.
		request: the `request` that a link method gave.
		user: the client's name of the end user, if the call names one.
		provider: name of a Bank API Provider, if the call names one.

	Returns:
		`request`, `status` (`Pending`, `Completed`, `Failed` or `Expired`), `item_id`, `bank` (its name),
		`bank_id` and `message`.

	Raises:
		UnknownObject: the client has no such request.
	"""
	fields = ["name", "status", "item", "bank", "message", "expires_at", "end_user", "provider"]
	row = frappe.db.get_value(DOCTYPE, {"name": request, "client": client.name}, fields, as_dict=True)
	if not row or row.name != request or (provider and row.provider != provider):
		raise UnknownObject()
	if user and frappe.db.get_value("Bank API End User", row.end_user, "user") != user:
		raise UnknownObject()
	item = frappe._dict()
	if row.item:
		item = frappe.db.get_value(
			"Bank API Item", row.item, ["item_id", "bank_name", "bank_id"], as_dict=True
		)
	late = row.status == PENDING and row.expires_at and row.expires_at < site_now()
	return {
		"request": row.name,
		"status": EXPIRED if late else PENDING if row.status in OPEN else row.status,
		"item_id": items.provider_id(item.item_id) if item.item_id else None,
		"bank": item.bank_name or row.bank,
		"bank_id": items.provider_id(item.bank_id) if item.bank_id else None,
		"message": row.message,
	}
