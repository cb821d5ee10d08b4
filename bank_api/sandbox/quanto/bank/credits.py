"""Credit operations: four APIs with one layout (appendix A.5)."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from bank_api.sandbox.data import cents, generator
from bank_api.sandbox.quanto.bank.accounts import resource_id
from bank_api.sandbox.quanto.bank.directory import Bank
from bank_api.sandbox.quanto.bank.model import FINANCING, INVOICE, LOAN, OVERDRAFT, Product
from bank_api.sandbox.quanto.stamps import months_after

Row = dict[str, Any]


@dataclass(frozen=True)
class Kind:
	"""What a contract of one API says of itself."""

	type: str
	name: str
	types: dict[str, str]
	instalments: int
	paid: int
	least: int
	most: int
	updated: bool = False  # loans alone tell when the balance was worked out


KINDS = (
	Kind(
		LOAN,
		"Crédito Pessoal",
		{
			"productType": "EMPRESTIMOS",
			"productSubType": "CREDITO_PESSOAL_SEM_CONSIGNACAO",
			"productSubTypeCategory": "CREDITO_PESSOAL_CLEAN",
		},
		24,
		9,
		500_000,
		5_000_000,
		updated=True,
	),
	Kind(
		FINANCING,
		"Financiamento de Veículo",
		{"productType": "FINANCIAMENTOS", "productSubType": "AQUISICAO_BENS_VEICULOS_AUTOMOTORES"},
		48,
		17,
		2_000_000,
		9_000_000,
	),
	Kind(
		INVOICE,
		"Desconto de Duplicatas",
		{"productType": "DIREITOS_CREDITORIOS_DESCONTADOS", "productSubType": "DESCONTO_DUPLICATAS"},
		6,
		2,
		300_000,
		2_000_000,
	),
	Kind(
		OVERDRAFT,
		"Adiantamento a Depositantes",
		{"productType": "ADIANTAMENTO_A_DEPOSITANTES", "productSubType": "ADIANTAMENTO_A_DEPOSITANTES"},
		3,
		1,
		30_000,
		400_000,
	),
)


def make(seed: int, bank: Bank, document: str, today: date) -> Iterator[tuple[Product, list[Row]]]:
	"""Make a customer's contracts at a bank: all four kinds at the first, a loan at the other.

	Args:
		seed: The sandbox's.
		bank: Where.
		document: Whose.
		today: The sandbox's day.

	Yields:
		Each contract; it has no transactions.
	"""
	for kind in KINDS if bank.key == "ipe" else KINDS[:1]:
		rng = generator(seed, "ofb credit", bank.key, document, kind.type)
		yield _contract(rng, bank, document, kind, today), []


def _contract(rng: random.Random, bank: Bank, document: str, kind: Kind, today: date) -> Product:
	amount = rng.randrange(kind.least, kind.most)
	begin = months_after(today, -kind.paid - 1)
	number = f"{rng.randrange(10**13):013d}"
	ipoc = f"{bank.ispb}{rng.randrange(10**4):04d}{number}"
	contract_id = resource_id(rng)
	listed = {
		"contractId": contract_id,
		"brandName": bank.name,
		"companyCnpj": bank.cnpj,
		**kind.types,
		"ipocCode": ipoc,
	}
	detail = {
		"contractNumber": number,
		"ipocCode": ipoc,
		"productName": kind.name,
		**kind.types,
		"contractDate": str(begin),
		"disbursementDates": [str(begin)],
		"contractAmount": cents(amount),
		"currency": "BRL",
		"dueDate": str(months_after(begin, kind.instalments)),
		"instalmentPeriodicity": "MENSAL",
		"firstInstalmentDueDate": str(months_after(begin, 1)),
		"CET": f"0.{rng.randrange(150_000, 450_000):06d}",
		"amortizationScheduled": "PRICE",
		"interestRates": [_interest(rng)],
		"contractedFees": [
			{
				"feeName": "Abertura de crédito",
				"feeCode": "TAC",
				"feeChargeType": "UNICA",
				"feeCharge": "FIXO",
				"feeAmount": cents(rng.randrange(5_000, 40_000)),
			}
		],
		"contractedFinanceCharges": [{"chargeType": "MULTA_ATRASO_PAGAMENTO", "chargeRate": "0.020000"}],
		"hasInsuranceContracted": False,
	}
	parts = {
		"warranties": _warranties(amount),
		"scheduled-instalments": _instalments(kind),
		"payments": _payments(rng, kind, amount, begin, today),
	}
	return Product(contract_id, bank.key, document, kind.type, listed, detail, parts)


def _interest(rng: random.Random) -> Row:
	return {
		"taxType": "EFETIVA",
		"interestRateType": "COMPOSTO",
		"taxPeriodicity": "AM",
		"calculation": "30/360",
		"referentialRateIndexerType": "PRE_FIXADO",
		"referentialRateIndexerSubType": "PRE_FIXADO",
		"preFixedRate": f"0.{rng.randrange(9_000, 60_000):06d}",
	}


def _warranties(amount: int) -> list[Row]:
	return [
		{
			"currency": "BRL",
			"warrantyType": "GARANTIA_FIDEJUSSORIA",
			"warrantySubType": "PESSOA_FISICA",
			"warrantyAmount": cents(amount),
		}
	]


def _instalments(kind: Kind) -> Row:
	return {
		"typeNumberOfInstalments": "MES",
		"totalNumberOfInstalments": kind.instalments,
		"typeContractRemaining": "MES",
		"contractRemainingNumber": kind.instalments - kind.paid,
		"paidInstalments": kind.paid,
		"dueInstalments": kind.instalments - kind.paid,
		"pastDueInstalments": 0,
	}


def _payments(rng: random.Random, kind: Kind, amount: int, begin: date, today: date) -> Row:
	each = amount // kind.instalments
	outstanding = amount - each * kind.paid
	found: Row = {"paidInstalments": kind.paid, "contractOutstandingBalance": cents(outstanding)}
	if kind.updated:
		found["lastUpdatedContractOutstandingBalance"] = f"{today}T03:00:00.000Z"
		found["totalRemainingAmount"] = cents(outstanding * 11 // 10)
	found["releases"] = [
		_release(rng, number, each, months_after(begin, number)) for number in range(1, kind.paid + 1)
	]
	return found


def _release(rng: random.Random, number: int, amount: int, day: date) -> Row:
	row: Row = {
		"paymentId": resource_id(rng),
		"isOverParcelPayment": number == 1,
		"instalmentId": f"parcela-{number}",
		"paidDate": str(day),
		"currency": "BRL",
		"paidAmount": cents(amount),
	}
	if number == 1:
		row["overParcel"] = {
			"fees": [{"feeName": "Abertura de crédito", "feeCode": "TAC", "feeAmount": "12.34"}],
			"charges": [{"chargeType": "IOF_CONTRATACAO", "chargeAmount": "0.99"}],
		}
	return row
