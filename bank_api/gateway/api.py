"""The edge of the public API: argument checks, one answer shape for errors, and verbatim JSON answers.

Frappe answers an error with a traceback unless a System Setting says otherwise, and its argument checks run
outside of the whitelisted function. `endpoint` therefore does both itself, the same way on every framework:
the body of an error is Frappe's own (`exc_type`, `exception`, `_server_messages`), without a traceback.
"""

import functools
import json
from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

import frappe
from frappe import _
from frappe.utils.typing_validations import transform_parameter_types
from werkzeug.wrappers import Response

from bank_api.connectors.errors import ProviderError
from bank_api.connectors.model import Presence
from bank_api.gateway import audit, refusals
from bank_api.gateway.cursor import LONGEST as LONGEST_CURSOR
from bank_api.gateway.errors import (
	BadArgument,
	GatewayError,
	InternalError,
	InvalidPayments,
	NotAllowed,
	PaymentsRefused,
	from_provider,
)

PUBLIC_PATHS = ("/api/method/bank_api.", "/api/v1/method/bank_api.", "/api/v2/method/bank_api.")
MAX_HEADER = 500
MAX_ARGUMENT = 4096  # characters; only a cursor over hundreds of accounts is longer


LONG = "bank_api_long_arguments"


def long_arguments(**longest: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
	"""Let some text arguments of an endpoint be longer than others; used under `@endpoint`.

	Args:
		longest: characters, by the argument's name.
	"""

	def mark(fn: Callable[..., Any]) -> Callable[..., Any]:
		setattr(fn, LONG, longest)
		return fn

	return mark


def before_request() -> None:
	"""Hook: no answer under our paths shows a traceback, not even one that Frappe gives by itself."""
	request = getattr(frappe.local, "request", None)
	if request is not None and request.path.startswith(PUBLIC_PATHS):
		frappe.local.flags.disable_traceback = True


def endpoint(fn: Callable[..., Any]) -> Callable[..., Any]:
	"""Make a function of the public API answer every failure in the documented shape.

	Used directly under `@frappe.whitelist(...)`. In a request, errors become responses; without one (a call
	from Python) they are raised. Whatever fails is rolled back first; what a use case committed before stays.

	Args:
		fn: function whose parameters all have defaults or are required, each with a real type as annotation.
	"""
	required = [name for name, param in signature(fn).parameters.items() if param.default is Parameter.empty]

	@functools.wraps(fn)
	def wrapper(*args: Any, **kwargs: Any) -> Any:
		if getattr(frappe.local, "request", None) is None:
			return _called(fn, required, args, kwargs)
		try:
			return _called(fn, required, args, kwargs)
		except GatewayError as error:
			if isinstance(error, NotAllowed):
				_note_refusal(fn.__name__, error)
			roll_back()
			return error_response(error)
		except Exception:
			# Whatever this is, its words may be internal: they go to the log, without local variables.
			roll_back()
			log_defect(fn.__name__)
			return error_response(InternalError())

	# Frappe checks types by __annotations__ before the wrapper runs, and answers a mismatch in its own shape;
	# `object` accepts everything there, and the real annotations (still found by inspect.signature) are
	# checked inside.
	wrapper.__annotations__ = dict.fromkeys(signature(fn).parameters, object)
	wrapper.__signature__ = signature(fn)
	return wrapper


def _called(fn: Callable[..., Any], required: list[str], args: tuple, kwargs: dict[str, Any]) -> Any:
	"""Check the arguments and call; a connector's error becomes the gateway's."""
	try:
		return fn(*args, **_checked(fn, required[len(args) :], kwargs))
	except ProviderError as error:
		_log_provider_error(fn.__name__, error)
		raise from_provider(error) from None


def _note_refusal(method: str, error: GatewayError) -> None:
	"""A line in the audit log: who tried what was not theirs to do. It is written when the rest is rolled back."""
	client = frappe.db.get_value("Bank API Client", {"user": frappe.session.user})
	audit.record(
		"Call Refused",
		client=client,
		outcome=audit.REFUSED,
		details={"method": method, "reason": error.message, "error": type(error).__name__},
	)


def own_presence() -> Presence | None:
	"""The browser that makes this very request, if it is one: for pages that end users visit themselves."""
	request = getattr(frappe.local, "request", None)
	address = getattr(frappe.local, "request_ip", None)
	if request is None or not address:
		return None
	return Presence(
		ip=address,
		user_agent=request.headers.get("User-Agent", "")[:MAX_HEADER],
		accept=request.headers.get("Accept", "")[:MAX_HEADER],
		accept_language=request.headers.get("Accept-Language", "")[:MAX_HEADER],
	)


def roll_back() -> None:
	"""Undo what is not committed; a database that is gone has nothing to undo."""
	try:
		frappe.db.rollback()
	except Exception:
		frappe.logger("bank_api").error("Rollback failed", exc_info=True)


def log_defect(method: str) -> None:
	"""Keep the traceback for the operator, in the Error Log or, without a database, in the log file."""
	trace = frappe.get_traceback()
	try:
		frappe.log_error(title=f"Bank API: {method}", message=trace)
		frappe.db.commit()  # the request may be a GET, which would roll the line back
	except Exception:
		frappe.logger("bank_api").error(trace)


def _checked(fn: Callable[..., Any], required: list[str], kwargs: dict[str, Any]) -> dict[str, Any]:
	"""The keyword arguments, cast to the annotated types by the framework's own checker."""
	long = getattr(fn, LONG, {})
	for name, value in kwargs.items():
		longest = long.get(name, LONGEST_CURSOR if name == "cursor" else MAX_ARGUMENT)
		if isinstance(value, str) and len(value) > longest:
			raise BadArgument(_("The argument {0} is too long.").format(name))
	for name in required:
		if kwargs.get(name) in (None, ""):
			raise BadArgument(_("The argument {0} is missing.").format(name))
	try:
		return transform_parameter_types(fn, (), dict(kwargs))[1]
	except TypeError as error:
		raise BadArgument(
			_("The argument {0} has the wrong type; see the documentation of this method.").format(
				_first_of_wrong_type(fn, kwargs)
			)
		) from error


def _first_of_wrong_type(fn: Callable[..., Any], kwargs: dict[str, Any]) -> str:
	for name, value in kwargs.items():
		try:
			transform_parameter_types(fn, (), {name: value})
		except TypeError:
			return name
	return ", ".join(kwargs)


def _log_provider_error(method: str, error: ProviderError) -> None:
	client = frappe.db.get_value("Bank API Client", {"user": frappe.session.user})
	refusals.note(error, client=client, method=method)
	frappe.logger("bank_api").warning(
		{
			"error": error.code,
			"message": error.message,
			"status": error.status,
			"provider_code": error.provider_code,
			"request_id": error.request_id,
		}
	)


def error_response(error: GatewayError) -> Response:
	"""An error as Frappe's clients expect it, and nothing more.

	`exc` holds the sentence and no traceback: Frappe's own Python client takes an answer without `exc` for a
	success.
	"""
	kind = type(error).__name__
	line = f"{kind}: {error.message}"
	shown = {"message": error.message, "title": _("Message"), "indicator": "red", "raise_exception": 1}
	body = {
		**error.facts,
		"exception": line,
		"exc_type": kind,
		"exc": json.dumps([line]),
		"_server_messages": json.dumps([json.dumps(shown)]),
	}
	if error.retry_after is not None:
		body["retry_after"] = error.retry_after
	if isinstance(error, InvalidPayments | PaymentsRefused):
		body["errors"] = error.errors
	response = Response(json.dumps(body), status=error.http_status_code, mimetype="application/json")
	if error.retry_after is not None:
		response.headers["Retry-After"] = str(error.retry_after)
	return response


def verbatim(payload: str) -> Response:
	"""A provider's resource in Frappe's envelope, its JSON text untouched.

	Args:
		payload: JSON text as received from the provider.
	"""
	return Response('{"message":' + payload + "}", mimetype="application/json")
