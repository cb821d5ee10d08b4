"""What the gateway's managers are told when a provider refuses a certificate, a role, a signature or a setting.

A client's caller learns no more than that the gateway is not set up (`errors.from_provider`); those who can change
it read here which thing it was, in the desk and in the audit log.
"""

from frappe import _

from bank_api.connectors.errors import ConfigurationError, ConsentRequired, ProviderError
from bank_api.gateway import audit
from bank_api.gateway.errors import GatewayError, NotConfigured, from_provider

PROVIDER = "Bank API Provider"


def explained(error: ProviderError | GatewayError) -> str:
	"""Why a call failed, in a manager's language, with the provider's own code where that helps."""
	if isinstance(error, ConsentRequired) and error.advice:
		return f"{_(error.message)} {error.advice}"
	if not isinstance(error, ConfigurationError):
		return _(error.message)
	sentence = _sentence((error.provider_code or "").upper()) or _(error.message)
	if not error.provider_code:
		return sentence
	return _("{0} The provider's code: {1}.").format(sentence, error.provider_code)


def for_manager(error: ProviderError) -> GatewayError:
	"""As `errors.from_provider`, for somebody who presses a button in the desk."""
	if isinstance(error, ConfigurationError):
		return NotConfigured(explained(error))
	return from_provider(error)


def note(
	error: ProviderError | GatewayError,
	*,
	provider: str | None = None,
	client: str | None = None,
	method: str | None = None,
) -> None:
	"""Write a line into the audit log if it is the gateway's set-up that a provider refuses.

	Args:
		error: what the connector says.
		provider: name of the Bank API Provider, where it is known.
		client: the Bank API Client for whom the call was.
		method: the method of the public API that was called, if it was one.
	"""
	if not isinstance(error, ConfigurationError):
		return
	audit.record(
		"Set-up Refused",
		client=client,
		outcome=audit.FAILED,
		doctype=PROVIDER if provider else None,
		name=provider,
		details={
			"method": method,
			"provider_code": error.provider_code,
			"provider_request": error.request_id,
			"status_code": error.status,
			"reason": explained(error),
		},
	)


def _sentence(code: str) -> str | None:
	"""What is wrong and what to do, for the codes about certificates, roles and signatures."""
	code = code.removeprefix("TLS_")
	if code == "CERTIFICATE_EXPIRED":
		return _("The provider says that our certificate has expired. Prepare a successor and switch to it.")
	if code in ("CERTIFICATE_REVOKE", "CERTIFICATE_REVOKED", "CERTIFICATE_BLOCKED"):
		return _(
			"The provider says that our certificate is revoked or blocked. Ask the authority, or the provider."
		)
	if code in ("CERTIFICATE_MISSING", "CERTIFICATE_REQUIRED"):
		return _("The provider misses our certificate. Choose both certificates in the provider's form.")
	if code.startswith("CERTIFICATE_"):
		return _(
			"The provider refuses our certificate. Check both certificates: they must name the same firm."
		)
	if code.startswith("ROLE_"):
		return _("Our certificate lacks the role for this call. Have one issued with Account Information.")
	if code in ("SIGNATURE_MISSING", "REQUIRED_KID_MISSING"):
		return _("The provider misses our signature. Check the signing certificate and the signed headers.")
	if code.startswith("SIGNATURE_"):
		return _(
			"The provider finds our signature wrong. Try another form of the key ID, then check the signed headers."
		)
	return None
