"""What a refusal means, as the gateway's errors with sentences that say what to do (kb_batch.md, 2.2, 2.5, 3.3, 4.1)."""

from enum import Enum
from typing import Any

from bank_api.connectors.errors import (
	BatchRefused,
	ConfigurationError,
	ConsentRequired,
	InvalidRequest,
	NotFound,
	ProviderError,
	RateLimited,
	TokenRefused,
	Unsupported,
)
from bank_api.connectors.http import Answer, error_for
from bank_api.connectors.kb.faults import Reason, reason_of
from bank_api.connectors.kb.names import Names

# Codes of the gateway (WSO2): the portal's key is not subscribed, or the token lacks the scope.
_NOT_SUBSCRIBED = frozenset({"900907", "900908", "900909"})
_LACKS_SCOPE = frozenset({"900910"})

_KEY = (
	"KB does not accept the key of this API: each API has its own key in KB's developer portal; enter it in the "
	"provider record."
)
_ADDRESS = "KB has nothing at this address: check the addresses and names in the provider record."
RENEW = (
	"The user may not send batches now: authorise batch payments via API in MojeBanka or KB+ for another 12 months, "
	"or give the consent again."
)


class About(Enum):
	"""What a call is about: it says what a 401, 403 or 404 means."""

	SETUP = "setup"
	TOKEN = "token"
	ACCOUNTS = "accounts"
	ACCOUNT = "account"
	BATCH = "batch"


def refusal(answer: Answer, about: About, names: Names, *, throttled_for: float) -> ProviderError:
	"""The error that an answer stands for.

	Args:
		answer: an answer whose status is not 2xx.
		about: what the call is about.
		names: KB's words.
		throttled_for: seconds to wait after a 429 that does not say.
	"""
	reason = reason_of(answer)
	facts: dict[str, Any] = {
		"status": answer.status,
		"provider_code": reason.code or None,
		"request_id": answer.request_id,
	}
	if answer.status == 429:
		wait = answer.retry_after()
		return RateLimited(
			"KB's limit is reached; try again later.",
			retry_after=throttled_for if wait is None else wait,
			**facts,
		)
	known = (
		_denied(answer.status, about, reason, names, facts)
		if answer.status in (401, 403)
		else _by_status(answer.status, about, reason, facts)
	)
	return known or error_for(answer, code=facts["provider_code"])


def _denied(status: int, about: About, reason: Reason, names: Names, facts: dict[str, Any]) -> ProviderError:
	if about is About.SETUP and status == 403:
		return ConfigurationError(
			"KB does not accept the commercial certificate: it must be a qualified one of I.CA or PostSignum that is "
			"valid today.",
			**facts,
		)
	if about in (About.SETUP, About.TOKEN) or _speaks_of_key(reason, names):
		return ConfigurationError(_KEY, **facts)
	if status == 401:
		return TokenRefused("KB does not accept the access token.", **facts)
	if about is About.BATCH:
		return ConsentRequired(RENEW, **facts)
	if about is About.ACCOUNT and reason.code not in _LACKS_SCOPE:
		return NotFound("The consent does not reach this account, or KB has blocked it.", **facts)
	return ConsentRequired(
		"The consent reaches no account: the user has to give it again, and choose accounts.", **facts
	)


def _speaks_of_key(reason: Reason, names: Names) -> bool:
	if not reason.is_fault:
		return False
	known = (word.strip().lower() for word in names.words_api_key.split(","))
	return reason.code in _NOT_SUBSCRIBED or any(word and word in reason.words for word in known)


def _by_status(status: int, about: About, reason: Reason, facts: dict[str, Any]) -> ProviderError | None:
	if status in (404, 405) and reason.is_fault:
		return ConfigurationError(_ADDRESS, **facts)
	if status == 404:
		words = {About.BATCH: "KB does not know this batch.", About.ACCOUNT: "KB does not know this account."}
		return NotFound(words[about], **facts) if about in words else ConfigurationError(_ADDRESS, **facts)
	if status in (405, 406, 415):
		return Unsupported("KB does not take this call, or this format, here.", **facts)
	if status in (400, 413, 422):
		return _invalid(about, reason, facts)
	return None


def _invalid(about: About, reason: Reason, facts: dict[str, Any]) -> ProviderError:
	if about is About.BATCH:
		problems = reason.problems
		first = problems[0].sentence if problems else "KB refuses the batch without saying why."
		more = f" There are {len(problems) - 1} more." if len(problems) > 1 else ""
		return BatchRefused(first + more, problems=problems, **facts)
	fields = [one.field for one in reason.problems if one.field]
	if fields:
		return InvalidRequest(f"KB refuses the request. It names: {', '.join(fields[:5])}.", **facts)
	return InvalidRequest("KB refuses the request as it stands.", **facts)
