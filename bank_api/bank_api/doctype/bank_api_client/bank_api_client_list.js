frappe.listview_settings["Bank API Client"] = {
	hide_name_column: true,
	add_fields: ["enabled", "user", "webhook_disabled"],
	get_indicator(doc) {
		if (!doc.enabled) return [__("Disabled"), "gray", "enabled,=,0"];
		if (doc.webhook_disabled) return [__("Webhook Paused"), "orange", "webhook_disabled,=,1"];
		if (!doc.user) return [__("No Keys"), "yellow", "user,is,not set"];
		return [__("Enabled"), "green", "enabled,=,1"];
	},
};
