frappe.listview_settings["Bank API Provider"] = {
	add_fields: ["enabled", "environment"],
	get_indicator(doc) {
		if (!doc.enabled) return [__("Disabled"), "gray", "enabled,=,0"];
		return [__(doc.environment), doc.environment === "Production" ? "green" : "blue", `environment,=,${doc.environment}`];
	},
};
