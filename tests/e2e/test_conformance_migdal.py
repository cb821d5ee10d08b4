"""Migdal passes the suite that every provider has to pass, and what takes the place of the cases it has no room for."""

import pytest
from conformance import Connection, ProviderConformance, equal
from installation import Installation, wait_until
from migdal_bank import MigdalBank


class TestMigdal(ProviderConformance):
	"""Berlin Group with the Israeli loans."""

	bank_type = MigdalBank

	@pytest.fixture(scope="class")
	def bank(self, _installation: Installation) -> MigdalBank:
		return MigdalBank(_installation)

	def test_no_more_is_left_out_than_the_protocol_has_no_place_for(self) -> None:
		assert self.left_out() == {
			"test_reconnections_with_new_ids_and_a_closed_account_add_no_row": "renames_accounts",
			"test_an_ended_consent_asks_for_the_end_user_who_repairs_the_same_item": "repairs_in_place",
		}

	@pytest.mark.parametrize("ids", ["account", "consent"])
	def test_an_ended_consent_asks_for_the_end_user_who_gives_another_in_its_place(
		self, bank: MigdalBank, connection: Connection, ids: str
	) -> None:
		before, accounts = equal(bank, connection), bank.account_ids(connection)
		bank.expire_consent(connection)
		bank.installation.settle(bank.provider)
		item = bank.row_of(connection)
		assert (item["status"], item["user_action"]) == ("Action Required", "Authenticate")
		assert [
			event["data"]["item_id"]
			for event in bank.site.receiver.of_type("consent.expired")
			if event["data"]["user"] == connection.user
		] == [connection.item_id]
		bank.control.switches(resource_ids=ids)
		try:
			link = bank.repair_link(connection)
			assert bank.outcome(link["request"])["status"] == "Pending"
			assert bank.copy(connection).live == before.live  # old data is served, and says its age
			assert bank.installation.browse(bank.authenticate(link["link"])).status == 200
			outcome = bank.outcome(link["request"])
			assert outcome["status"] == "Completed"
			number = bank.accounts(connection)[0]
			bank.add(number, amount="-1.23", description="AFTER THE REPAIR")
			bank.installation.settle(bank.provider)
			item_id = outcome["item_id"]
			row = bank.installation.item(bank.provider, item_id)
			again = Connection(item_id, row["name"], connection.user)
			bank.sync(again)
			after = equal(bank, again)
			assert row["status"] == "OK"
			assert set(bank.account_ids(again)) == set(accounts)
			assert set(before.live) < set(after.live) and len(after.live) == len(before.live) + 1
			assert bank.status_of(connection) == 404
		finally:
			bank.control.switches(resource_ids="account")

	def test_a_consent_suspended_by_the_bank_rests_and_comes_back(
		self, bank: MigdalBank, connection: Connection
	) -> None:
		before = equal(bank, connection)
		for status, state, feed in (("suspendedByASPSP", "Suspended", 0), ("valid", "Active", 1)):
			bank.control.set_status(connection.item_id, status)
			bank.add(bank.accounts(connection)[0], amount="-5.55", description=f"WHILE {status}")
			bank.installation.sync_now(connection.item)
			bank.installation.settle(bank.provider)
			assert bank.consent(connection)["state"] == state
			assert len(bank.copy(connection).live) == len(before.live) + 2 * feed
		equal(bank, connection)

	def test_tokens_that_end_are_renewed_by_the_sync_itself(
		self, bank: MigdalBank, connection: Connection
	) -> None:
		bank.control.expire_tokens(connection.item_id)
		bank.add(bank.accounts(connection)[0], amount="-6.66", description="BEHIND A RENEWAL")
		bank.sync(connection)
		assert equal(bank, connection).of("BEHIND A RENEWAL")

	def test_a_dead_pair_of_tokens_is_said_and_asks_for_the_end_user(
		self, bank: MigdalBank, connection: Connection
	) -> None:
		bank.control.expire_tokens(connection.item_id, revoke=True)
		bank.installation.sync_now(connection.item)

		def told() -> bool:
			events = bank.site.receiver.of_type("consent.reauthorisation_needed")
			return any(event["data"]["user"] == connection.user for event in events)

		wait_until("consent.reauthorisation_needed", told)
		bank.installation.settle(bank.provider)
		assert bank.consent(connection)["state"] == "Needs Authorisation"
		assert bank.row_of(connection)["status"] == "Action Required"
