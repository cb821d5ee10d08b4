"""What a refusal means: the codes of `tppMessages`, problem details and OAuth as the gateway's errors (7, 3.3)."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from bank_api.connectors import verbatim
from bank_api.connectors.errors import (
	AuthenticationExpired,
	ConfigurationError,
	ConsentRequired,
	InvalidRequest,
	MalformedResponse,
	NotFound,
	ProviderError,
	ProviderUnavailable,
	RateLimited,
	RefreshRefused,
	TokenRefused,
	Unsupported,
)
from bank_api.connectors.http import Answer, error_for

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z", re.ASCII)
# A JSON path or the name of a header: which part is refused, never its value.
_PLACE = re.compile(r"[A-Za-z0-9_.$\[\]-]{1,80}\Z", re.ASCII)

_TRANSPORT = (
	"Check the certificates of the provider record: both have to be valid and issued to the same firm."
)
_SIGNING = (
	"Check the signing certificate of the provider record, its key, and the settings of the signature "
	"(signed_headers, key_id_style, signature_algorithm, digest_algorithm)."
)
_AGAIN = "The end user has to give a new consent."

_Kind = type[ProviderError]
_PAYMENTS: tuple[_Kind, str] = (
	Unsupported,
	"The provider answers about payments, which was not the question.",
)

CODES: dict[str, tuple[_Kind, str]] = {
	# 400
	"FORMAT_ERROR": (InvalidRequest, "The provider finds the request malformed."),
	"PARAMETER_NOT_CONSISTENT": (InvalidRequest, "The provider finds that the values contradict each other."),
	"PARAMETER_NOT_SUPPORTED": (Unsupported, "The provider does not know one of the parameters."),
	"SERVICE_INVALID": (Unsupported, "The provider does not offer this kind of consent or service here."),
	"RESOURCE_EXPIRED": (NotFound, "The provider no longer has this: it has expired."),
	"RESOURCE_BLOCKED": (
		InvalidRequest,
		"The provider has blocked this account; its holder has to ask there.",
	),
	"TIMESTAMP_INVALID": (
		ConfigurationError,
		"The provider finds the time of the request wrong: check the clock.",
	),
	"PERIOD_INVALID": (
		InvalidRequest,
		"The provider refuses the period: a date lies in the past, too far away, or after the other one.",
	),
	"SCA_METHOD_UNKNOWN": (InvalidRequest, "The provider does not know the method of authentication."),
	"SCA_INVALID": (
		ConsentRequired,
		"The end user's authentication was not accepted: it has to be done again.",
	),
	"CONSENT_UNKNOWN": (NotFound, f"The provider does not know this consent. {_AGAIN}"),
	"SESSIONS_NOT_SUPPORTED": (Unsupported, "The provider does not combine these services in one session."),
	# 401
	"CERTIFICATE_INVALID": (ConfigurationError, f"The provider finds a certificate invalid. {_TRANSPORT}"),
	"ROLE_INVALID": (
		ConfigurationError,
		"The certificate lacks the role that this call needs (PSP_AI for account information). "
		"A certificate with this role has to be issued.",
	),
	"CERTIFICATE_EXPIRED": (
		ConfigurationError,
		f"The provider says that a certificate has expired. {_TRANSPORT}",
	),
	"CERTIFICATE_BLOCKED": (ConfigurationError, f"The provider has blocked a certificate. {_TRANSPORT}"),
	"CERTIFICATE_REVOKE": (
		ConfigurationError,
		f"The provider says that a certificate is revoked. {_TRANSPORT}",
	),
	"CERTIFICATE_REVOKED": (
		ConfigurationError,
		f"The provider says that a certificate is revoked. {_TRANSPORT}",
	),
	"CERTIFICATE_MISSING": (ConfigurationError, f"The provider misses a certificate. {_TRANSPORT}"),
	"SIGNATURE_INVALID": (ConfigurationError, f"The provider finds the signature wrong. {_SIGNING}"),
	"SIGNATURE_MISSING": (ConfigurationError, f"The provider misses the signature. {_SIGNING}"),
	"REQUIRED_KID_MISSING": (
		ConfigurationError,
		f"The provider misses the key's id in the signature. {_SIGNING}",
	),
	"CORPORATE_ID_INVALID": (
		ConfigurationError,
		"The provider does not know the company's code: check the settings companies and company_header.",
	),
	"PSU_CREDENTIALS_INVALID": (
		InvalidRequest,
		"The provider does not know the end user by this identity number, or has blocked it: ask for it again.",
	),
	"CONSENT_INVALID": (
		ConsentRequired,
		f"The consent does not cover this: it is not authorised, has ended, or leaves it out. {_AGAIN}",
	),
	"CONSENT_EXPIRED": (ConsentRequired, f"The consent has expired. {_AGAIN}"),
	"TOKEN_UNKNOWN": (TokenRefused, f"The provider does not know the access token. {_AGAIN}"),
	"TOKEN_INVALID": (TokenRefused, f"The provider does not accept the access token. {_AGAIN}"),
	"TOKEN_EXPIRED": (AuthenticationExpired, "The access token has run out and has to be renewed."),
	# 403 to 409
	"SERVICE_BLOCKED": (
		ConfigurationError,
		"The provider has blocked this service for the application: ask it why.",
	),
	"RESOURCE_UNKNOWN": (
		NotFound,
		"The provider does not know this account, or the consent does not reach it.",
	),
	"REQUESTED_FORMATS_INVALID": (Unsupported, "The provider does not answer in JSON here."),
	"STATUS_INVALID": (InvalidRequest, "The consent's status does not allow this."),
	# Payments and funds; a source may use one of them by mistake.
	"PRODUCT_INVALID": _PAYMENTS,
	"PRODUCT_UNKNOWN": _PAYMENTS,
	"PAYMENT_FAILED": _PAYMENTS,
	"EXECUTION_DATE_INVALID": _PAYMENTS,
	"CANCELLATION_INVALID": _PAYMENTS,
	"BENEFICIARY_WHITELISTING_REQUIRED": _PAYMENTS,
	"FUNDS_NOT_AVAILABLE": _PAYMENTS,
	"WARNING": (InvalidRequest, "The provider warns instead of doing what was asked."),
}
"""Every code of the Berlin Group's enumerations but ACCESS_EXCEEDED, which has a wait of its own."""

OAUTH_CODES: dict[str, tuple[_Kind, str]] = {
	"invalid_grant": (
		ConsentRequired,
		"The provider no longer accepts the code: the end user has to come again.",
	),
	"invalid_client": (
		ConfigurationError,
		"The provider's token endpoint does not know us: check the transport certificate and the client id.",
	),
	"unauthorized_client": (
		ConfigurationError,
		"The provider does not allow us this kind of token call: check the client id and the registration.",
	),
	"unsupported_grant_type": (
		ConfigurationError,
		"The provider's token endpoint does not do this: check token_url.",
	),
	"invalid_scope": (ConfigurationError, "The provider refuses the scope: check the setting scope."),
	"invalid_request": (InvalidRequest, "The provider finds the request malformed."),
	"temporarily_unavailable": (
		ProviderUnavailable,
		"The provider's token endpoint is busy; try again later.",
	),
	"server_error": (ProviderUnavailable, "The provider's token endpoint fails on its side."),
}


class Reason(NamedTuple):
	"""What an error body says, as far as it is in a form that can be trusted not to be prose."""

	code: str | None
	place: str | None


def reason_of(answer: Answer) -> Reason:
	"""The code of an error body in any of its forms, and the part of the request it complains about.

	Words are not taken over: they are the provider's, and may repeat what was sent.
	"""
	try:
		body = verbatim.parse(answer.text())
	except MalformedResponse:
		return Reason(None, None)
	if not isinstance(body, dict):
		return Reason(None, None)
	messages = body.get("tppMessages")
	if isinstance(messages, dict):
		messages = [messages]
	if isinstance(messages, list):
		return _first(messages)
	error = body.get("error")
	return Reason(_word(body.get("code")) or _word(error), None)


def _first(messages: list[Any]) -> Reason:
	"""The first message that is an error and has a known code, else the first with any code."""
	found = [
		(str(message.get("category", "ERROR")).upper(), Reason(_word(message.get("code")), _place(message)))
		for message in messages
		if isinstance(message, dict)
	]
	errors = [reason for category, reason in found if category == "ERROR" and reason.code]
	known = [reason for reason in errors if reason.code and reason.code.upper() in _ALL]
	others = [reason for _, reason in found if reason.code]
	return next(iter(known or errors or others), Reason(None, None))


def refusal(
	answer: Answer, *, with_token: bool, throttled_for: float, next_day: Callable[[], float]
) -> ProviderError:
	"""The error that an answer of the API stands for.

	Args:
		answer: an answer whose status is not 2xx.
		with_token: whether the call carried an access token.
		throttled_for: seconds to wait after a 429 that says nothing.
		next_day: seconds until a used-up day is over.
	"""
	reason = reason_of(answer)
	code = (reason.code or "").upper()
	facts: dict[str, Any] = {
		"status": answer.status,
		"provider_code": reason.code,
		"request_id": answer.request_id,
	}
	if code == "ACCESS_EXCEEDED":
		wait = answer.retry_after()
		return RateLimited(
			"The reads that the consent allows for today are used up; the next one is possible tomorrow, "
			"or while the end user is there.",
			retry_after=next_day() if wait is None else wait,
			**facts,
		)
	if answer.status == 429 or answer.status >= 500:
		return error_for(answer, code=reason.code, throttled_for=throttled_for)
	if code in CODES:
		kind, message = CODES[code]
		return kind(message + _named(reason.place), **facts)
	if answer.status == 401:
		return _without_a_code(with_token, facts)
	if answer.status == 405:
		return Unsupported("The provider does not offer this kind of consent or service here.", **facts)
	if answer.status == 409:
		return InvalidRequest("The consent's status does not allow this.", **facts)
	return error_for(answer, code=reason.code, throttled_for=throttled_for)


def _without_a_code(with_token: bool, facts: dict[str, Any]) -> ProviderError:
	if with_token:
		return AuthenticationExpired("The provider does not accept the access token.", **facts)
	return ConfigurationError(f"The provider does not accept the application. {_TRANSPORT}", **facts)


def token_refusal(answer: Answer, *, renewing: bool, throttled_for: float) -> ProviderError:
	"""The error that an answer of the token endpoint stands for (RFC 6749, 5.2; tppMessages from some).

	Args:
		answer: an answer whose status is not 2xx.
		renewing: whether a refresh token was sent, not a code.
		throttled_for: seconds to wait after a 429 that says nothing.
	"""
	reason = reason_of(answer)
	facts: dict[str, Any] = {
		"status": answer.status,
		"provider_code": reason.code,
		"request_id": answer.request_id,
	}
	if answer.status == 429 or answer.status >= 500:
		return error_for(answer, code=reason.code, throttled_for=throttled_for)
	name = reason.code or ""
	if renewing and (name.lower() == "invalid_grant" or name.upper() in _DEAD_TOKEN):
		return RefreshRefused(
			"The provider no longer accepts the refresh token. The end user has to authorise the access again.",
			**facts,
		)
	kind, message = OAUTH_CODES.get(name.lower()) or CODES.get(name.upper()) or (None, "")
	if kind is not None:
		return kind(message, **facts)
	if answer.status in (401, 403):
		return _without_a_code(False, facts)
	if answer.status == 404:
		return ConfigurationError("There is no token endpoint at this address: check token_url.", **facts)
	return error_for(answer, code=reason.code, throttled_for=throttled_for)


_DEAD_TOKEN = frozenset(
	{
		"TOKEN_UNKNOWN",
		"TOKEN_INVALID",
		"TOKEN_EXPIRED",
		"CONSENT_INVALID",
		"CONSENT_EXPIRED",
		"CONSENT_UNKNOWN",
	}
)
_ALL = frozenset({*CODES, "ACCESS_EXCEEDED"})


def _named(place: str | None) -> str:
	return f" It names: {place}." if place else ""


def _word(value: Any) -> str | None:
	return value if isinstance(value, str) and _CODE.match(value) else None


def _place(message: dict[str, Any]) -> str | None:
	value = message.get("path")
	return value if isinstance(value, str) and _PLACE.match(value) else None
