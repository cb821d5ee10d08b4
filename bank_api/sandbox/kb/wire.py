"""What KB's answers are made of: exact numbers, errors in their shapes, faults of the gateway before it (section 3.3)."""

import json
from dataclasses import dataclass
from html import escape
from typing import Any

from werkzeug.wrappers import Response

from bank_api.sandbox.data import cents
from bank_api.sandbox.http import ExactNumber

JSON = "application/json"
FAULT_NAMESPACE = "http://wso2.org/apimanager"
# Codes of the gateway by status: missing, invalid, forbidden, not found, throttled, time-out, back end down.
FAULT_CODES = {
	401: ("900902", "Missing Credentials"),
	403: ("900908", "Resource forbidden"),
	404: ("900906", "No matching resource found for given API Request"),
	405: ("900905", "Method not allowed for given API resource"),
	429: ("900803", "Application level throttled out"),
	500: ("900900", "Unclassified Authentication Failure"),
	502: ("101503", "Error connecting to the back end"),
	503: ("101503", "Error connecting to the back end"),
	504: ("101504", "Send timeout"),
}


def money(hundredths: int) -> ExactNumber:
	"""Return an amount as a JSON number with two decimals; no binary fraction comes near it."""
	return ExactNumber(cents(hundredths))


def dumps(value: Any) -> str:
	"""Write JSON with exact numbers."""
	if isinstance(value, ExactNumber):
		return value.text
	if isinstance(value, dict):
		return "{" + ",".join(f"{json.dumps(name)}:{dumps(found)}" for name, found in value.items()) + "}"
	if isinstance(value, (list, tuple)):
		return "[" + ",".join(map(dumps, value)) + "]"
	return json.dumps(value, ensure_ascii=False)


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
	"""Make a JSON answer; a body of None sends none."""
	if body is None:
		empty = Response(b"", status, headers)
		del empty.headers["Content-Type"]
		return empty
	return Response(dumps(body), status, headers, content_type=JSON)


@dataclass(frozen=True)
class Problem:
	"""One thing that is wrong: code (section 3.3), place in the request, value, sentence."""

	code: str
	field: str
	message: str
	value: str = ""

	def export(self) -> dict[str, str]:
		"""Return it as a record keeps it."""
		return {"code": self.code, "field": self.field, "message": self.message, "value": self.value}


class KbError(Exception):
	"""A call that is refused with KB's own error body.

	Args:
		status: HTTP status.
		problems: At least one.
		headers: Further headers.
	"""

	def __init__(self, status: int, *problems: Problem, headers: dict[str, str] | None = None) -> None:
		super().__init__(problems[0].message)
		self.status, self.problems, self.headers = status, problems, headers or {}


class GatewayFault(Exception):
	"""A call that the gateway before the API refuses, as XML.

	Args:
		status: HTTP status.
		code: The gateway's code; the usual one of the status without it.
		message: The message.
		description: The description.
		headers: Further headers.
	"""

	def __init__(
		self,
		status: int,
		code: str = "",
		message: str = "",
		description: str = "",
		headers: dict[str, str] | None = None,
	) -> None:
		usual = FAULT_CODES.get(status, ("900900", "Unclassified failure"))
		super().__init__(message or usual[1])
		self.status, self.code, self.headers = status, code or usual[0], headers or {}
		self.message, self.description = message or usual[1], description

	def answer(self) -> Response:
		"""Return the answer."""
		text = fault(self.code, self.message, self.description)
		return Response(text, self.status, self.headers, content_type="application/xml; charset=UTF-8")


def fault(code: str, message: str, description: str = "") -> str:
	"""Write a fault of the gateway (section 3.3)."""
	return (
		f'<am:fault xmlns:am="{FAULT_NAMESPACE}"><am:code>{escape(code)}</am:code>'
		f"<am:type>Status report</am:type><am:message>{escape(message)}</am:message>"
		f"<am:description>{escape(description)}</am:description></am:fault>"
	)


def error_body(problems: Any, form: str = "kb") -> dict[str, Any]:
	"""Write problems as KB does (``kb``) or as the Czech standard does (``cobs``), section 3.3."""
	if form == "cobs":
		return {
			"errors": [
				{
					"error": problem.code,
					"scope": problem.field,
					"parameters": {"MESSAGE": problem.message, "VALUE": problem.value},
				}
				for problem in problems
			]
		}
	return {"errors": [_kb(problem) for problem in problems]}


def _kb(problem: Problem) -> dict[str, Any]:
	found: dict[str, Any] = {"message": problem.message}
	if problem.code:
		found = {"code": problem.code, **found}
	if problem.field:
		found["additionalInfo"] = {"parameterName": problem.field, "rejectedValue": problem.value[:200]}
	return found
