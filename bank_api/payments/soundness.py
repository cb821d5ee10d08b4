"""What makes a payment one that any bank could carry out, whoever sends it and whenever.

These rules need no calendar and no customer. A writer refuses a batch that breaks one of them, validated or not.
Sources: kb_batch.md, 5.0, 5.3 (rules of domestic, SEPA and foreign payments), 5.4.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal

from bank_api.payments import accounts, texts
from bank_api.payments.currencies import CURRENCIES, places
from bank_api.payments.findings import MOST_FINDINGS, Finding, InvalidBatch, finding
from bank_api.payments.iban_structures import EEA_COUNTRIES, SEPA_COUNTRIES
from bank_api.payments.model import Address, Batch, Charges, Operation, Party, Payment, Priority, Scheme

MESSAGE_LENGTH = 140
NAME_LENGTH = 70
REFERENCE_LENGTH = 35
LARGEST = Decimal("9999999999999.99")
"""Thirteen digits before the point: what BEST carries; KB's JSON takes one more."""

_ADDRESS = {"street": 70, "building": 16, "postcode": 16, "town": 35, "region": 35}
_SYMBOLS = {"variable_symbol": 10, "constant_symbol": 4, "specific_symbol": 10, "own_variable_symbol": 10}


def require(batch: Batch) -> None:
	"""Refuse a batch with a payment that nobody could carry out; what was found sound is not looked at again.

	Raises:
		InvalidBatch: with every reason.
	"""
	if batch.sound:
		return
	found = list(findings(batch))
	if found:
		raise InvalidBatch(found)


def findings(batch: Batch, most: int = MOST_FINDINGS) -> list[Finding]:
	"""What no bank could carry out, at most so many."""
	if batch.sound:
		return []
	if not batch.payments:
		return [finding("batch_empty")]
	found: list[Finding] = []
	for index, payment in enumerate(batch.payments):
		found.extend(one.at(index) for one in of_payment(payment))
		if len(found) >= most:
			return found[:most]
	if not found:
		batch.mark_sound()
	return found


def of_payment(payment: Payment) -> Iterator[Finding]:
	"""What speaks against one payment."""
	swift = payment.scheme is not Scheme.DOMESTIC
	yield from _amount(payment)
	yield from _account(payment)
	yield from _SCHEMES[payment.scheme](payment)
	yield from _symbols(payment)
	yield from _texts(payment, swift)
	yield from _party(payment.partner, "partner", swift)
	yield from _party(payment.owner, "owner", swift)
	if bank := payment.partner_bank:
		if bank.bic and not accounts.is_bic(bank.bic):
			yield finding("bic_invalid", "partner_bank.bic")
		yield from _party(Party(bank.name, bank.address), "partner_bank", swift)


def _amount(payment: Payment) -> Iterator[Finding]:
	amount = payment.amount
	for name in ("currency", "own_currency", "partner_currency"):
		code = getattr(payment, name)
		if code not in CURRENCIES and (code or name == "currency"):
			yield finding("currency_unknown", name)
	if not amount.is_finite() or amount <= 0:
		yield finding("amount_not_positive", "amount")
	elif amount > LARGEST:
		yield finding("amount_too_large", "amount", most=LARGEST)
	elif amount.as_tuple().exponent != -2 or (not places(payment.currency) and amount % 1):
		yield finding("amount_places", "amount", currency=payment.currency, places=places(payment.currency))


def _account(payment: Payment) -> Iterator[Finding]:
	if not accounts.is_czech_iban(payment.account):
		yield finding("account_invalid", "account")
	elif payment.account == payment.partner_account:
		yield finding("account_same", "partner_account")


def _domestic(payment: Payment) -> Iterator[Finding]:
	if not accounts.is_iban(payment.partner_account):
		yield finding("account_invalid", "partner_account")
	elif payment.partner_account[:2] != "CZ":
		yield finding("account_not_czech", "partner_account")
	elif payment.currency != "CZK" and payment.partner_account[4:8] != payment.account[4:8]:
		yield finding("currency_not_czk", "currency")
	if payment.charges is not Charges.SHARED:
		yield finding("scheme_charges", "charges")
	if payment.priority is Priority.INSTANT and (
		payment.currency != "CZK" or payment.operation is Operation.COLLECTION
	):
		yield finding("scheme_priority", "priority")


def _sepa(payment: Payment) -> Iterator[Finding]:
	yield from _abroad(payment)
	if payment.currency != "EUR":
		yield finding("currency_not_eur", "currency")
	if payment.charges is not Charges.SHARED:
		yield finding("scheme_charges", "charges")
	if not accounts.is_iban(payment.partner_account):
		yield finding("account_invalid", "partner_account")
	elif payment.partner_account[:2] not in SEPA_COUNTRIES:
		yield finding("account_not_sepa", "partner_account", country=payment.partner_account[:2])


def _foreign(payment: Payment) -> Iterator[Finding]:
	yield from _abroad(payment)
	if not accounts.is_foreign_number(payment.partner_account):
		yield finding("account_invalid", "partner_account")
	address = payment.partner.address if payment.partner else None
	if not (address and address.street and address.town and address.country):
		yield finding("address_missing", "partner.address")
	bank = payment.partner_bank
	where = bank.address if bank else None
	if not bank or not (bank.bic or (bank.name and where and where.town and where.country)):
		yield finding("bank_missing", "partner_bank")
	if _country_of_bank(payment) in EEA_COUNTRIES:
		if payment.charges is not Charges.SHARED:
			yield finding("charges_eea", "charges")
		if payment.currency == "EUR" and not accounts.is_iban(payment.partner_account):
			yield finding("account_needs_iban", "partner_account")


def _abroad(payment: Payment) -> Iterator[Finding]:
	if payment.operation is not Operation.TRANSFER:
		yield finding("scheme_operation", "operation")
	if payment.priority is Priority.INSTANT:
		yield finding("scheme_priority", "priority")
	if not (payment.partner and payment.partner.name):
		yield finding("name_missing", "partner.name")


_SCHEMES: dict[Scheme, Callable[[Payment], Iterator[Finding]]] = {
	Scheme.DOMESTIC: _domestic,
	Scheme.SEPA: _sepa,
	Scheme.FOREIGN: _foreign,
}


def _country_of_bank(payment: Payment) -> str:
	if accounts.is_iban(payment.partner_account):
		return payment.partner_account[:2]
	bank = payment.partner_bank
	if bank and bank.bic:
		return bank.bic[4:6]
	return bank.address.country if bank and bank.address else ""


def _symbols(payment: Payment) -> Iterator[Finding]:
	for name, most in _SYMBOLS.items():
		symbol = getattr(payment, name)
		if symbol and not (symbol.isascii() and symbol.isdigit() and len(symbol) <= most):
			yield finding("symbol_invalid", name, most=most)


def _texts(payment: Payment, swift: bool) -> Iterator[Finding]:
	for name, most in (("message", MESSAGE_LENGTH), ("own_note", 30)):
		if found := texts.check(getattr(payment, name), name, most, swift=swift):
			yield found
	for name in ("reference", "end_to_end_id"):
		text = getattr(payment, name)
		if found := texts.check(text, name, REFERENCE_LENGTH, swift=True):
			yield found
		elif text.startswith("/") or text.endswith("/") or "//" in text:
			yield finding("reference_slash", name)


def _party(party: Party | None, where: str, swift: bool) -> Iterator[Finding]:
	if party is None:
		return
	if found := texts.check(party.name, f"{where}.name", NAME_LENGTH, swift=swift):
		yield found
	if party.address is not None:
		yield from _address(party.address, f"{where}.address", swift)


def _address(address: Address, where: str, swift: bool) -> Iterator[Finding]:
	for name, most in _ADDRESS.items():
		if found := texts.check(getattr(address, name), f"{where}.{name}", most, swift=swift):
			yield found
	if not (address.town and address.country):
		yield finding("address_incomplete", where)
	if address.country and not (
		len(address.country) == 2
		and address.country.isascii()
		and address.country.isalpha()
		and address.country.isupper()
	):
		yield finding("country_invalid", f"{where}.country")
