"""Migdal's records. All values are JSON values: amounts are exact text, instants are epoch milliseconds."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from bank_api.sandbox.store import Record

COMPANIES = {
	"520004896": "מגדל חברה לביטוח בע״מ",
	"512237744": "מגדל מקפת קרנות פנסיה וקופות גמל בע״מ",
}
FINAL = ("rejected", "revokedByPsu", "expired", "terminatedByTpp")
OPEN = ("received", "partiallyAuthorised")
STATUSES = (*OPEN, "valid", "suspendedByASPSP", *FINAL)
SCA_FINAL = ("finalised", "failed", "exempted")
LOAN, ACCOUNT, CARD = "loan", "account", "card"


@dataclass
class Psu:
	"""A customer; the id is what he types at the log-in."""

	kind: ClassVar[str] = "migdal_psu"
	id: str
	name: str
	signers: list[str] = field(default_factory=list)  # further persons who have to approve
	blocked: bool = False
	declines: bool = False
	max_days: int | None = None

	def pk(self) -> str:
		"""Return the id."""
		return self.id


@dataclass
class Account:
	"""A loan, an account or a card account. ``number`` is how the customer and a DA consent call it."""

	kind: ClassVar[str] = "migdal_account"
	number: str
	psu: str
	company: str
	type: str
	opening: str = "0.00"
	currency: str = "ILS"
	status: str = "enabled"
	details: dict[str, Any] = field(default_factory=dict)  # further members of the object, as sent

	def pk(self) -> str:
		"""Return the number."""
		return self.number


@dataclass
class Entry:
	"""A transaction: ``data`` goes on the wire as it is."""

	kind: ClassVar[str] = "migdal_entry"
	key: int
	account: str
	status: str
	date: str
	data: dict[str, Any]

	def pk(self) -> int:
		"""Return the sandbox's own number."""
		return self.key


@dataclass
class Consent:
	"""A consent with what was asked and what was granted (numbers of accounts per right)."""

	kind: ClassVar[str] = "migdal_consent"
	id: str
	client_id: str
	client_name: str
	company: str
	psu: str
	bank_offered: bool
	asked: dict[str, list[str]]
	restricted_to: list[str]
	recurring: bool
	valid_until: str
	frequency: int
	created: int
	last_action: str
	redirect_uri: str
	nok_uri: str = ""
	status: str = "received"
	granted: dict[str, list[str]] = field(default_factory=dict)
	explicit: bool = False
	base: str = ""
	tickets: list[str] = field(default_factory=list)
	one_off_day: str = ""

	def pk(self) -> str:
		"""Return the consent id."""
		return self.id


@dataclass
class Authorisation:
	"""One signer's authorisation of a consent (section 2.7)."""

	kind: ClassVar[str] = "migdal_authorisation"
	id: str
	consent: str
	psu: str = ""
	status: str = "received"

	def pk(self) -> str:
		"""Return the authorisation id."""
		return self.id


@dataclass
class Trip:
	"""One visit of the end user's browser, from the link to the way back."""

	kind: ClassVar[str] = "migdal_trip"
	id: str
	consent: str
	authorisation: str
	cookie: str
	created: int
	redirect_uri: str
	state: str = ""
	challenge: str = ""
	step: str = "login"
	psu: str = ""
	tries: int = 0
	error: str = ""
	location: str = ""

	def pk(self) -> str:
		"""Return the id in the address."""
		return self.id


@dataclass
class Code:
	"""An authorisation code."""

	kind: ClassVar[str] = "migdal_code"
	value: str
	consent: str
	redirect_uri: str
	challenge: str
	expires: int
	used: bool = False

	def pk(self) -> str:
		"""Return the code."""
		return self.value


@dataclass
class Token:
	"""A pair of tokens. ``state``: ``active``, ``rotated`` (its refresh token was used), ``revoked``."""

	kind: ClassVar[str] = "migdal_token"
	access: str
	refresh: str
	code: str
	consent: str
	client_id: str
	thumbprint: str
	expires: int
	refresh_expires: int  # 0: as long as the consent
	state: str = "active"

	def pk(self) -> str:
		"""Return the access token."""
		return self.access


@dataclass
class Usage:
	"""How often one resource was read on one day without the end user (section 7.4)."""

	kind: ClassVar[str] = "migdal_usage"
	key: str
	count: int = 0

	def pk(self) -> str:
		"""Return consent, day, endpoint and resource in one text."""
		return self.key


KINDS: list[type[Record]] = [Psu, Account, Entry, Consent, Authorisation, Trip, Code, Token, Usage]
