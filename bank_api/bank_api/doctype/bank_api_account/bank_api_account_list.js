frappe.listview_settings["Bank API Account"] = {
	hide_name_column: true,
	add_fields: ["status", "currency"],
	filters: [["status", "=", "Open"]],
	get_indicator(doc) {
		const colors = { Open: "green", "Not Shared": "orange", Closed: "gray" };
		return [__(doc.status), colors[doc.status] || "gray", `status,=,${doc.status}`];
	},
};
