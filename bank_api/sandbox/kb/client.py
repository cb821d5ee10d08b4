"""Drive KB's part of a running sandbox: its control API, the human's pages, and a commercial certificate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from bank_api.sandbox.kb.channel import PATH as CHANNEL_PATH
from bank_api.sandbox.kb.data import COMPANY, COMPANY_ID, OWNER
from bank_api.sandbox.kb.pages import AUTHORIZE_PATH, REGISTER_PATH
from bank_api.sandbox.migdal.authority import ORGANIZATION_IDENTIFIER, key_pem
from bank_api.sandbox.page import Page, SandboxError, excerpt

Call = Callable[..., dict[str, Any]]
CODE = "123456"
_ENDED = ("done", "refused", "failed")


@dataclass(frozen=True)
class Credentials:
	"""A key and the chain that a test authority issued for it."""

	chain: str
	key: str = field(repr=False)
	serial: str = ""


class KbBrowser:
	"""A human's browser on KB's pages; the way back to the application is not followed.

	Args:
		link: Where it begins.
		language: Accept-Language.
		timeout: Seconds for a call.
	"""

	def __init__(self, link: str, language: str = "cs", timeout: float = 30.0) -> None:
		self.timeout = timeout
		self.session = requests.Session()
		self.session.headers.update(
			{"Accept-Language": language, "User-Agent": "Mozilla/5.0 (sandbox walker)"}
		)
		self.location: str | None = None
		self.steps: list[str] = []
		self.status = 0
		self.page = self.go("GET", link)

	def go(self, method: str, url: str, **values: Any) -> Page:
		"""Load an address, or submit to it."""
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
		self.page = Page(answer.content.decode())
		if self.page.step and (not self.steps or self.steps[-1] != self.page.step):
			self.steps.append(self.page.step)
		return self.page

	def post(self, *values: tuple[str, str]) -> Page:
		"""Submit the page's form."""
		return self.go("POST", self.url, data=list(values))

	def log_in(self, user: str = OWNER, code: str = CODE) -> Page:
		"""Pass the two steps of the log-in."""
		self.post(("user", user))
		if self.page.step != "code":
			raise SandboxError(
				f"the log-in stopped at {self.page.step}: {excerpt(self.page.text[-900:], 900)}"
			)
		return self.post(("code", code))

	def decide(self, user: str, code: str, accounts: Sequence[str] | None, refuse_at: str | None) -> str:
		"""Walk a registration or a consent to its end.

		Args:
			user: Who logs in.
			code: What is typed.
			accounts: IBANs to tick; None ticks all.
			refuse_at: Step at which to refuse: ``login``, ``code``, ``register``, ``authorize``.

		Returns:
			The final Location, not followed.

		Raises:
			SandboxError: The visit cannot begin, or an entry was refused.
		"""
		tried: set[str] = set()
		while self.page.step not in _ENDED:
			step = self.page.step
			if step.startswith("notice") or (step in tried and step != "code"):
				raise SandboxError(f"stopped at {step}: {excerpt(self.page.text[-900:], 900)}")
			tried.add(step)
			if step == refuse_at:
				self.post(("action", "refuse"))
			elif step == "login":
				self.post(("user", user))
			elif step == "code":
				self.post(("code", code))
			else:
				boxes = [box for box in self.page.forms[0].boxes if accounts is None or box[1] in accounts]
				self.post(*boxes, ("action", "approve"))
		self.go("GET", f"{self.url}/return")
		if self.location is None:
			raise SandboxError(f"no way back from {self.page.step}")
		return self.location


class KbChannel(KbBrowser):
	"""A human in the bank's channel; it stays logged in.

	Args:
		pages_url: Address of the pages.
		user: Who logs in.
		language: Accept-Language.
	"""

	def __init__(self, pages_url: str, user: str = OWNER, language: str = "cs") -> None:
		super().__init__(f"{pages_url}{CHANNEL_PATH}", language)
		self.log_in(user)
		if self.page.step != "home":
			raise SandboxError(f"the log-in stopped at {self.page.step}")
		self.home = self.url

	def batch(self, batch_id: str) -> Page:
		"""Open a batch."""
		return self.go("GET", f"{self.home}/batches/{batch_id}")

	def authorise(self, batch_id: str, code: str = CODE) -> Page:
		"""Authorise a batch; the page says how it went."""
		self.batch(batch_id)
		return self.post(("code", code), ("action", "sign"))

	def refuse(self, batch_id: str) -> Page:
		"""Refuse a batch."""
		self.batch(batch_id)
		return self.post(("action", "refuse"))

	def renew(self) -> Page:
		"""Authorise batch payments via API for another 12 months."""
		self.go("GET", f"{self.home}/services")
		return self.post(("action", "renew"))


class KbSandbox:
	"""KB's control calls; ``SandboxControl.kb`` gives one.

	Args:
		call: Makes a control call.
	"""

	def __init__(self, call: Call) -> None:
		self._call = call

	def info(self) -> dict[str, Any]:
		"""Addresses, keys of the portal, company, people, accounts, today and the next bank day."""
		return self._call("GET", "/kb")

	@property
	def url(self) -> str:
		"""Address of the software statements (mutual TLS)."""
		return self.info()["url"]

	@property
	def api_url(self) -> str:
		"""Address of the APIs and the token endpoint."""
		return self.info()["api_url"]

	@property
	def pages_url(self) -> str:
		"""Address of the pages."""
		return self.info()["pages_url"]

	@property
	def ca(self) -> str:
		"""PEM to trust at ``url``."""
		return self.info()["ca"]

	def api_key(self, api: str) -> str:
		"""The portal's key of one API: ``registration``, ``oauth2``, ``adaa``, ``batchda``."""
		return self.info()["api_keys"][api]

	def switches(self, **values: Any) -> dict[str, Any]:
		"""Show or change switches."""
		return self._call("PATCH" if values else "GET", "/kb/switches", **values)

	# certificates
	def issue(self, csr: str, **options: Any) -> dict[str, Any]:
		"""Issue a commercial certificate (``days``, ``by``, ``other``, ``expired``)."""
		return self._call("POST", "/kb/issue", csr=csr, **options)

	def admit(self, certificate: str) -> None:
		"""Let a self-signed certificate pass the handshake, so that it meets the 403."""
		self._call("POST", "/kb/admit", certificate=certificate)

	def revoke_certificate(self, serial: str) -> None:
		"""Revoke a certificate."""
		self._call("POST", f"/kb/certificates/{serial}/revoke")

	def credentials(self, name: str = COMPANY, number: str = COMPANY_ID, **options: Any) -> Credentials:
		"""Make a key and let a test authority issue for it; options as ``issue`` takes them."""
		key = rsa.generate_private_key(65537, 2048)
		parts = (
			(NameOID.COUNTRY_NAME, "CZ"),
			(NameOID.ORGANIZATION_NAME, name),
			(ORGANIZATION_IDENTIFIER, f"NTRCZ-{number}"),
			(NameOID.COMMON_NAME, name),
		)
		subject = x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])
		request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
		csr = request.public_bytes(serialization.Encoding.PEM).decode()
		issued = self.issue(csr, **options)
		return Credentials(issued["chain"], key_pem(key), issued["serial"])

	# applications and consents
	def add_app(self, *redirect_uris: str, **values: Any) -> dict[str, Any]:
		"""Register an application without statement and pages (``name``, ``scopes``)."""
		return self._call("POST", "/kb/apps", redirect_uris=list(redirect_uris), **values)

	def edit_app(self, client_id: str, **values: Any) -> dict[str, Any]:
		"""Change one (``active``, ``scopes``, ``redirect_uris``)."""
		return self._call("PATCH", f"/kb/apps/{client_id}", **values)

	def register_url(self, request: str, state: str = "") -> str:
		"""The address of an application's registration."""
		query = urlencode({"registrationRequest": request, "state": state})
		return f"{self.pages_url}{REGISTER_PATH}?{query}"

	def authorize_url(self, client_id: str, redirect_uri: str, scope: str, state: str = "") -> str:
		"""The address of a consent."""
		query = {
			"response_type": "code",
			"client_id": client_id,
			"redirect_uri": redirect_uri,
			"scope": scope,
			"state": state,
		}
		return f"{self.pages_url}{AUTHORIZE_PATH}?{urlencode(query)}"

	def walk(
		self,
		link: str,
		user: str = OWNER,
		*,
		code: str = CODE,
		accounts: Sequence[str] | None = None,
		refuse_at: str | None = None,
		language: str = "cs",
	) -> str:
		"""Walk a registration or a consent as a human would; see ``KbBrowser.decide``. Returns the final Location."""
		return KbBrowser(link, language).decide(user, code, accounts, refuse_at)

	def consent(self, client_id: str, **values: Any) -> dict[str, Any]:
		"""Consent without the pages (``user scopes accounts redirect_uri state``): ``code``, ``location``."""
		return self._call("POST", "/kb/consents", client_id=client_id, **values)

	def consents(self) -> list[dict[str, Any]]:
		"""List the consents."""
		return self._call("GET", "/kb/consents")["grants"]

	def revoke_consent(self, grant_id: str) -> dict[str, Any]:
		"""Revoke one at the bank's side."""
		return self._call("DELETE", f"/kb/consents/{grant_id}")

	def expire_tokens(self, grant: str | None = None, *, refresh: bool = False) -> int:
		"""Expire access tokens; ``refresh`` the refresh tokens too."""
		return self._call("POST", "/kb/tokens/expire", grant=grant, refresh=refresh)["tokens"]

	# people, accounts, transactions
	def put_user(self, user_id: str = OWNER, **values: Any) -> dict[str, Any]:
		"""Make or change a person (``name accounts channel blocked service_until``)."""
		return self._call("POST", f"/kb/users/{user_id}", **values)

	def add_account(self, **values: Any) -> dict[str, Any]:
		"""Open an account (``currency name product opening users``)."""
		return self._call("POST", "/kb/accounts", **values)

	def edit_account(self, iban: str, **values: Any) -> dict[str, Any]:
		"""Change an account (``status payments name product opening``)."""
		return self._call("PATCH", f"/kb/accounts/{iban}", **values)

	def account(self, iban: str) -> dict[str, Any]:
		"""Show an account with its transactions and balances (exact text)."""
		return self._call("GET", f"/kb/accounts/{iban}/transactions")

	def add_transaction(self, iban: str, amount: str, **values: Any) -> dict[str, Any]:
		"""Add one (``date status count extra``)."""
		path = f"/kb/accounts/{iban}/transactions"
		return self._call("POST", path, amount=amount, **values)["transactions"][0]

	def edit_transaction(self, key: int, **values: Any) -> dict[str, Any]:
		"""Change one (``amount date status extra``)."""
		return self._call("PATCH", f"/kb/transactions/{key}", **values)

	def delete_transaction(self, key: int) -> None:
		"""Remove one."""
		self._call("DELETE", f"/kb/transactions/{key}")

	# batches
	def channel(self, user: str = OWNER, language: str = "cs") -> KbChannel:
		"""Log a human in to the bank's channel."""
		return KbChannel(self.pages_url, user, language)

	def batches(self, **filters: Any) -> list[dict[str, Any]]:
		"""List the batches (``exchange status app``)."""
		return self._call("GET", "/kb/batches", **filters)["batches"]

	def batch(self, batch_id: str) -> dict[str, Any]:
		"""Show one with its payments."""
		return self._call("GET", f"/kb/batches/{batch_id}")

	def decide(self, batch_id: str, action: str = "authorise", **values: Any) -> dict[str, Any]:
		"""Decide without the pages: ``authorise``, ``refuse``, ``expire``."""
		return self._call("POST", f"/kb/batches/{batch_id}", action=action, **values)

	def settle(self, **values: Any) -> dict[str, Any]:
		"""Settle all that is authorised at once, or let ``days`` bank days pass."""
		return self._call("POST", "/kb/settle", **values)

	def book(self, **filters: Any) -> dict[str, Any]:
		"""What the bank holds of payments (``exchange status app``, ``rows`` false)."""
		return self._call("GET", "/kb/book", **filters)

	# events, limits, failures
	def subscriptions(self) -> list[dict[str, Any]]:
		"""List the subscriptions with the events that were sent."""
		return self._call("GET", "/kb/subscriptions")["subscriptions"]

	def nudge(self, account: str | None = None) -> int:
		"""Send what waits without the five minutes; returns how many events."""
		values = {"account": account} if account else {}
		return self._call("POST", "/kb/nudge", **values)["sent"]

	def forget_downloads(self) -> None:
		"""Forget what counts against the 61 minutes and the limit of token requests."""
		self._call("DELETE", "/kb/downloads")

	def fail(self, status: int = 500, **values: Any) -> dict[str, Any]:
		"""Make the next matching calls fail (``path method times code field text retry_after execute``)."""
		return self._call("POST", "/kb/fail", status=status, **values)

	def requests(self, path: str | None = None, **filters: Any) -> list[dict[str, Any]]:
		"""Return calls of the three listeners, with the ``code`` of a refusal."""
		return self._call("GET", "/kb/requests", path=path, **filters)["requests"]
