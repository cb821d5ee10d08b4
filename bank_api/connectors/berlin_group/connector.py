"""A Berlin Group source behind the gateway's `ConsentConnector` protocol."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from bank_api.connectors.berlin_group import consents, links, oauth, transactions
from bank_api.connectors.berlin_group.client import BerlinClient
from bank_api.connectors.berlin_group.links import Trip
from bank_api.connectors.berlin_group.reading import Reader
from bank_api.connectors.berlin_group.settings import read_settings
from bank_api.connectors.consents_only import ConsentsOnly
from bank_api.connectors.errors import ConsentRequired, InvalidRequest, NotFound, Unsupported, sealed
from bank_api.connectors.model import (
	AccountData,
	Authorisation,
	ConsentData,
	ConsentRequest,
	ConsentStatus,
	CreatedConsent,
	InboundEvent,
	ItemData,
	LinkReturn,
	Presence,
	ProviderConfig,
	Secret,
	Token,
	TokenHolder,
	TokenPair,
	TransactionPage,
)
from bank_api.connectors.rate_ledger import RateLedger


class BerlinGroupConnector(ConsentsOnly):
	"""One source; its settings say which. Thread-safe."""

	token_holder = TokenHolder.CONSENT
	# Lists are asked by day, rows carry no instant of change, and what a source has withdrawn is just no longer listed.
	reads_by_date = True
	shortest_interval = timedelta(0)
	names_end_user = True
	advice = ""
	tells_end = True

	def __init__(self, config: ProviderConfig, ledger: RateLedger):
		self.config = config
		self._settings = read_settings(config.settings)
		self._client = BerlinClient(config, self._settings, ledger)
		self._reader = Reader(self._client)
		self._tokens = oauth.TokenEndpoint(self._client)

	# Consents (2)

	def companies(self) -> Mapping[str, str]:
		"""See `ConsentConnector.companies`."""
		return dict(self._settings.companies)

	@sealed
	def create_consent(self, request: ConsentRequest) -> CreatedConsent:
		"""See `ConsentConnector.create_consent`."""
		return consents.create(self._client, request)

	@sealed
	def consent(self, consent_id: str, presence: Presence | None = None) -> ConsentData:
		"""See `ConsentConnector.consent`."""
		return consents.read(self._client, consent_id, presence)

	@sealed
	def consent_status(self, consent_id: str, presence: Presence | None = None) -> ConsentStatus:
		"""See `ConsentConnector.consent_status`."""
		return consents.status(self._client, consent_id, presence)

	@sealed
	def delete_consent(self, consent_id: str) -> None:
		"""See `ConsentConnector.delete_consent`."""
		consents.delete(self._client, consent_id)

	@sealed
	def authorisations(self, consent_id: str) -> list[Authorisation]:
		"""See `ConsentConnector.authorisations`."""
		return consents.authorisations(self._client, consent_id)

	@sealed
	def start_authorisation(
		self,
		consent_id: str,
		*,
		company: str,
		psu_id: Secret,
		state: str,
		redirect_url: str,
		code_challenge: str,
		presence: Presence | None = None,
	) -> Authorisation:
		"""See `ConsentConnector.start_authorisation`."""
		trip = Trip(consent_id, state, redirect_url, code_challenge)
		return consents.start_authorisation(
			self._client, trip, company=company, psu_id=psu_id, presence=presence
		)

	def parse_return(self, query: Mapping[str, str]) -> LinkReturn:
		"""See `Connector.parse_return`."""
		return links.read_return(query)

	# Tokens (3)

	@sealed
	def exchange(
		self, consent_id: str, code: Secret, redirect_url: str, verifier: Secret, *, metadata_url: str = ""
	) -> TokenPair:
		"""See `ConsentConnector.exchange`."""
		return oauth.exchange(self._client, self._tokens.url(metadata_url), code, redirect_url, verifier)

	@sealed
	def renew(self, consent_id: str, refresh: Secret, *, metadata_url: str = "") -> TokenPair:
		"""See `ConsentConnector.renew`."""
		return oauth.renew(self._client, self._tokens.url(metadata_url), refresh)

	# Items: one consent is one

	@sealed
	def items(self, token: Token) -> list[ItemData]:
		"""The consent of the token."""
		return [self._item(token, token.consent_id)]

	@sealed
	def item(self, token: Token, provider_item_id: str, language: str = "en") -> ItemData:
		"""See `Connector.item`."""
		return self._item(token, provider_item_id)

	def _item(self, token: Token, consent_id: str) -> ItemData:
		consent = consents.read(self._client, consent_id, token.presence)
		ends = None
		# The last day is inclusive, it is the provider's day, and 9999-12-31 stands for no end (2.3).
		if consent.valid_until is not None and consent.valid_until.year < 9999:
			ends = self._client.calendar.end_of(consent.valid_until)
		return consents.item(consent, token.company, ends)

	@sealed
	def refresh_item(self, token: Token, provider_item_id: str) -> None:
		"""See `Connector.refresh_item`."""
		raise Unsupported(
			"This provider has no refresh on demand: every read asks the source itself. Synchronise instead."
		)

	@sealed
	def delete_item(self, token: Token, provider_item_id: str) -> None:
		"""See `Connector.delete_item`."""
		consents.delete(self._client, provider_item_id)

	# Accounts and transactions (4)

	@sealed
	def accounts(self, token: Token, provider_item_id: str, known: Collection[str] = ()) -> list[AccountData]:
		"""See `Connector.accounts`."""
		if token.consent_id != provider_item_id:
			raise InvalidRequest("The access token is one of another consent.")
		return self._reader.accounts(token)

	@sealed
	def transactions(
		self, token: Token, provider_account_id: str, since: str | None, page: str | None
	) -> TransactionPage:
		"""See `Connector.transactions`. `since` counts by its day; rows come again while they lie after it."""
		return self._reader.transactions(token, provider_account_id, since, page)

	def tombstone(self, payload: str, provider_transaction_id: str) -> str:
		"""See `Connector.tombstone`. The standard has no flag; the mark is `"deleted":true`."""
		return transactions.tombstone(payload, provider_transaction_id, self._settings.id_fields)

	def outline(self, payload: str) -> str:
		"""See `Connector.outline`."""
		return transactions.outline(payload)

	# Companies stand where other providers have banks

	def bank_name(self, bank_id: str) -> str:
		"""See `Connector.bank_name`."""
		try:
			return self._settings.companies[bank_id]
		except KeyError:
			raise NotFound("The provider has no company of this code.") from None

	@sealed
	def check(self) -> None:
		"""See `Connector.check`: asks for a consent that does not exist, which proves certificates and signature."""
		try:
			consents.status(self._client, str(uuid.uuid4()), None)
		except (NotFound, ConsentRequired):
			return

	def verify_webhook(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[Secret]) -> bool:
		"""Pushes of the standard are not signed by a secret: none is believed (2.8)."""
		return False

	def parse_webhook(self, body: bytes) -> InboundEvent:
		"""See `verify_webhook`."""
		self._unsupported()
