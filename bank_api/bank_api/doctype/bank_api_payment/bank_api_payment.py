import frappe
from frappe.model.document import Document

from bank_api.bank_api.rules import refuse_by_hand
from bank_api.gateway.ids import row_name


class BankAPIPayment(Document):
	"""Rows are written in bulk by `bank_api.gateway.payment_rows`; nobody edits them."""

	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		amount: DF.Data | None
		amount_value: DF.Currency
		batch: DF.Link | None
		client: DF.Link | None
		constant_symbol: DF.Data | None
		currency: DF.Data | None
		due: DF.Date | None
		end_to_end_id: DF.Data | None
		error: DF.SmallText | None
		error_code: DF.Data | None
		error_field: DF.Data | None
		message: DF.SmallText | None
		number: DF.Int
		part: DF.Link | None
		partner_account: DF.Data | None
		partner_name: DF.Data | None
		partner_shown: DF.Data | None
		payload: DF.Code | None
		place: DF.Int
		provider: DF.Link | None
		provider_payment_id: DF.Data | None
		reference: DF.Data | None
		settled_on: DF.Date | None
		specific_symbol: DF.Data | None
		status: DF.Literal[
			"Validated",
			"Sending",
			"Stored",
			"Authorised",
			"Settled",
			"Rejected",
			"Cancelled",
			"Expired",
			"Unknown",
		]
		variable_symbol: DF.Data | None
	# end: auto-generated types

	def autoname(self):
		self.name = row_name()

	def validate(self):
		refuse_by_hand(self)


def on_doctype_update():
	frappe.db.add_unique("Bank API Payment", ["batch", "number"], "unique_payment")
	frappe.db.add_index("Bank API Payment", ["part", "place"], "part_place")
	frappe.db.add_index("Bank API Payment", ["batch", "status", "number"], "batch_status_number")
