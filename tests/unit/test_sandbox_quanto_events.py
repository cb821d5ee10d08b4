"""Quanto's events: what was read at the banks, once for each change, signed with the time, sent at least once (3.3 of the seed)."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quanto_harness import Quanto, running_quanto
from sandbox_harness import Receiver, receiving

from bank_api.sandbox.app import Sandbox
from bank_api.sandbox.quanto.client import COMPANY, Setup
from bank_api.sandbox.state import Options

SECRET = "a-secret-of-some-length"
EVENTS = ["sharing.completed", "sharing.completed.multiple_approval", "sharing.revoked"]
DAY = 86_400


@pytest.fixture(scope="module")
def process() -> Iterator[Quanto]:
	with running_quanto() as found:
		yield found


@pytest.fixture
def quanto(process: Quanto) -> Quanto:
	"""The sandbox as it was at its start, read by hand; the institution stays, without its webhooks."""
	process.control.reset()
	process.sandbox.switches(auto_poll=False)
	process.sandbox.webhook_settings(
		copies=1, shuffle=False, reverse=False, delay=0, retry_schedule=[0.2] * 5
	)
	for hook in process.get("/v1/webhooks")["data"]:
		process.call("DELETE", f"/v1/webhooks/{hook['webhookId']}")
	return process


@pytest.fixture
def hook(quanto: Quanto) -> Iterator[Receiver]:
	with receiving() as receiver:
		add_hook(quanto, receiver)
		yield receiver


def add_hook(quanto: Quanto, receiver: Receiver, **values: Any) -> str:
	body = {"url": receiver.url, "events": EVENTS, "secret": SECRET} | values
	answer = quanto.call("POST", "/v1/webhooks", json=body)
	assert answer.status_code == 201, answer.text
	return answer.json()["webhookId"]


def news(quanto: Quanto, receiver: Receiver) -> list[tuple[str, str, str]]:
	"""Return event, consent and reason of what has come since, and forget it."""
	assert quanto.sandbox.drain_webhooks()
	found = [json.loads(body) for body in receiver.bodies]
	receiver.bodies.clear()
	receiver.headers.clear()
	return [(row["event"], row["consentId"], row.get("reason", "")) for row in found]


# what is told, and when
def test_a_sharing_is_told_once(quanto: Quanto, hook: Receiver) -> None:
	consent = quanto.share()
	for _ in range(3):
		quanto.sandbox.poll()
		quanto.get(f"/v1/consents/{consent}")
	assert news(quanto, hook) == [("sharing.completed", consent, "")]


def test_several_institutions_are_told_one_by_one(quanto: Quanto, hook: Receiver) -> None:
	session = quanto.start()
	quanto.sandbox.complete_session(session["url"], ("ipe", "araucaria"))
	consents = [row["consentId"] for row in quanto.get(f"/v1/sessions/{session['sessionId']}")["consents"]]
	assert news(quanto, hook) == [("sharing.completed", consent, "") for consent in consents]


def test_several_approvers_are_told_when_the_last_has_approved(quanto: Quanto, hook: Receiver) -> None:
	consent = quanto.share(cnpj=COMPANY)
	assert news(quanto, hook) == [], "not at the redirect"
	quanto.sandbox.approve_second(consent)
	assert news(quanto, hook) == [("sharing.completed.multiple_approval", consent, "")]


def test_what_the_approvers_refuse_is_not_told(quanto: Quanto, hook: Receiver) -> None:
	main = quanto.sandbox.products(COMPANY, kind="ACCOUNT")[0]["id"]
	consent = quanto.share(cnpj=COMPANY, resources=[main])
	quanto.sandbox.decide(consent, agree=False)
	assert news(quanto, hook) == []
	quanto.sandbox.revoke(consent)
	assert news(quanto, hook) == [("sharing.revoked", consent, "END_USER")], "it was authorised, and ends"


def test_a_part_that_the_approvers_refuse_does_not_hold_the_rest(quanto: Quanto, hook: Receiver) -> None:
	consent = quanto.share(cnpj=COMPANY)
	quanto.sandbox.decide(consent, agree=False)
	assert news(quanto, hook) == [("sharing.completed.multiple_approval", consent, "")]


def test_nothing_is_told_while_the_bank_builds_its_list(quanto: Quanto, hook: Receiver) -> None:
	quanto.sandbox.switches(resources_delay_ms=60_000)
	consent = quanto.share()
	assert news(quanto, hook) == []
	quanto.control.advance(60)
	assert news(quanto, hook) == [("sharing.completed", consent, "")]


@pytest.mark.parametrize(
	("end", "reason"),
	[
		("revoke", "END_USER"),
		("delete", "END_USER"),
		("expire", "EXPIRED"),
		("reject", "CONSENT_TECHNICAL_ISSUE"),
	],
)
def test_an_end_is_told_once_with_its_reason(quanto: Quanto, hook: Receiver, end: str, reason: str) -> None:
	consent = quanto.share()
	news(quanto, hook)
	if end == "delete":
		quanto.call("DELETE", f"/v1/consents/{consent}")
	else:
		getattr(quanto.sandbox, end)(consent)
	assert news(quanto, hook) == [("sharing.revoked", consent, reason)]
	quanto.sandbox.poll()
	assert news(quanto, hook) == []


@pytest.mark.parametrize("end", ["refuse", "expire"])
def test_what_was_never_authorised_is_not_revoked(quanto: Quanto, hook: Receiver, end: str) -> None:
	consent = quanto.share(approve=False)
	getattr(quanto.sandbox, end)(consent)
	quanto.sandbox.poll()
	assert news(quanto, hook) == []


def test_the_banks_are_read_in_the_background(quanto: Quanto, hook: Receiver) -> None:
	consent = quanto.share()
	news(quanto, hook)
	quanto.sandbox.revoke(consent)
	quanto.sandbox.switches(auto_poll=True, poll_seconds=0.2)
	deadline = time.monotonic() + 10
	while not hook.bodies and time.monotonic() < deadline:
		time.sleep(0.05)
	assert json.loads(hook.bodies[0])["reason"] == "END_USER"


def test_polls_fill_no_call_log_and_use_up_no_fault(quanto: Quanto) -> None:
	quanto.share()
	quanto.control.reset_calls()
	quanto.control.fail("status", "/open-banking/", status=500)
	quanto.sandbox.poll()
	assert quanto.control.calls("/open-banking/") == []
	assert len(quanto.control.faults()) == 1


# filters
def test_a_webhook_gets_only_what_it_is_set_up_for(quanto: Quanto) -> None:
	with receiving() as receiver:
		hook_id = add_hook(quanto, receiver, events=["sharing.revoked"])
		consent = quanto.share()
		assert news(quanto, receiver) == []
		quanto.sandbox.revoke(consent)
		assert news(quanto, receiver) == [("sharing.revoked", consent, "END_USER")]
		body = {"url": receiver.url, "events": EVENTS, "active": False}
		assert quanto.call("PUT", f"/v1/webhooks/{hook_id}", json=body).status_code == 200
		quanto.share()
		assert news(quanto, receiver) == []


def test_another_institution_is_told_nothing(quanto: Quanto) -> None:
	stranger: Setup = quanto.sandbox.set_up(
		organization="11111111-2222-4333-8444-555555555555", software="22222222-2222-4333-8444-555555555555"
	)
	with receiving() as receiver:
		body = {"url": receiver.url, "events": EVENTS, "secret": SECRET}
		stranger.call("POST", "/v1/webhooks", json=body)
		quanto.share()
		assert news(quanto, receiver) == []


# signature
def signature(timestamp: str, body: bytes) -> str:
	return hmac.new(SECRET.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def test_the_signature_covers_the_time(quanto: Quanto, hook: Receiver) -> None:
	quanto.control.advance(300 * DAY)  # the time of the signature stays the receiver's
	quanto.share()
	assert quanto.sandbox.drain_webhooks()
	(headers,), (body,) = hook.headers, hook.bodies
	assert abs(int(headers["X-Quanto-Timestamp"]) - time.time()) < 60
	assert headers["X-Quanto-Signature"] == signature(headers["X-Quanto-Timestamp"], body)


@pytest.mark.parametrize("kind", ["missing", "wrong_secret", "stale"])
def test_forged_events(quanto: Quanto, hook: Receiver, kind: str) -> None:
	values = {"shift": -3600} if kind == "stale" else {"signature": kind}
	quanto.sandbox.send_event("sharing.revoked", {"consentId": "urn:x:1"}, **values)
	assert quanto.sandbox.drain_webhooks()
	(headers,), (body,) = hook.headers, hook.bodies
	timestamp = headers["X-Quanto-Timestamp"]
	good = headers.get("X-Quanto-Signature") == signature(timestamp, body)
	assert good == (kind == "stale")
	assert (time.time() - int(timestamp) > 3000) == (kind == "stale")
	assert ("X-Quanto-Signature" in headers) == (kind != "missing")


# delivery
def test_a_refused_event_is_tried_five_times_more_with_the_same_id(quanto: Quanto, hook: Receiver) -> None:
	hook.statuses += [500] * 6
	quanto.share()
	wait_for(lambda: len(hook.bodies) == 6)
	time.sleep(0.5)
	assert len({json.loads(body)["eventId"] for body in hook.bodies}) == 1 and len(hook.bodies) == 6
	(delivery,) = quanto.sandbox.deliveries(type="sharing.completed")
	assert delivery["status"] == "failed" and len(delivery["attempts"]) == 6


def test_any_2xx_is_a_receipt(quanto: Quanto, hook: Receiver) -> None:
	hook.statuses += [202]
	quanto.share()
	assert len(news(quanto, hook)) == 1
	assert quanto.sandbox.deliveries()[-1]["status"] == "delivered"


def test_duplicates_order_delay_and_pause_on_demand(quanto: Quanto, hook: Receiver) -> None:
	quanto.sandbox.webhook_settings(copies=3)
	quanto.share()
	assert len(news(quanto, hook)) == 3
	quanto.sandbox.webhook_settings(copies=1, reverse=True)
	quanto.sandbox.pause_webhooks()
	consents = [quanto.share(), quanto.share()]
	time.sleep(0.4)
	assert hook.bodies == []
	quanto.sandbox.pause_webhooks(False)
	assert [row[1] for row in news(quanto, hook)] == consents[::-1]
	quanto.sandbox.webhook_settings(delay=3600)
	consent = quanto.share()
	time.sleep(0.4)
	assert hook.bodies == []
	quanto.control.advance(3601)
	assert [row[1] for row in news(quanto, hook)] == [consent]
	number = quanto.sandbox.deliveries()[-1]["id"]
	quanto.sandbox.webhook_settings(delay=0)
	quanto.sandbox.resend(number)
	assert [row[1] for row in news(quanto, hook)] == [consent]


def wait_for(holds: Callable[[], bool], seconds: float = 10) -> None:
	deadline = time.monotonic() + seconds
	while not holds():
		assert time.monotonic() < deadline
		time.sleep(0.02)


# after a restart
def test_a_restart_knows_institutions_consents_and_what_it_has_told(tmp_path: Path) -> None:
	with running_quanto(data_dir=str(tmp_path)) as quanto, receiving() as receiver:
		add_hook(quanto, receiver)
		consent = quanto.share()
		assert len(news(quanto, receiver)) == 1
		key, customer = quanto.setup.api_key, quanto.sandbox.products()
	again = Sandbox(Options(data_dir=str(tmp_path)))
	try:
		assert again.quanto.state.consents[consent].status == "AUTHORISED"
		sharing = again.quanto.aggregator.sharings[consent]
		assert sharing.announced == "sharing.completed" and sharing.refresh
		assert len(again.quanto.api.keys) == 1 and len(again.quanto.sender.targets()) == 1
		assert key not in (tmp_path / "sandbox.sqlite").read_bytes().decode("latin-1")
		assert {row["id"] for row in customer} <= set(again.quanto.state.products)
	finally:
		again.close()


# whatever happens, in whatever order
STEPS = st.sampled_from(
	[
		"approve",
		"refuse",
		"agree",
		"disagree",
		"revoke",
		"delete",
		"hour",
		"year",
		"read",
		"poll",
		"pause",
		"go",
	]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(company=st.booleans(), steps=st.lists(STEPS, max_size=12))
def test_each_event_once_and_never_against_the_bank(
	quanto: Quanto, hook: Receiver, company: bool, steps: list[str]
) -> None:
	quanto.control.reset()
	quanto.sandbox.switches(auto_poll=False)
	quanto.sandbox.pause_webhooks(False)
	news(quanto, hook)
	consent = quanto.share(cnpj=COMPANY if company else "", approve=False)
	history = [quanto.sandbox.consent(consent)["status"]]
	for step in steps:
		take(quanto, consent, step)
		history.append(quanto.sandbox.consent(consent)["status"])
	quanto.sandbox.pause_webhooks(False)
	told = [event for event, of, _reason in news(quanto, hook) if of == consent]
	assert len(told) == len(set(told)), "each once"
	assert sum(event.startswith("sharing.completed") for event in told) <= 1
	final = quanto.sandbox.consent(consent)
	assert history == sorted(history, key=["AWAITING_AUTHORISATION", "AUTHORISED", "REJECTED"].index)
	assert quanto.get(f"/v1/consents/{consent}")["data"]["status"] == final["status"]
	if "sharing.revoked" in told:
		assert final["status"] == "REJECTED" and told[-1] == "sharing.revoked"
	if final["status"] == "AUTHORISED" and "PENDING_AUTHORISATION" not in final["states"].values():
		assert [event.startswith("sharing.completed") for event in told] == [True]
	if final["status"] == "AWAITING_AUTHORISATION":
		assert told == []


def take(quanto: Quanto, consent: str, step: str) -> None:
	"""Do a step if the consent allows it."""
	found = quanto.sandbox.consent(consent)
	waiting, valid = (found["status"] == name for name in ("AWAITING_AUTHORISATION", "AUTHORISED"))
	pending = valid and "PENDING_AUTHORISATION" in found["states"].values()
	if step in ("approve", "refuse") and waiting:
		getattr(quanto.sandbox, step)(consent, **({"read": False} if step == "approve" else {}))
	elif step in ("agree", "disagree") and pending:
		quanto.sandbox.decide(consent, step == "agree")
	elif step == "revoke" and valid:
		quanto.sandbox.revoke(consent)
	elif step == "delete":
		assert quanto.call("DELETE", f"/v1/consents/{consent}").status_code in (204, 422)
	elif step in ("hour", "year"):
		quanto.control.advance(3600 if step == "hour" else 366 * DAY)
	elif step == "read":
		quanto.get(f"/v1/consents/{consent}")
	elif step == "poll":
		quanto.sandbox.poll()
	elif step in ("pause", "go"):
		quanto.sandbox.pause_webhooks(step == "pause")
