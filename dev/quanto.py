"""The guided set-up of a Quanto provider, done as an admin does it on its page in the desk, over HTTP."""

import json
import secrets
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dev.errors import DevError

if TYPE_CHECKING:
	from dev.seed import Setup

PAGE = "/api/method/bank_api.bank_api.page.bank_api_setup.bank_api_setup"
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


class QuantoSetUp:
	"""One provider on its way from a bare record to its first session.

	Args:
		setup: the admin.
		provider: name of the Bank API Provider.
	"""

	def __init__(self, setup: "Setup", provider: str):
		self.setup = setup
		self.provider = provider

	def steps(self) -> dict[str, dict[str, Any]]:
		"""The steps as the page shows them, by key."""
		return self._call("get_steps", provider=self.provider)

	def run(self, step: str, action: str, **values: Any) -> dict[str, dict[str, Any]]:
		"""Fill in a step's form and press its button."""
		return self._call(
			"run_step", provider=self.provider, step=step, action=action, secret=json.dumps(values)
		)

	def _call(self, method: str, **arguments: Any) -> dict[str, dict[str, Any]]:
		answer = self.setup.admin.caller.call("POST", f"{PAGE}.{method}", arguments)
		if answer.status != 200:
			raise DevError(f"{method} of the set-up page answered {answer.status}: {answer.text[:600]}")
		return {step["key"]: step for step in answer.json()["message"]["steps"]}

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
			("contacts", lambda: self._done("contacts", "save", contacts=[CONTACT])),
			("api_key", self._api_key),
			("upload", lambda: self._done("upload", "upload")),
			("ids", lambda: self._done("ids", "tell")),
			("webhook", self._webhook),
		):
			yield key, work()

	def _done(self, step: str, action: str, **values: Any) -> str:
		shown = self.run(step, action, **values)[step]
		if shown["state"] != "done":
			raise DevError(f"the step {step} is {shown['state']}: {shown['reason']}")
		return ", ".join(
			f"{fact['label']} {fact['value']}" for fact in shown["facts"] if not fact["filename"]
		)

	def _organization(self) -> str:
		return self._done(
			"organization",
			"save",
			organization_id=str(uuid.uuid4()),
			institution_name=NAME,
			institution_number=NUMBER,
		)

	def _software(self) -> str:
		return self._done(
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
		self._done(usage, "upload", text=issued["chain"])
		return f"{PROFILES[usage]} {title}"

	def _levels(self) -> str:
		row = self.setup.admin.rows("Bank API Provider", {"name": self.provider}, list(LEVELS.values()))[0]
		return self._done("levels", "confirm", **{level: row[field] for level, field in LEVELS.items()})

	def _api_key(self) -> str:
		link = self.setup.control("POST", "/quanto/onboarding", {})["link"]
		return self._done("api_key", "onboard", onboarding_link=link)

	def _webhook(self) -> str:
		options = self.steps()["webhook"]["actions"][0]["fields"][0]["options"]
		return self._done("webhook", "save", events=[value for value, _label in options])
