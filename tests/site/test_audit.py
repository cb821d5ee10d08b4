"""The audit log: lines outlive the rollback of what they report, and hold no secrets."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bank_api.gateway import audit
from bank_api.gateway.ids import row_name

SECRETS = [
	"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
	"Bearer eyJhbGciOi",
	"token 0123abcd:4567efgh",
	"-----BEGIN PRIVATE KEY-----",
	"https://user:password@site.example/",
]


@pytest.fixture
def client(db):
	"""A name that no other test uses; lines are removed afterwards, which only a test may do."""
	name = f"audit-{row_name()}"
	yield name
	db.db.rollback()
	db.db.delete(audit.DOCTYPE, {"client": name})
	db.db.commit()


def lines(frappe, client: str) -> list:
	return frappe.get_all(audit.DOCTYPE, {"client": client}, ["*"], order_by="name asc")


def test_a_line_says_who_what_when_and_how_it_ended(db, client):
	audit.record("Item Deleted", client=client, doctype="Bank API Item", name="x", details={"item_id": 7})
	(line,) = lines(db, client)
	assert (line.action, line.outcome, line.user) == ("Item Deleted", "Success", "Administrator")
	assert (line.reference_doctype, line.reference_name) == ("Bank API Item", "x")
	assert json.loads(line.details) == {"item_id": 7}
	assert line.request_id and line.creation


def test_what_was_rolled_back_did_not_happen(db, client):
	audit.record("Keys Issued", client=client)
	db.db.rollback()
	assert lines(db, client) == []


@pytest.mark.parametrize("outcome", [audit.REFUSED, audit.FAILED])
def test_a_refusal_outlives_the_rollback(db, client, outcome):
	db.get_doc({"doctype": "ToDo", "description": client}).insert()
	audit.record("Item Deleted", client=client, outcome=outcome)
	db.db.rollback()
	assert [line.outcome for line in lines(db, client)] == [outcome]
	assert not db.db.exists("ToDo", {"description": client}), "and nothing else does"
	db.db.rollback()
	assert len(lines(db, client)) == 1, "it is committed, and once"


def test_a_refusal_that_is_committed_is_there_once(db, client):
	audit.record("Item Deleted", client=client, outcome=audit.REFUSED)
	db.db.commit()
	db.db.rollback()
	assert len(lines(db, client)) == 1


def test_a_refusal_survives_a_savepoint(db, client):
	db.db.savepoint("the_start")
	audit.record("Item Deleted", client=client, outcome=audit.REFUSED)
	db.db.rollback(save_point="the_start")
	db.db.commit()
	assert len(lines(db, client)) == 1


def test_several_refusals_in_one_request(db, client):
	for _ in range(3):
		audit.record("Item Deleted", client=client, outcome=audit.REFUSED)
	db.db.rollback()
	assert len(lines(db, client)) == 3


@pytest.mark.parametrize("secret", SECRETS)
def test_values_that_look_like_secrets_are_masked(secret):
	assert audit.kept_details({"reason": secret, "user": f"x {secret} y"}) == {"reason": "***", "user": "***"}


@pytest.mark.parametrize(
	"details",
	[
		{"access_token": "abc"},
		{"client_secret": "abc"},
		{"password": "abc"},
		{"Authorization": "abc"},
		{"iban": "FR7630006000011234567890189"},
		{"payload": {"user": {"password": "abc"}}},
		{"reason": ["abc"]},
		{"reason": {"nested": "abc"}},
		{"user": object()},
		{"limit": 1.5},
		{"rows": {"Bank API Item": "abc"}},
	],
)
def test_unknown_keys_and_nested_values_are_dropped(details):
	assert audit.kept_details(details) == {}


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.lists(st.text())))
def test_only_listed_keys_with_short_plain_values_are_kept(details):
	kept = audit.kept_details(details)
	assert set(kept) <= audit.ALLOWED_DETAILS
	assert all(not isinstance(value, str) or len(value) <= 140 for value in kept.values())


def test_counts_of_an_erasure_are_kept(db, client):
	rows = {"Bank API Item": 2, "Bank API Transaction": 3000}
	assert audit.kept_details({"rows": rows, "end_user_sha256": "0" * 64}) == {
		"rows": rows,
		"end_user_sha256": "0" * 64,
	}


def test_secrets_never_reach_the_table(db, client):
	for secret in SECRETS:
		audit.record("Test", client=client, details={"reason": secret, "secret": secret, "token": secret})
	text = str(lines(db, client))
	assert not [secret for secret in SECRETS if secret in text]


class Request:
	def __init__(self, offered: str):
		self.headers = {"X-Request-Id": offered}


@pytest.mark.parametrize(
	"offered, taken", [("abc-123", True), ("", False), ("a b", False), ("x" * 65, False), ("<script>", False)]
)
def test_the_callers_request_id_is_taken_if_it_is_sound(db, client, offered, taken):
	db.local.bank_api_request_id = None
	db.local.request = Request(offered)
	audit.record("Test", client=client)
	audit.record("Test", client=client)
	ids = [line.request_id for line in lines(db, client)]
	assert ids[0] == ids[1]
	assert (ids[0] == offered) == taken
	del db.local.request
	db.local.bank_api_request_id = None
