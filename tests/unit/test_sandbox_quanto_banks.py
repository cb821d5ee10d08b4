"""The Open Finance banks: the life of a consent, several approvers, resources, pages, filters and limits (sections 3.5 to 4.7)."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import requests
from quanto_harness import Quanto, errors_of, interaction, running_quanto

from bank_api.sandbox.quanto.bank.consents import document_of
from bank_api.sandbox.quanto.client import COMPANY, PERSON, SECOND_APPROVER
from bank_api.sandbox.quanto.errors import OfbError
from bank_api.sandbox.quanto.permissions import ALL, GROUPS, check, granted, of_groups, whole
from bank_api.sandbox.quanto.stamps import months_after, stamp

RECEIVER = "Bearer receiver:74e929d9-33b6-4d85-8ba7-c146c867a817"
DAY = 86_400
PENDING = "PENDING_AUTHORISATION"


@pytest.fixture(scope="module")
def process() -> Iterator[Quanto]:
	with running_quanto() as found:
		yield found


@pytest.fixture
def quanto(process: Quanto) -> Quanto:
	"""The sandbox as it was at its start; the institution stays."""
	process.control.reset()
	process.control.clock(freeze=True)
	return process


def ask(quanto: Quanto, method: str, path: str, bearer: str = RECEIVER, **options: Any) -> requests.Response:
	"""Call a bank as a receiver does."""
	headers = {"Authorization": bearer, "x-fapi-interaction-id": interaction()} | options.pop("headers", {})
	url = f"{quanto.sandbox.banks_url}/ipe/open-banking{path}"
	return requests.request(method, url, headers=headers, timeout=10, **options)


def wish(permissions: list[str] | None = None, **values: Any) -> dict[str, Any]:
	"""Return the body that asks for a consent."""
	user = {"document": {"identification": PERSON, "rel": "CPF"}}
	return {"data": {"loggedUser": user, "permissions": permissions or of_groups(["statements"]), **values}}


def ask_consent(quanto: Quanto, **values: Any) -> dict[str, Any]:
	answer = ask(quanto, "POST", "/consents/v3/consents", json=wish(**values))
	assert answer.status_code == 201, answer.text
	return answer.json()["data"]


def rejection(quanto: Quanto, consent: str) -> tuple[str, str]:
	found = quanto.get(f"/v1/consents/{consent}")["data"]
	assert found["status"] == "REJECTED"
	return found["rejection"]["rejectedBy"], found["rejection"]["reason"]["code"]


# permissions
def test_there_are_36_permissions_in_whole_groups() -> None:
	assert len(ALL) == 36
	assert all(group.permissions[-1] == "RESOURCES_READ" for group in GROUPS)
	assert whole(of_groups(["balances", "statements"])) == [
		g for g in GROUPS if g.key in ("balances", "statements")
	]


def test_a_bank_strips_what_it_does_not_sell_but_not_credit() -> None:
	asked = of_groups(["statements", "card_limits", "credit_operations"])
	left = granted(asked, ("card_limits", "credit_operations"))
	assert left == of_groups(["statements", "credit_operations"])
	with pytest.raises(OfbError) as refusal:
		granted(of_groups(["card_limits"]), ("card_limits",))
	assert (refusal.value.status, refusal.value.code) == (422, "SEM_PERMISSOES_FUNCIONAIS_RESTANTES")


def test_the_second_bank_grants_less_than_was_asked_for(quanto: Quanto) -> None:
	consent = quanto.share("araucaria", groups=["statements", "card_bills"])
	permissions = quanto.get(f"/v1/consents/{consent}")["data"]["permissions"]
	assert set(permissions) == set(of_groups(["statements"]))
	assert quanto.call("GET", f"/v1/consents/{consent}/credit-cards-accounts/accounts").status_code == 403


@pytest.mark.parametrize(
	"keys", [["balances"], ["statements", "exchange"], [group.key for group in GROUPS[:2]]]
)
def test_whole_groups_pass(keys: list[str]) -> None:
	check(of_groups(keys), False)


# asking for a consent
@pytest.mark.parametrize(
	("values", "status", "code"),
	[
		({"permissions": ["NONE_READ"]}, 400, "REQUISICAO_INVALIDA"),
		({"permissions": ["ACCOUNTS_READ"]}, 422, "COMBINACAO_PERMISSOES_INCORRETA"),
		({"expirationDateTime": "2020-01-01T00:00:00Z"}, 422, "DATA_EXPIRACAO_INVALIDA"),
		({"expirationDateTime": "2020-01-01"}, 400, "REQUISICAO_INVALIDA"),
		({"further": 1}, 400, "REQUISICAO_INVALIDA"),
	],
)
def test_a_wrong_wish_is_refused(quanto: Quanto, values: dict[str, Any], status: int, code: str) -> None:
	answer = ask(quanto, "POST", "/consents/v3/consents", json=wish(**values))
	assert (answer.status_code, errors_of(answer)) == (status, [code])


def test_token_and_interaction_id_come_before_the_body(quanto: Quanto) -> None:
	path = "/consents/v3/consents"
	assert ask(quanto, "POST", path, "Bearer x", data="nonsense").status_code == 401
	assert ask(quanto, "POST", path, data="nonsense").status_code == 415
	headers = {"x-fapi-interaction-id": "x"}
	assert ask(quanto, "POST", path, json=wish(), headers=headers).status_code == 400
	assert ask(quanto, "GET", "/consents/v3/consents/urn:x:1").status_code == 404
	assert ask(quanto, "PUT", path).status_code == 405


def test_a_consent_of_another_receiver_is_forbidden(quanto: Quanto) -> None:
	consent = ask_consent(quanto)["consentId"]
	assert ask(quanto, "GET", f"/consents/v3/consents/{consent}", "Bearer receiver:other").status_code == 403


def test_numbers_have_their_form() -> None:
	with pytest.raises(OfbError):
		document_of({"loggedUser": {"document": {"identification": PERSON, "rel": "CNPJ"}}}, "loggedUser")
	assert document_of({}, "businessEntity") == ""


# the life of a consent (section 3.7)
def test_a_consent_waits_for_sixty_minutes(quanto: Quanto) -> None:
	consent = quanto.share(approve=False)
	quanto.control.advance(59 * 60)
	assert quanto.get(f"/v1/consents/{consent}")["data"]["status"] == "AWAITING_AUTHORISATION"
	quanto.control.advance(60)
	assert rejection(quanto, consent) == ("ASPSP", "CONSENT_EXPIRED")


def test_a_consent_ends_on_its_day(quanto: Quanto) -> None:
	end = stamp(quanto.sandbox.info()["now_ms"] + 30 * DAY * 1000)
	session = quanto.start(expirationDateTime=end)
	consent = quanto.sandbox.share(session["sessionId"])["id"]
	quanto.control.advance(30 * DAY - 1)
	assert quanto.get(f"/v1/consents/{consent}")["data"]["status"] == "AUTHORISED"
	quanto.control.advance(1)
	assert rejection(quanto, consent) == ("ASPSP", "CONSENT_MAX_DATE_REACHED")
	assert quanto.call("GET", f"/v1/consents/{consent}/resources").status_code == 401


def test_a_consent_lasts_twelve_months_at_most(quanto: Quanto) -> None:
	today = date.fromisoformat(quanto.control.now()[:10])
	last = months_after(today, 12)
	ask_consent(quanto, expirationDateTime=f"{last}T00:00:00Z")
	answer = ask(
		quanto,
		"POST",
		"/consents/v3/consents",
		json=wish(expirationDateTime=f"{last + timedelta(days=1)}T00:00:00Z"),
	)
	assert errors_of(answer) == ["DATA_EXPIRACAO_INVALIDA"]
	assert "expirationDateTime" not in ask_consent(quanto)


@pytest.mark.parametrize(
	("end", "why"),
	[
		("refuse", ("USER", "CUSTOMER_MANUALLY_REJECTED")),
		("delete", ("USER", "CUSTOMER_MANUALLY_REJECTED")),
		("expire", ("ASPSP", "CONSENT_EXPIRED")),
		("reject", ("ASPSP", "CONSENT_TECHNICAL_ISSUE")),
	],
)
def test_how_a_waiting_consent_ends(quanto: Quanto, end: str, why: tuple[str, str]) -> None:
	consent = quanto.share(approve=False)
	if end == "delete":
		assert quanto.call("DELETE", f"/v1/consents/{consent}").status_code == 204
	else:
		getattr(quanto.sandbox, end)(consent)
	assert rejection(quanto, consent) == why


@pytest.mark.parametrize(
	("end", "why"),
	[
		("revoke", ("USER", "CUSTOMER_MANUALLY_REVOKED")),
		("delete", ("USER", "CUSTOMER_MANUALLY_REVOKED")),
		("expire", ("ASPSP", "CONSENT_MAX_DATE_REACHED")),
		("reject", ("ASPSP", "CONSENT_TECHNICAL_ISSUE")),
	],
)
def test_how_a_valid_consent_ends(quanto: Quanto, end: str, why: tuple[str, str]) -> None:
	consent = quanto.share()
	if end == "delete":
		assert quanto.call("DELETE", f"/v1/consents/{consent}").status_code == 204
	else:
		getattr(quanto.sandbox, end)(consent)
	assert rejection(quanto, consent) == why
	for path in ("resources", "accounts", "customers/personal/identifications"):
		assert quanto.call("GET", f"/v1/consents/{consent}/{path}").status_code == 401, path


def test_tokens_are_renewed_as_long_as_the_consent_lives(quanto: Quanto) -> None:
	consent = quanto.share()
	quanto.control.advance(300 * DAY)
	assert quanto.call("GET", f"/v1/consents/{consent}/accounts").status_code == 200


# extension (section 3.8)
def extend(
	quanto: Quanto, consent: str, cpf: str = PERSON, cnpj: str = "", **values: Any
) -> requests.Response:
	headers = {"x-fapi-customer-ip-address": "203.0.113.7", "x-customer-user-agent": "Mozilla/5.0"}
	data: dict[str, Any] = {"loggedUser": {"document": {"identification": cpf, "rel": "CPF"}}, **values}
	if cnpj:
		data["businessEntity"] = {"document": {"identification": cnpj, "rel": "CNPJ"}}
	return quanto.call("POST", f"/v1/consents/{consent}/extends", json={"data": data}, headers=headers)


def test_extending(quanto: Quanto) -> None:
	consent = quanto.share()
	quanto.sandbox.expire(consent, in_seconds=DAY)
	now = quanto.sandbox.info()["now_ms"]
	earlier, later = (stamp(now + days * DAY * 1000) for days in (0.5, 100))
	assert errors_of(extend(quanto, consent, expirationDateTime=earlier)) == ["DATA_EXPIRACAO_INVALIDA"]
	assert extend(quanto, consent, SECOND_APPROVER, expirationDateTime=later).status_code == 403
	assert extend(quanto, consent, expirationDateTime=later).status_code == 201
	quanto.control.advance(2 * DAY)
	assert quanto.get(f"/v1/consents/{consent}")["data"]["expirationDateTime"] == later
	answer = extend(quanto, consent)
	assert answer.status_code == 201 and "expirationDateTime" not in answer.json()["data"]
	rows = quanto.get(f"/v1/consents/{consent}/extensions")["data"]
	assert [row.get("expirationDateTime") for row in rows] == [None, later]
	quanto.sandbox.revoke(consent)
	assert extend(quanto, consent).status_code == 401


def test_extending_needs_the_end_users_browser(quanto: Quanto) -> None:
	consent = quanto.share()
	data = {"loggedUser": {"document": {"identification": PERSON, "rel": "CPF"}}}
	assert quanto.call("POST", f"/v1/consents/{consent}/extends", json={"data": data}).status_code == 400


def test_what_several_approve_is_not_extended(quanto: Quanto) -> None:
	consent = quanto.share(cnpj=COMPANY)
	assert errors_of(extend(quanto, consent, cnpj=COMPANY)) == ["DEPENDE_MULTIPLA_ALCADA"]


# several approvers (sections 3.7 and 4.2)
def states(quanto: Quanto, consent: str) -> dict[str, str]:
	rows = quanto.get(f"/v1/consents/{consent}/resources?page-size=100")["data"]
	return {row["resourceId"]: row["status"] for row in rows if row["type"] == "ACCOUNT"}


def test_a_further_approver_opens_the_account(quanto: Quanto) -> None:
	consent = quanto.share(cnpj=COMPANY)
	main, other = (row["id"] for row in quanto.sandbox.products(COMPANY, kind="ACCOUNT"))
	assert states(quanto, consent) == {main: PENDING, other: "AVAILABLE"}
	accounts = quanto.get(f"/v1/consents/{consent}/accounts")["data"]
	assert [account["accountId"] for account in accounts] == [other]
	answer = quanto.call("GET", f"/v1/consents/{consent}/accounts/{main}/balances")
	assert (answer.status_code, errors_of(answer)) == (403, [f"STATUS_RESOURCE_{PENDING}"])
	quanto.sandbox.approve_second(consent)
	assert states(quanto, consent)[main] == "AVAILABLE"
	assert quanto.call("GET", f"/v1/consents/{consent}/accounts/{main}/balances").status_code == 200


def test_a_further_approver_may_refuse(quanto: Quanto) -> None:
	consent = quanto.share(cnpj=COMPANY)
	main = quanto.sandbox.products(COMPANY, kind="ACCOUNT")[0]["id"]
	quanto.sandbox.approve_second(consent, agree=False)
	assert states(quanto, consent)[main] == "UNAVAILABLE"
	answer = quanto.call("GET", f"/v1/consents/{consent}/accounts/{main}")
	assert errors_of(answer) == ["STATUS_RESOURCE_UNAVAILABLE"]
	assert quanto.get(f"/v1/consents/{consent}")["data"]["status"] == "AUTHORISED"


@pytest.mark.parametrize(("end", "status"), [("unavailable", "AUTHORISED"), ("rejected", "REJECTED")])
def test_approvers_have_seven_days(quanto: Quanto, end: str, status: str) -> None:
	quanto.sandbox.switches(approval_end=end)
	consent = quanto.share(cnpj=COMPANY)
	quanto.control.advance(7 * DAY)
	assert quanto.get(f"/v1/consents/{consent}")["data"]["status"] == status
	if status == "AUTHORISED":
		assert sorted(states(quanto, consent).values()) == ["AVAILABLE", "UNAVAILABLE"]


def test_only_an_approver_may_approve(quanto: Quanto) -> None:
	consent = quanto.share(cnpj=COMPANY)
	browser = quanto.sandbox.browser(quanto.sandbox.approvals_link(consent))
	for cpf in (PERSON, "39053344705", ""):  # he has approved already; a stranger; nobody
		browser.post(("cpf", cpf), ("action", "login"))
		assert browser.page.step == "bank_login"
	browser.post(("cpf", "529.982.247-25"), ("action", "login"))
	assert browser.page.step == "bank_approvals"


# resources (section 4.2)
@pytest.mark.parametrize("state", ["UNAVAILABLE", "TEMPORARILY_UNAVAILABLE"])
def test_a_resource_that_is_not_available(quanto: Quanto, state: str) -> None:
	consent = quanto.share()
	account = quanto.sandbox.products(kind="ACCOUNT")[0]["id"]
	quanto.sandbox.edit_product(account, state=state)
	assert states(quanto, consent)[account] == state
	assert account not in quanto.call("GET", f"/v1/consents/{consent}/accounts").text.partition('"links"')[0]
	answer = quanto.call("GET", f"/v1/consents/{consent}/accounts/{account}")
	assert (answer.status_code, errors_of(answer)) == (403, [f"STATUS_RESOURCE_{state}"])


def test_resources_may_take_their_time(quanto: Quanto) -> None:
	quanto.sandbox.switches(resources_delay_ms=5000)
	consent = quanto.share()
	answer = quanto.call("GET", f"/v1/consents/{consent}/resources")
	assert (answer.status_code, answer.content) == (202, b"")
	quanto.control.advance(5)
	assert states(quanto, consent)


def test_a_consent_for_registration_data_alone_has_no_resources(quanto: Quanto) -> None:
	consent = quanto.share(groups=["personal_identification"])
	assert quanto.get(f"/v1/consents/{consent}/resources")["data"] == []
	assert quanto.call("GET", f"/v1/consents/{consent}/accounts").status_code == 403


def test_ids_stay_the_same_from_consent_to_consent(quanto: Quanto) -> None:
	first, second = (quanto.get(f"/v1/consents/{quanto.share()}/accounts")["data"] for _ in range(2))
	assert first == second


# transactions (section 4.4)
def transactions(quanto: Quanto, consent: str, query: str, current: bool = False) -> requests.Response:
	account = quanto.sandbox.products(kind="ACCOUNT")[0]["id"]
	name = "transactions-current" if current else "transactions"
	return quanto.call("GET", f"/v1/consents/{consent}/accounts/{account}/{name}?{query}")


def test_how_far_back_transactions_reach(quanto: Quanto) -> None:
	consent, today = quanto.share(), date.fromisoformat(quanto.control.now()[:10])
	year = months_after(today, -12)
	assert transactions(quanto, consent, f"fromBookingDate={year}").status_code == 200
	assert transactions(quanto, consent, f"fromBookingDate={year - timedelta(days=1)}").status_code == 422
	ahead = months_after(today, 12)
	assert transactions(quanto, consent, f"toBookingDate={ahead}").status_code == 200
	assert transactions(quanto, consent, f"toBookingDate={ahead + timedelta(days=1)}").status_code == 422
	for days, status in ((6, 200), (7, 422)):
		query = f"fromBookingDate={today - timedelta(days=days)}"
		assert transactions(quanto, consent, query, current=True).status_code == status


def test_transactions_filters_are_inclusive_and_today_is_the_default(quanto: Quanto) -> None:
	consent, today = quanto.share(), quanto.control.now()[:10]
	account = quanto.sandbox.products(kind="ACCOUNT")[0]["id"]
	quanto.sandbox.add_transaction(account, amount="-5.00", text="HOJE", at=today)
	names = [row["transactionName"] for row in transactions(quanto, consent, "").json()["data"]]
	assert "HOJE" in names
	rows = transactions(quanto, consent, "creditDebitIndicator=CREDITO").json()["data"]
	assert all(row["creditDebitType"] == "CREDITO" for row in rows)


def test_future_and_unfinished_rows_do_not_count(quanto: Quanto) -> None:
	account = quanto.sandbox.products(kind="ACCOUNT")[0]
	before = account["balance"]
	for status in ("LANCAMENTO_FUTURO", "TRANSACAO_PROCESSANDO"):
		quanto.sandbox.add_transaction(account["id"], amount="-5.00", status=status)
	assert quanto.sandbox.products(kind="ACCOUNT")[0]["balance"] == before
	key = quanto.sandbox.add_transaction(account["id"], amount="12.3456")["key"]
	assert quanto.sandbox.products(kind="ACCOUNT")[0]["balance"] != before
	quanto.sandbox.delete_transaction(key)
	assert quanto.sandbox.products(kind="ACCOUNT")[0]["balance"] == before


def test_a_transaction_may_be_changed_on_the_wire(quanto: Quanto) -> None:
	consent, today = quanto.share(), quanto.control.now()[:10]
	account = quanto.sandbox.products(kind="ACCOUNT")[0]["id"]
	entry = quanto.sandbox.add_transaction(account, amount="-5.00", id="0000000000", at=today)
	assert entry["data"]["transactionId"] == "0000000000"
	quanto.sandbox.edit_transaction(entry["key"], transactionName="OUTRO", transactionId="FINAL")
	rows = {row["transactionId"]: row for row in transactions(quanto, consent, "").json()["data"]}
	assert rows["FINAL"]["transactionName"] == "OUTRO" and "0000000000" not in rows


def test_card_dates_come_in_pairs(quanto: Quanto) -> None:
	consent, today = quanto.share(), quanto.control.now()[:10]
	card = quanto.sandbox.products(kind="CREDIT_CARD_ACCOUNT")[0]["id"]
	path = f"/v1/consents/{consent}/credit-cards-accounts/accounts/{card}/transactions"
	assert quanto.call("GET", f"{path}?fromTransactionDate={today}").status_code == 400
	assert quanto.call("GET", path).status_code == 200


# pages (section 4.1)
def test_pages_are_followed_to_the_end_and_counted_once(quanto: Quanto) -> None:
	consent, today = quanto.share(), date.fromisoformat(quanto.control.now()[:10])
	account = quanto.sandbox.products(kind="ACCOUNT")[0]["id"]
	query = f"fromBookingDate={months_after(today, -12)}&toBookingDate={months_after(today, 12)}&page-size=10"
	body = transactions(quanto, consent, query).json()
	rows, pages = body["data"], 1
	while "next" in body["links"]:
		body = quanto.get(body["links"]["next"].removeprefix(quanto.setup.url))
		rows, pages = rows + body["data"], pages + 1
	assert len(rows) == len(quanto.sandbox.transactions(account)) and pages > 8
	used = {key.split(" ", 4)[4]: count for key, count in quanto.sandbox.usage().items()}
	assert used == {f"accounts/transactions {account}": 1}


def test_a_pagination_key_is_good_for_an_hour(quanto: Quanto) -> None:
	consent, today = quanto.share(), date.fromisoformat(quanto.control.now()[:10])
	link = transactions(quanto, consent, f"fromBookingDate={months_after(today, -6)}&page-size=5").json()[
		"links"
	]["next"]
	path = link.removeprefix(quanto.setup.url)
	quanto.get(path)
	assert list(quanto.sandbox.usage().values()) == [1]
	quanto.control.advance(3601)
	quanto.get(path)
	assert list(quanto.sandbox.usage().values()) == [2]


@pytest.mark.parametrize(
	("query", "status"), [("page-size=1000", 200), ("page-size=1001", 422), ("page=0", 400), ("page=x", 400)]
)
def test_page_sizes(quanto: Quanto, query: str, status: int) -> None:
	assert transactions(quanto, quanto.share(), query).status_code == status


# limits (section 4.7)
def test_a_month_has_its_reads_and_only_successful_ones_count(quanto: Quanto) -> None:
	consent = quanto.share()
	account, other = (row["id"] for row in quanto.sandbox.products(kind="ACCOUNT"))
	path = f"/v1/consents/{consent}/accounts/{{}}/transactions"
	quanto.call("GET", path.format(account) + "?fromBookingDate=wrong")
	for _ in range(8):
		assert quanto.call("GET", path.format(account)).status_code == 200
	answer = quanto.call("GET", path.format(account))
	assert (answer.status_code, errors_of(answer)) == (423, ["LIMITE_OPERACIONAL_EXCEDIDO"])
	assert quanto.call("GET", path.format(other)).status_code == 200, "another object has its own"
	again = quanto.share()
	answer = quanto.call("GET", f"/v1/consents/{again}/accounts/{account}/transactions")
	assert answer.status_code == 423, "a new consent of the same person does not help"
	quanto.control.advance(32 * DAY)
	assert quanto.call("GET", path.format(account)).status_code == 200


def test_consents_and_resources_are_exempt(quanto: Quanto) -> None:
	consent = quanto.share()
	for _ in range(40):
		assert quanto.call("GET", f"/v1/consents/{consent}/resources").status_code == 200
	assert quanto.sandbox.usage() == {}


def test_limits_can_be_switched_off(quanto: Quanto) -> None:
	consent = quanto.share()
	quanto.sandbox.switches(low=1)
	assert [quanto.call("GET", f"/v1/consents/{consent}/accounts").status_code for _ in range(2)] == [
		200,
		423,
	]
	quanto.sandbox.switches(monthly_limits=False)
	assert quanto.call("GET", f"/v1/consents/{consent}/accounts").status_code == 200


def test_traffic_limits(quanto: Quanto) -> None:
	consent = quanto.share()
	quanto.sandbox.switches(tpm=3)
	statuses = [quanto.call("GET", f"/v1/consents/{consent}/resources").status_code for _ in range(5)]
	assert 429 in statuses
	answer = quanto.call("GET", f"/v1/consents/{consent}/resources")
	assert 1 <= int(answer.headers["Retry-After"]) <= 61
	quanto.control.advance(60)
	quanto.sandbox.switches(tpm=500, tps=1)
	statuses = [quanto.call("GET", f"/v1/consents/{consent}/resources").status_code for _ in range(3)]
	assert 529 in statuses


def test_failures_on_demand_have_the_published_shape(quanto: Quanto) -> None:
	consent = quanto.share()
	quanto.sandbox.fail(403, "status_RESOURCE_TEMPORARY_UNAVAILABLE", "/accounts/.*/balances")
	account = quanto.sandbox.products(kind="ACCOUNT")[0]["id"]
	answer = quanto.call("GET", f"/v1/consents/{consent}/accounts/{account}/balances")
	assert (answer.status_code, errors_of(answer)) == (403, ["status_RESOURCE_TEMPORARY_UNAVAILABLE"])
	assert quanto.call("GET", f"/v1/consents/{consent}/accounts/{account}/balances").status_code == 200
