"""What the app needs on a site besides its DocTypes."""

import frappe

ROLES = {"Bank API Manager": 1, "Bank API Client": 0}


def after_install() -> None:
	"""Called once, after the DocTypes are there."""
	ensure_roles()


def after_migrate() -> None:
	"""Called after every migration; repairs what somebody may have removed."""
	ensure_roles()


def ensure_roles() -> None:
	"""Create the two roles: managers work in the desk, clients have nothing but the API."""
	for name, desk_access in ROLES.items():
		if not frappe.db.exists("Role", name):
			role = frappe.new_doc("Role")
			role.update({"role_name": name, "desk_access": desk_access})
			role.insert(ignore_permissions=True)
		elif not desk_access and frappe.db.get_value("Role", name, "desk_access"):
			frappe.db.set_value("Role", name, "desk_access", 0)
