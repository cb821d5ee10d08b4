frappe.provide("frappe.dashboards.chart_sources");

frappe.dashboards.chart_sources["Bank API Transactions by Day"] = {
	method: "bank_api.bank_api.dashboard_chart_source.bank_api_transactions_by_day.bank_api_transactions_by_day.get",
	filters: [],
};
