"""Accounts, cards and credit contracts as the gateway's plain data (A.2, A.4, A.5; version 1: A.6)."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from bank_api.connectors import values, verbatim
from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.model import AccountData, LoanDetails
from bank_api.connectors.quanto import ofb_paths
from bank_api.connectors.quanto.ofb_values import REAIS, day, money, word
from bank_api.connectors.quanto.parsing import needed

# In the words that clients know from other providers. A prepaid payment account is used like a current account.
_ACCOUNT_TYPES = {
	"CONTA_DEPOSITO_A_VISTA": "checking",
	"CONTA_POUPANCA": "savings",
	"CONTA_PAGAMENTO_PRE_PAGA": "checking",
}


class Kind(NamedTuple):
	"""One kind of thing that holds money.

	Attributes:
		resource: its word in the list of resources.
		api: its Open Finance API.
		limit: beginning of the keys of its monthly limits.
		permission: beginning of its permissions.
		collection: path of its list below the API.
		id_field: where its id is.
		standing: path, member of the payload and permission of what tells how it stands.
	"""

	resource: str
	api: str
	limit: str
	permission: str
	collection: str
	id_field: str
	standing: tuple[str, str, str]

	@property
	def is_contract(self) -> bool:
		"""Whether it is a credit operation."""
		return self.collection == "contracts"

	@property
	def is_account(self) -> bool:
		"""Whether it is an account, and no card."""
		return self.id_field == "accountId"

	@property
	def list_path(self) -> str:
		"""Path of its list."""
		return f"{self.api}/{self.collection}"

	@property
	def placeholder(self) -> str:
		"""What its id is called in paths."""
		return {"accountId": "account", "creditCardAccountId": "card"}.get(self.id_field, "contract")

	def path(self, tail: str = "") -> str:
		"""Path of one of them, or of what is below it."""
		return f"{self.list_path}/{{{self.placeholder}}}" + (f"/{tail}" if tail else "")


def _contract(resource: str, api: str, limit: str) -> Kind:
	permission = (
		"UNARRANGED_ACCOUNTS_OVERDRAFT" if api == ofb_paths.OVERDRAFTS else api.upper().replace("-", "_")
	)
	standing = ("payments", "payments", f"{permission}_PAYMENTS_READ")
	return Kind(resource, api, limit, permission, "contracts", "contractId", standing)


KINDS: dict[str, Kind] = {
	kind.resource: kind
	for kind in (
		Kind(
			"ACCOUNT",
			ofb_paths.ACCOUNTS,
			"accounts",
			"ACCOUNTS",
			"accounts",
			"accountId",
			("balances", "balances", "ACCOUNTS_BALANCES_READ"),
		),
		Kind(
			"CREDIT_CARD_ACCOUNT",
			ofb_paths.CARDS,
			"cards",
			"CREDIT_CARDS_ACCOUNTS",
			"accounts",
			"creditCardAccountId",
			("limits", "limits", "CREDIT_CARDS_ACCOUNTS_LIMITS_READ"),
		),
		_contract("LOAN", ofb_paths.LOANS, "loans"),
		_contract("FINANCING", ofb_paths.FINANCINGS, "financings"),
		_contract("INVOICE_FINANCING", ofb_paths.INVOICE_FINANCINGS, "invoice-financings"),
		_contract("UNARRANGED_ACCOUNT_OVERDRAFT", ofb_paths.OVERDRAFTS, "overdrafts"),
	)
}


def describe(
	kind: Kind, consent_id: str, object_id: str, payload: str, *, partial: bool, is_pro: bool
) -> AccountData:
	"""One account, card or contract out of everything that was read of it.

	Args:
		kind: which kind.
		consent_id: the consent that reaches it.
		object_id: its id.
		payload: the list's object, joined with the detail's members and with how it stands; of a partial one, what was read.
		partial: whether the description was not asked for this time.
		is_pro: whether the consent is a company's.

	Raises:
		MalformedResponse: an amount or a date in it is none.
	"""
	row = verbatim.parse_object(payload)
	if kind.is_contract:
		return _contract_data(consent_id, object_id, row, payload, partial, is_pro)
	if kind.id_field == "creditCardAccountId":
		return _card(consent_id, object_id, row, payload, partial, is_pro)
	return _account(consent_id, object_id, row, payload, partial, is_pro)


def joined(base: str, more: Mapping[str, str]) -> str:
	"""An object's text with further members, each as received; members that it has stay."""
	own = verbatim.members(base)
	missing = {name: text for name, text in more.items() if name not in own}
	return verbatim.replace_members(base, missing) if missing else base


def without_releases(payments: str) -> str:
	"""What a contract's payments tell of how it stands, without the payments themselves, which are transactions."""
	kept = [
		f"{verbatim.dumps(name)}:{text}"
		for name, text in verbatim.members(payments).items()
		if name != "releases"
	]
	return "{" + ",".join(kept) + "}"


def object_id(kind: Kind, row: dict[str, Any]) -> str:
	"""The id of a list's object.

	Raises:
		MalformedResponse: there is none.
	"""
	return needed(row, kind.id_field, "id of an account")


def _account(
	consent_id: str, identifier: str, row: dict[str, Any], payload: str, partial: bool, is_pro: bool
) -> AccountData:
	standing = row.get("balances")
	standing = standing if isinstance(standing, dict) else {}
	available, unit = money(standing, "availableAmount")
	return AccountData(
		provider_account_id=identifier,
		provider_item_id=consent_id,
		name=_account_name(row),
		account_type=_ACCOUNT_TYPES.get(word(row, "type"), "" if partial else "checking"),
		currency=word(row, "currency").upper() or unit or ("" if partial else REAIS),
		balance=available,
		payload=payload,
		reference=account_reference(row),
		instant_balance=available,
		is_pro=is_pro,
		updated_at=_instant(standing.get("updateDateTime")),
		partial=partial,
	)


def account_reference(row: dict[str, Any]) -> str | None:
	"""What an account is known by for good: bank, branch, number and check digit; a payment account has no branch (A.2)."""
	number = word(row, "number")
	parts = (word(row, "compeCode"), word(row, "branchCode"), number, word(row, "checkDigit"))
	return "-".join(part for part in parts if part) if number else None


def _account_name(row: dict[str, Any]) -> str:
	number = "-".join(filter(None, (word(row, "number"), word(row, "checkDigit"))))
	return " ".join(filter(None, (word(row, "brandName"), word(row, "branchCode"), number)))


def _card(
	consent_id: str, identifier: str, row: dict[str, Any], payload: str, partial: bool, is_pro: bool
) -> AccountData:
	used, unit = _used(row.get("limits"))
	return AccountData(
		provider_account_id=identifier,
		provider_item_id=consent_id,
		name=word(row, "name"),
		account_type="" if partial else "card",
		currency=unit or ("" if partial else REAIS),
		# What has been spent is owed.
		balance=None if used is None else -used,
		payload=payload,
		reference=None if partial else identifier,
		is_pro=is_pro,
		partial=partial,
	)


def _used(limits: Any) -> tuple[Decimal | None, str]:
	"""What is used of a card account's whole limit: one that all cards share is listed with each of them, limits of their
	own are summed up (A.4, `consolidationType`)."""
	rows = [row for row in limits if isinstance(row, dict)] if isinstance(limits, list) else []
	whole = [row for row in rows if word(row, "creditLineLimitType") == "LIMITE_CREDITO_TOTAL"]
	shared = [row for row in whole if word(row, "consolidationType") == "CONSOLIDADO"]
	amounts = [money(row, "usedAmount") for row in (shared[:1] or whole)]
	found = [(amount, unit) for amount, unit in amounts if amount is not None]
	if not found or len({unit for _, unit in found}) > 1:
		return None, ""
	return sum((amount for amount, _ in found), Decimal(0)), found[0][1]


def _contract_data(
	consent_id: str, identifier: str, row: dict[str, Any], payload: str, partial: bool, is_pro: bool
) -> AccountData:
	payments = row.get("payments")
	owed, _ = money(payments if isinstance(payments, dict) else {}, "contractOutstandingBalance")
	return AccountData(
		provider_account_id=identifier,
		provider_item_id=consent_id,
		name=word(row, "productName") or word(row, "productSubType"),
		account_type="" if partial else "loan",
		currency=word(row, "currency").upper() or ("" if partial else REAIS),
		balance=None if owed is None else -owed,
		payload=payload,
		reference=word(row, "contractNumber") or None,
		is_pro=is_pro,
		loan=LoanDetails(
			loan_type=word(row, "productSubType") or None,
			borrowed_capital=money(row, "contractAmount")[0],
			remaining_capital=owed,
			interest_rate=_yearly_rate(row.get("interestRates")),
			opening_date=day(row, "contractDate"),
			maturity_date=day(row, "dueDate"),
			next_payment_amount=money(row, "nextInstalmentAmount")[0],
		),
		partial=partial,
	)


def _yearly_rate(rates: Any) -> Decimal | None:
	"""The rate a year in per cent, if the contract has one: a rate by the month, or after an index, has no such number.

	The standard writes rates as fractions (A.5, `0.600000` is 60 %).
	"""
	rows = [row for row in rates if isinstance(row, dict)] if isinstance(rates, list) else []
	yearly = {
		values.exact(row.get("preFixedRate")) for row in rows if word(row, "taxPeriodicity") == "AA"
	} - {None}
	if len(yearly) != 1 or any(word(row, "postFixedRate") not in ("", "0.000000") for row in rows):
		return None
	rate = yearly.pop()
	return None if rate is None else rate * 100


def _instant(value: Any) -> datetime | None:
	try:
		return values.instant(value)
	except MalformedResponse:
		return None  # an account is not lost for a date that only says how old a balance is
