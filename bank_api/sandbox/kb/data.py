"""The simulated company, its people and accounts, and their transactions. Same seed, same values."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from bank_api.sandbox.data import generator, german_iban, iban
from bank_api.sandbox.kb.days import bank_day, is_bank_day
from bank_api.sandbox.kb.model import BOOKED, PENDING, Account, User
from bank_api.sandbox.kb.numbers import BANKS, make

COMPANY, COMPANY_ID = "Ukázková firma s.r.o.", "12345679"
OWNER, CLERK, NO_CHANNEL, BLOCKED = "10000001", "10000002", "10000003", "10000004"
MAIN = "CZ0401000000191000000005"  # 19-1000000005/0100, the account of the protocol file's examples
EURO = make("270000002", "0100").iban
WAGES = make("270000011", "0100").iban
SAVINGS = make("270000021", "0100").iban
CLOSED = make("270000031", "0100").iban
API_NAMES = ("registration", "oauth2", "adaa", "batchda")
_PARTNERS = (
	"DODAVATEL SRO",
	"Pekařství U Dvou koček s.r.o.",
	"ŽĎÁRSKÉ STROJÍRNY A.S.",
	"Ing. Božena Křížová",
	"Účetní kancelář Novotný",
	"Zahradnictví Řehoř & syn",
	"Městský úřad Česká Lípa",
	"Łukasz Żółć Sp. z o.o.",
)
_SHOPS = ("BENZINA BRNO", "ALBERT 0412 PRAHA 6", "CESKA POSTA 16000", "CD PRAHA HL.N.", "IKEA CERNY MOST")


def api_keys(seed: int) -> dict[str, str]:
	"""Return the portal's key of each API; they differ (section 2.2)."""
	return {
		name: f"kb-{name}-{generator(seed, 'kb api key', name).getrandbits(96):024x}" for name in API_NAMES
	}


def accounts() -> list[Account]:
	"""Return the company's accounts; their numbers do not depend on the seed."""
	return [
		Account(MAIN, "CZK", "Hlavní účet", "Profi účet", 5_000_000_00),
		Account(EURO, "EUR", "Účet v eurech", "Běžný účet v cizí měně", 2_500_000_00),
		Account(WAGES, "CZK", "Mzdy", "Běžný účet", 8_000_000_00),
		Account(SAVINGS, "CZK", "Rezerva", "KB Spořicí konto Bonus", 3_000_000_00, payments=False),
		Account(CLOSED, "CZK", "Starý účet", "Běžný účet", 0, status="closed"),
	]


def users() -> list[User]:
	"""Return the people who may act for the company."""
	every = [MAIN, EURO, WAGES, SAVINGS, CLOSED]
	return [
		User(OWNER, "Jana Nováková", every),
		User(CLERK, "Petr Svoboda", [MAIN]),
		User(NO_CHANNEL, "Eva Dvořáková", every, channel=False),
		User(BLOCKED, "Karel Beneš", every, blocked=True),
	]


def entries(
	seed: int, account: Account, count: int, today: date
) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
	"""Make an account's transactions, oldest first.

	Args:
		seed: The sandbox's.
		account: The account.
		count: How many.
		today: They end the day before; two pending ones are of today.

	Yields:
		Status, day, amount in hundredths, members of the object.
	"""
	rng = generator(seed, "kb entries", account.iban)
	begin = today - timedelta(days=180)
	days = sorted(begin + timedelta(days=rng.randrange(179)) for _ in range(count))
	for place, day in enumerate(days):
		amount, data = _entry(rng, account.currency)
		data["references"]["accountServicer"] = f"SIM{rng.randrange(10**12):012d}"
		data["entryReference"] = f"KB-{rng.randrange(10**10):010d}"
		if place % 17 == 5:
			del data["entryReference"]  # it can be missing (section 4.1)
		yield BOOKED, str(_settled(day, data, today)), amount, data
		if place == count // 2 and count > 11:  # a twin without any id
			twin = {name: value for name, value in data.items() if name != "entryReference"}
			twin["references"] = {**data["references"], "accountServicer": ""}
			for _ in range(2):
				yield BOOKED, str(_settled(day, data, today)), amount, dict(twin)
	if count > 11:
		for amount in (-rng.randrange(10_00, 900_00), -rng.randrange(10_00, 900_00)):
			hold = {"holdExpirationDate": str(today + timedelta(days=7))}
			yield PENDING, str(today), amount, _card(rng) | {"cardTransactionDetails": hold}


def _settled(day: date, data: dict[str, Any], today: date) -> date:
	if data["transactionType"] == "CARD" or is_bank_day(day):
		return day
	return min(bank_day(day), today - timedelta(days=1))


def _card(rng: random.Random) -> dict[str, Any]:
	shop = rng.choice(_SHOPS)
	return {
		"transactionType": "CARD",
		"counterParty": {"name": shop},
		"references": {"receiver": ""},
		"additionalTransactionInformation": f"NÁKUP NA INTERNETU, {shop}",
	}


def _entry(rng: random.Random, currency: str) -> tuple[int, dict[str, Any]]:
	kind = rng.choices(("domestic", "card", "fee", "interest", "abroad"), (60, 20, 8, 2, 10))[0]
	if kind == "card":
		return -rng.randrange(50_00, 4_000_00), _card(rng)
	if kind == "fee":
		return -rng.randrange(5_00, 400_00), _plain("FEE", "Poplatek za vedení účtu")
	if kind == "interest":
		return rng.randrange(1, 90_00), _plain("INTEREST", "Úrok")
	amount = rng.randrange(100_00, 90_000_00) * rng.choice((1, -1))
	if kind == "abroad" or currency == "EUR":
		return amount, _abroad(rng, amount, currency)
	return amount, _domestic(rng)


def _plain(kind: str, text: str) -> dict[str, Any]:
	return {"transactionType": kind, "references": {}, "additionalTransactionInformation": text}


def _domestic(rng: random.Random) -> dict[str, Any]:
	bank = rng.choice([code for code in BANKS if code != "0710"])
	number = make(f"{rng.randrange(10**8, 10**9)}", bank, "000019")
	party = {
		"iban": number.iban,
		"name": rng.choice(_PARTNERS),
		"accountNo": f"19-{number.base.lstrip('0')}",
		"bankBic": BANKS[bank][1],
		"bankCode": bank,
		"bankName": BANKS[bank][0],
	}
	references = {
		"variable": f"{rng.randrange(1, 10**10)}",
		"constant": rng.choice(("0308", "0008", "0558", "")),
		"specific": rng.choice(("", f"{rng.randrange(1, 10**6)}")),
		"receiver": rng.choice(("Faktura za služby", "Záloha | druhá část", "Příliš žluťoučký kůň", "")),
	}
	return {
		"transactionType": "DOMESTIC",
		"counterParty": {name: value for name, value in party.items() if value},
		"references": {name: value for name, value in references.items() if value},
		"bankTransactionCode": {"code": "1000010", "issuer": "OTHER"},
	}


def _abroad(rng: random.Random, amount: int, currency: str) -> dict[str, Any]:
	"""A transfer from or to abroad; where it was converted, either amount may be the account's (section 4.1)."""
	data: dict[str, Any] = {
		"transactionType": "SEPA" if currency == "EUR" else "FOREIGN",
		"counterParty": {
			"iban": german_iban(rng, "37040044")
			if rng.random() < 0.7
			else iban("SK", "0900" + "0" * 9 + "1234567"),
			"name": rng.choice(("Müller & Söhne GmbH", "Slovenská spedícia s.r.o.")),
			"bankBic": "COBADEFFXXX",
		},
		"references": {"endToEndIdentification": f"E2E-{rng.randrange(10**9):09d}"},
	}
	if currency != "EUR":
		data["converted"] = {"value": abs(amount) // 25, "currency": "EUR", "swapped": rng.random() < 0.5}
	return data
