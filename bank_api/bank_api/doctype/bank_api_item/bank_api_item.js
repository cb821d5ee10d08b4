const POLL_MILLISECONDS = 2000;
const COLORS = {
	OK: "green",
	Waiting: "blue",
	"Action Required": "red",
	"Provider Problem": "orange",
	Unsupported: "gray",
	Deleted: "gray",
};

frappe.ui.form.on("Bank API Item", {
	refresh(frm) {
		frm.page.set_indicator(__(frm.doc.status), COLORS[frm.doc.status] || "gray");
		show_state(frm);
		watch(frm);
		if (frm.doc.status === "Deleted") return;
		frm.add_custom_button(__("Sync Now"), () => sync_now(frm));
		frm.add_custom_button(__("Open End User's Link"), () => repair_link(frm));
		frm.add_custom_button(__("Revoke"), () => revoke(frm));
	},
	on_hide: stop_watching,
});

function show_state(frm) {
	if (frm.doc.status === "Action Required") {
		frm.set_intro(__("The end user has to act: {0}", [__(frm.doc.user_action)]), "red");
	} else if (frm.doc.sync_status === "Failed") {
		frm.set_intro(frappe.utils.escape_html(frm.doc.last_error || __("The last synchronisation failed.")), "red");
	}
}

function sync_now(frm) {
	press_button(frm, "sync_now").then(() => {
		frappe.show_alert({ message: __("The synchronisation is queued."), indicator: "blue" });
		frm.reload_doc();
	});
}

function repair_link(frm) {
	frappe.db.count("Bank API Consent", { filters: { item: frm.doc.name } }).then((consents) => {
		if (!consents) return ask_for_link(frm);
		frappe.prompt(
			{
				fieldname: "secret",
				fieldtype: "Data",
				label: __("Identity Number of the End User"),
				description: __("Sent on to the provider and stored nowhere. Leave it empty if the provider does not ask for it. If a company's data is shared, add the company's number after a blank."),
			},
			({ secret }) => ask_for_link(frm, secret),
			__("Link for the End User")
		);
	});
}

function ask_for_link(frm, secret) {
	frappe.call({
		method: "bank_api.bank_api.doctype.bank_api_item.bank_api_item.repair_link",
		type: "POST",
		freeze: true,
		args: { item: frm.doc.name, secret },
	}).then(({ message }) => {
		if (!message) return;
		const dialog = new frappe.ui.Dialog({
			title: __("Link for the End User"),
			fields: [
				{ fieldtype: "HTML", fieldname: "note" },
				{ fieldtype: "Small Text", fieldname: "link", label: __("Link for the End User"), read_only: 1 },
			],
			primary_action_label: __("Open Link"),
			primary_action: () => window.open(message.link, "_blank", "noopener"),
			secondary_action_label: __("Copy Link"),
			secondary_action: () => frappe.utils.copy_to_clipboard(message.link),
		});
		$(dialog.get_field("note").wrapper).html(
			`<p class="text-muted">${__("Send this link to the end user; it works once and for a short time.")}</p>`
		);
		dialog.set_value("link", message.link);
		dialog.show();
	});
}

function revoke(frm) {
	frappe.confirm(__("The access to this bank is withdrawn at the provider. To undo it, the end user has to connect the bank again. Go on?"), () => {
		press_button(frm, "revoke").then(() => frm.reload_doc());
	});
}

// Realtime events need a server of their own, which not every bench runs: so the form also asks.
function watch(frm) {
	stop_watching(frm);
	if (!["Queued", "Running"].includes(frm.doc.sync_status)) return;
	show_progress(frm, frm.doc.sync_progress);
	frm.bank_api_timer = setInterval(() => poll(frm, frm.doc.name), POLL_MILLISECONDS);
}

function poll(frm, name) {
	if (frm.doc.name !== name || frappe.get_route()[2] !== name) return stop_watching(frm);
	frappe.db.get_value("Bank API Item", name, ["sync_status", "sync_progress"]).then(({ message }) => {
		if (frm.doc.name !== name || !message) return;
		if (["Queued", "Running"].includes(message.sync_status)) {
			show_progress(frm, message.sync_progress, message.sync_status);
		} else {
			stop_watching(frm);
			frm.reload_doc();
		}
	});
}

function show_progress(frm, progress, status) {
	const text = [__(status || frm.doc.sync_status), frappe.utils.escape_html(progress || "")].filter(Boolean).join(": ");
	frm.dashboard.set_headline(`<span class="bank-api-progress">${text}</span>`, "blue");
}

function stop_watching(frm) {
	clearInterval(frm.bank_api_timer);
	frm.bank_api_timer = null;
}
