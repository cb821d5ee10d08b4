"""Set-up steps that let the provider know us: contacts, the API key, our ids in the Directory (seed 001, 2.1 and 2.3)."""

import re

import frappe
from frappe import _
from frappe.model.document import Document

from bank_api.connectors.errors import ConsentRequired
from bank_api.connectors.onboarding import Contact, Credentials, Institution
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import BadArgument, NotConfigured
from bank_api.gateway.setup_model import Action, BaseStep, Fact, Field, Scene, Shown, Values, digest

KINDS = ("Business", "Technical", "Billing", "Incident", "Security")
MAX_CONTACTS = 20
_PHONE = re.compile(r"[0-9+() ./-]{0,40}\Z")


class Contacts(BaseStep):
	"""Whom the provider may turn to."""

	key = "contacts"

	def help(self) -> str:
		"""What they are for."""
		return _("Whom the provider may turn to. The onboarding form asks for them: at least one.")

	def show(self, scene: Scene) -> Shown:
		rows = [
			{"kind": row.kind, "contact_name": row.contact_name, "email": row.email, "phone": row.phone or ""}
			for row in scene.doc.contacts
		]
		return Shown(
			title=_("Name your contacts"),
			help=self.help(),
			done=bool(rows),
			facts=tuple(Fact(_(row["kind"]), f"{row['contact_name']}, {row['email']}") for row in rows),
			actions=(Action("save", _("Save"), (self._table(rows),)),),
		)

	def _table(self, rows: list[dict[str, str]]) -> Field:
		columns = (
			Field("kind", _("Kind"), "Select", options="\n".join(KINDS), default=KINDS[0], required=True),
			Field("contact_name", _("Name"), required=True),
			Field("email", _("E-mail Address"), required=True),
			Field("phone", _("Phone"), description=_("With the country's code, such as +55.")),
		)
		return Field("contacts", _("Contacts"), "Table", default=rows, required=True, fields=columns)

	def run(self, scene: Scene, action: str, values: Values) -> None:
		rows = [_contact(Values(row)) for row in values.rows("contacts")[: MAX_CONTACTS + 1]]
		if not 1 <= len(rows) <= MAX_CONTACTS:
			raise BadArgument(_("Name at least one contact, and at most {0}.").format(MAX_CONTACTS))
		scene.store(contacts=rows)


def _contact(row: Values) -> dict[str, str]:
	name, email, phone = row.text("contact_name"), row.text("email"), row.text("phone")
	if not name or len(name) > 140:
		raise BadArgument(_("Every contact has a name."))
	if not frappe.utils.validate_email_address(email):
		raise BadArgument(_("{0}: this is not an e-mail address.").format(name))
	if not _PHONE.match(phone):
		raise BadArgument(_("{0}: this is not a phone number.").format(name))
	kind = row.text("kind")
	return {
		"kind": kind if kind in KINDS else KINDS[0],
		"contact_name": name,
		"email": email,
		"phone": phone,
	}


class ApiKey(BaseStep):
	"""The key for the provider's API, which comes out of the onboarding form once, or is entered by hand."""

	key = "api_key"
	after = ("organization", "contacts")

	def show(self, scene: Scene) -> Shown:
		done = bool(scene.doc.client_secret)
		pending = bool(scene.doc.onboarding_link)
		return Shown(
			title=_("Get the API key"),
			help=_(
				"After the contract is signed, the provider sends an onboarding link, which works once. The gateway fills in the "
				"form behind it with your company's name, number and contacts, and keeps the API key that it answers, encrypted."
			),
			done=done,
			reason=_(
				"The last try did not come to its end. Try again; if the link has been used up, ask the provider for a new one."
			)
			if pending and not done
			else "",
			facts=(Fact(_("API Key"), _("Stored, encrypted. It is never shown.")),) if done else (),
			actions=self._actions(done, pending),
		)

	def _actions(self, done: bool, pending: bool) -> tuple[Action, ...]:
		link = Field(
			"onboarding_link",
			_("Onboarding Link"),
			"Password",
			_("Leave it empty to use the one that is stored.") if pending else "",
			required=not pending,
		)
		key = Field("api_key", _("API Key"), "Password", required=True)
		enter = Action("enter", _("Enter a Key by Hand"), (key,), primary=False)
		if done:
			return (Action("test", _("Test the Key")), enter)
		return (Action("onboard", _("Fill In the Onboarding Form"), (link,)), enter)

	def ready(self, doc: Document) -> bool:
		return bool(doc.client_secret)

	def run(self, scene: Scene, action: str, values: Values) -> None:
		if action == "onboard":
			self._onboard(scene, values)
		elif action == "enter":
			key = values.secret("api_key")
			if not key:
				raise BadArgument(_("Fill in first: {0}").format(_("API Key")))
			scene.store(client_secret=key.reveal(), onboarding_link="")
		else:
			scene.connector.check()

	def _onboard(self, scene: Scene, values: Values) -> None:
		if link := values.secret("onboarding_link"):
			# Kept until it has been used: what is stored here is proof that the key can be stored too.
			scene.store(onboarding_link=link.reveal())
		link = scene.secret("onboarding_link")
		if not link:
			raise BadArgument(_("Fill in first: {0}").format(_("Onboarding Link")))
		try:
			made = scene.connector.onboard(link.reveal(), _institution(scene.doc))
		except ConsentRequired:
			raise BadArgument(
				_("The onboarding link has been used, or has ended. Ask the provider for a new one.")
			) from None
		scene.store(client_secret=made.key.reveal(), onboarding_link="")


def _institution(doc: Document) -> Institution:
	contacts = tuple(Contact(row.kind, row.contact_name, row.email, row.phone or "") for row in doc.contacts)
	return Institution(doc.institution_name, doc.institution_number, contacts)


class DirectoryIds(BaseStep):
	"""Our ids in the Directory, told to the provider."""

	key = "ids"
	after = ("software", "api_key")

	def show(self, scene: Scene) -> Shown:
		told = scene.doc.credentials_registered_at
		done = bool(told) and scene.kept("ids") == _mark(scene.doc)
		return Shown(
			title=_("Tell the provider your IDs in the Directory"),
			help=_(
				"With the IDs of the organization and of the software statement, and its client ID, the provider registers your "
				"application with the banks."
			),
			done=done,
			reason=_("They have been changed here since: tell the provider again.")
			if told and not done
			else "",
			facts=(Fact(_("Told on"), frappe.utils.format_datetime(told)),) if told else (),
			actions=() if done else (Action("tell", _("Tell the Provider")),),
		)

	def ready(self, doc: Document) -> bool:
		return bool(doc.credentials_registered_at)

	def run(self, scene: Scene, action: str, values: Values) -> None:
		wanted = credentials_of(scene.doc)
		scene.connector.register_credentials(wanted)
		told = scene.connector.credentials()
		if told is None or _ids(told) != _ids(wanted):
			raise NotConfigured(_("The provider has not kept the IDs as they were told. Ask the provider."))
		scene.store(kept={"ids": _mark(scene.doc)}, credentials_registered_at=site_now())


def credentials_of(doc: Document) -> Credentials:
	"""The ids of a provider's record."""
	return Credentials(
		doc.organization_id or "",
		doc.software_statement_id or "",
		doc.directory_client_id or "",
		tuple((doc.redirect_uris or "").split()),
	)


def _ids(told: Credentials) -> tuple[str, str, str]:
	return told.organization_id.lower(), told.software_statement_id.lower(), told.client_id


def _mark(doc: Document) -> str:
	told = credentials_of(doc)
	return digest(*_ids(told), *told.redirect_uris)
