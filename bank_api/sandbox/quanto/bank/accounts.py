"""Accounts and their transactions (appendix A.2)."""

import random
import string
import uuid
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from bank_api.sandbox.data import cents, generator
from bank_api.sandbox.quanto.bank.directory import Bank
from bank_api.sandbox.quanto.bank.model import ACCOUNT, Product
from bank_api.sandbox.quanto.bank.texts_data import BILLERS, COMPANIES, FIRST, LAST, NASTY, SHOPS
from bank_api.sandbox.quanto.stamps import exact_stamp

BOOKED, FUTURE, PROCESSING = "TRANSACAO_EFETIVADA", "LANCAMENTO_FUTURO", "TRANSACAO_PROCESSANDO"
CHECKING, SAVINGS, PREPAID = "CONTA_DEPOSITO_A_VISTA", "CONTA_POUPANCA", "CONTA_PAGAMENTO_PRE_PAGA"
# Type, sign, least and most in cents, source of the name, whether a counterparty is named.
_KINDS: tuple[tuple[str, str, int, int, tuple[str, ...], bool], ...] = (
	("PIX", "DEBITO", 500, 90_000, FIRST, True),
	("PIX", "CREDITO", 500, 120_000, FIRST, True),
	("CARTAO", "DEBITO", 300, 40_000, SHOPS, False),
	("BOLETO", "DEBITO", 4_000, 150_000, BILLERS, False),
	("CONVENIO_ARRECADACAO", "DEBITO", 2_000, 60_000, BILLERS, False),
	("TED", "CREDITO", 10_000, 700_000, COMPANIES, True),
	("TRANSFERENCIA_MESMA_INSTITUICAO", "DEBITO", 1_000, 200_000, LAST, True),
	("SAQUE", "DEBITO", 2_000, 50_000, ("SAQUE BANCO24HORAS",), False),
	("TARIFA_SERVICOS_AVULSOS", "DEBITO", 100, 3_000, ("TARIFA 2A VIA CARTÃO",), False),
	("RENDIMENTO_APLIC_FINANCEIRA", "CREDITO", 1, 4_000, ("RENDIMENTO",), False),
)


def identifier(rng: random.Random, length: int = 31) -> str:
	"""Make an id as OFB allows it."""
	return "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(length))


def resource_id(rng: random.Random) -> str:
	"""Make the id of a resource: a UUID, the same for the customer's whole time at the bank."""
	return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def make(
	seed: int, bank: Bank, document: str, today: date, transactions: int
) -> Iterator[tuple[Product, list[dict[str, Any]]]]:
	"""Make a customer's accounts at a bank.

	Args:
		seed: The sandbox's.
		bank: Where.
		document: Whose.
		today: The sandbox's day.
		transactions: About how many the main account has.

	Yields:
		Each account with its transactions.
	"""
	company = len(document) == 14
	kinds = [(CHECKING, transactions), (PREPAID if company else SAVINGS, max(3, transactions // 10))]
	for index, (kind, count) in enumerate(kinds):
		rng = generator(seed, "ofb account", bank.key, document, index)
		product = _account(rng, bank, document, kind, main=index == 0)
		yield product, _entries(rng, count, today, awkward=index == 0)


def _account(rng: random.Random, bank: Bank, document: str, kind: str, *, main: bool) -> Product:
	numbers = {
		"compeCode": bank.compe,
		"number": f"{rng.randrange(10**8):08d}",
		"checkDigit": rng.choice("0123456789X"),
	}
	if kind != PREPAID:
		numbers["branchCode"] = f"{rng.randrange(1, 10**4):04d}"
	account_id = resource_id(rng)
	listed = {
		"brandName": bank.name,
		"companyCnpj": bank.cnpj,
		"type": kind,
		**numbers,
		"accountId": account_id,
	}
	detail = {**numbers, "type": kind, "subtype": "INDIVIDUAL", "currency": "BRL"}
	parts: dict[str, Any] = {"main": main, "overdraft-limits": {}}
	if kind == CHECKING:
		limit = rng.randrange(5, 60) * 100_00
		used = rng.randrange(0, limit)
		parts["overdraft-limits"] = {
			name: {"amount": cents(value), "currency": "BRL"}
			for name, value in (
				("overdraftContractedLimit", limit),
				("overdraftUsedLimit", used),
				("unarrangedOverdraftAmount", 0),
			)
		}
		parts |= {"blocked": cents(rng.randrange(0, 50_000)), "invested": cents(rng.randrange(0, 900_000))}
	return Product(
		account_id, bank.key, document, ACCOUNT, listed, detail, parts, cents(rng.randrange(10**7))
	)


def _entries(rng: random.Random, count: int, today: date, *, awkward: bool) -> list[dict[str, Any]]:
	end = datetime.combine(today, time(3, 0))
	step = timedelta(days=360) / max(1, count)
	found = [_entry(rng, end - step * (number + rng.random())) for number in range(count)]
	if awkward:
		found += _awkward(rng, end, found)
	return found


def _entry(rng: random.Random, when: datetime, status: str = BOOKED) -> dict[str, Any]:
	kind, sign, least, most, names, named = rng.choice(_KINDS)
	entry = {
		"transactionId": identifier(rng),
		"completedAuthorisedPaymentType": status,
		"creditDebitType": sign,
		"transactionName": _name(rng, kind, names),
		"type": kind,
		"transactionAmount": {"amount": cents(rng.randrange(least, most)), "currency": "BRL"},
		"transactionDateTime": exact_stamp(when),
	}
	if named:
		entry |= _party(rng, company=names is COMPANIES)
	return entry


def _name(rng: random.Random, kind: str, names: tuple[str, ...]) -> str:
	name = rng.choice(names)
	if names is FIRST:
		name = f"{name} {rng.choice(LAST)}"
	return f"{kind.replace('_', ' ')} {name}"[:200]


def _party(rng: random.Random, *, company: bool) -> dict[str, str]:
	digits = 14 if company else 11
	return {
		"partieCnpjCpf": f"{rng.randrange(10**digits):0{digits}d}",
		"partiePersonType": "PESSOA_JURIDICA" if company else "PESSOA_NATURAL",
		"partieCompeCode": rng.choice(("001", "033", "104", "237", "260")),
		"partieBranchCode": f"{rng.randrange(1, 10**4):04d}",
		"partieNumber": f"{rng.randrange(10**8):08d}",
		"partieCheckDigit": str(rng.randrange(10)),
	}


def _awkward(rng: random.Random, end: datetime, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
	"""Make rows that careless code gets wrong: twins, four decimals, huge, odd texts, future, processing."""
	twin = _entry(rng, end - timedelta(days=20))
	rows = [twin, {**twin, "transactionId": identifier(rng)}]
	for index, text in enumerate(NASTY):
		rows.append({**_entry(rng, end - timedelta(days=30 + index)), "transactionName": text})
	for index, amount in enumerate(("0.0049", "10.0050", "123456789012.34", "0.00")):
		row = _entry(rng, end - timedelta(days=50 + index))
		rows.append({**row, "transactionAmount": {"amount": amount, "currency": "BRL"}})
	rows.append(_entry(rng, end + timedelta(days=5), FUTURE))
	rows.append(_entry(rng, end + timedelta(days=40), FUTURE))
	rows.append(_entry(rng, end, PROCESSING))
	return rows
