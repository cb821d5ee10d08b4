"""Credit cards with limits, bills and transactions (appendix A.4)."""

import random
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from bank_api.sandbox.data import cents, generator
from bank_api.sandbox.quanto.bank.accounts import identifier, resource_id
from bank_api.sandbox.quanto.bank.directory import Bank
from bank_api.sandbox.quanto.bank.model import CARD, Product
from bank_api.sandbox.quanto.bank.texts_data import NASTY, SHOPS
from bank_api.sandbox.quanto.stamps import exact_stamp, months_after

BILLS = 11  # closed ones; what is newer is not billed yet
CLOSING_DAYS = 7  # a bill closes so long before it is due
Row = dict[str, Any]


def money(amount: int, currency: str = "BRL") -> Row:
	"""Write cents the way the second version does."""
	return {"amount": cents(amount), "currency": currency}


def make(
	seed: int, bank: Bank, document: str, today: date, transactions: int
) -> Iterator[tuple[Product, list[Row]]]:
	"""Make a customer's card at a bank.

	Args:
		seed: The sandbox's.
		bank: Where.
		document: Whose.
		today: The sandbox's day.
		transactions: About three times as many as the card has.

	Yields:
		The card with its transactions.
	"""
	if "card_bills" in bank.unsold:
		return
	rng = generator(seed, "ofb card", bank.key, document)
	number = f"{rng.randrange(10**4):04d}"
	dues = _due_days(rng, today)
	rows = _entries(rng, number, dues, today, max(24, transactions // 3))
	yield _card(rng, bank, document, number, _bills(rng, dues, rows)), rows


def _due_days(rng: random.Random, today: date) -> list[date]:
	"""Return the days on which the closed bills are due, oldest first."""
	newest = today.replace(day=rng.randrange(1, 28))
	if newest > today + timedelta(days=CLOSING_DAYS):
		newest = months_after(newest, -1)
	return [months_after(newest, -back) for back in range(BILLS - 1, -1, -1)]


def _bill_of(day: date, dues: list[date]) -> int | None:
	"""Return which bill charges what was posted on a day; None for the one that is not closed yet."""
	closed = (index for index, due in enumerate(dues) if day <= due - timedelta(days=CLOSING_DAYS))
	return next(closed, None)


def _bill_id(number: str, due: date) -> str:
	return f"fatura-{number}-{due:%Y%m}"


def _entries(rng: random.Random, number: str, dues: list[date], today: date, count: int) -> list[Row]:
	end = datetime.combine(today, time(2, 30))
	step = timedelta(days=350) / count
	rows: list[Row] = []
	for place in range(count):
		when = end - step * (place + rng.random())
		row = _entry(rng, number, when)
		bill = _bill_of(when.date(), dues)
		if bill is not None:
			row["billId"] = _bill_id(number, dues[bill])
		rows.append(row)
	for row, text in zip(rows, NASTY, strict=False):
		row["transactionName"] = text
	return rows


def _entry(rng: random.Random, number: str, when: datetime) -> Row:
	amount = rng.randrange(500, 60_000)
	row: Row = {
		"transactionId": identifier(rng),
		"identificationNumber": number,
		"transactionName": rng.choice(SHOPS),
		"creditDebitType": "DEBITO",
		"transactionType": "PAGAMENTO",
		"paymentType": "A_VISTA",
		"brazilianAmount": money(amount),
		"amount": money(amount),
		"transactionDateTime": exact_stamp(when),
		"billPostDate": f"{when:%Y-%m-%d}",
		"payeeMCC": rng.choice((5411, 5812, 5541, 4121, 5912)),
	}
	kind = rng.randrange(20)
	if kind == 0:
		row |= {"creditDebitType": "CREDITO", "transactionType": "ESTORNO"}
	elif kind == 1:
		row |= {"transactionType": "TARIFA", "feeType": "ANUIDADE"}
	elif kind == 2:
		row["amount"] = money(amount // 5, "USD")
	elif kind == 3:
		row |= {"paymentType": "A_PRAZO", "chargeIdentificator": 2, "chargeNumber": 6}
	return row


def _bills(rng: random.Random, dues: list[date], rows: list[Row]) -> list[Row]:
	"""Make the closed bills, newest first; each adds up to what it charges."""
	number = rows[0]["identificationNumber"]
	found = []
	for due in dues:
		key = _bill_id(number, due)
		total = sum(_signed(row) for row in rows if row.get("billId") == key)
		paid = {"valueType": "VALOR_PAGAMENTO_FATURA_REALIZADO", "paymentMode": "DEBITO_CONTA_CORRENTE"}
		paid |= {"paymentDate": str(due), **money(max(total, 0))}
		found.append(
			{
				"billId": key,
				"dueDate": str(due),
				"billTotalAmount": money(total),
				"billMinimumAmount": money(max(total, 0) * 15 // 100),
				"isInstalment": False,
				"payments": [] if due is dues[-1] else [paid],
			}
		)
	found[0]["financeCharges"] = [
		{"type": "IOF", "additionalInfo": "IOF de compra internacional", **money(rng.randrange(50, 900))}
	]
	return found[::-1]


def _signed(row: Row) -> int:
	amount = int(row["brazilianAmount"]["amount"].replace(".", ""))
	return amount if row["creditDebitType"] == "DEBITO" else -amount


def _card(rng: random.Random, bank: Bank, document: str, number: str, bills: list[Row]) -> Product:
	names = {"name": f"Cartão {bank.name}", "productType": rng.choice(("GOLD", "PLATINUM", "BLACK"))}
	names["creditCardNetwork"] = rng.choice(("VISA", "MASTERCARD", "ELO"))
	card_id = resource_id(rng)
	listed = {"creditCardAccountId": card_id, "brandName": bank.name, "companyCnpj": bank.cnpj, **names}
	method = {"identificationNumber": number, "isMultipleCreditCard": False}
	limit = rng.randrange(20, 200) * 100_00
	used = rng.randrange(0, limit)
	common = {"identificationNumber": number, "isLimitFlexible": False}
	common |= {"limitAmount": money(limit), "usedAmount": money(used), "availableAmount": money(limit - used)}
	limits: list[Row] = [
		{"creditLineLimitType": "LIMITE_CREDITO_TOTAL", "consolidationType": "CONSOLIDADO", **common},
		{
			"creditLineLimitType": "LIMITE_CREDITO_MODALIDADE_OPERACAO",
			"consolidationType": "INDIVIDUAL",
			"lineName": "SAQUE_CREDITO_BRASIL",
			**common,
		},
	]
	parts = {"limits": limits, "bills": bills}
	return Product(card_id, bank.key, document, CARD, listed, {**names, "paymentMethod": [method]}, parts)
