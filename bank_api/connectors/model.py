"""Plain data that connectors hand to the gateway: the same shapes for every provider.

Instants are aware datetimes in UTC; dates are the bank's calendar dates and are never converted.
Amounts are `Decimal`, taken from the provider's JSON text without passing through a float.
`payload` is always the provider's own JSON text of that one resource, exactly as received.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from bank_api.crypto.secret import Secret as Secret


@dataclass(frozen=True, slots=True)
class KeyPair:
	"""A certificate and its private key, as a provider demands them.

	Attributes:
		chain: PEM text of the certificate, followed by its issuers.
		key: PEM text of the private key.
	"""

	chain: str
	key: Secret


@dataclass(frozen=True, slots=True)
class RateLimits:
	"""A provider's published limits; 0 means no limit.

	Attributes:
		app_calls: calls of the whole application per `app_seconds`.
		user_calls: calls for one end user per `user_seconds`.
		token_calls: token requests for one end user per `token_seconds`.
	"""

	app_calls: int = 0
	app_seconds: int = 300
	user_calls: int = 0
	user_seconds: int = 60
	token_calls: int = 0
	token_seconds: int = 60


@dataclass(frozen=True, slots=True)
class ProviderConfig:
	"""What a connector needs to know of a configured provider.

	Attributes:
		name: name of the Bank API Provider record.
		connector: key of the connector, such as `bridge`.
		api_version: version of the provider's API, in the provider's own notation.
		base_url: scheme and host of the provider's API, without a trailing slash.
		client_id: identifier of our application at the provider.
		client_secret: its secret.
		connect_timeout: seconds.
		read_timeout: seconds.
		max_response_bytes: larger answers are refused.
		limits: the rate limits to keep within.
		page_size: rows per page of a list.
		settings: further connector-specific settings, by name.
		secrets: further connector-specific secrets, by name.
		transport: what identifies us on the connection (mutual TLS), where the provider wants it.
		signing: what signs our requests, where the provider wants it.
	"""

	name: str
	connector: str
	api_version: str
	base_url: str
	client_id: str
	client_secret: Secret
	connect_timeout: float = 5.0
	read_timeout: float = 30.0
	max_response_bytes: int = 16 * 1024 * 1024
	limits: RateLimits = field(default_factory=RateLimits)
	page_size: int = 500
	settings: dict[str, str] = field(default_factory=dict)
	transport: KeyPair | None = None
	signing: KeyPair | None = None
	secrets: dict[str, Secret] = field(default_factory=dict)


class TokenHolder(str, Enum):
	"""Whose an access token is: it says where the gateway finds and renews one."""

	END_USER = "end_user"
	CONSENT = "consent"
	APPLICATION = "application"


@dataclass(frozen=True, slots=True)
class Presence:
	"""The end user's own browser, while it is this very user who asks; never made up, never kept for later.

	Attributes:
		ip: address of the browser.
		port: its port, if known.
		user_agent: header of this name.
		accept: header of this name.
		accept_language: header of this name.
		geo: `GEO:<latitude>;<longitude>`, if the browser has told.
		device_id: UUID of the device, if there is one.
	"""

	ip: str
	port: str = ""
	user_agent: str = ""
	accept: str = ""
	accept_language: str = ""
	geo: str = ""
	device_id: str = ""


@dataclass(frozen=True, slots=True)
class Token:
	"""An access token and what has to be said with it.

	Attributes:
		value: the token.
		expires_at: when it ends (UTC).
		provider_user_id: the end user that it speaks for, where users exist at the provider.
		consent_id: the consent that it was given for, where consents exist.
		presence: the end user's browser, only if the end user is there and asks.
		company: code of the company that the consent was given to, where one provider is several.
		frequency_per_day: reads a day that the consent allows without the end user; 0 if unknown.
	"""

	value: Secret
	expires_at: datetime
	provider_user_id: str
	consent_id: str = ""
	presence: Presence | None = None
	company: str = ""
	frequency_per_day: int = 0


@dataclass(frozen=True, slots=True)
class Link:
	"""A page of the provider that the end user has to visit."""

	url: str
	session_id: str | None = None


class LinkKind(str, Enum):
	"""Why the end user is sent to the provider."""

	CONNECT = "Connect"
	EDIT = "Edit"
	SCA = "SCA"
	PRO = "Pro"


@dataclass(frozen=True, slots=True)
class LinkRequest:
	"""What the gateway asks for when it sends an end user to the provider.

	Attributes:
		kind: what for.
		return_url: the gateway's own address to which the provider sends the user back.
		context: unguessable value that comes back with the user (at most 100 characters, [A-Za-z0-9-]).
		item_id: provider's id of the item to repair, for all kinds but a first connect.
		bank_id: provider's id of the bank to preselect.
		email: the end user's e-mail address, if known.
		language: two-letter language of the pages.
		country: two-letter country to preselect.
	"""

	kind: LinkKind
	return_url: str
	context: str
	item_id: str | None = None
	bank_id: str | None = None
	email: str | None = None
	language: str = "en"
	country: str | None = None


@dataclass(frozen=True, slots=True)
class LinkReturn:
	"""What the end user's browser brought back from the provider: hints, proof of nothing.

	`code` is to be exchanged for tokens, `error` is the authorisation server's word for why there is none.
	"""

	context: str | None
	success: bool
	item_id: str | None = None
	provider_user_id: str | None = None
	step: str | None = None
	code: Secret | None = None
	error: str | None = None


class ItemStatus(str, Enum):
	"""How an item stands, in the gateway's words (values are the Item's `status` options)."""

	WAITING = "Waiting"
	OK = "OK"
	ACTION_REQUIRED = "Action Required"
	PROVIDER_PROBLEM = "Provider Problem"
	UNSUPPORTED = "Unsupported"
	DELETED = "Deleted"


class UserAction(str, Enum):
	"""What the end user has to do (values are the Item's `user_action` options)."""

	NONE = "None"
	WAIT = "Wait"
	EDIT_CREDENTIALS = "Edit Credentials"
	AUTHENTICATE = "Authenticate"
	VISIT_BANK = "Visit Bank"
	CONFIRM_PRO = "Confirm Pro Accounts"
	DELETE = "Delete"


@dataclass(frozen=True, slots=True)
class ItemData:
	"""A connection to one bank as the provider describes it now."""

	provider_item_id: str
	bank_id: str | None
	status: ItemStatus
	status_code: int
	status_code_info: str | None
	status_description: str | None
	user_action: UserAction
	last_refresh: datetime | None
	authentication_expires_at: datetime | None
	payload: str


@dataclass(frozen=True, slots=True)
class LoanDetails:
	"""Loan facts of an account; amounts and rates exact, dates as given."""

	loan_type: str | None = None
	borrowed_capital: Decimal | None = None
	repaid_capital: Decimal | None = None
	remaining_capital: Decimal | None = None
	interest_rate: Decimal | None = None
	opening_date: date | None = None
	maturity_date: date | None = None
	next_payment_date: date | None = None
	next_payment_amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class AccountData:
	"""An account, card or loan as the provider describes it now.

	`partial` says that the provider was asked for less than everything, of an account that the gateway knows already: what
	is None or empty here stays as it is stored, and `payload` is a JSON object of the members that are told anew.
	"""

	provider_account_id: str
	provider_item_id: str
	name: str
	account_type: str
	currency: str
	balance: Decimal | None
	payload: str
	iban: str | None = None
	reference: str | None = None
	accounting_balance: Decimal | None = None
	instant_balance: Decimal | None = None
	is_pro: bool = False
	shared: bool = True
	updated_at: datetime | None = None
	loan: LoanDetails | None = None
	partial: bool = False


class TransactionStatus(str, Enum):
	"""How a transaction stands (values are the Transaction's `status` options)."""

	PENDING = "Pending"
	BOOKED = "Booked"
	DELETED = "Deleted"


# Inside the tuple, `date` is a field.
Day = date


class TransactionData(NamedTuple):
	"""One transaction as the provider describes it now. A tuple: pages hold hundreds, syncs 100,000s.

	`updated_at` is the provider's instant of last change as text that sorts in time order
	(`YYYY-MM-DDTHH:MM:SS.mmmZ`); it feeds the sync cursor and is never shown as local time.
	"""

	provider_transaction_id: str | None
	amount: Decimal
	currency: str
	date: Day
	booking_date: Day | None
	transaction_date: Day | None
	value_date: Day | None
	description: str
	original_description: str
	category_id: str | None
	operation_type: str | None
	status: TransactionStatus
	updated_at: str | None
	payload: str


class TransactionPage(NamedTuple):
	"""A page of one account's changed transactions and where the next one is, if there is one.

	`listed_from` is the first day of the list if the provider let less be read than was asked for: its silence says nothing
	about the days before, and the next pass has to ask for them again.
	"""

	rows: list[TransactionData]
	next_page: str | None
	listed_from: Day | None = None


@dataclass(frozen=True, slots=True)
class InboundEvent:
	"""A provider's webhook, verified and read.

	Attributes:
		event_type: the provider's own name of the event.
		occurred_at: the provider's instant of it.
		provider_item_id: item it is about, if any.
		provider_account_id: account it is about, if any.
		provider_user_id: end user it is about, if any.
		needs_sync: there may be new accounts or transactions to fetch.
		item_deleted: the item is gone at the provider.
		user_deleted: the end user is gone at the provider.
		is_test: a test ping without meaning.
		event_id: the provider's id of the event, where it has one: the same event comes once.
		session_id: the end user's visit that it is about, if any.
		known: False if this version of the connector has never heard of the type.
	"""

	event_type: str
	occurred_at: datetime | None
	provider_item_id: str | None = None
	provider_account_id: str | None = None
	provider_user_id: str | None = None
	needs_sync: bool = False
	item_deleted: bool = False
	user_deleted: bool = False
	is_test: bool = False
	known: bool = True
	event_id: str = ""
	session_id: str = ""


@dataclass(frozen=True, slots=True)
class Nudge:
	"""A bank's word that there is something new, as it came to one of our addresses.

	Attributes:
		subscription_id: the bank's id of what it was sent for.
		event: what it says; `event_id` is the id of the call, which is the same when the bank repeats it.
	"""

	subscription_id: str
	event: InboundEvent


class ConsentStanding(str, Enum):
	"""What a consent's status means for us, whatever the provider calls it."""

	WAITING = "Waiting"
	VALID = "Valid"
	SUSPENDED = "Suspended"
	ENDED = "Ended"


class Approval(str, Enum):
	"""Whether a consent needs several people, and how far they are (values are the Consent's `approval` options)."""

	SINGLE = "Single"
	PENDING = "Pending"
	APPROVED = "Approved"
	REFUSED = "Refused"


class EndedBy(str, Enum):
	"""Who ended a consent."""

	UNKNOWN = ""
	END_USER = "End User"
	BANK = "Bank"
	CLIENT = "Client"


class EndReason(str, Enum):
	"""Why a consent ended (values are the Consent's `end_reason` options)."""

	UNKNOWN = ""
	NOT_GIVEN_IN_TIME = "Not Given in Time"
	REFUSED = "Refused"
	REVOKED = "Revoked"
	EXPIRED = "Expired"
	REPLACED = "Replaced"
	TECHNICAL = "Technical"
	SECURITY = "Security"


@dataclass(frozen=True, slots=True)
class ConsentRequest:
	"""A permission that an end user is to be asked for.

	Attributes:
		company: code of the company that holds the data.
		psu_id: what the end user is known by there (an identity number); sent, never kept.
		references: numbers of the accounts or loans; empty if the end user chooses at the provider.
		valid_until: last day.
		frequency_per_day: reads a day without the end user.
		recurring: whether data is read more than once.
		state: unguessable value that comes back with the end user.
		redirect_url: the gateway's own address to which the provider sends the end user back.
		code_challenge: of PKCE, method S256 (RFC 7636, 4.2).
		presence: the end user's browser; without one the provider sees the gateway's own address.
		notification_url: where the provider may push changes of the status.
		account_types: kinds of accounts (ISO 20022 codes) to restrict an empty `references` to.
	"""

	company: str
	psu_id: Secret
	references: tuple[str, ...]
	valid_until: date
	frequency_per_day: int
	recurring: bool
	state: str
	redirect_url: str
	code_challenge: str
	presence: Presence | None = None
	notification_url: str = ""
	account_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CreatedConsent:
	"""A consent that waits for its end user.

	Attributes:
		consent_id: the provider's id.
		status: as sent.
		link: the page that the end user has to visit, once; empty if an authorisation has to be started first,
			or if the provider reaches the end user by itself (`sca_approach` DECOUPLED).
		sca_approach: REDIRECT, DECOUPLED, EMBEDDED, or empty.
		request_id: our id of the call.
		payload: the answer as received.
		metadata_url: where the provider's answer says that its token endpoint is described, or whatever else of the
			trip the connector needs again; hand it to `exchange` and `renew`.
		message: what the provider wants the end user to read.
	"""

	consent_id: str
	status: str
	link: str
	sca_approach: str
	request_id: str
	payload: str
	metadata_url: str = ""
	message: str = ""


class ConsentStatus(NamedTuple):
	"""A consent's status as sent, and what it means."""

	status: str
	standing: ConsentStanding


@dataclass(frozen=True, slots=True)
class ConsentData:
	"""A consent as the provider describes it now: what the end user has really granted.

	Attributes:
		consent_id: the provider's id.
		status: as sent.
		standing: what it means.
		valid_until: last day; None if not told.
		frequency_per_day: None if not told.
		references: numbers of the accounts or loans granted, in the provider's order.
		payload: the answer as received.
		recurring: None if not told.
		expires_at: its very instant of end (UTC), where the provider tells one; None also for one without an end.
		granted_at: when the end user gave it (UTC), if told.
		permissions: what may be read, in the provider's words, where it names permissions.
		session_id: the visit of the end user in which it was given, where one visit gives several.
		bank_id: the bank behind it, where one provider has many.
		bank_name: that bank's name.
		ended_by: who ended it.
		end_reason: why it ended.
		approval: whether several people have to agree to it, and how far they are.
	"""

	consent_id: str
	status: str
	standing: ConsentStanding
	valid_until: date | None
	frequency_per_day: int | None
	references: tuple[str, ...]
	payload: str
	recurring: bool | None = None
	expires_at: datetime | None = None
	granted_at: datetime | None = None
	permissions: tuple[str, ...] = ()
	session_id: str = ""
	bank_id: str = ""
	bank_name: str = ""
	ended_by: EndedBy = EndedBy.UNKNOWN
	end_reason: EndReason = EndReason.UNKNOWN
	approval: Approval = Approval.SINGLE


@dataclass(frozen=True, slots=True)
class Authorisation:
	"""One signer's authorisation of a consent; `link` is the page that this signer has to visit, if any."""

	authorisation_id: str
	status: str
	final: bool
	link: str = ""


@dataclass(frozen=True, slots=True)
class TokenPair:
	"""An access token and the one that renews it. The refresh token serves once."""

	access: Secret
	refresh: Secret | None
	expires_at: datetime
	refresh_expires_at: datetime | None
	scope: str = ""


class SessionStanding(str, Enum):
	"""How an end user's visit to a provider stands."""

	OPEN = "Open"
	FINISHED = "Finished"
	OVER = "Over"


@dataclass(frozen=True, slots=True)
class Identity:
	"""Whom a consent is asked of, by national numbers; sent, never kept.

	Attributes:
		person: number of the person who acts (Brazil: CPF, 11 digits).
		business: number of the company whose data it is (Brazil: CNPJ, 14 characters), if it is a company's.
	"""

	person: Secret
	business: Secret | None = None


@dataclass(frozen=True, slots=True)
class SessionRequest:
	"""A visit in which an end user may share data of several banks.

	Attributes:
		identity: whose data.
		permissions: what for, in the provider's words, whole groups.
		purpose: what for, in words for the end user.
		expires_at: until when (UTC); None for as long as the provider allows.
		external_id: unguessable value that comes back with the end user.
		redirect_url: the gateway's own address to which the provider sends the end user back.
		language: of the pages, such as `pt-BR`.
		bank_id: bank to preselect.
	"""

	identity: Identity
	permissions: tuple[str, ...]
	purpose: str
	expires_at: datetime | None
	external_id: str
	redirect_url: str
	language: str = "pt-BR"
	bank_id: str = ""


@dataclass(frozen=True, slots=True)
class SessionData:
	"""An end user's visit as the provider describes it now.

	Attributes:
		session_id: the provider's id.
		status: as sent.
		standing: what it means.
		link: the page that the end user has to visit.
		expires_at: until when it may be used (UTC), if told.
		external_id: the value that it was begun with, if told.
		consents: given or under way in it.
		payload: the answer as received.
	"""

	session_id: str
	status: str
	standing: SessionStanding
	link: str
	expires_at: datetime | None
	external_id: str
	consents: tuple[ConsentData, ...]
	payload: str


@dataclass(frozen=True, slots=True)
class PermissionGroup:
	"""Permissions that go together, and what they are called for people (English; the gateway translates)."""

	key: str
	category: str
	label: str
	permissions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Body:
	"""A resource of the provider as received.

	Attributes:
		payload: the JSON text.
		complete: False if the provider says that it is still being put together (202).
	"""

	payload: str
	complete: bool = True
