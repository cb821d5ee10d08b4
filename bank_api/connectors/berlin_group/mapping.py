"""Accounts, cards and loans as the gateway's plain data (4.2, 4.3, 4.6, 4.7)."""

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any, NamedTuple

from bank_api.connectors.berlin_group import parsing
from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.model import AccountData, LoanDetails

# ISO 20022 ExternalCashAccountType1Code in the words that clients know from other providers.
_TYPES = {
	"CACC": "checking",
	"SVGS": "savings",
	"LLSV": "savings",
	"ONDP": "savings",
	"LOAN": "loan",
	"CARD": "card",
	"MOMA": "securities",
}
_DEFAULT_TYPES = {"loans": "loan", "accounts": "checking", "card-accounts": "card"}
# What the account stands at, best first; and the two that have a field of their own.
_BALANCES = (
	"closingBooked",
	"interimBooked",
	"expected",
	"interimAvailable",
	"closingAvailable",
	"forwardAvailable",
	"openingBooked",
	"nonInvoiced",
	"authorised",
)
_BOOKED = ("closingBooked", "interimBooked", "openingBooked", "previouslyClosedBooked")
_INSTANT = ("interimAvailable", "expected", "forwardAvailable", "closingAvailable")


class Balance(NamedTuple):
	"""One balance; `order` tells the later of two of the same type."""

	kind: str
	amount: Decimal
	currency: str
	order: str
	changed: datetime | None


def account(row: dict[str, Any], payload: str, kind: str, consent_id: str, today: date) -> AccountData:
	"""One account, card or loan.

	Args:
		row: its object.
		payload: its text as received.
		kind: key of its `resources.Kind`.
		consent_id: the consent that reaches it.
		today: the provider's day, for the interest that holds now.

	Raises:
		MalformedResponse: it lacks its id, or an amount is none.
	"""
	found = balances(row.get("balances"), parsing.text(row.get("currency")) or "")
	currency = (parsing.text(row.get("currency")) or "").upper()
	if currency in ("", "XXX"):
		currency = found[0].currency if found else currency
	code = (
		parsing.text(row.get("cashAccountType")) or parsing.text(row.get("cashaccounttype")) or ""
	).upper()
	account_type = _TYPES.get(code, code.lower()) if code else _DEFAULT_TYPES[kind]
	number = parsing.own_number(row)
	balance = _best(found, _BALANCES) or (found[0] if found else None)
	status = parsing.word(row.get("status"))
	return AccountData(
		provider_account_id=resource_id(row),
		provider_item_id=consent_id,
		name=_name(row, number or parsing.text(row.get("iban"))),
		account_type=account_type,
		currency=currency,
		balance=balance.amount if balance else None,
		payload=payload,
		iban=parsing.text(row.get("iban")),
		reference=number,
		accounting_balance=_amount(_best(found, _BOOKED)),
		instant_balance=_amount(_best(found, _INSTANT)),
		is_pro=str(row.get("usage") or "").upper() == "ORGA",
		shared=status != "deleted",
		updated_at=max((one.changed for one in found if one.changed), default=None),
		loan=_loan(row, balance, today) if kind == "loans" or account_type == "loan" else None,
	)


def resource_id(row: dict[str, Any]) -> str:
	"""The id for the path, which is not the loan's number (4.6).

	Raises:
		MalformedResponse: there is none.
	"""
	return parsing.required_text(row.get("resourceId"), "id of an account")


def balances(value: Any, currency: str) -> list[Balance]:
	"""The balances of an account that have an amount; those in the account's own currency first.

	Raises:
		MalformedResponse: an amount is none.
	"""
	if isinstance(value, dict):
		value = [value]
	found: list[Balance] = []
	for row in value if isinstance(value, list) else ():
		if isinstance(row, list) and len(row) == 1:
			row = row[0]
		if not isinstance(row, dict):
			raise MalformedResponse("The provider sent a balance that is none.")
		number, unit = parsing.amount(row.get("balanceAmount"))
		if number is None:
			continue
		changed = parsing.instant(row.get("lastChangeDateTime"))
		order = str(row.get("referenceDate") or "")[:10] or (changed.date().isoformat() if changed else "")
		found.append(Balance(parsing.word(row.get("balanceType")), number, unit, order, changed))
	own = currency.upper()
	found.sort(key=lambda one: one.currency != own)
	if own and own != "XXX" and any(one.currency == own for one in found):
		return [one for one in found if one.currency == own]
	return found


def _best(found: list[Balance], kinds: tuple[str, ...]) -> Balance | None:
	"""The latest balance of the first of these kinds that there is."""
	for kind in kinds:
		of_kind = [one for one in found if one.kind == kind]
		if of_kind:
			return max(of_kind, key=lambda one: (one.order, one.changed or _LONG_AGO))
	return None


_LONG_AGO = datetime(1, 1, 1, tzinfo=timezone.utc)


def _amount(balance: Balance | None) -> Decimal | None:
	return balance.amount if balance else None


def _name(row: dict[str, Any], number: str | None) -> str:
	for name in ("displayName", "name", "product", "details"):
		if value := parsing.text(row.get(name)):
			return value
	return number or ""


def _loan(row: dict[str, Any], balance: Balance | None, today: date) -> LoanDetails:
	"""The loan's facts; the standard has no field for instalments (4.6). What is owed is told by either sign, so the
	remaining capital is the balance without it."""
	dates = row.get("relatedDates")
	dates = dates if isinstance(dates, dict) else {}
	return LoanDetails(
		loan_type=parsing.text(row.get("product")),
		remaining_capital=abs(balance.amount) if balance else None,
		interest_rate=_interest(row.get("interest"), today),
		opening_date=parsing.optional_date(dates.get("contractStartDate")),
		maturity_date=parsing.optional_date(dates.get("contractEndDate")),
	)


def _interest(value: Any, today: date) -> Decimal | None:
	"""The rate that holds now, if it is one rate; tiers by amount have no single one."""
	rates: list[Decimal] = []
	for entry in value if isinstance(value, list) else [value]:
		if not isinstance(entry, dict) or not _holds(entry, today):
			continue
		listed = entry.get("rate")
		for rate in listed if isinstance(listed, list) else [listed]:
			number = parsing.amount({"amount": rate.get("percentage")})[0] if isinstance(rate, dict) else None
			if number is not None:
				rates.append(number)
	return rates[0] if len(rates) == 1 else None


def _holds(entry: dict[str, Any], today: date) -> bool:
	start, end = parsing.instant_day(entry.get("fromDateTime")), parsing.instant_day(entry.get("toDateTime"))
	return (start is None or start <= today) and (end is None or today <= end)
