import frappe
from frappe.model.document import Document

from bank_api.bank_api.rules import button
from bank_api.connectors.model import Secret
from bank_api.gateway import connect, item_calls, sync
from bank_api.gateway.ids import row_name


class BankAPIItem(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		authentication_expires_at: DF.Datetime | None
		bank_id: DF.Data | None
		bank_name: DF.Data | None
		client: DF.Link | None
		connected_at: DF.Datetime | None
		end_user: DF.Link | None
		expiry_notice: DF.Int
		failures: DF.Int
		feed: DF.Literal["Never", "Fresh", "Stale", "Stopped"]
		first_notice: DF.Int
		held_until: DF.Datetime | None
		item_id: DF.Data | None
		last_error: DF.SmallText | None
		last_refresh: DF.Datetime | None
		last_success_at: DF.Datetime | None
		last_try_at: DF.Datetime | None
		next_try_at: DF.Datetime | None
		payload: DF.Code | None
		provider: DF.Link | None
		purge_after: DF.Datetime | None
		queued_until: DF.Datetime | None
		read_all_at: DF.Datetime | None
		status: DF.Literal["Waiting", "OK", "Action Required", "Provider Problem", "Unsupported", "Deleted"]
		status_code: DF.Int
		status_code_info: DF.Data | None
		status_description: DF.SmallText | None
		sync_progress: DF.Data | None
		sync_requested_at: DF.Datetime | None
		sync_status: DF.Literal["Idle", "Queued", "Running", "Failed"]
		user_action: DF.Literal[
			"None", "Wait", "Edit Credentials", "Authenticate", "Visit Bank", "Confirm Pro Accounts", "Delete"
		]
		webhook_url: DF.SmallText | None
	# end: auto-generated types

	def autoname(self):
		self.name = row_name()

	@frappe.whitelist(methods=["POST"])
	@button
	def sync_now(self) -> None:
		"""Queue a synchronisation of this item."""
		sync.request(self.name, "desk")

	@frappe.whitelist(methods=["POST"])
	@button
	def revoke(self) -> None:
		"""Withdraw the access to this bank at the provider; data held here is marked as deleted."""
		item_calls.delete(self.name)


@frappe.whitelist(methods=["POST"])
@button
def repair_link(item: str, secret: str | None = None) -> dict:
	"""A fresh link for the end user to repair a connection.

	No method of the document: error reports mask arguments of this name, and those of form methods they do not.

	Args:
		item: name of the Bank API Item.
		secret: the end user's identity number, where the provider asks for it; sent on, never stored.

	Returns:
		`link`, `request` and `expires_at`.
	"""
	return connect.repair(item, Secret((secret or "").strip()))


def on_doctype_update():
	frappe.db.add_unique("Bank API Item", ["provider", "item_id"], "unique_item")
