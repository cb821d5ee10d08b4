"""Feeds that are read by days, over several pages: a pending row that is booked under another id stays one row."""

from datetime import timedelta

import pytest

ITEM, ACCOUNT, TRANSACTION = "Bank API Item", "Bank API Account", "Bank API Transaction"
FILL = 5


@pytest.fixture
def account(consents):
	"""A synced loan whose list comes two rows at a time; its row name."""
	from bank_api import migdal
	from bank_api.gateway import connect

	consents.sign_in(consents.client())
	link = migdal.get_migdal_consent_link(bank="520004896", user="jane", psu_id="123456782")
	assert connect.finish(consents.sandbox.approve(link["consent"]), None).status == "completed"
	consents.frappe.db.commit()
	item = consents.frappe.db.get_value("Bank API Consent", {"provider_consent_id": link["consent"]}, "item")
	consents.sandbox.put("page_size", 2)
	return sync(consents, item)


def sync(world, item):
	from bank_api.gateway import sync_job

	sync_job.run(item)
	world.frappe.db.commit()
	return world.frappe.db.get_value(ACCOUNT, {"item": item}, "name")


def again(world, account):
	return sync(world, world.frappe.db.get_value(ACCOUNT, account, "item"))


def sent(identifier, days_ago=1, amount="-31.17", **values):
	from bank_api.gateway.clock import site_now

	day = (site_now() - timedelta(days=days_ago)).date()
	return {"id": identifier, "date": str(day), "amount": amount, "text": f"HOTEL {identifier}"} | values


def fill():
	"""Rows that make the list several pages long."""
	return [sent(f"fill-{place}", amount=f"-{place + 1}.00") for place in range(FILL)]


def rows(world, account, **filters):
	found = world.frappe.get_all(TRANSACTION, {"account": account} | filters, ["*"], order_by="name")
	return {row.provider_transaction_id: row for row in found}


def test_booked_on_any_page_is_the_same_row(consents, account):
	for place in range(FILL + 1):
		pending, booked = sent(f"p{place}", pending=True), sent(f"b{place}")
		consents.sandbox.put("transactions", [*fill(), pending])
		again(consents, account)
		before = rows(consents, account)[f"p{place}"]
		assert before.status == "Pending"
		consents.sandbox.put("transactions", [*fill()[:place], booked, *fill()[place:]])
		again(consents, account)
		after = rows(consents, account)
		assert f"p{place}" not in after
		assert (after[f"b{place}"].name, after[f"b{place}"].status) == (before.name, "Booked")
		assert len(after) == FILL + 1 + place
		again(consents, account)
		assert rows(consents, account) == after


def test_a_pending_row_on_a_later_page_keeps_its_row(consents, account):
	pending = sent("p", pending=True)
	consents.sandbox.put("transactions", [*fill(), pending])
	again(consents, account)
	name = rows(consents, account)["p"].name
	consents.sandbox.put("transactions", [sent("b"), *fill(), pending])
	again(consents, account)
	found = rows(consents, account)
	assert (found["p"].name, found["p"].status) == (name, "Pending")
	assert found["b"].status == "Booked" and found["b"].name != name and len(found) == FILL + 2


class Killed(BaseException):
	"""The worker dies."""


@pytest.mark.parametrize("place", [1, 2])
def test_a_pass_that_dies_between_pages_settles_it_the_next_time(consents, account, monkeypatch, place):
	from bank_api.gateway import account_pass

	consents.sandbox.put("transactions", [*fill(), sent("p", pending=True)])
	again(consents, account)
	name = rows(consents, account)["p"].name
	consents.sandbox.put("transactions", [*fill()[:3], sent("b"), *fill()[3:], sent("late", amount="-99.00")])
	stored = []

	def die(*arguments, **options):
		stored.append(True)
		if len(stored) > place:
			raise Killed
		return real(*arguments, **options)

	real = account_pass.apply_page
	monkeypatch.setattr(account_pass, "apply_page", die)
	with pytest.raises(Killed):
		again(consents, account)
	consents.frappe.db.rollback()
	monkeypatch.undo()
	again(consents, account)
	found = rows(consents, account)
	assert (found["b"].name, found["b"].status) == (name, "Booked")
	assert "p" not in found and len(found) == FILL + 2


@pytest.mark.parametrize(("hours", "resumes"), [(0, True), (2, False)])
def test_a_place_kept_long_ago_is_no_place_to_go_on_from(consents, account, hours, resumes):
	from bank_api.gateway.clock import iso, utc_now

	consents.sandbox.put("transactions", [sent("p", pending=True), *fill()])
	again(consents, account)
	began = iso(utc_now() - timedelta(hours=hours))
	consents.frappe.db.set_value(ACCOUNT, account, {"sync_page": "4", "sync_started": began})
	name = rows(consents, account)["p"].name
	consents.sandbox.put("transactions", [*fill(), sent("b")])
	again(consents, account)
	found = rows(consents, account)
	assert (found["b"].name == name) is not resumes
