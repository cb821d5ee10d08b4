frappe.listview_settings["Bank API Payment Batch"] = {
	add_fields: ["state", "total", "currency"],
	hide_name_column: true,
	filters: [["parent_batch", "is", "not set"]],
	get_indicator(doc) {
		return [__(doc.state), state_color(doc.state), `state,=,${doc.state}`];
	},
	formatters: {
		total_value: (value, df, doc) => amount_cell(doc.total, doc.currency),
	},
	onload(listview) {
		widen_list(listview, 7);
	},
};
