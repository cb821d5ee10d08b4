"""The connector and the simulated KB, written apart, speak to each other; the bank's book is the judge."""

import json
import threading
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlsplit

import pytest
from kb_harness import BATCHES, CALLBACK, PARTNER, TOMORROW, payment, running_kb

from bank_api.connectors import errors
from bank_api.connectors.kb import connector
from bank_api.connectors.model import (
	ConsentRequest,
	KeyPair,
	ProviderConfig,
	Secret,
	Token,
	TransactionStatus,
)
from bank_api.connectors.onboarding import Application, Software
from bank_api.connectors.payments_model import BatchStanding
from bank_api.connectors.rate_ledger import MemoryLedger
from bank_api.sandbox.kb.data import EURO, MAIN

FIND = {"name.path_find": "/batchPayments", "name.path_revoke": "/oauth2/v3/revoke"}
BAD = {"creditorAccount": {"identification": {"iban": PARTNER[:-1] + "0"}}}


class Tpp:
	"""An application at the simulated bank, set up the way the gateway does it.

	Args:
		control: The sandbox.
	"""

	def __init__(self, control):
		self.kb = control.kb
		self.info = self.kb.info()
		app = self.kb.add_app(CALLBACK)
		self.one = self.connector(app["client_id"], app["secret"])
		self.consent = self.token = None

	def connector(self, client_id="", client_secret="", transport=None, **settings):
		places = {
			"environment": "Sandbox",
			"authorize_url": f"{self.info['pages_url']}/autfe/ssologin",
			"registration_url": f"{self.info['url']}/v3",
			"registration_page": f"{self.info['pages_url']}/client-registration-ui/v2/saml/register",
			"ca_bundle": self.info["ca"],
		}
		config = ProviderConfig(
			"KB",
			"kb",
			"v3",
			self.info["api_url"],
			client_id,
			Secret(client_secret),
			read_timeout=3.0,
			settings={**places, "batch_timeout": "3", **FIND, **settings},
			transport=transport,
			secrets={f"api_key_{api}": Secret(key) for api, key in self.info["api_keys"].items()},
		)
		return connector(config, MemoryLedger())

	def connect(self, **options):
		"""Walk CAAS as a human; the tokens."""
		made = self.one.create_consent(
			ConsentRequest(
				company="",
				psu_id=Secret(""),
				references=(),
				valid_until=(datetime.now(timezone.utc) + timedelta(days=365)).date(),
				frequency_per_day=24,
				recurring=True,
				state="state-1",
				redirect_url=CALLBACK,
				code_challenge="c",
			)
		)
		back = self.one.parse_return(dict(parse_qsl(urlsplit(self.kb.walk(made.link, **options)).query)))
		assert back.context == "state-1"
		if back.code is None:
			return back
		pair = self.one.exchange(made.consent_id, back.code, CALLBACK, Secret(""))
		self.made, self.pair = made, pair
		self.token = Token(pair.access, pair.expires_at, "", made.consent_id)
		return pair

	def submit(self, exchange, *payments, **changes):
		body = json.dumps({"batchPaymentDataCollectionRequest": list(payments)}).encode()
		options = {"exchange_id": exchange, "mode": "ONLINE", "name": "Dávka č. 1", **changes}
		return self.one.submit(self.token, body, "application/json", **options)


@pytest.fixture(scope="module")
def sandbox():
	with running_kb() as control:
		yield control


@pytest.fixture
def tpp(sandbox):
	sandbox.clear_faults()
	sandbox.kb.forget_downloads()
	found = Tpp(sandbox)
	found.connect()
	return found


def test_from_the_certificate_to_the_tokens(sandbox):
	tpp = Tpp(sandbox)
	issued = sandbox.kb.credentials()
	one = tpp.connector(transport=KeyPair(issued.chain, Secret(issued.key)))
	statement = one.software_statement(
		Software(
			"Účetnictví",
			"f64bf2e447e545228c78e07b081a82ee",
			"1.0",
			(CALLBACK,),
			"https://erp.test/registered",
			("ops@erp.test",),
		)
	)
	assert statement.vendor and statement.vendor_number == "12345679" and statement.expires_at
	key = one.new_registration_key()
	link = one.registration_url(
		Application("Účetnictví", (CALLBACK,), ("adaa", "bpisp"), statement.text), key, "s-1"
	)
	back = dict(parse_qsl(urlsplit(sandbox.kb.walk(link.reveal())).query))
	assert back["state"] == "s-1"
	found = one.read_registration(back["salt"], back["encryptedData"], key)
	assert found.redirect_uris == (CALLBACK,) and found.scopes == ("adaa", "bpisp")
	tpp.one = tpp.connector(found.client_id, found.client_secret.reveal())
	tpp.one.check()
	assert tpp.connect().refresh is not None
	with pytest.raises(errors.ConfigurationError):
		tpp.connector(found.client_id, "wrong").check()


def test_no_certificate_no_statement(sandbox):
	software = Software("Účetnictví", "x", "1", (CALLBACK,), CALLBACK, ("a@b.cz",))
	with pytest.raises(errors.ConfigurationError, match="commercial certificate"):
		Tpp(sandbox).connector().software_statement(software)


def test_tokens_live_and_die(sandbox, tpp):
	renewed = tpp.one.renew(tpp.made.consent_id, tpp.pair.refresh, metadata_url=tpp.made.metadata_url)
	assert renewed.refresh is None and renewed.access != tpp.pair.access
	with pytest.raises(errors.ConsentRequired):
		tpp.one.exchange(tpp.made.consent_id, Secret("no code"), CALLBACK, Secret(""))
	tpp.one.revoke(tpp.pair.refresh)
	with pytest.raises(errors.RefreshRefused):
		tpp.one.renew(tpp.made.consent_id, tpp.pair.refresh, metadata_url=tpp.made.metadata_url)
	with pytest.raises(errors.TokenRefused):
		tpp.one.accounts(tpp.token, tpp.token.consent_id)


def test_a_human_who_refuses(sandbox):
	assert Tpp(sandbox).connect(refuse_at="authorize").error == "access_denied"


def test_accounts_and_history(sandbox, tpp):
	found = {one.iban: one for one in tpp.one.accounts(tpp.token, tpp.token.consent_id)}
	assert {MAIN, EURO} <= set(found) and found[EURO].currency == "EUR"
	assert found[MAIN].balance is not None and found[MAIN].name == "Hlavní účet"
	rows, page = [], None
	while True:
		got = tpp.one.transactions(tpp.token, found[MAIN].provider_account_id, None, page)
		rows += got.rows
		page = got.next_page
		if page is None:
			break
	assert rows and any(row.status is TransactionStatus.BOOKED for row in rows)
	with pytest.raises(errors.RateLimited) as caught:
		tpp.one.transactions(tpp.token, found[MAIN].provider_account_id, None, None)
	assert caught.value.scope == errors.OBJECT and caught.value.retry_after > 3000


def test_a_batch_is_stored_authorised_and_settled(sandbox, tpp):
	got = tpp.submit("SETTLE-1", payment(1), payment(2, 0.01))
	assert (got.standing, got.payments, got.rejected) == (BatchStanding.WAITING, 2, 0)
	assert str(got.total_debit) == "1234.57"
	assert tpp.one.batch_status(tpp.token, got.batch_id).standing is BatchStanding.WAITING
	sandbox.kb.decide(got.batch_id)
	assert tpp.one.batch_status(tpp.token, got.batch_id).standing is BatchStanding.AUTHORISED
	sandbox.kb.settle()
	detail = tpp.one.batch_detail(tpp.token, got.batch_id)
	assert detail.standing is BatchStanding.SETTLED and detail.digest == got.digest
	assert [str(one.amount) for one in detail.payments] == ["1234.56", "0.01"]
	assert {one.standing for one in detail.payments} == {BatchStanding.SETTLED}
	assert {str(one.due) for one in detail.payments} == {TOMORROW}
	assert detail.name == "Davka c. 1" and detail.received_at is not None


def test_a_part_is_taken(sandbox, tpp):
	got = tpp.submit("PART-1", payment(1), payment(2, **BAD))
	assert (got.status, got.standing, got.rejected) == ("ACWC", BatchStanding.WAITING, 1)
	first, second = tpp.one.batch_detail(tpp.token, got.batch_id).payments
	assert first.standing is BatchStanding.WAITING and second.standing is BatchStanding.REJECTED
	assert second.problems[0].code == "AC03" and second.problems[0].index == 1


def test_nothing_is_taken(sandbox, tpp):
	got = tpp.submit("NONE-1", payment(1, **BAD))
	assert (got.standing, got.rejected) == (BatchStanding.REJECTED, 1)
	for form in ("kb", "cobs"):
		sandbox.kb.switches(partial=False, error_form=form)
		try:
			with pytest.raises(errors.BatchRefused) as caught:
				tpp.submit(f"NONE-{form}", payment(1), payment(2, **BAD))
		finally:
			sandbox.kb.switches(partial=True, error_form="kb")
		(problem,) = caught.value.problems
		assert (problem.code, problem.index, problem.field) == (
			"AC03",
			1,
			"creditorAccount.identification.iban",
		)


def test_a_file_is_stored(sandbox, tpp):
	"""The file of the protocol file's appendix: two payments, 1734.56 CZK."""
	lines = (
		"UHL1080926SYNTHETIC SRO       1000000005001999000000000000",
		"1 1501 001000 0100",
		"2 000019-1000000005 00000000173456 090926",
		"000000-1234567899 000000123456 20260042 01000308 0000000077 AV:Faktura 2026/0042",
		"000019-2000145399 000000050000 0 08000000 0000000000 AV:Zaloha|druha cast",
		"3 +",
		"5 +",
	)
	content = "".join(f"{line}\r\n" for line in lines).encode("windows-1250")
	media = "text/plain; charset=windows-1250"
	options = {"exchange_id": "KM-1", "mode": "BATCH", "name": "KM"}
	got = tpp.one.submit(tpp.token, content, media, payments=2, **options)
	assert (got.standing, got.payments, str(got.total_debit)) == (BatchStanding.WAITING, 2, "1734.56")
	with pytest.raises(errors.OutcomeUnknown) as caught:
		tpp.one.submit(tpp.token, content, media, payments=2, **{**options, "exchange_id": "KM-2"})
	assert caught.value.provider_code == "AM05", "the same file a second time"
	assert sandbox.kb.book(exchange="KM-2")["count"] == 0


@pytest.mark.parametrize(
	("action", "standing"),
	[("refuse", BatchStanding.REJECTED), ("expire", BatchStanding.EXPIRED)],
)
def test_a_batch_that_ends_unsigned(sandbox, tpp, action, standing):
	got = tpp.submit(f"END-{action}", payment(1))
	sandbox.kb.decide(got.batch_id, action)
	assert tpp.one.batch_status(tpp.token, got.batch_id).standing is standing
	with pytest.raises(errors.BatchRefused):
		tpp.one.cancel_batch(tpp.token, got.batch_id)


def test_a_batch_is_cancelled(sandbox, tpp):
	got = tpp.submit("CANCEL-1", payment(1))
	tpp.one.cancel_batch(tpp.token, got.batch_id)
	assert tpp.one.batch_status(tpp.token, got.batch_id).standing is BatchStanding.CANCELLED


FAULTS = [
	{"kind": "cut"},
	{"kind": "cut", "execute": True},
	{"kind": "reset"},
	{"kind": "reset", "execute": True},
	{"kind": "truncated", "execute": True},
	{"kind": "garbage", "execute": True},
	{"kind": "html", "execute": True},
	{"kind": "empty", "execute": True},
	{"kind": "no_content", "execute": True},
	{"kind": "status", "status": 500},
	{"kind": "status", "status": 503, "execute": True},
	{"kind": "slow", "seconds": 4.0},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(map(str, fault.values())))
def test_whatever_happens_on_the_way_is_unknown_and_the_book_tells(sandbox, tpp, fault):
	exchange = f"F{FAULTS.index(fault)}"
	sandbox.fail(path=BATCHES, **fault)
	with pytest.raises(errors.OutcomeUnknown):
		tpp.submit(exchange, payment(1))
	sandbox.clear_faults()
	book = sandbox.kb.book(exchange=exchange)
	assert book["count"] in (0, 1) and not book["repeated"]
	found = tpp.one.find_batch(tpp.token, exchange)
	assert len(found) == book["batches"]
	calls = [call for call in sandbox.kb.requests(BATCHES) if call["method"] == "POST"]
	assert calls, "the sandbox's record of calls"


def test_a_repeated_identification_is_never_called_a_refusal(sandbox, tpp):
	tpp.submit("AGAIN-1", payment(1))
	with pytest.raises(errors.OutcomeUnknown) as caught:
		tpp.submit("AGAIN-1", payment(1))
	assert caught.value.provider_code == "AM05"
	assert sandbox.kb.book(exchange="AGAIN-1")["count"] == 1


def test_eight_threads_with_a_batch_each(sandbox, tpp):
	got: list[str] = []
	threads = [
		threading.Thread(target=lambda n=n: got.append(tpp.submit(f"T{n}", payment(n)).batch_id))
		for n in range(8)
	]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join(30)
	assert len(set(got)) == 8


def test_the_users_right_that_has_lapsed(sandbox, tpp):
	sandbox.kb.switches(plan="Basic")
	try:
		with pytest.raises(errors.ConsentRequired, match="MojeBanka"):
			tpp.submit("PLAN-1", payment(1))
	finally:
		sandbox.kb.switches(plan="Plus")
	assert tpp.submit("PLAN-1", payment(1)).standing is BatchStanding.WAITING


def test_a_batch_of_somebody_else_is_unknown(sandbox, tpp):
	with pytest.raises(errors.NotFound):
		tpp.one.batch_status(tpp.token, "0000000000")
	assert tpp.one.find_batch(tpp.token, "NOBODYS") == ()
