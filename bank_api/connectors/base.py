"""What a provider's connector offers to the gateway."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from bank_api.connectors.model import (
	AccountData,
	Authorisation,
	Body,
	ConsentData,
	ConsentRequest,
	ConsentStatus,
	CreatedConsent,
	Identity,
	InboundEvent,
	ItemData,
	KeyPair,
	Link,
	LinkRequest,
	LinkReturn,
	Nudge,
	PermissionGroup,
	Presence,
	ProviderConfig,
	Secret,
	SessionData,
	SessionRequest,
	Token,
	TokenHolder,
	TokenPair,
	TransactionPage,
)
from bank_api.connectors.onboarding import (
	ApiKey,
	Application,
	ClientCredentials,
	Credentials,
	EventSubscription,
	Institution,
	Software,
	SoftwareStatement,
	Subscription,
	Theme,
	UploadedCertificate,
)
from bank_api.connectors.payments_model import BatchStatus, SubmittedBatch


class Connector(Protocol):
	"""Account information from one provider. Every call may raise a `ProviderError`.

	Attributes:
		config: the provider.
		token_holder: whose the access tokens are.
		reads_by_date: the feed has no instants of change: `since` counts by its day, rows carry no `updated_at`,
			and each pass lists every row from that day on, so that a pending row that is no longer listed is
			gone.
		shortest_interval: how long to leave an item alone between two readings that nobody asked for, so that the
			provider's limits last; an interval that is set shorter counts as this. Zero if it has none such.
	"""

	config: ProviderConfig
	token_holder: TokenHolder
	reads_by_date: bool
	shortest_interval: timedelta

	def create_user(self, external_user_id: str) -> str:
		"""Create the end user at the provider, or find the one that exists; return the provider's id."""

	def delete_user(self, provider_user_id: str) -> None:
		"""Delete the end user and everything the provider holds of it; unknown users count as deleted."""

	def new_token(self, external_user_id: str) -> Token:
		"""Ask for a fresh access token of an end user."""

	def link(self, token: Token, request: LinkRequest) -> Link:
		"""Ask for the page that the end user has to visit; `Unsupported` if the version has none."""

	def parse_return(self, query: Mapping[str, str]) -> LinkReturn:
		"""Read what the browser brought back; never raises on garbage."""

	def items(self, token: Token) -> list[ItemData]:
		"""All items of the end user."""

	def item(self, token: Token, provider_item_id: str, language: str = "en") -> ItemData:
		"""One item, re-read from the provider."""

	def refresh_item(self, token: Token, provider_item_id: str) -> None:
		"""Ask the provider to fetch fresh data from the bank; `Unsupported` if the version cannot."""

	def delete_item(self, token: Token, provider_item_id: str) -> None:
		"""Withdraw the access to one bank; an unknown item counts as deleted."""

	def accounts(self, token: Token, provider_item_id: str, known: Collection[str] = ()) -> list[AccountData]:
		"""All accounts of an item.

		Args:
			token: of the item.
			provider_item_id: the item.
			known: ids of its accounts that the caller has stored: a provider that allows few reads need not be asked for
				their description each time, and what it leaves out of its lists for a while stays (`AccountData.partial`).
		"""

	def transactions(
		self, token: Token, provider_account_id: str, since: str | None, page: str | None
	) -> TransactionPage:
		"""A page of one account's transactions changed since an instant, deleted ones included.

		Args:
			token: the end user's token.
			provider_account_id: the provider's id of the account.
			since: only rows whose `updated_at` is at or after this text instant; None for all.
			page: `next_page` of the page before, or None for the first.
		"""

	def bank(self, bank_id: str, language: str = "en") -> str:
		"""A bank's resource as JSON text, as received."""

	def bank_name(self, bank_id: str) -> str:
		"""A bank's name."""

	def category(self, category_id: str, language: str = "en") -> str:
		"""A category's resource as JSON text, as received."""

	def categories(self, language: str = "en") -> str:
		"""The answer with all categories as JSON text, as received."""

	def check(self) -> None:
		"""A harmless call that proves that the provider accepts the record's credentials."""

	def verify_webhook(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[Secret]) -> bool:
		"""Whether one of the secrets signed exactly these bytes."""

	def parse_webhook(self, body: bytes) -> InboundEvent:
		"""Read a webhook's body; `MalformedResponse` if it is not one of this provider's."""

	def tombstone(self, payload: str, provider_transaction_id: str) -> str:
		"""The provider's JSON text that tells a reader that this transaction id no longer exists."""

	def outline(self, payload: str) -> str:
		"""A transaction's JSON text reduced to ids, dates, amounts and flags, for when its payload is no longer kept."""


class ConsentSource(Connector, Protocol):
	"""A provider where an end user gives a consent. One consent is one item: `item_id` is the consent's id."""

	def consent(self, consent_id: str, presence: Presence | None = None) -> ConsentData:
		"""The consent as the provider has it now.

		Raises:
			NotFound: the provider does not know it.
		"""

	def consent_status(self, consent_id: str, presence: Presence | None = None) -> ConsentStatus:
		"""Only its status."""

	def delete_consent(self, consent_id: str) -> None:
		"""Withdraw a consent; one that is unknown or at its end counts as deleted."""


class ConsentConnector(ConsentSource, Protocol):
	"""A provider where each consent has tokens of its own (`token_holder` is CONSENT).

	Attributes:
		names_end_user: a consent is asked for in the name of an end user, by a number that has to be entered each time.
		advice: an English sentence: what else than a new link a human needs where the access is lost, and where to get
			it; empty if there is nothing else.
		tells_end: a consent that is withdrawn here is ended at the provider too, and not only forgotten here.
	"""

	names_end_user: bool
	advice: str
	tells_end: bool

	def companies(self) -> Mapping[str, str]:
		"""Names of the companies behind this provider by their codes; empty where there is only one."""

	def create_consent(self, request: ConsentRequest) -> CreatedConsent:
		"""Ask for a consent. Never repeated by itself: an answer that is lost may have made one."""

	def authorisations(self, consent_id: str) -> list[Authorisation]:
		"""How far each signer is."""

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
		"""Begin one signer's authorisation; see `ConsentRequest` for the arguments."""

	def exchange(
		self, consent_id: str, code: Secret, redirect_url: str, verifier: Secret, *, metadata_url: str = ""
	) -> TokenPair:
		"""Swap the code that the end user brought back for tokens. A code serves once.

		Args:
			consent_id: the consent.
			code: from `LinkReturn`.
			redirect_url: exactly the one of the request.
			verifier: of PKCE.
			metadata_url: from `CreatedConsent`.

		Raises:
			ConsentRequired: the code is not accepted; the end user has to come again.
		"""

	def renew(self, consent_id: str, refresh: Secret, *, metadata_url: str = "") -> TokenPair:
		"""A new pair of tokens. Both old ones are dead once the provider has answered.

		Never repeated by itself: a second call with the same token may end the consent.

		Raises:
			RefreshRefused: the refresh token is not accepted; the end user has to come again.
		"""


class TokenRevoker(Protocol):
	"""A provider where a consent is what its tokens can do: they are ended with it."""

	def revoke(self, refresh: Secret) -> None:
		"""End a refresh token, and what came from it; one that is not known any more counts as ended.

		Raises:
			Unsupported: the provider has no such call, as far as is known: the tokens are forgotten here.
		"""


class SessionConnector(ConsentSource, Protocol):
	"""A provider where one visit of the end user gives consents at several banks, read with our own key.

	`token_holder` is APPLICATION: a `Token` carries only the consent's id.
	"""

	def permission_groups(self) -> Sequence[PermissionGroup]:
		"""All groups that may be asked for, in the order in which people are shown them."""

	def start_session(self, request: SessionRequest) -> SessionData:
		"""Begin a visit. Never repeated by itself: an answer that is lost may have begun one.

		Raises:
			InvalidRequest: the provider refuses a permission, a number or a date; the sentence says which.
		"""

	def session(self, session_id: str) -> SessionData:
		"""A visit as the provider has it now, with its consents.

		Raises:
			NotFound: the provider does not know it.
		"""

	def consents(self) -> list[ConsentData]:
		"""All consents that the provider holds for us, every page of them; `approval` is not asked for here."""

	def extend_consent(
		self, consent_id: str, identity: Identity, expires_at: datetime | None, presence: Presence
	) -> ConsentData:
		"""Let a consent last longer; only the same person may, while it is there.

		Args:
			consent_id: the consent.
			identity: the person, and the company if it is a company's consent.
			expires_at: its new end (UTC); None for no end.
			presence: the end user's browser.

		Raises:
			InvalidRequest: the consent cannot be extended; the sentence says why.
		"""

	def body(self, token: Token, path: str, query: Mapping[str, str] | None = None) -> Body:
		"""A resource of a consent as received.

		Args:
			token: of the consent.
			path: relative to the consent, such as `accounts/{id}/overdraft-limits`; one that the connector knows.
			query: parameters.

		Raises:
			Unsupported: the connector knows no such path.
		"""


class SetupConnector(Protocol):
	"""What a provider wants to be told of us before any end user can visit it."""

	def onboard(self, link: str, institution: Institution) -> ApiKey:
		"""Fill in the one-time form behind an onboarding link. The key is shown this once.

		Raises:
			ConsentRequired: the link has been used, or has expired.
			InvalidRequest: the form is not accepted; the sentence says which field.
		"""

	def upload_certificate(self, usage: str, pair: KeyPair) -> UploadedCertificate:
		"""Hand over a certificate with its key (`usage` is `Transport` or `Signing`)."""

	def certificates(self) -> list[UploadedCertificate]:
		"""The certificates that the provider holds."""

	def delete_certificate(self, certificate_id: str) -> None:
		"""Let the provider forget a certificate; an unknown one counts as deleted."""

	def register_credentials(self, credentials: Credentials) -> None:
		"""Tell our ids in the Directory."""

	def credentials(self) -> Credentials | None:
		"""The ids that the provider holds of us; None before they are told."""

	def put_theme(self, product: str, theme: Theme) -> None:
		"""How one of the provider's pages shall look (`products` names them)."""

	def products(self) -> Sequence[str]:
		"""Pages of the provider that take a theme."""

	def put_webhook(self, webhook_id: str, subscription: Subscription) -> str:
		"""Make or change the webhook; its id."""

	def webhook(self, webhook_id: str) -> Subscription | None:
		"""The webhook as the provider has it (without its secret); None if it does not know it."""

	def delete_webhook(self, webhook_id: str) -> None:
		"""Let the provider send no more; an unknown one counts as deleted."""

	def ping_webhook(self, webhook_id: str) -> None:
		"""Ask the provider for a test event."""

	def event_types(self) -> Sequence[str]:
		"""Events that a webhook may be sent for."""


class RegistrationConnector(Protocol):
	"""A bank where our program is introduced by the vendor, then registered by each client in a browser.

	Attributes:
		scopes: what consents will ask for, and what has to be registered therefore.
	"""

	@property
	def scopes(self) -> Sequence[str]:
		"""See above."""

	def software_statement(self, software: Software) -> SoftwareStatement:
		"""Introduce the program; the statement serves for some months. Never repeated by itself.

		Raises:
			InvalidRequest: the bank does not take a value; the sentence names the fields.
			ConfigurationError: our certificate is missing, or the bank does not accept it.
		"""

	def new_registration_key(self) -> Secret:
		"""A key for one registration: keep it until the browser is back."""

	def registration_url(self, application: Application, key: Secret, state: str) -> Secret:
		"""The page on which a client registers the program. It carries the key: show it once, keep it nowhere."""

	def read_registration(self, salt: str, encrypted_data: str, key: Secret) -> ClientCredentials:
		"""What the browser brought back.

		Raises:
			InvalidRequest: it does not belong to this key, or was changed.
		"""


class NudgeConnector(Connector, Protocol):
	"""A bank that tells, account by account, when there is something new to read.

	Between two nudges an account is left alone for `Connector.shortest_interval`: the bank would refuse to be asked.

	Attributes:
		nudges: whether they are wanted.
	"""

	nudges: bool

	def handshake(self, path: str) -> str | None:
		"""What the bank wants to read before it promises anything: JSON text.

		Args:
			path: what stands behind our address in the bank's call.

		Returns:
			None if the bank asks no such thing there.
		"""

	def nudge(self, path: str, headers: Mapping[str, str], body: bytes) -> Nudge | None:
		"""Read a nudge, of which `verify_webhook` has said that it is the bank's; None if none is sent to this path.

		Raises:
			MalformedResponse: it is none of this bank's.
		"""

	def subscribe(self, token: Token, provider_account_id: str, url: str, key: Secret) -> EventSubscription:
		"""Ask to be told of an account. Never repeated by itself.

		Args:
			token: of the consent.
			provider_account_id: the account.
			url: our event interface; the bank asks it for its version before it answers.
			key: by which the bank will be known there.

		Raises:
			InvalidRequest: the bank cannot reach the address, or does not like its answer.
		"""

	def subscription(
		self, token: Token, provider_account_id: str, subscription_id: str
	) -> EventSubscription | None:
		"""The subscription as the bank has it; None if it does not know it."""

	def unsubscribe(self, token: Token, provider_account_id: str, subscription_id: str) -> None:
		"""Ask to be told no more; an unknown subscription counts as ended."""


class PaymentConnector(Protocol):
	"""A bank that takes batches of payments, which a human authorises in the bank's own channel.

	No call of it is ever made twice by itself. What is not certain is `OutcomeUnknown`, never a refusal and never a success.

	Attributes:
		modes: how a batch may be processed; the bank may choose another one.
	"""

	modes: Sequence[str]

	@property
	def most_payments(self) -> int:
		"""Payments that a JSON batch may have."""

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
		"""Hand over a batch. Call it once for one `exchange_id`, after that id and the body's hash are durable.

		Args:
			token: of the consent.
			body: the very bytes.
			content_type: what they are.
			exchange_id: our id of the batch, unique for good, 1 to 14 characters.
			mode: one of `modes`.
			name: what people call the batch; its accents may be lost.
			payments: how many there are; needed for a file, counted in a JSON batch.
			file_format: `json`, `km`, `best` or `sepaxml`; empty to go by the content type.

		Returns:
			The bank's answer, whose counters fit what was sent. `standing` is WAITING, or REJECTED: nothing of it is stored.

		Raises:
			BatchRefused: the bank refuses it as a whole, for certain; `problems` names payments and fields.
			TokenRefused, ConsentRequired, ConfigurationError, Unsupported, RateLimited: the same, for another reason.
			InvalidRequest: it cannot be sent as it is; nothing was sent.
			NotSent: the bank could not be reached, for certain; nothing was sent.
			OutcomeUnknown: everything else. Never send it again: look it up.
		"""

	def batch_status(self, token: Token, batch_id: str) -> BatchStatus:
		"""How a batch stands.

		Raises:
			NotFound: the bank does not know it under this consent.
		"""

	def batch_detail(self, token: Token, batch_id: str) -> BatchStatus:
		"""As `batch_status`, with everything that the bank tells of each payment."""

	def find_batch(self, token: Token, exchange_id: str) -> tuple[BatchStatus, ...]:
		"""The batches that the bank has under our own id: none, for certain, if empty.

		Raises:
			Unsupported: the bank has no such call, as far as is known: a human has to look.
		"""

	def cancel_batch(self, token: Token, batch_id: str) -> None:
		"""Withdraw a batch that nobody has authorised yet.

		Raises:
			BatchRefused: it waits no longer, for certain.
			NotSent: nothing was sent.
			OutcomeUnknown: it may be cancelled or not: read its status.
		"""
