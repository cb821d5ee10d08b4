const COLORS = {
	Draft: "gray",
	Validated: "blue",
	Sending: "blue",
	Stored: "orange",
	"Partly Accepted": "orange",
	Authorised: "blue",
	Settled: "green",
	Rejected: "red",
	Cancelled: "gray",
	Expired: "gray",
	Unknown: "red",
};
const FORMATS = ["kb_json", "abo", "best_domestic", "best_foreign", "pain001_03", "pain001_09"];
const AT_BANK = ["Stored", "Partly Accepted", "Authorised", "Unknown"];
const OPEN = ["Validated", "Stored", "Partly Accepted"];

frappe.ui.form.on("Bank API Payment Batch", {
	refresh(frm) {
		frm.page.set_indicator(__(frm.doc.state), COLORS[frm.doc.state] || "gray");
		show_what_to_do(frm);
		show_timeline(frm);
		frm.add_custom_button(__("Show Payments"), () => show_payments(frm));
		if (!frm.doc.parent_batch) frm.add_custom_button(__("Download"), () => download(frm));
		if (AT_BANK.includes(frm.doc.state)) frm.add_custom_button(__("Ask the Bank"), () => press(frm, "check_now"));
		if (OPEN.includes(frm.doc.state) && !frm.doc.parent_batch) frm.add_custom_button(__("Cancel Batch"), () => cancel(frm));
		if (frm.doc.state === "Unknown" && !frm.doc.part_count) frm.add_custom_button(__("Decide"), () => decide(frm));
	},
});

function show_what_to_do(frm) {
	const where = frappe.utils.escape_html(frm.doc.authorise_at || __("the bank's own channel"));
	if (frm.doc.state === "Unknown") {
		frm.set_intro(__("Nobody knows whether the bank has this batch. It is never sent again. Look for it in {0} by its identification, then decide.", [where]), "red");
	} else if (["Stored", "Partly Accepted"].includes(frm.doc.state)) {
		frm.set_intro(__("The batch waits for its authorisation in {0}. Compare the amount and the digest there.", [where]), "orange");
	} else if (frm.doc.state === "Validated" && frm.doc.last_error) {
		frm.set_intro(__("Nothing has been sent yet. The next attempt is made by itself."), "blue");
	}
}

function press(frm, method, args) {
	return press_button(frm, method, args).then(() => frm.reload_doc());
}

function show_payments(frm) {
	frappe.set_route("List", "Bank API Payment", frm.doc.parent_batch ? { part: frm.doc.name } : { batch: frm.doc.name });
}

function cancel(frm) {
	frappe.confirm(__("The batch is cancelled here, and at the bank if nobody has authorised it there. Go on?"), () => press(frm, "cancel_batch"));
}

function download(frm) {
	frappe.prompt(
		[
			{ fieldname: "file_format", fieldtype: "Select", label: __("Format"), options: FORMATS, default: frm.doc.send_as, reqd: 1 },
			{ fieldname: "leave_out", fieldtype: "Data", label: __("Leave Out"), description: __("Fields that the format has no place for, with commas between, such as: reference, partner.") },
		],
		({ file_format, leave_out }) => {
			const query = new URLSearchParams({ batch: frm.doc.name, file_format, leave_out: leave_out || "" });
			window.open(`/api/method/bank_api.bank_api.doctype.bank_api_payment_batch.bank_api_payment_batch.download?${query}`);
		},
		__("Download")
	);
}

// The digest and the amount go back to the server as they are shown here: so what is decided is what was read.
function decide(frm) {
	const total = `${frm.doc.total} ${frm.doc.currency}`;
	const shown = {
		fieldname: "shown",
		fieldtype: "HTML",
		options: `<p>${__("Amount")}: <b>${frappe.utils.escape_html(total)}</b><br>${__("Identification at the Bank")}: <b>${frappe.utils.escape_html(
			frm.doc.exchange_id || ""
		)}</b><br>${__("Digest")}: <code>${frappe.utils.escape_html(frm.doc.digest || "")}</code></p>`,
	};
	const ARRIVED = __("The bank has it");
	frappe.prompt(
		[
			shown,
			{ fieldname: "what", fieldtype: "Select", label: __("What Became of It"), options: [ARRIVED, __("The bank does not have it")], reqd: 1 },
			{ fieldname: "provider_batch_id", fieldtype: "Data", label: __("Bank's Number of the Batch") },
		],
		({ what, provider_batch_id }) => {
			const arrived = what === ARRIVED ? 1 : 0;
			const question = arrived
				? __("You have seen the batch of {0} at the bank. Go on?", [total])
				: __("You have made sure that the bank does not have the batch of {0}. If it does after all, it may be paid twice. Go on?", [total]);
			frappe.confirm(frappe.utils.escape_html(question), () => press(frm, "decide", { arrived, digest: frm.doc.digest, total, provider_batch_id }));
		},
		__("Decide")
	);
}

function show_timeline(frm) {
	const name = frm.doc.name;
	press_button(frm, "timeline_lines").then(({ message }) => {
		if (frm.doc.name !== name || !message) return;
		const rows = message.map(
			(line) =>
				`<tr><td class="text-muted">${frappe.datetime.str_to_user(line.at)}</td><td>${frappe.utils.escape_html(line.action)}</td><td>${frappe.utils.escape_html(
					line.user || ""
				)}</td><td>${frappe.utils.escape_html(line.reason || "")}</td></tr>`
		);
		$(frm.fields_dict.timeline.wrapper).html(
			`<table class="table table-sm"><thead><tr><th>${__("Time")}</th><th>${__("Step")}</th><th>${__("User")}</th><th>${__("Reason")}</th></tr></thead><tbody>${rows.join("")}</tbody></table>`
		);
	});
}
