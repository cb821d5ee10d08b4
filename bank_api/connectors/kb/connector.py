"""KB behind the gateway's `ConsentConnector`, `PaymentConnector` and `RegistrationConnector` protocols."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from bank_api.connectors.consents_only import ConsentsOnly
from bank_api.connectors.errors import InvalidRequest, Unsupported, sealed
from bank_api.connectors.kb import batches, consents, events, oauth, setup, transactions
from bank_api.connectors.kb.accounts import Reader
from bank_api.connectors.kb.client import KbClient
from bank_api.connectors.kb.settings import read_settings
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
	Nudge,
	Presence,
	ProviderConfig,
	Secret,
	Token,
	TokenHolder,
	TokenPair,
	TransactionPage,
)
from bank_api.connectors.onboarding import (
	Application,
	ClientCredentials,
	EventSubscription,
	Software,
	SoftwareStatement,
)
from bank_api.connectors.payments_model import BatchStatus, SubmittedBatch
from bank_api.connectors.rate_ledger import RateLedger

# Besides the consent, the user authorises the service itself once in 12 months (1, P2).
_ADVICE = (
	"For batches, the user also has to have “Batch payments via API” authorised in MojeBanka or KB+, which is to be "
	"repeated every 12 months."
)


class KbConnector(ConsentsOnly):
	"""One application at KB. Thread-safe."""

	token_holder = TokenHolder.CONSENT
	# History is asked by day, rows carry no instant of change, and a hold that is released is just no longer listed.
	reads_by_date = True
	# Whoever logs in at CAAS is the user; nobody is named beforehand (2.5).
	names_end_user = False
	advice = _ADVICE
	modes = batches.MODES

	def __init__(self, config: ProviderConfig, ledger: RateLedger):
		self.config = config
		self._settings = read_settings(config.settings, config.base_url)
		self._names = self._settings.names
		# Unchanged transactions may be read once in so long a time (4.1); a nudge asks for them before.
		self.shortest_interval = timedelta(minutes=self._settings.history_minutes)
		self._client = KbClient(config, self._settings, ledger)
		self._reader = Reader(self._client)

	# Set-up (2.3, 2.4)

	@property
	def scopes(self) -> Sequence[str]:
		"""See `RegistrationConnector.scopes`."""
		return tuple(self._settings.scope.split())

	@sealed
	def software_statement(self, software: Software) -> SoftwareStatement:
		"""See `RegistrationConnector.software_statement`."""
		return setup.software_statement(self._client, software)

	def new_registration_key(self) -> Secret:
		"""See `RegistrationConnector.new_registration_key`."""
		return Secret(self._settings.registration_key) if self._settings.registration_key else setup.new_key()

	@sealed
	def registration_url(self, application: Application, key: Secret, state: str) -> Secret:
		"""See `RegistrationConnector.registration_url`."""
		return setup.registration_url(self._client, application, key, state)

	@sealed
	def read_registration(self, salt: str, encrypted_data: str, key: Secret) -> ClientCredentials:
		"""See `RegistrationConnector.read_registration`."""
		return setup.read_registration(salt, encrypted_data, key)

	# Consents and tokens (2.5)

	def companies(self) -> Mapping[str, str]:
		"""See `ConsentConnector.companies`: there is one bank."""
		return {}

	@sealed
	def create_consent(self, request: ConsentRequest) -> CreatedConsent:
		"""See `ConsentConnector.create_consent`. What is granted, the user chooses at CAAS: scope and accounts."""
		return oauth.create_consent(self._client, request)

	@sealed
	def consent(self, consent_id: str, presence: Presence | None = None) -> ConsentData:
		"""See `ConsentConnector.consent`."""
		return consents.read(self._client, consent_id)

	@sealed
	def consent_status(self, consent_id: str, presence: Presence | None = None) -> ConsentStatus:
		"""See `ConsentConnector.consent_status`."""
		return consents.status(self._client, consent_id)

	def delete_consent(self, consent_id: str) -> None:
		"""KB publishes no way to end a consent: without its tokens, which the gateway forgets, it is no use."""

	@property
	def tells_end(self) -> bool:
		"""See `ConsentConnector.tells_end`: KB publishes no call for it."""
		return bool(self._names.path_revoke)

	@sealed
	def revoke(self, refresh: Secret) -> None:
		"""See `TokenRevoker.revoke`."""
		oauth.revoke(self._client, refresh)

	def authorisations(self, consent_id: str) -> list[Authorisation]:
		"""See `ConsentConnector.authorisations`: one user gives a consent, alone."""
		return []

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
		"""See `ConsentConnector.start_authorisation`: another trip to CAAS for the same consent."""
		link = oauth.page(self._client, state, redirect_url, code_challenge)
		return Authorisation(consent_id, oauth.WAITING, False, link)

	def parse_return(self, query: Mapping[str, str]) -> LinkReturn:
		"""See `Connector.parse_return`."""
		return oauth.read_return(query)

	@sealed
	def exchange(
		self, consent_id: str, code: Secret, redirect_url: str, verifier: Secret, *, metadata_url: str = ""
	) -> TokenPair:
		"""See `ConsentConnector.exchange`."""
		return oauth.exchange(self._client, consent_id, code, redirect_url, verifier)

	@sealed
	def renew(self, consent_id: str, refresh: Secret, *, metadata_url: str = "") -> TokenPair:
		"""See `ConsentConnector.renew`. `metadata_url` is the redirect address of the consent."""
		return oauth.renew(self._client, consent_id, refresh, metadata_url)

	# Items: one consent is one

	@sealed
	def items(self, token: Token) -> list[ItemData]:
		"""The consent of the token."""
		return [consents.item(self._client, token.consent_id)]

	@sealed
	def item(self, token: Token, provider_item_id: str, language: str = "en") -> ItemData:
		"""See `Connector.item`."""
		return consents.item(self._client, provider_item_id)

	@sealed
	def refresh_item(self, token: Token, provider_item_id: str) -> None:
		"""See `Connector.refresh_item`."""
		raise Unsupported(
			"This provider has no refresh on demand: every read asks the bank itself. Synchronise instead."
		)

	def delete_item(self, token: Token, provider_item_id: str) -> None:
		"""See `delete_consent`."""

	# Accounts (4.1)

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
		"""See `Connector.tombstone`. KB has no flag; the mark is `"deleted":true`."""
		return transactions.tombstone(payload, provider_transaction_id)

	def outline(self, payload: str) -> str:
		"""See `Connector.outline`."""
		return transactions.outline(payload)

	def bank_name(self, bank_id: str) -> str:
		"""See `Connector.bank_name`."""
		return consents.bank_name(bank_id)

	# Nudges (4.2)

	@sealed
	def verify_webhook(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[Secret]) -> bool:
		"""See `Connector.verify_webhook`: the key of the subscription has to come along."""
		return events.verify(self._names, headers, secrets)

	@sealed
	def parse_webhook(self, body: bytes) -> InboundEvent:
		"""See `Connector.parse_webhook`. Which account it is about, only its address says."""
		return events.parse(self._names, body)

	@property
	def nudges(self) -> bool:
		"""See `NudgeConnector.nudges`."""
		return self._settings.nudges

	def handshake(self, path: str) -> str | None:
		"""See `NudgeConnector.handshake`."""
		return events.handshake(path)

	@sealed
	def nudge(self, path: str, headers: Mapping[str, str], body: bytes) -> Nudge | None:
		"""See `NudgeConnector.nudge`."""
		return events.nudge(self._names, path, headers, body)

	@sealed
	def subscribe(self, token: Token, provider_account_id: str, url: str, key: Secret) -> EventSubscription:
		"""See `NudgeConnector.subscribe`."""
		account = self._reader.account_id(token, provider_account_id)
		return events.subscribe(self._client, token, account, url, key)

	@sealed
	def subscription(
		self, token: Token, provider_account_id: str, subscription_id: str
	) -> EventSubscription | None:
		"""See `NudgeConnector.subscription`."""
		account = self._reader.account_id(token, provider_account_id)
		return events.subscription(self._client, token, account, subscription_id)

	@sealed
	def unsubscribe(self, token: Token, provider_account_id: str, subscription_id: str) -> None:
		"""See `NudgeConnector.unsubscribe`."""
		account = self._reader.account_id(token, provider_account_id)
		events.unsubscribe(self._client, token, account, subscription_id)

	# Batches (3)

	@property
	def most_payments(self) -> int:
		"""See `PaymentConnector.most_payments`."""
		return self._settings.most_payments

	@property
	def identification_member(self) -> str:
		"""What the member with the ids of a payment is called in a JSON batch (3.1)."""
		return self._names.field_identification

	@sealed
	def submit(
		self,
		token: Token,
		body: bytes,
		content_type: str,
		*,
		exchange_id: str,
		mode: str,
		name: str,
		payments: int = 0,
		file_format: str = "",
	) -> SubmittedBatch:
		"""See `PaymentConnector.submit`."""
		return batches.submit(
			self._client,
			token,
			body,
			content_type,
			exchange_id=exchange_id,
			mode=mode,
			name=name,
			payments=payments,
			file_format=file_format,
		)

	@sealed
	def batch_status(self, token: Token, batch_id: str) -> BatchStatus:
		"""See `PaymentConnector.batch_status`."""
		return batches.status(self._client, token, batch_id)

	@sealed
	def batch_detail(self, token: Token, batch_id: str) -> BatchStatus:
		"""See `PaymentConnector.batch_detail`."""
		return batches.detail(self._client, token, batch_id)

	@sealed
	def find_batch(self, token: Token, exchange_id: str) -> tuple[BatchStatus, ...]:
		"""See `PaymentConnector.find_batch`."""
		return batches.find(self._client, token, exchange_id)

	@sealed
	def cancel_batch(self, token: Token, batch_id: str) -> None:
		"""See `PaymentConnector.cancel_batch`."""
		batches.cancel(self._client, token, batch_id)

	@sealed
	def check(self) -> None:
		"""See `Connector.check`: CAAS is asked to renew a token that never was."""
		oauth.check(self._client)
