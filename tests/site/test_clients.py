"""Client sites: their keys, who counts as one, and which addresses are theirs."""

import base64
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

CLIENT = "Bank API Client"


@pytest.fixture
def client(db):
	"""A client with a base URL and two further origins; rolled back."""
	from bank_api.gateway import clients

	site = f"c-{uuid.uuid4().hex[:8]}.example"
	db.get_doc(
		{
			"doctype": CLIENT,
			"site": site,
			"client_name": "A Client",
			"base_url": "https://erp.example",
			"allowed_origins": "https://other.example:8443\nhttps://[2001:db8::1]",
		}
	).insert()
	return clients.context_of(site)


@pytest.fixture
def https_only(db):
	before = db.conf.pop("bank_api_allow_http", None)
	yield
	if before is not None:
		db.conf["bank_api_allow_http"] = before


class TestKeys:
	def test_the_key_pair_belongs_to_a_user_with_one_role_and_no_desk(self, db, client):
		from bank_api.gateway import clients

		keys = clients.issue_keys(client.name)
		user = db.get_doc("User", db.db.get_value(CLIENT, client.name, "user"))
		assert user.name.endswith("@bank-api.invalid")
		assert user.user_type == "Website User"
		assert [row.role for row in user.roles] == ["Bank API Client"]
		assert user.api_key == keys["api_key"]
		assert user.get_password("api_secret") == keys["api_secret"]

	def test_the_webhook_secret_is_a_standard_webhooks_secret(self, db, client):
		from bank_api.gateway import clients

		secret = clients.issue_keys(client.name)["webhook_secret"]
		assert secret.startswith("whsec_")
		assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32

	def test_no_secret_is_in_clear_in_the_database(self, db, client):
		from bank_api.gateway import clients

		keys = clients.issue_keys(client.name)
		row = db.db.get_value(CLIENT, client.name, "*")
		user = db.db.get_value("User", db.db.get_value(CLIENT, client.name, "user"), "*")
		auth = db.db.sql("select password from `__Auth`")
		stored = repr((row, user, auth))
		assert keys["api_secret"] not in stored
		assert keys["webhook_secret"] not in stored

	def test_new_keys_replace_the_old_ones_and_the_old_webhook_secret_stays_for_a_day(self, db, client):
		from bank_api.gateway import clients

		old = clients.issue_keys(client.name)
		new = clients.issue_keys(client.name)
		assert not set(old.values()) & set(new.values())
		doc = db.get_doc(CLIENT, client.name)
		assert doc.get_password("webhook_secret") == new["webhook_secret"]
		assert doc.get_password("previous_webhook_secret") == old["webhook_secret"]
		assert doc.previous_webhook_secret_until is not None
		assert db.db.count("User", {"name": ("like", f"{client.site}%")}) == 1

	def test_saving_the_form_afterwards_keeps_the_secrets(self, db, client):
		from bank_api.gateway import clients

		keys = clients.issue_keys(client.name)
		doc = db.get_doc(CLIENT, client.name)
		doc.client_name = "Another Name"
		doc.save()
		assert db.get_doc(CLIENT, client.name).get_password("webhook_secret") == keys["webhook_secret"]

	def test_issuing_keys_does_not_turn_back_the_number_of_events(self, db, client):
		from bank_api.gateway import clients

		db.db.set_value(CLIENT, client.name, "event_sequence", 41, update_modified=False)
		clients.issue_keys(client.name)
		assert db.db.get_value(CLIENT, client.name, "event_sequence") == 41

	def test_revoked_keys_are_gone(self, db, client):
		from frappe.utils.password import get_decrypted_password

		from bank_api.gateway import clients

		clients.issue_keys(client.name)
		user = db.db.get_value(CLIENT, client.name, "user")
		clients.revoke_keys(client.name)
		assert not db.db.get_value("User", user, "api_key")
		assert get_decrypted_password("User", user, "api_secret", raise_exception=False) is None

	def test_keys_after_a_revocation_work_again(self, db, client):
		from bank_api.gateway import clients

		clients.issue_keys(client.name)
		clients.revoke_keys(client.name)
		keys = clients.issue_keys(client.name)
		user = db.db.get_value(CLIENT, client.name, "user")
		assert db.db.get_value("User", user, ["api_key", "enabled"]) == (keys["api_key"], 1)

	@pytest.mark.parametrize("site", ["x", "a--b..c", "0.0", "-".join("abcdefghijklmnopqrstuvwxyz")])
	def test_every_site_key_gives_a_user_name(self, db, site):
		from bank_api.gateway.clients import _user_address

		db.utils.validate_email_address(_user_address(site), throw=True)

	def test_similar_sites_get_users_of_their_own(self, db):
		from bank_api.gateway.clients import _user_address

		assert _user_address("a.b" + "c" * 60) != _user_address("a.b" + "c" * 61)
		assert _user_address("shop..one") != _user_address("shop.one")


class TestWhoCalls:
	def test_a_client(self, db, client):
		from bank_api.gateway import clients

		clients.issue_keys(client.name)
		db.set_user(db.db.get_value(CLIENT, client.name, "user"))
		assert clients.current_client().name == client.name

	@pytest.mark.parametrize("user", ["Administrator", "Guest"])
	def test_nobody_else(self, db, client, user):
		from bank_api.gateway import clients
		from bank_api.gateway.errors import NotAllowed

		db.set_user(user)
		with pytest.raises(NotAllowed):
			clients.current_client()

	def test_not_a_disabled_client(self, db, client):
		from bank_api.gateway import clients
		from bank_api.gateway.errors import NotAllowed

		clients.issue_keys(client.name)
		db.db.set_value(CLIENT, client.name, "enabled", 0)
		db.set_user(db.db.get_value(CLIENT, client.name, "user"))
		with pytest.raises(NotAllowed):
			clients.current_client()

	@pytest.mark.parametrize("spelling", [None, "", "{0}", " {0} ", "{1}"])
	def test_site_is_an_alias_of_the_caller(self, client, spelling):
		from bank_api.gateway import clients

		site = spelling and spelling.format(client.site, client.site.upper())
		clients.check_site(client, site)

	@pytest.mark.parametrize("site", ["another.example", "*", "%", client.__name__])
	def test_another_site_is_unknown(self, client, site):
		from bank_api.gateway import clients
		from bank_api.gateway.errors import UnknownObject

		with pytest.raises(UnknownObject):
			clients.check_site(client, site)


OWN = [
	"https://erp.example",
	"https://erp.example/",
	"https://erp.example/a/b?c=d&e=%20f",
	"https://ERP.example:443/x",
	"https://other.example:8443/back",
	"https://[2001:db8::1]/back",
	"https://erp.example?x=https://evil.example",
]
FOREIGN = [
	"https://evil.example",
	"https://erp.example.evil.example",
	"https://evil.example/erp.example",
	"https://erp.example:444/",
	"https://other.example/",
	"https://sub.erp.example/",
	"https://xn--erp-example.example/",
	"https://erp.example./",
]
NO_ADDRESS = [
	"https://erp.example@evil.example/",
	"https://user:pass@erp.example/",
	"https://erp.example\\@evil.example/",
	"https:\\\\evil.example",
	"https://evil.example\\.erp.example/",
	"https://erp.example/#@evil.example",
	"https://erp.example/#frag",
	"https://erp.example/a b",
	"https://erp.example/\r\nLocation: https://evil.example",
	"https://erp.example/\x00",
	"https://erp.example\t.evil.example/",
	"https://\u0435rp.example/",
	"https://erp\u3002example/",
	"https:///evil.example",
	"https:evil.example",
	"https://",
	"https://erp.example:0/",
	"https://erp.example:99999/",
	"https://erp.example:/",
	"https://[::1",
	"https://erp_.example/",
	"javascript:alert(1)",
	"data:text/html,x",
	"ftp://erp.example/",
	"//evil.example/",
	"https://erp.example/" + "a" * 3000,
	'https://erp.example/"><script>',
	"https://erp.example/'x",
]


class TestAddresses:
	@pytest.mark.parametrize("url", OWN)
	def test_own_addresses_are_taken_as_they_are(self, client, url):
		from bank_api.gateway import clients

		assert clients.check_redirect_url(client, url) == url
		assert clients.check_webhook_url(client, url) == url
		assert clients.check_base_url(client, url) == url

	@pytest.mark.parametrize("url", FOREIGN)
	def test_addresses_of_others_are_refused(self, client, url):
		from bank_api.gateway import clients
		from bank_api.gateway.errors import BadArgument, NotAllowed

		for check in (clients.check_redirect_url, clients.check_webhook_url, clients.check_base_url):
			with pytest.raises((NotAllowed, BadArgument)):
				check(client, url)

	@pytest.mark.parametrize("url", NO_ADDRESS)
	def test_what_browsers_read_differently_is_refused(self, client, url):
		from bank_api.gateway import clients
		from bank_api.gateway.errors import BadArgument, NotAllowed

		for check in (clients.check_redirect_url, clients.check_webhook_url, clients.check_base_url):
			with pytest.raises((NotAllowed, BadArgument)):
				check(client, url)

	def test_plain_http_needs_the_site_config(self, db, client, https_only):
		from bank_api.gateway import clients
		from bank_api.gateway.errors import BadArgument, NotAllowed

		with pytest.raises(BadArgument):
			clients.check_redirect_url(client, "http://erp.example/")
		db.conf["bank_api_allow_http"] = 1
		with pytest.raises(NotAllowed):  # http and https are two origins
			clients.check_redirect_url(client, "http://erp.example/")

	def test_without_an_address_the_registered_one_serves(self, client):
		from bank_api.gateway import clients

		assert clients.check_redirect_url(client, None) == "https://erp.example"
		assert clients.check_redirect_url(client, "") == "https://erp.example"
		assert clients.check_webhook_url(client, None) == ""

	@pytest.mark.parametrize(
		"url, expected",
		[
			("/bank?x=1", "https://erp.example/bank?x=1"),
			("bank", "https://erp.example/bank"),
			("?x=1", "https://erp.example?x=1"),
			("///evil.example", "https://erp.example/evil.example"),
		],
	)
	def test_a_relative_address_is_one_of_the_base_url(self, client, url, expected):
		from bank_api.gateway import clients

		assert clients.check_redirect_url(client, url) == expected

	@pytest.mark.parametrize("url", ["//evil.example", "/\\evil.example", "/\tx"])
	def test_a_relative_address_never_leaves_the_base_url(self, client, url):
		from bank_api.gateway import clients
		from bank_api.gateway.errors import BadArgument, NotAllowed

		with pytest.raises((NotAllowed, BadArgument)):
			clients.check_redirect_url(client, url)

	def test_a_client_without_any_origin_may_name_none(self, db, client):
		from bank_api.gateway import clients
		from bank_api.gateway.errors import NotAllowed

		db.db.set_value(CLIENT, client.name, {"base_url": None, "allowed_origins": None})
		bare = clients.context_of(client.name)
		assert clients.check_redirect_url(bare, None) == ""
		with pytest.raises(NotAllowed):
			clients.check_redirect_url(bare, "https://erp.example/")

	@given(st.text(max_size=60))
	@example("https://erp.example%2f@evil.example")
	@example("https://erp.example%40evil.example")
	def test_whatever_is_accepted_is_at_a_registered_origin(self, tail):
		from bank_api.gateway import clients
		from bank_api.gateway.errors import GatewayError

		client = clients.ClientContext("c", "c", "u", "https://erp.example", "")
		for url in (tail, f"https://{tail}", f"https://erp.example{tail}", f"/{tail}"):
			try:
				accepted = clients.check_redirect_url(client, url)
			except GatewayError:
				continue
			assert accepted == "https://erp.example" or accepted.startswith(
				("https://erp.example/", "https://erp.example?", "https://erp.example:443")
			)
