app_name = "bank_api"
app_title = "Bank API"
app_publisher = "The bank_api authors"
app_description = "Self-hosted open-banking gateway for ERP sites"
app_email = "bank_api@example.com"
app_license = "MIT"

add_to_apps_screen = [
	{
		"name": "bank_api",
		"logo": "/assets/bank_api/images/bank-api.svg",
		"title": "Bank API",
		"route": "/app/bank-api",
		"has_permission": "bank_api.bank_api.rules.has_app_permission",
	}
]

after_install = "bank_api.install.after_install"
after_migrate = ["bank_api.install.after_migrate"]
after_uninstall = "bank_api.uninstall.after_uninstall"

# Generic doors (desk, /api/resource, reports) follow the same tenancy as the API. One dotted path for each
# DocType: older frameworks call the query condition with the user alone.
_TENANT_DOCTYPES = {
	"Bank API Settings": "settings",
	"Bank API Provider": "provider",
	"Bank API Certificate": "certificate",
	"Bank API Client": "client",
	"Bank API End User": "end_user",
	"Bank API Connect Request": "connect_request",
	"Bank API Consent": "consent",
	"Bank API Resource": "resource",
	"Bank API Item": "item",
	"Bank API Account": "account",
	"Bank API Transaction": "transaction",
	"Bank API Payment Batch": "payment_batch",
	"Bank API Payment": "payment",
	"Bank API Webhook Event": "webhook_event",
	"Bank API Webhook Delivery": "webhook_delivery",
	"Bank API Whitelabel": "whitelabel",
	"Bank API Access Link": "access_link",
	"Bank API Log": "log",
}
permission_query_conditions = {
	doctype: f"bank_api.gateway.permissions.query_conditions_{key}"
	for doctype, key in _TENANT_DOCTYPES.items()
}
has_permission = dict.fromkeys(_TENANT_DOCTYPES, "bank_api.gateway.permissions.has_permission")

doctype_js = {
	**dict.fromkeys(
		(
			"Bank API Certificate",
			"Bank API Client",
			"Bank API Consent",
			"Bank API End User",
			"Bank API Item",
			"Bank API Provider",
			"Bank API Webhook Delivery",
			"Bank API Webhook Event",
			"Bank API Whitelabel",
		),
		"public/js/form_buttons.js",
	),
	"Bank API Payment Batch": ["public/js/form_buttons.js", "public/js/payments.js"],
	"Bank API Payment": "public/js/payments.js",
}
doctype_list_js = dict.fromkeys(("Bank API Payment Batch", "Bank API Payment"), "public/js/payments.js")

_KEPT = {
	"on_trash": "bank_api.bank_api.rules.refuse_deletion",
	"before_rename": "bank_api.bank_api.rules.refuse_deletion",
}
doc_events = {
	# An attached file would lie readable among the site's files: of these records it may hold a private key.
	"File": {"before_insert": "bank_api.bank_api.rules.refuse_attached_keys"},
	# A batch that is deleted frees its caller's key: a repeated call would pay again.
	"Bank API Payment Batch": _KEPT,
	"Bank API Payment": _KEPT,
}

before_request = ["bank_api.gateway.api.before_request", "bank_api.www.bank_api_consents.before_request"]
auth_hooks = ["bank_api.gateway.permissions.confine_clients"]

scheduler_events = {
	"cron": {
		"*/2 * * * *": ["bank_api.gateway.schedule.tick", "bank_api.gateway.connect.tick"],
		"* * * * *": [
			"bank_api.gateway.relay.tick",
			"bank_api.gateway.events.tick",
			"bank_api.gateway.consent_duties.tick",
			"bank_api.gateway.session_duties.tick",
			"bank_api.gateway.nudges.tick",
			"bank_api.gateway.payment_duties.tick",
		],
	},
	"hourly_long": ["bank_api.gateway.end_users.erase_pending", "bank_api.gateway.purge.due"],
	"daily": [
		"bank_api.gateway.expiry.notify_due",
		"bank_api.gateway.certificate_expiry.notify_due",
		"bank_api.gateway.payment_journal.clean_up",
		"bank_api.gateway.statement_expiry.notify_due",
	],
	"daily_long": ["bank_api.gateway.retention.clean_up"],
}

website_route_rules = [
	{"from_route": "/bank-api/return", "to_route": "bank_api_return"},
	{"from_route": "/bank-api/registered", "to_route": "bank_api_registered"},
]

# Finished records that only point at a client, item or end user do not keep it from being deleted.
ignore_links_on_delete = [
	"Bank API Log",
	"Bank API Access Link",
	"Bank API Webhook Event",
	"Bank API Webhook Delivery",
	"Bank API Connect Request",
	"Bank API Consent",
]

user_data_fields = [
	{"doctype": "Bank API End User", "filter_by": "email", "redact_fields": ["email"], "partial": True},
]

export_python_type_annotations = True
require_type_annotated_api_methods = True
