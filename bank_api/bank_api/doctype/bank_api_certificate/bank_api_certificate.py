import dataclasses
import re

import frappe
from frappe import _
from frappe.model.document import Document

from bank_api.bank_api.rules import button
from bank_api.connectors.model import Secret
from bank_api.gateway import certificate_succession, certificates
from bank_api.gateway.certificate_profiles import ICP_BRASIL, SUBJECT_FIELDS
from bank_api.gateway.certificates import CSR_READY, DRAFT, OWN_FIELDS

MAX_UPLOAD = 400_000  # base64; the longest chains with a key are a tenth of it
PUNCTUATION = re.compile(r"[\s./-]")
HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")


class BankAPICertificate(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		authority_id: DF.Data | None
		authority_name: DF.Data | None
		business_category: DF.Literal[
			"Private Organization", "Government Entity", "Business Entity", "Non-Commercial Entity"
		]
		chain: DF.Code | None
		common_name: DF.Data | None
		company_number: DF.Data | None
		country: DF.Data | None
		csr: DF.Code | None
		dns_names: DF.SmallText | None
		email: DF.Data | None
		environment: DF.Literal["Sandbox", "Production"]
		expiry_notice: DF.Int
		granted_authority: DF.Data | None
		granted_roles: DF.Data | None
		issuer: DF.SmallText | None
		key_fingerprint: DF.Data | None
		key_type: DF.Literal["RSA 2048", "RSA 3072", "RSA 4096", "P-256"]
		locality: DF.Data | None
		organization: DF.Data | None
		organization_id: DF.Data | None
		organization_identifier: DF.Data | None
		private_key: DF.Password | None
		profile: DF.Literal["ETSI (PSD2)", "ICP-Brasil", "Commercial"]
		responsible: DF.Data | None
		role_ai: DF.Check
		role_as: DF.Check
		role_ic: DF.Check
		role_pi: DF.Check
		roots: DF.SmallText | None
		serial: DF.Data | None
		software_statement_id: DF.Data | None
		state: DF.Data | None
		status: DF.Literal["Draft", "CSR Ready", "Prepared", "Active", "Retired", "Expired"]
		subject: DF.SmallText | None
		successor_of: DF.Link | None
		thumbprint: DF.Data | None
		title: DF.Data
		units: DF.SmallText | None
		usage: DF.Literal["Transport", "Signing"]
		valid_from: DF.Datetime | None
		valid_to: DF.Datetime | None
	# end: auto-generated types

	def onload(self):
		"""What the form shows beside the record."""
		if self.name and not self.is_new():
			self.set_onload(
				"surroundings", dataclasses.asdict(certificate_succession.surroundings(self.name))
			)

	def get_password(self, fieldname: str = "password", raise_exception: bool = True) -> str:
		"""Nobody gets the key this way, not even who may read every other password of the site."""
		frappe.throw(_("A private key is never shown."), frappe.PermissionError)

	def validate(self):
		if not self.flags.by_gateway:
			self._refuse_a_typed_key()
			self._keep_what_the_gateway_wrote()
		self._tidy()
		self._check_names()
		self._check_roots()
		self._drop_a_stale_request()

	def on_trash(self):
		"""A certificate that is used cannot be deleted: the framework finds the provider's link."""
		for successor in frappe.get_all(self.doctype, {"successor_of": self.name}, pluck="name"):
			frappe.db.set_value(self.doctype, successor, "successor_of", None)
		certificates.note("Certificate Deleted", self)

	def _refuse_a_typed_key(self):
		if self.private_key and not self.is_dummy_password(self.private_key):
			self.private_key = None
			frappe.throw(_("A private key is made here, or comes in a file with Upload Certificate."))

	def _keep_what_the_gateway_wrote(self):
		"""Neither a form nor `/api/resource` sets states, dates, chain or key."""
		before = None if self.is_new() else self.get_doc_before_save()
		for fieldname in OWN_FIELDS:
			default = DRAFT if fieldname == "status" else None
			self.set(fieldname, before.get(fieldname) if before else default)
		if before and before.chain:
			for fieldname in SUBJECT_FIELDS:
				self.set(fieldname, before.get(fieldname))
		if before and before.key_fingerprint:
			self.key_type = before.key_type

	def _tidy(self):
		for fieldname in (
			"organization",
			"organization_identifier",
			"common_name",
			"authority_name",
			"email",
			"software_statement_id",
			"organization_id",
			"locality",
			"state",
			"responsible",
		):
			self.set(fieldname, (self.get(fieldname) or "").strip())
		self.country = (self.country or "").strip().upper()
		self.organization_id, self.software_statement_id = (
			self.organization_id.lower(),
			self.software_statement_id.lower(),
		)
		self.company_number = PUNCTUATION.sub("", self.company_number or "").upper()
		self.authority_id = (self.authority_id or "").strip().upper()
		names = (self.dns_names or "").lower().split() if self.usage == "Transport" else []
		self.dns_names = "\n".join(dict.fromkeys(names))

	def _check_names(self):
		if self.chain:
			return  # what an authority has issued is not judged here
		if self.country and not re.fullmatch(r"[A-Z]{2}", self.country):
			frappe.throw(_("The country is a code of two letters, such as FR."))
		if self.profile == ICP_BRASIL and not self.key_type.startswith("RSA"):
			frappe.throw(_("ICP-Brasil certificates have RSA keys. Choose RSA 2048."))
		for name in self.dns_names.split():
			if not HOST.fullmatch(name):
				frappe.throw(_("{0} is not a host name.").format(name))

	def _check_roots(self):
		text = (self.roots or "").strip()
		if text and ("-----BEGIN CERTIFICATE-----" not in text or "PRIVATE KEY" in text):
			self.roots = None
			frappe.throw(_("Enter certificates in PEM form, without a private key."))

	def _drop_a_stale_request(self):
		"""A request that says something else than the form would be sent to the authority by mistake."""
		if self.status != CSR_READY or self.flags.by_gateway:
			return
		before = self.get_doc_before_save()
		if any((before.get(name) or "") != (self.get(name) or "") for name in SUBJECT_FIELDS):
			self.status, self.csr = DRAFT, None

	@frappe.whitelist(methods=["POST"])
	@button
	def make_request(self, new_key: int = 0) -> str:
		"""Make the key, if there is none, and the request for the authority; returns the request."""
		self.check_permission("write")
		return certificates.make_request(self.name, new_key=bool(new_key))

	@frappe.whitelist(methods=["POST"])
	@button
	def check_now(self) -> list:
		"""Judge the stored certificate as of now."""
		self.check_permission("read")
		return _shown(certificates.check_stored(self.name))

	@frappe.whitelist(methods=["POST"])
	@button
	def prepare_successor(self, title: str) -> str:
		"""Make an empty successor; returns its name."""
		self.check_permission("write")
		return certificate_succession.prepare(self.name, title)

	@frappe.whitelist(methods=["POST"])
	@button
	def switch(self) -> list:
		"""Let every provider of the certificate before use this one; returns their names."""
		self.check_permission("write")
		return certificate_succession.switch(self.name)

	@frappe.whitelist(methods=["POST"])
	@button
	def switch_back(self) -> list:
		"""Let every provider of this certificate use the one before again; returns their names."""
		self.check_permission("write")
		return certificate_succession.switch_back(self.name)


@frappe.whitelist(methods=["POST"])
@button
def upload(certificate: str, secret: str, password: str | None = None) -> dict:
	"""Take the file that the authority has issued, in base64, if it fits the record.

	A function and not a method of the form: its arguments bear the names that the framework's error reports mask,
	and they are taken out of the request before anything can fail.

	Returns:
		`accepted`, and `findings` in words.
	"""
	for argument in ("secret", "password"):
		frappe.form_dict.pop(argument, None)
	content, phrase = Secret(secret), Secret(password or "")
	del secret, password
	if len(content.reveal()) > MAX_UPLOAD:
		frappe.throw(_("The file is too large to be a certificate."))
	frappe.get_doc("Bank API Certificate", certificate).check_permission("write")
	findings = certificates.upload(certificate, content, phrase or None)
	return {"accepted": not any(finding.fatal for finding in findings), "findings": _shown(findings)}


def _shown(findings: list) -> list[dict]:
	return [
		{"code": finding.code, "message": certificates.in_words(finding), "fatal": finding.fatal}
		for finding in findings
	]
