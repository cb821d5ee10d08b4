"""Consents, tokens and the consent pages of KB with the simulated bank: what lives for minutes, what for a year, and what then."""

import re
from datetime import timedelta

import pytest
from payer import hurry, payment
from test_consent_tokens import in_threads
from test_kb_on_site import account, bank, client, control, day, make
from test_sharing_pages import host_and_link, keys, page_of

from bank_api import kb
from bank_api.connectors import errors as provider_errors
from bank_api.connectors.payments_model import PaymentProblem
from bank_api.gateway import consent_duties, consent_rows, consent_tokens
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import ConsentNeeded, from_provider
from bank_api.sandbox.kb.data import OWNER

__all__ = ["account", "bank", "client", "control", "day"]  # fixtures
CONSENT, ITEM, BATCH = "Bank API Consent", "Bank API Item", "Bank API Payment Batch"
TOKENS = "/oauth2/v3/access_token"
REVOKE = "/oauth2/v3/revoke"
WHAT_TO_DO = ("bank_api.kb.get_kb_consent_link", "Batch payments via API", "MojeBanka or KB+", "12 months")


@pytest.fixture
def consent(bank, client):
	return reload(bank)


def reload(bank, name=None):
	bank.frappe.db.commit()
	return bank.frappe.get_doc(CONSENT, name or {"provider": bank.provider})


def run_out(bank, control, consent):
	"""Three minutes have passed."""
	control.expire_tokens()
	past = site_now() - timedelta(seconds=1)
	bank.frappe.db.set_value(CONSENT, consent.name, "token_expires_at", past)
	bank.frappe.db.commit()


def renewals(control):
	return len(control.requests(TOKENS))


def grant_of(bank, control):
	"""The consent at the bank: of this provider's application, the only one."""
	app = bank.frappe.db.get_value("Bank API Provider", bank.provider, "client_id")
	(found,) = [one for one in control.consents() if one["app"] == app]
	return found


def _not_set_up(bank, client):
	"""The operator has spoilt a setting: what was read is served all the same."""
	from bank_api.gateway import providers

	lines = bank.frappe.db.get_value("Bank API Provider", bank.provider, "further_settings")
	values = {"further_settings": f"{lines}\nscope = nonsense"}
	bank.frappe.db.set_value("Bank API Provider", bank.provider, values)
	bank.frappe.db.commit()
	with pytest.raises(provider_errors.ConfigurationError):
		providers.connector(bank.provider)


def assert_says_what_to_do(text):
	for words in WHAT_TO_DO:
		assert words in text, text


# --- tokens of three minutes


def test_a_token_is_asked_for_when_it_is_needed_by_one_caller_for_all(bank, control, client, consent):
	assert consent.token_expires_at - consent.token_issued_at <= timedelta(minutes=3)
	assert consent.renew_after is None
	before = renewals(control)
	token = consent_tokens.access_token(consent.name)
	consent_duties.tick()
	assert consent_tokens.access_token(consent.name) == token and renewals(control) == before
	refresh = consent_rows.secret(consent.name, "refresh_token")
	run_out(bank, control, consent)
	consent_duties.tick()  # nobody needs one
	assert renewals(control) == before
	results, errors = in_threads(bank, 8, lambda: consent_tokens.access_token(consent.name).value.reveal())
	assert not errors and len(set(results)) == 1 and results[0] != token.value.reveal()
	assert renewals(control) == before + 1
	assert consent_rows.secret(consent.name, "refresh_token") == refresh  # the bank has sent no other one
	row = reload(bank, consent.name)
	assert row.renew_after is None and row.refresh_expires_at == consent.refresh_expires_at


def test_a_refresh_token_that_changes_is_kept(bank, control, client, consent):
	control.switches(refresh_rotation=True)
	for _ in range(2):
		refresh = consent_rows.secret(consent.name, "refresh_token")
		run_out(bank, control, consent)
		consent_tokens.access_token(consent.name)
		assert consent_rows.secret(consent.name, "refresh_token") != refresh


def test_a_renewal_says_the_address_of_its_consent_whatever_ours_is_by_then(bank, control, client, consent):
	assert consent.metadata_url == "https://gateway.example/bank-api/return"
	bank.frappe.db.set_single_value("Bank API Settings", "public_url", "https://moved.example")
	run_out(bank, control, consent)
	assert consent_tokens.access_token(consent.name).value


def test_too_many_requests_for_tokens_are_waited_for(bank, sandbox, control, client, account, day, consent):
	run_out(bank, control, consent)
	control.fail(429, path=TOKENS, times=-1, retry_after="30")
	found = make(account, day)
	assert found["state"] == "validated"
	wait = bank.frappe.db.get_value(BATCH, found["batch"], "next_try_at") - site_now()
	assert timedelta(seconds=15) < wait <= timedelta(seconds=31)
	assert reload(bank, consent.name).state == "Active"
	sandbox.clear_faults()


# --- after a year


def test_its_end_is_known_and_announced_60_days_ahead(bank, control, client, consent):
	ends = bank.frappe.db.get_value(
		ITEM, consent.item, ["authentication_expires_at", "first_notice"], as_dict=True
	)
	assert timedelta(days=364) < ends.authentication_expires_at - site_now() < timedelta(days=367)
	assert ends.first_notice == 60


@pytest.mark.parametrize("how", ["ended", "revoked"])
def test_after_the_end_every_call_says_what_a_human_has_to_do_and_where(
	bank, control, client, account, day, consent, how
):
	found = make(account, day)
	grant = grant_of(bank, control)
	if how == "revoked":
		control.revoke_consent(grant["id"])
	control.expire_tokens(grant["id"], refresh=how == "ended")
	run_out(bank, control, consent)
	calls = [
		lambda: kb.post_item_refresh(item_id=consent.provider_consent_id),
		lambda: make(account, day),
		lambda: kb.validate_payment_batch(payments=[payment()], account=account),
		lambda: kb.cancel_payment_batch(batch=found["batch"]),
		lambda: kb.get_payment_batch_status(batch=found["batch"], refresh=True),
	]
	for call in calls:
		with pytest.raises((provider_errors.ConsentRequired, ConsentNeeded)) as refused:
			call()
		error = refused.value
		error = error if isinstance(error, ConsentNeeded) else from_provider(error)
		assert error.http_status_code == 409
		assert_says_what_to_do(error.message)
	assert reload(bank, consent.name).state == "Needs Authorisation"
	assert_says_what_to_do(kb.get_kb_consent_status(consent=consent.provider_consent_id)["advice"])
	assert_says_what_to_do(kb.get_payment_batch_status(batch=found["batch"])["message"])
	listed = kb.get_bank_accounts(item_id=consent.provider_consent_id).get_json()["message"]
	assert len(listed["resources"]) and listed["feeds"][0]["status"] == "Action Required"
	assert_says_what_to_do(listed["feeds"][0]["advice"])
	_not_set_up(bank, client)
	listed = kb.get_bank_accounts(item_id=consent.provider_consent_id).get_json()["message"]
	assert len(listed["resources"]) and WHAT_TO_DO[0] in listed["feeds"][0]["advice"]
	assert bank.events(client).count("consent.reauthorisation_needed") == 1


def test_a_batch_that_waits_when_the_consent_is_lost_says_so(bank, control, client, account, day, consent):
	control.fail(500, path=TOKENS, times=-1)
	run_out(bank, control, consent)
	found = make(account, day)
	assert found["state"] == "validated"
	consent_rows.needs_authorisation(consent_rows.get(consent.name), "lost")
	bank.frappe.db.commit()
	hurry(bank)
	told = kb.get_payment_batch_status(batch=found["batch"])
	assert told["state"] == "rejected"
	assert_says_what_to_do(told["message"])


def test_the_user_whose_service_has_lapsed_is_told_where_to_renew_it(bank, control, client, account, day):
	control.put_user(OWNER, service_until=0)
	try:
		found = make(account, day)
	finally:
		control.put_user(OWNER, service_until="2099-01-01T00:00:00Z")
	assert found["state"] == "rejected"
	assert "MojeBanka or KB+" in found["message"], found["message"]


# --- what a caller reads of a batch's outcome


class TestOutcomes:
	def test_what_may_have_been_done_is_never_to_be_repeated(self):
		error = from_provider(provider_errors.OutcomeUnknown("It is not certain.", status=504))
		assert type(error).__name__ == "OutcomeUncertain" and error.http_status_code == 409
		assert error.retry_after is None
		assert not re.search("repeat|again|retry|resend", error.message, re.IGNORECASE)
		assert "how the batch stands" in error.message and "channel" in error.message

	@pytest.mark.parametrize("language", ["fr", "cs", "pt-BR", "he"])
	def test_nor_in_another_language(self, db, language):
		before = db.local.lang
		db.local.lang = language
		try:
			words = from_provider(provider_errors.OutcomeUnknown("x")).message
		finally:
			db.local.lang = before
		assert words != from_provider(provider_errors.OutcomeUnknown("x")).message
		assert not re.search("répét|réessa|nouveau|opak|znovu|repet|novamente|שוב|חזור", words, re.IGNORECASE)

	def test_what_was_certainly_not_sent_may_be(self):
		error = from_provider(provider_errors.NotSent("KB cannot be reached."))
		assert (type(error).__name__, error.http_status_code) == ("ProviderFailed", 502)
		assert "nothing was sent" in error.message

	def test_a_refusal_names_payments_and_fields(self):
		problems = (PaymentProblem("AC03", "The payee's account is closed.", 1, "creditorAccount"),)
		error = from_provider(provider_errors.BatchRefused("x", problems=problems))
		assert (type(error).__name__, error.http_status_code) == ("PaymentsRefused", 417)
		assert error.message.startswith("Payment 2, creditorAccount: The payee's account is closed.")
		(told,) = error.errors
		assert (told["index"], told["field"], told["code"]) == (1, "creditorAccount", "AC03")
		assert from_provider(provider_errors.BatchRefused("x")).errors == []


# --- the consent pages


class TestPages:
	@pytest.fixture
	def name(self, bank, client, consent):
		bank.frappe.db.set_value("Bank API Client", client.name, "client_name", "Example Shop")
		bank.frappe.db.commit()
		return consent.name

	def test_a_consent_is_shown(self, bank, control, client, name):
		browser = page_of(client, user="boss")
		assert keys(browser) == [name]
		assert "Komerční banka" in browser.text and "Active" in browser.text
		browser.get(f"/bank-api/consents/{name}")
		assert browser.status == 200 and "Until" in browser.text and "You gave the access." in browser.text
		for one in bank.frappe.get_all("Bank API Account", {"client": client.name}, pluck="iban"):
			assert one not in browser.html and one[-4:] in browser.text

	def test_it_is_renewed_without_anybodys_number(self, bank, control, client, name):
		from urllib.parse import parse_qsl, urlsplit

		from bank_api.gateway import connect

		browser = page_of(client, user="boss")
		browser.get(f"/bank-api/consents/{name}/renew")
		assert 'name="person"' not in browser.html
		browser.submit()
		assert browser.status == 200
		back = dict(parse_qsl(urlsplit(control.walk(host_and_link(browser))).query))
		outcome = connect.finish(back)
		browser.get(outcome.redirect_url)
		assert "The bank has confirmed it." in browser.text
		assert reload(bank, name).state == "Ended"
		assert len(keys(browser)) == 2

	@pytest.mark.parametrize("path", ["", REVOKE], ids=["forgotten", "ended at the bank"])
	def test_it_is_ended(self, bank, control, client, name, path):
		if path:
			doc = bank.frappe.get_doc("Bank API Provider", bank.provider)
			doc.further_settings += f"\nname.path_revoke = {path}"
			bank.frappe.set_user("Administrator")
			doc.save()
			bank.frappe.db.commit()
			bank.sign_in(client)
		browser = page_of(client, user="boss")
		browser.get(f"/bank-api/consents/{name}/end")
		assert ("the bank is told" in browser.text) is bool(path)
		assert ("use the bank's own channel" in browser.text) is not bool(path)
		browser.submit()
		assert browser.status == 200, browser.text
		assert ("The bank has been told." in browser.text) is bool(path)
		assert ("The bank cannot be told from here." in browser.text) is not bool(path)
		row = reload(bank, name)
		assert (row.state, row.ended_by, row.end_reason) == ("Ended", "End User", "Revoked")
		assert not consent_rows.secret(name, "refresh_token") and not consent_rows.secret(
			name, "access_token"
		)
		assert bank.frappe.db.get_value(ITEM, row.item, "status") == "Deleted"
		assert bank.events(client).count("consent.revoked") == 1
		assert grant_of(bank, control)["state"] == ("revoked" if path else "active")
