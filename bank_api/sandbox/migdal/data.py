"""Migdal's customers and what they owe, made from the seed: same seed and same day, same data (section 10.2)."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from bank_api.sandbox.data import cents, generator, iban
from bank_api.sandbox.migdal.model import ACCOUNT, CARD, LOAN, Account, Psu

INSURANCE, MAKEFET = "520004896", "512237744"
CUSTOMER, LOAN_NUMBER = "999888777", "1000056782"
NO_LOANS, MANY, JOINT, COSIGNER = "999888001", "999888002", "999888003", "999888004"
SHORT, DECLINES, BLOCKED, BANKING = "999888005", "999888006", "999888007", "999888008"
MANY_LOANS, MANY_ENTRIES = 40, 2500
PRODUCTS = ("הלוואה מפוליסה", "הלוואה כנגד קרן השתלמות", "הלוואה לכל מטרה", "משכנתה")
NAMES = ("נועה לוי", "יוסף כהן", "מרים פרץ", "דוד ביטון", "שרה אברהם")
INSTALMENT, INTEREST, LINKAGE, PAYOUT = (
	"תשלום חודשי",
	"ריבית",
	"הפרשי הצמדה למדד",
	"העמדת ההלוואה",
)
# Texts that break careless code, in what a source writes about an entry.
AWKWARD = (
	'פירעון מוקדם חלקי – "סעיף 7" <ב>',
	"החזר 12.5% \\ תשלום O'Neil",
	"‏תשלום‎ 1/12 (ABC)",
	"שוברים 🧾 & עמלה",
)
SHOPS = ("שופרסל דיל", "סופר-פארם", "רב קו", "קפה גרג", "AMAZON MKTPLACE", "IKEA נתניה", "חברת החשמל")


@dataclass(frozen=True)
class Plan:
	"""A customer to be made."""

	psu: Psu
	accounts: tuple[tuple[Account, int], ...]  # with the number of entries


def loan(rng: random.Random, number: str, psu: str, company: str, today: date, **more: Any) -> Account:
	"""Describe a loan.

	Args:
		rng: Source of its terms.
		number: The loan's number.
		psu: Whose.
		company: Code of the company.
		today: The sandbox's day.
		**more: Members that override the made ones.

	Returns:
		The loan.
	"""
	start = today - timedelta(days=rng.randrange(400, 1500))
	linked = rng.random() < 0.5
	rate: dict[str, Any] = {
		"type": "INDE" if linked else "FIXD",
		"rate": [{"percentage": cents(rng.randrange(150, 690))}],
		"fromDateTime": f"{start}T00:00:00Z",
	}
	if linked:
		rate["relatedIndices"] = [{"index": "CPI", "rootIndexValue": f"{rng.randrange(980, 1120) / 10:.1f}"}]
	details: dict[str, Any] = {
		"product": rng.choice(PRODUCTS),
		"name": f"הלוואה {number}",
		"usage": "PRIV",
		"interest": [rate],
		"relatedDates": {
			"contractStartDate": str(start),
			"contractEndDate": str(start + timedelta(days=365 * rng.randrange(5, 12))),
			"contractAvailabilityDate": str(start + timedelta(days=4)),
		},
		"collateralsInvolved": rng.random() < 0.3,
		"guaranteeInvolved": rng.random() < 0.2,
	}
	opening = cents(-rng.randrange(2_000_000, 30_000_000))
	return Account(number, psu, company, LOAN, opening, details=details | more)


def _one(seed: int, psu: Psu, numbers: list[tuple[str, str, int]], today: date) -> Plan:
	made = [
		(loan(generator(seed, "migdal", number), number, psu.id, company, today), entries)
		for number, company, entries in numbers
	]
	return Plan(psu, tuple(made))


def israeli_iban(rng: random.Random) -> str:
	"""Make an Israeli IBAN with right check digits: bank, branch and account in 19 digits."""
	return iban("IL", f"012{rng.randrange(1000):03d}{rng.randrange(10**13):013d}")


def _banking(seed: int, today: date) -> Plan:
	rng = generator(seed, "migdal", BANKING)
	first, second = israeli_iban(rng), israeli_iban(rng)
	checking = Account(
		first,
		BANKING,
		INSURANCE,
		ACCOUNT,
		"8120.55",
		details={
			"iban": first,
			"name": "עובר ושב",
			"product": "חשבון עו״ש",
			"cashAccountType": "CACC",
			"usage": "PRIV",
		},
	)
	dollars = Account(
		second,
		BANKING,
		INSURANCE,
		ACCOUNT,
		"310.20",
		"USD",
		details={
			"iban": second,
			"name": "מט״ח",
			"product": "חשבון מט״ח",
			"cashAccountType": "CACC",
			"usage": "PRIV",
		},
	)
	card = Account(
		"458045xxxxxx1234",
		BANKING,
		INSURANCE,
		CARD,
		"0.00",
		details={
			"maskedPan": "458045xxxxxx1234",
			"name": "כרטיס אשראי",
			"product": "Gold",
			"debitAccounting": True,
			"creditLimit": {"currency": "ILS", "amount": "15000.00"},
			"usage": "PRIV",
		},
	)
	owed = loan(rng, "1000080001", BANKING, INSURANCE, today)
	return Plan(Psu(BANKING, "תמר גולן"), ((checking, 180), (dollars, 12), (card, 60), (owed, 24)))


def plans(seed: int, today: date) -> Iterator[Plan]:
	"""Yield the customers of a fresh sandbox.

	Args:
		seed: The sandbox's seed.
		today: Its day.
	"""
	numbers = [(LOAN_NUMBER, INSURANCE, 36), ("1000056790", INSURANCE, 12), ("2000011223", MAKEFET, 18)]
	first = _one(seed, Psu(CUSTOMER, "ישראל ישראלי"), numbers, today)
	known = first.accounts[0][0]  # the published sample of section 4.6
	known.details |= {"product": "הלוואה מפוליסה", "collateralsInvolved": False, "guaranteeInvolved": False}
	yield first
	yield Plan(Psu(NO_LOANS, NAMES[0]), ())
	many = [(f"10000600{n:02d}", INSURANCE, MANY_ENTRIES if n == 1 else 24) for n in range(1, MANY_LOANS + 1)]
	yield _one(seed, Psu(MANY, NAMES[1]), many, today)
	yield _one(seed, Psu(JOINT, NAMES[2], signers=[COSIGNER]), [("1000070001", INSURANCE, 24)], today)
	yield Plan(Psu(COSIGNER, NAMES[3]), ())
	yield _one(seed, Psu(SHORT, NAMES[4], max_days=1), [("1000070002", INSURANCE, 12)], today)
	yield _one(seed, Psu(DECLINES, NAMES[0], declines=True), [("1000070003", INSURANCE, 12)], today)
	yield _one(seed, Psu(BLOCKED, NAMES[1], blocked=True), [("1000070004", INSURANCE, 12)], today)
	yield _banking(seed, today)


def entries(seed: int, account: Account, count: int, today: date) -> list[tuple[str, str, dict[str, Any]]]:
	"""Make an account's entries, oldest first.

	Args:
		seed: The sandbox's seed.
		account: Whose.
		count: How many booked ones; two pending ones come on top.
		today: The sandbox's day.

	Returns:
		Status, date and the transaction as it goes on the wire.
	"""
	rng = generator(seed, "migdal", account.number, "entries")
	make = {LOAN: _loan_entry, ACCOUNT: _account_entry, CARD: _card_entry}[account.type]
	found = []
	step = max(1, min(30, 1095 // max(count, 1)))
	for index in range(count):
		day = today - timedelta(days=1 + (count - 1 - index) * step // (1 if count < 1095 else 3))
		found.append(("booked", str(day), make(rng, account, index, day)))
	_twins(found)
	for index in range(2 if count else 0):
		day = today + timedelta(days=index * 15)
		data = make(rng, account, count + index, day)
		data.pop("bookingDate", None)
		found.append(("pending", str(day), data))
	return found


def _twins(found: list[tuple[str, str, dict[str, Any]]]) -> None:
	"""Two real twins without any id, on one day: only ``transactionAmount`` is required (section 4.5)."""
	if len(found) < 12:
		return
	bare = {
		name: value
		for name, value in found[4][2].items()
		if name not in ("transactionId", "cardTransactionId", "entryReference", "_links")
	}
	for index in (4, 5):
		found[index] = ("booked", found[4][1], dict(bare))


def _reference(account: Account, index: int) -> str:
	return f"{account.number[-12:]}-{index + 1:05d}"


def _loan_entry(rng: random.Random, account: Account, index: int, day: date) -> dict[str, Any]:
	text, amount, code = rng.choice(
		(
			(INSTALMENT, rng.randrange(40_000, 260_000), "LDAS-FTLN-PPAY"),
			(INSTALMENT, rng.randrange(40_000, 260_000), "LDAS-FTLN-PPAY"),
			(INTEREST, -rng.randrange(500, 30_000), "LDAS-FTLN-INTR"),
			(LINKAGE, -rng.randrange(100, 9_000), "LDAS-FTLN-ADJT"),
			(rng.choice(AWKWARD), rng.randrange(1, 900_000), "LDAS-FTLN-RIMB"),
		)
	)
	return {
		"transactionId": f"T{_reference(account, index)}",
		"entryReference": _reference(account, index),
		"bookingDate": str(day),
		"valueDate": str(day + timedelta(days=rng.choice((0, 0, 1)))),
		"transactionAmount": {"currency": account.currency, "amount": cents(amount)},
		"remittanceInformationUnstructured": text,
		"bankTransactionCode": code,
	}


def _account_entry(rng: random.Random, account: Account, index: int, day: date) -> dict[str, Any]:
	amount = -rng.randrange(300, 70_000) if rng.random() < 0.85 else rng.randrange(50_000, 1_400_000)
	shop = rng.choice(SHOPS)
	found = {
		"transactionId": f"T{_reference(account, index)}",
		"entryReference": _reference(account, index),
		"bookingDate": str(day),
		"valueDate": str(day),
		"transactionAmount": {"currency": account.currency, "amount": cents(amount)},
		"creditorName" if amount < 0 else "debtorName": shop if amount < 0 else "משכורת",
		"remittanceInformationUnstructured": f"{shop} {day:%d/%m}",
		"bankTransactionCode": "PMNT-CCRD-POSD" if amount < 0 else "PMNT-RCDT-SALA",
	}
	return found


def _card_entry(rng: random.Random, account: Account, index: int, day: date) -> dict[str, Any]:
	amount = {"currency": account.currency, "amount": cents(-rng.randrange(500, 90_000))}
	return {
		"cardTransactionId": f"C{_reference(account, index)}",
		"transactionDate": str(day - timedelta(days=1)),
		"bookingDate": str(day),
		"transactionAmount": amount,
		"originalAmount": amount,
		"cardAcceptorId": f"{rng.randrange(10**7):07d}",
		"merchantCategoryCode": rng.choice(("5411", "5912", "4111", "5814")),
		"transactionDetails": rng.choice(SHOPS),
		"maskedPAN": account.number,
		"invoiced": index % 3 == 0,
	}
