"""The permissions of Open Finance Brasil, their groups, and what a request may combine (sections 3.5 and 3.6)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bank_api.sandbox.quanto.errors import OfbError

RESOURCES = "RESOURCES_READ"
_CARD = "CREDIT_CARDS_ACCOUNTS"
_CREDITS = ("LOANS", "FINANCINGS", "INVOICE_FINANCINGS", "UNARRANGED_ACCOUNTS_OVERDRAFT")
_CREDIT_PARTS = ("READ", "SCHEDULED_INSTALMENTS_READ", "PAYMENTS_READ", "WARRANTIES_READ")


@dataclass(frozen=True)
class Group:
	"""What an end user agrees to as one. ``stripped``: a bank that sells no such product takes it out of the consent."""

	key: str
	category: str
	members: tuple[str, ...]
	stripped: bool = True
	side: str = ""  # PF, PJ, or both

	@property
	def permissions(self) -> tuple[str, ...]:
		"""All permissions that have to be asked for."""
		return (*self.members, RESOURCES)


GROUPS: tuple[Group, ...] = (
	Group("personal_identification", "customers", ("CUSTOMERS_PERSONAL_IDENTIFICATIONS_READ",), side="PF"),
	Group("personal_additional", "customers", ("CUSTOMERS_PERSONAL_ADITTIONALINFO_READ",), side="PF"),
	Group("business_identification", "customers", ("CUSTOMERS_BUSINESS_IDENTIFICATIONS_READ",), side="PJ"),
	Group("business_additional", "customers", ("CUSTOMERS_BUSINESS_ADITTIONALINFO_READ",), side="PJ"),
	Group("balances", "accounts", ("ACCOUNTS_READ", "ACCOUNTS_BALANCES_READ")),
	Group("limits", "accounts", ("ACCOUNTS_READ", "ACCOUNTS_OVERDRAFT_LIMITS_READ")),
	Group("statements", "accounts", ("ACCOUNTS_READ", "ACCOUNTS_TRANSACTIONS_READ")),
	Group("card_limits", "cards", (f"{_CARD}_READ", f"{_CARD}_LIMITS_READ")),
	Group("card_transactions", "cards", (f"{_CARD}_READ", f"{_CARD}_TRANSACTIONS_READ")),
	Group(
		"card_bills", "cards", (f"{_CARD}_READ", f"{_CARD}_BILLS_READ", f"{_CARD}_BILLS_TRANSACTIONS_READ")
	),
	Group(
		"credit_operations",
		"credits",
		tuple(f"{name}_{part}" for name in _CREDITS for part in _CREDIT_PARTS),
		stripped=False,
	),
	Group(
		"investments",
		"investments",
		(
			"BANK_FIXED_INCOMES_READ",
			"CREDIT_FIXED_INCOMES_READ",
			"FUNDS_READ",
			"VARIABLE_INCOMES_READ",
			"TREASURE_TITLES_READ",
		),
		stripped=False,
	),
	Group("exchange", "exchange", ("EXCHANGES_READ",), stripped=False),
)
BY_KEY = {group.key: group for group in GROUPS}
ALL = frozenset(permission for group in GROUPS for permission in group.permissions)


def whole(permissions: Iterable[str]) -> list[Group]:
	"""Return the groups that a set of permissions holds entirely."""
	wanted = set(permissions)
	return [group for group in GROUPS if wanted >= set(group.permissions)]


def of_groups(keys: Iterable[str]) -> list[str]:
	"""Return the permissions of some groups, each once, in the order of the groups."""
	wanted = set(keys)
	found = [p for group in GROUPS if group.key in wanted for p in group.permissions]
	return list(dict.fromkeys(found))


def offered(business: bool) -> list[Group]:
	"""Return the groups that fit a person's or a company's consent."""
	return [group for group in GROUPS if group.side in ("", "PJ" if business else "PF")]


def granted(asked: Sequence[str], unsold: Sequence[str]) -> list[str]:
	"""Take out the groups that a bank sells nothing for, those that may be taken out (section 3.5).

	Args:
		asked: Whole groups.
		unsold: Keys of the groups.

	Returns:
		What is left, in the order asked for.

	Raises:
		OfbError: 422, nothing is left that works.
	"""
	left = [group for group in whole(asked) if not (group.stripped and group.key in unsold)]
	kept = {permission for group in left for permission in group.permissions}
	if not kept:
		raise OfbError(422, "SEM_PERMISSOES_FUNCIONAIS_RESTANTES", "The institution offers none of this.")
	return [permission for permission in asked if permission in kept]


def check(permissions: list[str], business: bool) -> None:
	"""Refuse what may not be asked for together (section 3.6).

	Args:
		permissions: As asked for.
		business: Whether a company is named.

	Raises:
		OfbError: 400 for an unknown or repeated permission; 422 with the code of the rule that is broken.
	"""
	unknown = sorted(set(permissions) - ALL)
	if unknown or not permissions or len(set(permissions)) != len(permissions):
		raise OfbError(400, detail=f"permissions: {', '.join(unknown) or 'empty, or one appears twice'}")
	personal = any(name.startswith("CUSTOMERS_PERSONAL") for name in permissions)
	company = any(name.startswith("CUSTOMERS_BUSINESS") for name in permissions)
	if personal and company:
		raise OfbError(
			422, "PERMISSAO_PF_PJ_EM_CONJUNTO", "Personal and business permissions exclude each other."
		)
	if company and not business:
		raise OfbError(422, "INFORMACOES_PJ_NAO_INFORMADAS", "Business permissions need businessEntity.")
	if personal and business:
		raise OfbError(422, "PERMISSOES_PJ_INCORRETAS", "A businessEntity excludes personal permissions.")
	covered = {permission for group in whole(permissions) for permission in group.permissions}
	if covered != set(permissions):
		raise OfbError(
			422,
			"COMBINACAO_PERMISSOES_INCORRETA",
			"Every permission of each chosen group has to be asked for.",
		)
