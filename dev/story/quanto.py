"""Quanto: from a bare record to data of two banks shared in one visit, a company whose signers agree one by one, and the end."""

import json
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from bank_api.sandbox.client import SandboxControl
from bank_api.sandbox.quanto.client import COMPANY, PERSON, SECOND_APPROVER, QuantoSandbox
from dev.errors import DevError
from dev.quanto import QuantoSetUp
from dev.seed import Setup
from dev.story.receiver import Receiver
from dev.story.telling import Telling, wait_for
from dev.web import Caller, ClientSite

USER, FIRM = "beatriz", "loja-exemplo"
BANKS = {"ipe": "Banco Ipê", "araucaria": "Caixa Araucária"}
TITLES = {
	"organization": "the admin enters the organization's ID in the Directory",
	"software": "the admin enters the software statement, its client ID and return address",
	"signing": "the signing certificate: key made here, request, issued, uploaded",
	"transport": "the transport certificate likewise",
	"levels": "each certificate is registered at its level of the Directory",
	"contacts": "the admin names a contact",
	"api_key": "the onboarding link gives the API key, once",
	"upload": "both certificates are handed to Quanto",
	"ids": "Quanto is told the IDs in the Directory",
	"webhook": "Quanto is told where to send its webhooks, and for what",
}


def play(telling: Telling, gateway: str, sandbox: str) -> None:
	"""The chapter.

	Raises:
		DevError: something did not come out as it should.
	"""
	telling.chapter("Quanto, Open Finance Brasil")
	receiver = Receiver()
	try:
		setup = Setup(gateway, sandbox)
		provider = _provider(telling, setup)
		client = _client(telling, setup, provider, receiver)
		Story(telling, gateway, client, receiver, SandboxControl(sandbox).quanto).tell()
	finally:
		receiver.stop()
	if receiver.refused:
		raise DevError(f"{receiver.refused} webhooks were not signed as they should be")


def _provider(telling: Telling, setup: Setup) -> str:
	with telling.step("the admin makes a provider; the set-up page says what is next") as step:
		provider = setup.quanto_record("Quanto")["name"]
		guided = QuantoSetUp(setup, provider)
		states = Counter(shown["state"] for shown in guided.steps().values())
		step.say(", ".join(f"{count} steps {state}" for state, count in sorted(states.items())))
	steps = guided.through()
	for title in TITLES.values():
		with telling.step(title) as step:
			_key, said = next(steps)
			step.say(said or "done")
	with telling.step("a test event is asked for, and arrives") as step:
		guided.run("webhook_test", "ping")
		wait_for("the test event", lambda: guided.steps()["webhook_test"]["state"] == "done")
		open_steps = [key for key, shown in guided.steps().items() if shown["state"] != "done"]
		step.say(f"left to do, if wanted: {', '.join(open_steps) or 'nothing'}")
	return provider


def _client(telling: Telling, setup: Setup, provider: str, receiver: Receiver) -> ClientSite:
	with telling.step("the admin creates a client and its key pair") as step:
		keys = setup.client("loja.example.com", receiver.origin, receiver.url, provider)
		receiver.secret = keys["webhook_secret"]
		step.say(f"key {keys['api_key']}, secrets shown once")
	return ClientSite(setup.admin.url, keys["api_key"], keys["api_secret"], module="quanto")


@dataclass
class Story:
	"""What one client does for a person and for a company; `tell` it once."""

	telling: Telling
	gateway: str
	client: ClientSite
	receiver: Receiver
	control: QuantoSandbox
	consents: dict[str, str] = field(default_factory=dict)
	"""Consents of the person by the bank's name."""

	def tell(self) -> None:
		"""Two banks in one visit; the data; a company; a revocation; the end."""
		self._share()
		self._accounts()
		self._bodies()
		self._news()
		firm = self._company()
		self._approval(firm)
		self._revoked_at_the_bank()
		self._delete()

	# --- a visit

	def _link(self, user: str, **terms: Any) -> dict[str, Any]:
		return self.client.call(
			"get_quanto_session_link",
			base_url=self.receiver.origin,
			redirect_url=self.receiver.origin + "/bank/done",
			webhook_url=self.receiver.url,
			document=PERSON,
			user=user,
			**terms,
		)

	def _back(self, location: str) -> str:
		parts = urlsplit(location)
		page = Caller(self.gateway).call("GET", f"{parts.path}?{parts.query}")
		if page.status != 200 or self.receiver.origin not in page.text:
			raise DevError(f"the return page answered {page.status} and does not lead back to the client")
		return f"{len(page.text.encode()) / 1000:.1f} kB page"

	def _share(self) -> None:
		with self.telling.step("the client asks for a visit of a person") as step:
			link = self._link(USER)
			step.say(f"session {link['session']}", f"request {link['request']}, until {link['expires_at']}")
		with self.telling.step(
			"the end user confirms the purpose and shares at two banks in one visit"
		) as step:
			browser = self.control.browser(link["link"])
			back = browser.walk(tuple(BANKS))
			step.say(f"{' → '.join(browser.steps)}, sent back to {urlsplit(back or '').path}")
		with self.telling.step("the browser returns through the gateway to the client") as step:
			step.say(
				f"{self._back(back or '')}; the session is read at Quanto, the browser's word is only a hint"
			)
		with self.telling.step("signed webhooks tell the client: two sharings, two items") as step:
			events = wait_for("two consents", lambda: self._two("consent.granted"))
			visit = self.client.call("get_quanto_session", request=link["request"])
			self.consents = {consent["bank"]: consent["consent"] for consent in visit["consents"]}
			if visit["status"] != "Completed" or set(self.consents) != set(BANKS.values()):
				raise DevError(f"the visit is {visit}")
			step.say(
				f"{len(events)} events consent.granted",
				*(
					f"{consent['bank']}: {consent['consent']}, until {consent['expires_at']}"
					for consent in visit["consents"]
				),
			)

	def _two(self, kind: str) -> list[dict[str, Any]] | None:
		events = self.receiver.of_type(kind)
		return events if len(events) >= len(BANKS) else None

	def _event(self, kind: str, consent: str) -> dict[str, Any]:
		def look() -> list[dict[str, Any]]:
			return [event for event in self.receiver.of_type(kind) if event["data"]["item_id"] == consent]

		return wait_for(f"{kind} of {consent}", look)[0]

	def _once(self, kind: str, consent: str) -> dict[str, Any]:
		event = self._event(kind, consent)
		told = [one for one in self.receiver.of_type(kind) if one["data"]["item_id"] == consent]
		if len(told) != 1:
			raise DevError(f"{kind} was told {len(told)} times")
		return event

	# --- the data

	def _accounts(self) -> None:
		with self.telling.step(
			"the gateway reads both banks; the client reads accounts, cards and contracts"
		) as step:
			lines, count = [], 0
			for bank, consent in self.consents.items():
				self._event("transactions.updated", consent)
				answer = self.client.call("get_bank_accounts", item_id=consent, user=USER)
				kinds = Counter(_kind(resource) for resource in answer["resources"])
				granted = self.control.consent(consent)["states"]
				if set(map(_id, answer["resources"])) != set(granted):
					raise DevError(
						f"{bank} has granted {len(granted)} resources, the client has {dict(kinds)}"
					)
				count += len(granted)
				lines.append(
					f"{bank}: " + ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
				)
			step.say(f"{count} resources, those that the banks have granted", *lines)
		with self.telling.step("the client reads the transactions of both") as step:
			rows, total = 0, Decimal(0)
			for consent in self.consents.values():
				number, amount = self._compare(consent)
				rows, total = rows + number, total + amount
			step.say(f"{rows} transactions, sum {total}, equal to the banks' own ledgers to the cent")

	def _compare(self, consent: str) -> tuple[int, Decimal]:
		"""The banks' own books and what the client has must be one, every field as sent; rows and their sum."""

		def rows() -> list[dict[str, Any]]:
			answer = self.client.call("get_bank_transactions", item_id=consent, user=USER, limit=5000)
			return [row for row in answer["resources"] if not row.get("deleted") and "transactionName" in row]

		ledger = Counter(
			json.dumps(entry["data"], sort_keys=True)
			for product in self.control.consent(consent)["states"]
			for entry in self.control.transactions(product)
		)

		def equal() -> list[dict[str, Any]] | None:
			found = rows()
			return found if Counter(json.dumps(row, sort_keys=True) for row in found) == ledger else None

		found = wait_for(f"{sum(ledger.values())} transactions of {consent}", equal)
		return len(found), sum(map(_amount, found), Decimal(0))

	def _bodies(self) -> None:
		consent = self.consents[BANKS["ipe"]]
		with self.telling.step(
			"what is read on demand comes as Open Finance's own body, with its age"
		) as step:
			customer = self.client.call("get_personal_identification", item_id=consent, user=USER)
			resources = self.client.call("get_resources", item_id=consent, user=USER)
			again = self.client.call("get_personal_identification", item_id=consent, user=USER)
			if again["as_of"] != customer["as_of"]:
				raise DevError("the bank was asked twice, of eight times a month")
			name = customer["body"]["data"][0]["civilName"]
			step.say(
				f"{name}, a customer; {len(resources['body']['data'])} resources",
				f"as of {customer['as_of']}; the second answer is the copy, since a month allows eight reads",
			)

	def _news(self) -> None:
		consent = self.consents[BANKS["ipe"]]
		product = next(iter(self.control.products(PERSON, "ipe", "ACCOUNT")))["id"]
		seen = len(self.receiver.events)
		with self.telling.step("a PIX is booked; the client asks for a refresh and is told") as step:
			self.control.add_transaction(product, amount="-1234.5678", text="PIX ENVIADO MERCADO SÃO JOSÉ")
			self.client.call("post_item_refresh", item_id=consent, user=USER)
			wait_for("transactions.updated", lambda: self.receiver.of_type("transactions.updated", seen))
			self._compare(consent)
			step.say("amount 1234.5678, four decimals and all; ledger and copy are equal again")

	# --- a company

	def _company(self) -> str:
		with self.telling.step("a company shares its account, which two people have to approve") as step:
			link = self._link(FIRM, business_document=COMPANY, groups="account_balances,account_transactions")
			main = next(row for row in self.control.products(COMPANY, "ipe", "ACCOUNT") if row["approvers"])
			browser = self.control.browser(link["link"])
			back = browser.walk(("ipe",), resources=[main["id"]])
			self._back(back or "")
			visit = self.client.call("get_quanto_session", request=link["request"])
			(consent,) = visit["consents"]
			self._once("consent.waiting", consent["consent"])
			if consent["approval"] != "Pending":
				raise DevError(f"the consent's approval is {consent['approval']}")
			step.say(f"{consent['consent']}: granted, approval {consent['approval']}; event consent.waiting")
		return str(consent["consent"])

	def _approval(self, consent: str) -> None:
		with self.telling.step(
			"hours later, the second signer approves at the bank; the client is told"
		) as step:
			if self.receiver.of_type("consent.granted")[len(BANKS) :]:
				raise DevError("the client was told too early")
			self.control.approve_second(consent, SECOND_APPROVER)
			event = self._once("consent.granted", consent)
			if not event["data"].get("multiple_approval"):
				raise DevError(f"the event does not say that several people approved: {event['data']}")
			status = self.client.call("get_quanto_consent", consent=consent)
			step.say(f"consent.granted with multiple_approval, approval {status['approval']}")
		with self.telling.step("its account is read") as step:
			self._event("transactions.updated", consent)
			answer = self.client.call("get_bank_accounts", item_id=consent, user=FIRM)
			(account,) = answer["resources"]
			step.say(
				f"{account['brandName']} {account['branchCode']} {account['number']}-{account['checkDigit']}"
			)

	# --- the end

	def _revoked_at_the_bank(self) -> None:
		consent = self.consents[BANKS["araucaria"]]
		with self.telling.step("the end user revokes one consent at the bank; nobody here was asked") as step:
			self.control.revoke(consent)
			self._once("consent.revoked", consent)
			self._once("item.deleted", consent)
			told = self.client.call("get_quanto_consents", user=USER, state="Ended")["consents"]
			step.say(
				"events consent.revoked and item.deleted, once each",
				*(f"{one['bank']}: {one['end_reason']} by {one['ended_by']}" for one in told),
			)

	def _delete(self) -> None:
		consent = self.consents[BANKS["ipe"]]
		with self.telling.step("the end user's page shows what is shared, and what was") as step:
			site = ClientSite(self.gateway, self.client.api_key, self.client.api_secret, module="consents")
			link = site.call("get_consents_link", user=USER, language="pt-BR")["link"]
			parts = urlsplit(link)
			page = Caller(self.gateway).call("GET", f"{parts.path}?{parts.query}")
			if page.status != 200 or not all(bank in page.text for bank in BANKS.values()):
				raise DevError(f"the page answered {page.status} without both banks")
			step.say(f"{len(page.text.encode()) / 1000:.1f} kB, both banks, without a log-in")
		with self.telling.step("the client withdraws the other consent") as step:
			self.client.call("delete_quanto_consent", consent=consent, user=USER)
			there = self.control.consent(consent)
			gone = self.client.answer("get_bank_accounts", item_id=consent, user=USER).status
			if (there["status"], gone) != ("REJECTED", 404):
				raise DevError(f"at the bank it is {there['status']}, here it answers {gone}")
			reason = there["rejection"]["reason"]["code"]
			step.say(f"{there['status']} at the bank, {reason}; unknown here")


def _id(resource: dict[str, Any]) -> str:
	return str(resource.get("accountId") or resource.get("creditCardAccountId") or resource["contractId"])


def _kind(resource: dict[str, Any]) -> str:
	if "accountId" in resource:
		return "accounts"
	return "cards" if "creditCardAccountId" in resource else "contracts"


def _amount(row: dict[str, Any]) -> Decimal:
	money = row.get("transactionAmount") or row["brazilianAmount"]
	return Decimal(money["amount"]) * (-1 if row["creditDebitType"] == "DEBITO" else 1)
