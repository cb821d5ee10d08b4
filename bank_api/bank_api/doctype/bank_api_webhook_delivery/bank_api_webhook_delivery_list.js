frappe.listview_settings["Bank API Webhook Delivery"] = {
	add_fields: ["status"],
	hide_name_column: true,
	get_indicator(doc) {
		const colors = { Pending: "blue", Delivered: "green", "Dead Letter": "red", Cancelled: "gray" };
		return [__(doc.status), colors[doc.status] || "gray", `status,=,${doc.status}`];
	},
	onload(listview) {
		listview.page.add_action_item(__("Replay"), () => replay_selected(listview));
	},
};

function replay_selected(listview) {
	const names = listview.get_checked_items(true);
	frappe
		.xcall("bank_api.bank_api.doctype.bank_api_webhook_delivery.bank_api_webhook_delivery.replay_selected", { names })
		.then((count) => {
			frappe.show_alert({ message: __("{0} webhooks are sent again.", [count]), indicator: "blue" });
			listview.clear_checked_items();
			listview.refresh();
		});
}
