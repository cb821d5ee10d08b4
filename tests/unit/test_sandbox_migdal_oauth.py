"""Migdal's OAuth: codes, PKCE, rotation, certificate-bound tokens (protocol 3)."""

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from migdal_tpp import CALLBACK, CHALLENGE, CONSENTS, CUSTOMER, LOANS, VERIFIER, Client, session_for

from bank_api.sandbox.client import SandboxControl
from bank_api.sandbox.migdal.oauth import challenge_of


def oauth(answer: requests.Response) -> tuple[int, str]:
	return answer.status_code, answer.json().get("error", "")


def code_of(answer: requests.Response) -> tuple[int, str]:
	if answer.ok:
		return answer.status_code, ""
	return answer.status_code, answer.json()["tppMessages"][0]["code"]


@pytest.fixture
def trip(migdal: SandboxControl, client: Client) -> tuple[str, str]:
	"""An approved consent, and the address that the browser was sent back to."""
	consent = client.create().json()["consentId"]
	return consent, migdal.migdal.complete_consent(client.link(consent))


def test_the_published_pkce_values():
	assert challenge_of(VERIFIER) == CHALLENGE


class TestCode:
	def test_a_pair(self, client, trip):
		consent, back = trip
		assert dict(parse_qsl(urlsplit(back).query))["state"] == "st-1"
		answer = client.exchange(back)
		body = answer.json()
		assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 86400, f"AIS:{consent}")
		assert answer.headers["Cache-Control"] == "no-store"
		client.token = body["access_token"]
		assert client.get(LOANS, consent).status_code == 200

	def test_a_code_serves_once_and_its_tokens_die_with_the_second_try(self, client, trip):
		consent, back = trip
		client.token = client.exchange(back).json()["access_token"]
		assert oauth(client.exchange(back)) == (400, "invalid_grant")
		assert code_of(client.get(LOANS, consent)) == (401, "TOKEN_INVALID")

	@pytest.mark.parametrize(
		("changes", "expected"),
		[
			({"code_verifier": "x" * 43}, (400, "invalid_grant")),
			({"code_verifier": None}, (400, "invalid_grant")),
			({"redirect_uri": CALLBACK + "2"}, (400, "invalid_grant")),
			({"redirect_uri": None}, (400, "invalid_request")),
			({"code": "unknown"}, (400, "invalid_grant")),
			({"client_id": "someone"}, (401, "invalid_client")),
			({"client_id": None}, (400, "invalid_request")),
		],
	)
	def test_what_does_not_fit(self, client, trip, changes, expected):
		assert oauth(client.exchange(trip[1], **changes)) == expected
		assert client.exchange(trip[1]).status_code == 200

	def test_a_code_runs_out(self, migdal, client, trip):
		migdal.advance(601)
		assert oauth(client.exchange(trip[1])) == (400, "invalid_grant")

	def test_a_consent_that_ended(self, client, trip):
		client.call("DELETE", f"{CONSENTS}/{trip[0]}")
		assert oauth(client.exchange(trip[1])) == (400, "invalid_grant")

	def test_another_clients_certificate(self, migdal, client, trip, tmp_path):
		other = Client(migdal, migdal.migdal.tpp("PSDIL-CMA-777777777"), tmp_path)
		assert oauth(other.exchange(trip[1])) == (400, "invalid_grant")
		assert oauth(other.exchange(trip[1], client_id=client.tpp.client_id)) == (401, "invalid_client")

	def test_forms(self, client):
		assert oauth(client.token_call()) == (400, "invalid_request")
		assert oauth(client.token_call(grant_type="password")) == (400, "unsupported_grant_type")
		assert oauth(client.session.post(f"{client.url}/oauth/token", json={}, timeout=10)) == (
			400,
			"invalid_request",
		)
		twice = "grant_type=refresh_token&grant_type=refresh_token"
		headers = {"Content-Type": "application/x-www-form-urlencoded"}
		answer = client.session.post(f"{client.url}/oauth/token", data=twice, headers=headers, timeout=10)
		assert oauth(answer) == (400, "invalid_request")

	def test_an_expired_certificate_gets_no_token(self, client, trip, tmp_path):
		expired = client.control.migdal.credentials("Transport", expired=True)
		client.session = session_for(expired, client.tpp.ca, tmp_path)
		assert code_of(client.exchange(trip[1])) == (401, "CERTIFICATE_EXPIRED")


class TestRefresh:
	@pytest.fixture
	def pair(self, client: Client, trip: tuple[str, str]) -> dict:
		return client.exchange(trip[1]).json()

	def refresh(self, client: Client, token: str) -> requests.Response:
		return client.token_call(grant_type="refresh_token", refresh_token=token)

	def test_both_rotate_and_the_old_ones_are_dead(self, client, trip, pair):
		fresh = self.refresh(client, pair["refresh_token"]).json()
		assert (
			len({pair["access_token"], pair["refresh_token"], fresh["access_token"], fresh["refresh_token"]})
			== 4
		)
		client.token = pair["access_token"]
		assert code_of(client.get(LOANS, trip[0])) == (401, "TOKEN_EXPIRED")
		client.token = fresh["access_token"]
		assert client.get(LOANS, trip[0]).status_code == 200
		assert oauth(self.refresh(client, pair["refresh_token"])) == (400, "invalid_grant")
		assert client.get(LOANS, trip[0]).status_code == 200

	def test_reuse_may_kill_the_family(self, migdal, client, trip, pair):
		migdal.migdal.switches(refresh_reuse_revokes=True)
		fresh = self.refresh(client, pair["refresh_token"]).json()
		assert oauth(self.refresh(client, pair["refresh_token"])) == (400, "invalid_grant")
		client.token = fresh["access_token"]
		assert code_of(client.get(LOANS, trip[0])) == (401, "TOKEN_INVALID")
		assert oauth(self.refresh(client, fresh["refresh_token"])) == (400, "invalid_grant")

	def test_seconds_of_life_over_several_rotations(self, migdal, client, trip, pair):
		migdal.migdal.switches(access_seconds=5)
		for _ in range(4):
			pair = self.refresh(client, pair["refresh_token"]).json()
			assert pair["expires_in"] == 5
			client.token = pair["access_token"]
			assert client.get(LOANS, trip[0], PSU_IP_Address="192.0.2.1").status_code == 200
			migdal.advance(6)
			assert code_of(client.get(LOANS, trip[0])) == (401, "TOKEN_EXPIRED")

	def test_the_refresh_token_may_run_out_too(self, migdal, client, trip, pair):
		migdal.migdal.switches(refresh_seconds=60)
		fresh = self.refresh(client, pair["refresh_token"]).json()
		assert fresh["refresh_token_expires_in"] == 60
		migdal.advance(61)
		assert oauth(self.refresh(client, fresh["refresh_token"])) == (400, "invalid_grant")

	def test_expired_by_the_control(self, migdal, client, trip, pair):
		client.token = pair["access_token"]
		assert migdal.migdal.expire_tokens(trip[0]) == 1
		assert code_of(client.get(LOANS, trip[0])) == (401, "TOKEN_EXPIRED")
		assert self.refresh(client, pair["refresh_token"]).status_code == 200
		migdal.migdal.expire_tokens(trip[0], revoke=True)
		assert code_of(client.get(LOANS, trip[0])) == (401, "TOKEN_EXPIRED")

	def test_a_consent_that_ended_renews_nothing(self, migdal, client, trip, pair):
		migdal.migdal.set_status(trip[0], "revokedByPsu")
		assert oauth(self.refresh(client, pair["refresh_token"])) == (400, "invalid_grant")

	def test_tokens_are_bound_to_the_certificate(self, migdal, client, trip, pair, tmp_path):
		renewed = migdal.migdal.credentials("Transport")
		client.session = session_for(renewed, client.tpp.ca, tmp_path)
		client.token = pair["access_token"]
		assert code_of(client.get(LOANS, trip[0])) == (401, "TOKEN_INVALID")
		assert oauth(self.refresh(client, pair["refresh_token"])) == (400, "invalid_grant")
		migdal.migdal.switches(certificate_bound=False)
		assert client.get(LOANS, trip[0]).status_code == 200

	@pytest.mark.parametrize("token", ["", "unknown"])
	def test_unknown_tokens(self, client, trip, token):
		client.token = token
		assert code_of(client.get(LOANS, trip[0])) == (401, "TOKEN_UNKNOWN")

	def test_another_consents_token(self, client, trip, pair):
		other = client.connect(headers={"PSU-Corporate-ID": "512237744"})
		client.token = pair["access_token"]
		assert code_of(client.get(LOANS, other)) == (401, "TOKEN_INVALID")


class TestAuthorize:
	@pytest.mark.parametrize(
		("changes", "error"),
		[
			({"response_type": "token"}, "unsupported_response_type"),
			({"code_challenge": None}, "invalid_request"),
			({"code_challenge_method": "plain"}, "invalid_request"),
			({"state": None}, "invalid_request"),
		],
	)
	def test_a_wrong_request_goes_back(self, migdal, client, changes, error):
		consent = client.create().json()["consentId"]
		state = changes.pop("state", "st-1")
		browser = migdal.migdal.browser(client.link(consent, state, **changes))
		assert f"error={error}" in browser.location

	@pytest.mark.parametrize(
		"changes",
		[
			{"client_id": "someone"},
			{"redirect_uri": "https://evil.example/"},
			{"scope": "PIS:1"},
			{"scope": "AIS:unknown"},
		],
	)
	def test_what_cannot_be_trusted_is_not_sent_back(self, migdal, client, changes):
		consent = client.create().json()["consentId"]
		browser = migdal.migdal.browser(client.link(consent, **changes))
		assert browser.location is None and browser.status == 400
		assert browser.page.step.startswith("notice_bad")

	def test_a_link_serves_once(self, migdal, client):
		consent = client.create().json()["consentId"]
		link = client.link(consent)
		first = migdal.migdal.browser(link)
		assert migdal.migdal.browser(link).status == 410
		first._go("GET", link)  # the same browser may load it again
		assert first.status == 200
		assert first.walk(CUSTOMER).startswith(CALLBACK)
		assert migdal.migdal.browser(client.link(consent, state="st-2")).status == 410

	def test_the_pages_belong_to_one_browser(self, migdal, client):
		first = migdal.migdal.browser(client.link(client.create().json()["consentId"]))
		assert requests.get(first.url, timeout=10).status_code == 403


def test_a_killed_sandbox_comes_back_with_its_tokens(tmp_path: Path):
	import signal

	from test_sandbox_server import Process

	directory = str(tmp_path / "state")
	first = Process("--data-dir", directory)
	client = Client(first.control, first.control.migdal.tpp(), tmp_path)
	consent = client.connect()
	first.end(signal.SIGKILL)
	second = Process("--data-dir", directory)
	assert (tmp_path / "state" / "migdal" / "ca.pem").read_text() == client.tpp.ca
	again = Client(second.control, client.tpp, tmp_path)
	again.token = client.token
	assert again.get(LOANS, consent).status_code == 200
	assert second.end(signal.SIGTERM) == 0
