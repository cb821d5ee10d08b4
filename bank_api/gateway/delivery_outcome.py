"""What becomes of attempts: delivered, back in line, dead letter; and what that says about the endpoint.

Standard Webhooks 1.0.0: success is 2xx only, 410 ends the endpoint, `Retry-After` is honoured, the sample
retry schedule is used as it stands.
"""

import random
from datetime import timedelta
from email.utils import parsedate_to_datetime

import frappe
from frappe import _

from bank_api.connectors.http_guard import Answer
from bank_api.gateway import audit, managers
from bank_api.gateway.clock import site_now, utc_now
from bank_api.gateway.delivery_lane import SLOW_DOWN, Lane, Outcome
from bank_api.gateway.plain import shown

CLIENT = "Bank API Client"

RETRY_SECONDS = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
MAX_ATTEMPTS = len(RETRY_SECONDS) + 1
JITTER = 0.2
MAX_RETRY_AFTER = 86400
HOLD_SECONDS = (5, 300)  # the pause of an endpoint that is down grows from one to the other
DISABLE_AFTER = timedelta(days=5)


def write_delivered(outcomes: list[Outcome]) -> None:
	"""Endpoints mostly answer alike, so one statement serves a whole batch."""
	alike: dict[tuple[int, str, str], list[str]] = {}
	for outcome in outcomes:
		key = (outcome.answer.status, outcome.answer.excerpt, outcome.message.url)
		alike.setdefault(key, []).append(outcome.message.name)
	now = site_now()
	for (status, excerpt, url), names in alike.items():
		frappe.db.sql(
			"""UPDATE `tabBank API Webhook Delivery` SET status = 'Delivered', attempts = attempts + 1,
				last_attempt_at = %(now)s, modified = %(now)s, response_status = %(status)s,
				response_excerpt = %(excerpt)s, last_error = NULL, next_attempt_at = NULL, url = %(url)s
			WHERE name IN %(names)s""",
			{"now": now, "status": status, "excerpt": shown(excerpt), "url": url, "names": names},
		)


def write_failure(lane: Lane, outcome: Outcome) -> None:
	"""Put a failed delivery where it belongs: back in line, or among the dead letters."""
	message, answer = outcome.message, outcome.answer
	own_endpoint = message.url == lane.url
	retry_after = _retry_after(answer) if answer else 0
	attempts = message.attempts + 1
	dead = attempts >= MAX_ATTEMPTS or outcome.gone
	now = site_now()
	frappe.db.sql(
		"""UPDATE `tabBank API Webhook Delivery` SET status = %(status)s, attempts = %(attempts)s,
			last_attempt_at = %(now)s, modified = %(now)s, next_attempt_at = %(next)s, last_error = %(error)s,
			response_status = %(response_status)s, response_excerpt = %(excerpt)s, url = %(url)s
		WHERE name = %(name)s""",
		{
			"name": message.name,
			"status": "Dead Letter" if dead else "Pending",
			"attempts": attempts,
			"now": now,
			"next": None if dead else now + timedelta(seconds=max(retry_after, _wait(attempts))),
			"error": outcome.words,
			"response_status": answer.status if answer else 0,
			"excerpt": shown(answer.excerpt) if answer else None,
			"url": message.url,
		},
	)
	if own_endpoint and outcome.gone:
		_disable(lane, _("The endpoint answered 410 Gone."))
	elif own_endpoint:
		_failing(lane, hold=message.url in lane.down, retry_after=retry_after)


def _wait(attempts: int) -> float:
	"""Seconds from the failed attempt of this number to the next one, with jitter."""
	return RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1] * random.uniform(1 - JITTER, 1 + JITTER)


def _retry_after(answer: Answer) -> float:
	"""Seconds asked for by `Retry-After` (RFC 9110, 10.2.3: seconds or a date), or 0."""
	if answer.status not in SLOW_DOWN or not answer.retry_after:
		return 0
	text = answer.retry_after.strip()
	if text.isascii() and text.isdigit():
		return min(int(text[:9]), MAX_RETRY_AFTER)
	try:
		until = parsedate_to_datetime(text)
		return max(0.0, min((until - utc_now()).total_seconds(), MAX_RETRY_AFTER))
	except (TypeError, ValueError):
		return 0


def _failing(lane: Lane, hold: bool, retry_after: float) -> None:
	"""Remember since when the endpoint fails; give it a pause, or give it up after five days."""
	now = site_now()
	lane.failing_since = lane.failing_since or now
	failing_for = now - lane.failing_since
	if failing_for > DISABLE_AFTER:
		_disable(lane, _("The endpoint has failed for five days."))
		return
	shortest, longest = HOLD_SECONDS
	pause = max(retry_after, min(longest, max(shortest, failing_for.total_seconds() / 4)))
	frappe.db.sql(
		"""UPDATE `tabBank API Client` SET webhook_failing_since = IFNULL(webhook_failing_since, %(now)s),
			webhook_hold_until = IF(%(hold)s, %(until)s, webhook_hold_until) WHERE name = %(client)s""",
		{"now": now, "hold": hold, "until": now + timedelta(seconds=pause), "client": lane.client},
	)


def write_recovery(lane: Lane) -> None:
	"""Forget that the endpoint was failing."""
	lane.failing_since = None
	frappe.db.sql(
		"""UPDATE `tabBank API Client` SET webhook_failing_since = NULL, webhook_hold_until = NULL
		WHERE name = %s""",
		lane.client,
	)


def _disable(lane: Lane, reason: str) -> None:
	"""Stop sending to an endpoint; what waits becomes dead letters for a replay; managers are told."""
	now = site_now()
	frappe.db.sql(
		"""UPDATE `tabBank API Client` SET webhook_disabled = 1, webhook_disabled_reason = %(reason)s,
			webhook_hold_until = NULL, modified = %(now)s WHERE name = %(client)s AND webhook_disabled = 0""",
		{"reason": reason, "now": now, "client": lane.client},
	)
	if not frappe.db._cursor.rowcount:
		return
	frappe.db.sql(
		"""UPDATE `tabBank API Webhook Delivery` SET status = 'Dead Letter', next_attempt_at = NULL,
			last_error = IFNULL(last_error, %(reason)s), modified = %(now)s
		WHERE client = %(client)s AND status = 'Pending'""",
		{"reason": reason, "now": now, "client": lane.client},
	)
	audit.record(
		"Webhooks Disabled", client=lane.client, doctype=CLIENT, name=lane.client, details={"reason": reason}
	)
	managers.tell(
		_("Webhooks to {0} are disabled").format(lane.client),
		_("{0} Correct the address, enable the webhooks of the client, and replay its dead letters.").format(
			reason
		),
		CLIENT,
		lane.client,
	)
