frappe.ui.form.on("Bank API Log", {
	setup() {
		frappe.meta.docfield_map["Bank API Log"].action.formatter = (value) => frappe.utils.escape_html(__(value));
	},
});
