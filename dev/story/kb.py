"""KB: a company's payments, from the ERP's list or file to the last one booked, with a human at the bank in between.

The bank's book is the judge: whatever happens on the way, it holds each payment at most once.
"""

import base64
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bank_api.sandbox.client import SandboxControl
from bank_api.sandbox.kb.client import KbChannel, KbSandbox
from dev import kb
from dev.errors import DevError
from dev.seed import Setup
from dev.story.receiver import Receiver
from dev.story.telling import Telling, wait_for
from dev.web import Caller, ClientSite

BATCH = "Bank API Payment Batch"
SENDING = "/directapi/batchda/v3/batchPayments"
COUNT = 250
LATE_DAYS = 3
WAGES, REFUSED = "wages-2026-11", "refunds"
"""The batch in parts, and the one that the human does not authorise."""
_SECONDS_LATER = 60
TITLES = {
	"contacts": "the admin names a contact",
	"keys": "the admin enters the keys of the bank's portal",
	"certificate": "the commercial certificate: key made here, request, issued, uploaded",
	"statement": "the application is introduced over mutual TLS: a software statement of 12 months",
	"registration": "a human registers it on the bank's pages; the sealed answer comes back",
	"proof": "a harmless call proves that all of it fits",
	"channel": "the admin says where batches are authorised",
}


def play(telling: Telling, gateway: str, sandbox: str, site: str) -> None:
	"""The chapter.

	Raises:
		DevError: something did not come out as it should.
	"""
	telling.chapter("KB, batches of payments")
	receiver = Receiver()
	try:
		setup = Setup(gateway, sandbox)
		control = SandboxControl(sandbox)
		provider = _provider(telling, setup, control.kb)
		client = _client(telling, setup, provider, receiver)
		Story(telling, setup, client, receiver, control, site).tell()
	finally:
		receiver.stop()
	if receiver.refused:
		raise DevError(f"{receiver.refused} webhooks were not signed as they should be")


def _provider(telling: Telling, setup: Setup, bank: KbSandbox) -> str:
	with telling.step("the admin makes a provider; the set-up page says what is next") as step:
		provider = kb.record(setup, "KB")["name"]
		guided = kb.KbSetUp(setup, provider)
		states = Counter(shown["state"] for shown in guided.steps().values())
		step.say(", ".join(f"{count} steps {state}" for state, count in sorted(states.items())))
	steps = guided.through(bank.walk)
	for title in TITLES.values():
		with telling.step(title) as step:
			_key, said = next(steps)
			step.say(said or "done")
	return provider


def _client(telling: Telling, setup: Setup, provider: str, receiver: Receiver) -> ClientSite:
	with telling.step("the admin creates a client and its key pair") as step:
		keys = setup.client("firma.example.com", receiver.origin, receiver.url, provider)
		receiver.secret = keys["webhook_secret"]
		step.say(f"key {keys['api_key']}, secrets shown once")
	return ClientSite(setup.admin.url, keys["api_key"], keys["api_secret"], module="kb")


@dataclass
class Story:
	"""What one company does in a week; `tell` it once."""

	telling: Telling
	setup: Setup
	client: ClientSite
	receiver: Receiver
	sandbox: SandboxControl
	site: str
	item: str = ""
	today: str = ""
	ids: dict[str, str] = field(default_factory=dict)
	"""Batches by the ERP's own key."""
	paid: Counter[tuple[str, str]] = field(default_factory=Counter)
	"""Partner and amount of every payment that has to be in the bank's book, and how often."""

	@property
	def bank(self) -> KbSandbox:
		"""The bank's own side."""
		return self.sandbox.kb

	def tell(self) -> None:
		"""Consent, accounts, batches of every kind, what goes wrong, the human, settlement."""
		self.today = self.bank.info()["today"]
		self._consent()
		self._accounts()
		self._validated()
		self._wages()
		self._repeated()
		self._files()
		self._one_bad()
		self._bad_at_the_bank()
		self._cut()
		self._cut_without_a_list()
		self._human()
		self._settlement()
		self._events()

	# --- the consent

	def _consent(self) -> None:
		with self.telling.step("the client asks for a consent link") as step:
			link = self.client.call(
				"get_kb_consent_link",
				base_url=self.receiver.origin,
				redirect_url=self.receiver.origin + "/bank/done",
				webhook_url=self.receiver.url,
				user=kb.BOSS,
			)
			step.say(f"consent {link['consent']}", f"until {link['expires_at']}", link["link"][:100] + "…")
		with self.telling.step(
			"the boss logs in at the bank and lets us read accounts and hand over batches"
		):
			back = urlsplit(self.bank.walk(link["link"]))
		with self.telling.step("the browser returns through the gateway to the client") as step:
			page = Caller(self.setup.admin.url).call("GET", f"{back.path}?{back.query}")
			if page.status != 200 or self.receiver.origin not in page.text:
				raise DevError(f"the return page answered {page.status} and does not lead back to the client")
			wait_for("connect.completed", lambda: self.receiver.of_type("connect.completed"))
			self.item = self.client.call("get_kb_item_id", request=link["request"])["item_id"]
			step.say(f"item {self.item}; a signed webhook told the client")

	# --- accounts

	def _accounts(self) -> None:
		with self.telling.step("the gateway reads the accounts; the client reads them from it") as step:
			wait_for("transactions.updated", lambda: self.receiver.of_type("transactions.updated"))
			found = self.client.call("get_bank_accounts", item_id=self.item, user=kb.BOSS)["resources"]
			step.say(
				f"{len(found)} accounts",
				*(f"{one['iban']}  {one['currency']}  {one['nameI18N']}" for one in found),
			)
		with self.telling.step("the client reads the transactions") as step:
			rows = self._equal_to_the_ledger([one["iban"] for one in found])
			step.say(f"{len(rows)} transactions, equal to the bank's own ledger to the haléř")

	def _equal_to_the_ledger(self, ibans: list[str]) -> list[tuple[str, Decimal, str, str]]:
		"""Wait until the client reads what the bank has in its books: account, amount, day and status of each row."""
		ledger = Counter(
			(iban, Decimal(row["amount"]), row["day"], row["status"])
			for iban in ibans
			for row in self.bank.account(iban)["transactions"]
		)

		def equal() -> list[tuple[str, Decimal, str, str]] | None:
			found = [_row(row) for row in self._transactions()]
			return found if Counter(found) == ledger else None

		return wait_for(f"{sum(ledger.values())} transactions", equal)

	def _transactions(self) -> list[dict[str, Any]]:
		answer = self.client.answer("get_bank_transactions", item_id=self.item, user=kb.BOSS)
		if answer.status != 200:
			return []
		return json.loads(answer.text, parse_float=Decimal)["message"]["resources"]

	# --- batches

	def _submit(self, key: str, **values: Any) -> dict[str, Any]:
		terms = {"idempotency_key": key, "account": kb.WAGES, "execution_date": kb.bank_day(self.today)}
		found = self.client.call("submit_payment_batch", **(terms | values))
		self.ids[key] = found["batch"]
		return found

	def _until(self, key: str, *states: str) -> dict[str, Any]:
		"""Wait until a batch stands so, without asking the bank."""

		def look() -> dict[str, Any] | None:
			found = self._status(key)
			return found if found["state"] in states else None

		return wait_for(f"{' or '.join(states)} of {key}", look)

	def _status(self, key: str, **values: Any) -> dict[str, Any]:
		return self.client.call("get_payment_batch_status", idempotency_key=key, **values)

	def _held(self, found: dict[str, Any]) -> list[dict[str, Any]]:
		"""What the bank's book holds of a batch."""
		return [
			row for part in found["parts"] for row in self.bank.book(exchange=part["exchange_id"])["payments"]
		]

	def _owe(self, payments: list[dict[str, Any]]) -> None:
		"""These have to be in the bank's book from now on, each of them once."""
		self.paid.update((one["partner_account"], one["amount"]) for one in payments)

	def _validated(self) -> None:
		with self.telling.step(
			"the ERP lets a list be checked that has faults; nothing is kept or sent"
		) as step:
			bad = kb.wages(4, 900)
			bad[0]["partner_account"] = "1234567890/0800"
			bad[1]["amount"] = "0.001"
			bad[2]["variable_symbol"] = "12345678901"
			bad[3]["constant_symbol"] = "0006"
			found = self.client.call("validate_payment_batch", payments=bad, account=kb.WAGES)
			told = {(one["index"], one["field"]) for one in found["errors"]}
			wanted = set(enumerate(("partner_account", "amount", "variable_symbol", "constant_symbol")))
			if found["valid"] or told != wanted or self.bank.book()["count"]:
				raise DevError(f"the check said {found}")
			step.say(f"{len(told)} errors", *(one["sentence"] for one in found["errors"]))

	def _wages(self) -> None:
		with self.telling.step(f"the ERP hands over {COUNT} wages; the bank takes 100 in a message") as step:
			payments = kb.wages(COUNT)
			self._submit(WAGES, payments=payments, name="Wages November")
			found = self._until(WAGES, "stored")
			held = self._held(found)
			if Counter((one["partner"], one["amount"]) for one in held) != _asked(payments):
				raise DevError(f"the bank holds {len(held)} of {COUNT} payments, or other ones")
			self._owe(payments)
			step.say(
				f"{found['total']} {found['currency']}, stored in {len(found['parts'])} messages, digest {found['digest'][:16]}…",
				f"to be authorised at: {found['authorise_at']}",
				*(f"{part['provider_batch_id']}: {part['payments']} payments" for part in found["parts"]),
			)

	def _repeated(self) -> None:
		with self.telling.step("the ERP repeats itself: nothing is paid twice") as step:
			before = self.bank.book()["count"]
			same = kb.wages(COUNT)
			again = self._submit(WAGES, payments=same, name="Wages November")
			other = self._refused(WAGES, kb.wages(3, 20))
			moved = self._refused(f"{WAGES}-again", same)
			if not again["repeated"] or (other, moved) != ("409 KeyInUse", "409 PaymentsRepeated"):
				raise DevError(f"repeated: {again['repeated']}; another list: {other}; another key: {moved}")
			if self.bank.book()["count"] != before:
				raise DevError("a repetition reached the bank")
			step.say(
				f"the same key is the same batch ({again['state']})",
				f"another list under that key: {other}",
				f"the same payments under another key: {moved}",
			)

	def _refused(self, key: str, payments: list[dict[str, Any]]) -> str:
		terms = {"account": kb.WAGES, "execution_date": kb.bank_day(self.today)}
		answer = self.client.answer("submit_payment_batch", idempotency_key=key, payments=payments, **terms)
		return f"{answer.status} {answer.json().get('exc_type')}"

	def _files(self) -> None:
		day, later = kb.bank_day(self.today), kb.bank_day(self.today, LATE_DAYS)
		amounts = ["12100.00", "845.50", "0.07"]
		with self.telling.step("an ABO file of the accounting package goes to the bank as such") as step:
			self._file("invoices", kb.abo(day, amounts), amounts, send_as="abo", name="Invoices")
			step.say(f"{len(amounts)} payments, windows-1250, checked line by line and written anew")
		with self.telling.step("a pain.001 file pays invoices from Germany, three bank days ahead") as step:
			euros = ["1999.90", "35.00"]
			found = self._file("abroad", kb.sepa(later, euros), euros, send_as="pain001_03", account="")
			step.say(f"{found['total']} {found['currency']} on {found['execution_date']}")

	def _file(self, key: str, content: bytes, amounts: list[str], **values: Any) -> dict[str, Any]:
		text = base64.b64encode(content).decode()
		found = self._submit(key, file=text, execution_date=None, **values)
		held = self._held(found)
		if found["state"] != "stored" or sorted(row["amount"] for row in held) != sorted(amounts):
			raise DevError(f"{key} is {found['state']} ({found['message']}), the bank holds {len(held)}")
		self.paid.update((row["partner"], row["amount"]) for row in held)
		return found

	# --- what goes wrong

	def _one_bad(self) -> None:
		payments = kb.wages(5, 300)
		bad = [*payments[:2], payments[2] | {"partner_account": "1234567890/0800"}, *payments[3:]]
		with self.telling.step("a list with one bad payment is refused whole") as step:
			terms = {"account": kb.WAGES, "execution_date": kb.bank_day(self.today)}
			answer = self.client.answer(
				"submit_payment_batch", idempotency_key="bonuses", payments=bad, **terms
			)
			told = answer.json()
			(error,) = told["errors"]
			if (answer.status, error["index"], error["field"]) != (417, 2, "partner_account"):
				raise DevError(f"{answer.status}: {told['errors']}")
			step.say(f"{answer.status} {told['exc_type']}: {error['sentence']}")
		with self.telling.step(
			"the ERP's user agrees to pay the others: the same key, with accept_partly"
		) as step:
			found = self._submit("bonuses", payments=bad, accept_partly=1, name="Bonuses")
			rows = self.client.call("get_payments", batch=found["batch"])["payments"]
			held = self._held(found)
			if (found["state"], found["refused"], len(held)) != ("stored", 1, 4):
				raise DevError(f"the batch is {found['state']}, {found['refused']} refused, {len(held)} held")
			self._owe([one for one in bad if one is not bad[2]])
			step.say(", ".join(f"{row['index']}: {row['status']}" for row in rows))

	def _bad_at_the_bank(self) -> None:
		with self.telling.step("a payee's account was closed yesterday: only the bank can know") as step:
			payments = kb.wages(3, 400)
			payments[1]["partner_account"] = kb.GONE
			counted = self._submit("advances", payments=payments, name="Advances")
			found = self._status("advances", refresh=1)
			told = [(error["index"], error["code"]) for error in found["errors"]]
			if (counted["state"], counted["rejected"], told) != ("partly_accepted", 1, [(1, "AC03")]):
				raise DevError(f"the batch is {found['state']}, errors {found['errors']}")
			error = found["errors"][0]
			self._owe([payments[0], payments[2]])
			step.say(f"{found['state']}: payment {error['index']}, {error['field']}: {error['message']}")

	def _cut(self) -> None:
		with self.telling.step(
			"the line breaks while the bank answers: nobody knows, and it is said so"
		) as step:
			payments = kb.wages(2, 500)
			self.sandbox.fail("cut", path=SENDING, method="POST", times=1, execute=True)
			terms = {"payments": payments, "name": "Travel costs"}
			found = self._submit("travel", **terms)
			again = [self._submit("travel", **terms)["state"] for _ in range(3)]
			if {found["state"], *again} != {"unknown"}:
				raise DevError(f"the batch is {found['state']}, then {again}")
			step.say(f"{found['state']}; three repetitions send nothing", str(found["message"]))
		with self.telling.step("the bank's list has it: one look-up settles the matter") as step:
			found = self._status("travel", refresh=1)
			held = self._held(found)
			if found["state"] != "stored" or len(held) != len(payments):
				raise DevError(f"the batch is {found['state']}, the bank holds {len(held)}")
			self._owe(payments)
			step.say(f"{found['state']}, number {found['parts'][0]['provider_batch_id']}; held once")

	def _cut_without_a_list(self) -> None:
		with self.telling.step("it breaks again, and this time the bank's list cannot be asked") as step:
			payments = kb.wages(2, 600)
			self.bank.switches(find_by_exchange=False)
			self.sandbox.fail("cut", path=SENDING, method="POST", times=1, execute=True)
			found = self._submit(REFUSED, payments=payments, name="Refunds")
			(held,) = self.bank.batches(exchange=found["parts"][0]["exchange_id"])
			self._owe(payments)
			step.say(f"{found['state']}; a human has to look at the bank's channel")
		answer = {
			"arrived": 1,
			"digest": found["digest"],
			"total": f"{found['total']} {found['currency']}",
			"provider_batch_id": held["id"],
		}
		with self.telling.step(
			"the operator finds it there, and says so in the desk; not before ten minutes"
		) as step:
			early = self._decided(found["batch"], answer)
			self._eleven_minutes_pass()
			wrong = self._decided(found["batch"], answer | {"total": "1.00 CZK"})
			done = self._decided(found["batch"], answer)
			state = self._status(REFUSED)["state"]
			if (early, wrong, done, state) != (417, 417, 200, "stored"):
				raise DevError(f"too early: {early}, another amount: {wrong}, right: {done}; it is {state}")
			step.say(
				f"too early: {early}; eleven minutes later: another amount {wrong}, digest and amount right: stored"
			)
		self.bank.switches(find_by_exchange=True)

	def _decided(self, batch: str, values: dict[str, Any]) -> int:
		body = {"dt": BATCH, "dn": batch, "method": "decide", "args": json.dumps(values)}
		return self.setup.admin.caller.call("POST", "/api/method/run_doc_method", body).status

	def _eleven_minutes_pass(self) -> None:
		"""Nobody wants to wait for them: the gateway's row is made so much older."""
		command = [sys.executable, "-m", "dev.inside", "later", self.site]
		sites = Path(os.environ["SITES_PATH"])
		subprocess.run(command, cwd=sites, check=True, timeout=_SECONDS_LATER)

	# --- the human

	def _human(self) -> None:
		with self.telling.step(
			"a human reads each batch in the bank's channel, and signs what is right"
		) as step:
			channel = self.bank.channel()
			signed = 0
			for key in self.ids:
				found = self._status(key)
				for part in found["parts"]:
					self._sign(channel, part, key != REFUSED)
					signed += key != REFUSED
			step.say(f"{signed} messages signed, digests compared; 1 refused")
		with self.telling.step("the gateway asks the bank, and the ERP sees what became of each") as step:
			states = {key: self._status(key, refresh=1)["state"] for key in self.ids}
			wanted = {key: "rejected" if key == REFUSED else "authorised" for key in self.ids}
			if states != wanted:
				raise DevError(f"the batches are {states}")
			step.say(", ".join(f"{key}: {state}" for key, state in states.items()))

	@staticmethod
	def _sign(channel: KbChannel, part: dict[str, Any], agreed: bool) -> None:
		"""Compare the digest on the bank's page with the one that the ERP shows, then decide."""
		page = channel.batch(part["provider_batch_id"])
		if part["provider_digest"] and part["provider_digest"] not in page.text:
			raise DevError(f"the bank shows another digest of {part['provider_batch_id']}")
		if agreed:
			channel.authorise(part["provider_batch_id"])
		else:
			channel.refuse(part["provider_batch_id"])

	# --- settlement

	def _settlement(self) -> None:
		with self.telling.step("a bank day passes at the bank") as step:
			self.bank.settle(days=1)
			states = {key: self._status(key, refresh=1)["state"] for key in self.ids}
			wanted = dict.fromkeys(self.ids, "settled") | {REFUSED: "rejected", "abroad": "authorised"}
			if states != wanted:
				raise DevError(f"the batches are {states}")
			step.say(
				f"settled, but for the invoices from abroad ({states['abroad']}): their day has not come"
			)
		with self.telling.step("two more bank days pass; the bank's book is compared with the ERP's") as step:
			self.bank.settle(days=LATE_DAYS - 1)
			found = self._status("abroad", refresh=1)
			book = self.bank.book()
			held = Counter(
				(row["partner"], row["amount"]) for row in book["payments"] if row["partner"] != kb.GONE
			)
			if found["state"] != "settled" or held != self.paid:
				raise DevError(f"abroad is {found['state']}, the bank holds {len(held)} of {len(self.paid)}")
			if book["repeated"] or book["booked_twice"]:
				raise DevError(f"paid twice: {book['repeated']} {book['booked_twice']}")
			booked = sum(row["bookings"] for row in book["payments"])
			step.say(f"{sum(held.values())} payments held, {booked} booked, none twice, none missing")
		self._statement()

	def _statement(self) -> None:
		with self.telling.step("the account's history brings the payments back to the ERP") as step:
			seen = len(self.receiver.events)
			self.client.call("post_item_refresh", item_id=self.item, user=kb.BOSS)
			wait_for("transactions.updated", lambda: self.receiver.of_type("transactions.updated", seen))
			ibans = [kb.MAIN, kb.WAGES, kb.EURO]
			rows = self._equal_to_the_ledger([*ibans, kb.SAVINGS])
			step.say(f"{len(rows)} transactions, equal to the bank's own ledger to the haléř")

	def _events(self) -> None:
		with self.telling.step("every step was told by signed webhooks, each once") as step:

			def told() -> Counter[tuple[str, str]]:
				events = [one for one in self.receiver.events if one["type"].startswith("payment_batch.")]
				return Counter((one["data"]["idempotency_key"], one["data"]["state"]) for one in events)

			wanted = {(key, "rejected" if key == REFUSED else "settled") for key in self.ids}
			wait_for("the last events", lambda: wanted <= set(told()))
			often = {found: count for found, count in told().items() if count > 1}
			unknown = {key for key, state in told() if state == "unknown"}
			if unknown != {"travel", REFUSED} or any(key != WAGES for key, _state in often):
				raise DevError(f"unknown were {unknown}, told more than once: {often}")
			kinds = Counter(state for _key, state in told())
			step.say(", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))


def _asked(payments: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
	return Counter((one["partner_account"], one["amount"]) for one in payments)


def _row(row: dict[str, Any]) -> tuple[str, Decimal, str, str]:
	"""A transaction of the API: account, amount in its currency, day and status."""
	own = "EUR" if row["iban"] == kb.EURO else "CZK"
	money = next(row[name] for name in ("amount", "instructed") if row.get(name, {}).get("currency") == own)
	sign = -1 if row["creditDebitIndicator"] == "DEBIT" else 1
	return row["iban"], sign * Decimal(money["value"]), row["valueDate"], row["status"]
