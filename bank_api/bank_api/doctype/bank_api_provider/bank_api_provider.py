import re
from datetime import timedelta
from urllib.parse import quote

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils.password import get_decrypted_password

from bank_api.bank_api.rules import button, check_origin
from bank_api.gateway import certificates, providers, reference, setup
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import BadArgument

ROTATION_HOURS = 24
RANGES = {
	"connect_timeout": (1, 60),
	"read_timeout": (1, 300),
	"max_response_mb": (1, 256),
	"page_size": (1, 500),
	"sync_interval_minutes": (1, 10080),
	"sync_overlap_minutes": (0, 10080),
	"stale_after_hours": (1, 8760),
	"consent_days": (1, 3650),
	"webhook_tolerance_hours": (1, 720),
	"sync_overlap_days": (0, 90),
	"consent_months": (0, 60),
}
# What a connector cannot do without.
REQUIRED = {"bridge": ("api_version", "client_id", "client_secret")}


class BankAPIProvider(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		from bank_api.bank_api.doctype.bank_api_provider_contact.bank_api_provider_contact import (
			BankAPIProviderContact,
		)

		account_path: DF.Data | None
		account_types: DF.Literal["payment", "all"]
		api_base_url: DF.Data
		api_key_adaa: DF.Password | None
		api_key_batchda: DF.Password | None
		api_key_oauth2: DF.Password | None
		api_key_registration: DF.Password | None
		api_version: DF.Literal["2025-01-15", "2021-06-01"]
		app_calls_per_5_minutes: DF.Int
		authorize_url: DF.SmallText | None
		authorise_at: DF.SmallText | None
		booking_status: DF.Literal["both", "booked", "all"]
		ca_bundle: DF.SmallText | None
		card_account_path: DF.Data | None
		client_id: DF.Data | None
		client_secret: DF.Password | None
		companies: DF.Code | None
		company_header: DF.Literal["both", "PSU-Corporate-ID", "PSU-ID-Type", "none"]
		connect_timeout: DF.Int
		connector: DF.Literal["bridge", "berlin_group", "quanto", "kb"]
		consent_days: DF.Int
		consent_months: DF.Int
		consent_path: DF.Data | None
		contacts: DF.Table[BankAPIProviderContact]
		country_code: DF.Data | None
		credentials_registered_at: DF.Datetime | None
		default_purpose: DF.SmallText | None
		digest_algorithm: DF.Literal["SHA-256", "SHA-512"]
		directory_client_id: DF.Data | None
		enabled: DF.Check
		environment: DF.Literal["Sandbox", "Production"]
		frequency_per_day: DF.Int
		further_settings: DF.SmallText | None
		history_days: DF.Int
		institution_name: DF.Data | None
		institution_number: DF.Data | None
		key_id_style: DF.Literal["percent_spaces", "raw", "percent_all", "rfc2253", "rfc1779", "openssl"]
		loan_path: DF.Data | None
		max_response_mb: DF.Int
		metadata_url: DF.SmallText | None
		onboarding_link: DF.Password | None
		organization_id: DF.Data | None
		page_size: DF.Int
		payload_retention_days: DF.Int
		payloads_dropped_to: DF.Data | None
		previous_webhook_secret: DF.Password | None
		previous_webhook_secret_until: DF.Datetime | None
		provider_name: DF.Data
		read_timeout: DF.Int
		redirect_uris: DF.SmallText | None
		registered_addresses: DF.SmallText | None
		registered_at: DF.Datetime | None
		registered_scopes: DF.Data | None
		registration_expires_at: DF.Datetime | None
		registration_key: DF.Password | None
		registration_state: DF.Data | None
		resources: DF.Data | None
		scope: DF.Data | None
		setup_state: DF.SmallText | None
		signature_algorithm: DF.Literal["rsa-sha256", "rsa-sha512", "ecdsa-sha256"]
		signed_headers: DF.SmallText | None
		signed_headers_reads: DF.SmallText | None
		signing_certificate: DF.Link | None
		signing_certificate_id: DF.Data | None
		software_id: DF.Data | None
		software_name: DF.Data | None
		software_name_en: DF.Data | None
		software_statement: DF.Password | None
		software_statement_id: DF.Data | None
		stale_after_hours: DF.Int
		statement_expires_at: DF.Datetime | None
		statement_notice: DF.Int
		statement_vendor: DF.Data | None
		sync_interval_minutes: DF.Int
		sync_overlap_days: DF.Int
		sync_overlap_minutes: DF.Int
		time_zone: DF.Data | None
		token_calls_per_minute: DF.Int
		token_url: DF.SmallText | None
		transport_certificate: DF.Link | None
		transport_certificate_id: DF.Data | None
		user_calls_per_minute: DF.Int
		webhook_address: DF.Data | None
		webhook_events: DF.SmallText | None
		webhook_id: DF.Data | None
		webhook_secret: DF.Password | None
		webhook_tested_at: DF.Datetime | None
		webhook_tolerance_hours: DF.Int
		whitelabel: DF.Link | None
		whitelabel_language: DF.Literal["Portuguese (Brazil)", "English", "French", "Czech", "Hebrew"]
	# end: auto-generated types

	@property
	def webhook_address(self) -> str:
		"""What to paste at the provider; empty until the public URL is set."""
		public_url = frappe.db.get_single_value("Bank API Settings", "public_url")
		if not public_url or not self.name:
			return ""
		return f"{public_url}/api/method/bank_api.webhooks.{self.connector}?provider={quote(self.name)}"

	def onload(self):
		"""How far the guided set-up is, for the form's button."""
		if setup.offers(self.connector) and not self.is_new():
			self.set_onload("setup", setup.outline(self.name))

	def validate(self):
		self.api_base_url = check_origin(self.api_base_url or "", _("API Base URL"), loopback_http=True)
		self._check_required()
		self._check_country()
		self._check_ranges()
		self._check_certificates()
		self._check_own_certificates()
		self._keep_previous_secret()

	def on_update(self):
		"""What is kept of the provider's answers may be another version's or another application's."""
		reference.forget(self.name)

	def _check_required(self):
		for fieldname in REQUIRED.get(self.connector, ()):
			if not self.get(fieldname):
				label = _(self.meta.get_label(fieldname))
				frappe.throw(_("{0} is missing.").format(label), frappe.MandatoryError)

	def _check_country(self):
		self.country_code = (self.country_code or "").strip().upper()
		if self.country_code and not re.fullmatch(r"[A-Z]{2}", self.country_code):
			frappe.throw(_("The country is a code of two letters, such as FR."))

	def _check_ranges(self):
		for fieldname, (low, high) in RANGES.items():
			if not low <= frappe.utils.cint(self.get(fieldname)) <= high:
				label = _(self.meta.get_label(fieldname))
				frappe.throw(_("{0} must lie between {1} and {2}.").format(label, low, high))

	def _check_certificates(self):
		text = (self.ca_bundle or "").strip()
		if text and ("-----BEGIN CERTIFICATE-----" not in text or "PRIVATE KEY" in text):
			frappe.throw(_("Enter certificates in PEM form, without a private key."))

	def _check_own_certificates(self):
		"""Only what is newly chosen is judged: a provider whose certificate has ended can still be changed."""
		moved = self.has_value_changed("environment")
		for usage, fieldname in certificates.PROVIDER_FIELD.items():
			if self.get(fieldname) and (moved or self.has_value_changed(fieldname)):
				try:
					certificates.require_usable(self.get(fieldname), usage, self.environment)
				except BadArgument as error:
					frappe.throw(error.message)

	def _keep_previous_secret(self):
		"""A new webhook secret does not invalidate the one before it at once (DESIGN, two for rotation)."""
		if self.is_new() or not self.webhook_secret or self.is_dummy_password(self.webhook_secret):
			return
		previous = get_decrypted_password(self.doctype, self.name, "webhook_secret", raise_exception=False)
		if previous and previous != self.webhook_secret:
			self.previous_webhook_secret = previous
			self.previous_webhook_secret_until = site_now() + timedelta(hours=ROTATION_HOURS)

	@frappe.whitelist(methods=["POST"])
	@button
	def rotate_webhook_secret(self, secret: str) -> None:
		"""Put a new webhook secret in place; the one before it stays valid for a day."""
		provider = frappe.get_doc("Bank API Provider", self.name)
		provider.webhook_secret = secret.strip()
		provider.save()

	@frappe.whitelist(methods=["POST"])
	@button
	def test_connection(self) -> dict:
		"""Ask the provider for its categories with the stored credentials; a failure says what is wrong."""
		return providers.test_connection(self.name)
