"""Set-up step: a client registers the application at the bank, in a browser (kb_batch.md, 2.4).

The link carries a fresh key, with which the bank seals its answer, and a state. Of both no more is kept than the key,
encrypted, and the state's hash, until the answer is there (`registration`) or the link has ended.
"""

import json
import re
import secrets
from datetime import timedelta

import frappe
from frappe import _
from frappe.model.document import Document

from bank_api.connectors.base import RegistrationConnector
from bank_api.connectors.errors import ProviderError
from bank_api.connectors.onboarding import Application
from bank_api.gateway import audit, providers, trip
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import BadArgument, GatewayError
from bank_api.gateway.setup_directory import return_address
from bank_api.gateway.setup_model import Action, BaseStep, Fact, Field, Once, Scene, Shown, Values
from bank_api.gateway.setup_portal import PROOF

VALID_FOR = timedelta(hours=24)  # whoever may register it at the bank is often somebody else
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,140}\Z")


class Registration(BaseStep):
	"""Client id and secret, which come out of it."""

	key = "registration"
	after = ("statement",)

	def show(self, scene: Scene) -> Shown:
		doc = scene.doc
		known = bool(doc.client_id and doc.client_secret)
		differs = differing(doc) if known else ""
		open_link, late = _link(doc)
		done = known and not differs
		return Shown(
			title=_("Register the application at the bank"),
			help=_(
				"Whoever may act for the company at the bank opens a link, logs in there and agrees. The bank's answer comes back to "
				"this gateway, sealed with a key that only this link carries, and the link works once."
			),
			done=done,
			waiting=open_link and not known,
			soon=open_link,
			reason=_reason(doc, open_link, late, known, differs),
			facts=_facts(doc) if known else (),
			actions=_actions(known),
		)

	def ready(self, doc: Document) -> bool:
		return self.serves(doc) and not differing(doc)

	def serves(self, doc: Document) -> bool:
		return bool(doc.client_id and doc.client_secret)

	def run(self, scene: Scene, action: str, values: Values) -> Once | None:
		if action == "enter":
			_enter(scene, values)
			return None
		return _begin(scene)


def _actions(known: bool) -> tuple[Action, ...]:
	credentials = (
		Field("client_id", _("Client ID"), required=True),
		Field("client_secret", _("Client Secret"), "Password", required=True),
	)
	again = _(
		"The bank gives a new client ID, and the consents that were given for the present one end: every user has to give a new "
		"one. Payments that are under way can be followed again after that. Go on?"
	)
	return (
		Action("open", _("Register Again") if known else _("Make the Link"), confirm=again if known else ""),
		Action("enter", _("Enter Client ID and Secret by Hand"), credentials, primary=False),
	)


def _begin(scene: Scene) -> Once:
	doc, connector = scene.doc, scene.registrar
	key, state = connector.new_registration_key(), secrets.token_urlsafe(32)
	application = Application(
		name=doc.software_name or "",
		name_en=doc.software_name_en or "",
		redirect_uris=(return_address(),),
		scopes=tuple(connector.scopes),
		statement=scene.secret("software_statement").reveal(),
	)
	url = connector.registration_url(application, key, state)
	until = site_now() + VALID_FOR
	scene.store(
		registration_key=key.reveal(),
		registration_state=trip.state_hash(state),
		registration_expires_at=until,
	)
	return Once(
		title=_("Register the Application"),
		text=_(
			"Open this link, or give it to whoever may act for the company at the bank. It carries a key: it is shown only now, and "
			"works once, until {0}. What the bank answers appears here by itself."
		).format(frappe.utils.format_datetime(until)),
		label=_("Open the Bank's Page"),
		url=url,
	)


def _enter(scene: Scene, values: Values) -> None:
	client_id, secret = values.text("client_id"), values.secret("client_secret")
	if not _CLIENT_ID.match(client_id) or not secret:
		raise BadArgument(_("Fill in first: {0}").format(_("Client ID, Client Secret")))
	scene.store(
		kept={PROOF: ""},
		client_id=client_id,
		client_secret=secret.reveal(),
		registered_at=None,
		registered_scopes="",
		registered_addresses="",
		**forgotten(),
	)


def forgotten() -> dict[str, str | None]:
	"""Fields of a provider without a registration under way."""
	return {"registration_key": "", "registration_state": "", "registration_expires_at": None}


def differing(doc: Document) -> str:
	"""Why the registered application is not the one that end users can be sent with; empty if it is, or nobody knows."""
	addresses = (doc.registered_addresses or "").split()
	if addresses and return_address() not in addresses:
		return _(
			"The address of this gateway is another one than was registered: renew the statement and register again."
		)
	missing = (
		sorted(_wanted(doc) - set((doc.registered_scopes or "").split())) if doc.registered_scopes else []
	)
	if missing:
		return _("The registration lacks: {0}. Register again.").format(", ".join(missing))
	return ""


def _wanted(doc: Document) -> set[str]:
	"""What consents ask for; nothing while the connector cannot be built."""
	try:
		connector: RegistrationConnector = providers.connector(doc.name)  # type: ignore[assignment]
		return set(connector.scopes)
	except (ProviderError, GatewayError):
		return set()


def _link(doc: Document) -> tuple[bool, bool]:
	"""Whether a link waits to be used, and whether one has ended unused."""
	if not doc.registration_state:
		return False, False
	until = frappe.utils.get_datetime(doc.registration_expires_at)
	late = until is None or until <= site_now()
	return not late, late


def _reason(doc: Document, open_link: bool, late: bool, known: bool, differs: str) -> str:
	if open_link:
		text = _(
			"A link is out, and the bank's answer is not here yet. It ends on {0}; a new one takes its place."
		).format(frappe.utils.format_datetime(doc.registration_expires_at))
		return f"{text} {_in_vain(doc)}".strip()
	if late:
		return _("The last link has ended unused. Make a new one.")
	if differs:
		return differs
	if known and not doc.registered_at:
		return _("Entered by hand.")
	return ""


def _in_vain(doc: Document) -> str:
	"""What the last answer said that came to this link and registered nothing; such an answer leaves its trace in the log alone."""
	since = frappe.utils.get_datetime(doc.registration_expires_at) - VALID_FOR
	filters = {
		"reference_doctype": doc.doctype,
		"reference_name": doc.name,
		"action": "Application Registered",
		"outcome": audit.REFUSED,
		"creation": (">=", since),
	}
	found = frappe.get_all(audit.DOCTYPE, filters, pluck="details", order_by="creation desc", limit=1)
	if not found:
		return ""
	details = json.loads(found[0])
	return _("An answer came that registers nothing ({0}); the link still serves.").format(
		details.get("reason") or details["status"]
	)


def _facts(doc: Document) -> tuple[Fact, ...]:
	facts = [
		Fact(_("Client ID"), doc.client_id),
		Fact(_("Client Secret"), _("Stored, encrypted. It is never shown.")),
	]
	if doc.registered_scopes:
		facts.append(Fact(_("Registered Scopes"), doc.registered_scopes))
	if doc.registered_at:
		facts.append(Fact(_("Registered at"), frappe.utils.format_datetime(doc.registered_at)))
	return tuple(facts)
