"""Accounts, cards, contracts and transactions of Open Finance Brasil as plain data, sparing with reads (4, A.2 to A.6)."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest
from quanto_stub import (
	ALL_PERMISSIONS,
	CONSENT,
	NOW,
	Quanto,
	consent,
	listed,
	query_of,
	refused,
	resource,
	single,
	token,
)

from bank_api.connectors import errors
from bank_api.connectors.model import TransactionStatus
from bank_api.connectors.quanto.ofb_paths import CREDIT_APIS
from bank_api.connectors.rate_ledger import MemoryLedger

ROOT = f"/v1/consents/{CONSENT}"
ACCOUNTS = f"{ROOT}/accounts/accounts"
CARDS = f"{ROOT}/credit-cards-accounts/accounts"
LOANS = f"{ROOT}/loans/contracts"
TODAY = date(2026, 11, 21)

ACCOUNT = {
	"brandName": "Banco Um",
	"companyCnpj": "21128159000166",
	"type": "CONTA_DEPOSITO_A_VISTA",
	"compeCode": "001",
	"branchCode": "6272",
	"number": "94088392",
	"checkDigit": "4",
	"accountId": "acc-1",
}
DETAIL = {
	"compeCode": "001",
	"branchCode": "6272",
	"number": "94088392",
	"checkDigit": "4",
	"type": "CONTA_DEPOSITO_A_VISTA",
	"subtype": "INDIVIDUAL",
	"currency": "BRL",
}
BALANCES = {
	"availableAmount": {"amount": "1000.0400", "currency": "BRL"},
	"blockedAmount": {"amount": "0.00", "currency": "BRL"},
	"automaticallyInvestedAmount": {"amount": "10.00", "currency": "BRL"},
	"updateDateTime": "2026-11-21T08:30:00Z",
}
CARD = {
	"creditCardAccountId": "card-1",
	"brandName": "Banco Um",
	"companyCnpj": "21128159000166",
	"name": "Cartão Universitário",
	"productType": "OUTROS",
	"creditCardNetwork": "VISA",
}
CONTRACT = {
	"contractId": "loan-1",
	"brandName": "Banco Um",
	"companyCnpj": "21128159000166",
	"productType": "EMPRESTIMOS",
	"productSubType": "HOME_EQUITY",
	"productSubTypeCategory": "CREDITO_PESSOAL_CLEAN",
	"ipocCode": "9240029112341567890123456",
}
CONTRACT_DETAIL = {
	"contractNumber": "1324926521496",
	"productName": "Crédito Pessoal",
	"productSubType": "HOME_EQUITY",
	"contractDate": "2024-01-05",
	"dueDate": "2030-01-05",
	"contractAmount": "50000.0000",
	"currency": "BRL",
	"nextInstalmentAmount": "812.33",
	"interestRates": [{"taxPeriodicity": "AA", "preFixedRate": "0.125000"}],
}
PAYMENTS = {
	"paidInstalments": 2,
	"contractOutstandingBalance": "41250.7300",
	"releases": [
		{
			"paymentId": "p-1",
			"isOverParcelPayment": False,
			"instalmentId": "parcela-1",
			"paidDate": "2026-10-05",
			"currency": "BRL",
			"paidAmount": "812.33",
		},
		{
			"paymentId": "p-2",
			"isOverParcelPayment": False,
			"paidDate": "2026-11-05",
			"currency": "BRL",
			"paidAmount": "-812.33",
		},
	],
}


def transaction(**changes):
	return {
		"transactionId": "TXpRMU9UQTROMWhZ",
		"completedAuthorisedPaymentType": "TRANSACAO_EFETIVADA",
		"creditDebitType": "DEBITO",
		"transactionName": "Padaria São João",
		"type": "PIX",
		"transactionAmount": {"amount": "12.3400", "currency": "BRL"},
		"transactionDateTime": "2026-11-20T12:29:03.374Z",
		"partieCnpjCpf": "43908445778",
	} | changes


def purchase(**changes):
	return {
		"transactionId": "cardtx1",
		"identificationNumber": "4453",
		"transactionName": "HOTEL PARIS",
		"billId": "bill-1",
		"creditDebitType": "DEBITO",
		"transactionType": "PAGAMENTO",
		"brazilianAmount": {"amount": "560.10", "currency": "BRL"},
		"amount": {"amount": "100.00", "currency": "EUR"},
		"transactionDateTime": "2026-11-19T00:00:00.000Z",
		"billPostDate": "2026-11-25",
	} | changes


@pytest.fixture
def quanto():
	with Quanto() as server:
		server.on(f"GET {ROOT}", consent())
		server.on(f"GET {ROOT}/resources", listed([resource("acc-1")]))
		server.on(f"GET {ACCOUNTS}", listed([ACCOUNT]))
		server.on(f"GET {ACCOUNTS}/acc-1", single(DETAIL))
		server.on(f"GET {ACCOUNTS}/acc-1/balances", single(BALANCES))
		server.on(f"GET {CARDS}", listed([CARD]))
		server.on(f"GET {CARDS}/card-1", single({"name": CARD["name"], "paymentMethod": []}))
		server.on(f"GET {CARDS}/card-1/limits", listed([]))
		server.on(f"GET {LOANS}", listed([CONTRACT]))
		server.on(f"GET {LOANS}/loan-1", single(CONTRACT_DETAIL))
		server.on(f"GET {LOANS}/loan-1/payments", single(PAYMENTS))
		yield server


def reaches(quanto, *rows):
	quanto.on(f"GET {ROOT}/resources", listed(list(rows)))


def accounts(quanto, known=(), **options):
	return quanto.connector(**options).accounts(token(), CONSENT, known)


class TestAccounts:
	def test_everything_of_an_account(self, quanto):
		(found,) = accounts(quanto)
		assert (found.provider_account_id, found.provider_item_id) == ("acc-1", CONSENT)
		assert (found.account_type, found.currency, found.name) == (
			"checking",
			"BRL",
			"Banco Um 6272 94088392-4",
		)
		assert found.reference == "001-6272-94088392-4" and found.iban is None
		assert found.balance == found.instant_balance == Decimal("1000.0400")
		assert str(found.balance) == "1000.0400" and not found.partial and found.shared
		assert json.loads(found.payload) == ACCOUNT | {
			"subtype": "INDIVIDUAL",
			"currency": "BRL",
			"balances": BALANCES,
		}

	def test_the_text_is_the_banks(self, quanto):
		quanto.on(
			f"GET {ACCOUNTS}",
			'{"data":[ {"accountId":"acc-1" ,"type":"CONTA_POUPANCA","x":1.50} ],"links":{}}',
		)
		quanto.on(f"GET {ACCOUNTS}/acc-1", '{"data": {"currency":"BRL","y":1E+2}}')
		(found,) = accounts(quanto)
		assert found.payload.startswith('{"accountId":"acc-1" ,"type":"CONTA_POUPANCA","x":1.50')
		assert '"y":1E+2' in found.payload and found.account_type == "savings"

	def test_version_1(self, quanto):
		old = ACCOUNT | {"branchCode": "NA"}
		quanto.on(f"GET {ACCOUNTS}", listed([old]))
		body = '{"data":{"availableAmount":100000.04,"availableAmountCurrency":"BRL","blockedAmount":null}}'
		quanto.on(f"GET {ACCOUNTS}/acc-1/balances", body)
		(found,) = accounts(quanto)
		assert found.balance == Decimal("100000.04") and found.reference == "001-94088392-4"

	@pytest.mark.parametrize(
		"refusal",
		[
			(403, refused("STATUS_RESOURCE_TEMPORARILY_UNAVAILABLE")),
			(403, refused("status_RESOURCE_TEMPORARY_UNAVAILABLE")),
			(403, refused("ACESSO_NEGADO")),
			(404, refused("NAO_ENCONTRADO")),
			(423, refused("LIMITE")),
		],
	)
	@pytest.mark.parametrize("part", ["", "/balances"])
	def test_a_part_that_is_refused_loses_no_account(self, quanto, part, refusal):
		reaches(quanto, resource("acc-1"), resource("acc-2"))
		quanto.on(
			f"GET {ACCOUNTS}", listed([ACCOUNT, ACCOUNT | {"accountId": "acc-2", "number": "11111111"}])
		)
		quanto.on(f"GET {ACCOUNTS}/acc-2", single(DETAIL))
		quanto.on(f"GET {ACCOUNTS}/acc-2/balances", single(BALANCES))
		quanto.on(f"GET {ACCOUNTS}/acc-1{part}", refusal)
		one, two = accounts(quanto)
		assert two.balance == Decimal("1000.04") and one.reference == "001-6272-94088392-4"
		assert (one.balance is None) == (part == "/balances")

	def test_one_failing_balance_loses_no_account_but_all_failing_is_a_failure(self, quanto):
		reaches(quanto, resource("acc-1"), resource("acc-2"))
		quanto.on(f"GET {ACCOUNTS}", listed([ACCOUNT, ACCOUNT | {"accountId": "acc-2"}]))
		quanto.on(f"GET {ACCOUNTS}/acc-2", single(DETAIL))
		quanto.on(f"GET {ACCOUNTS}/acc-2/balances", single(BALANCES))
		quanto.on(f"GET {ACCOUNTS}/acc-1/balances", (500, refused("ERRO_INTERNO")))
		assert [one.balance for one in accounts(quanto)] == [None, Decimal("1000.04")]
		for part in ("acc-1", "acc-2", "acc-1/balances", "acc-2/balances"):
			quanto.on(f"GET {ACCOUNTS}/{part}", (500, refused("ERRO_INTERNO")))
		with pytest.raises(errors.ProviderUnavailable):
			accounts(quanto)

	def test_a_dead_consent_is_no_missing_part(self, quanto):
		quanto.on(f"GET {ACCOUNTS}/acc-1/balances", (401, refused("NAO_AUTORIZADO")))
		with pytest.raises(errors.ConsentRequired):
			accounts(quanto)

	@pytest.mark.parametrize("status", [429, 529])
	def test_throttling_stops_everything(self, quanto, status):
		quanto.headers["Retry-After"] = "7"
		quanto.on(f"GET {ACCOUNTS}/acc-1/balances", (status, refused("X")))
		with pytest.raises(errors.RateLimited) as caught:
			accounts(quanto, max_attempts="1")
		assert (caught.value.retry_after, caught.value.scope) == (7, "")

	def test_what_the_consent_leaves_out_is_not_asked(self, quanto):
		granted = ["ACCOUNTS_READ", "RESOURCES_READ"]
		quanto.on(f"GET {ROOT}", consent(permissions=granted))
		reaches(quanto, resource("acc-1"), resource("card-1", "CREDIT_CARD_ACCOUNT"))
		(found,) = accounts(quanto)
		assert found.balance is None and not found.is_pro
		assert not quanto.calls(f"GET {CARDS}") and not quanto.calls(f"GET {ACCOUNTS}/acc-1/balances")

	def test_a_companys(self, quanto):
		granted = [*ALL_PERMISSIONS, "CUSTOMERS_BUSINESS_IDENTIFICATIONS_READ"]
		quanto.on(f"GET {ROOT}", consent(permissions=granted))
		(found,) = accounts(quanto)
		assert found.is_pro

	def test_customers_only(self, quanto):
		reaches(quanto)
		assert accounts(quanto) == [] and not quanto.calls(f"GET {ACCOUNTS}")

	def test_another_consents_token(self, quanto):
		with pytest.raises(errors.InvalidRequest):
			quanto.connector().accounts(token(), "urn:banco:other")

	@pytest.mark.parametrize(
		"body", [{"links": {}}, {"data": None}, {"data": [1]}, {"data": [{"type": "X"}]}, "<html>", "", "[]"]
	)
	def test_a_list_that_is_none_is_a_failure(self, quanto, body):
		quanto.on(f"GET {ACCOUNTS}", body)
		with pytest.raises(errors.MalformedResponse):
			accounts(quanto)

	def test_the_same_id_twice(self, quanto):
		quanto.on(f"GET {ACCOUNTS}", listed([ACCOUNT, ACCOUNT]))
		with pytest.raises(errors.MalformedResponse):
			accounts(quanto)


class TestStates:
	"""The behaviour matrix (4.2)."""

	@pytest.mark.parametrize(
		"state", ["PENDING_AUTHORISATION", "TEMPORARILY_UNAVAILABLE", "UNAVAILABLE", "NEW_WORD"]
	)
	def test_what_was_never_there_is_not_listed(self, quanto, state):
		reaches(quanto, resource("acc-1"), resource("acc-2", status=state))
		assert [one.provider_account_id for one in accounts(quanto)] == ["acc-1"]

	def test_a_blocked_one_stays_as_it_is_known(self, quanto):
		reaches(quanto, resource("acc-1"), resource("acc-2", status="TEMPORARILY_UNAVAILABLE"))
		_, blocked = accounts(quanto, known={"acc-2"})
		assert (blocked.provider_account_id, blocked.partial, blocked.shared) == ("acc-2", True, True)
		assert (blocked.balance, blocked.payload, blocked.account_type, blocked.currency) == (
			None,
			"{}",
			"",
			"",
		)
		assert not quanto.calls(f"GET {ACCOUNTS}/acc-2/balances")

	def test_one_that_waits_for_others_is_not_shared_yet(self, quanto):
		reaches(quanto, resource("acc-2", status="PENDING_AUTHORISATION"))
		(found,) = accounts(quanto, known={"acc-2"})
		assert found.partial and not found.shared and not quanto.calls(f"GET {ACCOUNTS}")

	def test_one_that_is_gone_is_not_listed(self, quanto):
		reaches(quanto, resource("acc-2", status="UNAVAILABLE"))
		assert accounts(quanto, known={"acc-2"}) == []

	def test_a_list_that_is_not_complete_yet(self, quanto):
		quanto.on(f"GET {ROOT}/resources", (202, listed([])))
		with pytest.raises(errors.ProviderUnavailable):
			accounts(quanto, resource_polls="1")


class TestSparing:
	def test_what_is_known_is_not_described_again(self, quanto):
		speaks = quanto.connector(ledger=MemoryLedger())
		speaks.accounts(token(), CONSENT)
		(again,) = speaks.accounts(token(), CONSENT, {"acc-1"})
		assert again.partial and again.balance == Decimal("1000.04")
		assert json.loads(again.payload) == {"balances": BALANCES}
		assert len(quanto.calls(f"GET {ACCOUNTS}")) == len(quanto.calls(f"GET {ACCOUNTS}/acc-1")) == 1
		assert len(quanto.calls(f"GET {ACCOUNTS}/acc-1/balances")) == 2

	def test_something_new_is(self, quanto):
		speaks = quanto.connector()
		speaks.accounts(token(), CONSENT)
		reaches(quanto, resource("acc-1"), resource("acc-2"))
		new = ACCOUNT | {"accountId": "acc-2", "number": "22222222"}
		quanto.on(f"GET {ACCOUNTS}", listed([ACCOUNT, new]))
		quanto.on(f"GET {ACCOUNTS}/acc-2", single(DETAIL))
		old, fresh = speaks.accounts(token(), CONSENT, {"acc-1"})
		assert old.partial and not fresh.partial and fresh.balance is None
		assert len(quanto.calls(f"GET {ACCOUNTS}/acc-1")) == 1

	def test_the_ninth_list_of_a_month_is_not_asked(self, quanto):
		speaks = quanto.connector()
		for _ in range(8):
			speaks.accounts(token(), CONSENT)
		with pytest.raises(errors.RateLimited) as caught:
			speaks.accounts(token(), CONSENT)
		assert caught.value.scope == errors.OBJECT
		# Until 1 December, 00:00 in Brasília.
		assert caught.value.retry_after == (9 * 24 + 12) * 3600
		assert len(quanto.calls(f"GET {ACCOUNTS}")) == 8

	def test_with_the_list_used_up_what_is_known_goes_on(self, quanto):
		quanto.on(f"GET {ACCOUNTS}", (423, refused("LIMITE")))
		(found,) = accounts(quanto, known={"acc-1"})
		assert found.partial and found.balance == Decimal("1000.04")

	def test_the_banks_count_is_believed(self, quanto):
		speaks = quanto.connector()
		quanto.on(f"GET {ACCOUNTS}", (423, refused("LIMITE")))
		for _ in range(2):
			with pytest.raises(errors.RateLimited):
				speaks.accounts(token(), CONSENT)
		assert len(quanto.calls(f"GET {ACCOUNTS}")) == 1

	def test_reads_that_fail_do_not_count(self, quanto):
		speaks = quanto.connector(max_attempts="1")
		quanto.on(f"GET {ACCOUNTS}", (500, refused("ERRO_INTERNO")))
		for _ in range(12):
			with pytest.raises(errors.ProviderUnavailable):
				speaks.accounts(token(), CONSENT)
		quanto.on(f"GET {ACCOUNTS}", listed([ACCOUNT]))
		assert speaks.accounts(token(), CONSENT)


class TestCards:
	@pytest.fixture(autouse=True)
	def one_card(self, quanto):
		reaches(quanto, resource("card-1", "CREDIT_CARD_ACCOUNT"))

	def limit(self, used, kind="CONSOLIDADO", number="4453", line="LIMITE_CREDITO_TOTAL", currency="BRL"):
		return {
			"creditLineLimitType": line,
			"consolidationType": kind,
			"identificationNumber": number,
			"isLimitFlexible": False,
			"usedAmount": {"amount": used, "currency": currency},
		}

	@pytest.mark.parametrize(
		("rows", "balance"),
		[
			([("7500.05", "CONSOLIDADO"), ("7500.05", "CONSOLIDADO")], Decimal("-7500.05")),
			([("100.00", "INDIVIDUAL"), ("50.0001", "INDIVIDUAL")], Decimal("-150.0001")),
			([], None),
		],
	)
	def test_what_is_used_is_owed(self, quanto, rows, balance):
		made = [self.limit(used, kind) for used, kind in rows]
		made.append(self.limit("1.00", line="LIMITE_CREDITO_MODALIDADE_OPERACAO"))
		quanto.on(f"GET {CARDS}/card-1/limits", listed(made))
		(found,) = accounts(quanto)
		assert (found.balance, found.account_type, found.name) == (balance, "card", "Cartão Universitário")
		assert (found.currency, found.reference) == ("BRL", "card-1")
		assert json.loads(found.payload)["limits"] == made

	def test_limits_of_two_currencies_have_no_sum(self, quanto):
		rows = [self.limit("1.00", "INDIVIDUAL"), self.limit("1.00", "INDIVIDUAL", currency="USD")]
		quanto.on(f"GET {CARDS}/card-1/limits", listed(rows))
		assert accounts(quanto)[0].balance is None

	def test_purchases(self, quanto):
		quanto.on(
			f"GET {CARDS}/card-1/transactions",
			listed([purchase(), purchase(transactionId="c2", creditDebitType="CREDITO")]),
		)
		page = quanto.connector().transactions(token(), "card-1", None, None)
		bought, paid = page.rows
		assert (bought.amount, bought.currency, bought.status) == (
			Decimal("-560.10"),
			"BRL",
			TransactionStatus.BOOKED,
		)
		assert (bought.date, bought.booking_date) == (date(2026, 11, 19), date(2026, 11, 25))
		assert (bought.operation_type, bought.description) == ("PAGAMENTO", "HOTEL PARIS")
		assert paid.amount == Decimal("560.10") and json.loads(bought.payload) == purchase()
		query = query_of(quanto.calls(f"GET {CARDS}/card-1/transactions")[0])
		assert query == {
			"fromTransactionDate": "2025-11-21",
			"toTransactionDate": "2026-11-21",
			"page-size": "500",
		}

	def test_version_1(self, quanto):
		old = '{"data":[{"creditDebitType":"DEBITO","brazilianAmount":10.5,"amount":2,"currency":"USD","transactionDate":"2026-11-01"}]}'
		quanto.on(f"GET {CARDS}/card-1/transactions", old)
		(row,) = quanto.connector().transactions(token(), "card-1", None, None).rows
		assert (row.amount, row.currency, row.provider_transaction_id) == (Decimal("-10.5"), "BRL", None)


class TestContracts:
	@pytest.mark.parametrize(
		("kind", "api"),
		zip(
			("LOAN", "FINANCING", "INVOICE_FINANCING", "UNARRANGED_ACCOUNT_OVERDRAFT"),
			CREDIT_APIS,
			strict=True,
		),
	)
	def test_all_four(self, quanto, kind, api):
		place = f"{ROOT}/{api}/contracts"
		reaches(quanto, resource("loan-1", kind))
		quanto.on(f"GET {place}", listed([CONTRACT]))
		quanto.on(f"GET {place}/loan-1", single(CONTRACT_DETAIL))
		quanto.on(f"GET {place}/loan-1/payments", single(PAYMENTS))
		speaks = quanto.connector()
		(found,) = speaks.accounts(token(), CONSENT)
		assert (found.account_type, found.name, found.reference) == (
			"loan",
			"Crédito Pessoal",
			"1324926521496",
		)
		assert found.balance == Decimal("-41250.7300") and found.loan.remaining_capital == Decimal("41250.73")
		loan = found.loan
		assert (loan.loan_type, loan.borrowed_capital, loan.interest_rate) == (
			"HOME_EQUITY",
			50000,
			Decimal("12.5"),
		)
		assert (loan.opening_date, loan.maturity_date) == (date(2024, 1, 5), date(2030, 1, 5))
		assert loan.next_payment_amount == Decimal("812.33")
		assert "releases" not in json.loads(found.payload)["payments"]
		page = speaks.transactions(token(), "loan-1", None, None)
		assert [(row.provider_transaction_id, row.amount, row.date) for row in page.rows] == [
			("p-1", Decimal("812.33"), date(2026, 10, 5)),
			("p-2", Decimal("-812.33"), date(2026, 11, 5)),
		]
		assert page.next_page is None and len(quanto.calls(f"GET {place}/loan-1/payments")) == 1
		later = speaks.transactions(token(), "loan-1", "2026-11-01", None)
		assert [row.provider_transaction_id for row in later.rows] == ["p-2"]

	@pytest.mark.parametrize(
		"rates",
		[
			[{"taxPeriodicity": "AM", "preFixedRate": "0.010000"}],
			[
				{"taxPeriodicity": "AA", "preFixedRate": "0.010000"},
				{"taxPeriodicity": "AA", "preFixedRate": "0.020000"},
			],
			[{"taxPeriodicity": "AA", "preFixedRate": "0.010000", "postFixedRate": "0.550000"}],
			[],
			None,
		],
	)
	def test_rates_that_are_no_yearly_one(self, quanto, rates):
		reaches(quanto, resource("loan-1", "LOAN"))
		quanto.on(f"GET {LOANS}/loan-1", single(CONTRACT_DETAIL | {"interestRates": rates}))
		assert accounts(quanto)[0].loan.interest_rate is None

	def test_payments_are_read_about_once_a_day(self, quanto):
		reaches(quanto, resource("loan-1", "FINANCING"))
		place = f"{ROOT}/financings/contracts"
		quanto.on(f"GET {place}", listed([CONTRACT]))
		quanto.on(f"GET {place}/loan-1", single(CONTRACT_DETAIL))
		quanto.on(f"GET {place}/loan-1/payments", single(PAYMENTS))
		ledger = MemoryLedger()
		quanto.connector(ledger=ledger).accounts(token(), CONSENT)
		(again,) = quanto.connector(ledger=ledger).accounts(token(), CONSENT, {"loan-1"})
		assert again.partial and again.balance is None
		page = quanto.connector(ledger=ledger).transactions(token(), "loan-1", "2026-11-01", None)
		assert page.rows == [] and len(quanto.calls(f"GET {place}/loan-1/payments")) == 1


class TestTransactions:
	def feed(self, quanto, rows, tail="transactions", since=None, **options):
		quanto.on(f"GET {ACCOUNTS}/acc-1/{tail}", listed(rows))
		return quanto.connector(**options).transactions(token(), "acc-1", since, None)

	def test_everything_of_a_row(self, quanto):
		(row,) = self.feed(quanto, [transaction()]).rows
		assert (row.provider_transaction_id, row.amount, row.currency) == (
			"TXpRMU9UQTROMWhZ",
			Decimal("-12.3400"),
			"BRL",
		)
		assert row.date == row.booking_date == row.transaction_date == date(2026, 11, 20)
		assert (row.description, row.operation_type, row.status) == (
			"Padaria São João",
			"PIX",
			TransactionStatus.BOOKED,
		)
		assert (row.updated_at, row.value_date, row.category_id) == (None, None, None)
		assert json.loads(row.payload) == transaction()

	@pytest.mark.parametrize(
		("changes", "field", "value"),
		[
			({"creditDebitType": "CREDITO"}, "amount", Decimal("12.34")),
			({"completedAuthorisedPaymentType": "LANCAMENTO_FUTURO"}, "status", TransactionStatus.PENDING),
			(
				{"completedAuthorisedPaymentType": "TRANSACAO_PROCESSANDO"},
				"status",
				TransactionStatus.PENDING,
			),
			({"completedAuthorisedPaymentType": "PALAVRA_NOVA"}, "status", TransactionStatus.PENDING),
			({"completedAuthorisedPaymentType": "LANCAMENTO_FUTURO"}, "booking_date", None),
			({"transactionId": "0000000000"}, "provider_transaction_id", None),
			({"transactionId": ""}, "provider_transaction_id", None),
			({"transactionId": "NA"}, "provider_transaction_id", None),
			({"transactionId": "00000000001"}, "provider_transaction_id", "00000000001"),
			# Half past ten in the evening in Brasília; midnight is a day without a time.
			({"transactionDateTime": "2026-11-21T01:30:00.000Z"}, "date", date(2026, 11, 20)),
			({"transactionDateTime": "2026-11-21T00:00:00.000Z"}, "date", date(2026, 11, 21)),
			({"transactionDateTime": "2026-11-21T03:00:00.000Z"}, "date", date(2026, 11, 21)),
		],
	)
	def test_rules(self, quanto, changes, field, value):
		(row,) = self.feed(quanto, [transaction(**changes)]).rows
		assert getattr(row, field) == value

	def test_version_1(self, quanto):
		old = '{"data":[{"completedAuthorisedPaymentType":"TRANSACAO_EFETIVADA","creditDebitType":"DEBITO","amount":500.54,"transactionCurrency":"BRL","transactionDate":"2026-01-07","transactionName":"X"}]}'
		quanto.on(f"GET {ACCOUNTS}/acc-1/transactions", old)
		(row,) = quanto.connector().transactions(token(), "acc-1", None, None).rows
		assert (row.amount, row.currency, row.date) == (Decimal("-500.54"), "BRL", date(2026, 1, 7))

	@pytest.mark.parametrize(
		"changes",
		[
			{"transactionAmount": {"amount": None}},
			{"transactionAmount": {"amount": "1e5", "currency": "BRL"}},
			{"transactionAmount": {"amount": "twelve"}},
			{"creditDebitType": "SALDO"},
			{"transactionDateTime": None},
			{"transactionDateTime": "2026-13-01T00:00:00.000Z"},
		],
	)
	def test_a_row_that_is_none_is_a_failure(self, quanto, changes):
		with pytest.raises(errors.MalformedResponse):
			self.feed(quanto, [transaction(**changes)])

	def test_the_first_pass_reads_twelve_months_and_what_is_scheduled(self, quanto):
		page = self.feed(quanto, [])
		(request,) = quanto.calls(f"GET {ACCOUNTS}/acc-1/transactions")
		assert query_of(request) == {
			"fromBookingDate": "2025-11-21",
			"toBookingDate": "2027-11-21",
			"page-size": "500",
		}
		assert page == ([], None, None)

	@pytest.mark.parametrize("since", ["2026-11-15", "2026-11-20", "2026-11-21", "2026-12-01"])
	def test_later_passes_within_seven_days_read_the_current_list(self, quanto, since):
		page = self.feed(quanto, [transaction()], "transactions-current", since)
		(request,) = quanto.calls(f"GET {ACCOUNTS}/acc-1/transactions-current")
		assert query_of(request)["fromBookingDate"] == min(since, "2026-11-21")
		assert page.listed_from is None and len(page.rows) == 1

	def test_older_ones_read_the_long_list_now_and_then(self, quanto):
		ledger = MemoryLedger()
		quanto.on(f"GET {ACCOUNTS}/acc-1/transactions-current", listed([transaction()]))
		page = self.feed(quanto, [transaction()], since="2026-11-11", ledger=ledger)
		assert page.listed_from is None
		page = quanto.connector(ledger=ledger).transactions(token(), "acc-1", "2026-11-11", None)
		assert page.listed_from == TODAY - timedelta(days=6)
		assert len(quanto.calls(f"GET {ACCOUNTS}/acc-1/transactions")) == 1
		(request,) = quanto.calls(f"GET {ACCOUNTS}/acc-1/transactions-current")
		assert query_of(request)["fromBookingDate"] == "2026-11-15"

	def test_the_long_list_used_up(self, quanto):
		quanto.on(f"GET {ACCOUNTS}/acc-1/transactions", (423, refused("LIMITE")))
		quanto.on(f"GET {ACCOUNTS}/acc-1/transactions-current", listed([transaction()]))
		speaks = quanto.connector()
		assert speaks.transactions(token(), "acc-1", "2026-11-01", None).listed_from == date(2026, 11, 15)
		with pytest.raises(errors.RateLimited) as caught:
			speaks.transactions(token(), "acc-1", None, None)
		assert caught.value.scope == errors.OBJECT

	def test_banks_of_version_1_have_only_the_long_list(self, quanto):
		page = self.feed(quanto, [], since="2026-11-20", current_lists="no")
		assert page.listed_from is None and quanto.calls(f"GET {ACCOUNTS}/acc-1/transactions")

	def test_pages_are_followed_as_given(self, quanto):
		path = f"{ACCOUNTS}/acc-1/transactions"
		link = f"{quanto.url}{path}?page=2&pagination-key=a%2Bb%3D"
		quanto.on(
			f"GET {path}", listed([transaction()], following=link), listed([transaction(transactionId="t2")])
		)
		speaks = quanto.connector(**{"limit.accounts/transactions": "1"})
		first = speaks.transactions(token(), "acc-1", None, None)
		assert first.next_page == "history;2025-11-21;page=2&pagination-key=a%2Bb%3D"
		second = speaks.transactions(token(), "acc-1", None, first.next_page)
		assert second.next_page is None and second.rows[0].provider_transaction_id == "t2"
		assert quanto.requests[-1].target.endswith("?page=2&pagination-key=a%2Bb%3D")

	def test_pages_without_a_key_are_reads_of_their_own(self, quanto):
		path = f"{ACCOUNTS}/acc-1/transactions"
		quanto.on(f"GET {path}", listed([transaction()], following=f"{quanto.url}{path}?page=2"))
		speaks = quanto.connector(**{"limit.accounts/transactions": "1"})
		first = speaks.transactions(token(), "acc-1", None, None)
		with pytest.raises(errors.RateLimited):
			speaks.transactions(token(), "acc-1", None, first.next_page)

	@pytest.mark.parametrize(
		"link",
		[
			"https://evil.example{path}?page=2",
			"{url}/v1/consents/other/accounts/accounts/acc-1/transactions?page=2",
			"{url}{path}/../x?page=2",
			"{url}{path}?page=2&x=<script>",
			"//evil.example{path}?page=2",
			"?page=2",
			"http://[::1",
			7,
		],
	)
	def test_links_that_lead_elsewhere(self, quanto, link):
		path = f"{ACCOUNTS}/acc-1/transactions"
		given = link.format(url=quanto.url, path=path) if isinstance(link, str) else link
		quanto.on(f"GET {path}", listed([transaction()]) | {"links": {"next": given}})
		with pytest.raises(errors.MalformedResponse):
			quanto.connector().transactions(token(), "acc-1", None, None)

	def test_a_page_that_leads_to_itself(self, quanto):
		path = f"{ACCOUNTS}/acc-1/transactions"
		quanto.on(f"GET {path}", lambda request: (200, listed([], following=f"{quanto.url}{request.target}")))
		with pytest.raises(errors.MalformedResponse):
			quanto.connector().transactions(token(), "acc-1", None, None)

	@pytest.mark.parametrize(
		"page", ["page=2", "history;x;page=2", "history;2026-01-01;a b", "other;2026-01-01;a=b", ""]
	)
	def test_a_page_that_nobody_gave(self, quanto, page):
		with pytest.raises(errors.InvalidRequest):
			quanto.connector().transactions(token(), "acc-1", None, page)

	def test_statements_that_are_not_shared_are_no_failure(self, quanto):
		quanto.on(
			f"GET {ROOT}", consent(permissions=["ACCOUNTS_READ", "ACCOUNTS_BALANCES_READ", "RESOURCES_READ"])
		)
		assert self.feed(quanto, [transaction()]).rows == []
		assert not quanto.calls(f"GET {ACCOUNTS}/acc-1/transactions")

	def test_an_account_that_is_not_there(self, quanto):
		with pytest.raises(errors.NotFound):
			quanto.connector().transactions(token(), "acc-9", None, None)

	@pytest.mark.parametrize(
		("code", "kind"),
		[
			("STATUS_RESOURCE_PENDING_AUTHORISATION", errors.ConsentRequired),
			("STATUS_RESOURCE_TEMPORARILY_UNAVAILABLE", errors.ProviderUnavailable),
			("status_resource_unavailable", errors.NotFound),
			("RESOURCE_FORBIDDEN", errors.NotFound),
			("ACESSO_NEGADO", errors.ConsentRequired),
		],
	)
	def test_refusals_of_an_account(self, quanto, code, kind):
		quanto.on(f"GET {ACCOUNTS}/acc-1/transactions", (403, refused(code)))
		with pytest.raises(kind) as caught:
			quanto.connector().transactions(token(), "acc-1", None, None)
		assert type(caught.value) is kind and caught.value.provider_code == code


class TestBody:
	def test_as_received(self, quanto):
		text = '{"data": {"overdraftUsedLimit": {"amount": "99.99","currency":"BRL"} } , "meta":{}}'
		quanto.on(f"GET {ACCOUNTS}/acc-1/overdraft-limits", text)
		body = quanto.connector().body(token(), "accounts/accounts/acc-1/overdraft-limits")
		assert (body.payload, body.complete) == (text, True)

	def test_one_that_is_still_put_together(self, quanto):
		quanto.on(f"GET {ROOT}/resources", (202, listed([])))
		assert not quanto.connector().body(token(), "resources").complete

	def test_parameters(self, quanto):
		quanto.on(f"GET {CARDS}/card-1/bills", listed([]))
		path = "credit-cards-accounts/accounts/card-1/bills"
		quanto.connector().body(
			token(), path, {"fromDueDate": "2026-01-01", "toDueDate": "2026-02-01", "page": "1"}
		)
		assert query_of(quanto.requests[-1])["fromDueDate"] == "2026-01-01"

	@pytest.mark.parametrize(
		("path", "query"),
		[
			("customers/personal/qualifications", {"page": "1"}),
			("resources", {"page-size": "1001"}),
			("resources", {"page": "0"}),
			("resources", {"page": "x"}),
			("resources", {"admin": "1"}),
		],
	)
	def test_parameters_that_it_does_not_take(self, quanto, path, query):
		with pytest.raises(errors.InvalidRequest):
			quanto.connector().body(token(), path, query)
		assert not quanto.requests

	@pytest.mark.parametrize(
		"path",
		[
			"",
			"resources/x",
			"payments",
			"accounts/accounts/../../x",
			"accounts/accounts/a b",
			"accounts",
			"accounts/accounts/a/b/c/d",
		],
	)
	def test_paths_that_there_are_none_of(self, quanto, path):
		with pytest.raises(errors.Unsupported):
			quanto.connector().body(token(), path)
		assert not quanto.requests

	def test_reads_count_by_object(self, quanto):
		speaks = quanto.connector(**{"limit.accounts/overdraft-limits": "1"})
		for name in ("acc-1", "acc-2"):
			quanto.on(f"GET {ACCOUNTS}/{name}/overdraft-limits", single({}))
			speaks.body(token(), f"accounts/accounts/{name}/overdraft-limits")
			with pytest.raises(errors.RateLimited) as caught:
				speaks.body(token(), f"accounts/accounts/{name}/overdraft-limits")
			assert caught.value.scope == errors.OBJECT
		speaks.body(token(consent_id=CONSENT), "resources")

	def test_the_list_of_extensions(self, quanto):
		quanto.on(f"GET {ROOT}/extensions", listed([]))
		assert quanto.connector().body(token(), "extensions").complete


class TestTexts:
	def test_a_tombstone(self, quanto):
		speaks = quanto.connector()
		text = json.dumps(transaction())
		assert json.loads(speaks.tombstone(text, "t-9")) == transaction(transactionId="t-9", deleted=True)
		assert json.loads(speaks.tombstone('{"paymentId":"p"}', "p-9")) == {
			"paymentId": "p-9",
			"deleted": True,
		}

	def test_an_outline_names_nobody(self, quanto):
		speaks = quanto.connector()
		kept = json.loads(speaks.outline(json.dumps(transaction())))
		assert set(transaction()) - set(kept) == {"transactionName", "partieCnpjCpf"}
		assert "transactionName" not in json.loads(speaks.outline(json.dumps(purchase())))


def test_the_clock_of_these_tests():
	assert NOW.date() == TODAY
