"""Consents and tokens: what goes out, what an answer means, the four shapes of the link."""

import json
import re
import uuid
from datetime import date, datetime, timedelta, timezone
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from berlin_group_bank import (
	CHALLENGE,
	COMPANY,
	CONSENTS,
	ORGANIZATION,
	RETURN_URL,
	STATE,
	VERIFIER,
	Bank,
	certificates,
	check_signature,
	client_pair,
	consent_request,
	created,
	token,
)
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import answer, reset

from bank_api.connectors import errors
from bank_api.connectors.berlin_group import links
from bank_api.connectors.berlin_group.consents import standing_of
from bank_api.connectors.berlin_group.oauth import pair_of
from bank_api.connectors.model import ConsentStanding, ItemStatus, Secret, UserAction

AUTHORIZE = "https://login.bank.example/authorize"
SIGNED = "digest x-request-id psu-id psu-corporate-id tpp-redirect-uri"
PARAMETERS = {
	"response_type": "code",
	"client_id": ORGANIZATION,
	"scope": "AIS:c-1",
	"redirect_uri": RETURN_URL,
	"state": STATE,
	"code_challenge": CHALLENGE,
	"code_challenge_method": "S256",
}


def consent_body(**changes):
	other = [{"other": {"identification": "1000056782"}}]
	return json.dumps(
		{
			"access": {"accounts": other, "balances": other, "transactions": other},
			"recurringIndicator": True,
			"validUntil": "2027-06-30",
			"frequencyPerDay": 2,
			"lastActionDate": "2026-11-21",
			"consentStatus": "valid",
		}
		| changes
	)


# Creation


def test_a_bank_offered_consent_is_signed_and_says_all_that_the_source_wants():
	with Bank(answer(created(), 201, ASPSP_SCA_Approach="REDIRECT")) as bank:
		got = bank.connector(authorize_url=AUTHORIZE).create_consent(consent_request())
	request = bank.requests[0]
	assert (request.method, request.target) == ("POST", CONSENTS)
	assert json.loads(request.body) == {
		"access": {"accounts": [], "balances": [], "transactions": []},
		"recurringIndicator": True,
		"validUntil": "2027-12-31",
		"frequencyPerDay": 4,
		"combinedServiceIndicator": False,
	}
	headers = request.headers
	assert headers["psu-id"] == "999888777"
	assert headers["psu-corporate-id"] == headers["psu-id-type"] == COMPANY
	assert headers["psu-ip-address"] == "192.0.2.10"
	assert headers["psu-user-agent"] == "Firefox/1"
	assert headers["tpp-redirect-uri"] == RETURN_URL
	assert headers["content-type"] == "application/json"
	assert str(uuid.UUID(headers["x-request-id"])) == headers["x-request-id"] == got.request_id
	assert "authorization" not in headers
	check_signature(request, SIGNED)
	assert (got.consent_id, got.status, got.sca_approach) == ("c-1", "received", "REDIRECT")
	assert got.payload == created()


def test_a_detailed_consent_names_its_loans_and_an_iban_as_an_iban():
	with Bank(answer(created(), 201)) as bank:
		speaks = bank.connector(authorize_url=AUTHORIZE, reference_account_type="LOAN")
		speaks.create_consent(
			consent_request(references=("1000056782", "IL620108000000099999999", "AB12345"))
		)
	access = json.loads(bank.requests[0].body)["access"]
	assert access["accounts"] == access["balances"] == access["transactions"]
	assert access["accounts"] == [
		{"other": {"identification": "1000056782"}, "cashAccountType": "LOAN"},
		{"iban": "IL620108000000099999999", "cashAccountType": "LOAN"},
		{"other": {"identification": "AB12345"}, "cashAccountType": "LOAN"},
	]


@pytest.mark.parametrize(
	("setting", "present"),
	[
		("PSU-Corporate-ID", {"psu-corporate-id"}),
		("PSU-ID-Type", {"psu-id-type"}),
		("both", {"psu-corporate-id", "psu-id-type"}),
		("none", set()),
	],
)
def test_the_company_goes_where_the_setting_says(setting, present):
	with Bank(answer(created(), 201)) as bank:
		bank.connector(authorize_url=AUTHORIZE, company_header=setting).create_consent(consent_request())
	headers = bank.requests[0].headers
	assert {name for name in ("psu-corporate-id", "psu-id-type") if headers.get(name) == COMPANY} == present
	assert {name for name in ("psu-corporate-id", "psu-id-type") if name in headers} == present
	check_signature(
		bank.requests[0], SIGNED if "psu-corporate-id" in present else SIGNED.replace("psu-corporate-id ", "")
	)


def test_without_a_browser_our_own_address_is_sent():
	with Bank(answer(created(), 201)) as bank:
		bank.connector(authorize_url=AUTHORIZE).create_consent(consent_request(presence=None))
		bank.connector(authorize_url=AUTHORIZE, own_address="198.51.100.7").create_consent(
			consent_request(presence=None)
		)
	assert [r.headers["psu-ip-address"] for r in bank.requests] == ["127.0.0.1", "198.51.100.7"]


@pytest.mark.parametrize(
	"changes",
	[
		{"state": ""},
		{"state": "a b"},
		{"code_challenge": ""},
		{"redirect_url": ""},
		{"frequency_per_day": 0},
		{"recurring": False},
		{"references": ("x" * 36,)},
		{"references": ("1", "1")},
		{"references": ("1\r\nX: 1",)},
		{"references": ("1",), "account_types": ("LOAN",)},
		{"account_types": ("LOANS",)},
		{"company": "1"},
		{"psu_id": Secret("1\r\n2")},
	],
	ids=str,
)
def test_what_the_source_would_refuse_is_not_sent(changes):
	with Bank(answer(created(), 201)) as bank:
		with pytest.raises(errors.InvalidRequest):
			bank.connector(authorize_url=AUTHORIZE).create_consent(consent_request(**changes))
	assert bank.requests == []


def test_a_lost_answer_to_a_creation_is_not_sent_again():
	with Bank(reset, answer(created(), 201)) as bank:
		with pytest.raises(errors.ProviderUnavailable):
			bank.connector(authorize_url=AUTHORIZE).create_consent(consent_request())
	assert len(bank.requests) == 1


def test_the_identity_number_is_in_no_repr():
	assert "999888777" not in repr(consent_request())


# The link, in four shapes


def test_shape_1_the_metadata_name_the_page_and_the_token_endpoint():
	with Bank() as bank:
		metadata = {
			"authorization_endpoint": AUTHORIZE,
			"token_endpoint": f"{bank.url}/oauth/token",
		}
		bank.steps = [
			answer(created({"scaOAuth": "/.well-known/oauth-authorization-server"}), 201),
			answer(json.dumps(metadata)),
			answer(json.dumps(metadata)),
			answer('{"access_token":"a","expires_in":60}'),
		]
		speaks = bank.connector()
		got = speaks.create_consent(consent_request())
		speaks.exchange("c-1", Secret("code-1"), RETURN_URL, Secret(VERIFIER), metadata_url=got.metadata_url)
	assert got.metadata_url == f"{bank.url}/.well-known/oauth-authorization-server"
	assert got.link.startswith(f"{AUTHORIZE}?")
	assert dict(parse_qsl(urlsplit(got.link).query)) == PARAMETERS
	assert bank.requests[3].target == "/oauth/token"


@pytest.mark.parametrize(
	"template",
	[
		"?client_id=[CLIENT_ID]&redirect_uri=[TPP_REDIRECT_URI]&state=[TPP_STATE]&scope=AIS:c-1&response_type=code",
		"?client_id=%5BCLIENT_ID%5D&redirect_uri=%5BTPP_REDIRECT_URI%5D&state=%5BTPP_STATE%5D"
		"&scope=%5BSCOPE%5D&response_type=code&code_challenge=%5BTPP_CODE_CHALLENGE%5D",
		"",
	],
)
def test_shape_2_placeholders_are_filled_and_what_lacks_is_added(template):
	with Bank(answer(created({"scaOAuth": AUTHORIZE + template}), 201)) as bank:
		got = bank.connector().create_consent(consent_request())
	assert dict(parse_qsl(urlsplit(got.link).query)) == PARAMETERS


def test_shape_3_a_ready_page_gets_the_state():
	with Bank(answer(created({"scaRedirect": "https://bank.example/go?id=7"}), 201)) as bank:
		got = bank.connector().create_consent(consent_request())
	query = dict(parse_qsl(urlsplit(got.link).query))
	assert query == {
		"id": "7",
		"state": STATE,
		"code_challenge": CHALLENGE,
		"code_challenge_method": "S256",
	}


def test_shape_3_untouched_where_the_state_rides_in_the_redirect_uri():
	with Bank(answer(created({"scaRedirect": "https://bank.example/go?id=7"}), 201)) as bank:
		got = bank.connector(state_in_redirect_uri="yes").create_consent(consent_request())
	assert got.link == "https://bank.example/go?id=7"
	assert bank.requests[0].headers["tpp-redirect-uri"] == f"{RETURN_URL}?state={STATE}"


@pytest.mark.parametrize("scope", ["AIS:{consent_id}", "consent", "AIS: {consent_id}"])
def test_shape_4_the_page_is_built_from_the_settings(scope):
	with Bank(answer(created(), 201)) as bank:
		got = bank.connector(authorize_url=f"{AUTHORIZE}?ui=he", scope=scope).create_consent(
			consent_request()
		)
	query = dict(parse_qsl(urlsplit(got.link).query))
	assert query == PARAMETERS | {"ui": "he", "scope": scope.replace("{consent_id}", "c-1")}


def test_no_link_at_all_is_a_matter_of_settings():
	with (
		Bank(answer(created(), 201)) as bank,
		pytest.raises(errors.ConfigurationError, match="authorize_url"),
	):
		bank.connector().create_consent(consent_request())


@pytest.mark.parametrize(
	"url",
	[
		"http://bank.example/go",
		"javascript:alert(1)",
		"https://user@bank.example/go",
		"https://bank.example/go?state=foreign",
		"https://[",
		"https://bank.example/a b",
	],
)
def test_a_page_that_no_browser_may_be_sent_to_is_refused(url):
	with Bank(answer(created({"scaRedirect": url}), 201)) as bank, pytest.raises(errors.MalformedResponse):
		bank.connector().create_consent(consent_request())


def test_plain_pages_are_for_the_sandbox_only():
	with Bank(answer(created({"scaRedirect": "http://127.0.0.1:1/go"}), 201)) as bank:
		assert (
			bank.connector(environment="Sandbox")
			.create_consent(consent_request())
			.link.startswith("http://127")
		)


def test_metadata_of_a_host_that_nobody_named_are_not_asked():
	with Bank(
		answer(created({"scaOAuth": "https://evil.example/.well-known/openid-configuration"}), 201)
	) as bank:
		with pytest.raises(errors.ConfigurationError, match="trusted_hosts"):
			bank.connector().create_consent(consent_request())


def test_a_consent_for_several_signers_has_no_link_until_an_authorisation_starts():
	with Bank(
		answer(created({"startAuthorisation": f"{CONSENTS}/c-1/authorisations"}), 201),
		answer('{"scaStatus":"received","authorisationId":"a-1","_links":{"scaStatus":{"href":"x"}}}', 201),
		answer('{"authorisationIds":["a-1","a-2"]}'),
		answer('{"scaStatus":"finalised"}'),
		answer('{"scaStatus":"psuIdentified"}'),
	) as bank:
		speaks = bank.connector(authorize_url=AUTHORIZE)
		assert speaks.create_consent(consent_request()).link == ""
		begun = speaks.start_authorisation(
			"c-1",
			company=COMPANY,
			psu_id=Secret("999888777"),
			state=STATE,
			redirect_url=RETURN_URL,
			code_challenge=CHALLENGE,
		)
		signers = speaks.authorisations("c-1")
	assert begun.authorisation_id == "a-1" and not begun.final
	assert dict(parse_qsl(urlsplit(begun.link).query)) == PARAMETERS
	assert bank.requests[1].body == b"{}"
	check_signature(bank.requests[1], SIGNED)
	assert [(s.authorisation_id, s.status, s.final) for s in signers] == [
		("a-1", "finalised", True),
		("a-2", "psuIdentified", False),
	]


# What the browser brings back


def test_a_return_with_a_code():
	got = links.read_return({"code": "c0de", "state": STATE})
	assert (got.success, got.context, got.error) == (True, STATE, None)
	assert got.code == Secret("c0de") and "c0de" not in repr(got)


def test_a_return_with_an_error_has_no_code():
	got = links.read_return({"error": "access_denied", "code": "c0de", "state": STATE})
	assert (got.success, got.error, got.code) == (False, "access_denied", None)


@given(st.dictionaries(st.sampled_from(["code", "state", "error", "x"]), st.text() | st.none()))
def test_a_return_of_garbage_is_no_crash(query):
	got = links.read_return(query)
	assert got.success == (got.code is not None)
	assert got.context is None or re.fullmatch(r"[A-Za-z0-9_.~-]{1,200}", got.context)


# Reading


def test_a_consent_says_what_was_really_granted():
	with Bank(answer(consent_body())) as bank:
		got = bank.connector().consent("c-1")
	assert (got.status, got.standing) == ("valid", ConsentStanding.VALID)
	assert (got.valid_until, got.frequency_per_day, got.references) == (date(2027, 6, 30), 2, ("1000056782",))
	assert got.payload == consent_body()
	assert bank.requests[0].target == f"{CONSENTS}/c-1"
	assert bank.requests[0].body == b""
	check_signature(bank.requests[0], "digest x-request-id")


@pytest.mark.parametrize(
	("status", "standing"),
	[
		("received", ConsentStanding.WAITING),
		("partiallyAuthorised", ConsentStanding.WAITING),
		("valid", ConsentStanding.VALID),
		("Valid", ConsentStanding.VALID),
		("rejected", ConsentStanding.ENDED),
		("revokedByPsu", ConsentStanding.ENDED),
		("expired", ConsentStanding.ENDED),
		("terminatedByTpp", ConsentStanding.ENDED),
		("suspendedByASPSP", ConsentStanding.SUSPENDED),
		("replaced", ConsentStanding.SUSPENDED),
	],
)
def test_statuses(status, standing):
	with Bank(answer(json.dumps({"consentStatus": status}))) as bank:
		got = bank.connector().consent_status("c-1")
	assert (got.status, got.standing) == (status, standing)
	assert bank.requests[0].target == f"{CONSENTS}/c-1/status"


@given(st.text(min_size=1))
def test_no_unknown_status_is_ever_usable(status):
	assert standing_of(status) is not ConsentStanding.VALID or status.lower() == "valid"


@pytest.mark.parametrize(
	("status", "item", "action"),
	[
		("valid", ItemStatus.OK, UserAction.NONE),
		("received", ItemStatus.WAITING, UserAction.AUTHENTICATE),
		("suspendedByASPSP", ItemStatus.PROVIDER_PROBLEM, UserAction.WAIT),
		("expired", ItemStatus.ACTION_REQUIRED, UserAction.AUTHENTICATE),
		("revokedByPsu", ItemStatus.DELETED, UserAction.NONE),
		("terminatedByTpp", ItemStatus.DELETED, UserAction.NONE),
		("rejected", ItemStatus.DELETED, UserAction.NONE),
		("somethingNew", ItemStatus.PROVIDER_PROBLEM, UserAction.WAIT),
	],
)
def test_a_consent_is_an_item(status, item, action):
	with Bank(answer(consent_body(consentStatus=status))) as bank:
		got = bank.connector().item(token(), "c-1")
	assert (got.provider_item_id, got.bank_id) == ("c-1", COMPANY)
	assert (got.status, got.user_action) == (item, action)
	# The last day is inclusive, and ends in Israel at 21:00 UTC (summer time).
	assert got.authentication_expires_at == datetime(2027, 6, 30, 20, 59, 59, tzinfo=timezone.utc)


@pytest.mark.parametrize(
	("status", "code"), [(400, "CONSENT_UNKNOWN"), (403, "CONSENT_UNKNOWN"), (404, "RESOURCE_UNKNOWN")]
)
def test_an_unknown_consent_is_not_found_whatever_the_status(status, code):
	body = json.dumps({"tppMessages": [{"category": "ERROR", "code": code}]})
	with Bank(answer(body, status)) as bank, pytest.raises(errors.NotFound):
		bank.connector().consent("c-1")


@pytest.mark.parametrize("consent_id", ["", "..", "a\n", "ä"])
def test_what_is_no_id_is_not_sent(consent_id):
	with Bank(answer(consent_body())) as bank, pytest.raises(errors.InvalidRequest):
		bank.connector().consent(consent_id)
	assert bank.requests == []


def test_an_id_stays_in_its_segment():
	with Bank(answer(consent_body())) as bank:
		bank.connector().consent("a/../b?c#d%2F")
	assert bank.requests[0].target == f"{CONSENTS}/a%2F..%2Fb%3Fc%23d%252F"


@pytest.mark.parametrize(
	("status", "body"),
	[
		(204, ""),
		(404, '{"tppMessages":[{"category":"ERROR","code":"RESOURCE_UNKNOWN"}]}'),
		(403, '{"tppMessages":[{"category":"ERROR","code":"CONSENT_UNKNOWN"}]}'),
		(400, '{"tppMessages":[{"category":"ERROR","code":"RESOURCE_EXPIRED"}]}'),
		(401, '{"tppMessages":[{"category":"ERROR","code":"CONSENT_EXPIRED"}]}'),
		(409, '{"tppMessages":[{"category":"ERROR","code":"STATUS_INVALID"}]}'),
	],
)
def test_a_consent_that_is_gone_counts_as_deleted(status, body):
	with Bank(answer(body, status)) as bank:
		bank.connector().delete_consent("c-1")
	assert (bank.requests[0].method, bank.requests[0].target) == ("DELETE", f"{CONSENTS}/c-1")
	check_signature(bank.requests[0], "digest x-request-id")


def test_a_deletion_that_fails_is_no_deletion():
	body = '{"tppMessages":[{"category":"ERROR","code":"SIGNATURE_INVALID"}]}'
	with Bank(answer(body, 401)) as bank, pytest.raises(errors.ConfigurationError, match="signature"):
		bank.connector().delete_consent("c-1")


def test_a_read_is_sent_again_under_an_id_of_its_own_and_signed_anew():
	with Bank(answer("", 503), answer(consent_body())) as bank:
		bank.connector().consent("c-1")
	first, second = bank.requests
	assert first.headers["x-request-id"] != second.headers["x-request-id"]
	for request in bank.requests:
		check_signature(request, "digest x-request-id")


# Tokens


def test_a_code_becomes_a_pair_over_mutual_tls_without_a_signature():
	body = '{"access_token":"a1","token_type":"Bearer","expires_in":3600,"refresh_token":"r1","scope":"AIS:c-1","metadata":"x"}'
	with Bank(answer(body)) as bank:
		before = datetime.now(timezone.utc)
		got = bank.connector(token_url=f"{bank.url}/oauth/token").exchange(
			"c-1", Secret("c0de"), RETURN_URL, Secret(VERIFIER)
		)
	request = bank.requests[0]
	assert (request.method, request.target) == ("POST", "/oauth/token")
	assert request.headers["content-type"] == "application/x-www-form-urlencoded"
	assert "signature" not in request.headers and "authorization" not in request.headers
	assert parse_qs(request.body.decode()) == {
		"grant_type": ["authorization_code"],
		"code": ["c0de"],
		"redirect_uri": [RETURN_URL],
		"code_verifier": [VERIFIER],
		"client_id": [ORGANIZATION],
	}
	assert (got.access, got.refresh, got.scope) == (Secret("a1"), Secret("r1"), "AIS:c-1")
	assert before <= got.expires_at - timedelta(hours=1) <= datetime.now(timezone.utc)
	assert "a1" not in repr(got) and "r1" not in repr(got)


def test_a_renewal_is_sent_once_with_what_the_source_wants_besides():
	with Bank(answer('{"access_token":"a2","refresh_token":"r2","expires_in":"60"}')) as bank:
		got = bank.connector(
			token_url=f"{bank.url}/t", renew_parameters="type=Bearer", sign_token_calls="yes"
		).renew("c-1", Secret("r1"))
	assert parse_qs(bank.requests[0].body.decode()) == {
		"grant_type": ["refresh_token"],
		"refresh_token": ["r1"],
		"client_id": [ORGANIZATION],
		"type": ["Bearer"],
	}
	check_signature(bank.requests[0], "digest x-request-id")
	assert got.refresh == Secret("r2")


@pytest.mark.parametrize("step", [reset, answer("", 503), answer("oops", 502, "text/html")])
def test_a_lost_answer_to_a_renewal_is_not_asked_for_again_here(step):
	with Bank(step, answer('{"access_token":"a2","expires_in":60}')) as bank:
		with pytest.raises(errors.ProviderUnavailable):
			bank.connector(token_url=f"{bank.url}/t").renew("c-1", Secret("r1"))
	assert len(bank.requests) == 1


def test_a_refused_refresh_token_is_told_from_a_refused_code():
	with Bank(answer('{"error":"invalid_grant","error_description":"r1 is used"}', 400)) as bank:
		speaks = bank.connector(token_url=f"{bank.url}/t")
		with pytest.raises(errors.RefreshRefused) as renewing:
			speaks.renew("c-1", Secret("r1"))
		with pytest.raises(errors.ConsentRequired) as exchanging:
			speaks.exchange("c-1", Secret("c0de"), RETURN_URL, Secret(VERIFIER))
	assert not isinstance(exchanging.value, errors.RefreshRefused)
	assert renewing.value.provider_code == "invalid_grant"
	assert "r1" not in str(renewing.value)


def test_the_token_endpoint_is_found_at_its_well_known_place_and_remembered():
	with Bank() as bank:
		bank.steps = [
			answer(json.dumps({"token_endpoint": f"{bank.url}/oauth/token"})),
			answer('{"access_token":"a2","expires_in":60}'),
		]
		speaks = bank.connector()
		speaks.renew("c-1", Secret("r1"))
		speaks.renew("c-1", Secret("r1"))
	assert [request.target for request in bank.requests] == [
		"/.well-known/oauth-authorization-server",
		"/oauth/token",
		"/oauth/token",
	]


def test_a_token_endpoint_elsewhere_gets_no_token():
	with Bank(answer('{"token_endpoint":"https://evil.example/token"}')) as bank:
		with pytest.raises(errors.ConfigurationError, match=r"evil\.example"):
			bank.connector().renew("c-1", Secret("r1"))


@pytest.mark.parametrize(
	"body",
	[
		{},
		{"access_token": ""},
		{"access_token": 7},
		{"access_token": "a\r\nX: 1"},
		{"access_token": "a b"},
		{"access_token": "a", "token_type": "mac"},
	],
	ids=str,
)
def test_what_is_no_token_is_not_used(body):
	with pytest.raises(errors.MalformedResponse):
		pair_of(body, datetime.now(timezone.utc), 60)


@given(
	st.dictionaries(
		st.sampled_from(["expires_in", "refresh_token_expires_in"]), st.integers() | st.text() | st.none()
	)
)
def test_a_life_of_any_form_gives_a_pair(body):
	asked = datetime(2026, 1, 1, tzinfo=timezone.utc)
	got = pair_of({"access_token": "a", **body}, asked, 60)
	assert got.expires_at >= asked


# Certificates


def test_a_transport_certificate_of_a_stranger_is_refused_and_the_error_says_so():
	made = certificates()
	with Bank(answer(consent_body())) as bank:
		speaks = bank.connector(config={"transport": client_pair(made.stranger)})
		with pytest.raises((errors.ConfigurationError, errors.ProviderUnavailable)) as caught:
			speaks.consent("c-1")
	assert bank.requests == []
	if isinstance(caught.value, errors.ConfigurationError):
		assert caught.value.provider_code == "TLS_CERTIFICATE_UNKNOWN_CA"
		assert "transport certificate" in caught.value.message


def test_a_server_of_a_stranger_is_refused():
	with Bank(answer(consent_body())) as bank:
		certificates().stranger.issue_cert("127.0.0.1").configure_cert(bank.context)
		with pytest.raises(errors.ProviderUnavailable, match="TLS"):
			bank.connector().consent("c-1")
	assert bank.requests == []


@pytest.mark.parametrize("which", ["transport", "signing"])
def test_a_missing_certificate_is_named(which):
	with Bank(answer(consent_body())) as bank, pytest.raises(errors.ConfigurationError, match=which):
		bank.connector(config={which: None}).consent("c-1")
	assert bank.requests == []


def test_swapped_certificates_are_noticed():
	made = certificates()
	with Bank(answer(consent_body())) as bank, pytest.raises(errors.ConfigurationError, match="signature"):
		bank.connector(config={"signing": made.transport}).consent("c-1")
	assert bank.requests == []


def test_a_source_without_signatures_gets_none():
	with Bank(answer(consent_body())) as bank:
		bank.connector(certificates="transport", config={"signing": None}).consent("c-1")
	assert not {"signature", "digest", "tpp-signature-certificate"} & set(bank.requests[0].headers)


def test_the_check_of_the_settings_asks_for_a_consent_that_does_not_exist():
	with Bank(answer('{"tppMessages":[{"category":"ERROR","code":"CONSENT_UNKNOWN"}]}', 403)) as bank:
		bank.connector().check()
	assert bank.requests[0].method == "GET"


def test_the_check_of_the_settings_tells_what_is_wrong():
	with Bank(answer('{"tppMessages":[{"category":"ERROR","code":"ROLE_INVALID"}]}', 401)) as bank:
		with pytest.raises(errors.ConfigurationError, match="PSP_AI"):
			bank.connector().check()
