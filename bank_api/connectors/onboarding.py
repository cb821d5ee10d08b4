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


@dataclass(frozen=True, slots=True)
class EventSubscription:
	"""A provider's promise to tell us of one account.

	Attributes:
		subscription_id: the provider's id of it.
		url: our address.
		status: as sent.
		active: it is in force now.
		over: it will never be in force again: a new one has to be made.
	"""

	subscription_id: str
	url: str
	status: str
	active: bool = True
	over: bool = False


@dataclass(frozen=True, slots=True)
class Software:
	"""A program, as a bank is told of it before any client can register it.

	Attributes:
		name: in the bank's language, 5 to 50 characters.
		software_id: our own id of it, at most 64 characters.
		version: at most 30 characters.
		redirect_uris: addresses to which users may be sent back.
		back_uri: address to which the registration's encrypted answer is sent.
		contacts: e-mail addresses, one or two.
		name_en: the name in English; empty for the same one.
		uri: the program's own page.
		logo_uri: its picture.
		tos_uri: its terms.
		policy_uri: its privacy policy.
	"""

	name: str
	software_id: str
	version: str
	redirect_uris: tuple[str, ...]
	back_uri: str
	contacts: tuple[str, ...]
	name_en: str = ""
	uri: str = ""
	logo_uri: str = ""
	tos_uri: str = ""
	policy_uri: str = ""


@dataclass(frozen=True, slots=True)
class SoftwareStatement:
	"""A bank's signed word that it knows the program.

	Attributes:
		text: the statement (a JWS), to be handed over with each registration.
		expires_at: its end (UTC); None if it does not say.
		vendor: whom the bank takes us for, from the certificate.
		vendor_number: that company's number.
	"""

	text: str
	expires_at: datetime | None
	vendor: str
	vendor_number: str


@dataclass(frozen=True, slots=True)
class Application:
	"""What a client registers of a program.

	Attributes:
		name: in the bank's language.
		redirect_uris: some of the statement's.
		scopes: what it will ask for.
		statement: `SoftwareStatement.text`.
		name_en: the name in English; empty for the same one.
	"""

	name: str
	redirect_uris: tuple[str, ...]
	scopes: tuple[str, ...]
	statement: str
	name_en: str = ""


@dataclass(frozen=True, slots=True)
class ClientCredentials:
	"""What an application is known by after its registration.

	Attributes:
		client_id: for OAuth.
		client_secret: for OAuth.
		name: as registered.
		redirect_uris: as registered.
		scopes: as granted.
		issued_at: when (UTC), if told.
		state: the value that the registration was begun with, if it is repeated within.
	"""

	client_id: str
	client_secret: Secret
	name: str
	redirect_uris: tuple[str, ...]
	scopes: tuple[str, ...]
	issued_at: datetime | None
	state: str = ""
