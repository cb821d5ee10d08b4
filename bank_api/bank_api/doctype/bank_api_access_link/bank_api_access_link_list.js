frappe.listview_settings["Bank API Access Link"] = {
	hide_name_column: true,
	add_fields: ["opened_at", "expires_at", "revoked_at", "session_expires_at"],
	get_indicator(doc) {
		const now = frappe.datetime.now_datetime();
		if (doc.revoked_at) return [__("Revoked"), "red", "revoked_at,is,set"];
		if (doc.session_expires_at && doc.session_expires_at > now) return [__("Open"), "green", `session_expires_at,>,${now}`];
		if (doc.opened_at) return [__("Used"), "gray", "opened_at,is,set"];
		if (doc.expires_at > now) return [__("Issued"), "blue", `expires_at,>,${now}`];
		return [__("Expired"), "gray", `expires_at,<,${now}`];
	},
};
