frappe.listview_settings["Bank API Item"] = {
	hide_name_column: true,
	add_fields: ["status", "feed", "sync_status"],
	filters: [["status", "!=", "Deleted"]],
	get_indicator(doc) {
		const colors = {
			OK: "green",
			Waiting: "blue",
			"Action Required": "red",
			"Provider Problem": "orange",
			Unsupported: "gray",
			Deleted: "gray",
		};
		return [__(doc.status), colors[doc.status] || "gray", `status,=,${doc.status}`];
	},
};
