frappe.ui.form.on("Bank API Client", {
	refresh(frm) {
		if (frm.is_new() || !frm.perm[0].write) return;
		frm.add_custom_button(__("Create Key Pair"), () => create_key_pair(frm)).addClass(frm.doc.user ? "" : "btn-primary");
		if (frm.doc.user) frm.add_custom_button(__("Revoke Keys"), () => revoke_keys(frm));
		if (frm.doc.webhook_url) frm.add_custom_button(__("Send Test Webhook"), () => send_test(frm));
		if (frm.doc.webhook_disabled) {
			frm.set_intro(frappe.utils.escape_html(frm.doc.webhook_disabled_reason || __("Webhooks to this client are paused.")), "orange");
		}
	},
});

function create_key_pair(frm) {
	const create = () =>
		press_button(frm, "create_key_pair").then(({ message }) => {
			if (message) show_keys(frm, message);
		});
	if (!frm.doc.user) return create();
	frappe.confirm(__("The present API key stops working at once. The present webhook secret stays valid for a day. Create new ones?"), create);
}

function show_keys(frm, keys) {
	frappe.db.get_single_value("Bank API Settings", "public_url").then((public_url) => {
		const dialog = new frappe.ui.Dialog({
			title: __("Key Pair of {0}", [frappe.utils.escape_html(frm.doc.client_name)]),
			size: "large",
			fields: [
				{ fieldtype: "HTML", fieldname: "note" },
				{ fieldtype: "Data", fieldname: "api_key", label: __("API Key"), read_only: 1 },
				{ fieldtype: "Data", fieldname: "api_secret", label: __("API Secret"), read_only: 1 },
				{ fieldtype: "Data", fieldname: "webhook_secret", label: __("Webhook Secret"), read_only: 1 },
				{ fieldtype: "HTML", fieldname: "example" },
			],
			primary_action_label: __("I Have Stored Them"),
			primary_action: () => dialog.hide(),
			secondary_action_label: __("Copy All"),
			secondary_action: () => frappe.utils.copy_to_clipboard(as_text(keys)),
		});
		dialog.set_values(keys);
		set_html(dialog, "note", `<p class="text-muted">${__("These secrets are shown once. Store them at the client site now.")}</p>`);
		set_html(dialog, "example", `<p class="text-muted">${__("Try it:")}</p><pre class="bank-api-curl" dir="ltr"></pre>`);
		dialog.$wrapper.find(".bank-api-curl").text(curl(frm, public_url || window.location.origin, keys));
		dialog.onhide = () => frm.reload_doc();
		dialog.show();
	});
}

function set_html(dialog, fieldname, html) {
	$(dialog.get_field(fieldname).wrapper).html(html);
}

function as_text(keys) {
	return ["api_key", "api_secret", "webhook_secret"].map((name) => `${name}: ${keys[name]}`).join("\n");
}

function curl(frm, public_url, keys) {
	const base_url = frm.doc.base_url || "https://erp.example.com";
	const body = JSON.stringify({ user: "user-1", redirect_url: `${base_url}/bank` });
	return [
		`curl -X POST '${public_url}/api/method/bank_api.bridge.get_bridge_connect_link'`,
		`-H 'Authorization: token ${keys.api_key}:${keys.api_secret}'`,
		"-H 'Content-Type: application/json'",
		`-d '${body}'`,
	].join(" \\\n  ");
}

function revoke_keys(frm) {
	frappe.confirm(__("The client site can no longer call the gateway. Go on?"), () => {
		press_button(frm, "revoke_keys").then(() => {
			frappe.show_alert({ message: __("The keys are revoked."), indicator: "green" });
			frm.reload_doc();
		});
	});
}

function send_test(frm) {
	press_button(frm, "send_test_webhook").then(({ message }) => {
		if (!message) return;
		frappe.show_alert({ message: __("The test webhook is on its way."), indicator: "blue" });
		frappe.set_route("Form", "Bank API Webhook Delivery", message);
	});
}
