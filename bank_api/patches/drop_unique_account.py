"""Two end users who share a loan each have a row of it: the older, narrower unique key must not stand in the way.

`on_doctype_update` adds the new one; an index that is no longer named anywhere stays in the database otherwise.
"""

import frappe

TABLE = "tabBank API Account"
INDEX = "unique_account"
COLUMNS = ["provider", "provider_account_id"]


def execute() -> None:
	"""Drop the index if it is the one of old, over exactly these columns."""
	rows = frappe.db.sql(f"SHOW INDEX FROM `{TABLE}` WHERE Key_name = %s", INDEX, as_dict=True)
	if [row.Column_name for row in sorted(rows, key=lambda row: row.Seq_in_index)] == COLUMNS:
		frappe.db.sql_ddl(f"ALTER TABLE `{TABLE}` DROP INDEX `{INDEX}`")
