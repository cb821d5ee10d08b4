"""Set-up steps about the provider's webhook: which events it is sent for, and a test that it arrives (seed 001, 2.5)."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

import frappe
from frappe import _

from bank_api.connectors.errors import MalformedResponse, ProviderError
from bank_api.connectors.model import Secret
from bank_api.connectors.onboarding import Subscription
from bank_api.gateway import providers
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import BadArgument, GatewayError
from bank_api.gateway.setup_model import Action, BaseStep, Fact, Field, Record, Scene, Shown, Values, digest

EVENT = "Bank API Webhook Event"
PATIENCE = timedelta(minutes=2)
LOOKED_AT = 20  # of the newest events


class Webhook(BaseStep):
	"""The webhook: its address here, the secret that it is signed with, and its events."""

	key = "webhook"
	after = ("address", "api_key")
	optional = True

	def show(self, scene: Scene) -> Shown:
		doc = scene.doc
		events = (doc.webhook_events or "").split()
		done = bool(doc.webhook_id) and scene.kept("webhook") == _mark(doc.webhook_address, events)
		return Shown(
			title=_("Let the provider tell us what happens"),
			help=_(
				"With a webhook the gateway learns at once when a sharing is concluded, approved by the last person, or revoked; "
				"without one it learns it when it asks, some minutes later. The gateway makes the secret itself."
			),
			done=done,
			reason=_("The address of this gateway has been changed since: set the webhook up again.")
			if doc.webhook_id and not done
			else "",
			facts=(
				Fact(_("Webhook Address"), doc.webhook_address),
				*((Fact(_("Events"), ", ".join(events)),) if events else ()),
			),
			actions=self._actions(scene, events, done),
		)

	def _actions(self, scene: Scene, events: list[str], done: bool) -> tuple[Action, ...]:
		offered = _offered(scene)
		choice = Field(
			"events",
			_("Events"),
			"MultiCheck",
			options=[(event, _in_words(event)) for event in offered],
			default=events or list(offered),
			required=True,
		)
		save = Action("save", _("Set Up the Webhook") if not done else _("Change Events"), (choice,))
		if not done:
			return (save,)
		return (save, Action("secret", _("Make a New Secret"), primary=False))

	def run(self, scene: Scene, action: str, values: Values) -> None:
		offered = list(scene.connector.event_types())
		chosen = values.texts("events") if action == "save" else (scene.doc.webhook_events or "").split()
		events = [event for event in offered if event in chosen]
		if not events or set(chosen) - set(offered):
			raise BadArgument(_("Choose at least one event."))
		self._put(scene, events, new_secret=action == "secret")

	def _put(self, scene: Scene, events: Sequence[str], *, new_secret: bool) -> None:
		"""The secret is stored before the provider is told: from its first event on it can be verified. The one before
		stays valid for a day, so nothing is refused if the provider is not reached now."""
		secret = scene.secret("webhook_secret")
		if new_secret or not secret:
			secret = Secret(secrets.token_urlsafe(32))
			scene.store(webhook_secret=secret.reveal())
		address = scene.doc.webhook_address
		subscription = Subscription(url=address, events=tuple(events), secret=secret)
		known = scene.doc.webhook_id or ""
		if known and scene.connector.webhook(known) is None:
			known = ""
		made = scene.connector.put_webhook(known, subscription)
		scene.store(
			kept={"webhook": _mark(address, events), "webhook_arrived": ""},
			webhook_id=made,
			webhook_events="\n".join(events),
			webhook_tested_at=None,
		)


def _in_words(event: str) -> str:
	"""An event with what it means, if its name is one that we know."""
	words = {
		"sharing.completed": _("A sharing is concluded"),
		"sharing.completed.multiple_approval": _("A sharing is concluded, approved by all who have to"),
		"sharing.revoked": _("A sharing is revoked or has ended"),
	}
	return f"{words[event]} ({event})" if event in words else event


def _offered(scene: Scene) -> tuple[str, ...]:
	"""Events to choose from; none while the connector cannot be built."""
	try:
		return tuple(scene.connector.event_types())
	except (ProviderError, GatewayError):
		return ()


def _mark(address: str, events: Sequence[str]) -> str:
	return digest(address, sorted(events))


class WebhookTest(BaseStep):
	"""A test event, asked for and waited for."""

	key = "webhook_test"
	after = ("webhook",)
	optional = True

	def settle(self, scene: Scene) -> None:
		asked = scene.doc.webhook_tested_at
		if not asked or scene.kept("webhook_arrived"):
			return
		if event := _arrived(scene.name, asked):
			scene.store(kept={"webhook_arrived": event})

	def show(self, scene: Scene) -> Shown:
		asked, arrived = scene.doc.webhook_tested_at, scene.kept("webhook_arrived")
		late = bool(asked) and site_now() - asked > PATIENCE
		waiting = bool(asked) and not arrived and not late
		return Shown(
			title=_("See a test event arrive"),
			help=_(
				"The provider sends an event without meaning. It proves that the address, the secret and the way fit."
			),
			done=bool(arrived),
			waiting=waiting,
			soon=waiting,
			reason=_reason(waiting, late and not arrived),
			actions=(Action("ping", _("Ask for a Test Event") if not asked else _("Ask Again")),),
			records=(Record(EVENT, arrived, _("Test Event")),)
			if arrived and frappe.db.exists(EVENT, arrived)
			else (),
		)

	def run(self, scene: Scene, action: str, values: Values) -> None:
		scene.store(kept={"webhook_arrived": ""}, webhook_tested_at=site_now())
		scene.connector.ping_webhook(scene.doc.webhook_id)


def _reason(waiting: bool, late: bool) -> str:
	if waiting:
		return _("The provider has been asked; the event is on its way.")
	if late:
		return _(
			"No test event has come. Can the provider reach the webhook's address from outside? The log tells of refused ones."
		)
	return ""


def _arrived(provider: str, since: datetime) -> str:
	"""Name of the test event that came in since an instant; empty if none did."""
	rows = frappe.get_all(
		EVENT,
		{"provider": provider, "creation": (">=", since - timedelta(seconds=1))},
		["name", "payload"],
		order_by="creation desc",
		limit=LOOKED_AT,
	)
	return next((row.name for row in rows if _is_test(provider, row.payload)), "")


def _is_test(provider: str, payload: str) -> bool:
	try:
		return providers.connector(provider).parse_webhook((payload or "").encode()).is_test
	except MalformedResponse:
		return False
