"""KB's records. All values are JSON values: amounts are whole hundredths, instants are epoch milliseconds."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from bank_api.sandbox.store import Record

BOOKED, PENDING = "BOOK", "PNG"
# Status of a batch and of a payment (section 3.2).
ACTC, ACWC, ACSP, ACSC, RJCT = "ACTC", "ACWC", "ACSP", "ACSC", "RJCT"
# State of a batch's signature (section 3.1).
OPEN, REJECT, CLOSE, NONE = "OPEN", "REJECT", "CLOSE", "NONE"
SCOPES = ("adaa", "bpisp", "statda", "card_data")


@dataclass
class User:
	"""A person of the client: the number is what one types at the log-in."""

	kind: ClassVar[str] = "kb_user"
	id: str
	name: str
	accounts: list[str]
	service_until: int = 0  # until when "batch payments via API" is authorised (section 1, P2); 0: never was
	channel: bool = True  # has an active internet-banking application (P1)
	blocked: bool = False

	def pk(self) -> str:
		"""Return the number."""
		return self.id


@dataclass
class Account:
	"""An account at KB."""

	kind: ClassVar[str] = "kb_account"
	iban: str
	currency: str
	name: str
	product: str
	opening: int = 0
	status: str = "active"  # active, blocked, closed
	payments: bool = True  # a kind of account that payments may leave from

	def pk(self) -> str:
		"""Return the IBAN."""
		return self.iban


@dataclass
class Entry:
	"""A transaction; ``data`` is laid over its object on the wire."""

	kind: ClassVar[str] = "kb_entry"
	key: int
	account: str
	status: str
	day: str
	amount: int  # of the account's currency, negative when money leaves
	updated: int
	data: dict[str, Any] = field(default_factory=dict)
	payment: str = ""  # the payment that made it

	def pk(self) -> int:
		"""Return the sandbox's own number."""
		return self.key


@dataclass
class App:
	"""A registered application (section 2.4)."""

	kind: ClassVar[str] = "kb_app"
	client_id: str
	secret: str
	name: str
	redirect_uris: list[str]
	scopes: list[str]
	vendor: str
	created: int
	active: bool = True

	def pk(self) -> str:
		"""Return the client_id."""
		return self.client_id


@dataclass
class Trip:
	"""A visit of a browser: to register an application, to consent, or to the bank's channel."""

	kind: ClassVar[str] = "kb_trip"
	id: str
	purpose: str  # register, authorize, channel
	cookie: str
	created: int
	step: str = "login"
	user: str = ""
	error: str = ""
	tries: int = 0
	request: dict[str, Any] = field(default_factory=dict)
	location: str = ""

	def pk(self) -> str:
		"""Return the id."""
		return self.id


@dataclass
class Grant:
	"""What a user has allowed an application; its refresh token lives as long (section 2.5)."""

	kind: ClassVar[str] = "kb_grant"
	id: str
	app: str
	user: str
	scopes: list[str]
	accounts: list[str]
	redirect_uri: str
	code: str
	code_expires: int
	code_used: bool = False
	refresh: str = ""
	refresh_expires: int = 0
	state: str = "active"  # active, revoked

	def pk(self) -> str:
		"""Return the id."""
		return self.id


@dataclass
class Token:
	"""An access token."""

	kind: ClassVar[str] = "kb_token"
	value: str
	grant: str
	expires: int

	def pk(self) -> str:
		"""Return the token."""
		return self.value


@dataclass
class Batch:
	"""A stored batch (section 3)."""

	kind: ClassVar[str] = "kb_batch"
	id: str
	app: str
	user: str
	exchange: str
	name: str
	mode: str
	format: str
	received: int
	digest: str
	count: int
	currency: str  # of all its payments, or blank
	status: str
	sign_state: str
	sign_id: str
	change: str = ""  # statusChangeInfo
	answer: dict[str, Any] = field(default_factory=dict)  # what the sender was told
	decided: int = 0
	decided_by: str = ""
	expires: int = 0

	def pk(self) -> str:
		"""Return the transactionIdentification."""
		return self.id


@dataclass
class Payment:
	"""One payment of a batch."""

	kind: ClassVar[str] = "kb_payment"
	key: str
	batch: str
	index: int
	status: str
	day: str
	amount: int
	currency: str
	own: str  # IBAN of the client's account
	partner: str  # IBAN of the other one
	collection: bool = False  # the money comes from the partner
	details: dict[str, Any] = field(default_factory=dict)  # texts, symbols, names
	errors: list[dict[str, str]] = field(default_factory=list)
	settled: str = ""

	def pk(self) -> str:
		"""Return batch and place."""
		return self.key


@dataclass
class Subscription:
	"""Where nudges about an account go (section 4.2)."""

	kind: ClassVar[str] = "kb_subscription"
	id: str
	app: str
	account: str
	url: str
	key: str
	status: str = "ACTIVE"
	narrative: str = ""
	pending: int = 0
	last: int = 0
	resume: int = 0  # when a suspended one is tried again
	sent: list[dict[str, Any]] = field(default_factory=list)

	def pk(self) -> str:
		"""Return the id."""
		return self.id


@dataclass
class Extract:
	"""A statement that is being made (section 4.3)."""

	kind: ClassVar[str] = "kb_extract"
	id: str
	app: str
	account: str
	begin: str
	end: str
	polls: int = 0

	def pk(self) -> str:
		"""Return the id."""
		return self.id


KINDS: list[type[Record]] = [
	User,
	Account,
	Entry,
	App,
	Trip,
	Grant,
	Token,
	Batch,
	Payment,
	Subscription,
	Extract,
]
