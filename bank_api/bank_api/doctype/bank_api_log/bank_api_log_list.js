frappe.listview_settings["Bank API Log"] = {
	add_fields: ["outcome"],
	hide_name_column: true,
	get_indicator(doc) {
		const colors = { Success: "green", Refused: "orange", Failed: "red" };
		return [__(doc.outcome), colors[doc.outcome] || "gray", `outcome,=,${doc.outcome}`];
	},
};
