"""Setting us up at Quanto: onboarding, certificates, credentials, whitelabel, webhooks (seed, steps 2.1 to 2.5; 2.3)."""

import contextlib
from collections.abc import Callable
from typing import Any

from bank_api.connectors import values, verbatim
from bank_api.connectors.errors import InvalidRequest, NotFound
from bank_api.connectors.model import KeyPair, Secret
from bank_api.connectors.onboarding import (
	ApiKey,
	Credentials,
	Institution,
	Subscription,
	Theme,
	UploadedCertificate,
)
from bank_api.connectors.quanto import documents, webhooks
from bank_api.connectors.quanto.client import QuantoClient
from bank_api.connectors.quanto.names import Names
from bank_api.connectors.quanto.parsing import needed, text_of, texts_of
from bank_api.connectors.quanto.refusals import About

TRANSPORT, SIGNING = "Transport", "Signing"
_SETUP = About.SETUP


def onboard(client: QuantoClient, link: str, institution: Institution) -> ApiKey:
	"""See `SetupConnector.onboard`. Never repeated by itself: the link serves once."""
	names = client.names
	if not institution.contacts:
		raise InvalidRequest("The onboarding form needs at least one contact.")
	contacts = [
		{
			names.field_contact_kind: contact.kind,
			names.field_contact_name: contact.name,
			names.field_contact_email: contact.email,
			**({names.field_contact_phone: contact.phone} if contact.phone else {}),
		}
		for contact in institution.contacts
	]
	own = {
		names.field_institution_name: institution.name,
		names.field_institution_cnpj: documents.cnpj(Secret(institution.registration_number)),
	}
	answer = client.form(link, {names.field_onboarding_institution: own, names.field_contacts: contacts})
	return ApiKey(
		needed(answer, names.field_api_key_id, "id of the API key"),
		Secret(needed(answer, names.field_api_key, "API key")),
	)


def upload_certificate(client: QuantoClient, usage: str, pair: KeyPair) -> UploadedCertificate:
	"""See `SetupConnector.upload_certificate`."""
	names = client.names
	body = {
		names.field_certificate_type: _type_of(names, usage),
		names.field_certificate: pair.chain,
		names.field_private_key: pair.key.reveal(),
	}
	row, _ = client.object("POST", names.path_certificates, _SETUP, body=body)
	return _certificate(names, row, usage)


def certificates(client: QuantoClient) -> list[UploadedCertificate]:
	"""See `SetupConnector.certificates`: a list, or an object with a list in `data`."""
	text = client.call("GET", client.names.path_certificates, _SETUP).text()
	rows = (
		verbatim.elements(text)
		if text.lstrip().startswith("[")
		else verbatim.read_list(text, "data").resources
	)
	return [_certificate(client.names, row, "") for row, _ in rows]


def delete_certificate(client: QuantoClient, certificate_id: str) -> None:
	"""See `SetupConnector.delete_certificate`."""
	with contextlib.suppress(NotFound):
		client.call("DELETE", client.names.path_certificate, _SETUP, ids={"certificate": certificate_id})


def register_credentials(client: QuantoClient, credentials: Credentials) -> None:
	"""See `SetupConnector.register_credentials`."""
	names = client.names
	body: dict[str, Any] = {
		names.field_organization_id: credentials.organization_id,
		names.field_software_statement_id: credentials.software_statement_id,
		names.field_client_id: credentials.client_id,
	}
	if credentials.redirect_uris:
		body[names.field_redirect_uris] = list(credentials.redirect_uris)
	client.call("PUT", names.path_credentials, _SETUP, body=body)


def credentials(client: QuantoClient) -> Credentials | None:
	"""See `SetupConnector.credentials`."""
	names = client.names
	row = _if_known(lambda: client.object("GET", names.path_credentials, _SETUP)[0])
	if row is None or not text_of(row, names.field_organization_id):
		return None
	return Credentials(
		text_of(row, names.field_organization_id),
		text_of(row, names.field_software_statement_id),
		text_of(row, names.field_client_id),
		texts_of(row, names.field_redirect_uris),
	)


def products(names: Names) -> tuple[str, ...]:
	"""See `SetupConnector.products`: the two of the seed (2.4)."""
	return names.word_product_sharing, names.word_product_consents


def put_theme(client: QuantoClient, product: str, theme: Theme) -> None:
	"""See `SetupConnector.put_theme`."""
	names = client.names
	if product not in products(names):
		raise InvalidRequest("The provider has no page of this name that takes a theme.")
	body: dict[str, Any] = {
		names.field_logo: theme.logo,
		names.field_colors: dict(theme.colors),
		names.field_fonts: {names.field_font: theme.font} if theme.font else {},
		names.field_texts: dict(theme.texts),
		names.field_theme_purpose: theme.purpose,
	}
	client.call("PUT", names.path_whitelabel, _SETUP, ids={"product": product}, body=body)


def put_webhook(client: QuantoClient, webhook_id: str, subscription: Subscription) -> str:
	"""See `SetupConnector.put_webhook`: a new one, or the one of this id, which stays."""
	names = client.names
	unknown = sorted(set(subscription.events) - set(webhooks.sharing_events(names)))
	if unknown or not subscription.events:
		raise InvalidRequest("A webhook is sent for at least one of the provider's events.")
	body: dict[str, Any] = {
		names.field_webhook_url: subscription.url,
		names.field_webhook_events: list(subscription.events),
		names.field_webhook_secret: subscription.secret.reveal(),
		names.field_webhook_active: subscription.active,
	}
	if webhook_id:
		client.call("PUT", names.path_webhook, _SETUP, ids={"webhook": webhook_id}, body=body)
		return webhook_id
	row, _ = client.object("POST", names.path_webhooks, _SETUP, body=body)
	return needed(row, names.field_webhook_id, "webhook's id")


def webhook(client: QuantoClient, webhook_id: str) -> Subscription | None:
	"""See `SetupConnector.webhook`."""
	names = client.names
	row = _if_known(lambda: client.object("GET", names.path_webhook, _SETUP, ids={"webhook": webhook_id})[0])
	if row is None:
		return None
	return Subscription(
		url=needed(row, names.field_webhook_url, "webhook's address"),
		events=texts_of(row, names.field_webhook_events),
		secret=Secret(""),
		active=row.get(names.field_webhook_active) is not False,
	)


def delete_webhook(client: QuantoClient, webhook_id: str) -> None:
	"""See `SetupConnector.delete_webhook`."""
	with contextlib.suppress(NotFound):
		client.call("DELETE", client.names.path_webhook, _SETUP, ids={"webhook": webhook_id})


def ping_webhook(client: QuantoClient, webhook_id: str) -> None:
	"""See `SetupConnector.ping_webhook`."""
	client.call("POST", client.names.path_webhook_test, _SETUP, ids={"webhook": webhook_id}, body={})


def check(client: QuantoClient) -> None:
	"""See `Connector.check`: reads the credentials, which proves the API key; that none are told yet is no fault."""
	credentials(client)


def _type_of(names: Names, usage: str) -> str:
	if usage not in (TRANSPORT, SIGNING):
		raise InvalidRequest("A certificate is for transport or for signing.")
	return names.word_transport if usage == TRANSPORT else names.word_signature


def _certificate(names: Names, row: dict[str, Any], usage: str) -> UploadedCertificate:
	word = text_of(row, names.field_certificate_type).upper()
	usages = {names.word_transport.upper(): TRANSPORT, names.word_signature.upper(): SIGNING}
	return UploadedCertificate(
		certificate_id=needed(row, names.field_certificate_id, "certificate's id"),
		usage=usages.get(word, usage),
		subject=text_of(row, names.field_subject),
		serial=str(row.get(names.field_serial) or ""),
		not_after=values.instant(row.get(names.field_not_after)),
		fingerprint=text_of(row, names.field_fingerprint).replace(":", "").lower(),
	)


def _if_known(read: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
	try:
		return read()
	except NotFound:
		return None
