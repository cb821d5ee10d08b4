"""A company that pays through KB, seen from its own site: its provider, its consent, and batches in every state."""

import uuid
from typing import Any
from urllib.parse import urlsplit

from dev.seed import Setup
from dev.story.receiver import Receiver
from dev.story.telling import wait_for
from dev.web import Caller, ClientSite

BATCH, PAYMENT = "Bank API Payment Batch", "Bank API Payment"
SITE, PROVIDER = "ucto.example.cz", "KB in a Browser"
WHERE = "MojeBanka Business → Platby → Dávky z API"
BATCHES = "/directapi/batchda/v3/batchPayments"
PARTNERS = (
	("CZ6508000000192000145399", "Pekařství U Dvou koček s.r.o."),
	("CZ6508000000192000145399", "Ing. Božena Křížová"),
	("CZ9501000000001234567899", "Zahradnictví Řehoř"),
	("CZ9501000000001234567899", "Městský úřad Česká Lípa"),
)
LATE = 120


def payments(count: int, **values: Any) -> list[dict[str, Any]]:
	"""Payments as an ERP lists them; amounts and symbols tell them apart."""
	return [
		{
			"partner_account": PARTNERS[number % 4][0],
			"partner_name": PARTNERS[number % 4][1],
			"amount": f"{1250 + 37 * number % 90_000}.{number % 100:02d}",
			"variable_symbol": str(20_260_000 + number),
			"message": f"Faktura {20_260_000 + number}",
		}
		| values
		for number in range(1, count + 1)
	]


class Company:
	"""The client site with its consent.

	Args:
		world: gateway, sandbox and admin.
	"""

	def __init__(self, world: Any):
		self.world = world
		self.bank = world.control.kb
		self.receiver = Receiver()
		setup = Setup(world.url, world.stack.sandbox_url)
		info = self.bank.info()
		self.provider = self._provider(setup, info)
		keys = setup.client(SITE, self.receiver.origin, self.receiver.url, self.provider)
		self.receiver.secret = keys["webhook_secret"]
		self.api = ClientSite(world.url, keys["api_key"], keys["api_secret"], module="kb")
		self.account = next(one["iban"] for one in info["accounts"] if one["currency"] == "CZK")
		self.day = info["next_bank_day"]
		self.bank.switches(repeated_exchange="accept", find_by_exchange=False)
		self._consent()

	def _provider(self, setup: Setup, info: dict[str, Any]) -> str:
		app = self.bank.add_app(f"{self.world.url}/bank-api/return")
		lines = {
			"authorize_url": f"{info['pages_url']}/autfe/ssologin",
			"batch_timeout": "110",
			"payments.cut_offs": "no",
		}
		return setup.admin.insert(
			"Bank API Provider",
			provider_name=PROVIDER,
			connector="kb",
			environment="Sandbox",
			api_base_url=info["api_url"],
			client_id=app["client_id"],
			client_secret=app["secret"],
			authorise_at=WHERE,
			further_settings="\n".join(f"{key} = {value}" for key, value in lines.items()),
			**{f"api_key_{api}": key for api, key in info["api_keys"].items()},
		)["name"]

	def _consent(self) -> None:
		link = self.api.call("get_kb_consent_link", base_url=self.receiver.origin, user="jana")
		back = urlsplit(self.bank.walk(link["link"]))
		assert Caller(self.world.url).call("GET", f"{back.path}?{back.query}").status < 400
		wait_for(
			"the item", lambda: self.api.call("get_kb_item_id", request=link["request"])["item_id"], LATE
		)
		wait_for(
			"the accounts",
			lambda: self.world.admin.rows("Bank API Account", {"iban": self.account}, ["name"]),
			LATE,
		)

	def submit(self, listed: list[dict[str, Any]], name: str, **values: Any) -> str:
		"""Hand a batch over; its name."""
		terms = {
			"account": self.account,
			"execution_date": self.day,
			"name": name,
			"allow_repeated": 1,
		} | values
		answer = self.api.answer(
			"submit_payment_batch", idempotency_key=uuid.uuid4().hex, payments=listed, **terms
		)
		assert answer.status == 200, answer.text[:600]
		return answer.json()["message"]["batch"]

	def row(self, batch: str) -> dict[str, Any]:
		"""The batch as it is stored."""
		return self.world.admin.rows(BATCH, {"name": batch}, ["*"])[0]

	def until(self, batch: str, *states: str, timeout: float = LATE) -> str:
		"""Wait until it stands so."""
		wait_for(" or ".join(states), lambda: self.row(batch)["state"] in states, timeout)
		return batch

	def at_bank(self, batch: str) -> list[str]:
		"""The bank's numbers of what it got of a batch."""
		whole = self.api.call("get_payment_batch_status", batch=batch)
		return [part["provider_batch_id"] for part in whole["parts"]]

	def look(self, batch: str) -> None:
		"""Ask the bank now."""
		self.api.call("get_payment_batch_status", batch=batch, refresh=1)

	# --- batches in every state

	def stored(self, name: str = "Dodavatelé 47. týden", count: int = 8) -> str:
		return self.until(self.submit(payments(count), name), "Stored")

	def settled(self) -> str:
		batch = self.stored("Mzdy za říjen", 12)
		self.bank.channel().authorise(self.at_bank(batch)[0])
		self.bank.settle()
		self.look(batch)
		return self.until(batch, "Settled")

	def authorised(self) -> str:
		batch = self.stored("Nájemné", 3)
		self.bank.channel().authorise(self.at_bank(batch)[0])
		self.look(batch)
		return self.until(batch, "Authorised")

	def refused(self) -> str:
		"""A human has said no in the bank's channel."""
		batch = self.stored("Zálohy", 2)
		self.bank.channel().refuse(self.at_bank(batch)[0])
		self.look(batch)
		return self.until(batch, "Rejected")

	def unknown(self, name: str = "Dodavatelé 46. týden") -> str:
		"""The bank has it, its answer was lost, and it has no call to look it up."""
		self.world.control.fail("cut", path=BATCHES, times=1, method="POST", execute=True)
		try:
			return self.until(self.submit(payments(5), name), "Unknown")
		finally:
			self.world.control.clear_faults()

	def waiting(self) -> str:
		"""The bank has had enough calls for now, so nothing was sent."""
		self.bank.fail(429, path=BATCHES, method="POST", times=1, retry_after=3600)
		return self.until(self.submit(payments(4), "Daně a odvody"), "Validated")

	def partly(self) -> str:
		"""One payment is refused here, at its caller's leave."""
		listed = payments(6)
		listed[2]["variable_symbol"] = "12345678901"
		listed[4]["partner_account"] = self.account
		return self.submit(listed, "Dobropisy", accept_partly=1)

	def large(self, count: int) -> str:
		"""As many payments as one wants, in files."""
		listed = payments(count)
		for one in listed:
			del one["partner_name"]
		values = {"send_as": "abo", "leave_out": ["reference"]}
		return self.until(self.submit(listed, "Bonusy", **values), "Stored", timeout=5 * LATE)

	def in_parts(self) -> str:
		return self.until(self.submit(payments(250), "Vratky zákazníkům"), "Stored")
