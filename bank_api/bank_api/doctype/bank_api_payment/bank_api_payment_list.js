frappe.listview_settings["Bank API Payment"] = {
	add_fields: ["status", "amount", "currency", "batch"],
	hide_name_column: true,
	get_indicator(doc) {
		return [__(doc.status), state_color(doc.status), `status,=,${doc.status}`];
	},
	formatters: {
		amount_value: (value, df, doc) => amount_cell(doc.amount, doc.currency),
	},
	onload(listview) {
		widen_list(listview, 8);
	},
	refresh(listview) {
		sort_in_batch(listview);
		show_amounts_when_narrow(listview, "amount");
	},
};

// Within a batch the payments stand in its order, otherwise the newest come first; another choice of the user stays.
function sort_in_batch(listview) {
	const within = listview.filter_area.get().some((filter) => ["batch", "part"].includes(filter[1]) && filter[2] === "=");
	const [now, field, order] = within ? ["name desc", "number", "asc"] : ["number asc", "name", "desc"];
	if (`${listview.sort_by} ${listview.sort_order}`.toLowerCase() !== now || !listview.sort_selector) return;
	const selector = listview.sort_selector;
	const option = selector.wrapper.find(`.dropdown-menu a.option[data-value="${field}"]`);
	const direction = selector.wrapper.find(".btn-order");
	if (!option.length || !direction.length) return;
	// The presses only show the choice. One question follows: of several, any answer might come last.
	const ask = selector.onchange;
	selector.onchange = () => {};
	// The first press may only write small letters where the DocType has capitals.
	for (let press = 0; press < 2 && direction.attr("data-value") !== order; press++) direction.triggerHandler("click");
	option.triggerHandler("click");
	selector.onchange = ask;
	listview.on_sort_change(field, order);
}
