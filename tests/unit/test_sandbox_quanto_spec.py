"""What the simulated banks and Quanto answer, and what they ask each other, against the published Open Finance Brasil files."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from ofb_spec import base, check_answer, check_request, document, needed
from quanto_harness import Quanto, running_quanto

from bank_api.sandbox.quanto.client import COMPANY
from bank_api.sandbox.quanto.stamps import stamp

PLACE = re.compile(r"/\w+/open-banking/([a-z-]+)/v\d(/.*)")
CREDITS = ("loans", "financings", "invoice-financings", "unarranged-accounts-overdraft")
YEAR = "fromBookingDate={begin}&toBookingDate={end}"
CARD_YEAR = "fromTransactionDate={begin}&toTransactionDate={end}"


@pytest.fixture(scope="module")
def quanto() -> Iterator[Quanto]:
	needed()
	with running_quanto() as found:
		yield found


@pytest.fixture(scope="module", params=["person", "company"])
def consent(request: pytest.FixtureRequest, quanto: Quanto) -> str:
	company = request.param == "company"
	found = quanto.share(cnpj=COMPANY if company else "")
	if company:
		quanto.sandbox.decide(found)
	return found


def days(quanto: Quanto) -> dict[str, str]:
	today = quanto.control.now()[:10]
	return {"begin": f"{int(today[:4]) - 1}{today[4:]}".replace("-02-29", "-02-28"), "end": today}


def published(quanto: Quanto, text: str) -> str:
	"""Put a real host in place of the sandbox's listeners: the cards' file allows links to named hosts over https only."""
	for url in (quanto.setup.url, quanto.sandbox.banks_url):
		text = text.replace(url, "https://api.banco.com.br")
	return text


def read(quanto: Quanto, consent: str, api: str, path: str, query: str = "", status: int = 200) -> Any:
	"""Read through Quanto, and check what comes."""
	address = path.removeprefix("/") if api == "resources" else f"{api}{path}"
	answer = quanto.call("GET", f"/v1/consents/{consent}/{address}{f'?{query}' if query else ''}")
	assert answer.status_code == status, answer.text
	check_answer(api, path, published(quanto, answer.text), status, media=answer.headers["Content-Type"])
	return answer.json()


def read_all(quanto: Quanto, consent: str, api: str, path: str, query: str) -> list[dict[str, Any]]:
	"""Follow the links to the end; each page is checked."""
	rows: list[dict[str, Any]] = []
	address = f"/v1/consents/{consent}/{api}{path}?{query}"
	while address:
		answer = quanto.call("GET", address)
		assert answer.status_code == 200, answer.text
		check_answer(api, path, published(quanto, answer.text))
		body = answer.json()
		rows += body["data"]
		address = body["links"].get("next", "").removeprefix(quanto.setup.url)
		assert ("totalPages" in body["meta"]) == ("/bills/" in path), (
			"the ledger is a cursor, a bill is a list"
		)
	return rows


def test_resources_list_every_product_of_the_customer(quanto: Quanto, consent: str) -> None:
	rows = read(quanto, consent, "resources", "/resources")["data"]

	kinds = sorted(row["type"] for row in rows)
	assert kinds == sorted(
		[
			"ACCOUNT",
			"ACCOUNT",
			"CREDIT_CARD_ACCOUNT",
			"LOAN",
			"FINANCING",
			"INVOICE_FINANCING",
			"UNARRANGED_ACCOUNT_OVERDRAFT",
		]
	)
	assert {row["status"] for row in rows} == {"AVAILABLE"}


def test_registration_data(quanto: Quanto, consent: str) -> None:
	business = quanto.sandbox.consent(consent)["cnpj"] != ""
	side = "business" if business else "personal"
	for part in ("identifications", "qualifications", "financial-relations"):
		assert read(quanto, consent, "customers", f"/{side}/{part}")["data"]
	other = "personal" if business else "business"
	read(quanto, consent, "customers", f"/{other}/identifications", status=403)


def test_accounts_with_balances_limits_and_transactions(quanto: Quanto, consent: str) -> None:
	accounts = read(quanto, consent, "accounts", "/accounts")["data"]
	assert len(accounts) == 2
	for account in accounts:
		one = f"/accounts/{account['accountId']}"
		detail = read(quanto, consent, "accounts", one)["data"]
		assert detail["number"] == account["number"]
		for part in ("balances", "overdraft-limits"):
			read(quanto, consent, "accounts", f"{one}/{part}")
		read(quanto, consent, "accounts", f"{one}/transactions-current", "page-size=1000")
		year = YEAR.format(**days(quanto))
		rows = read_all(quanto, consent, "accounts", f"{one}/transactions", f"{year}&page-size=13")
		assert len(rows) == len({row["transactionId"] for row in rows})
		assert [r["transactionDateTime"] for r in rows] == sorted(
			(r["transactionDateTime"] for r in rows), reverse=True
		)


def test_cards_with_limits_bills_and_transactions(quanto: Quanto, consent: str) -> None:
	(card,) = read(quanto, consent, "credit-cards-accounts", "/accounts")["data"]
	one = f"/accounts/{card['creditCardAccountId']}"
	read(quanto, consent, "credit-cards-accounts", one)
	assert len(read(quanto, consent, "credit-cards-accounts", f"{one}/limits")["data"]) == 2
	bills = read(quanto, consent, "credit-cards-accounts", f"{one}/bills", "page-size=100")["data"]
	assert len(bills) == 11
	for bill in bills:
		path = f"{one}/bills/{bill['billId']}/transactions"
		rows = read_all(quanto, consent, "credit-cards-accounts", path, "page-size=100")
		signs = {"DEBITO": 1, "CREDITO": -1}
		cents = sum(
			signs[row["creditDebitType"]] * int(row["brazilianAmount"]["amount"].replace(".", ""))
			for row in rows
		)
		assert cents == int(bill["billTotalAmount"]["amount"].replace(".", ""))
	year = CARD_YEAR.format(**days(quanto))
	assert read_all(quanto, consent, "credit-cards-accounts", f"{one}/transactions", year)
	read(quanto, consent, "credit-cards-accounts", f"{one}/transactions-current")


@pytest.mark.parametrize("api", CREDITS)
def test_credit_operations(quanto: Quanto, consent: str, api: str) -> None:
	(contract,) = read(quanto, consent, api, "/contracts")["data"]
	one = f"/contracts/{contract['contractId']}"
	read(quanto, consent, api, one)
	assert read(quanto, consent, api, f"{one}/warranties")["data"]
	counts = read(quanto, consent, api, f"{one}/scheduled-instalments")["data"]
	payments = read(quanto, consent, api, f"{one}/payments")["data"]
	assert len(payments["releases"]) == counts["paidInstalments"]


def test_consents_are_open_finance_bodies(quanto: Quanto, consent: str) -> None:
	answer = quanto.call("GET", f"/v1/consents/{consent}")
	check_answer("consents", f"/consents/{consent}", answer.text)
	row = next(r for r in quanto.get("/v1/consents?page-size=100")["data"] if r["consentId"] == consent)
	assert row.items() >= answer.json()["data"].items()


def test_an_ended_consent_says_why(quanto: Quanto) -> None:
	consent = quanto.share()
	quanto.sandbox.revoke(consent)
	answer = quanto.call("GET", f"/v1/consents/{consent}")
	check_answer("consents", f"/consents/{consent}", answer.text)
	assert answer.json()["data"]["rejection"] == {
		"rejectedBy": "USER",
		"reason": {"code": "CUSTOMER_MANUALLY_REVOKED"},
	}
	read(quanto, consent, "resources", "/resources", status=401)


def test_extension_and_its_list(quanto: Quanto) -> None:
	end = stamp(quanto.sandbox.info()["now_ms"] + 200 * 86_400_000)
	consent = quanto.share(groups=["statements"])  # the file lists no EXCHANGES_READ in this answer
	quanto.sandbox.expire(consent, in_seconds=86_400)
	body = {
		"data": {
			"loggedUser": {"document": {"identification": "11144477735", "rel": "CPF"}},
			"expirationDateTime": end,
		}
	}
	headers = {"x-fapi-customer-ip-address": "203.0.113.7", "x-customer-user-agent": "Mozilla/5.0"}
	path = f"/consents/{consent}"
	answer = quanto.call("POST", f"/v1{path}/extends", json=body, headers=headers)
	assert answer.status_code == 201, answer.text
	check_answer("consents", f"{path}/extends", answer.text, 201, "post")
	assert answer.json()["data"]["expirationDateTime"] == end
	listed = quanto.call("GET", f"/v1{path}/extensions")
	check_answer("consents", f"{path}/extensions", listed.text)
	assert listed.json()["data"][0]["expirationDateTime"] == end


def test_refusals_have_the_published_shape(quanto: Quanto) -> None:
	consent = quanto.share(groups=["statements"])
	account = quanto.sandbox.products(kind="ACCOUNT")[0]["id"]
	one = f"/accounts/{account}"
	read(quanto, consent, "accounts", f"{one}/balances", status=403)
	read(quanto, consent, "accounts", f"{one}/transactions", "page-size=1001", 422)
	read(quanto, consent, "accounts", f"{one}/transactions", "fromBookingDate=soon", 400)
	read(quanto, consent, "accounts", "/accounts/nothing", status=403)
	quanto.sandbox.use_up(consent, "accounts/transactions", account)
	read(quanto, consent, "accounts", f"{one}/transactions", status=423)
	for status in (429, 500, 504, 529):
		quanto.control.fail("status", "/ipe/open-banking/accounts", status=status, retry_after="3")
		read(quanto, consent, "accounts", "/accounts", status=status)


def test_zz_all_that_quanto_and_the_banks_said_to_each_other(quanto: Quanto, consent: str) -> None:
	"""Runs last: every exchange of this module, headers too."""
	checked = set()
	for found in list(quanto.exchanges):
		place = PLACE.fullmatch(found.path.partition("?")[0])
		if place is None:
			continue
		api, path = place.groups()
		if found.status < 400:
			check_request(api, found.method, path, found.headers, found.body)
		if found.answer and found.answered.get("Content-Type"):
			media = found.answered["Content-Type"]
			text = published(quanto, found.answer.decode())
			check_answer(api, path, text, found.status, found.method.lower(), media)
			assert found.answered["x-fapi-interaction-id"] == found.headers["X-Fapi-Interaction-Id"]
			if found.status < 400:
				assert found.answered["x-v"] == document(api)["info"]["version"]
		checked.add((api, found.status))
	assert {api for api, _status in checked} == {
		"accounts",
		"consents",
		"credit-cards-accounts",
		"customers",
		"resources",
		*CREDITS,
	}


def test_the_bases_are_those_of_the_files(quanto: Quanto) -> None:
	for api in ("accounts", "consents", "resources", "customers", "credit-cards-accounts", *CREDITS):
		assert base(api).endswith(f"/open-banking/{api}/v{3 if api in ('consents', 'resources') else 2}")
