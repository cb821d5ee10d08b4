const BASE_URLS = {
	bridge: "https://api.bridgeapi.io",
	berlin_group: "https://api.openhub-sbx.migdal.co.il",
	quanto: "", // not public: it comes with the contract
	kb: "https://api-gateway.kb.cz",
};
const SENDS_WEBHOOKS = ["bridge", "quanto"];
const COUNTRIES = { bridge: "FR", berlin_group: "IL", quanto: "BR", kb: "CZ" };

frappe.ui.form.on("Bank API Provider", {
	connector(frm) {
		const untouched = !frm.doc.api_base_url || Object.values(BASE_URLS).includes(frm.doc.api_base_url);
		if (untouched) frm.set_value("api_base_url", BASE_URLS[frm.doc.connector]);
		if (frm.is_new()) frm.set_value("country_code", COUNTRIES[frm.doc.connector]); // end users read it
		frm.layout.refresh_section_collapse(); // certificates are asked for where they are needed
	},
	setup(frm) {
		for (const [fieldname, usage] of [["transport_certificate", "Transport"], ["signing_certificate", "Signing"]]) {
			frm.set_query(fieldname, () => ({ filters: { usage, environment: frm.doc.environment, status: "Active" } }));
		}
	},
	refresh(frm) {
		// one field, which each provider calls by a name of its own
		frm.set_df_property("client_secret", "label", frm.doc.connector === "quanto" ? __("API Key") : __("Client Secret"));
		if (frm.is_new() || !frm.perm[0].write) return;
		show_setup(frm);
		frm.add_custom_button(__("Test Connection"), () => test_connection(frm));
		if (SENDS_WEBHOOKS.includes(frm.doc.connector)) show_webhooks(frm);
	},
});

function show_webhooks(frm) {
	frm.add_custom_button(__("Copy Webhook Address"), () => copy_address(frm));
	if (!setup_of(frm)) frm.add_custom_button(__("Change Webhook Secret"), () => change_secret(frm));
	if (!frm.doc.webhook_address) {
		frm.set_intro(__("Set the public URL in the Bank API Settings first: providers send their webhooks there."), "orange");
	}
}

function setup_of(frm) {
	return frm.doc.__onload && frm.doc.__onload.setup;
}

// Providers that are set up step by step have a page for it; it knows what comes next.
function show_setup(frm) {
	const setup = setup_of(frm);
	if (!setup) return;
	const button = frm.add_custom_button(__("Set-up"), () => frappe.set_route("bank-api-setup", frm.doc.name));
	if (setup.next) {
		button.addClass("btn-primary");
		frm.set_intro(__("The set-up goes on with: {0}", [frappe.utils.escape_html(setup.next)]), setup.ready ? "blue" : "orange");
	}
}

function test_connection(frm) {
	press_button(frm, "test_connection").then(
		({ message }) => {
			if (message) frappe.show_alert({ message: message.message, indicator: "green" });
		}
	);
}

function copy_address(frm) {
	if (frm.doc.webhook_address) {
		frappe.utils.copy_to_clipboard(frm.doc.webhook_address);
	} else {
		frappe.set_route("Form", "Bank API Settings");
	}
}

function change_secret(frm) {
	const dialog = new frappe.ui.Dialog({
		title: __("Change Webhook Secret"),
		fields: [
			{
				fieldname: "secret",
				fieldtype: "Password",
				label: __("New Secret"),
				reqd: 1,
				no_strength_check: 1,
				description: __("The secret that the provider shows beside the webhook. The present one stays valid for a day."),
			},
		],
		primary_action_label: __("Change Webhook Secret"),
		primary_action({ secret }) {
			press_button(frm, "rotate_webhook_secret", { secret }).then(() => {
				dialog.hide();
				frappe.show_alert({ message: __("The new webhook secret is in place."), indicator: "green" });
				frm.reload_doc();
			});
		},
	});
	dialog.show();
}
