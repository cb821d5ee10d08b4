"""The whole way with the simulated KB over HTTP: consent, accounts, batches, the human's channel, settlement. Its book is the judge.

The bank and we were written apart. Whatever happens on the way, its book holds each payment at most once, and every payment of
which we say that the bank has it.
"""

import random
import threading
import uuid
from urllib.parse import parse_qsl, urlsplit

import pytest
from payer import hurry, payment, status, submit

from bank_api import kb

BATCH = "Bank API Payment Batch"
PARTNER = "CZ6508000000192000145399"
BATCHES = "/directapi/batchda/v3/batchPayments"


@pytest.fixture
def control(sandbox):
	before = sandbox.kb.switches()
	yield sandbox.kb
	sandbox.clear_faults()
	sandbox.kb.switches(**before)
	sandbox.kb.forget_downloads()


@pytest.fixture
def bank(world, control):
	"""A provider record that an operator could have filled in; the world is its."""
	info = control.info()
	app = control.add_app("https://gateway.example/bank-api/return")
	name = f"KB {world.provider[-8:]}"
	lines = {
		"authorize_url": f"{info['pages_url']}/autfe/ssologin",
		"name.path_find": "/batchPayments",
		"batch_timeout": "2",
		"payments.cut_offs": "no",
	}
	world.frappe.get_doc(
		{
			"doctype": "Bank API Provider",
			"provider_name": name,
			"connector": "kb",
			"environment": "Sandbox",
			"api_base_url": info["api_url"],
			"client_id": app["client_id"],
			"client_secret": app["secret"],
			"authorise_at": "MojeBanka",
			"further_settings": "\n".join(f"{key} = {value}" for key, value in lines.items()),
			**{f"api_key_{api}": key for api, key in info["api_keys"].items()},
			"app_calls_per_5_minutes": 0,
		}
	).insert()
	world.frappe.db.commit()
	world.provider = name
	return world


@pytest.fixture
def client(bank, control):
	"""A client whose boss has consented on the bank's own pages."""
	from bank_api.gateway import connect, sync_job

	context = bank.client()
	bank.frappe.db.set_value("Bank API Client", context.name, "webhook_url", f"https://{context.site}/hook")
	bank.frappe.db.commit()
	signed = bank.sign_in(context)
	link = kb.get_kb_consent_link(user="boss", provider=bank.provider)
	back = dict(parse_qsl(urlsplit(control.walk(link["link"])).query))
	assert connect.finish(back, None).status == "completed"
	item_id = kb.get_kb_item_id(request=link["request"])["item_id"]
	item = bank.frappe.db.get_value("Bank API Item", {"item_id": item_id})
	sync_job.run(item)
	bank.frappe.db.commit()
	return signed


@pytest.fixture
def account(control):
	return next(one["iban"] for one in control.info()["accounts"] if one["currency"] == "CZK")


@pytest.fixture
def day(control):
	return control.info()["next_bank_day"]


def rows(control, found):
	"""What the bank's book holds of a batch."""
	return [row for part in found["parts"] for row in control.book(exchange=part["exchange_id"])["payments"]]


def make(account, day, *payments, key="", **values):
	listed = list(payments) or [payment(partner_account=PARTNER)]
	for one in listed:
		one["partner_account"] = PARTNER
	return submit(key, payments=listed, account=account, execution_date=day, **values)


def test_from_the_consent_to_the_settlement(bank, control, client, account, day):
	accounts = bank.frappe.get_all("Bank API Account", {"client": client.name}, ["iban", "currency"])
	assert account in {one.iban for one in accounts}
	found = make(account, day, payment("1234.56"), payment("0.07"))
	assert found["state"] == "stored", found
	part = found["parts"][0]
	(held,) = control.batches(exchange=part["exchange_id"])
	assert held["id"] == part["provider_batch_id"]
	assert part["provider_digest"]
	page = control.channel().batch(part["provider_batch_id"])
	assert part["provider_digest"][:8] in page.text
	control.channel().authorise(part["provider_batch_id"])
	hurry(bank)
	assert status(found["batch"])["state"] in ("authorised", "settled")
	control.settle()
	hurry(bank)
	found = status(found["batch"])
	assert found["state"] == "settled"
	assert sorted(row["amount"] for row in rows(control, found)) == ["0.07", "1234.56"]
	assert {one["status"] for one in kb.get_payments(batch=found["batch"])["payments"]} == {"settled"}


def test_the_human_refuses(bank, control, client, account, day):
	found = make(account, day)
	control.channel().refuse(found["parts"][0]["provider_batch_id"])
	hurry(bank)
	assert status(found["batch"])["state"] == "rejected"


def test_nobody_authorises_in_time(bank, control, client, account, day):
	found = make(account, day)
	control.decide(found["parts"][0]["provider_batch_id"], "expire")
	hurry(bank)
	assert status(found["batch"])["state"] == "expired"


def test_a_batch_is_cancelled(bank, control, client, account, day):
	found = make(account, day)
	assert kb.cancel_payment_batch(batch=found["batch"])["state"] == "cancelled"
	assert control.batch(found["parts"][0]["provider_batch_id"])["status"] == "RJCT"


def test_files_arrive_as_they_were_meant(bank, control, client, account, day):
	found = make(account, day, payment("12.34"), payment("2.00"), send_as="abo")
	assert found["state"] == "stored", found
	assert sorted(row["amount"] for row in rows(control, found)) == ["12.34", "2.00"]


def test_250_payments_go_in_three_messages(bank, control, client, account, day):
	from bank_api.gateway import payment_sending

	found = make(account, day, *[payment(f"{n}.01") for n in range(1, 251)])
	payment_sending.send_all(found["batch"])
	found = status(found["batch"])
	assert (found["state"], len(found["parts"])) == ("stored", 3)
	assert len(rows(control, found)) == 250


FAULTS = [
	{"kind": "refuse"},
	{"kind": "cut"},
	{"kind": "cut", "execute": True},
	{"kind": "reset"},
	{"kind": "reset", "execute": True},
	{"kind": "truncated", "execute": True},
	{"kind": "garbage", "execute": True},
	{"kind": "garbage"},
	{"kind": "html", "execute": True},
	{"kind": "empty", "execute": True},
	{"kind": "no_content", "execute": True},
	{"kind": "status", "status": 500},
	{"kind": "status", "status": 503, "execute": True},
	{"kind": "status", "status": 302, "execute": True},
	{"kind": "slow", "seconds": 3.0},
]
AT_BANK = ("stored", "partly_accepted", "authorised", "settled")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(map(str, fault.values())))
@pytest.mark.parametrize("listed", [True, False], ids=["list", "no-list"])
def test_whatever_happens_on_the_way(bank, sandbox, control, client, account, day, fault, listed):
	control.switches(find_by_exchange=listed, repeated_exchange="accept")
	key, kind = uuid.uuid4().hex, dict(fault)
	sandbox.fail(kind.pop("kind"), path=BATCHES, times=1, method="POST", **kind)
	found = make(account, day, key=key)
	sandbox.clear_faults()
	for _ in range(2):
		hurry(bank)
		found = make(account, day, key=key)
	held = rows(control, found)
	assert len(held) <= 1
	if found["state"] in AT_BANK:
		assert len(held) == 1
	elif found["state"] != "unknown":
		assert held == [] and found["state"] in ("validated", "rejected")
	if listed and held:
		assert found["state"] == "stored"
	if fault.get("execute") and not listed:
		assert found["state"] == "unknown" and len(held) == 1


@pytest.mark.parametrize("seed", range(12))
def test_the_book_after_anything(bank, sandbox, control, client, account, day, seed):
	"""Random faults, random repetitions, random turns of the scheduler: the book and we agree in the end."""
	rng = random.Random(seed)
	control.switches(find_by_exchange=rng.random() < 0.7, repeated_exchange="accept")
	keys = [f"{seed}-{n}-{uuid.uuid4().hex[:8]}" for n in range(4)]
	for _ in range(8):
		if rng.random() < 0.6:
			kind = dict(rng.choice(FAULTS[:-1]))
			sandbox.fail(kind.pop("kind"), path=BATCHES, times=1, **kind)
		key = rng.choice(keys)
		make(account, day, payment(f"{1 + keys.index(key)}.00"), key=key)
		if rng.random() < 0.5:
			hurry(bank)
	sandbox.clear_faults()
	hurry(bank)
	hurry(bank)
	for key in keys:
		name = bank.frappe.db.get_value(BATCH, {"client": client.name, "idempotency_key": key})
		if name is None:
			continue
		found = status(name)
		held = rows(control, found)
		assert len(held) <= 1
		assert (len(held) == 1) is (found["state"] in AT_BANK) or found["state"] == "unknown", found


# --- callers over HTTP


@pytest.fixture(scope="module")
def web(bench, site):
	from dev.processes import web_server

	process = web_server(bench, site).start()
	yield process
	process.stop()


@pytest.fixture
def caller(bank, client, web):
	"""The client's own site, with its key."""
	from bank_api.gateway import clients
	from dev.web import ClientSite

	bank.frappe.set_user("Administrator")
	keys = clients.issue_keys(client.name)
	bank.frappe.db.commit()
	return ClientSite(f"http://127.0.0.1:{web.port}", keys["api_key"], keys["api_secret"], module="kb")


def body(account, day, *amounts):
	return {
		"payments": [{"partner_account": PARTNER, "amount": amount} for amount in amounts],
		"account": account,
		"execution_date": day,
	}


def test_amounts_over_http(bank, control, caller, account, day):
	"""JSON numbers and texts arrive at the bank to the last digit."""
	answer = caller.call(
		"submit_payment_batch",
		idempotency_key=uuid.uuid4().hex,
		**body(account, day, 0.1, "0.20", 3, 99999.99),
	)
	assert (answer["state"], answer["total"]) == ("stored", "100003.29")
	assert sorted(row["amount"] for row in rows(control, answer)) == sorted(
		["0.10", "0.20", "3.00", "99999.99"]
	)
	listed = caller.call("get_payments", batch=answer["batch"])
	assert [one["amount"] for one in listed["payments"]] == ["0.10", "0.20", "3.00", "99999.99"]


def test_errors_over_http(bank, control, caller, account, day):
	key = uuid.uuid4().hex
	answer = caller.answer("submit_payment_batch", idempotency_key=key, **body(account, day, "1.00", "0"))
	assert answer.status == 417
	told = answer.json()
	assert told["exc_type"] == "InvalidPayments"
	assert [(one["index"], one["field"], one["code"]) for one in told["errors"]] == [
		(1, "amount", "amount_not_positive")
	]
	assert (
		caller.call("submit_payment_batch", idempotency_key=key, **body(account, day, "1.00"))["state"]
		== "stored"
	)
	again = caller.answer("submit_payment_batch", idempotency_key=key, **body(account, day, "2.00"))
	assert (again.status, again.json()["exc_type"]) == (409, "KeyInUse")


def test_a_batch_is_not_handed_over_by_get(bank, control, caller, account, day):
	before = len(control.book()["payments"])
	answer = caller.caller.call(
		"GET", "/api/method/bank_api.kb.submit_payment_batch", query={"idempotency_key": uuid.uuid4().hex}
	)
	assert answer.status in (403, 405)
	assert len(control.book()["payments"]) == before


def test_eight_callers_with_one_key_over_http(bank, sandbox, control, caller, account, day):
	from dev.web import ClientSite

	control.switches(repeated_exchange="accept")
	sandbox.fail("slow", path=BATCHES, times=1, method="POST", seconds=1.0)
	key, answers = uuid.uuid4().hex, []

	def call():
		one = ClientSite(caller.url, caller.api_key, caller.api_secret, module="kb")
		answers.append(one.answer("submit_payment_batch", idempotency_key=key, **body(account, day, "7.77")))

	threads = [threading.Thread(target=call) for _ in range(8)]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join(120)
	assert [answer.status for answer in answers] == [200] * 8, [answer.text[:200] for answer in answers]
	told = [answer.json()["message"] for answer in answers]
	assert len({one["batch"] for one in told}) == 1 and sum(not one["repeated"] for one in told) == 1
	assert len(rows(control, told[0])) == 1


def test_a_download_over_http(bank, control, caller, account, day):
	answer = caller.call(
		"submit_payment_batch", idempotency_key=uuid.uuid4().hex, **body(account, day, "5.55")
	)
	file = caller.answer("download_payment_batch", batch=answer["batch"], format="kb_json")
	assert file.status == 200 and '"value":5.55' in file.text
	assert file.headers["X-Payments-Digest"] == answer["digest"]
	refused = caller.answer("download_payment_batch", batch=answer["batch"], format="abo")
	assert refused.json()["exc_type"] == "InvalidPayments"
