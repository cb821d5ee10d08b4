"""Error answers in each version's shape (bridge.md 8)."""

from typing import Any

from bank_api.sandbox.bridge.views import dumps

# v2 `type` by status. Only `conflict` was read in the docs; the others are guesses.
_TYPES = {
	400: "bad_request",
	401: "unauthorized",
	403: "forbidden",
	404: "not_found",
	405: "method_not_allowed",
	409: "conflict",
	410: "gone",
	415: "unsupported_media_type",
	422: "unprocessable_entity",
	429: "too_many_requests",
	500: "internal_server_error",
	502: "bad_gateway",
	503: "service_unavailable",
	504: "gateway_timeout",
}


class BridgeError(Exception):
	"""An error answer.

	Args:
		status: HTTP status.
		code: v3 code; v2 shows its own type for the status.
		message: In words.
		parameter: v3 ``property``, the parameter at fault.
		retry_after: Seconds until a limit frees; whether a header shows it is a switch.
	"""

	def __init__(
		self,
		status: int,
		code: str,
		message: str,
		parameter: str | None = None,
		retry_after: int | None = None,
	) -> None:
		super().__init__(message)
		self.status, self.code, self.message = status, code, message
		self.parameter, self.retry_after = parameter, retry_after


def body(version: int, shape: str, status: int, code: str, message: str, parameter: str | None = None) -> str:
	"""Write an error body.

	Args:
		version: 2 or 3.
		shape: For v3 ``errors`` (what clients see) or ``flat`` (the docs' sample).
		status: HTTP status.
		code: v3 code.
		message: In words.
		parameter: v3 property.

	Returns:
		JSON text.
	"""
	if version == 2:
		return dumps({"type": _TYPES.get(status, "error"), "message": message, "documentation_url": None})
	entry: dict[str, Any] = {"code": code, "message": message}
	if parameter is not None:
		entry["property"] = parameter
	return dumps(entry if shape == "flat" else {"errors": [entry]})


def plain(version: int, shape: str, status: int) -> str:
	"""Write the body of an injected failure."""
	return body(version, shape, status, _TYPES.get(status, "error"), f"Sandbox fault: HTTP {status}")
