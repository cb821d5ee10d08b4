const METHODS = "bank_api.bank_api.page.bank_api_setup.bank_api_setup.";
const COLORS = { done: "green", next: "orange", waiting: "blue", blocked: "gray" };
const LOOK_AGAIN_MS = 3000;
const LOOKS = 40;
const LARGEST_FILE = 200000;

frappe.pages["bank-api-setup"].on_page_load = (wrapper) => {
	wrapper.setup = new BankApiSetup(wrapper);
};

frappe.pages["bank-api-setup"].on_page_show = (wrapper) => wrapper.setup.open(frappe.get_route()[1]);
frappe.pages["bank-api-setup"].on_page_hide = (wrapper) => wrapper.setup.stop();

class BankApiSetup {
	constructor(wrapper) {
		this.page = frappe.ui.make_app_page({ parent: wrapper, title: __("Set-up"), single_column: true });
		this.root = $("<div class='bank-api-setup'></div>").appendTo(this.page.main);
		this.status = $("<div class='sr-only' role='status'></div>").appendTo(this.page.main);
		this.page.set_secondary_action(__("Refresh"), () => this.open(this.provider), { icon: "refresh" });
	}

	stop() {
		clearTimeout(this.timer);
	}

	open(provider) {
		this.stop();
		this.provider = provider;
		this.opened = null;
		if (!provider) {
			return this.call("get_overview").then((rows) => rows && this.show_overview(rows));
		}
		return this.call("get_steps", { provider }).then((state) => state && this.show(state));
	}

	call(method, args) {
		return frappe
			.call({ method: METHODS + method, type: "POST", args, freeze: method === "run_step" })
			.then(({ message }) => message);
	}

	// --- which provider

	show_overview(rows) {
		if (rows.length === 1) return frappe.set_route("bank-api-setup", rows[0].provider);
		this.page.set_title(__("Set-up"));
		this.root.empty();
		if (!rows.length) {
			this.root.append($("<p class='text-muted'></p>").text(__("No provider here is set up step by step. Make a provider first.")));
			const button = $("<button class='btn btn-primary btn-sm'></button>").text(__("New Provider"));
			return this.root.append(button.on("click", () => frappe.new_doc("Bank API Provider")));
		}
		const list = $("<ol></ol>").appendTo(this.root);
		for (const row of rows) {
			const head = $("<button type='button' class='step-head'><span class='step-title'></span><span class='indicator-pill'></span></button>");
			head.find(".step-title").text(row.provider);
			head.find(".indicator-pill").addClass(row.ready ? "green" : "orange").text(progress(row));
			head.on("click", () => frappe.set_route("bank-api-setup", row.provider));
			list.append($("<li class='step'></li>").append(head));
		}
	}

	// --- the steps

	show(state) {
		this.state = { ...state, once: null };
		this.page.set_title(__("Set-up of {0}", [state.provider]));
		this.root.empty();
		this.root.append(this.introduction(state));
		const current = state.steps.find((step) => step.key === this.opened) || first_open(state.steps);
		let group = "";
		let list = null;
		state.steps.forEach((step, index) => {
			if (step.group !== group) {
				group = step.group;
				this.root.append($("<h2></h2>").text(group));
				list = $("<ol></ol>").appendTo(this.root);
			}
			list.append(this.step(step, index + 1, current && step.key === current.key));
		});
		this.look_again(state);
	}

	introduction(state) {
		const text = state.ready
			? state.done === state.count
				? __("Everything is in place: end users can share their data.")
				: __("End users can share their data. What is still open below is recommended.")
			: __("Go through the steps from top to bottom. You can leave at any time: what is done stays done.");
		const pill = $("<span class='indicator-pill'></span>").addClass(state.ready ? "green" : "orange").text(progress(state));
		const line = $("<p class='text-muted'></p>").text(text).prepend(pill, " ");
		const form = $("<a></a>").attr("href", frappe.utils.get_form_link("Bank API Provider", state.provider));
		return line.append(" ", form.text(__("Open the provider")));
	}

	step(step, number, open) {
		const id = `bank-api-step-${step.key}`;
		const item = $("<li class='step'></li>").addClass(`is-${step.state}`).attr("data-step", step.key);
		const head = $("<button type='button' class='step-head'></button>").attr({ "aria-expanded": open ? "true" : "false", "aria-controls": id });
		const mark = $("<span class='indicator-pill step-number'></span>").addClass(COLORS[step.state]).text(step.state === "done" ? "✓" : number);
		const badge = $("<span class='indicator-pill step-state'></span>").addClass(COLORS[step.state]).text(state_words(step));
		const title = $("<span class='step-title'></span>").text(step.title);
		if (step.state === "blocked" || step.state === "waiting") title.append($("<span class='step-why'></span>").text(step.reason));
		head.append(mark.attr("aria-hidden", "true"), title, badge);
		const body = $("<div class='step-body'></div>").attr("id", id).toggle(Boolean(open));
		let drawn = false;
		const draw = () => {
			if (!drawn) this.body(step, body);
			drawn = true;
		};
		if (open) draw();
		head.on("click", () => {
			const opening = head.attr("aria-expanded") !== "true";
			if (opening) draw();
			head.attr("aria-expanded", String(opening));
			body.toggle(opening);
		});
		return item.append(head, body);
	}

	body(step, body) {
		body.append($("<p class='text-muted'></p>").text(step.help));
		if (step.reason && step.state !== "blocked" && step.state !== "waiting") {
			body.append($("<p class='step-reason'></p>").text(step.reason));
		}
		if (step.facts.length) body.append(facts_list(step.facts));
		for (const record of step.records) {
			const link = $("<a></a>").attr({ href: frappe.utils.get_form_link(record.doctype, record.name), dir: "auto" }).text(__("Open {0}", [record.label]));
			body.append($("<p></p>").append(link));
		}
		const inline = step.state === "next" || step.state === "waiting" ? step.actions.find((one) => one.primary && one.fields.length) : null;
		const buttons = $("<div class='step-buttons'></div>");
		if (inline) {
			const holder = $("<div></div>").appendTo(body);
			const form = new StepForm(inline, holder[0]);
			buttons.append(this.button(inline.label, true, () => this.press(step, inline, form)));
		}
		for (const action of step.actions.filter((one) => one !== inline)) {
			const label = step.state === "done" && action.fields.length && action.primary ? __("Change") : action.label;
			buttons.append(this.button(label, action.primary && step.state !== "done", () => this.ask(step, action)));
		}
		if (step.actions.length) body.append(buttons);
	}

	button(label, primary, action) {
		const button = $("<button type='button' class='btn btn-sm'></button>").addClass(primary ? "btn-primary" : "btn-default");
		return button.text(label).on("click", action);
	}

	// --- doing something

	ask(step, action) {
		if (!action.fields.length) return this.press(step, action, null);
		const dialog = new frappe.ui.Dialog({ title: action.label });
		const form = new StepForm(action, dialog.body);
		dialog.set_primary_action(action.label, () => this.press(step, action, form, dialog));
		dialog.onhide = () => form.forget();
		dialog.show();
	}

	press(step, action, form, dialog) {
		const values = form ? form.values() : Promise.resolve({});
		return values.then((read) => {
			if (!read) return;
			const send = () => this.send(step, action, form, read, dialog);
			return action.confirm ? frappe.confirm(action.confirm, send) : send();
		});
	}

	send(step, action, form, values, dialog) {
		const args = { provider: this.provider, step: step.key, action: action.key, secret: JSON.stringify(values) };
		return this.call("run_step", args).then((state) => {
			if (!state) return;
			if (form) form.forget();
			if (dialog) dialog.hide();
			this.after(step, state);
		});
	}

	after(step, state) {
		const now = state.steps.find((one) => one.key === step.key);
		this.opened = now && now.state !== "done" ? step.key : null;
		this.show(state);
		const text = now && now.state === "done" ? __("Done: {0}", [step.title]) : __("Saved: {0}", [step.title]);
		frappe.show_alert({ message: frappe.utils.escape_html(text), indicator: "green" });
		this.status.text(text);
		this.root.find(".step-head[aria-expanded='true']").first().trigger("focus");
		if (state.once) this.show_once(state.once);
	}

	// An address that is given only now: it stays in this dialog, and nowhere else.
	show_once(once) {
		const dialog = new frappe.ui.Dialog({ title: once.title });
		const link = $("<a class='btn btn-primary btn-sm' target='_blank' rel='noopener noreferrer'></a>").text(once.label).attr("href", once.url);
		const copy = $("<button type='button' class='btn btn-default btn-sm'></button>").text(__("Copy Link"));
		copy.on("click", () => frappe.utils.copy_to_clipboard(once.url));
		$(dialog.body).append($("<p></p>").text(once.text), $("<div class='bank-api-once'></div>").append(link, " ", copy));
		dialog.onhide = () => dialog.$wrapper.remove();
		dialog.show();
		link.trigger("focus");
	}

	// What is on its way is looked for a while, so that nobody has to reload; forms that are being filled in stay.
	look_again(state) {
		this.stop();
		if (!state.steps.some((step) => step.soon)) {
			this.looks = 0;
			return;
		}
		this.looks = (this.looks || 0) + 1;
		if (this.looks > LOOKS) return;
		this.timer = setTimeout(() => {
			this.call("get_steps", { provider: this.provider }).then((fresh) => {
				if (!fresh || fresh.provider !== this.provider) return;
				if (changed(this.state, fresh)) return this.show(fresh);
				this.look_again(fresh);
			});
		}, LOOK_AGAIN_MS);
	}
}

function changed(before, after) {
	const marks = (state) => JSON.stringify(state.steps.map((step) => [step.key, step.state, step.reason]));
	return marks(before) !== marks(after);
}

function first_open(steps) {
	return (
		steps.find((step) => step.state === "next" && !step.optional) ||
		steps.find((step) => step.state === "next") ||
		steps.find((step) => step.state === "waiting")
	);
}

function progress(row) {
	return __("{0} of {1} done", [row.done, row.count]);
}

function state_words(step) {
	if (step.state === "done") return __("Done");
	if (step.state === "waiting") return __("Waiting");
	if (step.state === "blocked") return __("Blocked");
	return step.optional ? __("Recommended") : __("To Do");
}

// --- what a step shows

function facts_list(facts) {
	const list = $("<dl></dl>");
	for (const fact of facts) {
		const value = $("<dd></dd>");
		if (fact.filename) {
			value.append(small_button(__("Download"), fact.label, () => save_file(fact.filename, fact.value)));
		} else {
			value.append($("<span class='fact-value' dir='auto'></span>").text(fact.value));
		}
		value.append(small_button(__("Copy"), fact.label, () => frappe.utils.copy_to_clipboard(fact.value)));
		list.append($("<dt></dt>").text(fact.label), value);
	}
	return list;
}

function small_button(label, of, action) {
	const button = $("<button type='button' class='btn btn-xs btn-default'></button>").text(label);
	return button.attr("aria-label", `${label}: ${of}`).on("click", action);
}

function save_file(name, text) {
	const link = document.createElement("a");
	link.href = URL.createObjectURL(new Blob([text], { type: "application/x-pem-file" }));
	link.download = name;
	link.click();
	URL.revokeObjectURL(link.href);
}

// --- the form of an action

class StepForm {
	constructor(action, body) {
		this.action = action;
		this.group = new frappe.ui.FieldGroup({ fields: action.fields.map(docfield), body });
		this.group.make();
		this.tables = action.fields.filter((one) => one.fieldtype === "Table").map((one) => new Rows(one, this.group));
		for (const field of action.fields.filter((one) => one.fieldtype === "File")) this.add_file(field);
	}

	add_file(field) {
		const label = $("<label class='control-label'></label>").text(field.label);
		const input = $("<input type='file' class='form-control-file d-block mt-1 mb-3' accept='.pem,.crt,.cer,.der,.p12,.pfx,.txt'>");
		$(this.group.get_field(field.fieldname).wrapper).append(label.append(input));
	}

	// What was filled in, with files as base64; null if something is missing.
	values() {
		const found = this.group.get_values();
		if (!found) return Promise.resolve(null);
		for (const table of this.tables) {
			const rows = table.values();
			if (!rows) return Promise.resolve(null);
			found[table.field.fieldname] = rows;
		}
		const files = this.action.fields.filter((one) => one.fieldtype === "File");
		return Promise.all(files.map((field) => this.read_file(field, found))).then((fits) => (fits.every(Boolean) ? found : null));
	}

	read_file(field, found) {
		const file = $(this.group.get_field(field.fieldname).wrapper).find("input[type=file]")[0].files[0];
		if (!file) return Promise.resolve(true);
		if (file.size > LARGEST_FILE) {
			frappe.msgprint({ message: __("The file is too large to be a certificate."), indicator: "red" });
			return Promise.resolve(false);
		}
		return file.arrayBuffer().then((data) => {
			found[field.fieldname] = base64(data);
			return true;
		});
	}

	// Keys and passwords do not stay in the page.
	forget() {
		for (const field of this.action.fields.filter((one) => one.fieldtype === "Password")) {
			this.group.set_value(field.fieldname, "");
		}
	}
}

function docfield(field) {
	const plain = {
		fieldname: field.fieldname,
		label: field.label,
		fieldtype: ["File", "Table"].includes(field.fieldtype) ? "HTML" : field.fieldtype,
		description: field.description,
		reqd: field.required ? 1 : 0,
		default: field.default,
		options: field.options || undefined,
	};
	if (plain.fieldtype === "HTML") return { fieldname: field.fieldname, fieldtype: "HTML" };
	if (field.fieldtype === "Password") plain.no_strength_check = 1;
	if (field.fieldtype === "MultiCheck") {
		plain.default = undefined;
		plain.columns = 1;
		plain.options = field.options.map(([value, label]) => ({ value, label, checked: (field.default || []).includes(value) }));
	}
	if (field.filters) plain.get_query = () => ({ filters: field.filters });
	return plain;
}

// The rows of a small table, one block each: the desk's grid cannot be used on a narrow screen.
class Rows {
	constructor(field, group) {
		this.field = field;
		this.rows = [];
		this.list = $("<div></div>").appendTo($(group.get_field(field.fieldname).wrapper));
		const add = $("<button type='button' class='btn btn-xs btn-default mb-3'></button>").text(__("Add Row"));
		add.on("click", () => this.add({}).block.find("input, select").first().trigger("focus")).insertAfter(this.list);
		for (const row of field.default && field.default.length ? field.default : [{}]) this.add(row);
	}

	add(values) {
		const block = $("<div class='step-row' role='group'></div>").attr("aria-label", this.field.label).appendTo(this.list);
		const half = Math.ceil(this.field.fields.length / 2);
		const fields = this.field.fields.map((one) => docfield({ ...one, default: values[one.fieldname] || one.default }));
		fields.splice(half, 0, { fieldtype: "Column Break" });
		const group = new frappe.ui.FieldGroup({ fields, body: block[0] });
		group.make();
		const row = { block, group };
		const remove = $("<button type='button' class='btn btn-xs btn-default'></button>").text(__("Remove Row"));
		remove.on("click", () => this.remove(row)).appendTo(block);
		this.rows.push(row);
		return row;
	}

	remove(row) {
		row.block.remove();
		this.rows = this.rows.filter((one) => one !== row);
	}

	// What was filled in; null if something is missing.
	values() {
		const found = this.rows.map((row) => row.group.get_values());
		return found.every(Boolean) ? found : null;
	}
}

function base64(data) {
	let text = "";
	for (const byte of new Uint8Array(data)) text += String.fromCharCode(byte);
	return btoa(text);
}
