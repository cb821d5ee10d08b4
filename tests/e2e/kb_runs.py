"""Companies that hand batches over to the simulated KB, insist on an answer, and compare the bank's book with what they were told."""

import http.client
import itertools
import json
import random
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from installation import Installation, wait_until

from dev.web import ClientSite

PARTNERS = ("CZ6508000000192000145399", "CZ9501000000001234567899")
PART = 3
"""Payments in one message: more go in several, one after the other."""
BATCH_TIMEOUT = 2
INSIST = 90.0
SYNC = 180.0
LIVE = ("stored", "authorised", "settled")
OVER = ("rejected", "cancelled", "expired")
WAITING = ("validated", "unknown")
"""For a human; a part waits behind another one of which nobody knows."""
REFUSED = "RJCT"
_numbers = itertools.count(1)


class Company:
	"""A provider record whose calls go over a wire of the test's, and client sites with a consent of their own.

	Args:
		installation: the installation under test.
		wire: port through which the gateway reaches KB's APIs.
		clients: how many client sites.
	"""

	def __init__(self, installation: Installation, wire: int, clients: int):
		self.installation = installation
		self.control = installation.control.kb
		info = self.control.info()
		self.account = next(one["iban"] for one in info["accounts"] if one["currency"] == "CZK")
		self.day = info["next_bank_day"]
		settings = {
			"name.path_find": "/batchPayments",
			"batch_timeout": str(BATCH_TIMEOUT),
			"most_payments": str(PART),
			"payments.cut_offs": "no",
		}
		self.provider = installation.kb(settings, api_base_url=f"http://127.0.0.1:{wire}")
		self.app = installation.app_of(self.provider)
		self.sites = [self._site() for _ in range(clients)]

	def _site(self) -> ClientSite:
		site = self.installation.client(self.provider, module="kb")
		origin = site.receiver.origin
		link = site.api.call(
			"get_kb_consent_link", base_url=origin, redirect_url=f"{origin}/done", user="boss"
		)
		self.installation.browse(self.control.walk(link["link"]))
		item = site.api.call("get_kb_item_id", request=link["request"])["item_id"]
		row = self.installation.item(self.provider, item)["name"]
		self.installation.sync_now(row)
		wait_until("the accounts", lambda: self.installation.accounts(row), SYNC)
		return site.api

	def run(self, dice: random.Random, url: str, payments: int, send_as: str = "kb_json") -> "Run":
		"""A batch that no other one is like: every payment has a symbol and an amount of its own."""
		number = next(_numbers)
		rows = [
			{
				"partner_account": dice.choice(PARTNERS),
				"amount": f"{dice.randrange(1, 90)}.{dice.randrange(100):02d}",
				"variable_symbol": str(number * 1000 + place),
			}
			for place in range(payments)
		]
		site = dice.choice(self.sites)
		body = {
			"idempotency_key": f"run-{number}-{uuid.uuid4().hex[:8]}",
			"payments": rows,
			"account": self.account,
			"execution_date": self.day,
			"name": f"Run {number}",
			"send_as": send_as,
		}
		return Run(number, ClientSite(url, site.api_key, site.api_secret, module="kb"), body)

	def book(self) -> dict[str, Any]:
		"""What the bank holds of this company."""
		return self.control.book(app=self.app)


@dataclass
class Run:
	"""One batch under one key, and what its callers were told of it."""

	number: int
	site: ClientSite
	body: dict[str, Any] = field(repr=False)
	told: list[dict[str, Any]] = field(default_factory=list, repr=False)
	lost: int = 0

	@property
	def key(self) -> str:
		"""The caller's own name of the batch."""
		return self.body["idempotency_key"]

	def insist(self, patience: float = 60.0) -> None:
		"""Hand over, again and again, until there is an answer; as a site does that was told to.

		Args:
			patience: seconds to wait for the first answer; later ones are waited for longer.
		"""
		end, last = time.monotonic() + INSIST, "nobody answered"
		while time.monotonic() < end:
			status, text = self.ask("submit_payment_batch", patience, **self.body)
			if status == 200:
				self.told.append(json.loads(text)["message"])
				return
			assert status not in (409, 410, 417), f"{self}: {status} {text[:800]}"
			self.lost += 1
			last, patience = f"{status} {text[:800]}", 60.0
			time.sleep(0.1)
		raise AssertionError(f"{self} got no answer: {last}")

	def cancel(self) -> int:
		"""Try to cancel; the status of the answer."""
		return self.ask("cancel_payment_batch", idempotency_key=self.key)[0]

	def ask(self, method: str, timeout: float = 60.0, **arguments: Any) -> tuple[int, str]:
		"""Call a method; status 0 if the answer did not come."""
		where = urlsplit(self.site.url)
		connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=timeout)
		headers = {
			**self.site.caller.headers,
			"Content-Type": "application/json",
			"Accept": "application/json",
		}
		try:
			connection.request(
				"POST", f"/api/method/bank_api.kb.{method}", json.dumps(arguments).encode(), headers
			)
			answer = connection.getresponse()
			return answer.status, answer.read().decode()
		except (OSError, http.client.HTTPException) as error:
			return 0, repr(error)
		finally:
			connection.close()

	def look(self) -> dict[str, Any]:
		"""The batch with its payments, as the gateway tells it now."""
		status, text = self.ask("get_payment_batch", idempotency_key=self.key, limit=1000)
		assert status == 200, f"{self}: {status} {text[:800]}"
		return json.loads(text)["message"]


def judge(company: Company, runs: list[Run], *, settled: bool = False) -> Counter[str]:
	"""The bank's book against what the gateway says of every single payment.

	Args:
		company: whose.
		runs: all of its batches.
		settled: whether everything has come to its end, here and at the bank.

	Returns:
		how many payments stand how.
	"""
	book = company.book()
	assert {name: book[name] for name in ("repeated", "booked_twice")} == {"repeated": [], "booked_twice": []}
	held: dict[str, list[dict[str, Any]]] = {}
	for row in book["payments"]:
		held.setdefault(row["details"]["variable"], []).append(row)
	count: Counter[str] = Counter()
	for run in runs:
		batch = run.look()
		assert {one["batch"] for one in run.told} == {batch["batch"]}, f"{run}: one key, several batches"
		assert len(batch["rows"]) == len(run.body["payments"])
		for sent, ours in zip(run.body["payments"], batch["rows"], strict=True):
			count[ours["status"]] += 1
			_compare(run, company, sent, ours, held.pop(sent["variable_symbol"], []), settled)
	assert held == {}, f"the bank has what nobody has sent: {held}"
	return count


def _compare(
	run: Run,
	company: Company,
	sent: dict[str, Any],
	ours: dict[str, Any],
	rows: list[dict[str, Any]],
	settled: bool,
) -> None:
	where = f"{run}\nsent {sent}\nours {ours}\nbank {rows}"
	assert len(rows) <= 1, f"twice: {where}"
	assert ours["status"] in (*LIVE, *OVER, *(() if settled else WAITING)), f"forgotten: {where}"
	for row in rows:
		assert row["own"] == company.account and row["partner"] == sent["partner_account"], where
		assert Decimal(row["amount"]) == Decimal(sent["amount"]), where
	live = [row for row in rows if row["status"] != REFUSED]
	if ours["status"] in LIVE:
		assert live, f"missing: {where}"
	if ours["status"] == "validated":
		assert not rows, f"it would be sent again: {where}"
	if ours["status"] in OVER:
		assert not live, f"the bank would carry out what we call over: {where}"
	if settled and live:
		assert ours["status"] == "settled" and live[0]["bookings"] == 1, f"not settled: {where}"
