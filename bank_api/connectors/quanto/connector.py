"""Quanto behind the gateway's `SessionConnector` and `SetupConnector` protocols."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NoReturn

from bank_api.connectors import consent_item
from bank_api.connectors.consents_only import ConsentsOnly
from bank_api.connectors.errors import InvalidRequest, NotFound, Unsupported, sealed
from bank_api.connectors.model import (
	AccountData,
	Body,
	ConsentData,
	ConsentStatus,
	Identity,
	InboundEvent,
	ItemData,
	KeyPair,
	LinkReturn,
	PermissionGroup,
	Presence,
	ProviderConfig,
	Secret,
	SessionData,
	SessionRequest,
	Token,
	TokenHolder,
	TransactionPage,
)
from bank_api.connectors.onboarding import (
	ApiKey,
	Credentials,
	Institution,
	Subscription,
	Theme,
	UploadedCertificate,
)
from bank_api.connectors.quanto import consents, ofb_transactions, permissions, sessions, setup, webhooks
from bank_api.connectors.quanto.client import QuantoClient
from bank_api.connectors.quanto.inventory import Inventory
from bank_api.connectors.quanto.reading import Reader
from bank_api.connectors.quanto.scope import Scope
from bank_api.connectors.quanto.settings import read_settings
from bank_api.connectors.rate_ledger import RateLedger

_SESSION = re.compile(r"[A-Za-z0-9-]{1,100}\Z", re.ASCII)


class QuantoConnector(ConsentsOnly):
	"""One application at Quanto. Thread-safe."""

	token_holder = TokenHolder.APPLICATION
	# Lists are asked by day, rows carry no instant of change, and what a bank has withdrawn is just no longer listed.
	reads_by_date = True
	# A month allows 240 reads of an account's current transactions (4.7); at six a day some are left for what is asked for.
	shortest_interval = timedelta(hours=4)

	def __init__(self, config: ProviderConfig, ledger: RateLedger):
		self.config = config
		self._settings = read_settings(config.settings)
		self._names = self._settings.names
		self._client = QuantoClient(config, self._settings, ledger)
		self._scope = Scope(self._client)
		self._reader = Reader(self._scope)

	# Sessions and consents (2.3, 3)

	def permission_groups(self) -> Sequence[PermissionGroup]:
		"""See `SessionConnector.permission_groups`."""
		return permissions.GROUPS

	@sealed
	def start_session(self, request: SessionRequest) -> SessionData:
		"""See `SessionConnector.start_session`."""
		return sessions.start(self._client, request)

	@sealed
	def session(self, session_id: str) -> SessionData:
		"""See `SessionConnector.session`."""
		return sessions.read(self._client, session_id)

	@sealed
	def consents(self) -> list[ConsentData]:
		"""See `SessionConnector.consents`. Their `approval` is not asked for."""
		return consents.everything(self._client)

	@sealed
	def consent(self, consent_id: str, presence: Presence | None = None) -> ConsentData:
		"""See `ConsentSource.consent`."""
		return consents.read(self._client, consent_id)

	@sealed
	def consent_status(self, consent_id: str, presence: Presence | None = None) -> ConsentStatus:
		"""See `ConsentSource.consent_status`."""
		found = consents.read_plain(self._client, consent_id)
		return ConsentStatus(found.status, found.standing)

	@sealed
	def delete_consent(self, consent_id: str) -> None:
		"""See `ConsentSource.delete_consent`."""
		consents.delete(self._client, consent_id)

	@sealed
	def extend_consent(
		self, consent_id: str, identity: Identity, expires_at: datetime | None, presence: Presence
	) -> ConsentData:
		"""See `SessionConnector.extend_consent`."""
		return consents.extend(self._client, consent_id, identity, expires_at, presence)

	def parse_return(self, query: Mapping[str, str]) -> LinkReturn:
		"""See `Connector.parse_return`: the session's id is what comes back, and is only a hint (seed 3.2)."""
		session = query.get(self._names.query_session)
		usable = isinstance(session, str) and _SESSION.match(session) is not None
		return LinkReturn(context=str(session) if usable else None, success=usable)

	# Items: one consent at one bank is one

	@sealed
	def items(self, token: Token) -> list[ItemData]:
		"""The consent of the token."""
		return [consent_item.state_of(consents.read_plain(self._client, token.consent_id))]

	@sealed
	def item(self, token: Token, provider_item_id: str, language: str = "en") -> ItemData:
		"""See `Connector.item`."""
		return consent_item.state_of(consents.read_plain(self._client, provider_item_id))

	@sealed
	def refresh_item(self, token: Token, provider_item_id: str) -> None:
		"""See `Connector.refresh_item`."""
		raise Unsupported(
			"This provider has no refresh on demand: every read asks the bank itself. Synchronise instead."
		)

	@sealed
	def delete_item(self, token: Token, provider_item_id: str) -> None:
		"""See `Connector.delete_item`."""
		consents.delete(self._client, provider_item_id)

	# Set-up (seed, steps 2.1 to 2.5)

	@sealed
	def onboard(self, link: str, institution: Institution) -> ApiKey:
		"""See `SetupConnector.onboard`."""
		return setup.onboard(self._client, link, institution)

	@sealed
	def upload_certificate(self, usage: str, pair: KeyPair) -> UploadedCertificate:
		"""See `SetupConnector.upload_certificate`."""
		return setup.upload_certificate(self._client, usage, pair)

	@sealed
	def certificates(self) -> list[UploadedCertificate]:
		"""See `SetupConnector.certificates`."""
		return setup.certificates(self._client)

	@sealed
	def delete_certificate(self, certificate_id: str) -> None:
		"""See `SetupConnector.delete_certificate`."""
		setup.delete_certificate(self._client, certificate_id)

	@sealed
	def register_credentials(self, credentials: Credentials) -> None:
		"""See `SetupConnector.register_credentials`."""
		setup.register_credentials(self._client, credentials)

	@sealed
	def credentials(self) -> Credentials | None:
		"""See `SetupConnector.credentials`."""
		return setup.credentials(self._client)

	@sealed
	def put_theme(self, product: str, theme: Theme) -> None:
		"""See `SetupConnector.put_theme`."""
		setup.put_theme(self._client, product, theme)

	def products(self) -> Sequence[str]:
		"""See `SetupConnector.products`."""
		return setup.products(self._names)

	@sealed
	def put_webhook(self, webhook_id: str, subscription: Subscription) -> str:
		"""See `SetupConnector.put_webhook`."""
		return setup.put_webhook(self._client, webhook_id, subscription)

	@sealed
	def webhook(self, webhook_id: str) -> Subscription | None:
		"""See `SetupConnector.webhook`."""
		return setup.webhook(self._client, webhook_id)

	@sealed
	def delete_webhook(self, webhook_id: str) -> None:
		"""See `SetupConnector.delete_webhook`."""
		setup.delete_webhook(self._client, webhook_id)

	@sealed
	def ping_webhook(self, webhook_id: str) -> None:
		"""See `SetupConnector.ping_webhook`."""
		setup.ping_webhook(self._client, webhook_id)

	def event_types(self) -> Sequence[str]:
		"""See `SetupConnector.event_types`."""
		return webhooks.sharing_events(self._names)

	# Data (4)

	@sealed
	def accounts(self, token: Token, provider_item_id: str, known: Collection[str] = ()) -> list[AccountData]:
		"""See `Connector.accounts`: accounts, cards and the four kinds of credit contracts."""
		if token.consent_id != provider_item_id:
			raise InvalidRequest("The access token is one of another consent.")
		return Inventory(self._scope, token, known).accounts()

	@sealed
	def transactions(
		self, token: Token, provider_account_id: str, since: str | None, page: str | None
	) -> TransactionPage:
		"""See `Connector.transactions`. `since` counts by its day; rows come again while they lie after it."""
		return self._reader.transactions(token, provider_account_id, since, page)

	@sealed
	def body(self, token: Token, path: str, query: Mapping[str, str] | None = None) -> Body:
		"""See `SessionConnector.body`; `ofb_paths` lists the paths."""
		return self._reader.body(token, path, query or {})

	def tombstone(self, payload: str, provider_transaction_id: str) -> str:
		"""See `Connector.tombstone`. The standard has no flag; the mark is `"deleted":true`."""
		return ofb_transactions.tombstone(payload, provider_transaction_id)

	def outline(self, payload: str) -> str:
		"""See `Connector.outline`."""
		return ofb_transactions.outline(payload)

	# Webhooks (seed 3.3)

	@sealed
	def verify_webhook(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[Secret]) -> bool:
		"""See `Connector.verify_webhook`."""
		return webhooks.verify(self._settings, body, headers, secrets)

	@sealed
	def parse_webhook(self, body: bytes) -> InboundEvent:
		"""See `Connector.parse_webhook`."""
		return webhooks.parse(self._names, body)

	@sealed
	def check(self) -> None:
		"""See `Connector.check`."""
		setup.check(self._client)

	def bank_name(self, bank_id: str) -> str:
		"""Quanto has no list of banks: a bank's name comes with each consent (`ConsentData.bank_name`)."""
		raise NotFound("The provider tells a bank's name with a consent at that bank only.")

	def _unsupported(self) -> NoReturn:
		raise Unsupported(
			"The provider does not offer this: data is shared in a session. Start one for the end user."
		)
