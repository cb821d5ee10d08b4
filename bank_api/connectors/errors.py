"""What can go wrong when speaking to a provider: one small, closed family of exceptions."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

from bank_api.connectors.payments_model import PaymentProblem

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class ProviderError(Exception):
	"""A provider could not or would not answer.

	Args:
		message: what happened, in words, without secrets and without the provider's raw text.
		status: HTTP status of the answer, or None if there was none.
		provider_code: the provider's own machine-readable code, if it sent one.
		request_id: our id of the call, as sent to the provider and as written to the log.
	"""

	code = "provider_error"
	nothing_sent = False
	"""True only if it is certain that not one byte of the request has left."""

	def __init__(
		self,
		message: str,
		*,
		status: int | None = None,
		provider_code: str | None = None,
		request_id: str | None = None,
	):
		super().__init__(message)
		self.message = message
		self.status = status
		self.provider_code = provider_code
		self.request_id = request_id


class ConfigurationError(ProviderError):
	"""The credentials or settings of the provider record are refused."""

	code = "configuration_error"


class AuthenticationExpired(ProviderError):
	"""The access token is no longer valid; a new one is needed."""

	code = "authentication_expired"


class ConsentRequired(ProviderError):
	"""The end user must act (consent, strong customer authentication, new credentials).

	Attributes:
		advice: what a human has to do, and where, in words for whoever reads it; empty if nobody has said so yet.
	"""

	code = "consent_required"
	advice = ""


class TokenRefused(ConsentRequired):
	"""The access token is unknown or not meant for this: perhaps it was replaced meanwhile, else the end user must come."""

	code = "token_refused"


class RefreshRefused(ConsentRequired):
	"""The refresh token is no longer accepted (`invalid_grant`): only the end user can open the access again."""

	code = "refresh_refused"


class NotFound(ProviderError):
	"""The provider does not know the resource."""

	code = "not_found"


class AlreadyExists(ProviderError):
	"""The provider already holds a resource with this identifier."""

	code = "already_exists"


class InvalidRequest(ProviderError):
	"""The provider refuses the request as it stands."""

	code = "invalid_request"


class Unsupported(ProviderError):
	"""The provider, or the configured version of its API, does not offer this call."""

	code = "unsupported"


class BatchRefused(InvalidRequest):
	"""The bank refuses a batch of payments as a whole, for certain: nothing of it is stored.

	Args:
		message: see `ProviderError`.
		problems: what the bank says against each payment (`payments_model.PaymentProblem`).
	"""

	code = "batch_refused"

	def __init__(
		self,
		message: str,
		*,
		problems: Sequence[PaymentProblem] = (),
		status: int | None = None,
		provider_code: str | None = None,
		request_id: str | None = None,
	):
		super().__init__(message, status=status, provider_code=provider_code, request_id=request_id)
		self.problems = tuple(problems)


OBJECT = "object"


class RateLimited(ProviderError):
	"""A limit is reached, the provider's or our own ledger of it.

	Args:
		message: see `ProviderError`.
		retry_after: seconds until the next call is possible.
		scope: `OBJECT` if only this kind of read of this one account is used up, and others go on; empty if every call
			would be refused.
	"""

	code = "rate_limited"

	def __init__(
		self,
		message: str,
		*,
		retry_after: float,
		scope: str = "",
		status: int | None = None,
		provider_code: str | None = None,
		request_id: str | None = None,
	):
		super().__init__(message, status=status, provider_code=provider_code, request_id=request_id)
		self.retry_after = retry_after
		self.scope = scope


class ProviderUnavailable(ProviderError):
	"""The provider cannot be reached or fails on its side."""

	code = "provider_unavailable"


class ProviderTimeout(ProviderUnavailable):
	"""The provider did not answer in time."""

	code = "provider_timeout"


class MalformedResponse(ProviderError):
	"""The provider's answer cannot be understood; nothing of it may be used."""

	code = "malformed_response"


class NotSent(ProviderUnavailable):
	"""A call that must not be made twice was not made: it is certain that nothing has left, so it may be made later."""

	code = "not_sent"
	nothing_sent = True


class OutcomeUnknown(ProviderError):
	"""A call that must not be made twice may have been carried out, or not: only a look-up or a human can tell.

	Never a reason to send it again. `provider_code` is the provider's own word, where it sent one.
	"""

	code = "outcome_unknown"


def sealed(method: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
	"""Let a `ProviderError` leave a connector without the frames below the decorated method.

	Their local variables hold tokens and bank data, and an error report shows local variables. What a reader
	of the report needs is in the error itself: the message, the status, the provider's code and the id of the
	call.
	"""

	@wraps(method)
	def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
		try:
			return method(*args, **kwargs)
		except ProviderError as error:
			failure = error.with_traceback(None)
		failure.__context__ = None
		raise failure

	return call
