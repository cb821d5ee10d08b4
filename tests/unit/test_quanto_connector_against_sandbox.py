"""The connector and Quanto's sandbox, written apart from the same protocol file, speak to each other over HTTP."""

import hashlib
import hmac
import json
import re
import threading
import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest

pytest.importorskip("werkzeug")

from quanto_harness import RETURN, running_quanto

from bank_api.connectors import errors
from bank_api.connectors.model import (
	Approval,
	ConsentStanding,
	EndedBy,
	EndReason,
	Identity,
	ItemStatus,
	KeyPair,
	Presence,
	ProviderConfig,
	Secret,
	SessionRequest,
	SessionStanding,
	Token,
	TransactionStatus,
)
from bank_api.connectors.onboarding import Contact, Credentials, Institution, Subscription, Theme
from bank_api.connectors.quanto.permissions import GROUPS
from bank_api.connectors.rate_ledger import MemoryLedger
from bank_api.connectors.registry import connector_for
from bank_api.sandbox.quanto.client import COMPANY, ORGANIZATION, PERSON, SECOND_APPROVER, SOFTWARE

PRESENCE = Presence("192.0.2.10", user_agent="Firefox/1")
PERSONAL = tuple(
	dict.fromkeys(one for each in GROUPS if "business" not in each.key for one in each.permissions)
)
BUSINESS = tuple(
	dict.fromkeys(one for each in GROUPS if "personal" not in each.key for one in each.permissions)
)


@pytest.fixture(scope="module")
def quanto():
	with running_quanto() as running:
		yield running


def connector(quanto, key=None, *, page_size=500, ledger=None, **settings):
	return connector_for(
		ProviderConfig(
			name="Quanto Test",
			connector="quanto",
			api_version="1",
			base_url=quanto.setup.url,
			client_id="",
			client_secret=Secret(quanto.setup.api_key if key is None else key),
			page_size=page_size,
			settings={"environment": "Sandbox", "max_attempts": "1", **settings},
		),
		ledger or MemoryLedger(),
	)


@pytest.fixture
def speaks(quanto):
	quanto.sandbox.reset_usage()
	return connector(quanto)


def request(company="", **changes):
	return SessionRequest(
		**{
			"identity": Identity(Secret(PERSON), Secret(company) if company else None),
			"permissions": BUSINESS if company else PERSONAL,
			"purpose": "Conciliação bancária",
			"expires_at": datetime.now(timezone.utc) + timedelta(days=200),
			"external_id": "unguessable-value",
			"redirect_url": RETURN,
			**changes,
		}
	)


def token(consent_id):
	return Token(Secret(""), datetime(2100, 1, 1, tzinfo=timezone.utc), "", consent_id=consent_id)


def shared(quanto, speaks, bank="ipe", company="", **changes):
	session = speaks.start_session(request(company, **changes))
	return quanto.sandbox.share(session.session_id, bank)["id"]


class TestSession:
	def test_a_person_at_two_banks_through_the_pages(self, quanto, speaks):
		session = speaks.start_session(request())
		assert session.standing is SessionStanding.OPEN and session.external_id == "unguessable-value"
		location = quanto.sandbox.complete_session(session.link, ("ipe", "araucaria"))
		back = speaks.parse_return(dict(parse_qsl(urlsplit(location).query)))
		assert location.startswith(RETURN) and back.context == session.session_id and back.success
		found = speaks.session(session.session_id)
		assert found.standing is SessionStanding.FINISHED and len(found.consents) == 2
		assert len({one.bank_id for one in found.consents}) == 2 and all(
			one.bank_name for one in found.consents
		)
		for one in found.consents:
			assert one.standing is ConsentStanding.VALID and one.approval is Approval.SINGLE
			assert one.session_id == session.session_id and set(one.permissions) <= set(PERSONAL)
			assert one.expires_at is not None and PERSON not in one.payload
		assert PERSON not in found.payload and session.link not in found.payload

	def test_one_that_was_given_up_keeps_what_was_shared(self, quanto, speaks):
		session = speaks.start_session(request())
		quanto.sandbox.share(session.session_id, "ipe")
		quanto.sandbox.expire_session(session.session_id)
		found = speaks.session(session.session_id)
		assert found.standing is SessionStanding.OVER and found.consents[0].standing is ConsentStanding.VALID

	def test_refusals(self, quanto, speaks):
		late = datetime.now(timezone.utc) + timedelta(days=500)
		with pytest.raises(errors.InvalidRequest, match="12 months"):
			speaks.start_session(request(expires_at=late))
		with pytest.raises(errors.InvalidRequest):
			speaks.start_session(request(redirect_url="https://elsewhere.example/"))
		with pytest.raises(errors.NotFound):
			speaks.session("5b1b9d3e-0f1c-4a35-93a8-56a2b9a5b1aa")
		with pytest.raises(errors.ConfigurationError, match="API key"):
			connector(quanto, "wrong").start_session(request())

	def test_not_before_the_set_up_is_complete(self, quanto):
		link = quanto.sandbox.onboarding_link()
		made = connector(quanto, "").onboard(link, INSTITUTION)
		with pytest.raises(errors.ConfigurationError, match="set-up"):
			connector(quanto, made.key.reveal()).start_session(request())


class TestConsent:
	def test_a_company_that_needs_two(self, quanto, speaks):
		consent_id = shared(quanto, speaks, company=COMPANY)
		assert speaks.consent(consent_id).approval is Approval.PENDING
		assert COMPANY not in speaks.consent(consent_id).payload
		waiting = {one.reference for one in speaks.accounts(token(consent_id), consent_id)}
		quanto.sandbox.approve_second(consent_id)
		assert speaks.consent(consent_id).approval is Approval.SINGLE
		found = speaks.accounts(token(consent_id), consent_id)
		assert len(found) > len(waiting) and all(one.is_pro for one in found)

	def test_a_company_whose_second_person_refuses(self, quanto, speaks):
		consent_id = shared(quanto, speaks, company=COMPANY)
		before = len(speaks.accounts(token(consent_id), consent_id))
		quanto.sandbox.decide(consent_id, agree=False)
		assert speaks.consent(consent_id).approval is not Approval.PENDING
		assert len(speaks.accounts(token(consent_id), consent_id)) == before

	def test_revoked_at_the_bank(self, quanto, speaks):
		consent_id = shared(quanto, speaks)
		quanto.sandbox.revoke(consent_id)
		found = speaks.consent(consent_id)
		assert (found.standing, found.ended_by, found.end_reason) == (
			ConsentStanding.ENDED,
			EndedBy.END_USER,
			EndReason.REVOKED,
		)
		assert speaks.item(token(consent_id), consent_id).status is ItemStatus.DELETED
		with pytest.raises(errors.ConsentRequired):
			speaks.accounts(token(consent_id), consent_id)

	def test_expired(self, quanto, speaks):
		consent_id = shared(quanto, speaks)
		quanto.sandbox.expire(consent_id)
		found = speaks.consent(consent_id)
		assert (found.ended_by, found.end_reason) == (EndedBy.BANK, EndReason.EXPIRED)
		assert speaks.item(token(consent_id), consent_id).status is ItemStatus.ACTION_REQUIRED

	def test_withdrawn_by_us_twice(self, quanto, speaks):
		consent_id = shared(quanto, speaks)
		speaks.delete_consent(consent_id)
		speaks.delete_consent(consent_id)
		assert speaks.consent_status(consent_id).standing is ConsentStanding.ENDED
		speaks.delete_consent("urn:sim:unknown")

	def test_all_of_them(self, quanto, speaks):
		ours = {shared(quanto, speaks) for _ in range(3)}
		assert ours <= {one.consent_id for one in speaks.consents()}

	def test_extended(self, quanto, speaks):
		consent_id = shared(quanto, speaks)
		until = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=300)
		extended = speaks.extend_consent(consent_id, Identity(Secret(PERSON)), until, PRESENCE)
		assert extended.expires_at == until == speaks.consent(consent_id).expires_at
		listed = json.loads(speaks.body(token(consent_id), "extensions").payload)["data"]
		assert listed[0]["xFapiCustomerIpAddress"] == "192.0.2.10"
		with pytest.raises(errors.InvalidRequest, match="12 months"):
			speaks.extend_consent(
				consent_id, Identity(Secret(PERSON)), datetime.now(timezone.utc) + timedelta(days=1), PRESENCE
			)

	def test_somebody_else_extends_nothing(self, quanto, speaks):
		consent_id = shared(quanto, speaks)
		before = speaks.consent(consent_id).expires_at
		until = datetime.now(timezone.utc) + timedelta(days=300)
		for identity in (Identity(Secret(SECOND_APPROVER)), Identity(Secret(PERSON), Secret(COMPANY))):
			with pytest.raises(errors.InvalidRequest, match="Only the person or company"):
				speaks.extend_consent(consent_id, identity, until, PRESENCE)
		assert speaks.consent(consent_id).expires_at == before

	def test_an_access_that_is_over_is_not_extended(self, quanto, speaks):
		consent_id = shared(quanto, speaks)
		quanto.control.quanto.revoke(consent_id)
		until = datetime.now(timezone.utc) + timedelta(days=300)
		with pytest.raises(errors.ConsentRequired):
			speaks.extend_consent(consent_id, Identity(Secret(PERSON)), until, PRESENCE)

	def test_one_with_several_signers_is_not_extended(self, quanto, speaks):
		consent_id = shared(quanto, speaks, company=COMPANY)
		until = datetime.now(timezone.utc) + timedelta(days=300)
		with pytest.raises(errors.InvalidRequest, match="several people"):
			speaks.extend_consent(consent_id, Identity(Secret(PERSON), Secret(COMPANY)), until, PRESENCE)


class TestData:
	@pytest.mark.parametrize("bank", ["ipe", "araucaria"])
	@pytest.mark.parametrize("company", ["", COMPANY])
	def test_everything_is_read(self, quanto, speaks, bank, company):
		consent_id = shared(quanto, speaks, bank, company)
		if company:
			quanto.sandbox.decide(consent_id)
		found = speaks.accounts(token(consent_id), consent_id)
		products = {row["id"]: row for row in quanto.sandbox.products(company or PERSON, bank)}
		assert {one.provider_account_id for one in found} <= set(products) and len(found) >= 1
		for one in found:
			assert one.balance is not None and one.currency == "BRL" and one.reference and one.name
			json.loads(one.payload)
			page, rows = speaks.transactions(token(consent_id), one.provider_account_id, None, None), 0
			seen = set()
			while True:
				rows += len(page.rows)
				seen |= {row.provider_transaction_id for row in page.rows}
				if page.next_page is None:
					break
				page = speaks.transactions(token(consent_id), one.provider_account_id, None, page.next_page)
			assert len(seen) == rows
			if one.account_type in ("checking", "card"):
				assert rows

	def test_an_account_to_the_cent(self, quanto, speaks):
		consent_id = shared(quanto, speaks)
		product = next(row for row in quanto.sandbox.products(kind="ACCOUNT"))
		made = quanto.sandbox.add_transaction(product["id"], amount="-12.34", text="Padaria São João")
		page = speaks.transactions(
			token(consent_id), product["id"], datetime.now(timezone.utc).date().isoformat(), None
		)
		row = next(row for row in page.rows if row.provider_transaction_id == made["data"]["transactionId"])
		assert (row.amount, row.description) == (Decimal("-12.34"), "Padaria São João")
		assert json.loads(row.payload) == made["data"] and row.status is TransactionStatus.BOOKED

	def test_pages_of_25(self, quanto):
		small = connector(quanto, page_size=25)
		quanto.sandbox.reset_usage()
		consent_id = shared(quanto, small)
		product = max(
			quanto.sandbox.products(kind="ACCOUNT"),
			key=lambda row: len(quanto.sandbox.transactions(row["id"])),
		)
		page, pages, ids = small.transactions(token(consent_id), product["id"], None, None), 1, set()
		ids |= {row.provider_transaction_id for row in page.rows}
		while page.next_page:
			page = small.transactions(token(consent_id), product["id"], None, page.next_page)
			ids |= {row.provider_transaction_id for row in page.rows}
			pages += 1
		assert pages > 2 and len(ids) > 50

	def test_bodies(self, quanto, speaks):
		consent_id = shared(quanto, speaks)
		mine = token(consent_id)
		ids = {kind: row["id"] for row in reversed(quanto.sandbox.products()) for kind in [row["type"]]}
		paths = [
			"resources",
			*(
				f"customers/personal/{rest}"
				for rest in ("identifications", "qualifications", "financial-relations")
			),
			"accounts/accounts",
			*(
				f"accounts/accounts/{ids['ACCOUNT']}{rest}"
				for rest in ("", "/balances", "/overdraft-limits", "/transactions")
			),
			"credit-cards-accounts/accounts",
			*(
				f"credit-cards-accounts/accounts/{ids['CREDIT_CARD_ACCOUNT']}{rest}"
				for rest in ("", "/limits", "/bills")
			),
			"loans/contracts",
		]
		if "LOAN" in ids:
			tails = ("", "/warranties", "/scheduled-instalments", "/payments")
			paths += [f"loans/contracts/{ids['LOAN']}{rest}" for rest in tails]
		for path in paths:
			body = speaks.body(mine, path)
			assert body.complete and "data" in json.loads(body.payload), path
		bills = json.loads(
			speaks.body(mine, paths[paths.index("credit-cards-accounts/accounts") + 3]).payload
		)["data"]
		bill = f"credit-cards-accounts/accounts/{ids['CREDIT_CARD_ACCOUNT']}/bills/{bills[0]['billId']}/transactions"
		assert json.loads(speaks.body(mine, bill).payload)["data"]

	def test_blocked_and_gone(self, quanto, speaks):
		consent_id = shared(quanto, speaks)
		before = speaks.accounts(token(consent_id), consent_id)
		known = {one.provider_account_id for one in before}
		product = quanto.sandbox.products(kind="ACCOUNT")[0]["id"]
		try:
			quanto.sandbox.edit_product(product, state="TEMPORARILY_UNAVAILABLE")
			found = {
				one.provider_account_id: one for one in speaks.accounts(token(consent_id), consent_id, known)
			}
			assert set(found) == known and found[product].partial and found[product].balance is None
			with pytest.raises(errors.ProviderUnavailable):
				speaks.transactions(token(consent_id), product, None, None)
			quanto.sandbox.edit_product(product, state="UNAVAILABLE")
			found = speaks.accounts(token(consent_id), consent_id, known)
			assert product not in {one.provider_account_id for one in found}
		finally:
			quanto.sandbox.edit_product(product, state="AVAILABLE")

	def test_a_month_used_up_at_the_bank(self, quanto, speaks):
		consent_id = shared(quanto, speaks)
		first, *_ = speaks.accounts(token(consent_id), consent_id)
		path = f"accounts/accounts/{first.provider_account_id}/overdraft-limits"
		for _ in range(5):
			speaks.body(token(consent_id), path)
		quanto.sandbox.fail(423, path="/v1/consents")
		with pytest.raises(errors.RateLimited) as caught:
			speaks.body(token(consent_id), path)
		assert caught.value.scope == errors.OBJECT and caught.value.retry_after > 0
		with pytest.raises(errors.RateLimited):
			speaks.body(token(consent_id), path)  # remembered

	@pytest.mark.parametrize("status", [429, 529])
	def test_throttled(self, quanto, speaks, status):
		consent_id = shared(quanto, speaks)
		quanto.sandbox.fail(status, path="/v1/consents", retry_after=7)
		with pytest.raises(errors.RateLimited) as caught:
			speaks.consent(consent_id)
		assert caught.value.retry_after == 7 and caught.value.scope == ""


INSTITUTION = Institution(
	"Empresa Ltda", COMPANY, (Contact("Technical", "Ana Lima", "ana@example.com", "+55 11 5555-0000"),)
)


class Receiver(BaseHTTPRequestHandler):
	received: list = []

	def do_POST(self):
		body = self.rfile.read(int(self.headers["Content-Length"]))
		self.received.append((body, dict(self.headers)))
		self.send_response(200)
		self.send_header("Content-Length", "0")
		self.end_headers()

	def log_message(self, *_):
		pass


@pytest.fixture
def receiver():
	Receiver.received = []
	server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
	threading.Thread(target=server.serve_forever, daemon=True).start()
	try:
		yield f"http://127.0.0.1:{server.server_port}/hook"
	finally:
		server.shutdown()
		server.server_close()


class TestSetup:
	def test_all_of_it(self, quanto):
		link = quanto.sandbox.onboarding_link()
		made = connector(quanto, "").onboard(link, INSTITUTION)
		with pytest.raises(errors.ConsentRequired):
			connector(quanto, "").onboard(link, INSTITUTION)
		speaks = connector(quanto, made.key.reveal())
		speaks.check()
		assert speaks.credentials() is None
		ids = Credentials(ORGANIZATION, SOFTWARE, "Cki1EbvjwyhPB12NGLlz2", (RETURN,))
		speaks.register_credentials(ids)
		assert speaks.credentials() == ids
		for usage, profile in (("Transport", "BRCAC"), ("Signing", "BRSEAL")):
			chain, key = quanto.sandbox.certificate(profile)
			held = speaks.upload_certificate(usage, KeyPair(chain, Secret(key)))
			assert held.usage == usage and held.not_after and re.fullmatch("[0-9a-f]{64}", held.fingerprint)
			wrong = "Signing" if usage == "Transport" else "Transport"
			with pytest.raises(errors.InvalidRequest, match="level"):
				speaks.upload_certificate(wrong, KeyPair(chain, Secret(key)))
		assert {one.usage for one in speaks.certificates()} == {"Transport", "Signing"}
		assert speaks.start_session(request()).link
		for product in speaks.products():
			speaks.put_theme(
				product, Theme("", {"primary": "#0b5d5e"}, "Inter", {"title": "Olá"}, "Conciliação")
			)
		speaks.delete_certificate(speaks.certificates()[0].certificate_id)
		assert len(speaks.certificates()) == 1

	def test_a_webhook_from_ping_to_revocation(self, quanto, receiver):
		speaks = connector(quanto)
		secret = Secret("a-secret-of-some-length")
		webhook = speaks.put_webhook("", Subscription(receiver, tuple(speaks.event_types()), secret))
		try:
			held = speaks.webhook(webhook)
			assert held.url == receiver and set(held.events) == set(speaks.event_types())
			speaks.ping_webhook(webhook)
			consent_id = shared(quanto, speaks)
			assert quanto.sandbox.drain_webhooks()
			quanto.sandbox.revoke(consent_id)
			assert quanto.sandbox.drain_webhooks()
			kinds = []
			for body, headers in Receiver.received:
				assert speaks.verify_webhook(body, headers, [Secret("other"), secret])
				assert not speaks.verify_webhook(body + b" ", headers, [secret])
				event = speaks.parse_webhook(body)
				kinds.append(event.event_type)
				assert event.event_id and event.occurred_at and event.known
				assert event.is_test or event.provider_item_id == consent_id
			assert kinds == ["ping", "sharing.completed", "sharing.revoked"]
			assert abs(int(Receiver.received[0][1]["X-Quanto-Timestamp"]) - time.time()) < 60
		finally:
			speaks.delete_webhook(webhook)
		assert speaks.webhook(webhook) is None

	def test_the_signature_is_the_documented_one(self, quanto, receiver):
		speaks = connector(quanto)
		webhook = speaks.put_webhook("", Subscription(receiver, ("sharing.revoked",), Secret("s" * 16)))
		speaks.ping_webhook(webhook)
		assert quanto.sandbox.drain_webhooks()
		speaks.delete_webhook(webhook)
		((body, headers),) = Receiver.received
		signed = f"{headers['X-Quanto-Timestamp']}.".encode() + body
		assert headers["X-Quanto-Signature"] == hmac.new(b"s" * 16, signed, hashlib.sha256).hexdigest()

	def test_groups_are_the_same(self, quanto):
		theirs = quanto.sandbox.info()["groups"]
		assert sorted(map(sorted, theirs.values())) == sorted(sorted(one.permissions) for one in GROUPS)
