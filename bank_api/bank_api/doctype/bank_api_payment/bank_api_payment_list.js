frappe.listview_settings["Bank API Payment"] = {
	add_fields: ["status"],
	hide_name_column: true,
	get_indicator(doc) {
		const colors = {
			Validated: "blue",
			Sending: "blue",
			Stored: "orange",
			Authorised: "blue",
			Settled: "green",
			Rejected: "red",
			Cancelled: "gray",
			Expired: "gray",
			Unknown: "red",
		};
		return [__(doc.status), colors[doc.status] || "gray", `status,=,${doc.status}`];
	},
};
