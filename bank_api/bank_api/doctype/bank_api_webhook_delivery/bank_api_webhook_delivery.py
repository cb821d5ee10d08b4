import frappe
from frappe import _
from frappe.model.document import Document

from bank_api.bank_api.rules import button
from bank_api.gateway import relay
from bank_api.gateway.ids import row_name
from bank_api.gateway.retention import delete_older_than

MOST_REPLAYED_AT_ONCE = 500


class BankAPIWebhookDelivery(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		attempts: DF.Int
		client: DF.Link | None
		event_id: DF.Data | None
		event_type: DF.Data | None
		item: DF.Link | None
		last_attempt_at: DF.Datetime | None
		last_error: DF.SmallText | None
		next_attempt_at: DF.Datetime | None
		payload: DF.Code | None
		response_excerpt: DF.SmallText | None
		response_status: DF.Int
		sequence: DF.Int
		status: DF.Literal["Pending", "Delivered", "Dead Letter", "Cancelled"]
		url: DF.SmallText | None
	# end: auto-generated types

	def autoname(self):
		self.name = row_name()

	@frappe.whitelist(methods=["POST"])
	@button
	def replay(self) -> None:
		"""Send this delivery again, with the same id, so that the client can tell a repetition."""
		relay.replay(self.name)

	@staticmethod
	def clear_old_logs(days: int = 30) -> None:
		"""Delete finished deliveries older than so many days; called by Frappe's Log Settings too."""
		delete_older_than(
			"Bank API Webhook Delivery", days, {"status": ("in", ("Delivered", "Dead Letter", "Cancelled"))}
		)


@frappe.whitelist(methods=["POST"])
@button
def replay_selected(names: list | str) -> int:
	"""Send several deliveries again (list action).

	Args:
		names: names of Bank API Webhook Delivery records, at most 500.

	Returns:
		How many were queued.
	"""
	names = frappe.parse_json(names)  # the desk sends a list as JSON text
	if not isinstance(names, list):
		names = []
	if len(names) > MOST_REPLAYED_AT_ONCE:
		frappe.throw(_("Select at most {0} deliveries at a time.").format(MOST_REPLAYED_AT_ONCE))
	for name in names:
		relay.replay(str(name))
	return len(names)


def on_doctype_update():
	frappe.db.add_index("Bank API Webhook Delivery", ["status", "next_attempt_at"], "status_next_attempt")
	# A client's next deliveries in their order, however many finished ones are kept.
	frappe.db.add_index(
		"Bank API Webhook Delivery", ["client", "status", "sequence"], "client_status_sequence"
	)
