"""Providers, certificates and a client site as an admin would set them up in the desk, over HTTP."""

import base64
import secrets
from typing import Any

from dev import kb
from dev.errors import DevError
from dev.quanto import PERSON, PURPOSE, QuantoSetUp
from dev.stack import Stack
from dev.web import Admin, Caller, ClientSite

WEBHOOK_SECRET = "sandbox_webhook_secret"
CLIENT_ID = "sandbox_id_demo"
CLIENT_SECRET = "sandbox_secret_demo"
CERTIFICATE = "Bank API Certificate"
UPLOAD = "/api/method/bank_api.bank_api.doctype.bank_api_certificate.bank_api_certificate.upload"
HOLDER = {
	"environment": "Sandbox",
	"key_type": "RSA 2048",
	"country": "IL",
	"organization": "Example Money Ltd",
	"organization_identifier": "PSDIL-CMA-516000001",
	"authority_name": "Capital Market Authority",
	"authority_id": "IL-CMA",
}
COMMON_NAMES = {"Transport": "tpp.example.com", "Signing": "Example Money Seal"}
USER = "beatriz"
ALL_HISTORY_DAYS = 1095
"""As far back as the sandbox's data goes, so that what is read can be compared with its ledger row by row."""


class Setup:
	"""The admin's part.

	Args:
		gateway: address of the gateway.
		sandbox: address of the simulated providers.
	"""

	def __init__(self, gateway: str, sandbox: str):
		self.admin = Admin(gateway)
		self.sandbox = sandbox
		self.admin.update("Bank API Settings", "Bank API Settings", public_url=gateway)

	def provider(self, name: str, api_version: str, **values: Any) -> dict[str, Any]:
		"""A Bridge provider that speaks to the sandbox."""
		defaults = {
			"connector": "bridge",
			"environment": "Sandbox",
			"api_base_url": self.sandbox,
			"client_id": CLIENT_ID,
			"client_secret": CLIENT_SECRET,
			"webhook_secret": WEBHOOK_SECRET,
		}
		return self.admin.insert(
			"Bank API Provider", provider_name=name, api_version=api_version, **(defaults | values)
		)

	def certificate(self, usage: str) -> str:
		"""A certificate of Migdal's test authority; see the three steps below."""
		name = self.certificate_form(usage)
		self.upload(name, self.issue(self.request(name), usage)["chain"])
		return name

	def certificate_form(self, usage: str) -> str:
		"""Fill in the form of a certificate; its name."""
		common_name = COMMON_NAMES[usage]
		names = {"dns_names": common_name} if usage == "Transport" else {}
		title = f"Migdal {usage} {secrets.token_hex(3)}"
		values = {**HOLDER, **names, "usage": usage, "common_name": common_name, "title": title}
		return self.admin.insert(CERTIFICATE, **values)["name"]

	def request(self, certificate: str) -> str:
		"""Make the key, which never leaves the site, and the request for the authority."""
		return self.admin.press(CERTIFICATE, certificate, "make_request")

	def issue(self, csr: str, usage: str) -> dict[str, Any]:
		"""What the test authority makes of a request: `chain` and `serial`."""
		return self.control("POST", "/migdal/issue", {"csr": csr, "usage": usage})

	def upload(self, certificate: str, chain: str) -> None:
		"""Upload what the authority has issued.

		Raises:
			DevError: it was not taken.
		"""
		body = {"certificate": certificate, "secret": base64.b64encode(chain.encode()).decode()}
		answer = self.admin.caller.call("POST", UPLOAD, body)
		if answer.status != 200 or not answer.json()["message"]["accepted"]:
			raise DevError(f"the certificate is refused: {answer.status} {answer.text[:600]}")

	def migdal(self, name: str, **values: Any) -> dict[str, Any]:
		"""A Migdal provider that speaks to the sandbox.

		Args:
			name: of the provider.
			values: further fields; certificates are made unless `transport_certificate` and `signing_certificate`
				are among them.
		"""
		known = self.control("GET", "/migdal")
		for usage in COMMON_NAMES:
			fieldname = f"{usage.lower()}_certificate"
			values[fieldname] = values.get(fieldname) or self.certificate(usage)
		defaults = {
			"connector": "berlin_group",
			"environment": "Sandbox",
			"api_base_url": known["url"],
			"ca_bundle": known["ca"],
			"history_days": ALL_HISTORY_DAYS,
		}
		return self.admin.insert("Bank API Provider", provider_name=name, **(defaults | values))

	def quanto(self, name: str, **values: Any) -> dict[str, Any]:
		"""A Quanto provider that speaks to the sandbox, all steps of its set-up done."""
		record = self.quanto_record(name, **values)
		for _step in QuantoSetUp(self, record["name"]).through():
			pass
		return record

	def quanto_record(self, name: str, **values: Any) -> dict[str, Any]:
		"""A Quanto provider's bare record: no step of its set-up is done."""
		defaults = {
			"connector": "quanto",
			"environment": "Sandbox",
			"country_code": "BR",
			"api_base_url": self.control("GET", "/quanto")["url"],
			"default_purpose": PURPOSE,
		}
		return self.admin.insert("Bank API Provider", provider_name=name, **(defaults | values))

	def kb(self, name: str, **values: Any) -> dict[str, Any]:
		"""A KB provider that speaks to the sandbox, all steps of its set-up done."""
		made = kb.record(self, name, **values)
		for _step in kb.KbSetUp(self, made["name"]).through():
			pass
		return made

	def control(self, verb: str, path: str, body: Any = None) -> dict[str, Any]:
		"""Call the sandbox's control API.

		Raises:
			DevError: it answered an error.
		"""
		answer = Caller(self.sandbox).call(verb, f"/_control{path}", body)
		if answer.status != 200:
			raise DevError(f"the sandbox answered {answer.status}: {answer.text[:600]}")
		return answer.json()

	def client(self, site: str, base_url: str, webhook_url: str | None, *providers: str) -> dict[str, str]:
		"""A client site; its key pair and webhook secret, which are shown this once."""
		self.admin.insert(
			"Bank API Client",
			site=site,
			client_name=site,
			base_url=base_url,
			webhook_url=webhook_url,
			allowed_providers=[{"provider": provider} for provider in providers],
		)
		return self.admin.press("Bank API Client", site, "create_key_pair")


def main(stack: Stack) -> dict[str, Any]:
	"""What `make serve` sets up: both versions of Bridge, Migdal, Quanto, KB, and one client site with keys and end users."""
	setup = Setup(stack.url, stack.sandbox_url)
	names = [setup.provider(f"Bridge {version}", version)["name"] for version in ("2025-01-15", "2021-06-01")]
	names.append(setup.migdal("Migdal")["name"])
	names.append(setup.quanto("Quanto")["name"])
	names.append(setup.kb("KB")["name"])
	keys = setup.client("shop.example.com", stack.url, None, *names)
	return keys | {
		"example": "bank_api.bridge.get_category",
		"notes": [
			f"the key is that of the client shop.example.com, which may use {', '.join(names)}",
			f"Migdal's API {stack.migdal_url}, its pages {stack.migdal_pages_url}: customer 999888777, code 123456",
			f"Quanto {stack.quanto_url}, its banks {stack.banks_url}: CPF 11144477735, company 11222333000181",
			f"its set-up {stack.url}/app/bank-api-setup/Quanto",
			*_end_user(setup, keys),
			*_company(setup, keys, stack.kb_pages_url),
		],
	}


def _end_user(setup: Setup, keys: dict[str, str]) -> list[str]:
	"""Somebody who shares data of both Open Finance banks, and the links to the pages that can be tried."""
	url, pair = setup.admin.url, (keys["api_key"], keys["api_secret"])
	quanto, pages = (ClientSite(url, *pair, module=module) for module in ("quanto", "consents"))
	terms = {"document": PERSON, "user": USER, "redirect_url": "/"}
	begun = quanto.call("get_quanto_session_link", **terms)
	for bank in ("ipe", "araucaria"):
		setup.control("POST", f"/quanto/sessions/{begun['session']}/share", {"bank": bank})
	setup.control("POST", f"/quanto/sessions/{begun['session']}/finish", {})
	quanto.call("get_quanto_session", request=begun["request"])  # it is read now, whoever would have told
	visit = quanto.call("get_quanto_session_link", **terms)["link"]
	shared = pages.call("get_consents_link", user=USER, redirect_url="/")["link"]
	return [
		f"a session at Quanto to walk through, within the hour: {visit}",
		f"what {USER} shares; the link opens one browser, within 15 minutes: {shared}",
	]


def _company(setup: Setup, keys: dict[str, str], pages: str) -> list[str]:
	"""A company whose batch of wages waits at the bank for a human, and where to go to authorise it."""
	site = ClientSite(setup.admin.url, keys["api_key"], keys["api_secret"], module="kb")
	kb.consent(setup, site.call("get_kb_consent_link", user=kb.BOSS, redirect_url="/")["link"])
	today = setup.control("GET", "/kb")["today"]
	batch = site.call(
		"submit_payment_batch",
		idempotency_key="wages",
		name="Wages",
		payments=kb.wages(12),
		account=kb.WAGES,
		execution_date=kb.bank_day(today),
		user=kb.BOSS,
	)
	number = batch["parts"][0]["provider_batch_id"]
	return [
		f"KB {pages}: a batch of 12 wages ({batch['total']} {batch['currency']}) is {batch['state']} as {number};",
		f"  authorise it at {pages}/mojebanka, log-in {kb.OWNER}, code 123456, or with a POST of",
		f"  {{}} to {setup.sandbox}/_control/kb/batches/{number}; then let a bank day pass with a POST of",
		f'  {{"days": 1}} to {setup.sandbox}/_control/kb/settle',
		f"  the gateway's side of it {setup.admin.url}/app/bank-api-payment-batch/{batch['batch']}",
	]
