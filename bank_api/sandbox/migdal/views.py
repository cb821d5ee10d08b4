"""What goes on the wire: consents, accounts, loans, balances, transactions (sections 2.5 and 4)."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from bank_api.sandbox.migdal.model import ACCOUNT, CARD, LOAN, Account, Consent, Entry, Psu
from bank_api.sandbox.migdal.state import MigdalState

# Type → segment of the path, member for one, member for all (sections 4.2, 4.6, 4.7).
NAMES = {
	LOAN: ("loans", "loanAccount", "loanAccounts"),
	ACCOUNT: ("accounts", "account", "accounts"),
	CARD: ("card-accounts", "cardAccount", "cardAccounts"),
}


class Views:
	"""Writes records as JSON values.

	Args:
		state: The records.
		api_url: Address of the API.
	"""

	def __init__(self, state: MigdalState, api_url: Callable[[], str]) -> None:
		self.state, self.api_url = state, api_url

	def link(self, path: str) -> str:
		"""Write a link: relative, or absolute by switch."""
		return self.api_url() + path if self.state.switches.links == "absolute" else path

	def latest(self, psu: Psu | None) -> date:
		"""Return the last day that a consent of this customer may reach."""
		days = self.state.switches.max_validity_days
		if psu is not None and psu.max_days is not None:
			days = min(days, psu.max_days)
		return self.state.today + timedelta(days=days)

	def signers(self, consent: Consent) -> list[str]:
		"""Return the ids of all who have to approve; none while the customer is not known."""
		psu = self.state.psus.get(consent.psu)
		return [psu.id, *psu.signers] if psu else []

	# consents
	def consent(self, consent: Consent) -> dict[str, Any]:
		"""Write a consent: as asked for, or as granted once it was authorised (section 2.5)."""
		numbers = consent.granted or consent.asked
		access: dict[str, Any] = {
			right: [self.reference(number) for number in found] for right, found in numbers.items()
		}
		if consent.restricted_to and not consent.granted:
			access["restrictedTo"] = consent.restricted_to
		links = {"self": {"href": self.link(f"{consent.base}/{consent.id}")}}
		return {
			"access": access,
			"recurringIndicator": consent.recurring,
			"validUntil": consent.valid_until,
			"frequencyPerDay": consent.frequency,
			"lastActionDate": consent.last_action,
			"consentStatus": consent.status,
			"_links": links,
		}

	def reference(self, number: str) -> dict[str, Any]:
		"""Write an account reference."""
		account = self.state.accounts.get(number)
		if account is None or account.type == LOAN:
			return {"other": self._other(number), "cashAccountType": "LOAN"}
		return {"maskedPan" if account.type == CARD else "iban": number, "currency": account.currency}

	def _other(self, number: str) -> dict[str, str]:
		return {"identification": number, f"{self.state.switches.spelling}NameProprietary": "loanNumber"}

	# accounts
	def account(self, consent: Consent, account: Account, base: str, balances: bool) -> dict[str, Any]:
		"""Write an account, a card account or a loan.

		Args:
			consent: Under which it is read.
			account: The account.
			base: The collection's path.
			balances: Whether to carry the balances.

		Returns:
			The object.
		"""
		own = f"{base}/{self.state.resource_id(consent, account)}"
		psu = self.state.psus[account.psu]
		found: dict[str, Any] = {"resourceId": self.state.resource_id(consent, account)}
		if account.type == LOAN:
			found |= {"other": self._other(account.number), "cashAccountType": "LOAN"}
		found |= {"currency": account.currency, "ownerName": psu.name, "status": account.status}
		found |= account.details
		if balances:
			found["balances"] = self.balances(account)
		links = {}
		for right in ("balances", "transactions"):
			if account.number in consent.granted.get(right, []):
				links[right] = {"href": self.link(f"{own}/{right}")}
		return found | {"_links": links}

	def short(self, account: Account) -> dict[str, Any]:
		"""Write the reference that heads balances and transactions."""
		return self.reference(account.number) | {"currency": account.currency}

	def booked_sum(self, account: Account) -> Decimal:
		"""Return the balance: the opening one and all that is booked."""
		booked = (
			entry for entry in self.state.entries_of(account.number).values() if entry.status == "booked"
		)
		return sum((amount_of(entry) for entry in booked), Decimal(account.opening))

	def balances(self, account: Account) -> list[dict[str, Any]]:
		"""Write an account's balances."""
		booked = self.booked_sum(account)
		day = str(self.state.today)
		found = [self._balance(account, "closingBooked", booked, day)]
		if account.type == ACCOUNT:
			pending = [e for e in self.state.entries_of(account.number).values() if e.status == "pending"]
			expected = sum((amount_of(entry) for entry in pending), booked)
			found.append(self._balance(account, "expected", expected, day))
		if account.type == CARD:
			found[0]["balanceType"] = "nonInvoiced"
		return found

	@staticmethod
	def _balance(account: Account, kind: str, amount: Decimal, day: str) -> dict[str, Any]:
		return {
			"balanceAmount": {"currency": account.currency, "amount": f"{amount:.2f}"},
			"balanceType": kind,
			"referenceDate": day,
		}


def amount_of(entry: Entry) -> Decimal:
	"""Return an entry's amount, exactly; a text that a test made no number counts as zero."""
	text = entry.data.get("transactionAmount", {}).get("amount", "0")
	try:
		return Decimal(text)
	except ArithmeticError:
		return Decimal(0)
