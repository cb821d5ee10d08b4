frappe.ui.form.on("Bank API Connect Request", {
	refresh(frm) {
		if (frm.doc.status !== "Pending" || !is_web_address(frm.doc.link)) return;
		frm.add_custom_button(__("Open Link"), () => window.open(frm.doc.link, "_blank", "noopener"));
		frm.add_custom_button(__("Copy Link"), () => frappe.utils.copy_to_clipboard(frm.doc.link));
	},
});

function is_web_address(link) {
	return /^https?:\/\//.test(link || "");
}
