import re

import frappe
from frappe import _
from frappe.model.document import Document

from bank_api.bank_api.rules import check_origin, check_url, require_manager

SITE_KEY = re.compile(r"[a-z0-9]([a-z0-9.-]{0,138}[a-z0-9])?")
CLIENT_ROLE = "Bank API Client"
AUTOMATIC_ROLES = ("All", "Guest", "Desk User")


class BankAPIClient(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from bank_api.bank_api.doctype.bank_api_client_provider.bank_api_client_provider import BankAPIClientProvider
		from frappe.types import DF

		allowed_origins: DF.SmallText | None
		allowed_providers: DF.Table[BankAPIClientProvider]
		base_url: DF.Data | None
		client_name: DF.Data
		enabled: DF.Check
		event_sequence: DF.Int
		language: DF.Link | None
		previous_webhook_secret: DF.Password | None
		previous_webhook_secret_until: DF.Datetime | None
		site: DF.Data
		user: DF.Link | None
		webhook_disabled: DF.Check
		webhook_disabled_reason: DF.SmallText | None
		webhook_failing_since: DF.Datetime | None
		webhook_secret: DF.Password | None
		webhook_url: DF.Data | None
	# end: auto-generated types
	def validate(self):
		self._check_site()
		self._check_addresses()
		self._check_providers()
		self._check_user()
		if not self.client_name:
			self.client_name = self.site

	def _check_site(self):
		self.site = (self.site or "").strip()
		if not SITE_KEY.fullmatch(self.site):
			frappe.throw(_("The site key consists of lower-case letters, digits, dots and hyphens."))

	def _check_addresses(self):
		if self.base_url:
			self.base_url = check_origin(self.base_url, _("Base URL"))
		if self.webhook_url:
			self.webhook_url = self.webhook_url.strip()
			check_url(self.webhook_url, _("Webhook URL"))
		lines = [line.strip() for line in (self.allowed_origins or "").splitlines()]
		origins = [check_origin(line, _("Allowed Origins")) for line in lines if line]
		self.allowed_origins = "\n".join(dict.fromkeys(origins))

	def _check_providers(self):
		providers = [row.provider for row in self.allowed_providers]
		if len(providers) != len(set(providers)):
			frappe.throw(_("A provider is listed twice."))

	def _check_user(self):
		"""Keys are made for this user, so it must never be one that can do more than call the API."""
		if not self.user:
			return
		if self.user in ("Administrator", "Guest") or set(frappe.get_roles(self.user)) - {CLIENT_ROLE, *AUTOMATIC_ROLES}:
			frappe.throw(_("The API user must hold no role but Bank API Client."))
		if frappe.db.exists("Bank API Client", {"user": self.user, "name": ("!=", self.name)}):
			frappe.throw(_("This API user belongs to another client."))

	@frappe.whitelist(methods=["POST"])
	def create_key_pair(self) -> dict:
		"""New API key, API secret and webhook secret; they can be read in this one answer and never again."""
		require_manager()
		from bank_api.gateway import clients

		return clients.issue_keys(self.name)

	@frappe.whitelist(methods=["POST"])
	def revoke_keys(self) -> None:
		"""Make the client's API keys useless at once."""
		require_manager()
		from bank_api.gateway import clients

		clients.revoke_keys(self.name)

	@frappe.whitelist(methods=["POST"])
	def send_test_webhook(self) -> str:
		"""Queue a test event to the client's webhook address; returns the name of the delivery."""
		require_manager()
		from bank_api.gateway import relay

		return relay.ping(self.name)
