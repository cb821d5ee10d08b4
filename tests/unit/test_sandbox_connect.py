"""The end user's pages: every scenario, every place to quit, and what comes back."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sandbox_harness import Bridge, running

from bank_api.sandbox.client import SandboxControl, SandboxError


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxControl]:
	with running(switches={"rate_limits": False, "app2app_ms": 150, "app2app_expiry_ms": 200}) as control:
		yield control


@pytest.fixture
def bank(shared: SandboxControl) -> SandboxControl:
	shared.reset()
	shared.add_user("u")
	return shared


def link_v3(bank: SandboxControl, **values: Any) -> str:
	body = {"user_email": "a@b.fr", "callback_url": "https://app/cb", "context": "n-1"} | values
	body = {name: value for name, value in body.items() if value is not None}
	answer = Bridge(bank.url).log_in("u").call("POST", "/connect-sessions", json=body)
	assert answer.status_code == 200, answer.text
	assert answer.json()["url"].endswith(f"/session/{answer.json()['id']}")
	return answer.json()["url"]


def link_v2(bank: SandboxControl, path: str = "add", **values: Any) -> str:
	bridge = Bridge(bank.url, 2).log_in("u")
	values = {"redirect_url": "https://app/cb", "context": "some thing"} | values
	if path == "add":
		answer = bridge.call("POST", "/connect/items/add", json={"country": "fr"} | values)
	else:
		answer = bridge.get(f"/connect/items/{path}", params=values)
	assert answer.status_code == 200, answer.text
	return answer.json()["redirect_url"]


def returned(location: str | None) -> dict[str, str]:
	assert location is not None
	return {name: value[0] for name, value in parse_qs(urlsplit(location).query).items()}


def status(bank: SandboxControl) -> tuple[int, str]:
	item = bank.items("u")[-1]
	return item["status"], item["status_code_info"]


@pytest.mark.parametrize("login", ["success", "anything", "otp", "app2app"])
@pytest.mark.parametrize("version", [2, 3])
def test_success(bank: SandboxControl, version: int, login: str) -> None:
	link = link_v2(bank) if version == 2 else link_v3(bank)
	location = bank.complete_connect(link, login=login)
	item = bank.items("u")[0]
	assert returned(location) == {
		"item_id": str(item["item_id"]),
		"user_uuid": item["user_uuid"],
		"success": "true",
		"source": "connect",
		"context": "some thing" if version == 2 else "n-1",
	}
	assert status(bank) == (0, "ok")
	assert len(item["accounts"]) == (12 if version == 2 else 6)


@pytest.mark.parametrize(
	("login", "step", "expected"),
	[
		("otp_fail", "otp_form", (-2, "just_added")),
		("app2app_expiry", "sync_error", (1010, "otp_required")),
		("402", "bank_creds_form", (402, "invalid_creds")),
		("429", "sync_error", (429, "needs_human_action")),
		("1003", "sync_error", (1003, "bank_is_down")),
		("1005_CLOSED_ACCOUNT", "sync_error", (1005, "closed_account")),
		("1010_SOME_INFO", "sync_error", (1010, "some_info")),
	],
)
def test_failure(bank: SandboxControl, login: str, step: str, expected: tuple[int, str]) -> None:
	back = returned(bank.complete_connect(link_v3(bank), login=login))
	assert (back["success"], back["step"]) == ("false", step)
	assert status(bank) == expected
	assert bank.items("u")[0]["accounts"] == []


def test_wrong_codes_run_out(bank: SandboxControl) -> None:
	browser = bank.browser(link_v3(bank, provider_id=574))
	browser.post(("login", "otp_fail"), ("password", "x"))
	steps = []
	for _ in range(3):
		page = browser.post(("otp", "000000"))
		assert page is not None
		steps.append(page.step)
	assert steps == ["otp_form", "otp_form", "sync_error"]
	assert status(bank)[0] == 1010
	browser.post(("action", "retry"))
	assert "success=true" in str(browser.walk(login="success"))


def test_refused_credentials_can_be_corrected(bank: SandboxControl) -> None:
	location = bank.complete_connect(link_v3(bank), login="402", retry_login="success")
	assert returned(location)["success"] == "true"
	assert len(bank.items("u")) == 1
	assert status(bank) == (0, "ok")


@pytest.mark.parametrize(
	("version", "at", "login", "step"),
	[
		(3, "highlighted_banks", "x", "highlighted_banks"),
		(2, "list_banks", "x", "list_banks"),
		(3, "bank_creds_form", "x", "bank_creds_form"),
		(3, "otp_form", "otp", "otp_form"),
		(3, "sync_in_progress", "app2app", "sync_in_progress"),
		(3, "account_selection", "x", "sync_in_progress"),
		(3, "sync_success", "x", "sync_success"),
	],
)
def test_quit_anywhere(bank: SandboxControl, version: int, at: str, login: str, step: str) -> None:
	link = link_v2(bank) if version == 2 else link_v3(bank)
	back = returned(bank.complete_connect(link, login=login, quit_at=at))
	assert (back["success"], back["step"]) == ("false", step)
	assert ("item_id" in back) is (at not in ("highlighted_banks", "list_banks", "bank_creds_form"))


def test_a_link_works_once(bank: SandboxControl) -> None:
	link = link_v3(bank)
	assert bank.complete_connect(link)
	answer = requests.get(link, timeout=5)
	assert answer.status_code == 410
	assert "text/html" in answer.headers["Content-Type"]
	with pytest.raises(SandboxError):
		bank.complete_connect(link)
	assert requests.post(link, data={"action": "quit"}, timeout=5).status_code == 410


def test_a_link_lives_thirty_minutes(bank: SandboxControl) -> None:
	link = link_v3(bank)
	bank.advance(29 * 60)
	assert requests.get(link, timeout=5).status_code == 200
	bank.advance(61)
	assert requests.get(link, timeout=5).status_code == 410
	assert requests.get(f"{bank.url}/session/none", timeout=5).status_code == 404


def test_a_callback_keeps_its_own_query(bank: SandboxControl) -> None:
	location = bank.complete_connect(link_v3(bank, callback_url="https://app/cb?state=a%20b#top"))
	assert str(location).startswith("https://app/cb?state=a%20b&item_id=")
	assert str(location).endswith("#top")
	assert "context=n-1" in str(location)


def test_without_callback_the_user_ends_on_a_page(bank: SandboxControl) -> None:
	assert bank.complete_connect(link_v3(bank, callback_url=None, context=None)) is None
	bank.switches(default_callback_url="https://dashboard/cb")
	assert str(bank.complete_connect(link_v2(bank, redirect_url=None))).startswith("https://dashboard/cb?")


def test_accounts_can_be_chosen(bank: SandboxControl) -> None:
	bank.complete_connect(link_v3(bank, account_types="all"), accounts=[0, 4, 10])
	assert [account["index"] for account in bank.items("u")[0]["accounts"]] == [0, 4, 10]
	assert sum(account["transactions"] for account in bank.items("u")[0]["accounts"]) == 60
	browser = bank.browser(link_v3(bank, provider_id=574, max_selectable_accounts=1))
	page = browser.post(("login", "x"), ("password", "x"))
	assert page is not None
	assert page.step == "account_selection"
	page = browser.post(("accounts", "0"), ("accounts", "1"), ("action", "accounts"))
	assert page is not None
	assert page.step == "account_selection"
	assert 'role="alert"' in page.text
	page = browser.post(("action", "accounts"))
	assert page is not None
	assert page.step == "account_selection"
	assert "success=true" in str(browser.walk(accounts=[3]))
	bank.complete_connect(link_v3(bank, allow_account_selection=False), quit_at="account_selection")
	assert len(bank.items("u")[-1]["accounts"]) == 6


def test_a_repair_can_stop_sharing_an_account(bank: SandboxControl) -> None:
	bank.complete_connect(link_v3(bank))
	item = bank.items("u")[0]
	bank.expire_item(item["item_id"])
	assert status(bank) == (1010, "otp_required")
	location = bank.complete_connect(link_v3(bank, item_id=item["item_id"]), accounts=[0, 1])
	assert returned(location)["item_id"] == str(item["item_id"])
	assert status(bank) == (0, "ok")
	bridge = Bridge(bank.url).log_in("u")
	access = {row["id"]: row["data_access"] for row in bridge.all("/accounts")}
	assert list(access.values()) == ["enabled"] * 2 + ["disabled"] * 4
	hidden = next(number for number, value in access.items() if value == "disabled")
	assert bridge.all(f"/transactions?account_id={hidden}") == []
	bank.switches(unshared_account="absent")
	assert len(bridge.all("/accounts")) == 2
	bank.complete_connect(link_v3(bank, item_id=item["item_id"]), accounts=[0, 1, 2])
	assert len(bridge.all("/accounts")) == 3
	assert [a["account_id"] for a in bank.items("u")[0]["accounts"]] == [
		a["account_id"] for a in item["accounts"]
	]


def test_v2_edit_and_sync(bank: SandboxControl) -> None:
	bank.complete_connect(link_v2(bank))
	item = bank.items("u")[0]["item_id"]
	bank.set_status(item, 402)
	back = returned(bank.complete_connect(link_v2(bank, "edit", item_id=item)))
	assert (back["source"], back["success"]) == ("manage", "true")
	assert status(bank) == (0, "ok")
	bank.expire_item(item)
	browser = bank.browser(link_v2(bank, "sync", item_id=item))
	assert browser.page.step == "sync_in_progress"
	assert "success=true" in str(browser.walk())
	assert status(bank) == (0, "ok")
	bridge = Bridge(bank.url, 2).log_in("u")
	assert bridge.get("/connect/items/edit").status_code == 400
	assert bridge.get("/connect/items/sync?item_id=1").status_code == 404


def test_scenarios_in_a_row(bank: SandboxControl) -> None:
	bank.complete_connect(link_v3(bank), login="success.1010.otp.1003")
	item = bank.items("u")[0]["item_id"]
	assert status(bank) == (0, "ok")
	assert [row["status"] for row in bank.tick(item)] == [1010]
	browser = bank.browser(link_v3(bank, item_id=item))
	assert "success=true" in str(browser.walk())
	assert "otp_form" in browser.steps
	assert status(bank) == (0, "ok")
	assert [row["status"] for row in bank.tick(item)] == [1003]
	assert [row["status"] for row in bank.tick(item)] == [1003]
	bank.set_login(item, "success")
	assert [row["status"] for row in bank.tick(item)] == [0]


def test_late_data(bank: SandboxControl) -> None:
	bank.switches(sync_delay_ms=60_000)
	browser = bank.browser(link_v3(bank, provider_id=574))
	browser.post(("login", "x"), ("password", "x"))
	page = browser.post(("accounts", "0"), ("action", "accounts"))
	assert page is not None
	assert page.step == "sync_pending"
	assert status(bank)[0] == -2
	location = browser.post(("action", "leave")) or browser.location
	assert returned(str(location))["step"] == "sync_pending"
	bank.advance(61)
	assert status(bank) == (0, "ok")
	assert len(bank.items("u")[0]["accounts"]) == 1


def test_checks_of_a_session(bank: SandboxControl) -> None:
	bridge = Bridge(bank.url).log_in("u")
	good = {"user_email": "a@b.fr", "callback_url": "https://app.example.com/cb"}

	def code(**values: Any) -> tuple[int, str]:
		answer = bridge.call("POST", "/connect-sessions", json=good | values)
		return answer.status_code, "" if answer.ok else answer.json()["errors"][0]["code"]

	assert code() == (200, "")
	assert code(user_email=None)[0] == 400
	assert code(context="a b")[0] == 400
	assert code(context="x" * 101)[0] == 400
	assert code(context="x" * 100)[0] == 200
	assert code(account_types="some")[0] == 400
	assert code(provider_id=1)[0] == 404
	assert code(item_id=1)[0] == 404
	assert code(callback_url="javascript:alert(1)")[0] == 400
	bank.switches(callback_hosts=["*.example.com"])
	assert code()[0] == 200
	assert code(callback_url="https://evil.com/x") == (400, "connect_session.callback_url_not_whitelisted")
	bank.switches(user_email_required=False)
	assert code(user_email=None)[0] == 200


def test_four_management_flows_a_day(bank: SandboxControl) -> None:
	item = bank.add_item("u")["item_id"]
	bank.switches(rate_limits=True)
	bridge = Bridge(bank.url).log_in("u")
	body = {"user_email": "a@b.fr", "item_id": item}
	statuses = [bridge.call("POST", "/connect-sessions", json=body).status_code for _ in range(5)]
	assert statuses == [200] * 4 + [429]
	bank.advance(24 * 3600 + 1)
	bridge.log_in("u")
	assert bridge.call("POST", "/connect-sessions", json=body).status_code == 200


def test_management_page(bank: SandboxControl) -> None:
	bank.complete_connect(link_v3(bank))
	item = bank.items("u")[0]["item_id"]
	bank.expire_item(item)
	body = {"callback_url": "https://app/cb"}
	url = Bridge(bank.url).log_in("u").call("POST", "/user-management-sessions", json=body).json()["url"]
	browser = bank.browser(url)
	assert browser.page.step == "manage"
	browser.post(("repair", str(item)))
	page = browser.post(("action", "continue"))
	assert page is not None
	page = browser.post(("accounts", "0"), ("action", "accounts"))
	page = browser.post(("action", "finish"))
	assert page is not None
	assert page.step == "manage"
	assert status(bank) == (0, "ok")
	browser.post(("action", "add"))
	browser.post(("provider_id", "9101"))
	browser.post(("login", "hans"), ("password", "x"))
	browser.post(("accounts", "0"), ("action", "accounts"))
	browser.post(("action", "finish"))
	assert "success=true" in str(browser.walk())
	assert [row["provider_id"] for row in bank.items("u")] == [574, 9101]


def test_the_pages_speak_french_and_have_no_script(bank: SandboxControl) -> None:
	link = link_v3(bank)
	english, french = bank.browser(link).page, bank.browser(link, "fr").page
	assert "Choose your bank" in english.text
	assert "Choisissez votre banque" in french.text
	assert 'lang="fr"' in french.text
	assert "<script" not in english.text
	assert "width=device-width" in english.text
	found = requests.get(link, params={"q": "rural"}, timeout=5).text
	assert "Crédit Rural" in found
	assert "Demo Bank" not in found
	evil = requests.get(link, params={"q": '"><script>'}, timeout=5).text
	assert "<script>" not in evil


def test_a_group_has_branches(bank: SandboxControl) -> None:
	browser = bank.browser(link_v3(bank))
	browser.post(("action", "all"))
	page = browser.post(("group", "Crédit Rural"))
	assert page is not None
	assert page.step == "sub_banks_list"
	assert {value for form in page.forms for name, value in form.buttons if name == "provider_id"} == {
		"9003",
		"9004",
		"9005",
	}
	assert "success=true" in str(browser.walk(provider_id=9004))
	assert bank.items("u")[0]["provider_id"] == 9004


def test_the_old_simulator(bank: SandboxControl) -> None:
	location = bank.complete_connect(link_v3(bank, provider_id=408), login="123456789", password="demoOTP")
	assert returned(location)["success"] == "true"
	back = returned(
		bank.complete_connect(link_v3(bank, provider_id=408), login="123456789", password="demo429")
	)
	assert back["step"] == "sync_error"
	assert status(bank)[0] == 429


def test_an_item_deleted_meanwhile(bank: SandboxControl) -> None:
	browser = bank.browser(link_v3(bank, provider_id=574))
	browser.post(("login", "otp"), ("password", "x"))
	bank.delete_item(bank.items("u")[0]["item_id"])
	page = browser.post(("otp", "1"))
	assert page is not None
	assert page.step == "sync_error"
	assert "success=false" in str(browser.walk())
