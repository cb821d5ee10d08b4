import frappe
from frappe.model.document import Document

from bank_api.gateway.ids import row_name


class BankAPITransaction(Document):
	"""Rows are written in bulk by `bank_api.gateway.store`; nobody edits them."""

	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		account: DF.Link | None
		aliases: DF.SmallText | None
		amount: DF.Data | None
		amount_value: DF.Currency
		booking_date: DF.Date | None
		category_id: DF.Data | None
		change_stamp: DF.Data | None
		client: DF.Link | None
		content_hash: DF.Data | None
		currency: DF.Data | None
		date: DF.Date | None
		description: DF.SmallText | None
		end_user: DF.Link | None
		generation: DF.Int
		identity: DF.Data | None
		item: DF.Link | None
		operation_type: DF.Data | None
		original_description: DF.SmallText | None
		payload: DF.Code | None
		provider: DF.Link | None
		provider_transaction_id: DF.Data | None
		provider_updated_at: DF.Data | None
		status: DF.Literal["Pending", "Booked", "Deleted"]
		transaction_date: DF.Date | None
		value_date: DF.Date | None
		was_pending: DF.Check
	# end: auto-generated types

	def autoname(self):
		self.name = row_name()


def on_doctype_update():
	frappe.db.add_unique("Bank API Transaction", ["account", "identity"], "unique_transaction")
	frappe.db.add_index("Bank API Transaction", ["account", "change_stamp"], "account_change_stamp")
	frappe.db.add_index("Bank API Transaction", ["account", "date"], "account_date")
