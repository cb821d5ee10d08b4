import frappe
from frappe.model.document import Document

from bank_api.bank_api.rules import button
from bank_api.gateway import consents
from bank_api.gateway.ids import row_name


class BankAPIConsent(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		access_token: DF.Password | None
		account_references: DF.SmallText | None
		announced: DF.Data | None
		approval: DF.Literal["Single", "Pending", "Approved", "Refused"]
		authorisation_code: DF.Password | None
		authorisations: DF.Code | None
		authorised_at: DF.Datetime | None
		bank_id: DF.Data | None
		bank_name: DF.Data | None
		client: DF.Link | None
		code_verifier: DF.Password | None
		company: DF.Data | None
		end_reason: DF.Literal[
			"", "Not Given in Time", "Refused", "Revoked", "Expired", "Replaced", "Technical", "Security"
		]
		end_user: DF.Link | None
		ended_at: DF.Datetime | None
		ended_by: DF.Literal["", "End User", "Bank", "Client"]
		expires_at: DF.Datetime | None
		frequency_per_day: DF.Int
		granted_at: DF.Datetime | None
		item: DF.Link | None
		kind: DF.Literal["Bank Offered", "Detailed"]
		last_access_at: DF.Datetime | None
		last_error: DF.SmallText | None
		metadata_url: DF.SmallText | None
		next_check_at: DF.Datetime | None
		payload: DF.Code | None
		permissions: DF.SmallText | None
		provider: DF.Link | None
		provider_consent_id: DF.Data | None
		provider_status: DF.Data | None
		purpose: DF.SmallText | None
		recurring: DF.Check
		refresh_expires_at: DF.Datetime | None
		refresh_token: DF.Password | None
		renew_after: DF.Datetime | None
		renewal_failed_at: DF.Datetime | None
		renewing_since: DF.Datetime | None
		replaces: DF.Link | None
		request: DF.Link | None
		requested_valid_until: DF.Date | None
		state: DF.Literal["Created", "Waiting", "Active", "Suspended", "Needs Authorisation", "Ended"]
		token_expires_at: DF.Datetime | None
		token_issued_at: DF.Datetime | None
		token_thumbprint: DF.Data | None
		valid_until: DF.Date | None
		withdrawing_since: DF.Datetime | None
	# end: auto-generated types

	def autoname(self):
		self.name = row_name()

	@frappe.whitelist(methods=["POST"])
	@button
	def check(self) -> None:
		"""Read the consent again at the provider."""
		consents.check(self.name)

	@frappe.whitelist(methods=["POST"])
	@button
	def renew_token(self) -> None:
		"""Ask for a new pair of tokens now."""
		consents.renew(self.name)

	@frappe.whitelist(methods=["POST"])
	@button
	def revoke(self) -> None:
		"""Withdraw the consent at the provider; data held here is deleted."""
		consents.delete(self.name)


def on_doctype_update():
	frappe.db.add_unique("Bank API Consent", ["provider", "provider_consent_id"], "unique_consent")
	frappe.db.add_index("Bank API Consent", ["state", "renew_after"], "state_renew_after")
	frappe.db.add_index("Bank API Consent", ["next_check_at"], "next_check_at")
