const COLORS = {
	Created: "gray",
	Waiting: "blue",
	Active: "green",
	Suspended: "orange",
	"Needs Authorisation": "red",
	Ended: "gray",
};

frappe.ui.form.on("Bank API Consent", {
	refresh(frm) {
		frm.page.set_indicator(__(frm.doc.state), COLORS[frm.doc.state] || "gray");
		show_what_to_do(frm);
		if (frm.doc.state === "Ended" || !frm.doc.provider_consent_id) return;
		frm.add_custom_button(__("Check at the Provider"), () => press(frm, "check"));
		if (frm.doc.state === "Active" && frm.doc.token_expires_at) frm.add_custom_button(__("Renew Token"), () => press(frm, "renew_token"));
		frm.add_custom_button(__("Revoke"), () => revoke(frm));
	},
});

function show_what_to_do(frm) {
	if (frm.doc.state === "Needs Authorisation") {
		frm.set_intro(__("The end user has to give a new consent: open the bank item for the link."), "red");
	} else if (frm.doc.state === "Suspended") {
		frm.set_intro(__("The provider has blocked this consent. Only the end user can ask there why; it is looked at again every day."), "orange");
	} else if (frm.doc.state === "Ended" && frm.doc.authorised_at) {
		frm.set_intro(__("This consent is over. If the end user still wants it, a new one is needed: open the bank item for the link."), "blue");
	} else if (frm.doc.state === "Active" && frm.doc.approval === "Pending") {
		frm.set_intro(__("Other people have to approve this at the bank. The client is told when the last one has."), "blue");
	} else if (frm.doc.state === "Active" && frm.doc.approval === "Refused") {
		frm.set_intro(__("The people who have to approve this at the bank have refused. A new consent is needed: open the bank item for the link."), "orange");
	} else if (frm.doc.last_error) {
		frm.set_intro(frappe.utils.escape_html(frm.doc.last_error), "orange");
	}
}

function press(frm, method) {
	press_button(frm, method).then(() => frm.reload_doc());
}

function revoke(frm) {
	frappe.confirm(__("The access to this bank is withdrawn at the provider. To undo it, the end user has to connect the bank again. Go on?"), () => {
		press(frm, "revoke");
	});
}
