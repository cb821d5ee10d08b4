import re

import frappe
from frappe import _
from frappe.model.document import Document

from bank_api.bank_api.rules import button, check_origin, check_url
from bank_api.gateway import clients, relay

SITE_KEY = re.compile(r"[a-z0-9]([a-z0-9.-]{0,138}[a-z0-9])?")
CLIENT_ROLE = "Bank API Client"
AUTOMATIC_ROLES = ("All", "Guest", "Desk User")


class BankAPIClient(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		from bank_api.bank_api.doctype.bank_api_client_provider.bank_api_client_provider import (
			BankAPIClientProvider,
		)

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
		webhook_hold_until: DF.Datetime | None
		webhook_secret: DF.Password | None
		webhook_url: DF.Data | None
		whitelabel: DF.Link | None
	# end: auto-generated types

	def validate(self):
		self._check_site()
		self._check_addresses()
		self._check_providers()
		self._check_user()
		if not self.client_name:
			self.client_name = self.site

	def before_save(self):
		self._keep_relay_state()

	def _keep_relay_state(self):
		"""The relay writes these columns while a form is open; a save must not put old values back."""
		if self.is_new():
			return
		fields = "event_sequence, webhook_failing_since, webhook_hold_until, webhook_disabled, webhook_disabled_reason"
		row = frappe.db.sql(
			f"SELECT {fields} FROM `tabBank API Client` WHERE name = %s FOR UPDATE", self.name, as_dict=True
		)[0]
		self.event_sequence = row.event_sequence
		self.webhook_failing_since, self.webhook_hold_until = (
			row.webhook_failing_since,
			row.webhook_hold_until,
		)
		before = self.get_doc_before_save()
		if self.webhook_disabled and not row.webhook_disabled:
			self.webhook_disabled_reason = self.webhook_disabled_reason or _("Disabled by hand.")
		moved = before is not None and before.webhook_url != self.webhook_url
		if moved or (row.webhook_disabled and not self.webhook_disabled):
			# Another address, or a person who says that it works again: the endpoint starts with a clean slate.
			self.webhook_failing_since = self.webhook_hold_until = None
		if not self.webhook_disabled:
			self.webhook_disabled_reason = None

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
		if self.user in ("Administrator", "Guest") or set(frappe.get_roles(self.user)) - {
			CLIENT_ROLE,
			*AUTOMATIC_ROLES,
		}:
			frappe.throw(_("The API user must hold no role but Bank API Client."))
		if frappe.db.exists("Bank API Client", {"user": self.user, "name": ("!=", self.name)}):
			frappe.throw(_("This API user belongs to another client."))

	@frappe.whitelist(methods=["POST"])
	@button
	def create_key_pair(self) -> dict:
		"""New API key, API secret and webhook secret; they can be read in this one answer and never again."""
		return clients.issue_keys(self.name)

	@frappe.whitelist(methods=["POST"])
	@button
	def revoke_keys(self) -> None:
		"""Make the client's API keys useless at once."""
		clients.revoke_keys(self.name)

	@frappe.whitelist(methods=["POST"])
	@button
	def send_test_webhook(self) -> str:
		"""Queue a test event to the client's webhook address; returns the name of the delivery."""
		return relay.ping(self.name)
