"""Where the next pass over a feed begins: nothing shown late is missed, nothing is read for ever."""

from datetime import datetime, timedelta, timezone

import pytest

pytest.importorskip("frappe")

from bank_api.gateway.account_pass import next_since

HIGH = "2026-03-10T08:00:00.000Z"
NOON = datetime(2026, 3, 10, 8, tzinfo=timezone.utc)
OVERLAP = timedelta(minutes=10)


def test_without_dated_rows_everything_is_read_again():
	assert next_since(None, NOON, OVERLAP) is None


def test_rows_as_new_as_the_pass_are_read_again_with_the_overlap():
	assert next_since(HIGH, NOON + timedelta(minutes=1), OVERLAP) == "2026-03-10T07:50:00.000Z"


def test_rows_newer_than_the_start_of_the_pass_do_not_move_it_past_that_start():
	assert next_since(HIGH, NOON - timedelta(minutes=5), OVERLAP) == "2026-03-10T07:45:00.000Z"


def test_once_settled_only_newer_rows_are_asked_for():
	assert next_since(HIGH, NOON + timedelta(hours=1), OVERLAP) == "2026-03-10T08:00:00.001Z"


@pytest.mark.parametrize("text", ["2026-03-29T01:30:00.000Z", "2026-10-25T01:30:00.000Z"])
def test_clock_changes_do_not_matter(text):
	started = datetime.fromisoformat(text.replace("Z", "+00:00")) + timedelta(hours=1)
	assert next_since(text, started, OVERLAP) == text.replace("00.000Z", "00.001Z")
