"""Handing over 10,000 payments: from one call of the API until the simulated KB has stored the last of its hundred messages.

Within the time lie validation, the rows in the database, each message written, read back and compared, the state committed
before and behind every call, and the news for the client. The rival is a `requests.Session` that posts a hundred such
messages, ready as bytes, to the same bank on one connection, and does nothing else; each of ours has a connection of its own,
because a batch that was lost on a kept one would be in doubt.
"""

import random
import time
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from bank_api.payments import formats
from bank_api.payments.formats import KbJson
from bank_api.payments.listed import Defaults, batch
from bank_api.payments.model import Envelope
from bank_api.sandbox.client import SandboxControl
from benchmarks.common import alternate

COUNT, PART = 10_000, 100
REPETITIONS = 3
PATIENCE = 300
STEP = 0.1


def run(stack: Any) -> dict[str, float]:
	"""Measure on a running stack, with a worker of its own.

	Returns:
		`submit_seconds_10k` until everything is stored, `submit_taken_seconds_10k` until the call is answered,
		`submit_vs_session`: how many times slower than the rival, and the rival's seconds.
	"""
	from dev import processes

	worker = processes.worker(stack.bench, stack.site, log=stack.folder / "logs" / "submitting.log").start()
	try:
		payer = _Payer(stack)
		payer.submit()  # the worker and the web server have loaded everything then
		ours, theirs = alternate(payer.submit, payer.post, REPETITIONS)
	finally:
		worker.stop()
	return {
		"submit_seconds_10k": round(ours, 2),
		"submit_taken_seconds_10k": round(min(payer.taken), 2),
		"submit_vs_session": round(ours / theirs, 2),
		"session_seconds_10k": round(theirs, 2),
	}


class _Payer:
	"""A client of the gateway, and a customer who speaks to the bank without it."""

	def __init__(self, stack: Any):
		from dev import kb
		from dev.seed import Setup
		from dev.web import ClientSite

		self.control = SandboxControl(stack.sandbox_url).kb
		self.info = self.control.info()
		self.account = next(one["iban"] for one in self.info["accounts"] if one["currency"] == "CZK")
		setup = Setup(stack.url, stack.sandbox_url)
		provider = setup.kb(f"Submitting {uuid.uuid4().hex[:6]}", app_calls_per_5_minutes=0)["name"]
		keys = setup.client(f"{uuid.uuid4().hex[:8]}.example.com", stack.url, None, provider)
		self.site = ClientSite(stack.url, keys["api_key"], keys["api_secret"], module="kb")
		link = self.site.call("get_kb_consent_link", redirect_url="/", user="boss")
		kb.consent(setup, link["link"])
		self._sync(setup, provider)
		self.taken: list[float] = []
		self.session = requests.Session()
		self.dice = random.Random(3)

	def _sync(self, setup: Any, provider: str) -> None:
		"""The accounts are known, so that payments are checked against them."""
		row = setup.admin.rows("Bank API Item", {"provider": provider}, ["name"])[0]["name"]
		setup.admin.press("Bank API Item", row, "sync_now")
		_wait(lambda: setup.admin.rows("Bank API Account", {"item": row}, ["name"]), "the accounts")

	def _token(self) -> str:
		"""An access token of an application of the rival's own."""
		app = self.control.add_app("https://rival.example/back")
		back = self.control.consent(app["client_id"])["location"]
		form = {
			"grant_type": "authorization_code",
			"code": parse_qs(urlsplit(back).query)["code"][0],
			"redirect_uri": "https://rival.example/back",
			"client_id": app["client_id"],
			"client_secret": app["secret"],
		}
		headers = {"apiKey": self.info["api_keys"]["oauth2"], "x-correlation-id": str(uuid.uuid4())}
		answer = requests.post(
			f"{self.info['api_url']}/oauth2/v3/access_token", form, headers=headers, timeout=60
		)
		return answer.json()["access_token"]

	def _rows(self) -> list[dict[str, Any]]:
		mark = self.dice.randrange(1, 10**5)
		return [
			{
				"partner_account": "CZ6508000000192000145399",
				"amount": f"{1 + number % 900}.{number % 100:02d}",
				"variable_symbol": str(mark * 10**5 + number),
				"message": f"Mzda {number}",
			}
			for number in range(COUNT)
		]

	def submit(self) -> float:
		"""Seconds from the call until all is stored at the bank."""
		rows, key = self._rows(), uuid.uuid4().hex
		began = time.perf_counter()
		made = self.site.call(
			"submit_payment_batch",
			idempotency_key=key,
			payments=rows,
			account=self.account,
			execution_date=self.info["next_bank_day"],
		)
		self.taken.append(time.perf_counter() - began)
		_wait(lambda: self._state(made["batch"]) == "stored", "the bank's last answer")
		seconds = time.perf_counter() - began
		held = [
			self.control.batches(exchange=part["exchange_id"])
			for part in self._status(made["batch"])["parts"]
		]
		if sum(one["count"] for found in held for one in found) != COUNT:
			raise AssertionError("the bank does not have every payment once")
		return seconds

	def _status(self, name: str) -> dict[str, Any]:
		return self.site.call("get_payment_batch_status", batch=name)

	def _state(self, name: str) -> str:
		return self.site.call("get_payment_batches", limit=1)["batches"][0]["state"] if name else ""

	def post(self) -> float:
		"""Seconds for the same number of messages, ready as bytes."""
		defaults = Defaults(self.account, None, reference=uuid.uuid4().hex[:10].upper())
		rows = [row | {"due": self.info["next_bank_day"]} for row in self._rows()]
		bodies = [
			formats.write(KbJson(), batch(rows[first : first + PART], defaults), Envelope())
			for first in range(0, COUNT, PART)
		]
		self.session.headers["Authorization"] = f"Bearer {self._token()}"  # one lasts for three minutes
		began = time.perf_counter()
		for body in bodies:
			answer = self.session.post(
				f"{self.info['api_url']}/directapi/batchda/v3/batchPayments",
				data=body,
				headers={
					"Content-Type": "application/json",
					"x-correlation-id": str(uuid.uuid4()),
					"x-exchange-identification": uuid.uuid4().hex[:14].upper(),
					"x-batch-processing-mode": "ONLINE",
					"x-instruction-name": "rival",
				},
				timeout=60,
			)
			if answer.status_code != 200 or answer.json()["rejectedTransactionDebitCount"]:
				raise AssertionError(f"the rival was refused: {answer.status_code} {answer.text[:300]}")
		return time.perf_counter() - began


def _wait(look: Any, what: str) -> None:
	end = time.monotonic() + PATIENCE
	while not look():
		if time.monotonic() > end:
			raise AssertionError(f"{what} did not come")
		time.sleep(STEP)
