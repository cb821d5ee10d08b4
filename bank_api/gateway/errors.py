"""Every failure that a caller of the public API can meet: HTTP status, stable `exc_type`, one sentence.

An unknown identifier and one of another client give the same bytes, so no message names an identifier.
What only the gateway's managers may read, `gateway/refusals.py` says.
The catalogue is part of the API: a class is never renamed, and its status never changes.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import frappe
from frappe import _

from bank_api.connectors import errors as provider_errors
from bank_api.gateway.payment_errors import of_problems


class GatewayError(frappe.ValidationError):
	"""A use case cannot do what it was asked.

	Args:
		message: one translated sentence that says what to do; the class's own if None.
		retry_after: seconds after which the same call may succeed, if that is known.
	"""

	http_status_code = 417
	facts: Mapping[str, Any] = {}
	"""What an answer tells besides the sentence, ready for JSON."""

	def __init__(self, message: str | None = None, *, retry_after: int | None = None):
		self.message = message or self.sentence()
		self.retry_after = retry_after
		super().__init__(self.message)

	def sentence(self) -> str:
		"""What the caller reads when the place that raises has nothing more precise to say."""
		return _("The request cannot be carried out as it stands.")


class UnknownObject(GatewayError):
	"""No such object, or one that belongs to another client: the two are not told apart."""

	http_status_code = 404

	def sentence(self) -> str:
		return _("There is no such object for this client. Check the identifiers of the call.")


class NotAllowed(GatewayError):
	"""The caller may not do this."""

	http_status_code = 403

	def sentence(self) -> str:
		return _("This call is not allowed. Ask the operator of the gateway.")


class BadArgument(GatewayError):
	"""An argument is missing, has the wrong type, or a value that cannot be meant."""

	http_status_code = 417


class InvalidPayments(GatewayError):
	"""Payments cannot be sent; nothing of them is kept.

	Args:
		errors: every reason: `index` (from 0), `field`, `code` and `message`, ready for JSON.
	"""

	http_status_code = 417

	def __init__(self, errors: Sequence[dict[str, Any]]):
		self.errors = list(errors)
		super().__init__()

	def sentence(self) -> str:
		return (
			_("{0} Nothing was kept or sent. The list errors names every payment and field.")
			.format(self.errors[0]["sentence"] if self.errors else "")
			.strip()
		)


class KeyInUse(GatewayError):
	"""The caller's key has made another batch before."""

	http_status_code = 409

	def sentence(self) -> str:
		return _("This idempotency_key was used for another batch. Take a new one for each batch.")


class PaymentsRepeated(GatewayError):
	"""The same payments were handed over before, under another key; nothing is kept.

	Args:
		batch: our id of the earlier batch.
		key: its caller's key.
	"""

	http_status_code = 409

	def __init__(self, batch: str, key: str):
		self.facts = {"batch": batch, "idempotency_key": key}
		super().__init__(
			_(
				"The same payments were handed over before: batch {0}, idempotency_key {1}. Look at how it stands. If they are to "
				"be paid once more, pass allow_repeated=1."
			).format(batch, key)
		)


class OutcomeUncertain(GatewayError):
	"""A call that must not be made twice may have been carried out at the bank, or not.

	Not a 502: programs repeat those by themselves.
	"""

	http_status_code = 409

	def sentence(self) -> str:
		return _(
			"It is not certain whether the bank has carried this out. Look at how the batch stands before anything else "
			"is done about these payments; if it stays unknown, a human has to look in the bank's channel."
		)


class PaymentsRefused(GatewayError):
	"""The bank refuses payments, for certain: nothing of them is stored there.

	Args:
		message: see `GatewayError`.
		errors: what the bank says against each payment: `index` (from 0), `field`, `code`, `message`, `sentence`.
	"""

	http_status_code = 417

	def __init__(self, message: str | None = None, errors: Sequence[dict[str, Any]] = ()):
		self.errors = list(errors)
		super().__init__(message)

	def sentence(self) -> str:
		return _(
			"{0} The bank has stored nothing. The list errors names what it says of each payment."
		).format(self.errors[0]["sentence"] if self.errors else _("The bank refuses the payments."))


class ConsentNeeded(GatewayError):
	"""The end user has to act at the bank before this can work.

	Args:
		message: see `GatewayError`.
		advice: what exactly a human has to do, and where, if that is known; a translated text.
	"""

	http_status_code = 409

	def __init__(self, message: str | None = None, *, advice: str = "", retry_after: int | None = None):
		self.advice = advice
		super().__init__(f"{message} {advice}" if message and advice else message, retry_after=retry_after)

	def sentence(self) -> str:
		if self.advice:
			return _("The access has to be given anew at the bank. {0}").format(self.advice)
		return _("The end user has to act first: ask for a new link and send the end user there.")


class DataNotReady(GatewayError):
	"""Nothing has been read from this bank yet; an empty list would be a lie."""

	http_status_code = 409

	def __init__(self, message: str | None = None, *, retry_after: int | None = 60):
		super().__init__(message, retry_after=retry_after)

	def sentence(self) -> str:
		return _("The first synchronisation has not ended yet. Call again in a minute.")


class NotOffered(GatewayError):
	"""The provider, or the configured version of its API, has no such call."""

	http_status_code = 410

	def sentence(self) -> str:
		return _("The provider does not offer this call in the configured version of its API.")


class Throttled(GatewayError):
	"""A rate limit is reached; `Retry-After` says when the next call is possible."""

	http_status_code = 429

	def sentence(self) -> str:
		return _("The provider's rate limit is reached. Repeat the call after the time given in Retry-After.")


class ProviderFailed(GatewayError):
	"""The provider cannot be reached, fails, or answers what cannot be understood."""

	http_status_code = 502

	def sentence(self) -> str:
		return _("The provider does not answer as it should. Repeat the call later.")


class ProviderTimedOut(GatewayError):
	"""The provider did not answer in time."""

	http_status_code = 504

	def sentence(self) -> str:
		return _("The provider did not answer in time. Repeat the call later.")


class NotConfigured(GatewayError):
	"""The operator of the gateway has to complete or correct its settings."""

	http_status_code = 503

	def sentence(self) -> str:
		return _("The gateway is not set up for this call. Ask its operator to complete its settings.")


class InternalError(GatewayError):
	"""A defect or an outage of the gateway itself; the details are in its Error Log, never in the answer."""

	http_status_code = 500

	def sentence(self) -> str:
		return _("The gateway failed. Repeat the call later, or tell its operator.")


# The first class that fits wins, so subclasses come before their parents.
_FROM_PROVIDER: tuple[tuple[type[provider_errors.ProviderError], type[GatewayError]], ...] = (
	(provider_errors.RateLimited, Throttled),
	(provider_errors.ProviderTimeout, ProviderTimedOut),
	(provider_errors.ProviderUnavailable, ProviderFailed),
	(provider_errors.MalformedResponse, ProviderFailed),
	(provider_errors.AuthenticationExpired, ProviderFailed),
	(provider_errors.ConfigurationError, NotConfigured),
	(provider_errors.NotFound, UnknownObject),
)


def from_provider(error: provider_errors.ProviderError) -> GatewayError:
	"""The error that a caller of the public API gets to see for a connector's error.

	Where the caller can do something about it, the connector's own sentence is kept. It holds neither secrets
	nor the provider's text; those stay in the log, with the request id.
	"""
	if isinstance(error, provider_errors.RateLimited):
		return Throttled(retry_after=max(1, math.ceil(error.retry_after)))
	if isinstance(error, provider_errors.Unsupported):
		return NotOffered(_(error.message))
	if isinstance(error, provider_errors.ConsentRequired):
		return ConsentNeeded(advice=error.advice)
	if isinstance(error, provider_errors.OutcomeUnknown):
		return OutcomeUncertain()
	if isinstance(error, provider_errors.NotSent):
		return ProviderFailed(_("The bank cannot be reached, and nothing was sent. Repeat the call later."))
	if isinstance(error, provider_errors.BatchRefused):
		return PaymentsRefused(errors=of_problems(error.problems))
	if isinstance(error, provider_errors.InvalidRequest):
		return BadArgument(
			_("The provider refuses the request: {0} Check the arguments of the call.").format(
				_(error.message)
			)
		)
	for kind, mapped in _FROM_PROVIDER:
		if isinstance(error, kind):
			return mapped()
	return ProviderFailed()
