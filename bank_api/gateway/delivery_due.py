"""What a drain finds to do: clients with something due, their next messages, and what is not wanted."""

from datetime import timedelta

import frappe
from frappe import _
from frappe.utils.password import get_decrypted_password

from bank_api.connectors.model import Secret
from bank_api.gateway.clock import site_now
from bank_api.gateway.delivery_lane import Message

CLIENT = "Bank API Client"
BATCH = 50  # deliveries a thread takes along


def due_clients() -> list:
	"""Clients with something due, unless their endpoint is disabled or given a pause."""
	frappe.db.commit()  # a new snapshot: what other transactions have stored since counts too
	return frappe.db.sql(
		"""SELECT client.name AS client, client.webhook_url AS url,
			client.webhook_failing_since AS failing_since,
			client.previous_webhook_secret_until AS previous_until
		FROM `tabBank API Client` client
		WHERE client.enabled = 1 AND client.webhook_disabled = 0
			AND (client.webhook_hold_until IS NULL OR client.webhook_hold_until <= %(now)s)
			AND EXISTS (SELECT 1 FROM `tabBank API Webhook Delivery` delivery
				WHERE delivery.client = client.name AND delivery.status = 'Pending'
				AND delivery.next_attempt_at <= %(now)s)""",
		{"now": site_now()},
		as_dict=True,
	)


def due_within(seconds: float, leaving_out: set[str]) -> bool:
	"""Whether something comes due in the next seconds, the given clients aside."""
	return bool(
		frappe.db.sql(
			"""SELECT 1 FROM `tabBank API Webhook Delivery` delivery
			JOIN `tabBank API Client` client ON client.name = delivery.client
			WHERE delivery.status = 'Pending' AND delivery.next_attempt_at <= %(then)s
				AND client.enabled = 1 AND client.webhook_disabled = 0 AND client.name NOT IN %(out)s
				AND (client.webhook_hold_until IS NULL OR client.webhook_hold_until <= %(then)s) LIMIT 1""",
			{"then": site_now() + timedelta(seconds=seconds), "out": ("", *leaving_out)},
		)
	)


def due_messages(client: str) -> list[Message]:
	"""The next due deliveries of a client in their order, each with the address that counts today."""
	rows = frappe.db.sql(
		"""SELECT delivery.name, delivery.event_id, delivery.attempts, delivery.payload,
			COALESCE(NULLIF(item.webhook_url, ''), client.webhook_url)
		FROM `tabBank API Webhook Delivery` delivery
		JOIN `tabBank API Client` client ON client.name = delivery.client
		LEFT JOIN `tabBank API Item` item ON item.name = delivery.item
		WHERE delivery.client = %s AND delivery.status = 'Pending' AND delivery.next_attempt_at <= %s
		ORDER BY delivery.sequence LIMIT %s""",
		(client, site_now(), BATCH),
	)
	return [
		Message(name, event_id, attempts, payload.encode(), url)
		for name, event_id, attempts, payload, url in rows
	]


def secrets_of(row: frappe._dict) -> list[Secret]:
	"""The client's secret and, during rotation, the one before: receivers accept a message if either fits."""
	fields = ["webhook_secret"]
	if row.previous_until and row.previous_until > site_now():
		fields.append("previous_webhook_secret")
	texts = [get_decrypted_password(CLIENT, row.client, name, raise_exception=False) for name in fields]
	return [Secret(text) for text in texts if text]


def cancellable(limit: int) -> list[str]:
	"""Waiting deliveries that have nowhere to go any more."""
	rows = frappe.db.sql(
		"""SELECT delivery.name FROM `tabBank API Webhook Delivery` delivery
		LEFT JOIN `tabBank API Client` client ON client.name = delivery.client
		LEFT JOIN `tabBank API Item` item ON item.name = delivery.item
		WHERE delivery.status = 'Pending' AND (client.name IS NULL OR client.enabled = 0
			OR COALESCE(NULLIF(item.webhook_url, ''), NULLIF(client.webhook_url, '')) IS NULL) LIMIT %s""",
		limit,
	)
	return [row[0] for row in rows]


def cancel_unwanted() -> None:
	"""Deliveries of clients that are disabled, or want no webhooks any more, are not kept waiting."""
	while names := cancellable(limit=1000):
		frappe.db.sql(
			"""UPDATE `tabBank API Webhook Delivery` SET status = 'Cancelled', modified = %s, last_error = %s
			WHERE name IN %s AND status = 'Pending'""",
			(site_now(), _("The client is disabled or has no webhook address."), names),
		)
		frappe.db.commit()
