"""What the page of the guided set-up asks for; every step's work is done in `gateway/setup.py`."""

import dataclasses

import frappe
from frappe import _

from bank_api.bank_api.rules import button
from bank_api.gateway import setup
from bank_api.gateway.setup_model import Once, State, Step, Values

MAX_FORM = 600_000  # a certificate with its chain in base64 is a tenth of it


@frappe.whitelist(methods=["POST"])
@button
def get_overview() -> list:
	"""All providers that are set up step by step, with how far each is."""
	return [_summary(name, setup.steps(name)) for name in setup.open_providers()]


@frappe.whitelist(methods=["POST"])
@button
def get_steps(provider: str) -> dict:
	"""The steps of a provider as the page shows them."""
	return _page(provider, setup.steps(provider))


@frappe.whitelist(methods=["POST"])
@button
def run_step(provider: str, step: str, action: str, secret: str = "{}") -> dict:
	"""Do something about a step.

	The form comes as one JSON text whose argument bears a name that the framework's error reports mask: it may hold a
	key. It is taken out of the request before anything can fail.

	Returns:
		all steps as they stand afterwards; under `once` an address to be shown now, and never again.
	"""
	frappe.form_dict.pop("secret", None)
	values = _values(secret)
	del secret
	steps, once = setup.run(provider, step, action, values)
	return _page(provider, steps) | {"once": _once(once) if once else None}


def _once(once: Once) -> dict:
	return {"title": once.title, "text": once.text, "label": once.label, "url": once.url.reveal()}


def _values(text: str) -> Values:
	try:
		found = frappe.parse_json(text) if len(text) <= MAX_FORM else None
	except ValueError:
		found = None
	if not isinstance(found, dict):
		del text
		frappe.throw(_("The form cannot be read. Reload the page."))
	return Values(found)


def _summary(provider: str, steps: list[Step]) -> dict:
	return {
		"provider": provider,
		"done": sum(step.state is State.DONE for step in steps),
		"count": len(steps),
		"ready": all(step.ready for step in steps),
	}


def _page(provider: str, steps: list[Step]) -> dict:
	return _summary(provider, steps) | {"steps": [_shown(step) for step in steps]}


def _shown(step: Step) -> dict:
	plain = dataclasses.asdict(step.shown)
	return plain | {
		"key": step.key,
		"group": step.group,
		"optional": step.optional,
		"state": step.state.value,
	}
