from frappe.model.document import Document


class BankAPIWhitelabelText(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		language: DF.Literal["English", "French", "Czech", "Portuguese (Brazil)", "Hebrew"]
		parent: DF.Data
		parentfield: DF.Data
		parenttype: DF.Data
		text: DF.SmallText
		text_key: DF.Literal["Title", "Introduction", "Purpose", "Support"]
	# end: auto-generated types

	pass
