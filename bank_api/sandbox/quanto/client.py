"""Drive Quanto's part of a running sandbox: its control API, the end user's pages, set-up in one call."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier

from bank_api.sandbox.page import Page, SandboxError, excerpt

Call = Callable[..., dict[str, Any]]
PERSON, COMPANY, SECOND_APPROVER = "11144477735", "11222333000181", "52998224725"
ORGANIZATION = "74e929d9-33b6-4d85-8ba7-c146c867a817"
SOFTWARE = "e14a6b5c-7d1f-4a0e-9b3c-2f8d6a5e4c3b"
_ENDED = ("notice", "bank_notice")
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Setup:
	"""An institution that is ready for sessions."""

	url: str
	api_key: str = field(repr=False)
	organization_id: str = ORGANIZATION
	software_statement_id: str = SOFTWARE
	client_id: str = "Cki1EbvjwyhPB12NGLlz2"

	def headers(self) -> dict[str, str]:
		"""Return what every call carries."""
		return {"Authorization": f"Bearer {self.api_key}", "x-fapi-interaction-id": str(uuid.uuid4())}

	def call(self, method: str, path: str, **options: Any) -> requests.Response:
		"""Call Quanto's API."""
		headers = self.headers() | options.pop("headers", {})
		return requests.request(method, self.url + path, headers=headers, timeout=30, **options)


class QuantoBrowser:
	"""Walks the pages of a session and of the banks without following the way back to the institution.

	Args:
		link: Where to begin: a session's link, a bank's page for approvers.
		language: Accept-Language.
		timeout: Seconds for a call.
	"""

	def __init__(self, link: str, language: str = "pt-BR", timeout: float = 30.0) -> None:
		self.timeout = timeout
		self.session = requests.Session()
		self.session.trust_env = False
		self.session.headers["User-Agent"] = "Mozilla/5.0 (sandbox walker)"
		self.session.headers["Accept-Language"] = language
		self.location: str | None = None
		self.steps: list[str] = []
		self.url, self.status = link, 0
		self.page = self._go("GET", link)

	def _go(self, method: str, url: str, **values: Any) -> Page:
		answer = self.session.request(method, url, timeout=self.timeout, allow_redirects=False, **values)
		for _ in range(10):
			if answer.status_code not in (302, 303):
				break
			there = urljoin(url, answer.headers["Location"])
			if answer.status_code == 302 and not self._ours(there):
				self.location = there
				return Page("")
			url = there
			answer = self.session.get(url, timeout=self.timeout, allow_redirects=False)
		self.url, self.status = url, answer.status_code
		if "text/html" not in answer.headers.get("Content-Type", ""):
			raise SandboxError(f"{url} answered {answer.status_code}: {excerpt(answer.text)}")
		page = Page(answer.content.decode())
		if page.step and (not self.steps or self.steps[-1] != page.step):
			self.steps.append(page.step)
		return page

	@staticmethod
	def _ours(url: str) -> bool:
		return any(part in url for part in ("/authorize?", "/callback?", "/visit/"))

	def post(self, *values: tuple[str, str]) -> Page:
		"""Submit a form; return the page that follows."""
		self.page = self._go("POST", self.url, data=list(values))
		return self.page

	def walk(
		self,
		banks: Sequence[str] = ("ipe",),
		cpf: str = PERSON,
		groups: Sequence[str] | None = None,
		resources: Sequence[str] | None = None,
		refuse_at: str | None = None,
		finish: bool = True,
	) -> str | None:
		"""Share at some banks, and finish.

		Args:
			banks: Their keys, one after the other.
			cpf: Who logs in there.
			groups: Keys of the permission groups; None ticks all.
			resources: Ids to tick at the bank; None ticks all.
			refuse_at: Step at which to refuse or go back: ``bank_login``, ``bank_choose``, ``panel``.
			finish: Whether to finish after the last bank; False stays on the last page.

		Returns:
			The final Location, not followed.

		Raises:
			SandboxError: The link is used up, or an entry was refused.
		"""
		left = list(banks)
		for _ in range(12 * (len(left) + 1)):
			if self.location:
				return self.location
			step = self.page.step
			if step in _ENDED:
				raise SandboxError(f"stopped at {step}: {excerpt(self.page.text[-900:], 900)}")
			if step == refuse_at:
				self.post(("action", "leave" if step == "panel" else "refuse"))
			elif step == "result" and not left and not finish:
				return None
			else:
				self.post(*self._entries(step, left, cpf, groups, resources))
		raise SandboxError(f"still at {self.page.step}: {excerpt(self.page.text[-900:], 900)}")

	def _entries(
		self,
		step: str,
		left: list[str],
		cpf: str,
		groups: Sequence[str] | None,
		resources: Sequence[str] | None,
	) -> list[tuple[str, str]]:
		boxes = [box for form in self.page.forms for box in form.boxes]
		if step == "panel":
			return [("action", "share")]
		if step == "confirm":
			return [("action", "confirm")]
		if step == "choose":
			chosen = [box for box in boxes if groups is None or box[1] in groups]
			return [("bank", left.pop(0)), *chosen, ("action", "continue")]
		if step == "bank_login":
			return [("cpf", cpf), ("action", "login")]
		if step == "bank_choose":
			return [
				*(box for box in boxes if resources is None or box[1] in resources),
				("action", "approve"),
			]
		return [("action", "another" if left else "finish")]


class QuantoSandbox:
	"""Quanto's control calls; ``SandboxControl.quanto`` gives one.

	Args:
		call: Makes a control call.
	"""

	def __init__(self, call: Call) -> None:
		self._call = call

	def info(self) -> dict[str, Any]:
		"""Addresses, authority, banks, customers, permission groups, institutions."""
		return self._call("GET", "/quanto")

	@property
	def url(self) -> str:
		"""Address of Quanto's API and pages."""
		return self.info()["url"]

	@property
	def banks_url(self) -> str:
		"""Address of the banks' APIs and pages."""
		return self.info()["banks_url"]

	def switches(self, **values: Any) -> dict[str, Any]:
		"""Show or change switches."""
		return self._call("PATCH" if values else "GET", "/quanto/switches", **values)

	# set-up
	def onboarding_link(self) -> str:
		"""Make a one-time onboarding link."""
		return self._call("POST", "/quanto/onboarding")["link"]

	def issue(self, csr: str, profile: str, **options: Any) -> dict[str, Any]:
		"""Issue from a request (``days``, ``expired``, ``by``, ``digest``): ``certificate``, ``chain``, ``ca``, ``serial``."""
		return self._call("POST", "/quanto/issue", csr=csr, profile=profile, **options)

	def new_key(self, tenant: str) -> dict[str, Any]:
		"""Make a further API key of an institution."""
		return self._call("POST", f"/quanto/tenants/{tenant}/keys")

	def revoke_key(self, key_id: str) -> None:
		"""Revoke an API key."""
		self._call("DELETE", f"/quanto/keys/{key_id}")

	def tenants(self) -> list[dict[str, Any]]:
		"""List the institutions with what they have set up."""
		return self._call("GET", "/quanto/tenants")["tenants"]

	def certificate(
		self, profile: str, organization: str = ORGANIZATION, software: str = SOFTWARE, **options: Any
	) -> tuple[str, str]:
		"""Make a key and let the authority issue for it.

		Returns:
			Chain and key as PEM.
		"""
		key = rsa.generate_private_key(65537, 2048)
		make = transport_request if profile == "BRCAC" else seal_request
		issued = self.issue(make(key, organization, software), profile, **options)
		text = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
		return issued["chain"], text.decode()

	def set_up(
		self,
		redirect_uri: str = "https://gateway.sim.example/bank-api/return",
		organization: str = ORGANIZATION,
		software: str = SOFTWARE,
		name: str = "Sim Gateway Ltda",
	) -> Setup:
		"""Do all of an institution's set-up but webhook and theme."""
		form = {
			"institution": {"name": name, "cnpj": "33400689000109"},
			"contacts": [{"type": "Technical", "name": "Ana Lima", "email": "ana@sim.example"}],
		}
		answer = requests.post(self.onboarding_link(), json=form, timeout=30)
		if answer.status_code != 201:
			raise SandboxError(f"onboarding: {answer.status_code} {excerpt(answer.text)}")
		ready = Setup(self.url, answer.json()["apiKey"], organization, software)
		for usage, profile in (("TRANSPORT", "BRCAC"), ("SIGNATURE", "BRSEAL")):
			chain, key = self.certificate(profile, organization, software, days=3650)
			_done(
				ready.call(
					"POST", "/v1/certificates", json={"type": usage, "certificate": chain, "privateKey": key}
				)
			)
		values = {
			"organizationId": organization,
			"softwareStatementId": software,
			"clientId": ready.client_id,
			"redirectUris": [redirect_uri],
		}
		_done(ready.call("PUT", "/v1/credentials", json=values))
		return ready

	# sessions and consents
	def sessions(self) -> list[dict[str, Any]]:
		"""List the sessions."""
		return self._call("GET", "/quanto/sessions")["sessions"]

	def expire_session(self, session_id: str) -> dict[str, Any]:
		"""End a session's time now."""
		return self._call("POST", f"/quanto/sessions/{session_id}/expire")

	def share(self, session_id: str, bank: str = "ipe", **values: Any) -> dict[str, Any]:
		"""Share at a bank without the pages (``groups``, ``resources``, ``approve`` false leaves it waiting)."""
		return self._call("POST", f"/quanto/sessions/{session_id}/share", bank=bank, **values)

	def finish(self, session_id: str) -> str:
		"""End a session without the pages; return the way back."""
		return self._call("POST", f"/quanto/sessions/{session_id}/finish")["location"]

	def consents(self, **filters: Any) -> list[dict[str, Any]]:
		"""List the banks' consents (``document``, ``session``)."""
		return self._call("GET", "/quanto/consents", **filters)["consents"]

	def consent(self, consent_id: str) -> dict[str, Any]:
		"""Show one with the ``states`` of its resources."""
		return self._call("GET", f"/quanto/consents/{consent_id}")

	def approve(self, consent_id: str, **values: Any) -> dict[str, Any]:
		"""Approve a waiting consent without the pages (``resources``, ``cpf``)."""
		return self._call("POST", f"/quanto/consents/{consent_id}/approve", **values)

	def refuse(self, consent_id: str) -> dict[str, Any]:
		"""Refuse a waiting consent."""
		return self._call("POST", f"/quanto/consents/{consent_id}/refuse")

	def revoke(self, consent_id: str) -> dict[str, Any]:
		"""Revoke at the bank."""
		return self._call("POST", f"/quanto/consents/{consent_id}/revoke")

	def reject(self, consent_id: str, **values: Any) -> dict[str, Any]:
		"""End in any way (``by``, ``code``)."""
		return self._call("POST", f"/quanto/consents/{consent_id}/reject", **values)

	def expire(self, consent_id: str, **values: Any) -> dict[str, Any]:
		"""Let a consent's time be over (``in_seconds``)."""
		return self._call("POST", f"/quanto/consents/{consent_id}/expire", **values)

	def decide(self, consent_id: str, agree: bool = True, **values: Any) -> dict[str, Any]:
		"""Let the further approvers agree or refuse (``cpf``, ``resource``)."""
		return self._call("POST", f"/quanto/consents/{consent_id}/decide", agree=agree, **values)

	def approvals_link(self, consent_id: str) -> str:
		"""Return the bank's page for a further approver."""
		bank = self.consent(consent_id)["bank"]
		return f"{self.banks_url}/{bank}/approvals/{consent_id}"

	def approve_second(self, consent_id: str, cpf: str = SECOND_APPROVER, agree: bool = True) -> None:
		"""Walk the further approver's pages."""
		browser = QuantoBrowser(self.approvals_link(consent_id))
		browser.post(("cpf", cpf), ("action", "login"))
		if browser.page.step != "bank_approvals":
			raise SandboxError(f"stopped at {browser.page.step}")
		browser.post(("action", "agree" if agree else "disagree"))

	def poll(self) -> list[dict[str, Any]]:
		"""Let Quanto read the banks now; return what it knows."""
		return self._call("POST", "/quanto/poll")["consents"]

	def browser(self, link: str, language: str = "pt-BR") -> QuantoBrowser:
		"""Open a session's link step by step."""
		return QuantoBrowser(link, language)

	def complete_session(self, link: str, banks: Sequence[str] = ("ipe",), **options: Any) -> str:
		"""Walk a session's pages; see ``QuantoBrowser.walk``. Returns the final Location, not followed."""
		language = options.pop("language", "pt-BR")
		location = QuantoBrowser(link, language).walk(banks, **options)
		if location is None:
			raise SandboxError("the session was not finished")
		return location

	# customers and their data
	def customer(self, document: str, **values: Any) -> list[dict[str, Any]]:
		"""Show a customer's products at both banks; with ``approvers`` make a new customer."""
		return self._call("POST", f"/quanto/customers/{document}", **values)["products"]

	def products(self, document: str = PERSON, bank: str = "ipe", kind: str = "") -> list[dict[str, Any]]:
		"""Return a customer's products at one bank."""
		found = self._call("GET", f"/quanto/customers/{document}")["products"]
		return [row for row in found if row["bank"] == bank and kind in ("", row["type"])]

	def edit_product(self, product_id: str, **values: Any) -> dict[str, Any]:
		"""Change one (``state``, ``approvers``, ``listed``, ``detail``, ``parts``)."""
		return self._call("PATCH", f"/quanto/products/{product_id}", **values)

	def transactions(self, product_id: str) -> list[dict[str, Any]]:
		"""List an account's or card's transactions: ``key`` and ``data`` as sent."""
		return self._call("GET", f"/quanto/products/{product_id}/transactions")["transactions"]

	def add_transaction(self, product_id: str, **values: Any) -> dict[str, Any]:
		"""Add one (``amount``, ``text``, ``status``, ``at``, ``id``, ``type``, ``extra``)."""
		return self._call("POST", f"/quanto/products/{product_id}/transactions", **values)["transactions"][0]

	def edit_transaction(self, key: int, **values: Any) -> dict[str, Any]:
		"""Lay fields over one."""
		return self._call("PATCH", f"/quanto/transactions/{key}", **values)

	def delete_transaction(self, key: int) -> None:
		"""Remove one."""
		self._call("DELETE", f"/quanto/transactions/{key}")

	# limits, failures, calls, webhooks
	def usage(self) -> dict[str, int]:
		"""Show how often what was read this month."""
		return self._call("GET", "/quanto/usage")["usage"]

	def reset_usage(self) -> None:
		"""Forget it."""
		self._call("DELETE", "/quanto/usage")

	def use_up(self, consent_id: str, endpoint: str, item: str = "") -> None:
		"""Use a month's reads of one endpoint and object up."""
		self._call("POST", "/quanto/usage", consent=consent_id, endpoint=endpoint, item=item)

	def fail(self, status: int, code: str = "", path: str = "/v1/", **values: Any) -> dict[str, Any]:
		"""Make the next matching calls fail (``times``, ``method``, ``retry_after``)."""
		return self._call("POST", "/quanto/fail", status=status, code=code, path=path, **values)

	def requests(self, path: str | None = None, **filters: Any) -> list[dict[str, Any]]:
		"""Return calls of both listeners (``door``: ``quanto`` or ``banks``)."""
		return self._call("GET", "/quanto/requests", path=path, **filters)["requests"]

	def webhook_settings(self, **values: Any) -> dict[str, Any]:
		"""``retry_schedule``, ``timeout``, ``copies``, ``shuffle``, ``reverse``, ``delay``."""
		return self._call("POST", "/quanto/webhooks/settings", **values)

	def pause_webhooks(self, paused: bool = True) -> None:
		"""Hold webhooks back, or let them go."""
		self._call("POST", "/quanto/webhooks/pause", paused=paused)

	def deliveries(self, **filters: Any) -> list[dict[str, Any]]:
		"""Return deliveries (``type``, ``status``, ``since``)."""
		return self._call("GET", "/quanto/webhooks/deliveries", **filters)["deliveries"]

	def resend(self, delivery_id: int) -> dict[str, Any]:
		"""Send an event again."""
		return self._call("POST", f"/quanto/webhooks/deliveries/{delivery_id}/resend")

	def drain_webhooks(self, timeout: float = 10.0) -> bool:
		"""Let Quanto read the banks, and wait until no webhook is due."""
		return self._call("POST", "/quanto/webhooks/drain", timeout=timeout)["drained"]

	def send_event(self, event: str, content: dict[str, Any], **values: Any) -> list[int]:
		"""Send any event, forged if asked (``signature``, ``shift``, ``delay``)."""
		return self._call("POST", "/quanto/webhooks/send", event=event, content=content, **values)[
			"deliveries"
		]


def _done(answer: requests.Response) -> None:
	if answer.status_code not in (200, 201):
		raise SandboxError(f"{answer.url} answered {answer.status_code}: {excerpt(answer.text)}")


def transport_request(key: rsa.RSAPrivateKey, organization: str, software: str, **changed: str) -> str:
	"""Make the request of a BRCAC (section 5.6); ``changed`` puts other values by OID."""
	values = {
		"2.5.4.15": "Private Organization",
		"1.3.6.1.4.1.311.60.2.1.3": "BR",
		"2.5.4.5": "33400689000109",
		"2.5.4.6": "BR",
		"2.5.4.10": "Sim Gateway Ltda",
		"2.5.4.8": "SP",
		"2.5.4.7": "São Paulo",
		"2.5.4.97": f"OFBBR-{organization}",
		"0.9.2342.19200300.100.1.1": software,
		"2.5.4.3": "gateway.sim.example",
		**changed,
	}
	names = [x509.NameAttribute(ObjectIdentifier(oid), value) for oid, value in values.items() if value]
	builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
	builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(values["2.5.4.3"])]), False)
	return builder.sign(key, hashes.SHA256()).public_bytes(_PEM).decode()


def seal_request(key: rsa.RSAPrivateKey, organization: str, software: str = "") -> str:
	"""Make the request of a BRSEAL (section 5.6); it names no software statement."""
	unit = NameOID.ORGANIZATIONAL_UNIT_NAME
	names = [
		x509.NameAttribute(ObjectIdentifier("0.9.2342.19200300.100.1.1"), organization),
		x509.NameAttribute(NameOID.COUNTRY_NAME, "BR"),
		x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ICP-Brasil"),
		x509.NameAttribute(unit, "Sim AC Selo v5"),
		x509.NameAttribute(unit, "33400689000109"),
		x509.NameAttribute(unit, "Presencial"),
		x509.NameAttribute(NameOID.COMMON_NAME, "Sim Gateway Ltda"),
	]
	texts = {2: "Ana Lima", 3: "33400689000109", 4: "01011980111444777350000000000000", 7: "000000000000"}
	others = [
		x509.OtherName(
			ObjectIdentifier(f"2.16.76.1.3.{number}"), b"\x13" + bytes([len(text)]) + text.encode()
		)
		for number, text in texts.items()
	]
	builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
	builder = builder.add_extension(x509.SubjectAlternativeName(others), False)
	return builder.sign(key, hashes.SHA256()).public_bytes(_PEM).decode()
