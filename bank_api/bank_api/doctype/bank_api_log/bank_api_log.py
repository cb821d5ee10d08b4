import frappe
from frappe import _
from frappe.model.document import Document

from bank_api.gateway.ids import row_name
from bank_api.gateway.retention import delete_older_than


class BankAPILog(Document):
	"""An audit line. It is added once and then neither changed, renamed nor deleted but by retention."""

	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		action: DF.Data | None
		client: DF.Link | None
		details: DF.Code | None
		ip: DF.Data | None
		outcome: DF.Literal["Success", "Refused", "Failed"]
		reference_doctype: DF.Link | None
		reference_name: DF.DynamicLink | None
		request_id: DF.Data | None
		user: DF.Data | None
	# end: auto-generated types

	def autoname(self):
		self.name = row_name()

	def validate(self):
		if not self.is_new():
			self._refuse()

	def before_change(self):
		self._refuse()

	def before_rename(self, *args, **kwargs):
		self._refuse()

	def on_trash(self):
		self._refuse()

	def _refuse(self):
		frappe.throw(_("The log can only be added to."), frappe.PermissionError)

	@staticmethod
	def clear_old_logs(days: int = 365) -> None:
		"""Delete lines older than so many days; called by Frappe's Log Settings too."""
		delete_older_than("Bank API Log", days, {})


def on_doctype_update():
	frappe.db.add_index("Bank API Log", ["reference_name"], "reference_name")
