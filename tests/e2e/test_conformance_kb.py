"""KB passes the suite that every provider has to pass, and what takes the place of the cases it has no room for."""

import pytest
from conformance import Connection, ProviderConformance, equal
from installation import Installation, wait_until
from kb_bank import KbBank


class TestKb(ProviderConformance):
	"""ADAA behind consents of CAAS."""

	bank_type = KbBank

	@pytest.fixture(scope="class")
	def bank(self, _installation: Installation) -> KbBank:
		return KbBank(_installation)

	def test_no_more_is_left_out_than_the_protocol_has_no_place_for(self) -> None:
		assert self.left_out() == {
			"test_reconnections_with_new_ids_and_a_closed_account_add_no_row": "renames_accounts",
			"test_an_ended_consent_asks_for_the_end_user_who_repairs_the_same_item": "repairs_in_place",
			"test_an_access_revoked_at_the_bank_ends_the_item": "tells_revocation",
		}

	@pytest.mark.parametrize("how", ["expire_consent", "revoke"])
	def test_a_lost_consent_asks_for_the_end_user_who_gives_another_in_its_place(
		self, bank: KbBank, connection: Connection, how: str
	) -> None:
		before, accounts = equal(bank, connection), bank.account_ids(connection)
		getattr(bank, how)(connection)
		bank.installation.sync_now(connection.item)
		bank.installation.settle(bank.provider)
		item = bank.row_of(connection)
		assert (item["status"], item["user_action"]) == ("Action Required", "Authenticate")
		assert bank.consent(connection)["state"] == "Needs Authorisation"
		assert bank.events(connection.user).count("consent.reauthorisation_needed") == 1
		refused = bank.site.api.answer("post_item_refresh", item_id=connection.item_id)
		assert (refused.status, refused.json()["exc_type"]) == (409, "ConsentNeeded")
		assert "bank_api.kb.get_kb_consent_link" in refused.text and "MojeBanka or KB+" in refused.text
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

	def test_tokens_of_minutes_are_renewed_by_whoever_needs_one(
		self, bank: KbBank, connection: Connection
	) -> None:
		bank.control.expire_tokens(bank.grant(connection)["id"])
		bank.add(bank.accounts(connection)[0], amount="-6.66", description="BEHIND A RENEWAL")
		bank.sync(connection)
		assert equal(bank, connection).of("BEHIND A RENEWAL")

	def test_news_are_told_by_the_bank_and_read_at_once(self, bank: KbBank, connection: Connection) -> None:
		"""Subscribed by the scheduler's turn, nudged over HTTP, read by the worker: nobody has asked for a sync."""
		bank.installation.tick()
		bank.installation.settle(bank.provider)
		first = bank.accounts(connection)[0]
		subscriptions = [
			one for one in bank.control.subscriptions() if one["account"] in bank.accounts(connection)
		]
		assert len(subscriptions) == len(bank.accounts(connection))
		assert {one["status"] for one in subscriptions} == {"ACTIVE"}
		bank.add(first, amount="-8.01", description="TOLD BY A NUDGE")
		bank.control.nudge()
		wait_until("the news", lambda: bank.copy(connection).of("TOLD BY A NUDGE"))
		bank.installation.settle(bank.provider)
		equal(bank, connection)
		assert bank.installation.browse(f"{subscriptions[0]['url']}/version?x=1").json() == {"version": "1.0"}

	def test_an_account_that_was_read_lately_is_left_alone_until_its_hour_is_over(
		self, bank: KbBank, installation: Installation, connection: Connection
	) -> None:
		bank.control.switches(history_limit=True)
		try:
			bank.control.forget_downloads()
			bank.sync(connection)
			installation.make_due(bank.provider)
			item = bank.row_of(connection)
			installation.tick()
			installation.settle(bank.provider)
			after = bank.row_of(connection)
			assert after["last_try_at"] > item["last_try_at"] and after["sync_status"] == "Idle"
			assert not any(row["sync_error"] for row in installation.accounts(connection.item))
		finally:
			bank.control.switches(history_limit=False)
