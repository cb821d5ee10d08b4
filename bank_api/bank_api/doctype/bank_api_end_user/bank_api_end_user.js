frappe.ui.form.on("Bank API End User", {
	refresh(frm) {
		if (frm.doc.erased) return;
		frm.add_custom_button(__("Erase"), () => erase(frm));
	},
});

function erase(frm) {
	frappe.confirm(
		__("Everything held of this end user is deleted, here and at the provider: connections, accounts, transactions. This cannot be undone. Go on?"),
		() => {
			press_button(frm, "erase").then(() => {
				frappe.show_alert({ message: __("The end user's data is erased."), indicator: "green" });
				frappe.set_route("List", "Bank API End User");
			});
		}
	);
}
