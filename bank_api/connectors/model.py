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


class Secret:
	"""A string that shows itself neither in a repr, nor in a log, nor in a traceback's local variables."""

	__slots__ = ("_value",)

	def __init__(self, value: str):
		self._value = value

	def reveal(self) -> str:
		"""The secret text, for the one line that needs it."""
		return self._value

	def __bool__(self) -> bool:
		return bool(self._value)

	def __eq__(self, other: object) -> bool:
		return isinstance(other, Secret) and self._value == other._value

	def __hash__(self) -> int:
		return hash(self._value)

	def __repr__(self) -> str:
		return "Secret(***)"

	__str__ = __repr__


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


@dataclass(frozen=True, slots=True)
class Token:
	"""An access token of one end user and the instant (UTC) at which it ends."""

	value: Secret
	expires_at: datetime
	provider_user_id: str


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
	"""What the end user's browser brought back from the provider: hints, proof of nothing."""

	context: str | None
	success: bool
	item_id: str | None = None
	provider_user_id: str | None = None
	step: str | None = None


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
	"""An account, card or loan as the provider describes it now."""

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
	"""A page of one account's changed transactions and where the next one is, if there is one."""

	rows: list[TransactionData]
	next_page: str | None


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
