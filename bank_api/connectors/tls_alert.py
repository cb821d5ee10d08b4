"""What a provider's TLS alert says about our certificate.

A server that demands a client certificate refuses it with an alert. With TLS 1.2 the alert ends the handshake, with
TLS 1.3 it arrives with the first read, wrapped by the libraries in several layers.

Source: RFC 8446, 6.2 (alerts); their names are OpenSSL's.
"""

import ssl
from typing import NamedTuple

_MAX_DEPTH = 12


class Refusal(NamedTuple):
	"""A stable code and a sentence that says what to do."""

	code: str
	message: str


_HINT = "Check the transport certificate of the provider record."
_REFUSALS = {
	"CERTIFICATE_REQUIRED": Refusal(
		"TLS_CERTIFICATE_REQUIRED",
		f"The provider demands a transport certificate and got none that it takes. {_HINT}",
	),
	"CERTIFICATE_EXPIRED": Refusal(
		"TLS_CERTIFICATE_EXPIRED", f"The provider refuses the transport certificate: it has expired. {_HINT}"
	),
	"CERTIFICATE_REVOKED": Refusal(
		"TLS_CERTIFICATE_REVOKED", f"The provider refuses the transport certificate: it is revoked. {_HINT}"
	),
	"UNKNOWN_CA": Refusal(
		"TLS_CERTIFICATE_UNKNOWN_CA",
		f"The provider does not know the issuer of the transport certificate. {_HINT} Its chain may lack an "
		"intermediate certificate.",
	),
}
_GENERAL = Refusal(
	"TLS_CERTIFICATE_REFUSED", f"The provider refuses the transport certificate at the TLS handshake. {_HINT}"
)
_GENERAL_WORDS = (
	"BAD_CERTIFICATE",
	"UNSUPPORTED_CERTIFICATE",
	"CERTIFICATE_UNKNOWN",
	"ACCESS_DENIED",
	"HANDSHAKE_FAILURE",
	"DECRYPT_ERROR",
)


def reason(error: BaseException) -> str:
	"""OpenSSL's name of what went wrong, such as `TLSV13_ALERT_CERTIFICATE_REQUIRED`; empty if TLS is not it."""
	found: list[BaseException] = [error]
	seen: set[int] = set()
	while found and len(seen) < _MAX_DEPTH:
		current = found.pop(0)
		if id(current) in seen:
			continue
		seen.add(id(current))
		if isinstance(current, ssl.SSLError) and isinstance(current.reason, str):
			return current.reason
		inner = (*current.args, getattr(current, "reason", None), current.__cause__, current.__context__)
		found += [value for value in inner if isinstance(value, BaseException)]
	return ""


def refusal(error: BaseException) -> Refusal | None:
	"""What the provider says against our certificate; None if the failure is another one."""
	name = reason(error)
	if "ALERT" not in name:
		return None
	for word, known in _REFUSALS.items():
		if word in name:
			return known
	return _GENERAL if any(word in name for word in _GENERAL_WORDS) else None
