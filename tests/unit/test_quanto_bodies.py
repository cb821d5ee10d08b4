"""Any body that the published Open Finance Brasil files allow is read, exactly (quanto_ofb.md, appendix A).

Bodies are made by hypothesis from the files' schemas, and each is held against its file again before it is read, so that the
maker and the reader cannot share a mistake.
"""

import json
from datetime import date
from decimal import Decimal

import ofb_spec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from quanto_stub import ALL_PERMISSIONS, CONSENT, Quanto, consent, listed, resource, token

from bank_api.connectors.model import ConsentStanding, TransactionStatus
from bank_api.connectors.quanto import consents, ofb_accounts, ofb_transactions
from bank_api.connectors.quanto.names import Names
from bank_api.connectors.quanto.ofb_accounts import KINDS
from bank_api.connectors.quanto.ofb_paths import CREDIT_APIS, ENDPOINTS
from bank_api.connectors.quanto.settings import QuantoSettings

ZONE = QuantoSettings().zone
QUICK = settings(
	max_examples=10,
	deadline=None,
	phases=[
		Phase.explicit,
		Phase.reuse,
		Phase.generate,
	],  # a body shrinks slowly, and says what is wrong as it is
	suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
ID = "aB3-x"
# How the files name the ids of paths.
FILE_IDS = {
	"{account}": "{accountId}",
	"{card}": "{creditCardAccountId}",
	"{bill}": "{billId}",
	"{contract}": "{contractId}",
	"{consent}": "{consentId}",
}

pytestmark = pytest.mark.usefixtures("published")


@pytest.fixture(scope="module")
def published():
	ofb_spec.needed()


def published_path(endpoint) -> tuple[str, str]:
	"""The file and the path in it of one of our endpoints."""
	api, _, rest = endpoint.path.partition("/")
	for ours, theirs in FILE_IDS.items():
		rest = rest.replace(ours, theirs)
	if endpoint.path == "resources":
		return "resources", "/resources"
	if endpoint.path == "extensions":
		return "consents", "/consents/{consentId}/extensions"
	return api, f"/{rest}"


def some(data, path, **fixed):
	"""A body for one of our paths, which its file allows."""
	if ofb_spec.folder() is None:
		pytest.skip("no files")
	api, place = published_path(ENDPOINTS[path])
	body = data.draw(ofb_spec.bodies(api, place, **fixed))
	ofb_spec.check_answer(api, place.replace("{consentId}", CONSENT).replace("{", "").replace("}", ""), body)
	return body


def text_of(body) -> str:
	return json.dumps(body, ensure_ascii=False)


@pytest.mark.parametrize(
	"path",
	[path for path in ENDPOINTS if "reserved-balances" not in path],
	ids=lambda path: path.replace("/", "-"),
)
def test_every_path_of_ours_is_one_of_theirs(path):
	api, place = published_path(ENDPOINTS[path])
	published = ofb_spec.document(api)["paths"][place]["get"]
	named = {
		ofb_spec._resolved(api, one)["name"]
		for one in published.get("parameters", [])
		if ofb_spec._resolved(api, one)["in"] == "query"
	}
	assert named == set(ENDPOINTS[path].parameters)


def test_no_path_of_theirs_is_missing():
	ours = {published_path(endpoint) for endpoint in ENDPOINTS.values()}
	theirs = {
		(api, path)
		for api in ofb_spec.FILES
		for path, node in ofb_spec.document(api)["paths"].items()
		if "get" in node
	}
	assert theirs - ours == {("consents", "/consents/{consentId}")}
	assert {path for _, path in ours - theirs} == {
		"/accounts/{accountId}/reserved-balances"
	}  # of 2.5, still beta


@pytest.mark.parametrize("path", [path for path in ENDPOINTS if "reserved-balances" not in path])
@QUICK
@given(data=st.data())
def test_every_body_is_handed_on_as_it_is(path, data):
	body = text_of(some(data, path))
	ids = path.replace("{account}", ID).replace("{card}", ID).replace("{contract}", ID).replace("{bill}", ID)
	with Quanto() as quanto:
		quanto.on(f"GET /v1/consents/{CONSENT}/{ids}", body)
		assert quanto.connector().body(token(), ids).payload == body


@QUICK
@given(data=st.data())
def test_consents(data):
	if ofb_spec.folder() is None:
		pytest.skip("no files")
	place = "/consents/{consentId}"
	body = data.draw(ofb_spec.bodies("consents", place, consentId=st.just(CONSENT)))
	ofb_spec.check_answer("consents", f"/consents/{CONSENT}", body)
	row = body | {"sessionId": "s", "institution": {"authorisationServerId": "as", "name": "B"}}
	found = consents.of_row(Names(), row, text_of(row), ZONE)
	inner = body["data"]
	assert found.permissions == tuple(inner["permissions"]) and json.loads(found.payload) == row
	assert (
		found.standing
		is {
			"AUTHORISED": ConsentStanding.VALID,
			"AWAITING_AUTHORISATION": ConsentStanding.WAITING,
			"REJECTED": ConsentStanding.ENDED,
		}[inner["status"]]
	)
	if end := inner.get("expirationDateTime"):
		assert found.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ") == end
	if inner["status"] == "REJECTED" and "rejection" in inner:
		assert found.ended_by.value and found.end_reason.value


@QUICK
@given(data=st.data())
def test_resources_and_the_accounts_behind_them(data):
	resources = some(data, "resources")
	resources["links"].pop("next", None)
	with Quanto() as quanto:
		quanto.on(f"GET /v1/consents/{CONSENT}", consent(permissions=["RESOURCES_READ"]))
		quanto.on(f"GET /v1/consents/{CONSENT}/resources", text_of(resources))
		speaks = quanto.connector()
		states = {row["status"] for row in resources["data"]}
		assert (speaks.consent(CONSENT).approval.value == "Pending") == ("PENDING_AUTHORISATION" in states)
		assert speaks.accounts(token(), CONSENT) == []


@QUICK
@given(data=st.data())
def test_accounts(data):
	kind = KINDS["ACCOUNT"]
	rows = some(data, kind.list_path)["data"]
	balances = some(data, kind.path("balances"))["data"]
	detail = some(data, kind.path())["data"]
	for row in rows:
		payload = ofb_accounts.joined(
			text_of(row), {n: text_of(v) for n, v in (detail | {"balances": balances}).items()}
		)
		found = ofb_accounts.describe(kind, CONSENT, row["accountId"], payload, partial=False, is_pro=False)
		assert str(found.balance) == balances["availableAmount"]["amount"]
		assert found.currency == (detail["currency"].upper()) and found.account_type in (
			"checking",
			"savings",
		)
		branch = row.get("branchCode") or detail.get("branchCode")
		parts = (row["compeCode"], branch, row["number"], row["checkDigit"])
		assert found.reference == "-".join(part for part in parts if part)
		assert json.loads(found.payload)["accountId"] == row["accountId"]


@QUICK
@given(data=st.data())
def test_cards(data):
	kind = KINDS["CREDIT_CARD_ACCOUNT"]
	rows, limits = some(data, kind.list_path)["data"], some(data, kind.path("limits"))["data"]
	whole = [row for row in limits if row["creditLineLimitType"] == "LIMITE_CREDITO_TOTAL"]
	counted = [row for row in whole if row["consolidationType"] == "CONSOLIDADO"][:1] or whole
	for row in rows:
		payload = ofb_accounts.joined(text_of(row), {"limits": text_of(limits)})
		found = ofb_accounts.describe(
			kind, CONSENT, row["creditCardAccountId"], payload, partial=False, is_pro=False
		)
		if len({one["usedAmount"]["currency"] for one in counted}) == 1:
			assert -found.balance == sum(Decimal(one["usedAmount"]["amount"]) for one in counted)
		else:
			assert found.balance is None
		assert found.account_type == "card"


@pytest.mark.parametrize(
	"kind", [kind for kind in KINDS.values() if kind.is_contract], ids=lambda kind: kind.api
)
@QUICK
@given(data=st.data())
def test_contracts(kind, data):
	assert kind.api in CREDIT_APIS
	rows = some(data, kind.list_path)["data"]
	detail, payments = some(data, kind.path())["data"], some(data, kind.path("payments"))["data"]
	for row in rows:
		more = {name: text_of(value) for name, value in detail.items()}
		more["payments"] = ofb_accounts.without_releases(text_of(payments))
		payload = ofb_accounts.joined(text_of(row), more)
		found = ofb_accounts.describe(kind, CONSENT, row["contractId"], payload, partial=False, is_pro=False)
		assert str(found.loan.remaining_capital) == payments["contractOutstandingBalance"]
		assert found.balance == -found.loan.remaining_capital
		assert str(found.loan.borrowed_capital) == detail["contractAmount"]
		assert found.loan.opening_date.isoformat() == detail["contractDate"]
		assert json.loads(found.payload)["payments"].keys() == payments.keys() - {"releases"}
	paid = ofb_transactions.of_contract(text_of(payments), date.min)
	assert [(str(one.amount), one.date.isoformat()) for one in paid] == [
		(row["paidAmount"], row["paidDate"]) for row in payments["releases"]
	]


@pytest.mark.parametrize("tail", ["transactions", "transactions-current"])
@pytest.mark.parametrize("kind", [KINDS["ACCOUNT"], KINDS["CREDIT_CARD_ACCOUNT"]], ids=lambda kind: kind.api)
@QUICK
@given(data=st.data())
def test_transactions(kind, tail, data):
	body = some(data, kind.path(tail))
	body["links"].pop("next", None)
	with Quanto() as quanto:
		quanto.on(f"GET /v1/consents/{CONSENT}", consent(permissions=list(ALL_PERMISSIONS)))
		quanto.on(f"GET /v1/consents/{CONSENT}/resources", listed([resource(ID, kind.resource)]))
		quanto.on(f"GET /v1/consents/{CONSENT}/{kind.list_path}/{ID}/{tail}", text_of(body))
		since = None if tail == "transactions" else "2026-11-20"
		page = quanto.connector().transactions(token(), ID, since, None)
	assert len(page.rows) == len(body["data"]) and page.next_page is None
	for row, given_row in zip(page.rows, body["data"], strict=True):
		amount = given_row["transactionAmount"] if kind.is_account else given_row["brazilianAmount"]
		assert abs(row.amount) == Decimal(amount["amount"]) and row.currency == amount["currency"]
		assert row.amount == 0 or (row.amount > 0) == (given_row["creditDebitType"] == "CREDITO")
		assert row.payload == text_of(given_row)
		name = given_row["transactionId"]
		assert row.provider_transaction_id == (name if name.strip("0") and name != "NA" else None)
		if kind.is_account:
			booked = given_row["completedAuthorisedPaymentType"] == "TRANSACAO_EFETIVADA"
			assert (row.status is TransactionStatus.BOOKED) == booked
		else:
			assert row.booking_date.isoformat() == given_row["billPostDate"]
