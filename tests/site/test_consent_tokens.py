"""Tokens of consents: one renewal for any number of callers, and none is ever lost in silence."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

CONSENT = "Bank API Consent"
ITEM = "Bank API Item"
REPO = Path(__file__).resolve().parents[2]

CHILD = """
import os, sys
import frappe
frappe.init(sys.argv[1], sites_path=sys.argv[2])
frappe.connect()
import fake_consents
fake_consents.install()
from bank_api.gateway import consent_tokens
consent = sys.argv[3]
"""


@pytest.fixture
def client(consents):
	context = consents.client(webhook_url=None)
	consents.frappe.db.set_value(
		"Bank API Client", context.name, "webhook_url", f"https://{context.site}/hook"
	)
	consents.frappe.db.commit()
	return consents.sign_in(context)


@pytest.fixture
def consent(consents, client):
	"""A consent with tokens, and its item."""
	return authorised(consents, client)


def authorised(world, client, **arguments):
	from bank_api import migdal
	from bank_api.gateway import connect

	link = migdal.get_migdal_consent_link(
		**({"bank": "520004896", "user": "jane", "psu_id": "999888777"} | arguments)
	)
	assert connect.finish(world.sandbox.approve(link["consent"])).status == "completed"
	return row_of(world, link["consent"])


def row_of(world, consent_id):
	world.frappe.db.commit()
	return world.frappe.get_doc(CONSENT, {"provider_consent_id": consent_id})


def ended_by(process):
	"""The signal that ended a process, with what it had to say if none did."""
	_, said = process.communicate(timeout=60)
	return signal.Signals(-process.returncode) if process.returncode < 0 else said


def reload(world, consent):
	world.frappe.db.commit()
	return world.frappe.get_doc(CONSENT, consent.name)


def run_out(world, consent):
	"""The token has just expired, here and there."""
	from bank_api.gateway.clock import site_now

	world.frappe.db.set_value(CONSENT, consent.name, "token_expires_at", site_now() - timedelta(seconds=1))
	world.frappe.db.commit()


def due(world, consent):
	from bank_api.gateway.clock import site_now

	world.frappe.db.set_value(CONSENT, consent.name, "renew_after", site_now() - timedelta(seconds=1))
	world.frappe.db.commit()


def in_threads(world, count, work):
	"""The same work in several connections at once; results and errors."""
	import frappe

	site, path = world.frappe.local.site, world.frappe.local.sites_path
	start, results, errors = threading.Barrier(count), [], []

	def run():
		try:
			frappe.init(site, sites_path=path)
			frappe.connect()
			start.wait(60)
			results.append(work())
		except Exception as error:  # carried to the main thread
			errors.append(error)
		finally:
			frappe.destroy()

	threads = [threading.Thread(target=run) for _ in range(count)]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join(120)
	world.frappe.db.commit()
	return results, errors


def child(world, consent, code, **environment):
	"""A process of its own, connected to the site."""
	return subprocess.Popen(
		[
			sys.executable,
			"-c",
			CHILD + code,
			world.frappe.local.site,
			world.frappe.local.sites_path,
			consent.name,
		],
		env={**os.environ, "PYTHONPATH": f"{REPO}:{REPO}/tests/site", **environment},
		stdout=subprocess.PIPE,
		stderr=subprocess.PIPE,
		text=True,
	)


class TestOneRenewal:
	def test_twenty_callers_of_a_token_that_has_just_expired(self, consents, consent):
		from bank_api.gateway import consent_tokens

		old = consent_tokens.access_token(consent.name).value.reveal()
		run_out(consents, consent)
		consents.sandbox.forget_calls()
		consents.sandbox.put("renewal_seconds", 0.5)
		results, errors = in_threads(
			consents, 20, lambda: consent_tokens.access_token(consent.name).value.reveal()
		)
		assert not errors
		assert len(results) == 20 and len(set(results)) == 1
		assert old not in results
		assert results[0] == consents.sandbox.consent(consent.provider_consent_id)["access"]
		assert len(consents.sandbox.calls("renew")) == 1

	def test_twenty_callers_whose_token_was_refused(self, consents, consent):
		from fake_consents import FakeConnector

		from bank_api.gateway import consent_tokens

		consents.sandbox.change(consent.provider_consent_id, access="another one")
		consents.sandbox.forget_calls()
		consents.sandbox.put("renewal_seconds", 0.3)
		connector = FakeConnector(None, None)
		results, errors = in_threads(
			consents,
			20,
			lambda: len(
				consent_tokens.with_token(
					consent.name, lambda token: connector.accounts(token, consent.provider_consent_id)
				)
			),
		)
		assert not errors
		assert results == [1] * 20
		assert len(consents.sandbox.calls("renew")) == 1

	def test_callers_in_processes_of_their_own(self, consents, consent):
		run_out(consents, consent)
		consents.sandbox.forget_calls()
		consents.sandbox.put("renewal_seconds", 1)
		code = "print(consent_tokens.access_token(consent).value.reveal())"
		workers = [child(consents, consent, code) for _ in range(4)]
		answers = [worker.communicate(timeout=120) for worker in workers]
		assert {error for _, error in answers} == {""}, answers
		assert {answer.strip() for answer, _ in answers} == {
			consents.sandbox.consent(consent.provider_consent_id)["access"]
		}
		assert len(consents.sandbox.calls("renew")) == 1

	def test_twenty_callers_while_the_provider_is_down_wait_for_one_of_them(self, consents, consent):
		from bank_api.connectors.errors import ProviderUnavailable
		from bank_api.gateway import consent_tokens

		run_out(consents, consent)
		consents.sandbox.put("down", ["renew"])
		consents.sandbox.forget_calls()
		results, errors = in_threads(consents, 20, lambda: consent_tokens.access_token(consent.name))
		assert not results and len(errors) == 20
		assert all(isinstance(error, ProviderUnavailable) for error in errors)
		assert len(consents.sandbox.calls("renew")) == 1
		consents.sandbox.put("down", [])
		assert consent_tokens.access_token(consent.name).value
		assert reload(consents, consent).state == "Active"

	def test_a_kept_token_is_used_again(self, consents, consent):
		from bank_api.gateway import consent_tokens

		consents.sandbox.forget_calls()
		first, second = (consent_tokens.access_token(consent.name) for _ in range(2))
		assert first == second
		assert first.consent_id == consent.provider_consent_id and first.company == "520004896"
		assert not consents.sandbox.calls("renew")

	def test_an_answer_that_names_no_refresh_token_leaves_the_old_one(self, consents, consent, monkeypatch):
		import dataclasses

		from fake_consents import FakeBank

		from bank_api.gateway import consent_rows, consent_tokens

		made = FakeBank.pair
		monkeypatch.setattr(
			FakeBank, "pair", lambda self, name: dataclasses.replace(made(self, name), refresh=None)
		)
		before = consent_rows.secret(consent.name, "refresh_token")
		consent_tokens.access_token(consent.name, force=True)
		assert consent_rows.secret(consent.name, "refresh_token") == before


class TestAhead:
	@pytest.mark.parametrize(
		"life, left",
		[(86_400, 8_640), (3_600, 600), (900, 450), (899, None), (180, None)],
		ids=["a tenth of a day", "ten minutes", "not before half", "when needed", "when needed: KB's"],
	)
	def test_when(self, life, left):
		from bank_api.gateway.clock import utc_now
		from bank_api.gateway.consent_rows import renewal_time

		now = utc_now()
		ends = now + timedelta(seconds=life)
		assert renewal_time(now, ends) == (None if left is None else ends - timedelta(seconds=left))

	def test_the_scheduler_renews_what_is_due_and_nothing_else(self, consents, client, consent):
		from bank_api.gateway import consent_duties

		other = authorised(consents, client, user="joe")
		due(consents, consent)
		consents.sandbox.forget_calls()
		consent_duties.tick()
		assert consents.sandbox.calls("renew") == [consent.provider_consent_id]
		consent_duties.tick()
		assert len(consents.sandbox.calls("renew")) == 1
		assert reload(consents, other).state == reload(consents, consent).state == "Active"

	def test_a_chain_of_very_short_tokens_holds_and_nobody_renews_them_ahead(self, consents, client):
		from bank_api.gateway import consent_duties, consent_tokens

		consents.sandbox.put("life", 1)
		consent = authorised(consents, client)
		assert reload(consents, consent).renew_after is None
		seen = set()
		for _ in range(3):
			token = consent_tokens.access_token(consent.name)
			assert token.value.reveal() == consents.sandbox.consent(consent.provider_consent_id)["access"]
			seen.add(token.value.reveal())
			time.sleep(1)
			asked = len(consents.sandbox.calls("renew"))
			consent_duties.tick()
			assert len(consents.sandbox.calls("renew")) == asked
		assert len(seen) == 3
		assert reload(consents, consent).state == "Active"

	def test_a_renewal_without_a_new_refresh_token_keeps_the_old_one_and_its_end(self, consents, consent):
		from bank_api.connectors.model import Secret, TokenPair
		from bank_api.gateway import consent_rows, consent_tokens
		from bank_api.gateway.clock import site_now, utc_now

		kept = consent_rows.secret(consent.name, "refresh_token")
		end = site_now() + timedelta(days=300)
		consent_rows.set_values(consent.name, refresh_expires_at=end)
		pair = TokenPair(Secret("short"), None, utc_now() + timedelta(minutes=3), None, "")
		consent_tokens.keep(consent, pair)
		consents.frappe.db.commit()
		assert consent_rows.secret(consent.name, "refresh_token") == kept
		row = consents.frappe.db.get_value(CONSENT, consent.name, ["refresh_expires_at", "renew_after"])
		assert abs(row[0] - end) < timedelta(seconds=1) and row[1] is None

	def test_a_renewal_that_fails_ahead_leaves_the_token_in_use(self, consents, consent):
		from bank_api.gateway import consent_tokens

		token = consent_tokens.access_token(consent.name)
		due(consents, consent)
		consents.sandbox.put("down", ["renew"])
		consent_tokens.renew_due()
		assert consent_tokens.access_token(consent.name) == token
		row = reload(consents, consent)
		assert row.state == "Active" and row.renewal_failed_at and row.last_error
		consents.sandbox.forget_calls()
		consent_tokens.renew_due()
		assert not consents.sandbox.calls("renew")  # left alone for some minutes


class TestLostAnswers:
	def test_killed_between_the_answer_and_the_commit(self, consents, client, consent):
		"""The provider has taken the old refresh token; the process dies with the new one in its hands."""
		from bank_api.connectors.errors import ConsentRequired
		from bank_api.gateway import consent_duties, consent_tokens

		run_out(consents, consent)
		code = (
			"import signal\n"
			"consent_tokens.keep = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
			"consent_tokens.access_token(consent)\n"
		)
		assert ended_by(child(consents, consent, code)) == signal.SIGKILL
		assert len(consents.sandbox.calls("renew")) == 1
		row = reload(consents, consent)
		assert row.state == "Active" and row.renewing_since  # the mark has outlived the process

		consent_duties.tick()

		assert len(consents.sandbox.calls("renew")) == 2  # once more with the old one
		row = reload(consents, consent)
		assert row.state == "Needs Authorisation" and not row.renewing_since
		assert row.last_error
		item = consents.frappe.get_doc(ITEM, row.item)
		assert (item.status, item.user_action) == ("Action Required", "Authenticate")
		assert consents.events(client)[-1] == "consent.reauthorisation_needed"
		assert not secrets_of(consents, consent)
		with pytest.raises(ConsentRequired):
			consent_tokens.access_token(consent.name)
		consent_duties.tick()
		assert consents.events(client).count("consent.reauthorisation_needed") == 1

		again = authorised(consents, client, item_id=row.provider_consent_id, loans=None)
		assert reload(consents, again).state == "Active"
		assert consents.frappe.db.get_value(ITEM, again.item, "status") == "OK"
		assert reload(consents, consent).state == "Ended"

	def test_killed_before_the_provider_had_answered(self, consents, consent):
		"""The provider never got the call: the renewal is repeated, and nobody notices."""
		from bank_api.gateway import consent_duties

		run_out(consents, consent)
		code = (
			"import signal\n"
			"fake_consents.FakeConnector.renew = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
			"consent_tokens.access_token(consent)\n"
		)
		assert ended_by(child(consents, consent, code)) == signal.SIGKILL
		consent_duties.tick()
		row = reload(consents, consent)
		assert row.state == "Active" and not row.renewing_since
		assert row.token_expires_at > consents.frappe.utils.now_datetime()

	def test_killed_while_it_waits_the_next_one_takes_over_at_once(self, consents, consent):
		from bank_api.gateway import consent_tokens

		run_out(consents, consent)
		consents.sandbox.put("renewal_seconds", 30)
		worker = child(consents, consent, "consent_tokens.access_token(consent)\n")
		wait_for(lambda: consents.sandbox.calls("renew"))
		worker.send_signal(signal.SIGKILL)
		worker.wait(30)
		consents.sandbox.put("renewal_seconds", 0)
		begun = time.monotonic()
		assert consent_tokens.access_token(consent.name).value
		assert time.monotonic() - begun < 20

	def test_a_lost_answer_whose_tokens_are_gone(self, consents, client, consent):
		from bank_api.connectors.errors import ProviderTimeout, RefreshRefused
		from bank_api.gateway import consent_tokens

		run_out(consents, consent)
		consents.sandbox.put("lose_answers", 1)
		with pytest.raises(ProviderTimeout):
			consent_tokens.access_token(consent.name)
		assert reload(consents, consent).state == "Active"
		with pytest.raises(RefreshRefused):
			consent_tokens.access_token(consent.name)
		assert reload(consents, consent).state == "Needs Authorisation"
		assert consents.events(client)[-1] == "consent.reauthorisation_needed"

	def test_a_database_that_goes_away_costs_no_tokens(self, consents, consent, monkeypatch):
		from bank_api.gateway import consent_tokens

		keep, killed = consent_tokens.keep, []

		def cut_off(*arguments):
			keep(*arguments)
			if not killed:
				killed.append(consents.frappe.db.sql("select connection_id()")[0][0])
				consents.frappe.db.sql("kill %s", killed[0])

		monkeypatch.setattr(consent_tokens, "keep", cut_off)
		run_out(consents, consent)
		assert consent_tokens.access_token(consent.name).value
		row = reload(consents, consent)
		assert killed and row.state == "Active" and not row.renewing_since
		run_out(consents, consent)
		assert consent_tokens.access_token(consent.name).value
		assert len(consents.sandbox.calls("renew")) == 2

	def test_what_is_withdrawn_during_a_renewal_stays_withdrawn(self, consents, consent, monkeypatch):
		from fake_consents import FakeConnector

		from bank_api.connectors.errors import ConsentRequired
		from bank_api.gateway import consent_rows, consent_tokens

		renew = FakeConnector.renew

		def withdrawn_meanwhile(*arguments, **options):
			pair = renew(*arguments, **options)
			assert consent_rows.end(consent.name)
			consents.frappe.db.commit()
			return pair

		monkeypatch.setattr(FakeConnector, "renew", withdrawn_meanwhile)
		run_out(consents, consent)
		with pytest.raises(ConsentRequired):
			consent_tokens.access_token(consent.name)
		assert reload(consents, consent).state == "Ended"
		assert not secrets_of(consents, consent)

	def test_a_definite_no_leaves_no_mark(self, consents, consent, monkeypatch):
		from fake_consents import FakeConnector

		from bank_api.connectors.errors import ConfigurationError
		from bank_api.gateway import consent_tokens

		def refuse(*_, **__):
			raise ConfigurationError("The certificate is refused.")

		with monkeypatch.context() as patch:
			patch.setattr(FakeConnector, "renew", refuse)
			with pytest.raises(ConfigurationError):
				consent_tokens.access_token(consent.name, force=True)
		row = reload(consents, consent)
		assert not row.renewing_since and row.last_error == "The certificate is refused."
		assert consent_tokens.access_token(consent.name, force=True).value
		assert not reload(consents, consent).last_error

	def test_a_refused_renewal_of_a_revoked_consent_tells_the_truth(self, consents, client, consent):
		from bank_api.connectors.errors import RefreshRefused
		from bank_api.gateway import consent_tokens

		consents.sandbox.change(consent.provider_consent_id, status="revokedByPsu")
		with pytest.raises(RefreshRefused):
			consent_tokens.access_token(consent.name, force=True)
		assert reload(consents, consent).state == "Ended"
		assert consents.frappe.db.get_value(ITEM, consent.item, "status") == "Deleted"
		assert consents.events(client)[-2:] == ["consent.revoked", "item.deleted"]

	def test_a_fresh_token_that_is_refused_too(self, consents, client, consent):
		from bank_api.connectors.errors import TokenRefused
		from bank_api.gateway import consent_tokens

		seen = []

		def refuse(token):
			seen.append(token.value.reveal())
			raise TokenRefused("Not this one.")

		with pytest.raises(TokenRefused):
			consent_tokens.with_token(consent.name, refuse)
		assert len(set(seen)) == 2
		assert reload(consents, consent).state == "Needs Authorisation"
		assert consents.events(client)[-1] == "consent.reauthorisation_needed"

	def test_a_site_restored_with_another_key_says_so(self, consents, client, consent):
		from bank_api.connectors.errors import ConsentRequired
		from bank_api.gateway import consent_tokens

		consents.frappe.db.sql(
			"update `__Auth` set password = 'gAAAAABnotatoken' where doctype = %s and name = %s",
			(CONSENT, consent.name),
		)
		consents.frappe.db.commit()
		with pytest.raises(ConsentRequired):
			consent_tokens.access_token(consent.name)
		assert reload(consents, consent).state == "Needs Authorisation"


class TestSecrets:
	def test_no_token_is_anywhere_in_clear(self, consents, consent):
		from bank_api.gateway import consent_rows, consent_tokens

		token = consent_tokens.access_token(consent.name)
		kept = [consent_rows.secret(consent.name, name) for name in ("access_token", "refresh_token")]
		assert all(kept)
		rows = repr(consents.frappe.db.sql("select * from `tabBank API Consent`"))
		rows += repr(consents.frappe.db.sql("select * from `__Auth`"))
		rows += repr(consents.frappe.db.sql("select * from `tabBank API Log`"))
		rows += repr(consents.frappe.db.sql("select * from `tabBank API Webhook Delivery`"))
		rows += consents.frappe.get_doc(CONSENT, consent.name).as_json() + repr(token)
		assert not [secret for secret in kept if secret.reveal() in rows]

	def test_what_has_served_is_forgotten(self, consents, consent):
		assert secrets_of(consents, consent) == {"access_token", "refresh_token"}


def secrets_of(world, consent):
	rows = world.frappe.db.sql(
		"select fieldname from `__Auth` where doctype = %s and name = %s", (CONSENT, consent.name)
	)
	return {fieldname for (fieldname,) in rows}


def wait_for(condition, seconds=30):
	end = time.monotonic() + seconds
	while not condition():
		assert time.monotonic() < end
		time.sleep(0.05)
