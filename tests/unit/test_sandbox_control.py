"""The control API: data that changes, ids that change, and the ledger that says the truth."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests
from sandbox_harness import Bridge, mark_time, running

from bank_api.sandbox.client import SandboxControl, SandboxError


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxControl]:
	with running() as control:
		yield control


@pytest.fixture
def bank(shared: SandboxControl) -> SandboxControl:
	shared.reset()
	return shared


def live(bank: SandboxControl, user: str = "u") -> list[dict[str, Any]]:
	rows = Bridge(bank.url).log_in(user).all("/transactions?limit=500")
	return [row for row in rows if not row["deleted"]]


def test_the_ledger_agrees_with_the_api(bank: SandboxControl) -> None:
	bank.add_item("u", transactions=500)
	for _ in range(4):
		bank.tick()
	rows = Bridge(bank.url).log_in("u")
	ledger = bank.ledger(user="u", rows=True)["accounts"]
	for account in ledger:
		path = f"/transactions?account_id={account['account_id']}&limit=500"
		shown = [row for row in rows.all(path) if not row["deleted"]]
		assert len(shown) == account["live"]
		assert sum(row["future"] for row in shown) == account["future"]
		assert {row["id"] for row in shown} == {row["id"] for row in account["transactions"]}
		assert Decimal(account["sum"]) == sum(
			(Decimal(row["amount"]) for row in account["transactions"]), Decimal(0)
		)


def test_ticks_do_what_banks_do(bank: SandboxControl) -> None:
	item = bank.add_item("u", transactions=300)["item_id"]
	bridge = Bridge(bank.url).log_in("u")
	before = {row["id"]: row for row in bridge.all("/transactions?limit=500")}
	mark = mark_time(bank)
	bank.tick(item, new=3, updated=2, deleted=1)
	changed = bridge.all(f"/transactions?since={mark}&limit=500")
	kinds = Counter(
		"deleted" if row["deleted"] else "changed" if row["id"] in before else "new" for row in changed
	)
	assert kinds == {"deleted": 2, "new": 8, "changed": 5}  # two accounts; one future line is booked
	booked = [row for row in changed if row["id"] in before and before[row["id"]]["future"]]
	assert len(booked) == 1
	assert booked[0]["date"] > before[booked[0]["id"]]["date"]
	bank.tick(item, new=0, updated=0, deleted=0)
	assert len(bridge.all(f"/transactions?since={mark}&limit=500")) == len(changed)


def test_consent_ends(bank: SandboxControl) -> None:
	item = bank.add_item("u")["item_id"]
	bank.advance(179 * 86400)
	assert bank.tick(item)[0]["status"] == 0
	bank.advance(2 * 86400)
	assert bank.tick(item)[0]["status"] == 1010
	assert bank.item(item)["status_code_info"] == "otp_required"
	bank.reconnect(item)
	assert bank.tick(item)[0]["status"] == 0
	bank.expire_item(item, in_seconds=3600)
	assert bank.item(item)["status"] == 0


def test_ids_can_be_anything(bank: SandboxControl) -> None:
	account = bank.add_item("u", transactions=0)["accounts"][0]["account_id"]
	first = bank.add_transaction(account, amount="-1.00", description="A")
	bank.add_transaction(account, amount="-2.00", description="B", id=first["id"])
	bank.add_transaction(account, amount="-3.00", description="C", id="")
	late = bank.add_transaction(account, amount="-4.00", description="D", id=None)
	bank.add_transactions(account, [{"amount": "-5.00", "description": "E"}] * 2)
	new, old = Bridge(bank.url).log_in("u"), Bridge(bank.url, 2).log_in("u")
	ids = {row["provider_description"]: row.get("id", "none") for row in new.all("/transactions")}
	assert ids["A"] == ids["B"] == first["id"]
	assert ids["C"] == ""
	assert ids["D"] == "none"
	assert {row["bank_description"]: row["id"] for row in old.all("/transactions")}["D"] is None
	bank.edit_transaction(late["key"], id=77)
	assert {row["provider_description"]: row.get("id") for row in new.all("/transactions")}["D"] == 77
	assert new.get("/transactions/77").json()["provider_description"] == "D"
	assert bank.ledger(account_id=account)["live"] == 6


def test_twins_raw_fields_and_edits(bank: SandboxControl) -> None:
	account = bank.add_item("u", transactions=0)["accounts"][0]["account_id"]
	bank.call("POST", f"/accounts/{account}/transactions", amount="-3.50", description="CAFE", count=3)
	assert [row["amount"] for row in live(bank)] == [-3.5] * 3
	key = bank.transactions(account)[0]["key"]
	bank.edit_transaction(key, extra={"surprise": {"a": [1, None]}, "category_id": None}, description="THÉ")
	row = next(row for row in live(bank) if row["id"] == key)
	assert row["surprise"] == {"a": [1, None]}
	assert "category_id" not in row
	assert row["provider_description"] == "THÉ"
	quiet = bank.edit_transaction(key, amount="-9.99", touch=False)
	assert quiet["updated_at"] == row["updated_at"]
	dated = bank.edit_transaction(key, updated_at="2020-01-02T03:04:05.678Z")
	assert dated["updated_at"] == "2020-01-02T03:04:05.678Z"
	bank.delete_transaction(key, purge=True)
	assert len(live(bank)) == 2
	with pytest.raises(SandboxError, match="unknown field"):
		bank.edit_transaction(bank.transactions(account)[0]["key"], colour="blue")
	with pytest.raises(SandboxError, match="404"):
		bank.edit_transaction(1, amount="1")


@pytest.mark.parametrize("new_id", [False, True])
def test_booking(bank: SandboxControl, new_id: bool) -> None:
	account = bank.add_item("u", transactions=0)["accounts"][0]["account_id"]
	row = bank.add_transaction(
		account, amount="-20.00", description="PREAUTO", future=True, date="2026-01-01"
	)
	booked = bank.book_transaction(
		row["key"], date="2026-01-03", new_id=new_id, amount="-19.50", description="CB X"
	)
	assert (booked["id"] != row["id"]) is new_id
	rows = Bridge(bank.url).log_in("u").all("/transactions")
	shown = [entry for entry in rows if not entry["deleted"]]
	assert len(rows) == (2 if new_id else 1)
	assert (shown[0]["future"], shown[0]["date"], shown[0]["amount"]) == (False, "2026-01-03", -19.5)


def test_recreation(bank: SandboxControl) -> None:
	account = bank.add_item("u", transactions=5)["accounts"][0]["account_id"]
	key = bank.transactions(account)[0]["key"]
	again = bank.recreate_transaction(key)
	assert again["id"] != key
	assert bank.ledger(user="u")["live"] == 5


def digests(bank: SandboxControl, **scope: Any) -> Counter[tuple[str, str]]:
	return Counter((row["name"], row["digest"]) for row in bank.ledger(**scope)["accounts"])


def test_reconnect_changes_ids_and_nothing_else(bank: SandboxControl) -> None:
	item = bank.add_item("u", transactions=200)
	before, rows = digests(bank, user="u"), {row["id"] for row in live(bank)}
	mapping = bank.reconnect(item["item_id"])["accounts"]
	old = {account["account_id"] for account in item["accounts"]}
	assert {int(number) for number in mapping} == old
	assert not old & set(mapping.values())
	assert digests(bank, user="u") == before
	after = live(bank)
	assert len(after) == len(rows)
	assert not rows & {row["id"] for row in after}
	assert {row["account_id"] for row in after} <= set(mapping.values())
	now = Bridge(bank.url).log_in("u").all("/accounts")
	assert [row.get("iban") for row in now] == [account["iban"] for account in item["accounts"]]


def test_reconnect_without_iban_and_one_account_less(bank: SandboxControl) -> None:
	item = bank.add_item("u", transactions=100)
	closed = item["accounts"][1]["account_id"]
	mapping = bank.reconnect(item["item_id"], with_iban=False, close=closed)["accounts"]
	assert mapping[str(closed)] is None
	accounts = Bridge(bank.url).log_in("u").all("/accounts")
	assert len(accounts) == 11
	assert all("iban" not in account for account in accounts)


def test_reconnect_can_keep_ids(bank: SandboxControl) -> None:
	item = bank.add_item("u", transactions=100)
	rows = {row["id"] for row in live(bank)}
	bank.reconnect(item["item_id"], new_transaction_ids=False)
	assert {row["id"] for row in live(bank)} == rows
	bank.reconnect(item["item_id"], new_account_ids=False)
	assert not rows & {row["id"] for row in live(bank)}
	assert len(live(bank)) == 100


def test_a_second_item_for_the_same_log_in(bank: SandboxControl) -> None:
	one, two = bank.add_item("u", login="same"), bank.add_item("u", login="same")
	assert one["item_id"] != two["item_id"]
	assert [a["iban"] for a in one["accounts"]] == [a["iban"] for a in two["accounts"]]
	assert digests(bank, item_id=one["item_id"]) == digests(bank, item_id=two["item_id"])


def test_log_ins_at_other_banks_differ(bank: SandboxControl) -> None:
	same = [bank.add_item("u", provider_id=574, login=login)["accounts"][0]["iban"] for login in "ab"]
	other = [bank.add_item("u", provider_id=9001, login=login)["accounts"][0]["iban"] for login in "ab"]
	assert same[0] == same[1]
	assert other[0] != other[1]
	assert bank.add_item("u", provider_id=9101, login="a")["accounts"][0]["iban"].startswith("DE")
	bank.switches(login_data="login")
	assert bank.add_item("u", login="c")["accounts"][0]["iban"] != same[0]


def test_the_same_seed_gives_the_same_bytes() -> None:
	texts = []
	for _ in range(2):
		with running(seed=42, id_base=5, now="2026-03-01T12:00:00Z", transactions=150) as control:
			control.clock(freeze=True)
			control.clock(set="2026-03-01T12:00:00Z")
			control.add_item("u")
			texts.append(Bridge(control.url).log_in("u").get("/transactions?limit=500").text)
	assert texts[0] == texts[1]


def test_accounts_can_be_opened_changed_and_closed(bank: SandboxControl) -> None:
	item = bank.add_item("u", transactions=0)["item_id"]
	opened = bank.add_account(item, name="Nouveau compte")
	assert opened["iban"].startswith("FR")
	bank.edit_account(opened["account_id"], iban=None, type="special", extra={"note": "x"})
	bridge = Bridge(bank.url).log_in("u")
	shown = bridge.get(f"/accounts/{opened['account_id']}").json()
	assert (shown["type"], shown["note"]) == ("special", "x")
	assert "iban" not in shown
	bank.delete_account(opened["account_id"])
	assert bridge.get(f"/accounts/{opened['account_id']}").status_code == 404


def test_many_items_at_once(bank: SandboxControl) -> None:
	made = bank.call("POST", "/items", user="crowd", count=20, transactions=3)["items"]
	assert len({item["user_uuid"] for item in made}) == 20
	assert made[3]["external_user_id"] == "crowd-3"
	assert len(bank.tick()) == 20


def test_calls_are_counted(bank: SandboxControl) -> None:
	item = bank.add_item("u")["item_id"]
	bridge = Bridge(bank.url).log_in("u")
	bank.reset_calls()
	bridge.get(f"/items/{item}")
	bridge.get("/items/7", headers={"X-Request-Id": "abc"})
	assert bank.counters() == {"GET /v3/aggregation/items/{id}": 2}
	calls = bank.calls("items")
	assert [call["status"] for call in calls] == [200, 404]
	assert calls[1]["request_id"] == "abc"
	assert bank.calls(since=calls[0]["n"]) == calls[1:]


def test_switches_are_checked(bank: SandboxControl) -> None:
	for wrong in ({"nonsense": 1}, {"rate_limits": "yes"}, {"page_quirk": "odd"}, {"app_limit": True}):
		with pytest.raises(SandboxError, match="400"):
			bank.switches(**wrong)


def test_the_clock(bank: SandboxControl) -> None:
	bank.clock(set="2030-01-01T00:00:00.000Z", freeze=True)
	assert bank.now() == bank.now()
	bank.advance(90)
	assert bank.now().startswith("2030-01-01T00:01:30")
	assert bank.add_item("u", transactions=3)["authentication_expires_at"].startswith("2030-06-30")


def test_reset_forgets_but_never_reuses_ids(bank: SandboxControl) -> None:
	one = bank.add_item("u")["item_id"]
	bank.switches(page_quirk="short")
	bank.fail("status")
	bank.reset()
	assert bank.items() == []
	assert bank.faults() == []
	assert bank.switches()["page_quirk"] == "none"
	assert bank.add_item("u")["item_id"] > one
	assert bank.state()["counts"]["item"] == 1


def test_numbers_keep_their_text(bank: SandboxControl) -> None:
	account = bank.add_item("u", transactions=0)["accounts"][0]["account_id"]
	url = f"{bank.url}/_control/accounts/{account}/transactions"
	body = '{"amount": -0.10, "extra": {"fee": 1.50}}'
	assert requests.post(url, data=body, timeout=5).json()["transactions"][0]["amount"] == "-0.10"
	text = Bridge(bank.url).log_in("u").get("/transactions").text
	assert '"amount":-0.10' in text
	assert '"fee":1.50' in text
	requests.patch(f"{bank.url}/_control/accounts/{account}", data='{"opening": 12.10}', timeout=5)
	assert bank.ledger(account_id=account)["accounts"][0]["balance"] == "12.00"


def test_flags_in_the_query_are_flags(bank: SandboxControl) -> None:
	account = bank.add_item("u", transactions=10)["accounts"][0]["account_id"]
	key = bank.transactions(account)[0]["key"]
	requests.delete(f"{bank.url}/_control/transactions/{key}?purge=false&emit=false", timeout=5)
	assert bank.ledger(account_id=account)["accounts"][0]["deleted"] == 1
	requests.delete(f"{bank.url}/_control/transactions/{key}?purge=true", timeout=5)
	assert bank.ledger(account_id=account)["accounts"][0]["deleted"] == 0
