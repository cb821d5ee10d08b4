"""Addresses and rules of one KB application: a name and a default each (kb_batch.md, 2.1, 2.5, 3.1, 4.1)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bank_api.connectors.errors import ConfigurationError
from bank_api.connectors.kb.names import Names, read_names

SCOPES = ("adaa", "bpisp", "statda", "card_data")
NAME_FORMS = ("ascii", "utf-8")
ADAA_VERSIONS = ("v2", "v1")
_LARGEST_PAGE = {"v2": 100, "v1": 20}

# KB's other hosts (2.1). They hold only if `base_url` is at KB: a simulator's record must never reach the bank by a default.
_HOSTS = {
	"registration_url": "https://client-registration.api-gateway.kb.cz/v3",
	"authorize_url": "https://login.kb.cz/autfe/ssologin",
	"batch_url": "https://api.kb.cz/directapi/batchda/v3",
}
# In the folder of KB's sandbox, and wherever `base_url` is not KB's, everything is below `base_url`.
_SANDBOX = "/sandbox"
_BELOW = {
	"registration_url": "/client-registration/v3",
	"registration_page": "/client-registration-ui/v2/saml/register",
	"authorize_url": "/oauth2-authorization-ui/v3/",
	"token_url": "/oauth2/v3/access_token",
	"adaa_url": "/adaa/",
	"batch_url": "/directapi/batchda/v3",
}


@dataclass(frozen=True, slots=True)
class KbSettings:
	"""Settings of one application, read from `ProviderConfig.settings` by attribute name.

	An address may be a path; it is then below `ProviderConfig.base_url`.

	Attributes:
		names: see `names.Names`.
		registration_url: software statements, over mutual TLS.
		registration_page: where a client registers our application, in a browser.
		registration_key: the one key that registrations are sealed with, in base64; only KB's own sandbox has such a
			one (2.4, step 6). Empty for a new key each time.
		authorize_url: CAAS, in a browser.
		token_url: CAAS, for us.
		adaa_url: accounts; with its version.
		adaa_version: `v2` or `v1`.
		batch_url: batches.
		scope: what a client is asked for, blanks between.
		redirect_uri: our registered address to which CAAS sends the client back, for renewals of consents that were given
			before it was kept with them; empty if there are none.
		pkce: whether CAAS takes a code challenge; none was ever seen (2.5).
		refresh_months: how long a consent lasts.
		token_lifetime: seconds of an access token whose answer does not say.
		name_form: how the name of a batch is put into its header: `ascii` without its accents, or raw `utf-8`.
		most_payments: payments that a JSON batch may have.
		most_bytes: bytes that a batch may have.
		history_days: how far back the first read of transactions goes.
		history_minutes: how often unchanged transactions may be read: once in so many minutes.
		history_reads: reads that we allow ourselves in that time without asking; 0 leaves it to the bank, which lets new
			data through at once.
		send_end: whether reads of transactions name their end, which must not lie in the future; without it, it is now.
		balances: whether balances are read.
		nudges: whether KB is asked to tell of new transactions; it has to reach us for that.
		time_zone: the bank's clock.
		max_pages: a list with more pages is taken for a loop.
		throttle_seconds: wait after a 429 that does not say.
		call_timeout: seconds for a whole call with its retries.
		batch_timeout: seconds for the answer to a batch; less than a web worker is given, so that our own word of it is kept.
		max_attempts: how often a read of accounts is sent at most.
		ca_bundle: PEM text of further certificate authorities.
		environment: `Sandbox` allows pages without TLS, and a software statement without a certificate.
	"""

	names: Names = field(default_factory=Names)
	registration_url: str = ""
	registration_page: str = ""
	registration_key: str = field(default="", repr=False)
	authorize_url: str = ""
	token_url: str = ""
	adaa_url: str = ""
	adaa_version: str = "v2"
	batch_url: str = ""
	scope: str = "adaa bpisp"
	redirect_uri: str = ""
	pkce: bool = False
	refresh_months: int = 12
	token_lifetime: int = 180
	name_form: str = "ascii"
	most_payments: int = 100
	most_bytes: int = 16 * 1024 * 1024
	history_days: int = 365
	history_minutes: int = 61
	history_reads: int = 0
	send_end: bool = False
	balances: bool = True
	nudges: bool = True
	time_zone: str = "Europe/Prague"
	max_pages: int = 1000
	throttle_seconds: int = 60
	call_timeout: int = 90
	batch_timeout: int = 90
	max_attempts: int = 3
	ca_bundle: str = ""
	environment: str = "Production"

	@property
	def in_sandbox(self) -> bool:
		"""Whether the provider is one to try things out."""
		return self.environment.lower() == "sandbox"

	@property
	def largest_page(self) -> int:
		"""Rows that a page of transactions may have (4.1)."""
		return _LARGEST_PAGE[self.adaa_version]


def read_settings(values: Mapping[str, str], base_url: str) -> KbSettings:
	"""A provider's settings; empty values mean the default, names of other connectors are ignored.

	Args:
		values: the settings.
		base_url: of KB's gateway, or of what stands in for it.

	Raises:
		ConfigurationError: a value that is not allowed; the message names the setting.
	"""
	read = _Reader(values, base_url)
	default = KbSettings()
	version = read.one_of("adaa_version", ADAA_VERSIONS, default.adaa_version)
	return KbSettings(
		names=read_names(values),
		registration_url=read.url("registration_url"),
		registration_page=read.url("registration_page"),
		registration_key=read.text("registration_key", ""),
		authorize_url=read.url("authorize_url"),
		token_url=read.url("token_url"),
		adaa_url=read.url("adaa_url", version),
		adaa_version=version,
		batch_url=read.url("batch_url"),
		scope=read.scope(default.scope),
		redirect_uri=read.text("redirect_uri", ""),
		pkce=read.flag("pkce", default.pkce),
		refresh_months=read.number("refresh_months", default.refresh_months, least=1, most=120),
		token_lifetime=read.number("token_lifetime", default.token_lifetime, least=1),
		name_form=read.one_of("name_form", NAME_FORMS, default.name_form),
		most_payments=read.number("most_payments", default.most_payments, least=1),
		most_bytes=read.number("most_bytes", default.most_bytes, least=1),
		history_days=read.number("history_days", default.history_days, least=1, most=730),
		history_minutes=read.number("history_minutes", default.history_minutes, least=1),
		history_reads=read.number("history_reads", default.history_reads),
		send_end=read.flag("send_end", default.send_end),
		balances=read.flag("balances", default.balances),
		nudges=read.flag("nudges", default.nudges),
		time_zone=read.text("time_zone", default.time_zone),
		max_pages=read.number("max_pages", default.max_pages, least=1),
		throttle_seconds=read.number("throttle_seconds", default.throttle_seconds),
		call_timeout=read.number("call_timeout", default.call_timeout, least=1),
		batch_timeout=read.number("batch_timeout", default.batch_timeout, least=1, most=300),
		max_attempts=read.number("max_attempts", default.max_attempts, least=1),
		ca_bundle=values.get("ca_bundle") or default.ca_bundle,
		environment=read.text("environment", default.environment),
	)


class _Reader:
	"""Reads one setting at a time; a bad one is named."""

	def __init__(self, values: Mapping[str, str], base_url: str):
		self._values = values
		self._base = base_url.strip().rstrip("/")
		sandbox = self.text("environment", "Production").lower() == "sandbox"
		self._at_kb = _is_kb(self._base) and not sandbox
		# A provider's record holds a host only; KB's sandbox is a folder of KB's gateway (2.1).
		folder = _is_kb(self._base) and sandbox and not urlsplit(self._base).path
		self._folder = _SANDBOX if folder else ""

	def text(self, name: str, default: str) -> str:
		return (self._values.get(name) or "").strip() or default

	def url(self, name: str, version: str = "") -> str:
		usual = (_HOSTS.get(name) if self._at_kb else None) or f"{self._folder}{_BELOW[name]}{version}"
		value = self.text(name, usual)
		if value.startswith("/"):
			value = f"{self._base}{value}"
		try:
			parts = urlsplit(value)
			usable = (
				parts.scheme in ("https", "http")
				and bool(parts.hostname)
				and not (parts.username or parts.query or parts.fragment)
			)
		except ValueError:
			usable = False
		if not usable or not value.isascii() or any(c.isspace() for c in value):
			raise self._bad(name, "must be an address that begins with https://, or a path")
		return value if name == "authorize_url" else value.rstrip("/")

	def scope(self, default: str) -> str:
		found = self.text("scope", default).replace(",", " ").split()
		if not set(found) <= set(SCOPES):
			raise self._bad("scope", f"must be a list of: {', '.join(SCOPES)}")
		return " ".join(dict.fromkeys(found))

	def one_of(self, name: str, allowed: tuple[str, ...], default: str) -> str:
		value = self.text(name, default).lower()
		if value not in allowed:
			raise self._bad(name, f"must be one of: {', '.join(allowed)}")
		return value

	def number(self, name: str, default: int, least: int = 0, most: int = 999_999_999) -> int:
		text = self.text(name, str(default))
		if not (text.isascii() and text.isdigit() and len(text) < 10) or not least <= int(text) <= most:
			raise self._bad(name, f"must be a whole number from {least} to {most}")
		return int(text)

	def flag(self, name: str, default: bool) -> bool:
		value = self.text(name, "yes" if default else "no").lower()
		if value not in ("1", "yes", "true", "0", "no", "false"):
			raise self._bad(name, "must be yes or no")
		return value in ("1", "yes", "true")

	def _bad(self, name: str, why: str) -> ConfigurationError:
		return ConfigurationError(f"The provider's setting {name} {why}.")


def _is_kb(base_url: str) -> bool:
	try:
		host = (urlsplit(base_url).hostname or "").lower()
	except ValueError:
		return False
	return re.search(r"(?:\A|\.)kb\.cz\Z", host) is not None
