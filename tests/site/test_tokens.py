"""End users at the provider and their tokens: made once, cached encrypted, renewed by one caller alone."""

import threading
from datetime import timedelta

import pytest

END_USER = "Bank API End User"
TOKEN_CALLS = ".*/(authorization/token|authenticate)"
USER_CALLS = ".*/users"
BOTH = pytest.mark.parametrize("world", ["2025-01-15", "2021-06-01"], indirect=True)


@pytest.fixture
def client(world):
	return world.client()


@pytest.fixture
def end_user(world, client):
	from bank_api.gateway import end_users

	return end_users.ensure(client.name, world.provider, "jane")


def calls(world, path):
	return [call for call in world.sandbox.calls(path) if call["method"] == "POST"]


def in_threads(world, count, work):
	"""Run the same work in several connections at once; returns results and errors."""
	import frappe

	site, path = world.frappe.local.site, world.frappe.local.sites_path
	start, results, errors = threading.Barrier(count), [], []

	def run():
		try:
			frappe.init(site, sites_path=path)
			frappe.connect()
			start.wait()
			results.append(work())
		except Exception as error:  # carried to the main thread
			errors.append(error)
		finally:
			frappe.destroy()

	threads = [threading.Thread(target=run) for _ in range(count)]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join()
	world.frappe.db.commit()
	return results, errors


class TestEndUsers:
	@BOTH
	def test_one_is_made_on_the_fly(self, world, client):
		from bank_api.gateway import end_users

		name = end_users.ensure(client.name, world.provider, "jane@example.org")
		row = world.frappe.get_doc(END_USER, name)
		known = world.sandbox.call("GET", "/state")["users"]
		assert row.provider_user_id in repr(known)
		assert row.email == "jane@example.org"
		assert "jane" not in row.external_user_id

	def test_the_same_user_is_found_again(self, world, client, end_user):
		from bank_api.gateway import end_users

		world.sandbox.reset_calls()
		assert end_users.ensure(client.name, world.provider, "jane") == end_user
		assert not calls(world, USER_CALLS)

	def test_the_same_name_of_two_clients_is_two_users(self, world, end_user):
		from bank_api.gateway import end_users

		other = end_users.ensure(world.client().name, world.provider, "jane")
		rows = [world.frappe.get_doc(END_USER, name) for name in (end_user, other)]
		assert rows[0].provider_user_id != rows[1].provider_user_id

	@pytest.mark.parametrize("similar", ["JANE", "jané", "Jane"])
	def test_names_that_the_database_takes_for_equal_are_not_mixed_up(self, world, client, end_user, similar):
		from bank_api.gateway import end_users
		from bank_api.gateway.errors import BadArgument

		with pytest.raises(BadArgument):
			end_users.ensure(client.name, world.provider, similar)
		assert end_users.find(client.name, similar) == []
		assert end_users.find(client.name, "jane") == [end_user]

	def test_a_crash_after_the_providers_answer_is_repaired(self, world, client, end_user):
		"""The provider made the user, we died before noting it: the next call finds it (409)."""
		from bank_api.gateway import end_users

		before = world.frappe.db.get_value(END_USER, end_user, "provider_user_id")
		world.frappe.db.set_value(END_USER, end_user, "provider_user_id", None)
		world.frappe.db.commit()
		assert end_users.ensure(client.name, world.provider, "jane") == end_user
		assert world.frappe.db.get_value(END_USER, end_user, "provider_user_id") == before

	def test_the_row_is_committed_before_the_provider_is_asked(self, world, client):
		from bank_api.connectors.errors import ProviderError
		from bank_api.gateway import end_users

		world.sandbox.fail("status", path=USER_CALLS, times=10, status=500)
		with pytest.raises(ProviderError):
			end_users.ensure(client.name, world.provider, "joe")
		world.frappe.db.rollback()
		external = world.external_id(client, "joe")
		assert external
		world.sandbox.clear_faults()
		end_users.ensure(client.name, world.provider, "joe")
		assert world.external_id(client, "joe") == external

	def test_concurrent_calls_make_one(self, world, client):
		from bank_api.gateway import end_users

		world.sandbox.reset_calls()
		results, errors = in_threads(world, 6, lambda: end_users.ensure(client.name, world.provider, "crowd"))
		assert not errors
		assert len(set(results)) == 1
		assert len(calls(world, USER_CALLS)) == 1


class TestTokens:
	@BOTH
	def test_it_is_cached_encrypted(self, world, end_user):
		from bank_api.gateway import tokens

		world.sandbox.reset_calls()
		first = tokens.access_token(end_user)
		again = tokens.access_token(end_user)
		assert first == again
		assert len(calls(world, TOKEN_CALLS)) == 1
		value = first.value.reveal()
		assert value not in repr(world.frappe.db.get_value(END_USER, end_user, "*"))
		assert value not in repr(world.frappe.db.sql("select password from `__Auth`"))
		assert value not in repr(first)

	def test_it_is_renewed_early(self, world, end_user):
		from bank_api.gateway import tokens
		from bank_api.gateway.clock import to_site, utc_now

		first = tokens.access_token(end_user)
		ends = {"token_expires_at": to_site(utc_now() + timedelta(minutes=4))}
		world.frappe.db.set_value(END_USER, end_user, ends)
		world.frappe.db.commit()
		assert tokens.access_token(end_user).value != first.value

	def test_the_expiry_survives_the_way_through_site_time(self, world, end_user):
		from bank_api.gateway import tokens

		first = tokens.access_token(end_user)
		assert abs(tokens.access_token(end_user).expires_at - first.expires_at) < timedelta(milliseconds=1)

	def test_a_refused_token_is_renewed_once(self, world, end_user):
		from bank_api.gateway import providers, tokens

		tokens.access_token(end_user)
		world.sandbox.expire_tokens()
		world.sandbox.reset_calls()
		assert tokens.with_token(end_user, providers.connector(world.provider).items) == []
		assert len(calls(world, TOKEN_CALLS)) == 1

	def test_a_token_refused_for_good_does_not_loop(self, world, end_user):
		from bank_api.connectors.errors import AuthenticationExpired
		from bank_api.gateway import tokens

		seen = []

		def refuse(token):
			seen.append(token)
			raise AuthenticationExpired("no")

		with pytest.raises(AuthenticationExpired):
			tokens.with_token(end_user, refuse)
		assert len(seen) == 2 and seen[0].value != seen[1].value

	def test_concurrent_callers_ask_once(self, world, end_user):
		from bank_api.gateway import tokens

		world.sandbox.reset_calls()
		results, errors = in_threads(world, 6, lambda: tokens.access_token(end_user).value.reveal())
		assert not errors
		assert len(set(results)) == 1
		assert len(calls(world, TOKEN_CALLS)) == 1

	def test_concurrent_callers_with_a_refused_token_ask_once(self, world, end_user):
		from bank_api.gateway import providers, tokens

		tokens.access_token(end_user)
		world.sandbox.expire_tokens()
		world.sandbox.reset_calls()
		list_items = lambda: tokens.with_token(end_user, providers.connector(world.provider).items)  # noqa: E731
		results, errors = in_threads(world, 5, list_items)
		assert not errors and results == [[]] * 5
		assert len(calls(world, TOKEN_CALLS)) == 1

	def test_a_failure_frees_the_row(self, world, end_user):
		from bank_api.connectors.errors import ProviderError
		from bank_api.gateway import tokens

		world.sandbox.fail("status", path=TOKEN_CALLS, times=10, status=500)
		with pytest.raises(ProviderError):
			tokens.access_token(end_user)
		world.sandbox.clear_faults()
		results, errors = in_threads(world, 1, lambda: tokens.access_token(end_user).value.reveal())
		assert results and not errors

	def test_a_user_whom_the_provider_forgot(self, world, client, end_user):
		from bank_api.connectors.errors import NotFound
		from bank_api.gateway import end_users, tokens

		world.sandbox.delete_user(world.external_id(client, "jane"))
		with pytest.raises(NotFound):
			tokens.access_token(end_user, force=True)
		assert not world.frappe.db.get_value(END_USER, end_user, "provider_user_id")
		end_users.ensure(client.name, world.provider, "jane")
		assert tokens.access_token(end_user)

	def test_an_unknown_end_user_has_none(self, world):
		from bank_api.gateway import tokens
		from bank_api.gateway.errors import UnknownObject

		with pytest.raises(UnknownObject):
			tokens.access_token("nobody")

	def test_a_token_that_cannot_be_decrypted_is_asked_for_anew(self, world, end_user):
		"""The site was restored with another encryption key: nobody needs to do anything about tokens."""
		from bank_api.gateway import tokens

		first = tokens.access_token(end_user)
		world.frappe.db.sql(
			"update `__Auth` set password = %s where doctype = %s and name = %s",
			("gAAAAABnotatoken", END_USER, end_user),
		)
		world.frappe.db.commit()
		assert tokens.access_token(end_user).value != first.value


class TestProviders:
	def test_a_changed_record_gives_a_new_connector(self, world):
		from bank_api.gateway import providers

		first = providers.connector(world.provider)
		assert providers.connector(world.provider) is first
		doc = world.frappe.get_doc("Bank API Provider", world.provider)
		doc.read_timeout = 7
		doc.save()
		second = providers.connector(world.provider)
		assert second is not first and second.config.read_timeout == 7.0

	def test_no_secret_in_a_repr(self, world):
		from bank_api.gateway import providers

		assert "sandbox_secret_demo" not in repr(providers.config_of(world.provider))
		assert "sandbox_webhook_secret" not in repr(providers.webhook_secrets(world.provider))

	def test_two_webhook_secrets_during_rotation(self, world):
		from bank_api.gateway import providers

		doc = world.frappe.get_doc("Bank API Provider", world.provider)
		doc.webhook_secret = "the new one"
		doc.save()
		assert [secret.reveal() for secret in providers.webhook_secrets(world.provider)] == [
			"the new one",
			"sandbox_webhook_secret",
		]
		world.frappe.db.set_value(
			"Bank API Provider", world.provider, "previous_webhook_secret_until", "2020-01-01 00:00:00"
		)
		assert [secret.reveal() for secret in providers.webhook_secrets(world.provider)] == ["the new one"]

	def test_the_connection_test_says_what_is_wrong(self, world):
		from bank_api.gateway import providers
		from bank_api.gateway.errors import NotConfigured

		assert "message" in providers.test_connection(world.provider)
		doc = world.frappe.get_doc("Bank API Provider", world.provider)
		doc.client_secret = "wrong"
		doc.save()
		with pytest.raises(NotConfigured):
			providers.test_connection(world.provider)

	def test_which_provider_a_client_uses(self, world):
		from bank_api.gateway import clients, providers
		from bank_api.gateway.errors import NotConfigured, UnknownObject

		client = world.client()
		assert providers.resolve(client, "bridge") == world.provider
		assert providers.resolve(client, "bridge", world.provider) == world.provider
		with pytest.raises(UnknownObject):
			providers.resolve(client, "bridge", "nope")
		with pytest.raises(UnknownObject):
			providers.resolve(client, "kb", world.provider)
		world.frappe.db.set_value("Bank API Provider", world.provider, "enabled", 0)
		with pytest.raises(NotConfigured):
			providers.resolve(client, "bridge")
		world.frappe.db.set_value("Bank API Provider", world.provider, "enabled", 1)
		bound = world.client(allowed_providers=[{"provider": world.provider}])
		assert clients.context_of(bound.name).allowed_providers == (world.provider,)
