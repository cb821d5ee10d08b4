"""Every rule that is checked before a batch is sent, with the bank's days compared with another library's."""

import ast
import pickle
from dataclasses import replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st
from payment_batches import DOMESTIC_SAMPLE, FOREIGN, OWN_SAMPLE, SEPA, SEPA_SAMPLE, TODAY, batches

from bank_api.payments import bank_days, soundness
from bank_api.payments.accounts import czech_iban
from bank_api.payments.bank_days import BankDays, CutOffs, Moment
from bank_api.payments.findings import MESSAGES, InvalidBatch, UnreadableFile, finding
from bank_api.payments.model import (
	Address,
	Bank,
	Batch,
	Charges,
	Envelope,
	Operation,
	Party,
	Payment,
	Priority,
	Scheme,
)
from bank_api.payments.validation import (
	OwnAccount,
	Rules,
	check,
	check_one_currency,
	good_part,
	refused_by_kb,
	validate,
	validate_envelope,
)

RULES = Rules(Moment(TODAY, time(9)))
DOMESTIC, SECOND = DOMESTIC_SAMPLE.payments
SEPA_ONE = SEPA_SAMPLE.payments[0]
FOREIGN_ONE = Payment(
	account=OWN_SAMPLE,
	partner_account="12345678",
	amount=Decimal("10.00"),
	due=date(2026, 9, 9),
	currency="USD",
	scheme=Scheme.FOREIGN,
	partner=Party("ACME INC", Address(street="MAIN ST 1", town="NEW YORK", country="US")),
	partner_bank=Bank("CHASUS33"),
)


def found(payment: Payment, rules: Rules = RULES) -> list[tuple[str, str]]:
	return [(one.code, one.field) for one in validate(Batch((payment,)), rules)]


def test_good_payments():
	for payment in (DOMESTIC, SECOND, SEPA_ONE, FOREIGN_ONE):
		assert found(payment) == []
	check(Batch((DOMESTIC, SECOND, SEPA_ONE, FOREIGN_ONE)), RULES)


@pytest.mark.parametrize(
	("payment", "change", "code", "field"),
	[
		(DOMESTIC, {"amount": Decimal("0")}, "amount_not_positive", "amount"),
		(DOMESTIC, {"amount": Decimal("-1")}, "amount_not_positive", "amount"),
		(DOMESTIC, {"amount": Decimal("NaN")}, "amount_not_positive", "amount"),
		(DOMESTIC, {"amount": Decimal("Infinity")}, "amount_not_positive", "amount"),
		(DOMESTIC, {"amount": Decimal("0.001")}, "amount_places", "amount"),
		(DOMESTIC, {"amount": Decimal("1E+30")}, "amount_too_large", "amount"),
		(DOMESTIC, {"amount": Decimal("10000000000000")}, "amount_too_large", "amount"),
		(DOMESTIC, {"currency": "CZKK"}, "currency_unknown", "currency"),
		(DOMESTIC, {"currency": ""}, "currency_unknown", "currency"),
		(SECOND, {"currency": "EUR"}, "currency_not_czk", "currency"),
		(DOMESTIC, {"account": "CZ0401000000191000000006"}, "account_invalid", "account"),
		(DOMESTIC, {"account": "19-1000000005/0100"}, "account_invalid", "account"),
		(DOMESTIC, {"account": "CZ6508000000192000145399"}, "account_other_bank", "account"),
		(DOMESTIC, {"partner_account": OWN_SAMPLE}, "account_same", "partner_account"),
		(DOMESTIC, {"partner_account": "CZ9501000000001234567898"}, "account_invalid", "partner_account"),
		(DOMESTIC, {"partner_account": "DE89370400440532013000"}, "account_not_czech", "partner_account"),
		(
			DOMESTIC,
			{"partner_account": czech_iban("000000", "1234567899", "9999")},
			"account_bank_unknown",
			"partner_account",
		),
		(DOMESTIC, {"operation": Operation.COLLECTION}, "collection_not_allowed", "operation"),
		(DOMESTIC, {"charges": Charges.OWN}, "scheme_charges", "charges"),
		(DOMESTIC, {"currency": "EUR", "priority": Priority.INSTANT}, "scheme_priority", "priority"),
		(DOMESTIC, {"due": TODAY - timedelta(1)}, "date_past", "due"),
		(DOMESTIC, {"due": TODAY + timedelta(365)}, "date_too_far", "due"),
		(DOMESTIC, {"due": date(2026, 9, 12)}, "date_closed", "due"),
		(DOMESTIC, {"due": date(2026, 9, 28)}, "date_closed", "due"),
		(DOMESTIC, {"variable_symbol": "12345678901"}, "symbol_invalid", "variable_symbol"),
		(DOMESTIC, {"variable_symbol": "1a"}, "symbol_invalid", "variable_symbol"),
		(DOMESTIC, {"variable_symbol": "١٢"}, "symbol_invalid", "variable_symbol"),
		(DOMESTIC, {"specific_symbol": "12345678901"}, "symbol_invalid", "specific_symbol"),
		(DOMESTIC, {"specific_symbol": "9999999999"}, "symbol_reserved", "specific_symbol"),
		(DOMESTIC, {"constant_symbol": "12345"}, "symbol_invalid", "constant_symbol"),
		(DOMESTIC, {"constant_symbol": "0006"}, "symbol_refused", "constant_symbol"),
		(DOMESTIC, {"own_variable_symbol": "x"}, "symbol_invalid", "own_variable_symbol"),
		(DOMESTIC, {"message": "x" * 141}, "text_too_long", "message"),
		(DOMESTIC, {"message": "漢字"}, "text_character", "message"),
		(DOMESTIC, {"message": "a\nb"}, "text_character", "message"),
		(DOMESTIC, {"message": "a\u00a0b"}, "text_character", "message"),
		(DOMESTIC, {"message": " a"}, "text_spaces", "message"),
		(DOMESTIC, {"own_note": "x" * 31}, "text_too_long", "own_note"),
		(DOMESTIC, {"reference": "x" * 36}, "text_too_long", "reference"),
		(DOMESTIC, {"reference": "číslo"}, "text_character", "reference"),
		(DOMESTIC, {"reference": "a/"}, "reference_slash", "reference"),
		(DOMESTIC, {"partner": Party("x" * 71)}, "text_too_long", "partner.name"),
		(DOMESTIC, {"partner": Party("x", Address(town="Praha"))}, "address_incomplete", "partner.address"),
		(SEPA_ONE, {"currency": "CZK"}, "currency_not_eur", "currency"),
		(SEPA_ONE, {"partner": None}, "name_missing", "partner.name"),
		(SEPA_ONE, {"partner_account": "12345678"}, "account_invalid", "partner_account"),
		(SEPA_ONE, {"partner_account": "TR330006100519786457841326"}, "account_not_sepa", "partner_account"),
		(SEPA_ONE, {"charges": Charges.OWN}, "scheme_charges", "charges"),
		(SEPA_ONE, {"operation": Operation.COLLECTION}, "scheme_operation", "operation"),
		(SEPA_ONE, {"priority": Priority.INSTANT}, "scheme_priority", "priority"),
		(SEPA_ONE, {"message": "žluťoučký"}, "text_character", "message"),
		(SEPA_ONE, {"partner_bank": Bank("COBADE")}, "bic_invalid", "partner_bank.bic"),
		(
			SEPA_ONE,
			{"partner": Party("A", Address(town="X", country="de"))},
			"country_invalid",
			"partner.address.country",
		),
		(FOREIGN_ONE, {"partner": Party("ACME")}, "address_missing", "partner.address"),
		(FOREIGN_ONE, {"partner_bank": None}, "bank_missing", "partner_bank"),
		(FOREIGN_ONE, {"partner_bank": Bank("DEUTDEFF"), "charges": Charges.OWN}, "charges_eea", "charges"),
		(
			FOREIGN_ONE,
			{"partner_bank": Bank("DEUTDEFF"), "currency": "EUR"},
			"account_needs_iban",
			"partner_account",
		),
		(FOREIGN_ONE, {"partner_account": "DE89370400440532013001"}, "account_invalid", "partner_account"),
		(FOREIGN_ONE, {"partner_account": "-1"}, "account_invalid", "partner_account"),
		(FOREIGN_ONE, {"currency": "JPY", "amount": Decimal("1.50")}, "amount_places", "amount"),
	],
)
def test_every_rule(payment, change, code, field):
	told = validate(Batch((replace(payment, **change),)), RULES)
	assert (code, field) in [(one.code, one.field) for one in told]
	assert all(one.payment == 0 and one.message and str(one) for one in told)


def test_own_accounts_have_to_be_entitled_and_usable():
	def rules(account):
		return replace(RULES, own_accounts=account)

	assert found(DOMESTIC, rules({})) == [("account_not_yours", "account")]
	assert found(DOMESTIC, rules({OWN_SAMPLE: OwnAccount("CZK")})) == []
	assert found(DOMESTIC, rules({OWN_SAMPLE: OwnAccount("EUR")})) == [("account_currency", "own_currency")]
	assert found(SEPA_ONE, rules({OWN_SAMPLE: OwnAccount("CZK")})) == [("account_currency", "own_currency")]
	assert found(replace(SEPA_ONE, own_currency="CZK"), rules({OWN_SAMPLE: OwnAccount("CZK")})) == []
	assert found(DOMESTIC, rules({OWN_SAMPLE: OwnAccount(blocked="it is closed")})) == [
		("account_not_usable", "account")
	]


def test_limits():
	assert found(DOMESTIC, replace(RULES, largest={"CZK": Decimal("1234.55")})) == [
		("amount_too_large", "amount")
	]
	assert found(DOMESTIC, replace(RULES, largest={"CZK": Decimal("1234.56")})) == []
	rules = replace(RULES, largest_total={"CZK": Decimal("1734.55")}, most_payments=1, one_account=True)
	two = Batch((DOMESTIC, replace(SECOND, account="CZ5901000900930669910217")))
	assert {one.code for one in validate(two, rules)} == {
		"batch_total_too_large",
		"batch_too_many",
		"batch_several_accounts",
	}
	assert [one.code for one in validate(Batch(()), RULES)] == ["batch_empty"]


def test_references_are_unique():
	batch = Batch((replace(DOMESTIC, reference="A"), SECOND, replace(SECOND, reference="A")))
	[one] = validate(batch, RULES)
	assert (one.code, one.payment, one.field, one.values["other"]) == (
		"reference_repeated",
		2,
		"reference",
		"1",
	)


def test_collections_when_allowed():
	assert found(replace(DOMESTIC, operation=Operation.COLLECTION), replace(RULES, collections=True)) == []


@pytest.mark.parametrize(("days", "good"), [(-31, True), (-32, False), (364, True), (365, False)])
def test_the_files_day(days, good):
	envelope = Envelope(created=datetime(2026, 9, 8) + timedelta(days))
	assert [one.code for one in validate_envelope(envelope, RULES)] == ([] if good else ["date_created"])
	assert validate_envelope(Envelope(), RULES) == []


def test_every_sentence_is_used_and_every_code_has_one():
	used = set()
	for path in Path(bank_days.__file__).parent.rglob("*.py"):
		for node in ast.walk(ast.parse(path.read_text())):
			name = getattr(
				getattr(node, "func", None), "attr", getattr(getattr(node, "func", None), "id", "")
			)
			if name in ("finding", "add", "stop", "fault", "_fault", "_Refused", "_Wrong") and node.args:
				codes = (
					[node.args[0].body, node.args[0].orelse]
					if isinstance(node.args[0], ast.IfExp)
					else node.args[:1]
				)
				used |= {
					one.value for one in codes if isinstance(one, ast.Constant) and isinstance(one.value, str)
				}
	assert used == set(MESSAGES)


def test_a_batch_pays_in_one_currency():
	check_one_currency(Batch((DOMESTIC, SECOND)))
	with pytest.raises(InvalidBatch) as refused:
		check_one_currency(Batch((DOMESTIC, replace(SECOND, currency="EUR"))))
	assert [one.code for one in refused.value.findings] == ["batch_several_currencies"]


def test_twins_are_no_error():
	assert validate(Batch((DOMESTIC, DOMESTIC)), RULES) == []


@pytest.mark.parametrize(
	("symbol", "refused"),
	[
		("", False),
		("308", False),
		("0005", True),
		("1235", True),
		("1251", True),
		("51", True),
		("6", True),
		("7", True),
		("16", False),
	],
)
def test_constant_symbols_that_kb_refuses(symbol, refused):
	assert refused_by_kb(symbol) is refused


def test_a_batch_is_whole_or_nothing_unless_asked():
	batch = Batch((DOMESTIC, replace(SECOND, amount=Decimal("0")), SECOND))
	with pytest.raises(InvalidBatch) as error:
		check(batch, RULES)
	assert [(one.code, one.payment) for one in error.value.findings] == [("amount_not_positive", 1)]
	part, where, refused = good_part(batch, RULES)
	assert part == Batch((DOMESTIC, SECOND)) and where == (0, 2)
	assert [(one.code, one.payment) for one in refused] == [("amount_not_positive", 1)]
	with pytest.raises(InvalidBatch):
		good_part(Batch((replace(DOMESTIC, amount=Decimal("0")),)), RULES)
	with pytest.raises(InvalidBatch):
		good_part(batch, replace(RULES, most_payments=1))


def test_findings_are_bounded():
	batch = Batch((replace(DOMESTIC, amount=Decimal("0")),) * 5000)
	assert len(validate(batch, RULES)) == 1000
	with pytest.raises(InvalidBatch) as error:
		soundness.require(batch)
	assert len(error.value.findings) == 1000


# The bank's days


def test_holidays_are_those_of_another_library():
	theirs = holidays.country_holidays("CZ", years=range(2001, 2100))
	for year in range(2001, 2100):
		assert bank_days.holidays(year) == {day for day in theirs if day.year == year}, year


def test_target_is_closed_on_no_day_on_which_czech_banks_work():
	target = holidays.financial_holidays("ECB", years=range(2016, 2100))
	assert all(not BankDays().works(day) for day in target)


@given(st.dates(date(2016, 1, 1), date(2099, 11, 30)))
def test_the_next_day_is_the_first_one(day):
	days = BankDays()
	after = days.next(day)
	assert days.works(after) and after >= day
	assert not any(days.works(day + timedelta(n)) for n in range((after - day).days))


def test_days_that_differ():
	days = BankDays(closed={date(2026, 9, 9)}, open={date(2026, 9, 12)})
	assert not days.works(date(2026, 9, 9)) and days.works(date(2026, 9, 12))
	with pytest.raises(ValueError):
		BankDays(closed={TODAY + timedelta(n) for n in range(100)}).next(TODAY)


@pytest.mark.parametrize(
	("payment", "last"),
	[
		(DOMESTIC, time(20, 30)),
		(replace(DOMESTIC, priority=Priority.EXPRESS), time(14)),
		(SEPA_ONE, time(20, 30)),
		(replace(SEPA_ONE, own_currency="CZK"), time(17)),
		(replace(DOMESTIC, priority=Priority.INSTANT), None),
	],
)
def test_cut_off(payment, last):
	today = replace(payment, due=TODAY)
	assert CutOffs().of(today) == last
	late = Rules(Moment(TODAY, time(23, 59)))
	if last is None:
		assert found(today, late) == []
		return
	assert found(today, Rules(Moment(TODAY, last))) == []
	[one] = validate(Batch((today,)), late)
	assert (one.code, one.values["next"]) == ("date_after_cut_off", "2026-09-09")
	assert found(payment, late) == []
	assert found(today, replace(late, cut_offs=None)) == []
	assert found(today, Rules(Moment(TODAY))) == []


def test_the_banks_clock():
	assert Moment.of(datetime(2026, 9, 8, 22, 30, tzinfo=timezone.utc)) == Moment(
		date(2026, 9, 9), time(0, 30)
	)
	assert Moment.of(datetime(2026, 12, 8, 22, 30, tzinfo=timezone.utc)) == Moment(
		date(2026, 12, 8), time(23, 30)
	)
	with pytest.raises(ValueError):
		Moment.of(datetime(2026, 9, 8))


# The model


def test_one_form_for_what_is_the_same():
	payment = Payment(
		account=OWN_SAMPLE,
		partner_account="X",
		amount=Decimal("1"),
		due=TODAY,
		scheme="foreign",
		variable_symbol="0042",
		constant_symbol="0000",
		own_currency="CZK",
		partner=Party(),
		partner_bank=Bank("KOMBCZPPXXX"),
	)
	assert payment.scheme is Scheme.FOREIGN and str(payment.amount) == "1.00"
	assert (payment.variable_symbol, payment.constant_symbol, payment.own_currency) == ("42", "", "")
	assert payment.partner is None and payment.partner_bank == Bank("KOMBCZPP")


@pytest.mark.parametrize(
	"change",
	[{"amount": 1.1}, {"amount": 1}, {"amount": "1"}, {"due": datetime(2026, 9, 9)}, {"due": "2026-09-09"}],
)
def test_no_floats_and_no_texts_for_amounts_and_days(change):
	with pytest.raises(TypeError):
		replace(DOMESTIC, **change)


def test_an_unknown_kind_is_no_payment():
	with pytest.raises(ValueError):
		replace(DOMESTIC, scheme="barter")


def test_totals():
	assert Batch((DOMESTIC, SECOND, SEPA_ONE)).totals() == {
		"CZK": Decimal("1734.56"),
		"EUR": Decimal("1234.56"),
	}


@given(batches(SEPA | FOREIGN))
def test_generated_payments_are_sound(batch):
	assert soundness.findings(batch) == []
	assert batch.sound and pickle.loads(pickle.dumps(batch)) == batch


def test_errors_survive_a_process_boundary():
	for kind in (InvalidBatch, UnreadableFile):
		error = kind([finding("date_past", "due", payment=2, date=TODAY, next=TODAY)])
		again = pickle.loads(pickle.dumps(error))
		assert again.findings == error.findings
		assert str(again) == f"payment 3, field due: {MESSAGES['date_past'].format(date=TODAY, next=TODAY)}"


def test_an_envelope_is_no_part_of_a_batch():
	assert not set(Envelope.__dataclass_fields__) - {
		"reference",
		"name",
		"sender",
		"sender_number",
		"created",
	}
