"""Bridge's JSON as the gateway's plain data, both versions (protocols/bridge.md, 3.2, 4, 5.3)."""

import contextlib
import json
import time
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bank_api.connectors import verbatim
from bank_api.connectors.bridge import mapping
from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.model import ItemStatus, TransactionStatus, UserAction

V2 = """{"id": 36000051006608, "clean_description": "Monoprix", "bank_description": "CB MONOPRIX 21/11",
 "amount": -12.30, "date": "2026-11-21", "booking_date": null, "transaction_date": "2026-11-20",
 "value_date": "2026-11-21", "updated_at": "2026-11-21T08:00:00.000Z", "currency_code": "EUR",
 "is_deleted": false, "category_id": 273, "account_id": 42, "is_future": false, "show_client_side": true}"""
V3 = """{"id": 36000051006608, "clean_description": "Monoprix", "provider_description": "CB MONOPRIX 21/11",
 "amount": -12.30, "date": "2026-11-21", "transaction_date": "2026-11-20", "value_date": "2026-11-21",
 "updated_at": "2026-11-21T08:00:00.000Z", "currency_code": "EUR", "deleted": false, "category_id": 273,
 "operation_type": "card", "account_id": 42, "future": false}"""


def transaction(text=None, account="42", **changes):
	row = verbatim.parse(text or V3)
	row.update(changes)
	row = {name: value for name, value in row.items() if value is not ...}
	text = text if text and not changes else verbatim.dumps(row)
	return mapping.transactions([(verbatim.parse(text), text)], account)[0]


@pytest.mark.parametrize("text", [V2, V3], ids=["v2", "v3"])
def test_a_transaction_of_either_version(text):
	got = transaction(text)
	assert got.provider_transaction_id == "36000051006608"
	assert str(got.amount) == "-12.30"
	assert (got.currency, got.description, got.original_description) == (
		"EUR",
		"Monoprix",
		"CB MONOPRIX 21/11",
	)
	assert (got.date, got.booking_date) == (date(2026, 11, 21), None)
	assert (got.transaction_date, got.value_date) == (date(2026, 11, 20), date(2026, 11, 21))
	assert (got.category_id, got.status) == ("273", TransactionStatus.BOOKED)
	assert got.operation_type == ("card" if text is V3 else None)
	assert got.updated_at == "2026-11-21T08:00:00.000Z"
	assert got.payload == text


@pytest.mark.parametrize(
	("flags", "status"),
	[
		({}, TransactionStatus.BOOKED),
		({"future": True}, TransactionStatus.PENDING),
		({"is_future": True}, TransactionStatus.PENDING),
		({"deleted": True}, TransactionStatus.DELETED),
		({"is_deleted": True}, TransactionStatus.DELETED),
		({"deleted": True, "future": True}, TransactionStatus.DELETED),
		({"deleted": False, "future": None}, TransactionStatus.BOOKED),
	],
)
def test_status(flags, status):
	assert transaction(**flags).status is status


def test_a_deleted_row_may_be_empty_but_for_its_id():
	text = '{"id":7,"account_id":42,"deleted":true,"updated_at":"2026-11-21T23:59:59.999Z"}'
	got = transaction(text)
	assert (got.status, got.amount, got.date) == (TransactionStatus.DELETED, 0, date(2026, 11, 21))
	assert got.payload == text


@pytest.mark.parametrize(
	("written", "exact"),
	[
		("0.005", "0.005"),
		("-0.10", "-0.10"),
		("12345678901234.56", "12345678901234.56"),
		("-99999999999999", "-99999999999999"),
		("1E2", "100"),
		("-1.5e-3", "-0.0015"),
		("0", "0"),
		("-0.0", "-0.0"),
		("2.675", "2.675"),
		('"-12.30"', "-12.30"),
	],
)
def test_amounts_to_the_digit(written, exact):
	text = V3.replace("-12.30", written)
	got = transaction(text)
	assert format(got.amount, "f") == exact
	assert isinstance(got.amount, Decimal)


@pytest.mark.parametrize(
	"change",
	[
		{"amount": None},
		{"amount": ...},
		{"amount": "12,30"},
		{"amount": ""},
		{"amount": True},
		{"amount": []},
		{"amount": 10**30},
		{"amount": Decimal("1E+40")},
		{"amount": "1E5"},
		{"date": ..., "transaction_date": ..., "value_date": ...},
		{"date": "21/11/2026"},
		{"date": "2026-02-30"},
		{"date": "2026-11-211"},
		{"date": 20261121},
		{"date": ["2026-11-21"]},
		{"booking_date": {}, "value_date": [1]},
		{"id": True},
		{"id": 2**63},
		{"id": Decimal("1E+3")},
		{"id": "../../users"},
		{"id": []},
		{"updated_at": "yesterday"},
		{"updated_at": True},
		{"clean_description": 5},
		{"provider_description": ["x"]},
		{"currency_code": 978},
		{"account_id": 43},
		{"account_id": "042"},
	],
	ids=repr,
)
def test_a_row_that_makes_no_sense_spoils_its_page(change):
	with pytest.raises(MalformedResponse):
		transaction(**change)


@pytest.mark.parametrize(
	"name", ["id", "account_id", "currency_code", "category_id", "operation_type", "updated_at"]
)
@pytest.mark.parametrize("value", [None, ...], ids=["null", "absent"])
def test_what_may_be_missing(name, value):
	got = transaction(**{name: value})
	assert got.amount == Decimal("-12.30")
	if name == "id":
		assert got.provider_transaction_id is None


@pytest.mark.parametrize("blank", ["", "   "])
def test_a_blank_id_is_no_id(blank):
	assert transaction(id=blank).provider_transaction_id is None


def test_descriptions_stand_in_for_one_another():
	assert transaction(clean_description=None).description == "CB MONOPRIX 21/11"
	assert transaction(provider_description=...).original_description == ""
	assert transaction(clean_description=..., provider_description=...).description == ""


def test_a_date_missing_is_one_of_the_others():
	assert transaction(date=None).date == date(2026, 11, 20)
	assert transaction(date="2026-11-21T23:30:00.000-05:00").date == date(2026, 11, 21)


def test_half_characters_do_not_reach_the_database_but_stay_in_the_payload():
	got = transaction(V3.replace("Monoprix", "Caf\\u00e9 \\ud83d \\ud83d\\ude00"))
	assert got.description == "Caf\u00e9 \ufffd \U0001f600"
	got.description.encode()
	assert "\\ud83d \\ud83d\\ude00" in got.payload


@settings(max_examples=300)
@given(
	st.dictionaries(
		st.sampled_from([*verbatim.parse(V2), *verbatim.parse(V3)]),
		st.none()
		| st.booleans()
		| st.integers()
		| st.text(max_size=10)
		| st.decimals(allow_nan=False, allow_infinity=False)
		| st.lists(st.integers(), max_size=2)
		| st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
	)
)
def test_a_strange_row_is_mapped_or_refused_never_anything_else(changes):
	row = {**verbatim.parse(V3), **changes}
	text = json.dumps(row, default=str)
	try:
		got = mapping.transactions([(row, text)], "42")[0]
	except MalformedResponse:
		return
	assert isinstance(got.amount, Decimal)
	assert got.amount.is_finite()
	assert type(got.date) is date
	for value in (got.description, got.original_description, got.currency):
		assert type(value) is str
	for value in (got.operation_type, got.category_id, got.provider_transaction_id, got.updated_at):
		assert value is None or type(value) is str


# Instants


@pytest.mark.parametrize(
	("value", "text"),
	[
		("2026-11-21T08:00:00.000Z", "2026-11-21T08:00:00.000Z"),
		("2026-11-21T08:00:00Z", "2026-11-21T08:00:00.000Z"),
		("2026-11-21T08:00:00.1234567Z", "2026-11-21T08:00:00.123Z"),
		("2026-11-21T08:00:00.9Z", "2026-11-21T08:00:00.900Z"),
		("2026-11-21T09:00:00.000+01:00", "2026-11-21T08:00:00.000Z"),
		("2026-11-21T02:30:00-0530", "2026-11-21T08:00:00.000Z"),
		("2026-11-21 08:00", "2026-11-21T08:00:00.000Z"),
		("2026-11-21T08:00:00", "2026-11-21T08:00:00.000Z"),
		(1611681789, "2021-01-26T17:23:09.000Z"),
		(1611681789123, "2021-01-26T17:23:09.123Z"),
		(Decimal("1611681789.5"), "2021-01-26T17:23:09.500Z"),
	],
)
def test_instants(value, text):
	assert mapping.sortable_instant(value) == text
	assert mapping.instant(value).tzinfo is timezone.utc


@pytest.mark.parametrize("value", ["", None])
def test_no_instant(value):
	assert mapping.instant(value) is None
	assert mapping.sortable_instant(value) is None


@pytest.mark.parametrize(
	"value",
	[
		"now",
		"2026-11-21",
		"2026-13-01T00:00:00Z",
		"0001-01-01T00:00:00+05:00",
		True,
		[],
		{},
		10**30,
		"8:00",
		"٢٠٢٦-11-21T08:00:00Z",
	],
)
def test_what_is_no_instant(value):
	with pytest.raises(MalformedResponse):
		mapping.instant(value)


@given(
	st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9998, 12, 30)),
	st.integers(-14 * 60, 14 * 60),
)
def test_instants_sort_as_text_and_agree_with_the_standard_library(local, minutes):
	moment = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
	text = moment.isoformat()
	assert mapping.instant(text) == moment
	sortable = mapping.sortable_instant(text)
	assert len(sortable) == 24
	assert timedelta(0) <= moment - mapping.instant(sortable) < timedelta(milliseconds=1)
	assert sortable < mapping.sortable_instant((moment + timedelta(milliseconds=1)).isoformat())


@given(st.text(max_size=30))
def test_no_text_breaks_the_date_and_instant_readers(text):
	for read in (mapping.calendar_date, mapping.instant):
		with contextlib.suppress(MalformedResponse):
			read(text)


@given(st.dates())
def test_dates(day):
	assert mapping.calendar_date(day.isoformat()) == day
	assert mapping.calendar_date(f"{day.isoformat()}T23:59:59Z") == day


# Accounts

ACCOUNT_V2 = """{"id": 12341, "name": "Compte joint", "balance": 1234.50, "status": 0,
 "status_code_info": null,
 "status_code_description": null, "updated_at": "2026-11-21T08:00:00.000Z", "type": "loan",
 "is_paused": false,
 "currency_code": "EUR", "item_id": 4568477, "bank_id": 574, "is_pro": true,
 "loan_details": {"next_payment_date": "2026-12-05", "next_payment_amount": 650.10,
  "maturity_date": "2040-01-01",
  "opening_date": null, "interest_rate": 1.25, "type": "mortgage", "borrowed_capital": 200000,
  "repaid_capital": 59800.005, "remaining_capital": null}, "savings_details": null, "iban": ""}"""
ACCOUNT_V3 = """{"id": 12341, "name": "Compte joint", "balance": 1234.50, "accounting_balance": 1200.00,
 "instant_balance": 1234.50, "updated_at": "2026-11-21T08:00:00.000Z", "type": "checking",
 "currency_code": "EUR",
 "item_id": 4568477, "provider_id": 574, "pro": true, "data_access": "enabled",
 "last_refresh_status": "successful", "iban": "FR7630006000011234567890189"}"""


def account(text, **changes):
	row = {**verbatim.parse(text), **changes}
	row = {name: value for name, value in row.items() if value is not ...}
	return mapping.account(row, text)


def test_an_account_of_the_first_version_with_its_nulls():
	got = account(ACCOUNT_V2)
	assert (got.provider_account_id, got.provider_item_id) == ("12341", "4568477")
	assert (str(got.balance), got.accounting_balance, got.instant_balance) == ("1234.50", None, None)
	assert (got.iban, got.is_pro, got.shared, got.payload) == (None, True, True, ACCOUNT_V2)
	assert got.updated_at == datetime(2026, 11, 21, 8, tzinfo=timezone.utc)
	loan = got.loan
	assert (loan.loan_type, loan.borrowed_capital, str(loan.repaid_capital)) == (
		"mortgage",
		200000,
		"59800.005",
	)
	assert (loan.remaining_capital, str(loan.interest_rate), loan.opening_date) == (None, "1.25", None)
	assert (loan.maturity_date, loan.next_payment_date) == (date(2040, 1, 1), date(2026, 12, 5))
	assert str(loan.next_payment_amount) == "650.10"


def test_an_account_of_the_second_version():
	got = account(ACCOUNT_V3)
	assert (got.iban, got.account_type, got.currency) == ("FR7630006000011234567890189", "checking", "EUR")
	assert (str(got.accounting_balance), str(got.instant_balance)) == ("1200.00", "1234.50")
	assert (got.is_pro, got.shared, got.loan) == (True, True, None)


@pytest.mark.parametrize(
	("change", "shared"),
	[
		({"data_access": ...}, True),
		({"data_access": None}, True),
		({"data_access": "disabled"}, False),
		({"data_access": "whatever comes"}, False),
		({"is_paused": True}, False),
	],
)
def test_whether_an_account_is_shared(change, shared):
	assert account(ACCOUNT_V3, **change).shared is shared


def test_an_account_with_next_to_nothing():
	got = mapping.account({"id": 1, "item_id": 2}, "{}")
	assert (got.name, got.account_type, got.currency, got.balance) == ("", "unknown", "", None)


@pytest.mark.parametrize(
	"change",
	[
		{"id": None},
		{"item_id": ...},
		{"balance": "much"},
		{"balance": True},
		{"updated_at": "?"},
		{"loan_details": {"opening_date": "?"}},
	],
	ids=repr,
)
def test_an_account_that_makes_no_sense(change):
	with pytest.raises(MalformedResponse):
		account(ACCOUNT_V3, **change)


# Items

ITEM_V3 = """{"id": 4568477, "provider_id": 574, "status": 1010, "status_code_info": "otp_required",
 "status_code_description": "Veuillez vous authentifier.", "account_types": "payment",
 "created_at": "2026-03-01T09:00:00.000Z", "last_try_refresh": "2026-03-02T05:00:00.000Z",
 "last_successful_refresh": "2026-03-02T05:00:00.000Z",
 "authentication_expires_at": "2026-08-28T09:00:00.000Z"}"""


def test_an_item_of_the_second_version():
	got = mapping.item(verbatim.parse(ITEM_V3), ITEM_V3, False)
	assert (got.provider_item_id, got.bank_id, got.status_code) == ("4568477", "574", 1010)
	assert (got.status, got.user_action) == (ItemStatus.ACTION_REQUIRED, UserAction.AUTHENTICATE)
	assert (got.status_code_info, got.status_description) == ("otp_required", "Veuillez vous authentifier.")
	assert got.last_refresh == datetime(2026, 3, 2, 5, tzinfo=timezone.utc)
	assert got.authentication_expires_at == datetime(2026, 8, 28, 9, tzinfo=timezone.utc)
	assert got.payload == ITEM_V3


def test_an_item_of_the_first_version_with_its_nulls():
	row = {"id": 1, "status": 0, "status_code_info": "", "status_code_description": None, "bank_id": 574}
	got = mapping.item(row, "{}", True)
	assert (got.bank_id, got.status_code_info, got.status_description) == ("574", None, None)
	assert (got.last_refresh, got.authentication_expires_at) == (None, None)


@pytest.mark.parametrize(
	"row",
	[
		{},
		{"id": 1},
		{"status": 0},
		{"id": 1, "status": "0"},
		{"id": 1, "status": None},
		{"id": 1, "status": True},
		{"id": "a/b", "status": 0},
	],
	ids=repr,
)
def test_an_item_that_makes_no_sense(row):
	with pytest.raises(MalformedResponse):
		mapping.item(row, "{}", False)


def test_mapping_is_fast_enough_for_millions_of_rows():
	rows = [(verbatim.parse(V2), V2)] * 10_000
	started = time.process_time()
	mapping.transactions(rows, "42")
	# Measured: about 400,000 a second. The bar leaves room for a busy machine.
	assert 10_000 / (time.process_time() - started) > 40_000
