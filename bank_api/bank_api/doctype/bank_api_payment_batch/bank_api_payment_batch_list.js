frappe.listview_settings["Bank API Payment Batch"] = {
	add_fields: ["state"],
	hide_name_column: true,
	filters: [["parent_batch", "is", "not set"]],
	get_indicator(doc) {
		const colors = {
			Draft: "gray",
			Validated: "blue",
			Sending: "blue",
			Stored: "orange",
			"Partly Accepted": "orange",
			Authorised: "blue",
			Settled: "green",
			Rejected: "red",
			Cancelled: "gray",
			Expired: "gray",
			Unknown: "red",
		};
		return [__(doc.state), colors[doc.state] || "gray", `state,=,${doc.state}`];
	},
};
