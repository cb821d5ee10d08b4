"""Loans, accounts, cards and transactions: read, paged, counted, and mapped with every amount exact."""

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from berlin_group_bank import LOANS, PRESENCE, Bank, check_signature, loan, token
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import answer

from bank_api.connectors import errors, verbatim
from bank_api.connectors.berlin_group import mapping, paging, parsing, transactions
from bank_api.connectors.berlin_group.quota import Calendar
from bank_api.connectors.berlin_group.resources import KINDS
from bank_api.connectors.model import TransactionStatus
from bank_api.connectors.rate_ledger import MemoryLedger

TODAY = date(2026, 11, 21)
LOAN_ID = "7f0c0d3e-5f4e-4c07-9f3e-0a1b2c3d4e5f"
ID_FIELDS = ("transactionId", "cardTransactionId", "entryReference")
WARNING = '{"tppMessages":[{"category":"ERROR","code":"%s"}]}'


def entry(**changes):
	return {
		"transactionId": "t-1",
		"transactionAmount": {"currency": "ILS", "amount": "-512.30"},
		"bookingDate": "2026-11-01",
		"valueDate": "2026-11-02",
		"remittanceInformationUnstructured": "תשלום חודשי",
	} | changes


def listing(booked=(), pending=None, links=None, name="transactions", **outer):
	inner = {"booked": list(booked)}
	if pending is not None:
		inner["pending"] = list(pending)
	if links is not None:
		inner["_links"] = links
	return json.dumps({"loanAccount": {}, name: inner, **outer}, ensure_ascii=False)


def mapped(text, names=("transactions",), id_fields=ID_FIELDS):
	return transactions.transactions(transactions.report(text, names), id_fields, "", TODAY)


def read(bank, since=None, page=None, connector=None, **settings):
	speaks = connector or bank.connector(**settings)
	return speaks.transactions(token(), LOAN_ID, since, page)


# Loans


def test_a_loan_with_its_own_text():
	text = json.dumps({"loanAccounts": [loan()]}, ensure_ascii=False, indent=1)
	with Bank(answer(text)) as bank:
		(got,) = bank.connector().accounts(token(), "c-1")
	assert (got.provider_account_id, got.provider_item_id, got.reference) == (LOAN_ID, "c-1", "1000056782")
	assert (got.name, got.account_type, got.currency) == ("הלוואה מפוליסה", "loan", "ILS")
	assert got.balance == got.accounting_balance == Decimal("-41250.73")
	assert got.shared and not got.is_pro and got.iban is None
	assert got.loan.remaining_capital == Decimal("41250.73")
	assert got.loan.interest_rate == Decimal("3.25")
	assert (got.loan.opening_date, got.loan.maturity_date) == (date(2023, 2, 1), date(2030, 2, 1))
	assert got.payload in text and json.loads(got.payload) == loan()


def test_a_read_says_who_asks_and_for_which_consent():
	with Bank(answer('{"loanAccounts":[]}')) as bank:
		speaks = bank.connector()
		assert speaks.accounts(token(), "c-1") == []
		speaks.accounts(token(presence=PRESENCE), "c-1")
	alone, attended = bank.requests
	assert (alone.method, alone.target) == ("GET", LOANS)
	assert (alone.headers["authorization"], alone.headers["consent-id"]) == ("Bearer access-1", "c-1")
	assert "psu-ip-address" not in alone.headers and "psu-id" not in alone.headers
	assert attended.headers["psu-ip-address"] == "192.0.2.10"
	check_signature(alone, "digest x-request-id")


def test_the_headers_to_sign_on_reads_are_a_setting():
	with Bank(answer('{"loanAccounts":[]}')) as bank:
		bank.connector(signed_headers_reads="x-request-id digest consent-id psu-ip-address").accounts(
			token(presence=PRESENCE), "c-1"
		)
	check_signature(bank.requests[0], "x-request-id digest consent-id psu-ip-address")


def test_details_and_balances_that_the_list_leaves_out_are_asked_for():
	bare = {"resourceId": LOAN_ID, "other": {"identification": "1000056782"}, "currency": "ILS", "_links": {}}
	detail = loan()
	del detail["balances"]
	balances = '[{"balanceType": "closingBooked", "balanceAmount": {"currency":"ILS","amount":"-1.10"}}]'
	with Bank(
		answer(json.dumps({"loanAccounts": [bare]})),
		answer(json.dumps({"loanAccount": detail})),
		answer(f'{{"loanAccount":{{"resourceId":"x"}},"balances": {balances}}}'),
	) as bank:
		(got,) = bank.connector(detail_resources="loans").accounts(token(), "c-1")
	assert [request.target for request in bank.requests] == [
		LOANS,
		f"{LOANS}/{LOAN_ID}",
		f"{LOANS}/{LOAN_ID}/balances",
	]
	assert got.balance == Decimal("-1.10")
	assert got.loan.interest_rate == Decimal("3.25")
	assert json.loads(got.payload) == detail | {"_links": {}, "balances": json.loads(balances)}
	assert balances in got.payload


@pytest.mark.parametrize(
	("status", "code"), [(401, "CONSENT_INVALID"), (404, "RESOURCE_UNKNOWN"), (405, "SERVICE_INVALID")]
)
def test_balances_that_are_not_granted_leave_the_loan(status, code):
	bare = {"resourceId": LOAN_ID, "currency": "ILS"}
	with Bank(answer(json.dumps({"loanAccounts": [bare]})), answer(WARNING % code, status)) as bank:
		(got,) = bank.connector().accounts(token(), "c-1")
	assert got.balance is None and got.account_type == "loan"


@pytest.mark.parametrize(
	("status", "body", "kind"),
	[
		(401, WARNING % "TOKEN_EXPIRED", errors.AuthenticationExpired),
		(401, WARNING % "CONSENT_EXPIRED", errors.ConsentRequired),
		(429, WARNING % "ACCESS_EXCEEDED", errors.RateLimited),
		(200, "{}", errors.MalformedResponse),
	],
)
def test_balances_that_fail_fail_the_read(status, body, kind):
	bare = {"resourceId": LOAN_ID, "currency": "ILS"}
	with Bank(answer(json.dumps({"loanAccounts": [bare]})), answer(body, status)) as bank:
		with pytest.raises(kind):
			bank.connector().accounts(token(), "c-1")


def test_a_list_over_several_pages():
	first = {"loanAccounts": [loan(resourceId="a")], "_links": {"next": {"href": f"{LOANS}?page=2"}}}
	second = {"loanAccounts": [loan(resourceId="b")], "_links": {"next": None}}
	with Bank(answer(json.dumps(first)), answer(json.dumps(second))) as bank:
		got = bank.connector().accounts(token(frequency_per_day=1), "c-1")
	assert [one.provider_account_id for one in got] == ["a", "b"]
	assert bank.requests[1].target == f"{LOANS}?page=2"


def test_all_kinds_of_resources_each_from_its_own_list():
	account = {
		"resourceId": "a-1",
		"iban": "IL620108000000099999999",
		"currency": "ILS",
		"cashAccountType": "CACC",
	}
	balance = {"balanceType": "interimAvailable", "balanceAmount": {"currency": "ILS", "amount": "10.5"}}
	card = {"resourceId": "k-1", "maskedPan": "****1234", "currency": "ILS", "product": "Gold"}
	with Bank(
		answer(json.dumps({"loanAccounts": [loan()]})),
		answer(json.dumps({"accounts": [account | {"balances": [balance], "usage": "ORGA"}]})),
		answer(json.dumps({"cardAccounts": [card | {"balances": [balance]}]})),
		answer(json.dumps({"cardTransactions": {"booked": [entry(cardTransactionId="9")]}})),
	) as bank:
		speaks = bank.connector(resources="loans,accounts,card-accounts")
		one, two, three = speaks.accounts(token(), "c-1")
		page = speaks.transactions(token(), "k-1", None, None)
	assert [one.account_type, two.account_type, three.account_type] == ["loan", "checking", "card"]
	assert two.iban == "IL620108000000099999999" and two.is_pro and two.instant_balance == Decimal("10.5")
	assert (two.reference, three.reference, three.name) == (None, "****1234", "Gold")
	assert bank.requests[1].target == "/v1/accounts?withBalance=true"
	assert bank.requests[3].target.startswith("/v1/card-accounts/k-1/transactions?dateFrom=")
	assert len(page.rows) == 1


def test_a_kind_that_another_process_learned_is_looked_up():
	with Bank(
		answer(json.dumps({"loanAccounts": []})),
		answer(json.dumps({"accounts": [{"resourceId": "a-1", "currency": "ILS"}]})),
		answer(listing([entry()])),
		answer(json.dumps({"loanAccounts": []})),
		answer(json.dumps({"accounts": []})),
	) as bank:
		speaks = bank.connector(resources="loans,accounts")
		assert len(speaks.transactions(token(), "a-1", None, None).rows) == 1
		with pytest.raises(errors.NotFound):
			speaks.transactions(token(), "a-2", None, None)


def test_a_token_of_another_consent_reads_nothing():
	with Bank(answer("{}")) as bank, pytest.raises(errors.InvalidRequest):
		bank.connector().accounts(token(), "c-2")
	assert bank.requests == []


# Deviations (4.7)


@pytest.mark.parametrize(
	"text",
	[
		'{"loanAccounts":[%s]}',
		'{"loanAccounts":[[%s]]}',
		'{"loanAccount":[%s]}',
		'{"loans":[%s]}',
		'{"loanAccounts":{"loanAccounts":[%s]}}',
		"[%s]",
		'{"other":1,"loanAccounts" : [ %s ] }',
	],
)
def test_lists_in_all_the_forms_that_occur(text):
	row = json.dumps(loan(), ensure_ascii=False)
	((value, raw),) = parsing.listed(text % row, KINDS["loans"].plural)
	assert value == loan() and raw == row


@pytest.mark.parametrize(
	"text",
	["{}", '{"loanAccounts":null}', '{"loanAccounts":7}', '{"loanAccounts":[7]}', "7", "", "[[[]],[]]"],
)
def test_an_answer_without_its_list_is_no_empty_list(text):
	with pytest.raises(errors.MalformedResponse):
		parsing.listed(text, KINDS["loans"].plural)


@pytest.mark.parametrize(
	"text",
	[
		'{"loanAccount":%s}',
		"%s",
		'{"loanAccounts":%s}',
		'{"loanAccounts":[%s]}',
		'{"account":{"loanAccount":%s}}',
		"[%s]",
	],
)
def test_details_in_all_the_forms_that_occur(text):
	row = json.dumps(loan(), ensure_ascii=False)
	assert parsing.single(text % row, KINDS["loans"].singular, ("resourceId",)) == (loan(), row)


@pytest.mark.parametrize(
	"text", ["{}", '{"loanAccount":7}', '{"loanAccount":[]}', "7", '{"x":{"resourceId":"1"}}']
)
def test_details_without_the_resource_are_refused(text):
	with pytest.raises(errors.MalformedResponse):
		parsing.single(text, KINDS["loans"].singular, ("resourceId",))


def account_of(row, kind="loans"):
	return mapping.account(row, "{}", kind, "c-1", TODAY)


def test_schema_for_scheme_changes_nothing():
	row = loan(other={"identification": "1000056782", "schemaNameProprietary": "x"})
	assert account_of(row).reference == "1000056782"


def test_an_empty_amount_of_a_balance_is_none():
	row = loan(
		balances=[{"balanceType": "closingBooked", "balanceAmount": {"currency": "ILS", "amount": ""}}]
	)
	assert account_of(row).balance is None


def test_words_with_a_capital_letter():
	row = loan(
		status="Deleted",
		balances=[{"balanceType": "ClosingBooked", "balanceAmount": {"currency": "ILS", "amount": "1"}}],
	)
	got = account_of(row)
	assert not got.shared and got.accounting_balance == Decimal(1)


def test_of_two_balances_of_a_type_the_later_counts_and_the_own_currency_first():
	def one(amount, day, currency="ILS"):
		return {
			"balanceType": "closingBooked",
			"referenceDate": day,
			"balanceAmount": {"amount": amount, "currency": currency},
		}

	row = loan(
		balances=[
			one("9", "2026-11-20", "USD"),
			one("1", "2026-11-18"),
			one("2", "2026-11-19"),
			one("3", "2026-11-17"),
		]
	)
	assert account_of(row).balance == Decimal(2)
	assert account_of(row | {"currency": "XXX"}).currency == "USD"


def test_interest_in_tiers_or_over_has_no_single_rate():
	tiers = [{"rate": [{"percentage": "1"}, {"percentage": "2"}]}]
	over = [
		{"rate": [{"percentage": "1"}], "toDateTime": "2025-01-01T00:00:00Z"},
		{"rate": [{"percentage": "2"}], "fromDateTime": "2025-01-01"},
	]
	assert account_of(loan(interest=tiers)).loan.interest_rate is None
	assert account_of(loan(interest=over)).loan.interest_rate == Decimal(2)
	assert account_of(loan(interest=None)).loan.interest_rate is None


@pytest.mark.parametrize("amount", ["1,5", "abc", "1e99", "--1", "NaN", True, [], 10**40])
def test_an_amount_that_is_none_is_refused(amount):
	row = loan(balances=[{"balanceType": "x", "balanceAmount": {"currency": "ILS", "amount": amount}}])
	with pytest.raises(errors.MalformedResponse):
		account_of(row)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**14), max_value=10**14))
def test_amounts_are_exact(amount):
	text = format(amount, "f")
	assert parsing.amount({"amount": text, "currency": "ils"}) == (amount, "ILS")
	(row,) = mapped(listing([entry(transactionAmount={"amount": text, "currency": "ILS"})]))
	assert row.amount == amount and format(row.amount, "f") == text


json_values = st.recursive(
	st.none()
	| st.booleans()
	| st.integers()
	| st.text(max_size=8)
	| st.sampled_from(["", "1.5", "2026-01-01", "[]"]),
	lambda inner: (
		st.lists(inner, max_size=3)
		| st.dictionaries(
			st.sampled_from(
				[
					*KINDS["loans"].plural,
					"transactions",
					"booked",
					"pending",
					"_links",
					"next",
					"href",
					"resourceId",
					"other",
					"identification",
					"balances",
					"balanceAmount",
					"amount",
					"transactionAmount",
					"bookingDate",
					"interest",
					"rate",
					"transactionId",
					"relatedDates",
					"contractStartDate",
					"remittanceInformationUnstructuredArray",
				]
			),
			inner,
			max_size=4,
		)
	),
	max_leaves=20,
)


@given(json_values)
def test_no_answer_is_ever_a_crash(value):
	text = json.dumps(value)
	for work in (
		lambda: mapped(text),
		lambda: [account_of(row) for row, _ in parsing.listed(text, KINDS["loans"].plural)],
		lambda: parsing.single(text, KINDS["loans"].singular, ("resourceId",)),
		lambda: paging.next_query(value, base_url="https://h", path="/a/b/c", filters={}),
		lambda: account_of(value if isinstance(value, dict) else {}),
	):
		try:
			work()
		except errors.MalformedResponse:
			continue


# Transactions


def test_transactions_with_their_own_text():
	text = listing([entry(), entry(transactionId="t-2", bookingDate=None)], [entry(transactionId="t-3")])
	with Bank(answer(text)) as bank:
		got = read(bank, since="2026-11-01T10:00:00.000Z")
	assert bank.requests[0].target == f"{LOANS}/{LOAN_ID}/transactions?dateFrom=2026-11-01&bookingStatus=both"
	assert got.next_page is None
	pending, booked, other = got.rows
	assert (pending.provider_transaction_id, pending.status) == ("t-3", TransactionStatus.PENDING)
	assert (booked.provider_transaction_id, booked.status) == ("t-1", TransactionStatus.BOOKED)
	assert (booked.amount, booked.currency) == (Decimal("-512.30"), "ILS")
	assert (booked.date, booked.booking_date, booked.value_date) == (
		date(2026, 11, 1),
		date(2026, 11, 1),
		date(2026, 11, 2),
	)
	assert other.date == date(2026, 11, 2)
	assert booked.original_description == booked.description == "תשלום חודשי"
	assert booked.updated_at is None
	assert booked.payload in text


def test_the_first_read_goes_back_as_far_as_the_setting_says():
	with Bank(answer(listing())) as bank:
		read(bank, history_days="30")
		read(bank, since="2001-01-01", history_days="30")
	day = (Calendar("Asia/Jerusalem").local().date() - timedelta(days=30)).isoformat()
	assert {r.target.partition("dateFrom=")[2][:10] for r in bank.requests} == {day}


@pytest.mark.parametrize(
	("fields", "identifier"),
	[
		({"transactionId": "a", "entryReference": "b"}, "a"),
		({"transactionId": "  ", "entryReference": "b"}, "b"),
		({"transactionId": None, "entryReference": 7}, "7"),
		({"transactionId": None}, None),
	],
)
def test_the_first_id_that_is_there_counts(fields, identifier):
	(row,) = mapped(listing([entry(**fields)]))
	assert row.provider_transaction_id == identifier


def test_a_row_that_is_booked_no_longer_counts_as_pending():
	rows = mapped(listing([entry()], [entry(), entry(transactionId=None)]))
	assert [(row.provider_transaction_id, row.status.value) for row in rows] == [
		(None, "Pending"),
		("t-1", "Booked"),
	]


def test_texts_and_counterparties():
	def one(**fields):
		return mapped(listing([entry(remittanceInformationUnstructured=None, **fields)]))[0]

	assert one(creditorName="Shop", debtorName="Me").description == "Shop"
	assert one(remittanceInformationUnstructuredArray=["a", "b"]).original_description == "a b"
	assert (
		one(remittanceInformationStructured={"reference": "7", "referenceType": "SCOR"}).original_description
		== "SCOR 7"
	)
	assert one(remittanceInformationStructured="RF18").original_description == "RF18"
	got = one(creditorName="Shop", additionalInformation="card payment")
	assert (got.description, got.original_description) == ("Shop: card payment", "card payment")
	assert one(creditorName="Shop", additionalInformation="SHOP 12").description == "SHOP 12"
	assert one().description == ""


@pytest.mark.parametrize(
	("fields", "operation"),
	[
		({"bankTransactionCode": "PMNT-RCDT-ESCT"}, "PMNT-RCDT-ESCT"),
		(
			{"bankTransactionCode": {"domain": "PMNT", "family": "RCDT", "subFamily": "ESCT"}},
			"PMNT-RCDT-ESCT",
		),
		({"proprietaryBankTransactionCode": "17"}, "17"),
		({}, None),
	],
)
def test_the_kind_of_transaction(fields, operation):
	assert mapped(listing([entry(**fields)]))[0].operation_type == operation


def test_a_pending_row_without_a_date_is_of_today_and_a_booked_one_is_refused():
	bare = {"transactionAmount": {"amount": "1", "currency": "ILS"}}
	assert mapped(listing([], [bare]))[0].date == TODAY
	with pytest.raises(errors.MalformedResponse):
		mapped(listing([bare]))
	dated = bare | {"balanceAfterTransaction": {"referenceDate": "2026-01-02"}}
	assert mapped(listing([dated]))[0].date == date(2026, 1, 2)


def test_an_amount_of_empty_text_is_nothing_and_a_missing_one_is_refused():
	assert mapped(listing([entry(transactionAmount={"amount": "", "currency": "ILS"})]))[0].amount == 0
	for broken in (None, {}, {"currency": "ILS"}, {"amount": None}):
		with pytest.raises(errors.MalformedResponse):
			mapped(listing([entry(transactionAmount=broken)]))


@pytest.mark.parametrize(
	"text",
	[
		'{"transactions":{"booked":[%s]}}',
		'{"transactions":{"booked":[[%s]]}}',
		'{"transactions":[{"booked":[%s]}]}',
		'{"booked":[%s]}',
		'{"transactions":{"Booked":[%s],"pending":null}}',
	],
)
def test_transaction_lists_in_all_the_forms_that_occur(text):
	row = json.dumps(entry(), ensure_ascii=False)
	(got,) = mapped(text % row)
	assert got.payload == row


@pytest.mark.parametrize(
	"text",
	[
		"{}",
		'{"transactions":{}}',
		'{"transactions":null}',
		'{"transactions":{"booked":7}}',
		'{"transactions":[]}',
	],
)
def test_an_answer_without_transactions_is_no_empty_list(text):
	with pytest.raises(errors.MalformedResponse):
		mapped(text)


def test_a_source_that_only_offers_booked_rows_is_asked_for_those():
	with Bank(answer(WARNING % "PARAMETER_NOT_SUPPORTED", 400), answer(listing([entry()]))) as bank:
		speaks = bank.connector()
		read(bank, connector=speaks)
		read(bank, connector=speaks)
	assert [r.target.rpartition("=")[2] for r in bank.requests] == ["both", "booked", "booked"]


def test_a_period_that_is_refused_says_so():
	with (
		Bank(answer(WARNING % "PERIOD_INVALID", 400)) as bank,
		pytest.raises(errors.InvalidRequest, match="period"),
	):
		read(bank)


# Paging (4.4)

TAIL = f"loans/{LOAN_ID}/transactions"


@pytest.mark.parametrize(
	"href",
	[
		f"/api/loan/v1.4/{TAIL}?page=2",
		f"/internal/{TAIL}?page=2",
		"?page=2",
		"transactions?page=2",
		f"{{base}}/api/loan/v1.4/{TAIL}?page=2",
	],
)
def test_the_next_page_is_followed_signed_and_free_of_the_quota(href):
	with Bank() as bank:
		link = href.replace("{base}", bank.url)
		bank.steps = [
			answer(listing([entry()], links={"next": {"href": link}})),
			answer(listing([entry(transactionId="t-2")])),
		]
		speaks = bank.connector()
		once = token(frequency_per_day=1)
		first = speaks.transactions(once, LOAN_ID, "2026-11-01", None)
		second = speaks.transactions(once, LOAN_ID, "2026-11-01", first.next_page)
	assert (
		bank.requests[1].target
		== f"{LOANS}/{LOAN_ID}/transactions?page=2&dateFrom=2026-11-01&bookingStatus=both"
	)
	assert bank.requests[1].headers["consent-id"] == "c-1"
	check_signature(bank.requests[1], "digest x-request-id")
	assert second.next_page is None


@pytest.mark.parametrize(
	"href",
	[
		"https://evil.example/api/loan/v1.4/" + TAIL + "?page=2",
		"//evil.example/" + TAIL + "?page=2",
		"http://127.0.0.1/" + TAIL + "?page=2",
		"/api/loan/v1.4/loans/other/transactions?page=2",
		"/api/loan/v1.4/loans?page=2",
		f"/x/../{TAIL}?page=2",
		f"/{TAIL}?page=2\r\nX: 1",
		f"/{TAIL}",
		"https://[",
		7,
	],
)
def test_a_link_that_leads_elsewhere_is_not_followed(href):
	with Bank(answer(listing([entry()], links={"next": {"href": href}}))) as bank:
		with pytest.raises(errors.MalformedResponse):
			read(bank)
	assert len(bank.requests) == 1


@pytest.mark.parametrize(
	"links", [None, {}, {"next": None}, {"next": {}}, {"next": {"href": ""}}, {"next": ""}]
)
def test_the_end_of_a_list(links):
	assert paging.next_query(links, base_url="https://h", path="/a/b/c", filters={}) is None


def test_a_page_that_links_to_itself_is_a_circle():
	href = f"/{TAIL}?page=2&dateFrom=2026-11-01&bookingStatus=both"
	with Bank(answer(listing([entry()], links={"next": {"href": href}}))) as bank:
		speaks = bank.connector()
		page = speaks.transactions(token(), LOAN_ID, "2026-11-01", None).next_page
		with pytest.raises(errors.MalformedResponse, match="circle"):
			speaks.transactions(token(), LOAN_ID, "2026-11-01", page)


def test_a_list_of_accounts_in_a_circle_ends():
	text = json.dumps({"loanAccounts": [], "_links": {"next": {"href": "?page=2"}}})
	with Bank(answer(text)) as bank, pytest.raises(errors.MalformedResponse, match="circle"):
		bank.connector().accounts(token(), "c-1")
	assert len(bank.requests) == 2


@pytest.mark.parametrize("page", ["", "a b", "x\r\ny", "ä"])
def test_a_kept_page_that_is_none_is_refused(page):
	with Bank(answer(listing())) as bank, pytest.raises(errors.InvalidRequest):
		read(bank, page=page)


# frequencyPerDay (7.4)


class Clock:
	def __init__(self, instant):
		self.instant = instant

	def __call__(self):
		return self.instant


def test_unattended_reads_are_counted_by_endpoint_and_account_and_day():
	clock = Clock(datetime(2026, 11, 21, 12, tzinfo=timezone.utc))
	with Bank(answer(listing())) as bank:
		speaks = bank.connector(ledger=MemoryLedger())
		speaks._client.calendar.now = clock
		two = token(frequency_per_day=2)
		for account in ("a", "a", "b"):
			speaks.transactions(two, account, None, None)
		with pytest.raises(errors.RateLimited) as caught:
			speaks.transactions(two, "a", None, None)
		speaks.transactions(two, "b", None, None)
		speaks.transactions(token(frequency_per_day=2, consent_id="c-2"), "a", None, None)
		assert len(bank.requests) == 5
		# With the end user there, nothing is counted; and the next day, in Israel, begins at 22:00 UTC.
		speaks.transactions(token(frequency_per_day=2, presence=PRESENCE), "a", None, None)
		clock.instant += timedelta(hours=10)
		speaks.transactions(two, "a", None, None)
	assert caught.value.retry_after == 10 * 3600
	assert caught.value.provider_code == "ACCESS_EXCEEDED"


def test_the_setting_counts_where_the_consent_does_not_say_and_nothing_means_no_limit():
	with Bank(answer('{"loanAccounts":[]}')) as bank:
		strict, free = bank.connector(frequency_per_day="1"), bank.connector(frequency_per_day="0")
		unsaid = token(frequency_per_day=0)
		strict.accounts(unsaid, "c-1")
		with pytest.raises(errors.RateLimited):
			strict.accounts(unsaid, "c-1")
		for _ in range(6):
			free.accounts(unsaid, "c-1")


def test_a_retry_of_one_read_counts_once():
	with Bank(answer("", 503), answer('{"loanAccounts":[]}')) as bank:
		bank.connector().accounts(token(frequency_per_day=1), "c-1")
	assert len(bank.requests) == 2


@pytest.mark.parametrize(
	("instant", "hours"),
	[
		# Summer time ends on 25 October 2026 in Israel: that day has 25 hours.
		(datetime(2026, 10, 24, 21, tzinfo=timezone.utc), 25),
		(datetime(2026, 3, 26, 22, tzinfo=timezone.utc), 23),
		(datetime(2026, 11, 20, 22, tzinfo=timezone.utc), 24),
	],
)
def test_a_day_is_as_long_as_it_is(instant, hours):
	assert Calendar("Asia/Jerusalem", lambda: instant).until_tomorrow() == hours * 3600


# What is kept, and what tells of a row that is gone


def test_a_tombstone_names_the_id_and_leaves_the_rest():
	text = '{"transactionId": "x", "transactionAmount":{"amount":"1.10","currency":"ILS"}}'
	gone = verbatim.parse_object(transactions.tombstone(text, "old", ID_FIELDS))
	assert gone == {
		"transactionId": "old",
		"transactionAmount": {"amount": "1.10", "currency": "ILS"},
		"deleted": True,
	}
	assert (
		json.loads(transactions.tombstone('{"entryReference":"x"}', "old", ID_FIELDS))["entryReference"]
		== "old"
	)


def test_an_outline_has_no_words_of_the_bank():
	kept = json.loads(
		transactions.outline(json.dumps(entry(creditorName="Shop", bankTransactionCode="A-B-C")))
	)
	assert kept == {
		"transactionId": "t-1",
		"transactionAmount": {"currency": "ILS", "amount": "-512.30"},
		"bookingDate": "2026-11-01",
		"valueDate": "2026-11-02",
		"bankTransactionCode": "A-B-C",
	}
