"""Webhooks from providers: one guest endpoint for each connector. The signature is the only key to it."""

import json

import frappe
from werkzeug.wrappers import Response

from bank_api.gateway import inbox, nudge_inbox


# Guests call it with a body of their own, of which nothing is echoed: `xss_safe` spares rewriting it first.
@frappe.whitelist(allow_guest=True, xss_safe=True, methods=["POST"])
def bridge() -> Response:
	"""Take in a webhook of Bridge: verify, store, answer; the work is done in the background.

	The address at the provider is `…/api/method/bank_api.webhooks.bridge?provider=<name of the Bank API
	Provider>`; without `provider`, the only enabled one is meant.

	Returns:
		200 if the event is stored, now or before; 400 if it is stale or cannot be read; 401 if nobody we know
		has signed it; 413 if it is too long.
	"""
	return _receive("bridge")


@frappe.whitelist(allow_guest=True, xss_safe=True, methods=["POST"])
def quanto() -> Response:
	"""Take in a webhook of Quanto; otherwise as `bridge`."""
	return _receive("quanto")


@frappe.whitelist(allow_guest=True, xss_safe=True, methods=["GET", "POST"])
def kb() -> Response:
	"""KB's event interface: `…/api/method/bank_api.webhooks.kb/<account>` is given to KB with each subscription.

	KB asks `GET …/version`, then posts to `…/subscriptions/<id>/events` with the account's key as `x-api-key`.

	Returns:
		200 with the version; 204 if a nudge is stored, now or before; 400 if it cannot be read; 401 if address, key or
		subscription are not known; 413 if it is too long.
	"""
	request = frappe.local.request
	path = request.path.partition("bank_api.webhooks.kb")[2]
	return _answer(nudge_inbox.receive("kb", request.method, path, request.headers, request.get_data()))


def _receive(connector: str) -> Response:
	request = frappe.local.request
	# A JSON body replaces the query in frappe.form_dict, and must not choose the provider.
	return _answer(
		inbox.receive(connector, request.args.get("provider"), request.get_data(), request.headers)
	)


def _answer(received: inbox.Received) -> Response:
	if received.answer is None:
		return Response(status=received.status)
	text = received.answer if isinstance(received.answer, str) else json.dumps(received.answer)
	return Response(text, status=received.status, mimetype="application/json")
