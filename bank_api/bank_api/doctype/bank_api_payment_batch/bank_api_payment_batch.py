import frappe
from frappe.model.document import Document
from werkzeug.wrappers import Response

from bank_api.bank_api.rules import button, refuse_by_hand
from bank_api.gateway import (
	payment_decisions,
	payment_desk,
	payment_download,
	payment_states,
	payment_status,
	payments,
)
from bank_api.gateway.errors import UnknownObject
from bank_api.gateway.ids import row_name


class BankAPIPaymentBatch(Document):
	"""How a batch stands only changes by `bank_api.gateway.payment_states`; nobody edits it."""

	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		absences: DF.Int
		account: DF.Data | None
		authorise_at: DF.SmallText | None
		authorised_at: DF.Datetime | None
		batch_name: DF.Data | None
		checked_at: DF.Datetime | None
		client: DF.Link | None
		content_digest: DF.Data | None
		currency: DF.Data | None
		decided_at: DF.Datetime | None
		decided_by: DF.Link | None
		digest: DF.Data | None
		end_user: DF.Link | None
		ended_at: DF.Datetime | None
		error_summary: DF.SmallText | None
		exchange_id: DF.Data | None
		execution_date: DF.Date | None
		file_count: DF.Int
		file_day: DF.Date | None
		file_first: DF.Int
		idempotency_key: DF.Data | None
		item: DF.Link | None
		last_error: DF.SmallText | None
		last_execution_date: DF.Date | None
		next_check_at: DF.Datetime | None
		next_try_at: DF.Datetime | None
		parent_batch: DF.Link | None
		part_count: DF.Int
		part_number: DF.Int
		payload_sha256: DF.Data | None
		payment_count: DF.Int
		processing_mode: DF.Data | None
		provider: DF.Link | None
		provider_batch_id: DF.Data | None
		provider_digest: DF.Data | None
		provider_mode: DF.Data | None
		provider_status: DF.Data | None
		refused_count: DF.Int
		rejected_count: DF.Int
		request_hash: DF.Data | None
		send_as: DF.Literal["kb_json", "abo", "best_domestic", "best_foreign", "pain001_03", "pain001_09"]
		sent_at: DF.Datetime | None
		settled_at: DF.Datetime | None
		sign_state: DF.Data | None
		state: DF.Literal[
			"Draft",
			"Validated",
			"Sending",
			"Stored",
			"Partly Accepted",
			"Authorised",
			"Settled",
			"Rejected",
			"Cancelled",
			"Expired",
			"Unknown",
		]
		stored_at: DF.Datetime | None
		total: DF.Data | None
		total_value: DF.Currency
		tries: DF.Int
		validated_at: DF.Datetime | None
	# end: auto-generated types

	def autoname(self):
		self.name = row_name()

	def validate(self):
		refuse_by_hand(self)

	@frappe.whitelist(methods=["POST"])
	@button
	def check_now(self) -> None:
		"""Ask the bank how the batch stands."""
		payment_status.check_whole(self.name)

	@frappe.whitelist(methods=["POST"])
	@button
	def cancel_batch(self) -> None:
		"""Cancel the batch while nobody has authorised it."""
		payments.cancel(self.name)

	@frappe.whitelist(methods=["POST"])
	@button
	def decide(self, arrived: int, digest: str, total: str, provider_batch_id: str | None = None) -> None:
		"""Say what became of a batch of which nobody knows whether the bank has it.

		Args:
			arrived: 1 if somebody has seen it at the bank, 0 if somebody has made sure that it is not there.
			digest: of the batch, as it was shown in the question.
			total: of the batch, as it was shown in the question.
			provider_batch_id: the bank's number of it, if it is there.
		"""
		payment_decisions.decide(
			self.name,
			arrived=bool(int(arrived)),
			digest=digest,
			total=total,
			provider_batch_id=(provider_batch_id or "").strip(),
		)

	@frappe.whitelist(methods=["POST"])
	@button
	def overview_lines(self) -> dict:
		"""What the form shows besides the fields."""
		return payment_desk.overview(self.name)


@frappe.whitelist(methods=["GET"])
@button
def download(batch: str, file_format: str | None = None, leave_out: str | None = None) -> Response:
	"""A batch as a file.

	Args:
		batch: name of the Bank API Payment Batch.
		file_format: key of the format; as it was sent if missing.
		leave_out: fields that may be lost, with commas between.
	"""
	row = payment_states.get(batch)
	if row is None or row.parent_batch:
		raise UnknownObject()
	return payment_download.stream(row, file_format, leave_out)


def on_doctype_update():
	frappe.db.add_unique("Bank API Payment Batch", ["client", "idempotency_key"], "unique_request")
	frappe.db.add_unique("Bank API Payment Batch", ["provider", "exchange_id"], "unique_exchange")
	frappe.db.add_index("Bank API Payment Batch", ["client", "content_digest"], "client_content_digest")
	frappe.db.add_index("Bank API Payment Batch", ["state", "next_try_at"], "state_next_try_at")
	frappe.db.add_index("Bank API Payment Batch", ["state", "next_check_at"], "state_next_check_at")
