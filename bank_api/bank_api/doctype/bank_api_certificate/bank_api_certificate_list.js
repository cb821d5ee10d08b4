frappe.listview_settings["Bank API Certificate"] = {
	add_fields: ["status", "valid_to"],
	filters: [["status", "!=", "Retired"]],
	get_indicator(doc) {
		const colors = { Draft: "gray", "CSR Ready": "blue", Prepared: "blue", Active: "green", Retired: "gray", Expired: "red" };
		const filter = `status,=,${doc.status}`;
		if (["Active", "Prepared"].includes(doc.status) && doc.valid_to) {
			const days = frappe.datetime.get_day_diff(doc.valid_to, frappe.datetime.now_datetime());
			if (days <= 0) return [__("Expired"), "red", filter];
			if (days <= 60) return [__("Ends in {0} Days", [days]), "orange", filter];
		}
		return [__(doc.status), colors[doc.status] || "gray", filter];
	},
};
