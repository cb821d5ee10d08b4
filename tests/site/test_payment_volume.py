"""Large batches: taken, sent, listed and downloaded in bounded time."""

import time
from datetime import date

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

	begun = time.monotonic()
	found = submit(payments=rows(10_000), execution_date=DAY)
	taken = time.monotonic() - begun
	payment_sending.send_all(found["batch"])
	spent = time.monotonic() - begun
	found = status(found["batch"])
	assert found["state"] == "stored" and len(found["parts"]) == 100
	assert sum(len(one["payments"]) for one in batches.sandbox.book()) == 10_000
	assert max(len([1 for part in found["parts"] if part["state"] == "stored"]), 0) == 100
	assert spent < 60, (taken, spent)
	print(f"10,000 payments: taken in {taken:.1f} s, sent in {spent:.1f} s")


def test_a_hundred_thousand_payments_in_files(batches, client):
	begun = time.monotonic()
	found = submit(payments=rows(100_000), execution_date=DAY, send_as="abo")
	print(f"100,000 payments taken in {time.monotonic() - begun:.1f} s")
	assert len(found["parts"]) == 2
	begun = time.monotonic()
	page = kb.get_payments(batch=found["batch"], status="validated", limit=1000)
	assert len(page["payments"]) == 1000 and page["cursor"]
	assert batches.frappe.db.count(PAYMENT, {"batch": found["batch"], "status": "Validated"}) == 100_000
	assert time.monotonic() - begun < 3
	begun, size = time.monotonic(), 0
	for piece in kb.download_payment_batch(batch=found["batch"], format="abo").response:
		assert len(piece) < 4 * 1024 * 1024
		size += len(piece)
	assert size > 100_000 * 40
	print(f"{size} bytes downloaded in {time.monotonic() - begun:.1f} s")
	assert date.fromisoformat(DAY)
