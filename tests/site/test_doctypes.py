"""The DocTypes as the database, the desk and `/api/resource` see them."""

import json
from datetime import timedelta

import pytest

from bank_api.gateway.clock import site_now, utc_now
from bank_api.gateway.ids import first_name, row_name

UNIQUE = {
	"Bank API Provider": [("provider_name",)],
	"Bank API Certificate": [("title",)],
	"Bank API Client": [("site",)],
	"Bank API Whitelabel": [("title",)],
	"Bank API Access Link": [("link_hash",), ("session_hash",)],
	"Bank API End User": [("client", "provider", "user"), ("external_user_id",)],
	"Bank API Connect Request": [("state_hash",), ("session_hash",)],
	"Bank API Resource": [("item", "path")],
	"Bank API Consent": [("provider", "provider_consent_id")],
	"Bank API Item": [("provider", "item_id")],
	"Bank API Account": [("provider", "provider_account_id", "end_user")],
	"Bank API Transaction": [("account", "identity")],
	"Bank API Payment Batch": [("client", "idempotency_key"), ("provider", "exchange_id")],
	"Bank API Payment": [("batch", "number")],
	"Bank API Webhook Event": [("provider", "digest"), ("provider", "event_id")],
	"Bank API Webhook Delivery": [("event_id",)],
}
INDEXED = {
	"Bank API Consent": [
		("state", "renew_after"),
		("end_user",),
		("item",),
		("request",),
		("next_check_at",),
	],
	"Bank API Resource": [("end_user",), ("provider", "fetched_at")],
	"Bank API Item": [("next_try_at",), ("client",), ("end_user",)],
	"Bank API Account": [("end_user",), ("item",)],
	"Bank API Transaction": [("account", "change_stamp"), ("account", "date")],
	"Bank API Payment Batch": [
		("state", "next_try_at"),
		("state", "next_check_at"),
		("parent_batch",),
		("client", "content_digest"),
	],
	"Bank API Payment": [("part", "place"), ("batch", "status", "number")],
	"Bank API Webhook Event": [("status", "next_try_at")],
	"Bank API Webhook Delivery": [("status", "next_attempt_at"), ("client", "status", "sequence")],
	"Bank API Connect Request": [("status", "expires_at"), ("end_user",)],
	"Bank API Access Link": [("client", "user")],
}
SECRETS = {
	"Bank API Provider": {
		"client_secret",
		"onboarding_link",
		"webhook_secret",
		"previous_webhook_secret",
		"api_key_registration",
		"api_key_oauth2",
		"api_key_adaa",
		"api_key_batchda",
		"software_statement",
		"registration_key",
	},
	"Bank API Client": {"webhook_secret", "previous_webhook_secret"},
	"Bank API Consent": {"access_token", "refresh_token", "code_verifier", "authorisation_code"},
	"Bank API Connect Request": {"session_id"},
	"Bank API End User": {"access_token"},
	"Bank API Certificate": {"private_key"},
}


def indexes(db, doctype: str) -> dict[tuple[str, ...], bool]:
	"""The columns of every index of a table, and whether it is unique."""
	found: dict[str, tuple[bool, list[str]]] = {}
	for row in db.db.sql(f"show index from `tab{doctype}`", as_dict=True):
		found.setdefault(row.Key_name, (not row.Non_unique, []))[1].append(row.Column_name)
	return {tuple(columns): unique for unique, columns in found.values()}


def our_doctypes(db) -> list[str]:
	return db.get_all("DocType", {"module": "Bank API", "istable": 0}, pluck="name")


def new_provider(db, **values):
	doc = db.new_doc("Bank API Provider")
	doc.update({"provider_name": f"P {row_name()}", "client_id": "id", "client_secret": "secret"} | values)
	return doc


def new_client(db, **values):
	doc = db.new_doc("Bank API Client")
	doc.update({"site": f"{row_name()}.example.com", "base_url": "https://erp.example.com"} | values)
	return doc


@pytest.fixture
def strict(db, monkeypatch):
	"""A production site: neither http nor developer mode."""
	monkeypatch.setitem(db.conf, "bank_api_allow_http", 0)
	monkeypatch.setitem(db.conf, "developer_mode", 0)
	return db


# --- schema


@pytest.mark.parametrize("doctype", UNIQUE)
def test_unique_keys_live_in_the_database(db, doctype):
	unique = {columns for columns, is_unique in indexes(db, doctype).items() if is_unique}
	assert set(UNIQUE[doctype]) <= unique


@pytest.mark.parametrize("doctype", INDEXED)
def test_indexes_live_in_the_database(db, doctype):
	assert set(INDEXED[doctype]) <= set(indexes(db, doctype))


@pytest.mark.parametrize("doctype", SECRETS)
def test_secrets_are_password_fields(db, doctype):
	fields = {field.fieldname for field in db.get_meta(doctype).fields if field.fieldtype == "Password"}
	assert fields == SECRETS[doctype]


def test_a_second_row_with_the_same_key_is_refused_by_the_database(db):
	values = {"user": "u", "client": "c", "provider": "p"}
	for name in (row_name(), row_name()):
		statement = (
			"insert into `tabBank API End User` (name, client, provider, user) values (%s, 'c', 'p', 'u')"
		)
		if db.db.exists("Bank API End User", values):
			with pytest.raises(Exception, match="Duplicate entry"):
				db.db.sql(statement, (name,))
		else:
			db.db.sql(statement, (name,))


def test_names_grow_with_time(db):
	before = first_name(utc_now() - timedelta(seconds=1))
	name = db.new_doc("Bank API Log").update({"action": "Test"}).insert(ignore_permissions=True).name
	assert before < name < first_name(utc_now() + timedelta(seconds=1))


# --- invariants


@pytest.mark.parametrize(
	"url",
	[
		"http://api.example.com",
		"https://api.example.com/v2",
		"https://user:secret@api.example.com",
		"https://api.example.com#x",
		"https://api.example.com?a=b",
		"ftp://api.example.com",
		"api.example.com",
		"https://",
		"https://a b.example.com",
		"https://api.example.com:99999",
		"javascript:alert(1)",
	],
)
def test_a_base_url_is_scheme_and_host(strict, url):
	with pytest.raises(strict.ValidationError):
		new_provider(strict, api_base_url=url).insert()


def test_a_base_url_is_kept_without_a_slash(strict):
	assert (
		new_provider(strict, api_base_url="https://API.example.com/").insert().api_base_url
		== "https://api.example.com"
	)


@pytest.mark.parametrize(
	("field", "value"),
	[
		("connect_timeout", 0),
		("read_timeout", 301),
		("max_response_mb", 0),
		("page_size", 0),
		("page_size", 501),
		("sync_interval_minutes", 0),
		("stale_after_hours", 0),
		("sync_overlap_minutes", -1),
		("user_calls_per_minute", -1),
		("country_code", "FRA"),
		("connector", "nobody"),
		("api_version", "1999-01-01"),
		("ca_bundle", "-----BEGIN PRIVATE KEY-----"),
	],
)
def test_a_providers_settings_are_within_reason(db, field, value):
	with pytest.raises(db.ValidationError):
		new_provider(db, **{field: value}).insert()


def test_the_webhook_address_follows_the_public_url(db):
	provider = new_provider(db, provider_name="Bridge & Söhne").insert()
	db.db.set_single_value("Bank API Settings", "public_url", "https://bank.example.com")
	assert provider.webhook_address == (
		"https://bank.example.com/api/method/bank_api.webhooks.bridge?provider=Bridge%20%26%20S%C3%B6hne"
	)
	db.db.set_single_value("Bank API Settings", "public_url", "")
	assert provider.webhook_address == ""


def test_a_new_webhook_secret_keeps_the_one_before_for_a_day(db):
	provider = new_provider(db, webhook_secret="first").insert()
	assert not provider.previous_webhook_secret_until
	provider.rotate_webhook_secret("second")
	provider.reload()
	assert provider.get_password("webhook_secret") == "second"
	assert provider.get_password("previous_webhook_secret") == "first"
	left = provider.previous_webhook_secret_until - site_now()
	assert timedelta(hours=23) < left <= timedelta(hours=24)


def test_saving_without_touching_the_secret_rotates_nothing(db):
	provider = new_provider(db, webhook_secret="first").insert()
	provider.reload()
	provider.client_id = "other"
	provider.save()
	assert provider.get_password("webhook_secret") == "first"
	assert not provider.previous_webhook_secret_until


@pytest.mark.parametrize("doctype", SECRETS)
def test_secrets_are_not_in_the_table(db, doctype):
	for field in SECRETS[doctype]:
		clear = db.db.sql(f"select count(*) from `tab{doctype}` where `{field}` regexp '[^*]'")[0][0]
		assert clear == 0


@pytest.mark.parametrize(
	"site", ["", "UPPER.example.com", "a b", "-a", "a-", "a/b", "à.example.com", "x" * 141]
)
def test_a_site_key_is_plain(db, site):
	with pytest.raises(db.ValidationError):
		new_client(db, site=site).insert()


@pytest.mark.parametrize(
	("field", "value"),
	[
		("base_url", "http://erp.example.com"),
		("base_url", "https://erp.example.com/app"),
		("allowed_origins", "https://a.example.com\nhttp://b.example.com"),
		("allowed_origins", "https://a.example.com/path"),
		("webhook_url", "http://erp.example.com/hook"),
		("webhook_url", "https://user:pw@erp.example.com/hook"),
		("webhook_url", "https://erp.example.com/hook#x"),
	],
)
def test_a_clients_addresses_are_https(strict, field, value):
	with pytest.raises(strict.ValidationError):
		new_client(strict, **{field: value}).insert()


def test_origins_are_tidied(strict):
	client = new_client(
		strict, allowed_origins=" https://A.example.com/ \n\nhttps://a.example.com\nhttps://b.example.com"
	).insert()
	assert client.allowed_origins == "https://a.example.com\nhttps://b.example.com"


def test_http_is_accepted_where_the_sites_config_says_so(strict, monkeypatch):
	monkeypatch.setitem(strict.conf, "bank_api_allow_http", 1)
	assert new_client(strict, base_url="http://127.0.0.1:8000").insert().base_url == "http://127.0.0.1:8000"


def test_a_provider_is_listed_once(db):
	provider = new_provider(db).insert()
	client = new_client(db)
	for _ in range(2):
		client.append("allowed_providers", {"provider": provider.name})
	with pytest.raises(db.ValidationError):
		client.insert()


@pytest.mark.parametrize("user", ["Administrator", "Guest"])
def test_keys_can_never_be_those_of_a_powerful_user(db, user):
	with pytest.raises(db.ValidationError):
		new_client(db, user=user).insert()


def test_two_clients_never_share_a_user(db):
	first = new_client(db).insert()
	first.create_key_pair()
	first.reload()
	with pytest.raises((db.ValidationError, db.UniqueValidationError)):
		new_client(db, user=first.user).insert()


@pytest.mark.parametrize(
	"url", ["http://bank.example.com", "https://bank.example.com/path", "bank.example.com"]
)
def test_the_public_url_is_https_without_a_path(strict, url):
	settings = strict.get_doc("Bank API Settings")
	settings.public_url = url
	with pytest.raises(strict.ValidationError):
		settings.save()


def test_the_public_url_may_be_this_machine(strict):
	settings = strict.get_doc("Bank API Settings")
	settings.public_url = "http://localhost:8000/"
	settings.save()
	assert settings.public_url == "http://localhost:8000"


# --- the log


@pytest.fixture
def line(db):
	return db.new_doc("Bank API Log").update({"action": "Test"}).insert(ignore_permissions=True)


def test_a_log_line_is_never_changed(db, line):
	line.action = "Other"
	with pytest.raises(db.PermissionError):
		line.save(ignore_permissions=True)
	with pytest.raises(db.PermissionError):
		line.db_set("action", "Other")


def test_a_log_line_is_never_deleted_or_renamed(db, line):
	with pytest.raises(db.PermissionError):
		db.delete_doc("Bank API Log", line.name, force=True, ignore_permissions=True)
	with pytest.raises((db.PermissionError, db.ValidationError)):
		db.rename_doc("Bank API Log", line.name, "other", force=True)


def test_retention_deletes_old_lines_only(db, line):
	from bank_api.gateway import retention

	old = first_name(utc_now() - timedelta(days=400)) + "000000000"
	db.db.sql(
		"insert into `tabBank API Log` (name, creation, modified, action) values (%s, now(), now(), 'Old')",
		(old,),
	)
	settings = db.get_doc("Bank API Settings")
	settings.log_retention_days = 365
	settings.save()
	try:
		retention.clean_up()
		assert not db.db.exists("Bank API Log", old)
		assert db.db.exists("Bank API Log", line.name)
	finally:
		db.db.delete("Bank API Log", {"name": ("in", (old, line.name))})
		db.db.commit()


# --- keys and roles


def test_a_key_pair_is_shown_once(db):
	client = new_client(db).insert()
	keys = client.create_key_pair()
	assert set(keys) == {"api_key", "api_secret", "webhook_secret"}
	client.reload()
	shown = json.dumps(client.as_dict(), default=str)
	for secret in (keys["api_secret"], keys["webhook_secret"]):
		assert secret not in shown
		assert secret not in json.dumps(db.get_doc("User", client.user).as_dict(), default=str)
	assert client.get_password("webhook_secret") == keys["webhook_secret"]


def test_an_api_user_has_no_desk_and_no_rights(db):
	client = new_client(db).insert()
	client.create_key_pair()
	client.reload()
	user = db.get_doc("User", client.user)
	assert user.user_type == "Website User"
	db.set_user(client.user)
	for doctype in our_doctypes(db):
		for right in ("read", "write", "create", "delete"):
			assert not db.has_permission(doctype, right)
		if not db.get_meta(doctype).issingle:
			with pytest.raises(db.PermissionError):
				db.get_list(doctype)


def test_only_managers_press_buttons(db):
	client = new_client(db).insert()
	client.create_key_pair()
	client.reload()
	db.set_user(client.user)
	for method in ("create_key_pair", "revoke_keys", "send_test_webhook"):
		with pytest.raises(db.PermissionError):
			getattr(client, method)()


def test_a_manager_reads_all_and_writes_the_set_up_only(db):
	user = db.get_doc(
		{
			"doctype": "User",
			"email": f"{row_name()}@example.com",
			"first_name": "Manager",
			"send_welcome_email": 0,
		}
	)
	user.append("roles", {"role": "Bank API Manager"})
	user.insert(ignore_permissions=True)
	db.set_user(user.name)
	writable = {
		"Bank API Provider",
		"Bank API Certificate",
		"Bank API Client",
		"Bank API Whitelabel",
		"Bank API Settings",
	}
	for doctype in our_doctypes(db):
		assert db.has_permission(doctype, "read")
		assert db.has_permission(doctype, "write") == (doctype in writable)
		assert db.has_permission(doctype, "create") == (doctype in writable)


def test_the_roles_are_what_they_should_be(db):
	assert db.db.get_value("Role", "Bank API Client", "desk_access") == 0
	assert db.db.get_value("Role", "Bank API Manager", "desk_access") == 1


def test_every_button_is_a_typed_post(db):
	from frappe.model.base_document import get_controller

	for doctype in our_doctypes(db):
		for name, method in vars(get_controller(doctype)).items():
			function = getattr(method, "__wrapped__", None)
			if function is None or method not in db.whitelisted:
				continue
			assert db.allowed_http_methods_for_whitelisted_func[method] == ["POST"], name
			assert "return" in function.__annotations__, name


# --- the workspace


def test_everything_the_workspace_shows_is_there(db):
	workspace = db.get_doc("Workspace", "Bank API")
	assert workspace.public
	links = [link for link in workspace.links if link.type == "Link"]
	assert {link.link_to for link in links if link.link_type == "DocType"} == set(our_doctypes(db))
	pages = {link.link_to for link in links if link.link_type == "Page"}
	assert pages == set(db.get_all("Page", {"module": "Bank API"}, pluck="name"))
	for card in workspace.number_cards:
		assert db.db.exists("Number Card", card.number_card_name)
	for chart in workspace.charts:
		assert db.db.exists("Dashboard Chart", chart.chart_name)
		assert db.db.exists("Dashboard Chart Source", chart.chart_name)


def test_the_charts_count_by_day_of_the_site(db):
	from bank_api.bank_api.dashboard_chart_source.bank_api_failures_by_day import bank_api_failures_by_day

	before = bank_api_failures_by_day.get()
	assert len(before["labels"]) == 30
	db.new_doc("Bank API Log").update({"action": "Test", "outcome": "Failed"}).insert(ignore_permissions=True)
	after = bank_api_failures_by_day.get()
	assert after["datasets"][0]["values"][-1] == before["datasets"][0]["values"][-1] + 1
	assert after["datasets"][0]["values"][:-1] == before["datasets"][0]["values"][:-1]
