"""Configured providers: from the Bank API Provider record to a connector that is ready to speak."""

from typing import Any

import frappe
from frappe import _
from frappe.utils import cint
from frappe.utils.password import get_decrypted_password

from bank_api.connectors.base import Connector
from bank_api.connectors.errors import ProviderError
from bank_api.connectors.model import KeyPair, ProviderConfig, RateLimits, Secret
from bank_api.connectors.record_settings import fields_of
from bank_api.connectors.registry import connector_for
from bank_api.gateway import certificates, refusals
from bank_api.gateway.clients import ClientContext
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import NotConfigured, UnknownObject
from bank_api.gateway.ledger import RedisLedger

DOCTYPE = "Bank API Provider"
FURTHER_SECRETS = ("api_key_registration", "api_key_oauth2", "api_key_adaa", "api_key_batchda")

# One connector (and its HTTP session) a process, site and state of the record.
_connectors: dict[tuple[str, str], tuple[str, Connector]] = {}


def config_of(provider: str) -> ProviderConfig:
	"""What a connector needs to know of a provider.

	Args:
		provider: name of the Bank API Provider.

	Raises:
		NotConfigured: there is no such provider, or its secret is missing or cannot be decrypted.
	"""
	row = frappe.db.get_value(DOCTYPE, provider, "*", as_dict=True)
	if not row:
		raise NotConfigured()
	return ProviderConfig(
		name=row.name,
		connector=row.connector,
		api_version=row.api_version,
		base_url=(row.api_base_url or "").strip().rstrip("/"),
		client_id=(row.client_id or "").strip(),
		client_secret=Secret(_password(provider, "client_secret").strip()),
		connect_timeout=row.connect_timeout or 5,
		read_timeout=row.read_timeout or 30,
		max_response_bytes=(cint(row.max_response_mb) or 16) * 1024 * 1024,
		limits=RateLimits(
			app_calls=cint(row.app_calls_per_5_minutes),
			user_calls=cint(row.user_calls_per_minute),
			token_calls=cint(row.token_calls_per_minute),
		),
		page_size=cint(row.page_size) or 500,
		settings=_settings(row),
		transport=_key_pair(row.transport_certificate),
		signing=_key_pair(row.signing_certificate),
		secrets=_secrets(provider, row),
	)


def _secrets(provider: str, row: Any) -> dict[str, Secret]:
	"""Further secrets of the record, by the names of their fields."""
	return {name: Secret(_password(provider, name).strip()) for name in FURTHER_SECRETS if row.get(name)}


def _key_pair(certificate: str | None) -> KeyPair | None:
	return certificates.key_pair(certificate) if certificate else None


def _settings(row: Any) -> dict[str, str]:
	"""The connector-specific settings: those that are filled in, as text."""
	known = {name: str(row.get(name)) for name in fields_of(row.connector) if row.get(name)}
	return _further(row.further_settings) | known


def _further(text: str | None) -> dict[str, str]:
	"""Settings without a field of their own, a line each."""
	pairs = (line.partition("=") for line in (text or "").splitlines() if not line.lstrip().startswith("#"))
	return {name.strip(): value.strip() for name, sign, value in pairs if sign and name.strip()}


def _password(provider: str, fieldname: str) -> str:
	try:
		return get_decrypted_password(DOCTYPE, provider, fieldname, raise_exception=False) or ""
	except frappe.ValidationError as error:  # the site's encryption key is another one than when it was saved
		raise NotConfigured(
			_("A stored secret of the provider cannot be read. Its operator has to enter it again.")
		) from error


def connector(provider: str) -> Connector:
	"""The connector of a provider; kept by the process until the record, or a certificate of it, changes.

	Raises:
		NotConfigured: there is no such provider, or it is not set up.
		ConfigurationError: the connector does not know the configured API version.
	"""
	state = _state(provider)
	key = (frappe.local.site, provider)
	known = _connectors.get(key)
	if known and known[0] == state:
		return known[1]
	fresh = connector_for(config_of(provider), RedisLedger(provider))
	_connectors[key] = (state, fresh)
	return fresh


def _state(provider: str) -> str:
	"""Changes whenever a connector has to be built anew."""
	rows = frappe.db.sql(
		f"""SELECT p.modified, transport.modified, signing.modified FROM `tab{DOCTYPE}` p
		LEFT JOIN `tab{certificates.DOCTYPE}` transport ON transport.name = p.transport_certificate
		LEFT JOIN `tab{certificates.DOCTYPE}` signing ON signing.name = p.signing_certificate
		WHERE p.name = %s""",
		(provider,),
	)
	return str(rows)


def test_connection(provider: str) -> dict[str, str]:
	"""Make a harmless call with the stored credentials, for the button on the provider's form.

	Returns:
		`message`: what came of it, in words.

	Raises:
		GatewayError: the provider refuses the credentials, or cannot be reached.
	"""
	try:
		connector(provider).check()
	except ProviderError as error:
		refusals.note(error, provider=provider)
		raise refusals.for_manager(error) from error
	return {"message": _("The provider accepts the credentials.")}


def webhook_secrets(provider: str) -> list[Secret]:
	"""The secrets that may have signed a webhook now: the current one, and during rotation the one before."""
	secrets = [Secret(_password(provider, "webhook_secret"))]
	until = frappe.db.get_value(DOCTYPE, provider, "previous_webhook_secret_until")
	if until and until > site_now():
		secrets.append(Secret(_password(provider, "previous_webhook_secret")))
	return [secret for secret in secrets if secret]


def default_provider(client: ClientContext, connector_key: str) -> str:
	"""The enabled provider of a connector that a client uses when it names none.

	Raises:
		NotConfigured: there is none.
	"""
	for name in _usable(client, connector_key):
		return name
	raise NotConfigured(_("No provider is enabled for this client. Ask the operator of the gateway."))


def resolve(client: ClientContext, connector_key: str, provider: str | None = None) -> str:
	"""The provider that a call is for.

	Args:
		client: who calls.
		connector_key: connector of the API module that is called.
		provider: name of a Bank API Provider, if the call names one.

	Raises:
		UnknownObject: no such provider for this client.
		NotConfigured: none is named and none is enabled.
	"""
	if not provider:
		return default_provider(client, connector_key)
	if provider not in _usable(client, connector_key):
		raise UnknownObject()
	return provider


def _usable(client: ClientContext, connector_key: str) -> list[str]:
	"""Enabled providers of a connector that a client may use: those it lists, in its order, or all."""
	# Plain SQL: get_all costs as much again as all the rest of a small read.
	rows = frappe.db.sql(
		f"SELECT name FROM `tab{DOCTYPE}` WHERE connector = %s AND enabled = 1 ORDER BY name",
		(connector_key,),
	)
	enabled = [row[0] for row in rows]
	if not client.allowed_providers:
		return enabled
	return [name for name in client.allowed_providers if name in enabled]
