// Added to the forms and lists of batches and payments (hooks.py): states, and amounts to the last digit.

const STATE_COLORS = {
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

function state_color(state) {
	return STATE_COLORS[state] || "gray";
}

function escaped(text) {
	return frappe.utils.escape_html(text === null || text === undefined ? "" : String(text));
}

// Of a text, not of a number: what is shown next to a decision about money was never a float.
function exact_amount(text, currency) {
	const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text || "");
	if (!match) return escaped(text);
	const format = get_number_format(currency);
	const { decimal_str, group_sep } = get_number_format_info(format);
	const groups = format.startsWith("#,##,") ? /\B(?=(\d{2})*\d{3}$)/g : /\B(?=(\d{3})+$)/g;
	const whole = match[2].replace(groups, group_sep || "");
	const amount = match[1] + whole + (match[3] ? (decimal_str || ".") + match[3] : "");
	return `<bdi dir="ltr" class="text-nowrap">${escaped([amount, currency].filter(Boolean).join(" "))}</bdi>`;
}

// An IBAN in groups of four, as people compare it.
function grouped_account(text) {
	return `<bdi dir="ltr" class="text-nowrap">${escaped((text || "").replace(/(.{4})(?=.)/g, "$1 "))}</bdi>`;
}

function code(text) {
	return text ? `<bdi dir="ltr" class="text-monospace" style="overflow-wrap: anywhere">${escaped(text)}</bdi>` : "";
}

function instant(text) {
	return `<bdi dir="ltr" class="text-nowrap">${escaped(frappe.datetime.str_to_user(text))}</bdi>`;
}

function state_pill(state, label) {
	return `<span class="indicator-pill ${state_color(state)}">${escaped(label || __(state))}</span>`;
}

// A small screen gets four columns, three of which are the list's own. Whoever has set up the list keeps their choice.
function widen_list(listview, columns) {
	const settings = listview.list_view_settings || {};
	if (settings.total_fields || window.innerWidth > 1366 || !listview.setup_columns || !listview.render_header) return;
	listview.list_view_settings = Object.assign({}, settings, { total_fields: columns });
	listview.setup_columns();
	listview.render_header(true);
}

function amount_cell(text, currency) {
	return `<span class="d-block text-right ellipsis">${exact_amount(text, currency)}</span>`;
}

// A narrow list has no columns but the title.
function show_amounts_when_narrow(listview, fieldname) {
	const rows = listview.$result.find(".list-row-container .list-row");
	(listview.data || []).forEach((doc, place) => {
		const title = rows.eq(place).find(".list-subject");
		if (title.find(".bank-api-amount").length) return;
		title.append(`<span class="bank-api-amount visible-xs small ml-auto pl-2" style="flex-shrink: 0">${exact_amount(doc[fieldname], doc.currency)}</span>`);
	});
}
