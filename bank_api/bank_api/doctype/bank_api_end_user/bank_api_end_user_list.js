frappe.listview_settings["Bank API End User"] = {
	hide_name_column: true,
	add_fields: ["erased"],
	filters: [["erased", "=", 0]],
	get_indicator(doc) {
		return doc.erased ? [__("Erased"), "gray", "erased,=,1"] : [__("Active"), "green", "erased,=,0"];
	},
};
