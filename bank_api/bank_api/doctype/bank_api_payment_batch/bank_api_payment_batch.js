const DOCTYPE = "Bank API Payment Batch";
const FORMATS = {
	kb_json: "KB JSON",
	abo: "ABO (KM)",
	best_domestic: "BEST, domestic",
	best_foreign: "BEST, foreign",
	pain001_03: "SEPA XML (pain.001.001.03)",
	pain001_09: "SEPA XML (pain.001.001.09)",
};
const AT_BANK = ["Stored", "Partly Accepted", "Authorised", "Unknown"];
const OPEN = ["Validated", "Stored", "Partly Accepted"];
const ENDED = ["Settled", "Rejected", "Cancelled", "Expired"];
const WAY = [
	["Validated", "validated_at"],
	["Sending", "sent_at"],
	["Stored", "stored_at"],
	["Authorised", "authorised_at"],
	["Settled", "settled_at"],
];
const POLL_SECONDS = 5;
const MOST_POLLS = 60;

frappe.ui.form.on(DOCTYPE, {
	setup() {
		const fields = frappe.meta.docfield_map[DOCTYPE];
		fields.total.formatter = (value) => exact_amount(value);
		fields.account.formatter = (value) => grouped_account(value);
		fields.send_as.formatter = (value) => FORMATS[value] || value;
		for (const name of ["digest", "provider_digest", "payload_sha256", "exchange_id", "provider_batch_id"]) fields[name].formatter = code;
	},

	refresh(frm) {
		frm.page.set_indicator(__(frm.doc.state), state_color(frm.doc.state));
		show_what_to_do(frm);
		add_buttons(frm);
		show_overview(frm);
		follow_sending(frm);
	},
});

function add_buttons(frm) {
	const { state, parent_batch, part_count } = frm.doc;
	frm.add_custom_button(__("Show Payments"), () => show_payments(frm));
	if (!parent_batch) frm.add_custom_button(__("Download"), () => download(frm));
	if (AT_BANK.includes(state)) frm.add_custom_button(__("Ask the Bank"), () => press(frm, "check_now"));
	if (OPEN.includes(state) && !parent_batch) frm.add_custom_button(__("Cancel Batch"), () => cancel(frm));
	if (state === "Unknown" && !part_count) frm.add_custom_button(__("Decide"), () => decide(frm)).addClass("btn-danger");
}

function show_what_to_do(frm) {
	const { state, part_count, last_error } = frm.doc;
	const where = `<bdi>${escaped(frm.doc.authorise_at || __("the bank's own channel"))}</bdi>`;
	if (state === "Unknown" && part_count) {
		frm.set_intro(__("Nobody knows whether the bank has every part. Open the parts that are unknown."), "red");
	} else if (state === "Unknown") {
		frm.set_intro(__("Nobody knows whether the bank has this batch. It is never sent again. Look for it in {0} by its identification, then decide.", [where]), "red");
	} else if (["Stored", "Partly Accepted"].includes(state) && part_count) {
		frm.set_intro(__("Each part waits for its authorisation in {0}. Compare amounts and digests there.", [where]), "orange");
	} else if (["Stored", "Partly Accepted"].includes(state)) {
		frm.set_intro(__("The batch waits for its authorisation in {0}. Compare the amount and the digest there.", [where]), "orange");
	} else if (state === "Validated" && last_error) {
		frm.set_intro(__("Nothing has been sent yet. The next attempt is made by itself."), "blue");
	}
}

function press(frm, method, args) {
	return press_button(frm, method, args).then(() => frm.reload_doc());
}

function payments_of(frm) {
	return frm.doc.parent_batch ? { part: frm.doc.name } : { batch: frm.doc.name };
}

function show_payments(frm, filters) {
	frappe.set_route("List", "Bank API Payment", Object.assign(payments_of(frm), filters));
}

function cancel(frm) {
	frappe.confirm(__("The batch is cancelled here, and at the bank if nobody has authorised it there. Go on?"), () => press(frm, "cancel_batch"));
}

// --- what is shown besides the fields

function show_overview(frm) {
	const name = frm.doc.name;
	frappe.call({ method: "run_doc_method", type: "POST", args: { dt: DOCTYPE, dn: name, method: "overview_lines" } }).then(({ message }) => {
		if (frm.doc.name !== name || !message) return;
		fill(frm, "overview", head_html(frm) + way_html(frm) + counts_html(message.counts));
		fill(frm, "parts", parts_html(frm, message.parts));
		fill(frm, "errors", errors_html(message));
		fill(frm, "timeline", timeline_html(message.timeline));
		frm.fields_dict.overview.$wrapper.find("[data-status]").on("click", (event) => {
			event.preventDefault();
			show_payments(frm, { status: $(event.currentTarget).attr("data-status") });
		});
	});
}

function fill(frm, fieldname, html) {
	frm.fields_dict[fieldname].$wrapper.html(html);
}

function head_html(frm) {
	const { doc } = frm;
	const days = [doc.execution_date, doc.last_execution_date].filter((day, place, all) => day && all.indexOf(day) === place);
	const facts = [
		[__("Total"), `<span class="h3 m-0">${exact_amount(doc.total, doc.currency)}</span>`],
		[__("Payments"), `<span class="h3 m-0">${escaped(doc.payment_count)}</span>`],
		[__("Execution Date"), days.map(instant).join(" – ")],
		[__("Account"), grouped_account(doc.account)],
		[__("Identification at the Bank"), doc.state === "Unknown" ? code(doc.exchange_id) : ""],
	];
	const shown = facts.filter(([, value]) => value).map(([label, value]) => `<div><div class="text-muted small">${label}</div><div>${value}</div></div>`);
	return `<div class="d-flex flex-wrap align-items-end mb-4" style="gap: 12px 40px">${shown.join("")}</div>`;
}

// Where the batch has been, where it stands, and what is still to come.
function way_html(frm) {
	const { doc } = frm;
	const steps = WAY.filter(([state, at]) => doc[at] || state === doc.state).map(([state, at]) => [state, doc[at]]);
	if (!steps.some(([state]) => state === doc.state)) steps.push([doc.state, doc.ended_at]);
	const place = WAY.findIndex(([state]) => state === (doc.state === "Partly Accepted" ? "Stored" : doc.state));
	const ahead = ENDED.includes(doc.state) || place < 0 ? [] : WAY.slice(place + 1).filter(([, at]) => !doc[at]);
	const html = steps.map(([state, at]) => step_html(state_pill(state === doc.state ? state : "Settled", step_label(state, doc)), at));
	ahead.forEach(([state]) => html.push(step_html(`<span class="indicator-pill no-indicator gray text-muted">${step_label(state, doc)}</span>`)));
	return `<div class="d-flex flex-wrap mb-4" style="gap: 8px 20px">${html.join("")}</div>`;
}

function step_label(state, doc) {
	if (state === "Sending" && doc.state !== "Sending") return __("Sent");
	return __(state);
}

function step_html(pill, at) {
	return `<div>${pill}<div class="text-muted small mt-1">${at ? instant(at) : "&nbsp;"}</div></div>`;
}

function counts_html(counts) {
	const links = Object.entries(counts).map(
		([status, count]) => `<a href="#" data-status="${escaped(status)}">${state_pill(status, `${count} × ${__(status)}`)}</a>`
	);
	if (!links.length) return "";
	return `<div class="text-muted small mb-1">${__("Payments by Status")}</div><div class="d-flex flex-wrap" style="gap: 8px">${links.join("")}</div>`;
}

function table_html(heads, rows) {
	const head = heads.map((label) => `<th class="text-nowrap">${label}</th>`).join("");
	const body = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("");
	return `<div class="table-responsive" tabindex="0"><table class="table table-sm"><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

function parts_html(frm, parts) {
	if (!parts.length) return "";
	const rows = parts.map((part) => [
		`<a href="${frappe.utils.get_form_link(DOCTYPE, part.name)}">${escaped(part.part_number)}</a>`,
		state_pill(part.state),
		escaped(part.payment_count),
		exact_amount(part.total, part.currency),
		code(part.provider_batch_id || part.exchange_id),
		code(part.provider_digest),
	]);
	const heads = [__("Part"), __("Status"), __("Payments"), __("Total"), __("Bank's Number of the Batch"), __("Digest Shown by the Bank")];
	const more = frm.doc.part_count - parts.length;
	const rest = more > 0 ? `<p class="text-muted">${__("And {0} more.", [more])}</p>` : "";
	return table_html(heads, rows) + rest;
}

function errors_html({ errors, counts }) {
	if (!errors.length) return "";
	const rows = errors.map((one) => [
		`<a href="${frappe.utils.get_form_link("Bank API Payment", one.name)}">${escaped(one.number)}</a>`,
		exact_amount(one.amount, one.currency),
		escaped(one.error_field),
		escaped(one.error || one.error_code),
	]);
	const more = (counts.Rejected || 0) - errors.length;
	const rest = more > 0 ? `<p class="text-muted">${__("And {0} more.", [more])}</p>` : "";
	return table_html([__("Payment"), __("Amount"), __("Field"), __("Error")], rows) + rest;
}

function timeline_html(lines) {
	const rows = lines.map((line) => [
		`<span class="text-muted">${instant(line.at)}</span>`,
		(line.state ? state_pill(line.state) : escaped(line.action)) + (line.part ? ` <span class="text-muted">${__("Part {0}", [line.part])}</span>` : ""),
		escaped(line.user),
		escaped(line.reason),
	]);
	return table_html([__("Time"), __("Step"), __("User"), __("Reason")], rows);
}

// What is on its way does not stay so for long: look again, but not for ever.
function follow_sending(frm, polls = 0) {
	const { name, state } = frm.doc;
	clearTimeout(frm.bank_api_poll);
	if (state !== "Sending" || polls >= MOST_POLLS) return;
	frm.bank_api_poll = setTimeout(() => {
		if (cur_frm !== frm || frm.doc.name !== name || !frm.page.wrapper.is(":visible")) return;
		frappe.db.get_value(DOCTYPE, name, "state").then(({ message }) => {
			if (message && message.state !== state) frm.reload_doc();
			else follow_sending(frm, polls + 1);
		});
	}, POLL_SECONDS * 1000);
}

// --- download

function download(frm) {
	const omissible = {
		partner: __("Partner's Name and Address"),
		partner_bank: __("Partner's Bank"),
		owner: __("Payer's Name and Address"),
		reference: __("Reference"),
		end_to_end_id: __("End-to-End ID"),
		own_note: __("Own Note"),
		own_variable_symbol: __("Own Variable Symbol"),
	};
	frappe.prompt(
		[
			{
				fieldname: "file_format",
				fieldtype: "Select",
				label: __("Format"),
				options: Object.entries(FORMATS).map(([value, label]) => ({ value, label })),
				default: frm.doc.send_as,
				reqd: 1,
			},
			{
				fieldname: "leave_out",
				fieldtype: "MultiCheck",
				label: __("May Be Left Out"),
				options: Object.entries(omissible).map(([value, label]) => ({ value, label })),
				columns: 2,
			},
		],
		({ file_format, leave_out }) => fetch_file(frm.doc.name, file_format, leave_out || []),
		__("Download"),
		__("Download")
	);
}

// Not by opening the address: a refusal would be a page of JSON instead of a sentence.
async function fetch_file(batch, file_format, leave_out) {
	const query = new URLSearchParams({ batch, file_format, leave_out: leave_out.join(",") });
	frappe.dom.freeze(__("The file is being made and proved …"));
	try {
		const answer = await fetch(`/api/method/bank_api.bank_api.doctype.bank_api_payment_batch.bank_api_payment_batch.download?${query}`, {
			headers: { Accept: "application/json" },
		});
		if (!answer.ok) return show_refusal(await answer.text());
		const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") || "");
		save_file(await answer.blob(), name ? name[1] : batch);
	} catch (error) {
		frappe.msgprint({ title: __("Not Possible"), message: __("The download broke off. Try again."), indicator: "red" });
	} finally {
		frappe.dom.unfreeze();
	}
}

function show_refusal(text) {
	let messages = [];
	try {
		messages = JSON.parse(JSON.parse(text)._server_messages).map((one) => JSON.parse(one).message);
	} catch (error) {
		messages = [];
	}
	frappe.msgprint({ title: __("Not Possible"), message: messages.join("<br>") || __("The file cannot be made."), indicator: "red" });
}

function save_file(blob, name) {
	const link = document.createElement("a");
	link.href = URL.createObjectURL(blob);
	link.download = name;
	document.body.appendChild(link);
	link.click();
	link.remove();
	setTimeout(() => URL.revokeObjectURL(link.href), 60 * 1000);
}

// --- what a human says of a batch of which nobody knows

// The digest and the amount go back to the server as they are shown here: so what is decided is what was read.
function decide(frm) {
	const { doc } = frm;
	const ARRIVED = __("The bank has it");
	const NEVER = __("The bank does not have it");
	const facts = [
		[__("Total"), exact_amount(doc.total, doc.currency)],
		[__("Payments"), escaped(doc.payment_count)],
		[__("Identification at the Bank"), code(doc.exchange_id)],
		[__("Digest"), code(doc.digest)],
	];
	const shown = facts.map(([label, value]) => `<tr><td class="text-muted">${label}</td><td>${value}</td></tr>`).join("");
	frappe.prompt(
		[
			{ fieldname: "shown", fieldtype: "HTML", options: `<table class="table table-sm">${shown}</table>` },
			{ fieldname: "what", fieldtype: "Select", label: __("What Became of It"), options: ["", ARRIVED, NEVER], reqd: 1 },
			{
				fieldname: "provider_batch_id",
				fieldtype: "Data",
				label: __("Bank's Number of the Batch"),
				depends_on: `eval:doc.what == ${JSON.stringify(ARRIVED)}`,
				mandatory_depends_on: `eval:doc.what == ${JSON.stringify(ARRIVED)}`,
			},
			{ fieldname: "typed", fieldtype: "Data", label: __("Amount, Typed Again"), description: __("Type the batch's total, so that no other batch is meant."), reqd: 1 },
		],
		({ what, provider_batch_id, typed }) => {
			if (!same_amount(typed, doc.total)) {
				frappe.msgprint({ title: __("Not Possible"), message: __("This is not the total of the batch. Nothing was decided."), indicator: "red" });
				return;
			}
			const arrived = what === ARRIVED ? 1 : 0;
			const total = `${doc.total} ${doc.currency}`;
			const question = arrived
				? __("You have seen the batch of {0} at the bank. Go on?", [total])
				: __("You have made sure that the bank does not have the batch of {0}. If it does after all, it may be paid twice. Go on?", [total]);
			frappe.confirm(escaped(question), () => press(frm, "decide", { arrived, digest: doc.digest, total, provider_batch_id }));
		},
		__("Decide"),
		__("Decide")
	);
}

// As people write amounts: with blanks, with a comma or a point before the last two digits.
function same_amount(typed, total) {
	const digits = (text) => text.replace(/\D/g, "");
	const places = /[.,](\d{2})\s*\D*$/.test(typed || "");
	return digits(typed || "") + (places ? "" : "00") === digits(total || "");
}
