"""Migdal: from a key and its certificates to consents, loans, a renewed token, and deletion."""

import json
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from bank_api.sandbox.client import SandboxControl
from bank_api.sandbox.migdal.client import MigdalSandbox
from dev.errors import DevError
from dev.seed import COMMON_NAMES, Setup
from dev.story.receiver import Receiver
from dev.story.telling import Telling, wait_for
from dev.web import Caller, ClientSite

USER = "noa"
CUSTOMER = "999888777"
LOAN = "1000056782"
COMPANY = "520004896"


def play(telling: Telling, gateway: str, sandbox: str) -> None:
	"""The chapter.

	Raises:
		DevError: something did not come out as it should.
	"""
	telling.chapter("Migdal, over mutual TLS and with signed requests")
	receiver = Receiver()
	try:
		provider = _provider(telling, Setup(gateway, sandbox))
		client = _client(telling, Setup(gateway, sandbox), provider, receiver)
		story = Story(telling, gateway, client, receiver, SandboxControl(sandbox).migdal)
		story.tell()
	finally:
		receiver.stop()
	if receiver.refused:
		raise DevError(f"{receiver.refused} webhooks were not signed as they should be")


def _provider(telling: Telling, setup: Setup) -> str:
	certificates = {}
	for usage in COMMON_NAMES:
		with telling.step(f"the admin makes a key and asks for a {usage.lower()} certificate") as step:
			name = setup.certificate_form(usage)
			csr = setup.request(name)
			step.say(f"{name}, request of {len(csr)} characters, the key stays")
		with telling.step("the authority issues it, the admin uploads it") as step:
			issued = setup.issue(csr, usage)
			setup.upload(name, issued["chain"])
			step.say(f"serial {issued['serial']}")
		certificates[f"{usage.lower()}_certificate"] = name
	with telling.step("the admin sets up the provider with both") as step:
		provider = setup.migdal("Migdal", **certificates)
		step.say(f"{provider['name']} at {provider['api_base_url']}")
	return provider["name"]


def _client(telling: Telling, setup: Setup, provider: str, receiver: Receiver) -> ClientSite:
	with telling.step("the admin creates a client and its key pair") as step:
		keys = setup.client("loans.example.com", receiver.origin, receiver.url, provider)
		receiver.secret = keys["webhook_secret"]
		step.say(f"key {keys['api_key']}, secrets shown once")
	return ClientSite(setup.admin.url, keys["api_key"], keys["api_secret"], module="migdal")


@dataclass
class Story:
	"""What one client does with two consents; `tell` it once."""

	telling: Telling
	gateway: str
	client: ClientSite
	receiver: Receiver
	control: MigdalSandbox
	loans: dict[str, str] = field(default_factory=dict)
	"""Stable ids of the loans by their numbers."""

	def tell(self) -> None:
		"""Bank Offered, the data, a renewal; then Detailed, and the end."""
		offered = self._consent("BO")
		self._synced()
		self._loans(offered)
		self._news(offered)
		self._renewal(offered)
		detailed = self._consent("DA", loans=[LOAN], item_id=offered)
		self._same_loan(offered, detailed)
		self._delete(detailed)

	# --- a consent

	def _consent(self, kind: str, **terms: Any) -> str:
		seen = len(self.receiver.events)
		wanted = " and ".join(terms.get("loans", [])) or "what the end user chooses"
		with self.telling.step(f"the client asks for a {kind} consent for {wanted}") as step:
			link = self.client.call(
				"get_migdal_consent_link",
				base_url=self.receiver.origin,
				redirect_url=self.receiver.origin + "/bank/done",
				webhook_url=self.receiver.url,
				bank=COMPANY,
				user=USER,
				psu_id=CUSTOMER,
				**terms,
			)
			step.say(f"consent {link['consent']}", link["link"], f"request {link['request']}")
		with self.telling.step("the end user walks Migdal's Hebrew pages") as step:
			browser = self.control.browser(link["link"])
			back = browser.walk(CUSTOMER)
			step.say(f"{' → '.join(browser.steps)}, sent back to {urlsplit(back).path}")
		with self.telling.step("the browser returns through the gateway to the client") as step:
			parts = urlsplit(back)
			page = Caller(self.gateway).call("GET", f"{parts.path}?{parts.query}")
			if page.status != 200 or self.receiver.origin not in page.text:
				raise DevError(f"the return page answered {page.status} and does not lead back to the client")
			step.say(f"{len(page.text.encode()) / 1000:.1f} kB page, the code is swapped for tokens")
		with self.telling.step("a signed webhook tells the client") as step:
			event = self._event("connect.completed", seen)
			step.say(f"{event['type']} {event['id']}", f"data {event['data']}")
		with self.telling.step("the client asks which item it became, and how it stands") as step:
			outcome = self.client.call("get_migdal_item_id", request=link["request"])
			status = self.client.call("get_migdal_consent_status", request=link["request"])
			if (outcome["status"], status["status"]) != ("Completed", "valid"):
				raise DevError(f"the request is {outcome}, the consent {status}")
			loans = ", ".join(status["references"])
			step.say(f"{status['kind']}, valid until {status['valid_until']}, loans {loans}")
		return str(outcome["item_id"])

	def _event(self, kind: str, seen: int = 0) -> dict[str, Any]:
		return wait_for(kind, lambda: self.receiver.of_type(kind, seen))[0]

	# --- the data

	def _synced(self) -> None:
		with self.telling.step("the gateway syncs, and tells the client") as step:
			event = self._event("transactions.updated")
			step.say(f"{len(event['data']['accounts'])} loans have news")

	def _loans(self, item_id: str) -> None:
		with self.telling.step("the client reads the loans and their balances") as step:
			answer = self.client.call("get_loans", item_id=item_id, user=USER)
			lines = []
			for stable, loan in zip(answer["stable_ids"], answer["resources"], strict=True):
				number = loan["other"]["identification"]
				self.loans[number] = stable
				lines.append(
					f"{number}  {self._balance(stable, number):>12} {loan['currency']}  {loan['product']}"
				)
			if LOAN not in self.loans:
				raise DevError(f"loan {LOAN} is not among {', '.join(self.loans)}")
			step.say(f"{len(lines)} loans, balances equal to Migdal's", *lines)
		with self.telling.step("the client reads the transactions of the loans") as step:
			counts = [self._compare(number) for number in self.loans]
			total = sum((amount for _count, amount in counts), Decimal(0))
			count = sum(count for count, _amount in counts)
			step.say(f"{count} transactions, sum {total}, equal to Migdal's own ledger to the cent")

	def _balance(self, stable: str, number: str) -> str:
		balances = self._exact("get_loan_balances", account_id=stable)["resources"]
		ours = {Decimal(balance["balanceAmount"]["amount"]) for balance in balances}
		theirs = Decimal(self.control.balance(number))
		if ours != {theirs}:
			raise DevError(f"the balances of {number} are {ours}, at Migdal {theirs}")
		return str(theirs)

	def _compare(self, number: str) -> tuple[int, Decimal]:
		"""Migdal's own book and what the client has must be one, every field as sent; rows and their sum."""
		answer = self._exact("get_loan_transactions", account_id=self.loans[number])
		rows = [row for row in answer["resources"] if not row.get("deleted")]
		ours = Counter(json.dumps(row, sort_keys=True) for row in rows)
		ledger = self.control.transactions(number)
		if ours != Counter(json.dumps(entry["data"], sort_keys=True) for entry in ledger):
			raise DevError(f"the client has {len(rows)} transactions of {number}, Migdal {len(ledger)}")
		return len(rows), sum((Decimal(row["transactionAmount"]["amount"]) for row in rows), Decimal(0))

	def _exact(self, method: str, **arguments: Any) -> dict[str, Any]:
		return self.client.call(method, user=USER, **arguments)

	def _news(self, item_id: str) -> None:
		seen = len(self.receiver.events)
		with self.telling.step(f"an instalment of loan {LOAN} is booked at Migdal") as step:
			entry = self.control.add_transaction(LOAN, amount="1234.56", text="תשלום חודשי")
			step.say(f"id {entry['data']['transactionId']}, amount 1234.56")
		with self.telling.step("the client asks for a refresh, a signed webhook says it is there") as step:
			answer = self.client.call("post_item_refresh", item_id=item_id, user=USER)
			event = self._event("transactions.updated", seen)
			self._compare(LOAN)
			self._balance(self.loans[LOAN], LOAN)
			step.say(f"{answer['status']}, {event['type']} {event['id']}; ledger and balance are equal again")

	# --- tokens, a second consent, the end

	def _renewal(self, item_id: str) -> None:
		with self.telling.step("Migdal's tokens end; the client asks for a renewal") as step:
			before = self.client.call("get_migdal_consent_status", item_id=item_id)["token_expires_at"]
			self.control.expire_tokens(item_id)
			after = self.client.call("post_token_renewal", item_id=item_id)["token_expires_at"]
			if after <= before:
				raise DevError(f"the token still ends at {after}")
			step.say(f"both tokens changed, the new one lasts until {after}")

	def _same_loan(self, former: str, item_id: str) -> None:
		with self.telling.step(
			"the DA consent is in its place, the loan is the row that the client knows"
		) as step:
			self._event("item.deleted")
			there = self.control.consent(former)["status"]
			if there == "valid":
				raise DevError(f"the replaced consent {former} is still valid at Migdal")

			def listed() -> Any:
				answer = self.client.answer("get_loans", item_id=item_id, user=USER)
				return answer.json()["message"]["stable_ids"] if answer.status == 200 else None

			if wait_for("the loan", listed) != [self.loans[LOAN]]:
				raise DevError(f"loan {LOAN} is {listed()}, and was {self.loans[LOAN]}")
			count, total = self._compare(LOAN)
			step.say(
				f"stable id {self.loans[LOAN]}, {count} transactions, sum {total}; the BO consent is {there}"
			)

	def _delete(self, item_id: str) -> None:
		seen = len(self.receiver.events)
		with self.telling.step("the client deletes a consent") as step:
			self.client.call("delete_migdal_consent", item_id=item_id, user=USER)
			gone = self.client.answer("get_migdal_consent_status", item_id=item_id)
			there = self.control.consent(item_id)["status"]
			if (gone.status, there) != (404, "terminatedByTpp"):
				raise DevError(f"the deleted consent answers {gone.status}, at Migdal it is {there}")
			self._event("item.deleted", seen)
			step.say(f"{item_id} is {there} at Migdal and unknown here; the client was told")
