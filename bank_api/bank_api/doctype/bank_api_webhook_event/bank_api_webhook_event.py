import frappe
from frappe.model.document import Document

from bank_api.bank_api.rules import button
from bank_api.gateway import events
from bank_api.gateway.ids import row_name
from bank_api.gateway.retention import delete_older_than


class BankAPIWebhookEvent(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		account: DF.Link | None
		attempts: DF.Int
		client: DF.Link | None
		digest: DF.Data | None
		event_id: DF.Data | None
		event_time: DF.Datetime | None
		event_type: DF.Data | None
		is_test: DF.Check
		item: DF.Link | None
		last_error: DF.SmallText | None
		next_try_at: DF.Datetime | None
		payload: DF.Code | None
		provider: DF.Link | None
		status: DF.Literal["Received", "Processed", "Ignored", "Failed"]
	# end: auto-generated types

	def autoname(self):
		self.name = row_name()

	@frappe.whitelist(methods=["POST"])
	@button
	def replay(self) -> None:
		"""Process this event once more; processing changes nothing that is already up to date."""
		events.replay(self.name)

	@staticmethod
	def clear_old_logs(days: int = 30) -> None:
		"""Delete finished events older than so many days; called by Frappe's Log Settings too."""
		delete_older_than(
			"Bank API Webhook Event", days, {"status": ("in", ("Processed", "Ignored", "Failed"))}
		)


def on_doctype_update():
	frappe.db.add_unique("Bank API Webhook Event", ["provider", "digest"], "unique_event")
	frappe.db.add_unique("Bank API Webhook Event", ["provider", "event_id"], "unique_event_id")
	frappe.db.add_index("Bank API Webhook Event", ["status", "next_try_at"], "status_next_try")
