"""The guided set-up of a Quanto provider."""

import secrets
import uuid
from collections.abc import Iterator

from dev.setup_page import SetUpPage

PERSON = "11144477735"
NAME, NUMBER = "Loja Exemplo Ltda", "11222333000181"
CONTACT = {
	"kind": "Technical",
	"contact_name": "Ana Souza",
	"email": "ana@loja.example.com",
	"phone": "+55 11 5555-0100",
}
RETURN_PATH = "/bank-api/return"
PROFILES = {"signing": "BRSEAL", "transport": "BRCAC"}
LEVELS = {"organization_level": "signing_certificate", "software_level": "transport_certificate"}
PURPOSE = "Conciliação bancária na loja"


class QuantoSetUp(SetUpPage):
	"""One provider on its way from a bare record to its first session."""

	def through(self) -> Iterator[tuple[str, str]]:
		"""Do every step; each with a word on what came of it.

		Raises:
			DevError: a step is not done afterwards.
		"""
		for key, work in (
			("organization", self._organization),
			("software", self._software),
			("signing", lambda: self._certificate("signing")),
			("transport", lambda: self._certificate("transport")),
			("levels", self._levels),
			("contacts", lambda: self.done("contacts", "save", contacts=[CONTACT])),
			("api_key", self._api_key),
			("upload", lambda: self.done("upload", "upload")),
			("ids", lambda: self.done("ids", "tell")),
			("webhook", self._webhook),
		):
			yield key, work()

	def _organization(self) -> str:
		return self.done(
			"organization",
			"save",
			organization_id=str(uuid.uuid4()),
			institution_name=NAME,
			institution_number=NUMBER,
		)

	def _software(self) -> str:
		return self.done(
			"software",
			"save",
			software_statement_id=str(uuid.uuid4()),
			directory_client_id=secrets.token_urlsafe(16),
			redirect_uris=self.setup.admin.url + RETURN_PATH,
		)

	def _certificate(self, usage: str) -> str:
		holder = {"locality": "São Paulo", "state": "São Paulo"} if usage == "transport" else {}
		names = {"dns_names": "loja.example.com"} if usage == "transport" else {}
		title = f"Quanto {PROFILES[usage]} {secrets.token_hex(3)}"
		facts = self.run(usage, "create", title=title, **holder, **names)[usage]["facts"]
		csr = next(fact["value"] for fact in facts if fact["filename"])
		issued = self.setup.control("POST", "/quanto/issue", {"csr": csr, "profile": PROFILES[usage]})
		self.done(usage, "upload", text=issued["chain"])
		return f"{PROFILES[usage]} {title}"

	def _levels(self) -> str:
		row = self.setup.admin.rows("Bank API Provider", {"name": self.provider}, list(LEVELS.values()))[0]
		return self.done("levels", "confirm", **{level: row[field] for level, field in LEVELS.items()})

	def _api_key(self) -> str:
		link = self.setup.control("POST", "/quanto/onboarding", {})["link"]
		return self.done("api_key", "onboard", onboarding_link=link)

	def _webhook(self) -> str:
		options = self.steps()["webhook"]["actions"][0]["fields"][0]["options"]
		return self.done("webhook", "save", events=[value for value, _label in options])
