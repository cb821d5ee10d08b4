const DAYS_AHEAD = 60;
const LARGEST_FILE = 200000;
const COLORS = { Draft: "gray", "CSR Ready": "blue", Prepared: "blue", Active: "green", Retired: "gray", Expired: "red" };

frappe.ui.form.on("Bank API Certificate", {
	refresh(frm) {
		show_steps(frm);
		frm.page.wrapper.find(".form-attachments").hide(); // an attached file would not be encrypted
		if (frm.is_new()) return;
		frm.page.set_indicator(__(frm.doc.status), COLORS[frm.doc.status] || "gray");
		show_state(frm);
		if (frm.perm[0].write) add_buttons(frm);
	},
	usage: show_steps,
	profile(frm) {
		if (frm.doc.profile === "ICP-Brasil") frm.set_value("key_type", "RSA 2048"); // what the Directory knows
		show_steps(frm);
	},
});

function around(frm) {
	return (frm.doc.__onload && frm.doc.__onload.surroundings) || { providers: [] };
}

// --- what to do next, for somebody who has never seen a certificate

function steps_of(frm) {
	const doc = frm.doc;
	const transport = doc.usage === "Transport";
	const used = around(frm).providers;
	return [
		{
			done: !frm.is_new(),
			title: __("Fill in this form and save it"),
			text: __("Name, usage, and who holds the certificate. Write everything as the authority has registered it."),
		},
		{
			done: Boolean(doc.csr || doc.chain),
			title: __("Create the key and the request"),
			text: __("The button makes a private key, which never leaves this site, and a request (CSR) for the authority. If the authority has given you a ready-made file (PKCS#12), upload it instead."),
		},
		{
			done: Boolean(doc.chain),
			title: __("Send the request to the authority"),
			text: where_to(doc),
		},
		{
			done: Boolean(doc.chain),
			title: __("Upload what the authority has issued"),
			text: __("With all the certificates it came with. The gateway checks that it fits, and says what is wrong if it does not."),
		},
		doc.successor_of
			? {
				done: ["Active", "Retired"].includes(doc.status),
				title: __("Switch to it"),
				text: __("Register the new certificate with your providers first if they ask for it. Then all of them use it from one call to the next; you can switch back."),
			}
			: {
				done: used.length > 0,
				always: used.length > 0,
				title: __("Choose it at the provider"),
				text: used.length
					? __("Used by: {0}", [used.join(", ")])
					: transport
						? __("Open the provider and enter it as its transport certificate.")
						: __("Open the provider and enter it as its signing certificate."),
			},
	];
}

function where_to(doc) {
	const transport = doc.usage === "Transport";
	if (doc.profile === "ICP-Brasil") {
		return transport
			? __("Copy or download the request and hand it in at a certification authority of ICP-Brasil (CertiSign, Serasa, Serpro, Soluti) for a transport certificate (BRCAC). This may take days.")
			: __("Copy or download the request and hand it in at a certification authority of ICP-Brasil (CertiSign, Serasa, Serpro, Soluti) for a signing certificate (BRSEAL). This may take days.");
	}
	if (doc.profile === "Commercial") {
		return __("Copy or download the request and hand it in at the certification authority for a commercial certificate of the company (KB wants one of I.CA or PostSignum).");
	}
	return transport
		? __("Copy or download the request and hand it in for a website authentication certificate (QWAC). This may take days or weeks.")
		: __("Copy or download the request and hand it in for an electronic seal certificate (QSEAL). This may take days or weeks.");
}

function show_steps(frm) {
	const steps = steps_of(frm);
	const next = steps.findIndex((step) => !step.done);
	const list = $("<ol class='bank-api-steps list-unstyled mb-0'></ol>");
	steps.forEach((step, index) => {
		const line = $("<li class='d-flex mb-2'><span class='indicator-pill mr-3'></span><div><div class='step-title'></div></div></li>");
		const color = step.done ? "green" : index === next ? "orange" : "gray";
		line.find(".indicator-pill").addClass(color).css("align-self", "flex-start").text(step.done ? "✓" : index + 1);
		line.find(".step-title").text(step.title).toggleClass("bold", index === next).toggleClass("text-muted", step.done);
		if (index === next || step.always) {
			line.children("div").append($("<div class='text-muted small'></div>").text(step.text));
		}
		list.append(line);
	});
	frm.get_field("steps").$wrapper.empty().append(list);
}

function show_state(frm) {
	const { successor, successor_status } = around(frm);
	const days = frm.doc.valid_to ? frappe.datetime.get_day_diff(frm.doc.valid_to, frappe.datetime.now_datetime()) : null;
	const name = successor
		? frappe.utils.get_form_link("Bank API Certificate", successor, true, frappe.utils.escape_html(successor))
		: "";
	if (frm.doc.status === "Retired") {
		frm.set_intro(name ? __("It has been replaced by {0}.", [name]) : __("It has been replaced."), "blue");
	} else if (["Draft", "CSR Ready", "Prepared"].includes(successor_status)) {
		frm.set_intro(__("A successor is being prepared: {0}", [name]), "blue");
	} else if (frm.doc.status === "Expired") {
		frm.set_intro(__("It has ended, and providers refuse it. Press Prepare Successor and ask the authority for a new certificate."), "red");
	} else if (frm.doc.status === "Active" && days !== null && days <= DAYS_AHEAD) {
		frm.set_intro(__("It ends in {0} days. Press Prepare Successor now: a new one can be made and switched to without a pause.", [days]), "orange");
	}
}

// --- buttons

function add_buttons(frm) {
	const { status, chain, csr, successor_of } = frm.doc;
	const { successor_status, can_go_back } = around(frm);
	const primary = (label, action) => frm.add_custom_button(label, action).addClass("btn-primary");
	const open_successor = ["Draft", "CSR Ready", "Prepared"].includes(successor_status);

	if (status === "Draft") primary(__("Create Key and Request"), () => make_request(frm, 0));
	if (csr && !chain) {
		frm.add_custom_button(__("Copy Request"), () => frappe.utils.copy_to_clipboard(csr));
		frm.add_custom_button(__("Download Request"), () => save_file(`${frm.doc.name}.csr`, csr));
	}
	if (status === "CSR Ready") {
		primary(__("Upload Certificate"), () => upload_dialog(frm));
		frm.add_custom_button(__("Create New Key and Request"), () => {
			frappe.confirm(__("The request that you have now becomes worthless: a certificate issued for it will not fit. Go on?"), () => make_request(frm, 1));
		});
	} else if (status !== "Expired") {
		frm.add_custom_button(chain ? __("Complete Chain") : __("Upload Certificate"), () => upload_dialog(frm));
	}
	if (status === "Prepared" && successor_of) primary(__("Switch to This Certificate"), () => switch_to(frm));
	if (chain) {
		frm.add_custom_button(__("Check"), () => check_now(frm));
		frm.add_custom_button(__("Download Certificate"), () => save_file(`${frm.doc.name}.pem`, chain));
	}
	if (["Active", "Expired"].includes(status) && !open_successor) {
		frm.add_custom_button(__("Prepare Successor"), () => prepare_successor(frm));
	}
	if (can_go_back) frm.add_custom_button(__("Switch Back"), () => switch_back(frm));
}

function make_request(frm, new_key) {
	const make = () =>
		press_button(frm, "make_request", { new_key }).then(({ message }) => {
			if (!message) return;
			frappe.show_alert({ message: __("The request is ready. Send it to the authority."), indicator: "green" });
			frm.reload_doc();
		});
	return frm.is_dirty() ? frm.save().then(make) : make();
}

function check_now(frm) {
	press_button(frm, "check_now").then(({ message }) => {
		if (message) frappe.msgprint({ title: __("Check"), message: findings_html(message), indicator: worst(message) });
	});
}

function prepare_successor(frm) {
	frappe.prompt(
		[
			{
				fieldname: "title",
				fieldtype: "Data",
				label: __("Title"),
				reqd: 1,
				default: next_title(frm.doc.name),
				description: __("The successor is a record of its own, with a key of its own. The present certificate stays in use until you switch."),
			},
		],
		({ title }) =>
			press_button(frm, "prepare_successor", { title }).then(({ message }) => {
				if (message) frappe.set_route("Form", "Bank API Certificate", message);
			}),
		__("Prepare Successor"),
		__("Prepare Successor")
	);
}

function next_title(title) {
	const year = new Date().getFullYear();
	const renamed = title.replace(/\b20\d\d\b/, (found) => String(Math.max(Number(found) + 1, year)));
	return renamed === title ? `${title} ${year}` : renamed;
}

function switch_to(frm) {
	const before = frappe.utils.escape_html(frm.doc.successor_of);
	frappe.confirm(__("All providers that use {0} use this certificate from their next call on. Some ask for the new certificate to be registered with them before. Switch now?", [before]), () =>
		press_button(frm, "switch").then(({ message }) => told(frm, message))
	);
}

function switch_back(frm) {
	const before = frappe.utils.escape_html(frm.doc.successor_of);
	frappe.confirm(__("All providers that use this certificate use {0} again. Switch back now?", [before]), () =>
		press_button(frm, "switch_back").then(({ message }) => told(frm, message))
	);
}

function told(frm, providers) {
	if (!providers) return;
	frappe.show_alert({ message: __("Providers switched: {0}", [providers.length]), indicator: "green" });
	frm.reload_doc();
}

// --- upload: the file goes straight into the call, never into the site's files

function upload_dialog(frm) {
	const dialog = new frappe.ui.Dialog({
		title: __("Upload Certificate"),
		fields: [
			{ fieldtype: "HTML", fieldname: "file" },
			{
				fieldtype: "Small Text",
				fieldname: "text",
				label: __("Or Paste It Here (PEM)"),
				description: __("The text that begins with -----BEGIN CERTIFICATE-----, with the certificates of the authority below it."),
			},
			{
				fieldtype: "Password",
				fieldname: "password",
				label: __("Password of the File"),
				no_strength_check: 1,
				description: __("Only for a PKCS#12 file (.p12, .pfx)."),
			},
			{ fieldtype: "HTML", fieldname: "findings" },
		],
		primary_action_label: __("Upload"),
		primary_action: (values) => upload(frm, dialog, values),
	});
	const label = $("<label class='control-label'></label>").text(__("File (PEM, DER or PKCS#12)"));
	const input = $("<input type='file' class='form-control-file mb-3' accept='.pem,.crt,.cer,.der,.p12,.pfx,.txt'>");
	label.append(input.addClass("d-block mt-1"));
	$(dialog.get_field("file").wrapper).append(label);
	dialog.onhide = () => dialog.set_values({ text: "", password: "" });
	dialog.show();
}

function upload(frm, dialog, values) {
	const file = dialog.$wrapper.find("input[type=file]")[0].files[0];
	const show = (findings) => $(dialog.get_field("findings").wrapper).html(findings_html(findings));
	if (!file && !(values.text || "").trim()) {
		return show([{ fatal: true, message: __("Choose a file, or paste the certificate.") }]);
	}
	if (file && file.size > LARGEST_FILE) {
		return show([{ fatal: true, message: __("The file is too large to be a certificate.") }]);
	}
	return (file ? file.arrayBuffer() : Promise.resolve(new TextEncoder().encode(values.text)))
		.then((data) =>
			frappe.call({
				method: "bank_api.bank_api.doctype.bank_api_certificate.bank_api_certificate.upload",
				type: "POST",
				freeze: true,
				args: { certificate: frm.doc.name, secret: base64(data), password: values.password || "" },
			})
		)
		.then(({ message }) => {
			if (!message) return;
			if (!message.accepted) return show(message.findings);
			dialog.hide();
			frm.reload_doc();
			if (message.findings.length) {
				frappe.msgprint({ title: __("The Certificate Is Stored"), message: findings_html(message.findings), indicator: "orange" });
			} else {
				frappe.show_alert({ message: __("The certificate fits and is stored."), indicator: "green" });
			}
		});
}

function base64(data) {
	let text = "";
	for (const byte of new Uint8Array(data)) text += String.fromCharCode(byte);
	return btoa(text);
}

function worst(findings) {
	if (!findings.length) return "green";
	return findings.some((finding) => finding.fatal) ? "red" : "orange";
}

function findings_html(findings) {
	const list = $("<ul class='bank-api-findings list-unstyled mb-0 mt-2'></ul>");
	if (!findings.length) list.append($("<li></li>").text(__("Everything fits.")).addClass("indicator green"));
	for (const finding of findings) {
		const line = $("<li class='d-flex mb-2'><span class='indicator mr-2'></span><span class='text'></span></li>");
		line.find(".indicator").addClass(finding.fatal ? "red" : "orange");
		line.find(".text").text(finding.message);
		list.append(line);
	}
	return list.prop("outerHTML");
}

function save_file(name, text) {
	const link = document.createElement("a");
	link.href = URL.createObjectURL(new Blob([text], { type: "application/x-pem-file" }));
	link.download = name;
	link.click();
	URL.revokeObjectURL(link.href);
}
