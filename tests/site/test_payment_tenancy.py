"""What another client has handed over answers exactly as what does not exist."""

import pytest
from payer import company, status, submit

from bank_api import kb
from bank_api.gateway.errors import GatewayError

NOBODY = "0123456789abcdef0123"
METHODS = {
	"get_payment_batch_status": {},
	"get_payment_batch": {},
	"get_payments": {},
	"download_payment_batch": {"format": "abo"},
	"cancel_payment_batch": {},
}


def answer(method, **values):
	"""The error of a call, as its caller could tell it from another."""
	with pytest.raises(GatewayError) as refused:
		getattr(kb, method)(**values)
	return type(refused.value), str(refused.value), refused.value.http_status_code


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_of_another_client_is_unknown(batches, method):
	company(batches)
	theirs = submit("wages-of-november")["batch"]
	company(batches)
	arguments = METHODS[method]
	assert answer(method, batch=theirs, **arguments) == answer(method, batch=NOBODY, **arguments)
	by_key = answer(method, idempotency_key="wages-of-november", **arguments)
	assert by_key == answer(method, idempotency_key="nobody-s", **arguments)
	assert by_key[2] == 404


def test_the_same_key_and_payments_of_two_clients_do_not_meet(batches):
	first = company(batches)
	theirs = submit("wages", allow_repeated=0)
	second = company(batches)
	ours = submit("wages", allow_repeated=0)
	assert ours["batch"] != theirs["batch"] and ours["state"] == "stored"
	assert [row["batch"] for row in kb.get_payment_batches()["batches"]] == [ours["batch"]]
	assert len(batches.sandbox.book()) == 2 and first.name != second.name


def test_no_batch_under_the_consent_of_another_client(batches):
	theirs = company(batches)
	item = batches.frappe.db.get_value("Bank API Item", {"client": theirs.name}, "item_id")
	company(batches)
	assert answer(
		"submit_payment_batch", idempotency_key="a", payments=[], item_id=item, account=""
	) == answer("submit_payment_batch", idempotency_key="a", payments=[], item_id="kb-nobody", account="")
	with pytest.raises(GatewayError):
		submit(item_id=item)
	assert batches.sandbox.book() == []
	assert status(submit()["batch"])["state"] == "stored"
