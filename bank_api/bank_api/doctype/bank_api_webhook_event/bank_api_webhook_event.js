frappe.ui.form.on("Bank API Webhook Event", {
	refresh(frm) {
		frm.add_custom_button(__("Replay"), () => {
			press_button(frm, "replay").then(() => {
				frappe.show_alert({ message: __("The event is processed again."), indicator: "blue" });
				frm.reload_doc();
			});
		});
	},
});
