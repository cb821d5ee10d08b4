"""What differs between Berlin Group sources, and what their documents leave open: a name and a default each.

The defaults are those of Migdal's sandbox (berlin_group_migdal.md, 1.6, 4, 5).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from bank_api.connectors import verbatim
from bank_api.connectors.errors import ConfigurationError, MalformedResponse

MIGDAL_COMPANIES = {
	"520004896": 'מגדל חברה לביטוח בע"מ',
	"512237744": 'מגדל מקפת קרנות פנסיה וקופות גמל בע"מ',
}
RESOURCES = ("loans", "accounts", "card-accounts")
COMPANY_HEADERS = {
	"both": ("PSU-Corporate-ID", "PSU-ID-Type"),
	"PSU-Corporate-ID": ("PSU-Corporate-ID",),
	"PSU-ID-Type": ("PSU-ID-Type",),
	"none": (),
}
SIGNATURE_ALGORITHMS = ("rsa-sha256", "rsa-sha512", "ecdsa-sha256", "ecdsa-sha512")
DIGEST_ALGORITHMS = ("SHA-256", "SHA-512")
BOOKING_STATUSES = ("both", "booked", "all")
CERTIFICATES = ("both", "transport", "none")

_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+\Z", re.ASCII)
_COMPANY = re.compile(r"[A-Za-z0-9._:-]{1,35}\Z", re.ASCII)
_HEADER_NAMES = re.compile(r"[a-z0-9-]+(?: [a-z0-9-]+)*\Z", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class BerlinSettings:
	"""Settings of one source, read from `ProviderConfig.settings` by attribute name.

	Attributes:
		consent_path: path of the consents, with the source's own version.
		loan_path: path of the loans.
		account_path: path of the accounts.
		card_account_path: path of the card accounts.
		resources: which of them are read.
		authorize_url: page of the authorisation server, where the create answer names none (2.4).
		token_url: token endpoint; empty to find it in the metadata.
		metadata_url: the authorisation server's metadata (RFC 8414); empty for the link in the create answer,
			then for the well-known place on the API's host.
		trusted_hosts: further hosts on which the authorisation server may be.
		scope: `{consent_id}` stands for the consent's id (3.1).
		company_header: where the company's code goes (0, trap 1): `both`, `PSU-Corporate-ID`, `PSU-ID-Type`, `none`.
		company_on_reads: whether it goes with every read too.
		companies: names of the companies by code.
		certificates: which the source demands: `both`, `transport`, `none`.
		signed_headers: which headers are signed, in this order, if they are sent (5.2).
		signed_headers_reads: the same for calls without a body of ours; empty for the same list.
		key_id_style: rendering of the `keyId` (5.4).
		signature_algorithm: `rsa-sha256`, `rsa-sha512`; with a P-256 key `ecdsa-sha256`, `ecdsa-sha512`.
		digest_algorithm: `SHA-256` or `SHA-512`.
		sign_token_calls: whether token calls are signed as well.
		client_id: empty for the organizationIdentifier of the signing certificate (6.2).
		renew_parameters: further parameters of a renewal, such as Isracard's `type=Bearer` (3.3).
		token_lifetime: seconds of an access token whose answer does not say.
		state_in_redirect_uri: whether `state` rides in `TPP-Redirect-URI`, for sources whose ready link must not
			be added to.
		redirect_preferred: whether to ask for the redirect approach.
		reference_account_type: `cashAccountType` beside the number of a loan (open question 11).
		own_address: the gateway's own public address, sent where the end user's is demanded but unknown.
		frequency_per_day: unattended reads a day and resource where the consent does not say; 0 for no limit.
		time_zone: whose midnight begins a new day of it.
		history_days: how far back the first read goes.
		booking_status: `both`, `booked` or `all` (4.4).
		id_fields: which fields name a transaction for good, first one present counts.
		detail_resources: of which resources each one is read alone too; lists may leave out interest and dates.
		items_per_page: rows per page, if the source knows `itemsPerPage`; empty to leave it out.
		max_pages: a list with more pages is taken for a loop.
		throttle_seconds: wait after a 429 that says neither how long nor that the day is used up.
		call_timeout: seconds for a whole call with its retries.
		max_attempts: how often a read is sent at most.
		ca_bundle: PEM text of further certificate authorities.
		environment: `Sandbox` allows end-user pages without TLS.
	"""

	consent_path: str = "/api/consent/v1.6/consents"
	loan_path: str = "/api/loan/v1.4/loans"
	account_path: str = "/v1/accounts"
	card_account_path: str = "/v1/card-accounts"
	resources: tuple[str, ...] = ("loans",)
	authorize_url: str = ""
	token_url: str = ""
	metadata_url: str = ""
	trusted_hosts: frozenset[str] = frozenset()
	scope: str = "AIS:{consent_id}"
	company_header: str = "both"
	company_on_reads: bool = False
	companies: Mapping[str, str] = field(default_factory=lambda: dict(MIGDAL_COMPANIES))
	certificates: str = "both"
	signed_headers: tuple[str, ...] = (
		"digest",
		"x-request-id",
		"psu-id",
		"psu-corporate-id",
		"tpp-redirect-uri",
	)
	signed_headers_reads: tuple[str, ...] = ()
	key_id_style: str = "percent_spaces"
	signature_algorithm: str = "rsa-sha256"
	digest_algorithm: str = "SHA-256"
	sign_token_calls: bool = False
	client_id: str = ""
	renew_parameters: tuple[tuple[str, str], ...] = ()
	token_lifetime: int = 600
	state_in_redirect_uri: bool = False
	redirect_preferred: bool = True
	reference_account_type: str = ""
	own_address: str = ""
	frequency_per_day: int = 4
	time_zone: str = "Asia/Jerusalem"
	history_days: int = 365
	booking_status: str = "both"
	id_fields: tuple[str, ...] = ("transactionId", "cardTransactionId", "entryReference")
	detail_resources: tuple[str, ...] = ("loans",)
	items_per_page: int = 0
	max_pages: int = 1000
	throttle_seconds: int = 60
	call_timeout: int = 90
	max_attempts: int = 3
	ca_bundle: str = ""
	environment: str = "Production"

	def path_of(self, resource: str) -> str:
		"""The path of a resource's list."""
		paths = {
			"loans": self.loan_path,
			"accounts": self.account_path,
			"card-accounts": self.card_account_path,
		}
		return paths[resource]


def read_settings(values: Mapping[str, str]) -> BerlinSettings:
	"""A source's settings from a provider's free settings; empty values mean the default, other names are ignored.

	Raises:
		ConfigurationError: a value that is not allowed; the message names the setting.
	"""
	read = _Reader(values)
	default = BerlinSettings()
	return BerlinSettings(
		consent_path=read.path("consent_path", default.consent_path),
		loan_path=read.path("loan_path", default.loan_path),
		account_path=read.path("account_path", default.account_path),
		card_account_path=read.path("card_account_path", default.card_account_path),
		resources=read.words("resources", default.resources, RESOURCES),
		authorize_url=read.url("authorize_url"),
		token_url=read.url("token_url"),
		metadata_url=read.url("metadata_url"),
		trusted_hosts=frozenset(read.matching("trusted_hosts", (), _HOST)),
		scope=read.text("scope", default.scope),
		company_header=read.one_of("company_header", tuple(COMPANY_HEADERS), default.company_header),
		company_on_reads=read.flag("company_on_reads", default.company_on_reads),
		companies=read.companies(),
		certificates=read.one_of("certificates", CERTIFICATES, default.certificates),
		signed_headers=read.header_names("signed_headers", default.signed_headers),
		signed_headers_reads=read.header_names("signed_headers_reads", default.signed_headers_reads),
		key_id_style=read.text("key_id_style", default.key_id_style),
		signature_algorithm=read.one_of(
			"signature_algorithm", SIGNATURE_ALGORITHMS, default.signature_algorithm
		),
		digest_algorithm=read.one_of("digest_algorithm", DIGEST_ALGORITHMS, default.digest_algorithm),
		sign_token_calls=read.flag("sign_token_calls", default.sign_token_calls),
		client_id=read.text("client_id", default.client_id),
		renew_parameters=read.pairs("renew_parameters"),
		token_lifetime=read.number("token_lifetime", default.token_lifetime, least=1),
		state_in_redirect_uri=read.flag("state_in_redirect_uri", default.state_in_redirect_uri),
		redirect_preferred=read.flag("redirect_preferred", default.redirect_preferred),
		reference_account_type=read.text("reference_account_type", default.reference_account_type),
		own_address=read.text("own_address", default.own_address),
		frequency_per_day=read.number("frequency_per_day", default.frequency_per_day),
		time_zone=read.text("time_zone", default.time_zone),
		history_days=read.number("history_days", default.history_days, least=1),
		booking_status=read.one_of("booking_status", BOOKING_STATUSES, default.booking_status),
		id_fields=read.words("id_fields", default.id_fields),
		detail_resources=read.words("detail_resources", default.detail_resources, (*RESOURCES, "none")),
		items_per_page=read.number("items_per_page", default.items_per_page),
		max_pages=read.number("max_pages", default.max_pages, least=1),
		throttle_seconds=read.number("throttle_seconds", default.throttle_seconds),
		call_timeout=read.number("call_timeout", default.call_timeout, least=1),
		max_attempts=read.number("max_attempts", default.max_attempts, least=1),
		ca_bundle=values.get("ca_bundle") or default.ca_bundle,
		environment=read.text("environment", default.environment),
	)


class _Reader:
	"""Reads one setting at a time; a bad one is named."""

	def __init__(self, values: Mapping[str, str]):
		self._values = values

	def text(self, name: str, default: str) -> str:
		return (self._values.get(name) or "").strip() or default

	def path(self, name: str, default: str) -> str:
		value = self.text(name, default).rstrip("/")
		if not _PATH.match(value):
			raise self._bad(name, "must be a path such as /v1/accounts")
		return value

	def url(self, name: str) -> str:
		value = self.text(name, "")
		if not value:
			return ""
		try:
			parts = urlsplit(value)
		except ValueError:
			parts = urlsplit("")
		if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.fragment:
			raise self._bad(name, "must be an address that begins with https://")
		return value

	def one_of(self, name: str, allowed: tuple[str, ...], default: str) -> str:
		value = self.text(name, default)
		for candidate in allowed:
			if candidate.lower() == value.lower():
				return candidate
		raise self._bad(name, f"must be one of: {', '.join(allowed)}")

	def words(self, name: str, default: tuple[str, ...], allowed: tuple[str, ...] = ()) -> tuple[str, ...]:
		text = self.text(name, "")
		if not text:
			return default
		found = tuple(word.strip() for word in text.split(",") if word.strip())
		if not found or (allowed and not set(found) <= set(allowed)):
			raise self._bad(name, f"must be a comma-separated list of: {', '.join(allowed) or 'words'}")
		return tuple(dict.fromkeys(found))

	def matching(self, name: str, default: tuple[str, ...], form: re.Pattern[str]) -> tuple[str, ...]:
		found = self.words(name, default)
		if not all(form.match(word) for word in found):
			raise self._bad(name, "must be a comma-separated list of host names")
		return tuple(word.lower() for word in found)

	def header_names(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
		text = " ".join(self.text(name, "").lower().replace(",", " ").split())
		if not text:
			return default
		if not _HEADER_NAMES.match(text):
			raise self._bad(name, "must be a list of header names")
		return tuple(dict.fromkeys(text.split(" ")))

	def flag(self, name: str, default: bool) -> bool:
		value = self.text(name, "yes" if default else "no").lower()
		if value in ("1", "yes", "true"):
			return True
		if value in ("0", "no", "false"):
			return False
		raise self._bad(name, "must be yes or no")

	def number(self, name: str, default: int, least: int = 0) -> int:
		text = self.text(name, str(default))
		if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) < least:
			raise self._bad(name, f"must be a whole number of at least {least}")
		return int(text)

	def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
		try:
			return tuple(parse_qsl(self.text(name, ""), strict_parsing=True)) if self.text(name, "") else ()
		except ValueError:
			raise self._bad(name, "must be written like type=Bearer") from None

	def companies(self) -> dict[str, str]:
		text = self.text("companies", "")
		if not text:
			return dict(MIGDAL_COMPANIES)
		try:
			found = verbatim.parse_object(text)
		except MalformedResponse:
			raise self._bad("companies", "must be a JSON object of names by code") from None
		if not all(_COMPANY.match(code) and isinstance(name, str) for code, name in found.items()):
			raise self._bad("companies", "must be a JSON object of names by code")
		return found

	def _bad(self, name: str, why: str) -> ConfigurationError:
		return ConfigurationError(f"The provider's setting {name} {why}.")
