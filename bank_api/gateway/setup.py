"""Guided set-up of a provider, step by step: how far it is, the next thing to do, and doing it.

Which steps a provider has, `setup_registry` says; what a step is, `setup_model`. Every step can be repeated, and
one that was interrupted is taken up where it stopped.
"""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import frappe
from frappe import _

from bank_api.connectors.errors import InvalidRequest, ProviderError
from bank_api.gateway import audit, refusals, setup_registry
from bank_api.gateway.errors import BadArgument, GatewayError, NotConfigured, UnknownObject
from bank_api.gateway.locks import exclusive
from bank_api.gateway.setup_model import PROVIDER, Once, Scene, Shown, State, Step, StepKind, Values


def offers(connector: str) -> bool:
	"""Whether providers of a connector are set up step by step."""
	return connector in setup_registry.STEPS


def open_providers() -> list[str]:
	"""Names of all providers that are set up step by step."""
	return frappe.get_all(
		PROVIDER, {"connector": ("in", sorted(setup_registry.STEPS))}, pluck="name", order_by="name asc"
	)


def steps(provider: str) -> list[Step]:
	"""All steps of a provider, in the order in which they are usually done.

	Args:
		provider: name of the Bank API Provider.

	Raises:
		UnknownObject: there is no such provider.
	"""
	scene = _scene(provider)
	done: set[str] = set()
	found = []
	titles: dict[str, str] = {}
	for group, kinds in setup_registry.groups_of(scene.doc.connector):
		for kind in kinds:
			kind.settle(scene)
			step = _step(scene, group, kind, done, titles)
			titles[kind.key] = step.shown.title
			if step.shown.done:
				done.add(kind.key)
			found.append(step)
	return found


def outline(provider: str) -> dict[str, Any]:
	"""How far a provider is: the title of the step that comes `next` (empty if none does), and whether it is `ready`."""
	found = steps(provider)
	ahead = [step.shown.title for step in found if step.state in (State.NEXT, State.WAITING)]
	return {"next": ahead[0] if ahead else "", "ready": all(step.ready for step in found)}


def _step(scene: Scene, group: str, kind: StepKind, done: set[str], titles: dict[str, str]) -> Step:
	shown = kind.show(scene)
	missing = [titles[key] for key in kind.after if key not in done]
	if shown.done:
		state = State.DONE
	elif missing:
		state = State.BLOCKED
		shown = _blocked(shown, missing)
	else:
		state = State.WAITING if shown.waiting else State.NEXT
	return Step(kind.key, group, kind.optional, kind.ready(scene.doc), state, shown)


def _blocked(shown: Shown, missing: list[str]) -> Shown:
	reason = _("First: {0}").format(", ".join(missing))
	return replace(shown, reason=reason, actions=(), waiting=False)


def run(provider: str, step: str, action: str, values: Values) -> tuple[list[Step], Once | None]:
	"""Do something about a step.

	Args:
		provider: name of the Bank API Provider.
		step: key of the step.
		action: key of one of its actions.
		values: what was filled in.

	Returns:
		all steps as they stand afterwards, and what the action gives once, if it gives such a thing.

	Raises:
		BadArgument: the step cannot be done like this, or not yet; the sentence says why.
		GatewayError: the provider does not play along.
	"""
	with exclusive("setup:" + sha256(provider.encode()).hexdigest()[:20]) as held:
		if not held:
			raise BadArgument(_("Somebody else is at the set-up of this provider right now. Try again."))
		once = _run(provider, step, action, values)
	return steps(provider), once


def _run(provider: str, key: str, action: str, values: Values) -> Once | None:
	known = {step.key: step for step in steps(provider)}
	if key not in known:
		raise UnknownObject()
	step = known[key]
	if step.state is State.BLOCKED:
		raise BadArgument(step.shown.reason)
	if action not in {one.key for one in step.shown.actions}:
		raise BadArgument(_("This has been done meanwhile, or cannot be done now. Reload the page."))
	scene = _scene(provider)
	kind = next(kind for kind in setup_registry.kinds_of(scene.doc.connector) if kind.key == key)
	try:
		once = kind.run(scene, action, values)
	except ProviderError as error:
		_note(scene, key, action, audit.FAILED)
		refusals.note(error, provider=provider)
		raise _explained(error) from error
	except GatewayError:
		_note(scene, key, action, audit.REFUSED)
		raise
	_note(scene, key, action, audit.SUCCESS)
	frappe.db.commit()
	return once


def _explained(error: ProviderError) -> GatewayError:
	"""In words for whoever sets the provider up, with its own code: it often says more than we can know."""
	if isinstance(error, InvalidRequest):
		failure: GatewayError = BadArgument(_("The provider refuses this: {0}").format(_(error.message)))
	else:
		failure = refusals.for_manager(error)
	if error.provider_code and error.provider_code not in failure.message:
		failure.message = _("{0} The provider's code: {1}.").format(failure.message, error.provider_code)
	return failure


def _note(scene: Scene, key: str, action: str, outcome: str) -> None:
	audit.record(
		"Set-up Step",
		outcome=outcome,
		doctype=PROVIDER,
		name=scene.name,
		details={"provider": scene.name, "action": f"{key}.{action}"},
	)


def require_ready(provider: str, *, visit: bool = True) -> None:
	"""Refuse to send an end user, or a payment, where nothing can come of it yet.

	Args:
		provider: name of the Bank API Provider.
		visit: an end user is to go there; False for calls under a consent that exists.

	Raises:
		NotConfigured: a step that is needed has never been done.
	"""
	doc = frappe.get_cached_doc(PROVIDER, provider)
	for kind in setup_registry.kinds_of(doc.connector):
		if not (kind.ready(doc) if visit else kind.serves(doc)):
			title = kind.show(Scene(provider)).title
			raise NotConfigured(
				_("The provider is not set up yet. The next step is: {0}. Its operator has to do it.").format(
					title
				)
			)


def _scene(provider: str) -> Scene:
	if not frappe.db.exists(PROVIDER, provider):
		raise UnknownObject()
	return Scene(provider)
