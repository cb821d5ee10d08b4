"""Set-up step: the company's commercial certificate, by which a bank knows the vendor of the application (seed 003, P4)."""

import re
from dataclasses import replace
from typing import Any

from frappe import _
from frappe.model.document import Document

from bank_api.gateway.certificate_profiles import COMMERCIAL
from bank_api.gateway.errors import BadArgument
from bank_api.gateway.setup_certificates import CertificateStep, upload_fields
from bank_api.gateway.setup_model import Action, Field, Scene, Shown, Values

SANDBOX = "Sandbox"
AUTHORITIES = ("i.ca", "certifikační autorita", "certifikacni autorita", "postsignum", "česká pošta")
"""Parts of the names under which I.CA (První certifikační autorita) and PostSignum (Česká pošta) issue."""


class CommercialCertificate(CertificateStep):
	"""It comes ready-made with its key in a PKCS#12 file, or is requested here.

	A certificate of another profile will do as well: the bank only wants to know the company.
	"""

	key = "certificate"
	profile = COMMERCIAL

	def title(self) -> str:
		return _("Get the company's commercial certificate")

	def help(self) -> str:
		return _(
			"The bank knows your company by it when the application is introduced: a qualified or commercial certificate of I.CA or "
			"PostSignum for the company or an employee. Upload the file with its key (PKCS#12), or make the request here."
		)

	def to_authority(self) -> str:
		return _(
			"Hand the request below in at I.CA (ica.cz) or PostSignum (postsignum.cz). When it has issued the certificate, upload it "
			"here."
		)

	def word(self) -> str:
		return _("Commercial")

	def remark(self, row: Document) -> str:
		if any(name in (row.issuer or "").casefold() for name in AUTHORITIES):
			return ""
		return _("It is issued by neither I.CA nor PostSignum: the bank may refuse it.")

	def show(self, scene: Scene) -> Shown:
		shown = super().show(scene)
		if shown.done or not self._without(scene):
			return shown
		reason = _("Without a certificate: only the bank's own sandbox takes that.")
		actions = tuple(replace(action, primary=False) for action in shown.actions)
		return replace(shown, done=True, waiting=False, reason=reason, actions=actions)

	def _without(self, scene: Scene) -> bool:
		return scene.environment == SANDBOX and bool(scene.kept("no_certificate"))

	def further(self, scene: Scene) -> tuple[Action, ...]:
		fields = (self.title_field(scene), *upload_fields())
		file = Action("ready_made", _("Upload a File with Its Key"), fields)
		if scene.environment != SANDBOX or self._without(scene):
			return (file,)
		return (
			file,
			Action(
				"without",
				_("Go On Without One"),
				primary=False,
				confirm=_(
					"Only the bank's own sandbox introduces an application without a certificate. Go on?"
				),
			),
		)

	def form(self, scene: Scene) -> list[Field]:
		return [
			Field("organization", _("Legal Name"), default=scene.doc.institution_name or "", required=True),
			Field("number", _("Company Number (IČO)"), description=_("Eight digits."), required=True),
			Field("email", _("E-mail Address")),
		]

	def filled(self, scene: Scene, values: Values) -> dict[str, Any]:
		name = values.text("organization")[:64].strip()
		return {
			"organization": name,
			"common_name": name,
			"country": scene.doc.country_code or "CZ",
			"organization_identifier": f"NTRCZ-{_number(values)}",
			"email": values.text("email"),
			"role_ai": 0,
		}

	def run(self, scene: Scene, action: str, values: Values) -> None:
		if action == "without":
			scene.store(kept={"no_certificate": "1"})
		elif action == "ready_made":
			doc = self.new(scene, values, {"role_ai": 0})
			self.take(scene, doc.name, values)
		else:
			super().run(scene, action, values)


def _number(values: Values) -> str:
	"""A company's number in the Czech register: seven digits and a check digit.

	Raises:
		BadArgument: it is none.
	"""
	text = values.text("number").replace(" ", "")
	if re.fullmatch(r"[0-9]{8}", text):
		total = sum(weight * int(digit) for weight, digit in zip(range(8, 1, -1), text, strict=False))
		if (11 - total % 11) % 10 == int(text[7]):
			return text
	raise BadArgument(
		_("{0}: this is not a company's number. It has eight digits.").format(_("Company Number (IČO)"))
	)
