import frappe
from frappe.model.document import Document

from bank_api.gateway.ids import row_name


class BankAPIResource(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		client: DF.Link | None
		end_user: DF.Link | None
		fetched_at: DF.Datetime | None
		item: DF.Link | None
		path: DF.Data | None
		payload: DF.Code | None
		provider: DF.Link | None
		status: DF.Literal["Complete", "Being Prepared"]
	# end: auto-generated types

	def autoname(self):
		self.name = row_name()


def on_doctype_update():
	frappe.db.add_unique("Bank API Resource", ["item", "path"], "unique_resource")
	frappe.db.add_index("Bank API Resource", ["provider", "fetched_at"], "provider_fetched_at")
