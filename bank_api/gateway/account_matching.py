"""Which account is which after a reconnection: by IBAN or the bank's reference, then by elimination.

Pure functions. A provider's account id lives and dies with a consent, so it only serves within one connection.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple

from bank_api.connectors.model import AccountData
from bank_api.gateway.identity import normal_text
from bank_api.gateway.plain import shown

_DIGITS = re.compile(r"\d+")


class StoredAccount(NamedTuple):
	"""What has to be known of a stored account to recognise it.

	`same_bank` says whether it belongs to the bank that is being read; `elsewhere` that another, living
	connection of the same end user delivers it now.
	"""

	name: str
	provider_account_id: str
	aliases: tuple[str, ...]
	iban: str
	reference: str
	account_type: str
	currency: str
	account_name: str
	same_bank: bool
	elsewhere: bool


class AccountMatches(NamedTuple):
	"""Incoming accounts by their provider's id: the row each one is, and the ones another connection has taken over."""

	rows: dict[str, str]
	taken_over: set[str]


def match_accounts(incoming: Iterable[AccountData], stored: Iterable[StoredAccount]) -> AccountMatches:
	"""Find the stored row of each incoming account.

	Args:
		incoming: all accounts of one item, as the provider lists them now.
		stored: all accounts of the same end user at the same provider.

	Returns:
		matches; an incoming account that is in neither part is new. Names and elimination count only where the
		provider has changed every id: while some id lives on, an unknown id is a new account.
	"""
	open_accounts = {account.provider_account_id: account for account in incoming}
	free = {row.name: row for row in stored}
	rows: dict[str, str] = {}
	taken_over: set[str] = set()
	by_id = {row.provider_account_id: row for row in free.values()}
	by_alias = {alias: row for row in free.values() for alias in row.aliases}
	for identifier in list(open_accounts):
		if row := by_id.get(identifier):
			rows[identifier] = row.name
			del open_accounts[identifier]
			free.pop(row.name, None)
		elif (row := by_alias.get(identifier)) and row.elsewhere:
			taken_over.add(identifier)
			del open_accounts[identifier]
	ids_have_lived_on = bool(rows)
	_pair_unique(open_accounts, free, rows, _iban, reaches_elsewhere=True)
	_pair_unique(open_accounts, free, rows, _reference, reaches_elsewhere=True)
	if not ids_have_lived_on:
		_pair_unique(open_accounts, free, rows, _label, reaches_elsewhere=False)
		_pair_last(open_accounts, free, rows)
	return AccountMatches(rows, taken_over)


def _iban(account: AccountData | StoredAccount) -> Hashable:
	return (account.iban.replace(" ", "").upper(), account.currency) if account.iban else None


def _reference(account: AccountData | StoredAccount) -> Hashable:
	return (shown(account.reference), account.currency, account.account_type) if account.reference else None


def _label(account: AccountData | StoredAccount) -> Hashable:
	return (account.account_type, account.currency, normal_text(_name(account))) if _name(account) else None


def _name(account: AccountData | StoredAccount) -> str:
	"""Its name as stored rows have it."""
	return (shown(account.name) or "") if isinstance(account, AccountData) else account.account_name


def _pair_unique(
	open_accounts: dict[str, AccountData],
	free: dict[str, StoredAccount],
	rows: dict[str, str],
	key: Callable[[AccountData | StoredAccount], Hashable],
	reaches_elsewhere: bool,
) -> None:
	"""Pair what has the same key, where exactly one of each side has it. Two IBANs that differ never pair."""
	candidates = [row for row in free.values() if reaches_elsewhere or (row.same_bank and not row.elsewhere)]
	ours, theirs = _grouped(open_accounts.values(), key), _grouped(candidates, key)
	for value, accounts in ours.items():
		matching = theirs.get(value, [])
		if len(accounts) == len(matching) == 1 and not _contradict(accounts[0], matching[0]):
			_pair(accounts[0], matching[0], open_accounts, free, rows)


def _pair_last(
	open_accounts: dict[str, AccountData], free: dict[str, StoredAccount], rows: dict[str, str]
) -> None:
	"""Elimination: of a kind and currency, one account is left on each side, and others of the bank were found again."""
	if not rows:
		return
	candidates = [row for row in free.values() if row.same_bank and not row.elsewhere]

	def kind(account: AccountData | StoredAccount) -> Hashable:
		return (account.account_type, account.currency)

	ours, theirs = _grouped(open_accounts.values(), kind), _grouped(candidates, kind)
	for value, accounts in ours.items():
		matching = theirs.get(value, [])
		if len(accounts) == len(matching) == 1 and not _contradict(accounts[0], matching[0]):
			_pair(accounts[0], matching[0], open_accounts, free, rows)


def _grouped(accounts: Iterable, key: Callable) -> dict[Hashable, list]:
	groups: dict[Hashable, list] = defaultdict(list)
	for account in accounts:
		if (value := key(account)) is not None:
			groups[value].append(account)
	return groups


def _contradict(account: AccountData, row: StoredAccount) -> bool:
	"""Whether something says that the two are not one: other IBANs, or other numbers in their names."""
	if account.iban and row.iban:
		return _iban(account) != _iban(row)
	ours, theirs = _DIGITS.findall(account.name), _DIGITS.findall(row.account_name)
	return bool(ours and theirs and ours != theirs)


def _pair(
	account: AccountData,
	row: StoredAccount,
	open_accounts: dict[str, AccountData],
	free: dict[str, StoredAccount],
	rows: dict[str, str],
) -> None:
	rows[account.provider_account_id] = row.name
	del open_accounts[account.provider_account_id]
	del free[row.name]
