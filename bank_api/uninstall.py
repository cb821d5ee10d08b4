"""Take away what the framework leaves behind when it removes an app's DocTypes; nothing of other apps."""

import frappe

from bank_api.install import ROLES

OURS = ("like", "Bank API%")
# Where the framework keeps records about documents of any DocType, and in which column.
REFERENCES = {
	"Activity Log": "reference_doctype",
	"Comment": "reference_doctype",
	"Deleted Document": "deleted_name",
	"DocShare": "share_doctype",
	"List View Settings": "name",
	"Logs To Clear": "ref_doctype",
	"Notification Log": "document_type",
	"Tag Link": "document_type",
	"ToDo": "reference_type",
	"Version": "ref_doctype",
	"View Log": "reference_doctype",
}


def after_uninstall() -> None:
	"""Remove roles, API users, stored passwords, scheduled jobs and references of this app."""
	if "bank_api" in frappe.get_installed_apps():
		return  # a dry run calls the hook too, and must not touch anything
	_delete_users()
	_delete_roles()
	_delete_references()
	_delete_jobs()
	frappe.db.delete("Singles", {"doctype": OURS})
	frappe.db.delete("__Auth", {"doctype": OURS})
	frappe.db.delete("__UserSettings", {"doctype": OURS})
	frappe.db.delete("Patch Log", {"patch": ("like", "bank_api.%")})
	frappe.db.commit()  # nosemgrep: the framework does not commit after this hook
	frappe.clear_cache()


def _delete_users() -> None:
	"""API users exist for this app only; one that somebody has given another role is kept."""
	for user in frappe.get_all("Has Role", {"role": "Bank API Client", "parenttype": "User"}, pluck="parent"):
		roles = frappe.get_all("Has Role", {"parent": user, "parenttype": "User"}, pluck="role")
		if set(roles) <= {"Bank API Client", "Desk User"}:
			_delete_user(user)


def _delete_user(user: str) -> None:
	"""Without the framework's own checks: they refuse to delete anybody on a site with one System Manager."""
	for contact in frappe.get_all("Contact", {"user": user}, pluck="name"):
		frappe.delete_doc("Contact", contact, force=True, ignore_permissions=True, delete_permanently=True)
	frappe.delete_doc(
		"User", user, force=True, ignore_permissions=True, ignore_on_trash=True, delete_permanently=True
	)
	frappe.delete_doc_if_exists("Notification Settings", user, force=True)
	frappe.db.delete("DefaultValue", {"parent": user})
	frappe.db.delete("Version", {"ref_doctype": "User", "docname": user})
	frappe.db.delete("Comment", {"reference_doctype": "User", "reference_name": user})
	frappe.db.delete("__Auth", {"doctype": "User", "name": user})
	frappe.db.delete("DocShare", {"user": user})
	frappe.db.delete("Sessions", {"user": user})


def _delete_roles() -> None:
	for role in ROLES:
		frappe.db.delete("Has Role", {"role": role})
		frappe.db.delete("Custom DocPerm", {"role": role})
		frappe.delete_doc_if_exists("Role", role, force=True)


def _delete_references() -> None:
	for doctype, fieldname in REFERENCES.items():
		if frappe.db.table_exists(doctype):
			frappe.db.delete(doctype, {fieldname: OURS})
	# The framework deletes pages one by one, and keeps a copy of each.
	frappe.db.delete("Deleted Document", {"deleted_doctype": "Page", "deleted_name": ("like", "bank-api-%")})


def _delete_jobs() -> None:
	jobs = frappe.get_all("Scheduled Job Type", {"method": ("like", "bank_api.%")}, pluck="name")
	if jobs:
		frappe.db.delete("Scheduled Job Log", {"scheduled_job_type": ("in", jobs)})
		frappe.db.delete("Scheduled Job Type", {"name": ("in", jobs)})
