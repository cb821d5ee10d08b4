frappe.ui.form.on("Bank API Payment", {
	setup() {
		frappe.meta.docfield_map["Bank API Payment"].amount.formatter = (value) => exact_amount(value);
		frappe.meta.docfield_map["Bank API Payment"].partner_account.formatter = (value) => grouped_account(value);
	},

	refresh(frm) {
		frm.page.set_indicator(__(frm.doc.status), state_color(frm.doc.status));
		frm.add_custom_button(__("Show Batch"), () => frappe.set_route("Form", "Bank API Payment Batch", frm.doc.batch));
	},
});
