"""Quanto's own records: who uses it, how it is set up, sessions, consents as it knows them. Instants are milliseconds."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from bank_api.sandbox.store import Record
from bank_api.sandbox.webhooks import Delivery, Target

CREATED, IN_PROGRESS, FINISHED, ABANDONED, EXPIRED = (
	"CREATED",
	"IN_PROGRESS",
	"FINISHED",
	"ABANDONED",
	"EXPIRED",
)
OVER = (FINISHED, ABANDONED, EXPIRED)


@dataclass
class Invitation:
	"""A one-time link to the onboarding form (requirement 2.1)."""

	kind: ClassVar[str] = "quanto_invitation"
	token: str
	created: int
	expires: int
	tenant: str = ""  # set once it is used

	def pk(self) -> str:
		"""Return the token of the link."""
		return self.token


@dataclass
class Tenant:
	"""An institution that uses Quanto, with all it has set up."""

	kind: ClassVar[str] = "quanto_tenant"
	id: str
	name: str
	cnpj: str
	contacts: list[dict[str, Any]]
	created: int
	credentials: dict[str, Any] = field(default_factory=dict)
	whitelabel: dict[str, dict[str, Any]] = field(default_factory=dict)

	def pk(self) -> str:
		"""Return the id."""
		return self.id


@dataclass
class ApiKey:
	"""A key of the API, kept as its digest only."""

	kind: ClassVar[str] = "quanto_key"
	id: str
	digest: str
	tenant: str
	created: int
	revoked: bool = False

	def pk(self) -> str:
		"""Return the id."""
		return self.id


@dataclass
class StoredCertificate:
	"""An uploaded certificate. The private key is checked and then forgotten: nothing here signs with it."""

	kind: ClassVar[str] = "quanto_certificate"
	id: str
	tenant: str
	type: str
	certificate: str
	uploaded: int

	def pk(self) -> str:
		"""Return the id."""
		return self.id


@dataclass
class Hook(Target):
	"""A webhook that an institution has set up."""

	kind: ClassVar[str] = "quanto_hook"
	tenant: str = ""
	key: str = ""  # the id that the API shows


@dataclass
class HookDelivery(Delivery):
	"""One event on its way to one webhook."""

	kind: ClassVar[str] = "quanto_delivery"
	timestamp_shift: float = 0.0  # a forged timestamp: so many seconds off


@dataclass
class Session:
	"""One visit of an end user (requirements 3.1a to 3.2)."""

	kind: ClassVar[str] = "quanto_session"
	id: str
	ticket: str  # what the link carries: whoever has it is the end user
	tenant: str
	cpf: str
	cnpj: str
	purpose: str
	permissions: list[str]
	expiration: str
	external_id: str
	redirect_uri: str
	language: str
	bank: str
	created: int
	expires: int
	status: str = CREATED
	cookie: str = ""
	step: str = "panel"
	consents: list[str] = field(default_factory=list)
	draft: dict[str, Any] = field(default_factory=dict)  # what is being chosen
	notice: str = ""
	trip: str = ""  # the state parameter of the visit to a bank

	def pk(self) -> str:
		"""Return the id."""
		return self.id


@dataclass
class Sharing:
	"""A consent at a bank as Quanto knows it, and what it has told the institution about it."""

	kind: ClassVar[str] = "quanto_sharing"
	id: str  # OFB's consentId
	tenant: str
	session: str
	bank: str
	cpf: str
	cnpj: str
	purpose: str
	created: int
	redirect_state: str = ""
	replaces: str = ""
	access: str = ""
	access_expires: int = 0
	refresh: str = ""
	authorised: bool = False
	several: bool = False  # a resource waited for further approvers
	announced: str = ""  # the event that told of the sharing
	ended: bool = False

	def pk(self) -> str:
		"""Return the consent id."""
		return self.id


KINDS: list[type[Record]] = [
	Invitation,
	Tenant,
	ApiKey,
	StoredCertificate,
	Hook,
	HookDelivery,
	Session,
	Sharing,
]
KEPT: tuple[type[Record], ...] = (Invitation, Tenant, ApiKey, StoredCertificate, Hook)
