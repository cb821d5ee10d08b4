"""Every name of Quanto's own interface, in one table: paths, headers, fields, parameters, words, events.

None of it is published; the defaults are the protocol file's proposal (quanto_ofb.md, 2.3). Once the real names are known,
each is put into the provider record as a line `name.<key> = value`, and no code changes. What is Open Finance Brasil's own
(bodies of consents and data, permissions, query parameters) is exact and not here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bank_api.connectors import name_table
from bank_api.connectors.errors import ConfigurationError

PREFIX = name_table.PREFIX

_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~-]+|\{[a-z]+\}))+\Z", re.ASCII)
_SEGMENTS = re.compile(r"[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*\Z", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}\Z", re.ASCII)
_WORD = re.compile(r"[\x21-\x7e]{1,80}\Z", re.ASCII)
_PLACEHOLDER = re.compile(r"\{[a-z]+\}")
_MAY_BE_EMPTY = frozenset({"auth_prefix"})


@dataclass(frozen=True, slots=True)
class Names:
	"""The table. The beginning of a key tells its kind: `path_`, `header_`, `field_`, `api_`, `query_`, `event_`, `word_`.

	Attributes of several kinds that need a word:
		auth_header: header that carries the API key.
		auth_prefix: what stands before the key, a blank between; empty for the bare key.
		api_accounts: and its like: what stands between a consent's path and the rest of the Open Finance path.
		api_resources: the list of resources, which has no rest.
		codes_api_key: error codes, comma-separated, that speak of the API key and not of a consent.
		codes_in_use: error codes of a set-up that is not complete.
		codes_level: of a certificate that belongs to the other level, transport or signing; and its like: what is wrong with
			one that is uploaded.
	"""

	auth_header: str = "Authorization"
	auth_prefix: str = "Bearer"
	header_interaction: str = "x-fapi-interaction-id"
	header_timestamp: str = "X-Quanto-Timestamp"
	header_signature: str = "X-Quanto-Signature"

	path_onboarding: str = "/onboarding/{token}"
	path_certificates: str = "/v1/certificates"
	path_certificate: str = "/v1/certificates/{certificate}"
	path_credentials: str = "/v1/credentials"
	path_whitelabel: str = "/v1/whitelabel/{product}"
	path_webhooks: str = "/v1/webhooks"
	path_webhook: str = "/v1/webhooks/{webhook}"
	path_webhook_test: str = "/v1/webhooks/{webhook}/test"
	path_sessions: str = "/v1/sessions"
	path_session: str = "/v1/sessions/{session}"
	path_consents: str = "/v1/consents"
	path_consent: str = "/v1/consents/{consent}"
	path_extends: str = "/v1/consents/{consent}/extends"
	path_extensions: str = "/v1/consents/{consent}/extensions"

	api_resources: str = "resources"
	api_customers: str = "customers"
	api_accounts: str = "accounts"
	api_cards: str = "credit-cards-accounts"
	api_loans: str = "loans"
	api_financings: str = "financings"
	api_invoice_financings: str = "invoice-financings"
	api_overdrafts: str = "unarranged-accounts-overdraft"

	query_session: str = "sessionId"

	field_institution_name: str = "name"
	field_institution_cnpj: str = "cnpj"
	field_contacts: str = "contacts"
	field_contact_kind: str = "type"
	field_contact_name: str = "name"
	field_contact_email: str = "email"
	field_contact_phone: str = "phone"
	field_onboarding_institution: str = "institution"
	field_api_key_id: str = "apiKeyId"
	field_api_key: str = "apiKey"

	field_certificate_id: str = "certificateId"
	field_certificate_type: str = "type"
	field_certificate: str = "certificate"
	field_private_key: str = "privateKey"
	field_subject: str = "subject"
	field_serial: str = "serial"
	field_not_after: str = "notAfter"
	field_fingerprint: str = "fingerprintSha256"

	field_organization_id: str = "organizationId"
	field_software_statement_id: str = "softwareStatementId"
	field_client_id: str = "clientId"
	field_redirect_uris: str = "redirectUris"

	field_logo: str = "logoUrl"
	field_colors: str = "colors"
	field_fonts: str = "fonts"
	field_font: str = "family"
	field_texts: str = "texts"
	field_theme_purpose: str = "purpose"

	field_webhook_id: str = "webhookId"
	field_webhook_url: str = "url"
	field_webhook_events: str = "events"
	field_webhook_secret: str = "secret"
	field_webhook_active: str = "active"

	field_session_id: str = "sessionId"
	field_session_url: str = "url"
	field_session_expires_at: str = "expiresAt"
	field_session_status: str = "status"
	field_session_consents: str = "consents"
	field_logged_user: str = "loggedUser"
	field_business_entity: str = "businessEntity"
	field_purpose: str = "purpose"
	field_permissions: str = "permissions"
	field_expiration: str = "expirationDateTime"
	field_external_id: str = "externalId"
	field_redirect_uri: str = "redirectUri"
	field_language: str = "language"
	field_preselected_bank: str = "authorisationServerId"

	field_consent_session: str = "sessionId"
	field_institution: str = "institution"
	field_bank_id: str = "authorisationServerId"
	field_bank_organisation: str = "organisationId"
	field_bank_name: str = "name"

	field_event_id: str = "eventId"
	field_event: str = "event"
	field_occurred_at: str = "occurredAt"
	field_event_session: str = "sessionId"
	field_event_consent: str = "consentId"
	field_error_field: str = "field"

	word_transport: str = "TRANSPORT"
	word_signature: str = "SIGNATURE"
	word_session_created: str = "CREATED"
	word_session_in_progress: str = "IN_PROGRESS"
	word_session_finished: str = "FINISHED"
	word_session_abandoned: str = "ABANDONED"
	word_session_expired: str = "EXPIRED"
	word_product_sharing: str = "tsp"
	word_product_consents: str = "consent-management"

	event_sharing: str = "sharing.completed"
	event_sharing_multiple: str = "sharing.completed.multiple_approval"
	event_revoked: str = "sharing.revoked"
	event_ping: str = "ping"

	codes_api_key: str = "CHAVE_DE_API_INVALIDA,API_KEY_MISSING,API_KEY_INVALID,API_KEY_UNKNOWN,API_KEY_REVOKED,INVALID_API_KEY"
	codes_level: str = "CERTIFICADO_NO_NIVEL_ERRADO"
	codes_key: str = "CHAVE_NAO_CORRESPONDE,CHAVE_ILEGIVEL,CHAVE_FRACA"
	codes_validity: str = "CERTIFICADO_FORA_DA_VALIDADE"
	codes_issuer: str = "AC_NAO_CONFIAVEL"
	codes_identity: str = "ORGANIZACAO_DIVERGENTE,SOFTWARE_STATEMENT_DIVERGENTE"
	codes_profile: str = "PERFIL_INVALIDO,USO_DE_CHAVE_INVALIDO,ALGORITMO_INVALIDO,CERTIFICADO_ILEGIVEL"
	codes_in_use: str = "SETUP_INCOMPLETE,CERTIFICATES_MISSING,CREDENTIALS_MISSING"


def read_names(values: Mapping[str, str]) -> Names:
	"""The table with what a provider's settings change: their keys begin with `name.`.

	Raises:
		ConfigurationError: a key that is not in the table, or a value that cannot be meant; the message names the setting.
	"""
	return name_table.changed(Names(), values, _check)


def _check(key: str, value: str) -> None:
	if not value and key in _MAY_BE_EMPTY:
		return
	kind = key.partition("_")[0]
	form = {"path": _PATH, "api": _SEGMENTS, "header": _HEADER}.get(
		kind, _HEADER if key == "auth_header" else _WORD
	)
	if not form.match(value):
		raise ConfigurationError(f"The provider's setting {PREFIX}{key} has a form that no request can have.")
	if kind == "path" and _placeholders(value) != _placeholders(getattr(Names(), key)):
		wanted = ", ".join(sorted(_placeholders(getattr(Names(), key)))) or "none"
		raise ConfigurationError(
			f"The provider's setting {PREFIX}{key} must have these placeholders: {wanted}."
		)


def _placeholders(path: str) -> set[str]:
	return set(_PLACEHOLDER.findall(path))
