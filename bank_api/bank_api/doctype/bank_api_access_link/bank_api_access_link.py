import frappe
from frappe.model.document import Document

from bank_api.gateway.ids import row_name
from bank_api.gateway.retention import delete_older_than


class BankAPIAccessLink(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		actions: DF.Int
		client: DF.Link | None
		expires_at: DF.Datetime | None
		language: DF.Data | None
		link_hash: DF.Data | None
		opened_at: DF.Datetime | None
		redirect_url: DF.SmallText | None
		revoked_at: DF.Datetime | None
		session_expires_at: DF.Datetime | None
		session_hash: DF.Data | None
		user: DF.Data | None
	# end: auto-generated types

	def autoname(self):
		self.name = row_name()

	@staticmethod
	def clear_old_logs(days: int = 365) -> None:
		"""Delete links older than so many days; called by Frappe's Log Settings too."""
		delete_older_than("Bank API Access Link", days, {})


def on_doctype_update():
	frappe.db.add_index("Bank API Access Link", ["client", "user"], "client_user")
