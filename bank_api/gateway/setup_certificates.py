"""Set-up steps about the gateway's own certificates: getting one, and handing it to the provider with its key."""

import base64
import re
from abc import ABC, abstractmethod
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import frappe
from frappe import _
from frappe.model.document import Document

from bank_api.connectors.model import Secret
from bank_api.connectors.onboarding import UploadedCertificate
from bank_api.crypto.bundle import read_bundle
from bank_api.gateway import certificates
from bank_api.gateway.certificate_profiles import ICP_BRASIL
from bank_api.gateway.certificates import ACTIVE, CSR_READY, DOCTYPE, DRAFT, PROVIDER_FIELD
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import BadArgument
from bank_api.gateway.setup_directory import thumbprint
from bank_api.gateway.setup_model import Action, BaseStep, Fact, Field, Record, Scene, Shown, Values

SIGNING, TRANSPORT = "Signing", "Transport"
# Field of the provider with the provider's own id of the certificate, by usage.
HELD_FIELD = {TRANSPORT: "transport_certificate_id", SIGNING: "signing_certificate_id"}
STATES = (DRAFT, CSR_READY, ACTIVE)


class CertificateStep(BaseStep, ABC):
	"""A certificate of our own: made, requested, uploaded once it is issued, and chosen at the provider.

	Subclasses say which: the abstract methods, `profile`, and `like` and `differs` where others would do too.
	"""

	usage = TRANSPORT
	profile = ""

	@abstractmethod
	def title(self) -> str:
		"""Of the step."""

	@abstractmethod
	def help(self) -> str:
		"""Of the step."""

	@abstractmethod
	def to_authority(self) -> str:
		"""What to do with the request."""

	@abstractmethod
	def form(self, scene: Scene) -> list[Field]:
		"""What a request needs besides a title."""

	@abstractmethod
	def filled(self, scene: Scene, values: Values) -> dict[str, Any]:
		"""Fields of the record of a request."""

	def like(self, scene: Scene) -> dict[str, Any]:
		"""What certificates that are made for this very holder have in common."""
		return {}

	def differs(self, scene: Scene, row: Document) -> str:
		"""Why the chosen certificate is not the one that this step wants; empty if it is."""
		return in_force(row)

	def remark(self, row: Document) -> str:
		"""What is worth knowing of a certificate that will do."""
		return ""

	def further(self, scene: Scene) -> tuple[Action, ...]:
		"""What can be done besides making a request."""
		return ()

	def show(self, scene: Scene) -> Shown:
		chosen = self._chosen(scene)
		wrong = self.differs(scene, chosen) if chosen else ""
		if chosen and not wrong:
			return self._done(chosen)
		found = self.found(scene)
		if found is None:
			return self._open(scene, wrong)
		return self._under_way(scene, found, wrong)

	def _done(self, row: Document) -> Shown:
		return Shown(
			title=self.title(),
			help=self.help(),
			done=True,
			reason=self.remark(row),
			facts=(Fact(_("Valid to"), frappe.utils.format_datetime(row.valid_to)),),
			records=(Record(DOCTYPE, row.name, row.name),),
		)

	def _open(self, scene: Scene, reason: str) -> Shown:
		further = self.further(scene)
		create = self._create(scene, primary=not further)
		return Shown(self.title(), self.help(), False, reason=reason, actions=(*further, create))

	def _under_way(self, scene: Scene, row: Document, wrong: str) -> Shown:
		record = (Record(DOCTYPE, row.name, row.name),)
		request = Fact(_("Request (CSR)"), row.csr or "", filename=f"{self.key}.csr")
		further = tuple(replace(action, primary=False) for action in self.further(scene))
		again = replace(
			self._create(scene),
			label=_("Make Another One"),
			primary=False,
			confirm=_("The request that you have now becomes worthless. Go on?"),
		)
		if row.status == ACTIVE:
			choose = Action("choose", _("Use {0}").format(row.name))
			return Shown(
				self.title(),
				self.help(),
				False,
				reason=wrong,
				actions=(choose, *further, again),
				records=record,
			)
		if row.status == DRAFT:
			make = Action("request", _("Create Key and Request"))
			reason = wrong or _("The form of {0} is filled in; its request has not been made yet.").format(
				row.name
			)
			return Shown(
				self.title(), self.help(), False, reason=reason, actions=(make, *further), records=record
			)
		return Shown(
			title=self.title(),
			help=self.help(),
			done=False,
			waiting=True,
			reason=self.to_authority(),
			facts=(request,),
			actions=(Action("upload", _("Upload Certificate"), upload_fields()), *further, again),
			records=record,
		)

	def _chosen(self, scene: Scene) -> Document | None:
		name = scene.doc.get(PROVIDER_FIELD[self.usage])
		return frappe.get_doc(DOCTYPE, name) if name else None

	def found(self, scene: Scene) -> Document | None:
		"""The newest certificate of this kind that is made or used for this very holder."""
		filters = {
			"profile": self.profile,
			"usage": self.usage,
			"environment": scene.environment,
			"status": ("in", STATES),
			**self.like(scene),
		}
		names = frappe.get_all(DOCTYPE, filters, pluck="name", order_by="creation desc", limit=1)
		return frappe.get_doc(DOCTYPE, names[0]) if names else None

	def _create(self, scene: Scene, *, primary: bool = True) -> Action:
		fields = (self.title_field(scene), *self.form(scene))
		return Action("create", _("Create Key and Request"), fields, primary=primary)

	def title_field(self, scene: Scene) -> Field:
		"""The name of the record, with a proposal that is not taken."""
		title = f"{scene.name} {self.word()} {frappe.utils.nowdate()[:4]}"
		while frappe.db.exists(DOCTYPE, title):
			title = _next_title(title)
		return Field("title", _("Title"), default=title, required=True)

	@abstractmethod
	def word(self) -> str:
		"""What such a certificate is called, in the record's name."""

	def run(self, scene: Scene, action: str, values: Values) -> None:
		if action == "create":
			doc = self.new(scene, values, self.filled(scene, values))
			certificates.make_request(doc.name)
		elif action == "request":
			certificates.make_request(self._under_way_name(scene))
		elif action == "upload":
			self.take(scene, self._under_way_name(scene), values)
		else:
			self._choose(scene, self._under_way_name(scene))

	def _under_way_name(self, scene: Scene) -> str:
		row = self.found(scene)
		if row is None:
			raise BadArgument(_("There is no certificate for this yet."))
		return row.name

	def new(self, scene: Scene, values: Values, fields: dict[str, Any]) -> Document:
		"""The record of a certificate."""
		doc = frappe.new_doc(DOCTYPE)
		doc.update(
			{
				"title": values.text("title"),
				"profile": self.profile,
				"usage": self.usage,
				"environment": scene.environment,
				**fields,
			}
		)
		return doc.insert()

	def take(self, scene: Scene, name: str, values: Values) -> None:
		"""Store what the authority has issued, and choose it.

		Raises:
			BadArgument: it does not fit.
		"""
		content = values.secret("file") or _in_base64(values.text("text"))
		if not content:
			raise BadArgument(_("Choose a file, or paste the certificate."))
		findings = certificates.upload(name, content, values.secret("password") or None)
		fatal = [certificates.in_words(finding) for finding in findings if finding.fatal]
		if fatal:
			raise BadArgument(" ".join(fatal))
		self._choose(scene, name)

	def _choose(self, scene: Scene, name: str) -> None:
		scene.store(**{PROVIDER_FIELD[self.usage]: name})


def in_force(row: Document) -> str:
	"""Why a certificate cannot be used now; empty if it can."""
	if row.status != ACTIVE or row.valid_to < site_now():
		return _("{0} has ended or is not in use.").format(row.name)
	return ""


class OwnCertificate(CertificateStep):
	"""A certificate of ICP-Brasil."""

	profile = ICP_BRASIL

	def __init__(self, usage: str):
		self.usage = usage
		self.key = usage.lower()
		self.after = ("software",) if usage == TRANSPORT else ("organization",)

	def title(self) -> str:
		if self.usage == SIGNING:
			return _("Get the signing certificate (BRSEAL)")
		return _("Get the transport certificate (BRCAC)")

	def help(self) -> str:
		if self.usage == SIGNING:
			return _(
				"It names your organization and signs in its name. The key is made here; only a request (CSR), which holds no "
				"secret, goes to a certification authority of ICP-Brasil (CertiSign, Serasa, Serpro, Soluti)."
			)
		return _(
			"It names the application and opens the connections to the banks. The key is made here; only a request (CSR), which "
			"holds no secret, goes to a certification authority of ICP-Brasil (CertiSign, Serasa, Serpro, Soluti)."
		)

	def to_authority(self) -> str:
		return _(
			"Hand the request below in at the certification authority. When it has issued the certificate, upload it here."
		)

	def word(self) -> str:
		return "BRSEAL" if self.usage == SIGNING else "BRCAC"

	def like(self, scene: Scene) -> dict[str, Any]:
		found = {"organization_id": scene.doc.organization_id or ""}
		if self.usage == TRANSPORT:
			found["software_statement_id"] = scene.doc.software_statement_id or ""
		return found

	def differs(self, scene: Scene, row: Document) -> str:
		if row.profile != ICP_BRASIL:
			return _("{0} is no certificate of ICP-Brasil.").format(row.name)
		if row.organization_id != (scene.doc.organization_id or ""):
			return _("{0} names another organization than this provider.").format(row.name)
		if self.usage == TRANSPORT and row.software_statement_id != (scene.doc.software_statement_id or ""):
			return _("{0} names another software statement than this provider.").format(row.name)
		return in_force(row)

	def form(self, scene: Scene) -> list[Field]:
		if self.usage == SIGNING:
			return [
				Field(
					"units",
					_("Units (OU)"),
					"Small Text",
					_("As your certification authority says, one a line. Empty if it wants none."),
				),
				Field("responsible", _("Person in Charge"), description=_("Name only.")),
			]
		names = Field(
			"dns_names", _("Host Names"), "Small Text", _("One a line."), default=_host(), required=True
		)
		return [
			names,
			Field("locality", _("City"), required=True),
			Field("state", _("State"), description=_("Written out, such as São Paulo."), required=True),
		]

	def filled(self, scene: Scene, values: Values) -> dict[str, Any]:
		provider = scene.doc
		names = values.text("dns_names").lower().split()
		company = provider.institution_name[:64].strip()
		return {
			"key_type": "RSA 2048",
			"organization": company,
			"company_number": provider.institution_number,
			"organization_id": provider.organization_id,
			"software_statement_id": provider.software_statement_id if self.usage == TRANSPORT else "",
			"common_name": names[0] if names else company,
			"dns_names": "\n".join(names),
			"locality": values.text("locality"),
			"state": values.text("state"),
			"units": "\n".join(values.lines("units")),
			"responsible": values.text("responsible"),
		}


def _host() -> str:
	"""Host name of this gateway; empty if its address is only a number, as on test machines."""
	url = frappe.db.get_single_value("Bank API Settings", "public_url") or ""
	host = urlsplit(url).hostname or ""
	return host if re.search("[a-z]", host) else ""


def _next_title(title: str) -> str:
	match = re.search(r" \((\d+)\)\Z", title)
	return f"{title[: match.start()]} ({int(match[1]) + 1})" if match else f"{title} (2)"


def _in_base64(text: str) -> Secret:
	return Secret(base64.b64encode(text.encode()).decode() if text else "")


def upload_fields() -> tuple[Field, ...]:
	"""What an upload needs."""
	return (
		Field("file", _("File (PEM, DER or PKCS#12)"), "File"),
		Field(
			"text",
			_("Or Paste It Here (PEM)"),
			"Small Text",
			_(
				"The text that begins with -----BEGIN CERTIFICATE-----, with the certificates of the authority below it."
			),
		),
		Field("password", _("Password of the File"), "Password", _("Only for a PKCS#12 file (.p12, .pfx).")),
	)


class UploadCertificates(BaseStep):
	"""Both certificates with their keys, handed to the provider, which connects to the banks in our name (seed 2.2)."""

	key = "upload"
	after = ("levels", "api_key")

	def show(self, scene: Scene) -> Shown:
		open_usages = [usage for usage in HELD_FIELD if not self._is_held(scene, usage)]
		replaced = [usage for usage in open_usages if scene.doc.get(HELD_FIELD[usage])]
		labels = {
			SIGNING: _("ID of the Signing Certificate"),
			TRANSPORT: _("ID of the Transport Certificate"),
		}
		return Shown(
			title=_("Hand the certificates to the provider"),
			help=_(
				"The provider speaks to the banks in your company's name and needs both certificates for it, with their private "
				"keys. They go over an encrypted connection, straight to the provider's API."
			),
			done=not open_usages,
			reason=_("A certificate has been replaced: hand over the new one too.") if replaced else "",
			facts=tuple(
				Fact(labels[usage], scene.doc.get(field))
				for usage, field in HELD_FIELD.items()
				if scene.doc.get(field)
			),
			actions=()
			if not open_usages
			else (
				Action(
					"upload",
					_("Hand Over"),
					confirm=_("The private keys of both certificates are sent to the provider. Go on?"),
				),
			),
		)

	def ready(self, doc: Document) -> bool:
		"""A replaced certificate does not stop anything: the provider still holds the one before."""
		return all(doc.get(field) for field in HELD_FIELD.values())

	def _is_held(self, scene: Scene, usage: str) -> bool:
		own = thumbprint(scene.doc.get(PROVIDER_FIELD[usage]) or "")
		return bool(scene.doc.get(HELD_FIELD[usage])) and scene.kept(f"held_{usage}") == own

	def run(self, scene: Scene, action: str, values: Values) -> None:
		held = {one.fingerprint: one for one in scene.connector.certificates() if one.fingerprint}
		for usage, field in HELD_FIELD.items():
			if not self._is_held(scene, usage):
				self._hand_over(scene, usage, field, held)

	def _hand_over(self, scene: Scene, usage: str, field: str, held: dict[str, UploadedCertificate]) -> None:
		"""One certificate. If the answer to an earlier try was lost, the provider has it already."""
		name = scene.doc.get(PROVIDER_FIELD[usage])
		pair = certificates.key_pair(name)
		before = scene.doc.get(field) or ""
		known = held.get(_fingerprint(pair.chain))
		uploaded = known or scene.connector.upload_certificate(usage, pair)
		scene.store(kept={f"held_{usage}": thumbprint(name)}, **{field: uploaded.certificate_id})
		if before and before != uploaded.certificate_id:
			scene.connector.delete_certificate(before)


def _fingerprint(chain: str) -> str:
	"""SHA-256 of the certificate's bytes, in hexadecimal."""
	return sha256(read_bundle(chain.encode()).chain[0].der).hexdigest()
