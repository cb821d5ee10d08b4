import secrets

import frappe
from frappe.model.document import Document


class BankAPIConnectRequest(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		bank: DF.Data | None
		base_url: DF.Data | None
		client: DF.Link | None
		completed_at: DF.Datetime | None
		consent: DF.Link | None
		end_user: DF.Link | None
		expires_at: DF.Datetime | None
		item: DF.Link | None
		kind: DF.Literal["Connect", "Edit", "SCA", "Pro"]
		link: DF.SmallText | None
		message: DF.SmallText | None
		next_check_at: DF.Datetime | None
		permissions: DF.SmallText | None
		provider: DF.Link | None
		purpose: DF.SmallText | None
		redirect_url: DF.SmallText | None
		replaces: DF.Link | None
		returned_at: DF.Datetime | None
		returned_item_id: DF.Data | None
		returned_success: DF.Check
		session_hash: DF.Data | None
		session_id: DF.Password | None
		session_status: DF.Data | None
		state_hash: DF.Data | None
		status: DF.Literal["Pending", "Returned", "Completed", "Failed", "Expired"]
		step: DF.Data | None
		webhook_url: DF.SmallText | None
	# end: auto-generated types

	def autoname(self):
		"""The name is the request id that the client site gets: unguessable."""
		self.name = secrets.token_hex(16)


def on_doctype_update():
	frappe.db.add_index("Bank API Connect Request", ["status", "expires_at"], "status_expires_at")
