"""Large batches: taken, sent, listed and downloaded. How quickly, benchmarks/payment_submit.py tells."""

import payer
import pytest
from payer import PAYMENT, company, payment, status, submit

from bank_api import kb

DAY = payer.bank_day()


@pytest.fixture
def client(batches):
	return company(batches)


def rows(count):
	return [payment(f"{1 + n % 900}.{n % 100:02d}", message=f"Mzda {n}") for n in range(count)]


def test_ten_thousand_payments_in_a_hundred_messages(batches, client):
	from bank_api.gateway import payment_sending

	found = submit(payments=rows(10_000), execution_date=DAY)
	payment_sending.send_all(found["batch"])
	found = status(found["batch"])
	assert found["state"] == "stored" and len(found["parts"]) == 100
	assert sum(len(one["payments"]) for one in batches.sandbox.book()) == 10_000
	assert {part["state"] for part in found["parts"]} == {"stored"}


def test_a_hundred_thousand_payments_in_files(batches, client):
	found = submit(payments=rows(100_000), execution_date=DAY, send_as="abo")
	assert len(found["parts"]) == 2
	page = kb.get_payments(batch=found["batch"], status="validated", limit=1000)
	assert len(page["payments"]) == 1000 and page["cursor"]
	assert batches.frappe.db.count(PAYMENT, {"batch": found["batch"], "status": "Validated"}) == 100_000
	size = 0
	for piece in kb.download_payment_batch(batch=found["batch"], format="abo").response:
		assert len(piece) < 4 * 1024 * 1024
		size += len(piece)
	assert size > 100_000 * 40
