"""Registration data of persons and companies (appendix A.3)."""

import random
from datetime import date, timedelta
from typing import Any

from bank_api.sandbox.data import generator
from bank_api.sandbox.quanto.bank.directory import Bank
from bank_api.sandbox.quanto.bank.model import Customer
from bank_api.sandbox.quanto.bank.texts_data import COMPANIES, FIRST, LAST

Row = dict[str, Any]


def make(seed: int, bank: Bank, document: str, users: list[str], today: date) -> Customer:
	"""Make a customer of a bank.

	Args:
		seed: The sandbox's.
		bank: Where.
		document: CPF or CNPJ.
		users: CPFs that may act for the customer.
		today: The sandbox's day.

	Returns:
		The customer with all registration data.
	"""
	rng = generator(seed, "ofb customer", document)  # the same person at every bank
	updated = f"{today - timedelta(days=rng.randrange(20, 300))}T12:00:00Z"
	company = len(document) == 14
	name = rng.choice(COMPANIES) if company else f"{rng.choice(FIRST)} {rng.choice(LAST)}"
	made = (_company if company else _person)(rng, bank, document, name, users, updated)
	side = "business" if company else "personal"
	bodies = {f"{side}/{part}": body for part, body in made.items()}
	return Customer(bank.key, document, f"{name} Ltda" if company else name, users, bodies)


def _key(bank: Bank, rng: random.Random) -> str:
	return f"{bank.key}-{rng.getrandbits(64):016x}"


def _contacts(rng: random.Random, *, company: bool) -> Row:
	address: Row = {
		"isMain": True,
		"address": f"Rua das Palmeiras, {rng.randrange(1, 2000)}",
		"districtName": "Centro",
		"townName": "São Paulo",
		"ibgeTownCode": "3550308",
		"countrySubDivision": "SP",
		"postCode": f"{rng.randrange(1000, 9999):04d}0000"[:8],
		"country": "Brasil",
		"countryCode": "BRA",
	}
	if not company:
		address["additionalInfo"] = f"Apto {rng.randrange(1, 120)}"
	phone = {"isMain": True, "type": "MOVEL", "countryCallingCode": "55", "areaCode": "11"}
	phone["number"] = f"9{rng.randrange(10**8):08d}"
	email = {"isMain": True, "email": f"contato{rng.randrange(10**4)}@sim.example"}
	return {"postalAddresses": [address], "phones": [phone], "emails": [email]}


def _account(rng: random.Random, bank: Bank) -> Row:
	return {
		"compeCode": bank.compe,
		"branchCode": f"{rng.randrange(1, 10**4):04d}",
		"number": f"{rng.randrange(10**8):08d}",
		"checkDigit": str(rng.randrange(10)),
		"type": "CONTA_DEPOSITO_A_VISTA",
		"subtype": "INDIVIDUAL",
	}


def _relations(rng: random.Random, bank: Bank, updated: str) -> Row:
	return {
		"updateDateTime": updated,
		"startDate": f"20{rng.randrange(10, 20)}-03-15T00:00:00Z",
		"productsServicesType": ["CONTA_DEPOSITO_A_VISTA", "CARTAO_CREDITO", "OPERACAO_CREDITO"],
		"procurators": [],
		"accounts": [_account(rng, bank)],
	}


def _person(
	rng: random.Random, bank: Bank, document: str, name: str, users: list[str], updated: str
) -> dict[str, Any]:
	birth = date(1950, 1, 1) + timedelta(days=rng.randrange(19_000))
	identification = {
		"updateDateTime": updated,
		"personalId": _key(bank, rng),
		"brandName": bank.name,
		"civilName": name,
		"birthDate": str(birth),
		"maritalStatusCode": rng.choice(("SOLTEIRO", "CASADO", "DIVORCIADO")),
		"sex": rng.choice(("FEMININO", "MASCULINO")),
		"companiesCnpj": [bank.cnpj],
		"documents": {"cpfNumber": document},
		"otherDocuments": [{"type": "RG", "number": f"{rng.randrange(10**8):08d}", "checkDigit": "X"}],
		"hasBrazilianNationality": True,
		"filiation": [{"type": "MAE", "civilName": f"{rng.choice(FIRST)} {rng.choice(LAST)}"}],
		"contacts": _contacts(rng, company=False),
	}
	income = {"frequency": "MENSAL", "date": updated[:10]}
	qualification = {
		"updateDateTime": updated,
		"companyCnpj": bank.cnpj,
		"occupationCode": "CBO",
		"occupationDescription": "251205",
		"informedIncome": {
			**income,
			"amount": {"amount": f"{rng.randrange(2000, 30000)}.50", "currency": "BRL"},
		},
		"informedPatrimony": {"amount": {"amount": "350000.00", "currency": "BRL"}, "year": int(updated[:4])},
	}
	return {
		"identifications": [identification],
		"qualifications": qualification,
		"financial-relations": _relations(rng, bank, updated),
	}


def _company(
	rng: random.Random, bank: Bank, document: str, name: str, users: list[str], updated: str
) -> dict[str, Any]:
	identification = {
		"updateDateTime": updated,
		"businessId": _key(bank, rng),
		"brandName": bank.name,
		"companyName": f"{name} Ltda",
		"tradeName": name,
		"incorporationDate": "2009-08-20T00:00:00Z",
		"cnpjNumber": document,
		"companiesCnpj": [bank.cnpj],
		"parties": [_party(rng, cpf) for cpf in users],
		"contacts": _contacts(rng, company=True),
	}
	revenue = {"amount": f"{rng.randrange(10**5, 10**7)}.00", "currency": "BRL"}
	qualification = {
		"updateDateTime": updated,
		"economicActivities": [{"code": "4721102", "isMain": True}],
		"informedRevenue": {"frequency": "ANUAL", "amount": revenue, "year": int(updated[:4]) - 1},
		"informedPatrimony": {"amount": {"amount": "900000.00", "currency": "BRL"}, "date": updated[:10]},
	}
	return {
		"identifications": [identification],
		"qualifications": qualification,
		"financial-relations": _relations(rng, bank, updated),
	}


def _party(rng: random.Random, cpf: str) -> Row:
	return {
		"personType": "PESSOA_NATURAL",
		"type": "SOCIO",
		"civilName": f"{rng.choice(FIRST)} {rng.choice(LAST)}",
		"startDate": "2009-08-20T00:00:00Z",
		"shareholding": "0.500000",
		"documentType": "CPF",
		"documentNumber": cpf,
	}
