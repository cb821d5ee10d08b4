"""Bridge's API in both versions, against the facts of protocols/bridge.md."""

import json
import re
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests
from sandbox_harness import V2, V3, Bridge, mark_time, running

from bank_api.sandbox.client import SandboxControl

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxControl]:
	with running() as control:
		yield control


@pytest.fixture
def bank(shared: SandboxControl) -> SandboxControl:
	shared.reset()
	return shared


def code(answer: requests.Response) -> str:
	return answer.json()["errors"][0]["code"]


# headers and credentials (1.1)
@pytest.mark.parametrize(("version", "header"), [(3, V2), (3, "v2025-01-15"), (3, None), (2, V3), (2, None)])
def test_the_version_must_match(bank: SandboxControl, version: int, header: str | None) -> None:
	path = "/banks" if version == 2 else "/v3/providers"
	bridge = Bridge(bank.url, version)
	assert bridge.get(path, headers={"Bridge-Version": header}).status_code == 400
	bank.switches(version_check=False)
	assert bridge.get(path, headers={"Bridge-Version": header}).status_code == 200


def test_the_old_header_name_is_tolerated_in_v2(bank: SandboxControl) -> None:
	old = {"Bridge-Version": None, "Bankin-Version": V2}
	assert Bridge(bank.url, 2).get("/banks", headers=old).status_code == 200
	bank.switches(old_version_header=False)
	assert Bridge(bank.url, 2).get("/banks", headers=old).status_code == 400


@pytest.mark.parametrize("headers", [{"Client-Id": "x"}, {"Client-Secret": "x"}, {"Client-Id": None}])
def test_credentials_are_checked(bank: SandboxControl, headers: dict[str, str | None]) -> None:
	answer = Bridge(bank.url).get("/users", headers=headers)
	assert answer.status_code == 401
	assert code(answer) == "invalid_client_credentials"
	old = Bridge(bank.url, 2).get("/users", headers=headers)
	assert old.status_code == 401
	assert set(old.json()) == {"type", "message", "documentation_url"}


def test_a_bearer_may_stand_alone(bank: SandboxControl) -> None:
	bank.add_user("u")
	bridge = Bridge(bank.url).log_in("u")
	alone: dict[str, Any] = {"Client-Id": None, "Client-Secret": None}
	assert bridge.get("/items", headers=alone).status_code == 200
	bank.switches(client_optional_with_bearer=False)
	assert bridge.get("/items", headers=alone).status_code == 401
	assert bridge.get("/items", headers={"Authorization": None}).status_code == 401
	assert bridge.get("/items", headers={"Authorization": "Bearer nonsense"}).status_code == 401


def test_tokens_expire(bank: SandboxControl) -> None:
	bank.add_user("u")
	bridge = Bridge(bank.url).log_in("u")
	bank.advance(2 * 3600 - 5)
	assert bridge.get("/items").status_code == 200
	bank.advance(6)
	assert bridge.get("/items").status_code == 401
	bridge.log_in("u")
	assert bridge.get("/items").status_code == 200
	bank.expire_tokens("u")
	assert bridge.get("/items").status_code == 401
	bridge.log_in("u")
	assert bank.expire_tokens(revoke=True) == 3
	assert bridge.get("/items").status_code == 401


def test_applications_do_not_see_each_other(bank: SandboxControl) -> None:
	bank.add_app("other", "secret")
	item = bank.add_item("u")
	mine = Bridge(bank.url).log_in("u")
	other = {"Client-Id": "other", "Client-Secret": "secret"}
	assert mine.get("/items", headers=other).status_code == 401
	assert mine.get(f"/users/{item['user_uuid']}", headers=other).status_code == 404
	assert mine.get("/users", headers=other).json()["resources"] == []
	assert mine.call("POST", "/users", json={"external_user_id": "u"}, headers=other).status_code == 201


# users and tokens (1.2–1.4)
@pytest.mark.parametrize("version", [2, 3])
def test_users(bank: SandboxControl, version: int) -> None:
	bridge = Bridge(bank.url, version)
	made = bridge.call("POST", "/users", json={"external_user_id": "a_B-9"})
	assert made.status_code == 201
	assert set(made.json()) == {"uuid", "external_user_id"}
	again = bridge.call("POST", "/users", json={"external_user_id": "a_B-9"})
	assert again.status_code == 409
	if version == 3:
		assert code(again) == "users.creation.already_exists_with_external_user_id"
	else:
		assert again.json()["type"] == "conflict"
	bare = bridge.call("POST", "/users").json()
	assert ("external_user_id" in bare) is (version == 2)
	for wrong in ("", "a b", "é", "x" * 129, 5):
		assert bridge.call("POST", "/users", json={"external_user_id": wrong}).status_code == 400
	uuid = made.json()["uuid"]
	assert bridge.get(f"/users/{uuid}").json() == made.json()
	assert len(bridge.all("/users?limit=1")) == 2
	assert bridge.get("/users?external_user_id=a_B-9").json()["resources"] == [made.json()]
	if version == 3:
		assert bridge.call("DELETE", f"/users/{uuid}").status_code == 204
	else:
		assert bridge.call("POST", f"/users/{uuid}/delete", json={"password": "short"}).status_code == 400
		assert bridge.call("POST", f"/users/{uuid}/delete", json={"password": "123456"}).status_code == 204
	assert bridge.get(f"/users/{uuid}").status_code == 404
	assert bridge.call("DELETE", "/users").status_code == 204
	assert bridge.all("/users") == []


@pytest.mark.parametrize("version", [2, 3])
def test_tokens(bank: SandboxControl, version: int) -> None:
	user = bank.add_user("u")
	bridge = Bridge(bank.url, version)
	path = "/authenticate" if version == 2 else "/authorization/token"
	for who in ({"user_uuid": user["uuid"]}, {"external_user_id": "u"}):
		answer = bridge.call("POST", path, json=who).json()
		assert re.fullmatch(r"[0-9a-f]{40}-[0-9a-f-]{36}", answer["access_token"])
		assert INSTANT.fullmatch(answer["expires_at"])
		assert answer["user"] == {"uuid": user["uuid"], "external_user_id": "u"}
	assert bridge.call("POST", path, json={"external_user_id": "nobody"}).status_code == 404
	assert bridge.call("POST", path, json={}).status_code == 400
	bank.switches(unknown_token_user_status=422)
	assert bridge.call("POST", path, json={"external_user_id": "nobody"}).status_code == 422


def test_old_applications_use_email_and_password(bank: SandboxControl) -> None:
	bridge = Bridge(bank.url, 2)
	who = {"email": "a@b.fr", "password": "secret1"}
	made = bridge.call("POST", "/users", json=who).json()
	assert made == {"uuid": made["uuid"], "email": "a@b.fr"}
	assert bridge.call("POST", "/users", json=who).status_code == 409
	assert bridge.call("POST", "/users", json=who | {"email": "a%40b.fr"}).status_code == 400
	token = bridge.call("POST", "/authenticate", json=who).json()
	assert token["user"]["email"] == "a@b.fr"
	bridge.headers["Authorization"] = f"Bearer {token['access_token']}"
	assert bridge.get("/users/me/email/confirmation").json() == {"name": "email", "is_confirmed": True}
	change = {"current_password": "secret1", "new_password": "secret2"}
	assert bridge.call("POST", f"/users/{made['uuid']}/password", json=change).status_code == 200
	assert bridge.get("/items").status_code == 401  # sessions are revoked
	assert bridge.call("POST", "/authenticate", json=who).status_code == 401


def test_logout(bank: SandboxControl) -> None:
	bank.add_user("u")
	bridge = Bridge(bank.url, 2).log_in("u")
	assert bridge.call("POST", "/logout").status_code == 204
	assert bridge.get("/items").status_code == 401


# bodies (8.1, 8.2)
def test_bodies_are_checked(bank: SandboxControl) -> None:
	bridge = Bridge(bank.url)
	form = {"Content-Type": "application/x-www-form-urlencoded"}
	plain = {"Content-Type": "application/json"}
	assert bridge.call("POST", "/users", data="a=b", headers=form).status_code == 415
	assert bridge.call("POST", "/users", data="{", headers=plain).status_code == 422
	assert bridge.call("POST", "/users", data=b"\xff\xfe", headers=plain).status_code == 422
	assert bridge.call("POST", "/users", data="[]", headers=plain).status_code == 400


def test_error_shapes(bank: SandboxControl) -> None:
	assert set(Bridge(bank.url, 2).get("/nothing").json()) == {"type", "message", "documentation_url"}
	entry = Bridge(bank.url).get("/nothing").json()["errors"][0]
	assert set(entry) == {"code", "message"}
	bank.switches(v3_error_shape="flat")
	assert "code" in Bridge(bank.url).get("/nothing").json()
	assert Bridge(bank.url).call("PUT", "/users").status_code == 405


# limits (8.3)
def test_limits_of_users_tokens_and_application(bank: SandboxControl) -> None:
	bank.add_user("u")
	bank.switches(rate_limits=True)
	bridge = Bridge(bank.url).log_in("u")
	assert [bridge.get("/items").status_code for _ in range(61)] == [200] * 60 + [429]
	bank.advance(60)
	answer = bridge.get("/items")
	assert answer.status_code == 200
	body = {"external_user_id": "u"}
	statuses = [bridge.call("POST", "/authorization/token", json=body).status_code for _ in range(11)]
	assert statuses == [200] * 10 + [429]
	bank.switches(app_limit=5)
	bank.reset_limits()
	assert [bridge.get("/v3/providers").status_code for _ in range(6)] == [200] * 5 + [429]
	bank.advance(299)
	assert bridge.get("/v3/providers").status_code == 429
	bank.advance(2)
	assert bridge.get("/v3/providers").status_code == 200


def test_retry_after_is_a_switch(bank: SandboxControl) -> None:
	bank.switches(rate_limits=True, app_limit=1)
	bridge = Bridge(bank.url)
	bridge.get("/v3/providers")
	assert "Retry-After" not in bridge.get("/v3/providers").headers
	bank.switches(retry_after="seconds")
	assert 290 <= int(bridge.get("/v3/providers").headers["Retry-After"]) <= 300
	bank.switches(retry_after="date")
	assert bridge.get("/v3/providers").headers["Retry-After"].endswith("GMT")


# items and accounts (3, 4)
def test_items(bank: SandboxControl) -> None:
	item = bank.add_item("u")["item_id"]
	new, old = Bridge(bank.url).log_in("u"), Bridge(bank.url, 2).log_in("u")
	shown = new.get(f"/items/{item}").json()
	assert set(shown) == {
		"id",
		"provider_id",
		"status",
		"status_code_info",
		"status_code_description",
		"account_types",
		"created_at",
		"last_try_refresh",
		"last_successful_refresh",
		"authentication_expires_at",
	}
	assert (shown["provider_id"], shown["status"], shown["status_code_info"]) == (574, 0, "ok")
	before = old.get("/items").json()["resources"][0]
	assert before["bank_id"] == 574
	assert "provider_id" not in before
	assert shown == new.get("/items").json()["resources"][0]
	french = new.get(f"/items/{item}", headers={"Accept-Language": "fr-FR,fr;q=0.9"}).json()
	assert french["status_code_description"] == "Tout est à jour."
	assert new.call("DELETE", f"/items/{item}").status_code == 204
	assert new.get(f"/items/{item}").status_code == 404
	assert new.get("/transactions").json()["resources"] == []


@pytest.mark.parametrize("status", [-2, -3, 402, 429, 430, 1003, 1005, 1007, 1009, 1010, 1099, 1100])
def test_every_status(bank: SandboxControl, status: int) -> None:
	item = bank.add_item("u")["item_id"]
	bank.set_status(item, status)
	new, old = Bridge(bank.url).log_in("u"), Bridge(bank.url, 2).log_in("u")
	shown, before = new.get(f"/items/{item}").json(), old.get(f"/items/{item}").json()
	assert shown["status"] == before["status"] == status
	assert shown["status_code_info"].islower() or not shown["status_code_info"].isalpha()
	assert before["status_code_info"] == shown["status_code_info"].upper()
	assert {row["status"] for row in old.all("/accounts")} == {status}


def test_accounts(bank: SandboxControl) -> None:
	item = bank.add_item("u")
	new, old = Bridge(bank.url).log_in("u"), Bridge(bank.url, 2).log_in("u")
	rows, before = new.all("/accounts"), old.all("/accounts?limit=5")
	assert len(rows) == len(before) == 12
	assert [row["id"] for row in rows] == [row["id"] for row in before]
	always = {"loan_details", "savings_details", "is_pro", "is_paused", "iban", "status", "bank_id"}
	assert all(always <= set(row) for row in before)
	assert all(value is not None for row in rows for value in row.values())
	assert all("is_pro" not in row and "status" not in row for row in rows)
	loan = next(row for row in rows if row["type"] == "loan")
	assert set(loan["loan_details"]) == {
		"type",
		"borrowed_capital",
		"repaid_capital",
		"remaining_capital",
		"interest_rate",
		"opening_date",
		"maturity_date",
		"next_payment_date",
		"next_payment_amount",
	}
	assert loan["balance"] == loan["loan_details"]["remaining_capital"]
	for row in rows:
		if "accounting_balance" in row:
			assert row["balance"] in (row["accounting_balance"], row.get("instant_balance"))
	savings = next(row for row in before if row["type"] == "savings")
	assert set(savings["savings_details"]) == {"opening_date", "interest_rate", "ceiling"}
	assert new.all(f"/accounts?item_id={item['item_id']}&limit=5") == rows
	assert new.get(f"/accounts/{rows[0]['id']}").json() == rows[0]
	assert new.get("/accounts/1").status_code == 404
	assert new.get("/accounts?item_id=1").status_code == 404


def test_balances_are_exact(bank: SandboxControl) -> None:
	bank.add_item("u", transactions=400)
	answer = Bridge(bank.url).log_in("u").get("/accounts?limit=500")
	shown = {row["id"]: row["balance"] for row in json.loads(answer.text, parse_float=Decimal)["resources"]}
	for account in bank.ledger(user="u")["accounts"]:
		assert Decimal(shown[account["account_id"]]) == Decimal(account["balance"])


def test_other_peoples_things_are_unknown(bank: SandboxControl) -> None:
	theirs = bank.add_item("them")
	bank.add_item("me")
	account = theirs["accounts"][0]["account_id"]
	row = bank.transactions(account)[0]["id"]
	for version in (2, 3):
		bridge = Bridge(bank.url, version).log_in("me")
		paths = [f"/items/{theirs['item_id']}", f"/accounts/{account}", f"/transactions/{row}"]
		paths += (
			[f"/accounts/{account}/transactions"] if version == 2 else [f"/transactions?account_id={account}"]
		)
		for path in paths:
			there, nowhere = bridge.get(path), bridge.get(re.sub(r"\d+", "7", path))
			assert (there.status_code, there.content) == (404, nowhere.content)


def test_pro_accounts_are_obfuscated_until_validated(bank: SandboxControl) -> None:
	item = bank.add_item("u", login="1100")
	bridge = Bridge(bank.url, 2).log_in("u")
	assert bridge.get(f"/items/{item['item_id']}").json()["status"] == 1100
	assert {row["name"] for row in bridge.all("/accounts")} == {"*****"}
	assert bridge.all("/transactions") == []
	link = bridge.get("/connect/items/pro/confirmation?redirect_url=https://a.b/c").json()["redirect_url"]
	assert "success=true" in str(bank.complete_connect(link))
	assert "*****" not in {row["name"] for row in bridge.all("/accounts")}
	bank.switches(v2_pro_confirmation=False)
	assert bridge.get("/connect/items/pro/confirmation").status_code == 404


# transactions (5)
def test_transaction_fields(bank: SandboxControl) -> None:
	bank.add_item("u")
	new, old = (
		Bridge(bank.url).log_in("u").all("/transactions"),
		Bridge(bank.url, 2).log_in("u").all("/transactions"),
	)
	both = {
		"id",
		"clean_description",
		"amount",
		"date",
		"updated_at",
		"currency_code",
		"category_id",
		"account_id",
	}
	for row in new:
		assert both | {"provider_description", "deleted", "future", "operation_type"} <= set(row)
		assert not {"is_deleted", "is_future", "bank_description", "show_client_side"} & set(row)
		assert None not in row.values()
		assert len(str(row["id"])) == 14
		assert INSTANT.fullmatch(row["updated_at"])
		assert row["date"] in (row.get("booking_date"), row.get("transaction_date"), row.get("value_date"))
	names = {"booking_date", "transaction_date", "value_date", "bank_description", "is_deleted", "is_future"}
	for row in old:
		assert both | names | {"show_client_side"} == set(row)
	assert any(row["value_date"] is None for row in old)
	assert {row["id"] for row in new} == {row["id"] for row in old}


def test_the_wire_carries_the_exact_text(bank: SandboxControl) -> None:
	item = bank.add_item("u", transactions=0)
	account = item["accounts"][0]["account_id"]
	for amount in ("-0.10", "0.005", "123456789012.34", "1.0E7", "-12", "99999999999999.99"):
		bank.add_transaction(account, amount=amount)
	for version, path in ((2, "/transactions"), (3, "/transactions")):
		text = Bridge(bank.url, version).log_in("u").get(path).text
		for amount in ("-0.10", "0.005", "123456789012.34", "1.0E7", "-12", "99999999999999.99"):
			assert f'"amount":{amount},' in text


def test_awkward_texts_survive(bank: SandboxControl) -> None:
	bank.add_item("u", transactions=400)
	truth = {
		row["key"]: row
		for part in bank.ledger(user="u", rows=True)["accounts"]
		for row in part["transactions"]
	}
	for escaped in (False, True):
		bank.switches(ascii_json=escaped)
		bridge = Bridge(bank.url).log_in("u")
		assert bridge.get("/transactions?limit=500").content.isascii() is escaped
		for row in bridge.all("/transactions?limit=100"):
			assert row["provider_description"] == truth[row["id"]]["description"]


def test_v2_since_is_a_date_in_one_list_and_an_update_in_the_other(bank: SandboxControl) -> None:
	item = bank.add_item("u", transactions=200)
	bridge = Bridge(bank.url, 2).log_in("u")
	account = item["accounts"][0]["account_id"]
	rows = bridge.all("/transactions?limit=500")
	middle = sorted(row["date"] for row in rows)[100]
	late = bridge.all(f"/transactions?since={middle}&limit=30")
	assert {row["id"] for row in late} == {row["id"] for row in rows if row["date"] >= middle}
	early = bridge.all(f"/transactions?until={middle}")
	assert {row["id"] for row in early} == {row["id"] for row in rows if row["date"] <= middle}
	key = bank.transactions(account)[0]["key"]
	mark = mark_time(bank)
	bank.delete_transaction(key)
	changed = bridge.all(f"/transactions/updated?since={mark}")
	assert [(row["id"], row["is_deleted"]) for row in changed] == [(key, True)]
	assert key not in {row["id"] for row in bridge.all("/transactions?limit=500")}
	assert key in {row["id"] for row in bridge.all("/transactions/updated?limit=500")}
	assert bridge.all(f"/accounts/{account}/transactions/updated?since={mark}") == changed
	one = bridge.all(f"/accounts/{account}/transactions?limit=500")
	assert {row["account_id"] for row in one} == {account}


def test_v3_filters(bank: SandboxControl) -> None:
	item = bank.add_item("u", transactions=200)
	bridge = Bridge(bank.url).log_in("u")
	account = item["accounts"][1]["account_id"]
	rows = bridge.all("/transactions?limit=500")
	assert len(rows) == 200
	stamp = sorted(row["updated_at"] for row in rows)[150]
	after = bridge.all(f"/transactions?since={stamp}&limit=7")
	assert {row["id"] for row in after} == {row["id"] for row in rows if row["updated_at"] > stamp}
	bank.switches(since_strict=False)
	same = bridge.all(f"/transactions?since={stamp}&limit=7")
	assert {row["id"] for row in same} == {row["id"] for row in rows if row["updated_at"] >= stamp}
	until = bridge.all(f"/transactions?until={stamp}&limit=500")
	assert {row["id"] for row in until} == {row["id"] for row in rows if row["updated_at"] <= stamp}
	bank.switches(since_strict=True)
	until = bridge.all(f"/transactions?until={stamp}&limit=500")
	assert {row["id"] for row in until} == {row["id"] for row in rows if row["updated_at"] < stamp}
	day = sorted(row["date"] for row in rows)[50]
	dated = bridge.all(f"/transactions?min_date={day}&max_date={day}")
	assert {row["id"] for row in dated} == {row["id"] for row in rows if row["date"] == day}
	mine = bridge.all(f"/transactions?account_id={account}&limit=3")
	assert {row["id"] for row in mine} == {row["id"] for row in rows if row["account_id"] == account}
	assert bridge.get("/transactions?since=yesterday").status_code == 400
	assert bridge.get("/transactions?account_id=abc").status_code == 400
	assert bridge.get("/transactions?after=nonsense").status_code == 400
	bridge.call("POST", "/users", json={})
	foreign = bridge.get("/users?limit=1").json()["pagination"]["next_uri"].partition("?")[2]
	assert bridge.get(f"/transactions?{foreign}").status_code == 400


def test_v3_deleted_rows(bank: SandboxControl) -> None:
	account = bank.add_item("u", transactions=20)["accounts"][0]["account_id"]
	key = bank.transactions(account)[0]["key"]
	mark = mark_time(bank)
	bank.delete_transaction(key)
	bridge = Bridge(bank.url).log_in("u")
	assert [row["deleted"] for row in bridge.all(f"/transactions?since={mark}")] == [True]
	assert key in {row["id"] for row in bridge.all("/transactions")}
	bank.switches(v3_deleted_without_since=False)
	assert key not in {row["id"] for row in bridge.all("/transactions")}
	assert [row["deleted"] for row in bridge.all(f"/transactions?since={mark}")] == [True]


# pagination (5.2)
def test_limits_of_a_page(bank: SandboxControl) -> None:
	bank.add_item("u", transactions=120)
	bridge = Bridge(bank.url).log_in("u")
	assert len(bridge.get("/transactions").json()["resources"]) == 50
	assert len(bridge.get("/transactions?limit=500").json()["resources"]) == 120
	for wrong in ("0", "501", "x"):
		assert bridge.get(f"/transactions?limit={wrong}").status_code == 400
	bank.switches(limit_check=False)
	assert len(bridge.get("/transactions?limit=501").json()["resources"]) == 120


@pytest.mark.parametrize("order", ["id", "updated_at", "date_desc"])
@pytest.mark.parametrize("quirk", ["none", "short", "empty"])
@pytest.mark.parametrize("repeats", [True, False])
def test_every_row_comes_once(bank: SandboxControl, order: str, quirk: str, repeats: bool) -> None:
	account = bank.add_item("u", transactions=130)["accounts"][0]["account_id"]
	bank.switches(transactions_order=order, page_quirk=quirk, next_uri_repeats_filters=repeats)
	for version, path in (
		(2, f"/accounts/{account}/transactions"),
		(3, f"/transactions?account_id={account}&"),
	):
		bridge = Bridge(bank.url, version).log_in("u")
		path += "limit=7" if "?" in path else "?limit=7"
		rows = [row["id"] for row in bridge.all(path)]
		assert sorted(rows) == sorted(row["id"] for row in bank.transactions(account))


def test_next_uri(bank: SandboxControl) -> None:
	bank.add_item("u", transactions=20)
	bridge = Bridge(bank.url).log_in("u")
	page = bridge.get("/transactions?limit=15&since=2001-01-01").json()
	uri = page["pagination"]["next_uri"]
	assert uri.startswith("/v3/aggregation/transactions?")
	assert "since=2001-01-01" in uri
	for name, end in (("null", None), ("string", "null"), ("empty", "")):
		bank.switches(end_of_list=name)
		assert bridge.get(uri).json()["pagination"] == {"next_uri": end}
	bank.switches(end_of_list="absent")
	assert bridge.get(uri).json()["pagination"] == {}
	bank.switches(next_uri="absolute", next_uri_repeats_filters=False)
	uri = bridge.get("/transactions?limit=15&since=2001-01-01").json()["pagination"]["next_uri"]
	assert uri.startswith(f"{bank.url}/v3/aggregation/transactions?")
	assert "since" not in uri
	assert "generated_at" not in page
	assert "generated_at" in Bridge(bank.url, 2).log_in("u").get("/transactions").json()
	bank.switches(page_quirk="overlap")
	rows = [row["id"] for row in Bridge(bank.url, 2).log_in("u").all("/transactions?limit=5")]
	assert len(rows) > 20
	assert len(set(rows)) == 20


def test_stocks(bank: SandboxControl) -> None:
	bank.add_item("u")
	bridge = Bridge(bank.url).log_in("u")
	rows = bridge.all("/stocks?limit=4")
	assert len(rows) == 9
	assert all(abs(row["total_value"] - row["current_price"] * row["quantity"]) < 0.01 for row in rows)
	assert bridge.get(f"/stocks/{rows[0]['id']}").json() == rows[0]
	assert "is_deleted" in Bridge(bank.url, 2).log_in("u").get("/stocks").json()["resources"][0]


# reference (6)
def test_banks_and_providers(bank: SandboxControl) -> None:
	new, old = Bridge(bank.url), Bridge(bank.url, 2)
	rows = new.all("/v3/providers?limit=3")
	assert {574, 9001} <= {row["id"] for row in rows}
	assert 408 not in {row["id"] for row in rows}
	assert {row["country_code"] for row in rows} == {"FR", "DE", "ES"}
	assert [row["id"] for row in new.all("/v3/providers?country_code=DE")] == [9101]
	assert new.all("/v3/providers?capabilities=nonsense") == []
	demo = new.get("/v3/providers/574").json()
	assert demo["name"] == "Demo Bank"
	assert demo["images"]["logo"].startswith(bank.url)
	assert requests.get(demo["images"]["logo"], timeout=5).headers["Content-Type"].startswith("image/svg")
	bank2 = old.get("/banks/574").json()
	assert {"logo_url", "parent_name", "form", "capabilities", "country_code"} <= set(bank2)
	assert "ais" in bank2["capabilities"]
	assert [row["id"] for row in old.all("/banks?countries=es")] == [9201]
	assert old.get("/banks/1").status_code == 404
	assert new.get("/v3/providers/408").status_code == 200
	assert new.get("/v3/aggregation/providers").status_code == 404
	assert old.get("/banks/insights").status_code == 200


@pytest.mark.parametrize("version", [2, 3])
def test_categories(bank: SandboxControl, version: int) -> None:
	bridge = Bridge(bank.url, version)
	tree = bridge.all("/categories?limit=500")
	children = {child["id"]: child["name"] for parent in tree for child in parent["categories"]}
	known = {83: "Restaurants", 87: "Gas & fuel", 216: "Rent", 230: "Salaries", 273: "Supermarkets/Groceries"}
	assert known.items() <= children.items()
	one = bridge.get("/categories/216", headers={"Accept-Language": "fr"}).json()
	assert one["name"] == "Loyer"
	assert one["parent_id"] in {parent["id"] for parent in tree}
	assert bridge.get("/categories/1000000").status_code == 404
	bank.switches(category_single_shape="resources")
	assert bridge.get("/categories/216").json()["resources"][0]["id"] == 216


def test_what_needs_activation_is_forbidden(bank: SandboxControl) -> None:
	bank.add_item("u")
	for version in (2, 3):
		assert Bridge(bank.url, version).log_in("u").get("/insights/category").status_code == 403
	bridge = Bridge(bank.url).log_in("u")
	assert bridge.get("/accounts-information").status_code == 403
	bank.switches(accounts_information=True)
	assert len(bridge.get("/accounts-information").json()["resources"]) == 4


def test_v3_has_no_refresh(bank: SandboxControl) -> None:
	item = bank.add_item("u")["item_id"]
	assert Bridge(bank.url).log_in("u").call("POST", f"/items/{item}/refresh").status_code == 404


def test_v2_refresh(bank: SandboxControl) -> None:
	item = bank.add_item("u")["item_id"]
	bridge = Bridge(bank.url, 2).log_in("u")
	path = f"/items/{item}/refresh"
	answer = bridge.call("POST", path)
	assert (answer.status_code, answer.content) == (202, b"")
	assert bridge.get(f"{path}/status").json()["status"] == "finished"
	bank.clock(freeze=True)
	bank.switches(refresh_duration_ms=9000)
	bridge.call("POST", path)
	seen = [bridge.get(f"{path}/status").json()]
	for _ in range(3):
		bank.advance(3.5)
		seen.append(bridge.get(f"{path}/status").json())
	assert [row["status"] for row in seen] == [
		"authenticating",
		"retrieving_data",
		"retrieving_data",
		"finished",
	]
	assert seen[0]["refreshed_accounts_count"] is None
	assert seen[2]["total_accounts_count"] == 12
	bank.expire_item(item)
	bank.switches(refresh_duration_ms=0)
	bridge.call("POST", path)
	shown = bridge.get(f"{path}/status").json()
	assert shown["status"] == "info_required"
	assert shown["mfa"]["type"] == "SMS"


# The fields of Bridge's own OpenAPI, as an independent catalogue derived from it lists them
# (github.com/mindcloud-inc/universal-api-reference, apis/b/bridge, ea5d990f, 2026-08).
CATALOGUE = {
	"/accounts": """accounting_balance balance currency_code data_access iban id instant_balance item_id
		last_refresh_status loan_details name pro provider_id type updated_at""",
	"/items": """account_types authentication_expires_at created_at id last_successful_refresh last_try_refresh
		provider_id status status_code_description status_code_info""",
	"/transactions": """account_id amount booking_date bridge_payment_information category_id clean_description
		currency_code date deleted future id operation_type provider_description transaction_date updated_at
		value_date""",
	"/stocks": """account_id average_purchase_price created_at currency_code current_price deleted id isin label
		marketplace quantity stock_key ticker total_value updated_at value_date""",
	"/users": "external_user_id uuid",
	"/v3/providers": """aggregation_metadata capabilities country_code group_name health_status id images name
		payment_metadata tags""",
}
NEVER_SENT = {"/transactions": {"bridge_payment_information"}}


@pytest.mark.parametrize("path", sorted(CATALOGUE))
def test_v3_fields_are_those_of_the_published_catalogue(bank: SandboxControl, path: str) -> None:
	bank.add_item("u", transactions=300)
	rows = Bridge(bank.url).log_in("u").all(f"{path}?limit=500")
	assert {name for row in rows for name in row} == set(CATALOGUE[path].split()) - NEVER_SENT.get(
		path, set()
	)


def test_many_clients_at_once(bank: SandboxControl) -> None:
	"""Readers walk pages while the bank changes rows: nobody sees an error, a row twice, or half a row."""
	item = bank.add_item("u", transactions=400)["item_id"]
	stop = threading.Event()
	failures: list[str] = []

	def read(version: int) -> None:
		bridge = Bridge(bank.url, version).log_in("u")
		while not stop.is_set():
			try:
				path = "/transactions/updated?limit=50" if version == 2 else "/transactions?limit=50"
				ids = [row["id"] for row in bridge.all(path)]
				if len(ids) != len(set(ids)) or len(ids) < 400:
					failures.append(f"{len(ids)} rows, {len(set(ids))} ids")
			except Exception as error:  # a thread's failure has to reach the test
				failures.append(repr(error))
				return

	threads = [threading.Thread(target=read, args=(version,)) for version in (2, 3, 2, 3)]
	for thread in threads:
		thread.start()
	for _ in range(15):
		bank.tick(item)
	stop.set()
	for thread in threads:
		thread.join(timeout=20)
	assert failures == []
