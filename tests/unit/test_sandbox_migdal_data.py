"""Migdal's data: loans, accounts, cards, paging, rights, frequency, and the seed (protocol 4 and 7)."""

import uuid
from datetime import date, timedelta
from decimal import Decimal

import berlin_group_spec
import pytest
import requests
from migdal_tpp import CONSENTS, LOAN, LOANS, Client, body_of
from sandbox_harness import running_migdal

BANKING, MANY = "999888008", "999888002"
SINCE = "2000-01-01"


def code_of(answer: requests.Response) -> tuple[int, str]:
	if answer.ok:
		return answer.status_code, ""
	return answer.status_code, answer.json()["tppMessages"][0]["code"]


def first_id(client: Client, consent: str, base: str = LOANS) -> str:
	body = client.get(base, consent, PSU_IP_Address="192.0.2.1").json()
	(rows,) = body.values()
	return rows[0]["resourceId"]


def pages(client: Client, consent: str, path: str, **headers: str) -> list[dict]:
	found, seen = [], set()
	while path:
		assert path not in seen
		seen.add(path)
		answer = client.get(path, consent, **headers)
		assert answer.status_code == 200, answer.text
		found.append(answer.json())
		path = found[-1]["transactions"]["_links"].get("next", {}).get("href", "")
	return found


class TestLoans:
	def test_the_published_customer(self, migdal, client):
		berlin_group_spec.needed()
		consent = client.connect([LOAN])
		(loan,) = client.get(LOANS, consent).json()["loanAccounts"]
		assert loan["other"] == {"identification": LOAN, "schemeNameProprietary": "loanNumber"}
		assert loan["cashAccountType"] == "LOAN" and loan["currency"] == "ILS"
		assert loan["balances"][0]["balanceAmount"]["amount"] == migdal.migdal.balance(LOAN)
		one = client.get(f"{LOANS}/{loan['resourceId']}", consent).json()["loanAccount"]
		assert one == loan
		balances = client.get(loan["_links"]["balances"]["href"], consent).json()
		assert balances["balances"] == loan["balances"]
		assert balances["loanAccount"]["other"]["identification"] == LOAN

	def test_bo_shows_all_that_was_ticked(self, client):
		assert len(client.get(LOANS, client.connect()).json()["loanAccounts"]) == 2

	def test_transactions_add_up_to_the_balance(self, migdal, client):
		consent = client.connect([LOAN])
		path = f"{LOANS}/{first_id(client, consent)}/transactions?bookingStatus=both&dateFrom={SINCE}"
		body = client.get(path, consent).json()
		booked = body["transactions"]["booked"]
		opening = next(a["opening"] for a in migdal.migdal.psu()["accounts"] if a["number"] == LOAN)
		total = sum((Decimal(row["transactionAmount"]["amount"]) for row in booked), Decimal(opening))
		assert f"{total:.2f}" == migdal.migdal.balance(LOAN) == body["balances"][0]["balanceAmount"]["amount"]
		assert len(body["transactions"]["pending"]) == 2
		assert sum("transactionId" not in row for row in booked) == 2  # the twins

	@pytest.mark.parametrize(
		("status", "members"),
		[("booked", {"booked"}), ("pending", {"pending"}), ("both", {"booked", "pending"})],
	)
	def test_booking_status(self, client, status, members):
		consent = client.connect([LOAN])
		path = f"{LOANS}/{first_id(client, consent)}/transactions?bookingStatus={status}&dateFrom={SINCE}"
		assert set(client.get(path, consent).json()["transactions"]) - {"_links"} == members

	@pytest.mark.parametrize(
		("query", "code"),
		[
			("dateFrom=2020-01-01", "FORMAT_ERROR"),
			("bookingStatus=some&dateFrom=2020-01-01", "FORMAT_ERROR"),
			("bookingStatus=all&dateFrom=2020-01-01", "PARAMETER_NOT_SUPPORTED"),
			("bookingStatus=booked", "FORMAT_ERROR"),
			("bookingStatus=booked&dateFrom=yesterday", "FORMAT_ERROR"),
			("bookingStatus=booked&dateFrom=2024-02-01&dateTo=2024-01-01", "PERIOD_INVALID"),
			("bookingStatus=booked&deltaList=true", "PARAMETER_NOT_SUPPORTED"),
			("bookingStatus=booked&entryReferenceFrom=1", "PARAMETER_NOT_SUPPORTED"),
			("bookingStatus=booked&dateFrom=2020-01-01&page=zzz", "FORMAT_ERROR"),
			("bookingStatus=booked&dateFrom=2020-01-01&itemsPerPage=0", "FORMAT_ERROR"),
		],
	)
	def test_queries(self, client, query, code):
		consent = client.connect([LOAN])
		path = f"{LOANS}/{first_id(client, consent)}/transactions?{query}"
		assert code_of(client.get(path, consent)) == (400, code)

	def test_dates_bound_the_list_at_both_ends(self, migdal, client):
		consent = client.connect([LOAN])
		days = sorted(row["date"] for row in migdal.migdal.transactions(LOAN) if row["status"] == "booked")
		path = f"{LOANS}/{first_id(client, consent)}/transactions?bookingStatus=booked&dateFrom={days[3]}&dateTo={days[9]}"
		booked = client.get(path, consent).json()["transactions"]["booked"]
		assert len(booked) == sum(days[3] <= day <= days[9] for day in days)

	def test_how_far_back(self, migdal, client):
		migdal.migdal.switches(history_days=365)
		consent = client.connect([LOAN])
		path = f"{LOANS}/{first_id(client, consent)}/transactions?bookingStatus=booked&dateFrom={SINCE}"
		assert code_of(client.get(path, consent)) == (400, "PERIOD_INVALID")

	def test_many_loans_and_pages(self, migdal, client):
		consent = client.connect(psu=MANY)
		loans = client.get(LOANS, consent).json()["loanAccounts"]
		assert len({loan["resourceId"] for loan in loans}) == 40
		path = f"{LOANS}/{loans[0]['resourceId']}/transactions?bookingStatus=both&dateFrom={SINCE}"
		found = pages(client, consent, path)
		assert len(found) == 25
		rows = [row for page in found for row in page["transactions"]["booked"]]
		assert len(rows) == 2500
		assert [len(page["transactions"]["pending"]) for page in found[:3]] == [2, 0, 0]
		dates = [row["bookingDate"] for row in rows]
		assert dates == sorted(dates, reverse=True)

	def test_absolute_page_links(self, migdal, client):
		migdal.migdal.switches(links="absolute", page_size=10)
		consent = client.connect([LOAN])
		path = f"{LOANS}/{first_id(client, consent)}/transactions?bookingStatus=booked&dateFrom={SINCE}"
		found = pages(client, consent, path)
		assert [len(page["transactions"]["booked"]) for page in found] == [10, 10, 10, 6]

	def test_rights(self, client):
		other = {"other": {"identification": LOAN}}
		consent = client.connect(body=body_of(access={"accounts": [other], "balances": [other]}))
		loan = first_id(client, consent)
		assert client.get(f"{LOANS}/{loan}/balances", consent).status_code == 200
		path = f"{LOANS}/{loan}/transactions?bookingStatus=booked&dateFrom={SINCE}"
		assert code_of(client.get(path, consent)) == (401, "CONSENT_INVALID")
		assert "transactions" not in client.get(f"{LOANS}/{loan}", consent).json()["loanAccount"]["_links"]

	def test_a_loan_outside_the_consent(self, client):
		everything = client.connect()
		ids = [loan["resourceId"] for loan in client.get(LOANS, everything).json()["loanAccounts"]]
		consent = client.connect([LOAN])
		assert client.get(f"{LOANS}/{ids[0]}", consent).status_code == 200
		assert code_of(client.get(f"{LOANS}/{ids[1]}", consent)) == (401, "CONSENT_INVALID")
		assert code_of(client.get(f"{LOANS}/{uuid.uuid4()}", consent)) == (404, "RESOURCE_UNKNOWN")
		assert code_of(client.get(f"/v1/accounts/{ids[0]}", consent)) == (404, "RESOURCE_UNKNOWN")

	def test_ids_may_belong_to_the_consent(self, migdal, client):
		migdal.migdal.switches(resource_ids="consent")
		first, second = ((c := client.connect([LOAN])) and first_id(client, c) for _ in range(2))
		assert first != second

	def test_a_consent_that_was_not_authorised(self, client):
		client.connect()
		consent = client.create(headers={"PSU-Corporate-ID": "512237744"}).json()["consentId"]
		assert code_of(client.get(LOANS, consent)) == (401, "CONSENT_INVALID")
		assert code_of(client.get(LOANS, str(uuid.uuid4()))) == (403, "CONSENT_UNKNOWN")
		assert code_of(client.call("GET", LOANS)) == (400, "FORMAT_ERROR")

	def test_the_other_spelling(self, migdal, client):
		migdal.migdal.switches(spelling="schema")
		(loan,) = client.get(LOANS, client.connect([LOAN])).json()["loanAccounts"]
		assert loan["other"]["schemaNameProprietary"] == "loanNumber"

	@pytest.mark.parametrize(
		("name", "path", "expected"),
		[
			("bare_detail", "/{}", lambda body: "resourceId" in body),
			("plural_key", "/{}", lambda body: set(body) == {"loanAccounts"}),
			("nested_list", "", lambda body: isinstance(body["loanAccounts"][0], list)),
			("upper_enum", "/{}", lambda body: body["loanAccount"]["status"] == "Enabled"),
			(
				"empty_amount",
				"/{}/balances",
				lambda body: body["balances"][0]["balanceAmount"]["amount"] == "",
			),
		],
	)
	def test_slips_of_real_sources(self, migdal, client, monkeypatch, name, path, expected):
		consent = client.connect([LOAN])
		loan = first_id(client, consent)
		monkeypatch.setattr(berlin_group_spec, "check_answer", lambda *_: None)
		migdal.migdal.switches(deviations=[name])
		assert expected(client.get(LOANS + path.format(loan), consent).json())


class TestFrequency:
	def test_the_cap_holds_per_endpoint_and_resource_without_the_end_user(self, migdal, client):
		consent = client.connect(body=body_of(frequencyPerDay=2))
		loan = first_id(client, consent)
		balances = f"{LOANS}/{loan}/balances"
		assert [client.get(balances, consent).status_code for _ in range(3)] == [200, 200, 429]
		answer = client.get(balances, consent)
		assert code_of(answer) == (429, "ACCESS_EXCEEDED")
		assert 0 < int(answer.headers["Retry-After"]) <= 86400
		assert client.get(LOANS, consent).status_code == 200
		assert client.get(f"{LOANS}/{loan}", consent).status_code == 200
		assert client.get(balances, consent, PSU_IP_Address="192.0.2.1").status_code == 200

	def test_pages_and_booking_statuses_count_once(self, migdal, client):
		migdal.migdal.switches(page_size=10)
		consent = client.connect([LOAN], body=body_of([LOAN], frequencyPerDay=1))
		loan = first_id(client, consent)
		path = f"{LOANS}/{loan}/transactions?bookingStatus=booked&dateFrom={SINCE}"
		assert len(pages(client, consent, path)) == 4
		assert code_of(client.get(path.replace("booked", "both"), consent)) == (429, "ACCESS_EXCEEDED")
		assert [count for key, count in migdal.migdal.usage().items() if "transactions" in key] == [1]

	def test_a_new_day(self, migdal, client):
		consent = client.connect(body=body_of(frequencyPerDay=1))
		assert [client.get(LOANS, consent).status_code for _ in range(2)] == [200, 429]
		migdal.migdal.switches(access_seconds=86400 * 5)
		fresh = client.connect(body=body_of(frequencyPerDay=1))
		assert client.get(LOANS, fresh).status_code == 200
		migdal.advance(86400)
		assert client.get(LOANS, fresh).status_code == 200

	def test_a_failed_read_costs_nothing(self, migdal, client):
		consent = client.connect(body=body_of(frequencyPerDay=1))
		migdal.migdal.fail("SERVICE_BLOCKED", 403, path="/loans$")
		assert code_of(client.get(LOANS, consent)) == (403, "SERVICE_BLOCKED")
		assert client.get(LOANS, consent).status_code == 200


class TestBanking:
	@pytest.fixture
	def consent(self, client: Client) -> str:
		return client.connect(psu=BANKING)

	def test_accounts(self, client, consent):
		rows = client.get("/v1/accounts?withBalance=true", consent).json()["accounts"]
		assert [row["currency"] for row in rows] == ["ILS", "USD"]
		account = rows[0]
		assert [balance["balanceType"] for balance in account["balances"]] == ["closingBooked", "expected"]
		assert (
			"balances" not in client.get(f"/v1/accounts/{account['resourceId']}", consent).json()["account"]
		)
		base = f"/v1/accounts/{account['resourceId']}"
		assert client.get(f"{base}/balances", consent).json()["account"]["iban"] == account["iban"]
		body = pages(client, consent, f"{base}/transactions?bookingStatus=both&dateFrom={SINCE}")[0]
		entry = body["transactions"]["booked"][0]
		detail = client.get(entry["_links"]["transactionDetails"]["href"], consent).json()
		assert detail["transactionsDetails"]["transactionId"] == entry["transactionId"]
		assert code_of(client.get(f"{base}/transactions/none", consent)) == (404, "RESOURCE_UNKNOWN")

	def test_cards(self, client, consent):
		(card,) = client.get("/v1/card-accounts", consent).json()["cardAccounts"]
		base = f"/v1/card-accounts/{card['resourceId']}"
		assert client.get(base, consent).json()["cardAccount"] == card
		assert client.get(f"{base}/balances", consent).json()["balances"][0]["balanceType"] == "nonInvoiced"
		body = client.get(f"{base}/transactions?bookingStatus=booked&dateFrom={SINCE}", consent).json()
		assert len(body["cardTransactions"]["booked"]) == 60

	def test_a_restricted_consent_offers_loans_only(self, client):
		access = {right: [] for right in ("accounts", "balances", "transactions")} | {
			"restrictedTo": ["LOAN"]
		}
		consent = client.connect(psu=BANKING, body=body_of(access=access))
		assert client.get("/v1/accounts", consent).json() == {"accounts": []}
		assert len(client.get(LOANS, consent).json()["loanAccounts"]) == 1

	def test_the_ibans_hold(self, migdal):
		from stdnum import iban

		numbers = [a["number"] for a in migdal.migdal.psu(BANKING)["accounts"] if a["type"] == "account"]
		assert all(iban.is_valid(number) for number in numbers) and len(numbers) == 2


class TestControl:
	def test_transactions_come_change_and_go(self, migdal, client):
		consent = client.connect([LOAN])
		path = f"{LOANS}/{first_id(client, consent)}/transactions?bookingStatus=both&dateFrom={SINCE}"

		def ids(member: str) -> list[str | None]:
			answer = client.get(path, consent, PSU_IP_Address="192.0.2.1").json()
			return [row.get("transactionId") for row in answer["transactions"][member]]

		before = Decimal(migdal.migdal.balance(LOAN))
		key = migdal.migdal.add_transaction(LOAN, amount="100.015", status="pending", text="עמלה")["key"]
		assert any((number or "").startswith("A") for number in ids("pending"))
		migdal.migdal.book_transaction(key, new_id=True)
		assert any((number or "").startswith("B") for number in ids("booked"))
		assert Decimal(migdal.migdal.balance(LOAN)) == (before + Decimal("100.015")).quantize(Decimal("0.01"))
		migdal.migdal.edit_transaction(key, amount="0.01", extra={"transactionId": None})
		migdal.migdal.delete_transaction(key)
		assert Decimal(migdal.migdal.balance(LOAN)) == before

	def test_customers_and_loans_are_made(self, migdal, client):
		migdal.migdal.put_psu("123456782", name="רות")
		migdal.migdal.add_account("123456782", number="77", transactions=3)
		consent = client.connect(["77"], psu="123456782")
		(loan,) = client.get(LOANS, consent).json()["loanAccounts"]
		assert loan["ownerName"] == "רות"
		migdal.migdal.edit_account("77", status="blocked", details={"product": None})
		(loan,) = client.get(LOANS, consent, PSU_IP_Address="192.0.2.1").json()["loanAccounts"]
		assert loan["status"] == "blocked" and "product" not in loan
		migdal.migdal.delete_account("77")
		assert client.get(LOANS, consent, PSU_IP_Address="192.0.2.1").json() == {"loanAccounts": []}

	def test_a_consent_approved_without_the_pages(self, migdal, client):
		consent = client.create([LOAN]).json()["consentId"]
		until = str(date.today() + timedelta(days=9))
		done = migdal.migdal.approve(consent, valid_until=until, state="s")
		client.token = client.exchange(done["location"], code_verifier=None).json()["access_token"]
		assert client.get(LOANS, consent).status_code == 200
		migdal.migdal.edit_consent(consent, valid_until="2098-01-01", frequency=9)
		assert client.call("GET", f"{CONSENTS}/{consent}").json()["frequencyPerDay"] == 9

	@pytest.mark.parametrize("status", [408, 500, 503])
	def test_failures_without_a_body(self, migdal, client, status):
		migdal.fail("status", path=CONSENTS, status=status)
		assert client.create().status_code == status

	def test_faults_on_the_wire(self, migdal, client):
		migdal.fail("reset", path=CONSENTS)
		with pytest.raises(requests.exceptions.ConnectionError):
			client.create()
		assert client.create().status_code == 201


def test_the_same_seed_gives_the_same_data():
	def dump(seed: int) -> list:
		with running_migdal(seed=seed, now="2026-03-01T10:00:00Z", id_base=5) as control:
			psus = control.migdal.psus()
			return [psus, [control.migdal.transactions(a["number"]) for p in psus for a in p["accounts"]]]

	first = dump(3)
	assert dump(3) == first
	assert dump(4) != first
