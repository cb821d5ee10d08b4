"""Users, banks, the clock and webhooks in any order, late, twice or lost: our consents end up as the banks' are.

Hypothesis chooses what happens next. The sandbox is the real one over HTTP, the site is a real one; only the way of the
webhooks is ours, so that they come in whatever order, and as often, as the test wants. The gateway's clock goes with the
sandbox's. After settling, every consent stands as it does at its bank, and the client was told each thing exactly once.
"""

import json
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
	Bundle,
	RuleBasedStateMachine,
	initialize,
	invariant,
	multiple,
	rule,
	run_state_machine_as_test,
)

CONSENT, ITEM, REQUEST = "Bank API Consent", "Bank API Item", "Bank API Connect Request"
PERSON, COMPANY, APPROVER = "11144477735", "11222333000181", "52998224725"
BANKS = ("ipe", "araucaria")
USERS = ("ana", "bia")
SECRET = "a secret that signs webhooks"
EXAMPLES, STEPS = 20, 30
MINUTE, DAY = 60, 86_400
LEAPS = (5 * MINUTE, 35 * MINUTE, 61 * MINUTE, DAY, 8 * DAY, 370 * DAY)
REASONS = {
	"CONSENT_EXPIRED": "Not Given in Time",
	"CUSTOMER_MANUALLY_REJECTED": "Refused",
	"CUSTOMER_MANUALLY_REVOKED": "Revoked",
	"CONSENT_MAX_DATE_REACHED": "Expired",
	"CONSENT_TECHNICAL_ISSUE": "Technical",
	"INTERNAL_SECURITY_REASON": "Security",
}
CODES = {"fail": "CONSENT_TECHNICAL_ISSUE", "secure": "INTERNAL_SECURITY_REASON"}
ENDED_BY = {"USER": "End User", "ASPSP": "Bank", "TPP": "Client"}
ENDS = ("consent.revoked", "consent.expired")
ONCE = ("consent.granted", "consent.waiting", "consent.refused", "item.created", "item.deleted", *ENDS)


class Gate:
	"""Takes Quanto's webhooks, and keeps them until the test lets them in."""

	def __init__(self) -> None:
		self.waiting: list[tuple[bytes, dict[str, str]]] = []
		self.seen: list[tuple[bytes, dict[str, str]]] = []
		gate = self

		class Handler(BaseHTTPRequestHandler):
			protocol_version = "HTTP/1.1"

			def do_POST(self) -> None:
				body = self.rfile.read(int(self.headers["Content-Length"]))
				gate.waiting.append((body, dict(self.headers)))
				self.send_response(200)
				self.send_header("Content-Length", "0")
				self.end_headers()

			def log_message(self, *arguments: Any) -> None:
				"""Quiet."""

		self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
		threading.Thread(target=self._server.serve_forever, daemon=True).start()

	def close(self) -> None:
		self._server.shutdown()
		self._server.server_close()


class Clock:
	"""The gateway's clock, ahead of the real one as far as the sandbox's is."""

	def __init__(self, monkeypatch: pytest.MonkeyPatch):
		from bank_api.connectors.quanto import limits
		from bank_api.gateway import clock

		self.ahead = timedelta(0)
		for real in (clock.utc_now, limits.utc_now):
			moved = self._moved(real)
			for name, module in list(sys.modules.items()):
				if name.startswith("bank_api.") and getattr(module, "utc_now", None) is real:
					monkeypatch.setattr(module, "utc_now", moved)

	def _moved(self, real: Callable[[], datetime]) -> Callable[[], datetime]:
		return lambda: real() + self.ahead


@dataclass
class Town:
	"""One provider that is set up, its client, and everything around it."""

	frappe: Any
	quanto: Any
	control: Any
	provider: str
	client: Any
	gate: Gate
	clock: Clock
	shared: int = 0

	def fresh(self) -> None:
		"""Nobody shares anything yet, and it is now; what the institution has set up stays."""
		self.control.reset()
		self.quanto.switches(auto_poll=False, monthly_limits=False)
		self.clock.ahead = timedelta(0)
		known = self.provider
		self.frappe.db.sql(
			"UPDATE `tabBank API Connect Request` SET status = 'Expired' WHERE provider = %s", known
		)
		self.frappe.db.sql("UPDATE `tabBank API Consent` SET state = 'Ended' WHERE provider = %s", known)
		self.frappe.db.commit()
		self.gate.waiting.clear()
		self.gate.seen.clear()

	def deliver(self, body: bytes, headers: dict[str, str]) -> None:
		from bank_api.gateway import events, inbox

		received = inbox.receive("quanto", self.provider, body, headers)
		assert received.status == 200, received
		self.frappe.db.commit()
		events.drain()

	def fetch(self) -> None:
		"""Wait until everything that Quanto has to tell is at the gate."""
		end = time.monotonic() + 20
		while self.quanto.deliveries(status="pending"):
			assert time.monotonic() < end
			time.sleep(0.01)

	def tick(self) -> None:
		from bank_api.gateway import connect, consent_duties, events, session_duties

		for module in (connect, consent_duties, session_duties, events):
			module.tick()
			self.frappe.db.commit()

	def make_due(self) -> None:
		"""As if all that waits to be looked at had waited long enough."""
		for doctype in (CONSENT, REQUEST):
			self.frappe.db.sql(
				f"UPDATE `tab{doctype}` SET next_check_at = '2020-01-01' WHERE provider = %s AND next_check_at > '2020-01-01'",
				self.provider,
			)
		self.frappe.db.commit()

	def sign_in(self) -> None:
		self.frappe.set_user(f"{self.client.site}@bank-api.invalid")

	def events_of(self, consent: str) -> list[dict[str, Any]]:
		"""What the client was told about a consent, in order."""
		rows = self.frappe.get_all(
			"Bank API Webhook Delivery",
			{"client": self.client.name},
			["event_type", "payload"],
			order_by="sequence asc",
		)
		found = [json.loads(row.payload) | {"type": row.event_type} for row in rows]
		return [event for event in found if event["data"].get("item_id") == consent]


@pytest.fixture
def town(db: Any, sandbox: Any, world_of: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
	from bank_api.gateway import providers
	from bank_api.gateway.clock import site_now

	gate = Gate()
	quanto = sandbox.quanto
	ids = str(uuid.uuid4()), str(uuid.uuid4())
	ready = quanto.set_up(f"{gate.origin}/bank-api/return", *ids)
	for usage, profile in (
		("TRANSPORT", "BRCAC"),
		("SIGNATURE", "BRSEAL"),
	):  # they outlive all leaps of the clock
		chain, key = quanto.certificate(profile, *ids, days=30_000)
		body = {"type": usage, "certificate": chain, "privateKey": key}
		assert ready.call("POST", "/v1/certificates", json=body).status_code == 201
	db.conf["bank_api_allow_http"] = 1
	db.db.set_single_value("Bank API Settings", "public_url", gate.origin)
	name = f"Quanto {uuid.uuid4().hex[:8]}"
	doc = db.get_doc(
		{
			"doctype": "Bank API Provider",
			"provider_name": name,
			"connector": "quanto",
			"environment": "Sandbox",
			"api_base_url": quanto.url,
			"client_secret": ready.api_key,
			"webhook_secret": SECRET,
			"default_purpose": "Accounting",
			"transport_certificate_id": "there",
			"signing_certificate_id": "there",
			"credentials_registered_at": site_now(),
			"app_calls_per_5_minutes": 0,
			"user_calls_per_minute": 0,
			"token_calls_per_minute": 0,
		}
	).insert()
	hook = {"url": doc.webhook_address, "secret": SECRET, "active": True, "events": []}
	hook["events"] = ["sharing.completed", "sharing.completed.multiple_approval", "sharing.revoked"]
	assert ready.call("POST", "/v1/webhooks", json=hook).status_code == 201
	world = world_of(db, sandbox, name)
	client = world.client()
	db.db.set_value("Bank API Client", client.name, "webhook_url", f"https://{client.site}/hook")
	db.db.commit()
	client = world.sign_in(client)
	yield Town(db, quanto, sandbox, name, client, gate, Clock(monkeypatch))
	db.set_user("Administrator")
	db.db.set_value("Bank API Provider", name, "enabled", 0)
	db.db.commit()
	providers._connectors.clear()
	gate.close()
	sandbox.reset()


@dataclass
class Visit:
	"""A visit as the test knows it."""

	request: str
	session: str
	back: str = ""


class Machine(RuleBasedStateMachine):
	"""See the module."""

	town: Town
	visits = Bundle("visits")
	consents = Bundle("consents")

	def __init__(self) -> None:
		super().__init__()
		self.mark = uuid.uuid4().hex[:8]
		self.begun: list[Visit] = []
		self.withdrawn: set[str] = set()
		self.town.fresh()
		self.town.sign_in()

	# Few rules with many actions: hypothesis leaves whole rules out of a sequence, and then little would happen in it.

	@initialize(target=consents, user=st.sampled_from(USERS), company=st.booleans(), approve=st.booleans())
	def one_has_come(self, user: str, company: bool, approve: bool) -> Any:
		return self._share(self.somebody_comes(user, company), BANKS[0], approve)

	@initialize(target=consents, user=st.sampled_from(USERS), company=st.booleans())
	def another_has_come(self, user: str, company: bool) -> Any:
		return self._share(self.somebody_comes(user, company), BANKS[1], True)

	# --- the user

	@rule(target=visits, user=st.sampled_from(USERS), company=st.booleans())
	def somebody_comes(self, user: str, company: bool) -> Visit:
		from bank_api import quanto

		business = COMPANY if company else None
		link = quanto.get_quanto_session_link(
			user=f"{user}-{self.mark}", document=PERSON, business_document=business
		)
		visit = Visit(link["request"], link["session"])
		self.begun.append(visit)
		return visit

	@rule(target=consents, place=st.integers(0, 9), bank=st.sampled_from(BANKS), approve=st.booleans())
	def the_user_shares(self, place: int, bank: str, approve: bool) -> Any:
		return self._share(self.begun[place % len(self.begun)], bank, approve)

	def _is_open(self, visit: Visit) -> bool:
		(row,) = [row for row in self.town.quanto.sessions() if row["id"] == visit.session]
		now = datetime.fromisoformat(self.town.control.now().replace("Z", "+00:00")).timestamp() * 1000
		return row["status"] in ("CREATED", "IN_PROGRESS") and row["expires"] > now

	def _share(self, visit: Visit, bank: str, approve: bool) -> Any:
		if not self._is_open(visit):
			return multiple()
		return self.town.quanto.share(visit.session, bank, approve=approve)["id"]

	@rule(place=st.integers(0, 9), action=st.sampled_from(("finish", "finish", "return", "forge", "ask")))
	def the_browser(self, place: int, action: str) -> None:
		"""Ends the visit, comes back (twice, too early, with another's id), or the client asks how it stands."""
		from bank_api import quanto
		from bank_api.gateway import connect

		visit = self.begun[place % len(self.begun)]
		if action == "finish" and self._is_open(visit):
			visit.back = self.town.quanto.finish(visit.session)
		elif action == "return" and visit.back:
			connect.finish(dict(parse_qsl(urlsplit(visit.back).query)))
		elif action == "forge":
			connect.finish({"sessionId": visit.session})
			connect.finish({"sessionId": str(uuid.uuid4())})
		elif action == "ask":
			quanto.get_quanto_session(request=visit.request)

	# --- the client

	@rule(consent=consents, action=st.sampled_from(("withdraw", "ask", "ask", "read", "read")))
	def the_client(self, consent: str, action: str) -> None:
		from bank_api import quanto
		from bank_api.gateway import sync_job

		row = self._row(consent)
		if row is None or row.state == "Ended":
			return
		if action == "withdraw":
			self.withdrawn.add(consent)
			quanto.delete_quanto_consent(consent=consent)
		elif action == "ask":
			quanto.get_quanto_consent(consent=consent)
		elif row.item:
			sync_job.run(row.item)

	# --- the bank

	@rule(
		consent=consents,
		action=st.sampled_from(("approve", "refuse", "revoke", "fail", "secure", "agree", "disagree")),
	)
	def at_the_bank(self, consent: str, action: str) -> None:
		quanto, found = self.town.quanto, self.town.quanto.consent(consent)
		if found["status"] == "AWAITING_AUTHORISATION" and action in ("approve", "refuse"):
			{"approve": quanto.approve, "refuse": quanto.refuse}[action](consent)
		elif found["status"] == "AUTHORISED" and action == "revoke":
			quanto.revoke(consent)
		elif found["status"] != "REJECTED" and action in CODES:
			quanto.reject(consent, code=CODES[action])
		elif "PENDING_AUTHORISATION" in found["states"].values() and action in ("agree", "disagree"):
			if found["status"] == "AUTHORISED":
				quanto.decide(consent, action == "agree")

	# --- the clock and the webhooks

	@rule(seconds=st.sampled_from(LEAPS))
	def time_passes(self, seconds: int) -> None:
		self.town.control.advance(seconds)
		self.town.clock.ahead += timedelta(seconds=seconds)

	@rule(
		action=st.sampled_from(
			("poll", "poll", "come", "come", "come twice", "come again", "get lost", "tick")
		),
		place=st.integers(0, 50),
	)
	def news(self, action: str, place: int) -> None:
		"""Quanto reads the banks and tells; what it told comes in any order, again, or never; our scheduler turns."""
		gate = self.town.gate
		if action == "poll":
			self.town.quanto.poll()
			self.town.fetch()
		elif action == "tick":
			self.town.tick()
		elif action == "come again" and gate.seen:
			self._let_in(gate.seen[place % len(gate.seen)])
		elif gate.waiting and action != "come again":
			event = gate.waiting.pop(place % len(gate.waiting))
			if action == "get lost":
				return
			gate.seen.append(event)
			for _ in range(2 if action == "come twice" else 1):
				self._let_in(event)

	def _let_in(self, event: tuple[bytes, dict[str, str]]) -> None:
		"""An event that is older than what is believed is refused; that is a lost one then."""
		from bank_api.gateway import inbox

		occurred = datetime.fromisoformat(json.loads(event[0])["occurredAt"].replace("Z", "+00:00"))
		if inbox.utc_now() - occurred < timedelta(hours=70):
			self.town.deliver(*event)

	# --- what must hold

	def _row(self, consent: str) -> Any:
		self.town.frappe.db.commit()
		return self.town.frappe.db.get_value(
			CONSENT,
			{"provider": self.town.provider, "provider_consent_id": consent},
			["name", "state", "item", "approval", "announced", "ended_by", "end_reason", "expires_at"],
			as_dict=True,
		)

	@invariant()
	def nothing_is_told_twice(self) -> None:
		for consent in self._all():
			counts = Counter(event["type"] for event in self.town.events_of(consent["id"]))
			assert all(counts[kind] <= 1 for kind in ONCE), (consent["id"], counts)

	def _all(self) -> list[dict[str, Any]]:
		sessions = {visit.session for visit in self.begun}
		return [row for row in self.town.quanto.consents() if row["session"] in sessions]

	@rule()
	def everything_settles(self) -> None:
		self._settle()

	def teardown(self) -> None:
		self._settle()
		self.town.shared += len(self._all())

	def _settle(self) -> None:
		town = self.town
		town.quanto.poll()
		town.fetch()
		while town.gate.waiting:
			self._let_in(town.gate.waiting.pop())
		for _turn in range(2):
			town.make_due()
			town.tick()
		for consent in self._all():
			self._compare(consent)

	def _compare(self, there: dict[str, Any]) -> None:
		here = self._row(there["id"])
		assert here, f"{there['id']} is {there['status']} there, and unknown here"
		events = self.town.events_of(there["id"])
		kinds = [event["type"] for event in events if event["type"] in ONCE]
		shown = (here, there["status"], there["rejection"], there["states"], kinds)
		item = self.town.frappe.db.get_value(ITEM, here.item, ["status", "user_action"], as_dict=True)
		if there["status"] == "AWAITING_AUTHORISATION":
			assert (here.state, here.item, kinds) == ("Waiting", None, []), shown
		elif there["status"] == "AUTHORISED":
			assert here.state == "Active" and not set(kinds) & set(ENDS), shown
			self._compare_approval(here, set(there["states"].values()), kinds, shown)
			expected = "OK" if here.approval in ("Single", "Approved") else None
			assert expected in (None, item.status), shown
			assert kinds.index("item.created") < len(kinds), shown
		else:
			self._compare_end(here, there, item, kinds, shown)

	def _compare_approval(self, here: Any, states: set[str], kinds: list[str], shown: Any) -> None:
		"""Whether several people had to agree is seen only if it was read while they had not."""
		if "PENDING_AUTHORISATION" in states:
			assert here.approval == "Pending", shown
			assert "consent.waiting" in kinds and "consent.granted" not in kinds, shown
		elif "AVAILABLE" in states or not states:
			assert here.approval in ("Single", "Approved"), shown
			assert (here.approval == "Approved") <= ("consent.waiting" in kinds), shown
			assert "consent.granted" in kinds and "consent.refused" not in kinds, shown
		else:
			assert here.approval == "Refused" and "consent.refused" in kinds, shown

	def _compare_end(self, here: Any, there: dict[str, Any], item: Any, kinds: list[str], shown: Any) -> None:
		assert here.state == "Ended", shown
		if there["id"] in self.withdrawn:
			assert (here.ended_by, here.end_reason) == ("Client", "Revoked"), shown
			assert not set(kinds) & set(ENDS), shown
		else:
			rejection = there["rejection"]
			assert here.ended_by == ENDED_BY[rejection["rejectedBy"]], shown
			assert here.end_reason == REASONS[rejection["reason"]["code"]], shown
		if not here.item:
			assert kinds == [], shown  # the client never heard of it
			return
		if there["id"] not in self.withdrawn:
			told = [kind for kind in kinds if kind in (*ENDS, "consent.refused")]
			assert told and len([kind for kind in told if kind in ENDS]) <= 1, shown
			assert told[-1] == kinds[-1] or kinds[-1] == "item.deleted", shown
		ends = {"consent.expired": "Action Required"}
		assert item.status in ("Deleted", *ends.values()), shown
		assert (item.status == "Deleted") == ("item.deleted" in kinds), shown


def test_our_consents_stand_as_the_banks_do(town: Town):
	class Here(Machine):
		pass

	Here.town = town
	run_state_machine_as_test(
		Here,
		settings=settings(
			max_examples=EXAMPLES,
			stateful_step_count=STEPS,
			deadline=None,
			suppress_health_check=list(HealthCheck),
			phases=(Phase.reuse, Phase.generate),  # to shrink a sequence of HTTP calls takes too long
			print_blob=True,
		),
	)
	assert town.shared > EXAMPLES, "the sequences have to make consents"
