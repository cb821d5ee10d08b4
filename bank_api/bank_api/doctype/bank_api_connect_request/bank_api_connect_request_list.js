frappe.listview_settings["Bank API Connect Request"] = {
	add_fields: ["status"],
	hide_name_column: true,
	get_indicator(doc) {
		const colors = { Pending: "blue", Returned: "orange", Completed: "green", Failed: "red", Expired: "gray" };
		return [__(doc.status), colors[doc.status] || "gray", `status,=,${doc.status}`];
	},
};
