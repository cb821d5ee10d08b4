"""Error answers: both Berlin Group forms (section 7.1), and OAuth's (RFC 6749 5.2)."""

import json
from typing import Any

# What a failure that a test injects says, by status (section 7.2).
CODES = {
	400: "FORMAT_ERROR",
	401: "CONSENT_INVALID",
	403: "SERVICE_BLOCKED",
	404: "RESOURCE_UNKNOWN",
	405: "SERVICE_INVALID",
	406: "REQUESTED_FORMATS_INVALID",
	409: "STATUS_INVALID",
	429: "ACCESS_EXCEEDED",
}
BODYLESS = (408, 415, 500, 503)  # the standard defines no body for these


class Xs2aError(Exception):
	"""A refusal of the interface.

	Args:
		status: HTTP status.
		code: Berlin Group message code.
		text: What is wrong.
		path: Header, or path in the body, that is wrong.
		headers: More headers of the answer.
	"""

	def __init__(
		self,
		status: int,
		code: str,
		text: str,
		path: str | None = None,
		headers: dict[str, str] | None = None,
	) -> None:
		super().__init__(f"{status} {code}: {text}")
		self.status, self.code, self.text, self.path = status, code, text, path
		self.headers = headers or {}


class OAuthError(Exception):
	"""A refusal of the token endpoint.

	Args:
		error: RFC 6749's code.
		description: What is wrong.
		status: HTTP status.
	"""

	def __init__(self, error: str, description: str, status: int = 400) -> None:
		super().__init__(f"{error}: {description}")
		self.error, self.description, self.status = error, description, status


def format_error(text: str, path: str | None = None) -> Xs2aError:
	"""Make the refusal of a malformed request."""
	return Xs2aError(400, "FORMAT_ERROR", text, path)


def body(code: str, text: str, path: str | None, form: str) -> tuple[str, str]:
	"""Write an error.

	Args:
		code: Message code.
		text: What is wrong.
		path: Where.
		form: ``tpp`` for ``tppMessages``, ``problem`` for ``application/problem+json``.

	Returns:
		Body and content type.
	"""
	if form == "problem":
		problem: dict[str, Any] = {
			"type": "https://berlingroup.com/error-codes/" + code[:30],
			"title": text[:70],
			"detail": text[:500],
			"code": code,
		}
		return json.dumps(problem, ensure_ascii=False), "application/problem+json"
	message: dict[str, Any] = {"category": "ERROR", "code": code, "text": text[:500]}
	if path:
		message["path"] = path
	return json.dumps({"tppMessages": [message]}, ensure_ascii=False), "application/json"
