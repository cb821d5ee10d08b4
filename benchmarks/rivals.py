"""What the app is measured against, inside the same web server: the usual way of doing it in Frappe."""

import frappe


@frappe.whitelist()
def get_all_transactions(account: str) -> list[dict]:
	"""The rows of one account as `frappe.get_all` gives them: every column but the payload, which repeats them."""
	columns = [
		column
		for column in frappe.get_meta("Bank API Transaction").get_valid_columns()
		if column != "payload"
	]
	return frappe.get_all(
		"Bank API Transaction",
		filters={"account": account},
		fields=columns,
		order_by="change_stamp asc",
		limit_page_length=0,
	)
