"""Pages of transactions into a real database: identity cases of anchors.md 4.3 and peers.md 6, and exact money."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest

from bank_api.connectors.model import TransactionData, TransactionStatus
from bank_api.gateway.ids import row_name
from bank_api.gateway.store import Counts, Feed, apply_page, withdraw_lost_pending

DAY = date(2026, 3, 10)
BOOKED, PENDING, DELETED = TransactionStatus.BOOKED, TransactionStatus.PENDING, TransactionStatus.DELETED


def sent(
	identifier: str | None,
	amount: str = "-4.50",
	text: str = "COFFEE",
	day: date = DAY,
	status: TransactionStatus = BOOKED,
) -> TransactionData:
	payload = json.dumps(
		{"id": identifier, "text": text, "amount": amount, "day": str(day), "status": status.value}
	)
	return TransactionData(
		identifier,
		Decimal(amount),
		"EUR",
		day,
		day,
		None,
		None,
		text,
		text,
		None,
		None,
		status,
		None,
		payload,
	)


class Account:
	"""An account whose pages are applied to the database."""

	def __init__(self, frappe):
		self.frappe = frappe
		self.name = row_name()
		self.generation = 0
		self.stamp = 0
		self.passes = 0
		self.feed: Feed | None = None

	def begin_pass(self) -> Feed:
		self.feed = Feed(
			self.name, "item", "user", "client", "provider", self.generation, self.stamp, self.passes == 0
		)
		self.passes += 1
		return self.feed

	def page(self, *rows: TransactionData, same_pass: bool = False) -> Counts:
		feed = self.feed if same_pass and self.feed else self.begin_pass()
		counts = apply_page(feed, list(rows))
		self.stamp = feed.last_stamp
		return counts

	def rows(self, **filters) -> list:
		return self.frappe.get_all(
			"Bank API Transaction", {"account": self.name} | filters, ["*"], order_by="change_stamp"
		)


@pytest.fixture
def account(db):
	return Account(db)


def test_the_same_page_twice_writes_nothing(account):
	page = [sent("1"), sent("2"), sent(None, text="A"), sent(" ", text="B")]
	assert account.page(*page) == Counts(created=4)
	before = account.rows()
	assert account.page(*page) == Counts(unchanged=4)
	assert account.rows() == before


def test_real_twins_stay_two_and_survive_a_replay(account):
	page = [sent("1"), sent("2"), sent(None, text="T"), sent(None, text="T")]
	account.page(*page)
	account.page(*page)
	assert len(account.rows()) == 4


def test_twins_without_ids_on_two_pages_of_one_pass_are_two(account):
	account.page(sent(None))
	account.page(sent(None), same_pass=True)
	assert len(account.rows()) == 2


def test_late_id(account):
	account.page(sent(None))
	(before,) = account.rows()
	account.page(sent("77"))
	(after,) = account.rows()
	assert (after.name, after.provider_transaction_id) == (before.name, "77")


def test_reused_id_within_an_account_loses_nothing(account):
	account.page(sent("1"))
	account.page(sent("1", amount="2500.00", text="SALARY", day=DAY + timedelta(days=20)))
	assert sorted(row.amount for row in account.rows()) == ["-4.50", "2500.00"]
	account.page(sent("1"), sent("1", amount="2500.00", text="SALARY", day=DAY + timedelta(days=20)))
	assert sorted(row.amount for row in account.rows()) == ["-4.50", "2500.00"]


def test_a_reused_id_sent_again_alone_is_known(account):
	salary = sent("1", amount="2500.00", text="SALARY", day=DAY + timedelta(days=20))
	account.page(sent("1"))
	account.page(salary)
	assert account.page(salary).changed == 0
	assert account.page(sent("1")).changed == 0
	assert sorted(row.amount for row in account.rows()) == ["-4.50", "2500.00"]


def test_the_same_id_in_two_accounts_is_two_rows(db):
	first, second = Account(db), Account(db)
	first.page(sent("1"))
	second.page(sent("1"))
	assert len(first.rows()) == len(second.rows()) == 1


@pytest.mark.parametrize("booked_first", [True, False])
def test_pending_booked_anew_is_one_row_with_its_old_id_as_alias(account, booked_first):
	account.page(sent("1", status=PENDING), sent("9", amount="-70.00", text="RENT"))
	before = {row.provider_transaction_id: row.name for row in account.rows()}
	page = [sent("1", status=DELETED), sent("2", text="CB COFFEE 10/03", day=DAY + timedelta(days=3))]
	account.page(*(reversed(page) if booked_first else page))
	row = account.rows(provider_transaction_id="2")[0]
	assert len(account.rows()) == 2
	assert (row.name, row.status, json.loads(row.aliases)) == (before["1"], "Booked", ["1"])
	assert account.page(*page).changed == 0
	assert len(account.rows()) == 2


def test_pending_booked_under_its_own_id(account):
	account.page(sent("1", status=PENDING))
	account.page(sent("1", amount="-4.75", day=DAY + timedelta(days=2)))
	(row,) = account.rows()
	assert (row.status, row.amount, row.was_pending) == ("Booked", "-4.75", 0)


def test_deleted_rows_are_marked_and_keep_their_place(account):
	account.page(sent("1"))
	bare = sent("1", amount="0", text="", day=DAY + timedelta(days=90), status=DELETED)
	assert account.page(bare) == Counts(deleted=1)
	(row,) = account.rows()
	assert (row.status, row.amount, row.original_description, row.date) == ("Deleted", "-4.50", "COFFEE", DAY)
	assert row.payload == bare.payload
	assert account.page(bare).changed == 0


def test_deletion_in_a_later_page_of_the_first_pass_is_seen(account):
	account.page(sent("1", status=PENDING))
	account.page(sent("1", status=DELETED), sent("2"), same_pass=True)
	(row,) = account.rows()
	assert (row.status, row.provider_transaction_id) == ("Booked", "2")


def test_deletion_of_something_unknown_is_nothing(account):
	assert account.page(sent("5", status=DELETED)) == Counts(ignored=1)
	assert account.rows() == []


def test_reconnection_with_new_ids_adds_only_what_is_new(account):
	account.page(
		sent("1"), sent("2"), sent("3", amount="-9.99", text="BOOK"), sent("4", amount="-1", status=PENDING)
	)
	before = {row.name for row in account.rows()}
	account.generation = 1
	counts = account.page(
		sent("11"), sent("12"), sent("13", amount="-9.99", text="Card BOOK"), sent("15", amount="7")
	)
	assert counts.created == 1
	gone = withdraw_lost_pending(account.feed, lambda payload, identifier: payload)
	assert gone == Counts(deleted=1)
	rows = account.rows()
	assert len(rows) == 5 and before < {row.name for row in rows}
	assert {row.provider_transaction_id for row in rows if row.status == "Booked"} == {"11", "12", "13", "15"}


def test_a_first_pass_that_is_cut_off_and_resumed_has_no_double(account):
	account.page(sent("1"), sent("2"))
	account.passes = 0
	assert account.page(sent("2"), sent("3")) == Counts(created=1, unchanged=1)
	assert len(account.rows()) == 3


def test_change_stamps_ascend_even_if_the_clock_goes_back(account):
	account.page(sent("1"), sent("2"))
	account.stamp += 10**9
	account.page(sent("3"), sent("1", text="OTHER"))
	stamps = [row.change_stamp for row in account.rows()]
	assert len(set(stamps)) == 3
	assert account.rows()[-1].provider_transaction_id in ("1", "3")
	assert min(row.change_stamp for row in account.rows() if row.provider_transaction_id != "2") > min(stamps)


@pytest.mark.parametrize(
	"text",
	[
		"0.005",
		"-0.10",
		"100",
		"100.00",
		"-999999999999.99",
		"12345678901234",
		"12345678901234.56",
		"0.000000001",
		"-0",
	],
)
def test_amounts_are_exact_to_the_providers_text(account, text):
	account.page(sent("1", amount=text))
	(row,) = account.rows()
	assert row.amount == text
	assert Decimal(row.amount) == Decimal(text)


def test_texts_of_every_script_come_back_whole(account):
	texts = ["קפה ☕ 50%", 'l\'été \\ "x" %s %d', "Příliš žluťoučký", "a\u0000b\n\t", "😀" * 40]
	account.page(*(sent(str(place), text=text) for place, text in enumerate(texts)))
	assert [row.original_description for row in account.rows()] == texts
