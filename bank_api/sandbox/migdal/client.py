"""Drive Migdal's part of a running sandbox: its control API, the end user's pages, and a client with certificates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from bank_api.sandbox.migdal.authority import ORGANIZATION_IDENTIFIER, SIGNING, TRANSPORT, key_pem
from bank_api.sandbox.page import Page, SandboxError, excerpt

Call = Callable[..., dict[str, Any]]
CUSTOMER, OTP = "999888777", "123456"
_PEM = serialization.Encoding.PEM
_ENDED = ("approved", "waiting", "refused", "failed")


@dataclass(frozen=True)
class Credentials:
	"""A key and the chain that the test authority issued for it."""

	chain: str
	key: str = field(repr=False)
	serial: str = ""


@dataclass(frozen=True)
class Tpp:
	"""A client that may call the API."""

	client_id: str
	transport: Credentials
	signing: Credentials
	ca: str


class MigdalBrowser:
	"""Walks the end user's pages without following the way back to the client.

	Args:
		link: The one-time link.
		timeout: Seconds for a call.
	"""

	def __init__(self, link: str, timeout: float = 30.0) -> None:
		self.timeout = timeout
		self.session = requests.Session()
		self.session.headers["User-Agent"] = "Mozilla/5.0 (sandbox walker)"
		self.location: str | None = None
		self.steps: list[str] = []
		self.status = 0
		self.page = self._go("GET", link)

	def _go(self, method: str, url: str, **values: Any) -> Page:
		answer = self.session.request(method, url, timeout=self.timeout, allow_redirects=False, **values)
		while answer.status_code == 303:
			url = urljoin(url, answer.headers["Location"])
			answer = self.session.get(url, timeout=self.timeout, allow_redirects=False)
		self.url, self.status = url, answer.status_code
		if answer.status_code == 302:
			self.location = answer.headers["Location"]
			return Page("")
		if "text/html" not in answer.headers.get("Content-Type", ""):
			raise SandboxError(f"{url} answered {answer.status_code}: {excerpt(answer.text)}")
		page = Page(answer.content.decode())
		if page.step and (not self.steps or self.steps[-1] != page.step):
			self.steps.append(page.step)
		return page

	def post(self, *values: tuple[str, str]) -> Page:
		"""Submit a form; return the page that follows."""
		self.page = self._go("POST", self.url, data=list(values))
		return self.page

	def leave(self) -> str:
		"""Follow the link back; return the address it leads to."""
		self._go("GET", f"{self.url}/return")
		if self.location is None:
			raise SandboxError(f"no way back from {self.page.step}")
		return self.location

	def walk(
		self,
		psu_id: str = CUSTOMER,
		otp: str = OTP,
		loans: Sequence[str] | None = None,
		valid_until: str | None = None,
		refuse_at: str | None = None,
	) -> str:
		"""Go through to the end.

		Args:
			psu_id: Who logs in.
			otp: Code to type.
			loans: Numbers to tick (BO); None ticks all.
			valid_until: Last day; None keeps what is proposed.
			refuse_at: Step at which to refuse: ``login``, ``otp``, ``choose``, ``confirm``.

		Returns:
			The final Location, not followed.

		Raises:
			SandboxError: The link is used up, or an entry was refused.
		"""
		if self.location:
			return self.location
		tried: set[str] = set()
		while self.page.step not in _ENDED:
			step = self.page.step
			if step.startswith("notice") or (step in tried and step != "otp"):
				raise SandboxError(f"stopped at {step}: {excerpt(self.page.text[-900:], 900)}")
			tried.add(step)
			if step == refuse_at:
				self.post(("action", "refuse"))
			else:
				self.post(*self._entries(step, psu_id, otp, loans, valid_until))
		return self.leave()

	def _entries(
		self, step: str, psu_id: str, otp: str, loans: Sequence[str] | None, valid_until: str | None
	) -> list[tuple[str, str]]:
		if step == "login":
			return [("psu_id", psu_id)]
		if step == "otp":
			return [("otp", otp)]
		form = self.page.forms[0]
		boxes = [(name, value) for name, value in form.boxes if loans is None or value in loans]
		proposed = dict(form.fields).get("valid_until", "")
		return [*boxes, ("valid_until", valid_until or proposed), ("action", "approve")]


class MigdalSandbox:
	"""Migdal's control calls; ``SandboxControl.migdal`` gives one.

	Args:
		call: Makes a control call.
	"""

	def __init__(self, call: Call) -> None:
		self._call = call

	def info(self) -> dict[str, Any]:
		"""Addresses, authorities, companies, customers."""
		return self._call("GET", "/migdal")

	@property
	def url(self) -> str:
		"""Address of the API (mutual TLS)."""
		return self.info()["url"]

	@property
	def pages_url(self) -> str:
		"""Address of the end user's pages, and of ``/oauth/authorize``."""
		return self.info()["pages_url"]

	@property
	def ca(self) -> str:
		"""PEM of the root to trust."""
		return self.info()["ca"]

	def switches(self, **values: Any) -> dict[str, Any]:
		"""Show or change switches."""
		return self._call("PATCH" if values else "GET", "/migdal/switches", **values)

	# certificates
	def issue(self, csr: str, usage: str, **options: Any) -> dict[str, Any]:
		"""Issue from a request (``days``, ``roles``, ``expired``, ``other``, ``by``)."""
		return self._call("POST", "/migdal/issue", csr=csr, usage=usage, **options)

	def revoke(self, serial: str, status: str = "revoked") -> None:
		"""Revoke a certificate, block it (``blocked``) or make it good again (``good``)."""
		self._call("POST", f"/migdal/certificates/{serial}", status=status)

	def credentials(
		self,
		usage: str,
		client_id: str = "PSDIL-CMA-516000001",
		*,
		name: str = "Sim TPP Ltd",
		dns: str = "tpp.sim.example",
		**options: Any,
	) -> Credentials:
		"""Make a key and let the authority issue for it.

		Args:
			usage: ``Transport`` or ``Signing``.
			client_id: The organizationIdentifier.
			name: The organisation.
			dns: Its host name.
			**options: As ``issue`` takes them.

		Returns:
			Chain and key as PEM.
		"""
		key = rsa.generate_private_key(65537, 2048)
		parts = (
			(NameOID.COUNTRY_NAME, "IL"),
			(NameOID.ORGANIZATION_NAME, name),
			(ORGANIZATION_IDENTIFIER, client_id),
			(NameOID.COMMON_NAME, dns if usage == TRANSPORT else f"{name} Seal"),
		)
		subject = x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])
		builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
		if usage == TRANSPORT:
			builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(dns)]), False)
		csr = builder.sign(key, hashes.SHA256()).public_bytes(_PEM).decode()
		issued = self.issue(csr, usage, **options)
		return Credentials(issued["chain"], key_pem(key), issued["serial"])

	def tpp(self, client_id: str = "PSDIL-CMA-516000001", **options: Any) -> Tpp:
		"""Make a client with both certificates."""
		transport, signing = (self.credentials(usage, client_id, **options) for usage in (TRANSPORT, SIGNING))
		return Tpp(client_id, transport, signing, self.ca)

	# customers and their data
	def psus(self) -> list[dict[str, Any]]:
		"""List the customers with what they have."""
		return self._call("GET", "/migdal/psus")["psus"]

	def psu(self, psu_id: str = CUSTOMER) -> dict[str, Any]:
		"""Show one."""
		return self._call("GET", f"/migdal/psus/{psu_id}")

	def put_psu(self, psu_id: str, **values: Any) -> dict[str, Any]:
		"""Make or change one (``name``, ``signers``, ``blocked``, ``declines``, ``max_days``)."""
		return self._call("POST", f"/migdal/psus/{psu_id}", **values)

	def add_account(self, psu_id: str, **values: Any) -> dict[str, Any]:
		"""Give a customer a loan, or ``type`` account or card (``number``, ``company``, ``transactions`` …)."""
		return self._call("POST", f"/migdal/psus/{psu_id}/accounts", **values)

	def edit_account(self, number: str, **values: Any) -> dict[str, Any]:
		"""Change one (``status``, ``opening``, ``details`` …)."""
		return self._call("PATCH", f"/migdal/accounts/{number}", **values)

	def delete_account(self, number: str) -> None:
		"""Remove one."""
		self._call("DELETE", f"/migdal/accounts/{number}")

	def transactions(self, number: str) -> list[dict[str, Any]]:
		"""List an account's transactions."""
		return self._call("GET", f"/migdal/accounts/{number}/transactions")["transactions"]

	def balance(self, number: str) -> str:
		"""Return an account's booked balance, exact text."""
		return self._call("GET", f"/migdal/accounts/{number}/transactions")["balance"]

	def add_transaction(self, number: str, **values: Any) -> dict[str, Any]:
		"""Add one (``amount``, ``date``, ``status``, ``text``, ``extra``)."""
		return self._call("POST", f"/migdal/accounts/{number}/transactions", **values)["transactions"][0]

	def edit_transaction(self, key: int, **values: Any) -> dict[str, Any]:
		"""Change one."""
		return self._call("PATCH", f"/migdal/transactions/{key}", **values)

	def book_transaction(self, key: int, **values: Any) -> dict[str, Any]:
		"""Book a pending one."""
		return self._call("POST", f"/migdal/transactions/{key}/book", **values)

	def delete_transaction(self, key: int) -> None:
		"""Remove one."""
		self._call("DELETE", f"/migdal/transactions/{key}")

	# consents
	def consents(self) -> list[dict[str, Any]]:
		"""List the consents."""
		return self._call("GET", "/migdal/consents")["consents"]

	def consent(self, consent_id: str) -> dict[str, Any]:
		"""Show one with its authorisations."""
		return self._call("GET", f"/migdal/consents/{consent_id}")

	def edit_consent(self, consent_id: str, **values: Any) -> dict[str, Any]:
		"""Change what was granted (``valid_until``, ``frequency``, ``loans``)."""
		return self._call("PATCH", f"/migdal/consents/{consent_id}", **values)

	def set_status(self, consent_id: str, status: str) -> dict[str, Any]:
		"""Force a status: ``suspendedByASPSP``, ``revokedByPsu``, an unknown one …"""
		return self._call("POST", f"/migdal/consents/{consent_id}/status", status=status)

	def approve(self, consent_id: str, **values: Any) -> dict[str, Any]:
		"""Approve without the pages (``loans``, ``valid_until``, ``state``, ``code_challenge``); gives ``location``."""
		return self._call("POST", f"/migdal/consents/{consent_id}/approve", **values)

	def browser(self, link: str) -> MigdalBrowser:
		"""Open a one-time link step by step."""
		return MigdalBrowser(link)

	def complete_consent(self, link: str, psu_id: str = CUSTOMER, **options: Any) -> str:
		"""Walk the end user's pages; see ``MigdalBrowser.walk``. Returns the final Location, not followed."""
		return MigdalBrowser(link).walk(psu_id, **options)

	# tokens, limits, failures
	def expire_tokens(self, consent: str | None = None, **options: Any) -> int:
		"""Expire access tokens (``refresh``: the others too; ``revoke``: both are dead)."""
		return self._call("POST", "/migdal/tokens/expire", consent=consent, **options)["tokens"]

	def usage(self) -> dict[str, int]:
		"""Show how often what was read without the end user."""
		return self._call("GET", "/migdal/usage")["usage"]

	def reset_usage(self) -> None:
		"""Forget it."""
		self._call("DELETE", "/migdal/usage")

	def fail(self, code: str, status: int = 401, path: str = "/(api|v1)/", **values: Any) -> dict[str, Any]:
		"""Make the next matching calls answer a message code (``times``, ``method``, ``form``, ``text``)."""
		return self._call("POST", "/migdal/fail", code=code, status=status, path=path, **values)

	def requests(self, path: str | None = None, **filters: Any) -> list[dict[str, Any]]:
		"""Return calls of both listeners, with the ``signing_string`` that was built and the ``code`` of a refusal."""
		return self._call("GET", "/migdal/requests", path=path, **filters)["requests"]
