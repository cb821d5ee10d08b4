from frappe import _
from frappe.model.document import Document

from bank_api.bank_api.rules import check_origin


class BankAPISettings(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		delivery_retention_days: DF.Int
		event_retention_days: DF.Int
		log_retention_days: DF.Int
		manager_notifications: DF.Check
		public_url: DF.Data | None
	# end: auto-generated types

	def validate(self):
		if self.public_url:
			self.public_url = check_origin(self.public_url, _("Public URL"), loopback_http=True)
