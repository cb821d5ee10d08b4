"""Telling the people who run the gateway: a Notification Log each, which Frappe mails if they wish."""

import frappe

ROLE = "Bank API Manager"


def tell(subject: str, text: str, doctype: str, name: str | None = None) -> int:
	"""Put a notification before every Bank API Manager.

	Args:
		subject: one translated line.
		text: translated text; plain, it is escaped here.
		doctype: what it is about.
		name: which one, if there is one.

	Returns:
		how many people were told.
	"""
	if not frappe.utils.cint(frappe.db.get_single_value("Bank API Settings", "manager_notifications")):
		return 0
	users = _managers()
	for user in users:
		frappe.get_doc(
			{
				"doctype": "Notification Log",
				"for_user": user,
				"type": "Alert",
				"subject": frappe.utils.escape_html(subject)[:500],
				"email_content": frappe.utils.escape_html(text).replace("\n", "<br>"),
				"document_type": doctype,
				"document_name": name,
			}
		).insert(ignore_permissions=True)
	return len(users)


def _managers() -> list[str]:
	rows = frappe.db.sql(
		"""SELECT DISTINCT user.name FROM `tabUser` user
		JOIN `tabHas Role` role ON role.parent = user.name AND role.parenttype = 'User' AND role.role = %s
		WHERE user.enabled = 1 AND user.user_type = 'System User' ORDER BY user.name""",
		ROLE,
	)
	return [row[0] for row in rows]
