"""Quanto passes the suite that every provider has to pass, and what takes the place of the cases it has no room for."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from conformance import TODAY, Connection, ProviderConformance, equal
from installation import Installation, wait_until
from quanto_bank import BANK, OTHER_BANK, QuantoBank, cpf, signed_amount


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

	def test_amounts_are_kept_with_their_sign(self, bank: QuantoBank, connection: Connection) -> None:
		query = """SELECT amount FROM `tabBank API Transaction` WHERE item = %s AND status != 'Deleted'"""
		kept = Counter(Decimal(row["amount"]) for row in bank.installation.sql(query, connection.item))
		assert kept == Counter(signed_amount(resource) for resource in bank.bodies(connection))
		assert any(amount < 0 for amount in kept) and any(amount > 0 for amount in kept)

	def test_two_banks_in_one_visit_are_two_items(self, bank: QuantoBank, installation: Installation) -> None:
		user = "customer of two"
		link = bank.link(user)
		back = bank.control.complete_session(link["link"], (BANK, OTHER_BANK), cpf=bank.person(user))
		assert installation.browse(back).status == 200
		visit = bank.outcome(link["request"])
		assert visit["status"] == "Completed"
		assert {consent["bank"] for consent in visit["consents"]} == {"Banco Ipê", "Caixa Araucária"}
		assert all(consent["state"] == "Active" for consent in visit["consents"])
		assert len({consent["item_id"] for consent in visit["consents"]}) == 2
		installation.settle(bank.provider)
		counts = Counter(bank.events(user))
		assert (counts["consent.granted"], counts["connect.completed"]) == (2, 1)

	def test_a_sharing_is_changed_in_place(self, bank: QuantoBank, connection: Connection) -> None:
		"""Fewer permissions at the same bank: the new consent takes the place of the old, which ends at the bank."""
		before = bank.account_ids(connection)
		link = bank.link(
			connection.user, item_id=connection.item_id, groups="account_balances,account_transactions"
		)
		accounts = bank.products[connection.user][:2]
		back = bank.control.complete_session(
			link["link"], (BANK,), cpf=bank.people[connection.user], resources=accounts
		)
		assert bank.installation.browse(back).status == 200
		(changed,) = bank.outcome(link["request"])["consents"]
		assert changed["item_id"] != connection.item_id and len(changed["permissions"]) == 4
		wait_until("the end of the former", lambda: not bank.knows_item(connection))
		bank.installation.settle(bank.provider)
		assert bank.status_of(connection) == 404
		again = Connection(
			changed["item_id"],
			bank.installation.item(bank.provider, changed["item_id"])["name"],
			connection.user,
		)
		bank.sync(again)
		assert set(bank.account_ids(again)) < set(before)
		assert bank.events(connection.user).count("item.deleted") == 1
		assert "consent.revoked" not in bank.events(connection.user)

	def test_a_sharing_lasts_longer(self, bank: QuantoBank) -> None:
		user, presence = "patient", {"psu_ip_address": "203.0.113.7", "psu_user_agent": "Mozilla/5.0"}
		first, longer = (f"{TODAY + timedelta(days=days)}T12:00:00Z" for days in (30, 90))
		link = bank.link(user, expires_at=first)
		assert bank.installation.browse(bank.authenticate(link["link"])).status == 200
		(consent,) = bank.outcome(link["request"])["consents"]
		assert consent["expires_at"].startswith(first[:19])
		terms = {"consent": consent["consent"], "expires_at": longer, **presence}
		stranger = bank.site.api.answer("extend_quanto_consent", document=cpf(7), **terms)
		assert stranger.status in (403, 409, 417)
		told = bank.site.api.call("extend_quanto_consent", document=bank.people[user], **terms)
		assert told["expires_at"].startswith(longer[:19])
		there = bank.control.consent(consent["consent"])
		assert there["expires_at"] == longer and len(there["extensions"]) == 1
		history = bank.site.api.call("get_quanto_consent_extensions", consent=consent["consent"])
		(row,) = history["body"]["data"]
		assert row["previousExpirationDateTime"] == first
