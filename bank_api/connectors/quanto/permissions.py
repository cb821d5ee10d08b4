"""Open Finance Brasil's permissions and the groups in which they are asked for (3.5, 3.6)."""

from collections.abc import Iterable

from bank_api.connectors.errors import InvalidRequest
from bank_api.connectors.model import PermissionGroup

RESOURCES_READ = "RESOURCES_READ"
_PERSONAL, _BUSINESS = "CUSTOMERS_PERSONAL_", "CUSTOMERS_BUSINESS_"


def _group(key: str, category: str, label: str, *permissions: str) -> PermissionGroup:
	return PermissionGroup(key, category, label, (*permissions, RESOURCES_READ))


def _credit_operations() -> tuple[str, ...]:
	return tuple(
		f"{api}{part}_READ"
		for api in ("LOANS", "FINANCINGS", "INVOICE_FINANCINGS", "UNARRANGED_ACCOUNTS_OVERDRAFT")
		for part in ("", "_SCHEDULED_INSTALMENTS", "_PAYMENTS", "_WARRANTIES")
	)


GROUPS: tuple[PermissionGroup, ...] = (
	_group(
		"personal_identification",
		"Registration Data",
		"Registration data of the person",
		"CUSTOMERS_PERSONAL_IDENTIFICATIONS_READ",
	),
	_group(
		"personal_additional",
		"Registration Data",
		"Further information on the person",
		"CUSTOMERS_PERSONAL_ADITTIONALINFO_READ",
	),
	_group(
		"business_identification",
		"Registration Data",
		"Registration data of the company",
		"CUSTOMERS_BUSINESS_IDENTIFICATIONS_READ",
	),
	_group(
		"business_additional",
		"Registration Data",
		"Further information on the company",
		"CUSTOMERS_BUSINESS_ADITTIONALINFO_READ",
	),
	_group("account_balances", "Accounts", "Balances of accounts", "ACCOUNTS_READ", "ACCOUNTS_BALANCES_READ"),
	_group(
		"account_limits",
		"Accounts",
		"Overdraft limits of accounts",
		"ACCOUNTS_READ",
		"ACCOUNTS_OVERDRAFT_LIMITS_READ",
	),
	_group(
		"account_transactions",
		"Accounts",
		"Statements of accounts",
		"ACCOUNTS_READ",
		"ACCOUNTS_TRANSACTIONS_READ",
	),
	_group(
		"card_limits",
		"Credit Cards",
		"Limits of credit cards",
		"CREDIT_CARDS_ACCOUNTS_READ",
		"CREDIT_CARDS_ACCOUNTS_LIMITS_READ",
	),
	_group(
		"card_transactions",
		"Credit Cards",
		"Transactions of credit cards",
		"CREDIT_CARDS_ACCOUNTS_READ",
		"CREDIT_CARDS_ACCOUNTS_TRANSACTIONS_READ",
	),
	_group(
		"card_bills",
		"Credit Cards",
		"Bills of credit cards",
		"CREDIT_CARDS_ACCOUNTS_READ",
		"CREDIT_CARDS_ACCOUNTS_BILLS_READ",
		"CREDIT_CARDS_ACCOUNTS_BILLS_TRANSACTIONS_READ",
	),
	_group(
		"credit_operations", "Credit Operations", "Loans, financings and overdrafts", *_credit_operations()
	),
	_group(
		"investments",
		"Investments",
		"Investments",
		"BANK_FIXED_INCOMES_READ",
		"CREDIT_FIXED_INCOMES_READ",
		"FUNDS_READ",
		"VARIABLE_INCOMES_READ",
		"TREASURE_TITLES_READ",
	),
	_group("exchange", "Foreign Exchange", "Foreign exchange operations", "EXCHANGES_READ"),
)
"""In the order in which the guide shows them (3.5); `RESOURCES_READ` is in each."""

ALL: frozenset[str] = frozenset(permission for group in GROUPS for permission in group.permissions)


def whole_groups(permissions: Iterable[str], *, company: bool) -> tuple[str, ...]:
	"""The permissions, each once, if they are whole groups and fit whose data it is; the checks of 3.6 and their codes.

	Args:
		permissions: what is to be asked for.
		company: whether a company's number is given.

	Raises:
		InvalidRequest: they are not; the sentence says what to change.
	"""
	asked = tuple(dict.fromkeys(permissions))
	unknown = sorted(set(asked) - ALL)
	if unknown or not asked:
		raise InvalidRequest(
			"A permission is in none of the groups: ask for whole groups (get_permission_groups lists them).",
			provider_code="COMBINACAO_PERMISSOES_INCORRETA",
		)
	if set(asked) == {RESOURCES_READ}:
		raise InvalidRequest(
			"RESOURCES_READ alone gives no data: ask for at least one group.",
			provider_code="SEM_PERMISSOES_FUNCIONAIS_RESTANTES",
		)
	_check_family(set(asked), company)
	covered = {one for group in GROUPS if set(group.permissions) <= set(asked) for one in group.permissions}
	if covered != set(asked):
		raise InvalidRequest(
			"Permissions are asked for in whole groups, each with RESOURCES_READ: add the missing ones "
			"(get_permission_groups lists them).",
			provider_code="COMBINACAO_PERMISSOES_INCORRETA",
		)
	return asked


def groups_of(permissions: Iterable[str]) -> tuple[PermissionGroup, ...]:
	"""The groups of which something is granted; banks strip what they do not offer (3.5), so a part counts."""
	granted = set(permissions) - {RESOURCES_READ}
	# Two groups of accounts share ACCOUNTS_READ: what tells them apart counts.
	shared = {"ACCOUNTS_READ", "CREDIT_CARDS_ACCOUNTS_READ"}
	return tuple(group for group in GROUPS if (set(group.permissions) - shared) & granted)


def _check_family(asked: set[str], company: bool) -> None:
	personal = any(permission.startswith(_PERSONAL) for permission in asked)
	business = any(permission.startswith(_BUSINESS) for permission in asked)
	if personal and business:
		raise InvalidRequest(
			"A person's and a company's registration data cannot be asked for together.",
			provider_code="PERMISSAO_PF_PJ_EM_CONJUNTO",
		)
	if business and not company:
		raise InvalidRequest(
			"A company's registration data needs the company's CNPJ.",
			provider_code="INFORMACOES_PJ_NAO_INFORMADAS",
		)
	if personal and company:
		raise InvalidRequest(
			"With a company's CNPJ, the registration data to ask for is the company's.",
			provider_code="PERMISSOES_PJ_INCORRETAS",
		)
