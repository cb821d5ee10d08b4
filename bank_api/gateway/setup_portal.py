"""Set-up steps around a bank's developer portal: keys, contacts, the proof that all of it works, where batches are authorised.

KB's way (seed 003, P1 to P6; kb_batch.md, 2.2): each API has a key of its own.
"""

import re

from frappe import _
from frappe.model.document import Document

from bank_api.gateway.errors import BadArgument
from bank_api.gateway.setup_access import Contacts
from bank_api.gateway.setup_model import Action, BaseStep, Fact, Field, Scene, Shown, Values

NEEDED = ("api_key_registration", "api_key_oauth2", "api_key_adaa")
TO_TALK = "api_key_oauth2"  # without it there are no tokens
OPTIONAL = "api_key_batchda"
PROOF = "proof"
LONGEST_ADDRESS = 43  # of an e-mail address in a software statement (kb_batch.md, 2.3)
_KEY = re.compile(r"[\x21-\x7e]{1,500}\Z")


def _labels() -> dict[str, str]:
	return {
		"api_key_registration": _("Key for Registrations"),
		"api_key_oauth2": _("Key for Tokens"),
		"api_key_adaa": _("Key for Accounts"),
		OPTIONAL: _("Key for Payments"),
	}


class PortalKeys(BaseStep):
	"""The keys of the bank's APIs, entered once and never shown again."""

	key = "keys"

	def show(self, scene: Scene) -> Shown:
		labels = _labels()
		stored = [name for name in labels if scene.doc.get(name)]
		missing = [labels[name] for name in NEEDED if name not in stored]
		return Shown(
			title=_("Enter the keys of the bank's portal"),
			help=_(
				"In the bank's developer portal (developers.kb.cz for KB), subscribe to client registration, to OAuth 2 and to the "
				"account API. Each gives you a key of its own. One for payments is needed only if the bank gave you one."
			),
			done=not missing,
			reason=_reason(scene, stored, missing),
			facts=tuple(Fact(labels[name], _("Stored, encrypted. It is never shown.")) for name in stored),
			actions=(
				Action("save", _("Save"), tuple(_field(name, labels[name], stored) for name in labels)),
			),
		)

	def ready(self, doc: Document) -> bool:
		return bool(doc.get(TO_TALK))

	def run(self, scene: Scene, action: str, values: Values) -> None:
		labels = _labels()
		entered = {name: values.secret(name) for name in labels if values.text(name)}
		for name, key in entered.items():
			if not _KEY.match(key.reveal()):
				raise BadArgument(
					_("{0}: paste the key alone, without blanks and without the word Bearer.").format(
						labels[name]
					)
				)
		missing = [labels[name] for name in NEEDED if name not in entered and not scene.doc.get(name)]
		if missing:
			raise BadArgument(_("Fill in first: {0}").format(", ".join(missing)))
		scene.store(kept={PROOF: ""}, **{name: key.reveal() for name, key in entered.items()})


def _field(name: str, label: str, stored: list[str]) -> Field:
	if name in stored:
		return Field(name, label, "Password", _("Leave it empty to keep the one that is stored."))
	return Field(name, label, "Password", required=name != OPTIONAL)


def _reason(scene: Scene, stored: list[str], missing: list[str]) -> str:
	if missing and stored:
		return _("Still missing: {0}").format(", ".join(missing))
	values = [scene.secret(name).reveal() for name in stored]
	if len(set(values)) < len(values):
		return _("Two of the keys are the same, though each API has one of its own. Was one pasted twice?")
	return ""


class StatementContacts(Contacts):
	"""Whom the bank writes to before the software statement ends."""

	def help(self) -> str:
		return _(
			"The bank writes to the first two of them, also before the software statement ends. An e-mail address may have {0} "
			"characters."
		).format(LONGEST_ADDRESS)

	def run(self, scene: Scene, action: str, values: Values) -> None:
		for row in values.rows("contacts")[:2]:
			email = Values(row).text("email")
			if len(email) > LONGEST_ADDRESS:
				raise BadArgument(_("{0}: this address is too long for the bank.").format(email[:140]))
		super().run(scene, action, values)


class Proof(BaseStep):
	"""A harmless call with all that has been set up."""

	key = "proof"
	after = ("keys", "registration")

	def show(self, scene: Scene) -> Shown:
		proved = scene.kept(PROOF) == (scene.doc.client_id or "-")
		return Shown(
			title=_("Test the access"),
			help=_(
				"The gateway asks the bank for something harmless. It proves that key, client ID and secret fit."
			),
			done=proved,
			actions=(Action("check", _("Test Now")),),
		)

	def run(self, scene: Scene, action: str, values: Values) -> None:
		scene.check()
		scene.store(kept={PROOF: scene.doc.client_id})


class Channel(BaseStep):
	"""Where the bank's customers authorise what was handed over: the gateway says it with every batch."""

	key = "channel"
	optional = True

	def show(self, scene: Scene) -> Shown:
		place = scene.doc.authorise_at or ""
		return Shown(
			title=_("Say where batches are authorised"),
			help=_(
				"Nothing is paid before a human authorises the batch in the bank's own channel. There the user also switches the "
				"service 'Batch payments via API' on, and confirms it every 12 months. Say where, as your users know it."
			),
			done=bool(place),
			facts=(Fact(_("Where Batches Are Authorised"), place),) if place else (),
			actions=(Action("save", _("Save"), (_place(place),)),),
		)

	def run(self, scene: Scene, action: str, values: Values) -> None:
		place = values.text("authorise_at")
		if not place or len(place) > 500:
			raise BadArgument(_("Fill in first: {0}").format(_("Where Batches Are Authorised")))
		scene.store(authorise_at=place)


def _place(place: str) -> Field:
	return Field(
		"authorise_at",
		_("Where Batches Are Authorised"),
		"Small Text",
		default=place or _("MojeBanka Business: Payments, Batches. KB+: Payments, To Be Authorised."),
		required=True,
	)
