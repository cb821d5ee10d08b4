"""What a refusal means: Open Finance Brasil's statuses and codes, Quanto's own among them, as the gateway's errors.

Sources: 3.6 (422 of consents), 4.1 (statuses), 4.2 (403 of resources), 4.7 (423). Guidance pages spell some codes otherwise;
both spellings are known, compared without regard to case.
"""

import re
from enum import Enum
from typing import Any, NamedTuple

from bank_api.connectors import verbatim
from bank_api.connectors.errors import (
	ConfigurationError,
	ConsentRequired,
	InvalidRequest,
	MalformedResponse,
	NotFound,
	ProviderError,
	ProviderTimeout,
	ProviderUnavailable,
	RateLimited,
	Unsupported,
)
from bank_api.connectors.http import Answer, error_for
from bank_api.connectors.quanto.limits import used_up
from bank_api.connectors.quanto.names import Names

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,100}\Z", re.ASCII)
# A field's name or JSON path: which part is refused, never its value.
_PLACE = re.compile(r"[A-Za-z][A-Za-z_.$\[\]0-9]{0,79}\Z", re.ASCII)

_Kind = type[ProviderError]
_AGAIN = "The end user has to share the data again."
_KEY = "Quanto does not accept the API key: enter the one that the onboarding gave, or go through the onboarding again."
_SETUP = "Quanto says that the set-up is not complete: finish its steps first."
CODES: dict[str, tuple[_Kind, str]] = {
	# POST /consents, and with it a session (3.6)
	"SEM_PERMISSOES_FUNCIONAIS_RESTANTES": (
		InvalidRequest,
		"The bank offers none of the data that is asked for: ask for other groups, or another bank.",
	),
	"INFORMACOES_PJ_NAO_INFORMADAS": (
		InvalidRequest,
		"A company's registration data needs the company's CNPJ.",
	),
	"PERMISSOES_PJ_INCORRETAS": (
		InvalidRequest,
		"With a company's CNPJ, the registration data to ask for is the company's.",
	),
	"PERMISSAO_PF_PJ_EM_CONJUNTO": (
		InvalidRequest,
		"A person's and a company's registration data cannot be asked for together.",
	),
	"PERMISSOES_PF_PJ_EM_CONJUNTO": (
		InvalidRequest,
		"A person's and a company's registration data cannot be asked for together.",
	),
	"COMBINACAO_PERMISSOES_INCORRETA": (
		InvalidRequest,
		"Permissions are asked for in whole groups, each with RESOURCES_READ: add the missing ones.",
	),
	"COMBINACOES_DE_PERMISSOES_INCORRETA": (
		InvalidRequest,
		"Permissions are asked for in whole groups, each with RESOURCES_READ: add the missing ones.",
	),
	"DATA_EXPIRACAO_INVALIDA": (
		InvalidRequest,
		"The new end of the consent must lie after today and after its present end, and no more than 12 months ahead.",
	),
	# DELETE
	"CONSENTIMENTO_EM_STATUS_REJEITADO": (InvalidRequest, "The consent has ended already."),
	"CONSENTIMENTO_JA_REJEITADO": (InvalidRequest, "The consent has ended already."),
	# extends
	"DEPENDE_MULTIPLA_ALCADA": (
		InvalidRequest,
		"A consent that several people have to approve cannot be extended: start a new session instead.",
	),
	"ESTADO_CONSENTIMENTO_INVALIDO": (
		InvalidRequest,
		"Only a consent that is valid can be extended: start a new session instead.",
	),
	"REFRESH_TOKEN_JWT": (
		InvalidRequest,
		"The bank cannot extend this consent: start a new session instead.",
	),
	"ERRO_NAO_MAPEADO": (InvalidRequest, "The bank refuses the request without saying why."),
	# Resources (4.2)
	"STATUS_RESOURCE_PENDING_AUTHORISATION": (
		ConsentRequired,
		"Other people have to approve the sharing of this account before it can be read.",
	),
	"STATUS_RESOURCE_UNAVAILABLE": (
		NotFound,
		"The bank no longer shares this: it is closed, has moved, or its sharing was refused.",
	),
	"RESOURCE_FORBIDDEN": (NotFound, "The bank knows no such account under this consent."),
}
"""Codes that mean the same wherever they come."""

# Quanto's own codes, by where they stand in `names.Names`: what is wrong with an uploaded certificate (1, rule 1.4; 5.6).
_CERTIFICATES: dict[str, tuple[_Kind, str]] = {
	"codes_level": (
		InvalidRequest,
		"The certificate is of the wrong level: transport belongs to the software statement, signing to the organisation.",
	),
	"codes_key": (InvalidRequest, "The private key does not fit the certificate, or is too weak."),
	"codes_validity": (InvalidRequest, "The certificate is not valid today."),
	"codes_issuer": (InvalidRequest, "The certificate was not issued by an authority of ICP-Brasil."),
	"codes_identity": (
		InvalidRequest,
		"The certificate names another organisation or software statement than the credentials.",
	),
	"codes_profile": (
		InvalidRequest,
		"The certificate does not have the profile of Open Finance Brasil (BRCAC for transport, BRSEAL for signing).",
	),
}
_TEMPORARY = (ProviderUnavailable, "The bank has blocked this account for the time being; try again later.")

STATUSES: dict[int, tuple[_Kind, str]] = {
	400: (InvalidRequest, "Quanto finds the request malformed."),
	405: (Unsupported, "Quanto does not offer this call."),
	406: (Unsupported, "Quanto does not answer in JSON here."),
	415: (Unsupported, "Quanto does not take JSON here."),
	422: (InvalidRequest, "Quanto cannot carry out the request as it stands."),
	425: (Unsupported, "The bank does not offer this yet."),
	504: (ProviderTimeout, "The bank did not answer in time."),
}


class About(Enum):
	"""What a call is about: it says what a 401, 403 or 404 without a known code means."""

	SETUP = "setup"
	ONBOARDING = "onboarding"
	SESSION = "session"
	CONSENT = "consent"
	EXTENSION = "extension"
	DATA = "data"


_DENIED: dict[tuple[About, int], tuple[_Kind, str]] = {
	(About.DATA, 401): (ConsentRequired, f"The consent is no longer valid. {_AGAIN}"),
	(About.DATA, 403): (
		ConsentRequired,
		f"The consent does not cover this data. {_AGAIN}",
	),
	(About.DATA, 404): (NotFound, "The bank knows no such account under this consent."),
	(About.CONSENT, 404): (NotFound, "Quanto does not know this consent."),
	# The call speaks with the consent's own token, and only for those who have given it (3.8).
	(About.EXTENSION, 401): (ConsentRequired, f"The consent is no longer valid. {_AGAIN}"),
	(About.EXTENSION, 403): (
		InvalidRequest,
		"Only the person or company that gave the access can make it last longer: check the CPF, and the company's CNPJ if it is a company's.",
	),
	(About.EXTENSION, 404): (NotFound, "Quanto does not know this consent."),
	(About.SESSION, 404): (NotFound, "Quanto does not know this session."),
	(About.ONBOARDING, 401): (
		ConsentRequired,
		"The onboarding link has been used, or has expired: ask Quanto for a new one.",
	),
	(About.ONBOARDING, 403): (
		ConsentRequired,
		"The onboarding link has been used, or has expired: ask Quanto for a new one.",
	),
	(About.ONBOARDING, 404): (
		ConsentRequired,
		"The onboarding link has been used, or has expired: ask Quanto for a new one.",
	),
	(About.ONBOARDING, 409): (
		ConsentRequired,
		"The onboarding link has been used, or has expired: ask Quanto for a new one.",
	),
	(About.ONBOARDING, 410): (
		ConsentRequired,
		"The onboarding link has been used, or has expired: ask Quanto for a new one.",
	),
	(About.SESSION, 409): (ConfigurationError, _SETUP),
}


class Reason(NamedTuple):
	"""What an error body says, as far as it is in a form that can be trusted not to be prose."""

	codes: tuple[str, ...]
	place: str | None


def reason_of(answer: Answer, names: Names) -> Reason:
	"""The codes of an error body (`{"errors": [{"code", "title", "detail"}]}`, 4.1), and the field that it names.

	Words are not taken over: they are the bank's, and may repeat what was sent.
	"""
	try:
		body = verbatim.parse(answer.text())
	except MalformedResponse:
		return Reason((), None)
	rows = body.get("errors") if isinstance(body, dict) else None
	listed = [row for row in rows if isinstance(row, dict)][:13] if isinstance(rows, list) else []
	if isinstance(body, dict) and not listed:
		listed = [body]
	codes = tuple(row["code"] for row in listed if _matches(_CODE, row.get("code")))
	place = next(
		(
			row[names.field_error_field]
			for row in listed
			if _matches(_PLACE, row.get(names.field_error_field))
		),
		None,
	)
	return Reason(codes, place)


def refusal(
	answer: Answer, about: About, names: Names, *, throttled_for: float, next_month: float
) -> ProviderError:
	"""The error that an answer stands for.

	Args:
		answer: an answer whose status is not 2xx.
		about: what the call is about.
		names: Quanto's words.
		throttled_for: seconds to wait after a 429 or 529 that does not say.
		next_month: seconds until a month that is used up is over.
	"""
	reason = reason_of(answer, names)
	facts: dict[str, Any] = {
		"status": answer.status,
		"provider_code": reason.codes[0] if reason.codes else None,
		"request_id": answer.request_id,
	}
	upper = {code.upper() for code in reason.codes}
	if answer.status == 423:
		return used_up(next_month, **facts)
	if answer.status in (429, 529):
		wait = answer.retry_after()
		return RateLimited(
			"The provider's rate limit is reached; try again later.",
			retry_after=throttled_for if wait is None else wait,
			**facts,
		)
	if answer.status >= 500 and answer.status != 504:
		return error_for(answer, code=facts["provider_code"])
	if _speaks_of_key(answer.status, upper, about, names):
		return ConfigurationError(_KEY, **facts)
	if upper & _words(names.codes_in_use):
		return ConfigurationError(_SETUP, **facts)
	kind, message = (
		_by_code(reason.codes)
		or _of_certificate(upper, names)
		or _DENIED.get((about, answer.status))
		or STATUSES.get(answer.status)
		or (None, "")
	)
	if kind is None:
		return error_for(answer, code=facts["provider_code"])
	return kind(message + (f" It names: {reason.place}." if reason.place else ""), **facts)


def _speaks_of_key(status: int, codes: set[str], about: About, names: Names) -> bool:
	"""Whether the API key is refused: outside a consent's own calls every 401 says so; within them, only a code does (4.2)."""
	if about is About.ONBOARDING or status not in (401, 403):
		return False
	under_consent = about in (About.DATA, About.EXTENSION)
	return bool(codes & _words(names.codes_api_key)) or (status == 401 and not under_consent)


def _by_code(codes: tuple[str, ...]) -> tuple[_Kind, str] | None:
	for code in codes:
		upper = code.upper()
		# `..._TEMPORARILY_UNAVAILABLE` and `..._TEMPORARY_UNAVAILABLE` are both seen (4.2).
		if upper.startswith("STATUS_RESOURCE_TEMPORAR"):
			return _TEMPORARY
		if upper in CODES:
			return CODES[upper]
	return None


def _of_certificate(codes: set[str], names: Names) -> tuple[_Kind, str] | None:
	return next((found for key, found in _CERTIFICATES.items() if codes & _words(getattr(names, key))), None)


def _words(text: str) -> set[str]:
	return {word.strip().upper() for word in text.split(",") if word.strip()}


def _matches(form: re.Pattern[str], value: Any) -> bool:
	return isinstance(value, str) and form.match(value) is not None
