"""Quanto passes the suite that every provider has to pass, and what takes the place of the cases it has no room for."""

import pytest
from conformance import Connection, ProviderConformance, equal
from installation import Installation
from quanto_bank import QuantoBank


class TestQuanto(ProviderConformance):
	"""Open Finance Brasil through Quanto."""

	bank_type = QuantoBank

	@pytest.fixture(scope="class")
	def bank(self, _installation: Installation) -> QuantoBank:
		return QuantoBank(_installation)

	def test_no_more_is_left_out_than_the_protocol_has_no_place_for(self) -> None:
		assert self.left_out() == {
			"test_reconnections_with_new_ids_and_a_closed_account_add_no_row": "renames_accounts",
			"test_an_ended_consent_asks_for_the_end_user_who_repairs_the_same_item": "repairs_in_place",
		}

	def test_an_ended_consent_asks_for_the_end_user_who_gives_another_in_its_place(
		self, bank: QuantoBank, connection: Connection
	) -> None:
		before, accounts = equal(bank, connection), bank.account_ids(connection)
		bank.expire_consent(connection)
		bank.installation.settle(bank.provider)
		item = bank.row_of(connection)
		assert (item["status"], item["user_action"]) == ("Action Required", "Authenticate")
		assert bank.events(connection.user).count("consent.expired") == 1
		link = bank.repair_link(connection)
		assert bank.outcome(link["request"])["status"] == "Pending"
		assert bank.copy(connection).live == before.live  # old data is served, and says its age
		assert bank.installation.browse(bank.authenticate(link["link"])).status == 200
		outcome = bank.outcome(link["request"])
		assert outcome["status"] == "Completed"
		bank.add(bank.accounts(connection)[0], amount="-1.23", description="AFTER THE REPAIR")
		bank.installation.settle(bank.provider)
		row = bank.installation.item(bank.provider, outcome["item_id"])
		again = Connection(outcome["item_id"], row["name"], connection.user)
		bank.sync(again)
		after = equal(bank, again)
		assert row["status"] == "OK"
		assert set(bank.account_ids(again)) == set(accounts)
		assert set(before.live) < set(after.live) and len(after.live) == len(before.live) + 1
		assert bank.status_of(connection) == 404
