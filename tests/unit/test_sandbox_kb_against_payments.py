"""What our formats write, the simulated bank reads the same; what it writes, our statement reader reads the same.

The two share no code (tests/unit/test_architecture.py), so a slip in one of them shows here.
"""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pytest

from bank_api.payments.formats.abo import Abo
from bank_api.payments.formats.base import write
from bank_api.payments.formats.best_domestic import BestDomestic
from bank_api.payments.formats.kb_json import KbJson
from bank_api.payments.formats.pain001 import Pain001
from bank_api.payments.model import Batch, Charges, Envelope, Operation, Party, Payment, Priority, Scheme
from bank_api.payments.statements import gpc
from bank_api.sandbox.kb.data import EURO, MAIN, WAGES
from bank_api.sandbox.kb.orders import READERS
from bank_api.sandbox.kb.switches import KbSwitches

DUE = date(2026, 9, 9)
ENVELOPE = Envelope(reference="1", name="DAVKA", sender="FIRMA", created=datetime(2026, 9, 8, 9))
PARTNERS = ("CZ6508000000192000145399", "CZ9501000000001234567899", WAGES)


def domestic(number: int) -> Payment:
	return Payment(
		account=MAIN,
		partner_account=PARTNERS[number % 3],
		amount=Decimal(number * 7919 % 10**7 + 1) / 100,
		due=DUE,
		variable_symbol=str(number + 1),
		constant_symbol="308",
		specific_symbol=str(number) if number % 2 else "",
		message=f"Příliš žluťoučký kůň {number}" if number % 3 else "",
	)


def labelled(number: int) -> Payment:
	priority = Priority.EXPRESS if number % 4 == 0 else Priority.NORMAL
	return replace(domestic(number), reference=f"R{number}", end_to_end_id=f"E{number}", priority=priority)


def euro(number: int) -> Payment:
	return Payment(
		account=EURO,
		partner_account="DE89370400440532013000",
		amount=Decimal(number * 31 + 1) / 100,
		due=DUE,
		currency="EUR",
		scheme=Scheme.SEPA,
		charges=Charges.SHARED,
		partner=Party(name=f"Muller GmbH {number}"),
		owner=Party(name="FIRMA"),
		variable_symbol=str(number + 1),
		message="Invoice",
		end_to_end_id=f"E{number}",
	)


def symbol(text: str) -> str:
	return text.lstrip("0")


@pytest.mark.parametrize(
	("key", "form", "make"),
	[
		("json", KbJson(), labelled),
		("km", Abo(), domestic),
		("best", BestDomestic(), domestic),
		("sepaxml", Pain001(), euro),
	],
	ids=["json", "km", "best", "sepaxml"],
)
def test_what_our_formats_write(key, form, make):
	batch = Batch(tuple(make(number) for number in range(90)))
	orders = READERS[key](write(form, batch, ENVELOPE), KbSwitches()).orders
	assert len(orders) == len(batch.payments)
	for order, payment in zip(orders, batch.payments, strict=True):
		assert (order.own, order.partner) == (payment.account, payment.partner_account)
		assert Decimal(order.amount) / 100 == payment.amount
		assert (order.day, order.currency) == (str(payment.due), payment.currency)
		assert symbol(order.variable) == payment.variable_symbol
		assert symbol(order.constant) == payment.constant_symbol
		assert symbol(order.specific) == payment.specific_symbol
		assert order.collection == (payment.operation is Operation.COLLECTION)
		assert payment.message in " ".join(order.message.split())


def test_what_only_json_carries():
	payment = labelled(4)
	order = READERS["json"](write(KbJson(), Batch((payment,)), ENVELOPE), KbSwitches()).orders[0]
	assert (order.instruction_id, order.end_to_end, order.priority) == ("R4", "E4", "HIGH")


def test_its_statements_are_read(kb, kb_client):
	kb.kb.switches(statement_polls=0)
	rows = [row for row in kb.kb.account(MAIN)["transactions"] if row["status"] == "BOOK"]
	day = rows[3]["day"]
	account = kb_client.get("/directapi/statda/v1/accounts").json()["accounts"][0]
	path = f"/directapi/statda/v1/accounts/{account['accountId']}/statements"
	query = {"fromDate": day, "toDate": day, "format": "KM"}
	url = kb_client.info["api_url"] + path
	made = kb_client.session.post(url, params=query, headers=kb_client.headers(), timeout=30).json()
	statement = gpc.read(kb_client.get(f"{path}/{made['statementId']}").content)[0]
	mine = [row for row in rows if row["day"] == day]
	total = sum(Decimal(row["amount"]) for row in mine)
	assert statement.new_balance - statement.old_balance == total
	assert len(statement.entries) == len(mine)
