frappe.ui.form.on("Bank API Webhook Delivery", {
	refresh(frm) {
		frm.add_custom_button(__("Replay"), () => {
			press_button(frm, "replay").then(() => {
				frappe.show_alert({ message: __("The webhook is sent again."), indicator: "blue" });
				frm.reload_doc();
			});
		});
	},
});
