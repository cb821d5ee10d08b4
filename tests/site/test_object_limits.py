"""A quota that is used up for one object stops neither the other accounts nor the connection."""

from datetime import timedelta

import pytest

ITEM, ACCOUNT, TRANSACTION = "Bank API Item", "Bank API Account", "Bank API Transaction"
LOANS = ["1000056781", "1000056782", "1000056783"]
MONTH = 20 * 86_400


@pytest.fixture
def item(consents):
	"""A synced item with three loans; its row name."""
	from bank_api import migdal
	from bank_api.gateway import connect

	context = consents.client()
	hook = f"https://{context.site}/hook"
	consents.frappe.db.set_value("Bank API Client", context.name, "webhook_url", hook)
	consents.frappe.db.commit()
	consents.sign_in(context)
	link = migdal.get_migdal_consent_link(bank="520004896", user="jane", psu_id="123456782")
	assert connect.finish(consents.sandbox.approve(link["consent"], loans=LOANS), None).status == "completed"
	consents.frappe.db.commit()
	name = consents.frappe.db.get_value("Bank API Consent", {"provider_consent_id": link["consent"]}, "item")
	sync(consents, name)
	return name


def sync(world, item):
	from bank_api.gateway import sync_job

	sync_job.run(item)
	world.frappe.db.commit()


def row_of(world, item):
	return world.frappe.get_doc(ITEM, item)


def accounts(world, item):
	rows = world.frappe.get_all(ACCOUNT, {"item": item}, ["*"], order_by="reference")
	assert [row.reference for row in rows] == LOANS
	return rows


def add(world, text, day):
	world.sandbox.put("transactions", [{"id": text, "date": str(day), "amount": "-1.00", "text": text}])


def readers(world, text):
	"""The loans whose rows hold this text."""
	rows = world.frappe.get_all(TRANSACTION, {"original_description": text}, pluck="account")
	return {world.frappe.db.get_value(ACCOUNT, row, "reference") for row in rows}


def test_the_others_are_read_and_the_one_is_waited_for(consents, item):
	from bank_api.gateway.clock import site_now

	before = accounts(consents, item)[1]
	for text in ("FIRST", "SECOND"):
		consents.sandbox.put("limited", {LOANS[1]: MONTH})
		add(consents, text, site_now().date())
		consents.sandbox.forget_calls()
		sync(consents, item)
		assert readers(consents, text) == {LOANS[0], LOANS[2]}
		first, second, third = accounts(consents, item)
		assert not (first.sync_error or third.sync_error or first.held_until or third.held_until)
		assert "used up" in second.sync_error
		assert abs(second.held_until - site_now() - timedelta(seconds=MONTH)) < timedelta(minutes=2)
		assert second.last_synced_at == before.last_synced_at
		row = row_of(consents, item)
		assert (row.sync_status, row.held_until) == ("Failed", None)
		assert "used up" in row.last_error and row.failures
		assert row.last_success_at >= row.last_try_at
		assert row.next_try_at > site_now() + timedelta(hours=1)  # the usual interval, no back-off, no month
	asked = [call["account"].split("-")[1] for call in consents.sandbox.calls("transactions")]
	assert sorted(asked) == [LOANS[0], LOANS[2]]  # what is known to be used up is not asked for again


def test_when_its_time_has_come_the_one_is_read_again(consents, item):
	from bank_api.gateway.clock import site_now

	consents.sandbox.put("limited", {LOANS[1]: MONTH})
	add(consents, "NEWS", site_now().date())
	sync(consents, item)
	held = accounts(consents, item)[1]
	consents.frappe.db.set_value(ACCOUNT, held.name, "held_until", site_now() - timedelta(seconds=1))
	consents.sandbox.put("limited", {})
	sync(consents, item)
	assert readers(consents, "NEWS") == set(LOANS)
	row, account = row_of(consents, item), accounts(consents, item)[1]
	assert (row.sync_status, row.last_error, row.failures) == ("Idle", None, 0)
	assert (account.sync_error, account.held_until) == (None, None)


def test_a_used_up_list_leaves_the_accounts_that_are_known(consents, item):
	from bank_api.gateway.clock import site_now

	consents.sandbox.put("limited", {"list": MONTH})
	add(consents, "BEHIND THE LIST", site_now().date())
	sync(consents, item)
	assert readers(consents, "BEHIND THE LIST") == set(LOANS)
	assert {row.status for row in accounts(consents, item)} == {"Open"}
	row = row_of(consents, item)
	assert (row.sync_status, row.held_until) == ("Failed", None) and "used up" in row.last_error


def test_an_account_that_waits_makes_its_item_stale_when_it_is_too_old(consents, item):
	from bank_api.gateway.clock import site_now

	consents.sandbox.put("limited", {LOANS[1]: MONTH})
	sync(consents, item)
	assert row_of(consents, item).feed == "Fresh"
	old = {"last_synced_at": site_now() - timedelta(days=9)}
	consents.frappe.db.set_value(ACCOUNT, accounts(consents, item)[1].name, old)
	sync(consents, item)
	assert row_of(consents, item).feed == "Stale"
