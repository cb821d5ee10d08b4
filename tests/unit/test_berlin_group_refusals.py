"""Every error code of the Berlin Group, in every form of body, and bodies of no form at all (7)."""

import json
import re

import pytest
from berlin_group_bank import Bank, token
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import answer

from bank_api.connectors import errors
from bank_api.connectors.berlin_group.refusals import CODES, reason_of, refusal, token_refusal
from bank_api.connectors.http import Answer

# The enumerations of the older OpenAPI files, by status (7.2), and what each one has to become.
BY_STATUS = {
	400: {
		"FORMAT_ERROR": errors.InvalidRequest,
		"PARAMETER_NOT_CONSISTENT": errors.InvalidRequest,
		"PARAMETER_NOT_SUPPORTED": errors.Unsupported,
		"SERVICE_INVALID": errors.Unsupported,
		"RESOURCE_UNKNOWN": errors.NotFound,
		"RESOURCE_EXPIRED": errors.NotFound,
		"RESOURCE_BLOCKED": errors.InvalidRequest,
		"TIMESTAMP_INVALID": errors.ConfigurationError,
		"PERIOD_INVALID": errors.InvalidRequest,
		"SCA_METHOD_UNKNOWN": errors.InvalidRequest,
		"SCA_INVALID": errors.ConsentRequired,
		"CONSENT_UNKNOWN": errors.NotFound,
		"SESSIONS_NOT_SUPPORTED": errors.Unsupported,
		"PAYMENT_FAILED": errors.Unsupported,
		"EXECUTION_DATE_INVALID": errors.Unsupported,
	},
	401: {
		"CERTIFICATE_INVALID": errors.ConfigurationError,
		"ROLE_INVALID": errors.ConfigurationError,
		"CERTIFICATE_EXPIRED": errors.ConfigurationError,
		"CERTIFICATE_BLOCKED": errors.ConfigurationError,
		"CERTIFICATE_REVOKE": errors.ConfigurationError,
		"CERTIFICATE_REVOKED": errors.ConfigurationError,
		"CERTIFICATE_MISSING": errors.ConfigurationError,
		"SIGNATURE_INVALID": errors.ConfigurationError,
		"SIGNATURE_MISSING": errors.ConfigurationError,
		"REQUIRED_KID_MISSING": errors.ConfigurationError,
		"CORPORATE_ID_INVALID": errors.ConfigurationError,
		"PSU_CREDENTIALS_INVALID": errors.InvalidRequest,
		"CONSENT_INVALID": errors.ConsentRequired,
		"CONSENT_EXPIRED": errors.ConsentRequired,
		"TOKEN_UNKNOWN": errors.TokenRefused,
		"TOKEN_INVALID": errors.TokenRefused,
		"TOKEN_EXPIRED": errors.AuthenticationExpired,
	},
	403: {
		"CONSENT_UNKNOWN": errors.NotFound,
		"SERVICE_BLOCKED": errors.ConfigurationError,
		"RESOURCE_UNKNOWN": errors.NotFound,
		"RESOURCE_EXPIRED": errors.NotFound,
		"PRODUCT_INVALID": errors.Unsupported,
	},
	404: {"RESOURCE_UNKNOWN": errors.NotFound, "PRODUCT_UNKNOWN": errors.Unsupported},
	405: {"SERVICE_INVALID": errors.Unsupported, "CANCELLATION_INVALID": errors.Unsupported},
	406: {"REQUESTED_FORMATS_INVALID": errors.Unsupported},
	409: {"STATUS_INVALID": errors.InvalidRequest},
	429: {"ACCESS_EXCEEDED": errors.RateLimited},
}
ALL = [(status, code, kind) for status, codes in BY_STATUS.items() for code, kind in codes.items()]


def answered(status: int, body, media: str = "application/json") -> Answer:
	data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
	return Answer(status, {"Content-Type": media}, data, "request-1")


def error_of(response: Answer, with_token: bool = True) -> errors.ProviderError:
	return refusal(response, with_token=with_token, throttled_for=60.0, next_day=lambda: 4321.0)


def messages(*codes: str, category: str = "ERROR", **more: str):
	return {"tppMessages": [{"category": category, "code": code, **more} for code in codes]}


@pytest.mark.parametrize(
	("status", "code", "kind"), ALL, ids=lambda value: str(getattr(value, "__name__", value))
)
def test_every_code_in_both_forms_of_body(status, code, kind):
	both = [
		answered(status, messages(code, text="prose with 999888777")),
		answered(
			status,
			{"type": "https://x", "code": code, "detail": "prose with 999888777"},
			"application/problem+json",
		),
	]
	for response in both:
		error = error_of(response)
		assert type(error) is kind
		assert (error.status, error.provider_code, error.request_id) == (status, code, "request-1")
		assert "999888777" not in error.message
		assert error.message.endswith(".") and len(error.message) > 30


def test_the_certificate_or_signature_at_fault_is_named():
	for code, (kind, message) in CODES.items():
		if code.startswith("CERTIFICATE_"):
			assert kind is errors.ConfigurationError and "certificate" in message
		if code.startswith("SIGNATURE_"):
			assert (
				kind is errors.ConfigurationError and "signature" in message and "signed_headers" in message
			)


def test_the_part_of_the_request_at_fault_is_named_but_not_its_value():
	assert "psu-id" in error_of(answered(400, messages("FORMAT_ERROR", path="psu-id"))).message
	assert (
		"$.access" in error_of(answered(400, messages("FORMAT_ERROR", path="$.access.accounts[0]"))).message
	)
	assert "secret" not in error_of(answered(400, messages("FORMAT_ERROR", path="a secret value"))).message


def test_an_error_counts_before_a_warning_and_a_known_code_before_another():
	body = {
		"tppMessages": [
			{"category": "WARNING", "code": "FORMAT_ERROR"},
			{"category": "ERROR", "code": "HOUSE_RULE_7"},
			{"category": "ERROR", "code": "CONSENT_EXPIRED"},
		]
	}
	assert error_of(answered(401, body)).provider_code == "CONSENT_EXPIRED"


def test_the_used_up_day_ends_with_the_day_or_when_the_source_says():
	assert error_of(answered(429, messages("ACCESS_EXCEEDED"))).retry_after == 4321.0
	assert error_of(Answer(429, {"Retry-After": "9"}, b"", "r")).retry_after == 9
	with_both = Answer(
		429,
		{"Retry-After": "9", "Content-Type": "application/json"},
		json.dumps(messages("ACCESS_EXCEEDED")).encode(),
		"r",
	)
	assert error_of(with_both).retry_after == 9


@pytest.mark.parametrize(
	("status", "with_token", "kind"),
	[
		(400, True, errors.InvalidRequest),
		(401, True, errors.AuthenticationExpired),
		(401, False, errors.ConfigurationError),
		(403, True, errors.ConfigurationError),
		(404, True, errors.NotFound),
		(405, True, errors.Unsupported),
		(408, True, errors.ProviderTimeout),
		(409, True, errors.InvalidRequest),
		(415, True, errors.InvalidRequest),
		(429, True, errors.RateLimited),
		(302, True, errors.ProviderUnavailable),
		(500, True, errors.ProviderUnavailable),
		(503, True, errors.ProviderUnavailable),
		(504, True, errors.ProviderTimeout),
	],
)
@pytest.mark.parametrize(
	"body",
	[
		b"<html>gateway</html>",
		b"",
		b"{",
		b"[]",
		b'"text"',
		b'{"tppMessages":[]}',
		b'{"tppMessages":[7,null]}',
		b'{"tppMessages":null}',
		b'{"httpCode":"401","moreInformation":"x"}',
		b"\xff\xfe",
	],
)
def test_a_body_that_is_no_form_of_theirs_goes_by_its_status(status, with_token, kind, body):
	error = error_of(answered(status, body), with_token)
	assert type(error) is kind
	assert error.provider_code is None


@pytest.mark.parametrize("code", ["FORMAT_ERROR", "CONSENT_INVALID"])
def test_a_failing_server_is_failing_whatever_it_says(code):
	assert type(error_of(answered(500, messages(code)))) is errors.ProviderUnavailable


@given(
	st.integers(300, 599),
	st.binary()
	| st.builds(
		lambda value: json.dumps(value).encode(),
		st.recursive(
			st.none() | st.booleans() | st.integers() | st.text(),
			lambda inner: (
				st.lists(inner)
				| st.dictionaries(
					st.sampled_from(["tppMessages", "code", "category", "error", "path"]), inner
				)
			),
		),
	),
)
def test_no_body_is_ever_a_crash_or_taken_over(status, body):
	response = answered(status, body)
	for error in (
		error_of(response),
		token_refusal(response, renewing=True, throttled_for=1.0),
		token_refusal(response, renewing=False, throttled_for=1.0),
	):
		assert isinstance(error, errors.ProviderError)
		code = reason_of(response).code
		assert code is None or re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", code)


@pytest.mark.parametrize(
	("code", "status", "kind"),
	[
		("invalid_request", 400, errors.InvalidRequest),
		("invalid_client", 401, errors.ConfigurationError),
		("invalid_grant", 400, errors.ConsentRequired),
		("unauthorized_client", 400, errors.ConfigurationError),
		("unsupported_grant_type", 400, errors.ConfigurationError),
		("invalid_scope", 400, errors.ConfigurationError),
		("temporarily_unavailable", 400, errors.ProviderUnavailable),
		("server_error", 400, errors.ProviderUnavailable),
	],
)
def test_every_error_of_oauth(code, status, kind):
	error = token_refusal(answered(status, {"error": code}), renewing=False, throttled_for=1.0)
	assert type(error) is kind and error.provider_code == code


@pytest.mark.parametrize(
	"body",
	[{"error": "invalid_grant"}, messages("TOKEN_INVALID"), messages("CONSENT_EXPIRED")],
	ids=str,
)
def test_a_dead_refresh_token_in_either_form(body):
	assert type(token_refusal(answered(400, body), renewing=True, throttled_for=1.0)) is errors.RefreshRefused


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_token_endpoint_of_another_world_is_a_matter_of_settings(status):
	error = token_refusal(answered(status, b"<html>"), renewing=True, throttled_for=1.0)
	assert type(error) is errors.ConfigurationError


def test_over_the_wire_an_error_names_its_call():
	with Bank(answer(json.dumps(messages("CONSENT_INVALID")), 401)) as bank:
		with pytest.raises(errors.ConsentRequired) as caught:
			bank.connector().accounts(token(), "c-1")
	assert caught.value.request_id == bank.requests[0].headers["x-request-id"]
	assert "access-1" not in str(caught.value)
