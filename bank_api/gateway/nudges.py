"""Subscriptions to a bank's nudges: asked for once a consent is there, looked after, and ended with the consent.

A nudge carries no data: it only says that an account is worth reading (DESIGN.md, What callers rely on). Where there is none,
the account is read by the ordinary rhythm, so nothing here ever fails a synchronisation. No call is repeated at once: each
attempt, and when the next one may be, is committed before the bank is asked.
"""

import secrets
import time
from datetime import datetime, timedelta
from typing import Any, cast

import frappe
from frappe.utils.password import get_decrypted_password, set_encrypted_password

from bank_api.connectors import registry
from bank_api.connectors.base import NudgeConnector
from bank_api.connectors.errors import ProviderError, RateLimited
from bank_api.connectors.model import InboundEvent, Secret
from bank_api.connectors.onboarding import EventSubscription
from bank_api.gateway import access, providers, refusals, sync, trip
from bank_api.gateway.accounts import OPEN
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import GatewayError
from bank_api.gateway.locks import exclusive
from bank_api.gateway.plain import shown

ACCOUNT, ITEM = "Bank API Account", "Bank API Item"
KEY = "subscription_key"
"""Field name of the secret by which the bank is known when it nudges about an account."""
PATH = "/api/method/bank_api.webhooks."

CHECK_EVERY = timedelta(hours=24)
RESTING_CHECK = timedelta(hours=1)
RETRY_MINUTES = (5, 15, 60, 360, 1440)
MAX_A_TURN = 50
TURN_SECONDS = 45
END_SECONDS = 20
"""How long the end of a consent may be held up by the ends of its subscriptions."""
END_ATTEMPTS = 2

_COLUMNS = [
	"name",
	"provider",
	"client",
	"item",
	"end_user",
	"status",
	"provider_account_id",
	"subscription_id",
	"subscription_status",
	"subscription_tries",
]


def connector_of(provider: str) -> NudgeConnector | None:
	"""The connector of a provider that nudges; None if it does not, or shall not."""
	try:
		found: Any = providers.connector(provider)
	except (ProviderError, GatewayError):
		return None
	return cast("NudgeConnector", found) if getattr(found, "nudges", False) else None


def address(connector: str, account: str) -> str:
	"""Where a bank tells of an account.

	Args:
		connector: key of the connector.
		account: name of the Bank API Account.

	Raises:
		NotConfigured: the gateway has no public address.
	"""
	return f"{trip.public_url()}{PATH}{connector}/{account}"


def key_of(account: str) -> Secret:
	"""The secret that the bank brings along for an account; empty if there is none."""
	try:
		return Secret(get_decrypted_password(ACCOUNT, account, KEY, raise_exception=False) or "")
	except frappe.ValidationError:  # encrypted with another key than the site's: a new one is made in time
		frappe.clear_messages()
		return Secret("")


# --- what a nudge does


def take(account: str, event: InboundEvent, since: datetime) -> str | None:
	"""Act on a nudge: the account may be read before its time, the others of its item are left alone. The caller commits.

	Args:
		account: name of the Bank API Account.
		event: what came.
		since: when it came, site time.

	Returns:
		name of the item; None if there is nothing to read any more.
	"""
	row = frappe.db.get_value(ACCOUNT, account, ["item", "nudged_at"], as_dict=True)
	if not row or frappe.db.get_value(ITEM, row.item, "status") in (None, "Deleted"):
		return None
	if event.needs_sync:
		# What the bank refused for want of news, it gives now.
		values = {"nudged_at": max(since, row.nudged_at or since), "held_until": None}
		frappe.db.set_value(ACCOUNT, account, values, update_modified=False)
		sync.request(row.item, "nudge", whole=False)
	return row.item


# --- looking after subscriptions


def tick() -> None:
	"""Every minute: subscribe where a consent is new, and see once a day that what was promised still holds."""
	end = time.monotonic() + TURN_SECONDS
	known = {"enabled": 1, "connector": ("in", sorted(registry.NUDGES))}
	for provider in frappe.get_all(providers.DOCTYPE, known, pluck="name"):
		connector = connector_of(provider)
		if connector is None:
			continue
		for account in _due(provider):
			if time.monotonic() > end:
				return
			keep(account, connector)


def _due(provider: str) -> list[str]:
	"""Accounts that can be read, whose subscription is of another consent, or is to be looked at; and those that are closed."""
	rows = frappe.db.sql(
		"""SELECT account.name FROM `tabBank API Account` account
		JOIN `tabBank API Item` item ON item.name = account.item AND item.status = 'OK'
		JOIN `tabBank API Consent` consent ON consent.item = item.name AND consent.state = 'Active'
			AND consent.withdrawing_since IS NULL
		WHERE account.provider = %(provider)s AND (
			account.status = %(open)s AND (IFNULL(account.subscription_item, '') != account.item
				OR account.subscription_try_at <= %(now)s)
			OR account.status != %(open)s AND IFNULL(account.subscription_id, '') != ''
				AND (account.subscription_tries = 0 OR account.subscription_try_at <= %(now)s))
		ORDER BY account.subscription_try_at LIMIT %(limit)s""",
		{"provider": provider, "open": OPEN, "now": site_now(), "limit": MAX_A_TURN},
	)
	return [name for (name,) in rows]


def keep(account: str, connector: NudgeConnector) -> None:
	"""See to it that the bank tells of an account, or no more of a closed one. Commits; never raises because of the bank.

	Args:
		account: name of the Bank API Account.
		connector: of its provider.
	"""
	frappe.db.commit()
	with exclusive(f"nudge:{account}") as held:
		frappe.db.commit()
		row = frappe.db.get_value(ACCOUNT, account, _COLUMNS, as_dict=True)
		if not held or not row:
			return
		tries = (row.subscription_tries or 0) + 1
		_note(row, subscription_item=row.item, subscription_tries=tries, subscription_try_at=_later(tries))
		frappe.db.commit()  # durable before the bank is asked: whoever is killed meanwhile does not come back at once
		try:
			if row.status == OPEN:
				_settled(row, _ensured(row, connector))
			else:
				_ended(row, connector)
		except (ProviderError, GatewayError) as error:
			frappe.db.rollback()
			_failed(row, error, tries)
		frappe.db.commit()


def _later(tries: int) -> datetime:
	return site_now() + timedelta(minutes=RETRY_MINUTES[min(tries, len(RETRY_MINUTES)) - 1])


def _ensured(row: frappe._dict, connector: NudgeConnector) -> EventSubscription:
	key, url = access_key(row), address(connector.config.connector, row.name)
	if row.subscription_id:
		found = access.with_token(
			key, lambda token: connector.subscription(token, row.provider_account_id, row.subscription_id)
		)
		if found is not None and not found.over and found.url == url and key_of(row.name):
			return found
		if found is not None:
			_unsubscribe(row, connector)
	secret = key_of(row.name) or _new_key(row)
	# A nudge that comes before the answer, or instead of a lost one, tells the id as well (`nudge_inbox`).
	_note(row, subscription_id=None, subscription_status=None)
	frappe.db.commit()
	return access.with_token(
		key, lambda token: connector.subscribe(token, row.provider_account_id, url, secret)
	)


def access_key(row: frappe._dict) -> access.ItemKey:
	"""Under whose consent the bank is asked about an account."""
	item_id = frappe.db.get_value(ITEM, row.item, "item_id")
	return access.ItemKey(row.provider, row.end_user, item_id)


def _new_key(row: frappe._dict) -> Secret:
	key = secrets.token_urlsafe(32)
	set_encrypted_password(ACCOUNT, row.name, key, KEY)
	return Secret(key)


def _settled(row: frappe._dict, found: EventSubscription) -> None:
	wait = CHECK_EVERY if found.active else RESTING_CHECK
	_note(
		row,
		subscription_id=found.subscription_id[:140],
		subscription_status=shown(found.status[:140]),
		subscription_error=None,
		subscription_tries=0,
		subscription_try_at=site_now() + wait,
	)


def _failed(row: frappe._dict, error: ProviderError | GatewayError, tries: int) -> None:
	at = _later(tries)
	if isinstance(error, RateLimited):
		at = site_now() + timedelta(seconds=min(max(error.retry_after, 60.0), 86_400.0))
	forgotten = row.status != OPEN and tries >= len(RETRY_MINUTES)
	_note(
		row,
		subscription_error=shown(refusals.explained(error)),
		subscription_try_at=at,
		**({"subscription_id": None, "subscription_status": None} if forgotten else {}),
	)
	refusals.note(error, provider=row.provider, client=row.client)


def _ended(row: frappe._dict, connector: NudgeConnector) -> None:
	"""The bank shall tell no more of an account."""
	_unsubscribe(row, connector)
	frappe.db.delete("__Auth", {"doctype": ACCOUNT, "name": row.name, "fieldname": KEY})
	_note(
		row,
		subscription_id=None,
		subscription_item=None,
		subscription_status=None,
		subscription_error=None,
		subscription_tries=0,
		subscription_try_at=None,
	)


def _unsubscribe(row: frappe._dict, connector: NudgeConnector) -> None:
	access.with_token(
		access_key(row),
		lambda token: connector.unsubscribe(token, row.provider_account_id, row.subscription_id),
	)


def _note(row: frappe._dict, **values: Any) -> None:
	frappe.db.set_value(ACCOUNT, row.name, values, update_modified=False)


# --- the end of a consent


def end(item: str) -> None:
	"""Ask the bank to tell no more of an item's accounts, while there is a token for it. Commits; never raises because of the bank.

	What cannot be ended in time ends itself: a nudge for a deleted item is refused, and the bank stops at a refusal
	(protocols/kb_batch.md 4.2).

	Args:
		item: name of the Bank API Item.
	"""
	frappe.db.commit()
	rows = frappe.get_all(
		ACCOUNT, {"item": item, "subscription_id": ("is", "set")}, _COLUMNS, limit=MAX_A_TURN
	)
	connector = connector_of(rows[0].provider) if rows else None
	if connector is None:
		return
	until = time.monotonic() + END_SECONDS
	for row in rows * END_ATTEMPTS:
		if time.monotonic() > until:
			break
		if not frappe.db.get_value(ACCOUNT, row.name, "subscription_id"):
			continue
		try:
			_ended(row, connector)
		except (ProviderError, GatewayError) as error:
			frappe.db.rollback()
			frappe.logger("bank_api").warning("A subscription of item %s is not ended: %s", item, error)
		frappe.db.commit()
