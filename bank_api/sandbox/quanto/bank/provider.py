"""The banks, assembled: the routes of their listener."""

from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.door import Endpoint
from bank_api.sandbox.quanto import errors
from bank_api.sandbox.quanto.bank import consents as consents_api
from bank_api.sandbox.quanto.bank.call import Reply, checked, echo, refusal
from bank_api.sandbox.quanto.bank.consents import Consents
from bank_api.sandbox.quanto.bank.data import Data
from bank_api.sandbox.quanto.bank.flow import Flow
from bank_api.sandbox.quanto.bank.limits import Limits
from bank_api.sandbox.quanto.bank.model import ACCOUNT, CARD, CREDITS, KINDS
from bank_api.sandbox.quanto.bank.oauth import OAuth
from bank_api.sandbox.quanto.bank.pages import Pages
from bank_api.sandbox.quanto.bank.paging import Paging
from bank_api.sandbox.quanto.bank.state import BankState, SwitchBox
from bank_api.sandbox.quanto.errors import OfbError
from bank_api.sandbox.state import Core

VERSIONS = {
	"consents": consents_api.VERSION,
	"resources": "3.1.0",
	"customers": "2.2.1",
	"accounts": "2.4.2",
	"credit-cards-accounts": "2.3.1",
	"loans": "2.5.0",
	"financings": "2.4.0",
	"invoice-financings": "2.4.0",
	"unarranged-accounts-overdraft": "2.5.0",
}


def base_of(api: str) -> str:
	"""Return the part of an API's addresses below its bank (section 4.1)."""
	return f"/open-banking/{api}/v{VERSIONS[api][0]}"


class Banks:
	"""Both banks.

	Args:
		core: What all providers share.
		switches: Where the switches are.
	"""

	kinds = KINDS

	def __init__(self, core: Core, switches: SwitchBox) -> None:
		self.core, self.url = core, ""
		self.state = BankState(core, switches)
		self.paging = Paging(self.state, lambda: self.url)
		self.oauth = OAuth(self.state)
		self.limits = Limits(self.state, self.oauth)
		self.consents = Consents(self.state, self.oauth, self.paging)
		self.data = Data(self.state, self.oauth, self.consents, self.limits, self.paging)
		self.flow = Flow(self.state, self.oauth, self.consents)
		self.pages = Pages(self.flow)

	# routes
	def endpoints(self) -> list[tuple[str, str, Endpoint]]:
		"""Return method, path and function of the listener."""
		found: list[tuple[str, str, Endpoint]] = [
			("POST", "/<bank>/par", self.oauth.par),
			("POST", "/<bank>/token", self.oauth.token),
			("GET", "/<bank>/authorize", self.pages.authorize),
			("GET", "/<bank>/approvals/<consent_id>", self.pages.approvals),
			("GET", "/<bank>/visit/<visit_id>", self.pages.visit),
			("POST", "/<bank>/visit/<visit_id>", self.pages.visit),
		]
		for api, method, path, function in [
			*self._consents(),
			*self._customers(),
			*self._accounts(),
			*self._cards(),
			*(route for name, kind in CREDITS.items() for route in self._credits(name, kind)),
		]:
			endpoint = checked(self.state, VERSIONS[api], function, self.limits.traffic)
			found.append((method, f"/<bank>{base_of(api)}{path}", endpoint))
		return found

	def _consents(self) -> list[tuple[str, str, str, Callable[..., Reply]]]:
		one = "/consents/<consent_id>"
		return [
			("consents", "POST", "/consents", self.consents.create),
			("consents", "GET", one, self.consents.read),
			("consents", "DELETE", one, self.consents.delete),
			("consents", "POST", f"{one}/extends", self.consents.extend),
			("consents", "GET", f"{one}/extensions", self.consents.extensions),
			("resources", "GET", "/resources", self.data.resources),
		]

	def _customers(self) -> list[tuple[str, str, str, Callable[..., Reply]]]:
		found: list[tuple[str, str, str, Callable[..., Reply]]] = []
		for side in ("personal", "business"):
			for name in ("identifications", "qualifications", "financial-relations"):
				family = "IDENTIFICATIONS" if name == "identifications" else "ADITTIONALINFO"
				serve = self.data.customer(f"{side}/{name}")
				permission = f"CUSTOMERS_{side.upper()}_{family}_READ"
				reading = self.data.reading(f"customers/{side}/{name}", permission, serve)
				found.append(("customers", "GET", f"/{side}/{name}", reading))
		return found

	def _accounts(self) -> list[tuple[str, str, str, Callable[..., Reply]]]:
		data, api = self.data, "accounts"

		def detail(part: str, permission: str, serve: Any) -> tuple[str, str, str, Callable[..., Reply]]:
			path = f"/accounts/<resource_id>{'' if part == 'detail' else f'/{part}'}"
			return api, "GET", path, data.detail(f"{api}/{part}", f"ACCOUNTS_{permission}", ACCOUNT, serve)

		return [
			(api, "GET", "/accounts", data.reading(api, "ACCOUNTS_READ", data.rows(ACCOUNT))),
			detail("detail", "READ", data.one),
			detail("balances", "BALANCES_READ", data.balances),
			detail("transactions", "TRANSACTIONS_READ", data.transactions()),
			detail("transactions-current", "TRANSACTIONS_READ", data.transactions(current=True)),
			detail("overdraft-limits", "OVERDRAFT_LIMITS_READ", data.part("overdraft-limits")),
		]

	def _cards(self) -> list[tuple[str, str, str, Callable[..., Reply]]]:
		data, api, family = self.data, "credit-cards-accounts", "CREDIT_CARDS_ACCOUNTS"

		def detail(
			part: str, permission: str, serve: Any, path: str = ""
		) -> tuple[str, str, str, Callable[..., Reply]]:
			full = f"/accounts/<resource_id>{path}"
			return api, "GET", full, data.detail(f"{api}/{part}", f"{family}_{permission}", CARD, serve)

		bill = "/bills/<bill_id>/transactions"
		return [
			(api, "GET", "/accounts", data.reading(api, f"{family}_READ", data.rows(CARD))),
			detail("detail", "READ", data.one),
			detail("limits", "LIMITS_READ", data.part("limits", paged=True), "/limits"),
			detail("bills", "BILLS_READ", data.bills, "/bills"),
			detail("bill-transactions", "BILLS_TRANSACTIONS_READ", data.bill_transactions, bill),
			detail("transactions", "TRANSACTIONS_READ", data.transactions(), "/transactions"),
			detail(
				"transactions-current",
				"TRANSACTIONS_READ",
				data.transactions(current=True),
				"/transactions-current",
			),
		]

	def _credits(self, api: str, kind: str) -> list[tuple[str, str, str, Callable[..., Reply]]]:
		data, family = self.data, api.replace("-", "_").upper()
		parts = ("warranties", "scheduled-instalments", "payments")
		found = [(api, "GET", "/contracts", data.reading(api, f"{family}_READ", data.rows(kind)))]
		one = "/contracts/<resource_id>"
		found.append((api, "GET", one, data.detail(f"{api}/detail", f"{family}_READ", kind, data.one)))
		for part in parts:
			permission = f"{family}_{part.replace('-', '_').upper()}_READ"
			serve = data.part(part, paged=part == "warranties")
			found.append((api, "GET", f"{one}/{part}", data.detail(f"{api}/{part}", permission, kind, serve)))
		return found

	# what the door asks for
	def router_error(self, request: Request, status: int) -> Response:
		"""Answer for an address or method that does not exist, or a failure of the sandbox itself."""
		return refusal(request, OfbError(status), self.state.stamp)

	def fault_body(self, path: str, status: int) -> str:
		"""Write the body of an injected failure."""
		return errors.body(OfbError(status, detail="A failure on demand."), self.state.stamp)

	echo = staticmethod(echo)
