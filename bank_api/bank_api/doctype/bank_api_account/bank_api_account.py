import frappe
from frappe.model.document import Document

from bank_api.gateway.ids import row_name


class BankAPIAccount(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		account_name: DF.Data | None
		account_type: DF.Data | None
		accounting_balance: DF.Data | None
		aliases: DF.SmallText | None
		balance: DF.Data | None
		balance_value: DF.Currency
		borrowed_capital: DF.Data | None
		change_stamp: DF.Data | None
		client: DF.Link | None
		currency: DF.Data | None
		end_user: DF.Link | None
		generation: DF.Int
		held_until: DF.Datetime | None
		iban: DF.Data | None
		instant_balance: DF.Data | None
		interest_rate: DF.Data | None
		is_pro: DF.Check
		item: DF.Link | None
		last_read_at: DF.Datetime | None
		last_synced_at: DF.Datetime | None
		last_transaction_stamp: DF.Data | None
		loan_type: DF.Data | None
		maturity_date: DF.Date | None
		next_payment_amount: DF.Data | None
		next_payment_date: DF.Date | None
		notified_stamp: DF.Data | None
		nudged_at: DF.Datetime | None
		opening_date: DF.Date | None
		payload: DF.Code | None
		provider: DF.Link | None
		provider_account_id: DF.Data | None
		reference: DF.Data | None
		remaining_capital: DF.Data | None
		repaid_capital: DF.Data | None
		status: DF.Literal["Open", "Not Shared", "Closed"]
		subscription_error: DF.SmallText | None
		subscription_id: DF.Data | None
		subscription_item: DF.Data | None
		subscription_status: DF.Data | None
		subscription_tries: DF.Int
		subscription_try_at: DF.Datetime | None
		sync_error: DF.SmallText | None
		sync_high: DF.Data | None
		sync_page: DF.LongText | None
		sync_since: DF.Data | None
		sync_started: DF.Data | None
	# end: auto-generated types

	def autoname(self):
		self.name = row_name()


def on_doctype_update():
	# One end user's: two people who share a loan are given the same id of it by some providers.
	frappe.db.add_unique(
		"Bank API Account", ["provider", "provider_account_id", "end_user"], "unique_account_of_end_user"
	)
