"""The kinds of things that hold money at a source: paths and names of their envelopes (4.2, 4.6, 4.7)."""

from typing import NamedTuple


class Kind(NamedTuple):
	"""One kind.

	Attributes:
		key: as in the setting `resources`.
		plural: what a list may be called.
		singular: what one may be called.
		transactions: what the envelope of its transactions may be called.
		with_balance: whether the list takes `withBalance`.
	"""

	key: str
	plural: tuple[str, ...]
	singular: tuple[str, ...]
	transactions: tuple[str, ...]
	with_balance: bool


KINDS = {
	kind.key: kind
	for kind in (
		Kind(
			"loans",
			("loanAccounts", "loans", "loanAccount", "accounts"),
			("loanAccount", "loan", "loanAccounts", "account"),
			("transactions", "loanTransactions"),
			False,
		),
		Kind(
			"accounts",
			("accounts", "accountList", "account"),
			("account", "accounts"),
			("transactions",),
			True,
		),
		Kind(
			"card-accounts",
			("cardAccounts", "cards", "cardAccount", "accounts"),
			("cardAccount", "card", "cardAccounts", "account"),
			("cardTransactions", "transactions"),
			False,
		),
	)
}
