"""Operational limits: so many reads a calendar month, and traffic (section 4.7)."""

from bank_api.sandbox.quanto.bank.call import Call
from bank_api.sandbox.quanto.bank.model import Consent, Usage
from bank_api.sandbox.quanto.bank.oauth import OAuth
from bank_api.sandbox.quanto.bank.state import BankState
from bank_api.sandbox.quanto.errors import OfbError
from bank_api.sandbox.quanto.stamps import MINUTE, moment

# Class of each endpoint; the class's number is a switch.
CLASSES: dict[str, str] = {
	**dict.fromkeys(
		(
			f"customers/{side}/{name}"
			for side in ("personal", "business")
			for name in ("identifications", "qualifications", "financial-relations")
		),
		"low",
	),
	"accounts": "low",
	"accounts/detail": "low",
	"accounts/transactions": "low",
	"accounts/transactions-current": "high",
	"accounts/balances": "balances",
	"accounts/overdraft-limits": "balances",
	"credit-cards-accounts": "low",
	"credit-cards-accounts/detail": "medium_high",
	"credit-cards-accounts/bills": "medium",
	"credit-cards-accounts/bill-transactions": "medium",
	"credit-cards-accounts/limits": "high",
	"credit-cards-accounts/transactions": "low",
	"credit-cards-accounts/transactions-current": "high",
	"loans": "medium",
	"loans/detail": "medium",
	"loans/warranties": "low",
	"loans/scheduled-instalments": "medium",
	"loans/payments": "medium_high",
}
for _api in ("financings", "invoice-financings", "unarranged-accounts-overdraft"):
	CLASSES |= {
		_api: "medium",
		f"{_api}/detail": "low",
		f"{_api}/warranties": "low",
		f"{_api}/scheduled-instalments": "medium",
		f"{_api}/payments": "medium",
	}


class Limits:
	"""Counts what a receiver reads. The caller holds the lock."""

	def __init__(self, state: BankState, oauth: OAuth) -> None:
		self.state, self.oauth = state, oauth

	def traffic(self, call: Call) -> None:
		"""Refuse what is too much traffic: per receiver and calendar minute (429), and for the whole bank (529)."""
		if call.request.environ.get("sandbox.quiet"):
			return  # Quanto's own polls, which the simulator makes far more often than the real one
		now, limiter = self.state.now, self.state.core.limiter
		if limiter.take("ofb_tps", call.bank.key, self.state.switches.tps, 1000, now):
			raise OfbError(529, headers={"Retry-After": "1"})
		window = f"{self.oauth.organisation(call)} {now // MINUTE}"
		if limiter.take(f"ofb_tpm:{call.bank.key}", window, self.state.switches.tpm, MINUTE, now):
			wait = (MINUTE - now % MINUTE) // 1000 + 1
			raise OfbError(429, headers={"Retry-After": str(wait)})

	def usage(self, consent: Consent, endpoint: str, item: str) -> Usage:
		"""Return the count of one endpoint and object in this month for a consent's customer and receiver."""
		month = f"{moment(self.state.now):%Y-%m}"
		key = f"{month} {consent.bank} {consent.receiver} {consent.document} {endpoint} {item}".rstrip()
		return self.state.usage.get(key) or Usage(key)

	def check(self, usage: Usage, endpoint: str) -> None:
		"""Refuse what was read as often as a month allows."""
		most = getattr(self.state.switches, CLASSES[endpoint])
		if self.state.switches.monthly_limits and usage.count >= most:
			raise OfbError(423, detail=f"{endpoint} may be read {most} times a month.")

	def count(self, usage: Usage) -> None:
		"""Count a read that succeeded."""
		usage.count += 1
		self.state.core.store.put(usage)
