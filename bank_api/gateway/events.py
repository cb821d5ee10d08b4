"""Acting on stored webhooks: an event says where to look; what is true is read from the provider again.

Events come late, twice, out of order, and about things already deleted (protocols/bridge.md 7.4). None of
that matters, since nothing but identifiers is taken from them.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import frappe
from frappe import _

from bank_api.connectors.errors import (
	ConfigurationError,
	NotFound,
	ProviderError,
	ProviderUnavailable,
	RateLimited,
)
from bank_api.connectors.model import InboundEvent, ItemStatus
from bank_api.gateway import (
	access,
	audit,
	consent_check,
	consent_rows,
	end_users,
	items,
	nudges,
	providers,
	session_return,
	sessions,
	sync,
	tokens,
	wake,
)
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import GatewayError, UnknownObject
from bank_api.gateway.locks import exclusive
from bank_api.gateway.outcome import OPEN

DOCTYPE = "Bank API Webhook Event"
ITEM = "Bank API Item"
END_USER = "Bank API End User"
LOCK = "events"

BATCH = 100
DRAIN_SECONDS = 120
LOCK_WAIT_SECONDS = 3
RETRY_MINUTES = (1, 5, 15, 60, 180, 360, 720)
MAX_ATTEMPTS = len(RETRY_MINUTES) + 1

PROCESSED, IGNORED, FAILED = "Processed", "Ignored", "Failed"


@dataclass(frozen=True, slots=True)
class Verdict:
	"""What became of an event: its status, and why if nothing was to be done."""

	status: str
	reason: str | None = None
	client: str | None = None
	item: str | None = None


def drain() -> int:
	"""Job: act on everything that was received, oldest first, unless another worker is at it.

	Returns:
		how many events were tried.
	"""
	wake.clear(wake.EVENTS)
	with exclusive(LOCK, LOCK_WAIT_SECONDS) as held:
		return _Drain().run() if held else 0


def tick() -> None:
	"""Every minute: act on what is due again, and on what was stored while Redis was down."""
	if _due(limit=1, held=()):
		drain()


def replay(name: str) -> None:
	"""Act on an event once more.

	Args:
		name: name of the Bank API Webhook Event.

	Raises:
		UnknownObject: there is no such event.
	"""
	if not frappe.db.exists(DOCTYPE, name):
		raise UnknownObject()
	frappe.db.sql(
		"""UPDATE `tabBank API Webhook Event` SET status = 'Received', attempts = 0, next_try_at = NULL,
			last_error = NULL, modified = %s WHERE name = %s""",
		(site_now(), name),
	)
	audit.record("Webhook Event Replayed", doctype=DOCTYPE, name=name)
	wake.after_commit(wake.EVENTS)


def _due(limit: int, held: tuple[str, ...]) -> list[frappe._dict]:
	"""Events to act on, in the order of their arrival, without those of providers that do not answer now."""
	return frappe.db.sql(
		"""SELECT name, creation, provider, payload, attempts, account FROM `tabBank API Webhook Event`
		WHERE status = 'Received' AND (next_try_at IS NULL OR next_try_at <= %(now)s) AND provider NOT IN
			%(held)s
		ORDER BY name LIMIT %(limit)s""",
		{"now": site_now(), "held": (*held, ""), "limit": limit},
		as_dict=True,
	)


@dataclass
class _Drain:
	"""One run over the stored events."""

	held: set[str] = field(default_factory=set)
	read_at: dict[str, datetime] = field(default_factory=dict)
	tried: int = 0

	def run(self) -> int:
		"""Until nothing is due, or the time is up; what is left then goes to a new job."""
		ends_at = site_now() + timedelta(seconds=DRAIN_SECONDS)
		while True:
			frappe.db.commit()  # a new snapshot: what was stored since counts too
			batch = _due(BATCH, tuple(self.held))
			if not batch:
				return self.tried
			for row in batch:
				if row.provider not in self.held:
					self._one(row)
				if site_now() >= ends_at:
					wake.wake(wake.EVENTS)
					return self.tried

	def _one(self, row: frappe._dict) -> None:
		"""Act on one event and commit what came of it; a failure concerns this event alone."""
		self.tried += 1
		try:
			verdict = self._act(row)
		except (ProviderError, GatewayError) as error:
			frappe.db.rollback()
			if isinstance(error, ProviderUnavailable | ConfigurationError | RateLimited):
				self.held.add(row.provider)
			_retry_later(row, error.message, getattr(error, "retry_after", None))
		except Exception as error:
			frappe.db.rollback()
			frappe.log_error(title="Bank API: webhook event", message=frappe.get_traceback())
			_retry_later(row, f"{type(error).__name__}; see the Error Log", None)
		else:
			_settle(row.name, verdict)
		frappe.db.commit()

	def _act(self, row: frappe._dict) -> Verdict:
		event = providers.connector(row.provider).parse_webhook(row.payload.encode())
		if not event.known:
			return Verdict(IGNORED, _("This type of event is not known."))
		if event.is_test:
			return Verdict(PROCESSED, _("A test of the provider."))
		if row.account:
			return _nudge(row, event)
		if event.provider_item_id:
			return self._item_event(row, event)
		if event.session_id:
			return _sharing(row.provider, event)
		if event.provider_user_id and event.user_deleted:
			return _user_deleted(row.provider, event.provider_user_id)
		return Verdict(IGNORED, _("The event concerns no item."))

	def _item_event(self, row: frappe._dict, event: InboundEvent) -> Verdict:
		fields = ["name", "client", "end_user", "status", "item_id"]
		known = frappe.db.get_value(
			ITEM, {"provider": row.provider, "item_id": event.provider_item_id}, fields, as_dict=True
		)
		if known is None and access.by_visit(row.provider):
			return _sharing(row.provider, event)
		if known is None:
			return _unknown_item(row.provider, event)
		if known.status == ItemStatus.DELETED.value:
			return Verdict(IGNORED, _("The item is deleted."), known.client, known.name)
		if event.item_deleted or not event.provider_account_id:
			self._read_again(row, known)
		if event.needs_sync:
			sync.request(known.name, "webhook")
		return Verdict(PROCESSED, None, known.client, known.name)

	def _read_again(self, row: frappe._dict, item: frappe._dict) -> None:
		"""Bring the item up to date, unless that was done since this event came in: they come in swarms."""
		if item.name in self.read_at and self.read_at[item.name] > row.creation:
			return
		self.read_at[item.name] = site_now()
		try:
			state = access.read_item(access.ItemKey(row.provider, item.end_user, item.item_id))
		except NotFound:
			items.mark_deleted(item.name)
		else:
			items.apply_state(item.name, state)


def _unknown_item(provider: str, event: InboundEvent) -> Verdict:
	"""An item we have not seen: the user connected it, and this event is faster than the user's browser."""
	if event.item_deleted or not event.provider_user_id:
		return Verdict(IGNORED, _("The item is not known."))
	end_user = _end_user(provider, event.provider_user_id)
	if end_user is None:
		return Verdict(IGNORED, _("Neither the item nor its user is known."))
	connector = providers.connector(provider)
	try:
		state = tokens.with_token(end_user.name, lambda token: connector.item(token, event.provider_item_id))
	except NotFound:
		return Verdict(IGNORED, _("The provider no longer knows the item."), end_user.client)
	try:
		item = items.upsert(provider, end_user.name, state)
	except UnknownObject:
		return Verdict(IGNORED, _("The item belongs to another user."), end_user.client)
	return Verdict(PROCESSED, None, end_user.client, item)


def _nudge(row: frappe._dict, event: InboundEvent) -> Verdict:
	"""A bank has told of one account, at that account's own address."""
	item = nudges.take(row.account, event, row.creation)
	if item is None:
		return Verdict(IGNORED, _("The item is deleted."))
	return Verdict(PROCESSED, None, frappe.db.get_value(ITEM, item, "client"), item)


def _sharing(provider: str, event: InboundEvent) -> Verdict:
	"""News of a visit, or of a consent in it that is no item yet: read what is known of it at the provider."""
	consent = consent_rows.of_item(provider, event.provider_item_id) if event.provider_item_id else None
	if consent is not None and consent.state != consent_rows.ENDED:
		consent_check.check(consent)
	request = sessions.by_session(event.session_id, provider)
	if request is not None and request.status in OPEN:
		session_return.settle(request.name)
	if consent is None and event.provider_item_id:
		if request is not None:
			session_return.take_in(request.name, event.provider_item_id)
		consent = consent_rows.of_item(provider, event.provider_item_id)
	if consent is None and request is None:
		return Verdict(IGNORED, _("Neither the visit nor the consent is known."))
	known = consent_rows.get(consent.name) if consent else None
	return Verdict(PROCESSED, None, (known or request).client, known.item if known else None)


def _user_deleted(provider: str, provider_user_id: str) -> Verdict:
	"""A user is said to be gone: if the provider gives no token any more, its items are gone too."""
	end_user = _end_user(provider, provider_user_id)
	if end_user is None:
		return Verdict(IGNORED, _("The user is not known."))
	try:
		tokens.access_token(end_user.name, force=True)
	except NotFound:
		for item in frappe.get_all(
			ITEM, {"end_user": end_user.name, "status": ("!=", "Deleted")}, pluck="name"
		):
			items.mark_deleted(item)
		end_users.forget_provider_user(end_user.name)
		return Verdict(PROCESSED, None, end_user.client)
	return Verdict(IGNORED, _("The provider still knows the user."), end_user.client)


def _end_user(provider: str, provider_user_id: str) -> frappe._dict | None:
	return frappe.db.get_value(
		END_USER,
		{"provider": provider, "provider_user_id": provider_user_id, "erased": 0},
		["name", "client"],
		as_dict=True,
	)


def _settle(name: str, verdict: Verdict) -> None:
	frappe.db.sql(
		"""UPDATE `tabBank API Webhook Event` SET status = %(status)s, last_error = %(reason)s,
			client = %(client)s, item = %(item)s, attempts = attempts + 1, next_try_at = NULL,
			modified = %(now)s
		WHERE name = %(name)s""",
		{
			"name": name,
			"status": verdict.status,
			"reason": verdict.reason,
			"client": verdict.client,
			"item": verdict.item,
			"now": site_now(),
		},
	)


def _retry_later(row: frappe._dict, reason: str, retry_after: float | None) -> None:
	"""Come back later, or give up after the last attempt; waiting for a rate limit is no attempt."""
	attempts = row.attempts + (retry_after is None)
	given_up = attempts >= MAX_ATTEMPTS
	wait = timedelta(minutes=RETRY_MINUTES[min(max(attempts, 1), len(RETRY_MINUTES)) - 1])
	if retry_after is not None:
		wait = timedelta(seconds=max(1.0, retry_after))
	frappe.db.sql(
		"""UPDATE `tabBank API Webhook Event` SET status = %(status)s, attempts = %(attempts)s,
			next_try_at = %(next)s, last_error = %(reason)s, modified = %(now)s WHERE name = %(name)s""",
		{
			"name": row.name,
			"status": FAILED if given_up else "Received",
			"attempts": attempts,
			"next": None if given_up else site_now() + wait,
			"reason": reason[:500],
			"now": site_now(),
		},
	)
