"""Set-up steps in Open Finance Brasil's Directory of Participants (seed 001, step 1; quanto_ofb.md, 1).

Nobody but the participant itself can act in the Directory, on its own web page. So these steps say what to do there, ask
for what comes out of it, and check it.
"""

import re
from urllib.parse import urlsplit

import frappe
from frappe import _

from bank_api.connectors.errors import InvalidRequest
from bank_api.connectors.model import Secret
from bank_api.connectors.quanto import documents
from bank_api.gateway import certificates
from bank_api.gateway.certificate_words import words
from bank_api.gateway.errors import BadArgument
from bank_api.gateway.setup_model import Action, BaseStep, Fact, Field, Scene, Shown, Values
from bank_api.gateway.trip import RETURN_PATH

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
SETTINGS = "Bank API Settings"


def return_address() -> str:
	"""Where end users come back to; empty until the public URL is set."""
	url = frappe.db.get_single_value(SETTINGS, "public_url")
	return f"{url.rstrip('/')}{RETURN_PATH}" if url else ""


def _uuid(values: Values, name: str, label: str) -> str:
	text = values.text(name).lower()
	if not _UUID.match(text):
		raise BadArgument(
			_("{0}: this is not an ID of the Directory. It has 32 digits and letters in five groups.").format(
				label
			)
		)
	return text


class PublicAddress(BaseStep):
	"""The gateway's own address, which the software statement and the webhook name."""

	key = "address"

	def show(self, scene: Scene) -> Shown:
		url = frappe.db.get_single_value(SETTINGS, "public_url") or ""
		return Shown(
			title=_("The address of this gateway"),
			help=_(
				"Under which address the world reaches this site. End users come back to it, and the provider sends its "
				"webhooks to it. It is never guessed."
			),
			done=bool(url),
			facts=(Fact(_("Public URL"), url),) if url else (),
			actions=(
				Action(
					"save",
					_("Save"),
					(
						Field(
							"public_url",
							_("Public URL"),
							default=url or frappe.utils.get_url(),
							required=True,
						),
					),
				),
			),
		)

	def run(self, scene: Scene, action: str, values: Values) -> None:
		settings = frappe.get_doc(SETTINGS)
		settings.public_url = values.text("public_url")
		settings.save()


class Organization(BaseStep):
	"""The organisation, registered in the Directory."""

	key = "organization"

	def show(self, scene: Scene) -> Shown:
		doc = scene.doc
		done = bool(doc.organization_id and doc.institution_name and doc.institution_number)
		label = _("Organization ID")
		return Shown(
			title=_("Register the organization"),
			help=_(
				"Sign in at the Directory of Participants of Open Finance Brasil, register your company as the Central Bank "
				"wants it, and copy the organization's ID (organizationId) from there."
			),
			done=done,
			facts=(Fact(label, doc.organization_id), Fact(_("Legal Name"), doc.institution_name))
			if done
			else (),
			actions=(
				Action(
					"save",
					_("Save"),
					(
						Field("organization_id", label, default=doc.organization_id, required=True),
						Field(
							"institution_name", _("Legal Name"), default=doc.institution_name, required=True
						),
						Field(
							"institution_number",
							_("Company Number (CNPJ)"),
							default=doc.institution_number,
							required=True,
						),
					),
				),
			),
		)

	def run(self, scene: Scene, action: str, values: Values) -> None:
		name = values.text("institution_name")
		if not name:
			raise BadArgument(_("Fill in first: {0}").format(_("Legal Name")))
		try:
			number = documents.cnpj(Secret(values.text("institution_number")))
		except InvalidRequest as error:
			raise BadArgument(_(error.message)) from None
		scene.store(
			organization_id=_uuid(values, "organization_id", _("Organization ID")),
			institution_name=name,
			institution_number=number,
		)


class SoftwareStatement(BaseStep):
	"""The application: a software statement of the organisation."""

	key = "software"
	after = ("address", "organization")

	def show(self, scene: Scene) -> Shown:
		doc, address = scene.doc, return_address()
		known = (doc.redirect_uris or "").split()
		named = bool(doc.software_statement_id and doc.directory_client_id)
		reason = ""
		if named and address not in known:
			reason = _("The return address of this gateway is not among those of the software statement.")
		return Shown(
			title=_("Register the application (software statement)"),
			help=_(
				"In the Directory, inside of your organization, make a software statement for data reception. Give it the "
				"return address below, and copy its ID and its client ID from there."
			),
			done=named and not reason,
			reason=reason,
			facts=(Fact(_("Return Address"), address),)
			+ ((Fact(_("Software Statement ID"), doc.software_statement_id),) if named else ()),
			actions=(Action("save", _("Save"), self._fields(scene, known or [address])),),
		)

	def _fields(self, scene: Scene, addresses: list[str]) -> tuple[Field, ...]:
		doc = scene.doc
		return (
			Field(
				"software_statement_id",
				_("Software Statement ID"),
				default=doc.software_statement_id,
				required=True,
			),
			Field(
				"directory_client_id",
				_("Client ID in the Directory"),
				default=doc.directory_client_id,
				required=True,
			),
			Field(
				"redirect_uris",
				_("Redirect Addresses"),
				"Small Text",
				_("All that the software statement names, one a line."),
				default="\n".join(addresses),
				required=True,
			),
		)

	def run(self, scene: Scene, action: str, values: Values) -> None:
		client_id = values.text("directory_client_id")
		addresses = values.lines("redirect_uris")
		if not re.fullmatch(r"[\x21-\x7e]{1,140}", client_id):
			raise BadArgument(_("Fill in first: {0}").format(_("Client ID in the Directory")))
		for address in addresses:
			if urlsplit(address).scheme not in ("https", "http") or not urlsplit(address).hostname:
				raise BadArgument(_("{0}: this is not a valid address.").format(address[:140]))
		if return_address() not in addresses:
			raise BadArgument(
				_(
					"Register {0} in the software statement too: end users are sent back to no other address of this gateway."
				).format(return_address())
			)
		scene.store(
			software_statement_id=_uuid(values, "software_statement_id", _("Software Statement ID")),
			directory_client_id=client_id,
			redirect_uris="\n".join(dict.fromkeys(addresses)),
		)


class LevelsInDirectory(BaseStep):
	"""Both certificates, registered in the Directory, each at its level (seed 1.4)."""

	key = "levels"
	after = ("signing", "transport")

	def show(self, scene: Scene) -> Shown:
		marks = _marks(scene)
		done = all(marks.values()) and all(
			scene.kept(f"directory_{usage}") == mark for usage, mark in marks.items()
		)
		replaced = not done and bool(scene.kept("directory_Signing"))
		return Shown(
			title=_("Register the certificates in the Directory"),
			help=_(
				"Each belongs to another level: the signing certificate (BRSEAL) to the organization, the transport certificate "
				"(BRCAC) into the software statement. Download them here, register them there, then say which went where."
			),
			done=done,
			reason=_("A certificate has been replaced: register the new one too.") if replaced else "",
			facts=self._files(scene),
			actions=(Action("confirm", _("They are registered"), self._fields(scene)),),
		)

	def _files(self, scene: Scene) -> tuple[Fact, ...]:
		labels = {"Signing": _("Signing Certificate"), "Transport": _("Transport Certificate")}
		found = []
		for usage, label in labels.items():
			name = _certificate(scene, usage)
			chain = frappe.db.get_value(certificates.DOCTYPE, name, "chain") if name else ""
			if chain:
				leaf = chain.partition("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
				found.append(Fact(label, leaf, filename=f"{usage.lower()}.pem"))
		return tuple(found)

	def _fields(self, scene: Scene) -> tuple[Field, ...]:
		names = [name for name in (_certificate(scene, "Signing"), _certificate(scene, "Transport")) if name]
		options = "\n".join(["", *sorted(names)])
		return (
			Field(
				"organization_level",
				_("Registered at the organization"),
				"Select",
				options=options,
				required=True,
			),
			Field(
				"software_level",
				_("Registered in the software statement"),
				"Select",
				options=options,
				required=True,
			),
		)

	def run(self, scene: Scene, action: str, values: Values) -> None:
		levels = (
			("organization_level", "Signing", "icp_level_transport"),
			("software_level", "Transport", "icp_level_seal"),
		)
		if not all(values.text(field) for field, _usage, _refusal in levels):
			raise BadArgument(_("Say of both certificates where they are registered."))
		for field, usage, refusal in levels:
			if values.text(field) != _certificate(scene, usage):
				raise BadArgument(words(refusal, refusal))
		scene.store(kept={f"directory_{usage}": mark for usage, mark in _marks(scene).items()})


def _certificate(scene: Scene, usage: str) -> str:
	return scene.doc.get(certificates.PROVIDER_FIELD[usage]) or ""


def _marks(scene: Scene) -> dict[str, str]:
	"""The thumbprints of the provider's certificates by usage; empty where there is none."""
	return {usage: thumbprint(_certificate(scene, usage)) for usage in certificates.PROVIDER_FIELD}


def thumbprint(certificate: str) -> str:
	"""The thumbprint of a Bank API Certificate; empty if there is none."""
	if not certificate:
		return ""
	return frappe.db.get_value(certificates.DOCTYPE, certificate, "thumbprint") or ""
