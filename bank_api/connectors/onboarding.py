"""Plain data of setting us up at a provider: what it has to know before any end user can visit it."""

from dataclasses import dataclass, field
from datetime import datetime

from bank_api.crypto.secret import Secret


@dataclass(frozen=True, slots=True)
class Contact:
	"""A person whom the provider may turn to.

	Attributes:
		kind: `Business`, `Technical`, `Billing`, `Incident` or `Security`.
		name: first and last name.
		email: address.
		phone: number, with its country.
	"""

	kind: str
	name: str
	email: str
	phone: str = ""


@dataclass(frozen=True, slots=True)
class Institution:
	"""Who we are, for the onboarding form.

	Attributes:
		name: of the company.
		registration_number: its number in the national register (Brazil: CNPJ, 14 characters).
		contacts: at least one.
	"""

	name: str
	registration_number: str
	contacts: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class ApiKey:
	"""A key for the provider's API, shown once."""

	key_id: str
	key: Secret


@dataclass(frozen=True, slots=True)
class UploadedCertificate:
	"""A certificate that the provider holds; never its key."""

	certificate_id: str
	usage: str
	subject: str
	serial: str
	not_after: datetime | None
	fingerprint: str


@dataclass(frozen=True, slots=True)
class Credentials:
	"""Our ids in a country's directory of participants.

	Attributes:
		organization_id: of the organisation (UUID).
		software_statement_id: of the application (UUID).
		client_id: the application's client id in the directory.
		redirect_uris: the application's addresses to which end users may be sent back, as registered there.
	"""

	organization_id: str
	software_statement_id: str
	client_id: str
	redirect_uris: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Theme:
	"""How pages look, and what they say.

	Attributes:
		logo: a `data:` address of a PNG, or empty.
		colors: colours as `#rrggbb` by role (`primary`, `on_primary`, `background`, `text`).
		font: family name, or empty.
		texts: plain texts by key, in the language of the provider's pages.
		purpose: what the data is for, in words for the end user.
	"""

	logo: str = ""
	colors: dict[str, str] = field(default_factory=dict)
	font: str = ""
	texts: dict[str, str] = field(default_factory=dict)
	purpose: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
	"""What a provider shall tell us, and where."""

	url: str
	events: tuple[str, ...]
	secret: Secret
	active: bool = True
