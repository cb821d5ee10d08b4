"""A provider that has to be told of us, kept in memory: it can lose its answers, and remembers every call."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bank_api.connectors.errors import ConsentRequired, NotFound, ProviderTimeout
from bank_api.connectors.model import InboundEvent, ProviderConfig, Secret
from bank_api.connectors.onboarding import (
	ApiKey,
	Credentials,
	Institution,
	Subscription,
	Theme,
	UploadedCertificate,
)

EVENTS = ("sharing.completed", "sharing.revoked")
LINK = "https://fake.example/onboarding/once"


@dataclass
class FakeProvider:
	"""What the provider knows of us. `lose` names a call whose answer gets lost once, after it has worked."""

	calls: list[str] = field(default_factory=list)
	lose: str = ""
	link_used: bool = False
	institution: Institution | None = None
	keys: list[str] = field(default_factory=list)
	held: dict[str, UploadedCertificate] = field(default_factory=dict)
	private_keys: list[str] = field(default_factory=list)
	told: Credentials | None = None
	forgets_ids: bool = False
	themes: dict[str, Theme] = field(default_factory=dict)
	webhooks: dict[str, Subscription] = field(default_factory=dict)
	pings: list[str] = field(default_factory=list)

	def called(self, name: str) -> None:
		self.calls.append(name)

	def answer(self, name: str, value: Any = None) -> Any:
		if self.lose == name:
			self.lose = ""
			raise ProviderTimeout("The provider did not answer in time.")
		return value


class FakeSetup:
	"""The connector; `FakeSetup.provider` is what it talks to."""

	provider = FakeProvider()
	token_holder = None
	reads_by_date = True

	def __init__(self, config: ProviderConfig, ledger: Any):
		self.config = config

	def onboard(self, link: str, institution: Institution) -> ApiKey:
		self.provider.called("onboard")
		if link != LINK or self.provider.link_used:
			raise ConsentRequired("The onboarding link has been used, or has expired.")
		self.provider.link_used = True
		self.provider.institution = institution
		self.provider.keys.append(f"key-{len(self.provider.keys) + 1}")
		return self.provider.answer("onboard", ApiKey("id", Secret(self.provider.keys[-1])))

	def check(self) -> None:
		self.provider.called("check")
		if self.config.client_secret.reveal() not in self.provider.keys:
			raise ConsentRequired("The key is not known.")

	def upload_certificate(self, usage: str, pair: Any) -> UploadedCertificate:
		self.provider.called(f"upload {usage}")
		leaf = x509.load_pem_x509_certificate(pair.chain.encode())
		self.provider.private_keys.append(pair.key.reveal())
		made = UploadedCertificate(
			certificate_id=f"c{len(self.provider.private_keys)}",
			usage=usage,
			subject=leaf.subject.rfc4514_string(),
			serial=str(leaf.serial_number),
			not_after=datetime.now(timezone.utc),
			fingerprint=sha256(leaf.public_bytes(Encoding.DER)).hexdigest(),
		)
		self.provider.held[made.certificate_id] = made
		return self.provider.answer(f"upload {usage}", made)

	def certificates(self) -> list[UploadedCertificate]:
		return list(self.provider.held.values())

	def delete_certificate(self, certificate_id: str) -> None:
		self.provider.called("delete certificate")
		self.provider.held.pop(certificate_id, None)

	def register_credentials(self, credentials: Credentials) -> None:
		self.provider.called("credentials")
		self.provider.told = replace(credentials, client_id="x") if self.provider.forgets_ids else credentials
		self.provider.answer("credentials")

	def credentials(self) -> Credentials | None:
		return self.provider.told

	def put_theme(self, product: str, theme: Theme) -> None:
		self.provider.called(f"theme {product}")
		self.provider.themes[product] = theme
		self.provider.answer(f"theme {product}")

	def products(self) -> tuple[str, ...]:
		return "first", "second"

	def put_webhook(self, webhook_id: str, subscription: Subscription) -> str:
		self.provider.called("webhook")
		if webhook_id and webhook_id not in self.provider.webhooks:
			raise NotFound("There is no such webhook.")
		webhook_id = webhook_id or f"w{len(self.provider.webhooks) + 1}"
		self.provider.webhooks[webhook_id] = subscription
		return self.provider.answer("webhook", webhook_id)

	def webhook(self, webhook_id: str) -> Subscription | None:
		return self.provider.webhooks.get(webhook_id)

	def delete_webhook(self, webhook_id: str) -> None:
		self.provider.webhooks.pop(webhook_id, None)

	def ping_webhook(self, webhook_id: str) -> None:
		self.provider.called("ping")
		self.provider.pings.append(webhook_id)

	def event_types(self) -> tuple[str, ...]:
		return EVENTS

	def parse_webhook(self, body: bytes) -> InboundEvent:
		return InboundEvent(event_type=body.decode(), occurred_at=None, is_test=body == b"ping")
