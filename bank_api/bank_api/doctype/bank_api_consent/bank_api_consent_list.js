frappe.listview_settings["Bank API Consent"] = {
	add_fields: ["state"],
	hide_name_column: true,
	get_indicator(doc) {
		const colors = {
			Created: "gray",
			Waiting: "blue",
			Active: "green",
			Suspended: "orange",
			"Needs Authorisation": "red",
			Ended: "gray",
		};
		return [__(doc.state), colors[doc.state] || "gray", `state,=,${doc.state}`];
	},
};
