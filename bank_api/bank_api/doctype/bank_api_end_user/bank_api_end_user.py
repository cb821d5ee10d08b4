import frappe
from frappe.model.document import Document

from bank_api.bank_api.rules import button
from bank_api.gateway import end_users
from bank_api.gateway.ids import row_name


class BankAPIEndUser(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		access_token: DF.Password | None
		client: DF.Link
		email: DF.Data | None
		erased: DF.Check
		external_user_id: DF.Data | None
		provider: DF.Link
		provider_user_id: DF.Data | None
		token_expires_at: DF.Datetime | None
		user: DF.Data
	# end: auto-generated types

	def autoname(self):
		self.name = row_name()

	@frappe.whitelist(methods=["POST"])
	@button
	def erase(self) -> None:
		"""Delete everything held of this end user, here and at the provider."""
		end_users.erase(self.name)


def on_doctype_update():
	frappe.db.add_unique("Bank API End User", ["client", "provider", "user"], "unique_end_user")
