"""The connector and the sandbox, written apart from the same protocol file, speak to each other over a socket."""

import contextlib
import json
import subprocess
import sys
import time
from datetime import datetime, timezone
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from scripted_server import ScriptedServer, answer

pytest.importorskip("werkzeug")

from bank_api.connectors import errors, verbatim
from bank_api.connectors.bridge import webhooks
from bank_api.connectors.model import (
	ItemStatus,
	LinkKind,
	LinkRequest,
	ProviderConfig,
	RateLimits,
	Secret,
	TransactionStatus,
	UserAction,
)
from bank_api.connectors.rate_ledger import patience
from bank_api.connectors.registry import connector_for
from bank_api.sandbox.client import SandboxControl

ROOT = Path(__file__).parents[2]
V2, V3 = "2021-06-01", "2025-01-15"
BOTH = pytest.mark.parametrize("version", [V2, V3])
_numbers = count(1)


@pytest.fixture(scope="module")
def sandbox():
	command = [
		sys.executable,
		"-m",
		"bank_api.sandbox",
		"--port",
		"0",
		"--transactions",
		"120",
		"--rate-limits",
		"off",
	]
	process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
	try:
		url = process.stdout.readline().split()[1]
		yield SandboxControl(url)
	finally:
		process.terminate()
		process.wait(10)


@pytest.fixture(autouse=True)
def clean(sandbox):
	before = sandbox.switches()
	now = sandbox.now()
	yield
	sandbox.clock(set=now)
	sandbox.clear_faults()
	sandbox.switches(**before)


def connector(sandbox, version=V3, **changes):
	settings = {"call_timeout": "8", **changes.pop("settings", {})}
	values = {
		"client_id": "sandbox_id_demo",
		"client_secret": Secret("sandbox_secret_demo"),
		"read_timeout": 2.0,
		"page_size": 50,
		**changes,
	}
	made = connector_for(ProviderConfig("P", "bridge", version, sandbox.url, settings=settings, **values))
	made._client.http.back_off = lambda attempt: 0.01
	return made


def newcomer(made):
	name = f"user-{next(_numbers)}-{made.config.api_version}"
	made.create_user(name)
	return name, made.new_token(name)


def read_all(made, token, account_id, since=None):
	rows, page = [], None
	while True:
		got = made.transactions(token, account_id, since, page)
		rows += got.rows
		page = got.next_page
		if page is None:
			return rows


@BOTH
def test_the_whole_journey(sandbox, version):
	made = connector(sandbox, version)
	name, token = newcomer(made)
	assert made.create_user(name) == token.provider_user_id
	assert token.expires_at > datetime.now(timezone.utc)
	link = made.link(
		token, LinkRequest(LinkKind.CONNECT, "https://gw.example/return", "ctx-1", language="fr")
	)
	back = sandbox.complete_connect(link.url)
	returned = made.parse_return(dict(pair.split("=") for pair in back.partition("?")[2].split("&")))
	assert returned.success
	assert returned.context == "ctx-1"
	assert returned.provider_user_id == token.provider_user_id
	(item,) = made.items(token)
	assert item.provider_item_id == returned.item_id
	assert (item.status, item.user_action, item.bank_id) == (ItemStatus.OK, UserAction.NONE, "574")
	assert made.item(token, item.provider_item_id, "fr").provider_item_id == item.provider_item_id
	assert made.bank_name(item.bank_id)
	accounts = made.accounts(token, item.provider_item_id)
	assert len({account.provider_account_id for account in accounts}) == len(accounts) > 1
	assert all(isinstance(account.balance, Decimal) and account.currency for account in accounts)
	seen = 0
	for account in accounts:
		rows = read_all(made, token, account.provider_account_id)
		seen += len(rows)
		expected = sandbox.transactions(int(account.provider_account_id))
		assert {row.provider_transaction_id for row in rows} >= {
			str(row["id"]) for row in expected if not row.get("deleted")
		}
		for row in rows:
			value = verbatim.parse(row.payload)
			assert value["amount"] == row.amount
			assert str(value["id"]) == row.provider_transaction_id
	assert seen >= 120
	made.delete_item(token, item.provider_item_id)
	made.delete_item(token, item.provider_item_id)
	assert made.items(token) == []
	made.delete_user(token.provider_user_id)
	made.delete_user(token.provider_user_id)
	with pytest.raises(errors.NotFound):
		made.new_token(name)


@BOTH
@pytest.mark.parametrize(
	"switches",
	[
		{},
		{"end_of_list": "string", "next_uri": "absolute"},
		{"end_of_list": "empty", "next_uri_repeats_filters": False},
		{"end_of_list": "absent", "page_quirk": "short"},
		{"page_quirk": "empty", "transactions_order": "updated_at"},
		{"page_quirk": "overlap", "transactions_order": "date_desc", "ascii_json": True},
	],
	ids=repr,
)
def test_every_way_to_page(sandbox, version, switches):
	made = connector(sandbox, version, page_size=7)
	name, token = newcomer(made)
	item = sandbox.add_item(name, transactions=60)
	sandbox.switches(**switches)
	for account in made.accounts(token, str(item["item_id"])):
		rows = read_all(made, token, account.provider_account_id)
		expected = sandbox.transactions(int(account.provider_account_id))
		assert {row.provider_transaction_id for row in rows} == {str(row["id"]) for row in expected}


@BOTH
def test_changes_and_deletions_since_an_instant(sandbox, version):
	made = connector(sandbox, version)
	name, token = newcomer(made)
	item = sandbox.add_item(name, transactions=20)
	account = max(
		made.accounts(token, str(item["item_id"])),
		key=lambda a: len(sandbox.transactions(int(a.provider_account_id))),
	)
	number = account.provider_account_id
	rows = read_all(made, token, number)
	since = max(row.updated_at for row in rows)
	sandbox.advance(60)
	added = sandbox.add_transaction(int(number), amount="-0.10", description="Nouveau")
	gone = next(row for row in rows if row.status is TransactionStatus.BOOKED)
	sandbox.delete_transaction(int(gone.provider_transaction_id))
	changed = {row.provider_transaction_id: row for row in read_all(made, token, number, since)}
	assert str(changed[str(added["id"])].amount) == "-0.10"
	assert changed[gone.provider_transaction_id].status is TransactionStatus.DELETED
	assert len(changed) <= 4


@pytest.mark.parametrize("amount", ["0.005", "-0.10", "12345678901234.56", "-99999999999999", "1E2", "0.1"])
@BOTH
def test_money_to_the_digit(sandbox, version, amount):
	made = connector(sandbox, version)
	name, token = newcomer(made)
	item = sandbox.add_item(name, transactions=5)
	account = made.accounts(token, str(item["item_id"]))[0].provider_account_id
	added = sandbox.add_transaction(int(account), amount=amount)
	rows = {row.provider_transaction_id: row for row in read_all(made, token, account)}
	assert rows[str(added["id"])].amount == Decimal(amount)


STATUSES = [
	(-2, ItemStatus.WAITING),
	(-3, ItemStatus.WAITING),
	(402, ItemStatus.ACTION_REQUIRED),
	(429, ItemStatus.ACTION_REQUIRED),
	(430, ItemStatus.ACTION_REQUIRED),
	(1003, ItemStatus.PROVIDER_PROBLEM),
	(1005, ItemStatus.UNSUPPORTED),
	(1007, ItemStatus.PROVIDER_PROBLEM),
	(1009, ItemStatus.OK),
	(1010, ItemStatus.ACTION_REQUIRED),
	(1099, ItemStatus.PROVIDER_PROBLEM),
	(1100, ItemStatus.ACTION_REQUIRED),
	(0, ItemStatus.OK),
]


@BOTH
def test_every_status(sandbox, version):
	made = connector(sandbox, version)
	name, token = newcomer(made)
	number = sandbox.add_item(name, transactions=0)["item_id"]
	for code, status in STATUSES:
		sandbox.set_status(number, code)
		item = made.item(token, str(number))
		assert (item.status_code, item.status) == (code, status)


@BOTH
def test_links_to_repair(sandbox, version):
	made = connector(sandbox, version)
	name, token = newcomer(made)
	number = sandbox.add_item(name, transactions=0)["item_id"]
	for kind in (LinkKind.EDIT, LinkKind.SCA):
		link = made.link(token, LinkRequest(kind, "https://gw.example/return", "ctx-2", item_id=str(number)))
		assert "context=ctx-2" in sandbox.complete_connect(link.url)
	pro = LinkRequest(LinkKind.PRO, "https://gw.example/return", "ctx-3")
	if version == V2:
		assert made.link(token, pro).url
		made.refresh_item(token, str(number))
	else:
		with pytest.raises(errors.Unsupported):
			made.link(token, pro)
		with pytest.raises(errors.Unsupported):
			made.refresh_item(token, str(number))


def test_a_callback_that_is_not_allowed(sandbox):
	made = connector(sandbox)
	_, token = newcomer(made)
	sandbox.switches(callback_hosts=["allowed.example"])
	with pytest.raises(errors.ConfigurationError, match="dashboard"):
		made.link(token, LinkRequest(LinkKind.CONNECT, "https://gw.example/return", "ctx-1"))


@BOTH
def test_an_ended_token(sandbox, version):
	made = connector(sandbox, version)
	name, token = newcomer(made)
	sandbox.expire_tokens(name)
	with pytest.raises(errors.AuthenticationExpired):
		made.items(token)
	assert made.items(made.new_token(name)) == []


@BOTH
def test_wrong_credentials(sandbox, version):
	made = connector(sandbox, version, client_secret=Secret("wrong"))
	for call in (made.categories, lambda: made.new_token("x"), lambda: made.create_user("x")):
		with pytest.raises(errors.ConfigurationError):
			call()


@BOTH
@pytest.mark.parametrize("shape", ["errors", "flat"])
def test_unknown_ids(sandbox, version, shape):
	sandbox.switches(v3_error_shape=shape)
	made = connector(sandbox, version)
	_, token = newcomer(made)
	for call in (
		lambda: made.item(token, "999999999"),
		lambda: made.bank("999999999"),
		lambda: made.category("999999999"),
		lambda: made.new_token("nobody-at-all"),
	):
		with pytest.raises(errors.NotFound):
			call()


@BOTH
@pytest.mark.parametrize("shape", ["top", "resources"])
def test_categories_in_the_asked_language(sandbox, version, shape):
	sandbox.switches(category_single_shape=shape)
	made = connector(sandbox, version)
	english, french = (json.loads(made.category("83", language)) for language in ("en", "fr"))
	assert english["id"] == french["id"] == 83
	assert english["name"] == "Restaurants"
	assert len(json.loads(made.categories("fr"))["resources"]) > 5


@pytest.mark.parametrize("kind", ["cut", "reset", "refuse", "status"])
def test_a_fault_that_passes_is_not_noticed(sandbox, kind):
	made = connector(sandbox)
	name, token = newcomer(made)
	item = sandbox.add_item(name, transactions=10)
	sandbox.fail(kind, path=".*/accounts.*", status=503)
	assert made.accounts(token, str(item["item_id"]))


@pytest.mark.parametrize(
	("kind", "error"),
	[
		("status", errors.ProviderUnavailable),
		("cut", errors.ProviderUnavailable),
		("reset", errors.ProviderUnavailable),
		("refuse", errors.ProviderUnavailable),
		("truncated", (errors.MalformedResponse, errors.ProviderUnavailable)),
		("garbage", (errors.MalformedResponse, errors.ProviderUnavailable)),
		("html", (errors.MalformedResponse, errors.ProviderUnavailable)),
		("empty", errors.MalformedResponse),
		("no_content", errors.MalformedResponse),
	],
)
def test_a_fault_that_stays_is_an_error_never_an_empty_list(sandbox, kind, error):
	made = connector(sandbox)
	name, token = newcomer(made)
	item = sandbox.add_item(name, transactions=10)
	sandbox.fail(kind, path=".*/accounts.*", times=20)
	with pytest.raises(error):
		made.accounts(token, str(item["item_id"]))


def test_a_slow_provider_is_a_time_out(sandbox):
	made = connector(sandbox, read_timeout=0.3, settings={"max_attempts": "1"})
	_, token = newcomer(made)
	sandbox.fail("slow", path=".*/items.*", seconds=1, times=3)
	started = time.monotonic()
	with pytest.raises(errors.ProviderTimeout):
		made.items(token)
	assert time.monotonic() - started < 0.9


@pytest.mark.parametrize(("form", "expected"), [("none", 60), ("seconds", None), ("date", None)])
def test_throttling(sandbox, form, expected):
	sandbox.switches(rate_limits=True, user_limit=3, retry_after=form)
	sandbox.reset_limits()
	made = connector(sandbox)
	_, token = newcomer(made)
	with patience(0.5), pytest.raises(errors.RateLimited) as caught:
		[made.items(token) for _ in range(6)]
	assert 0 < caught.value.retry_after <= 61
	assert expected is None or caught.value.retry_after == expected


def test_our_own_ledger_spares_the_provider_from_throttling_us(sandbox):
	sandbox.switches(rate_limits=True, user_limit=3)
	sandbox.reset_limits()
	made = connector(sandbox, limits=RateLimits(user_calls=3))
	_, token = newcomer(made)
	with patience(0.5), pytest.raises(errors.RateLimited) as caught:
		[made.items(token) for _ in range(6)]
	assert caught.value.status is None


@BOTH
def test_webhooks_are_signed_and_understood(sandbox, version):
	made = connector(sandbox, version)
	with ScriptedServer(answer()) as receiver:
		hook = sandbox.add_webhook(receiver.url, secret="first", version=version)
		try:
			_, token = newcomer(made)
			link = made.link(token, LinkRequest(LinkKind.CONNECT, "https://gw.example/return", "ctx-1"))
			sandbox.complete_connect(link.url)
			sandbox.rotate_webhook(hook["id"], "second")
			sandbox.test_event()
			sandbox.drain_webhooks()
		finally:
			with contextlib.suppress(Exception):
				sandbox.delete_webhook(hook["id"])
	events = []
	for request in receiver.requests:
		headers = {"BridgeApi-Signature": request.headers["bridgeapi-signature"]}
		assert made.verify_webhook(request.body, headers, [Secret("first")])
		assert not made.verify_webhook(request.body, headers, [Secret("third")])
		assert not made.verify_webhook(request.body + b" ", headers, [Secret("first")])
		events.append(made.parse_webhook(request.body))
	assert made.verify_webhook(request.body, headers, [Secret("second")])
	kinds = {event.event_type for event in events}
	assert (
		{"item.created", "item.account.created", "item.refreshed", "TEST_EVENT"}
		<= kinds
		<= set(webhooks.MEANINGS)
	)
	own = [event for event in events if not event.is_test]
	assert {event.provider_user_id for event in own} == {token.provider_user_id}
	assert len({event.provider_item_id for event in own}) == 1
	assert all(abs((event.occurred_at - datetime.now(timezone.utc)).total_seconds()) < 3600 for event in own)
