"""Setting an institution up: onboarding, certificates, credentials, whitelabel, webhooks (requirements 2.1 to 2.5)."""

import re
import secrets
from typing import Any

from cryptography.hazmat.primitives import hashes
from werkzeug.wrappers import Request, Response

from bank_api.sandbox.quanto import certificates
from bank_api.sandbox.quanto.api import Answer, Api, Ask, digest, json_of
from bank_api.sandbox.quanto.authority import Authority
from bank_api.sandbox.quanto.bank.state import BankState
from bank_api.sandbox.quanto.documents import is_cnpj
from bank_api.sandbox.quanto.errors import OfbError
from bank_api.sandbox.quanto.hooks import EVENTS, Events, QuantoSender
from bank_api.sandbox.quanto.model import ApiKey, Hook, Invitation, StoredCertificate, Tenant
from bank_api.sandbox.quanto.stamps import DAY, moment, stamp

PRODUCTS = ("tsp", "consent-management")
CONTACTS = ("Business", "Technical", "Billing", "Incident", "Security")
COLORS = ("primary", "on_primary", "background", "text")
MAX_LOGO = 64_000
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Setup:
	"""What has to be there before any session. The caller holds the lock."""

	def __init__(self, state: BankState, api: Api, sender: QuantoSender, events: Events) -> None:
		self.state, self.api, self.sender, self.events = state, api, sender, events
		self.invitations = state.core.store.table(Invitation)
		self.stored = state.core.store.table(StoredCertificate)
		self._authority: Authority | None = None

	@property
	def authority(self) -> Authority:
		"""The test authorities; made at the first use, and kept with the state."""
		if self._authority is None:
			saved = self.state.core.recall("quanto_authority")
			self._authority = Authority.restore(saved) if saved else Authority.create()
			self.state.core.remember("quanto_authority", self._authority.export())
		return self._authority

	# onboarding (requirement 2.1)
	def invite(self) -> Invitation:
		"""Make a one-time link, as after a contract was signed."""
		now = self.state.now
		found = Invitation(self.state.secret(), now, now + self.state.switches.onboarding_days * DAY)
		self.state.core.store.put(found)
		return found

	def invitation(self, token: str) -> Invitation:
		"""Return an invitation that may be used.

		Raises:
			OfbError: 404 or 410: it is unknown, used or expired.
		"""
		found = self.invitations.get(token)
		if found is None:
			raise OfbError(404, detail="This onboarding link is unknown.")
		if found.tenant or found.expires <= self.state.now:
			why = "has been used" if found.tenant else "has expired"
			raise OfbError(410, detail=f"This onboarding link {why}.")
		return found

	def onboard(self, request: Request, token: str) -> Response:
		"""POST /onboarding/{token} with JSON: the form, and the API key shown this once."""
		try:
			invitation = self.invitation(token)
			key_id, key = self.admit(invitation, json_of(request))
		except OfbError as error:
			return self.api.refusal(request, error)
		return self.api.reply(request, Answer(201, {"apiKeyId": key_id, "apiKey": key}))

	def admit(self, invitation: Invitation, form: dict[str, Any]) -> tuple[str, str]:
		"""Take the form; return id and text of the institution's API key.

		Raises:
			OfbError: 422, a field is wrong; the link stays good.
		"""
		institution, contacts = form.get("institution"), form.get("contacts")
		if not isinstance(institution, dict) or not _text(institution.get("name"), 1, 200):
			raise _wrong("institution.name", "institution.name is missing.")
		if not isinstance(institution.get("cnpj"), str) or not is_cnpj(institution["cnpj"]):
			raise _wrong("institution.cnpj", "institution.cnpj is no CNPJ.")
		if not isinstance(contacts, list) or not contacts:
			raise _wrong("contacts", "contacts: at least one is needed.")
		for number, contact in enumerate(contacts):
			_check_contact(contact, f"contacts[{number}]")
		tenant = Tenant(
			self.state.new_id(), institution["name"], institution["cnpj"], contacts, self.state.now
		)
		self.state.core.store.put(tenant)
		invitation.tenant = tenant.id
		self.state.core.store.put(invitation)
		return self.new_key(tenant)

	def new_key(self, tenant: Tenant) -> tuple[str, str]:
		"""Make an API key of an institution; return its id and text."""
		text = f"qt_{secrets.token_urlsafe(32)}"
		key = ApiKey(self.state.new_id(), digest(text), tenant.id, self.state.now)
		self.state.core.store.put(key)
		return key.id, text

	# certificates (requirement 2.2)
	def upload(self, ask: Ask) -> Answer:
		"""POST /v1/certificates."""
		values = ask.json()
		usage = values.get("type")
		if usage not in certificates.PROFILES:
			raise OfbError(400, detail=f"type must be one of {', '.join(certificates.PROFILES)}.")
		texts = [values.get(name, "") for name in ("certificate", "privateKey", "passphrase")]
		if not all(isinstance(text, str) for text in texts) or not texts[0] or not texts[1]:
			raise OfbError(400, detail="certificate and privateKey must be PEM texts.")
		authority = self.authority if self.state.switches.issuer_check else None
		chain, key, passphrase = texts
		leaf = certificates.check(authority, usage, chain, key, passphrase, moment(self.state.now))
		if ask.tenant.credentials:
			certificates.matches(leaf, ask.tenant.credentials)
		for old in self.certificates_of(ask.tenant):
			if old.type == usage:  # a new one takes the place of the old
				self.state.core.store.drop(old)
		found = StoredCertificate(self.state.new_id(), ask.tenant.id, usage, chain, self.state.now)
		self.state.core.store.put(found)
		return Answer(201, self._certificate(found))

	def certificates_of(self, tenant: Tenant) -> list[StoredCertificate]:
		"""Return an institution's certificates."""
		return [found for found in self.stored.values() if found.tenant == tenant.id]

	def list_certificates(self, ask: Ask) -> Answer:
		"""GET /v1/certificates; never a key."""
		return Answer(200, {"data": [self._certificate(found) for found in self.certificates_of(ask.tenant)]})

	def delete_certificate(self, ask: Ask, certificate_id: str) -> Answer:
		"""DELETE /v1/certificates/{id}."""
		found = self.stored.get(certificate_id)
		if found is None or found.tenant != ask.tenant.id:
			raise OfbError(404, detail="This certificate does not exist.")
		self.state.core.store.drop(found)
		return Answer(204)

	@staticmethod
	def _certificate(found: StoredCertificate) -> dict[str, Any]:
		leaf = certificates.read(found.certificate).certificate
		begin, end = certificates.validity(leaf)
		return {
			"certificateId": found.id,
			"type": found.type,
			"level": certificates.LEVELS[found.type],
			"subject": leaf.subject.rfc4514_string(),
			"issuer": leaf.issuer.rfc4514_string(),
			"serial": f"{leaf.serial_number:X}",
			"notBefore": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
			"notAfter": f"{end:%Y-%m-%dT%H:%M:%SZ}",
			"fingerprintSha256": leaf.fingerprint(hashes.SHA256()).hex(),
		}

	# credentials (requirement 2.3)
	def put_credentials(self, ask: Ask) -> Answer:
		"""PUT /v1/credentials."""
		values = ask.json()
		for name in ("organizationId", "softwareStatementId"):
			if not isinstance(values.get(name), str) or not _UUID.fullmatch(values[name]):
				raise _wrong(name, f"{name} must be a UUID.")
		if not _text(values.get("clientId"), 1, 40):
			raise _wrong("clientId", "clientId must be a text of at most 40 characters.")
		addresses = values.get("redirectUris")
		if not isinstance(addresses, list) or not addresses or not all(_web_address(a) for a in addresses):
			raise _wrong("redirectUris", "redirectUris must be a list of web addresses.")
		names = ("organizationId", "softwareStatementId", "clientId", "redirectUris")
		wanted = {name: values[name] for name in names}
		for found in self.certificates_of(ask.tenant):
			certificates.matches(certificates.read(found.certificate), wanted)
		ask.tenant.credentials = wanted
		self.state.core.store.put(ask.tenant)
		return Answer(200, wanted)

	def get_credentials(self, ask: Ask) -> Answer:
		"""GET /v1/credentials."""
		if not ask.tenant.credentials:
			raise OfbError(404, detail="No credentials are registered.")
		return Answer(200, ask.tenant.credentials)

	def missing(self, tenant: Tenant) -> list[str]:
		"""Return what a session still needs (derived invariant 1 of section 1)."""
		held = {found.type for found in self.certificates_of(tenant)}
		found = [f"certificate {usage}" for usage in certificates.PROFILES if usage not in held]
		if not tenant.credentials:
			found.append("credentials")
		if self.state.switches.webhook_required and not self._hooks(tenant):
			found.append("webhook")
		found += [
			f"certificate {old.type} (expired)" for old in self.certificates_of(tenant) if self._over(old)
		]
		return found

	def _over(self, stored: StoredCertificate) -> bool:
		certificate = certificates.read(stored.certificate).certificate
		return certificates.validity(certificate)[1] < moment(self.state.now)

	# whitelabel (requirement 2.4)
	def put_whitelabel(self, ask: Ask, product: str) -> Answer:
		"""PUT /v1/whitelabel/{product}."""
		if product not in PRODUCTS:
			raise OfbError(404, detail="This product does not exist.")
		values = ask.json()
		_check_theme(values)
		ask.tenant.whitelabel[product] = values
		self.state.core.store.put(ask.tenant)
		return Answer(200, values)

	def get_whitelabel(self, ask: Ask, product: str) -> Answer:
		"""GET /v1/whitelabel/{product}."""
		if product not in ask.tenant.whitelabel:
			raise OfbError(404, detail="This product does not exist, or has no theme.")
		return Answer(200, ask.tenant.whitelabel[product])

	# webhooks (requirement 2.5)
	def _hooks(self, tenant: Tenant) -> list[Hook]:
		return [hook for hook in self.state.core.store.table(Hook).values() if hook.tenant == tenant.id]

	def _hook(self, ask: Ask, hook_id: str) -> Hook:
		found = next((hook for hook in self._hooks(ask.tenant) if hook.key == hook_id), None)
		if found is None:
			raise OfbError(404, detail="This webhook does not exist.")
		return found

	@staticmethod
	def _webhook(hook: Hook) -> dict[str, Any]:
		return {"webhookId": hook.key, "url": hook.url, "events": hook.events, "active": hook.enabled}

	def list_webhooks(self, ask: Ask) -> Answer:
		"""GET /v1/webhooks; never a secret."""
		return Answer(200, {"data": [self._webhook(hook) for hook in self._hooks(ask.tenant)]})

	def add_webhook(self, ask: Ask) -> Answer:
		"""POST /v1/webhooks."""
		values = _webhook_values(ask.json())
		if not values.get("secret"):
			raise _wrong("secret", "secret is missing.")
		if len(self._hooks(ask.tenant)) >= 10:
			raise OfbError(422, "LIMITE_DE_WEBHOOKS", "At most 10 webhooks.")
		number = self.state.core.number("quanto_hook", 1)
		hook = Hook(number, values["url"], values["secret"], values["events"], enabled=values["active"])
		hook.tenant, hook.key = ask.tenant.id, self.state.new_id()
		self.sender.add_target(hook)
		return Answer(201, self._webhook(hook))

	def get_webhook(self, ask: Ask, hook_id: str) -> Answer:
		"""GET /v1/webhooks/{id}."""
		return Answer(200, self._webhook(self._hook(ask, hook_id)))

	def put_webhook(self, ask: Ask, hook_id: str) -> Answer:
		"""PUT /v1/webhooks/{id}; without a secret the old one stays."""
		hook, values = self._hook(ask, hook_id), _webhook_values(ask.json())
		hook.url, hook.events, hook.enabled = values["url"], values["events"], values["active"]
		hook.secret = values.get("secret") or hook.secret
		self.state.core.store.put(hook)
		return Answer(200, self._webhook(hook))

	def delete_webhook(self, ask: Ask, hook_id: str) -> Answer:
		"""DELETE /v1/webhooks/{id}."""
		self.state.core.store.drop(self._hook(ask, hook_id))
		return Answer(204)

	def ping_webhook(self, ask: Ask, hook_id: str) -> Answer:
		"""POST /v1/webhooks/{id}/test."""
		self.events.ping(self._hook(ask, hook_id))
		return Answer(202, {"requestedAt": stamp(self.state.now)})


def _wrong(field: str, detail: str) -> OfbError:
	return OfbError(422, "CAMPO_INVALIDO", detail, field=field)


def _text(value: object, least: int, most: int) -> bool:
	return isinstance(value, str) and least <= len(value.strip()) and len(value) <= most


def _web_address(value: object) -> bool:
	return isinstance(value, str) and value.startswith(("https://", "http://")) and "#" not in value


def _check_contact(contact: object, name: str) -> None:
	if not isinstance(contact, dict) or contact.get("type") not in CONTACTS:
		raise _wrong(f"{name}.type", f"{name}.type must be one of {', '.join(CONTACTS)}.")
	if not _text(contact.get("name"), 1, 200):
		raise _wrong(f"{name}.name", f"{name}.name is missing.")
	if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", str(contact.get("email", ""))):
		raise _wrong(f"{name}.email", f"{name}.email is no e-mail address.")
	if "phone" in contact and not re.fullmatch(r"[+0-9 ()-]{0,25}", str(contact["phone"])):
		raise _wrong(f"{name}.phone", f"{name}.phone is no telephone number.")


def _check_theme(values: dict[str, Any]) -> None:
	colors, texts = values.get("colors", {}), values.get("texts", {})
	if not isinstance(colors, dict) or set(colors) - set(COLORS):
		raise _wrong("colors", f"colors knows {', '.join(COLORS)}.")
	if not all(isinstance(c, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", c) for c in colors.values()):
		raise _wrong("colors", "A color must be like #0b5d5e.")
	logo = values.get("logoUrl", "")
	if not isinstance(logo, str) or len(logo) > MAX_LOGO:
		raise _wrong("logoUrl", f"logoUrl is at most {MAX_LOGO} characters long.")
	if logo and not re.match(r"https://|data:image/(png|jpeg|webp);base64,", logo):
		raise _wrong("logoUrl", "logoUrl must be https, or a PNG, JPEG or WebP as data.")
	if not isinstance(texts, dict) or not all(_text(text, 0, 2000) for text in texts.values()):
		raise _wrong("texts", "texts must be plain texts of at most 2000 characters.")
	fonts = values.get("fonts", {})
	if not isinstance(fonts, dict) or set(fonts) - {"family"} or not _text(fonts.get("family", ""), 0, 200):
		raise _wrong("fonts", "fonts knows family, a text.")
	if not _text(values.get("purpose", ""), 0, 500):
		raise _wrong("purpose", "purpose must be a text of at most 500 characters.")


def _webhook_values(values: dict[str, Any]) -> dict[str, Any]:
	if not _web_address(values.get("url")):
		raise _wrong("url", "url must be a web address.")
	events = values.get("events")
	if not isinstance(events, list) or not events or set(map(str, events)) - set(EVENTS):
		raise _wrong("events", f"events must be some of {', '.join(EVENTS)}.")
	secret = values.get("secret", "")
	if not isinstance(secret, str) or (secret and len(secret) < 16):
		raise _wrong("secret", "secret must have at least 16 characters.")
	active = values.get("active", True)
	if not isinstance(active, bool):
		raise _wrong("active", "active must be true or false.")
	return {"url": values["url"], "events": events, "secret": secret, "active": active}
