"""Open Finance Brasil's data paths: what each one is called here, which permission it needs, how it is asked (4.2 to 4.6).

A path here is relative to a consent: `<api>/<rest of the Open Finance path>`, such as `accounts/accounts/{account}/balances`
or `credit-cards-accounts/accounts/{card}/bills`; only the list of resources is `resources` alone. What stands for `<api>` at
Quanto is in `names.Names`.
"""

import re
from typing import NamedTuple

from bank_api.connectors.errors import Unsupported
from bank_api.connectors.quanto.names import Names

RESOURCES = "resources"
EXTENSIONS = "extensions"
ACCOUNTS = "accounts"
CARDS = "credit-cards-accounts"
CUSTOMERS = "customers"
LOANS = "loans"
FINANCINGS = "financings"
INVOICE_FINANCINGS = "invoice-financings"
OVERDRAFTS = "unarranged-accounts-overdraft"
CREDIT_APIS = (LOANS, FINANCINGS, INVOICE_FINANCINGS, OVERDRAFTS)

_NUMBERED = frozenset({"page", "page-size"})
_PAGES = _NUMBERED | {"pagination-key"}
_BOOKING = frozenset({"fromBookingDate", "toBookingDate", "creditDebitIndicator"}) | _PAGES
_CARD_DATES = frozenset({"fromTransactionDate", "toTransactionDate", "transactionType", "payeeMCC"}) | _PAGES
_NONE: frozenset[str] = frozenset()
_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]{0,99}\Z", re.ASCII)


class Endpoint(NamedTuple):
	"""One path.

	Attributes:
		path: relative to a consent, with `{name}` for ids.
		permission: what the consent must contain.
		limit: key of its monthly limit (4.7); empty if it has none.
		parameters: what its query may hold.
	"""

	path: str
	permission: str
	limit: str
	parameters: frozenset[str] = _NONE

	@property
	def is_paged(self) -> bool:
		"""Whether the answer is a list in pages."""
		return "page" in self.parameters

	@property
	def api(self) -> str:
		"""The Open Finance API that it belongs to."""
		return self.path.partition("/")[0]


def _customers() -> list[Endpoint]:
	found = []
	for kind in ("personal", "business"):
		word = kind.upper()
		for rest, permission, parameters in (
			("identifications", f"CUSTOMERS_{word}_IDENTIFICATIONS_READ", _PAGES),
			# The standard spells it so.
			("qualifications", f"CUSTOMERS_{word}_ADITTIONALINFO_READ", _NONE),
			("financial-relations", f"CUSTOMERS_{word}_ADITTIONALINFO_READ", _NONE),
		):
			found.append(Endpoint(f"{CUSTOMERS}/{kind}/{rest}", permission, "customers", parameters))
	return found


def _accounts() -> list[Endpoint]:
	one = f"{ACCOUNTS}/accounts/{{account}}"
	return [
		Endpoint(f"{ACCOUNTS}/accounts", "ACCOUNTS_READ", "accounts/list", _PAGES | {"accountType"}),
		Endpoint(one, "ACCOUNTS_READ", "accounts/detail"),
		Endpoint(f"{one}/balances", "ACCOUNTS_BALANCES_READ", "accounts/balances"),
		Endpoint(f"{one}/reserved-balances", "ACCOUNTS_BALANCES_READ", "accounts/reserved-balances", _PAGES),
		Endpoint(f"{one}/transactions", "ACCOUNTS_TRANSACTIONS_READ", "accounts/transactions", _BOOKING),
		Endpoint(
			f"{one}/transactions-current",
			"ACCOUNTS_TRANSACTIONS_READ",
			"accounts/transactions-current",
			_BOOKING,
		),
		Endpoint(f"{one}/overdraft-limits", "ACCOUNTS_OVERDRAFT_LIMITS_READ", "accounts/overdraft-limits"),
	]


def _cards() -> list[Endpoint]:
	one, may = f"{CARDS}/accounts/{{card}}", "CREDIT_CARDS_ACCOUNTS"
	return [
		Endpoint(f"{CARDS}/accounts", f"{may}_READ", "cards/list", _PAGES),
		Endpoint(one, f"{may}_READ", "cards/detail"),
		Endpoint(f"{one}/limits", f"{may}_LIMITS_READ", "cards/limits"),
		Endpoint(f"{one}/bills", f"{may}_BILLS_READ", "cards/bills", _PAGES | {"fromDueDate", "toDueDate"}),
		Endpoint(
			f"{one}/bills/{{bill}}/transactions",
			f"{may}_BILLS_TRANSACTIONS_READ",
			"cards/bill-transactions",
			_CARD_DATES,
		),
		Endpoint(f"{one}/transactions", f"{may}_TRANSACTIONS_READ", "cards/transactions", _CARD_DATES),
		Endpoint(
			f"{one}/transactions-current",
			f"{may}_TRANSACTIONS_READ",
			"cards/transactions-current",
			_CARD_DATES,
		),
	]


def _credits() -> list[Endpoint]:
	found = []
	for api, may, limit in (
		(LOANS, "LOANS", "loans"),
		(FINANCINGS, "FINANCINGS", "financings"),
		(INVOICE_FINANCINGS, "INVOICE_FINANCINGS", "invoice-financings"),
		(OVERDRAFTS, "UNARRANGED_ACCOUNTS_OVERDRAFT", "overdrafts"),
	):
		one = f"{api}/contracts/{{contract}}"
		found += [
			Endpoint(f"{api}/contracts", f"{may}_READ", f"{limit}/list", _PAGES),
			Endpoint(one, f"{may}_READ", f"{limit}/detail"),
			Endpoint(f"{one}/warranties", f"{may}_WARRANTIES_READ", f"{limit}/warranties", _PAGES),
			Endpoint(
				f"{one}/scheduled-instalments", f"{may}_SCHEDULED_INSTALMENTS_READ", f"{limit}/instalments"
			),
			Endpoint(f"{one}/payments", f"{may}_PAYMENTS_READ", f"{limit}/payments"),
		]
	return found


ENDPOINTS: dict[str, Endpoint] = {
	endpoint.path: endpoint
	for endpoint in (
		# Resources and consents are exempt from the monthly limits (4.7).
		Endpoint(RESOURCES, "RESOURCES_READ", "", _NUMBERED),
		Endpoint(EXTENSIONS, "", "", _NUMBERED),
		*_customers(),
		*_accounts(),
		*_cards(),
		*_credits(),
	)
}


class Place(NamedTuple):
	"""An endpoint with its ids."""

	endpoint: Endpoint
	ids: dict[str, str]

	@property
	def object(self) -> str:
		"""The finest object that the path names, which monthly limits count by."""
		return "/".join(self.ids.values())


def find(path: str) -> Place:
	"""The endpoint of a path with ids, such as `accounts/accounts/92792126019929279212650822221989319252576/balances`.

	Raises:
		Unsupported: there is none, or something in it is no id.
	"""
	given = path.strip("/").split("/")
	for endpoint in ENDPOINTS.values():
		wanted = endpoint.path.split("/")
		if len(wanted) != len(given):
			continue
		ids = {name[1:-1]: value for name, value in zip(wanted, given, strict=True) if name.startswith("{")}
		if all(
			name.startswith("{") or name == value for name, value in zip(wanted, given, strict=True)
		) and all(_ID.match(value) for value in ids.values()):
			return Place(endpoint, ids)
	raise Unsupported("The provider has no data of this name.")


def template(names: Names, endpoint: Endpoint) -> str:
	"""The endpoint's whole path at Quanto, with placeholders."""
	if endpoint.path == EXTENSIONS:
		return names.path_extensions
	apis = {
		RESOURCES: names.api_resources,
		CUSTOMERS: names.api_customers,
		ACCOUNTS: names.api_accounts,
		CARDS: names.api_cards,
		LOANS: names.api_loans,
		FINANCINGS: names.api_financings,
		INVOICE_FINANCINGS: names.api_invoice_financings,
		OVERDRAFTS: names.api_overdrafts,
	}
	_, slash, rest = endpoint.path.partition("/")
	return f"{names.path_consent}/{apis[endpoint.api]}{slash}{rest}"
