"""Migdal's consents: bodies, statuses, transitions, signers, the four link shapes (protocol 2)."""

import uuid
from datetime import date, timedelta

import berlin_group_spec
import pytest
import requests
from migdal_tpp import CALLBACK, COMPANY, CONSENTS, CUSTOMER, LOAN, LOANS, Client, body_of

JOINT, COSIGNER = "999888003", "999888004"


def code_of(answer: requests.Response) -> tuple[int, str]:
	if answer.ok:
		return answer.status_code, ""
	return answer.status_code, answer.json()["tppMessages"][0]["code"]


def status_of(client: Client, consent: str) -> str:
	answer = client.call("GET", f"{CONSENTS}/{consent}/status")
	assert answer.status_code == 200, answer.text
	return answer.json()["consentStatus"]


def read(client: Client, consent: str) -> dict:
	answer = client.call("GET", f"{CONSENTS}/{consent}")
	assert answer.status_code == 200, answer.text
	return answer.json()


class TestCreate:
	def test_bo_and_da(self, client):
		berlin_group_spec.needed()
		for numbers in (None, [LOAN]):
			answer = client.create(numbers)
			assert answer.status_code == 201
			body = answer.json()
			assert body["consentStatus"] == "received"
			assert answer.headers["Location"].endswith(f"{CONSENTS}/{body['consentId']}")
			assert answer.headers["ASPSP-SCA-Approach"] == "REDIRECT"

	def test_the_checker_sees_what_is_wrong(self):
		berlin_group_spec.needed()
		headers = {"X-Request-ID": str(uuid.uuid4()), "Content-Type": "application/json"}
		url = f"{CONSENTS}/x/status"
		berlin_group_spec.check_answer("GET", url, headers, 200, headers, b'{"consentStatus":"valid"}')
		for body in (b'{"consentStatus":"fine"}', b"{}"):
			with pytest.raises(pytest.fail.Exception):
				berlin_group_spec.check_answer("GET", url, headers, 200, headers, body)
		loan = b'{"loanAccounts":[{"resourceId":"1","balances":[{"balanceType":"closingBooked"}],"currency":"ILS"}]}'
		with pytest.raises(pytest.fail.Exception):
			berlin_group_spec.check_answer("GET", LOANS, headers, 200, headers, loan)
		with pytest.raises(pytest.fail.Exception):
			berlin_group_spec.check_request("POST", CONSENTS, headers, b"{}")

	@pytest.mark.parametrize(
		"headers",
		[
			{"PSU-ID-Type": COMPANY, "PSU-Corporate-ID": None},
			{"PSU-ID-Type": COMPANY},
			{"PSU-Corporate-ID": "512237744"},
		],
	)
	def test_the_company_is_named_in_either_header(self, client, headers):
		assert client.create(headers=headers).status_code == 201

	@pytest.mark.parametrize(
		"headers",
		[
			{"PSU-Corporate-ID": None},
			{"PSU-Corporate-ID": "123456789"},
			{"PSU-Corporate-ID": "123456789", "PSU-ID-Type": COMPANY},
			{"PSU-ID-Type": "512237744"},
		],
	)
	def test_an_unknown_company(self, client, headers):
		assert code_of(client.create(headers=headers)) == (401, "CORPORATE_ID_INVALID")

	@pytest.mark.parametrize(("psu", "code"), [("000000000", 401), ("999888007", 401), (None, 400)])
	def test_an_unknown_or_blocked_customer(self, client, psu, code):
		expected = "PSU_CREDENTIALS_INVALID" if psu else "FORMAT_ERROR"
		assert code_of(client.create(psu=psu)) == (code, expected)

	@pytest.mark.parametrize(
		("headers", "path"),
		[
			({"PSU-IP-Address": None}, "PSU-IP-Address"),
			({"PSU-IP-Address": "nowhere"}, "PSU-IP-Address"),
			({"TPP-Redirect-URI": None}, "TPP-Redirect-URI"),
			({"TPP-Redirect-URI": "javascript:alert(1)"}, "TPP-Redirect-URI"),
			({"TPP-Nok-Redirect-URI": "x"}, "TPP-Nok-Redirect-URI"),
		],
	)
	def test_headers(self, client, headers, path):
		answer = client.create(headers=headers)
		assert code_of(answer) == (400, "FORMAT_ERROR")
		assert answer.json()["tppMessages"][0]["path"] == path

	@pytest.mark.parametrize(
		("changes", "code"),
		[
			({"validUntil": "2020-01-01"}, "PERIOD_INVALID"),
			({"validUntil": "soon"}, "FORMAT_ERROR"),
			({"validUntil": None}, "FORMAT_ERROR"),
			({"frequencyPerDay": 0}, "FORMAT_ERROR"),
			({"frequencyPerDay": "4"}, "FORMAT_ERROR"),
			({"recurringIndicator": False}, "FORMAT_ERROR"),
			({"recurringIndicator": "yes"}, "FORMAT_ERROR"),
			({"combinedServiceIndicator": True}, "SESSIONS_NOT_SUPPORTED"),
			({"access": None}, "FORMAT_ERROR"),
			({"access": {}}, "FORMAT_ERROR"),
			({"access": {"allPsd2": "allAccounts"}}, "SERVICE_INVALID"),
			({"access": {"availableAccounts": "allAccounts"}}, "SERVICE_INVALID"),
			({"access": {"accounts": [{"other": {"identification": "1"}}], "balances": []}}, "FORMAT_ERROR"),
			({"access": {"accounts": [{}]}}, "FORMAT_ERROR"),
			({"access": {"accounts": [{"other": {}}]}}, "FORMAT_ERROR"),
			({"access": {"accounts": [{"other": {"identification": "9" * 36}}]}}, "FORMAT_ERROR"),
			({"access": {"accounts": [{"iban": "x"}]}}, "FORMAT_ERROR"),
			({"access": {"accounts": [], "restrictedTo": ["??"]}}, "FORMAT_ERROR"),
		],
	)
	def test_bodies(self, client, changes, code):
		assert code_of(client.create(body=body_of(**changes))) == (400, code)

	@pytest.mark.parametrize("body", [b"{", b"[]", b"", b"\xff"])
	def test_what_is_no_json_object(self, client, body):
		good = client.create().request.headers
		names = ("PSU-ID", "PSU-Corporate-ID", "TPP-Redirect-URI", "PSU-IP-Address")
		answer = client.call("POST", CONSENTS, body, {name: good[name] for name in names})
		assert code_of(answer) == (400, "FORMAT_ERROR")

	def test_the_combined_indicator_may_be_missing_and_limits_are_lowered_silently(self, migdal, client):
		migdal.migdal.switches(frequency_cap=4)
		answer = client.create(body=body_of(frequencyPerDay=100, validUntil="9999-12-31"))
		found = read(client, answer.json()["consentId"])
		assert found["frequencyPerDay"] == 4
		assert found["validUntil"] == str(date.fromisoformat(migdal.now()[:10]) + timedelta(days=1095))

	def test_a_da_consent_is_shown_as_asked_and_a_balance_implies_the_account(self, client):
		access = {"balances": [{"other": {"identification": LOAN}}]}
		found = read(client, client.create(body=body_of(access=access)).json()["consentId"])
		assert [r["other"]["identification"] for r in found["access"]["accounts"]] == [LOAN]
		assert "transactions" not in found["access"]


class TestLife:
	def test_approved_as_chosen(self, client):
		until = str(date.today() + timedelta(days=30))
		consent = client.connect(loans=[LOAN], valid_until=until)
		found = read(client, consent)
		assert found["consentStatus"] == "valid"
		assert found["validUntil"] == until
		assert [r["other"]["identification"] for r in found["access"]["transactions"]] == [LOAN]

	def test_refused(self, migdal, client):
		consent = client.create().json()["consentId"]
		back = migdal.migdal.complete_consent(client.link(consent), refuse_at="choose")
		assert back.startswith(f"{CALLBACK}&error=access_denied") and back.endswith("state=st-1")
		assert status_of(client, consent) == "rejected"

	def test_a_refusal_goes_to_its_own_address_when_there_is_one(self, migdal, client):
		headers = {"TPP-Nok-Redirect-URI": "https://tpp.sim.example/nok"}
		consent = client.create(headers=headers).json()["consentId"]
		back = migdal.migdal.complete_consent(client.link(consent), refuse_at="login")
		assert back.startswith("https://tpp.sim.example/nok?error=access_denied")

	def test_the_one_who_declines(self, migdal, client):
		consent = client.create(psu="999888006").json()["consentId"]
		assert "error=access_denied" in migdal.migdal.complete_consent(client.link(consent), "999888006")
		assert status_of(client, consent) == "rejected"

	def test_a_loan_that_is_not_the_customers_is_rejected_at_the_approval(self, migdal, client):
		consent = client.create(["1000070002"]).json()["consentId"]
		assert "error=access_denied" in migdal.migdal.complete_consent(client.link(consent))
		assert status_of(client, consent) == "rejected"

	def test_a_loan_of_the_other_company_is_not_this_companys(self, migdal, client):
		consent = client.create(["2000011223"]).json()["consentId"]
		assert "error=access_denied" in migdal.migdal.complete_consent(client.link(consent))
		other = client.connect(["2000011223"], headers={"PSU-Corporate-ID": "512237744"})
		assert status_of(client, other) == "valid"

	def test_no_loans(self, migdal, client):
		consent = client.create(psu="999888001").json()["consentId"]
		assert "error=access_denied" in migdal.migdal.complete_consent(client.link(consent), "999888001")

	def test_never_authorised_in_time(self, migdal, client):
		consent = client.create().json()["consentId"]
		migdal.advance(31 * 60)
		assert status_of(client, consent) == "rejected"

	def test_the_validity_ends(self, migdal, client):
		consent = client.connect(psu="999888005")
		migdal.advance(86400)
		assert status_of(client, consent) == "valid"  # the day is inclusive
		migdal.advance(86400)
		assert code_of(client.get(LOANS, consent)) == (401, "CONSENT_EXPIRED")
		assert status_of(client, consent) == "expired"

	def test_delete(self, migdal, client):
		consent = client.connect()
		for _ in range(2):
			answer = client.call("DELETE", f"{CONSENTS}/{consent}")
			assert (answer.status_code, answer.content) == (204, b"")
		assert status_of(client, consent) == "terminatedByTpp"
		assert code_of(client.get(LOANS, consent)) == (401, "CONSENT_INVALID")
		migdal.migdal.switches(delete_final=400)
		assert code_of(client.call("DELETE", f"{CONSENTS}/{consent}")) == (400, "RESOURCE_EXPIRED")

	@pytest.mark.parametrize("status", ["suspendedByASPSP", "revokedByPsu", "rejected", "terminatedByTpp"])
	def test_forced(self, migdal, client, status):
		consent = client.connect()
		migdal.migdal.set_status(consent, status)
		assert status_of(client, consent) == status
		assert code_of(client.get(LOANS, consent)) == (401, "CONSENT_INVALID")

	def test_suspended_and_back(self, migdal, client):
		consent = client.connect()
		migdal.migdal.set_status(consent, "suspendedByASPSP")
		migdal.migdal.set_status(consent, "valid")
		assert client.get(LOANS, consent).status_code == 200

	@pytest.mark.parametrize("status", ["expired", "terminatedByTpp"])
	def test_a_newer_one_replaces_the_older_when_it_is_authorised(self, migdal, client, status):
		migdal.migdal.switches(replaced_status=status)
		first = client.connect()
		never = client.create().json()["consentId"]
		other = client.connect(headers={"PSU-Corporate-ID": "512237744"})
		created = client.create().json()["consentId"]
		assert status_of(client, first) == "valid"
		migdal.migdal.complete_consent(client.link(created))
		assert [status_of(client, c) for c in (first, never, other, created)] == [
			status,
			"rejected",
			"valid",
			"valid",
		]

	def test_a_one_off_replaces_nothing_and_is_used_up(self, migdal, client):
		first = client.connect()
		once = client.connect(body=body_of(recurringIndicator=False, frequencyPerDay=1))
		assert status_of(client, first) == "valid"
		assert client.get(LOANS, once, PSU_IP_Address="192.0.2.10").status_code == 200
		assert code_of(client.get(LOANS, once, PSU_IP_Address="192.0.2.10")) == (429, "ACCESS_EXCEEDED")
		migdal.advance(86400)
		assert status_of(client, once) == "expired"

	def test_whose_consent(self, migdal, client, tmp_path):
		assert code_of(client.call("GET", f"{CONSENTS}/{uuid.uuid4()}")) == (403, "CONSENT_UNKNOWN")
		consent = client.connect()
		other = Client(migdal, migdal.migdal.tpp("PSDIL-CMA-777777777"), tmp_path)
		other.token = client.token
		for answer in (
			other.call("GET", f"{CONSENTS}/{consent}"),
			other.call("DELETE", f"{CONSENTS}/{consent}"),
			other.get(LOANS, consent),
		):
			assert code_of(answer) == (400, "CONSENT_UNKNOWN")

	def test_an_unused_link_of_the_standard_base_stays_there(self, client):
		answer = client.call("GET", f"/v1/consents/{client.connect()}")
		assert answer.status_code == 200


class TestSigners:
	def test_two_sign(self, migdal, client):
		answer = client.create(psu=JOINT)
		assert "startAuthorisation" in answer.json()["_links"] and "scaOAuth" not in answer.json()["_links"]
		consent = answer.json()["consentId"]
		path = f"{CONSENTS}/{consent}/authorisations"
		ids = []
		for psu, expected in ((JOINT, "partiallyAuthorised"), (COSIGNER, "valid")):
			started = client.call("POST", path, headers={"PSU-ID": psu})
			assert started.status_code == 201
			ids.append(started.json()["authorisationId"])
			assert started.json()["_links"]["scaOAuth"]
			back = migdal.migdal.complete_consent(client.link(consent, state=psu), psu)
			assert "code=" in back
			assert status_of(client, consent) == expected
			if expected != "valid":
				assert client.exchange(back).json()["error"] == "invalid_grant"
		listed = client.call("GET", path).json()["authorisationIds"]
		assert listed == ids
		assert [client.call("GET", f"{path}/{one}").json()["scaStatus"] for one in ids] == ["finalised"] * 2
		assert client.exchange(back).status_code == 200

	def test_the_second_refuses(self, migdal, client):
		consent = client.create(psu=JOINT).json()["consentId"]
		path = f"{CONSENTS}/{consent}/authorisations"
		for psu, refuse in ((JOINT, None), (COSIGNER, "confirm")):
			one = client.call("POST", path, headers={"PSU-ID": psu}).json()["authorisationId"]
			migdal.migdal.complete_consent(client.link(consent, state=psu), psu, refuse_at=refuse)
		assert status_of(client, consent) == "rejected"
		assert client.call("GET", f"{path}/{one}").json()["scaStatus"] == "failed"
		assert code_of(client.call("POST", path)) == (409, "STATUS_INVALID")

	def test_a_stranger_does_not_sign(self, client):
		consent = client.create(psu=JOINT).json()["consentId"]
		path = f"{CONSENTS}/{consent}/authorisations"
		assert code_of(client.call("POST", path, headers={"PSU-ID": CUSTOMER})) == (
			401,
			"PSU_CREDENTIALS_INVALID",
		)
		assert code_of(client.call("GET", f"{path}/{uuid.uuid4()}")) == (404, "RESOURCE_UNKNOWN")

	def test_the_person_is_named_later(self, client):
		consent = client.create(headers={"TPP-Explicit-Authorisation-Preferred": "true"}).json()["consentId"]
		path = f"{CONSENTS}/{consent}/authorisations"
		one = client.call("POST", path).json()["authorisationId"]
		assert client.call("GET", f"{path}/{one}").json()["scaStatus"] == "received"
		answer = client.call("PUT", f"{path}/{one}", b"{}", {"PSU-ID": CUSTOMER})
		assert answer.json()["scaStatus"] == "psuIdentified"


class TestLinks:
	def links(self, client: Client) -> tuple[str, dict[str, str]]:
		body = client.create().json()
		return body["consentId"], {name: link["href"] for name, link in body["_links"].items()}

	def test_shape_1_is_the_servers_metadata(self, migdal, client):
		_, links = self.links(client)
		found = client.session.get(links["scaOAuth"], timeout=10).json()
		assert found["authorization_endpoint"] == f"{migdal.migdal.pages_url}/oauth/authorize"
		assert found["token_endpoint"] == f"{client.url}/oauth/token"
		assert found["tls_client_certificate_bound_access_tokens"] is True
		assert found["code_challenge_methods_supported"] == ["S256"]

	def test_shape_2_has_placeholders(self, migdal, client):
		migdal.migdal.switches(link_shape=2)
		consent, links = self.links(client)
		for placeholder in ("[CLIENT_ID]", "[TPP_REDIRECT_URI]", "[TPP_STATE]"):
			assert placeholder in links["scaOAuth"]
		assert f"scope=AIS:{consent}" in links["scaOAuth"]

	def test_shape_3_is_ready(self, migdal, client):
		migdal.migdal.switches(link_shape=3)
		consent, links = self.links(client)
		back = migdal.migdal.complete_consent(links["scaRedirect"])
		assert "code=" in back and "state=" not in back
		assert client.exchange(back, code_verifier=None).status_code == 200
		assert status_of(client, consent) == "valid"
		assert migdal.migdal.browser(links["scaRedirect"]).status == 410

	def test_shape_4_gives_none(self, migdal, client):
		migdal.migdal.switches(link_shape=4)
		assert set(self.links(client)[1]) == {"self", "status", "scaStatus"}

	def test_absolute_links(self, migdal, client):
		migdal.migdal.switches(links="absolute")
		_, links = self.links(client)
		assert client.call("GET", links["status"]).json() == {"consentStatus": "received"}
