"""KB's pages as a human reads them, in Czech and English; and the sandbox as a process."""

import re
import signal
import subprocess
import sys

import pytest
import requests
from kb_harness import CALLBACK, KbClient, payment
from sandbox_harness import Options, Sandbox

from bank_api.sandbox.client import SandboxControl
from bank_api.sandbox.kb.client import KbBrowser
from bank_api.sandbox.kb.data import BLOCKED, CLERK, MAIN, WAGES
from bank_api.sandbox.kb.texts import TEXTS


def stored(client: KbClient, *payments) -> dict:
	return client.send("P1", *(payments or (payment(),))).json()


@pytest.mark.parametrize(
	("language", "words", "total"),
	[
		("cs", "Autorizovat dávku", "1\u00a0234,56\u00a0CZK"),
		("en", "Authorise the batch", "1,234.56\u00a0CZK"),
		("pl", "Autorizovat dávku", "1\u00a0234,56\u00a0CZK"),
	],
)
def test_the_batch_with_its_digest(kb, kb_client, language, words, total):
	batch = stored(kb_client, payment(1), payment(2, 5, requestedExecutionDate="2026-09-12"))
	channel = kb.kb.channel(language=language)
	page = channel.batch(batch["transactionIdentification"])
	assert f'id="digest">{batch["batchDigest"]}<' in page.text
	for text in (words, total, "19-2000145399/0800", "VS 20260042", "SYN DAVKA", "DT01"):
		assert text in page.text, text
	assert 'role="alert"' not in page.text


def test_a_wrong_code_authorises_nothing(kb, kb_client):
	batch = stored(kb_client)["transactionIdentification"]
	page = kb.kb.channel().authorise(batch, "000000")
	assert TEXTS["cs"]["code_wrong"] in page.text
	assert kb.kb.batch(batch)["sign_state"] == "OPEN"


def test_a_decided_batch_offers_nothing_more(kb, kb_client):
	batch = stored(kb_client)["transactionIdentification"]
	channel = kb.kb.channel()
	assert TEXTS["cs"]["batch_signed"] in channel.authorise(batch).text
	assert not channel.page.forms
	channel.refuse(batch)
	assert kb.kb.batch(batch)["sign_state"] == "CLOSE"
	assert "Jana Nováková" in channel.page.text


def test_who_may_not_sign_is_told(kb, kb_client):
	own = {"identification": {"iban": WAGES}}
	batch = stored(kb_client, payment(1), payment(2, debtorAccount=own))["transactionIdentification"]
	assert kb.kb.channel(CLERK).batch(batch).step == "notice_unknown"
	mine = stored(KbClient(kb), payment(1))["transactionIdentification"]
	assert kb.kb.channel(CLERK).authorise(mine).step == "batch"
	assert kb.kb.batch(mine)["decided_by"] == CLERK


def test_the_overview(kb, kb_client):
	assert TEXTS["en"]["home_none"] in kb.kb.channel(language="en").page.text
	batch = stored(kb_client)["transactionIdentification"]
	channel = kb.kb.channel()
	assert batch in channel.page.text
	assert MAIN in channel.page.text


def test_more_payments_than_a_page_holds(kb, kb_client):
	kb.kb.switches(max_payments=150)
	batch = stored(kb_client, *(payment(number) for number in range(150)))["transactionIdentification"]
	channel = kb.kb.channel()
	assert channel.batch(batch).text.count("<tr>") == 101
	assert channel.go("GET", f"{channel.url}?from=100").text.count("<tr>") == 51


def test_access_is_revoked_by_the_human(kb, kb_client):
	channel = kb.kb.channel()
	page = channel.go("GET", f"{channel.home}/services")
	grant = next(value for form in page.forms for _, value in form.buttons if value != "renew")
	channel.post(("action", grant))
	assert kb_client.get("/adaa/v2/accounts").status_code == 401
	assert kb_client.refresh().json()["error"] == "invalid_grant"


def test_another_browser_cannot_take_over(kb, kb_client):
	link = kb.kb.authorize_url(kb_client.app["client_id"], CALLBACK, "bpisp")
	browser = KbBrowser(link)
	assert requests.get(browser.url, timeout=30).status_code == 400
	channel = kb.kb.channel()
	assert requests.get(channel.home, timeout=30).status_code == 400


def test_a_blocked_person_and_an_unknown_one(kb, kb_client):
	browser = KbBrowser(kb.kb.authorize_url(kb_client.app["client_id"], CALLBACK, "bpisp"))
	assert TEXTS["cs"]["user_blocked"] in browser.post(("user", BLOCKED)).text
	assert TEXTS["cs"]["user_unknown"] in browser.post(("user", "1")).text


def test_what_a_client_sends_is_text(kb, kb_client):
	text = {"unstructured": "<script>alert(1)</script>"}
	batch = stored(kb_client, payment(1, remittanceInformation=text))["transactionIdentification"]
	page = kb.kb.channel().batch(batch).text
	assert "<script" not in page
	assert "&lt;script&gt;" in page


@pytest.mark.parametrize("language", ["cs", "en"])
def test_every_word_is_there_in_both_languages(language):
	assert TEXTS[language].keys() == TEXTS["cs"].keys()
	for name, text in TEXTS[language].items():
		assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", TEXTS["cs"][name])), name


def test_the_same_seed_gives_the_same_data():
	def company(**options):
		sandbox = Sandbox(Options(now="2026-09-08T07:00:00Z", transactions=20, **options))
		sandbox.kb.before()
		rows = [(e.account, e.day, e.amount, str(e.data)) for e in sandbox.kb.state.entries.values()]
		keys = dict(sandbox.kb.state.api_keys)
		sandbox.close()
		return rows, keys

	assert company(seed=1) == company(seed=1)
	assert company(seed=1) != company(seed=2)


def test_a_process_names_its_listeners():
	command = [sys.executable, "-m", "bank_api.sandbox", "--port", "0", "--kb-switch", "plan=Pro"]
	process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
	try:
		assert process.stdout is not None
		found = dict(part.split("=", 1) for part in process.stdout.readline().split()[2:])
		assert list(found)[-3:] == ["kb", "kbapi", "kbpages"]
		assert found["kb"].startswith("https://")
		assert requests.get(f"{found['kbapi']}/adaa/v2/is-alive", timeout=30).json()["name"] == "ADAA"
	finally:
		process.send_signal(signal.SIGTERM)
		assert process.wait(20) == 0
		process.stdout.close()


def test_the_control_api_refuses_what_it_does_not_know(kb: SandboxControl):
	with pytest.raises(Exception, match="unknown switch"):
		kb.kb.switches(nothing=True)
	with pytest.raises(Exception, match="must be one of"):
		kb.kb.switches(plan="Free")
	with pytest.raises(Exception, match="unknown fields"):
		kb.kb.put_user(age=3)
