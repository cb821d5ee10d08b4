"""Webhooks from providers: one guest endpoint for each connector. The signature is the only key to it."""

import json

import frappe
from werkzeug.wrappers import Response

from bank_api.gateway import inbox


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


def _receive(connector: str) -> Response:
	request = frappe.local.request
	# A JSON body replaces the query in frappe.form_dict, and must not choose the provider.
	received = inbox.receive(connector, request.args.get("provider"), request.get_data(), request.headers)
	return Response(json.dumps(received.answer), status=received.status, mimetype="application/json")
