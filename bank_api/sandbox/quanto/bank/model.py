"""The banks' records. Amounts are exact text, instants are epoch milliseconds."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from bank_api.sandbox.store import Record

AWAITING, AUTHORISED, REJECTED = "AWAITING_AUTHORISATION", "AUTHORISED", "REJECTED"
AVAILABLE, UNAVAILABLE = "AVAILABLE", "UNAVAILABLE"
TEMPORARILY_UNAVAILABLE, PENDING = "TEMPORARILY_UNAVAILABLE", "PENDING_AUTHORISATION"
RESOURCE_STATES = (AVAILABLE, UNAVAILABLE, TEMPORARILY_UNAVAILABLE, PENDING)
ACCOUNT, CARD, LOAN, FINANCING = "ACCOUNT", "CREDIT_CARD_ACCOUNT", "LOAN", "FINANCING"
OVERDRAFT, INVOICE = "UNARRANGED_ACCOUNT_OVERDRAFT", "INVOICE_FINANCING"
CREDITS = {
	"loans": LOAN,
	"financings": FINANCING,
	"invoice-financings": INVOICE,
	"unarranged-accounts-overdraft": OVERDRAFT,
}


@dataclass
class Customer:
	"""A person (CPF) or company (CNPJ) at one bank; ``bodies`` are the registration data as sent."""

	kind: ClassVar[str] = "ofb_customer"
	bank: str
	document: str
	name: str
	users: list[str] = field(default_factory=list)  # CPFs that may act for a company
	bodies: dict[str, Any] = field(default_factory=dict)

	def pk(self) -> str:
		"""Return bank and number in one text."""
		return f"{self.bank}/{self.document}"


@dataclass
class Product:
	"""An account, a card or a contract: a resource of section 4.2."""

	kind: ClassVar[str] = "ofb_product"
	id: str
	bank: str
	document: str
	type: str
	listed: dict[str, Any]  # the row in its list
	detail: dict[str, Any]
	parts: dict[str, Any] = field(default_factory=dict)  # limits, bills, warranties …: ``data`` as sent
	opening: str = "0.00"
	state: str = AVAILABLE
	approvers: list[str] = field(default_factory=list)  # all have to agree; none: whoever logs in

	def pk(self) -> str:
		"""Return the resource id."""
		return self.id


@dataclass
class Entry:
	"""A transaction of an account or card: ``data`` goes on the wire as it is."""

	kind: ClassVar[str] = "ofb_entry"
	key: int
	product: str
	data: dict[str, Any]

	def pk(self) -> int:
		"""Return the sandbox's own number."""
		return self.key


@dataclass
class Consent:
	"""A consent at a bank with the resources that the customer chose: id to ``""``, ``pending`` or ``refused``."""

	kind: ClassVar[str] = "ofb_consent"
	id: str
	bank: str
	receiver: str
	cpf: str
	cnpj: str
	permissions: list[str]
	created: int
	expires: int  # 0: no end
	status: str = AWAITING
	changed: int = 0
	rejection: dict[str, Any] = field(default_factory=dict)
	resources: dict[str, str] = field(default_factory=dict)
	approvals: dict[str, list[str]] = field(default_factory=dict)  # resource to the CPFs that agreed
	approve_by: int = 0
	ready_at: int = 0  # resources are listed from then on (202 before)
	extensions: list[dict[str, Any]] = field(default_factory=list)

	def pk(self) -> str:
		"""Return the consent id."""
		return self.id

	@property
	def document(self) -> str:
		"""Whose data it is about."""
		return self.cnpj or self.cpf


@dataclass
class Visit:
	"""One visit of a customer's browser to a bank."""

	kind: ClassVar[str] = "ofb_visit"
	id: str
	bank: str
	consent: str
	created: int
	redirect_uri: str = ""  # empty: a further approver, who goes nowhere from here
	state: str = ""
	cookie: str = ""
	step: str = "login"
	cpf: str = ""
	tries: int = 0
	error: str = ""
	location: str = ""
	language: str = ""

	def pk(self) -> str:
		"""Return the id in the address."""
		return self.id


@dataclass
class Token:
	"""An authorisation code that becomes a pair of tokens."""

	kind: ClassVar[str] = "ofb_token"
	code: str
	bank: str
	consent: str
	receiver: str
	created: int
	used: bool = False
	access: str = ""
	refresh: str = ""
	expires: int = 0

	def pk(self) -> str:
		"""Return the code."""
		return self.code


@dataclass
class Usage:
	"""How often one endpoint was read in one month (section 4.7)."""

	kind: ClassVar[str] = "ofb_usage"
	key: str
	count: int = 0

	def pk(self) -> str:
		"""Return month, receiver, customer, endpoint and object in one text."""
		return self.key


KINDS: list[type[Record]] = [Customer, Product, Entry, Consent, Visit, Token, Usage]
