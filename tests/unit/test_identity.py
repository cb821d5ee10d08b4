"""One transaction is one row, whatever the bank does with its ids."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bank_api.connectors.model import TransactionData, TransactionStatus
from bank_api.gateway import identity
from bank_api.gateway.identity import (
	Listing,
	Match,
	Ordinals,
	StoredTransaction,
	identity_key,
	keyed,
	resolve,
)

DAY = date(2026, 3, 10)


def sent(
	identifier: str | None,
	amount: str = "-4.50",
	text: str = "COFFEE",
	day: date = DAY,
	status: TransactionStatus = TransactionStatus.BOOKED,
) -> TransactionData:
	return TransactionData(
		identifier, Decimal(amount), "EUR", day, None, None, None, text, text, None, None, status, None, "{}"
	)


def row(
	name: str, data: TransactionData, generation: int = 0, ordinal: int = 0, **changes
) -> StoredTransaction:
	stored = StoredTransaction(
		name=name,
		identity=identity_key(data, ordinal),
		provider_transaction_id=identity.clean_id(data.provider_transaction_id),
		generation=generation,
		status=data.status.value,
		date=data.date,
		amount=str(data.amount),
		currency=data.currency,
		original_description=data.original_description,
		content_hash="",
		aliases=None,
		was_pending=data.status is TransactionStatus.PENDING,
	)
	return stored._replace(**changes)


def settle(
	page: list[TransactionData],
	rows: list[StoredTransaction],
	generation: int = 0,
	listing: Listing = Listing.CHANGES,
) -> list[Match]:
	return resolve(keyed(page, Ordinals()), {r.identity: r for r in rows}, rows, generation, listing)


def settle_pages(pages: list[list[TransactionData]], rows: list[StoredTransaction]) -> dict[str, str | None]:
	"""A list by days over several pages, as `store` drives it: keys with the rows that they turn out to be."""
	found: dict[str, str | None] = {}
	waiting: dict[str, TransactionData] = {}
	ordinals, named = Ordinals(), set()

	def apply(page: list[tuple[str, TransactionData]], listing: Listing) -> None:
		left = [row for row in rows if row.name not in named]
		for match in resolve(page, {row.identity: row for row in rows}, left, 0, listing):
			if match.undecided:
				waiting[match.identity] = match.data
				continue
			found[match.identity] = match.row.name if match.row else None
			if match.row:
				named.add(match.row.name)

	for page in pages:
		apply(keyed(page, ordinals), Listing.PART)
	rest = list(waiting.items())
	waiting.clear()
	apply(rest, Listing.WHOLE)
	assert not waiting
	return found


def names(matches: list[Match]) -> list[str | None]:
	return [match.row.name if match.row else None for match in matches]


def test_a_known_id_is_its_row_even_when_amount_and_day_change():
	assert names(settle([sent("1", amount="-5.00")], [row("a", sent("1"))])) == ["a"]
	assert names(settle([sent("1", day=DAY + timedelta(2))], [row("a", sent("1"))])) == ["a"]


def test_the_same_page_twice_changes_nothing():
	page = [sent("1"), sent("2"), sent(None), sent(None)]
	rows = [row("a", sent("1")), row("b", sent("2")), row("c", sent(None)), row("d", sent(None), ordinal=1)]
	assert names(settle(page, rows)) == ["a", "b", "c", "d"]


def test_twins_stay_two():
	assert len(keyed([sent("1"), sent("2")], Ordinals())) == 2
	assert len(keyed([sent(None), sent("  ")], Ordinals())) == 2


def test_twins_without_ids_on_two_pages_stay_two():
	ordinals = Ordinals()
	assert keyed([sent(None)], ordinals)[0][0] != keyed([sent(None)], ordinals)[0][0]


def test_ids_that_differ_in_case_only_are_two_keys_for_a_database_that_ignores_case():
	assert identity_key(sent("abC")).casefold() != identity_key(sent("abc")).casefold()


def test_keys_fit_their_column():
	for identifier in (None, "1", "x" * 500, "É" * 70):
		assert len(identity_key(sent(identifier), ordinal=10**6)) <= 80


def test_a_late_id_finds_its_row():
	assert names(settle([sent("9")], [row("a", sent(None))])) == ["a"]


def test_late_ids_of_twins_find_one_row_each():
	rows = [row("a", sent(None)), row("b", sent(None), ordinal=1)]
	assert sorted(names(settle([sent("8"), sent("9")], rows))) == ["a", "b"]


def test_a_reused_id_is_another_transaction():
	other = sent("1", amount="900.00", text="SALARY", day=DAY + timedelta(30))
	first = row("a", sent("1"))
	(match,) = settle([other], [first])
	assert match.row is None and match.identity.startswith("r:")
	second = row("b", other, identity=match.identity)
	assert names(settle([other, sent("1")], [first, second])) == ["b", "a"]


def test_two_transactions_of_one_page_with_one_id_are_two():
	keys = keyed([sent("1"), sent("1", amount="-9.00", text="BOOKS")], Ordinals())
	assert len({key for key, _ in keys}) == 2


def test_pending_booked_under_a_new_id_day_and_text_is_one_row():
	pending = sent("1", status=TransactionStatus.PENDING)
	booked = sent("2", text="CB COFFEE 10/03", day=DAY + timedelta(3))
	gone = sent("1", status=TransactionStatus.DELETED)
	for page in ([gone, booked], [booked, gone]):
		assert names(settle(page, [row("a", pending)])) == ["a"]


def test_booked_a_page_after_the_deletion_is_still_one_row():
	deleted = row("a", sent("1"), status="Deleted", was_pending=True)
	assert names(settle([sent("2", day=DAY + timedelta(1))], [deleted])) == ["a"]


def test_a_pending_row_that_the_bank_still_lists_is_not_taken():
	assert names(settle([sent("2")], [row("a", sent("1", status=TransactionStatus.PENDING))])) == [None]


def test_a_whole_list_withdraws_the_pending_rows_that_it_does_not_name():
	listed = sent("1", status=TransactionStatus.PENDING)
	other = sent("3", status=TransactionStatus.PENDING)
	rows = [row("a", listed), row("b", other)]
	assert names(settle([listed, sent("2")], rows, listing=Listing.WHOLE)) == ["a", "b"]
	assert names(settle([listed, other, sent("2")], rows, listing=Listing.WHOLE)) == ["a", "b", None]
	assert names(settle([listed, sent("2")], rows)) == ["a", None]


def test_what_may_stand_for_a_pending_row_waits_for_the_rest_of_the_list():
	rows = [row("a", sent("1", status=TransactionStatus.PENDING))]
	page = [sent("2"), sent("3", amount="-9"), sent("4", day=DAY + timedelta(8))]
	assert [match.undecided for match in settle(page, rows, listing=Listing.PART)] == [True, False, False]
	assert not any(match.undecided for match in settle(page, rows))
	assert not any(match.undecided for match in settle(page, rows, listing=Listing.WHOLE))


def test_over_several_pages_the_booked_one_takes_the_row_of_the_pending_one():
	listed = sent("1", status=TransactionStatus.PENDING)
	rows = [row("a", listed), row("b", sent("3", status=TransactionStatus.PENDING))]
	for pages in (
		[[sent("2")], [listed], [sent("9", amount="-9")]],
		[[listed], [sent("2")], []],
		[[sent("9", amount="-9")], [sent("2"), listed]],
	):
		found = settle_pages(pages, rows)
		assert (found["i:1"], found["i:2"]) == ("a", "b")


_STATUSES = (TransactionStatus.BOOKED, TransactionStatus.PENDING)
_ROWS = st.lists(
	st.tuples(st.integers(1, 12), st.sampled_from(["-1.00", "-2.00"]), st.integers(0, 12)),
	max_size=8,
	unique_by=lambda spec: spec[0],
)


@given(_ROWS, _ROWS, st.lists(st.integers(0, 8), max_size=4), st.integers(0, 8))
def test_a_list_in_pages_says_the_same_as_in_one(stored, incoming, cuts, booked):
	rows = [
		row(
			str(place),
			sent(str(number), amount, f"T {number}", DAY + timedelta(day), TransactionStatus.PENDING),
		)
		for place, (number, amount, day) in enumerate(stored)
	]
	data = [
		sent(str(number), amount, f"T {number}", DAY + timedelta(day), _STATUSES[place >= booked])
		for place, (number, amount, day) in enumerate(incoming)
	]
	edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
	pages = [data[first:last] for first, last in pairwise(edges)]
	whole = settle(data, rows, listing=Listing.WHOLE)
	expected = {match.identity: match.row.name if match.row else None for match in whole}
	assert settle_pages(pages, rows) == expected


def test_two_pending_coffees_become_two_booked_ones():
	rows = [
		row("a", sent("1", status=TransactionStatus.PENDING)),
		row("b", sent("2", status=TransactionStatus.PENDING)),
	]
	page = [
		sent("1", status=TransactionStatus.DELETED),
		sent("3"),
		sent("2", status=TransactionStatus.DELETED),
		sent("4"),
	]
	assert sorted(names(settle(page, rows))) == ["a", "b"]


def test_a_deleted_booked_row_is_not_replaced():
	assert names(settle([sent("1", status=TransactionStatus.DELETED), sent("2")], [row("a", sent("1"))])) == [
		"a",
		None,
	]


def test_reconnection_with_new_ids_keeps_every_row():
	old = [row("a", sent("1")), row("b", sent("2")), row("c", sent("3", amount="-7"))]
	page = [sent("11"), sent("12"), sent("13", amount="-7"), sent("14", amount="-8")]
	assert sorted(filter(None, names(settle(page, old, generation=1)))) == ["a", "b", "c"]


def test_reconnection_with_other_texts_pairs_the_likeliest_of_the_day():
	old = [row("a", sent("1", text="COFFEE SHOP PARIS")), row("b", sent("2", text="BOOK STORE LYON"))]
	page = [sent("11", text="CARD BOOK STORE LYON 10"), sent("12", text="CARD COFFEE SHOP PARIS")]
	assert names(settle(page, old, generation=1)) == ["b", "a"]


def test_rows_of_the_present_connection_are_never_paired_by_content():
	assert names(settle([sent("2")], [row("a", sent("1"))])) == [None]


@given(
	st.lists(
		st.tuples(st.sampled_from(["1", "2", None, ""]), st.sampled_from(["-1.00", "-2.00"])), max_size=8
	)
)
def test_no_row_serves_two_transactions_and_a_replay_settles_on_the_same_rows(spec):
	page = [sent(identifier, amount) for identifier, amount in spec]
	first = keyed(page, Ordinals())
	rows = [row(str(i), data, identity=key) for i, (key, data) in enumerate(first)]
	again = settle(page, rows)
	assert sorted(names(again)) == sorted(r.name for r in rows)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3), st.text(max_size=20))
def test_equal_contents_have_equal_fingerprints(amount, text):
	assert identity.fingerprint(DAY, amount, "EUR", text) == identity.fingerprint(
		DAY, Decimal(str(amount)), "EUR", f" {text.upper().lower()} " if text.isascii() else text
	)
